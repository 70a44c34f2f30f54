/* LYNC: `dectctl check lync`: asks DNS, the front ends and our own port, then says what is well, what is not, and what to do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/dns.h"
#include "sipd/leg_cac.h"
#include "sipd/ms.h"
#include "sipd/ms_cert.h"
#include "sipd/mras.h"
#include "sipd/prov.h"
#include "sipd/reg.h"
#include "sipd/sip_build.h"
#include "sipd/sip_req.h"
#include "sipd/tls.h"

#define LIMIT_MS    9000
#define TRY_MS      4000
#define SKEW_WARN_S 60
#define SKEW_MAX_S  300 /* Kerberos; NTLM allows 900 */
#define ADDRS_MAX   4

/* A host that is looked up and then asked by OPTIONS over TLS. */
struct asked {
	struct lync_check *c;
	char host[256], uri[300];
	struct dns_wait a;
	int dns_err;
	bool told; /* by DNS */
	char ip[ADDRS_MAX][ADDR_TEXT];
	unsigned nip;
	struct sip_req *req;
	struct tp_flow
	    *flow; /* of the answer: ended with the check, so that the next one makes its own */
	unsigned status; /* of the answer; 0: none */
	int err;
	char why[160];
};
struct lync_check {
	struct sipd *s;
	struct ctl_run *run;
	struct tmr limit;
	unsigned pending;
	struct asked fe[SIPD_PROXIES], own;
	unsigned nfe;
	struct dns_wait ptr;
	bool ptr_told;
	char ptr_name[DNS_NAME_MAX];
	/* The bandwidth policy server is asked by mediad, as for a call. */
	struct media *probe;
	struct media_user mu;
	char policy[160]; /* empty: not asked */
	const char *policy_remedy;
	bool policy_ok;
};

static void finish(struct lync_check *c);

static void done(struct lync_check *c)
{
	if (--c->pending == 0) /* from the loop: a question may be on the stack */
		tmr_start(&c->limit, 0);
}

/* ---- DNS ---- */

static void on_ptr(void *ctx, int err, const struct dns_rr *rr, unsigned n)
{
	struct lync_check *c = ctx;

	c->ptr_told = !err;
	if (!err && n)
		(void)snprintf(c->ptr_name, sizeof(c->ptr_name), "%s", rr[0].name);
	done(c);
}

static void ask_ptr(struct lync_check *c, const uint8_t ip[4])
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%u.%u.%u.%u.in-addr.arpa", ip[3], ip[2], ip[1], ip[0]);
	c->ptr = (struct dns_wait){ .fn = on_ptr, .ctx = c };
	c->pending++;
	dns_ask(resolve_dns(sip_ua_resolve(c->s->ua)), name, DNS_PTR, &c->ptr);
}

static void on_a(void *ctx, int err, const struct dns_rr *rr, unsigned n)
{
	struct asked *k = ctx;

	k->dns_err = err;
	k->told = true;
	for (unsigned i = 0; !err && i < n && k->nip < ADDRS_MAX; i++)
		(void)snprintf(k->ip[k->nip++], ADDR_TEXT, "%u.%u.%u.%u", rr[i].ip[0], rr[i].ip[1],
		    rr[i].ip[2], rr[i].ip[3]);
	if (k == &k->c->own && k->nip)
		ask_ptr(k->c, rr[0].ip);
	done(k->c);
}

/* ---- OPTIONS ---- */

static void on_options(
    void *ctx, struct sip_req *req, enum sip_req_ev ev, const struct sip_msg *rsp, int err)
{
	struct asked *k = ctx;

	if (ev == SIP_REQ_REPLY && rsp->status >= 200) {
		k->status = rsp->status;
		if (!k->flow && sip_req_flow(req))
			k->flow = tp_flow_ref(sip_req_flow(req));
		ms_note_date(k->c->s, rsp);
	} else if (ev == SIP_REQ_FAIL) {
		struct tp_flow *f = sip_req_flow(req);
		k->err = err;
		(void)snprintf(k->why, sizeof(k->why), "%s",
		    f && *tp_flow_why(f) ? tp_flow_why(f) : err_text(err));
	} else if (ev == SIP_REQ_DONE) {
		k->req = NULL;
		done(k->c);
	}
}

