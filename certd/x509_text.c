/* Certificates in words. */
#include "certd/x509_text.h"

#include <openssl/core_names.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/mem.h"

static void take(BIO *b, char *out, size_t cap)
{
	int n = b ? BIO_read(b, out, (int)cap - 1) : 0;

	out[n > 0 ? n : 0] = '\0';
}

void x509_text_name(const X509_NAME *n, char *out, size_t cap)
{
	BIO *b = BIO_new(BIO_s_mem());

	if (b)
		X509_NAME_print_ex(
		    b, n, 0, (XN_FLAG_ONELINE | ASN1_STRFLGS_ESC_CTRL) & ~ASN1_STRFLGS_ESC_MSB);
	take(b, out, cap);
	BIO_free(b);
}

void x509_text_cn(const X509_NAME *n, char *out, size_t cap)
{
	int at = -1, last = -1;
	BIO *b;

	while ((at = X509_NAME_get_index_by_NID(n, NID_commonName, at)) >= 0)
		last = at;
	if (last < 0) {
		x509_text_name(n, out, cap);
		return;
	}
	b = BIO_new(BIO_s_mem());
	if (b)
		ASN1_STRING_print_ex(b, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(n, last)),
		    ASN1_STRFLGS_ESC_CTRL | ASN1_STRFLGS_UTF8_CONVERT);
	take(b, out, cap);
	BIO_free(b);
}

time_t x509_time(const ASN1_TIME *t)
{
	struct tm tm;

	return t && ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : (time_t)-1;
}

void x509_text_time(const ASN1_TIME *t, char *out, size_t cap)
{
	struct tm tm;

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1 ||
	    strftime(out, cap, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(out, cap, "invalid");
}

void x509_text_key(const EVP_PKEY *k, char *out, size_t cap)
{
	static const struct {
		const char *group, *text;
	} curves[] = { { "prime256v1", "P-256" }, { "secp384r1", "P-384" },
		{ "secp521r1", "P-521" } };
	char group[64] = "";
	size_t n = 0;

	if (k && (EVP_PKEY_is_a(k, "RSA") || EVP_PKEY_is_a(k, "RSA-PSS"))) {
		snprintf(out, cap, "%s-%d", EVP_PKEY_is_a(k, "RSA") ? "RSA" : "RSA-PSS",
		    EVP_PKEY_get_bits(k));
		return;
	}
	if (k && EVP_PKEY_is_a(k, "EC") &&
	    EVP_PKEY_get_utf8_string_param(
	        k, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), &n)) {
		for (size_t i = 0; i < ARRAY_LEN(curves); i++)
			if (strcmp(group, curves[i].group) == 0) {
				snprintf(out, cap, "%s", curves[i].text);
				return;
			}
		snprintf(out, cap, "EC-%s", group);
		return;
	}
	if (k && EVP_PKEY_is_a(k, "ED25519"))
		snprintf(out, cap, "Ed25519");
	else
		snprintf(out, cap, "%s",
		    k && EVP_PKEY_get0_type_name(k) ? EVP_PKEY_get0_type_name(k) : "unknown");
}

void x509_text_print(const X509 *x, const EVP_MD *md, char *out, size_t cap)
{
	uint8_t d[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	size_t at = 0;

	out[0] = '\0';
	if (X509_digest(x, md, d, &n) != 1)
		return;
	for (unsigned i = 0; i < n && at + 4 <= cap; i++)
		at += (size_t)snprintf(out + at, cap - at, i ? ":%02X" : "%02X", d[i]);
}

int x509_key_id(EVP_PKEY *k, uint8_t id[32])
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(k, &der), ok;
	unsigned len = 0;

	ok = n > 0 && EVP_Digest(der, (size_t)n, id, &len, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	return ok ? 0 : ERR_CRYPTO;
}

int x509_cert_id(const X509 *x, uint8_t id[32])
{
	unsigned n = 0;

	return X509_digest(x, EVP_sha256(), id, &n) == 1 ? 0 : ERR_CRYPTO;
}
