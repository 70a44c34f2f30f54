/* Host certificates: chains, checks, requests, expiry. Nothing that is not right gets in, and the reason is one line. */
#include "certd/import.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "certd/csr.h"
#include "certd/expiry.h"
#include "common/mem.h"
#include "tests/support/pki.h"
#include "tests/unit/certd/tmpdir.h"

#define FQDN "dect.example.test"

struct env {
	char *dir;
	struct store *s;
	struct trust *t;
	struct tmr_wheel *w;
	EVP_PKEY *root_key, *inter_key, *key, *other_key;
	X509 *root, *inter;
};

static int up(void **state)
{
	struct env *e = mem_new(sizeof(*e));
	struct pki_spec root = { .cn = "Root CA", .ca = true, .from_days = -10, .to_days = 1000 };
	struct pki_spec inter = {
		.cn = "Issuing CA", .ca = true, .from_days = -10, .to_days = 900
	};
	char why[512];

	unsetenv("CREDENTIALS_DIRECTORY");
	e->dir = tmp_make();
	assert_int_equal(store_open(e->dir, &e->s, why, sizeof(why)), 0);
	e->t = trust_new(e->s);
	e->w = tmr_wheel_new(NULL);
	e->root_key = pki_key("P-256");
	e->inter_key = pki_key("P-256");
	e->key = pki_key("RSA-2048");
	e->other_key = pki_key("P-256");
	e->root = pki_cert(&root, e->root_key, NULL, NULL);
	e->inter = pki_cert(&inter, e->inter_key, e->root, e->root_key);
	*state = e;
	return 0;
}

static int down(void **state)
{
	struct env *e = *state;

	X509_free(e->root);
	X509_free(e->inter);
	EVP_PKEY_free(e->root_key);
	EVP_PKEY_free(e->inter_key);
	EVP_PKEY_free(e->key);
	EVP_PKEY_free(e->other_key);
	trust_free(e->t);
	store_close(e->s);
	tmr_wheel_free(e->w);
	tmp_remove(e->dir);
	free(e);
	return 0;
}

/* PEM of up to three certificates and a key. */
static char *pem(EVP_PKEY *key, X509 *a, X509 *b, X509 *c)
{
	BIO *m = BIO_new(BIO_s_mem());
	X509 *x[] = { a, b, c };
	char *p, *out;
	long n;

	for (size_t i = 0; i < 3; i++)
		if (x[i])
			PEM_write_bio_X509(m, x[i]);
	if (key)
		PEM_write_bio_PrivateKey(m, key, NULL, NULL, 0, NULL, NULL);
	n = BIO_get_mem_data(m, &p);
	out = mem_dup(p, (size_t)n);
	BIO_free(m);
	return out;
}

static void trust_x(struct env *e, X509 *x)
{
	char *p = pem(NULL, x, NULL, NULL);
	struct trust_result r;

	assert_int_equal(trust_import(e->t, slice_str(p), time(NULL), &r), 0);
	free(p);
}

static int run(struct env *e, struct import *i, const char *text, bool force)
{
	import_init(i);
	i->cert = slice_str(text);
	i->fqdn = FQDN;
	i->now = time(NULL);
	i->force = force;
	return import_read(i, e->t);
}

static X509 *leaf(struct env *e, struct pki_spec s)
{
	if (!s.cn)
		s.cn = FQDN;
	if (!s.san[0])
		s.san[0] = FQDN;
	if (!s.to_days) {
		s.from_days = -1;
		s.to_days = 365;
	}
	return pki_cert(&s, e->key, e->inter, e->inter_key);
}

static struct pki_spec good(void)
{
	return (struct pki_spec){ .cdp = "http://crl.example.test/a.crl" };
}

static void test_good(void **state)
{
	struct env *e = *state;
	X509 *x = leaf(e, good());
	char *text = pem(e->key, e->inter, x, e->root); /* any order; the root stays at home */
	struct import i;

	trust_x(e, e->root);
	if (run(e, &i, text, false))
		fail_msg("%s", i.why);
	assert_string_equal(i.note, "");
	assert_int_equal(i.chain.n, 2);
	assert_int_equal(X509_cmp(i.chain.cert[0], x), 0);
	assert_int_equal(X509_cmp(i.chain.cert[1], e->inter), 0);
	assert_true(i.chain.complete);
	assert_true(i.chain.trusted);
	import_free(&i);
	free(text);
	X509_free(x);
}

