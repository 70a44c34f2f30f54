/* Requests that begin something: incoming INVITE (also with Replaces), OPTIONS, MESSAGE, unsolicited NOTIFY. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/dect.h"
#include "sipd/leg_sip.h"
#include "sipd/ms.h"
#include "sipd/ms_conf.h"
#include "sipd/mwi.h"
#include "sipd/pres.h"
#include "sipd/prov.h"
#include "sipd/reg.h"
#include "sipd/tls.h"

/* Whom the Request-URI names: our Contact has the user's name in it; a PBX may keep the number that was called. */
static struct user *called(struct sipd *s, const struct sip_msg *req, struct sip_uri *uri)
{
	char name[USER_NAME_MAX + 1];
	struct user *u = NULL;
	struct slice opaque;

	if (s->ms && sip_uri_parse(uri, req->ruri) == 0 &&
	    sip_uri_param(uri, SLICE_LIT("ms-opaque"), &opaque)) {
		/* LYNC: our own Contact comes back; To may be a team's or a delegator's. */
		struct ms_ep *e = ms_by_epid(s, opaque);
		if (e)
			return e->user;
	}
	if (sip_uri_parse(uri, req->ruri) == 0 && uri->user.n &&
	    sip_unescape(slice_sub(uri->user, 0, slice_chr(uri->user, ';')), name, sizeof(name)) ==
	        0)
		u = users_reach(s->users, slice_str(name));
	if (!u && req->to.uri.user.n && sip_unescape(req->to.uri.user, name, sizeof(name)) == 0)
		u = users_reach(s->users, slice_str(name));
	return u;
}

/* By the certificate that the peer has shown: a proxy of ours, or a name that is trusted. */
static bool proven(const struct sipd *s, const struct tp_flow *f)
{
	char host[256];
	struct sip_uri u;

	for (size_t i = 0; i < s->conf->trusted.n; i++)
		if (tp_tls_peer_is(f, s->conf->trusted.v[i]))
			return true;
	for (unsigned i = 0; i < SIPD_PROXIES; i++) {
		const char *uri = s->conf->proxy[i].uri;
		char with_scheme[300];
		(void)snprintf(with_scheme, sizeof(with_scheme), "%s%s",
		    number_is_uri(slice_str(uri)) ? "" : "sip:", uri);
		if (uri[0] && sip_uri_parse(&u, slice_str(with_scheme)) == 0 &&
		    slice_copy(u.host, host, sizeof(host)) == 0 && tp_tls_peer_is(f, host))
			return true;
	}
	/* LYNC: where a front end has sent users by 301 is their home. */
	for (unsigned i = 0; s->conf->lync && reg_home(s, i); i++)
		if (tp_tls_peer_is(f, reg_home(s, i)))
			return true;
	return false;
}

bool leg_sip_welcome(struct sipd *s, struct tp_flow *f)
{
	struct addr a;
	char text[ADDR_TEXT];

	if (!tp_flow_inbound(f) && tp_flow_proto(f) != TP_UDP)
		return true; /* on a connection that we made */
	if (s->conf->accept == ACCEPT_ANY || (s->conf->accept == ACCEPT_AUTO && !reg_any_proxy(s)))
		return true;
	if (tp_flow_proto(f) == TP_TLS && proven(s, f))
		return true;
	addr_from_sa(&a, tp_flow_remote(f));
	/* LYNC: whoever connects to a trusted application is known by its certificate alone. */
	if (reg_is_proxy(s, &a) && !(s->conf->lync && tp_flow_proto(f) == TP_TLS))
		return true;
	(void)addr_print(&a, false, text);
	for (size_t i = 0; i < s->conf->trusted.n; i++)
		if (strcmp(text, s->conf->trusted.v[i]) == 0)
			return true;
	return false;
}

