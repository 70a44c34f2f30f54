#ifndef SIPD_REG_TAB_H
#define SIPD_REG_TAB_H
#include "common/fsm.h"

enum reg_state { REG_OFF, REG_WAIT, REG_TRYING, REG_AUTH, REG_UP, REG_NSTATES };
enum reg_ev {
	REG_EV_WANT,      /* is to be registered */
	REG_EV_UNWANT,    /* not any more */
	REG_EV_OK,        /* 2xx */
	REG_EV_CHALLENGE, /* 401, 407: credentials are being made */
	REG_EV_READY,     /* credentials are there */
	REG_EV_AGAIN,     /* 423, 3xx: at once, otherwise */
	REG_EV_NEXT,      /* no answer, 503: the next proxy at once */
	REG_EV_FAILED,    /* refused, or no proxy left: later */
	REG_EV_LOST,      /* the flow broke */
	REG_EV_TIMER,
	REG_NEV
};
extern const struct fsm_def reg_def;
fsm_act_h reg_schedule, reg_send, reg_done, reg_off, reg_fail, reg_lost;
#endif
