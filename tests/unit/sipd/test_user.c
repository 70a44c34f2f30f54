/* Users, call records and number rules: on a real SQLite file that is opened again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/mem.h"
#include "sipd/cdr.h"
#include "sipd/number.h"
#include "sipd/user.h"

static unsigned puts_seen, gones_seen;

static void on_change(void *ctx, struct user *u, enum user_change what)
{
	(void)ctx;
	assert_non_null(u->f[USER_NAME]);
	*(what == USER_PUT ? &puts_seen : &gones_seen) += 1;
}

static int edit(struct users *us, enum user_mode mode, bool dry, char *why, const char *name, ...)
{
	struct user_edit e = { 0 };
	va_list ap;
	const char *f;

	e.given[USER_NAME] = true;
	e.v[USER_NAME] = slice_str(name);
	va_start(ap, name);
	while ((f = va_arg(ap, const char *)) != NULL) {
		int i = user_field_find(slice_str(f));
		assert_true(i >= 0);
		e.given[i] = true;
		e.v[i] = slice_str(va_arg(ap, const char *));
	}
	va_end(ap);
	return users_edit(us, mode, &e, dry, why, 128);
}

static void users(void **state)
{
	char dir[] = "/tmp/ipdect-test-XXXXXX", path[64], why[128];
	int err;
	(void)state;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/users.db", dir);
	struct users *us = users_open(path, on_change, NULL, &err);
	assert_non_null(us);
	puts_seen = gones_seen = 0;
	assert_int_equal(edit(us, USER_ADD, false, why, "200", "IPEI", "05003 0070387",
	                     "display name", "J\xC3\xBCrgen", NULL),
	    0);
	assert_int_equal(
	    edit(us, USER_ADD, false, why, "Anna.Berg", "number", "+49 30 1", NULL), ERR_VALUE);
	assert_int_equal(
	    edit(us, USER_ADD, false, why, "Anna.Berg", "number", "abc", NULL), ERR_VALUE);
	assert_int_equal(
	    edit(us, USER_ADD, false, why, "Anna.Berg", "number", "-", NULL), ERR_VALUE);
	assert_int_equal(edit(us, USER_ADD, false, why, "Anna.Berg", "number", "+49301", NULL), 0);
	assert_int_equal(edit(us, USER_ADD, false, why, "anna.berg", NULL), ERR_EXISTS);
	assert_int_equal(edit(us, USER_ADD, false, why, "+49301", NULL), ERR_EXISTS);
	assert_int_equal(edit(us, USER_SET, false, why, "201", NULL), ERR_NOTFOUND);
	assert_int_equal(
	    edit(us, USER_ADD, false, why, "201", "ipei", "050030070387", NULL), ERR_EXISTS);
	assert_non_null(strstr(why, "200"));
	assert_int_equal(edit(us, USER_ADD, false, why, "20 1", NULL), ERR_VALUE);
	assert_int_equal(edit(us, USER_ADD, false, why, "", NULL), ERR_VALUE);
	assert_int_equal(
	    edit(us, USER_ADD, false, why, "202", "display-name", "bad\xff", NULL), ERR_VALUE);
	assert_int_equal(
	    edit(us, USER_ADD, false, why, "202", "display-name", "line\nfeed", NULL), ERR_VALUE);
	assert_int_equal(
	    edit(us, USER_ADD, false, why, "202", "disabled", "perhaps", NULL), ERR_VALUE);
	assert_int_equal(edit(us, USER_ADD, true, why, "202", NULL), 0);
	assert_null(users_find(us, SLICE_LIT("202")));
	assert_int_equal(puts_seen, 2);
	assert_int_equal(
	    edit(us, USER_SET, false, why, "200", "forward-always", "201", "disabled", "YES", NULL),
	    0);
	assert_int_equal(users_begin(us), 0);
	for (int i = 0; i < 300; i++) {
		char n[16];
		(void)snprintf(n, sizeof(n), "3%03d", i);
		assert_int_equal(edit(us, USER_ADD_OR_SET, false, why, n, NULL), 0);
	}
	assert_int_equal(puts_seen, 3);
	assert_int_equal(users_commit(us), 0);
	assert_int_equal(puts_seen, 303);
	assert_int_equal(users_del(us, SLICE_LIT("3000")), 0);
	assert_int_equal(users_del(us, SLICE_LIT("3000")), ERR_NOTFOUND);
	assert_int_equal(gones_seen, 1);
	users_close(us);

	us = users_open(path, NULL, NULL, &err);
	assert_non_null(us);
	assert_int_equal(users_count(us), 301);
	struct user *u = users_by_ipei(us, SLICE_LIT("050030070387"));
	assert_non_null(u);
	assert_string_equal(u->f[USER_NAME], "200");
	assert_string_equal(u->f[USER_DISPLAY_NAME], "J\xC3\xBCrgen");
	assert_string_equal(u->f[USER_FORWARD_ALWAYS], "201");
	assert_string_equal(u->f[USER_DISABLED], "yes");
	assert_ptr_equal(
	    users_reach(us, SLICE_LIT("+49301")), users_find(us, SLICE_LIT("ANNA.BERG")));
	assert_true(users_prefix(us, SLICE_LIT("3")));
	assert_false(users_prefix(us, SLICE_LIT("3001")));
	assert_true(users_prefix(us, SLICE_LIT("+493")));
	size_t n = 0;
	for (u = users_next(us, NULL); u; u = users_next(us, u))
		n++;
	assert_int_equal(n, 301);
	users_close(us);
	char cmd[64];
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

static void ipei(void **state)
{
	char out[13];
	(void)state;

	assert_int_equal(user_ipei(SLICE_LIT("05003 0070387"), out), 0);
	assert_string_equal(out, "050030070387");
	/* 0*1+5*2+0+0+3*5+0+0+7*8+0+3*10+8*11+7*12 = 283 = 25*11 + 8 */
	assert_int_equal(user_ipei(SLICE_LIT("05003 0070387 8"), out), 0);
	assert_int_equal(user_ipei(SLICE_LIT("05003 0070387 7"), out), ERR_VALUE);
	assert_int_equal(user_ipei(SLICE_LIT("05003 007038"), out), ERR_VALUE);
	assert_int_equal(user_ipei(SLICE_LIT("05003 00703x7"), out), ERR_VALUE);
}

