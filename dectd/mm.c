/* Mobility management: endpoints, their jobs, what the other entities ask for, what the link control reports. */
#include "dectd/mm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/mm_priv.h"

#define ID_UNSAFE "8a7e0a2f5d5c4a6c9a3c2a5b7c1d4e90"

#define EARLY_REKEY_MS 1000 /* in a call, until the default key is replaced */

static const struct lce_entity entity;
static const struct lce_dir dir;

struct mm *mm_new(struct dectd *r, const struct auth_ops *auth, void *auth_ctx)
{
	struct mm *m = mem_new(sizeof(*m));

	m->r = r;
	m->auth = auth;
	m->auth_ctx = auth_ctx;
	list_init(&m->eps);
	list_init(&m->orphans);
	list_init(&m->erasing);
	lce_register(r->lce, NWK_MM, &entity, m);
	lce_set_dir(r->lce, &dir, m);
	mm_hunt_init(m);
	mm_early_init(m);
	return m;
}

void mm_set_watch(struct mm *m, const struct mm_watch *w, void *ctx)
{
	m->watch = w;
	m->watch_ctx = ctx;
}

const struct mm_stats *mm_stats(const struct mm *m)
{
	return &m->st;
}

const struct dectd_conf *mm_conf(const struct mm_ep *ep)
{
	return ep->mm->r->conf;
}

/* ---- endpoints ---- */

static void timer_start(struct fsm *m, uint32_t ms)
{
	struct mm_ep *ep = mm_ep_of(m);

	tmr_start(&ep->tmr, m->st == MM_CIPHER ? mm_conf(ep)->encrypt_ms : ms);
}

void mm_timer_again(struct mm_ep *ep)
{
	timer_start(&ep->fsm, mm_def.states[ep->fsm.st].ms);
}

static void timer_stop(struct fsm *m)
{
	tmr_stop(&mm_ep_of(m)->tmr);
}

static void moved(struct fsm *m, int from, int ev, int to)
{
	struct mm_ep *ep = mm_ep_of(m);

	if (to < 0) {
		ep->mm->st.unexpected++;
		log_ev(LOG_INFO, "handset's message does not fit: ignored",
		    F_TEXT("IPDECT_STATE", mm_def.states[from].name),
		    F_TEXT("IPDECT_EVENT", mm_def.ev_names[ev]));
	}
}

static const struct fsm_env env = { timer_start, timer_stop, moved, NULL };

static void on_timer(struct tmr *t, void *ctx)
{
	(void)t;
	(void)fsm_event(&((struct mm_ep *)ctx)->fsm, MM_EV_TIMER, NULL);
}

static void on_late(struct tmr *t, void *ctx)
{
	struct mm_ep *ep = ctx;

	(void)t;
	if (ep->up && ep->fsm.st == MM_IDLE)
		(void)fsm_event(&ep->fsm, MM_EV_STEP, NULL);
}

static void on_key_age(struct tmr *t, void *ctx)
{
	struct mm_ep *ep = ctx;

	/* A default key serves for the start of a call only. */
	if (!ep->call_active || !lce_ciphered(ep->link) ||
	    (!mm_conf(ep)->rekey_ms && !mm_early_used(ep)))
		return;
	ep->rekey_wanted = true;
	tmr_start(&ep->late, 0);
	if (mm_conf(ep)->rekey_ms)
		tmr_start(t, mm_conf(ep)->rekey_ms);
}

static void on_check(struct tmr *t, void *ctx)
{
	struct mm_ep *ep = ctx;

	(void)t;
	if (ep->call_active && !lce_ciphered(ep->link))
		mm_unsafe(ep, 0x41);
}

static void on_moved_long_ago(struct tmr *t, void *ctx)
{
	(void)t;
	(void)ctx;
}

static struct mm_ep *ep_find(struct lce_link *l)
{
	return lce_user(l, NWK_MM);
}

