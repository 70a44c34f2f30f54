#ifndef PRESENCED_STORE_H
#define PRESENCED_STORE_H
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

/* What presenced keeps itself (presence.db in the state directory, SQLite): states and notes that users set by hand, which
 * users were made visible at a Lync server, and what a presence server knows our publications by. A write that returned 0 is
 * on disk; store_etag_set() survives the end of the process, not of the machine. */
struct store;
/* ERR_STORE with the reason in the log. */
int store_open(const char *dir, struct store **out) MUST_CHECK;
void store_close(struct store *s); /* NULL is fine */
/* manual 0 deletes. until: Unix seconds, 0: until changed. */
int store_manual_set(struct store *s, const char *user, uint32_t manual, uint64_t until) MUST_CHECK;
/* *manual 0: none is set (or it is over). */
int store_manual_get(
    struct store *s, const char *user, uint64_t now, uint32_t *manual, uint64_t *until) MUST_CHECK;
/* "" deletes. */
int store_note_set(struct store *s, const char *user, const char *note) MUST_CHECK;
void store_note_get(struct store *s, const char *user, char *out, size_t cap); /* "": none */
/* What was done once for the user at its server: bits of the caller's. Another address is another account: 0. */
int store_boot_set(struct store *s, const char *user, const char *aor, uint32_t done) MUST_CHECK;
uint32_t store_boot_get(struct store *s, const char *user, const char *aor);
/* Entity tag of the publication for an event package at target (RFC 3903), and when it lapses (Unix seconds). An empty tag
 * deletes. */
void store_etag_set(struct store *s, const char *user, const char *event, const char *target,
    struct slice tag, uint64_t until);
/* False: none that lives. */
bool store_etag_get(struct store *s, const char *user, const char *event, const char *target,
    uint64_t now, char *out, size_t cap);
/* The user was deleted. */
void store_forget(struct store *s, const char *user);
#endif
