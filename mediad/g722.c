/* ITU-T G.722: two sub-bands, each with an adaptive quantiser and predictor (block names of the recommendation),
 * split and joined by a 24-tap quadrature mirror filter. All sums saturate to 16 bit, as 4.1 of it wants. */
#include "mediad/g722.h"

#include <stdbool.h>
#include <string.h>

static const int16_t q6[30] = { 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650,
	714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
	32767 };
static const int16_t qm6[64] = { -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984,
	-13512, -12280, -11192, -10232, -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944,
	-4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904,
	19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
	4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432,
	-136 };
static const int16_t qm5[32] = { -280, -280, -23352, -17560, -14120, -11664, -9752, -8184, -6864,
	-5712, -4696, -3784, -2960, -2208, -1520, -880, 23352, 17560, 14120, 11664, 9752, 8184,
	6864, 5712, 4696, 3784, 2960, 2208, 1520, 880, 280, -280 };
static const int16_t qm4[16] = { 0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896,
	8968, 6288, 4240, 2584, 1200, 0 };
static const int16_t qm2[4] = { -7408, -1616, 7408, 1616 };
static const int16_t wl[8] = { -60, -30, 58, 172, 334, 538, 1198, 3042 };
static const int8_t rl42[16] = { 0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0 };
static const int16_t wh[3] = { 0, -214, 798 };
static const int8_t rh2[4] = { 2, 1, 2, 1 };
static const int16_t ilb[32] = { 2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543,
	2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520,
	3597, 3676, 3756, 3838, 3922, 4008 };
static const int16_t qmf[12] = { 3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11 };

static inline int16_t sat(int32_t x)
{
	return (int16_t)(x > 32767 ? 32767 : x < -32768 ? -32768 : x);
}

static inline int16_t lim15(int32_t x)
{
	return (int16_t)(x > 16383 ? 16383 : x < -16384 ? -16384 : x);
}

static inline int16_t mul(int32_t a, int32_t b) /* Q15 */
{
	return sat((a * b) >> 15);
}

/* Block 4: predictor. d: the quantised difference that adapts it. */
static inline void adapt(struct g722_band *b, int16_t d)
{
	int16_t d0 = d, p0 = sat(d + b->sz), r0 = sat(b->s + d);

	/* UPPOL2 */
	int32_t wd1 = sat(b->a[1] * 4);
	int32_t wd2 = (p0 ^ b->p[1]) < 0 ? wd1 : sat(-wd1);
	wd2 >>= 7;
	int32_t wd3 = sat(((p0 ^ b->p[2]) < 0 ? -128 : 128) + wd2 + mul(b->a[2], 32512));
	int16_t ap2 = (int16_t)(wd3 > 12288 ? 12288 : wd3 < -12288 ? -12288 : wd3);
	/* UPPOL1 */
	int16_t ap1 = sat(((p0 ^ b->p[1]) < 0 ? -192 : 192) + mul(b->a[1], 32640));
	int16_t lim = sat(15360 - ap2);
	ap1 = ap1 > lim ? lim : ap1 < -lim ? (int16_t)-lim : ap1;
	/* UPZERO, DELAYA, FILTEZ */
	int32_t up = d0 == 0 ? 0 : 128;
	int32_t sz = 0;
	for (int i = 6; i >= 1; i--) {
		int16_t prev = b->d[i];
		b->b[i] = sat(((d0 ^ prev) < 0 ? -up : up) + mul(b->b[i], 32640));
		int16_t now = i > 1 ? b->d[i - 1] : d0;
		b->d[i] = now;
		sz = sat(sz + mul(sat(now * 2), b->b[i]));
	}
	b->sz = (int16_t)sz;
	/* FILTEP, PREDIC */
	b->p[2] = b->p[1];
	b->p[1] = p0;
	b->a[1] = ap1;
	b->a[2] = ap2;
	b->r[2] = b->r[1];
	b->r[1] = r0;
	b->sp = sat(mul(ap1, sat(r0 * 2)) + mul(ap2, sat(b->r[2] * 2)));
	b->s = sat(b->sp + b->sz);
}

/* SCALEL, SCALEH: log to linear. */
static inline int16_t scale(int16_t nb, int shift)
{
	int32_t wd1 = (nb >> 6) & 31, wd2 = shift - (nb >> 11);

	return (int16_t)((wd2 < 0 ? ilb[wd1] << -wd2 : ilb[wd1] >> wd2) << 2);
}