void mm_set_pp(struct mm_ep *ep, struct pp *pp)
{
	ep->pp = pp;
	if (pp)
		memcpy(ep->ipei, pp->ipei, sizeof(ep->ipei));
	else if (pp_ipui_ipei(lce_ipui(ep->link), ep->ipei))
		ep->ipei[0] = '\0';
}

static struct mm_ep *ep_of(struct mm *m, struct lce_link *l)
{
	struct mm_ep *ep = ep_find(l);

	if (ep)
		return ep;
	ep = mem_new(sizeof(*ep));
	ep->mm = m;
	ep->link = l;
	ep->up = lce_state(l) == LCE_UP;
	ep->ft.ep = ep;
	list_init(&ep->waiters);
	tmr_init(&ep->tmr, m->r->d->wheel, on_timer, ep);
	tmr_init(&ep->late, m->r->d->wheel, on_late, ep);
	tmr_init(&ep->key_age, m->r->d->wheel, on_key_age, ep);
	tmr_init(&ep->check, m->r->d->wheel, on_check, ep);
	tmr_init(&ep->moved, m->r->d->wheel, on_moved_long_ago, ep);
	fsm_init(&ep->fsm, &mm_def, &env, MM_IDLE);
	list_append(&m->eps, &ep->node);
	lce_set_user(l, NWK_MM, ep);
	mm_set_pp(ep, pp_by_ipui(m->r->pps, lce_ipui(l)));
	return ep;
}

static void ep_free(struct mm_ep *ep)
{
	struct mm *m = ep->mm;

	/* Each looks at every question of a storm: only who has one. */
	if (ep->asked != ASK_NOTHING || ep->fsm.st == MM_ASKING)
		m->auth->forget(m->auth_ctx, ep);
	if (ep->ft.asking)
		m->auth->forget(m->auth_ctx, &ep->ft);
	pps_wait_cancel(&ep->disk);
	tmr_stop(&ep->tmr);
	tmr_stop(&ep->late);
	tmr_stop(&ep->key_age);
	tmr_stop(&ep->check);
	tmr_stop(&ep->moved);
	list_remove(&ep->node);
	lce_set_user(ep->link, NWK_MM, NULL);
	mem_free_wiped(ep, sizeof(*ep));
}

static void waiter_free(struct mm_waiter *w)
{
	tmr_stop(&w->tmr);
	list_remove(&w->node);
	free(w);
}

void mm_free(struct mm *m)
{
	if (!m)
		return;
	tmr_stop(&m->hunt);
	mm_early_fini(m);
	LIST_FOREACH(&m->eps, it)
	{
		struct mm_ep *ep = LIST_ENTRY(it, struct mm_ep, node);

		while (!list_empty(&ep->waiters))
			waiter_free(LIST_ENTRY(ep->waiters.next, struct mm_waiter, node));
		ep_free(ep);
	}
	while (!list_empty(&m->orphans))
		waiter_free(LIST_ENTRY(m->orphans.next, struct mm_waiter, node));
	while (!list_empty(&m->erasing)) {
		struct mm_erase *e = LIST_ENTRY(m->erasing.next, struct mm_erase, node);

		m->auth->forget(m->auth_ctx, e);
		list_remove(&e->node);
		free(e);
	}
	free(m);
}

/* ---- jobs ---- */

void mm_hold(struct mm_ep *ep, bool on)
{
	if (on && !ep->held)
		lce_hold(ep->link, NWK_MM);
	else if (!on && ep->held)
		/* After an assignment the handset is to come with its new PMID: the link goes (14.2.7). */
		lce_drop(ep->link, NWK_MM, !ep->assigned);
	ep->held = on;
}

static bool work_left(const struct mm_ep *ep)
{
	return ep->nqueued || ep->term_wanted || ep->rekey_wanted || ep->assign_wanted ||
	       ep->identify_wanted || ep->prove_wanted || ep->defkey_wanted ||
	       !list_empty(&ep->waiters);
}

