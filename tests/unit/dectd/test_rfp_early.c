/* The two likely forms of a base's question for a default cipher key, and of its answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/enc.h"
#include "common/mem.h"
#include "dectd/rfp_early.h"
#include "dectd/rfp_msg.h"

static const struct {
	enum early_form form;
	const char *ask;
	int err;
	struct early_ask want;
} asks[] = {
	{ EARLY_CONNECTION, "030b47110102", 0, { true, true, true, 3, 0xb4711, 0x0102 } },
	{ EARLY_CONNECTION, "03fb47110102", 0, { true, true, true, 3, 0xb4711, 0x0102 } },
	{ EARLY_CONNECTION, "030102", 0, { true, false, true, 3, 0, 0x0102 } },
	{ EARLY_CONNECTION, "030b4711", 0, { true, true, false, 3, 0xb4711, 0 } },
	{ EARLY_CONNECTION, "0b47110102", ERR_SYNTAX, { 0 } },
	{ EARLY_CONNECTION, "030b471101020000", ERR_SYNTAX, { 0 } },
	{ EARLY_CONNECTION, "03", ERR_SYNTAX, { 0 } },
	{ EARLY_CONNECTION, "", ERR_SYNTAX, { 0 } },
	{ EARLY_IDENTITY, "0b47110102", 0, { false, true, true, 0, 0xb4711, 0x0102 } },
	{ EARLY_IDENTITY, "0b4711", 0, { false, true, false, 0, 0xb4711, 0 } },
	{ EARLY_IDENTITY, "030b47110102", ERR_SYNTAX, { 0 } },
	{ EARLY_IDENTITY, "0b47", ERR_SYNTAX, { 0 } },
	{ EARLY_IDENTITY, "", ERR_SYNTAX, { 0 } },
	{ EARLY_OFF, "030b47110102", ERR_SYNTAX, { 0 } },
};

static void test_ask(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		uint8_t body[16];
		struct early_ask a;
		size_t n;

		assert_int_equal(enc_unhex(slice_str(asks[i].ask), body, sizeof(body), &n), 0);
		assert_int_equal(
		    early_ask_read(asks[i].form, (struct slice){ (const char *)body, n }, &a),
		    asks[i].err);
		if (asks[i].err)
			continue;
		assert_int_equal(a.has_mcei, asks[i].want.has_mcei);
		assert_int_equal(a.has_pmid, asks[i].want.has_pmid);
		assert_int_equal(a.has_index, asks[i].want.has_index);
		assert_int_equal(a.mcei, asks[i].want.mcei);
		assert_int_equal(a.pmid, asks[i].want.pmid);
		assert_int_equal(a.index, asks[i].want.index);
	}
}

static const struct {
	enum early_form form;
	size_t nkey;
	const char *want; /* the whole message */
} answers[] = {
	{ EARLY_CONNECTION, 8,
	    "0301000e7a1e0300"
	    "a0a1a2a3a4a5a6a7"
	    "0101" },
	{ EARLY_CONNECTION, 16,
	    "030100167a1e0300"
	    "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
	    "0101" },
	{ EARLY_CONNECTION, 0,
	    "0301000e7a1e0300"
	    "0000000000000000"
	    "00ff" },
	{ EARLY_IDENTITY, 8,
	    "0301000e7a1e0b4711"
	    "a0a1a2a3a4a5a6a7"
	    "01" },
	{ EARLY_IDENTITY, 0,
	    "0301000e7a1e0b4711"
	    "0000000000000000"
	    "ff" },
};

static void test_answer(void **state)
{
	const struct early_ask ask = { .mcei = 3, .pmid = 0xb4711 };
	uint8_t key[16];

	(void)state;
	for (uint8_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(0xa0 + i);
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct rfp_msg m = {
			.type = RFP_DNM, .layer = RFP_L_MAC, .prim = MACP_GET_DEF_CKEY_RES
		};
		uint8_t body[32], buf[64], text[256];
		char hex[129];
		struct wr w = wr_of(body, sizeof(body)), out = wr_of(buf, sizeof(buf)),
		          dump = wr_of(text, sizeof(text));

		early_answer_write(answers[i].form, &ask, key, answers[i].nkey, &w);
		m.u.early.body = wr_slice(&w);
		assert_int_equal(rfp_msg_build(&m, &out), 0);
		enc_hex(buf, out.n, hex);
		assert_string_equal(hex, answers[i].want);
		/* No key in logs. */
		rfp_msg_dump(&m, &dump);
		assert_true(slice_eq(wr_slice(&dump), SLICE_LIT("MAC_GET_DEF_CKEY_RES body=***")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
