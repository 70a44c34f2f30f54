/* The call machine's actions: collecting the number, choosing a target, ringing, answering, ending. */
#include "sipd/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/pres.h"

#define HOPS_MAX 5 /* forwards in a row */

struct call *call_of(struct fsm *m)
{
	return CONTAINER_OF(m, struct call, fsm);
}

const char *call_state_name(const struct call *c)
{
	return fsm_state_name(&c->fsm);
}

/* ---- the machine's environment ---- */

static void on_timer(struct tmr *t, void *ctx)
{
	struct call *c = ctx;

	(void)t;
	(void)call_event(c, CALL_EV_TIMER, NULL);
}

static void timer_start(struct fsm *m, uint32_t ms)
{
	struct call *c = call_of(m);
	const struct sipd_conf *conf = c->sipd->conf;

	if (m->st == CALL_COLLECT)
		ms = c->ndialled ? conf->digits_ms : conf->first_digit_ms;
	else if (m->st == CALL_RING || m->st == CALL_OFFER)
		ms = c->forwards_no_answer ? conf->no_answer_ms
		     : m->st == CALL_RING  ? conf->ring_ms
		                           : ms;
	tmr_start(&c->timer, ms);
}

static void timer_stop(struct fsm *m)
{
	tmr_stop(&call_of(m)->timer);
}

void call_set_timer(struct call *c, uint32_t ms)
{
	tmr_start(&c->timer, ms);
}

static void moved(struct fsm *m, int from, int ev, int to)
{
	struct call *c = call_of(m);

	if (to < 0)
		log_ev(LOG_DEBUG, "call: event refused", F_CALL(c->ref),
		    F_TEXT("IPDECT_STATE", call_def.states[from].name),
		    F_TEXT("IPDECT_EVENT", call_def.ev_names[ev]));
	else if (from != to)
		log_ev(LOG_INFO, "call", F_CALL(c->ref),
		    F_TEXT("IPDECT_STATE", call_def.states[to].name),
		    F_TEXT("IPDECT_EVENT", call_def.ev_names[ev]));
	if (to >= 0 && from != to)
		call_watched(c);
}

static void on_reap(struct tmr *t, void *ctx)
{
	struct call *c = ctx;

	(void)t;
	tmr_stop(&c->timer);
	leg_free(c->a);
	leg_free(c->b);
	free(c->later);
	free(c);
}

static void done(struct fsm *m)
{
	struct call *c = call_of(m);
	struct sipd *s = c->sipd;

	if (c->done) { /* it may take back who was to be transferred */
		void (*fn)(struct call *, void *, bool, unsigned) = c->done;
		c->done = NULL;
		fn(c, c->done_ctx, false, cause_status(c->cause));
	}
	struct leg *legs[2] = { c->a, c->b };
	for (int i = 0; i < 2; i++)
		if (legs[i] && !legs[i]->gone)
			legs[i]->ops->release(legs[i], c->cause ? c->cause : CAUSE_INTERNAL);
	list_remove(&c->node);
	s->ncalls--;
	stat_set_to(s->st.active, s->ncalls);
	log_ev(LOG_NOTICE, "call ended", F_CALL(c->ref),
	    F_TEXT("IPDECT_CAUSE", cause_name(c->cause)),
	    F_U64("IPDECT_MS", tmr_now(s->d->wheel) - c->start));
	if (s->d->draining && s->ncalls == 0)
		daemon_idle(s->d);
	tmr_start(&c->reap, 0);
}

static const struct fsm_env env = { timer_start, timer_stop, moved, done };

static struct call *make(struct sipd *s, struct leg *a, uint8_t state)
{
	struct call *c = mem_new(sizeof(*c));

	c->sipd = s;
	c->a = a;
	c->ref = a->ref;
	c->start = tmr_now(s->d->wheel);
	a->call = c;
	c->seq = ++s->call_seq;
	list_append(&s->calls, &c->node);
	s->ncalls++;
	stat_set_to(s->st.active, s->ncalls);
	tmr_init(&c->timer, s->d->wheel, on_timer, c);
	tmr_init(&c->reap, s->d->wheel, on_reap, c);
	fsm_init(&c->fsm, &call_def, &env, state);
	return c;
}

struct call *call_new(struct sipd *s, struct leg *a)
{
	a->calling = a->calling || !a->up; /* a transferred end began nothing */
	return make(s, a, CALL_PREPARE);
}