void mm_begin(struct mm_ep *ep, enum mm_job job)
{
	ep->job = job;
	ep->lost = 0;
	ep->fresh = ep->renewed = ep->repeated = ep->answered = false;
	ep->def = ep->def_done = false;
	ep->asked = ASK_NOTHING;
	mm_hold(ep, true);
}

static void answer_waiters(struct mm_ep *ep, int err)
{
	struct list now;

	/* A callback may ask again: that one is for the next job. */
	list_init(&now);
	while (!list_empty(&ep->waiters)) {
		struct list *n = ep->waiters.next;

		list_remove(n);
		list_append(&now, n);
	}
	while (!list_empty(&now)) {
		struct mm_waiter *w = LIST_ENTRY(now.next, struct mm_waiter, node);
		mm_done_h *done = w->done;
		void *ctx = w->ctx;
		struct pp *pp = w->pp;

		waiter_free(w);
		done(ctx, pp, err);
	}
}

int mm_finish(struct mm_ep *ep, int err)
{
	enum mm_job job = ep->job;

	ep->job = JOB_NONE;
	ep->has_caps = ep->has_model = ep->suggested = false;
	ep->asked = ASK_NOTHING;
	if (job == JOB_SECURE)
		answer_waiters(ep, err);
	else if (job == JOB_REKEY && err && err != ERR_LOST)
		mm_unsafe(ep, 0x42);
	else if (job == JOB_TERM_FT) {
		struct pp *pp = ep->pp;
		mm_done_h *done = ep->term_done;
		void *ctx = ep->term_ctx;

		ep->term_done = NULL;
		if (pp)
			mm_erase(ep->mm, pp, err ? ERR_LOST : 0, done, ctx);
		else if (done) /* deleted meanwhile */
			done(ctx, NULL, 0);
	}
	if (work_left(ep))
		tmr_start(&ep->late, 0);
	else
		mm_hold(ep, false);
	return MM_IDLE;
}

int mm_send(struct mm_ep *ep, struct wr *w)
{
	int err = lce_send(ep->link, w);

	if (err)
		log_ev(LOG_WARNING, "message to a handset not sent", F_PP(ep->ipei), F_ERR(err));
	return err;
}

int mm_request(struct mm_ep *ep, struct wr *w, int state)
{
	BUG_ON(w->n > sizeof(ep->sent));
	memcpy(ep->sent, w->p, w->n);
	ep->nsent = (uint16_t)w->n;
	ep->repeated = false;
	return mm_send(ep, w) ? mm_finish(ep, ERR_LOST) : state;
}

void mm_answered_cert(void *ctx, const struct auth_result *a)
{
	(void)fsm_event(&((struct mm_ep *)ctx)->fsm, MM_EV_CERT, a);
}

void mm_note(struct mm_ep *ep, const char *reason)
{
	subs_note(ep->mm->r->subs, lce_ipui(ep->link), ep->ipei, lce_base(ep->link), reason);
}

void mm_unsafe(struct mm_ep *ep, uint8_t reason)
{
	char text[PP_TEXT];

	if (!ep->pp || mm_clear_allowed(ep))
		return;
	log_ev(LOG_ERR, "a call is not encrypted any more: it is released", F_ID(ID_UNSAFE),
	    F_PP(pp_text(ep->pp, text)), F_U64("IPDECT_REASON", reason),
	    F_REMEDY("if it happens again: is somebody interfering near the base?"));
	if (ep->mm->watch)
		ep->mm->watch->unsafe(ep->mm->watch_ctx, ep->pp, ep->link, reason);
}

/* ---- what the others ask ---- */

static void on_orphan(struct tmr *t, void *ctx)
{
	struct mm_waiter *w = ctx;
	mm_done_h *done = w->done;
	void *c = w->ctx;
	struct pp *pp = w->pp;

	(void)t;
	waiter_free(w);
	done(c, pp, ERR_LOST);
}

