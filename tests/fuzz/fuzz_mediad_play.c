/* The receiving chain driven by octets: packets with any numbers and payloads, steps of any length between them. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/rd.h"
#include "mediad/play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct play p;
	struct rd r = rd_of(data, size);
	uint64_t now = 1000000;
	uint16_t seq = 100;
	uint32_t ts = 1000;

	if (play_init(&p, rd_u8(&r) & 1 ? 16000 : 8000, NULL))
		return 0;
	while (rd_left(&r) > 4) {
		uint8_t op = rd_u8(&r);
		if (op & 1) {
			enum codec c = (enum codec)(rd_u8(&r) % (CODEC_N + 1));
			size_t n = rd_u8(&r);
			uint8_t step = rd_u8(&r);
			n = op & 2 ? n * 4 : n;
			n = n > rd_left(&r) ? rd_left(&r) : n;
			seq = (uint16_t)(op & 4 ? seq + 1 : rd_be16(&r));
			ts = op & 8 ? ts + 160 : op & 16 ? ts + step * 8u : rd_be32(&r);
			n = n > rd_left(&r) ? rd_left(&r) : n;
			const uint8_t *payload = rd_bytes(&r, n);
			(void)play_put(&p, c, seq, ts, op & 32, payload, n, now);
			now += op & 64 ? step * 100u : 0;
		} else {
			struct codec_job job;
			int16_t pcm[CODEC_PCM_MAX];
			size_t n = p.rate / 100 * (1 + (op >> 1) % 6);
			unsigned rounds = 0;
			now += n * 1000000 / p.rate;
			while (play_step(&p, n, now, &job)) {
				codec_run(&job, 1);
				if (++rounds > 200)
					abort();
			}
			(void)play_take(&p, pcm, n);
			if (p.jb.npkts > JBUF_NPKTS || p.jb.nfree > JBUF_NCHUNKS ||
			    p.fifo_n > PLAY_FIFO)
				abort();
		}
	}
	return 0;
}
