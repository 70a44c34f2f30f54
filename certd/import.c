/* Import of a host identity. */
#include "certd/import.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"

void import_init(struct import *i)
{
	*i = (struct import){ .fqdn = "" };
	bundle_init(&i->bundle);
}

void import_free(struct import *i)
{
	bundle_free(&i->bundle);
	sk_X509_pop_free(i->anchors, X509_free);
	i->anchors = NULL;
}

int import_read(struct import *i, struct trust *t)
{
	X509 *leaf;
	int err = bundle_read(&i->bundle, i->cert, i->password, i->why, sizeof(i->why));

	if (err == 0 && i->key.n)
		err = bundle_read(&i->bundle, i->key, i->password, i->why, sizeof(i->why));
	if (err)
		return err;
	if (!i->bundle.key) {
		snprintf(i->why, sizeof(i->why),
		    "no private key in the file: give it with key=FILE, or export with the key");
		return ERR_NOTFOUND;
	}
	if (sk_X509_num(i->bundle.certs) == 0) {
		snprintf(i->why, sizeof(i->why), "no certificate in the file");
		return ERR_NOTFOUND;
	}
	leaf = chain_leaf(i->bundle.certs, i->bundle.key);
	if (!leaf) {
		snprintf(
		    i->why, sizeof(i->why), "the private key belongs to none of the certificates");
		return ERR_VALUE;
	}
	err = trust_anchors(t, &i->anchors);
	if (err) {
		snprintf(i->why, sizeof(i->why), "the trusted certificates cannot be read");
		return err;
	}
	chain_build(leaf, i->bundle.certs, i->anchors, &i->chain);
	if (!i->chain.complete && !i->force) {
		snprintf(i->why, sizeof(i->why), "missing: %.400s", i->chain.missing);
		return ERR_VALUE;
	}
	return 0;
}
