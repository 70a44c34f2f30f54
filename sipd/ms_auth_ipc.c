/* LYNC: security associations (MS-SIPAE 3.2): the handshake within REGISTER with certd's help, which scheme, NTLM. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cert.pb-c.h"
#include "common/enc.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/ms_auth_int.h"
#include "sipd/sip_auth_hdr.h"

#define TOKEN_MAX        4096
#define CERTD_MS         3000
#define FALLBACK_WORD_MS 60000

struct slice ms_scheme_name(enum ms_scheme s)
{
	return s == MS_KERBEROS ? SLICE_LIT("Kerberos") : SLICE_LIT("NTLM");
}

struct ms_sa *ms_sa_new(
    enum ms_scheme scheme, struct slice realm, struct slice target, unsigned version)
{
	struct ms_sa *a = mem_new(sizeof(*a));

	a->scheme = scheme;
	a->realm = slice_dup(realm);
	a->target = slice_dup(target);
	a->version = version;
	return a;
}

void ms_sa_free(struct ms_sa *a)
{
	if (!a)
		return;
	free(a->realm);
	free(a->target);
	free(a->opaque);
	mem_free_wiped(a, sizeof(*a));
}

static void drop_token(struct ms_ep *e)
{
	free(e->token);
	e->token = NULL;
}

void ms_auth_reset(struct ms_ep *e)
{
	if (e->fn)
		ipc_forget(e->s->d->ipc, e);
	e->fn = NULL;
	ms_krb_drop(e);
	ms_sa_free(e->sa);
	ms_sa_free(e->next);
	ms_sa_free(e->other);
	e->sa = e->next = e->other = NULL;
	drop_token(e);
	e->step = MS_PLAIN;
	e->again = e->no_krb = e->fresh = false;
}

void ms_auth_ok(struct ms_ep *e)
{
	if (e->step == MS_TOKEN && e->next && e->next->ready) {
		ms_sa_free(e->sa);
		e->sa = e->next;
		e->next = NULL;
	}
	ms_krb_drop(e);
	ms_sa_free(e->next);
	ms_sa_free(e->other);
	e->next = e->other = NULL;
	drop_token(e);
	e->step = MS_PLAIN;
	e->again = e->no_krb = e->fresh = false;
}

static uint64_t life(const struct ms_ep *e, const struct ms_sa *a)
{
	uint64_t most = e->s->conf->lync_sa_ms;

	return a->life_ms && a->life_ms < most ? a->life_ms : most;
}

void ms_token(struct ms_ep *e, struct slice octets)
{
	drop_token(e);
	e->token = mem_grow(NULL, ENC_B64_LEN(octets.n), 1);
	(void)enc_b64((const uint8_t *)octets.p, octets.n, e->token);
	e->next->since = tmr_now(e->s->d->wheel);
	e->step = MS_TOKEN;
}

void ms_auth_refresh(struct ms_ep *e)
{
	if (e->sa && e->step == MS_PLAIN &&
	    tmr_now(e->s->d->wheel) - e->sa->since >= life(e, e->sa))
		e->again = true;
}

uint64_t ms_auth_left(const struct ms_ep *e)
{
	uint64_t age = e->sa ? tmr_now(e->s->d->wheel) - e->sa->since : 0;

	if (!e->sa)
		return 0;
	return age < life(e, e->sa) ? life(e, e->sa) - age : 1;
}

/* ---- handshake ---- */

static ProtobufCBinaryData bin(struct slice s)
{
	return (ProtobufCBinaryData){ s.n, (uint8_t *)(uintptr_t)s.p };
}

static void on_ntlm(void *ctx, int err, struct ipc_msg *m)
{
	struct ms_ep *e = ctx;
	ms_done_h *fn = e->fn;

	e->fn = NULL;
	if (!err) {
		const Cert__NtlmDone *d = IPC_BODY(m, Cert__NtlmDone);
		if (!e->next || d->client_sign.len != 16 || d->server_sign.len != 16 ||
		    d->client_seal.len != 16 || d->server_seal.len != 16 ||
		    d->authenticate.len > TOKEN_MAX)
			err = ERR_SYNTAX;
		else
			err = ms_ntlm_keys(&e->next->keys.ntlm, d->client_sign.data,
			    d->server_sign.data, d->client_seal.data, d->server_seal.data);
		if (!err) {
			ms_token(e, (struct slice){
			                (const char *)d->authenticate.data, d->authenticate.len });
			e->next->ready = true;
		}
	}
	if (err) { /* this handshake leads nowhere: the next REGISTER begins a new one */
		ms_sa_free(e->next);
		e->next = NULL;
		e->step = MS_PLAIN;
	}
	if (fn)
		fn(e->ctx, err);
}

