/* Requests in a session: changes by re-INVITE and UPDATE both ways with their glare (RFC 3261 14, RFC 3311), INFO, REFER
 * and others. */
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/inv_int.h"

#define TRIES_MAX 4

/* ---- ours ---- */

void inv_mod_drop(struct inv *i)
{
	struct inv_mod *m = &i->mod;

	tmr_stop(&m->again);
	sip_req_forget(m->req);
	inv_text_drop(&m->text);
	*m = (struct inv_mod){ 0 };
}

/* The change is through: its owner hears. */
static void through(struct inv *i, const struct sip_msg *rsp, int err)
{
	enum sip_method m = i->mod.method;
	bool ours = i->mod.refresh;

	inv_mod_drop(i);
	if (!ours && i->conf.ops->reply)
		i->conf.ops->reply(i->conf.ctx, i, m, rsp, err);
}

/* The dialog is gone at the far end, or the far end is. */
static void lost(struct inv *i, const struct sip_msg *rsp, int err)
{
	log_ev(LOG_NOTICE, "the far end lost the session",
	    F_TEXT("IPDECT_SIP_CALL_ID", i->main->dlg->call_id),
	    F_U64("IPDECT_STATUS", rsp ? rsp->status : 0), F_ERR(err));
	inv_send_bye(i, i->main, SLICE_LIT(""));
	inv_over(i, INV_END_LOST, rsp);
}

static int send_change(struct inv *i);

static void on_again(struct tmr *t, void *ctx)
{
	struct inv *i = ctx;

	(void)t;
	if (i->in_tx || i->acc_tx) { /* the peer's turn now */
		tmr_start(t, 500 + id_below(1000));
		return;
	}
	if (send_change(i))
		through(i, NULL, ERR_LOST);
}

static void on_final(struct inv *i, const struct sip_msg *rsp)
{
	struct inv_mod *m = &i->mod;
	bool good = rsp->status < 300;

	if (good && m->method == SIP_M_INVITE) {
		struct inv_body none = { 0 };
		inv_ack_2xx(i, i->main, rsp->cseq, none);
		sip_req_forget(i->acked_req);
		i->acked_req = m->req; /* repeats of the 2xx are acknowledged, too */
		m->req = NULL;
	}
	if (good) {
		dlg_refresh(i->main->dlg, rsp);
		inv_peer_caps(i, rsp);
		inv_se_answered(i, rsp);
		if (m->text.nbody)
			inv_keep_sdp(i, inv_text_body(&m->text));
		through(i, rsp, 0);
		return;
	}
	if (rsp->status == 491 && m->tries < TRIES_MAX) {
		/* RFC 3261 14.1: who made the Call-ID waits longer. */
		m->req = NULL;
		tmr_init(&m->again, i->ua->wheel, on_again, i);
		tmr_start(&m->again, i->out ? 2100 + 10 * id_below(190) : 10 * id_below(200));
		return;
	}
	if (rsp->status == 422 && m->tries < TRIES_MAX && inv_se_raise(i, rsp)) {
		m->req = NULL;
		if (send_change(i) == 0)
			return;
	}
	if (rsp->status == 408 || rsp->status == 481) {
		through(i, rsp, 0);
		if (inv_is_up(i))
			lost(i, rsp, 0);
		return;
	}
	if (m->refresh)
		inv_se_failed(i);
	through(i, rsp, 0);
}

static void on_change(
    void *ctx, struct sip_req *r, enum sip_req_ev ev, const struct sip_msg *rsp, int err)
{
	struct inv *i = ctx;

	if (r == i->acked_req) {
		if (ev == SIP_REQ_REPLY && rsp->status >= 200 && rsp->status < 300 && i->main &&
		    i->main->ack)
			sip_ack_again(i->main->ack);
		else if (ev == SIP_REQ_DONE)
			i->acked_req = NULL;
		return;
	}
	if (r != i->mod.req)
		return;
	inv_set_flow(i, sip_req_flow(r));
	switch (ev) {
	case SIP_REQ_REPLY:
		if (rsp->status >= 200)
			on_final(i, rsp);
		break;
	case SIP_REQ_FAIL:
		if (err == ERR_AUTH && i->mod.refresh) /* challenged, and no password: refused */
			inv_se_failed(i);
		through(i, NULL, err);
		if (err != ERR_AUTH && inv_is_up(i))
			lost(i, NULL, err);
		break;
	case SIP_REQ_DONE:
		i->mod.req = NULL;
		break;
	}
}

