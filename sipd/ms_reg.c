/* LYNC: registration in Microsoft's dialect (MS-SIPREGE, MS-SIPRE 3.2-3.4): identity, text, answers, notices. */
#include "common/ossl.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/enc.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/leg_sip.h"
#include "sipd/ms_auth_int.h"
#include "sipd/mras.h"
#include "sipd/ms_diag.h"
#include "sipd/reg.h"
#include "sipd/sip_build.h"

#define REFUSED_MS   (900 * 1000) /* wrong password or user: more tries would lock the account */
#define UNTRUSTED_MS (300 * 1000)
#define NO_ROUTE_MS  (60 * 1000)
#define ELSEWHERE_MS (300 * 1000) /* signed in elsewhere: two servers would fight */
#define KEEP_SLACK_S 30

/* ---- endpoints ---- */

/* Stable over restarts and lost databases, another one on another host: made of both names. */
static bool make_epid(const struct sipd *s, const struct user *u, char out[MS_EPID_MAX + 1])
{
	char text[512];
	struct wr w = wr_of(text, sizeof(text));
	uint8_t md[EVP_MAX_MD_SIZE];
	size_t n;

	wr_fmt(&w, "epid %s %s@", s->conf->lync_fqdn, u->key);
	wr_slice_add(&w, sipd_domain(s, u));
	if (w.bad || !EVP_Q_digest(NULL, "SHA256", NULL, w.p, w.n, md, &n))
		return false;
	enc_hex(md, 5, out);
	return true;
}

/* The first connection that has place. */
static uint32_t join_group(struct ms *ms, uint32_t most)
{
	uint32_t g = most ? ms->room : 0;

	while (most && g < ms->ngroup && ms->group[g] >= most)
		g++;
	if (g == ms->ngroup) {
		ms->group = mem_grow(ms->group, ++ms->ngroup, sizeof(*ms->group));
		ms->group[g] = 0;
	}
	ms->group[g]++;
	ms->room = g;
	return g;
}

static void leave_group(struct ms *ms, uint32_t g)
{
	ms->group[g]--;
	if (g < ms->room)
		ms->room = g;
}

uint32_t ms_connection(const struct ms_ep *e)
{
	return (e->s->ms->generation & 0x7fff) << 16 | e->group;
}

void ms_identity_changed(struct sipd *s)
{
	if (!s->ms || s->conf->lync_auth != MS_AUTH_TRUSTED)
		return;
	if (regs_refused_again(s, 401))
		s->ms->generation++;
}

struct ms_ep *ms_ep(struct sipd *s, struct user *u)
{
	struct ustate *us = sipd_ustate(s, u);
	struct ms_ep *e;

	if (!s->conf->lync || us->ms)
		return us->ms;
	e = mem_new(sizeof(*e));
	e->s = s;
	e->user = u;
	if (!make_epid(s, u, e->epid) || ms_epid_uuid(slice_str(e->epid), e->uuid) ||
	    !map_put(&s->ms->by_epid, &e->by_epid, slice_str(e->epid))) {
		log_ev(LOG_ERR, "no endpoint identity", F_USER(u->f[USER_NAME]));
		free(e);
		return NULL;
	}
	e->group = join_group(s->ms, s->conf->lync_per_connection);
	us->ms = e;
	return e;
}

void ms_ep_free(struct user *u)
{
	struct ms_ep *e = u->room ? ustate_of(u)->ms : NULL;

	if (!e)
		return;
	mras_gone(e->s, u);
	ms_auth_reset(e);
	map_del(&e->s->ms->by_epid, &e->by_epid);
	leave_group(e->s->ms, e->group);
	free(e->allow_events);
	free(e);
	ustate_of(u)->ms = NULL;
}

struct ms_ep *ms_by_epid(const struct sipd *s, struct slice epid)
{
	char low[MS_EPID_MAX + 1];
	struct map_node *n;

