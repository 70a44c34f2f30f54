#ifndef CERTD_KEYRING_H
#define CERTD_KEYRING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certd/chain.h"
#include "certd/store.h"
#include "common/list.h"
#include "common/map.h"
#include "common/tmr.h"

/* Private keys in use and the host identities (name, key, chain) that they belong to. A replaced key serves
 * handshakes that began with it for KEYRING_GRACE_MS more, in memory only. */
#define KEYRING_GRACE_MS 60000
#define KEYRING_NAME     64
#define KEYRING_IDENTS   32
#define KEYRING_DEFAULT  "host"
#define KEY_CONTEXTS     16

enum key_kind { KEY_RSA, KEY_EC, KEY_ED25519 };
struct key {
	struct map_node by_id;
	uint8_t id[32]; /* SHA-256 of the SubjectPublicKeyInfo */
	char hex[65];
	EVP_PKEY *pkey;
	enum key_kind kind;
	char type[24]; /* "RSA-2048" */
	unsigned users;
	struct tmr drop;
	struct keyring *ring;
	struct { /* prepared operations, see sign.c */
		int scheme, hash;
		EVP_PKEY_CTX *ctx;
	} ctx[KEY_CONTEXTS];
};
struct ident {
	struct list in_ring;
	char name[KEYRING_NAME + 1];
	struct key *key;
	unsigned n;
	struct ident_cert {
		uint8_t *der;
		size_t n;
	} cert[CHAIN_MAX]; /* leaf first */
	int64_t installed; /* Unix seconds */
};
struct keyring;

struct keyring *keyring_new(struct store *s, struct tmr_wheel *wheel);
void keyring_free(struct keyring *r);
/* Everything from the store. A record that does not open is logged and left out. */
int keyring_load(struct keyring *r) MUST_CHECK;
struct key *keyring_key(const struct keyring *r, const uint8_t id[32]);
struct ident *keyring_ident(const struct keyring *r, struct slice name);
struct ident *keyring_next(const struct keyring *r, const struct ident *prev);
unsigned keyring_count(const struct keyring *r);
/* [a-z0-9._-], 1 to KEYRING_NAME octets. */
bool keyring_name_ok(struct slice name);
/* Makes or replaces an identity; on disk when it returns. A request of that name is done with when it was for this
 * key. ERR_LIMIT: KEYRING_IDENTS; ERR_UNSUPP: kind of key. */
int keyring_put(
    struct keyring *r, struct slice name, EVP_PKEY *key, const struct chain *chain) MUST_CHECK;
/* Keeps a key and what was asked of a CA for it, until the certificate comes. Replaces an earlier request. */
int keyring_request(struct keyring *r, struct slice name, EVP_PKEY *key, X509_REQ *req) MUST_CHECK;
/* The caller frees both. ERR_NOTFOUND. key may be NULL. */
int keyring_requested(
    struct keyring *r, struct slice name, EVP_PKEY **key, X509_REQ **req) MUST_CHECK;
/* With its request. ERR_NOTFOUND: neither exists. */
int keyring_del(struct keyring *r, struct slice name) MUST_CHECK;

/* RSA, EC on P-256/384/521, Ed25519. */
int key_kind_of(const EVP_PKEY *k, enum key_kind *out) MUST_CHECK;
/* PKCS#8 in a sealed record of the store, by key id. */
int key_store(struct store *s, EVP_PKEY *k, uint8_t id[32]) MUST_CHECK;
int key_fetch(struct store *s, const uint8_t id[32], EVP_PKEY **out) MUST_CHECK;
#endif
