#ifndef DECTD_CC_H
#define DECTD_CC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/fsm.h"
#include "common/list.h"
#include "common/slice.h"
#include "common/tmr.h"
#include "dectd/ident.h"
#include "dectd/nwk_ie.h"
#include "dectd/nwk_msg.h"
#include "dectd/pp.h"
#include "dectd/ui_text.h"

/* Call control, fixed part (EN 300 175-5 9, annex B): one struct cc_call for each CC instance. It knows the air
 * interface only: below, struct cc_low brings messages to a handset; above, struct cc_ops (the interworking unit of
 * the standard: phone.c) gets primitives. What a call means, second calls and menus are phone.c's.
 *
 * A cc_call lives from cc_offer() or setup_ind until released() returns. Functions never call back from inside; upcalls
 * come from cc_input(), cc_link(), cc_secured(), cc_lost() and timers. */

enum cc_state {
	CC_PAGING,   /* ours: a link is being made */
	CC_SECURING, /* ours: the link is being authenticated and ciphered before anything is said */
	CC_INITIATED,  /* F-01 */
	CC_OVERLAP,    /* F-02 */
	CC_PROCEEDING, /* F-03 */
	CC_DELIVERED,  /* F-04 */
	CC_PRESENT,    /* F-06 */
	CC_RECEIVED,   /* F-07 */
	CC_ANSWERED,   /* ours: CC-CONNECT came, the acknowledgement waits for the speech path */
	CC_ACTIVE,     /* F-10 */
	CC_RELEASING,  /* F-19 */
	CC_NULL,       /* F-00 */
	CC_NSTATES
};

enum cc_ev {
	CC_EV_SETUP, /* messages */
	CC_EV_INFO,
	CC_EV_ALERTING,
	CC_EV_CONNECT,
	CC_EV_RELEASE,
	CC_EV_RELEASE_COM,
	CC_EV_LINK, /* link and security */
	CC_EV_LINK_FAILED,
	CC_EV_SECURED,
	CC_EV_INSECURE,
	CC_EV_LOST,
	CC_EV_RESET,       /* the data link was established anew */
	CC_EV_L_SETUP_ACK, /* local primitives */
	CC_EV_L_PROC,
	CC_EV_L_ALERT,
	CC_EV_L_CONNECT,
	CC_EV_L_CONNECT_ACK,
	CC_EV_L_INFO,
	CC_EV_L_RELEASE,
	CC_EV_TIMER,
	CC_NEV
};

/* Release reasons (7.6.7). */
enum cc_reason {
	CC_R_NORMAL = 0x00,
	CC_R_UNEXPECTED = 0x01,
	CC_R_UNKNOWN_TI = 0x02,
	CC_R_MISSING_IE = 0x03,
	CC_R_BAD_IE = 0x04,
	CC_R_INCOMPATIBLE = 0x05,
	CC_R_NOT_IMPLEMENTED = 0x06,
	CC_R_INVALID_ID = 0x08,
	CC_R_AUTH_FAILED = 0x09,
	CC_R_UNKNOWN_ID = 0x0a,
	CC_R_NEGOTIATION = 0x0b,
	CC_R_TIMER = 0x0d,
	CC_R_PARTIAL = 0x0e,
	CC_R_UNKNOWN = 0x0f,
	CC_R_DETACHED = 0x10,
	CC_R_NOT_IN_RANGE = 0x11,
	CC_R_USER_UNKNOWN = 0x12,
	CC_R_USER_BUSY = 0x14,
	CC_R_USER_REJECT = 0x15,
	CC_R_EXT_HO = 0x21,
	CC_R_NO_NETWORK_PARAM = 0x22,
	CC_R_EXT_HO_RELEASE = 0x23,
	CC_R_OVERLOAD = 0x31,
	CC_R_RESOURCES = 0x32,
	CC_R_BEARERS = 0x33,
	CC_R_IWU_CONGESTION = 0x34,
	CC_R_SECURITY = 0x40,
	CC_R_CIPHER_FAILED = 0x41,
};

/* Signals (7.6.8). */
enum {
	CC_SIG_DIAL = 0x00,
	CC_SIG_RINGBACK = 0x01,
	CC_SIG_INTERCEPT = 0x02,
	CC_SIG_CONGESTION = 0x03,
	CC_SIG_BUSY = 0x04,
	CC_SIG_CONFIRM = 0x05,
	CC_SIG_ANSWER = 0x06,
	CC_SIG_WAITING = 0x07,
	CC_SIG_OFF_HOOK = 0x08,
	CC_SIG_NEGATIVE = 0x09,
	CC_SIG_TONES_OFF = 0x3f,
	CC_SIG_ALERT0 = 0x40,
	CC_SIG_ALERT_CONT = 0x48,
	CC_SIG_ALERT_OFF = 0x4f,
	CC_SIG_NONE = -1
};

