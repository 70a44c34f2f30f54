/* The SIP leg: outgoing and incoming INVITE sessions, their offers and answers. */
#include "sipd/leg_sip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/ms.h"
#include "sipd/ms_conf.h"
#include "sipd/ms_diag.h"
#include "sipd/prov.h"
#include "sipd/redirect.h"
#include "sipd/reg.h"
#include "sipd/sdp_body.h"

static const struct inv_body no_body;

void leg_sip_gone(struct leg_sip *l, enum cause cause)
{
	struct call_arg arg = { .leg = &l->leg, .cause = cause };

	l->leg.gone = true;
	(void)call_event(l->leg.call, CALL_EV_GONE, &arg);
}

void leg_sip_failed(struct leg_sip *l, enum cause cause, const char *target)
{
	struct call_arg arg = { .leg = &l->leg, .cause = cause, .target = target };

	l->leg.gone = true;
	(void)call_event(l->leg.call, CALL_EV_FAILED, &arg);
}

/* ---- media ---- */

void leg_sip_apply(struct leg_sip *l)
{
	if (!l->leg.media)
		return;
	media_apply(l->leg.media, l->leg.side, &l->oa.result);
	leg_ice_took(l, slice_str(l->oa.remote ? l->oa.remote : ""));
	leg_cac_reserve(l);
}

/* ---- outgoing ---- */

