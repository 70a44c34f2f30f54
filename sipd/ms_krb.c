/* LYNC: MIC tokens of Kerberos. */
#include "sipd/ms_krb.h"

#include "common/ossl.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <string.h>

#include "common/enc.h"
#include "common/mem.h"
#include "common/wr.h"
#include "sipd/ms_sign.h"

#define AES128_SHA1 17
#define AES256_SHA1 18
#define AES128_SHA2 19
#define AES256_SHA2 20
#define RC4_HMAC    23

#define SIGN_ACCEPTOR  23 /* key usages of RFC 4121 2 */
#define SIGN_INITIATOR 25
#define HEAD_MAX       16
#define TOKEN_MAX      40

static bool mac(const EVP_MD *md, const uint8_t *key, size_t nkey, const void *p, size_t n,
    uint8_t out[EVP_MAX_MD_SIZE])
{
	return HMAC(md, key, (int)nkey, p, n, out, NULL) != NULL;
}

/* RFC 3961 5.1: DK(key, usage | 0x99). */
static int derive_sha1(const uint8_t *key, size_t n, const uint8_t label[5], uint8_t *out)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "KRB5KDF", NULL);
	EVP_KDF_CTX *c = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	char cipher[] = "AES-256-CBC";
	OSSL_PARAM p[] = { OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_CIPHER, cipher, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key, n),
		OSSL_PARAM_construct_octet_string(
		    OSSL_KDF_PARAM_CONSTANT, (void *)(uintptr_t)label, 5),
		OSSL_PARAM_construct_end() };
	if (n == 16)
		memcpy(cipher + 4, "128", 3);
	bool ok = c && EVP_KDF_derive(c, out, n, p) == 1;

	EVP_KDF_CTX_free(c);
	EVP_KDF_free(kdf);
	return ok ? 0 : ERR_CRYPTO;
}

/* RFC 8009 3: one block of HMAC is enough. */
static int derive_sha2(const EVP_MD *md, const uint8_t *key, size_t n, const uint8_t label[5],
    uint8_t *out, size_t nout)
{
	uint8_t in[14], md_out[EVP_MAX_MD_SIZE];
	struct wr w = wr_of(in, sizeof(in));

	wr_be32(&w, 1);
	wr_bytes(&w, label, 5);
	wr_u8(&w, 0);
	wr_be32(&w, (uint32_t)nout * 8);
	if (!mac(md, key, n, in, sizeof(in), md_out))
		return ERR_CRYPTO;
	memcpy(out, md_out, nout);
	mem_wipe(md_out, sizeof(md_out));
	return 0;
}

static int rc4_keys(struct ms_krb_keys *k, const uint8_t *key)
{
	static const char label[] = "signaturekey"; /* with its NUL */
	static const uint8_t zero[4];
	uint8_t md[EVP_MAX_MD_SIZE];

	if (!mac(EVP_md5(), key, 16, label, sizeof(label), md))
		return ERR_CRYPTO;
	memcpy(k->check[0], md, 16);
	memcpy(k->check[1], md, 16);
	if (!mac(EVP_md5(), key, 16, zero, sizeof(zero), md))
		return ERR_CRYPTO;
	memcpy(k->seq, md, 16);
	mem_wipe(md, sizeof(md));
	return 0;
}

int ms_krb_keys(struct ms_krb_keys *k, unsigned enctype, const uint8_t *key, size_t n)
{
	bool big = enctype == AES256_SHA1 || enctype == AES256_SHA2;
	int err = 0;

	memset(k, 0, sizeof(*k));
	if (enctype < AES128_SHA1 || (enctype > AES256_SHA2 && enctype != RC4_HMAC))
		return ERR_UNSUPP;
	if (n != (big ? 32u : 16u))
		return ERR_VALUE;
	k->enctype = (uint16_t)enctype;
	k->nkey = (uint8_t)n;
	if (enctype == RC4_HMAC) {
		k->nmac = 8;
		return rc4_keys(k, key);
	}
	k->nmac = enctype == AES128_SHA2 ? 16 : enctype == AES256_SHA2 ? 24 : 12;
	if (enctype == AES256_SHA2)
		k->nkey = 24;
	for (unsigned server = 0; server < 2 && !err; server++) {
		uint8_t label[5] = { 0, 0, 0, server ? SIGN_ACCEPTOR : SIGN_INITIATOR, 0x99 };
		if (enctype == AES128_SHA2 || enctype == AES256_SHA2)
			err = derive_sha2(enctype == AES128_SHA2 ? EVP_sha256() : EVP_sha384(), key,
			    n, label, k->check[server], k->nkey);
		else
			err = derive_sha1(key, n, label, k->check[server]);
	}
	return err;
}

/* ---- AES ---- */

static int token_aes(const struct ms_krb_keys *k, const uint8_t head[16], bool server,
    struct slice buffer, uint8_t out[TOKEN_MAX])
{
	const EVP_MD *md = k->enctype == AES128_SHA2   ? EVP_sha256()
	                   : k->enctype == AES256_SHA2 ? EVP_sha384()
	                                               : EVP_sha1();
	uint8_t in[MS_SIGN_BUFFER_MAX + HEAD_MAX], sum[EVP_MAX_MD_SIZE];

