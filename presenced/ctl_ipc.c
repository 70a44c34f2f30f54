/* Control commands: presence list, show, set, watch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "ctl.pb-c.h"
#include "presenced/lync_user.h"
#include "presenced/plain_user.h"
#include "presenced/presenced.h"
#include "presenced/watcher.h"

#define LOOK_MS 3000u

struct row_text {
	Ctl__PresenceRow row;
	char since[32], next[64], published[256];
};

static void iso(uint64_t t, char *out, size_t cap)
{
	time_t s = (time_t)t;
	struct tm tm;

	if (t == 0 || !gmtime_r(&s, &tm) || strftime(out, cap, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		*out = '\0';
}

static void fill(struct row_text *r, struct puser *u)
{
	uint64_t left = tmr_left(&u->pres.timer), manual = tmr_left(&u->pres.manual_timer);
	struct pres_view v;

	pres_user_view(&u->pres, &v);
	ctl__presence_row__init(&r->row);
	iso(u->since, r->since, sizeof(r->since));
	r->next[0] = '\0';
	if (manual)
		snprintf(r->next, sizeof(r->next), "automatic in %llu min",
		    (unsigned long long)(manual + 59999) / 60000);
	else if (left && v.manual == PRES_MANUAL_NONE)
		snprintf(r->next, sizeof(r->next), "%s in %llu s",
		    v.auto_state == PRES_AVAILABLE ? "inactive" : "away",
		    (unsigned long long)(left + 999) / 1000);
	r->row.user = u->name;
	r->row.state = (char *)(uintptr_t)pres_shown_name(pres_shown(&v, u->registered));
	r->row.since = r->since;
	r->row.next = r->next;
	r->row.manual = v.manual ? (char *)(uintptr_t)pres_manual_name(v.manual) : NULL;
	r->row.has_note = u->note[0] != '\0';
	r->row.note = (ProtobufCBinaryData){ strlen(u->note), (uint8_t *)u->note };
	r->row.published = !u->registered                                           ? u->reason
	                   : lync_user_text(u, r->published, sizeof(r->published))  ? r->published
	                   : plain_user_text(u, r->published, sizeof(r->published)) ? r->published
	                                                                            : "no";
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct puser *const *)a)->name, (*(struct puser *const *)b)->name);
}

static int presence_list(struct ctl_run *r)
{
	struct presenced *p = presenced_of(ctl_ctx(r));
	struct slice from = ctl_cursor(r);
	struct puser **all = mem_array(p->users.n + 1, sizeof(struct puser *));
	struct row_text t;
	size_t n = 0;

	for (struct map_node *m = map_next(&p->users, NULL); m; m = map_next(&p->users, m))
		all[n++] = CONTAINER_OF(m, struct puser, by_name);
	qsort(all, n, sizeof(struct puser *), by_name);
	for (size_t i = 0; i < n; i++) {
		if (from.n && slice_cmp(slice_str(all[i]->name), from) < 0)
			continue;
		fill(&t, all[i]);
		if (!ctl_row(r, &t.row.base)) {
			ctl_more(r, slice_str(all[i]->name));
			break;
		}
	}
	free(all);
	return 0;
}

static struct puser *named(struct ctl_run *r)
{
	struct puser *u = puser_find(presenced_of(ctl_ctx(r)), ctl_id(r));

	if (!u)
		ctl_fail(r, ERR_NOTFOUND,
		    "there is no user \"" SLICE_FMT "\"; see dectctl user list",
		    SLICE_ARG(ctl_id(r)));
	return u;
}

static int presence_show(struct ctl_run *r)
{
	struct puser *u = named(r);
	struct row_text t;

	if (!u)
		return ERR_NOTFOUND;
	fill(&t, u);
	ctl_row(r, &t.row.base);
	return 0;
}

static int presence_set(struct ctl_run *r)
{
	struct puser *u = named(r);
	struct slice note = ctl_text_arg(r, "note");
	uint32_t ms = ctl_ms(r, "for", 0);
	enum pres_manual m;
	int err;

	if (!u)
		return ERR_NOTFOUND;
	if (slice_eq(ctl_text_arg(r, "state"), SLICE_LIT("automatic")))
		m = PRES_MANUAL_NONE;
	else if (pres_manual_parse(ctl_text_arg(r, "state"), &m))
		return ERR_VALUE;
	err = puser_set(u, m, ms / 60000 + (ms % 60000 != 0), ctl_has(r, "note") ? &note : NULL);
	if (err == ERR_VALUE)
		return ctl_fail(r, err, PUSER_NOTE_RULE, LYNC_NOTE_MAX);
	if (err)
		return ctl_fail(r, err,
		    "the state could not be stored: free space on the disk; the journal says more");
	ctl_say(r, "%s: %s", u->name, m ? pres_manual_name(m) : "automatic");
	return 0;
}

static int presence_watch(struct ctl_run *r)
{
	(void)r;
	return 0;
}

void ctl_presence_changed(struct puser *u)
{
	struct ctl *c = u->room->d->ctl;
	struct row_text t;

	if (!ctl_watched(c, "presence", "watch"))
		return;
	fill(&t, u);
	ctl_publish(c, "presence", "watch", u->name, &t.row.base);
}

void presenced_check(struct daemon *d, struct ctl_run *r)
{
	const struct presenced *p = presenced_of(d);

	if (p->synced)
		ctl_check(r, "users", CTL_OK, "", "%zu users from sipd", p->users.n);
	else
		ctl_check(r, "users", CTL_FAILED, "start sipd; dectctl status tells why it is away",
		    "sipd has not sent its users yet");
	(void)ctl_check_run(r);
}

/* ---- forwarding by the Lync server ---- */

