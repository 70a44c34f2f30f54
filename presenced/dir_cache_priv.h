#ifndef PRESENCED_DIR_CACHE_PRIV_H
#define PRESENCED_DIR_CACHE_PRIV_H
#include <sqlite3.h>

#include "presenced/dir_cache.h"

/* One connection to directory.db, for dir_cache.c (writing) and dir_find.c (reading). */
enum cache_query {
	Q_FIND,
	Q_ADD,
	Q_SET,
	Q_DEL,
	Q_NUM_ADD,
	Q_NUM_DEL,
	Q_WORD_ADD,
	Q_WORD_DEL,
	Q_T9_ADD,
	Q_T9_DEL,
	Q_SEEN,
	Q_UNSEEN,
	Q_META_SET,
	Q_META_DEL,
	Q_NUMBERS,
	Q_NUM_SET,
	Q_WRITERS, /* those before are the writer's */
	Q_META_GET = Q_WRITERS,
	Q_COUNT,
	Q_BY_E164,
	Q_BY_SIP,
	Q_BY_REV,
	Q_WORDS,
	Q_KEYS,
	Q_REV,
	Q_E164,
	Q_LEADS,
	Q_WALK,
	Q_LAST,
	Q_SORT,
	Q_HIT,
	Q_HIT_NUM,
	Q_ALL,
	Q_BROWSE,
	Q_BROWSE_COUNT,
	Q_N
};
#define CACHE_META_GET "SELECT value FROM meta WHERE name=?1"
#define CACHE_COUNT    "SELECT count(*) FROM contact WHERE source=?1"

struct dir_cache {
	sqlite3 *db;
	sqlite3_stmt *q[Q_N];
	struct e164_rules rules; /* the writer's */
	enum dir_source source;  /* of the running transaction */
	uint64_t swept;
	char why[256];
};
int cache_fault(struct dir_cache *c, const char *what); /* ERR_STORE */
int cache_prepare(struct dir_cache *c, enum cache_query q, const char *sql) MUST_CHECK;
void cache_text(sqlite3_stmt *st, int at, struct slice s);
#endif
