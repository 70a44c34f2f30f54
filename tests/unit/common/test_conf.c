/* Configuration: every type, every fault with its place, defaults, printing that reads back, differences. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/conf.h"
#include "common/mem.h"

struct room {
	char *name, *address;
	bool on;
	uint32_t number, ms, choice;
	struct conf_list list;
	struct conf_ports ports;
};
static const struct conf_key keys[] = {
	{ "room", "name", CONF_STR, "none", 0, 20, true, offsetof(struct room, name), "a name",
	    NULL },
	{ "room", "address", CONF_ADDR, "", 0, 0, true, offsetof(struct room, address), "where",
	    NULL },
	{ "room", "on", CONF_BOOL, "yes", 0, 0, true, offsetof(struct room, on), "whether", NULL },
	{ "room", "number", CONF_INT, "7", 5, 10, false, offsetof(struct room, number), "how many",
	    NULL },
	{ "room", "time", CONF_MS, "4s", 100, 60000, true, offsetof(struct room, ms), "how long",
	    NULL },
	{ "room", "colour", CONF_ENUM, "red", 0, 0, true, offsetof(struct room, choice), "which",
	    "red|green|blue" },
	{ "room", "words", CONF_LIST, "a b", 0, 3, true, offsetof(struct room, list), "words",
	    NULL },
	{ "room", "ports", CONF_PORTS, "5000-5010", 1024, 65535, true, offsetof(struct room, ports),
	    "ports", NULL },
};

static int parse(const char *text, struct room *r, struct conf_diag *g)
{
	memset(r, 0, sizeof(*r));
	return conf_parse(slice_str(text), "test.conf", keys, ARRAY_LEN(keys), r, g);
}

static void test_values(void **state)
{
	struct conf_diag g;
	struct room r;

	(void)state;
	assert_int_equal(0, parse("", &r, &g));
	assert_string_equal("none", r.name);
	assert_true(r.on);
	assert_int_equal(7, r.number);
	assert_int_equal(4000, r.ms);
	assert_int_equal(2, r.list.n);
	assert_int_equal(5010, r.ports.hi);
	conf_free(keys, ARRAY_LEN(keys), &r);

	assert_int_equal(0, parse("# comment\n[other]\nwhatever = 1\n[room]\nname = Ann "
	                          "Smith\naddress = 2001:db8::1\n"
	                          "on = no\nnumber = 10\ntime = 1m\ncolour = blue\nwords = x,\n  "
	                          "y\n  z\nports = 1024-1024\n",
	                        &r, &g));
	assert_string_equal("Ann Smith", r.name);
	assert_string_equal("2001:db8::1", r.address);
	assert_false(r.on);
	assert_int_equal(10, r.number);
	assert_int_equal(60000, r.ms);
	assert_int_equal(2, r.choice);
	assert_int_equal(3, r.list.n);
	assert_string_equal("z", r.list.v[2]);
	assert_int_equal(1024, r.ports.lo);
	conf_free(keys, ARRAY_LEN(keys), &r);
}

static void test_faults(void **state)
{
	static const struct {
		const char *text, *must_say;
	} bad[] = {
		{ "[room]\nnumber = 11\n", "test.conf:2" },
		{ "[room]\nnumber = many\n", "number" },
		{ "[room]\nname = 123456789012345678901\n", "name" },
		{ "[room]\naddress = 300.1.2.3\n", "address" },
		{ "[room]\non = perhaps\n", "expected" },
		{ "[room]\ntime = 5 fortnights\n", "time" },
		{ "[room]\ntime = 2h\n", "time" },
		{ "[room]\ncolour = pink\n", "red" },
		{ "[room]\nwords = a b c d\n", "words" },
		{ "[room]\nports = 10-20\n", "ports" },
		{ "[room]\nports = 6000-5000\n", "ports" },
		{ "[room]\nnmae = x\n", "name" }, /* the nearest known key is named */
		{ "[room]\nname = a\nname = b\n", "twice" },
		{ "[room]\njust words\n", "KEY = VALUE" },
		{ "[room\nname = a\n", "section" },
	};
	struct conf_diag g;
	struct room r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_not_equal(0, parse(bad[i].text, &r, &g));
		assert_true(g.n > 0);
		if (!strstr(g.text[0], bad[i].must_say))
			fail_msg("%s: said \"%s\"", bad[i].text, g.text[0]);
	}
	/* All faults at once. */
	assert_int_not_equal(0, parse("[room]\nnumber = 1\non = x\ncolour = y\n", &r, &g));
	assert_int_equal(3, g.n);
}

