#ifndef SIPD_PARTY_H
#define SIPD_PARTY_H
#include <stdbool.h>

#include "sipd/sip_msg.h"

/* One party of a call, for displays, call lists and headers. The limits are those of base.Party. */
struct party {
	char name[129];  /* UTF-8 */
	char number[65]; /* what can be dialled back; empty: nothing */
	char uri[257];
	bool anonymous, external;
};

/* Why a call ended: numbers of base.Cause. */
enum cause {
	CAUSE_NONE,
	CAUSE_NORMAL,
	CAUSE_BUSY,
	CAUSE_NO_ANSWER,
	CAUSE_REJECTED,
	CAUSE_UNKNOWN_NUMBER,
	CAUSE_INCOMPLETE,
	CAUSE_UNREACHABLE,
	CAUSE_CONGESTION,
	CAUSE_FORBIDDEN,
	CAUSE_CODEC,
	CAUSE_ELSEWHERE,
	CAUSE_CANCELLED,
	CAUSE_RADIO_LOST,
	CAUSE_PEER_LOST,
	CAUSE_SECURITY,
	CAUSE_INTERNAL,
	CAUSE_TRANSFERRED,
	CAUSE_FORWARDED,
	CAUSE_N
};
const char *cause_name(enum cause c); /* "busy", for records and rows */
/* What a SIP status means to a caller, and what we answer a caller with. */
enum cause cause_of_status(unsigned status);
unsigned cause_status(enum cause c);

/* The caller of an INVITE: P-Asserted-Identity when the peer is trusted, else From; Privacy read. our_domain decides
 * what is short. */
void party_of_request(
    struct party *p, const struct sip_msg *req, bool trusted, struct slice our_domain);
/* The far end of a response or a request inside the dialog: P-Asserted-Identity, else fallback stays. */
bool party_of_identity(struct party *p, const struct sip_msg *m, struct slice our_domain);
void party_of_addr(struct party *p, const struct sip_addr *a, struct slice our_domain);
/* Who sent the call on: Diversion's or History-Info's first. false: nobody. */
bool party_diverted(struct party *p, const struct sip_msg *req, struct slice our_domain);
/* The Reason header says that another endpoint took or declined the call (RFC 3326, RFC 3261 with cause 200, LYNC: 603,
 * "completed elsewhere"). */
bool party_elsewhere(const struct sip_msg *m);
#endif
