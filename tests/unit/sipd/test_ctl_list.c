/* dectctl call list: a call that lives is told once, whatever begins and ends between two pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rig.h"

#include "tests/support/ctl_page.h"

#define CALLS 1200

struct t {
	struct rig *r;
	struct call *c[CALLS];
	unsigned told[CALLS + 1];
};

static void on_row(void *ctx, const ProtobufCMessage *body)
{
	struct t *t = ctx;
	uint64_t ref = strtoull(((const Ctl__CallRow *)body)->call, NULL, 16);

	assert_true(ref <= CALLS);
	t->told[ref]++;
}

static struct call *begin(struct t *t, uint64_t ref)
{
	struct sipd *s = sipd_of(&t->r->d);
	struct leg *l = leg_dect_new(s, users_next(s->users, NULL));
	struct call *c = call_new(s, l);

	c->ref = ref;
	return c;
}

static void end(struct call *c)
{
	struct call_arg arg = { .leg = c->a, .cause = CAUSE_NORMAL };

	assert_int_equal(call_event(c, CALL_EV_END, &arg), 0);
}

static void between(void *ctx)
{
	struct t *t = ctx;

	for (unsigned i = 0, n = 0; i < CALLS && n < 10; i++)
		if (t->c[i]) {
			assert_int_equal(t->told[i], 1);
			end(t->c[i]);
			t->c[i] = NULL;
			n++;
		}
	rig_turn(t->r);
	(void)begin(t, CALLS);
}

static void pages(void **state)
{
	struct t *t = mem_new(sizeof(*t));

	(void)state;
	t->r = rig_new("[sipd]\n");
	rig_add_user(t->r, "201", "", NULL, NULL);
	for (unsigned i = 0; i < CALLS; i++)
		t->c[i] = begin(t, i);
	assert_true(
	    ctl_pages(&t->r->d, sipd_cmds, sipd_ncmds, "call", "list", on_row, between, t) > 2);
	for (unsigned i = 0; i < CALLS; i++)
		assert_int_equal(t->told[i], 1);
	assert_true(t->told[CALLS] > 0);
	rig_free(t->r);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(pages) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