static void ask(struct lync_check *c, struct asked *k, const char *host, unsigned port)
{
	struct sipd *s = c->s;
	struct addr numeric;
	char buf[1200], tag[SIP_TAG_LEN + 1], id[SIP_TAG_LEN + 1];
	struct wr w = wr_of(buf, sizeof(buf));

	k->c = c;
	(void)snprintf(k->host, sizeof(k->host), "%s", host);
	(void)snprintf(k->uri, sizeof(k->uri), "sip:%s:%u;transport=tls", host, port);
	if (addr_parse(slice_str(host), 0, &numeric) == 0) {
		k->told = true;
		(void)snprintf(k->ip[k->nip++], ADDR_TEXT, "%s", host);
	} else {
		k->a = (struct dns_wait){ .fn = on_a, .ctx = k };
		c->pending++;
		dns_ask(resolve_dns(sip_ua_resolve(s->ua)), host, DNS_A, &k->a);
	}
	sip_token(tag, SIP_TAG_OCTETS);
	sip_token(id, SIP_TAG_OCTETS);
	sip_put_request(&w, SLICE_LIT("OPTIONS"), slice_str(k->uri));
	sip_put_u32(&w, SIP_H_MAX_FORWARDS, s->conf->max_forwards);
	sip_put_hdr_fmt(&w, SIP_H_FROM, "<sip:%s>;tag=%s",
	    s->conf->default_domain[0] ? s->conf->default_domain : "ipdect.invalid", tag);
	sip_put_hdr_fmt(&w, SIP_H_TO, "<%s>", k->uri);
	sip_put_hdr(&w, SIP_H_CALL_ID, slice_str(id));
	sip_put_cseq(&w, 1, SLICE_LIT("OPTIONS"));
	sip_put_body(&w, SLICE_LIT(""), SLICE_LIT(""));
	struct sip_req_conf conf = { .method = SIP_M_OPTIONS,
		.msg = wr_slice(&w),
		.next_hop = slice_str(k->uri),
		.try_ms = TRY_MS,
		.key = UINT32_MAX }; /* a connection of its own: the handshake is what is checked */
	c->pending++;
	if (w.bad || sip_req_send(s->ua, &conf, on_options, k, &k->req)) {
		k->req = NULL;
		k->err = ERR_SYNTAX;
		(void)snprintf(k->why, sizeof(k->why), "its name is not one");
		done(c);
	}
}

/* ---- the bandwidth policy server ---- */

static void on_policy(
    struct media_user *u, struct media *m, enum media_event ev, enum media_side side, int v)
{
	struct lync_check *c = CONTAINER_OF(u, struct lync_check, mu);
	const struct media_cac_said *said;

	if (ev != MEDIA_CAC && ev != MEDIA_FAILED && ev != MEDIA_LOST)
		return;
	said = media_cac_said(m, side);
	c->policy_ok = ev == MEDIA_CAC && v == MEDIA_CAC_VERDICT;
	c->policy_remedy = "";
	if (c->policy_ok) {
		(void)snprintf(c->policy, sizeof(c->policy), "answers");
	} else if (ev != MEDIA_CAC) {
		(void)snprintf(c->policy, sizeof(c->policy), "no mediad could ask");
		c->policy_remedy = "dectctl status shows the mediad instances";
	} else if (v == MEDIA_CAC_REFUSED) {
		(void)snprintf(
		    c->policy, sizeof(c->policy), "it refuses us with error %u", said->error);
		c->policy_remedy = "is cac-server of the deployment whose Edge mras-uri names? its "
		                   "credentials are used";
	} else {
		(void)snprintf(c->policy, sizeof(c->policy), "no answer from the policy server");
		c->policy_remedy = "is 3478/udp open between the RTP ports of this host and "
		                   "cac-server, and is it the pool's bandwidth policy service "
		                   "(authentication)?";
	}
	media_detach(&c->mu);
	media_unref(c->probe, 0);
	c->probe = NULL;
	done(c);
}

static void ask_policy(struct lync_check *c)
{
	struct sipd *s = c->s;
	struct media_cac ask = {
		.check = true, .peer = 2, .self = 2, .codec = { CODEC_PCMA }, .ncodec = 1
	};
	struct media_leg net = { .on = true };

	if (!s->conf->lync_cac_server[0] || s->conf->lync_cac == MS_CAC_NO)
		return;
	int err = leg_cac_server(s, &ask.server);
	if (err) {
		(void)snprintf(c->policy, sizeof(c->policy), "%s",
		    err == ERR_AUTH ? "no credentials of the A/V Edge to ask it with"
		                    : "cac-server is no address");
		c->policy_remedy =
		    err == ERR_AUTH ? "see A/V Edge above" : "write an address or address:port";
		return;
	}
	ask.remote = ask.server.addr; /* the place of the server itself */
	(void)snprintf(ask.call_id, sizeof(ask.call_id), "check");
	net.ipv6 = ask.server.addr.n == 16;
	c->mu.ev = on_policy;
	c->pending++;
	c->probe = media_open(s->media, 0, &net, NULL, NULL, &c->mu);
	media_admit(c->probe, MEDIA_NETWORK, &ask);
	mem_wipe(&ask, sizeof(ask));
}

