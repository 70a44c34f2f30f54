/* The cert interface as its clients see it: roles, secrets, signatures, identities, trust; across restarts. */
#include "common/ossl.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "certd/ntlm_kdf.h"
#include "certd/sip_digest.h"
#include "common/enc.h"
#include "tests/support/pki.h"
#include "tests/unit/certd/rig.h"

static int up(void **state)
{
	struct rig *g = malloc(sizeof(*g));

	rig_new(g);
	*state = g;
	return 0;
}

static int down(void **state)
{
	rig_free(*state);
	free(*state);
	return 0;
}

static int set(
    struct rig *g, struct ipc_peer *p, Cert__SecretKind kind, const char *id, const char *v)
{
	Cert__SecretSet m = CERT__SECRET_SET__INIT;

	m.kind = kind;
	m.id = RIG_TEXT(id);
	m.value = RIG_TEXT(v);
	return rig_ask(g, p, CERT__TYPE__CERT_SECRET_SET, &m.base, &cert__done__descriptor);
}

static int del(struct rig *g, struct ipc_peer *p, Cert__SecretKind kind, const char *id)
{
	Cert__SecretDel m = CERT__SECRET_DEL__INIT;

	m.kind = kind;
	m.id = RIG_TEXT(id);
	return rig_ask(g, p, CERT__TYPE__CERT_SECRET_DEL, &m.base, &cert__done__descriptor);
}

static int reveal(struct rig *g, struct ipc_peer *p, Cert__SecretKind kind, const char *id)
{
	Cert__SecretReveal m = CERT__SECRET_REVEAL__INIT;

	m.kind = kind;
	m.id = RIG_TEXT(id);
	return rig_ask(
	    g, p, CERT__TYPE__CERT_SECRET_REVEAL, &m.base, &cert__secret_value__descriptor);
}

static int digest(struct rig *g, struct ipc_peer *p, const char *credential)
{
	Cert__SipDigest m = CERT__SIP_DIGEST__INIT;

	/* RFC 2617 3.5 */
	m.credential = RIG_TEXT(credential);
	m.username = RIG_TEXT("Mufasa");
	m.realm = RIG_TEXT("testrealm@host.com");
	m.nonce = RIG_TEXT("dcd98b7102dd2f0e8b11d0f600bfb0c093");
	m.algorithm = CERT__HASH__HASH_MD5;
	m.has_qop = m.has_cnonce = m.has_nc = true;
	m.qop = RIG_TEXT("auth");
	m.cnonce = RIG_TEXT("0a4f113b");
	m.nc = 1;
	m.method = RIG_TEXT("GET");
	m.uri = RIG_TEXT("/dir/index.html");
	return rig_ask(
	    g, p, CERT__TYPE__CERT_SIP_DIGEST, &m.base, &cert__sip_digest_done__descriptor);
}

static void test_secrets(void **state)
{
	struct rig *g = *state;
	struct ipc_peer *sipd = rig_peer(g, IPC_SIPD), *dectd = rig_peer(g, IPC_DECTD),
	                *pres = rig_peer(g, IPC_PRESENCED);

	assert_int_equal(digest(g, sipd, "Mufasa"), ERR_NOTFOUND);
	assert_non_null(strstr(g->text, "Mufasa"));
	assert_int_equal(
	    set(g, sipd, CERT__SECRET_KIND__SECRET_SIP, "Mufasa", "Circle Of Life"), 0);
	assert_int_equal(digest(g, sipd, "Mufasa"), 0);
	assert_memory_equal(RIG_BODY(g, Cert__SipDigestDone)->response.data,
	    "6629fae49393a05397450978507c4ef1", 32);
	/* Names without case, with a domain, across a restart. */
	assert_int_equal(digest(g, sipd, "mufasa@host.com"), 0);
	rig_restart(g);
	sipd = rig_peer(g, IPC_SIPD);
	dectd = rig_peer(g, IPC_DECTD);
	pres = rig_peer(g, IPC_PRESENCED);
	assert_int_equal(digest(g, sipd, "MUFASA"), 0);
	/* Never out. */
	assert_int_equal(reveal(g, pres, CERT__SECRET_KIND__SECRET_SIP, "Mufasa"), ERR_DENIED);
	/* Roles. */
	assert_int_equal(set(g, dectd, CERT__SECRET_KIND__SECRET_SIP, "x", "y"), ERR_DENIED);
	assert_int_equal(set(g, sipd, CERT__SECRET_KIND__SECRET_LDAP, "x", "y"), ERR_DENIED);
	assert_int_equal(
	    set(g, dectd, CERT__SECRET_KIND__SECRET_AC, "subscription", "12345678"), 0);
	assert_int_equal(set(g, dectd, CERT__SECRET_KIND__SECRET_AC, "a", "123456789"), ERR_VALUE);
	assert_int_equal(set(g, dectd, CERT__SECRET_KIND__SECRET_AC, "a", "12a"), ERR_VALUE);
	assert_int_equal(set(g, sipd, CERT__SECRET_KIND__SECRET_SIP, "", "x"), ERR_VALUE);
	assert_int_equal(set(g, sipd, CERT__SECRET_KIND__SECRET_SIP, "a", ""), ERR_VALUE);
	assert_int_equal(set(g, sipd, 77, "a", "x"), ERR_VALUE);
	assert_int_equal(del(g, sipd, CERT__SECRET_KIND__SECRET_SIP, "MUFASA"), 0);
	assert_int_equal(digest(g, sipd, "Mufasa"), ERR_NOTFOUND);
}

