/* presence.db: what users set by hand, and what has to be known after a restart. */
#include "presenced/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"

enum { SET, GET, DEL, NOTE_SET, NOTE_GET, NOTE_DEL, BOOT_SET, BOOT_GET, BOOT_DEL, NSAFE };
enum { TAG_SET = NSAFE, TAG_GET, TAG_DEL, TAG_FORGET, NSTMT };

struct store {
	sqlite3 *db;
	sqlite3 *quick; /* the same file: a commit here does not wait for the disk */
	sqlite3_stmt *st[NSTMT];
};

static int fault(struct store *s, sqlite3 *db, const char *what)
{
	(void)s;
	log_ev(LOG_ERR, "presence store", F_TEXT("IPDECT_OPERATION", what),
	    F_WHY(db ? sqlite3_errmsg(db) : "out of memory"),
	    F_REMEDY("check the disk and the owner of the state directory"));
	return ERR_STORE;
}

static int open_db(struct store *s, const char *path, const char *pragmas, sqlite3 **db)
{
	if (sqlite3_open(path, db) != SQLITE_OK || sqlite3_busy_timeout(*db, 2000) != SQLITE_OK ||
	    sqlite3_exec(*db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
		return fault(s, *db, path);
	return 0;
}

int store_open(const char *dir, struct store **out)
{
	static const char safe[] =
	    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	    "CREATE TABLE IF NOT EXISTS manual(user TEXT PRIMARY KEY, "
	    "state INTEGER NOT NULL, until INTEGER NOT NULL);"
	    "CREATE TABLE IF NOT EXISTS note(user TEXT PRIMARY KEY, text TEXT NOT NULL);"
	    "CREATE TABLE IF NOT EXISTS boot(user TEXT PRIMARY KEY, aor TEXT NOT NULL, "
	    "done INTEGER NOT NULL);"
	    "CREATE TABLE IF NOT EXISTS etag(user TEXT NOT NULL, event TEXT NOT NULL, "
	    "target TEXT NOT NULL, tag TEXT NOT NULL, until INTEGER NOT NULL, "
	    "PRIMARY KEY(user, event)) WITHOUT ROWID;"
	    "PRAGMA user_version=2;";
	static const char *const sql[NSTMT] = {
		[SET] = "INSERT INTO manual VALUES(?1,?2,?3) ON CONFLICT DO UPDATE SET state=?2, "
		        "until=?3",
		[GET] = "SELECT state, until FROM manual WHERE user=?1",
		[DEL] = "DELETE FROM manual WHERE user=?1",
		[NOTE_SET] = "INSERT INTO note VALUES(?1,?2) ON CONFLICT DO UPDATE SET text=?2",
		[NOTE_GET] = "SELECT text FROM note WHERE user=?1",
		[NOTE_DEL] = "DELETE FROM note WHERE user=?1",
		[BOOT_SET] = "INSERT INTO boot VALUES(?1,?2,?3) ON CONFLICT DO UPDATE SET aor=?2, "
		             "done=?3",
		[BOOT_GET] = "SELECT done FROM boot WHERE user=?1 AND aor=?2",
		[BOOT_DEL] = "DELETE FROM boot WHERE user=?1",
		[TAG_SET] = "INSERT INTO etag VALUES(?1,?2,?3,?4,?5) ON CONFLICT DO UPDATE SET "
		            "target=?3, tag=?4, until=?5",
		[TAG_GET] = "SELECT tag FROM etag WHERE user=?1 AND event=?2 AND target=?3 AND "
		            "until>?4",
		[TAG_DEL] = "DELETE FROM etag WHERE user=?1 AND event=?2",
		[TAG_FORGET] = "DELETE FROM etag WHERE user=?1",
	};
	struct store *s = mem_new(sizeof(*s));
	char path[512];
	int err;

	snprintf(path, sizeof(path), "%s/presence.db", dir);
	err = open_db(s, path, safe, &s->db);
	if (!err)
		err = open_db(s, path, "PRAGMA synchronous=NORMAL;", &s->quick);
	for (size_t i = 0; !err && i < NSTMT; i++) {
		sqlite3 *db = i < NSAFE ? s->db : s->quick;

		if (sqlite3_prepare_v3(
		        db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL) != SQLITE_OK)
			err = fault(s, db, "prepare");
	}
	if (err)
		store_close(s);
	else
		*out = s;
	return err;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < NSTMT; i++)
		sqlite3_finalize(s->st[i]);
	sqlite3_close(s->quick);
	sqlite3_close(s->db);
	free(s);
}

static void text(sqlite3_stmt *st, int at, const char *v)
{
	sqlite3_bind_text(st, at, v, -1, SQLITE_TRANSIENT);
}

static int run(struct store *s, unsigned i, const char *what)
{
	int rc = sqlite3_step(s->st[i]);

	sqlite3_reset(s->st[i]);
	return rc == SQLITE_DONE ? 0 : fault(s, i < NSAFE ? s->db : s->quick, what);
}

/* One value of one row into out; false: no row. */
static bool one(struct store *s, unsigned i, char *out, size_t cap)
{
	int rc = sqlite3_step(s->st[i]);

	*out = '\0';
	if (rc == SQLITE_ROW)
		snprintf(out, cap, "%s", (const char *)sqlite3_column_text(s->st[i], 0));
	else if (rc != SQLITE_DONE)
		(void)fault(s, i < NSAFE ? s->db : s->quick, "read");
	sqlite3_reset(s->st[i]);
	return rc == SQLITE_ROW;
}

int store_manual_set(struct store *s, const char *user, uint32_t manual, uint64_t until)
{
	unsigned i = manual ? SET : DEL;

	text(s->st[i], 1, user);
	if (manual) {
		sqlite3_bind_int64(s->st[i], 2, manual);
		sqlite3_bind_int64(s->st[i], 3, (sqlite3_int64)until);
	}
	return run(s, i, "set state");
}

int store_manual_get(
    struct store *s, const char *user, uint64_t now, uint32_t *manual, uint64_t *until)
{
	sqlite3_stmt *st = s->st[GET];
	int rc;

	*manual = 0;
	*until = 0;
	text(st, 1, user);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		*manual = (uint32_t)sqlite3_column_int64(st, 0);
		*until = (uint64_t)sqlite3_column_int64(st, 1);
		if (*until && *until <= now)
			*manual = 0;
	}
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : fault(s, s->db, "get state");
}