static void test_sections(void **state)
{
	static const char *const known[] = { "common", "room", NULL };
	static const struct {
		const char *text, *says;
	} t[] = {
		{ "", NULL },
		{ "# x\n\n [room]\nname = a\n[ common ]\n", NULL },
		{ "[rooms]\nname = a\n",
		    "test.conf:1: no daemon has a section [rooms]; did you mean [room]" },
		{ "[room]\n\n[kitchen-sink]\n",
		    "test.conf:3: no daemon has a section [kitchen-sink]; see" },
		{ "\nname = a\nnumber = 5\n[room]\n", "test.conf:2: a setting before" },
	};
	struct conf_diag g;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		int err = conf_sections(slice_str(t[i].text), "test.conf", known, &g);

		assert_int_equal(t[i].says ? ERR_SYNTAX : 0, err);
		assert_int_equal(t[i].says ? 1 : 0, g.n);
		if (t[i].says && !strstr(g.text[0], t[i].says))
			fail_msg("%s: said \"%s\"", t[i].text, g.text[0]);
	}
	assert_int_equal(0, conf_load_sections("/nowhere/at/all", known, false, &g));
	assert_int_equal(-ENOENT, conf_load_sections("/nowhere/at/all", known, true, &g));
	assert_int_equal(1, g.n);
	assert_int_not_equal(0, conf_load_sections("/", known, false, &g));
	assert_int_equal(1, g.n);
}

static void test_prints_what_it_reads(void **state)
{
	struct conf_diag g;
	struct room a, b;
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	assert_int_equal(0, parse("[room]\nname = x y\ntime = 1500\nwords = p q\ncolour = "
	                          "green\naddress = 127.0.0.1\n",
	                        &a, &g));
	conf_print(keys, ARRAY_LEN(keys), &a, f);
	fclose(f);
	assert_int_equal(0, parse(text, &b, &g));
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		char *p = conf_value(&keys[i], &a), *q = conf_value(&keys[i], &b);

		assert_string_equal(p, q);
		free(p);
		free(q);
	}
	assert_false(conf_is_default(&keys[0], &b));
	assert_true(conf_is_default(&keys[3], &b));
	free(text);
	conf_free(keys, ARRAY_LEN(keys), &a);
	conf_free(keys, ARRAY_LEN(keys), &b);
}

static void count(const struct conf_key *k, void *ctx)
{
	(void)k;
	++*(int *)ctx;
}

static void test_diff_and_set(void **state)
{
	struct conf_diag g;
	struct room a, b;
	int n = 0;

	(void)state;
	assert_int_equal(0, parse("", &a, &g));
	assert_int_equal(0, parse("[room]\nnumber = 8\nwords = a\n", &b, &g));
	conf_diff(keys, ARRAY_LEN(keys), &a, &b, count, &n);
	assert_int_equal(2, n);
	assert_int_equal(0, conf_set(&keys[3], SLICE_LIT("8"), &a));
	assert_int_not_equal(0, conf_set(&keys[3], SLICE_LIT("99"), &a));
	assert_int_equal(8, a.number);
	n = 0;
	conf_diff(keys, ARRAY_LEN(keys), &a, &b, count, &n);
	assert_int_equal(1, n);
	conf_free(keys, ARRAY_LEN(keys), &a);
	conf_free(keys, ARRAY_LEN(keys), &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_prints_what_it_reads),
		cmocka_unit_test(test_diff_and_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
