/* LYNC: credentials for the A/V Edge: asked for, kept until they are old, given to calls. */
#include "sipd/mras.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/auth.h"
#include "sipd/ms_diag.h"
#include "sipd/prov.h"
#include "sipd/reg.h"
#include "sipd/resolve.h"
#include "sipd/sip_build.h"

#define SOON_MS  500    /* after a registration, which has other things to do first */
#define AGAIN_MS 60000  /* after a refusal or no answer */
#define LATER_MS 900000 /* what that grows to */

struct mras {
	struct sipd *s;
	struct user *user; /* who asks; NULL: nobody yet */
	char last[256];    /* who asked last: after a refusal the next one does */
	struct tmr next;
	struct sip_req *req;
	struct auth_req *auth;
	struct resolve_q *q;
	char configured[256], uri[256], why[128];
	char call_id[27], tag[14];
	uint32_t cseq, delay_ms;
	unsigned auths;
	bool failed;              /* the last time */
	struct mras_answer fresh; /* its relay's address is being asked for */
	size_t at;                /* which of its relays */
	struct media_relay have;
	uint64_t until_ms; /* monotonic; 0: none */
};

static const char *uri_of(const struct sipd *s, const struct user *u)
{
	const char *v = s->conf->lync_mras_uri[0] ? s->conf->lync_mras_uri : prov_get(u, "mrasUri");

	return s->conf->lync && s->conf->lync_ice && v && v[0] ? v : NULL;
}

static void later(struct mras *m, const char *why)
{
	if (!m->failed)
		log_ev(LOG_WARNING, "no credentials for the A/V Edge",
		    F_USER(m->user ? m->user->f[USER_NAME] : ""), F_TEXT("IPDECT_URI", m->uri),
		    F_WHY(why),
		    F_REMEDY("calls to and from outside of the network fail; ask the Edge's "
		             "administrator, or compare `mras-uri`"));
	(void)snprintf(m->why, sizeof(m->why), "%s", why);
	m->failed = true;
	m->user = NULL; /* somebody else may be allowed */
	m->delay_ms = m->delay_ms ? m->delay_ms * 2 : AGAIN_MS;
	if (m->delay_ms > LATER_MS)
		m->delay_ms = LATER_MS;
	mem_wipe(&m->fresh, sizeof(m->fresh));
	tmr_start(&m->next, m->delay_ms);
}

/* ---- where the relay is ---- */

static void locate(struct mras *m);

static void take(struct mras *m, const struct sockaddr *sa)
{
	struct addr a;
	size_t n;
	char text[ADDR_TEXT];
	uint64_t life = (uint64_t)m->fresh.minutes * 60000;

	addr_from_sa(&a, sa);
	const uint8_t *ip = addr_ip(&a, &n);
	m->have = (struct media_relay){ .ms = true };
	memcpy(m->have.addr.ip, ip, n);
	m->have.addr.n = (uint8_t)n;
	m->have.addr.port = m->fresh.relay[m->at].udp;
	m->have.tcp_port = m->fresh.relay[m->at].tcp;
	memcpy(m->have.user, m->fresh.user, sizeof(m->have.user));
	memcpy(m->have.password, m->fresh.password, sizeof(m->have.password));
	m->have.user_n = (uint8_t)m->fresh.user_n;
	m->have.password_n = (uint8_t)m->fresh.password_n;
	mem_wipe(&m->fresh, sizeof(m->fresh));
	m->until_ms = tmr_now(m->s->d->wheel) + life;
	m->failed = false;
	m->delay_ms = 0;
	tmr_start(&m->next, life / 10 * 8);
	log_ev(LOG_NOTICE, "credentials for the A/V Edge", F_USER(m->user->f[USER_NAME]),
	    F_TEXT("IPDECT_ADDRESS", addr_print(&a, false, text)),
	    F_U64("IPDECT_MINUTES", life / 60000));
}

static void on_located(void *ctx, int err, const struct resolve_result *r)
{
	struct mras *m = ctx;

	m->q = NULL;
	if (!err && r->n && m->user) {
		take(m, (const struct sockaddr *)&r->dest[0].addr);
		return;
	}
	m->at++;
	locate(m);
}

