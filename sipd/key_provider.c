/* Private keys that are elsewhere: the provider's registration, and the way of one operation through fibre and loop. */
#include "sipd/key_provider.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "sipd/key_prov.h"

#include <openssl/async.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

/* What libssl signs with; the provider's own name of each comes first. */
static const struct {
	const char *name[3];
	enum key_hash hash;
} hashes[] = {
	{ { "SHA2-256", "SHA256", "SHA-256" }, KEY_SHA256 },
	{ { "SHA2-384", "SHA384", "SHA-384" }, KEY_SHA384 },
	{ { "SHA2-512", "SHA512", "SHA-512" }, KEY_SHA512 },
	{ { "SHA1", "SHA-1", "SSL3-SHA1" }, KEY_SHA1 },
	{ { "MD5-SHA1", "MD5-SHA1", "MD5-SHA1" }, KEY_MD5_SHA1 },
};

struct key_store {
	EVP_MD *md[ARRAY_LEN(hashes)]; /* looking one up costs more than hashing what TLS signs */
	const struct key_backend *b;
	void *ctx;
	OSSL_PROVIDER *def, *own;
};

static __thread struct key_wait *current; /* the connection on whose behalf libssl runs */

static const OSSL_ALGORITHM mgmts[] = {
	{ "RSA:rsaEncryption", KEY_PROV_PROP, key_rsa_mgmt, "RSA keys kept elsewhere" },
	{ "EC:id-ecPublicKey", KEY_PROV_PROP, key_ec_mgmt, "EC keys kept elsewhere" },
	{ NULL, NULL, NULL, NULL },
};
static const OSSL_ALGORITHM signs[] = {
	{ KEY_OP_RSA_SIGN, KEY_PROV_PROP, key_rsa_sign, "RSA signatures made elsewhere" },
	{ KEY_OP_EC_SIGN, KEY_PROV_PROP, key_ec_sign, "ECDSA signatures made elsewhere" },
	{ NULL, NULL, NULL, NULL },
};
static const OSSL_ALGORITHM ciphers[] = {
	{ KEY_OP_RSA_DEC, KEY_PROV_PROP, key_rsa_cipher, "RSA decryption made elsewhere" },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *prov_query(void *prov, int op, int *no_cache)
{
	(void)prov;
	*no_cache = 0;
	switch (op) {
	case OSSL_OP_KEYMGMT:
		return mgmts;
	case OSSL_OP_SIGNATURE:
		return signs;
	case OSSL_OP_ASYM_CIPHER:
		return ciphers;
	default:
		return NULL;
	}
}

static const OSSL_DISPATCH prov_table[] = {
	{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))prov_query },
	{ 0, NULL },
};

static int prov_init(
    const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **ctx)
{
	(void)in;
	*out = prov_table;
	*ctx = (void *)(uintptr_t)core; /* not used, but not NULL */
	return 1;
}

/* Everybody's RSA and EC keys must go on to the default provider; ours are asked for by name. */
static bool default_first(const char *type)
{
	EVP_KEYMGMT *m = EVP_KEYMGMT_fetch(NULL, type, NULL);
	bool ok = m && !strcmp(OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(m)), "default");

	EVP_KEYMGMT_free(m);
	return ok;
}

int key_store_new(const struct key_backend *b, void *ctx, struct key_store **out)
{
	struct key_store *ks = mem_new(sizeof(*ks));

	ks->b = b;
	ks->ctx = ctx;
	ks->def = OSSL_PROVIDER_load(NULL, "default");
	/* Known already where there was another store before. */
	if (ks->def)
		ks->own = OSSL_PROVIDER_load(NULL, KEY_PROV_NAME);
	if (ks->def && !ks->own && OSSL_PROVIDER_add_builtin(NULL, KEY_PROV_NAME, prov_init))
		ks->own = OSSL_PROVIDER_load(NULL, KEY_PROV_NAME);
	for (size_t i = 0; i < ARRAY_LEN(hashes) && ks->def; i++)
		ks->md[i] =
		    EVP_MD_fetch(NULL, hashes[i].name[0], NULL); /* NULL: not in this build */
	ERR_clear_error();
	if (!ks->own || !default_first("RSA") || !default_first("EC")) {
		key_store_free(ks);
		return ERR_CRYPTO;
	}
	*out = ks;
	return 0;
}

void key_store_free(struct key_store *ks)
{
	if (!ks)
		return;
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		EVP_MD_free(ks->md[i]);
	if (ks->own)
		OSSL_PROVIDER_unload(ks->own);
	if (ks->def)
		OSSL_PROVIDER_unload(ks->def);
	free(ks);
}

OSSL_LIB_CTX *key_store_ctx(const struct key_store *ks)
{
	(void)ks;
	return NULL; /* the default one */
}

const EVP_MD *key_md(const struct key_store *ks, const char *name, enum key_hash *h)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		for (size_t j = 0; j < ARRAY_LEN(hashes[i].name); j++)
			if (!OPENSSL_strcasecmp(name, hashes[i].name[j])) {
				*h = hashes[i].hash;
				return ks->md[i];
			}
	return NULL;
}

