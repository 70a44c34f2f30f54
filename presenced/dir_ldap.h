#ifndef PRESENCED_DIR_LDAP_H
#define PRESENCED_DIR_LDAP_H
#include <lber.h>
#include <ldap.h>
#include <stdatomic.h>

#include "presenced/dir_cache.h"

/* One connection to a directory: discovery, TLS, bind, paged searches. libldap blocks (connect, TLS, names), so that all of
 * this runs in a thread of its own, never in the loop. Nothing here logs: why has the reason and the remedy. */
#define DIR_WHY 300

enum dir_schema { DIR_AUTO, DIR_AD, DIR_RFC2798 };
enum dir_changes { /* how changes are asked for; stored: only add at the end */
	DIR_CHANGES_AUTO,
	DIR_CHANGES_DIRSYNC,
	DIR_CHANGES_USN,
	DIR_CHANGES_SYNCREPL,
	DIR_CHANGES_NONE
};
enum dir_bind { DIR_SIMPLE, DIR_GSSAPI, DIR_ANONYMOUS };

struct dir_ldap_conf { /* a copy for the thread; heap strings, "" where not set */
	char **server; /* ldap:// or ldaps:// URLs, tried in order */
	size_t nserver;
	char *domain,
	    *site;  /* where server is empty: DNS SRV; only names below domain are believed */
	bool clear; /* no TLS at all; else ldap:// means StartTLS */
	char *ca_file, *crl_file;
	enum dir_bind bind;
	char *name;
	char *secret; /* password; wiped when freed */
	char *base, *filter, *sip_attribute;
	enum dir_schema schema;
	enum dir_changes changes;
	bool home;
	uint32_t network_ms, search_ms, import_ms;
	uint32_t page, max_entries;
};
void dir_ldap_conf_free(struct dir_ldap_conf *c); /* c itself, too; NULL is fine */
/* What is wrong with it; NULL: nothing. Static text. */
const char *dir_ldap_conf_bad(const struct dir_ldap_conf *c);
bool dir_ldap_url_ok(struct slice url, bool *tls);

struct dir_ldap {
	const struct dir_ldap_conf *conf;
	const atomic_bool *stop; /* the daemon ends: give up at once */
	LDAP *ld;
	char server[256], base[512], nc[512],
	    identity
	        [256]; /* nc: the naming context that base is in; identity: dsServiceName, or the server */
	bool ad, dirsync, syncrepl, paging;
	uint64_t usn;   /* highestCommittedUSN of the last dir_ldap_fresh */
	int result;     /* last LDAP result code */
	bool bad_login; /* result 49: trying again would lock the account */
	char why[DIR_WHY];
};

/* Connected and bound; tries each server. ERR_LOST: none can be reached; ERR_AUTH; ERR_VALUE: the configuration. */
int dir_ldap_connect(struct dir_ldap *l) MUST_CHECK;
/* The same, and what the server tells of itself is read now: a connection that the server ended meanwhile is made anew. */
int dir_ldap_fresh(struct dir_ldap *l) MUST_CHECK;
void dir_ldap_close(struct dir_ldap *l);
/* One search, paged where page is set. fn: each entry; < 0 stops and is returned. ERR_TIMEOUT, ERR_LIMIT (size limit or more
 * than max: what came before is real but not all), ERR_LOST, ERR_VALUE (base, filter, referral). ctrl: an additional
 * control or NULL; back: of the last page, controls of the answer, the caller frees with ldap_controls_free; or NULL. */
struct dir_query {
	const char *base, *filter;
	char **attributes;
	LDAPControl *ctrl;
	uint32_t page, max, ms;
	int (*fn)(void *ctx, LDAP *ld, LDAPMessage *entry, LDAPControl **ctrls);
	int (*info)(void *ctx, const char *oid,
	    struct berval *value); /* intermediate responses; may be NULL */
	void *ctx;
};
int dir_ldap_search(struct dir_ldap *l, const struct dir_query *q, LDAPControl ***back) MUST_CHECK;
/* For reading a control's value; NULL where the server sent none (liblber would abort). The caller frees with ber_free. */
static inline BerElement *dir_ber(struct berval *v)
{
	return v && v->bv_val && v->bv_len ? ber_init(v) : NULL;
}
/* Attributes to ask for; NULL-terminated, static or in buf (of DIR_ATTRIBUTES). */
#define DIR_ATTRIBUTES 32
void dir_ldap_attributes(const struct dir_ldap *l, char **buf);
/* An entry's values, all texts cleaned, into e, which is empty; where e has a key it stays. */
int dir_ldap_entry(
    const struct dir_ldap *l, LDAP *ld, LDAPMessage *m, struct dir_entry *e) MUST_CHECK;
/* Live search by name, at most DIR_PAGE. */
int dir_ldap_name(struct dir_ldap *l, struct slice typed, struct dir_found *f,
    const struct e164_rules *r) MUST_CHECK;
#endif
