/* Server transactions: requests in, where responses go, responses out (RFC 3261 17.2, 18.2). */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/tx_int.h"

#define TRYING_MS 150

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

void tx_refuse_stateless(struct tx_layer *l, struct tp_flow *f, const struct sip_msg *req,
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
	if (!w.bad && tx_sign(l, to, 0, &w) == 0) {
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
	struct tx *tx = tx_new(l, kind, to, key, n);

	tp_flow_unref(to);
	tx->method = m->method;
	tx->req = m;
	if (l->ops->to_params && m->to_tag.n == 0) {
		struct wr w = wr_of(tx->to_params, sizeof(tx->to_params));
		l->ops->to_params(l->ctx, f, m, &w);
		if (!wr_nul(&w))
			tx->to_params[0] = '\0';
	}
	fsm_init(&tx->m, tx_kinds[kind].def, &tx_env, TX_ST_FIRST);
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

/* RFC 3261 17.2.1: a 100 is owed when nothing else is said within 200 ms. Mostly something is. */
static void on_trying(struct tmr *t, void *ctx)
{
	(void)t;
	(void)tx_reply(ctx, 100, (struct slice){ 0 }, SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""));
}

static bool merged(struct tx_layer *l, const struct sip_msg *m, char *key, size_t *n)
{
	*n = m->to_tag.n ? 0 : tx_merge_key(key, m);
	return *n && map_get(&l->merged, (struct slice){ key, *n });
}

void tx_request_in(struct tx_layer *l, struct tp_flow *f, const struct sip_msg *m)
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
		tx_refuse_stateless(l, f, m, 400, "Via is too long", NULL);
		return;
	}
	if (l->stats.live[TX_SERVER] + l->stats.live[TX_SERVER_INVITE] >= l->conf.max_tx) {
		tx_refuse_stateless(l, f, m, 503, NULL, "Retry-After: 5\r\n");
		return;
	}
	if (m->method == SIP_M_CANCEL) {
		cancel_in(l, f, m, key, n);
		return;
	}
	if (merged(l, m, merge_key, &merge_n)) {
		tx_refuse_stateless(l, f, m, 482, "Merged Request", NULL);
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
		if (tx->kind == TX_SERVER_INVITE && !tx->sent) {
			tmr_init(&tx->trying_tmr, l->wheel, on_trying, tx);
			tmr_start(&tx->trying_tmr, TRYING_MS);
		}
	} else if (!tx->served) {
		tx->req = NULL;
	} else {
		keep_request(tx);
	}
}

void tx_ignore(struct tx *tx)
{
	tx_forget(tx);
	if (tx->final)
		return;
	tx->final = 200; /* nothing is owed */
	(void)fsm_event(&tx->m, tx_kinds[tx->kind].ev_tperr, NULL);
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
	tmr_stop(&tx->trying_tmr);
	revive_flow(tx);
	(void)snprintf(tag, sizeof(tag), "%s%s", tx_to_tag(tx), tx->to_params);
	put_reply(l, &w, tx->flow, tx->req, status, reason,
	    status > 100 ? slice_str(tag) : SLICE_LIT(""));
	wr_slice_add(&w, lines);
	sip_put_body(&w, type, body);
	if (w.bad)
		return ERR_LIMIT;
	err = tx_sign(l, tx->flow, tx->owner, &w);
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
