#ifndef CERTD_SECRET_H
#define CERTD_SECRET_H
#include <stddef.h>
#include <stdint.h>

#include "certd/store.h"

/* Passwords and access codes: what may be stored, and how users are found. Values are read for one operation and
 * wiped after it; nothing keeps them. */
#define SECRET_MAX 512 /* octets of a value */

struct secret {
	uint8_t v[SECRET_MAX];
	size_t n;
};

/* "sip", "ldap", "ac", "turn", and what only certd makes: "uak", "defck", "rfp". NULL: not a secret. */
const char *secret_kind_name(enum store_kind kind);
/* A kind that may be set from outside. ERR_NOTFOUND. */
int secret_kind_parse(struct slice word, enum store_kind *out) MUST_CHECK;

/* NULL: may be stored; else what is wrong. */
const char *secret_bad(enum store_kind kind, struct slice id, struct slice v);
/* ERR_VALUE: *why says what is wrong with id or value; else as store_put(). On disk when it returns 0. */
int secret_set(struct store *s, enum store_kind kind, struct slice id, struct slice value,
    const char **why) MUST_CHECK;
bool secret_has(struct store *s, enum store_kind kind, struct slice id);
int secret_del(struct store *s, enum store_kind kind, struct slice id, bool *had) MUST_CHECK;
/* The caller wipes out. "name@domain" finds the secret of "name" where there is none of its own. ERR_NOTFOUND. */
int secret_get(
    struct store *s, enum store_kind kind, struct slice id, struct secret *out) MUST_CHECK;
static inline struct slice secret_slice(const struct secret *v)
{
	return (struct slice){ (const char *)v->v, v->n };
}
#endif