	if (!s->ms || epid.n == 0 || slice_copy(epid, low, sizeof(low)))
		return NULL;
	for (char *c = low; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
	n = map_get(&s->ms->by_epid, slice_str(low));
	return n ? CONTAINER_OF(n, struct ms_ep, by_epid) : NULL;
}

void ms_put_epid(const struct sipd *s, struct wr *w, const struct user *u)
{
	const struct ms_ep *e = s->conf->lync && u && u->room ? ustate_of(u)->ms : NULL;

	if (e)
		wr_fmt(w, ";epid=%s", e->epid);
}

/* ---- header lines of INVITE ---- */

static void lines(struct sipd *s, const struct user *u, enum sip_method m, struct wr *w)
{
	if (m != SIP_M_INVITE || !u)
		return;
	wr_fmt(w, "Supported: histinfo, gruu-10, ms-early-media, ms-conf-invite%s\r\n",
	    ms_bypass_id(s, u) ? ", ms-bypass" : "");
	wr_str(w, "P-Preferred-Identity: ");
	sipd_put_aor(s, w, u, false);
	if (user_on(u, USER_NUMBER) && u->f[USER_NUMBER][0] == '+')
		wr_fmt(w, ", <tel:%s>", u->f[USER_NUMBER]);
	wr_str(w, "\r\n");
}

static const struct sipd_hooks hooks = { .lines = lines };
/* The notice of the registration's end has the tags of a dialog that nobody made. */
static bool orphan(void *ctx, struct tx *tx, const struct sip_msg *req, struct tp_flow *f)
{
	return (req->method == SIP_M_NOTIFY || req->method == SIP_M_BENOTIFY) &&
	       leg_sip_welcome(ctx, f) && ms_deregistered(ctx, tx, req);
}

struct ms_ep *ms_asked(const struct sipd *s, const struct sip_msg *req)
{
	char name[USER_NAME_MAX + 1];
	struct sip_uri uri;
	struct slice epid;
	struct user *u;

