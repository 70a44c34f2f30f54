#ifndef DECTD_DLC_PRIV_H
#define DECTD_DLC_PRIV_H
#include "common/fsm.h"
#include "common/list.h"
#include "dectd/dlc.h"

/* Shared by dlc.c (connections, queues), dlc_tx.c (transmission) and dlc_fsm.c (the state tables of LAPC). */

enum {             /* states of a link, both classes */
	L_OPEN,    /* nothing unacknowledged */
	L_WAIT,    /* frames unacknowledged, DL.04 */
	L_RECOVER, /* DL.04 ran out */
	L_SETUP, /* being set up again by us: class A I-frame with NLF, DL.07; class B SABM, DL.02 */
	L_DOWN,
	L_RELEASE, /* class B only: DISC, DL.00 */
	L_NSTATES
};

enum {            /* events */
	L_EV_EST, /* I with NLF: the portable part sets up, or again */
	L_EV_I,
	L_EV_RR,
	L_EV_RNR,
	L_EV_REJ,
	L_EV_SABM,
	L_EV_DISC,
	L_EV_UA,
	L_EV_DM,
	L_EV_SENT,    /* an I-frame went out */
	L_EV_RELEASE, /* local wish, all sent and acknowledged */
	L_EV_MOVED,   /* at another base: what was in the buffers may be lost */
	L_EV_PROBE,   /* is the portable part still there? */
	L_EV_TIMER,
	L_NEV
};

enum { /* upcalls owed */
	UP_ESTABLISH = 1,
	UP_RESET = 2,
	UP_DATA = 4,
	UP_IDLE = 8,
	UP_RELEASE = 16
};

struct dlc_msg { /* waiting to be sent */
	struct list node;
	uint16_t n, off;
	uint8_t data[];
};

struct dlc_held { /* sent, not acknowledged */
	uint8_t n;
	bool more;
	uint8_t info[MAC_INFO_MAX];
};

struct dlc_conn {
	struct list node; /* dlc.conns */
	struct dlc *d;
	struct mac_conn *mc;
	struct dlc_link *link; /* NULL: none */
	struct tmr guard;      /* no link: x_first, x_after */
	struct tmr soon;       /* upcalls and work that must not happen inside a dlc_ call */
	struct tmr hold_t;
	bool busy;    /* in an upcall, or on the way to one */
	bool hold;    /* moved, the new base has not started to cipher yet */
	bool gone;    /* the MAC connection is lost */
	bool closing; /* to be released once its buffers are free */
	struct {
		bool due, nlf, f;
		uint8_t lln;
	} ua, dm;
};

struct dlc_link {
	struct fsm fsm;
	struct dlc_conn *c;
	void *user;
	enum dlc_class cls;
	uint8_t lln, mod, k;    /* mod: 2 or 8; k: window */
	uint8_t vs, va, vm, vr; /* vm: highest sent + 1; vs < vm while frames are sent again */
	uint8_t rc;
	bool fresh;                /* only the frame that set it up was received */
	bool peer_busy, rejecting; /* RNR received; REJ sent */
	bool est_rr, resp_f, ack,
	    rej;        /* owed: RR with NLF, response with F, acknowledgement, REJ */
	bool poll, cmd; /* owed: RR command P=1; SABM, DISC or I with NLF */
	bool want_release, was_idle, dead,
	    partial; /* partial: the first queued message is partly sent */
	enum dlc_why why;
	unsigned up;
	unsigned queued;
	struct list queue; /* struct dlc_msg */
	struct tmr t;
	struct dlc_held held[8]; /* by N(S) */
	uint8_t first_n, first[MAC_INFO_MAX];
	size_t in_n;
	uint8_t in[DLC_MSG_MAX];
};

struct dlc {
	struct tmr_wheel *w;
	struct mac *mac;
	struct dlc_conf conf;
	const struct dlc_ops *ops;
	void *ctx;
	struct dlc_stats st;
	struct list conns;
};

extern const struct fsm_def lapc_a_def, lapc_b_def;
extern const struct fsm_env lapc_env;
/* dlc_tx.c: sends what is due, as far as the base has room. */
void dlc_pump(struct dlc_conn *c);

static inline uint8_t lapc_diff(const struct dlc_link *l, uint8_t a, uint8_t b)
{
	return (uint8_t)(a - b) & (uint8_t)(l->mod - 1);
}
static inline uint8_t lapc_next(const struct dlc_link *l, uint8_t v)
{
	return (uint8_t)(v + 1) & (uint8_t)(l->mod - 1);
}
#endif
