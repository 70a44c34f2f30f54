/* What owners ask of sessions, in any order, while speech goes through them: packet times, codecs, keys, directions, music, tones,
 * digits, conferences, far ends that are legs of this process, too. Two octets an order; the plane must stand it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "mediad/sess.h"
#include "mediad/tone.h"

#define SESSIONS 4

struct far { /* the stream that comes to a leg */
	uint16_t seq;
	uint32_t ts;
	uint8_t codec, pt, ms;
};
struct world {
	struct mediad m;
	uint64_t now, end; /* end: of what one input may last */
	struct sess *s[SESSIONS];
	struct far far[SESSIONS][3];
};

static const uint8_t codecs[8] = { CODEC_PCMA, CODEC_PCMU, CODEC_G722, CODEC_G726_32,
	CODEC_AAL2_G726_32, CODEC_G726_24, CODEC_L16, CODEC_G726_16 };

static uint64_t clock_us(void *ctx)
{
	return ((struct world *)ctx)->now;
}

static void time_goes(struct world *w, unsigned ms)
{
	for (unsigned i = 0; i < ms && w->now < w->end; i += 5) {
		w->now += 5000;
		path_step(w->m.path);
		if (w->now / 1000 % 250 == 0)
			mediad_house(&w->m);
	}
}

static void payloads(struct leg_set *set, struct far *f, unsigned arg)
{
	f->codec = codecs[arg & 7];
	f->pt = (uint8_t)(96 + (arg & 7));
	set->has_payload = true;
	set->payload[set->npayload++] = (struct leg_payload){ f->codec, f->pt };
	if (arg & 8)
		set->payload[set->npayload++] = (struct leg_payload){ CODEC_EVENT, 110 };
	if (arg & 16)
		set->payload[set->npayload++] = (struct leg_payload){ CODEC_CN, 13 };
	set->payload[set->npayload++] = (struct leg_payload){ codecs[arg >> 5], 120 };
}

static void open_one(struct world *w, unsigned i, unsigned arg)
{
	static const uint8_t lo[4] = { 127, 0, 0, 1 };
	struct leg_set set[2];

	memset(set, 0, sizeof(set));
	for (unsigned k = 0; k < 2; k++) {
		set[k].side = k ? SIDE_RADIO : SIDE_NETWORK;
		set[k].has_remote = true;
		addr_from_ip(&set[k].remote, lo, 4, (uint16_t)(9 + k));
		payloads(&set[k], &w->far[i][set[k].side], k ? arg >> 3 : arg);
		w->far[i][set[k].side].ms = 20;
	}
	if (sess_open(&w->m, i + 1, set, arg & 1 ? 2 : 1, NULL, &w->s[i]) != 0)
		abort();
}

static void speak(struct world *w, unsigned i, enum side side, unsigned arg)
{
	uint8_t mem[PATH_HEAD + RTP_HDR + CODEC_OCTETS_MAX + PATH_TAIL], *p = mem + PATH_HEAD;
	struct leg *l = w->s[i]->leg[side];
	struct far *f = &w->far[i][side];
	size_t n = codec_octets((enum codec)f->codec, f->ms * 8u);

	if (!l || l->nrx)
		return;
	if (arg & 1)
		n = arg % 200;
	f->seq = (uint16_t)(f->seq + (arg & 2 ? arg >> 2 : 1));
	rtp_put(p, arg & 4 ? 110 : arg & 8 ? 13 : f->pt, arg & 16, f->seq, f->ts, 77);
	if (arg & 4)
		n = 4;
	memset(p + RTP_HDR, (int)arg, n);
	f->ts += f->ms * 8u;
	leg_input(&w->m, l, false, p, n + RTP_HDR, &l->remote);
	path_flush(w->m.path);
}

