#ifndef MEDIAD_CAND_H
#define MEDIAD_CAND_H
#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"

/* ICE candidates (RFC 8445 5.1; MS-ICE2 for the split of the local preference). LYNC: by TCP only what a relay has allocated, and
 * what a relay can reach. */
enum cand_type {
	CAND_HOST = 1,
	CAND_SRFLX,
	CAND_PRFLX,
	CAND_RELAY
}; /* numbers of media.IceCandidate.type */

enum { CAND_UDP = 1, CAND_ACT, CAND_PASS }; /* numbers of media.IceCandidate.transport */

#define CAND_FOUNDATION 33
#define CAND_ID         72u /* two of 32, and what may stand between: a peer-reflexive candidate's */
#define CAND_PWD        32u
/* LYNC: in ICE draft 6 each candidate has a name and a password, the same for both components (octets; ours are 32 and
 * 16). id_n = 0: none. */
struct cand_key {
	uint8_t id[CAND_ID], pwd[CAND_PWD], id_n, pwd_n;
};
struct cand {
	char foundation[CAND_FOUNDATION];
	uint8_t component; /* 1 RTP, 2 RTCP */
	uint8_t type;
	uint8_t transport; /* CAND_UDP or 0, CAND_ACT, CAND_PASS */
	uint32_t priority;
	struct addr addr,
	    related; /* related: the base of a reflexive, the reflexive one of a relayed candidate */
	struct cand_key key;
};

/* RFC 8445 5.1.2.1 with type preferences 126, 110, 100, 10; the local preference of the address is in the form that
 * Microsoft's products use: transport 15 (UDP), direction 7, and 511 less 2 for each further address. ms: RTCP is one
 * step of the local preference below RTP, as theirs is. nth: 0 for the first address. */
uint32_t cand_priority(enum cand_type type, unsigned component, unsigned nth, bool ms);
/* LYNC: of a relayed one by TCP: transport 6, direction 5 (active) or 2. */
uint32_t cand_tcp_priority(unsigned transport, unsigned component);
/* LYNC: of ICE draft 6, in thousandths. */
uint32_t cand_q(unsigned type);
/* The PRIORITY attribute of a check: what a peer-reflexive candidate found by it would have. */
uint32_t cand_prflx_priority(const struct cand *base);
/* RFC 8445 6.1.2.3; g: of the controlling, d: of the controlled side. */
uint64_t cand_pair_priority(uint32_t g, uint32_t d);
static inline bool cand_tcp(const struct cand *c)
{
	return c->transport > CAND_UDP;
}
/* The same transport address and component. */
bool cand_same(const struct cand *a, const struct cand *b);
const char *cand_type_name(unsigned type); /* "host", "srflx", "prflx", "relay" */
#endif