/* The exceptions. */
static void test_reveal(void **state)
{
	struct rig *g = *state;
	struct certd *c = g->run.d.state;
	struct ipc_peer *pres = rig_peer(g, IPC_PRESENCED);
	const char *why;

	assert_int_equal(reveal(g, pres, CERT__SECRET_KIND__SECRET_LDAP, "bind"), ERR_NOTFOUND);
	assert_int_equal(
	    store_put(c->store, STORE_LDAP, slice_str("bind"), slice_str("ldap secret")), 0);
	assert_int_equal(reveal(g, pres, CERT__SECRET_KIND__SECRET_LDAP, "bind"), 0);
	assert_int_equal(RIG_BODY(g, Cert__SecretValue)->value.len, 11);
	(void)why;
	struct ipc_peer *sipd = rig_peer(g, IPC_SIPD);
	assert_int_equal(
	    store_put(c->store, STORE_TURN, slice_str("anna"), slice_str("sesame")), 0);
	assert_int_equal(reveal(g, sipd, CERT__SECRET_KIND__SECRET_TURN, "anna"), 0);
	assert_int_equal(RIG_BODY(g, Cert__SecretValue)->value.len, 6);
	assert_int_equal(reveal(g, sipd, CERT__SECRET_KIND__SECRET_LDAP, "bind"), ERR_DENIED);
	assert_int_equal(reveal(g, pres, CERT__SECRET_KIND__SECRET_TURN, "anna"), ERR_DENIED);
	/* A role that may not ask at all loses its link: the contract is broken. */
	struct ipc_peer *dectd = rig_peer(g, IPC_DECTD);
	assert_int_equal(reveal(g, dectd, CERT__SECRET_KIND__SECRET_LDAP, "bind"), ERR_LOST);
}

struct burst {
	unsigned left, failed;
};

static void on_burst(void *ctx, int err, struct ipc_msg *m)
{
	struct burst *b = ctx;

	(void)m;
	b->left--;
	b->failed += err != 0;
}

/* Many at once: few commits, an answer for each, one bad value harms only itself. */
static void test_many(void **state)
{
	struct rig *g = *state;
	struct certd *c = g->run.d.state;
	struct ipc_peer *sipd = rig_peer(g, IPC_SIPD);
	struct burst b = { .left = 200 };
	uint8_t buf[32];
	char id[200][16];
	size_t n;

	for (unsigned i = 0; i < 200; i++) {
		Cert__SecretSet m = CERT__SECRET_SET__INIT;

		snprintf(id[i], sizeof(id[i]), "u%u", i);
		m.kind = CERT__SECRET_KIND__SECRET_SIP;
		m.id = RIG_TEXT(id[i]);
		m.value = i == 100 ? RIG_TEXT("") : RIG_TEXT(id[i]);
		assert_int_equal(ipc_request(sipd, IPC_IF_CERT, CERT__TYPE__CERT_SECRET_SET,
		                     &m.base, &cert__done__descriptor, 10000, on_burst, &b),
		    0);
	}
	while (b.left)
		uv_run(&g->loop, UV_RUN_ONCE);
	assert_int_equal(b.failed, 1);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(
		    store_get(c->store, STORE_SIP, slice_str(id[i]), buf, sizeof(buf), &n),
		    i == 100 ? ERR_NOTFOUND : 0);
}