static inline void low_update(struct g722_band *b, int il)
{
	int16_t d = mul(b->det, qm4[il >> 2]);
	int32_t nb = mul(b->nb, 32512) + wl[rl42[il >> 2]];

	b->nb = (int16_t)(nb < 0 ? 0 : nb > 18432 ? 18432 : nb);
	b->det = scale(b->nb, 8);
	adapt(b, d);
}

static inline void high_update(struct g722_band *b, int ih)
{
	int16_t d = mul(b->det, qm2[ih]);
	int32_t nb = mul(b->nb, 32512) + wh[rh2[ih]];

	b->nb = (int16_t)(nb < 0 ? 0 : nb > 22528 ? 22528 : nb);
	b->det = scale(b->nb, 10);
	adapt(b, d);
}

static inline int quant_low(int16_t e, int16_t det)
{
	int32_t m = e < 0 ? ~e : e;
	int i = 0;

	/* Levels grow: a binary step first, then one by one. */
	if (m >= (q6[14] * 8 * det) >> 15)
		i = 15;
	while (i < 29 && m >= (q6[i] * 8 * det) >> 15)
		i++;
	/* i: 0-29, 0 the smallest magnitude; codes of table 5 */
	if (e < 0)
		return i < 2 ? 63 - i : 33 - i;
	return 61 - i;
}

uint8_t g722_enc_bands(struct g722_enc *s, int16_t xl, int16_t xh)
{
	struct g722_band *l = &s->band[0], *h = &s->band[1];
	int il = quant_low(sat(xl - l->s), l->det);
	int16_t eh = sat(xh - h->s);
	int32_t m = eh < 0 ? ~eh : eh;
	bool big = m >= (564 * 8 * h->det) >> 15;
	int ih = eh < 0 ? (big ? 0 : 1) : (big ? 2 : 3);

	low_update(l, il);
	high_update(h, ih);
	return (uint8_t)(ih << 6 | il);
}

void g722_dec_bands(struct g722_dec *s, uint8_t octet, int mode, int16_t *rl, int16_t *rh)
{
	struct g722_band *l = &s->band[0], *h = &s->band[1];
	int il = octet & 63, ih = octet >> 6;
	int16_t q = mode == 3 ? qm4[il >> 2] : mode == 2 ? qm5[il >> 1] : qm6[il];

	*rl = lim15(sat(l->s + mul(l->det, q)));
	*rh = lim15(sat(h->s + mul(h->det, qm2[ih])));
	low_update(l, il);
	high_update(h, ih);
}

void g722_enc_init(struct g722_enc *s, uint32_t rate)
{
	*s = (struct g722_enc){ .rate = rate };
	s->band[0].det = 32;
	s->band[1].det = 8;
}

void g722_dec_init(struct g722_dec *s, uint32_t rate)
{
	*s = (struct g722_dec){ .rate = rate };
	s->band[0].det = 32;
	s->band[1].det = 8;
}

/* The receiving filter: two samples. */
void g722_join(struct g722_dec *s, int16_t rl, int16_t rh, int16_t out[2])
{
	int32_t a = 0, b = 0;

	memmove(s->x, s->x + 2, 22 * sizeof(s->x[0]));
	s->x[22] = sat(rl + rh);
	s->x[23] = sat(rl - rh);
	for (int k = 0; k < 12; k++) {
		a += s->x[2 * k] * qmf[k];
		b += s->x[2 * k + 1] * qmf[11 - k];
	}
	out[0] = sat(b >> 11);
	out[1] = sat(a >> 11);
}

void g722_enc_run(struct g722_enc *s, const int16_t *pcm, size_t n, uint8_t *out)
{
	if (s->rate != 16000) {
		for (size_t i = 0; i < n; i++)
			out[i] = g722_enc_bands(s, pcm[i] >> 1, 0);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		int32_t a = 0, b = 0;
		memmove(s->x, s->x + 2, 22 * sizeof(s->x[0]));
		s->x[22] = pcm[2 * i];
		s->x[23] = pcm[2 * i + 1];
		for (int k = 0; k < 12; k++) {
			b += s->x[2 * k] * qmf[k];
			a += s->x[2 * k + 1] * qmf[11 - k];
		}
		out[i] = g722_enc_bands(s, lim15((a + b) >> 14), lim15((a - b) >> 14));
	}
}

void g722_dec_run(struct g722_dec *s, const uint8_t *in, size_t n, int16_t *pcm)
{
	int16_t rl, rh;

	for (size_t i = 0; i < n; i++) {
		g722_dec_bands(s, in[i], 1, &rl, &rh);
		if (s->rate != 16000) {
			pcm[i] = (int16_t)(rl * 2);
			continue;
		}
		g722_join(s, rl, rh, pcm + 2 * i);
	}
}
