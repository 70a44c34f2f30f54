/* External handover: the call of a handset goes on over another link of it. */
#include "dectd/xho.h"

#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "dectd/cc_lce_priv.h"
#include "dectd/cc_priv.h"
#include "dectd/handover.h"

#define REF_PRIVATE 0x69 /* Network parameter: handover reference, private network */

struct xho {
	struct list node; /* cc_lce.xhos */
	struct cc_lce *g;
	struct pp *pp;
	const struct cc_call *call; /* whether it is there still: live() */
	struct lce_link *from, *to; /* NULL: gone, or not there yet */
	struct fsm fsm;
	struct tmr tmr;
	bool old_by_pp, old_done; /* old_done: the former transaction is over */
	uint8_t old_tv, tv;
	bool speech, ciphered; /* of the call before */
};

static struct xho *of(struct fsm *m)
{
	return CONTAINER_OF(m, struct xho, fsm);
}

/* ---- references ---- */

void xho_reference_put(struct pp *pp, struct wr *w)
{
	if (!pp->has_ho_ref)
		id_random(pp->ho_ref, sizeof(pp->ho_ref));
	pp->has_ho_ref = true;
	ie_network_param_put(w, &(struct ie_network_param){ .type = REF_PRIVATE,
	                            .data = { (const char *)pp->ho_ref, sizeof(pp->ho_ref) } });
}

uint8_t xho_reference_check(const struct pp *pp, const struct nwk_msg *m)
{
	struct ie_network_param np;

	if (!pp->has_ho_ref || ie_network_param_of(m, &np) != 0 || np.type != REF_PRIVATE ||
	    np.data.n != sizeof(pp->ho_ref) || memcmp(np.data.p, pp->ho_ref, np.data.n) != 0)
		return CC_R_NO_NETWORK_PARAM;
	return 0;
}

/* ---- messages ---- */

static void say(struct lce_link *l, bool f, uint8_t tv, uint8_t type, int reason, struct xho *ref)
{
	uint8_t buf[48];
	struct wr w = wr_of(buf, sizeof(buf));

	if (!l)
		return;
	nwk_head(&w, NWK_CC, f, tv, type);
	if (reason >= 0)
		ie_octet_put(&w, IE_RELEASE_REASON, (uint8_t)reason);
	if (ref) { /* the answer to an external handover release */
		ie_location_put(&w, &(struct ie_location){ .has_level = true,
		                        .level = ref->g->cc->conf.ident.cls == IDENT_A ? 36 : 31 });
		xho_reference_put(ref->pp, &w);
	}
	if (lce_send(l, &w) != 0)
		log_ev(LOG_INFO, "external handover: message not sent");
}

static void say_new(struct xho *x, uint8_t type, int reason)
{
	say(x->to, true, x->tv, type, reason, NULL);
}

static void say_old(struct xho *x, uint8_t type, int reason)
{
	say(x->from, x->old_by_pp, x->old_tv, type, reason, NULL);
}

/* ---- what it is about ---- */

static bool live(const struct xho *x)
{
	const struct cc_call *c = cc_of_pp(x->pp);

	return c && c == x->call && cc_state(c) == CC_ACTIVE;
}

static struct xho *find(struct cc_lce *g, const struct pp *pp)
{
	LIST_FOREACH(&g->xhos, it)
	{
		struct xho *x = LIST_ENTRY(it, struct xho, node);

		if (x->pp == pp)
			return x;
	}
	return NULL;
}

static void given_up(struct xho *x, const char *why)
{
	char text[PP_TEXT];

	x->g->cc->st.ext_refused++;
	log_ev(LOG_NOTICE, "external handover given up", F_PP(pp_text(x->pp, text)), F_WHY(why));
}

/* The other link is not needed. */
static void leave_new(struct xho *x)
{
	struct lce_link *l = x->to;

	x->to = NULL;
	if (l)
		lce_drop(l, NWK_CC, false);
}

/* Where the call has no way back it is over. */
static void lose_call(struct xho *x)
{
	if (live(x) && (!x->from || x->old_done))
		cc_lost(x->g->cc, x->pp);
}

/* ---- security ---- */

static void on_secured(void *ctx, struct pp *pp, int err)
{
	struct xho *x = ctx;

	(void)pp;
	(void)fsm_event(&x->fsm, err ? XHO_EV_FAILED : XHO_EV_PROVEN, &err);
}

