/* List access, octet for octet: sessions, reading forward and backward, what does not fit, searching, deleting, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "dectd/lia.h"

struct t {
	struct lia *l;
	char rx[4096]; /* commands that came, hex, one a line */
	unsigned queries;
	int refuse;
	struct iwu_query q;
	char text[64];
};

static void on_send(void *ctx, struct slice cmd)
{
	struct t *t = ctx;
	size_t n = strlen(t->rx);

	assert_true(cmd.n <= LIA_PACKET + 4);
	for (size_t i = 0; i < cmd.n; i++)
		n += (size_t)snprintf(t->rx + n, sizeof(t->rx) - n, "%02x", (uint8_t)cmd.p[i]);
	(void)snprintf(t->rx + n, sizeof(t->rx) - n, "\n");
}

static int on_query(void *ctx, const struct iwu_query *q)
{
	struct t *t = ctx;

	t->queries++;
	t->q = *q;
	(void)snprintf(t->text, sizeof(t->text), "%.*s", (int)q->text.n, q->text.p);
	return t->refuse;
}

static const struct lia_ops ops = { on_send, on_query };

static void start(struct t *t)
{
	setenv("TZ", "CET-1", 1);
	tzset();
	memset(t, 0, sizeof(*t));
	t->l = lia_new(&ops, t, &(struct lia_line){ "Anna", 1 });
}

static void say(struct t *t, const char *hex)
{
	uint8_t v[128];
	size_t n = 0;
	unsigned o;

	for (; sscanf(hex, " %2x", &o) == 1; hex += 2) {
		while (*hex == ' ')
			hex++;
		v[n++] = (uint8_t)o;
	}
	lia_input(t->l, (struct slice){ (const char *)v, n });
}

static void expect_at(struct t *t, const char *want, int line)
{
	if (strcmp(t->rx, want) != 0)
		fail_msg("%d: came:\n%swanted:\n%s", line, t->rx, want);
	t->rx[0] = '\0';
}
#define expect(t, want) expect_at(t, want, __LINE__)

static struct iwu_answer some(unsigned n, unsigned total)
{
	struct iwu_answer a = { .n = n, .total = total };

	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(a.e[i].who.number, sizeof(a.e[i].who.number), "47%02u", i);
		(void)snprintf(a.e[i].who.name, sizeof(a.e[i].who.name), "N%u", i);
		a.e[i].id = 1000 + i;
		a.e[i].kind = 3;
		a.e[i].unread = i == 0;
		a.e[i].time = 1795356330; /* 2026-11-22 14:05:30 at Greenwich + 1 h */
	}
	return a;
}

static void answer(struct t *t, unsigned n, unsigned total)
{
	struct iwu_answer a = some(n, total);

	lia_answer(t->l, &a);
}

static void test_missed(void **state)
{
	struct t t;

	(void)state;
	start(&t);
	say(&t, "00 01 00");
	assert_int_equal(t.q.kind, IWU_Q_LOG);
	assert_int_equal(t.q.log_kind, 3);
	expect(&t, ""); /* it is not known yet how many there are */
	answer(&t, 1, 2);
	expect(&t, "010181820001"
	           "03\n"); /* session 1, 2 entries, sorted by the time */
	say(&t, "04 81 00");
	expect(&t, "0581000701020304050607\n");
	/* Two from the first on, to be marked as read, all fields. */
	say(&t, "06 81 81 02 7f 01 02 03 04 05 06 07");
	assert_int_equal(t.q.from, 0);
	assert_int_equal(t.q.max, 2);
	assert_true(t.q.mark_read);
	answer(&t, 2, 2);
	expect(&t, "07818102\n"
	           "138181aa0185803437303002"
	           "83804e30"
	           "038980c02611221505300404"
	           "81a0058580416e6e610683800081"
	           "0782800182aa0185803437303102\n"
	           "148183804e31"
	           "038980c02611221505300404"
	           "8180058580416e6e610683800081"
	           "07828001\n");
	say(&t, "02 81");
	expect(&t, "0381\n");
	say(&t, "02 81");
	expect(&t, "128102\n");
	assert_int_equal(lia_sessions(t.l), 0);
	lia_free(t.l);
}

