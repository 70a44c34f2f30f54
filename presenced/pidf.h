#ifndef PRESENCED_PIDF_H
#define PRESENCED_PIDF_H
#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"
#include "common/wr.h"
#include "presenced/pres_state.h"

/* Presence documents of plain SIP, written and read: PIDF (RFC 3863) with the data model (RFC 4479) and activities of RPID
 * (RFC 4480); dialog-info for busy lamps (RFC 4235). Pure. Documents from the network are untrusted: sax.h's bounds. */
#define PIDF_TYPE       "application/pidf+xml"
#define DIALOGINFO_TYPE "application/dialog-info+xml"
#define PIDF_DOC        6144 /* octets that one of our documents takes at most */

struct pidf_self {        /* what is said of one of our users */
	const char *aor;  /* "sip:user@domain" */
	const char *id;   /* of tuple, person, device: 16 hex digits, stable over restarts */
	const char *note; /* set by hand, "" */
	struct pres_view v;
	uint64_t now, used; /* Unix seconds: now, last use (0: not known) */
	uint32_t idle_s;    /* the user counts as idle after so long */
};
void pidf_put(struct wr *w, const struct pidf_self *s);

enum lamp { LAMP_IDLE, LAMP_RINGING, LAMP_BUSY };
void dialoginfo_put(
    struct wr *w, const struct pidf_self *s, enum lamp l, bool initiator, uint32_t version);

struct pidf_other { /* what a document says of somebody */
	bool open;  /* a tuple is open */
	bool on_phone, busy, away, meeting,
	    dnd;   /* activities of the newest person; dnd: as some write it */
	bool idle; /* user-input says so */
	char note[136];
};
/* 0; ERR_SYNTAX, ERR_LIMIT. Several tuples: any open one; several persons: the newest time stamp, else the last. */
int pidf_parse(struct slice doc, struct pidf_other *o) MUST_CHECK;
/* *version: of the document. The busiest of all dialogs. */
int dialoginfo_parse(struct slice doc, enum lamp *l, uint32_t *version, bool *full) MUST_CHECK;
#endif
