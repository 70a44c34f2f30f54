/* SRTP on OpenSSL's primitives. Everything that depends on the master key alone (cipher, inner and outer state of the
 * HMAC, salt) is kept once per box, what depends on the source (rollover counter, replay window) per source. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA_CTX: a saved HMAC state costs a third of EVP_MAC's */
#include "common/ossl.h"

#include "mediad/sbox.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/mem.h"
#include "mediad/rtp.h"
#include "mediad/sbox_ref.h"

#define MAX_INDEX (((uint64_t)1 << 48) - 1)
#define ROC_GUESSES                                                                                \
	16 /* a source that is new to us may be hours old: 16 × 22 minutes at 50 packets/s */
#define WINDOW 128

struct source {
	uint32_t ssrc;
	bool used;
	uint16_t top_seq;
	uint32_t roc;    /* of the highest index */
	uint64_t win[2]; /* bit i: index top - i was here */
	uint64_t heard;  /* order of use */
};

struct sbox {
	SHA_CTX in, out;
	EVP_CIPHER_CTX *c;
	uint8_t salt[16];
	uint8_t suite, tag, nmki;
	bool tx, gcm;
	uint64_t used, clock, lifetime;
	struct source src[SBOX_SSRCS];
	struct sbox_key key;
	struct sbox_ref *ref, *ref_rtp; /* made at first use */
};

static struct {
	unsigned users;
	bool ok;
} start; /* libsrtp2 is one per process, so is its start */

static const struct {
	const char *name;
	uint8_t len, tag;
} suites[SBOX_NSUITES] = {
	[SBOX_NONE] = { "none", 0, 0 },
	[SBOX_CM_80] = { "AES_CM_128_HMAC_SHA1_80", 30, 10 },
	[SBOX_CM_32] = { "AES_CM_128_HMAC_SHA1_32", 30, 4 },
	[SBOX_GCM] = { "AEAD_AES_128_GCM", 28, 16 },
};

size_t sbox_key_len(unsigned suite)
{
	return suite < SBOX_NSUITES ? suites[suite].len : 0;
}

const char *sbox_suite_name(unsigned suite)
{
	return suite < SBOX_NSUITES ? suites[suite].name : "?";
}

/* ---- keys ---- */

/* RFC 3711 4.3.1 with key_derivation_rate 0: AES-CM under the master key. RFC 7714 11: salts of 12 octets are filled
 * with zeros. */
static int derive(const struct sbox_key *k, uint8_t label, uint8_t *out, size_t n)
{
	static const uint8_t zero[32];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t iv[16] = { 0 };
	int len = 0, ok;

	memcpy(iv, k->key + 16, sbox_key_len(k->suite) - 16);
	iv[7] ^= label;
	ok = c && EVP_EncryptInit_ex(c, EVP_aes_128_ctr(), NULL, k->key, iv) == 1 &&
	     EVP_EncryptUpdate(c, out, &len, zero, (int)n) == 1 && (size_t)len == n;
	EVP_CIPHER_CTX_free(c);
	mem_wipe(iv, sizeof(iv));
	return ok ? 0 : ERR_CRYPTO;
}

static int set_keys(struct sbox *b, const struct sbox_key *k)
{
	uint8_t ek[16], ak[20], pad[64];
	int err = derive(k, 0, ek, sizeof(ek));

	b->gcm = k->suite == SBOX_GCM;
	if (!err)
		err = derive(k, 2, b->salt, b->gcm ? 12 : 14);
	b->c = EVP_CIPHER_CTX_new();
	if (!err &&
	    (!b->c || EVP_CipherInit_ex(b->c, b->gcm ? EVP_aes_128_gcm() : EVP_aes_128_ctr(), NULL,
	                  ek, NULL, b->tx || !b->gcm) != 1))
		err = ERR_CRYPTO;
	if (!err && !b->gcm)
		err = derive(k, 1, ak, sizeof(ak));
	if (!err && !b->gcm) {
		memset(pad, 0x36, sizeof(pad));
		for (size_t i = 0; i < sizeof(ak); i++)
			pad[i] ^= ak[i];
		SHA1_Init(&b->in);
		SHA1_Update(&b->in, pad, sizeof(pad));
		for (size_t i = 0; i < sizeof(pad); i++)
			pad[i] ^= 0x36 ^ 0x5c;
		SHA1_Init(&b->out);
		SHA1_Update(&b->out, pad, sizeof(pad));
	}
	mem_wipe(ek, sizeof(ek));
	mem_wipe(ak, sizeof(ak));
	mem_wipe(pad, sizeof(pad));
	return err;
}

