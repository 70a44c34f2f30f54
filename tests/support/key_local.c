/* Private operations with keys at hand, for tests of the provider. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/key_local.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

void key_local_add(struct key_local *l, EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);

	if (n <= 0 || l->n == KEY_LOCAL_MAX)
		abort();
	SHA256(der, (size_t)n, l->id[l->n]);
	OPENSSL_free(der);
	l->key[l->n++] = key;
}

static const EVP_MD *md_of(enum key_hash h)
{
	switch (h) {
	case KEY_SHA1:
		return EVP_sha1();
	case KEY_SHA256:
		return EVP_sha256();
	case KEY_SHA384:
		return EVP_sha384();
	case KEY_SHA512:
		return EVP_sha512();
	case KEY_MD5_SHA1:
		return EVP_md5_sha1();
	default:
		return NULL;
	}
}

static int decrypt(EVP_PKEY_CTX *c, const struct key_op *op, uint8_t *out, size_t *n)
{
	unsigned cv = op->client_version, av = op->alt_version;
	OSSL_PARAM p[3];
	size_t i = 0;

	p[i++] = OSSL_PARAM_construct_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, &cv);
	if (av)
		p[i++] =
		    OSSL_PARAM_construct_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, &av);
	p[i] = OSSL_PARAM_construct_end();
	*n = KEY_OUT_MAX;
	return EVP_PKEY_decrypt_init(c) == 1 &&
	               EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_WITH_TLS_PADDING) == 1 &&
	               EVP_PKEY_CTX_set_params(c, p) == 1 &&
	               EVP_PKEY_decrypt(c, out, n, op->in, op->nin) == 1
	           ? 0
	           : ERR_CRYPTO;
}

int key_local_run(const struct key_local *l, const struct key_op *op, uint8_t *out, size_t *n)
{
	EVP_PKEY_CTX *c = NULL;
	int err = ERR_CRYPTO;

	for (unsigned i = 0; i < l->n && !c; i++)
		if (!memcmp(l->id[i], op->id, KEY_ID_LEN))
			c = EVP_PKEY_CTX_new_from_pkey(NULL, l->key[i], NULL);
	if (!c)
		return ERR_NOTFOUND;
	*n = KEY_OUT_MAX;
	if (op->scheme == KEY_RSA_TLS_DECRYPT)
		err = decrypt(c, op, out, n);
	else if (EVP_PKEY_sign_init(c) == 1 &&
	         (op->scheme == KEY_ECDSA ||
	             EVP_PKEY_CTX_set_rsa_padding(c,
	                 op->scheme == KEY_RSA_PSS ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) ==
	                 1) &&
	         EVP_PKEY_CTX_set_signature_md(c, md_of(op->hash)) == 1 &&
	         (op->scheme != KEY_RSA_PSS ||
	             EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) == 1) &&
	         EVP_PKEY_sign(c, out, n, op->in, op->nin) == 1)
		err = 0;
	EVP_PKEY_CTX_free(c);
	return err;
}
