/* dectctl's commands at sipd: users, registrations, calls, records. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cert.pb-c.h"
#include "common/log.h"
#include "common/mem.h"
#include "ctl.pb-c.h"
#include "sipd/ms.h"
#include "sipd/ms_conf.h"
#include "sipd/call.h"
#include "sipd/dect_pb.h"
#include "sipd/leg_sip.h"
#include "sipd/prov.h"
#include "sipd/reg.h"
#include "sipd/trace.h"
#include "sipd/user_csv.h"

static struct sipd *room(struct ctl_run *r)
{
	return sipd_of(ctl_ctx(r));
}

/* ---- users ---- */

#define FIELD_ARGS                                                                                 \
	{ "domain", CTL_TEXT, false, "SIP domain; empty: the default domain", NULL },              \
	    { "display-name", CTL_TEXT, false, "shown when this user calls", NULL },               \
	    { "standby-text", CTL_TEXT, false, "shown on the idle handset", NULL },                \
	    { "ipei", CTL_TEXT, false, "handset, e.g. \"05003 0070387\"", NULL },                  \
	    { "auth-user", CTL_TEXT, false, "user name for authentication", NULL },                \
	    { "disabled", CTL_FLAG, false, "neither registered nor served", NULL },                \
	    { "number", CTL_TEXT, false, "second number", NULL },                                  \
	    { "group", CTL_TEXT, false, "policy group", NULL },                                    \
	    { "locale", CTL_TEXT, false, "language of the display", NULL },                        \
	    { "forward-always", CTL_TEXT, false, "number or URI; empty: off", NULL },              \
	    { "forward-busy", CTL_TEXT, false, "number or URI; empty: off", NULL },                \
	    { "forward-no-answer", CTL_TEXT, false, "number or URI; empty: off", NULL },           \
	{                                                                                          \
		"forward-unreachable", CTL_TEXT, false, "number or URI; empty: off", NULL          \
	}

static const struct ctl_arg user_args[] = { FIELD_ARGS };
static const struct ctl_arg import_args[] = {
	{ "file", CTL_FILE_IN, true, "CSV with a head line; - reads standard input", NULL },
	{ "dry-run", CTL_FLAG, false, "only say what would change", NULL },
};
static const struct ctl_arg export_args[] = { { "file", CTL_FILE_OUT, false,
    "where to; absent: standard output", NULL } };
static const struct ctl_arg list_args[] = { { "match", CTL_TEXT, false,
    "part of name or display name", NULL } };

static int edit(struct ctl_run *r, enum user_mode mode)
{
	struct user_edit e = { 0 };
	char why[200];

	e.given[USER_NAME] = true;
	e.v[USER_NAME] = ctl_id(r);
	for (int f = 1; f < USER_NFIELDS; f++) {
		if (!user_fields[f].settable || !ctl_has(r, user_fields[f].name))
			continue;
		e.given[f] = true;
		e.v[f] = f == USER_DISABLED
		             ? (ctl_flag(r, "disabled", false) ? SLICE_LIT("yes") : SLICE_LIT(""))
		             : ctl_text_arg(r, user_fields[f].name);
	}
	int err = users_edit(room(r)->users, mode, &e, false, why, sizeof(why));
	if (err)
		return ctl_fail(r, err, "%s", why);
	log_ev(LOG_NOTICE, mode == USER_ADD ? "user added" : "user changed",
	    F_STR("IPDECT_USER", ctl_id(r)), F_U64("IPDECT_UID", ctl_uid(r)));
	return 0;
}

static int user_add(struct ctl_run *r)
{
	return edit(r, USER_ADD);
}

static int user_set(struct ctl_run *r)
{
	return edit(r, USER_SET);
}

static int user_del(struct ctl_run *r)
{
	int err = users_del(room(r)->users, ctl_id(r));

	if (err)
		return ctl_fail(r, err, "there is no such user");
	log_ev(LOG_NOTICE, "user deleted", F_STR("IPDECT_USER", ctl_id(r)),
	    F_U64("IPDECT_UID", ctl_uid(r)));
	return 0;
}

