/* LAPC state tables (EN 300 175-4 9.2.3 class A, 9.2.4 to 9.2.9 class B), fixed part. Actions change variables and say
 * what is owed; dlc.c sends it and makes the upcalls after the dispatch. */
#include <string.h>

#include "common/mem.h"
#include "dectd/dlc_priv.h"

static struct dlc_link *link_of(struct fsm *m)
{
	return CONTAINER_OF(m, struct dlc_link, fsm);
}

static int down(struct dlc_link *l, enum dlc_why why)
{
	l->why = why;
	l->up |= UP_RELEASE;
	return L_DOWN;
}

/* Unacknowledged frames and the rest of a message that was partly sent are lost. */
static void reset(struct dlc_link *l)
{
	if (l->partial && !list_empty(&l->queue)) {
		struct dlc_msg *m = LIST_ENTRY(l->queue.next, struct dlc_msg, node);

		list_remove(&m->node);
		l->queued--;
		mem_free_wiped(m, sizeof(*m) + m->n);
	}
	l->partial = false;
	l->vs = l->va = l->vm = l->vr = l->rc = 0;
	l->peer_busy = l->rejecting = l->resp_f = l->ack = l->rej = l->poll = l->cmd = false;
	l->in_n = 0;
}

static void take(struct dlc_link *l, const struct lapc_frame *f)
{
	l->vr = lapc_next(l, l->vr);
	if (l->in_n + f->n > sizeof(l->in)) {
		l->c->d->st.too_long++;
		l->why = DLC_PROTOCOL;
		l->up |= UP_RELEASE;
		return;
	}
	memcpy(l->in + l->in_n, f->info, f->n);
	l->in_n += f->n;
	if (!f->more && l->in_n)
		l->up |= UP_DATA;
}

static int state_now(const struct dlc_link *l)
{
	return l->vm == l->va && !l->peer_busy ? L_OPEN : L_WAIT;
}

/* The portable part sets the link up, or again; or its frame comes once more because our answer was lost. */
static int establish(struct fsm *m, int ev, const void *arg)
{
	struct dlc_link *l = link_of(m);
	const struct lapc_frame *f = arg;

	(void)ev;
	l->est_rr = true;
	if (l->fresh && f->ns == 0 && l->first_n == f->n && memcmp(l->first, f->info, f->n) == 0 &&
	    m->st != L_SETUP) {
		l->c->d->st.duplicate++;
		return m->st;
	}
	if (!(l->up & UP_ESTABLISH))
		l->up |= UP_RESET;
	reset(l);
	l->fresh = true;
	l->first_n = f->n;
	memcpy(l->first, f->info, f->n);
	take(l, f);
	return L_OPEN;
}

/* ---- acknowledgements ---- */

/* What N(R) acknowledges. false: it can't be. *progress: something new. */
static bool acknowledge(struct dlc_link *l, uint8_t nr, bool *progress)
{
	uint8_t sent = lapc_diff(l, l->vm, l->va), got = lapc_diff(l, nr & (l->mod - 1), l->va);

	*progress = got > 0;
	if (got > sent)
		return false;
	if (got) {
		/* vs stood on a frame that needs not be sent again now. */
		if (lapc_diff(l, l->vs, l->va) < got)
			l->vs = nr & (l->mod - 1);
		l->va = nr & (l->mod - 1);
	}
	return true;
}

static void restart_dl04(struct dlc_link *l)
{
	if (tmr_pending(&l->t))
		tmr_start(&l->t, l->c->d->conf.dl04);
}

/* ---- class A ---- */

/* N(R) that can't be: set up again (9.2.3.5). */
static int a_set_up(struct dlc_link *l)
{
	reset(l);
	l->fresh = false;
	l->held[0].n = 0;
	l->held[0].more = false;
	l->vs = l->vm = 1;
	l->cmd = true;
	return L_SETUP;
}

static int a_ack(struct dlc_link *l, uint8_t nr)
{
	bool progress;

	if (!acknowledge(l, nr, &progress))
		return a_set_up(l);
	return l->vm == l->va ? L_OPEN : l->fsm.st;
}

