/* Private keys in use, and host identities. */
#include "certd/keyring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/enc.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/rd.h"
#include "common/wr.h"

#define RECORD_MAX (256u << 10)

struct keyring {
	struct store *store;
	struct tmr_wheel *wheel;
	struct map keys;
	struct list idents;
	unsigned n;
};

struct keyring *keyring_new(struct store *s, struct tmr_wheel *wheel)
{
	struct keyring *r = mem_new(sizeof(*r));

	r->store = s;
	r->wheel = wheel;
	list_init(&r->idents);
	return r;
}

static void key_free(struct key *k)
{
	tmr_stop(&k->drop);
	map_del(&k->ring->keys, &k->by_id);
	for (size_t i = 0; i < KEY_CONTEXTS; i++)
		EVP_PKEY_CTX_free(k->ctx[i].ctx);
	EVP_PKEY_free(k->pkey);
	free(k);
}

static void ident_free(struct keyring *r, struct ident *t)
{
	list_remove(&t->in_ring);
	r->n--;
	for (unsigned i = 0; i < t->n; i++)
		free(t->cert[i].der);
	free(t);
}

void keyring_free(struct keyring *r)
{
	struct map_node *n;

	if (!r)
		return;
	LIST_FOREACH(&r->idents, it)
	ident_free(r, LIST_ENTRY(it, struct ident, in_ring));
	while ((n = map_next(&r->keys, NULL)) != NULL)
		key_free(CONTAINER_OF(n, struct key, by_id));
	map_free(&r->keys);
	free(r);
}

/* ---- keys ---- */

int key_kind_of(const EVP_PKEY *k, enum key_kind *out)
{
	char type[24];

	x509_text_key(k, type, sizeof(type));
	if (EVP_PKEY_is_a(k, "RSA"))
		*out = KEY_RSA;
	else if (EVP_PKEY_is_a(k, "EC") && strncmp(type, "P-", 2) == 0)
		*out = KEY_EC;
	else if (EVP_PKEY_is_a(k, "ED25519"))
		*out = KEY_ED25519;
	else
		return ERR_UNSUPP;
	return 0;
}

int key_store(struct store *s, EVP_PKEY *k, uint8_t id[32])
{
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(k);
	unsigned char *der = NULL;
	int n = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, &der) : -1;
	int err = n > 0 ? x509_key_id(k, id) : ERR_CRYPTO;

	PKCS8_PRIV_KEY_INFO_free(p8);
	if (err == 0)
		err = store_put(s, STORE_KEY, (struct slice){ (const char *)id, 32 },
		    (struct slice){ (const char *)der, (size_t)n });
	OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
	return err;
}

int key_fetch(struct store *s, const uint8_t id[32], EVP_PKEY **out)
{
	uint8_t *der, have[32];
	const unsigned char *p;
	size_t n;
	int err = store_load(s, STORE_KEY, (struct slice){ (const char *)id, 32 }, &der, &n);

	if (err)
		return err;
	p = der;
	*out = d2i_AutoPrivateKey(NULL, &p, (long)n);
	mem_free_wiped(der, n);
	if (*out && x509_key_id(*out, have) == 0 && memcmp(have, id, sizeof(have)) == 0)
		return 0;
	EVP_PKEY_free(*out);
	*out = NULL;
	return ERR_CRYPTO;
}

struct key *keyring_key(const struct keyring *r, const uint8_t id[32])
{
	struct map_node *n = map_get(&r->keys, (struct slice){ (const char *)id, 32 });

	return n ? CONTAINER_OF(n, struct key, by_id) : NULL;
}

static void on_drop(struct tmr *t, void *ctx)
{
	struct key *k = ctx;

	(void)t;
	if (k->users == 0)
		key_free(k);
}

/* Takes a reference of pkey. */
static int key_use(struct keyring *r, EVP_PKEY *pkey, struct key **out)
{
	uint8_t id[32];
	enum key_kind kind;
	struct key *k;
	int err = key_kind_of(pkey, &kind);

	if (err == 0)
		err = x509_key_id(pkey, id);
	if (err)
		return err;
	k = keyring_key(r, id);
	if (!k) {
		k = mem_new(sizeof(*k));
		k->ring = r;
		k->kind = kind;
		memcpy(k->id, id, sizeof(id));
		enc_hex(id, sizeof(id), k->hex);
		x509_text_key(pkey, k->type, sizeof(k->type));
		EVP_PKEY_up_ref(pkey);
		k->pkey = pkey;
		tmr_init(&k->drop, r->wheel, on_drop, k);
		map_put(&r->keys, &k->by_id, (struct slice){ (const char *)k->id, 32 });
	}
	tmr_stop(&k->drop);
	k->users++;
	*out = k;
	return 0;
}

static void key_release(struct key *k)
{
	if (k && --k->users == 0)
		tmr_start(&k->drop, KEYRING_GRACE_MS);
}

