/* INVITE server transaction, RFC 3261 17.2.1 with RFC 6026 7.1. */
#include "sipd/tx_int.h"

enum { PROCEEDING, COMPLETED, CONFIRMED, ACCEPTED, TERMINATED, NSTATES };

/* Timer I is 0 on reliable transports. */
static const struct fsm_state states[NSTATES] = {
	[PROCEEDING] = { .name = "PROCEEDING" },
	[COMPLETED] = { .name = "COMPLETED", .timer = "H", .ms = 32000 },
	[CONFIRMED] = { .name = "CONFIRMED", .timer = "I", .ms = 5000 },
	[ACCEPTED] = { .name = "ACCEPTED", .timer = "L", .ms = 32000 },
	[TERMINATED] = { .name = "TERMINATED", .final = true },
};

static int answer(struct fsm *m, int ev, const void *arg)
{
	const struct tx_ev_arg *a = arg;
	struct tx *tx = tx_of(m);

	(void)tx_wire(tx, a->text);
	if (ev == RXI_EV_FINAL && tx_unreliable(tx))
		tx_retrans_start(tx, tx->l->conf.t1);
	return FSM_NEXT;
}

static int again(struct fsm *m, int ev, const void *arg)
{
	struct tx *tx = tx_of(m);

	(void)arg;
	(void)tx_wire_again(tx);
	if (ev == RXI_EV_RETRANS)
		tx_retrans_next(tx, tx->l->conf.t2);
	return FSM_NEXT;
}

static int acked(struct fsm *m, int ev, const void *arg)
{
	const struct tx_ev_arg *a = arg;
	struct tx *tx = tx_of(m);

	(void)ev;
	tx_retrans_stop(tx);
	tx_tell_server(tx, TXS_ACK, a->m);
	return FSM_NEXT;
}

/* RFC 6026 7.1: an ACK that matches in ACCEPTED goes to the core. */
static int ack_up(struct fsm *m, int ev, const void *arg)
{
	const struct tx_ev_arg *a = arg;

	(void)ev;
	tx_to_core(tx_of(m), a->m);
	return FSM_NEXT;
}

static int no_ack(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	tx_tell_server(tx_of(m), TXS_NO_ACK, NULL);
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
	{ PROCEEDING, RXI_EV_REPEAT, PROCEEDING, 0, again },
	{ PROCEEDING, RXI_EV_1XX, PROCEEDING, 0, answer },
	{ PROCEEDING, RXI_EV_2XX, ACCEPTED, 0, answer },
	{ PROCEEDING, RXI_EV_FINAL, COMPLETED, 0, answer },
	{ PROCEEDING, RXI_EV_TPERR, TERMINATED, 0, lost },
	{ PROCEEDING, RXI_EV_ACK, PROCEEDING, 0, NULL },
	{ COMPLETED, RXI_EV_REPEAT, COMPLETED, 0, again },
	{ COMPLETED, RXI_EV_RETRANS, COMPLETED, 0, again },
	{ COMPLETED, RXI_EV_ACK, CONFIRMED, 0, acked },
	{ COMPLETED, RXI_EV_TIMER, TERMINATED, 0, no_ack },
	{ COMPLETED, RXI_EV_TPERR, TERMINATED, 0, lost },
	{ CONFIRMED, RXI_EV_REPEAT, CONFIRMED, 0, NULL },
	{ CONFIRMED, RXI_EV_ACK, CONFIRMED, 0, NULL },
	{ CONFIRMED, RXI_EV_TIMER, TERMINATED, 0, NULL },
	{ CONFIRMED, RXI_EV_TPERR, TERMINATED, 0, NULL },
	{ ACCEPTED, RXI_EV_REPEAT, ACCEPTED, 0, NULL },
	{ ACCEPTED, RXI_EV_2XX, ACCEPTED, 0, answer },
	{ ACCEPTED, RXI_EV_ACK, ACCEPTED, 0, ack_up },
	{ ACCEPTED, RXI_EV_TIMER, TERMINATED, 0, NULL },
	{ ACCEPTED, RXI_EV_TPERR, TERMINATED, 0, lost },
};

static const char *const ev_names[RXI_NEV] = { "INVITE", "ACK", "1xx", "2xx", "3xx-6xx", "timer",
	"transport", "G" };

const struct fsm_def sip_rxi_def = {
	.name = "sip-rxi",
	.states = states,
	.nstates = NSTATES,
	.rows = rows,
	.nrows = sizeof(rows) / sizeof(rows[0]),
	.ev_names = ev_names,
	.nev = RXI_NEV,
	.ev_timer = RXI_EV_TIMER,
	.fail = TERMINATED,
};
