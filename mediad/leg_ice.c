/* A leg's ICE agent: its candidates are the leg's sockets, its choice is where the leg sends. */
#include <string.h>

#include "common/log.h"
#include "mediad/leg.h"
#include "mediad/sess.h"

static void wake(struct leg *l)
{
	if (!ice_busy(l->ice) || l->ice_node.next != &l->ice_node)
		return;
	list_append(&l->plane->ice, &l->ice_node);
	mediad_ticking(l->plane);
}

static void event(struct leg *l, enum media_ev_kind kind)
{
	struct media_ev ev = { .kind = kind, .side = l->side, .ice = l->ice };

	if (l->plane->event)
		l->plane->event(l->plane, l->sess, &ev);
}

/* ---- what the agent does ---- */

static void on_send(void *ctx, unsigned comp, const uint8_t *p, size_t n, const struct addr *to)
{
	struct leg *l = ctx;

	path_send_now(l->plane->path, comp == 2 ? &l->rtcp : &l->rtp, p, n, to);
}

static void on_selected(void *ctx)
{
	struct leg *l = ctx;
	const struct ice_cand *local, *remote;
	char a[ADDR_TEXT], b[ADDR_TEXT];

	if (ice_pair(l->ice, 1, &local, &remote)) {
		l->remote = l->target = l->source = remote->addr;
		l->latched = true;
		l->twin_on &= addr_eq(&l->twin_far, &l->target);
		memset(&l->old_source, 0, sizeof(l->old_source));
		log_ev(LOG_INFO, "path chosen by ICE", F_CALL(l->sess->call),
		    F_U64("IPDECT_SIDE", l->side),
		    F_TEXT("IPDECT_LOCAL", addr_print(&local->addr, true, a)),
		    F_TEXT("IPDECT_ADDRESS", addr_print(&remote->addr, true, b)));
	}
	if (ice_pair(l->ice, 2, &local, &remote))
		l->remote_rtcp = l->rtcp_source = remote->addr;
	event(l, MEDIA_EV_ICE_SELECTED);
}

static void on_failed(void *ctx)
{
	struct leg *l = ctx;

	log_ev(LOG_WARNING, "no path by ICE", F_CALL(l->sess->call), F_U64("IPDECT_SIDE", l->side),
	    F_U64("IPDECT_BAD", ice_bad(l->ice)),
	    F_REMEDY("a firewall between the far end and the RTP ports of this host, or no relay "
	             "is configured"));
	event(l, MEDIA_EV_ICE_FAILED);
}

static void on_gathered(void *ctx)
{
	event(ctx, MEDIA_EV_ICE_GATHERED);
}

static const struct ice_ops ops = { on_send, on_selected, on_failed, on_gathered };

/* ---- what is done with it ---- */

void leg_ice_close(struct leg *l)
{
	list_remove(&l->ice_node);
	ice_free(l->ice);
	l->ice = NULL;
	mediad_ticking(l->plane);
}

void leg_ice_set(struct leg *l, const struct leg_set *set)
{
	struct addr rtcp = l->local;

	leg_ice_close(l);
	if (set->ice == ICE_OFF)
		return;
	l->ice = ice_new(set->ice, set->ice_controlling, &ops, l);
	ice_add_host(l->ice, 1, &l->local);
	addr_set_port(&rtcp, (uint16_t)(l->port + 1));
	if (!l->mux)
		ice_add_host(l->ice, 2, &rtcp);
	if (addr_set(&set->ice_stun) && (set->ice_stun.u.sa.sa_family == AF_INET6) == l->v6)
		ice_stun_server(l->ice, &set->ice_stun, mediad_now(l->plane));
	wake(l);
}

int leg_ice_remote(struct leg *l, struct slice ufrag, struct slice pwd, const struct ice_cand *c,
    size_t n, bool complete)
{
	int err;

	if (!l->ice)
		return ERR_STATE;
	err = ice_remote(l->ice, ufrag, pwd, c, n, complete, mediad_now(l->plane));
	if (!err)
		wake(l);
	return err;
}

void leg_ice_input(
    struct leg *l, unsigned comp, const uint8_t *p, size_t n, const struct addr *from)
{
	if (!ice_input(l->ice, comp, p, n, from, mediad_now(l->plane)))
		l->bad[LEG_BAD_JUNK]++;
	wake(l);
}

void leg_ice_tick(struct mediad *m)
{
	LIST_FOREACH(&m->ice, it)
	{
		struct leg *l = LIST_ENTRY(it, struct leg, ice_node);
		ice_tick(l->ice, mediad_now(m));
		if (!ice_busy(l->ice))
			list_remove(&l->ice_node);
	}
	mediad_ticking(m);
}
