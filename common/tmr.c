/* Timers: a hierarchical wheel of single milliseconds on one libuv timer handle, or on a fake clock. */
#include "common/tmr.h"

#include <stdlib.h>

#include "common/mem.h"

/* Level 0 has a slot for each of 64 ms, the next one for each of 64 times 64 ms, and so on to all of 64 bits. A timer lies
 * at the highest digit (to base 64) in which its time differs from `cur`, in the slot of its own digit there: so the slots
 * of a level hold later times from left to right, those of a higher level later ones than all below, and the slot of cur's
 * own digit is empty. When cur reaches a slot of a higher level its timers move down. Starting and stopping touch the
 * timer and its neighbours only, however many there are. */
#define BITS    6
#define SLOTS   (1u << BITS)
#define LEVELS  11
#define DUE     UINT32_MAX /* tmr.slot of what lies in wheel.due */
#define LOOK_AT 16         /* timers compared to find when to wake up */

struct tmr_wheel {
	uv_loop_t *loop;
	uv_timer_t handle;
	uint64_t fake_now, seq;
	uint64_t cur;   /* everything before and at it is in due, or has fired */
	uint64_t armed; /* when the handle fires; UINT64_MAX: it does not */
	size_t n;
	uint64_t used[LEVELS]; /* by bit: slots that are not empty */
	struct list slot[LEVELS][SLOTS];
	struct list due; /* by time, at equal times by start */
	struct tmr **sort;
	size_t nsort;
};

static void put(struct tmr_wheel *w, struct tmr *t, unsigned level)
{
	unsigned s = (unsigned)(t->at >> (level * BITS)) & (SLOTS - 1);

	t->slot = level * SLOTS + s + 1;
	list_append(&w->slot[level][s], &t->node);
	w->used[level] |= 1ull << s;
}

static void place(struct tmr_wheel *w, struct tmr *t)
{
	if (t->at > w->cur) {
		put(w, t, (unsigned)(63 - __builtin_clzll(t->at ^ w->cur)) / BITS);
		return;
	}
	t->slot = DUE;
	list_append(&w->due, &t->node);
}

static void unlink_timer(struct tmr_wheel *w, struct tmr *t)
{
	unsigned at = t->slot - 1;

	list_remove(&t->node);
	w->n--;
	if (t->slot != DUE && list_empty(&w->slot[at / SLOTS][at % SLOTS]))
		w->used[at / SLOTS] &= ~(1ull << at % SLOTS);
	t->slot = 0;
}

/* The lowest level that holds something, and its first slot; false: all are empty. */
static bool first_slot(const struct tmr_wheel *w, unsigned *level, unsigned *s)
{
	for (*level = 0; *level < LEVELS; ++*level) {
		if (!w->used[*level])
			continue;
		*s = (unsigned)__builtin_ctzll(w->used[*level]);
		return true;
	}
	return false;
}

/* When cur must stop next: at a timer, or where a slot's timers move down. UINT64_MAX: nowhere. */
static uint64_t next_stop(const struct tmr_wheel *w)
{
	unsigned level, s, shift;

	if (!list_empty(&w->due))
		return w->cur;
	if (!first_slot(w, &level, &s))
		return UINT64_MAX;
	shift = level * BITS;
	return ((w->cur >> shift & ~(uint64_t)(SLOTS - 1)) | s) << shift;
}

