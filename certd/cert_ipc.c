/* The cert interface: certificates, signatures, passwords. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cert.pb-c.h"
#include "certd/certd.h"
#include "certd/ntlm_kdf.h"
#include "certd/secret.h"
#include "certd/sign.h"
#include "certd/sip_digest.h"
#include "common/id.h"
#include "common/mem.h"

_Static_assert((int)SIGN_RSA_PKCS1 == (int)CERT__SCHEME__SCHEME_RSA_PKCS1 &&
                   (int)SIGN_RSA_PSS == (int)CERT__SCHEME__SCHEME_RSA_PSS &&
                   (int)SIGN_ECDSA == (int)CERT__SCHEME__SCHEME_ECDSA &&
                   (int)SIGN_ED25519 == (int)CERT__SCHEME__SCHEME_ED25519,
    "schemes have one number");
_Static_assert((int)SIGN_SHA1 == (int)CERT__HASH__HASH_SHA1 &&
                   (int)SIGN_SHA256 == (int)CERT__HASH__HASH_SHA256 &&
                   (int)SIGN_SHA384 == (int)CERT__HASH__HASH_SHA384 &&
                   (int)SIGN_SHA512 == (int)CERT__HASH__HASH_SHA512 &&
                   (int)SIGN_MD5_SHA1 == (int)CERT__HASH__HASH_MD5_SHA1,
    "hashes have one number");
_Static_assert((int)CERTD_IDENTITY == (int)CERT__WHAT__WHAT_IDENTITY &&
                   (int)CERTD_POLICY == (int)CERT__WHAT__WHAT_POLICY,
    "changes have one number");

static struct slice sl(ProtobufCBinaryData b)
{
	return (struct slice){ (const char *)b.data, b.len };
}

static ProtobufCBinaryData bin(const void *p, size_t n)
{
	return (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)p };
}

static struct policy_ask ask_of(
    const struct ipc_peer *p, enum policy_op op, enum policy_object object)
{
	return (struct policy_ask){
		.role = ipc_peer_role(p) & IPC_DAEMONS, .op = op, .object = object
	};
}

static int refuse(struct ipc_peer *p, const struct ipc_msg *m, int err, const char *why)
{
	return ipc_fail(p, m, err, "%s", why && *why ? why : err_text(err));
}

/* ---- keys ---- */

static struct key *key_named(struct ipc_peer *p, const struct ipc_msg *m, struct slice id)
{
	struct key *k = id.n == 32 ? keyring_key(certd_of(p)->ring, (const uint8_t *)id.p) : NULL;

	if (!k)
		ipc_fail(p, m, ERR_NOTFOUND,
		    "no such private key: ask for the identity again, it may have been replaced");
	return k;
}

static int on_sign(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__Sign *in = IPC_BODY(m, Cert__Sign);
	struct certd *c = certd_of(p);
	struct policy_ask a = ask_of(p, POLICY_SIGN, POLICY_HOST);
	Cert__Signature out = CERT__SIGNATURE__INIT;
	struct key *k = key_named(p, m, sl(in->key));
	uint8_t sig[SIGN_MAX];
	const char *why;
	int err;

	if (!k)
		return 0;
	a.scheme = in->scheme;
	a.hash = in->hash;
	err = certd_ask(c, p, &a, slice_str(k->hex), &why);
	if (err)
		return refuse(p, m, err, why);
	err = sign_make(k, (enum sign_scheme)in->scheme, (enum sign_hash)in->hash, sl(in->data),
	    sig, &out.signature.len);
	certd_used(c, p, &a, slice_str(k->hex), err);
	if (err)
		return ipc_fail(p, m, err, "%s",
		    err == ERR_VALUE ? "scheme, hash and data do not fit the key" : err_text(err));
	out.signature.data = sig;
	return ipc_reply(p, m, &out.base);
}

static int on_decrypt(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__Decrypt *in = IPC_BODY(m, Cert__Decrypt);
	struct policy_ask a = ask_of(p, POLICY_DECRYPT, POLICY_HOST);
	Cert__Decrypted out = CERT__DECRYPTED__INIT;
	struct key *k = key_named(p, m, sl(in->key));
	uint8_t premaster[SIGN_PREMASTER];
	const char *why;
	int err;

	if (!k)
		return 0;
	err = certd_ask(certd_of(p), p, &a, slice_str(k->hex), &why);
	if (err)
		return refuse(p, m, err, why);
	if (!in->has_tls_premaster || !in->tls_premaster)
		return ipc_fail(p, m, ERR_UNSUPP, "only premaster secrets of TLS are decrypted");
	err = sign_premaster(k, sl(in->data), in->client_version,
	    in->has_alt_version ? in->alt_version : 0, premaster);
	certd_used(certd_of(p), p, &a, slice_str(k->hex), err);
	if (err)
		return err;
	out.data = bin(premaster, sizeof(premaster));
	err = ipc_reply(p, m, &out.base);
	mem_wipe(premaster, sizeof(premaster));
	return err;
}

