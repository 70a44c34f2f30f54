/* The Date header: RFC 3261 20.17's own example, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sipd/sip_date.h"

static void test_date(void **state)
{
	static const struct {
		const char *text;
		int64_t unix_s; /* by `date -ud` */
	} good[] = {
		{ "Sat, 13 Nov 2010 23:29:00 GMT", 1289690940 },
		{ "Thu, 21 Feb 2002 13:02:03 GMT", 1014296523 },
		{ " Thu, 29 Feb 2024 00:00:00 GMT ", 1709164800 },
		{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
		{ "Tue, 19 Jan 2038 03:14:08 GMT", 2147483648 },
	};
	static const char *const bad[] = { "", "now", "Sat, 13 Nov 2010 23:29:00",
		"Sat, 13 Nov 2010 23:29:00 CET", "Sat, 32 Nov 2010 23:29:00 GMT",
		"Sat, 13 Nev 2010 23:29:00 GMT", "Sat, 13 Nov 10 23:29:00 GMT",
		"Sat, 13 Nov 2010 24:29:00 GMT", "Sat 13 Nov 2010 23:29:00 GMT",
		"Sat, 13 Nov 2010 23:29:00 GMTx", "Sat, 3 Nov 2010 23:29:00 GMT" };
	int64_t t;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(0, sip_date_parse(slice_str(good[i].text), &t));
		assert_int_equal(good[i].unix_s, t);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(ERR_SYNTAX, sip_date_parse(slice_str(bad[i]), &t));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_date) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
