#ifndef COMMON_FSM_H
#define COMMON_FSM_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

/* Table-driven state machines: rows, not switches, so that a reviewer can compare the table with the figure in
 * the specification.
 *
 * Run to completion: an event raised by an action is queued (without an argument) and handled after it. An event
 * without a row is counted by env->moved(to = -1) and refused with ERR_STATE. A self-loop keeps the state's timer
 * running; the timer event re-arms it. env->done runs after the dispatch that reached a final state and is the
 * last use of the machine. */
struct fsm;
/* Returns the state to go to: FSM_NEXT (or that state) for the row's .next, or another state
 * that the row lists in .may. Negative: error, the machine goes to .fail. */
typedef int(fsm_act_h)(struct fsm *m, int ev, const void *arg);
#define FSM_NEXT 255

struct fsm_row {
	uint8_t st, ev, next;
	uint32_t may;   /* FSM_M(ST_A) | FSM_M(ST_B): other allowed results */
	fsm_act_h *act; /* NULL: just move */
};
struct fsm_state {
	const char *name;
	const char *timer; /* "T1", "CC.02": the spec's name; NULL: no timer */
	uint32_t ms;       /* default; the configuration may override by name */
	bool final;
};
struct fsm_def {
	const char *name; /* journal field and metric label */
	const struct fsm_state *states;
	uint8_t nstates; /* at most 32 */
	const struct fsm_row *rows;
	uint8_t nrows;
	const char *const *ev_names;
	uint8_t nev;
	uint8_t ev_timer, fail;
};
/* What a machine needs from the world. Tests give their own. */
struct fsm_env {
	void (*timer_start)(struct fsm *m, uint32_t ms);
	void (*timer_stop)(struct fsm *m);
	void (*moved)(struct fsm *m, int from, int ev, int to); /* log, count; to = -1: refused */
	void (*done)(struct fsm *m); /* reached a final state, not in dispatch */
};
struct fsm {
	const struct fsm_def *def;
	const struct fsm_env *env;
	uint8_t st, nq;
	bool busy;
	uint8_t q[4]; /* events raised by our own actions: no argument */
};
#define FSM_M(st) (1u << (st))

/* Enters st without running an action; starts st's timer. */
void fsm_init(struct fsm *m, const struct fsm_def *d, const struct fsm_env *e, uint8_t st);
/* 0; ERR_STATE: no row; ERR_BUSY: raised in dispatch with an argument or with the queue full. */
int fsm_event(struct fsm *m, uint8_t ev, const void *arg);
const char *fsm_state_name(const struct fsm *m);
/* Table lint for the unit tests: 0, or ERR_SYNTAX with a line about the first fault on out (may be NULL). */
int fsm_check(const struct fsm_def *d, FILE *out) MUST_CHECK;
/* Graphviz. */
void fsm_dot(const struct fsm_def *d, FILE *out);
#endif
