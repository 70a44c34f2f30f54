/* The registration engine (RFC 3261 10, RFC 5626 keep-alive, RFC 3327, RFC 3608): per user, over up to four proxies. */
#include "sipd/reg_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/auth.h"
#include "sipd/feed.h"
#include "sipd/ms.h"
#include "sipd/mwi.h"
#include "sipd/sip_auth_hdr.h"
#include "sipd/sip_build.h"

#define GROUP_MS        20
#define RETRY_AFTER_MAX 3600

void reg_on_timer(struct tmr *t, void *ctx)
{
	struct reg *r = ctx;

	(void)t;
	(void)fsm_event(&r->fsm, REG_EV_TIMER, NULL);
}

static struct reg *reg_of(struct fsm *m)
{
	return CONTAINER_OF(m, struct reg, fsm);
}

static void timer_start(struct fsm *m, uint32_t ms)
{
	struct reg *r = reg_of(m);

	if ((m->st == REG_WAIT || m->st == REG_UP) && r->delay)
		ms = r->delay;
	r->delay = 0;
	tmr_start(&r->timer, ms);
}

static void timer_stop(struct fsm *m)
{
	tmr_stop(&reg_of(m)->timer);
}

static void moved(struct fsm *m, int from, int ev, int to)
{
	struct reg *r = reg_of(m);
	bool up = to == REG_UP;

	(void)ev;
	if (to < 0 || from == to)
		return;
	if (to == REG_OFF)
		mwi_stop(r->regs->s, r->user);
	if (from == REG_OFF || to == REG_OFF)
		r->regs->wanted += from == REG_OFF ? 1u : -1u;
	/* A refresh goes through TRYING: the user stays registered meanwhile. */
	bool refreshing = r->was_up && (to == REG_TRYING || to == REG_AUTH);
	if (up && !r->was_up) {
		r->was_up = true;
		r->regs->up++;
		log_ev(LOG_NOTICE, "registered", F_USER(r->user->f[USER_NAME]),
		    F_TEXT("IPDECT_PROXY", r->proxy->uri));
		feed_changed(r->regs->s->to_presenced, r->user, FEED_REG);
		mwi_update(r->regs->s, r->user);
	} else if (!up && r->was_up && !refreshing) {
		r->was_up = false;
		r->regs->up--;
		log_ev(LOG_WARNING, "not registered any more", F_USER(r->user->f[USER_NAME]),
		    F_WHY(r->why ? r->why : ""));
		feed_changed(r->regs->s->to_presenced, r->user, FEED_REG);
	}
}

static void nothing(struct fsm *m)
{
	(void)m;
}

const struct fsm_env reg_env = { timer_start, timer_stop, moved, nothing };

/* ---- one user's machine ---- */

void reg_drop_flow(struct reg *r)
{
	if (r->watching)
		tp_flow_unwatch(&r->watch);
	r->watching = false;
	tp_flow_unref(r->flow);
	r->flow = NULL;
}

static void on_down(struct tp_watch *w, struct tp_flow *f, int err)
{
	struct reg *r = CONTAINER_OF(w, struct reg, watch);

	r->watching = false;
	log_ev(LOG_INFO, "flow of a registration broke", F_USER(r->user->f[USER_NAME]),
	    F_TEXT("IPDECT_WHY", tp_flow_why(f)), F_ERR(err));
	r->why = "connection lost";
	r->code = 0;
	(void)fsm_event(&r->fsm, REG_EV_LOST, NULL);
}

/* Not all at once: REGISTERs leave at the configured rate. Who waits longer than for its turn (a user that is refused, say)
 * holds up nobody else. */