struct sbox *sbox_new(const struct sbox_key *k, bool tx)
{
	struct sbox *b;

	if (sbox_key_len(k->suite) == 0 || k->nmki > SBOX_MKI)
		return NULL;
	b = mem_new(sizeof(*b));
	b->suite = k->suite;
	b->tag = suites[k->suite].tag;
	b->nmki = k->nmki;
	b->tx = tx;
	b->lifetime = k->lifetime && k->lifetime < MAX_INDEX ? k->lifetime : MAX_INDEX;
	b->key = *k;
	if (set_keys(b, k) || (!start.ok && !(b->ref_rtp = sbox_ref_new(k, tx)))) {
		sbox_free(b);
		return NULL;
	}
	return b;
}

void sbox_free(struct sbox *b)
{
	if (!b)
		return;
	EVP_CIPHER_CTX_free(b->c);
	sbox_ref_free(b->ref);
	sbox_ref_free(b->ref_rtp);
	mem_free_wiped(b, sizeof(*b));
}

bool sbox_is(const struct sbox *b, const struct sbox_key *k)
{
	size_t n = sbox_key_len(k->suite);

	return b && b->suite == k->suite && b->nmki == k->nmki &&
	       mem_differs(b->key.key, k->key, n) == 0 && memcmp(b->key.mki, k->mki, k->nmki) == 0;
}

unsigned sbox_suite(const struct sbox *b)
{
	return b ? b->suite : SBOX_NONE;
}

uint64_t sbox_used(const struct sbox *b)
{
	return b ? b->used : 0;
}

/* ---- index and replay, RFC 3711 3.3.1 and 3.3.2 ---- */

static struct source *find(struct sbox *b, uint32_t ssrc)
{
	for (unsigned i = 0; i < SBOX_SSRCS; i++)
		if (b->src[i].used && b->src[i].ssrc == ssrc)
			return &b->src[i];
	return NULL;
}

static struct source *add(struct sbox *b, uint32_t ssrc, uint16_t seq, uint32_t roc)
{
	struct source *s = &b->src[0];

	for (unsigned i = 0; i < SBOX_SSRCS; i++) {
		if (!b->src[i].used) {
			s = &b->src[i];
			break;
		}
		if (b->src[i].heard < s->heard)
			s = &b->src[i];
	}
	*s = (struct source){
		.ssrc = ssrc, .used = true, .top_seq = seq, .roc = roc, .win = { 1, 0 }
	};
	return s;
}

static uint64_t index_of(const struct source *s, uint16_t seq)
{
	uint64_t top = (uint64_t)s->roc << 16 | s->top_seq;
	int16_t d = (int16_t)(seq - s->top_seq);

	/* d = -32768 is taken as a step back, where the RFC's comparison is not symmetric either. */
	if (d < 0 && top < (uint64_t)(-(int32_t)d))
		return UINT64_MAX;
	return top + (uint64_t)(int64_t)d;
}

/* 0, ERR_EXISTS or ERR_TIMEOUT. */
static int fresh(const struct source *s, uint64_t index)
{
	uint64_t top = (uint64_t)s->roc << 16 | s->top_seq, back;

	if (index == UINT64_MAX)
		return ERR_TIMEOUT;
	if (index > top)
		return 0;
	back = top - index;
	if (back >= WINDOW)
		return ERR_TIMEOUT;
	return s->win[back >> 6] >> (back & 63) & 1 ? ERR_EXISTS : 0;
}

