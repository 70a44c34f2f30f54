#ifndef MEDIAD_SBOX_PRIV_H
#define MEDIAD_SBOX_PRIV_H
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA1_*: a saved HMAC state costs a third of EVP_MAC's */
#include "common/ossl.h"

#include <openssl/sha.h>
#include <string.h>

#include "mediad/sbox.h"
#include "mediad/sbox_hw.h"

/* For sbox.c, sbox_rtcp.c and sbox_start.c. Thousands of boxes are used in turn, each once in 20 ms, so what a packet touches is
 * kept together: an HMAC state is the five words that SHA-1 has after the block of the key. The boxes themselves lie together,
 * too: spread over the heap, each would need an entry of its own in the processor's page tables, which run out at 1,000. */

#define SBOX_WINDOW 128

struct sbox_src {        /* what depends on the source */
	uint64_t win[2]; /* bit i: index top - i was here */
	uint64_t heard;  /* order of use */
	uint32_t ssrc;
	uint32_t roc;     /* SRTP: of the highest index; SRTCP: the index itself */
	uint16_t top_seq; /* SRTP */
	bool used;
};

struct sbox_mac {
	uint32_t in[5], out[5];
};

struct sbox_rest { /* what no RTP packet needs */
	struct sbox_key key;
	struct sbox_ref *ref; /* libsrtp2 does all the work of this box */
	struct {              /* SRTCP */
		uint8_t key[16], salt[14];
		struct sbox_mac mac;
		uint32_t sent;   /* index of the last report */
		uint64_t opened; /* reports received */
		struct sbox_src src[SBOX_SSRCS];
	} rtcp;
};

struct sbox {
	struct sbox_mac mac;
	uint8_t salt[14];
	uint8_t suite, tag;
	uint8_t nmki;
	bool tx, gcm, hw, by_ref; /* hw: aes does it, else c; to here: one cache line */
	uint64_t used __attribute__((aligned(64))), lifetime;
	struct sbox_hw aes;
	struct sbox_src src[SBOX_SSRCS]; /* of the first the hot part ends: six lines */
	EVP_CIPHER_CTX *c;
	struct sbox_rest *rest;
} __attribute__((aligned(64)));

static inline void sbox_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* Whether new boxes may use the processor's instructions. */
bool sbox_hw_ok(void);
/* Zeroed; slots of boxes that lie together. What is given back must be wiped. */
struct sbox *sbox_slot(void);
void sbox_slot_back(struct sbox *b);
/* HMAC-SHA1 with the state of a key. */
void sbox_mac_set(struct sbox_mac *m, const uint8_t *key, size_t n);
void sbox_mac_begin(const struct sbox_mac *m, SHA_CTX *x);
void sbox_mac_end(const struct sbox_mac *m, SHA_CTX *x, uint8_t md[20]);
/* Room for one more source: the one heard longest ago gives way. */
struct sbox_src *sbox_src_find(struct sbox_src *src, uint32_t ssrc);
struct sbox_src *sbox_src_room(struct sbox_src *src);
/* Whether index was here, top being the highest: 0, ERR_EXISTS or ERR_TIMEOUT. */
int sbox_win_fresh(const uint64_t win[2], uint64_t top, uint64_t index);
void sbox_win_mark(uint64_t win[2], uint64_t top, uint64_t index);
/* RFC 3711 4.3.1 with key_derivation_rate 0; RFC 7714 11: salts of 12 octets are filled with zeros. */
int sbox_derive(const struct sbox_key *k, uint8_t label, uint8_t *out, size_t n);
int sbox_rtcp_keys(struct sbox *b);
#endif
