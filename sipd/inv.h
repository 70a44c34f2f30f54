#ifndef SIPD_INV_H
#define SIPD_INV_H
#include "sipd/sip_ua.h"

/* An INVITE session on one or more dialogs: what RFC 3261 13-15, 3262 (100rel), 3311 (UPDATE), 4028 (session timer)
 * demand of the wire, so that the call machine above deals in offers, answers and decisions only.
 *
 * Outgoing: forks are followed; the first 2xx wins, 2xx of other forks are acknowledged and ended here. Reliable 1xx are
 * acknowledged by PRACK here. Incoming: 2xx repeated until ACK; reliable 1xx until PRACK.
 * Bodies are opaque here: a type and octets. */
struct inv;

enum inv_end {
	INV_END_BYE, /* the peer ended it; m is the BYE */
	INV_END_CANCEL, /* the caller gave up; m is the CANCEL (its Reason may say "completed elsewhere") */
	INV_END_NO_ACK,  /* our 2xx was never acknowledged: BYE was sent */
	INV_END_EXPIRED, /* session timer ran out: BYE was sent */
	INV_END_LOST,    /* in-dialog request got 408/481 or no answer: the dialog is gone */
	INV_END_LOCAL,   /* inv_bye, inv_cancel or inv_refuse are through */
};

struct inv_ops {
	/* Outgoing. 1xx above 100; its To tag tells the fork. Body: early answer (or an offer in a reliable 1xx). */
	void (*progress)(void *ctx, struct inv *i, const struct sip_msg *rsp);
	/* 2xx. With an offer in our INVITE the ACK is sent already; without, the body is an offer and the owner calls
	 * inv_ack with the answer. */
	void (*answered)(void *ctx, struct inv *i, const struct sip_msg *rsp);
	/* 3xx-6xx (rsp), or none: err and rsp NULL. The inv is free of wire duties; inv_free it when done with it.
	 * 401/407: inv_retry with credentials starts again. */
	void (*failed)(
	    void *ctx, struct inv *i, unsigned status, const struct sip_msg *rsp, int err);
	/* Incoming: ACK to our 2xx (body: answer to our offer, if the INVITE had none). */
	void (*confirmed)(void *ctx, struct inv *i, const struct sip_msg *ack);
	/* re-INVITE or UPDATE from the peer, with or without an offer. Answer by inv_answer. Glare (491, 500) was dealt with.
	 * An UPDATE without a body (session-timer refresh, new identity) is answered here and not reported as offer. */
	void (*offer)(void *ctx, struct inv *i, const struct sip_msg *req);
	/* An UPDATE without a body said who the peer is now (P-Asserted-Identity). */
	void (*identity)(void *ctx, struct inv *i, const struct sip_msg *req);
	/* PRACK with a body (offer or answer): answered 200 here without body unless inv_prack_answer was called in it. */
	void (*prack)(void *ctx, struct inv *i, const struct sip_msg *req);
	/* Other requests inside the dialog (INFO, REFER, NOTIFY, MESSAGE, OPTIONS …): the owner answers tx. NULL: 405. */
	void (*request)(void *ctx, struct inv *i, struct tx *tx, const struct sip_msg *req);
	/* Response to inv_offer or inv_request (rsp NULL: err). 491 was retried here after the RFC's random time; ERR_BUSY: the
	 * peer's own change came meanwhile, ours was given up. 401/407 come here: repeat with credentials. */
	void (*reply)(
	    void *ctx, struct inv *i, enum sip_method m, const struct sip_msg *rsp, int err);
	/* The session is over. Exactly once for a session that was answered or (incoming) not refused by us. */
	void (*ended)(void *ctx, struct inv *i, enum inv_end why, const struct sip_msg *m);
};

