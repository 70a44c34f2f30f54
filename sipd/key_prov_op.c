/* The provider's operations: signatures (RSA PKCS#1 v1.5 and PSS, ECDSA) and the RSA decryption of old key exchange. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "sipd/key_prov.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

struct sig {               /* one signature under way */
	struct key_pub *k; /* borrowed: the EVP_PKEY lives longer */
	const EVP_MD *md;  /* the store's */
	EVP_MD_CTX *h;
	enum key_hash hash;
	int pad;
};

static void *sig_new(void *prov, const char *propq)
{
	struct sig *s = mem_new(sizeof(*s));

	(void)prov;
	(void)propq;
	s->pad = RSA_PKCS1_PADDING;
	return s;
}

static void sig_free(void *ctx)
{
	struct sig *s = ctx;

	if (!s)
		return;
	EVP_MD_CTX_free(s->h);
	free(s);
}

static void *sig_dup(void *ctx)
{
	const struct sig *from = ctx;
	struct sig *s = mem_dup(from, sizeof(*from));

	s->h = NULL;
	if (from->h) {
		s->h = EVP_MD_CTX_new();
		if (!s->h || !EVP_MD_CTX_copy_ex(s->h, from->h)) {
			sig_free(s);
			return NULL;
		}
	}
	return s;
}

static int sig_set_hash(struct sig *s, const char *name)
{
	const EVP_MD *md = key_md(s->k->ks, name && *name ? name : "SHA256", &s->hash);

	if (md)
		s->md = md;
	return md != NULL;
}

static int sig_set_params(void *ctx, const OSSL_PARAM params[])
{
	struct sig *s = ctx;
	const OSSL_PARAM *p;
	const char *text;
	int v;

	if (!params)
		return 1;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	if (p) {
		v = 0;
		if (p->data_type == OSSL_PARAM_UTF8_STRING) {
			text = p->data;
			if (!strcmp(text, OSSL_PKEY_RSA_PAD_MODE_PKCSV15))
				v = RSA_PKCS1_PADDING;
			else if (!strcmp(text, OSSL_PKEY_RSA_PAD_MODE_PSS))
				v = RSA_PKCS1_PSS_PADDING;
		} else if (!OSSL_PARAM_get_int(p, &v)) {
			return 0;
		}
		if (v != RSA_PKCS1_PADDING && v != RSA_PKCS1_PSS_PADDING)
			return 0;
		s->pad = v;
	}
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
	if (p) { /* TLS wants the hash's length, and so do we */
		if (p->data_type == OSSL_PARAM_UTF8_STRING)
			return !strcmp(p->data, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST);
		return OSSL_PARAM_get_int(p, &v) &&
		       (v == RSA_PSS_SALTLEN_DIGEST || (s->md && v == EVP_MD_get_size(s->md)));
	}
	return 1;
}

static const OSSL_PARAM *sig_settable(void *ctx, void *prov)
{
	static const OSSL_PARAM rsa[] = { OSSL_PARAM_utf8_string(
		                              OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0), OSSL_PARAM_END };

	(void)ctx;
	(void)prov;
	return rsa;
}

static int sig_init(void *ctx, const char *md, void *key, const OSSL_PARAM params[])
{
	struct sig *s = ctx;

	if (key)
		s->k = key;
	if (!s->k || !s->k->ks || !sig_set_hash(s, md) || !sig_set_params(s, params))
		return 0;
	EVP_MD_CTX_free(s->h);
	s->h = NULL; /* made when there is something to hash: init alone is asked often */
	return 1;
}

static int sig_update(void *ctx, const unsigned char *p, size_t n)
{
	struct sig *s = ctx;

	if (!s->h) {
		s->h = EVP_MD_CTX_new();
		if (!s->h || !EVP_DigestInit_ex2(s->h, s->md, NULL))
			return 0;
	}
	return EVP_DigestUpdate(s->h, p, n);
}

static int sig_make(struct sig *s, struct key_op *op, unsigned char *out, size_t *n, size_t cap)
{
	op->hash = s->hash;
	op->scheme = !s->k->rsa                        ? KEY_ECDSA
	             : s->pad == RSA_PKCS1_PSS_PADDING ? KEY_RSA_PSS
	                                               : KEY_RSA_PKCS1;
	return !key_run(s->k, op, out, cap, n);
}

static int sig_final(void *ctx, unsigned char *out, size_t *n, size_t cap)
{
	struct sig *s = ctx;
	struct key_op op;
	unsigned len = 0;

	if (!out) {
		*n = (size_t)key_pub_size(s->k);
		return 1;
	}
	if (!s->h && !sig_update(s, (const unsigned char *)"", 0))
		return 0;
	memset(&op, 0, offsetof(struct key_op, in));
	if (!EVP_DigestFinal_ex(s->h, op.in, &len))
		return 0;
	op.nin = len;
	return sig_make(s, &op, out, n, cap);
}