static void secure(struct xho *x, bool prove_only)
{
	if (x->g->mm)
		mm_secure_link(x->g->mm, x->to, x->pp, prove_only, on_secured, x);
	else
		(void)fsm_event(&x->fsm, XHO_EV_PROVEN, NULL);
}

/* ---- actions ---- */

static int a_setup(struct fsm *m, int ev, const void *arg)
{
	struct xho *x = of(m);

	(void)ev;
	x->to = (struct lce_link *)(uintptr_t)arg;
	secure(x, true);
	return FSM_NEXT;
}

static int a_connect(struct fsm *m, int ev, const void *arg)
{
	struct xho *x = of(m);

	(void)ev;
	(void)arg;
	say_new(x, CC_CONNECT, -1);
	return FSM_NEXT;
}

static int a_secure(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	secure(of(m), false);
	return FSM_NEXT;
}

/* Before CC-CONNECT: the call stays where it is. */
static int a_refuse(struct fsm *m, int ev, const void *arg)
{
	struct xho *x = of(m);

	(void)arg;
	given_up(x, ev == XHO_EV_CALL_GONE ? "the call ended" : "it did not prove who it is");
	say_new(x, CC_RELEASE_COM, ev == XHO_EV_CALL_GONE ? CC_R_NORMAL : CC_R_AUTH_FAILED);
	leave_new(x);
	lose_call(x);
	return FSM_NEXT;
}

static int a_fall_back(struct fsm *m, int ev, const void *arg)
{
	struct xho *x = of(m);

	(void)arg;
	given_up(x, "the handset stays where it was");
	if (ev == XHO_EV_RELEASE)
		say_new(x, CC_RELEASE_COM, CC_R_NORMAL);
	leave_new(x);
	lose_call(x);
	return FSM_NEXT;
}

static int a_new_down(struct fsm *m, int ev, const void *arg)
{
	struct xho *x = of(m);

	(void)ev;
	(void)arg;
	given_up(x, "the other link is lost");
	x->to = NULL;
	lose_call(x);
	return FSM_NEXT;
}

static int a_abort(struct fsm *m, int ev, const void *arg)
{
	struct xho *x = of(m);

	(void)arg;
	given_up(x, ev == XHO_EV_FAILED      ? "the other link is not ciphered"
	            : ev == XHO_EV_CALL_GONE ? "the call ended"
	                                     : "no answer in time");
	say_new(x, CC_RELEASE,
	    ev == XHO_EV_FAILED      ? CC_R_CIPHER_FAILED
	    : ev == XHO_EV_CALL_GONE ? CC_R_NORMAL
	                             : CC_R_TIMER);
	lose_call(x);
	return FSM_NEXT;
}

static int a_aborted(struct fsm *m, int ev, const void *arg)
{
	struct xho *x = of(m);

	(void)arg;
	if (ev == XHO_EV_TIMER)
		say_new(x, CC_RELEASE_COM, CC_R_TIMER);
	leave_new(x);
	return FSM_NEXT;
}

static int a_old_down(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	of(m)->from = NULL;
	return FSM_NEXT;
}

static int a_old_release(struct fsm *m, int ev, const void *arg)
{
	struct xho *x = of(m);

	(void)arg;
	if (ev == XHO_EV_OLD_RELEASE)
		say_old(x, CC_RELEASE_COM, CC_R_NORMAL);
	x->old_done = true;
	return FSM_NEXT;
}

/* Speech first: where there is no channel for it nothing moves. */
static int move_speech(struct xho *x)
{
	struct mac_conn *from = x->from ? lce_conn(x->from) : NULL, *to = lce_conn(x->to);

	if (!to)
		return ERR_LOST;
	return from && mac_media_is_open(from) ? mac_media_take(to, from) : 0;
}

static void move_call(struct xho *x)
{
	struct cc_lce *g = x->g;
	struct cc_part *p = x->from ? lce_user(x->from, NWK_CC) : NULL;
	char text[PP_TEXT];

	if (g->mm)
		mm_call_active(g->mm, x->pp, false);
	lce_take_over(x->to);
	/* The hold of the first link is ours now, the other one's is call control's. */
	if (p)
		p->pp = NULL;
	if (p && p->held)
		p->held = false;
	else if (x->from)
		lce_hold(x->from, NWK_CC);
	p = cc_part_of(g, x->to, x->pp);
	if (p->held)
		lce_drop(x->to, NWK_CC, true);
	p->held = true;
	cc_move(cc_of_pp(x->pp), true, x->tv);
	x->pp->has_ho_ref = false;
	g->cc->st.ext_handovers++;
	log_ev(LOG_INFO, "external handover", F_PP(pp_text(x->pp, text)), F_RFP(lce_base(x->to)));
	if (g->mm)
		mm_call_active(g->mm, x->pp, true);
}