static bool put_user(struct ctl_run *r, const struct user *u)
{
	Ctl__UserRow row = CTL__USER_ROW__INIT;
	const struct ustate *us = u->room;
	struct reg_view v;

	reg_view(u, &v);
	row.name = u->f[USER_NAME];
	row.domain = u->f[USER_DOMAIN];
	row.has_display_name = row.has_standby_text = row.has_disabled = 1;
	row.display_name = pb_text(u->f[USER_DISPLAY_NAME]);
	row.standby_text = pb_text(u->f[USER_STANDBY_TEXT]);
	row.ipei = u->f[USER_IPEI];
	row.auth_user = u->f[USER_AUTH_USER];
	row.disabled = user_on(u, USER_DISABLED);
	row.has_forward_always = row.has_forward_busy = row.has_forward_no_answer =
	    row.has_forward_unreachable = 1;
	row.forward_always = pb_text(u->f[USER_FORWARD_ALWAYS]);
	row.forward_busy = pb_text(u->f[USER_FORWARD_BUSY]);
	row.forward_no_answer = pb_text(u->f[USER_FORWARD_NO_ANSWER]);
	row.forward_unreachable = pb_text(u->f[USER_FORWARD_UNREACHABLE]);
	row.number = u->f[USER_NUMBER];
	row.group = u->f[USER_GROUP];
	row.handset =
	    (char *)(uintptr_t)(us && us->device_known ? us->reachable ? "reachable" : "unreachable"
	                                               : "none");
	row.registered = (char *)(uintptr_t)v.state;
	return ctl_row(r, &row.base);
}

static int user_list(struct ctl_run *r)
{
	struct sipd *s = room(r);
	struct slice match = ctl_text_arg(r, "match");
	struct user *u =
	    ctl_cursor(r).n ? users_after(s->users, ctl_cursor(r)) : users_next(s->users, NULL);
	const char *last = NULL;

	for (; u; u = users_next(s->users, u)) {
		if (match.n &&
		    !memmem(u->f[USER_NAME], strlen(u->f[USER_NAME]), match.p, match.n) &&
		    !memmem(
		        u->f[USER_DISPLAY_NAME], strlen(u->f[USER_DISPLAY_NAME]), match.p, match.n))
			continue;
		if (!put_user(r, u)) {
			ctl_more(r, slice_str(last ? last : ""));
			return 0;
		}
		last = u->key;
	}
	return 0;
}

static int user_show(struct ctl_run *r)
{
	const struct user *u = users_find(room(r)->users, ctl_id(r));

	if (!u)
		return ctl_fail(
		    r, ERR_NOTFOUND, "there is no such user; dectctl user list shows all");
	(void)put_user(r, u);
	return 0;
}

#define IMPORT_WINDOW                                                                              \
	64 /* secrets on their way to certd at a time; the link takes IPC_IN_FLIGHT of all */

struct import_secret {
	Cert__SecretKind kind;
	char *name, *value;
	size_t nname, nvalue;
};

/* Lives until certd has answered for every secret of the file: only then the command is done. */
struct import {
	struct sipd *s;
	struct ctl_run *r;
	struct import_secret *secrets;
	size_t n, room, at, flying;
	unsigned lost;
};

static void import_free(struct import *im)
{
	for (size_t i = 0; i < im->n; i++) {
		mem_wipe(im->secrets[i].value, im->secrets[i].nvalue);
		free(im->secrets[i].value);
		free(im->secrets[i].name);
	}
	free(im->secrets);
	free(im);
}

static void import_go_on(struct import *im);

/* Those who were refused for their old passwords try again. */
static void import_retry(const struct import *im)
{
	for (size_t i = 0; i < im->n; i++)
		if (im->secrets[i].kind == CERT__SECRET_KIND__SECRET_SIP)
			reg_secret_changed(
			    im->s, (struct slice){ im->secrets[i].name, im->secrets[i].nname });
}

static void on_secret(void *ctx, int err, struct ipc_msg *m)
{
	struct import *im = ctx;

	(void)m;
	im->flying--;
	if (err) {
		im->lost++;
		log_ev(LOG_ERR, "certd did not store what an import brought", F_ERR(err),
		    F_REMEDY("run the import again when certd is up"));
	}
	import_go_on(im);
}