int store_note_set(struct store *s, const char *user, const char *note)
{
	unsigned i = *note ? NOTE_SET : NOTE_DEL;

	text(s->st[i], 1, user);
	if (*note)
		text(s->st[i], 2, note);
	return run(s, i, "set note");
}

void store_note_get(struct store *s, const char *user, char *out, size_t cap)
{
	text(s->st[NOTE_GET], 1, user);
	(void)one(s, NOTE_GET, out, cap);
}

int store_boot_set(struct store *s, const char *user, const char *aor, uint32_t done)
{
	text(s->st[BOOT_SET], 1, user);
	text(s->st[BOOT_SET], 2, aor);
	sqlite3_bind_int64(s->st[BOOT_SET], 3, done);
	return run(s, BOOT_SET, "set bootstrapped");
}

uint32_t store_boot_get(struct store *s, const char *user, const char *aor)
{
	char v[16];

	text(s->st[BOOT_GET], 1, user);
	text(s->st[BOOT_GET], 2, aor);
	return one(s, BOOT_GET, v, sizeof(v)) ? (uint32_t)strtoul(v, NULL, 10) : 0;
}

void store_etag_set(struct store *s, const char *user, const char *event, const char *target,
    struct slice tag, uint64_t until)
{
	unsigned i = tag.n ? TAG_SET : TAG_DEL;

	text(s->st[i], 1, user);
	text(s->st[i], 2, event);
	if (tag.n) {
		text(s->st[i], 3, target);
		sqlite3_bind_text(s->st[i], 4, tag.p, (int)tag.n, SQLITE_TRANSIENT);
		sqlite3_bind_int64(s->st[i], 5, (sqlite3_int64)until);
	}
	if (run(s, i, "entity tag"))
		return; /* said there; a publication that nobody knows lapses by itself */
}

bool store_etag_get(struct store *s, const char *user, const char *event, const char *target,
    uint64_t now, char *out, size_t cap)
{
	text(s->st[TAG_GET], 1, user);
	text(s->st[TAG_GET], 2, event);
	text(s->st[TAG_GET], 3, target);
	sqlite3_bind_int64(s->st[TAG_GET], 4, (sqlite3_int64)now);
	return one(s, TAG_GET, out, cap);
}

void store_forget(struct store *s, const char *user)
{
	static const unsigned all[] = { DEL, NOTE_DEL, BOOT_DEL, TAG_FORGET };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		text(s->st[all[i]], 1, user);
		if (run(s, all[i], "forget"))
			return; /* said there; the rows are overwritten when the name comes back */
	}
}
