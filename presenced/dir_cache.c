/* directory.db: opening, writing. */
#include "presenced/dir_cache_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/map.h"
#include "common/mem.h"
#include "presenced/dir_text.h"

#define SCHEMA "1"

static const char schema[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
    "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS contact(id INTEGER PRIMARY KEY, source INTEGER NOT NULL, key BLOB "
    "NOT NULL, "
    "display TEXT, given TEXT, family TEXT, sort TEXT, words TEXT, sip TEXT, mail TEXT, dept TEXT, "
    "company TEXT, "
    "hash INTEGER NOT NULL, UNIQUE(source, key));"
    "CREATE INDEX IF NOT EXISTS contact_sip ON contact(sip) WHERE sip<>'';"
    "CREATE TABLE IF NOT EXISTS number(contact INTEGER NOT NULL, pos INTEGER NOT NULL, kind "
    "INTEGER NOT NULL, "
    "raw TEXT NOT NULL, e164 TEXT NOT NULL, rev TEXT NOT NULL, PRIMARY KEY(contact, pos)) WITHOUT "
    "ROWID;"
    "CREATE INDEX IF NOT EXISTS contact_sort ON contact(sort);"
    "CREATE INDEX IF NOT EXISTS number_e164 ON number(e164);"
    "CREATE INDEX IF NOT EXISTS number_rev ON number(rev);"
    "CREATE TABLE IF NOT EXISTS word(w TEXT NOT NULL, contact INTEGER NOT NULL, PRIMARY KEY(w, "
    "contact)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS t9(w TEXT NOT NULL, contact INTEGER NOT NULL, PRIMARY KEY(w, "
    "contact)) WITHOUT ROWID;"
    "CREATE TEMP TABLE seen(id INTEGER PRIMARY KEY);"
    "INSERT OR IGNORE INTO meta VALUES('schema','" SCHEMA "');";

static const char *const write_sql[] = {
	[Q_FIND] = "SELECT id, hash, words FROM contact WHERE source=?1 AND key=?2",
	[Q_ADD] = "INSERT INTO "
	          "contact(source,key,display,given,family,sort,words,sip,mail,dept,company,hash) "
	          "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
	[Q_SET] = "UPDATE contact SET "
	          "display=?3,given=?4,family=?5,sort=?6,words=?7,sip=?8,mail=?9,dept=?10,"
	          "company=?11,hash=?12 WHERE source=?1 AND key=?2",
	[Q_DEL] = "DELETE FROM contact WHERE id=?1",
	[Q_NUM_ADD] = "INSERT INTO number VALUES(?1,?2,?3,?4,?5,?6)",
	[Q_NUM_DEL] = "DELETE FROM number WHERE contact=?1",
	[Q_WORD_ADD] = "INSERT OR IGNORE INTO word VALUES(?1,?2)",
	[Q_WORD_DEL] = "DELETE FROM word WHERE w=?1 AND contact=?2",
	[Q_T9_ADD] = "INSERT OR IGNORE INTO t9 VALUES(?1,?2)",
	[Q_T9_DEL] = "DELETE FROM t9 WHERE w=?1 AND contact=?2",
	[Q_SEEN] = "INSERT OR IGNORE INTO temp.seen VALUES(?1)",
	[Q_UNSEEN] = ("SELECT id, words FROM contact WHERE source=?1 AND id NOT IN (SELECT id FROM "
	              "temp.seen)"),
	[Q_META_SET] = "INSERT INTO meta VALUES(?1,?2) ON CONFLICT(name) DO UPDATE SET value=?2",
	[Q_META_DEL] = "DELETE FROM meta WHERE name=?1",
	[Q_NUMBERS] = "SELECT contact,pos,raw FROM number",
	[Q_NUM_SET] = "UPDATE number SET e164=?3,rev=?4 WHERE contact=?1 AND pos=?2",
};

int cache_fault(struct dir_cache *c, const char *what)
{
	snprintf(c->why, sizeof(c->why), "%s: %s", what,
	    c->db ? sqlite3_errmsg(c->db) : "out of memory");
	return ERR_STORE;
}

const char *dir_cache_why(const struct dir_cache *c)
{
	return c->why;
}

uint64_t dir_cache_swept(const struct dir_cache *c)
{
	return c->swept;
}

const char *dir_source_name(enum dir_source s)
{
	return s == DIR_USERS ? "users" : s == DIR_LDAP ? "ldap" : s == DIR_CSV ? "csv" : "live";
}

int cache_prepare(struct dir_cache *c, enum cache_query q, const char *sql)
{
	return sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &c->q[q], NULL) ==
	               SQLITE_OK
	           ? 0
	           : cache_fault(c, sql);
}

