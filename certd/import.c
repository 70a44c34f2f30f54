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
	sk_X509_CRL_pop_free(i->check.crls, X509_CRL_free);
	i->anchors = NULL;
	i->check.crls = NULL;
}

static int say(struct import *i, int err, const char *text)
{
	snprintf(i->why, sizeof(i->why), "%s", text);
	return err;
}

static int read_files(struct import *i)
{
	int err = bundle_read(&i->bundle, i->cert, i->password, i->why, sizeof(i->why));

	if (err == 0 && i->key.n) {
		char why[512];

		err = bundle_read(&i->bundle, i->key, i->password, why, sizeof(why));
		if (err)
			snprintf(i->why, sizeof(i->why), "the key file: %s", why);
	}
	if (err)
		return err;
	if (i->own && !i->bundle.key) {
		EVP_PKEY_up_ref(i->own);
		i->bundle.key = i->own;
	}
	if (!i->bundle.key)
		return say(i, ERR_NOTFOUND,
		    "no private key in the file: give it with key=FILE, or export the certificate "
		    "with its key");
	if (sk_X509_num(i->bundle.certs) == 0)
		return say(i, ERR_NOTFOUND, "no certificate in the file");
	return 0;
}

int import_read(struct import *i, struct trust *t)
{
	X509 *leaf;
	int err = read_files(i);

	if (err)
		return err;
	leaf = chain_leaf(i->bundle.certs, i->bundle.key);
	if (!leaf)
		return say(i, ERR_VALUE,
		    i->own
		        ? "none of the certificates belongs to the key of the request: install "
		          "the answer to the last request of this name"
		        : "the private key belongs to none of the certificates: give the two that "
		          "belong together");
	err = trust_anchors(t, &i->anchors);
	if (err == 0)
		err = trust_crls(t, &i->check.crls);
	if (err)
		return say(i, err, "the trusted certificates cannot be read: see the journal");
	chain_build(leaf, i->bundle.certs, i->anchors, &i->chain);
	i->check.fqdn = i->fqdn;
	i->check.now = i->now;
	check_identity(&i->check, &i->chain);
	if (check_worst(&i->check) >= (i->force ? CHECK_NEVER : CHECK_REFUSE)) {
		snprintf(i->why, sizeof(i->why), "%s%s",
		    check_first(&i->check, i->force ? CHECK_NEVER : CHECK_REFUSE),
		    check_worst(&i->check) == CHECK_REFUSE ? " (or import it with force=yes)" : "");
		return ERR_VALUE;
	}
	check_join(&i->check, CHECK_NOTE, i->note, sizeof(i->note));
	return 0;
}
