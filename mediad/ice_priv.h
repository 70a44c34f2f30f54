#ifndef MEDIAD_ICE_PRIV_H
#define MEDIAD_ICE_PRIV_H
#include "mediad/ice.h"

/* Within the agent: ice.c has candidates, gathering, time and media; ice_check.c pairs, checks and nomination; ice_msg.c
 * what the dialects say differently. */

#define ICE_RTO_US 500000u
#define ICE_SENDS  7u

enum ice_keep { ICE_KEEP_CONSENT, ICE_KEEP_INDICATION, ICE_KEEP_REQUEST };
/* All that sets the modes apart. */
struct ice_dialect {
	enum stun_form form;
	uint32_t ta_us;                /* between two checks */
	uint16_t patience_ms, fail_ms; /* see ice_conf */
	enum ice_keep
	    keep; /* RFC 7675; without attributes: an indication, or (draft 6) a request */
	uint32_t keep_us;
	bool ms; /* Microsoft's: priorities, versions, relays by MS-TURN */
	/* LYNC: draft 6: credentials by candidate; no roles, priorities and nominations in checks: both sides choose alike,
	 * the offerer's final description decides. */
	bool named;
};
extern const struct ice_dialect ice_dialects[];

static inline unsigned ice_comp(const struct ice *a, const struct ice_pair *p)
{
	return a->local[p->local].component;
}

/* ice.c */
/* Out of the base's port, or through its relay. */
void ice_emit(struct ice *a, uint8_t base, const struct addr *to, const uint8_t *p, size_t n,
    uint64_t now_us);
/* Index, or -1 when there is no room. */
int ice_add_local(struct ice *a, enum cand_type type, unsigned comp, const struct addr *addr,
    const struct addr *related, uint8_t base, uint32_t priority);

/* ice_check.c */
void ice_pairs(struct ice *a);
void ice_early_run(struct ice *a, uint64_t now_us);
void ice_check_timer(struct ice *a, uint64_t now_us);
uint64_t ice_check_next(const struct ice *a);
/* LYNC: a check that came by TCP for both components is one of the second, too. */
void ice_request_shared(struct ice *a, uint8_t local, const struct addr *from,
    const struct stun_msg *m, uint64_t now_us);
/* The pair of TCP whose check this answers: its local candidate; -1. */
int ice_asked_by_tcp(const struct ice *a, const struct stun_msg *m);
/* A message of the peer, its FINGERPRINT verified where the dialect has one. local: index of the base it came to. */
void ice_request(struct ice *a, uint8_t local, const struct addr *from, const struct stun_msg *m,
    uint64_t now_us);
void ice_response(struct ice *a, uint8_t local, const struct addr *from, const struct stun_msg *m,
    uint64_t now_us);
/* The peer's final offer names our candidates: the pairs that it chose. */
void ice_remote_chosen(
    struct ice *a, const struct addr *ours, const struct cand *theirs, size_t n, uint64_t now_us);

/* ice_relay.c */
void ice_relay_start(struct ice *a, uint64_t now_us);
void ice_relay_stop(struct ice *a);
void ice_relay_timer(struct ice *a, uint64_t now_us);
bool ice_relay_pending(const struct ice *a);
/* LYNC: both components share what is allocated by a connection. */
struct ice_turn *ice_relay_of(struct ice *a, const struct cand *base);
/* Sends n octets to a peer by the base's relay; *out != NULL: they are to be sent to *to. */
const uint8_t *ice_relay_wrap(struct ice *a, const struct cand *base, const struct addr *peer,
    const uint8_t *p, size_t *n, uint8_t *scratch, size_t cap, struct addr *to, uint64_t now_us);
/* ice.c */
void ice_gathered(struct ice *a);
bool ice_gathering(const struct ice *a);
void ice_add_reflexive(struct ice *a, unsigned comp, const struct addr *mapped);
uint32_t ice_priority(const struct ice *a, enum cand_type type, unsigned comp);
enum ice_in ice_stun_in(struct ice *a, uint8_t local, const struct addr *from, const uint8_t *p,
    size_t n, uint64_t now_us);
int ice_relay_base(const struct ice *a, unsigned comp, bool tcp);

/* ice_msg.c */
struct stun_id ice_new_id(const struct ice *a);
/* A check, or one of the peer's liveness. */
size_t ice_build_check(struct ice *a, const struct ice_pair *p, bool controlling, bool use,
    const struct stun_id *id, uint8_t *out, size_t cap);
size_t ice_build_keep(const struct ice *a, uint8_t *out, size_t cap);
/* Octets of the answer to a check; key: what the check was signed with. */
size_t ice_build_ok(const struct ice *a, const struct stun_msg *m, enum stun_form form,
    const struct addr *from, struct slice key, uint8_t *out, size_t cap);
size_t ice_build_error(const struct ice *a, const struct stun_msg *m, enum stun_form form,
    unsigned code, const char *text, struct slice key, uint8_t *out, size_t cap);
/* FINGERPRINT is as the dialect wants it. */
bool ice_fingerprint_ok(const struct ice *a, const struct stun_msg *m);
bool ice_signed_by(
    const struct ice *a, const struct stun_msg *m, struct slice key, enum stun_form *form);
/* Whom a check is for: *key is what it must be signed with, *sender (draft 6) the name of the peer's candidate. false:
 * not us. */
bool ice_named(const struct ice *a, unsigned comp, const struct stun_msg *m, struct slice *key,
    struct slice *sender);
/* What the peer signs its answers with. */
struct slice ice_peer_key(const struct ice *a, const struct ice_pair *p);
/* Draft 6: the candidate of the peer by its name, also by that of a reflexive one of it; -1. */
int ice_remote_named(const struct ice *a, unsigned comp, struct slice name);
/* Draft 6: the name of our peer-reflexive candidate that a check to the peer's has shown: of both, one after the other. */
void ice_name_reflexive(struct cand *c, const struct cand *base, const struct cand *peer);
#endif
