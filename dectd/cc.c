/* Call control: instances, transactions, timers; events from below, primitives from above. */
#include "dectd/cc.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/cc_priv.h"

#define NOTIFY_MS 60000 /* F-03, F-04: before its CC.04 (100 s) ends */

static struct cc_call *call_of(struct fsm *m)
{
	return CONTAINER_OF(m, struct cc_call, fsm);
}

/* ---- what hangs on a handset ---- */

static struct cc_pp *pp_part(struct pp *pp)
{
	struct cc_pp *cp = pp->cc;

	if (!cp) {
		cp = mem_new(sizeof(*cp));
		list_init(&cp->calls);
		pp->cc = cp;
	}
	return cp;
}

static void put_part(struct pp *pp)
{
	struct cc_pp *cp = pp->cc;

	if (cp && list_empty(&cp->calls) && !cp->user) {
		free(cp);
		pp->cc = NULL;
	}
}

void cc_set_pp_user(struct pp *pp, void *user)
{
	pp_part(pp)->user = user;
	put_part(pp);
}

void *cc_pp_user(const struct pp *pp)
{
	const struct cc_pp *cp = pp->cc;

	return cp ? cp->user : NULL;
}

/* ---- the machine's environment ---- */

static uint32_t timer_length(const struct cc_call *c, uint32_t ms)
{
	const struct cc_conf *conf = &c->cc->conf;

	switch ((enum cc_state)c->fsm.st) {
	case CC_OVERLAP:
		return conf->cc01_ms ? conf->cc01_ms : ms;
	case CC_RELEASING:
		return conf->cc02_ms ? conf->cc02_ms : ms;
	case CC_PRESENT:
		return conf->cc03_ms ? conf->cc03_ms : ms;
	case CC_ANSWERED:
		return conf->cc05_ms ? conf->cc05_ms : ms;
	case CC_PROCEEDING:
	case CC_DELIVERED:
	case CC_RECEIVED:
		return conf->cc04_ms;
	default:
		return ms;
	}
}

static void timer_start(struct fsm *m, uint32_t ms)
{
	struct cc_call *c = call_of(m);

	ms = timer_length(c, ms);
	if (ms)
		tmr_start(&c->timer, ms);
}

void cc_timer_again(struct cc_call *c)
{
	timer_start(&c->fsm, cc_def.states[c->fsm.st].ms);
}

static void timer_stop(struct fsm *m)
{
	tmr_stop(&call_of(m)->timer);
}

static void moved(struct fsm *m, int from, int ev, int to)
{
	struct cc_call *c = call_of(m);
	char pp[PP_TEXT];

	c->cc->st.unexpected += to < 0;
	if (to < 0)
		log_ev(LOG_INFO, "cc: event refused", F_PP(pp_text(c->pp, pp)),
		    F_TEXT("IPDECT_STATE", cc_def.states[from].name),
		    F_TEXT("IPDECT_EVENT", cc_def.ev_names[ev]));
	else if (from != to)
		log_ev(LOG_DEBUG, "cc", F_PP(pp_text(c->pp, pp)),
		    F_TEXT("IPDECT_STATE", cc_def.states[to].name),
		    F_TEXT("IPDECT_EVENT", cc_def.ev_names[ev]));
	if (to >= 0 && from != to) {
		if (to == CC_PROCEEDING || to == CC_DELIVERED)
			tmr_start(&c->notify, NOTIFY_MS);
		else
			tmr_stop(&c->notify);
	}
}

static void on_reap(struct tmr *t, void *ctx)
{
	struct cc_call *c = ctx;
	struct cc *cc = c->cc;
	struct pp *pp = c->pp;
	bool partial = c->partial;

	(void)t;
	cc->ops->released(cc->ctx, c);
	list_remove(&c->node);
	tmr_stop(&c->timer);
	tmr_stop(&c->notify);
	free(c);
	if (!cc_busy(pp))
		cc->low->idle(cc->low_ctx, pp, partial);
}

