#ifndef SIPD_INV_INT_H
#define SIPD_INV_INT_H
#include "sipd/inv.h"
#include "sipd/sip_build.h"
#include "sipd/sip_ua_int.h"

/* Inside of INVITE sessions: inv.c (life, dialogs, what comes), inv_out.c (INVITE as client), inv_early.c (requests before their dialog), inv_in.c (as server),
 * inv_mod.c (requests in the session), inv_se.c (session timer). */
struct inv_fork { /* one dialog */
	struct list node;
	struct inv *i;
	struct sip_usage usage;
	struct dlg *dlg;
	struct sip_ack *ack; /* of the last INVITE of ours that got a 2xx here */
	uint32_t ack_cseq;
	bool waits_ack; /* a 2xx with an offer: the owner answers by inv_ack */
	bool answered;  /* our offer, by a reliable 1xx */
};

enum inv_state {
	INV_CALLING,  /* our INVITE has no final response */
	INV_RINGING,  /* theirs has none from us */
	INV_ACCEPTED, /* our 2xx waits for its ACK */
	INV_UP,
	INV_OVER
};

struct inv_text { /* a message part that may be sent again */
	char *lines, *type, *body;
	size_t nbody;
};

/* An in-session request of ours that changes the session: one at a time. */
struct inv_mod {
	struct sip_req *req; /* NULL with on: waits for its turn after a 491 */
	enum sip_method method;
	uint32_t cseq;
	struct inv_text text;
	struct tmr again;
	unsigned tries;
	bool on, refresh; /* refresh: ours, the owner does not know of it */
};

struct inv_req { /* INFO, REFER … */
	struct list node;
	struct inv *i;
	struct sip_req *req;
	enum sip_method method;
};

struct inv {
	struct list node; /* ua->invs */
	struct sip_ua *ua;
	struct inv_conf conf; /* ops NULL: nobody listens any more */
	char *lines, *credential;
	enum inv_state state;
	bool out, cancelled, told, final; /* final: our INVITE has a final response */
	struct dlg *half;                 /* outgoing: as the INVITE was */
	struct sip_usage early;           /* of inv_early.c */
	struct list held;
	struct list forks;
	struct inv_fork *main; /* answered, or incoming */
	struct tp_flow *flow;  /* of the last message */
	/* our INVITE */
	struct sip_req *req;
	uint32_t cseq;
	struct inv_text text;
	unsigned tries;
	bool offered;
	/* theirs */
	struct tx *tx;     /* no final response yet */
	struct tx *acc_tx; /* 2xx to it waits for the ACK */
	struct tmr repeat;
	uint32_t repeat_ms;
	uint64_t repeat_end;
	struct slice rel; /* reliable 1xx without PRACK, as sent */
	uint32_t rel_rseq, rel_cseq, rseq;
	struct tmr rel_tmr;
	uint32_t rel_ms;
	uint64_t rel_end;
	bool rel_due; /* its PRACK may still come, after our 2xx, too (RFC 3262 3) */
	bool rel_body, pracking;
	struct tx *prack_tx;
	struct inv_text later; /* accepted while a reliable 1xx with a body waits */
	bool accept_later;
	/* in the session */
	struct inv_mod mod;
	struct sip_req *acked_req; /* re-INVITE of ours that got its 2xx */
	struct tx *in_tx;          /* their re-INVITE or UPDATE, with the owner */
	struct inv_fork *in_fork;  /* its dialog */
	struct list reqs;
	struct tp_dest *dest;
	char *bye_lines; /* BYE waits for the ACK */
	/* peer */
	uint32_t allows; /* by enum sip_method; 0: not told */
	char *supports;
	/* session timer: s; 0: none */
	uint32_t se, min_se;
	bool we_refresh, se_failed;
	struct tmr se_tmr;
	char *sdp_type, *sdp; /* our last body, for a refresh by re-INVITE */
	size_t nsdp;
};

/* ---- inv.c ---- */
struct inv *inv_make(struct sip_ua *ua, const struct inv_conf *c);
struct inv_fork *inv_fork_new(struct inv *i, struct dlg *d);
void inv_fork_free(struct inv_fork *f);
struct inv_fork *inv_fork_of(struct inv *i, struct slice remote_tag);
void inv_peer_caps(struct inv *i, const struct sip_msg *m);
void inv_set_flow(struct inv *i, struct tp_flow *f);
/* Tells the owner once, and lets the session go. */
void inv_over(struct inv *i, enum inv_end why, const struct sip_msg *m);
/* BYE now, for a session that ends by itself. */
void inv_send_bye(struct inv *i, struct inv_fork *f, struct slice lines);
void inv_maybe_free(struct inv *i); /* nobody listens and nothing is owed to the wire: frees */
void inv_text_set(struct inv_text *t, struct slice lines, struct inv_body b);
void inv_text_drop(struct inv_text *t);
static inline struct inv_body inv_text_body(const struct inv_text *t)
{
	return (struct inv_body){ slice_str(t->type), { t->body, t->nbody } };
}
void inv_keep_sdp(struct inv *i, struct inv_body b);
/* Sends a request in a dialog. Headers that go with the method are added. cseq 0: next; *used tells it. */
int inv_send(struct inv *i, struct inv_fork *f, enum sip_method m, struct slice lines,
    struct inv_body body, sip_req_h *fn, void *ctx, uint32_t *used, struct sip_req **out);
/* Allow, Supported, Require and the session timer's headers of an INVITE, UPDATE or their 2xx. */
void inv_put_caps(struct inv *i, struct wr *w, bool rel);

/* ---- inv_early.c: what comes before the dialog that it belongs to ---- */
void inv_early_start(struct inv *i);                         /* our INVITE goes out */
void inv_early_tell(struct inv *i, struct slice remote_tag); /* that dialog is there now */
void inv_early_stop(struct inv *i); /* there will be no more of them; fine at any time */

/* ---- inv_out.c ---- */
void inv_ack_2xx(struct inv *i, struct inv_fork *f, uint32_t cseq, struct inv_body body);

/* ---- inv_in.c ---- */
void inv_acked(struct inv *i, const struct sip_msg *ack);
void inv_wait_ack(struct inv *i, struct tx *tx);
void inv_on_prack(struct inv *i, struct tx *tx, const struct sip_msg *req);
void inv_on_server(void *ctx, struct tx *tx, enum tx_server_ev ev, const struct sip_msg *m);
void inv_drop_rel(struct inv *i);

/* ---- inv_mod.c ---- */
void inv_on_change(struct inv *i, struct inv_fork *f, struct tx *tx, const struct sip_msg *req);
void inv_mod_drop(struct inv *i);
int inv_change(
    struct inv *i, enum sip_method m, struct slice lines, struct inv_body b, bool refresh);
void inv_request_drop(struct inv_req *r);

/* ---- inv_se.c ---- */
/* false: the interval is too small; answered 422. */
bool inv_se_check(struct inv *i, struct tx *tx, const struct sip_msg *req);
void inv_se_asked(struct inv *i, const struct sip_msg *req); /* before the 2xx to req is written */
void inv_se_answered(struct inv *i, const struct sip_msg *rsp);
void inv_se_put_request(struct inv *i, struct wr *w);
void inv_se_put_answer(struct inv *i, struct wr *w);
bool inv_se_raise(struct inv *i, const struct sip_msg *rsp); /* 422: true: ask again */
void inv_se_start(struct inv *i);
void inv_se_failed(struct inv *i); /* a refresh was refused: the session lives until it expires */
void inv_se_init(struct inv *i);
#endif