/* ---- keys ---- */

static void identity(struct rig *g, const char *name, EVP_PKEY *key)
{
	struct certd *c = g->run.d.state;
	struct pki_spec s = { .cn = "a.example.test", .san = { "a.example.test" } };
	struct chain chain = { .n = 1, .complete = true };

	chain.cert[0] = pki_cert(&s, key, NULL, NULL);
	assert_int_equal(keyring_put(c->ring, slice_str(name), key, &chain), 0);
	X509_free(chain.cert[0]);
}

static int get(struct rig *g, struct ipc_peer *p, const char *name)
{
	Cert__IdentityGet m = CERT__IDENTITY_GET__INIT;

	m.name = (char *)(uintptr_t)name;
	return rig_ask(g, p, CERT__TYPE__CERT_IDENTITY, &m.base, &cert__identity__descriptor);
}

static int sign(struct rig *g, struct ipc_peer *p, const uint8_t id[32], Cert__Scheme s,
    Cert__Hash h, const void *data, size_t n)
{
	Cert__Sign m = CERT__SIGN__INIT;

	m.key = rig_bin(id, 32);
	m.scheme = s;
	m.hash = h;
	m.data = rig_bin(data, n);
	return rig_ask(g, p, CERT__TYPE__CERT_SIGN, &m.base, &cert__signature__descriptor);
}

static bool verifies(
    struct rig *g, EVP_PKEY *key, const EVP_MD *md, bool pss, const void *d, size_t n)
{
	const Cert__Signature *sig = RIG_BODY(g, Cert__Signature);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
	bool ok = EVP_PKEY_verify_init(c) == 1 && EVP_PKEY_CTX_set_signature_md(c, md) == 1;

	if (pss)
		ok = ok && EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok && EVP_PKEY_verify(c, sig->signature.data, sig->signature.len, d, n) == 1;
	EVP_PKEY_CTX_free(c);
	return ok;
}

