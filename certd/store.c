/* The sealed store. */
#include "certd/store.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certd/master.h"
#include "certd/seal.h"
#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/wr.h"

#define SCHEMA  "1"
#define AAD_MAX (STORE_ID_MAX + 64)

enum { Q_GET, Q_PUT, Q_DEL, Q_EACH, Q_META_GET, Q_META_PUT, Q_ALL, Q_RESEAL, NQ };
static const char *const sql[NQ] = {
	[Q_GET] = "SELECT changed, sealed FROM record WHERE kind = ?1 AND id = ?2",
	[Q_PUT] = ("INSERT INTO record (kind, id, changed, sealed) VALUES (?1, ?2, ?3, ?4) "
	           "ON CONFLICT (kind, id) DO UPDATE SET changed = ?3, sealed = ?4"),
	[Q_DEL] = "DELETE FROM record WHERE kind = ?1 AND id = ?2",
	[Q_EACH] = "SELECT id, changed FROM record WHERE kind = ?1 ORDER BY id",
	[Q_META_GET] = "SELECT v FROM meta WHERE k = ?1",
	[Q_META_PUT] =
	    "INSERT INTO meta (k, v) VALUES (?1, ?2) ON CONFLICT (k) DO UPDATE SET v = ?2",
	[Q_ALL] = "SELECT kind, id, changed, sealed FROM record",
	[Q_RESEAL] = "UPDATE record SET sealed = ?3 WHERE kind = ?1 AND id = ?2",
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *q[NQ];
	char *dir;
	uint8_t dek[SEAL_KEY];
	enum master_from from;
	bool open;
	char why[512];
};

const char *store_why(const struct store *s)
{
	return s->why;
}

bool store_on_credential(const struct store *s)
{
	return s->from == MASTER_CREDENTIAL;
}

/* SQLite's codes as a sentence with a remedy. */
static int fault(struct store *s, const char *doing)
{
	int code = sqlite3_errcode(s->db);
	const char *remedy = "see the journal and the disk's health";

	if (code == SQLITE_FULL)
		remedy = "free space on that file system";
	else if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM)
		remedy = "make the directory writable for certd's user";
	else if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		remedy = "another process holds it: stop that";
	else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		remedy = "restore the directory from a backup";
	snprintf(s->why, sizeof(s->why), "%s/store.db: %s: %s: %s", s->dir, doing,
	    sqlite3_errmsg(s->db), remedy);
	return ERR_STORE;
}

static int exec(struct store *s, const char *text, const char *doing)
{
	return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fault(s, doing);
}

static sqlite3_stmt *query(struct store *s, int i)
{
	if (!s->q[i] && sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->q[i],
	                    NULL) != SQLITE_OK)
		return NULL;
	return s->q[i];
}

static void done(sqlite3_stmt *q)
{
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
}

static void bind_blob(sqlite3_stmt *q, int i, struct slice v)
{
	/* A zero-length blob needs a pointer, or it becomes NULL. */
	(void)sqlite3_bind_blob(q, i, v.n ? v.p : "", (int)v.n, SQLITE_STATIC);
}

static struct slice column(sqlite3_stmt *q, int i)
{
	const char *p = sqlite3_column_blob(q, i);

	return (struct slice){ p ? p : "", (size_t)sqlite3_column_bytes(q, i) };
}

/* ---- meta ---- */

static int meta_get(struct store *s, const char *k, uint8_t *out, size_t cap, size_t *n)
{
	sqlite3_stmt *q = query(s, Q_META_GET);
	int rc, err = 0;

	if (!q)
		return fault(s, "cannot be read");
	sqlite3_bind_text(q, 1, k, -1, SQLITE_STATIC);
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW && column(q, 0).n <= cap) {
		*n = column(q, 0).n;
		memcpy(out, column(q, 0).p, *n);
	} else {
		err = rc == SQLITE_DONE  ? ERR_NOTFOUND
		      : rc == SQLITE_ROW ? ERR_LIMIT
		                         : fault(s, "cannot be read");
	}
	done(q);
	return err;
}

