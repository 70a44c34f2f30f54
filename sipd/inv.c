/* INVITE sessions: life, dialogs, requests that come inside. */
#include "sipd/inv.h"

#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/inv_int.h"

static const struct inv_ops deaf; /* what an owner that is gone hears */

/* ---- texts ---- */

void inv_text_drop(struct inv_text *t)
{
	free(t->lines);
	free(t->type);
	mem_free_wiped(t->body, t->nbody); /* SDES keys */
	*t = (struct inv_text){ 0 };
}

void inv_text_set(struct inv_text *t, struct slice lines, struct inv_body b)
{
	struct inv_text n = { .lines = slice_dup(lines),
		.type = slice_dup(b.type),
		.body = mem_dup(b.body.p ? b.body.p : "", b.body.n),
		.nbody = b.body.n };

	inv_text_drop(t); /* b may lie in it */
	*t = n;
}

void inv_keep_sdp(struct inv *i, struct inv_body b)
{
	if (!b.body.n || b.body.p == i->sdp)
		return;
	mem_free_wiped(i->sdp, i->nsdp);
	free(i->sdp_type);
	i->sdp = mem_dup(b.body.p, b.body.n);
	i->nsdp = b.body.n;
	i->sdp_type = slice_dup(b.type);
}

/* ---- dialogs ---- */

static void on_request(
    struct sip_usage *u, struct tx *tx, const struct sip_msg *req, struct tp_flow *f);

struct inv_fork *inv_fork_new(struct inv *i, struct dlg *d)
{
	struct inv_fork *f = mem_new(sizeof(*f));

	f->i = i;
	f->dlg = f->usage.dlg = d;
	f->usage.request = on_request;
	list_append(&i->forks, &f->node);
	sip_ua_add(i->ua, &f->usage);
	return f;
}

void inv_fork_free(struct inv_fork *f)
{
	struct inv *i = f->i;

	if (i->main == f)
		i->main = NULL;
	if (i->in_tx && i->in_fork == f) {
		struct tx *tx = i->in_tx;
		i->in_tx = NULL;
		tx_forget(tx);
		(void)tx_refuse(tx, 481, NULL);
	}
	sip_ua_remove(i->ua, &f->usage);
	sip_ack_free(f->ack);
	dlg_free(f->dlg);
	list_remove(&f->node);
	free(f);
}

struct inv_fork *inv_fork_of(struct inv *i, struct slice remote_tag)
{
	LIST_FOREACH(&i->forks, it)
	{
		struct inv_fork *f = LIST_ENTRY(it, struct inv_fork, node);
		if (slice_eq(remote_tag, slice_str(f->dlg->remote_tag)))
			return f;
	}
	return NULL;
}

struct dlg *inv_dlg(struct inv *i)
{
	if (i->main)
		return i->main->dlg;
	if (!list_empty(&i->forks))
		return LIST_ENTRY(i->forks.next, struct inv_fork, node)->dlg;
	return i->half;
}

struct sip_usage *inv_usage(struct inv *i)
{
	return i->main ? &i->main->usage : NULL;
}

struct inv *inv_of_usage(struct sip_usage *u)
{
	return u->request == on_request ? CONTAINER_OF(u, struct inv_fork, usage)->i : NULL;
}

/* ---- life ---- */

struct inv *inv_make(struct sip_ua *ua, const struct inv_conf *c)
{
	struct inv *i = mem_new(sizeof(*i));

	i->ua = ua;
	i->conf = *c;
	i->lines = slice_dup(c->lines);
	i->conf.lines = slice_str(i->lines);
	i->credential = c->credential.n ? slice_dup(c->credential) : NULL;
	i->conf.credential = slice_str(i->credential);
	list_init(&i->forks);
	list_init(&i->reqs);
	list_init(&i->held);
	list_append(&ua->invs, &i->node);
	inv_se_init(i);
	return i;
}

/* ---- peer ---- */