static void test_ranges(void **state)
{
	struct t t;

	(void)state;
	start(&t);
	say(&t, "00 02 00");
	answer(&t, 1, 5);
	t.rx[0] = '\0';
	/* The last one; backward from the third; beyond the end; none; unknown fields are left out. */
	say(&t, "06 81 80 01 00 01");
	assert_int_equal(t.q.from, 4);
	assert_false(t.q.mark_read);
	answer(&t, 1, 5);
	expect(&t, "07818501\n1481"
	           "818701858034373030\n");
	say(&t, "06 81 83 82 00 01");
	assert_int_equal(t.q.from, 1);
	assert_int_equal(t.q.max, 2);
	answer(&t, 2, 5);
	expect(&t, "07818202\n1481"
	           "818701858034373030"
	           "828701858034373031\n");
	say(&t, "06 81 84 7f 00 55 01");
	assert_int_equal(t.q.from, 3);
	assert_int_equal(t.q.max, 2);
	answer(&t, 2, 5);
	expect(&t, "07818402\n1481"
	           "818701858034373030"
	           "828701858034373031\n");
	say(&t, "06 81 86 01 00 01");
	expect(&t, "128105\n");
	say(&t, "06 81 81 00 00 01");
	expect(&t, "128100\n");
	say(&t, "06 81 81");
	expect(&t, "128104\n");
	say(&t, "06 99 81 01 00");
	expect(&t, "129902\n");
	/* They went meanwhile. */
	say(&t, "06 81 81 01 00 01");
	answer(&t, 0, 0);
	expect(&t, "128105\n");
	lia_free(t.l);
}

/* Long entries: the answer holds what fits; backward it is those next to the one that was asked for. */
static void test_too_much(void **state)
{
	struct iwu_answer a = some(20, 20);
	unsigned packets = 0, n;
	struct t t;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		memset(a.e[i].who.number, '0' + (int)i % 10, 60);
	start(&t);
	say(&t, "00 04 00");
	lia_answer(t.l, &a);
	t.rx[0] = '\0';
	say(&t, "06 81 81 14 00 02 03");
	lia_answer(t.l, &a);
	assert_int_equal(sscanf(t.rx, "078181%02x\n", &n), 1);
	assert_int_equal(n, 9);
	for (const char *p = t.rx; (p = strchr(p, '\n')); p++)
		packets++;
	assert_true(packets <= 13);
	t.rx[0] = '\0';
	say(&t, "06 81 80 94 00 02 03");
	assert_int_equal(t.q.from, 0);
	lia_answer(t.l, &a);
	unsigned first;
	assert_int_equal(sscanf(t.rx, "0781%02x%02x\n", &first, &n), 2);
	assert_int_equal(n, 8);
	assert_int_equal((first & 0x7f) + n - 1, 20);
	lia_free(t.l);
}

static void test_contacts(void **state)
{
	struct t t;

	(void)state;
	start(&t);
	say(&t, "00 05 00");
	assert_int_equal(t.q.kind, IWU_Q_DIRECTORY);
	answer(&t, 0, 300);
	expect(&t, "01058102ac000101\n"); /* 300 in two octets, sorted by the name */
	say(&t, "10 81 00 82 616e 03 00 01 03");
	assert_string_equal(t.text, "an");
	assert_int_equal(t.q.max, 3);
	answer(&t, 3, 12);
	expect(&t, "11818183\n1481"
	           "818c0183804e30"
	           "03858234373030"
	           "828c0183804e31"
	           "03858234373031"
	           "838c0183804e32"
	           "03858234373032\n");
	/* What is read after a search is of what was found. */
	say(&t, "06 81 84 02 00 01");
	assert_string_equal(t.text, "an");
	assert_int_equal(t.q.from, 3);
	answer(&t, 2, 12);
	expect(&t, "07818402\n1481"
	           "84850183804e30"
	           "85850183804e31\n");
	say(&t, "10 81 00 80 81 00 01");
	answer(&t, 0, 0);
	expect(&t, "11818000\n");
	/* Nothing of it can be changed here. */
	say(&t, "08 81 84 01");
	expect(&t, "128107\n");
	say(&t, "0a 81 84");
	expect(&t, "128107\n");
	say(&t, "14 81");
	expect(&t, "");
	say(&t, "0c 81 84");
	expect(&t, "128107\n");
	say(&t, "0e 81");
	expect(&t, "128107\n");
	say(&t, "20 81");
	expect(&t, "128106\n");
	say(&t, "10 81 00 ff");
	expect(&t, "128104\n");
	lia_free(t.l);
}

