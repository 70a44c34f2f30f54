/* LYNC: rules for the host's certificate. */
#include "sipd/ms_cert.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"

#define SOON_S (30 * 86400)

struct report {
	struct ms_cert_finding *f;
	unsigned n;
};

static void add(struct report *r, const char *what, enum ms_cert_level level, const char *remedy,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static void add(struct report *r, const char *what, enum ms_cert_level level, const char *remedy,
    const char *fmt, ...)
{
	struct ms_cert_finding *f;
	va_list ap;

	if (r->n == MS_CERT_FINDINGS)
		return;
	f = &r->f[r->n++];
	f->what = what;
	f->level = level;
	f->remedy = level == MS_CERT_OK ? "" : remedy;
	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

/* The subject's common name, printable. */
static void common_name(X509 *x, char *out, size_t cap)
{
	const X509_NAME *n = X509_get_subject_name(x);
	int at = X509_NAME_get_index_by_NID((X509_NAME *)(uintptr_t)n, NID_commonName, -1);
	const ASN1_STRING *s = at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(n, at));
	size_t len = s ? (size_t)ASN1_STRING_length(s) : 0;

	len = len < cap ? len : cap - 1;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = ASN1_STRING_get0_data(s)[i];
		out[i] = (char)(c > 0x20 && c < 0x7f ? c : '?');
	}
	out[len] = '\0';
}

static void name(struct report *r, X509 *x, const char *fqdn)
{
	char cn[128];
	bool subject, alternative;

	common_name(x, cn, sizeof(cn));
	if (!*fqdn) {
		add(r, "certificate: name", MS_CERT_UNSURE,
		    "set fqdn in [lync]: the trusted application pool's name",
		    "is for %s; the pool's name is not configured", cn);
		return;
	}
	subject = strcasecmp(cn, fqdn) == 0;
	alternative =
	    X509_check_host(x, fqdn, strlen(fqdn), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
	add(r, "certificate: name",
	    subject && alternative   ? MS_CERT_OK
	    : subject || alternative ? MS_CERT_UNSURE
	                             : MS_CERT_WRONG,
	    "have it issued with the trusted application pool's name as subject (CN) and among the "
	    "alternative names (dNSName)",
	    "subject %s%s, alternative names %s %s", cn, subject ? "" : " (not the pool's)",
	    alternative ? "have" : "have not", fqdn);
}

static void usage(struct report *r, X509 *x)
{
	uint32_t eku = X509_get_extended_key_usage(x);
	bool server = eku == UINT32_MAX || (eku & (XKU_SSL_SERVER | XKU_ANYEKU)),
	     client = eku == UINT32_MAX || (eku & (XKU_SSL_CLIENT | XKU_ANYEKU));

	add(r, "certificate: usage",
	    !server || eku == UINT32_MAX ? MS_CERT_WRONG
	    : client                     ? MS_CERT_OK
	                                 : MS_CERT_UNSURE,
	    "have it issued with extended key usage server authentication and client "
	    "authentication",
	    "server authentication: %s, client authentication: %s",
	    eku == UINT32_MAX ? "not said"
	    : server          ? "yes"
	                      : "no",
	    eku == UINT32_MAX ? "not said"
	    : client          ? "yes"
	                      : "no");
}

static void revocation(struct report *r, X509 *x)
{
	bool there = X509_get_ext_by_NID(x, NID_crl_distribution_points, -1) >= 0;

	add(r, "certificate: revocation", there ? MS_CERT_OK : MS_CERT_WRONG,
	    "configure a CRL distribution point at the CA and have the certificate issued again",
	    there ? "has a CRL distribution point"
	          : "has no CRL distribution point: Lync refuses it");
}

static void signature(struct report *r, const STACK_OF(X509) * chain)
{
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *x = sk_X509_value(chain, i);
		int md = NID_undef, pk = NID_undef, nid = X509_get_signature_nid(x);
		char cn[80];

		common_name(x, cn, sizeof(cn));
		(void)OBJ_find_sigid_algs(nid, &md, &pk);
		if (nid == NID_rsassaPss) {
			add(r, "certificate: signature", MS_CERT_WRONG,
			    "have the CA sign with PKCS#1 v1.5 (Windows CA: "
			    "AlternateSignatureAlgorithm=0)",
			    "%s is signed with RSASSA-PSS, which Lync does not take", cn);
			return;
		}
		if (md == NID_md5 || nid == NID_ED25519) {
			add(r, "certificate: signature", MS_CERT_WRONG,
			    "have it issued with SHA-256 and RSA or ECDSA", "%s is signed with %s",
			    cn, OBJ_nid2ln(nid));
			return;
		}
	}
	add(r, "certificate: signature", MS_CERT_OK, "", "%s",
	    OBJ_nid2ln(X509_get_signature_nid(sk_X509_value(chain, 0))));
}