/* Completed from what is trusted; else it says which certificate is missing. */
static void test_hole(void **state)
{
	struct env *e = *state;
	X509 *x = leaf(e, good());
	char *text = pem(e->key, x, NULL, NULL);
	struct import i;

	assert_int_equal(run(e, &i, text, false), ERR_VALUE);
	assert_non_null(strstr(i.why, "Issuing CA"));
	assert_non_null(strstr(i.why, "missing"));
	assert_null(strchr(i.why, '\n'));
	import_free(&i);
	assert_int_equal(run(e, &i, text, true), 0);
	assert_non_null(strstr(i.note, "Issuing CA"));
	import_free(&i);
	/* The issuer alone is trusted: that will do. */
	trust_x(e, e->inter);
	assert_int_equal(run(e, &i, text, false), 0);
	assert_int_equal(i.chain.n, 2);
	assert_true(i.chain.trusted);
	import_free(&i);
	free(text);
	/* With the issuer in the file but not its root. */
	struct trust_result r;
	(void)r;
	assert_int_equal(trust_clear(e->t), 0);
	text = pem(e->key, x, e->inter, NULL);
	assert_int_equal(run(e, &i, text, false), ERR_VALUE);
	assert_non_null(strstr(i.why, "\"CN = Root CA\", which issued \"CN = Issuing CA\""));
	import_free(&i);
	free(text);
	X509_free(x);
}

/* A chain whose root has expired, or will soon: peers end at it, though we do not send it. */
static void test_root_expired(void **state)
{
	struct env *e = *state;
	struct pki_spec spec = { .cn = "Root CA", .ca = true, .from_days = -900, .to_days = -1 };
	X509 *old = pki_cert(&spec, e->root_key, NULL, NULL), *soon, *x = leaf(e, good());
	char *text = pem(e->key, x, e->inter, old);
	struct import i;

	assert_int_equal(run(e, &i, text, false), ERR_VALUE);
	assert_non_null(strstr(i.why, "the root certificate \"Root CA\" expired on"));
	assert_null(strchr(i.why, '\n'));
	import_free(&i);
	assert_int_equal(run(e, &i, text, true), 0);
	assert_int_equal(i.chain.n, 2);
	import_free(&i);
	free(text);
	/* The same key's new root beside it is the one that counts. */
	trust_x(e, e->root);
	text = pem(e->key, x, e->inter, NULL);
	if (run(e, &i, text, false))
		fail_msg("%s", i.why);
	import_free(&i);
	free(text);
	spec.to_days = 9;
	soon = pki_cert(&spec, e->root_key, NULL, NULL);
	text = pem(e->key, x, e->inter, soon);
	assert_int_equal(run(e, &i, text, false), 0);
	assert_non_null(strstr(i.note, "the root certificate \"Root CA\" expires on"));
	import_free(&i);
	free(text);
	X509_free(soon);
	X509_free(old);
	X509_free(x);
}

/* An issuer that is no CA; and a CA's old certificate with the same key beside its present one. */
static void test_issuers(void **state)
{
	struct env *e = *state;
	struct pki_spec plain = { .cn = "Issuing CA", .ca = true, .no_ca = true },
	                old = { .cn = "Issuing CA", .ca = true, .from_days = -90, .to_days = -5 };
	X509 *x = leaf(e, good()), *no = pki_cert(&plain, e->inter_key, e->root, e->root_key),
	     *past = pki_cert(&old, e->inter_key, e->root, e->root_key);
	char *text = pem(e->key, x, no, NULL);
	struct import i;

	trust_x(e, e->root);
	assert_int_equal(run(e, &i, text, false), ERR_VALUE);
	assert_non_null(strstr(i.why, "\"Issuing CA\" may not issue certificates"));
	import_free(&i);
	free(text);
	text = pem(e->key, x, past, NULL);
	assert_int_equal(run(e, &i, text, false), ERR_VALUE);
	assert_non_null(strstr(i.why, "expired on"));
	import_free(&i);
	free(text);
	for (int turn = 0; turn < 2; turn++) { /* in either order the right one is found */
		text = pem(e->key, turn ? e->inter : past, turn ? past : e->inter, x);
		if (run(e, &i, text, false))
			fail_msg("%s", i.why);
		assert_int_equal(X509_cmp(i.chain.cert[1], e->inter), 0);
		import_free(&i);
		free(text);
	}
	X509_free(x);
	X509_free(no);
	X509_free(past);
}

