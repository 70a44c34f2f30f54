#ifndef MEDIAD_SBOX_H
#define MEDIAD_SBOX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* SRTP and SRTCP under one master key in one direction (RFC 3711, RFC 7714; key transport is the caller's). The
 * transforms are ours on OpenSSL's primitives, for RTP with the processor's AES where it has it (sbox_hw.h); where the self-test
 * at start failed, libsrtp2's. A box holds state for up to SBOX_SSRCS sources; the least recently heard gives way to a new one, and only
 * to one whose packet was authentic. All buffers are worked on in place. */

#define SBOX_SSRCS   4
#define SBOX_MKI     128
#define SBOX_TRAILER (SBOX_MKI + 20) /* octets that a packet may grow by */

enum sbox_suite { /* numbers of media.Suite */
	SBOX_NONE,
	SBOX_CM_80,
	SBOX_CM_32,
	SBOX_GCM,
	SBOX_NSUITES
};
struct sbox_key {
	uint8_t suite, nmki; /* MKI octets on the wire; 0: none */
	uint8_t key[30];     /* master key, then master salt: 30 octets (CM) or 28 (GCM) */
	uint8_t mki[SBOX_MKI];
	uint64_t lifetime; /* packets; 0: the suite's maximum, 2^48 */
};
struct sbox;

/* Octets of key and salt; 0 for SBOX_NONE or an unknown suite. */
size_t sbox_key_len(unsigned suite);
/* "AES_CM_128_HMAC_SHA1_80" … */
const char *sbox_suite_name(unsigned suite);

/* Once per process before the first box: compares our transforms with libsrtp2's in a child, every suite, with and
 * without MKI. ERR_CRYPTO: libsrtp2 does not work. Where only the comparison fails 0 comes back, sbox_fast() is false
 * and libsrtp2 does the work. -errno: no child could be made. */
int sbox_start(void) MUST_CHECK;
void sbox_stop(void);
bool sbox_fast(void);
/* Tests: libsrtp2, or OpenSSL's cipher, for all boxes made from now on. */
void sbox_set_fast(bool on);
void sbox_set_hw(bool on); /* on: where the processor can */

/* NULL: no such suite, or no memory in the crypto library. */
struct sbox *sbox_new(const struct sbox_key *k, bool tx);
void sbox_free(struct sbox *b);                               /* keys are wiped; NULL is fine */
bool sbox_is(const struct sbox *b, const struct sbox_key *k); /* has that key and MKI */
unsigned sbox_suite(const struct sbox *b);
/* Packets sent so far. */
uint64_t sbox_used(const struct sbox *b);

/* Asks the memory for what a packet will need; call it a packet ahead. */
void sbox_soon(const struct sbox *b);
/* *n grows by the tag and the MKI; cap must leave room. ERR_LIMIT: no room, or the key's lifetime is over; ERR_EXISTS:
 * that sequence number was sent before; ERR_SYNTAX, ERR_TRUNCATED: not RTP. */
int sbox_protect(struct sbox *b, uint8_t *p, size_t *n, size_t cap) MUST_CHECK;
/* *n shrinks. ERR_AUTH: wrong key, MKI or altered; ERR_EXISTS: replayed; ERR_TIMEOUT: older than the window;
 * ERR_SYNTAX, ERR_TRUNCATED: not SRTP. p stays as it was on an error, so that another key can be tried. */
int sbox_unprotect(struct sbox *b, uint8_t *p, size_t *n) MUST_CHECK;
int sbox_protect_rtcp(struct sbox *b, uint8_t *p, size_t *n, size_t cap) MUST_CHECK;
int sbox_unprotect_rtcp(struct sbox *b, uint8_t *p, size_t *n) MUST_CHECK;
#endif
