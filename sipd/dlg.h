#ifndef SIPD_DLG_H
#define SIPD_DLG_H
#include "common/list.h"
#include "common/wr.h"
#include "sipd/sip_msg.h"

/* Dialog state (RFC 3261 12): pure, knows no socket. One object per dialog; a forked INVITE gives several. Before the
 * first response with a To tag an UAC's dialog is HALF: it builds the initial request and is then copied per fork.
 *
 * Route sets keep each element exactly as it came, header parameters behind the '>' included (Lync signs them). */
enum dlg_state { DLG_HALF, DLG_EARLY, DLG_CONFIRMED, DLG_ENDED };

#define DLG_ROUTES_MAX 32

struct dlg {
	enum dlg_state state;
	bool uac; /* we sent the request that made it */
	char *call_id, *local_tag;
	char *remote_tag; /* "" in HALF */
	char *
	    local; /* name-addr of ours, with parameters but without tag: "Ann" <sip:ann@x>;epid=1 */
	char *remote;  /* peer's, as it came */
	char *contact; /* our Contact value, whole: <sip:…>;params */
	char *target;  /* remote target: a URI */
	char **route;  /* elements, in sending order */
	unsigned nroute;
	uint32_t local_cseq;   /* of the last request we sent; 0: none yet */
	uint32_t remote_cseq;  /* 0: none yet */
	uint32_t rseq;         /* last RSeq that we saw in order, for 100rel */
	uint32_t max_forwards; /* for our requests [70] */
};

struct dlg_uac {
	struct slice local, remote; /* name-addr values, without tag */
	struct slice ruri;          /* initial Request-URI */
	struct slice contact;
	struct slice call_id;      /* empty: made */
	struct slice local_tag;    /* empty: made */
	const struct slice *route; /* pre-loaded route, elements */
	unsigned nroute;
	uint32_t max_forwards; /* 0: 70 */
};
struct dlg *dlg_uac_new(const struct dlg_uac *c);
/* From a request that forms a dialog (INVITE, SUBSCRIBE, REFER) and our To tag. ERR_SYNTAX: no usable Contact, or a
 * Record-Route beyond the limit. */
/* More parameters of our address: ";epid=…", or nothing. */
void dlg_put_local(struct dlg *d, const char *params);
int dlg_uas_new(const struct sip_msg *req, struct slice local_tag, struct slice contact,
    struct dlg **out) MUST_CHECK;
struct dlg *dlg_dup(const struct dlg *d);
void dlg_free(struct dlg *d); /* NULL is fine */

/* UAC: a response to the request that forms the dialog. HALF becomes EARLY or CONFIRMED; an EARLY dialog is confirmed by
 * its 2xx (route set recomputed, 13.2.2.4). ERR_NOTFOUND: the response is of another fork (another To tag);
 * ERR_SYNTAX: no To tag or, in a 2xx, no Contact. A 100 and 3xx-6xx change nothing. */
int dlg_on_reply(struct dlg *d, const struct sip_msg *rsp) MUST_CHECK;
/* Subscriber, RFC 6665 4.4.1: a NOTIFY that comes before the response to SUBSCRIBE makes the HALF dialog. ERR_SYNTAX: no
 * usable Contact. Nothing changes in another state. */
int dlg_by_notify(struct dlg *d, const struct sip_msg *req) MUST_CHECK;
/* Any: response to a target-refresh request (re-INVITE, UPDATE, SUBSCRIBE): takes a 2xx's Contact. */
void dlg_refresh(struct dlg *d, const struct sip_msg *m);
/* A request inside: ERR_STATE when its CSeq is too low (answer 500), else notes CSeq and, for target-refresh requests,
 * the Contact. ACK and CANCEL change nothing. */
int dlg_on_request(struct dlg *d, const struct sip_msg *req) MUST_CHECK;
bool dlg_matches(const struct dlg *d, const struct sip_msg *m);

/* Start line, Route, Max-Forwards, From, To, Call-ID, CSeq, and Contact where the method has one. cseq 0: takes the next;
 * ACK and CANCEL give the number of what they belong to. The caller adds its headers and ends with sip_put_body. */
void dlg_put_request(struct dlg *d, struct wr *w, struct slice method, uint32_t cseq);
/* The URI to which a request goes first: first route (loose), else the remote target. */
struct slice dlg_next_hop(const struct dlg *d);
/* Rewrites the target ("contact" of the peer) by hand. */
void dlg_set_target(struct dlg *d, struct slice uri);
void dlg_set_contact(struct dlg *d, struct slice contact);
#endif
