/* Client requests over all that can go wrong below a response. */
#include "sipd/sip_req.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "sipd/sip_auth_hdr.h"
#include "sipd/sip_build.h"
#include "sipd/sip_ua_int.h"

#define CREDENTIALS_MAX 4096
#define CHALLENGES_MAX  4   /* several realms on the way, nonces that are too old */
#define VIA_ROOM        150 /* what our Via and a signature add at least, for the limit of UDP */

struct sip_req {
	struct list node;
	struct sip_ua *ua;
	enum sip_method method;
	char *msg;
	size_t n;
	char *hop;            /* NULL: no URI to fall back to */
	struct tp_dest *dest; /* candidates that are left: at … ndest-1 */
	unsigned at, ndest;
	struct tp_flow *flow;
	struct tx *tx;
	struct resolve_q *q;
	struct tmr later;
	uint32_t try_ms, key;
	uint64_t owner;
	sip_req_h *fn;
	void *ctx;
	int err;
	bool in_call, over, cancelled, got_any, failed;
	unsigned challenges;     /* answered */
	char *credential, *sent; /* sent: credentials in msg */
	struct auth_req *asking;
};

static void try_next(struct sip_req *r, int err);

static void free_req(struct sip_req *r)
{
	list_remove(&r->node);
	tmr_stop(&r->later);
	resolve_cancel(r->q);
	if (r->tx)
		tx_forget(r->tx);
	if (r->asking)
		r->ua->cred.cancel(r->asking);
	tp_flow_unref(r->flow);
	mem_free_wiped(r->msg, r->msg ? r->n : 0);
	free(r->credential);
	free(r->sent);
	free(r->hop);
	free(r->dest);
	free(r);
}

static void call(struct sip_req *r, enum sip_req_ev ev, const struct sip_msg *rsp, int err)
{
	r->in_call = true;
	if (r->fn)
		r->fn(r->ctx, r, ev, rsp, err);
	r->in_call = false;
}

static void done(struct sip_req *r)
{
	r->over = true;
	if (r->tx)
		tx_forget(r->tx);
	r->tx = NULL;
	call(r, SIP_REQ_DONE, NULL, 0);
	free_req(r);
}

static void fail(struct sip_req *r, int err)
{
	if (r->failed)
		return;
	r->failed = true;
	call(r, SIP_REQ_FAIL, NULL, err);
	done(r);
}

static void on_later(struct tmr *t, void *ctx)
{
	struct sip_req *r = ctx;

	(void)t;
	fail(r, r->err);
}

static void fail_later(struct sip_req *r, int err)
{
	r->err = err;
	tmr_start(&r->later, 0);
}

static bool more(const struct sip_req *r)
{
	return !r->cancelled && (r->at < r->ndest || r->hop);
}

/* ---- challenges in dialogs ---- */

static int send_on(struct sip_req *r, struct tp_flow *f);

/* The same with credentials before the body, and the CSeq that is the dialog's next by now (RFC 3261 22.2). */
static int rewrite(struct sip_req *r, struct slice lines)
{
	size_t cap = r->n + lines.n + 32, at, cseq, end;
	struct sip_msg *m = mem_new(sizeof(*m));
	char *scratch = mem_dup(r->msg, r->n), *out = mem_grow(NULL, cap, 1);
	struct wr w = wr_of(out, cap);
	struct slice text = { r->msg, r->n };
	const struct sip_hdr *h;
	struct dlg *d;
	uint32_t next;
	int err = sip_msg_parse(m, scratch, r->n, true);

	(void)err; /* without a Via it is no whole message yet; what is needed is looked at below */
	h = sip_msg_hdr(m, SIP_H_CSEQ);
	if (!h || !m->body.p) {
		err = ERR_SYNTAX;
		goto done;
	}
	d = sip_ua_dialog(r->ua, m->call_id, m->from_tag, m->to_tag);
	next = d ? ++d->local_cseq : m->cseq + 1;
	cseq = (size_t)(h->value.p - scratch);
	at = cseq + h->value.n;
	end = (size_t)(m->body.p - scratch) - 2; /* before the empty line */
	wr_slice_add(&w, slice_sub(text, 0, cseq));
	wr_fmt(&w, "%u ", next);
	wr_slice_add(&w, sip_method_name(r->method));
	wr_slice_add(&w, slice_sub(text, at, end - at - (r->sent ? strlen(r->sent) : 0)));
	wr_slice_add(&w, lines);
	wr_slice_add(&w, slice_sub(text, end, r->n));
	err = w.bad ? ERR_LIMIT : 0;
	if (!err) {
		mem_free_wiped(r->msg, r->n);
		r->msg = out;
		r->n = w.n;
		out = NULL;
	}
done:
	mem_free_wiped(scratch, strlen(scratch));
	free(out);
	free(m);
	return err;
}

