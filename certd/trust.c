/* Trust anchors and revocation lists. */
#include "certd/trust.h"

#include <fcntl.h>
#include <malloc.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certd/bundle.h"
#include "common/log.h"
#include "common/mem.h"

#define FILE_MAX (4u << 20)

struct trust {
	struct store *store;
	char *bundle;
	int fd;
	uint32_t certs, crls;
	uint64_t version;
};

struct trust *trust_new(struct store *s)
{
	struct trust *t = mem_new(sizeof(*t));

	t->store = s;
	t->bundle = mem_str("");
	t->fd = -1;
	return t;
}

void trust_changed(struct trust *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

void trust_free(struct trust *t)
{
	if (!t)
		return;
	trust_changed(t);
	free(t->bundle);
	free(t);
}

void trust_configure(struct trust *t, const char *bundle)
{
	free(t->bundle);
	t->bundle = mem_str(bundle ? bundle : "");
	trust_changed(t);
}

static int read_file(const char *path, uint8_t **out, size_t *n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	uint8_t *buf;
	ssize_t k = 0;

	if (fd < 0)
		return -errno;
	buf = mem_new(FILE_MAX);
	for (*n = 0; *n < FILE_MAX; *n += (size_t)k) {
		k = read(fd, buf + *n, FILE_MAX - *n);
		if (k <= 0)
			break;
	}
	if (k < 0)
		err = -errno;
	else if (*n == FILE_MAX)
		err = ERR_LIMIT;
	close(fd);
	if (err) {
		free(buf);
		return err;
	}
	*out = buf;
	return 0;
}

static bool distribution(struct trust *t)
{
	return *t->bundle && !store_has(t->store, STORE_SETTING, SLICE_LIT("no-distribution-ca"));
}

/* A distribution without its bundle is degraded, not broken: the local list still serves. */
static void add_distribution(struct trust *t, STACK_OF(X509) * sk)
{
	struct bundle b;
	uint8_t *p = NULL;
	size_t n = 0;
	char why[256];
	X509 *x;
	int err = read_file(t->bundle, &p, &n);

	if (err) {
		log_ev(LOG_WARNING, "the distribution's CA bundle cannot be read",
		    F_TEXT("IPDECT_PATH", t->bundle), F_ERR(err),
		    F_REMEDY("install ca-certificates, or set ca-bundle in [certd]"));
		return;
	}
	bundle_init(&b);
	err =
	    bundle_read(&b, (struct slice){ (const char *)p, n }, SLICE_LIT(""), why, sizeof(why));
	if (err)
		log_ev(LOG_WARNING, "the distribution's CA bundle is damaged",
		    F_TEXT("IPDECT_PATH", t->bundle), F_WHY(why));
	while ((x = sk_X509_shift(b.certs)) != NULL)
		BUG_ON(sk_X509_push(sk, x) <= 0);
	bundle_free(&b);
	free(p);
}

struct collect {
	struct trust *t;
	STACK_OF(X509) * certs;
	STACK_OF(X509_CRL) * crls;
};

static bool add_local(void *ctx, struct slice id, int64_t changed)
{
	struct collect *c = ctx;
	enum store_kind kind = c->certs ? STORE_CA : STORE_CRL;
	const unsigned char *p;
	uint8_t *der;
	size_t n;
	int err = store_load(c->t->store, kind, id, &der, &n);

	(void)changed;
	if (err) {
		log_ev(LOG_ERR, "a trust record cannot be read", F_ERR(err),
		    F_WHY(store_why(c->t->store)));
		return true;
	}
	p = der;
	if (kind == STORE_CA) {
		X509 *x = d2i_X509(NULL, &p, (long)n);

		BUG_ON(x && sk_X509_push(c->certs, x) <= 0);
	} else {
		X509_CRL *l = d2i_X509_CRL(NULL, &p, (long)n);

		BUG_ON(l && sk_X509_CRL_push(c->crls, l) <= 0);
	}
	free(der);
	return true;
}

int trust_anchors(struct trust *t, STACK_OF(X509) * *out)
{
	struct collect c = { .t = t, .certs = sk_X509_new_null() };
	int err;

	BUG_ON(!c.certs);
	err = store_each(t->store, STORE_CA, add_local, &c);
	if (err == 0 && distribution(t))
		add_distribution(t, c.certs);
	if (err) {
		sk_X509_pop_free(c.certs, X509_free);
		return err;
	}
	*out = c.certs;
	return 0;
}

int trust_crls(struct trust *t, STACK_OF(X509_CRL) * *out)
{
	struct collect c = { .t = t, .crls = sk_X509_CRL_new_null() };
	int err;

	BUG_ON(!c.crls);
	err = store_each(t->store, STORE_CRL, add_local, &c);
	if (err) {
		sk_X509_CRL_pop_free(c.crls, X509_CRL_free);
		return err;
	}
	*out = c.crls;
	return 0;
}

static int pem(struct trust *t, BIO *b)
{
	struct collect c = { .t = t };
	STACK_OF(X509) *certs = NULL;
	int err = trust_anchors(t, &certs);

	if (err == 0)
		err = trust_crls(t, &c.crls);
	for (int i = 0; i < sk_X509_num(certs) && err == 0; i++)
		err = PEM_write_bio_X509(b, sk_X509_value(certs, i)) ? 0 : ERR_CRYPTO;
	for (int i = 0; i < sk_X509_CRL_num(c.crls) && err == 0; i++)
		err = PEM_write_bio_X509_CRL(b, sk_X509_CRL_value(c.crls, i)) ? 0 : ERR_CRYPTO;
	t->certs = certs ? (uint32_t)sk_X509_num(certs) : 0;
	t->crls = (uint32_t)sk_X509_CRL_num(c.crls);
	sk_X509_pop_free(certs, X509_free);
	sk_X509_CRL_pop_free(c.crls, X509_CRL_free);
	return err;
}

static int make_memfd(struct trust *t, const char *p, size_t n)
{
	unsigned len = 0;
	uint8_t d[EVP_MAX_MD_SIZE];
	int fd;

	if (EVP_Digest(p, n, d, &len, EVP_sha256(), NULL) != 1)
		return ERR_CRYPTO;
	fd = mem_sealed("trust", p, n);
	if (fd < 0)
		return fd;
	memcpy(&t->version, d, sizeof(t->version));
	t->fd = fd;
	return 0;
}

int trust_memfd(struct trust *t, int *fd, uint32_t *certs, uint32_t *crls, uint64_t *version)
{
	BIO *b;
	char *p;
	long n;
	int err = 0;

	if (t->fd < 0) {
		b = BIO_new(BIO_s_mem());
		err = b ? pem(t, b) : ERR_CRYPTO;
		n = b ? BIO_get_mem_data(b, &p) : 0;
		if (err == 0)
			err = make_memfd(t, p, n > 0 ? (size_t)n : 0);
		BIO_free(b);
		malloc_trim(0); /* the parsed bundle was megabytes */
	}
	*fd = t->fd;
	*certs = t->certs;
	*crls = t->crls;
	*version = t->version;
	return err;
}

/* ---- changes ---- */

static struct slice id_slice(const uint8_t id[32])
{
	return (struct slice){ (const char *)id, 32 };
}

bool trust_is_local(struct trust *t, const X509 *x)
{
	uint8_t id[32];

	return x509_cert_id(x, id) == 0 && store_has(t->store, STORE_CA, id_slice(id));
}

static int finish(struct trust *t, int err)
{
	if (err == 0)
		err = store_end(t->store);
	else
		store_undo(t->store);
	if (err == 0)
		trust_changed(t);
	return err;
}

static int put_cert(struct trust *t, X509 *x, time_t now, struct trust_result *r)
{
	unsigned char *der = NULL;
	uint8_t id[32];
	int n, err = x509_cert_id(x, id);

	if (err)
		return err;
	if (store_has(t->store, STORE_CA, id_slice(id))) {
		r->known++;
		return 0;
	}
	n = i2d_X509(x, &der);
	err = n > 0 ? store_put(t->store, STORE_CA, id_slice(id),
	                  (struct slice){ (const char *)der, (size_t)n })
	            : ERR_CRYPTO;
	OPENSSL_free(der);
	r->added++;
	r->expired += now > x509_time(X509_get0_notAfter(x));
	r->not_ca += X509_check_ca(x) == 0;
	return err;
}

int trust_import(struct trust *t, struct slice file, time_t now, struct trust_result *r)
{
	struct bundle b;
	int err;

	*r = (struct trust_result){ 0 };
	bundle_init(&b);
	err = bundle_read(&b, file, SLICE_LIT(""), r->why, sizeof(r->why));
	if (err == 0 && b.key) {
		snprintf(r->why, sizeof(r->why),
		    "the file holds a private key: that is for cert import, not to be trusted");
		err = ERR_VALUE;
	} else if (err == 0 && sk_X509_num(b.certs) == 0) {
		snprintf(r->why, sizeof(r->why), "no certificate in the file");
		err = ERR_NOTFOUND;
	}
	if (err == 0) {
		err = store_begin(t->store);
		for (int i = 0; err == 0 && i < sk_X509_num(b.certs); i++)
			err = put_cert(t, sk_X509_value(b.certs, i), now, r);
		err = finish(t, err);
		if (err)
			snprintf(r->why, sizeof(r->why), "%.390s",
			    err == ERR_STORE ? store_why(t->store) : err_text(err));
	}
	bundle_free(&b);
	return err;
}

static int crl_id(const X509_CRL *l, uint8_t id[32])
{
	unsigned n = 0;

	return X509_NAME_digest(X509_CRL_get_issuer(l), EVP_sha256(), id, &n) == 1 ? 0 : ERR_CRYPTO;
}

static X509 *crl_issuer(STACK_OF(X509) * sk, X509_CRL *l)
{
	for (int i = 0; i < sk_X509_num(sk); i++) {
		X509 *x = sk_X509_value(sk, i);
		EVP_PKEY *k = X509_get0_pubkey(x);

		if (X509_NAME_cmp(X509_get_subject_name(x), X509_CRL_get_issuer(l)) == 0 && k &&
		    X509_CRL_verify(l, k) == 1)
			return x;
	}
	return NULL;
}

static int put_crl(struct trust *t, X509_CRL *l, time_t now, struct trust_result *r)
{
	char issuer[200];
	unsigned char *der = NULL;
	uint8_t id[32], *old;
	const unsigned char *p;
	size_t n;
	int len, err = crl_id(l, id);

	if (err)
		return err;
	x509_text_name(X509_CRL_get_issuer(l), issuer, sizeof(issuer));
	if (store_load(t->store, STORE_CRL, id_slice(id), &old, &n) == 0) {
		X509_CRL *o;

		p = old;
		o = d2i_X509_CRL(NULL, &p, (long)n);
		free(old);
		if (o && X509_CRL_cmp(o, l) == 0 && X509_CRL_match(o, l) == 0)
			r->known++;
		if (o && x509_time(X509_CRL_get0_lastUpdate(l)) <
		             x509_time(X509_CRL_get0_lastUpdate(o))) {
			snprintf(r->why, sizeof(r->why),
			    "the list of \"%s\" is older than the one that is here", issuer);
			err = ERR_VALUE;
		}
		X509_CRL_free(o);
		if (err)
			return err;
	}
	len = i2d_X509_CRL(l, &der);
	err = len > 0 ? store_put(t->store, STORE_CRL, id_slice(id),
	                    (struct slice){ (const char *)der, (size_t)len })
	              : ERR_CRYPTO;
	OPENSSL_free(der);
	r->added++;
	r->expired += X509_CRL_get0_nextUpdate(l) && now > x509_time(X509_CRL_get0_nextUpdate(l));
	return err;
}

int trust_import_crl(
    struct trust *t, struct slice file, STACK_OF(X509) * extra, time_t now, struct trust_result *r)
{
	STACK_OF(X509) *anchors = NULL;
	struct bundle b;
	char issuer[200];
	int err;

	*r = (struct trust_result){ 0 };
	bundle_init(&b);
	err = bundle_read(&b, file, SLICE_LIT(""), r->why, sizeof(r->why));
	if (err == 0 && sk_X509_CRL_num(b.crls) == 0) {
		snprintf(r->why, sizeof(r->why), "no revocation list in the file");
		err = ERR_NOTFOUND;
	}
	if (err == 0)
		err = trust_anchors(t, &anchors);
	for (int i = 0; err == 0 && i < sk_X509_CRL_num(b.crls); i++) {
		X509_CRL *l = sk_X509_CRL_value(b.crls, i);

		if (crl_issuer(anchors, l) || crl_issuer(extra, l))
			continue;
		x509_text_name(X509_CRL_get_issuer(l), issuer, sizeof(issuer));
		snprintf(r->why, sizeof(r->why),
		    "no known CA issued the list of \"%s\": import that CA first", issuer);
		err = ERR_AUTH;
	}
	ERR_clear_error();
	if (err == 0) {
		err = store_begin(t->store);
		for (int i = 0; err == 0 && i < sk_X509_CRL_num(b.crls); i++)
			err = put_crl(t, sk_X509_CRL_value(b.crls, i), now, r);
		err = finish(t, err);
	}
	if (err && !*r->why)
		snprintf(r->why, sizeof(r->why), "%.390s",
		    err == ERR_STORE ? store_why(t->store) : err_text(err));
	sk_X509_pop_free(anchors, X509_free);
	bundle_free(&b);
	return err;
}

static int del_one(struct trust *t, enum store_kind kind, const uint8_t id[32])
{
	bool had;
	int err = store_del(t->store, kind, id_slice(id), &had);

	if (err == 0 && !had)
		err = ERR_NOTFOUND;
	if (err == 0)
		trust_changed(t);
	return err;
}

int trust_del(struct trust *t, const uint8_t sha256[32])
{
	return del_one(t, STORE_CA, sha256);
}

int trust_del_crl(struct trust *t, const X509_CRL *l)
{
	uint8_t id[32];
	int err = crl_id(l, id);

	return err ? err : del_one(t, STORE_CRL, id);
}

int trust_clear(struct trust *t)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	struct collect c = { .t = t, .certs = certs };
	uint8_t id[32];
	int err;

	BUG_ON(!certs);
	err = store_each(t->store, STORE_CA, add_local, &c);
	if (err == 0) {
		err = store_begin(t->store);
		for (int i = 0; err == 0 && i < sk_X509_num(certs); i++) {
			err = x509_cert_id(sk_X509_value(certs, i), id);
			if (err == 0)
				err = store_del(t->store, STORE_CA, id_slice(id), NULL);
		}
		if (err == 0)
			err = store_put(t->store, STORE_SETTING, SLICE_LIT("no-distribution-ca"),
			    SLICE_LIT("1"));
		err = finish(t, err);
	}
	sk_X509_pop_free(certs, X509_free);
	return err;
}

int trust_restore(struct trust *t)
{
	int err = store_del(t->store, STORE_SETTING, SLICE_LIT("no-distribution-ca"), NULL);

	if (err == 0)
		trust_changed(t);
	return err;
}