static int by_seq(const void *a, const void *b)
{
	const struct tmr *x = *(struct tmr *const *)a, *y = *(struct tmr *const *)b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

/* The timers of one millisecond, due now. Those that moved down lie behind those that were started later. */
static void take_due(struct tmr_wheel *w, struct list *slot)
{
	uint64_t last = 0;
	size_t n = 0;
	bool sorted = true;

	LIST_FOREACH(slot, it)
	{
		struct tmr *t = LIST_ENTRY(it, struct tmr, node);

		if (n == w->nsort) {
			w->nsort = n ? 2 * n : 64;
			w->sort = mem_grow(w->sort, w->nsort, sizeof(struct tmr *));
		}
		w->sort[n++] = t;
		sorted = sorted && t->seq > last;
		last = t->seq;
		list_remove(it);
	}
	if (!sorted)
		qsort(w->sort, n, sizeof(struct tmr *), by_seq);
	for (size_t i = 0; i < n; i++) {
		w->sort[i]->slot = DUE;
		list_append(&w->due, &w->sort[i]->node);
	}
}

/* To the next stop: `at` is what next_stop says. */
static void move_to(struct tmr_wheel *w, uint64_t at)
{
	unsigned level, s;

	w->cur = at;
	if (!first_slot(w, &level, &s))
		return;
	w->used[level] &= ~(1ull << s);
	if (level == 0) {
		take_due(w, &w->slot[0][s]);
		return;
	}
	/* What is due at this very moment comes through a slot, too, for its order. */
	LIST_FOREACH(&w->slot[level][s], it)
	{
		struct tmr *t = LIST_ENTRY(it, struct tmr, node);
		unsigned low =
		    t->at == at ? 0 : (unsigned)(63 - __builtin_clzll(t->at ^ at)) / BITS;

		list_remove(it);
		put(w, t, low);
	}
	if (w->used[0] & 1) {
		w->used[0] &= ~1ull;
		take_due(w, &w->slot[0][0]);
	}
}

static void fire_due(struct tmr_wheel *w, uint64_t now)
{
	uint64_t newest = w->seq; /* a timer started by a callback waits for the next turn */

	for (;;) {
		while (!list_empty(&w->due)) {
			struct tmr *t = LIST_ENTRY(w->due.next, struct tmr, node);

			if (t->seq > newest)
				return;
			unlink_timer(w, t);
			t->fn(t, t->ctx);
		}
		uint64_t at = next_stop(w);
		if (at > now) {
			w->cur = now;
			return;
		}
		move_to(w, at);
	}
}

/* The earliest time; UINT64_MAX: none is pending. Of more than `most` timers that come into question, when they move. */
static uint64_t earliest(const struct tmr_wheel *w, size_t most)
{
	uint64_t at = UINT64_MAX;
	unsigned level, s;

	if (!list_empty(&w->due))
		return LIST_ENTRY(w->due.next, struct tmr, node)->at;
	if (!first_slot(w, &level, &s))
		return at;
	LIST_FOREACH(&w->slot[level][s], it)
	{
		const struct tmr *t = LIST_ENTRY(it, struct tmr, node);

		if (most-- == 0)
			return next_stop(w);
		at = t->at < at ? t->at : at;
	}
	return at;
}

static void on_timer(uv_timer_t *h);

static void arm(struct tmr_wheel *w, uint64_t at)
{
	uint64_t now = uv_now(w->loop);

	w->armed = at;
	uv_timer_start(&w->handle, on_timer, at > now ? at - now : 0, 0);
}

static void on_timer(uv_timer_t *h)
{
	struct tmr_wheel *w = h->data;
	uint64_t at;

	w->armed = 0; /* nobody arms it from inside */
	fire_due(w, uv_now(w->loop));
	at = earliest(w, LOOK_AT);
	w->armed = UINT64_MAX;
	if (at != UINT64_MAX)
		arm(w, at);
}

struct tmr_wheel *tmr_wheel_new(uv_loop_t *loop)
{
	struct tmr_wheel *w = mem_new(sizeof(*w));

	w->loop = loop;
	w->armed = UINT64_MAX;
	list_init(&w->due);
	for (unsigned i = 0; i < LEVELS * SLOTS; i++)
		list_init(&w->slot[i / SLOTS][i % SLOTS]);
	if (loop) {
		uv_timer_init(loop, &w->handle);
		w->handle.data = w;
		uv_unref((uv_handle_t *)&w->handle); /* a timer alone keeps no process alive */
	}
	return w;
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

static void drop_all(struct list *l)
{
	LIST_FOREACH(l, it)
	{
		LIST_ENTRY(it, struct tmr, node)->slot = 0;
		list_remove(it);
	}
}

void tmr_wheel_free(struct tmr_wheel *w)
{
	if (!w)
		return;
	drop_all(&w->due);
	for (unsigned i = 0; i < LEVELS * SLOTS; i++)
		drop_all(&w->slot[i / SLOTS][i % SLOTS]);
	free(w->sort);
	if (w->loop)
		uv_close((uv_handle_t *)&w->handle, on_closed);
	else
		free(w);
}

uint64_t tmr_now(const struct tmr_wheel *w)
{
	return w->loop ? uv_now(w->loop) : w->fake_now;
}

void tmr_init(struct tmr *t, struct tmr_wheel *w, tmr_h *fn, void *ctx)
{
	tmr_stop(t);
	*t = (struct tmr){ .w = w, .fn = fn, .ctx = ctx };
}

void tmr_start(struct tmr *t, uint64_t ms)
{
	struct tmr_wheel *w = t->w;
	uint64_t now = tmr_now(w);

	if (t->slot)
		unlink_timer(w, t);
	if (!w->n)
		w->cur = now;
	t->at = now + ms;
	t->seq = ++w->seq;
	w->n++;
	place(w, t);
	if (w->loop && t->at < w->armed)
		arm(w, t->at);
}

/* The handle stays as it is: should it fire for nothing, it finds out what is next. */
void tmr_stop(struct tmr *t)
{
	if (t->slot)
		unlink_timer(t->w, t);
}

uint64_t tmr_left(const struct tmr *t)
{
	uint64_t now = t->slot ? tmr_now(t->w) : 0;

	return t->slot && t->at > now ? t->at - now : 0;
}

uint64_t tmr_next(const struct tmr_wheel *w)
{
	uint64_t at = earliest(w, SIZE_MAX);

	if (at == UINT64_MAX)
		return at;
	return at > w->fake_now ? at - w->fake_now : 0;
}

void tmr_advance(struct tmr_wheel *w, uint64_t ms)
{
	uint64_t until = w->fake_now + ms, at = 0;

	BUG_ON(w->loop != NULL);
	while (!list_empty(&w->due) || (at = next_stop(w)) <= until) {
		if (list_empty(&w->due)) {
			move_to(w, at);
			continue;
		}
		struct tmr *t = LIST_ENTRY(w->due.next, struct tmr, node);
		if (t->at > w->fake_now)
			w->fake_now = t->at;
		unlink_timer(w, t);
		t->fn(t, t->ctx);
	}
	w->fake_now = w->cur = until;
}