/* "DOMAIN\user" is split; else the configured domain, else the server's own (certd takes it from the challenge). */
static int ask(struct ms_ep *e, const uint8_t *challenge, size_t n)
{
	const struct sipd *s = e->s;
	const struct user *u = e->user;
	struct slice name =
	    slice_str(user_on(u, USER_AUTH_USER) ? u->f[USER_AUTH_USER] : u->f[USER_NAME]);
	size_t at = slice_chr(name, '\\');
	struct slice domain = slice_str(s->conf->lync_ad_domain);
	Cert__NtlmAuthenticate q = CERT__NTLM_AUTHENTICATE__INIT;
	char spn[300];

	if (at < name.n) {
		domain = slice_sub(name, 0, at);
		name = slice_sub(name, at + 1, name.n);
	} else if (slice_chr(name, '@') < name.n) {
		domain = SLICE_LIT(""); /* a UPN goes whole */
		q.has_domain = 1;
	}
	(void)snprintf(spn, sizeof(spn), "sip/%s", e->next->target);
	q.credential = bin(slice_str(u->f[USER_NAME]));
	q.username = bin(name);
	if (domain.n)
		q.has_domain = 1;
	q.domain = bin(domain);
	q.challenge = (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)challenge };
	q.has_spn = 1;
	q.spn = bin(slice_str(spn));
	return ipc_request(ipc_find(s->d->ipc, IPC_CERTD, 0), IPC_IF_CERT, CERT__TYPE__CERT_NTLM,
	    &q.base, &cert__ntlm_done__descriptor, CERTD_MS, on_ntlm, e);
}

/* The challenge of a scheme in a response, parsed into h; false: there is none. */
static bool find_scheme(const struct sip_msg *rsp, enum ms_scheme want, struct sip_auth_hdr *h)
{
	static const enum sip_hdr_id ids[] = { SIP_H_WWW_AUTHENTICATE, SIP_H_PROXY_AUTHENTICATE };

	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		for (const struct sip_hdr *x = sip_msg_hdr(rsp, ids[i]); x;
		     x = sip_msg_hdr_next(rsp, x)) {
			struct cur c = cur_of(x->value);
			while (!cur_done(&c) && sip_auth_next(h, &c, true) == 0)
				if (slice_ieq(h->scheme, ms_scheme_name(want)))
					return true;
		}
	return false;
}

/* An association to be, from an entry of the server's list of schemes. */
static int offered(const struct sip_auth_hdr *h, enum ms_scheme scheme, struct ms_sa **out)
{
	struct slice realm = sip_auth_param(h, SLICE_LIT("realm")),
	             target = sip_auth_param(h, SLICE_LIT("targetname")),
	             version = sip_auth_param(h, SLICE_LIT("version"));
	uint32_t v = 2;

	*out = NULL;
	if (!realm.p || !target.n || target.n > 255)
		return ERR_SYNTAX;
	if (version.p && slice_u32(version, 4, &v))
		return ERR_UNSUPP;
	*out = ms_sa_new(scheme, realm, target, v);
	return 0;
}

/* What stood is gone for this REGISTER; other messages are signed with it until the new one is there. */
static void begin_ntlm(struct ms_ep *e, struct ms_sa *a)
{
	drop_token(e);
	ms_sa_free(e->next);
	e->next = a;
	e->step = MS_HELLO;
}

/* With the domain's KDCs away, thousands of users say the same. */
static void say_fallback(struct ms_ep *e, const char *why)
{
	struct ms *ms = e->s->ms;
	uint64_t now = tmr_now(e->s->d->wheel);
	bool news = !ms->fell_at || now - ms->fell_at > FALLBACK_WORD_MS;

	ms->fell++;
	if (news)
		ms->fell_at = now | 1;
	log_ev(news ? LOG_WARNING : LOG_INFO, "Kerberos cannot be had, NTLM is tried",
	    F_USER(e->user->f[USER_NAME]), F_WHY(why));
}

