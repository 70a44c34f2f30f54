/* Non-INVITE server transaction, RFC 3261 17.2.2. */
#include "sipd/tx_int.h"

enum { TRYING, PROCEEDING, COMPLETED, TERMINATED, NSTATES };

/* Timer J is 0 on reliable transports. */
static const struct fsm_state states[NSTATES] = {
	[TRYING] = { .name = "TRYING" },
	[PROCEEDING] = { .name = "PROCEEDING" },
	[COMPLETED] = { .name = "COMPLETED", .timer = "J", .ms = 32000 },
	[TERMINATED] = { .name = "TERMINATED", .final = true },
};

static int answer(struct fsm *m, int ev, const void *arg)
{
	const struct tx_ev_arg *a = arg;

	(void)ev;
	(void)tx_wire(tx_of(m), a->text);
	return FSM_NEXT;
}

static int again(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	(void)tx_wire_again(tx_of(m));
	return FSM_NEXT;
}

static int lost(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	tx_tell_server(tx_of(m), TXS_LOST, NULL);
	return FSM_NEXT;
}

static const struct fsm_row rows[] = {
	{ TRYING, RXN_EV_REPEAT, TRYING, 0, NULL },
	{ TRYING, RXN_EV_1XX, PROCEEDING, 0, answer },
	{ TRYING, RXN_EV_FINAL, COMPLETED, 0, answer },
	{ TRYING, RXN_EV_TPERR, TERMINATED, 0, lost },
	{ PROCEEDING, RXN_EV_REPEAT, PROCEEDING, 0, again },
	{ PROCEEDING, RXN_EV_1XX, PROCEEDING, 0, answer },
	{ PROCEEDING, RXN_EV_FINAL, COMPLETED, 0, answer },
	{ PROCEEDING, RXN_EV_TPERR, TERMINATED, 0, lost },
	{ COMPLETED, RXN_EV_REPEAT, COMPLETED, 0, again },
	{ COMPLETED, RXN_EV_TIMER, TERMINATED, 0, NULL },
	{ COMPLETED, RXN_EV_TPERR, TERMINATED, 0, lost },
};

static const char *const ev_names[RXN_NEV] = { "repeat", "1xx", "2xx-6xx", "timer", "transport" };

const struct fsm_def sip_rxn_def = {
	.name = "sip-rxn",
	.states = states,
	.nstates = NSTATES,
	.rows = rows,
	.nrows = sizeof(rows) / sizeof(rows[0]),
	.ev_names = ev_names,
	.nev = RXN_NEV,
	.ev_timer = RXN_EV_TIMER,
	.fail = TERMINATED,
};
