#ifndef COMMON_LOG_H
#define COMMON_LOG_H
#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

#include "common/slice.h"

/* Structured log. The text is constant and greppable; everything variable is a field.
 *
 *   log_ev(LOG_NOTICE, "call answered", F_CALL(c->ref), F_U64("IPDECT_MS", ms));
 *
 * In the journal an event of notice and above has a name that is made of its text (IPDECT_EVENT=call-answered): a text that
 * changes is a name that changes. docs/events.md lists them, tests/lint/events.py holds the list to the sources.
 *
 * Levels: err = someone must act; warning = degraded, heals itself; notice = once per call or link event;
 * info = per message; debug = off until switched on. Text from a peer is escaped (controls become \xNN).
 * Lines beyond 20 in 5 s from one place are counted and reported, not written. */
struct log_field {
	const char *key;
	struct slice s;
	uint64_t u;
	enum { LF_S, LF_U, LF_X } kind;
};

#define F_STR(k, sl)    ((struct log_field){ .key = (k), .s = (sl), .kind = LF_S })
#define F_TEXT(k, cstr) F_STR(k, slice_str(cstr)) /* NULL: the field is left out */
#define F_U64(k, v)     ((struct log_field){ .key = (k), .u = (uint64_t)(v), .kind = LF_U })
#define F_CALL(ref)     ((struct log_field){ .key = "IPDECT_CALL", .u = (ref), .kind = LF_X })
#define F_RFP(id)       F_U64("IPDECT_RFP", id)
#define F_USER(cstr)    F_TEXT("IPDECT_USER", cstr)
#define F_PP(cstr)      F_TEXT("IPDECT_PP", cstr)
#define F_PEER(cstr)    F_TEXT("IPDECT_PEER", cstr)
#define F_ERR(e)        F_TEXT("IPDECT_ERR", err_name(e))
#define F_WHY(cstr)     F_TEXT("IPDECT_WHY", cstr)
#define F_REMEDY(cstr)  F_TEXT("IPDECT_REMEDY", cstr)
#define F_ID(cstr)                                                                                 \
	F_TEXT("MESSAGE_ID", cstr) /* 32 hex digits, for events that an operator alarms on */
#define F_KEYID(hexcstr) F_TEXT("IPDECT_KEY", hexcstr) /* a public hash that names a key */

#define log_ev(prio, text, ...)                                                                    \
	log_write(prio, __FILE__, __LINE__, __func__, text,                                        \
	    (const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ 0 } })
void log_write(int prio, const char *file, int line, const char *func, const char *text,
    const struct log_field *f);

/* The name of an event: its text in small letters, each run of other characters a "-". False: cap is too small. */
bool log_event_name(const char *text, char *out, size_t cap);
/* Chooses the journal when stderr is one (JOURNAL_STREAM), else stderr with a <n> prefix. ident is kept. */
void log_open(const char *ident);
void log_set_level(int prio); /* LOG_ERR … LOG_DEBUG; default LOG_NOTICE */
int log_level(void);
/* -1 where the word is no level ("err", "warning", "notice", "info", "debug"). */
int log_level_parse(struct slice word);
const char *log_level_name(int prio);
/* Tests: receives what would have been written instead. NULL restores. */
void log_capture(void (*sink)(int prio, const char *line, void *ctx), void *ctx);
/* How many lines were dropped by the rate limit since start. */
uint64_t log_suppressed(void);
#endif
