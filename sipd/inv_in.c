/* INVITE as server (RFC 3261 13.3, RFC 3262 3): progress, reliable progress, the answer and its ACK, refusal. */
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/inv_int.h"

static uint32_t t1(const struct inv *i)
{
	return i->ua->conf.tx.t1 ? i->ua->conf.tx.t1 : 500;
}

static uint32_t t2(const struct inv *i)
{
	return i->ua->conf.tx.t2 ? i->ua->conf.tx.t2 : 4000;
}

static uint64_t not_beyond(const struct inv *i, uint64_t ms, uint64_t end)
{
	uint64_t left = end - tmr_now(i->ua->wheel);

	return ms < left ? ms : left;
}

/* ---- 2xx until its ACK ---- */

static void on_repeat(struct tmr *t, void *ctx)
{
	struct inv *i = ctx;

	if (tmr_now(i->ua->wheel) >= i->repeat_end) {
		log_ev(LOG_NOTICE, "our answer was never acknowledged: session ended",
		    F_TEXT("IPDECT_SIP_CALL_ID", i->main->dlg->call_id));
		inv_send_bye(i, i->main, slice_str(i->bye_lines));
		free(i->bye_lines);
		i->bye_lines = NULL;
		inv_over(i, INV_END_NO_ACK, NULL);
		return;
	}
	if (i->acc_tx)
		(void)tx_repeat(i->acc_tx);
	i->repeat_ms = i->repeat_ms * 2 < t2(i) ? i->repeat_ms * 2 : t2(i);
	tmr_start(t, not_beyond(i, i->repeat_ms, i->repeat_end));
}

void inv_wait_ack(struct inv *i, struct tx *tx)
{
	if (i->acc_tx && i->acc_tx != tx)
		tx_forget(i->acc_tx);
	i->acc_tx = tx;
	i->repeat_ms = t1(i);
	i->repeat_end = tmr_now(i->ua->wheel) + 64u * (uint64_t)t1(i);
	tmr_stop(
	    &i->repeat); /* runs where a re-INVITE came before the ACK of what was answered first */
	tmr_init(&i->repeat, i->ua->wheel, on_repeat, i);
	tmr_start(&i->repeat, i->repeat_ms);
}

void inv_acked(struct inv *i, const struct sip_msg *ack)
{
	struct tx *tx = i->acc_tx;

	if (!tx || !tx_req(tx) || tx_req(tx)->cseq != ack->cseq)
		return; /* a repeat, or too late */
	i->acc_tx = NULL;
	tx_forget(tx);
	tmr_stop(&i->repeat);
	if (i->state == INV_ACCEPTED)
		i->state = INV_UP;
	if (i->state == INV_OVER)
		return;
	if (i->bye_lines) {
		char *lines = i->bye_lines;
		i->bye_lines = NULL;
		inv_bye(i, slice_str(lines));
		free(lines);
		inv_maybe_free(i);
		return;
	}
	if (i->conf.ops->confirmed)
		i->conf.ops->confirmed(i->conf.ctx, i, ack);
}

/* ---- reliable provisional responses ---- */

void inv_drop_rel(struct inv *i)
{
	tmr_stop(&i->rel_tmr);
	free((char *)(uintptr_t)i->rel.p);
	i->rel = (struct slice){ 0 };
}

static void on_rel(struct tmr *t, void *ctx)
{
	struct inv *i = ctx;

	if (tmr_now(i->ua->wheel) >= i->rel_end) {
		inv_drop_rel(i);
		if (i->tx) {
			struct tx *tx = i->tx;
			i->tx = NULL;
			tx_forget(tx);
			(void)tx_refuse(tx, 504, "No PRACK");
		}
		inv_over(i, INV_END_LOST, NULL);
		return;
	}
	if (i->tx)
		(void)tx_resend(i->ua->tx, tx_flow(i->tx), i->rel);
	i->rel_ms *= 2;
	tmr_start(t, not_beyond(i, i->rel_ms, i->rel_end));
}

