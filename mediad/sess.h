#ifndef MEDIAD_SESS_H
#define MEDIAD_SESS_H
#include "mediad/leg.h"

/* A session: the two sides of a call and how speech goes between them. */
struct sess {
	struct map_node by_id;
	struct list node, slot; /* all; the tick's slot it waits in */
	uint64_t id, call, opened_us;
	uint64_t seq;           /* its number here, never used again */
	struct leg *leg[3];     /* by side; NULL: not there */
	struct ipc_peer *owner; /* who created it; NULL: gone */
	uint64_t orphan_us;     /* dropped at that time; 0: has an owner */
	struct sess *mixed;     /* the other of a three-party conference */
	bool ticks, wide;       /* wide: speech is at 16,000/s where it is decoded */
	uint8_t step;           /* ms per turn on the tick */
	uint64_t moved_us;      /* last change by an owner */
};

/* 0 and *out; ERR_BUSY: draining; ERR_LIMIT: no ports, too many sessions; ERR_VALUE; ERR_UNSUPP. */
int sess_open(struct mediad *m, uint64_t call, const struct leg_set *legs, size_t n,
    struct ipc_peer *owner, struct sess **out) MUST_CHECK;
/* A side that is new is created. */
int sess_update(struct mediad *m, struct sess *s, const struct leg_set *legs, size_t n) MUST_CHECK;
void sess_drop(struct mediad *m, struct sess *s, const char *why);
struct sess *sess_find(struct mediad *m, uint64_t id);
/* ERR_NOTFOUND: no such side. country empty: the configured one. */
int sess_tone(struct mediad *m, struct sess *s, enum side side, unsigned kind, struct slice country,
    uint32_t ms) MUST_CHECK;
/* ERR_VALUE: not a digit; ERR_LIMIT: too many wait; nothing is sent then. */
int sess_dtmf(struct mediad *m, struct sess *s, enum side side, struct slice digits, uint32_t ms,
    uint32_t gap_ms) MUST_CHECK;
/* b NULL: a leaves its conference. */
int sess_mix(struct mediad *m, struct sess *a, struct sess *b) MUST_CHECK;
/* Once a second. false: it was dropped. */
bool sess_house(struct mediad *m, struct sess *s);
/* The owner's link is down: its sessions live on for linger_ms. */
void sess_orphan(struct mediad *m, const struct ipc_peer *owner, uint32_t linger_ms);

static inline struct leg *sess_other(const struct leg *l)
{
	return l->sess->leg[l->side == SIDE_NETWORK ? SIDE_RADIO : SIDE_NETWORK];
}
#endif
