/* Requests and subscriptions that presenced has us make for users: SERVICE, PUBLISH, MESSAGE, SUBSCRIBE. presenced knows
 * no SIP; connections, authentication and dialogs are here. */
#include <stdlib.h>
#include <string.h>

#include "call.pb-c.h"
#include "common/log.h"
#include "common/mem.h"
#include "pres.pb-c.h"
#include "sipd/auth.h"
#include "sipd/dect_pb.h"
#include "sipd/pres.h"
#include "sipd/reg.h"
#include "sipd/sip_build.h"
#include "sipd/sub.h"

#define HEADERS_MAX 16
#define LINES_MAX   4096
#define OPEN_MAX    16384 /* requests under way, and subscriptions, of all users */
#define AUTHS_MAX   2

struct pres_reqs {
	struct list sends, subs;
	unsigned n;
};

struct psend {
	struct list node;
	struct sipd *s;
	struct user *user;
	struct ipc_ticket *ticket;
	struct sip_req *req;
	struct auth_req *auth;
	char *method, *target, *lines, *type, *body;
	size_t nbody;
	char call_id[27], tag[14];
	uint32_t cseq;
	unsigned auths;
};

struct psub {
	struct list node;
	struct sipd *s;
	struct user *user;
	uint64_t id;
	struct ipc_ticket
	    *ticket;        /* waits for the first answer, or for the end of an unsubscription */
	bool leaving, told; /* told: a notification came, maybe before the answer */
	struct sub *sub;
	struct auth_req *auth;
	char *event, *target, *body;
	size_t nbody;
	unsigned auths;
};

static struct slice data(ProtobufCBinaryData d)
{
	return (struct slice){ (const char *)d.data, d.len };
}

static ProtobufCBinaryData bytes(struct slice s)
{
	return (ProtobufCBinaryData){ s.n, (uint8_t *)(uintptr_t)s.p };
}

static struct pres_reqs *reqs_of(struct sipd *s)
{
	if (!s->pres) {
		s->pres = mem_new(sizeof(*s->pres));
		list_init(&s->pres->sends);
		list_init(&s->pres->subs);
	}
	return s->pres;
}

/* ---- header lines of presenced's ---- */

static bool clean(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' && s.p[i] != '\t')
			return false;
	return true;
}

/* What is ours to write: identity, routing and framing are not presenced's business. */
static bool ours(struct slice name)
{
	switch (sip_hdr_id(name)) {
	case SIP_H_VIA:
	case SIP_H_FROM:
	case SIP_H_TO:
	case SIP_H_CALL_ID:
	case SIP_H_CSEQ:
	case SIP_H_CONTACT:
	case SIP_H_CONTENT_LENGTH:
	case SIP_H_CONTENT_TYPE:
	case SIP_H_MAX_FORWARDS:
	case SIP_H_ROUTE:
	case SIP_H_RECORD_ROUTE:
	case SIP_H_AUTHORIZATION:
	case SIP_H_PROXY_AUTHORIZATION:
	case SIP_H_P_ASSERTED_IDENTITY:
		return true;
	default:
		return false;
	}
}

static int put_headers(struct wr *w, Pres__Header *const *h, size_t n)
{
	if (n > HEADERS_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < n; i++) {
		struct slice name = data(h[i]->name), value = data(h[i]->value);
		struct cur c = cur_of(name);
		struct slice token = cur_token(&c);
		if (!token.n || !cur_done(&c) || !clean(value) || ours(name))
			return ERR_SYNTAX;
		sip_put_named(w, name, value);
	}
	return w->bad ? ERR_LIMIT : 0;
}

static bool uri_ok(struct slice s)
{
	struct sip_uri u;

	return clean(s) && slice_chr(s, ' ') == s.n && sip_uri_parse(&u, s) == 0 &&
	       u.scheme != SIP_SCHEME_OTHER;
}

/* ---- requests ---- */