static int a_move(struct fsm *m, int ev, const void *arg)
{
	struct xho *x = of(m);
	struct cc_lce *g = x->g;
	struct pp *pp = x->pp;
	bool lost = !x->from && x->speech;

	if (!live(x) || (ev == XHO_EV_PROVEN && move_speech(x) != 0)) {
		(void)a_abort(m, live(x) ? XHO_EV_FAILED : XHO_EV_CALL_GONE, arg);
		return XHO_ABORT;
	}
	move_call(x);
	x->to = NULL;
	if (x->from && !x->old_done)
		say_old(x, CC_RELEASE, CC_R_EXT_HO_RELEASE);
	else if (x->from)
		lce_drop(x->from, NWK_CC, false);
	if (lost && ev == XHO_EV_PROVEN)
		g->ops->media(g->ctx, pp,
		    &(struct mac_media_ind){ .what = MAC_MEDIA_FAILED, .err = ERR_LOST });
	g->ops->moved(g->ctx, pp);
	return x->from && !x->old_done ? FSM_NEXT : XHO_DONE;
}

/* The former transaction is over. */
static int a_done(struct fsm *m, int ev, const void *arg)
{
	struct xho *x = of(m);

	(void)arg;
	if (ev == XHO_EV_TIMER)
		say_old(x, CC_RELEASE_COM, CC_R_TIMER);
	if (ev != XHO_EV_OLD_DOWN)
		lce_drop(x->from, NWK_CC, false);
	return FSM_NEXT;
}

static int a_late(struct fsm *m, int ev, const void *arg)
{
	struct xho *x = of(m);

	(void)ev;
	(void)arg;
	given_up(x, "it did not come");
	lose_call(x);
	return FSM_NEXT;
}

