/* The transaction layer: interface, sending, receiving, timers. The machines are in sip_txi.c to sip_rxn.c. */
#include "sipd/tx.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/sip_check.h"
#include "sipd/tx_int.h"

static const struct {
	const struct fsm_def *def;
	uint8_t ev_tperr, ev_retrans;
} kinds[TX_NKIND] = {
	[TX_CLIENT_INVITE] = { &sip_txi_def, TXI_EV_TPERR, TXI_EV_RETRANS },
	[TX_CLIENT] = { &sip_txn_def, TXN_EV_TPERR, TXN_EV_RETRANS },
	[TX_SERVER_INVITE] = { &sip_rxi_def, RXI_EV_TPERR, RXI_EV_RETRANS },
	[TX_SERVER] = { &sip_rxn_def, RXN_EV_TPERR, RXN_NEV },
};

/* ---- layer ---- */

static void set_conf(struct tx_layer *l, const struct tx_conf *c)
{
	l->conf = *c;
	l->conf.t1 = c->t1 ? c->t1 : 500;
	l->conf.t2 = c->t2 ? c->t2 : 4000;
	l->conf.t4 = c->t4 ? c->t4 : 5000;
	l->conf.max_tx = c->max_tx ? c->max_tx : 50000;
}

static void free_tx(struct tx *tx)
{
	list_remove(&tx->node);
	tmr_stop(&tx->state_tmr);
	tmr_stop(&tx->retr_tmr);
	tmr_stop(&tx->cancel_tmr);
	tp_flow_unwatch(&tx->watch);
	tp_flow_unref(tx->flow);
	map_del(&tx->l->table, &tx->key_node);
	map_del(&tx->l->merged, &tx->merge_node);
	free(tx->key);
	free(tx->merge_key);
	free(tx->sent);
	free(tx->ack);
	free(tx->cancel_lines);
	sip_msg_free(tx->req_own);
	free(tx);
}

/* Transactions that have ended go here, when nothing of theirs is on the stack. */
static void on_reap(struct tmr *t, void *ctx)
{
	struct tx_layer *l = ctx;

	(void)t;
	while (!list_empty(&l->dead)) {
		struct tx *tx = LIST_ENTRY(l->dead.next, struct tx, node);

		if (tx->kind <= TX_CLIENT)
			tx_tell(tx, TXC_DONE, NULL, 0);
		else
			tx_tell_server(tx, TXS_DONE, NULL);
		free_tx(tx);
	}
}

struct tx_layer *tx_layer_new(
    const struct tx_conf *conf, struct tmr_wheel *w, const struct tx_ops *ops, void *ctx)
{
	struct tx_layer *l = mem_new(sizeof(*l));

	set_conf(l, conf);
	l->wheel = w;
	l->ops = ops;
	l->ctx = ctx;
	list_init(&l->live);
	list_init(&l->dead);
	tmr_init(&l->reaper, w, on_reap, l);
	return l;
}

void tx_layer_reconf(struct tx_layer *l, const struct tx_conf *conf)
{
	set_conf(l, conf);
}

void tx_layer_free(struct tx_layer *l)
{
	if (!l)
		return;
	LIST_FOREACH(&l->live, it)
	free_tx(LIST_ENTRY(it, struct tx, node));
	LIST_FOREACH(&l->dead, it)
	free_tx(LIST_ENTRY(it, struct tx, node));
	tmr_stop(&l->reaper);
	map_free(&l->table);
	map_free(&l->merged);
	free(l);
}

void tx_get_stats(const struct tx_layer *l, struct tx_stats *out)
{
	*out = l->stats;
}

/* ---- what the machines need ---- */

