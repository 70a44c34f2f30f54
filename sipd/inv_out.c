/* INVITE as client (RFC 3261 13.2, RFC 3262 4): forks, reliable provisional responses, the ACK, CANCEL. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/inv_int.h"

#define FORKS_MAX                                                                                  \
	16 /* early dialogs followed at a time; a 2xx of another one is ended all the same */

static const struct inv_body no_body;

void inv_ack_2xx(struct inv *i, struct inv_fork *f, uint32_t cseq, struct inv_body body)
{
	struct wr w = sip_ua_text(i->ua);
	struct sip_req_conf c = { .method = SIP_M_ACK,
		.next_hop = dlg_next_hop(f->dlg),
		.key = i->conf.key,
		.owner = i->conf.owner };

	dlg_put_request(f->dlg, &w, SLICE_LIT("ACK"), cseq);
	if (i->ua->agent)
		sip_put_hdr(&w, SIP_H_USER_AGENT, slice_str(i->ua->agent));
	/* RFC 3261 13.2.2.4: the credentials of the INVITE */
	if (i->text.lines && strstr(i->text.lines, "uthorization: "))
		wr_str(&w, i->text.lines);
	sip_put_body(&w, body.type, body.body);
	c.msg = wr_slice(&w);
	if (i->conf.stick)
		c.flow = i->flow;
	sip_ack_free(f->ack);
	f->ack = w.bad ? NULL : sip_ack_send(i->ua, &c);
	f->ack_cseq = cseq;
	f->waits_ack = false;
	sip_ua_text_drop(&w);
}

/* ---- provisional ---- */

static void on_prack(
    void *ctx, struct sip_req *r, enum sip_req_ev ev, const struct sip_msg *rsp, int err)
{
	(void)ctx;
	(void)r;
	(void)err;
	if (ev == SIP_REQ_REPLY && rsp->status >= 300)
		log_ev(LOG_NOTICE, "PRACK refused", F_U64("IPDECT_STATUS", rsp->status));
}

/* false: a repeat, or out of order: not to be looked at (RFC 3262 4). */
static bool reliable(struct inv *i, struct inv_fork *f, const struct sip_msg *rsp)
{
	char line[80];
	struct wr w = wr_of(line, sizeof(line));
	struct sip_req *r;
	uint32_t rseq;

	if (!sip_msg_lists(rsp, SIP_H_REQUIRE, SLICE_LIT("100rel")) ||
	    sip_msg_u32(rsp, SIP_H_RSEQ, UINT32_MAX, &rseq) || !f)
		return true;
	if (f->dlg->rseq && rseq != f->dlg->rseq + 1)
		return false;
	f->dlg->rseq = rseq;
	f->answered |= i->offered && rsp->body.n;
	wr_fmt(&w, "RAck: %u %u INVITE\r\n", rseq, rsp->cseq);
	if (inv_send(i, f, SIP_M_PRACK, wr_slice(&w), no_body, on_prack, NULL, NULL, &r))
		log_ev(LOG_NOTICE, "PRACK not sent", F_TEXT("IPDECT_SIP_CALL_ID", f->dlg->call_id));
	return true;
}

static unsigned count_forks(const struct inv *i)
{
	unsigned n = 0;

	LIST_FOREACH(&i->forks, it)
	n++;
	return n;
}

/* The dialog of a response; NULL: it has none. */
static struct inv_fork *fork_for(struct inv *i, const struct sip_msg *rsp, int *err)
{
	struct inv_fork *f = inv_fork_of(i, rsp->to_tag);
	struct dlg *d;

	*err = 0;
	if (f) {
		*err = dlg_on_reply(f->dlg, rsp);
		return f;
	}
	if (rsp->status < 200 && (rsp->to_tag.n == 0 || count_forks(i) >= FORKS_MAX))
		return NULL;
	d = dlg_dup(i->half);
	*err = dlg_on_reply(d, rsp);
	if (*err && rsp->status < 200) {
		dlg_free(d);
		return NULL;
	}
	return inv_fork_new(i, d);
}