void mm_secure(struct mm *m, struct pp *pp, mm_done_h *done, void *ctx)
{
	struct lce_link *l = lce_find(m->r->lce, &pp->ipui);

	mm_secure_link(m, l, pp, false, done, ctx);
}

void mm_secure_link(
    struct mm *m, struct lce_link *l, struct pp *pp, bool prove_only, mm_done_h *done, void *ctx)
{
	struct mm_waiter *w = mem_new(sizeof(*w));
	struct mm_ep *ep;

	w->mm = m;
	w->pp = pp;
	w->done = done;
	w->ctx = ctx;
	tmr_init(&w->tmr, m->r->d->wheel, on_orphan, w);
	if (!l) {
		list_append(&m->orphans, &w->node);
		tmr_start(&w->tmr, 0);
		return;
	}
	ep = ep_of(m, l);
	ep->prove_only = prove_only;
	list_append(&ep->waiters, &w->node);
	tmr_start(&ep->late, 0);
}

static void forget_in(struct list *l, const void *ctx)
{
	LIST_FOREACH(l, it)
	{
		struct mm_waiter *w = LIST_ENTRY(it, struct mm_waiter, node);

		if (w->ctx == ctx)
			waiter_free(w);
	}
}

void mm_secure_forget(struct mm *m, const void *ctx)
{
	forget_in(&m->orphans, ctx);
	LIST_FOREACH(&m->eps, it)
	forget_in(&LIST_ENTRY(it, struct mm_ep, node)->waiters, ctx);
}

bool mm_ciphered(const struct mm *m, const struct pp *pp)
{
	const struct lce_link *l = lce_find(m->r->lce, &pp->ipui);

	return l && lce_ciphered(l);
}

void mm_call_active(struct mm *m, struct pp *pp, bool active)
{
	struct lce_link *l = lce_find(m->r->lce, &pp->ipui);
	struct mm_ep *ep;
	bool early;

	if (!l)
		return;
	ep = active ? ep_of(m, l) : ep_find(l); /* a device that is being deleted gets no new one */
	if (!ep)
		return;
	ep->call_active = active;
	early = active && mm_early_used(ep);
	if (active && (m->r->conf->rekey_ms || early) && ie_tc_rekeying(&pp->caps.tc)) {
		if (!tmr_pending(&ep->key_age))
			tmr_start(&ep->key_age, early ? EARLY_REKEY_MS : m->r->conf->rekey_ms);
	} else {
		tmr_stop(&ep->key_age);
	}
	if (!active && ep->up && mm_early_old(ep)) {
		ep->defkey_wanted = true;
		tmr_start(&ep->late, 0);
	}
}

int mm_reach(struct mm *m, struct pp *pp, struct mm_ep **out)
{
	struct lce_link *l;
	int err = lce_open(m->r->lce, &pp->ipui, LCE_PAGE_SIGNAL, NWK_MM, &l);

	if (err)
		return err;
	*out = ep_of(m, l);
	if ((*out)->held)
		lce_drop(l, NWK_MM, true); /* one hold is enough */
	(*out)->held = true;
	tmr_start(&(*out)->late, 0);
	return 0;
}

int mm_suggest_locate(struct mm *m, struct pp *pp)
{
	uint8_t buf[16];
	struct wr w = wr_of(buf, sizeof(buf));
	struct lce_link *l;
	struct mm_ep *ep;
	int err = lce_open(m->r->lce, &pp->ipui, LCE_PAGE_SIGNAL, NWK_MM, &l);

	if (err)
		return err;
	nwk_head(&w, NWK_MM, false, 0, MM_INFO_SUGGEST);
	ie_info_type_put(&w, &(struct ie_info_type){ .n = 1, .v = { 0 } });
	err = lce_send(l, &w);
	ep = ep_of(m, l);
	if (err || lce_state(l) == LCE_UP || ep->held)
		lce_drop(l, NWK_MM, true);
	else
		ep->held = true; /* dropped when it came up and nothing is left to do */
	return err;
}