void cache_text(sqlite3_stmt *st, int at, struct slice s)
{
	sqlite3_bind_text(st, at, s.p ? s.p : "", (int)s.n, SQLITE_TRANSIENT);
}

static int run(struct dir_cache *c, enum cache_query q)
{
	int rc = sqlite3_step(c->q[q]);

	sqlite3_reset(c->q[q]);
	return rc == SQLITE_DONE ? 0 : cache_fault(c, "write");
}

static int exec(struct dir_cache *c, const char *sql)
{
	return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : cache_fault(c, sql);
}

void dir_cache_close(struct dir_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < Q_N; i++)
		sqlite3_finalize(c->q[i]);
	sqlite3_close(c->db);
	free(c);
}

static int open_once(const char *path, struct dir_cache *c)
{
	uint8_t ver[8];
	size_t n = 0;

	if (sqlite3_open_v2(path, &c->db,
	        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
	        NULL) != SQLITE_OK)
		return cache_fault(c, path);
	sqlite3_busy_timeout(c->db, 5000);
	if (exec(c, schema))
		return ERR_STORE;
	for (int i = 0; i < Q_WRITERS; i++)
		if (cache_prepare(c, (enum cache_query)i, write_sql[i]))
			return ERR_STORE;
	if (cache_prepare(c, Q_META_GET, CACHE_META_GET) || cache_prepare(c, Q_COUNT, CACHE_COUNT))
		return ERR_STORE;
	if (dir_cache_meta_get(c, "schema", ver, sizeof(ver), &n) || n != sizeof(SCHEMA) - 1 ||
	    memcmp(ver, SCHEMA, n) != 0) {
		snprintf(c->why, sizeof(c->why), "%s was made by another version", path);
		return ERR_STORE;
	}
	return 0;
}

int dir_cache_open_writer(const char *dir, const struct e164_rules *rules, struct dir_cache **out,
    bool *renewed, char *why, size_t cap)
{
	static const char *const parts[] = { "", "-wal", "-shm" };
	char path[512], part[520];
	struct dir_cache *c;
	int err = 0;

	*renewed = false;
	snprintf(path, sizeof(path), "%s/directory.db", dir);
	for (int attempt = 0; attempt < 2; attempt++) {
		c = mem_new(sizeof(*c));
		err = open_once(path, c);
		if (err == 0)
			err = dir_cache_rules(c, rules);
		if (err == 0) {
			*out = c;
			return 0;
		}
		if (why)
			snprintf(why, cap, "%s", c->why);
		dir_cache_close(c);
		for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
			snprintf(part, sizeof(part), "%s%s", path, parts[i]);
			if (unlink(part) && errno != ENOENT)
				return err;
		}
		*renewed = true;
	}
	return err;
}

/* ---- numbers ---- */

static void reversed(const char *digits, char *out)
{
	size_t n = 0;

	for (size_t i = strlen(digits); i > 0; i--)
		if (digits[i - 1] >= '0' && digits[i - 1] <= '9')
			out[n++] = digits[i - 1];
	out[n] = '\0';
}

static void normalise(const struct e164_rules *r, struct slice raw, char *e164, char *rev)
{
	struct e164 n;

	/* What has nothing to dial in it is kept for people to read. */
	if (e164_parse(r, raw, &n) || n.kind == E164_ADDRESS)
		n.text[0] = '\0';
	memcpy(e164, n.text, E164_MAX);
	reversed(n.text, rev);
}

