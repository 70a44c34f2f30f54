/* The DECT standard authentication algorithms DSAA and DSAA2 (EN 300 175-7 annexes H, K and L). */
#include "certd/dsaa.h"

#include "common/mem.h"
#include "common/ossl.h"

static const uint8_t sbox[256] = {
	0xb0,
	0x68,
	0x6f,
	0xf6,
	0x7d,
	0xe8,
	0x16,
	0x85,
	0x39,
	0x7c,
	0x7f,
	0xde,
	0x43,
	0xf0,
	0x59,
	0xa9,
	0xfb,
	0x80,
	0x32,
	0xae,
	0x5f,
	0x25,
	0x8c,
	0xf5,
	0x94,
	0x6b,
	0xd8,
	0xea,
	0x88,
	0x98,
	0xc2,
	0x29,
	0xcf,
	0x3a,
	0x50,
	0x96,
	0x1c,
	0x08,
	0x95,
	0xf4,
	0x82,
	0x37,
	0x0a,
	0x56,
	0x2c,
	0xff,
	0x4f,
	0xc4,
	0x60,
	0xa5,
	0x83,
	0x21,
	0x30,
	0xf8,
	0xf3,
	0x28,
	0xfa,
	0x93,
	0x49,
	0x34,
	0x42,
	0x78,
	0xbf,
	0xfc,
	0x61,
	0xc6,
	0xf1,
	0xa7,
	0x1a,
	0x53,
	0x03,
	0x4d,
	0x86,
	0xd3,
	0x04,
	0x87,
	0x7e,
	0x8f,
	0xa0,
	0xb7,
	0x31,
	0xb3,
	0xe7,
	0x0e,
	0x2f,
	0xcc,
	0x69,
	0xc3,
	0xc0,
	0xd9,
	0xc8,
	0x13,
	0xdc,
	0x8b,
	0x01,
	0x52,
	0xc1,
	0x48,
	0xef,
	0xaf,
	0x73,
	0xdd,
	0x5c,
	0x2e,
	0x19,
	0x91,
	0xdf,
	0x22,
	0xd5,
	0x3d,
	0x0d,
	0xa3,
	0x58,
	0x81,
	0x3e,
	0xfd,
	0x62,
	0x44,
	0x24,
	0x2d,
	0xb6,
	0x8d,
	0x5a,
	0x05,
	0x17,
	0xbe,
	0x27,
	0x54,
	0x5d,
	0x9d,
	0xd6,
	0xad,
	0x6c,
	0xed,
	0x64,
	0xce,
	0xf2,
	0x72,
	0x3f,
	0xd4,
	0x46,
	0xa4,
	0x10,
	0xa2,
	0x3b,
	0x89,
	0x97,
	0x4c,
	0x6e,
	0x74,
	0x99,
	0xe4,
	0xe3,
	0xbb,
	0xee,
	0x70,
	0x00,
	0xbd,
	0x65,
	0x20,
	0x0f,
	0x7a,
	0xe9,
	0x9e,
	0x9b,
	0xc7,
	0xb5,
	0x63,
	0xe6,
	0xaa,
	0xe1,
	0x8a,
	0xc5,
	0x07,
	0x06,
	0x1e,
	0x5e,
	0x1d,
	0x35,
	0x38,
	0x77,
	0x14,
	0x11,
	0xe2,
	0xb9,
	0x84,
	0x18,
	0x9f,
	0x2a,
	0xcb,
	0xda,
	0xf7,
	0xa6,
	0xb2,
	0x66,
	0x7b,
	0xb1,
	0x9c,
	0x6d,
	0x6a,
	0xf9,
	0xfe,
	0xca,
	0xc9,
	0xa8,
	0x41,
	0xbc,
	0x79,
	0xdb,
	0xb8,
	0x67,
	0xba,
	0xac,
	0x36,
	0xab,
	0x92,
	0x4b,
	0xd7,
	0xe5,
	0x9a,
	0x76,
	0xcd,
	0x15,
	0x1f,
	0x4e,
	0x4a,
	0x57,
	0x71,
	0x1b,
	0x55,
	0x09,
	0x51,
	0x33,
	0x0c,
	0xb4,
	0x8e,
	0x2b,
	0xe0,
	0xd0,
	0x5b,
	0x47,
	0x75,
	0x45,
	0x40,
	0x02,
	0xd1,
	0x3c,
	0xec,
	0x23,
	0xeb,
	0x0b,
	0xd2,
	0xa1,
	0x90,
	0x26,
	0x12,
};