	memcpy(in, buffer.p, buffer.n);
	memcpy(in + buffer.n, head, HEAD_MAX);
	if (!mac(md, k->check[server], k->nkey, in, buffer.n + HEAD_MAX, sum))
		return ERR_CRYPTO;
	memcpy(out, head, HEAD_MAX);
	memcpy(out + HEAD_MAX, sum, k->nmac);
	return 0;
}

/* ---- RC4 ---- */

static const uint8_t rc4_head[] = { 0x60, 0x23, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12,
	0x01, 0x02, 0x02, 0x01, 0x01, 0x11, 0x00, 0xff, 0xff, 0xff, 0xff };
#define RC4_TOKEN (sizeof(rc4_head) + 16)
#define RC4_INNER 13 /* where the token begins inside of its frame */

static int rc4_sum(const struct ms_krb_keys *k, struct slice buffer, uint8_t out[8])
{
	uint8_t in[4 + 8 + MS_SIGN_BUFFER_MAX], md[EVP_MAX_MD_SIZE], sum[EVP_MAX_MD_SIZE];
	struct wr w = wr_of(in, sizeof(in));

	wr_le32(&w, 15);
	wr_bytes(&w, rc4_head + RC4_INNER, 8);
	wr_slice_add(&w, buffer);
	if (w.bad || EVP_Digest(in, w.n, md, NULL, EVP_md5(), NULL) != 1 ||
	    !mac(EVP_md5(), k->check[0], 16, md, 16, sum))
		return ERR_CRYPTO;
	memcpy(out, sum, 8);
	return 0;
}

static int rc4_seq(
    const struct ms_krb_keys *k, const uint8_t sum[8], const uint8_t in[8], uint8_t out[8])
{
	uint8_t key[EVP_MAX_MD_SIZE], stream[8];

	if (!mac(EVP_md5(), k->seq, 16, sum, 8, key))
		return ERR_CRYPTO;
	ms_rc4_stream(key, stream, sizeof(stream));
	for (unsigned i = 0; i < 8; i++)
		out[i] = in[i] ^ stream[i];
	mem_wipe(key, sizeof(key));
	return 0;
}

/* ---- both ---- */

static void sequence(uint8_t out[8], uint32_t seq, bool server, bool rc4)
{
	struct wr w = wr_of(out, 8);

	if (!rc4)
		wr_be32(&w, 0);
	wr_be32(&w, seq);
	if (rc4)
		wr_fill(&w, server ? 0xff : 0, 4);
}

static void head_aes(uint8_t out[HEAD_MAX], bool server, uint32_t seq)
{
	memcpy(out, (const uint8_t[]){ 4, 4, 0, 0xff, 0xff, 0xff, 0xff, 0xff }, 8);
	out[2] = server ? 1 : 0;
	sequence(out + 8, seq, server, false);
}

int ms_krb_sign(const struct ms_krb_keys *k, bool server, uint32_t seq, struct slice buffer,
    char out[MS_KRB_SIG + 1])
{
	uint8_t token[TOKEN_MAX], head[HEAD_MAX];
	int err;

	if (buffer.n > MS_SIGN_BUFFER_MAX)
		return ERR_LIMIT;
	if (k->enctype == RC4_HMAC) {
		uint8_t plain[8], *at = token + sizeof(rc4_head);
		memcpy(token, rc4_head, sizeof(rc4_head));
		sequence(plain, seq, server, true);
		err = rc4_sum(k, buffer, at + 8);
		err = err ? err : rc4_seq(k, at + 8, plain, at);
		if (!err)
			enc_hex(token, RC4_TOKEN, out);
		return err;
	}
	head_aes(head, server, seq);
	err = token_aes(k, head, server, buffer, token);
	if (!err)
		enc_hex(token, HEAD_MAX + (size_t)k->nmac, out);
	return err;
}

int ms_krb_verify(const struct ms_krb_keys *k, bool server, struct slice buffer, struct slice text)
{
	uint8_t got[TOKEN_MAX], want[TOKEN_MAX], head[HEAD_MAX];
	size_t n = 0, size = k->enctype == RC4_HMAC ? RC4_TOKEN : HEAD_MAX + (size_t)k->nmac;
	int err;

	if (buffer.n > MS_SIGN_BUFFER_MAX)
		return ERR_LIMIT;
	if (enc_unhex(text, got, sizeof(got), &n) || n != size)
		return ERR_AUTH;
	if (k->enctype == RC4_HMAC) {
		const uint8_t *at = got + sizeof(rc4_head);
		uint8_t sum[8], plain[8];
		if (memcmp(got, rc4_head, sizeof(rc4_head)) != 0)
			return ERR_AUTH;
		err = rc4_sum(k, buffer, sum);
		if (err || mem_differs(sum, at + 8, 8))
			return err ? err : ERR_AUTH;
		err = rc4_seq(k, sum, at, plain);
		sequence(want, 0, server, true);
		return err ? err : mem_differs(plain + 4, want + 4, 4) ? ERR_AUTH : 0;
	}
	/* Whatever number it has, the rest of the head is known. */
	head_aes(head, server, 0);
	if (memcmp(got, head, 8) != 0)
		return ERR_AUTH;
	err = token_aes(k, got, server, buffer, want);
	return err ? err : mem_differs(want, got, size) ? ERR_AUTH : 0;
}
