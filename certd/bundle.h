#ifndef CERTD_BUNDLE_H
#define CERTD_BUNDLE_H
#include <stdbool.h>

#include "certd/x509_text.h"
#include "common/slice.h"

/* What a file holds: certificates, at most one private key, revocation lists; PEM (several blocks, text between
 * them), DER, PKCS#12 or PKCS#7, told apart by content, never by name. */
#define BUNDLE_CERTS 1024
#define BUNDLE_CRLS  256
/* Iterations of a password derivation: what an import may take of our time. */
#define BUNDLE_ITERATIONS 2000000

struct bundle {
	EVP_PKEY *key;
	STACK_OF(X509) * certs;
	STACK_OF(X509_CRL) * crls;
};

void bundle_init(struct bundle *b);
void bundle_free(struct bundle *b);
/* Adds what file holds to b. password: the empty slice with NULL p: none was given. why gets one line.
 * ERR_SYNTAX: nothing of ours in it; ERR_TRUNCATED; ERR_AUTH: wrong or missing password; ERR_UNSUPP; ERR_LIMIT;
 * ERR_EXISTS: a second private key. On error b may hold a part: drop it. */
int bundle_read(
    struct bundle *b, struct slice file, struct slice password, char *why, size_t cap) MUST_CHECK;
#endif
