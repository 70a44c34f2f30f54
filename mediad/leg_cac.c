/* LYNC: call admission control of a leg: its RTP port asks, its path and codec are what is reserved. */
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "mediad/leg.h"
#include "mediad/sess.h"

static void wake(struct leg *l)
{
	struct leg_cac *k = l->cac;

	if (!k || k->node.next != &k->node ||
	    cac_next(&k->cac) > mediad_now(l->plane) + LEG_CAC_SOON_US)
		return;
	list_append(&l->plane->cac, &k->node);
	mediad_ticking(l->plane);
}

static void on_send(void *ctx, const struct addr *server, const uint8_t *p, size_t n)
{
	struct leg *l = ctx;

	path_send_now(l->plane->path, &l->socks->rtp, p, n, server);
}

static void on_report(void *ctx, enum cac_report r)
{
	struct leg *l = ctx;
	struct media_ev ev = {
		.kind = MEDIA_EV_CAC, .side = l->side, .value = (uint32_t)r, .cac = l->cac
	};

	if (l->plane->event)
		l->plane->event(l->plane, l->sess, &ev);
}

static const struct cac_ops ops = { on_send, on_report };

static struct cac_amount now(const struct leg *l)
{
	struct cac_amount a = cac_need((enum codec)l->tx_codec);

	return a.max ? a : cac_need(CODEC_PCMA);
}

static bool equal(const struct cac_path *a, const struct cac_path *b)
{
	for (int i = 0; i < CAC_ENDS; i++)
		if (addr_set(&a->end[i]) != addr_set(&b->end[i]) ||
		    (addr_set(&a->end[i]) && !addr_eq(&a->end[i], &b->end[i])))
			return false;
	return true;
}

/* The path as it is; false: none is chosen yet. */
static bool path_of(const struct leg *l, struct cac_path *out)
{
	const struct leg_cac *k = l->cac;
	struct cand local, remote;

	*out = (struct cac_path){ .end[CAC_LOCAL] = l->local };
	if (!l->ice) {
		out->end[CAC_REMOTE] = l->remote;
		return addr_set(&l->remote) && !addr_any(&l->remote);
	}
	if (!l->ice_done || !ice_selected(l->ice, 1, &local, &remote))
		return false;
	if (local.type == CAND_RELAY)
		out->end[CAC_LOCAL_RELAY] = local.addr;
	if (remote.type == CAND_RELAY)
		out->end[CAC_REMOTE_RELAY] = remote.addr;
	/* The site is where its host is, not the far side of its NAT. */
	out->end[CAC_REMOTE] =
	    remote.type != CAND_HOST && addr_set(&k->remote) ? k->remote : remote.addr;
	return true;
}

void leg_cac_path(struct leg *l)
{
	struct leg_cac *k = l->cac;
	struct cac_path p;

	if (!k || k->check || !path_of(l, &p) || (k->committed && equal(&p, &k->path)))
		return;
	k->committed = true;
	k->path = p;
	cac_commit(&k->cac, &p, now(l), mediad_now(l->plane));
	wake(l);
}

void leg_cac_codec(struct leg *l)
{
	struct leg_cac *k = l->cac;

	if (!k || k->check || !k->committed)
		return;
	cac_amount(&k->cac, now(l), mediad_now(l->plane));
	wake(l);
}

void leg_cac_close(struct leg *l)
{
	struct leg_cac *k = l->cac;

	if (!k)
		return;
	const struct turn *t = l->ice ? &l->ice->relay[0].turn : NULL;
	cac_close(&k->cac, t && t->ops && addr_eq(&t->server, &k->cac.server));
	list_remove(&k->node);
	l->cac = NULL;
	mem_free_wiped(k, sizeof(*k));
	mediad_ticking(l->plane);
}

int leg_cac_check(const struct leg_cac_set *set)
{
	bool speech = !set->check;

	if (!set->on)
		return 0;
	for (size_t i = 0; i < set->ncodec; i++)
		speech |= cac_need((enum codec)set->codec[i]).max != 0;
	return speech && (!set->check || addr_set(&set->remote)) && cac_fits(&set->conf)
	           ? 0
	           : ERR_VALUE;
}

static int check(struct leg *l, const struct leg_cac_set *set)
{
	struct cac_path p = { .end = { [CAC_LOCAL] = l->local,
		                  [CAC_REMOTE] = set->remote,
		                  [CAC_REMOTE_RELAY] = set->remote_relay } };
	struct cac_amount range = { UINT32_MAX, 0 };

	for (size_t i = 0; i < set->ncodec; i++) {
		struct cac_amount a = cac_need((enum codec)set->codec[i]);
		if (!a.max)
			continue;
		l->cac->codec[l->cac->ncodec++] = set->codec[i];
		range.min = a.min < range.min ? a.min : range.min;
		range.max = a.max > range.max ? a.max : range.max;
	}
	l->cac->floor = range.min;
	return cac_check(&l->cac->cac, &p, range, mediad_now(l->plane));
}

int leg_cac_set(struct leg *l, const struct leg_set *set)
{
	const struct leg_cac_set *c = &set->cac;
	int err;

	leg_cac_close(l);
	if (!c->on)
		return 0;
	l->cac = mem_new(sizeof(*l->cac));
	list_init(&l->cac->node);
	l->cac->leg = l;
	l->cac->check = c->check;
	l->cac->remote = c->remote;
	l->cac->their_relay = addr_set(&c->remote_relay);
	err = cac_init(&l->cac->cac, &c->conf, &ops, l);
	if (!err && c->check)
		err = check(l, c);
	if (err) {
		mem_free_wiped(l->cac, sizeof(*l->cac));
		l->cac = NULL;
		return err;
	}
	wake(l);
	leg_cac_path(l);
	return 0;
}

bool leg_cac_input(struct leg *l, const uint8_t *p, size_t n, const struct addr *from)
{
	if (!cac_input(&l->cac->cac, from, p, n, mediad_now(l->plane)))
		return false;
	wake(l);
	return true;
}

void leg_cac_tick(struct mediad *m)
{
	uint64_t at = mediad_now(m);

	LIST_FOREACH(&m->cac, it)
	{
		struct leg_cac *k = LIST_ENTRY(it, struct leg_cac, node);
		cac_timer(&k->cac, at);
		if (cac_next(&k->cac) > at + LEG_CAC_SOON_US)
			list_remove(&k->node);
	}
	mediad_ticking(m);
}

void leg_cac_house(struct leg *l)
{
	if (!l->cac)
		return;
	leg_cac_path(l);
	wake(l); /* what is due later waits for this round */
}
