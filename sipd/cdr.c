/* Call detail records and call lists in SQLite, written in groups. */
#include "sipd/cdr.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"

#define GROUP_MS 50

enum stmt {
	S_INSERT,
	S_UPDATE,
	S_LIST,
	S_COUNT,
	S_MISSED,
	S_READ,
	S_CLEAR_ALL,
	S_CLEAR_ONE,
	S_REDIAL,
	S_RECORDS,
	S_PRUNE,
	S_N
};
#define COLUMNS                                                                                    \
	"id,call,kind,start,answered,ended,unread,elsewhere,hidden,user,name,number,uri,cause,"    \
	"sip_call_id,rfp,media,diverted"
/* Kind 4 is all; calls that were answered elsewhere, or not yet over, are in no list. */
#define LISTED                                                                                     \
	" from call where user=?1 and hidden=0 and elsewhere=0 and (kind=?2 or ?2=4) and ended>0"
static const char *const texts[S_N] = {
	[S_INSERT] = "insert into call (" COLUMNS
	             ") values (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)",
	[S_UPDATE] =
	    "update call set kind=?3,answered=?5,ended=?6,unread=?7,elsewhere=?8,hidden=?9,"
	    "name=?11,number=?12,uri=?13,cause=?14,sip_call_id=?15,rfp=?16,media=?17,"
	    "diverted=?18 where id=?1",
	[S_LIST] = "select " COLUMNS LISTED " order by id desc limit ?3 offset ?4",
	[S_COUNT] = "select count(*),sum(unread)" LISTED,
	[S_MISSED] =
	    "select count(*) from call where user=?1 and hidden=0 and elsewhere=0 and kind=3 and "
	    "unread=1 and ended>0",
	[S_READ] = "update call set unread=0 where user=?1 and (kind=?2 or ?2=4) and unread=1",
	[S_CLEAR_ALL] =
	    "update call set hidden=1,unread=0 where user=?1 and (kind=?2 or ?2=4) and hidden=0",
	[S_CLEAR_ONE] =
	    "update call set hidden=1,unread=0 where user=?1 and (kind=?2 or ?2=4) and id=?3",
	[S_REDIAL] = "select number,uri from call where user=?1 and kind=1 and hidden=0 and "
	             "(number<>'' or uri<>'') order by id desc limit 1",
	[S_RECORDS] =
	    "select " COLUMNS " from call where (user=?1 or ?1='') and (id<?2 or ?2=0) order by id "
	    "desc limit ?3",
	[S_PRUNE] = "delete from call where ended>0 and ended<?1",
};

struct cdr {
	sqlite3 *db;
	sqlite3_stmt *st[S_N];
	struct tmr group;
	struct tmr_wheel *wheel;
	bool open; /* a transaction */
	uint64_t last, failures;
};

static int failed(struct cdr *c, const char *what)
{
	c->failures++;
	log_ev(LOG_ERR, "call records: the store failed", F_TEXT("IPDECT_OP", what),
	    F_TEXT("IPDECT_WHY", sqlite3_errmsg(c->db)),
	    F_REMEDY("check free space and the directory's owner"));
	return ERR_STORE;
}