static int on_identity(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__IdentityGet *in = IPC_BODY(m, Cert__IdentityGet);
	struct certd *c = certd_of(p);
	struct policy_ask a = ask_of(p, POLICY_READ, POLICY_HOST);
	struct slice name = slice_str(in->name && *in->name ? in->name : KEYRING_DEFAULT);
	struct ident *t = keyring_ident(c->ring, name);
	Cert__Identity out = CERT__IDENTITY__INIT;
	ProtobufCBinaryData chain[CHAIN_MAX];
	const char *why;
	int err = certd_ask(c, p, &a, name, &why);

	if (err)
		return refuse(p, m, err, why);
	if (!t)
		return ipc_fail(p, m, ERR_NOTFOUND,
		    "no host certificate \"" SLICE_FMT "\": dectctl cert import", SLICE_ARG(name));
	out.name = t->name;
	out.key = bin(t->key->id, sizeof(t->key->id));
	out.key_type = t->key->type;
	for (unsigned i = 0; i < t->n; i++)
		chain[i] = bin(t->cert[i].der, t->cert[i].n);
	out.n_chain = t->n;
	out.chain = chain;
	return ipc_reply(p, m, &out.base);
}

static int on_trust(struct ipc_peer *p, struct ipc_msg *m)
{
	struct certd *c = certd_of(p);
	struct policy_ask a = ask_of(p, POLICY_READ, POLICY_TRUST);
	Cert__Trust out = CERT__TRUST__INIT;
	const char *why;
	int fd, err = certd_ask(c, p, &a, SLICE_LIT("trust"), &why);

	if (err)
		return refuse(p, m, err, why);
	err = trust_memfd(c->trust, &fd, &out.certificates, &out.crls, &out.version);
	certd_worked(c);
	if (err)
		return ipc_fail(
		    p, m, err, "%s", err == ERR_STORE ? store_why(c->store) : err_text(err));
	return ipc_reply_fds(p, m, &out.base, &fd, 1);
}

void certd_announce(struct certd *c, enum certd_what what, const char *name)
{
	Cert__Changed ev = CERT__CHANGED__INIT;

	ev.what = (Cert__What)what;
	ev.name = (char *)(uintptr_t)name;
	for (struct ipc_peer *p = NULL;
	     (p = ipc_next(c->d->ipc, IPC_SIPD | IPC_PRESENCED | IPC_DECTD, p)) != NULL;)
		(void)ipc_event(p, IPC_IF_CERT, CERT__TYPE__CERT_CHANGED, &ev.base);
	daemon_status(c->d);
	certd_worked(c);
}

/* ---- passwords ---- */

static int password(struct ipc_peer *p, struct ipc_msg *m, enum policy_op op,
    enum policy_object object, struct slice credential, struct secret *out)
{
	struct certd *c = certd_of(p);
	struct policy_ask a = ask_of(p, op, object);
	const char *why;
	int err = certd_ask(c, p, &a, credential, &why);

	if (err) {
		refuse(p, m, err, why);
		return err;
	}
	err = secret_get(c->store,
	    object == POLICY_LDAP   ? STORE_LDAP
	    : object == POLICY_TURN ? STORE_TURN
	                            : STORE_SIP,
	    credential, out);
	if (err == ERR_NOTFOUND)
		ipc_fail(p, m, err, "no password is stored for " SLICE_FMT ": dectctl secret set",
		    SLICE_ARG(credential));
	else if (err)
		ipc_fail(p, m, err, "%s", store_why(c->store));
	certd_used(c, p, &a, credential, err);
	return err;
}

static int on_sip_digest(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__SipDigest *in = IPC_BODY(m, Cert__SipDigest);
	Cert__SipDigestDone out = CERT__SIP_DIGEST_DONE__INIT;
	struct sip_digest d = { .sess = in->has_sess && in->sess,
		.username = sl(in->username),
		.realm = sl(in->realm),
		.nonce = sl(in->nonce),
		.nc = in->has_nc ? in->nc : 0,
		.method = sl(in->method),
		.uri = sl(in->uri) };
	char response[SIP_DIGEST_HEX];
	struct secret pw;
	int err;

	if (in->has_qop)
		d.qop = sl(in->qop);
	if (in->has_cnonce)
		d.cnonce = sl(in->cnonce);
	if (in->has_body_hash)
		d.body_hash = sl(in->body_hash);
	switch (in->algorithm) {
	case CERT__HASH__HASH_MD5:
		d.alg = SIP_DIGEST_MD5;
		break;
	case CERT__HASH__HASH_SHA256:
		d.alg = SIP_DIGEST_SHA256;
		break;
	case CERT__HASH__HASH_SHA512_256:
		d.alg = SIP_DIGEST_SHA512_256;
		break;
	default:
		return ipc_fail(p, m, ERR_UNSUPP, "digest is MD5, SHA-256 or SHA-512/256");
	}
	err = password(p, m, POLICY_ANSWER, POLICY_SIP, sl(in->credential), &pw);
	if (err)
		return 0;
	d.password = secret_slice(&pw);
	err = sip_digest_response(&d, response);
	mem_wipe(&pw, sizeof(pw));
	if (err)
		return ipc_fail(p, m, err, "%s",
		    err == ERR_VALUE ? "qop, cnonce, nc or body hash is missing or unknown"
		                     : err_text(err));
	out.response = bin(response, strlen(response));
	return ipc_reply(p, m, &out.base);
}