static int send_change(struct inv *i)
{
	struct inv_mod *m = &i->mod;

	m->tries++;
	return inv_send(i, i->main, m->method, slice_str(m->text.lines), inv_text_body(&m->text),
	    on_change, i, &m->cseq, &m->req);
}

int inv_change(
    struct inv *i, enum sip_method method, struct slice lines, struct inv_body b, bool refresh)
{
	struct inv_mod *m = &i->mod;
	int err;

	if (!i->main || !inv_is_up(i))
		return ERR_STATE;
	if (m->on || i->in_tx || i->acc_tx || i->main->waits_ack)
		return ERR_BUSY;
	m->on = true;
	m->method = method;
	m->refresh = refresh;
	inv_text_set(&m->text, lines, b);
	err = send_change(i);
	if (err)
		inv_mod_drop(i);
	return err;
}

int inv_offer(struct inv *i, bool update, struct slice lines, struct inv_body offer)
{
	return inv_change(i, update ? SIP_M_UPDATE : SIP_M_INVITE, lines, offer, false);
}

/* ---- theirs ---- */

/* Contact and what goes with it. The session timer of our INVITE runs from its 2xx on. */
static void put_answer(
    struct inv *i, const struct inv_fork *f, const struct sip_msg *req, struct wr *w)
{
	sip_put_hdr(w, SIP_H_CONTACT, slice_str(f->dlg->contact));
	inv_put_caps(i, w, false);
	if (i->state == INV_CALLING)
		return;
	inv_se_asked(i, req);
	inv_se_put_answer(i, w);
}

static void answer_bare(struct inv *i, struct inv_fork *f, struct tx *tx, const struct sip_msg *req)
{
	char text[2048];
	struct wr w = wr_of(text, sizeof(text));

	put_answer(i, f, req, &w);
	(void)tx_reply(tx, 200, SLICE_LIT(""), w.bad ? SLICE_LIT("") : wr_slice(&w), SLICE_LIT(""),
	    SLICE_LIT(""));
	if (i->state != INV_CALLING)
		inv_se_start(i);
}

static void refuse_later(struct tx *tx)
{
	char line[40];
	struct wr w = wr_of(line, sizeof(line));

	wr_fmt(&w, "Retry-After: %u\r\n", id_below(10));
	(void)tx_reply(tx, 500, SLICE_LIT(""), wr_slice(&w), SLICE_LIT(""), SLICE_LIT(""));
}

/* Ours waits for its second chance while theirs comes: ours is given up, the owner may begin anew. */
static void give_way(struct inv *i)
{
	bool refresh = i->mod.refresh;

	through(i, NULL, ERR_BUSY);
	if (refresh)
		inv_se_start(i);
}

static void to_owner(struct inv *i, struct inv_fork *f, struct tx *tx, const struct sip_msg *req)
{
	i->in_tx = tx;
	i->in_fork = f;
	tx_serve(tx, inv_on_server, i);
	i->conf.ops->offer(i->conf.ctx, i, req);
}

/* Before a 2xx to the INVITE. An UPDATE without an offer is harmless (RFC 3311 5.1). With one: the owner's where our offer
 * was answered reliably; else theirs waits for our answer (500), or ours for theirs (491; 5.2). An INVITE: the first one
 * is not answered yet (RFC 3261 14.2). */
