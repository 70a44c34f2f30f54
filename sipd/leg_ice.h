#ifndef SIPD_LEG_ICE_H
#define SIPD_LEG_ICE_H
#include "common/tmr.h"
#include "sipd/ice_sdp.h"

/* ICE of a SIP leg: RFC 8839 with `ice`; MS-ICE2, and draft 6 with those who speak that, in the Lync dialect. The agent is
 * mediad's; descriptions are ours.
 *
 *	our offer:    leg_ice_wait() asks mediad -> MEDIA_ICE_LOCAL -> leg_ice_put() -> their answer -> leg_ice_took()
 *	their offer:  leg_ice_offered() -> the same -> our answer, leg_ice_took() with what they offered
 *	MEDIA_ICE:    a path was chosen; who is in control says so in a new offer where that is needed
 *	another ufrag in an offer is a restart: the answer waits for a new agent
 *
 * LYNC: draft 6 has no ufrag: a description without a known candidate that names none of ours is a restart. Our first offer
 * is of MS-ICE2, on request with a part of draft 6 beside it, and is made again in draft 6 where it was refused; the
 * answer's words are kept to. */
struct leg_ice {
	bool on, asked, there,
	    told; /* in use; an agent is asked for; mediad answered; the final offer was made */
	bool controlling, one; /* one: component 1 only */
	bool mux;              /* our answers multiplex RTCP */
	bool mismatch;         /* our answer says that their default address is no candidate */
	bool due,
	    checks; /* an offer of theirs waits for its answer: for an agent, or (checks) for our checks */
	bool forked;        /* two forks answered with ICE: it begins anew when one has the call */
	bool again;         /* an offer of ours waits for a new agent */
	bool draft6, older; /* we speak it; our first offer was made again in it */
	char ufrag[257];    /* theirs; empty: none yet */
	uint32_t name[MEDIA_CANDS]; /* draft 6: of their candidates, as hashes */
	uint8_t nname;
	struct tmr late; /* due: the answer does not wait longer */
};
struct leg_sip;
void leg_ice_init(struct leg_sip *l);
void leg_ice_fini(struct leg_sip *l);
/* Asks for an agent where one is wanted; true: it is not there yet, MEDIA_ICE_LOCAL comes. */
bool leg_ice_wait(struct leg_sip *l);
/* The first offer that came, or none in the INVITE: does it have ICE for us. */
void leg_ice_offered(struct leg_sip *l, struct slice sdp);
/* A later offer that came, which oa knows already: true: leg_sip_answer_offer() is called later. */
bool leg_ice_hold(struct leg_sip *l, struct slice sdp);
void leg_ice_put(struct leg_sip *l, struct wr *w, struct wr *session); /* lines of a description */
void leg_ice_local(struct leg_sip *l); /* mediad answered: with an agent, or with none */
void leg_ice_chosen(struct leg_sip *l, bool found); /* MEDIA_ICE */
void leg_ice_moved(struct leg_sip *l);   /* the agent is another one, at another mediad */
void leg_ice_drop(struct leg_sip *l);    /* goes on by the addresses of the descriptions */
void leg_ice_restart(struct leg_sip *l); /* a new agent, told to the far end when it is there */
void leg_ice_took(struct leg_sip *l, struct slice sdp); /* theirs: to the agent, or none */
/* LYNC: our description in the words of draft 6; false: there is no agent for it. */
bool leg_ice_older(struct leg_sip *l, struct slice sdp, struct wr *w);
#endif
