/* Devices in SQLite. */
#include "dectd/ppdb.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/pp_caps.h"

struct ppdb {
	sqlite3 *sq;
	sqlite3_stmt *insert, *update, *early;
};

#define VERSION 1

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS pp ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, ipui BLOB UNIQUE, ipui_bits INTEGER NOT NULL DEFAULT 0,"
    " ipei TEXT UNIQUE, state INTEGER NOT NULL DEFAULT 0, subscribed INTEGER NOT NULL DEFAULT 0,"
    " confirmed INTEGER NOT NULL DEFAULT 0, alg INTEGER NOT NULL DEFAULT 0,"
    " tpui INTEGER NOT NULL DEFAULT 0, tpui_new INTEGER NOT NULL DEFAULT 0,"
    " base INTEGER NOT NULL DEFAULT 0, cluster INTEGER NOT NULL DEFAULT 0,"
    " seen INTEGER NOT NULL DEFAULT 0, subscribed_at INTEGER NOT NULL DEFAULT 0,"
    " located_at INTEGER NOT NULL DEFAULT 0,"
    " caps BLOB, model TEXT NOT NULL DEFAULT '', allowed INTEGER NOT NULL DEFAULT 0,"
    " note TEXT NOT NULL DEFAULT '', locked INTEGER NOT NULL DEFAULT 0,"
    " ac TEXT NOT NULL DEFAULT '');"
    /* Which default cipher key it has: a table of its own, so that an older ipdect can read the rest. */
    "CREATE TABLE IF NOT EXISTS early (pp INTEGER PRIMARY KEY, key_index INTEGER NOT NULL,"
    " made_at INTEGER NOT NULL);"
    "PRAGMA user_version = 1;";

#define COLUMNS                                                                                    \
	"ipui, ipui_bits, ipei, state, subscribed, confirmed, alg, tpui, tpui_new, base, "         \
	"cluster, "                                                                                \
	"seen, subscribed_at, located_at, caps, model, allowed, note, locked, ac"
enum { NCOLUMNS = 20 };

static int fail(struct ppdb *db, const char *what)
{
	log_ev(
	    LOG_ERR, "handset store", F_WHY(what), F_TEXT("IPDECT_SQLITE", sqlite3_errmsg(db->sq)));
	return sqlite3_errcode(db->sq) == SQLITE_CONSTRAINT ? ERR_EXISTS : ERR_STORE;
}