static void mark(struct source *s, uint64_t index)
{
	uint64_t top = (uint64_t)s->roc << 16 | s->top_seq, d;

	if (index <= top) {
		d = top - index;
		s->win[d >> 6] |= (uint64_t)1 << (d & 63);
		return;
	}
	d = index - top;
	if (d >= WINDOW) {
		s->win[0] = s->win[1] = 0;
	} else if (d >= 64) {
		s->win[1] = s->win[0] << (d - 64);
		s->win[0] = 0;
	} else {
		s->win[1] = s->win[1] << d | s->win[0] >> (64 - d);
		s->win[0] <<= d;
	}
	s->win[0] |= 1;
	s->roc = (uint32_t)(index >> 16);
	s->top_seq = (uint16_t)index;
}

/* ---- transforms ---- */

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* AES-CM, RFC 3711 4.1.1. */
static int cm(struct sbox *b, uint32_t ssrc, uint64_t index, uint8_t *p, size_t n)
{
	uint8_t iv[16], x[4];
	int len;

	memcpy(iv, b->salt, 14);
	iv[14] = iv[15] = 0;
	put32(x, ssrc);
	for (int i = 0; i < 4; i++)
		iv[4 + i] ^= x[i];
	for (int i = 0; i < 6; i++)
		iv[8 + i] ^= (uint8_t)(index >> (40 - 8 * i));
	if (EVP_CipherInit_ex(b->c, NULL, NULL, NULL, iv, -1) != 1 ||
	    EVP_CipherUpdate(b->c, p, &len, p, (int)n) != 1)
		return ERR_CRYPTO;
	return 0;
}

static void hmac_end(const struct sbox *b, SHA_CTX *in, uint32_t roc, uint8_t *md)
{
	uint8_t x[4];
	SHA_CTX out = b->out;

	put32(x, roc);
	SHA1_Update(in, x, sizeof(x));
	SHA1_Final(md, in);
	SHA1_Update(&out, md, 20);
	SHA1_Final(md, &out);
}

/* RFC 7714 8.1. */
static void gcm_iv(const struct sbox *b, uint32_t ssrc, uint64_t index, uint8_t *iv)
{
	uint8_t x[12] = { 0 };

	put32(x + 2, ssrc);
	for (int i = 0; i < 6; i++)
		x[6 + i] = (uint8_t)(index >> (40 - 8 * i));
	for (int i = 0; i < 12; i++)
		iv[i] = b->salt[i] ^ x[i];
}

