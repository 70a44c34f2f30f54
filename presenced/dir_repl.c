/* Content synchronisation (RFC 4533) in mode refreshOnly: OpenLDAP with the overlay syncprov. */
#include <stdio.h>
#include <string.h>

#include "presenced/dir_sync_priv.h"

static void uuid_text(const uint8_t id[GUID_N], char out[37])
{
	snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
	    id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10], id[11],
	    id[12], id[13], id[14], id[15]);
}

/* Optional cookie, optional boolean; at the next element after them. */
static int cookie_and_flag(BerElement *ber, struct berval *cookie, bool *flag)
{
	ber_len_t len;
	ber_int_t b;

	if (ber_peek_tag(ber, &len) == LDAP_TAG_SYNC_COOKIE &&
	    ber_scanf(ber, "m", cookie) == LBER_ERROR)
		return ERR_SYNTAX;
	if (ber_peek_tag(ber, &len) == LBER_BOOLEAN) {
		if (ber_scanf(ber, "b", &b) == LBER_ERROR)
			return ERR_SYNTAX;
		*flag = b != 0;
	}
	return 0;
}

static int id_set(BerElement *ber, struct repl_info *out,
    int (*uuid)(void *ctx, const uint8_t id[GUID_N], bool deletes), void *ctx)
{
	ber_len_t len;
	ber_tag_t tag;
	char *last;
	int err = 0;

	if (ber_peek_tag(ber, &len) != LBER_SET)
		return ERR_SYNTAX;
	for (tag = ber_first_element(ber, &len, &last); tag != LBER_DEFAULT && err == 0;
	     tag = ber_next_element(ber, &len, last)) {
		struct berval id = { 0 };

		if (ber_scanf(ber, "m", &id) == LBER_ERROR || id.bv_len != GUID_N)
			return ERR_SYNTAX;
		if (uuid)
			err = uuid(ctx, (const uint8_t *)id.bv_val, out->deletes);
	}
	return err;
}

int repl_info_parse(struct berval *value, struct repl_info *out,
    int (*uuid)(void *ctx, const uint8_t id[GUID_N], bool deletes), void *ctx)
{
	BerElement *ber = dir_ber(value);
	struct berval cookie = { 0 };
	bool flag = false;
	ber_len_t len;
	int err = ERR_SYNTAX;

	*out = (struct repl_info){ 0 };
	if (!ber)
		return ERR_SYNTAX;
	switch (ber_peek_tag(ber, &len)) {
	case LDAP_TAG_SYNC_NEW_COOKIE:
		out->kind = REPL_COOKIE;
		err = ber_scanf(ber, "m", &cookie) == LBER_ERROR ? ERR_SYNTAX : 0;
		break;
	case LDAP_TAG_SYNC_REFRESH_DELETE:
	case LDAP_TAG_SYNC_REFRESH_PRESENT:
		out->kind = ber_peek_tag(ber, &len) == LDAP_TAG_SYNC_REFRESH_DELETE
		                ? REPL_DELETE_PHASE
		                : REPL_PRESENT_PHASE;
		if (ber_skip_tag(ber, &len) != LBER_ERROR)
			err = cookie_and_flag(ber, &cookie, &flag);
		break;
	case LDAP_TAG_SYNC_ID_SET:
		out->kind = REPL_ID_SET;
		if (ber_skip_tag(ber, &len) != LBER_ERROR)
			err = cookie_and_flag(ber, &cookie, &out->deletes);
		if (err == 0)
			err = id_set(ber, out, uuid, ctx);
		break;
	default:
		break;
	}
	if (err == 0 && cookie.bv_val && !ber_dupbv(&out->cookie, &cookie))
		err = ERR_LIMIT;
	ber_free(ber, 1);
	return err;
}

static int on_uuid(void *ctx, const uint8_t id[GUID_N], bool deletes)
{
	struct sync *s = ctx;
	char key[37];
	int err;

	uuid_text(id, key);
	if (deletes)
		return sync_drop(s, key, 36);
	err = dir_cache_seen(s->c, key, 36);
	return err ? sync_store_fault(s, err) : 0;
}

