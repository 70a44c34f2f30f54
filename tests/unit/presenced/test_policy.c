/* Policy of groups as the configuration writes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "presenced/policy.h"

static const struct pres_policy base = { 300000, 300000, PRES_AGENT_NO, false };
static struct pres_policy got;
static char group[POLICY_GROUP];
static const char *why;

static int parse(const char *word)
{
	return policy_parse(slice_str(word), &base, group, &got, &why);
}
static void good(void **state)
{
	(void)state;
	assert_int_equal(parse("agents:available=1h,inactive=90s,agent=available,offline=yes"), 0);
	assert_string_equal(group, "agents");
	assert_int_equal(got.available_ms, 3600000);
	assert_int_equal(got.inactive_ms, 90000);
	assert_int_equal(got.agent, PRES_AGENT_AVAILABLE);
	assert_true(got.offline_when_gone);
	assert_int_equal(parse("x:agent=inactive"), 0);
	assert_int_equal(got.available_ms, 300000);
	assert_int_equal(got.agent, PRES_AGENT_INACTIVE);
	assert_int_equal(parse("x:offline=no,"), 0);
	assert_false(got.offline_when_gone);
}
static void bad(void **state)
{
	static const char *const words[] = { "", "x", "x:", ":agent=no", "x:agent", "x:agent=maybe",
		"x:available=soon", "x:available=0", "x:available=48h", "x:other=1", "x:offline=2x",
		"x:agent=no,,offline=yes", "a-group-whose-name-is-longer-than-they-are:agent=no" };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		assert_int_equal(parse(words[i]), ERR_VALUE);
		assert_true(why[0]);
	}
}
int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(good), cmocka_unit_test(bad) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
