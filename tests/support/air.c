/* The soft air interface: portable parts of one process, their connections to bases (air_base.c), faults.
 * Everything that one side does reaches the other in a later turn, through one queue. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/support/air_priv.h"

#define BEARERS        12
#define DEFAULT_SIGNAL (-50)

static void drain(struct tmr *t, void *ctx);

struct air *air_new(uv_loop_t *loop, struct tmr_wheel *w)
{
	struct air *a = mem_new(sizeof(*a));

	(void)loop;
	a->w = w;
	tmr_init(&a->tmr, w, drain, a);
	list_init(&a->pps);
	list_init(&a->bases);
	list_init(&a->conns);
	list_init(&a->queue);
	list_init(&a->nouns);
	list_init(&a->listeners);
	return a;
}

struct tmr_wheel *air_wheel(struct air *a)
{
	return a->w;
}

static void delivery_free(struct delivery *d)
{
	list_remove(&d->node);
	free(d->speech);
	free(d);
}

static void conn_free(struct air_conn *c)
{
	LIST_FOREACH(&c->air->queue, it)
	{
		struct delivery *d = LIST_ENTRY(it, struct delivery, node);

		if (d->c == c)
			delivery_free(d);
	}
	list_remove(&c->node);
	mem_free_wiped(c, sizeof(*c));
}

#define FREE_ALL(head, type)                                                                       \
	while (!list_empty(head)) {                                                                \
		type *x = LIST_ENTRY((head)->next, type, node);                                    \
		list_remove(&x->node);                                                             \
		free(x);                                                                           \
	}

void air_free(struct air *a)
{
	if (!a)
		return;
	tmr_stop(&a->tmr);
	while (!list_empty(&a->queue))
		delivery_free(LIST_ENTRY(a->queue.next, struct delivery, node));
	FREE_ALL(&a->conns, struct air_conn)
	FREE_ALL(&a->pps, struct air_pp)
	FREE_ALL(&a->bases, struct air_base)
	FREE_ALL(&a->nouns, struct air_noun)
	FREE_ALL(&a->listeners, struct air_listener)
	for (unsigned i = 0; i < a->nviolations; i++)
		free(a->violations[i]);
	free(a->violations);
	free(a);
}

struct delivery *air_post(struct air *a, enum kind kind, struct air_conn *c)
{
	struct delivery *d = mem_new(sizeof(*d));

	d->kind = kind;
	d->c = c;
	list_append(&a->queue, &d->node);
	if (!tmr_pending(&a->tmr))
		tmr_start(&a->tmr, 0);
	return d;
}

/* ---- delivery ---- */

void air_unbear(struct air_base *b)
{
	if (b && b->bearers)
		b->bearers--;
}

static void deliver_released(struct air_conn *c, enum air_reason why)
{
	if (!c->pp->gone)
		c->pp->ops->released(c->pp->ctx, c, why);
	conn_free(c);
}

static void deliver_moved(struct air_conn *c, bool ok)
{
	c->pp->ops->moved(c->pp->ctx, c, ok);
}

static void deliver(struct delivery *d)
{
	struct air_conn *c = d->c;

	switch (d->kind) {
	case D_PAGE:
		if (!d->pp->gone)
			d->pp->ops->page(d->pp->ctx, d->b, d->data, d->n);
		break;
	case D_BASE:
		if (!d->pp->gone)
			d->pp->ops->base(d->pp->ctx, d->b, d->arg);
		break;
	case D_CONNECTED:
		if (!c->dead)
			c->pp->ops->connected(c->pp->ctx, c);
		break;
	case D_FRAME_UP:
		if (c->dead)
			break;
		if (c->drop_up)
			c->drop_up--;
		else
			c->base->ops->frame(c->base->ctx, c, c->mcei, d->data, d->n);
		if (!c->dead && !c->pp->gone)
			c->pp->ops->sent(c->pp->ctx, c);
		break;
	case D_FRAME_DOWN:
		if (c->dead || d->b != c->base)
			break;
		if (d->done)
			d->done(d->ctx, d->buffer);
		if (c->drop_down)
			c->drop_down--;
		else if (!c->pp->gone)
			c->pp->ops->frame(c->pp->ctx, c, d->data, d->n);
		break;
	case D_RELEASED:
		deliver_released(c, (enum air_reason)d->arg);
		break;
	case D_KEY:
		if (!c->dead)
			c->pp->ops->base_has_key(c->pp->ctx, c);
		break;
	case D_CIPHERED:
		if (!c->dead && d->b == c->base)
			c->base->ops->ciphered(c->base->ctx, c, c->mcei);
		break;
	case D_EARLY:
		if (!c->dead && !c->pp->gone)
			c->pp->ops->early(c->pp->ctx, c, d->arg);
		break;
	case D_MOVED:
		if (!c->dead)
			deliver_moved(c, d->arg);
		break;
	case D_SPEECH:
		if (!c->dead)
			c->pp->ops->speech(c->pp->ctx, c, d->speech);
		break;
	}
}

