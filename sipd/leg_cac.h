#ifndef SIPD_LEG_CAC_H
#define SIPD_LEG_CAC_H
#include "common/tmr.h"
#include "sipd/media.h"
#include "sipd/sipd.h"

/* LYNC: call admission control of a SIP leg (MS-TURNBWM, MS-ICE2BWM; ms-media 9): which paths a call may take and how much
 * bandwidth it may use, by a policy server that mediad asks.
 *
 *	called:  leg_cac_hold() asks before the handset rings, on a port of its own; then the call goes on without the
 *	         candidates and codecs that are refused, or is refused itself
 *	both:    leg_cac_reserve() has mediad reserve the path that is chosen; it says so again and gives it back at the end
 *
 * A policy server that is silent stops no call, unless cac-silent says so. */
struct leg_sip;
struct leg_cac {
	struct media *probe; /* the question is open */
	struct media_user mu;
	struct tmr late;
	const char *why;   /* nobody could be asked */
	uint8_t forbidden; /* ends, MEDIA_END_... */
	bool reserve;      /* told to mediad */
	bool refused, pstn;
	uint32_t granted; /* kbit/s reserved; 0: none */
	char text[160];   /* what was decided, for `dectctl call show`; empty: nothing was asked */
};
struct sip_msg;
/* The offer that oa knows is to be checked: CALL_EV_READY (or the call's end) comes later. */
bool leg_cac_hold(
    struct leg_sip *l, const struct user *u, const struct sip_msg *req, struct slice sdp);
void leg_cac_reserve(struct leg_sip *l); /* an answer is there */
void leg_cac_moved(struct leg_sip *l);   /* mediad reported */
/* Header lines and status of the refusal. false: it was not refused here. */
bool leg_cac_refusal(const struct leg_sip *l, unsigned *status, struct wr *lines);
void leg_cac_say(struct leg_sip *l); /* to the caller, where it was refused so late */
void leg_cac_fini(struct leg_sip *l);
/* A policy server is configured and meant for this user. */
bool leg_cac_on(const struct sipd *s, const struct user *u);
/* Where it is, with credentials. ERR_VALUE: cac-server is none; ERR_AUTH: no credentials. */
int leg_cac_server(const struct sipd *s, struct media_relay *out) MUST_CHECK;
#endif
