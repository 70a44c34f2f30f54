/* The link's cipher in both generations, SYS_INIT's signature and encrypted block, and keys at rest. */
#include "dectd/rfp_crypt.h"

#include <string.h>

#include "common/enc.h"
#include "common/mem.h"
#include "common/ossl.h"
#include "common/rd.h"

/* clang-format off */
static const uint8_t iv_to_omm[8] = { 0x68, 0xe8, 0x36, 0x4b, 0xe9, 0xc2, 0x34, 0xc1 };
static const uint8_t iv_to_rfp[8] = { 0xdf, 0xe6, 0x65, 0x71, 0xfa, 0xc4, 0x5a, 0x42 };
/* In every firmware, hence no secret: what is encrypted or signed with these proves nothing about a base. */
static const uint8_t block_key[32] = {
	0xe7, 0x05, 0xbc, 0x1a, 0x92, 0x41, 0x2f, 0x32, 0x62, 0xc5, 0x47, 0xf8, 0x79, 0x46, 0x93, 0x69,
	0x97, 0xe6, 0x90, 0xad, 0xa4, 0x6f, 0xad, 0x25, 0xbb, 0xc6, 0x26, 0xf6, 0xf5, 0xa5, 0xa6, 0xce,
};
static const uint8_t sign_key[56] = {
	0xe7, 0xad, 0xda, 0x3a, 0xdb, 0x05, 0x21, 0xf3, 0xd3, 0xfb, 0xdf, 0x3a, 0x18, 0xee, 0x86, 0x48,
	0xb4, 0x73, 0x98, 0xb1, 0x57, 0x0c, 0x2b, 0x45, 0xef, 0x8d, 0x2a, 0x91, 0x80, 0xa1, 0xa3, 0x2c,
	0x69, 0x28, 0x4a, 0x9c, 0x97, 0xd4, 0x44, 0xab, 0xf8, 0x7f, 0x5c, 0x57, 0x8f, 0x94, 0x28, 0x21,
	0x4d, 0xd0, 0x18, 0x3c, 0xba, 0x96, 0x9d, 0xc5,
};
static const uint8_t fixed_tab[224] = {
	0x38, 0x63, 0x74, 0xf2, 0xfc, 0xc3, 0xa5, 0x63, 0x47, 0xe4, 0xeb, 0x35, 0x0f, 0xf8, 0x24, 0x6a,
	0x36, 0x8a, 0x4b, 0x3b, 0x28, 0x59, 0x04, 0x72, 0x88, 0x3c, 0x8d, 0x38, 0xa9, 0x95, 0xe4, 0x4d,
	0xfd, 0x17, 0x8e, 0x72, 0x68, 0x14, 0x55, 0x87, 0xb0, 0x50, 0x29, 0x33, 0x78, 0xf4, 0x90, 0xf6,
	0x80, 0x45, 0x64, 0xbc, 0xa2, 0x10, 0x3b, 0x28, 0xa5, 0xab, 0xf4, 0x35, 0x3e, 0x19, 0x35, 0x2f,
	0xc3, 0xf1, 0xfe, 0xff, 0x3b, 0x47, 0x5a, 0xf6, 0x67, 0x5e, 0x56, 0x90, 0x95, 0xd7, 0x9a, 0x75,
	0x33, 0xd7, 0xc8, 0x46, 0x5d, 0x34, 0x89, 0xc5, 0xb2, 0x6a, 0x4a, 0xf6, 0x7c, 0xc5, 0xbf, 0xd7,
	0xac, 0x27, 0x92, 0xc4, 0x44, 0xac, 0xfc, 0xbb, 0xe8, 0x0e, 0xd5, 0x3a, 0x30, 0x56, 0xf3, 0xbd,
	0xb3, 0xd3, 0xbb, 0xc3, 0x33, 0x80, 0x3c, 0x12, 0x4b, 0x12, 0x5b, 0xe9, 0x21, 0x80, 0x39, 0xb0,
	0xc4, 0xe3, 0x98, 0x75, 0xf4, 0x2f, 0xe2, 0xc6, 0x66, 0x0a, 0x19, 0xaa, 0x53, 0xe0, 0x05, 0x65,
	0xe3, 0x18, 0x46, 0x34, 0x0b, 0x86, 0xb8, 0xff, 0x9c, 0x7c, 0x00, 0xce, 0x67, 0x96, 0x0c, 0x50,
	0x4c, 0x71, 0x41, 0xdf, 0x7a, 0x19, 0xb2, 0xdc, 0x34, 0x33, 0x42, 0x70, 0xba, 0xa7, 0xcb, 0x31,
	0x5e, 0x53, 0xa1, 0xf0, 0xe3, 0x62, 0xe7, 0xc6, 0xed, 0x08, 0x0e, 0xbd, 0xaa, 0x53, 0x9b, 0x8b,
	0x48, 0xaf, 0x44, 0x4c, 0x5b, 0x04, 0xab, 0x62, 0x2c, 0xec, 0x77, 0x96, 0x6c, 0x3e, 0xc1, 0xf5,
	0xaa, 0xba, 0xe4, 0xd2, 0x46, 0x6e, 0x39, 0x5c, 0x3b, 0xf6, 0x5f, 0xc9, 0xfd, 0x81, 0xc1, 0xc3,
};
/* clang-format on */

