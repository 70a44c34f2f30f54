/* dectctl's commands for subscriptions: the window, pending handsets, assignment, deletion, lists in files. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.pb-c.h"
#include "common/csv.h"
#include "common/log.h"
#include "common/mem.h"
#include "ctl.pb-c.h"
#include "dectd/ctl_cmds.h"
#include "dectd/mm.h"
#include "dectd/subs.h"

#define REQUEST_MS 5000

int ctl_ipei(struct ctl_run *r, char ipei[PP_IPEI_LEN + 1])
{
	int err = pp_ipei_read(ctl_id(r), ipei);

	if (!err)
		return 0;
	return ctl_fail(r, err, "%s",
	    err == ERR_AUTH ? "the check digit is wrong: look at the handset again"
	                    : "an IPEI is written like \"05003 0070387\"");
}

struct pp *ctl_device(struct ctl_run *r)
{
	char ipei[PP_IPEI_LEN + 1];
	struct pp *pp;

	if (ctl_ipei(r, ipei))
		return NULL;
	pp = pp_by_ipei(ctl_room(r)->pps, slice_str(ipei));
	if (!pp)
		(void)ctl_fail(r, ERR_NOTFOUND, "no such handset; dectctl handset list shows all");
	return pp;
}

/* ---- the window ---- */

static int open_window(struct ctl_run *r, enum subs_mode mode, const char *ipei)
{
	struct dectd *d = ctl_room(r);
	uint32_t ms = ctl_ms(r, "for", d->conf->window_ms);
	int err = subs_open(d->subs, mode, ipei, ms);

	if (err)
		return ctl_fail(r, err,
		    "at most %u s: an open window is an invitation; subscription-window in [dectd] "
		    "changes it",
		    d->conf->window_ms / 1000);
	ctl_say(r,
	    "open for %u s; the handset needs the access code of its user, or the common one\n",
	    ms / 1000);
	if (!d->certd)
		ctl_warn(r, "certd, which has the access codes, does not answer");
	return 0;
}

int ctl_sub_open(struct ctl_run *r)
{
	bool wild = ctl_flag(r, "wildcard", ctl_room(r)->conf->wildcard);

	return open_window(r, wild ? SUBS_WILDCARD : SUBS_LIST, NULL);
}

int ctl_sub_close(struct ctl_run *r)
{
	subs_close(ctl_room(r)->subs, "by command");
	return 0;
}

int ctl_sub_status(struct ctl_run *r)
{
	static const char *const words[] = { [SUBS_CLOSED] = "closed",
		[SUBS_LIST] = "open for handsets of users and of the allow-list",
		[SUBS_WILDCARD] = "open for any handset that knows the common access code",
		[SUBS_ONE] = "open for one handset" };
	const char *ipei;
	unsigned failures;
	uint64_t left;
	enum subs_mode m = subs_state(ctl_room(r)->subs, &left, &ipei, &failures);

	ctl_say(r, "subscription is %s%s%s", words[m], *ipei && m == SUBS_ONE ? ": " : "",
	    m == SUBS_ONE ? ipei : "");
	if (m != SUBS_CLOSED)
		ctl_say(r, ", %llu s left, %u wrong access codes", (unsigned long long)left / 1000,
		    failures);
	ctl_say(r, "\n");
	return 0;
}

int ctl_handset_open(struct ctl_run *r)
{
	char ipei[PP_IPEI_LEN + 1];
	int err = ctl_ipei(r, ipei);

	if (!err)
		err = open_window(r, SUBS_ONE, ipei);
	if (!err)
		ctl_say(r,
		    "after wrong access codes certd takes another one only when access-code-lock "
		    "is over\n");
	return err;
}

/* ---- pending ---- */

static bool put_pending(struct ctl_run *r, const char *id, uint32_t base, int64_t time,
    const char *reason, unsigned attempts)
{
	Ctl__PendingRow row = CTL__PENDING_ROW__INIT;
	char rfp[13], when[24];

	dectd_base_text(ctl_room(r), base, rfp);
	ctl_time(time, when);
	row.ipei = (char *)(uintptr_t)id;
	row.rfp = rfp;
	row.time = when;
	row.has_reason = 1;
	row.reason = (ProtobufCBinaryData){ strlen(reason), (uint8_t *)(uintptr_t)reason };
	row.has_attempts = attempts != 0;
	row.attempts = attempts;
	return ctl_row(r, &row.base);
}

