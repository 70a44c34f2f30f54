#ifndef CERTD_EXPIRY_H
#define CERTD_EXPIRY_H
#include "certd/keyring.h"

/* Warns before host certificates end: 30, 14, 7 and 1 days ahead and at the end; each once, also across restarts. */
struct expiry;
/* what: as for the log; called for each warning, days < 0: it has ended. */
struct expiry *expiry_new(struct keyring *r, struct store *s, struct tmr_wheel *wheel,
    time_t (*now)(void), void (*warn)(void *ctx, const struct ident *t, long days), void *ctx);
void expiry_free(struct expiry *e);
/* Looks now, and every hour from then on. */
void expiry_look(struct expiry *e);
/* Days until the first identity ends and its name; LONG_MAX: none. */
long expiry_next(const struct keyring *r, time_t now, const char **name);
/* The name of an identity that is not valid yet: most often this host's clock is wrong. NULL: none. */
const char *expiry_early(const struct keyring *r, time_t now);
#endif
