/* The SIP leg: outgoing and incoming INVITE sessions, their offers and answers. */
#include "sipd/leg_sip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/prov.h"
#include "sipd/reg.h"
#include "sipd/sdp_body.h"

static struct inv_body sdp_body(const struct wr *w)
{
	return (struct inv_body){ SLICE_LIT("application/sdp"), wr_slice(w) };
}

static const struct inv_body no_body;

void leg_sip_gone(struct leg_sip *l, enum cause cause)
{
	struct call_arg arg = { .leg = &l->leg, .cause = cause };

	l->leg.gone = true;
	(void)call_event(l->leg.call, CALL_EV_GONE, &arg);
}

static void failed_call(struct leg_sip *l, enum cause cause, const char *target)
{
	struct call_arg arg = { .leg = &l->leg, .cause = cause, .target = target };

	l->leg.gone = true;
	(void)call_event(l->leg.call, CALL_EV_FAILED, &arg);
}

/* ---- media ---- */

static void local_address(struct leg_sip *l)
{
	struct leg *g = &l->leg;

	l->oa.rtp = *media_rtp(g->media, g->side);
	l->oa.rtcp = *media_rtcp(g->media, g->side);
}

static void apply(struct leg_sip *l)
{
	if (l->leg.media)
		media_apply(l->leg.media, l->leg.side, &l->oa.result);
}

/* make: oa_offer or oa_answer. */
static int write_sdp(struct leg_sip *l, struct wr *w, int (*make)(struct oa *, struct wr *))
{
	char extra[2048];
	struct wr x = wr_of(extra, sizeof(extra));
	struct sipd *s = l->leg.sipd;

	local_address(l);
	if (s->hooks->sdp)
		s->hooks->sdp(s, l->leg.media, &x);
	l->oa.extra = x.bad ? (struct slice){ 0 } : wr_slice(&x);
	int err = make(&l->oa, w);
	l->oa.extra = (struct slice){ 0 };
	return err;
}

static void open_media(struct leg_sip *l)
{
	struct media_leg net = { .on = true };

	if (l->oa.asked && l->oa.next.rtp.n == 16)
		net.ipv6 = true;
	l->leg.side = MEDIA_NETWORK;
	l->leg.media = media_open(l->leg.sipd->media, l->leg.ref, &net, NULL, NULL, &l->leg.mu);
}

/* ---- outgoing ---- */

static void send_invite(struct leg_sip *l)
{
	struct sipd *s = l->leg.sipd;
	const struct user *u = l->leg.user;
	char local[512], remote[600], lines[1536], offer[SDP_MAX];
	struct wr wl = wr_of(local, sizeof(local)), wm = wr_of(remote, sizeof(remote)),
	          wx = wr_of(lines, sizeof(lines)), wo = wr_of(offer, sizeof(offer)),
	          wc = wr_of(l->contact, sizeof(l->contact));
	struct inv_conf conf = { .ops = &leg_inv_ops,
		.ctx = l,
		.owner = u ? reg_owner(u) : 0,
		.se_s = s->conf->session_expires,
		.rel100_off = !s->conf->rel100,
		.flow = l->flow,
		.try_ms = s->conf->transaction_ms,
		.stick = s->conf->to_registrar && l->flow };
	int err = write_sdp(l, &wo, oa_offer);

	if (u && user_on(u, USER_NAME) && l->caller.uri[0] && !s->hooks_ctx &&
	    l->leg.call->a->user != u) {
		/* A call that was sent on shows who began it, on behalf of who sent it on. */
		struct wr aor = wr_of(remote, sizeof(remote));
		sipd_put_aor(s, &aor, u, false);
		struct slice uri = wr_slice(&aor);
		if (uri.n > 2)
			uri = slice_sub(uri, 1, uri.n - 2);
		sip_addr_put(&wl, slice_str(l->caller.name), uri);
		wm = wr_of(remote, sizeof(remote));
	} else if (u) {
		sipd_put_from(s, &wl, u);
	} else {
		sip_addr_put(&wl, slice_str(l->caller.name),
		    slice_str(
		        l->caller.uri[0] ? l->caller.uri : "sip:anonymous@anonymous.invalid"));
	}
	wr_fmt(&wm, "<%s>", l->uri);
	sipd_put_dialog_contact(s, &wc, u, l->flow);
	wr_str(&wx, l->extra ? l->extra : "");
	if (s->hooks->lines)
		s->hooks->lines(s, u, SIP_M_INVITE, &wx);
	if (err || wl.bad || wm.bad || wx.bad || wc.bad) {
		log_ev(LOG_WARNING, "no INVITE could be written", F_CALL(l->leg.ref), F_ERR(err));
		failed_call(l, CAUSE_INTERNAL, NULL);
		return;
	}
	conf.lines = wr_slice(&wx);
	struct slice route[REG_ROUTES_MAX];
	struct dlg_uac d = { .local = wr_slice(&wl),
		.remote = wr_slice(&wm),
		.ruri = slice_str(l->uri),
		.contact = wr_slice(&wc),
		.max_forwards = s->conf->max_forwards };
	d.nroute = reg_routes(u, route);
	d.route = route;
	err = inv_out(s->ua, &conf, dlg_uac_new(&d), sdp_body(&wo), &l->inv);
	mem_wipe(offer, sizeof(offer));
	if (err) {
		log_ev(LOG_WARNING, "INVITE not sent", F_CALL(l->leg.ref), F_ERR(err));
		failed_call(l, CAUSE_CONGESTION, NULL);
		return;
	}
	l->sent = true;
	oa_fork(&l->base, &l->oa);
}

