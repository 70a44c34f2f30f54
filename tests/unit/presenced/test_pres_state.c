/* The seed's presence with a fake clock: what is told, when, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "presenced/pres_state.h"

#define MINUTE 60000u

struct world {
	struct tmr_wheel *w;
	struct pres_policy policy;
	struct pres_user u;
	struct pres_view v;
	unsigned told;
};

static void changed(struct pres_user *u, const struct pres_view *v, void *ctx)
{
	struct world *x = ctx;

	assert_ptr_equal(u, &x->u);
	x->v = *v;
	x->told++;
}

static int setup(void **state)
{
	static struct world x;

	memset(&x, 0, sizeof(x));
	x.w = tmr_wheel_new(NULL);
	x.policy = (struct pres_policy){ .available_ms = 5 * MINUTE, .inactive_ms = 5 * MINUTE };
	pres_user_init(&x.u, x.w, &x.policy, changed, &x);
	*state = &x;
	return 0;
}

static int teardown(void **state)
{
	struct world *x = *state;

	pres_user_fini(&x->u);
	tmr_wheel_free(x->w);
	return 0;
}

static void table(void **state)
{
	(void)state;
	assert_int_equal(fsm_check(&pres_fsm, stderr), 0);
}

static void the_seeds_day(void **state)
{
	struct world *x = *state;

	pres_user_registered(&x->u, true);
	assert_int_equal(x->v.auto_state, PRES_AWAY);
	assert_int_equal(x->told, 1);

	pres_user_calls(&x->u, 1, false);
	assert_int_equal(x->v.auto_state, PRES_IN_CALL);
	assert_true(x->v.on_phone);
	tmr_advance(x->w, 60 * MINUTE);
	assert_int_equal(x->told, 2);

	pres_user_calls(&x->u, 2, false); /* a waiting call changes nothing */
	pres_user_calls(&x->u, 1, false);
	assert_int_equal(x->told, 2);
	pres_user_calls(&x->u, 0, false);
	assert_int_equal(x->v.auto_state, PRES_AVAILABLE);
	assert_false(x->v.on_phone);

	tmr_advance(x->w, 5 * MINUTE - 1);
	assert_int_equal(x->told, 3);
	tmr_advance(x->w, 1);
	assert_int_equal(x->v.auto_state, PRES_INACTIVE);
	tmr_advance(x->w, 5 * MINUTE - 1);
	assert_int_equal(x->told, 4);
	tmr_advance(x->w, 1);
	assert_int_equal(x->v.auto_state, PRES_AWAY);
	tmr_advance(x->w, 24 * 60 * MINUTE);
	assert_int_equal(x->told, 5);
}

static void use_restarts_the_time(void **state)
{
	struct world *x = *state;

	pres_user_registered(&x->u, true);
	pres_user_used(&x->u);
	assert_int_equal(x->v.auto_state, PRES_AVAILABLE);
	tmr_advance(x->w, 4 * MINUTE);
	pres_user_used(&x->u);
	tmr_advance(x->w, 4 * MINUTE);
	assert_int_equal(x->v.auto_state, PRES_AVAILABLE);
	tmr_advance(x->w, 1 * MINUTE);
	assert_int_equal(x->v.auto_state, PRES_INACTIVE);
	assert_int_equal(x->told, 3);
}

static void manual_state_ends_when_asked(void **state)
{
	struct world *x = *state;

	pres_user_registered(&x->u, true);
	pres_user_manual(&x->u, PRES_MANUAL_DND, 60);
	assert_int_equal(x->v.manual, PRES_MANUAL_DND);
	assert_int_equal(x->v.auto_state, PRES_AVAILABLE);
	tmr_advance(x->w, 60 * MINUTE);
	assert_int_equal(x->v.manual, PRES_MANUAL_NONE);
	pres_user_manual(&x->u, PRES_MANUAL_BUSY, 0);
	tmr_advance(x->w, 48 * 60 * MINUTE);
	assert_int_equal(x->v.manual, PRES_MANUAL_BUSY);
	pres_user_manual(&x->u, PRES_MANUAL_NONE, 0);
	assert_int_equal(x->v.manual, PRES_MANUAL_NONE);
}

static void agents_do_not_fall_asleep(void **state)
{
	struct world *x = *state;

	x->policy.agent = PRES_AGENT_AVAILABLE;
	pres_user_registered(&x->u, true);
	assert_int_equal(x->v.auto_state, PRES_AVAILABLE);
	tmr_advance(x->w, 600 * MINUTE);
	assert_int_equal(x->v.auto_state, PRES_AVAILABLE);
	pres_user_reach(&x->u, false); /* out of coverage: as everybody */
	tmr_advance(x->w, 5 * MINUTE);
	assert_int_equal(x->v.auto_state, PRES_INACTIVE);
	tmr_advance(x->w, 5 * MINUTE);
	assert_int_equal(x->v.auto_state, PRES_AWAY);
	pres_user_reach(&x->u, true);
	assert_int_equal(x->v.auto_state, PRES_AVAILABLE);

	x->policy.agent = PRES_AGENT_INACTIVE;
	tmr_advance(x->w, 600 * MINUTE);
	assert_int_equal(x->v.auto_state, PRES_INACTIVE);
}

static void gone_is_offline_only_where_wanted(void **state)
{
	struct world *x = *state;

	pres_user_registered(&x->u, true);
	pres_user_reach(&x->u, false);
	assert_false(x->v.offline);
	assert_int_equal(x->told, 1);
	x->policy.offline_when_gone = true;
	pres_user_reach(&x->u, false);
	assert_true(x->v.offline);
	pres_user_reach(&x->u, true);
	assert_false(x->v.offline);
}

static void registration_again_publishes_again(void **state)
{
	struct world *x = *state;

	pres_user_registered(&x->u, true);
	pres_user_calls(&x->u, 1, true);
	assert_true(x->v.conference);
	pres_user_registered(&x->u, false);
	assert_int_equal(x->v.auto_state, PRES_UNREGISTERED);
	assert_false(x->v.on_phone);
	pres_user_registered(&x->u, true);
	assert_int_equal(x->v.auto_state, PRES_IN_CALL);
	assert_int_equal(x->told, 4);
	pres_user_registered(&x->u, true); /* a refresh that the server lost */
	assert_int_equal(x->told, 5);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = { T(table), T(the_seeds_day), T(use_restarts_the_time),
		T(manual_state_ends_when_asked), T(agents_do_not_fall_asleep),
		T(gone_is_offline_only_where_wanted), T(registration_again_publishes_again) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
