/* Half-band resampling. */
#include "mediad/half.h"

#include <string.h>

#include "mediad/mix.h"

/* Every other tap of a Kaiser window design (beta 5.5), Q15, symmetric: the outer half. Of the taps between them all
 * but the middle one are 0. */
#define SIDE 12
static const int32_t tap[SIDE] = { -18, 44, -84, 147, -237, 367, -548, 808, -1202, 1872, -3345,
	10388 };

/* The 24 samples from x on, step apart. Q15, the sum of the taps is 1/2; full scale of any sign fits. */
static int32_t filter(const int16_t *x, size_t step)
{
	int32_t sum = 0;

	for (size_t i = 0; i < SIDE; i++)
		sum += tap[i] * (x[i * step] + x[(2 * SIDE - 1 - i) * step]);
	return sum;
}

void half_up(struct half *h, const int16_t *in, size_t n, int16_t *out)
{
	enum { PAST = 2 * SIDE - 1 };
	int16_t x[PAST + HALF_MAX / 2];

	memcpy(x, h->past, PAST * sizeof(x[0]));
	memcpy(x + PAST, in, n * sizeof(x[0]));
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = mix_sat((filter(x + i, 1) + (1 << 13)) >> 14);
		out[2 * i + 1] = x[i + SIDE];
	}
	memcpy(h->past, x + n, PAST * sizeof(x[0]));
}

void half_down(struct half *h, const int16_t *in, size_t n, int16_t *out)
{
	int16_t x[HALF_PAST + HALF_MAX];

	memcpy(x, h->past, sizeof(h->past));
	memcpy(x + HALF_PAST, in, n * sizeof(x[0]));
	for (size_t i = 0; i < n; i += 2) {
		int32_t mid = x[i + HALF_PAST / 2] * (1 << 14);
		out[i / 2] = mix_sat((filter(x + i, 2) + mid + (1 << 14)) >> 15);
	}
	memcpy(h->past, x + n, sizeof(h->past));
}