static void test_keys(void **state)
{
	struct env *e = *state;
	X509 *x = leaf(e, good());
	char *text = pem(e->other_key, x, e->inter, e->root);
	struct import i;

	assert_int_equal(run(e, &i, text, true), ERR_VALUE);
	assert_non_null(strstr(i.why, "belongs to none"));
	import_free(&i);
	free(text);
	text = pem(NULL, x, e->inter, NULL);
	assert_int_equal(run(e, &i, text, true), ERR_NOTFOUND);
	assert_non_null(strstr(i.why, "no private key"));
	import_free(&i);
	free(text);
	text = pem(e->key, NULL, NULL, NULL);
	assert_int_equal(run(e, &i, text, true), ERR_NOTFOUND);
	assert_non_null(strstr(i.why, "no certificate"));
	import_free(&i);
	free(text);
	X509_free(x);
}

/* Signed with RSASSA-PSS by an RSA CA. */
static void resign_pss(X509 *x, EVP_PKEY *ca)
{
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	EVP_PKEY_CTX *c;

	assert_int_equal(EVP_DigestSignInit(m, &c, EVP_sha256(), NULL, ca), 1);
	assert_true(EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) == 1);
	assert_true(X509_sign_ctx(x, m) > 0);
	EVP_MD_CTX_free(m);
}

/* One thing wrong each: what is said, and whether force helps. */
static void test_checks(void **state)
{
	struct env *e = *state;
	static const struct {
		const char *what, *says;
		bool refused;
		struct pki_spec s;
	} t[] = {
		{ "expired", "expired on", true,
		    { .from_days = -400, .to_days = -2, .cdp = "http://c" } },
		{ "not yet", "valid only from", true,
		    { .from_days = 2, .to_days = 300, .cdp = "http://c" } },
		{ "soon", "expires on", false,
		    { .from_days = -2, .to_days = 20, .cdp = "http://c" } },
		{ "name", "is for other.example.test", true,
		    { .cn = "other.example.test",
		        .san = { "other.example.test" },
		        .cdp = "http://c" } },
		{ "client only", "no server authentication", true,
		    { .client_only = true, .cdp = "http://c" } },
		{ "no distribution point", "no CRL distribution point: Lync", false,
		    { .cn = FQDN } },
		{ "several names", "", false,
		    { .cn = "x.example.test",
		        .san = { "a.example.test", FQDN },
		        .cdp = "http://c" } },
		{ "wildcard", "", false,
		    { .cn = "x", .san = { "*.example.test" }, .cdp = "http://c" } },
	};

	trust_x(e, e->root);
	for (size_t k = 0; k < ARRAY_LEN(t); k++) {
		X509 *x = leaf(e, t[k].s);
		char *text = pem(e->key, x, e->inter, NULL);
		struct import i;
		int err = run(e, &i, text, false);

		if ((err != 0) != t[k].refused)
			fail_msg("%s: %s: %s", t[k].what, err_name(err), i.why);
		if (!strstr(err ? i.why : i.note, t[k].says) || (!*t[k].says && *i.note))
			fail_msg("%s: says: %s%s", t[k].what, i.why, i.note);
		import_free(&i);
		if (t[k].refused) {
			assert_int_equal(run(e, &i, text, true), 0);
			assert_non_null(strstr(i.note, t[k].says));
			import_free(&i);
		}
		free(text);
		X509_free(x);
	}
}