void inv_peer_caps(struct inv *i, const struct sip_msg *m)
{
	struct sip_values v;
	struct slice s;
	char text[400];
	struct wr w = wr_of(text, sizeof(text));

	if (sip_msg_hdr(m, SIP_H_ALLOW)) {
		i->allows = 0;
		v = sip_msg_values(m, SIP_H_ALLOW);
		while (sip_values_next(&v, &s))
			i->allows |= 1u << sip_method_id(s);
	}
	if (!sip_msg_hdr(m, SIP_H_SUPPORTED))
		return;
	v = sip_msg_values(m, SIP_H_SUPPORTED);
	while (sip_values_next(&v, &s)) {
		wr_u8(&w, ',');
		wr_slice_add(&w, s);
	}
	free(i->supports);
	i->supports = slice_dup(wr_slice(&w));
}

bool inv_peer_allows(const struct inv *i, enum sip_method m)
{
	/* Without an Allow header: what RFC 3261 and old practice know. */
	if (!i->allows)
		return m == SIP_M_INFO || m == SIP_M_REFER || m == SIP_M_NOTIFY ||
		       m == SIP_M_MESSAGE || m == SIP_M_OPTIONS;
	return (i->allows & (1u << m)) != 0;
}

bool inv_peer_supports(const struct inv *i, struct slice tag)
{
	struct cur c = cur_of(slice_str(i->supports));
	struct slice s;

	while (sip_list_next(&c, &s))
		if (slice_ieq(s, tag))
			return true;
	return false;
}

bool inv_is_up(const struct inv *i)
{
	return i->state == INV_ACCEPTED || i->state == INV_UP;
}

struct tp_flow *inv_flow(const struct inv *i)
{
	return i->flow;
}

void inv_set_flow(struct inv *i, struct tp_flow *f)
{
	if (!f || f == i->flow)
		return;
	tp_flow_ref(f);
	tp_flow_unref(i->flow);
	i->flow = f;
}

/* ---- sending ---- */

static void put_supported(struct inv *i, struct wr *w, bool rel)
{
	struct cur c = cur_of(slice_str(i->ua->supported));
	struct slice tag;
	bool first = true;

	while (sip_list_next(&c, &tag)) {
		if (slice_ieq(tag, SLICE_LIT("100rel")) && (i->conf.rel100_off || !rel))
			continue;
		if (slice_ieq(tag, SLICE_LIT("timer")) && !i->conf.se_s)
			continue;
		wr_str(w, first ? "Supported: " : ", ");
		wr_slice_add(w, tag);
		first = false;
	}
	wr_str(w, first ? "" : "\r\n");
}

void inv_put_caps(struct inv *i, struct wr *w, bool rel)
{
	wr_str(w, "Allow: ");
	sip_ua_put_allow(i->ua, w);
	wr_str(w, "\r\n");
	put_supported(i, w, rel);
}

/* The connection that the peer uses is also ours when it comes from where the dialog's next hop is: a client behind it may
 * not be reachable in another way. */
static struct tp_flow *same_way(struct inv *i, struct slice hop)
{
	struct sip_uri u;
	struct tp_dest d;
	struct addr a, b;

	if (!i->flow || !tp_flow_alive(i->flow))
		return NULL;
	if (i->conf.stick)
		return i->flow;
	if (!tp_flow_reliable(i->flow) || sip_uri_parse(&u, hop) ||
	    !resolve_now(i->ua->resolve, &u, &d) || d.proto != tp_flow_proto(i->flow))
		return NULL;
	addr_from_sa(&a, (const struct sockaddr *)&d.addr);
	addr_from_sa(&b, tp_flow_remote(i->flow));
	return addr_same_ip(&a, &b) ? i->flow : NULL;
}

int inv_send(struct inv *i, struct inv_fork *f, enum sip_method m, struct slice lines,
    struct inv_body body, sip_req_h *fn, void *ctx, uint32_t *used, struct sip_req **out)
{
	struct wr w = sip_ua_text(i->ua);
	struct sip_req_conf c = { .method = m,
		.next_hop = dlg_next_hop(f->dlg),
		.key = i->conf.key,
		.owner = i->conf.owner };
	int err = ERR_LIMIT;
	bool change = m == SIP_M_INVITE || m == SIP_M_UPDATE;

