/* What idle handsets are told: the octets of the reference for events, time, texts; when, and what goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dectd/ss.h"

#include "lapc_air.h"

#define PP "050780a8010012abcd"

struct t {
	struct air air;
	struct lce *e;
	struct pps *pps;
	struct pp *pp;
	struct pp_user *user;
	struct ss *ss;
};

static void changed(void *ctx, struct pp *pp, struct pp_user *u, unsigned what)
{
	struct t *t = ctx;

	if (t->ss)
		ss_changed(t->ss, pp, u, what);
}
static const struct pps_ops pps_ops = { changed };

static int where(void *ctx, const struct ipui *pp, struct lce_where *out)
{
	(void)ctx;
	(void)pp;
	*out = (struct lce_where){ .base = MAC_ALL, .cluster = MAC_ALL };
	return 0;
}

static int by_tpui(void *ctx, uint32_t tpui, struct ipui *out)
{
	(void)ctx;
	(void)tpui;
	(void)out;
	return ERR_NOTFOUND;
}
static const struct lce_dir dir = { where, by_tpui, NULL };

static int setup(void **state)
{
	struct t *t = mem_new(sizeof(*t));
	struct ss_conf conf = { .idle_display = true, .time = false, .language = "en" };
	struct pp_user_in u = { .name = slice_str("4711"),
		.standby_text = slice_str("Ward 7"),
		.ipei = slice_str("040970175053") };

	air_init(&t->air);
	t->e = lce_new(t->air.w, t->air.mac, NULL, NULL);
	lce_set_dir(t->e, &dir, NULL);
	t->pps = pps_new(NULL, t->air.w, &pps_ops, t);
	assert_int_equal(pp_make(t->pps, "040970175053", &t->pp), 0);
	t->pp->subscribed = true;
	t->pp->state = PP_LOCATED;
	t->pp->caps.known = true;
	t->pp->caps.tc.display = 4;
	t->pp->caps.tc.control = 2;
	t->pp->caps.tc.lines = 3;
	t->pp->caps.tc.columns = 16;
	t->user = pp_user_put(t->pps, &u);
	t->ss = ss_new(t->air.w, t->e, t->pps, NULL, &conf);
	mac_base_up(t->air.mac, 1, 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct t *t = *state;
	struct ss *ss = t->ss;

	t->ss = NULL;
	ss_free(ss);
	lce_free(t->e);
	pps_free(t->pps);
	air_fini(&t->air);
	free(t);
	return 0;
}

static void part3(struct t *t)
{
	t->pp->caps.tc.profile[6] = 0x06;
	t->pp->caps.tc.nprofile = 7;
}

static void up(struct t *t)
{
	air_con(&t->air, 1, 4, 0xe1234, false);
	air_rx(&t->air, 1, 4, "a11001");
	air_dtr(&t->air, 1, 4);
	air_forget(&t->air);
	air_msg(&t->air, 1, 4, 1, 0, "0071" PP);
}

static void has(struct t *t, const char *hex)
{
	if (!strstr(t->air.log, hex))
		fail_msg("wanted %s in\n%s", hex, t->air.log);
}

static void events(void **state)
{
	struct t *t = *state;
	struct ss_notice n = { .has_messages = true, .messages = 3 };

	part3(t);
	ss_user_notice(t->ss, t->user, &n);
	air_expect(&t->air, "");
	tmr_advance(t->air.w, 50);
	air_expect(&t->air, "page 1 00abcd\n"); /* without U-plane */
	up(t);
	has(t, "64627d030081837e03000081\n");
	air_forget(&t->air);
	air_dis(&t->air, 1, 4, 2);
	/* The same again says nothing. */
	ss_user_notice(t->ss, t->user, &n);
	tmr_advance(t->air.w, 1000);
	air_expect(&t->air, "");
	/* None left, and a missed call. */
	n = (struct ss_notice){ .has_messages = true, .has_missed = true, .missed = 1 };
	ss_user_notice(t->ss, t->user, &n);
	tmr_advance(t->air.w, 200);
	air_expect(&t->air, "page 1 00abcd\n");
	up(t);
	has(t, "64627d030081807e03000081\n");
	has(t, "64627d030181817e03000081\n"); /* subtype 81: a new one */
	air_forget(&t->air);
	air_dis(&t->air, 1, 4, 2);
	/* Seen: only the count changed (82). */
	n = (struct ss_notice){ .has_missed = true, .missed = 0 };
	ss_user_notice(t->ss, t->user, &n);
	tmr_advance(t->air.w, 200);
	up(t);
	has(t, "64627d030182807e03000081\n");
	assert_int_equal(ss_stats(t->ss)->failed, 0);
}

