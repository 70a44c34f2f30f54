/* Digest authentication as a client: reads challenges, has certd compute the response, writes the header lines. */
#include "common/ossl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cert.pb-c.h"
#include "common/enc.h"
#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/auth.h"
#include "sipd/reg.h"
#include "sipd/sip_auth_hdr.h"

#define CREDENTIALS_MAX 4 /* challenges answered in one request: several realms on the way */

static const struct alg {
	const char *name, *md;
	Cert__Hash hash;
	bool sess;
} algs[] = {
	/* Strongest first (RFC 8760 2.4 lets the server's order decide; ours only where it lists several of a realm). */
	{ "SHA-512-256", "SHA512-256", CERT__HASH__HASH_SHA512_256, false },
	{ "SHA-512-256-sess", "SHA512-256", CERT__HASH__HASH_SHA512_256, true },
	{ "SHA-256", "SHA256", CERT__HASH__HASH_SHA256, false },
	{ "SHA-256-sess", "SHA256", CERT__HASH__HASH_SHA256, true },
	{ "MD5", "MD5", CERT__HASH__HASH_MD5, false },
	{ "MD5-sess", "MD5", CERT__HASH__HASH_MD5, true },
};

struct one {
	bool proxy;
	const struct alg *alg;
	char *realm, *nonce, *opaque, *algorithm;
	const char *qop;
	char cnonce[20];
	char *response;
};

#define WAIT_MS 8000

struct auth_req {
	struct list node; /* LYNC: among those who wait for user's handshake */
	const struct user *user;
	struct sipd *s;
	auth_h *fn;
	void *ctx;
	char *username, *uri, *method, *credential;
	struct slice body;
	char *body_copy;
	struct one one[CREDENTIALS_MAX];
	size_t n, at;
	struct tmr later;
	int err;
};

static void ask(struct auth_req *a);

static void release(struct auth_req *a)
{
	tmr_stop(&a->later);
	if (a->user)
		list_remove(&a->node);
	for (size_t i = 0; i < a->n; i++) {
		free(a->one[i].realm);
		free(a->one[i].nonce);
		free(a->one[i].opaque);
		free(a->one[i].algorithm);
		free(a->one[i].response);
	}
	free(a->username);
	free(a->uri);
	free(a->method);
	free(a->credential);
	mem_free_wiped(a->body_copy, a->body.n);
	free(a);
}

void auth_cancel(struct auth_req *a)
{
	if (!a)
		return;
	ipc_forget(a->s->d->ipc, a);
	release(a);
}

static void finish(struct auth_req *a)
{
	char lines[4096];
	struct wr w = wr_of(lines, sizeof(lines));

	for (size_t i = 0; i < a->n && !a->err; i++) {
		const struct one *o = &a->one[i];
		wr_str(&w, o->proxy ? "Proxy-Authorization: Digest " : "Authorization: Digest ");
		sip_auth_put(&w, "username", slice_str(a->username));
		sip_auth_put(&w, "realm", slice_str(o->realm));
		sip_auth_put(&w, "nonce", slice_str(o->nonce));
		sip_auth_put(&w, "uri", slice_str(a->uri));
		sip_auth_put(&w, "response", slice_str(o->response));
		if (o->algorithm)
			sip_auth_put_token(&w, "algorithm", slice_str(o->alg->name));
		if (o->opaque)
			sip_auth_put(&w, "opaque", slice_str(o->opaque));
		if (o->qop) {
			sip_auth_put_token(&w, "qop", slice_str(o->qop));
			sip_auth_put_token(&w, "nc", SLICE_LIT("00000001"));
		}
		if (o->qop || o->alg->sess)
			sip_auth_put(&w, "cnonce", slice_str(o->cnonce));
		wr_str(&w, "\r\n");
	}
	if (w.bad)
		a->err = ERR_LIMIT;
	auth_h *fn = a->fn;
	void *ctx = a->ctx;
	int err = a->err;
	release(a);
	fn(ctx, err, err ? SLICE_LIT("") : wr_slice(&w));
}

