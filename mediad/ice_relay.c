/* The agent's relays: by UDP, and where that gives nothing by a connection. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "mediad/ice_priv.h"

#define STREAM_AFTER_US 1000000 /* without an answer by UDP */

static void relay_send(void *ctx, const struct addr *server, const uint8_t *p, size_t n)
{
	struct ice_turn *r = ctx;
	struct ice *a = r->agent;

	if (r->turn.stream)
		a->ops->write(a->ctx, r->comp, p, n);
	else
		a->ops->send(a->ctx, r->comp, server, p, n);
}

/* LYNC: a port for connections, both ways, which both components share. */
static void add_tcp(struct ice *a, const struct ice_turn *r)
{
	static const uint8_t kinds[] = { CAND_ACT, CAND_PASS };

	for (unsigned comp = 1; comp <= a->conf.comps; comp++) {
		int base = -1;
		for (unsigned k = 0; k < 2; k++) {
			int at = ice_add_local(a, CAND_RELAY, comp, &r->turn.relayed,
			    &r->turn.mapped, 0, cand_tcp_priority(kinds[k], comp));
			if (at < 0)
				return;
			struct cand *c = &a->local[at];
			c->transport = kinds[k];
			c->foundation[0] = (char)(c->foundation[0] + 1 + (char)k);
			base = base < 0 ? at : base;
			a->base[at] = (uint8_t)base;
		}
	}
}

static void relay_state(void *ctx, enum turn_state state)
{
	struct ice_turn *r = ctx;
	struct ice *a = r->agent;

	if (a->state != ICE_GATHERING)
		return;
	if (state == TURN_ALLOCATED && r->turn.stream && a->d->ms) {
		add_tcp(a, r);
	} else if (state == TURN_ALLOCATED) {
		if (addr_set(&r->turn.mapped) && !r->turn.stream)
			ice_add_reflexive(a, r->comp, &r->turn.mapped);
		(void)ice_add_local(a, CAND_RELAY, r->comp, &r->turn.relayed, &r->turn.mapped, 0,
		    ice_priority(a, CAND_RELAY, r->comp));
	}
	if (!ice_gathering(a))
		ice_gathered(a);
}

static const struct turn_ops relay_ops = { .send = relay_send, .state = relay_state };

static void connect_to(struct ice *a, struct ice_turn *r)
{
	turn_stream(&r->turn, &a->conf.turn_tcp);
	r->connecting = true;
	a->ops->connect(a->ctx, r->comp, &a->conf.turn_tcp);
}

void ice_relay_start(struct ice *a, uint64_t now_us)
{
	bool udp = addr_set(&a->conf.turn), tcp = addr_set(&a->conf.turn_tcp) && a->ops->connect;

	for (unsigned c = 0; c < a->conf.comps && (udp || tcp); c++) {
		struct ice_turn *r = &a->relay[c];
		if (!udp && a->d->ms && c)
			break;
		if (turn_init(&r->turn, a->d->ms ? TURN_MS : TURN_RFC,
		        udp ? &a->conf.turn : &a->conf.turn_tcp, a->conf.turn_user,
		        a->conf.turn_password, &relay_ops, r))
			continue;
		if (udp)
			turn_start(&r->turn, now_us);
		else
			connect_to(a, r);
	}
	if (udp && tcp)
		a->stream_us = now_us + STREAM_AFTER_US;
}

void ice_relay_stop(struct ice *a)
{
	for (unsigned c = 0; c < ICE_COMPS; c++) {
		struct ice_turn *r = &a->relay[c];
		if (!r->turn.ops)
			continue;
		turn_stop(&r->turn);
		if (r->turn.stream)
			a->ops->hang_up(a->ctx, r->comp);
		if (r->join)
			mem_free_wiped(r->join, ICE_JOINS * sizeof(*r->join));
		r->join = NULL;
		r->connecting = false;
	}
}

bool ice_relay_pending(const struct ice *a)
{
	for (unsigned c = 0; c < a->conf.comps; c++) {
		enum turn_state s = a->relay[c].turn.state;
		if (s == TURN_ASKED || s == TURN_CHALLENGED || a->relay[c].connecting)
			return true;
	}
	return false;
}

/* Silence, or nothing but silence so far: a firewall. A server that refuses does so by TCP as well. */
static bool silent(const struct turn *t)
{
	return t->state == TURN_ASKED || (t->state == TURN_FAILED && t->error == 0);
}

void ice_relay_timer(struct ice *a, uint64_t now_us)
{
	for (unsigned c = 0; c < a->conf.comps; c++) {
		struct turn *t = &a->relay[c].turn;
		if (t->ops && !a->relay[c].connecting && now_us >= turn_next(t))
			turn_timer(t, now_us);
	}
	if (!a->stream_us || now_us < a->stream_us)
		return;
	a->stream_us = 0;
	if (a->state != ICE_GATHERING)
		return;
	for (unsigned c = 0; c < a->conf.comps; c++) {
		struct ice_turn *r = &a->relay[c];
		if (!r->turn.ops || !silent(&r->turn))
			continue;
		if (!a->d->ms)
			connect_to(a, r);
		else if (c == 0)
			connect_to(a, r);
		else if (a->relay[0].turn.stream) /* the first one's is for both */
			turn_stop(&r->turn);
	}
}

