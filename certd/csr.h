#ifndef CERTD_CSR_H
#define CERTD_CSR_H
#include "certd/x509_text.h"
#include "common/slice.h"

/* Keys and what is asked of a CA for them. */
struct csr_spec { /* UTF-8; empty: left out */
	struct slice cn, org, unit, city, state, country;
	struct slice san; /* DNS names, separated by commas; empty: cn */
};
/* "rsa-2048", "rsa-3072", "rsa-4096", "p-256", "p-384", "ed25519". NULL: unknown, or failed. Slow for RSA. */
EVP_PKEY *csr_key(const char *type);
/* ERR_VALUE with why: a field that cannot be. */
int csr_check(const struct csr_spec *s, char *why, size_t cap) MUST_CHECK;
/* A request for TLS server and client use. NULL: failed. */
X509_REQ *csr_make(const struct csr_spec *s, EVP_PKEY *key);
/* The same as a certificate that only tests trust. */
X509 *csr_self_signed(const struct csr_spec *s, EVP_PKEY *key, long days);
#endif
