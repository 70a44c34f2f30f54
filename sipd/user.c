/* Users: checking, memory, SQLite. */
#include "sipd/user.h"

#include <ctype.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/number.h"

const struct user_field_def user_fields[USER_NFIELDS] = {
	[USER_NAME] = { "name", USER_NAME_MAX, true, "extension or SIP user name" },
	[USER_DOMAIN] = { "domain", 128, true, "SIP domain; empty: the default domain" },
	[USER_DISPLAY_NAME] = { "display-name", 128, true, "shown when this user calls" },
	[USER_STANDBY_TEXT] = { "standby-text", 64, true, "shown on the idle handset" },
	[USER_IPEI] = { "ipei", 16, true, "handset, e.g. \"05003 0070387\"" },
	[USER_AUTH_USER] = { "auth-user", 128, true,
	    "user name for authentication; empty: the name" },
	[USER_DISABLED] = { "disabled", 3, true, "yes: neither registered nor served" },
	[USER_NUMBER] = { "number", 64, true, "second number" },
	[USER_GROUP] = { "group", 64, true, "policy group" },
	[USER_LOCALE] = { "locale", 8, true, "language of the display, e.g. de" },
	[USER_FORWARD_ALWAYS] = { "forward-always", 128, true, "number or URI for every call" },
	[USER_FORWARD_BUSY] = { "forward-busy", 128, true, "number or URI when busy" },
	[USER_FORWARD_NO_ANSWER] = { "forward-no-answer", 128, true,
	    "number or URI when not answered" },
	[USER_FORWARD_UNREACHABLE] = { "forward-unreachable", 128, true,
	    "number or URI when the handset cannot be reached" },
	[USER_HAS_PASSWORD] = { "has-password", 3, false, "certd holds a password" },
	[USER_HAS_ACCESS_CODE] = { "has-access-code", 3, false, "certd holds an access code" },
};

struct users {
	sqlite3 *db;
	sqlite3_stmt *put, *del;
	struct map name, number, ipei;
	struct user **sorted;
	size_t n, cap;
	bool dirty, batch;
	user_change_h *on_change;
	void *ctx;
	struct user_note {
		struct user *u;
	} * note; /* changed inside a batch */
	size_t nnote, capnote;
};

static bool same_char(char a, char b)
{
	if (a == '_' || a == ' ')
		a = '-';
	if (b == '_' || b == ' ')
		b = '-';
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

int user_field_find(struct slice name)
{
	for (int i = 0; i < USER_NFIELDS; i++) {
		const char *want = user_fields[i].name;
		size_t k = 0;
		while (k < name.n && want[k] && same_char(name.p[k], want[k]))
			k++;
		if (k == name.n && !want[k])
			return i;
	}
	return -1;
}

int user_ipei(struct slice text, char out[13])
{
	size_t n = 0;

	text = slice_trim(text);
	out[0] = '\0';
	for (size_t i = 0; i < text.n; i++) {
		char ch = text.p[i];
		if (ch == ' ' || ch == '-')
			continue;
		/* The thirteenth is the check character, a digit or '*' (EN 300 175-6 10.1). */
		if (n == 12 && i == text.n - 1 && (isdigit((unsigned char)ch) || ch == '*')) {
			unsigned sum = 0;
			for (unsigned k = 0; k < 12; k++)
				sum += (k + 1) * (unsigned)(out[k] - '0');
			sum %= 11;
			if (ch != (sum == 10 ? '*' : (char)('0' + sum)))
				return ERR_VALUE;
			break;
		}
		if (n == 12 || !isdigit((unsigned char)ch))
			return ERR_VALUE;
		out[n++] = ch;
	}
	out[n] = '\0';
	return n == 12 ? 0 : ERR_VALUE;
}

static bool utf8_ok(struct slice s)
{
	for (size_t i = 0; i < s.n;) {
		unsigned char c = (unsigned char)s.p[i];
		size_t more = c < 0x80   ? 0
		              : c < 0xc2 ? 9
		              : c < 0xe0 ? 1
		              : c < 0xf0 ? 2
		              : c < 0xf5 ? 3
		                         : 9;
		if (more == 9 || i + more >= s.n || c < 0x20 || c == 0x7f)
			return false;
		for (size_t k = 1; k <= more; k++)
			if (((unsigned char)s.p[i + k] & 0xc0) != 0x80)
				return false;
		i += more + 1;
	}
	return true;
}

/* user = unreserved / user-unreserved (RFC 3261 25.1), without what nobody can dial back. */
static bool name_ok(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && !strchr("-_.!~*'()&=+$,", s.p[i]))
			return false;
	return s.n > 0;
}

