#ifndef SIPD_SDP_BODY_H
#define SIPD_SDP_BODY_H
#include "sipd/sip_msg.h"

/* The session description of a SIP body: the body itself, or the part of a multipart body that we should use (the last
 * one that is no fallback: RFC 2046 5.1.4). ERR_NOTFOUND: the message has none; ERR_UNSUPP: another type, or a part that
 * must be understood is unknown (415); ERR_SYNTAX. */
int sdp_of_msg(const struct sip_msg *m, struct slice *sdp) MUST_CHECK;
/* The same with the part's headers: LYNC: its Content-ID goes back in Ms-Accepted-Content-ID. Nested multiparts are walked. */
int sdp_part_of_msg(const struct sip_msg *m, struct sip_part *part) MUST_CHECK;
/* LYNC: the gateway's description that an offer of a Mediation Server has besides (application/gw-sdp). */
int sdp_gateway_of_msg(const struct sip_msg *m, struct sip_part *part) MUST_CHECK;
#endif
