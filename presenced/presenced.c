/* The room: users from sipd, a state machine each, policy by group, what is shown. */
#include "presenced/presenced.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/mem.h"
#include "presenced/dir_text.h"
#include "presenced/lync_user.h"
#include "presenced/plain_user.h"
#include "presenced/watcher.h"

#define OFF(field) offsetof(struct presenced_conf, field)
#define SETTLE_MS  120000 /* a new sipd registers its users again */

const struct conf_key presenced_keys[] = {
	{ "presenced", "available-time", CONF_MS, "5m", 1000, 86400000, true, OFF(available_ms),
	    "How long a user stays Available after use.", NULL },
	{ "presenced", "inactive-time", CONF_MS, "5m", 1000, 86400000, true, OFF(inactive_ms),
	    "How long a user is Inactive before Away.", NULL },
	{ "presenced", "agent-groups", CONF_LIST, "", 0, 64, true, OFF(agent_groups),
	    "Groups of users who stay ready for response groups while their handset is in "
	    "coverage.",
	    NULL },
	{ "presenced", "agent-state", CONF_ENUM, "available", 0, 0, true, OFF(agent),
	    "Where the time of such a user stops.", "available|inactive" },
	{ "presenced", "group-policy", CONF_LIST, "", 0, 64, true, OFF(group_policy),
	    "What differs for the users of a group: "
	    "GROUP:available=10m,inactive=5m,agent=available,offline=yes, any of these.",
	    NULL },
	{ "presenced", "offline-when-gone", CONF_BOOL, "no", 0, 0, true, OFF(offline_when_gone),
	    "Show users as Offline while their handset cannot be reached.", NULL },
	{ "directory", "servers", CONF_LIST, "", 0, 8, true, OFF(dir.servers),
	    "LDAP servers, ldaps://host[:port] or ldap://host[:port], in order.", NULL },
	{ "directory", "domain", CONF_STR, "", 0, 0, true, OFF(dir.domain),
	    "Without servers: the domain whose servers are looked up in DNS (SRV).", NULL },
	{ "directory", "site", CONF_STR, "", 0, 64, true, OFF(dir.site),
	    "Active Directory site whose servers come first.", NULL },
	{ "directory", "clear-text", CONF_BOOL, "no", 0, 0, true, OFF(dir.clear),
	    "Names and password without TLS; without this ldap:// means StartTLS.", NULL },
	{ "directory", "bind", CONF_ENUM, "simple", 0, 0, true, OFF(dir.bind),
	    "How the reader logs in.", "simple|gssapi|anonymous" },
	{ "directory", "bind-name", CONF_STR, "", 0, 0, true, OFF(dir.name),
	    "The reader's account: DN, or user@domain in Active Directory.", NULL },
	{ "directory", "secret", CONF_STR, "directory", 0, 64, true, OFF(dir.secret),
	    "Owner of the reader's password in certd (dectctl secret set).", NULL },
	{ "directory", "keytab", CONF_STR, "", 0, 0, false, OFF(dir.keytab),
	    "Kerberos keytab of the reader for gssapi.", NULL },
	{ "directory", "base", CONF_STR, "", 0, 0, true, OFF(dir.base),
	    "Base DN; empty: what the server names.", NULL },
	{ "directory", "filter", CONF_STR, "", 0, 1024, true, OFF(dir.filter),
	    "LDAP filter of the people to take; empty: all who are enabled.", NULL },
	{ "directory", "schema", CONF_ENUM, "auto", 0, 0, true, OFF(dir.schema),
	    "Kind of directory.", "auto|ad|rfc2798" },
	{ "directory", "changes", CONF_ENUM, "auto", 0, 0, true, OFF(dir.changes),
	    "How changes are asked for between full reads.", "auto|dirsync|usn|syncrepl|none" },
	{ "directory", "sip-attribute", CONF_STR, "", 0, 64, true, OFF(dir.sip_attribute),
	    "Attribute with the SIP address where it is none of Lync's.", NULL },
	{ "directory", "home-numbers", CONF_BOOL, "no", 0, 0, true, OFF(dir.home),
	    "Take numbers at home, too.", NULL },
	{ "directory", "live-search", CONF_BOOL, "yes", 0, 0, true, OFF(dir.live),
	    "Ask the server where the local copy has nobody.", NULL },
	{ "directory", "sync-interval", CONF_MS, "10m", 10000, 86400000, true, OFF(dir.sync_ms),
	    "How often changes are asked for.", NULL },
	{ "directory", "full-interval", CONF_MS, "24h", 60000, 604800000, true, OFF(dir.full_ms),
	    "How often everything is read.", NULL },
	{ "directory", "network-timeout", CONF_MS, "5s", 500, 60000, true, OFF(dir.network_ms),
	    "For connection, TLS and login.", NULL },
	{ "directory", "search-timeout", CONF_MS, "3s", 500, 30000, true, OFF(dir.search_ms),
	    "For a search while somebody waits.", NULL },
	{ "directory", "import-timeout", CONF_MS, "5m", 5000, 3600000, true, OFF(dir.import_ms),
	    "For a synchronisation.", NULL },
	{ "directory", "page-size", CONF_INT, "500", 10, 1000, true, OFF(dir.page),
	    "Entries a page.", NULL },
	{ "directory", "max-entries", CONF_INT, "50000", 10, 1000000, true, OFF(dir.max_entries),
	    "More than so many end a synchronisation.", NULL },
	{ "directory", "suffix-digits", CONF_INT, "9", 7, 15, true, OFF(dir.suffix),
	    "Last digits that name a caller where no number is equal.", NULL },
	{ "directory", "country", CONF_STR, "", 0, 3, true, OFF(dir.country),
	    "Country code without plus sign.", NULL },
	{ "directory", "area", CONF_STR, "", 0, 7, true, OFF(dir.area),
	    "Area code without national prefix.", NULL },
	{ "directory", "main-number", CONF_STR, "", 0, 15, true, OFF(dir.main_number),
	    "Number before internal numbers where they can be dialled from outside.", NULL },
	{ "directory", "international-prefix", CONF_STR, "00", 0, 5, true, OFF(dir.international),
	    "Before a country code.", NULL },
	{ "directory", "national-prefix", CONF_STR, "0", 0, 3, true, OFF(dir.national),
	    "Before an area code.", NULL },
	{ "directory", "internal-min", CONF_INT, "0", 0, 15, true, OFF(dir.internal_min),
	    "Shortest internal number; 0: there are none.", NULL },
	{ "directory", "internal-max", CONF_INT, "0", 0, 15, true, OFF(dir.internal_max),
	    "Longest internal number.", NULL },
	{ "presenced", "publish-forwarding", CONF_BOOL, "no", 0, 0, true, OFF(forwarding),
	    "Tell a Lync server when a user changes forwarding (always, no answer) on the handset: "
	    "the server then forwards for all of the user's devices.",
	    NULL },
	{ "presenced", "colleagues", CONF_BOOL, "yes", 0, 0, true, OFF(colleagues),
	    "Subscribe to the presence of people whom a handset's phone book shows, for ten "
	    "minutes.",
	    NULL },
	{ "presenced", "publish", CONF_LIST, "presence dialog", 0, 2, true, OFF(publish),
	    "What is published at a plain SIP server: presence (RFC 3863), dialog for busy lamps "
	    "(RFC 4235); from the next registration on.",
	    NULL },
	{ "presenced", "publish-expires", CONF_INT, "3600", 60, 86400, true, OFF(publish_expires),
	    "Lifetime of such a publication in seconds; it is refreshed in time.", NULL },
	{ "presenced", "bootstrap", CONF_BOOL, "yes", 0, 0, true, OFF(bootstrap),
	    "Make users visible at a Lync server who never signed in with a desktop client.",
	    NULL },
	{ "presenced", "bootstrap-federated", CONF_BOOL, "no", 0, 0, true, OFF(bootstrap_federated),
	    "Make such users visible to federated partners, too.", NULL },
};
const size_t presenced_nkeys = ARRAY_LEN(presenced_keys);