static void import_go_on(struct import *im)
{
	while (im->at < im->n && im->flying < IMPORT_WINDOW) {
		const struct import_secret *one = &im->secrets[im->at++];
		Cert__SecretSet set = CERT__SECRET_SET__INIT;

		set.kind = one->kind;
		set.id = (ProtobufCBinaryData){ one->nname, (uint8_t *)one->name };
		set.value = (ProtobufCBinaryData){ one->nvalue, (uint8_t *)one->value };
		if (ipc_request(ipc_find(im->s->d->ipc, IPC_CERTD, 0), IPC_IF_CERT,
		        CERT__TYPE__CERT_SECRET_SET, &set.base, &cert__done__descriptor, 5000,
		        on_secret, im))
			im->lost++;
		else
			im->flying++;
	}
	if (im->at < im->n || im->flying)
		return;
	import_retry(im);
	if (im->lost)
		ctl_warn(im->r,
		    "%u passwords or access codes did not reach certd: run the import again",
		    im->lost);
	ctl_done(im->r, 0);
	import_free(im);
}

static void one_value(struct import *im, Cert__SecretKind kind, struct slice name, struct slice v)
{
	if (im->n == im->room) {
		size_t room = im->room ? 2 * im->room : 64;
		struct import_secret *more = mem_new(room * sizeof(*more));
		if (im->n)
			memcpy(more, im->secrets, im->n * sizeof(*more));
		free(im->secrets);
		im->secrets = more;
		im->room = room;
	}
	im->secrets[im->n++] = (struct import_secret){ .kind = kind,
		.name = mem_dup(name.p, name.n),
		.value = mem_dup(v.p, v.n),
		.nname = name.n,
		.nvalue = v.n };
}

static void on_line(void *ctx, struct slice name, struct slice password, struct slice code)
{
	if (password.n)
		one_value(ctx, CERT__SECRET_KIND__SECRET_SIP, name, password);
	if (code.n)
		one_value(ctx, CERT__SECRET_KIND__SECRET_AC, name, code);
}

static int user_import(struct ctl_run *r)
{
	struct import *im = mem_new(sizeof(*im));
	struct user_csv_result res;
	char *text = mem_new(16384);
	struct wr diff = wr_of(text, 14000);
	bool dry = ctl_flag(r, "dry-run", false);
	int err;

	im->s = room(r);
	im->r = r;
	err = user_csv_import(im->s->users, ctl_data_arg(r, "file"), dry, &diff, on_line, im, &res);

	if (err) {
		free(text);
		import_free(im);
		return res.bad ? ctl_fail(r, err, "%s%u %s wrong; nothing was stored", res.lines,
		                     res.bad, res.bad == 1 ? "line is" : "lines are")
		               : ctl_fail(r, err, "nothing was stored: %s", err_text(err));
	}
	ctl_say(r, "%.*s%s%u added, %u changed, %u as they were%s\n", (int)diff.n, text,
	    diff.bad ? "…\n" : "", res.added, res.changed, res.same,
	    dry ? " (dry run: nothing stored)" : "");
	log_ev(LOG_NOTICE, "users imported", F_U64("IPDECT_ADDED", res.added),
	    F_U64("IPDECT_CHANGED", res.changed), F_U64("IPDECT_UID", ctl_uid(r)));
	free(text);
	ctl_defer(r);
	import_go_on(im);
	return 0;
}

static int user_export(struct ctl_run *r)
{
	size_t n;
	char *text = user_csv_export(room(r)->users, &n);

	ctl_data(r, text, n);
	free(text);
	return 0;
}

/* ---- registrations ---- */

static int reg_list(struct ctl_run *r)
{
	struct sipd *s = room(r);
	struct user *u =
	    ctl_cursor(r).n ? users_after(s->users, ctl_cursor(r)) : users_next(s->users, NULL);
	const char *last = "";

	for (; u; u = users_next(s->users, u)) {
		Ctl__RegRow row = CTL__REG_ROW__INIT;
		struct reg_view v;
		reg_view(u, &v);
		row.user = u->f[USER_NAME];
		row.state = (char *)(uintptr_t)v.state;
		row.registrar = (char *)(uintptr_t)v.proxy;
		row.has_expires_s = row.has_code = row.has_reason = 1;
		row.expires_s = v.expires_s;
		row.code = v.code;
		row.reason = pb_text(v.why);
		if (!ctl_row(r, &row.base)) {
			ctl_more(r, slice_str(last));
			return 0;
		}
		last = u->key;
	}
	return 0;
}

