/* ITU-T G.726, one channel. The blocks keep the names of the recommendation's figures; g726_lanes.h has the same
 * arithmetic for many channels. */
#include "mediad/g726.h"

#include <string.h>

#include "mediad/g711.h"
#include "mediad/g726_tab.h"

static inline int32_t w16(int32_t x) /* a sum in 16-bit two's complement, as every adder of G.726 */
{
	return (int16_t)x;
}

static inline int32_t shl(int32_t x, int n)
{
	return (int32_t)((uint32_t)x << n);
}

static inline int32_t nbits(int32_t x) /* 0 for 0 */
{
	return x ? 32 - __builtin_clz((uint32_t)x) : 0;
}

static inline int32_t clip(int32_t x, int32_t lo, int32_t hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

/* FMULT: a 16-bit coefficient times a word of FLOATA/FLOATB (1 sign, 4 exponent, 6 mantissa). */
static inline int32_t fmult(int32_t an, int32_t srn)
{
	int32_t mag = an > 0 ? an : -an & 0x1fff;
	int32_t e = nbits(mag) - 6;
	int32_t m = mag == 0 ? 32 : e >= 0 ? mag >> e : shl(mag, -e);
	int32_t we = e + ((srn >> 6) & 15) - 13;
	int32_t wm = (m * (srn & 0x3f) + 0x30) >> 4;
	int32_t r = we >= 0 ? shl(wm, we) & 0x7fff : wm >> -we;

	return (an ^ srn) < 0 ? -r : r;
}

/* FLOATA, FLOATB: a signed magnitude as exponent and mantissa. */
static inline int32_t to_float(int32_t mag, bool neg)
{
	int32_t e = nbits(mag);

	return (mag ? (e << 6) + ((mag << 6) >> e) : 32) - (neg ? 0x400 : 0);
}

/* FMULT x 8, ACCUM. */
static inline int32_t predict(const struct g726 *s, int32_t *sez)
{
	int32_t z = 0;

	for (int i = 0; i < 6; i++)
		z += fmult(s->b[i] >> 2, s->dq[i]);
	z = w16(z);
	*sez = z >> 1;
	return w16(z + fmult(s->a[1] >> 2, s->sr[1]) + fmult(s->a[0] >> 2, s->sr[0])) >> 1;
}

/* LIMA, MIX. */
static inline int32_t step_size(const struct g726 *s)
{
	if (s->ap >= 256)
		return s->yu;

	int32_t y = s->yl >> 6, d = s->yu - y, al = s->ap >> 2;

	if (d > 0)
		return y + ((d * al) >> 6);
	return d < 0 ? y + ((d * al + 0x3f) >> 6) : y;
}

/* LOG, SUBTB, QUAN. */
static inline int32_t quantise(const struct g726_rate *t, int32_t d, int32_t y)
{
	int32_t m = d < 0 ? -d : d;
	int32_t e = nbits(m >> 1);
	int32_t dln = (e << 7) + (((m << 7) >> e) & 0x7f) - (y >> 2);
	int32_t i = 0, mask = (1 << t->bits) - 1;

	while (i < t->nlevel && dln >= t->level[i])
		i++;
	if (d < 0)
		return mask - i;
	return i == 0 && t->odd ? mask : i;
}

/* RECONST, ADDA, ANTILOG: sign and magnitude, bit 15 the sign, as a negative number where it is set. */
static inline int32_t reconstruct(int32_t dqln, bool neg, int32_t y)
{
	int32_t q = dqln + (y >> 2);
	int32_t dq = 0;

	if (q >= 0) {
		int32_t ex = (q >> 7) & 15;
		dq = ((128 + (q & 127)) << 7);
		dq = ex > 14 ? dq << (ex - 14) : dq >> (14 - ex);
	}
	return neg ? dq - 0x8000 : dq;
}

/* Everything from FUNCTW to TRIGB: the state moves on by one sample. */
static inline void update(struct g726 *s, const struct g726_rate *t, int32_t y, int32_t i,
    int32_t dq, int32_t sr, int32_t dqsez)
{
	int32_t mag = dq & 0x7fff, pk0 = dqsez < 0;
	/* TRANS */
	int32_t ylint = s->yl >> 15, ylfrac = (s->yl >> 10) & 31;
	int32_t thr = ylint > 9 ? 31 << 10 : (32 + ylfrac) << ylint;
	bool tr = s->td && mag > ((thr + (thr >> 1)) >> 1);

	/* FILTD, LIMB, FILTE */
	s->yu = clip(y + ((t->w[i] - y) >> 5), 544, 5120);
	s->yl += s->yu + ((-s->yl) >> 6);

	int32_t a1 = 0, a2 = 0;
	if (tr) {
		memset(s->b, 0, sizeof(s->b));
	} else {
		/* UPA2, LIMC, UPA1, LIMD */
		bool p1 = pk0 ^ s->pk[0], p2 = pk0 ^ s->pk[1];
		a2 = s->a[1] - (s->a[1] >> 7);
		if (dqsez) {
			int32_t fa = p1 ? s->a[0] : -s->a[0];
			a2 += fa < -8191 ? -256 : fa > 8191 ? 255 : fa >> 5;
			a2 = clip(a2 + (p2 ? -128 : 128), -12288, 12288);
		}
		a1 = s->a[0] - (s->a[0] >> 8);
		if (dqsez)
			a1 += p1 ? -192 : 192;
		a1 = clip(a1, a2 - 15360, 15360 - a2);
		/* UPB */
		for (int k = 0; k < 6; k++) {
			int32_t b = s->b[k] - (s->b[k] >> t->leak);
			if (mag)
				b += (dq ^ s->dq[k]) < 0 ? -128 : 128;
			s->b[k] = w16(b);
		}
	}
	s->a[0] = a1;
	s->a[1] = a2;

	memmove(s->dq + 1, s->dq, 5 * sizeof(s->dq[0]));
	s->dq[0] = to_float(mag, dq < 0);
	s->sr[1] = s->sr[0];
	s->sr[0] = sr == -32768 ? 32 - 0x400 : to_float(sr < 0 ? -sr : sr, sr < 0);
	s->pk[1] = s->pk[0];
	s->pk[0] = pk0;
	/* TONE */
	s->td = !tr && a2 < -11776;
	/* FILTA, FILTB, SUBTC, FILTC */
	s->dms += (t->f[i] - s->dms) >> 5;
	s->dml += ((t->f[i] << 2) - s->dml) >> 7;
	int32_t diff = (s->dms << 2) - s->dml;
	bool fast = y < 1536 || s->td || (diff < 0 ? -diff : diff) >= s->dml >> 3;
	s->ap = tr ? 256 : s->ap + (((fast ? 0x200 : 0) - s->ap) >> 4);
}

/* ADDB, ADDC and the update. */
static inline int32_t advance(
    struct g726 *s, const struct g726_rate *t, int32_t code, int32_t y, int32_t se, int32_t sez)
{
	bool neg = code >> (t->bits - 1);
	int32_t i = neg ? (1 << t->bits) - 1 - code : code;
	int32_t dq = reconstruct(t->dqln[i], neg, y);
	int32_t sr = w16(se + (dq < 0 ? -(dq & 0x7fff) : dq));

	update(s, t, y, i, dq, sr, w16(sr - se + sez));
	return sr;
}

void g726_reset(struct g726 *s, unsigned bits)
{
	*s = (struct g726){ .yl = 34816,
		.yu = 544,
		.bits = (uint8_t)(bits < 2   ? 2
		                  : bits > 5 ? 5
		                             : bits) };
	for (int i = 0; i < 6; i++)
		s->dq[i] = 32;
	s->sr[0] = s->sr[1] = 32;
}

uint8_t g726_enc(struct g726 *s, int16_t pcm)
{
	const struct g726_rate *t = &g726_rates[s->bits];
	int32_t sez, se = predict(s, &sez), y = step_size(s);
	int32_t code = quantise(t, w16((pcm >> 2) - se), y);

	(void)advance(s, t, code, y, se, sez);
	return (uint8_t)code;
}

/* COMPRESS of mu-law differs from G.711's own sequences: negative values by their two's complement. */
static uint8_t compress_ulaw(int32_t sr)
{
	int32_t m = (sr < 0 ? -sr : sr) + 33;

	m = m > 8191 ? 8191 : m;
	int seg = nbits(m) - 6;
	return (uint8_t)(((seg << 4) | ((m >> (seg + 1)) & 15)) ^ (sr < 0 ? 0x7f : 0xff));
}

/* COMPRESS, EXPAND, SUBTA, LOG, SUBTB, SYNC (4.2.8): if the PCM word, coded again, gave another code than the one
 * received, the neighbouring word is taken. */
static int32_t adjust(
    const struct g726_rate *t, enum g726_law law, int32_t sr, int32_t code, int32_t y, int32_t se)
{
	bool a = law == G726_ALAW;
	if (sr == -32768) /* its 15-bit magnitude is 0 */
		sr = a ? -1 : 0;
	uint8_t sp = a ? g711_l2a(shl(sr >> 1, 3)) : compress_ulaw(sr);
	int32_t lin = a ? g711_a2l[sp] : g711_u2l[sp];
	int32_t half = 1 << (t->bits - 1);
	int32_t id = quantise(t, w16((lin >> 2) - se), y) ^ half, im = code ^ half;

	if (id == im)
		return lin;
	/* The order of a law's words by value: magnitude bits up for positive, down for negative. */
	int32_t v = sp ^ (a ? 0x55 : 0x7f);
	int32_t rank = v & 0x80 ? v & 0x7f : -1 - (v & 0x7f);
	/* mu-law has two words of value 0: the step goes over both of them at once. */
	rank += id > im ? -1 : 1;
	if (!a && rank == (id > im ? -1 : 0))
		rank += id > im ? -1 : 1;
	rank = clip(rank, -128, 127);
	v = rank >= 0 ? 0x80 | rank : -1 - rank;
	return a ? g711_a2l[v ^ 0x55] : g711_u2l[v ^ 0x7f];
}

int16_t g726_dec(struct g726 *s, uint8_t code, enum g726_law law)
{
	const struct g726_rate *t = &g726_rates[s->bits];
	int32_t sez, se = predict(s, &sez), y = step_size(s);
	int32_t c = code & ((1 << t->bits) - 1);
	int32_t sr = advance(s, t, c, y, se, sez);

	if (law == G726_LINEAR)
		return (int16_t)(clip(sr, -8192, 8191) * 4); /* LIMO of annex A */
	return (int16_t)adjust(t, law, sr, c, y, se);
}
