#ifndef DECTD_HANDOVER_H
#define DECTD_HANDOVER_H
#include "dectd/lce.h"
#include "dectd/pp.h"

/* Handover of a connection to another base (EN 300 175-4 9.2.7.3, 10.5): whether the other base may have it, and what
 * became of it. The portable part decides when; a refusal leaves it where it is, so only what could not go on there is
 * refused: no cipher for a ciphered link, no speech channel for a call, a base that is not on air. */
struct handover;

#define HANDOVER_STATS(X)                                                                          \
	X(asked, "handovers asked for")                                                            \
	X(refused_cipher, "handovers refused: the base cannot cipher")                             \
	X(refused_channel, "handovers refused: no speech channel left")                            \
	X(refused_base, "handovers refused: the base is not on air")
struct handover_stats {
#define X(name, text) uint64_t name;
	HANDOVER_STATS(X)
#undef X
};

/* Registers as the link control's watch. */
struct handover *handover_new(struct lce *lce, struct pps *pps);
void handover_free(struct handover *h);
const struct handover_stats *handover_stats(const struct handover *h);
/* The policy alone: 0, or ERR_UNSUPP (cipher), ERR_BUSY (channel), ERR_LOST (base). */
int handover_judge(const struct mac_base_info *to, bool ciphered, bool speech);
#endif