static unsigned rows;
static uint64_t first_id;
static void count(void *ctx, const struct cdr_rec *r)
{
	(void)ctx;
	if (rows++ == 0)
		first_id = r->id;
}

static void records(void **state)
{
	char dir[] = "/tmp/ipdect-test-XXXXXX", path[64], dial[64];
	uint32_t total, unread;
	int err;
	(void)state;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/calls.db", dir);
	struct tmr_wheel *w = tmr_wheel_new(NULL);
	struct cdr *c = cdr_open(path, w, &err);
	assert_non_null(c);
	for (int i = 0; i < 5; i++) {
		struct cdr_rec r = { .call = 0xf000000000000001ull + (unsigned)i,
			.kind = i < 2 ? CDR_PLACED : CDR_MISSED,
			.start = 1000000,
			.unread = i >= 2,
			.user = SLICE_LIT("200"),
			.number = i ? SLICE_LIT("555") : SLICE_LIT("444"),
			.name = SLICE_LIT("A 'quoted' name") };
		cdr_begin(c, &r);
		r.ended = 1005000;
		r.answered = i == 0 ? 1002000 : 0;
		r.elsewhere = i == 4;
		r.cause = SLICE_LIT("normal");
		if (i == 0)
			assert_int_equal(cdr_seconds(&r), 3);
		cdr_update(c, &r);
	}
	struct cdr_rec open = {
		.call = 9, .kind = CDR_PLACED, .start = 5, .user = SLICE_LIT("200")
	};
	cdr_begin(c, &open);
	rows = 0;
	assert_int_equal(
	    cdr_list(c, SLICE_LIT("200"), CDR_MISSED, 0, 20, count, NULL, &total, &unread), 0);
	assert_int_equal(rows, 2); /* the one answered elsewhere is not missed */
	assert_int_equal(total, 2);
	assert_int_equal(unread, 2);
	assert_int_equal(cdr_missed(c, SLICE_LIT("200")), 2);
	assert_int_equal(cdr_redial(c, SLICE_LIT("200"), dial, sizeof(dial)), 0);
	assert_string_equal(dial, "555");
	assert_int_equal(cdr_redial(c, SLICE_LIT("201"), dial, sizeof(dial)), ERR_NOTFOUND);
	assert_int_equal(cdr_mark_read(c, SLICE_LIT("200"), CDR_MISSED), 0);
	assert_int_equal(cdr_missed(c, SLICE_LIT("200")), 0);
	assert_int_equal(cdr_clear(c, SLICE_LIT("200"), CDR_MISSED, first_id), 0);
	rows = 0;
	assert_int_equal(
	    cdr_list(c, SLICE_LIT("200"), CDR_ALL, 0, 1, count, NULL, &total, &unread), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(total, 3);
	tmr_advance(w, 100);

	/* a second process sees what the killed one had written */
	struct cdr *d = cdr_open(path, w, &err);
	assert_non_null(d);
	rows = 0;
	assert_int_equal(cdr_records(d, SLICE_LIT(""), 0, 100, count, NULL), 0);
	assert_int_equal(rows, 6);
	assert_int_equal(first_id, open.id);
	struct cdr_rec next = {
		.call = 10, .kind = CDR_PLACED, .start = 6, .user = SLICE_LIT("1")
	};
	cdr_begin(d, &next);
	assert_int_equal(next.id, open.id + 1);
	cdr_close(d);
	assert_int_equal(cdr_prune(c, 2000000), 0);
	rows = 0;
	assert_int_equal(cdr_records(c, SLICE_LIT(""), 0, 100, count, NULL), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(cdr_failures(c), 0);
	cdr_close(c);
	tmr_wheel_free(w);
	char cmd[64];
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

static struct cdr_rec seen;
static char seen_cause[32];

static void note(void *ctx, const struct cdr_rec *r)
{
	const uint64_t *call = ctx;

	if (r->call != *call)
		return;
	seen = *r;
	assert_int_equal(slice_copy(r->cause, seen_cause, sizeof(seen_cause)), 0);
}

/* What the killed process had noted of a call stays: when it began, and when it was answered. */
static void interrupted(void **state)
{
	char dir[] = "/tmp/ipdect-test-XXXXXX", path[64], cmd[64];
	int err;
	(void)state;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/calls.db", dir);
	struct cdr *killed = cdr_open(path, NULL, &err);
	assert_non_null(killed);
	for (uint64_t call = 1; call <= 2; call++) {
		struct cdr_rec r = { .call = call,
			.kind = CDR_PLACED,
			.start = 1000000,
			.user = SLICE_LIT("200"),
			.number = SLICE_LIT("555") };
		cdr_begin(killed, &r);
		r.answered = call == 1 ? 1007000 : 0;
		cdr_update(killed, &r);
	}
	/* the next process, while the old one's file is as a kill leaves it */
	struct cdr *c = cdr_open(path, NULL, &err);
	assert_non_null(c);
	for (uint64_t call = 1; call <= 2; call++) {
		seen = (struct cdr_rec){ 0 };
		assert_int_equal(cdr_records(c, SLICE_LIT(""), 0, 100, note, &call), 0);
		assert_int_equal(seen.call, call);
		assert_string_equal(seen_cause, "interrupted");
		assert_int_equal(seen.start, 1000000);
		assert_int_equal(seen.answered, call == 1 ? 1007000 : 0);
		/* nobody knows how long it went on: no second is charged that is not known */
		assert_int_equal(seen.ended, call == 1 ? 1007000 : 1000000);
		assert_int_equal(cdr_seconds(&seen), 0);
	}
	cdr_close(c);
	cdr_close(killed);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

static void numbers(void **state)
{
	struct number_rule r[8];
	size_t n, at;
	char out[128];
	(void)state;
	char *words[] = { (char *)"112>#", (char *)"00%>+%", (char *)"0%>+49%", (char *)"8NN>7" };

	assert_int_equal(number_rules(r, 8, &n, words, 4, &at), 0);
	static const struct {
		const char *in, *out;
	} t[] = { { "112", "112" }, { "0049 (30) 1-2", "+493012" }, { "812", "7" }, { "0", "0" },
		{ "8123", "8123" }, { "anna", "anna" }, { "0a", "0a" },
		{ "*21*200#", "*21*200#" } };
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(number_apply(r, n, slice_str(t[i].in), out, sizeof(out)), 0);
		assert_string_equal(out, t[i].out);
	}
	assert_int_equal(number_apply(r, n, SLICE_LIT("0049123"), out, 5), ERR_LIMIT);
	char *whole[] = { (char[]){ "2NN" }, (char[]){ "1616" }, (char[]){ "00N%" } };
	assert_true(number_complete(SLICE_LIT("204"), whole, 3));
	assert_true(number_complete(SLICE_LIT("1616"), whole, 3));
	assert_true(number_complete(SLICE_LIT("0049"), whole, 3));
	assert_false(number_complete(SLICE_LIT("20"), whole, 3));
	assert_false(number_complete(SLICE_LIT("2045"), whole, 3));
	assert_false(number_complete(SLICE_LIT("004"), whole, 3));
	assert_false(number_complete(SLICE_LIT("2*4"), whole, 3));
	assert_false(number_complete(SLICE_LIT("204"), whole, 0));
	char *bad[] = { (char *)"00%x>1" };
	assert_int_equal(number_rules(r, 8, &n, bad, 1, &at), ERR_VALUE);
	static const struct {
		const char *uri, *out;
	} u[] = { { "sip:200@example.com;user=phone", "200" },
		{ "sip:anna@example.com:5060", "anna" },
		{ "sip:bob@other.com;x=y", "bob@other.com" },
		{ "tel:+4930;phone-context=x", "+4930" }, { "sips:+4930@sbc.other", "+4930" },
		{ "sip:host", "host" } };
	for (size_t i = 0; i < ARRAY_LEN(u); i++) {
		assert_int_equal(
		    number_of_uri(slice_str(u[i].uri), SLICE_LIT("Example.com"), out, sizeof(out)),
		    0);
		assert_string_equal(out, u[i].out);
	}
	assert_true(slice_eq(number_cut(SLICE_LIT("ab\xC3\xBC"), 3), SLICE_LIT("ab")));
	assert_true(number_is(SLICE_LIT("+49 30")));
	assert_false(number_is(SLICE_LIT("anna")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users),
		cmocka_unit_test(ipei),
		cmocka_unit_test(records),
		cmocka_unit_test(interrupted),
		cmocka_unit_test(numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