static void test_algorithms(void **state)
{
	struct env *e = *state;
	struct pki_spec s = {
		.cn = FQDN, .san = { FQDN }, .cdp = "http://c", .from_days = -1, .to_days = 300
	};
	struct pki_spec ca = { .cn = "RSA CA", .ca = true, .from_days = -10, .to_days = 1000 };
	EVP_PKEY *rsa = pki_key("RSA-2048"), *small = pki_key("RSA-1024"), *curve;
	X509 *root = pki_cert(&ca, rsa, NULL, NULL), *x;
	struct import i;
	char *text;

	trust_x(e, root);
	x = pki_cert(&s, e->key, root, rsa);
	resign_pss(x, rsa);
	text = pem(e->key, x, NULL, NULL);
	assert_int_equal(run(e, &i, text, false), 0);
	assert_non_null(strstr(i.note, "RSASSA-PSS: Lync refuses it"));
	import_free(&i);
	free(text);
	X509_free(x);
	/* SHA-1 */
	x = pki_cert(&s, e->key, root, rsa);
	assert_true(X509_sign(x, rsa, EVP_sha1()) > 0);
	text = pem(e->key, x, NULL, NULL);
	assert_int_equal(run(e, &i, text, false), 0);
	assert_non_null(strstr(i.note, "SHA-1"));
	import_free(&i);
	free(text);
	X509_free(x);
	/* A small key; a curve that is not ours. */
	x = pki_cert(&s, small, root, rsa);
	text = pem(small, x, NULL, NULL);
	assert_int_equal(run(e, &i, text, false), ERR_VALUE);
	assert_non_null(strstr(i.why, "RSA-1024"));
	import_free(&i);
	free(text);
	X509_free(x);
	curve = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1");
	x = pki_cert(&s, curve, root, rsa);
	text = pem(curve, x, NULL, NULL);
	assert_int_equal(run(e, &i, text, true), ERR_VALUE); /* force does not help */
	assert_non_null(strstr(i.why, "secp256k1"));
	import_free(&i);
	free(text);
	X509_free(x);
	EVP_PKEY_free(curve);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(small);
	X509_free(root);
}

static void test_revoked(void **state)
{
	struct env *e = *state;
	X509 *x = leaf(e, good());
	X509_CRL *l = pki_crl(e->inter, e->inter_key, x);
	char *text = pem(e->key, x, e->inter, NULL);
	unsigned char *der = NULL;
	struct trust_result r;
	struct import i;
	int n;

	trust_x(e, e->root);
	trust_x(e, e->inter);
	assert_int_equal(run(e, &i, text, false), 0);
	import_free(&i);
	n = i2d_X509_CRL(l, &der);
	assert_int_equal(
	    trust_import_crl(e->t, (struct slice){ (char *)der, (size_t)n }, NULL, time(NULL), &r),
	    0);
	assert_int_equal(run(e, &i, text, false), ERR_VALUE);
	assert_non_null(strstr(i.why, "revoked"));
	import_free(&i);
	OPENSSL_free(der);
	X509_CRL_free(l);
	free(text);
	X509_free(x);
}

static void test_trust_rules(void **state)
{
	struct env *e = *state;
	struct trust_result r;
	STACK_OF(X509) * sk;
	char *text = pem(e->root_key, e->root, NULL, NULL);

	/* A file with a private key is somebody's mistake. */
	assert_int_equal(trust_import(e->t, slice_str(text), time(NULL), &r), ERR_VALUE);
	assert_non_null(strstr(r.why, "private key"));
	free(text);
	/* All or nothing. */
	char *one = pem(NULL, e->root, e->inter, NULL), *both = mem_new(strlen(one) + 200);
	sprintf(both, "%s-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", one);
	assert_int_equal(trust_import(e->t, slice_str(both), time(NULL), &r), ERR_SYNTAX);
	assert_int_equal(trust_anchors(e->t, &sk), 0);
	assert_int_equal(sk_X509_num(sk), 0);
	sk_X509_pop_free(sk, X509_free);
	assert_int_equal(trust_import(e->t, slice_str(one), time(NULL), &r), 0);
	assert_int_equal(r.added, 2);
	free(one);
	free(both);
	/* The distribution's beside it; clear takes both, restore brings the distribution's. */
	char path[300];
	snprintf(path, sizeof(path), "%s/bundle.pem", e->dir);
	struct pki_spec ca = { .cn = "Public CA", .ca = true };
	EVP_PKEY *k = pki_key("P-256");
	X509 *pub = pki_cert(&ca, k, NULL, NULL);
	pki_save_cert(path, pub, NULL);
	trust_configure(e->t, path);
	assert_int_equal(trust_anchors(e->t, &sk), 0);
	assert_int_equal(sk_X509_num(sk), 3);
	sk_X509_pop_free(sk, X509_free);
	uint8_t id[32];
	assert_int_equal(x509_cert_id(e->inter, id), 0);
	assert_int_equal(trust_del(e->t, id), 0);
	assert_int_equal(trust_del(e->t, id), ERR_NOTFOUND);
	assert_int_equal(trust_clear(e->t), 0);
	assert_int_equal(trust_anchors(e->t, &sk), 0);
	assert_int_equal(sk_X509_num(sk), 0);
	sk_X509_pop_free(sk, X509_free);
	assert_int_equal(trust_restore(e->t), 0);
	assert_int_equal(trust_anchors(e->t, &sk), 0);
	assert_int_equal(sk_X509_num(sk), 1);
	sk_X509_pop_free(sk, X509_free);
	X509_free(pub);
	EVP_PKEY_free(k);
}

