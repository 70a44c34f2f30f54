/* Blowfish: key schedule and the block in both directions. */
#include "dectd/bf.h"

#include "common/mem.h"

static inline uint32_t f(const struct bf *b, uint32_t x)
{
	return ((b->s[0][x >> 24] + b->s[1][x >> 16 & 0xff]) ^ b->s[2][x >> 8 & 0xff]) +
	       b->s[3][x & 0xff];
}

static void encrypt_words(const struct bf *b, uint32_t *left, uint32_t *right)
{
	uint32_t l = *left, r = *right;

	for (unsigned i = 0; i < 16; i += 2) {
		l ^= b->p[i];
		r ^= f(b, l);
		r ^= b->p[i + 1];
		l ^= f(b, r);
	}
	*left = r ^ b->p[17];
	*right = l ^ b->p[16];
}

static void decrypt_words(const struct bf *b, uint32_t *left, uint32_t *right)
{
	uint32_t l = *left, r = *right;

	for (unsigned i = 16; i > 0; i -= 2) {
		l ^= b->p[i + 1];
		r ^= f(b, l);
		r ^= b->p[i];
		l ^= f(b, r);
	}
	*left = r ^ b->p[0];
	*right = l ^ b->p[1];
}

void bf_key(struct bf *b, const uint8_t *key, size_t n)
{
	uint32_t l = 0, r = 0;
	size_t k = 0;

	BUG_ON(n == 0 || n > BF_KEY_MAX);
	for (unsigned i = 0; i < 18; i++) {
		uint32_t w = 0;

		for (unsigned j = 0; j < 4; j++) {
			w = w << 8 | key[k];
			k = (k + 1) % n;
		}
		b->p[i] = bf_pi[i] ^ w;
	}
	for (unsigned i = 0; i < 1024; i++)
		b->s[i >> 8][i & 0xff] = bf_pi[18 + i];
	for (unsigned i = 0; i < 18; i += 2) {
		encrypt_words(b, &l, &r);
		b->p[i] = l;
		b->p[i + 1] = r;
	}
	for (unsigned i = 0; i < 1024; i += 2) {
		encrypt_words(b, &l, &r);
		b->s[i >> 8][i & 0xff] = l;
		b->s[i >> 8][(i + 1) & 0xff] = r;
	}
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

void bf_encrypt(const struct bf *b, const uint8_t in[BF_BLOCK], uint8_t out[BF_BLOCK])
{
	uint32_t l = get32(in), r = get32(in + 4);

	encrypt_words(b, &l, &r);
	put32(out, l);
	put32(out + 4, r);
}

void bf_decrypt(const struct bf *b, const uint8_t in[BF_BLOCK], uint8_t out[BF_BLOCK])
{
	uint32_t l = get32(in), r = get32(in + 4);

	decrypt_words(b, &l, &r);
	put32(out, l);
	put32(out + 4, r);
}
