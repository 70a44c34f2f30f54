/* Users' states to another daemon, as fast as it reads. */
#include "sipd/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define TURN    64 /* users told in one turn of the loop */
#define TURN_MS 2

struct item {             /* who is behind */
	struct list node; /* oldest first */
	struct map_node by_key;
	char key[USER_NAME_MAX + 1];
	char gone[USER_NAME_MAX + 1]; /* the name to take back first; empty: none */
	unsigned what;
};

struct feed {
	struct sipd *s;
	const struct feed_def *def;
	struct ipc_peer *p; /* NULL: away */
	struct list behind;
	struct map by_key;
	size_t ngone;
	struct tmr next;
	bool streaming;
	char last[USER_NAME_MAX + 1]; /* how far the stream is */
	uint32_t count;
};

static bool busy(const struct feed *f)
{
	return ipc_waiting(f->p) >= IPC_QUEUE_BUSY;
}

static void item_free(struct feed *f, struct item *it)
{
	f->ngone -= it->gone[0] != '\0';
	list_remove(&it->node);
	map_del(&f->by_key, &it->by_key);
	free(it);
}

static void forget_all(struct feed *f)
{
	while (!list_empty(&f->behind))
		item_free(f, LIST_ENTRY(f->behind.next, struct item, node));
}

static void tell_item(struct feed *f)
{
	struct item *it = LIST_ENTRY(f->behind.next, struct item, node);
	struct user *u = users_find(f->s->users, slice_str(it->key));

	if (it->gone[0])
		f->def->gone(f->s, f->p, it->gone);
	if (u && it->what)
		f->def->user(f->s, f->p, u, it->what);
	item_free(f, it);
}

static void tell_next(struct feed *f)
{
	struct user *u = users_after(f->s->users, slice_str(f->last));

	if (!u) {
		f->streaming = false;
		f->def->done(f->s, f->p, f->count);
		return;
	}
	f->def->user(f->s, f->p, u, f->def->all(f->s, u));
	(void)snprintf(f->last, sizeof(f->last), "%s", u->key);
	f->count++;
}

static void on_next(struct tmr *t, void *ctx)
{
	struct feed *f = ctx;

	if (f->ngone > USER_MAX) {
		ipc_peer_drop(f->p, "does not read: too many users are gone that it knows");
		return;
	}
	for (unsigned n = 0; f->streaming || !list_empty(&f->behind); n++) {
		if (n == TURN || busy(f)) {
			tmr_start(t, TURN_MS);
			return;
		}
		if (!list_empty(&f->behind))
			tell_item(f);
		else
			tell_next(f);
	}
}

struct feed *feed_new(struct sipd *s, const struct feed_def *def)
{
	struct feed *f = mem_new(sizeof(*f));

	f->s = s;
	f->def = def;
	list_init(&f->behind);
	tmr_init(&f->next, s->d->wheel, on_next, f);
	return f;
}

void feed_free(struct feed *f)
{
	if (!f)
		return;
	forget_all(f);
	map_free(&f->by_key);
	tmr_stop(&f->next);
	free(f);
}

void feed_up(struct feed *f, struct ipc_peer *p)
{
	forget_all(f);
	f->p = p;
	f->streaming = true;
	f->last[0] = '\0';
	f->count = 0;
	tmr_start(&f->next, 0);
}

void feed_down(struct feed *f, const struct ipc_peer *p)
{
	if (f->p != p)
		return;
	forget_all(f);
	f->p = NULL;
	f->streaming = false;
	tmr_stop(&f->next);
}

/* Remembers; what was remembered of the same name keeps its place. */
static struct item *behind(struct feed *f, const struct user *u)
{
	struct map_node *n = map_get(&f->by_key, slice_str(u->key));
	struct item *it;

	if (n)
		return CONTAINER_OF(n, struct item, by_key);
	it = mem_new(sizeof(*it));
	(void)snprintf(it->key, sizeof(it->key), "%s", u->key);
	(void)map_put(&f->by_key, &it->by_key, slice_str(it->key));
	list_append(&f->behind, &it->node);
	if (!tmr_pending(&f->next))
		tmr_start(&f->next, TURN_MS);
	return it;
}

void feed_changed(struct feed *f, struct user *u, unsigned what)
{
	if (!f || !f->p)
		return;
	if (list_empty(&f->behind) && !busy(f))
		f->def->user(f->s, f->p, u, what);
	else
		behind(f, u)->what |= what;
}

void feed_gone(struct feed *f, const struct user *u)
{
	struct item *it;

	if (!f || !f->p)
		return;
	if (list_empty(&f->behind) && !busy(f)) {
		f->def->gone(f->s, f->p, u->f[USER_NAME]);
		return;
	}
	it = behind(f, u);
	it->what = 0;
	if (!it->gone[0]) {
		(void)snprintf(it->gone, sizeof(it->gone), "%s", u->f[USER_NAME]);
		f->ngone++;
	}
}

size_t feed_behind(const struct feed *f)
{
	return f->by_key.n;
}