int mm_identify(struct mm *m, struct pp *pp)
{
	struct mm_ep *ep;
	int err = mm_reach(m, pp, &ep);

	if (!err)
		ep->identify_wanted = true;
	return err;
}

int mm_new_tpui(struct mm *m, struct pp *pp)
{
	struct mm_ep *ep;
	int err = mm_reach(m, pp, &ep);

	if (!err)
		ep->assign_wanted = true;
	return err;
}

/* ---- what the link control reports ---- */

void mm_verify(struct mm *m, struct pp *pp)
{
	struct lce_link *l;

	if (pp->verifying || !pp->subscribed)
		return;
	if (lce_open(m->r->lce, &pp->ipui, LCE_PAGE_SIGNAL, NWK_MM, &l))
		return;
	if (lce_state(l) == LCE_UP)
		lce_drop(l, NWK_MM, true);
	else
		pp->verifying = ep_of(m, l)->verifies = true;
}

static void see_pmid(struct lce_link *l, struct pp *pp)
{
	const struct mac_conn *c = lce_conn(l);

	if (c && pp->tpui != PP_TPUI_NONE)
		pp->tpui_doubt = mac_conn_pmid(c) >> 16 == 0xe;
}

static void ev_up(struct mm *m, struct lce_link *l)
{
	struct mm_ep *ep = ep_of(m, l);
	struct pp *pp;

	mm_set_pp(
	    ep, pp_by_ipui(m->r->pps, lce_ipui(l))); /* a first message may have named nobody */
	pp = ep->pp;
	ep->up = true;
	if (pp)
		see_pmid(l, pp);
	(void)!mm_early_link(ep); /* mm_early_may_be() has let it in */
	if (pp && pp->verifying) {
		pp->verifying = false;
		pp->page_row = 0;
		ep->prove_wanted = pp->state == PP_LOST;
	}
	if (ep->verifies) {
		ep->verifies = false;
		lce_drop(l, NWK_MM, true);
	}
	if (pp && m->r->conf->cipher == CIPHER_OFF && !m->r->conf->authenticate)
		pp_seen(pp, lce_base(l), 0); /* nothing better will come */
	if (work_left(ep))
		tmr_start(&ep->late, 0);
	else if (ep->held && ep->job == JOB_NONE)
		mm_hold(ep, false);
}

/* External handover: it is there, over its other link. */
static bool has_another(const struct mm *m, const struct lce_link *l)
{
	for (const struct lce_link *i = lce_next(m->r->lce, NULL); i; i = lce_next(m->r->lce, i))
		if (i != l && lce_state(i) == LCE_UP && ipui_eq(lce_ipui(i), lce_ipui(l)))
			return true;
	return false;
}

static void ev_down(struct mm *m, struct lce_link *l, enum lce_why why)
{
	struct mm_ep *ep = ep_find(l);
	struct pp *pp = pp_by_ipui(m->r->pps, lce_ipui(l));
	bool check = ep && ep->must_verify;

	if (ep) {
		(void)fsm_event(&ep->fsm, MM_EV_DOWN, NULL);
		answer_waiters(ep, why == LCE_WHY_UNREACHABLE ? ERR_TIMEOUT : ERR_LOST);
		if (ep->term_wanted && ep->pp)
			mm_erase(m, ep->pp, ERR_LOST, ep->term_done, ep->term_ctx);
		else if (ep->term_wanted && ep->term_done) /* deleted meanwhile */
			ep->term_done(ep->term_ctx, NULL, 0);
		ep_free(ep);
		pp = pp_by_ipui(m->r->pps, lce_ipui(l)); /* a callback may have deleted it */
	}
	if (!pp)
		return;
	if (why == LCE_WHY_UNREACHABLE) {
		pp->page_failures++;
		pp->page_row++;
		if (pp->verifying || pp->page_row >= m->r->conf->lost_after)
			pp_lost(pp, pp->leaving ? PP_DETACHED : PP_LOST);
		mm_hunt(m);
	}
	pp->verifying = false;
	if (why == LCE_WHY_UNREACHABLE)
		return;
	pp->leaving = check;
	if ((check || (why == LCE_WHY_RADIO && pp_reachable(pp))) && !has_another(m, l))
		mm_verify(m, pp);
}

