#ifndef CERTD_PBE_H
#define CERTD_PBE_H
#include "common/ossl.h"

#include <openssl/x509.h>

#include "common/slice.h"

/* Password-based encryption of imported files. OpenSSL's default provider does PBES2 and the 3DES schemes; the RC2
 * and RC4 ones of old Windows exports live in its legacy provider, a module that need not be installed, and are done
 * here (RFC 7292 B, RFC 2268). */

/* Whether a derivation stays within BUNDLE_ITERATIONS and its memory bounds. */
bool pbe_affordable(const X509_ALGOR *a);
/* Decrypts. *out on the OpenSSL secure heap (OPENSSL_secure_clear_free). password: UTF-8; p NULL: none.
 * ERR_AUTH: wrong password; ERR_UNSUPP: an algorithm that nobody has; ERR_LIMIT: not affordable. */
int pbe_decrypt(const X509_ALGOR *a, struct slice password, const ASN1_OCTET_STRING *in,
    unsigned char **out, size_t *n) MUST_CHECK;
/* The scheme's name for messages. */
void pbe_name(const X509_ALGOR *a, char *out, size_t cap);
/* RC2 (RFC 2268) in CBC mode, in place, whole blocks. n: octets of the key, 1-128; bits: its effective length. */
void pbe_rc2_cbc_decrypt(const unsigned char *key, size_t n, unsigned bits,
    const unsigned char iv[8], unsigned char *data, size_t len);
#endif
