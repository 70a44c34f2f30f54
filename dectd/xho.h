#ifndef DECTD_XHO_H
#define DECTD_XHO_H
#include "common/fsm.h"
#include "common/wr.h"
#include "dectd/nwk_msg.h"
#include "dectd/pp.h"

/* External handover (EN 300 175-5 15.7) inside the one system: a handset in a call sets up another link, names its call by the
 * handover reference that it was given, and goes on there. The SIP side and mediad see a handover like any other.
 *
 *   handset                                 first link             other link
 *   MM-INFO-REQUEST 0A  ->  MM-INFO-ACCEPT with Network parameter
 *   CC-SETUP class C, Network parameter  ------------------------>
 *                                     <-- authentication, CC-CONNECT
 *   CC-CONNECT-ACK  -------------------------------------------->
 *                                     <-- authentication, ciphering; speech moves
 *                     <-- CC-RELEASE 23
 *   CC-RELEASE-COM  -->
 *
 * A handset may also release the first link before (CC-RELEASE with reason 23): CC-RELEASE-COM brings it a reference, and the
 * call waits LCE.04 for it. */

enum xho_state {
	XHO_PROVE,   /* it is being authenticated */
	XHO_CONNECT, /* CC-CONNECT is out */
	XHO_CIPHER,  /* acknowledged: the other link is being ciphered */
	XHO_PARKED,  /* the first link was released: the handset is to come */
	XHO_RELEASE, /* the call has moved: the first link is being released */
	XHO_ABORT,   /* given up after CC-CONNECT: the other link is being released */
	XHO_DONE,
	XHO_NSTATES
};

enum xho_ev {
	XHO_EV_SETUP,
	XHO_EV_PROVEN,
	XHO_EV_FAILED,
	XHO_EV_ACK,
	XHO_EV_RELEASE, /* of the new transaction */
	XHO_EV_RELEASE_COM,
	XHO_EV_OLD_RELEASE, /* of the call's former one */
	XHO_EV_OLD_RELEASE_COM,
	XHO_EV_NEW_DOWN, /* the other link */
	XHO_EV_OLD_DOWN,
	XHO_EV_CALL_GONE,
	XHO_EV_TIMER,
	XHO_NEV
};
extern const struct fsm_def xho_def;

/* Network parameter with the handset's reference, which is made when there is none. It holds until it is used. */
void xho_reference_put(struct pp *pp, struct wr *w);
/* 0; CC_R_NO_NETWORK_PARAM: it is not there, or is another one. */
uint8_t xho_reference_check(const struct pp *pp, const struct nwk_msg *m);
#endif
