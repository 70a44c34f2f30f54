/* The states of a line: which events it takes when. Effects are phone.c's, which asks the table first. */
#include "dectd/phone_priv.h"

static const struct fsm_state states[LN_NSTATES] = {
	[LN_SETUP] = { .name = "SETUP", .timer = "X-setup", .ms = 15000 },
	[LN_DIAL] = { .name = "DIAL" },
	[LN_CALL] = { .name = "CALL" },
	[LN_OFFER] = { .name = "OFFER", .timer = "X-offer", .ms = 40000 },
	[LN_RING] = { .name = "RING" },
	[LN_WAIT] = { .name = "WAIT" },
	[LN_UP] = { .name = "UP" },
	[LN_HELD] = { .name = "HELD" },
	[LN_FAIL] = { .name = "FAIL", .timer = "X-fail", .ms = 12000 },
	[LN_GONE] = { .name = "GONE", .final = true },
};

static const struct fsm_row rows[] = {
	{ LN_SETUP, LE_ACK, LN_DIAL, 0, NULL },
	{ LN_SETUP, LE_DROP, LN_GONE, 0, NULL },
	{ LN_SETUP, LE_TIMER, LN_GONE, 0, NULL },
	{ LN_DIAL, LE_PROGRESS, LN_CALL, 0, NULL },
	{ LN_DIAL, LE_CONNECTED, LN_UP, 0, NULL },
	{ LN_DIAL, LE_TONE, LN_FAIL, 0, NULL },
	{ LN_DIAL, LE_DROP, LN_GONE, 0, NULL },
	{ LN_CALL, LE_PROGRESS, LN_CALL, 0, NULL },
	{ LN_CALL, LE_CONNECTED, LN_UP, 0, NULL },
	{ LN_CALL, LE_TONE, LN_FAIL, 0, NULL },
	{ LN_CALL, LE_DROP, LN_GONE, 0, NULL },
	{ LN_OFFER, LE_REACHED, LN_RING, 0, NULL },
	{ LN_OFFER, LE_WAITING, LN_WAIT, 0, NULL },
	{ LN_OFFER, LE_DROP, LN_GONE, 0, NULL },
	{ LN_OFFER, LE_TIMER, LN_GONE, 0, NULL },
	{ LN_RING, LE_TAKEN, LN_UP, 0, NULL },
	{ LN_RING, LE_DROP, LN_GONE, 0, NULL },
	{ LN_WAIT, LE_TAKEN, LN_UP, 0, NULL },
	{ LN_WAIT, LE_PRESENT, LN_OFFER, 0, NULL },
	{ LN_WAIT, LE_DROP, LN_GONE, 0, NULL },
	{ LN_UP, LE_CONNECTED, LN_UP, 0, NULL },
	{ LN_UP, LE_HELD, LN_HELD, 0, NULL },
	{ LN_UP, LE_DROP, LN_GONE, 0, NULL },
	{ LN_HELD, LE_RETRIEVED, LN_UP, 0, NULL },
	{ LN_HELD, LE_PRESENT, LN_OFFER, 0, NULL },
	{ LN_HELD, LE_DROP, LN_GONE, 0, NULL },
	{ LN_FAIL, LE_TIMER, LN_GONE, 0, NULL },
	{ LN_FAIL, LE_DROP, LN_GONE, 0, NULL },
};

static const char *const ev_names[LE_N] = { "ack", "progress", "connected", "reached", "present",
	"waiting", "taken", "held", "retrieved", "tone", "drop", "timer" };

const struct fsm_def line_def = {
	.name = "line",
	.states = states,
	.nstates = LN_NSTATES,
	.rows = rows,
	.nrows = sizeof(rows) / sizeof(rows[0]),
	.ev_names = ev_names,
	.nev = LE_N,
	.ev_timer = LE_TIMER,
	.fail = LN_GONE,
};