static int a_i(struct fsm *m, int ev, const void *arg)
{
	struct dlc_link *l = link_of(m);
	const struct lapc_frame *f = arg;

	(void)ev;
	l->fresh = false;
	l->ack = true;
	if ((f->ns & 1) == l->vr)
		take(l, f);
	else
		l->c->d->st.duplicate++;
	return a_ack(l, f->nr);
}

static int a_rr(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	return a_ack(link_of(m), ((const struct lapc_frame *)arg)->nr);
}

static int a_again(struct dlc_link *l)
{
	l->vs = l->va;
	l->c->d->st.repeated++;
	return L_RECOVER;
}

static int a_expired(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	link_of(m)->rc = 0;
	return a_again(link_of(m));
}

static int a_expired_again(struct fsm *m, int ev, const void *arg)
{
	struct dlc_link *l = link_of(m);

	(void)ev;
	(void)arg;
	if (++l->rc < l->c->d->conf.n250)
		return a_again(l);
	l->c->d->st.no_answer++;
	return down(l, DLC_NO_ANSWER);
}

static int a_setup_rr(struct fsm *m, int ev, const void *arg)
{
	struct dlc_link *l = link_of(m);
	const struct lapc_frame *f = arg;

	(void)ev;
	if (!f->nlf || !(f->nr & 1))
		return L_SETUP;
	l->va = 1;
	l->cmd = false;
	l->up |= UP_RESET;
	return L_OPEN;
}

static int setup_expired(struct fsm *m, int ev, const void *arg)
{
	struct dlc_link *l = link_of(m);

	(void)ev;
	(void)arg;
	if (l->rc++ < l->c->d->conf.n250) {
		l->cmd = true;
		return L_SETUP;
	}
	l->c->d->st.no_answer++;
	return down(l, DLC_NO_ANSWER);
}

static int a_moved(struct fsm *m, int ev, const void *arg)
{
	struct dlc_link *l = link_of(m);

	(void)ev;
	(void)arg;
	if (l->vm != l->va)
		l->vs = l->va;
	restart_dl04(l);
	return m->st;
}

static int setup_moved(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	link_of(m)->cmd = true;
	return m->st;
}

static int released(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	return down(link_of(m), DLC_DONE);
}

/* ---- class B ---- */

static int b_set_up(struct dlc_link *l)
{
	reset(l);
	l->fresh = false;
	l->cmd = true;
	return L_SETUP;
}

static int b_ack(struct dlc_link *l, const struct lapc_frame *f)
{
	bool progress;

	if (!acknowledge(l, f->nr, &progress))
		return b_set_up(l);
	if (l->fsm.st == L_RECOVER)
		return L_RECOVER;
	if (progress)
		restart_dl04(l);
	return state_now(l);
}

static int b_i(struct fsm *m, int ev, const void *arg)
{
	struct dlc_link *l = link_of(m);
	const struct lapc_frame *f = arg;

	(void)ev;
	l->fresh = false;
	if (f->ns == l->vr) {
		l->rejecting = false;
		take(l, f);
		l->ack = true;
	} else {
		l->c->d->st.rejected++;
		if (!l->rejecting)
			l->rej = true;
		l->rejecting = true;
	}
	if (f->pf)
		l->resp_f = true;
	return b_ack(l, f);
}

/* A response with F=1 ends timer recovery: from N(R) on everything is sent again. */
static bool recovered(struct dlc_link *l, const struct lapc_frame *f)
{
	if (l->fsm.st != L_RECOVER || !f->cr || !f->pf)
		return false;
	l->vs = l->va;
	l->poll = false;
	l->rc = 0;
	return true;
}

static int b_s(struct fsm *m, int ev, const void *arg)
{
	struct dlc_link *l = link_of(m);
	const struct lapc_frame *f = arg;
	int st;

	if (!f->cr && f->pf)
		l->resp_f = true;
	l->peer_busy = ev == L_EV_RNR;
	st = b_ack(l, f);
	if (st == L_SETUP)
		return st;
	if (recovered(l, f)) {
		st = state_now(l);
		if (st == L_WAIT && m->st == L_WAIT)
			restart_dl04(l);
	} else if (ev == L_EV_REJ && m->st != L_RECOVER) {
		l->vs = l->va;
		restart_dl04(l);
	}
	return st;
}

