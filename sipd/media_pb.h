#ifndef SIPD_MEDIA_PB_H
#define SIPD_MEDIA_PB_H
#include "common/map.h"
#include "ipc/daemon.h"
#include "media.pb-c.h"
#include "sipd/media.h"

/* Inside of the media client: media_ipc.c (instances, sessions, events), media_leg_ipc.c (legs as messages), media_join_ipc.c (links
 * and conferences). */
struct instance {
	struct list node;
	struct ipc_peer *peer;
	uint32_t number, sessions, max, ports;
	bool draining;
	uint32_t ours; /* sessions given to it since its last Load */
};

enum state { M_NEW, M_ASKED, M_READY, M_DEAD };

struct side {
	struct media_leg want;
	struct sdp_addr rtp, rtcp;
	struct media *link;
	enum media_side link_side;
	bool rests;
	enum media_tone tone;
	uint32_t tone_ms;
	struct media_agent *agent; /* NULL: none */
	struct media_cac *cac;     /* NULL: without call admission control */
	bool cac_new;              /* goes with the next change */
	struct media_cac_said said;
};

struct media {
	struct media_pool *pool;
	struct map_node by_session;
	struct list node, users;
	struct side side[3];
	uint64_t call, session;
	uint32_t instance, near;
	struct instance *at;
	struct media *mixed;
	enum state st;
	unsigned refs, tries;
	unsigned sent, done, ice_at; /* updates; the one that asked for an agent last */
	bool moving;                 /* was ready before on another instance */
	bool was_ready;
	struct tmr later; /* READY and FAILED from the loop; linger */
	int why;
	/* Changes of this turn of the loop leave together in one request. */
	struct media_leg change[3];
	struct tmr flush;
};

struct media_pool {
	struct daemon *d;
	struct list instances, all;
	struct map sessions; /* key: session number and instance */
	unsigned dscp;
	struct stat_val *s_open, *s_failed, *s_moved, *s_lost;
};

struct media_leg_msg {
	Media__Leg leg;
	Base__Addr rtp, rtcp, relay, relay_tcp, stun;
	Media__Payload payload[OA_PAYLOADS], *ppayload[OA_PAYLOADS];
	Media__Srtp tx, rx;
	Media__IceSetup ice;
	uint8_t mki[2][4];
	struct {
		Media__CacSetup body;
		Base__Addr server, remote, relay;
		Base__Codec codec[OA_PAYLOADS];
	} cac;
};

/* Everything borrows from its source. */
void media_addr_pb(Base__Addr *pb, const struct sdp_addr *a);
void media_leg_pb(
    const struct media *m, enum media_side s, const struct media_leg *l, struct media_leg_msg *out);
/* Adds what the side has of call admission control. media_cac_ipc.c */
void media_cac_pb(const struct side *s, struct media_leg_msg *out);
void media_take_cac(struct media *m, enum media_side s, const Media__CacReport *r);
bool media_take_cand(struct media_cand *c, const Media__IceCandidate *pb); /* false: not usable */
void media_take_ready(struct media *m, size_t n, Media__LegReady *const *legs);

/* media_ipc.c */
void media_create(
    struct media *m); /* at an instance that has room; READY, MOVED, FAILED or LOST is told */
/* At its instance; m stays. ERR_BUSY: not yet, as the link has too many requests under way. */
int media_drop_session(struct media *m);
void media_drop(struct media *m); /* the session and m; later where the link is busy */

/* media_pool_ipc.c */
/* An instance that has room, that with number `near` first. NULL: none. */
struct instance *media_pick(struct media_pool *p, uint32_t near);
/* A request about m's session; a failure is logged only. ERR_LOST: it is at no instance. */
int media_ask(struct media *m, uint16_t type, const ProtobufCMessage *body);

/* media_join_ipc.c: m has a session (again): what hangs on it is told. */
void media_link_apply(struct media *m, enum media_side s);
void media_links_apply(struct media *m);
void media_mix_again(struct media *m);
#endif
