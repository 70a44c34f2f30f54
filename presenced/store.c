/* presence.db: what users set by hand. */
#include "presenced/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"

struct store {
	sqlite3 *db;
	sqlite3_stmt *set, *get, *del;
};

static int fault(struct store *s, const char *what)
{
	log_ev(LOG_ERR, "presence store", F_TEXT("IPDECT_OPERATION", what),
	    F_WHY(s->db ? sqlite3_errmsg(s->db) : "out of memory"),
	    F_REMEDY("check the disk and the owner of the state directory"));
	return ERR_STORE;
}

int store_open(const char *dir, struct store **out)
{
	static const char schema[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	                             "CREATE TABLE IF NOT EXISTS manual(user TEXT PRIMARY KEY, "
	                             "state INTEGER NOT NULL, until INTEGER NOT NULL);"
	                             "PRAGMA user_version=1;";
	static const char *const sql[] = {
		"INSERT INTO manual VALUES(?1,?2,?3) ON CONFLICT DO UPDATE SET state=?2, until=?3",
		"SELECT state, until FROM manual WHERE user=?1",
		"DELETE FROM manual WHERE user=?1",
	};
	struct store *s = mem_new(sizeof(*s));
	sqlite3_stmt **stmt[] = { &s->set, &s->get, &s->del };
	char path[512];

	snprintf(path, sizeof(path), "%s/presence.db", dir);
	if (sqlite3_open(path, &s->db) != SQLITE_OK ||
	    sqlite3_exec(s->db, schema, NULL, NULL, NULL) != SQLITE_OK) {
		int err = fault(s, path);

		store_close(s);
		return err;
	}
	for (size_t i = 0; i < ARRAY_LEN(sql); i++)
		if (sqlite3_prepare_v3(
		        s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, stmt[i], NULL) != SQLITE_OK) {
			int err = fault(s, "prepare");

			store_close(s);
			return err;
		}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	sqlite3_finalize(s->set);
	sqlite3_finalize(s->get);
	sqlite3_finalize(s->del);
	sqlite3_close(s->db);
	free(s);
}

static int run(struct store *s, sqlite3_stmt *st, const char *what)
{
	int rc = sqlite3_step(st);

	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : fault(s, what);
}

int store_manual_set(struct store *s, const char *user, uint32_t manual, uint64_t until)
{
	sqlite3_stmt *st = manual ? s->set : s->del;

	sqlite3_bind_text(st, 1, user, -1, SQLITE_TRANSIENT);
	if (manual) {
		sqlite3_bind_int64(st, 2, manual);
		sqlite3_bind_int64(st, 3, (sqlite3_int64)until);
	}
	return run(s, st, "set state");
}

int store_manual_get(
    struct store *s, const char *user, uint64_t now, uint32_t *manual, uint64_t *until)
{
	int rc;

	*manual = 0;
	*until = 0;
	sqlite3_bind_text(s->get, 1, user, -1, SQLITE_TRANSIENT);
	rc = sqlite3_step(s->get);
	if (rc == SQLITE_ROW) {
		*manual = (uint32_t)sqlite3_column_int64(s->get, 0);
		*until = (uint64_t)sqlite3_column_int64(s->get, 1);
		if (*until && *until <= now)
			*manual = 0;
	}
	sqlite3_reset(s->get);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : fault(s, "get state");
}

void store_forget(struct store *s, const char *user)
{
	if (store_manual_set(s, user, 0, 0) != 0)
		return; /* said there; the row is overwritten when the name comes back */
}