static void on_credentials(void *ctx, int err, struct slice lines)
{
	struct sip_req *r = ctx;
	char all[CREDENTIALS_MAX];
	struct wr w = wr_of(all, sizeof(all));

	r->asking = NULL;
	if (!err) {
		sip_auth_merge(&w, slice_str(r->sent), lines);
		err = wr_nul(&w) ? rewrite(r, wr_slice(&w)) : ERR_LIMIT;
	}
	if (!err) {
		free(r->sent);
		r->sent = mem_str(all);
	}
	if (!err && r->flow && tp_flow_alive(r->flow))
		err = send_on(r, r->flow);
	else if (!err)
		err = ERR_LOST;
	if (err)
		fail(r, err);
}

static bool answer_challenge(struct sip_req *r, const struct sip_msg *rsp)
{
	static const char sep[4] = { '\r', '\n', '\r', '\n' };
	struct slice text, uri;
	const char *body;

	if ((rsp->status != 401 && rsp->status != 407) || !r->credential || r->cancelled ||
	    !r->ua->cred.ask || !r->msg)
		return false;
	if (r->challenges && (r->challenges >= CHALLENGES_MAX || !r->sent ||
	                         !sip_auth_fresh(rsp, slice_str(r->sent))))
		return false;
	text = (struct slice){ r->msg, r->n };
	uri = slice_sub(text, 0, slice_chr(text, '\r'));
	uri = slice_sub(uri, slice_chr(uri, ' ') + 1, uri.n);
	uri = slice_sub(uri, 0, slice_chr(uri, ' '));
	body = memmem(r->msg, r->n, sep, sizeof(sep));
	r->challenges++;
	if (r->ua->cred.ask(r->ua->cred_ctx, slice_str(r->credential), rsp,
	        sip_method_name(r->method), uri,
	        body ? slice_sub(text, (size_t)(body - r->msg) + 4, r->n) : SLICE_LIT(""),
	        on_credentials, r, &r->asking))
		return false;
	tx_forget(r->tx);
	r->tx = NULL;
	return true;
}

static void on_reply(struct sip_req *r, const struct sip_msg *rsp)
{
	bool last = rsp->status >= 300 || (rsp->status >= 200 && r->method != SIP_M_INVITE);

	r->got_any = true;
	if (rsp->status == 503 && more(r)) {
		tx_forget(r->tx);
		r->tx = NULL;
		try_next(r, ERR_BUSY);
		return;
	}
	if (answer_challenge(r, rsp))
		return;
	if (rsp->status >=
	    200) { /* the text is not needed any more; forks of a 2xx need no more either */
		free(r->msg);
		r->msg = NULL;
	}
	call(r, SIP_REQ_REPLY, rsp, 0);
	if (last)
		done(r);
}

static void on_tx(
    void *ctx, struct tx *tx, enum tx_client_ev ev, const struct sip_msg *rsp, int err)
{
	struct sip_req *r = ctx;

	(void)tx;
	switch (ev) {
	case TXC_REPLY:
		on_reply(r, rsp);
		break;
	case TXC_TIMEOUT:
	case TXC_LOST:
		tx_forget(r->tx);
		r->tx = NULL;
		if (r->got_any || !more(r))
			fail(r, err);
		else
			try_next(r, err);
		break;
	case TXC_DONE:
		r->tx = NULL;
		done(r);
		break;
	}
}

static int send_on(struct sip_req *r, struct tp_flow *f)
{
	struct tx_request q = { .method = r->method,
		.msg = { r->msg, r->n },
		.owner = r->owner,
		.timeout_ms = r->try_ms };
	int err = tx_send(r->ua->tx, f, &q, on_tx, r, &r->tx);

	if (err)
		return err;
	tp_flow_ref(f);
	tp_flow_unref(r->flow);
	r->flow = f;
	return 0;
}