static void test_sign(void **state)
{
	static const struct {
		const char *type;
		Cert__Scheme scheme;
		Cert__Hash hash;
		const EVP_MD *(*md)(void);
		size_t n;
		bool legacy;
	} t[] = {
		{ "RSA-2048", CERT__SCHEME__SCHEME_RSA_PKCS1, CERT__HASH__HASH_SHA256, EVP_sha256,
		    32, false },
		{ "RSA-2048", CERT__SCHEME__SCHEME_RSA_PKCS1, CERT__HASH__HASH_SHA512, EVP_sha512,
		    64, false },
		{ "RSA-2048", CERT__SCHEME__SCHEME_RSA_PSS, CERT__HASH__HASH_SHA256, EVP_sha256, 32,
		    false },
		{ "RSA-2048", CERT__SCHEME__SCHEME_RSA_PSS, CERT__HASH__HASH_SHA384, EVP_sha384, 48,
		    false },
		{ "RSA-2048", CERT__SCHEME__SCHEME_RSA_PKCS1, CERT__HASH__HASH_SHA1, EVP_sha1, 20,
		    true },
		{ "RSA-2048", CERT__SCHEME__SCHEME_RSA_PKCS1, CERT__HASH__HASH_MD5_SHA1,
		    EVP_md5_sha1, 36, true },
		{ "P-256", CERT__SCHEME__SCHEME_ECDSA, CERT__HASH__HASH_SHA256, EVP_sha256, 32,
		    false },
		{ "P-384", CERT__SCHEME__SCHEME_ECDSA, CERT__HASH__HASH_SHA384, EVP_sha384, 48,
		    false },
		{ "P-521", CERT__SCHEME__SCHEME_ECDSA, CERT__HASH__HASH_SHA512, EVP_sha512, 64,
		    false },
		{ "P-256", CERT__SCHEME__SCHEME_ECDSA, CERT__HASH__HASH_SHA1, EVP_sha1, 20, true },
	};
	struct rig *g = *state;
	struct ipc_peer *p = rig_peer(g, IPC_SIPD);
	const char *have = "";
	EVP_PKEY *key = NULL;
	uint8_t id[32], data[64], other[32] = { 1 };

	memset(data, 0xa5, sizeof(data));
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		if (strcmp(have, t[i].type) != 0) {
			EVP_PKEY_free(key);
			key = pki_key(t[i].type);
			have = t[i].type;
			identity(g, "host", key);
		}
		assert_int_equal(get(g, p, NULL), 0);
		assert_string_equal(RIG_BODY(g, Cert__Identity)->key_type, t[i].type);
		memcpy(id, RIG_BODY(g, Cert__Identity)->key.data, 32);
		/* Twice: the second one takes the prepared context. */
		for (int k = 0; k < 2; k++) {
			int err = sign(g, p, id, t[i].scheme, t[i].hash, data, t[i].n);

			assert_int_equal(err, t[i].legacy ? ERR_DENIED : 0);
			if (!err)
				assert_true(verifies(g, key, t[i].md(),
				    t[i].scheme == CERT__SCHEME__SCHEME_RSA_PSS, data, t[i].n));
			else
				assert_non_null(strstr(g->text, "legacy-tls"));
		}
		g->conf.legacy_tls = true;
		assert_int_equal(certd_reload(&g->run.d, &g->conf), 0);
		assert_int_equal(sign(g, p, id, t[i].scheme, t[i].hash, data, t[i].n), 0);
		assert_true(verifies(
		    g, key, t[i].md(), t[i].scheme == CERT__SCHEME__SCHEME_RSA_PSS, data, t[i].n));
		g->conf.legacy_tls = false;
		assert_int_equal(certd_reload(&g->run.d, &g->conf), 0);
		/* What does not fit. */
		assert_int_equal(
		    sign(g, p, id, t[i].scheme, CERT__HASH__HASH_SHA256, data, 31), ERR_VALUE);
		assert_int_equal(
		    sign(g, p, other, t[i].scheme, t[i].hash, data, t[i].n), ERR_NOTFOUND);
		assert_int_equal(
		    sign(g, p, id, t[i].scheme, CERT__HASH__HASH_MD5, data, 16), ERR_DENIED);
		assert_int_equal(sign(g, p, id, 99, t[i].hash, data, t[i].n), ERR_DENIED);
		assert_int_equal(sign(g, p, id, t[i].scheme, 99, data, t[i].n), ERR_DENIED);
		assert_int_equal(
		    sign(g, p, id,
		        t[i].scheme == CERT__SCHEME__SCHEME_ECDSA ? CERT__SCHEME__SCHEME_RSA_PSS
		                                                  : CERT__SCHEME__SCHEME_ECDSA,
		        CERT__HASH__HASH_SHA256, data, 32),
		    ERR_VALUE);
	}
	EVP_PKEY_free(key);
}

static void test_ed25519(void **state)
{
	struct rig *g = *state;
	struct ipc_peer *p = rig_peer(g, IPC_SIPD);
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct certd *c = g->run.d.state;
	struct chain chain = { .n = 1 };
	const Cert__Signature *sig;
	EVP_MD_CTX *v;
	uint8_t id[32];
	char msg[1000];

	chain.cert[0] = X509_new();
	X509_set_pubkey(chain.cert[0], key);
	X509_gmtime_adj(X509_getm_notBefore(chain.cert[0]), 0);
	X509_gmtime_adj(X509_getm_notAfter(chain.cert[0]), 86400L * 300);
	assert_int_not_equal(X509_sign(chain.cert[0], key, NULL), 0);
	assert_int_equal(keyring_put(c->ring, slice_str("host"), key, &chain), 0);
	X509_free(chain.cert[0]);
	assert_int_equal(x509_key_id(key, id), 0);
	memset(msg, 'm', sizeof(msg));
	assert_int_equal(
	    sign(g, p, id, CERT__SCHEME__SCHEME_ED25519, CERT__HASH__HASH_NONE, msg, sizeof(msg)),
	    0);
	sig = RIG_BODY(g, Cert__Signature);
	v = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(v, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestVerify(v, sig->signature.data, sig->signature.len,
	                     (const uint8_t *)msg, sizeof(msg)),
	    1);
	EVP_MD_CTX_free(v);
	EVP_PKEY_free(key);
}