/* ---- the report ---- */

static void list_addrs(const struct asked *k, char *out, size_t cap)
{
	size_t n = 0;

	*out = '\0';
	for (unsigned i = 0; i < k->nip && n < cap; i++)
		n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? ", " : "", k->ip[i]);
}

static void report_front_end(struct lync_check *c, const struct asked *k)
{
	char what[300], ips[ADDRS_MAX * (ADDR_TEXT + 2)];
	struct ctl_run *r = c->run;

	list_addrs(k, ips, sizeof(ips));
	(void)snprintf(what, sizeof(what), "DNS: %s", k->host);
	ctl_check(r, what, k->nip ? CTL_OK : CTL_FAILED,
	    k->nip ? ""
	    : k->told && !k->dns_err
	        ? "add an A record for the front end or pool, or correct "
	          "front-ends in [lync]"
	        : "the DNS servers of this host do not answer: check dns-servers "
	          "in [sipd] or /etc/resolv.conf",
	    "%s",
	    k->nip                   ? ips
	    : k->told && !k->dns_err ? "has no A record"
	                             : "no answer from DNS");
	(void)snprintf(what, sizeof(what), "port: to %s", k->host);
	if (k->status)
		ctl_check(r, what, CTL_OK, "",
		    "connected, certificate proven, answers SIP (%u to OPTIONS)", k->status);
	else
		ctl_check(r, what, CTL_FAILED,
		    k->err == ERR_AUTH || strstr(k->why, "certificate")
		        ? "import the CA of the front ends: dectctl trust import; name them "
		          "in front-ends as their certificates do; the front end must "
		          "believe our CA, too"
		    : k->err == ERR_TIMEOUT
		        ? "connected, but no answer: is the pool's front-end service running?"
		        : "is the front end running, and is 5061/tcp open on the way?",
		    "%s", *k->why ? k->why : "no answer in time");
}

static void report_own(struct lync_check *c)
{
	struct sipd *s = c->s;
	const struct asked *k = &c->own;
	char ips[ADDRS_MAX * (ADDR_TEXT + 2)];
	struct ctl_run *r = c->run;
	const char *fqdn = s->conf->lync_fqdn;

	if (!fqdn[0]) {
		ctl_check(r, "DNS: this host", CTL_FAILED,
		    "set fqdn in [lync] to the name of the trusted application pool",
		    "its name is not configured");
		return;
	}
	list_addrs(k, ips, sizeof(ips));
	ctl_check(r, "DNS: this host", k->nip ? CTL_OK : CTL_FAILED,
	    k->nip ? "" : "add an A record: the front ends look this host up by it", "%s: %s", fqdn,
	    k->nip ? ips : "no A record");
	if (k->nip) {
		bool same = dns_same(c->ptr_name, fqdn);
		ctl_check(r, "DNS: PTR of this host", same ? CTL_OK : CTL_WARNING,
		    same ? "" : "add a PTR record: logs and some tools of the Lync side use it",
		    "%s: %s", k->ip[0],
		    *c->ptr_name  ? c->ptr_name
		    : c->ptr_told ? "no PTR record"
		                  : "no answer from DNS");
	}
	if (!s->listening[TP_TLS])
		ctl_check(r, "port: from the pool", CTL_FAILED,
		    "set tls-port and transports in [sipd]; the journal says why not",
		    "nothing listens for TLS here");
	else
		ctl_check(r, "port: from the pool", k->status ? CTL_OK : CTL_FAILED,
		    k->status ? ""
		              : "the pool must reach this name and port: check DNS, the firewall, "
		                "and the "
		                "certificate rows",
		    "%s:%u %s%s", fqdn, s->conf->tls_port,
		    k->status ? "is reached by its name, with mutual TLS"
		              : "is not reached by its name: ",
		    k->status ? ""
		    : *k->why ? k->why
		              : "no answer in time");
}

