#ifndef PRESENCED_PRESENCED_H
#define PRESENCED_PRESENCED_H
#include "common/conf.h"
#include "common/list.h"
#include "common/map.h"
#include "ipc/daemon.h"
#include "presenced/directory.h"
#include "presenced/lync_pub.h"
#include "presenced/policy.h"
#include "presenced/pres_state.h"
#include "presenced/store.h"

/* The room: every user that sipd told us of, with the state machine of each. sipd owns the users; what is ours is
 * the state that a user set by hand, which survives restarts. */

#define PRES_NAME_MAX 64 /* octets of a user's name */

struct presenced_conf {
	uint32_t available_ms, inactive_ms;
	struct conf_list agent_groups, group_policy;
	uint32_t agent;
	bool offline_when_gone;
	struct directory_conf dir;
	bool bootstrap, bootstrap_federated;
	struct conf_list publish; /* event packages */
	uint32_t publish_expires; /* s */
	bool colleagues, forwarding;
};
extern const struct conf_key presenced_keys[];
extern const size_t presenced_nkeys;

struct group_policy {
	char group[POLICY_GROUP];
	struct pres_policy policy;
};

struct puser {
	struct map_node by_name, by_aor;
	char aor[320];           /* "sip:user@domain", in lower case; of the last registration */
	struct watcher *watcher; /* watch_ipc.c; NULL: never registered */
	struct presenced *room;
	struct pres_user pres;
	char name[PRES_NAME_MAX + 1], group[33];
	char display[129], number[65];
	char note[LYNC_NOTE_MAX + 1];    /* set by hand, "": none */
	char forward[2][LYNC_ROUTE_URI]; /* at once, without an answer; as sipd's record has them */
	bool seen;                       /* in the running stream from sipd */
	bool told_reg, told_calls;       /* … and since then */
	bool registered;                 /* presence exists only then */
	bool disabled;
	char reason[96];          /* why it is not registered, in sipd's words */
	uint64_t since;           /* Unix seconds of the last change */
	struct lync_user *lync;   /* lync_ipc.c; NULL: never registered at a Lync server */
	struct plain_user *plain; /* plain_ipc.c; NULL: never registered at another */
};

struct presenced {
	struct daemon *d;
	struct map users, aors;
	unsigned watched; /* people, by all users */
	struct store *store;
	struct pres_policy normal, agent;
	struct group_policy *groups; /* of group-policy */
	size_t ngroups;
	bool synced;        /* sipd's first stream is through */
	bool sipd_anew;     /* … of a new process, which has to register its users first */
	struct tmr settle;  /* then what it registered is all there is */
	uint64_t changes;   /* of visible states */
	uint64_t lync_next; /* wheel time at which the next Lync session may begin */
	uint64_t plain_next;
	struct stat_val *changed, *published;
	struct directory *dir;
};

static inline struct presenced *presenced_of(const struct daemon *d)
{
	return d->state;
}

struct puser *puser_find(struct presenced *p, struct slice name); /* NULL: unknown */
void puser_aor(struct puser *u, struct slice aor);
struct puser *puser_by_aor(
    const struct presenced *p, struct slice uri); /* NULL: not one of ours, not registered yet */
/* Takes a user from sipd's stream: new, or changed. NULL: the name is too long. */
struct puser *puser_put(struct presenced *p, struct slice name, struct slice group, bool disabled);
void puser_gone(struct presenced *p, struct puser *u);
void puser_text(char *out, size_t cap, struct slice s); /* clipped to cap - 1 octets */
/* sipd is away: users stay, registrations and calls are unknown. */
void presenced_sipd_down(struct presenced *p);
/* The stream begins and ends: users that it did not name are gone, so are calls, and registrations once a new process had the
 * time to make them again. */
void presenced_stream_begin(struct presenced *p, bool anew);
void presenced_stream_done(struct presenced *p);
/* Stored before it is confirmed; minutes 0: until changed. ERR_STORE. */
int puser_manual(struct puser *u, enum pres_manual m, uint32_t minutes) MUST_CHECK;
/* The same with a note, NULL: as it is. ERR_VALUE, and nothing has changed: the note is too long, or no text. */
int puser_set(
    struct puser *u, enum pres_manual m, uint32_t minutes, const struct slice *note) MUST_CHECK;
#define PUSER_NOTE_RULE "a note is at most %u octets of text" /* LYNC_NOTE_MAX */

/* A number or an address, as a routing script wants it; "" stays. */
bool puser_target(const struct puser *u, struct slice v, char out[LYNC_ROUTE_URI]);
int puser_note(
    struct puser *u, struct slice note) MUST_CHECK; /* ERR_VALUE: too long, no text; ERR_STORE */

enum pres_shown pres_shown(const struct pres_view *v, bool registered);
const char *pres_shown_name(enum pres_shown s);
const char *pres_manual_name(enum pres_manual m); /* "none", "available", "busy" … */
int pres_manual_parse(struct slice word, enum pres_manual *out) MUST_CHECK; /* ERR_SYNTAX */

/* pres_ipc.c */
extern const struct ipc_handler presenced_handlers[];
extern const size_t presenced_nhandlers;
void pres_tell_colleague(struct puser *u, const char *uri, enum pres_shown s);
void pres_tell_state(struct puser *u); /* to sipd, for the handset's display */
/* As if sipd had told: sipd knows of no registration, of no call. */
void pres_no_reg(struct puser *u, char *why);
void pres_no_calls(struct puser *u);
/* directory_ipc.c */
int directory_on_search(struct ipc_peer *p, struct ipc_msg *m);
int directory_on_name(struct ipc_peer *p, struct ipc_msg *m);
int directory_on_certd(struct ipc_peer *p, struct ipc_msg *m);
/* ctl_dir_ipc.c */
int ctl_dir_search(struct ctl_run *r);
int ctl_dir_lookup(struct ctl_run *r);
int ctl_dir_sync(struct ctl_run *r);
int ctl_dir_status(struct ctl_run *r);
int ctl_dir_import(struct ctl_run *r);
int ctl_dir_export(struct ctl_run *r);
int ctl_check_run(struct ctl_run *r);
/* ctl_ipc.c */
extern const struct ctl_cmd presenced_cmds[];
extern const size_t presenced_ncmds;
void ctl_presence_changed(struct puser *u); /* for `presence watch` */

void presenced_conf_check(const void *conf, struct conf_diag *g); /* conf_check.c */
int presenced_init(struct daemon *d);
int presenced_reload(struct daemon *d, const void *next);
void presenced_up(struct daemon *d, struct ipc_peer *p, bool restarted);
void presenced_down(struct daemon *d, struct ipc_peer *p);
void presenced_fini(struct daemon *d);
void presenced_status(struct daemon *d, char *summary, size_t cap, char *trouble, size_t tcap);
void presenced_check(struct daemon *d, struct ctl_run *r);
#endif
