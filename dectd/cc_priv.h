#ifndef DECTD_CC_PRIV_H
#define DECTD_CC_PRIV_H
#include "dectd/cc.h"

/* Inside call control: cc.c (instances, events), cc_rx.c (messages in), cc_act.c (actions) and cc_msg.c (messages out). */
#define CC_SLOW_MS 9000 /* F-01: before the handset's CC.03 (20 s) ends */

enum cc_up {
	CC_UP_NONE,
	CC_UP_SETUP,
	CC_UP_INFO,
	CC_UP_REACHED,
	CC_UP_ALERTING,
	CC_UP_CONNECT,
	CC_UP_ENDED
};

struct cc {
	struct tmr_wheel *w;
	struct cc_conf conf;
	const struct cc_low *low;
	void *low_ctx;
	const struct cc_ops *ops;
	void *ctx;
	struct list calls, dead; /* dead: in F-00, waiting for released() */
	unsigned ncalls;
	struct cc_stats st;
	uint8_t next_tv;
};

struct cc_pp { /* of a handset that has instances or is in use above */
	struct list calls;
	void *user;
};

struct cc_call {
	struct list node, of_pp;
	struct cc *cc;
	struct pp *pp;
	struct fsm fsm;
	struct tmr timer, notify, reap;
	bool by_pp; /* the handset began the transaction */
	uint8_t tv;
	bool reported; /* setup_ind was made */
	bool silent;   /* no ended(): it was made, or the upper side released */
	bool internal, wideband, partial, collided;
	unsigned setups;
	struct pp_caps
	    caps; /* … and what it said of itself in CC-SETUP: believed once it has proved who it is */
	bool has_caps;
	struct ie_codec_list codecs; /* the handset's; n = 0: it sent none */
	bool codecs_told;
	enum cc_up up;
	enum cc_end why;
	uint8_t reason;
	struct cc_setup setup;
	char digits[64];
	/* What an offer shows, kept until CC-SETUP is sent (and sent again). */
	struct cc_show show;
	bool renewed;    /* since CC-SETUP, which no CC-INFO may follow before CC-ALERTING */
	int late_signal; /* came while the handset's answer was pending */
	struct ui_shown calling, called;
	struct ie_call_info info;
	char text[256];
	void *user;
};

struct cc_call *cc_find(const struct pp *pp, bool by_pp, uint8_t tv);
struct cc_call *cc_make(struct cc *cc, struct pp *pp, bool by_pp, uint8_t tv, enum cc_state st);
/* An event, then the upcall that it caused. */
int cc_dispatch(struct cc_call *c, enum cc_ev ev, const void *arg);
/* Restarts the timer of the state that it is in. */
void cc_timer_again(struct cc_call *c);
int cc_free_tv(struct cc *cc, const struct pp *pp); /* -1: none */

struct cc_msg {
	uint8_t buf[NWK_MAX];
	struct wr w;
};
void cc_msg_begin(struct cc_msg *b, const struct cc_call *c, uint8_t type);
void cc_msg_send(struct cc_msg *b, struct cc_call *c);
/* Any message with what s shows of it; s may be NULL. */
void cc_tx(struct cc_call *c, uint8_t type, const struct cc_show *s);
void cc_tx_setup(struct cc_call *c);
void cc_keep_show(struct cc_call *c, const struct cc_show *s);
void cc_renew_show(
    struct cc_call *c, const struct cc_show *s); /* what s says replaces what was kept */
void cc_info_of(const struct nwk_msg *m, struct cc_info *out);
void cc_codecs_in(struct cc_call *c, const struct nwk_msg *m);
/* What a handset says of its terminal holds from now on (7.7.41). */
void cc_caps_keep(struct pp *pp, const struct pp_caps *caps);
#endif
