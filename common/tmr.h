#ifndef COMMON_TMR_H
#define COMMON_TMR_H
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/list.h"

/* Timers by the thousand on one libuv handle, in a hierarchical wheel of monotonic milliseconds. A timer is embedded
 * in its owner; it is not in any list while not pending. Callbacks run from the loop, never from tmr_start, in
 * order of time, and at equal times in order of start.
 *
 * With a NULL loop the wheel is driven by hand: tests advance a fake clock with tmr_advance. */
struct tmr_wheel;
struct tmr;
typedef void(tmr_h)(struct tmr *t, void *ctx);

struct tmr {
	struct tmr_wheel *w;
	uint64_t at, seq;
	struct list node;
	uint32_t slot; /* where it lies + 1; 0: not pending */
	tmr_h *fn;
	void *ctx;
};

struct tmr_wheel *tmr_wheel_new(uv_loop_t *loop);
/* Pending timers never fire. With a loop: the memory goes in the handle's close callback, run the loop once more. */
void tmr_wheel_free(struct tmr_wheel *w);
uint64_t tmr_now(const struct tmr_wheel *w); /* ms, of this loop turn */

/* *t is zeroed, or was initialised before: then it is stopped. */
void tmr_init(struct tmr *t, struct tmr_wheel *w, tmr_h *fn, void *ctx);
void tmr_start(struct tmr *t, uint64_t ms); /* restarts when pending */
void tmr_stop(struct tmr *t);               /* fine when not pending or zeroed */
static inline bool tmr_pending(const struct tmr *t)
{
	return t->slot != 0;
}
uint64_t tmr_left(const struct tmr *t); /* ms until it fires; 0 when not pending */

/* Fake clock: moves time on by ms and fires what is due, in order, each at its own time. */
void tmr_advance(struct tmr_wheel *w, uint64_t ms);
/* Fake clock: ms until the next timer, UINT64_MAX when none is pending. */
uint64_t tmr_next(const struct tmr_wheel *w);
#endif