static void on_1xx(struct inv *i, const struct sip_msg *rsp)
{
	struct inv_fork *f;
	int err;

	if (rsp->status == 100 || i->state != INV_CALLING)
		return;
	f = fork_for(i, rsp, &err);
	inv_peer_caps(i, rsp);
	if (reliable(i, f, rsp) && !i->cancelled && i->conf.ops->progress)
		i->conf.ops->progress(i->conf.ctx, i, rsp);
	if (f)
		inv_early_tell(i, rsp->to_tag);
}

/* ---- final ---- */

static void drop_others(struct inv *i)
{
	LIST_FOREACH(&i->forks, it)
	{
		struct inv_fork *f = LIST_ENTRY(it, struct inv_fork, node);
		if (f != i->main && f->dlg->state == DLG_EARLY)
			inv_fork_free(f);
	}
}

/* A 2xx nobody wants: of another fork, after CANCEL, or without what a dialog needs. */
static void ack_and_bye(struct inv *i, struct inv_fork *f, uint32_t cseq, const char *reason)
{
	inv_ack_2xx(i, f, cseq, no_body);
	inv_send_bye(i, f, slice_str(reason));
}

static void on_2xx(struct inv *i, const struct sip_msg *rsp)
{
	struct inv_fork *f = inv_fork_of(i, rsp->to_tag);
	int err;

	if (f && f->ack && f->ack_cseq == rsp->cseq) { /* a repeat: our ACK was lost */
		sip_ack_again(f->ack);
		return;
	}
	if (f && f->waits_ack)
		return;
	f = fork_for(i, rsp, &err);
	if (!f)
		return;
	if (i->state != INV_CALLING || i->cancelled || err) {
		i->final = true;
		ack_and_bye(i, f, rsp->cseq,
		    err ? "Reason: SIP;cause=400;text=\"No usable dialog in the 2xx\"\r\n"
		        : "Reason: SIP;cause=487;text=\"Another answer was taken\"\r\n");
		if (i->state != INV_CALLING)
			return;
		if (i->cancelled) {
			inv_over(i, INV_END_LOCAL, NULL);
			return;
		}
		i->state = INV_OVER;
		i->told = true;
		log_ev(LOG_NOTICE, "answer without a usable dialog",
		    F_TEXT("IPDECT_SIP_CALL_ID", f->dlg->call_id), F_ERR(err),
		    F_REMEDY("the far end's 2xx has no Contact or To tag"));
		if (i->conf.ops->failed)
			i->conf.ops->failed(i->conf.ctx, i, 0, NULL, err);
		return;
	}
	i->main = f;
	i->final = true;
	i->state = INV_UP;
	drop_others(i);
	inv_peer_caps(i, rsp);
	inv_se_answered(i, rsp);
	if (i->offered) {
		inv_ack_2xx(i, f, rsp->cseq, no_body);
		inv_text_drop(&i->text);
	} else {
		f->waits_ack = true;
	}
	if (i->conf.ops->answered)
		i->conf.ops->answered(i->conf.ctx, i, rsp);
	inv_early_tell(i, rsp->to_tag);
	inv_early_stop(i);
}

static int send_invite(struct inv *i);

static void on_final(struct inv *i, unsigned status, const struct sip_msg *rsp, int err)
{
	i->final = true;
	if (i->state != INV_CALLING)
		return;
	inv_early_stop(i);
	while (!list_empty(&i->forks))
		inv_fork_free(LIST_ENTRY(i->forks.next, struct inv_fork, node));
	if (status == 422 && !i->cancelled && i->tries < 3 && inv_se_raise(i, rsp)) {
		i->tries++;
		sip_req_forget(i->req);
		i->req = NULL;
		if (send_invite(i) == 0)
			return;
	}
	i->state = INV_OVER;
	i->told = true;
	if (i->conf.ops->failed)
		i->conf.ops->failed(i->conf.ctx, i, status, rsp, err);
}