uint32_t reg_turn(struct regs *rs, uint32_t at_least)
{
	uint64_t now = tmr_now(rs->s->d->wheel) * 1000, first = now + (uint64_t)at_least * 1000;
	uint32_t rate = rs->s->conf->register_rate ? rs->s->conf->register_rate : 1;

	if (rs->slot < now)
		rs->slot = now;
	rs->slot += 1000000 / rate;
	if (first < rs->slot)
		first = rs->slot;
	/* In small groups: a wake-up for each would cost more than the request itself. */
	uint64_t at = (first / 1000 + GROUP_MS - 1) / GROUP_MS * GROUP_MS;
	uint64_t ms = at - tmr_now(rs->s->d->wheel);
	return ms ? (uint32_t)ms : 1;
}

int reg_schedule(struct fsm *m, int ev, const void *arg)
{
	struct reg *r = reg_of(m);

	(void)ev;
	(void)arg;
	r->delay = reg_turn(r->regs, r->rest);
	r->rest = 0;
	r->backoff = 0;
	r->avoid = 0;
	r->unregister = false;
	return FSM_NEXT;
}

static void on_credentials(void *ctx, int err, struct slice lines)
{
	struct reg *r = ctx;
	char all[AUTH_LINES_MAX];
	struct wr w = wr_of(all, sizeof(all));

	r->auth = NULL;
	if (err) {
		r->why = err == ERR_AUTH || err == ERR_NOTFOUND ? "no password is set"
		                                                : "certd does not answer";
		(void)fsm_event(&r->fsm, REG_EV_FAILED, NULL);
		return;
	}
	sip_auth_merge(&w, slice_str(r->lines), lines);
	if (!wr_nul(&w))
		all[0] = '\0';
	free(r->lines);
	r->lines = mem_str(all);
	(void)fsm_event(&r->fsm, REG_EV_READY, NULL);
}

static void put_ruri(const struct sipd *s, const struct user *u, struct wr *w)
{
	struct slice domain = sipd_domain(s, u);

	wr_str(w, s->conf->sips ? "sips:" : "sip:");
	wr_slice_add(w, domain);
}

/* LYNC: answers of a server that cannot serve the user now, though it lives (ms-sip 7.3). */
static bool not_here(const struct reg *r, unsigned status)
{
	return status == 503 || (status == 504 && r->ntarget) ||
	       (r->regs->s->conf->lync && (status == 408 || status == 480 || status / 100 == 5));
}

/* r->why is set. Whom the server sends round in circles, or who gets no service, tries the next one, if there is one. */
void reg_refused(struct reg *r, const struct sip_msg *rsp, const char *remedy)
{
	bool next = rsp->status == 503;

	if (!next && (rsp->status < 400 || not_here(r, rsp->status)))
		next = reg_avoid(r);
	stat_add(r->regs->refused, 1);
	log_ev(LOG_WARNING, "registration refused", F_USER(r->user->f[USER_NAME]),
	    F_U64("IPDECT_STATUS", rsp->status), F_WHY(r->why),
	    F_REMEDY(*remedy ? remedy : "dectctl reg list says what it means"));
	(void)fsm_event(&r->fsm, next ? REG_EV_NEXT : REG_EV_FAILED, NULL);
}

