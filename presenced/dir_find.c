/* directory.db: names of callers, search. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "presenced/dir_cache_priv.h"
#include "presenced/dir_text.h"

#define CANDIDATES_MAX 1000000 /* looked at for one search; of more, the answer says so */
#define NUMBERS_MAX    500     /* of a number that begins or ends so */
#define WALK_GAIN      20 /* times faster than reading an entry is a step in the order of names */

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
	[Q_LEADS] =
	    "SELECT id,sort FROM contact WHERE sort>=?1 AND sort<?1||char(0x10FFFF) ORDER BY "
	    "sort LIMIT ?2",
	[Q_WALK] = "SELECT id,sort FROM contact ORDER BY sort",
	[Q_LAST] = "SELECT max(id) FROM contact",
	[Q_SORT] = "SELECT sort,words FROM contact WHERE id=?1",
	[Q_HIT] = "SELECT source,display,sip,mail,dept,company FROM contact WHERE id=?1",
	[Q_HIT_NUM] = "SELECT kind,e164,raw FROM number WHERE contact=?1 ORDER BY pos",
	[Q_ALL] = "SELECT id FROM contact WHERE source=?1 ORDER BY sort,id",
	[Q_BROWSE] = "SELECT id FROM contact ORDER BY sort,id LIMIT ?1 OFFSET ?2",
	[Q_BROWSE_COUNT] = "SELECT count(*) FROM contact",
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

struct ids { /* of contacts; heap */
	sqlite3_int64 *v;
	size_t n, cap;
	bool more;
};

static int by_id(const void *a, const void *b)
{
	sqlite3_int64 x = *(const sqlite3_int64 *)a, y = *(const sqlite3_int64 *)b;

	return x < y ? -1 : x > y;
}

/* Adds those whose words, keys or numbers begin so: an index alone is read. */
static int collect(
    struct dir_cache *c, enum cache_query q, struct slice prefix, size_t max, struct ids *s)
{
	sqlite3_stmt *st = c->q[q];
	int rc;

	cache_text(st, 1, prefix);
	sqlite3_bind_int64(st, 2, (sqlite3_int64)max + 1);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (s->n >= max) {
			s->more = true;
			rc = SQLITE_DONE;
			break;
		}
		if (s->n == s->cap) {
			s->cap = s->cap ? 2 * s->cap : 256;
			s->v = mem_grow(s->v, s->cap, sizeof(*s->v));
		}
		s->v[s->n++] = sqlite3_column_int64(st, 0);
	}
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : cache_fault(c, "search");
}

static void unique(struct ids *s)
{
	size_t k = 0;

	if (s->n > 1)
		qsort(s->v, s->n, sizeof(*s->v), by_id);
	for (size_t i = 0; i < s->n; i++)
		if (k == 0 || s->v[k - 1] != s->v[i])
			s->v[k++] = s->v[i];
	s->n = k;
}

/* What of a is in b, or is not; both unique. */
static void sift(struct ids *a, const struct ids *b, bool in)
{
	size_t k = 0, j = 0;

	for (size_t i = 0; i < a->n; i++) {
		while (j < b->n && b->v[j] < a->v[i])
			j++;
		if ((j < b->n && b->v[j] == a->v[i]) == in)
			a->v[k++] = a->v[i];
	}
	a->n = k;
}

/* Contacts that have, for each of the words, one that begins so. */
static int by_words(
    struct dir_cache *c, const struct slice *w, unsigned n, bool keys, struct ids *out)
{
	int err = 0;

	for (unsigned i = 0; i < n && err == 0 && (i == 0 || out->n > 0); i++) {
		struct ids one = { 0 };

		err = collect(c, Q_WORDS, w[i], CANDIDATES_MAX, &one);
		if (err == 0 && keys)
			err = collect(c, Q_KEYS, w[i], CANDIDATES_MAX, &one);
		unique(&one);
		if (i == 0) {
			*out = one;
			continue;
		}
		sift(out, &one, true);
		out->more = out->more || one.more;
		free(one.v);
	}
	return err;
}

/* A number: as it is stored, with the plus sign, or its end; not those that are there by name. */
static int by_number(
    struct dir_cache *c, const char *digits, const struct ids *names, struct ids *out)
{
	char plus[E164_MAX + 1], rev[E164_MAX];
	size_t n = strlen(digits);
	int err;

