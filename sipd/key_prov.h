#ifndef SIPD_KEY_PROV_H
#define SIPD_KEY_PROV_H
#include "sipd/key_provider.h"

/* Inside of the provider: what its key management shares with its operations. */
#include <openssl/core.h>
#include <openssl/core_dispatch.h>

#define KEY_PROV_NAME "ipdect"
#define KEY_PROV_PROP "provider=" KEY_PROV_NAME
#define KEY_POINT_MAX 133 /* uncompressed point of P-521 */

struct key_curve {
	const char *name, *alias;
	int bits, security, sig_max; /* sig_max: DER of an ECDSA signature */
	size_t point;                /* octets, uncompressed */
};

struct key_pub {              /* provider side of an EVP_PKEY */
	struct key_store *ks; /* NULL: a mere public key, imported for comparison */
	bool rsa;
	uint8_t id[KEY_ID_LEN];
	BIGNUM *n, *e;
	const struct key_curve *curve;
	uint8_t point[KEY_POINT_MAX];
	size_t npoint;
};

extern const OSSL_DISPATCH key_rsa_mgmt[], key_ec_mgmt[];
extern const OSSL_DISPATCH key_rsa_sign[], key_ec_sign[], key_rsa_cipher[];

#define KEY_OP_RSA_SIGN "IPDECT-RSA-SIGN"
#define KEY_OP_EC_SIGN  "IPDECT-ECDSA"
#define KEY_OP_RSA_DEC  "IPDECT-RSA-DECRYPT"
#define KEY_PARAM_ID    "ipdect-id"
#define KEY_PARAM_STORE "ipdect-store" /* the address of the key_store; this process only */

/* The digest of a name that libssl uses, looked up once; NULL: none of ours. *h: its number. ks keeps it. */
const EVP_MD *key_md(const struct key_store *ks, const char *name, enum key_hash *h);
int key_pub_size(const struct key_pub *k); /* longest signature, octets */
/* Runs an operation for k: pauses the fibre, or, outside of a fibre, fails unless the backend answers at once. op is
 * filled but for id. On success out holds *n octets, at most cap. */
int key_run(const struct key_pub *k, const struct key_op *op, uint8_t *out, size_t cap, size_t *n);
#endif
