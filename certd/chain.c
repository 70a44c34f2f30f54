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

static X509 *issuer_in(STACK_OF(X509) * sk, X509 *x)
{
	for (int i = 0; i < sk_X509_num(sk); i++)
		if (X509_cmp(sk_X509_value(sk, i), x) != 0 && issued(sk_X509_value(sk, i), x))
			return sk_X509_value(sk, i);
	return NULL;
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
