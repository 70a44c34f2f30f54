/* Full reads, and what changed, into the local copy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "presenced/dir_filter.h"
#include "presenced/dir_sync_priv.h"

#define COOKIE     "changes" /* one octet of the method, then its cookie */
#define AGAIN      32        /* entries that are read again by one search */
#define AGAIN_MAX  5000      /* more changes than this: everything is read */
#define AGAIN_TEXT (DIR_FILTER_MAX + AGAIN * (GUID_N * 3 + 16))

const char *dir_changes_name(enum dir_changes c)
{
	static const char *const names[] = { "auto", "DirSync", "uSNChanged", "syncrepl", "none" };

	return (size_t)c < ARRAY_LEN(names) ? names[c] : "none";
}

int sync_store_fault(struct sync *s, int err)
{
	snprintf(s->r->why, sizeof(s->r->why), "%s", dir_cache_why(s->c));
	return err;
}

void sync_cookie(struct sync *s, const void *p, size_t n)
{
	char *copy = n ? ber_memalloc(n) : NULL;

	BUG_ON(n && !copy);
	if (n)
		memcpy(copy, p, n);
	ber_memfree(s->cookie.bv_val);
	s->cookie = (struct berval){ n, copy };
}

const char *sync_people(const struct sync *s)
{
	return s->l->conf->filter[0] ? s->l->conf->filter : dir_filter_people(s->l->ad);
}

int sync_take(struct sync *s, LDAP *ld, LDAPMessage *m, struct dir_entry *e)
{
	int err;

	s->r->read++;
	if (dir_ldap_entry(s->l, ld, m, e))
		return 0;
	err = dir_cache_put(s->c, e);
	return err ? sync_store_fault(s, err) : 0;
}

int sync_drop(struct sync *s, const void *key, size_t n)
{
	int err = dir_cache_drop(s->c, key, n);

	if (err < 0)
		return sync_store_fault(s, err);
	s->r->gone += err > 0;
	return 0;
}

static int on_entry(void *ctx, LDAP *ld, LDAPMessage *m, LDAPControl **ctrls)
{
	struct dir_entry e = { 0 };

	(void)ctrls;
	return sync_take(ctx, ld, m, &e);
}

/* ---- entries that changed, again ---- */

struct again {
	struct sync *s;
	const uint8_t (*id)[GUID_N];
	bool found[AGAIN];
	size_t n;
};

static int on_again(void *ctx, LDAP *ld, LDAPMessage *m, LDAPControl **ctrls)
{
	struct again *a = ctx;
	struct dir_entry e = { 0 };
	int err = dir_ldap_entry(a->s->l, ld, m, &e);

	(void)ctrls;
	for (size_t i = 0; err == 0 && i < a->n; i++)
		if (e.nkey == GUID_N && memcmp(e.key, a->id[i], GUID_N) == 0)
			a->found[i] = true;
	if (err)
		return 0;
	a->s->r->read++;
	err = dir_cache_put(a->s->c, &e);
	return err ? sync_store_fault(a->s, err) : 0;
}

static int read_again(struct sync *s, const uint8_t (*id)[GUID_N], size_t n)
{
	char *attributes[DIR_ATTRIBUTES], *filter = mem_new(AGAIN_TEXT);
	struct wr w = wr_of(filter, AGAIN_TEXT);
	struct again a = { .s = s, .id = id, .n = n };
	struct dir_query q = { .base = s->l->base,
		.filter = filter,
		.attributes = attributes,
		.max = AGAIN,
		.ms = s->l->conf->import_ms,
		.fn = on_again,
		.ctx = &a };
	int err;

	wr_fmt(&w, "(&%s(|", sync_people(s));
	for (size_t i = 0; i < n; i++) {
		wr_str(&w, "(objectGUID=");
		for (size_t k = 0; k < GUID_N; k++)
			wr_fmt(&w, "\\%02x", id[i][k]);
		wr_str(&w, ")");
	}
	wr_str(&w, "))");
	dir_ldap_attributes(s->l, attributes);
	err = wr_nul(&w) ? dir_ldap_search(s->l, &q, NULL) : ERR_LIMIT;
	free(filter);
	for (size_t i = 0; i < n && err == 0; i++)
		if (!a.found[i])
			err = sync_drop(s, id[i], GUID_N);
	return err;
}

static int by_octets(const void *a, const void *b)
{
	return memcmp(a, b, GUID_N);
}

static int all_again(struct sync *s)
{
	size_t n = 0;
	int err = 0;

	if (s->nguid > 1)
		qsort(s->guid, s->nguid, GUID_N, by_octets);
	for (size_t i = 0; i < s->nguid; i++)
		if (n == 0 || memcmp(s->guid[n - 1], s->guid[i], GUID_N) != 0)
			memmove(s->guid[n++], s->guid[i], GUID_N);
	if (n > AGAIN_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < n && err == 0; i += AGAIN)
		err = read_again(
		    s, (const uint8_t(*)[GUID_N])(s->guid + i), n - i < AGAIN ? n - i : AGAIN);
	return err;
}

