#ifndef CERTD_P12_H
#define CERTD_P12_H
#include <openssl/pkcs12.h>

#include "certd/bundle.h"

/* PKCS#12 (RFC 7292): password integrity, encrypted or plain contents, any mix of algorithms. Errors as
 * bundle_read(). */
int p12_read(
    struct bundle *b, const PKCS12 *p12, struct slice password, char *why, size_t cap) MUST_CHECK;

/* bundle.c, for p12.c: what it found goes there. References are taken over. */
int bundle_take_cert(struct bundle *b, X509 *x, char *why, size_t cap) MUST_CHECK;
int bundle_take_key(struct bundle *b, EVP_PKEY *k, char *why, size_t cap) MUST_CHECK;
int bundle_encrypted_key(
    struct bundle *b, const X509_SIG *sig, struct slice password, char *why, size_t cap) MUST_CHECK;
#endif