/* A long request goes over TCP; the UDP candidate stays behind it for peers that refuse the connection. */
static unsigned put_dest(struct sip_req *r, unsigned n, const struct tp_dest *d)
{
	bool too_long = r->n + VIA_ROOM > tp_get_conf(r->ua->tp)->udp_max;

	r->dest[n] = *d;
	r->dest[n].key = d->key ? d->key : r->key;
	if (d->proto == TP_UDP && too_long && r->ua->conf.resolve.tcp_ok) {
		r->dest[n + 1] = r->dest[n];
		r->dest[n++].proto = TP_TCP;
	}
	return n + 1;
}

static void set_dests(struct sip_req *r, const struct tp_dest *d, unsigned n)
{
	free(r->dest);
	r->dest = mem_array(2 * (size_t)n, sizeof(*r->dest));
	r->at = r->ndest = 0;
	for (unsigned i = 0; i < n; i++)
		r->ndest = put_dest(r, r->ndest, &d[i]);
}

static void on_resolved(void *ctx, int err, const struct resolve_result *res)
{
	struct sip_req *r = ctx;

	r->q = NULL;
	if (err) {
		fail(r, err);
		return;
	}
	set_dests(r, res->dest, res->n);
	try_next(r, ERR_NOTFOUND);
}

/* From the URI: at once when it is an address. Errors are told later. */
static void resolve_hop(struct sip_req *r)
{
	struct sip_uri uri;
	struct tp_dest d;

	if (sip_uri_parse(&uri, slice_str(r->hop))) {
		fail_later(r, ERR_SYNTAX);
		return;
	}
	if (resolve_now(r->ua->resolve, &uri, &d)) {
		free(r->hop);
		r->hop = NULL;
		set_dests(r, &d, 1);
		try_next(r, ERR_NOTFOUND);
		return;
	}
	r->q = resolve_uri(r->ua->resolve, &uri, on_resolved, r);
	free(r->hop);
	r->hop = NULL;
}

/* err: why the one before did not do. What fails here is told from the loop. */
static void try_next(struct sip_req *r, int err)
{
	while (!r->cancelled && r->at < r->ndest) {
		struct tp_flow *f;
		int e = tp_flow_to(r->ua->tp, &r->dest[r->at++], &f);
		if (!e) {
			e = send_on(r, f);
			tp_flow_unref(f);
		}
		if (!e)
			return;
		err = e;
	}
	if (!r->cancelled && r->hop) {
		resolve_hop(r);
		return;
	}
	fail_later(r, r->cancelled ? ERR_LOST : err);
}

static void first(struct sip_req *r, const struct sip_req_conf *c)
{
	struct sip_ua *ua = r->ua;

	if (c->flow && tp_flow_alive(c->flow)) {
		bool too_long = !tp_flow_reliable(c->flow) && ua->conf.resolve.tcp_ok &&
		                r->n + VIA_ROOM > tp_get_conf(ua->tp)->udp_max;
		if (too_long) {
			struct tp_dest d = { .proto = TP_UDP };
			const struct sockaddr *sa = tp_flow_remote(c->flow);
			memcpy(&d.addr, sa,
			    sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
			                              : sizeof(struct sockaddr_in));
			set_dests(r, &d, 1);
			try_next(r, ERR_LOST);
			return;
		}
		if (send_on(r, c->flow) == 0)
			return;
	}
	try_next(r, ERR_LOST);
}

int sip_req_send(
    struct sip_ua *ua, const struct sip_req_conf *c, sip_req_h *fn, void *ctx, struct sip_req **out)
{
	struct sip_uri uri;
	struct sip_req *r;

