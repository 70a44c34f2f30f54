/* STUN: the messages of RFC 5769, MS-ICE2 and MS-TURN parsed, verified, and built again octet by octet; candidates'
 * priorities; mutations. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdint.h>
#include <string.h>

#include "common/enc.h"
#include "mediad/cand.h"
#include "mediad/stun.h"
#include "stun_vectors.h"

static uint8_t raw[1024];

static size_t load(const char *hex)
{
	size_t n = 0;

	assert_int_equal(enc_unhex(slice_str(hex), raw, sizeof(raw), &n), 0);
	return n;
}

static void is_addr(const struct addr *a, const char *text)
{
	char out[ADDR_TEXT];

	assert_string_equal(addr_print(a, true, out), text);
}

static void test_rfc5769(void **state)
{
	static const char key[] = "VOkJxbRl1RmTxUk/WvJxBt";
	struct stun_msg m;
	size_t n = load(v_rfc5769_request);

	(void)state;
	assert_true(stun_is(raw, n));
	assert_int_equal(stun_parse(raw, n, STUN_RFC, &m), 0);
	assert_int_equal(m.type, STUN_BINDING);
	assert_true(slice_eq(m.username, SLICE_LIT("evtj:h6vY")));
	assert_int_equal(m.priority, 0x6e0001ff);
	assert_true(m.controlled && !m.controlling);
	assert_int_equal(m.tie, 0x932ff9b151263b36);
	assert_int_equal(m.nunknown, 0);
	assert_int_equal(stun_fingerprint(&m), STUN_FP_GOOD);
	assert_true(stun_verify(&m, STUN_RFC, key, strlen(key)));
	assert_false(stun_verify(&m, STUN_MSICE, key, strlen(key)));
	assert_false(stun_verify(&m, STUN_RFC, "x", 1));

	n = load(v_rfc5769_response4);
	assert_int_equal(stun_parse(raw, n, STUN_RFC, &m), 0);
	assert_int_equal(m.type, STUN_BINDING_OK);
	is_addr(&m.mapped, "192.0.2.1:32853");
	assert_true(stun_verify(&m, STUN_RFC, key, strlen(key)));
	assert_int_equal(stun_fingerprint(&m), STUN_FP_GOOD);

	n = load(v_rfc5769_response6);
	assert_int_equal(stun_parse(raw, n, STUN_RFC, &m), 0);
	is_addr(&m.mapped, "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
	assert_true(stun_verify(&m, STUN_RFC, key, strlen(key)));
	assert_int_equal(stun_fingerprint(&m), STUN_FP_GOOD);
	raw[n - 1] ^= 1;
	assert_int_equal(stun_fingerprint(&m), STUN_FP_BAD);
	raw[n - 1] ^= 1;

	/* The address again */
	uint8_t out[100];
	struct stun_w w = stun_begin(out, sizeof(out), STUN_RFC, STUN_BINDING_OK, &m.id);
	stun_put(&w, 0x8022, "test vector", 11);
	stun_put_addr(&w, STUN_A_XOR_MAPPED, &m.mapped, true);
	size_t k = stun_end(&w, key, strlen(key), STUN_FP_GOOD);
	assert_int_equal(k, n);
	/* RFC 5769 pads with a space where we pad with a zero: all else up to the HMAC is the same. */
	assert_memory_equal(out + 36, raw + 36, 24);
}

static size_t check(uint8_t *out, enum stun_form form, const struct stun_msg *like,
    uint32_t version, enum stun_fp fp)
{
	struct stun_w w = stun_begin(out, 200, form, STUN_BINDING, &like->id);

	if (like->use_candidate)
		stun_put(&w, STUN_A_USE_CANDIDATE, NULL, 0);
	stun_put_u32(&w, STUN_A_PRIORITY, like->priority);
	stun_put_u64(&w, STUN_A_CONTROLLING, like->tie);
	stun_put(&w, STUN_A_USERNAME, like->username.p, like->username.n);
	stun_put(&w, STUN_A_MS_CANDIDATE, "1\0\0", 4); /* filled up in both forms */
	stun_put_u32(&w, STUN_A_MS_IMPL, version);
	return stun_end(&w, v_ice_key, strlen(v_ice_key), fp);
}

