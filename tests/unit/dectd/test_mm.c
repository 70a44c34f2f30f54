/* Procedures of the mobility management against the octets of the reference (EN 300 175-5 13; dect-nwk 15), with
 * failures, repetitions, wrong codes, collisions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dectd/mm_priv.h"
#include "mm_rig.h"

static void test_table(void **state)
{
	(void)state;
	assert_int_equal(fsm_check(&mm_def, stderr), 0);
}

/* dect-nwk 15.3 steps 1-5, 8, 9 octet for octet. */
static void test_location(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;
	char want[64];

	pp->confirmed = false;
	(void)snprintf(pp->ac, sizeof(pp->ac), "anna");
	hs_first(&t->h, 0xe1234, LOCATE);
	hs_expect(&t->h, AUTH);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_expect(&t->h, "054c19028198\n");
	asked(&t->g, "pt1 check confirm(anna) ");
	assert_true(pp->confirmed);
	assert_string_equal(pp->ac, "");
	/* The key went to the base before. */
	assert_non_null(strstr(t->h.other, "dnm 1 7a09038560dc324ea49f37"));
	hs_cipher(&t->h);
	assert_int_equal(pp->state, PP_LOCATED);
	(void)snprintf(want, sizeof(want), "85550505a094%02x%04x07015f\n", pp->tpui_new >> 16,
	    pp->tpui_new & 0xffff);
	hs_expect(&t->h, want);
	assert_int_not_equal(pp->tpui_new, PP_TPUI_NONE);
	assert_ptr_equal(pp_by_tpui(t->g.r.pps, pp->tpui_new), pp);
	hs_say(&t->h, "055d");
	assert_int_equal(pp->tpui_new, PP_TPUI_NONE);
	assert_true(tpui_individual(pp->tpui) && pp->tpui);
	assert_true(pp_reachable(pp));
	assert_int_equal(pp->base, 1);
	/* The link goes, so that it comes with its new PMID. */
	hs_wait(&t->h, 2000);
	assert_false(t->h.up);
	assert_int_equal(mm_stats(t->g.r.mm)->locates, 1);
}

static void test_wrong_key(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;

	hs_first(&t->h, 0xe1234, LOCATE);
	hs_expect(&t->h, AUTH);
	hs_say(&t->h, "8541 0d0400000000");
	hs_expect(&t->h, "8557600110\n");
	assert_true(pp->subscribed); /* a single failure takes nothing away */
	assert_int_equal(pp->failures, 1);
	assert_int_equal(pp->state, PP_SUBSCRIBED);
	assert_int_equal(mm_stats(t->g.r.mm)->auth_failures, 1);
}

static void test_unknown(void **state)
{
	struct mm_test *t = *state;

	hs_first(&t->h, 0xe1234, LOCATE);
	hs_expect(&t->h, "8557600102\n");
	asked(&t->g, "");
	assert_false(list_empty(subs_pending(t->g.r.subs)));
	const struct subs_pending *p =
	    LIST_ENTRY(subs_pending(t->g.r.subs)->next, struct subs_pending, node);
	assert_string_equal(p->ipei, IPEI);
	assert_string_equal(p->reason, "not subscribed here");
	assert_int_equal(p->base, 1);
}

/* MM_auth.1: once more after 10 s, then the registration is rejected; a repeated request meanwhile is dropped. */
static void test_silence(void **state)
{
	struct mm_test *t = *state;

	hs_first(&t->h, 0xe1234, LOCATE);
	hs_expect(&t->h, AUTH);
	hs_say(&t->h, LOCATE);
	hs_expect(&t->h, "");
	assert_int_equal(mm_stats(t->g.r.mm)->copies, 1);
	hs_wait(&t->h, 10000);
	hs_expect(&t->h, AUTH);
	hs_wait(&t->h, 10200);
	hs_expect(&t->h, "8557600110\n");
	assert_int_equal(mm_stats(t->g.r.mm)->timeouts, 1);
}

