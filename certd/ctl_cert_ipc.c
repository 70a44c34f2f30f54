/* Control commands: host certificates. */
#include "common/ossl.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "certd/certd.h"
#include "certd/ctl_cert_ipc.h"
#include "certd/import.h"
#include "common/id.h"
#include "common/mem.h"

static struct certd *room(struct ctl_run *r)
{
	return ((struct daemon *)ctl_ctx(r))->state;
}

static struct slice name_of(struct ctl_run *r)
{
	return ctl_id(r).n ? ctl_id(r) : slice_str(KEYRING_DEFAULT);
}

static int put(struct ctl_run *r, EVP_PKEY *key, const struct chain *chain)
{
	struct certd *c = room(r);
	struct slice name = name_of(r);
	int err;

	if (!keyring_name_ok(name))
		return ctl_fail(r, ERR_VALUE, "a name has 1 to 64 of the characters a-z 0-9 . _ -");
	err = keyring_put(c->ring, name, key, chain);
	if (err)
		return ctl_fail(r, err, "%s",
		    err == ERR_STORE ? store_why(c->store)
		    : err == ERR_UNSUPP
		        ? "the key is neither RSA, nor EC on P-256, P-384 or P-521, nor Ed25519"
		    : err == ERR_LIMIT ? "32 host certificates are the most: delete one"
		                       : err_text(err));
	certd_announce(c, CERTD_IDENTITY, keyring_ident(c->ring, name)->name);
	ctl_say(r, "%s is in use", keyring_ident(c->ring, name)->name);
	return 0;
}

int certd_cert_import(struct ctl_run *r)
{
	struct certd *c = room(r);
	struct import i;
	int err;

	import_init(&i);
	i.cert = ctl_data_arg(r, "file");
	i.key = ctl_data_arg(r, "key");
	if (ctl_has(r, "password"))
		i.password = slice_trim(ctl_data_arg(r, "password"));
	i.now = time(NULL);
	i.fqdn = c->conf->fqdn;
	err = import_read(&i, c->trust);
	if (err)
		ctl_fail(r, err, "%s", i.why);
	else
		err = put(r, i.bundle.key, &i.chain);
	if (err == 0 && *i.note)
		ctl_warn(r, "%s", i.note);
	import_free(&i);
	return err;
}

int certd_cert_del(struct ctl_run *r)
{
	struct certd *c = room(r);
	char name[KEYRING_NAME + 1];
	int err = slice_copy(ctl_id(r), name, sizeof(name));

	if (err == 0)
		err = keyring_del(c->ring, ctl_id(r));
	if (err)
		return ctl_fail(r, err, "%s",
		    err == ERR_STORE ? store_why(c->store) : "there is no such host certificate");
	certd_announce(c, CERTD_IDENTITY, name);
	ctl_say(r, "deleted");
	return 0;
}

static bool ext(X509 *x, int nid, const char *value)
{
	X509V3_CTX c;
	X509_EXTENSION *e;
	bool ok;

	X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	ok = e && X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	return ok;
}

static X509 *self_signed(EVP_PKEY *k, const char *cn, long days)
{
	X509 *x = X509_new();
	char san[300];
	uint64_t serial = id_u64() >> 1;

	snprintf(san, sizeof(san), "DNS:%s", cn);
	if (x && X509_set_version(x, 2) &&
	    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial) &&
	    X509_gmtime_adj(X509_getm_notBefore(x), -300) &&
	    X509_gmtime_adj(X509_getm_notAfter(x), 86400L * days) && X509_set_pubkey(x, k) &&
	    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
	        (const unsigned char *)cn, -1, -1, 0) &&
	    X509_set_issuer_name(x, X509_get_subject_name(x)) &&
	    ext(x, NID_basic_constraints, "CA:FALSE") &&
	    ext(x, NID_subject_key_identifier, "hash") &&
	    ext(x, NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
	    ext(x, NID_ext_key_usage, "serverAuth,clientAuth") &&
	    ext(x, NID_subject_alt_name, san) &&
	    X509_sign(x, k, EVP_PKEY_is_a(k, "ED25519") ? NULL : EVP_sha256()))
		return x;
	X509_free(x);
	return NULL;
}