static void test_ms_ice(void **state)
{
	static const struct {
		const char *hex;
		enum stun_form form;
		uint32_t version;
		enum stun_fp fp;
	} checks[] = { { v_ice_check_bis02, STUN_MSICE, 2, STUN_FP_GOOD },
		{ v_ice_check_bis02_legacy_crc, STUN_MSICE, 2, STUN_FP_FAULTY },
		{ v_ice_nominate_bis02, STUN_MSICE, 2, STUN_FP_GOOD },
		{ v_ice_check_rfc5389, STUN_RFC, 3, STUN_FP_GOOD } };
	struct stun_msg m;
	uint8_t out[200];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		size_t n = load(checks[i].hex);
		assert_int_equal(stun_parse(raw, n, STUN_MSICE, &m), 0);
		assert_int_equal(m.type, STUN_BINDING);
		assert_true(slice_eq(m.username, SLICE_LIT("tLyn:gW4x")));
		assert_true(slice_eq(m.candidate, SLICE_LIT("1")));
		assert_int_equal(m.priority, 1862270975);
		assert_true(m.controlling);
		assert_int_equal(m.tie, 0x1122334455667788);
		assert_int_equal(m.use_candidate, i == 2);
		assert_true(m.has_impl);
		assert_int_equal(m.impl, checks[i].version);
		assert_int_equal(stun_fingerprint(&m), checks[i].fp);
		assert_true(stun_verify(&m, checks[i].form, v_ice_key, strlen(v_ice_key)));
		assert_false(stun_verify(&m, checks[i].form == STUN_RFC ? STUN_MSICE : STUN_RFC,
		    v_ice_key, strlen(v_ice_key)));
		assert_int_equal(
		    check(out, checks[i].form, &m, checks[i].version, checks[i].fp), n);
		assert_memory_equal(out, raw, n);
	}
	size_t n = load(v_ice_response_bis02);
	assert_int_equal(stun_parse(raw, n, STUN_MSICE, &m), 0);
	assert_int_equal(m.type, STUN_BINDING_OK);
	is_addr(&m.mapped, "192.0.2.10:50052");
	assert_true(stun_verify(&m, STUN_MSICE, v_ice_key, strlen(v_ice_key)));
	struct stun_w w = stun_begin(out, sizeof(out), STUN_MSICE, STUN_BINDING_OK, &m.id);
	stun_put_addr(&w, STUN_A_XOR_MAPPED, &m.mapped, true);
	stun_put(&w, STUN_A_USERNAME, m.username.p, m.username.n);
	stun_put_u32(&w, STUN_A_MS_IMPL, 2);
	assert_int_equal(stun_end(&w, v_ice_key, strlen(v_ice_key), STUN_FP_GOOD), n);
	assert_memory_equal(out, raw, n);

	n = load(v_ice_error_487_bis02);
	assert_int_equal(stun_parse(raw, n, STUN_MSICE, &m), 0);
	assert_int_equal(m.error, 487);
	w = stun_begin(out, sizeof(out), STUN_MSICE, STUN_BINDING_ERR, &m.id);
	stun_put_error(&w, 487, "Role Conflict");
	stun_put_u32(&w, STUN_A_MS_IMPL, 2);
	size_t k = stun_end(&w, v_ice_key, strlen(v_ice_key), STUN_FP_GOOD);
	assert_int_equal(k, n);

	n = load(v_ice_response_rfc5389);
	assert_int_equal(stun_parse(raw, n, STUN_MSICE, &m), 0);
	assert_int_equal(m.impl, 3);
	assert_true(stun_verify(&m, STUN_RFC, v_ice_key, strlen(v_ice_key)));
	n = load(v_ice_keepalive_indication);
	assert_int_equal(stun_parse(raw, n, STUN_MSICE, &m), 0);
	assert_int_equal(m.type, STUN_BINDING_IND);
}