static void early_change(
    struct inv *i, struct inv_fork *f, struct tx *tx, const struct sip_msg *req)
{
	if (req->method == SIP_M_UPDATE && !req->body.n)
		answer_bare(i, f, tx, req);
	else if (req->method == SIP_M_INVITE || i->in_tx ||
	         (i->state == INV_RINGING && i->tx && tx_req(i->tx)->body.n))
		refuse_later(tx);
	else if (i->state == INV_CALLING && f->answered && !i->cancelled && i->conf.ops->offer)
		to_owner(i, f, tx, req);
	else
		(void)tx_refuse(tx, 491, NULL);
}

void inv_on_change(struct inv *i, struct inv_fork *f, struct tx *tx, const struct sip_msg *req)
{
	bool invite = req->method == SIP_M_INVITE, offer = invite || req->body.n;

	if (!inv_is_up(i)) {
		early_change(i, f, tx, req);
		return;
	}
	if (i->in_tx) {
		refuse_later(tx);
		return;
	}
	if (i->mod.on && i->mod.req && (invite || (offer && i->mod.text.nbody))) {
		(void)tx_refuse(tx, 491, NULL);
		return;
	}
	if (!inv_se_check(i, tx, req))
		return;
	inv_peer_caps(i, req);
	if (!offer) {
		answer_bare(i, f, tx, req);
		if (i->conf.ops->identity && sip_msg_hdr(req, SIP_H_P_ASSERTED_IDENTITY))
			i->conf.ops->identity(i->conf.ctx, i, req);
		return;
	}
	if (i->mod.on && !i->mod.req)
		give_way(i);
	if (!i->conf.ops->offer || !inv_is_up(i)) {
		(void)tx_refuse(tx, 488, NULL);
		return;
	}
	to_owner(i, f, tx, req);
}

int inv_answer(struct inv *i, unsigned status, struct slice lines, struct inv_body body)
{
	char text[4096];
	struct wr w = wr_of(text, sizeof(text));
	struct tx *tx = i->in_tx;
	int err;

	if (!tx)
		return ERR_STATE;
	bool good = status < 300, invite = tx_req(tx)->method == SIP_M_INVITE;
	if (good)
		put_answer(i, i->in_fork, tx_req(tx), &w);
	wr_slice_add(&w, lines);
	if (w.bad)
		return ERR_LIMIT;
	err = tx_reply(tx, status, SLICE_LIT(""), wr_slice(&w), body.type, body.body);
	i->in_tx = NULL;
	if (err || !good || !invite)
		tx_forget(tx);
	if (err || !good)
		return err;
	inv_keep_sdp(i, body);
	if (invite)
		inv_wait_ack(i, tx);
	if (i->state != INV_CALLING)
		inv_se_start(i);
	return 0;
}

/* ---- INFO, REFER … ---- */

void inv_request_drop(struct inv_req *q)
{
	list_remove(&q->node);
	sip_req_forget(q->req);
	free(q);
}

static void on_other(
    void *ctx, struct sip_req *r, enum sip_req_ev ev, const struct sip_msg *rsp, int err)
{
	struct inv_req *q = ctx;
	struct inv *i = q->i;
	enum sip_method m = q->method;

	inv_set_flow(i, sip_req_flow(r));
	if (ev == SIP_REQ_DONE || (ev == SIP_REQ_REPLY && rsp->status < 200))
		return;
	inv_request_drop(q);
	if (i->conf.ops->reply)
		i->conf.ops->reply(i->conf.ctx, i, m, rsp, err);
	if (rsp && rsp->status == 481 && inv_is_up(i)) /* RFC 5057 5.1 */
		lost(i, rsp, 0);
}

int inv_request(struct inv *i, enum sip_method m, struct slice lines, struct inv_body body)
{
	struct inv_req *q;
	int err;

	if (!i->main || !inv_is_up(i))
		return ERR_STATE;
	q = mem_new(sizeof(*q));
	q->i = i;
	q->method = m;
	err = inv_send(i, i->main, m, lines, body, on_other, q, NULL, &q->req);
	if (err) {
		free(q);
		return err;
	}
	list_append(&i->reqs, &q->node);
	return 0;
}
