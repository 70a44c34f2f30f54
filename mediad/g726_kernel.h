/* The arithmetic of g726.c over vectors of LANES channels, with masks instead of branches. Included once by each file
 * that is compiled for an instruction set, with LANES and KERNEL(name) defined; not a header for others.
 *
 * Vector comparisons give -1 and 0, which is what SEL() selects with. */
#include <string.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "mediad/g726_lanes.h"
#include "mediad/g726_tab.h"

typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef float vf __attribute__((vector_size(4 * LANES)));

struct lanes {
	vi yl, yu, dms, dml, ap, a[2], b[6], pk[2], dq[6], sr[2], td;
};
_Static_assert(
    sizeof(struct lanes) == G726_WORDS * sizeof(vi), "struct lanes has the words of struct g726");

#define INLINE static inline __attribute__((always_inline))

INLINE vi K(int32_t x)
{
	return x - (vi){ 0 };
}

INLINE vi SEL(vi m, vi a, vi b)
{
	return (m & a) | (~m & b);
}

INLINE vi vabs(vi x)
{
	vi s = x >> 31;
	return (x ^ s) - s;
}

INLINE vi vmin(vi a, vi b)
{
	return SEL(a < b, a, b);
}

INLINE vi vmax(vi a, vi b)
{
	return SEL(a > b, a, b);
}

INLINE vi w16(vi x)
{
	return (x << 16) >> 16;
}

/* Number of significant bits, 0 for 0; x below 2^24. */
INLINE vi nbits(vi x)
{
#if defined(__AVX512CD__) && LANES == 16
	return 32 - (vi)_mm512_lzcnt_epi32((__m512i)x);
#else
	vf f = __builtin_convertvector(x, vf);
	vi i;
	memcpy(&i, &f, sizeof(i));
	return ((i >> 23) - 126) & ~(x == 0);
#endif
}

/* t[i], 0 <= i < 16 */
INLINE vi row(const int32_t *t, vi i)
{
#if defined(__AVX512F__) && LANES == 16
	return (vi)_mm512_permutexvar_epi32((__m512i)i, _mm512_loadu_si512(t));
#elif defined(__AVX2__) && LANES == 8
	vi lo = (vi)_mm256_permutevar8x32_epi32(_mm256_loadu_si256((const __m256i *)t), (__m256i)i);
	vi hi = (vi)_mm256_permutevar8x32_epi32(
	    _mm256_loadu_si256((const __m256i *)(t + 8)), (__m256i)i);
	return SEL(i > 7, hi, lo);
#else
	vi r;
	for (int k = 0; k < LANES; k++)
		r[k] = t[i[k]];
	return r;
#endif
}

INLINE vi fmult(vi an, vi srn)
{
	vi mag = SEL(an <= 0, -an & 0x1fff, an);
	vi e = nbits(mag) - 6;
	vi m = (mag >> vmax(e, K(0))) << vmax(-e, K(0));
	m = SEL(mag == 0, K(32), m);
	vi we = e + ((srn >> 6) & 15) - 13;
	vi wm = (m * (srn & 0x3f) + 0x30) >> 4;
	vi r = SEL(we >= 0, (wm << vmax(we, K(0))) & 0x7fff, wm >> vmin(vmax(-we, K(0)), K(31)));
	vi sign = (an ^ srn) >> 31;
	return (r ^ sign) - sign;
}

INLINE vi to_float(vi mag, vi neg)
{
	vi e = nbits(mag);
	return SEL(mag == 0, K(32), (e << 6) + ((mag << 6) >> e)) - (neg & 0x400);
}

INLINE vi predict(const struct lanes *s, vi *sez)
{
	vi z = fmult(s->b[0] >> 2, s->dq[0]);
	for (int i = 1; i < 6; i++)
		z += fmult(s->b[i] >> 2, s->dq[i]);
	z = w16(z);
	*sez = z >> 1;
	return w16(z + fmult(s->a[1] >> 2, s->sr[1]) + fmult(s->a[0] >> 2, s->sr[0])) >> 1;
}

INLINE vi step_size(const struct lanes *s)
{
	vi y = s->yl >> 6, d = s->yu - y, p = d * (s->ap >> 2);
	vi r = y + SEL(d > 0, p >> 6, (p + 0x3f) >> 6);
	r = SEL(d == 0, y, r);
	return SEL(s->ap >= 256, s->yu, r);
}