static int meta_put(struct store *s, const char *k, struct slice v)
{
	sqlite3_stmt *q = query(s, Q_META_PUT);
	int err;

	if (!q)
		return fault(s, "cannot be written");
	sqlite3_bind_text(q, 1, k, -1, SQLITE_STATIC);
	bind_blob(q, 2, v);
	err = sqlite3_step(q) == SQLITE_DONE ? 0 : fault(s, "cannot be written");
	done(q);
	return err;
}

/* ---- the data key ---- */

#define WRAP_AAD SLICE_LIT("ipdect store data key 1")

static int wrap(struct store *s, const struct master *m, const uint8_t dek[SEAL_KEY])
{
	uint8_t out[SEAL_KEY + SEAL_OVERHEAD];
	int err = seal_close(m->kek, WRAP_AAD, (struct slice){ (const char *)dek, SEAL_KEY }, out);

	if (err == 0)
		err = meta_put(s, "data-key", (struct slice){ (const char *)out, sizeof(out) });
	if (err == 0)
		err =
		    meta_put(s, "master-id", (struct slice){ (const char *)m->id, sizeof(m->id) });
	return err;
}

static int unwrap(struct store *s, const struct master *m)
{
	uint8_t in[SEAL_KEY + SEAL_OVERHEAD];
	size_t n;
	int err = meta_get(s, "data-key", in, sizeof(in), &n);

	if (err)
		return err;
	return n == sizeof(in)
	           ? seal_open(m->kek, WRAP_AAD, (struct slice){ (const char *)in, n }, s->dek)
	           : ERR_AUTH;
}

static bool opens(struct store *s, const struct master *m)
{
	uint8_t id[MASTER_ID];
	size_t n;

	return meta_get(s, "master-id", id, sizeof(id), &n) == 0 && n == sizeof(id) &&
	       memcmp(id, m->id, n) == 0;
}

static struct slice aad(char buf[AAD_MAX], int kind, struct slice id, int64_t changed)
{
	struct wr w = wr_of(buf, AAD_MAX);

	wr_str(&w, "ipdect record 1");
	wr_be32(&w, (uint32_t)kind);
	wr_be64(&w, (uint64_t)changed);
	wr_be32(&w, (uint32_t)id.n);
	wr_slice_add(&w, id);
	BUG_ON(w.bad);
	return wr_slice(&w);
}

/* All records from the old data key to a new one, inside a transaction. */
static int reseal(struct store *s, const uint8_t next[SEAL_KEY], size_t *count)
{
	sqlite3_stmt *all = query(s, Q_ALL), *up = query(s, Q_RESEAL);
	char buf[AAD_MAX];
	int rc, err = 0;

	*count = 0;
	if (!all || !up)
		return fault(s, "cannot be read");
	while (err == 0 && (rc = sqlite3_step(all)) == SQLITE_ROW) {
		int kind = sqlite3_column_int(all, 0);
		struct slice id = column(all, 1), sealed = column(all, 3), a;
		size_t n = sealed.n > SEAL_OVERHEAD ? sealed.n - SEAL_OVERHEAD : 0;
		uint8_t *plain = mem_new(n + 1), *out = mem_new(n + SEAL_OVERHEAD);

		a = aad(buf, kind, id, sqlite3_column_int64(all, 2));
		err = seal_open(s->dek, a, sealed, plain);
		if (err == 0)
			err = seal_close(next, a, (struct slice){ (const char *)plain, n }, out);
		if (err == 0) {
			sqlite3_bind_int(up, 1, kind);
			bind_blob(up, 2, id);
			bind_blob(up, 3, (struct slice){ (const char *)out, n + SEAL_OVERHEAD });
			err = sqlite3_step(up) == SQLITE_DONE ? 0 : fault(s, "cannot be written");
			done(up);
			++*count;
		} else {
			snprintf(s->why, sizeof(s->why),
			    "%s/store.db: a record of kind %d does not open: restore the "
			    "directory from a backup",
			    s->dir, kind);
		}
		mem_free_wiped(plain, n + 1);
		free(out);
	}
	if (err == 0 && rc != SQLITE_DONE)
		err = fault(s, "cannot be read");
	done(all);
	return err;
}