/* Length of a state's timer: from the configuration and the transport. */
static uint64_t timer_ms(const struct tx *tx, char name)
{
	const struct tx_conf *c = &tx->l->conf;
	uint64_t t = 64u * (uint64_t)c->t1, gone = tmr_now(tx->l->wheel) - tx->started;
	bool reliable = !tx_unreliable(tx);

	switch (name) {
	case 'B':
		return tx->timeout_ms ? tx->timeout_ms : t;
	case 'F':
		if (tx->timeout_ms && !tx->got_1xx)
			t = tx->timeout_ms;
		return t > gone ? t - gone : 0;
	case 'D':
		return reliable ? 0 : t > 32000 ? t : 32000;
	case 'K':
	case 'I':
		return reliable ? 0 : c->t4;
	case 'J':
		return reliable ? 0 : t;
	default: /* H, L, M */
		return t;
	}
}

static void env_timer_start(struct fsm *m, uint32_t ms)
{
	struct tx *tx = tx_of(m);

	(void)ms;
	tmr_start(&tx->state_tmr, timer_ms(tx, m->def->states[m->st].timer[0]));
}

static void env_timer_stop(struct fsm *m)
{
	tmr_stop(&tx_of(m)->state_tmr);
}

static void env_moved(struct fsm *m, int from, int ev, int to)
{
	(void)m;
	(void)from;
	(void)ev;
	(void)to;
}

static void env_done(struct fsm *m)
{
	struct tx *tx = tx_of(m);
	struct tx_layer *l = tx->l;

	tmr_stop(&tx->state_tmr);
	tmr_stop(&tx->retr_tmr);
	tmr_stop(&tx->cancel_tmr);
	map_del(&l->table, &tx->key_node);
	map_del(&l->merged, &tx->merge_node);
	l->stats.live[tx->kind]--;
	list_remove(&tx->node);
	list_append(&l->dead, &tx->node);
	tmr_start(&l->reaper, 0);
}

static const struct fsm_env env = { env_timer_start, env_timer_stop, env_moved, env_done };

static void on_state_timer(struct tmr *t, void *ctx)
{
	struct tx *tx = ctx;

	(void)t;
	if (tx->kind == TX_SERVER_INVITE || tx->kind == TX_SERVER || tx->final == 0)
		tx->l->stats.timeouts += tx->kind <= TX_CLIENT;
	(void)fsm_event(&tx->m, tx->m.def->ev_timer, NULL);
}

static void on_retrans(struct tmr *t, void *ctx)
{
	struct tx *tx = ctx;

	(void)t;
	(void)fsm_event(&tx->m, kinds[tx->kind].ev_retrans, NULL);
}

void tx_retrans_start(struct tx *tx, uint32_t ms)
{
	tx->retr_ms = ms;
	tmr_start(&tx->retr_tmr, ms);
}

void tx_retrans_next(struct tx *tx, uint32_t cap)
{
	uint32_t ms = tx->retr_ms * 2;

	tx_retrans_start(tx, cap && ms > cap ? cap : ms);
}

void tx_retrans_stop(struct tx *tx)
{
	tmr_stop(&tx->retr_tmr);
}

void tx_tell(struct tx *tx, enum tx_client_ev ev, const struct sip_msg *rsp, int err)
{
	if (tx->cfn)
		tx->cfn(tx->ctx, tx, ev, rsp, err);
}

void tx_tell_server(struct tx *tx, enum tx_server_ev ev, const struct sip_msg *m)
{
	if (tx->sfn)
		tx->sfn(tx->ctx, tx, ev, m);
}

void tx_to_core(struct tx *tx, const struct sip_msg *ack)
{
	tx->l->ops->request(tx->l->ctx, NULL, ack, tx->flow);
}

static void on_flow_down(struct tp_watch *w, struct tp_flow *f, int err)
{
	struct tx *tx = CONTAINER_OF(w, struct tx, watch);

	(void)f;
	(void)err;
	if (tx->kind == TX_SERVER_INVITE || tx->kind == TX_SERVER)
		return; /* the response finds another way, RFC 3261 18.2.2 */
	(void)fsm_event(&tx->m, kinds[tx->kind].ev_tperr, NULL);
}