static void final(struct reg *r, const struct sip_msg *rsp)
{
	struct sipd *s = r->regs->s;
	char ruri[300];
	struct wr w = wr_of(ruri, sizeof(ruri));
	uint32_t n;

	r->code = rsp->status;
	ms_note_date(s, rsp);
	put_ruri(s, r->user, &w);
	if (rsp->status >= 200 && rsp->status < 300) {
		reg_granted(r, rsp);
		r->why = NULL;
		reg_ms_granted(r, rsp);
		if (r->flow && tp_flow_proto(r->flow) == TP_TLS)
			reg_target_serves(r);
		bool moved_up = r->was_up && r->moved;
		r->moved = false;
		r->redirects = 0;
		if (!r->ntarget)
			r->proxy->busy_ms = 0;
		if (s->hooks->registered)
			s->hooks->registered(s, r->user, rsp);
		(void)fsm_event(&r->fsm, REG_EV_OK, NULL);
		auth_waited(s, r->user, 0);
		if (moved_up)
			mwi_update(s, r->user);
		return;
	}
	if (s->conf->lync && reg_ms_answer(r, rsp)) {
		if (r->fsm.st == REG_WAIT)
			auth_waited(s, r->user, ERR_AUTH);
		return;
	}
	if ((rsp->status == 401 || rsp->status == 407) &&
	    (r->auths < 2 || (r->auths < AUTH_TRIES && sip_auth_fresh(rsp, slice_str(r->lines))))) {
		r->auths++;
		if (s->hooks->challenge && s->hooks->challenge(s, r->user, rsp)) {
			(void)fsm_event(&r->fsm, REG_EV_CHALLENGE, NULL);
			return;
		}
		if (auth_answer(s, r->user, rsp, SLICE_LIT("REGISTER"), wr_slice(&w), SLICE_LIT(""),
		        on_credentials, r, &r->auth) == 0) {
			(void)fsm_event(&r->fsm, REG_EV_CHALLENGE, NULL);
			return;
		}
	}
	if (rsp->status >= 300 && rsp->status < 400 && reg_redirected(r, rsp)) {
		r->auths = 0;
		(void)fsm_event(&r->fsm, REG_EV_AGAIN, NULL);
		return;
	}
	if (rsp->status >= 300 && rsp->status < 400) {
		reg_refused(r, rsp, "");
		return;
	}
	if (reg_ob_refused(r, rsp)) {
		(void)fsm_event(&r->fsm, REG_EV_AGAIN, NULL);
		return;
	}
	if (rsp->status == 423 && sip_msg_u32(rsp, SIP_H_MIN_EXPIRES, 864000, &n) == 0 &&
	    n > r->expires) {
		r->expires = n;
		(void)fsm_event(&r->fsm, REG_EV_AGAIN, NULL);
		return;
	}
	if (sip_msg_u32(rsp, SIP_H_RETRY_AFTER, RETRY_AFTER_MAX, &n) == 0)
		r->delay = n * 1000 + id_below(1000 + n * 200);
	r->why = rsp->status == 401 || rsp->status == 407 || rsp->status == 403
	             ? "the registrar refuses the user name or password"
	         : rsp->status == 404 ? "the registrar does not know the user"
	                              : "the registrar refuses";
	reg_refused(r, rsp,
	    "dectctl secret set USER kind=sip sets the password, dectctl user set USER auth-user=… "
	    "the name");
}

static void silent(struct reg *r, int err);

static void on_req(
    void *ctx, struct sip_req *req, enum sip_req_ev ev, const struct sip_msg *rsp, int err)
{
	struct reg *r = ctx;

	switch (ev) {
	case SIP_REQ_REPLY:
		if (rsp->status < 200)
			break;
		if (rsp->status < 300 && sip_req_flow(req) && sip_req_flow(req) != r->flow) {
			reg_drop_flow(r);
			r->flow = tp_flow_ref(sip_req_flow(req));
			r->watch.down = on_down;
			tp_flow_watch(r->flow, &r->watch);
			r->watching = true;
		}
		reg_proxy_saw(r->proxy, sip_req_flow(req), rsp);
		if (r->ntarget && not_here(r, rsp->status)) {
			r->code = rsp->status;
			r->why = "the server that it was sent to cannot serve it";
			reg_drop_flow(r);
			reg_forget_sa(r);
			(void)reg_target_failed(r);
			(void)fsm_event(&r->fsm, REG_EV_NEXT, NULL);
			break;
		}
		if (rsp->status == 503)
			reg_proxy_busy(r->proxy, rsp);
		final(r, rsp);
		break;
	case SIP_REQ_FAIL:
		silent(r, err);
		break;
	case SIP_REQ_DONE:
		if (r->req == req)
			r->req = NULL;
		break;
	}
}

