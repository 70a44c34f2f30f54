#ifndef CERTD_SIGN_H
#define CERTD_SIGN_H
#include "certd/keyring.h"

/* Private-key operations. Whether they are allowed is policy.c's business. */
enum sign_scheme { SIGN_RSA_PKCS1 = 1, SIGN_RSA_PSS, SIGN_ECDSA, SIGN_ED25519 };
enum sign_hash { SIGN_NONE, SIGN_SHA1, SIGN_SHA256, SIGN_SHA384, SIGN_SHA512, SIGN_MD5_SHA1 };
#define SIGN_MAX       1024       /* octets of a signature */
#define SIGN_DATA_MAX  (16 << 10) /* Ed25519 signs the message itself */
#define SIGN_PREMASTER 48

/* data: the digest, as long as hash says; for Ed25519 the message, hash SIGN_NONE. ERR_VALUE: scheme, hash, length and
 * key do not fit each other; ERR_CRYPTO. */
int sign_make(struct key *k, enum sign_scheme scheme, enum sign_hash hash, struct slice data,
    uint8_t out[SIGN_MAX], size_t *n) MUST_CHECK;
/* RSA key exchange of old TLS: PKCS#1 v1.5 with implicit rejection, so that a wrong cryptogram gives random octets and
 * no error. ERR_VALUE: not an RSA key, or data is not as long as its modulus. */
int sign_premaster(struct key *k, struct slice data, uint32_t client_version, uint32_t alt_version,
    uint8_t out[SIGN_PREMASTER]) MUST_CHECK;
#endif
