/* The room: start, reload, links coming and going, users' run-time state, identities. */
#include "sipd/sipd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base.pb-c.h"
#include "common/addr.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/auth.h"
#include "sipd/call.h"
#include "sipd/check_dns.h"
#include "sipd/dect.h"
#include "sipd/feed.h"
#include "sipd/leg_sip.h"
#include "sipd/media_ipc.h"
#include "sipd/mras.h"
#include "sipd/ms.h"
#include "sipd/ms_adhoc.h"
#include "sipd/mwi.h"
#include "sipd/pres.h"
#include "sipd/prov.h"
#include "sipd/reg.h"
#include "sipd/tls.h"
#include "sipd/trace.h"
#include "common/trim.h"

#define SETTLED_MS 5000

static const struct sipd_hooks no_hooks;

uint64_t sipd_wall_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct media_pool *media_pool_of(struct daemon *d)
{
	return sipd_of(d)->media;
}

/* ---- users ---- */

struct ustate *sipd_ustate(struct sipd *s, struct user *u)
{
	(void)s;
	if (!u->room) {
		struct ustate *us = mem_new(sizeof(*us));
		us->user = u;
		list_init(&us->legs);
		u->room = us;
	}
	return u->room;
}

/* Without a domain of their own users belong to where they are registered. */
static struct slice proxy_host(const struct sipd *s)
{
	for (unsigned i = 0; i < SIPD_PROXIES; i++) {
		struct slice text = slice_str(s->conf->proxy[i].uri);
		struct sip_uri uri;

		if (text.n == 0)
			continue;
		if (number_is_uri(text))
			return sip_uri_parse(&uri, text) ? (struct slice){ 0 } : uri.host;
		return slice_sub(text, 0,
		    text.n && *text.p == '['
		        ? slice_chr(text, ']') + 1
		        : slice_chr(slice_sub(text, 0, slice_chr(text, ';')), ':'));
	}
	return (struct slice){ 0 };
}

struct slice sipd_domain(const struct sipd *s, const struct user *u)
{
	if (u && user_on(u, USER_DOMAIN))
		return slice_str(u->f[USER_DOMAIN]);
	return s->conf->default_domain[0] ? slice_str(s->conf->default_domain) : proxy_host(s);
}

void sipd_put_aor(const struct sipd *s, struct wr *w, const struct user *u, bool with_name)
{
	char uri[300];
	struct wr wu = wr_of(uri, sizeof(uri));

	wr_str(&wu, s->conf->sips ? "sips:" : "sip:");
	sip_escape_user(&wu, slice_str(u->f[USER_NAME]));
	wr_str(&wu, "@");
	wr_slice_add(&wu, sipd_domain(s, u).n ? sipd_domain(s, u) : SLICE_LIT("localhost"));
	w->bad |= wu.bad;
	sip_addr_put(
	    w, with_name ? slice_str(u->f[USER_DISPLAY_NAME]) : SLICE_LIT(""), wr_slice(&wu));
}

void sipd_put_from(const struct sipd *s, struct wr *w, const struct user *u)
{
	sipd_put_aor(s, w, u, true);
	ms_put_epid(s, w, u);
}

static void put_contact(const struct sipd *s, struct wr *w, const struct user *u,
    const struct tp_flow *f, const char *param)
{
	wr_str(w, s->conf->sips ? "<sips:" : "<sip:");
	if (u) {
		sip_escape_user(w, slice_str(u->f[USER_NAME]));
		wr_str(w, "@");
	}
	if (f) {
		tp_flow_put_sent_by(w, f);
		if (tp_flow_proto(f) == TP_TCP)
			wr_str(w, ";transport=tcp");
		else if (tp_flow_proto(f) == TP_TLS)
			wr_str(w, ";transport=tls");
	} else {
		/* Before the first request there is no flow: what we listen on. */
		char text[ADDR_TEXT] = "localhost";
		for (int i = 0; i < TP_NPROTO; i++)
			if (s->listening[i]) {
				struct addr a;
				addr_from_sa(&a, (const struct sockaddr *)&s->bound[i]);
				(void)addr_print(&a, true, text);
				break;
			}
		wr_str(w, text);
		if (s->conf->transport == TP_TCP)
			wr_str(w, ";transport=tcp");
		else if (s->conf->transport == TP_TLS)
			wr_str(w, ";transport=tls");
	}
	wr_str(w, param);
	wr_str(w, ">");
}