static void build(struct reg *r, struct wr *w, uint32_t expires, const struct tp_flow *f)
{
	struct sipd *s = r->regs->s;
	char ruri[300], aor[512];
	struct wr wu = wr_of(ruri, sizeof(ruri)), wa = wr_of(aor, sizeof(aor));
	char contact[512];
	struct wr wc = wr_of(contact, sizeof(contact));
	struct ms_ep *e = ms_ep(s, r->user);

	if (e) {
		ms_auth_refresh(e);
		(void)snprintf(r->instance, sizeof(r->instance), "%s", e->uuid);
		ms_put_register(e, w, r->call_id, r->tag, ++r->cseq, expires == 0, f);
		return;
	}
	put_ruri(s, r->user, &wu);
	sipd_put_aor(s, &wa, r->user, true);
	sip_put_request(w, SLICE_LIT("REGISTER"), wr_slice(&wu));
	sip_put_u32(w, SIP_H_MAX_FORWARDS, s->conf->max_forwards);
	sip_put_hdr(w, SIP_H_TO, wr_slice(&wa));
	wr_str(&wa, ";tag=");
	wr_str(&wa, r->tag);
	sip_put_hdr(w, SIP_H_FROM, wr_slice(&wa));
	sip_put_hdr(w, SIP_H_CALL_ID, slice_str(r->call_id));
	sip_put_cseq(w, ++r->cseq, SLICE_LIT("REGISTER"));
	sipd_put_contact(s, &wc, r->user, f);
	reg_ob_contact(r, &wc);
	wr_str(&wc, ";expires=");
	wr_dec(&wc, expires);
	sip_put_hdr(w, SIP_H_CONTACT, wr_slice(&wc));
	sip_put_u32(w, SIP_H_EXPIRES, expires);
	wr_str(w, "Supported: path");
	wr_str(w, s->conf->gruu ? ", gruu" : "");
	wr_str(w, reg_ob_offered(r) ? ", outbound\r\n" : "\r\n");
	sip_put_hdr(w, SIP_H_ALLOW,
	    SLICE_LIT(
	        "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY, MESSAGE"));
	sip_put_hdr(w, SIP_H_USER_AGENT, slice_str(s->conf->agent));
	if (r->lines)
		wr_str(w, r->lines);
	if (s->hooks->lines)
		s->hooks->lines(s, r->user, SIP_M_REGISTER, w);
	sip_put_body(w, SLICE_LIT(""), SLICE_LIT(""));
	w->bad |= wu.bad || wa.bad || wc.bad;
}

/* Nothing answers at this proxy: the next one. */
static void silent(struct reg *r, int err)
{
	struct tp_flow *f = r->req ? sip_req_flow(r->req) : NULL;

	r->code = 0;
	r->why = err == ERR_NOTFOUND ? "the proxy's name cannot be resolved"
	         : err == ERR_AUTH   ? "the proxy could not be proven by TLS"
	                             : "the proxy does not answer";
	if (f && *tp_flow_why(f)) { /* what became of the connection tells more */
		(void)snprintf(r->said, sizeof(r->said), "%s: %s", r->why, tp_flow_why(f));
		r->why = r->said;
	}
	if (r->ntarget) {
		char what[300];

		(void)snprintf(what, sizeof(what), "%s", r->why);
		(void)snprintf(r->said, sizeof(r->said), "sent on to %s: %s", r->target[0], what);
		r->why = r->said;
	}
	if (!reg_target_failed(r)) /* else it is not the proxy's fault */
		reg_proxy_down(r->proxy, r->why);
	stat_add(r->regs->lost, 1);
	reg_drop_flow(r);
	reg_forget_sa(r);
	(void)fsm_event(&r->fsm, REG_EV_NEXT, NULL);
}

/* The Contact names our address as seen on the flow: that is found first. */
static int send_on(struct reg *r, struct tp_flow *f, const struct tp_dest *dest, unsigned ndest)
{
	char buf[4096];
	struct wr w = wr_of(buf, sizeof(buf));
	struct sip_req_conf c = { .method = SIP_M_REGISTER,
		.flow = f,
		.dest = dest,
		.ndest = ndest,
		.try_ms = r->regs->s->conf->transaction_ms,
		.owner = r->owner };

	build(r, &w, r->expires, f);
	c.msg = wr_slice(&w);
	return w.bad ? ERR_LIMIT : sip_req_send(r->regs->s->ua, &c, on_req, r, &r->req);
}

