/* The control socket's side of a daemon: finds the command, checks level and arguments, runs it, sends the rows. */
#include "ipc/ctl.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/list.h"
#include "common/log.h"
#include "common/mem.h"
#include "ctl.pb-c.h"
#include "ipc/ctl_run.h"
#include "ipc/daemon_priv.h"

#define ROWS_OCTETS  (48u << 10)
#define INLINE_DATA  (48u << 10)
#define TEXT_MAX     16384
#define DATA_MAX     (4u << 20)
#define MAX_ARGS     32
#define MAX_COMMANDS 128
#define MAX_WATCHERS 32

struct watcher {
	struct list in_ctl;
	struct ipc_peer *p;
	const struct ctl_cmd *cmd;
	char *id; /* NULL: all */
};

struct ctl {
	struct daemon *d;
	struct list watchers;
	unsigned nwatchers;
};

struct ctl *ctl_new(struct daemon *d)
{
	struct ctl *c = mem_new(sizeof(*c));

	c->d = d;
	list_init(&c->watchers);
	return c;
}

static void watcher_free(struct ctl *c, struct watcher *w)
{
	list_remove(&w->in_ctl);
	c->nwatchers--;
	free(w->id);
	free(w);
}

void ctl_peer_gone(struct ctl *c, const struct ipc_peer *p)
{
	LIST_FOREACH(&c->watchers, it)
	{
		struct watcher *w = LIST_ENTRY(it, struct watcher, in_ctl);

		if (w->p == p)
			watcher_free(c, w);
	}
}

void ctl_free(struct ctl *c)
{
	if (!c)
		return;
	LIST_FOREACH(&c->watchers, it)
	watcher_free(c, LIST_ENTRY(it, struct watcher, in_ctl));
	free(c);
}

static const struct ctl_cmd *command(const struct daemon *d, struct slice noun, struct slice verb)
{
	for (size_t i = 0; i < d->def->ncmds; i++)
		if (slice_eq(noun, slice_str(d->def->cmds[i].noun)) &&
		    slice_eq(verb, slice_str(d->def->cmds[i].verb)))
			return &d->def->cmds[i];
	for (size_t i = 0; i < ctl_nown; i++)
		if (slice_eq(noun, slice_str(ctl_own[i].noun)) &&
		    slice_eq(verb, slice_str(ctl_own[i].verb)))
			return &ctl_own[i];
	return NULL;
}

/* ---- one command ---- */

static void run_free(struct ctl_run *r)
{
	/* Secrets came in here. */
	for (size_t i = 0; i < r->in->n_arg; i++)
		if (r->in->arg[i]->has_data)
			mem_wipe(r->in->arg[i]->data.data, r->in->arg[i]->data.len);
	for (unsigned i = 0; i < r->nfiles; i++)
		mem_free_wiped(r->file[i].p, r->file[i].n);
	ctl__run__free_unpacked(r->in, NULL);
	for (size_t i = 0; i < r->nrows; i++) {
		free(r->rows[i]->body.data);
		free(r->rows[i]);
	}
	free(r->rows);
	free(r->text);
	free(r->warning);
	free(r->cursor);
	if (r->data)
		mem_free_wiped(r->data, r->ndata);
	free(r->why);
	free(r);
}

static void send_error(struct ctl_run *r, int err)
{
	const char *why = r->why ? r->why : err_text(err);

	if (r->ticket)
		ipc_ticket_fail(r->ticket, err, "%s", why);
	else
		ipc_fail(r->p, &r->msg, err, "%s", why);
}

static struct ipc_peer *client(const struct ctl_run *r)
{
	return r->ticket ? ipc_ticket_peer(r->ticket) : r->p;
}

static int watch(struct ctl_run *r)
{
	struct ctl *c = r->d->ctl;
	struct watcher *w;

	if (c->nwatchers >= MAX_WATCHERS)
		return ctl_fail(
		    r, ERR_BUSY, "%u clients watch already: end one of them", MAX_WATCHERS);
	w = mem_new(sizeof(*w));
	w->p = client(r);
	w->cmd = r->cmd;
	w->id = r->in->has_id ? slice_dup(ctl_id(r)) : NULL;
	list_append(&c->watchers, &w->in_ctl);
	c->nwatchers++;
	return 0;
}

