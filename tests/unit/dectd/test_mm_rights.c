/* Access rights on the air: subscription by key allocation, access codes, windows, lists, whose identity it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dectd/mm_priv.h"
#include "mm_rig.h"

/* dect-nwk 15.1 octet for octet. */
static void test_subscription(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp;

	t->g.rand = "1f8e6a0b52c973d4";
	t->g.rs = "3c5a7719e2d40b86";
	t->g.res1 = "89b381e2";
	assert_int_equal(subs_open(t->g.r.subs, SUBS_ONE, IPEI, 60000), 0);
	hs_first(&t->h, 0xe1234, RIGHTS);
	hs_expect(&t->h, "05420b0201880c081f8e6a0b52c973d40e083c5a7719e2d40b86\n");
	asked(&t->g, "key1(subscription) ");
	hs_say(&t->h, "8540 0a03014800 0c08a94e0d137b2c65f8 0d0489b381e2");
	hs_expect(&t->h, "05410d048f6abe6b\n"
	                 "8545050780a8010012abcd0606a0a01123456707015f0a03011800\n");
	asked(&t->g, "keycheck ");
	pp = pp_by_ipei(t->g.r.pps, SLICE_LIT(IPEI));
	assert_non_null(pp);
	assert_true(pp->subscribed);
	assert_false(pp->confirmed);
	assert_true(pp->caps.known);
	/* The window was for it alone. */
	uint64_t left;
	const char *ipei;
	unsigned failures;
	assert_int_equal(subs_state(t->g.r.subs, &left, &ipei, &failures), SUBS_CLOSED);
	/* It serves nobody yet: that is listed. */
	assert_false(list_empty(subs_pending(t->g.r.subs)));
}

static void test_closed(void **state)
{
	struct mm_test *t = *state;

	hs_first(&t->h, 0xe1234, RIGHTS);
	hs_expect(&t->h, "8547600105\n");
	asked(&t->g, "");
}

