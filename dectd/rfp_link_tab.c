/* States of a base station's link: hand-shake (rfp-link 4.1), radio bring-up (7.1, 12.1), supervision (13). The
 * times are this project's choice. */
#include "common/mem.h"
#include "dectd/rfp_link_priv.h"

static const struct fsm_state states[LS_N] = {
	[LS_INIT] = { .name = "INIT", .timer = "X-init", .ms = 10000 },
	[LS_ADMIT] = { .name = "ADMIT", .timer = "X-admit", .ms = 10000 },
	[LS_PROVE] = { .name = "PROVE", .timer = "X-prove", .ms = 10000 },
	[LS_CONFIG] = { .name = "CONFIG", .timer = "X-ready", .ms = 20000 },
	[LS_RADIO] = { .name = "RADIO", .timer = "X-radio", .ms = 10000 },
	[LS_READY] = { .name = "READY", .timer = "X-sync-ready", .ms = 5000 },
	[LS_RESET1] = { .name = "RESET1", .timer = "X-reset", .ms = 10000 },
	[LS_RSSI] = { .name = "RSSI", .timer = "X-rssi", .ms = 5000 },
	[LS_SEARCH] = { .name = "SEARCH", .timer = "X-search", .ms = 60000 },
	[LS_DECIDE] = { .name = "DECIDE", .timer = "X-decide", .ms = 10000 },
	[LS_RESET2] = { .name = "RESET2", .timer = "X-reset", .ms = 10000 },
	[LS_START] = { .name = "START", .timer = "X-start", .ms = 30000 },
	[LS_ACTIVATE] = { .name = "ACTIVATE", .timer = "X-activate", .ms = 10000 },
	[LS_FREQ] = { .name = "FREQ", .timer = "X-freq", .ms = 5000 },
	[LS_ACTIVE] = { .name = "ACTIVE" },
	[LS_IDLE] = { .name = "IDLE" },
	[LS_RETRY] = { .name = "RETRY",
	    .timer = "X-retry",
	    .ms = 10000 }, /* at most: rfp_act_off */
	[LS_CLOSED] = { .name = "CLOSED", .final = true },
};

#define CLOSE(st)                                                                                  \
	{                                                                                          \
		st, LE_CLOSE, LS_CLOSED, 0, rfp_act_close                                          \
	}
#define LATE(st)                                                                                   \
	{                                                                                          \
		st, LE_TIMER, LS_CLOSED, 0, rfp_act_timeout                                        \
	}
/* The radio fails in one of the bring-up's steps: once more from the start, the link stays. */
#define RADIO(st)                                                                                  \
	CLOSE(st), { st, LE_RADIO_ERROR, LS_RETRY, 0, rfp_act_off },                               \
	    { st, LE_READY, LS_RADIO, FSM_M(LS_IDLE), rfp_act_ready },                             \
	{                                                                                          \
		st, LE_RESYNC, LS_RESET1, 0, rfp_act_reset                                         \
	}
/* Only what can be refused: one that comes later is about what was given up meanwhile. */
#define REJECT(st)                                                                                 \
	{                                                                                          \
		st, LE_REJECT, LS_RETRY, 0, rfp_act_off                                            \
	}
#define RETRY(st)                                                                                  \
	{                                                                                          \
		st, LE_TIMER, LS_RETRY, 0, rfp_act_off                                             \
	}

