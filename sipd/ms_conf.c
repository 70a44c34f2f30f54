/* LYNC: a handset's way into a conference: invited, at the focus, at the audio-video server. */
#include "sipd/ms_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/sax.h"
#include "sipd/ms.h"
#include "sipd/ms_adhoc.h"
#include "sipd/reg.h"

#define GAP_MS     1000
#define GAP_MAX_MS 60000
#define LATER_MS   30000

static const struct inv_body no_body;

struct ms_conf {
	struct sipd *s;
	struct leg_sip *leg;     /* whose it is; NULL: it is being made */
	struct ms_adhoc *making; /* by whom */
	struct inv *focus;
	struct sub *sub;
	struct tmr again;  /* the subscription, anew */
	uint64_t asked_ms; /* when that was last; 0: never */
	uint32_t gap_ms;   /* how long after it the next one may be */
	struct roster roster;
	struct conf_invite v;
	char conversation[72], shown[129]; /* shown: on the display */
};

static void on_again(struct tmr *t, void *ctx);

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
		*l->conf = (struct ms_conf){ .s = l->leg.sipd, .leg = l, .v = v };
		(void)snprintf(
		    l->conf->conversation, sizeof(l->conf->conversation), "%s", l->conversation);
		tmr_init(&l->conf->again, l->leg.sipd->d->wheel, on_again, l->conf);
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

	if (c->making)
		ms_adhoc_failed(c->making, cause_name(cause));
	else if (c->leg && !c->leg->leg.gone)
		(void)call_event(c->leg->leg.call, CALL_EV_END, &arg);
}

static void refused(
    struct ms_conf *c, unsigned status, int err, const char *why, const char *remedy)
{
	log_ev(LOG_NOTICE, "conference not joined", F_CALL(c->leg ? c->leg->leg.ref : 0),
	    F_TEXT("IPDECT_URI", c->v.focus), F_U64("IPDECT_STATUS", status), F_ERR(err),
	    F_WHY(why), F_REMEDY(remedy));
	give_up(c, status == 403 ? CAUSE_FORBIDDEN : CAUSE_UNREACHABLE);
}

static struct user *whose(const struct ms_conf *c)
{
	struct leg *own = c->leg ? call_other(c->leg->leg.call, &c->leg->leg) : NULL;

	return c->making ? ms_adhoc_user(c->making) : own ? own->user : NULL;
}

bool ms_conf_at(const struct leg *far)
{
	const struct leg_sip *l =
	    far && far->ops == &leg_sip_ops ? CONTAINER_OF(far, struct leg_sip, leg) : NULL;

	return l && l->conf && !l->inviting;
}

/* ---- who takes part ---- */

void ms_conf_text(const struct ms_conf *c, char *out, size_t cap)
{
	char aor[400];
	struct wr wa = wr_of(aor, sizeof(aor)), w = wr_of(out, cap);
	const struct user *u = c ? whose(c) : NULL;

	*out = '\0';
	if (!u || !c->roster.known)
		return;
	sipd_put_aor(c->s, &wa, u, false); /* <sip:user@domain> */
	if (!wr_nul(&wa) || wa.n < 2)
		return;
	aor[wa.n - 1] = '\0';
	roster_text(&c->roster, aor + 1, &w);
	out[w.n < cap ? w.n : cap - 1] = '\0';
}

const struct roster *ms_conf_roster(const struct ms_conf *c)
{
	return &c->roster;
}

/* The subject, and how many and who take part. */
void ms_conf_show(struct ms_conf *c)
{
	char who[512], name[700];
	struct leg *own = c->leg ? call_other(c->leg->leg.call, &c->leg->leg) : NULL;
	struct party *p = c->leg ? &c->leg->leg.who : NULL;

	if (!own || own->gone)
		return;
	ms_conf_text(c, who, sizeof(who));
	(void)snprintf(name, sizeof(name), "%s%s%s", c->v.subject[0] ? c->v.subject : "Conference",
	    who[0] ? " " : "", who);
	sax_put_slice(
	    c->shown, sizeof(c->shown), number_cut(slice_str(name), sizeof(c->shown) - 1));
	if (strcmp(p->name, c->shown) == 0)
		return;
	(void)snprintf(p->name, sizeof(p->name), "%s", c->shown);
	own->ops->display(own, p);
}