struct cc;
struct cc_call;

/* What a message to the handset shows; zero but for signal = CC_SIG_NONE: nothing. Borrowed. What a handset cannot
 * take (no display, not NG-DECT) is left out by cc.c. */
struct cc_show {
	int signal;
	uint8_t progress; /* 8 in-band information, 9 none; 0: not sent */
	const char *text; /* for the display, UTF-8, lines separated by '\n'; NULL */
	const struct ui_shown *calling, *called;
	bool anonymous;                   /* Calling party number: restricted */
	const struct ie_call_info *info;  /* NG-DECT part 3 only */
	const struct ie_feature *feature; /* Feature indicate */
	bool codecs;                      /* our codec list, to handsets that sent one */
	uint8_t reason;                   /* of releases */
};

struct cc_setup {             /* of a handset; borrowed */
	uint8_t cls, service; /* Basic service */
	bool complete;        /* Sending complete */
	bool recall;          /* register recall with off-hook */
	struct slice digits;  /* Called party number or keypad; may be empty */
	struct ie_call_info info;
};

struct cc_info {             /* CC-INFO, FACILITY, HOLD, RETRIEVE of a handset; borrowed */
	struct slice keypad; /* DECT characters */
	bool complete;
	uint8_t feature; /* Feature activate; 0: none */
	bool has_feature_param;
	uint8_t feature_param;
	struct slice number; /* Called party number */
	struct ie_call_info info;
};

enum cc_end {
	CC_END_HANDSET, /* it hung up or rejected: reason */
	CC_END_US,      /* after cc_release() */
	CC_END_PAGE,    /* not reached */
	CC_END_SECURITY,
	CC_END_TIMER, /* it did not answer a message */
	CC_END_LOST   /* the link broke */
};

/* The interworking unit. ctx of cc_new(). */
struct cc_ops {
	/* A handset calls. Answer by cc_setup_ack(), cc_proceeding() … or cc_release(), now or later. */
	void (*setup_ind)(void *ctx, struct cc_call *c, const struct cc_setup *s);
	void (*info_ind)(void *ctx, struct cc_call *c, const struct cc_info *i);
	/* The call that was offered is being sent: the handset was reached. */
	void (*reached)(void *ctx, struct cc_call *c);
	void (*alerting_ind)(void *ctx, struct cc_call *c);
	/* The handset answered: cc_connect_ack() once speech flows, within 10 s (CC.05 of the handset). */
	void (*connect_ind)(void *ctx, struct cc_call *c);
	/* IWU-to-IWU for the lists (TS 102 527-3 7.4.10), in IWU-INFO of any state; NULL: not served. */
	void (*lists_ind)(void *ctx, struct cc_call *c, struct slice cmd);
	/* Hold and retrieve by message (10.2.2): cc_hold_answer(). */
	void (*hold_ind)(void *ctx, struct cc_call *c, bool hold);
	/* Speech and digits are over; the instance goes on until the handset has acknowledged or its timer ends. */
	void (*ended)(void *ctx, struct cc_call *c, enum cc_end why, uint8_t reason);
	void (*released)(void *ctx, struct cc_call *c); /* last use of c */
};

/* What call control needs from the layers below. None may be NULL. */
struct cc_low {
	/* Makes a link (pages); cc_link() answers, never from inside. ERR_*: no use. */
	int (*link)(void *ctx, struct pp *pp, bool wideband);
	void (*link_cancel)(void *ctx, struct pp *pp); /* no one waits for it any more */
	int (*send)(void *ctx, struct pp *pp, const struct wr *msg);
	/* No CC instance is left: the link may go; partial: not at once (LCE.02). */
	void (*idle)(void *ctx, struct pp *pp, bool partial);
	/* Authenticates and ciphers as the policy wants: 0: already so or not wanted; 1: cc_secured() answers, never from
	 * inside; ERR_*. */
	int (*secure)(void *ctx, struct pp *pp);
};

struct cc_conf {
	struct ident ident;
	uint32_t cc01_ms, cc02_ms, cc03_ms, cc04_ms; /* 0: the standard's; CC.04 0: not used */
	uint32_t cc05_ms;  /* how long our side may take to acknowledge CC-CONNECT */
	bool wideband;     /* offer and accept G.722 */
	bool number_uris;  /* URIs in Calling party number also to handsets without NG-DECT */
	bool display_clip; /* names as Multi-display to handsets that have no NG-DECT */
	bool names;        /* Calling party name to those handsets, too (alphabet DECT) */
	bool signal_again; /* PP: repeats the alerting signal in CC-INFO after CC-ALERTING */
};

struct cc *cc_new(struct tmr_wheel *w, const struct cc_conf *conf, const struct cc_low *low,
    void *low_ctx, const struct cc_ops *ops, void *ctx);