void call_resume(struct leg *l, struct leg *stays)
{
	struct call *old = stays->call, *c;

	if (old->a == stays)
		old->a = NULL;
	else
		old->b = NULL;
	c = make(l->sipd, l, CALL_ACTIVE);
	c->b = stays;
	stays->call = c;
	if (!l->media)
		leg_share_media(l, stays);
	call_join_media(c);
	stays->ops->display(stays, &l->who);
}

int call_event(struct call *c, enum call_ev ev, const struct call_arg *arg)
{
	return c ? fsm_event(&c->fsm, (uint8_t)ev, arg) : ERR_STATE;
}

struct leg *call_other(const struct call *c, const struct leg *l)
{
	return !c ? NULL : l == c->a ? c->b : c->a;
}

unsigned call_user_legs(const struct user *u)
{
	unsigned n = 0;

	if (u && u->room)
		LIST_FOREACH(&ustate_of(u)->legs, it)
	n++;
	return n;
}

void call_join_media(struct call *c)
{
	struct leg *a = c->a, *b = c->b;

	if (!a || !b)
		return;
	if (!a->media && b->media && b->handset)
		leg_share_media(a, b);
	if (!b->media && a->media && a->handset)
		leg_share_media(b, a);
	if (a->media && b->media && a->media != b->media)
		media_link(a->media, leg_far_side(a), b->media, leg_far_side(b));
}

/* ---- collecting the number ---- */

static int enough(struct call *c)
{
	struct slice n = { c->dialled, c->ndialled };
	struct route r;

	if (c->ndialled == 0)
		return CALL_COLLECT;
	if (c->complete)
		goto route;
	if (c->dialled[c->ndialled - 1] == '#') {
		/* The end mark of overlap dialling, unless the number is a service code that ends so. */
		if (c->dialled[0] != '*' && c->dialled[0] != '#')
			c->dialled[--c->ndialled] = '\0';
		goto route;
	}
	const struct conf_list *whole = &c->sipd->conf->complete_numbers;
	if (route_emergency(c->sipd, n) || number_complete(n, whole->v, whole->n))
		goto route;
	route_find(c->sipd, c->a->user, n, c->internal, &r);
	if (r.kind == ROUTE_LOCAL && !r.more)
		goto route;
	return CALL_COLLECT;
route:
	(void)call_event(c, CALL_EV_ROUTE, NULL);
	(void)snprintf(c->next, sizeof(c->next), "%s", c->dialled);
	if (!c->a->up) /* what the user dialled stays what redial dials */
		(void)snprintf(c->a->dialled, sizeof(c->a->dialled), "%s", c->dialled);
	return CALL_ROUTE;
}

int call_ready(struct fsm *m, int ev, const void *p)
{
	(void)ev;
	(void)p;
	return enough(call_of(m));
}

static void dial_tone(struct call *c, bool on)
{
	if (c->a->handset && c->a->media && !c->a->up)
		media_tone(c->a->media, MEDIA_RADIO, on ? MEDIA_TONE_DIAL : MEDIA_TONE_OFF, 0);
}

int call_digits(struct fsm *m, int ev, const void *p)
{
	struct call *c = call_of(m);
	const struct call_arg *arg = p;

	(void)ev;
	if (!c->ndialled && arg->digits.n)
		dial_tone(c, false);
	for (size_t i = 0; i < arg->digits.n && c->ndialled + 1 < sizeof(c->dialled); i++)
		c->dialled[c->ndialled++] = arg->digits.p[i];
	c->dialled[c->ndialled] = '\0';
	c->complete = arg->on;
	int next = enough(c);
	if (next == CALL_COLLECT)
		timer_start(m, 0);
	/* PP: with on-hook dialling the whole number comes in one keypad element, and nothing says that it is whole. */
	if (next == CALL_COLLECT && arg->digits.n > 2)
		tmr_start(&c->timer, c->sipd->conf->block_ms);
	return next;
}

int call_digits_done(struct fsm *m, int ev, const void *p)
{
	struct call *c = call_of(m);

	(void)ev;
	(void)p;
	if (c->ndialled == 0) {
		dial_tone(c, false);
		c->cause = CAUSE_INCOMPLETE;
		return CALL_ENDED;
	}
	c->complete = true;
	return enough(c);
}

/* ---- choosing a target ---- */

