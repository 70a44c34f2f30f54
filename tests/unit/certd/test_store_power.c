/* Power fails at every single operation of a working day of the store: what was confirmed is there afterwards, what
 * was under way is there or not, and nothing else is. */
#include "certd/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/power_vfs.h"
#include "tests/unit/certd/tmpdir.h"

#define IDS   24
#define STEPS 60
#define SEEDS 4

/* What must be there: generation of each id's value, 0: nothing. */
struct model {
	unsigned sure[IDS];  /* confirmed */
	unsigned maybe[IDS]; /* what the step under way would make of it */
	bool touched[IDS];
};

static struct slice id_of(unsigned i, char buf[16])
{
	snprintf(buf, 16, "user-%u", i);
	return slice_str(buf);
}

static size_t value(unsigned i, unsigned generation, char buf[2000])
{
	/* Long ones spread over several pages. */
	size_t n = (size_t)snprintf(buf, 2000, "secret %u of %u ", generation, i);
	size_t want = generation % 5 == 0 ? 1900 : n;

	for (; n < want; n++)
		buf[n] = (char)('a' + (generation + n) % 26);
	return n;
}

static int put(struct store *st, struct model *m, unsigned i, unsigned generation)
{
	char id[16], v[2000];

	m->touched[i] = true;
	m->maybe[i] = generation;
	return generation ? store_put(st, STORE_SIP, id_of(i, id),
	                        (struct slice){ v, value(i, generation, v) })
	                  : store_del(st, STORE_SIP, id_of(i, id), NULL);
}

static void confirmed(struct model *m)
{
	for (unsigned i = 0; i < IDS; i++) {
		if (m->touched[i])
			m->sure[i] = m->maybe[i];
		m->touched[i] = false;
	}
}

/* One step: 0: confirmed. */
static int step(struct store *st, struct model *m, unsigned n)
{
	unsigned i = n * 7 % IDS;
	size_t count;
	int err;

	if (n % 20 == 19)
		return store_rotate(st, &count);
	if (n % 6 == 5) { /* several at once */
		err = store_begin(st);
		for (unsigned k = 0; k < 5 && err == 0; k++)
			err = put(st, m, (i + 3 * k) % IDS, k == 2 ? 0 : n + 1);
		if (err == 0)
			err = store_end(st);
		else
			store_undo(st);
	} else {
		err = put(st, m, i, n % 9 == 8 ? 0 : n + 1);
	}
	if (err == 0)
		confirmed(m);
	return err;
}

static bool is(struct store *st, unsigned i, unsigned generation)
{
	char id[16], want[2000];
	uint8_t have[2000];
	size_t n = 0, nwant;
	int err = store_get(st, STORE_SIP, id_of(i, id), have, sizeof(have), &n);

	if (generation == 0)
		return err == ERR_NOTFOUND;
	nwant = value(i, generation, want);
	return err == 0 && n == nwant && memcmp(have, want, n) == 0;
}

static void check(struct store *st, const struct model *m, unsigned cut, unsigned seed)
{
	int whole = -1; /* the step under way happened as a whole or not at all */

	for (unsigned i = 0; i < IDS; i++) {
		bool old = is(st, i, m->sure[i]), new = m->touched[i] && is(st, i, m->maybe[i]);

		if (!old && !new)
			fail_msg("cut %u seed %u: user-%u is neither generation %u nor %u", cut,
			    seed, i, m->sure[i], m->touched[i] ? m->maybe[i] : m->sure[i]);
		if (!m->touched[i] || old == new)
			continue;
		if (whole >= 0 && whole != new)
			fail_msg("cut %u seed %u: half of a transaction is there", cut, seed);
		whole = new;
	}
}

static unsigned day(struct power *p, const char *dir, unsigned cut, unsigned seed, bool full)
{
	struct model m = { 0 };
	struct store *st = NULL;
	char why[512];
	unsigned operations;

	power_wipe(p);
	tmp_empty(dir);
	power_full(p, full);
	power_cut_after(p, cut);
	if (store_open(dir, &st, why, sizeof(why)) == 0) {
		for (unsigned n = 0; n < STEPS && !power_is_cut(p); n++)
			if (step(st, &m, n) != 0)
				break;
		if (full && cut) { /* the disk is full: said so, and what is there can be read */
			if (power_operations(p) >= cut)
				assert_non_null(strstr(store_why(st), "free space"));
			check(st, &m, cut, seed);
		}
		store_close(st);
	}
	operations = power_operations(p);
	power_full(p, false);
	power_back(p, seed);
	st = NULL;
	if (store_open(dir, &st, why, sizeof(why)) != 0)
		fail_msg("cut %u seed %u: %s", cut, seed, why);
	check(st, &m, cut, seed);
	/* And it goes on. */
	confirmed(&m);
	memset(m.sure, 0, sizeof(m.sure));
	assert_int_equal(put(st, &m, 1, 99), 0);
	assert_true(is(st, 1, 99));
	store_close(st);
	return operations;
}

static void run(bool full)
{
	struct power *p = power_new();
	char *dir = tmp_make();
	unsigned all = day(p, dir, 0, 1, false);

	assert_true(all > 150);
	for (unsigned cut = 1; cut <= all; cut++)
		for (unsigned seed = 1; seed <= (full ? 1 : SEEDS); seed++)
			day(p, dir, cut, seed, full);
	print_message("%u operations, each one the last\n", all);
	power_free(p);
	tmp_remove(dir);
}

static void test_power(void **state)
{
	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	run(false);
}

static void test_full(void **state)
{
	(void)state;
	run(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