static void change(struct world *w, unsigned i, enum side side, unsigned what, unsigned arg)
{
	struct leg_set set = { .side = side };
	struct sess *o = w->s[arg % SESSIONS];

	if (!w->s[i]->leg[side])
		return;
	switch (what) {
	case 0:
		set.has_ptime = true;
		set.ptime = 10 + 10 * (arg % 6);
		w->far[i][side].ms = (uint8_t)(10 + 10 * (arg / 6 % 6));
		break;
	case 1:
		payloads(&set, &w->far[i][side], arg);
		break;
	case 2:
		set.has_dir = true;
		set.dir = (enum leg_dir)(1 + arg % 4);
		break;
	case 3:
		set.has_music = set.has_cn = true;
		set.music = arg & 1;
		set.cn = arg & 2;
		break;
	case 4: /* a neighbour */
		if (!o->leg[SIDE_NETWORK])
			return;
		set.has_remote = true;
		set.remote = o->leg[SIDE_NETWORK]->local;
		break;
	default:
		set.has_tx = set.has_rx = true;
		set.nrx = 1;
		set.tx.suite = (uint8_t)(arg % 4);
		set.rx[0].suite = (uint8_t)(arg % 4);
		set.tx.nmki = set.rx[0].nmki = (uint8_t)(arg & 0x80);
		break;
	}
	(void)sess_update(&w->m, w->s[i], &set, 1);
}

static void order(struct world *w, unsigned op, unsigned arg)
{
	unsigned i = op >> 6;
	enum side side = op & 32 ? SIDE_RADIO : SIDE_NETWORK;
	struct sess *s = w->s[i];
	char digit = "0123456789*#ABCD"[arg & 15];

	switch (op & 15) {
	case 0:
		(void)sess_tone(
		    &w->m, s, side, arg % TONE_KIND_N, SLICE_LIT("GB"), arg & 0x80 ? 0 : 40);
		break;
	case 1:
		(void)sess_dtmf(&w->m, s, side, (struct slice){ &digit, 1 }, arg, 40);
		break;
	case 2:
		(void)sess_mix(&w->m, s, arg & 4 ? w->s[arg % SESSIONS] : NULL);
		break;
	case 3:
		sess_drop(&w->m, s, "");
		w->now += 1100000;
		open_one(w, i, arg);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
	case 8:
	case 9:
		change(w, i, side, (op & 15) - 4, arg);
		break;
	case 10:
		time_goes(w, 5 * (arg & 31));
		break;
	case 11: /* a second of talk on both sides, as it comes */
		for (unsigned k = 0; k < (arg & 15); k++) {
			speak(w, i, SIDE_NETWORK, 0);
			speak(w, i, SIDE_RADIO, 0);
			time_goes(w, 20);
		}
		break;
	default:
		speak(w, i, side, arg);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mediad_conf conf = { .address = (char *)(uintptr_t) "127.77.1.1",
		.country = (char *)(uintptr_t) "DE",
		.ports = { 20000, 31999 },
		.instances = 1,
		.max_sessions = 10,
		.port_rest_ms = 1000,
		.silence_ms = 2000,
		.timeout_ms = 60000,
		.mismatch_ms = 2000,
		.quality_mos = 300,
		.jitter_min_ms = 20,
		.jitter_max_ms = 200,
		.late_permille = 5,
		.rtcp_ms = 5000 };
	static int16_t tune[100];
	static struct world w;

	if (!w.now) {
		w.now = 1000000;
		log_set_level(LOG_ERR - 1);
		if (sbox_start() != 0 || mediad_open(&w.m, &conf, 1, NULL) != 0)
			abort();
		path_clock(w.m.path, clock_us, &w);
		w.m.music = tune;
		w.m.music_n = 100;
	}
	w.m.conf = &conf;
	w.end = w.now + 20000000;
	for (unsigned i = 0; i < SESSIONS; i++)
		open_one(&w, i, size > i ? data[i] : 1);
	/* The first two call each other. */
	change(&w, 0, SIDE_NETWORK, 4, 1);
	change(&w, 1, SIDE_NETWORK, 4, 0);
	for (size_t at = SESSIONS; at + 2 <= size && at < 400 && w.now < w.end; at += 2)
		order(&w, data[at], data[at + 1]);
	w.end = w.now + 60000;
	time_goes(&w, 60);
	for (unsigned i = 0; i < SESSIONS; i++)
		sess_drop(&w.m, w.s[i], "");
	if (w.m.ticking || w.m.nsess)
		abort();
	w.now += 10000000;
	return 0;
}