static int unroutable(struct call *c, enum cause why)
{
	c->cause = why;
	stat_add(c->sipd->st.failed, 1);
	log_ev(LOG_NOTICE, "call not routed", F_CALL(c->ref), F_TEXT("IPDECT_CALLED", c->next),
	    F_TEXT("IPDECT_CAUSE", cause_name(why)));
	return CALL_ENDED;
}

static void drop_b(struct call *c)
{
	if (c->b) {
		/* A caller by SIP gets a session with the next end, which may be a handset's. */
		if (!c->a->up && !c->a->handset && !c->b->handset && c->a->media == c->b->media)
			leg_drop_media(c->a, 0);
		c->b->call = NULL;
		leg_free(c->b);
		c->b = NULL;
	}
}

/* A user of ours is called: forwards, busy, unreachable come before ringing. */
static int ring_user(struct call *c, struct user *u)
{
	struct sipd *s = c->sipd;
	struct ustate *us = sipd_ustate(s, u);
	unsigned legs = call_user_legs(u);
	int err;

	c->target = u;
	if (user_on(u, USER_DISABLED))
		return unroutable(c, CAUSE_UNREACHABLE);
	if (call_forward(c, u, CAUSE_FORWARDED))
		return CALL_ROUTE;
	if (!user_on(u, USER_IPEI) || !s->dectd || (us->device_known && !us->reachable)) {
		if (call_forward(c, u, CAUSE_UNREACHABLE))
			return CALL_ROUTE;
		return unroutable(c, CAUSE_UNREACHABLE);
	}
	if (c->a->user == u && c->a->handset)
		return unroutable(c, CAUSE_BUSY); /* oneself */
	if (legs >= (s->conf->call_waiting ? 2u : 1u)) {
		if (call_forward(c, u, CAUSE_BUSY))
			return CALL_ROUTE;
		return unroutable(c, CAUSE_BUSY);
	}
	c->forwards_no_answer = user_on(u, USER_FORWARD_NO_ANSWER);
	c->b = leg_dect_new(s, u);
	c->b->call = c;
	err = c->b->ops->offer(c->b, &c->a->who, c->is_diverted ? &c->diverted : NULL, legs > 0);
	if (err) {
		drop_b(c);
		return unroutable(c, CAUSE_CONGESTION);
	}
	return FSM_NEXT;
}

int call_route(struct fsm *m, int ev, const void *p)
{
	struct call *c = call_of(m);
	struct sipd *s = c->sipd;
	struct route r;
	int next = FSM_NEXT;

	(void)ev;
	(void)p;
	drop_b(c);
	c->target = NULL;
	c->forwards_no_answer = false;
	if (c->hops > HOPS_MAX)
		return unroutable(c, CAUSE_UNREACHABLE);
	/* On whose behalf: the forwarding user when the call was sent on, else the caller. */
	struct user *behalf = c->behalf ? c->behalf : c->a->user;
	route_find(s, behalf, slice_str(c->next), c->internal, &r);
	if (r.kind == ROUTE_NONE)
		return unroutable(c, r.why);
	c->a->ops->progress(c->a, LEG_PROCEEDING, NULL);
	if (r.kind == ROUTE_LOCAL) {
		next = ring_user(c, r.user);
		if (next == CALL_ROUTE)
			(void)call_event(c, CALL_EV_ROUTE, NULL);
		return next;
	}
	c->b = leg_sip_new(s, behalf, slice_str(r.uri), slice_str(c->extra));
	if (!c->b)
		return unroutable(c, CAUSE_CONGESTION);
	c->b->call = c;
	(void)snprintf(c->b->who.number, sizeof(c->b->who.number), "%.64s", c->next);
	(void)snprintf(c->b->who.uri, sizeof(c->b->who.uri), "%.256s", r.uri);
	if (c->a->media && c->a->handset)
		leg_share_media(c->b, c->a);
	int err = c->b->ops->offer(c->b, &c->a->who, c->is_diverted ? &c->diverted : NULL, false);
	if (err) {
		log_ev(LOG_WARNING, "call: no SIP leg", F_CALL(c->ref), F_ERR(err));
		drop_b(c);
		return unroutable(c, CAUSE_CONGESTION);
	}
	pres_name(c->b);
	return FSM_NEXT;
}

/* ---- the target's progress ---- */

