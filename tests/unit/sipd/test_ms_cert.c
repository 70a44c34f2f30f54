/* LYNC: what is said about a host certificate: right in all, and wrong in one thing at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/ossl.h"
#include <openssl/rsa.h>

#include "sipd/ms_cert.h"
#include "tests/support/pki.h"

#define FQDN "ipdect.contoso.com"

static struct {
	EVP_PKEY *ca_key, *key, *ec, *strange;
	X509 *ca;
	X509_STORE *trust;
} g;

static enum ms_cert_level level(X509 *leaf, X509_STORE *trust, const char *fqdn, const char *what)
{
	struct ms_cert_finding f[MS_CERT_FINDINGS];
	STACK_OF(X509) *chain = sk_X509_new_null();
	unsigned n;

	assert_true(sk_X509_push(chain, leaf) > 0);
	n = ms_cert_check(chain, trust, fqdn, f);
	sk_X509_free(chain);
	for (unsigned i = 0; i < n; i++) {
		assert_true(f[i].text[0]);
		assert_int_equal(f[i].level == MS_CERT_OK, f[i].remedy[0] == '\0');
		if (strcmp(f[i].what, what) == 0)
			return f[i].level;
	}
	fail_msg("nothing about %s", what);
	return MS_CERT_OK;
}

static void expect(
    const struct pki_spec *spec, EVP_PKEY *key, const char *what, enum ms_cert_level want)
{
	X509 *x = pki_cert(spec, key, g.ca, g.ca_key);

	assert_int_equal(level(x, g.trust, FQDN, what), want);
	X509_free(x);
}

static const struct pki_spec good = {
	.cn = FQDN, .san = { FQDN }, .from_days = -1, .to_days = 300, .cdp = "http://crl.test/c"
};

static void all_is_well(void **state)
{
	static const char *const what[] = { "certificate: name", "certificate: chain",
		"certificate: validity", "certificate: usage", "certificate: revocation",
		"certificate: signature", "certificate: key" };
	(void)state;

	for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++)
		expect(&good, g.key, what[i], MS_CERT_OK);
	expect(&good, g.ec, "certificate: key", MS_CERT_OK);
}

static void one_thing_is_wrong(void **state)
{
	struct pki_spec s;
	(void)state;

	s = good;
	s.san[0] = "other.contoso.com";
	expect(&s, g.key, "certificate: name", MS_CERT_UNSURE); /* the subject has it */
	s.cn = "other.contoso.com";
	expect(&s, g.key, "certificate: name", MS_CERT_WRONG);
	s = good;
	s.cn = "ipdect";
	expect(&s, g.key, "certificate: name", MS_CERT_UNSURE);
	s = good;
	s.to_days = 10;
	expect(&s, g.key, "certificate: validity", MS_CERT_UNSURE);
	s.from_days = -20;
	s.to_days = -10;
	expect(&s, g.key, "certificate: validity", MS_CERT_WRONG);
	s.from_days = 5;
	s.to_days = 100;
	expect(&s, g.key, "certificate: validity", MS_CERT_WRONG);
	s = good;
	s.client_only = true;
	expect(&s, g.key, "certificate: usage", MS_CERT_WRONG);
	s = good;
	s.cdp = NULL;
	expect(&s, g.key, "certificate: revocation", MS_CERT_WRONG);
	expect(&good, g.strange, "certificate: key", MS_CERT_UNSURE);
}

static void signed_with_pss(void **state)
{
	X509 *x = pki_cert(&good, g.key, g.ca, g.ca_key);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_PKEY_CTX *p = NULL;
	(void)state;

	assert_int_equal(EVP_DigestSignInit(c, &p, EVP_sha256(), NULL, g.ca_key), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING), 1);
	assert_true(X509_sign_ctx(x, c) > 0);
	EVP_MD_CTX_free(c);
	assert_int_equal(level(x, g.trust, FQDN, "certificate: signature"), MS_CERT_WRONG);
	assert_int_equal(level(x, g.trust, FQDN, "certificate: chain"), MS_CERT_OK);
	assert_int_equal(level(x, NULL, FQDN, "certificate: chain"), MS_CERT_WRONG);
	assert_int_equal(level(x, g.trust, "", "certificate: name"), MS_CERT_UNSURE);
	X509_free(x);
}

int main(void)
{
	static const struct pki_spec ca = {
		.cn = "ca", .ca = true, .from_days = -30, .to_days = 300
	};
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_is_well),
		cmocka_unit_test(one_thing_is_wrong), cmocka_unit_test(signed_with_pss) };
	int failed;

	g.ca_key = pki_key("RSA-2048");
	g.key = pki_key("RSA-2048");
	g.ec = pki_key("P-256");
	g.strange = pki_key("RSA-3072");
	g.ca = pki_cert(&ca, g.ca_key, NULL, NULL);
	g.trust = X509_STORE_new();
	X509_STORE_add_cert(g.trust, g.ca);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	X509_STORE_free(g.trust);
	X509_free(g.ca);
	EVP_PKEY_free(g.ca_key);
	EVP_PKEY_free(g.key);
	EVP_PKEY_free(g.ec);
	EVP_PKEY_free(g.strange);
	return failed;
}