static int presence_routing(struct ctl_run *r)
{
	struct puser *u = named(r);
	struct lync_route q = { .set_forward = ctl_has(r, "forward"),
		.set_ring = ctl_has(r, "ring-too") };
	char text[512];
	int err;

	if (!u)
		return ERR_NOTFOUND;
	if (!q.set_forward && !q.set_ring) {
		lync_user_route_text(u, text, sizeof(text));
		ctl_say(r, "%s: %s", u->name, text[0] ? text : "no forwarding at the server");
		return 0;
	}
	q.immediate = !ctl_has(r, "after");
	q.wait_s = ctl_ms(r, "after", 20000) / 1000;
	if (!puser_target(u, ctl_text_arg(r, "forward"), q.forward) ||
	    !puser_target(u, ctl_text_arg(r, "ring-too"), q.ring))
		return ctl_fail(r, ERR_VALUE, "a number, or an address like sip:name@domain");
	err = lync_user_route(u, &q);
	if (err == ERR_DENIED)
		return ctl_fail(r, err, "the server's policy does not let this user do so");
	if (err)
		return ctl_fail(
		    r, err, "%s is not registered at a Lync server: see dectctl reg list", u->name);
	ctl_say(r, "%s: told to the server", u->name);
	return 0;
}

/* ---- what a user sees of others ---- */

struct looking {
	struct ctl_run *r;
	char user[PRES_NAME_MAX + 1], uri[WATCH_URI];
	bool inside, done; /* answered before the command returned */
};

static void colleague_row(void *ctx, const char *uri, enum pres_shown s)
{
	Ctl__PresenceRow row = CTL__PRESENCE_ROW__INIT;

	row.user = (char *)(uintptr_t)uri;
	row.state = (char *)(uintptr_t)pres_shown_name(s);
	(void)ctl_row(ctx, &row.base); /* at most WATCH_MAX short ones */
}

static void on_looked(void *ctx)
{
	struct looking *l = ctx;
	struct presenced *p = presenced_of(ctl_ctx(l->r));
	const struct puser *u = puser_find(p, slice_str(l->user));

	colleague_row(l->r, l->uri, watcher_state(p, u, slice_str(l->uri)));
	l->done = true;
	if (l->inside)
		return;
	ctl_done(l->r, 0);
	free(l);
}

static int presence_look(struct ctl_run *r)
{
	struct puser *u = named(r);
	struct slice uri = ctl_text_arg(r, "who");

	if (!u)
		return ERR_NOTFOUND;
	if (uri.n >= WATCH_URI || slice_chr(uri, '@') == uri.n)
		return ctl_fail(r, ERR_VALUE, "an address is like sip:name@domain");
	struct looking *l = mem_new(sizeof(*l));
	l->r = r;
	puser_text(l->user, sizeof(l->user), slice_str(u->name));
	puser_text(l->uri, sizeof(l->uri), uri);
	uri = slice_str(l->uri);
	l->inside = true;
	watcher_look(u, &uri, 1, LOOK_MS, on_looked, l);
	l->inside = false;
	if (l->done)
		free(l);
	else
		ctl_defer(r);
	return 0;
}