static void start_rel(struct inv *i)
{
	struct slice text = tx_last(i->tx);

	i->rel = (struct slice){ mem_dup(text.p, text.n), text.n };
	i->rel_cseq = tx_req(i->tx)->cseq;
	i->rel_due = true;
	i->rel_ms = t1(i);
	i->rel_end = tmr_now(i->ua->wheel) + 64u * (uint64_t)t1(i);
	tmr_init(&i->rel_tmr, i->ua->wheel, on_rel, i);
	tmr_start(&i->rel_tmr, i->rel_ms);
}

static bool rack_is(const struct inv *i, const struct sip_msg *req)
{
	struct cur c = cur_of(sip_msg_value(req, SIP_H_RACK));
	uint32_t rseq, cseq;

	if (!i->rel_due || slice_u32(cur_digits(&c), UINT32_MAX, &rseq))
		return false;
	cur_lws(&c);
	if (slice_u32(cur_digits(&c), UINT32_MAX, &cseq))
		return false;
	cur_lws(&c);
	return rseq == i->rel_rseq && cseq == i->rel_cseq &&
	       slice_eq(slice_trim(cur_rest(&c)), SLICE_LIT("INVITE"));
}

void inv_on_prack(struct inv *i, struct tx *tx, const struct sip_msg *req)
{
	if (!rack_is(i, req)) {
		(void)tx_refuse(tx, 481, NULL);
		return;
	}
	inv_drop_rel(i);
	i->rel_due = false;
	i->pracking = true;
	i->prack_tx = tx;
	if (req->body.n && i->conf.ops->prack)
		i->conf.ops->prack(i->conf.ctx, i, req);
	if (tx_status(tx) == 0)
		(void)tx_refuse(tx, 200, NULL);
	i->pracking = false;
	i->prack_tx = NULL;
	if (i->accept_later) {
		i->accept_later = false;
		(void)inv_accept(i, slice_str(i->later.lines), inv_text_body(&i->later));
		inv_text_drop(&i->later);
	}
}

int inv_prack_answer(struct inv *i, unsigned status, struct inv_body body)
{
	if (!i->pracking)
		return ERR_STATE;
	inv_keep_sdp(i, body);
	return tx_reply(i->prack_tx, status, SLICE_LIT(""), SLICE_LIT(""), body.type, body.body);
}

/* ---- beginning ---- */

void inv_on_server(void *ctx, struct tx *tx, enum tx_server_ev ev, const struct sip_msg *m)
{
	struct inv *i = ctx;

	switch (ev) {
	case TXS_CANCEL:
		(void)tx_refuse(tx, 487, NULL);
		if (tx == i->in_tx) { /* a re-INVITE taken back: things stay as they were */
			i->in_tx = NULL;
			tx_forget(tx);
			break;
		}
		if (tx != i->tx)
			break;
		i->tx = NULL;
		tx_forget(tx);
		inv_over(i, INV_END_CANCEL, m);
		break;
	case TXS_LOST:
		log_ev(LOG_INFO, "a response could not be sent");
		break;
	case TXS_DONE:
		if (tx == i->tx) {
			i->tx = NULL;
			inv_over(i, INV_END_LOST, NULL);
		}
		if (tx == i->in_tx)
			i->in_tx = NULL;
		if (tx == i->acc_tx)
			i->acc_tx = NULL;
		break;
	default:
		break;
	}
}

int inv_in(struct sip_ua *ua, const struct inv_conf *c, struct tx *tx, struct slice contact,
    struct inv **out)
{
	const struct sip_msg *req = tx_req(tx);
	struct inv *i;
	struct dlg *d;

	*out = NULL;
	if (dlg_uas_new(req, slice_str(tx_to_tag(tx)), contact, &d)) {
		(void)tx_refuse(tx, 400, "Contact or Record-Route not usable");
		return ERR_SYNTAX;
	}
	dlg_put_local(d, tx_to_params(tx));
	i = inv_make(ua, c);
	i->state = INV_RINGING;
	i->main = inv_fork_new(i, d);
	inv_set_flow(i, tx_flow(tx));
	inv_peer_caps(i, req);
	tx_set_owner(tx, c->owner);
	if (!inv_se_check(i, tx, req)) {
		i->state = INV_OVER;
		i->told = true;
		inv_free(i);
		return ERR_VALUE;
	}
	i->tx = tx;
	i->rseq = 1 + id_below(1u << 30);
	tx_serve(tx, inv_on_server, i);
	*out = i;
	return 0;
}