static void resolved(void *ctx, int err, const struct resolve_result *res)
{
	struct leg_sip *l = ctx;

	l->q = NULL;
	for (unsigned i = 0; !err && i < res->n && !l->flow; i++)
		if (tp_flow_to(sip_ua_tp(l->leg.sipd->ua), &res->dest[i], &l->flow))
			l->flow = NULL;
	if (!l->flow) {
		log_ev(LOG_NOTICE, "no way to the called party", F_CALL(l->leg.ref),
		    F_TEXT("IPDECT_URI", l->uri), F_ERR(err),
		    F_REMEDY("check DNS and the proxies in the configuration"));
		failed_call(l, CAUSE_UNKNOWN_NUMBER, NULL);
		return;
	}
	if (l->leg.media && media_ready(l->leg.media))
		send_invite(l);
}

/* Media and flow: whichever is there last sends. */
static int go(struct leg_sip *l)
{
	struct sipd *s = l->leg.sipd;
	struct sip_uri uri;

	l->flow = reg_flow(s, l->leg.user);
	if (!l->flow) {
		const char *hop = reg_hop(s, l->leg.user);
		if (sip_uri_parse(&uri, slice_str(hop ? hop : l->uri)))
			return ERR_SYNTAX;
		l->q = resolve_uri(sip_ua_resolve(s->ua), &uri, resolved, l);
	}
	if (!l->leg.media)
		open_media(l);
	else if (l->flow && media_ready(l->leg.media))
		send_invite(l);
	return 0;
}

static int op_offer(
    struct leg *g, const struct party *caller, const struct party *diverted, bool waiting)
{
	struct leg_sip *l = leg_sip_of(g);

	(void)diverted; /* is in the header lines */
	(void)waiting;
	l->caller = *caller;
	return go(l);
}

static void on_media(
    struct media_user *u, struct media *m, enum media_event ev, enum media_side side, int v);

struct leg_sip *leg_sip_make(struct sipd *s, struct user *u)
{
	struct leg_sip *l = mem_new(sizeof(*l));

	leg_init(&l->leg, s, &leg_sip_ops);
	l->leg.user = u;
	l->leg.ref = id_u64();
	l->leg.mu.ev = on_media;
	oa_init(&l->oa, prov_oa(s, u));
	return l;
}

struct leg *leg_sip_new(struct sipd *s, struct user *u, struct slice uri, struct slice extra)
{
	struct leg_sip *l = leg_sip_make(s, u);

	l->out = true;
	l->uri = mem_dup(uri.p, uri.n);
	l->extra = mem_dup(extra.p ? extra.p : "", extra.n);
	return &l->leg;
}

static void go_on(struct leg_sip *l);

