/* Client transactions: requests out, CANCEL and ACK, responses in (RFC 3261 17.1). */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "sipd/sip_check.h"
#include "sipd/tx_int.h"

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
	struct tx *tx = tx_new(l, kind, f, key, n);
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
	fsm_init(&tx->m, tx_kinds[tx->kind].def, &tx_env, TX_ST_FIRST);
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
	err = tx_put_with_via(l, f, branch, r->msg, &w);
	if (!err)
		err = tx_sign(l, f, r->owner, &w);
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

	if (tx_put_like_invite(tx, SLICE_LIT("CANCEL"), (struct slice){ 0 },
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

int tx_send_ack(
    struct tx_layer *l, struct tp_flow *f, uint64_t owner, struct slice msg, struct slice *sent)
{
	char branch[SIP_BRANCH_CAP];
	struct wr w;
	int err;

	if (sent)
		*sent = (struct slice){ 0 };
	sip_branch(branch);
	err = tx_put_with_via(l, f, branch, msg, &w);
	if (!err)
		err = tx_sign(l, f, owner, &w);
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

void tx_response_in(struct tx_layer *l, struct tp_flow *f, const struct sip_msg *m)
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
