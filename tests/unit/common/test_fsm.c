/* State machines: rows, refused events, results outside of the row, timers, run to completion; the table check; timers
 * under a fake clock in order of time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/fsm.h"
#include "common/mem.h"
#include "common/tmr.h"

enum { IDLE, BUSY, LATE, END, FAIL };
enum { EV_GO, EV_DONE, EV_TIMER, EV_BAD, EV_CHAIN };

static int chain(struct fsm *m, int ev, const void *arg)
{
	(void)ev, (void)arg;
	assert_int_equal(0, fsm_event(m, EV_DONE, NULL));     /* after this one */
	assert_int_equal(ERR_BUSY, fsm_event(m, EV_DONE, m)); /* an argument would dangle */
	return FSM_NEXT;
}

static int astray(struct fsm *m, int ev, const void *arg)
{
	(void)m, (void)ev, (void)arg;
	return LATE; /* not in .may */
}

static int elsewhere(struct fsm *m, int ev, const void *arg)
{
	(void)m, (void)ev;
	return arg ? LATE : FSM_NEXT;
}

static const struct fsm_state states[] = {
	[IDLE] = { "IDLE", NULL, 0, false },
	[BUSY] = { "BUSY", "T1", 100, false },
	[LATE] = { "LATE", NULL, 0, false },
	[END] = { "END", NULL, 0, true },
	[FAIL] = { "FAIL", NULL, 0, true },
};
static const struct fsm_row rows[] = {
	{ IDLE, EV_GO, BUSY, FSM_M(LATE), elsewhere },
	{ IDLE, EV_BAD, BUSY, 0, astray },
	{ IDLE, EV_CHAIN, BUSY, 0, chain },
	{ BUSY, EV_GO, BUSY, 0, NULL },
	{ BUSY, EV_DONE, END, 0, NULL },
	{ BUSY, EV_TIMER, LATE, 0, NULL },
	{ LATE, EV_DONE, END, 0, NULL },
};
static const char *const evs[] = { "GO", "DONE", "TIMER", "BAD", "CHAIN" };
static const struct fsm_def def = { "test", states, ARRAY_LEN(states), rows, ARRAY_LEN(rows), evs,
	ARRAY_LEN(evs), EV_TIMER, FAIL };

static struct {
	unsigned started, stopped, refused, done;
} seen;
static void t_start(struct fsm *m, uint32_t ms)
{
	(void)m;
	assert_int_equal(100, ms);
	seen.started++;
}
static void t_stop(struct fsm *m)
{
	(void)m;
	seen.stopped++;
}
static void t_moved(struct fsm *m, int from, int ev, int to)
{
	(void)m, (void)from, (void)ev;
	seen.refused += to < 0;
}
static void t_done(struct fsm *m)
{
	(void)m;
	seen.done++;
}
static const struct fsm_env env = { t_start, t_stop, t_moved, t_done };

static void test_walk(void **state)
{
	struct fsm m;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	fsm_init(&m, &def, &env, IDLE);
	assert_int_equal(ERR_STATE, fsm_event(&m, EV_DONE, NULL));
	assert_int_equal(1, seen.refused);
	assert_int_equal(0, fsm_event(&m, EV_GO, NULL));
	assert_string_equal("BUSY", fsm_state_name(&m));
	assert_int_equal(1, seen.started);
	assert_int_equal(0, fsm_event(&m, EV_GO, NULL)); /* a self-loop keeps the timer */
	assert_int_equal(1, seen.started);
	assert_int_equal(0, seen.stopped);
	assert_int_equal(0, fsm_event(&m, EV_TIMER, NULL));
	assert_string_equal("LATE", fsm_state_name(&m));
	assert_int_equal(0, fsm_event(&m, EV_DONE, NULL));
	assert_int_equal(1, seen.done);
	assert_int_equal(ERR_STATE, fsm_event(&m, EV_GO, NULL));

	fsm_init(&m, &def, &env, IDLE);
	assert_int_equal(0, fsm_event(&m, EV_GO, &m));
	assert_string_equal("LATE", fsm_state_name(&m));
	fsm_init(&m, &def, &env, IDLE);
	assert_int_equal(0, fsm_event(&m, EV_BAD, NULL));
	assert_string_equal("FAIL", fsm_state_name(&m));
	fsm_init(&m, &def, &env, IDLE);
	assert_int_equal(0, fsm_event(&m, EV_CHAIN, NULL));
	assert_string_equal("END", fsm_state_name(&m));
}