static int on_info(void *ctx, const char *oid, struct berval *value)
{
	struct sync *s = ctx;
	struct repl_info i;
	int err;

	if (strcmp(oid, LDAP_SYNC_INFO) != 0)
		return 0;
	err = repl_info_parse(value, &i, on_uuid, s);
	if (err == ERR_SYNTAX)
		snprintf(
		    s->l->why, sizeof(s->l->why), "the server's Sync Info message cannot be read");
	/* Who is neither named nor sent until then is gone. */
	if (err == 0 && i.kind == REPL_PRESENT_PHASE)
		s->all = true;
	if (err == 0 && i.cookie.bv_val)
		sync_cookie(s, i.cookie.bv_val, i.cookie.bv_len);
	ber_memfree(i.cookie.bv_val);
	return err;
}

static int on_entry(void *ctx, LDAP *ld, LDAPMessage *m, LDAPControl **ctrls)
{
	struct sync *s = ctx;
	LDAPControl *c = ldap_control_find(LDAP_CONTROL_SYNC_STATE, ctrls, NULL);
	BerElement *ber = c ? dir_ber(&c->ldctl_value) : NULL;
	struct dir_entry e = { 0 };
	struct berval id = { 0 };
	ber_int_t state = -1;
	int err;

	if (!ber || ber_scanf(ber, "{em", &state, &id) == LBER_ERROR || id.bv_len != GUID_N)
		state = -1;
	if (state >= 0) {
		uuid_text((const uint8_t *)id.bv_val, e.key);
		e.nkey = 36;
	}
	if (ber)
		ber_free(ber, 1);
	switch (state) {
	case LDAP_SYNC_ADD:
	case LDAP_SYNC_MODIFY:
		return sync_take(s, ld, m, &e);
	case LDAP_SYNC_PRESENT:
		err = dir_cache_seen(s->c, e.key, e.nkey);
		return err ? sync_store_fault(s, err) : 0;
	case LDAP_SYNC_DELETE:
		return sync_drop(s, e.key, e.nkey);
	default:
		snprintf(s->l->why, sizeof(s->l->why), "an entry came without its state");
		return ERR_UNSUPP;
	}
}

static LDAPControl *sync_control(struct sync *s)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);
	struct berval value = { 0 };
	LDAPControl *ctrl = NULL;
	int rc;

	if (!ber)
		return NULL;
	rc = s->cookie.bv_len ? ber_printf(ber, "{eO}", LDAP_SYNC_REFRESH_ONLY, &s->cookie)
	                      : ber_printf(ber, "{e}", LDAP_SYNC_REFRESH_ONLY);
	if (rc >= 0 && ber_flatten2(ber, &value, 0) >= 0)
		(void)ldap_control_create(LDAP_CONTROL_SYNC, 1, &value, 1, &ctrl);
	ber_free(ber, 1);
	return ctrl;
}

static int finished(struct sync *s, LDAPControl **back, bool fresh)
{
	LDAPControl *c = ldap_control_find(LDAP_CONTROL_SYNC_DONE, back, NULL);
	BerElement *ber = c ? dir_ber(&c->ldctl_value) : NULL;
	struct berval cookie = { 0 };
	bool deletes = false;
	ber_len_t len;
	int err = ERR_UNSUPP;

	if (ber && ber_skip_tag(ber, &len) == LBER_SEQUENCE &&
	    cookie_and_flag(ber, &cookie, &deletes) == 0)
		err = 0;
	if (err == 0 && cookie.bv_val)
		sync_cookie(s, cookie.bv_val, cookie.bv_len);
	if (ber)
		ber_free(ber, 1);
	if (err || s->cookie.bv_len == 0) {
		snprintf(s->l->why, sizeof(s->l->why),
		    "the server's answer to a synchronisation has no cookie");
		return ERR_UNSUPP;
	}
	if (!deletes || fresh)
		s->all = true;
	return 0;
}

int repl_refresh(struct sync *s)
{
	char *attributes[DIR_ATTRIBUTES];
	bool fresh = s->cookie.bv_len == 0;
	struct dir_query q = { .base = s->l->base,
		.filter = sync_people(s),
		.attributes = attributes,
		.max = s->l->conf->max_entries,
		.ms = s->l->conf->import_ms,
		.fn = on_entry,
		.info = on_info,
		.ctx = s,
		.ctrl = sync_control(s) };
	LDAPControl **back = NULL;
	int err;

	if (!q.ctrl)
		return ERR_UNSUPP;
	dir_ldap_attributes(s->l, attributes);
	err = dir_ldap_search(s->l, &q, &back);
	ldap_control_free(q.ctrl);
	if (err == 0)
		err = finished(s, back, fresh);
	ldap_controls_free(back);
	return err;
}
