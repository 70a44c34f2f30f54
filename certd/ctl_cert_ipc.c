/* Control commands: host certificates. */
#include "common/ossl.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "certd/csr.h"
#include "certd/ctl_room_ipc.h"
#include "certd/import.h"
#include "common/mem.h"

#define DAYS_MAX 3650

static struct slice name_of(struct ctl_run *r)
{
	return ctl_id(r).n ? ctl_id(r) : slice_str(KEYRING_DEFAULT);
}

static int check_name(struct ctl_run *r)
{
	return keyring_name_ok(name_of(r))
	           ? 0
	           : ctl_fail(r, ERR_VALUE, "a name has 1 to 64 of the characters a-z 0-9 . _ -");
}

static int store_fault(struct ctl_run *r, int err)
{
	return ctl_fail(
	    r, err, "%s", err == ERR_STORE ? store_why(ctl_room(r)->store) : err_text(err));
}

static int put(struct ctl_run *r, const char *operation, EVP_PKEY *key, const struct chain *chain)
{
	struct certd *c = ctl_room(r);
	struct slice name = name_of(r);
	const struct ident *t;
	int err = ctl_announce(r, operation, name);

	if (err)
		return err;
	err = keyring_put(c->ring, name, key, chain);
	if (err) {
		ctl_undone(r, operation, name, err);
		return err == ERR_LIMIT
		           ? ctl_fail(r, err, "%d host certificates are the most: delete one",
		                 KEYRING_IDENTS)
		           : store_fault(r, err);
	}
	t = keyring_ident(c->ring, name);
	certd_announce(c, CERTD_IDENTITY, t->name);
	expiry_look(c->expiry);
	ctl_say(r, "%s is in use: %s, key %.16s…", t->name, t->key->type, t->key->hex);
	return 0;
}

static int take(struct ctl_run *r, const char *operation, struct import *i)
{
	struct certd *c = ctl_room(r);
	int err;

	i->now = time(NULL);
	i->fqdn = c->conf->fqdn;
	i->force = ctl_flag(r, "force", false);
	err = import_read(i, c->trust);
	certd_worked(c);
	if (err)
		return ctl_fail(r, err, "%s", i->why);
	err = put(r, operation, i->bundle.key, &i->chain);
	if (err == 0 && *i->note)
		ctl_warn(r, "%s", i->note);
	return err;
}

int certd_cert_import(struct ctl_run *r)
{
	struct import i;
	int err = check_name(r);

	if (err)
		return err;
	import_init(&i);
	i.cert = ctl_data_arg(r, "file");
	i.key = ctl_data_arg(r, "key");
	if (ctl_has(r, "password")) {
		i.password = ctl_data_arg(r, "password");
		if (!i.password.p)
			i.password = SLICE_LIT("");
	}
	err = take(r, "cert-import", &i);
	import_free(&i);
	return err;
}

int certd_cert_install(struct ctl_run *r)
{
	struct import i;
	EVP_PKEY *key = NULL;
	X509_REQ *req = NULL;
	int err = keyring_requested(ctl_room(r)->ring, name_of(r), &key, &req);

	if (err)
		return err == ERR_NOTFOUND ? ctl_fail(r, err,
		                                 "no request of this name waits for a certificate: "
		                                 "cert csr, or cert "
		                                 "import with the key")
		                           : store_fault(r, err);
	import_init(&i);
	i.cert = ctl_data_arg(r, "file");
	i.own = key;
	err = take(r, "cert-install", &i);
	import_free(&i);
	EVP_PKEY_free(key);
	X509_REQ_free(req);
	return err;
}