int dir_cache_rules(struct dir_cache *c, const struct e164_rules *rules)
{
	char now[128], was[128], e164[E164_MAX], rev[E164_MAX];
	size_t n = 0;
	int err, len = snprintf(now, sizeof(now), "%s|%s|%s|%s|%s|%u|%u", rules->country,
	             rules->area, rules->main_number, rules->international, rules->national,
	             rules->internal_min, rules->internal_max);

	c->rules = *rules;
	err = dir_cache_meta_get(c, "rules", was, sizeof(was), &n);
	if (err == 0 && n == (size_t)len && memcmp(was, now, n) == 0)
		return 0;
	err = dir_cache_begin(c, DIR_LDAP);
	while (err == 0 && sqlite3_step(c->q[Q_NUMBERS]) == SQLITE_ROW) {
		sqlite3_stmt *st = c->q[Q_NUMBERS];

		normalise(rules, slice_str((const char *)sqlite3_column_text(st, 2)), e164, rev);
		sqlite3_bind_int64(c->q[Q_NUM_SET], 1, sqlite3_column_int64(st, 0));
		sqlite3_bind_int64(c->q[Q_NUM_SET], 2, sqlite3_column_int64(st, 1));
		cache_text(c->q[Q_NUM_SET], 3, slice_str(e164));
		cache_text(c->q[Q_NUM_SET], 4, slice_str(rev));
		err = run(c, Q_NUM_SET);
	}
	sqlite3_reset(c->q[Q_NUMBERS]);
	if (err == 0)
		err = dir_cache_meta_set(c, "rules", now, (size_t)len);
	if (err == 0)
		return dir_cache_commit(c, false, false);
	dir_cache_rollback(c);
	return err;
}

/* ---- writing ---- */

int dir_cache_begin(struct dir_cache *c, enum dir_source source)
{
	c->source = source;
	return exec(c, "BEGIN IMMEDIATE; DELETE FROM temp.seen;");
}

void dir_cache_rollback(struct dir_cache *c)
{
	char why[sizeof(c->why)];

	memcpy(why, c->why, sizeof(why));
	(void)!exec(c, "ROLLBACK");
	memcpy(c->why, why, sizeof(why));
}

static int words_each(struct dir_cache *c, const char *words, sqlite3_int64 id, enum cache_query q,
    enum cache_query qt)
{
	struct slice w[DIR_WORDS_MAX];
	char keys[DIR_FOLD_MAX];
	unsigned n = dir_words(words, w, DIR_WORDS_MAX);
	int err = 0;

	for (unsigned i = 0; i < n && err == 0; i++) {
		cache_text(c->q[q], 1, w[i]);
		sqlite3_bind_int64(c->q[q], 2, id);
		err = run(c, q);
		if (err || dir_keys(w[i], keys, sizeof(keys)) == 0)
			continue;
		cache_text(c->q[qt], 1, slice_str(keys));
		sqlite3_bind_int64(c->q[qt], 2, id);
		err = run(c, qt);
	}
	return err;
}

/* Every word once; the German second writing of a name beside its first. */
static void words_of(const struct dir_entry *e, char *out, size_t cap)
{
	const char *const names[] = { e->display, e->given, e->family };
	struct slice have[DIR_WORDS_MAX], w[DIR_WORDS_MAX];
	char folded[DIR_FOLD_MAX];
	unsigned nhave = 0;
	size_t n = 0;

	for (unsigned i = 0; i < 2 * ARRAY_LEN(names); i++) {
		dir_fold(slice_str(names[i / 2]), i % 2 == 1, folded, sizeof(folded));
		unsigned nw = dir_words(folded, w, DIR_WORDS_MAX);

		for (unsigned j = 0; j < nw && nhave < DIR_WORDS_MAX; j++) {
			bool known = false;

			for (unsigned k = 0; k < nhave && !known; k++)
				known = slice_eq(have[k], w[j]);
			if (known || n + w[j].n + 2 > cap)
				continue;
			if (n > 0)
				out[n++] = ' ';
			memcpy(out + n, w[j].p, w[j].n);
			have[nhave++] = (struct slice){ out + n, w[j].n };
			n += w[j].n;
		}
	}
	out[n] = '\0';
}

static void sort_of(const struct dir_entry *e, char *out, size_t cap)
{
	char name[140];

	if (e->family[0])
		snprintf(name, sizeof(name), "%s %s", e->family, e->given);
	else
		snprintf(name, sizeof(name), "%s", e->display);
	dir_fold(slice_str(name), false, out, cap);
}

static uint64_t hash_of(const struct dir_entry *e)
{
	const char *const f[] = { e->display, e->given, e->family, e->sip, e->mail, e->department,
		e->company };
	uint64_t h = 1;

	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		h = map_siphash(h, i, f[i], strlen(f[i]));
	for (unsigned i = 0; i < e->nnumbers; i++)
		h = map_siphash(
		    h, (uint64_t)e->number[i].kind, e->number[i].raw, strlen(e->number[i].raw));
	return h;
}

