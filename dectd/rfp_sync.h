#ifndef DECTD_RFP_SYNC_H
#define DECTD_RFP_SYNC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Air synchronisation of the bases of one cluster (rfp-link 10): a graph of who hears whom, who is master, who follows
 * whom, which alternatives there are. Pure: measurements in, decisions out.
 *
 * RFP: scale of the signal values and the control law of a real manager are not public. Here a higher value means a
 * stronger signal, and one figure (weak) says what is too weak to follow when a better one is there. */
#define SYNC_NODES_MAX 255 /* radio part numbers of a cluster */
#define SYNC_EDGES_MAX 16  /* strongest neighbours kept for each */

enum sync_role { SYNC_OFF, SYNC_MASTER, SYNC_SLAVE };

struct sync_edge {
	uint8_t rpn; /* heard */
	uint16_t rssi;
	int32_t offset_ns;
	uint64_t at_ms; /* when it was measured */
};
struct sync_node {
	enum sync_role role;
	bool on_air; /* else it is starting as what role says */
	uint8_t ref; /* slave: whose */
	uint8_t nedges;
	struct sync_edge edges[SYNC_EDGES_MAX]; /* strongest first */
};
struct sync_graph {
	uint16_t weak;
	struct sync_node nodes[SYNC_NODES_MAX + 1]; /* by RPN */
};

void sync_init(struct sync_graph *g, uint16_t weak);
/* What a base hears now. */
void sync_heard(struct sync_graph *g, uint8_t by, uint8_t rpn, uint16_t rssi, int32_t offset_ns,
    uint64_t now_ms);
/* A base that is not on air is to start: -1 as master, else the RPN to follow. alone: nobody in the cluster is on air. */
int sync_decide(const struct sync_graph *g, uint8_t rpn, bool *island);
void sync_set(struct sync_graph *g, uint8_t rpn, enum sync_role role, uint8_t ref);
/* It has started: from now on others may follow it. */
void sync_air(struct sync_graph *g, uint8_t rpn);
/* A base left the air, or did not start. Writes the RPNs that followed it directly (at most cap) and returns how many: each of them
 * needs another reference. */
unsigned sync_gone(struct sync_graph *g, uint8_t rpn, uint8_t *orphans, unsigned cap);
/* Distance to its master, 0 for a master; -1: its chain ends at a base that is off, or in a circle. */
int sync_depth(const struct sync_graph *g, uint8_t rpn);
/* Neighbours on air that it could follow instead of its reference, without making a circle. */
unsigned sync_alternatives(const struct sync_graph *g, uint8_t rpn);
/* "" or what is not well: "follows nobody that is on air", "no alternative", "weak". Static storage. */
const char *sync_trouble(const struct sync_graph *g, uint8_t rpn);
#endif