INLINE vi quantise(const struct g726_rate *t, unsigned bits, vi d, vi y)
{
	int32_t mask = (1 << bits) - 1;
	int nlevel = (1 << (bits - 1)) - 1;
	vi m = vabs(d), e = nbits(m >> 1);
	vi dln = (e << 7) + (((m << 7) >> e) & 0x7f) - (y >> 2);
	vi i = K(0);
	for (int k = 0; k < nlevel; k++)
		i -= dln >= t->level[k];
	vi pos = bits == 2 ? i : SEL(i == 0, K(mask), i);
	return SEL(d < 0, mask - i, pos);
}

INLINE vi reconstruct(vi dqln, vi neg, vi y)
{
	vi q = dqln + (y >> 2), ex = (q >> 7) & 15;
	vi d = ((128 + (q & 127)) << 7) >> (14 - vmin(ex, K(14)));
	d = SEL(ex == 15, d << 1, d);
	d &= ~(q < 0);
	return SEL(neg, d - 0x8000, d);
}

INLINE void update(
    struct lanes *s, const struct g726_rate *t, unsigned bits, vi y, vi i, vi dq, vi sr, vi dqsez)
{
	vi mag = dq & 0x7fff, pk0 = (dqsez < 0) & 1;
	vi yi = s->yl >> 15, yf = (s->yl >> 10) & 31;
	vi thr = SEL(yi > 9, K(31 << 10), (32 + yf) << vmin(yi, K(9)));
	vi tr = (s->td != 0) & (mag > ((thr + (thr >> 1)) >> 1));

	s->yu = vmin(vmax(y + ((row(t->w, i) - y) >> 5), K(544)), K(5120));
	s->yl += s->yu + ((-s->yl) >> 6);

	vi nz = dqsez != 0, p1 = (pk0 ^ s->pk[0]) != 0, p2 = (pk0 ^ s->pk[1]) != 0;
	vi a2 = s->a[1] - (s->a[1] >> 7);
	vi fa = SEL(p1, s->a[0], -s->a[0]);
	vi u = a2 + SEL(fa < -8191, K(-256), SEL(fa > 8191, K(255), fa >> 5));
	u += SEL(p2, K(-128), K(128));
	a2 = SEL(nz, vmin(vmax(u, K(-12288)), K(12288)), a2);
	vi a1 = s->a[0] - (s->a[0] >> 8);
	a1 += nz & SEL(p1, K(-192), K(192));
	vi lim = 15360 - a2;
	a1 = vmin(vmax(a1, -lim), lim);
	vi mz = mag != 0;
	int leak = bits == 5 ? 9 : 8;
	for (int k = 0; k < 6; k++) {
		vi b = s->b[k] - (s->b[k] >> leak);
		vi sign = (dq ^ s->dq[k]) >> 31;
		b += mz & ((128 ^ sign) - sign);
		s->b[k] = w16(b) & ~tr;
	}
	a2 &= ~tr;
	s->a[0] = a1 & ~tr;
	s->a[1] = a2;

	for (int k = 5; k > 0; k--)
		s->dq[k] = s->dq[k - 1];
	s->dq[0] = to_float(mag, dq >> 31);
	s->sr[1] = s->sr[0];
	vi f = to_float(vabs(sr), sr >> 31);
	s->sr[0] = SEL(sr == -32768, K(32 - 0x400), f);
	s->pk[1] = s->pk[0];
	s->pk[0] = pk0;
	vi td = ~tr & (a2 < -11776);
	s->td = td & 1;
	vi fi = row(t->f, i);
	s->dms += (fi - s->dms) >> 5;
	s->dml += ((fi << 2) - s->dml) >> 7;
	vi fast = (y < 1536) | td | (vabs((s->dms << 2) - s->dml) >= (s->dml >> 3));
	vi ap = s->ap + (((fast & 0x200) - s->ap) >> 4);
	s->ap = SEL(tr, K(256), ap);
}

INLINE vi advance(
    struct lanes *s, const struct g726_rate *t, unsigned bits, vi code, vi y, vi se, vi sez)
{
	int32_t mask = (1 << bits) - 1;
	vi neg = code > (mask >> 1);
	vi i = (code ^ neg) & (mask >> 1);
	vi dq = reconstruct(row(t->dqln, i), neg, y);
	vi sr = w16(se + SEL(dq < 0, -(dq & 0x7fff), dq));
	update(s, t, bits, y, i, dq, sr, w16(sr - se + sez));
	return sr;
}

