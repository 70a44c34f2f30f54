/* directory.db: names of callers, search. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "presenced/dir_cache_priv.h"
#include "presenced/dir_text.h"

#define CANDIDATES_MAX 20000 /* looked at for one search; of more, the answer says so */

static const char *const read_sql[Q_N] = {
	[Q_META_GET] = CACHE_META_GET,
	[Q_COUNT] = CACHE_COUNT,
	[Q_BY_E164] = "SELECT c.id,c.source,c.company FROM number n JOIN contact c ON "
	              "c.id=n.contact WHERE n.e164=?1 "
	              "LIMIT 64",
	[Q_BY_SIP] = "SELECT id,source,company FROM contact WHERE sip=?1 AND sip<>'' LIMIT 64",
	[Q_BY_REV] = "SELECT c.id,c.source,c.company FROM number n JOIN contact c ON "
	             "c.id=n.contact WHERE n.rev>=?1 AND "
	             "n.rev<?1||':' LIMIT 64",
	[Q_WORDS] = "SELECT contact FROM word WHERE w>=?1 AND w<?1||char(0x10FFFF) LIMIT ?2",
	[Q_KEYS] = "SELECT contact FROM t9 WHERE w>=?1 AND w<?1||':' LIMIT ?2",
	[Q_REV] = "SELECT contact FROM number WHERE rev>=?1 AND rev<?1||':' LIMIT ?2",
	[Q_E164] = "SELECT contact FROM number WHERE e164>=?1 AND e164<?1||':' LIMIT ?2",
	[Q_SORT] = "SELECT sort,words FROM contact WHERE id=?1",
	[Q_HIT] = "SELECT source,display,sip,mail,dept,company FROM contact WHERE id=?1",
	[Q_HIT_NUM] = "SELECT kind,e164,raw FROM number WHERE contact=?1 ORDER BY pos",
	[Q_ALL] = "SELECT id FROM contact WHERE source=?1 ORDER BY sort,id",
};

int dir_cache_open_reader(const char *dir, struct dir_cache **out, char *why, size_t cap)
{
	struct dir_cache *c = mem_new(sizeof(*c));
	char path[512];
	int err = 0;

	snprintf(path, sizeof(path), "%s/directory.db", dir);
	if (sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	        SQLITE_OK ||
	    sqlite3_exec(c->db,
	        "PRAGMA query_only=1; PRAGMA cache_size=-16000; PRAGMA mmap_size=268435456;", NULL,
	        NULL, NULL) != SQLITE_OK)
		err = cache_fault(c, path);
	for (int i = Q_WRITERS; i < Q_N && err == 0; i++)
		err = cache_prepare(c, (enum cache_query)i, read_sql[i]);
	if (err) {
		if (why)
			snprintf(why, cap, "%s", c->why);
		dir_cache_close(c);
		return err;
	}
	*out = c;
	return 0;
}

static void column(sqlite3_stmt *st, int at, char *out, size_t cap)
{
	const char *s = (const char *)sqlite3_column_text(st, at);

	snprintf(out, cap, "%s", s ? s : "");
}

static int load_hit(struct dir_cache *c, sqlite3_int64 id, struct dir_hit *h)
{
	sqlite3_stmt *st = c->q[Q_HIT], *num = c->q[Q_HIT_NUM];
	char ip[E164_MAX] = "";
	int rc;

	*h = (struct dir_hit){ 0 };
	sqlite3_bind_int64(st, 1, id);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		h->source = (enum dir_source)sqlite3_column_int(st, 0);
		column(st, 1, h->display, sizeof(h->display));
		column(st, 2, h->sip, sizeof(h->sip));
		column(st, 3, h->mail, sizeof(h->mail));
		column(st, 4, h->department, sizeof(h->department));
		column(st, 5, h->company, sizeof(h->company));
	}
	sqlite3_reset(st);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? ERR_NOTFOUND : cache_fault(c, "read");
	sqlite3_bind_int64(num, 1, id);
	while ((rc = sqlite3_step(num)) == SQLITE_ROW) {
		enum dir_kind k = (enum dir_kind)sqlite3_column_int(num, 0);
		char *to = k == DIR_WORK     ? h->work
		           : k == DIR_MOBILE ? h->mobile
		           : k == DIR_HOME   ? h->home
		                             : ip;

		if (!*to)
			column(num, 1, to, E164_MAX);
	}
	sqlite3_reset(num);
	if (!h->work[0])
		memcpy(h->work, ip, sizeof(ip));
	return rc == SQLITE_DONE ? 0 : cache_fault(c, "read");
}