static bool host_ok(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && !strchr("-.:[]", s.p[i]))
			return false;
	return true;
}

static bool target_ok(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= 0x20 || (unsigned char)s.p[i] >= 0x7f ||
		    strchr("<>\"", s.p[i]))
			return false;
	return true;
}

static int yes(struct slice s)
{
	static const char *const on[] = { "yes", "true", "on", "1", "y" }, *const off[] = { "no",
		"false", "off", "0", "n", "" };

	for (size_t i = 0; i < ARRAY_LEN(on); i++)
		if (slice_ieq(s, slice_str(on[i])))
			return 1;
	for (size_t i = 0; i < ARRAY_LEN(off); i++)
		if (slice_ieq(s, slice_str(off[i])))
			return 0;
	return -1;
}

static int complain(char *why, size_t cap, enum user_field f, const char *text)
{
	(void)snprintf(why, cap, "%s: %s", user_fields[f].name, text);
	return ERR_VALUE;
}

static int check(enum user_field f, struct slice v, char *why, size_t cap)
{
	char ipei[13];

	if (v.n > user_fields[f].max)
		return complain(why, cap, f, "too long");
	switch (f) {
	case USER_NAME:
		return name_ok(v) ? 0
		                  : complain(why, cap, f,
		                        "letters, digits and -_.!~*'()&=+$, only, at least one");
	case USER_DOMAIN:
		return host_ok(v) ? 0 : complain(why, cap, f, "not a host name");
	case USER_IPEI:
		return v.n == 0 || user_ipei(v, ipei) == 0
		           ? 0
		           : complain(why, cap, f,
		                 "12 digits, e.g. \"05003 0070387\", and a right check digit");
	case USER_NUMBER:
		return v.n == 0 || (name_ok(v) && number_is(v))
		           ? 0
		           : complain(why, cap, f, "digits and +*-.() only");
	case USER_DISABLED:
	case USER_HAS_PASSWORD:
	case USER_HAS_ACCESS_CODE:
		return yes(v) >= 0 ? 0 : complain(why, cap, f, "yes or no");
	case USER_FORWARD_ALWAYS:
	case USER_FORWARD_BUSY:
	case USER_FORWARD_NO_ANSWER:
	case USER_FORWARD_UNREACHABLE:
		return target_ok(v) ? 0
		                    : complain(why, cap, f, "a number or a URI, without blanks");
	default:
		return utf8_ok(v) ? 0 : complain(why, cap, f, "not UTF-8, or control characters");
	}
}

static void lower(char *out, size_t cap, struct slice s)
{
	size_t n = s.n < cap - 1 ? s.n : cap - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = (char)tolower((unsigned char)s.p[i]);
	out[n] = '\0';
}

static struct user *found(struct map_node *n, size_t off)
{
	return n ? (struct user *)(void *)((char *)n - off) : NULL;
}

struct user *users_find(const struct users *us, struct slice name)
{
	char key[USER_NAME_MAX + 1];

	if (name.n == 0 || name.n > USER_NAME_MAX)
		return NULL;
	lower(key, sizeof(key), name);
	return found(map_get(&us->name, slice_str(key)), offsetof(struct user, by_name));
}

struct user *users_by_number(const struct users *us, struct slice number)
{
	return found(map_get(&us->number, number), offsetof(struct user, by_number));
}

struct user *users_by_ipei(const struct users *us, struct slice ipei)
{
	return found(map_get(&us->ipei, ipei), offsetof(struct user, by_ipei));
}

struct user *users_reach(const struct users *us, struct slice number)
{
	struct user *u = users_find(us, number);

	return u ? u : users_by_number(us, number);
}

size_t users_count(const struct users *us)
{
	return us->n;
}

static int by_key(const void *a, const void *b)
{
	return strcmp((*(struct user *const *)a)->key, (*(struct user *const *)b)->key);
}

static void sort(struct users *us)
{
	if (us->dirty && us->n)
		qsort(us->sorted, us->n, sizeof(*us->sorted), by_key);
	us->dirty = false;
}