/* A word of a law by its rank: 0 the smallest positive, -1 the smallest negative one; to 16-bit linear. */
INLINE vi rank_alaw(vi r)
{
	vi s = r >> 31, n = r ^ s, seg = n >> 4, m = ((n & 15) << 4) + 8;
	m = SEL(seg == 0, m, (m + 0x100) << vmax(seg - 1, K(0)));
	return (m ^ s) - s;
}

INLINE vi rank_ulaw(vi r)
{
	vi s = r >> 31, n = r ^ s;
	vi m = ((((n & 15) << 3) + 0x84) << (n >> 4)) - 0x84;
	return (m ^ s) - s;
}

INLINE vi compress_alaw(vi x)
{
	vi s = x >> 31, m = vmin(x ^ s, K(32767));
	vi seg = nbits(m | 0xff) - 8;
	vi n = (seg << 4) | ((m >> (seg + 3 + (1 & (seg == 0)))) & 15);
	return n ^ s;
}

INLINE vi compress_ulaw(vi x) /* x: 14 bit */
{
	vi m = vmin(vabs(x) + 33, K(8191));
	vi seg = nbits(m) - 6;
	vi n = (seg << 4) | ((m >> (seg + 1)) & 15);
	return n ^ (x >> 31);
}

INLINE vi adjust(
    const struct g726_rate *t, unsigned bits, enum g726_law law, vi sr, vi code, vi y, vi se)
{
	int32_t half = 1 << (bits - 1);
	sr = SEL(sr == -32768, K(law == G726_ALAW ? -1 : 0), sr);
	vi r = law == G726_ALAW ? compress_alaw((sr >> 1) << 3) : compress_ulaw(sr);
	vi lin = law == G726_ALAW ? rank_alaw(r) : rank_ulaw(r);
	vi id = quantise(t, bits, w16((lin >> 2) - se), y) ^ half, im = code ^ half;
	vi down = id > im, up = id < im;
	r += down - up;
	if (law == G726_ULAW)
		r += (down & (r == -1)) - (up & (r == 0));
	r = vmin(vmax(r, K(-128)), K(127));
	return law == G726_ALAW ? rank_alaw(r) : rank_ulaw(r);
}

static void load(struct lanes *s, struct g726_lane *const lane, unsigned lanes)
{
	int32_t w[G726_WORDS][LANES] __attribute__((aligned(64)));

	for (unsigned l = 0; l < LANES; l++) {
		/* An idle lane repeats the first channel: its result is not stored. */
		const int32_t *from = lane[l < lanes ? l : 0].st->word;
		for (unsigned k = 0; k < G726_WORDS; k++)
			w[k][l] = from[k];
	}
	memcpy(s, w, sizeof(w));
}

static void store(const struct lanes *s, struct g726_lane *lane, unsigned lanes)
{
	int32_t w[G726_WORDS][LANES] __attribute__((aligned(64)));

	memcpy(w, s, sizeof(w));
	for (unsigned l = 0; l < lanes; l++) {
		int32_t *to = lane[l].st->word;
		for (unsigned k = 0; k < G726_WORDS; k++)
			to[k] = w[k][l];
	}
}

#define BLOCK 32u /* samples transposed at once */

INLINE void encode(unsigned bits, struct g726_lane *lane, unsigned lanes, size_t n)
{
	const struct g726_rate *t = &g726_rates[bits];
	struct lanes s;

	load(&s, lane, lanes);
	for (size_t at = 0; at < n; at += BLOCK) {
		size_t len = n - at < BLOCK ? n - at : BLOCK;
		int16_t x[BLOCK][LANES] __attribute__((aligned(64))) = { { 0 } };
		uint8_t q[BLOCK][LANES];
		typedef int16_t vs __attribute__((vector_size(2 * LANES)));
		typedef uint8_t vb __attribute__((vector_size(LANES)));
		for (unsigned l = 0; l < lanes; l++)
			for (size_t k = 0; k < len; k++)
				x[k][l] = lane[l].pcm[at + k];
		for (size_t k = 0; k < len; k++) {
			vs xs;
			memcpy(&xs, x[k], sizeof(xs));
			vi pcm = __builtin_convertvector(xs, vi);
			vi sez, se = predict(&s, &sez), y = step_size(&s);
			vi code = quantise(t, bits, w16((pcm >> 2) - se), y);
			(void)advance(&s, t, bits, code, y, se, sez);
			vb c = __builtin_convertvector(code, vb);
			memcpy(q[k], &c, sizeof(c));
		}
		for (unsigned l = 0; l < lanes; l++)
			for (size_t k = 0; k < len; k++)
				lane[l].code[at + k] = q[k][l];
	}
	store(&s, lane, lanes);
}