static int send_to(struct reg *r, struct tp_dest *dest, unsigned n)
{
	struct tp_flow *f = NULL;
	int err = ERR_NOTFOUND;
	unsigned i;

	const struct ms_ep *e = ms_ep(r->regs->s, r->user);
	for (i = 0; i < n && !f; i++) {
		dest[i].key = r->regs->s->conf->separate_ports ? (uint32_t)r->owner
		              : e                              ? ms_connection(e)
		                                               : 0;
		err = tp_flow_to(sip_ua_tp(r->regs->s->ua), &dest[i], &f);
	}
	if (!f)
		return err;
	err = send_on(r, f, dest + i, n - i);
	tp_flow_unref(f);
	return err;
}

static void on_resolved(void *ctx, int err, const struct resolve_result *res)
{
	struct reg *r = ctx;
	struct resolve_result mine = *res;

	r->q = NULL;
	if (!err)
		err = send_to(r, mine.dest, mine.n);
	if (err) {
		r->req = NULL;
		silent(r, err);
	}
}

/* Every proxy is down: what the first of them died of. */
static const char *nobody(struct reg *r)
{
	const struct regs *g = r->regs;

	for (unsigned i = 0; i < g->nproxy; i++)
		if (g->proxy[i].down && g->proxy[i].why) {
			(void)snprintf(r->said, sizeof(r->said), "no proxy answers; %s: %s",
			    g->proxy[i].uri, g->proxy[i].why);
			return r->said;
		}
	return "no proxy answers";
}

int reg_send(struct fsm *m, int ev, const void *arg)
{
	struct reg *r = reg_of(m);
	struct sipd *s = r->regs->s;
	struct proxy *p = reg_proxy_pick(r->regs, r->user);
	struct sip_uri uri;
	struct tp_dest d;
	int err;

	(void)arg;
	r->paused = r->held = r->soon = false;
	if (ev != REG_EV_READY && ev != REG_EV_AGAIN)
		r->auths = 0;
	if (ev != REG_EV_READY) { /* credentials are for one nonce */
		mem_free_wiped(r->lines, r->lines ? strlen(r->lines) : 0);
		r->lines = NULL;
	}
	if (!p || r->tries++ > 2 * SIPD_PROXIES) {
		if (!p && !r->avoid)
			r->why = nobody(r);
		r->tries = 0;
		(void)reg_fail(m, ev, NULL);
		return REG_WAIT;
	}
	if (p != r->proxy) {
		reg_drop_flow(r);
		reg_forget_sa(r);
		reg_targets_clear(r);
		r->redirects = 0;
		r->moved = true;
		reg_ob_forget(r); /* another server */
	}
	r->proxy = p;
	sip_req_forget(r->req);
	r->req = NULL;
	resolve_cancel(r->q);
	r->q = NULL;
	if (r->flow && tp_flow_alive(r->flow)) {
		err = send_on(r, r->flow, NULL, 0);
	} else {
		err = sip_uri_parse(&uri, slice_str(r->ntarget ? r->target[0] : p->uri));
		if (!err && resolve_now(sip_ua_resolve(s->ua), &uri, &d))
			err = send_to(r, &d, 1);
		else if (!err)
			r->q = resolve_uri(sip_ua_resolve(s->ua), &uri, on_resolved, r);
	}
	if (err) {
		r->req = NULL;
		r->why = "the request could not be sent";
		(void)reg_fail(m, ev, NULL);
		return REG_WAIT;
	}
	return FSM_NEXT;
}

