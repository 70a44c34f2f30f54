/* What changed in Active Directory, as GUIDs: by DirSync, else by uSNChanged. The entries themselves are read again with the
 * people's filter: a change tells neither who came to fit it nor who does no longer. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "presenced/dir_filter.h"
#include "presenced/dir_sync_priv.h"

#define DIRSYNC_OID     "1.2.840.113556.1.4.841"
#define OBJECT_SECURITY 1 /* only what the reader may read: needs no right to replicate */
#define CHUNK           (1 << 20)
#define NOBODY          "(!(objectClass=*))"

static int on_changed(void *ctx, LDAP *ld, LDAPMessage *m, LDAPControl **ctrls)
{
	struct sync *s = ctx;
	struct berval **v = ldap_get_values_len(ld, m, "objectGUID");
	char *dn = ldap_get_dn(ld, m);

	(void)ctrls;
	if (dn && strstr(dn, "\\0ADEL:"))
		s->told_gone = true;
	ldap_memfree(dn);
	if (v && v[0] && v[0]->bv_len == GUID_N) {
		if (s->nguid == s->guid_cap) {
			s->guid_cap = s->guid_cap ? 2 * s->guid_cap : 64;
			s->guid = mem_grow(s->guid, s->guid_cap, sizeof(*s->guid));
		}
		memcpy(s->guid[s->nguid++], v[0]->bv_val, GUID_N);
	}
	ldap_value_free_len(v);
	return 0;
}

/* ---- DirSync ---- */

/* Our cookie: an octet of flags, then the server's. Whether a reader is told deletions depends on rights that he cannot ask for: on
 * "Replicating Directory Changes" and on those at the container of deleted objects. Once one was told, they are believed to come. */
#define TOLD_GONE 0x80u
static uint8_t flags_of(const struct sync *s)
{
	return s->cookie.bv_len ? (uint8_t)s->cookie.bv_val[0] : 0;
}

static LDAPControl *dirsync_control(struct sync *s)
{
	struct berval theirs = { 0 };
	BerElement *ber = ber_alloc_t(LBER_USE_DER);
	struct berval value = { 0 };
	LDAPControl *ctrl = NULL;

	if (s->cookie.bv_len)
		theirs = (struct berval){ s->cookie.bv_len - 1, s->cookie.bv_val + 1 };
	if (ber &&
	    ber_printf(ber, "{iiO}", (ber_int_t)(flags_of(s) & OBJECT_SECURITY), CHUNK, &theirs) >=
	        0 &&
	    ber_flatten2(ber, &value, 0) >= 0)
		(void)ldap_control_create(DIRSYNC_OID, 1, &value, 1, &ctrl);
	ber_free(ber, 1);
	return ctrl;
}

static int dirsync_answer(struct sync *s, LDAPControl **back, bool *more)
{
	LDAPControl *found = ldap_control_find(DIRSYNC_OID, back, NULL);
	BerElement *ber = found ? dir_ber(&found->ldctl_value) : NULL;
	struct berval next = { 0 };
	ber_int_t again = 0, unused = 0;
	int err = 0;

	if (!ber || ber_scanf(ber, "{iim}", &again, &unused, &next) == LBER_ERROR || !next.bv_val) {
		snprintf(
		    s->l->why, sizeof(s->l->why), "the server's answer to DirSync has no cookie");
		err = ERR_UNSUPP;
	} else {
		char *ours = mem_new(next.bv_len + 1);

		ours[0] = (char)flags_of(s);
		memcpy(ours + 1, next.bv_val, next.bv_len);
		sync_cookie(s, ours, next.bv_len + 1);
		free(ours);
	}
	*more = again != 0;
	if (ber)
		ber_free(ber, 1);
	return err;
}

static int dirsync(struct sync *s, const char *filter, char **attributes)
{
	bool more = true;
	int err = 0;

	for (unsigned round = 0; err == 0 && more; round++) {
		struct dir_query q = { .base = s->l->nc,
			.filter = filter,
			.attributes = attributes,
			.max = s->l->conf->max_entries,
			.ms = s->l->conf->import_ms,
			.fn = on_changed,
			.ctx = s,
			.ctrl = dirsync_control(s) };
		LDAPControl **back = NULL;

		if (!q.ctrl)
			return ERR_UNSUPP;
		/* A server that always has more would keep us for ever. */
		if (round == 10000 || s->nguid > s->l->conf->max_entries) {
			snprintf(s->l->why, sizeof(s->l->why), "too many changes");
			err = ERR_LIMIT;
		} else {
			err = dir_ldap_search(s->l, &q, &back);
		}
		ldap_control_free(q.ctrl);
		if (err == 0)
			err = dirsync_answer(s, back, &more);
		ldap_controls_free(back);
	}
	return err;
}

int dirsync_mark(struct sync *s)
{
	static const char flags[] = { 0, OBJECT_SECURITY };
	static char *guid[] = { "objectGUID", NULL };
	int err = ERR_UNSUPP;

	for (size_t i = 0; i < sizeof(flags) && err && err != ERR_LOST && err != ERR_TIMEOUT; i++) {
		sync_cookie(s, flags + i, 1);
		err = dirsync(s, NOBODY, guid);
		s->nguid = 0;
	}
	return err;
}

int dirsync_changes(struct sync *s)
{
	char *attributes[DIR_ATTRIBUTES + DIR_FILTER_ATTRIBUTES + 2], filter[DIR_FILTER_MAX];
	size_t n = 0;
	int err;

	dir_ldap_attributes(s->l, attributes);
	while (attributes[n])
		n++;
	attributes[n++] = "name"; /* changes when an entry is moved */
	dir_filter_attributes(slice_str(s->l->conf->filter), filter, sizeof(filter), attributes + n,
	    DIR_FILTER_ATTRIBUTES);
	err = dirsync(s, "(objectClass=*)", attributes);
	if (err == 0 && s->told_gone)
		s->cookie.bv_val[0] = (char)(flags_of(s) | TOLD_GONE);
	s->census = !(flags_of(s) & TOLD_GONE);
	return err;
}

/* ---- uSNChanged ---- */

int usn_mark(struct sync *s)
{
	char text[24];

	if (s->l->usn == 0) {
		snprintf(s->l->why, sizeof(s->l->why), "the server tells no highestCommittedUSN");
		return ERR_UNSUPP;
	}
	snprintf(text, sizeof(text), "%" PRIu64, s->l->usn);
	sync_cookie(s, text, strlen(text));
	return 0;
}

int usn_changes(struct sync *s)
{
	static char *guid[] = { "objectGUID", NULL };
	char filter[128];
	struct slice last = { s->cookie.bv_val, s->cookie.bv_len };
	struct dir_query q = { .base = s->l->base,
		.filter = filter,
		.attributes = guid,
		.page = s->l->conf->page,
		.max = s->l->conf->max_entries,
		.ms = s->l->conf->import_ms,
		.fn = on_changed,
		.ctx = s };
	uint64_t from;
	int err;

	s->census = true; /* tombstones can be read by administrators only */
	if (slice_u64(last, UINT64_MAX - 1, &from) || s->l->usn < from) {
		snprintf(s->l->why, sizeof(s->l->why), "the server's change counter went back");
		return ERR_STATE;
	}
	snprintf(filter, sizeof(filter), "(uSNChanged>=%" PRIu64 ")", from + 1);
	err = dir_ldap_search(s->l, &q, NULL);
	return err ? err : usn_mark(s);
}