INLINE void decode(
    unsigned bits, enum g726_law law, struct g726_lane *lane, unsigned lanes, size_t n)
{
	const struct g726_rate *t = &g726_rates[bits];
	struct lanes s;

	load(&s, lane, lanes);
	for (size_t at = 0; at < n; at += BLOCK) {
		size_t len = n - at < BLOCK ? n - at : BLOCK;
		uint8_t q[BLOCK][LANES] __attribute__((aligned(64))) = { { 0 } };
		int16_t x[BLOCK][LANES];
		typedef int16_t vs __attribute__((vector_size(2 * LANES)));
		typedef uint8_t vb __attribute__((vector_size(LANES)));
		for (unsigned l = 0; l < lanes; l++)
			for (size_t k = 0; k < len; k++)
				q[k][l] = lane[l].code[at + k] & (uint8_t)((1u << bits) - 1);
		for (size_t k = 0; k < len; k++) {
			vb c;
			memcpy(&c, q[k], sizeof(c));
			vi code = __builtin_convertvector(c, vi);
			vi sez, se = predict(&s, &sez), y = step_size(&s);
			vi sr = advance(&s, t, bits, code, y, se, sez);
			vi pcm = law == G726_LINEAR ? vmin(vmax(sr, K(-8192)), K(8191)) << 2
			                            : adjust(t, bits, law, sr, code, y, se);
			vs o = __builtin_convertvector(pcm, vs);
			memcpy(x[k], &o, sizeof(o));
		}
		for (unsigned l = 0; l < lanes; l++)
			for (size_t k = 0; k < len; k++)
				lane[l].pcm[at + k] = x[k][l];
	}
	store(&s, lane, lanes);
}

/* One copy of the loop for each rate and law, so that the tables' sizes are known to the compiler. */
void KERNEL(enc)(unsigned bits, struct g726_lane *lane, unsigned lanes, size_t n);
void KERNEL(dec)(
    unsigned bits, enum g726_law law, struct g726_lane *lane, unsigned lanes, size_t n);

#define EACH_RATE(call)                                                                            \
	switch (bits) {                                                                            \
	case 2:                                                                                    \
		call(2);                                                                           \
		break;                                                                             \
	case 3:                                                                                    \
		call(3);                                                                           \
		break;                                                                             \
	case 4:                                                                                    \
		call(4);                                                                           \
		break;                                                                             \
	default:                                                                                   \
		call(5);                                                                           \
		break;                                                                             \
	}

void KERNEL(enc)(unsigned bits, struct g726_lane *lane, unsigned lanes, size_t n)
{
	for (unsigned l = 0; l < lanes; l += LANES) {
		unsigned some = lanes - l < LANES ? lanes - l : LANES;
#define CALL(b) encode(b, lane + l, some, n)
		EACH_RATE(CALL)
#undef CALL
	}
}

void KERNEL(dec)(unsigned bits, enum g726_law law, struct g726_lane *lane, unsigned lanes, size_t n)
{
	for (unsigned l = 0; l < lanes; l += LANES) {
		unsigned some = lanes - l < LANES ? lanes - l : LANES;
		if (law == G726_LINEAR) {
#define CALL(b) decode(b, G726_LINEAR, lane + l, some, n)
			EACH_RATE(CALL)
#undef CALL
		} else if (law == G726_ALAW) {
#define CALL(b) decode(b, G726_ALAW, lane + l, some, n)
			EACH_RATE(CALL)
#undef CALL
		} else {
#define CALL(b) decode(b, G726_ULAW, lane + l, some, n)
			EACH_RATE(CALL)
#undef CALL
		}
	}
}
