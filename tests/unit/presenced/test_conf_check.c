/* Configuration: what no single value can tell is wrong, and a group's policy with several settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "presenced/presenced.h"

/* The first fault, "" for none. */
static const char *fault(const char *text)
{
	static struct conf_diag g;
	struct presenced_conf c = { 0 };

	assert_int_equal(
	    conf_parse(slice_str(text), "t", presenced_keys, presenced_nkeys, &c, &g), 0);
	presenced_conf_check(&c, &g);
	conf_free(presenced_keys, presenced_nkeys, &c);
	return g.n ? g.text[0] : "";
}

static void checked(void **state)
{
	static const char *const good[] = { "",
		"[directory]\nservers = ldaps://a.example.com:636 ldap://192.0.2.1\n",
		"[directory]\ninternal-max = 4\n[presenced]\npublish = dialog\n",
		"[directory]\ninternal-min = 3\ninternal-max = 3\ncountry = 49\n",
		"[presenced]\ngroup-policy = a:agent=available n:available=20m,offline=yes\n" };
	static const char *const bad[][2] = {
		{ "[directory]\nservers = ldaps://a b.example.com\n", "servers: b.example.com" },
		{ "[directory]\nservers = http://a\n", "http://a" },
		{ "[directory]\ninternal-min = 4\ninternal-max = 3\n",
		    "t:2: [directory] internal-min: 4" },
		{ "[directory]\ninternal-min = 4\n", "internal-max = 0" },
		{ "[directory]\ncountry = +49\n", "t:2: [directory] country: +49" },
		{ "[directory]\nmain-number = 030-55\n", "main-number" },
		{ "[presenced]\npublish = presence mwi\n", "mwi" },
		{ "[presenced]\ngroup-policy = n:available=20m,offline=perhaps\n", "offline is" },
		{ "[presenced]\ngroup-policy = offline=yes\n", "group-policy: offline=yes" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_string_equal(fault(good[i]), "");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_non_null(strstr(fault(bad[i][0]), bad[i][1]));
}

/* The example of the operator's guide: commas part the words of a list, too. */
static void several_settings(void **state)
{
	struct presenced_conf c = { 0 };
	struct conf_diag g;
	char word[POLICY_WORD], longer[POLICY_WORD + 40] = "x:agent=no";
	size_t at = 0;

	(void)state;
	assert_int_equal(
	    conf_parse(SLICE_LIT("[presenced]\ngroup-policy = agents:agent=available "
	                         "nurses:available=20m,inactive=1m,offline=yes late:agent=no\n"),
	        "t", presenced_keys, presenced_nkeys, &c, &g),
	    0);
	assert_true(policy_next(&c.group_policy, &at, word, sizeof(word)));
	assert_string_equal(word, "agents:agent=available");
	assert_true(policy_next(&c.group_policy, &at, word, sizeof(word)));
	assert_string_equal(word, "nurses:available=20m,inactive=1m,offline=yes");
	assert_true(policy_next(&c.group_policy, &at, word, sizeof(word)));
	assert_string_equal(word, "late:agent=no");
	assert_false(policy_next(&c.group_policy, &at, word, sizeof(word)));
	conf_free(presenced_keys, presenced_nkeys, &c);
	memset(longer + strlen(longer), 'o', sizeof(longer) - 1 - strlen(longer));
	char *one = longer;
	struct conf_list l = { &one, 1 };
	at = 0;
	assert_true(policy_next(&l, &at, word, sizeof(word)));
	assert_false(policy_next(&l, &at, word, sizeof(word)));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(checked),
		cmocka_unit_test(several_settings) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
