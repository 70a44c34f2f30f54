/* LYNC: call admission control of a SIP leg. */
#include "sipd/leg_cac.h"

#include <stdio.h>
#include <string.h>

#include "common/addr.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/leg_sip.h"
#include "sipd/mras.h"
#include "sipd/ms.h"
#include "sipd/prov.h"

#define STUN_PORT 3478

/* LYNC: how a client learns the policy server's address is not published: a setting, until a trace of a sign-in at a pool
 * with admission control, or MS-AVEDGEA's answer there, shows it. Its credentials are the A/V Edge's. */
bool leg_cac_on(const struct sipd *s, const struct user *u)
{
	const struct sipd_conf *c = s->conf;
	const char *v = prov_get(u, "enableBWPolicyCheck");

	if (!c->lync || !c->lync_cac_server[0] || c->lync_cac == MS_CAC_NO)
		return false;
	return c->lync_cac == MS_CAC_YES || (v && (strcmp(v, "true") == 0 || strcmp(v, "1") == 0));
}

int leg_cac_server(const struct sipd *s, struct media_relay *out)
{
	struct addr a;
	size_t n;

	*out = (struct media_relay){ 0 };
	if (addr_parse(slice_str(s->conf->lync_cac_server), STUN_PORT, &a))
		return ERR_VALUE;
	bool has = mras_for(s, out);
	const uint8_t *ip = addr_ip(&a, &n);
	memcpy(out->addr.ip, ip, n);
	out->addr.n = (uint8_t)n;
	out->addr.port = addr_port(&a);
	out->ms = true;
	return has ? 0 : ERR_AUTH;
}

/* ---- what is told ---- */

static void site(const struct leg_sip *l, struct media_cac *c, struct slice peer)
{
	const struct sipd_conf *conf = l->leg.sipd->conf;
	struct sip_uri uri;
	bool ours =
	    sip_uri_parse(&uri, peer) == 0 && slice_ieq(uri.host, slice_str(conf->default_domain));

	/* LYNC: what a client may know of its peer's place: one of another domain is a federated enterprise's, of
	 * unknown place; one of ours is taken for a host of the intranet, as we are. */
	c->self = 2;
	c->peer = ours ? 2 : 0;
	c->federation = ours || !peer.n ? 0 : 1;
}

static void far_end(struct media_cac *c, struct slice sdp, const struct sdp_addr *plain)
{
	struct ice_sdp i;

	c->remote = *plain;
	if (!sdp.n || !ice_sdp_read(&i, sdp))
		return;
	for (size_t k = i.ncand; k-- > 0;) { /* the first of each is the one that counts */
		const struct media_cand *d = &i.cand[k];
		if (d->component == 1 && d->type == 1)
			c->remote = d->addr;
		else if (d->component == 1 && d->type == 4)
			c->remote_relay = d->addr;
	}
}

/* ---- the question ---- */

static void let_go(struct leg_sip *l)
{
	media_detach(&l->cac.mu);
	media_unref(l->cac.probe, 0);
	l->cac.probe = NULL;
}

static void go_on(struct leg_sip *l)
{
	let_go(l);
	(void)call_event(l->leg.call, CALL_EV_READY, NULL);
}

static void refuse(struct leg_sip *l, const char *why)
{
	struct call_arg arg = { .cause = CAUSE_CONGESTION };

	l->cac.refused = true;
	stat_add(l->leg.sipd->st.cac_refused, 1);
	(void)snprintf(l->cac.text, sizeof(l->cac.text), "refused: %s", why);
	log_ev(LOG_NOTICE, "call refused for want of bandwidth", F_CALL(l->leg.ref), F_WHY(why),
	    F_REMEDY(l->cac.pstn
	                 ? "the caller's side may go over the PSTN; Get-CsNetworkRegionLink, "
	                   "Get-CsBandwidthPolicyServiceConfiguration show the limits"
	                 : "raise the audio limit of the sites between (bandwidth policy "
	                   "profiles), or allow the Internet path or PSTN rerouting"));
	let_go(l);
	(void)call_event(l->leg.call, CALL_EV_END, &arg);
}

/* No answer: MS-TURNBWM lets a server ignore all of it, so a call does not depend on one. */
static void unknown(struct leg_sip *l, const char *why)
{
	struct sipd *s = l->leg.sipd;
	bool allow = s->conf->lync_cac_silent == 0;

	stat_add(s->st.cac_silent, 1);
	if (!allow) {
		refuse(l, why);
		return;
	}
	(void)snprintf(l->cac.text, sizeof(l->cac.text), "allowed, not asked: %s", why);
	log_ev(LOG_WARNING, "call not checked for its bandwidth", F_CALL(l->leg.ref), F_WHY(why),
	    F_REMEDY("dectctl check lync asks the policy server; cac-silent = refuse refuses such "
	             "calls"));
	go_on(l);
}

