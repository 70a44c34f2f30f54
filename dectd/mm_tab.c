/* The endpoint's states (EN 300 175-5 13, 15.5; timers: annex A.5). Retransmission is in the actions: a request goes out
 * twice at most, then its procedure has failed. */
#include "dectd/mm_priv.h"

#define ANY                                                                                        \
	(FSM_M(MM_IDLE) | FSM_M(MM_ASKING) | FSM_M(MM_KEY) | FSM_M(MM_AUTH) | FSM_M(MM_CIPHER) |   \
	    FSM_M(MM_IDENT) | FSM_M(MM_ASSIGN) | FSM_M(MM_TERM))

static const struct fsm_state states[MM_NSTATES] = {
	[MM_IDLE] = { "IDLE", NULL, 0, false },
	[MM_ASKING] = { "ASKING", "certd", 16000, false },
	[MM_KEY] = { "KEY", "MM_key.1", 10000, false },
	[MM_AUTH] = { "AUTH", "MM_auth.1", 10000, false },
	[MM_CIPHER] = { "CIPHER", "MM_cipher.1", 10000, false },
	[MM_IDENT] = { "IDENT", "MM_ident.2", 10000, false },
	[MM_ASSIGN] = { "ASSIGN", "MM_ident.1", 10000, false },
	[MM_TERM] = { "TERM", "MM_access.2", 10000, false },
};
static const char *const events[MM_NEV] = { "step", "cert", "answer", "refusal", "ciphered",
	"timer", "down" };

static const struct fsm_row rows[] = {
	{ MM_IDLE, MM_EV_STEP, MM_IDLE, ANY, mm_act_step },
	{ MM_IDLE, MM_EV_CIPHERED, MM_IDLE, 0, NULL },
	{ MM_IDLE, MM_EV_DOWN, MM_IDLE, 0, mm_act_down },

	{ MM_ASKING, MM_EV_CERT, MM_IDLE, ANY, mm_act_cert },
	{ MM_ASKING, MM_EV_TIMER, MM_IDLE, ANY, mm_act_cert_late },
	{ MM_ASKING, MM_EV_CIPHERED, MM_ASKING, 0, NULL },
	{ MM_ASKING, MM_EV_DOWN, MM_IDLE, 0, mm_act_down },

	{ MM_KEY, MM_EV_ANSWER, MM_ASKING, ANY, mm_act_key_answer },
	{ MM_KEY, MM_EV_REFUSAL, MM_IDLE, ANY, mm_act_key_refused },
	{ MM_KEY, MM_EV_TIMER, MM_KEY, ANY, mm_act_repeat },
	{ MM_KEY, MM_EV_DOWN, MM_IDLE, 0, mm_act_down },

	{ MM_AUTH, MM_EV_ANSWER, MM_ASKING, ANY, mm_act_auth_answer },
	{ MM_AUTH, MM_EV_REFUSAL, MM_IDLE, ANY, mm_act_auth_refused },
	{ MM_AUTH, MM_EV_CIPHERED, MM_AUTH, 0, NULL },
	{ MM_AUTH, MM_EV_TIMER, MM_AUTH, ANY, mm_act_repeat },
	{ MM_AUTH, MM_EV_DOWN, MM_IDLE, 0, mm_act_down },

	{ MM_CIPHER, MM_EV_CIPHERED, MM_IDLE, ANY, mm_act_ciphered },
	{ MM_CIPHER, MM_EV_REFUSAL, MM_IDLE, ANY, mm_act_cipher_refused },
	{ MM_CIPHER, MM_EV_TIMER, MM_CIPHER, ANY, mm_act_repeat },
	{ MM_CIPHER, MM_EV_DOWN, MM_IDLE, 0, mm_act_down },

	{ MM_IDENT, MM_EV_ANSWER, MM_IDLE, ANY, mm_act_ident_answer },
	{ MM_IDENT, MM_EV_TIMER, MM_IDENT, ANY, mm_act_repeat },
	{ MM_IDENT, MM_EV_DOWN, MM_IDLE, 0, mm_act_down },

	{ MM_ASSIGN, MM_EV_ANSWER, MM_IDLE, ANY, mm_act_assign_answer },
	{ MM_ASSIGN, MM_EV_REFUSAL, MM_IDLE, ANY, mm_act_assign_refused },
	{ MM_ASSIGN, MM_EV_TIMER, MM_ASSIGN, ANY, mm_act_assign_timer },
	{ MM_ASSIGN, MM_EV_CIPHERED, MM_ASSIGN, 0, NULL },
	{ MM_ASSIGN, MM_EV_DOWN, MM_IDLE, 0, mm_act_down },

	{ MM_TERM, MM_EV_ANSWER, MM_IDLE, ANY, mm_act_term_answer },
	{ MM_TERM, MM_EV_REFUSAL, MM_IDLE, ANY, mm_act_term_refused },
	{ MM_TERM, MM_EV_TIMER, MM_TERM, ANY, mm_act_repeat },
	{ MM_TERM, MM_EV_DOWN, MM_IDLE, 0, mm_act_down },
};

const struct fsm_def mm_def = {
	.name = "mm",
	.states = states,
	.nstates = MM_NSTATES,
	.rows = rows,
	.nrows = sizeof(rows) / sizeof(rows[0]),
	.ev_names = events,
	.nev = MM_NEV,
	.ev_timer = MM_EV_TIMER,
	.fail = MM_IDLE,
};