static void drop_send(struct psend *p)
{
	sip_req_forget(p->req);
	auth_cancel(p->auth);
	list_remove(&p->node);
	p->s->pres->n--;
	free(p->method);
	free(p->target);
	free(p->lines);
	free(p->type);
	free(p->body);
	free(p);
}

static void answer_send(struct psend *p, const struct sip_msg *rsp, uint32_t code)
{
	static const enum sip_hdr_id told[] = { SIP_H_SIP_ETAG, SIP_H_EXPIRES, SIP_H_MIN_EXPIRES,
		SIP_H_RETRY_AFTER, SIP_H_MS_DIAGNOSTICS, SIP_H_MS_DIAGNOSTICS_PUBLIC };
	Pres__Sent sent = PRES__SENT__INIT;
	Pres__Header h[ARRAY_LEN(told)], *ptr[ARRAY_LEN(told)];

	sent.code = rsp ? rsp->status : code;
	sent.header = ptr;
	if (rsp) {
		sent.has_phrase = 1;
		sent.phrase = bytes(rsp->reason);
		struct slice type = sip_msg_value(rsp, SIP_H_CONTENT_TYPE);
		if (rsp->body.n && type.n) {
			sent.has_content_type = sent.has_body = 1;
			sent.content_type = bytes(type);
			sent.body = bytes(rsp->body);
		}
		for (size_t i = 0; i < ARRAY_LEN(told); i++) {
			const struct sip_hdr *x = sip_msg_hdr(rsp, told[i]);
			if (!x)
				continue;
			pres__header__init(&h[i]);
			h[i].name = bytes(sip_hdr_name(told[i]));
			h[i].value = bytes(x->value);
			ptr[sent.n_header++] = &h[i];
		}
	}
	ipc_ticket_reply(p->ticket, &sent.base);
	p->ticket = NULL;
	drop_send(p);
}

static int send_request(struct psend *p, struct slice credentials);

static void on_send_credentials(void *ctx, int err, struct slice lines)
{
	struct psend *p = ctx;

	p->auth = NULL;
	if (err || send_request(p, lines))
		answer_send(p, NULL, err == ERR_AUTH ? 401 : 503);
}

static void on_sent(
    void *ctx, struct sip_req *r, enum sip_req_ev ev, const struct sip_msg *rsp, int err)
{
	struct psend *p = ctx;

	if (ev == SIP_REQ_DONE) {
		p->req = NULL;
		return;
	}
	if (ev == SIP_REQ_FAIL) {
		sip_req_forget(r);
		p->req = NULL;
		reg_suspect(p->s, p->user, "a request got no answer from the proxy");
		answer_send(p, NULL, err == ERR_TIMEOUT ? 408 : 503);
		return;
	}
	if (rsp->status < 200)
		return;
	sip_req_forget(r);
	p->req = NULL;
	if ((rsp->status == 401 || rsp->status == 407) && p->auths++ < AUTHS_MAX &&
	    auth_answer(p->s, p->user, rsp, slice_str(p->method), slice_str(p->target),
	        (struct slice){ p->body, p->nbody }, on_send_credentials, p, &p->auth) == 0)
		return;
	if (rsp->status == 481) /* outside of a dialog: the server lost the registration */
		reg_suspect(p->s, p->user, "the server does not know this endpoint any more");
	answer_send(p, rsp, 0);
}