int key_id(EVP_PKEY *pub, uint8_t id[KEY_ID_LEN])
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(pub, &der);

	if (n <= 0)
		return ERR_CRYPTO;
	SHA256(der, (size_t)n, id);
	OPENSSL_free(der);
	return 0;
}

int key_store_pkey(struct key_store *ks, EVP_PKEY *pub, EVP_PKEY **out)
{
	OSSL_PARAM extra[3], *params = NULL, *all = NULL;
	EVP_PKEY_CTX *c = NULL;
	uint8_t id[KEY_ID_LEN];
	const char *type = EVP_PKEY_is_a(pub, "RSA") ? "RSA" : "EC";
	int err = ERR_CRYPTO;

	*out = NULL;
	if (!EVP_PKEY_is_a(pub, type))
		return ERR_UNSUPP;
	if (key_id(pub, id) || !EVP_PKEY_todata(pub, EVP_PKEY_PUBLIC_KEY, &params))
		goto out;
	extra[0] = OSSL_PARAM_construct_octet_string(KEY_PARAM_ID, id, sizeof(id));
	extra[1] = OSSL_PARAM_construct_octet_string(KEY_PARAM_STORE, &ks, sizeof(ks));
	extra[2] = OSSL_PARAM_construct_end();
	all = OSSL_PARAM_merge(params, extra);
	c = EVP_PKEY_CTX_new_from_name(NULL, type, KEY_PROV_PROP);
	if (!all || !c || EVP_PKEY_fromdata_init(c) != 1)
		goto out;
	/* Our import refuses curves that we do not do. */
	err = EVP_PKEY_fromdata(c, out, EVP_PKEY_KEYPAIR, all) == 1 ? 0 : ERR_UNSUPP;
out:
	EVP_PKEY_CTX_free(c);
	OSSL_PARAM_free(all);
	OSSL_PARAM_free(params);
	ERR_clear_error();
	return err;
}

void key_enter(struct key_wait *w)
{
	current = w;
}

void key_leave(void)
{
	current = NULL;
}

static void op_copy(struct key_op *to, const struct key_op *from, const uint8_t id[KEY_ID_LEN])
{
	memcpy(to, from, offsetof(struct key_op, in));
	memcpy(to->in, from->in, from->nin);
	memcpy(to->id, id, sizeof(to->id));
}

/* Outside of a fibre: only a backend that answers at once can help. */
static int run_now(
    const struct key_pub *k, const struct key_op *op, uint8_t *out, size_t cap, size_t *n)
{
	struct key_store *ks = k->ks;
	struct key_wait *w = mem_new(sizeof(*w));
	int err;

	w->ks = ks;
	op_copy(&w->op, op, k->id);
	w->state = KEY_WAITING;
	w->starting = true;
	ks->b->start(ks->ctx, w);
	if (w->state != KEY_DONE) {
		ks->b->cancel(ks->ctx, w);
		w->err = ERR_BUSY;
	}
	err = w->err;
	if (!err && w->op.nout > cap)
		err = ERR_LIMIT;
	if (!err) {
		memcpy(out, w->op.out, w->op.nout);
		*n = w->op.nout;
	}
	mem_free_wiped(w, sizeof(*w));
	return err;
}

int key_run(const struct key_pub *k, const struct key_op *op, uint8_t *out, size_t cap, size_t *n)
{
	struct key_wait *w = current;
	int err;

	if (!w || !ASYNC_get_current_job())
		return run_now(k, op, out, cap, n);
	if (w->state != KEY_IDLE)
		return ERR_STATE;
	w->ks = k->ks;
	op_copy(&w->op, op, k->id);
	w->state = KEY_ASKED;
	while (w->state != KEY_DONE)
		if (ASYNC_pause_job() != 1) { /* cannot pause: do not leave a request behind */
			w->state = KEY_IDLE;
			return ERR_CRYPTO;
		}
	w->state = KEY_IDLE;
	err = w->err;
	if (!err && w->op.nout > cap)
		err = ERR_LIMIT;
	if (!err) {
		memcpy(out, w->op.out, w->op.nout);
		*n = w->op.nout;
	}
	mem_wipe(w->op.out, w->op.nout); /* a premaster secret does not stay */
	w->op.nout = 0;
	return err;
}

bool key_submit(struct key_wait *w)
{
	if (w->state == KEY_ASKED) {
		w->state = KEY_WAITING;
		w->starting = true;
		w->ks->b->start(w->ks->ctx, w);
		w->starting = false;
	}
	return w->state == KEY_DONE;
}

bool key_abort(struct key_wait *w)
{
	if (w->state == KEY_IDLE)
		return false;
	if (w->state == KEY_WAITING)
		w->ks->b->cancel(w->ks->ctx, w);
	w->wake = NULL;
	w->err = ERR_LOST;
	w->state = KEY_DONE;
	return true;
}

void key_done(struct key_wait *w, int err, const void *out, size_t n)
{
	if (w->state != KEY_WAITING)
		return;
	if (!err && n > sizeof(w->op.out))
		err = ERR_LIMIT;
	w->op.nout = err ? 0 : n;
	if (!err)
		memcpy(w->op.out, out, n);
	w->err = err;
	w->backend = NULL;
	w->state = KEY_DONE;
	if (!w->starting && w->wake)
		w->wake(w);
}