/* Listed handsets only, unless wildcard; users' own codes first, else the common one. */
static void test_lists(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp;

	assert_int_equal(subs_open(t->g.r.subs, SUBS_LIST, NULL, 60000), 0);
	hs_first(&t->h, 0xe1234, RIGHTS);
	hs_expect(&t->h, "8547600105\n");
	hs_wait(&t->h, 15000);

	(void)pp_user_put(
	    t->g.r.pps, &(struct pp_user_in){ .name = SLICE_LIT("anna"), .ipei = SLICE_LIT(IPEI) });
	hs_init(&t->h, &t->g, 4);
	hs_first(&t->h, 0xe1235, RIGHTS);
	asked(&t->g, "key1(anna) ");
	hs_expect(&t->h, "05420b0201880c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	asked(&t->g, "key1(subscription) "); /* she has none of her own */
	hs_say(&t->h, "8540 0a03014800 0c08a94e0d137b2c65f8 0d04b3d4cf3b");
	hs_wait(&t->h, 5);
	pp = pp_by_user(t->g.r.pps, SLICE_LIT("anna"));
	assert_non_null(pp);
	assert_true(pp->subscribed);
	assert_ptr_equal(pp->user->pp, pp);
	/* Another user gets the handset: the former link is gone. */
	(void)pp_user_put(
	    t->g.r.pps, &(struct pp_user_in){ .name = SLICE_LIT("bert"), .ipei = SLICE_LIT(IPEI) });
	assert_null(pp_by_user(t->g.r.pps, SLICE_LIT("anna")));
	assert_ptr_equal(pp_by_user(t->g.r.pps, SLICE_LIT("bert")), pp);
	pp_user_gone(t->g.r.pps, SLICE_LIT("bert"));
	assert_null(pp->user);
}

static void test_wrong_code(void **state)
{
	struct rig g;
	struct hs h;
	uint64_t left;
	const char *ipei;
	unsigned failures;

	(void)state;
	rig_init(&g, NULL);
	assert_int_equal(subs_open(g.r.subs, SUBS_WILDCARD, NULL, 120000), 0);
	for (unsigned i = 1; i <= 3; i++) {
		hs_init(&h, &g, (uint8_t)(2 + i));
		hs_first(&h, 0xe1234 + i, RIGHTS);
		hs_wait(&h, 5);
		h.rx[0] = '\0';
		hs_say(&h, "8540 0a03014800 0c08a94e0d137b2c65f8 0d0400000000");
		hs_expect(&h, "0543600110\n8547600110\n");
		hs_wait(&h, 15000);
	}
	assert_int_equal(subs_state(g.r.subs, &left, &ipei, &failures), SUBS_CLOSED);
	assert_int_equal(mm_stats(g.r.mm)->wrong_codes, 3);
	assert_null(pp_by_ipei(g.r.pps, SLICE_LIT(IPEI)));
	/* A new window does not let it in … */
	assert_int_equal(subs_open(g.r.subs, SUBS_WILDCARD, NULL, 60000), 0);
	hs_init(&h, &g, 9);
	hs_first(&h, 0xe1300, RIGHTS);
	hs_expect(&h, "8547600105\n");
	hs_wait(&h, 15000);
	/* … but the administrator does. */
	assert_int_equal(subs_open(g.r.subs, SUBS_ONE, IPEI, 60000), 0);
	hs_init(&h, &g, 10);
	hs_first(&h, 0xe1301, RIGHTS);
	hs_expect(&h, "05420b0201880c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	rig_fini(&g);
}

static void test_window_ends(void **state)
{
	struct rig g;
	uint64_t left;
	const char *ipei;
	unsigned failures;

	(void)state;
	rig_init(&g, NULL);
	assert_int_equal(subs_open(g.r.subs, SUBS_LIST, NULL, 121000), ERR_VALUE);
	assert_int_equal(subs_open(g.r.subs, SUBS_LIST, NULL, 120000), 0);
	tmr_advance(g.air.w, 119999);
	assert_int_equal(subs_state(g.r.subs, &left, &ipei, &failures), SUBS_LIST);
	tmr_advance(g.air.w, 1);
	assert_int_equal(subs_state(g.r.subs, &left, &ipei, &failures), SUBS_CLOSED);
	rig_fini(&g);
}

/* Key allocation that nobody answers: once more, then rejected. */
static void test_key_silence(void **state)
{
	struct mm_test *t = *state;

	assert_int_equal(subs_open(t->g.r.subs, SUBS_WILDCARD, NULL, 60000), 0);
	hs_first(&t->h, 0xe1234, RIGHTS);
	hs_wait(&t->h, 5);
	t->h.rx[0] = '\0';
	hs_wait(&t->h, 10050);
	hs_expect(&t->h, "05420b0201880c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	hs_wait(&t->h, 10050);
	hs_expect(&t->h, "8547600110\n");
	assert_null(pp_by_ipei(t->g.r.pps, SLICE_LIT(IPEI)));
}

static void test_no_code(void **state)
{
	struct mm_test *t = *state;

	t->g.ac = NULL;
	assert_int_equal(subs_open(t->g.r.subs, SUBS_WILDCARD, NULL, 60000), 0);
	hs_first(&t->h, 0xe1234, RIGHTS);
	hs_expect(&t->h, "8547600105\n");
	const struct subs_pending *p =
	    LIST_ENTRY(subs_pending(t->g.r.subs)->next, struct subs_pending, node);
	assert_non_null(strstr(p->reason, "no access code is set"));
}

/* IPEI clash: a second device subscribes with an IPEI that is subscribed. Without the code nothing changes. */
static void test_ipei_clash(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;

	pp->state = PP_LOCATED;
	assert_int_equal(subs_open(t->g.r.subs, SUBS_WILDCARD, NULL, 60000), 0);
	hs_first(&t->h, 0xe1234, RIGHTS);
	hs_wait(&t->h, 5);
	t->h.rx[0] = '\0';
	hs_say(&t->h, "8540 0a03014800 0c08a94e0d137b2c65f8 0d0400000000");
	hs_expect(&t->h, "0543600110\n8547600110\n");
	assert_true(pp->subscribed && pp->confirmed);
	assert_int_equal(pp->state, PP_LOCATED);
}

/* Two handsets with one identity: the second has to prove itself; it cannot. */
static void test_clone(void **state)
{
	struct rig g;
	struct hs h, clone;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	g.conf.tpui = false;
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	hs_first(&h, 0xe1234, LOCATE);
	hs_wait(&h, 5);
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_cipher(&h);
	hs_wait(&h, 5);
	assert_int_equal(pp->state, PP_LOCATED);
	hs_init(&clone, &g, 4);
	hs_first(&clone, 0xe9999, LOCATE);
	hs_wait(&clone, 100);
	/* Either it is refused, or it failed to prove itself; the true one stays registered. */
	assert_int_equal(pp->state, PP_LOCATED);
	assert_int_equal(pp->base, 1);
	if (strstr(clone.rx, "0540")) {
		hs_say(&clone, "8541 0d0400000000");
		hs_wait(&clone, 5);
		assert_int_equal(pp->failures, 1);
	}
	assert_int_equal(pp->state, PP_LOCATED);
	rig_fini(&g);
}

/* Deleted in the middle of its own procedures. */
static void test_deleted_meanwhile(void **state)
{
	(void)state;
	for (int at = 0; at < 4; at++) {
		struct rig g;
		struct hs h;
		struct pp *pp;

		rig_init(&g, NULL);
		hs_init(&h, &g, 3);
		pp = subscribed(&g);
		hs_first(&h, 0xe1234, LOCATE);
		mm_secure(g.r.mm, pp, rig_done, &g);
		if (at > 0)
			hs_wait(&h, 5);
		if (at > 1)
			hs_say(&h, "8541 0d04b3d4cf3b");
		if (at > 2)
			hs_cipher(&h);
		mm_pp_gone(g.r.mm, pp);
		assert_int_equal(pp_delete(pp), 0);
		hs_pump(&h);
		if (at == 1 && h.up)
			hs_say(&h, "8541 0d04b3d4cf3b");
		if (at == 2 && h.up)
			(void)!mac_input(g.air.mac, 1, (uint8_t[]){ 0x7a, 0x0a, 3, 1, 0, 0, 0 }, 7);
		hs_wait(&h, 12000);
		assert_int_equal(g.done, 1);
		assert_int_equal(g.done_err, ERR_LOST);
		rig_fini(&g);
	}
}

/* It began to subscribe anew and did not get to the end: what it had goes on, and its code is not used up. */
static void test_former_key(void **state)
{
	struct mm_test *t = *state;

	t->pp->confirmed = false;
	(void)snprintf(t->pp->ac, sizeof(t->pp->ac), "anna");
	t->g.former = true;
	t->g.conf.tpui = false;
	hs_first(&t->h, 0xe1234, LOCATE);
	hs_expect(&t->h, AUTH);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_expect(&t->h, "054c19028198\n");
	asked(&t->g, "pt1 check "); /* nothing is confirmed */
	assert_true(t->pp->confirmed);
	assert_string_equal(t->pp->ac, "");
	hs_cipher(&t->h);
	hs_expect(&t->h, "8555050007015f\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MM_TEST_NEW(test_subscription),
		MM_TEST_NEW(test_closed),
		MM_TEST_NEW(test_lists),
		cmocka_unit_test(test_wrong_code),
		cmocka_unit_test(test_window_ends),
		MM_TEST_NEW(test_key_silence),
		MM_TEST_NEW(test_no_code),
		MM_TEST(test_ipei_clash),
		cmocka_unit_test(test_clone),
		cmocka_unit_test(test_deleted_meanwhile),
		MM_TEST(test_former_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