/* The same, answered after the repetition. An answer with the wrong flag, and one too many, are ignored. */
static void test_late_answer(void **state)
{
	struct mm_test *t = *state;

	hs_first(&t->h, 0xe1234, LOCATE);
	hs_wait(&t->h, 10200);
	t->h.rx[0] = '\0';
	hs_say(&t->h, "0541 0d04b3d4cf3b");
	hs_expect(&t->h, "");
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_expect(&t->h, "054c19028198\n");
	assert_int_equal(mm_stats(t->g.r.mm)->unexpected, 2);
}

static void test_replay(void **state)
{
	struct mm_test *t = *state;

	hs_first(&t->h, 0xe1234, LOCATE);
	hs_wait(&t->h, 5);
	/* What was right for the former challenge is wrong for this one. */
	t->g.res1 = "11111111";
	t->h.rx[0] = '\0';
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_expect(&t->h, "8557600110\n");
}

static void test_certd_away(void **state)
{
	struct rig g;
	struct hs h;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	(void)subscribed(&g);
	g.away = true;
	hs_first(&h, 0xe1234, LOCATE);
	hs_expect(&h, ""); /* it may be a restart */
	hs_wait(&h, 5000);
	hs_expect(&h, "855760013072027181\n"); /* overload, and again after 41 s */
	assert_int_equal(mm_stats(g.r.mm)->locate_rejects, 1);
	rig_fini(&g);

	/* It comes back: nobody is rejected. */
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	(void)subscribed(&g);
	g.away = true;
	hs_first(&h, 0xe1234, LOCATE);
	hs_wait(&h, 2000);
	hs_say(&h, LOCATE); /* a copy */
	hs_expect(&h, "");
	g.away = false;
	hs_wait(&h, 500);
	hs_expect(&h, AUTH);
	/* And is away again when the answer is to be checked: with a new challenge. */
	g.err = ERR_LOST;
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_wait(&h, 300);
	hs_expect(&h, "");
	g.err = 0;
	hs_wait(&h, 500);
	hs_expect(&h, AUTH);
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_expect(&h, "054c19028198\n");
	assert_int_equal(mm_stats(g.r.mm)->locate_rejects, 0);
	rig_fini(&g);
}

static void test_certd_deaf(void **state)
{
	struct mm_test *t = *state;

	t->g.deaf = true;
	hs_first(&t->h, 0xe1234, LOCATE);
	hs_expect(&t->h, "");
	hs_wait(&t->h, 16100);
	assert_int_equal(strncmp(t->h.rx, "8557600130", 10), 0);
}

static void test_ft_auth(void **state)
{
	struct mm_test *t = *state;

	hs_first(&t->h, 0xe1234, LOCATE);
	hs_wait(&t->h, 5);
	t->h.rx[0] = '\0';
	/* In the middle of our own procedure: it is answered, ours goes on. */
	hs_say(&t->h, "0540 0a03011800 0c08a94e0d137b2c65f8");
	hs_expect(&t->h, "85410d048f6abe6b0e080f1e2d3c4b5a6978\n");
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_expect(&t->h, "054c19028198\n");
	/* Without RAND, with an unknown algorithm. */
	hs_say(&t->h, "0540 0a03011800");
	hs_expect(&t->h, "8543600160\n");
	hs_say(&t->h, "0540 0a03401800 0c08a94e0d137b2c65f8");
	hs_expect(&t->h, "8543600112\n");
}

/* As the first message of a link it names nobody: the PMID does, when it is an assigned one. */
static void test_ft_auth_first(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;

	hs_first(&t->h, 0xe1234, "0540 0a03011800 0c08a94e0d137b2c65f8");
	hs_expect(&t->h, "8543600113\n");
	hs_wait(&t->h, 15000);
	(void)pp_tpui_alloc(t->g.r.pps, pp);
	pp_tpui_commit(pp);
	hs_init(&t->h, &t->g, 4);
	hs_first(&t->h, pp->tpui, "0540 0a03011800 0c08a94e0d137b2c65f8");
	hs_expect(&t->h, "85410d048f6abe6b0e080f1e2d3c4b5a6978\n");
}

