#ifndef CERTD_NTLM_PRIM_H
#define CERTD_NTLM_PRIM_H
#include <stddef.h>
#include <stdint.h>

/* MD4 (RFC 1320) and RC4, which MS-NLMP needs and OpenSSL 3 keeps in a provider that need not be there. Weak on
 * their own: nothing but NTLM may use them. */
void ntlm_md4(const void *p, size_t n, uint8_t out[16]);

struct ntlm_rc4 {
	uint8_t s[256], i, j;
};
void ntlm_rc4_init(struct ntlm_rc4 *c, const uint8_t *key, size_t n); /* 1-256 octets */
void ntlm_rc4_crypt(struct ntlm_rc4 *c, const uint8_t *in, size_t n, uint8_t *out);
#endif