static int send_request(struct psend *p, struct slice credentials)
{
	struct sipd *s = p->s;
	struct tp_flow *f = reg_flow(s, p->user);
	struct slice route[REG_ROUTES_MAX];
	unsigned nroute = reg_routes(p->user, route);
	char aor[512], contact[320];
	struct wr wa = wr_of(aor, sizeof(aor)), wc = wr_of(contact, sizeof(contact)), w;
	size_t cap = 6144 + strlen(p->lines) + p->nbody + credentials.n;
	int err = ERR_LIMIT;

	/* What an unregistered user has published is taken back (RFC 3903 needs no registration). */
	const char *hop =
	    !f && !s->conf->lync && sip_method_id(slice_str(p->method)) == SIP_M_PUBLISH
	        ? reg_hop(s, p->user)
	        : NULL;
	if (!f && !hop)
		return ERR_LOST;
	char *buf = mem_grow(NULL, cap, 1);
	w = wr_of(buf, cap);
	sipd_put_from(s, &wa, p->user);
	if (f)
		sipd_put_dialog_contact(s, &wc, p->user, f);
	sip_put_request(&w, slice_str(p->method), slice_str(p->target));
	for (unsigned i = 0; i < nroute; i++)
		sip_put_hdr(&w, SIP_H_ROUTE, route[i]);
	sip_put_u32(&w, SIP_H_MAX_FORWARDS, s->conf->max_forwards);
	sip_put_hdr_fmt(&w, SIP_H_FROM, "%.*s;tag=%s", (int)wa.n, aor, p->tag);
	sip_put_hdr_fmt(&w, SIP_H_TO, "<%s>", p->target);
	sip_put_hdr(&w, SIP_H_CALL_ID, slice_str(p->call_id));
	sip_put_cseq(&w, ++p->cseq, slice_str(p->method));
	if (f)
		sip_put_hdr(&w, SIP_H_CONTACT, wr_slice(&wc));
	sip_put_hdr(&w, SIP_H_USER_AGENT, slice_str(s->conf->agent));
	wr_str(&w, p->lines);
	wr_slice_add(&w, credentials);
	sip_put_body(&w, slice_str(p->type), (struct slice){ p->body, p->nbody });
	struct sip_req_conf c = { .method = sip_method_id(slice_str(p->method)),
		.msg = wr_slice(&w),
		.flow = f,
		.next_hop = slice_str(hop ? hop : ""),
		.try_ms = s->conf->transaction_ms,
		.owner = reg_owner(p->user) };
	if (!w.bad && !wa.bad && !wc.bad)
		err = sip_req_send(s->ua, &c, on_sent, p, &p->req);
	free(buf);
	tp_flow_unref(f);
	return err;
}

static int refuse(struct ipc_peer *peer, struct ipc_msg *m, uint32_t code)
{
	Pres__Sent sent = PRES__SENT__INIT;

	sent.code = code;
	return ipc_reply(peer, m, &sent.base);
}

int pres_on_send(struct ipc_peer *peer, struct ipc_msg *m)
{
	const Pres__Send *q = IPC_BODY(m, Pres__Send);
	struct sipd *s = sipd_of(daemon_of(peer));
	struct pres_reqs *all = reqs_of(s);
	struct user *u = users_find(s->users, slice_str(q->user));
	char lines[LINES_MAX], self[400];
	struct wr w = wr_of(lines, sizeof(lines)), wt = wr_of(self, sizeof(self));
	struct slice target;

	if (!u)
		return ipc_fail(peer, m, ERR_NOTFOUND, "there is no such user");
	switch (sip_method_id(data(q->method))) {
	case SIP_M_SERVICE:
	case SIP_M_PUBLISH:
	case SIP_M_MESSAGE:
	case SIP_M_OPTIONS:
	case SIP_M_INFO:
		break;
	default:
		return ipc_fail(peer, m, ERR_DENIED, "not a method for presenced");
	}
	sipd_put_aor(s, &wt, u, false);
	target = q->has_target ? data(q->target) : slice_sub(wr_slice(&wt), 1, wt.n - 2);
	if (wt.bad || !uri_ok(target) || put_headers(&w, q->header, q->n_header) ||
	    !clean(data(q->content_type)) || q->body.len > SIP_BODY_MAX)
		return ipc_fail(peer, m, ERR_SYNTAX, "target, header or body not usable");
	if (all->n >= OPEN_MAX)
		return ipc_fail(peer, m, ERR_BUSY, "too many requests under way");
	struct psend *p = mem_new(sizeof(*p));
	p->s = s;
	p->user = u;
	p->method = slice_dup(data(q->method));
	p->target = slice_dup(target);
	p->lines = slice_dup(wr_slice(&w));
	p->type = slice_dup(q->has_content_type ? data(q->content_type) : SLICE_LIT(""));
	p->body = mem_dup(q->body.len ? (const char *)q->body.data : "", q->body.len);
	p->nbody = q->body.len;
	sip_token(p->call_id, 13);
	sip_token(p->tag, 6);
	list_append(&all->sends, &p->node);
	all->n++;
	if (send_request(p, SLICE_LIT(""))) {
		drop_send(p);
		return refuse(peer, m, 503);
	}
	p->ticket = ipc_defer(peer, m);
	return 0;
}