static EVP_PKEY *make_key(struct slice type)
{
	if (slice_eq(type, SLICE_LIT("rsa-2048")))
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	if (slice_eq(type, SLICE_LIT("rsa-3072")))
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)3072);
	if (slice_eq(type, SLICE_LIT("p-384")))
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	if (slice_eq(type, SLICE_LIT("ed25519")))
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

int certd_cert_self_signed(struct ctl_run *r)
{
	struct chain chain = { .n = 1, .complete = true, .self_signed = true };
	struct slice cn = ctl_text_arg(r, "cn");
	char name[256];
	EVP_PKEY *k;
	int err;

	if (!cn.n)
		cn = slice_str(room(r)->conf->fqdn);
	for (size_t i = 0; i < cn.n; i++)
		if (!((cn.p[i] >= 'a' && cn.p[i] <= 'z') || (cn.p[i] >= 'A' && cn.p[i] <= 'Z') ||
		        (cn.p[i] >= '0' && cn.p[i] <= '9') || cn.p[i] == '.' || cn.p[i] == '-'))
			return ctl_fail(r, ERR_VALUE, "cn is a host name");
	if (!cn.n || cn.n > 64 || slice_copy(cn, name, sizeof(name)))
		return ctl_fail(
		    r, ERR_VALUE, "give cn=HOST of at most 64 characters, or set fqdn in [certd]");
	k = make_key(ctl_text_arg(r, "key"));
	chain.cert[0] = k ? self_signed(k, name, (long)ctl_number(r, "days", 365) % 36500) : NULL;
	err = chain.cert[0] ? put(r, k, &chain)
	                    : ctl_fail(r, ERR_CRYPTO, "the certificate could not be made");
	X509_free(chain.cert[0]);
	EVP_PKEY_free(k);
	return err;
}

int certd_cert_list(struct ctl_run *r)
{
	struct certd *c = room(r);

	for (struct ident *t = NULL; (t = keyring_next(c->ring, t)) != NULL;) {
		Ctl__CertRow row = CTL__CERT_ROW__INIT;
		char subject[X509_TEXT_NAME], issuer[X509_TEXT_NAME], from[32], to[32], sha1[64],
		    sha256[100];
		const unsigned char *p = t->cert[0].der;
		X509 *x = d2i_X509(NULL, &p, (long)t->cert[0].n);

		if (!x || (ctl_id(r).n && !slice_eq(ctl_id(r), slice_str(t->name)))) {
			X509_free(x);
			continue;
		}
		x509_text_name(X509_get_subject_name(x), subject, sizeof(subject));
		x509_text_name(X509_get_issuer_name(x), issuer, sizeof(issuer));
		x509_text_time(X509_get0_notBefore(x), from, sizeof(from));
		x509_text_time(X509_get0_notAfter(x), to, sizeof(to));
		x509_text_print(x, EVP_sha1(), sha1, sizeof(sha1));
		x509_text_print(x, EVP_sha256(), sha256, sizeof(sha256));
		row.name = t->name;
		row.has_subject = row.has_issuer = true;
		row.subject = (ProtobufCBinaryData){ strlen(subject), (uint8_t *)subject };
		row.issuer = (ProtobufCBinaryData){ strlen(issuer), (uint8_t *)issuer };
		row.not_before = from;
		row.not_after = to;
		row.key_type = t->key->type;
		row.sha1 = sha1;
		row.sha256 = sha256;
		ctl_row(r, &row.base);
		X509_free(x);
	}
	return 0;
}

const struct ctl_arg certd_import_args[3] = {
	{ "file", CTL_FILE_IN, true, "certificate, or everything", NULL },
	{ "key", CTL_FILE_IN, false, "private key, where it is a file of its own", NULL },
	{ "password", CTL_SECRET, false, "of the PKCS#12 file or of the key", NULL },
};
const struct ctl_arg certd_self_args[3] = {
	{ "cn", CTL_TEXT, false, "host name; else fqdn of [certd]", NULL },
	{ "days", CTL_NUMBER, false, "validity, 365 when left out", NULL },
	{ "key", CTL_CHOICE, false, "kind of key, p-256 when left out",
	    "rsa-2048|rsa-3072|p-256|p-384|ed25519" },
};
