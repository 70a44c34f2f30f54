/* Non-INVITE client transaction, RFC 3261 17.1.2. */
#include "sipd/tx_int.h"

enum { TRYING, PROCEEDING, COMPLETED, TERMINATED, NSTATES };

/* Timer F runs over TRYING and PROCEEDING as one (tx.c starts it with what is left); K is 0 on reliable transports. */
static const struct fsm_state states[NSTATES] = {
	[TRYING] = { .name = "TRYING", .timer = "F", .ms = 32000 },
	[PROCEEDING] = { .name = "PROCEEDING", .timer = "F", .ms = 32000 },
	[COMPLETED] = { .name = "COMPLETED", .timer = "K", .ms = 5000 },
	[TERMINATED] = { .name = "TERMINATED", .final = true },
};

static int resend(struct fsm *m, int ev, const void *arg)
{
	struct tx *tx = tx_of(m);

	(void)ev;
	(void)arg;
	(void)tx_wire_again(tx);
	tx_retrans_next(tx, tx->l->conf.t2);
	return FSM_NEXT;
}

static int resend_slow(struct fsm *m, int ev, const void *arg)
{
	struct tx *tx = tx_of(m);

	(void)ev;
	(void)arg;
	(void)tx_wire_again(tx);
	tx_retrans_start(tx, tx->l->conf.t2);
	return FSM_NEXT;
}

static int up(struct fsm *m, int ev, const void *arg)
{
	const struct tx_ev_arg *a = arg;
	struct tx *tx = tx_of(m);

	if (ev == TXN_EV_FINAL) {
		tx_retrans_stop(tx);
		tx_wire_done(tx);
	}
	tx_tell(tx, TXC_REPLY, a->m, 0);
	return FSM_NEXT;
}

static int timed_out(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	tx_tell(tx_of(m), TXC_TIMEOUT, NULL, ERR_TIMEOUT);
	return FSM_NEXT;
}

static int lost(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	tx_tell(tx_of(m), TXC_LOST, NULL, ERR_LOST);
	return FSM_NEXT;
}

static const struct fsm_row rows[] = {
	{ TRYING, TXN_EV_RETRANS, TRYING, 0, resend },
	{ TRYING, TXN_EV_1XX, PROCEEDING, 0, up },
	{ TRYING, TXN_EV_FINAL, COMPLETED, 0, up },
	{ TRYING, TXN_EV_TIMER, TERMINATED, 0, timed_out },
	{ TRYING, TXN_EV_TPERR, TERMINATED, 0, lost },
	{ PROCEEDING, TXN_EV_RETRANS, PROCEEDING, 0, resend_slow },
	{ PROCEEDING, TXN_EV_1XX, PROCEEDING, 0, up },
	{ PROCEEDING, TXN_EV_FINAL, COMPLETED, 0, up },
	{ PROCEEDING, TXN_EV_TIMER, TERMINATED, 0, timed_out },
	{ PROCEEDING, TXN_EV_TPERR, TERMINATED, 0, lost },
	{ COMPLETED, TXN_EV_1XX, COMPLETED, 0, NULL },
	{ COMPLETED, TXN_EV_FINAL, COMPLETED, 0, NULL },
	{ COMPLETED, TXN_EV_TIMER, TERMINATED, 0, NULL },
	{ COMPLETED, TXN_EV_TPERR, TERMINATED, 0, NULL },
};

static const char *const ev_names[TXN_NEV] = { "1xx", "2xx-6xx", "timer", "transport", "E" };

const struct fsm_def sip_txn_def = {
	.name = "sip-txn",
	.states = states,
	.nstates = NSTATES,
	.rows = rows,
	.nrows = sizeof(rows) / sizeof(rows[0]),
	.ev_names = ev_names,
	.nev = TXN_NEV,
	.ev_timer = TXN_EV_TIMER,
	.fail = TERMINATED,
};
