/* The actions of call control's table: links, messages, primitives, timers. */
#include "common/mem.h"
#include "dectd/cc_priv.h"
#include "dectd/pp_caps.h"

#define COLLISIONS_MAX 3 /* CC-SETUP sent again after a collision */

static struct cc_call *call_of(struct fsm *m)
{
	return CONTAINER_OF(m, struct cc_call, fsm);
}

static void end(struct cc_call *c, enum cc_end why, uint8_t reason)
{
	c->why = why;
	c->reason = reason;
	if (c->silent) /* the upper side has let it go */
		return;
	c->silent = true;
	c->up = CC_UP_ENDED;
}

/* ---- actions: links ---- */

int cc_a_link(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);
	int err = c->cc->low->secure(c->cc->low_ctx, c->pp);

	if (err > 0)
		return FSM_NEXT;
	if (err < 0)
		return cc_a_insecure(m, ev, p) == FSM_NEXT ? CC_NULL : CC_NULL;
	(void)cc_a_secured(m, ev, p);
	return CC_PRESENT;
}

int cc_a_link_failed(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);

	(void)p;
	if (ev == CC_EV_TIMER)
		c->cc->low->link_cancel(c->cc->low_ctx, c->pp);
	end(c, CC_END_PAGE, CC_R_NOT_IN_RANGE);
	return FSM_NEXT;
}

int cc_a_secured(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);

	(void)ev;
	(void)p;
	cc_tx_setup(c);
	c->up = CC_UP_REACHED;
	return FSM_NEXT;
}

int cc_a_insecure(struct fsm *m, int ev, const void *p)
{
	(void)ev;
	(void)p;
	end(call_of(m), CC_END_SECURITY, CC_R_CIPHER_FAILED);
	return FSM_NEXT;
}

int cc_a_cancel(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);

	(void)ev;
	(void)p;
	if (m->st == CC_PAGING)
		c->cc->low->link_cancel(c->cc->low_ctx, c->pp);
	return FSM_NEXT;
}

int cc_a_setup_secured(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);

	(void)ev;
	(void)p;
	if (c->has_caps)
		cc_caps_keep(c->pp, &c->caps);
	c->has_caps = false;
	if (!c->reported) {
		c->reported = true;
		c->up = CC_UP_SETUP;
	}
	return FSM_NEXT;
}

static uint8_t insecure_reason(int err)
{
	switch (err) {
	case ERR_DENIED: /* it does not cipher, or the base cannot */
	case ERR_UNSUPP:
		return CC_R_CIPHER_FAILED;
	case ERR_BUSY: /* certd is away, or has no time */
		return CC_R_OVERLOAD;
	case ERR_TIMEOUT:
		return CC_R_TIMER;
	default:
		return CC_R_AUTH_FAILED;
	}
}

int cc_a_setup_insecure(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);
	struct cc_show s = { .signal = CC_SIG_NONE };

	(void)ev;
	s.reason = insecure_reason(p ? *(const int *)p : ERR_AUTH);
	cc_tx(c, CC_RELEASE_COM, &s);
	if (!c->reported) {
		c->silent = true; /* nobody above knows of it */
		return FSM_NEXT;
	}
	end(c, CC_END_SECURITY, s.reason);
	return FSM_NEXT;
}

/* ---- actions: messages ---- */

/* PP: a user may dial faster than a link is authenticated and ciphered, and a handset need not wait with the digits for
 * CC-SETUP-ACK: what comes before the IWU knows of the call belongs to its CC-SETUP. */
static void keep_early(struct cc_call *c, const struct nwk_msg *m)
{
	struct cc_info info;
	struct slice digits;
	size_t n = c->setup.digits.n;

	cc_info_of(m, &info);
	digits = info.number.n ? info.number : info.keypad;
	if (digits.n > sizeof(c->digits) - n)
		digits.n = sizeof(c->digits) - n;
	memcpy(c->digits + n, digits.p ? digits.p : "", digits.n);
	c->setup.digits = (struct slice){ c->digits, n + digits.n };
	c->setup.complete = c->setup.complete || info.complete;
	c->setup.recall = c->setup.recall || info.feature == 0x01;
}

int cc_a_info(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);

	(void)ev;
	if (m->st == CC_OVERLAP)
		cc_timer_again(c); /* CC.01 runs anew with each CC-INFO */
	if (m->st == CC_INITIATED && !c->reported) {
		keep_early(c, p);
		return FSM_NEXT;
	}
	c->up = CC_UP_INFO;
	return FSM_NEXT;
}

static void answer_in(struct cc_call *c, const struct nwk_msg *m)
{
	c->caps = c->pp->caps;
	if (pp_caps_read(&c->caps, m))
		cc_caps_keep(c->pp, &c->caps);
	cc_codecs_in(c, m);
}

int cc_a_alerting(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);

	(void)ev;
	answer_in(c, p);
	if (c->cc->conf.signal_again && c->show.signal >= 0) {
		struct cc_show s = { .signal = c->show.signal };
		cc_tx(c, CC_INFO, &s);
	}
	if (c->renewed) {
		struct cc_show s = c->show;
		s.signal = CC_SIG_NONE;
		cc_tx(c, CC_INFO, &s);
	}
	c->renewed = false;
	c->up = CC_UP_ALERTING;
	return FSM_NEXT;
}

int cc_a_connect(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);

	(void)ev;
	answer_in(c, p);
	c->up = CC_UP_CONNECT;
	return FSM_NEXT;
}