	for (size_t i = 0; i < n; i++)
		rev[i] = digits[n - 1 - i];
	snprintf(plus, sizeof(plus), "+%s", digits);
	err = collect(c, Q_E164, slice_str(digits), NUMBERS_MAX, out);
	if (err == 0)
		err = collect(c, Q_E164, slice_str(plus), NUMBERS_MAX, out);
	/* "0301234" for +49301234: the national prefix is not stored. */
	if (err == 0)
		err = collect(c, Q_REV, (struct slice){ rev, digits[0] == '0' ? n - 1 : n },
		    NUMBERS_MAX, out);
	unique(out);
	sift(out, names, false);
	return err;
}

/* The family name, or what stands in its place, begins with what was typed first. */
static bool leads(const char *sort, struct slice q, bool keys)
{
	struct slice first = { sort, strcspn(sort, " ") };
	char digits[DIR_FOLD_MAX];

	if (slice_starts(first, q))
		return true;
	return keys && dir_keys(first, digits, sizeof(digits)) > 0 &&
	       slice_starts(slice_str(digits), q);
}

struct found {
	sqlite3_int64 id;
	unsigned rank; /* 0: leads; 1: another word begins so; 2: by number */
	char sort[48];
};

static int by_rank(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int d = (int)x->rank - (int)y->rank;

	if (d == 0)
		d = strcmp(x->sort, y->sort);
	return d ? d : by_id(&x->id, &y->id);
}

struct query {
	const char *folded;
	struct slice w[DIR_WORDS_MAX];
	unsigned n;
	bool keys;
	bool
	    apart; /* none of the words begins another: no word of a name can stand for two of them */
};

/* Reads each, drops those where one word would do for two of the query, and sorts. Returns how many. */
static size_t read_each(
    struct dir_cache *c, const struct query *q, const struct ids *s, bool number, struct found *out)
{
	sqlite3_stmt *st = c->q[Q_SORT];
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct found *f = &out[n];

		sqlite3_bind_int64(st, 1, s->v[i]);
		if (sqlite3_step(st) == SQLITE_ROW) {
			const char *sort = (const char *)sqlite3_column_text(st, 0);
			const char *words = (const char *)sqlite3_column_text(st, 1);

			f->id = s->v[i];
			snprintf(f->sort, sizeof(f->sort), "%s", sort ? sort : "");
			f->rank = number ? 2 : leads(f->sort, q->w[0], q->keys) ? 0 : 1;
			if (number || q->apart ||
			    dir_matches(words ? words : "", q->folded, q->keys))
				n++;
		}
		sqlite3_reset(st);
	}
	return n;
}

/* The first page in letters: those whom the query leads stand together in the order of names. Returns how many, at most to. */
static size_t led(struct dir_cache *c, struct slice q, size_t to, struct found *out)
{
	sqlite3_stmt *st = c->q[Q_LEADS];
	size_t n = 0;

	cache_text(st, 1, q);
	sqlite3_bind_int64(st, 2, (sqlite3_int64)to);
	while (n < to && sqlite3_step(st) == SQLITE_ROW)
		out[n++].id = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return n;
}

/* So many that it is faster to go through all contacts in the order of names than to read and sort those: to the end of the
 * page only. out: has room for to. Returns how many there are, at most to. */
static size_t walk(
    struct dir_cache *c, const struct query *q, const struct ids *s, size_t to, struct found *out)
{
	sqlite3_int64 last = s->v[s->n - 1];
	uint8_t *in = mem_array((size_t)last / 8 + 1, 1);
	sqlite3_int64 *second = mem_array(to + 1, sizeof(*second));
	sqlite3_stmt *st = c->q[Q_WALK];
	size_t n = 0, n2 = 0;

	for (size_t i = 0; i < s->n; i++)
		in[s->v[i] / 8] |= (uint8_t)(1u << (s->v[i] % 8));
	while (n < to && sqlite3_step(st) == SQLITE_ROW) {
		sqlite3_int64 id = sqlite3_column_int64(st, 0);

		if (id > last || !(in[id / 8] & 1u << (id % 8)))
			continue;
		if (leads((const char *)sqlite3_column_text(st, 1), q->w[0], q->keys))
			out[n++].id = id;
		else if (n2 < to)
			second[n2++] = id;
	}
	sqlite3_reset(st);
	for (size_t i = 0; i < n2 && n < to; i++)
		out[n++].id = second[i];
	free(second);
	free(in);
	return n;
}

static bool many(struct dir_cache *c, size_t n)
{
	sqlite3_int64 last = 0;

	if (sqlite3_step(c->q[Q_LAST]) == SQLITE_ROW)
		last = sqlite3_column_int64(c->q[Q_LAST], 0);
	sqlite3_reset(c->q[Q_LAST]);
	return n > 500 && (sqlite3_int64)n * WALK_GAIN > last;
}

