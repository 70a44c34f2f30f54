#ifndef DECTD_RFP_CRYPT_H
#define DECTD_RFP_CRYPT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "dectd/bf.h"

/* Cryptography of the base-station link (rfp-link 4). Two generations:
 *  - individual: a 64-octet secret per base (RFPA), of which dectd sees the two 56-octet direction keys only;
 *  - fixed: keys that every old base (7.1 and before) has in its firmware, replaced after every 2,500 messages.
 * Both are Blowfish in CBC mode, one chain per direction over all messages; there is no integrity protection. */
#define RFP_AUTH_LEN   32 /* SYS_AUTHENTICATE payload */
#define RFP_RFPA_LEN   64
#define RFP_KEY_LEN    56
#define RFP_SIG_LEN    16
#define RFP_BLOCK_LEN  64 /* encrypted part of SYS_INIT */
#define RFP_REKEY_EACH 2500

struct rfp_cipher { /* one direction */
	struct bf bf;
	uint8_t iv[BF_BLOCK];
	bool fixed;     /* old generation */
	unsigned count; /* messages since the last new key */
};

enum rfp_toward { TO_RFP, TO_OMM };

/* IV of a direction, from the SYS_AUTHENTICATE payload. */
void rfp_iv(const uint8_t auth[RFP_AUTH_LEN], enum rfp_toward d, uint8_t iv[BF_BLOCK]);
void rfp_cipher_key(
    struct rfp_cipher *c, const uint8_t key[RFP_KEY_LEN], const uint8_t iv[BF_BLOCK]);
void rfp_cipher_fixed(struct rfp_cipher *c, enum rfp_toward d, const uint8_t iv[BF_BLOCK]);
void rfp_cipher_wipe(struct rfp_cipher *c);
/* Pads msg (n octets) with zeroes to a multiple of 8 and encrypts; returns the octets written. out has room for
 * (n + 7) & ~7. */
size_t rfp_seal(struct rfp_cipher *c, const uint8_t *msg, size_t n, uint8_t *out);
/* Decrypts one block without moving on: to read the length of what comes. */
void rfp_peek(const struct rfp_cipher *c, const uint8_t in[BF_BLOCK], uint8_t out[BF_BLOCK]);
/* Decrypts one whole message of n octets (a multiple of 8) in place and moves the chain on. */
void rfp_open(struct rfp_cipher *c, uint8_t *data, size_t n);

/* MD5 signature of a SYS_INIT message (header and payload, n octets with the signature's room at the end). */
int rfp_signature(const uint8_t auth[RFP_AUTH_LEN], const uint8_t *msg, size_t n,
    uint8_t out[RFP_SIG_LEN]) MUST_CHECK;

struct rfp_block { /* what the encrypted part of SYS_INIT says */
	uint8_t mac[6];
	uint16_t branding; /* low 10 bits: 1 Avaya, 2 FFSIP, 4 A5000, 8 Mitel, 10 OC01XX, 20 OCX */
	bool sum_ok;
};
int rfp_block_open(const uint8_t in[RFP_BLOCK_LEN], struct rfp_block *out) MUST_CHECK;
/* POSIX cksum of n octets. */
uint32_t rfp_cksum(const uint8_t *p, size_t n);

/* Which generation a base with this protocol version speaks. RFP: 7.1 (00070100) is old, 8.1 (00080201) is new; for
 * 8.0 (00080000) only a real base can tell, so the limit is a setting. */
static inline bool rfp_old_generation(uint32_t protocol, uint32_t first_new)
{
	return protocol < first_new;
}

/* RFPA as another manager stores it (128 hex digits decoded): Blowfish-ECB over little-endian words under the MAC
 * in lower-case hex with its NUL (rfp-link 4.4). In and out may be the same. */
void rfp_rfpa_at_rest(
    const uint8_t mac[6], bool encrypt, const uint8_t in[RFP_RFPA_LEN], uint8_t out[RFP_RFPA_LEN]);

/* Direction keys out of RFPA. */
static inline const uint8_t *rfp_subkey(const uint8_t rfpa[RFP_RFPA_LEN], enum rfp_toward d)
{
	return d == TO_RFP ? rfpa : rfpa + 8;
}
#endif