void sipd_put_contact(
    const struct sipd *s, struct wr *w, const struct user *u, const struct tp_flow *f)
{
	put_contact(s, w, u, f, "");
}

void sipd_put_dialog_contact(
    const struct sipd *s, struct wr *w, const struct user *u, const struct tp_flow *f)
{
	const char *gruu = u ? reg_gruu(u) : NULL;

	if (gruu)
		wr_fmt(w, "<%s>", gruu);
	else
		put_contact(s, w, u, f, u && reg_outbound(u) ? ";ob" : "");
}

static void end_calls_of(struct sipd *s, const struct user *u)
{
	LIST_FOREACH(&s->calls, it)
	{
		struct call *c = LIST_ENTRY(it, struct call, node);
		struct call_arg arg = { .cause = CAUSE_FORBIDDEN };
		if ((c->a && c->a->user == u) || (c->b && c->b->user == u) || c->target == u ||
		    c->behalf == u)
			(void)call_event(c, CALL_EV_END, &arg);
	}
}

void sipd_end_sip_calls(struct sipd *s, const struct user *u)
{
	LIST_FOREACH(&s->calls, it)
	{
		struct call *c = LIST_ENTRY(it, struct call, node);
		struct call_arg arg = { .cause = CAUSE_PEER_LOST };
		bool theirs = (c->a && c->a->user == u) || (c->b && c->b->user == u),
		     sip =
		         (c->a && c->a->ops == &leg_sip_ops) || (c->b && c->b->ops == &leg_sip_ops);
		if (theirs && sip)
			(void)call_event(c, CALL_EV_END, &arg);
	}
}

static void on_user(void *ctx, struct user *u, enum user_change what)
{
	sipd_user_changed(ctx, u, what == USER_GONE);
}

void sipd_user_changed(struct sipd *s, struct user *u, bool gone)
{
	if (gone) {
		end_calls_of(s, u);
		LIST_FOREACH(&s->calls, it)
		{
			struct call *c = LIST_ENTRY(it, struct call, node);
			c->target = c->target == u ? NULL : c->target;
			c->behalf = c->behalf == u ? NULL : c->behalf;
		}
		feed_gone(s->to_dectd, u);
		feed_gone(s->to_presenced, u);
		pres_reqs_user_gone(s, u);
		mwi_stop(s, u);
		reg_remove(s, u);
		ms_ep_free(u);
		if (u->room) {
			LIST_FOREACH(&ustate_of(u)->legs, it)
			{
				LIST_ENTRY(it, struct leg, user_leg)->user = NULL;
				list_remove(it);
			}
			prov_free(u);
			free(u->room);
			u->room = NULL;
		}
		return;
	}
	feed_changed(s->to_dectd, u, FEED_USER);
	feed_changed(s->to_presenced, u, FEED_USER);
	reg_update(s, u);
}

void sipd_device_changed(struct sipd *s, struct ustate *us)
{
	reg_update(s, us->user);
	feed_changed(s->to_presenced, us->user, FEED_REACH);
}

void sipd_calls_changed(struct sipd *s, struct user *u)
{
	if (u && u->room)
		feed_changed(s->to_presenced, u, FEED_CALLS);
}

static int credentials(void *ctx, struct slice credential, const struct sip_msg *rsp,
    struct slice method, struct slice uri, struct slice body,
    void (*fn)(void *fctx, int err, struct slice lines), void *fctx, struct auth_req **out)
{
	struct sipd *s = ctx;
	const struct user *u = users_find(s->users, credential);

	return u ? auth_answer(s, u, rsp, method, uri, body, fn, fctx, out) : ERR_NOTFOUND;
}

/* ---- configuration ---- */