/* ---- words ---- */

static const char *const manual_names[] = { "none", "available", "busy", "do-not-disturb",
	"be-right-back", "away", "off-work" };

const char *pres_manual_name(enum pres_manual m)
{
	return (size_t)m < ARRAY_LEN(manual_names) ? manual_names[m] : "none";
}

int pres_manual_parse(struct slice word, enum pres_manual *out)
{
	for (size_t i = 0; i < ARRAY_LEN(manual_names); i++)
		if (slice_eq(word, slice_str(manual_names[i]))) {
			*out = (enum pres_manual)i;
			return 0;
		}
	return ERR_SYNTAX;
}

const char *pres_shown_name(enum pres_shown s)
{
	static const char *const names[] = { "unknown", "available", "inactive", "away",
		"in-a-call", "busy", "do-not-disturb", "be-right-back", "off-work", "offline",
		"in-a-conference" };

	return (size_t)s < ARRAY_LEN(names) ? names[s] : "unknown";
}

/* The seed's order: a call is shown over the automatic states; a state set by hand is shown, but a call does not hide
 * behind Available. Never Offline unless the policy says so. */
enum pres_shown pres_shown(const struct pres_view *v, bool registered)
{
	static const enum pres_shown of_manual[] = { SHOWN_UNKNOWN, SHOWN_AVAILABLE, SHOWN_BUSY,
		SHOWN_DND, SHOWN_BRB, SHOWN_AWAY, SHOWN_OFF_WORK };
	static const enum pres_shown of_auto[] = { SHOWN_AWAY, SHOWN_AWAY, SHOWN_AVAILABLE,
		SHOWN_INACTIVE, SHOWN_IN_A_CALL };

