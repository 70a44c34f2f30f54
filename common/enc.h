#ifndef COMMON_ENC_H
#define COMMON_ENC_H
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

/* Hex, either case, no separators. ERR_SYNTAX for a bad digit or odd length, ERR_LIMIT beyond cap. */
int enc_unhex(struct slice s, uint8_t *out, size_t cap, size_t *n) MUST_CHECK;
/* out needs 2 * n + 1 octets; lower case, NUL-terminated. */
void enc_hex(const void *p, size_t n, char *out);
/* Base64 of RFC 4648 4 with padding; out needs 4 * ((n + 2) / 3) + 1 octets, NUL-terminated. Returns its length. */
size_t enc_b64(const void *p, size_t n, char *out);
/* Decodes with or without padding, white space refused. ERR_SYNTAX, ERR_LIMIT. */
int enc_unb64(struct slice s, uint8_t *out, size_t cap, size_t *n) MUST_CHECK;
#define ENC_B64_LEN(n) (4 * (((n) + 2) / 3) + 1)
#endif