static bool peer_requires_rel(const struct inv *i)
{
	return sip_msg_lists(tx_req(i->tx), SIP_H_REQUIRE, SLICE_LIT("100rel"));
}

/* Contact and what goes with it in 1xx and 2xx. */
static void put_contact(struct inv *i, struct wr *w)
{
	sip_put_hdr(w, SIP_H_CONTACT, slice_str(i->main->dlg->contact));
}

int inv_progress(
    struct inv *i, unsigned status, struct slice reason, struct slice lines, struct inv_body body)
{
	char text[2048];
	struct wr w = wr_of(text, sizeof(text));
	int err;

	if (i->state != INV_RINGING || !i->tx)
		return ERR_STATE;
	bool can = !i->conf.rel100_off &&
	           (inv_peer_supports(i, SLICE_LIT("100rel")) || peer_requires_rel(i));
	bool rel =
	    status > 100 && can && (i->conf.rel100_require || body.body.n || peer_requires_rel(i));
	if (rel && i->rel.p) /* one at a time (RFC 3262 3); progress without a body is no loss */
		return body.body.n ? ERR_BUSY : 0;
	put_contact(i, &w);
	inv_put_caps(i, &w, true);
	if (rel) {
		i->rel_rseq = i->rseq++;
		wr_fmt(&w, "Require: 100rel\r\nRSeq: %u\r\n", i->rel_rseq);
	}
	wr_slice_add(&w, lines);
	if (w.bad)
		return ERR_LIMIT;
	err = tx_reply(i->tx, status, reason, wr_slice(&w), body.type, body.body);
	if (!err && rel) {
		i->rel_body = body.body.n != 0;
		start_rel(i);
	}
	if (!err)
		inv_keep_sdp(i, body);
	return err;
}

int inv_accept(struct inv *i, struct slice lines, struct inv_body body)
{
	char text[4096];
	struct wr w = wr_of(text, sizeof(text));
	struct tx *tx = i->tx;
	int err;

	if (i->state != INV_RINGING || !tx)
		return ERR_STATE;
	if (i->rel.p && i->rel_body) { /* RFC 3262 3: not before the PRACK */
		inv_text_set(&i->later, lines, body);
		i->accept_later = true;
		return 0;
	}
	inv_drop_rel(i);
	inv_se_asked(i, tx_req(tx));
	put_contact(i, &w);
	inv_put_caps(i, &w, true);
	inv_se_put_answer(i, &w);
	wr_slice_add(&w, i->conf.lines);
	wr_slice_add(&w, lines);
	err = w.bad ? ERR_LIMIT
	            : tx_reply(tx, 200, SLICE_LIT(""), wr_slice(&w), body.type, body.body);
	if (err)
		return err;
	i->tx = NULL;
	i->main->dlg->state = DLG_CONFIRMED;
	i->state = INV_ACCEPTED;
	inv_keep_sdp(i, body);
	inv_wait_ack(i, tx);
	inv_se_start(i);
	return 0;
}

int inv_refuse(struct inv *i, unsigned status, struct slice reason, struct slice lines)
{
	struct tx *tx = i->tx;
	char text[1024];
	struct wr w = wr_of(text, sizeof(text));
	int err;

	if (i->state != INV_RINGING || !tx)
		return ERR_STATE;
	wr_slice_add(&w, lines);
	i->tx = NULL;
	i->told = true;
	tx_forget(tx);
	err = tx_reply(
	    tx, status, reason, w.bad ? SLICE_LIT("") : wr_slice(&w), SLICE_LIT(""), SLICE_LIT(""));
	inv_over(i, INV_END_LOCAL, NULL);
	return err;
}
