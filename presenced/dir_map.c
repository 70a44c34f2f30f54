/* An LDAP entry as one of ours, for Active Directory and for inetOrgPerson (RFC 2798); the live search. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"
#include "common/mem.h"
#include "presenced/dir_filter.h"
#include "presenced/dir_ldap.h"
#include "presenced/dir_text.h"

#define VALUE_MAX                                                                                  \
	1024 /* octets of a value that is looked at; longer ones are no name and no number */

static const struct {
	const char *name;
	enum dir_kind kind;
} numbers[] = {
	/* The normalised number of Lync first: then what people wrote. */
	{ "msRTCSIP-Line", DIR_WORK },
	{ "telephoneNumber", DIR_WORK },
	{ "otherTelephone", DIR_WORK },
	{ "mobile", DIR_MOBILE },
	{ "otherMobile", DIR_MOBILE },
	{ "homePhone", DIR_HOME },
	{ "otherHomePhone", DIR_HOME },
	{ "ipPhone", DIR_IP },
};

void dir_ldap_attributes(const struct dir_ldap *l, char **buf)
{
	static const char *const fixed[] = { "displayName", "cn", "givenName", "sn", "mail",
		"department", "company", "ou", "o", "proxyAddresses", "msRTCSIP-PrimaryUserAddress",
		"objectGUID", "entryUUID", "userAccountControl", "msExchHideFromAddressLists",
		"isDeleted" };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		buf[n++] = (char *)(uintptr_t)fixed[i];
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (numbers[i].kind != DIR_HOME || l->conf->home)
			buf[n++] = (char *)(uintptr_t)numbers[i].name;
	if (l->conf->sip_attribute[0])
		buf[n++] = l->conf->sip_attribute;
	buf[n] = NULL;
}

/* false: the entry does not have it. */
static bool text(LDAP *ld, LDAPMessage *m, const char *attribute, char *out, size_t cap)
{
	struct berval **v = ldap_get_values_len(ld, m, attribute);
	bool found = v && v[0] && v[0]->bv_len <= VALUE_MAX;

	if (found)
		dir_clean((struct slice){ v[0]->bv_val, v[0]->bv_len }, out, cap);
	ldap_value_free_len(v);
	return found;
}

static void key_of(LDAP *ld, LDAPMessage *m, struct dir_entry *e)
{
	static const char *const names[] = { "objectGUID", "entryUUID" };

	for (size_t i = 0; i < ARRAY_LEN(names) && e->nkey == 0; i++) {
		struct berval **v = ldap_get_values_len(ld, m, names[i]);

		if (v && v[0] && v[0]->bv_len > 0 && v[0]->bv_len <= sizeof(e->key)) {
			memcpy(e->key, v[0]->bv_val, v[0]->bv_len);
			e->nkey = v[0]->bv_len;
		}
		ldap_value_free_len(v);
	}
	if (e->nkey == 0) { /* a server without either: the name is the identity */
		char *dn = ldap_get_dn(ld, m);
		uint64_t h[2];

		if (dn) {
			h[0] = map_siphash(1, 2, dn, strlen(dn));
			h[1] = map_siphash(3, 4, dn, strlen(dn));
			memcpy(e->key, h, sizeof(h));
			e->nkey = sizeof(h);
		}
		ldap_memfree(dn);
	}
}

static void add_number(struct dir_entry *e, enum dir_kind kind, struct slice raw)
{
	char clean[65];

	if (raw.n > VALUE_MAX || e->nnumbers == DIR_NUMBERS ||
	    dir_clean(raw, clean, sizeof(clean)) == 0)
		return;
	for (unsigned i = 0; i < e->nnumbers; i++)
		if (strcmp(e->number[i].raw, clean) == 0)
			return;
	e->number[e->nnumbers].kind = kind;
	memcpy(e->number[e->nnumbers++].raw, clean, sizeof(clean));
}

static void take_numbers(const struct dir_ldap *l, LDAP *ld, LDAPMessage *m, struct dir_entry *e)
{
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct berval **v = ldap_get_values_len(ld, m, numbers[i].name);

		if (numbers[i].kind == DIR_HOME && !l->conf->home) {
			ldap_value_free_len(v);
			continue;
		}
		for (int k = 0; v && v[k]; k++)
			add_number(
			    e, numbers[i].kind, (struct slice){ v[k]->bv_val, v[k]->bv_len });
		ldap_value_free_len(v);
	}
}

static void take_sip(const struct dir_ldap *l, LDAP *ld, LDAPMessage *m, struct dir_entry *e)
{
	struct berval **v;
	char own[250];

	if (l->conf->sip_attribute[0] && text(ld, m, l->conf->sip_attribute, own, sizeof(own))) {
		snprintf(e->sip, sizeof(e->sip), "%s%s",
		    slice_istarts(slice_str(own), SLICE_LIT("sip:")) ? "" : "sip:", own);
		return;
	}
	if (text(ld, m, "msRTCSIP-PrimaryUserAddress", e->sip, sizeof(e->sip)))
		return;
	v = ldap_get_values_len(ld, m, "proxyAddresses");
	for (int i = 0; v && v[i]; i++) {
		struct slice s = { v[i]->bv_val, v[i]->bv_len };

		if (s.n <= VALUE_MAX && slice_istarts(s, SLICE_LIT("sip:"))) {
			dir_clean(s, e->sip, sizeof(e->sip));
			memcpy(e->sip, "sip:", 4);
			break;
		}
	}
	ldap_value_free_len(v);
}