static int presence_colleagues(struct ctl_run *r)
{
	struct puser *u = named(r);

	if (!u)
		return ERR_NOTFOUND;
	watcher_each(u, colleague_row, r);
	return 0;
}

#define ROW &ctl__presence_row__descriptor
static const struct ctl_arg routing_args[] = {
	{ "forward", CTL_TEXT, false, "number or address; empty: off", NULL },
	{ "after", CTL_DURATION, false, "without an answer [at once]", NULL },
	{ "ring-too", CTL_TEXT, false, "number or address that rings at the same time; empty: off",
	    NULL },
};
static const struct ctl_arg look_args[] = {
	{ "who", CTL_TEXT, true, "sip:name@domain", NULL },
};
static const struct ctl_arg set_args[] = {
	{ "state", CTL_CHOICE, true, "what is shown",
	    "automatic|available|busy|do-not-disturb|be-right-back|away|off-work" },
	{ "for", CTL_DURATION, false, "how long [until changed]", NULL },
	{ "note", CTL_TEXT, false, "a note that watchers read; empty: none", NULL },
};
static const struct ctl_arg sync_args[] = {
	{ "full", CTL_FLAG, false, "read everything, not only changes", NULL },
	{ "force", CTL_FLAG, false, "also where less than half of the entries are left", NULL },
};
static const struct ctl_arg import_args[] = {
	{ "file", CTL_FILE_IN, true, "CSV: name,work,mobile,home,sip", NULL },
};
static const struct ctl_arg export_args[] = {
	{ "file", CTL_FILE_OUT, true, "where to write", NULL },
};
#define DIR_ROW &ctl__directory_row__descriptor
const struct ctl_cmd presenced_cmds[] = {
	{ "directory", "search", IPC_VIEW, "TEXT", true, NULL, 0, DIR_ROW, false, ctl_dir_search,
	    "people whose name or number begins so" },
	{ "directory", "lookup", IPC_VIEW, "NUMBER", true, NULL, 0, DIR_ROW, false, ctl_dir_lookup,
	    "whose name a call from this number shows" },
	{ "directory", "sync", IPC_OPERATE, NULL, false, sync_args, ARRAY_LEN(sync_args), NULL,
	    false, ctl_dir_sync, "bring the phone book up to date now" },
	{ "directory", "status", IPC_VIEW, NULL, false, NULL, 0,
	    &ctl__directory_status_row__descriptor, false, ctl_dir_status,
	    "sources of the phone book, and what is wrong" },
	{ "directory", "import", IPC_OPERATE, NULL, false, import_args, 1, NULL, false,
	    ctl_dir_import, "replace the phone book of the file kind" },
	{ "directory", "export", IPC_VIEW, NULL, false, export_args, 1, NULL, false, ctl_dir_export,
	    "the phone book of the file kind" },
	{ "presence", "list", IPC_VIEW, NULL, false, NULL, 0, ROW, false, presence_list,
	    "presence of every user" },
	{ "presence", "show", IPC_VIEW, "USER", true, NULL, 0, ROW, false, presence_show,
	    "presence of one user, and what its timer does next" },
	{ "presence", "set", IPC_OPERATE, "USER", true, set_args, ARRAY_LEN(set_args), NULL, false,
	    presence_set, "set a state by hand, as on the handset" },
	{ "presence", "routing", IPC_OPERATE, "USER", true, routing_args, ARRAY_LEN(routing_args),
	    NULL, false, presence_routing, "forwarding and simultaneous ringing by a Lync server" },
	{ "presence", "look", IPC_OPERATE, "USER", true, look_args, 1, ROW, false, presence_look,
	    "what a user's phone book shows of somebody" },
	{ "presence", "colleagues", IPC_VIEW, "USER", true, NULL, 0, ROW, false,
	    presence_colleagues, "whom a user watches now" },
	{ "presence", "watch", IPC_VIEW, "USER", false, NULL, 0, ROW, true, presence_watch,
	    "changes as they happen" },
};
const size_t presenced_ncmds = ARRAY_LEN(presenced_cmds);