/* ---- identities ---- */

bool keyring_name_ok(struct slice name)
{
	if (name.n == 0 || name.n > KEYRING_NAME)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
		        c == '_'))
			return false;
	}
	return true;
}

struct ident *keyring_next(const struct keyring *r, const struct ident *prev)
{
	const struct list *n = prev ? prev->in_ring.next : r->idents.next;

	return n == &r->idents ? NULL : CONTAINER_OF((uintptr_t)n, struct ident, in_ring);
}

unsigned keyring_count(const struct keyring *r)
{
	return r->n;
}

struct ident *keyring_ident(const struct keyring *r, struct slice name)
{
	for (struct ident *t = NULL; (t = keyring_next(r, t)) != NULL;)
		if (slice_eq(slice_str(t->name), name))
			return t;
	return NULL;
}

/* The record of an identity: version, key id, installed, number of certificates, each with its length. */
static struct slice pack(
    struct wr *w, const uint8_t key[32], int64_t installed, const struct ident *t)
{
	wr_u8(w, 1);
	wr_bytes(w, key, 32);
	wr_be64(w, (uint64_t)installed);
	wr_u8(w, t->n);
	for (unsigned i = 0; i < t->n; i++) {
		wr_be32(w, (uint32_t)t->cert[i].n);
		wr_bytes(w, t->cert[i].der, t->cert[i].n);
	}
	return wr_slice(w);
}

static int unpack(const uint8_t *p, size_t n, uint8_t key[32], struct ident *t)
{
	struct rd r = rd_of(p, n);
	unsigned certs;

	if (rd_u8(&r) != 1)
		return ERR_UNSUPP;
	rd_copy(&r, key, 32);
	t->installed = (int64_t)rd_be64(&r);
	certs = rd_u8(&r);
	if (r.bad || certs == 0 || certs > CHAIN_MAX)
		return ERR_SYNTAX;
	for (; t->n < certs; t->n++) {
		size_t len = rd_be32(&r);
		const uint8_t *der = rd_bytes(&r, len);

		if (!der)
			return ERR_TRUNCATED;
		t->cert[t->n].der = mem_dup(der, len);
		t->cert[t->n].n = len;
	}
	return rd_left(&r) ? ERR_SYNTAX : 0;
}

static struct ident *ident_new(struct keyring *r, struct slice name)
{
	struct ident *t = mem_new(sizeof(*t));

	if (slice_copy(name, t->name, sizeof(t->name)) != 0)
		t->name[0] = '\0';
	list_append(&r->idents, &t->in_ring);
	r->n++;
	return t;
}

static bool load_one(void *ctx, struct slice id, int64_t changed)
{
	struct keyring *r = ctx;
	struct ident *t = ident_new(r, id);
	EVP_PKEY *pkey = NULL;
	uint8_t *p, key[32];
	size_t n;
	int err = store_load(r->store, STORE_IDENTITY, id, &p, &n);

	(void)changed;
	if (err == 0) {
		err = unpack(p, n, key, t);
		mem_free_wiped(p, n);
	}
	if (err == 0)
		err = key_fetch(r->store, key, &pkey);
	if (err == 0)
		err = key_use(r, pkey, &t->key);
	EVP_PKEY_free(pkey);
	if (err) {
		log_ev(LOG_ERR, "identity cannot be loaded", F_TEXT("IPDECT_NAME", t->name),
		    F_ERR(err), F_REMEDY("import the certificate and its key again"));
		ident_free(r, t);
	}
	return true;
}

int keyring_load(struct keyring *r)
{
	return store_each(r->store, STORE_IDENTITY, load_one, r);
}

static bool key_wanted(const struct keyring *r, const struct key *k, const struct ident *but)
{
	for (struct ident *t = NULL; (t = keyring_next(r, t)) != NULL;)
		if (t != but && t->key == k)
			return true;
	return false;
}

/* ---- requests ---- */

int keyring_requested(struct keyring *r, struct slice name, EVP_PKEY **key, X509_REQ **req)
{
	const unsigned char *p;
	uint8_t *der, id[32];
	X509_REQ *q;
	size_t n;
	int err = store_load(r->store, STORE_REQUEST, name, &der, &n);

	if (err)
		return err;
	p = der;
	q = d2i_X509_REQ(NULL, &p, (long)n);
	free(der);
	err = q && X509_REQ_get0_pubkey(q) ? x509_key_id(X509_REQ_get0_pubkey(q), id) : ERR_CRYPTO;
	if (err == 0 && key)
		err = key_fetch(r->store, id, key);
	if (err)
		X509_REQ_free(q);
	else
		*req = q;
	return err;
}

