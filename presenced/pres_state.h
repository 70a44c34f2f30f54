#ifndef PRESENCED_PRES_STATE_H
#define PRESENCED_PRES_STATE_H
#include <stdbool.h>
#include <stdint.h>

#include "common/fsm.h"
#include "common/tmr.h"

/* One user's presence: what the handset's use, the calls, the clock and the hand-set state make of it. No sockets, no
 * documents: pub_*.c turn a view into what a server wants. Source: the seed's presence section (requirements 103-118):
 * Away after registration, Available for 5 minutes after use, then Inactive for 5, then Away; In a call while a call
 * is up; never Offline. */

enum pres_st { PRES_UNREGISTERED, PRES_AWAY, PRES_AVAILABLE, PRES_INACTIVE, PRES_IN_CALL };

/* What the user set on the handset, beside the automatic state. */
enum pres_manual {
	PRES_MANUAL_NONE,
	PRES_MANUAL_AVAILABLE,
	PRES_MANUAL_BUSY,
	PRES_MANUAL_DND,
	PRES_MANUAL_BRB,
	PRES_MANUAL_AWAY,
	PRES_MANUAL_OFF_WORK
};

enum pres_agent {
	PRES_AGENT_NO,
	PRES_AGENT_INACTIVE, /* stops at Inactive: groups still offer calls (RGS: Available or Inactive) */
	PRES_AGENT_AVAILABLE /* stays Available: a fair "longest idle" order */
};

struct pres_policy { /* per user or group; kept by the caller for the user's life */
	uint32_t available_ms, inactive_ms;
	enum pres_agent agent;  /* only while the handset is in coverage */
	bool offline_when_gone; /* handset out of reach: Offline; default: the states go on */
};

struct pres_view { /* what a publisher needs; two equal views need one publication */
	enum pres_st auto_state;
	enum pres_manual manual;
	bool on_phone;   /* an active call */
	bool conference; /* and it is a conference */
	bool offline;    /* to be shown as Offline (offline_when_gone) */
	uint64_t
	    since_ms; /* wheel time of the last use; for "Inactive 5 mins"; not part of the comparison */
};

/* What a watcher sees, as a number of pres.State and as a word ("in-a-call"). */
enum pres_shown {
	SHOWN_AVAILABLE = 1,
	SHOWN_INACTIVE = 2,
	SHOWN_AWAY = 3,
	SHOWN_IN_A_CALL = 4,
	SHOWN_BUSY = 5,
	SHOWN_DND = 6,
	SHOWN_BRB = 7,
	SHOWN_OFF_WORK = 8,
	SHOWN_OFFLINE = 9,
	SHOWN_IN_A_CONFERENCE = 10,
	SHOWN_UNKNOWN = 12
};

struct pres_user;
typedef void(pres_changed_h)(struct pres_user *u, const struct pres_view *v, void *ctx);

struct pres_user { /* embedded by the owner; fields are private */
	struct fsm fsm;
	struct tmr timer, manual_timer;
	const struct pres_policy *policy;
	pres_changed_h *changed;
	void *ctx;
	struct pres_view last;
	uint64_t used_at;
	uint32_t calls;
	enum pres_manual manual;
	bool conference, reachable, told;
};

/* changed() is called from the functions below and from the timers, once per real change, never twice alike. */
void pres_user_init(struct pres_user *u, struct tmr_wheel *w, const struct pres_policy *p,
    pres_changed_h *changed, void *ctx);
void pres_user_fini(struct pres_user *u); /* timers stop; changed() is not called */
void pres_user_registered(struct pres_user *u, bool up);
void pres_user_calls(struct pres_user *u, uint32_t active, bool conference);
void pres_user_used(struct pres_user *u); /* a menu, a digit: restarts the Available time */
void pres_user_reach(struct pres_user *u, bool reachable);
/* minutes = 0: until changed. PRES_MANUAL_NONE takes a manual state back. Counts as use. */
void pres_user_manual(struct pres_user *u, enum pres_manual m, uint32_t minutes);
void pres_user_policy(struct pres_user *u, const struct pres_policy *p);
void pres_user_view(const struct pres_user *u, struct pres_view *v);
extern const struct fsm_def pres_fsm; /* for the table check */
#endif
