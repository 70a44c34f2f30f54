#ifndef IPC_CTL_H
#define IPC_CTL_H
#include "ipc/ipc.h"

/* A daemon's side of the control socket: commands as a table, answers as typed rows. dectctl asks for the table
 * (Describe), so that a new command needs no code there. Schema: ipc/proto/ctl.proto. */

struct ctl;
struct ctl_run; /* one command being answered */

/* 0: answered (rows, text); ERR_*: refused, say why with ctl_fail(). A handler that answers later calls ctl_defer()
 * and returns 0, and then ctl_done() exactly once. */
typedef int(ctl_h)(struct ctl_run *r);

enum ctl_kind { /* numbers of ctl.ArgKind */
	CTL_TEXT = 1,
	CTL_NUMBER = 2,
	CTL_FLAG = 3,
	CTL_CHOICE = 4,
	CTL_FILE_IN = 5,
	CTL_FILE_OUT = 6,
	CTL_SECRET = 7,
	CTL_DURATION = 8
};
struct ctl_arg {
	const char *name;
	enum ctl_kind kind;
	bool required;
	const char *help;
	const char *choices; /* "a|b|c" */
};
enum ctl_life {
	CTL_ONCE = false,
	CTL_STREAM = true, /* rows follow by ctl_publish() until the client leaves */
	CTL_LASTS /* answers when the duration among its arguments is over, or when `noun end` comes */
};
struct ctl_cmd {
	const char *noun, *verb;
	enum ipc_role level; /* IPC_VIEW, IPC_OPERATE or IPC_ADMIN */
	const char *id_name; /* what [ID] is; NULL: none */
	bool id_required;
	const struct ctl_arg *args;
	size_t nargs;
	const ProtobufCMessageDescriptor *row; /* NULL: text only */
	enum ctl_life life;
	ctl_h *fn;
	const char *help;
};

/* Argument access within a handler and until ctl_done(). Absent: the empty slice / the default. Kinds were checked. */
struct slice ctl_id(const struct ctl_run *r);
bool ctl_has(const struct ctl_run *r, const char *name);
struct slice ctl_text_arg(const struct ctl_run *r, const char *name);
uint64_t ctl_number(const struct ctl_run *r, const char *name, uint64_t absent);
bool ctl_flag(const struct ctl_run *r, const char *name, bool absent);
uint32_t ctl_ms(const struct ctl_run *r, const char *name, uint32_t absent);
/* Bytes of CTL_FILE_IN or CTL_SECRET. Wiped when the command is done. */
struct slice ctl_data_arg(const struct ctl_run *r, const char *name);

void *ctl_ctx(const struct ctl_run *r); /* the node's ctx: struct daemon * */
uid_t ctl_uid(const struct ctl_run *r);
/* Continuation of a long table: what ctl_more() was given before; empty at first. */
struct slice ctl_cursor(const struct ctl_run *r);
/* false: the answer is full (rows so far 48 KiB): call ctl_more() with where to go on, and stop. */
bool ctl_row(struct ctl_run *r, const ProtobufCMessage *row);
void ctl_more(struct ctl_run *r, struct slice cursor);
/* Text for people; several calls follow one another, up to 16 KiB (what is beyond is left out: use rows for more). */
void ctl_say(struct ctl_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ctl_warn(struct ctl_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ctl_data(
    struct ctl_run *r, const void *p, size_t n); /* for CTL_FILE_OUT; copied; up to 4 MiB */
/* The reason and the remedy; returns err. */
int ctl_fail(struct ctl_run *r, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A finding of the pre-flight, `check run`. remedy: what to do; "" when all is well. */
enum ctl_result { CTL_OK, CTL_WARNING, CTL_FAILED };
void ctl_check(struct ctl_run *r, const char *check, enum ctl_result result, const char *remedy,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void ctl_defer(struct ctl_run *r);
/* Ends a deferred command; also from within the handler. r is gone afterwards, except there. */
void ctl_done(struct ctl_run *r, int err);

/* A row for everyone who runs the stream command noun/verb. match: NULL, or the ID that a client may have asked for. */
void ctl_publish(struct ctl *c, const char *noun, const char *verb, const char *match,
    const ProtobufCMessage *row);
bool ctl_watched(const struct ctl *c, const char *noun, const char *verb);
#endif