static void test_lists(void **state)
{
	struct t t;

	(void)state;
	start(&t);
	say(&t, "00 00 00");
	expect(&t, "010081810000\n");
	say(&t, "06 81 81 01 00 01");
	expect(&t, "07818101\n1481"
	           "818a"
	           "01888000010203040508\n");
	say(&t, "00 08 00");
	expect(&t, "010882810000\n");
	say(&t, "06 82 81 01 00 01 02 03 08 09");
	expect(&t, "07828101\n1482"
	           "8199"
	           "018580416e6e61"
	           "0283800081"
	           "0383808181"
	           "08828031"
	           "09828030\n");
	say(&t, "00 07 00");
	expect(&t, "0107808000"
	           "0200\n");
	/* No more than so many at a time. */
	say(&t, "00 00");
	say(&t, "00 00");
	t.rx[0] = '\0';
	say(&t, "00 00");
	expect(&t, "0100808000"
	           "0300\n");
	assert_int_equal(t.queries, 0);
	lia_free(t.l);
}

static void test_delete(void **state)
{
	struct t t;

	(void)state;
	start(&t);
	say(&t, "00 01 00");
	answer(&t, 1, 2);
	say(&t, "06 81 81 02 00 01");
	answer(&t, 2, 2);
	t.rx[0] = '\0';
	say(&t, "0c 81 83");
	expect(&t, "128101\n");
	say(&t, "0c 81 82");
	assert_int_equal(t.q.kind, IWU_Q_LOG_CLEAR);
	assert_int_equal(t.q.id, 1001);
	answer(&t, 0, 0);
	expect(&t, "0d8181\n");
	say(&t, "0c 81 82");
	expect(&t, "128101\n"); /* it is gone */
	/* An identifier stays the entry's, wherever the entry stands. */
	say(&t, "06 81 81 01 00 01");
	answer(&t, 1, 1);
	expect(&t, "07818101\n1481"
	           "818701858034373030\n");
	say(&t, "0e 81");
	assert_int_equal(t.q.id, 0);
	answer(&t, 0, 0);
	expect(&t, "0f81\n");
	lia_free(t.l);
}

/* sipd is away; commands come faster than answers; rubbish. */
static void test_trouble(void **state)
{
	struct iwu_answer bad = { .err = ERR_TIMEOUT };
	struct t t;

	(void)state;
	start(&t);
	t.refuse = ERR_LOST;
	say(&t, "00 01 00");
	expect(&t, "0101808000"
	           "0000\n");
	assert_int_equal(lia_sessions(t.l), 0);
	t.refuse = 0;
	say(&t, "00 01 00");
	lia_answer(t.l, &bad);
	expect(&t, "0101808000"
	           "0000\n");
	say(&t, "00 01 00");
	say(&t, "00 02 00");
	say(&t, "02 83");
	assert_int_equal(t.queries, 3);
	answer(&t, 1, 1);
	expect(&t, "0101838100"
	           "0103\n");
	assert_int_equal(t.queries, 4);
	answer(&t, 1, 9);
	expect(&t, "0102848900"
	           "0103\n0383\n");
	say(&t, "06 84 81 01 00 01");
	lia_answer(t.l, &bad);
	expect(&t, "128403\n");
	answer(&t, 1, 1); /* nobody asked */
	expect(&t, "");
	say(&t, "");
	say(&t, "00");
	say(&t, "06");
	say(&t, "06 01 02 03");
	say(&t, "01 01 81");
	expect(&t, "");
	lia_free(t.l);
}

static void test_numbers(void **state)
{
	uint8_t buf[4];
	struct wr w;
	struct slice s;
	unsigned v;

	(void)state;
	for (unsigned i = 0; i <= 0x3fff; i++) {
		w = wr_of(buf, sizeof(buf));
		lia_put_number(&w, i);
		assert_int_equal(w.n, i > 0x7f ? 2 : 1);
		s = wr_slice(&w);
		assert_int_equal(lia_get_number(&s, &v), 0);
		assert_int_equal(v, i);
		assert_int_equal(s.n, 0);
	}
	s = (struct slice){ "\x01\x02\x83", 3 };
	assert_int_equal(lia_get_number(&s, &v), ERR_VALUE);
	s = (struct slice){ "\x01", 1 };
	assert_int_equal(lia_get_number(&s, &v), ERR_TRUNCATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missed),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_contacts),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