static void decide(struct leg_sip *l, const struct media_cac_said *v)
{
	const struct sipd *s = l->leg.sipd;
	struct media_relay relay;
	uint8_t common[OA_PAYLOADS], allowed = v->allowed;
	size_t n = oa_common(&l->oa, common);
	uint32_t deny = 0;
	const char *codec = "";

	/* A relay is ours only with ICE and its credentials; without ICE there is the direct path alone. */
	if (!l->ice.on || !mras_for(s, &relay))
		allowed &= (uint8_t)~MEDIA_END_LOCAL_RELAY;
	mem_wipe(&relay, sizeof(relay));
	if (!l->ice.on)
		allowed &= (uint8_t)~MEDIA_END_REMOTE_RELAY;
	for (size_t i = 0; i < n; i++)
		if (!(v->codecs & 1u << common[i]))
			deny |= 1u << common[i];
	l->cac.pstn = v->pstn;
	if (!(allowed & (MEDIA_END_LOCAL | MEDIA_END_LOCAL_RELAY)) ||
	    !(allowed & (MEDIA_END_REMOTE | MEDIA_END_REMOTE_RELAY)) || oa_deny(&l->oa, deny)) {
		refuse(l, v->pstn ? "insufficient bandwidth, the PSTN is allowed"
		                  : "insufficient bandwidth");
		return;
	}
	l->cac.forbidden = (uint8_t)(~allowed & 15u);
	if (deny)
		codec = codec_defs[oa_codec(&l->oa.next)].name;
	bool direct = (allowed & MEDIA_END_LOCAL) && (allowed & MEDIA_END_REMOTE);
	(void)snprintf(l->cac.text, sizeof(l->cac.text), "allowed %s%s%s",
	    direct ? "" : "by relay only", *codec ? ", lowered to " : "", codec);
	stat_add(deny || !direct ? s->st.cac_limited : s->st.cac_allowed, 1);
	if (deny || !direct)
		log_ev(LOG_NOTICE, "call limited by its bandwidth", F_CALL(l->leg.ref),
		    F_TEXT("IPDECT_DECISION", l->cac.text),
		    F_WHY(direct ? "there is not enough bandwidth for a better codec"
		                 : "there is no bandwidth on the direct path"),
		    F_REMEDY(
		        "raise the audio limit of the sites between where this happens too often"));
	go_on(l);
}

static void on_probe(
    struct media_user *u, struct media *m, enum media_event ev, enum media_side side, int v)
{
	struct leg_sip *l = CONTAINER_OF(u, struct leg_sip, cac.mu);
	char why[80];

	if (!l->cac.probe || l->leg.gone || !l->leg.call)
		return;
	if (ev == MEDIA_FAILED || ev == MEDIA_LOST) {
		unknown(l, "no mediad could ask");
	} else if (ev == MEDIA_CAC) {
		const struct media_cac_said *said = media_cac_said(m, side);
		if (v == MEDIA_CAC_VERDICT) {
			decide(l, said);
		} else if (v == MEDIA_CAC_REFUSED) {
			(void)snprintf(
			    why, sizeof(why), "the policy server refuses us, %u", said->error);
			unknown(l, why);
		} else {
			unknown(l, "no answer from the policy server");
		}
	}
}

static void on_no_server(struct tmr *t, void *ctx)
{
	struct leg_sip *l = ctx;

	(void)t;
	if (!l->leg.gone && l->leg.call)
		unknown(l, l->cac.why);
}

bool leg_cac_hold(
    struct leg_sip *l, const struct user *u, const struct sip_msg *req, struct slice sdp)
{
	struct sipd *s = l->leg.sipd;
	struct media_cac c = { .check = true, .wait_ms = s->conf->lync_cac_wait_ms };
	struct media_leg net = { .on = true, .ipv6 = l->leg.ipv6 };
	int err;

	if (!l->oa.asked || !leg_cac_on(s, u))
		return false;
	tmr_init(&l->cac.late, s->d->wheel, on_no_server, l);
	err = leg_cac_server(s, &c.server);
	if (err) {
		l->cac.why = err == ERR_AUTH
		                 ? "no credentials of the A/V Edge for the policy server"
		                 : "cac-server is no address";
		tmr_start(&l->cac.late, 0); /* as an answer would come */
		return true;
	}
	c.ncodec = oa_common(&l->oa, c.codec);
	site(l, &c, req->from.uri_raw);
	far_end(&c, sdp, &l->oa.next.rtp);
	if (slice_copy(req->call_id, c.call_id, sizeof(c.call_id)))
		c.call_id[0] = '\0';
	l->cac.mu.ev = on_probe;
	/* A port of its own: the call's media is made with the handset that answers. */
	l->cac.probe = media_open(s->media, l->leg.ref, &net, NULL, NULL, &l->cac.mu);
	media_admit(l->cac.probe, MEDIA_NETWORK, &c);
	mem_wipe(&c, sizeof(c));
	return true;
}