/* ---- calls ---- */

static void iso(uint64_t ms, char out[24])
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &tm))
		out[0] = '\0';
}

/* r: the answer of a command; NULL: for those who watch. */
static bool put_call(struct ctl_run *r, struct sipd *s, const struct call *c, bool detail)
{
	Ctl__CallRow row = CTL__CALL_ROW__INIT;
	const struct leg *us = c->a && c->a->handset ? c->a : c->b && c->b->handset ? c->b : c->a;
	const struct leg *far = us ? call_other(c, us) : NULL;
	const struct leg *sip = c->a && !c->a->handset   ? c->a
	                        : c->b && !c->b->handset ? c->b
	                                                 : NULL;
	char ref[20], since[24] = "", media[64] = "", text[1536] = "", id[80] = "";

	(void)snprintf(ref, sizeof(ref), "%016llx", (unsigned long long)c->ref);
	row.call = ref;
	row.state = (char *)(uintptr_t)call_state_name(c);
	row.direction = (char *)(uintptr_t)(us && us->calling ? "out" : "in");
	if (us) {
		row.user = us->user ? us->user->f[USER_NAME] : NULL;
		iso(us->began, since);
		row.since = since;
		row.has_seconds = 1;
		row.seconds = us->answered ? (sipd_wall_ms() - us->answered) / 1000 : 0;
		if (us->media)
			media_text(us->media, media, sizeof(media));
		row.media = media;
		row.rfp = us->user && us->user->room ? ustate_of(us->user)->rfp : NULL;
	}
	if (far) {
		row.has_peer = 1;
		row.peer = pb_text(far->who.number[0] ? far->who.number : far->who.uri);
	}
	if (sip) {
		struct inv *i = leg_sip_of((struct leg *)(uintptr_t)sip)->inv;
		struct dlg *d = i ? inv_dlg(i) : NULL;
		if (d) {
			(void)snprintf(id, sizeof(id), "%.79s", d->call_id);
			row.has_sip_call_id = 1;
			row.sip_call_id = pb_text(id);
		}
	}
	if (detail && us) {
		const struct leg_cac *cac =
		    sip ? &leg_sip_of((struct leg *)(uintptr_t)sip)->cac : NULL;
		const struct ms_conf *conf =
		    sip ? leg_sip_of((struct leg *)(uintptr_t)sip)->conf : NULL;
		char admission[220] = "", who[400] = "", conference[420] = "";
		if (conf)
			ms_conf_text(conf, who, sizeof(who));
		if (who[0])
			(void)snprintf(conference, sizeof(conference), "; conference %s", who);
		if (cac && (cac->text[0] || cac->granted))
			(void)snprintf(admission, sizeof(admission),
			    "; admission control: %s%s%u kbit/s reserved", cac->text,
			    cac->text[0] ? ", " : "", cac->granted);
		(void)snprintf(text, sizeof(text), "from %s %s to %s %s; %s%shops %u%s%s",
		    c->a ? c->a->who.number : "-", c->a ? c->a->who.name : "",
		    c->b ? c->b->who.number : c->dialled, c->b ? c->b->who.name : "",
		    us->holding ? "held by the handset; " : "",
		    us->held_by_far ? "held by the far end; " : "", c->hops, conference, admission);
		row.has_detail = 1;
		row.detail = pb_text(text);
	}
	if (r)
		return ctl_row(r, &row.base);
	ctl_publish(s->d->ctl, "call", "watch", NULL, &row.base);
	return true;
}

static int call_watch(struct ctl_run *r)
{
	struct sipd *s = room(r);

	LIST_FOREACH(&s->calls, it)
	{
		if (!put_call(r, s, LIST_ENTRY(it, struct call, node), false))
			break;
	}
	return 0;
}

