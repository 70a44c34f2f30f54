#ifndef MEDIAD_SBOX_REF_H
#define MEDIAD_SBOX_REF_H
#include "mediad/sbox.h"

/* The same by libsrtp2: the oracle of the self-test, and the fallback. Errors as in sbox.h. */
struct sbox_ref;

int sbox_ref_start(void) MUST_CHECK; /* the first sbox_ref_new() does it, too */
void sbox_ref_stop(void);
struct sbox_ref *sbox_ref_new(const struct sbox_key *k, bool tx); /* NULL: libsrtp2 refused */
void sbox_ref_free(struct sbox_ref *r);
int sbox_ref_protect(struct sbox_ref *r, uint8_t *p, size_t *n, size_t cap) MUST_CHECK;
int sbox_ref_unprotect(struct sbox_ref *r, uint8_t *p, size_t *n) MUST_CHECK;
int sbox_ref_protect_rtcp(struct sbox_ref *r, uint8_t *p, size_t *n, size_t cap) MUST_CHECK;
int sbox_ref_unprotect_rtcp(struct sbox_ref *r, uint8_t *p, size_t *n) MUST_CHECK;
#endif
