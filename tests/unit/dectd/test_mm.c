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
	struct rig g;
	struct hs h;
	struct pp *pp;
	char want[64];

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	pp->confirmed = false;
	(void)snprintf(pp->ac, sizeof(pp->ac), "anna");
	hs_first(&h, 0xe1234, LOCATE);
	hs_expect(&h, "05400a030118180c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_expect(&h, "054c19028198\n");
	asked(&g, "pt1 check confirm(anna) ");
	assert_true(pp->confirmed);
	assert_string_equal(pp->ac, "");
	/* The key went to the base before. */
	assert_non_null(strstr(h.other, "dnm 1 7a09038560dc324ea49f37"));
	hs_cipher(&h);
	assert_int_equal(pp->state, PP_LOCATED);
	(void)snprintf(want, sizeof(want), "85550505a094%02x%04x07015f\n", pp->tpui_new >> 16,
	    pp->tpui_new & 0xffff);
	hs_expect(&h, want);
	assert_int_not_equal(pp->tpui_new, PP_TPUI_NONE);
	assert_ptr_equal(pp_by_tpui(g.r.pps, pp->tpui_new), pp);
	hs_say(&h, "055d");
	assert_int_equal(pp->tpui_new, PP_TPUI_NONE);
	assert_true(tpui_individual(pp->tpui) && pp->tpui);
	assert_true(pp_reachable(pp));
	assert_int_equal(pp->base, 1);
	/* The link goes, so that it comes with its new PMID. */
	hs_wait(&h, 2000);
	assert_false(h.up);
	assert_int_equal(mm_stats(g.r.mm)->locates, 1);
	rig_fini(&g);
}