void ice_stream(struct ice *a, unsigned comp, bool up, uint64_t now_us)
{
	struct ice_turn *r = &a->relay[comp - 1];

	if (comp < 1 || comp > ICE_COMPS || !r->turn.ops || !r->turn.stream)
		return;
	r->connecting = false;
	if (up) {
		turn_start(&r->turn, now_us);
		return;
	}
	r->turn.state = TURN_FAILED;
	r->turn.asked = 0;
	r->turn.active_up = false;
	r->turn.error = 0;
	if (!ice_gathering(a))
		ice_gathered(a);
}

struct ice_turn *ice_relay_of(struct ice *a, const struct cand *base)
{
	return &a->relay[cand_tcp(base) ? 0 : base->component - 1];
}

const uint8_t *ice_relay_wrap(struct ice *a, const struct cand *base, const struct addr *peer,
    const uint8_t *p, size_t *n, uint8_t *scratch, size_t cap, struct addr *to, uint64_t now_us)
{
	struct ice_turn *r = ice_relay_of(a, base);

	*n = turn_wrap(&r->turn, peer, p, *n, scratch, cap, now_us);
	if (*n == 0)
		return NULL;
	if (r->turn.stream) {
		a->ops->write(a->ctx, r->comp, scratch, *n);
		return NULL;
	}
	*to = r->turn.server;
	return scratch;
}

/* A packet of a peer. */
static void packet(struct ice *a, unsigned comp, bool tcp, const uint8_t *p, size_t n,
    const struct addr *peer, uint64_t now_us)
{
	int base = ice_relay_base(a, comp, tcp);

	if (base < 0)
		return;
	if (stun_is(p, n)) {
		(void)ice_stun_in(a, (uint8_t)base, peer, p, n, now_us);
		return;
	}
	/* RFC 5761 4: which component's it is where they share the way. */
	if (tcp && n > 1 && p[1] >= 192 && p[1] <= 223)
		comp = 2;
	a->ops->media(a->ctx, comp, p, n, peer);
}

/* LYNC: octets of a peer's stream (RFC 4571), cut anywhere. */
static void piece(struct ice *a, struct ice_turn *r, const uint8_t *p, size_t n,
    const struct addr *peer, uint64_t now_us)
{
	struct ice_join *j = NULL;

	if (!r->join)
		r->join = mem_new(ICE_JOINS * sizeof(*r->join));
	for (unsigned i = 0; i < ICE_JOINS && !j; i++)
		if (addr_set(&r->join[i].peer) && addr_eq(&r->join[i].peer, peer))
			j = &r->join[i];
	for (unsigned i = 0; i < ICE_JOINS && !j; i++)
		if (!r->join[i].n)
			j = &r->join[i];
	if (!j) {
		a->count.unknown++;
		return;
	}
	if (!addr_set(&j->peer) || !addr_eq(&j->peer, peer))
		*j = (struct ice_join){ .peer = *peer };
	while (n) {
		size_t want = j->n < 2 ? 2 : 2 + (size_t)(j->p[0] << 8 | j->p[1]);
		if (want > sizeof(j->p)) { /* no speech: what follows cannot be found any more */
			j->n = 0;
			a->count.unknown++;
			return;
		}
		size_t k = want - j->n < n ? want - j->n : n;
		memcpy(j->p + j->n, p, k);
		j->n = (uint16_t)(j->n + k);
		p += k;
		n -= k;
		if (j->n < 2 || j->n < 2 + (size_t)(j->p[0] << 8 | j->p[1]))
			continue;
		size_t len = j->n - 2u;
		j->n = 0;
		if (len)
			packet(a, r->comp, true, j->p + 2, len, peer, now_us);
	}
}

void ice_stream_input(struct ice *a, unsigned comp, const uint8_t *p, size_t n, uint64_t now_us)
{
	struct ice_turn *r = &a->relay[comp - 1];
	const uint8_t *data;
	size_t data_n;
	struct addr peer;

	if (comp < 1 || comp > ICE_COMPS || !r->turn.ops || !r->turn.stream)
		return;
	switch (turn_input(&r->turn, &r->turn.server, p, n, now_us, &peer, &data, &data_n)) {
	case TURN_DATA:
		packet(a, comp, a->d->ms, data, data_n, &peer, now_us);
		break;
	case TURN_PIECE:
		piece(a, r, data, data_n, &peer, now_us);
		break;
	case TURN_TAKEN:
	case TURN_NOT_OURS:
		break;
	}
}
