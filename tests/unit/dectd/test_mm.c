/* Procedures of the mobility management against the octets of the reference (EN 300 175-5 13; dect-nwk 15), with
 * failures, repetitions, wrong codes, collisions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dectd/mm_priv.h"
#include "mm_rig.h"

/* IPEI 04097 0175053: EMC 1001, PSN 2ABCD. */
#define IPEI   "040970175053"
#define IPUI   "0507 80a8 010012abcd "
#define TCAP   "63 10 35 15 0a 00 60 04 18 81 02 00 00 00 00 00 92 82"
#define RIGHTS "0544 " IPUI "0a03014800" TCAP
#define LOCATE "0554 " IPUI TCAP

static struct pp *subscribed(struct rig *g)
{
	struct pp *pp;

	assert_int_equal(pp_make(g->r.pps, IPEI, &pp), 0);
	pp->subscribed = true;
	pp->confirmed = true;
	pp->alg = PP_DSAA;
	pp->state = PP_SUBSCRIBED;
	assert_int_equal(pp_save(pp), 0);
	return pp;
}

static void test_table(void **state)
{
	(void)state;
	assert_int_equal(fsm_check(&mm_def, stderr), 0);
}

/* dect-nwk 15.1 octet for octet. */
static void test_subscription(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	g.rand = "1f8e6a0b52c973d4";
	g.rs = "3c5a7719e2d40b86";
	g.res1 = "89b381e2";
	assert_int_equal(subs_open(g.r.subs, SUBS_ONE, IPEI, 60000), 0);
	hs_first(&h, 0xe1234, RIGHTS);
	hs_expect(&h, "05420b0201880c081f8e6a0b52c973d40e083c5a7719e2d40b86\n");
	asked(&g, "key1(subscription) ");
	hs_say(&h, "8540 0a03014800 0c08a94e0d137b2c65f8 0d0489b381e2");
	hs_expect(&h, "05410d048f6abe6b\n"
	              "8545050780a8010012abcd0606a0a01123456707015f0a03011800\n");
	asked(&g, "keycheck ");
	pp = pp_by_ipei(g.r.pps, SLICE_LIT(IPEI));
	assert_non_null(pp);
	assert_true(pp->subscribed);
	assert_false(pp->confirmed);
	assert_true(pp->caps.known);
	/* The window was for it alone. */
	uint64_t left;
	const char *ipei;
	unsigned failures;
	assert_int_equal(subs_state(g.r.subs, &left, &ipei, &failures), SUBS_CLOSED);
	/* It serves nobody yet: that is listed. */
	assert_false(list_empty(subs_pending(g.r.subs)));
	rig_fini(&g);
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

static void test_closed(void **state)
{
	struct rig g;
	struct hs h;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	hs_first(&h, 0xe1234, RIGHTS);
	hs_expect(&h, "8547600105\n");
	asked(&g, "");
	rig_fini(&g);
}

/* Listed handsets only, unless wildcard; users' own codes first, else the common one. */
static void test_lists(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	assert_int_equal(subs_open(g.r.subs, SUBS_LIST, NULL, 60000), 0);
	hs_init(&h, &g, 3);
	hs_first(&h, 0xe1234, RIGHTS);
	hs_expect(&h, "8547600105\n");
	hs_wait(&h, 15000);

	(void)pp_user_put(
	    g.r.pps, &(struct pp_user_in){ .name = SLICE_LIT("anna"), .ipei = SLICE_LIT(IPEI) });
	hs_init(&h, &g, 4);
	hs_first(&h, 0xe1235, RIGHTS);
	asked(&g, "key1(anna) ");
	hs_expect(&h, "05420b0201880c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	asked(&g, "key1(subscription) "); /* she has none of her own */
	hs_say(&h, "8540 0a03014800 0c08a94e0d137b2c65f8 0d04b3d4cf3b");
	hs_wait(&h, 5);
	pp = pp_by_user(g.r.pps, SLICE_LIT("anna"));
	assert_non_null(pp);
	assert_true(pp->subscribed);
	assert_ptr_equal(pp->user->pp, pp);
	/* Another user gets the handset: the former link is gone. */
	(void)pp_user_put(
	    g.r.pps, &(struct pp_user_in){ .name = SLICE_LIT("bert"), .ipei = SLICE_LIT(IPEI) });
	assert_null(pp_by_user(g.r.pps, SLICE_LIT("anna")));
	assert_ptr_equal(pp_by_user(g.r.pps, SLICE_LIT("bert")), pp);
	pp_user_gone(g.r.pps, SLICE_LIT("bert"));
	assert_null(pp->user);
	rig_fini(&g);
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

static void test_cipher_refused(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	for (int policy = CIPHER_OPTIONAL; policy <= CIPHER_REQUIRED; policy++) {
		rig_init(&g, NULL);
		g.conf.cipher = (uint32_t)policy;
		g.conf.tpui = false;
		hs_init(&h, &g, 3);
		pp = subscribed(&g);
		hs_first(&h, 0xe1234, LOCATE);
		hs_wait(&h, 5);
		hs_say(&h, "8541 0d04b3d4cf3b");
		hs_wait(&h, 5);
		h.rx[0] = '\0';
		hs_say(&h, "854f600117");
		hs_expect(&h, policy == CIPHER_REQUIRED ? "8557600117\n" : "8555050007015f\n");
		assert_int_equal(pp->state, policy == CIPHER_REQUIRED ? PP_SUBSCRIBED : PP_LOCATED);
		rig_fini(&g);
	}
}

/* It does not start to cipher: once more after encrypt-timeout, then it has failed. On the exception list it may. */
static void test_cipher_silence(void **state)
{
	struct rig g;
	struct hs h;
	char *exception = (char *)(uintptr_t) "04097";

	(void)state;
	for (int excepted = 0; excepted < 2; excepted++) {
		rig_init(&g, NULL);
		g.conf.tpui = false;
		if (excepted)
			g.conf.cipher_exceptions = (struct conf_list){ &exception, 1 };
		hs_init(&h, &g, 3);
		(void)subscribed(&g);
		hs_first(&h, 0xe1234, LOCATE);
		hs_wait(&h, 5);
		hs_say(&h, "8541 0d04b3d4cf3b");
		hs_wait(&h, 5);
		h.rx[0] = '\0';
		hs_wait(&h, 5000);
		hs_expect(&h, "054c19028198\n");
		hs_wait(&h, 5100);
		hs_expect(&h, excepted ? "8555050007015f\n" : "8557600117\n");
		g.conf.cipher_exceptions = (struct conf_list){ 0 };
		rig_fini(&g);
	}
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
	hs_expect(&h, "855760013072027181\n"); /* overload, and again after 41 s */
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

static void test_secure(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	/* No link. */
	mm_secure(g.r.mm, pp, rig_done, &g);
	assert_int_equal(g.done, 0);
	tmr_advance(g.air.w, 1);
	assert_int_equal(g.done, 1);
	assert_int_equal(g.done_err, ERR_LOST);
	/* The handset calls: authentication, ciphering, then done. */
	hs_first(&h, 0xe1234, "0305 " IPUI "0606 80a0 11234567 e080");
	mm_secure(g.r.mm, pp, rig_done, &g);
	hs_expect(&h, "05400a030118180c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_expect(&h, "054c19028198\n");
	assert_int_equal(g.done, 1);
	hs_cipher(&h);
	hs_wait(&h, 5);
	assert_int_equal(g.done, 2);
	assert_int_equal(g.done_err, 0);
	assert_true(mm_ciphered(g.r.mm, pp));
	/* Again: nothing goes over the air. */
	mm_secure(g.r.mm, pp, rig_done, &g);
	hs_expect(&h, "");
	assert_int_equal(g.done, 3);
	assert_int_equal(g.done_err, 0);
	/* Forgotten. */
	mm_secure(g.r.mm, pp, rig_done, &g);
	mm_secure_forget(g.r.mm, &g);
	hs_expect(&h, "");
	assert_int_equal(g.done, 3);
	rig_fini(&g);
}

/* A base whose radio cannot cipher: in clear, or not at all, as the administrator wants. */
static void test_old_base(void **state)
{
	(void)state;
	for (int clear = 0; clear < 2; clear++) {
		struct rig g;
		struct hs h;
		struct pp *pp;

		rig_init(&g, NULL);
		g.air.ciphers = false;
		g.conf.tpui = false;
		g.conf.clear_old_bases = clear;
		hs_init(&h, &g, 3);
		pp = subscribed(&g);
		/* It may register in any case. */
		hs_first(&h, 0xe1234, LOCATE);
		hs_wait(&h, 5);
		h.rx[0] = '\0';
		hs_say(&h, "8541 0d04b3d4cf3b");
		hs_expect(&h, "8555050007015f\n");
		lce_hold(lce_find(g.r.lce, &pp->ipui), NWK_CC);
		mm_secure(g.r.mm, pp, rig_done, &g);
		hs_expect(&h, "");
		assert_int_equal(g.done, 1);
		assert_int_equal(g.done_err, clear ? 0 : ERR_UNSUPP);
		rig_fini(&g);
	}
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

static void test_rekey(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	pp->caps.tc.profile[6] |= 0x10;
	assert_true(ie_tc_rekeying(&pp->caps.tc));
	hs_first(&h, 0xe1234, "0305 " IPUI "0606 80a0 11234567 e080");
	mm_secure(g.r.mm, pp, rig_done, &g);
	hs_wait(&h, 5);
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_cipher(&h);
	hs_wait(&h, 5);
	struct lce_link *l = lce_find(g.r.lce, &pp->ipui);
	lce_hold(l, NWK_CC);
	mm_call_active(g.r.mm, pp, true);
	h.rx[0] = '\0';
	hs_wait(&h, 59000);
	hs_expect(&h, "");
	hs_wait(&h, 1300);
	hs_expect(&h, "05400a030118180c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_expect(&h, "054c19028198\n");
	hs_cipher(&h);
	hs_wait(&h, 5);
	assert_int_equal(mm_stats(g.r.mm)->rekeys, 1);
	assert_int_equal(g.unsafe, 0);
	/* The next one fails: the call is not safe any more. */
	hs_wait(&h, 60300);
	h.rx[0] = '\0';
	hs_say(&h, "8541 0d0400000000");
	hs_wait(&h, 5);
	assert_int_equal(g.unsafe, 0x42);
	rig_fini(&g);
}

/* After a handover the handset has to cipher again within its time. */
static void test_clear_after_handover(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	hs_first(&h, 0xe1234, "0305 " IPUI "0606 80a0 11234567 e080");
	mm_secure(g.r.mm, pp, rig_done, &g);
	hs_wait(&h, 5);
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_cipher(&h);
	hs_wait(&h, 5);
	lce_hold(lce_find(g.r.lce, &pp->ipui), NWK_CC);
	mm_call_active(g.r.mm, pp, true);
	air_dnm(&g.air, 2, (uint8_t[]){ 0x7a, 0x0b, 9, 0x0e, 0x12, 0x34, 2, 1 }, 8);
	air_con(&g.air, 2, 9, 0xe1234, true);
	air_dnm(&g.air, 2, (uint8_t[]){ 0x7a, 0x0a, 9, 0, 0, 0, 0 }, 7);
	hs_wait(&h, 4900);
	assert_int_equal(g.unsafe, 0);
	hs_wait(&h, 200);
	assert_int_equal(g.unsafe, 0x41);
	rig_fini(&g);
}

/* Without a handover nobody has a reason to stop ciphering: an attack. */
static void test_clear_in_call(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	pp = subscribed(&g);
	hs_first(&h, 0xe1234, "0305 " IPUI "0606 80a0 11234567 e080");
	mm_secure(g.r.mm, pp, rig_done, &g);
	hs_wait(&h, 5);
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_cipher(&h);
	hs_wait(&h, 5);
	lce_hold(lce_find(g.r.lce, &pp->ipui), NWK_CC);
	mm_call_active(g.r.mm, pp, true);
	air_dnm(&g.air, 1, (uint8_t[]){ 0x7a, 0x0a, 3, 0, 0, 0, 0 }, 7);
	assert_int_equal(g.unsafe, 0x40);
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

/* IPEI clash: a second device subscribes with an IPEI that is subscribed. Without the code nothing changes. */
static void test_ipei_clash(void **state)
{
	struct rig g;
	struct hs h;
	struct pp *pp;

	(void)state;
	rig_init(&g, NULL);
	pp = subscribed(&g);
	pp->state = PP_LOCATED;
	assert_int_equal(subs_open(g.r.subs, SUBS_WILDCARD, NULL, 60000), 0);
	hs_init(&h, &g, 3);
	hs_first(&h, 0xe1234, RIGHTS);
	hs_wait(&h, 5);
	h.rx[0] = '\0';
	hs_say(&h, "8540 0a03014800 0c08a94e0d137b2c65f8 0d0400000000");
	hs_expect(&h, "0543600110\n8547600110\n");
	assert_true(pp->subscribed && pp->confirmed);
	assert_int_equal(pp->state, PP_LOCATED);
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

static void test_cipher_suggest(void **state)
{
	struct rig g;
	struct hs h;

	(void)state;
	rig_init(&g, NULL);
	hs_init(&h, &g, 3);
	(void)subscribed(&g);
	hs_first(&h, 0xe1234, "0305 " IPUI "0606 80a0 11234567 e080");
	lce_hold(lce_next(g.r.lce, NULL), NWK_CC);
	hs_say(&h, "054e 19028198");
	hs_expect(&h, "05400a030118180c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	hs_say(&h, "8541 0d04b3d4cf3b");
	hs_expect(&h, "854c19028198\n"); /* in the handset's transaction */
	hs_cipher(&h);
	hs_wait(&h, 5);
	assert_int_equal(mm_stats(g.r.mm)->ciphers, 1);
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

/* Key allocation that nobody answers: once more, then rejected. */
static void test_key_silence(void **state)
{
	struct rig g;
	struct hs h;

	(void)state;
	rig_init(&g, NULL);
	assert_int_equal(subs_open(g.r.subs, SUBS_WILDCARD, NULL, 60000), 0);
	hs_init(&h, &g, 3);
	hs_first(&h, 0xe1234, RIGHTS);
	hs_wait(&h, 5);
	h.rx[0] = '\0';
	hs_wait(&h, 10050);
	hs_expect(&h, "05420b0201880c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978\n");
	hs_wait(&h, 10050);
	hs_expect(&h, "8547600110\n");
	assert_null(pp_by_ipei(g.r.pps, SLICE_LIT(IPEI)));
	rig_fini(&g);
}

static void test_no_code(void **state)
{
	struct rig g;
	struct hs h;

	(void)state;
	rig_init(&g, NULL);
	g.ac = NULL;
	assert_int_equal(subs_open(g.r.subs, SUBS_WILDCARD, NULL, 60000), 0);
	hs_init(&h, &g, 3);
	hs_first(&h, 0xe1234, RIGHTS);
	hs_expect(&h, "8547600105\n");
	const struct subs_pending *p =
	    LIST_ENTRY(subs_pending(g.r.subs)->next, struct subs_pending, node);
	assert_non_null(strstr(p->reason, "no access code is set"));
	rig_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_subscription),
		cmocka_unit_test(test_location),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_wrong_code),
		cmocka_unit_test(test_window_ends),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_late_answer),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_cipher_refused),
		cmocka_unit_test(test_cipher_silence),
		cmocka_unit_test(test_certd_away),
		cmocka_unit_test(test_certd_deaf),
		cmocka_unit_test(test_ft_auth),
		cmocka_unit_test(test_ft_auth_first),
		cmocka_unit_test(test_deleted_meanwhile),
		cmocka_unit_test(test_secure),
		cmocka_unit_test(test_old_base),
		cmocka_unit_test(test_request_waits),
		cmocka_unit_test(test_rekey),
		cmocka_unit_test(test_clear_after_handover),
		cmocka_unit_test(test_clear_in_call),
		cmocka_unit_test(test_detach),
		cmocka_unit_test(test_radio_lost),
		cmocka_unit_test(test_hunt),
		cmocka_unit_test(test_clone),
		cmocka_unit_test(test_ipei_clash),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_new_tpui),
		cmocka_unit_test(test_no_assign_ack),
		cmocka_unit_test(test_cipher_suggest),
		cmocka_unit_test(test_dsaa2),
		cmocka_unit_test(test_key_silence),
		cmocka_unit_test(test_no_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
