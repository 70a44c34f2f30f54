/* MD4 (RFC 1320) and RC4: the two primitives of NTLM that OpenSSL's default provider does not have. */
#include "certd/ntlm_prim.h"

#include <string.h>

#include "common/mem.h"

static uint32_t rotl(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void md4_block(uint32_t h[4], const uint8_t *p)
{
	/* RFC 1320 3.4: order of the words and the shifts of the three rounds. */
	static const uint8_t order[3][16] = {
		{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
		{ 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15 },
		{ 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15 },
	};
	static const uint8_t shift[3][4] = { { 3, 7, 11, 19 }, { 3, 5, 9, 13 }, { 3, 9, 11, 15 } };
	static const uint32_t add[3] = { 0, 0x5a827999, 0x6ed9eba1 };
	uint32_t x[16], v[4];

	for (size_t i = 0; i < 16; i++)
		x[i] = load32(p + 4 * i);
	memcpy(v, h, sizeof(v));
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < 16; i++) {
			uint32_t b = v[1], c = v[2], d = v[3], f;

			if (round == 0)
				f = (b & c) | (~b & d);
			else if (round == 1)
				f = (b & c) | (b & d) | (c & d);
			else
				f = b ^ c ^ d;
			f = rotl(v[0] + f + x[order[round][i]] + add[round], shift[round][i % 4]);
			v[0] = d;
			v[3] = c;
			v[2] = b;
			v[1] = f;
		}
	}
	for (size_t i = 0; i < 4; i++)
		h[i] += v[i];
	mem_wipe(x, sizeof(x));
}

void ntlm_md4(const void *data, size_t n, uint8_t out[16])
{
	uint32_t h[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
	const uint8_t *p = data;
	size_t left = n, tail;
	uint8_t last[128] = { 0 };
	uint64_t bits = (uint64_t)n * 8;

	for (; left >= 64; left -= 64, p += 64)
		md4_block(h, p);
	if (left)
		memcpy(last, p, left);
	last[left] = 0x80;
	tail = left < 56 ? 64 : 128;
	for (size_t i = 0; i < 8; i++)
		last[tail - 8 + i] = (uint8_t)(bits >> 8 * i);
	for (size_t i = 0; i < tail; i += 64)
		md4_block(h, last + i);
	for (size_t i = 0; i < 16; i++)
		out[i] = (uint8_t)(h[i / 4] >> 8 * (i % 4));
	mem_wipe(last, sizeof(last));
	mem_wipe(h, sizeof(h));
}

void ntlm_rc4_init(struct ntlm_rc4 *c, const uint8_t *key, size_t n)
{
	uint8_t j = 0;

	BUG_ON(n < 1 || n > 256);
	for (unsigned i = 0; i < 256; i++)
		c->s[i] = (uint8_t)i;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t t = c->s[i];

		j = (uint8_t)(j + t + key[i % n]);
		c->s[i] = c->s[j];
		c->s[j] = t;
	}
	c->i = c->j = 0;
}

void ntlm_rc4_crypt(struct ntlm_rc4 *c, const uint8_t *in, size_t n, uint8_t *out)
{
	for (size_t k = 0; k < n; k++) {
		uint8_t t = c->s[++c->i];

		c->j = (uint8_t)(c->j + t);
		c->s[c->i] = c->s[c->j];
		c->s[c->j] = t;
		out[k] = in[k] ^ c->s[(uint8_t)(c->s[c->i] + t)];
	}
}