static int gcm_seal(struct sbox *b, const struct rtp_pkt *h, uint64_t index, uint8_t *p, size_t n)
{
	uint8_t iv[12];
	int len;

	gcm_iv(b, h->ssrc, index, iv);
	if (EVP_CipherInit_ex(b->c, NULL, NULL, NULL, iv, -1) != 1 ||
	    EVP_CipherUpdate(b->c, NULL, &len, p, (int)h->hdr) != 1 ||
	    EVP_CipherUpdate(b->c, p + h->hdr, &len, p + h->hdr, (int)(n - h->hdr)) != 1 ||
	    EVP_CipherFinal_ex(b->c, p + n, &len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(b->c, EVP_CTRL_AEAD_GET_TAG, 16, p + n) != 1)
		return ERR_CRYPTO;
	return 0;
}

/* Into out, so that p survives a wrong tag. */
static int gcm_open(
    struct sbox *b, const struct rtp_pkt *h, uint64_t index, uint8_t *p, size_t n, uint8_t *out)
{
	uint8_t iv[12];
	int len;

	gcm_iv(b, h->ssrc, index, iv);
	if (EVP_CipherInit_ex(b->c, NULL, NULL, NULL, iv, -1) != 1 ||
	    EVP_CipherUpdate(b->c, NULL, &len, p, (int)h->hdr) != 1 ||
	    EVP_CipherUpdate(b->c, out, &len, p + h->hdr, (int)(n - h->hdr)) != 1 ||
	    EVP_CIPHER_CTX_ctrl(b->c, EVP_CTRL_AEAD_SET_TAG, 16, p + n) != 1)
		return ERR_CRYPTO;
	return EVP_CipherFinal_ex(b->c, out + len, &len) == 1 ? 0 : ERR_AUTH;
}

int sbox_protect(struct sbox *b, uint8_t *p, size_t *n, size_t cap)
{
	struct rtp_pkt h;
	struct source *s;
	uint64_t index;
	int err = rtp_parse_head(p, *n, &h);

	if (err)
		return err;
	if (cap < *n + b->tag + b->nmki || b->used >= b->lifetime)
		return ERR_LIMIT;
	if (b->ref_rtp) {
		err = sbox_ref_protect(b->ref_rtp, p, n, cap);
		b->used += !err;
		return err;
	}
	s = find(b, h.ssrc);
	index = s ? index_of(s, h.seq) : h.seq;
	if (s && (err = fresh(s, index)) != 0)
		return err;
	if (index > MAX_INDEX)
		return ERR_LIMIT;
	if (b->gcm) {
		err = gcm_seal(b, &h, index, p, *n);
		if (err)
			return err;
		*n += 16;
		memcpy(p + *n, b->key.mki, b->nmki);
		*n += b->nmki;
	} else {
		uint8_t md[20];
		SHA_CTX in = b->in;

		err = cm(b, h.ssrc, index, p + h.hdr, h.payload);
		if (err)
			return err;
		SHA1_Update(&in, p, *n);
		hmac_end(b, &in, (uint32_t)(index >> 16), md);
		memcpy(p + *n, b->key.mki, b->nmki);
		*n += b->nmki;
		memcpy(p + *n, md, b->tag);
		*n += b->tag;
	}
	if (s)
		mark(s, index);
	else
		s = add(b, h.ssrc, h.seq, 0);
	s->heard = ++b->clock;
	b->used++;
	return 0;
}

int sbox_unprotect(struct sbox *b, uint8_t *p, size_t *n)
{
	struct rtp_pkt h;
	struct source *s;
	uint64_t index = 0;
	size_t len, over = (size_t)b->tag + b->nmki;
	unsigned tries = 1;
	int err = rtp_parse_head(p, *n, &h);

	if (err)
		return err;
	if (*n > RTP_MAX)
		return ERR_LIMIT;
	if (h.payload < over)
		return ERR_TRUNCATED;
	len = *n - over;
	if (b->ref_rtp) {
		err = sbox_ref_unprotect(b->ref_rtp, p, n);
		b->used += !err;
		return err;
	}
	if (b->nmki && memcmp(p + len + (b->gcm ? 16 : 0), b->key.mki, b->nmki) != 0)
		return ERR_AUTH;
	s = find(b, h.ssrc);
	if (s) {
		index = index_of(s, h.seq);
		if ((err = fresh(s, index)) != 0)
			return err;
		if (index > MAX_INDEX)
			return ERR_LIMIT;
	} else {
		index = h.seq;
		tries = ROC_GUESSES;
	}
	if (b->gcm) {
		uint8_t clear[RTP_MAX];

		for (unsigned i = 0; i < tries; i++) {
			err = gcm_open(b, &h, index, p, len, clear);
			if (err != ERR_AUTH)
				break;
			index += 65536;
		}
		if (err)
			return err;
		memcpy(p + h.hdr, clear, len - h.hdr);
	} else {
		uint8_t md[20];
		SHA_CTX in = b->in;

		SHA1_Update(&in, p, len);
		for (unsigned i = 0;; index += 65536) {
			SHA_CTX x = in;

			hmac_end(b, &x, (uint32_t)(index >> 16), md);
			if (mem_differs(md, p + len + b->nmki, b->tag) == 0)
				break;
			if (++i == tries)
				return ERR_AUTH;
		}
		err = cm(b, h.ssrc, index, p + h.hdr, len - h.hdr);
		if (err)
			return err;
	}
	if (s)
		mark(s, index);
	else
		s = add(b, h.ssrc, h.seq, (uint32_t)(index >> 16));
	s->heard = ++b->clock;
	b->used++;
	*n = len;
	return 0;
}

static struct sbox_ref *rtcp_of(struct sbox *b)
{
	/* libsrtp2 (2.5) looks for the MKI of SRTCP where the tag of SRTP would leave it: with _32 it finds none. SRTCP is
	 * the same under both suites. */
	if (!b->ref) {
		struct sbox_key k = b->key;
		if (k.suite == SBOX_CM_32)
			k.suite = SBOX_CM_80;
		b->ref = sbox_ref_new(&k, b->tx);
		mem_wipe(&k, sizeof(k));
	}
	return b->ref;
}

int sbox_protect_rtcp(struct sbox *b, uint8_t *p, size_t *n, size_t cap)
{
	struct sbox_ref *r = rtcp_of(b);

	return r ? sbox_ref_protect_rtcp(r, p, n, cap) : ERR_CRYPTO;
}

int sbox_unprotect_rtcp(struct sbox *b, uint8_t *p, size_t *n)
{
	struct sbox_ref *r = rtcp_of(b);

	return r ? sbox_ref_unprotect_rtcp(r, p, n) : ERR_CRYPTO;
}

/* ---- start and self-test ---- */

static size_t sample(uint8_t *p, unsigned i)
{
	size_t n = 20 + (i * 37) % 180;

	for (size_t k = 0; k < n; k++)
		p[k] = (uint8_t)(k * 7 + i);
	rtp_put(p, 8, i == 0, (uint16_t)(65530 + i), i * 160, 0x12345678);
	return n;
}

static bool same_as_ref(const struct sbox_key *k)
{
	struct sbox *tx = sbox_new(k, true), *rx = sbox_new(k, false);
	struct sbox_ref *rtx = sbox_ref_new(k, true), *rrx = sbox_ref_new(k, false);
	bool ok = tx && rx && rtx && rrx;

	for (unsigned i = 0; ok && i < 12; i++) { /* over the rollover */
		uint8_t a[512], b[512], c[512];
		size_t clear = sample(c, i), na = clear, nb = clear, nc;

		memcpy(a, c, clear);
		memcpy(b, c, clear);
		ok = sbox_protect(tx, a, &na, sizeof(a)) == 0 &&
		     sbox_ref_protect(rtx, b, &nb, sizeof(b)) == 0 && na == nb &&
		     memcmp(a, b, na) == 0;
		nc = na;
		ok = ok && sbox_ref_unprotect(rrx, b, &nb) == 0 &&
		     sbox_unprotect(rx, a, &na) == 0 && na == clear && nb == clear &&
		     memcmp(a, c, clear) == 0 && memcmp(b, c, clear) == 0 && nc > clear;
	}
	sbox_free(tx);
	sbox_free(rx);
	sbox_ref_free(rtx);
	sbox_ref_free(rrx);
	return ok;
}

static bool self_test(void)
{
	struct sbox_key k;

	for (unsigned suite = SBOX_CM_80; suite < SBOX_NSUITES; suite++)
		for (unsigned mki = 0; mki < 2; mki++) {
			memset(&k, 0, sizeof(k));
			id_random(k.key, sizeof(k.key));
			k.suite = (uint8_t)suite;
			k.nmki = mki ? 4 : 0;
			memcpy(k.mki, "\1\2\3\4", 4);
			if (!same_as_ref(&k))
				return false;
		}
	return true;
}

int sbox_start(void)
{
	int err;

	if (start.users++)
		return 0;
	err = sbox_ref_start();
	if (err) {
		start.users = 0;
		return err;
	}
	start.ok = true; /* so that the boxes of the test are fast ones */
	start.ok = self_test();
	return 0;
}

void sbox_stop(void)
{
	if (start.users && --start.users == 0)
		sbox_ref_stop();
}

bool sbox_fast(void)
{
	return start.ok;
}

void sbox_set_fast(bool on)
{
	start.ok = on;
}