	/* Offers and REFER are repeated by who made them. */
	if (change ? i->mod.refresh : m != SIP_M_REFER)
		c.credential = i->conf.credential;
	dlg_put_request(f->dlg, &w, sip_method_name(m), 0);
	if (used)
		*used = f->dlg->local_cseq;
	if (change) {
		inv_put_caps(i, &w, false);
		inv_se_put_request(i, &w);
	}
	if (i->ua->agent)
		sip_put_hdr(&w, SIP_H_USER_AGENT, slice_str(i->ua->agent));
	wr_slice_add(&w, lines);
	sip_put_body(&w, body.type, body.body);
	c.msg = wr_slice(&w);
	c.flow = same_way(i, c.next_hop);
	if (!w.bad)
		err = sip_req_send(i->ua, &c, fn, ctx, out);
	sip_ua_text_drop(&w);
	if (!err)
		inv_set_flow(i, sip_req_flow(*out));
	return err;
}

void inv_send_bye(struct inv *i, struct inv_fork *f, struct slice lines)
{
	struct inv_body none = { 0 };
	struct sip_req *r;

	if (inv_send(i, f, SIP_M_BYE, lines, none, NULL, NULL, NULL, &r))
		log_ev(LOG_NOTICE, "BYE not sent", F_TEXT("IPDECT_SIP_CALL_ID", f->dlg->call_id));
	f->dlg->state = DLG_ENDED;
}

/* ---- the end ---- */

static void stop(struct inv *i)
{
	tmr_stop(&i->repeat);
	tmr_stop(&i->rel_tmr);
	tmr_stop(&i->se_tmr);
	inv_drop_rel(i);
	inv_mod_drop(i);
	LIST_FOREACH(&i->reqs, it)
	inv_request_drop(LIST_ENTRY(it, struct inv_req, node));
	if (i->in_tx) {
		struct tx *tx = i->in_tx;
		i->in_tx = NULL;
		tx_forget(tx);
		(void)tx_refuse(tx, 487, NULL);
	}
}

static void destroy(struct inv *i)
{
	stop(i);
	inv_early_stop(i);
	while (!list_empty(&i->forks))
		inv_fork_free(LIST_ENTRY(i->forks.next, struct inv_fork, node));
	sip_req_forget(i->req);
	sip_req_forget(i->acked_req);
	if (i->tx)
		tx_forget(i->tx);
	if (i->acc_tx)
		tx_forget(i->acc_tx);
	if (i->prack_tx)
		tx_forget(i->prack_tx);
	list_remove(&i->node);
	dlg_free(i->half);
	tp_flow_unref(i->flow);
	inv_text_drop(&i->text);
	inv_text_drop(&i->later);
	mem_free_wiped(i->sdp, i->nsdp);
	free(i->sdp_type);
	free(i->supports);
	free(i->bye_lines);
	free(i->dest);
	free(i->lines);
	free(i->credential);
	free(i);
}

/* A CANCEL may still be crossed by a 2xx, and our 2xx still waits for the ACK that lets us send BYE. */
static bool owes(const struct inv *i)
{
	return (i->req && !i->final) || (i->state == INV_ACCEPTED && i->bye_lines);
}

static void on_reap(struct tmr *t, void *ctx)
{
	struct inv *i = ctx;

	(void)t;
	if (!owes(i))
		destroy(i);
}

/* From the loop: something of the session may be on the stack. */
void inv_maybe_free(struct inv *i)
{
	if (i->conf.ops != &deaf || owes(i))
		return;
	tmr_stop(&i->se_tmr);
	tmr_init(&i->se_tmr, i->ua->wheel, on_reap, i);
	tmr_start(&i->se_tmr, 0);
}

void inv_over(struct inv *i, enum inv_end why, const struct sip_msg *m)
{
	i->state = INV_OVER;
	stop(i);
	if (i->main)
		i->main->dlg->state = DLG_ENDED;
	if (!i->told) {
		i->told = true;
		if (i->conf.ops->ended)
			i->conf.ops->ended(i->conf.ctx, i, why, m);
	}
	inv_maybe_free(i);
}

