/* Names of events, and that docs/events.md lists names that the daemons make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/log.h"

static void test_name(void **state)
{
	char name[40];

	(void)state;
	assert_true(log_event_name("call answered", name, sizeof(name)));
	assert_string_equal("call-answered", name);
	assert_true(log_event_name("the audit log's end: \"x\" (2)!", name, sizeof(name)));
	assert_string_equal("the-audit-log-s-end-x-2", name);
	assert_true(log_event_name("PRACK not sent", name, sizeof(name)));
	assert_string_equal("prack-not-sent", name);
	assert_false(log_event_name("", name, sizeof(name)));
	assert_false(log_event_name("...", name, sizeof(name)));
	assert_false(log_event_name("call answered", name, 13));
	assert_true(log_event_name("call answered", name, 14));
}

/* The list is made by a program in another language: both follow the same rule. */
static void test_list(void **state)
{
	FILE *f = fopen(TEST_SOURCE_DIR "/docs/events.md", "r");
	char line[1024], name[160];
	unsigned n = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		char *end;

		if (strncmp(line, "| `", 3) != 0 || strncmp(line + 3, "IPDECT_", 7) == 0)
			continue;
		end = strchr(line + 3, '`');
		assert_non_null(end);
		*end = '\0';
		assert_true(log_event_name(line + 3, name, sizeof(name)));
		assert_string_equal(line + 3, name);
		n++;
	}
	fclose(f);
	assert_true(n > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
