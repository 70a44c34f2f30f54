/* Slices, cursors, readers, writers, hex and base64, addresses, log lines, counters: the words every room uses. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/addr.h"
#include "common/enc.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/rd.h"
#include "common/stat.h"
#include "common/wr.h"

static void test_numbers(void **state)
{
	uint32_t v = 1;
	uint64_t u = 1;

	(void)state;
	assert_int_equal(0, slice_u32(SLICE_LIT("4294967295"), UINT32_MAX, &v));
	assert_true(v == UINT32_MAX);
	assert_int_equal(ERR_VALUE, slice_u32(SLICE_LIT("4294967296"), UINT32_MAX, &v));
	assert_int_equal(
	    ERR_VALUE, slice_u32(SLICE_LIT("100000000000000000000000"), UINT32_MAX, &v));
	assert_int_equal(ERR_SYNTAX, slice_u32(SLICE_LIT(""), UINT32_MAX, &v));
	assert_int_equal(ERR_SYNTAX, slice_u32(SLICE_LIT("-1"), UINT32_MAX, &v));
	assert_int_equal(ERR_SYNTAX, slice_u32(SLICE_LIT("12 "), UINT32_MAX, &v));
	assert_true(v == UINT32_MAX); /* untouched by errors */
	assert_int_equal(0, slice_u64(SLICE_LIT("18446744073709551615"), UINT64_MAX, &u));
	assert_true(u == UINT64_MAX);
	assert_int_equal(ERR_VALUE, slice_u64(SLICE_LIT("18446744073709551616"), UINT64_MAX, &u));
}

static void test_slices(void **state)
{
	char out[4];
	struct cur c = cur_of(SLICE_LIT("abc;x=1"));

	(void)state;
	assert_true(slice_ieq(SLICE_LIT("InVite"), SLICE_LIT("INVITE")));
	assert_false(slice_eq(SLICE_LIT("a"), SLICE_LIT("ab")));
	assert_true(slice_cmp(SLICE_LIT("a"), SLICE_LIT("ab")) < 0);
	assert_int_equal(ERR_LIMIT, slice_copy(SLICE_LIT("four"), out, sizeof(out)));
	assert_string_equal("", out);
	assert_int_equal(ERR_LIMIT, slice_copy((struct slice){ "a\0b", 3 }, out, sizeof(out)));
	assert_int_equal(0, slice_copy(SLICE_LIT("abc"), out, sizeof(out)));
	assert_true(slice_eq(cur_token(&c), SLICE_LIT("abc")));
	assert_true(cur_lit(&c, ';'));
	assert_false(cur_lit(&c, ';'));
	assert_true(slice_eq(cur_until(&c, "="), SLICE_LIT("x")));
	static const char *const stops[] = { "", "=", "=;", ";=z", "qrs=" };
	for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
		struct cur u = cur_of((struct slice){ "x\0y=1", 5 });
		assert_int_equal(cur_until(&u, stops[i]).n, i ? 3 : 5);
		assert_int_equal(cur_until(&u, stops[i]).n, 0); /* stands there */
	}
	assert_true(slice_eq(slice_trim(SLICE_LIT(" \r\n a b\t")), SLICE_LIT("a b")));
	assert_int_equal(0, slice_sub(SLICE_LIT("abc"), 9, 2).n);
	assert_int_equal(1, slice_sub(SLICE_LIT("abc"), 2, 9).n);
}

static void test_reader_writer(void **state)
{
	uint8_t buf[16];
	struct wr w = wr_of(buf, 8);
	struct rd r, sub;

	(void)state;
	wr_be16(&w, 0x0102);
	size_t hole = wr_hole(&w, 1);
	wr_be32(&w, 0x0a0b0c0d);
	buf[hole] = 0xff;
	assert_false(w.bad);
	wr_be16(&w, 1); /* one octet is left */
	assert_true(w.bad);
	assert_int_equal(7, w.n);
	wr_u8(&w, 1); /* sticky */
	assert_int_equal(7, w.n);
	r = rd_of(buf, 7);
	assert_int_equal(0x0102, rd_be16(&r));
	sub = rd_sub(&r, 3);
	assert_int_equal(0xff0a0b, (rd_u8(&sub) << 16) | rd_be16(&sub));
	assert_false(sub.bad);
	assert_int_equal(0, rd_u8(&sub));
	assert_true(sub.bad);
	assert_int_equal(2, rd_left(&r));
	assert_int_equal(0x0c0d0000u, rd_be32(&r)); /* what is missing reads as 0 */
	assert_true(r.bad);
	assert_null(rd_bytes(&r, 1));
}

