#ifndef CERTD_CHAIN_H
#define CERTD_CHAIN_H
#include <stdbool.h>

#include "certd/x509_text.h"

/* The way from a certificate to a root: built from what came with it, then from what is trusted. Links are proven by
 * signature, not by name alone. */
#define CHAIN_MAX 8 /* leaf included, root not */

struct chain {
	X509 *cert[CHAIN_MAX]; /* borrowed; leaf first, without the root */
	unsigned n;
	X509 *
	    root; /* borrowed; the self-signed end, where it is known and not the leaf; else NULL */
	bool complete;     /* ends at a self-signed certificate, or at one that is trusted */
	bool self_signed;  /* the leaf is its own issuer */
	bool trusted;      /* the end is among the anchors */
	char missing[400]; /* what is missing where it is not complete, in one line */
};
/* anchors may be NULL. */
void chain_build(X509 *leaf, STACK_OF(X509) * pool, STACK_OF(X509) * anchors, struct chain *out);
/* The certificate of key; NULL: none of them. */
X509 *chain_leaf(STACK_OF(X509) * certs, EVP_PKEY *key);
#endif