static size_t lower_bound(struct users *us, const char *key)
{
	size_t lo = 0, hi = us->n;

	sort(us);
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (strcmp(us->sorted[mid]->key, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct user *users_next(struct users *us, const struct user *prev)
{
	size_t i = prev ? lower_bound(us, prev->key) + 1 : 0;

	sort(us);
	return i < us->n ? us->sorted[i] : NULL;
}

struct user *users_after(struct users *us, struct slice name)
{
	char key[USER_NAME_MAX + 1];

	lower(key, sizeof(key), name);
	size_t i = lower_bound(us, key);
	if (i < us->n && strcmp(us->sorted[i]->key, key) == 0)
		i++;
	return i < us->n ? us->sorted[i] : NULL;
}

bool users_prefix(struct users *us, struct slice digits)
{
	char key[USER_NAME_MAX + 1];
	size_t i;

	if (digits.n >= USER_NAME_MAX)
		return false;
	lower(key, sizeof(key), digits);
	i = lower_bound(us, key);
	if (i < us->n && strcmp(us->sorted[i]->key, key) == 0)
		i++;
	if (i < us->n && strncmp(us->sorted[i]->key, key, digits.n) == 0)
		return true;
	for (struct map_node *n = map_next(&us->number, NULL); n; n = map_next(&us->number, n))
		if (n->key.n > digits.n && slice_starts(n->key, digits))
			return true;
	return false;
}

static void index_add(struct users *us, struct user *u)
{
	(void)map_put(&us->name, &u->by_name, slice_str(u->key));
	if (user_on(u, USER_NUMBER))
		(void)map_put(&us->number, &u->by_number, slice_str(u->f[USER_NUMBER]));
	if (user_on(u, USER_IPEI))
		(void)map_put(&us->ipei, &u->by_ipei, slice_str(u->f[USER_IPEI]));
}

static void index_del(struct users *us, struct user *u)
{
	map_del(&us->name, &u->by_name);
	map_del(&us->number, &u->by_number);
	map_del(&us->ipei, &u->by_ipei);
}

static struct user *insert(struct users *us, struct slice name)
{
	struct user *u = mem_new(sizeof(*u));

	lower(u->key, sizeof(u->key), name);
	for (int i = 0; i < USER_NFIELDS; i++)
		u->f[i] = mem_str("");
	if (us->n == us->cap) {
		us->cap = us->cap ? us->cap * 2 : 64;
		us->sorted = mem_grow(us->sorted, us->cap, sizeof(*us->sorted));
	}
	us->sorted[us->n++] = u;
	us->dirty = true;
	return u;
}

static void destroy(struct user *u)
{
	for (int i = 0; i < USER_NFIELDS; i++)
		free(u->f[i]);
	free(u);
}

static int sql(struct users *us, const char *text)
{
	if (sqlite3_exec(us->db, text, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	log_ev(LOG_ERR, "user store: statement failed", F_TEXT("IPDECT_SQL", text),
	    F_TEXT("IPDECT_WHY", sqlite3_errmsg(us->db)));
	return ERR_STORE;
}

static int load(struct users *us, const char *query)
{
	sqlite3_stmt *st;
	int rc;

	if (sqlite3_prepare_v2(us->db, query, -1, &st, NULL) != SQLITE_OK)
		return ERR_STORE;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(st, 0);
		struct user *u = insert(us, slice_str(name));
		for (int i = 0; i < USER_NFIELDS; i++) {
			const char *v = (const char *)sqlite3_column_text(st, i);
			free(u->f[i]);
			u->f[i] = mem_str(v ? v : "");
		}
		index_add(us, u);
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : ERR_STORE;
}

struct users *users_open(const char *path, user_change_h *on_change, void *ctx, int *err)
{
	struct users *us = mem_new(sizeof(*us));
	char create[1024] = "create table if not exists user (key text primary key", cols[512] = "",
	     put[1024], marks[128] = "";
	size_t n;

	us->on_change = on_change;
	us->ctx = ctx;
	for (int i = 0; i < USER_NFIELDS; i++) {
		char col[40];
		(void)snprintf(col, sizeof(col), "%s\"%s\"", i ? "," : "", user_fields[i].name);
		strncat(cols, col, sizeof(cols) - strlen(cols) - 1);
		strncat(marks, ",?", sizeof(marks) - strlen(marks) - 1);
		n = strlen(create);
		(void)snprintf(create + n, sizeof(create) - n, ",\"%s\" text not null default ''",
		    user_fields[i].name);
	}
	n = strlen(create);
	(void)snprintf(create + n, sizeof(create) - n, ") without rowid");
	(void)snprintf(
	    put, sizeof(put), "insert or replace into user (key,%s) values (?%s)", cols, marks);
	*err = ERR_STORE;
	if (sqlite3_open_v2(path, &us->db,
	        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
	        NULL) != SQLITE_OK)
		goto fail;
	sqlite3_busy_timeout(us->db, 2000);
	if (sql(us, "pragma journal_mode=wal") || sql(us, "pragma synchronous=full") ||
	    sql(us, create))
		goto fail;
	if (sqlite3_prepare_v3(us->db, put, -1, SQLITE_PREPARE_PERSISTENT, &us->put, NULL) !=
	        SQLITE_OK ||
	    sqlite3_prepare_v3(us->db, "delete from user where key=?", -1,
	        SQLITE_PREPARE_PERSISTENT, &us->del, NULL) != SQLITE_OK)
		goto fail;
	(void)snprintf(put, sizeof(put), "select %s from user order by key", cols);
	if (load(us, put))
		goto fail;
	*err = 0;
	return us;
fail:
	log_ev(LOG_ERR, "the user store cannot be used", F_TEXT("IPDECT_PATH", path),
	    F_TEXT("IPDECT_WHY", us->db ? sqlite3_errmsg(us->db) : "no memory"),
	    F_REMEDY("check the directory's owner and free space"));
	users_close(us);
	return NULL;
}

void users_close(struct users *us)
{
	if (!us)
		return;
	for (size_t i = 0; i < us->n; i++)
		destroy(us->sorted[i]);
	free(us->sorted);
	free(us->note);
	map_free(&us->name);
	map_free(&us->number);
	map_free(&us->ipei);
	sqlite3_finalize(us->put);
	sqlite3_finalize(us->del);
	sqlite3_close(us->db);
	free(us);
}

static int step(struct users *us, sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	sqlite3_reset(st);
	if (rc == SQLITE_DONE)
		return 0;
	log_ev(LOG_ERR, "user store: not written", F_TEXT("IPDECT_WHY", sqlite3_errmsg(us->db)),
	    F_REMEDY("check free space and the directory's owner"));
	return ERR_STORE;
}

static void changed(struct users *us, struct user *u)
{
	if (!us->batch) {
		if (us->on_change)
			us->on_change(us->ctx, u, USER_PUT);
		return;
	}
	if (u->noted)
		return;
	u->noted = true;
	if (us->nnote == us->capnote) {
		us->capnote = us->capnote ? us->capnote * 2 : 64;
		us->note = mem_grow(us->note, us->capnote, sizeof(*us->note));
	}
	us->note[us->nnote++].u = u;
}

static bool taken(const struct user *other, const struct user *u)
{
	return other && other != u;
}

/* The new record as it would be; checked, with clashes. */
static int prepare(struct users *us, struct user *u, const struct user_edit *e, struct slice *v,
    char ipei[13], char *why, size_t cap)
{
	for (int i = 0; i < USER_NFIELDS; i++) {
		v[i] = u ? slice_str(u->f[i]) : (struct slice){ "", 0 };
		if (!e->given[i] || (i == USER_NAME && u))
			continue;
		v[i] = i == USER_NAME ? e->v[i] : slice_trim(e->v[i]);
		int err = check((enum user_field)i, v[i], why, cap);
		if (err)
			return err;
		if (i == USER_DISABLED || i == USER_HAS_PASSWORD || i == USER_HAS_ACCESS_CODE)
			v[i] = yes(v[i]) ? SLICE_LIT("yes") : SLICE_LIT("");
		if (i == USER_IPEI && v[i].n) {
			if (user_ipei(v[i], ipei))
				return ERR_VALUE;
			v[i] = slice_str(ipei);
		}
	}
	if (v[USER_IPEI].n && taken(users_by_ipei(us, v[USER_IPEI]), u)) {
		(void)snprintf(why, cap, "ipei: this handset is user %s's already",
		    users_by_ipei(us, v[USER_IPEI])->f[USER_NAME]);
		return ERR_EXISTS;
	}
	if (v[USER_NUMBER].n && taken(users_reach(us, v[USER_NUMBER]), u)) {
		(void)snprintf(why, cap, "number: it reaches user %s already",
		    users_reach(us, v[USER_NUMBER])->f[USER_NAME]);
		return ERR_EXISTS;
	}
	if (!u && users_by_number(us, v[USER_NAME])) {
		(void)snprintf(why, cap, "name: it is the second number of user %s",
		    users_by_number(us, v[USER_NAME])->f[USER_NAME]);
		return ERR_EXISTS;
	}
	return 0;
}

int users_edit(struct users *us, enum user_mode mode, const struct user_edit *e, bool dry,
    char *why, size_t cap)
{
	struct slice name = e->v[USER_NAME], v[USER_NFIELDS];
	struct user *u = users_find(us, name);
	char ipei[13], key[USER_NAME_MAX + 1];
	int err;

	why[0] = '\0';
	if (u && mode == USER_ADD) {
		(void)snprintf(why, cap, "name: there is a user %s already", u->f[USER_NAME]);
		return ERR_EXISTS;
	}
	if (!u && mode == USER_SET) {
		(void)snprintf(why, cap, "name: there is no such user");
		return ERR_NOTFOUND;
	}
	if (!u && us->n >= USER_MAX) {
		(void)snprintf(why, cap, "there are %d users, that is the limit", USER_MAX);
		return ERR_LIMIT;
	}
	err = prepare(us, u, e, v, ipei, why, cap);
	if (err || dry)
		return err;
	lower(key, sizeof(key), v[USER_NAME]);
	sqlite3_bind_text(us->put, 1, key, -1, SQLITE_TRANSIENT);
	for (int i = 0; i < USER_NFIELDS; i++)
		sqlite3_bind_text(
		    us->put, i + 2, v[i].p ? v[i].p : "", (int)v[i].n, SQLITE_TRANSIENT);
	err = step(us, us->put);
	sqlite3_clear_bindings(us->put);
	if (err) {
		(void)snprintf(why, cap,
		    "the user store could not be written: free space on the disk, or see the log");
		return err;
	}
	if (u)
		index_del(us, u);
	else
		u = insert(us, v[USER_NAME]);
	for (int i = 0; i < USER_NFIELDS; i++) {
		if (v[i].p == u->f[i])
			continue;
		char *next = mem_dup(v[i].p ? v[i].p : "", v[i].n);
		free(u->f[i]);
		u->f[i] = next;
	}
	index_add(us, u);
	changed(us, u);
	return 0;
}

static void forget(struct users *us, struct user *u)
{
	size_t i = lower_bound(us, u->key);

	memmove(us->sorted + i, us->sorted + i + 1, (us->n - i - 1) * sizeof(*us->sorted));
	us->n--;
	index_del(us, u);
	destroy(u);
}

int users_del(struct users *us, struct slice name)
{
	struct user *u = users_find(us, name);

	if (!u)
		return ERR_NOTFOUND;
	if (us->batch)
		return ERR_STATE;
	sqlite3_bind_text(us->del, 1, u->key, -1, SQLITE_STATIC);
	int err = step(us, us->del);
	sqlite3_clear_bindings(us->del);
	if (err)
		return err;
	if (us->on_change)
		us->on_change(us->ctx, u, USER_GONE);
	forget(us, u);
	return 0;
}

int users_begin(struct users *us)
{
	if (us->batch)
		return ERR_STATE;
	int err = sql(us, "begin immediate");
	us->batch = !err;
	return err;
}

/* A commit failed: what the disk has is true. */
static void reread(struct users *us, struct user *u)
{
	sqlite3_stmt *st = NULL;
	char q[600] = "select ";

	for (int i = 0; i < USER_NFIELDS; i++) {
		size_t n = strlen(q);
		(void)snprintf(q + n, sizeof(q) - n, "%s\"%s\"", i ? "," : "", user_fields[i].name);
	}
	strncat(q, " from user where key=?", sizeof(q) - strlen(q) - 1);
	if (sqlite3_prepare_v2(us->db, q, -1, &st, NULL) != SQLITE_OK)
		return;
	sqlite3_bind_text(st, 1, u->key, -1, SQLITE_STATIC);
	if (sqlite3_step(st) == SQLITE_ROW) {
		index_del(us, u);
		for (int i = 0; i < USER_NFIELDS; i++) {
			const char *v = (const char *)sqlite3_column_text(st, i);
			free(u->f[i]);
			u->f[i] = mem_str(v ? v : "");
		}
		index_add(us, u);
	} else {
		forget(us, u); /* was new; nobody was told about it */
	}
	sqlite3_finalize(st);
}

static int finish(struct users *us, int err)
{
	us->batch = false;
	if (err)
		(void)sql(us, "rollback");
	for (size_t i = 0; i < us->nnote; i++) {
		us->note[i].u->noted = false;
		if (err)
			reread(us, us->note[i].u);
		else if (us->on_change)
			us->on_change(us->ctx, us->note[i].u, USER_PUT);
	}
	us->nnote = 0;
	return err;
}

int users_commit(struct users *us)
{
	return us->batch ? finish(us, sql(us, "commit")) : ERR_STATE;
}

int users_rollback(struct users *us)
{
	if (!us->batch)
		return ERR_STATE;
	(void)finish(us, ERR_STORE);
	return 0;
}
