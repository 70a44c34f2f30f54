/* The end of a subscription from either side, one that begins right after it, and certd's limit (EN 300 175-5 13.5.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dectd/mm_priv.h"
#include "mm_rig.h"

static void test_terminate(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;

	pp->state = PP_LOCATED;
	assert_int_equal(mm_terminate(t->g.r.mm, pp, rig_done, &t->g), 0);
	tmr_advance(t->g.air.w, 5);
	hs_pump(&t->h);
	assert_string_equal(t->h.other, "page 1 00abcd\npage 2 00abcd\n");
	hs_first(&t->h, 0xe1234, "0071 " IPUI);
	hs_expect(&t->h, "0548050780a8010012abcd0606a0a011234567\n");
	/* It wants to know whether we are who we say. */
	hs_say(&t->h, "0540 0a03011800 0c08a94e0d137b2c65f8");
	hs_expect(&t->h, "85410d048f6abe6b0e080f1e2d3c4b5a6978\n");
	hs_say(&t->h, "8549");
	hs_wait(&t->h, 5);
	asked(&t->g, "ft1 erase ");
	assert_int_equal(t->g.done, 1);
	assert_int_equal(t->g.done_err, 0);
	assert_null(pp_by_ipei(t->g.r.pps, SLICE_LIT(IPEI)));
}

/* It subscribes anew the moment its rights are gone, before certd has forgotten the old key. */
static void test_subscribe_after_terminate(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;

	pp->state = PP_LOCATED;
	assert_int_equal(subs_open(t->g.r.subs, SUBS_ONE, IPEI, 60000), 0);
	assert_int_equal(mm_terminate(t->g.r.mm, pp, rig_done, &t->g), 0);
	tmr_advance(t->g.air.w, 5);
	hs_pump(&t->h);
	hs_first(&t->h, 0xe1234, "0071 " IPUI);
	hs_expect(&t->h, "0548050780a8010012abcd0606a0a011234567\n");
	t->g.deaf = true; /* certd is slow */
	t->g.rand = "1f8e6a0b52c973d4";
	t->g.rs = "3c5a7719e2d40b86";
	t->g.res1 = "89b381e2";
	hs_say(&t->h, "8549");
	hs_say(&t->h, RIGHTS);
	assert_int_equal(t->g.done, 0);
	t->g.deaf = false;
	for (unsigned i = 0; i < ASKS; i++)
		if (t->g.asks[i].fn)
			tmr_start(&t->g.asks[i].tmr, 1 + i);
	t->h.rx[0] = '\0';
	hs_wait(&t->h, 100);
	assert_int_equal(t->g.done, 1);
	assert_true(t->h.up);
	hs_expect(&t->h, "05420b0201880c081f8e6a0b52c973d40e083c5a7719e2d40b86\n");
	hs_say(&t->h, "8540 0a03014800 0c08a94e0d137b2c65f8 0d0489b381e2");
	hs_expect(&t->h, "05410d048f6abe6b\n"
	                 "8545050780a8010012abcd0606a0a01123456707015f0a03011800\n");
	pp = pp_by_ipei(t->g.r.pps, SLICE_LIT(IPEI));
	assert_non_null(pp);
	assert_true(pp->subscribed);
}

/* certd answers no more a second: the handset is told that it takes longer, and not refused. */
static void test_certd_limit(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;

	t->g.err = ERR_BUSY;
	hs_first(&t->h, 0xe1234, LOCATE);
	hs_expect(&t->h, "856ee500\n856ee500\n856ee500\n");
	assert_int_equal(mm_stats(t->g.r.mm)->locate_rejects, 0);
	/* Its MM_locate.1 ran out. */
	t->g.err = 0;
	hs_say(&t->h, LOCATE);
	hs_expect(&t->h, AUTH);
	assert_int_equal(pp->failures, 0);
}

/* Nobody answers the pages: it is deleted here, and the next registration is refused. */
static void test_terminate_unreachable(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;

	assert_int_equal(mm_terminate(t->g.r.mm, pp, rig_done, &t->g), 0);
	hs_wait(&t->h, 13000);
	assert_int_equal(t->g.done, 1);
	assert_int_equal(t->g.done_err, ERR_LOST);
	assert_null(pp_by_ipei(t->g.r.pps, SLICE_LIT(IPEI)));
	hs_first(&t->h, 0xe1234, LOCATE);
	hs_expect(&t->h, "8557600102\n");
	/* certd away: nothing is done. */
	pp = subscribed(&t->g);
	t->g.away = true;
	assert_int_equal(mm_terminate(t->g.r.mm, pp, rig_done, &t->g), ERR_BUSY);
}

static void test_terminate_by_handset(void **state)
{
	struct mm_test *t = *state;

	hs_first(&t->h, 0xe1234, "0548 " IPUI);
	hs_expect(&t->h, AUTH);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_expect(&t->h, "8549\n");
	assert_null(pp_by_ipei(t->g.r.pps, SLICE_LIT(IPEI)));
}

/* It gave them up, certd has not forgotten its key yet, and the administrator takes them away, too: he hears of the end. */
static void test_terminate_twice(void **state)
{
	struct mm_test *t = *state;

	t->pp->state = PP_LOCATED;
	hs_first(&t->h, 0xe1234, "0548 " IPUI);
	hs_expect(&t->h, AUTH);
	air_msg(&t->g.air, t->h.base, t->h.mcei, t->h.ns, t->h.nr, "8541 0d04b3d4cf3b");
	t->g.deaf = true;
	hs_expect(&t->h, "8549\n");
	air_dis(&t->g.air, t->h.base, t->h.mcei, 1);
	assert_int_equal(mm_terminate(t->g.r.mm, t->pp, rig_done, &t->g), 0);
	hs_wait(&t->h, 5);
	for (unsigned i = 0; i < ASKS; i++)
		if (t->g.asks[i].fn)
			tmr_start(&t->g.asks[i].tmr, 1);
	hs_wait(&t->h, 60000);
	assert_null(pp_by_ipei(t->g.r.pps, SLICE_LIT(IPEI)));
	assert_int_equal(t->g.done, 1);
	assert_int_equal(t->g.done_err, 0);
}

/* It gives rights up: those of another system are not ours to take; ours may be one of several, or meant by naming none. */
static void test_other_systems_rights(void **state)
{
	static const struct {
		const char *parks, *want;
		bool gone;
	} c[] = {
		{ "0606 a0a0 12345678", "854b600164\n", false },
		{ "d1 0606 a0a0 12345678 0606 a0a0 21234567", "854b600164\n", false },
		{ "d1 0606 a0a0 12345678 0606 a0a0 11234567", AUTH, true },
	};
	struct mm_test *t = *state;
	char msg[160];

	hs_first(&t->h, 0xe1234, CALLS);
	lce_hold(lce_next(t->g.r.lce, NULL), NWK_CC);
	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		(void)snprintf(msg, sizeof(msg), "0548 " IPUI "%s", c[i].parks);
		hs_say(&t->h, msg);
		hs_expect(&t->h, c[i].want);
		if (!c[i].gone)
			continue;
		hs_say(&t->h, "8541 0d04b3d4cf3b");
		hs_expect(&t->h, "8549\n");
		hs_wait(&t->h, 5);
		assert_null(pp_by_ipei(t->g.r.pps, SLICE_LIT(IPEI)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MM_TEST(test_terminate),
		MM_TEST(test_subscribe_after_terminate),
		MM_TEST(test_terminate_unreachable),
		MM_TEST(test_terminate_by_handset),
		MM_TEST(test_terminate_twice),
		MM_TEST(test_certd_limit),
		MM_TEST(test_other_systems_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
