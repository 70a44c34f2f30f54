/* The automatic presence of a user as a table, and the hand-set state beside it. */
#include "presenced/pres_state.h"

#include <string.h>

#include "common/log.h"
#include "common/mem.h"

enum { EV_REG_UP, EV_REG_DOWN, EV_CALL, EV_LAST_CALL, EV_USED, EV_TIMER, NEV };

static struct pres_user *user_of(struct fsm *m)
{
	return CONTAINER_OF(m, struct pres_user, fsm);
}

static int act_used(struct fsm *m, int ev, const void *arg)
{
	struct pres_user *u = user_of(m);

	(void)ev, (void)arg;
	u->used_at = tmr_now(u->timer.w);
	return FSM_NEXT;
}

/* Agents do not fall asleep while their handset is in coverage. */
static int act_idle(struct fsm *m, int ev, const void *arg)
{
	const struct pres_user *u = user_of(m);
	enum pres_agent keeps =
	    m->st == PRES_AVAILABLE ? PRES_AGENT_AVAILABLE : PRES_AGENT_INACTIVE;

	(void)ev, (void)arg;
	return u->reachable && u->policy->agent == keeps ? m->st : FSM_NEXT;
}

static int act_registered(struct fsm *m, int ev, const void *arg)
{
	const struct pres_user *u = user_of(m);

	(void)ev, (void)arg;
	if (u->calls > 0)
		return PRES_IN_CALL;
	return u->policy->agent != PRES_AGENT_NO && u->reachable ? PRES_AVAILABLE : FSM_NEXT;
}

static const struct fsm_state states[] = {
	[PRES_UNREGISTERED] = { .name = "UNREGISTERED" },
	[PRES_AWAY] = { .name = "AWAY" },
	[PRES_AVAILABLE] = { .name = "AVAILABLE", .timer = "available", .ms = 300000 },
	[PRES_INACTIVE] = { .name = "INACTIVE", .timer = "inactive", .ms = 300000 },
	[PRES_IN_CALL] = { .name = "IN_CALL" },
};
/* clang-format off */
static const struct fsm_row rows[] = {
	{ PRES_UNREGISTERED, EV_REG_UP,    PRES_AWAY,         FSM_M(PRES_IN_CALL) | FSM_M(PRES_AVAILABLE), act_registered },
	{ PRES_UNREGISTERED, EV_USED,      PRES_UNREGISTERED, 0, act_used },
	{ PRES_UNREGISTERED, EV_CALL,      PRES_UNREGISTERED, 0, act_used },
	{ PRES_UNREGISTERED, EV_LAST_CALL, PRES_UNREGISTERED, 0, act_used },

	{ PRES_AWAY,         EV_REG_DOWN,  PRES_UNREGISTERED, 0, NULL },
	{ PRES_AWAY,         EV_CALL,      PRES_IN_CALL,      0, act_used },
	{ PRES_AWAY,         EV_USED,      PRES_AVAILABLE,    0, act_used },

	{ PRES_AVAILABLE,    EV_REG_DOWN,  PRES_UNREGISTERED, 0, NULL },
	{ PRES_AVAILABLE,    EV_CALL,      PRES_IN_CALL,      0, act_used },
	{ PRES_AVAILABLE,    EV_USED,      PRES_AVAILABLE,    0, act_used },
	{ PRES_AVAILABLE,    EV_TIMER,     PRES_INACTIVE,     FSM_M(PRES_AVAILABLE), act_idle },

	{ PRES_INACTIVE,     EV_REG_DOWN,  PRES_UNREGISTERED, 0, NULL },
	{ PRES_INACTIVE,     EV_CALL,      PRES_IN_CALL,      0, act_used },
	{ PRES_INACTIVE,     EV_USED,      PRES_AVAILABLE,    0, act_used },
	{ PRES_INACTIVE,     EV_TIMER,     PRES_AWAY,         FSM_M(PRES_INACTIVE), act_idle },

	{ PRES_IN_CALL,      EV_REG_DOWN,  PRES_UNREGISTERED, 0, NULL },
	{ PRES_IN_CALL,      EV_CALL,      PRES_IN_CALL,      0, act_used },
	{ PRES_IN_CALL,      EV_LAST_CALL, PRES_AVAILABLE,    0, act_used },
	{ PRES_IN_CALL,      EV_USED,      PRES_IN_CALL,      0, act_used },
};
/* clang-format on */
static const char *const ev_names[] = { "reg-up", "reg-down", "call", "last-call", "used",
	"timer" };
const struct fsm_def pres_fsm = {
	.name = "presence",
	.states = states,
	.nstates = ARRAY_LEN(states),
	.rows = rows,
	.nrows = ARRAY_LEN(rows),
	.ev_names = ev_names,
	.nev = NEV,
	.ev_timer = EV_TIMER,
	.fail = PRES_AWAY,
};

