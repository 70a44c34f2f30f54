#ifndef SIPD_MS_EPID_H
#define SIPD_MS_EPID_H
#include "common/slice.h"

/* Endpoint identity in Microsoft's dialect: the epid parameter of From, the instance UUID that is derived from it, and the
 * opaque of the GRUU that the server makes of that (MS-SIPRE 3.2-3.4). The server checks the derivation. */

#define MS_EPID_MAX  16 /* hex digits; ours are 10, ErrorID 4012 refuses long ones */
#define MS_UUID_TEXT 37 /* "cc4aad78-8972-5a0e-aaef-5a2997485cbd" and a NUL */

/* 10 random lower-case hex digits; to be stored with the user: an endpoint that changes its epid is a new one. */
void ms_epid_make(char out[MS_EPID_MAX + 1]);
/* ERR_SYNTAX: not 1 … MS_EPID_MAX hex digits. Lower case out; ERR_CRYPTO where SHA-1 is not to be had. */
int ms_epid_uuid(struct slice epid, char out[MS_UUID_TEXT]) MUST_CHECK;
/* "user:epid:eK1KzHKJDlqq71opl0hcvQAA": 24 characters of base64url over the UUID in its little-endian layout and two zero
 * octets. For tests and the test server; a client takes the string that the server gave. ERR_SYNTAX: no UUID. */
int ms_gruu_opaque(struct slice uuid, char *out, size_t cap) MUST_CHECK;
#endif