/* ---- subscriptions ---- */

static void drop_sub(struct psub *p)
{
	sub_free(p->sub);
	auth_cancel(p->auth);
	list_remove(&p->node);
	p->s->pres->n--;
	free(p->event);
	free(p->target);
	free(p->body);
	free(p);
}

static void tell_notify(
    struct psub *p, struct slice state, struct slice type, struct slice body, bool ended)
{
	struct ipc_peer *peer = ipc_find(p->s->d->ipc, IPC_PRESENCED, 0);
	Pres__Notify n = PRES__NOTIFY__INIT;

	if (!peer)
		return;
	n.user = p->user->f[USER_NAME];
	n.id = p->id;
	n.event = bytes(slice_str(p->event));
	n.has_state = state.n != 0;
	n.state = bytes(state);
	n.has_content_type = n.has_body = body.n && type.n;
	n.content_type = bytes(type);
	n.body = bytes(body);
	n.has_ended = ended;
	n.ended = ended;
	(void)ipc_event(peer, IPC_IF_PRES, PRES__TYPE__PRES_NOTIFY, &n.base);
}

/* The first answer, which presenced waits for. */
static void answer_sub(struct psub *p, const struct sip_msg *rsp, uint32_t code)
{
	Pres__Subscribed r = PRES__SUBSCRIBED__INIT;
	uint32_t n;

	if (!p->ticket || p->leaving)
		return;
	r.code = rsp ? rsp->status : code;
	if (rsp) {
		struct slice type = sip_msg_value(rsp, SIP_H_CONTENT_TYPE);
		r.has_phrase = 1;
		r.phrase = bytes(rsp->reason);
		r.has_content_type = r.has_body = rsp->body.n && type.n;
		r.content_type = bytes(type);
		r.body = bytes(rsp->body);
		if (sip_msg_u32(rsp, SIP_H_EXPIRES, 864000, &n) == 0) {
			r.has_expires_s = 1;
			r.expires_s = n;
		}
	}
	ipc_ticket_reply(p->ticket, &r.base);
	p->ticket = NULL;
}

static void on_notify(void *ctx, struct sub *sub, const struct sip_msg *req)
{
	struct psub *p = ctx;

	(void)sub;
	p->told = true;
	tell_notify(p, sip_msg_value(req, SIP_H_SUBSCRIPTION_STATE),
	    sip_msg_value(req, SIP_H_CONTENT_TYPE), req->body, false);
}

static void on_sub_credentials(void *ctx, int err, struct slice lines)
{
	struct psub *p = ctx;

	p->auth = NULL;
	if (!err && p->sub && sub_retry(p->sub, lines) == 0)
		return;
	answer_sub(p, NULL, err == ERR_AUTH ? 401 : 503);
	tell_notify(p, SLICE_LIT("terminated;reason=rejected"), SLICE_LIT(""), SLICE_LIT(""), true);
	drop_sub(p);
}

