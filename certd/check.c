/* What is wrong with a host certificate. */
#include "certd/check.h"

#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "certd/keyring.h"
#include "common/mem.h"

#define RSA_MIN 2048
#define RSA_MAX 8192 /* signatures of 1,024 octets: what a frame to us may carry */
#define SOON    30   /* days */

static void add(struct check *c, enum check_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void add(struct check *c, enum check_level level, const char *fmt, ...)
{
	va_list ap;

	if (c->n == CHECK_MAX)
		return;
	c->f[c->n].level = level;
	va_start(ap, fmt);
	vsnprintf(c->f[c->n].text, sizeof(c->f[c->n].text), fmt, ap);
	va_end(ap);
	c->n++;
}

long check_days_left(const X509 *x, time_t now)
{
	time_t end = x509_time(X509_get0_notAfter(x));

	return end < now ? -1 - (long)((now - end) / 86400) : (long)((end - now) / 86400);
}

static void dates(struct check *c, const X509 *x, const char *whose)
{
	time_t from = x509_time(X509_get0_notBefore(x)), to = x509_time(X509_get0_notAfter(x));
	char when[32];

	if (from == (time_t)-1 || to == (time_t)-1) {
		add(c, CHECK_NEVER, "%s has a validity that does not parse", whose);
		return;
	}
	if (c->now > to) {
		x509_text_time(X509_get0_notAfter(x), when, sizeof(when));
		add(c, CHECK_REFUSE, "%s expired on %s: get a new one", whose, when);
	} else if (c->now < from) {
		x509_text_time(X509_get0_notBefore(x), when, sizeof(when));
		add(c, CHECK_REFUSE, "%s is valid only from %s on: check this host's clock", whose,
		    when);
	} else if (check_days_left(x, c->now) < SOON) {
		x509_text_time(X509_get0_notAfter(x), when, sizeof(when));
		add(c, CHECK_NOTE, "%s expires on %s: get a new one", whose, when);
	}
}

/* The names of a certificate, for messages. */
static void names(const X509 *x, char *out, size_t cap)
{
	GENERAL_NAMES *san = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	size_t n = 0;

	out[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(san) && n + 4 < cap; i++) {
		int type;
		const ASN1_STRING *s =
		    GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(san, i), &type);
		int len = type == GEN_DNS ? ASN1_STRING_length(s) : 0;

		for (int k = 0; k < len && n + 4 < cap; k++) {
			unsigned char ch = ASN1_STRING_get0_data(s)[k];

			out[n++] = (char)(ch > 0x20 && ch < 0x7f ? ch : '?');
		}
		if (len) {
			out[n++] = ' ';
			out[n] = '\0';
		}
	}
	if (n)
		out[n - 1] = '\0';
	else
		x509_text_cn(X509_get_subject_name(x), out, cap);
	GENERAL_NAMES_free(san);
}

static void name(struct check *c, X509 *x)
{
	char have[160];

	if (!*c->fqdn) {
		add(c, CHECK_NOTE, "the name was not checked: set fqdn in [certd]");
	} else if (X509_check_host(x, c->fqdn, strlen(c->fqdn), 0, NULL) != 1) {
		names(x, have, sizeof(have));
		add(c, CHECK_REFUSE, "the certificate is for %s, not for this host's name %.100s",
		    have, c->fqdn);
	}
	if (X509_get_ext_by_NID(x, NID_subject_alt_name, -1) < 0)
		add(c, CHECK_NOTE,
		    "the name is only in the subject: many peers look at the alternative names");
}

static void usage(struct check *c, X509 *x)
{
	uint32_t ku = X509_get_key_usage(x), eku = X509_get_extended_key_usage(x);

	if (ku != UINT32_MAX && !(ku & KU_DIGITAL_SIGNATURE))
		add(c, CHECK_REFUSE,
		    "its key usage forbids digital signatures: have it issued for a web server");
	if (eku != UINT32_MAX && !(eku & (XKU_SSL_SERVER | XKU_ANYEKU)))
		add(c, CHECK_REFUSE,
		    "its extended key usage has no server authentication: have it issued for a web "
		    "server");
	else if (eku != UINT32_MAX && !(eku & (XKU_SSL_CLIENT | XKU_ANYEKU)))
		add(c, CHECK_NOTE,
		    "its extended key usage has no client authentication: peers other than Lync "
		    "may "
		    "refuse our connections");
	if (X509_check_ca(x) == 1 && X509_check_issued(x, x) != X509_V_OK)
		add(c, CHECK_NOTE, "it is a CA certificate: keep those away from servers");
}

