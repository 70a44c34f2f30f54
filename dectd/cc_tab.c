/* The rows of call control at the fixed part: EN 300 175-5 table B.2 with clauses 9.3-9.6, 15.7, 17.3, 17.4. The states
 * PAGING, SECURING and ANSWERED are ours: they stand for what the standard leaves to the link control entity, to
 * mobility management and to the interworking unit. Lengths that begin with X- come from the configuration. */
#include "dectd/cc.h"

static const struct fsm_state states[CC_NSTATES] = {
	[CC_NULL] = { .name = "F-00", .final = true },
	[CC_PAGING] = { .name = "X-PAGING", .timer = "X-page", .ms = 20000 },
	[CC_SECURING] = { .name = "X-SECURING", .timer = "X-secure", .ms = 20000 },
	[CC_INITIATED] = { .name = "F-01", .timer = "X-iwu", .ms = 30000 },
	[CC_OVERLAP] = { .name = "F-02", .timer = "CC.01", .ms = 20000 },
	[CC_PROCEEDING] = { .name = "F-03", .timer = "CC.04", .ms = 0 },
	[CC_DELIVERED] = { .name = "F-04", .timer = "CC.04", .ms = 0 },
	[CC_PRESENT] = { .name = "F-06", .timer = "CC.03", .ms = 20000 },
	[CC_RECEIVED] = { .name = "F-07", .timer = "CC.04", .ms = 0 },
	[CC_ANSWERED] = { .name = "X-ANSWERED", .timer = "X-path", .ms = 9000 },
	[CC_ACTIVE] = { .name = "F-10" },
	[CC_RELEASING] = { .name = "F-19", .timer = "CC.02", .ms = 36000 },
};

/* Of every state in which the handset knows of the call. */
#define COMMON(st)                                                                                 \
	{ st, CC_EV_RELEASE, CC_NULL, 0, cc_a_release },                                           \
	    { st, CC_EV_RELEASE_COM, CC_NULL, 0, cc_a_release_com },                               \
	{                                                                                          \
		st, CC_EV_LOST, CC_NULL, 0, cc_a_lost                                              \
	}