static void ev_cipher(struct mm *m, struct lce_link *l, const struct lce_event *ev)
{
	struct mm_ep *ep = ep_of(m, l);

	if (ev->how == MAC_CLEAR) {
		/* After a handover, and while the key changes, it has to start again. Otherwise somebody stopped it
		 * (dect-security 9.11): the handset itself is not asked to, ever. */
		bool expected = ep->fsm.st == MM_CIPHER || tmr_pending(&ep->moved);

		if (ep->call_active && expected)
			tmr_start(&ep->check, mm_conf(ep)->encrypt_ms);
		else if (ep->call_active)
			mm_unsafe(ep, 0x40);
		return;
	}
	tmr_stop(&ep->check);
	if (ev->how == MAC_CIPHERED_DEF) {
		if (!mm_early_link(ep)) {
			if (ep->call_active)
				mm_unsafe(ep, 0x40);
			lce_release(l, false);
			return;
		}
		/* Not what was asked for. */
		if (ep->job == JOB_REKEY)
			return;
	}
	(void)fsm_event(&ep->fsm, MM_EV_CIPHERED, NULL);
}

static void on_event(void *ctx, struct lce_link *l, const struct lce_event *ev)
{
	struct mm *m = ctx;
	struct mm_ep *ep;

	switch (ev->what) {
	case LCE_EV_UP:
		ev_up(m, l);
		break;
	case LCE_EV_DOWN:
		ev_down(m, l, ev->why);
		break;
	case LCE_EV_CIPHER:
		ev_cipher(m, l, ev);
		break;
	case LCE_EV_MOVED:
		ep = ep_find(l);
		if (ep && ep->pp && ep->authed)
			pp_seen(ep->pp, lce_base(l), 0);
		if (ep)
			tmr_start(&ep->moved, mm_conf(ep)->encrypt_ms);
		break;
	default:
		break;
	}
}

static void on_rx(void *ctx, struct lce_link *l, const struct nwk_msg *m)
{
	mm_rx(ep_of(ctx, l), m);
}

static const struct lce_entity entity = { on_rx, on_event };

static int dir_where(void *ctx, const struct ipui *id, struct lce_where *out)
{
	const struct mm *m = ctx;
	const struct pp *pp = pp_by_ipui(m->r->pps, id);

	if (!pp || !pp->subscribed)
		return ERR_NOTFOUND;
	/* While an assignment is not acknowledged the handset answers to its default identity in any case. */
	out->assigned = pp->tpui != PP_TPUI_NONE && pp->tpui_new == PP_TPUI_NONE;
	/* One that came with a default PMID has no reason to, while it knows another. */
	out->doubt = pp->tpui_doubt;
	out->tpui = pp->tpui;
	out->base = pp->base ? pp->base : MAC_ALL;
	out->cluster = MAC_ALL; /* the whole system is one location area */
	return 0;
}

static int dir_by_tpui(void *ctx, uint32_t tpui, struct ipui *out)
{
	const struct mm *m = ctx;
	const struct pp *pp = pp_by_tpui(m->r->pps, tpui);

	if (!pp)
		return ERR_NOTFOUND;
	*out = pp->ipui;
	return 0;
}

static const struct lce_dir dir = { dir_where, dir_by_tpui, mm_early_may_be };
