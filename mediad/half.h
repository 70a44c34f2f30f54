#ifndef MEDIAD_HALF_H
#define MEDIAD_HALF_H
#include <stddef.h>
#include <stdint.h>

/* From 8,000 to 16,000 samples/s and back by a half-band filter of 47 taps: flat within 0.1 dB up to 3.4 kHz, images and
 * aliases of what is there 57 dB down. The output lags by 1.4 ms. One state serves one direction of one stream. */
#define HALF_PAST 46  /* samples that are remembered */
#define HALF_MAX  960 /* samples at 16,000/s in one call */

struct half { /* all 0: silence before */
	int16_t past[HALF_PAST];
};
/* n samples in, at most HALF_MAX / 2; 2n out, elsewhere. */
void half_up(struct half *h, const int16_t *in, size_t n, int16_t *out);
/* n samples in, an even number, at most HALF_MAX; n / 2 out; out may be in. */
void half_down(struct half *h, const int16_t *in, size_t n, int16_t *out);
#endif