static void locate(struct mras *m)
{
	for (; m->at < m->fresh.nrelay; m->at++) {
		const struct mras_relay *r = &m->fresh.relay[m->at];
		char text[160];
		struct sip_uri uri;
		bool v6 = strchr(r->host, ':') && r->host[0] != '[';

		if (!r->udp && !r->tcp)
			continue;
		(void)snprintf(text, sizeof(text), "sip:%s%s%s:%u;transport=tls", v6 ? "[" : "",
		    r->host, v6 ? "]" : "", r->udp ? r->udp : r->tcp);
		if (sip_uri_parse(&uri, slice_str(text)))
			continue;
		struct tp_dest now; /* only its address counts: TLS is what we may use for sure */
		if (resolve_now(sip_ua_resolve(m->s->ua), &uri, &now)) {
			take(m, (const struct sockaddr *)&now.addr);
			return;
		}
		m->q = resolve_uri(sip_ua_resolve(m->s->ua), &uri, on_located, m);
		return;
	}
	later(m, "no relay of the answer has an address and a port");
}

/* ---- asking ---- */

static int ask(struct mras *m, struct slice credentials);

static void on_credentials(void *ctx, int err, struct slice lines)
{
	struct mras *m = ctx;

	m->auth = NULL;
	if (err || ask(m, lines))
		later(m, "the server wants to know who asks");
}

static void on_answer(
    void *ctx, struct sip_req *r, enum sip_req_ev ev, const struct sip_msg *rsp, int err)
{
	struct mras *m = ctx;
	char why[400];

	if (ev == SIP_REQ_DONE) {
		m->req = NULL;
		return;
	}
	if (ev == SIP_REQ_REPLY && rsp->status < 200)
		return;
	sip_req_forget(r);
	m->req = NULL;
	if (ev == SIP_REQ_FAIL || !m->user) {
		later(m, err_text(err));
		return;
	}
	if ((rsp->status == 401 || rsp->status == 407) && m->auths++ < 2 &&
	    auth_answer(m->s, m->user, rsp, SLICE_LIT("SERVICE"), slice_str(m->uri), SLICE_LIT(""),
	        on_credentials, m, &m->auth) == 0)
		return;
	if (rsp->status >= 300) {
		struct ms_diag d;
		char said[300] = "";
		ms_diag_of(rsp, &d);
		if (d.id)
			ms_diag_text(&d, said, sizeof(said));
		(void)snprintf(why, sizeof(why), "%u %s", rsp->status, said);
		later(m, why);
		return;
	}
	if (mras_read(rsp->body, &m->fresh, why, sizeof(why))) {
		later(m, why);
		return;
	}
	m->at = 0;
	locate(m);
}

static int ask(struct mras *m, struct slice credentials)
{
	struct sipd *s = m->s;
	struct tp_flow *f = reg_flow(s, m->user);
	char from[512], aor[512], contact[320], body[1536], msg[6144];
	struct wr wf = wr_of(from, sizeof(from)), wa = wr_of(aor, sizeof(aor)),
	          wc = wr_of(contact, sizeof(contact)), wb = wr_of(body, sizeof(body)),
	          w = wr_of(msg, sizeof(msg));
	struct slice route[REG_ROUTES_MAX];
	unsigned nroute = reg_routes(m->user, route);
	int err = ERR_LIMIT;

	if (!f)
		return ERR_LOST;
	sipd_put_from(s, &wf, m->user);
	sipd_put_aor(s, &wa, m->user, false);
	sipd_put_dialog_contact(s, &wc, m->user, f);
	if (wa.bad || wa.n < 3 || wa.n + 1 >= sizeof(aor)) {
		tp_flow_unref(f);
		return ERR_LIMIT;
	}
	aor[wa.n - 1] = '\0'; /* without the brackets */
	mras_put_request(&wb, m->uri, aor + 1, id_below(1000000) + 1);
	sip_put_request(&w, SLICE_LIT("SERVICE"), slice_str(m->uri));
	for (unsigned i = 0; i < nroute; i++)
		sip_put_hdr(&w, SIP_H_ROUTE, route[i]);
	sip_put_u32(&w, SIP_H_MAX_FORWARDS, s->conf->max_forwards);
	sip_put_hdr_fmt(&w, SIP_H_FROM, "%.*s;tag=%s", (int)wf.n, from, m->tag);
	sip_put_hdr_fmt(&w, SIP_H_TO, "<%s>", m->uri);
	sip_put_hdr(&w, SIP_H_CALL_ID, slice_str(m->call_id));
	sip_put_cseq(&w, ++m->cseq, SLICE_LIT("SERVICE"));
	sip_put_hdr(&w, SIP_H_CONTACT, wr_slice(&wc));
	sip_put_hdr(&w, SIP_H_USER_AGENT, slice_str(s->conf->agent));
	wr_slice_add(&w, credentials);
	sip_put_body(&w, SLICE_LIT("application/msrtc-media-relay-auth+xml"), wr_slice(&wb));
	struct sip_req_conf c = { .method = SIP_M_SERVICE,
		.msg = wr_slice(&w),
		.flow = f,
		.try_ms = s->conf->transaction_ms,
		.owner = reg_owner(m->user) };
	if (!w.bad && !wf.bad && !wb.bad && !wc.bad)
		err = sip_req_send(s->ua, &c, on_answer, m, &m->req);
	tp_flow_unref(f);
	return err;
}