void cc_free(struct cc *c); /* instances end without a word */
void cc_set_conf(struct cc *c, const struct cc_conf *conf);

/* ---- from below ---- */
/* A message of protocol discriminator 3. */
void cc_input(struct cc *cc, struct pp *pp, const struct nwk_msg *m);
void cc_link(struct cc *cc, struct pp *pp, int err); /* outcome of low->link() */
void cc_secured(struct cc *cc, struct pp *pp, int err);
void cc_lost(struct cc *cc, struct pp *pp);  /* the link is gone (18.3) */
void cc_reset(struct cc *cc, struct pp *pp); /* it was established anew (18.2) */
void cc_forget(struct cc *cc,
    struct pp *pp); /* the handset goes: its instances end without a word or an upcall */
bool cc_busy(const struct pp *pp); /* has instances: the link is needed */

/* ---- primitives: 0, ERR_STATE ---- */
struct cc_offer {
	const struct cc_show *show;
	bool wideband, internal;
};
/* A call for a handset: pages, secures, sends CC-SETUP. ERR_BUSY: it has a call. */
int cc_offer(
    struct cc *cc, struct pp *pp, const struct cc_offer *o, struct cc_call **out) MUST_CHECK;
int cc_setup_ack(struct cc_call *c, const struct cc_show *s);
int cc_proceeding(struct cc_call *c, const struct cc_show *s);
int cc_alerting(struct cc_call *c, const struct cc_show *s);
int cc_connect(struct cc_call *c, const struct cc_show *s);
int cc_connect_ack(struct cc_call *c, const struct cc_show *s);
int cc_info(struct cc_call *c, const struct cc_show *s);
void cc_hold_answer(struct cc_call *c, bool hold, bool ok);
/* IWU-INFO with a command of list access. */
void cc_lists(struct cc_call *c, struct slice cmd);
/* Ends the call as its state wants; ended() is not called, released() is, later. */
void cc_release(struct cc_call *c, uint8_t reason, const struct cc_show *s);

/* An active call goes on under another transaction of the handset's, with another link below (external handover). */
void cc_move(struct cc_call *c, bool by_pp, uint8_t tv);
/* Its transaction: value, and whether the handset began it. */
uint8_t cc_transaction(const struct cc_call *c, bool *by_pp);
struct pp *cc_pp(const struct cc_call *c);
enum cc_state cc_state(const struct cc_call *c);
bool cc_outgoing(const struct cc_call *c); /* the handset began it */
bool cc_wideband(const struct cc_call *c); /* G.722 was negotiated */
void cc_set_user(struct cc_call *c, void *user);
void *cc_user(const struct cc_call *c);
/* The upper side's own object of a handset; NULL at first, to be set back to NULL before the handset goes. */
void cc_set_pp_user(struct pp *pp, void *user);
void *cc_pp_user(const struct pp *pp);
struct cc_call *cc_of_pp(const struct pp *pp); /* its live instance (not in F-19); NULL */
unsigned cc_count(const struct cc *cc);
#define CC_STATS(X)                                                                                \
	X(rx, "messages received")                                                                 \
	X(tx, "messages sent")                                                                     \
	X(tx_failed, "messages that could not be sent")                                            \
	X(collisions, "set-up collisions")                                                         \
	X(timeouts, "timers that ran out")                                                         \
	X(refused, "set-ups refused: faulty, unsupported, or a second one")                        \
	X(ext_handovers, "calls that went on over another link: external handover")                \
	X(ext_refused, "external handovers refused, or given up")                                  \
	X(unexpected, "messages that did not fit: ignored")
struct cc_stats {
#define X(name, text) uint64_t name;
	CC_STATS(X)
#undef X
};
const struct cc_stats *cc_stats(const struct cc *cc);
struct ui_caps cc_ui_caps(const struct pp *pp);
const char *cc_reason_name(uint8_t reason);

/* ---- table (cc_tab.c) and actions ---- */
extern const struct fsm_def cc_def;
fsm_act_h cc_a_link, cc_a_link_failed, cc_a_secured, cc_a_insecure, cc_a_setup_secured,
    cc_a_setup_insecure, cc_a_info, cc_a_alerting, cc_a_connect, cc_a_release, cc_a_release_com,
    cc_a_collide, cc_a_done, cc_a_lost, cc_a_reset_overlap, cc_a_tx_setup_ack, cc_a_tx_proc,
    cc_a_tx_alert, cc_a_tx_connect, cc_a_tx_connect_ack, cc_a_renew, cc_a_tx_info, cc_a_tx_release,
    cc_a_tx_reject, cc_a_timer_release, cc_a_timer_reject, cc_a_timer_done, cc_a_cancel;
#endif