/* RSA key exchange: off at first; with it on, right cryptograms open and wrong ones give 48 octets of nothing. */
static void test_decrypt(void **state)
{
	struct rig *g = *state;
	struct ipc_peer *p = rig_peer(g, IPC_SIPD);
	EVP_PKEY *key = pki_key("RSA-2048");
	Cert__Decrypt m = CERT__DECRYPT__INIT;
	uint8_t id[32], pre[48] = { 3, 3, 7, 7, 7 }, enc[256];
	size_t n = sizeof(enc);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);

	identity(g, "host", key);
	assert_int_equal(x509_key_id(key, id), 0);
	assert_int_equal(EVP_PKEY_encrypt_init(c), 1);
	assert_int_equal(EVP_PKEY_encrypt(c, enc, &n, pre, sizeof(pre)), 1);
	EVP_PKEY_CTX_free(c);
	m.key = rig_bin(id, 32);
	m.data = rig_bin(enc, n);
	m.has_tls_premaster = m.tls_premaster = true;
	m.has_client_version = true;
	m.client_version = 0x0303;
	assert_int_equal(
	    rig_ask(g, p, CERT__TYPE__CERT_DECRYPT, &m.base, &cert__decrypted__descriptor),
	    ERR_DENIED);
	g->conf.legacy_tls = true;
	g->conf.decrypt_rate = 2;
	assert_int_equal(certd_reload(&g->run.d, &g->conf), 0);
	assert_int_equal(
	    rig_ask(g, p, CERT__TYPE__CERT_DECRYPT, &m.base, &cert__decrypted__descriptor), 0);
	assert_int_equal(RIG_BODY(g, Cert__Decrypted)->data.len, 48);
	assert_memory_equal(RIG_BODY(g, Cert__Decrypted)->data.data, pre, 48);
	/* Another version in the ClientHello: an attack, not an error. */
	m.client_version = 0x0302;
	assert_int_equal(
	    rig_ask(g, p, CERT__TYPE__CERT_DECRYPT, &m.base, &cert__decrypted__descriptor), 0);
	assert_memory_not_equal(RIG_BODY(g, Cert__Decrypted)->data.data, pre, 48);
	m.client_version = 0x0303;
	enc[100] ^= 1;
	assert_int_equal(
	    rig_ask(g, p, CERT__TYPE__CERT_DECRYPT, &m.base, &cert__decrypted__descriptor), 0);
	assert_int_equal(RIG_BODY(g, Cert__Decrypted)->data.len, 48);
	assert_memory_not_equal(RIG_BODY(g, Cert__Decrypted)->data.data, pre, 48);
	m.tls_premaster = false; /* raw decryption is never offered */
	assert_int_equal(
	    rig_ask(g, p, CERT__TYPE__CERT_DECRYPT, &m.base, &cert__decrypted__descriptor),
	    ERR_UNSUPP);
	m.tls_premaster = true;
	assert_int_equal(
	    rig_ask(g, p, CERT__TYPE__CERT_DECRYPT, &m.base, &cert__decrypted__descriptor),
	    ERR_BUSY);
	assert_non_null(strstr(g->text, "a second"));
	EVP_PKEY_free(key);
}

/* A replaced key serves what began with it; after a restart only the new one is there. */
static void test_replace(void **state)
{
	struct rig *g = *state;
	struct ipc_peer *p = rig_peer(g, IPC_SIPD);
	EVP_PKEY *a = pki_key("P-256"), *b = pki_key("P-256");
	uint8_t ida[32], idb[32], data[32] = { 0 };

	identity(g, "host", a);
	identity(g, "host", b);
	assert_int_equal(x509_key_id(a, ida), 0);
	assert_int_equal(x509_key_id(b, idb), 0);
	assert_int_equal(get(g, p, "host"), 0);
	assert_memory_equal(RIG_BODY(g, Cert__Identity)->key.data, idb, 32);
	assert_int_equal(
	    sign(g, p, ida, CERT__SCHEME__SCHEME_ECDSA, CERT__HASH__HASH_SHA256, data, 32), 0);
	assert_true(verifies(g, a, EVP_sha256(), false, data, 32));
	assert_int_equal(
	    sign(g, p, idb, CERT__SCHEME__SCHEME_ECDSA, CERT__HASH__HASH_SHA256, data, 32), 0);
	rig_restart(g);
	p = rig_peer(g, IPC_SIPD);
	assert_int_equal(get(g, p, "host"), 0);
	assert_memory_equal(RIG_BODY(g, Cert__Identity)->key.data, idb, 32);
	assert_int_equal(
	    sign(g, p, ida, CERT__SCHEME__SCHEME_ECDSA, CERT__HASH__HASH_SHA256, data, 32),
	    ERR_NOTFOUND);
	assert_int_equal(
	    sign(g, p, idb, CERT__SCHEME__SCHEME_ECDSA, CERT__HASH__HASH_SHA256, data, 32), 0);
	assert_int_equal(get(g, p, "other"), ERR_NOTFOUND);
	EVP_PKEY_free(a);
	EVP_PKEY_free(b);
}

