/* Timers: a binary heap on one libuv timer handle, or on a fake clock. */
#include "common/tmr.h"

#include <stdlib.h>

#include "common/mem.h"

struct ent { /* what is compared lies side by side: a heap of thousands is bound by cache misses */
	uint64_t at, seq;
	struct tmr *t;
};

struct tmr_wheel {
	uv_loop_t *loop;
	uv_timer_t handle;
	uint64_t fake_now, seq;
	struct ent *heap;
	uint32_t n, cap;
};

static bool before(const struct ent *a, const struct ent *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void place(struct tmr_wheel *w, uint32_t i, const struct ent *e)
{
	w->heap[i] = *e;
	e->t->slot = i + 1;
}

static void sift_up(struct tmr_wheel *w, uint32_t i)
{
	struct ent e = w->heap[i];

	for (; i > 0 && before(&e, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		place(w, i, &w->heap[(i - 1) / 2]);
	place(w, i, &e);
}

static void sift_down(struct tmr_wheel *w, uint32_t i)
{
	struct ent e = w->heap[i];

	for (uint32_t kid; (kid = 2 * i + 1) < w->n; i = kid) {
		if (kid + 1 < w->n && before(&w->heap[kid + 1], &w->heap[kid]))
			kid++;
		if (!before(&w->heap[kid], &e))
			break;
		place(w, i, &w->heap[kid]);
	}
	place(w, i, &e);
}

static void unlink_timer(struct tmr_wheel *w, struct tmr *t)
{
	uint32_t i = t->slot - 1;
	struct ent last = w->heap[--w->n];

	t->slot = 0;
	if (last.t != t) {
		place(w, i, &last);
		sift_up(w, i);
		sift_down(w, last.t->slot - 1);
	}
}

static void fire_due(struct tmr_wheel *w, uint64_t now)
{
	uint64_t newest = w->seq; /* a timer started by a callback waits for the next turn */

	while (w->n && w->heap[0].at <= now && w->heap[0].seq <= newest) {
		struct tmr *t = w->heap[0].t;

		unlink_timer(w, t);
		t->fn(t, t->ctx);
	}
}

static void on_timer(uv_timer_t *h);

static void rearm(struct tmr_wheel *w)
{
	if (!w->loop)
		return;
	if (!w->n) {
		uv_timer_stop(&w->handle);
		return;
	}
	uint64_t now = uv_now(w->loop), at = w->heap[0].at;
	uv_timer_start(&w->handle, on_timer, at > now ? at - now : 0, 0);
}

static void on_timer(uv_timer_t *h)
{
	struct tmr_wheel *w = h->data;

	fire_due(w, uv_now(w->loop));
	rearm(w);
}

struct tmr_wheel *tmr_wheel_new(uv_loop_t *loop)
{
	struct tmr_wheel *w = mem_new(sizeof(*w));

	w->loop = loop;
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

void tmr_wheel_free(struct tmr_wheel *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; i < w->n; i++)
		w->heap[i].t->slot = 0;
	w->n = 0;
	free(w->heap);
	w->heap = NULL;
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
	*t = (struct tmr){ .w = w, .fn = fn, .ctx = ctx };
}

void tmr_start(struct tmr *t, uint64_t ms)
{
	struct tmr_wheel *w = t->w;
	struct tmr *first = w->n ? w->heap[0].t : NULL;

	t->at = tmr_now(w) + ms;
	t->seq = ++w->seq;
	if (t->slot) { /* from where it is */
		w->heap[t->slot - 1] = (struct ent){ t->at, t->seq, t };
		sift_up(w, t->slot - 1);
		sift_down(w, t->slot - 1);
	} else {
		if (w->n == w->cap) {
			w->cap = w->cap ? w->cap * 2 : 64;
			w->heap = mem_grow(w->heap, w->cap, sizeof(*w->heap));
		}
		w->heap[w->n] = (struct ent){ t->at, t->seq, t };
		sift_up(w, w->n++);
	}
	if (w->heap[0].t != first || first == t)
		rearm(w);
}

void tmr_stop(struct tmr *t)
{
	if (!t->slot)
		return;
	bool was_first = t->slot == 1;
	unlink_timer(t->w, t);
	if (was_first)
		rearm(t->w);
}

uint64_t tmr_left(const struct tmr *t)
{
	uint64_t now = t->slot ? tmr_now(t->w) : 0;

	return t->slot && t->at > now ? t->at - now : 0;
}

uint64_t tmr_next(const struct tmr_wheel *w)
{
	if (!w->n)
		return UINT64_MAX;
	return w->heap[0].at > w->fake_now ? w->heap[0].at - w->fake_now : 0;
}

void tmr_advance(struct tmr_wheel *w, uint64_t ms)
{
	uint64_t until = w->fake_now + ms;

	BUG_ON(w->loop != NULL);
	while (w->n && w->heap[0].at <= until) {
		struct tmr *t = w->heap[0].t;

		if (t->at > w->fake_now)
			w->fake_now = t->at;
		unlink_timer(w, t);
		t->fn(t, t->ctx);
	}
	w->fake_now = until;
}
