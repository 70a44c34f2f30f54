#ifndef CERTD_DSAA_H
#define CERTD_DSAA_H
#include <stdint.h>

#include "common/err.h"

/* The DECT standard authentication algorithms, as bare functions. Octet strings are in wire order: most significant
 * octet first; D1 16 octets, D2 and D3 8, E 16. */

/* DSAA. EN 300 175-7 annex H restricts its text; the structure is the published one (Lucks and others, CT-RSA 2009),
 * checked here against annex K. */
void dsaa(const uint8_t d1[16], const uint8_t d2[8], uint8_t e[16]);
/* DSAA2-1 and DSAA2-2, EN 300 175-7 annex L: AES-128. ERR_CRYPTO. */
int dsaa2_1(
    const uint8_t d1[16], const uint8_t d2[8], const uint8_t d3[8], uint8_t e[16]) MUST_CHECK;
int dsaa2_2(const uint8_t d1[16], const uint8_t d2[8], const uint8_t d3[8], uint8_t e1[4],
    uint8_t e[16]) MUST_CHECK;

/* The building blocks of DSAA, values as integers (octet 0 is the least significant one). */
struct dsaa_perm {
	uint8_t start, step; /* input bit i goes to output bit (start + step * i) mod 64 */
};
uint64_t dsaa_permute(uint64_t x, struct dsaa_perm perm);
uint64_t dsaa_mix(uint64_t x, unsigned distance); /* 4, 2 or 1 */
uint64_t dsaa_block(struct dsaa_perm perm, uint64_t key, uint64_t block);
#endif
