#ifndef DECTD_RFP_LINK_PRIV_H
#define DECTD_RFP_LINK_PRIV_H
#include "common/fsm.h"
#include "dectd/rfp_frame.h"
#include "dectd/rfp_link.h"

/* Inside of a base's link, shared by rfp_link.c (transport, hand-shake, dispatch), rfp_radio.c (burst, bring-up) and
 * rfp_link_tab.c (states). */
enum rfp_st {
	LS_INIT,   /* SYS_AUTHENTICATE sent */
	LS_ADMIT,  /* SYS_INIT is here, admission and keys are being asked for */
	LS_PROVE,  /* accepted, burst sent; the next message must decrypt */
	LS_CONFIG, /* proven, waiting for the radio processor */
	LS_RADIO,  /* INIT_REQ sent */
	LS_READY,  /* waiting for "ready for sync" */
	LS_RESET1, /* RESET_MAC before the search */
	LS_RSSI,
	LS_SEARCH,
	LS_DECIDE, /* what it hears is known; master or slave of whom? */
	LS_RESET2,
	LS_START,
	LS_ACTIVATE,
	LS_FREQ,
	LS_ACTIVE,
	LS_IDLE, /* DECT is switched off for this base */
	LS_RETRY,
	LS_CLOSED,
	LS_N
};
enum rfp_ev {
	LE_INIT,
	LE_ACCEPT,
	LE_PROOF,
	LE_READY,
	LE_INIT_CFM,
	LE_SYNC_READY,
	LE_MAC_RESET,
	LE_RSSI,
	LE_FOUND,
	LE_START,
	LE_STARTED,
	LE_REJECT,
	LE_ACTIVATED,
	LE_FREQ,
	LE_RESYNC,
	LE_RADIO_ERROR,
	LE_CLOSE,
	LE_TIMER,
	LE_N
};

struct rfp_link {
	struct fsm fsm;
	struct tmr_wheel *w;
	struct tmr timer, beat;
	struct tmr broken; /* a write failed: closed in the next turn, never from inside a sender */
	const struct rfp_link_ops *ops;
	void *ctx, *user;
	char peer[64];
	uint8_t auth[RFP_AUTH_LEN];
	struct rfp_link_info info;
	struct rfp_link_conf conf;
	struct rfp_link_stats st;
	struct rfp_frame rx;
	struct rfp_cipher tx;
	bool sealed, proven, on_air, old, initialised, in_input;
	uint32_t retry_ms; /* until the radio is started once more; grows while it fails */
	enum rfp_link_why why;
	int master; /* RPN of the reference, -1: we are one */
	unsigned nheard;
	struct sync_neighbour heard[32];
	uint64_t rate_since; /* flood guard */
	unsigned rate;
	uint8_t logged[512]; /* a bit per message kind that was reported as unknown */
};

extern const struct fsm_env rfp_link_env;
int rfp_send(struct rfp_link *l, const struct rfp_msg *m) MUST_CHECK; /* in any state */
void rfp_burst(struct rfp_link *l);
/* RFPC and SYNC messages of the base. 0, ERR_* (counted). */
int rfp_radio_input(struct rfp_link *l, const struct rfp_msg *m) MUST_CHECK;
void rfp_radio_sync(struct rfp_link *l, uint16_t sync, const void *data, size_t n);

fsm_act_h rfp_act_accept, rfp_act_proof, rfp_act_ready, rfp_act_init_cfm, rfp_act_reset,
    rfp_act_rssi, rfp_act_search, rfp_act_found, rfp_act_start, rfp_act_activate, rfp_act_freq,
    rfp_act_active, rfp_act_timeout, rfp_act_retry, rfp_act_off, rfp_act_close, rfp_act_ask;
#endif