static int sig_once(
    void *ctx, unsigned char *out, size_t *n, size_t cap, const unsigned char *tbs, size_t ntbs)
{
	struct sig *s = ctx;
	struct key_op op;
	unsigned len = 0;

	if (!out) {
		*n = (size_t)key_pub_size(s->k);
		return 1;
	}
	memset(&op, 0, offsetof(struct key_op, in));
	if (!EVP_Digest(tbs, ntbs, op.in, &len, s->md, NULL))
		return 0;
	op.nin = len;
	return sig_make(s, &op, out, n, cap);
}

struct dec { /* one decryption */
	struct key_pub *k;
	int pad;
	uint32_t client_version, alt_version;
};

static void *dec_new(void *prov)
{
	(void)prov;
	return mem_new(sizeof(struct dec));
}

static void dec_free(void *ctx)
{
	free(ctx);
}

static void *dec_dup(void *ctx)
{
	return mem_dup(ctx, sizeof(struct dec));
}

static int dec_set_params(void *ctx, const OSSL_PARAM params[])
{
	struct dec *d = ctx;
	const OSSL_PARAM *p;
	unsigned v;

	if (!params)
		return 1;
	p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);
	if (p && !OSSL_PARAM_get_int(p, &d->pad))
		return 0; /* named paddings are not TLS */
	p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION);
	if (p) {
		if (!OSSL_PARAM_get_uint(p, &v))
			return 0;
		d->client_version = v;
	}
	p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION);
	if (p) {
		if (!OSSL_PARAM_get_uint(p, &v))
			return 0;
		d->alt_version = v;
	}
	return 1;
}

static const OSSL_PARAM *dec_settable(void *ctx, void *prov)
{
	static const OSSL_PARAM t[] = { OSSL_PARAM_int(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL),
		OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, NULL),
		OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, NULL),
		OSSL_PARAM_END };

	(void)ctx;
	(void)prov;
	return t;
}

static int dec_init(void *ctx, void *key, const OSSL_PARAM params[])
{
	struct dec *d = ctx;

	d->k = key;
	return d->k && d->k->ks && dec_set_params(d, params);
}

#define TLS_PREMASTER 48

static int dec_run(
    void *ctx, unsigned char *out, size_t *n, size_t cap, const unsigned char *in, size_t nin)
{
	struct dec *d = ctx;
	struct key_op op;

	if (d->pad != RSA_PKCS1_WITH_TLS_PADDING || nin > sizeof(op.in))
		return 0;
	if (!out) {
		*n = TLS_PREMASTER;
		return 1;
	}
	memset(&op, 0, offsetof(struct key_op, in));
	op.scheme = KEY_RSA_TLS_DECRYPT;
	op.client_version = d->client_version;
	op.alt_version = d->alt_version;
	op.nin = nin;
	memcpy(op.in, in, nin);
	return !key_run(d->k, &op, out, cap, n) && *n == TLS_PREMASTER;
}

#define FN(f) (void (*)(void))(f)
#define SIG_COMMON                                                                                 \
	{ OSSL_FUNC_SIGNATURE_NEWCTX, FN(sig_new) },                                               \
	    { OSSL_FUNC_SIGNATURE_FREECTX, FN(sig_free) },                                         \
	    { OSSL_FUNC_SIGNATURE_DUPCTX, FN(sig_dup) },                                           \
	    { OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, FN(sig_init) },                                \
	    { OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, FN(sig_update) },                            \
	    { OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, FN(sig_final) },                              \
	{                                                                                          \
		OSSL_FUNC_SIGNATURE_DIGEST_SIGN, FN(sig_once)                                      \
	}

const OSSL_DISPATCH key_rsa_sign[] = { SIG_COMMON,
	{ OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, FN(sig_set_params) },
	{ OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, FN(sig_settable) }, { 0, NULL } };
const OSSL_DISPATCH key_ec_sign[] = { SIG_COMMON, { 0, NULL } };
const OSSL_DISPATCH key_rsa_cipher[] = { { OSSL_FUNC_ASYM_CIPHER_NEWCTX, FN(dec_new) },
	{ OSSL_FUNC_ASYM_CIPHER_FREECTX, FN(dec_free) },
	{ OSSL_FUNC_ASYM_CIPHER_DUPCTX, FN(dec_dup) },
	{ OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, FN(dec_init) },
	{ OSSL_FUNC_ASYM_CIPHER_DECRYPT, FN(dec_run) },
	{ OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS, FN(dec_set_params) },
	{ OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, FN(dec_settable) }, { 0, NULL } };
