/* Mixing with a limiter. */
#include "mediad/mix.h"

#define LIMIT   30000 /* the sum is kept below this */
#define UNITY   (1 << 15)
#define RELEASE 1600 /* samples: 200 ms at 8,000/s */
#define LOOK    8u   /* samples that share one gain: 1 ms */

void mix_add(int16_t *io, const int16_t *in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		io[i] = mix_sat(io[i] + in[i]);
}

void mix_init(struct mix *m)
{
	m->gain = UNITY;
}

void mix_pair(struct mix *m, const int16_t *a, const int16_t *b, int16_t *out, size_t n)
{
	for (size_t at = 0; at < n; at += LOOK) {
		size_t len = n - at < LOOK ? n - at : LOOK;
		int32_t sum[LOOK], peak = 0, from = m->gain;
		for (size_t i = 0; i < len; i++) {
			sum[i] = a[at + i] + b[at + i];
			int32_t mag = sum[i] < 0 ? -sum[i] : sum[i];
			peak = mag > peak ? mag : peak;
		}
		int32_t most = peak > LIMIT ? (int32_t)((int64_t)LIMIT * UNITY / peak) : UNITY;
		/* Down at once, up in small steps. */
		int32_t to = from + UNITY * (int32_t)LOOK / RELEASE;
		to = to > UNITY ? UNITY : to;
		if (most < to) {
			to = most;
			from = most < from ? most : from;
		}
		for (size_t i = 0; i < len; i++) {
			int32_t gain = from + (to - from) * (int32_t)(i + 1) / (int32_t)len;
			out[at + i] = gain == UNITY
			                  ? mix_sat(sum[i])
			                  : mix_sat((int32_t)((int64_t)sum[i] * gain / UNITY));
		}
		m->gain = to;
	}
}
