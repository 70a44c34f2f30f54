/* Certificate requests, self-signed certificates. */
#include "certd/csr.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "common/id.h"
#include "common/mem.h"
#include "common/wr.h"

#define SAN_MAX 2048

EVP_PKEY *csr_key(const char *type)
{
	static const struct {
		const char *name, *alg, *curve;
		size_t bits;
	} t[] = { { "rsa-2048", "RSA", NULL, 2048 }, { "rsa-3072", "RSA", NULL, 3072 },
		{ "rsa-4096", "RSA", NULL, 4096 }, { "p-256", "EC", "P-256", 0 },
		{ "p-384", "EC", "P-384", 0 }, { "ed25519", "ED25519", NULL, 0 } };

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		if (strcmp(type, t[i].name) != 0)
			continue;
		if (t[i].bits)
			return EVP_PKEY_Q_keygen(NULL, NULL, t[i].alg, t[i].bits);
		if (t[i].curve)
			return EVP_PKEY_Q_keygen(NULL, NULL, t[i].alg, t[i].curve);
		return EVP_PKEY_Q_keygen(NULL, NULL, t[i].alg);
	}
	return NULL;
}

static bool host(struct slice s)
{
	if (s.n == 0 || s.n > 253)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		        c == '.' || c == '-' || (c == '*' && i == 0)))
			return false;
	}
	return true;
}

int csr_check(const struct csr_spec *s, char *why, size_t cap)
{
	struct cur c = cur_of(s->san);

	if (!host(s->cn) || s->cn.n > 64) {
		snprintf(why, cap,
		    "cn must be a host name of at most 64 characters: give cn=HOST, or set fqdn in "
		    "[certd]");
		return ERR_VALUE;
	}
	while (!cur_done(&c)) {
		if (!host(slice_trim(cur_until(&c, ",")))) {
			snprintf(why, cap, "san has something that is not a host name");
			return ERR_VALUE;
		}
		cur_lit(&c, ',');
	}
	if (s->san.n > SAN_MAX / 2) {
		snprintf(why, cap, "san is longer than %d characters", SAN_MAX / 2);
		return ERR_VALUE;
	}
	if (s->country.n && s->country.n != 2) {
		snprintf(why, cap, "country is its two letters");
		return ERR_VALUE;
	}
	if (s->org.n > 64 || s->unit.n > 64 || s->city.n > 128 || s->state.n > 128) {
		snprintf(why, cap, "org and unit have at most 64 characters, city and state 128");
		return ERR_VALUE;
	}
	return 0;
}

static bool rdn(X509_NAME *n, const char *what, struct slice v)
{
	return v.n == 0 || X509_NAME_add_entry_by_txt(n, what, MBSTRING_UTF8,
	                       (const unsigned char *)v.p, (int)v.n, -1, 0) == 1;
}

static bool subject(X509_NAME *n, const struct csr_spec *s)
{
	return rdn(n, "C", s->country) && rdn(n, "ST", s->state) && rdn(n, "L", s->city) &&
	       rdn(n, "O", s->org) && rdn(n, "OU", s->unit) && rdn(n, "CN", s->cn);
}

static bool add_ext(STACK_OF(X509_EXTENSION) * sk, X509V3_CTX *c, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, c, nid, value);

	return e && sk_X509_EXTENSION_push(sk, e) > 0;
}

static bool extensions(
    STACK_OF(X509_EXTENSION) * sk, X509V3_CTX *ctx, const struct csr_spec *s, const EVP_PKEY *key)
{
	char san[SAN_MAX];
	struct wr w = wr_of(san, sizeof(san));
	struct cur c = cur_of(s->san.n ? s->san : s->cn);

	while (!cur_done(&c)) {
		wr_str(&w, w.n ? ",DNS:" : "DNS:");
		wr_slice_add(&w, slice_trim(cur_until(&c, ",")));
		cur_lit(&c, ',');
	}
	return wr_nul(&w) && add_ext(sk, ctx, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_ext(sk, ctx, NID_key_usage,
	           EVP_PKEY_is_a(key, "RSA") ? "critical,digitalSignature,keyEncipherment"
	                                     : "critical,digitalSignature") &&
	       add_ext(sk, ctx, NID_ext_key_usage, "serverAuth,clientAuth") &&
	       add_ext(sk, ctx, NID_subject_alt_name, san);
}

static const EVP_MD *digest(const EVP_PKEY *k)
{
	return EVP_PKEY_is_a(k, "ED25519") ? NULL : EVP_sha256();
}

X509_REQ *csr_make(const struct csr_spec *s, EVP_PKEY *key)
{
	STACK_OF(X509_EXTENSION) *sk = sk_X509_EXTENSION_new_null();
	X509_REQ *r = X509_REQ_new();
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx(&ctx, NULL, NULL, r, NULL, 0);
	ok = sk && r && X509_REQ_set_version(r, 0) && X509_REQ_set_pubkey(r, key) &&
	     subject(X509_REQ_get_subject_name(r), s) && extensions(sk, &ctx, s, key) &&
	     X509_REQ_add_extensions(r, sk) && X509_REQ_sign(r, key, digest(key));
	sk_X509_EXTENSION_pop_free(sk, X509_EXTENSION_free);
	if (ok)
		return r;
	X509_REQ_free(r);
	ERR_clear_error();
	return NULL;
}

X509 *csr_self_signed(const struct csr_spec *s, EVP_PKEY *key, long days)
{
	STACK_OF(X509_EXTENSION) *sk = sk_X509_EXTENSION_new_null();
	X509 *x = X509_new();
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	ok = sk && x && X509_set_version(x, 2) &&
	     ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), id_u64() >> 1) &&
	     X509_gmtime_adj(X509_getm_notBefore(x), -300) &&
	     X509_gmtime_adj(X509_getm_notAfter(x), 86400L * days) && X509_set_pubkey(x, key) &&
	     subject(X509_get_subject_name(x), s) &&
	     X509_set_issuer_name(x, X509_get_subject_name(x)) &&
	     add_ext(sk, &ctx, NID_subject_key_identifier, "hash") && extensions(sk, &ctx, s, key);
	for (int i = 0; ok && i < sk_X509_EXTENSION_num(sk); i++)
		ok = X509_add_ext(x, sk_X509_EXTENSION_value(sk, i), -1);
	ok = ok && X509_sign(x, key, digest(key));
	sk_X509_EXTENSION_pop_free(sk, X509_EXTENSION_free);
	if (ok)
		return x;
	X509_free(x);
	ERR_clear_error();
	return NULL;
}