static struct tx *new_tx(
    struct tx_layer *l, enum tx_kind kind, struct tp_flow *f, const char *key, size_t n)
{
	struct tx *tx = mem_new(sizeof(*tx));

	tx->l = l;
	tx->kind = kind;
	tx->flow = tp_flow_ref(f);
	tx->watch.down = on_flow_down;
	tx->started = tmr_now(l->wheel);
	tx->key = mem_dup(key, n);
	tmr_init(&tx->state_tmr, l->wheel, on_state_timer, tx);
	tmr_init(&tx->retr_tmr, l->wheel, on_retrans, tx);
	(void)map_put(&l->table, &tx->key_node, (struct slice){ tx->key, n });
	list_append(&l->live, &tx->node);
	l->stats.live[kind]++;
	l->stats.started[kind]++;
	return tx;
}

/* ---- sending ---- */

/* Puts the hook's header lines behind the topmost Via: the very last step. */
static int sign(struct tx_layer *l, struct tp_flow *f, uint64_t owner, struct wr *w)
{
	struct wr lines = wr_of(l->sign_buf, sizeof(l->sign_buf));
	const struct sip_hdr *via;
	size_t at;
	int err;

	if (!l->ops->sign)
		return 0;
	err = sip_msg_parse(&l->scratch, (char *)w->p, w->n, true);
	if (err && l->scratch.fault.status != 413)
		return err;
	err = l->ops->sign(l->ctx, f, owner, &l->scratch, &lines);
	if (err < 0 || lines.n == 0)
		return err < 0 ? err : 0;
	via = sip_msg_hdr(&l->scratch, SIP_H_VIA);
	if (!via || lines.bad || w->n + lines.n > w->cap)
		return ERR_LIMIT;
	at = (size_t)(via->value.p + via->value.n + 2 - (const char *)w->p);
	memmove(w->p + at + lines.n, w->p + at, w->n - at);
	memcpy(w->p + at, lines.p, lines.n);
	w->n += lines.n;
	return 0;
}

/* Start line, our Via, the rest. */
static int put_with_via(
    struct tx_layer *l, struct tp_flow *f, const char *branch, struct slice msg, struct wr *w)
{
	size_t nl = slice_chr(msg, '\n');

	*w = wr_of(l->out, sizeof(l->out));
	if (nl == msg.n)
		return ERR_SYNTAX;
	wr_slice_add(w, slice_sub(msg, 0, nl + 1));
	wr_str(w, "Via: SIP/2.0/");
	wr_str(w, tp_proto_name(tp_flow_proto(f)));
	wr_u8(w, ' ');
	tp_flow_put_sent_by(w, f);
	wr_str(w, ";branch=");
	wr_str(w, branch);
	wr_str(w, ";rport\r\n");
	wr_slice_add(w, slice_sub(msg, nl + 1, msg.n));
	return w->bad ? ERR_LIMIT : 0;
}

int tx_wire(struct tx *tx, struct slice text)
{
	if (text.p != tx->sent) {
		free(tx->sent);
		tx->sent = mem_dup(text.p, text.n);
		tx->sent_n = text.n;
	}
	return tp_flow_send(tx->flow, tx->sent, tx->sent_n);
}

int tx_wire_again(struct tx *tx)
{
	if (!tx->sent)
		return 0;
	tx->l->stats.retrans_out++;
	return tp_flow_send(tx->flow, tx->sent, tx->sent_n);
}

void tx_wire_done(struct tx *tx)
{
	free(tx->sent);
	tx->sent = NULL;
	tx->sent_n = 0;
}

/* ACK to a refusal and CANCEL: the INVITE's own first lines (RFC 3261 17.1.1.3, 9.1). */
static int put_like_invite(
    struct tx *tx, struct slice method, struct slice to, struct slice lines, struct wr *w)
{
	struct tx_layer *l = tx->l;
	static struct sip_msg inv;
	int err = sip_msg_parse(&inv, tx->sent, tx->sent_n, true);