void call_watched(struct call *c)
{
	if (c->sipd->d->ctl && ctl_watched(c->sipd->d->ctl, "call", "watch"))
		(void)put_call(NULL, c->sipd, c, false);
}

static int call_list(struct ctl_run *r)
{
	struct sipd *s = room(r);
	uint64_t from = 0; /* a call, not a place: calls begin and end between two pages */

	if (slice_u64(ctl_cursor(r), UINT64_MAX, &from))
		from = 0;
	LIST_FOREACH(&s->calls, it)
	{
		struct call *c = LIST_ENTRY(it, struct call, node);

		if (c->seq < from)
			continue;
		if (!put_call(r, s, c, false)) {
			char next[24];
			(void)snprintf(next, sizeof(next), "%llu", (unsigned long long)c->seq);
			ctl_more(r, slice_str(next));
			return 0;
		}
	}
	return 0;
}

static struct call *call_by_id(struct sipd *s, struct slice id)
{
	char ref[20];

	LIST_FOREACH(&s->calls, it)
	{
		struct call *c = LIST_ENTRY(it, struct call, node);
		const struct leg *both[2] = { c->a, c->b };
		for (int i = 0; i < 2; i++) {
			if (!both[i])
				continue;
			(void)snprintf(
			    ref, sizeof(ref), "%016llx", (unsigned long long)both[i]->ref);
			if (slice_ieq(id, slice_str(ref)))
				return c;
		}
	}
	return NULL;
}

static int call_show(struct ctl_run *r)
{
	struct call *c = call_by_id(room(r), ctl_id(r));

	if (!c)
		return ctl_fail(r, ERR_NOTFOUND,
		    "there is no such call now; dectctl record list has those that ended");
	(void)put_call(r, room(r), c, true);
	return 0;
}

static int call_drop(struct ctl_run *r)
{
	struct call *c = call_by_id(room(r), ctl_id(r));
	struct call_arg arg = { .cause = CAUSE_NORMAL };

	if (!c)
		return ctl_fail(r, ERR_NOTFOUND, "there is no such call now");
	log_ev(LOG_NOTICE, "call ended by the administrator", F_CALL(c->ref),
	    F_U64("IPDECT_UID", ctl_uid(r)));
	(void)call_event(c, CALL_EV_END, &arg);
	return 0;
}

/* ---- records ---- */

struct records {
	struct ctl_run *r;
	uint64_t last;
	bool full;
};

static void on_record(void *ctx, const struct cdr_rec *rec)
{
	struct records *k = ctx;
	Ctl__LogRow row = CTL__LOG_ROW__INIT;
	char user[80], cause[64], when[24];
	static const char *const kinds[] = { "", "placed", "received", "missed" };

	if (k->full)
		return;
	(void)snprintf(user, sizeof(user), "%.*s", SLICE_ARG(slice_sub(rec->user, 0, 64)));
	(void)snprintf(cause, sizeof(cause), "%.*s", SLICE_ARG(slice_sub(rec->cause, 0, 60)));
	iso(rec->start, when);
	row.id = rec->id;
	row.user = user;
	row.kind = (char *)(uintptr_t)(rec->elsewhere            ? "elsewhere"
	                               : rec->kind <= CDR_MISSED ? kinds[rec->kind]
	                                                         : "");
	row.time = when;
	row.has_name = row.has_number = row.has_seconds = row.has_answered = 1;
	row.name = (ProtobufCBinaryData){ rec->name.n, (uint8_t *)(uintptr_t)rec->name.p };
	row.number = (ProtobufCBinaryData){ rec->number.n, (uint8_t *)(uintptr_t)rec->number.p };
	row.seconds = cdr_seconds(rec);
	row.cause = cause;
	row.answered = rec->answered != 0;
	if (!ctl_row(k->r, &row.base)) {
		k->full = true;
		return;
	}
	k->last = rec->id;
}

