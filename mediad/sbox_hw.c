/* AES by the processor's own instructions. */
#include "mediad/sbox_hw.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define HW __attribute__((target("aes,pclmul,ssse3,sse4.1")))

bool sbox_hw_there(void)
{
	return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") &&
	       __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1");
}

HW static inline __m128i get(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

HW static inline void put(uint8_t *p, __m128i v)
{
	_mm_storeu_si128((__m128i *)(void *)p, v);
}

/* ---- AES ---- */

HW static inline __m128i next_key(__m128i k, __m128i word)
{
	word = _mm_shuffle_epi32(word, 0xff);
	for (int i = 0; i < 3; i++)
		k = _mm_xor_si128(k, _mm_slli_si128(k, 4));
	return _mm_xor_si128(k, word);
}

HW static inline __m128i encrypt1(const struct sbox_hw *k, __m128i b)
{
	b = _mm_xor_si128(b, get(k->rk[0]));
	for (int r = 1; r < SBOX_HW_ROUNDS - 1; r++)
		b = _mm_aesenc_si128(b, get(k->rk[r]));
	return _mm_aesenclast_si128(b, get(k->rk[SBOX_HW_ROUNDS - 1]));
}

/* Octets of a block the other way round. */
HW static inline __m128i turn(__m128i v)
{
	return _mm_shuffle_epi8(
	    v, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

/* So many blocks at a time that none waits for another's round; wide is a constant where this is used. */
HW static inline __attribute__((always_inline)) __m128i pads(
    const struct sbox_hw *k, __m128i count, __m128i *b, size_t wide)
{
	const __m128i one = _mm_set_epi32(0, 0, 0, 1);

#pragma GCC unroll 8
	for (size_t i = 0; i < wide; i++) {
		b[i] = _mm_xor_si128(turn(count), get(k->rk[0]));
		count = _mm_add_epi32(count, one);
	}
	for (int r = 1; r < SBOX_HW_ROUNDS - 1; r++) {
		__m128i rk = get(k->rk[r]);
#pragma GCC unroll 8
		for (size_t i = 0; i < wide; i++)
			b[i] = _mm_aesenc_si128(b[i], rk);
	}
	__m128i last = get(k->rk[SBOX_HW_ROUNDS - 1]);
#pragma GCC unroll 8
	for (size_t i = 0; i < wide; i++)
		b[i] = _mm_aesenclast_si128(b[i], last);
	return count;
}

HW static inline void mix(uint8_t *p, __m128i pad)
{
	put(p, _mm_xor_si128(get(p), pad));
}

HW static void ctr(const struct sbox_hw *k, __m128i block, uint8_t *p, size_t n)
{
	__m128i count = turn(block), b[8];

	for (; n >= 128; p += 128, n -= 128) {
		count = pads(k, count, b, 8);
#pragma GCC unroll 8
		for (size_t i = 0; i < 8; i++)
			mix(p + 16 * i, b[i]);
	}
	while (n) {
		count = pads(k, count, b, 2);
		for (size_t i = 0; i < 2 && n; i++) {
			uint8_t pad[16];
			if (n >= 16) {
				mix(p, b[i]);
				p += 16;
				n -= 16;
				continue;
			}
			put(pad, b[i]);
			for (size_t j = 0; j < n; j++)
				p[j] ^= pad[j];
			n = 0;
		}
	}
}

HW void sbox_hw_ctr(const struct sbox_hw *k, const uint8_t iv[16], uint8_t *p, size_t n)
{
	ctr(k, get(iv), p, n);
}

/* ---- the hash of GCM ----
 * Polynomials over GF(2) modulo x^128 + x^7 + x^2 + x + 1. A block is kept with its octets turned round, so that the
 * coefficient of x^i is bit 127 - i; the product of two such is one place too low and is moved up before it is reduced. */

struct wide { /* a product of 255 bits, not yet in place */
	__m128i lo, mid, hi;
};

HW static inline void mul_add(struct wide *w, __m128i a, __m128i b)
{
	w->lo = _mm_xor_si128(w->lo, _mm_clmulepi64_si128(a, b, 0x00));
	w->hi = _mm_xor_si128(w->hi, _mm_clmulepi64_si128(a, b, 0x11));
	w->mid = _mm_xor_si128(w->mid,
	    _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x01), _mm_clmulepi64_si128(a, b, 0x10)));
}

HW static inline __m128i reduce(const struct wide *w)
{
	__m128i lo = _mm_xor_si128(w->lo, _mm_slli_si128(w->mid, 8)),
	        hi = _mm_xor_si128(w->hi, _mm_srli_si128(w->mid, 8)), over, t;

	over = _mm_srli_epi64(lo, 63); /* 256 bits, one place up */
	hi = _mm_or_si128(_mm_slli_epi64(hi, 1), _mm_slli_si128(_mm_srli_epi64(hi, 63), 8));
	hi = _mm_or_si128(hi, _mm_srli_si128(over, 8));
	lo = _mm_or_si128(_mm_slli_epi64(lo, 1), _mm_slli_si128(over, 8));
	/* lo holds x^128 and above: times x^7 + x^2 + x + 1, and what that pushes out once more. */
	t = _mm_xor_si128(
	    _mm_xor_si128(_mm_slli_epi64(lo, 63), _mm_slli_epi64(lo, 62)), _mm_slli_epi64(lo, 57));
	lo = _mm_xor_si128(lo, _mm_slli_si128(t, 8));
	over = _mm_srli_si128(t, 8); /* from the upper half to the lower, below */
	t = _mm_xor_si128(
	    _mm_xor_si128(_mm_srli_epi64(lo, 1), _mm_srli_epi64(lo, 2)), _mm_srli_epi64(lo, 7));
	t = _mm_xor_si128(t, over);
	return _mm_xor_si128(hi, _mm_xor_si128(lo, t));
}

struct hash {
	const struct sbox_hw *k;
	__m128i y;
};

HW static inline __m128i block(const uint8_t *p, size_t n)
{
	uint8_t b[16] = { 0 };

	if (n >= 16)
		return turn(get(p));
	memcpy(b, p, n);
	return turn(get(b));
}

/* Zeros fill the last block up. Several are multiplied by a power each and reduced together. */
HW static inline void hash(struct hash *h, const uint8_t *p, size_t n)
{
	for (; n >= 64; p += 64, n -= 64) {
		struct wide w = { _mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128() };
		mul_add(&w, _mm_xor_si128(turn(get(p)), h->y), get(h->k->h[3]));
		mul_add(&w, turn(get(p + 16)), get(h->k->h[2]));
		mul_add(&w, turn(get(p + 32)), get(h->k->h[1]));
		mul_add(&w, turn(get(p + 48)), get(h->k->h[0]));
		h->y = reduce(&w);
	}
	while (n) {
		size_t left = (n + 15) / 16, m = left < SBOX_HW_POWERS ? left : SBOX_HW_POWERS;
		struct wide w = { _mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128() };
		for (size_t i = 0; i < m; i++) {
			__m128i x = block(p, n);
			if (i == 0)
				x = _mm_xor_si128(x, h->y);
			mul_add(&w, x, get(h->k->h[m - 1 - i]));
			p += n < 16 ? n : 16;
			n -= n < 16 ? n : 16;
		}
		h->y = reduce(&w);
	}
}

HW void sbox_hw_tag(const struct sbox_hw *k, const uint8_t iv[12], const uint8_t *aad, size_t naad,
    const uint8_t *p, size_t n, uint8_t tag[16])
{
	struct hash h = { k, _mm_setzero_si128() };
	uint8_t b[16];

	hash(&h, aad, naad);
	hash(&h, p, n);
	for (int i = 0; i < 8; i++) {
		b[i] = (uint8_t)((uint64_t)naad * 8 >> (56 - 8 * i));
		b[8 + i] = (uint8_t)((uint64_t)n * 8 >> (56 - 8 * i));
	}
	hash(&h, b, sizeof(b));
	memcpy(b, iv, 12);
	memcpy(b + 12, "\0\0\0\1", 4);
	put(tag, _mm_xor_si128(turn(h.y), encrypt1(k, get(b))));
}

/* ---- keys ---- */

HW void sbox_hw_key(struct sbox_hw *k, const uint8_t key[16], bool gcm)
{
	__m128i r = get(key);

	put(k->rk[0], r);
/* The round's constant is part of the instruction. */
#define ROUND(i, c) put(k->rk[i], r = next_key(r, _mm_aeskeygenassist_si128(r, c)))
	ROUND(1, 0x01);
	ROUND(2, 0x02);
	ROUND(3, 0x04);
	ROUND(4, 0x08);
	ROUND(5, 0x10);
	ROUND(6, 0x20);
	ROUND(7, 0x40);
	ROUND(8, 0x80);
	ROUND(9, 0x1b);
	ROUND(10, 0x36);
#undef ROUND
	if (!gcm)
		return;
	put(k->h[0], turn(encrypt1(k, _mm_setzero_si128())));
	for (int i = 1; i < SBOX_HW_POWERS; i++) {
		struct wide w = { _mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128() };
		mul_add(&w, get(k->h[i - 1]), get(k->h[0]));
		put(k->h[i], reduce(&w));
	}
}

#else
/* Elsewhere OpenSSL does it. */
bool sbox_hw_there(void)
{
	return false;
}

void sbox_hw_key(struct sbox_hw *k, const uint8_t key[16], bool gcm)
{
	(void)k, (void)key, (void)gcm;
}

void sbox_hw_ctr(const struct sbox_hw *k, const uint8_t iv[16], uint8_t *p, size_t n)
{
	(void)k, (void)iv, (void)p, (void)n;
}

void sbox_hw_tag(const struct sbox_hw *k, const uint8_t iv[12], const uint8_t *aad, size_t naad,
    const uint8_t *p, size_t n, uint8_t tag[16])
{
	(void)k, (void)iv, (void)aad, (void)naad, (void)p, (void)n, (void)tag;
}
#endif