static void on_digest(void *ctx, int err, struct ipc_msg *m)
{
	struct auth_req *a = ctx;

	if (!err) {
		const Cert__SipDigestDone *d = IPC_BODY(m, Cert__SipDigestDone);
		a->one[a->at].response = mem_dup(d->response.data, d->response.len);
		if (++a->at < a->n) {
			ask(a);
			return;
		}
	}
	a->err = err == ERR_NOTFOUND ? ERR_AUTH : err;
	finish(a);
}

static void on_later(struct tmr *t, void *ctx)
{
	(void)t;
	finish(ctx);
}

static bool body_hash(const struct alg *alg, struct slice body, char *hex)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	size_t n = 0;

	if (!EVP_Q_digest(NULL, alg->md, NULL, body.p ? body.p : "", body.n, md, &n))
		return false;
	enc_hex(md, n, hex);
	return true;
}

static ProtobufCBinaryData bin(const char *s)
{
	return (ProtobufCBinaryData){ strlen(s), (uint8_t *)(uintptr_t)s };
}

static void ask(struct auth_req *a)
{
	struct one *o = &a->one[a->at];
	Cert__SipDigest d = CERT__SIP_DIGEST__INIT;
	char hex[2 * EVP_MAX_MD_SIZE + 1];

	d.credential = bin(a->credential);
	d.username = bin(a->username);
	d.realm = bin(o->realm);
	d.nonce = bin(o->nonce);
	d.algorithm = o->alg->hash;
	d.has_sess = o->alg->sess;
	d.sess = o->alg->sess;
	d.method = bin(a->method);
	d.uri = bin(a->uri);
	if (o->qop) {
		d.has_qop = 1;
		d.qop = bin(o->qop);
		d.has_nc = 1;
		d.nc = 1;
	}
	if (o->qop || o->alg->sess) {
		d.has_cnonce = 1;
		d.cnonce = bin(o->cnonce);
	}
	if (o->qop && strcmp(o->qop, "auth-int") == 0) {
		if (!body_hash(o->alg, a->body, hex)) {
			a->err = ERR_CRYPTO;
			tmr_start(&a->later, 0);
			return;
		}
		d.has_body_hash = 1;
		d.body_hash = bin(hex);
	}
	a->err = ipc_request(ipc_find(a->s->d->ipc, IPC_CERTD, 0), IPC_IF_CERT,
	    CERT__TYPE__CERT_SIP_DIGEST, &d.base, &cert__sip_digest_done__descriptor, 2000,
	    on_digest, a);
	if (a->err)
		tmr_start(&a->later, 0);
}

static char *unescaped(struct slice v)
{
	char *out = mem_dup(v.p ? v.p : "", v.n);
	size_t k = 0;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\\' && i + 1 < v.n)
			i++;
		out[k++] = v.p[i];
	}
	out[k] = '\0';
	return out;
}

/* "auth" wins over "auth-int" where both are offered: proxies may change bodies. */
static const char *pick_qop(struct slice list, bool *ok)
{
	struct cur c = cur_of(list);
	bool plain = false, integrity = false;

	*ok = true;
	if (!list.p)
		return NULL; /* RFC 2069 */
	while (!cur_done(&c)) {
		struct slice t = slice_trim(cur_until(&c, ","));
		(void)cur_lit(&c, ',');
		plain |= slice_ieq(t, SLICE_LIT("auth"));
		integrity |= slice_ieq(t, SLICE_LIT("auth-int"));
	}
	*ok = plain || integrity;
	return plain ? "auth" : "auth-int";
}