int reg_done(struct fsm *m, int ev, const void *arg)
{
	struct reg *r = reg_of(m);

	(void)ev;
	(void)arg;
	stat_add(r->regs->ok, 1);
	if (r->was_up)
		r->ended = 0; /* it has held until a refresh */
	r->tries = r->backoff = r->failures = 0;
	r->avoid = 0;
	/* Between half and nine tenths of the time: refreshes of thousands of users spread by themselves. */
	uint64_t ms = (uint64_t)r->granted * 1000;
	r->delay = (uint32_t)(ms / 2 + id_below((uint32_t)(ms * 2 / 5 + 1)));
	/* LYNC: an association is renewed by a REGISTER: not later than its time. */
	struct ms_ep *e = ms_ep(r->regs->s, r->user);
	uint64_t left = e ? ms_auth_left(e) : 0;
	if (left && left < r->delay)
		r->delay = (uint32_t)left + id_below(500);
	return FSM_NEXT;
}

/* What the server said counts where it is longer: "Retry-After: 0" is no leave to ask without end. */
static void back_off(struct reg *r)
{
	uint32_t told = r->delay;

	r->backoff = r->backoff ? r->backoff * 2 : REG_BACKOFF_MS;
	if (r->backoff > REG_BACKOFF_MAX_MS)
		r->backoff = REG_BACKOFF_MAX_MS;
	uint32_t own = r->backoff / 2 + id_below(r->backoff);
	r->delay = told > own ? told : reg_turn(r->regs, own);
}

int reg_fail(struct fsm *m, int ev, const void *arg)
{
	struct reg *r = reg_of(m);

	(void)arg;
	if (m->st == REG_AUTH && ev == REG_EV_TIMER)
		reg_forget_sa(r); /* LYNC: nobody waits for the handshake any more */
	if (!r->soon)
		back_off(r);
	r->soon = false;
	r->failures++;
	reg_ob_hold(r);
	r->tries = r->redirects = 0;
	r->avoid = 0;
	sip_req_forget(r->req);
	r->req = NULL;
	resolve_cancel(r->q);
	r->q = NULL;
	return FSM_NEXT;
}

int reg_lost(struct fsm *m, int ev, const void *arg)
{
	struct reg *r = reg_of(m);

	(void)m;
	(void)ev;
	(void)arg;
	reg_drop_flow(r);
	reg_forget_sa(r);
	auth_cancel(r->auth);
	r->auth = NULL;
	r->avoid = 0;
	r->delay = reg_turn(r->regs, 100 + id_below(900));
	reg_ob_hold(r);
	return FSM_NEXT;
}

/* Says good-bye (Expires: 0) without waiting for the answer. */
int reg_off(struct fsm *m, int ev, const void *arg)
{
	struct reg *r = reg_of(m);
	struct sipd *s = r->regs->s;
	char buf[4096];
	struct wr w = wr_of(buf, sizeof(buf));

	(void)ev;
	(void)arg;
	sip_req_forget(r->req);
	r->req = NULL;
	resolve_cancel(r->q);
	r->q = NULL;
	auth_cancel(r->auth);
	r->auth = NULL;
	if (r->was_up && r->proxy) {
		r->expires = 0;
		mem_free_wiped(r->lines, r->lines ? strlen(r->lines) : 0);
		r->lines = NULL; /* the request itself answers a challenge */
		build(r, &w, 0, r->flow);
		r->expires = s->conf->register_expires;
		struct sip_req_conf c = { .method = SIP_M_REGISTER,
			.msg = wr_slice(&w),
			.next_hop = slice_str(r->proxy->uri),
			.flow = r->flow && tp_flow_alive(r->flow) ? r->flow : NULL,
			.try_ms = s->conf->transaction_ms,
			.owner = r->owner,
			.credential = slice_str(s->conf->lync ? "" : r->user->f[USER_NAME]) };
		struct sip_req *bye = NULL;
		if (!w.bad && sip_req_send(s->ua, &c, on_req, r, &bye) == 0)
			sip_req_forget(bye);
	}
	reg_drop_flow(r);
	reg_forget_sa(r);
	return FSM_NEXT;
}