static void key(struct report *r, X509 *x)
{
	EVP_PKEY *k = X509_get0_pubkey(x);
	int type = k ? EVP_PKEY_base_id(k) : EVP_PKEY_NONE, bits = k ? EVP_PKEY_bits(k) : 0;
	bool rsa = type == EVP_PKEY_RSA, ec = type == EVP_PKEY_EC;

	add(r, "certificate: key",
	    rsa  ? (bits == 2048 || bits == 4096 ? MS_CERT_OK
	               : bits >= 2048            ? MS_CERT_UNSURE
	                                         : MS_CERT_WRONG)
	    : ec ? MS_CERT_OK
	         : MS_CERT_WRONG,
	    "use RSA with 2048 or 4096 bits: dectctl cert csr", "%s, %d bits",
	    rsa  ? "RSA"
	    : ec ? "elliptic curve"
	         : "of a type that Lync does not know",
	    bits);
}

static void validity(struct report *r, X509 *x)
{
	int days = 0, secs = 0;
	bool begun = X509_cmp_current_time(X509_get0_notBefore(x)) < 0;

	if (!ASN1_TIME_diff(&days, &secs, NULL, X509_get0_notAfter(x)))
		days = -1;
	bool over = days < 0 || secs < 0;
	add(r, "certificate: validity",
	    over || !begun                            ? MS_CERT_WRONG
	    : (int64_t)days * 86400 < (int64_t)SOON_S ? MS_CERT_UNSURE
	                                              : MS_CERT_OK,
	    begun ? "get a new one: dectctl cert csr" : "set this host's clock by NTP",
	    over    ? "is over"
	    : begun ? "for %d days"
	            : "has not begun; it ends in %d days",
	    days);
}

static void chain_of(struct report *r, const STACK_OF(X509) * chain, X509_STORE *trust)
{
	X509_STORE_CTX *c = X509_STORE_CTX_new();
	const char *why = "no certificate of a CA is believed here";
	bool ok = false;

	if (c && trust &&
	    X509_STORE_CTX_init(
	        c, trust, sk_X509_value(chain, 0), (STACK_OF(X509) *)(uintptr_t)chain) == 1) {
		ok = X509_verify_cert(c) == 1;
		why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(c));
	}
	add(r, "certificate: chain", ok ? MS_CERT_OK : MS_CERT_WRONG,
	    "import the CA that issued it and the front ends' certificates: dectctl trust import; "
	    "the "
	    "Lync servers must believe the same CA",
	    "%s", ok ? "leads to a CA that is believed here" : why);
	X509_STORE_CTX_free(c);
	ERR_clear_error();
}

unsigned ms_cert_check(const STACK_OF(X509) * chain, X509_STORE *trust, const char *fqdn,
    struct ms_cert_finding out[MS_CERT_FINDINGS])
{
	struct report r = { out, 0 };
	X509 *leaf = sk_X509_num(chain) > 0 ? sk_X509_value(chain, 0) : NULL;

	if (!leaf)
		return 0;
	name(&r, leaf, fqdn);
	chain_of(&r, chain, trust);
	validity(&r, leaf);
	usage(&r, leaf);
	revocation(&r, leaf);
	signature(&r, chain);
	key(&r, leaf);
	return r.n;
}
