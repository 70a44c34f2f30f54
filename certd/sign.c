/* Private-key operations by OpenSSL, with the contexts kept between them. */
#include "certd/sign.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <string.h>

#include "common/mem.h"

static const EVP_MD *md_of(enum sign_hash h, size_t *len)
{
	static const struct {
		const EVP_MD *(*md)(void);
		size_t len;
	} t[] = {
		[SIGN_SHA1] = { EVP_sha1, 20 },
		[SIGN_SHA256] = { EVP_sha256, 32 },
		[SIGN_SHA384] = { EVP_sha384, 48 },
		[SIGN_SHA512] = { EVP_sha512, 64 },
		[SIGN_MD5_SHA1] = { EVP_md5_sha1, 36 },
	};

	*len = t[h].len;
	return t[h].md();
}

static bool fits(const struct key *k, enum sign_scheme s, enum sign_hash h, size_t n)
{
	size_t len;

	if (s == SIGN_ED25519)
		return k->kind == KEY_ED25519 && h == SIGN_NONE && n <= SIGN_DATA_MAX;
	if (h < SIGN_SHA1 || h > SIGN_MD5_SHA1)
		return false;
	md_of(h, &len);
	if (n != len)
		return false;
	if (s == SIGN_ECDSA)
		return k->kind == KEY_EC && h != SIGN_MD5_SHA1;
	if (s == SIGN_RSA_PSS)
		return k->kind == KEY_RSA && h != SIGN_MD5_SHA1;
	return s == SIGN_RSA_PKCS1 && k->kind == KEY_RSA;
}

/* Setting up costs as much as an ECDSA signature: done once per key, scheme and hash. */
static EVP_PKEY_CTX *prepared(struct key *k, enum sign_scheme s, enum sign_hash h)
{
	EVP_PKEY_CTX *c;
	size_t len, i;

	for (i = 0; i < KEY_CONTEXTS && k->ctx[i].ctx; i++)
		if (k->ctx[i].scheme == (int)s && k->ctx[i].hash == (int)h)
			return k->ctx[i].ctx;
	BUG_ON(i == KEY_CONTEXTS); /* there are fewer combinations */
	c = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	if (!c || EVP_PKEY_sign_init(c) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(c, md_of(h, &len)) != 1 ||
	    (k->kind == KEY_RSA &&
	        EVP_PKEY_CTX_set_rsa_padding(
	            c, s == SIGN_RSA_PSS ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) != 1) ||
	    (s == SIGN_RSA_PSS &&
	        EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) != 1)) {
		EVP_PKEY_CTX_free(c);
		return NULL;
	}
	k->ctx[i].scheme = (int)s;
	k->ctx[i].hash = (int)h;
	k->ctx[i].ctx = c;
	return c;
}

static int ed25519(struct key *k, struct slice data, uint8_t *out, size_t *n)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	int ok = c && EVP_DigestSignInit(c, NULL, NULL, NULL, k->pkey) == 1 &&
	         EVP_DigestSign(c, out, n, (const uint8_t *)data.p, data.n) == 1;

	EVP_MD_CTX_free(c);
	return ok ? 0 : ERR_CRYPTO;
}

int sign_make(struct key *k, enum sign_scheme scheme, enum sign_hash hash, struct slice data,
    uint8_t out[SIGN_MAX], size_t *n)
{
	EVP_PKEY_CTX *c;
	int err = ERR_CRYPTO;

	if (!fits(k, scheme, hash, data.n))
		return ERR_VALUE;
	*n = SIGN_MAX;
	if (scheme == SIGN_ED25519)
		err = ed25519(k, data, out, n);
	else if ((c = prepared(k, scheme, hash)) != NULL &&
	         EVP_PKEY_sign(c, out, n, (const uint8_t *)data.p, data.n) == 1)
		err = 0;
	if (err)
		ERR_clear_error();
	return err;
}

int sign_premaster(struct key *k, struct slice data, uint32_t client_version, uint32_t alt_version,
    uint8_t out[SIGN_PREMASTER])
{
	unsigned client = client_version, alt = alt_version;
	OSSL_PARAM p[3] = { OSSL_PARAM_construct_uint(
		                OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, &client),
		OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end() };
	uint8_t buf[SIGN_MAX];
	EVP_PKEY_CTX *c;
	size_t n = sizeof(buf);
	int ok;

	if (k->kind != KEY_RSA || data.n != (size_t)EVP_PKEY_get_size(k->pkey) ||
	    data.n > sizeof(buf))
		return ERR_VALUE;
	if (alt)
		p[1] =
		    OSSL_PARAM_construct_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, &alt);
	c = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	ok = c && EVP_PKEY_decrypt_init(c) == 1 &&
	     EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_WITH_TLS_PADDING) == 1 &&
	     EVP_PKEY_CTX_set_params(c, p) == 1 &&
	     EVP_PKEY_decrypt(c, buf, &n, (const uint8_t *)data.p, data.n) == 1 &&
	     n == SIGN_PREMASTER;
	EVP_PKEY_CTX_free(c);
	if (ok)
		memcpy(out, buf, SIGN_PREMASTER);
	mem_wipe(buf, sizeof(buf));
	ERR_clear_error();
	return ok ? 0 : ERR_CRYPTO;
}
