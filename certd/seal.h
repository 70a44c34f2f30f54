#ifndef CERTD_SEAL_H
#define CERTD_SEAL_H
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

/* Records at rest: AES-256-GCM, a random 96-bit nonce per record, bound to the record's identity (the additional
 * data), so that a record cannot be moved to another name. Sealed form: nonce (12), ciphertext, tag (16). */
#define SEAL_KEY      32
#define SEAL_OVERHEAD 28

/* HKDF-SHA-256 (RFC 5869) without salt. ERR_CRYPTO. */
int seal_derive(struct slice secret, const char *label, uint8_t *out, size_t n) MUST_CHECK;
/* out needs plain.n + SEAL_OVERHEAD octets. ERR_CRYPTO. */
int seal_close(
    const uint8_t key[SEAL_KEY], struct slice aad, struct slice plain, uint8_t *out) MUST_CHECK;
/* out needs sealed.n - SEAL_OVERHEAD octets. ERR_AUTH: wrong key, altered, or of another record; then out is wiped. */
int seal_open(
    const uint8_t key[SEAL_KEY], struct slice aad, struct slice sealed, uint8_t *out) MUST_CHECK;
#endif
