/* A leg's ICE agent: its candidates are the leg's sockets, its choice is where the leg sends. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "mediad/flow.h"
#include "mediad/leg.h"
#include "mediad/sess.h"
#include "mediad/stream.h"

#define SOON_US 1000000 /* what is due later waits for the once-a-second round */

static void wake(struct leg *l)
{
	if (l->ice_node.next != &l->ice_node || ice_next(l->ice) > mediad_now(l->plane) + SOON_US)
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

static void on_send(void *ctx, unsigned comp, const struct addr *to, const uint8_t *p, size_t n)
{
	struct leg *l = ctx;

	path_send_now(l->plane->path, comp == 2 ? &l->socks->rtcp : &l->socks->rtp, p, n, to);
}

static void selected(struct leg *l, unsigned comp)
{
	struct cand local, remote;
	char a[ADDR_TEXT], b[ADDR_TEXT];

	if (!ice_selected(l->ice, comp, &local, &remote))
		return;
	l->ice_lost = false;
	if (comp == 2) {
		l->remote_rtcp = l->rtcp_source = remote.addr;
		return;
	}
	l->remote = l->target = l->source = remote.addr;
	l->latched = true;
	l->relayed = local.type == CAND_RELAY;
	l->twin_on &= addr_eq(&l->twin_far, &l->target) && !l->relayed;
	memset(&l->old_source, 0, sizeof(l->old_source));
	if (l->mode == LEG_OUT_NONE) /* the description named no address: now there is one */
		flow_plan(l->plane, l->sess);
	log_ev(LOG_INFO, "path chosen by ICE", F_CALL(l->sess->call), F_U64("IPDECT_SIDE", l->side),
	    F_TEXT("IPDECT_KIND", cand_type_name(local.type)),
	    F_TEXT("IPDECT_LOCAL", addr_print(&local.addr, true, a)),
	    F_TEXT("IPDECT_ADDRESS", addr_print(&remote.addr, true, b)));
}

static void on_event(void *ctx, enum ice_event ev, unsigned comp)
{
	struct leg *l = ctx;
	bool was_done = l->ice_done;

	switch (ev) {
	case ICE_EV_GATHERED:
		if (!l->ice_starting)
			event(l, MEDIA_EV_ICE_GATHERED);
		break;
	case ICE_EV_SELECTED:
		selected(l, comp);
		if (was_done) {
			event(l, MEDIA_EV_ICE_SELECTED); /* another pair than before */
			leg_cac_path(l);
		}
		break;
	case ICE_EV_DONE:
		l->ice_done = true;
		event(l, MEDIA_EV_ICE_SELECTED);
		leg_cac_path(l);
		break;
	case ICE_EV_FAILED:
	case ICE_EV_LOST:
		if (ev == ICE_EV_LOST && comp == 2)
			break; /* reports alone end no call */
		l->ice_lost = ev == ICE_EV_LOST;
		log_ev(LOG_WARNING,
		    ev == ICE_EV_LOST ? "ICE: the far end is lost" : "no path by ICE",
		    F_CALL(l->sess->call), F_U64("IPDECT_SIDE", l->side),
		    F_U64("IPDECT_WARN", ice_warn(l->ice)), F_U64("IPDECT_BAD", ice_bad(l->ice)),
		    F_REMEDY("a firewall between the far end and the RTP ports of this host, or no "
		             "relay is "
		             "configured"));
		event(l, MEDIA_EV_ICE_FAILED);
		break;
	}
}

/* ---- connections to relays ---- */

struct leg_stream {
	struct stream s;
	struct leg *leg;
	uint8_t comp;
	uint8_t
	    mem[PATH_HEAD + RTP_MAX + PATH_TAIL]; /* of the packet in hand: keys work in place */
};

static void hang_up(void *ctx, unsigned comp)
{
	struct leg *l = ctx;
	struct leg_stream *k = l->stream[comp - 1];

	if (!k)
		return;
	if (k->s.dropped)
		log_ev(LOG_NOTICE, "the connection to the relay was too slow",
		    F_CALL(l->sess->call), F_U64("IPDECT_DROPPED", k->s.dropped));
	stream_close(&k->s);
	mem_free_wiped(k, sizeof(*k));
	l->stream[comp - 1] = NULL;
}

static void on_stream(void *ctx, bool up)
{
	struct leg_stream *k = ctx;
	struct leg *l = k->leg;

	log_ev(up ? LOG_DEBUG : LOG_NOTICE,
	    up ? "connected to the relay" : "no connection to the relay by TCP",
	    F_CALL(l->sess->call), F_U64("IPDECT_COMPONENT", k->comp));
	ice_stream(l->ice, k->comp, up, mediad_now(l->plane));
	wake(l);
}

static void on_unit(void *ctx, const uint8_t *p, size_t n)
{
	struct leg_stream *k = ctx;
	struct leg *l = k->leg;

	ice_stream_input(l->ice, k->comp, p, n, mediad_now(l->plane));
	wake(l);
}

static const struct stream_ops stream_ops = { on_stream, on_unit };

static void on_connect(void *ctx, unsigned comp, const struct addr *server)
{
	struct leg *l = ctx;
	struct leg_stream *k = mem_new(sizeof(*k));
	int err;

	hang_up(l, comp);
	k->leg = l;
	k->comp = (uint8_t)comp;
	l->stream[comp - 1] = k;
	err = stream_open(&k->s, l->plane->path,
	    l->ice->conf.mode == ICE_RFC8445 ? TURN_RFC : TURN_MS, &l->local, server, l->dscp,
	    &stream_ops, k);
	if (err)
		log_ev(LOG_NOTICE, "no connection to the relay by TCP", F_CALL(l->sess->call),
		    F_U64("IPDECT_COMPONENT", comp), F_ERR(err));
	if (err)
		ice_stream(l->ice, comp, false, mediad_now(l->plane));
}

static void on_write(void *ctx, unsigned comp, const uint8_t *p, size_t n)
{
	struct leg *l = ctx;

	if (l->stream[comp - 1])
		stream_write(&l->stream[comp - 1]->s, p, n);
}

static void on_media(void *ctx, unsigned comp, const uint8_t *p, size_t n, const struct addr *peer)
{
	struct leg *l = ctx;
	struct leg_stream *k = l->stream[0] ? l->stream[0] : l->stream[1];

	if (!k || n > RTP_MAX)
		return;
	memcpy(k->mem + PATH_HEAD, p, n);
	leg_packet(l->plane, l, comp == 2, k->mem + PATH_HEAD, n, peer);
	path_flush(l->plane->path); /* it may go on from this memory */
}

static const struct ice_ops ops = { .send = on_send,
	.event = on_event,
	.connect = on_connect,
	.write = on_write,
	.hang_up = hang_up,
	.media = on_media };

/* ---- what is done with it ---- */

void leg_ice_close(struct leg *l)
{
	list_remove(&l->ice_node);
	if (l->ice) {
		ice_close(l->ice);
		mem_free_wiped(l->ice, sizeof(*l->ice));
	}
	l->ice = NULL;
	l->ice_done = l->ice_lost = l->relayed = false;
	mediad_ticking(l->plane);
}

int leg_ice_set(struct leg *l, const struct leg_set *set)
{
	struct ice_conf c = { .mode = set->ice, .controlling = set->ice_controlling };
	int err;

	leg_ice_close(l);
	if (set->ice == ICE_OFF)
		return 0;
	c.comps = l->mux ? 1 : 2;
	c.host[0] = c.host[1] = l->local;
	addr_set_port(&c.host[1], (uint16_t)(l->port + 1));
	c.stun = set->ice_stun;
	c.turn = set->ice_turn;
	c.turn_tcp = set->ice_turn_tcp;
	c.turn_user = set->ice_user;
	c.turn_password = set->ice_password;
	c.forbidden = set->ice_forbidden;
	l->ice = mem_new(sizeof(*l->ice));
	err = ice_init(l->ice, &c, &ops, l);
	if (err) {
		free(l->ice);
		l->ice = NULL;
		return err;
	}
	l->ice_starting = true;
	ice_gather(l->ice, mediad_now(l->plane));
	l->ice_starting = false;
	wake(l);
	return 0;
}

int leg_ice_remote(struct leg *l, struct slice ufrag, struct slice pwd, const struct cand *c,
    size_t n, bool complete, const struct addr *chosen)
{
	int err;

	if (!l->ice)
		return ERR_STATE;
	err = ice_set_remote(l->ice, ufrag, pwd, c, n, complete, chosen, mediad_now(l->plane));
	if (!err)
		wake(l);
	return err;
}

/* false: nothing is left for RTP. */
bool leg_ice_input(struct leg *l, unsigned comp, uint8_t **p, size_t *n, const struct addr **from,
    struct addr *peer)
{
	const uint8_t *media;

	switch (ice_input(l->ice, comp, *from, *p, *n, mediad_now(l->plane), &media, n, peer)) {
	case ICE_IN_MEDIA:
		*p += media - *p; /* inside what was received */
		*from = peer;
		return true;
	case ICE_IN_OTHER:
		l->bad[LEG_BAD_JUNK]++;
		break;
	case ICE_IN_TAKEN:
		break;
	}
	wake(l);
	return false;
}

bool leg_ice_rules(const struct leg *l)
{
	return l->ice && (l->ice->state == ICE_CHECKING || l->ice->state == ICE_DONE);
}

void leg_ice_send(struct leg *l, unsigned comp, const uint8_t *p, size_t n)
{
	uint8_t scratch[RTP_MAX + TURN_OVERHEAD];
	struct addr to;
	const uint8_t *out =
	    ice_media(l->ice, comp, p, &n, scratch, sizeof(scratch), &to, mediad_now(l->plane));

	if (out)
		path_send_now(
		    l->plane->path, comp == 2 ? &l->socks->rtcp : &l->socks->rtp, out, n, &to);
}

void leg_ice_house(struct leg *l)
{
	if (l->ice)
		wake(l);
}

void leg_ice_tick(struct mediad *m)
{
	uint64_t now = mediad_now(m);

	LIST_FOREACH(&m->ice, it)
	{
		struct leg *l = LIST_ENTRY(it, struct leg, ice_node);
		if (ice_next(l->ice) <= now)
			ice_timer(l->ice, now);
		if (ice_next(l->ice) > now + SOON_US)
			list_remove(&l->ice_node);
	}
	mediad_ticking(m);
}
