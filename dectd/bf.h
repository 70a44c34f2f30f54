#ifndef DECTD_BF_H
#define DECTD_BF_H
#include <stddef.h>
#include <stdint.h>

/* Blowfish, 64-bit blocks, keys of 4 to 56 octets: the cipher of the base-station link. OpenSSL 3 has it only in the
 * legacy provider, a shared object that would have to be loaded into the sandbox; so it is here, proven against
 * OpenSSL's in the unit test. Blocks are octets in the usual big-endian reading. The tables are indexed with key-dependent data,
 * hence it is not constant in time: acceptable on a link whose first key travels in clear (rfp-link 1). */
#define BF_KEY_MAX  56
#define BF_BLOCK    8
#define BF_PI_WORDS 1042

struct bf {
	uint32_t p[18];
	uint32_t s[4][256];
};

extern const uint32_t bf_pi[BF_PI_WORDS];

void bf_key(struct bf *b, const uint8_t *key, size_t n); /* 1 <= n <= BF_KEY_MAX */
/* in and out may be the same. */
void bf_encrypt(const struct bf *b, const uint8_t in[BF_BLOCK], uint8_t out[BF_BLOCK]);
void bf_decrypt(const struct bf *b, const uint8_t in[BF_BLOCK], uint8_t out[BF_BLOCK]);
#endif