static void ringback(struct call *c, bool on)
{
	struct leg *a = c->a;

	if (a->media && (a->handset || a->up) && c->sipd->conf->early_tones)
		media_tone(a->media, a->side, on ? MEDIA_TONE_RINGBACK : MEDIA_TONE_OFF, 0);
}

int call_trying(struct fsm *m, int ev, const void *p)
{
	struct call *c = call_of(m);

	(void)ev;
	(void)p;
	/* A handset was found and knows of the call: from here on it may take its time. */
	if (c->forwards_no_answer)
		return FSM_NEXT;
	call_set_timer(c, call_def.states[CALL_OFFER].ms);
	return FSM_NEXT;
}

int call_ringing(struct fsm *m, int ev, const void *p)
{
	struct call *c = call_of(m);

	(void)ev;
	(void)p;
	if (m->st != CALL_RING)
		ringback(c, true);
	c->a->ops->progress(c->a, LEG_ALERTING, &c->b->who);
	return FSM_NEXT;
}

int call_early(struct fsm *m, int ev, const void *p)
{
	struct call *c = call_of(m);

	(void)ev;
	(void)p;
	ringback(c, false);
	call_join_media(c);
	c->a->ops->progress(c->a, LEG_EARLY_MEDIA, &c->b->who);
	return FSM_NEXT;
}

int call_answer(struct fsm *m, int ev, const void *p)
{
	struct call *c = call_of(m);
	struct sipd *s = c->sipd;
	const struct call_arg *arg = p;

	(void)ev;
	if (arg && arg->party)
		leg_identity(c->b, arg->party);
	ringback(c, false);
	c->b->up = true;
	c->b->answered = sipd_wall_ms();
	call_join_media(c);
	bool again = c->a->up;
	int err = c->a->ops->connect(c->a, &c->b->who);
	if (err) {
		c->cause = err == ERR_LOST ? CAUSE_PEER_LOST : CAUSE_CODEC;
		return CALL_ENDED;
	}
	c->a->up = true;
	if (!again) {
		c->a->answered = c->b->answered;
		stat_add(s->st.answered, 1);
		stat_observe(s->st.setup, (tmr_now(s->d->wheel) - c->start) * 1000);
		leg_record_answered(c->a, &c->b->who);
	}
	leg_record_answered(c->b, &c->a->who);
	if (c->done) {
		void (*fn)(struct call *, void *, bool, unsigned) = c->done;
		c->done = NULL;
		fn(c, c->done_ctx, true, 200);
	}
	log_ev(LOG_NOTICE, "call answered", F_CALL(c->ref), F_TEXT("IPDECT_FROM", c->a->who.number),
	    F_TEXT("IPDECT_TO", c->b->who.number));
	sipd_calls_changed(s, c->a->user);
	sipd_calls_changed(s, c->target);
	return FSM_NEXT;
}

/* The proxy is silent: who is called may be one of us all the same. */
static bool fall_back(struct call *c)
{
	struct sipd *s = c->sipd;

	if (c->target || c->internal || c->emergency || !s->conf->internal_fallback ||
	    !users_reach(s->users, slice_str(c->next)))
		return false;
	c->internal = true;
	log_ev(LOG_NOTICE, "the proxy is silent: call stays among us", F_CALL(c->ref),
	    F_TEXT("IPDECT_CALLED", c->next));
	(void)call_event(c, CALL_EV_ROUTE, NULL);
	return true;
}

/* Targets of a 3xx are tried one after the other; those of a further 3xx come first (RFC 3261 8.1.3.4). */
static void later(struct call *c, const char *targets)
{
	size_t n = strlen(targets) + (c->later ? strlen(c->later) + 1 : 0) + 1;
	char *all = mem_grow(NULL, n, 1);

	(void)snprintf(all, n, "%s%s%s", targets, c->later ? "\n" : "", c->later ? c->later : "");
	free(c->later);
	c->later = all;
}

static void take_later(struct call *c)
{
	size_t n = strcspn(c->later, "\n");
	char *rest = c->later[n] ? mem_str(c->later + n + 1) : NULL;

	(void)snprintf(c->next, sizeof(c->next), "%.*s", (int)n, c->later);
	free(c->later);
	c->later = rest;
}

