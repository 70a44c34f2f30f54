/* The mediad instances: coming, going, their load, which one serves a new session. */
#include <stdlib.h>

#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "ipc/daemon.h"
#include "media.pb-c.h"
#include "sipd/media_ipc.h"
#include "sipd/media_pb.h"

struct media_pool *media_pool_new(void *daemon)
{
	struct media_pool *p = mem_new(sizeof(*p));

	p->d = daemon;
	list_init(&p->instances);
	list_init(&p->all);
	p->s_open = stat_get(p->d->stats, STAT_COUNTER, "ipdect_sipd_media_sessions", NULL,
	    "Media sessions that calls asked for");
	p->s_failed = stat_get(p->d->stats, STAT_COUNTER, "ipdect_sipd_media_failures", NULL,
	    "Media sessions that no mediad could make");
	p->s_moved = stat_get(p->d->stats, STAT_COUNTER, "ipdect_sipd_media_moves", NULL,
	    "Media sessions made again on another mediad");
	p->s_lost = stat_get(p->d->stats, STAT_COUNTER, "ipdect_sipd_media_lost", NULL,
	    "Media sessions that died with their mediad");
	return p;
}

void media_pool_dscp(struct media_pool *p, unsigned dscp)
{
	p->dscp = dscp;
}

void media_pool_free(struct media_pool *p)
{
	LIST_FOREACH(&p->all, it)
	{
		struct media *m = LIST_ENTRY(it, struct media, node);
		ipc_forget(p->d->ipc, m);
		tmr_stop(&m->later);
		tmr_stop(&m->flush);
		list_remove(&m->node);
		free(m->side[MEDIA_NETWORK].agent);
		free(m->side[MEDIA_RADIO].agent);
		mem_free_wiped(m, sizeof(*m));
	}
	LIST_FOREACH(&p->instances, it)
	free(LIST_ENTRY(it, struct instance, node));
	map_free(&p->sessions);
	free(p);
}

static struct instance *instance_of(struct media_pool *p, const struct ipc_peer *peer)
{
	LIST_FOREACH(&p->instances, it)
	{
		struct instance *i = LIST_ENTRY(it, struct instance, node);
		if (i->peer == peer)
			return i;
	}
	return NULL;
}

void media_peer_up(struct media_pool *p, void *peer, bool restarted)
{
	struct instance *i = mem_new(sizeof(*i));

	(void)restarted;
	i->peer = peer;
	i->number = ipc_peer_instance(peer);
	i->max = UINT32_MAX; /* until it tells */
	list_append(&p->instances, &i->node);
	log_ev(LOG_NOTICE, "mediad is there", F_U64("IPDECT_INSTANCE", i->number));
	/* What waited for an instance goes on. */
	LIST_FOREACH(&p->all, it)
	{
		struct media *m = LIST_ENTRY(it, struct media, node);
		if (m->st == M_NEW && !tmr_pending(&m->later))
			media_create(m);
	}
}

void media_peer_down(struct media_pool *p, void *peer)
{
	struct instance *i = instance_of(p, peer);

	if (!i)
		return;
	list_remove(&i->node);
	log_ev(LOG_WARNING, "mediad is gone: its calls move", F_U64("IPDECT_INSTANCE", i->number));
	LIST_FOREACH(&p->all, it)
	{
		struct media *m = LIST_ENTRY(it, struct media, node);
		if (m->at != i)
			continue;
		m->at = NULL;
		map_del(&p->sessions, &m->by_session);
		if (m->st == M_READY) {
			m->st = M_NEW;
			m->tries = 0;
			m->moving = true;
			if (m->refs)
				media_create(m);
			else
				media_drop(m);
		}
		/* M_ASKED: its request fails with ERR_LOST and goes on from there */
	}
	free(i);
}

unsigned media_pool_up(const struct media_pool *p, uint32_t *sessions)
{
	unsigned n = 0;

	*sessions = 0;
	LIST_FOREACH(&p->instances, it)
	{
		const struct instance *i = LIST_ENTRY(it, struct instance, node);
		n += !i->draining;
		*sessions += i->sessions;
	}
	return n;
}

struct instance *media_pick(struct media_pool *p, uint32_t near)
{
	struct instance *best = NULL;

	LIST_FOREACH(&p->instances, it)
	{
		struct instance *i = LIST_ENTRY(it, struct instance, node);
		uint64_t load = (uint64_t)i->sessions + i->ours;
		if (i->draining || load >= i->max)
			continue;
		if (near && i->number == near)
			return i;
		if (!best || load < (uint64_t)best->sessions + best->ours)
			best = i;
	}
	return best;
}

int media_on_load(struct ipc_peer *peer, struct ipc_msg *msg)
{
	struct daemon *d = daemon_of(peer);
	struct media_pool *p = media_pool_of(d);
	const Media__Load *l = IPC_BODY(msg, Media__Load);
	struct instance *i = instance_of(p, peer);

	if (!i)
		return ERR_STATE;
	i->sessions = l->sessions;
	i->max = l->max_sessions;
	i->ports = l->ports_free;
	i->draining = l->draining;
	i->ours = 0;
	return 0;
}
