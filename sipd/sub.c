/* Subscriptions (RFC 6665), subscriber and notifier, and the implicit one of REFER (RFC 3515). */
#include "sipd/sub.h"

#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/sip_build.h"
#include "sipd/sip_ua_int.h"

#define EXPIRES     3600
#define EXPIRES_MAX 86400
#define NOTIFY_MS   32000 /* timer N: the NOTIFY that a subscription owes */
#define RETRY_S     60

struct sub {
	struct list node; /* ua->subs */
	struct sip_ua *ua;
	struct sub_conf conf; /* ops NULL: nobody listens any more */
	char *event, *lines;
	struct tp_dest *dest;
	bool notifier, refer, shared; /* shared: the dialog is another usage's */
	struct sip_usage usage;
	struct dlg *dlg;
	uint32_t id; /* REFER's CSeq */
	enum sub_state state;
	struct tp_flow *flow;
	struct sip_req *req; /* our SUBSCRIBE */
	char *type, *body;   /* of it */
	size_t nbody;
	char *again; /* header lines for a repeat */
	struct tmr timer, expiry, reap;
	uint32_t expires;
	bool notified, stopping, ended, retried;
};

static struct slice event_name(struct slice v)
{
	return slice_trim(slice_sub(v, 0, slice_chr(v, ';')));
}

static bool event_is(const struct sub *s, const struct sip_msg *req)
{
	struct slice v = sip_msg_value(req, SIP_H_EVENT), id;
	size_t semi = slice_chr(v, ';');
	uint32_t n;

	if (!slice_ieq(event_name(v), event_name(slice_str(s->event))))
		return false;
	if (!s->refer || !sip_param_find(slice_sub(v, semi, v.n), SLICE_LIT("id"), &id))
		return true;
	return slice_u32(id, UINT32_MAX, &n) == 0 && n == s->id;
}

static bool takes(struct sip_usage *u, const struct sip_msg *req)
{
	struct sub *s = CONTAINER_OF(u, struct sub, usage);

	return (req->method == SIP_M_NOTIFY || req->method == SIP_M_BENOTIFY
	               ? !s->notifier
	               : req->method == SIP_M_SUBSCRIBE && s->notifier) &&
	       event_is(s, req);
}

static void set_flow(struct sub *s, struct tp_flow *f)
{
	if (!f || f == s->flow)
		return;
	tp_flow_ref(f);
	tp_flow_unref(s->flow);
	s->flow = f;
}

/* ---- life ---- */

static void destroy(struct sub *s)
{
	sip_ua_remove(s->ua, &s->usage);
	sip_req_forget(s->req);
	tmr_stop(&s->timer);
	tmr_stop(&s->expiry);
	tmr_stop(&s->reap);
	tp_flow_unref(s->flow);
	if (!s->shared)
		dlg_free(s->dlg);
	list_remove(&s->node);
	free(s->event);
	free(s->lines);
	free(s->dest);
	free(s->type);
	free(s->body);
	free(s->again);
	free(s);
}

static void on_reap(struct tmr *t, void *ctx)
{
	(void)t;
	destroy(ctx);
}

void sub_free(struct sub *s)
{
	if (!s || !s->conf.ops)
		return;
	s->conf.ops = NULL;
	sip_ua_remove(s->ua, &s->usage);
	sip_req_forget(s->req);
	s->req = NULL;
	tmr_stop(&s->timer);
	tmr_stop(&s->expiry);
	if (s->shared)
		s->dlg = NULL;
	tmr_start(&s->reap, 0); /* a callback of ours may be on the stack */
}

void sub_end_all(struct sip_ua *ua)
{
	while (!list_empty(&ua->subs))
		destroy(LIST_ENTRY(ua->subs.next, struct sub, node));
}

/* The last word to the owner, who does not free afterwards. */
static void end(struct sub *s, struct slice reason, uint32_t retry_s)
{
	const struct sub_ops *ops = s->conf.ops;

	if (s->ended || !ops)
		return;
	s->ended = true;
	s->state = SUB_TERMINATED;
	if (ops->ended)
		ops->ended(s->conf.ctx, s, reason, retry_s);
	sub_free(s);
}

