#ifndef SIPD_KEY_PROVIDER_H
#define SIPD_KEY_PROVIDER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/ossl.h"

/* An OpenSSL 3 provider for private keys that are elsewhere: it holds public keys only and hands every private
 * operation to a backend. libssl sees ordinary RSA and EC keys.
 *
 * Nothing blocks. libssl runs the handshake in a fibre (SSL_MODE_ASYNC); the provider writes down what is to be
 * computed and pauses the fibre; the caller, on its own stack again, gives the operation to the backend and goes on
 * with the loop. When the answer is there the backend calls key_done(), which wakes the connection up:
 *
 *   do {
 *           key_enter(&c->wait);
 *           r = SSL_do_handshake(ssl);
 *           key_leave();
 *   } while (r <= 0 && SSL_get_error(ssl, r) == SSL_ERROR_WANT_ASYNC && key_submit(&c->wait));
 */
#define KEY_ID_LEN  32   /* SHA-256 of the SubjectPublicKeyInfo (DER) */
#define KEY_IN_MAX  1024 /* digest, or a cryptogram as long as the modulus: up to RSA-8192 */
#define KEY_OUT_MAX 1024

enum key_scheme {
	KEY_RSA_PKCS1 = 1,
	KEY_RSA_PSS, /* salt as long as the hash */
	KEY_ECDSA,
	KEY_RSA_TLS_DECRYPT /* PKCS#1 v1.5 with implicit rejection: 48 octets in any case */
};
enum key_hash {
	KEY_HASH_NONE,
	KEY_SHA1,
	KEY_SHA256,
	KEY_SHA384,
	KEY_SHA512,
	KEY_MD5_SHA1 /* TLS 1.0 and 1.1: 36 octets */
};

struct key_op { /* one private operation */
	enum key_scheme scheme;
	enum key_hash hash;
	uint8_t id[KEY_ID_LEN];
	uint32_t client_version, alt_version; /* KEY_RSA_TLS_DECRYPT; alt_version 0: none */
	size_t nin, nout;
	uint8_t in[KEY_IN_MAX], out[KEY_OUT_MAX];
};

enum key_state { KEY_IDLE, KEY_ASKED, KEY_WAITING, KEY_DONE };
struct key_store;
struct
    key_wait { /* one per connection, zeroed before first use; wake and ctx are the owner's to set */
	void (*wake)(
	    struct key_wait *w); /* the handshake can go on; never from inside key_submit */
	void *ctx;
	void *backend; /* the backend's own, while KEY_WAITING */
	enum key_state state;
	bool starting;
	int err; /* of the last operation */
	struct key_store *ks;
	struct key_op op;
};

struct key_backend {
	/* Starts w->op; calls key_done(w, …) now or later, exactly once, but not after cancel. */
	void (*start)(void *ctx, struct key_wait *w);
	void (*cancel)(void *ctx, struct key_wait *w);
};

/* Brings the provider beside the default one into OpenSSL's default library context: a context of our own costs 4 % of
 * every handshake (measured with OpenSSL 3.0). ERR_CRYPTO. b and ctx must outlive it. */
int key_store_new(const struct key_backend *b, void *ctx, struct key_store **out) MUST_CHECK;
/* After every SSL_CTX and EVP_PKEY made with it. NULL is fine. */
void key_store_free(struct key_store *ks);
/* For SSL_CTX_new_ex(). */
OSSL_LIB_CTX *key_store_ctx(const struct key_store *ks);
/* A private key for libssl that belongs to pub. The caller frees it. ERR_UNSUPP: neither RSA nor EC on P-256, P-384,
 * P-521; ERR_CRYPTO. */
int key_store_pkey(struct key_store *ks, EVP_PKEY *pub, EVP_PKEY **out) MUST_CHECK;
/* SHA-256 of the SubjectPublicKeyInfo. */
int key_id(EVP_PKEY *pub, uint8_t id[KEY_ID_LEN]) MUST_CHECK;

void key_enter(struct key_wait *w); /* before each call into libssl that may need a key */
void key_leave(void);
/* After SSL_ERROR_WANT_ASYNC: true: the answer is there already, call libssl again; false: wait for wake. */
bool key_submit(struct key_wait *w);
/* The connection ends. Whoever has a paused fibre must call libssl once more after it: that call fails and gives the
 * fibre's memory back. Returns whether that is so. */
bool key_abort(struct key_wait *w);
/* From the backend. err < 0: the operation failed, out is not looked at. */
void key_done(struct key_wait *w, int err, const void *out, size_t n);
#endif