/* The answer of a fork that is not the one that oa knows: start again from the offer. */
static void choose_fork(struct leg_sip *l, struct slice tag)
{
	if (l->fork[0] && !slice_eq(tag, slice_str(l->fork))) {
		oa_fini(&l->oa);
		oa_fork(&l->oa, &l->base);
	}
	if (slice_copy(tag, l->fork, sizeof(l->fork)))
		l->fork[0] = '\0';
}

static void on_progress(void *ctx, struct inv *i, const struct sip_msg *rsp)
{
	struct leg_sip *l = ctx;
	struct slice sdp;
	bool early = false;

	(void)i;
	if (l->leg.gone)
		return;
	if (sdp_of_msg(rsp, &sdp) == 0) {
		choose_fork(l, rsp->to_tag);
		if (l->oa.offered) {
			int err = oa_answered(&l->oa, sdp);
			if (err)
				log_ev(LOG_INFO, "early answer not usable", F_CALL(l->leg.ref),
				    F_ERR(err));
			else
				apply(l);
		}
		early = l->oa.established && !l->oa.offered;
	}
	if (early) {
		(void)call_event(l->leg.call, CALL_EV_EARLY, NULL);
	} else if (rsp->status == 180) {
		party_of_identity(&l->leg.who, rsp, slice_str(l->leg.sipd->conf->default_domain));
		(void)call_event(l->leg.call, CALL_EV_RINGING, NULL);
	} else {
		(void)call_event(l->leg.call, CALL_EV_TRYING, NULL);
	}
}

static void on_answered(void *ctx, struct inv *i, const struct sip_msg *rsp)
{
	struct leg_sip *l = ctx;
	struct slice sdp;
	struct party who = l->leg.who;
	int err = sdp_of_msg(rsp, &sdp);

	choose_fork(l, rsp->to_tag);
	if (l->oa.offered)
		err = err ? err : oa_answered(&l->oa, sdp);
	else
		err = l->oa.established ? 0 : ERR_SYNTAX;
	if (err) {
		log_ev(LOG_NOTICE, "the answer cannot be used: call ended", F_CALL(l->leg.ref),
		    F_ERR(err),
		    F_REMEDY("compare codecs and the encryption setting with the far end's"));
		inv_bye(i, SLICE_LIT("Reason: SIP;cause=488;text=\"Not acceptable here\"\r\n"));
		failed_call(l, CAUSE_CODEC, NULL);
		return;
	}
	apply(l);
	(void)party_of_identity(&who, rsp, slice_str(l->leg.sipd->conf->default_domain));
	struct call_arg arg = { .leg = &l->leg, .party = &who };
	(void)call_event(l->leg.call, CALL_EV_ANSWER, &arg);
	go_on(l);
}

static void on_credentials(void *ctx, int err, struct slice lines)
{
	struct leg_sip *l = ctx;
	struct inv_body body = { SLICE_LIT("application/sdp"), slice_str(l->oa.local) };

	l->auth = NULL;
	if (!err)
		err = inv_retry(l->inv, lines, body);
	if (err) {
		log_ev(LOG_WARNING, "INVITE not authenticated", F_CALL(l->leg.ref), F_ERR(err),
		    F_REMEDY("set the user's password: dectctl user password"));
		failed_call(l, CAUSE_FORBIDDEN, NULL);
	}
}

static void on_failed(void *ctx, struct inv *i, unsigned status, const struct sip_msg *rsp, int err)
{
	struct leg_sip *l = ctx;
	struct sipd *s = l->leg.sipd;
	struct sip_addr contact;
	char target[NUMBER_MAX];
	enum cause cause = cause_of_status(status);

	(void)i;
	if (l->leg.gone)
		return;
	if (rsp && (status == 401 || status == 407) && !l->tried_auth && l->leg.user) {
		l->tried_auth = true;
		if (s->hooks->challenge && s->hooks->challenge(s, l->leg.user, rsp))
			return;
		if (auth_answer(s, l->leg.user, rsp, SLICE_LIT("INVITE"), slice_str(l->uri),
		        slice_str(l->oa.local), on_credentials, l, &l->auth) == 0)
			return;
	}
	log_ev(LOG_NOTICE, "call refused by the far end", F_CALL(l->leg.ref),
	    F_U64("IPDECT_STATUS", status), F_ERR(err));
	if (rsp && status >= 300 && status < 400 && sip_msg_contact(rsp, &contact) == 0 &&
	    slice_copy(contact.uri_raw, target, sizeof(target)) == 0) {
		failed_call(l, CAUSE_FORWARDED, target);
		return;
	}
	if (!rsp)
		cause = err == ERR_TIMEOUT || err == ERR_LOST ? CAUSE_PEER_LOST : CAUSE_UNREACHABLE;
	else if (party_elsewhere(rsp))
		cause = CAUSE_ELSEWHERE;
	if (!rsp)
		reg_suspect(s, l->leg.user);
	struct call_arg arg = { .leg = &l->leg, .cause = cause, .silent = !rsp };
	l->leg.gone = true;
	(void)call_event(l->leg.call, CALL_EV_FAILED, &arg);
}