int certd_cert_del(struct ctl_run *r)
{
	struct certd *c = ctl_room(r);
	char name[KEYRING_NAME + 1];
	int err = slice_copy(ctl_id(r), name, sizeof(name));

	if (err == 0 && !keyring_ident(c->ring, ctl_id(r)) &&
	    !store_has(c->store, STORE_REQUEST, ctl_id(r)))
		err = ERR_NOTFOUND;
	if (err)
		return ctl_fail(r, ERR_NOTFOUND, "there is no such host certificate");
	err = ctl_announce(r, "cert-del", ctl_id(r));
	if (err)
		return err;
	err = keyring_del(c->ring, ctl_id(r));
	if (err) {
		ctl_undone(r, "cert-del", ctl_id(r), err);
		return store_fault(r, err);
	}
	certd_announce(c, CERTD_IDENTITY, name);
	ctl_say(r, "deleted");
	return 0;
}

/* ---- making keys ---- */

static int spec_of(struct ctl_run *r, struct csr_spec *s)
{
	char why[160];
	int err = check_name(r);

	if (err)
		return err;
	*s = (struct csr_spec){ .cn = ctl_text_arg(r, "cn"),
		.org = ctl_text_arg(r, "org"),
		.unit = ctl_text_arg(r, "unit"),
		.city = ctl_text_arg(r, "city"),
		.state = ctl_text_arg(r, "state"),
		.country = ctl_text_arg(r, "country"),
		.san = ctl_text_arg(r, "san") };
	if (!s->cn.n)
		s->cn = slice_str(ctl_room(r)->conf->fqdn);
	err = csr_check(s, why, sizeof(why));
	return err ? ctl_fail(r, err, "%s", why) : 0;
}

/* Starts the key; fn goes on with the command. */
static int with_key(struct ctl_run *r, const char *fallback, void (*fn)(void *ctx, EVP_PKEY *key))
{
	struct certd *c = ctl_room(r);
	char type[16];

	if (c->keygen)
		return ctl_fail(r, ERR_BUSY, "another key is being made: try again in a second");
	if (!ctl_has(r, "keytype") ||
	    slice_copy(ctl_text_arg(r, "keytype"), type, sizeof(type)) != 0)
		snprintf(type, sizeof(type), "%s", fallback);
	c->keygen = keygen_start(c->d->loop, type, fn, r);
	if (!c->keygen)
		return ctl_fail(r, ERR_CRYPTO, "no thread to make the key");
	ctl_defer(r);
	c->keygen_run = r;
	return 0;
}

static void keygen_over(struct ctl_run *r)
{
	ctl_room(r)->keygen = NULL;
	ctl_room(r)->keygen_run = NULL;
}

static void self_signed(void *ctx, EVP_PKEY *key)
{
	struct chain chain = { .n = 1, .complete = true, .self_signed = true };
	struct ctl_run *r = ctx;
	struct csr_spec s;
	int err;

	keygen_over(r);
	err = spec_of(r, &s);
	if (err == 0) {
		chain.cert[0] =
		    key ? csr_self_signed(&s, key, (long)ctl_number(r, "days", 365)) : NULL;
		err = chain.cert[0] ? put(r, "cert-self-signed", key, &chain)
		                    : ctl_fail(r, ERR_CRYPTO, "the certificate could not be made");
	}
	X509_free(chain.cert[0]);
	EVP_PKEY_free(key);
	ctl_done(r, err);
}

int certd_cert_self_signed(struct ctl_run *r)
{
	struct csr_spec s;
	int err = spec_of(r, &s);

	if (err)
		return err;
	if (ctl_number(r, "days", 365) > DAYS_MAX || ctl_number(r, "days", 365) == 0)
		return ctl_fail(r, ERR_VALUE, "days is 1 to %d", DAYS_MAX);
	return with_key(r, "p-256", self_signed);
}

static int give_csr(struct ctl_run *r, X509_REQ *req)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *p = NULL;
	long n = b && PEM_write_bio_X509_REQ(b, req) ? BIO_get_mem_data(b, &p) : 0;

	if (n > 0)
		ctl_data(r, p, (size_t)n);
	BIO_free(b);
	return n > 0 ? 0 : ctl_fail(r, ERR_CRYPTO, "the request could not be written");
}