/* A new data key under m. What is on disk opens with the old master key or with m at any moment. */
static int move_to(struct store *s, const struct master *m, size_t *count)
{
	uint8_t next[SEAL_KEY];
	int err = store_begin(s);

	if (err)
		return err;
	id_random(next, sizeof(next));
	err = reseal(s, next, count);
	if (err == 0)
		err = wrap(s, m, next);
	if (err == 0)
		err = store_end(s);
	else
		store_undo(s);
	if (err == 0) {
		memcpy(s->dek, next, sizeof(next));
		s->from = m->from;
		/* The old ciphertexts shall not linger in the log file. */
		(void)exec(s, "PRAGMA wal_checkpoint(TRUNCATE)", "cannot be written");
	}
	mem_wipe(next, sizeof(next));
	return err;
}

int store_rotate(struct store *s, size_t *records)
{
	struct master m;
	bool cred;
	int err = master_credential("master-key", &m, s->why, sizeof(s->why));

	cred = err == 0;
	if (err == ERR_NOTFOUND)
		err = master_make(s->dir, MASTER_FILE_NEXT, &m, s->why, sizeof(s->why));
	if (err == 0)
		err = move_to(s, &m, records);
	mem_wipe(&m, sizeof(m));
	if (err == 0 && !cred)
		err = master_promote(s->dir, s->why, sizeof(s->why));
	return err;
}

/* Finds the master key of an existing store; finishes what an interrupted rotation left. */
static int find_master(struct store *s)
{
	struct master cred, old, file, next;
	int ec = master_credential("master-key", &cred, s->why, sizeof(s->why));
	int eo = master_credential("master-key-old", &old, s->why, sizeof(s->why));
	int ef = master_file(s->dir, MASTER_FILE_NAME, &file, s->why, sizeof(s->why));
	int en = master_file(s->dir, MASTER_FILE_NEXT, &next, s->why, sizeof(s->why));
	const struct master *m = NULL;
	size_t count;
	int err = ERR_AUTH;

	if (ec == 0 && opens(s, &cred))
		m = &cred;
	else if (eo == 0 && opens(s, &old))
		m = &old;
	else if (ef == 0 && opens(s, &file))
		m = &file;
	else if (en == 0 && opens(s, &next))
		m = &next;
	if (m) {
		err = unwrap(s, m);
		s->from = m->from;
		if (err == ERR_AUTH)
			snprintf(s->why, sizeof(s->why),
			    "%s/store.db: the data key was altered: restore the directory from a "
			    "backup",
			    s->dir);
	} else if ((ec && ec != ERR_NOTFOUND) || (ef && ef != ERR_NOTFOUND)) {
		err = ec && ec != ERR_NOTFOUND ? ec : ef; /* why is set */
	} else {
		snprintf(s->why, sizeof(s->why),
		    "%s/store.db: %s: restore the credential master-key or %s/" MASTER_FILE_NAME
		    " from a backup",
		    s->dir,
		    ec && ef ? "its master key is missing" : "the master key is another one",
		    s->dir);
	}
	/* A credential appeared, or was replaced: the store follows it. */
	if (err == 0 && ec == 0 && m != &cred) {
		err = move_to(s, &cred, &count);
		if (err == 0)
			log_ev(LOG_NOTICE, "store moved to the new credential",
			    F_U64("IPDECT_COUNT", count));
		m = &cred;
	}
	if (err == 0 && m == &next)
		err = master_promote(s->dir, s->why, sizeof(s->why));
	else if (err == 0 && en == 0)
		err = master_erase(s->dir, MASTER_FILE_NEXT, s->why, sizeof(s->why));
	if (err == 0 && m == &cred && ef == 0)
		err = master_erase(s->dir, MASTER_FILE_NAME, s->why, sizeof(s->why));
	mem_wipe(&cred, sizeof(cred));
	mem_wipe(&old, sizeof(old));
	mem_wipe(&file, sizeof(file));
	mem_wipe(&next, sizeof(next));
	return err;
}