static void test_table_check(void **state)
{
	static const struct fsm_row twice[] = { { IDLE, EV_GO, BUSY, 0, NULL },
		{ IDLE, EV_GO, LATE, 0, NULL } };
	static const struct fsm_row deaf[] = { { IDLE, EV_GO, BUSY, 0, NULL },
		{ BUSY, EV_GO, LATE, 0, NULL }, { LATE, EV_GO, END, 0, NULL } };
	static const struct fsm_row leaves[] = { { END, EV_GO, IDLE, 0, NULL } };
	static const struct fsm_row range[] = { { IDLE, 9, IDLE, 0, NULL } };
	struct fsm_def d = def;

	(void)state;
	assert_int_equal(0, fsm_check(&def, stderr));
	d.rows = twice, d.nrows = ARRAY_LEN(twice);
	assert_int_equal(ERR_SYNTAX, fsm_check(&d, NULL));
	d.rows = deaf, d.nrows = ARRAY_LEN(deaf); /* nobody handles T1 */
	assert_int_equal(ERR_SYNTAX, fsm_check(&d, NULL));
	d.rows = leaves, d.nrows = ARRAY_LEN(leaves);
	assert_int_equal(ERR_SYNTAX, fsm_check(&d, NULL));
	d.rows = range, d.nrows = ARRAY_LEN(range);
	assert_int_equal(ERR_SYNTAX, fsm_check(&d, NULL));
}

static char order[16];
static void fired(struct tmr *t, void *ctx)
{
	size_t n = strlen(order);

	order[n] = *(const char *)ctx;
	if (order[n] == 'b')
		tmr_start(t, 50); /* again, at 70 */
}

static void test_timers(void **state)
{
	struct tmr_wheel *w = tmr_wheel_new(NULL);
	struct tmr a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };

	(void)state;
	tmr_init(&a, w, fired, "a");
	tmr_init(&b, w, fired, "b");
	tmr_init(&c, w, fired, "c");
	tmr_init(&d, w, fired, "d");
	tmr_start(&c, 60);
	tmr_start(&a, 10);
	tmr_start(&b, 20);
	tmr_start(&d, 30);
	assert_int_equal(10, tmr_next(w));
	tmr_stop(&d);
	tmr_stop(&d);
	assert_false(tmr_pending(&d));
	tmr_advance(w, 15);
	assert_string_equal("a", order);
	assert_int_equal(5, tmr_left(&b));
	tmr_advance(w, 85);
	assert_string_equal("abcb", order);
	tmr_stop(&b);
	assert_true(tmr_next(w) == UINT64_MAX);
	tmr_wheel_free(w);
}

/* Thousands in random order fire in order of time. */
static uint64_t last_at;
static void in_order(struct tmr *t, void *ctx)
{
	const struct tmr_wheel *w = ctx;

	(void)t;
	assert_true(tmr_now(w) >= last_at);
	last_at = tmr_now(w);
}

static void test_many_timers(void **state)
{
	struct tmr_wheel *w = tmr_wheel_new(NULL);
	struct tmr *t = mem_array(5000, sizeof(*t));
	uint32_t x = 12345;

	(void)state;
	last_at = 0;
	for (unsigned i = 0; i < 5000; i++) {
		tmr_init(&t[i], w, in_order, w);
		x = x * 1664525 + 1013904223;
		tmr_start(&t[i], x >> 20);
	}
	for (unsigned i = 0; i < 5000; i += 3)
		tmr_stop(&t[i]);
	tmr_advance(w, 5000);
	for (unsigned i = 0; i < 5000; i++)
		assert_false(tmr_pending(&t[i]));
	free(t);
	tmr_wheel_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_table_check),
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_many_timers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