static int sql(struct cdr *c, const char *text)
{
	return sqlite3_exec(c->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(c, text);
}

int cdr_flush(struct cdr *c)
{
	if (!c->open)
		return 0;
	tmr_stop(&c->group);
	c->open = false;
	int err = sql(c, "commit");
	if (err)
		(void)sqlite3_exec(c->db, "rollback", NULL, NULL, NULL);
	return err;
}

static void on_group(struct tmr *t, void *ctx)
{
	(void)t;
	(void)cdr_flush(ctx);
}

static int begin(struct cdr *c)
{
	if (c->open)
		return 0;
	int err = sql(c, "begin immediate");
	c->open = !err;
	if (c->open && c->wheel)
		tmr_start(&c->group, GROUP_MS);
	return err;
}

static int write_step(struct cdr *c, enum stmt s)
{
	int rc = begin(c);

	if (!rc) {
		rc = sqlite3_step(c->st[s]) == SQLITE_DONE ? 0 : failed(c, "write");
		sqlite3_reset(c->st[s]);
	}
	sqlite3_clear_bindings(c->st[s]);
	if (!c->wheel && !rc)
		rc = cdr_flush(c);
	return rc;
}

static void put_text(struct cdr *c, enum stmt s, int at, struct slice v)
{
	sqlite3_bind_text(c->st[s], at, v.p ? v.p : "",
	    (int)(v.n > CDR_TEXT_MAX ? CDR_TEXT_MAX : v.n), SQLITE_TRANSIENT);
}

static void put_rec(struct cdr *c, enum stmt s, const struct cdr_rec *r)
{
	const struct slice t[] = { r->user, r->name, r->number, r->uri, r->cause, r->sip_call_id,
		r->rfp, r->media, r->diverted };
	const int64_t n[] = { (int64_t)r->id, (int64_t)r->call, r->kind, (int64_t)r->start,
		(int64_t)r->answered, (int64_t)r->ended, r->unread, r->elsewhere, r->hidden };

	for (size_t i = 0; i < ARRAY_LEN(n); i++)
		sqlite3_bind_int64(c->st[s], (int)i + 1, n[i]);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		put_text(c, s, (int)(i + ARRAY_LEN(n)) + 1, t[i]);
}

static struct slice col(sqlite3_stmt *st, int i)
{
	return (struct slice){ (const char *)sqlite3_column_text(st, i),
		(size_t)sqlite3_column_bytes(st, i) };
}

static void rec_of(sqlite3_stmt *st, struct cdr_rec *r)
{
	*r = (struct cdr_rec){
		.id = (uint64_t)sqlite3_column_int64(st, 0),
		.call = (uint64_t)sqlite3_column_int64(st, 1),
		.kind = (enum cdr_kind)sqlite3_column_int(st, 2),
		.start = (uint64_t)sqlite3_column_int64(st, 3),
		.answered = (uint64_t)sqlite3_column_int64(st, 4),
		.ended = (uint64_t)sqlite3_column_int64(st, 5),
		.unread = sqlite3_column_int(st, 6) != 0,
		.elsewhere = sqlite3_column_int(st, 7) != 0,
		.hidden = sqlite3_column_int(st, 8) != 0,
		.user = col(st, 9),
		.name = col(st, 10),
		.number = col(st, 11),
		.uri = col(st, 12),
		.cause = col(st, 13),
		.sip_call_id = col(st, 14),
		.rfp = col(st, 15),
		.media = col(st, 16),
		.diverted = col(st, 17),
	};
}

struct cdr *cdr_open(const char *path, struct tmr_wheel *wheel, int *err)
{
	struct cdr *c = mem_new(sizeof(*c));
	sqlite3_stmt *st = NULL;

	c->wheel = wheel;
	if (wheel)
		tmr_init(&c->group, wheel, on_group, c);
	*err = ERR_STORE;
	if (sqlite3_open_v2(path, &c->db,
	        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
	        NULL) != SQLITE_OK)
		goto fail;
	sqlite3_busy_timeout(c->db, 2000);
	if (sql(c, "pragma journal_mode=wal") || sql(c, "pragma synchronous=normal") ||
	    sql(c, "create table if not exists call (id integer primary key,call integer not "
	           "null,kind integer not "
	           "null,start integer not null,answered integer not null,ended integer not "
	           "null,unread integer "
	           "not null,elsewhere integer not null,hidden integer not null,user text not "
	           "null,name text not "
	           "null,number text not null,uri text not null,cause text not null,sip_call_id "
	           "text not null,"
	           "rfp text not null,media text not null,diverted text not null)") ||
	    sql(c, "create index if not exists call_user on call (user,kind,id)") ||
	    sql(c, "create index if not exists call_open on call (ended) where ended=0") ||
	    sql(c, "update call set ended=max(start,answered),cause='interrupted' where ended=0"))
		goto fail;
	for (int i = 0; i < S_N; i++)
		if (sqlite3_prepare_v3(c->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &c->st[i],
		        NULL) != SQLITE_OK)
			goto fail;
	if (sqlite3_prepare_v2(c->db, "select max(id) from call", -1, &st, NULL) != SQLITE_OK)
		goto fail;
	if (sqlite3_step(st) == SQLITE_ROW)
		c->last = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	*err = 0;
	return c;
fail:
	log_ev(LOG_ERR, "the call records cannot be used", F_TEXT("IPDECT_PATH", path),
	    F_TEXT("IPDECT_WHY", c->db ? sqlite3_errmsg(c->db) : "no memory"),
	    F_REMEDY("check the directory's owner and free space"));
	cdr_close(c);
	return NULL;
}

void cdr_close(struct cdr *c)
{
	if (!c)
		return;
	(void)cdr_flush(c);
	tmr_stop(&c->group);
	for (int i = 0; i < S_N; i++)
		sqlite3_finalize(c->st[i]);
	sqlite3_close(c->db);
	free(c);
}

uint64_t cdr_failures(const struct cdr *c)
{
	return c->failures;
}

void cdr_begin(struct cdr *c, struct cdr_rec *r)
{
	r->id = ++c->last;
	put_rec(c, S_INSERT, r);
	(void)write_step(c, S_INSERT);
}

void cdr_update(struct cdr *c, const struct cdr_rec *r)
{
	put_rec(c, S_UPDATE, r);
	(void)write_step(c, S_UPDATE);
}

static int rows(struct cdr *c, enum stmt s, cdr_row_h *fn, void *ctx)
{
	int rc;

	while ((rc = sqlite3_step(c->st[s])) == SQLITE_ROW) {
		struct cdr_rec r;
		rec_of(c->st[s], &r);
		fn(ctx, &r);
	}
	sqlite3_reset(c->st[s]);
	sqlite3_clear_bindings(c->st[s]);
	return rc == SQLITE_DONE ? 0 : failed(c, "read");
}

int cdr_list(struct cdr *c, struct slice user, enum cdr_kind kind, uint32_t from, uint32_t max,
    cdr_row_h *fn, void *ctx, uint32_t *total, uint32_t *unread)
{
	sqlite3_stmt *st = c->st[S_COUNT];

	*total = *unread = 0;
	put_text(c, S_COUNT, 1, user);
	sqlite3_bind_int(st, 2, (int)kind);
	if (sqlite3_step(st) == SQLITE_ROW) {
		*total = (uint32_t)sqlite3_column_int64(st, 0);
		*unread = (uint32_t)sqlite3_column_int64(st, 1);
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	put_text(c, S_LIST, 1, user);
	sqlite3_bind_int(c->st[S_LIST], 2, (int)kind);
	sqlite3_bind_int64(c->st[S_LIST], 3, max);
	sqlite3_bind_int64(c->st[S_LIST], 4, from);
	return rows(c, S_LIST, fn, ctx);
}

uint32_t cdr_missed(struct cdr *c, struct slice user)
{
	uint32_t n = 0;

	put_text(c, S_MISSED, 1, user);
	if (sqlite3_step(c->st[S_MISSED]) == SQLITE_ROW)
		n = (uint32_t)sqlite3_column_int64(c->st[S_MISSED], 0);
	sqlite3_reset(c->st[S_MISSED]);
	sqlite3_clear_bindings(c->st[S_MISSED]);
	return n;
}

int cdr_mark_read(struct cdr *c, struct slice user, enum cdr_kind kind)
{
	put_text(c, S_READ, 1, user);
	sqlite3_bind_int(c->st[S_READ], 2, (int)kind);
	return write_step(c, S_READ);
}

int cdr_clear(struct cdr *c, struct slice user, enum cdr_kind kind, uint64_t id)
{
	enum stmt s = id ? S_CLEAR_ONE : S_CLEAR_ALL;

	put_text(c, s, 1, user);
	sqlite3_bind_int(c->st[s], 2, (int)kind);
	if (id)
		sqlite3_bind_int64(c->st[s], 3, (int64_t)id);
	int err = write_step(c, s);
	/* "Done" is told to a handset: it must be in the file. */
	return err ? err : cdr_flush(c);
}

int cdr_redial(struct cdr *c, struct slice user, char *out, size_t cap)
{
	int err = ERR_NOTFOUND;

	put_text(c, S_REDIAL, 1, user);
	if (sqlite3_step(c->st[S_REDIAL]) == SQLITE_ROW) {
		struct slice number = col(c->st[S_REDIAL], 0), uri = col(c->st[S_REDIAL], 1);
		err = slice_copy(number.n ? number : uri, out, cap);
	}
	sqlite3_reset(c->st[S_REDIAL]);
	sqlite3_clear_bindings(c->st[S_REDIAL]);
	return err;
}

int cdr_records(
    struct cdr *c, struct slice user, uint64_t before, uint32_t max, cdr_row_h *fn, void *ctx)
{
	put_text(c, S_RECORDS, 1, user);
	sqlite3_bind_int64(c->st[S_RECORDS], 2, (int64_t)before);
	sqlite3_bind_int64(c->st[S_RECORDS], 3, max);
	return rows(c, S_RECORDS, fn, ctx);
}

int cdr_prune(struct cdr *c, uint64_t before)
{
	sqlite3_bind_int64(c->st[S_PRUNE], 1, (int64_t)before);
	return write_step(c, S_PRUNE);
}