static void on_req(
    void *ctx, struct sip_req *r, enum sip_req_ev ev, const struct sip_msg *rsp, int err)
{
	struct inv *i = ctx;

	inv_set_flow(i, sip_req_flow(r));
	switch (ev) {
	case SIP_REQ_REPLY:
		if (rsp->status < 200)
			on_1xx(i, rsp);
		else if (rsp->status < 300)
			on_2xx(i, rsp);
		else
			on_final(i, rsp->status, rsp, 0);
		break;
	case SIP_REQ_FAIL:
		on_final(i, 0, NULL, err);
		break;
	case SIP_REQ_DONE:
		if (i->req == r)
			i->req = NULL;
		inv_maybe_free(i);
		break;
	}
}

static int send_invite(struct inv *i)
{
	struct inv_body b = inv_text_body(&i->text);
	struct wr w = sip_ua_text(i->ua);
	struct sip_req_conf c = { .method = SIP_M_INVITE,
		.next_hop = dlg_next_hop(i->half),
		.flow = i->flow && tp_flow_alive(i->flow) ? i->flow : NULL,
		.dest = i->conf.dest,
		.ndest = i->conf.ndest,
		.try_ms = i->conf.try_ms,
		.key = i->conf.key,
		.owner = i->conf.owner };
	int err = ERR_LIMIT;

	i->offered = b.body.n != 0;
	i->final = false;
	dlg_put_request(i->half, &w, SLICE_LIT("INVITE"), 0);
	i->cseq = i->half->local_cseq;
	/* Without an offer of ours a reliable 1xx would carry theirs: not asked for. */
	inv_put_caps(i, &w, i->offered);
	if (i->conf.rel100_require && i->offered && !i->conf.rel100_off)
		wr_str(&w, "Require: 100rel\r\n");
	inv_se_put_request(i, &w);
	if (i->ua->agent)
		sip_put_hdr(&w, SIP_H_USER_AGENT, slice_str(i->ua->agent));
	wr_str(&w, i->lines);
	wr_str(&w, i->text.lines);
	sip_put_body(&w, b.type, b.body);
	c.msg = wr_slice(&w);
	if (!w.bad)
		err = sip_req_send(i->ua, &c, on_req, i, &i->req);
	sip_ua_text_drop(&w);
	if (!err) {
		inv_keep_sdp(i, b);
		inv_early_start(i);
	}
	return err;
}

int inv_out(struct sip_ua *ua, const struct inv_conf *c, struct dlg *d, struct inv_body offer,
    struct inv **out)
{
	struct inv *i = inv_make(ua, c);
	struct tp_dest *dest = NULL;
	int err;

	*out = NULL;
	i->out = true;
	i->half = d;
	if (c->ndest) { /* they may be needed again, for a repeat */
		dest = mem_dup(c->dest, c->ndest * sizeof(*dest));
		i->conf.dest = i->dest = dest;
	}
	inv_set_flow(i, c->flow);
	inv_text_set(&i->text, SLICE_LIT(""), offer);
	err = send_invite(i);
	if (err) {
		i->state = INV_OVER;
		inv_free(i);
		return err;
	}
	*out = i;
	return 0;
}

int inv_retry(struct inv *i, struct slice lines, struct inv_body offer)
{
	int err;

	if (!i->out || i->state != INV_OVER || i->main || i->cancelled)
		return ERR_STATE;
	sip_req_forget(i->req);
	i->req = NULL;
	i->state = INV_CALLING;
	i->told = false;
	inv_text_set(&i->text, lines, offer);
	err = send_invite(i);
	if (err) {
		i->state = INV_OVER;
		i->told = true;
	}
	return err;
}

int inv_ack(struct inv *i, struct inv_body answer)
{
	if (!i->main || !i->main->waits_ack)
		return ERR_STATE;
	inv_ack_2xx(i, i->main, i->cseq, answer);
	inv_text_drop(&i->text);
	inv_keep_sdp(i, answer);
	return 0;
}

void inv_cancel(struct inv *i, struct slice lines)
{
	if (i->state != INV_CALLING || i->cancelled)
		return;
	i->cancelled = true;
	if (i->req)
		sip_req_cancel(i->req, lines);
}
