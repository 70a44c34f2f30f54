#ifndef CERTD_IMPORT_H
#define CERTD_IMPORT_H
#include "certd/bundle.h"
#include "certd/check.h"
#include "certd/trust.h"

/* Bringing in a host identity: nothing is stored unless everything is right. */
struct import {
	struct slice cert, key, password; /* key: empty where cert has it, too */
	EVP_PKEY *own;    /* instead of a key in the files: that of our request. Borrowed */
	const char *fqdn; /* "": the name is not checked */
	bool
	    force; /* take what is refused only for safety: name, dates, usage, a hole in the chain */
	time_t now;
	/* results */
	char why[640];   /* of an error: one line */
	char note[1500]; /* what is not as it should be, but was taken */
	struct chain chain;
	struct bundle bundle;
	STACK_OF(X509) * anchors;
	struct check check;
};
void import_init(struct import *i);
void import_free(struct import *i);
/* Reads, matches, completes and checks. Then i->bundle.key and i->chain are what keyring_put() wants. */
int import_read(struct import *i, struct trust *t) MUST_CHECK;
#endif