void leg_sip_send_invite(struct leg_sip *l)
{
	struct sipd *s = l->leg.sipd;
	const struct user *u = l->leg.user;
	char local[512], remote[600], lines[1536], offer[SDP_MAX];
	struct leg_sip_body body;
	struct wr wl = wr_of(local, sizeof(local)), wm = wr_of(remote, sizeof(remote)),
	          wx = wr_of(lines, sizeof(lines)), wo = wr_of(offer, sizeof(offer)),
	          wc = wr_of(l->contact, sizeof(l->contact));
	struct inv_conf conf = { .ops = &leg_inv_ops,
		.ctx = l,
		.owner = u ? reg_owner(u) : 0,
		.credential = slice_str(u ? u->f[USER_NAME] : NULL),
		.se_s = s->conf->session_expires,
		.rel100_off = !s->conf->rel100,
		.flow = l->flow,
		.try_ms = s->conf->transaction_ms,
		.stick = s->conf->to_registrar && l->flow };
	int err = leg_sip_write_sdp(l, &wo, oa_offer);

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
	wr_str(&wm, "<");
	wr_str(&wm, l->uri);
	wr_str(&wm, ">");
	sipd_put_dialog_contact(s, &wc, u, l->flow);
	wr_str(&wx, l->extra ? l->extra : "");
	ms_call_conversation(l, &wx);
	if (s->hooks->lines)
		s->hooks->lines(s, u, SIP_M_INVITE, &wx);
	if (err || wl.bad || wm.bad || wx.bad || wc.bad) {
		log_ev(LOG_WARNING, "no INVITE could be written", F_CALL(l->leg.ref), F_ERR(err));
		leg_sip_failed(l, CAUSE_INTERNAL, NULL);
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
	err = inv_out(s->ua, &conf, dlg_uac_new(&d), leg_sip_first_offer(l, &body), &l->inv);
	mem_wipe(offer, wo.n);
	leg_sip_body_free(&body);
	if (err) {
		log_ev(LOG_WARNING, "INVITE not sent", F_CALL(l->leg.ref), F_ERR(err));
		leg_sip_failed(l, CAUSE_CONGESTION, NULL);
		return;
	}
	l->sent = true;
	oa_fork(&l->base, &l->oa);
}

static void resolved(void *ctx, int err, const struct resolve_result *res)
{
	struct leg_sip *l = ctx;

	l->q = NULL;
	if (l->leg.gone) /* nobody waits for it any more: no INVITE of a call that is over */
		return;
	for (unsigned i = 0; !err && i < res->n && !l->flow; i++)
		if (tp_flow_to(sip_ua_tp(l->leg.sipd->ua), &res->dest[i], &l->flow))
			l->flow = NULL;
	if (!l->flow) {
		log_ev(LOG_NOTICE, "no way to the called party", F_CALL(l->leg.ref),
		    F_TEXT("IPDECT_URI", l->uri), F_ERR(err),
		    F_REMEDY("check DNS and the proxies in the configuration"));
		leg_sip_failed(l, CAUSE_UNKNOWN_NUMBER, NULL);
		return;
	}
	if (l->leg.media && media_ready(l->leg.media) && !leg_ice_wait(l))
		leg_sip_send_invite(l);
}

/* Media and flow: whichever is there last sends. */
int leg_sip_go(struct leg_sip *l)
{
	struct sipd *s = l->leg.sipd;
	struct resolve *r = sip_ua_resolve(s->ua);
	struct sip_uri uri;
	struct tp_dest d;

	l->flow = reg_flow(s, l->leg.user);
	if (!l->flow) {
		const char *hop = reg_hop(s, l->leg.user);
		if (sip_uri_parse(&uri, slice_str(hop ? hop : l->uri)))
			return ERR_SYNTAX;
		/* That there is no way is told later, never from inside of this. */
		if (!resolve_now(r, &uri, &d) || tp_flow_to(sip_ua_tp(s->ua), &d, &l->flow)) {
			l->flow = NULL;
			l->q = resolve_uri(r, &uri, resolved, l);
		}
	}
	if (!l->leg.media)
		leg_sip_open_media(l);
	else if (l->flow && media_ready(l->leg.media) && !leg_ice_wait(l))
		leg_sip_send_invite(l);
	return 0;
}

struct leg_sip *leg_sip_make(struct sipd *s, struct user *u)
{
	struct leg_sip *l = mem_new(sizeof(*l));

	leg_init(&l->leg, s, &leg_sip_ops);
	l->leg.user = u;
	l->leg.ref = id_u64();
	l->leg.mu.ev = leg_sip_on_media;
	oa_init(&l->oa, prov_oa(s, u));
	leg_ice_init(l);
	return l;
}

struct leg *leg_sip_new(struct sipd *s, struct user *u, struct slice uri, struct slice extra)
{
	struct leg_sip *l = leg_sip_make(s, u);

	l->out = true;
	l->leg.ipv6 = reg_by_ipv6(s, u);
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
				leg_sip_apply(l);
		}
		early = l->oa.established && !l->oa.offered;
	}
	if (early) {
		(void)call_event(l->leg.call, CALL_EV_EARLY, NULL);
	} else if (rsp->status == 180) {
		if (!l->conf)
			party_of_identity(
			    &l->leg.who, rsp, slice_str(l->leg.sipd->conf->default_domain));
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

	leg_sip_forget_credentials(l);
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
		leg_sip_failed(l, CAUSE_CODEC, NULL);
		return;
	}
	leg_sip_apply(l);
	if (!l->conf) /* it has a name already, which its server's is not */
		(void)party_of_identity(&who, rsp, slice_str(l->leg.sipd->conf->default_domain));
	struct call_arg arg = { .leg = &l->leg, .party = &who };
	(void)call_event(l->leg.call, CALL_EV_ANSWER, &arg);
	leg_ice_chosen(l, true); /* as it may be since an early answer */
	go_on(l);
}

/* What the far end's answer asks of an administrator; NULL: it is as calls end. */
static const char *remedy_of(unsigned status)
{
	switch (status) {
	case 401:
	case 407:
		return "set the user's password as it is at the PBX: dectctl secret set USER "
		       "kind=sip";
	case 403:
		return "let this user call there at the PBX; is its name there the same?";
	case 404:
	case 484:
		return "the PBX knows no such number: see number-rules and its dial plan";
	case 415:
	case 488:
	case 606:
		return "compare codecs, media-encryption and media-encryption-require with the far "
		       "end's: one side wants encrypted speech and the other does not, or no codec "
		       "is "
		       "common";
	default:
		return NULL;
	}
}