/* ---- in the session ---- */

/* Who is at our end now (RFC 3325): for displays behind the far end. */
static void put_identity(struct leg_sip *l, struct wr *w)
{
	const struct sipd *s = l->leg.sipd;
	const struct party *p = &l->far;
	char uri[400];
	struct wr wu = wr_of(uri, sizeof(uri));

	if (s->conf->lync && s->conf->lync_auth == MS_AUTH_NTLM)
		return; /* a client may not assert: the server does, from the registration */

	if (p->anonymous) {
		wr_str(w, "P-Asserted-Identity: \"Anonymous\" <sip:anonymous@anonymous.invalid>\r\n"
		          "Privacy: id\r\n");
		return;
	}
	if (p->uri[0]) {
		wr_str(&wu, p->uri);
	} else if (p->number[0]) {
		wr_str(&wu, s->conf->sips ? "sips:" : "sip:");
		sip_escape_user(&wu, slice_str(p->number));
		wr_fmt(
		    &wu, "@%s", s->conf->default_domain[0] ? s->conf->default_domain : "localhost");
	} else {
		return;
	}
	if (wu.bad)
		return;
	wr_str(w, "P-Asserted-Identity: ");
	sip_addr_put(w, slice_str(p->name), wr_slice(&wu));
	wr_str(w, "\r\n");
}

/* Tells it: by UPDATE, or by a re-INVITE with the description as it is. */
static void say_identity(struct leg_sip *l)
{
	char lines[700];
	struct wr w = wr_of(lines, sizeof(lines));
	int err;

	l->say = false;
	if (!l->inv || l->leg.gone)
		return;
	put_identity(l, &w);
	if (w.bad || w.n == 0)
		return;
	if (!inv_is_up(l->inv) || l->oa.offered || l->oa.asked) {
		l->say = true;
		return;
	}
	if (inv_peer_allows(l->inv, SIP_M_UPDATE)) {
		err = inv_offer(l->inv, true, wr_slice(&w), no_body);
	} else {
		char text[SDP_MAX];
		struct wr wo = wr_of(text, sizeof(text));
		if (!l->leg.media || write_sdp(l, &wo, oa_offer))
			return;
		err = inv_offer(l->inv, false, wr_slice(&w), sdp_body(&wo));
		mem_wipe(text, sizeof(text));
		if (err)
			oa_withdraw(&l->oa);
	}
	l->say = err == ERR_BUSY;
}

/* What had to wait while the session was being changed. */
static void go_on(struct leg_sip *l)
{
	if (l->again)
		leg_sip_reoffer(l);
	if (l->say)
		say_identity(l);
}

void leg_sip_reoffer(struct leg_sip *l)
{
	char text[SDP_MAX];
	struct wr w = wr_of(text, sizeof(text));

	l->again = false;
	if (!l->inv || l->leg.gone)
		return;
	if (!inv_is_up(l->inv) || l->oa.offered || l->oa.asked) {
		l->again = true;
		return;
	}
	if (!l->leg.media || write_sdp(l, &w, oa_offer))
		return;
	int err = inv_offer(l->inv, false, SLICE_LIT(""), sdp_body(&w));
	if (err) {
		oa_withdraw(&l->oa);
		l->again = err == ERR_BUSY;
	}
	mem_wipe(text, sizeof(text));
}

