/* LYNC: a handset's way into a conference: invited, at the focus, at the audio-video server. */
#include "sipd/ms_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/ms.h"
#include "sipd/reg.h"

static const struct inv_body no_body;

struct ms_conf {
	struct leg_sip *leg; /* whose it is */
	struct inv *focus;
	struct conf_invite v;
};

/* ---- invited ---- */

bool ms_conf_invited(struct leg_sip *l, struct tx *tx, const struct sip_msg *req)
{
	struct conf_invite v;
	int err;

	if (!l->leg.sipd->conf->lync || !sip_msg_is_type(req, "application", "ms-conf-invite+xml"))
		return false;
	err = conf_invite_read(req->body, &v);
	if (!err && v.audio) {
		l->conf = mem_new(sizeof(*l->conf));
		*l->conf = (struct ms_conf){ .leg = l, .v = v };
		l->inviting = true;
		log_ev(LOG_INFO, "invitation to a conference",
		    F_STR("IPDECT_SIP_CALL_ID", req->call_id), F_TEXT("IPDECT_URI", v.focus),
		    F_TEXT("IPDECT_SUBJECT", v.subject));
		return true;
	}
	/* The user's other endpoints are forks of the same invitation and go on ringing. */
	log_ev(LOG_NOTICE, "invitation to a conference refused", F_ERR(err),
	    F_STR("IPDECT_SIP_CALL_ID", req->call_id), F_STR("IPDECT_FROM", req->from.uri_raw),
	    F_REMEDY(err ? "take it at a desktop client, or dial in by the conference's number"
	                 : "it has no audio: take it at a desktop client"));
	(void)tx_reply(tx, 488, SLICE_LIT(""),
	    SLICE_LIT(
	        "ms-client-diagnostics: 52063;reason=\"Unsupported session description\"\r\n"),
	    SLICE_LIT(""), SLICE_LIT(""));
	return true;
}

/* ---- the focus ---- */

static void give_up(struct ms_conf *c, enum cause cause)
{
	struct call_arg arg = { .cause = cause };

	if (c->leg && !c->leg->leg.gone)
		(void)call_event(c->leg->leg.call, CALL_EV_END, &arg);
}

static void refused(
    struct ms_conf *c, unsigned status, int err, const char *why, const char *remedy)
{
	log_ev(LOG_NOTICE, "conference not joined", F_CALL(c->leg->leg.ref),
	    F_TEXT("IPDECT_URI", c->v.focus), F_U64("IPDECT_STATUS", status), F_ERR(err),
	    F_WHY(why), F_REMEDY(remedy));
	give_up(c, status == 403 ? CAUSE_FORBIDDEN : CAUSE_UNREACHABLE);
}

/* The audio-video server takes the inviter's place. */
static void call_avmcu(struct ms_conf *c)
{
	struct leg_sip *from = c->leg;
	struct leg *stays = call_other(from->leg.call, &from->leg);
	struct party who = from->leg.who;
	char extra[128] = "";

	if (from->conversation[0])
		(void)snprintf(
		    extra, sizeof(extra), "Ms-Conversation-ID: %s\r\n", from->conversation);
	if (!stays || call_redirect(stays, c->v.avmcu, extra, NULL, NULL)) {
		refused(c, 0, ERR_STATE, "the call cannot go on there",
		    "look up the call before this line");
		return;
	}
	struct leg *b = stays->call ? stays->call->b : NULL;
	if (!b || b->ops != &leg_sip_ops || b->gone)
		return; /* the call has ended; the invitation takes us along */
	from->conf = NULL;
	c->leg = leg_sip_of(b);
	c->leg->conf = c;
	b->who = who; /* can be called back */
	(void)snprintf(
	    b->who.name, sizeof(b->who.name), "%s", c->v.subject[0] ? c->v.subject : "Conference");
	stays->ops->display(stays, &b->who);
	log_ev(LOG_NOTICE, "conference joined", F_CALL(b->ref), F_TEXT("IPDECT_URI", c->v.focus));
}

static void on_progress(void *ctx, struct inv *i, const struct sip_msg *rsp)
{
	(void)ctx, (void)i, (void)rsp;
}

static void on_answered(void *ctx, struct inv *i, const struct sip_msg *rsp)
{
	struct ms_conf *c = ctx;
	char why[160] = "the answer is not understood";
	int err = sip_msg_is_type(rsp, "application", "cccp+xml")
	              ? conf_response_read(rsp->body, why, sizeof(why))
	              : ERR_SYNTAX;

	(void)i;
	if (err)
		refused(c, rsp->status, err, why,
		    "the conference's organizer decides who may join: have it admit the user");
	else if (!c->leg->leg.gone)
		call_avmcu(c);
}