static int b_expired(struct fsm *m, int ev, const void *arg)
{
	struct dlc_link *l = link_of(m);

	(void)ev;
	(void)arg;
	l->rc = 0;
	l->poll = true;
	l->c->d->st.repeated++;
	return L_RECOVER;
}

static int b_expired_again(struct fsm *m, int ev, const void *arg)
{
	struct dlc_link *l = link_of(m);

	(void)ev;
	(void)arg;
	if (++l->rc < l->c->d->conf.n250) {
		l->poll = true;
		l->c->d->st.repeated++;
		return L_RECOVER;
	}
	return b_set_up(l);
}

static void owe_ua(struct dlc_link *l, const struct lapc_frame *f, bool nlf)
{
	l->c->ua.due = true;
	l->c->ua.lln = l->lln;
	l->c->ua.f = f->pf;
	l->c->ua.nlf = nlf;
}

static int b_sabm(struct fsm *m, int ev, const void *arg)
{
	struct dlc_link *l = link_of(m);

	(void)ev;
	reset(l);
	l->fresh = false;
	owe_ua(l, arg, true);
	l->up |= UP_RESET;
	return FSM_NEXT;
}

/* Crossing SABM: answer it and wait for the answer to ours. */
static int b_setup_sabm(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	owe_ua(link_of(m), arg, true);
	return FSM_NEXT;
}

static int b_disc(struct fsm *m, int ev, const void *arg)
{
	struct dlc_link *l = link_of(m);

	(void)ev;
	owe_ua(l, arg, l->c->d->conf.ua_nlf);
	return down(l, m->st == L_RELEASE ? DLC_DONE : DLC_PEER);
}

static int b_setup_ua(struct fsm *m, int ev, const void *arg)
{
	struct dlc_link *l = link_of(m);

	(void)ev;
	if (!((const struct lapc_frame *)arg)->pf)
		return L_SETUP;
	l->up |= UP_RESET;
	l->cmd = false;
	return L_OPEN;
}

static int b_setup_dm(struct fsm *m, int ev, const void *arg)
{
	(void)m;
	(void)ev;
	return ((const struct lapc_frame *)arg)->pf ? down(link_of(m), DLC_PEER) : L_SETUP;
}

/* Not asked for, or instead of an answer to our enquiry: the portable part has no link any more, set it up again. */
static int b_dm(struct fsm *m, int ev, const void *arg)
{
	const struct lapc_frame *f = arg;

	(void)ev;
	return f->pf && m->st != L_RECOVER ? m->st : b_set_up(link_of(m));
}

static int b_release(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	link_of(m)->cmd = true;
	return FSM_NEXT;
}

static int b_release_answer(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	return ((const struct lapc_frame *)arg)->pf ? down(link_of(m), DLC_DONE) : L_RELEASE;
}

static int b_release_expired(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	return down(link_of(m), DLC_UNCONFIRMED);
}

/* An enquiry without need: it comes back to OPEN by the answer, or ends as after lost frames. */
static int b_probe(struct fsm *m, int ev, const void *arg)
{
	struct dlc_link *l = link_of(m);

	(void)ev;
	(void)arg;
	l->rc = 0;
	l->poll = true;
	return FSM_NEXT;
}

/* Ask where the portable part is before anything is repeated. */
static int b_moved(struct fsm *m, int ev, const void *arg)
{
	struct dlc_link *l = link_of(m);

	(void)ev;
	(void)arg;
	if (m->st == L_OPEN)
		return L_OPEN;
	l->rc = 0;
	l->poll = true;
	restart_dl04(l);
	return L_RECOVER;
}

