/* Full reads and DirSync into the local copy. */
#include "presenced/dir_sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "presenced/dir_filter.h"

#define DIRSYNC_OID     "1.2.840.113556.1.4.841"
#define OBJECT_SECURITY 1 /* only what the reader may read: needs no right to replicate */
#define COOKIE          "dirsync"
#define CHUNK           (1 << 20)

struct sync {
	struct dir_ldap *l;
	struct dir_cache *c;
	struct dir_sync_result *r;
	bool merge;
};

static int store_fault(struct sync *s, int err)
{
	snprintf(s->r->why, sizeof(s->r->why), "%s", dir_cache_why(s->c));
	return err;
}

static int on_entry(void *ctx, LDAP *ld, LDAPMessage *m, LDAPControl **ctrls)
{
	struct sync *s = ctx;
	struct dir_entry e = { 0 };
	int err;

	(void)ctrls;
	s->r->read++;
	if (s->merge) {
		struct berval **guid = ldap_get_values_len(ld, m, "objectGUID");
		struct berval **gone = ldap_get_values_len(ld, m, "isDeleted");
		bool known = guid && guid[0] && guid[0]->bv_len <= sizeof(e.key);

		err = !known ? ERR_SYNTAX
		      : gone && gone[0]
		          ? dir_cache_drop(s->c, guid[0]->bv_val, guid[0]->bv_len)
		          : dir_cache_load(s->c, guid[0]->bv_val, guid[0]->bv_len, &e);
		bool deleted = gone && gone[0];
		ldap_value_free_len(guid);
		ldap_value_free_len(gone);
		if (err == ERR_SYNTAX || (err == 0 && deleted))
			return 0;
		if (err == ERR_NOTFOUND)
			e = (struct dir_entry){ 0 };
		else if (err)
			return store_fault(s, err);
	}
	if (dir_ldap_entry(s->l, ld, m, &e))
		return 0;
	err = dir_cache_put(s->c, &e);
	return err ? store_fault(s, err) : 0;
}

static const char *people(const struct dir_ldap *l)
{
	return l->conf->filter[0] ? l->conf->filter : dir_filter_people(l->ad);
}

static int full_read(struct sync *s)
{
	char *attributes[DIR_ATTRIBUTES];
	struct dir_query q = { .base = s->l->base,
		.filter = people(s->l),
		.attributes = attributes,
		.page = s->l->conf->page,
		.max = s->l->conf->max_entries,
		.ms = s->l->conf->import_ms,
		.fn = on_entry,
		.ctx = s };

	dir_ldap_attributes(s->l, attributes);
	return dir_ldap_search(s->l, &q, NULL);
}

/* One round of DirSync; *more: there is another. */
static int dirsync_round(struct sync *s, struct berval *cookie, bool *more)
{
	char *attributes[DIR_ATTRIBUTES];
	struct dir_query q = { .base = s->l->base,
		.filter = "(objectCategory=person)",
		.attributes = attributes,
		.max = s->l->conf->max_entries,
		.ms = s->l->conf->import_ms,
		.fn = on_entry,
		.ctx = s };
	LDAPControl **back = NULL, *found;
	BerElement *ber = ber_alloc_t(LBER_USE_DER);
	struct berval value = { 0 }, next = { 0 };
	ber_int_t again = 0, unused = 0;
	int err;

	*more = false;
	if (!ber || ber_printf(ber, "{iiO}", OBJECT_SECURITY, CHUNK, cookie) < 0 ||
	    ber_flatten2(ber, &value, 0) < 0 ||
	    ldap_control_create(DIRSYNC_OID, 1, &value, 1, &q.ctrl) != LDAP_SUCCESS) {
		ber_free(ber, 1);
		return ERR_UNSUPP;
	}
	ber_free(ber, 1);
	dir_ldap_attributes(s->l, attributes);
	err = dir_ldap_search(s->l, &q, &back);
	ldap_control_free(q.ctrl);
	if (err)
		return err;
	found = ldap_control_find(DIRSYNC_OID, back, NULL);
	ber = found ? ber_init(&found->ldctl_value) : NULL;
	if (!ber || ber_scanf(ber, "{iio}", &again, &unused, &next) == LBER_ERROR) {
		err = ERR_UNSUPP;
		snprintf(
		    s->l->why, sizeof(s->l->why), "the server's answer to DirSync has no cookie");
	} else {
		ber_memfree(cookie->bv_val);
		*cookie = next;
		*more = again != 0;
	}
	if (ber)
		ber_free(ber, 1);
	ldap_controls_free(back);
	return err;
}

