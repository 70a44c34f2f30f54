#ifndef CERTD_DECT_KDF_H
#define CERTD_DECT_KDF_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

/* The authentication processes of EN 300 175-7 clauses 4.5 and 5: B1, B2, A11, A12, A21, A22. Octet strings in wire
 * order (most significant octet first). Nothing here stores or logs. */
#define DECT_KDF_KEY  16
#define DECT_KDF_RAND 8
#define DECT_KDF_RES  4

enum dect_kdf_alg {
	DECT_KDF_DSAA = 1,
	DECT_KDF_DSAA2 = 2,
	/* PP: clause 5 counts bits from the least significant one, annex L feeds index 0 to AES first. Read literally
	 * every value is bit-reversed before and after AES. No published example settles which one handsets use. */
	DECT_KDF_DSAA2_LITERAL = 3,
};

/* Length of RS in octets: 8 (DSAA) or 16 (DSAA2). */
size_t dect_kdf_rs_len(enum dect_kdf_alg alg);
/* Length of a derived cipher key in octets: 8 or 16. */
size_t dect_kdf_dck_len(enum dect_kdf_alg alg);

/* Access code: 1-8 decimal digits as BCD, right-aligned, filled with F on the left. ERR_SYNTAX. */
int dect_kdf_ac(struct slice digits, uint8_t ac[4]) MUST_CHECK;
/* K from a UAK or AC of n octets, 1-16; repeated when shorter. */
void dect_kdf_b1(const uint8_t *key, size_t n, uint8_t k[16]);
/* K from UAK and the user's PIN, coded as an access code. */
void dect_kdf_b2(const uint8_t *uak, size_t n, const uint8_t upi[4], uint8_t k[16]);
/* KS. rs is dect_kdf_rs_len octets; RS128 = RS2 || RS1. ERR_CRYPTO. */
int dect_kdf_a11(
    enum dect_kdf_alg alg, const uint8_t k[16], const uint8_t *rs, uint8_t ks[16]) MUST_CHECK;
/* KS', which key allocation makes the new UAK. */
int dect_kdf_a21(
    enum dect_kdf_alg alg, const uint8_t k[16], const uint8_t *rs, uint8_t ks[16]) MUST_CHECK;
/* RES1 and the DCK (dect_kdf_dck_len octets). rand_p is read for DSAA2 only. */
int dect_kdf_a12(enum dect_kdf_alg alg, const uint8_t ks[16], const uint8_t rand_f[8],
    const uint8_t *rand_p, uint8_t res1[4], uint8_t dck[16]) MUST_CHECK;
/* RES2. rand_f is read for DSAA2 only. */
int dect_kdf_a22(enum dect_kdf_alg alg, const uint8_t ks[16], const uint8_t rand_p[8],
    const uint8_t *rand_f, uint8_t res2[4]) MUST_CHECK;
/* The DSC loads the octets of the DCK in reverse order (annex K.2). */
void dect_kdf_dsc_ck(const uint8_t dck[8], uint8_t ck[8]);
#endif
