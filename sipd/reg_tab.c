/* The registration machine's rows. WAIT's and UP's timers get their length from the actions (jitter, back-off, expiry). */
#include "sipd/reg_tab.h"

static const struct fsm_state states[REG_NSTATES] = {
	[REG_OFF] = { .name = "OFF" },
	[REG_WAIT] = { .name = "WAIT", .timer = "X-register", .ms = 1000 },
	[REG_TRYING] = { .name = "TRYING", .timer = "X-register-try", .ms = 40000 },
	[REG_AUTH] = { .name = "AUTH", .timer = "X-credentials", .ms = 300000 },
	[REG_UP] = { .name = "UP", .timer = "X-refresh", .ms = 1800000 },
};

static const struct fsm_row rows[] = {
	{ REG_OFF, REG_EV_WANT, REG_WAIT, 0, reg_schedule },
	{ REG_OFF, REG_EV_UNWANT, REG_OFF, 0, 0 },
	{ REG_OFF, REG_EV_OK, REG_OFF, 0, 0 },
	{ REG_OFF, REG_EV_FAILED, REG_OFF, 0, 0 },
	{ REG_OFF, REG_EV_NEXT, REG_OFF, 0, 0 },
	{ REG_OFF, REG_EV_LOST, REG_OFF, 0, 0 },

	{ REG_WAIT, REG_EV_WANT, REG_WAIT, 0, 0 },
	{ REG_WAIT, REG_EV_TIMER, REG_TRYING, FSM_M(REG_WAIT), reg_send },
	{ REG_WAIT, REG_EV_UNWANT, REG_OFF, 0, reg_off },
	{ REG_WAIT, REG_EV_LOST, REG_WAIT, 0, 0 },
	{ REG_WAIT, REG_EV_FAILED, REG_WAIT, 0, 0 },

	{ REG_TRYING, REG_EV_WANT, REG_TRYING, 0, 0 },
	{ REG_TRYING, REG_EV_OK, REG_UP, 0, reg_done },
	{ REG_TRYING, REG_EV_CHALLENGE, REG_AUTH, 0, 0 },
	{ REG_TRYING, REG_EV_AGAIN, REG_TRYING, FSM_M(REG_WAIT), reg_send },
	{ REG_TRYING, REG_EV_NEXT, REG_TRYING, FSM_M(REG_WAIT), reg_send },
	{ REG_TRYING, REG_EV_FAILED, REG_WAIT, 0, reg_fail },
	{ REG_TRYING, REG_EV_LOST, REG_TRYING, 0, 0 },
	{ REG_TRYING, REG_EV_TIMER, REG_WAIT, 0, reg_fail },
	{ REG_TRYING, REG_EV_UNWANT, REG_OFF, 0, reg_off },

	{ REG_AUTH, REG_EV_WANT, REG_AUTH, 0, 0 },
	{ REG_AUTH, REG_EV_READY, REG_TRYING, FSM_M(REG_WAIT), reg_send },
	{ REG_AUTH, REG_EV_FAILED, REG_WAIT, 0, reg_fail },
	{ REG_AUTH, REG_EV_TIMER, REG_WAIT, 0, reg_fail },
	{ REG_AUTH, REG_EV_LOST, REG_WAIT, 0, reg_lost },
	{ REG_AUTH, REG_EV_UNWANT, REG_OFF, 0, reg_off },

	{ REG_UP, REG_EV_WANT, REG_UP, 0, 0 },
	{ REG_UP, REG_EV_TIMER, REG_TRYING, FSM_M(REG_WAIT), reg_send },
	{ REG_UP, REG_EV_LOST, REG_WAIT, 0, reg_lost },
	{ REG_UP, REG_EV_FAILED, REG_WAIT, 0, reg_fail },
	{ REG_UP, REG_EV_UNWANT, REG_OFF, 0, reg_off },
};

static const char *const ev_names[REG_NEV] = { "want", "unwant", "2xx", "challenge", "credentials",
	"again", "next", "failed", "lost", "timer" };

const struct fsm_def reg_def = {
	.name = "register",
	.states = states,
	.nstates = REG_NSTATES,
	.rows = rows,
	.nrows = sizeof(rows) / sizeof(rows[0]),
	.ev_names = ev_names,
	.nev = REG_NEV,
	.ev_timer = REG_EV_TIMER,
	.fail = REG_WAIT,
};