	if (!registered)
		return SHOWN_UNKNOWN;
	if (v->offline)
		return SHOWN_OFFLINE;
	if (v->manual > PRES_MANUAL_AVAILABLE)
		return of_manual[v->manual];
	if (v->on_phone)
		return v->conference ? SHOWN_IN_A_CONFERENCE : SHOWN_IN_A_CALL;
	return v->manual == PRES_MANUAL_AVAILABLE ? SHOWN_AVAILABLE : of_auto[v->auto_state];
}

/* ---- users ---- */

void puser_text(char *out, size_t cap, struct slice s)
{
	size_t n = s.n < cap - 1 ? s.n : cap - 1;

	memcpy(out, s.p ? s.p : "", n);
	out[n] = '\0';
}

static const struct pres_policy *policy_of(const struct presenced *p, const char *group)
{
	const struct presenced_conf *c = p->d->conf;

	for (size_t i = 0; *group && i < p->ngroups; i++)
		if (strcmp(p->groups[i].group, group) == 0)
			return &p->groups[i].policy;
	for (size_t i = 0; *group && i < c->agent_groups.n; i++)
		if (strcmp(c->agent_groups.v[i], group) == 0)
			return &p->agent;
	return &p->normal;
}

static void on_changed(struct pres_user *pu, const struct pres_view *v, void *ctx)
{
	struct puser *u = ctx;
	struct presenced *p = u->room;

	(void)pu;
	u->since = (uint64_t)time(NULL);
	p->changes++;
	stat_add(p->changed, 1);
	/* A state that was set for a time is over. */
	pres_tell_state(u);
	lync_user_view(u, v);
	plain_user_view(u, v);
	ctl_presence_changed(u);
}

struct puser *puser_find(struct presenced *p, struct slice name)
{
	struct map_node *n = map_get(&p->users, name);

	return n ? CONTAINER_OF(n, struct puser, by_name) : NULL;
}