static uint8_t reason_of(const struct nwk_msg *m)
{
	int r = m ? nwk_octet(m, IE_RELEASE_REASON) : -1;

	return r < 0 ? CC_R_NORMAL : (uint8_t)r;
}

int cc_a_release(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);
	struct cc_show s = { .signal = CC_SIG_NONE, .reason = CC_R_NORMAL };

	(void)ev;
	c->partial |= reason_of(p) == CC_R_PARTIAL;
	cc_tx(c, CC_RELEASE_COM, &s);
	end(c, CC_END_HANDSET, reason_of(p));
	return FSM_NEXT;
}

int cc_a_release_com(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);

	(void)ev;
	end(c, CC_END_HANDSET, reason_of(p));
	return FSM_NEXT;
}

int cc_a_collide(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);
	uint8_t reason = reason_of(p);
	int tv;

	(void)ev;
	if (reason == CC_R_RESOURCES && (c->collided || c->setups == 1) &&
	    c->setups < COLLISIONS_MAX && (tv = cc_free_tv(c->cc, c->pp)) >= 0) {
		c->tv = (uint8_t)tv;
		c->collided = false;
		c->partial = true;
		cc_tx_setup(c);
		cc_timer_again(c);
		return CC_PRESENT;
	}
	end(c, CC_END_HANDSET, reason);
	return FSM_NEXT;
}

int cc_a_done(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);

	(void)ev;
	(void)p;
	end(c, CC_END_US, CC_R_NORMAL);
	return FSM_NEXT;
}

int cc_a_lost(struct fsm *m, int ev, const void *p)
{
	(void)ev;
	(void)p;
	end(call_of(m), CC_END_LOST, CC_R_UNKNOWN);
	return FSM_NEXT;
}

int cc_a_reset_overlap(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);
	struct cc_show s = { .signal = CC_SIG_NONE, .reason = CC_R_UNKNOWN };

	(void)ev;
	(void)p;
	cc_tx(c, CC_RELEASE, &s); /* 17.5: digits may be lost */
	end(c, CC_END_LOST, s.reason);
	return FSM_NEXT;
}

/* ---- actions: primitives ---- */

int cc_a_tx_setup_ack(struct fsm *m, int ev, const void *p)
{
	(void)ev;
	cc_tx(call_of(m), CC_SETUP_ACK, p);
	return FSM_NEXT;
}

int cc_a_tx_proc(struct fsm *m, int ev, const void *p)
{
	(void)ev;
	cc_tx(call_of(m), CC_CALL_PROC, p);
	return FSM_NEXT;
}

int cc_a_tx_alert(struct fsm *m, int ev, const void *p)
{
	(void)ev;
	cc_tx(call_of(m), CC_ALERTING, p);
	return FSM_NEXT;
}

int cc_a_tx_connect(struct fsm *m, int ev, const void *p)
{
	(void)ev;
	cc_tx(call_of(m), CC_CONNECT, p);
	return FSM_NEXT;
}

int cc_a_tx_connect_ack(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);

	(void)ev;
	cc_tx(c, CC_CONNECT_ACK, p);
	if (c->renewed) {
		struct cc_show s = c->show;
		s.signal = c->late_signal;
		c->renewed = false;
		cc_tx(c, CC_INFO, &s);
	}
	return FSM_NEXT;
}

/* What is shown, or sounds, changes while the handset is paged, before it has said that it alerts, or while its answer waits for the
 * speech path. */
int cc_a_renew(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);

	(void)ev;
	if (p)
		cc_renew_show(c, p);
	c->late_signal =
	    p && m->st == CC_ANSWERED ? ((const struct cc_show *)p)->signal : CC_SIG_NONE;
	c->renewed = c->setups > 0;
	return FSM_NEXT;
}

int cc_a_tx_info(struct fsm *m, int ev, const void *p)
{
	(void)ev;
	cc_tx(call_of(m), CC_INFO, p);
	return FSM_NEXT;
}

int cc_a_tx_release(struct fsm *m, int ev, const void *p)
{
	(void)ev;
	cc_tx(call_of(m), CC_RELEASE, p);
	return FSM_NEXT;
}

int cc_a_tx_reject(struct fsm *m, int ev, const void *p)
{
	(void)ev;
	cc_tx(call_of(m), CC_RELEASE_COM, p);
	return FSM_NEXT;
}

/* ---- actions: timers ---- */

int cc_a_timer_release(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);
	struct cc_show s = { .signal = CC_SIG_NONE, .reason = CC_R_TIMER };

	(void)ev;
	(void)p;
	if (m->st == CC_ANSWERED)
		s.reason = CC_R_RESOURCES; /* no speech path in time */
	cc_tx(c, CC_RELEASE, &s);
	end(c, CC_END_TIMER, s.reason);
	return FSM_NEXT;
}

int cc_a_timer_reject(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);
	struct cc_show s = { .signal = CC_SIG_NONE, .reason = CC_R_TIMER };

	(void)ev;
	(void)p;
	cc_tx(c, CC_RELEASE_COM, &s);
	if (c->by_pp && !c->reported)
		c->silent = true;
	end(c, CC_END_TIMER, s.reason);
	return FSM_NEXT;
}

int cc_a_timer_done(struct fsm *m, int ev, const void *p)
{
	struct cc_call *c = call_of(m);
	struct cc_show s = { .signal = CC_SIG_NONE, .reason = CC_R_TIMER };

	(void)ev;
	(void)p;
	cc_tx(c, CC_RELEASE_COM, &s);
	return FSM_NEXT;
}