void rfp_iv(const uint8_t auth[RFP_AUTH_LEN], enum rfp_toward d, uint8_t iv[BF_BLOCK])
{
	const uint8_t *seed = auth + (d == TO_OMM ? 7 : 23);
	const uint8_t *con = d == TO_OMM ? iv_to_omm : iv_to_rfp;

	for (unsigned i = 0; i < BF_BLOCK; i++)
		iv[i] = seed[i] ^ con[i];
}

void rfp_cipher_key(
    struct rfp_cipher *c, const uint8_t key[RFP_KEY_LEN], const uint8_t iv[BF_BLOCK])
{
	bf_key(&c->bf, key, RFP_KEY_LEN);
	memcpy(c->iv, iv, BF_BLOCK);
	c->fixed = false;
	c->count = 0;
}

void rfp_cipher_fixed(struct rfp_cipher *c, enum rfp_toward d, const uint8_t iv[BF_BLOCK])
{
	uint8_t key[RFP_KEY_LEN];
	unsigned at = d == TO_RFP ? 0 : 112;

	for (unsigned i = 0; i < RFP_KEY_LEN; i++)
		key[i] = fixed_tab[at + i] ^ fixed_tab[at + 56 + i];
	rfp_cipher_key(c, key, iv);
	c->fixed = true;
}

void rfp_cipher_wipe(struct rfp_cipher *c)
{
	mem_wipe(c, sizeof(*c));
}

/* The rand_r of old C libraries: three steps of a linear congruential generator give 11 + 10 + 10 bits. */
static uint32_t old_rand_r(uint32_t *seed)
{
	uint32_t s = *seed, r;

	s = s * 1103515245u + 12345u;
	r = (s >> 16) % 2048;
	s = s * 1103515245u + 12345u;
	r = r << 10 ^ (s >> 16) % 1024;
	s = s * 1103515245u + 12345u;
	r = r << 10 ^ (s >> 16) % 1024;
	*seed = s;
	return r;
}

/* Old generation: message number 2,500 still goes under the old key; its first four ciphertext octets seed the next.
 * The CBC chain runs on. */
static void count(struct rfp_cipher *c, const uint8_t first[4])
{
	uint8_t key[RFP_KEY_LEN];
	uint32_t seed;

	if (!c->fixed || ++c->count < RFP_REKEY_EACH)
		return;
	c->count = 0;
	seed = (uint32_t)first[0] | (uint32_t)first[1] << 8 | (uint32_t)first[2] << 16 |
	       (uint32_t)first[3] << 24;
	for (unsigned i = 0; i < RFP_KEY_LEN; i++) {
		uint32_t r = old_rand_r(&seed);

		key[i] = (uint8_t)(fixed_tab[56 * (r & 3) + i] ^ r >> 24);
	}
	bf_key(&c->bf, key, sizeof(key));
}

size_t rfp_seal(struct rfp_cipher *c, const uint8_t *msg, size_t n, uint8_t *out)
{
	size_t padded = (n + BF_BLOCK - 1) & ~(size_t)(BF_BLOCK - 1);

	for (size_t at = 0; at < padded; at += BF_BLOCK) {
		uint8_t block[BF_BLOCK] = { 0 };
		size_t part = n - at < BF_BLOCK ? n - at : BF_BLOCK;

		memcpy(block, msg + at, part);
		for (unsigned i = 0; i < BF_BLOCK; i++)
			block[i] ^= c->iv[i];
		bf_encrypt(&c->bf, block, c->iv);
		memcpy(out + at, c->iv, BF_BLOCK);
	}
	if (padded)
		count(c, out);
	return padded;
}