	if (err && err != ERR_LIMIT) /* too long a body is no hindrance here */
		return err;
	*w = wr_of(l->out, sizeof(l->out));
	sip_put_request(w, method, inv.ruri);
	sip_put_hdr(w, SIP_H_VIA, sip_msg_value(&inv, SIP_H_VIA));
	sip_put_copy(w, &inv, SIP_H_ROUTE);
	sip_put_hdr(w, SIP_H_MAX_FORWARDS, SLICE_LIT("70"));
	sip_put_hdr(w, SIP_H_FROM, sip_msg_value(&inv, SIP_H_FROM));
	sip_put_hdr(w, SIP_H_TO, to.p ? to : sip_msg_value(&inv, SIP_H_TO));
	sip_put_hdr(w, SIP_H_CALL_ID, inv.call_id);
	sip_put_cseq(w, inv.cseq, method);
	sip_put_copy(w, &inv, SIP_H_USER_AGENT);
	wr_slice_add(w, lines);
	sip_put_body(w, SLICE_LIT(""), SLICE_LIT(""));
	return w->bad ? ERR_LIMIT : sign(l, tx->flow, tx->owner, w);
}

void tx_wire_ack(struct tx *tx, const struct sip_msg *rsp)
{
	struct wr w;

	if (!tx->ack) {
		if (put_like_invite(
		        tx, SLICE_LIT("ACK"), sip_msg_value(rsp, SIP_H_TO), SLICE_LIT(""), &w))
			return;
		tx->ack = mem_dup(w.p, w.n);
		tx->ack_n = w.n;
	}
	(void)tp_flow_send(tx->flow, tx->ack, tx->ack_n);
}

/* ---- client ---- */

static int start_client(struct tx_layer *l, struct tp_flow *f, enum sip_method method,
    const char *branch, const struct wr *w, struct tx **out)
{
	char key[TX_KEY_MAX];
	size_t n = tx_client_key(key, slice_str(branch), sip_method_name(method));
	enum tx_kind kind = method == SIP_M_INVITE ? TX_CLIENT_INVITE : TX_CLIENT;
	int err;

	if (l->stats.live[TX_CLIENT] + l->stats.live[TX_CLIENT_INVITE] >= l->conf.max_tx)
		return ERR_LIMIT;
	err = tp_flow_send(f, w->p, w->n);
	if (err)
		return err;
	struct tx *tx = new_tx(l, kind, f, key, n);
	tx->method = method;
	tx->sent = mem_dup(w->p, w->n);
	tx->sent_n = w->n;
	memcpy(tx->branch, branch, strlen(branch) + 1);
	*out = tx;
	return 0;
}

/* The machine starts once all that timers depend on is known. */
static void run_client(struct tx *tx)
{
	fsm_init(&tx->m, kinds[tx->kind].def, &env, TX_ST_FIRST);
	tp_flow_watch(tx->flow, &tx->watch);
	if (tx_unreliable(tx))
		tx_retrans_start(tx, tx->l->conf.t1);
}

int tx_send(struct tx_layer *l, struct tp_flow *f, const struct tx_request *r, tx_client_h *fn,
    void *ctx, struct tx **out)
{
	char branch[SIP_BRANCH_CAP];
	struct tx *tx;
	struct wr w;
	int err;

	*out = NULL;
	if (r->method == SIP_M_OTHER || r->method == SIP_M_ACK)
		return ERR_SYNTAX;
	sip_branch(branch);
	err = put_with_via(l, f, branch, r->msg, &w);
	if (!err)
		err = sign(l, f, r->owner, &w);
	if (!err)
		err = start_client(l, f, r->method, branch, &w, &tx);
	if (err)
		return err;
	tx->owner = r->owner;
	tx->timeout_ms = r->timeout_ms;
	tx->cfn = fn;
	tx->ctx = ctx;
	run_client(tx);
	*out = tx;
	return 0;
}

