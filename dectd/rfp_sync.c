/* Who follows whose radio clock. */
#include "dectd/rfp_sync.h"

#include <string.h>

void sync_init(struct sync_graph *g, uint16_t weak)
{
	memset(g, 0, sizeof(*g));
	g->weak = weak;
}

void sync_heard(struct sync_graph *g, uint8_t by, uint8_t rpn, uint16_t rssi, int32_t offset_ns,
    uint64_t now_ms)
{
	struct sync_node *n = &g->nodes[by];
	struct sync_edge e = { rpn, rssi, offset_ns, now_ms };
	unsigned i;

	if (by == rpn)
		return;
	for (i = 0; i < n->nedges; i++)
		if (n->edges[i].rpn == rpn)
			break;
	if (i < n->nedges) {
		memmove(&n->edges[i], &n->edges[i + 1], (n->nedges - i - 1u) * sizeof(e));
		n->nedges--;
	}
	for (i = 0; i < n->nedges && n->edges[i].rssi >= rssi; i++)
		;
	if (i == SYNC_EDGES_MAX)
		return;
	if (n->nedges == SYNC_EDGES_MAX)
		n->nedges--; /* the weakest falls out */
	memmove(&n->edges[i + 1], &n->edges[i], (n->nedges - i) * sizeof(e));
	n->edges[i] = e;
	n->nedges++;
}

int sync_depth(const struct sync_graph *g, uint8_t rpn)
{
	int depth = 0;

	for (uint8_t at = rpn;; at = g->nodes[at].ref) {
		if (g->nodes[at].role == SYNC_MASTER)
			return depth;
		if (g->nodes[at].role == SYNC_OFF || ++depth > SYNC_NODES_MAX)
			return -1;
	}
}

/* May rpn follow other without ending up following itself? */
static bool usable(const struct sync_graph *g, uint8_t rpn, uint8_t other)
{
	uint8_t at = other;

	if (!g->nodes[other].on_air)
		return false;
	for (int steps = 0; steps <= SYNC_NODES_MAX; steps++) {
		if (at == rpn)
			return false;
		if (g->nodes[at].role == SYNC_MASTER)
			return true;
		if (g->nodes[at].role == SYNC_OFF)
			return false;
		at = g->nodes[at].ref;
	}
	return false;
}

int sync_decide(const struct sync_graph *g, uint8_t rpn, bool *island)
{
	const struct sync_node *n = &g->nodes[rpn];
	int best = -1, best_depth = 0;

	*island = false;
	/* Strongest first; among those that are strong enough the one nearest to the master. */
	for (unsigned i = 0; i < n->nedges; i++) {
		const struct sync_edge *e = &n->edges[i];
		int depth;

		if (!usable(g, rpn, e->rpn))
			continue;
		depth = sync_depth(g, e->rpn);
		if (best < 0 || (e->rssi >= g->weak && depth < best_depth)) {
			best = e->rpn;
			best_depth = depth;
		}
	}
	if (best < 0)
		for (unsigned i = 0; i <= SYNC_NODES_MAX; i++)
			if (i != rpn && g->nodes[i].role != SYNC_OFF)
				*island = true;
	return best;
}

void sync_set(struct sync_graph *g, uint8_t rpn, enum sync_role role, uint8_t ref)
{
	g->nodes[rpn].role = role;
	g->nodes[rpn].on_air = false;
	g->nodes[rpn].ref = ref;
}

void sync_air(struct sync_graph *g, uint8_t rpn)
{
	g->nodes[rpn].on_air = g->nodes[rpn].role != SYNC_OFF;
}

unsigned sync_gone(struct sync_graph *g, uint8_t rpn, uint8_t *orphans, unsigned cap)
{
	unsigned n = 0;

	g->nodes[rpn].role = SYNC_OFF;
	g->nodes[rpn].on_air = false;
	for (unsigned i = 0; i <= SYNC_NODES_MAX; i++)
		if (g->nodes[i].role == SYNC_SLAVE && g->nodes[i].ref == rpn && n < cap)
			orphans[n++] = (uint8_t)i;
	return n;
}

unsigned sync_alternatives(const struct sync_graph *g, uint8_t rpn)
{
	const struct sync_node *n = &g->nodes[rpn];
	unsigned k = 0;

	for (unsigned i = 0; i < n->nedges; i++)
		k += n->edges[i].rpn != n->ref && usable(g, rpn, n->edges[i].rpn);
	return k;
}

const char *sync_trouble(const struct sync_graph *g, uint8_t rpn)
{
	const struct sync_node *n = &g->nodes[rpn];

	if (n->role != SYNC_SLAVE)
		return "";
	if (sync_depth(g, rpn) < 0)
		return "follows a base that is not synchronised";
	for (unsigned i = 0; i < n->nedges; i++)
		if (n->edges[i].rpn == n->ref && n->edges[i].rssi < g->weak)
			return "hears its reference weakly";
	return sync_alternatives(g, rpn) == 0 ? "no alternative to its reference" : "";
}