static void send_result(struct ctl_run *r)
{
	Ctl__Result out = CTL__RESULT__INIT;
	int fd = -1;

	if (r->text) {
		out.has_text = true;
		out.text = (ProtobufCBinaryData){ strlen(r->text), (uint8_t *)r->text };
	}
	out.n_row = r->nrows;
	out.row = r->rows;
	out.warning = r->warning;
	if (r->cursor) {
		out.has_cursor = true;
		out.cursor = (ProtobufCBinaryData){ r->ncursor, r->cursor };
	}
	if (r->data && r->ndata + r->octets <= INLINE_DATA) {
		out.has_data = true;
		out.data = (ProtobufCBinaryData){ r->ndata, r->data };
	} else if (r->data && (fd = mem_sealed("ctl", r->data, r->ndata)) < 0) {
		send_error(r, fd);
		return;
	}
	out.has_stream = out.stream = r->cmd->life == CTL_STREAM;
	if (r->ticket)
		ipc_ticket_reply_fds(r->ticket, &out.base, &fd, fd >= 0);
	else
		ipc_reply_fds(r->p, &r->msg, &out.base, &fd, fd >= 0);
	if (fd >= 0)
		close(fd);
}

void ctl_done(struct ctl_run *r, int err)
{
	if (r->inside) { /* on_run() ends it: the handler may still look at r */
		r->done = true;
		r->err = err;
		return;
	}
	if (err == 0 && r->cmd->life == CTL_STREAM && client(r))
		err = watch(r);
	if (r->cmd->level != IPC_VIEW)
		log_ev(LOG_NOTICE, "control command", F_TEXT("IPDECT_NOUN", r->cmd->noun),
		    F_TEXT("IPDECT_VERB", r->cmd->verb), F_STR("IPDECT_ID", ctl_id(r)),
		    F_U64("IPDECT_UID", r->uid), F_ERR(err));
	if (err)
		send_error(r, err);
	else
		send_result(r);
	run_free(r);
}

void ctl_defer(struct ctl_run *r)
{
	BUG_ON(r->ticket != NULL);
	r->ticket = ipc_defer(r->p, &r->msg);
}

/* ---- arguments ---- */

static const Ctl__Arg *arg(const struct ctl_run *r, const char *name)
{
	for (size_t i = 0; i < r->in->n_arg; i++)
		if (strcmp(r->in->arg[i]->name, name) == 0)
			return r->in->arg[i];
	return NULL;
}

static int read_fd(struct ctl_run *r, unsigned slot, int fd)
{
	struct stat st;
	uint8_t *p;
	size_t got = 0;
	int seals = fcntl(fd, F_GET_SEALS); /* -1: no memory file; reading others could block us */

	if (seals < 0 ||
	    (seals & (F_SEAL_WRITE | F_SEAL_SHRINK)) != (F_SEAL_WRITE | F_SEAL_SHRINK) ||
	    fstat(fd, &st) != 0)
		return ctl_fail(r, ERR_VALUE, "the descriptor is not a sealed memory file");
	if (r->file[slot].p)
		return ctl_fail(r, ERR_VALUE, "two arguments with one descriptor");
	if (st.st_size < 0 || st.st_size > DATA_MAX)
		return ctl_fail(r, ERR_LIMIT, "the file is larger than %u MiB", DATA_MAX >> 20);
	p = mem_new((size_t)st.st_size + 1);
	while (got < (size_t)st.st_size) {
		ssize_t k = pread(fd, p + got, (size_t)st.st_size - got, (off_t)got);

		if (k <= 0)
			break;
		got += (size_t)k;
	}
	r->file[slot] = (struct ctl_file){ p, got };
	r->nfiles = IPC_MAX_FDS;
	return got == (size_t)st.st_size ? 0 : ctl_fail(r, -EIO, "the file cannot be read");
}

static const struct ctl_arg *spec(const struct ctl_cmd *cmd, const char *name)
{
	for (size_t i = 0; i < cmd->nargs; i++)
		if (strcmp(cmd->args[i].name, name) == 0)
			return &cmd->args[i];
	return NULL;
}

static bool chosen(struct slice v, const char *choices)
{
	struct cur c = cur_of(slice_str(choices));

	do {
		if (slice_eq(v, cur_until(&c, "|")))
			return true;
	} while (cur_lit(&c, '|'));
	return false;
}