/* ---- the reservation ---- */

void leg_cac_reserve(struct leg_sip *l)
{
	struct sipd *s = l->leg.sipd;
	struct media_cac c = { 0 };
	struct dlg *d = l->inv ? inv_dlg(l->inv) : NULL;

	if (l->out && !(l->inv && inv_is_up(l->inv)))
		return; /* early media of one fork or another */
	if (l->cac.reserve || !l->leg.media || l->leg.side != MEDIA_NETWORK || !d ||
	    !leg_cac_on(s, leg_sip_whose(l)) || leg_cac_server(s, &c.server))
		return;
	l->cac.reserve = true;
	site(l, &c, l->out ? slice_str(l->uri) : slice_str(l->leg.who.uri));
	far_end(&c, slice_str(l->oa.remote ? l->oa.remote : ""), &l->oa.result.rtp);
	/* LYNC: the form of the text is UNVERIFIED (MS-TURNBWM 2.2.12): the parts that name a dialog. */
	(void)snprintf(c.dialog, sizeof(c.dialog), "%s;from=%s;to=%s", d->call_id, d->local_tag,
	    d->remote_tag);
	media_admit(l->leg.media, l->leg.side, &c);
	mem_wipe(&c, sizeof(c));
}

/* More was denied: the codec goes back to what is reserved, and that is offered. */
static void lower(struct leg_sip *l, const struct media_cac_said *v)
{
	uint32_t deny = l->oa.deny;

	for (int k = CODEC_PCMU; v->reserved && v->reserved < 88 && k <= CODEC_G722; k++)
		deny |= 1u << k;
	if (deny == l->oa.deny || oa_deny(&l->oa, deny))
		return;
	leg_sip_reoffer(l);
}

void leg_cac_moved(struct leg_sip *l)
{
	const struct media_cac_said *v = media_cac_said(l->leg.media, l->leg.side);
	struct sipd *s = l->leg.sipd;

	switch (v->kind) {
	case MEDIA_CAC_RESERVED:
		l->cac.granted = v->reserved;
		log_ev(LOG_INFO, "bandwidth reserved", F_CALL(l->leg.ref),
		    F_U64("IPDECT_KBPS", v->reserved), F_U64("IPDECT_LIFETIME", v->lifetime_s));
		stat_add(s->st.cac_reserved, 1);
		break;
	case MEDIA_CAC_DENIED:
		l->cac.granted = v->reserved;
		log_ev(LOG_WARNING, "bandwidth denied", F_CALL(l->leg.ref),
		    F_U64("IPDECT_KBPS", v->reserved),
		    F_WHY(v->reserved ? "no more than is reserved" : "nothing can be reserved"),
		    F_REMEDY(v->reserved ? "the call keeps to a codec that fits"
		                         : "the call goes on uncounted: compare the limits of the "
		                           "sites between"));
		lower(l, v);
		break;
	case MEDIA_CAC_SILENT:
	case MEDIA_CAC_REFUSED:
		stat_add(s->st.cac_silent, 1);
		log_ev(LOG_WARNING, "bandwidth not reserved", F_CALL(l->leg.ref),
		    F_WHY(v->kind == MEDIA_CAC_SILENT ? "no answer from the policy server"
		                                      : "the policy server refuses us"),
		    F_U64("IPDECT_STATUS", v->error),
		    F_REMEDY("the call goes on; dectctl check lync asks the policy server"));
		break;
	case MEDIA_CAC_IGNORED:
		log_ev(LOG_INFO, "the policy server knows nothing of call admission control",
		    F_CALL(l->leg.ref),
		    F_REMEDY("compare cac-server with the pool's bandwidth policy service"));
		break;
	default:
		break;
	}
}

bool leg_cac_refusal(const struct leg_sip *l, unsigned *status, struct wr *w)
{
	const struct sipd_conf *c = l->leg.sipd->conf;

	if (!l->cac.refused)
		return false;
	/* LYNC: UNVERIFIED: the ErrorID, and how rerouting to the Line URI is asked for (MS-OCER appendix A, MS-OCPSTN, or
	 * a trace of a Lync client that refuses). */
	*status = c->lync_cac_status;
	wr_fmt(w, "ms-client-diagnostics: %u;reason=\"insufficient bandwidth\"\r\n",
	    c->lync_cac_error);
	return true;
}

void leg_cac_say(struct leg_sip *l)
{
	char lines[160];
	struct wr w = wr_of(lines, sizeof(lines));
	unsigned status;

	if (l->inv && !l->leg.up && leg_cac_refusal(l, &status, &w))
		(void)inv_refuse(l->inv, status, SLICE_LIT(""), wr_slice(&w));
}

void leg_cac_fini(struct leg_sip *l)
{
	tmr_stop(&l->cac.late);
	if (l->cac.probe)
		let_go(l);
}