/* 0 in *id: not there. words may be NULL. */
static int find(struct dir_cache *c, const void *key, size_t n, sqlite3_int64 *id, uint64_t *hash,
    char *words, size_t cap)
{
	sqlite3_stmt *st = c->q[Q_FIND];
	int rc;

	*id = 0;
	sqlite3_bind_int(st, 1, (int)c->source);
	sqlite3_bind_blob(st, 2, key, (int)n, SQLITE_TRANSIENT);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		*id = sqlite3_column_int64(st, 0);
		*hash = (uint64_t)sqlite3_column_int64(st, 1);
		if (words)
			snprintf(words, cap, "%s", (const char *)sqlite3_column_text(st, 2));
	}
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : cache_fault(c, "find");
}

static int mark(struct dir_cache *c, sqlite3_int64 id)
{
	sqlite3_bind_int64(c->q[Q_SEEN], 1, id);
	return run(c, Q_SEEN);
}

static int remove_id(struct dir_cache *c, sqlite3_int64 id, const char *words)
{
	int err = words_each(c, words, id, Q_WORD_DEL, Q_T9_DEL);

	if (err == 0) {
		sqlite3_bind_int64(c->q[Q_NUM_DEL], 1, id);
		err = run(c, Q_NUM_DEL);
	}
	if (err == 0) {
		sqlite3_bind_int64(c->q[Q_DEL], 1, id);
		err = run(c, Q_DEL);
	}
	return err;
}

static int put_numbers(struct dir_cache *c, const struct dir_entry *e, sqlite3_int64 id)
{
	char e164[E164_MAX], rev[E164_MAX];
	int err = 0;

	for (unsigned i = 0; i < e->nnumbers && err == 0; i++) {
		sqlite3_stmt *st = c->q[Q_NUM_ADD];

		normalise(&c->rules, slice_str(e->number[i].raw), e164, rev);
		sqlite3_bind_int64(st, 1, id);
		sqlite3_bind_int(st, 2, (int)i);
		sqlite3_bind_int(st, 3, (int)e->number[i].kind);
		cache_text(st, 4, slice_str(e->number[i].raw));
		cache_text(st, 5, slice_str(e164));
		cache_text(st, 6, slice_str(rev));
		err = run(c, Q_NUM_ADD);
	}
	return err;
}

int dir_cache_put(struct dir_cache *c, const struct dir_entry *e)
{
	char words[2 * DIR_FOLD_MAX], old[2 * DIR_FOLD_MAX], sort[DIR_FOLD_MAX], sip[257];
	uint64_t hash = hash_of(e), was = 0;
	sqlite3_int64 id;
	sqlite3_stmt *st;
	int err = find(c, e->key, e->nkey, &id, &was, old, sizeof(old));

	if (err)
		return err;
	if (e->hidden)
		return id ? remove_id(c, id, old) : 0;
	if (id && was == hash)
		return mark(c, id);
	words_of(e, words, sizeof(words));
	sort_of(e, sort, sizeof(sort));
	for (size_t i = 0; i == 0 || sip[i - 1]; i++)
		sip[i] = (char)(e->sip[i] >= 'A' && e->sip[i] <= 'Z' ? e->sip[i] + 32 : e->sip[i]);
	if (id) {
		err = words_each(c, old, id, Q_WORD_DEL, Q_T9_DEL);
		if (err == 0) {
			sqlite3_bind_int64(c->q[Q_NUM_DEL], 1, id);
			err = run(c, Q_NUM_DEL);
		}
		if (err)
			return err;
	}
	const char *const text[] = { e->display, e->given, e->family, sort, words, sip, e->mail,
		e->department, e->company };
	st = c->q[id ? Q_SET : Q_ADD];
	sqlite3_bind_int(st, 1, (int)c->source);
	sqlite3_bind_blob(st, 2, e->key, (int)e->nkey, SQLITE_TRANSIENT);
	for (size_t i = 0; i < ARRAY_LEN(text); i++)
		cache_text(st, (int)i + 3, slice_str(text[i]));
	sqlite3_bind_int64(st, 12, (sqlite3_int64)hash);
	err = run(c, id ? Q_SET : Q_ADD);
	if (err)
		return err;
	if (!id)
		id = sqlite3_last_insert_rowid(c->db);
	err = words_each(c, words, id, Q_WORD_ADD, Q_T9_ADD);
	if (err == 0)
		err = put_numbers(c, e, id);
	return err ? err : mark(c, id);
}