static void done(struct fsm *m)
{
	struct cc_call *c = call_of(m);

	tmr_stop(&c->timer);
	tmr_stop(&c->notify);
	list_remove(&c->of_pp);
	put_part(c->pp);
	list_remove(&c->node);
	list_append(&c->cc->dead, &c->node);
	c->cc->ncalls--;
	tmr_start(&c->reap, 0);
}

static const struct fsm_env env = { timer_start, timer_stop, moved, done };

/* Upcalls are made when the machine is at rest: what they call in turn finds it so. */
int cc_dispatch(struct cc_call *c, enum cc_ev ev, const void *arg)
{
	struct cc *cc = c->cc;
	int err = fsm_event(&c->fsm, (uint8_t)ev, arg);
	enum cc_up up = c->up;

	c->up = CC_UP_NONE;
	switch (up) {
	case CC_UP_NONE:
		break;
	case CC_UP_SETUP:
		cc->ops->setup_ind(cc->ctx, c, &c->setup);
		break;
	case CC_UP_INFO: {
		struct cc_info info;
		cc_info_of(arg, &info);
		cc->ops->info_ind(cc->ctx, c, &info);
		break;
	}
	case CC_UP_REACHED:
		cc->ops->reached(cc->ctx, c);
		break;
	case CC_UP_ALERTING:
		cc->ops->alerting_ind(cc->ctx, c);
		break;
	case CC_UP_CONNECT:
		cc->ops->connect_ind(cc->ctx, c);
		break;
	case CC_UP_ENDED:
		cc->ops->ended(cc->ctx, c, c->why, c->reason);
		break;
	}
	return err;
}

static void on_timer(struct tmr *t, void *ctx)
{
	struct cc_call *c = ctx;

	(void)t;
	c->cc->st.timeouts++;
	log_ev(LOG_INFO, "cc: timer expired",
	    F_TEXT("IPDECT_TIMER", cc_def.states[c->fsm.st].timer),
	    F_TEXT("IPDECT_STATE", fsm_state_name(&c->fsm)));
	(void)cc_dispatch(c, CC_EV_TIMER, NULL);
}

static void on_notify(struct tmr *t, void *ctx)
{
	struct cc_call *c = ctx;
	struct cc_msg b;

	cc_msg_begin(&b, c, CC_NOTIFY);
	ie_octet_put(&b.w, IE_TIMER_RESTART, 0x00);
	cc_msg_send(&b, c);
	tmr_start(t, c->fsm.st == CC_INITIATED ? CC_SLOW_MS : NOTIFY_MS);
}

/* ---- instances ---- */

struct cc_call *cc_find(const struct pp *pp, bool by_pp, uint8_t tv)
{
	const struct cc_pp *cp = pp->cc;

	if (cp)
		LIST_FOREACH(&cp->calls, it)
		{
			struct cc_call *c = LIST_ENTRY(it, struct cc_call, of_pp);
			if (c->by_pp == by_pp && c->tv == tv)
				return c;
		}
	return NULL;
}

struct cc_call *cc_of_pp(const struct pp *pp)
{
	const struct cc_pp *cp = pp->cc;

	if (cp)
		LIST_FOREACH(&cp->calls, it)
		{
			struct cc_call *c = LIST_ENTRY(it, struct cc_call, of_pp);
			if (c->fsm.st != CC_RELEASING && c->fsm.st != CC_NULL)
				return c;
		}
	return NULL;
}

bool cc_busy(const struct pp *pp)
{
	const struct cc_pp *cp = pp->cc;

	return cp && !list_empty(&cp->calls);
}

/* A transaction value that no instance of this side has; not the one just used, whose last message may be in flight. */
int cc_free_tv(struct cc *cc, const struct pp *pp)
{
	for (unsigned i = 0; i < 7; i++) {
		uint8_t tv = (uint8_t)((cc->next_tv + i) % 7);
		if (!cc_find(pp, false, tv)) {
			cc->next_tv = (uint8_t)((tv + 1) % 7);
			return tv;
		}
	}
	return -1;
}

