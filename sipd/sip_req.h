#ifndef SIPD_SIP_REQ_H
#define SIPD_SIP_REQ_H
#include "sipd/resolve.h"
#include "sipd/tx.h"

/* A client request as a whole: next hop found, candidates tried in order (each in its own transaction, RFC 3263 4.3: on
 * timeout, transport error and 503), long requests moved from UDP to TCP (RFC 3261 18.1.1). */
struct sip_req;
enum sip_req_ev {
	SIP_REQ_REPLY, /* rsp: any response but a 503 that made us try the next candidate */
	SIP_REQ_FAIL, /* no response: err is ERR_TIMEOUT, ERR_LOST, ERR_NOTFOUND …; no more but DONE comes */
	SIP_REQ_DONE, /* last call, exactly once */
};
typedef void sip_req_h(
    void *ctx, struct sip_req *r, enum sip_req_ev ev, const struct sip_msg *rsp, int err);

struct sip_req_conf {
	enum sip_method method;
	struct slice msg;      /* whole, without Via */
	struct slice next_hop; /* URI, resolved; or */
	struct tp_flow
	    *flow; /* a flow to use; with next_hop, too: that is the way when the flow is gone */
	const struct tp_dest *dest; /* candidates in order */
	unsigned ndest;
	uint32_t try_ms; /* how long one candidate may stay silent; 0: 64*T1 */
	uint32_t key;    /* tp_dest.key for resolved candidates */
	uint64_t owner;  /* for the signing hook */
	/* Whose credentials answer a 401 or 407, by the hook of sip_ua_set_credentials(): the request is then sent once more,
	 * with the next CSeq of its dialog, and only the response to that is told. No password: SIP_REQ_FAIL with ERR_AUTH.
	 * Empty: challenges are told as any response. */
	struct slice credential;
};
struct sip_ua;
/* Never calls back from inside. ERR_SYNTAX when next_hop is not a URI. */
int sip_req_send(struct sip_ua *ua, const struct sip_req_conf *c, sip_req_h *fn, void *ctx,
    struct sip_req **out) MUST_CHECK;
/* INVITE: CANCEL; what is not sent yet fails with ERR_LOST. Else as sip_req_forget. */
void sip_req_cancel(struct sip_req *r, struct slice lines);
/* No more callbacks; the request goes its way. NULL is fine. */
void sip_req_forget(struct sip_req *r);
struct tp_flow *sip_req_flow(const struct sip_req *r); /* in use now; NULL while resolving */

/* ACK to a 2xx: belongs to no transaction, is sent again for each repeat of the 2xx. msg, next_hop, flow, key and owner of
 * the configuration are used. */
struct sip_ack;
struct sip_ack *sip_ack_send(struct sip_ua *ua, const struct sip_req_conf *c);
void sip_ack_again(struct sip_ack *a);
void sip_ack_free(struct sip_ack *a); /* NULL is fine */
#endif