static void on_cancel_timeout(struct tmr *t, void *ctx)
{
	struct tx *tx = ctx;

	(void)t;
	(void)fsm_event(&tx->m, TXI_EV_STOP, NULL);
}

static void send_cancel(struct tx *tx)
{
	struct tx_layer *l = tx->l;
	struct tx *c;
	struct wr w;

	if (put_like_invite(tx, SLICE_LIT("CANCEL"), (struct slice){ 0 },
	        slice_str(tx->cancel_lines), &w) == 0 &&
	    start_client(l, tx->flow, SIP_M_CANCEL, tx->branch, &w, &c) == 0) {
		c->owner = tx->owner;
		run_client(c);
	}
	free(tx->cancel_lines);
	tx->cancel_lines = NULL;
	tmr_init(&tx->cancel_tmr, l->wheel, on_cancel_timeout, tx);
	tmr_start(&tx->cancel_tmr, 64u * (uint64_t)l->conf.t1);
}

int tx_cancel(struct tx *tx, struct slice lines)
{
	if (tx->kind != TX_CLIENT_INVITE || tx->final || tx->m.def->states[tx->m.st].final)
		return ERR_STATE;
	if (tx->cancelled)
		return 0;
	tx->cancelled = true;
	tx->cancel_lines = slice_dup(lines);
	if (tx->got_1xx)
		send_cancel(tx);
	return 0;
}

void tx_forget(struct tx *tx)
{
	tx->cfn = NULL;
	tx->sfn = NULL;
}

int tx_send_ack(
    struct tx_layer *l, struct tp_flow *f, uint64_t owner, struct slice msg, struct slice *sent)
{
	char branch[SIP_BRANCH_CAP];
	struct wr w;
	int err;

	if (sent)
		*sent = (struct slice){ 0 };
	sip_branch(branch);
	err = put_with_via(l, f, branch, msg, &w);
	if (!err)
		err = sign(l, f, owner, &w);
	if (err)
		return err;
	if (sent)
		*sent = (struct slice){ mem_dup(w.p, w.n), w.n };
	return tp_flow_send(f, w.p, w.n);
}

int tx_resend(struct tx_layer *l, struct tp_flow *f, struct slice sent)
{
	l->stats.retrans_out++;
	return tp_flow_send(f, sent.p, sent.n);
}

static void response_in(struct tx_layer *l, struct tp_flow *f, const struct sip_msg *m)
{
	char key[TX_KEY_MAX];
	struct tx_ev_arg arg = { .m = m };
	struct tx *tx;
	uint8_t ev;

	l->stats.rsp_in[m->status / 100]++;
	if (!sip_check_reply(m))
		return;
	tx = tx_find(l, key, tx_client_key(key, m->via.branch, m->method_name));
	if (!tx) {
		if (l->ops->stray && m->status >= 200)
			l->ops->stray(l->ctx, m, f);
		return;
	}
	if (m->status < 200) {
		tx->got_1xx = true;
	} else {
		tmr_stop(&tx->cancel_tmr);
		if (tx->final)
			l->stats.retrans_in++;
		else
			tx->final = m->status;
	}
	if (tx->kind == TX_CLIENT_INVITE)
		ev = m->status < 200 ? TXI_EV_1XX : m->status < 300 ? TXI_EV_2XX : TXI_EV_FINAL;
	else
		ev = m->status < 200 ? TXN_EV_1XX : TXN_EV_FINAL;
	(void)fsm_event(&tx->m, ev, &arg);
	/* tx is good until the loop's next turn */
	if (m->status < 200 && tx->cancel_lines)
		send_cancel(tx);
}

/* ---- server ---- */

static struct sip_src src_of(struct tp_flow *f, const struct sip_msg *req, char ip[TP_IP_CAP])
{
	uint16_t port = tp_flow_peer(f, ip);
	struct slice host = req->via.host, text = slice_str(ip);