static int make_oa(struct sipd *s, const struct sipd_conf *c)
{
	struct oa_conf oa = { .preferred = c->answer_preferred,
		.single = c->answer_single,
		.ignore_version = c->ignore_version,
		.lifetime = c->lifetime,
		.mki = c->mki,
		.cn = c->comfort_noise,
		.ms = c->lync,
		.ptime = (uint16_t)c->ptime };

	for (size_t i = 0; i < c->codecs.n; i++) {
		size_t n;
		if (oa.ncodec == OA_CODECS ||
		    codec_list(slice_str(c->codecs.v[i]), &oa.codec[oa.ncodec], 1, &n) || n != 1 ||
		    !codec_defs[oa.codec[oa.ncodec]].speech) {
			log_ev(LOG_ERR, "unknown codec in the configuration",
			    F_TEXT("IPDECT_CODEC", c->codecs.v[i]),
			    F_REMEDY("codecs: PCMA PCMU G722 G726-16 … G726-40 AAL2-G726-16 … "
			             "AAL2-G726-40"));
			return ERR_VALUE;
		}
		oa.ncodec++;
	}
	for (size_t i = 0; i < c->srtp_suites.n && oa.nsuite < ARRAY_LEN(oa.suite); i++) {
		enum sdes_suite suite = sdes_suite_find(slice_str(c->srtp_suites.v[i]));
		if (!suite) {
			log_ev(LOG_ERR, "unknown SRTP suite in the configuration",
			    F_TEXT("IPDECT_SUITE", c->srtp_suites.v[i]),
			    F_REMEDY("suites: AES_CM_128_HMAC_SHA1_80 AES_CM_128_HMAC_SHA1_32 "
			             "AEAD_AES_128_GCM"));
			return ERR_VALUE;
		}
		if (c->lync && suite != SDES_CM_80)
			continue; /* LYNC: MS-SDPEXT 3.1.5.1 knows no other */
		oa.suite[oa.nsuite++] = (uint8_t)suite;
	}
	if (oa.ncodec == 0)
		return ERR_VALUE;
	bool require = c->srtp_require == REQUIRE_YES ||
	               (c->srtp_require == REQUIRE_AUTO && c->transport == TP_TLS);
	oa.srtp = !c->srtp || oa.nsuite == 0 ? OA_SRTP_OFF
	          : require                  ? OA_SRTP_REQUIRED
	                                     : OA_SRTP_OPTIONAL;
	size_t at;
	if (number_rules(s->rules, NUMBER_RULES_MAX, &s->nrules, c->number_rules.v,
	        c->number_rules.n, &at)) {
		log_ev(LOG_ERR, "a number rule is not understood",
		    F_TEXT("IPDECT_RULE", c->number_rules.v[at]),
		    F_REMEDY("write pattern>result, for example 00%>+%"));
		return ERR_VALUE;
	}
	s->oa = s->oa_policy[0] = s->oa_policy[1] = oa;
	s->oa_policy[0].srtp = OA_SRTP_OFF;
	s->oa_policy[1].srtp = oa.nsuite ? OA_SRTP_REQUIRED : OA_SRTP_OFF;
	return 0;
}

static void make_ua(const struct sipd_conf *c, struct sip_ua_conf *ua)
{
	bool listens[TP_NPROTO] = { false };

	*ua = (struct sip_ua_conf){ .agent = c->agent,
		.supported = "100rel, timer, replaces, path, outbound, norefersub",
		.tp = { .dscp = (uint8_t)c->dscp, .priority = (int8_t)c->priority_8021p },
		.resolve = {
		    .a_only = c->dns_method == 1, .prefer = (enum tp_proto)c->transport } };
	for (size_t i = 0; i < c->transports.n; i++) {
		enum tp_proto p;
		if (tp_proto_of(slice_str(c->transports.v[i]), &p) == 0)
			listens[p] = true;
	}
	listens[c->transport] = true;
	ua->resolve.udp_ok = listens[TP_UDP];
	ua->resolve.tcp_ok = listens[TP_TCP];
	ua->resolve.tls_ok = true; /* calling by TLS needs no listening */
	ua->resolve.no_ipv4 = ua->resolve.no_ipv6 = true;
	for (size_t i = 0; i < c->listen.n; i++) {
		struct addr a;
		if (addr_parse(slice_str(c->listen.v[i]), 0, &a) == 0) {
			bool v6 = a.u.sa.sa_family == AF_INET6;
			*(v6 ? &ua->resolve.no_ipv6 : &ua->resolve.no_ipv4) = false;
		}
	}
	for (size_t i = 0; i < c->dns_servers.n && i < ARRAY_LEN(ua->resolve.server); i++) {
		struct addr a;
		if (addr_parse(slice_str(c->dns_servers.v[i]), 53, &a) == 0)
			memcpy(&ua->resolve.server[i], &a.u, addr_len(&a));
	}
}