/* ---- methods ---- */

static int on_present(void *ctx, LDAP *ld, LDAPMessage *m, LDAPControl **ctrls)
{
	struct sync *s = ctx;
	struct berval **v = ldap_get_values_len(ld, m, "objectGUID");
	int err = 0;

	(void)ctrls;
	if (v && v[0])
		err = dir_cache_seen(s->c, v[0]->bv_val, v[0]->bv_len);
	ldap_value_free_len(v);
	return err ? sync_store_fault(s, err) : 0;
}

/* Who is still there: keys only. In a large directory not each time: 60 ms of distance for an entry. */
static int census(struct sync *s)
{
	static char *guid[] = { "objectGUID", NULL };
	struct dir_query q = { .base = s->l->base,
		.filter = sync_people(s),
		.attributes = guid,
		.page = s->l->conf->page,
		.max = s->l->conf->max_entries,
		.ms = s->l->conf->import_ms,
		.fn = on_present,
		.ctx = s };
	uint64_t n = 0, last = 0, now = (uint64_t)time(NULL);
	char text[24];
	size_t len = 0;
	int err;

	if (dir_cache_meta_get(s->c, "census", text, sizeof(text) - 1, &len) == 0)
		(void)!slice_u64((struct slice){ text, len }, UINT64_MAX, &last);
	if (dir_cache_count(s->c, DIR_LDAP, &n))
		return sync_store_fault(s, ERR_STORE);
	if (!(s->flags & DIR_SYNC_NOW) && now >= last && (now - last) * 1000 < n * 60)
		return 0;
	err = dir_ldap_search(s->l, &q, NULL);
	if (err)
		return err;
	s->all = true;
	len = (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)now);
	err = dir_cache_meta_set(s->c, "census", text, len);
	return err ? sync_store_fault(s, err) : 0;
}

static int ask_changes(struct sync *s)
{
	int err;

	switch (s->how) {
	case DIR_CHANGES_DIRSYNC:
	case DIR_CHANGES_USN:
		err = s->how == DIR_CHANGES_USN ? usn_changes(s) : dirsync_changes(s);
		if (err == 0)
			err = all_again(s);
		return err || !s->census ? err : census(s);
	case DIR_CHANGES_SYNCREPL:
		return repl_refresh(s);
	default:
		return ERR_UNSUPP;
	}
}

/* The server does not do this: another way is tried. */
static bool refused(int err)
{
	return err == ERR_UNSUPP || err == ERR_DENIED || err == ERR_VALUE || err == ERR_LIMIT ||
	       err == ERR_STATE;
}

static bool offered(const struct dir_ldap *l, enum dir_changes how)
{
	enum dir_changes want = l->conf->changes;

	if (want != DIR_CHANGES_AUTO && want != how)
		return false;
	return how == DIR_CHANGES_DIRSYNC ? l->ad && l->dirsync
	       : how == DIR_CHANGES_USN   ? l->ad && l->usn > 0
	                                  : !l->ad && l->syncrepl;
}

static int note_mark(struct sync *s, enum dir_changes how)
{
	s->how = how;
	sync_cookie(s, NULL, 0);
	return how == DIR_CHANGES_DIRSYNC ? dirsync_mark(s)
	       : how == DIR_CHANGES_USN   ? usn_mark(s)
	                                  : repl_refresh(s);
}

static int full_read(struct sync *s)
{
	static const enum dir_changes ways[] = { DIR_CHANGES_DIRSYNC, DIR_CHANGES_USN,
		DIR_CHANGES_SYNCREPL };
	char *attributes[DIR_ATTRIBUTES];
	struct dir_query q = { .base = s->l->base,
		.filter = sync_people(s),
		.attributes = attributes,
		.page = s->l->conf->page,
		.max = s->l->conf->max_entries,
		.ms = s->l->conf->import_ms,
		.fn = on_entry,
		.ctx = s };
	int err = ERR_UNSUPP;

	/* The mark is of before the read: what changes meanwhile comes again. */
	for (size_t i = 0; i < ARRAY_LEN(ways) && err; i++) {
		if (!offered(s->l, ways[i]))
			continue;
		err = note_mark(s, ways[i]);
		if (err && !refused(err))
			return err;
		snprintf(s->r->note, sizeof(s->r->note), "%s: %.120s", dir_changes_name(ways[i]),
		    err ? s->l->why : "");
	}
	if (err) {
		s->how = DIR_CHANGES_NONE;
		sync_cookie(s, NULL, 0);
		if (!s->r->note[0] && s->l->conf->changes != DIR_CHANGES_NONE)
			snprintf(s->r->note, sizeof(s->r->note), "%s",
			    s->l->ad ? "the server offers neither DirSync nor uSNChanged"
			             : "the server offers no syncrepl: load its overlay syncprov");
	} else {
		s->r->note[0] = '\0';
		if (s->all) /* syncrepl: that was the read */
			return 0;
	}
	s->r->read = s->r->gone = 0;
	s->all = true;
	dir_ldap_attributes(s->l, attributes);
	return dir_ldap_search(s->l, &q, NULL);
}