/* A request, its certificate, the identity; the request's key is the identity's, and the request is done with. */
static void test_request(void **state)
{
	struct env *e = *state;
	struct keyring *r = keyring_new(e->s, e->w);
	struct csr_spec s = { .cn = slice_str(FQDN),
		.org = slice_str("Example"),
		.city = slice_str("Köln"),
		.state = slice_str("Nordrhein-Westfalen"),
		.country = slice_str("DE"),
		.san = slice_str(FQDN ", sip.example.test") };
	EVP_PKEY *k = csr_key("rsa-2048"), *back = NULL;
	X509_REQ *q, *again = NULL;
	char why[200];
	X509 *x;
	struct pki_spec spec = good();
	struct import i;
	char *text;

	assert_int_equal(csr_check(&s, why, sizeof(why)), 0);
	q = csr_make(&s, k);
	assert_non_null(q);
	assert_int_equal(X509_REQ_verify(q, k), 1);
	char subject[256];
	x509_text_name(X509_REQ_get_subject_name(q), subject, sizeof(subject));
	assert_string_equal(
	    subject, "C = DE, ST = Nordrhein-Westfalen, L = Köln, O = Example, CN = " FQDN);
	STACK_OF(X509_EXTENSION) *ext = X509_REQ_get_extensions(q);
	GENERAL_NAMES *san = X509V3_get_d2i(ext, NID_subject_alt_name, NULL, NULL);
	assert_int_equal(sk_GENERAL_NAME_num(san), 2);
	GENERAL_NAMES_free(san);
	sk_X509_EXTENSION_pop_free(ext, X509_EXTENSION_free);
	assert_int_equal(keyring_request(r, slice_str("host"), k, q), 0);
	keyring_free(r);
	r = keyring_new(e->s, e->w);
	assert_int_equal(keyring_load(r), 0);
	assert_int_equal(keyring_requested(r, slice_str("host"), &back, &again), 0);
	assert_int_equal(EVP_PKEY_eq(back, k), 1);
	/* The CA's answer. */
	spec.cn = FQDN;
	spec.san[0] = FQDN;
	spec.from_days = -1;
	spec.to_days = 300;
	x = pki_cert(&spec, k, e->inter, e->inter_key);
	text = pem(NULL, x, e->inter, e->root);
	import_init(&i);
	i.cert = slice_str(text);
	i.own = back;
	i.fqdn = FQDN;
	i.now = time(NULL);
	assert_int_equal(import_read(&i, e->t), 0);
	assert_int_equal(keyring_put(r, slice_str("host"), i.bundle.key, &i.chain), 0);
	import_free(&i);
	assert_int_equal(keyring_requested(r, slice_str("host"), NULL, &again), ERR_NOTFOUND);
	keyring_free(r);
	r = keyring_new(e->s, e->w);
	assert_int_equal(keyring_load(r), 0);
	assert_non_null(keyring_ident(r, slice_str("host")));
	assert_int_equal(keyring_del(r, slice_str("host")), 0);
	assert_int_equal(keyring_del(r, slice_str("host")), ERR_NOTFOUND);
	/* Deleted means the key, too. */
	uint8_t id[32];
	assert_int_equal(x509_key_id(k, id), 0);
	assert_false(store_has(e->s, STORE_KEY, (struct slice){ (const char *)id, 32 }));
	keyring_free(r);
	/* The answer to another request. */
	import_init(&i);
	i.cert = slice_str(text);
	i.own = e->other_key;
	i.fqdn = FQDN;
	i.now = time(NULL);
	assert_int_equal(import_read(&i, e->t), ERR_VALUE);
	assert_non_null(strstr(i.why, "last request"));
	import_free(&i);
	free(text);
	X509_free(x);
	X509_REQ_free(q);
	X509_REQ_free(again);
	EVP_PKEY_free(back);
	EVP_PKEY_free(k);
	/* What cannot be asked for. */
	s.cn = slice_str("bad name");
	assert_int_equal(csr_check(&s, why, sizeof(why)), ERR_VALUE);
	s.cn = slice_str("");
	assert_int_equal(csr_check(&s, why, sizeof(why)), ERR_VALUE);
	s.cn = slice_str(FQDN);
	s.san = slice_str("a,,b");
	assert_int_equal(csr_check(&s, why, sizeof(why)), ERR_VALUE);
	s.san = slice_str("");
	s.country = slice_str("GER");
	assert_int_equal(csr_check(&s, why, sizeof(why)), ERR_VALUE);
}