/* ---- subscriber ---- */

static int send_subscribe(struct sub *s, uint32_t expires);

static void on_subscribe(
    void *ctx, struct sip_req *r, enum sip_req_ev ev, const struct sip_msg *rsp, int err)
{
	struct sub *s = ctx;
	uint32_t n;

	set_flow(s, sip_req_flow(r));
	if (ev == SIP_REQ_DONE) {
		if (s->req == r)
			s->req = NULL;
		return;
	}
	if (ev == SIP_REQ_FAIL) {
		if (s->conf.ops->reply)
			s->conf.ops->reply(s->conf.ctx, s, NULL, err);
		if (s->conf.ops)
			end(s, SLICE_LIT("timeout"), 0);
		return;
	}
	if (rsp->status < 200)
		return;
	if (rsp->status >= 300) {
		if (rsp->status == 423 && !s->retried &&
		    sip_msg_u32(rsp, SIP_H_MIN_EXPIRES, EXPIRES_MAX, &n) == 0) {
			s->retried = true;
			s->conf.expires = n;
			s->req = NULL;
			if (send_subscribe(s, n) == 0)
				return;
		}
		if (sip_msg_u32(rsp, SIP_H_RETRY_AFTER, EXPIRES_MAX, &n))
			n = 0;
		bool challenge = rsp->status == 401 || rsp->status == 407;
		s->retried = false;
		if (challenge)
			tmr_start(&s->timer, NOTIFY_MS); /* the owner may find credentials */
		if (s->conf.ops->reply)
			s->conf.ops->reply(s->conf.ctx, s, rsp, 0);
		if (s->conf.ops && !challenge)
			end(s, rsp->status == 481 ? SLICE_LIT("lost") : SLICE_LIT("rejected"), n);
		return;
	}
	s->retried = false;
	if (s->conf.once) {
		s->notified |= rsp->body.n != 0;
		tmr_start(&s->timer, NOTIFY_MS);
		if (s->conf.ops->reply)
			s->conf.ops->reply(s->conf.ctx, s, rsp, 0);
		if (s->conf.ops && s->notified)
			end(s, SLICE_LIT("fetched"), 0);
		return;
	}
	bool theirs = dlg_on_reply(s->dlg, rsp) != ERR_NOTFOUND;
	if (!theirs && s->expires)
		return; /* another fork's; the first NOTIFY decided, and told the time */
	if (theirs)
		dlg_refresh(s->dlg, rsp);
	if (s->stopping)
		return;
	if (sip_msg_u32(rsp, SIP_H_EXPIRES, EXPIRES_MAX, &n))
		n = s->conf.expires;
	s->expires = n < 10 ? 10 : n;
	if (rsp->body.n) /* LYNC: the first notification rides on the response */
		s->notified = true;
	if (s->notified)
		tmr_start(&s->timer, (uint64_t)s->expires * (750 + id_below(150)));
	else
		tmr_start(&s->timer, NOTIFY_MS);
	if (s->conf.ops->reply)
		s->conf.ops->reply(s->conf.ctx, s, rsp, 0);
}

static int send_subscribe(struct sub *s, uint32_t expires)
{
	struct wr w = sip_ua_text(s->ua);
	struct sip_req_conf c = { .method = SIP_M_SUBSCRIBE,
		.next_hop = dlg_next_hop(s->dlg),
		.flow = s->flow && tp_flow_alive(s->flow) ? s->flow : NULL,
		.dest = s->dest,
		.ndest = s->dest ? s->conf.ndest : 0,
		.try_ms = s->conf.try_ms,
		.key = s->conf.key,
		.owner = s->conf.owner };
	int err = ERR_LIMIT;

	dlg_put_request(s->dlg, &w, SLICE_LIT("SUBSCRIBE"), 0);
	sip_put_hdr(&w, SIP_H_EVENT, slice_str(s->event));
	sip_put_u32(&w, SIP_H_EXPIRES, expires);
	if (s->ua->agent)
		sip_put_hdr(&w, SIP_H_USER_AGENT, slice_str(s->ua->agent));
	wr_str(&w, s->lines);
	if (s->again)
		wr_str(&w, s->again);
	sip_put_body(&w, slice_str(s->type), (struct slice){ s->body, s->nbody });
	c.msg = wr_slice(&w);
	sip_req_forget(s->req);
	s->req = NULL;
	if (!w.bad)
		err = sip_req_send(s->ua, &c, on_subscribe, s, &s->req);
	sip_ua_text_drop(&w);
	mem_free_wiped(s->again, s->again ? strlen(s->again) : 0);
	s->again = NULL;
	return err;
}

