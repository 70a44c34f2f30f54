/* The call machine's rows. Timers that begin with X- are ours; the lengths of X-digits and X-ring come from the
 * configuration, those of the table are what a state gets before it is known better. */
#include "sipd/call.h"

static const struct fsm_state states[CALL_NSTATES] = {
	[CALL_PREPARE] = { .name = "PREPARE", .timer = "X-prepare", .ms = 6000 },
	[CALL_COLLECT] = { .name = "COLLECT", .timer = "X-digits", .ms = 15000 },
	[CALL_ROUTE] = { .name = "ROUTE", .timer = "X-route", .ms = 2000 },
	[CALL_OFFER] = { .name = "OFFER", .timer = "X-offer", .ms = 40000 },
	[CALL_RING] = { .name = "RING", .timer = "X-ring", .ms = 180000 },
	[CALL_ACTIVE] = { .name = "ACTIVE" },
	[CALL_ENDED] = { .name = "ENDED", .final = true },
};

#define ANYWHERE(st)                                                                               \
	{ st, CALL_EV_GONE, CALL_ENDED, FSM_M(CALL_ACTIVE), call_gone },                           \
	    { st, CALL_EV_END, CALL_ENDED, 0, call_end },                                          \
	{                                                                                          \
		st, CALL_EV_MOVED, st, 0, call_moved                                               \
	}

static const struct fsm_row rows[] = {
	{ CALL_PREPARE, CALL_EV_READY, CALL_COLLECT, FSM_M(CALL_ROUTE) | FSM_M(CALL_COLLECT),
	    call_ready },
	{ CALL_PREPARE, CALL_EV_TIMER, CALL_ENDED, 0, call_end },
	ANYWHERE(CALL_PREPARE),

	{ CALL_COLLECT, CALL_EV_DIGITS, CALL_COLLECT, FSM_M(CALL_ROUTE) | FSM_M(CALL_COLLECT),
	    call_digits },
	{ CALL_COLLECT, CALL_EV_TIMER, CALL_ROUTE, FSM_M(CALL_ENDED) | FSM_M(CALL_ROUTE),
	    call_digits_done },
	ANYWHERE(CALL_COLLECT),

	{ CALL_ROUTE, CALL_EV_ROUTE, CALL_OFFER, FSM_M(CALL_ENDED) | FSM_M(CALL_ROUTE),
	    call_route },
	{ CALL_ROUTE, CALL_EV_TIMER, CALL_ENDED, 0, call_end },
	ANYWHERE(CALL_ROUTE),

	{ CALL_OFFER, CALL_EV_TRYING, CALL_OFFER, 0, call_trying },
	{ CALL_OFFER, CALL_EV_EARLY, CALL_RING, 0, call_early },
	{ CALL_OFFER, CALL_EV_RINGING, CALL_RING, 0, call_ringing },
	{ CALL_OFFER, CALL_EV_ANSWER, CALL_ACTIVE, FSM_M(CALL_ENDED), call_answer },
	{ CALL_OFFER, CALL_EV_FAILED, CALL_ENDED, FSM_M(CALL_ROUTE), call_failed },
	{ CALL_OFFER, CALL_EV_TIMER, CALL_ENDED, FSM_M(CALL_ROUTE), call_no_answer },
	{ CALL_OFFER, CALL_EV_IDENTITY, CALL_OFFER, 0, call_identity },
	{ CALL_OFFER, CALL_EV_DTMF, CALL_OFFER, 0, call_dtmf },
	ANYWHERE(CALL_OFFER),

	{ CALL_RING, CALL_EV_TRYING, CALL_RING, 0, NULL },
	{ CALL_RING, CALL_EV_EARLY, CALL_RING, 0, call_early },
	{ CALL_RING, CALL_EV_RINGING, CALL_RING, 0, call_ringing },
	{ CALL_RING, CALL_EV_ANSWER, CALL_ACTIVE, FSM_M(CALL_ENDED), call_answer },
	{ CALL_RING, CALL_EV_FAILED, CALL_ENDED, FSM_M(CALL_ROUTE), call_failed },
	{ CALL_RING, CALL_EV_TIMER, CALL_ENDED, FSM_M(CALL_ROUTE), call_no_answer },
	{ CALL_RING, CALL_EV_IDENTITY, CALL_RING, 0, call_identity },
	{ CALL_RING, CALL_EV_DTMF, CALL_RING, 0, call_dtmf }, /* to an early announcement */
	ANYWHERE(CALL_RING),

	{ CALL_ACTIVE, CALL_EV_HOLD, CALL_ACTIVE, 0, call_hold },
	{ CALL_ACTIVE, CALL_EV_DTMF, CALL_ACTIVE, 0, call_dtmf },
	{ CALL_ACTIVE, CALL_EV_IDENTITY, CALL_ACTIVE, 0, call_identity },
	ANYWHERE(CALL_ACTIVE),
};

static const char *const ev_names[CALL_NEV] = { "ready", "digits", "route", "trying", "early",
	"ringing", "answer", "failed", "gone", "hold", "dtmf", "identity", "moved", "end",
	"timer" };

const struct fsm_def call_def = {
	.name = "call",
	.states = states,
	.nstates = CALL_NSTATES,
	.rows = rows,
	.nrows = sizeof(rows) / sizeof(rows[0]),
	.ev_names = ev_names,
	.nev = CALL_NEV,
	.ev_timer = CALL_EV_TIMER,
	.fail = CALL_ENDED,
};
