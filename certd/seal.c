/* Sealed records: AES-256-GCM with the record's identity as additional data; keys by HKDF. */
#include "certd/seal.h"

#include "common/ossl.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <limits.h>

#include "common/id.h"
#include "common/mem.h"

#define NONCE 12
#define TAG   16
_Static_assert(NONCE + TAG == SEAL_OVERHEAD, "layout");

int seal_derive(struct slice secret, const char *label, uint8_t *out, size_t n)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *c = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM p[] = { OSSL_PARAM_construct_utf8_string(
		               OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
		OSSL_PARAM_construct_octet_string(
		    OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret.p, secret.n),
		OSSL_PARAM_construct_octet_string(
		    OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)label, slice_str(label).n),
		OSSL_PARAM_construct_end() };
	int ok = c && EVP_KDF_derive(c, out, n, p) == 1;

	EVP_KDF_CTX_free(c);
	EVP_KDF_free(kdf);
	return ok ? 0 : ERR_CRYPTO;
}

int seal_close(const uint8_t key[SEAL_KEY], struct slice aad, struct slice plain, uint8_t *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0, ok;

	if (aad.n > INT_MAX || plain.n > INT_MAX - SEAL_OVERHEAD) {
		EVP_CIPHER_CTX_free(c);
		return ERR_LIMIT;
	}
	id_random(out, NONCE);
	ok = c && EVP_EncryptInit_ex2(c, EVP_aes_256_gcm(), key, out, NULL) == 1 &&
	     EVP_EncryptUpdate(c, NULL, &n, (const uint8_t *)aad.p, (int)aad.n) == 1 &&
	     EVP_EncryptUpdate(c, out + NONCE, &n, (const uint8_t *)(plain.p ? plain.p : ""),
	         (int)plain.n) == 1 &&
	     EVP_EncryptFinal_ex(c, out + NONCE + plain.n, &n) == 1 &&
	     EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, out + NONCE + plain.n) == 1;
	EVP_CIPHER_CTX_free(c);
	return ok ? 0 : ERR_CRYPTO;
}

int seal_open(const uint8_t key[SEAL_KEY], struct slice aad, struct slice sealed, uint8_t *out)
{
	const uint8_t *in = (const uint8_t *)sealed.p;
	EVP_CIPHER_CTX *c;
	size_t plain;
	int n = 0, ok;

	if (sealed.n < SEAL_OVERHEAD || sealed.n > INT_MAX || aad.n > INT_MAX)
		return ERR_AUTH;
	plain = sealed.n - SEAL_OVERHEAD;
	c = EVP_CIPHER_CTX_new();
	ok = c && EVP_DecryptInit_ex2(c, EVP_aes_256_gcm(), key, in, NULL) == 1 &&
	     EVP_DecryptUpdate(c, NULL, &n, (const uint8_t *)aad.p, (int)aad.n) == 1 &&
	     EVP_DecryptUpdate(c, out, &n, in + NONCE, (int)plain) == 1 &&
	     EVP_CIPHER_CTX_ctrl(
	         c, EVP_CTRL_GCM_SET_TAG, TAG, (void *)(uintptr_t)(in + NONCE + plain)) == 1 &&
	     EVP_DecryptFinal_ex(c, out + plain, &n) == 1;
	EVP_CIPHER_CTX_free(c);
	if (!ok)
		mem_wipe(out, plain);
	return ok ? 0 : ERR_AUTH;
}