	if (host.n >= 2 && host.p[0] == '[')
		host = slice_sub(host, 1, host.n - 2);
	if (!req->via.rport && slice_ieq(host, text))
		return (struct sip_src){ 0 };
	return (struct sip_src){ text, req->via.rport ? port : 0 };
}

static void put_reply(struct tx_layer *l, struct wr *w, struct tp_flow *f,
    const struct sip_msg *req, unsigned status, struct slice reason, struct slice to_tag)
{
	char ip[TP_IP_CAP];
	struct sip_src src = src_of(f, req, ip);

	sip_put_reply(w, req, status, reason, to_tag, &src);
	if (l->conf.server)
		sip_put_hdr(w, SIP_H_SERVER, slice_str(l->conf.server));
}

static void set_port(struct sockaddr_storage *sa, uint16_t port)
{
	if (sa->ss_family == AF_INET6)
		((struct sockaddr_in6 *)sa)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)sa)->sin_port = htons(port);
}

/* Where responses go (RFC 3261 18.2.2, RFC 3581 4): on the connection, or to the source with rport, else to the port that
 * Via names. A connection that is gone is made anew to there. Returns a reference. */
static struct tp_flow *reply_flow(struct tp_flow *f, struct tp *tp, const struct sip_msg *req)
{
	struct tp_dest d = { .proto = tp_flow_proto(f) };
	char ip[TP_IP_CAP];
	struct tp_flow *to;
	uint16_t port =
	    (uint16_t)(req->via.port ? req->via.port
	                             : sip_default_port(SIP_SCHEME_SIP, d.proto == TP_TLS));

	if (d.proto == TP_UDP
	        ? req->via.rport || tp_flow_peer(f, ip) == port || tp_get_conf(tp)->force_rport
	        : tp_flow_alive(f))
		return tp_flow_ref(f);
	memcpy(&d.addr, tp_flow_remote(f), sizeof(d.addr));
	set_port(&d.addr, port);
	if (d.proto == TP_TLS && slice_copy(req->via.host, d.name, sizeof(d.name)))
		return tp_flow_ref(f);
	return tp_flow_to(tp, &d, &to) ? tp_flow_ref(f) : to;
}

static void refuse_stateless(struct tx_layer *l, struct tp_flow *f, const struct sip_msg *req,
    unsigned status, const char *why, const char *lines)
{
	struct wr w = wr_of(l->out, sizeof(l->out));
	struct tp_flow *to = reply_flow(f, tp_flow_tp(f), req);
	char tag[SIP_TAG_LEN + 1];

	/* No state: the tag is drawn anew for a repeat, and no dialog comes of an error. */
	sip_token(tag, SIP_TAG_OCTETS);
	put_reply(
	    l, &w, to, req, status, why ? slice_str(why) : (struct slice){ 0 }, slice_str(tag));
	if (lines)
		wr_str(&w, lines);
	sip_put_body(&w, SLICE_LIT(""), SLICE_LIT(""));
	if (!w.bad && sign(l, to, 0, &w) == 0) {
		l->stats.rsp_out[status / 100]++;
		(void)tp_flow_send(to, w.p, w.n);
	}
	l->stats.refused++;
	tp_flow_unref(to);
}

static struct tx *start_server(
    struct tx_layer *l, struct tp_flow *f, const struct sip_msg *m, const char *key, size_t n)
{
	enum tx_kind kind = m->method == SIP_M_INVITE ? TX_SERVER_INVITE : TX_SERVER;
	struct tp_flow *to = reply_flow(f, tp_flow_tp(f), m);
	struct tx *tx = new_tx(l, kind, to, key, n);

	tp_flow_unref(to);
	tx->method = m->method;
	tx->req = m;
	if (l->ops->to_params && m->to_tag.n == 0) {
		struct wr w = wr_of(tx->to_params, sizeof(tx->to_params));
		l->ops->to_params(l->ctx, f, m, &w);
		if (!wr_nul(&w))
			tx->to_params[0] = '\0';
	}
	fsm_init(&tx->m, kinds[kind].def, &env, TX_ST_FIRST);
	return tx;
}