static void csr(void *ctx, EVP_PKEY *key)
{
	struct ctl_run *r = ctx;
	struct certd *c = ctl_room(r);
	struct slice name = name_of(r);
	struct csr_spec s;
	X509_REQ *req = NULL;
	int err;

	keygen_over(r);
	err = spec_of(r, &s);
	if (err == 0) {
		req = key ? csr_make(&s, key) : NULL;
		err = req ? ctl_announce(r, "cert-csr", name)
		          : ctl_fail(r, ERR_CRYPTO, "the request could not be made");
	}
	if (err == 0) {
		err = keyring_request(c->ring, name, key, req);
		if (err) {
			ctl_undone(r, "cert-csr", name, err);
			store_fault(r, err);
		}
	}
	if (err == 0)
		err = give_csr(r, req);
	if (err == 0 && !(s.org.n && s.city.n && s.state.n && s.country.n))
		ctl_warn(r, "enterprise CAs may want org=, city=, state= (not abbreviated) and "
		            "country=, too");
	X509_REQ_free(req);
	EVP_PKEY_free(key);
	ctl_done(r, err);
}

int certd_cert_csr(struct ctl_run *r)
{
	struct csr_spec s;
	int err = spec_of(r, &s);

	return err ? err : with_key(r, "rsa-2048", csr); /* Lync knows no other keys */
}

int certd_cert_export_csr(struct ctl_run *r)
{
	X509_REQ *req = NULL;
	int err = keyring_requested(ctl_room(r)->ring, name_of(r), NULL, &req);

	if (err)
		return err == ERR_NOTFOUND
		           ? ctl_fail(r, err, "no request of this name waits for a certificate")
		           : store_fault(r, err);
	err = give_csr(r, req);
	X509_REQ_free(req);
	return err;
}

/* ---- showing ---- */

void ctl_cert_row(Ctl__CertRow *row, struct ctl_cert_text *t, const X509 *x)
{
	x509_text_name(X509_get_subject_name(x), t->subject, sizeof(t->subject));
	x509_text_name(X509_get_issuer_name(x), t->issuer, sizeof(t->issuer));
	x509_text_time(X509_get0_notBefore(x), t->from, sizeof(t->from));
	x509_text_time(X509_get0_notAfter(x), t->to, sizeof(t->to));
	x509_text_key(X509_get0_pubkey(x), t->key, sizeof(t->key));
	x509_text_print(x, EVP_sha1(), t->sha1, sizeof(t->sha1));
	x509_text_print(x, EVP_sha256(), t->sha256, sizeof(t->sha256));
	row->has_subject = row->has_issuer = true;
	row->subject = ctl_bin(t->subject, strlen(t->subject));
	row->issuer = ctl_bin(t->issuer, strlen(t->issuer));
	row->not_before = t->from;
	row->not_after = t->to;
	row->key_type = t->key;
	row->sha1 = t->sha1;
	row->sha256 = t->sha256;
}

static X509 *parse(const struct ident_cert *c)
{
	const unsigned char *p = c->der;

	return d2i_X509(NULL, &p, (long)c->n);
}

/* Checked anew: time goes on, lists change. */
static void judge(struct ctl_run *r, const struct ident *t, STACK_OF(X509) * anchors,
    STACK_OF(X509_CRL) * crls, char *out, size_t cap, struct chain *chain)
{
	STACK_OF(X509) *pool = sk_X509_new_null();
	struct check c = { .fqdn = ctl_room(r)->conf->fqdn, .now = time(NULL), .crls = crls };
	X509 *leaf = parse(&t->cert[0]);

	out[0] = '\0';
	for (unsigned i = 1; i < t->n && pool; i++) {
		X509 *x = parse(&t->cert[i]);

		if (x && sk_X509_push(pool, x) <= 0)
			X509_free(x);
	}
	if (leaf) {
		chain_build(leaf, pool, anchors, chain);
		check_identity(&c, chain);
		check_join(&c, CHECK_NOTE, out, cap);
	}
	X509_free(leaf);
	sk_X509_pop_free(pool, X509_free);
}

