#ifndef MEDIAD_ICE_H
#define MEDIAD_ICE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mediad/cand.h"
#include "mediad/stun.h"
#include "mediad/turn.h"

/* A full ICE agent for one media stream of one or two components: RFC 8445, MS-ICE2 version 2 and ICE draft 6 (ms-media
 * 5, 6). A pure state machine: datagrams and time in, datagrams and events out by the ops. One local port per component is its
 * owner's; the reflexive and relayed candidates of it are gathered here.
 *
 *	ice_init -> ice_gather -> ICE_EV_GATHERED -> (offer/answer) -> ice_set_remote -> checks -> ICE_EV_SELECTED per
 *	component, ICE_EV_DONE when all have one; or ICE_EV_FAILED. Checks are answered for the agent's life.
 *
 * Nomination is regular (one check more on the pair that is best when the better ones have failed or patience is
 * over); nominations of the other side are taken at any time. A restart is a new agent.
 *
 * LYNC: an agent of MS-ICE2 has names and passwords by candidate, too: where the peer's description is of draft 6 it goes on
 * in that. There both sides choose the best pair by themselves, and the offerer's final description counts. */
enum ice_mode { ICE_OFF, ICE_RFC8445, ICE_MS_ICE2, ICE_DRAFT6 }; /* numbers of media.IceMode */
enum ice_state { ICE_NEW, ICE_GATHERING, ICE_READY, ICE_CHECKING, ICE_DONE, ICE_FAILED };

#define ICE_COMPS 2u
enum {                     /* bits: what a path begins and ends with */
	ICE_END_LOCAL = 1, /* our port itself, directly or through a NAT */
	ICE_END_LOCAL_RELAY = 2,
	ICE_END_REMOTE = 4,
	ICE_END_REMOTE_RELAY = 8
};
#define ICE_LOCAL  16u
#define ICE_REMOTE 40u
#define ICE_PAIRS  100u
#define ICE_EARLY  8u
#define ICE_UFRAG  257u
#define ICE_PWD    257u

struct ice_conf {
	enum ice_mode mode;
	bool controlling;
	uint8_t comps;               /* 1: RTCP is multiplexed */
	struct addr host[ICE_COMPS]; /* as bound, reachable: never 0.0.0.0 */
	struct addr stun;            /* no family: none */
	struct addr turn;
	struct addr turn_tcp; /* asked when turn gives nothing within a second, or is not set */
	struct slice turn_user, turn_password;
	uint16_t
	    patience_ms; /* from the first valid pair to the nomination of a lesser one; 0: 1000, draft 6 3000 */
	uint16_t gather_ms; /* 0: 3000 */
	/* LYNC: ends that call admission control refuses: ICE_END_... */
	uint8_t forbidden;
	uint16_t fail_ms; /* checks without success; 0: 10000 (Microsoft's), 30000 */
};
enum ice_event {
	ICE_EV_GATHERED, /* local candidates are complete */
	ICE_EV_SELECTED, /* of component comp: first selection, or a better one */
	ICE_EV_DONE,
	ICE_EV_FAILED,
	ICE_EV_LOST, /* consent has expired (RFC 7675): stop sending to comp's peer */
};
struct ice;
struct ice_ops {
	void (*send)(void *ctx, unsigned comp, const struct addr *to, const uint8_t *p, size_t n);
	/* The agent must not be freed in it. */
	void (*event)(void *ctx, enum ice_event ev, unsigned comp);
	/* Connections to relays, one for each component at most; NULL: there are none. ice_stream() is told how it ends. What is
	 * written is whole units. */
	void (*connect)(void *ctx, unsigned comp, const struct addr *server);
	void (*write)(void *ctx, unsigned comp, const uint8_t *p, size_t n);
	void (*hang_up)(void *ctx, unsigned comp);
	/* What came out of such a relay: RTP (comp 1) or RTCP (2). */
	void (*media)(
	    void *ctx, unsigned comp, const uint8_t *p, size_t n, const struct addr *peer);
};

