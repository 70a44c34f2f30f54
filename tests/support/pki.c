/* Keys, certificates and revocation lists for tests. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/pki.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "pki: %s\n", #x);                                          \
			ERR_print_errors_fp(stderr);                                               \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

EVP_PKEY *pki_key(const char *type)
{
	EVP_PKEY *k;

	if (!strncmp(type, "RSA-", 4))
		k = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)strtoul(type + 4, NULL, 10));
	else
		k = EVP_PKEY_Q_keygen(NULL, NULL, "EC", type);
	MUST(k);
	return k;
}

static void ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX c;
	X509_EXTENSION *e;

	X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	MUST(e);
	MUST(X509_add_ext(x, e, -1));
	X509_EXTENSION_free(e);
}

X509 *pki_cert(const struct pki_spec *s, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *x = X509_new();
	X509_NAME *n = X509_get_subject_name(x);
	char text[1024] = "";
	long serial = s->serial;
	int from = s->from_days, to = s->to_days;

	if (!from && !to) {
		from = -1;
		to = 30;
	}
	if (!serial) {
		unsigned r;

		MUST(RAND_bytes((unsigned char *)&r, sizeof(r)) == 1);
		serial = (long)(r >> 1) + 1;
	}
	MUST(X509_set_version(x, 2));
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_gmtime_adj(X509_getm_notBefore(x), 86400L * from);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400L * to);
	MUST(X509_set_pubkey(x, key));
	if (s->cn)
		MUST(X509_NAME_add_entry_by_txt(
		    n, "CN", MBSTRING_UTF8, (const unsigned char *)s->cn, -1, -1, 0));
	MUST(X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : n));
	ext(x, issuer ? issuer : x, NID_basic_constraints,
	    s->ca && !s->no_ca ? "critical,CA:TRUE" : "CA:FALSE");
	ext(x, issuer ? issuer : x, NID_subject_key_identifier, "hash");
	if (s->ca) {
		ext(x, issuer ? issuer : x, NID_key_usage, "critical,keyCertSign,cRLSign");
	} else {
		ext(x, issuer ? issuer : x, NID_key_usage, "digitalSignature,keyEncipherment");
		ext(x, issuer ? issuer : x, NID_ext_key_usage,
		    s->client_only ? "clientAuth" : "serverAuth,clientAuth");
	}
	for (int i = 0; i < 4 && s->san[i]; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%sDNS:%s", i ? "," : "",
		    s->san[i]);
	if (*text)
		ext(x, issuer ? issuer : x, NID_subject_alt_name, text);
	if (s->cdp) {
		snprintf(text, sizeof(text), "URI:%s", s->cdp);
		ext(x, issuer ? issuer : x, NID_crl_distribution_points, text);
	}
	MUST(X509_sign(x, issuer_key ? issuer_key : key, EVP_sha256()));
	return x;
}

X509_CRL *pki_crl(X509 *issuer, EVP_PKEY *issuer_key, X509 *revoked)
{
	X509_CRL *c = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_new();

	MUST(X509_CRL_set_version(c, 1));
	MUST(X509_CRL_set_issuer_name(c, X509_get_subject_name(issuer)));
	X509_gmtime_adj(t, -3600);
	MUST(X509_CRL_set1_lastUpdate(c, t));
	X509_gmtime_adj(t, 86400L * 7);
	MUST(X509_CRL_set1_nextUpdate(c, t));
	if (revoked) {
		X509_REVOKED *r = X509_REVOKED_new();

		X509_gmtime_adj(t, -1800);
		MUST(X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(revoked)));
		MUST(X509_REVOKED_set_revocationDate(r, t));
		MUST(X509_CRL_add0_revoked(c, r));
	}
	ASN1_TIME_free(t);
	MUST(X509_CRL_sort(c));
	MUST(X509_CRL_sign(c, issuer_key, EVP_sha256()));
	return c;
}

void pki_save_cert(const char *path, X509 *leaf, X509 *next)
{
	FILE *f = fopen(path, "w");

	MUST(f);
	MUST(PEM_write_X509(f, leaf));
	if (next)
		MUST(PEM_write_X509(f, next));
	MUST(!fclose(f));
}

void pki_save_key(const char *path, EVP_PKEY *key)
{
	FILE *f = fopen(path, "w");

	MUST(f);
	MUST(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL));
	MUST(!fclose(f));
}
