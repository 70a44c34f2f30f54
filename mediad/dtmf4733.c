/* Telephone events, RFC 4733. */
#include "mediad/dtmf4733.h"

#include <string.h>

#include "mediad/dtmf.h"

int dtmf4733_parse(const uint8_t *p, size_t n, struct dtmf4733 *out)
{
	if (n == 0 || n % DTMF4733_OCTETS)
		return ERR_TRUNCATED;
	out->event = p[0];
	out->end = p[1] >> 7;
	out->volume = p[1] & 0x3f;
	out->duration = (uint16_t)(p[2] << 8 | p[3]);
	return 0;
}

void dtmf4733_put(const struct dtmf4733 *e, uint8_t *p)
{
	p[0] = e->event;
	p[1] = (uint8_t)(e->end << 7 | (e->volume & 0x3f));
	p[2] = (uint8_t)(e->duration >> 8);
	p[3] = (uint8_t)e->duration;
}

bool dtmf4733_rx(struct dtmf4733_rx *r, const struct dtmf4733 *e, uint32_t ts)
{
	bool fresh;

	if (r->any && ts == r->ts) {
		/* An update or a repetition; one event has one timestamp. */
		if (e->duration > r->duration)
			r->duration = e->duration;
		r->ended |= e->end;
		return false;
	}
	if (r->any && (int32_t)(ts - r->ts) < 0 && (int32_t)(r->ts - ts) < 8000 * 4)
		return false; /* a late packet of the event before */
	fresh = !(r->any && !r->ended && e->event == r->event && ts == r->ts + r->duration);
	r->any = true;
	r->ts = ts;
	r->event = e->event;
	r->duration = e->duration;
	r->ended = e->end;
	return fresh;
}

int dtmf4733_add(struct dtmf4733_tx *t, char digit, uint32_t ms, uint32_t gap_ms)
{
	int ev = dtmf_event(digit);

	if (ev < 0)
		return ERR_VALUE;
	if (t->n == DTMF4733_QUEUE)
		return ERR_LIMIT;
	t->queue[t->n] = (uint8_t)ev;
	t->ms[t->n] = (uint16_t)(ms < 40 ? 40 : ms > 5000 ? 5000 : ms);
	t->gap[t->n] = (uint16_t)(gap_ms < 40 ? 40 : gap_ms > 5000 ? 5000 : gap_ms);
	t->n++;
	return 0;
}

static void next(struct dtmf4733_tx *t)
{
	t->n--;
	memmove(t->queue, t->queue + 1, t->n);
	memmove(t->ms, t->ms + 1, t->n * sizeof(t->ms[0]));
	memmove(t->gap, t->gap + 1, t->n * sizeof(t->gap[0]));
}

unsigned dtmf4733_step(struct dtmf4733_tx *t, uint32_t ticks, uint32_t now_ts, struct dtmf4733 *e,
    uint32_t *ts, bool *marker)
{
	uint32_t whole;

	*marker = false;
	if (!t->on) {
		if (t->left_gap) {
			t->left_gap = t->left_gap > ticks ? t->left_gap - ticks : 0;
			return 0;
		}
		if (t->n == 0)
			return 0;
		t->on = true;
		t->sent = 0;
		t->ts = now_ts;
		*marker = true;
	}
	whole = t->ms[0] * 8u;
	t->sent += ticks;
	*ts = t->ts;
	*e = (struct dtmf4733){ .event = t->queue[0], .volume = 10, .end = t->sent >= whole };
	e->duration = (uint16_t)(t->sent > whole ? whole : t->sent);
	if (!e->end)
		return 1;
	t->on = false;
	t->left_gap = t->gap[0] * 8u;
	next(t);
	return 3;
}