static void on_timer(struct tmr *t, void *ctx)
{
	struct sub *s = ctx;

	(void)t;
	if (s->notifier) {
		if (s->conf.ops->fetch)
			s->conf.ops->fetch(s->conf.ctx, s, s->expires);
		return;
	}
	if (!s->notified || s->stopping || s->conf.once) {
		end(s, SLICE_LIT("timeout"), 0);
		return;
	}
	if (send_subscribe(s, s->conf.expires))
		end(s, SLICE_LIT("lost"), 0);
}

static void on_notify(struct sub *s, struct tx *tx, const struct sip_msg *req)
{
	struct slice state = sip_msg_value(req, SIP_H_SUBSCRIPTION_STATE), v,
	             params = slice_sub(state, slice_chr(state, ';'), state.n),
	             word = slice_trim(slice_sub(state, 0, slice_chr(state, ';')));
	uint32_t n = 0;

	bool mute = req->method == SIP_M_BENOTIFY;
	if (dlg_by_notify(s->dlg, req)) {
		if (mute)
			tx_ignore(tx);
		else
			(void)tx_refuse(tx, 400, "Contact not usable");
		return;
	}
	if (mute)
		tx_ignore(tx);
	else
		(void)tx_refuse(tx, 200, NULL);
	if (!s->notified && !s->stopping && s->expires)
		tmr_start(&s->timer, (uint64_t)s->expires * (750 + id_below(150)));
	s->notified = true;
	bool over = slice_ieq(word, SLICE_LIT("terminated"));
	if (!over) {
		s->state = slice_ieq(word, SLICE_LIT("pending")) ? SUB_PENDING : SUB_ACTIVE;
		if (sip_param_find(params, SLICE_LIT("expires"), &v) &&
		    slice_u32(v, EXPIRES_MAX, &n) == 0 && n >= 10 && !s->stopping &&
		    (n < s->expires || !s->expires)) {
			s->expires = n;
			tmr_start(&s->timer, (uint64_t)n * (750 + id_below(150)));
		}
	}
	if (s->conf.ops->notify)
		s->conf.ops->notify(s->conf.ctx, s, req);
	if (!over || !s->conf.ops)
		return;
	struct slice reason;
	if (!sip_param_find(params, SLICE_LIT("reason"), &reason))
		reason = SLICE_LIT("noresource");
	n = 0;
	if (sip_param_find(params, SLICE_LIT("retry-after"), &v))
		(void)!slice_u32(v, EXPIRES_MAX, &n);
	end(s, reason, n);
}

/* ---- notifier ---- */

static uint32_t wanted(const struct sub *s, const struct sip_msg *req)
{
	uint32_t n;

	if (sip_msg_u32(req, SIP_H_EXPIRES, UINT32_MAX, &n))
		n = s->conf.expires;
	return n < s->conf.expires ? n : s->conf.expires;
}

static void on_expiry(struct tmr *t, void *ctx)
{
	struct sub *s = ctx;
	struct slice none = { 0 };

	(void)t;
	if (s->conf.ops->fetch) {
		s->expires = 0;
		s->conf.ops->fetch(s->conf.ctx, s, 0);
	}
	if (s->conf.ops && s->state != SUB_TERMINATED)
		(void)!sub_notify(s, SUB_TERMINATED, SLICE_LIT("timeout"), none, none);
	end(s, SLICE_LIT("timeout"), 0);
}