static void key(struct check *c, X509 *x)
{
	EVP_PKEY *k = X509_get0_pubkey(x);
	enum key_kind kind;
	char type[24];

	x509_text_key(k, type, sizeof(type));
	if (!k || key_kind_of(k, &kind) != 0)
		add(c, CHECK_NEVER,
		    "its key is %s: RSA, P-256, P-384, P-521 and Ed25519 are supported", type);
	else if (kind == KEY_RSA && EVP_PKEY_get_bits(k) < RSA_MIN)
		add(c, CHECK_REFUSE, "its key is %s: at least RSA-2048 is safe", type);
	else if (kind == KEY_RSA && EVP_PKEY_get_bits(k) > RSA_MAX)
		add(c, CHECK_NEVER, "its key is %s: at most RSA-8192 is supported", type);
	else if (kind == KEY_ED25519)
		add(c, CHECK_NOTE, "its key is Ed25519: Lync and most SIP peers do not know that");
}

static void signature(struct check *c, X509 *x, const char *whose)
{
	int md = NID_undef, pk = NID_undef;

	if (X509_get_signature_nid(x) == NID_rsassaPss) {
		add(c, CHECK_NOTE,
		    "%s is signed with RSASSA-PSS: Lync refuses it; have the CA sign with PKCS#1 "
		    "v1.5",
		    whose);
		return;
	}
	if (OBJ_find_sigid_algs(X509_get_signature_nid(x), &md, &pk) &&
	    (md == NID_sha1 || md == NID_md5))
		add(c, CHECK_NOTE, "%s is signed with %s: many peers refuse it", whose,
		    md == NID_md5 ? "MD5" : "SHA-1");
}

static void revocation(struct check *c, X509 *x, const char *whose)
{
	if (c->n < CHECK_MAX && X509_get_ext_by_NID(x, NID_crl_distribution_points, -1) < 0 &&
	    strcmp(whose, "the certificate") == 0)
		add(c, CHECK_NOTE,
		    "it has no CRL distribution point: Lync refuses it; configure one at the CA");
	for (int i = 0; i < sk_X509_CRL_num(c->crls); i++) {
		X509_CRL *l = sk_X509_CRL_value(c->crls, i);
		X509_REVOKED *r;
		char when[32];

		if (X509_NAME_cmp(X509_CRL_get_issuer(l), X509_get_issuer_name(x)) != 0 ||
		    X509_CRL_get0_by_cert(l, &r, x) != 1)
			continue;
		x509_text_time(X509_REVOKED_get0_revocationDate(r), when, sizeof(when));
		add(c, CHECK_REFUSE, "%s was revoked by its CA on %s: get a new one", whose, when);
		return;
	}
}

void check_identity(struct check *c, const struct chain *chain)
{
	X509 *leaf = chain->cert[0];

	key(c, leaf);
	dates(c, leaf, "the certificate");
	name(c, leaf);
	usage(c, leaf);
	signature(c, leaf, "the certificate");
	revocation(c, leaf, "the certificate");
	for (unsigned i = 1; i < chain->n; i++) {
		char cn[80], whose[120];

		x509_text_cn(X509_get_subject_name(chain->cert[i]), cn, sizeof(cn));
		snprintf(whose, sizeof(whose), "the CA certificate \"%s\"", cn);
		if (X509_check_ca(chain->cert[i]) == 0)
			add(c, CHECK_REFUSE,
			    "%s may not issue certificates, peers refuse the chain: get the CA's "
			    "own "
			    "certificate",
			    whose);
		dates(c, chain->cert[i], whose);
		signature(c, chain->cert[i], whose);
		revocation(c, chain->cert[i], whose);
	}
	/* Its signature means nothing; but a peer that has it believes it only while it is valid. */
	if (chain->root) {
		char cn[80], whose[120];

		x509_text_cn(X509_get_subject_name(chain->root), cn, sizeof(cn));
		snprintf(whose, sizeof(whose), "the root certificate \"%s\"", cn);
		dates(c, chain->root, whose);
	}
	if (!chain->complete)
		add(c, CHECK_REFUSE, "the chain has a hole: missing is %.240s: add it to the file",
		    chain->missing);
	else if (chain->self_signed)
		add(c, CHECK_NOTE, "it is self-signed: peers must import it before they trust us");
	else if (!chain->trusted)
		add(c, CHECK_NOTE,
		    "its root is not trusted here: trust import, if peers have certificates of the "
		    "same CA");
	ERR_clear_error();
}

enum check_level check_worst(const struct check *c)
{
	enum check_level worst = 0;

	for (unsigned i = 0; i < c->n; i++)
		worst = c->f[i].level > worst ? c->f[i].level : worst;
	return worst;
}

const char *check_first(const struct check *c, enum check_level min)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->f[i].level >= min)
			return c->f[i].text;
	return NULL;
}

void check_join(const struct check *c, enum check_level min, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < c->n && n + 1 < cap; i++)
		if (c->f[i].level >= min)
			n +=
			    (size_t)snprintf(out + n, cap - n, "%s%s", n ? "; " : "", c->f[i].text);
}
