#ifndef SIPD_CDR_H
#define SIPD_CDR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "common/tmr.h"

/* Call detail records and the handsets' call lists, in SQLite (calls.db). A record is opened when the call begins and
 * completed when it ends, so that a killed process loses none: what stayed open is closed at the next start with cause
 * "interrupted". Writes are grouped: a commit every 50 ms (write-ahead log, synchronous = NORMAL: a killed process
 * loses at most the last group, and nothing is ever torn). */
enum cdr_kind {
	CDR_PLACED = 1,
	CDR_RECEIVED = 2,
	CDR_MISSED = 3,
	CDR_ALL = 4
}; /* of call.LogKind */
#define CDR_TEXT_MAX 256

struct cdr_rec {
	uint64_t id, call; /* call: the reference of the handset's call */
	enum cdr_kind kind;
	uint64_t start, answered, ended; /* Unix milliseconds; 0: not */
	bool unread, elsewhere,
	    hidden; /* hidden: cleared from the handset's list, still a record */
	struct slice user, name, number, uri, cause, sip_call_id, rfp, media, diverted;
};
static inline uint64_t cdr_seconds(const struct cdr_rec *r)
{
	return r->answered && r->ended > r->answered ? (r->ended - r->answered + 500) / 1000 : 0;
}

struct cdr;
/* wheel: for the grouping; NULL: every call commits at once. ":memory:" for tests. */
struct cdr *cdr_open(const char *path, struct tmr_wheel *wheel, int *err);
void cdr_close(struct cdr *c); /* commits */
/* Opens a record; r->id is set. A store that cannot be written is logged and counted, a call never fails by it. */
void cdr_begin(struct cdr *c, struct cdr_rec *r);
/* Everything but user, call and start may have changed. ended = 0: still running. */
void cdr_update(struct cdr *c, const struct cdr_rec *r);

typedef void(cdr_row_h)(void *ctx, const struct cdr_rec *r); /* slices valid during the call */
/* A handset's list, newest first. total and unread of the kind. */
int cdr_list(struct cdr *c, struct slice user, enum cdr_kind kind, uint32_t from, uint32_t max,
    cdr_row_h *fn, void *ctx, uint32_t *total, uint32_t *unread) MUST_CHECK;
uint32_t cdr_missed(struct cdr *c, struct slice user); /* unread missed calls */
int cdr_mark_read(struct cdr *c, struct slice user, enum cdr_kind kind) MUST_CHECK;
/* id 0: all of the kind. */
int cdr_clear(struct cdr *c, struct slice user, enum cdr_kind kind, uint64_t id) MUST_CHECK;
/* What redial dials: the newest placed call's URI or number. ERR_NOTFOUND. */
int cdr_redial(struct cdr *c, struct slice user, char *out, size_t cap) MUST_CHECK;
/* Records for the administrator, newest first, ids below `before` (0: from the newest). user may be empty: all. */
int cdr_records(struct cdr *c, struct slice user, uint64_t before, uint32_t max, cdr_row_h *fn,
    void *ctx) MUST_CHECK;
/* Deletes what ended before (Unix milliseconds). */
int cdr_prune(struct cdr *c, uint64_t before) MUST_CHECK;
int cdr_flush(struct cdr *c);
uint64_t cdr_failures(const struct cdr *c);
#endif
