#ifndef MEDIAD_G722_H
#define MEDIAD_G722_H
#include <stddef.h>
#include <stdint.h>

/* ITU-T G.722 at 64 kbit/s (mode 1). Samples are 16 bit, of which the upper 14 or 15 count, at 16,000/s; or at
 * 8,000/s, when the lower sub-band alone is coded. One octet is two samples at 16,000/s: IH in the two upper bits, IL
 * in the six lower ones. */
struct g722_band { /* adaptive predictor and quantiser of one sub-band, G.722 table 12 */
	int16_t s, sp, sz;
	int16_t r[3], p[3], a[3]; /* index 0 is not used: numbers as in the recommendation */
	int16_t d[7], b[7];
	int16_t nb, det;
};
struct g722_enc {
	struct g722_band band[2]; /* lower, higher */
	int16_t x[24];            /* QMF history */
	uint32_t rate;
};
struct g722_dec {
	struct g722_band band[2];
	int16_t x[24];
	uint32_t rate;
};

void g722_enc_init(struct g722_enc *s, uint32_t rate);
void g722_dec_init(struct g722_dec *s, uint32_t rate);
/* n octets to be made from n (8,000/s) or 2n samples. */
void g722_enc_run(struct g722_enc *s, const int16_t *pcm, size_t n, uint8_t *out);
void g722_dec_run(struct g722_dec *s, const uint8_t *in, size_t n, int16_t *pcm);

/* The sub-band coders without the filters, as the test sequences of G.722 appendix II drive them: xl is 15 bit,
 * xh 15 bit in; out as well. */
uint8_t g722_enc_bands(struct g722_enc *s, int16_t xl, int16_t xh);
/* mode 1-3: 64, 56, 48 kbit/s. */
void g722_dec_bands(struct g722_dec *s, uint8_t octet, int mode, int16_t *rl, int16_t *rh);
void g722_join(struct g722_dec *s, int16_t rl, int16_t rh, int16_t out[2]);
#endif
