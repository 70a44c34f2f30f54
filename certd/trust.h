#ifndef CERTD_TRUST_H
#define CERTD_TRUST_H
#include <stdbool.h>

#include "certd/store.h"
#include "certd/x509_text.h"

/* Trust anchors: the distribution's bundle (a file) and a local list; revocation lists. Nothing stays in memory but
 * one sealed memory file with all of it as PEM, which daemons get. */
struct trust;
struct trust *trust_new(struct store *s);
void trust_free(struct trust *t);
/* The distribution's bundle; "" is none. Forgets the memory file. */
void trust_configure(struct trust *t, const char *bundle);
/* The anchors in force. The caller frees with sk_X509_pop_free. */
int trust_anchors(struct trust *t, STACK_OF(X509) * *out) MUST_CHECK;
/* A descriptor that stays trust's own, valid until the next change. version changes with the contents. */
int trust_memfd(
    struct trust *t, int *fd, uint32_t *certs, uint32_t *crls, uint64_t *version) MUST_CHECK;
void trust_changed(struct trust *t);
/* The caller frees with sk_X509_CRL_pop_free. */
int trust_crls(struct trust *t, STACK_OF(X509_CRL) * *out) MUST_CHECK;

struct trust_result { /* of an import */
	unsigned added, known, expired, not_ca;
	char why[400]; /* of an error, one line */
};
/* All of file or nothing; on disk when it returns. */
int trust_import(struct trust *t, struct slice file, time_t now, struct trust_result *r) MUST_CHECK;
/* A list replaces the one of its issuer. extra: issuers that are not anchors (our chains), may be NULL. */
int trust_import_crl(struct trust *t, struct slice file, STACK_OF(X509) * extra, time_t now,
    struct trust_result *r) MUST_CHECK;
/* One local certificate. ERR_NOTFOUND. */
int trust_del(struct trust *t, const uint8_t sha256[32]) MUST_CHECK;
bool trust_is_local(struct trust *t, const X509 *x);
/* Nothing is trusted any more: neither the local list nor the distribution's. */
int trust_clear(struct trust *t) MUST_CHECK;
/* The distribution's bundle again, beside the local list. */
int trust_restore(struct trust *t) MUST_CHECK;
/* The list of the issuer whose CRL this is. ERR_NOTFOUND. */
int trust_del_crl(struct trust *t, const X509_CRL *l) MUST_CHECK;
#endif
