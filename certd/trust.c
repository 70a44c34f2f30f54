/* Trust anchors and revocation lists. */
#include "certd/trust.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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
	if (c->certs) {
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

static int pem(struct trust *t, BIO *b)
{
	struct collect c = { .t = t, .crls = sk_X509_CRL_new_null() };
	STACK_OF(X509) *certs = NULL;
	int err = trust_anchors(t, &certs);

	BUG_ON(!c.crls);
	if (err == 0)
		err = store_each(t->store, STORE_CRL, add_local, &c);
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
	int fd = memfd_create("trust", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < n;) {
		ssize_t k = write(fd, p + done, n - done);

		if (k <= 0) {
			close(fd);
			return -EIO;
		}
		done += (size_t)k;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0 ||
	    EVP_Digest(p, n, d, &len, EVP_sha256(), NULL) != 1) {
		close(fd);
		return ERR_CRYPTO;
	}
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
	}
	*fd = t->fd;
	*certs = t->certs;
	*crls = t->crls;
	*version = t->version;
	return err;
}