static int rows(struct ctl_run *r, bool all)
{
	struct certd *c = ctl_room(r);
	STACK_OF(X509) *anchors = NULL;
	STACK_OF(X509_CRL) *crls = NULL;
	bool any = false;
	int err = trust_anchors(c->trust, &anchors);

	certd_worked(ctl_room(r));
	if (err == 0)
		err = trust_crls(c->trust, &crls);
	for (struct ident *t = NULL; err == 0 && (t = keyring_next(c->ring, t)) != NULL;) {
		char trouble[1500], status[440];
		struct chain chain = { 0 };

		if (ctl_id(r).n && !slice_eq(ctl_id(r), slice_str(t->name)))
			continue;
		any = true;
		judge(r, t, anchors, crls, trouble, sizeof(trouble), &chain);
		snprintf(status, sizeof(status), "%s%s",
		    chain.complete ? "complete" : "missing: ", chain.missing);
		for (unsigned i = 0; i < (all ? t->n : 1); i++) {
			Ctl__CertRow row = CTL__CERT_ROW__INIT;
			struct ctl_cert_text text;
			X509 *x = parse(&t->cert[i]);

			row.name = i ? (char *)(uintptr_t) "issuer" : t->name;
			if (x)
				ctl_cert_row(&row, &text, x);
			if (i == 0) {
				row.chain = status;
				row.has_trouble = *trouble != '\0';
				row.trouble = ctl_bin(trouble, strlen(trouble));
			}
			ctl_row(r, &row.base);
			X509_free(x);
		}
	}
	sk_X509_pop_free(anchors, X509_free);
	sk_X509_CRL_pop_free(crls, X509_CRL_free);
	if (err)
		return store_fault(r, err);
	return any || !ctl_id(r).n ? 0
	                           : ctl_fail(r, ERR_NOTFOUND, "there is no such host certificate");
}

int certd_cert_list(struct ctl_run *r)
{
	return rows(r, false);
}

int certd_cert_show(struct ctl_run *r)
{
	return rows(r, true);
}

int certd_cert_export(struct ctl_run *r)
{
	struct ident *t = keyring_ident(ctl_room(r)->ring, name_of(r));
	BIO *b = BIO_new(BIO_s_mem());
	char *p = NULL;
	long n;

	for (unsigned i = 0; t && b && i < t->n; i++) {
		X509 *x = parse(&t->cert[i]);

		if (x)
			PEM_write_bio_X509(b, x);
		X509_free(x);
	}
	n = b ? BIO_get_mem_data(b, &p) : 0;
	if (n > 0)
		ctl_data(r, p, (size_t)n);
	BIO_free(b);
	return n > 0 ? 0 : ctl_fail(r, ERR_NOTFOUND, "there is no such host certificate");
}

#define KEYTYPES "rsa-2048|rsa-3072|rsa-4096|p-256|p-384|ed25519"
const struct ctl_arg certd_import_args[4] = {
	{ "file", CTL_FILE_IN, true, "certificate, or everything", NULL },
	{ "key", CTL_FILE_IN, false, "private key, where it is a file of its own", NULL },
	{ "password", CTL_SECRET, false, "of the PKCS#12 file or of the key: password=-", NULL },
	{ "force", CTL_FLAG, false, "take it though its name, dates, usage or chain are not right",
	    NULL },
};
const struct ctl_arg certd_install_args[2] = {
	{ "file", CTL_FILE_IN, true, "what the CA sent", NULL },
	{ "force", CTL_FLAG, false, "take it though its name, dates, usage or chain are not right",
	    NULL },
};
const struct ctl_arg certd_self_args[4] = {
	{ "cn", CTL_TEXT, false, "host name; else fqdn of [certd]", NULL },
	{ "san", CTL_TEXT, false, "host names, separated by commas; else cn", NULL },
	{ "days", CTL_NUMBER, false, "validity, 365 when left out", NULL },
	{ "keytype", CTL_CHOICE, false, "kind of key, p-256 when left out", KEYTYPES },
};
const struct ctl_arg certd_csr_args[9] = {
	{ "cn", CTL_TEXT, false, "host name; else fqdn of [certd]", NULL },
	{ "san", CTL_TEXT, false, "host names, separated by commas; else cn", NULL },
	{ "org", CTL_TEXT, false, "organisation", NULL },
	{ "unit", CTL_TEXT, false, "its unit", NULL },
	{ "city", CTL_TEXT, false, "city", NULL },
	{ "state", CTL_TEXT, false, "state or province, not abbreviated", NULL },
	{ "country", CTL_TEXT, false, "country, two letters", NULL },
	{ "keytype", CTL_CHOICE, false, "kind of key, rsa-2048 when left out", KEYTYPES },
	{ "file", CTL_FILE_OUT, false, "where the request (PEM) goes; else it is printed", NULL },
};
const struct ctl_arg certd_file_out_args[1] = {
	{ "file", CTL_FILE_OUT, false, "where it goes (PEM); else it is printed", NULL },
};

