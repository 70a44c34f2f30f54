/* LYNC: security associations (MS-SIPAE 3.2, NTLM): the handshake within REGISTER with certd's help, signing of all that
 * leaves, verifying of what comes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cert.pb-c.h"
#include "common/enc.h"
#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/ms.h"
#include "sipd/sip_auth_hdr.h"

#define TOKEN_MAX 4096
#define CERTD_MS  3000

struct ms_sa {
	char *realm, *target, *opaque;
	unsigned version;
	struct ms_ntlm_keys keys;
	bool ready;
	uint32_t cnum;
	struct ms_replay seen;
	uint64_t since;
};

static void sa_free(struct ms_sa *a)
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
	sa_free(e->sa);
	sa_free(e->next);
	e->sa = e->next = NULL;
	drop_token(e);
	e->step = MS_PLAIN;
	e->again = false;
}

void ms_auth_ok(struct ms_ep *e)
{
	if (e->step == MS_TOKEN && e->next && e->next->ready) {
		sa_free(e->sa);
		e->sa = e->next;
		e->next = NULL;
	}
	sa_free(e->next);
	e->next = NULL;
	drop_token(e);
	e->step = MS_PLAIN;
	e->again = false;
}

void ms_auth_refresh(struct ms_ep *e)
{
	if (e->sa && e->step == MS_PLAIN &&
	    tmr_now(e->s->d->wheel) - e->sa->since >= e->s->conf->lync_sa_ms)
		e->again = true;
}

uint64_t ms_auth_left(const struct ms_ep *e)
{
	uint64_t age = e->sa ? tmr_now(e->s->d->wheel) - e->sa->since : 0;

	if (!e->sa)
		return 0;
	return age < e->s->conf->lync_sa_ms ? e->s->conf->lync_sa_ms - age : 1;
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
			err = ms_ntlm_keys(&e->next->keys, d->client_sign.data, d->server_sign.data,
			    d->client_seal.data, d->server_seal.data);
		if (!err) {
			drop_token(e);
			e->token = mem_grow(NULL, ENC_B64_LEN(d->authenticate.len), 1);
			(void)enc_b64(d->authenticate.data, d->authenticate.len, e->token);
			e->next->ready = true;
			e->next->since = tmr_now(e->s->d->wheel);
			e->step = MS_TOKEN;
		}
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

/* The NTLM challenge of a response, parsed into h; false: there is none. */
static bool find_ntlm(const struct sip_msg *rsp, struct sip_auth_hdr *h)
{
	static const enum sip_hdr_id ids[] = { SIP_H_WWW_AUTHENTICATE, SIP_H_PROXY_AUTHENTICATE };

	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		for (const struct sip_hdr *x = sip_msg_hdr(rsp, ids[i]); x;
		     x = sip_msg_hdr_next(rsp, x)) {
			struct cur c = cur_of(x->value);
			while (!cur_done(&c) && sip_auth_next(h, &c, true) == 0)
				if (slice_ieq(h->scheme, SLICE_LIT("NTLM")))
					return true;
		}
	return false;
}