/* The list is asked for anew: at once, ever more seldom while that does not help. */
static void ask_again(struct ms_conf *c, uint32_t at_least_ms)
{
	uint64_t since = tmr_now(c->s->d->wheel) - c->asked_ms;

	if (tmr_pending(&c->again))
		return;
	if (!c->asked_ms || since > 2ull * GAP_MAX_MS)
		c->gap_ms = 0;
	else
		c->gap_ms = !c->gap_ms                   ? GAP_MS
		            : c->gap_ms < GAP_MAX_MS / 2 ? c->gap_ms * 2
		                                         : GAP_MAX_MS;
	tmr_start(&c->again, c->gap_ms > at_least_ms ? c->gap_ms : at_least_ms);
}

static void on_notify(void *ctx, struct sub *sub, const struct sip_msg *req)
{
	struct ms_conf *c = ctx;
	int err = req->body.n && sip_msg_is_type(req, "application", "conference-info+xml")
	              ? roster_read(&c->roster, req->body)
	              : 0;

	(void)sub;
	if (err) {
		log_ev(LOG_INFO, "participants not understood", F_TEXT("IPDECT_URI", c->v.focus),
		    F_ERR(err));
		if (err == ERR_STATE) /* a part is missing */
			ask_again(c, 0);
		return;
	}
	if (c->making)
		ms_adhoc_seen(c->making, &c->roster);
	else
		ms_conf_show(c);
}

static void on_sub_ended(void *ctx, struct sub *sub, struct slice reason, uint32_t retry_s)
{
	struct ms_conf *c = ctx;

	(void)sub;
	c->sub = NULL; /* the conference goes on without its list */
	/* RFC 6665 4.1.3: which ends are no last word. */
	if (!slice_ieq(reason, SLICE_LIT("noresource")) &&
	    !slice_ieq(reason, SLICE_LIT("rejected")) && !slice_ieq(reason, SLICE_LIT("invariant")))
		ask_again(c, retry_s                                       ? retry_s * 1000
		             : slice_ieq(reason, SLICE_LIT("deactivated")) ? 0
		                                                           : LATER_MS);
	log_ev(LOG_INFO, "participants not told", F_TEXT("IPDECT_URI", c->v.focus),
	    F_STR("IPDECT_WHY", reason));
}

static const struct sub_ops sub_ops = { .notify = on_notify, .ended = on_sub_ended };

static void subscribe(struct ms_conf *c)
{
	struct sipd *s = c->s;
	const struct user *u = whose(c);
	struct tp_flow *f = u ? reg_flow(s, u) : NULL;
	char local[512], remote[NUMBER_MAX + 2], contact[320];
	struct wr wl = wr_of(local, sizeof(local)), wm = wr_of(remote, sizeof(remote)),
	          wc = wr_of(contact, sizeof(contact));
	struct slice route[REG_ROUTES_MAX];

	if (!f)
		return;
	sipd_put_from(s, &wl, u);
	wr_fmt(&wm, "<%s>", c->v.focus);
	sipd_put_dialog_contact(s, &wc, u, f);
	struct dlg_uac d = { .local = wr_slice(&wl),
		.remote = wr_slice(&wm),
		.ruri = slice_str(c->v.focus),
		.contact = wr_slice(&wc),
		.route = route,
		.max_forwards = s->conf->max_forwards };
	d.nroute = reg_routes(u, route);
	struct sub_conf conf = { .ops = &sub_ops,
		.ctx = c,
		.owner = reg_owner(u),
		.event = SLICE_LIT("conference"),
		.lines = SLICE_LIT("Accept: application/conference-info+xml\r\n"),
		.flow = f,
		.try_ms = s->conf->transaction_ms };
	if (wl.bad || wm.bad || wc.bad ||
	    sub_out(s->ua, &conf, dlg_uac_new(&d), SLICE_LIT(""), SLICE_LIT(""), &c->sub))
		c->sub = NULL;
	tp_flow_unref(f);
}

/* Said to the focus, not waited for. */
static void unsubscribe(struct ms_conf *c)
{
	if (c->sub)
		sub_stop(c->sub);
	sub_free(c->sub);
	c->sub = NULL;
}

static void on_again(struct tmr *t, void *ctx)
{
	struct ms_conf *c = ctx;

	(void)t;
	c->asked_ms = tmr_now(c->s->d->wheel) | 1;
	unsubscribe(c);
	c->roster.known = false;
	subscribe(c);
	if (!c->sub)
		ask_again(c, LATER_MS);
}