static void on_reoffer_credentials(void *ctx, int err, struct slice lines)
{
	struct leg_sip *l = ctx;
	struct inv_body body = { SLICE_LIT("application/sdp"), slice_str(l->oa.local) };

	l->auth = NULL;
	if (l->leg.gone)
		return;
	if (!err)
		err = inv_offer(l->inv, false, lines, body);
	if (err)
		oa_withdraw(&l->oa);
}

static void on_reply(
    void *ctx, struct inv *i, enum sip_method m, const struct sip_msg *rsp, int err)
{
	struct leg_sip *l = ctx;
	struct sipd *s = l->leg.sipd;
	struct slice sdp;

	if (l->leg.gone)
		return;
	if (m == SIP_M_REFER) {
		refer_reply(l, rsp, err);
		return;
	}
	if (m != SIP_M_INVITE && m != SIP_M_UPDATE)
		return; /* INFO: nothing follows from it */
	if (rsp && (rsp->status == 401 || rsp->status == 407) && l->leg.user && !l->auth &&
	    l->oa.offered &&
	    auth_answer(s, l->leg.user, rsp, sip_method_name(m), slice_str(inv_dlg(i)->target),
	        slice_str(l->oa.local), on_reoffer_credentials, l, &l->auth) == 0)
		return;
	if (rsp && rsp->status >= 200 && rsp->status < 300 && l->oa.offered) {
		err = sdp_of_msg(rsp, &sdp);
		err = err ? err : oa_answered(&l->oa, sdp);
		if (err)
			log_ev(LOG_NOTICE, "the answer to a change cannot be used",
			    F_CALL(l->leg.ref), F_ERR(err));
		else
			apply(l);
	} else if (rsp && rsp->status >= 300) {
		log_ev(LOG_INFO, "a change of the session was refused", F_CALL(l->leg.ref),
		    F_U64("IPDECT_STATUS", rsp->status));
	}
	oa_withdraw(&l->oa);
	if (!rsp && err == ERR_BUSY)
		l->again =
		    true; /* the far end's own change is answered first, ours comes after it */
	else
		go_on(l);
}

/* Says why an offer is refused (MS-OCER texts are LYNC:, and harmless elsewhere). */
struct slice leg_sip_refusal(int err)
{
	if (err == ERR_DENIED)
		return SLICE_LIT(
		    "Warning: 304 ipdect \"Encryption levels do not match\"\r\n"
		    "ms-client-diagnostics: 52017;reason=\"Encryption levels dont match\"\r\n");
	if (err == ERR_UNSUPP)
		return SLICE_LIT("Warning: 305 ipdect \"No common codec\"\r\n");
	return SLICE_LIT(
	    "Warning: 399 ipdect \"Session description not understood\"\r\n"
	    "ms-client-diagnostics: 52063;reason=\"Unsupported session description\"\r\n");
}

/* The far end is somebody else now (a transfer behind the PBX). */
static void on_identity(void *ctx, struct inv *i, const struct sip_msg *req)
{
	struct leg_sip *l = ctx;
	struct party who = l->leg.who;

	(void)i;
	if (l->leg.gone ||
	    !party_of_identity(&who, req, slice_str(l->leg.sipd->conf->default_domain)) ||
	    strcmp(who.number, l->leg.who.number) == 0)
		return;
	struct call_arg arg = { .leg = &l->leg, .party = &who };
	(void)call_event(l->leg.call, CALL_EV_IDENTITY, &arg);
}

static void on_offer(void *ctx, struct inv *i, const struct sip_msg *req)
{
	struct leg_sip *l = ctx;
	char text[SDP_MAX];
	struct wr w = wr_of(text, sizeof(text));
	struct slice sdp;
	bool same, was_held = l->oa.result.held;
	int err = sdp_of_msg(req, &sdp);

	if (l->leg.gone) {
		(void)inv_answer(i, 481, SLICE_LIT(""), no_body);
		return;
	}
	if (err == ERR_NOTFOUND) { /* they want our offer */
		if (write_sdp(l, &w, oa_offer) == 0)
			(void)inv_answer(i, 200, SLICE_LIT(""), sdp_body(&w));
		else
			(void)inv_answer(i, 500, SLICE_LIT("Retry-After: 3\r\n"), no_body);
		mem_wipe(text, sizeof(text));
		return;
	}
	if (err == ERR_UNSUPP) {
		(void)inv_answer(i, 415, SLICE_LIT("Accept: application/sdp\r\n"), no_body);
		return;
	}
	err = err ? err : oa_asked(&l->oa, sdp, &same);
	if (!err)
		err = write_sdp(l, &w, oa_answer);
	if (err) {
		(void)inv_answer(i, 488, leg_sip_refusal(err), no_body);
		oa_withdraw(&l->oa);
		return;
	}
	(void)inv_answer(i, 200, SLICE_LIT(""), sdp_body(&w));
	mem_wipe(text, sizeof(text));
	apply(l);
	if (l->oa.result.held != was_held) {
		struct leg *other = call_other(l->leg.call, &l->leg);
		if (other && !other->gone)
			other->ops->far_hold(other, l->oa.result.held);
	}
	on_identity(l, i, req);
}