struct cc_call *cc_make(struct cc *cc, struct pp *pp, bool by_pp, uint8_t tv, enum cc_state st)
{
	struct cc_call *c = mem_new(sizeof(*c));

	c->cc = cc;
	c->pp = pp;
	c->by_pp = by_pp;
	c->tv = tv;
	tmr_init(&c->timer, cc->w, on_timer, c);
	tmr_init(&c->notify, cc->w, on_notify, c);
	tmr_init(&c->reap, cc->w, on_reap, c);
	list_append(&cc->calls, &c->node);
	list_append(&pp_part(pp)->calls, &c->of_pp);
	cc->ncalls++;
	fsm_init(&c->fsm, &cc_def, &env, (uint8_t)st);
	return c;
}

struct cc *cc_new(struct tmr_wheel *w, const struct cc_conf *conf, const struct cc_low *low,
    void *low_ctx, const struct cc_ops *ops, void *ctx)
{
	struct cc *cc = mem_new(sizeof(*cc));

	cc->w = w;
	cc->conf = *conf;
	cc->low = low;
	cc->low_ctx = low_ctx;
	cc->ops = ops;
	cc->ctx = ctx;
	list_init(&cc->calls);
	list_init(&cc->dead);
	return cc;
}

void cc_set_conf(struct cc *cc, const struct cc_conf *conf)
{
	cc->conf = *conf;
}

static void bury(struct cc_call *c)
{
	tmr_stop(&c->timer);
	tmr_stop(&c->notify);
	tmr_stop(&c->reap);
	list_remove(&c->of_pp);
	list_remove(&c->node);
	put_part(c->pp);
	free(c);
}

void cc_forget(struct cc *cc, struct pp *pp)
{
	struct list *all[2] = { &cc->calls, &cc->dead };

	for (int i = 0; i < 2; i++)
		LIST_FOREACH(all[i], it)
		{
			struct cc_call *c = LIST_ENTRY(it, struct cc_call, node);
			if (c->pp != pp)
				continue;
			cc->ncalls -= i == 0;
			bury(c);
		}
	cc->low->idle(cc->low_ctx, pp, false);
}

void cc_free(struct cc *cc)
{
	if (!cc)
		return;
	while (!list_empty(&cc->calls))
		bury(LIST_ENTRY(cc->calls.next, struct cc_call, node));
	while (!list_empty(&cc->dead))
		bury(LIST_ENTRY(cc->dead.next, struct cc_call, node));
	free(cc);
}

const struct cc_stats *cc_stats(const struct cc *cc)
{
	return &cc->st;
}

unsigned cc_count(const struct cc *cc)
{
	return cc->ncalls;
}

void cc_move(struct cc_call *c, bool by_pp, uint8_t tv)
{
	c->by_pp = by_pp;
	c->tv = tv;
	c->partial = false;
}

uint8_t cc_transaction(const struct cc_call *c, bool *by_pp)
{
	*by_pp = c->by_pp;
	return c->tv;
}

struct pp *cc_pp(const struct cc_call *c)
{
	return c->pp;
}

enum cc_state cc_state(const struct cc_call *c)
{
	return (enum cc_state)c->fsm.st;
}

bool cc_outgoing(const struct cc_call *c)
{
	return c->by_pp;
}

bool cc_wideband(const struct cc_call *c)
{
	return c->wideband;
}

void cc_set_user(struct cc_call *c, void *user)
{
	c->user = user;
}

void *cc_user(const struct cc_call *c)
{
	return c->user;
}

/* ---- from below ---- */

/* Events for every instance of a handset. An upcall may end others: look from the start again, each is asked once. */
static void each(struct pp *pp, enum cc_ev ev, uint32_t states, int err)
{
	struct cc_call *list[16];
	unsigned n = 0;
	const struct cc_pp *cp = pp->cc;

	if (!cp)
		return;
	LIST_FOREACH(&cp->calls, it)
	{
		struct cc_call *c = LIST_ENTRY(it, struct cc_call, of_pp);
		if (n < ARRAY_LEN(list) && (states & FSM_M(c->fsm.st)))
			list[n++] = c;
	}
	for (unsigned i = 0; i < n; i++)
		if (list[i]->fsm.st != CC_NULL) /* freed only by its reap timer */
			(void)cc_dispatch(list[i], ev, &err);
}

