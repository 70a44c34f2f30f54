#ifndef PRESENCED_LYNC_ROUTE_H
#define PRESENCED_LYNC_ROUTE_H
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"
#include "common/wr.h"

/* The routing script that a Lync server reads from presence category "routing" (MS-SIPRE 4.7): forwarding and simultaneous
 * ringing. A script is edited, never written anew where there is one: what another client put there and we do not know
 * stays octet by octet. Pure; the old script is untrusted (sax.h). */
#define LYNC_ROUTE_DOC 6144 /* longer scripts are left alone */
#define LYNC_ROUTE_URI 200

struct lync_route {                 /* a change that a user asked for */
	bool set_forward, set_ring; /* which half is to change */
	bool immediate;             /* at once; else after wait_s without an answer */
	uint32_t wait_s;
	char forward[LYNC_ROUTE_URI]; /* "sip:…"; "": off */
	char ring[LYNC_ROUTE_URI];    /* rings at the same time; "": off */
};
/* old empty: there was none. ERR_SYNTAX: not a routing script; ERR_LIMIT. */
int lync_route_edit(struct slice old, const struct lync_route *r, struct wr *out) MUST_CHECK;
/* "forward sip:… at once", "forward sip:… after 20 s", "rings too: sip:…"; "": nothing. */
void lync_route_text(struct slice script, char *out, size_t cap);
#endif