enum ice_pair_state { PAIR_FROZEN, PAIR_WAITING, PAIR_ACTIVE, PAIR_OK, PAIR_FAILED };
struct ice_pair {
	uint64_t priority;
	uint64_t resend_us;
	struct stun_id id;
	uint8_t local, remote; /* indices; local is a base: host or relayed */
	uint8_t valid_local;   /* valid: the local candidate that the answer showed */
	uint8_t state, sent;
	bool valid;
	bool as_controlling;            /* role that the check in flight has */
	bool triggered, nominate, told; /* told: the check in flight has USE-CANDIDATE */
	bool disabled;                  /* LYNC: refused by call admission control at the peer */
	bool nominated, wanted; /* wanted: the controlling peer nominated it before it was valid */
};
struct ice_early {
	struct addr from;
	uint32_t priority;
	uint8_t comp, local;
	bool use_candidate;
	uint8_t name[CAND_ID], name_n; /* draft 6: of the peer's candidate */
};
struct ice_join { /* LYNC: a packet of a peer's stream, of which not all is here */
	struct addr peer;
	uint16_t n;
	uint8_t p[2 + 2048];
};
#define ICE_JOINS 4u
struct ice_turn {
	struct ice *agent;
	uint8_t comp;
	bool connecting;
	struct turn turn;
	struct ice_join *join; /* ICE_JOINS of them; NULL: none yet */
};
struct ice_dialect;
struct ice {
	struct ice_conf conf;
	const struct ice_dialect *d; /* of conf.mode */
	const struct ice_ops *ops;
	void *ctx;
	enum ice_state state;
	bool controlling, remote_set, remote_complete;
	bool lost[ICE_COMPS]; /* consent expired */
	uint64_t tie;
	char ufrag[ICE_UFRAG], pwd[ICE_PWD], rufrag[ICE_UFRAG], rpwd[ICE_PWD];
	struct cand local[ICE_LOCAL], remote[ICE_REMOTE];
	uint8_t nlocal, nremote, npairs, nearly;
	struct ice_pair pair[ICE_PAIRS];
	struct ice_early early[ICE_EARLY];
	int16_t chosen[ICE_COMPS];  /* pair; -1: none */
	bool authentic[ICE_REMOTE]; /* spoke with the right credentials */
	uint8_t base[ICE_LOCAL];    /* of each local candidate */
	/* gathering: one Binding request per component */
	struct stun_id gather_id[ICE_COMPS];
	uint8_t gather_sent[ICE_COMPS];
	uint64_t gather_us[ICE_COMPS]; /* next repetition; 0: not running */
	uint64_t gather_end_us,
	    stream_us; /* stream_us: connections are tried at this time; 0: not */
	struct ice_turn relay[ICE_COMPS];
	/* checks */
	uint64_t pace_us, first_ok_us, fail_us;
	/* keep-alive and consent */
	struct stun_id consent_id[ICE_COMPS];
	uint64_t keep_us[ICE_COMPS], consent_us[ICE_COMPS];
	struct {
		uint32_t bad_fingerprint, bad_integrity, bad_user, unknown, conflicts, unanswered;
	} count;
};

/* ERR_VALUE: no host address, components, mode. */
int ice_init(
    struct ice *a, const struct ice_conf *conf, const struct ice_ops *ops, void *ctx) MUST_CHECK;
void ice_close(struct ice *a); /* frees relays, wipes secrets */
/* ICE_EV_GATHERED may come before it returns (nothing to ask). */
void ice_gather(struct ice *a, uint64_t now_us);
/* The peer's description. Again with the same ufrag: more candidates are added. remote_candidates: addresses of
 * a=remote-candidates by component (the pairs that the controlling peer chose), or NULL. Draft 6: ufrag and pwd are empty,
 * each candidate has its key. ERR_VALUE: credentials are missing or too long; ERR_EXISTS: other credentials, which is a restart: make a new agent. */
int ice_set_remote(struct ice *a, struct slice ufrag, struct slice pwd, const struct cand *c,
    size_t n, bool complete, const struct addr *remote_candidates, uint64_t now_us) MUST_CHECK;

enum ice_in {
	ICE_IN_TAKEN,
	ICE_IN_MEDIA, /* *media of *media_n octets from *peer: RTP or RTCP, perhaps out of a relay */
	ICE_IN_OTHER  /* not for us */
};
/* Every datagram of the component's port (comp: 1 or 2). */
enum ice_in ice_input(struct ice *a, unsigned comp, const struct addr *from, const uint8_t *p,
    size_t n, uint64_t now_us, const uint8_t **media, size_t *media_n, struct addr *peer);
/* A connection of ops->connect is there, or is not any more. */
void ice_stream(struct ice *a, unsigned comp, bool up, uint64_t now_us);
/* A unit of it (turn_cut()). */
void ice_stream_input(struct ice *a, unsigned comp, const uint8_t *p, size_t n, uint64_t now_us);
uint64_t ice_next(const struct ice *a);
void ice_timer(struct ice *a, uint64_t now_us);

/* The pair in use. false: none yet. */
bool ice_selected(const struct ice *a, unsigned comp, struct cand *local, struct cand *remote);
/* How to send media to the selected peer: directly (returns p), or out of scratch (n + TURN_OVERHEAD octets) through
 * the relay. NULL: no pair is selected, consent is gone, or it does not fit. */
const uint8_t *ice_media(struct ice *a, unsigned comp, const uint8_t *p, size_t *n,
    uint8_t *scratch, size_t cap, struct addr *to, uint64_t now_us);
/* Something else was sent on the component: MS-ICE2 needs no keep-alive for a while. */
void ice_sent(struct ice *a, unsigned comp, uint64_t now_us);
/* An authentic check came from there, or was answered from there: media may, too (RFC 8445 12.2). */
bool ice_known(const struct ice *a, unsigned comp, const struct addr *from);
const char *ice_state_name(enum ice_state s);
uint64_t ice_bad(const struct ice *a); /* messages that were dropped, for the administrator */
/* Why it failed, for ms-client-diagnostics: bits of ICEWarn (ms-media 2.11). */
uint32_t ice_warn(const struct ice *a);
#endif
