/* What handsets must not send, and what is said to it: errors of clause 17 in mobility management, in octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dectd/mm_priv.h"
#include "mm_rig.h"

static void test_broken(void **state)
{
	struct mm_test *t = *state;

	hs_first(&t->h, 0xe1234, CALLS);
	lce_hold(lce_next(t->g.r.lce, NULL), NWK_CC);
	hs_say(&t->h, "0554");
	hs_expect(&t->h, "8557600160\n"); /* mandatory element missing */
	hs_say(&t->h, "054e 19020198");
	hs_expect(&t->h, "854f600120\n"); /* to go clear is refused */
	hs_say(&t->h, "0550 010189");
	hs_expect(&t->h, "855101018907015f\n"); /* the location area */
	hs_say(&t->h, "0550 010188");
	hs_expect(&t->h, "8553600120\n");
	hs_say(&t->h, "057f");
	hs_say(&t->h, "055b 7702c0aa");
	hs_expect(&t->h, "");
}

/* A temporary identity that nobody has: it is to name itself by its IPUI. */
static void test_unknown_tpui(void **state)
{
	struct mm_test *t = *state;

	hs_first(&t->h, 0xe1234, "0554 0505a094011111");
	hs_expect(&t->h, "8557600101\n");
	hs_say(&t->h, LOCATE);
	hs_expect(&t->h, AUTH);
}

/* Mandatory elements: requests are rejected by their reason, what asks for nothing is ignored (17.6.4). */
static void test_elements(void **state)
{
	static const struct {
		const char *msg, *want;
	} t[] = {
		{ "0554 0501 80", "8557600164\n" }, { "0544", "8547600160\n" },
		{ "0548", "854b600160\n" }, { "0550", "8553600160\n" },
		{ "0540 0a03011800", "8543600160\n" },
		{ "0540 0a03011800 0c04 00000000", "8543600164\n" },
		{ "0540 0a03401800 0c08 a94e0d137b2c65f8", "8543600112\n" },
		{ "0540 0a03014800 0c08 a94e0d137b2c65f8", "8543600113\n" },
		{ "1554 " IPUI TCAP, "" }, /* transactions are 0 in mobility management */
		{ "054e", "" }, { "0556", "" },
		{ "8541 0d04b3d4cf3b", "" }, /* answers that nobody waits for */
		{ "8559", "" }, { "055d", "" }, { "854f 600118", "" },
		{ "0555 0500 07015f", "" }, /* ours alone */
	};
	struct rig g;
	struct hs h;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	(void)subscribed(&g);
	hs_first(&h, 0xe1234, CALLS);
	lce_hold(lce_next(g.r.lce, NULL), NWK_CC);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		hs_say(&h, t[i].msg);
		hs_expect(&h, t[i].want);
	}
	rig_fini(&g);
}

/* A faulty answer to the key allocation is no guess at the access code. */
static void test_key_faults(void **state)
{
	static const struct {
		const char *msg, *want;
	} t[] = {
		{ "8540 0a03014800 0c08a94e0d137b2c65f8", "0543600160\n8547600160\n" },
		{ "8540 0a03014800 0d0489b381e2", "0543600160\n8547600160\n" },
		{ "8540 0a03014800 0c08a94e0d137b2c65f8 0d0289b3", "0543600164\n8547600164\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct rig g;
		struct hs h;

		rig_init(&g, NULL);
		hs_init(&h, &g, 3);
		assert_int_equal(subs_open(g.r.subs, SUBS_ONE, IPEI, 60000), 0);
		g.rand = "1f8e6a0b52c973d4";
		g.rs = "3c5a7719e2d40b86";
		g.res1 = "89b381e2";
		hs_first(&h, 0xe1234, RIGHTS);
		hs_expect(&h, "05420b0201880c081f8e6a0b52c973d40e083c5a7719e2d40b86\n");
		hs_say(&h, t[i].msg);
		hs_expect(&h, t[i].want);
		assert_int_equal(mm_stats(g.r.mm)->wrong_codes, 0);
		/* It may try again, and does it right. */
		hs_say(&h, RIGHTS);
		hs_expect(&h, "05420b0201880c081f8e6a0b52c973d40e083c5a7719e2d40b86\n");
		hs_say(&h, "8540 0a03014800 0c08a94e0d137b2c65f8 0d0489b381e2");
		hs_expect(&h, "05410d048f6abe6b\n"
		              "8545050780a8010012abcd0606a0a01123456707015f0a03011800\n");
		rig_fini(&g);
	}
}

/* MM-IWU takes its time: the running timer starts anew (13.7). */
static void test_iwu(void **state)
{
	struct mm_test *t = *state;

	hs_first(&t->h, 0xe1234, LOCATE);
	hs_expect(&t->h, AUTH);
	hs_wait(&t->h, 9000); /* MM_auth.1: 10 s */
	hs_say(&t->h, "055b 7702c0aa");
	hs_wait(&t->h, 9000);
	hs_expect(&t->h, "");
	hs_wait(&t->h, 1500);
	hs_expect(&t->h, AUTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MM_TEST(test_broken),
		MM_TEST(test_unknown_tpui),
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_key_faults),
		MM_TEST(test_iwu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
