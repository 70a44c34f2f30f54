/* DSAA, DSAA2 and the DECT processes against annexes K and L and the computed vectors. */
#include "certd/dect_kdf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "certd/dsaa.h"
#include "common/enc.h"
#include "common/mem.h"
#include "dect_vectors.h"

static size_t unhex(const char *s, uint8_t *out)
{
	size_t n = 0;

	assert_int_equal(enc_unhex(slice_str(s), out, 32, &n), 0);
	return n;
}

static void same(const uint8_t *got, const char *want)
{
	char hex[65];

	enc_hex(got, strlen(want) / 2, hex);
	assert_string_equal(hex, want);
}

static void test_blocks(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vec_perm); i++) {
		struct dsaa_perm p = { (uint8_t)vec_perm[i].start, (uint8_t)vec_perm[i].step };

		assert_int_equal(dsaa_permute(vec_perm[i].in, p), vec_perm[i].out);
	}
	for (size_t i = 0; i < ARRAY_LEN(vec_mix); i++)
		assert_int_equal(dsaa_mix(vec_mix[i].in, vec_mix[i].distance), vec_mix[i].out);
}

static void test_dsaa(void **state)
{
	uint8_t d1[32], d2[32], e[16];

	(void)state;
	assert_true(ARRAY_LEN(vec_dsaa) >= 16);
	for (size_t i = 0; i < ARRAY_LEN(vec_dsaa); i++) {
		unhex(vec_dsaa[i].d1, d1);
		unhex(vec_dsaa[i].d2, d2);
		dsaa(d1, d2, e);
		same(e, vec_dsaa[i].e);
	}
}

static void test_dsaa2(void **state)
{
	uint8_t d1[32], d2[32], d3[32], e1[4], e[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vec_dsaa2_1); i++) {
		unhex(vec_dsaa2_1[i].d1, d1);
		unhex(vec_dsaa2_1[i].d2, d2);
		unhex(vec_dsaa2_1[i].d3, d3);
		assert_int_equal(dsaa2_1(d1, d2, d3, e), 0);
		same(e, vec_dsaa2_1[i].e);
	}
	for (size_t i = 0; i < ARRAY_LEN(vec_dsaa2_2); i++) {
		unhex(vec_dsaa2_2[i].d1, d1);
		unhex(vec_dsaa2_2[i].d2, d2);
		unhex(vec_dsaa2_2[i].d3, d3);
		assert_int_equal(dsaa2_2(d1, d2, d3, e1, e), 0);
		same(e1, vec_dsaa2_2[i].e1);
		same(e, vec_dsaa2_2[i].e);
	}
}

/* Subscription and the first authentication with the new key, as certd runs them. */
static void test_process(void **state)
{
	uint8_t ac[32], k[16], rs[32], rand_f[32], rand_p[32], ks[16], res[4], dck[16], uak[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vec_process); i++) {
		assert_int_equal(dect_kdf_ac(slice_str(vec_process[i].pin), ac), 0);
		same(ac, vec_process[i].ac);
		dect_kdf_b1(ac, 4, k);
		same(k, vec_process[i].k);
		unhex(vec_process[i].rs, rs);
		unhex(vec_process[i].rand_f, rand_f);
		unhex(vec_process[i].rand_p, rand_p);
		assert_int_equal(dect_kdf_a11(DECT_KDF_DSAA, k, rs, ks), 0);
		same(ks, vec_process[i].ks);
		assert_int_equal(dect_kdf_a12(DECT_KDF_DSAA, ks, rand_f, NULL, res, dck), 0);
		same(res, vec_process[i].res1);
		same(dck, vec_process[i].dck_unused);
		assert_int_equal(dect_kdf_a21(DECT_KDF_DSAA, k, rs, uak), 0);
		same(uak, vec_process[i].uak);
		assert_int_equal(dect_kdf_a22(DECT_KDF_DSAA, uak, rand_p, NULL, res), 0);
		same(res, vec_process[i].res2);

		dect_kdf_b1(uak, 16, k);
		assert_memory_equal(k, uak, 16);
		unhex(vec_process[i].auth_rs, rs);
		unhex(vec_process[i].auth_rand_f, rand_f);
		assert_int_equal(dect_kdf_a11(DECT_KDF_DSAA, k, rs, ks), 0);
		same(ks, vec_process[i].auth_ks);
		assert_int_equal(dect_kdf_a12(DECT_KDF_DSAA, ks, rand_f, NULL, res, dck), 0);
		same(res, vec_process[i].auth_res1);
		same(dck, vec_process[i].auth_dck);
	}
	dect_kdf_dsc_ck((const uint8_t[]){ 0x85, 0x60, 0xdc, 0x32, 0x4e, 0xa4, 0x9f, 0x37 }, dck);
	same(dck, "379fa44e32dc6085");
}

static void test_process2(void **state)
{
	static const enum dect_kdf_alg alg[] = { DECT_KDF_DSAA2, DECT_KDF_DSAA2_LITERAL };
	uint8_t k[32], rs[32], rand_f[32], rand_p[32], ks[16], res[4], dck[16];

	(void)state;
	assert_int_equal(ARRAY_LEN(vec_dsaa2_process), 2);
	for (size_t i = 0; i < 2; i++) {
		unhex(vec_dsaa2_process[i].k, k);
		assert_int_equal(unhex(vec_dsaa2_process[i].rs, rs), dect_kdf_rs_len(alg[i]));
		unhex(vec_dsaa2_process[i].rand_f, rand_f);
		unhex(vec_dsaa2_process[i].rand_p, rand_p);
		assert_int_equal(dect_kdf_a11(alg[i], k, rs, ks), 0);
		same(ks, vec_dsaa2_process[i].ks);
		assert_int_equal(dect_kdf_a12(alg[i], ks, rand_f, rand_p, res, dck), 0);
		same(res, vec_dsaa2_process[i].res1);
		same(dck, vec_dsaa2_process[i].dck);
	}
}

static void test_b(void **state)
{
	uint8_t key[32], upi[32], k[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vec_b1); i++) {
		size_t n = unhex(vec_b1[i].key, key);

		dect_kdf_b1(key, n, k);
		same(k, vec_b1[i].k);
	}
	for (size_t i = 0; i < ARRAY_LEN(vec_b2); i++) {
		size_t n = unhex(vec_b2[i].uak, key);

		assert_int_equal(unhex(vec_b2[i].upi, upi), 4);
		dect_kdf_b2(key, n, upi, k);
		same(k, vec_b2[i].k);
	}
}

static void test_ac(void **state)
{
	static const char *const bad[] = { "", "123456789", "12a4", "-1", "1 2", "0x12" };
	uint8_t ac[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(dect_kdf_ac(slice_str(bad[i]), ac), ERR_SYNTAX);
	assert_int_equal(dect_kdf_ac(slice_str("0"), ac), 0);
	same(ac, "fffffff0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_dsaa),
		cmocka_unit_test(test_dsaa2),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_process2),
		cmocka_unit_test(test_b),
		cmocka_unit_test(test_ac),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
