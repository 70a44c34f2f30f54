/* Control commands: trusted certificates and revocation lists. */
#include "common/ossl.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "certd/ctl_room_ipc.h"
#include "common/enc.h"
#include "common/mem.h"

static int store_fault(struct ctl_run *r, int err)
{
	return ctl_fail(
	    r, err, "%s", err == ERR_STORE ? store_why(ctl_room(r)->store) : err_text(err));
}

static void changed(struct ctl_run *r)
{
	certd_announce(ctl_room(r), CERTD_TRUST, NULL);
}

int certd_trust_list(struct ctl_run *r)
{
	struct trust *t = ctl_room(r)->trust;
	STACK_OF(X509) *sk = NULL;
	uint32_t at = 0;
	int err = trust_anchors(t, &sk);

	certd_worked(ctl_room(r));
	if (err)
		return store_fault(r, err);
	if (ctl_cursor(r).n && slice_u32(ctl_cursor(r), UINT32_MAX, &at))
		err = ERR_SYNTAX;
	for (; err == 0 && at < (uint32_t)sk_X509_num(sk); at++) {
		X509 *x = sk_X509_value(sk, (int)at);
		Ctl__CertRow row = CTL__CERT_ROW__INIT;
		struct ctl_cert_text text;
		char cursor[16];

		row.name = (char *)(uintptr_t)(trust_is_local(t, x) ? "local" : "distribution");
		ctl_cert_row(&row, &text, x);
		if (time(NULL) > x509_time(X509_get0_notAfter(x))) {
			row.has_trouble = true;
			row.trouble = ctl_bin("expired", 7);
		}
		if (!ctl_row(r, &row.base)) {
			snprintf(cursor, sizeof(cursor), "%u", at);
			ctl_more(r, slice_str(cursor));
			break;
		}
	}
	sk_X509_pop_free(sk, X509_free);
	return err;
}

int certd_trust_import(struct ctl_run *r)
{
	struct trust_result res;
	int err = ctl_announce(r, "trust-import", SLICE_LIT("local"));

	if (err)
		return err;
	err = trust_import(ctl_room(r)->trust, ctl_data_arg(r, "file"), time(NULL), &res);
	if (err) {
		ctl_undone(r, "trust-import", SLICE_LIT("local"), err);
		return ctl_fail(r, err, "%s", res.why);
	}
	changed(r);
	ctl_say(r, "%u added, %u were there already", res.added, res.known);
	if (res.expired || res.not_ca)
		ctl_warn(r, "of these %u have expired, %u are no CA certificates", res.expired,
		    res.not_ca);
	return 0;
}

int certd_trust_export(struct ctl_run *r)
{
	STACK_OF(X509) *sk = NULL;
	BIO *b = BIO_new(BIO_s_mem());
	char *p = NULL;
	long n;
	int err = trust_anchors(ctl_room(r)->trust, &sk);

	for (int i = 0; err == 0 && b && i < sk_X509_num(sk); i++)
		if (!ctl_flag(r, "local", false) ||
		    trust_is_local(ctl_room(r)->trust, sk_X509_value(sk, i)))
			PEM_write_bio_X509(b, sk_X509_value(sk, i));
	n = b ? BIO_get_mem_data(b, &p) : 0;
	if (err == 0)
		ctl_data(r, p ? p : "", n > 0 ? (size_t)n : 0);
	BIO_free(b);
	sk_X509_pop_free(sk, X509_free);
	return err ? store_fault(r, err) : 0;
}

/* SHA-256 in hex, with or without colons; at least its first 8 digits. */
static int fingerprint(struct slice s, uint8_t out[32], size_t *n)
{
	char hex[65];
	size_t k = 0;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ':') {
			if (k == 64)
				return ERR_VALUE;
			hex[k++] = s.p[i];
		}
	return k < 8 ? ERR_VALUE : enc_unhex((struct slice){ hex, k }, out, 32, n);
}

int certd_trust_del(struct ctl_run *r)
{
	struct trust *t = ctl_room(r)->trust;
	STACK_OF(X509) *sk = NULL;
	uint8_t want[32], id[32], hit[32];
	unsigned hits = 0;
	size_t n = 0;
	int err = fingerprint(ctl_id(r), want, &n);

	if (err)
		return ctl_fail(
		    r, ERR_VALUE, "give the SHA-256 fingerprint, at least 8 digits of it");
	err = trust_anchors(t, &sk);
	if (err)
		return store_fault(r, err);
	for (int i = 0; i < sk_X509_num(sk); i++)
		if (trust_is_local(t, sk_X509_value(sk, i)) &&
		    x509_cert_id(sk_X509_value(sk, i), id) == 0 && memcmp(id, want, n) == 0) {
			hits++;
			memcpy(hit, id, sizeof(hit));
		}
	sk_X509_pop_free(sk, X509_free);
	if (hits != 1)
		return ctl_fail(r, ERR_NOTFOUND,
		    hits
		        ? "several local certificates begin like this: give more of the fingerprint"
		        : "no local certificate has this fingerprint");
	err = ctl_announce(r, "trust-del", ctl_id(r));
	if (err)
		return err;
	err = trust_del(t, hit);
	if (err) {
		ctl_undone(r, "trust-del", ctl_id(r), err);
		return store_fault(r, err);
	}
	changed(r);
	ctl_say(r, "not trusted any more");
	return 0;
}

