#ifndef PRESENCED_STORE_H
#define PRESENCED_STORE_H
#include <stdint.h>

#include "common/err.h"

/* What presenced keeps itself: states that users set by hand (presence.db in the state directory, SQLite). A write that
 * returned 0 is on disk. */
struct store;
/* ERR_STORE with the reason in the log. */
int store_open(const char *dir, struct store **out) MUST_CHECK;
void store_close(struct store *s); /* NULL is fine */
/* manual 0 deletes. until: Unix seconds, 0: until changed. */
int store_manual_set(struct store *s, const char *user, uint32_t manual, uint64_t until) MUST_CHECK;
/* *manual 0: none is set (or it is over). */
int store_manual_get(
    struct store *s, const char *user, uint64_t now, uint32_t *manual, uint64_t *until) MUST_CHECK;
/* The user was deleted. */
void store_forget(struct store *s, const char *user);
#endif