static int check_value(struct ctl_run *r, const struct ctl_arg *s, const Ctl__Arg *a)
{
	struct slice v = { (const char *)a->value.data, a->value.len };
	uint64_t n;

	switch (s->kind) {
	case CTL_TEXT:
		return a->has_value && v.n <= 1024
		           ? 0
		           : ctl_fail(
		                 r, ERR_VALUE, "%s takes text of at most 1024 octets", s->name);
	case CTL_NUMBER:
	case CTL_DURATION:
		return slice_u64(v, INT64_MAX, &n) == 0
		           ? 0
		           : ctl_fail(r, ERR_VALUE, "%s takes a number", s->name);
	case CTL_FLAG:
		return chosen(v, "yes|no") ? 0
		                           : ctl_fail(r, ERR_VALUE, "%s takes yes or no", s->name);
	case CTL_CHOICE:
		return chosen(v, s->choices)
		           ? 0
		           : ctl_fail(r, ERR_VALUE, "%s takes one of %s", s->name, s->choices);
	case CTL_FILE_IN:
	case CTL_SECRET:
		return a->has_data || (a->has_fd && s->kind == CTL_FILE_IN)
		           ? 0
		           : ctl_fail(r, ERR_VALUE, "%s takes data, not a word", s->name);
	case CTL_FILE_OUT:
		return 0; /* dectctl keeps the file's name to itself */
	}
	return ERR_VALUE;
}

static int check_args(struct ctl_run *r)
{
	const struct ctl_cmd *cmd = r->cmd;

	if (r->in->n_arg > MAX_ARGS || (r->in->has_id && r->in->id.len > 256))
		return ctl_fail(r, ERR_LIMIT, "too many or too long arguments");
	if (r->in->has_id && !cmd->id_name)
		return ctl_fail(r, ERR_VALUE, "%s %s takes no identifier", cmd->noun, cmd->verb);
	if (cmd->id_required && (!r->in->has_id || r->in->id.len == 0))
		return ctl_fail(r, ERR_VALUE, "%s %s needs %s", cmd->noun, cmd->verb, cmd->id_name);
	for (size_t i = 0; i < r->in->n_arg; i++) {
		const Ctl__Arg *a = r->in->arg[i];
		const struct ctl_arg *s = spec(cmd, a->name);
		int err;

		if (!s)
			return ctl_fail(r, ERR_VALUE, "%s %s has no argument of that name",
			    cmd->noun, cmd->verb);
		if (arg(r, a->name) != a)
			return ctl_fail(r, ERR_VALUE, "%s is given twice", s->name);
		err = check_value(r, s, a);
		if (err)
			return err;
		if (!a->has_fd)
			continue;
		if (a->fd == 0 || a->fd > IPC_MAX_FDS || r->msg.fds[a->fd - 1] < 0)
			return ctl_fail(r, ERR_VALUE, "%s: the descriptor is missing", s->name);
		err = read_fd(r, a->fd - 1, r->msg.fds[a->fd - 1]);
		if (err)
			return err;
	}
	for (size_t i = 0; i < cmd->nargs; i++)
		if (cmd->args[i].required && !arg(r, cmd->args[i].name))
			return ctl_fail(r, ERR_VALUE, "%s %s needs %s=…", cmd->noun, cmd->verb,
			    cmd->args[i].name);
	return 0;
}

static int on_run(struct ipc_peer *p, struct ipc_msg *m)
{
	struct daemon *d = daemon_of(p);
	struct ctl_run *r = mem_new(sizeof(*r));
	struct slice noun, verb;
	int err;

	r->d = d;
	r->p = p;
	r->uid = ipc_peer_uid(p);
	r->in = (Ctl__Run *)(uintptr_t)m->body;
	m->body = NULL; /* ours now, until run_free() */
	r->msg = *m;
	noun = slice_str(r->in->noun);
	verb = slice_str(r->in->verb);
	r->cmd = command(d, noun, verb);
	if (!r->cmd) {
		ipc_fail(p, m, ERR_NOTFOUND, "%s has no command %.32s %.32s", d->def->name,
		    r->in->noun, r->in->verb);
		run_free(r);
		return 0;
	}
	if (!(ipc_peer_role(p) & r->cmd->level)) {
		log_ev(LOG_WARNING, "control command denied", F_TEXT("IPDECT_NOUN", r->cmd->noun),
		    F_TEXT("IPDECT_VERB", r->cmd->verb), F_U64("IPDECT_UID", r->uid));
		ipc_fail(p, m, ERR_DENIED, "only %s may do this: be root or a member of group %s",
		    r->cmd->level == IPC_ADMIN ? "administrators" : "operators",
		    r->cmd->level == IPC_ADMIN ? "ipdect-admin" : "ipdect-operate");
		run_free(r);
		return 0;
	}
	err = check_args(r);
	if (err == 0) {
		r->inside = true;
		err = r->cmd->fn(r);
		r->inside = false;
	} else if (r->ticket)
		BUG_ON(true);
	if (r->done)
		err = r->err;
	if (err || r->done || !r->ticket)
		ctl_done(r, err);
	return 0;
}

/* ---- describe ---- */