	if (sip_addr_param(&req->to, SLICE_LIT("epid"), &epid))
		return ms_by_epid(s, epid);
	if (sip_uri_parse(&uri, req->ruri) == 0 &&
	    sip_uri_param(&uri, SLICE_LIT("ms-opaque"), &epid)) {
		struct ms_ep *e = ms_by_epid(s, epid);
		if (e)
			return e;
	}
	if (sip_unescape(req->to.uri.user, name, sizeof(name)))
		return NULL;
	u = users_find(s->users, slice_str(name));
	return u && u->room ? ustate_of(u)->ms : NULL;
}

/* Our epid in To of responses and in From of what we send in the dialog, where the request came without it. */
static void to_params(void *ctx, struct tp_flow *f, const struct sip_msg *req, struct wr *w)
{
	struct ms_ep *e = tp_flow_proto(f) == TP_TLS ? ms_asked(ctx, req) : NULL;
	struct slice epid;

	if (e && !sip_addr_param(&req->to, SLICE_LIT("epid"), &epid))
		wr_fmt(w, ";epid=%s", e->epid);
}

static const struct sip_ua_hooks ua_hooks = { ms_sign_out, ms_verify_in, orphan, to_params };

void ms_start(struct sipd *s)
{
	if (!s->conf->lync)
		return;
	s->ms = mem_new(sizeof(*s->ms));
	s->ms->s = s;
	s->hooks = &hooks;
	s->hooks_ctx = s->ms;
	sip_ua_set_hooks(s->ua, &ua_hooks, s);
	mras_start(s);
	if (s->conf->lync_auth == MS_AUTH_KERBEROS || s->conf->lync_auth == MS_AUTH_NEGOTIATE)
		ms_krb_start(s->ms);
}

void ms_quiet(struct sipd *s)
{
	if (s->ms)
		ms_krb_stop(s->ms);
}

void ms_reconf(struct sipd *s)
{
	if (s->ms && s->ms->krb)
		ms_krb_reconf(s->ms);
}

void ms_stop(struct sipd *s)
{
	if (!s->ms)
		return;
	if (s->users)
		for (struct user *u = users_next(s->users, NULL); u; u = users_next(s->users, u))
			ms_ep_free(u);
	mras_stop(s);
	map_free(&s->ms->by_epid);
	free(s->ms->group);
	free(s->ms);
	s->ms = NULL;
}

/* ---- REGISTER ---- */

static void put_contact(const struct ms_ep *e, struct wr *w, const struct tp_flow *f)
{
	const struct sipd *s = e->s;
	bool trusted = s->conf->lync_auth == MS_AUTH_TRUSTED;
	char at[256];
	struct wr wa = wr_of(at, sizeof(at));

	if (trusted && s->conf->lync_fqdn[0])
		wr_fmt(&wa, "%s:%u", s->conf->lync_fqdn, s->conf->tls_port);
	else if (f)
		tp_flow_put_sent_by(&wa, f);
	else
		wr_str(&wa, "0.0.0.0");
	wr_str(w, "<sip:");
	if (trusted) {
		sip_escape_user(w, slice_str(e->user->f[USER_NAME]));
		wr_str(w, "@");
	}
	wr_slice_add(w, wr_slice(&wa));
	/* ms-opaque comes back in the Request-URI of what is for this endpoint. */
	wr_fmt(w,
	    ";transport=tls;ms-opaque=%s>;methods=\"INVITE, MESSAGE, INFO, OPTIONS, BYE, CANCEL, "
	    "NOTIFY, "
	    "ACK, REFER, BENOTIFY, UPDATE, PRACK\"",
	    e->epid);
	if (!trusted || !s->conf->lync_fqdn[0])
		wr_str(w, ";proxy=replace");
	wr_fmt(w, ";+sip.instance=\"<urn:uuid:%s>\"", e->uuid);
	w->bad |= wa.bad;
}

void ms_put_register(struct ms_ep *e, struct wr *w, const char *call_id, const char *tag,
    uint32_t cseq, bool leave, const struct tp_flow *f)
{
	const struct sipd *s = e->s;
	char ruri[300], aor[512], contact[640];
	struct wr wu = wr_of(ruri, sizeof(ruri)), wa = wr_of(aor, sizeof(aor)),
	          wc = wr_of(contact, sizeof(contact));

	wr_str(&wu, "sip:");
	wr_slice_add(&wu, sipd_domain(s, e->user));
	sipd_put_aor(s, &wa, e->user, false);
	put_contact(e, &wc, f);
	sip_put_request(w, SLICE_LIT("REGISTER"), wr_slice(&wu));
	sip_put_u32(w, SIP_H_MAX_FORWARDS, s->conf->max_forwards);
	sip_put_hdr_fmt(w, SIP_H_FROM, "%.*s;tag=%s;epid=%s", (int)wa.n, aor, tag, e->epid);
	sip_put_hdr(w, SIP_H_TO, wr_slice(&wa));
	sip_put_hdr(w, SIP_H_CALL_ID, slice_str(call_id));
	sip_put_cseq(w, cseq, SLICE_LIT("REGISTER"));
	sip_put_hdr(w, SIP_H_CONTACT, wr_slice(&wc));
	sip_put_hdr(w, SIP_H_USER_AGENT, slice_str(s->conf->agent));
	sip_put_hdr(w, SIP_H_SUPPORTED, SLICE_LIT("gruu-10, adhoclist, msrtc-event-categories"));
	sip_put_hdr(w, SIP_H_SUPPORTED, SLICE_LIT("ms-cluster-failover"));
	sip_put_hdr(w, SIP_H_SUPPORTED, SLICE_LIT("ms-userservices-state-notification"));
	sip_put_hdr(w, SIP_H_MS_KEEP_ALIVE, SLICE_LIT("UAC;hop-hop=yes"));
	sip_put_hdr(w, SIP_H_EVENT, SLICE_LIT("registration"));
	if (leave)
		sip_put_u32(w, SIP_H_EXPIRES, 0);
	sip_put_body(w, SLICE_LIT(""), SLICE_LIT(""));
	w->bad |= wu.bad || wa.bad || wc.bad;
}

/* Once per connection: what the server asks for, with slack. */
static void keep_alive(const struct sip_msg *rsp, struct tp_flow *f)
{
	struct slice v = sip_msg_value(rsp, SIP_H_MS_KEEP_ALIVE), hop, timeout;
	size_t at = slice_chr(v, ';');
	struct slice params = slice_sub(v, at, v.n);
	uint32_t s;

	if (!f || !v.p || !sip_param_find(params, SLICE_LIT("hop-hop"), &hop) ||
	    !slice_ieq(hop, SLICE_LIT("yes")) ||
	    !sip_param_find(params, SLICE_LIT("timeout"), &timeout) ||
	    slice_u32(timeout, 86400, &s) || s < 2)
		return;
	tp_flow_keepalive(f, (s > 2 * KEEP_SLACK_S ? s - KEEP_SLACK_S : s / 2) * 1000, false);
}

static struct slice state_param(const struct sip_msg *rsp, struct slice name)
{
	struct slice v = sip_msg_value(rsp, SIP_H_PRESENCE_STATE), out = { 0 };

	if (v.p && sip_param_find(v, name, &out))
		out = sip_quoted_inside(out);
	return out;
}

void ms_registered(
    struct ms_ep *e, const struct sip_msg *rsp, struct tp_flow *f, bool refresh, bool *lost)
{
	struct slice action = state_param(rsp, SLICE_LIT("register-action"));

