#ifndef CERTD_CHECK_H
#define CERTD_CHECK_H
#include "certd/chain.h"

/* Whether a host certificate will do: for us, for TLS, for Lync. One finding is one line that says what, where and
 * what to do. */
enum check_level {
	CHECK_NOTE = 1, /* taken, and said */
	CHECK_REFUSE,   /* refused unless forced */
	CHECK_NEVER     /* refused */
};
#define CHECK_MAX 24
struct check {
	const char *fqdn; /* "": not known */
	time_t now;
	STACK_OF(X509_CRL) * crls; /* may be NULL */
	unsigned n;
	struct {
		enum check_level level;
		char text[320];
	} f[CHECK_MAX];
};
/* Adds to f. */
void check_identity(struct check *c, const struct chain *chain);
/* Worst level; 0: nothing found. */
enum check_level check_worst(const struct check *c);
/* The first finding of a level at or above min. NULL: none. */
const char *check_first(const struct check *c, enum check_level min);
/* All findings of at least min, joined by "; ". */
void check_join(const struct check *c, enum check_level min, char *out, size_t cap);
/* Whole days until x ends; negative: it has ended. */
long check_days_left(const X509 *x, time_t now);
#endif