static void on_confirmed(void *ctx, struct inv *i, const struct sip_msg *ack)
{
	struct leg_sip *l = ctx;
	struct slice sdp;

	if (l->leg.gone)
		return;
	if (l->oa.offered) {
		int err = sdp_of_msg(ack, &sdp);
		err = err ? err : oa_answered(&l->oa, sdp);
		if (err) {
			log_ev(LOG_NOTICE, "the answer in the ACK cannot be used: call ended",
			    F_CALL(l->leg.ref), F_ERR(err));
			inv_bye(i, SLICE_LIT(""));
			leg_sip_gone(l, CAUSE_CODEC);
			return;
		}
		apply(l);
	}
	go_on(l);
}

static void on_ended(void *ctx, struct inv *i, enum inv_end why, const struct sip_msg *m)
{
	struct leg_sip *l = ctx;
	enum cause cause = CAUSE_NORMAL;

	(void)i;
	if (l->leg.gone)
		return;
	switch (why) {
	case INV_END_CANCEL:
		cause = m && party_elsewhere(m) ? CAUSE_ELSEWHERE : CAUSE_CANCELLED;
		break;
	case INV_END_NO_ACK:
	case INV_END_EXPIRED:
	case INV_END_LOST:
		cause = CAUSE_PEER_LOST;
		break;
	default:
		break;
	}
	leg_sip_gone(l, cause);
}

static void on_info(struct leg_sip *l, struct tx *tx, const struct sip_msg *req)
{
	struct cur c = cur_of(req->body);
	char digit = 0;

	if (sip_msg_is_type(req, "application", "dtmf")) {
		struct slice b = slice_trim(req->body);
		digit = b.n ? b.p[0] : 0;
	} else if (sip_msg_is_type(req, "application", "dtmf-relay")) {
		while (!cur_done(&c)) {
			struct slice line = slice_trim(cur_until(&c, "\n"));
			(void)cur_lit(&c, '\n');
			if (slice_istarts(line, SLICE_LIT("Signal="))) {
				line = slice_trim(slice_sub(line, 7, line.n));
				digit = line.n ? line.p[0] : 0;
			}
		}
	} else if (req->body.n) {
		(void)tx_refuse(tx, 415, "Unsupported Media Type");
		return;
	}
	(void)tx_reply(tx, 200, SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""));
	if (digit && strchr("0123456789*#ABCD", digit)) {
		struct call_arg arg = { .leg = &l->leg, .digits = { &digit, 1 } };
		(void)call_event(l->leg.call, CALL_EV_DTMF, &arg);
	}
}

static void on_request(void *ctx, struct inv *i, struct tx *tx, const struct sip_msg *req)
{
	struct leg_sip *l = ctx;

	(void)i;
	switch (req->method) {
	case SIP_M_INFO:
		on_info(l, tx, req);
		break;
	case SIP_M_REFER:
		refer_received(l, tx, req);
		break;
	case SIP_M_NOTIFY:
		(void)tx_reply(tx, 200, SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""));
		refer_notify(l, req);
		break;
	case SIP_M_OPTIONS:
		(void)tx_reply(tx, 200, SLICE_LIT(""), SLICE_LIT("Accept: application/sdp\r\n"),
		    SLICE_LIT(""), SLICE_LIT(""));
		break;
	default:
		(void)tx_refuse(tx, 405, "Method Not Allowed");
		break;
	}
}