static void accepted(struct sub *s, struct tx *tx, const struct sip_msg *req, unsigned status)
{
	char lines[600];
	struct wr w = wr_of(lines, sizeof(lines));

	s->expires = wanted(s, req);
	sip_put_hdr(&w, SIP_H_CONTACT, slice_str(s->dlg->contact));
	sip_put_u32(&w, SIP_H_EXPIRES, s->expires);
	(void)tx_reply(tx, status, SLICE_LIT(""), wr_slice(&w), SLICE_LIT(""), SLICE_LIT(""));
	if (s->expires == 0)
		tmr_start(&s->expiry, 0);
	else {
		tmr_start(&s->expiry, (uint64_t)s->expires * 1000);
		tmr_start(&s->timer, 0);
	}
}

static void on_notified(
    void *ctx, struct sip_req *r, enum sip_req_ev ev, const struct sip_msg *rsp, int err)
{
	struct sub *s = ctx;

	(void)err;
	if (ev == SIP_REQ_DONE) {
		if (s->req == r)
			s->req = NULL;
	} else if (ev == SIP_REQ_FAIL || rsp->status == 481 || rsp->status == 489) {
		end(s, SLICE_LIT("lost"), 0);
	}
}

int sub_notify(
    struct sub *s, enum sub_state state, struct slice reason, struct slice type, struct slice body)
{
	static const char *const names[] = { "pending", "active", "terminated" };
	struct wr w;
	int err = ERR_LIMIT;

	if (!s->notifier || s->state == SUB_TERMINATED || !s->dlg)
		return ERR_STATE;
	w = sip_ua_text(s->ua);
	dlg_put_request(s->dlg, &w, SLICE_LIT("NOTIFY"), 0);
	if (s->refer)
		sip_put_hdr_fmt(&w, SIP_H_EVENT, "%s;id=%u", s->event, s->id);
	else
		sip_put_hdr(&w, SIP_H_EVENT, slice_str(s->event));
	if (state == SUB_TERMINATED)
		sip_put_hdr_fmt(&w, SIP_H_SUBSCRIPTION_STATE, "terminated;reason=%.*s",
		    (int)reason.n, reason.p ? reason.p : "");
	else
		sip_put_hdr_fmt(&w, SIP_H_SUBSCRIPTION_STATE, "%s;expires=%u", names[state],
		    (unsigned)(tmr_left(&s->expiry) / 1000));
	if (s->ua->agent)
		sip_put_hdr(&w, SIP_H_USER_AGENT, slice_str(s->ua->agent));
	sip_put_body(&w, type, body);
	struct sip_req_conf c = { .method = SIP_M_NOTIFY,
		.msg = wr_slice(&w),
		.next_hop = dlg_next_hop(s->dlg),
		.flow =
		    s->flow && tp_flow_alive(s->flow) && tp_flow_reliable(s->flow) ? s->flow : NULL,
		.key = s->conf.key,
		.owner = s->conf.owner };
	sip_req_forget(s->req);
	s->req = NULL;
	if (!w.bad)
		err = sip_req_send(s->ua, &c, on_notified, s, &s->req);
	sip_ua_text_drop(&w);
	if (err)
		return err;
	s->state = state;
	if (state == SUB_TERMINATED) {
		tmr_stop(&s->expiry);
		tmr_stop(&s->timer);
		sip_ua_remove(s->ua, &s->usage);
	}
	return 0;
}

static void on_request(
    struct sip_usage *u, struct tx *tx, const struct sip_msg *req, struct tp_flow *f)
{
	struct sub *s = CONTAINER_OF(u, struct sub, usage);

	if (!tx)
		return;
	set_flow(s, f);
	tx_set_owner(tx, s->conf.owner);
	if (!takes(u, req) && req->method == SIP_M_BENOTIFY)
		tx_ignore(tx);
	else if (!takes(u, req))
		(void)tx_refuse(tx, req->method == SIP_M_NOTIFY ? 489 : 481, NULL);
	else if (s->notifier)
		accepted(s, tx, req, 200);
	else
		on_notify(s, tx, req);
}