static int listen_all(struct sipd *s)
{
	const struct sipd_conf *c = s->conf;

	for (size_t i = 0; i < c->listen.n; i++)
		for (size_t k = 0; k < c->transports.n; k++) {
			enum tp_proto p;
			struct addr a;
			char text[ADDR_TEXT];
			if (tp_proto_of(slice_str(c->transports.v[k]), &p) ||
			    addr_parse(slice_str(c->listen.v[i]),
			        (uint16_t)(p == TP_TLS ? c->tls_port : c->local_port), &a)) {
				log_ev(LOG_ERR, "no such transport or address to listen on",
				    F_TEXT("IPDECT_TRANSPORT", c->transports.v[k]),
				    F_TEXT("IPDECT_ADDRESS", c->listen.v[i]));
				return ERR_VALUE;
			}
			int err = tp_listen(sip_ua_tp(s->ua), p, &a.u.sa, &s->bound[p]);
			if (err) {
				log_ev(LOG_ERR, "cannot listen",
				    F_TEXT("IPDECT_TRANSPORT", tp_proto_name(p)),
				    F_TEXT("IPDECT_ADDRESS", addr_print(&a, true, text)),
				    F_ERR(err),
				    F_REMEDY("another program may have the port; set local-port or "
				             "listen-address"));
				return err;
			}
			s->listening[p] = true;
		}
	return 0;
}

/* ---- life ---- */

static void on_prune(struct tmr *t, void *ctx)
{
	struct sipd *s = ctx;

	if (cdr_prune(s->cdr, sipd_wall_ms() - (uint64_t)s->conf->record_days * 86400000))
		log_ev(LOG_WARNING, "old call records could not be deleted");
	tmr_start(t, 3600 * 1000);
}

/* Once, when links are up and trust and users are loaded. */
static void on_settled(struct tmr *t, void *ctx)
{
	(void)t;
	(void)ctx;
	trim_resident();
}

