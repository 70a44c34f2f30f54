#ifndef SIPD_CALL_H
#define SIPD_CALL_H
#include "common/fsm.h"
#include "common/tmr.h"
#include "sipd/leg.h"
#include "sipd/number.h"
#include "sipd/sipd.h"

/* The call machine (B2BUA): two legs, one table (call_tab.c). a began the call, b is called; after a transfer both are
 * up and the names only tell the order. */
enum call_state {
	CALL_PREPARE,
	CALL_COLLECT,
	CALL_ROUTE,
	CALL_OFFER,
	CALL_RING,
	CALL_ACTIVE,
	CALL_ENDED,
	CALL_NSTATES
};
enum call_ev {
	CALL_EV_READY,   /* a's media is there, the number may be complete */
	CALL_EV_DIGITS,  /* arg.digits, arg.on: complete */
	CALL_EV_ROUTE,   /* choose a target (raised by ourselves) */
	CALL_EV_TRYING,  /* b was found */
	CALL_EV_EARLY,   /* b sends media before the answer */
	CALL_EV_RINGING, /* b rings */
	CALL_EV_ANSWER,  /* b answered; arg.party: who it is, may be NULL */
	CALL_EV_FAILED, /* b did not take the call: arg.cause, arg.target: where it was sent on (3xx), a line each */
	CALL_EV_GONE,     /* arg.leg ended: arg.cause */
	CALL_EV_HOLD,     /* arg.leg holds (arg.on) or retrieves */
	CALL_EV_DTMF,     /* arg.leg, arg.digits */
	CALL_EV_IDENTITY, /* arg.leg has a new party: arg.party */
	CALL_EV_MOVED,    /* arg.leg's media is elsewhere */
	CALL_EV_END,      /* administrator, user deleted, drain: arg.cause */
	CALL_EV_TIMER,
	CALL_NEV
};
struct call_arg {
	struct leg *leg;
	enum cause cause;
	struct slice digits;
	const struct party *party;
	const char *target;
	bool on;
	bool silent; /* FAILED: nothing answered at all */
};
extern const struct fsm_def call_def;

struct call {
	struct list node;
	struct sipd *sipd;
	struct fsm fsm;
	struct tmr timer, reap;
	struct leg *a, *b;
	uint64_t ref;
	uint64_t seq; /* its number in this process, never used again */
	char dialled[NUMBER_MAX];
	size_t ndialled;
	bool complete, emergency, internal;
	struct user *target;   /* whom b rings; NULL: SIP */
	struct party diverted; /* who sent it on last */
	bool is_diverted;
	unsigned hops;
	enum cause cause;
	char next[NUMBER_MAX]; /* where to route to next */
	char *later;           /* and then: more targets of a 3xx, a line each; NULL: none */
	char extra[512];       /* header lines for the next SIP leg */
	uint64_t start;        /* monotonic ms */
	/* A transfer in progress that this call is the outcome of. */
	void (*done)(struct call *c, void *ctx, bool ok, unsigned status);
	void *done_ctx;
	bool forwards_no_answer;
	struct user *behalf; /* who sent the call on: speaks for the next SIP leg */
};

/* ---- actions, named as in the table ---- */
fsm_act_h call_ready, call_digits, call_digits_done, call_route, call_trying, call_early,
    call_ringing, call_answer, call_failed, call_no_answer, call_gone, call_hold, call_dtmf,
    call_identity, call_moved, call_end;

struct call *call_of(struct fsm *m);
struct call *call_new(struct sipd *s, struct leg *a);
/* Event from a leg. ERR_STATE: not now. */
int call_event(struct call *c, enum call_ev ev, const struct call_arg *arg);
void call_set_timer(struct call *c, uint32_t ms);
struct leg *call_other(const struct call *c, const struct leg *l);
/* After the legs of a call have changed or got media: connects their media. */
void call_join_media(struct call *c);
/* Takes a leg out of its call, which then ends without it. */
void call_take(struct leg *l, enum cause cause);
/* A leg that is up is to be joined with a new target (blind transfer, REFER). done is called once; may be NULL. */
int call_redirect(struct leg *stays, const char *target, const char *extra,
    void (*done)(struct call *c, void *ctx, bool ok, unsigned status), void *ctx);
/* A transfer failed: stays is taken out of the call that it was sent into, and talks to l again. Both are up. */
void call_resume(struct leg *l, struct leg *stays);
/* Attended transfer: the far ends of x and y (two legs of one handset) are joined, x and y released. */
int call_join(struct leg *x, struct leg *y);
/* What a handset asks for: attended joins x and y's far ends, blind sends x's far end to a target; by REFER or by a
 * bridge here, as the setting says. */
int call_attended(struct leg *x, struct leg *y);
int call_blind(struct leg *x, const char *target);
int call_blind_here(
    struct leg *far, const char *target); /* without REFER: far gets a new call from us */
/* A REFER that was sent is through: the far end is gone to its new target, or is not. */
void call_referred(struct leg *far, bool ok);
/* Three parties: mixes the media of two legs of one handset; off: splits again. */
int call_conference(struct leg *x, struct leg *y, bool on);
/* Forwards of a user for a cause; false: none. */
bool call_forward(struct call *c, struct user *u, enum cause why);
const char *call_state_name(const struct call *c);
void call_watched(struct call *c); /* tells `dectctl call watch` */
/* Is some leg of the user up or ringing; how many. */
unsigned call_user_legs(const struct user *u);

/* Routing (route.c). */
enum route_kind { ROUTE_NONE, ROUTE_LOCAL, ROUTE_SIP };
struct route {
	enum route_kind kind;
	struct user *user; /* LOCAL */
	char uri[512];
	enum cause why; /* NONE */
	bool more;      /* a longer number exists */
};
/* from may be NULL (a call from SIP). forced: nothing more will be dialled. */
void route_find(
    struct sipd *s, const struct user *from, struct slice dialled, bool internal, struct route *r);
bool route_emergency(const struct sipd *s, struct slice dialled);
#endif
