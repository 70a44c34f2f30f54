/* RFC 3903 with a fake clock: first, change, refresh, removal, 412, 423, refusals, silence; and as many changes as there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/id.h"
#include "common/mem.h"
#include "presenced/publish.h"

struct world {
	struct tmr_wheel *w;
	struct publish p;
	unsigned sent, with_body, forgot, tags;
	bool body, deaf;
	uint32_t expires;
	char tag[PUBLISH_TAG];
};
static struct world *world_of(struct publish *p)
{
	return CONTAINER_OF(p, struct world, p);
}
static bool put(struct publish *p, bool body, const char *tag, uint32_t expires)
{
	struct world *x = world_of(p);

	if (x->deaf)
		return false;
	x->sent++;
	x->with_body += body;
	x->body = body;
	x->expires = expires;
	strcpy(x->tag, tag);
	return true;
}
static void forget(struct publish *p)
{
	world_of(p)->forgot++;
}
static void tag(struct publish *p)
{
	world_of(p)->tags++;
}
static const struct publish_ops ops = { put, forget, tag };
static void answer(struct world *x, uint32_t code, const char *t)
{
	publish_answer(&x->p, code, slice_str(t), 600, 0, 0);
}
static int setup(void **state)
{
	static struct world x;

	memset(&x, 0, sizeof(x));
	x.w = tmr_wheel_new(NULL);
	publish_init(&x.p, x.w, &ops);
	publish_want(&x.p, 1);
	publish_up(&x.p, 600, 0, "", 0);
	tmr_advance(x.w, 5);
	assert_int_equal(x.sent, 1);
	assert_true(x.body);
	assert_string_equal(x.tag, "");
	assert_int_equal(x.expires, 600);
	*state = &x;
	return 0;
}
static int teardown(void **state)
{
	struct world *x = *state;

	publish_fini(&x->p);
	tmr_wheel_free(x->w);
	return 0;
}
static void table(void **state)
{
	(void)state;
	assert_int_equal(fsm_check(&publish_fsm, stderr), 0);
}
static void life(void **state)
{
	struct world *x = *state;

	answer(x, 200, "a");
	assert_true(publish_live(&x->p));
	tmr_advance(x->w, 440000);
	assert_int_equal(x->sent, 1);
	tmr_advance(x->w, 60000); /* a refresh before four fifths: no document, the tag */
	assert_int_equal(x->sent, 2);
	assert_false(x->body);
	assert_string_equal(x->tag, "a");
	answer(x, 200, "b"); /* the tag is another one each time */
	publish_want(&x->p, 2);
	assert_false(publish_live(&x->p));
	tmr_advance(x->w, 10);
	assert_int_equal(x->sent, 3);
	assert_true(x->body);
	assert_string_equal(x->tag, "b");
	/* while it is under way: there and back is nothing, elsewhere is one more, a second later */
	publish_want(&x->p, 3);
	publish_want(&x->p, 2);
	answer(x, 200, "c");
	assert_true(publish_live(&x->p));
	publish_want(&x->p, 4);
	publish_want(&x->p, 5);
	tmr_advance(x->w, 900);
	assert_int_equal(x->sent, 3);
	tmr_advance(x->w, 200);
	assert_int_equal(x->sent, 4);
	assert_string_equal(x->tag, "c");
	answer(x, 200, "d");
	publish_down(&x->p, true);
	assert_int_equal(x->sent, 5);
	assert_int_equal(x->expires, 0);
	assert_false(x->body);
	assert_string_equal(x->tag, "d");
	assert_string_equal(x->p.tag, "");
	tmr_advance(x->w, 7200000);
	assert_int_equal(x->sent, 5);
}
static void forgotten(void **state)
{
	struct world *x = *state;

	answer(x, 200, "a");
	tmr_advance(x->w, 500000);
	assert_int_equal(x->sent, 2);
	answer(x, 412, "");
	tmr_advance(x->w, 10);
	assert_int_equal(x->sent, 3);
	assert_true(x->body);
	assert_string_equal(x->tag, "");
	/* 412 for ever: not in a loop */
	answer(x, 412, "");
	tmr_advance(x->w, 10);
	answer(x, 412, "");
	tmr_advance(x->w, 2000);
	unsigned before = x->sent;
	for (int i = 0; i < 60; i++) {
		answer(x, 412, "");
		tmr_advance(x->w, 1000);
	}
	assert_true(x->sent - before < 15);
}
static void brief(void **state)
{
	struct world *x = *state;

	publish_answer(&x->p, 423, slice_str(""), 0, 1800, 0);
	tmr_advance(x->w, 10);
	assert_int_equal(x->sent, 2);
	assert_int_equal(x->expires, 1800);
	publish_answer(&x->p, 423, slice_str(""), 0, 1800, 0); /* makes no sense */
	tmr_advance(x->w, 3600000);
	assert_int_equal(x->sent, 2);
	assert_true(x->p.why[0]);
}
static void refused(void **state)
{
	static const uint32_t codes[] = { 403, 404, 405, 415, 489, 501 };
	struct world *x = *state;

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		unsigned before = x->sent;

		answer(x, codes[i], "");
		publish_want(&x->p, 100 + i);
		tmr_advance(x->w, 7200000);
		assert_int_equal(x->sent, before);
		publish_down(&x->p, true); /* there is nothing to take back */
		assert_int_equal(x->sent, before);
		publish_up(&x->p, 600, 0, "", 0); /* the next registration tries again */
		tmr_advance(x->w, 10);
		assert_int_equal(x->sent, before + 1);
	}
}
static void silent(void **state)
{
	struct world *x = *state;

	answer(x, 200, "a");
	publish_want(&x->p, 9);
	tmr_advance(x->w, 1100);
	for (int i = 0; i < 10; i++) {
		unsigned before = x->sent;

		answer(x, i & 1 ? 408 : 503, "");
		tmr_advance(x->w, 3000);
		assert_int_equal(x->sent, before); /* never at once */
		tmr_advance(x->w, 400000);
		assert_int_equal(x->sent, before + 1);
	}
	/* it lapsed meanwhile */
	assert_string_equal(x->tag, "");
	assert_true(x->body);
	answer(x, 200, "b");
	assert_true(publish_live(&x->p));
	/* Retry-After is obeyed */
	publish_want(&x->p, 10);
	tmr_advance(x->w, 1100);
	unsigned before = x->sent;
	publish_answer(&x->p, 503, slice_str(""), 0, 0, 120);
	tmr_advance(x->w, 119000);
	assert_int_equal(x->sent, before);
	tmr_advance(x->w, 2000);
	assert_int_equal(x->sent, before + 1);
}
static void restart(void **state)
{
	struct world *x = *state;

	answer(x, 200, "a");
	publish_down(&x->p, false); /* sipd went away: nothing can be said */
	assert_int_equal(x->sent, 1);
	publish_up(&x->p, 600, 0, "a", 300000);
	tmr_advance(x->w, 10);
	assert_int_equal(x->sent, 2); /* the old publication is changed, not doubled */
	assert_true(x->body);
	assert_string_equal(x->tag, "a");
	publish_down(&x->p, false);
	publish_up(&x->p, 600, 500000, "a", 300000); /* its turn comes after it lapsed */
	tmr_advance(x->w, 500010);
	assert_string_equal(x->tag, "");
}
static void pressure(void **state)
{
	struct world *x = *state;
	unsigned changes = 0;
	uint64_t last = 1;

	id_seed_for_tests(3);
	answer(x, 200, "a");
	for (int i = 0; i < 5000; i++) {
		uint64_t next = 1 + id_below(4);
		unsigned before = x->sent;

		changes += next != last;
		last = next;
		publish_want(&x->p, next);
		x->deaf = id_below(10) == 0;
		tmr_advance(x->w, id_below(1500));
		if (x->sent > before)
			answer(x, 200, "n");
	}
	assert_true(x->with_body <= changes + 1);
	x->deaf = false;
	tmr_advance(x->w, 400000);
	answer(x, 200, "z");
	assert_true(publish_live(&x->p));
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test_setup_teardown(life, setup, teardown),
		cmocka_unit_test_setup_teardown(forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(brief, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(silent, setup, teardown),
		cmocka_unit_test_setup_teardown(restart, setup, teardown),
		cmocka_unit_test_setup_teardown(pressure, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