/* One contact; or of several of the best source in one company, the company. */
static int the_one(struct dir_cache *c, enum cache_query q, bool single, struct dir_hit *hit)
{
	sqlite3_stmt *st = c->q[q];
	sqlite3_int64 id = 0;
	enum dir_source best = 0;
	char company[65] = "";
	bool several = false, same = true;
	int rc, err;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		enum dir_source s = (enum dir_source)sqlite3_column_int(st, 1);
		const char *co = (const char *)sqlite3_column_text(st, 2);

		if (id == sqlite3_column_int64(st, 0))
			continue;
		if (!single && (best == 0 || s < best)) {
			several = false;
			same = true;
		} else if (!single && s > best) {
			continue;
		} else if (best) {
			several = true;
			same = same && strcmp(company, co ? co : "") == 0;
			continue;
		}
		best = s;
		id = sqlite3_column_int64(st, 0);
		snprintf(company, sizeof(company), "%s", co ? co : "");
	}
	sqlite3_reset(st);
	if (rc != SQLITE_DONE)
		return cache_fault(c, "lookup");
	if (id == 0 || (several && (single || !same || !company[0])))
		return ERR_NOTFOUND;
	err = load_hit(c, id, hit);
	if (err == 0 && several) {
		char keep[65];

		memcpy(keep, company, sizeof(keep));
		*hit = (struct dir_hit){ .source = best };
		memcpy(hit->display, keep, sizeof(keep));
	}
	return err;
}

int dir_cache_name(struct dir_cache *c, struct slice number, struct slice uri, unsigned suffix,
    struct dir_hit *hit)
{
	char low[257], rev[E164_MAX];
	size_t n = 0;
	int err = ERR_NOTFOUND;

	if (number.n > 0 && number.n < E164_MAX) {
		cache_text(c->q[Q_BY_E164], 1, number);
		err = the_one(c, Q_BY_E164, false, hit);
	}
	if (err == ERR_NOTFOUND && uri.n > 0 && slice_copy(uri, low, sizeof(low)) == 0) {
		low[strcspn(low, ";?")] = '\0';
		for (char *p = low; *p; p++)
			*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
		cache_text(c->q[Q_BY_SIP], 1, slice_str(low));
		err = the_one(c, Q_BY_SIP, false, hit);
	}
	if (err != ERR_NOTFOUND || suffix == 0 || number.n >= E164_MAX)
		return err;
	for (size_t i = number.n; i > 0 && n < suffix && n + 1 < sizeof(rev); i--)
		if (number.p[i - 1] >= '0' && number.p[i - 1] <= '9')
			rev[n++] = number.p[i - 1];
	rev[n] = '\0';
	if (n < suffix)
		return err;
	cache_text(c->q[Q_BY_REV], 1, slice_str(rev));
	return the_one(c, Q_BY_REV, true, hit);
}

/* ---- search ---- */

struct candidate {
	sqlite3_int64 id;
	unsigned rank; /* 0: begins with what was typed; 1: another word does; 2: by number */
	char sort[48];
};
struct set {
	struct candidate *v;
	size_t n, cap;
	bool more;
};

static int by_id(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->id != y->id ? (x->id < y->id ? -1 : 1) : (int)x->rank - (int)y->rank;
}

static int by_rank(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int d = (int)x->rank - (int)y->rank;

	if (d == 0)
		d = strcmp(x->sort, y->sort);
	return d ? d : by_id(a, b);
}

static int collect(
    struct dir_cache *c, enum cache_query q, struct slice prefix, unsigned rank, struct set *s)
{
	sqlite3_stmt *st = c->q[q];
	int rc;

	if (s->n >= CANDIDATES_MAX) {
		s->more = true;
		return 0;
	}
	cache_text(st, 1, prefix);
	sqlite3_bind_int64(st, 2, (sqlite3_int64)(CANDIDATES_MAX - s->n) + 1);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (s->n == CANDIDATES_MAX) {
			s->more = true;
			rc = SQLITE_DONE;
			break;
		}
		if (s->n == s->cap) {
			s->cap = s->cap ? 2 * s->cap : 64;
			s->v = mem_grow(s->v, s->cap, sizeof(*s->v));
		}
		s->v[s->n++] =
		    (struct candidate){ .id = sqlite3_column_int64(st, 0), .rank = rank };
	}
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : cache_fault(c, "search");
}

static void unique(struct set *s)
{
	size_t k = 0;

	if (s->n > 1)
		qsort(s->v, s->n, sizeof(*s->v), by_id);
	for (size_t i = 0; i < s->n; i++)
		if (k == 0 || s->v[k - 1].id != s->v[i].id)
			s->v[k++] = s->v[i];
	s->n = k;
}

