#ifndef TESTS_PKI_H
#define TESTS_PKI_H
#include <stdbool.h>

#include "common/ossl.h"

#include <openssl/x509.h>

/* Certificates for tests, made on the spot. Everything aborts on failure. */
struct pki_spec {
	const char *cn;
	const char *san[4];     /* dNSNames, NULL ends */
	int from_days, to_days; /* validity relative to now; both 0: -1 … 30 */
	bool ca;
	bool no_ca; /* with ca: all but the constraint, which says CA:FALSE, and the key usage */
	bool client_only; /* EKU clientAuth alone; else serverAuth and clientAuth */
	const char *cdp;  /* CRL distribution point, may be NULL */
	long serial;      /* 0: random */
};
/* "RSA-2048", "RSA-3072", "P-256", "P-384". */
EVP_PKEY *pki_key(const char *type);
/* issuer NULL: self-signed. */
X509 *pki_cert(const struct pki_spec *s, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key);
X509_CRL *pki_crl(X509 *issuer, EVP_PKEY *issuer_key, X509 *revoked); /* revoked may be NULL */
void pki_save_cert(const char *path, X509 *leaf, X509 *next);
void pki_save_key(const char *path, EVP_PKEY *key);
#endif
