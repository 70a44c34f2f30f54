#ifndef MEDIAD_SBOX_HW_H
#define MEDIAD_SBOX_HW_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* AES-128 in counter mode and GCM with the processor's own instructions (AES-NI, PCLMULQDQ), for the packets of thousands of
 * streams in turn: OpenSSL keeps a key in two objects of 1,150 octets (GCM) in all, these are 176 octets, or 240, that lie with
 * the rest of a stream's state. No table, no branch depends on a key. Used where the processor has the instructions and only
 * after the self-test of sbox_start(); else OpenSSL does it. FIPS 197, SP 800-38A 6.5, SP 800-38D 6.3 to 7.2. */

#define SBOX_HW_ROUNDS 11
#define SBOX_HW_POWERS 4

struct sbox_hw { /* the key in all its rounds; and for GCM the powers of its hash key */
	uint8_t rk[SBOX_HW_ROUNDS][16], h[SBOX_HW_POWERS][16];
} __attribute__((aligned(16)));

bool sbox_hw_there(void);
void sbox_hw_key(struct sbox_hw *k, const uint8_t key[16], bool gcm);
/* In place. iv: the first counter block; its last four octets count, and do not overflow within n. */
void sbox_hw_ctr(const struct sbox_hw *k, const uint8_t iv[16], uint8_t *p, size_t n);
/* The tag over the head aad and what is encrypted. The counter of the payload begins with iv and 2. */
void sbox_hw_tag(const struct sbox_hw *k, const uint8_t iv[12], const uint8_t *aad, size_t naad,
    const uint8_t *p, size_t n, uint8_t tag[16]);
#endif