static void drain(struct tmr *t, void *ctx)
{
	struct air *a = ctx;
	struct list now;

	(void)t;
	/* Only what was there at the start of this turn. */
	list_init(&now);
	while (!list_empty(&a->queue)) {
		struct list *n = a->queue.next;

		list_remove(n);
		list_append(&now, n);
	}
	while (!list_empty(&now)) {
		struct delivery *d = LIST_ENTRY(now.next, struct delivery, node);
		struct delivery copy = *d;

		/* A connection that is freed takes its later deliveries with it. */
		if (d->kind == D_RELEASED)
			LIST_FOREACH(&now, it)
			{
				struct delivery *o = LIST_ENTRY(it, struct delivery, node);

				if (o != d && o->c == d->c)
					delivery_free(o);
			}
		list_remove(&d->node);
		free(d);
		deliver(&copy);
		free(copy.speech);
	}
}

/* ---- portable parts ---- */

struct air_pp *air_pp_add(struct air *a, const struct air_pp_ops *ops, void *ctx, const char *name)
{
	struct air_pp *p = mem_new(sizeof(*p));

	p->air = a;
	p->ops = ops;
	p->ctx = ctx;
	snprintf(p->name, sizeof(p->name), "%s", name);
	list_append(&a->pps, &p->node);
	LIST_FOREACH(&a->bases, it)
	{
		struct air_base *b = LIST_ENTRY(it, struct air_base, node);

		if (b->on) {
			struct delivery *d = air_post(a, D_BASE, NULL);

			d->pp = p;
			d->b = b;
			d->arg = true;
		}
	}
	return p;
}

void air_lose(struct air_conn *c, enum air_reason why, bool tell_base)
{
	struct air_base *b = c->base, *next = c->next;

	if (c->dead)
		return;
	c->dead = true;
	air_unbear(b);
	if (next)
		air_unbear(next);
	c->next = NULL;
	if (tell_base && b)
		b->ops->released(b->ctx, c, c->mcei, why);
	if (next) /* nobody else tells it */
		next->ops->released(next->ctx, c, c->next_mcei, why);
	air_post(c->air, D_RELEASED, c)->arg = (int)why;
}

void air_pp_remove(struct air_pp *p)
{
	p->gone = true;
	LIST_FOREACH(&p->air->conns, it)
	{
		struct air_conn *c = LIST_ENTRY(it, struct air_conn, node);

		if (c->pp == p)
			air_lose(c, AIR_ABNORMAL, true);
	}
	/* Kept until air_free(): deliveries may still name it. */
}

int air_signal_at(const struct air_pp *p, const struct air_base *b)
{
	for (unsigned i = 0; i < p->nsignals; i++)
		if (p->signals[i].b == b)
			return p->signals[i].dbm;
	return DEFAULT_SIGNAL;
}

bool air_has_signal(const struct air_pp *p, const struct air_base *b)
{
	for (unsigned i = 0; i < p->nsignals; i++)
		if (p->signals[i].b == b)
			return true;
	return false;
}

void air_set_signal(struct air_pp *p, struct air_base *b, int dbm)
{
	for (unsigned i = 0; i < p->nsignals; i++)
		if (p->signals[i].b == b) {
			p->signals[i].dbm = dbm;
			return;
		}
	if (p->nsignals < SIGNALS)
		p->signals[p->nsignals++] = (struct signal){ b, dbm };
}