static const struct fsm_state states[XHO_NSTATES] = {
	[XHO_PROVE] = { .name = "PROVE", .timer = "X-secure", .ms = 18000 }, /* before its CC.03 */
	[XHO_CONNECT] = { .name = "CONNECT", .timer = "CC.05", .ms = 10000 },
	[XHO_CIPHER] = { .name = "CIPHER", .timer = "X-secure", .ms = 18000 },
	[XHO_PARKED] = { .name = "PARKED", .timer = "LCE.04", .ms = 5000 },
	[XHO_RELEASE] = { .name = "RELEASE", .timer = "CC.02", .ms = 36000 },
	[XHO_ABORT] = { .name = "ABORT", .timer = "CC.02", .ms = 36000 },
	[XHO_DONE] = { .name = "DONE", .final = true },
};
static const struct fsm_row rows[] = {
	{ XHO_PROVE, XHO_EV_SETUP, XHO_PROVE, 0, a_setup },
	{ XHO_PROVE, XHO_EV_PROVEN, XHO_CONNECT, 0, a_connect },
	{ XHO_PROVE, XHO_EV_FAILED, XHO_DONE, 0, a_refuse },
	{ XHO_PROVE, XHO_EV_TIMER, XHO_DONE, 0, a_refuse },
	{ XHO_PROVE, XHO_EV_CALL_GONE, XHO_DONE, 0, a_refuse },
	{ XHO_PROVE, XHO_EV_RELEASE, XHO_DONE, 0, a_fall_back },
	{ XHO_PROVE, XHO_EV_RELEASE_COM, XHO_DONE, 0, a_fall_back },
	{ XHO_PROVE, XHO_EV_NEW_DOWN, XHO_DONE, 0, a_new_down },
	{ XHO_PROVE, XHO_EV_OLD_DOWN, XHO_PROVE, 0, a_old_down },
	{ XHO_CONNECT, XHO_EV_ACK, XHO_CIPHER, 0, a_secure },
	{ XHO_CONNECT, XHO_EV_TIMER, XHO_ABORT, 0, a_abort },
	{ XHO_CONNECT, XHO_EV_CALL_GONE, XHO_ABORT, 0, a_abort },
	{ XHO_CONNECT, XHO_EV_RELEASE, XHO_DONE, 0, a_fall_back },
	{ XHO_CONNECT, XHO_EV_RELEASE_COM, XHO_DONE, 0, a_fall_back },
	{ XHO_CONNECT, XHO_EV_NEW_DOWN, XHO_DONE, 0, a_new_down },
	{ XHO_CONNECT, XHO_EV_OLD_DOWN, XHO_CONNECT, 0, a_old_down },
	{ XHO_CIPHER, XHO_EV_PROVEN, XHO_RELEASE, FSM_M(XHO_ABORT) | FSM_M(XHO_DONE), a_move },
	{ XHO_CIPHER, XHO_EV_FAILED, XHO_ABORT, 0, a_abort },
	{ XHO_CIPHER, XHO_EV_TIMER, XHO_ABORT, 0, a_abort },
	{ XHO_CIPHER, XHO_EV_CALL_GONE, XHO_ABORT, 0, a_abort },
	/* It hung up: the call ends as every other, over the link where it is now. */
	{ XHO_CIPHER, XHO_EV_RELEASE, XHO_RELEASE, FSM_M(XHO_ABORT) | FSM_M(XHO_DONE), a_move },
	{ XHO_CIPHER, XHO_EV_RELEASE_COM, XHO_RELEASE, FSM_M(XHO_ABORT) | FSM_M(XHO_DONE), a_move },
	{ XHO_CIPHER, XHO_EV_NEW_DOWN, XHO_DONE, 0, a_new_down },
	{ XHO_CIPHER, XHO_EV_OLD_DOWN, XHO_CIPHER, 0, a_old_down },
	/* N400 ran out at the handset: it releases the first link itself. */
	{ XHO_CIPHER, XHO_EV_OLD_RELEASE, XHO_CIPHER, 0, a_old_release },
	{ XHO_CIPHER, XHO_EV_OLD_RELEASE_COM, XHO_CIPHER, 0, a_old_release },
	{ XHO_PARKED, XHO_EV_SETUP, XHO_PROVE, 0, a_setup },
	{ XHO_PARKED, XHO_EV_OLD_DOWN, XHO_PARKED, 0, a_old_down },
	{ XHO_PARKED, XHO_EV_TIMER, XHO_DONE, 0, a_late },
	{ XHO_PARKED, XHO_EV_CALL_GONE, XHO_DONE, 0, NULL },
	{ XHO_RELEASE, XHO_EV_OLD_RELEASE, XHO_DONE, 0, a_done },
	{ XHO_RELEASE, XHO_EV_OLD_RELEASE_COM, XHO_DONE, 0, a_done },
	{ XHO_RELEASE, XHO_EV_OLD_DOWN, XHO_DONE, 0, a_done },
	{ XHO_RELEASE, XHO_EV_TIMER, XHO_DONE, 0, a_done },
	{ XHO_RELEASE, XHO_EV_CALL_GONE, XHO_RELEASE, 0, NULL },
	{ XHO_ABORT, XHO_EV_RELEASE, XHO_DONE, 0, a_aborted },
	{ XHO_ABORT, XHO_EV_RELEASE_COM, XHO_DONE, 0, a_aborted },
	{ XHO_ABORT, XHO_EV_NEW_DOWN, XHO_DONE, 0, a_aborted },
	{ XHO_ABORT, XHO_EV_TIMER, XHO_DONE, 0, a_aborted },
	{ XHO_ABORT, XHO_EV_OLD_DOWN, XHO_ABORT, 0, a_old_down },
	{ XHO_ABORT, XHO_EV_CALL_GONE, XHO_ABORT, 0, NULL },
};
static const char *const ev_names[XHO_NEV] = { "CC-SETUP", "proven", "not proven", "CC-CONNECT-ACK",
	"CC-RELEASE", "CC-RELEASE-COM", "CC-RELEASE there", "CC-RELEASE-COM there", "link lost",
	"first link lost", "call ended", "timer" };
const struct fsm_def xho_def = {
	.name = "xho",
	.states = states,
	.nstates = XHO_NSTATES,
	.rows = rows,
	.nrows = ARRAY_LEN(rows),
	.ev_names = ev_names,
	.nev = XHO_NEV,
	.ev_timer = XHO_EV_TIMER,
	.fail = XHO_DONE,
};

/* ---- the machine's environment ---- */

static void env_start(struct fsm *m, uint32_t ms)
{
	tmr_start(&of(m)->tmr, ms);
}

static void env_stop(struct fsm *m)
{
	tmr_stop(&of(m)->tmr);
}

static void env_moved(struct fsm *m, int from, int ev, int to)
{
	struct xho *x = of(m);
	char text[PP_TEXT];

	if (to < 0)
		x->g->cc->st.unexpected++;
	log_ev(LOG_DEBUG, "external handover", F_PP(pp_text(x->pp, text)),
	    F_TEXT("IPDECT_STATE", states[to < 0 ? from : to].name),
	    F_TEXT("IPDECT_EVENT", ev_names[ev]));
}