/* Without scheme, parameters and case. */
static bool plain_aor(struct slice uri, char out[320])
{
	if (slice_istarts(uri, SLICE_LIT("sip:")))
		uri = slice_sub(uri, 4, uri.n);
	uri.n = slice_chr(uri, ';');
	if (uri.n == 0 || uri.n + 5 > 320)
		return false;
	memcpy(out, "sip:", 4);
	for (size_t i = 0; i < uri.n; i++) {
		char c = uri.p[i];

		out[4 + i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	out[4 + uri.n] = '\0';
	return true;
}

void puser_aor(struct puser *u, struct slice aor)
{
	map_del(&u->room->aors, &u->by_aor);
	if (!plain_aor(aor, u->aor)) {
		u->aor[0] = '\0';
		return;
	}
	/* An account that is another user's now: who registered last has it. */
	struct puser *was = puser_by_aor(u->room, slice_str(u->aor));
	if (was) {
		map_del(&u->room->aors, &was->by_aor);
		was->aor[0] = '\0';
	}
	(void)map_put(&u->room->aors, &u->by_aor, slice_str(u->aor));
}

struct puser *puser_by_aor(const struct presenced *p, struct slice uri)
{
	char key[320];
	struct map_node *n = plain_aor(uri, key) ? map_get(&p->aors, slice_str(key)) : NULL;

	return n ? CONTAINER_OF(n, struct puser, by_aor) : NULL;
}

static void restore(struct puser *u)
{
	uint64_t now = (uint64_t)time(NULL), until;
	uint32_t manual;

	store_note_get(u->room->store, u->name, u->note, sizeof(u->note));
	if (store_manual_get(u->room->store, u->name, now, &manual, &until) != 0 || manual == 0 ||
	    manual > PRES_MANUAL_OFF_WORK)
		return;
	pres_user_manual(
	    &u->pres, (enum pres_manual)manual, until ? (uint32_t)((until - now + 59) / 60) : 0);
}

struct puser *puser_put(struct presenced *p, struct slice name, struct slice group, bool disabled)
{
	struct puser *u = puser_find(p, name);

	if (!u) {
		if (name.n == 0 || name.n > PRES_NAME_MAX)
			return NULL;
		u = mem_new(sizeof(*u));
		u->room = p;
		puser_text(u->name, sizeof(u->name), name);
		puser_text(u->group, sizeof(u->group), group);
		map_put(&p->users, &u->by_name, slice_str(u->name));
		pres_user_init(&u->pres, p->d->wheel, policy_of(p, u->group), on_changed, u);
		restore(u);
	} else if (!slice_eq(slice_str(u->group), group)) {
		puser_text(u->group, sizeof(u->group), group);
		pres_user_policy(&u->pres, policy_of(p, u->group));
	}
	u->seen = true;
	u->disabled = disabled;
	return u;
}

static void puser_free(struct presenced *p, struct puser *u)
{
	lync_user_free(u);
	plain_user_free(u);
	watcher_free(u);
	map_del(&p->aors, &u->by_aor);
	pres_user_fini(&u->pres);
	map_del(&p->users, &u->by_name);
	free(u);
}

void puser_gone(struct presenced *p, struct puser *u)
{
	store_forget(p->store, u->name);
	puser_free(p, u);
}

int puser_manual(struct puser *u, enum pres_manual m, uint32_t minutes)
{
	int err = store_manual_set(u->room->store, u->name, (uint32_t)m,
	    minutes ? (uint64_t)time(NULL) + minutes * 60ull : 0);

	if (err == 0)
		pres_user_manual(&u->pres, m, minutes);
	return err;
}

bool puser_target(const struct puser *u, struct slice v, char out[LYNC_ROUTE_URI])
{
	struct wr w = wr_of(out, LYNC_ROUTE_URI);
	struct slice aor = slice_str(u->aor);

	for (size_t i = 0; i < v.n; i++)
		if ((unsigned char)v.p[i] <= ' ' || strchr("<>\"", v.p[i]))
			return false;
	if (v.n && slice_chr(v, '@') == v.n) {
		wr_str(&w, "sip:");
		wr_slice_add(&w, v);
		wr_slice_add(&w, slice_sub(aor, slice_chr(aor, '@'), aor.n));
		wr_str(&w, ";user=phone");
	} else {
		wr_str(&w, v.n && !slice_istarts(v, SLICE_LIT("sip:")) ? "sip:" : "");
		wr_slice_add(&w, v);
	}
	return wr_nul(&w);
}

static int note_text(struct slice note, char text[LYNC_NOTE_MAX + 1])
{
	note = slice_trim(note);
	if (note.n > LYNC_NOTE_MAX)
		return ERR_VALUE;
	dir_clean(note, text, LYNC_NOTE_MAX + 1);
	return slice_eq(note, slice_str(text)) ? 0 : ERR_VALUE; /* no sound text */
}

int puser_set(struct puser *u, enum pres_manual m, uint32_t minutes, const struct slice *note)
{
	char text[sizeof(u->note)];
	int err = note ? note_text(*note, text) : 0;

	if (!err)
		err = puser_manual(u, m, minutes);
	if (!err && note)
		err = puser_note(u, *note);
	return err;
}

int puser_note(struct puser *u, struct slice note)
{
	char text[sizeof(u->note)];
	int err = note_text(note, text);

	if (err || strcmp(text, u->note) == 0)
		return err;
	err = store_note_set(u->room->store, u->name, text);
	if (err)
		return err;
	memcpy(u->note, text, sizeof(text));
	lync_user_note(u);
	plain_user_note(u);
	return 0;
}

void presenced_stream_begin(struct presenced *p, bool anew)
{
	p->sipd_anew = anew;
	tmr_stop(&p->settle);
	for (struct map_node *n = map_next(&p->users, NULL); n; n = map_next(&p->users, n)) {
		struct puser *u = CONTAINER_OF(n, struct puser, by_name);

		u->seen = u->told_reg = u->told_calls = false;
	}
}

/* sipd tells of registrations that there are. */
static void on_settle(struct tmr *t, void *ctx)
{
	static char why[] = "sipd did not register this user again";
	struct presenced *p = ctx;

	(void)t;
	for (struct map_node *n = map_next(&p->users, NULL); n; n = map_next(&p->users, n)) {
		struct puser *u = CONTAINER_OF(n, struct puser, by_name);

		if (u->registered && !u->told_reg)
			pres_no_reg(u, why);
	}
}

void presenced_stream_done(struct presenced *p)
{
	for (struct map_node *n = map_next(&p->users, NULL), *next; n; n = next) {
		struct puser *u = CONTAINER_OF(n, struct puser, by_name);

		next = map_next(&p->users, n);
		if (!u->seen)
			puser_gone(p, u);
		else if (!u->told_calls)
			pres_no_calls(u);
	}
	if (p->sipd_anew)
		tmr_start(&p->settle, SETTLE_MS);
	else
		on_settle(&p->settle, p);
	p->synced = true;
	directory_users(p->dir);
}

void presenced_sipd_down(struct presenced *p)
{
	p->synced = false;
	tmr_stop(&p->settle);
	for (struct map_node *n = map_next(&p->users, NULL); n; n = map_next(&p->users, n)) {
		struct puser *u = CONTAINER_OF(n, struct puser, by_name);

		/* Its registrations may well live on: what is shown stays until sipd tells otherwise. */
		snprintf(u->reason, sizeof(u->reason), "sipd is away");
		lync_user_down(u);
		plain_user_down(u);
		watcher_down(u);
	}
}

/* ---- the room ---- */

static void take_conf(struct presenced *p, const struct presenced_conf *c)
{
	p->normal = (struct pres_policy){ c->available_ms, c->inactive_ms, PRES_AGENT_NO,
		c->offline_when_gone };
	p->agent = p->normal;
	p->agent.agent = c->agent == 0 ? PRES_AGENT_AVAILABLE : PRES_AGENT_INACTIVE;
	p->groups = mem_array(c->group_policy.n + 1, sizeof(*p->groups));
	p->ngroups = 0;
	char word[POLICY_WORD];
	for (size_t at = 0; policy_next(&c->group_policy, &at, word, sizeof(word));) {
		struct group_policy *g = &p->groups[p->ngroups];
		const char *why;

		if (policy_parse(slice_str(word), &p->normal, g->group, &g->policy, &why) == 0)
			p->ngroups++;
	}
}

int presenced_init(struct daemon *d)
{
	struct presenced *p = mem_new(sizeof(*p));
	int err;

	p->d = d;
	tmr_init(&p->settle, d->wheel, on_settle, p);
	take_conf(p, d->conf);
	p->changed = stat_get(
	    d->stats, STAT_COUNTER, "ipdect_presenced_changes", NULL, "Changes of presence states");
	p->published = stat_get(d->stats, STAT_COUNTER, "ipdect_presenced_published", NULL,
	    "Documents published at presence servers");
	err = store_open(d->state_dir, &p->store);
	if (err) {
		free(p->groups);
		free(p);
		return err;
	}
	d->state = p;
	err = directory_start(d, &((const struct presenced_conf *)d->conf)->dir, &p->dir);
	if (err) {
		store_close(p->store);
		free(p->groups);
		free(p);
		d->state = NULL;
		return err;
	}
	return 0;
}

int presenced_reload(struct daemon *d, const void *next)
{
	struct presenced *p = presenced_of(d);
	const void *old = d->conf;
	struct group_policy *before =
	    p->groups; /* users point into it until they have the new one */

	take_conf(p, next);
	d->conf = next; /* policy_of() reads it; the skeleton sets the same */
	for (struct map_node *n = map_next(&p->users, NULL); n; n = map_next(&p->users, n)) {
		struct puser *u = CONTAINER_OF(n, struct puser, by_name);

		pres_user_policy(&u->pres, policy_of(p, u->group));
	}
	d->conf = old;
	free(before);
	directory_reload(p->dir, &((const struct presenced_conf *)next)->dir);
	return 0;
}

void presenced_up(struct daemon *d, struct ipc_peer *p, bool restarted)
{
	if (ipc_peer_role(p) == IPC_SIPD)
		presenced_stream_begin(presenced_of(d), restarted);
	else if (ipc_peer_role(p) == IPC_CERTD)
		directory_certd_up(presenced_of(d)->dir);
}

void presenced_down(struct daemon *d, struct ipc_peer *p)
{
	if (d->state && ipc_peer_role(p) == IPC_SIPD)
		presenced_sipd_down(presenced_of(d));
}

void presenced_fini(struct daemon *d)
{
	struct presenced *p = presenced_of(d);

	if (!p)
		return;
	for (struct map_node *n = map_next(&p->users, NULL), *next; n; n = next) {
		next = map_next(&p->users, n);
		puser_free(p, CONTAINER_OF(n, struct puser, by_name));
	}
	map_free(&p->users);
	map_free(&p->aors);
	tmr_stop(&p->settle);
	free(p->groups);
	directory_stop(p->dir);
	store_close(p->store);
	free(p);
	d->state = NULL;
}

void presenced_status(struct daemon *d, char *summary, size_t cap, char *trouble, size_t tcap)
{
	struct presenced *p = presenced_of(d);
	size_t up = 0;

	for (struct map_node *n = map_next(&p->users, NULL); n; n = map_next(&p->users, n))
		up += CONTAINER_OF(n, struct puser, by_name)->registered;
	snprintf(summary, cap, "%zu users, %zu with presence", p->users.n, up);
	directory_trouble(p->dir, trouble, tcap);
	if (!p->synced)
		snprintf(trouble, tcap, "no users from sipd yet: is it up?");
}
