#ifndef MEDIAD_ICE_PRIV_H
#define MEDIAD_ICE_PRIV_H
#include "mediad/ice.h"

/* Within the agent: ice.c has candidates, gathering, time and media; ice_check.c pairs, checks and nomination. */

#define ICE_RTO_US 500000u
#define ICE_SENDS  7u

static inline enum stun_form ice_form(const struct ice *a)
{
	return a->conf.mode == ICE_MS_ICE2 ? STUN_MSICE : STUN_RFC;
}
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
/* A message of the peer, verified by its FINGERPRINT. local: index of the base it came to. */
void ice_request(struct ice *a, uint8_t local, const struct addr *from, const struct stun_msg *m,
    uint64_t now_us);
void ice_response(struct ice *a, uint8_t local, const struct addr *from, const struct stun_msg *m,
    uint64_t now_us);
/* The peer's final offer names our candidates: the pairs that it chose. */
void ice_remote_chosen(
    struct ice *a, const struct addr *ours, const struct cand *theirs, size_t n, uint64_t now_us);
/* A check of the peer's liveness. */
size_t ice_build_check(struct ice *a, const struct ice_pair *p, bool controlling, bool use,
    const struct stun_id *id, uint8_t *out, size_t cap);
bool ice_signed_by(
    const struct ice *a, const struct stun_msg *m, const char *pwd, enum stun_form *form);
#endif
