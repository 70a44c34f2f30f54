/* Captures: what is masked, and the records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/enc.h"
#include "common/pcap.h"
#include "dectd/trace.h"

static struct trace_mask mask;

static void masked(bool to_rfp, const char *in, const char *want)
{
	uint8_t b[300];
	char hex[700];
	size_t n = 0;
	struct wr w = wr_of(hex, sizeof(hex));

	assert_int_equal(enc_unhex(slice_str(in), b, sizeof(b), &n), 0);
	trace_mask(&mask, to_rfp, b, n);
	wr_hex(&w, b, n);
	assert_true(wr_nul(&w));
	assert_string_equal(hex, want);
}

static void keys(void **state)
{
	(void)state;
	memset(&mask, 0, sizeof(mask));
	/* DCK to a base, at set-up and at handover; the base's own key. */
	masked(true, "0301000c7a09020123456789abcdef01",
	    "0301000c7a09020000000000000000"
	    "01");
	masked(
	    true, "0301000e7a0c03000123456789abcdef0101", "0301000e7a0c030000000000000000000101");
	masked(true, "012400044142434445", "012400040000000000");
	/* AUTHENTICATION-REPLY with RES; -REQUEST with RAND and RS. */
	masked(false,
	    "0301001079060200"
	    "0b"
	    "212421"
	    "85410d04b3d4cf3b",
	    "0301001079060200"
	    "0b"
	    "212421"
	    "85410d0400000000");
	masked(true,
	    "0301002379050200"
	    "1e"
	    "23406d"
	    "05400a030118180c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978",
	    "0301002379050200"
	    "1e"
	    "23406d"
	    "05400a030118180c0800000000000000000e080000000000000000");
	/* Others stay as they are. */
	masked(true, "03010019790502101423224585550505a0940000050606a0a0102af12c",
	    "03010019790502101423224585550505a0940000050606a0a0102af12c");
	masked(false, "030100037a", "030100037a");
	masked(false, "0301", "0301");
}

/* A secret that goes on in the next frame; another connection's frame between them. */
static void segments(void **state)
{
	(void)state;
	memset(&mask, 0, sizeof(mask));
	masked(true,
	    "0301000079050200"
	    "0b"
	    "234023"
	    "05400e10"
	    "01020304",
	    "0301000079050200"
	    "0b"
	    "234023"
	    "05400e10"
	    "00000000");
	masked(true,
	    "0301000079050300"
	    "07"
	    "234011"
	    "137b2c01"
	    "35",
	    "0301000079050300"
	    "07"
	    "234011"
	    "137b2c01"
	    "35");
	masked(true,
	    "0301000079050200"
	    "07"
	    "234211"
	    "05060708",
	    "0301000079050200"
	    "07"
	    "234211"
	    "00000000");
	masked(true,
	    "0301000079050200"
	    "07"
	    "234411"
	    "137b2c01",
	    "0301000079050200"
	    "07"
	    "234411"
	    "137b2c01");
}

static void records(void **state)
{
	uint8_t b[200];
	struct wr w = wr_of(b, sizeof(b));
	struct trace_flow f = { { 192, 0, 2, 7 }, 40001, { 0, 0 } };

	(void)state;
	pcap_head(&w);
	assert_int_equal(w.n, 24);
	trace_packet(&w, 1000001, &f, true, (const uint8_t *)"\1\2\0\0", 4);
	assert_int_equal(w.n, 24 + TRACE_OVERHEAD + 4);
	assert_int_equal(b[24], 1);
	assert_memory_equal(b + 24 + 16 + 16, "\xc0\0\2\7", 4);
	trace_packet(&w, 1000002, &f, true, (const uint8_t *)"\1\2\0\0", 4);
	assert_memory_equal(b + 24 + 60 + 16 + 24, "\0\0\0\5", 4); /* sequence number goes on */
	assert_false(w.bad);
	trace_packet(&w, 1000003, &f, false, (const uint8_t *)"\1\2\0\0", 4);
	assert_true(w.bad);
	assert_int_equal(w.n, 24 + 2 * (TRACE_OVERHEAD + 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(segments),
		cmocka_unit_test(records),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
