#ifndef DECTD_MM_PRIV_H
#define DECTD_MM_PRIV_H
#include "common/fsm.h"
#include "dectd/auth.h"
#include "dectd/dectd.h"
#include "dectd/lce.h"
#include "dectd/mm.h"
#include "dectd/subs.h"

/* Inside of the mobility management: one endpoint per link. It does one job at a time; a job is a row of steps, each a
 * procedure of EN 300 175-5 13. Steps start with state MM_IDLE and end there. The state says which answer is awaited. */

enum mm_state {
	MM_IDLE,
	MM_ASKING,
	MM_KEY,
	MM_AUTH,
	MM_CIPHER,
	MM_IDENT,
	MM_ASSIGN,
	MM_TERM,
	MM_NSTATES
};
enum mm_event {
	MM_EV_STEP,     /* something is to be done */
	MM_EV_CERT,     /* certd answered; arg: struct auth_result */
	MM_EV_ANSWER,   /* the awaited message; arg: struct nwk_msg */
	MM_EV_REFUSAL,  /* its refusal; arg: struct nwk_msg */
	MM_EV_CIPHERED, /* from the MAC */
	MM_EV_TIMER,
	MM_EV_DOWN, /* the link is gone */
	MM_NEV
};

enum mm_job {
	JOB_NONE,
	/* asked for by the handset: priority 3 */
	JOB_RIGHTS,
	JOB_LOCATE,
	JOB_DETACH,
	JOB_TERM_PT,
	JOB_CIPHER_PT,
	/* ours: priority 2 */
	JOB_SECURE,
	JOB_REKEY,
	JOB_TERM_FT,
	JOB_ASSIGN,
	JOB_IDENTIFY,
	JOB_DEFKEY, /* another default cipher key */
	JOB_PROVE,  /* it answered a page that looked for it */
};

enum mm_asked { /* what is being waited for in MM_ASKING */
	ASK_NOTHING,
	ASK_CHALLENGE,
	ASK_CHECK,
	ASK_KEY_CHALLENGE,
	ASK_KEY_CHECK,
	ASK_DEF_INDEX,
	ASK_DISK, /* not certd: the location is being stored */
};

#define MM_SENT_MAX   160
#define MM_QUEUED_MAX 256

struct mm_waiter {
	struct list node;
	struct mm *mm;
	struct pp *pp;
	struct tmr tmr; /* has no link to wait for: answered from the loop */
	mm_done_h *done;
	void *ctx;
};
struct mm_erase { /* rights are taken away: certd forgets the key, then the device goes */
	struct list node;
	struct mm *mm;
	struct ipui ipui;
	int err;
	mm_done_h *done;
	void *ctx;
};

struct mm_ep;
struct mm_ft { /* authentication of the fixed part runs beside everything else */
	struct mm_ep *ep;
	bool asking;
	enum pp_alg alg;
};

struct mm_ep {
	struct list node;
	struct mm *mm;
	struct lce_link *link;
	struct pp *pp; /* NULL: not known here */
	struct fsm fsm;
	struct tmr tmr;  /* of the state */
	struct tmr late; /* a job begins from the loop */
	struct tmr key_age;
	struct tmr check; /* ciphering must be on again */
	struct tmr moved; /* runs for a while after a handover */
	enum mm_job job;
	enum mm_asked asked;
	bool held;
	bool
	    verifies; /* the link was opened to see whether the handset is still there: held for that, too */
	bool up;        /* messages flow */
	bool repeated;  /* the request that is out was sent twice */
	bool suggested; /* CIPHER-REQUEST belongs to the handset's CIPHER-SUGGEST */
	/* of this link */
	bool authed;   /* it proved who it is */
	bool fresh;    /* … in the present job */
	bool clear_ok; /* it would not cipher, and need not */
	bool renewed;  /* what the present job is for was done: re-keying, identification */
	bool assigned; /* a TPUI was acknowledged: let the link go */
	bool answered; /* the handset's request was answered */
	bool call_active;
	bool
	    prove_only; /* JOB_SECURE: not ciphered yet (external handover, before CC-CONNECT-ACK) */
	bool must_verify; /* it said that it leaves, without a proof */
	enum pp_alg alg;
	uint64_t handle;
	unsigned lost;  /* times that the present job met no certd */
	unsigned paced; /* questions that certd had no time for, in a row */
	uint8_t dck[16], ndck;
	uint8_t sent[MM_SENT_MAX];
	uint16_t nsent;
	uint8_t queued[MM_QUEUED_MAX]; /* the handset's request that came while ours ran */
	uint16_t nqueued;
	struct pp_caps caps; /* what it told in the present job */
	bool has_caps;
	struct ie_model model;
	bool has_model;
	uint32_t new_tpui; /* that {LOCATE-ACCEPT} is to carry */
	unsigned changed;  /* enum pp_change that it makes known */
	char ipei[PP_IPEI_LEN + 1];
	char ac[AUTH_AC_MAX + 1];
	struct list waiters; /* of JOB_SECURE */
	struct pp_wait disk;
	bool rekey_wanted, term_wanted, assign_wanted, identify_wanted, prove_wanted, defkey_wanted;
	bool def;      /* the authentication that runs makes a default cipher key */
	bool def_done; /* … of the present job was made, or is not to be had */
	uint16_t def_index;
	mm_done_h *term_done;
	void *term_ctx;
	struct mm_ft ft;
};

struct mm {
	struct dectd *r;
	const struct auth_ops *auth;
	void *auth_ctx;
	struct list eps, orphans, erasing, early_asks;
	struct tmr hunt;
	struct mm_stats st;
	const struct mm_watch *watch;
	void *watch_ctx;
};

extern const struct fsm_def mm_def;
static inline struct mm_ep *mm_ep_of(struct fsm *m)
{
	return CONTAINER_OF(m, struct mm_ep, fsm);
}

