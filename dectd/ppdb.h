#ifndef DECTD_PPDB_H
#define DECTD_PPDB_H
#include "dectd/pp.h"

/* Devices in SQLite: subscriptions, identities, locations, capabilities; and single words about the system ("park").
 * A call that returned 0 is on disk. No key is here: certd has them. */
struct ppdb;
int ppdb_open(const char *path, struct ppdb **out) MUST_CHECK; /* ":memory:" for tests */
void ppdb_close(struct ppdb *db);

int ppdb_meta_get(
    struct ppdb *db, const char *key, char *out, size_t cap) MUST_CHECK; /* ERR_NOTFOUND */
int ppdb_meta_set(struct ppdb *db, const char *key, const char *value) MUST_CHECK;

/* Calls fn for each, in order of id, with the stored fields of a struct pp; its result other than 0 ends it. */
int ppdb_each(struct ppdb *db, int (*fn)(void *ctx, const struct pp *pp), void *ctx) MUST_CHECK;
/* New when pp->id is 0 (then set), else changed. ERR_EXISTS: the identity is another device's; ERR_STORE. */
int ppdb_put(struct ppdb *db, struct pp *pp) MUST_CHECK;
int ppdb_remove(struct ppdb *db, uint32_t id) MUST_CHECK;
/* Many changes at once: all or none. */
int ppdb_begin(struct ppdb *db) MUST_CHECK;
int ppdb_commit(struct ppdb *db) MUST_CHECK;
void ppdb_rollback(struct ppdb *db);
#endif