static void on_bye_done(
    void *ctx, struct sip_req *r, enum sip_req_ev ev, const struct sip_msg *rsp, int err)
{
	struct inv_req *q = ctx;
	struct inv *i = q->i;

	(void)r;
	(void)rsp;
	(void)err;
	if (ev != SIP_REQ_DONE)
		return;
	list_remove(&q->node);
	free(q);
	inv_over(i, INV_END_LOCAL, NULL);
}

void inv_bye(struct inv *i, struct slice lines)
{
	struct inv_body none = { 0 };
	struct inv_req *q;

	if (!inv_is_up(i) || !i->main || i->bye_lines)
		return;
	if (i->state == INV_ACCEPTED) { /* RFC 3261 15: not before the ACK, or its time is over */
		i->bye_lines = slice_dup(lines);
		return;
	}
	i->state = INV_OVER;
	stop(i);
	q = mem_new(sizeof(*q));
	q->i = i;
	q->method = SIP_M_BYE;
	if (inv_send(i, i->main, SIP_M_BYE, lines, none, on_bye_done, q, NULL, &q->req)) {
		free(q);
		inv_over(i, INV_END_LOCAL, NULL);
		return;
	}
	list_append(&i->reqs, &q->node);
	i->main->dlg->state = DLG_ENDED;
}

void inv_free(struct inv *i)
{
	if (!i || i->conf.ops == &deaf)
		return;
	i->told = true;
	i->conf.ops = &deaf;
	switch (i->state) {
	case INV_CALLING:
		inv_cancel(i, SLICE_LIT(""));
		break;
	case INV_RINGING:
		(void)inv_refuse(i, 480, SLICE_LIT(""), SLICE_LIT(""));
		break;
	case INV_ACCEPTED:
		inv_bye(i, SLICE_LIT(""));
		break;
	case INV_UP:
		inv_send_bye(i, i->main, SLICE_LIT(""));
		i->state = INV_OVER;
		break;
	case INV_OVER:
		break;
	}
	if (i->state == INV_OVER)
		stop(i);
	inv_maybe_free(i);
}

void inv_end_all(struct sip_ua *ua)
{
	while (!list_empty(&ua->invs))
		destroy(LIST_ENTRY(ua->invs.next, struct inv, node));
}

/* ---- what comes inside ---- */

static void on_bye(struct inv *i, struct tx *tx, const struct sip_msg *req)
{
	struct inv_body none = { 0 };

	(void)tx_refuse(tx, 200, NULL);
	if (i->tx) { /* RFC 3261 15.1.2 */
		struct tx *inv = i->tx;
		i->tx = NULL;
		tx_forget(inv);
		(void)tx_refuse(inv, 487, NULL);
	}
	/* Ends an early dialog of ours: the INVITE gets its 487 from there. */
	if (i->state == INV_CALLING && i->req)
		sip_req_cancel(i->req, none.type);
	free(i->bye_lines);
	i->bye_lines = NULL;
	inv_over(i, INV_END_BYE, req);
}

static void on_request(
    struct sip_usage *u, struct tx *tx, const struct sip_msg *req, struct tp_flow *flow)
{
	struct inv_fork *f = CONTAINER_OF(u, struct inv_fork, usage);
	struct inv *i = f->i;

	inv_set_flow(i, flow);
	if (req->method == SIP_M_ACK) {
		inv_acked(i, req);
		return;
	}
	tx_set_owner(tx, i->conf.owner);
	if (i->state == INV_OVER && req->method != SIP_M_BYE) {
		(void)tx_refuse(tx, 481, NULL);
		return;
	}
	if (i->main &&
	    f !=
	        i->main) { /* of a fork whose answer was not taken: the session is another dialog's */
		(void)tx_refuse(tx, req->method == SIP_M_BYE ? 200 : 481, NULL);
		return;
	}
	switch (req->method) {
	case SIP_M_BYE:
		on_bye(i, tx, req);
		break;
	case SIP_M_INVITE:
	case SIP_M_UPDATE:
		inv_on_change(i, f, tx, req);
		break;
	case SIP_M_PRACK:
		inv_on_prack(i, tx, req);
		break;
	default:
		if (i->conf.ops->request)
			i->conf.ops->request(i->conf.ctx, i, tx, req);
		else
			(void)tx_refuse(tx, 405, NULL);
		break;
	}
}