static void on_failed(void *ctx, struct inv *i, unsigned status, const struct sip_msg *rsp, int err)
{
	struct leg_sip *l = ctx;
	struct sipd *s = l->leg.sipd;
	char target[REDIRECT_MAX * NUMBER_MAX], why[400];
	enum cause cause = cause_of_status(status);

	(void)i;
	if (l->leg.gone)
		return;
	if (leg_sip_challenged(l, rsp, false) || leg_sip_again_older(l, rsp))
		return;
	ms_call_why(rsp, why, sizeof(why));
	log_ev(LOG_NOTICE, "call refused by the far end", F_CALL(l->leg.ref),
	    F_U64("IPDECT_STATUS", status), F_ERR(err), F_WHY(*why ? why : NULL),
	    F_REMEDY(rsp ? remedy_of(status) : NULL));
	if (rsp && status >= 300 && status < 400 &&
	    redirect_lines(rsp, NUMBER_MAX, target, sizeof(target))) {
		leg_sip_failed(l, CAUSE_FORWARDED, target);
		return;
	}
	if (!rsp)
		cause = err == ERR_TIMEOUT || err == ERR_LOST ? CAUSE_PEER_LOST : CAUSE_UNREACHABLE;
	else if (party_elsewhere(rsp))
		cause = CAUSE_ELSEWHERE;
	else if (ms_call_disturbs(rsp))
		cause = CAUSE_BUSY;
	if (!rsp)
		reg_suspect(s, l->leg.user, "a call got no answer from the proxy");
	struct call_arg arg = { .leg = &l->leg, .cause = cause, .silent = !rsp };
	l->leg.gone = true;
	(void)call_event(l->leg.call, CALL_EV_FAILED, &arg);
}

/* ---- in the session ---- */

