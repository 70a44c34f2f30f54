/* SRTP on OpenSSL's primitives. Everything that depends on the master key alone (cipher, inner and outer state of the
 * HMAC, salt) is kept once per box, what depends on the source (rollover counter, replay window) per source. */
#include "mediad/sbox_priv.h"

#include <stdlib.h>

#include "common/mem.h"
#include "mediad/rtp.h"
#include "mediad/sbox_ref.h"

#define MAX_INDEX (((uint64_t)1 << 48) - 1)
#define ROC_GUESSES                                                                                \
	16 /* a source that is new to us may be hours old: 16 × 22 minutes at 50 packets/s */

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

int sbox_derive(const struct sbox_key *k, uint8_t label, uint8_t *out, size_t n)
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

static void words_of(const SHA_CTX *x, uint32_t w[5])
{
	w[0] = x->h0, w[1] = x->h1, w[2] = x->h2, w[3] = x->h3, w[4] = x->h4;
}

/* The state after one block, the key's. */
static void after_block(SHA_CTX *x, const uint32_t w[5])
{
	x->h0 = w[0], x->h1 = w[1], x->h2 = w[2], x->h3 = w[3], x->h4 = w[4];
	x->Nl = 8 * SHA_CBLOCK;
	x->Nh = 0;
	x->num = 0;
}

void sbox_mac_set(struct sbox_mac *m, const uint8_t *key, size_t n)
{
	uint8_t pad[SHA_CBLOCK];
	SHA_CTX x;

	memset(pad, 0x36, sizeof(pad));
	for (size_t i = 0; i < n; i++)
		pad[i] ^= key[i];
	SHA1_Init(&x);
	SHA1_Update(&x, pad, sizeof(pad));
	words_of(&x, m->in);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	SHA1_Init(&x);
	SHA1_Update(&x, pad, sizeof(pad));
	words_of(&x, m->out);
	mem_wipe(pad, sizeof(pad));
	mem_wipe(&x, sizeof(x));
}

void sbox_mac_begin(const struct sbox_mac *m, SHA_CTX *x)
{
	after_block(x, m->in);
}

void sbox_mac_end(const struct sbox_mac *m, SHA_CTX *x, uint8_t md[20])
{
	SHA_CTX out;

	SHA1_Final(md, x);
	after_block(&out, m->out);
	SHA1_Update(&out, md, 20);
	SHA1_Final(md, &out);
}

static int set_keys(struct sbox *b, const struct sbox_key *k)
{
	uint8_t ek[16], ak[20];
	int err = sbox_derive(k, 0, ek, sizeof(ek));

	b->gcm = k->suite == SBOX_GCM;
	if (!err)
		err = sbox_derive(k, 2, b->salt, b->gcm ? 12 : 14);
	b->hw = sbox_hw_ok();
	if (!err && b->hw)
		sbox_hw_key(&b->aes, ek, b->gcm);
	else
		b->c = EVP_CIPHER_CTX_new();
	if (!err && !b->hw &&
	    (!b->c || EVP_CipherInit_ex(b->c, b->gcm ? EVP_aes_128_gcm() : EVP_aes_128_ctr(), NULL,
	                  ek, NULL, b->tx || !b->gcm) != 1))
		err = ERR_CRYPTO;
	if (!err && !b->gcm)
		err = sbox_derive(k, 1, ak, sizeof(ak));
	if (!err && !b->gcm)
		sbox_mac_set(&b->mac, ak, sizeof(ak));
	mem_wipe(ek, sizeof(ek));
	mem_wipe(ak, sizeof(ak));
	return err ? err : sbox_rtcp_keys(b);
}

struct sbox *sbox_new(const struct sbox_key *k, bool tx)
{
	struct sbox *b;