static void test_wrong_key(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	hs_first(&h, 0xe1234, LOCATE);
	hs_expect(&h, "05400a030118180c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	hs_say(&h, "8541 0d0400000000");
	hs_expect(&h, "8557600110\n");
	assert_true(pp->subscribed); /* a single failure takes nothing away */
	assert_int_equal(pp->failures, 1);
	assert_int_equal(pp->state, PP_SUBSCRIBED);
	assert_int_equal(mm_stats(g.r.mm)->auth_failures, 1);
	rig_fini(&g);
}

static void test_unknown(void **state)
{
	struct rig g;
	struct hs h;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	hs_first(&h, 0xe1234, LOCATE);
	hs_expect(&h, "8557600102\n");
	asked(&g, "");
	assert_false(list_empty(subs_pending(g.r.subs)));
	const struct subs_pending *p =
	    LIST_ENTRY(subs_pending(g.r.subs)->next, struct subs_pending, node);
	assert_string_equal(p->ipei, IPEI);
	assert_string_equal(p->reason, "not subscribed here");
	assert_int_equal(p->base, 1);
	rig_fini(&g);
}

/* MM_auth.1: once more after 10 s, then the registration is rejected; a repeated request meanwhile is dropped. */
static void test_silence(void **state)
{
	struct rig g;
	struct hs h;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	(void)subscribed(&g);
	hs_first(&h, 0xe1234, LOCATE);
	hs_expect(&h, "05400a030118180c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	hs_say(&h, LOCATE);
	hs_expect(&h, "");
	assert_int_equal(mm_stats(g.r.mm)->copies, 1);
	hs_wait(&h, 10000);
	hs_expect(&h, "05400a030118180c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	hs_wait(&h, 10200);
	hs_expect(&h, "8557600110\n");
	assert_int_equal(mm_stats(g.r.mm)->timeouts, 1);
	rig_fini(&g);
}

/* The same, answered after the repetition. An answer with the wrong flag, and one too many, are ignored. */
static void test_late_answer(void **state)
{
	struct rig g;
	struct hs h;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	(void)subscribed(&g);
	hs_first(&h, 0xe1234, LOCATE);
	hs_wait(&h, 10200);
	h.rx[0] = '\0';
	hs_say(&h, "0541 0d04b3d4cf3b");
	hs_expect(&h, "");
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_expect(&h, "054c19028198\n");
	assert_int_equal(mm_stats(g.r.mm)->unexpected, 2);
	rig_fini(&g);
}

static void test_replay(void **state)
{
	struct rig g;
	struct hs h;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	(void)subscribed(&g);
	hs_first(&h, 0xe1234, LOCATE);
	hs_wait(&h, 5);
	/* What was right for the former challenge is wrong for this one. */
	g.res1 = "11111111";
	h.rx[0] = '\0';
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_expect(&h, "8557600110\n");
	rig_fini(&g);
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
	struct rig g;
	struct hs h;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	(void)subscribed(&g);
	g.deaf = true;
	hs_first(&h, 0xe1234, LOCATE);
	hs_expect(&h, "");
	hs_wait(&h, 16100);
	assert_int_equal(strncmp(h.rx, "8557600130", 10), 0);
	rig_fini(&g);
}

static void test_ft_auth(void **state)
{
	struct rig g;
	struct hs h;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	(void)subscribed(&g);
	hs_first(&h, 0xe1234, LOCATE);
	hs_wait(&h, 5);
	h.rx[0] = '\0';
	/* In the middle of our own procedure: it is answered, ours goes on. */
	hs_say(&h, "0540 0a03011800 0c08a94e0d137b2c65f8");
	hs_expect(&h, "85410d048f6abe6b0e080f1e2d3c4b5a6978\n");
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_expect(&h, "054c19028198\n");
	/* Without RAND, with an unknown algorithm. */
	hs_say(&h, "0540 0a03011800");
	hs_expect(&h, "8543600160\n");
	hs_say(&h, "0540 0a03401800 0c08a94e0d137b2c65f8");
	hs_expect(&h, "8543600112\n");
	rig_fini(&g);
}

/* As the first message of a link it names nobody: the PMID does, when it is an assigned one. */
static void test_ft_auth_first(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	hs_first(&h, 0xe1234, "0540 0a03011800 0c08a94e0d137b2c65f8");
	hs_expect(&h, "8543600113\n");
	hs_wait(&h, 15000);
	(void)pp_tpui_alloc(g.r.pps, pp);
	pp_tpui_commit(pp);
	hs_init(&h, &g, 4);
	hs_first(&h, pp->tpui, "0540 0a03011800 0c08a94e0d137b2c65f8");
	hs_expect(&h, "85410d048f6abe6b0e080f1e2d3c4b5a6978\n");
	rig_fini(&g);
}

/* A registration that comes while ours runs is served afterwards. */
static void test_request_waits(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	g.conf.tpui = false;
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	hs_first(&h, 0xe1234, "0305 " IPUI "0606 80a0 11234567 e080");
	mm_secure(g.r.mm, pp, rig_done, &g);
	hs_wait(&h, 5);
	hs_say(&h, LOCATE);
	h.rx[0] = '\0';
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_expect(&h, "054c19028198\n");
	hs_cipher(&h);
	hs_expect(&h, "05400a030118180c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	assert_int_equal(g.done, 1);
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_expect(&h, "8555050007015f\n");
	rig_fini(&g);
}

/* A detach with proof counts at once; one without is checked by a page. */
static void test_detach(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	pp->state = PP_LOCATED;
	hs_first(&h, 0xe1234, "0556 " IPUI);
	hs_wait(&h, 5);
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_wait(&h, 5);
	assert_int_equal(pp->state, PP_DETACHED);
	hs_wait(&h, 15000);

	pp->state = PP_LOCATED;
	hs_init(&h, &g, 4);
	hs_first(&h, 0xe1235, "0556 " IPUI);
	hs_wait(&h, 5);
	air_dis(&g.air, 1, 4, 1); /* switched off without a word more */
	h.other[0] = '\0';
	hs_wait(&h, 100);
	assert_int_equal(pp->state, PP_LOCATED);
	assert_non_null(strstr(h.other, "page 1 00abcd"));
	hs_wait(&h, 12500);
	assert_int_equal(pp->state, PP_DETACHED);

	/* Somebody else said so: it answers the page and stays. */
	pp->state = PP_LOCATED;
	hs_init(&h, &g, 5);
	hs_first(&h, 0xe1236, "0556 " IPUI);
	hs_wait(&h, 5);
	air_dis(&g.air, 1, 5, 1);
	hs_wait(&h, 100);
	hs_init(&h, &g, 6);
	hs_first(&h, 0xe1237, "0071 " IPUI);
	hs_wait(&h, 15000);
	assert_int_equal(pp->state, PP_LOCATED);
	rig_fini(&g);
}

/* Radio contact lost in the middle: a page tells within seconds whether it is still there. */
static void test_radio_lost(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	pp->state = PP_LOCATED;
	hs_first(&h, 0xe1234, "0305 " IPUI "0606 80a0 11234567 e080");
	lce_hold(lce_find(g.r.lce, &pp->ipui), NWK_CC);
	mm_secure(g.r.mm, pp, rig_done, &g);
	hs_wait(&h, 5);
	air_dis(&g.air, 1, 3, 2);
	hs_wait(&h, 100);
	assert_int_equal(g.done, 1);
	assert_int_equal(g.done_err, ERR_LOST);
	hs_wait(&h, 13000);
	assert_int_equal(pp->state, PP_LOST);
	assert_false(pp_reachable(pp));
	rig_fini(&g);
}

/* A lost handset is looked for at growing intervals; when it answers and proves itself it is there again. */
static void test_hunt(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	pp->state = PP_LOST;
	hs_wait(&h, 29000);
	assert_string_equal(h.other, "");
	hs_wait(&h, 11000);
	assert_non_null(strstr(h.other, "page 1 00abcd"));
	hs_wait(&h, 20000); /* nobody answers */
	assert_int_equal(pp->state, PP_LOST);
	h.other[0] = '\0';
	hs_wait(&h, 20000);
	assert_string_equal(h.other, "");
	hs_wait(&h, 22000);
	assert_non_null(strstr(h.other, "page 1 00abcd"));
	/* Somebody answers: not before it proved who it is. */
	hs_first(&h, 0xe1234, "0071 " IPUI);
	hs_expect(&h, "05400a030118180c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	assert_int_equal(pp->state, PP_LOST);
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_wait(&h, 5);
	assert_int_equal(pp->state, PP_LOCATED);
	assert_int_equal(pp->hunts, 0);
	rig_fini(&g);
}

static void test_identity(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	pp->state = PP_LOCATED;
	assert_int_equal(mm_identify(g.r.mm, pp), 0);
	hs_wait(&h, 5);
	hs_first(&h, 0xe1234, "0071 " IPUI);
	hs_expect(&h, "055802028090\n");
	hs_say(&h, "8559 0507 90a8 010012abcd 7803 100101");
	hs_wait(&h, 5);
	assert_string_equal(pp->model, "1001/01");
	rig_fini(&g);
}

static void test_new_tpui(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;
	uint32_t old;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	pp->state = PP_LOCATED;
	(void)pp_tpui_alloc(g.r.pps, pp);
	pp_tpui_commit(pp);
	old = pp->tpui;
	assert_int_equal(mm_new_tpui(g.r.mm, pp), 0);
	hs_wait(&h, 5);
	hs_first(&h, old, "0071 " IPUI);
	hs_wait(&h, 5);
	h.rx[0] = '\0';
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_wait(&h, 5);
	assert_int_equal(strncmp(h.rx, "055c0505a094", 12), 0);
	hs_say(&h, "855d");
	assert_int_not_equal(pp->tpui, old);
	assert_int_equal(pp->tpui_new, PP_TPUI_NONE);
	rig_fini(&g);
}

/* No acknowledgement of the temporary identity: registered all the same, both identities hold. */
static void test_no_assign_ack(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	hs_first(&h, 0xe1234, LOCATE);
	hs_wait(&h, 5);
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_cipher(&h);
	hs_wait(&h, 11000);
	assert_int_equal(pp->state, PP_LOCATED);
	assert_ptr_equal(pp_by_tpui(g.r.pps, pp->tpui_new), pp);
	hs_wait(&h, 15000);
	/* Paged by its default identity meanwhile. */
	h.other[0] = '\0';
	assert_int_equal(mm_suggest_locate(g.r.mm, pp), 0);
	hs_wait(&h, 5);
	assert_non_null(strstr(h.other, "page 1 00abcd"));
	hs_init(&h, &g, 4);
	hs_first(&h, 0xe1238, "0071 " IPUI);
	hs_expect(&h, "0552010180\n");
	rig_fini(&g);
}

/* DSAA2: RS of 16 octets, RAND_P in the reply; key allocation brings RS and RAND along. */
static void test_dsaa2(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	g.conf.dsaa2 = true;
	g.rs = "000102030405060708090a0b0c0d0e0f";
	g.rs2 = "101112131415161718191a1b1c1d1e1f";
	g.rand2 = "2021222324252627";
	g.dck = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf";
	assert_int_equal(subs_open(g.r.subs, SUBS_WILDCARD, NULL, 60000), 0);
	hs_init(&h, &g, 3);
	hs_first(&h, 0xe1234, "0544 " IPUI "0a03024800");
	hs_expect(&h, "05420b0202880c085d2c9e10b7a4f3860e10000102030405060708090a0b0c0d0e0f\n");
	hs_say(&h, "8540 0a03024800 0c08a94e0d137b2c65f8 0d04b3d4cf3b");
	hs_expect(&h, "05410c0820212223242526270d048f6abe6b0e10101112131415161718191a1b1c1d1e1f\n"
	              "8545050780a8010012abcd0606a0a01123456707015f0a03021800\n");
	asked(&g, "key2(subscription) keycheck ");
	pp = pp_by_ipei(g.r.pps, SLICE_LIT(IPEI));
	assert_int_equal(pp->alg, PP_DSAA2);
	hs_say(&h, "0554 " IPUI);
	hs_expect(&h, "05400a030218180c085d2c9e10b7a4f3860e10000102030405060708090a0b0c0d0e0f\n");
	h.other[0] = '\0';
	hs_say(&h, "8541 0c08a94e0d137b2c65f8 0d04b3d4cf3b");
	hs_expect(&h, "054c19028198\n");
	/* DSC takes the 64 least significant bits. */
	assert_non_null(strstr(h.other, "dnm 1 7a0903a8a9aaabacadaeaf"));
	rig_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_location),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_late_answer),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_certd_away),
		cmocka_unit_test(test_certd_deaf),
		cmocka_unit_test(test_ft_auth),
		cmocka_unit_test(test_ft_auth_first),
		cmocka_unit_test(test_request_waits),
		cmocka_unit_test(test_detach),
		cmocka_unit_test(test_radio_lost),
		cmocka_unit_test(test_hunt),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_new_tpui),
		cmocka_unit_test(test_no_assign_ack),
		cmocka_unit_test(test_dsaa2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