static uint64_t load64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static void store64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

uint64_t dsaa_permute(uint64_t x, struct dsaa_perm perm)
{
	uint64_t out = 0;

	for (unsigned i = 0; i < 64; i++)
		out |= (x >> i & 1) << ((perm.start + perm.step * i) & 63);
	return out;
}

static uint64_t substitute(uint64_t x)
{
	uint64_t out = 0;

	for (unsigned i = 0; i < 64; i += 8)
		out |= (uint64_t)sbox[x >> i & 0xff] << i;
	return out;
}

uint64_t dsaa_mix(uint64_t x, unsigned distance)
{
	uint64_t out = 0;

	for (unsigned i = 0; i < 8; i++) {
		unsigned own = x >> 8 * i & 0xff;
		unsigned partner = x >> 8 * (i ^ distance) & 0xff;
		unsigned factor = i & distance ? 3 : 2;

		out |= (uint64_t)((partner + factor * own) & 0xff) << 8 * i;
	}
	return out;
}

uint64_t dsaa_block(struct dsaa_perm perm, uint64_t key, uint64_t block)
{
	for (int half = 0; half < 2; half++) {
		for (unsigned distance = 4; distance; distance /= 2) {
			key = dsaa_permute(key, perm);
			block = dsaa_mix(substitute(block ^ key), distance);
		}
	}
	return block;
}

void dsaa(const uint8_t d1[16], const uint8_t d2[8], uint8_t e[16])
{
	static const struct dsaa_perm c1 = { 46, 35 }, c2 = { 25, 47 }, c3 = { 60, 27 },
	                              c4 = { 55, 39 };
	uint64_t hi = load64(d1), lo = load64(d1 + 8), seed = load64(d2);
	uint64_t middle = hi << 32 | lo >> 32;
	uint64_t outer = (hi & 0xffffffff00000000u) | (lo & 0xffffffffu);
	uint64_t x = dsaa_block(c1, seed, middle);
	uint64_t a = dsaa_block(c2, x, seed);
	uint64_t y = dsaa_block(c3, a, outer);
	uint64_t b = dsaa_block(c4, y, a);

	store64(e, (b & 0xffffffff00000000u) | a >> 32);
	store64(e + 8, a << 32 | (b & 0xffffffffu));
}

/* Two AES-128 blocks under one key: w = AES(p), out = AES(w with its last bit xored with flip). */
static int aes_twice(
    const uint8_t key[16], const uint8_t p[16], unsigned flip, uint8_t w[16], uint8_t out[16])
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t in[16];
	int n = 0, err = ERR_CRYPTO;

	if (!c || !EVP_EncryptInit_ex(c, EVP_aes_128_ecb(), NULL, key, NULL) ||
	    !EVP_CIPHER_CTX_set_padding(c, 0) || !EVP_EncryptUpdate(c, w, &n, p, 16) || n != 16)
		goto out;
	for (int i = 0; i < 16; i++)
		in[i] = w[i];
	in[15] ^= (uint8_t)flip;
	if (!EVP_EncryptUpdate(c, out, &n, in, 16) || n != 16)
		goto out;
	err = 0;
out:
	EVP_CIPHER_CTX_free(c); /* wipes the key schedule */
	mem_wipe(in, sizeof(in));
	return err;
}

static int dsaa2(const uint8_t d1[16], const uint8_t d2[8], const uint8_t d3[8], unsigned flip,
    uint8_t w[16], uint8_t e[16])
{
	uint8_t p[16];

	for (int i = 0; i < 8; i++) {
		p[i] = d2[i];
		p[8 + i] = d3[i];
	}
	return aes_twice(d1, p, flip, w, e);
}

int dsaa2_1(const uint8_t d1[16], const uint8_t d2[8], const uint8_t d3[8], uint8_t e[16])
{
	uint8_t w[16];
	int err = dsaa2(d1, d2, d3, 0, w, e);

	mem_wipe(w, sizeof(w));
	return err;
}

int dsaa2_2(
    const uint8_t d1[16], const uint8_t d2[8], const uint8_t d3[8], uint8_t e1[4], uint8_t e[16])
{
	uint8_t w[16];
	int err = dsaa2(d1, d2, d3, 1, w, e);

	for (int i = 0; i < 4 && !err; i++)
		e1[i] = w[i];
	mem_wipe(w, sizeof(w));
	return err;
}