static void keep_request(struct tx *tx)
{
	if (!tx->req_own)
		tx->req = tx->req_own = sip_msg_dup(tx->req);
}

static void cancel_in(
    struct tx_layer *l, struct tp_flow *f, const struct sip_msg *m, const char *key, size_t n)
{
	char inv_key[TX_KEY_MAX];
	struct tx *inv = tx_find(l, inv_key, tx_server_key(inv_key, m, SLICE_LIT("INVITE")));
	struct tx *tx = start_server(l, f, m, key, n);

	if (inv && inv->kind == TX_SERVER_INVITE) {
		/* RFC 3261 9.2: the same To tag as in the response to the INVITE */
		memcpy(tx->to_tag, tx_to_tag(inv), sizeof(tx->to_tag));
		(void)tx_refuse(tx, 200, NULL);
		if (inv->final == 0)
			tx_tell_server(inv, TXS_CANCEL, m);
	} else {
		(void)tx_refuse(tx, 481, NULL);
	}
	tx->req = NULL;
}

static bool merged(struct tx_layer *l, const struct sip_msg *m, char *key, size_t *n)
{
	*n = m->to_tag.n ? 0 : tx_merge_key(key, m);
	return *n && map_get(&l->merged, (struct slice){ key, *n });
}

static void request_in(struct tx_layer *l, struct tp_flow *f, const struct sip_msg *m)
{
	char key[TX_KEY_MAX], merge_key[TX_KEY_MAX];
	bool ack = m->method == SIP_M_ACK;
	size_t n = tx_server_key(key, m, ack ? SLICE_LIT("INVITE") : m->method_name), merge_n;
	struct tx_ev_arg arg = { .m = m };
	struct tx *tx = tx_find(l, key, n);

	if (ack) {
		if (tx)
			(void)fsm_event(&tx->m, RXI_EV_ACK, &arg);
		else
			l->ops->request(l->ctx, NULL, m, f);
		return;
	}
	if (tx) {
		l->stats.retrans_in++;
		(void)fsm_event(
		    &tx->m, tx->kind == TX_SERVER_INVITE ? RXI_EV_REPEAT : RXN_EV_REPEAT, &arg);
		return;
	}
	if (n == 0) {
		refuse_stateless(l, f, m, 400, "Via is too long", NULL);
		return;
	}
	if (l->stats.live[TX_SERVER] + l->stats.live[TX_SERVER_INVITE] >= l->conf.max_tx) {
		refuse_stateless(l, f, m, 503, NULL, "Retry-After: 5\r\n");
		return;
	}
	if (m->method == SIP_M_CANCEL) {
		cancel_in(l, f, m, key, n);
		return;
	}
	if (merged(l, m, merge_key, &merge_n)) {
		refuse_stateless(l, f, m, 482, "Merged Request", NULL);
		return;
	}
	tx = start_server(l, f, m, key, n);
	if (merge_n) {
		tx->merge_key = mem_dup(merge_key, merge_n);
		(void)map_put(
		    &l->merged, &tx->merge_node, (struct slice){ tx->merge_key, merge_n });
	}
	l->ops->request(l->ctx, tx, m, f);
	/* tx is still there: transactions are freed in a later turn of the loop */
	if (tx->final == 0 && !tx->served) {
		log_ev(LOG_WARNING, "request was not answered by its handler",
		    F_STR("IPDECT_METHOD", m->method_name));
		(void)tx_refuse(tx, 500, NULL);
	}
	if (tx->final == 0) {
		keep_request(tx);
		if (tx->kind == TX_SERVER_INVITE && !tx->sent)
			(void)tx_reply(tx, 100, (struct slice){ 0 }, SLICE_LIT(""), SLICE_LIT(""),
			    SLICE_LIT(""));
	} else if (!tx->served) {
		tx->req = NULL;
	} else {
		keep_request(tx);
	}
}