static void on_sub_reply(void *ctx, struct sub *sub, const struct sip_msg *rsp, int err)
{
	struct psub *p = ctx;

	(void)sub;
	(void)err;
	if (rsp && (rsp->status == 401 || rsp->status == 407) && p->auths++ < AUTHS_MAX &&
	    !p->auth &&
	    auth_answer(p->s, p->user, rsp, SLICE_LIT("SUBSCRIBE"), slice_str(p->target),
	        (struct slice){ p->body, p->nbody }, on_sub_credentials, p, &p->auth) == 0)
		return;
	if (rsp && rsp->status < 300)
		p->auths = 0;
	answer_sub(p, rsp, err == ERR_TIMEOUT ? 408 : 503);
}

static void on_sub_ended(void *ctx, struct sub *sub, struct slice reason, uint32_t retry_s)
{
	struct psub *p = ctx;
	char state[128];
	struct wr w = wr_of(state, sizeof(state));

	(void)sub;
	p->sub = NULL; /* frees itself */
	wr_str(&w, "terminated;reason=");
	wr_slice_add(&w, reason);
	if (retry_s)
		wr_fmt(&w, ";retry-after=%u", retry_s);
	if (p->leaving && p->ticket) {
		Call__Ok ok = CALL__OK__INIT;
		ipc_ticket_reply(p->ticket, &ok.base);
		p->ticket = NULL;
	}
	answer_sub(p, NULL, p->told ? 200 : 408);
	tell_notify(p, w.bad ? SLICE_LIT("") : wr_slice(&w), SLICE_LIT(""), SLICE_LIT(""), true);
	drop_sub(p);
}

static const struct sub_ops ops = {
	.notify = on_notify, .reply = on_sub_reply, .ended = on_sub_ended
};

static struct psub *find_sub(struct sipd *s, const struct user *u, uint64_t id)
{
	LIST_FOREACH(&reqs_of(s)->subs, it)
	{
		struct psub *p = LIST_ENTRY(it, struct psub, node);
		if (p->user == u && p->id == id)
			return p;
	}
	return NULL;
}

static int begin(struct psub *p, const Pres__Subscribe *q, struct slice lines)
{
	struct sipd *s = p->s;
	struct tp_flow *f = reg_flow(s, p->user);
	char local[512], remote[600], contact[320];
	struct wr wl = wr_of(local, sizeof(local)), wm = wr_of(remote, sizeof(remote)),
	          wc = wr_of(contact, sizeof(contact));
	struct slice route[REG_ROUTES_MAX];
	int err = ERR_LIMIT;

	if (!f)
		return ERR_LOST;
	sipd_put_from(s, &wl, p->user);
	wr_fmt(&wm, "<%s>", p->target);
	sipd_put_dialog_contact(s, &wc, p->user, f);
	struct dlg_uac d = { .local = wr_slice(&wl),
		.remote = wr_slice(&wm),
		.ruri = slice_str(p->target),
		.contact = wr_slice(&wc),
		.max_forwards = s->conf->max_forwards,
		.route = route };
	d.nroute = reg_routes(p->user, route);
	struct sub_conf c = { .ops = &ops,
		.ctx = p,
		.owner = reg_owner(p->user),
		.event = slice_str(p->event),
		.expires = q->has_expires_s ? q->expires_s : 0,
		.once = q->has_expires_s && q->expires_s == 0,
		.lines = lines,
		.flow = f,
		.try_ms = s->conf->transaction_ms };
	if (!wl.bad && !wm.bad && !wc.bad)
		err = sub_out(s->ua, &c, dlg_uac_new(&d),
		    q->has_content_type ? data(q->content_type) : SLICE_LIT(""),
		    (struct slice){ p->body, p->nbody }, &p->sub);
	tp_flow_unref(f);
	return err;
}