/* First start: the master key is on disk before the store refers to it. */
static int make(struct store *s)
{
	struct master m;
	int err = master_credential("master-key", &m, s->why, sizeof(s->why));

	if (err == ERR_NOTFOUND)
		err = master_file(s->dir, MASTER_FILE_NAME, &m, s->why, sizeof(s->why));
	if (err == ERR_NOTFOUND)
		err = master_make(s->dir, MASTER_FILE_NAME, &m, s->why, sizeof(s->why));
	if (err == 0) {
		id_random(s->dek, sizeof(s->dek));
		err = wrap(s, &m, s->dek);
		s->from = m.from;
	}
	mem_wipe(&m, sizeof(m));
	return err;
}

static int prepare(struct store *s)
{
	uint8_t v[16];
	size_t n;
	int err;

	err = exec(s,
	    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	    "PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -512;"
	    "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0",
	    "cannot be opened");
	if (err == 0)
		err = exec(s, "BEGIN EXCLUSIVE", "cannot be locked");
	if (err)
		return err;
	err = exec(s,
	    "CREATE TABLE IF NOT EXISTS meta (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID;"
	    "CREATE TABLE IF NOT EXISTS record (kind INTEGER, id BLOB, changed INTEGER, sealed "
	    "BLOB, PRIMARY KEY (kind, id))",
	    "cannot be made");
	if (err == 0)
		err = meta_get(s, "schema", v, sizeof(v), &n);
	if (err == ERR_NOTFOUND) {
		err = make(s);
		if (err == 0)
			err = meta_put(s, "schema", SLICE_LIT(SCHEMA));
		if (err == 0)
			err = exec(s, "COMMIT", "cannot be written");
	} else if (err == 0) {
		if (!slice_eq((struct slice){ (const char *)v, n }, SLICE_LIT(SCHEMA))) {
			snprintf(s->why, sizeof(s->why),
			    "%s/store.db: made by a newer version: install that", s->dir);
			err = ERR_UNSUPP;
		}
		(void)exec(s, "COMMIT", "cannot be read");
		if (err == 0)
			err = find_master(s);
	}
	return err;
}

int store_open(const char *dir, struct store **out, char *why, size_t cap)
{
	struct store *s = mem_new(sizeof(*s));
	char path[512];
	int err;

	s->dir = mem_str(dir);
	snprintf(path, sizeof(path), "%s/store.db", dir);
	if (access(dir, R_OK | W_OK | X_OK) != 0) {
		/* SQLite would open it for reading, and fail later in other words. */
		snprintf(s->why, sizeof(s->why),
		    "%.300s: %s: make the directory writable for certd's user", path,
		    strerrordesc_np(errno));
		err = ERR_STORE;
	} else if (sqlite3_open_v2(path, &s->db,
	               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
	               NULL) != SQLITE_OK)
		err = fault(s, "cannot be opened");
	else
		err = prepare(s);
	if (err) {
		if (!*s->why)
			snprintf(s->why, sizeof(s->why), "%.400s: %s", path, err_text(err));
		snprintf(why, cap, "%s", s->why);
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
	for (int i = 0; i < NQ; i++)
		sqlite3_finalize(s->q[i]);
	sqlite3_close(s->db);
	free(s->dir);
	mem_free_wiped(s, sizeof(*s));
}

/* ---- records ---- */

int store_put(struct store *s, enum store_kind kind, struct slice id, struct slice value)
{
	sqlite3_stmt *q = query(s, Q_PUT);
	int64_t now = (int64_t)time(NULL);
	char buf[AAD_MAX];
	uint8_t *sealed;
	int err;

	if (id.n > STORE_ID_MAX || value.n > STORE_VALUE_MAX)
		return ERR_LIMIT;
	if (!q)
		return fault(s, "cannot be written");
	sealed = mem_new(value.n + SEAL_OVERHEAD);
	err = seal_close(s->dek, aad(buf, (int)kind, id, now), value, sealed);
	if (err == 0) {
		sqlite3_bind_int(q, 1, (int)kind);
		bind_blob(q, 2, id);
		sqlite3_bind_int64(q, 3, now);
		bind_blob(q, 4, (struct slice){ (const char *)sealed, value.n + SEAL_OVERHEAD });
		err = sqlite3_step(q) == SQLITE_DONE ? 0 : fault(s, "cannot be written");
		done(q);
	}
	free(sealed);
	return err;
}

/* cap 0: *heap is allocated. */
static int fetch(struct store *s, enum store_kind kind, struct slice id, uint8_t *out, size_t cap,
    uint8_t **heap, size_t *n)
{
	sqlite3_stmt *q = query(s, Q_GET);
	char buf[AAD_MAX];
	int rc, err;

	if (id.n > STORE_ID_MAX)
		return ERR_NOTFOUND;
	if (!q)
		return fault(s, "cannot be read");
	sqlite3_bind_int(q, 1, (int)kind);
	bind_blob(q, 2, id);
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW) {
		struct slice sealed = column(q, 1);
		size_t len = sealed.n > SEAL_OVERHEAD ? sealed.n - SEAL_OVERHEAD : 0;

		if (heap)
			out = *heap = mem_new(len + 1);
		if (!heap && len > cap) {
			err = ERR_LIMIT;
		} else {
			err = seal_open(s->dek, aad(buf, (int)kind, id, sqlite3_column_int64(q, 0)),
			    sealed, out);
			*n = len;
		}
		if (err == ERR_AUTH)
			snprintf(s->why, sizeof(s->why),
			    "%s/store.db: a record of kind %d was altered: restore the directory "
			    "from a backup",
			    s->dir, (int)kind);
		if (err && heap) {
			mem_free_wiped(*heap, len);
			*heap = NULL;
		}
	} else {
		err = rc == SQLITE_DONE ? ERR_NOTFOUND : fault(s, "cannot be read");
	}
	done(q);
	return err;
}

