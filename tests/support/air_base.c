/* Bases of the soft air interface: what they broadcast, and their side of connections. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "tests/support/air_priv.h"

struct air_base *air_base_add(
    struct air *a, const struct air_base_ops *ops, void *ctx, const char *name)
{
	struct air_base *b = mem_new(sizeof(*b));

	b->air = a;
	b->ops = ops;
	b->ctx = ctx;
	snprintf(b->name, sizeof(b->name), "%s", name);
	list_append(&a->bases, &b->node);
	return b;
}

const char *air_base_name(const struct air_base *b)
{
	return b->name;
}

static void tell_all(struct air_base *b, bool up)
{
	LIST_FOREACH(&b->air->pps, it)
	{
		struct air_pp *p = LIST_ENTRY(it, struct air_pp, node);
		struct delivery *d;

		if (p->gone)
			continue;
		d = air_post(b->air, D_BASE, NULL);
		d->pp = p;
		d->b = b;
		d->arg = up;
	}
}

void air_base_on(struct air_base *b, const struct air_info *info)
{
	b->on = true;
	b->info = *info;
	tell_all(b, true);
}

void air_base_off(struct air_base *b)
{
	if (!b->on)
		return;
	b->on = false;
	LIST_FOREACH(&b->air->conns, it)
	{
		struct air_conn *c = LIST_ENTRY(it, struct air_conn, node);

		if (c->base == b)
			air_lose(c, AIR_BASE_LOST, false);
		else if (c->next == b)
			air_base_refuse(c);
	}
	b->bearers = 0;
	tell_all(b, false);
}

void air_base_remove(struct air_base *b)
{
	air_base_off(b); /* kept until air_free(): deliveries may still name it */
}

void air_base_page(struct air_base *b, const uint8_t *page, size_t n)
{
	if (n > AIR_FRAME_MAX)
		return;
	LIST_FOREACH(&b->air->pps, it)
	{
		struct air_pp *p = LIST_ENTRY(it, struct air_pp, node);
		struct delivery *d;

		if (p->gone || air_signal_at(p, b) < NOT_HEARD)
			continue;
		d = air_post(b->air, D_PAGE, NULL);
		d->pp = p;
		d->b = b;
		d->n = n;
		memcpy(d->data, page, n);
	}
}

void air_base_accept(struct air_conn *c)
{
	if (c->dead)
		return;
	if (c->next) {
		struct air_base *old = c->base;

		air_unbear(old);
		c->base = c->next;
		c->next = NULL;
		c->speech = false;
		old->ops->moved_away(old->ctx, c, c->mcei);
		c->mcei = c->next_mcei;
		if (c->ciphered &&
		    (c->nnext_key != c->nkey || memcmp(c->key, c->next_key, c->nkey) != 0)) {
			air_event(c->air, "pp %s deaf: the new base has not its key", c->pp->name);
			air_lose(c, AIR_ABNORMAL, true);
			return;
		}
		air_post(c->air, D_MOVED, c)->arg = true;
		return;
	}
	c->up = true;
	air_post(c->air, D_CONNECTED, c);
}

void air_base_refuse(struct air_conn *c)
{
	if (c->dead)
		return;
	if (c->next) {
		air_unbear(c->next);
		c->next = NULL;
		air_post(c->air, D_MOVED, c)->arg = false;
		return;
	}
	air_lose(c, AIR_REFUSED, false);
}

void air_base_frame(struct air_conn *c, const uint8_t *frame, size_t n,
    void (*done)(void *ctx, int buffer), void *ctx, int buffer)
{
	struct delivery *d;

	if (c->dead || n > AIR_FRAME_MAX)
		return;
	d = air_post(c->air, D_FRAME_DOWN, c);
	d->b = c->base;
	d->n = n;
	memcpy(d->data, frame, n);
	d->done = done;
	d->ctx = ctx;
	d->buffer = buffer;
}

void air_base_key(struct air_conn *c, const uint8_t *dck, size_t n)
{
	if (c->dead || n > sizeof(c->key))
		return;
	memcpy(c->key, dck, n);
	c->nkey = n;
	air_post(c->air, D_KEY, c);
}

void air_base_early(struct air_conn *c, const uint8_t *key, size_t n)
{
	if (c->dead)
		return;
	if (n && (n != c->ndefck || memcmp(c->defck, key, n) != 0)) {
		air_event(c->air, "pp %s deaf: its default key and the base's differ", c->pp->name);
		air_lose(c, AIR_ABNORMAL, true);
		return;
	}
	if (n) {
		memcpy(c->key, key, n);
		c->nkey = n;
		c->ciphered = c->early = true;
		air_post(c->air, D_CIPHERED, c)->b = c->base;
	}
	air_post(c->air, D_EARLY, c)->arg = n > 0;
}

void air_base_handover_key(struct air_conn *c, const uint8_t *dck, size_t n)
{
	if (c->dead || n > sizeof(c->next_key))
		return;
	if (n)
		memcpy(c->next_key, dck, n);
	c->nnext_key = n;
}

void air_base_release(struct air_conn *c, enum air_reason why)
{
	air_lose(c, why, false);
}

void air_base_speech(struct air_conn *c, const int16_t *samples)
{
	if (!c->dead)
		air_post(c->air, D_SPEECH, c)->speech =
		    mem_dup(samples, AIR_SAMPLES * sizeof(*samples));
}

void air_base_speech_open(struct air_conn *c, bool open)
{
	c->speech = open;
}
