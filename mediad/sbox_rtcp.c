/* SRTCP, RFC 3711 3.4 and RFC 7714 9. A report comes once in seconds: its cipher is made for it and goes with it. */
#include "mediad/sbox_priv.h"

#include "common/mem.h"
#include "mediad/rtp.h"
#include "mediad/sbox_ref.h"

#define HEAD     8  /* octets in clear */
#define WORD     4  /* E and index */
#define TAG      10 /* RFC 4568 6.2.2: also under the suite _32 */
#define GCM_TAG  16
#define E        ((uint32_t)1 << 31)
#define MAX_SENT (E - 1)

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int sbox_rtcp_keys(struct sbox *b)
{
	uint8_t ak[20] = { 0 };
	int err = sbox_derive(&b->rest->key, 3, b->rest->rtcp.key, sizeof(b->rest->rtcp.key));

	if (!err)
		err = sbox_derive(&b->rest->key, 5, b->rest->rtcp.salt, b->gcm ? 12 : 14);
	if (!err && !b->gcm)
		err = sbox_derive(&b->rest->key, 4, ak, sizeof(ak));
	if (!err && !b->gcm)
		sbox_mac_set(&b->rest->rtcp.mac, ak, sizeof(ak));
	mem_wipe(ak, sizeof(ak));
	return err;
}

static void mix_in(uint8_t *p, uint32_t v)
{
	uint8_t x[4];

	sbox_put32(x, v);
	for (int i = 0; i < 4; i++)
		p[i] ^= x[i];
}

/* The counter mode is its own inverse. */
static int cm(const struct sbox *b, uint32_t ssrc, uint32_t index, uint8_t *p, size_t n)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t iv[16] = { 0 };
	int len, ok;

	memcpy(iv, b->rest->rtcp.salt, 14);
	mix_in(iv + 4, ssrc);
	mix_in(iv + 10, index);
	ok = c && EVP_EncryptInit_ex(c, EVP_aes_128_ctr(), NULL, b->rest->rtcp.key, iv) == 1 &&
	     EVP_EncryptUpdate(c, p, &len, p, (int)n) == 1;
	EVP_CIPHER_CTX_free(c);
	return ok ? 0 : ERR_CRYPTO;
}

/* From in to out; tag is written where we send, else compared. */
static int gcm(const struct sbox *b, const uint8_t *head, size_t nhead, const uint8_t *word,
    const uint8_t *in, size_t n, uint8_t *out, uint8_t *tag)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t iv[12];
	int len, end, ok;

	memcpy(iv, b->rest->rtcp.salt, sizeof(iv));
	mix_in(iv + 2, get32(head + 4));
	mix_in(iv + 8, get32(word) & ~E);
	ok = c &&
	     EVP_CipherInit_ex(c, EVP_aes_128_gcm(), NULL, b->rest->rtcp.key, iv, b->tx) == 1 &&
	     EVP_CipherUpdate(c, NULL, &len, head, (int)nhead) == 1 &&
	     EVP_CipherUpdate(c, NULL, &len, word, WORD) == 1 &&
	     (n == 0 || EVP_CipherUpdate(c, out, &len, in, (int)n) == 1) &&
	     (b->tx || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, tag) == 1);
	if (!ok) {
		EVP_CIPHER_CTX_free(c);
		return ERR_CRYPTO;
	}
	ok = EVP_CipherFinal_ex(c, out + n, &end) == 1 &&
	     (!b->tx || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, GCM_TAG, tag) == 1);
	EVP_CIPHER_CTX_free(c);
	return ok ? 0 : b->tx ? ERR_CRYPTO : ERR_AUTH;
}