static int run(struct ppdb *db, const char *sql)
{
	return sqlite3_exec(db->sq, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(db, sql);
}

static int version(struct ppdb *db)
{
	sqlite3_stmt *st;
	int v = -1;

	if (sqlite3_prepare_v2(db->sq, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return v;
}

int ppdb_open(const char *path, struct ppdb **out)
{
	static const char insert[] =
	    "INSERT INTO pp (" COLUMNS ") VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,"
	    "?15,?16,?17,?18,?19,?20)";
	static const char update[] =
	    "UPDATE pp SET ipui=?1, ipui_bits=?2, ipei=?3, state=?4, subscribed=?5, confirmed=?6, "
	    "alg=?7, tpui=?8, tpui_new=?9, base=?10, cluster=?11, seen=?12, subscribed_at=?13, "
	    "located_at=?14, caps=?15, model=?16, allowed=?17, note=?18, locked=?19, ac=?20 "
	    "WHERE id=?21";
	static const char early[] =
	    "INSERT OR REPLACE INTO early (pp, key_index, made_at) VALUES (?1, ?2, ?3)";
	struct ppdb *db = mem_new(sizeof(*db));
	int err = 0;

	if (sqlite3_open(path, &db->sq) != SQLITE_OK)
		err = fail(db, path);
	sqlite3_busy_timeout(db->sq, 2000);
	if (!err)
		err = run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
	if (!err && version(db) > VERSION) {
		log_ev(LOG_ERR, "handset store was written by a newer ipdect",
		    F_TEXT("IPDECT_PATH", path), F_REMEDY("install that version again"));
		err = ERR_STORE;
	}
	if (!err)
		err = run(db, schema);
	if (!err && (sqlite3_prepare_v2(db->sq, insert, -1, &db->insert, NULL) != SQLITE_OK ||
	                sqlite3_prepare_v2(db->sq, update, -1, &db->update, NULL) != SQLITE_OK ||
	                sqlite3_prepare_v2(db->sq, early, -1, &db->early, NULL) != SQLITE_OK))
		err = fail(db, path);
	if (err) {
		ppdb_close(db);
		return err == ERR_EXISTS ? ERR_STORE : err;
	}
	*out = db;
	return 0;
}

void ppdb_close(struct ppdb *db)
{
	if (!db)
		return;
	sqlite3_finalize(db->insert);
	sqlite3_finalize(db->update);
	sqlite3_finalize(db->early);
	sqlite3_close(db->sq);
	free(db);
}

/* ---- words ---- */

int ppdb_meta_get(struct ppdb *db, const char *key, char *out, size_t cap)
{
	sqlite3_stmt *st;
	int rc, err = ERR_NOTFOUND;

	out[0] = '\0';
	if (sqlite3_prepare_v2(db->sq, "SELECT value FROM meta WHERE key=?1", -1, &st, NULL) !=
	    SQLITE_OK)
		return fail(db, "read");
	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		err = slice_copy(slice_str((const char *)sqlite3_column_text(st, 0)), out, cap);
	else if (rc != SQLITE_DONE)
		err = fail(db, "read");
	sqlite3_finalize(st);
	return err;
}

int ppdb_meta_set(struct ppdb *db, const char *key, const char *value)
{
	sqlite3_stmt *st;
	int err = 0;

	if (sqlite3_prepare_v2(db->sq, "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
	        -1, &st, NULL) != SQLITE_OK)
		return fail(db, "write");
	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, value, -1, SQLITE_STATIC);
	if (sqlite3_step(st) != SQLITE_DONE)
		err = fail(db, "write");
	sqlite3_finalize(st);
	return err;
}

/* ---- devices ---- */

static void text(sqlite3_stmt *st, int col, char *out, size_t cap)
{
	const char *s = (const char *)sqlite3_column_text(st, col);

	(void)snprintf(out, cap, "%s", s ? s : "");
}

static void row(sqlite3_stmt *st, struct pp *pp)
{
	int n = sqlite3_column_bytes(st, 1), c = 2;

	memset(pp, 0, sizeof(*pp));
	pp->id = (uint32_t)sqlite3_column_int64(st, 0);
	if (n > 0 && (size_t)n <= sizeof(pp->ipui.v)) {
		memcpy(pp->ipui.v, sqlite3_column_blob(st, 1), (size_t)n);
		pp->ipui.bits = (uint8_t)sqlite3_column_int(st, c);
	}
	text(st, ++c, pp->ipei, sizeof(pp->ipei));
	pp->state = (enum pp_state)sqlite3_column_int(st, ++c);
	pp->subscribed = sqlite3_column_int(st, ++c) != 0;
	pp->confirmed = sqlite3_column_int(st, ++c) != 0;
	pp->alg = (enum pp_alg)sqlite3_column_int(st, ++c);
	pp->tpui = (uint32_t)sqlite3_column_int64(st, ++c);
	pp->tpui_new = (uint32_t)sqlite3_column_int64(st, ++c);
	pp->base = (uint32_t)sqlite3_column_int64(st, ++c);
	pp->cluster = (uint32_t)sqlite3_column_int64(st, ++c);
	pp->seen = sqlite3_column_int64(st, ++c);
	pp->subscribed_at = sqlite3_column_int64(st, ++c);
	pp->located_at = sqlite3_column_int64(st, ++c);
	++c;
	pp_caps_unpack(sqlite3_column_blob(st, c), (size_t)sqlite3_column_bytes(st, c), &pp->caps);
	text(st, ++c, pp->model, sizeof(pp->model));
	pp->allowed = sqlite3_column_int(st, ++c) != 0;
	text(st, ++c, pp->note, sizeof(pp->note));
	pp->locked = sqlite3_column_int(st, ++c) != 0;
	text(st, ++c, pp->ac, sizeof(pp->ac));
	pp->def_index = (uint16_t)sqlite3_column_int(st, ++c);
	pp->def_row = sqlite3_column_type(st, ++c) != SQLITE_NULL;
	pp->def_at = sqlite3_column_int64(st, c);
}

int ppdb_each(struct ppdb *db, int (*fn)(void *ctx, const struct pp *pp), void *ctx)
{
	sqlite3_stmt *st;
	int rc = SQLITE_DONE, err = 0;

	if (sqlite3_prepare_v2(db->sq,
	        "SELECT id, " COLUMNS ", key_index, made_at FROM pp LEFT JOIN early ON "
	        "early.pp = pp.id ORDER BY id",
	        -1, &st, NULL) != SQLITE_OK)
		return fail(db, "read");
	while (!err && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct pp pp;

		row(st, &pp);
		err = fn(ctx, &pp);
	}
	if (!err && rc != SQLITE_DONE)
		err = fail(db, "read");
	sqlite3_finalize(st);
	return err;
}

static int put_early(struct ppdb *db, struct pp *pp)
{
	int err = 0;

	if (!pp->def_at && !pp->def_row)
		return 0;
	sqlite3_reset(db->early);
	sqlite3_bind_int64(db->early, 1, pp->id);
	sqlite3_bind_int(db->early, 2, pp->def_index);
	sqlite3_bind_int64(db->early, 3, pp->def_at);
	if (sqlite3_step(db->early) != SQLITE_DONE)
		err = fail(db, "write");
	sqlite3_reset(db->early);
	pp->def_row = true;
	return err;
}

int ppdb_put(struct ppdb *db, struct pp *pp)
{
	sqlite3_stmt *st = pp->id ? db->update : db->insert;
	uint8_t caps[PP_CAPS_PACKED];
	size_t n = pp_caps_pack(&pp->caps, caps, sizeof(caps));
	int c = 0, err = 0;

	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	if (pp->ipui.bits)
		sqlite3_bind_blob(st, 1, pp->ipui.v, (pp->ipui.bits + 7) / 8, SQLITE_STATIC);
	c = 2;
	sqlite3_bind_int(st, c, pp->ipui.bits);
	++c;
	if (pp->ipei[0])
		sqlite3_bind_text(st, c, pp->ipei, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, ++c, (int)pp->state);
	sqlite3_bind_int(st, ++c, pp->subscribed);
	sqlite3_bind_int(st, ++c, pp->confirmed);
	sqlite3_bind_int(st, ++c, (int)pp->alg);
	sqlite3_bind_int64(st, ++c, pp->tpui);
	sqlite3_bind_int64(st, ++c, pp->tpui_new);
	sqlite3_bind_int64(st, ++c, pp->base);
	sqlite3_bind_int64(st, ++c, pp->cluster);
	sqlite3_bind_int64(st, ++c, pp->seen);
	sqlite3_bind_int64(st, ++c, pp->subscribed_at);
	sqlite3_bind_int64(st, ++c, pp->located_at);
	sqlite3_bind_blob(st, ++c, caps, (int)n, SQLITE_STATIC);
	sqlite3_bind_text(st, ++c, pp->model, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, ++c, pp->allowed);
	sqlite3_bind_text(st, ++c, pp->note, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, ++c, pp->locked);
	sqlite3_bind_text(st, ++c, pp->ac, -1, SQLITE_STATIC);
	BUG_ON(c != NCOLUMNS);
	if (pp->id)
		sqlite3_bind_int64(st, ++c, pp->id);
	if (sqlite3_step(st) != SQLITE_DONE)
		err = fail(db, "write");
	sqlite3_reset(st);
	if (!err && !pp->id)
		pp->id = (uint32_t)sqlite3_last_insert_rowid(db->sq);
	return err ? err : put_early(db, pp);
}

int ppdb_remove(struct ppdb *db, uint32_t id)
{
	sqlite3_stmt *st;
	int err = 0;

	static const char *const sql[] = { "DELETE FROM early WHERE pp=?1",
		"DELETE FROM pp WHERE id=?1" };

	for (size_t i = 0; i < ARRAY_LEN(sql) && !err; i++) {
		if (sqlite3_prepare_v2(db->sq, sql[i], -1, &st, NULL) != SQLITE_OK)
			return fail(db, "remove");
		sqlite3_bind_int64(st, 1, id);
		if (sqlite3_step(st) != SQLITE_DONE)
			err = fail(db, "remove");
		sqlite3_finalize(st);
	}
	return err;
}

int ppdb_begin(struct ppdb *db)
{
	return run(db, "BEGIN IMMEDIATE");
}

int ppdb_commit(struct ppdb *db)
{
	int err = run(db, "COMMIT");

	if (err)
		ppdb_rollback(db);
	return err;
}

void ppdb_rollback(struct ppdb *db)
{
	(void)sqlite3_exec(db->sq, "ROLLBACK", NULL, NULL, NULL);
}