/* mm.c: the endpoint, its job */
const struct dectd_conf *mm_conf(const struct mm_ep *ep);
void mm_timer_again(struct mm_ep *ep); /* of the state: from the start */
void mm_set_pp(struct mm_ep *ep, struct pp *pp);
void mm_begin(struct mm_ep *ep, enum mm_job job);
/* The job is done, well (0) or not; returns MM_IDLE. */
int mm_finish(struct mm_ep *ep, int err);
int mm_send(struct mm_ep *ep, struct wr *w); /* a message */
int mm_request(struct mm_ep *ep, struct wr *w,
    int state); /* a request that is kept for repetition; returns state */
void mm_hold(struct mm_ep *ep, bool on);
void mm_answered_cert(void *ctx, const struct auth_result *a);
void mm_note(struct mm_ep *ep, const char *reason);
void mm_unsafe(struct mm_ep *ep, uint8_t reason);
/* Is it still there? A page that nobody answers tells it within N300 times LCE.03. */
void mm_verify(struct mm *m, struct pp *pp);
/* mm_hunt.c */
void mm_hunt_init(struct mm *m);
void mm_hunt(struct mm *m); /* a handset was lost */
/* mm_early.c */
void mm_early_init(struct mm *m);
void mm_early_fini(struct mm *m);
bool mm_early_may_be(
    void *ctx, struct lce_link *l, const struct ipui *id, const struct nwk_msg *msg);
/* Its connection is ciphered with a default key: that is a proof of its identity. False: it is somebody else's key. */
bool mm_early_link(struct mm_ep *ep);
bool mm_early_used(const struct mm_ep *ep);   /* it is ciphered with one now */
bool mm_early_wanted(const struct mm_ep *ep); /* it is to get one in the present job */
bool mm_early_old(const struct mm_ep *ep);    /* … after a call */
/* The steps: an index from certd, an authentication with DEF. */
int mm_early_ask(struct mm_ep *ep);
int mm_early_challenge(struct mm_ep *ep, uint16_t index);
void mm_early_put(const struct mm_ep *ep, struct ie_auth_type *at);
void mm_early_made(struct mm_ep *ep);
void mm_early_failed(struct mm_ep *ep, const char *why);
void mm_early_forget(struct mm *m, struct pp *pp); /* its key is void; bases forget it */
/* certd forgets the key, the device is deleted, done is called. */
void mm_erase(struct mm *m, struct pp *pp, int err, mm_done_h *done, void *ctx);

/* Keys of the IPUI/PARK pair, number 0 (EN 300 175-5 7.7.4). */
#define MM_KEY_NO 8
/* mm.c: a hold of the handset's link, paged if need be; its endpoint works soon. */
int mm_reach(struct mm *m, struct pp *pp, struct mm_ep **out) MUST_CHECK;
/* mm_proc.c: the job failed; the handset's request is rejected with reason `reject`. */
int mm_fail(struct mm_ep *ep, int err, int reject);
int mm_certd_failed(struct mm_ep *ep, int err);
int mm_certd_lost(struct mm_ep *ep, int err); /* a question that opens an exchange: again soon */
int mm_proceed(struct mm_ep *ep);             /* the next step of the job */
bool mm_base_ciphers(const struct mm_ep *ep);
/* mm_key.c: the steps of key allocation that mm_proc.c takes */
int mm_key_ask(struct mm_ep *ep);
int mm_key_send(struct mm_ep *ep, const struct auth_result *a);
int mm_key_start_failed(struct mm_ep *ep, int err);
int mm_key_done(struct mm_ep *ep, const struct auth_result *a);
int mm_key_wrong(struct mm_ep *ep);
/* mm_proc.c: whether the policy lets this link be in clear */
bool mm_clear_allowed(const struct mm_ep *ep);
/* mm_proc.c: actions of the table, in its order */
int mm_act_step(struct fsm *m, int ev, const void *arg);
int mm_act_cert(struct fsm *m, int ev, const void *arg);
int mm_act_cert_late(struct fsm *m, int ev, const void *arg);
int mm_act_key_answer(struct fsm *m, int ev, const void *arg);
int mm_act_key_refused(struct fsm *m, int ev, const void *arg);
int mm_act_auth_answer(struct fsm *m, int ev, const void *arg);
int mm_act_auth_refused(struct fsm *m, int ev, const void *arg);
int mm_act_ciphered(struct fsm *m, int ev, const void *arg);
int mm_act_cipher_refused(struct fsm *m, int ev, const void *arg);
int mm_act_ident_answer(struct fsm *m, int ev, const void *arg);
int mm_act_assign_answer(struct fsm *m, int ev, const void *arg);
int mm_act_assign_refused(struct fsm *m, int ev, const void *arg);
int mm_act_assign_timer(struct fsm *m, int ev, const void *arg);
int mm_act_term_answer(struct fsm *m, int ev, const void *arg);
int mm_act_term_refused(struct fsm *m, int ev, const void *arg);
int mm_act_repeat(struct fsm *m, int ev, const void *arg);
int mm_act_down(struct fsm *m, int ev, const void *arg);

/* mm_req.c: the handset's requests, and what they are answered with */
void mm_rx(struct mm_ep *ep, const struct nwk_msg *m);
/* The final answer to the handset's request of the present job; returns the state to go to. */
int mm_accept(struct mm_ep *ep);
int mm_located(struct mm_ep *ep, int err); /* … of a registration, once it is stored */
void mm_reject(struct mm_ep *ep, enum mm_job job, int reason);
void mm_model(struct mm_ep *ep); /* what it told of its model is kept */
void mm_take_request(struct mm_ep *ep, const struct nwk_msg *m);
#endif