	if (sbox_key_len(k->suite) == 0 || k->nmki > SBOX_MKI)
		return NULL;
	b = sbox_slot();
	b->rest = mem_new(sizeof(*b->rest));
	b->suite = k->suite;
	b->tag = suites[k->suite].tag;
	b->nmki = k->nmki;
	b->tx = tx;
	b->lifetime = k->lifetime && k->lifetime < MAX_INDEX ? k->lifetime : MAX_INDEX;
	b->rest->key = *k;
	if (set_keys(b, k) || (!sbox_fast() && !(b->rest->ref = sbox_ref_new(k, tx)))) {
		sbox_free(b);
		return NULL;
	}
	b->by_ref = b->rest->ref != NULL;
	return b;
}

void sbox_free(struct sbox *b)
{
	if (!b)
		return;
	EVP_CIPHER_CTX_free(b->c);
	sbox_ref_free(b->rest->ref);
	mem_free_wiped(b->rest, sizeof(*b->rest));
	mem_wipe(b, sizeof(*b));
	sbox_slot_back(b);
}

bool sbox_is(const struct sbox *b, const struct sbox_key *k)
{
	size_t n = sbox_key_len(k->suite);

	return b && b->suite == k->suite && b->nmki == k->nmki &&
	       mem_differs(b->rest->key.key, k->key, n) == 0 &&
	       memcmp(b->rest->key.mki, k->mki, k->nmki) == 0;
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

struct sbox_src *sbox_src_find(struct sbox_src *src, uint32_t ssrc)
{
	for (unsigned i = 0; i < SBOX_SSRCS; i++)
		if (src[i].used && src[i].ssrc == ssrc)
			return &src[i];
	return NULL;
}

struct sbox_src *sbox_src_room(struct sbox_src *src)
{
	struct sbox_src *s = &src[0];

	for (unsigned i = 0; i < SBOX_SSRCS; i++) {
		if (!src[i].used)
			return &src[i];
		if (src[i].heard < s->heard)
			s = &src[i];
	}
	return s;
}

static void add(struct sbox *b, uint32_t ssrc, uint16_t seq, uint32_t roc)
{
	*sbox_src_room(b->src) = (struct sbox_src){ .ssrc = ssrc,
		.used = true,
		.top_seq = seq,
		.roc = roc,
		.win = { 1, 0 },
		.heard = b->used };
}

static uint64_t top_of(const struct sbox_src *s)
{
	return (uint64_t)s->roc << 16 | s->top_seq;
}

static uint64_t index_of(const struct sbox_src *s, uint16_t seq)
{
	uint64_t top = (uint64_t)s->roc << 16 | s->top_seq;
	int16_t d = (int16_t)(seq - s->top_seq);

	/* d = -32768 is taken as a step back, where the RFC's comparison is not symmetric either. */
	if (d < 0 && top < (uint64_t)(-(int32_t)d))
		return UINT64_MAX;
	return top + (uint64_t)(int64_t)d;
}

int sbox_win_fresh(const uint64_t win[2], uint64_t top, uint64_t index)
{
	uint64_t back;

	if (index > top)
		return 0;
	back = top - index;
	if (back >= SBOX_WINDOW)
		return ERR_TIMEOUT;
	return win[back >> 6] >> (back & 63) & 1 ? ERR_EXISTS : 0;
}

void sbox_win_mark(uint64_t win[2], uint64_t top, uint64_t index)
{
	uint64_t d;

	if (index <= top) {
		d = top - index;
		win[d >> 6] |= (uint64_t)1 << (d & 63);
		return;
	}
	d = index - top;
	if (d >= SBOX_WINDOW) {
		win[0] = win[1] = 0;
	} else if (d >= 64) {
		win[1] = win[0] << (d - 64);
		win[0] = 0;
	} else {
		win[1] = win[1] << d | win[0] >> (64 - d);
		win[0] <<= d;
	}
	win[0] |= 1;
}

static int fresh(const struct sbox_src *s, uint64_t index)
{
	return index == UINT64_MAX ? ERR_TIMEOUT : sbox_win_fresh(s->win, top_of(s), index);
}

static void mark(struct sbox_src *s, uint64_t index, uint64_t order)
{
	uint64_t top = top_of(s);

	sbox_win_mark(s->win, top, index);
	if (index > top) {
		s->roc = (uint32_t)(index >> 16);
		s->top_seq = (uint16_t)index;
	}
	s->heard = order;
}

/* ---- transforms ---- */

/* With thousands of streams in turn nothing of the next one is in the first caches: all is asked for at once. OpenSSL goes
 * through its two objects step by step and would wait at each; malloc() has laid the second right behind the first. Where
 * it lies elsewhere that is just in vain. */
void sbox_soon(const struct sbox *b)
{
	const char *at = (const char *)b;

	for (size_t i = 0; i < offsetof(struct sbox, src[1]); i += 64)
		__builtin_prefetch(at + i, 1);
	if (!sbox_hw_ok())
		for (unsigned i = 0; i < 10; i++) /* sizes in OpenSSL 3.0: 184 and 456 octets */
			__builtin_prefetch((const char *)b->c + 64 * i);
}

/* AES-CM, RFC 3711 4.1.1. */
static int cm(struct sbox *b, uint32_t ssrc, uint64_t index, uint8_t *p, size_t n)
{
	uint8_t iv[16], x[4];
	int len;

	memcpy(iv, b->salt, 14);
	iv[14] = iv[15] = 0;
	sbox_put32(x, ssrc);
	for (int i = 0; i < 4; i++)
		iv[4 + i] ^= x[i];
	for (int i = 0; i < 6; i++)
		iv[8 + i] ^= (uint8_t)(index >> (40 - 8 * i));
	if (b->hw) {
		sbox_hw_ctr(&b->aes, iv, p, n);
		return 0;
	}
	if (EVP_CipherInit_ex(b->c, NULL, NULL, NULL, iv, -1) != 1 ||
	    EVP_CipherUpdate(b->c, p, &len, p, (int)n) != 1)
		return ERR_CRYPTO;
	return 0;
}

static void hmac_end(const struct sbox *b, SHA_CTX *in, uint32_t roc, uint8_t *md)
{
	uint8_t x[4];

	sbox_put32(x, roc);
	SHA1_Update(in, x, sizeof(x));
	sbox_mac_end(&b->mac, in, md);
}

/* RFC 7714 8.1. */
static void gcm_iv(const struct sbox *b, uint32_t ssrc, uint64_t index, uint8_t *iv)
{
	uint8_t x[12] = { 0 };

	sbox_put32(x + 2, ssrc);
	for (int i = 0; i < 6; i++)
		x[6 + i] = (uint8_t)(index >> (40 - 8 * i));
	for (int i = 0; i < 12; i++)
		iv[i] = b->salt[i] ^ x[i];
}

static void gcm_hw_ctr(struct sbox *b, const uint8_t iv[12], uint8_t *p, size_t n)
{
	uint8_t block[16] = { [15] = 2 };

	memcpy(block, iv, 12);
	sbox_hw_ctr(&b->aes, block, p, n);
}

static int gcm_seal(struct sbox *b, const struct rtp_pkt *h, uint64_t index, uint8_t *p, size_t n)
{
	uint8_t iv[12];
	int len;

	gcm_iv(b, h->ssrc, index, iv);
	if (b->hw) {
		gcm_hw_ctr(b, iv, p + h->hdr, n - h->hdr);
		sbox_hw_tag(&b->aes, iv, p, h->hdr, p + h->hdr, n - h->hdr, p + n);
		return 0;
	}
	if (EVP_CipherInit_ex(b->c, NULL, NULL, NULL, iv, -1) != 1 ||
	    EVP_CipherUpdate(b->c, NULL, &len, p, (int)h->hdr) != 1 ||
	    EVP_CipherUpdate(b->c, p + h->hdr, &len, p + h->hdr, (int)(n - h->hdr)) != 1 ||
	    EVP_CipherFinal_ex(b->c, p + n, &len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(b->c, EVP_CTRL_AEAD_GET_TAG, 16, p + n) != 1)
		return ERR_CRYPTO;
	return 0;
}

/* OpenSSL opens before it knows the tag: elsewhere, so that p survives a wrong one. */
static int gcm_open_evp(struct sbox *b, const uint8_t iv[12], size_t hdr, uint8_t *p, size_t n)
{
	uint8_t clear[RTP_MAX];
	int len;

	if (EVP_CipherInit_ex(b->c, NULL, NULL, NULL, iv, -1) != 1 ||
	    EVP_CipherUpdate(b->c, NULL, &len, p, (int)hdr) != 1 ||
	    EVP_CipherUpdate(b->c, clear, &len, p + hdr, (int)(n - hdr)) != 1 ||
	    EVP_CIPHER_CTX_ctrl(b->c, EVP_CTRL_AEAD_SET_TAG, 16, p + n) != 1)
		return ERR_CRYPTO;
	if (EVP_CipherFinal_ex(b->c, clear + len, &len) != 1)
		return ERR_AUTH;
	memcpy(p + hdr, clear, n - hdr);
	return 0;
}

static int gcm_open(struct sbox *b, const struct rtp_pkt *h, uint64_t index, uint8_t *p, size_t n)
{
	uint8_t iv[12], tag[16];

	gcm_iv(b, h->ssrc, index, iv);
	if (!b->hw)
		return gcm_open_evp(b, iv, h->hdr, p, n);
	sbox_hw_tag(&b->aes, iv, p, h->hdr, p + h->hdr, n - h->hdr, tag);
	if (mem_differs(tag, p + n, sizeof(tag)) != 0)
		return ERR_AUTH;
	gcm_hw_ctr(b, iv, p + h->hdr, n - h->hdr);
	return 0;
}

int sbox_protect(struct sbox *b, uint8_t *p, size_t *n, size_t cap)
{
	struct rtp_pkt h;
	struct sbox_src *s;
	uint64_t index;
	int err = rtp_parse_head(p, *n, &h);

	if (err)
		return err;
	if (cap < *n + b->tag + b->nmki || b->used >= b->lifetime)
		return ERR_LIMIT;
	if (b->by_ref) {
		err = sbox_ref_protect(b->rest->ref, p, n, cap);
		b->used += !err;
		return err;
	}
	s = sbox_src_find(b->src, h.ssrc);
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
		memcpy(p + *n, b->rest->key.mki, b->nmki);
		*n += b->nmki;
	} else {
		uint8_t md[20];
		SHA_CTX in;

		err = cm(b, h.ssrc, index, p + h.hdr, h.payload);
		if (err)
			return err;
		sbox_mac_begin(&b->mac, &in);
		SHA1_Update(&in, p, *n);
		hmac_end(b, &in, (uint32_t)(index >> 16), md);
		memcpy(p + *n, b->rest->key.mki, b->nmki);
		*n += b->nmki;
		/* Word by word, as SHA-1 wrote it: a wider read would wait for it. */
		for (size_t i = 0; i < b->tag; i += 4)
			memcpy(p + *n + i, md + i, b->tag - i < 4 ? 2 : 4);
		*n += b->tag;
	}
	b->used++;
	if (s)
		mark(s, index, b->used);
	else
		add(b, h.ssrc, h.seq, 0);
	return 0;
}

int sbox_unprotect(struct sbox *b, uint8_t *p, size_t *n)
{
	struct rtp_pkt h;
	struct sbox_src *s;
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
	if (b->by_ref) {
		err = sbox_ref_unprotect(b->rest->ref, p, n);
		b->used += !err;
		return err;
	}
	if (b->nmki && memcmp(p + len + (b->gcm ? 16 : 0), b->rest->key.mki, b->nmki) != 0)
		return ERR_AUTH;
	s = sbox_src_find(b->src, h.ssrc);
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
		for (unsigned i = 0; i < tries; i++) {
			err = gcm_open(b, &h, index, p, len);
			if (err != ERR_AUTH)
				break;
			index += 65536;
		}
		if (err)
			return err;
	} else {
		uint8_t md[20];
		SHA_CTX in;

		sbox_mac_begin(&b->mac, &in);
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
	b->used++;
	if (s)
		mark(s, index, b->used);
	else
		add(b, h.ssrc, h.seq, (uint32_t)(index >> 16));
	*n = len;
	return 0;
}