int sipd_init(struct daemon *d)
{
	struct sipd *s = mem_new(sizeof(*s));
	struct sip_ua_conf ua;
	char path[256];
	int err;

	d->state = s;
	s->d = d;
	s->profile = mem_new(MS_TEXT);
	list_init(&s->auth_waits);
	s->to_dectd = feed_new(s, &dect_feed);
	s->to_presenced = feed_new(s, &pres_feed);
	err = ms_profile(d->conf, &s->effective, s->profile);
	if (err)
		return err;
	s->conf = s->effective.lync ? &s->effective : d->conf;
	s->hooks = &no_hooks;
	list_init(&s->calls);
	list_init(&s->adhocs);
	s->st.placed = stat_get(d->stats, STAT_COUNTER, "ipdect_sipd_calls", "direction=\"placed\"",
	    "Calls by direction");
	s->st.received =
	    stat_get(d->stats, STAT_COUNTER, "ipdect_sipd_calls", "direction=\"received\"", NULL);
	s->st.answered = stat_get(
	    d->stats, STAT_COUNTER, "ipdect_sipd_calls_answered", NULL, "Calls that were answered");
	s->st.failed = stat_get(d->stats, STAT_COUNTER, "ipdect_sipd_calls_failed", NULL,
	    "Calls that were not answered");
	s->st.active =
	    stat_get(d->stats, STAT_GAUGE, "ipdect_sipd_calls_active", NULL, "Calls now");
	s->st.cac_allowed = stat_get(d->stats, STAT_COUNTER, "ipdect_sipd_admission",
	    "result=\"allowed\"", "Calls checked by call admission control");
	s->st.cac_limited =
	    stat_get(d->stats, STAT_COUNTER, "ipdect_sipd_admission", "result=\"limited\"", NULL);
	s->st.cac_refused =
	    stat_get(d->stats, STAT_COUNTER, "ipdect_sipd_admission", "result=\"refused\"", NULL);
	s->st.cac_silent = stat_get(d->stats, STAT_COUNTER, "ipdect_sipd_admission_unanswered",
	    NULL, "Questions that the policy server did not answer or refused");
	s->st.cac_reserved = stat_get(d->stats, STAT_COUNTER, "ipdect_sipd_admission_reserved",
	    NULL, "Reservations of bandwidth");
	s->st.setup = stat_hist_get(
	    d->stats, "ipdect_sipd_answer_seconds", "Time from the first message to the answer");
	err = make_oa(s, s->conf);
	if (err)
		return err;
	(void)snprintf(path, sizeof(path), "%s/calls.db", d->state_dir);
	s->cdr = cdr_open(path, d->wheel, &err);
	if (!s->cdr)
		return err;
	(void)snprintf(path, sizeof(path), "%s/users.db", d->state_dir);
	s->users = users_open(path, on_user, s, &err);
	if (!s->users)
		return err;
	s->media = media_pool_new(d);
	media_pool_dscp(s->media, s->conf->media_dscp);
	make_ua(s->conf, &ua);
	s->ua = sip_ua_new(d->loop, d->wheel, &ua);
	sip_ua_set_credentials(s->ua, &(struct sip_ua_credentials){ credentials, auth_cancel }, s);
	err = tls_start(s);
	if (err)
		return err;
	ms_start(s);
	ice_servers_reconf(s);
	s->regs = regs_new(s);
	err = listen_all(s);
	if (err)
		return err;
	leg_sip_start(s);
	sipd_stats_start(s);
	tmr_init(&s->prune, d->wheel, on_prune, s);
	tmr_start(&s->prune, 60 * 1000);
	tmr_init(&s->settled, d->wheel, on_settled, s);
	tmr_start(&s->settled, SETTLED_MS);
	for (struct user *u = users_next(s->users, NULL); u; u = users_next(s->users, u))
		reg_update(s, u);
	return 0;
}

int sipd_reload(struct daemon *d, const void *next)
{
	struct sipd *s = sipd_of(d);
	struct sip_ua_conf ua;
	struct sipd_conf eff;
	char *profile = mem_new(MS_TEXT);
	int err = ms_profile(next, &eff, profile);

	err = err ? err : make_oa(s, &eff);
	if (err) {
		free(profile);
		return err;
	}
	s->effective = eff;
	s->conf = eff.lync ? &s->effective : next;
	free(s->profile);
	s->profile = profile;
	media_pool_dscp(s->media, s->conf->media_dscp);
	make_ua(s->conf, &ua);
	sip_ua_reconf(s->ua, &ua);
	tls_reconf(s);
	regs_reconf(s->regs);
	ms_reconf(s);
	mras_reconf(s);
	ice_servers_reconf(s);
	return 0;
}

void sipd_up(struct daemon *d, struct ipc_peer *p, bool restarted)
{
	struct sipd *s = sipd_of(d);

	switch (ipc_peer_role(p)) {
	case IPC_MEDIAD:
		media_peer_up(s->media, p, restarted);
		break;
	case IPC_DECTD:
		dect_up(s, p, restarted);
		break;
	case IPC_PRESENCED:
		feed_up(s->to_presenced, p);
		break;
	case IPC_CERTD:
		tls_certd_up(s);
		ice_servers_secret(s);
		break;
	default:
		break;
	}
}