static uint64_t filetime(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return ((uint64_t)t.tv_sec + 11644473600u) * 10000000u + (uint64_t)t.tv_nsec / 100;
}

static int on_ntlm(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__NtlmAuthenticate *in = IPC_BODY(m, Cert__NtlmAuthenticate);
	Cert__NtlmDone out = CERT__NTLM_DONE__INIT;
	struct ntlm_in n = { .user = sl(in->username),
		.challenge = sl(in->challenge),
		.mic = true,
		.time = filetime() };
	struct ntlm_challenge ch;
	struct ntlm_keys keys;
	struct secret pw;
	uint8_t msg[NTLM_AUTH_MAX];
	size_t len = 0;
	int err;

	n.has_domain = in->has_domain;
	if (in->has_domain)
		n.domain = sl(in->domain);
	if (in->has_workstation)
		n.workstation = sl(in->workstation);
	if (in->has_spn)
		n.spn = sl(in->spn);
	/* The message is judged before the password is fetched. */
	err = ntlm_challenge_parse(n.challenge, &ch);
	if (err)
		return ipc_fail(
		    p, m, err, "the server's NTLM challenge cannot be used: %s", err_text(err));
	err = password(p, m, POLICY_DERIVE, POLICY_NTLM, sl(in->credential), &pw);
	if (err)
		return 0;
	err = ntlm_nt_hash(secret_slice(&pw), n.nt_hash);
	mem_wipe(&pw, sizeof(pw));
	id_random(n.client_challenge, sizeof(n.client_challenge));
	id_random(n.session_key, sizeof(n.session_key));
	if (err == 0)
		err = ntlm_authenticate(&n, msg, sizeof(msg), &len, &keys);
	mem_wipe(&n, sizeof(n));
	if (err)
		return ipc_fail(p, m, err, "no NTLM answer: %s", err_text(err));
	out.authenticate = bin(msg, len);
	out.flags = NTLM_FLAGS;
	out.client_sign = bin(keys.client_sign, 16);
	out.server_sign = bin(keys.server_sign, 16);
	out.client_seal = bin(keys.client_seal, 16);
	out.server_seal = bin(keys.server_seal, 16);
	err = ipc_reply(p, m, &out.base);
	mem_wipe(&keys, sizeof(keys));
	mem_wipe(msg, sizeof(msg));
	return err;
}

static bool kind_of(Cert__SecretKind k, enum store_kind *store, enum policy_object *object)
{
	switch (k) {
	case CERT__SECRET_KIND__SECRET_SIP:
		*store = STORE_SIP;
		*object = POLICY_SIP;
		return true;
	case CERT__SECRET_KIND__SECRET_LDAP:
		*store = STORE_LDAP;
		*object = POLICY_LDAP;
		return true;
	case CERT__SECRET_KIND__SECRET_AC:
		*store = STORE_AC;
		*object = POLICY_AC;
		return true;
	case CERT__SECRET_KIND__SECRET_TURN:
		*store = STORE_TURN;
		*object = POLICY_TURN;
		return true;
	default:
		return false;
	}
}

/* Answered when it is on disk. */
static void on_written(void *ctx, int err, const char *why)
{
	struct ipc_ticket *t = ctx;
	Cert__Done out = CERT__DONE__INIT;

	if (err)
		ipc_ticket_fail(t, err, "%s", *why ? why : err_text(err));
	else
		ipc_ticket_reply(t, &out.base);
}

static int on_secret_set(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__SecretSet *in = IPC_BODY(m, Cert__SecretSet);
	struct certd *c = certd_of(p);
	struct policy_ask a = ask_of(p, POLICY_SET, 0);
	enum store_kind kind;
	const char *why = "";
	int err;

	if (!kind_of(in->kind, &kind, &a.object))
		return ERR_VALUE;
	err = certd_ask(c, p, &a, sl(in->id), &why);
	if (err == 0 && (why = secret_bad(kind, sl(in->id), sl(in->value))) != NULL)
		err = ERR_VALUE;
	if (err == 0)
		writes_add(c->writes, ipc_peer_name(p), true, kind, sl(in->id), sl(in->value),
		    on_written, ipc_defer(p, m));
	mem_wipe(in->value.data, in->value.len);
	return err ? refuse(p, m, err, why) : 0;
}