static void test_encodings(void **state)
{
	static const char *const b64[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" } }; /* RFC 4648 10 */
	uint8_t out[16];
	char text[33];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(b64); i++) {
		assert_int_equal(strlen(b64[i][1]), enc_b64(b64[i][0], strlen(b64[i][0]), text));
		assert_string_equal(b64[i][1], text);
		assert_int_equal(0, enc_unb64(slice_str(b64[i][1]), out, sizeof(out), &n));
		assert_int_equal(strlen(b64[i][0]), n);
		assert_memory_equal(b64[i][0], out, n);
	}
	assert_int_equal(ERR_SYNTAX, enc_unb64(SLICE_LIT("Zg=a"), out, sizeof(out), &n));
	assert_int_equal(ERR_SYNTAX, enc_unb64(SLICE_LIT("Z"), out, sizeof(out), &n));
	assert_int_equal(ERR_LIMIT, enc_unb64(SLICE_LIT("Zm9vYmFy"), out, 5, &n));
	assert_int_equal(0, enc_unhex(SLICE_LIT("00fFa5"), out, sizeof(out), &n));
	enc_hex(out, n, text);
	assert_string_equal("00ffa5", text);
	assert_int_equal(ERR_SYNTAX, enc_unhex(SLICE_LIT("0"), out, sizeof(out), &n));
	assert_int_equal(ERR_SYNTAX, enc_unhex(SLICE_LIT("0g"), out, sizeof(out), &n));
}

static void test_addresses(void **state)
{
	static const char *const good[][2] = { { "192.0.2.1:5060", "192.0.2.1:5060" },
		{ "192.0.2.1", "192.0.2.1:9" }, { "[2001:db8::1]:5061", "[2001:db8::1]:5061" },
		{ "2001:db8::1", "[2001:db8::1]:9" }, { "::1", "[::1]:9" } };
	static const char *const bad[] = { "", "256.1.1.1", "1.2.3", "1.2.3.4:", "1.2.3.4:70000",
		"[::1", "::1]:4", "host", "1.2.3.4:5 " };
	char text[ADDR_TEXT];
	struct addr a, b;

	(void)state;
	for (unsigned v = 0; v < 1024; v++) {
		uint8_t ip[4] = { (uint8_t)v, (uint8_t)(v / 4), (uint8_t)(255 - v), 7 };
		char ours[ADDR_IP_TEXT], theirs[ADDR_IP_TEXT];
		assert_string_equal(
		    addr_ip_print(ip, 4, ours), inet_ntop(AF_INET, ip, theirs, sizeof(theirs)));
		assert_string_equal("", addr_ip_print(ip, 3, ours));
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(0, addr_parse(slice_str(good[i][0]), 9, &a));
		assert_string_equal(good[i][1], addr_print(&a, true, text));
		assert_int_equal(0, addr_parse(slice_str(text), 0, &b));
		assert_true(addr_eq(&a, &b));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (addr_parse(slice_str(bad[i]), 9, &a) == 0)
			fail_msg("\"%s\" is no address", bad[i]);
}

static void keep(int prio, const char *line, void *ctx)
{
	(void)prio;
	snprintf(ctx, 512, "%s", line);
}

static void test_log_escapes_peers(void **state)
{
	char line[512] = "";

	(void)state;
	log_capture(keep, line);
	log_ev(LOG_NOTICE, "call ended", F_CALL(0xabcd),
	    F_STR("IPDECT_WHY", SLICE_LIT("a\r\nb\x1b[2J")), F_U64("IPDECT_MS", 12));
	log_capture(NULL, NULL);
	assert_string_equal(
	    "call ended call=000000000000abcd why=a\\x0d\\x0ab\\x1b[2J ms=12", line);
	assert_int_equal(LOG_INFO, log_level_parse(SLICE_LIT("info")));
	assert_int_equal(-1, log_level_parse(SLICE_LIT("loud")));
}

static void test_openmetrics(void **state)
{
	struct stat_set *s = stat_set_new();
	struct stat_val *a = stat_get(s, STAT_COUNTER, "ipdect_x_calls", "class=\"2xx\"", "Calls");
	struct stat_val *b = stat_get(s, STAT_GAUGE, "ipdect_x_open", NULL, "Open");
	struct stat_hist *h = stat_hist_get(s, "ipdect_x_delay_seconds", "Delay");
	size_t n;
	char *text;

	(void)state;
	stat_add(a, 3);
	stat_set_to(b, 5);
	assert_ptr_equal(a, stat_get(s, STAT_COUNTER, "ipdect_x_calls", "class=\"2xx\"", "other"));
	stat_observe(h, 1500);
	stat_observe(h, 900);
	stat_observe(h, 9000000);
	text = stat_print(s, &n);
	assert_non_null(strstr(text, "# TYPE ipdect_x_calls counter\n"));
	assert_non_null(strstr(text, "ipdect_x_calls_total{class=\"2xx\"} 3\n"));
	assert_non_null(strstr(text, "ipdect_x_open 5\n"));
	assert_non_null(strstr(text, "ipdect_x_delay_seconds_bucket{le=\"0.001\"} 1\n"));
	assert_non_null(strstr(text, "ipdect_x_delay_seconds_bucket{le=\"0.002\"} 2\n"));
	assert_non_null(strstr(text, "ipdect_x_delay_seconds_bucket{le=\"+Inf\"} 3\n"));
	assert_string_equal("# EOF\n", text + n - 6);
	free(text);
	stat_set_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_reader_writer),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_log_escapes_peers),
		cmocka_unit_test(test_openmetrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