void sipd_down(struct daemon *d, struct ipc_peer *p)
{
	struct sipd *s = sipd_of(d);

	if (!s)
		return; /* the process ends */
	if (ipc_peer_role(p) == IPC_MEDIAD)
		media_peer_down(s->media, p);
	else if (ipc_peer_role(p) == IPC_DECTD)
		dect_down(s, p);
	else if (ipc_peer_role(p) == IPC_PRESENCED) {
		struct ipc_peer *other = ipc_find(d->ipc, IPC_PRESENCED, 0);

		feed_down(s->to_presenced, p);
		pres_reqs_down(s);
		if (other)
			feed_up(s->to_presenced, other);
	}
}

/* No new calls; those in progress end. */
void sipd_drain(struct daemon *d)
{
	struct sipd *s = sipd_of(d);

	trace_stop(s);
	LIST_FOREACH(&s->calls, it)
	{
		struct call *c = LIST_ENTRY(it, struct call, node);
		struct call_arg arg = { .cause = CAUSE_NORMAL };
		(void)call_event(c, CALL_EV_END, &arg);
	}
	if (s->ncalls == 0)
		daemon_idle(d);
}

void sipd_fini(struct daemon *d)
{
	struct sipd *s = sipd_of(d);

	if (!s)
		return;
	ms_check_stop(s);
	ms_adhoc_stop(s);
	sipd_stats_stop(s);
	check_dns_stop(s);
	pres_reqs_free(s);
	mras_stop(s);
	tmr_stop(&s->prune);
	tmr_stop(&s->settled);
	if (s->users)
		for (struct user *u = users_next(s->users, NULL); u; u = users_next(s->users, u)) {
			mwi_stop(s, u);
		}
	if (s->regs) {
		regs_shutdown(s->regs);
		regs_free(s->regs);
	}
	ms_quiet(s);
	if (s->ua)
		sip_ua_free(s->ua);
	ms_stop(s);
	tls_stop(s);
	if (s->media)
		media_pool_free(s->media);
	if (s->users) {
		for (struct user *u = users_next(s->users, NULL); u; u = users_next(s->users, u)) {
			prov_free(u);
			free(u->room);
		}
		users_close(s->users);
	}
	feed_free(s->to_dectd);
	feed_free(s->to_presenced);
	cdr_close(s->cdr);
	map_free(&s->legs);
	free(s->profile);
	mem_wipe(&s->servers, sizeof(s->servers));
	free(s);
	d->state = NULL;
}

void sipd_metrics(struct daemon *d)
{
	if (sipd_of(d))
		sipd_stats_update(sipd_of(d));
}

void sipd_status(struct daemon *d, char *summary, size_t cap, char *trouble, size_t tcap)
{
	struct sipd *s = sipd_of(d);
	uint32_t sessions;
	unsigned want, up, failed, proxies, down = regs_proxies_down(s, &proxies),
	                                    mediads = media_pool_up(s->media, &sessions);
	size_t n = 0;

	regs_count(s, &want, &up, &failed);
	(void)snprintf(summary, cap, "%zu users, %u of %u registered, %u calls",
	    users_count(s->users), up, want, s->ncalls);
	trouble[0] = '\0';
	if (mediads == 0)
		n += (size_t)snprintf(trouble + n, tcap - n,
		    "no mediad: calls have no speech; start ipdect-mediad@1. ");
	if (!s->dectd && n < tcap)
		n += (size_t)snprintf(
		    trouble + n, tcap - n, "no dectd: handsets cannot be reached. ");
	if (down && n < tcap)
		n += (size_t)snprintf(trouble + n, tcap - n,
		    "%u of %u proxies do not answer: check network and DNS. ", down, proxies);
	if (failed && !down && n < tcap)
		n += (size_t)snprintf(trouble + n, tcap - n,
		    "%u users are not registered: dectctl reg list tells why. ", failed);
	if (tls_used(s) && !tls_ready(s) && n < tcap)
		n += (size_t)snprintf(trouble + n, tcap - n,
		    "TLS without a certificate of ours: dectctl cert import. ");
	if (cdr_failures(s->cdr) && n < tcap)
		(void)snprintf(
		    trouble + n, tcap - n, "call records cannot be written: check the disk. ");
}