/* ---- making ---- */

static struct sub *make(struct sip_ua *ua, const struct sub_conf *c, struct dlg *d)
{
	struct sub *s = mem_new(sizeof(*s));

	s->ua = ua;
	s->conf = *c;
	s->conf.expires = c->expires ? c->expires : EXPIRES;
	s->event = slice_dup(c->event);
	s->lines = slice_dup(c->lines);
	s->dest = c->ndest ? mem_dup(c->dest, c->ndest * sizeof(*c->dest)) : NULL;
	s->dlg = s->usage.dlg = d;
	s->usage.request = on_request;
	s->usage.takes = takes;
	set_flow(s, c->flow);
	tmr_init(&s->timer, ua->wheel, on_timer, s);
	tmr_init(&s->expiry, ua->wheel, on_expiry, s);
	tmr_init(&s->reap, ua->wheel, on_reap, s);
	list_append(&ua->subs, &s->node);
	sip_ua_add(ua, &s->usage);
	return s;
}

int sub_out(struct sip_ua *ua, const struct sub_conf *c, struct dlg *d, struct slice type,
    struct slice body, struct sub **out)
{
	struct sub *s = make(ua, c, d);
	int err;

	*out = NULL;
	s->type = slice_dup(type);
	s->body = mem_dup(body.p ? body.p : "", body.n);
	s->nbody = body.n;
	err = send_subscribe(s, c->once ? 0 : s->conf.expires);
	if (err)
		destroy(s);
	else
		*out = s;
	return err;
}

int sub_retry(struct sub *s, struct slice lines)
{
	if (s->notifier || s->ended)
		return ERR_STATE;
	tmr_stop(&s->timer);
	s->again = slice_dup(lines);
	return send_subscribe(s, s->stopping || s->conf.once ? 0 : s->conf.expires);
}

void sub_stop(struct sub *s)
{
	if (s->notifier || s->stopping || s->ended)
		return;
	s->stopping = true;
	tmr_start(&s->timer, send_subscribe(s, 0) ? 0 : NOTIFY_MS);
}

int sub_in(struct sip_ua *ua, const struct sub_conf *c, struct tx *tx, struct slice contact,
    struct sub **out)
{
	const struct sip_msg *req = tx_req(tx);
	struct sub *s;
	struct dlg *d;

	*out = NULL;
	if (dlg_uas_new(req, slice_str(tx_to_tag(tx)), contact, &d)) {
		(void)tx_refuse(tx, 400, "Contact or Record-Route not usable");
		return ERR_SYNTAX;
	}
	d->state = DLG_CONFIRMED;
	s = make(ua, c, d);
	s->notifier = true;
	if (!s->flow)
		set_flow(s, tx_flow(tx));
	tx_set_owner(tx, c->owner);
	if (req->method == SIP_M_REFER) {
		s->refer = true;
		s->id = req->cseq;
	}
	accepted(s, tx, req, req->method == SIP_M_REFER ? 202 : 200);
	*out = s;
	return 0;
}

static int refer(struct sip_ua *ua, const struct sub_conf *c, struct dlg *d, uint32_t cseq,
    bool notifier, struct sub **out)
{
	struct sub *s = make(ua, c, d);

	s->shared = s->refer = true;
	s->notifier = notifier;
	s->id = cseq;
	s->expires = s->conf.expires;
	if (notifier)
		tmr_start(&s->expiry, (uint64_t)s->expires * 1000);
	else
		tmr_start(&s->timer, NOTIFY_MS);
	*out = s;
	return 0;
}

int sub_refer_in(struct sip_ua *ua, const struct sub_conf *c, struct dlg *d, uint32_t refer_cseq,
    struct sub **out)
{
	return refer(ua, c, d, refer_cseq, true, out);
}

int sub_refer_out(struct sip_ua *ua, const struct sub_conf *c, struct dlg *d, uint32_t refer_cseq,
    struct sub **out)
{
	return refer(ua, c, d, refer_cseq, false, out);
}

struct dlg *sub_dlg(struct sub *s)
{
	return s->dlg;
}