static void test_ms_turn(void **state)
{
	struct stun_msg m;
	uint8_t key[16], want[16], user[64], password[64];
	size_t user_n, password_n, k;

	(void)state;
	assert_int_equal(enc_unhex(slice_str(v_turn_user), user, sizeof(user), &user_n), 0);
	assert_int_equal(
	    enc_unhex(slice_str(v_turn_password), password, sizeof(password), &password_n), 0);
	assert_int_equal(enc_unhex(slice_str(v_turn_key), want, sizeof(want), &k), 0);
	stun_long_key((struct slice){ (char *)user, user_n }, SLICE_LIT("rtcmedia"),
	    (struct slice){ (char *)password, password_n }, key);
	assert_memory_equal(key, want, 16);

	size_t n = load(v_turn_allocate_401);
	assert_int_equal(stun_parse(raw, n, STUN_MSTURN, &m), 0);
	assert_int_equal(m.type, STUN_ALLOCATE_ERR);
	assert_int_equal(m.error, 401);
	assert_true(m.has_cookie);
	assert_true(slice_eq(m.realm, SLICE_LIT("rtcmedia")));
	assert_int_equal(m.nonce.n, 16);
	is_addr(&m.alternate, "198.51.100.21:3478");

	n = load(v_turn_allocate_ok);
	assert_int_equal(stun_parse(raw, n, STUN_MSTURN, &m), 0);
	is_addr(&m.relayed, "198.51.100.20:51234");
	is_addr(&m.mapped, "203.0.113.7:40000");
	assert_int_equal(m.lifetime, 600);
	assert_true(m.has_sequence);
	assert_int_equal(m.sequence, 1);
	assert_int_equal(m.connection[0], 0xc0);
	assert_true(stun_verify(&m, STUN_MSTURN, key, 16));

	n = load(v_turn_data_indication);
	assert_int_equal(stun_parse(raw, n, STUN_MSTURN, &m), 0);
	assert_int_equal(m.type, STUN_MS_DATA);
	is_addr(&m.peer, "192.0.2.77:50052");
	assert_int_equal(m.data.n, 104);

	static const char *const ours[] = { v_turn_allocate_2, v_turn_send_request,
		v_turn_set_active_destination, v_turn_deallocate };
	for (size_t i = 0; i < 4; i++) {
		n = load(ours[i]);
		assert_int_equal(stun_parse(raw, n, STUN_MSTURN, &m), 0);
		assert_int_equal(m.nunknown, 0);
		assert_int_equal(m.username.n, user_n);
		assert_true(stun_verify(&m, STUN_MSTURN, key, 16));
	}
}

static void test_priorities(void **state)
{
	(void)state;
	/* As Microsoft's products compute them (MS-SDPEXT examples, traces) */
	assert_int_equal(cand_priority(CAND_HOST, 1, 0, true), 2130706431);
	assert_int_equal(cand_priority(CAND_HOST, 2, 0, true), 2130705918);
	assert_int_equal(cand_priority(CAND_HOST, 1, 1, true), 2130705919);
	assert_int_equal(cand_priority(CAND_HOST, 2, 1, true), 2130705406);
	assert_int_equal(cand_priority(CAND_RELAY, 1, 2, true), 184548351);
	assert_int_equal(cand_priority(CAND_RELAY, 2, 2, true), 184547838);
	/* RFC 8445 5.1.2.1 with one address: 2130706431, 2130706430 */
	assert_int_equal(cand_priority(CAND_HOST, 2, 0, false), 2130706430);
	struct cand c = { .priority = 2130706431 };
	assert_int_equal(cand_prflx_priority(&c), 0x6effffff);
	/* 2^32 MIN + 2 MAX + (G > D) */
	assert_true(cand_pair_priority(5, 3) == (3ull << 32) + 10 + 1);
	assert_true(cand_pair_priority(3, 5) == (3ull << 32) + 10);
}

static void test_mutations(void **state)
{
	static const char *const all[] = { v_ice_check_bis02, v_turn_allocate_ok, v_rfc5769_request,
		v_turn_data_indication };
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		size_t n = load(all[i]);
		for (int k = 0; k < 20000; k++) {
			struct stun_msg m;
			uint8_t buf[300];
			size_t len = n;
			memcpy(buf, raw, n);
			seed = seed * 1664525 + 1013904223;
			buf[(seed >> 8) % n] ^= (uint8_t)(1u << (seed >> 29));
			if (k % 3 == 0)
				len = (seed >> 4) % (n + 1);
			if (stun_parse(buf, len, (enum stun_form)(k % 3), &m) == 0 && len == n &&
			    i != 3 && m.integrity_at > (seed >> 8) % n && (seed >> 8) % n > 3)
				assert_false(stun_verify(&m,
				    i == 2 ? STUN_RFC
				    : i    ? STUN_MSTURN
				           : STUN_MSICE,
				    i == 2 ? "VOkJxbRl1RmTxUk/WvJxBt" : v_ice_key,
				    i == 2 ? 22 : strlen(v_ice_key)));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc5769),
		cmocka_unit_test(test_ms_ice),
		cmocka_unit_test(test_ms_turn),
		cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_mutations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