	ms_auth_ok(e);
	keep_alive(rsp, f);
	e->adhoclist = sip_msg_lists(rsp, SIP_H_SUPPORTED, SLICE_LIT("adhoclist"));
	e->categories = sip_msg_lists(rsp, SIP_H_SUPPORTED, SLICE_LIT("msrtc-event-categories"));
	e->limited =
	    slice_ieq(state_param(rsp, SLICE_LIT("is-connected-to-primary")), SLICE_LIT("no"));
	e->fixed = slice_ieq(action, SLICE_LIT("fixed"));
	free(e->allow_events);
	e->allow_events = slice_dup(sip_msg_value(rsp, SIP_H_ALLOW_EVENTS).p
	                                ? sip_msg_value(rsp, SIP_H_ALLOW_EVENTS)
	                                : SLICE_LIT(""));
	mras_wanted(e->s, e->user);
	*lost = refresh && (e->fixed || slice_ieq(action, SLICE_LIT("added")));
}

void ms_refused(
    const struct sipd *s, const struct sip_msg *rsp, char *why, size_t cap, uint32_t *delay_ms)
{
	bool auth = rsp->status == 401 || rsp->status == 407;
	struct ms_diag d;
	char said[300] = "";

	ms_diag_of(rsp, &d);
	if (d.id)
		ms_diag_text(&d, said, sizeof(said));
	*delay_ms = 0;
	if (auth && s->conf->lync_auth == MS_AUTH_TRUSTED) {
		/* A trusted application is never asked: this is a mistake in the set-up. */
		(void)snprintf(why, cap,
		    "the server does not know this host as a trusted application: the "
		    "certificate's name "
		    "must be the trusted application pool's, TreatAsAuthenticated true, and the "
		    "topology "
		    "published (Enable-CsTopology)%s%s",
		    said[0] ? "; it says " : "", said);
		*delay_ms = UNTRUSTED_MS;
	} else if (auth) {
		(void)snprintf(why, cap,
		    "the server refuses the account: wrong password, or disabled%s%s",
		    said[0] ? "; it says " : "", said);
		*delay_ms = REFUSED_MS;
	} else {
		(void)snprintf(
		    why, cap, "the server answers %u%s%s", rsp->status, said[0] ? ": " : "", said);
		if (rsp->status == 403 || rsp->status == 404)
			*delay_ms = REFUSED_MS;
		else if (rsp->status == 504)
			*delay_ms = NO_ROUTE_MS;
	}
}

void ms_note_date(struct sipd *s, const struct sip_msg *rsp)
{
	char text[64];
	struct tm tm = { 0 };

	if (!s->ms || slice_copy(sip_msg_value(rsp, SIP_H_DATE), text, sizeof(text)) || !text[0])
		return;
	const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S", &tm);
	if (!end || strncmp(end, " GMT", 4) != 0)
		return;
	s->ms->skew_ms = (int64_t)timegm(&tm) * 1000 + 500 - (int64_t)sipd_wall_ms();
	s->ms->skew_at = tmr_now(s->d->wheel) | 1;
}

/* ---- the server takes it back ---- */

bool ms_deregistered(struct sipd *s, struct tx *tx, const struct sip_msg *req)
{
	struct slice event = sip_msg_value(req, SIP_H_EVENT), epid = { 0 }, what;
	struct sip_uri uri;
	struct ms_ep *e = NULL;
	struct ms_diag d;
	char said[300] = "", why[400];
	uint32_t pause = ELSEWHERE_MS;
	const char *kind = "signed in elsewhere, or too many endpoints";

	event.n = slice_chr(event, ';');
	event = slice_trim(event);
	if (!s->ms || (!slice_ieq(event, SLICE_LIT("registration-notify")) &&
	                  !slice_ieq(event, SLICE_LIT("registration"))))
		return false;
	if (sip_addr_param(&req->to, SLICE_LIT("epid"), &epid))
		e = ms_by_epid(s, epid);
	if (!e && sip_uri_parse(&uri, req->ruri) == 0 &&
	    sip_uri_param(&uri, SLICE_LIT("ms-opaque"), &epid))
		e = ms_by_epid(s, epid);
	if (req->method == SIP_M_BENOTIFY)
		tx_ignore(tx);
	else
		(void)tx_refuse(tx, e ? 200 : 481, NULL);
	if (!e || !sip_param_find(req->body, SLICE_LIT("event"), &what))
		return true;
	what = slice_trim(what);
	if (slice_ieq(what, SLICE_LIT("rejected"))) {
		pause = REFUSED_MS;
		kind = "the user was disabled";
	} else if (slice_ieq(what, SLICE_LIT("deactivated"))) {
		pause = 0;
		kind = "the user moved to another pool";
	}
	ms_diag_of(req, &d);
	if (d.id)
		ms_diag_text(&d, said, sizeof(said));
	(void)snprintf(why, sizeof(why), "ended by the server: %s%s%s", kind,
	    said[0] ? "; it says " : "", said);
	ms_auth_reset(e);
	reg_ended(s, e->user, why, pause);
	return true;
}
