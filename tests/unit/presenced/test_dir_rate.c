/* Limits of live searches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "presenced/dir_rate.h"

static void of_a_user(void **state)
{
	struct dir_rate r = { 0 };

	(void)state;
	assert_true(dir_rate_take(&r, 7, 5));
	assert_false(dir_rate_take(&r, 7, 6));
	assert_false(dir_rate_take(&r, 7, 1004));
	assert_true(dir_rate_take(&r, 8, 1004));
	assert_true(dir_rate_take(&r, 7, 1005));
	assert_false(dir_rate_take(&r, 7, 1006));
}

static void of_all(void **state)
{
	struct dir_rate r = { 0 };
	unsigned taken = 0;

	(void)state;
	for (unsigned i = 1; i <= 100; i++)
		taken += dir_rate_take(&r, i, 10);
	assert_int_equal(taken, DIR_RATE_ALL);
	assert_false(dir_rate_take(&r, 0, 1009));
	assert_true(dir_rate_take(&r, 0, 1010));
	for (unsigned s = 2; s < 12;
	     s++, taken = 0) { /* never more in any second, whoever asks when */
		taken = 0;
		for (unsigned ms = 0; ms < 1000; ms++)
			taken += dir_rate_take(&r, ms % 3 ? ms : 0, s * 1000 + 10 + ms);
		assert_int_equal(taken, DIR_RATE_ALL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(of_a_user), cmocka_unit_test(of_all) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
