/* A session under whatever arrives: datagrams of the fuzzer (first octet: side, port and whose address; second: length)
 * at both legs, with jitter buffers, transcoding and a conference behind, while time goes on. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "mediad/sess.h"

static uint64_t clock_us(void *ctx)
{
	return *(uint64_t *)ctx;
}

static struct leg_set leg(enum side side, unsigned port, unsigned codec)
{
	static const uint8_t lo[4] = { 127, 0, 0, 1 };
	struct leg_set s = { .side = side, .has_remote = true, .has_payload = true, .npayload = 4 };

	addr_from_ip(&s.remote, lo, 4, (uint16_t)port);
	s.payload[0] = (struct leg_payload){ (uint8_t)codec, 96 };
	s.payload[1] = (struct leg_payload){ CODEC_EVENT, 101 };
	s.payload[2] = (struct leg_payload){ CODEC_CN, 13 };
	s.payload[3] = (struct leg_payload){ CODEC_PCMA, 8 };
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mediad_conf conf = { .address = (char *)(uintptr_t) "127.0.0.1",
		.country = (char *)(uintptr_t) "DE",
		.ports = { 20000, 31999 },
		.instances = 1,
		.max_sessions = 10,
		.silence_ms = 2000,
		.timeout_ms = 60000,
		.mismatch_ms = 2000,
		.quality_mos = 300,
		.jitter_min_ms = 20,
		.jitter_max_ms = 200,
		.late_permille = 5,
		.rtcp_ms = 5000 };
	static struct mediad m;
	static uint64_t now = 1000000;
	static int started;
	struct leg_set set[2] = { leg(SIDE_NETWORK, 9, CODEC_G726_32),
		leg(SIDE_RADIO, 10, CODEC_G722) };
	struct sess *s[2];

	set[0].has_ice = size && data[0] & 0x40;
	set[0].ice = data && size && data[0] & 0x20 ? ICE_MS_ICE2 : ICE_RFC8445;
	if (!started) {
		log_set_level(LOG_ERR - 1);
		if (mediad_open(&m, &conf, 1, NULL) != 0)
			abort();
		path_clock(m.path, clock_us, &now);
		started = 1;
	}
	for (unsigned i = 0; i < 2; i++)
		if (sess_open(&m, i + 1, set, 2, NULL, &s[i]) != 0)
			abort();
	if (size && data[0] & 0x80 && sess_mix(&m, s[0], s[1]) != 0)
		abort();
	while (size >= 2) {
		uint8_t mem[PATH_HEAD + 256 + PATH_TAIL], *p = mem + PATH_HEAD;
		struct leg *l = s[data[0] >> 1 & 1]->leg[data[0] & 1 ? SIDE_RADIO : SIDE_NETWORK];
		struct addr from = l->remote;
		size_t n = data[1];
		bool rtcp = data[0] & 4;

		addr_set_port(&from, (uint16_t)(addr_port(&from) + (data[0] >> 3 & 3)));
		data += 2;
		size -= 2;
		if (n > size)
			n = size;
		memcpy(p, data, n);
		leg_input(&m, l, rtcp, p, n, &from);
		path_flush(m.path);
		data += n;
		size -= n;
		now += 5000;
		path_step(m.path);
	}
	for (unsigned i = 0; i < 16; i++) {
		now += 5000;
		path_step(m.path);
	}
	mediad_house(&m);
	sess_drop(&m, s[0], "");
	sess_drop(&m, s[1], "");
	now += 10000000;
	return 0;
}
