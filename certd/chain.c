/* Chains of certificates. */
#include "certd/chain.h"

#include <openssl/x509v3.h>
#include <stdio.h>

#include "common/err.h"

static bool issued(X509 *issuer, X509 *x)
{
	EVP_PKEY *k = X509_get0_pubkey(issuer);

	return X509_check_issued(issuer, x) == X509_V_OK && k && X509_verify(x, k) == 1;
}

/* Its own issuer, whether or not it may issue others. */
static bool self_issued(X509 *x)
{
	EVP_PKEY *k = X509_get0_pubkey(x);

	return X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0 && k &&
	       X509_verify(x, k) == 1;
}

/* A CA may have several certificates with one key: one that may issue is taken before one that may not, one that is valid
 * before one that is not. */
static X509 *issuer_in(STACK_OF(X509) * sk, X509 *x)
{
	X509 *best = NULL;
	int most = -1;

	for (int i = 0; i < sk_X509_num(sk); i++) {
		X509 *up = sk_X509_value(sk, i);
		int worth;

		if (X509_cmp(up, x) == 0 || !issued(up, x))
			continue;
		worth = 2 * (X509_check_ca(up) > 0) +
		        (X509_cmp_current_time(X509_get0_notBefore(up)) < 0 &&
		            X509_cmp_current_time(X509_get0_notAfter(up)) > 0);
		if (worth > most) {
			most = worth;
			best = up;
		}
	}
	return best;
}

static bool among(STACK_OF(X509) * sk, X509 *x)
{
	for (int i = 0; i < sk_X509_num(sk); i++)
		if (X509_cmp(sk_X509_value(sk, i), x) == 0)
			return true;
	return false;
}

void chain_build(X509 *leaf, STACK_OF(X509) * pool, STACK_OF(X509) * anchors, struct chain *out)
{
	char issuer[X509_TEXT_NAME], subject[X509_TEXT_NAME];
	X509 *x = leaf;

	*out = (struct chain){ 0 };
	out->self_signed = self_issued(leaf);
	for (;;) {
		X509 *up;

		if (out->n > 0 && self_issued(x)) { /* a root: peers have it themselves */
			out->root = x;
			out->complete = true;
			out->trusted = among(anchors, x);
			break;
		}
		if (out->n == CHAIN_MAX) {
			snprintf(out->missing, sizeof(out->missing),
			    "the chain has more than %d certificates", CHAIN_MAX);
			break;
		}
		out->cert[out->n++] = x;
		if (out->self_signed || (out->n > 1 && among(anchors, x))) {
			out->complete = true;
			out->trusted = among(anchors, x);
			break;
		}
		up = issuer_in(pool, x);
		if (!up)
			up = issuer_in(anchors, x);
		if (!up) {
			x509_text_name(X509_get_issuer_name(x), issuer, 150);
			x509_text_name(X509_get_subject_name(x), subject, 150);
			snprintf(out->missing, sizeof(out->missing),
			    "the certificate of \"%.150s\", which issued \"%.150s\"", issuer,
			    subject);
			break;
		}
		x = up;
	}
	ERR_clear_error();
}

X509 *chain_leaf(STACK_OF(X509) * certs, EVP_PKEY *key)
{
	for (int i = 0; i < sk_X509_num(certs); i++) {
		EVP_PKEY *k = X509_get0_pubkey(sk_X509_value(certs, i));

		if (k && EVP_PKEY_eq(k, key) == 1)
			return sk_X509_value(certs, i);
	}
	ERR_clear_error();
	return NULL;
}
