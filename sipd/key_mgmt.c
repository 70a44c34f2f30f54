/* The provider's key management: public halves of RSA and EC keys, and the identity of the private half. */
#include <string.h>

#include "common/mem.h"
#include "sipd/key_prov.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

static const struct key_curve curves[] = {
	{ "P-256", "prime256v1", 256, 128, 72, 65 },
	{ "P-384", "secp384r1", 384, 192, 104, 97 },
	{ "P-521", "secp521r1", 521, 256, 139, 133 },
};

int key_pub_size(const struct key_pub *k)
{
	return k->rsa ? BN_num_bytes(k->n) : k->curve->sig_max;
}

static void *mgmt_new_rsa(void *prov)
{
	struct key_pub *k = mem_new(sizeof(*k));

	(void)prov;
	k->rsa = true;
	return k;
}

static void *mgmt_new_ec(void *prov)
{
	(void)prov;
	return mem_new(sizeof(struct key_pub));
}

static void mgmt_free(void *key)
{
	struct key_pub *k = key;

	if (!k)
		return;
	BN_free(k->n);
	BN_free(k->e);
	mem_free_wiped(k, sizeof(*k));
}

static void *mgmt_dup(const void *key, int selection)
{
	const struct key_pub *from = key;
	struct key_pub *k = mem_dup(from, sizeof(*from));

	(void)selection;
	if (from->rsa) {
		k->n = BN_dup(from->n);
		k->e = BN_dup(from->e);
		if (!k->n || !k->e) {
			mgmt_free(k);
			return NULL;
		}
	}
	return k;
}

/* libssl asks whether there is a private key: there is, elsewhere. */
static int mgmt_has(const void *key, int selection)
{
	const struct key_pub *k = key;

	if (!k)
		return 0;
	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && !k->ks)
		return 0;
	if (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY)
		return k->rsa ? k->n && k->e : k->npoint > 0;
	return 1;
}

static int mgmt_match(const void *key1, const void *key2, int selection)
{
	const struct key_pub *a = key1, *b = key2;

	if (a->rsa != b->rsa)
		return 0;
	if (a->rsa)
		return !(selection & OSSL_KEYMGMT_SELECT_KEYPAIR) ||
		       (!BN_cmp(a->n, b->n) && !BN_cmp(a->e, b->e));
	if (a->curve != b->curve)
		return 0;
	return !(selection & OSSL_KEYMGMT_SELECT_KEYPAIR) ||
	       (a->npoint == b->npoint && !memcmp(a->point, b->point, a->npoint));
}

static const struct key_curve *curve_find(const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);
	const char *name = NULL;

	if (!p || !OSSL_PARAM_get_utf8_string_ptr(p, &name) || !name)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (!OPENSSL_strcasecmp(name, curves[i].name) ||
		    !OPENSSL_strcasecmp(name, curves[i].alias))
			return &curves[i];
	return NULL;
}

static int mgmt_import(void *key, int selection, const OSSL_PARAM params[])
{
	struct key_pub *k = key;
	const OSSL_PARAM *p;

	(void)selection;
	p = OSSL_PARAM_locate_const(params, KEY_PARAM_STORE);
	if (p && p->data_type == OSSL_PARAM_OCTET_STRING && p->data_size == sizeof(k->ks))
		memcpy(&k->ks, p->data, sizeof(k->ks));
	p = OSSL_PARAM_locate_const(params, KEY_PARAM_ID);
	if (p && p->data_type == OSSL_PARAM_OCTET_STRING && p->data_size == sizeof(k->id))
		memcpy(k->id, p->data, sizeof(k->id));
	if (k->rsa) {
		p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_N);
		if (!p || !OSSL_PARAM_get_BN(p, &k->n))
			return 0;
		p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_E);
		if (!p || !OSSL_PARAM_get_BN(p, &k->e))
			return 0;
		return BN_num_bytes(k->n) <= KEY_IN_MAX;
	}
	k->curve = curve_find(params);
	p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY);
	/* Compressed points are not met in certificates. */
	if (!k->curve || !p || p->data_type != OSSL_PARAM_OCTET_STRING ||
	    p->data_size != k->curve->point)
		return 0;
	memcpy(k->point, p->data, p->data_size);
	k->npoint = p->data_size;
	return 1;
}

