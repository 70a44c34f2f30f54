#ifndef SIPD_MS_KRB_H
#define SIPD_MS_KRB_H
#include <stdint.h>

#include "common/slice.h"

/* LYNC: message signatures of a Kerberos association: MIC tokens of RFC 4121 4.2.6.1 (AES with SHA-1, RFC 3962, and with
 * SHA-2, RFC 8009) and of RFC 4757 7.2 (RC4), with the subkey of the AP-REQ; no subkey of the acceptor. Pure. */
#define MS_KRB_SIG 80 /* most hex digits of one */

struct ms_krb_keys {
	uint16_t enctype;
	uint8_t nkey, nmac;
	uint8_t check[2][32]; /* [0] client's, [1] server's; RC4: one for both */
	uint8_t seq[16];      /* RC4 */
};
/* ERR_UNSUPP: another encryption type; ERR_VALUE: the key's length; ERR_CRYPTO. */
int ms_krb_keys(struct ms_krb_keys *k, unsigned enctype, const uint8_t *key, size_t n) MUST_CHECK;
/* Lower-case hex and a NUL. ERR_CRYPTO. */
int ms_krb_sign(const struct ms_krb_keys *k, bool server, uint32_t seq, struct slice buffer,
    char out[MS_KRB_SIG + 1]) MUST_CHECK;
/* ERR_AUTH: not its signature. Digits in either case; any sequence number: MS-SIPAE counts by snum. */
int ms_krb_verify(
    const struct ms_krb_keys *k, bool server, struct slice buffer, struct slice text) MUST_CHECK;
#endif