static const struct fsm_state states_a[L_RELEASE] = {
	[L_OPEN] = { .name = "OPEN" },
	[L_WAIT] = { .name = "WAIT", .timer = "DL.04", .ms = 2000 },
	[L_RECOVER] = { .name = "RECOVER", .timer = "DL.04", .ms = 2000 },
	[L_SETUP] = { .name = "SETUP", .timer = "DL.07", .ms = 2000 },
	[L_DOWN] = { .name = "DOWN", .final = true },
};
static const struct fsm_state states_b[L_NSTATES] = {
	[L_OPEN] = { .name = "OPEN" },
	[L_WAIT] = { .name = "WAIT", .timer = "DL.04", .ms = 2000 },
	[L_RECOVER] = { .name = "RECOVER", .timer = "DL.04", .ms = 2000 },
	[L_SETUP] = { .name = "SETUP", .timer = "DL.02", .ms = 2000 },
	[L_RELEASE] = { .name = "RELEASE", .timer = "DL.00", .ms = 2000 },
	[L_DOWN] = { .name = "DOWN", .final = true },
};
static const char *const events[L_NEV] = {
	[L_EV_EST] = "I NLF",
	[L_EV_I] = "I",
	[L_EV_RR] = "RR",
	[L_EV_RNR] = "RNR",
	[L_EV_REJ] = "REJ",
	[L_EV_SABM] = "SABM",
	[L_EV_DISC] = "DISC",
	[L_EV_UA] = "UA",
	[L_EV_DM] = "DM",
	[L_EV_SENT] = "sent",
	[L_EV_RELEASE] = "release",
	[L_EV_MOVED] = "moved",
	[L_EV_PROBE] = "probe",
	[L_EV_TIMER] = "timer",
};

#define MAY_ACK (FSM_M(L_OPEN) | FSM_M(L_WAIT) | FSM_M(L_RECOVER) | FSM_M(L_SETUP) | FSM_M(L_DOWN))
#define MAY_ALL (MAY_ACK | FSM_M(L_RELEASE))

static const struct fsm_row rows_a[] = {
	{ L_OPEN, L_EV_EST, L_OPEN, MAY_ACK, establish },
	{ L_OPEN, L_EV_I, L_OPEN, MAY_ACK, a_i },
	{ L_OPEN, L_EV_RR, L_OPEN, MAY_ACK, a_rr },
	{ L_OPEN, L_EV_SENT, L_WAIT, 0, NULL },
	{ L_OPEN, L_EV_RELEASE, L_DOWN, 0, released },
	{ L_OPEN, L_EV_MOVED, L_OPEN, 0, NULL },
	{ L_WAIT, L_EV_EST, L_OPEN, MAY_ACK, establish },
	{ L_WAIT, L_EV_I, L_WAIT, MAY_ACK, a_i },
	{ L_WAIT, L_EV_RR, L_WAIT, MAY_ACK, a_rr },
	{ L_WAIT, L_EV_SENT, L_WAIT, 0, NULL },
	{ L_WAIT, L_EV_MOVED, L_WAIT, MAY_ACK, a_moved },
	{ L_WAIT, L_EV_TIMER, L_RECOVER, MAY_ACK, a_expired },
	{ L_RECOVER, L_EV_EST, L_OPEN, MAY_ACK, establish },
	{ L_RECOVER, L_EV_I, L_RECOVER, MAY_ACK, a_i },
	{ L_RECOVER, L_EV_RR, L_RECOVER, MAY_ACK, a_rr },
	{ L_RECOVER, L_EV_SENT, L_RECOVER, 0, NULL },
	{ L_RECOVER, L_EV_MOVED, L_RECOVER, MAY_ACK, a_moved },
	{ L_RECOVER, L_EV_TIMER, L_RECOVER, MAY_ACK, a_expired_again },
	{ L_SETUP, L_EV_EST, L_OPEN, MAY_ACK, establish },
	{ L_SETUP, L_EV_RR, L_SETUP, MAY_ACK, a_setup_rr },
	{ L_SETUP, L_EV_MOVED, L_SETUP, MAY_ACK, setup_moved },
	{ L_SETUP, L_EV_TIMER, L_SETUP, MAY_ACK, setup_expired },
};