int dir_ldap_entry(const struct dir_ldap *l, LDAP *ld, LDAPMessage *m, struct dir_entry *e)
{
	char word[32] = "", cn[129] = "";

	if (e->nkey == 0)
		key_of(ld, m, e);
	if (e->nkey == 0)
		return ERR_SYNTAX;
	text(ld, m, "cn", cn, sizeof(cn));
	text(ld, m, "givenName", e->given, sizeof(e->given));
	text(ld, m, "sn", e->family, sizeof(e->family));
	if (!text(ld, m, "displayName", e->display, sizeof(e->display)) || !e->display[0])
		memcpy(e->display, cn, sizeof(cn));
	if (!e->display[0])
		snprintf(e->display, sizeof(e->display), "%.62s%s%.62s", e->given,
		    e->given[0] && e->family[0] ? " " : "", e->family);
	text(ld, m, "mail", e->mail, sizeof(e->mail));
	if (!text(ld, m, "department", e->department, sizeof(e->department)))
		text(ld, m, "ou", e->department, sizeof(e->department));
	if (!text(ld, m, "company", e->company, sizeof(e->company)))
		text(ld, m, "o", e->company, sizeof(e->company));
	take_sip(l, ld, m, e);
	take_numbers(l, ld, m, e);
	if (text(ld, m, "userAccountControl", word, sizeof(word)))
		e->hidden = (strtoul(word, NULL, 10) & 2) != 0;
	if (text(ld, m, "msExchHideFromAddressLists", word, sizeof(word)) &&
	    strcmp(word, "TRUE") == 0)
		e->hidden = true;
	if (!e->display[0])
		e->hidden = true;
	return 0;
}

struct live {
	struct dir_ldap *l;
	struct dir_found *f;
	const struct e164_rules *rules;
};

static int on_live(void *ctx, LDAP *ld, LDAPMessage *m, LDAPControl **ctrls)
{
	struct live *v = ctx;
	struct dir_entry e = { 0 };
	struct dir_hit *h = &v->f->hit[v->f->n];

	(void)ctrls;
	if (v->f->n == DIR_PAGE || dir_ldap_entry(v->l, ld, m, &e) || e.hidden)
		return 0;
	*h = (struct dir_hit){ 0 };
	memcpy(h->display, e.display, sizeof(h->display));
	memcpy(h->sip, e.sip, sizeof(h->sip));
	memcpy(h->mail, e.mail, sizeof(h->mail));
	memcpy(h->department, e.department, sizeof(h->department));
	memcpy(h->company, e.company, sizeof(h->company));
	for (unsigned i = 0; i < e.nnumbers; i++) {
		char *to = e.number[i].kind == DIR_MOBILE ? h->mobile
		           : e.number[i].kind == DIR_HOME ? h->home
		                                          : h->work;
		struct e164 n;

		if (!*to && e164_parse(v->rules, slice_str(e.number[i].raw), &n) == 0)
			memcpy(to, n.text, sizeof(n.text));
	}
	v->f->n++;
	return 0;
}

static int by_display(const void *a, const void *b)
{
	return strcmp(((const struct dir_hit *)a)->display, ((const struct dir_hit *)b)->display);
}

int dir_ldap_name(
    struct dir_ldap *l, struct slice typed, struct dir_found *f, const struct e164_rules *r)
{
	char filter[DIR_FILTER_MAX + 1], *attributes[DIR_ATTRIBUTES];
	struct wr w = wr_of(filter, DIR_FILTER_MAX);
	struct live v = { l, f, r };
	struct dir_query q = { .base = l->base,
		.filter = filter,
		.attributes = attributes,
		.max = DIR_PAGE,
		.ms = l->conf->search_ms,
		.fn = on_live,
		.ctx = &v };
	int err = dir_filter_name(&w, slice_str(l->conf->filter), typed, l->ad);

	f->n = f->total = 0;
	f->more = false;
	if (err || !wr_nul(&w))
		return err ? err : ERR_LIMIT;
	dir_ldap_attributes(l, attributes);
	err = dir_ldap_search(l, &q, NULL);
	/* Limits: what came is shown, and that there is more. */
	if (err == ERR_LIMIT || (err == ERR_TIMEOUT && f->n > 0)) {
		f->more = true;
		err = 0;
	}
	f->total = f->n;
	if (f->n > 1)
		qsort(f->hit, f->n, sizeof(f->hit[0]), by_display);
	return err;
}