int call_failed(struct fsm *m, int ev, const void *p)
{
	struct call *c = call_of(m);
	const struct call_arg *arg = p;
	enum cause why = arg ? arg->cause : CAUSE_INTERNAL;

	(void)ev;
	ringback(c, false);
	c->cause = why;
	if (arg && arg->target) /* 3xx: the far end sends the call on */
		later(c, arg->target);
	if (c->later && why != CAUSE_REJECTED && why != CAUSE_ELSEWHERE) {
		if (++c->hops > HOPS_MAX)
			return CALL_ENDED;
		take_later(c);
		(void)call_event(c, CALL_EV_ROUTE, NULL);
		return CALL_ROUTE;
	}
	if (arg && arg->silent && fall_back(c))
		return CALL_ROUTE;
	if (c->target && (why == CAUSE_BUSY || why == CAUSE_REJECTED || why == CAUSE_UNREACHABLE ||
	                     why == CAUSE_CONGESTION || why == CAUSE_SECURITY ||
	                     why == CAUSE_RADIO_LOST || why == CAUSE_NO_ANSWER)) {
		enum cause when = why == CAUSE_BUSY || why == CAUSE_REJECTED ? CAUSE_BUSY
		                  : why == CAUSE_NO_ANSWER                   ? CAUSE_NO_ANSWER
		                                                             : CAUSE_UNREACHABLE;
		if (call_forward(c, c->target, when)) {
			(void)call_event(c, CALL_EV_ROUTE, NULL);
			return CALL_ROUTE;
		}
	}
	stat_add(c->sipd->st.failed, 1);
	return CALL_ENDED;
}

int call_no_answer(struct fsm *m, int ev, const void *p)
{
	struct call *c = call_of(m);
	bool rang = m->st == CALL_RING;

	(void)ev;
	(void)p;
	ringback(c, false);
	c->cause = rang ? CAUSE_NO_ANSWER : CAUSE_UNREACHABLE;
	if (c->b && !c->b->gone)
		c->b->ops->release(c->b, c->cause);
	if (c->target &&
	    call_forward(c, c->target, c->forwards_no_answer ? CAUSE_NO_ANSWER : c->cause)) {
		(void)call_event(c, CALL_EV_ROUTE, NULL);
		return CALL_ROUTE;
	}
	stat_add(c->sipd->st.failed, 1);
	return CALL_ENDED;
}

/* ---- the end ---- */

int call_gone(struct fsm *m, int ev, const void *p)
{
	struct call *c = call_of(m);
	const struct call_arg *arg = p;

	(void)ev;
	if (!arg || !arg->leg)
		return CALL_ENDED;
	struct leg *other = call_other(c, arg->leg);
	c->cause = arg->cause;
	/* A caller who gives up cancels what still rings; a call in progress ends normally. */
	if (other && !other->gone)
		other->ops->release(other,
		    m->st == CALL_ACTIVE &&
		            (arg->cause == CAUSE_CANCELLED || arg->cause == CAUSE_NONE)
		        ? CAUSE_NORMAL
		    : arg->leg == c->a && m->st != CALL_ACTIVE && arg->cause != CAUSE_ELSEWHERE
		        ? CAUSE_CANCELLED
		        : arg->cause);
	return CALL_ENDED;
}

int call_end(struct fsm *m, int ev, const void *p)
{
	struct call *c = call_of(m);
	const struct call_arg *arg = p;

	(void)ev;
	c->cause = arg ? arg->cause : CAUSE_INTERNAL;
	return CALL_ENDED;
}

/* ---- while it lasts ---- */

int call_dtmf(struct fsm *m, int ev, const void *p)
{
	struct call *c = call_of(m);
	const struct call_arg *arg = p;
	struct leg *other = call_other(c, arg->leg);

	(void)ev;
	if (other && !other->gone)
		(void)other->ops->dtmf(other, arg->digits);
	return FSM_NEXT;
}

int call_identity(struct fsm *m, int ev, const void *p)
{
	struct call *c = call_of(m);
	const struct call_arg *arg = p;
	struct leg *other = call_other(c, arg->leg);

	(void)ev;
	if (arg->party)
		leg_identity(arg->leg, arg->party);
	pres_name(arg->leg);
	if (other && !other->gone)
		other->ops->display(other, &arg->leg->who);
	return FSM_NEXT;
}

int call_moved(struct fsm *m, int ev, const void *p)
{
	struct call *c = call_of(m);

	(void)ev;
	(void)p;
	if (c->a && !c->a->gone)
		c->a->ops->moved(c->a);
	if (c->b && !c->b->gone)
		c->b->ops->moved(c->b);
	return FSM_NEXT;
}