/* A registration that comes while ours runs is served afterwards. */
static void test_request_waits(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;

	t->g.conf.tpui = false;
	hs_first(&t->h, 0xe1234, CALLS);
	mm_secure(t->g.r.mm, pp, rig_done, &t->g);
	hs_wait(&t->h, 5);
	hs_say(&t->h, LOCATE);
	t->h.rx[0] = '\0';
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_expect(&t->h, "054c19028198\n");
	hs_cipher(&t->h);
	hs_expect(&t->h, AUTH);
	assert_int_equal(t->g.done, 1);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_expect(&t->h, "8555050007015f\n");
}

/* A detach with proof counts at once; one without is checked by a page. */
static void test_detach(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;

	pp->state = PP_LOCATED;
	hs_first(&t->h, 0xe1234, "0556 " IPUI);
	hs_wait(&t->h, 5);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_wait(&t->h, 5);
	assert_int_equal(pp->state, PP_DETACHED);
	hs_wait(&t->h, 15000);

	pp->state = PP_LOCATED;
	hs_init(&t->h, &t->g, 4);
	hs_first(&t->h, 0xe1235, "0556 " IPUI);
	hs_wait(&t->h, 5);
	air_dis(&t->g.air, 1, 4, 1); /* switched off without a word more */
	t->h.other[0] = '\0';
	hs_wait(&t->h, 100);
	assert_int_equal(pp->state, PP_LOCATED);
	assert_non_null(strstr(t->h.other, "page 1 00abcd"));
	hs_wait(&t->h, 12500);
	assert_int_equal(pp->state, PP_DETACHED);

	/* Somebody else said so: it answers the page and stays. */
	pp->state = PP_LOCATED;
	hs_init(&t->h, &t->g, 5);
	hs_first(&t->h, 0xe1236, "0556 " IPUI);
	hs_wait(&t->h, 5);
	air_dis(&t->g.air, 1, 5, 1);
	hs_wait(&t->h, 100);
	hs_init(&t->h, &t->g, 6);
	hs_first(&t->h, 0xe1237, "0071 " IPUI);
	hs_wait(&t->h, 15000);
	assert_int_equal(pp->state, PP_LOCATED);
}

/* Radio contact lost in the middle: a page tells within seconds whether it is still there. */
static void test_radio_lost(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;

	pp->state = PP_LOCATED;
	hs_first(&t->h, 0xe1234, CALLS);
	lce_hold(lce_find(t->g.r.lce, &pp->ipui), NWK_CC);
	mm_secure(t->g.r.mm, pp, rig_done, &t->g);
	hs_wait(&t->h, 5);
	air_dis(&t->g.air, 1, 3, 2);
	hs_wait(&t->h, 100);
	assert_int_equal(t->g.done, 1);
	assert_int_equal(t->g.done_err, ERR_LOST);
	hs_wait(&t->h, 13000);
	assert_int_equal(pp->state, PP_LOST);
	assert_false(pp_reachable(pp));
}

/* A lost handset is looked for at growing intervals; when it answers and proves itself it is there again. */
static void test_hunt(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;

	pp->state = PP_LOST;
	hs_wait(&t->h, 29000);
	assert_string_equal(t->h.other, "");
	hs_wait(&t->h, 11000);
	assert_non_null(strstr(t->h.other, "page 1 00abcd"));
	hs_wait(&t->h, 20000); /* nobody answers */
	assert_int_equal(pp->state, PP_LOST);
	t->h.other[0] = '\0';
	hs_wait(&t->h, 20000);
	assert_string_equal(t->h.other, "");
	hs_wait(&t->h, 22000);
	assert_non_null(strstr(t->h.other, "page 1 00abcd"));
	/* Somebody answers: not before it proved who it is. */
	hs_first(&t->h, 0xe1234, "0071 " IPUI);
	hs_expect(&t->h, AUTH);
	assert_int_equal(pp->state, PP_LOST);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_wait(&t->h, 5);
	assert_int_equal(pp->state, PP_LOCATED);
	assert_int_equal(pp->hunts, 0);
}

