#ifndef SIPD_SIP_VIA_H
#define SIPD_SIP_VIA_H
#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

/* One Via value, RFC 3261 20.42, 25.1; RFC 3581 rport; IPv6 received with or without brackets (RFC 5118 4.5). */
struct sip_via {
	struct slice raw;
	struct slice transport; /* "UDP", any case */
	struct slice host;      /* IPv6 keeps its brackets */
	uint32_t port;          /* 0: none given */
	struct slice branch;
	struct slice received, maddr, ttl;
	uint32_t rport_val; /* 0: absent or without value */
	bool rport;         /* present, with or without value */
};

/* ERR_SYNTAX, ERR_UNSUPP (not SIP/2.0). */
int sip_via_parse(struct sip_via *via, struct slice in) MUST_CHECK;
/* Does the branch start with z9hG4bK and say more than that (RFC 3261 8.1.1.7)? Only then it identifies. */
bool sip_via_has_magic(const struct sip_via *via);
#endif