static int record_list(struct ctl_run *r)
{
	struct records k = { .r = r };
	uint64_t before = 0;
	char next[24];
	uint32_t max = (uint32_t)ctl_number(r, "max", 500);

	if (slice_u64(ctl_cursor(r), INT64_MAX, &before))
		before = 0;
	int err = cdr_records(
	    room(r)->cdr, ctl_text_arg(r, "user"), before, max > 5000 ? 5000 : max, on_record, &k);
	if (err)
		return ctl_fail(r, err, "the records cannot be read; see the log");
	if (k.full && k.last) {
		(void)snprintf(next, sizeof(next), "%llu", (unsigned long long)k.last);
		ctl_more(r, slice_str(next));
	}
	return 0;
}

static const struct ctl_arg record_args[] = {
	{ "user", CTL_TEXT, false, "of one user only", NULL },
	{ "max", CTL_NUMBER, false, "how many at most [500]", NULL },
};

static const struct ctl_arg trace_args[] = {
	{ "file", CTL_FILE_OUT, true, "pcap file", NULL },
	{ "for", CTL_DURATION, false, "how long, at most 10m [10s]", NULL },
	{ "match", CTL_TEXT, false, "only messages that hold this text", NULL },
};

#define ROW(name) &ctl__##name##_row__descriptor
const struct ctl_cmd sipd_cmds[] = {
	{ "user", "add", IPC_ADMIN, "NAME", true, user_args, ARRAY_LEN(user_args), NULL, false,
	    user_add, "Adds a user." },
	{ "user", "set", IPC_ADMIN, "NAME", true, user_args, ARRAY_LEN(user_args), NULL, false,
	    user_set, "Changes a user." },
	{ "user", "del", IPC_ADMIN, "NAME", true, NULL, 0, NULL, false, user_del,
	    "Deletes a user." },
	{ "user", "list", IPC_VIEW, NULL, false, list_args, ARRAY_LEN(list_args), ROW(user), false,
	    user_list, "Lists users." },
	{ "user", "show", IPC_VIEW, "NAME", true, NULL, 0, ROW(user), false, user_show,
	    "Shows a user." },
	{ "user", "import", IPC_ADMIN, NULL, false, import_args, ARRAY_LEN(import_args), NULL,
	    false, user_import, "Adds and changes users from a CSV file." },
	{ "user", "export", IPC_ADMIN, NULL, false, export_args, ARRAY_LEN(export_args), NULL,
	    false, user_export, "Writes all users as CSV, without passwords." },
	{ "reg", "list", IPC_VIEW, NULL, false, NULL, 0, ROW(reg), false, reg_list,
	    "Lists registrations." },
	{ "check", "lync", IPC_VIEW, NULL, false, NULL, 0, &ctl__check_row__descriptor, false,
	    ms_check,
	    "Checks all that registration at Lync needs: DNS, clock, certificate, ports, answers, "
	    "encryption; prints the commands for the Lync side." },
	{ "provision", "list", IPC_VIEW, "USER", false, NULL, 0, ROW(provision), false, prov_list,
	    "Shows what a Lync server gave by in-band provisioning, and what is used." },
	{ "call", "list", IPC_VIEW, NULL, false, NULL, 0, ROW(call), false, call_list,
	    "Lists calls." },
	{ "call", "show", IPC_VIEW, "CALL", true, NULL, 0, ROW(call), false, call_show,
	    "Shows one call." },
	{ "call", "drop", IPC_OPERATE, "CALL", true, NULL, 0, NULL, false, call_drop,
	    "Ends a call." },
	{ "record", "list", IPC_VIEW, NULL, false, record_args, ARRAY_LEN(record_args), ROW(log),
	    false, record_list, "Lists call records, newest first." },
	{ "call", "watch", IPC_VIEW, NULL, false, NULL, 0, ROW(call), true, call_watch,
	    "Shows calls as they change." },
	{ "trace", "sip", IPC_ADMIN, NULL, false, trace_args, ARRAY_LEN(trace_args), NULL,
	    CTL_LASTS, trace_sip,
	    "Captures SIP, decrypted, keys masked; Ctrl-C ends it before its time." },
	{ "trace", "end", IPC_ADMIN, NULL, false, NULL, 0, NULL, false, trace_end,
	    "Ends a capture before its time; its file is written where it was begun." },
};
const size_t sipd_ncmds = ARRAY_LEN(sipd_cmds);
