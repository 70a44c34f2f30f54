#ifndef SIPD_LEG_SIP_H
#define SIPD_LEG_SIP_H
#include "sipd/auth.h"
#include "sipd/call.h"
#include "sipd/inv.h"
#include "sipd/leg_cac.h"
#include "sipd/leg_ice.h"
#include "sipd/sub.h"

/* A leg that is an INVITE session; shared by leg_sip*.c and refer.c. */
struct leg_sip {
	struct leg leg;
	struct inv *inv;
	struct oa oa, base; /* base: the offer as it left, for further forks */
	char fork[72];      /* To tag whose answer oa holds */
	char *uri;          /* outgoing: Request-URI */
	char *extra;        /* outgoing: header lines */
	char contact[320];
	struct party caller; /* outgoing: who calls */
	struct tp_flow *flow;
	struct resolve_q *q;
	struct auth_req *auth;
	struct tmr reap;
	struct sub *refer;           /* subscription of a REFER, either way */
	char *refer_lines;           /* REFER being sent, for a repeat with credentials */
	char *refer_target;          /* of a blind one, for a far end that refuses REFER */
	enum sip_method asked;       /* in-dialog request waiting for its response */
	bool out, offerless;         /* offerless: the INVITE that came had no offer */
	bool wait_media, connecting; /* connecting: connect() waits for the media */
	bool sent, again, prober;
	char *
	    credentials; /* header lines that answered challenges: to the INVITE, later to a change */
	unsigned challenges;  /* answered */
	struct ms_conf *conf; /* LYNC: the conference that it is of; NULL: none */
	bool inviting;        /* LYNC: an invitation to it, without media */
	bool say;             /* who is at our end waits to be told */
	struct leg_ice ice;
	struct leg_cac cac;
	struct party far;      /* who is at our end */
	char conversation[72]; /* LYNC: Ms-Conversation-ID; empty: none */
	char accepted
	    [128]; /* LYNC: Content-ID of the part of a multipart offer that we took; empty: none */
	unsigned refer_tries;
};
extern const struct leg_ops leg_sip_ops;
static inline struct leg_sip *leg_sip_of(struct leg *l)
{
	return CONTAINER_OF(l, struct leg_sip, leg);
}
struct leg *leg_of_inv(struct sipd *s, const struct inv *i); /* NULL: not a leg's */
extern const struct inv_ops leg_inv_ops;
struct leg_sip *leg_sip_make(struct sipd *s, struct user *u);
/* The user of ours that the call is of. */
const struct user *leg_sip_whose(const struct leg_sip *l);
static inline struct inv_body leg_sip_sdp_body(const struct wr *w)
{
	return (struct inv_body){ SLICE_LIT("application/sdp"), wr_slice(w) };
}
/* Header lines that say why an offer is refused. */
struct slice leg_sip_refusal(int err);

/* Registers the handlers of INVITE, REFER, OPTIONS, MESSAGE, NOTIFY at the user agent. */
void leg_sip_start(struct sipd *s);
/* May this peer ask something of us. */
bool leg_sip_welcome(struct sipd *s, struct tp_flow *f);
/* ---- leg_sip_auth.c ---- */
/* A response to the INVITE, or to a change, is a challenge that is answered: true, the request is said again. */
bool leg_sip_challenged(struct leg_sip *l, const struct sip_msg *rsp, bool change);
void leg_sip_forget_credentials(struct leg_sip *l); /* the next request begins anew */

/* ---- leg_sdp.c ---- */
void leg_sip_local_address(struct leg_sip *l);
/* make: oa_offer or oa_answer. */
int leg_sip_write_sdp(struct leg_sip *l, struct wr *w, int (*make)(struct oa *, struct wr *));
struct leg_sip_body {
	char type[64], *text; /* text: to be freed; NULL: none */
	size_t cap;
	struct slice body;
};
/* The body of the INVITE whose offer oa has; LYNC: with the older part beside it where that is wanted. */
struct inv_body leg_sip_first_offer(struct leg_sip *l, struct leg_sip_body *b);
void leg_sip_body_free(struct leg_sip_body *b);
/* LYNC: the INVITE was refused for its description, and is said again in ICE draft 6 (once): true. */
bool leg_sip_again_older(struct leg_sip *l, const struct sip_msg *rsp);

/* A re-INVITE with what oa.want and the media's address say; later when one is under way. */
void leg_sip_reoffer(struct leg_sip *l);
/* Answers the offer that came, which oa knows. */
void leg_sip_answer_offer(struct leg_sip *l);
/* Events to the call. */
void leg_sip_gone(struct leg_sip *l, enum cause cause);
void leg_sip_failed(struct leg_sip *l, enum cause cause, const char *target);

/* ---- shared by leg_sip.c and leg_sip_ops.c ---- */
int leg_sip_go(
    struct leg_sip *l); /* media and connection: whichever is there last sends the INVITE */
void leg_sip_send_invite(struct leg_sip *l);
void leg_sip_apply(struct leg_sip *l); /* what was agreed, to the media */
void leg_sip_open_media(struct leg_sip *l);
void leg_sip_on_media(
    struct media_user *u, struct media *m, enum media_event ev, enum media_side side, int v);
/* Who is at our end: header lines, and telling the far end. */
void leg_sip_put_identity(struct leg_sip *l, struct wr *w);
void leg_sip_say_identity(struct leg_sip *l);

/* refer.c */
void refer_received(struct leg_sip *l, struct tx *tx, const struct sip_msg *req);
/* Sends REFER; the outcome comes as CALL_EV_GONE of both or stays. ERR_UNSUPP: the peer does not know REFER. */
int refer_send(struct leg_sip *l, const char *target, struct leg_sip *replaces);
void refer_reply(struct leg_sip *l, const struct sip_msg *rsp, int err);
void refer_notify(struct leg_sip *l, const struct sip_msg *req);
#endif
