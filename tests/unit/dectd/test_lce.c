/* Link control: paging and its failures, incoming links, who is who, holds and releases, collisions, clashes, handover,
 * ringing: under a fake clock, frame by frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dectd/lce_priv.h"
#include "dectd/nwk_ie.h"

#include "lapc_air.h"

#define PP  "050780a8010012abcd" /* Portable identity: IPUI N, EMC 1001, PSN 2abcd */
#define PP2 "050780a8010012abce"

struct t {
	struct air air;
	struct lce *e;
	struct ipui pp, pp2;
	struct lce_link *l; /* of the last upcall */
	char ev[600];
	size_t n;
	bool assigned;
	int where_err;
	bool hold_on_rx;    /* MM holds in its rx */
	bool release_on_rx; /* … releases, normally */
	bool abort_on_rx;   /* … at once */
	bool reopen_on_down;
};

static void note(struct t *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->n += (size_t)vsnprintf(t->ev + t->n, sizeof(t->ev) - t->n, fmt, ap);
	va_end(ap);
	assert_true(t->n < sizeof(t->ev));
}

static void events_at(struct t *t, const char *want, int line)
{
	if (strcmp(t->ev, want) != 0)
		fail_msg("line %d: events \"%s\", wanted \"%s\"", line, t->ev, want);
	t->ev[0] = '\0';
	t->n = 0;
}
#define events(t, want) events_at(t, want, __LINE__)

static void mm_rx(void *ctx, struct lce_link *l, const struct nwk_msg *m)
{
	struct t *t = ctx;

	t->l = l;
	note(t, "mm:%s%s ", nwk_type_name(m->pd, m->type), ipui_none(lce_ipui(l)) ? "?" : "");
	if (t->hold_on_rx)
		lce_hold(l, NWK_MM);
	if (t->release_on_rx)
		lce_release(l, true);
	if (t->abort_on_rx)
		lce_release(l, false);
}

static void cc_rx(void *ctx, struct lce_link *l, const struct nwk_msg *m)
{
	struct t *t = ctx;

	t->l = l;
	note(t, "cc:%s ", nwk_type_name(m->pd, m->type));
}

static void mm_event(void *ctx, struct lce_link *l, const struct lce_event *ev)
{
	static const char *const names[] = { "up", "down", "reset", "cipher", "moved", "hofail",
		"media", "idle" };
	struct t *t = ctx;

	t->l = l;
	if (ev->what == LCE_EV_IDLE)
		return;
	note(t, "%s", names[ev->what]);
	if (ev->what == LCE_EV_DOWN) {
		struct lce_link *again;

		note(t, "%d", ev->why);
		t->l = NULL;
		if (t->reopen_on_down) {
			t->reopen_on_down = false;
			assert_int_equal(
			    lce_open(t->e, lce_ipui(l), LCE_PAGE_VOICE, NWK_CC, &again), 0);
			assert_ptr_not_equal(again, l);
		}
	}
	note(t, " ");
}

static int where(void *ctx, const struct ipui *pp, struct lce_where *out)
{
	struct t *t = ctx;

	(void)pp;
	out->assigned = t->assigned;
	out->tpui = 0xb4711;
	return t->where_err;
}

static int by_tpui(void *ctx, uint32_t tpui, struct ipui *out)
{
	struct t *t = ctx;

	*out = t->pp;
	return tpui == 0xb4711 ? 0 : ERR_NOTFOUND;
}

static const struct lce_entity mm = { mm_rx, mm_event }, cc = { cc_rx, NULL };
static const struct lce_dir dir = { where, by_tpui, NULL };