/* store: 0, and entries are taken into the running transaction. The first time everything comes: it is read for the cookie
 * only, because the filter must be wide. */
static int dirsync(struct sync *s, bool fresh)
{
	struct berval cookie = { 0 };
	uint8_t kept[4096];
	size_t n = 0;
	bool more = true;
	int err = 0;

	if (!fresh) {
		err = dir_cache_meta_get(s->c, COOKIE, kept, sizeof(kept), &n);
		if (err)
			return err;
		cookie.bv_val = ber_memalloc(n);
		memcpy(cookie.bv_val, kept, n);
		cookie.bv_len = n;
	}
	s->merge = true;
	while (err == 0 && more)
		err = dirsync_round(s, &cookie, &more);
	if (err == 0)
		err = dir_cache_meta_set(s->c, COOKIE, cookie.bv_val, cookie.bv_len);
	ber_memfree(cookie.bv_val);
	return err;
}

static bool same_base(struct sync *s)
{
	char was[900], now[900];
	size_t n = 0;
	int len =
	    snprintf(now, sizeof(now), "%s|%s|%s", s->l->base, s->l->identity, s->l->conf->filter);

	if (len < 0 || (size_t)len >= sizeof(now))
		return false;
	if (dir_cache_meta_get(s->c, "directory", was, sizeof(was), &n) == 0 && n == (size_t)len &&
	    memcmp(was, now, n) == 0)
		return true;
	return dir_cache_meta_set(s->c, "directory", now, (size_t)len) != 0;
}

void dir_sync_run(
    struct dir_ldap *l, struct dir_cache *c, bool full, bool force, struct dir_sync_result *r)
{
	struct sync s = { l, c, r, false };
	struct timespec a, b;
	bool same, in = false;

	clock_gettime(CLOCK_MONOTONIC, &a);
	*r = (struct dir_sync_result){ 0 };
	r->err = dir_ldap_connect(l);
	if (r->err == 0) {
		r->err = dir_cache_begin(c, DIR_LDAP);
		in = r->err == 0;
		if (r->err)
			store_fault(&s, r->err);
	}
	if (in) {
		same = same_base(&s);
		/* With a filter of the administrator's, a change does not tell who came to match it. */
		r->full = full || !same || !l->ad || !l->dirsync || l->conf->filter[0];
		if (!r->full) {
			r->changed_by = 1;
			r->err = dirsync(&s, false);
			if (r->err && r->err != ERR_LOST && r->err != ERR_TIMEOUT) {
				dir_cache_rollback(c);
				r->full = true;
				r->err = dir_cache_begin(c, DIR_LDAP);
				s.merge = false;
			}
		}
		if (r->err == 0 && r->full) {
			r->changed_by = 0;
			r->read = 0;
			s.merge = false;
			/* The cookie is of before the read: what changes meanwhile comes again. */
			if (l->ad && l->dirsync && !l->conf->filter[0]) {
				r->err = dirsync(&s, true);
				if (r->err == ERR_UNSUPP || r->err == ERR_DENIED ||
				    r->err == ERR_VALUE)
					r->err = dir_cache_meta_set(c, COOKIE, NULL, 0);
				s.merge = false;
				r->read = 0;
			}
			if (r->err == 0)
				r->err = full_read(&s);
		}
		if (r->err) {
			dir_cache_rollback(c);
		} else {
			r->err = dir_cache_commit(c, r->full, force);
			if (r->err)
				store_fault(&s, r->err);
		}
	}
	if (r->err && !r->why[0])
		snprintf(r->why, sizeof(r->why), "%s", l->why[0] ? l->why : err_text(r->err));
	snprintf(r->server, sizeof(r->server), "%s", l->server);
	clock_gettime(CLOCK_MONOTONIC, &b);
	r->ms = (uint64_t)((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000);
}