/* The KDC knows the account: what the server objects to is something else. */
static void say_refused(struct ms_ep *e)
{
	const struct ms *ms = e->s->ms;
	long long ahead = ms->skew_at ? (long long)ms->skew_ms / 1000 : 0;

	(void)snprintf(e->said, sizeof(e->said),
	    "the server refuses the ticket for %s: the SPN must be registered for the account that "
	    "the server runs under and for no other (setspn -X), and the clocks must agree (the "
	    "server's is %lld s ahead)",
	    e->next->target, ahead);
}

/* The list of schemes. */
static int choose(struct ms_ep *e, const struct sip_msg *rsp, ms_done_h *fn, void *ctx)
{
	enum ms_auth how = (enum ms_auth)e->s->conf->lync_auth;
	bool refused = e->step == MS_TOKEN, was_krb = e->next && e->next->scheme == MS_KERBEROS;
	struct sip_auth_hdr h;
	struct ms_sa *krb = NULL, *ntlm = NULL;
	int err = ERR_UNSUPP;

	if (refused && !was_krb)
		return ERR_AUTH; /* the final handshake failed */
	/* A Kerberos message that was refused: with a new ticket it may be taken (the server's key was changed). */
	if (refused && e->fresh)
		e->no_krb = true;
	if (how != MS_AUTH_NTLM && !e->no_krb && find_scheme(rsp, MS_KERBEROS, &h))
		err = offered(&h, MS_KERBEROS, &krb);
	if (how != MS_AUTH_KERBEROS && find_scheme(rsp, MS_NTLM, &h)) {
		int err2 = offered(&h, MS_NTLM, &ntlm);
		err = krb ? err : err2;
	}
	if (!krb && !ntlm) {
		if (refused)
			say_refused(e);
		return refused ? ERR_AUTH : err;
	}
	if (!krb) {
		if (refused)
			say_fallback(e, "the server refuses the ticket");
		begin_ntlm(e, ntlm);
		return 0;
	}
	e->fresh = refused;
	drop_token(e);
	ms_sa_free(e->next);
	ms_sa_free(e->other);
	e->next = krb;
	e->other = ntlm;
	e->step = MS_HELLO;
	e->fn = fn;
	e->ctx = ctx;
	ms_krb_fetch(e, refused);
	return 1;
}

/* Another scheme is no help for an account that the domain refuses, and would count as one more wrong password. */
void ms_krb_came(struct ms_ep *e, int err)
{
	ms_done_h *fn = e->fn;

	e->fn = NULL;
	if (err && err != ERR_AUTH && err != ERR_NOTFOUND && e->other) {
		say_fallback(e, e->said);
		e->said[0] = '\0';
		e->no_krb = true;
		begin_ntlm(e, e->other);
		e->other = NULL;
		err = 0;
	}
	if (fn)
		fn(e->ctx, err);
}

int ms_challenge(struct ms_ep *e, const struct sip_msg *rsp, ms_done_h *fn, void *ctx)
{
	struct sip_auth_hdr h;
	uint8_t token[TOKEN_MAX];
	size_t n;
	int err;

	e->said[0] = '\0';
	if (e->s->conf->lync_auth == MS_AUTH_KERBEROS || !find_scheme(rsp, MS_NTLM, &h))
		return choose(e, rsp, fn, ctx);
	struct slice opaque = sip_auth_param(&h, SLICE_LIT("opaque")),
	             data = sip_auth_param(&h, SLICE_LIT("gssapi-data"));
	if (!sip_auth_param(&h, SLICE_LIT("realm")).p ||
	    !sip_auth_param(&h, SLICE_LIT("targetname")).n)
		return ERR_SYNTAX;
	if (data.n == 0)
		return choose(e, rsp, fn, ctx);
	if (e->step != MS_HELLO || !e->next || e->next->scheme != MS_NTLM || !opaque.n)
		return ERR_SYNTAX;
	free(e->next->opaque);
	e->next->opaque = slice_dup(opaque);
	err = enc_unb64(data, token, sizeof(token), &n);
	if (err)
		return err;
	err = ask(e, token, n);
	if (err)
		return ERR_LOST;
	e->fn = fn;
	e->ctx = ctx;
	return 1;
}
