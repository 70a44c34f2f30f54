/* Ciphering: started, refused, stopped, renewed; calls that are not safe (EN 300 175-5 13.8; EN 300 175-7 6.4.6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dectd/mm_priv.h"
#include "mm_rig.h"

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

static void test_secure(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;

	/* No link. */
	mm_secure(t->g.r.mm, pp, rig_done, &t->g);
	assert_int_equal(t->g.done, 0);
	tmr_advance(t->g.air.w, 1);
	assert_int_equal(t->g.done, 1);
	assert_int_equal(t->g.done_err, ERR_LOST);
	/* The handset calls: authentication, ciphering, then done. */
	hs_first(&t->h, 0xe1234, CALLS);
	mm_secure(t->g.r.mm, pp, rig_done, &t->g);
	hs_expect(&t->h, AUTH);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_expect(&t->h, "054c19028198\n");
	assert_int_equal(t->g.done, 1);
	hs_cipher(&t->h);
	hs_wait(&t->h, 5);
	assert_int_equal(t->g.done, 2);
	assert_int_equal(t->g.done_err, 0);
	assert_true(mm_ciphered(t->g.r.mm, pp));
	/* Again: nothing goes over the air. */
	mm_secure(t->g.r.mm, pp, rig_done, &t->g);
	hs_expect(&t->h, "");
	assert_int_equal(t->g.done, 3);
	assert_int_equal(t->g.done_err, 0);
	/* Forgotten. */
	mm_secure(t->g.r.mm, pp, rig_done, &t->g);
	mm_secure_forget(t->g.r.mm, &t->g);
	hs_expect(&t->h, "");
	assert_int_equal(t->g.done, 3);
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

static void test_rekey(void **state)
{
	struct mm_test *t = *state;
	struct pp *pp = t->pp;

	pp->caps.tc.profile[6] |= 0x10;
	assert_true(ie_tc_rekeying(&pp->caps.tc));
	mm_in_call(t);
	hs_wait(&t->h, 59000);
	hs_expect(&t->h, "");
	hs_wait(&t->h, 1300);
	hs_expect(&t->h, AUTH);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_expect(&t->h, "054c19028198\n");
	hs_cipher(&t->h);
	hs_wait(&t->h, 5);
	assert_int_equal(mm_stats(t->g.r.mm)->rekeys, 1);
	assert_int_equal(t->g.unsafe, 0);
	/* The next one fails: the call is not safe any more. */
	hs_wait(&t->h, 60300);
	t->h.rx[0] = '\0';
	hs_say(&t->h, "8541 0d0400000000");
	hs_wait(&t->h, 5);
	assert_int_equal(t->g.unsafe, 0x42);
}

/* After a handover the handset has to cipher again within its time. */
static void test_clear_after_handover(void **state)
{
	struct mm_test *t = *state;

	mm_in_call(t);
	air_dnm(&t->g.air, 2, (uint8_t[]){ 0x7a, 0x0b, 9, 0x0e, 0x12, 0x34, 2, 1 }, 8);
	air_con(&t->g.air, 2, 9, 0xe1234, true);
	air_dnm(&t->g.air, 2, (uint8_t[]){ 0x7a, 0x0a, 9, 0, 0, 0, 0 }, 7);
	hs_wait(&t->h, 4900);
	assert_int_equal(t->g.unsafe, 0);
	hs_wait(&t->h, 200);
	assert_int_equal(t->g.unsafe, 0x41);
}

/* Without a handover nobody has a reason to stop ciphering: an attack. */
static void test_clear_in_call(void **state)
{
	struct mm_test *t = *state;

	mm_in_call(t);
	air_dnm(&t->g.air, 1, (uint8_t[]){ 0x7a, 0x0a, 3, 0, 0, 0, 0 }, 7);
	assert_int_equal(t->g.unsafe, 0x40);
}

static void test_cipher_suggest(void **state)
{
	struct mm_test *t = *state;

	hs_first(&t->h, 0xe1234, CALLS);
	lce_hold(lce_next(t->g.r.lce, NULL), NWK_CC);
	hs_say(&t->h, "054e 19028198");
	hs_expect(&t->h, AUTH);
	hs_say(&t->h, "8541 0d04b3d4cf3b");
	hs_expect(&t->h, "854c19028198\n"); /* in the handset's transaction */
	hs_cipher(&t->h);
	hs_wait(&t->h, 5);
	assert_int_equal(mm_stats(t->g.r.mm)->ciphers, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cipher_refused),
		cmocka_unit_test(test_cipher_silence),
		MM_TEST(test_secure),
		cmocka_unit_test(test_old_base),
		MM_TEST(test_rekey),
		MM_TEST(test_clear_after_handover),
		MM_TEST(test_clear_in_call),
		MM_TEST(test_cipher_suggest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