int ms_challenge(struct ms_ep *e, const struct sip_msg *rsp, ms_done_h *fn, void *ctx)
{
	struct sip_auth_hdr h;
	uint8_t token[TOKEN_MAX];
	size_t n;
	int err;

	if (!find_ntlm(rsp, &h))
		return ERR_UNSUPP;
	struct slice realm = sip_auth_param(&h, SLICE_LIT("realm")),
	             target = sip_auth_param(&h, SLICE_LIT("targetname")),
	             opaque = sip_auth_param(&h, SLICE_LIT("opaque")),
	             data = sip_auth_param(&h, SLICE_LIT("gssapi-data")),
	             version = sip_auth_param(&h, SLICE_LIT("version"));
	if (!realm.p || !target.n)
		return ERR_SYNTAX;
	if (data.n == 0) {
		if (e->step == MS_TOKEN)
			return ERR_AUTH; /* the final handshake failed */
		uint32_t v = 2;
		if (version.p && slice_u32(version, 4, &v))
			return ERR_UNSUPP;
		/* What stood is gone for this REGISTER; other messages are signed with it until the new one is there. */
		sa_free(e->next);
		e->next = mem_new(sizeof(*e->next));
		e->next->realm = slice_dup(realm);
		e->next->target = slice_dup(target);
		e->next->version = v;
		e->step = MS_HELLO;
		return 0;
	}
	if (e->step != MS_HELLO || !e->next || !opaque.n)
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

/* ---- signatures ---- */

static struct ms_ep *endpoint(const struct sipd *s, const struct sip_addr *a)
{
	struct slice epid;
	char name[USER_NAME_MAX + 1];
	struct user *u;

	if (sip_addr_param(a, SLICE_LIT("epid"), &epid))
		return ms_by_epid(s, epid);
	if (sip_unescape(a->uri.user, name, sizeof(name)))
		return NULL;
	u = users_find(s->users, slice_str(name));
	return u && u->room ? ustate_of(u)->ms : NULL;
}

static int put_signature(struct ms_sa *a, const struct sip_msg *m, struct wr *w)
{
	char rand[9], num[12], sig[MS_NTLM_SIG + 1], text[MS_SIGN_BUFFER_MAX];
	struct wr wt = wr_of(text, sizeof(text));
	uint32_t r = (uint32_t)id_u64();
	int err;

	(void)snprintf(rand, sizeof(rand), "%08x", r);
	(void)snprintf(num, sizeof(num), "%u", ++a->cnum);
	struct ms_sign_in in = { .scheme = SLICE_LIT("NTLM"),
		.rand = slice_str(rand),
		.num = slice_str(num),
		.realm = slice_str(a->realm),
		.target = slice_str(a->target),
		.version = a->version };
	err = ms_sign_buffer(&in, m, &wt);
	err = err ? err : ms_ntlm_sign(&a->keys, false, wr_slice(&wt), sig);
	if (err)
		return err;
	sip_auth_put(w, "crand", slice_str(rand));
	sip_auth_put(w, "cnum", slice_str(num));
	sip_auth_put(w, "response", slice_str(sig));
	return 0;
}

static int put_authorization(
    struct ms_ep *e, struct ms_sa *a, bool shake, const struct sip_msg *m, struct wr *w)
{
	int err = 0;

	wr_str(w, "Authorization: NTLM ");
	sip_auth_put(w, "qop", SLICE_LIT("auth"));
	sip_auth_put(w, "realm", slice_str(a->realm));
	if (a->opaque)
		sip_auth_put(w, "opaque", slice_str(a->opaque));
	sip_auth_put(w, "targetname", slice_str(a->target));
	if (shake) {
		char v[12];
		(void)snprintf(v, sizeof(v), "%u", a->version);
		sip_auth_put(w, "gssapi-data", slice_str(e->token ? e->token : ""));
		sip_auth_put_token(w, "version", slice_str(v));
	}
	if (!shake || (a->ready && a->version > 3))
		err = put_signature(a, m, w);
	wr_str(w, "\r\n");
	return err ? err : w->bad ? ERR_LIMIT : 0;
}

int ms_sign_out(
    void *ctx, struct tp_flow *f, uint64_t owner, const struct sip_msg *m, struct wr *lines)
{
	struct sipd *s = ctx;
	struct ms_ep *e;

	(void)owner;
	if (s->conf->lync_auth != MS_AUTH_NTLM || tp_flow_proto(f) != TP_TLS || tp_flow_inbound(f))
		return 0;
	e = endpoint(s, m->request ? &m->from : &m->to);
	if (!e)
		return 0;
	if (m->request && m->method == SIP_M_REGISTER && e->step != MS_PLAIN && e->next)
		return put_authorization(e, e->next, true, m, lines);
	if (!e->sa || !e->sa->ready || (e->again && m->method == SIP_M_REGISTER))
		return 0;
	return put_authorization(e, e->sa, false, m, lines);
}

static int verify(
    struct ms_ep *e, struct ms_sa *a, const struct sip_auth_hdr *h, const struct sip_msg *m)
{
	char text[MS_SIGN_BUFFER_MAX];
	struct wr w = wr_of(text, sizeof(text));
	struct ms_sign_in in = { .scheme = h->scheme,
		.rand = sip_auth_param(h, SLICE_LIT("srand")),
		.num = sip_auth_param(h, SLICE_LIT("snum")),
		.realm = sip_auth_param(h, SLICE_LIT("realm")),
		.target = sip_auth_param(h, SLICE_LIT("targetname")),
		.version = a->version };
	uint32_t num;
	int err;

	(void)e;
	if (!slice_eq(in.realm, slice_str(a->realm)) ||
	    !slice_eq(in.target, slice_str(a->target)) || slice_u32(in.num, UINT32_MAX, &num))
		return ERR_AUTH;
	err = ms_sign_buffer(&in, m, &w);
	err = err ? err
	          : ms_ntlm_verify(
	                &a->keys, true, wr_slice(&w), sip_auth_param(h, SLICE_LIT("rspauth")));
	return err ? err : ms_replay_take(&a->seen, num) ? 0 : ERR_AUTH;
}

/* MS-SIPAE 3.2.5.2: a signature that does not fit means that the message is dropped without an answer. */
int ms_verify_in(void *ctx, struct tp_flow *f, const struct sip_msg *m)
{
	struct sipd *s = ctx;
	struct sip_auth_hdr h;
	struct slice v = sip_msg_value(m, SIP_H_AUTHENTICATION_INFO);
	struct ms_ep *e;
	struct ms_sa *a = NULL;
	int err;

	if (s->conf->lync_auth != MS_AUTH_NTLM || tp_flow_proto(f) != TP_TLS || tp_flow_inbound(f))
		return 0;
	v = v.p ? v : sip_msg_value(m, SIP_H_PROXY_AUTHENTICATION_INFO);
	e = endpoint(s, m->request ? &m->to : &m->from);
	if (!e)
		return 0;
	if (!v.p) {
		bool hop =
		    !m->request && (m->status == 100 || m->status == 401 || m->status == 407);
		if (!e->sa || hop || !s->conf->lync_strict)
			return 0;
		err = ERR_AUTH;
	} else {
		err = sip_auth_parse(&h, v, true);
		if (!err) {
			struct slice opaque = sip_auth_param(&h, SLICE_LIT("opaque"));
			struct ms_sa *both[2] = { e->sa, e->next };
			for (int i = 0; i < 2; i++)
				if (both[i] && both[i]->ready && both[i]->opaque &&
				    slice_eq(opaque, slice_str(both[i]->opaque)))
					a = both[i];
		}
		err = err ? err : a ? verify(e, a, &h, m) : ERR_AUTH;
	}
	if (!err)
		return 0;
	s->ms->bad++;
	log_ev(LOG_WARNING, "message dropped: its signature is missing or wrong",
	    F_USER(e->user->f[USER_NAME]), F_STR("IPDECT_SIP_CALL_ID", m->call_id),
	    F_STR("IPDECT_METHOD", m->method_name), F_U64("IPDECT_STATUS", m->status), F_ERR(err));
	return ERR_AUTH;
}