static int setup(void **state)
{
	struct t *t = mem_new(sizeof(*t));

	air_init(&t->air);
	t->e = lce_new(t->air.w, t->air.mac, NULL, NULL);
	lce_register(t->e, NWK_MM, &mm, t);
	lce_register(t->e, NWK_CC, &cc, t);
	lce_set_dir(t->e, &dir, t);
	t->pp = ipui_of_ipei(0x1001, 0x2abcd);
	t->pp2 = ipui_of_ipei(0x1001, 0x2abce);
	t->assigned = true;
	mac_base_up(t->air.mac, 1, 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct t *t = *state;

	lce_free(t->e);
	air_fini(&t->air);
	free(t);
	return 0;
}

static struct wr msg(uint8_t *buf, size_t cap, const char *hex)
{
	struct wr w = wr_of(buf, cap);

	w.n = air_unhex(hex, buf, cap);
	return w;
}

static int send_hex(struct lce_link *l, const char *hex)
{
	uint8_t buf[128];
	struct wr w = msg(buf, sizeof(buf), hex);

	return lce_send(l, &w);
}

/* The portable part opens a class B link, its first message follows in the second frame. */
static void in_b(struct t *t, uint8_t mcei, uint32_t pmid, const char *hex)
{
	char want[40];

	air_con(&t->air, 1, mcei, pmid, false);
	air_rx(&t->air, 1, mcei, "a11001");
	snprintf(want, sizeof(want), "1:%u a13101\n", mcei);
	air_expect(&t->air, want);
	air_dtr(&t->air, 1, mcei);
	air_msg(&t->air, 1, mcei, 1, 0, hex);
}

static void tables(void **state)
{
	(void)state;
	assert_int_equal(fsm_check(&lce_def, stderr), 0);
}

static void pages(void **state)
{
	struct lce_where at = {
		.assigned = true, .tpui = 0xb4711, .base = MAC_ALL, .cluster = MAC_ALL
	};
	struct lce_where un = { 0 };
	struct ipui pp = ipui_of_ipei(0x1001, 0x2abcd);
	uint8_t p[5];

	(void)state;
	/* The reference's table: 0c4711, 084711, 04abcd, 0c1b471100. */
	assert_int_equal(lce_page_build(LCE_PAGE_VOICE, &at, &pp, p), 3);
	assert_memory_equal(p, "\x0c\x47\x11", 3);
	assert_int_equal(lce_page_build(LCE_PAGE_SIGNAL, &at, &pp, p), 3);
	assert_memory_equal(p, "\x08\x47\x11", 3);
	assert_int_equal(lce_page_build(LCE_PAGE_VOICE, &un, &pp, p), 3);
	assert_memory_equal(p, "\x04\xab\xcd", 3);
	assert_int_equal(lce_page_build(LCE_PAGE_WIDE, &at, &pp, p), 5);
	assert_memory_equal(p, "\x0c\x1b\x47\x11\x00", 5);
	assert_int_equal(lce_page_build(LCE_PAGE_WIDE, &un, &pp, p), 3);
}

static void paged_and_answered(void **state)
{
	struct t *t = *state;
	struct lce_link *l, *same;

	assert_int_equal(lce_open(t->e, &t->pp, LCE_PAGE_VOICE, NWK_CC, &l), 0);
	air_expect(&t->air, "page 1 0c4711\n");
	assert_int_equal(lce_state(l), LCE_PENDING);
	assert_int_equal(send_hex(l, "0305" PP "060680a011234567e080"), 0);
	/* A second wish: no second page. */
	assert_int_equal(lce_open(t->e, &t->pp, LCE_PAGE_SIGNAL, NWK_MM, &same), 0);
	assert_ptr_equal(same, l);
	assert_int_equal(send_hex(l, "0552010180"), 0);
	air_expect(&t->air, "");
	tmr_advance(t->air.w, 3000);
	air_expect(&t->air, "page 1 0c4711\n");
	in_b(t, 3, 0xb4711, "0071" PP);
	events(t, "up ");
	assert_ptr_equal(t->l, l);
	assert_true(lce_answered_page(l));
	air_expect(&t->air,
	    "1:3 2340550305050780a8010012abcd060680a011234567e080\n1:3 2342150552010180\n");
	assert_int_equal(lce_state(l), LCE_UP);
	assert_ptr_equal(lce_find(t->e, &t->pp), l);
	tmr_advance(t->air.w, 1000);
	air_dtr(&t->air, 1, 3);
	air_rx(&t->air, 1, 3, "234101");
	/* Held by two: the last one's normal release ends it. */
	lce_drop(l, NWK_CC, false);
	air_expect(&t->air, "");
	lce_drop(l, NWK_MM, false);
	assert_int_equal(lce_state(l), LCE_RELEASING);
	assert_null(lce_find(t->e, &t->pp));
	tmr_advance(t->air.w, 1);
	air_expect(&t->air, "1:3 a35301\n");
	events(t, "");
	air_dtr(&t->air, 1, 3);
	air_rx(&t->air, 1, 3, "a37301");
	events(t, "down0 ");
	air_expect(&t->air, "dis 1:3\n");
	assert_int_equal(lce_stats(t->e)->page_answers, 1);
}

static void not_reachable(void **state)
{
	struct t *t = *state;
	struct lce_link *l;

	assert_int_equal(lce_open(t->e, &t->pp, LCE_PAGE_VOICE, NWK_CC, &l), 0);
	for (unsigned i = 0; i < 3; i++) {
		air_expect(&t->air, "page 1 0c4711\n");
		events(t, "");
		tmr_advance(t->air.w, 3000);
	}
	air_expect(&t->air, "page 1 04abcd\n"); /* the last one with the default TPUI */
	tmr_advance(t->air.w, 2999);
	events(t, "");
	t->reopen_on_down = true;
	tmr_advance(t->air.w, 1);
	events(t, "down1 ");
	air_expect(&t->air, "page 1 0c4711\n");
	/* An answer that comes too late for it is one for the new page. */
	in_b(t, 4, 0xb4711, "0071" PP);
	events(t, "up ");
}

static void paging_cancelled(void **state)
{
	struct t *t = *state;
	struct lce_link *l;

	assert_int_equal(lce_open(t->e, &t->pp, LCE_PAGE_VOICE, NWK_CC, &l), 0);
	lce_drop(l, NWK_CC, true);
	events(t, ""); /* never from inside a call */
	tmr_advance(t->air.w, 1);
	events(t, "down6 ");
	air_expect(&t->air, "page 1 0c4711\n");
	/* Now its response is unwanted: reject 21, normal release. */
	in_b(t, 4, 0xb4711, "0071" PP);
	events(t, "");
	air_expect(&t->air, "1:4 2340398072" PP "600121\n");
	air_dtr(&t->air, 1, 4);
	air_rx(&t->air, 1, 4, "232101");
	air_dtr(&t->air, 1, 4);
	air_expect(&t->air, "1:4 a35301\n");
	air_rx(&t->air, 1, 4, "a37301");
	events(t, "");
	air_expect(&t->air, "dis 1:4\n");

	t->where_err = ERR_NOTFOUND;
	assert_int_equal(lce_open(t->e, &t->pp, LCE_PAGE_VOICE, NWK_CC, &l), ERR_NOTFOUND);
	t->where_err = 0;
	mac_base_down(t->air.mac, 1);
	assert_int_equal(lce_open(t->e, &t->pp, LCE_PAGE_VOICE, NWK_CC, &l), ERR_LOST);
}

/* Two have equal low bits: the wrong one is rejected, the right one still awaited. */
static void wrong_one_answers(void **state)
{
	struct t *t = *state;
	struct lce_link *l;

	assert_int_equal(lce_open(t->e, &t->pp, LCE_PAGE_VOICE, NWK_CC, &l), 0);
	air_forget(&t->air);
	in_b(t, 4, 0xb4711, "0071" PP2);
	events(t, "");
	air_expect(&t->air, "1:4 2340398072" PP2 "600121\n");
	in_b(t, 5, 0xb4711, "0071" PP);
	events(t, "up ");
	/* And again, late, by another connection: 22. */
	air_rx(&t->air, 1, 5, "21240d8301");
	air_forget(&t->air);
	in_b(t, 6, 0xb4711, "0071" PP);
	air_expect(&t->air, "1:6 2340398072" PP "600122\n");
	assert_int_equal(lce_stats(t->e)->page_rejects, 2);
}

static void page_response_faults(void **state)
{
	struct t *t = *state;
	struct lce_link *l;

	assert_int_equal(lce_open(t->e, &t->pp, LCE_PAGE_VOICE, NWK_CC, &l), 0);
	air_forget(&t->air);
	in_b(t, 4, 0xb4711, "0071"); /* no identity */
	air_expect(&t->air, "1:4 23401d80720500600160\n");
	in_b(t, 5, 0xb4711,
	    "0071"
	    "0505a094011111"); /* a TPUI of nobody */
	air_expect(&t->air, "1:5 23401d80720500600123\n");
	in_b(t, 6, 0xb4711, "8071" PP); /* wrong flag: ignored */
	air_expect(&t->air, "1:6 214101\n");
	events(t, "");
	in_b(t, 7, 0xb4711,
	    "0071"
	    "0505a0940b4711"); /* its own TPUI */
	events(t, "up ");
}

static void comes_by_itself_while_paged(void **state)
{
	struct t *t = *state;
	struct lce_link *l;

	assert_int_equal(lce_open(t->e, &t->pp, LCE_PAGE_VOICE, NWK_CC, &l), 0);
	assert_int_equal(send_hex(l, "0552010180"), 0);
	air_forget(&t->air);
	in_b(t, 4, 0xb4711, "1305" PP "060680a011234567e080");
	events(t, "up cc:CC-SETUP ");
	assert_ptr_equal(t->l, l);
	assert_false(lce_answered_page(l));
	air_expect(&t->air, "1:4 2340150552010180\n");
	tmr_advance(t->air.w, 4000);
	assert_int_equal(lce_stats(t->e)->collisions, 1);
}

/* Location registration without a hold: the link stays for LCE.02 after the last message, then goes. */
static void linger(void **state)
{
	struct t *t = *state;

	in_b(t, 4, 0xe1234, "0554" PP);
	events(t, "up mm:LOCATE-REQUEST ");
	air_expect(&t->air, "1:4 214101\n");
	air_dtr(&t->air, 1, 4);
	tmr_advance(t->air.w, 4000);
	assert_int_equal(send_hex(t->l, "8555050007015f"), 0);
	air_expect(&t->air, "1:4 23401d8555050007015f\n");
	air_dtr(&t->air, 1, 4);
	air_rx(&t->air, 1, 4, "232101");
	tmr_advance(t->air.w, 4000);
	assert_int_equal(send_hex(t->l, "8555050007015f"), 0);
	air_forget(&t->air);
	air_dtr(&t->air, 1, 4);
	air_rx(&t->air, 1, 4, "234101");
	tmr_advance(t->air.w, 4999);
	events(t, "");
	tmr_advance(t->air.w, 1);
	events(t, "down0 ");
	air_expect(&t->air, "dis 1:4\n");
}

static void holds(void **state)
{
	struct t *t = *state;

	t->hold_on_rx = true;
	in_b(t, 4, 0xe1234, "0554" PP);
	events(t, "up mm:LOCATE-REQUEST ");
	tmr_advance(t->air.w, 60000);
	events(t, "");
	lce_drop(t->l, NWK_MM, true);
	tmr_advance(t->air.w, 4999);
	events(t, "");
	tmr_advance(t->air.w, 1);
	events(t, "down0 ");
}

/* Who hangs up may call again at once: after a call the link stays for a moment, and a new call is on it. */
static void calls_again_at_once(void **state)
{
	struct t *t = *state;

	in_b(t, 4, 0xb4711, "0305" PP "060680a011234567e080");
	events(t, "up cc:CC-SETUP ");
	air_expect(&t->air, "1:4 214101\n");
	air_dtr(&t->air, 1, 4);
	lce_hold(t->l, NWK_CC);
	lce_drop(t->l, NWK_CC, false);
	tmr_advance(t->air.w, 250);
	air_expect(&t->air, "");
	assert_int_equal(lce_state(t->l), LCE_UP);
	air_msg(&t->air, 1, 4, 2, 0, "1305" PP "060680a011234567e080");
	events(t, "cc:CC-SETUP ");
	lce_hold(t->l, NWK_CC);
	air_dtr(&t->air, 1, 4);
	air_expect(&t->air, "1:4 216101\n");
	air_dtr(&t->air, 1, 4);
	tmr_advance(t->air.w, 60000);
	events(t, "");
	lce_drop(t->l, NWK_CC, false);
	tmr_advance(t->air.w, 299);
	air_expect(&t->air, "");
	tmr_advance(t->air.w, 2);
	assert_int_equal(lce_state(t->l), LCE_RELEASING);
	tmr_advance(t->air.w, 1);
	air_expect(&t->air, "1:4 a35301\n");
	air_dtr(&t->air, 1, 4);
	air_rx(&t->air, 1, 4, "a37301");
	events(t, "down0 ");
	air_expect(&t->air, "dis 1:4\n");
}

static void released_from_inside(void **state)
{
	struct t *t = *state;

	t->release_on_rx = true;
	in_b(t, 4, 0xe1234, "0554" PP);
	events(t, "up mm:LOCATE-REQUEST ");
	air_expect(&t->air, "1:4 214101\n1:4 a35301\n");
	assert_int_equal(send_hex(t->l, "0552010180"), ERR_STATE);
	/* It is wanted again before the old link is gone: paged after its end, LCE.01 at the latest. */
	struct lce_link *l;
	assert_int_equal(lce_open(t->e, &t->pp, LCE_PAGE_SIGNAL, NWK_MM, &l), 0);
	assert_ptr_not_equal(l, t->l);
	air_expect(&t->air, "");
	air_dtr(&t->air, 1, 4);
	tmr_advance(t->air.w, 2000); /* DL.00 */
	events(t, "down0 ");
	air_expect(&t->air, "dis 1:4\n");
	tmr_advance(t->air.w, 150); /* a portable part that is still connected hears no page */
	air_expect(&t->air, "page 1 084711\n");
	lce_release(l, false);
	tmr_advance(t->air.w, 1);
	events(t, "down6 ");

	t->release_on_rx = false;
	t->abort_on_rx = true;
	in_b(t, 4, 0xe1234, "0554" PP);
	events(t, "up mm:LOCATE-REQUEST ");
	air_expect(&t->air, "dis 1:4\n");
	tmr_advance(t->air.w, 1);
	events(t, "down6 ");
}

static void nobody_is_there(void **state)
{
	struct t *t = *state;

	/* A link without a message: LCE.05. */
	air_con(&t->air, 1, 4, 0xe1234, false);
	air_rx(&t->air, 1, 4, "a11001");
	air_forget(&t->air);
	air_dtr(&t->air, 1, 4);
	tmr_advance(t->air.w, 5000);
	events(t, "");
	air_expect(&t->air, "dis 1:4\n");
	/* Messages without identity: MM may ask, others don't get them; a call that is gone is (17.3.2). */
	air_forget(&t->air);
	in_b(t, 5, 0xe1234, "137b2c0131");
	events(t, "");
	air_expect(&t->air, "1:5 234011935ae202\n");
	air_dtr(&t->air, 1, 5);
	air_msg(&t->air, 1, 5, 2, 1,
	    "0554"
	    "0505a094011111");
	events(t, "mm:LOCATE-REQUEST? ");
	air_dtr(&t->air, 1, 5);
	air_forget(&t->air);
	assert_int_equal(send_hex(t->l, "055802028080"), 0);
	air_dtr(&t->air, 1, 5);
	air_msg(&t->air, 1, 5, 3, 2, "8559" PP);
	events(t, "up mm:IDENTITY-REPLY ");
	/* Entities that are not there. */
	air_forget(&t->air);
	air_dtr(&t->air, 1, 5);
	air_msg(&t->air, 1, 5, 4, 2, "0705" PP);
	air_expect(&t->air, "1:5 23a411875ae206\n");
	air_dtr(&t->air, 1, 5);
	air_msg(&t->air, 1, 5, 5, 3, "277b");
	air_expect(&t->air, "1:5 23c611a75ae202\n");
	air_dtr(&t->air, 1, 5);
	air_msg(&t->air, 1, 5, 6, 4, "274d");
	air_msg(&t->air, 1, 5, 7, 4, "0801");
	air_msg(&t->air, 1, 5, 0, 4, "05");
	assert_int_equal(lce_stats(t->e)->rx_bad, 4);
}

/* CC-SETUP that does not say whose it is: refused by its reason, and the link goes (17.6.1, 17.6.2). */
static void setup_of_nobody(void **state)
{
	static const struct {
		const char *msg, *want;
	} m[] = {
		{ "13050606 80a011234567 e080", "1:4 234011935ae203\n" },
		{ "13050500 0606 80a011234567 e080", "1:4 234011935ae203\n" },
		{ "13050501 80 0606 80a011234567 e080", "1:4 234011935ae204\n" },
		{ "13050505 a094011111 0606 80a011234567 e080", "1:4 234011935ae20a\n" },
	};
	struct t *t = *state;

	for (size_t i = 0; i < ARRAY_LEN(m); i++) {
		in_b(t, 4, 0xe1234, m[i].msg);
		events(t, "");
		air_expect(&t->air, m[i].want);
		air_dtr(&t->air, 1, 4);
		air_rx(&t->air, 1, 4, "233101"); /* acknowledged */
		air_expect(&t->air, "1:4 a35301\n");
		air_rx(&t->air, 1, 4, "a17301");
		air_dtr(&t->air, 1, 4);
		tmr_advance(t->air.w, 5);
		events(t, "");
		air_forget(&t->air);
	}
}

static void clash(void **state)
{
	struct t *t = *state;
	struct lce_link *l;

	in_b(t, 4, 0xe1234, "0554" PP);
	events(t, "up mm:LOCATE-REQUEST ");
	l = t->l;
	lce_set_proven(l);
	/* Another connection with that identity and no proof. */
	air_forget(&t->air);
	in_b(t, 5, 0xe9999, "0554" PP);
	events(t, "");
	/* The first one has to show that it is there. */
	air_expect(&t->air, "1:4 235101\ndis 1:5\n");
	assert_ptr_equal(lce_find(t->e, &t->pp), l);
	air_dtr(&t->air, 1, 4);
	air_rx(&t->air, 1, 4, "231101");
	/* The same portable part comes anew. */
	in_b(t, 6, 0xe1234, "0554" PP);
	events(t, "down5 up mm:LOCATE-REQUEST ");
	assert_ptr_not_equal(t->l, l);
	/* Not proven: the newer one counts. */
	air_forget(&t->air);
	in_b(t, 7, 0xe7777, "0554" PP);
	events(t, "down5 up mm:LOCATE-REQUEST ");
	/* A message that names another one. */
	air_dtr(&t->air, 1, 7);
	air_msg(&t->air, 1, 7, 2, 0, "0554" PP2);
	events(t, "");
	assert_int_equal(lce_stats(t->e)->foreign_ident, 1);
	assert_int_equal(lce_stats(t->e)->clash, 1);
	assert_int_equal(lce_rebind(t->l, &t->pp2), 0);
	assert_null(lce_find(t->e, &t->pp));
	assert_ptr_equal(lce_find(t->e, &t->pp2), t->l);
}

static void losses(void **state)
{
	struct t *t = *state;

	in_b(t, 4, 0xe1234, "0554" PP);
	events(t, "up mm:LOCATE-REQUEST ");
	air_forget(&t->air);
	air_dis(&t->air, 1, 4, 2);
	events(t, "down2 ");
	in_b(t, 4, 0xe1234, "0554" PP);
	events(t, "up mm:LOCATE-REQUEST ");
	air_forget(&t->air);
	mac_base_down(t->air.mac, 1);
	events(t, "down3 ");
	mac_base_up(t->air.mac, 1, 0);
	air_forget(&t->air);
	in_b(t, 4, 0xe1234, "0554" PP);
	events(t, "up mm:LOCATE-REQUEST ");
	air_rx(&t->air, 1, 4, "a13f01");
	events(t, "reset ");
}

static void queues(void **state)
{
	struct t *t = *state;
	struct lce_link *l;
	uint8_t small[4];
	struct wr w = wr_of(small, sizeof(small));

	assert_int_equal(lce_open(t->e, &t->pp, LCE_PAGE_VOICE, NWK_CC, &l), 0);
	for (unsigned i = 0; i < LCE_QUEUE_MAX; i++)
		assert_int_equal(send_hex(l, "0552010180"), 0);
	assert_int_equal(send_hex(l, "0552010180"), ERR_BUSY);
	w.bad = true;
	assert_int_equal(lce_send(l, &w), ERR_LIMIT);
	assert_int_equal(lce_tv_new(l, NWK_CC), 0);
	assert_int_equal(lce_tv_new(l, NWK_CC), 1);
	lce_tv_free(l, NWK_CC, 0);
	assert_int_equal(lce_tv_new(l, NWK_CC), 0);
	for (unsigned i = 2; i < 7; i++)
		assert_int_equal(lce_tv_new(l, NWK_CC), i);
	assert_int_equal(lce_tv_new(l, NWK_CC), -1);
	assert_int_equal(lce_tv_new(l, NWK_MM), 0);
	assert_int_equal(lce_tv_new(l, NWK_MM), -1);
}

static void ringing(void **state)
{
	struct t *t = *state;
	unsigned h = lce_group_ring(t->e, MAC_ALL, 1, LCE_GROUP_ALL, false);

	assert_int_not_equal(h, 0);
	air_expect(&t->air, "page 1 011fff\n");
	tmr_advance(t->air.w, 3000);
	air_expect(&t->air, "page 1 011fff\n");
	lce_group_stop(t->e, h, true);
	air_expect(&t->air, "page 1 01bfff\n");
	tmr_advance(t->air.w, 10000);
	air_expect(&t->air, "");
	h = lce_group_ring(t->e, MAC_ALL, 8, 0x005, true);
	air_expect(&t->air, "page 1 098005\n");
	t->air.mute = true;
	tmr_advance(t->air.w, 120000);
	t->air.mute = false;
	air_expect(&t->air, "");
	tmr_advance(t->air.w, 10000);
	air_expect(&t->air, "");
	lce_group_stop(t->e, h, false); /* over by itself */
	air_expect(&t->air, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables),
		cmocka_unit_test(pages),
		cmocka_unit_test_setup_teardown(paged_and_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(not_reachable, setup, teardown),
		cmocka_unit_test_setup_teardown(paging_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_one_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(page_response_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(comes_by_itself_while_paged, setup, teardown),
		cmocka_unit_test_setup_teardown(linger, setup, teardown),
		cmocka_unit_test_setup_teardown(holds, setup, teardown),
		cmocka_unit_test_setup_teardown(calls_again_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(released_from_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(setup_of_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(clash, setup, teardown),
		cmocka_unit_test_setup_teardown(losses, setup, teardown),
		cmocka_unit_test_setup_teardown(queues, setup, teardown),
		cmocka_unit_test_setup_teardown(ringing, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