static int on_secret_del(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__SecretDel *in = IPC_BODY(m, Cert__SecretDel);
	struct certd *c = certd_of(p);
	struct policy_ask a = ask_of(p, POLICY_DELETE, 0);
	enum store_kind kind;
	const char *why = "";
	int err;

	if (!kind_of(in->kind, &kind, &a.object))
		return ERR_VALUE;
	err = certd_ask(c, p, &a, sl(in->id), &why);
	if (err)
		return refuse(p, m, err, why);
	writes_add(c->writes, ipc_peer_name(p), false, kind, sl(in->id), SLICE_LIT(""), on_written,
	    ipc_defer(p, m));
	return 0;
}

static int on_secret_reveal(struct ipc_peer *p, struct ipc_msg *m)
{
	const Cert__SecretReveal *in = IPC_BODY(m, Cert__SecretReveal);
	Cert__SecretValue out = CERT__SECRET_VALUE__INIT;
	struct policy_ask a = ask_of(p, POLICY_REVEAL, 0);
	enum store_kind kind;
	struct secret v;
	const char *why;
	int err;

	if (!kind_of(in->kind, &kind, &a.object))
		return ERR_VALUE;
	if (a.object != POLICY_LDAP && a.object != POLICY_TURN) {
		err = certd_ask(certd_of(p), p, &a, sl(in->id), &why);
		return refuse(p, m, err ? err : ERR_DENIED, why);
	}
	err = password(p, m, POLICY_REVEAL, a.object, sl(in->id), &v);
	if (err)
		return 0;
	out.value = bin(v.v, v.n);
	err = ipc_reply(p, m, &out.base);
	mem_wipe(&v, sizeof(v));
	return err;
}

#define ROW(type, max, roles, desc, fn)                                                            \
	{                                                                                          \
		IPC_IF_CERT, CERT__TYPE__##type, IPC_REQ, 0, max, roles,                           \
		    &cert__##desc##__descriptor, fn                                                \
	}
const struct ipc_handler certd_handlers[] = {
	ROW(CERT_SIGN, SIGN_DATA_MAX + 128, IPC_SIPD, sign, on_sign),
	ROW(CERT_DECRYPT, 1200, IPC_SIPD, decrypt, on_decrypt),
	ROW(CERT_IDENTITY, 128, IPC_SIPD, identity_get, on_identity),
	ROW(CERT_TRUST, 64, IPC_SIPD | IPC_PRESENCED, trust_get, on_trust),
	ROW(CERT_SIP_DIGEST, 8192, IPC_SIPD, sip_digest, on_sip_digest),
	ROW(CERT_NTLM, 8192, IPC_SIPD, ntlm_authenticate, on_ntlm),
	ROW(CERT_KRB_START, 1024, IPC_SIPD, krb_start, certd_on_krb_start),
	ROW(CERT_KRB_REPLY, KRB_MESSAGE + 64, IPC_SIPD, krb_reply, certd_on_krb_reply),
	ROW(CERT_SECRET_SET, 1024, IPC_SIPD | IPC_DECTD, secret_set, on_secret_set),
	ROW(CERT_SECRET_DEL, 512, IPC_SIPD | IPC_DECTD, secret_del, on_secret_del),
	ROW(CERT_SECRET_REVEAL, 512, IPC_PRESENCED | IPC_SIPD, secret_reveal, on_secret_reveal),
	ROW(CERT_DECT_PT_AUTH, 512, IPC_DECTD, dect_pt_auth, certd_on_pt_auth),
	ROW(CERT_DECT_PT_CHECK, 128, IPC_DECTD, dect_pt_check, certd_on_pt_check),
	ROW(CERT_DECT_FT_AUTH, 128, IPC_DECTD, dect_ft_auth, certd_on_ft_auth),
	ROW(CERT_DECT_KEY_ALLOC, 512, IPC_DECTD, dect_key_alloc, certd_on_key_alloc),
	ROW(CERT_DECT_KEY_ALLOC_CHECK, 128, IPC_DECTD, dect_key_alloc_check,
	    certd_on_key_alloc_check),
	ROW(CERT_DECT_SUBSCRIPTION, 512, IPC_DECTD, dect_subscription, certd_on_subscription),
	ROW(CERT_DECT_DEFCK, 128, IPC_DECTD, dect_def_ck, certd_on_defck),
	ROW(CERT_RFP_KEYS, 256, IPC_DECTD, rfp_keys, certd_on_rfp_keys),
};
const size_t certd_nhandlers = ARRAY_LEN(certd_handlers);
