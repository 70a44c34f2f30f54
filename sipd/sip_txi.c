/* INVITE client transaction, RFC 3261 17.1.1 with RFC 6026 7.2. */
#include "sipd/tx_int.h"

enum { CALLING, PROCEEDING, COMPLETED, ACCEPTED, TERMINATED, NSTATES };

/* Timers D is 0 on reliable transports (tx.c sees to it). PROCEEDING has no timer: who waits gives up by tx_cancel. */
static const struct fsm_state states[NSTATES] = {
	[CALLING] = { .name = "CALLING", .timer = "B", .ms = 32000 },
	[PROCEEDING] = { .name = "PROCEEDING" },
	[COMPLETED] = { .name = "COMPLETED", .timer = "D", .ms = 32000 },
	[ACCEPTED] = { .name = "ACCEPTED", .timer = "M", .ms = 32000 },
	[TERMINATED] = { .name = "TERMINATED", .final = true },
};

static int resend(struct fsm *m, int ev, const void *arg)
{
	struct tx *tx = tx_of(m);

	(void)ev;
	(void)arg;
	(void)tx_wire_again(tx);
	tx_retrans_next(tx, 0); /* timer A doubles without a cap */
	return FSM_NEXT;
}

static int up(struct fsm *m, int ev, const void *arg)
{
	const struct tx_ev_arg *a = arg;
	struct tx *tx = tx_of(m);

	(void)ev;
	tx_retrans_stop(tx);
	tx_tell(tx, TXC_REPLY, a->m, 0);
	return FSM_NEXT;
}

static int ack_up(struct fsm *m, int ev, const void *arg)
{
	const struct tx_ev_arg *a = arg;
	struct tx *tx = tx_of(m);

	(void)ev;
	tx_retrans_stop(tx);
	tx_wire_ack(tx, a->m);
	tx_tell(tx, TXC_REPLY, a->m, 0);
	return FSM_NEXT;
}

static int re_ack(struct fsm *m, int ev, const void *arg)
{
	const struct tx_ev_arg *a = arg;

	(void)ev;
	tx_wire_ack(tx_of(m), a->m);
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
	{ CALLING, TXI_EV_RETRANS, CALLING, 0, resend },
	{ CALLING, TXI_EV_1XX, PROCEEDING, 0, up },
	{ CALLING, TXI_EV_2XX, ACCEPTED, 0, up },
	{ CALLING, TXI_EV_FINAL, COMPLETED, 0, ack_up },
	{ CALLING, TXI_EV_TIMER, TERMINATED, 0, timed_out },
	{ CALLING, TXI_EV_TPERR, TERMINATED, 0, lost },
	{ CALLING, TXI_EV_STOP, TERMINATED, 0, timed_out },
	{ PROCEEDING, TXI_EV_1XX, PROCEEDING, 0, up },
	{ PROCEEDING, TXI_EV_2XX, ACCEPTED, 0, up },
	{ PROCEEDING, TXI_EV_FINAL, COMPLETED, 0, ack_up },
	{ PROCEEDING, TXI_EV_TPERR, TERMINATED, 0, lost },
	{ PROCEEDING, TXI_EV_STOP, TERMINATED, 0,
	    timed_out }, /* RFC 3261 9.1: 64*T1 after the CANCEL */
	{ COMPLETED, TXI_EV_FINAL, COMPLETED, 0, re_ack },
	{ COMPLETED, TXI_EV_TIMER, TERMINATED, 0, NULL },
	{ COMPLETED, TXI_EV_TPERR, TERMINATED, 0, NULL },
	{ ACCEPTED, TXI_EV_2XX, ACCEPTED, 0, up },
	{ ACCEPTED, TXI_EV_TIMER, TERMINATED, 0, NULL },
	{ ACCEPTED, TXI_EV_TPERR, TERMINATED, 0, NULL },
};

static const char *const ev_names[TXI_NEV] = { "1xx", "2xx", "3xx-6xx", "timer", "transport", "A",
	"stop" };

const struct fsm_def sip_txi_def = {
	.name = "sip-txi",
	.states = states,
	.nstates = NSTATES,
	.rows = rows,
	.nrows = sizeof(rows) / sizeof(rows[0]),
	.ev_names = ev_names,
	.nev = TXI_NEV,
	.ev_timer = TXI_EV_TIMER,
	.fail = TERMINATED,
};