static size_t typed(
    struct query *q, struct slice text, char folded[DIR_FOLD_MAX], char digits[E164_MAX])
{
	size_t nd = 0;

	dir_fold(text.n > 64 ? slice_sub(text, 0, 64) : text, false, folded, DIR_FOLD_MAX);
	q->folded = folded;
	q->keys = true;
	for (size_t i = 0; folded[i]; i++) {
		if (folded[i] >= '0' && folded[i] <= '9') {
			if (nd + 1 < E164_MAX)
				digits[nd++] = folded[i];
		} else if (folded[i] != ' ') {
			q->keys = false;
		}
	}
	digits[nd] = '\0';
	q->n = dir_words(folded, q->w, DIR_WORDS_MAX);
	q->apart = true;
	for (unsigned i = 0; i < q->n; i++)
		for (unsigned j = 0; j < q->n; j++)
			q->apart = q->apart && (i == j || !slice_starts(q->w[i], q->w[j]));
	return nd;
}

/* Nothing to search for: the book from its beginning, as a handset turns its pages. */
static int browse(struct dir_cache *c, unsigned from, unsigned max, struct dir_found *f)
{
	sqlite3_stmt *st = c->q[Q_BROWSE_COUNT], *all = c->q[Q_BROWSE];
	int64_t ids[DIR_PAGE];
	unsigned n = 0;
	int rc, err = 0;

	if (sqlite3_step(st) == SQLITE_ROW)
		f->total = (unsigned)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	sqlite3_bind_int64(all, 1, max < DIR_PAGE ? max : DIR_PAGE);
	sqlite3_bind_int64(all, 2, from);
	while ((rc = sqlite3_step(all)) == SQLITE_ROW && n < DIR_PAGE)
		ids[n++] = sqlite3_column_int64(all, 0);
	sqlite3_reset(all);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return cache_fault(c, "search");
	for (unsigned i = 0; i < n && err == 0; i++) {
		err = load_hit(c, ids[i], &f->hit[f->n]);
		if (err == 0)
			f->n++;
		else if (err == ERR_NOTFOUND) /* a synchronisation came between */
			err = 0;
	}
	return err;
}

int dir_cache_search(
    struct dir_cache *c, struct slice text, unsigned from, unsigned max, struct dir_found *f)
{
	char folded[DIR_FOLD_MAX], digits[E164_MAX];
	struct ids names = { 0 }, numbers = { 0 };
	struct query q = { 0 };
	struct found *v = NULL;
	size_t nd = typed(&q, text, folded, digits), n = 0, named, to;
	int err;

	f->n = f->total = 0;
	f->more = false;
	if (max > DIR_PAGE)
		max = DIR_PAGE;
	to = (size_t)from + max;
	if (text.n == 0)
		return browse(c, from, max, f);
	if (q.n == 0)
		return 0;
	err = by_words(c, q.w, q.n, q.keys, &names);
	/* Fewer digits than three are names by keypad. */
	if (err == 0 && q.keys && nd >= 3)
		err = by_number(c, digits, &names, &numbers);
	if (err == 0) {
		v = mem_array(names.n + numbers.n + 1, sizeof(*v));
		named = names.n;
		if (q.n == 1 && !q.keys && to <= names.n)
			n = led(c, q.w[0], to, v);
		if (n > 0 && n == to) {
			; /* nobody else is looked at */
		} else if (q.apart && names.n > 0 && many(c, names.n)) {
			n = walk(c, &q, &names, to < names.n ? to : names.n, v);
		} else {
			n = named = read_each(c, &q, &names, false, v);
			if (n > 1)
				qsort(v, n, sizeof(*v), by_rank);
		}
		if (to > named && numbers.n > 0) {
			size_t more = read_each(c, &q, &numbers, true, v + n);

			if (more > 1)
				qsort(v + n, more, sizeof(*v), by_rank);
			n += more;
		}
		f->total = (unsigned)(named + numbers.n);
		f->more = names.more || numbers.more;
	}
	for (size_t i = from; i < n && f->n < max && err == 0; i++) {
		err = load_hit(c, v[i].id, &f->hit[f->n]);
		if (err == 0)
			f->n++;
		else if (err == ERR_NOTFOUND) /* a synchronisation came between */
			err = 0;
	}
	free(v);
	free(names.v);
	free(numbers.v);
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