void cc_link(struct cc *cc, struct pp *pp, int err)
{
	(void)cc;
	each(pp, err ? CC_EV_LINK_FAILED : CC_EV_LINK, FSM_M(CC_PAGING), err);
}

void cc_secured(struct cc *cc, struct pp *pp, int err)
{
	(void)cc;
	each(pp, err ? CC_EV_INSECURE : CC_EV_SECURED, FSM_M(CC_SECURING) | FSM_M(CC_INITIATED),
	    err);
}

void cc_lost(struct cc *cc, struct pp *pp)
{
	(void)cc;
	/* A call that still pages has no link yet that could be lost. */
	each(pp, CC_EV_LOST, ~FSM_M(CC_PAGING), ERR_LOST);
}

void cc_reset(struct cc *cc, struct pp *pp)
{
	(void)cc;
	each(pp, CC_EV_RESET, FSM_M(CC_OVERLAP), 0);
}

/* ---- primitives ---- */

int cc_offer(struct cc *cc, struct pp *pp, const struct cc_offer *o, struct cc_call **out)
{
	int tv, err;

	if (cc_of_pp(pp))
		return ERR_BUSY;
	tv = cc_free_tv(cc, pp);
	if (tv < 0)
		return ERR_BUSY;
	struct cc_call *c = cc_make(cc, pp, false, (uint8_t)tv, CC_PAGING);
	cc_keep_show(c, o->show);
	c->internal = o->internal;
	c->wideband = o->wideband && cc->conf.wideband;
	err = cc->low->link(cc->low_ctx, pp, c->wideband);
	if (err) {
		c->silent = true;
		(void)cc_dispatch(c, CC_EV_L_RELEASE, NULL);
		return err;
	}
	*out = c;
	return 0;
}

int cc_setup_ack(struct cc_call *c, const struct cc_show *s)
{
	return cc_dispatch(c, CC_EV_L_SETUP_ACK, s);
}

int cc_proceeding(struct cc_call *c, const struct cc_show *s)
{
	return cc_dispatch(c, CC_EV_L_PROC, s);
}

int cc_alerting(struct cc_call *c, const struct cc_show *s)
{
	return cc_dispatch(c, CC_EV_L_ALERT, s);
}

int cc_connect(struct cc_call *c, const struct cc_show *s)
{
	return cc_dispatch(c, CC_EV_L_CONNECT, s);
}

int cc_connect_ack(struct cc_call *c, const struct cc_show *s)
{
	return cc_dispatch(c, CC_EV_L_CONNECT_ACK, s);
}

int cc_info(struct cc_call *c, const struct cc_show *s)
{
	return cc_dispatch(c, CC_EV_L_INFO, s);
}

void cc_hold_answer(struct cc_call *c, bool hold, bool ok)
{
	struct cc_msg b;

	cc_msg_begin(&b, c,
	    hold ? (ok ? CC_HOLD_ACK : CC_HOLD_REJECT)
	         : (ok ? CC_RETRIEVE_ACK : CC_RETRIEVE_REJECT));
	if (!ok)
		ie_octet_put(&b.w, IE_REJECT_REASON, 0x20); /* incompatible service */
	cc_msg_send(&b, c);
}

void cc_lists(struct cc_call *c, struct slice cmd)
{
	struct cc_msg b;

	cc_msg_begin(&b, c, CC_IWU_INFO);
	ie_iwu_put(&b.w, &(struct ie_iwu){ .disc = 0x03, .data = cmd });
	cc_msg_send(&b, c);
}

void cc_release(struct cc_call *c, uint8_t reason, const struct cc_show *s)
{
	struct cc_show show = s ? *s : (struct cc_show){ .signal = CC_SIG_NONE };

	show.reason = reason;
	c->silent = true;
	(void)cc_dispatch(c, CC_EV_L_RELEASE, &show);
}