/* RFC 3891: the new session takes the place of one that is there. */
static bool replace(struct leg_sip *l, const struct sip_msg *req, unsigned *refuse)
{
	struct sipd *s = l->leg.sipd;
	struct slice value = sip_msg_value(req, SIP_H_REPLACES);
	bool early = false;

	*refuse = 0;
	if (!value.p)
		return false;
	struct sip_usage *u = sip_ua_replaces(s->ua, value, &early);
	struct inv *i = u ? inv_of_usage(u) : NULL;
	struct leg *old = i ? leg_of_inv(s, i) : NULL;
	if (!old || old->gone || !old->call) {
		*refuse = 481;
		return false;
	}
	if (early && old->up) {
		*refuse = 486;
		return false;
	}
	if (!old->up) { /* an early dialog may only be replaced by the one who is called by it; we are its caller */
		*refuse = 481;
		return false;
	}
	struct call *c = old->call;
	struct leg *other = call_other(c, old);
	if (c->a == old)
		c->a = &l->leg;
	else
		c->b = &l->leg;
	l->leg.call = c;
	old->call = NULL;
	if (old->media)
		leg_drop_media(&l->leg, 0);
	if (old->media) {
		/* The media stays where it is; only its network side gets a new far end. */
		l->leg.media = media_ref(old->media);
		l->leg.side = old->side;
		media_attach(l->leg.media, &l->leg.mu);
	}
	int err = l->leg.ops->connect(&l->leg, &other->who);
	old->ops->release(old, CAUSE_TRANSFERRED);
	leg_free(old);
	if (err) {
		leg_sip_gone(l, CAUSE_CODEC);
		return true;
	}
	l->leg.up = true;
	if (other) {
		if (other->held_by_far) {
			other->held_by_far = false;
			other->ops->far_hold(other, false);
		}
		other->ops->display(other, &l->leg.who);
	}
	log_ev(LOG_NOTICE, "far end replaced by transfer", F_CALL(c->ref),
	    F_TEXT("IPDECT_TO", l->leg.who.number));
	return true;
}

static void on_invite(void *ctx, struct tx *tx, const struct sip_msg *req, struct tp_flow *f)
{
	struct sipd *s = ctx;
	struct sip_uri uri;
	struct user *u = called(s, req, &uri);
	struct slice sdp, domain = slice_str(s->conf->default_domain);
	bool same;
	unsigned refuse;

	if (!leg_sip_welcome(s, f)) {
		log_ev(LOG_NOTICE, "call from a stranger refused",
		    F_REMEDY("name the peer in `trusted-peers` or set `accept-calls = any`"));
		(void)tx_refuse(tx, 403, "Forbidden");
		return;
	}
	if (s->d->draining) {
		(void)tx_reply(tx, 503, SLICE_LIT(""), SLICE_LIT("Retry-After: 5\r\n"),
		    SLICE_LIT(""), SLICE_LIT(""));
		return;
	}
	bool replaces = sip_msg_value(req, SIP_H_REPLACES).p != NULL;
	if (!u && !replaces) {
		(void)tx_refuse(tx, uri.scheme == SIP_SCHEME_OTHER ? 416 : 404, sip_reason(404));
		return;
	}
	struct leg_sip *l = leg_sip_make(s, NULL);
	l->oa.conf = prov_oa(s, u);
	struct wr wc = wr_of(l->contact, sizeof(l->contact));
	struct inv_conf conf = { .ops = &leg_inv_ops,
		.ctx = l,
		.owner = u ? reg_owner(u) : 0,
		.credential = slice_str(u ? u->f[USER_NAME] : NULL),
		.se_s = s->conf->session_expires,
		.rel100_off = !s->conf->rel100,
		.flow = f,
		.stick = s->conf->lync };
	l->flow = tp_flow_ref(f);
	party_of_request(&l->leg.who, req, true, domain);
	sipd_put_dialog_contact(s, &wc, u, f);
	int err = ms_call_sdp(l, u, req, &sdp);
	if (err == ERR_NOTFOUND) {
		l->offerless = true;
		err = 0;
	} else if (ms_conf_invited(l, tx, req)) {
		if (!l->conf) {
			leg_free(&l->leg);
			return;
		}
		err = 0;
	} else if (err == ERR_UNSUPP) {
		(void)tx_reply(tx, 415, SLICE_LIT(""),
		    SLICE_LIT("Accept: application/sdp, multipart/alternative, "
		              "multipart/mixed\r\n"),
		    SLICE_LIT(""), SLICE_LIT(""));
		leg_free(&l->leg);
		return;
	} else if (!err) {
		err = oa_asked(&l->oa, sdp, &same);
	}
	if (!err && !l->conf)
		leg_ice_offered(l, l->offerless ? (struct slice){ 0 } : sdp);
	if (err) {
		log_ev(LOG_NOTICE, "offer refused", F_CALL(l->leg.ref),
		    F_USER(u ? u->f[USER_NAME] : ""), F_ERR(err),
		    F_REMEDY(err == ERR_DENIED
		                 ? "the caller's encryption does not fit `media-encryption-require`"
		                 : "compare the codecs of both sides"));
		(void)tx_reply(
		    tx, 488, SLICE_LIT(""), leg_sip_refusal(err), SLICE_LIT(""), SLICE_LIT(""));
		leg_free(&l->leg);
		return;
	}
	l->leg.ipv6 =
	    l->oa.asked && l->oa.next.rtp.n == 16; /* the handset's media is made for it */
	if (inv_in(s->ua, &conf, tx, wr_slice(&wc), &l->inv)) {
		leg_free(&l->leg); /* was answered there */
		return;
	}
	if (replace(l, req, &refuse))
		return;
	if (refuse) {
		(void)inv_refuse(l->inv, refuse, SLICE_LIT(""), SLICE_LIT(""));
		leg_free(&l->leg);
		return;
	}
	stat_add(s->st.received, 1);
	struct call *c = call_new(s, &l->leg);
	c->is_diverted = party_diverted(&c->diverted, req, domain) ||
	                 ms_call_for_another(s, u, req, &c->diverted);
	c->internal = true; /* it came from outside for this user: not out again */
	c->complete = true;
	(void)snprintf(c->dialled, sizeof(c->dialled), "%s", u->f[USER_NAME]);
	c->ndialled = strlen(c->dialled);
	log_ev(LOG_NOTICE, "call from SIP", F_CALL(c->ref), F_USER(u->f[USER_NAME]),
	    F_STR("IPDECT_SIP_CALL_ID", req->call_id), F_TEXT("IPDECT_FROM", l->leg.who.number));
	pres_name(&l->leg);
	if (!leg_cac_hold(l, u, req, sdp))
		(void)call_event(c, CALL_EV_READY, NULL);
}