static void on_failed(void *ctx, struct inv *i, unsigned status, const struct sip_msg *rsp, int err)
{
	struct ms_conf *c = ctx;
	char why[400];

	(void)i;
	ms_call_why(rsp, why, sizeof(why));
	refused(c, status, err, why, "the conference may be over, or not open for this user");
}

/* A refresh of the session. */
static void on_offer(void *ctx, struct inv *i, const struct sip_msg *req)
{
	(void)ctx, (void)req;
	(void)inv_answer(i, 200, SLICE_LIT(""), no_body);
}

static void on_request(void *ctx, struct inv *i, struct tx *tx, const struct sip_msg *req)
{
	(void)ctx, (void)i;
	if (req->method == SIP_M_INFO || req->method == SIP_M_NOTIFY ||
	    req->method == SIP_M_OPTIONS)
		(void)tx_reply(tx, 200, SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""));
	else
		(void)tx_refuse(tx, 405, "Method Not Allowed");
}

static void on_reply(
    void *ctx, struct inv *i, enum sip_method m, const struct sip_msg *rsp, int err)
{
	(void)ctx, (void)i, (void)m, (void)rsp, (void)err;
}

static void on_ended(void *ctx, struct inv *i, enum inv_end why, const struct sip_msg *m)
{
	struct ms_conf *c = ctx;

	(void)i, (void)m;
	if (why != INV_END_LOCAL)
		give_up(c, why == INV_END_BYE ? CAUSE_NORMAL : CAUSE_PEER_LOST);
}

static const struct inv_ops focus_ops = {
	.progress = on_progress,
	.answered = on_answered,
	.failed = on_failed,
	.offer = on_offer,
	.request = on_request,
	.reply = on_reply,
	.ended = on_ended,
};

void ms_conf_join(struct leg_sip *l)
{
	struct ms_conf *c = l->conf;
	struct sipd *s = l->leg.sipd;
	struct leg *own = call_other(l->leg.call, &l->leg);
	struct user *u = own ? own->user : NULL;
	struct ms_ep *e = u ? ms_ep(s, u) : NULL;
	struct tp_flow *f = u ? reg_flow(s, u) : NULL;
	char local[512], remote[NUMBER_MAX + 2], contact[320], lines[1536], aor[400], body[2048];
	struct wr wl = wr_of(local, sizeof(local)), wm = wr_of(remote, sizeof(remote)),
	          wc = wr_of(contact, sizeof(contact)), wx = wr_of(lines, sizeof(lines)),
	          wa = wr_of(aor, sizeof(aor)), wb = wr_of(body, sizeof(body));
	struct slice route[REG_ROUTES_MAX];
	int err = ERR_STATE;

	if (!e || !f) {
		refused(c, 0, ERR_STATE, "the user is not registered", "dectctl reg list");
		return;
	}
	sipd_put_from(s, &wl, u);
	wr_fmt(&wm, "<%s>", c->v.focus);
	sipd_put_dialog_contact(s, &wc, u, f);
	wr_str(&wx, "Supported: ms-sender\r\n");
	if (l->conversation[0])
		wr_fmt(&wx, "Ms-Conversation-ID: %s\r\n", l->conversation);
	if (s->hooks->lines)
		s->hooks->lines(s, u, SIP_M_INVITE, &wx);
	sipd_put_aor(s, &wa, u, false); /* <sip:user@domain> */
	if (wr_nul(&wa) && wa.n > 2) {
		aor[wa.n - 1] = '\0';
		conf_put_add_user(&wb, aor + 1, c->v.focus, e->uuid);
	}
	struct inv_conf conf = { .ops = &focus_ops,
		.ctx = c,
		.owner = reg_owner(u),
		.credential = slice_str(u->f[USER_NAME]),
		.se_s = s->conf->session_expires,
		.rel100_off = true,
		.lines = wr_slice(&wx),
		.flow = f,
		.try_ms = s->conf->transaction_ms,
		.stick = s->conf->to_registrar };
	struct dlg_uac d = { .local = wr_slice(&wl),
		.remote = wr_slice(&wm),
		.ruri = slice_str(c->v.focus),
		.contact = wr_slice(&wc),
		.route = route,
		.max_forwards = s->conf->max_forwards };
	d.nroute = reg_routes(u, route);
	struct inv_body b = { SLICE_LIT("application/cccp+xml"), wr_slice(&wb) };
	if (!wl.bad && !wm.bad && !wc.bad && !wx.bad && !wb.bad && wb.n)
		err = inv_out(s->ua, &conf, dlg_uac_new(&d), b, &c->focus);
	if (err)
		refused(c, 0, err, "the request could not be sent", "dectctl reg list");
}

void ms_conf_free(struct ms_conf *c)
{
	if (!c)
		return;
	inv_free(c->focus);
	free(c);
}