/* A process that died leaves nothing in the way of the next one. */
static void test_peer_anew(void **state)
{
	struct rig *g = *state;
	struct certd *c = g->run.d.state;
	struct ipc_peer *sipd = rig_peer(g, IPC_SIPD), *dectd = rig_peer(g, IPC_DECTD);
	Cert__KrbStart k = CERT__KRB_START__INIT;
	Cert__DectKeyAlloc a = CERT__DECT_KEY_ALLOC__INIT;
	Cert__DectKeyAllocCheck q = CERT__DECT_KEY_ALLOC_CHECK__INIT;

	assert_int_equal(set(g, sipd, CERT__SECRET_KIND__SECRET_SIP, "201", "pass"), 0);
	k.credential = k.username = RIG_TEXT("201");
	k.realm = RIG_TEXT("EXAMPLE.COM");
	k.service = RIG_TEXT("sip/a.example.com");
	assert_int_equal(
	    rig_ask(g, sipd, CERT__TYPE__CERT_KRB_START, &k.base, &cert__krb_step__descriptor), 0);
	assert_true(RIG_BODY(g, Cert__KrbStep)->has_handle);
	assert_int_equal(krb_figures(c->krb).sessions, 1);
	rig_peer(g, IPC_DECTD);
	assert_int_equal(krb_figures(c->krb).sessions, 1);
	rig_peer(g, IPC_SIPD);
	assert_int_equal(krb_figures(c->krb).sessions, 0);

	assert_int_equal(set(g, dectd, CERT__SECRET_KIND__SECRET_AC, "subscription", "1234"), 0);
	a.ipui = rig_bin("\1\2\3\4\5", 5);
	a.alg = CERT__DECT_ALG__DECT_DSAA;
	a.ac = RIG_TEXT("subscription");
	q.res1 = rig_bin("\0\0\0\0", 4);
	q.rand_p = rig_bin("\0\0\0\0\0\0\0", 8);
	for (unsigned anew = 0; anew < 2; anew++) {
		assert_int_equal(rig_ask(g, dectd, CERT__TYPE__CERT_DECT_KEY_ALLOC, &a.base,
		                     &cert__dect_challenge__descriptor),
		    0);
		q.handle = RIG_BODY(g, Cert__DectChallenge)->handle;
		if (anew)
			dectd = rig_peer(g, IPC_DECTD);
		assert_int_equal(rig_ask(g, dectd, CERT__TYPE__CERT_DECT_KEY_ALLOC_CHECK, &q.base,
		                     &cert__dect_key_alloc_done__descriptor),
		    anew ? ERR_NOTFOUND : 0);
	}
}

static bool outcome(void *ctx, const struct audit_entry *e)
{
	char(*last)[32] = ctx;

	memmove(last[0], last[1], sizeof(last[0]));
	assert_int_equal(slice_copy(e->outcome, last[1], sizeof(last[1])), 0);
	return true;
}

/* What could not be stored does not stand in the audit log as accepted, and nothing more. */
static void test_write_fails(void **state)
{
	struct rig *g = *state;
	struct certd *c = g->run.d.state;
	struct ipc_peer *p = rig_peer(g, IPC_SIPD);
	char last[2][32] = { "", "" };

	assert_int_equal(store_begin(c->store), 0); /* nobody else can */
	assert_int_equal(set(g, p, CERT__SECRET_KIND__SECRET_SIP, "a", "b"), ERR_STORE);
	assert_int_equal(store_end(c->store), 0);
	assert_int_equal(audit_read(c->audit, 0, 2, outcome, last), 0);
	assert_string_equal(last[0], "accepted");
	assert_string_equal(last[1], "ERR_STORE");
	assert_int_equal(digest(g, p, "a"), ERR_NOTFOUND);
	assert_int_equal(set(g, p, CERT__SECRET_KIND__SECRET_SIP, "a", "b"), 0);
	assert_int_equal(audit_read(c->audit, 0, 2, outcome, last), 0);
	assert_string_equal(last[1], "accepted");
}