/* ---- expiry ---- */

static time_t pretended;
static unsigned warnings;
static long last_days;

static time_t pretend(void)
{
	return pretended;
}

static void warn(void *ctx, const struct ident *t, long days)
{
	(void)ctx;
	assert_string_equal(t->name, "host");
	warnings++;
	last_days = days;
}

static void test_expiry(void **state)
{
	struct env *e = *state;
	struct keyring *r = keyring_new(e->s, e->w);
	struct pki_spec s = { .cn = FQDN, .san = { FQDN }, .from_days = -1, .to_days = 100 };
	struct chain c = { .n = 1 };
	struct expiry *x;
	unsigned long seen = 0;

	c.cert[0] = pki_cert(&s, e->key, NULL, NULL);
	assert_int_equal(keyring_put(r, slice_str("host"), e->key, &c), 0);
	pretended = time(NULL);
	x = expiry_new(r, e->s, e->w, pretend, warn, NULL);
	/* Day by day, by the hour's timer, with a restart every tenth day. */
	expiry_look(x);
	for (int day = 0; day <= 110; day++) {
		unsigned before = warnings;

		tmr_advance(e->w, 3600000);
		tmr_advance(e->w, 3600000);
		if (warnings > before) {
			assert_int_equal(warnings, before + 1);
			seen = seen * 1000 + (unsigned long)(last_days < 0 ? 999 : last_days);
		}
		if (day % 10 == 9) {
			expiry_free(x);
			x = expiry_new(r, e->s, e->w, pretend, warn, NULL);
			expiry_look(x);
		}
		pretended += 86400;
	}
	assert_int_equal(seen, 30014007001999);
	/* A new certificate begins anew. */
	X509_free(c.cert[0]);
	c.cert[0] = pki_cert(&s, e->key, NULL, NULL);
	assert_int_equal(keyring_put(r, slice_str("host"), e->key, &c), 0);
	pretended = time(NULL);
	warnings = 0;
	expiry_look(x);
	assert_int_equal(warnings, 0);
	pretended += 86400L * 95;
	expiry_look(x);
	assert_int_equal(warnings, 1);
	expiry_free(x);
	assert_null(expiry_early(r, time(NULL)));
	assert_string_equal(expiry_early(r, time(NULL) - 86400L * 900), "host");
	keyring_free(r);
	X509_free(c.cert[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, up, down),
		cmocka_unit_test_setup_teardown(test_root_expired, up, down),
		cmocka_unit_test_setup_teardown(test_hole, up, down),
		cmocka_unit_test_setup_teardown(test_issuers, up, down),
		cmocka_unit_test_setup_teardown(test_keys, up, down),
		cmocka_unit_test_setup_teardown(test_checks, up, down),
		cmocka_unit_test_setup_teardown(test_algorithms, up, down),
		cmocka_unit_test_setup_teardown(test_revoked, up, down),
		cmocka_unit_test_setup_teardown(test_trust_rules, up, down),
		cmocka_unit_test_setup_teardown(test_request, up, down),
		cmocka_unit_test_setup_teardown(test_expiry, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