static void rank(struct dir_cache *c, struct set *s, const char *query, bool keys, bool number)
{
	struct slice q[4];
	unsigned nq = dir_words(query, q, 4);
	size_t k = 0;

	for (size_t i = 0; i < s->n; i++) {
		sqlite3_stmt *st = c->q[Q_SORT];
		struct candidate *v = &s->v[i];

		sqlite3_bind_int64(st, 1, v->id);
		if (sqlite3_step(st) == SQLITE_ROW) {
			const char *sort = (const char *)sqlite3_column_text(st, 0);
			const char *words = (const char *)sqlite3_column_text(st, 1);
			char digits[48];
			bool fits = (number && v->rank == 2) || nq <= 1 ||
			            dir_matches(words ? words : "", query, keys);

			snprintf(v->sort, sizeof(v->sort), "%s", sort ? sort : "");
			if (v->rank == 1 && nq > 0 &&
			    (keys ? dir_keys((struct slice){ v->sort, strcspn(v->sort, " ") },
			                digits, sizeof(digits)) > 0 &&
			                slice_starts(slice_str(digits), q[0])
			          : slice_starts(slice_str(v->sort), q[0])))
				v->rank = 0;
			if (fits)
				s->v[k++] = *v;
		}
		sqlite3_reset(st);
	}
	s->n = k;
}

int dir_cache_search(
    struct dir_cache *c, struct slice text, unsigned from, unsigned max, struct dir_found *f)
{
	char folded[DIR_FOLD_MAX], digits[E164_MAX] = "", rev[E164_MAX] = "";
	struct slice w[DIR_WORDS_MAX], longest = { 0 };
	struct set s = { 0 };
	bool keys = true;
	size_t nd = 0;
	unsigned n;
	int err = 0;

	f->n = f->total = 0;
	f->more = false;
	if (text.n > 64)
		text.n = 64;
	dir_fold(text, false, folded, sizeof(folded));
	for (size_t i = 0; folded[i]; i++) {
		if (folded[i] >= '0' && folded[i] <= '9') {
			if (nd + 1 < sizeof(digits))
				digits[nd++] = folded[i];
		} else if (folded[i] != ' ') {
			keys = false;
		}
	}
	digits[nd] = '\0';
	for (size_t i = 0; i < nd; i++)
		rev[i] = digits[nd - 1 - i];
	n = dir_words(folded, w, DIR_WORDS_MAX);
	for (unsigned i = 0; i < n; i++)
		if (w[i].n > longest.n)
			longest = w[i];
	if (n == 0)
		return 0;
	err = collect(c, Q_WORDS, longest, 1, &s);
	if (err == 0 && keys)
		err = collect(c, Q_KEYS, longest, 1, &s);
	/* A number: as it is stored, with the plus sign, or its end. Fewer digits than three are names by keypad. */
	if (err == 0 && keys && nd >= 3) {
		char plus[E164_MAX + 1];

		snprintf(plus, sizeof(plus), "+%s", digits);
		err = collect(c, Q_E164, slice_str(digits), 2, &s);
		if (err == 0)
			err = collect(c, Q_E164, slice_str(plus), 2, &s);
		/* "0301234" for +49301234: the national prefix is not stored. */
		if (err == 0)
			err = collect(
			    c, Q_REV, (struct slice){ rev, digits[0] == '0' ? nd - 1 : nd }, 2, &s);
	}
	if (err == 0) {
		unique(&s);
		rank(c, &s, folded, keys, keys && nd >= 3);
		if (s.n > 1)
			qsort(s.v, s.n, sizeof(*s.v), by_rank);
	}
	f->total = (unsigned)s.n;
	f->more = s.more;
	if (max > DIR_PAGE)
		max = DIR_PAGE;
	for (size_t i = from; i < s.n && f->n < max && err == 0; i++) {
		err = load_hit(c, s.v[i].id, &f->hit[f->n]);
		if (err == 0)
			f->n++;
		else if (err == ERR_NOTFOUND) /* a synchronisation came between */
			err = 0;
	}
	free(s.v);
	return err;
}

int dir_cache_each(struct dir_cache *c, enum dir_source source,
    bool (*fn)(void *ctx, const struct dir_hit *h), void *ctx)
{
	sqlite3_stmt *st = c->q[Q_ALL];
	struct dir_hit h;
	int rc, err = 0;

	sqlite3_bind_int(st, 1, (int)source);
	while (err == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		err = load_hit(c, sqlite3_column_int64(st, 0), &h);
		if (err == 0 && !fn(ctx, &h))
			break;
	}
	sqlite3_reset(st);
	return err;
}