#define B_LIVE(st)                                                                                 \
	{ st, L_EV_EST, st, MAY_ACK, establish }, { st, L_EV_I, st, MAY_ACK, b_i },                \
	    { st, L_EV_RR, st, MAY_ACK, b_s }, { st, L_EV_RNR, st, MAY_ACK, b_s },                 \
	    { st, L_EV_REJ, st, MAY_ACK, b_s }, { st, L_EV_SABM, L_OPEN, 0, b_sabm },              \
	    { st, L_EV_DISC, L_DOWN, MAY_ALL, b_disc }, { st, L_EV_DM, st, MAY_ALL, b_dm },        \
	{                                                                                          \
		st, L_EV_MOVED, st, MAY_ACK, b_moved                                               \
	}

static const struct fsm_row rows_b[] = {
	B_LIVE(L_OPEN),
	{ L_OPEN, L_EV_SENT, L_WAIT, 0, NULL },
	{ L_OPEN, L_EV_RELEASE, L_RELEASE, 0, b_release },
	{ L_OPEN, L_EV_PROBE, L_RECOVER, 0, b_probe },
	B_LIVE(L_WAIT),
	{ L_WAIT, L_EV_SENT, L_WAIT, 0, NULL },
	{ L_WAIT, L_EV_TIMER, L_RECOVER, MAY_ACK, b_expired },
	B_LIVE(L_RECOVER),
	{ L_RECOVER, L_EV_TIMER, L_RECOVER, MAY_ACK, b_expired_again },
	{ L_SETUP, L_EV_EST, L_OPEN, MAY_ACK, establish },
	{ L_SETUP, L_EV_UA, L_OPEN, MAY_ACK, b_setup_ua },
	{ L_SETUP, L_EV_DM, L_SETUP, MAY_ACK, b_setup_dm },
	{ L_SETUP, L_EV_SABM, L_SETUP, 0, b_setup_sabm },
	{ L_SETUP, L_EV_DISC, L_DOWN, MAY_ALL, b_disc },
	{ L_SETUP, L_EV_MOVED, L_SETUP, MAY_ACK, setup_moved },
	{ L_SETUP, L_EV_TIMER, L_SETUP, MAY_ACK, setup_expired },
	{ L_RELEASE, L_EV_UA, L_RELEASE, MAY_ALL, b_release_answer },
	{ L_RELEASE, L_EV_DM, L_RELEASE, MAY_ALL, b_release_answer },
	{ L_RELEASE, L_EV_DISC, L_DOWN, MAY_ALL, b_disc },
	{ L_RELEASE, L_EV_MOVED, L_RELEASE, MAY_ALL, setup_moved },
	{ L_RELEASE, L_EV_TIMER, L_DOWN, MAY_ALL, b_release_expired },
};

const struct fsm_def lapc_a_def = {
	.name = "lapc-a",
	.states = states_a,
	.nstates = L_RELEASE,
	.rows = rows_a,
	.nrows = ARRAY_LEN(rows_a),
	.ev_names = events,
	.nev = L_NEV,
	.ev_timer = L_EV_TIMER,
	.fail = L_DOWN,
};
const struct fsm_def lapc_b_def = {
	.name = "lapc-b",
	.states = states_b,
	.nstates = L_NSTATES,
	.rows = rows_b,
	.nrows = ARRAY_LEN(rows_b),
	.ev_names = events,
	.nev = L_NEV,
	.ev_timer = L_EV_TIMER,
	.fail = L_DOWN,
};

static void timer_start(struct fsm *m, uint32_t ms)
{
	struct dlc_link *l = link_of(m);
	const struct dlc_conf *c = &l->c->d->conf;

	(void)ms;
	tmr_start(&l->t, m->st == L_SETUP     ? l->cls == DLC_A ? c->dl07 : c->dl02
	                 : m->st == L_RELEASE ? c->dl00
	                                      : c->dl04);
}

static void timer_stop(struct fsm *m)
{
	tmr_stop(&link_of(m)->t);
}

static void moved(struct fsm *m, int from, int ev, int to)
{
	(void)from;
	(void)ev;
	if (to < 0)
		link_of(m)->c->d->st.invalid++;
}

static void done(struct fsm *m)
{
	(void)m; /* dlc.c makes the upcall and frees */
}

const struct fsm_env lapc_env = { timer_start, timer_stop, moved, done };