int store_get(
    struct store *s, enum store_kind kind, struct slice id, uint8_t *out, size_t cap, size_t *n)
{
	return fetch(s, kind, id, out, cap, NULL, n);
}

int store_load(struct store *s, enum store_kind kind, struct slice id, uint8_t **out, size_t *n)
{
	return fetch(s, kind, id, NULL, 0, out, n);
}

bool store_has(struct store *s, enum store_kind kind, struct slice id)
{
	sqlite3_stmt *q = query(s, Q_GET);
	bool has;

	if (!q || id.n > STORE_ID_MAX)
		return false;
	sqlite3_bind_int(q, 1, (int)kind);
	bind_blob(q, 2, id);
	has = sqlite3_step(q) == SQLITE_ROW;
	done(q);
	return has;
}

int store_del(struct store *s, enum store_kind kind, struct slice id, bool *had)
{
	sqlite3_stmt *q = query(s, Q_DEL);
	int err;

	if (had)
		*had = false;
	if (id.n > STORE_ID_MAX)
		return 0;
	if (!q)
		return fault(s, "cannot be written");
	sqlite3_bind_int(q, 1, (int)kind);
	bind_blob(q, 2, id);
	err = sqlite3_step(q) == SQLITE_DONE ? 0 : fault(s, "cannot be written");
	done(q);
	if (err == 0 && had)
		*had = sqlite3_changes(s->db) > 0;
	return err;
}

int store_each(struct store *s, enum store_kind kind,
    bool (*fn)(void *ctx, struct slice id, int64_t changed), void *ctx)
{
	sqlite3_stmt *q = NULL; /* not the shared one: fn may look something up the same way */
	int rc, err = 0;

	if (sqlite3_prepare_v2(s->db, sql[Q_EACH], -1, &q, NULL) != SQLITE_OK)
		return fault(s, "cannot be read");
	sqlite3_bind_int(q, 1, (int)kind);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW)
		if (!fn(ctx, column(q, 0), sqlite3_column_int64(q, 1)))
			break;
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		err = fault(s, "cannot be read");
	sqlite3_finalize(q);
	return err;
}

int store_begin(struct store *s)
{
	int err = exec(s, "BEGIN IMMEDIATE", "cannot be written");

	s->open = err == 0;
	return err;
}

int store_end(struct store *s)
{
	int err = exec(s, "COMMIT", "cannot be written");

	if (err)
		store_undo(s);
	s->open = false;
	return err;
}

void store_undo(struct store *s)
{
	char why[sizeof(s->why)];

	if (!s->open)
		return;
	memcpy(why, s->why, sizeof(why)); /* the first fault is the one to tell */
	(void)exec(s, "ROLLBACK", "cannot be rolled back");
	memcpy(s->why, why, sizeof(why));
	s->open = false;
}