static const struct fsm_row rows[] = {
	/* Incoming, before the handset knows: nothing has to be said to it. */
	{ CC_PAGING, CC_EV_LINK, CC_SECURING, FSM_M(CC_PRESENT) | FSM_M(CC_NULL), cc_a_link },
	{ CC_PAGING, CC_EV_LINK_FAILED, CC_NULL, 0, cc_a_link_failed },
	{ CC_PAGING, CC_EV_TIMER, CC_NULL, 0, cc_a_link_failed },
	{ CC_PAGING, CC_EV_LOST, CC_NULL, 0, cc_a_link_failed },
	{ CC_PAGING, CC_EV_L_RELEASE, CC_NULL, 0, cc_a_cancel },
	{ CC_PAGING, CC_EV_L_INFO, CC_PAGING, 0, cc_a_renew },
	{ CC_SECURING, CC_EV_SECURED, CC_PRESENT, FSM_M(CC_NULL), cc_a_secured },
	{ CC_SECURING, CC_EV_INSECURE, CC_NULL, 0, cc_a_insecure },
	{ CC_SECURING, CC_EV_TIMER, CC_NULL, 0, cc_a_insecure },
	{ CC_SECURING, CC_EV_LOST, CC_NULL, 0, cc_a_lost },
	{ CC_SECURING, CC_EV_L_RELEASE, CC_NULL, 0, cc_a_cancel },
	{ CC_SECURING, CC_EV_L_INFO, CC_SECURING, 0, cc_a_renew },

	/* Incoming (9.3.2). A release as first answer to CC-SETUP is refused by CC-RELEASE-COM (17.4.1). */
	{ CC_PRESENT, CC_EV_ALERTING, CC_RECEIVED, 0, cc_a_alerting },
	{ CC_PRESENT, CC_EV_CONNECT, CC_ANSWERED, 0, cc_a_connect },
	{ CC_PRESENT, CC_EV_TIMER, CC_NULL, 0, cc_a_timer_reject },
	{ CC_PRESENT, CC_EV_L_RELEASE, CC_RELEASING, 0, cc_a_tx_release },
	{ CC_PRESENT, CC_EV_L_INFO, CC_PRESENT, 0, cc_a_renew },
	{ CC_PRESENT, CC_EV_RELEASE, CC_NULL, 0, cc_a_release },
	/* Our CC-SETUP collided with the handset's: it is sent again at once (9.5.2.3). */
	{ CC_PRESENT, CC_EV_RELEASE_COM, CC_NULL, FSM_M(CC_PRESENT), cc_a_collide },
	{ CC_PRESENT, CC_EV_LOST, CC_NULL, 0, cc_a_lost },
	{ CC_RECEIVED, CC_EV_CONNECT, CC_ANSWERED, 0, cc_a_connect },
	{ CC_RECEIVED, CC_EV_INFO, CC_RECEIVED, 0, cc_a_info },
	{ CC_RECEIVED, CC_EV_L_INFO, CC_RECEIVED, 0, cc_a_tx_info },
	{ CC_RECEIVED, CC_EV_L_RELEASE, CC_RELEASING, 0, cc_a_tx_release },
	{ CC_RECEIVED, CC_EV_TIMER, CC_RELEASING, 0, cc_a_timer_release },
	COMMON(CC_RECEIVED),
	{ CC_ANSWERED, CC_EV_L_CONNECT_ACK, CC_ACTIVE, 0, cc_a_tx_connect_ack },
	{ CC_ANSWERED, CC_EV_INFO, CC_ANSWERED, 0, cc_a_info },
	{ CC_ANSWERED, CC_EV_L_INFO, CC_ANSWERED, 0, cc_a_renew }, /* after CC-CONNECT-ACK */
	{ CC_ANSWERED, CC_EV_L_RELEASE, CC_RELEASING, 0, cc_a_tx_release },
	{ CC_ANSWERED, CC_EV_TIMER, CC_RELEASING, 0, cc_a_timer_release },
	COMMON(CC_ANSWERED),

	/* Outgoing (9.3.1). */
	{ CC_INITIATED, CC_EV_SECURED, CC_INITIATED, 0, cc_a_setup_secured },
	{ CC_INITIATED, CC_EV_INSECURE, CC_NULL, 0, cc_a_setup_insecure },
	{ CC_INITIATED, CC_EV_INFO, CC_INITIATED, 0, cc_a_info },
	{ CC_INITIATED, CC_EV_L_SETUP_ACK, CC_OVERLAP, 0, cc_a_tx_setup_ack },
	{ CC_INITIATED, CC_EV_L_PROC, CC_PROCEEDING, 0, cc_a_tx_proc },
	{ CC_INITIATED, CC_EV_L_ALERT, CC_DELIVERED, 0, cc_a_tx_alert },
	{ CC_INITIATED, CC_EV_L_CONNECT, CC_ACTIVE, 0, cc_a_tx_connect },
	{ CC_INITIATED, CC_EV_L_RELEASE, CC_NULL, 0, cc_a_tx_reject },
	{ CC_INITIATED, CC_EV_TIMER, CC_NULL, 0, cc_a_timer_reject },
	COMMON(CC_INITIATED),
	{ CC_OVERLAP, CC_EV_INFO, CC_OVERLAP, 0, cc_a_info },
	{ CC_OVERLAP, CC_EV_L_INFO, CC_OVERLAP, 0, cc_a_tx_info },
	{ CC_OVERLAP, CC_EV_L_PROC, CC_PROCEEDING, 0, cc_a_tx_proc },
	{ CC_OVERLAP, CC_EV_L_ALERT, CC_DELIVERED, 0, cc_a_tx_alert },
	{ CC_OVERLAP, CC_EV_L_CONNECT, CC_ACTIVE, 0, cc_a_tx_connect },
	{ CC_OVERLAP, CC_EV_L_RELEASE, CC_RELEASING, 0, cc_a_tx_release },
	{ CC_OVERLAP, CC_EV_TIMER, CC_RELEASING, 0, cc_a_timer_release },
	{ CC_OVERLAP, CC_EV_RESET, CC_RELEASING, 0, cc_a_reset_overlap },
	COMMON(CC_OVERLAP),
	{ CC_PROCEEDING, CC_EV_INFO, CC_PROCEEDING, 0, cc_a_info },
	{ CC_PROCEEDING, CC_EV_L_INFO, CC_PROCEEDING, 0, cc_a_tx_info },
	{ CC_PROCEEDING, CC_EV_L_ALERT, CC_DELIVERED, 0, cc_a_tx_alert },
	{ CC_PROCEEDING, CC_EV_L_CONNECT, CC_ACTIVE, 0, cc_a_tx_connect },
	{ CC_PROCEEDING, CC_EV_L_RELEASE, CC_RELEASING, 0, cc_a_tx_release },
	{ CC_PROCEEDING, CC_EV_TIMER, CC_RELEASING, 0, cc_a_timer_release },
	COMMON(CC_PROCEEDING),
	{ CC_DELIVERED, CC_EV_INFO, CC_DELIVERED, 0, cc_a_info },
	{ CC_DELIVERED, CC_EV_L_INFO, CC_DELIVERED, 0, cc_a_tx_info },
	{ CC_DELIVERED, CC_EV_L_ALERT, CC_DELIVERED, 0, cc_a_tx_info },
	{ CC_DELIVERED, CC_EV_L_CONNECT, CC_ACTIVE, 0, cc_a_tx_connect },
	{ CC_DELIVERED, CC_EV_L_RELEASE, CC_RELEASING, 0, cc_a_tx_release },
	{ CC_DELIVERED, CC_EV_TIMER, CC_RELEASING, 0, cc_a_timer_release },
	COMMON(CC_DELIVERED),

	{ CC_ACTIVE, CC_EV_INFO, CC_ACTIVE, 0, cc_a_info },
	{ CC_ACTIVE, CC_EV_L_INFO, CC_ACTIVE, 0, cc_a_tx_info },
	{ CC_ACTIVE, CC_EV_L_RELEASE, CC_RELEASING, 0, cc_a_tx_release },
	COMMON(CC_ACTIVE),

	/* A crossing CC-RELEASE is as good as the answer (9.5.3). */
	{ CC_RELEASING, CC_EV_RELEASE, CC_NULL, 0, cc_a_done },
	{ CC_RELEASING, CC_EV_RELEASE_COM, CC_NULL, 0, cc_a_done },
	{ CC_RELEASING, CC_EV_INFO, CC_RELEASING, 0, NULL },
	{ CC_RELEASING, CC_EV_TIMER, CC_NULL, 0, cc_a_timer_done },
	{ CC_RELEASING, CC_EV_LOST, CC_NULL, 0, cc_a_done },
};

static const char *const ev_names[CC_NEV] = { "CC-SETUP", "CC-INFO", "CC-ALERTING", "CC-CONNECT",
	"CC-RELEASE", "CC-RELEASE-COM", "link", "no link", "secured", "not secured", "link lost",
	"link reset", "setup-ack", "proceeding", "alert", "connect", "connect-ack", "info",
	"release", "timer" };

const struct fsm_def cc_def = {
	.name = "cc",
	.states = states,
	.nstates = CC_NSTATES,
	.rows = rows,
	.nrows = sizeof(rows) / sizeof(rows[0]),
	.ev_names = ev_names,
	.nev = CC_NEV,
	.ev_timer = CC_EV_TIMER,
	.fail = CC_NULL,
};