static void report_clock(struct lync_check *c)
{
	const struct ms *ms = c->s->ms;
	int64_t off = ms->skew_ms < 0 ? -ms->skew_ms / 1000 : ms->skew_ms / 1000;

	if (!ms->skew_at) {
		ctl_check(c->run, "clock", CTL_WARNING,
		    "compare by hand: both sides should follow the domain's time",
		    "no front end told its time");
		return;
	}
	ctl_check(c->run, "clock",
	    off > SKEW_MAX_S    ? CTL_FAILED
	    : off > SKEW_WARN_S ? CTL_WARNING
	                        : CTL_OK,
	    off > SKEW_WARN_S ? "set this host's clock by NTP, from the domain's time server" : "",
	    "this host is %lld s %s the front end (allowed: 5 min with Kerberos, 15 min with NTLM)",
	    (long long)off, ms->skew_ms > 0 ? "behind" : "ahead of");
}

static void report_certificate(struct lync_check *c)
{
	struct sipd *s = c->s;
	struct ms_cert_finding f[MS_CERT_FINDINGS];
	const STACK_OF(X509) *chain = tls_of(s) ? tp_tls_identity(tls_of(s)) : NULL;
	unsigned n =
	    chain ? ms_cert_check(chain, tp_tls_trust(tls_of(s)), s->conf->lync_fqdn, f) : 0;
	bool needed = s->conf->lync_auth == MS_AUTH_TRUSTED;

	if (!n)
		ctl_check(c->run, "certificate", needed ? CTL_FAILED : CTL_OK,
		    needed ? "dectctl cert csr cn=NAME, have it signed, dectctl cert import" : "",
		    needed ? "this host has none" : "none, and none is needed with auth = ntlm");
	for (unsigned i = 0; i < n; i++)
		ctl_check(c->run, f[i].what,
		    f[i].level == MS_CERT_OK                ? CTL_OK
		    : f[i].level == MS_CERT_WRONG && needed ? CTL_FAILED
		                                            : CTL_WARNING,
		    f[i].remedy, "%s", f[i].text);
}

static void report_registration(struct lync_check *c)
{
	struct sipd *s = c->s;
	unsigned want, up, failed, untrusted = 0;
	const char *why = "";

	regs_count(s, &want, &up, &failed);
	for (const struct user *u = users_next(s->users, NULL); u; u = users_next(s->users, u)) {
		struct reg_view v;

		reg_view(u, &v);
		if (*v.why && v.code) {
			why = *why ? why : v.why;
			untrusted += s->conf->lync_auth == MS_AUTH_TRUSTED &&
			             (v.code == 401 || v.code == 407);
		}
	}
	ctl_check(c->run, "registration",
	    untrusted || failed      ? CTL_FAILED
	    : want == 0 || up < want ? CTL_WARNING
	                             : CTL_OK,
	    untrusted
	        ? "run the three commands below on a Lync server; users try again within five "
	          "minutes"
	    : failed    ? "dectctl reg list tells why for each"
	    : !want     ? "add users, and handsets to them"
	    : up < want ? "wait some seconds, then check again"
	                : "",
	    "%u of %u users are registered%s%s", up, want, *why ? "; the first refusal: " : "",
	    why);
}

static void report_policy(struct lync_check *c)
{
	static const char *const ours[] = { "off", "optional", "required" };
	struct sipd *s = c->s;
	const char *v = NULL;

	for (const struct user *u = users_next(s->users, NULL); u && !v;
	     u = users_next(s->users, u))
		v = u->room ? prov_get(u, "ucPC2PCAVEncryption") : NULL;
	bool need = v && strcmp(v, "RequireEncryption") == 0,
	     none = v && strcmp(v, "DoNotSupportEncryption") == 0;
	bool bad = (need && s->oa.srtp == OA_SRTP_OFF) || (none && s->oa.srtp == OA_SRTP_REQUIRED);
	ctl_check(c->run, "speech encryption",
	    bad  ? CTL_FAILED
	    : !v ? CTL_WARNING
	         : CTL_OK,
	    bad  ? "set media-encryption and media-encryption-require in [sipd] to fit, or change "
	           "Set-CsMediaConfiguration -EncryptionLevel"
	    : !v ? "compare with Get-CsMediaConfiguration | fl EncryptionLevel by hand"
	         : "",
	    "here %s; the server says %s", ours[s->oa.srtp], v ? v : "nothing yet");
}

static void report_edge(struct lync_check *c)
{
	char text[200];

	if (!c->s->conf->lync_ice)
		return;
	int has = mras_text(c->s, text, sizeof(text));
	ctl_check(c->run, "A/V Edge", has < 0 ? CTL_WARNING : CTL_OK,
	    has < 0 ? "compare mras-uri with Get-CsService -EdgeServer, and ask the Edge's "
	              "administrator"
	            : "",
	    "%s", text);
}