void certd_check(struct daemon *d, struct ctl_run *r)
{
	struct certd *c = d->state;
	STACK_OF(X509) *anchors = NULL;
	STACK_OF(X509_CRL) *crls = NULL;
	int err = trust_anchors(c->trust, &anchors);
	bool any = false;

	certd_worked(c);
	if (err == 0)
		err = trust_crls(c->trust, &crls);
	if (err)
		ctl_check(r, "store", CTL_FAILED, "see journalctl -u ipdect-certd", "%s",
		    store_why(c->store));
	for (struct ident *t = NULL; err == 0 && (t = keyring_next(c->ring, t)) != NULL;) {
		char trouble[1500], name[KEYRING_NAME + 16], ends[32] = "";
		struct chain chain = { 0 };
		X509 *x = parse(&t->cert[0]);
		long left = x ? check_days_left(x, time(NULL)) : -1;
		enum ctl_result bad;

		any = true;
		judge(r, t, anchors, crls, trouble, sizeof(trouble), &chain);
		bad = left < 0 || !chain.complete ? CTL_FAILED : *trouble ? CTL_WARNING : CTL_OK;
		if (x)
			x509_text_time(X509_get0_notAfter(x), ends, sizeof(ends));
		snprintf(name, sizeof(name), "certificate %s", t->name);
		ctl_check(r, name, bad,
		    left < 0          ? "get a new one: dectctl cert csr"
		    : !chain.complete ? "import the missing CA: dectctl trust import"
		    : *trouble        ? "as the detail says"
		                      : "",
		    "until %s (%ld days), chain %s%s%s%s", ends, left,
		    chain.complete ? "complete" : "misses: ", chain.missing, *trouble ? "; " : "",
		    trouble);
		X509_free(x);
	}
	if (err == 0 && !any)
		ctl_check(r, "certificate", CTL_FAILED,
		    "dectctl cert import file=FILE, or dectctl cert csr",
		    "there is no host certificate");
	sk_X509_pop_free(anchors, X509_free);
	sk_X509_CRL_pop_free(crls, X509_CRL_free);
	if (!c->conf->fqdn[0])
		ctl_check(r, "fqdn", CTL_WARNING, "set fqdn in [certd]",
		    "this host's name is not set: no certificate can be compared with it");
	ctl_check(r, "locked memory", c->locked ? CTL_OK : CTL_WARNING,
	    c->locked ? "" : "allow certd 64 MiB of locked memory (LimitMEMLOCK=)", "%s",
	    c->locked ? "keys never reach the swap space" : "secrets could reach the swap space");
	if (audit_trouble(c->audit))
		ctl_check(r, "audit log", CTL_FAILED, "see journalctl -u ipdect-certd", "%s",
		    audit_trouble(c->audit));
	else
		ctl_check(r, "audit log", CTL_OK, "", "is written");
}