/* Whoever wants the private half in his own hands cannot have it: then OpenSSL comes to our own operations. */
static int mgmt_export(void *key, int selection, OSSL_CALLBACK *cb, void *arg)
{
	const struct key_pub *k = key;
	OSSL_PARAM_BLD *b;
	OSSL_PARAM *params = NULL;
	int ok;

	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) && k->ks)
		return 0;
	b = OSSL_PARAM_BLD_new();
	if (!b)
		return 0;
	ok = k->rsa ? OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, k->n) &&
	                  OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, k->e)
	            : OSSL_PARAM_BLD_push_utf8_string(
	                  b, OSSL_PKEY_PARAM_GROUP_NAME, k->curve->alias, 0) &&
	                  OSSL_PARAM_BLD_push_octet_string(
	                      b, OSSL_PKEY_PARAM_PUB_KEY, k->point, k->npoint);
	if (ok)
		params = OSSL_PARAM_BLD_to_param(b);
	OSSL_PARAM_BLD_free(b);
	ok = params && cb(params, arg);
	OSSL_PARAM_free(params);
	return ok;
}

static const OSSL_PARAM rsa_types[] = { OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0), OSSL_PARAM_END };
static const OSSL_PARAM ec_types[] = { OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
	OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0), OSSL_PARAM_END };

static const OSSL_PARAM *rsa_eximport_types(int selection)
{
	return selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY ? rsa_types : NULL;
}

static const OSSL_PARAM *ec_eximport_types(int selection)
{
	return selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY ? ec_types : NULL;
}

static int mgmt_get_params(void *key, OSSL_PARAM params[])
{
	const struct key_pub *k = key;
	int bits = k->rsa ? BN_num_bits(k->n) : k->curve->bits;
	OSSL_PARAM *p;

	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_BITS)) && !OSSL_PARAM_set_int(p, bits))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_SECURITY_BITS)) &&
	    !OSSL_PARAM_set_int(p, k->rsa ? BN_security_bits(bits, -1) : k->curve->security))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MAX_SIZE)) &&
	    !OSSL_PARAM_set_int(p, key_pub_size(k)))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST)) &&
	    !OSSL_PARAM_set_utf8_string(p, "SHA256"))
		return 0;
	if (k->rsa) {
		if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_RSA_N)) &&
		    !OSSL_PARAM_set_BN(p, k->n))
			return 0;
		return !(p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_RSA_E)) ||
		       OSSL_PARAM_set_BN(p, k->e);
	}
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_GROUP_NAME)) &&
	    !OSSL_PARAM_set_utf8_string(p, k->curve->alias))
		return 0;
	return !(p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_PUB_KEY)) ||
	       OSSL_PARAM_set_octet_string(p, k->point, k->npoint);
}

static const OSSL_PARAM *mgmt_gettable(void *prov)
{
	static const OSSL_PARAM t[] = { OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0), OSSL_PARAM_END };

	(void)prov;
	return t;
}

/* Operations have names of our own, so that nobody else's RSA or EC key ever lands here. */
static const char *rsa_op_name(int op)
{
	return op == OSSL_OP_SIGNATURE     ? KEY_OP_RSA_SIGN
	       : op == OSSL_OP_ASYM_CIPHER ? KEY_OP_RSA_DEC
	                                   : NULL;
}

static const char *ec_op_name(int op)
{
	return op == OSSL_OP_SIGNATURE ? KEY_OP_EC_SIGN : NULL;
}

#define FN(f) (void (*)(void))(f)
#define MGMT_COMMON                                                                                \
	{ OSSL_FUNC_KEYMGMT_FREE, FN(mgmt_free) }, { OSSL_FUNC_KEYMGMT_DUP, FN(mgmt_dup) },        \
	    { OSSL_FUNC_KEYMGMT_HAS, FN(mgmt_has) }, { OSSL_FUNC_KEYMGMT_MATCH, FN(mgmt_match) },  \
	    { OSSL_FUNC_KEYMGMT_IMPORT, FN(mgmt_import) },                                         \
	    { OSSL_FUNC_KEYMGMT_EXPORT, FN(mgmt_export) },                                         \
	    { OSSL_FUNC_KEYMGMT_GET_PARAMS, FN(mgmt_get_params) },                                 \
	{                                                                                          \
		OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, FN(mgmt_gettable)                               \
	}

const OSSL_DISPATCH key_rsa_mgmt[] = { { OSSL_FUNC_KEYMGMT_NEW, FN(mgmt_new_rsa) }, MGMT_COMMON,
	{ OSSL_FUNC_KEYMGMT_IMPORT_TYPES, FN(rsa_eximport_types) },
	{ OSSL_FUNC_KEYMGMT_EXPORT_TYPES, FN(rsa_eximport_types) },
	{ OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FN(rsa_op_name) }, { 0, NULL } };
const OSSL_DISPATCH key_ec_mgmt[] = { { OSSL_FUNC_KEYMGMT_NEW, FN(mgmt_new_ec) }, MGMT_COMMON,
	{ OSSL_FUNC_KEYMGMT_IMPORT_TYPES, FN(ec_eximport_types) },
	{ OSSL_FUNC_KEYMGMT_EXPORT_TYPES, FN(ec_eximport_types) },
	{ OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FN(ec_op_name) }, { 0, NULL } };