static int simple(struct ctl_run *r, const char *op, int (*fn)(struct trust *), const char *said)
{
	int err = ctl_announce(r, op, SLICE_LIT("all"));

	if (err)
		return err;
	err = fn(ctl_room(r)->trust);
	if (err) {
		ctl_undone(r, op, SLICE_LIT("all"), err);
		return store_fault(r, err);
	}
	changed(r);
	ctl_say(r, "%s", said);
	return 0;
}

int certd_trust_clear(struct ctl_run *r)
{
	return simple(r, "trust-clear", trust_clear,
	    "nothing is trusted now; trust restore brings the distribution's CAs back");
}

int certd_trust_restore(struct ctl_run *r)
{
	return simple(r, "trust-restore", trust_restore, "the distribution's CAs are trusted");
}

/* ---- revocation lists ---- */

int certd_crl_list(struct ctl_run *r)
{
	STACK_OF(X509_CRL) *sk = NULL;
	int err = trust_crls(ctl_room(r)->trust, &sk);

	if (err)
		return store_fault(r, err);
	for (int i = 0; i < sk_X509_CRL_num(sk); i++) {
		X509_CRL *l = sk_X509_CRL_value(sk, i);
		Ctl__CertRow row = CTL__CERT_ROW__INIT;
		char issuer[X509_TEXT_NAME], from[32], to[32] = "", what[48];

		x509_text_name(X509_CRL_get_issuer(l), issuer, sizeof(issuer));
		x509_text_time(X509_CRL_get0_lastUpdate(l), from, sizeof(from));
		if (X509_CRL_get0_nextUpdate(l))
			x509_text_time(X509_CRL_get0_nextUpdate(l), to, sizeof(to));
		snprintf(
		    what, sizeof(what), "%d revoked", sk_X509_REVOKED_num(X509_CRL_get_REVOKED(l)));
		row.name = what;
		row.has_issuer = true;
		row.issuer = ctl_bin(issuer, strlen(issuer));
		row.not_before = from;
		row.not_after = to;
		if (*to && time(NULL) > x509_time(X509_CRL_get0_nextUpdate(l))) {
			row.has_trouble = true;
			row.trouble = ctl_bin("outdated: import a newer list", 29);
		}
		if (!ctl_row(r, &row.base))
			break; /* hundreds of issuers: nobody has them */
	}
	sk_X509_CRL_pop_free(sk, X509_CRL_free);
	return 0;
}

/* The CAs in our own chains may issue lists, too. */
static STACK_OF(X509) * own_issuers(struct certd *c)
{
	STACK_OF(X509) *sk = sk_X509_new_null();

	for (struct ident *t = NULL; sk && (t = keyring_next(c->ring, t)) != NULL;)
		for (unsigned i = 1; i < t->n; i++) {
			const unsigned char *p = t->cert[i].der;
			X509 *x = d2i_X509(NULL, &p, (long)t->cert[i].n);

			if (x && sk_X509_push(sk, x) <= 0)
				X509_free(x);
		}
	return sk;
}

int certd_crl_import(struct ctl_run *r)
{
	struct certd *c = ctl_room(r);
	STACK_OF(X509) * extra;
	struct trust_result res;
	int err = ctl_announce(r, "crl-import", SLICE_LIT("local"));

	if (err)
		return err;
	extra = own_issuers(c);
	err = trust_import_crl(c->trust, ctl_data_arg(r, "file"), extra, time(NULL), &res);
	sk_X509_pop_free(extra, X509_free);
	if (err) {
		ctl_undone(r, "crl-import", SLICE_LIT("local"), err);
		return ctl_fail(r, err, "%s", res.why);
	}
	changed(r);
	ctl_say(r, "%u lists taken", res.added);
	if (res.expired)
		ctl_warn(
		    r, "%u of them are outdated: peers of these CAs may be refused", res.expired);
	return 0;
}

int certd_crl_del(struct ctl_run *r)
{
	struct trust *t = ctl_room(r)->trust;
	STACK_OF(X509_CRL) *sk = NULL;
	char issuer[X509_TEXT_NAME];
	int err = trust_crls(t, &sk), hit = -1;

	if (err)
		return store_fault(r, err);
	for (int i = 0; i < sk_X509_CRL_num(sk); i++) {
		x509_text_name(
		    X509_CRL_get_issuer(sk_X509_CRL_value(sk, i)), issuer, sizeof(issuer));
		if (slice_eq(ctl_id(r), slice_str(issuer)))
			hit = i;
	}
	if (hit < 0)
		ctl_fail(
		    r, err = ERR_NOTFOUND, "no list of this issuer: give it as crl list shows it");
	else
		err = ctl_announce(r, "crl-del", ctl_id(r));
	if (err == 0) {
		err = trust_del_crl(t, sk_X509_CRL_value(sk, hit));
		if (err) {
			ctl_undone(r, "crl-del", ctl_id(r), err);
			store_fault(r, err);
		}
	}
	sk_X509_CRL_pop_free(sk, X509_CRL_free);
	if (err)
		return err;
	changed(r);
	ctl_say(r, "deleted");
	return 0;
}

const struct ctl_arg certd_file_in_args[1] = {
	{ "file", CTL_FILE_IN, true, "PEM or DER, whatever its name", NULL },
};