unsigned air_scan(struct air_pp *p, struct air_base **out, unsigned cap)
{
	unsigned n = 0;

	LIST_FOREACH(&p->air->bases, it)
	{
		struct air_base *b = LIST_ENTRY(it, struct air_base, node);
		int s = air_signal_at(p, b);
		unsigned i;

		if (!b->on || s < NOT_HEARD || cap == 0)
			continue;
		/* The strongest cap ones: the weakest makes room. */
		if (n == cap && air_signal_at(p, out[n - 1]) >= s)
			continue;
		if (n < cap)
			n++;
		for (i = n - 1; i > 0 && air_signal_at(p, out[i - 1]) < s; i--)
			out[i] = out[i - 1];
		out[i] = b;
	}
	return n;
}

void air_base_info(const struct air_base *b, struct air_info *out)
{
	*out = b->info;
}

struct air_conn *air_connect(struct air_pp *p, struct air_base *b, uint32_t pmid)
{
	struct air_conn *c;

	if (!b->on || air_signal_at(p, b) < NOT_HEARD || b->bearers >= BEARERS)
		return NULL;
	c = mem_new(sizeof(*c));
	c->air = p->air;
	c->pp = p;
	c->base = b;
	c->pmid = pmid & 0xfffff;
	list_append(&p->air->conns, &c->node);
	b->bearers++;
	c->mcei = b->ops->setup(b->ctx, c, c->pmid, false);
	if (c->mcei < 0) {
		air_unbear(b);
		conn_free(c);
		return NULL;
	}
	return c;
}

bool air_send(struct air_conn *c, const uint8_t *frame, size_t n)
{
	struct delivery *d;

	if (c->dead || !c->up || n < 3 || n > AIR_FRAME_MAX)
		return false;
	d = air_post(c->air, D_FRAME_UP, c);
	d->n = n;
	memcpy(d->data, frame, n);
	return true;
}

void air_release(struct air_conn *c, bool abnormal)
{
	air_lose(c, abnormal ? AIR_ABNORMAL : AIR_NORMAL, true);
}

bool air_cipher(struct air_conn *c, const uint8_t *dck, size_t n)
{
	if (c->dead || (n && !c->nkey))
		return false;
	if (n && (n != c->nkey || memcmp(c->key, dck, n) != 0)) {
		air_event(c->air, "pp %s deaf: its key and the base's differ", c->pp->name);
		air_lose(c, AIR_ABNORMAL, true);
		return true;
	}
	c->ciphered = n > 0;
	c->early = false;
	if (n)
		air_post(c->air, D_CIPHERED, c)->b = c->base;
	return true;
}

bool air_early(struct air_conn *c, uint16_t index, const uint8_t *key, size_t n)
{
	if (c->dead || !c->up || n > sizeof(c->defck))
		return false;
	memcpy(c->defck, key, n);
	c->ndefck = n;
	if (c->base->ops->early)
		c->base->ops->early(c->base->ctx, c, c->mcei, index);
	else
		air_post(c->air, D_EARLY, c)->arg = false;
	return true;
}

bool air_conn_early(const struct air_conn *c)
{
	return c->early;
}

bool air_handover(struct air_conn *c, struct air_base *b, uint32_t pmid)
{
	if (c->dead || !c->up || c->next || !b->on || air_signal_at(c->pp, b) < NOT_HEARD)
		return false;
	if (b == c->base) { /* bearer handover: nobody above the MAC sees it */
		air_post(c->air, D_MOVED, c)->arg = true;
		return true;
	}
	if (b->bearers >= BEARERS)
		return false;
	b->bearers++;
	c->next = b;
	c->nnext_key = 0;
	c->next_mcei = b->ops->setup(b->ctx, c, pmid & 0xfffff, true);
	if (c->next_mcei < 0) {
		air_unbear(b);
		c->next = NULL;
		return false;
	}
	return true;
}

struct air_base *air_conn_base(const struct air_conn *c)
{
	return c->base;
}

bool air_conn_ciphered(const struct air_conn *c)
{
	return c->ciphered;
}

const char *air_conn_pp(const struct air_conn *c)
{
	return c->pp->name;
}

void air_speak(struct air_conn *c, const int16_t *samples)
{
	if (!c->dead && c->speech)
		c->base->ops->speech(c->base->ctx, c, c->mcei, samples);
}

bool air_speech_open(const struct air_conn *c)
{
	return c->speech;
}

void air_conn_set_user(struct air_conn *c, void *user)
{
	c->user = user;
}

void *air_conn_user(const struct air_conn *c)
{
	return c->user;
}

void air_drop_frames(struct air_conn *c, bool up, unsigned n)
{
	*(up ? &c->drop_up : &c->drop_down) = n;
}