void rfp_peek(const struct rfp_cipher *c, const uint8_t in[BF_BLOCK], uint8_t out[BF_BLOCK])
{
	bf_decrypt(&c->bf, in, out);
	for (unsigned i = 0; i < BF_BLOCK; i++)
		out[i] ^= c->iv[i];
}

void rfp_open(struct rfp_cipher *c, uint8_t *data, size_t n)
{
	uint8_t first[4] = { 0 };

	if (n >= BF_BLOCK)
		memcpy(first, data, sizeof(first));
	for (size_t at = 0; at + BF_BLOCK <= n; at += BF_BLOCK) {
		uint8_t was[BF_BLOCK];

		memcpy(was, data + at, BF_BLOCK);
		rfp_peek(c, was, data + at);
		memcpy(c->iv, was, BF_BLOCK);
	}
	count(c, first);
}

int rfp_signature(
    const uint8_t auth[RFP_AUTH_LEN], const uint8_t *msg, size_t n, uint8_t out[RFP_SIG_LEN])
{
	EVP_MD_CTX *h;
	unsigned len = 0;
	int ok;

	if (n < RFP_SIG_LEN)
		return ERR_TRUNCATED;
	h = EVP_MD_CTX_new();
	ok = h && EVP_DigestInit_ex(h, EVP_md5(), NULL) == 1 &&
	     EVP_DigestUpdate(h, auth, RFP_AUTH_LEN) == 1 &&
	     EVP_DigestUpdate(h, msg, n - RFP_SIG_LEN) == 1 &&
	     EVP_DigestUpdate(h, sign_key, sizeof(sign_key)) == 1 &&
	     EVP_DigestFinal_ex(h, out, &len) == 1 && len == RFP_SIG_LEN;
	EVP_MD_CTX_free(h);
	return ok ? 0 : ERR_CRYPTO;
}

uint32_t rfp_cksum(const uint8_t *p, size_t n)
{
	uint32_t crc = 0;
	size_t len = n;

	for (size_t i = 0; i < n || len; i++) {
		uint8_t byte = i < n ? p[i] : (uint8_t)len;

		if (i >= n)
			len >>= 8;
		crc ^= (uint32_t)byte << 24;
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc & 0x80000000u ? crc << 1 ^ 0x04c11db7u : crc << 1;
	}
	return ~crc;
}

int rfp_block_open(const uint8_t in[RFP_BLOCK_LEN], struct rfp_block *out)
{
	uint8_t plain[RFP_BLOCK_LEN];
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	int n = 0;
	int ok = x && EVP_DecryptInit_ex(x, EVP_aes_256_ecb(), NULL, block_key, NULL) == 1 &&
	         EVP_CIPHER_CTX_set_padding(x, 0) == 1 &&
	         EVP_DecryptUpdate(x, plain, &n, in, RFP_BLOCK_LEN) == 1 && n == RFP_BLOCK_LEN;
	struct rd r;

	EVP_CIPHER_CTX_free(x);
	if (!ok)
		return ERR_CRYPTO;
	r = rd_of(plain, sizeof(plain));
	(void)rd_bytes(&r, 8);
	rd_copy(&r, out->mac, sizeof(out->mac));
	out->branding = rd_le16(&r);
	(void)rd_bytes(&r, 44);
	out->sum_ok = rd_be32(&r) == rfp_cksum(plain, 60);
	return 0;
}

static void swap_words(uint8_t *b)
{
	for (unsigned w = 0; w < 8; w += 4) {
		uint8_t t = b[w];

		b[w] = b[w + 3];
		b[w + 3] = t;
		t = b[w + 1];
		b[w + 1] = b[w + 2];
		b[w + 2] = t;
	}
}

void rfp_rfpa_at_rest(
    const uint8_t mac[6], bool encrypt, const uint8_t in[RFP_RFPA_LEN], uint8_t out[RFP_RFPA_LEN])
{
	char key[13];
	struct bf bf;

	enc_hex(mac, 6, key);
	bf_key(&bf, (const uint8_t *)key, sizeof(key));
	for (unsigned at = 0; at < RFP_RFPA_LEN; at += BF_BLOCK) {
		uint8_t b[BF_BLOCK];

		memcpy(b, in + at, BF_BLOCK);
		swap_words(b);
		if (encrypt)
			bf_encrypt(&bf, b, b);
		else
			bf_decrypt(&bf, b, b);
		swap_words(b);
		memcpy(out + at, b, BF_BLOCK);
	}
	mem_wipe(&bf, sizeof(bf));
}
