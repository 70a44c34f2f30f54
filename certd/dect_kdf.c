/* The authentication and key derivation processes of EN 300 175-7, over DSAA and DSAA2. */
#include "certd/dect_kdf.h"

#include <string.h>

#include "certd/dsaa.h"
#include "common/mem.h"

size_t dect_kdf_rs_len(enum dect_kdf_alg alg)
{
	return alg == DECT_KDF_DSAA ? 8 : 16;
}

size_t dect_kdf_dck_len(enum dect_kdf_alg alg)
{
	return alg == DECT_KDF_DSAA ? 8 : 16;
}

int dect_kdf_ac(struct slice digits, uint8_t ac[4])
{
	uint32_t v = 0xffffffffu;

	if (digits.n < 1 || digits.n > 8)
		return ERR_SYNTAX;
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return ERR_SYNTAX;
		v = v << 4 | (uint32_t)(digits.p[i] - '0');
	}
	for (int i = 0; i < 4; i++)
		ac[i] = (uint8_t)(v >> (24 - 8 * i));
	mem_wipe(&v, sizeof(v));
	return 0;
}

void dect_kdf_b1(const uint8_t *key, size_t n, uint8_t k[16])
{
	BUG_ON(n < 1 || n > 16);
	/* Index 0 is the least significant octet, the last of the array. */
	for (size_t j = 0; j < 16; j++)
		k[15 - j] = key[n - 1 - j % n];
}

void dect_kdf_b2(const uint8_t *uak, size_t n, const uint8_t upi[4], uint8_t k[16])
{
	dect_kdf_b1(uak, n, k);
	for (size_t i = 0; i < 16; i++)
		k[i] ^= upi[i % 4];
}

/* Reverses the order of the bits of a whole string: most significant becomes least significant. */
static void reverse_bits(const uint8_t *in, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++) {
		unsigned v = 0;

		for (unsigned b = 0; b < 8; b++)
			v |= (in[n - 1 - i] >> b & 1u) << (7 - b);
		out[i] = (uint8_t)v;
	}
}

static int run_dsaa2(bool literal, bool second, const uint8_t key[16], const uint8_t d2[8],
    const uint8_t d3[8], uint8_t e1[4], uint8_t e[16])
{
	uint8_t k[16], a[8], b[8], tag[4] = { 0 }, out[16] = { 0 };
	int err;

	if (literal) {
		reverse_bits(key, 16, k);
		reverse_bits(d2, 8, a);
		reverse_bits(d3, 8, b);
	} else {
		memcpy(k, key, 16);
		memcpy(a, d2, 8);
		memcpy(b, d3, 8);
	}
	err = second ? dsaa2_2(k, a, b, tag, out) : dsaa2_1(k, a, b, out);
	if (!err && literal) {
		reverse_bits(tag, 4, e1);
		reverse_bits(out, 16, e);
	} else if (!err) {
		memcpy(e1, tag, 4);
		memcpy(e, out, 16);
	}
	mem_wipe(k, sizeof(k));
	mem_wipe(out, sizeof(out));
	return err;
}

int dect_kdf_a11(enum dect_kdf_alg alg, const uint8_t k[16], const uint8_t *rs, uint8_t ks[16])
{
	uint8_t tag[4];

	if (alg == DECT_KDF_DSAA) {
		dsaa(k, rs, ks);
		return 0;
	}
	/* RS1 is the low half: the second eight octets. */
	return run_dsaa2(alg == DECT_KDF_DSAA2_LITERAL, false, k, rs + 8, rs, tag, ks);
}

int dect_kdf_a21(enum dect_kdf_alg alg, const uint8_t k[16], const uint8_t *rs, uint8_t ks[16])
{
	int err = dect_kdf_a11(alg, k, rs, ks);

	if (!err && alg == DECT_KDF_DSAA) {
		for (int i = 0; i < 16; i++)
			ks[i] ^= 0xaa;
	}
	return err;
}

int dect_kdf_a12(enum dect_kdf_alg alg, const uint8_t ks[16], const uint8_t rand_f[8],
    const uint8_t *rand_p, uint8_t res1[4], uint8_t dck[16])
{
	uint8_t e[16];

	if (alg != DECT_KDF_DSAA)
		return run_dsaa2(
		    alg == DECT_KDF_DSAA2_LITERAL, true, ks, rand_f, rand_p, res1, dck);
	dsaa(ks, rand_f, e);
	memcpy(res1, e + 12, 4);
	memcpy(dck, e + 4, 8);
	mem_wipe(e, sizeof(e));
	return 0;
}

int dect_kdf_a22(enum dect_kdf_alg alg, const uint8_t ks[16], const uint8_t rand_p[8],
    const uint8_t *rand_f, uint8_t res2[4])
{
	uint8_t e[16];
	int err = 0;

	if (alg != DECT_KDF_DSAA) {
		err = run_dsaa2(alg == DECT_KDF_DSAA2_LITERAL, true, ks, rand_p, rand_f, res2, e);
	} else {
		dsaa(ks, rand_p, e);
		memcpy(res2, e + 12, 4);
	}
	mem_wipe(e, sizeof(e));
	return err;
}

void dect_kdf_dsc_ck(const uint8_t dck[8], uint8_t ck[8])
{
	for (int i = 0; i < 8; i++)
		ck[i] = dck[7 - i];
}