int pres_on_subscribe(struct ipc_peer *peer, struct ipc_msg *m)
{
	const Pres__Subscribe *q = IPC_BODY(m, Pres__Subscribe);
	struct sipd *s = sipd_of(daemon_of(peer));
	struct pres_reqs *all = reqs_of(s);
	struct user *u = users_find(s->users, slice_str(q->user));
	char lines[LINES_MAX];
	struct wr w = wr_of(lines, sizeof(lines));
	Pres__Subscribed r = PRES__SUBSCRIBED__INIT;

	if (!u)
		return ipc_fail(peer, m, ERR_NOTFOUND, "there is no such user");
	if (!uri_ok(data(q->target)) || !q->event.len || !clean(data(q->event)) ||
	    !clean(data(q->accept)) || !clean(data(q->content_type)) ||
	    q->body.len > SIP_BODY_MAX || put_headers(&w, q->header, q->n_header))
		return ipc_fail(peer, m, ERR_SYNTAX, "target, event, header or body not usable");
	if (find_sub(s, u, q->id))
		return ipc_fail(peer, m, ERR_EXISTS, "this subscription exists");
	if (all->n >= OPEN_MAX)
		return ipc_fail(peer, m, ERR_BUSY, "too many subscriptions");
	if (q->has_accept)
		sip_put_hdr(&w, SIP_H_ACCEPT, data(q->accept));
	struct psub *p = mem_new(sizeof(*p));
	p->s = s;
	p->user = u;
	p->id = q->id;
	p->event = slice_dup(data(q->event));
	p->target = slice_dup(data(q->target));
	p->body = mem_dup(q->body.len ? (const char *)q->body.data : "", q->body.len);
	p->nbody = q->body.len;
	list_append(&all->subs, &p->node);
	all->n++;
	if (w.bad || begin(p, q, wr_slice(&w))) {
		p->sub = NULL;
		drop_sub(p);
		r.code = 503;
		return ipc_reply(peer, m, &r.base);
	}
	p->ticket = ipc_defer(peer, m);
	return 0;
}

int pres_on_unsubscribe(struct ipc_peer *peer, struct ipc_msg *m)
{
	const Pres__Unsubscribe *q = IPC_BODY(m, Pres__Unsubscribe);
	struct sipd *s = sipd_of(daemon_of(peer));
	const struct user *u = users_find(s->users, slice_str(q->user));
	struct psub *p = u ? find_sub(s, u, q->id) : NULL;

	if (!p)
		return ipc_fail(peer, m, ERR_NOTFOUND, "there is no such subscription");
	if (p->leaving || p->ticket)
		return ipc_fail(peer, m, ERR_BUSY, "its first answer is still to come");
	p->leaving = true;
	p->ticket = ipc_defer(peer, m);
	sub_stop(p->sub);
	return 0;
}

/* ---- ends ---- */

static void end_all(struct sipd *s, const struct user *u)
{
	if (!s->pres)
		return;
	LIST_FOREACH(&s->pres->sends, it)
	{
		struct psend *p = LIST_ENTRY(it, struct psend, node);
		if (u && p->user != u)
			continue;
		if (p->ticket)
			ipc_ticket_fail(p->ticket, ERR_LOST, "the user is gone");
		drop_send(p);
	}
	LIST_FOREACH(&s->pres->subs, it)
	{
		struct psub *p = LIST_ENTRY(it, struct psub, node);
		if (u && p->user != u)
			continue;
		if (p->ticket)
			ipc_ticket_fail(p->ticket, ERR_LOST, "the user is gone");
		p->ticket = NULL;
		if (p->sub && !u)
			sub_stop(p->sub); /* a word to the far end; nobody listens */
		drop_sub(p);
	}
}

void pres_reqs_down(struct sipd *s)
{
	end_all(s, NULL);
}

void pres_reqs_user_gone(struct sipd *s, const struct user *u)
{
	end_all(s, u);
}

void pres_reqs_free(struct sipd *s)
{
	end_all(s, NULL);
	free(s->pres);
	s->pres = NULL;
}