static void standby(void **state)
{
	struct t *t = *state;
	struct ss_notice n = { .has_messages = true, .messages = 2 };

	/* Registered: the idle text comes a moment later, as CISS with a display, and is closed again. */
	pp_changed(t->pp, PP_C_LOCATED);
	tmr_advance(t->air.w, 1499);
	air_expect(&t->air, "");
	tmr_advance(t->air.w, 1);
	air_expect(&t->air, "page 1 00abcd\n");
	up(t);
	has(t, "046428070c576172642037\n");
	has(t, "045ae200\n");
	air_dis(&t->air, 1, 4, 2);
	air_forget(&t->air);
	ss_user_notice(t->ss, t->user, &n);
	tmr_advance(t->air.w, 200);
	up(t);
	/* "Ward 7", start of row and row down, "New messages: 2" */
	has(t, "28180c5761726420370d0a4e6577206d657373616765733a2032\n");
	air_dis(&t->air, 1, 4, 2);
	air_forget(&t->air);
	/* No display: no page. */
	t->pp->caps.tc.display = 1;
	pp_changed(t->pp, PP_C_LOCATED);
	tmr_advance(t->air.w, 5000);
	air_expect(&t->air, "");
}

static void texts(void **state)
{
	struct t *t = *state;
	struct ss_notice n = { .text = SLICE_LIT("Call me"), .from = SLICE_LIT("Bob") };

	ss_user_notice(t->ss, t->user, &n);
	tmr_advance(t->air.w, 50);
	air_expect(&t->air, "page 1 00abcd\n");
	up(t);
	has(t, "280d0c426f620d0a43616c6c206d65\n");
	air_dis(&t->air, 1, 4, 2);
	air_forget(&t->air);
	/* It does not answer: tried again later, not for ever at once. */
	ss_user_notice(t->ss, t->user, &n);
	tmr_advance(t->air.w, 13000);
	assert_int_equal(strlen(t->air.log), 4 * strlen("page 1 00abcd\n"));
	air_forget(&t->air);
	tmr_advance(t->air.w, 30000);
	air_expect(&t->air, "");
	tmr_advance(t->air.w, 30000);
	assert_non_null(strstr(t->air.log, "page 1 00abcd\n"));
}

static void asked(void **state)
{
	struct t *t = *state;

	/* A handset asks for the time (connectionless), and opens a service that we do not have. */
	air_con(&t->air, 1, 4, 0xe1234, false);
	air_rx(&t->air, 1, 4, "a11001");
	air_dtr(&t->air, 1, 4);
	air_forget(&t->air);
	air_msg(&t->air, 1, 4, 1, 0, "6462" PP "2301c4");
	has(t, "64622308c0");
	air_dtr(&t->air, 1, 4);
	air_forget(&t->air);
	air_msg(&t->air, 1, 4, 2, 0, "1464" PP "2c012a");
	has(t, "945ae206\n");
	air_dtr(&t->air, 1, 4);
	air_forget(&t->air);
	air_msg(&t->air, 1, 4, 3, 0, "2462" PP);
	has(t, "a45ae202\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(events, setup, teardown),
		cmocka_unit_test_setup_teardown(standby, setup, teardown),
		cmocka_unit_test_setup_teardown(texts, setup, teardown),
		cmocka_unit_test_setup_teardown(asked, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
