#ifndef PRESENCED_DIRECTORY_H
#define PRESENCED_DIRECTORY_H
#include "common/conf.h"
#include "ipc/daemon.h"
#include "presenced/dir_rate.h"
#include "presenced/dir_sync.h"
#include "presenced/dir_work.h"

/* The phone book: users of sipd, a directory by LDAP, a file; one local copy. Two threads speak LDAP: one that
 * synchronises and writes the copy, one that searches while somebody waits. */
struct directory_conf {
	struct conf_list servers;
	char *domain, *site, *name, *secret, *keytab, *base, *filter, *sip_attribute;
	bool clear, home, live;
	uint32_t bind, schema, changes;
	uint32_t sync_ms, full_ms, network_ms, search_ms, import_ms, page, max_entries, suffix;
	char *country, *area, *main_number, *international, *national;
	uint32_t internal_min, internal_max;
};

struct dir_end { /* what a thread owns: used by its jobs only */
	struct dir_ldap ldap;
	struct dir_ldap_conf *conf;
	struct e164_rules rules;
};
struct directory {
	struct daemon *d;
	const struct directory_conf *conf;
	struct e164_rules rules;
	struct dir_cache *cache, *writer; /* the loop's; the synchronising thread's */
	struct dir_work *sync_work, *live_work;
	struct dir_end sync_end, live_end;
	struct tmr tmr, users_tmr;
	struct dir_rate rate;
	char *pw; /* of certd; NULL: none yet */
	bool trust, crls, running;
	bool anew; /* the login changed while a synchronisation runs */
	char trouble[DIR_WHY], note[160], server[256], pw_why[200];
	enum dir_changes by;      /* of the last read that was not full */
	uint64_t last, last_full; /* Unix seconds of success */
	uint32_t wait_ms;         /* back-off; 0: all is well */
	struct stat_val *st_ok, *st_failed, *st_entries;
	struct stat_hist *st_name, *st_search;
};

int directory_start(struct daemon *d, const struct directory_conf *c, struct directory **out);
void directory_stop(struct directory *dir);
void directory_reload(struct directory *dir, const struct directory_conf *c);
bool directory_on(const struct directory *dir); /* a server is configured */
/* Password or trust have come: connections are made anew with them. */
void directory_login(struct directory *dir);
void directory_trouble(const struct directory *dir, char *out, size_t cap);
void directory_users(struct directory *dir); /* sipd's users changed: taken over soon */
/* done: in the loop, once, with the result; may be NULL. ERR_BUSY. */
typedef void(dir_synced_h)(void *ctx, const struct dir_sync_result *r);
int directory_sync(struct directory *dir, unsigned flags, dir_synced_h *done, void *ctx) MUST_CHECK;
/* Replaces a source; entries are taken over (heap). done: err and why. */
typedef void(dir_replaced_h)(void *ctx, int err, const char *why);
int directory_replace(struct directory *dir, enum dir_source s, struct dir_entry *v, size_t n,
    dir_replaced_h *done, void *ctx) MUST_CHECK;
typedef void(dir_live_h)(void *ctx, int err, const struct dir_found *f, const char *why);
/* user: whose handset; empty: an operator. ERR_STATE: no live search now; ERR_BUSY: too often. */
int directory_live(struct directory *dir, struct slice user, struct slice typed, dir_live_h *done,
    void *ctx) MUST_CHECK;
/* Whose number or address is it? ERR_NOTFOUND. */
int directory_name(
    struct directory *dir, struct slice number, struct slice uri, struct dir_hit *h) MUST_CHECK;
/* directory_ipc.c */
void directory_certd_up(struct directory *dir);
void directory_ask_password(struct directory *dir);
#endif
