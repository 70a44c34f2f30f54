/* Base stations' link keys. */
#include "certd/rfp_key.h"

#include "common/ossl.h"

#include <string.h>

#include "common/id.h"
#include "common/mem.h"

static struct slice id_of(const uint8_t mac[6])
{
	return (struct slice){ (const char *)mac, 6 };
}

void rfp_key_split(const uint8_t rfpa[64], struct rfp_subkeys *out)
{
	memcpy(out->to_rfp, rfpa, RFP_KEY_SUB);
	memcpy(out->from_rfp, rfpa + RFP_KEY_A - RFP_KEY_SUB, RFP_KEY_SUB);
}

static int read_key(
    struct store *s, enum store_kind kind, const uint8_t mac[6], bool *has, struct rfp_subkeys *out)
{
	uint8_t a[RFP_KEY_A];
	size_t n = 0;
	int err = store_get(s, kind, id_of(mac), a, sizeof(a), &n);

	*has = err == 0 && n == sizeof(a);
	if (*has)
		rfp_key_split(a, out);
	mem_wipe(a, sizeof(a));
	return err == ERR_NOTFOUND ? 0 : err;
}

int rfp_key_get(struct store *s, const uint8_t mac[6], struct rfp_keys *out)
{
	int err;

	memset(out, 0, sizeof(*out));
	err = read_key(s, STORE_RFP, mac, &out->has_pinned, &out->pinned);
	if (err == 0)
		err = read_key(s, STORE_RFP_NEW, mac, &out->has_pending, &out->pending);
	return err;
}

int rfp_key_enrol(
    struct store *s, const uint8_t mac[6], struct rfp_subkeys *sub, uint8_t message[64])
{
	int err;

	id_random(message, RFP_KEY_A);
	err = store_put(
	    s, STORE_RFP_NEW, id_of(mac), (struct slice){ (const char *)message, RFP_KEY_A });
	if (err)
		mem_wipe(message, RFP_KEY_A);
	else
		rfp_key_split(message, sub);
	return err;
}

int rfp_key_wrap(
    const uint8_t rfpa[64], const uint8_t authenticate[32], struct slice root, uint8_t message[96])
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	EVP_MD_CTX *h = EVP_MD_CTX_new();
	uint8_t k[32];
	int n = 0, ok;

	memcpy(k, authenticate, sizeof(k));
	memcpy(k, root.p, root.n < sizeof(k) ? root.n : sizeof(k));
	ok = c && h && EVP_EncryptInit_ex2(c, EVP_aes_256_ecb(), k, NULL, NULL) == 1 &&
	     EVP_CIPHER_CTX_set_padding(c, 0) == 1 &&
	     EVP_EncryptUpdate(c, message, &n, rfpa, RFP_KEY_A) == 1 && n == RFP_KEY_A &&
	     EVP_DigestInit_ex2(h, EVP_sha256(), NULL) == 1 &&
	     EVP_DigestUpdate(h, authenticate, 32) == 1 &&
	     EVP_DigestUpdate(h, root.p, root.n) == 1 &&
	     EVP_DigestUpdate(h, message, RFP_KEY_A) == 1 &&
	     EVP_DigestFinal_ex(h, message + RFP_KEY_A, NULL) == 1;
	EVP_CIPHER_CTX_free(c);
	EVP_MD_CTX_free(h);
	mem_wipe(k, sizeof(k));
	return ok ? 0 : ERR_CRYPTO;
}

int rfp_key_re_enrol(struct store *s, const uint8_t mac[6], const uint8_t authenticate[32],
    struct rfp_subkeys *sub, uint8_t message[96])
{
	static const uint8_t any[6];
	uint8_t a[RFP_KEY_A], root[RFP_KEY_ROOT];
	size_t n = 0;
	int err = store_get(s, STORE_RFP_ROOT, id_of(mac), root, sizeof(root), &n);

	if (err == ERR_NOTFOUND)
		err = store_get(s, STORE_RFP_ROOT, id_of(any), root, sizeof(root), &n);
	if (err)
		return err;
	id_random(a, sizeof(a));
	err = rfp_key_wrap(a, authenticate, (struct slice){ (const char *)root, n }, message);
	if (err == 0)
		err = store_put(
		    s, STORE_RFP_NEW, id_of(mac), (struct slice){ (const char *)a, sizeof(a) });
	if (err == 0)
		rfp_key_split(a, sub);
	mem_wipe(a, sizeof(a));
	mem_wipe(root, sizeof(root));
	return err;
}

int rfp_key_confirm(struct store *s, const uint8_t mac[6])
{
	uint8_t a[RFP_KEY_A];
	size_t n = 0;
	int err = store_get(s, STORE_RFP_NEW, id_of(mac), a, sizeof(a), &n);

	if (err == ERR_NOTFOUND)
		return store_has(s, STORE_RFP, id_of(mac)) ? 0 : ERR_NOTFOUND;
	if (err == 0)
		err = store_begin(s);
	if (err == 0) {
		err = store_put(s, STORE_RFP, id_of(mac), (struct slice){ (const char *)a, n });
		if (err == 0)
			err = store_del(s, STORE_RFP_NEW, id_of(mac), NULL);
		if (err == 0)
			err = store_end(s);
		else
			store_undo(s);
	}
	mem_wipe(a, sizeof(a));
	return err;
}

int rfp_key_forget(struct store *s, const uint8_t mac[6])
{
	int err = store_begin(s);

	if (err)
		return err;
	err = store_del(s, STORE_RFP, id_of(mac), NULL);
	if (err == 0)
		err = store_del(s, STORE_RFP_NEW, id_of(mac), NULL);
	if (err == 0)
		err = store_end(s);
	else
		store_undo(s);
	return err;
}

int rfp_key_import(struct store *s, const uint8_t mac[6], struct slice rfpa)
{
	return rfpa.n == RFP_KEY_A ? store_put(s, STORE_RFP, id_of(mac), rfpa) : ERR_VALUE;
}

int rfp_key_root(struct store *s, const uint8_t mac[6], struct slice hash)
{
	return hash.n >= 1 && hash.n <= RFP_KEY_ROOT
	           ? store_put(s, STORE_RFP_ROOT, id_of(mac), hash)
	           : ERR_VALUE;
}