static void test_identity(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;

	pp->state = PP_LOCATED;
	assert_int_equal(mm_identify(t->g.r.mm, pp), 0);
	hs_wait(&t->h, 5);
	hs_first(&t->h, 0xe1234, "0071 " IPUI);
	hs_expect(&t->h, "055802028090\n");
	hs_say(&t->h, "8559 0507 90a8 010012abcd 7803 100101");
	hs_wait(&t->h, 5);
	assert_string_equal(pp->model, "1001/01");
}

static void test_new_tpui(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;
	uint32_t old;

	pp->state = PP_LOCATED;
	(void)pp_tpui_alloc(t->g.r.pps, pp);
	pp_tpui_commit(pp);
	old = pp->tpui;
	assert_int_equal(mm_new_tpui(t->g.r.mm, pp), 0);
	hs_wait(&t->h, 5);
	hs_first(&t->h, old, "0071 " IPUI);
	hs_wait(&t->h, 5);
	t->h.rx[0] = '\0';
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_wait(&t->h, 5);
	assert_int_equal(strncmp(t->h.rx, "055c0505a094", 12), 0);
	hs_say(&t->h, "855d");
	assert_int_not_equal(pp->tpui, old);
	assert_int_equal(pp->tpui_new, PP_TPUI_NONE);
}

/* No acknowledgement of the temporary identity: registered all the same, both identities hold. */
static void test_no_assign_ack(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;

	hs_first(&t->h, 0xe1234, LOCATE);
	hs_wait(&t->h, 5);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_cipher(&t->h);
	hs_wait(&t->h, 11000);
	assert_int_equal(pp->state, PP_LOCATED);
	assert_ptr_equal(pp_by_tpui(t->g.r.pps, pp->tpui_new), pp);
	hs_wait(&t->h, 15000);
	/* Paged by its default identity meanwhile. */
	t->h.other[0] = '\0';
	assert_int_equal(mm_suggest_locate(t->g.r.mm, pp), 0);
	hs_wait(&t->h, 5);
	assert_non_null(strstr(t->h.other, "page 1 00abcd"));
	hs_init(&t->h, &t->g, 4);
	hs_first(&t->h, 0xe1238, "0071 " IPUI);
	hs_expect(&t->h, "0552010180\n");
}

/* Asked twice while it is paged: the link that comes ends like another. */
static void test_suggest_twice(void **state)
{
	struct mm_test *t = *state;

	t->pp->state = PP_LOCATED;
	assert_int_equal(mm_suggest_locate(t->g.r.mm, t->pp), 0);
	assert_int_equal(mm_suggest_locate(t->g.r.mm, t->pp), 0);
	hs_first(&t->h, 0xe1234, "0071 " IPUI);
	hs_expect(&t->h, "0552010180\n0552010180\n");
	assert_true(t->h.up);
	hs_wait(&t->h, 12000);
	assert_null(lce_find(t->g.r.lce, &t->pp->ipui));
}

