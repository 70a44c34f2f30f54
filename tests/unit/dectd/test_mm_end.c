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
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	pp->state = PP_LOCATED;
	assert_int_equal(mm_terminate(g.r.mm, pp, rig_done, &g), 0);
	tmr_advance(g.air.w, 5);
	hs_pump(&h);
	assert_string_equal(h.other, "page 1 00abcd\npage 2 00abcd\n");
	hs_first(&h, 0xe1234, "0071 " IPUI);
	hs_expect(&h, "0548050780a8010012abcd0606a0a011234567\n");
	/* It wants to know whether we are who we say. */
	hs_say(&h, "0540 0a03011800 0c08a94e0d137b2c65f8");
	hs_expect(&h, "85410d048f6abe6b0e080f1e2d3c4b5a6978\n");
	hs_say(&h, "8549");
	hs_wait(&h, 5);
	asked(&g, "ft1 erase ");
	assert_int_equal(g.done, 1);
	assert_int_equal(g.done_err, 0);
	assert_null(pp_by_ipei(g.r.pps, SLICE_LIT(IPEI)));
	rig_fini(&g);
}

/* It subscribes anew the moment its rights are gone, before certd has forgotten the old key. */
static void test_subscribe_after_terminate(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	pp->state = PP_LOCATED;
	assert_int_equal(subs_open(g.r.subs, SUBS_ONE, IPEI, 60000), 0);
	assert_int_equal(mm_terminate(g.r.mm, pp, rig_done, &g), 0);
	tmr_advance(g.air.w, 5);
	hs_pump(&h);
	hs_first(&h, 0xe1234, "0071 " IPUI);
	hs_expect(&h, "0548050780a8010012abcd0606a0a011234567\n");
	g.deaf = true; /* certd is slow */
	g.rand = "1f8e6a0b52c973d4";
	g.rs = "3c5a7719e2d40b86";
	g.res1 = "89b381e2";
	hs_say(&h, "8549");
	hs_say(&h, RIGHTS);
	assert_int_equal(g.done, 0);
	g.deaf = false;
	for (unsigned i = 0; i < ASKS; i++)
		if (g.asks[i].fn)
			tmr_start(&g.asks[i].tmr, 1 + i);
	h.rx[0] = '\0';
	hs_wait(&h, 100);
	assert_int_equal(g.done, 1);
	assert_true(h.up);
	hs_expect(&h, "05420b0201880c081f8e6a0b52c973d40e083c5a7719e2d40b86\n");
	hs_say(&h, "8540 0a03014800 0c08a94e0d137b2c65f8 0d0489b381e2");
	hs_expect(&h, "05410d048f6abe6b\n"
	              "8545050780a8010012abcd0606a0a01123456707015f0a03011800\n");
	pp = pp_by_ipei(g.r.pps, SLICE_LIT(IPEI));
	assert_non_null(pp);
	assert_true(pp->subscribed);
	rig_fini(&g);
}

/* certd answers no more a second: the handset is told that it takes longer, and not refused. */
static void test_certd_limit(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	g.err = ERR_BUSY;
	hs_first(&h, 0xe1234, LOCATE);
	hs_expect(&h, "856ee500\n856ee500\n856ee500\n");
	assert_int_equal(mm_stats(g.r.mm)->locate_rejects, 0);
	/* Its MM_locate.1 ran out. */
	g.err = 0;
	hs_say(&h, LOCATE);
	hs_expect(&h, "05400a030118180c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	assert_int_equal(pp->failures, 0);
	rig_fini(&g);
}

/* Nobody answers the pages: it is deleted here, and the next registration is refused. */
static void test_terminate_unreachable(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	assert_int_equal(mm_terminate(g.r.mm, pp, rig_done, &g), 0);
	hs_wait(&h, 13000);
	assert_int_equal(g.done, 1);
	assert_int_equal(g.done_err, ERR_LOST);
	assert_null(pp_by_ipei(g.r.pps, SLICE_LIT(IPEI)));
	hs_first(&h, 0xe1234, LOCATE);
	hs_expect(&h, "8557600102\n");
	/* certd away: nothing is done. */
	pp = subscribed(&g);
	g.away = true;
	assert_int_equal(mm_terminate(g.r.mm, pp, rig_done, &g), ERR_BUSY);
	rig_fini(&g);
}

static void test_terminate_by_handset(void **state)
{
	struct rig g;
	struct hs h;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	(void)subscribed(&g);
	hs_first(&h, 0xe1234, "0548 " IPUI);
	hs_expect(&h, "05400a030118180c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_expect(&h, "8549\n");
	assert_null(pp_by_ipei(g.r.pps, SLICE_LIT(IPEI)));
	rig_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terminate),
		cmocka_unit_test(test_subscribe_after_terminate),
		cmocka_unit_test(test_terminate_unreachable),
		cmocka_unit_test(test_terminate_by_handset),
		cmocka_unit_test(test_certd_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