static void on_options(void *ctx, struct tx *tx, const struct sip_msg *req, struct tp_flow *f)
{
	struct sipd *s = ctx;
	char lines[400];
	struct wr w = wr_of(lines, sizeof(lines));

	(void)req;
	(void)f;
	wr_str(&w, "Allow: ");
	sip_ua_put_allow(s->ua, &w);
	wr_str(&w, "\r\nAccept: application/sdp\r\nSupported: replaces, timer\r\n");
	(void)tx_reply(tx, 200, SLICE_LIT(""), wr_slice(&w), SLICE_LIT(""), SLICE_LIT(""));
}

/* A text message is shown on the handset. */
static void on_message(void *ctx, struct tx *tx, const struct sip_msg *req, struct tp_flow *f)
{
	struct sipd *s = ctx;
	struct sip_uri uri;
	struct user *u = called(s, req, &uri);
	struct party from;

	if (!leg_sip_welcome(s, f)) {
		(void)tx_refuse(tx, 403, "Forbidden");
	} else if (!u) {
		(void)tx_refuse(tx, 404, "Not Found");
	} else if (!sip_msg_is_type(req, "text", "plain")) {
		(void)tx_reply(tx, 415, SLICE_LIT(""), SLICE_LIT("Accept: text/plain\r\n"),
		    SLICE_LIT(""), SLICE_LIT(""));
	} else if (!s->dectd || !user_on(u, USER_IPEI)) {
		(void)tx_refuse(tx, 480, "Temporarily Unavailable");
	} else {
		party_of_request(&from, req, true, slice_str(s->conf->default_domain));
		int err = dect_text(s, u, number_cut(req->body, 512),
		    slice_str(from.name[0] ? from.name : from.number));
		if (err)
			(void)tx_reply(tx, 503, SLICE_LIT(""), SLICE_LIT("Retry-After: 2\r\n"),
			    SLICE_LIT(""), SLICE_LIT(""));
		else
			(void)tx_refuse(tx, 200, NULL);
	}
}

static void on_notify(void *ctx, struct tx *tx, const struct sip_msg *req, struct tp_flow *f)
{
	struct sipd *s = ctx;
	struct sip_uri uri;
	struct user *u = called(s, req, &uri);

	if (leg_sip_welcome(s, f) && ms_deregistered(s, tx, req))
		return;
	if (u && leg_sip_welcome(s, f) && mwi_unsolicited(s, u, req))
		(void)tx_reply(tx, 200, SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""));
	else
		(void)tx_refuse(tx, 481, sip_reason(481));
}

void leg_sip_start(struct sipd *s)
{
	sip_ua_handle(s->ua, SIP_M_INVITE, on_invite, s);
	sip_ua_handle(s->ua, SIP_M_OPTIONS, on_options, s);
	sip_ua_handle(s->ua, SIP_M_MESSAGE, on_message, s);
	sip_ua_handle(s->ua, SIP_M_NOTIFY, on_notify, s);
}