/* DSAA2: RS of 16 octets, RAND_P in the reply; key allocation brings RS and RAND along. */
static void test_dsaa2(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp;

	t->g.conf.dsaa2 = true;
	t->g.rs = "000102030405060708090a0b0c0d0e0f";
	t->g.rs2 = "101112131415161718191a1b1c1d1e1f";
	t->g.rand2 = "2021222324252627";
	t->g.dck = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf";
	assert_int_equal(subs_open(t->g.r.subs, SUBS_WILDCARD, NULL, 60000), 0);
	hs_first(&t->h, 0xe1234, "0544 " IPUI "0a03024800");
	hs_expect(&t->h, "05420b0202880c085d2c9e10b7a4f3860e10000102030405060708090a0b0c0d0e0f\n");
	hs_say(&t->h, "8540 0a03024800 0c08a94e0d137b2c65f8 0d04b3d4cf3b");
	hs_expect(&t->h,
	    "05410c0820212223242526270d048f6abe6b0e10101112131415161718191a1b1c1d1e1f\n"
	    "8545050780a8010012abcd0606a0a01123456707015f0a03021800\n");
	asked(&t->g, "key2(subscription) keycheck ");
	pp = pp_by_ipei(t->g.r.pps, SLICE_LIT(IPEI));
	assert_int_equal(pp->alg, PP_DSAA2);
	hs_say(&t->h, "0554 " IPUI);
	hs_expect(
	    &t->h, "05400a030218180c085d2c9e10b7a4f3860e10000102030405060708090a0b0c0d0e0f\n");
	t->h.other[0] = '\0';
	hs_say(&t->h, "8541 0c08a94e0d137b2c65f8 0d04b3d4cf3b");
	hs_expect(&t->h, "054c19028198\n");
	/* DSC takes the 64 least significant bits. */
	assert_non_null(strstr(t->h.other, "dnm 1 7a0903a8a9aaabacadaeaf"));
}

/* A handset that came with a default PMID, or did not acknowledge its identity, may not know it: its default one is paged first. */
static void test_doubtful_identity(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;
	char want[128];

	pp->tpui = 0xb4711;
	pp->state = PP_LOCATED;
	t->g.conf.tpui = false;
	for (int known = 0; known < 2; known++) {
		pp->verifying = false;
		hs_first(&t->h, known ? 0xb4711 : 0xe1234, CALLS);
		mm_secure(t->g.r.mm, pp, rig_done, &t->g);
		hs_wait(&t->h, 5);
		assert_int_equal(pp->tpui_doubt, !known);
		air_dis(&t->g.air, 1, 3, 2); /* radio contact is lost: is it still there? */
		t->h.other[0] = '\0';
		hs_wait(&t->h, 3100);
		(void)snprintf(want, sizeof(want), "page 1 %s\npage 2 %s\npage 1 %s\npage 2 %s\n",
		    known ? "084711" : "00abcd", known ? "084711" : "00abcd", "084711", "084711");
		assert_string_equal(t->h.other, want);
		hs_wait(&t->h, 20000);
		t->h.rx[0] = '\0';
		pp->state = PP_LOCATED;
	}
	/* The identity is told, and the radio lost before it is acknowledged. */
	t->g.conf.tpui = true;
	hs_first(&t->h, 0xb4711, LOCATE);
	hs_expect(&t->h, AUTH);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_wait(&t->h, 5);
	t->h.rx[0] = '\0';
	hs_cipher(&t->h);
	hs_expect(&t->h, "85550505a0940b471107015f\n");
	assert_false(pp->tpui_doubt);
	air_dis(&t->g.air, 1, 3, 2);
	assert_true(pp->tpui_doubt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		MM_TEST(test_location),
		MM_TEST(test_wrong_key),
		MM_TEST_NEW(test_unknown),
		MM_TEST(test_silence),
		MM_TEST(test_late_answer),
		MM_TEST(test_replay),
		cmocka_unit_test(test_certd_away),
		MM_TEST(test_certd_deaf),
		MM_TEST(test_ft_auth),
		MM_TEST(test_ft_auth_first),
		MM_TEST(test_request_waits),
		MM_TEST(test_detach),
		MM_TEST(test_radio_lost),
		MM_TEST(test_hunt),
		MM_TEST(test_identity),
		MM_TEST(test_new_tpui),
		MM_TEST(test_no_assign_ack),
		MM_TEST(test_suggest_twice),
		MM_TEST_NEW(test_dsaa2),
		MM_TEST(test_doubtful_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
