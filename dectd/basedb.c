/* Base stations in SQLite. */
#include "dectd/basedb.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

struct basedb {
	sqlite3 *sq;
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS base ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, mac BLOB NOT NULL UNIQUE, name TEXT NOT NULL DEFAULT "
    "'',"
    " admitted INTEGER NOT NULL DEFAULT 0, dect INTEGER NOT NULL DEFAULT 1,"
    " enrolled INTEGER NOT NULL DEFAULT 0, re_enrol INTEGER NOT NULL DEFAULT 0,"
    " rpn INTEGER NOT NULL DEFAULT 0, cluster INTEGER NOT NULL DEFAULT 1,"
    " model INTEGER NOT NULL DEFAULT 0, protocol INTEGER NOT NULL DEFAULT 0, caps INTEGER NOT NULL "
    "DEFAULT 0,"
    " version TEXT NOT NULL DEFAULT '', address TEXT NOT NULL DEFAULT '',"
    " first_seen INTEGER NOT NULL DEFAULT 0, last_seen INTEGER NOT NULL DEFAULT 0);"
    "PRAGMA user_version = 1;";

static int fail(struct basedb *db, const char *what)
{
	log_ev(LOG_ERR, "base store", F_WHY(what), F_TEXT("IPDECT_SQLITE", sqlite3_errmsg(db->sq)));
	return sqlite3_errcode(db->sq) == SQLITE_CONSTRAINT ? ERR_EXISTS : ERR_STORE;
}

int basedb_open(const char *path, struct basedb **out)
{
	struct basedb *db = mem_new(sizeof(*db));
	int err = 0;

	if (sqlite3_open(path, &db->sq) != SQLITE_OK ||
	    sqlite3_exec(db->sq, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", NULL,
	        NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db->sq, schema, NULL, NULL, NULL) != SQLITE_OK) {
		err = fail(db, path);
		basedb_close(db);
		return err == ERR_EXISTS ? ERR_STORE : err;
	}
	sqlite3_busy_timeout(db->sq, 2000);
	*out = db;
	return 0;
}

void basedb_close(struct basedb *db)
{
	if (!db)
		return;
	sqlite3_close(db->sq);
	free(db);
}

static void text(sqlite3_stmt *st, int col, char *out, size_t cap)
{
	const char *s = (const char *)sqlite3_column_text(st, col);

	snprintf(out, cap, "%s", s ? s : "");
}

static void row(sqlite3_stmt *st, struct base_rec *r)
{
	memset(r, 0, sizeof(*r));
	r->id = (uint32_t)sqlite3_column_int64(st, 0);
	if (sqlite3_column_bytes(st, 1) == 6)
		memcpy(r->mac, sqlite3_column_blob(st, 1), 6);
	text(st, 2, r->name, sizeof(r->name));
	r->admitted = sqlite3_column_int(st, 3) != 0;
	r->dect = sqlite3_column_int(st, 4) != 0;
	r->enrolled = sqlite3_column_int(st, 5) != 0;
	r->re_enrol = sqlite3_column_int(st, 6) != 0;
	r->rpn = (uint8_t)sqlite3_column_int(st, 7);
	r->cluster = (uint32_t)sqlite3_column_int64(st, 8);
	r->model = (uint32_t)sqlite3_column_int64(st, 9);
	r->protocol = (uint32_t)sqlite3_column_int64(st, 10);
	r->caps = (uint32_t)sqlite3_column_int64(st, 11);
	text(st, 12, r->version, sizeof(r->version));
	text(st, 13, r->address, sizeof(r->address));
	r->first_seen = sqlite3_column_int64(st, 14);
	r->last_seen = sqlite3_column_int64(st, 15);
}

int basedb_each(struct basedb *db, int (*fn)(void *ctx, const struct base_rec *r), void *ctx)
{
	sqlite3_stmt *st;
	int rc, err = 0;

	if (sqlite3_prepare_v2(db->sq,
	        "SELECT id, mac, name, admitted, dect, enrolled, re_enrol, rpn, cluster, model, "
	        "protocol,"
	        " caps, version, address, first_seen, last_seen FROM base ORDER BY id",
	        -1, &st, NULL) != SQLITE_OK)
		return fail(db, "read");
	while (!err && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct base_rec r;

		row(st, &r);
		err = fn(ctx, &r);
	}
	if (!err && rc != SQLITE_DONE)
		err = fail(db, "read");
	sqlite3_finalize(st);
	return err;
}

int basedb_put(struct basedb *db, struct base_rec *r)
{
	static const char insert[] = "INSERT INTO base (mac, name, admitted, dect, enrolled, "
	                             "re_enrol, rpn, cluster, model, protocol, caps,"
	                             " version, address, first_seen, last_seen) VALUES "
	                             "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)";
	static const char update[] = "UPDATE base SET mac=?1, name=?2, admitted=?3, dect=?4, "
	                             "enrolled=?5, re_enrol=?6, rpn=?7, cluster=?8,"
	                             " model=?9, protocol=?10, caps=?11, version=?12, address=?13, "
	                             "first_seen=?14, last_seen=?15 WHERE id=?16";
	sqlite3_stmt *st;
	int err = 0;

	if (sqlite3_prepare_v2(db->sq, r->id ? update : insert, -1, &st, NULL) != SQLITE_OK)
		return fail(db, "write");
	sqlite3_bind_blob(st, 1, r->mac, 6, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, r->name, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 3, r->admitted);
	sqlite3_bind_int(st, 4, r->dect);
	sqlite3_bind_int(st, 5, r->enrolled);
	sqlite3_bind_int(st, 6, r->re_enrol);
	sqlite3_bind_int(st, 7, r->rpn);
	sqlite3_bind_int64(st, 8, r->cluster);
	sqlite3_bind_int64(st, 9, r->model);
	sqlite3_bind_int64(st, 10, r->protocol);
	sqlite3_bind_int64(st, 11, r->caps);
	sqlite3_bind_text(st, 12, r->version, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 13, r->address, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 14, r->first_seen);
	sqlite3_bind_int64(st, 15, r->last_seen);
	if (r->id)
		sqlite3_bind_int64(st, 16, r->id);
	if (sqlite3_step(st) != SQLITE_DONE)
		err = fail(db, "write");
	sqlite3_finalize(st);
	if (!err && !r->id)
		r->id = (uint32_t)sqlite3_last_insert_rowid(db->sq);
	return err;
}

int basedb_remove(struct basedb *db, uint32_t id)
{
	sqlite3_stmt *st;
	int err = 0;

	if (sqlite3_prepare_v2(db->sq, "DELETE FROM base WHERE id=?1", -1, &st, NULL) != SQLITE_OK)
		return fail(db, "remove");
	sqlite3_bind_int64(st, 1, id);
	if (sqlite3_step(st) != SQLITE_DONE)
		err = fail(db, "remove");
	sqlite3_finalize(st);
	return err;
}