void tx_input(struct tx_layer *l, struct tp_flow *f, struct sip_msg *m)
{
	if (m->fault.status) {
		if (!m->fault.silent)
			refuse_stateless(l, f, m, m->fault.status, m->fault.why, NULL);
		return;
	}
	if (l->ops->verify && l->ops->verify(l->ctx, f, m) < 0)
		return;
	if (m->request)
		request_in(l, f, m);
	else
		response_in(l, f, m);
}

void tx_ignore(struct tx *tx)
{
	tx_forget(tx);
	if (tx->final)
		return;
	tx->final = 200; /* nothing is owed */
	(void)fsm_event(&tx->m, kinds[tx->kind].ev_tperr, NULL);
}

void tx_serve(struct tx *tx, tx_server_h *fn, void *ctx)
{
	tx->served = true;
	tx->sfn = fn;
	tx->ctx = ctx;
}

const struct sip_msg *tx_req(const struct tx *tx)
{
	return tx->req;
}

struct tp_flow *tx_flow(const struct tx *tx)
{
	return tx->flow;
}

void tx_set_owner(struct tx *tx, uint64_t owner)
{
	tx->owner = owner;
}

const char *tx_to_tag(struct tx *tx)
{
	if (!tx->to_tag[0])
		sip_token(tx->to_tag, SIP_TAG_OCTETS);
	return tx->to_tag;
}

const char *tx_to_params(const struct tx *tx)
{
	return tx->to_params;
}

unsigned tx_status(const struct tx *tx)
{
	return tx->final;
}

struct slice tx_last(const struct tx *tx)
{
	return (struct slice){ tx->sent, tx->sent_n };
}

int tx_repeat(struct tx *tx)
{
	return tx_wire_again(tx);
}

/* The connection of the request may be gone by now. */
static void revive_flow(struct tx *tx)
{
	struct tp_flow *f;

	if (tp_flow_alive(tx->flow) || !tx->req)
		return;
	f = reply_flow(tx->flow, tp_flow_tp(tx->flow), tx->req);
	tp_flow_unref(tx->flow);
	tx->flow = f;
}

int tx_reply(struct tx *tx, unsigned status, struct slice reason, struct slice lines,
    struct slice type, struct slice body)
{
	struct tx_layer *l = tx->l;
	struct wr w = wr_of(l->out, sizeof(l->out));
	struct tx_ev_arg arg = { 0 };
	char tag[SIP_TAG_LEN + TX_TO_PARAMS];
	uint8_t ev;
	int err;

	if (tx->final || !tx->req)
		return ERR_STATE;
	revive_flow(tx);
	(void)snprintf(tag, sizeof(tag), "%s%s", tx_to_tag(tx), tx->to_params);
	put_reply(l, &w, tx->flow, tx->req, status, reason,
	    status > 100 ? slice_str(tag) : SLICE_LIT(""));
	wr_slice_add(&w, lines);
	sip_put_body(&w, type, body);
	if (w.bad)
		return ERR_LIMIT;
	err = sign(l, tx->flow, tx->owner, &w);
	if (err)
		return err;
	arg.text = wr_slice(&w);
	if (status >= 200)
		tx->final = status;
	l->stats.rsp_out[status / 100]++;
	if (tx->kind == TX_SERVER_INVITE)
		ev = status < 200 ? RXI_EV_1XX : status < 300 ? RXI_EV_2XX : RXI_EV_FINAL;
	else
		ev = status < 200 ? RXN_EV_1XX : RXN_EV_FINAL;
	return fsm_event(&tx->m, ev, &arg);
}

int tx_refuse(struct tx *tx, unsigned status, const char *reason)
{
	return tx_reply(tx, status, slice_str(reason), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""));
}