/* Who is at our end now (RFC 3325): for displays behind the far end. */
void leg_sip_put_identity(struct leg_sip *l, struct wr *w)
{
	const struct sipd *s = l->leg.sipd;
	const struct party *p = &l->far;
	char uri[400];
	struct wr wu = wr_of(uri, sizeof(uri));

	if (s->conf->lync && s->conf->lync_auth != MS_AUTH_TRUSTED)
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
void leg_sip_say_identity(struct leg_sip *l)
{
	char lines[700];
	struct wr w = wr_of(lines, sizeof(lines));
	int err;

	l->say = false;
	if (!l->inv || l->leg.gone)
		return;
	leg_sip_put_identity(l, &w);
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
		if (!l->leg.media || leg_sip_write_sdp(l, &wo, oa_offer))
			return;
		err = inv_offer(l->inv, false, wr_slice(&w), leg_sip_sdp_body(&wo));
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
		leg_sip_say_identity(l);
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
	if (!l->leg.media || leg_sip_write_sdp(l, &w, oa_offer))
		return;
	int err = inv_offer(l->inv, false, SLICE_LIT(""), leg_sip_sdp_body(&w));
	if (err) {
		oa_withdraw(&l->oa);
		l->again = err == ERR_BUSY;
	}
	mem_wipe(text, sizeof(text));
}

static void on_reply(
    void *ctx, struct inv *i, enum sip_method m, const struct sip_msg *rsp, int err)
{
	struct leg_sip *l = ctx;
	struct slice sdp;

	(void)i;
	if (l->leg.gone)
		return;
	if (m == SIP_M_REFER) {
		refer_reply(l, rsp, err);
		return;
	}
	if (m != SIP_M_INVITE && m != SIP_M_UPDATE)
		return; /* INFO: nothing follows from it */
	if (l->oa.offered && leg_sip_challenged(l, rsp, true))
		return;
	leg_sip_forget_credentials(l);
	if (rsp && rsp->status >= 200 && rsp->status < 300 && l->oa.offered) {
		err = sdp_of_msg(rsp, &sdp);
		err = err ? err : oa_answered(&l->oa, sdp);
		if (err)
			log_ev(LOG_NOTICE, "the answer to a change cannot be used",
			    F_CALL(l->leg.ref), F_ERR(err));
		else
			leg_sip_apply(l);
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

#define MS_UNSUPPORTED "ms-client-diagnostics: 52063;reason=\"Unsupported session description\"\r\n"

/* Says why an offer is refused (MS-OCER texts are LYNC:, and harmless elsewhere). */
struct slice leg_sip_refusal(int err)
{
	if (err == ERR_DENIED)
		return SLICE_LIT(
		    "Warning: 304 ipdect \"Encryption levels do not match\"\r\n"
		    "ms-client-diagnostics: 52017;reason=\"Encryption levels dont match\"\r\n");
	if (err == ERR_UNSUPP)
		return SLICE_LIT("Warning: 305 ipdect \"No common codec\"\r\n" MS_UNSUPPORTED);
	return SLICE_LIT(
	    "Warning: 399 ipdect \"Session description not understood\"\r\n" MS_UNSUPPORTED);
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

void leg_sip_answer_offer(struct leg_sip *l)
{
	char text[SDP_MAX], lines[160];
	struct wr w = wr_of(text, sizeof(text)), wx = wr_of(lines, sizeof(lines));
	bool was_held = l->oa.result.held;
	int err = leg_sip_write_sdp(l, &w, oa_answer);

	l->ice.due = l->ice.checks = false;
	tmr_stop(&l->ice.late);
	if (err) {
		(void)inv_answer(l->inv, 488, leg_sip_refusal(err), no_body);
		oa_withdraw(&l->oa);
		return;
	}
	ms_call_put_accepted(l, &wx);
	err = inv_answer(l->inv, 200, wr_slice(&wx), leg_sip_sdp_body(&w));
	mem_wipe(text, sizeof(text));
	if (err)
		log_ev(LOG_INFO, "an offer was taken back before its answer", F_CALL(l->leg.ref),
		    F_ERR(err));
	leg_sip_apply(l);
	if (l->oa.result.held != was_held && l->leg.up) {
		struct leg *other = call_other(l->leg.call, &l->leg);
		if (other && !other->gone)
			other->ops->far_hold(other, l->oa.result.held);
	}
}

static void on_offer(void *ctx, struct inv *i, const struct sip_msg *req)
{
	struct leg_sip *l = ctx;
	char text[SDP_MAX];
	struct wr w = wr_of(text, sizeof(text));
	struct slice sdp;
	bool same;
	int err = ms_call_sdp(l, leg_sip_whose(l), req, &sdp);

	if (l->leg.gone || l->inviting) {
		(void)inv_answer(i, l->leg.gone ? 481 : 488, SLICE_LIT(""), no_body);
		return;
	}
	bool early = !inv_is_up(i);
	/* Before the call is answered only the description of the fork that oa knows can change, and no ICE begins anew. */
	if (early && (err == ERR_NOTFOUND || l->oa.offered || l->ice.on ||
	                 !slice_eq(req->from_tag, slice_str(l->fork)))) {
		(void)inv_answer(i, err == ERR_NOTFOUND ? 488 : 491, SLICE_LIT(""), no_body);
		return;
	}
	if (err == ERR_NOTFOUND) { /* they want our offer */
		if (leg_sip_write_sdp(l, &w, oa_offer) == 0)
			(void)inv_answer(i, 200, SLICE_LIT(""), leg_sip_sdp_body(&w));
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
	if (err) {
		(void)inv_answer(i, 488, leg_sip_refusal(err), no_body);
		oa_withdraw(&l->oa);
		return;
	}
	if (early || !leg_ice_hold(l, sdp))
		leg_sip_answer_offer(l);
	on_identity(l, i, req);
}

static void on_confirmed(void *ctx, struct inv *i, const struct sip_msg *ack)
{
	struct leg_sip *l = ctx;
	struct slice sdp;

	if (l->leg.gone)
		return;
	if (l->inviting) {
		ms_conf_join(l);
		return;
	}
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
		leg_sip_apply(l);
	}
	leg_ice_chosen(l, true);
	go_on(l);
}

static void on_ended(void *ctx, struct inv *i, enum inv_end why, const struct sip_msg *m)
{
	struct leg_sip *l = ctx;
	enum cause cause = CAUSE_NORMAL;

	(void)i;
	if (l->leg.gone)
		return;
	if (l->inviting && l->leg.up && why == INV_END_BYE)
		return; /* that dialog has done its work */
	switch (why) {
	case INV_END_BYE:
		ms_call_ended(l, m);
		break;
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