static void consider(struct auth_req *a, bool proxy, const struct sip_auth_hdr *h)
{
	struct slice realm = sip_auth_param(h, SLICE_LIT("realm")),
	             nonce = sip_auth_param(h, SLICE_LIT("nonce"));
	struct slice alg = sip_auth_param(h, SLICE_LIT("algorithm")),
	             opaque = sip_auth_param(h, SLICE_LIT("opaque"));
	const struct alg *found = NULL;
	bool ok;
	const char *qop = pick_qop(sip_auth_param(h, SLICE_LIT("qop")), &ok);

	if (!slice_ieq(h->scheme, SLICE_LIT("Digest")) || !realm.p || !nonce.p || !ok)
		return;
	for (size_t i = 0; i < ARRAY_LEN(algs); i++)
		if (slice_ieq(alg.p ? alg : SLICE_LIT("MD5"), slice_str(algs[i].name)))
			found = &algs[i];
	if (!found)
		return;
	struct one *o = NULL;
	for (size_t i = 0; i < a->n; i++)
		if (a->one[i].proxy == proxy && slice_eq(realm, slice_str(a->one[i].realm)))
			o = &a->one[i];
	if (o && o->alg <= found)
		return; /* the realm's other challenge is stronger */
	if (!o) {
		if (a->n == CREDENTIALS_MAX)
			return;
		o = &a->one[a->n++];
	} else {
		free(o->realm);
		free(o->nonce);
		free(o->opaque);
		free(o->algorithm);
	}
	*o = (struct one){ .proxy = proxy,
		.alg = found,
		.realm = unescaped(realm),
		.nonce = unescaped(nonce),
		.opaque = opaque.p ? unescaped(opaque) : NULL,
		.algorithm = alg.p ? unescaped(alg) : NULL,
		.qop = qop };
	id_token(o->cnonce, 16);
}

int auth_answer(struct sipd *s, const struct user *u, const struct sip_msg *rsp,
    struct slice method, struct slice uri, struct slice body, auth_h *fn, void *ctx,
    struct auth_req **out)
{
	static const enum sip_hdr_id ids[] = { SIP_H_WWW_AUTHENTICATE, SIP_H_PROXY_AUTHENTICATE };
	struct auth_req *a = mem_new(sizeof(*a));

	a->s = s;
	a->fn = fn;
	a->ctx = ctx;
	if (s->conf->lync && s->conf->lync_auth != MS_AUTH_TRUSTED) {
		/* LYNC: all is signed; a challenge says that the association is gone. Sent again when there is a new one. */
		a->user = u;
		a->err = ERR_TIMEOUT;
		list_append(&s->auth_waits, &a->node);
		tmr_init(&a->later, s->d->wheel, on_later, a);
		tmr_start(&a->later, WAIT_MS);
		reg_again(s, u);
		*out = a;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		for (const struct sip_hdr *h = sip_msg_hdr(rsp, ids[i]); h;
		     h = sip_msg_hdr_next(rsp, h)) {
			struct cur c = cur_of(h->value);
			struct sip_auth_hdr one;
			while (!cur_done(&c) && sip_auth_next(&one, &c, true) == 0)
				consider(a, ids[i] == SIP_H_PROXY_AUTHENTICATE, &one);
		}
	tmr_init(&a->later, s->d->wheel, on_later, a);
	if (a->n == 0) {
		release(a);
		return ERR_NOTFOUND;
	}
	a->username = mem_str(user_on(u, USER_AUTH_USER) ? u->f[USER_AUTH_USER] : u->f[USER_NAME]);
	a->credential = mem_str(u->f[USER_NAME]);
	a->method = mem_dup(method.p, method.n);
	a->uri = mem_dup(uri.p, uri.n);
	a->body_copy = mem_dup(body.p ? body.p : "", body.n);
	a->body = (struct slice){ a->body_copy, body.n };
	ask(a);
	*out = a;
	return 0;
}

void auth_waited(struct sipd *s, const struct user *u, int err)
{
	LIST_FOREACH(&s->auth_waits, it)
	{
		struct auth_req *a = LIST_ENTRY(it, struct auth_req, node);
		if (a->user != u)
			continue;
		a->err = err;
		tmr_start(&a->later, 0);
	}
}