const struct inv_ops leg_inv_ops = {
	.progress = on_progress,
	.answered = on_answered,
	.failed = on_failed,
	.confirmed = on_confirmed,
	.offer = on_offer,
	.identity = on_identity,
	.request = on_request,
	.reply = on_reply,
	.ended = on_ended,
};

struct leg *leg_of_inv(struct sipd *s, const struct inv *i)
{
	LIST_FOREACH(&s->calls, it)
	{
		struct call *c = LIST_ENTRY(it, struct call, node);
		struct leg *both[2] = { c->a, c->b };
		for (int k = 0; k < 2; k++)
			if (both[k] && both[k]->ops == &leg_sip_ops &&
			    leg_sip_of(both[k])->inv == i)
				return both[k];
	}
	return NULL;
}

/* ---- towards this end ---- */

static void op_progress(struct leg *g, enum leg_progress p, const struct party *far)
{
	struct leg_sip *l = leg_sip_of(g);

	(void)far;
	if (!l->inv || g->up)
		return;
	if (p == LEG_ALERTING || p == LEG_EARLY_MEDIA)
		(void)inv_progress(l->inv, 180, SLICE_LIT(""), SLICE_LIT(""), no_body);
	else if (p == LEG_QUEUED)
		(void)inv_progress(l->inv, 182, SLICE_LIT(""), SLICE_LIT(""), no_body);
}

static int do_connect(struct leg_sip *l)
{
	char text[SDP_MAX], lines[700];
	struct wr w = wr_of(text, sizeof(text)), wx = wr_of(lines, sizeof(lines));
	int err = l->offerless ? write_sdp(l, &w, oa_offer) : write_sdp(l, &w, oa_answer);

	put_identity(l, &wx);
	if (!err)
		err = inv_accept(l->inv, wx.bad ? SLICE_LIT("") : wr_slice(&wx), sdp_body(&w));
	mem_wipe(text, sizeof(text));
	if (!err && !l->offerless)
		apply(l);
	return err;
}

static void op_display(struct leg *g, const struct party *far);

static int op_connect(struct leg *g, const struct party *far)
{
	struct leg_sip *l = leg_sip_of(g);

	if (g->up) { /* its media was linked to the new end's; the far end's display is all that changes */
		op_display(g, far);
		return 0;
	}
	if (far)
		l->far = *far;
	if (!g->media) {
		l->connecting = true;
		open_media(l);
		return 0;
	}
	if (!media_ready(g->media)) {
		l->connecting = true;
		return 0;
	}
	return do_connect(l);
}

static void on_media(
    struct media_user *u, struct media *m, enum media_event ev, enum media_side side, int v)
{
	struct leg_sip *l = leg_sip_of(CONTAINER_OF(u, struct leg, mu));
	struct leg *other = call_other(l->leg.call, &l->leg);

	(void)m;
	(void)v;
	if (l->leg.gone)
		return;
	switch (ev) {
	case MEDIA_READY:
		if (l->out && !l->sent && l->flow)
			send_invite(l);
		if (l->connecting) {
			l->connecting = false;
			if (l->leg.call)
				call_join_media(l->leg.call);
			if (do_connect(l))
				leg_sip_gone(l, CAUSE_CODEC);
		}
		break;
	case MEDIA_MOVED:
		local_address(l);
		if (!other || !other->handset || other->media != l->leg.media)
			leg_sip_reoffer(l);
		else
			(void)call_event(l->leg.call, CALL_EV_MOVED, NULL);
		break;
	case MEDIA_FAILED:
	case MEDIA_LOST:
		if (!l->sent && l->out)
			failed_call(l, CAUSE_CONGESTION, NULL);
		else if (!other || other->media != l->leg.media) {
			struct call_arg arg = { .cause = CAUSE_CONGESTION };
			(void)call_event(l->leg.call, CALL_EV_END, &arg);
		}
		break;
	case MEDIA_SILENT:
		/* A held end may be silent for ever. */
		if (side == l->leg.side && l->leg.up && !l->oa.result.held && !l->leg.held_by_far) {
			log_ev(LOG_NOTICE, "no media from the far end: call ended",
			    F_CALL(l->leg.ref));
			struct call_arg arg = { .cause = CAUSE_PEER_LOST };
			(void)call_event(l->leg.call, CALL_EV_END, &arg);
		}
		break;
	case MEDIA_DTMF:
		break; /* mediad carries RFC 4733 through */
	case MEDIA_BAD_KEYS:
		log_ev(LOG_WARNING, "media from the far end cannot be verified", F_CALL(l->leg.ref),
		    F_REMEDY("the far end uses other SRTP parameters than it said"));
		break;
	default:
		break;
	}
}