static void bury(struct xho *x)
{
	tmr_stop(&x->tmr);
	if (x->g->mm)
		mm_secure_forget(x->g->mm, x);
	list_remove(&x->node);
	free(x);
}

static void env_done(struct fsm *m)
{
	bury(of(m));
}

static const struct fsm_env env = { env_start, env_stop, env_moved, env_done };

static void on_timer(struct tmr *t, void *ctx)
{
	struct xho *x = ctx;

	(void)t;
	(void)fsm_event(&x->fsm, XHO_EV_TIMER, NULL);
}

static struct xho *make(struct cc_lce *g, struct pp *pp, const struct cc_call *c, enum xho_state st)
{
	struct xho *x = mem_new(sizeof(*x));
	struct mac_conn *mc;

	x->g = g;
	x->pp = pp;
	x->call = c;
	x->from = lce_find(g->lce, &pp->ipui);
	x->old_tv = cc_transaction(c, &x->old_by_pp);
	mc = x->from ? lce_conn(x->from) : NULL;
	x->speech = mc && mac_media_is_open(mc);
	x->ciphered = mc && mac_ciphered(mc);
	tmr_init(&x->tmr, g->w, on_timer, x);
	list_append(&g->xhos, &x->node);
	fsm_init(&x->fsm, &xho_def, &env, (uint8_t)st);
	return x;
}

/* ---- from below ---- */

static uint8_t judge(struct cc_lce *g, struct lce_link *l, struct pp *pp, const struct nwk_msg *m,
    const struct xho *parked)
{
	const struct cc_call *c = cc_of_pp(pp);
	struct lce_link *from = lce_find(g->lce, &pp->ipui);
	struct mac_conn *mc = from ? lce_conn(from) : NULL;
	struct ie_basic_service service;
	struct mac_base_info to;
	struct nwk_fault fault;
	int err;

	if (nwk_check(m, &fault) != 0)
		return fault.what == NWK_MISSING ? CC_R_MISSING_IE : CC_R_BAD_IE;
	if (!c || cc_state(c) != CC_ACTIVE || (parked && parked->call != c))
		return CC_R_EXT_HO;
	if (ie_basic_service_of(m, &service) != 0 ||
	    service.service != (cc_wideband(c) ? 0x8 : 0x0))
		return CC_R_INCOMPATIBLE;
	if (xho_reference_check(pp, m) != 0)
		return CC_R_NO_NETWORK_PARAM;
	err = mac_base_info(lce_mac(g->lce), lce_base(l), &to);
	if (!err)
		err = handover_judge(&to, parked ? parked->ciphered : mc && mac_ciphered(mc),
		    parked ? parked->speech : mc && mac_media_is_open(mc));
	return !err ? 0 : err == ERR_UNSUPP ? CC_R_CIPHER_FAILED : CC_R_BEARERS;
}

static void setup(struct cc_lce *g, struct lce_link *l, struct pp *pp, const struct nwk_msg *m)
{
	struct xho *x = find(g, pp);
	bool parked = x && x->fsm.st == XHO_PARKED;
	uint8_t reason = judge(g, l, pp, m, parked ? x : NULL);
	char text[PP_TEXT];

	/* Over the link that the call has already there is nothing to hand over. */
	if (!reason && ((x && !parked) || (x ? x->from : lce_find(g->lce, &pp->ipui)) == l))
		reason = CC_R_RESOURCES;
	if (reason) {
		g->cc->st.ext_refused++;
		log_ev(LOG_NOTICE, "external handover refused", F_PP(pp_text(pp, text)),
		    F_WHY(cc_reason_name(reason)));
		say(l, true, m->tv, CC_RELEASE_COM, reason, NULL);
		return;
	}
	if (!x)
		x = make(g, pp, cc_of_pp(pp), XHO_PROVE);
	x->tv = m->tv;
	lce_hold(l, NWK_CC);
	(void)fsm_event(&x->fsm, XHO_EV_SETUP, l);
}

static bool of_class_c(const struct nwk_msg *m)
{
	struct ie_basic_service s;

	return m->type == CC_SETUP && !m->f && ie_basic_service_of(m, &s) == 0 && s.cls == 0xc;
}