/* A registered user who has whom to ask: the first from there on. */
static struct user *choose(struct sipd *s, struct user *from)
{
	for (struct user *u = from ? from : users_next(s->users, NULL); u;
	     u = users_next(s->users, u)) {
		struct tp_flow *f = uri_of(s, u) ? reg_flow(s, u) : NULL;
		tp_flow_unref(f);
		if (f)
			return u;
	}
	return from ? choose(s, NULL) : NULL;
}

static void on_next(struct tmr *t, void *ctx)
{
	struct mras *m = ctx;
	struct sipd *s = m->s;

	(void)t;
	if (m->req || m->auth || m->q)
		return;
	if (!m->user)
		m->user = choose(s, m->last[0] ? users_after(s->users, slice_str(m->last)) : NULL);
	const char *uri = m->user ? uri_of(s, m->user) : NULL;
	if (!uri || slice_copy(slice_str(uri), m->uri, sizeof(m->uri))) {
		m->user = NULL;
		return; /* the next registration wakes us */
	}
	id_token(m->call_id, sizeof(m->call_id) - 1);
	id_token(m->tag, sizeof(m->tag) - 1);
	m->cseq = m->auths = 0;
	(void)snprintf(m->last, sizeof(m->last), "%s", m->user->key);
	if (ask(m, SLICE_LIT("")))
		later(m, "the user is not registered");
}

/* ---- for others ---- */

void mras_start(struct sipd *s)
{
	s->mras = mem_new(sizeof(*s->mras));
	s->mras->s = s;
	(void)snprintf(
	    s->mras->configured, sizeof(s->mras->configured), "%s", s->conf->lync_mras_uri);
	tmr_init(&s->mras->next, s->d->wheel, on_next, s->mras);
}

void mras_stop(struct sipd *s)
{
	struct mras *m = s->mras;

	if (!m)
		return;
	tmr_stop(&m->next);
	sip_req_forget(m->req);
	auth_cancel(m->auth);
	resolve_cancel(m->q);
	mem_free_wiped(m, sizeof(*m));
	s->mras = NULL;
}

void mras_wanted(struct sipd *s, struct user *u)
{
	struct mras *m = s->mras;

	/* After a refusal the pause counts, unless it ended with nobody registered who could ask. */
	if (!m || m->user || (m->failed && tmr_pending(&m->next)) || !uri_of(s, u))
		return;
	m->user = u;
	tmr_start(&m->next, SOON_MS);
}

void mras_reconf(struct sipd *s)
{
	struct mras *m = s->mras;

	if (!m)
		return;
	if (!s->conf->lync_ice || strcmp(m->configured, s->conf->lync_mras_uri) != 0) {
		mras_stop(s);
		mras_start(s);
		tmr_start(&s->mras->next, SOON_MS);
	}
}

void mras_gone(struct sipd *s, const struct user *u)
{
	struct mras *m = s->mras;

	if (!m || m->user != u)
		return;
	sip_req_forget(m->req);
	auth_cancel(m->auth);
	resolve_cancel(m->q);
	m->req = NULL;
	m->auth = NULL;
	m->q = NULL;
	m->user = NULL;
	mem_wipe(&m->fresh, sizeof(m->fresh));
	if (!m->until_ms)
		tmr_start(&m->next, SOON_MS);
}

bool mras_for(const struct sipd *s, struct media_relay *out)
{
	const struct mras *m = s->mras;

	if (!m || !m->until_ms || tmr_now(s->d->wheel) >= m->until_ms)
		return false;
	*out = m->have;
	return true;
}

int mras_text(const struct sipd *s, char *out, size_t cap)
{
	const struct mras *m = s->mras;
	uint64_t now = tmr_now(s->d->wheel);

	if (m && m->until_ms > now) {
		(void)snprintf(out, cap, "credentials for %llu minutes more",
		    (unsigned long long)((m->until_ms - now) / 60000));
		return 1;
	}
	(void)snprintf(out, cap, "%s",
	    m && m->failed
	        ? m->why
	        : "no mras-uri, and none is provisioned: no far end outside of the network");
	return m && m->failed ? -1 : 0;
}