int dir_cache_drop(struct dir_cache *c, const void *key, size_t n)
{
	char words[2 * DIR_FOLD_MAX];
	sqlite3_int64 id;
	uint64_t hash;
	int err = find(c, key, n, &id, &hash, words, sizeof(words));

	if (err == 0 && id)
		err = remove_id(c, id, words);
	return err ? err : id != 0;
}

int dir_cache_seen(struct dir_cache *c, const void *key, size_t n)
{
	sqlite3_int64 id;
	uint64_t hash;
	int err = find(c, key, n, &id, &hash, NULL, 0);

	return err || !id ? err : mark(c, id);
}

static int sweep(struct dir_cache *c, bool force)
{
	uint64_t before = 0, seen = 0;
	sqlite3_stmt *st = c->q[Q_UNSEEN];
	int err = dir_cache_count(c, c->source, &before), rc;
	struct gone {
		sqlite3_int64 id;
		char *words;
	} *gone = NULL;
	size_t n = 0, cap = 0;

	if (err)
		return err;
	sqlite3_bind_int(st, 1, (int)c->source);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (n == cap) {
			cap = cap ? 2 * cap : 256;
			gone = mem_grow(gone, cap, sizeof(*gone));
		}
		gone[n++] = (struct gone){ sqlite3_column_int64(st, 0),
			mem_str((const char *)sqlite3_column_text(st, 1)) };
	}
	sqlite3_reset(st);
	seen = before - n;
	if (rc != SQLITE_DONE) {
		err = cache_fault(c, "sweep");
	} else if (!force && n > 0 && seen < (before + 1) / 2) {
		snprintf(c->why, sizeof(c->why),
		    "only %llu entries were found in place of %llu: are base, filter and the "
		    "reader's rights as before? If it is right: dectctl directory sync full=yes "
		    "force=yes",
		    (unsigned long long)seen, (unsigned long long)before);
		err = ERR_VALUE;
	}
	for (size_t i = 0; i < n; i++) {
		if (err == 0)
			err = remove_id(c, gone[i].id, gone[i].words);
		free(gone[i].words);
	}
	free(gone);
	c->swept = err ? 0 : n;
	return err;
}

int dir_cache_commit(struct dir_cache *c, bool full, bool force)
{
	int err;

	c->swept = 0;
	err = full ? sweep(c, force) : 0;
	if (err == 0)
		err = exec(c, "COMMIT");
	if (err)
		dir_cache_rollback(c);
	return err;
}

int dir_cache_meta_set(struct dir_cache *c, const char *name, const void *v, size_t n)
{
	enum cache_query q = n ? Q_META_SET : Q_META_DEL;

	if (n > DIR_META_MAX)
		return ERR_LIMIT;
	cache_text(c->q[q], 1, slice_str(name));
	if (n)
		sqlite3_bind_blob(c->q[q], 2, v, (int)n, SQLITE_TRANSIENT);
	return run(c, q);
}

int dir_cache_meta_get(struct dir_cache *c, const char *name, void *v, size_t cap, size_t *n)
{
	sqlite3_stmt *st = c->q[Q_META_GET];
	int rc, err = ERR_NOTFOUND;

	*n = 0;
	cache_text(st, 1, slice_str(name));
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		size_t len = (size_t)sqlite3_column_bytes(st, 0);

		err = len > cap ? ERR_LIMIT : 0;
		if (err == 0 && len > 0)
			memcpy(v, sqlite3_column_blob(st, 0), len);
		*n = err ? 0 : len;
	} else if (rc != SQLITE_DONE) {
		err = cache_fault(c, "meta");
	}
	sqlite3_reset(st);
	return err;
}

int dir_cache_count(struct dir_cache *c, enum dir_source source, uint64_t *n)
{
	sqlite3_stmt *st = c->q[Q_COUNT];
	int rc;

	sqlite3_bind_int(st, 1, (int)source);
	rc = sqlite3_step(st);
	*n = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
	sqlite3_reset(st);
	return rc == SQLITE_ROW ? 0 : cache_fault(c, "count");
}