struct inv_conf {
	const struct inv_ops *ops;
	void *ctx;
	uint64_t owner;          /* signing hook */
	struct slice credential; /* answers challenges in the session; see sip_req_conf */
	uint32_t se_s, min_se_s; /* session timer: 0 off, else at least 90; min_se 0: 90 */
	bool
	    rel100_require; /* outgoing: Require: 100rel; incoming: reliable 1xx whenever the peer supports it */
	bool rel100_off;
	struct slice
	    lines; /* header lines for INVITE and 2xx (Allow, Supported … are added here) */
	/* How requests leave: as in sip_req_conf; a flow or dest is used for the initial request, later ones follow the
	 * dialog's route unless stick is set (LYNC: everything stays on the registered connection). */
	struct tp_flow *flow;
	const struct tp_dest *dest;
	unsigned ndest;
	uint32_t try_ms, key;
	bool stick;
};

/* ---- outgoing ---- */
struct inv_body {
	struct slice type, body; /* empty type: no body */
};
/* Takes d (HALF). Sends the INVITE. */
int inv_out(struct sip_ua *ua, const struct inv_conf *c, struct dlg *d, struct inv_body offer,
    struct inv **out) MUST_CHECK;
/* After failed with 401/407 (or 422, redirection …): the same INVITE again with more header lines (credentials), in the
 * same Call-ID, next CSeq. */
int inv_retry(struct inv *i, struct slice lines, struct inv_body offer) MUST_CHECK;
int inv_ack(struct inv *i, struct inv_body answer);
/* Before an answer: CANCEL (with these header lines, Reason say); failed(487) or answered-then-BYE follows as ended. */
void inv_cancel(struct inv *i, struct slice lines);

/* ---- incoming ---- */
/* From an INVITE that the owner wants to handle; sends 100. ERR_SYNTAX: answered 400 here. contact is ours, whole value. */
int inv_in(struct sip_ua *ua, const struct inv_conf *c, struct tx *tx, struct slice contact,
    struct inv **out) MUST_CHECK;
/* 101-199; reliable as the configuration and the peer want it (and always when it has a body and the peer requires). */
int inv_progress(
    struct inv *i, unsigned status, struct slice reason, struct slice lines, struct inv_body body);
int inv_accept(struct inv *i, struct slice lines, struct inv_body body); /* 200 */
int inv_refuse(struct inv *i, unsigned status, struct slice reason, struct slice lines);

/* ---- in session ---- */
/* Our re-INVITE (or UPDATE). One at a time: ERR_BUSY; ERR_STATE outside of a session. lines: credentials, or empty. */
int inv_offer(struct inv *i, bool update, struct slice lines, struct inv_body offer) MUST_CHECK;
/* Answers what ops.offer brought: 200 with a body, or a refusal (488, 500, 603). */
int inv_answer(struct inv *i, unsigned status, struct slice lines, struct inv_body body);
int inv_prack_answer(struct inv *i, unsigned status, struct inv_body body);
/* INFO, REFER, NOTIFY, MESSAGE … lines: header lines. The response comes to ops.reply. */
int inv_request(
    struct inv *i, enum sip_method m, struct slice lines, struct inv_body body) MUST_CHECK;
void inv_bye(struct inv *i, struct slice lines);
/* Frees. A session still up is ended by BYE (or CANCEL, or 480) first, without callbacks. NULL is fine. */
void inv_free(struct inv *i);

struct dlg *inv_dlg(
    struct inv *i); /* the confirmed dialog, else the first fork, else the HALF one */
struct sip_usage *inv_usage(struct inv *i);
struct inv *inv_of_usage(struct sip_usage *u); /* NULL when the usage is not an INVITE's */
struct tp_flow *inv_flow(const struct inv *i); /* of the last message; may be NULL */
bool inv_peer_allows(const struct inv *i, enum sip_method m);
bool inv_peer_supports(const struct inv *i, struct slice tag);
bool inv_is_up(
    const struct inv *i); /* answered (and acknowledged, or waiting for that), not ended */
#endif