int sbox_protect_rtcp(struct sbox *b, uint8_t *p, size_t *n, size_t cap)
{
	uint8_t word[WORD], md[20];
	size_t len = *n;
	SHA_CTX x;
	int err;

	if (b->rest->ref)
		return sbox_ref_protect_rtcp(b->rest->ref, p, n, cap);
	if (len < HEAD)
		return ERR_TRUNCATED;
	if (len > RTP_MAX || cap < len + WORD + b->nmki + (b->gcm ? GCM_TAG : TAG) ||
	    b->rest->rtcp.sent == MAX_SENT)
		return ERR_LIMIT;
	sbox_put32(word, ++b->rest->rtcp.sent | E);
	if (b->gcm) {
		err = gcm(b, p, HEAD, word, p + HEAD, len - HEAD, p + HEAD, p + len);
		if (err)
			return err;
		len += GCM_TAG;
	} else {
		err = cm(b, get32(p + 4), b->rest->rtcp.sent, p + HEAD, len - HEAD);
		if (err)
			return err;
	}
	memcpy(p + len, word, WORD);
	len += WORD;
	if (!b->gcm) {
		sbox_mac_begin(&b->rest->rtcp.mac, &x);
		SHA1_Update(&x, p, len);
		sbox_mac_end(&b->rest->rtcp.mac, &x, md);
	}
	memcpy(p + len, b->rest->key.mki, b->nmki);
	len += b->nmki;
	if (!b->gcm) {
		memcpy(p + len, md, TAG);
		len += TAG;
	}
	*n = len;
	return 0;
}

static void seen(struct sbox *b, struct sbox_src *s, uint32_t ssrc, uint32_t index)
{
	if (!s) {
		s = sbox_src_room(b->rest->rtcp.src);
		*s = (struct sbox_src){ .ssrc = ssrc, .used = true, .roc = index, .win = { 1, 0 } };
	} else {
		sbox_win_mark(s->win, s->roc, index);
		if (index > s->roc)
			s->roc = index;
	}
	s->heard = ++b->rest->rtcp.opened;
}

int sbox_unprotect_rtcp(struct sbox *b, uint8_t *p, size_t *n)
{
	uint8_t md[20], clear[RTP_MAX];
	size_t len, tag = b->gcm ? GCM_TAG : TAG;
	const uint8_t *word, *mki;
	struct sbox_src *s;
	uint32_t index, ssrc;
	bool hidden;
	SHA_CTX x;
	int err;

	if (b->rest->ref)
		return sbox_ref_unprotect_rtcp(b->rest->ref, p, n);
	if (*n > RTP_MAX)
		return ERR_LIMIT;
	if (*n < HEAD + WORD + tag + b->nmki)
		return ERR_TRUNCATED;
	len = *n - WORD - tag - b->nmki; /* the report */
	word = b->gcm ? p + len + GCM_TAG : p + len;
	mki = word + WORD;
	if (memcmp(mki, b->rest->key.mki, b->nmki) != 0)
		return ERR_AUTH;
	hidden = get32(word) & E;
	index = get32(word) & ~E;
	ssrc = get32(p + 4);
	s = sbox_src_find(b->rest->rtcp.src, ssrc);
	if (s && (err = sbox_win_fresh(s->win, s->roc, index)) != 0)
		return err;
	if (b->gcm && hidden) {
		err = gcm(b, p, HEAD, word, p + HEAD, len - HEAD, clear, p + len);
		if (err)
			return err;
		memcpy(p + HEAD, clear, len - HEAD);
	} else if (b->gcm) { /* RFC 7714 9.3: in clear, but authentic */
		err = gcm(b, p, len, word, NULL, 0, clear, p + len);
		if (err)
			return err;
	} else {
		sbox_mac_begin(&b->rest->rtcp.mac, &x);
		SHA1_Update(&x, p, len + WORD);
		sbox_mac_end(&b->rest->rtcp.mac, &x, md);
		if (mem_differs(md, mki + b->nmki, TAG) != 0)
			return ERR_AUTH;
		if (hidden && (err = cm(b, ssrc, index, p + HEAD, len - HEAD)) != 0)
			return err;
	}
	seen(b, s, ssrc, index);
	*n = len;
	return 0;
}