static void report_admission(struct lync_check *c)
{
	const struct sipd_conf *conf = c->s->conf;
	const char *v = NULL;

	for (const struct user *u = users_next(c->s->users, NULL); u && !v;
	     u = users_next(c->s->users, u))
		v = u->room ? prov_get(u, "enableBWPolicyCheck") : NULL;
	if (c->policy[0])
		ctl_check(c->run, "policy server",
		    c->policy_ok            ? CTL_OK
		    : conf->lync_cac_silent ? CTL_FAILED
		                            : CTL_WARNING,
		    c->policy_ok ? "" : c->policy_remedy, "%s: %s", conf->lync_cac_server,
		    c->policy);
	else if (v && strcmp(v, "true") == 0 && !conf->lync_cac_server[0])
		ctl_check(c->run, "policy server", CTL_WARNING,
		    "set cac-server in [lync] to the pool's bandwidth policy service",
		    "the server wants call admission control, and cac-server is empty");
}

static void report_commands(struct lync_check *c)
{
	const struct sipd_conf *conf = c->s->conf;
	const char *fqdn = conf->lync_fqdn[0] ? conf->lync_fqdn : "NAME-OF-THIS-HOST";

	if (conf->lync_auth != MS_AUTH_TRUSTED)
		return;
	ctl_say(c->run,
	    "On a Lync server, in the Lync Server Management Shell (SiteId: Get-CsSite):\n"
	    "New-CsTrustedApplicationPool -Identity %s -Site %s -Registrar %s -RequiresReplication "
	    "$false -ThrottleAsServer $true -TreatAsAuthenticated $true\n"
	    "New-CsTrustedApplication -ApplicationId dect -TrustedApplicationPoolFqdn %s -Port %u\n"
	    "Enable-CsTopology\n",
	    fqdn, conf->lync_site, c->fe[0].host, fqdn, conf->tls_port);
}

static void drop(struct lync_check *c)
{
	tmr_stop(&c->limit);
	dns_cancel(&c->ptr);
	media_detach(&c->mu);
	media_unref(c->probe, 0);
	for (unsigned i = 0; i <= c->nfe; i++) {
		struct asked *k = i < c->nfe ? &c->fe[i] : &c->own;
		dns_cancel(&k->a);
		sip_req_forget(k->req);
		if (k->flow)
			tp_flow_kill(k->flow, ERR_LOST, "the check is over");
		tp_flow_unref(k->flow);
	}
	c->s->ms->check = NULL;
	free(c);
}

static void finish(struct lync_check *c)
{
	for (unsigned i = 0; i < c->nfe; i++)
		report_front_end(c, &c->fe[i]);
	if (c->s->conf->lync_auth == MS_AUTH_TRUSTED)
		report_own(c);
	report_clock(c);
	report_certificate(c);
	report_registration(c);
	report_policy(c);
	report_edge(c);
	report_admission(c);
	report_commands(c);
	ctl_done(c->run, 0);
	drop(c);
}

static void on_limit(struct tmr *t, void *ctx)
{
	(void)t;
	finish(ctx);
}

int ms_check(struct ctl_run *r)
{
	struct sipd *s = sipd_of(ctl_ctx(r));
	struct lync_check *c;

	if (!s->ms)
		return ctl_fail(
		    r, ERR_STATE, "Lync is not configured: set enabled = yes in [lync]");
	if (s->ms->check)
		return ctl_fail(r, ERR_BUSY, "this check runs already: wait ten seconds");
	c = mem_new(sizeof(*c));
	c->s = s;
	c->run = r;
	s->ms->check = c;
	ctl_defer(r);
	tmr_init(&c->limit, s->d->wheel, on_limit, c);
	tmr_start(&c->limit, LIMIT_MS);
	c->pending = 1; /* not before all is asked */
	dns_forget_missing(resolve_dns(sip_ua_resolve(s->ua)));
	for (unsigned i = 0; i < SIPD_PROXIES; i++) {
		struct sip_uri u;
		char host[256];

		if (!s->conf->proxy[i].uri[0] ||
		    sip_uri_parse(&u, slice_str(s->conf->proxy[i].uri)) ||
		    slice_copy(u.host, host, sizeof(host)))
			continue;
		ask(c, &c->fe[c->nfe++], host, u.port ? u.port : 5061);
	}
	if (s->conf->lync_auth == MS_AUTH_TRUSTED && s->conf->lync_fqdn[0])
		ask(c, &c->own, s->conf->lync_fqdn, s->conf->tls_port);
	ask_policy(c);
	done(c);
	return 0;
}

void ms_check_stop(struct sipd *s)
{
	if (s->ms && s->ms->check) {
		ctl_done(s->ms->check->run, ERR_LOST);
		drop(s->ms->check);
	}
}