/* The handset releases its link because it comes back by another one. */
static bool park(struct cc_lce *g, struct lce_link *l, struct pp *pp, const struct nwk_msg *m)
{
	const struct cc_call *c = cc_of_pp(pp);
	struct cc_part *p = lce_user(l, NWK_CC);
	bool by_pp;
	struct xho *x;

	if (m->type != CC_RELEASE || nwk_octet(m, IE_RELEASE_REASON) != CC_R_EXT_HO_RELEASE || !c ||
	    cc_state(c) != CC_ACTIVE || cc_transaction(c, &by_pp) != m->tv || by_pp == m->f)
		return false;
	x = make(g, pp, c, XHO_PARKED);
	x->old_done = true;
	say(l, x->old_by_pp, x->old_tv, CC_RELEASE_COM, CC_R_EXT_HO_RELEASE, x);
	if (p && p->held) {
		p->held = false;
		lce_drop(l, NWK_CC, false);
	}
	return true;
}

static bool is_release(const struct nwk_msg *m)
{
	return m->type == CC_RELEASE || m->type == CC_RELEASE_COM;
}

static bool on_old(struct xho *x, const struct nwk_msg *m)
{
	if (m->f == x->old_by_pp || m->tv != x->old_tv || !is_release(m))
		return false;
	if (x->fsm.st != XHO_CIPHER && x->fsm.st != XHO_RELEASE)
		return false; /* the user hangs up: as ever */
	(void)fsm_event(
	    &x->fsm, m->type == CC_RELEASE ? XHO_EV_OLD_RELEASE : XHO_EV_OLD_RELEASE_COM, NULL);
	return true;
}

static bool on_new(struct xho *x, const struct nwk_msg *m)
{
	struct cc_lce *g = x->g;
	struct pp *pp = x->pp;
	bool hung_up = x->fsm.st == XHO_CIPHER && is_release(m);

	if (m->f || m->tv != x->tv)
		return false;
	if (m->type == CC_CONNECT_ACK)
		(void)fsm_event(&x->fsm, XHO_EV_ACK, NULL);
	else if (is_release(m))
		(void)fsm_event(
		    &x->fsm, m->type == CC_RELEASE ? XHO_EV_RELEASE : XHO_EV_RELEASE_COM, NULL);
	if (hung_up)
		cc_input(g->cc, pp, m);
	return true;
}

bool xho_input(struct cc_lce *g, struct lce_link *l, struct pp *pp, const struct nwk_msg *m)
{
	struct xho *x = find(g, pp);

	if (of_class_c(m) && (cc_of_pp(pp) || lce_second(l))) {
		if (!x || x->to != l || x->tv != m->tv) /* else it was repeated */
			setup(g, l, pp, m);
		return true;
	}
	if (x && ((l == x->to && on_new(x, m)) || (l == x->from && on_old(x, m))))
		return true;
	if (!lce_second(l))
		return !x && park(g, l, pp, m);
	/* On a second link there is nothing else (17.3.2). */
	if (m->type == CC_SETUP && !m->f)
		say(l, true, m->tv, CC_RELEASE_COM, CC_R_RESOURCES, NULL);
	else if (!is_release(m) && !(x && l == x->from))
		say(l, !m->f, m->tv, CC_RELEASE_COM, CC_R_UNKNOWN_TI, NULL);
	return true;
}

bool xho_link_down(struct cc_lce *g, struct lce_link *l)
{
	LIST_FOREACH(&g->xhos, it)
	{
		struct xho *x = LIST_ENTRY(it, struct xho, node);

		if (l == x->from) {
			bool waits = live(x) && x->fsm.st != XHO_RELEASE && x->fsm.st != XHO_ABORT;

			(void)fsm_event(&x->fsm, XHO_EV_OLD_DOWN, NULL);
			return waits;
		}
		if (l == x->to) {
			(void)fsm_event(&x->fsm, XHO_EV_NEW_DOWN, NULL);
			return false;
		}
	}
	return false;
}

void xho_call_gone(struct cc_lce *g, struct pp *pp)
{
	struct xho *x = find(g, pp);

	if (x)
		(void)fsm_event(&x->fsm, XHO_EV_CALL_GONE, NULL);
}

void xho_forget(struct cc_lce *g, const struct pp *pp)
{
	struct xho *x = find(g, pp);

	if (!x)
		return;
	leave_new(x);
	if (x->fsm.st == XHO_RELEASE && x->from)
		lce_drop(x->from, NWK_CC, false);
	bury(x);
}

void xho_fini(struct cc_lce *g)
{
	while (!list_empty(&g->xhos))
		bury(LIST_ENTRY(g->xhos.next, struct xho, node));
}