static int keep_cookie(struct sync *s)
{
	size_t n = s->cookie.bv_len + 1;
	uint8_t *v = mem_new(n);
	int err;

	v[0] = (uint8_t)s->how;
	if (s->cookie.bv_len)
		memcpy(v + 1, s->cookie.bv_val, s->cookie.bv_len);
	err = dir_cache_meta_set(s->c, COOKIE, v, s->how == DIR_CHANGES_NONE ? 0 : n);
	free(v);
	/* Too long to keep: everything is read each time. */
	if (err == ERR_LIMIT)
		err = dir_cache_meta_set(s->c, COOKIE, NULL, 0);
	return err ? sync_store_fault(s, err) : 0;
}

/* false: there is no cookie of a method that is still wanted. */
static bool load_cookie(struct sync *s)
{
	uint8_t *v = mem_new(DIR_META_MAX);
	size_t n = 0;
	bool ok = dir_cache_meta_get(s->c, COOKIE, v, DIR_META_MAX, &n) == 0 && n > 1 &&
	          offered(s->l, (enum dir_changes)v[0]);

	if (ok) {
		s->how = (enum dir_changes)v[0];
		sync_cookie(s, v + 1, n - 1);
	}
	free(v);
	return ok;
}

/* Another server, base, filter or map: what is there does not tell what is new. */
static bool same_source(struct sync *s)
{
	const struct dir_ldap_conf *c = s->l->conf;
	char was[2600], now[2600];
	size_t n = 0;
	int len = snprintf(now, sizeof(now), "%s|%s|%s|%s|%d|%d", s->l->base, s->l->identity,
	    c->filter, c->sip_attribute, c->home, s->l->ad);

	if (len < 0 || (size_t)len >= sizeof(now))
		return false;
	if (dir_cache_meta_get(s->c, "directory", was, sizeof(was), &n) == 0 && n == (size_t)len &&
	    memcmp(was, now, n) == 0)
		return true;
	(void)!dir_cache_meta_set(s->c, "directory", now, (size_t)len);
	return false;
}

static int transact(struct sync *s, bool full)
{
	struct dir_sync_result *r = s->r;
	int err = dir_cache_begin(s->c, DIR_LDAP);

	if (err)
		return sync_store_fault(s, err);
	r->full = !same_source(s) || full || !load_cookie(s);
	err = r->full ? full_read(s) : ask_changes(s);
	if (err == 0)
		err = keep_cookie(s);
	if (err) {
		dir_cache_rollback(s->c);
		return err;
	}
	err = dir_cache_commit(s->c, s->all, s->flags & DIR_SYNC_FORCE);
	r->gone += (uint32_t)dir_cache_swept(s->c);
	return err ? sync_store_fault(s, err) : 0;
}

static void run(struct sync *s)
{
	struct dir_sync_result *r = s->r;

	r->err = dir_ldap_fresh(s->l);
	if (r->err)
		return;
	r->err = transact(s, s->flags & DIR_SYNC_FULL);
	if (!r->full && refused(r->err)) {
		/* The cookie is too old, or unknown to this server. */
		char why[120];

		snprintf(why, sizeof(why), "%s: %.100s", dir_changes_name(s->how), s->l->why);
		r->read = r->gone = 0;
		s->nguid = 0;
		s->all = false;
		r->err = transact(s, true);
		if (r->err == 0 && !r->note[0])
			snprintf(r->note, sizeof(r->note), "%s", why);
	}
	r->by = r->full ? DIR_CHANGES_NONE : s->how;
}

void dir_sync_run(
    struct dir_ldap *l, struct dir_cache *c, unsigned flags, struct dir_sync_result *r)
{
	struct sync s = { .l = l, .c = c, .r = r, .flags = flags };
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	*r = (struct dir_sync_result){ 0 };
	run(&s);
	if (r->err && !r->why[0])
		snprintf(r->why, sizeof(r->why), "%s", l->why[0] ? l->why : err_text(r->err));
	snprintf(r->server, sizeof(r->server), "%s", l->server);
	ber_memfree(s.cookie.bv_val);
	free(s.guid);
	clock_gettime(CLOCK_MONOTONIC, &b);
	r->ms = (uint64_t)((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000);
}