	*out = NULL;
	if (c->next_hop.n && sip_uri_parse(&uri, c->next_hop))
		return ERR_SYNTAX;
	r = mem_new(sizeof(*r));
	r->ua = ua;
	r->method = c->method;
	r->msg = (char *)(uintptr_t)c->msg.p; /* until it is known whether it is sent again */
	r->n = c->msg.n;
	r->hop = c->next_hop.n ? mem_dup(c->next_hop.p, c->next_hop.n) : NULL;
	r->try_ms = c->try_ms;
	r->key = c->key;
	r->owner = c->owner;
	r->credential = c->credential.n ? slice_dup(c->credential) : NULL;
	r->fn = fn;
	r->ctx = ctx;
	tmr_init(&r->later, ua->wheel, on_later, r);
	list_append(&ua->reqs, &r->node);
	*out = r;
	if (c->ndest)
		set_dests(r, c->dest, c->ndest);
	first(r, c);
	r->msg = r->q || more(r) || r->credential ? mem_dup(r->msg, r->n) : NULL;
	return 0;
}

void sip_req_cancel(struct sip_req *r, struct slice lines)
{
	if (r->method != SIP_M_INVITE) {
		sip_req_forget(r);
		return;
	}
	if (r->cancelled || r->over)
		return;
	r->cancelled = true;
	if (r->tx) {
		(void)tx_cancel(r->tx, lines);
		return;
	}
	resolve_cancel(r->q);
	r->q = NULL;
	fail_later(r, ERR_LOST);
}

void sip_req_forget(struct sip_req *r)
{
	if (!r)
		return;
	r->fn = NULL;
	r->ctx = NULL;
}

struct tp_flow *sip_req_flow(const struct sip_req *r)
{
	return r->flow;
}

/* ---- ACK ---- */

struct sip_ack {
	struct list node;
	struct sip_ua *ua;
	struct slice msg; /* a copy while addresses are asked for */
	struct slice sent;
	struct tp_flow *flow;
	struct resolve_q *q;
	uint64_t owner;
	uint32_t key;
};

static void ack_on(struct sip_ack *a, struct tp_flow *f)
{
	if (tx_send_ack(a->ua->tx, f, a->owner, a->msg, &a->sent) == 0)
		a->flow = tp_flow_ref(f);
}

static void ack_to(struct sip_ack *a, const struct tp_dest *d)
{
	struct tp_dest to = *d;
	struct tp_flow *f;

	to.key = to.key ? to.key : a->key;
	if (tp_flow_to(a->ua->tp, &to, &f))
		return;
	ack_on(a, f);
	tp_flow_unref(f);
}

static void on_ack_resolved(void *ctx, int err, const struct resolve_result *res)
{
	struct sip_ack *a = ctx;

	a->q = NULL;
	for (unsigned i = 0; !err && i < res->n && !a->flow; i++)
		ack_to(a, &res->dest[i]);
}

struct sip_ack *sip_ack_send(struct sip_ua *ua, const struct sip_req_conf *c)
{
	struct sip_ack *a = mem_new(sizeof(*a));
	struct sip_uri uri;
	struct tp_dest d;

	a->ua = ua;
	a->msg = c->msg;
	a->owner = c->owner;
	a->key = c->key;
	list_append(&ua->acks, &a->node);
	if (c->flow && tp_flow_alive(c->flow)) {
		ack_on(a, c->flow);
	} else if (sip_uri_parse(&uri, c->next_hop) == 0) {
		if (resolve_now(ua->resolve, &uri, &d))
			ack_to(a, &d);
		else
			a->q = resolve_uri(ua->resolve, &uri, on_ack_resolved, a);
	}
	a->msg.p = a->q ? mem_dup(c->msg.p, c->msg.n) : NULL;
	return a;
}

void sip_ack_again(struct sip_ack *a)
{
	if (a->flow && a->sent.p && tp_flow_alive(a->flow))
		(void)tx_resend(a->ua->tx, a->flow, a->sent);
}

void sip_ack_free(struct sip_ack *a)
{
	if (!a)
		return;
	list_remove(&a->node);
	resolve_cancel(a->q);
	tp_flow_unref(a->flow);
	free((char *)(uintptr_t)a->sent.p);
	free((char *)(uintptr_t)a->msg.p);
	free(a);
}

void sip_req_end_all(struct sip_ua *ua)
{
	while (!list_empty(&ua->reqs))
		free_req(LIST_ENTRY(ua->reqs.next, struct sip_req, node));
	while (!list_empty(&ua->acks))
		sip_ack_free(LIST_ENTRY(ua->acks.next, struct sip_ack, node));
}