static Ctl__Command *describe(const struct ctl_cmd *k)
{
	Ctl__Command *c = mem_new(sizeof(*c));

	ctl__command__init(c);
	c->noun = (char *)(uintptr_t)k->noun;
	c->verb = (char *)(uintptr_t)k->verb;
	c->level = k->level == IPC_ADMIN     ? CTL__LEVEL__LEVEL_ADMINISTER
	           : k->level == IPC_OPERATE ? CTL__LEVEL__LEVEL_OPERATE
	                                     : CTL__LEVEL__LEVEL_VIEW;
	c->id_name = (char *)(uintptr_t)k->id_name;
	c->has_id_required = c->id_required = k->id_required;
	c->help = (char *)(uintptr_t)k->help;
	c->row = k->row ? (char *)(uintptr_t)k->row->name : NULL;
	c->has_stream = c->stream = k->life == CTL_STREAM;
	c->has_lasts = c->lasts = k->life == CTL_LASTS;
	c->arg = mem_array(k->nargs ? k->nargs : 1, sizeof(*c->arg));
	for (size_t i = 0; i < k->nargs; i++) {
		Ctl__ArgSpec *a = mem_new(sizeof(*a));
		struct cur cur = cur_of(slice_str(k->args[i].choices));

		ctl__arg_spec__init(a);
		a->name = (char *)(uintptr_t)k->args[i].name;
		a->kind = (Ctl__ArgKind)k->args[i].kind;
		a->has_required_arg = a->required_arg = k->args[i].required;
		a->help = (char *)(uintptr_t)k->args[i].help;
		while (!cur_done(&cur)) {
			a->choices = mem_grow(a->choices, a->n_choices + 1, sizeof(*a->choices));
			a->choices[a->n_choices++] = slice_dup(cur_until(&cur, "|"));
			cur_lit(&cur, '|');
		}
		c->arg[c->n_arg++] = a;
	}
	return c;
}

static void described_free(Ctl__Described *d)
{
	for (size_t i = 0; i < d->n_command; i++) {
		Ctl__Command *c = d->command[i];

		for (size_t j = 0; j < c->n_arg; j++) {
			for (size_t k = 0; k < c->arg[j]->n_choices; k++)
				free(c->arg[j]->choices[k]);
			free(c->arg[j]->choices);
			free(c->arg[j]);
		}
		free(c->arg);
		free(c);
	}
	free(d->command);
}

static int on_describe(struct ipc_peer *p, struct ipc_msg *m)
{
	const struct daemon *d = daemon_of(p);
	Ctl__Described out = CTL__DESCRIBED__INIT;
	size_t n = d->def->ncmds + ctl_nown;

	BUG_ON(n > MAX_COMMANDS);
	out.daemon = (char *)(uintptr_t)d->def->name;
	out.instance = d->instance;
	out.command = mem_array(n, sizeof(*out.command));
	for (size_t i = 0; i < d->def->ncmds; i++)
		out.command[out.n_command++] = describe(&d->def->cmds[i]);
	for (size_t i = 0; i < ctl_nown; i++)
		out.command[out.n_command++] = describe(&ctl_own[i]);
	ipc_reply(p, m, &out.base);
	described_free(&out);
	return 0;
}

const struct ipc_handler ctl_handlers[] = {
	{ IPC_IF_CTL, CTL__TYPE__CTL_DESCRIBE, IPC_REQ, 0, 64, IPC_VIEW, &ctl__describe__descriptor,
	    on_describe },
	{ IPC_IF_CTL, CTL__TYPE__CTL_RUN, IPC_REQ, IPC_MAX_FDS, IPC_MAX_BODY, IPC_VIEW,
	    &ctl__run__descriptor, on_run },
};
const size_t ctl_nhandlers = ARRAY_LEN(ctl_handlers);

/* ---- for the commands ---- */

struct slice ctl_id(const struct ctl_run *r)
{
	return r->in->has_id ? (struct slice){ (const char *)r->in->id.data, r->in->id.len }
	                     : (struct slice){ 0 };
}

bool ctl_has(const struct ctl_run *r, const char *name)
{
	return arg(r, name) != NULL;
}

struct slice ctl_text_arg(const struct ctl_run *r, const char *name)
{
	const Ctl__Arg *a = arg(r, name);

	return a && a->has_value ? (struct slice){ (const char *)a->value.data, a->value.len }
	                         : (struct slice){ 0 };
}

uint64_t ctl_number(const struct ctl_run *r, const char *name, uint64_t absent)
{
	uint64_t n;

	return slice_u64(ctl_text_arg(r, name), UINT64_MAX, &n) == 0 ? n : absent;
}