/* A key that came in a message is not left in freed memory. */
static void test_key_is_wiped(void **state)
{
	struct rig *g = *state;
	uint8_t ck[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const uint8_t none[8];
	Cert__DectDefCk q = CERT__DECT_DEF_CK__INIT;
	struct ipc_msg m = { .hdr = { .iface = IPC_IF_CERT, .type = CERT__TYPE__CERT_DECT_DEFCK },
		.body = &q.base,
		.fds = { -1, -1, -1, -1 } };

	rig_peer(g, IPC_DECTD);
	q.ipui = rig_bin("\1\2\3\4\5", 5);
	q.has_index = q.has_ck = true;
	q.index = 1;
	q.ck = rig_bin(ck, sizeof(ck));
	(void)certd_on_defck(ipc_find(g->run.d.ipc, IPC_DECTD, 0), &m);
	assert_memory_equal(ck, none, sizeof(ck));
}

static void test_trust(void **state)
{
	struct rig *g = *state;
	struct certd *c = g->run.d.state;
	struct ipc_peer *p = rig_peer(g, IPC_PRESENCED);
	struct pki_spec s = { .cn = "Test CA", .ca = true };
	EVP_PKEY *key = pki_key("P-256");
	X509 *ca = pki_cert(&s, key, NULL, NULL);
	X509_CRL *crl = pki_crl(ca, key, NULL);
	Cert__TrustGet m = CERT__TRUST_GET__INIT;
	struct trust_result r;
	uint64_t version;
	BIO *b = BIO_new(BIO_s_mem()), *back;
	char *pem, *map;
	long n;

	free(g->conf.ca_bundle);
	g->conf.ca_bundle = strdup("");
	trust_configure(c->trust, "");
	assert_int_equal(
	    rig_ask(g, p, CERT__TYPE__CERT_TRUST, &m.base, &cert__trust__descriptor), 0);
	assert_int_equal(RIG_BODY(g, Cert__Trust)->certificates, 0);
	version = RIG_BODY(g, Cert__Trust)->version;
	PEM_write_bio_X509(b, ca);
	n = BIO_get_mem_data(b, &pem);
	assert_int_equal(
	    trust_import(c->trust, (struct slice){ pem, (size_t)n }, time(NULL), &r), 0);
	assert_int_equal(r.added, 1);
	assert_int_equal(
	    trust_import(c->trust, (struct slice){ pem, (size_t)n }, time(NULL), &r), 0);
	assert_int_equal(r.known, 1);
	BIO_reset(b);
	PEM_write_bio_X509_CRL(b, crl);
	n = BIO_get_mem_data(b, &pem);
	assert_int_equal(
	    trust_import_crl(c->trust, (struct slice){ pem, (size_t)n }, NULL, time(NULL), &r), 0);
	BIO_free(b);
	assert_int_equal(
	    rig_ask(g, p, CERT__TYPE__CERT_TRUST, &m.base, &cert__trust__descriptor), 0);
	assert_int_equal(RIG_BODY(g, Cert__Trust)->certificates, 1);
	assert_int_equal(RIG_BODY(g, Cert__Trust)->crls, 1);
	assert_int_not_equal(RIG_BODY(g, Cert__Trust)->version, version);
	/* A sealed descriptor with both. */
	assert_true(g->fd >= 0);
	struct stat st;
	assert_int_equal(fstat(g->fd, &st), 0);
	assert_int_equal(pwrite(g->fd, "x", 1, 0), -1);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, g->fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	back = BIO_new_mem_buf(map, (int)st.st_size);
	X509 *x = PEM_read_bio_X509(back, NULL, NULL, NULL);
	X509_CRL *l = PEM_read_bio_X509_CRL(back, NULL, NULL, NULL);
	assert_non_null(x);
	assert_non_null(l);
	assert_int_equal(X509_cmp(x, ca), 0);
	X509_free(x);
	X509_CRL_free(l);
	BIO_free(back);
	munmap(map, (size_t)st.st_size);
	/* A list of a CA that nobody knows, and one that is older. */
	struct pki_spec s2 = { .cn = "Unknown CA", .ca = true };
	X509 *un = pki_cert(&s2, key, NULL, NULL);
	X509_CRL *ul = pki_crl(un, key, NULL);
	unsigned char *der = NULL;
	int len = i2d_X509_CRL(ul, &der);
	assert_int_equal(trust_import_crl(c->trust, (struct slice){ (char *)der, (size_t)len },
	                     NULL, time(NULL), &r),
	    ERR_AUTH);
	assert_non_null(strstr(r.why, "Unknown CA"));
	OPENSSL_free(der);
	X509_free(un);
	X509_CRL_free(ul);
	assert_int_equal(trust_clear(c->trust), 0);
	assert_int_equal(
	    rig_ask(g, p, CERT__TYPE__CERT_TRUST, &m.base, &cert__trust__descriptor), 0);
	assert_int_equal(RIG_BODY(g, Cert__Trust)->certificates, 0);
	X509_free(ca);
	X509_CRL_free(crl);
	EVP_PKEY_free(key);
}

/* NTLM end to end: the message answers the challenge, and the keys are those of the password. The CHALLENGE_MESSAGE is
 * made here by the layout of MS-NLMP 2.2.1.2. */
static void test_ntlm(void **state)
{
	struct rig *g = *state;
	struct ipc_peer *p = rig_peer(g, IPC_SIPD);
	Cert__NtlmAuthenticate m = CERT__NTLM_AUTHENTICATE__INIT;
	uint8_t ch[80] = "NTLMSSP";

	ch[8] = 2;
	ch[16] = 56; /* target name: empty, at 56 */
	ch[20] = 0x55, ch[21] = 0x82, ch[22] = 0x98, ch[23] = 0x62;
	memset(ch + 24, 0x11, 8);
	ch[40] = ch[42] = 4; /* target info: only its end */
	ch[44] = 56;
	assert_int_equal(set(g, p, CERT__SECRET_KIND__SECRET_SIP, "alice", "Passw0rd"), 0);
	m.credential = RIG_TEXT("alice");
	m.username = RIG_TEXT("alice");
	m.has_domain = true;
	m.domain = RIG_TEXT("CONTOSO");
	m.challenge = rig_bin(ch, 60);
	assert_int_equal(
	    rig_ask(g, p, CERT__TYPE__CERT_NTLM, &m.base, &cert__ntlm_done__descriptor), 0);
	const Cert__NtlmDone *d = RIG_BODY(g, Cert__NtlmDone);
	assert_memory_equal(d->authenticate.data, "NTLMSSP\0\3\0\0\0", 12);
	assert_int_equal(d->client_sign.len, 16);
	assert_memory_not_equal(d->client_sign.data, d->server_sign.data, 16);
	/* Truncated, or of another message type. */
	m.challenge = rig_bin(ch, 31);
	assert_int_equal(
	    rig_ask(g, p, CERT__TYPE__CERT_NTLM, &m.base, &cert__ntlm_done__descriptor),
	    ERR_TRUNCATED);
	ch[8] = 3;
	m.challenge = rig_bin(ch, 60);
	assert_int_not_equal(
	    rig_ask(g, p, CERT__TYPE__CERT_NTLM, &m.base, &cert__ntlm_done__descriptor), 0);
}

static void test_table(void **state)
{
	(void)state;
	assert_int_equal(ipc_table_check(certd_handlers, certd_nhandlers), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test_setup_teardown(test_secrets, up, down),
		cmocka_unit_test_setup_teardown(test_reveal, up, down),
		cmocka_unit_test_setup_teardown(test_many, up, down),
		cmocka_unit_test_setup_teardown(test_sign, up, down),
		cmocka_unit_test_setup_teardown(test_ed25519, up, down),
		cmocka_unit_test_setup_teardown(test_decrypt, up, down),
		cmocka_unit_test_setup_teardown(test_replace, up, down),
		cmocka_unit_test_setup_teardown(test_peer_anew, up, down),
		cmocka_unit_test_setup_teardown(test_write_fails, up, down),
		cmocka_unit_test_setup_teardown(test_key_is_wiped, up, down),
		cmocka_unit_test_setup_teardown(test_trust, up, down),
		cmocka_unit_test_setup_teardown(test_ntlm, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
