/* The transaction layer: interface, sending, receiving, timers. The machines are in sip_txi.c to sip_rxn.c. */
#include "sipd/tx.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/sip_check.h"
#include "sipd/tx_int.h"

const struct tx_kind_def tx_kinds[TX_NKIND] = {
	[TX_CLIENT_INVITE] = { &sip_txi_def, TXI_EV_TPERR, TXI_EV_RETRANS },
	[TX_CLIENT] = { &sip_txn_def, TXN_EV_TPERR, TXN_EV_RETRANS },
	[TX_SERVER_INVITE] = { &sip_rxi_def, RXI_EV_TPERR, RXI_EV_RETRANS },
	[TX_SERVER] = { &sip_rxn_def, RXN_EV_TPERR, RXN_NEV },
};

#define SPARE_MAX 64

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
	tmr_stop(&tx->trying_tmr);
	tp_flow_unwatch(&tx->watch);
	tp_flow_unref(tx->flow);
	map_del(&tx->l->table, &tx->key_node);
	map_del(&tx->l->merged, &tx->merge_node);
	if (tx->key != tx->key_room)
		free(tx->key);
	free(tx->merge_key);
	free(tx->sent);
	free(tx->ack);
	free(tx->cancel_lines);
	sip_msg_free(tx->req_own);
	if (tx->l->nspare == SPARE_MAX) {
		free(tx);
		return;
	}
	list_append(&tx->l->spare, &tx->node);
	tx->l->nspare++;
}

static struct tx *alloc_tx(struct tx_layer *l)
{
	struct tx *tx;

	if (l->nspare == 0)
		return mem_new(sizeof(*tx));
	tx = LIST_ENTRY(l->spare.prev, struct tx, node);
	list_remove(&tx->node);
	l->nspare--;
	memset(tx, 0, sizeof(*tx));
	return tx;
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
	list_init(&l->spare);
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
	LIST_FOREACH(&l->spare, it)
	free(LIST_ENTRY(it, struct tx, node));
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
	tmr_stop(&tx->trying_tmr);
	map_del(&l->table, &tx->key_node);
	map_del(&l->merged, &tx->merge_node);
	l->stats.live[tx->kind]--;
	list_remove(&tx->node);
	list_append(&l->dead, &tx->node);
	tmr_start(&l->reaper, 0);
}

const struct fsm_env tx_env = { env_timer_start, env_timer_stop, env_moved, env_done };

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
	(void)fsm_event(&tx->m, tx_kinds[tx->kind].ev_retrans, NULL);
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
	(void)fsm_event(&tx->m, tx_kinds[tx->kind].ev_tperr, NULL);
}

struct tx *tx_new(
    struct tx_layer *l, enum tx_kind kind, struct tp_flow *f, const char *key, size_t n)
{
	struct tx *tx = alloc_tx(l);

	tx->l = l;
	tx->kind = kind;
	tx->flow = tp_flow_ref(f);
	tx->watch.down = on_flow_down;
	tx->started = tmr_now(l->wheel);
	tx->key = n <= sizeof(tx->key_room) ? memcpy(tx->key_room, key, n) : mem_dup(key, n);
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
int tx_sign(struct tx_layer *l, struct tp_flow *f, uint64_t owner, struct wr *w)
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
int tx_put_with_via(
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
int tx_put_like_invite(
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
	return w->bad ? ERR_LIMIT : tx_sign(l, tx->flow, tx->owner, w);
}

void tx_wire_ack(struct tx *tx, const struct sip_msg *rsp)
{
	struct wr w;

	if (!tx->ack) {
		if (tx_put_like_invite(
		        tx, SLICE_LIT("ACK"), sip_msg_value(rsp, SIP_H_TO), SLICE_LIT(""), &w))
			return;
		tx->ack = mem_dup(w.p, w.n);
		tx->ack_n = w.n;
	}
	(void)tp_flow_send(tx->flow, tx->ack, tx->ack_n);
}

void tx_forget(struct tx *tx)
{
	tx->cfn = NULL;
	tx->sfn = NULL;
}

void tx_input(struct tx_layer *l, struct tp_flow *f, struct sip_msg *m)
{
	if (m->fault.status) {
		if (!m->fault.silent)
			tx_refuse_stateless(l, f, m, m->fault.status, m->fault.why, NULL);
		return;
	}
	if (l->ops->verify && l->ops->verify(l->ctx, f, m) < 0)
		return;
	if (m->request)
		tx_request_in(l, f, m);
	else
		tx_response_in(l, f, m);
}
