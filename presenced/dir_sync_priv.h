#ifndef PRESENCED_DIR_SYNC_PRIV_H
#define PRESENCED_DIR_SYNC_PRIV_H
#include "presenced/dir_sync.h"

/* One synchronisation. dir_sync.c runs it; dir_change.c and dir_repl.c are the methods. */
#define GUID_N 16

struct sync {
	struct dir_ldap *l;
	struct dir_cache *c;
	struct dir_sync_result *r;
	enum dir_changes how;
	struct berval cookie;    /* of how; lber heap */
	uint8_t (*guid)[GUID_N]; /* what changed, to be read again */
	size_t nguid, guid_cap;
	unsigned flags;
	bool told_gone;
	bool census; /* deletions are not told: who is still there must be asked */
	bool all;    /* everything was read, or named as present: what was not seen goes */
};
int sync_store_fault(struct sync *s, int err); /* keeps the reason; returns err */
int sync_drop(struct sync *s, const void *key, size_t n) MUST_CHECK;
int sync_take(struct sync *s, LDAP *ld, LDAPMessage *m, struct dir_entry *e) MUST_CHECK;
void sync_cookie(struct sync *s, const void *p, size_t n);
const char *sync_people(const struct sync *s);

/* A method: mark notes where changes begin, before everything is read; changes reads them. ERR_UNSUPP, ERR_DENIED, ERR_VALUE,
 * ERR_LIMIT, ERR_STATE: it cannot be had, or the cookie is too old. */
int dirsync_mark(struct sync *s) MUST_CHECK;
int dirsync_changes(struct sync *s) MUST_CHECK;
int usn_mark(struct sync *s) MUST_CHECK;
int usn_changes(struct sync *s) MUST_CHECK;
/* Without a cookie it reads everything; then s->all is set. */
int repl_refresh(struct sync *s) MUST_CHECK;

/* Sync Info (RFC 4533 2.5), pure: the octets of a server. uuid: each one of an id set; may be NULL. ERR_SYNTAX. */
enum repl_kind { REPL_COOKIE, REPL_DELETE_PHASE, REPL_PRESENT_PHASE, REPL_ID_SET };
struct repl_info {
	enum repl_kind kind;
	struct berval cookie; /* lber heap, the caller frees; bv_val NULL where there is none */
	bool deletes;         /* of an id set: these are gone, else they are as before */
};
int repl_info_parse(struct berval *value, struct repl_info *out,
    int (*uuid)(void *ctx, const uint8_t id[GUID_N], bool deletes), void *ctx) MUST_CHECK;
#endif
