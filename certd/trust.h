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
#endif