/* ---- the audio-video server ---- */

int ms_conf_move(struct ms_conf *c, struct leg *stays)
{
	char extra[128] = "";

	if (c->conversation[0])
		(void)snprintf(extra, sizeof(extra), "Ms-Conversation-ID: %s\r\n", c->conversation);
	if (!stays || call_redirect(stays, c->v.avmcu, extra, NULL, NULL))
		return ERR_STATE;
	struct leg *b = stays->call ? stays->call->b : NULL;
	if (!b || b->ops != &leg_sip_ops || b->gone)
		return ERR_LOST; /* the call has ended */
	c->leg = leg_sip_of(b);
	c->leg->conf = c;
	c->making = NULL;
	b->who = (struct party){ .name = "" }; /* not the server's address */
	sipd_calls_changed(c->s, stays->user);
	log_ev(LOG_NOTICE, "conference joined", F_CALL(b->ref), F_TEXT("IPDECT_URI", c->v.focus));
	return 0;
}

/* It takes the inviter's place. */
static void call_avmcu(struct ms_conf *c)
{
	struct leg_sip *from = c->leg;
	struct party who = from->leg.who;
	int err = ms_conf_move(c, call_other(from->leg.call, &from->leg));

	if (err) {
		if (err == ERR_STATE) /* else the invitation takes us along */
			refused(c, 0, ERR_STATE, "the call cannot go on there",
			    "look up the call before this line");
		return;
	}
	from->conf = NULL;
	c->leg->leg.who = who; /* can be called back */
	c->leg->leg.who.name[0] = '\0';
	ms_conf_show(c);
	subscribe(c);
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
	else if (c->making) {
		subscribe(c);
		ms_adhoc_joined(c->making);
	} else if (!c->leg->leg.gone)
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

static void join(struct ms_conf *c, struct user *u)
{
	struct sipd *s = c->s;
	struct ms_ep *e = u ? ms_ep(s, u) : NULL;
	struct tp_flow *f = u ? reg_flow(s, u) : NULL;
	char local[512], remote[NUMBER_MAX + 2], contact[320], lines[1536], aor[400], body[2048];
	struct wr wl = wr_of(local, sizeof(local)), wm = wr_of(remote, sizeof(remote)),
	          wc = wr_of(contact, sizeof(contact)), wx = wr_of(lines, sizeof(lines)),
	          wa = wr_of(aor, sizeof(aor)), wb = wr_of(body, sizeof(body));
	struct slice route[REG_ROUTES_MAX];
	int err = ERR_STATE;

	if (!e || !f) {
		tp_flow_unref(f);
		refused(c, 0, ERR_STATE, "the user is not registered", "dectctl reg list");
		return;
	}
	sipd_put_from(s, &wl, u);
	wr_fmt(&wm, "<%s>", c->v.focus);
	sipd_put_dialog_contact(s, &wc, u, f);
	wr_str(&wx, "Supported: ms-sender\r\n");
	if (c->conversation[0])
		wr_fmt(&wx, "Ms-Conversation-ID: %s\r\n", c->conversation);
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
	tp_flow_unref(f);
	if (err)
		refused(c, 0, err, "the request could not be sent", "dectctl reg list");
}

void ms_conf_join(struct leg_sip *l)
{
	struct leg *own = call_other(l->leg.call, &l->leg);

	join(l->conf, own ? own->user : NULL);
}

struct ms_conf *ms_conf_make(
    struct sipd *s, struct ms_adhoc *a, const char *focus, const char *conversation)
{
	struct ms_conf *c = mem_new(sizeof(*c));

	*c = (struct ms_conf){ .s = s, .making = a };
	tmr_init(&c->again, s->d->wheel, on_again, c);
	(void)snprintf(c->v.focus, sizeof(c->v.focus), "%s", focus);
	(void)snprintf(c->conversation, sizeof(c->conversation), "%s", conversation);
	if (conf_avmcu(focus, c->v.avmcu, sizeof(c->v.avmcu))) {
		free(c);
		return NULL;
	}
	join(c, whose(c));
	return c;
}

void ms_conf_free(struct ms_conf *c)
{
	if (!c)
		return;
	tmr_stop(&c->again);
	unsubscribe(c);
	inv_free(c->focus);
	free(c);
}