static int newest_first(const void *a, const void *b)
{
	uint64_t x = (*(struct subs_pending *const *)a)->seq;
	uint64_t y = (*(struct subs_pending *const *)b)->seq;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Those first seen before `until`; the list itself is in the order of the last attempts, which come between two pages. false: the
 * answer is full, and *until where to go on. */
static bool put_attempts(struct ctl_run *r, struct subs *subs, uint64_t *until)
{
	struct subs_pending **all = NULL;
	size_t n = 0;
	bool fits = true;

	LIST_FOREACH(subs_pending(subs), it)
	{
		struct subs_pending *p = LIST_ENTRY(it, struct subs_pending, node);

		if (p->seq >= *until)
			continue;
		all = mem_grow(all, n + 1, sizeof(struct subs_pending *));
		all[n++] = p;
	}
	if (n)
		qsort(all, n, sizeof(struct subs_pending *), newest_first);
	for (size_t i = 0; i < n && fits; i++) {
		const struct subs_pending *p = all[i];
		char id[IPUI_CHARS] = "";

		if (p->ipei[0])
			(void)snprintf(id, sizeof(id), "%s", p->ipei);
		else
			ipui_print(&p->ipui, id);
		fits = put_pending(r, id, p->base, p->time, p->reason, p->attempts);
		if (!fits)
			*until = p->seq + 1;
	}
	free(all);
	return fits;
}

/* Attempts first, then those that are subscribed and nobody's: these are known after a restart, too. The cursor is "until
 * from": before which attempt, and from which handset on. */
int ctl_handset_pending(struct ctl_run *r)
{
	struct dectd *d = ctl_room(r);
	struct cur cur = cur_of(ctl_cursor(r));
	uint64_t until = UINT64_MAX, from = 0;
	bool fits;
	char cursor[48];

	if (!cur_done(&cur) &&
	    (slice_u64(cur_until(&cur, " "), UINT64_MAX, &until) || !cur_lit(&cur, ' ') ||
	        slice_u64(cur_rest(&cur), UINT32_MAX, &from)))
		return ERR_SYNTAX;
	fits = put_attempts(r, d->subs, &until);
	LIST_FOREACH(pps_list(d->pps), it)
	{
		const struct pp *pp = LIST_ENTRY(it, struct pp, node);

		if (!fits || pp->id < from || !pp->subscribed || pp->user ||
		    subs_listed(d->subs, &pp->ipui))
			continue;
		until = 0; /* all attempts are told */
		fits = put_pending(r, pp->ipei, pp->base, pp->subscribed_at,
		    "subscribed, but it serves no user: dectctl handset assign", 0);
		from = pp->id;
	}
	if (!fits) {
		(void)snprintf(cursor, sizeof(cursor), "%" PRIu64 " %" PRIu64, until, from);
		ctl_more(r, slice_str(cursor));
	}
	return 0;
}

/* ---- assignment: the user's record is sipd's ---- */

static void on_assigned(void *ctx, int err, struct ipc_msg *m)
{
	struct ctl_run *r = ctx;

	if (err)
		(void)ctl_fail(r, err, SLICE_FMT,
		    SLICE_ARG(m && m->text.n ? m->text : slice_str(err_text(err))));
	ctl_done(r, err);
}

static int assign(struct dectd *d, const char *ipei, const char *user, ipc_reply_h *fn, void *ctx)
{
	Call__DeviceAssign q = CALL__DEVICE_ASSIGN__INIT;

	if (!d->sipd)
		return ERR_LOST;
	q.ipei = (char *)(uintptr_t)ipei;
	q.user = *user ? (char *)(uintptr_t)user : NULL;
	return ipc_request(d->sipd, IPC_IF_CALL, CALL__TYPE__CALL_DEVICE_ASSIGN, &q.base,
	    &call__ok__descriptor, REQUEST_MS, fn, ctx);
}

int ctl_handset_assign(struct ctl_run *r)
{
	struct dectd *d = ctl_room(r);
	char ipei[PP_IPEI_LEN + 1], user[65];
	int err = ctl_ipei(r, ipei);

	if (err)
		return err;
	if (slice_copy(ctl_text_arg(r, "user"), user, sizeof(user)))
		return ctl_fail(r, ERR_LIMIT, "a user's name has at most 64 octets");
	ctl_defer(r);
	err = assign(d, ipei, user, on_assigned, r);
	if (err) {
		(void)ctl_fail(r, err, "sipd, which has the users, does not answer");
		ctl_done(r, err);
		return 0;
	}
	(void)subs_forget(d->subs, ipei);
	return 0;
}

int ctl_handset_allow(struct ctl_run *r)
{
	struct dectd *d = ctl_room(r);
	char ipei[PP_IPEI_LEN + 1];
	struct pp *pp;
	int err = ctl_ipei(r, ipei);

	if (err)
		return err;
	err = pp_make(d->pps, ipei, &pp);
	if (err)
		return ctl_fail(r, err, "not stored: %s", err_text(err));
	pp->allowed = ctl_flag(r, "allow", true);
	if (ctl_has(r, "note") && slice_copy(ctl_text_arg(r, "note"), pp->note, sizeof(pp->note)))
		return ctl_fail(
		    r, ERR_LIMIT, "a note has at most %zu octets", sizeof(pp->note) - 1);
	err = pp_save(pp);
	return err ? ctl_fail(r, err, "not stored: %s", err_text(err)) : 0;
}

/* ---- deletion and requests to handsets ---- */

static void on_deleted(void *ctx, struct pp *pp, int err)
{
	struct ctl_run *r = ctx;

	(void)pp;
	if (err == ERR_LOST)
		ctl_warn(r,
		    "deleted here; the handset could not be told and shows the system until it "
		    "is used again");
	else if (err)
		(void)ctl_fail(r, err, "not deleted: %s", err_text(err));
	ctl_done(r, err == ERR_LOST ? 0 : err);
}

int ctl_handset_delete(struct ctl_run *r)
{
	struct dectd *d = ctl_room(r);
	struct pp *pp = ctl_device(r);
	char ipei[PP_IPEI_LEN + 1];
	int err;

	if (!pp)
		return ERR_NOTFOUND;
	memcpy(ipei, pp->ipei, sizeof(ipei));
	ctl_defer(r);
	err = mm_terminate(d->mm, pp, on_deleted, r);
	if (err) {
		(void)ctl_fail(r, err, "%s",
		    err == ERR_STATE
		        ? "its rights are being taken away already"
		        : "certd, which has its key, does not answer: nothing was changed");
		ctl_done(r, err);
		return 0;
	}
	log_ev(LOG_NOTICE, "handset is being deleted", F_PP(ipei), F_U64("IPDECT_UID", ctl_uid(r)));
	return 0;
}

static int ask(struct ctl_run *r, int (*fn)(struct mm *m, struct pp *pp))
{
	struct pp *pp = ctl_device(r);
	int err;

	if (!pp)
		return ERR_NOTFOUND;
	err = fn(ctl_room(r)->mm, pp);
	return err ? ctl_fail(r, err, "it cannot be paged: %s", err_text(err)) : 0;
}

int ctl_handset_locate(struct ctl_run *r)
{
	return ask(r, mm_suggest_locate);
}

int ctl_handset_identify(struct ctl_run *r)
{
	return ask(r, mm_identify);
}

int ctl_handset_renew(struct ctl_run *r)
{
	return ask(r, mm_new_tpui);
}

/* ---- files ---- */

enum col {
	COL_IPEI,
	COL_USER,
	COL_ALLOWED,
	COL_NOTE,
	COL_STATE,
	COL_MODEL,
	COL_RFP,
	COL_SEEN,
	NCOL
};
static const char *const columns[NCOL] = { "ipei", "user", "allowed", "note", "state", "model",
	"rfp", "last-seen" };

int ctl_handset_export(struct ctl_run *r)
{
	struct dectd *d = ctl_room(r);
	size_t cap = 256 + pps_count(d->pps) * 320;
	char *text = mem_new(cap);
	struct wr w = wr_of(text, cap);

	for (unsigned i = 0; i < NCOL; i++)
		csv_wr(&w, i == 0, slice_str(columns[i]));
	wr_str(&w, "\r\n");
	LIST_FOREACH(pps_list(d->pps), it)
	{
		const struct pp *pp = LIST_ENTRY(it, struct pp, node);
		char ipei[IPEI_CHARS], rfp[13], seen[24];

		pp_ipei_print(pp->ipei, ipei);
		dectd_base_text(d, pp->base, rfp);
		ctl_time(pp->seen, seen);
		csv_wr(&w, true, slice_str(ipei));
		csv_wr(&w, false, slice_str(pp->user ? pp->user->name : ""));
		csv_wr(&w, false, slice_str(pp->allowed ? "yes" : ""));
		csv_wr(&w, false, slice_str(pp->note));
		csv_wr(&w, false, slice_str(pp_state_name(pp->state)));
		csv_wr(&w, false, slice_str(pp->model));
		csv_wr(&w, false, slice_str(rfp));
		csv_wr(&w, false, slice_str(seen));
		wr_str(&w, "\r\n");
	}
	BUG_ON(w.bad);
	ctl_data(r, text, w.n);
	free(text);
	return 0;
}

struct import {
	struct ctl_run *r;
	unsigned devices, users, open, failed;
	char why[160];
	bool all_sent;
};

static void import_done(struct import *im)
{
	struct ctl_run *r = im->r;
	int err = 0;

	if (im->open || !im->all_sent)
		return;
	ctl_say(r, "%u handsets", im->devices);
	if (im->users)
		ctl_say(r, ", %u of them assigned to users", im->users - im->failed);
	ctl_say(r, "\n");
	if (im->failed) {
		err = ERR_VALUE;
		(void)ctl_fail(r, err, "%u failed: %s", im->failed, im->why);
	}
	ctl_done(r, err);
	free(im);
}

static void on_import_assigned(void *ctx, int err, struct ipc_msg *m)
{
	struct import *im = ctx;

	im->open--;
	if (err) {
		im->failed++;
		(void)snprintf(im->why, sizeof(im->why), SLICE_FMT,
		    SLICE_ARG(m && m->text.n ? m->text : slice_str(err_text(err))));
	}
	import_done(im);
}

/* Which field of a record is which column; -1: not in the file. */
static int head(const struct slice *f, size_t n, int at[NCOL])
{
	for (unsigned c = 0; c < NCOL; c++) {
		at[c] = -1;
		for (size_t i = 0; i < n; i++)
			if (slice_ieq(slice_trim(f[i]), slice_str(columns[c])))
				at[c] = (int)i;
	}
	return at[COL_IPEI] < 0 ? ERR_SYNTAX : 0;
}

static struct slice cell(const struct slice *f, size_t n, const int at[NCOL], enum col c)
{
	return at[c] >= 0 && (size_t)at[c] < n ? slice_trim(f[at[c]]) : (struct slice){ 0 };
}

/* One pass over the file; store false: only check. Returns the number of the line that is wrong, 0: none. */
static unsigned pass(
    struct dectd *d, struct slice text, struct import *im, bool store, char *why, size_t cap)
{
	char *scratch = mem_new(4096);
	struct slice f[CSV_FIELDS_MAX];
	int at[NCOL], rc;
	size_t n;
	struct csv c;
	bool first = true;

	csv_init(&c, text, scratch, 4096);
	while ((rc = csv_next(&c, f, ARRAY_LEN(f), &n)) == 1) {
		char ipei[PP_IPEI_LEN + 1], user[65];
		struct slice allowed, note;
		struct pp *pp;
		int err;

		if (first) {
			first = false;
			if (head(f, n, at)) {
				(void)snprintf(
				    why, cap, "the first line names the columns; ipei is missing");
				break;
			}
			continue;
		}
		allowed = cell(f, n, at, COL_ALLOWED);
		note = cell(f, n, at, COL_NOTE);
		err = pp_ipei_read(cell(f, n, at, COL_IPEI), ipei);
		if (err || slice_copy(cell(f, n, at, COL_USER), user, sizeof(user)) ||
		    note.n >= sizeof(pp->note)) {
			(void)snprintf(why, cap, "%s",
			    err == ERR_AUTH ? "the check digit of the IPEI is wrong"
			    : err           ? "no IPEI"
			                    : "user or note is too long");
			break;
		}
		if (!store)
			continue;
		if (pp_make(d->pps, ipei, &pp)) {
			(void)snprintf(why, cap, "not stored");
			break;
		}
		if (at[COL_ALLOWED] >= 0)
			pp->allowed = allowed.n && !slice_ieq(allowed, SLICE_LIT("no"));
		if (at[COL_NOTE] >= 0)
			(void)!slice_copy(note, pp->note, sizeof(pp->note));
		if (pp_save(pp)) {
			(void)snprintf(why, cap, "not stored");
			break;
		}
		im->devices++;
		if (*user && (!pp->user || strcmp(pp->user->name, user) != 0)) {
			im->users++;
			im->open++;
			if (assign(d, ipei, user, on_import_assigned, im)) {
				im->open--;
				im->failed++;
				(void)snprintf(im->why, sizeof(im->why),
				    "sipd, which has the users, takes no more: import again");
			}
		}
	}
	if (rc < 0)
		(void)snprintf(why, cap, "a quote is not closed, or the line is too long");
	free(scratch);
	return rc == 0 ? 0 : c.line;
}

int ctl_handset_import(struct ctl_run *r)
{
	struct slice text = ctl_data_arg(r, "file");
	struct import *im;
	char why[96] = "";
	int err;
	unsigned line = pass(ctl_room(r), text, NULL, false, why, sizeof(why));

	if (line)
		return ctl_fail(r, ERR_SYNTAX, "line %u: %s; nothing was stored", line, why);
	im = mem_new(sizeof(*im));
	im->r = r;
	ctl_defer(r);
	err = pps_begin(ctl_room(r)->pps);
	if (!err) {
		line = pass(ctl_room(r), text, im, true, why, sizeof(why));
		err = pps_commit(ctl_room(r)->pps);
	}
	if (line) {
		im->failed++;
		(void)snprintf(im->why, sizeof(im->why), "line %u: %s", line, why);
	}
	if (err) {
		im->failed++;
		im->devices = 0;
		(void)snprintf(im->why, sizeof(im->why), "nothing was stored: %s", err_text(err));
	}
	log_ev(LOG_NOTICE, "handsets imported", F_U64("IPDECT_COUNT", im->devices),
	    F_U64("IPDECT_UID", ctl_uid(r)));
	im->all_sent = true;
	import_done(im);
	return 0;
}