void pres_user_view(const struct pres_user *u, struct pres_view *v)
{
	*v = (struct pres_view){
		.auto_state = (enum pres_st)u->fsm.st,
		.manual = u->manual,
		.on_phone = u->calls > 0 && u->fsm.st != PRES_UNREGISTERED,
		.conference = u->calls > 0 && u->conference,
		.offline = !u->reachable && u->policy->offline_when_gone,
		.since_ms = u->used_at,
	};
}

static void tell(struct pres_user *u)
{
	struct pres_view v;

	pres_user_view(u, &v);
	if (u->told && u->last.auto_state == v.auto_state && u->last.manual == v.manual &&
	    u->last.on_phone == v.on_phone && u->last.conference == v.conference &&
	    u->last.offline == v.offline)
		return;
	u->told = true;
	u->last = v;
	u->changed(u, &v, u->ctx);
}

static uint32_t policy_ms(const struct pres_user *u)
{
	return u->fsm.st == PRES_AVAILABLE ? u->policy->available_ms : u->policy->inactive_ms;
}

static void timer_start(struct fsm *m, uint32_t ms)
{
	struct pres_user *u = user_of(m);

	(void)ms;
	tmr_start(&u->timer, policy_ms(u));
}

static void timer_stop(struct fsm *m)
{
	tmr_stop(&user_of(m)->timer);
}

static void moved(struct fsm *m, int from, int ev, int to)
{
	(void)m, (void)from, (void)ev, (void)to;
}

static const struct fsm_env env = { timer_start, timer_stop, moved, NULL };

static void raise_ev(struct pres_user *u, uint8_t ev)
{
	/* An event that has no row in a state changes nothing there, by design. */
	if (fsm_event(&u->fsm, ev, NULL) == 0 && ev != EV_TIMER && u->fsm.st == PRES_AVAILABLE)
		tmr_start(&u->timer, policy_ms(u)); /* each use restarts the time */
	tell(u);
}

static void on_timer(struct tmr *t, void *ctx)
{
	(void)t;
	raise_ev(ctx, EV_TIMER);
}

static void on_manual_timer(struct tmr *t, void *ctx)
{
	struct pres_user *u = ctx;

	(void)t;
	u->manual = PRES_MANUAL_NONE;
	tell(u);
}

void pres_user_init(struct pres_user *u, struct tmr_wheel *w, const struct pres_policy *p,
    pres_changed_h *changed, void *ctx)
{
	memset(u, 0, sizeof(*u));
	u->policy = p;
	u->changed = changed;
	u->ctx = ctx;
	u->reachable = true;
	tmr_init(&u->timer, w, on_timer, u);
	tmr_init(&u->manual_timer, w, on_manual_timer, u);
	fsm_init(&u->fsm, &pres_fsm, &env, PRES_UNREGISTERED);
}

void pres_user_fini(struct pres_user *u)
{
	tmr_stop(&u->timer);
	tmr_stop(&u->manual_timer);
}

void pres_user_registered(struct pres_user *u, bool up)
{
	if (up)
		u->told = false; /* a new registration lost what an endpoint had published */
	raise_ev(u, up ? EV_REG_UP : EV_REG_DOWN);
}

void pres_user_calls(struct pres_user *u, uint32_t active, bool conference)
{
	bool had = u->calls > 0;

	u->calls = active;
	u->conference = conference;
	if (active > 0 && !had)
		raise_ev(u, EV_CALL);
	else if (active == 0 && had)
		raise_ev(u, EV_LAST_CALL);
	else
		tell(u);
}

void pres_user_used(struct pres_user *u)
{
	raise_ev(u, EV_USED);
}

void pres_user_reach(struct pres_user *u, bool reachable)
{
	bool back = reachable && !u->reachable;

	u->reachable = reachable;
	/* An agent who slept while out of coverage is at work again. */
	if (back && u->policy->agent != PRES_AGENT_NO)
		raise_ev(u, EV_USED);
	else
		tell(u);
}

void pres_user_manual(struct pres_user *u, enum pres_manual m, uint32_t minutes)
{
	u->manual = m;
	tmr_stop(&u->manual_timer);
	if (m != PRES_MANUAL_NONE && minutes > 0)
		tmr_start(&u->manual_timer, (uint64_t)minutes * 60000);
	raise_ev(u, EV_USED);
}

void pres_user_policy(struct pres_user *u, const struct pres_policy *p)
{
	u->policy = p;
	if (tmr_pending(&u->timer))
		tmr_start(&u->timer, policy_ms(u));
	tell(u);
}