bool ctl_flag(const struct ctl_run *r, const char *name, bool absent)
{
	return ctl_has(r, name) ? slice_eq(ctl_text_arg(r, name), SLICE_LIT("yes")) : absent;
}

uint32_t ctl_ms(const struct ctl_run *r, const char *name, uint32_t absent)
{
	uint64_t n = ctl_number(r, name, absent);

	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

struct slice ctl_data_arg(const struct ctl_run *r, const char *name)
{
	const Ctl__Arg *a = arg(r, name);

	if (a && a->has_fd && r->file[a->fd - 1].p)
		return (struct slice){ (const char *)r->file[a->fd - 1].p, r->file[a->fd - 1].n };
	return a && a->has_data ? (struct slice){ (const char *)a->data.data, a->data.len }
	                        : (struct slice){ 0 };
}

void *ctl_ctx(const struct ctl_run *r)
{
	return r->d;
}

uid_t ctl_uid(const struct ctl_run *r)
{
	return r->uid;
}

struct slice ctl_cursor(const struct ctl_run *r)
{
	return r->in->has_cursor
	           ? (struct slice){ (const char *)r->in->cursor.data, r->in->cursor.len }
	           : (struct slice){ 0 };
}

static Ctl__Row *row_of(const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	Ctl__Row *row = mem_new(sizeof(*row));

	ctl__row__init(row);
	row->type = (char *)(uintptr_t)m->descriptor->name;
	row->body.data = mem_new(n ? n : 1);
	row->body.len = protobuf_c_message_pack(m, row->body.data);
	return row;
}

bool ctl_row(struct ctl_run *r, const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m) + strlen(m->descriptor->name) + 12;

	if (r->nrows > 0 && r->octets + n > ROWS_OCTETS)
		return false;
	r->rows = mem_grow(r->rows, r->nrows + 1, sizeof(*r->rows));
	r->rows[r->nrows++] = row_of(m);
	r->octets += n;
	return true;
}

void ctl_more(struct ctl_run *r, struct slice cursor)
{
	free(r->cursor);
	r->cursor = mem_dup(cursor.p, cursor.n);
	r->ncursor = cursor.n;
}

static char *vtext(const char *fmt, va_list ap)
{
	char *t = NULL;

	BUG_ON(vasprintf(&t, fmt, ap) < 0);
	return t;
}

void ctl_say(struct ctl_run *r, const char *fmt, ...)
{
	size_t old = r->text ? strlen(r->text) : 0, n;
	va_list ap;
	char *t;

	va_start(ap, fmt);
	t = vtext(fmt, ap);
	va_end(ap);
	n = strlen(t);
	if (old + n <= TEXT_MAX) {
		r->text = mem_grow(r->text, old + n + 1, 1);
		memcpy(r->text + old, t, n + 1);
	}
	free(t);
}

void ctl_warn(struct ctl_run *r, const char *fmt, ...)
{
	va_list ap;

	free(r->warning);
	va_start(ap, fmt);
	r->warning = vtext(fmt, ap);
	va_end(ap);
}

void ctl_data(struct ctl_run *r, const void *p, size_t n)
{
	BUG_ON(n > DATA_MAX);
	mem_free_wiped(r->data, r->ndata);
	r->data = mem_dup(p, n);
	r->ndata = n;
}

int ctl_fail(struct ctl_run *r, int err, const char *fmt, ...)
{
	va_list ap;

	free(r->why);
	va_start(ap, fmt);
	r->why = vtext(fmt, ap);
	va_end(ap);
	return err;
}

void ctl_publish(struct ctl *c, const char *noun, const char *verb, const char *match,
    const ProtobufCMessage *row)
{
	Ctl__Row *out = NULL;

	LIST_FOREACH(&c->watchers, it)
	{
		struct watcher *w = LIST_ENTRY(it, struct watcher, in_ctl);

		if (strcmp(w->cmd->noun, noun) != 0 || strcmp(w->cmd->verb, verb) != 0 ||
		    (w->id && match && strcmp(w->id, match) != 0))
			continue;
		if (!out)
			out = row_of(row);
		ipc_event(w->p, IPC_IF_CTL, CTL__TYPE__CTL_ROW, &out->base);
	}
	if (out) {
		free(out->body.data);
		free(out);
	}
}

bool ctl_watched(const struct ctl *c, const char *noun, const char *verb)
{
	LIST_FOREACH(&c->watchers, it)
	{
		const struct watcher *w = LIST_ENTRY(it, struct watcher, in_ctl);

		if (strcmp(w->cmd->noun, noun) == 0 && strcmp(w->cmd->verb, verb) == 0)
			return true;
	}
	return false;
}