static const struct fsm_row rows[] = {
	{ LS_INIT, LE_INIT, LS_ADMIT, 0, rfp_act_ask },
	CLOSE(LS_INIT),
	LATE(LS_INIT),
	{ LS_ADMIT, LE_ACCEPT, LS_PROVE, 0, rfp_act_accept },
	CLOSE(LS_ADMIT),
	LATE(LS_ADMIT),
	{ LS_PROVE, LE_PROOF, LS_CONFIG, FSM_M(LS_IDLE), rfp_act_proof },
	CLOSE(LS_PROVE),
	LATE(LS_PROVE),
	{ LS_CONFIG, LE_READY, LS_RADIO, FSM_M(LS_IDLE), rfp_act_ready },
	CLOSE(LS_CONFIG),
	/* RFP: whether one whose radio ran on while its link was lost says READY_IND again is not known: asked all the same, again
	 * and again. One without a radio (a soft base station) keeps its link. */
	{ LS_CONFIG, LE_TIMER, LS_RADIO, FSM_M(LS_IDLE), rfp_act_ready },
	RADIO(LS_RADIO),
	{ LS_RADIO, LE_INIT_CFM, LS_READY, 0, rfp_act_init_cfm },
	RETRY(LS_RADIO),
	RADIO(LS_READY),
	{ LS_READY, LE_SYNC_READY, LS_RESET1, 0, rfp_act_reset },
	/* RFP: 7D32 was seen on a second-generation base only; others may not send it. */
	{ LS_READY, LE_TIMER, LS_RESET1, 0, rfp_act_reset },
	RADIO(LS_RESET1),
	{ LS_RESET1, LE_MAC_RESET, LS_RSSI, 0, rfp_act_rssi },
	RETRY(LS_RESET1),
	RADIO(LS_RSSI),
	{ LS_RSSI, LE_RSSI, LS_SEARCH, 0, rfp_act_search },
	{ LS_RSSI, LE_TIMER, LS_SEARCH, 0, rfp_act_search },
	RADIO(LS_SEARCH),
	REJECT(LS_SEARCH),
	{ LS_SEARCH, LE_FOUND, LS_DECIDE, 0, rfp_act_found },
	RETRY(LS_SEARCH),
	RADIO(LS_DECIDE),
	{ LS_DECIDE, LE_START, LS_RESET2, 0, rfp_act_reset },
	{ LS_DECIDE, LE_TIMER, LS_DECIDE, 0, rfp_act_found },
	RADIO(LS_RESET2),
	{ LS_RESET2, LE_MAC_RESET, LS_START, 0, rfp_act_start },
	RETRY(LS_RESET2),
	RADIO(LS_START),
	REJECT(LS_START),
	{ LS_START, LE_STARTED, LS_ACTIVATE, 0, rfp_act_activate },
	RETRY(LS_START),
	RADIO(LS_ACTIVATE),
	{ LS_ACTIVATE, LE_ACTIVATED, LS_FREQ, 0, rfp_act_freq },
	RETRY(LS_ACTIVATE),
	RADIO(LS_FREQ),
	{ LS_FREQ, LE_FREQ, LS_ACTIVE, 0, rfp_act_active },
	{ LS_FREQ, LE_TIMER, LS_ACTIVE, 0, rfp_act_active },
	CLOSE(LS_ACTIVE),
	{ LS_ACTIVE, LE_READY, LS_RADIO, FSM_M(LS_IDLE), rfp_act_ready },
	{ LS_ACTIVE, LE_RADIO_ERROR, LS_RETRY, 0, rfp_act_off },
	{ LS_ACTIVE, LE_REJECT, LS_RETRY, 0, rfp_act_off },
	{ LS_ACTIVE, LE_RESYNC, LS_RESET1, 0, rfp_act_reset },
	CLOSE(LS_IDLE),
	{ LS_IDLE, LE_READY, LS_RADIO, FSM_M(LS_IDLE), rfp_act_ready },
	CLOSE(LS_RETRY),
	{ LS_RETRY, LE_READY, LS_RADIO, FSM_M(LS_IDLE), rfp_act_ready },
	{ LS_RETRY, LE_TIMER, LS_RESET1, FSM_M(LS_RADIO), rfp_act_retry },
};

static const char *const ev_names[LE_N] = { "init", "accept", "proof", "ready", "init-cfm",
	"sync-ready", "mac-reset", "rssi", "found", "start", "started", "reject", "activated",
	"freq", "resync", "radio-error", "close", "timer" };

const struct fsm_def rfp_link_def = {
	.name = "rfp-link",
	.states = states,
	.nstates = LS_N,
	.rows = rows,
	.nrows = ARRAY_LEN(rows),
	.ev_names = ev_names,
	.nev = LE_N,
	.ev_timer = LE_TIMER,
	.fail = LS_CLOSED,
};