static void op_release(struct leg *g, enum cause cause)
{
	struct leg_sip *l = leg_sip_of(g);
	char lines[160];
	struct wr w = wr_of(lines, sizeof(lines));

	g->gone = true;
	auth_cancel(l->auth);
	l->auth = NULL;
	if (!l->inv)
		return;
	if (cause == CAUSE_ELSEWHERE)
		wr_str(&w, "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n");
	if (inv_is_up(l->inv))
		inv_bye(l->inv, wr_slice(&w));
	else if (l->out)
		inv_cancel(l->inv, wr_slice(&w));
	else if (!g->up)
		(void)inv_refuse(l->inv, cause_status(cause), SLICE_LIT(""),
		    cause == CAUSE_CODEC        ? leg_sip_refusal(ERR_UNSUPP)
		    : cause == CAUSE_CONGESTION ? SLICE_LIT("Retry-After: 5\r\n")
		                                : SLICE_LIT(""));
}

static void op_display(struct leg *g, const struct party *far)
{
	struct leg_sip *l = leg_sip_of(g);

	if (!far ||
	    (strcmp(far->number, l->far.number) == 0 && strcmp(far->name, l->far.name) == 0))
		return;
	l->far = *far;
	say_identity(l);
}

static void op_far_hold(struct leg *g, bool held)
{
	struct leg_sip *l = leg_sip_of(g);

	l->oa.want = held ? SDP_SENDONLY : SDP_SENDRECV;
	if (g->media) {
		struct media_leg music = { .on = true, .has_music = true, .music = held };
		media_set(g->media, g->side, &music);
	}
	leg_sip_reoffer(l);
}

static int op_dtmf(struct leg *g, struct slice digits)
{
	struct leg_sip *l = leg_sip_of(g);
	uint32_t how = g->sipd->conf->dtmf;
	int err = 0;

	if (how == DTMF_RFC4733 || (how == DTMF_AUTO && oa_event_pt(&l->oa.result)))
		return g->media ? media_dtmf(g->media, g->side, digits) : ERR_STATE;
	for (size_t i = 0; i < digits.n && !err; i++) {
		char body[48];
		int n = snprintf(body, sizeof(body), "Signal=%c\r\nDuration=160\r\n", digits.p[i]);
		struct inv_body b = { SLICE_LIT("application/dtmf-relay"), { body, (size_t)n } };
		err = inv_request(l->inv, SIP_M_INFO, SLICE_LIT(""), b);
	}
	return err;
}

static void op_moved(struct leg *g)
{
	struct leg_sip *l = leg_sip_of(g);

	if (g->media && media_ready(g->media))
		leg_sip_reoffer(l);
}

static void on_reap(struct tmr *t, void *ctx)
{
	struct leg_sip *l = ctx;

	(void)t;
	sub_free(l->refer);
	inv_free(l->inv);
	resolve_cancel(l->q);
	auth_cancel(l->auth);
	tp_flow_unref(l->flow);
	oa_fini(&l->oa);
	oa_fini(&l->base);
	free(l->uri);
	free(l->extra);
	free(l->refer_lines);
	free(l);
}

/* Not within a callback of the session: from the loop. */
static void op_free(struct leg *g)
{
	struct leg_sip *l = leg_sip_of(g);

	g->gone = true;
	g->call = NULL;
	tmr_init(&l->reap, g->sipd->d->wheel, on_reap, l);
	tmr_start(&l->reap, 0);
}

const struct leg_ops leg_sip_ops = {
	.name = "sip",
	.offer = op_offer,
	.progress = op_progress,
	.connect = op_connect,
	.release = op_release,
	.display = op_display,
	.far_hold = op_far_hold,
	.dtmf = op_dtmf,
	.moved = op_moved,
	.free = op_free,
};
