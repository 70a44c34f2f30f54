/* Which base may take a connection over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dectd/handover.h"

static void policy(void **state)
{
	struct mac_base_info b = { .up = true, .ciphers = true, .streams = 7, .streams_max = 8 };

	(void)state;
	assert_int_equal(handover_judge(&b, true, true), 0);
	b.streams = 8; /* full: a connection without speech may still come */
	assert_int_equal(handover_judge(&b, true, true), ERR_BUSY);
	assert_int_equal(handover_judge(&b, true, false), 0);
	b.streams = 0;
	b.ciphers = false; /* a ciphered link never goes on in clear */
	assert_int_equal(handover_judge(&b, true, true), ERR_UNSUPP);
	assert_int_equal(handover_judge(&b, false, true), 0);
	b.up = false;
	assert_int_equal(handover_judge(&b, false, false), ERR_LOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(policy) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
