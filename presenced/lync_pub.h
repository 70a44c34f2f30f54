#ifndef PRESENCED_LYNC_PUB_H
#define PRESENCED_LYNC_PUB_H
#include <stdbool.h>
#include <stdint.h>

#include "common/wr.h"
#include "presenced/lync_route.h"
#include "presenced/lync_xml.h"
#include "presenced/pres_state.h"

/* What one endpoint publishes at a Lync front end (MS-PRES 3.8, enhanced presence), as a fixed set of places: for each the
 * server's version, what was accepted last, and what is wanted. Pure: documents in, documents out. The server computes
 * what watchers see; only inputs are published. While a call is up machineState is 3500 beside the phoneState, because
 * the least available input wins and "In a call" shows only from 6500 to 8999. */

#define LYNC_NOTE_MAX 128 /* octets, UTF-8 */
enum lync_place {
	LP_DEVICE,
	LP_MACHINE_2,
	LP_MACHINE_3,
	LP_PHONE_2,
	LP_PHONE_3,
	LP_USER_2,
	LP_USER_3,
	LP_BLOCKED, /* the static Offline for blocked watchers, container 32000: a first log-in leaves it */
	LP_NOTE_200,
	LP_NOTE_300,
	LP_NOTE_400,
	LP_ROUTE_0, /* the routing script, read by the server only */
	LP_ROUTE_100,
	LP_N
};

struct lync_pub {
	char aor[320];     /* "sip:user@domain" */
	char uuid[40];     /* endpointId */
	uint32_t device;   /* instance of the device category; the states' are derived from it */
	bool no_phone;     /* DisablePhonePresence of the provisioning */
	bool want_blocked; /* bootstrap */
	bool user_ours;    /* the userState there is was written by us */
	bool user_wanted;  /* the hand-set state changed and is to be published */
	bool overtaken;    /* set when somebody else replaced our userState; the owner clears it */
	bool one_category; /* a server refused a request of several: one category each */
	bool note_ours, note_wanted; /* the same for the note */
	char note[LYNC_NOTE_MAX + 1];
	char *script;             /* routing script as the server has it; NULL: none */
	struct lync_route *route; /* the change of it that is wanted; NULL: none */
	unsigned off;             /* bits of places that the server does not take */
	struct pres_view v;       /* what is wanted */
	struct {
		uint32_t version; /* the server's; 0: it is not there */
		uint64_t is;      /* hash of the accepted content; 0: none of ours */
		uint64_t will;    /* … in the request under way */
		unsigned index;   /* in it, from 1; 0: not in it */
	} at[LP_N];
};

/* epid: hex digits; the first eight make the instances, so that they are the same after a restart. */
void lync_pub_init(struct lync_pub *p, struct slice aor, struct slice epid, struct slice uuid);
/* The endpoint was registered anew: its publications are gone, versions come from roaming-self. */
void lync_pub_reset(struct lync_pub *p);
void lync_pub_view(struct lync_pub *p, const struct pres_view *v);
void lync_pub_note(
    struct lync_pub *p, const char *note); /* "": none; what another client wrote stays */
/* Writes the publish document for what differs from what is there. Count of publications; 0: nothing to do. Versions are the
 * present ones. ERR_LIMIT: the buffer is too small (LYNC_PUB_DOC suffices). */
#define LYNC_PUB_DOC (8192 + 2 * (LYNC_ROUTE_DOC + 1024))
int lync_pub_build(struct lync_pub *p, struct wr *w) MUST_CHECK;
/* The answers to that document. */
void lync_pub_accepted(struct lync_pub *p);
/* False: the fault gives no versions, roaming-self has to be read again. */
bool lync_pub_conflict(struct lync_pub *p, const struct lync_fault *f);
void lync_pub_failed(struct lync_pub *p);  /* nothing was published */
void lync_pub_refused(struct lync_pub *p); /* 400: the culprit is looked for, then left out */
/* A change of the routing script; several before one is published become one. */
void lync_pub_route(struct lync_pub *p, const struct lync_route *r);
void lync_pub_free(struct lync_pub *p);
/* Roaming data: callbacks for lync_roaming_parse(). busy: our own request is under way. */
void lync_pub_forget(struct lync_pub *p, const char *category);
void lync_pub_item(struct lync_pub *p, const struct lync_cat *c);
/* "device, machine 3500, phone, user 6500" */
void lync_pub_text(const struct lync_pub *p, char *out, size_t cap);
unsigned lync_pub_machine(const struct pres_view *v); /* 3500, 5000, 15500 */
#endif