/* Within a transaction: the request goes; its key, too, unless an identity has it or it is `keep`. */
static int request_drop(struct keyring *r, struct slice name, const uint8_t *keep)
{
	X509_REQ *q = NULL;
	uint8_t id[32];
	int err = keyring_requested(r, name, NULL, &q);

	if (err)
		return err == ERR_NOTFOUND ? 0 : err;
	err = x509_key_id(X509_REQ_get0_pubkey(q), id);
	X509_REQ_free(q);
	if (err == 0)
		err = store_del(r->store, STORE_REQUEST, name, NULL);
	if (err == 0 && !keyring_key(r, id) && !(keep && memcmp(keep, id, sizeof(id)) == 0))
		err = store_del(
		    r->store, STORE_KEY, (struct slice){ (const char *)id, sizeof(id) }, NULL);
	return err;
}

static int request_done(struct keyring *r, struct slice name, const uint8_t key[32])
{
	X509_REQ *q = NULL;
	uint8_t id[32];
	int err = keyring_requested(r, name, NULL, &q);

	if (err)
		return err == ERR_NOTFOUND ? 0 : err;
	err = x509_key_id(X509_REQ_get0_pubkey(q), id);
	X509_REQ_free(q);
	return err || memcmp(id, key, sizeof(id)) != 0 ? err : request_drop(r, name, key);
}

int keyring_request(struct keyring *r, struct slice name, EVP_PKEY *key, X509_REQ *req)
{
	unsigned char *der = NULL;
	uint8_t id[32];
	int n, err;

	if (!keyring_name_ok(name))
		return ERR_VALUE;
	n = i2d_X509_REQ(req, &der);
	err = n > 0 ? store_begin(r->store) : ERR_CRYPTO;
	if (err == 0) {
		err = request_drop(r, name, NULL);
		if (err == 0)
			err = key_store(r->store, key, id);
		if (err == 0)
			err = store_put(r->store, STORE_REQUEST, name,
			    (struct slice){ (const char *)der, (size_t)n });
		if (err == 0)
			err = store_end(r->store);
		else
			store_undo(r->store);
	}
	OPENSSL_free(der);
	return err;
}

int keyring_put(struct keyring *r, struct slice name, EVP_PKEY *pkey, const struct chain *chain)
{
	struct ident *old = keyring_ident(r, name), *t;
	uint8_t id[32], *rec = NULL;
	struct key *k = NULL;
	struct wr w;
	int err = 0;

	if (!keyring_name_ok(name))
		return ERR_VALUE;
	if (!old && r->n >= KEYRING_IDENTS)
		return ERR_LIMIT;
	t = ident_new(r, name);
	for (unsigned i = 0; i < chain->n && err == 0; i++) {
		unsigned char *der = NULL;
		int n = i2d_X509(chain->cert[i], &der);

		if (n <= 0) {
			err = ERR_CRYPTO;
			break;
		}
		t->cert[t->n].der = mem_dup(der, (size_t)n);
		t->cert[t->n++].n = (size_t)n;
		OPENSSL_free(der);
	}
	t->installed = (int64_t)time(NULL);
	if (err == 0)
		err = key_use(r, pkey, &k);
	if (err == 0)
		err = store_begin(r->store);
	if (err == 0) {
		rec = mem_new(RECORD_MAX);
		w = wr_of(rec, RECORD_MAX);
		err = key_store(r->store, pkey, id);
		pack(&w, id, t->installed, t);
		if (err == 0)
			err = w.bad ? ERR_LIMIT
			            : store_put(r->store, STORE_IDENTITY, name, wr_slice(&w));
		if (err == 0 && old && old->key != k && !key_wanted(r, old->key, old))
			err = store_del(r->store, STORE_KEY,
			    (struct slice){ (const char *)old->key->id, 32 }, NULL);
		if (err == 0)
			err = request_done(r, name, id);
		if (err == 0)
			err = store_end(r->store);
		else
			store_undo(r->store);
		free(rec);
	}
	if (err) {
		key_release(k);
		ident_free(r, t);
		return err;
	}
	t->key = k;
	if (old) {
		key_release(old->key);
		ident_free(r, old);
	}
	return 0;
}

int keyring_del(struct keyring *r, struct slice name)
{
	struct ident *t = keyring_ident(r, name);
	int err;

	if (!t && !store_has(r->store, STORE_REQUEST, name))
		return ERR_NOTFOUND;
	err = store_begin(r->store);
	if (err)
		return err;
	err = request_drop(r, name, NULL);
	if (err == 0 && t)
		err = store_del(r->store, STORE_IDENTITY, name, NULL);
	if (err == 0 && t && !key_wanted(r, t->key, t))
		err = store_del(
		    r->store, STORE_KEY, (struct slice){ (const char *)t->key->id, 32 }, NULL);
	if (err == 0)
		err = store_end(r->store);
	else
		store_undo(r->store);
	if (err || !t)
		return err;
	key_release(t->key);
	ident_free(r, t);
	return 0;
}
