/* Data link control: connections and links, queues, what goes out when, upcalls. */
#include "dectd/dlc.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/dlc_priv.h"

#define K_B       3
#define EKS_MS    2000 /* moved while ciphered: the new base tells that it ciphers within this */
#define FLUSH_MS  300
#define SAPI_CO   0
#define LLN_U     0
#define LLN_A     1
#define LLN_B_MIN 2
#define LLN_B_MAX 6

const struct dlc_conf dlc_conf_default = {
	.dl00 = 2000,
	.dl02 = 2000,
	.dl04 = 2000,
	.dl07 = 2000,
	.n250 = 3,
	.x_first = 10000,
	.x_after = 1000,
};

const char *dlc_why_name(enum dlc_why why)
{
	static const char *const names[] = { "released by the portable part", "released",
		"release not confirmed", "no answer", "radio contact lost", "base station lost",
		"protocol error", "connection replaced" };

	return names[why];
}

/* ---- ends ---- */

static void free_link(struct dlc_link *l)
{
	LIST_FOREACH(&l->queue, it)
	{
		struct dlc_msg *m = LIST_ENTRY(it, struct dlc_msg, node);

		list_remove(it);
		mem_free_wiped(m, sizeof(*m) + m->n);
	}
	tmr_stop(&l->t);
	l->c->link = NULL;
	mem_free_wiped(l, sizeof(*l));
}

static void free_conn(struct dlc_conn *c)
{
	list_remove(&c->node);
	tmr_stop(&c->guard);
	tmr_stop(&c->soon);
	tmr_stop(&c->hold_t);
	if (!c->gone)
		mac_conn_set_user(c->mc, NULL);
	free(c);
}

static void drop_conn(struct dlc_conn *c)
{
	struct mac_conn *mc = c->mc;
	bool gone = c->gone;

	if (c->link)
		free_link(c->link);
	free_conn(c);
	if (!gone)
		mac_release(mc);
}

/* After a link's end: whether the connection may stay for a moment (its last frame has to go out, and the portable part
 * releases it itself). */
static bool stays(const struct dlc_conn *c, enum dlc_why why)
{
	return !c->gone && (why == DLC_PEER || c->ua.due);
}

/* ---- upcalls ---- */

static void up_data(struct dlc_link *l)
{
	struct dlc *d = l->c->d;
	uint8_t msg[DLC_MSG_MAX];
	size_t n = l->in_n;

	memcpy(msg, l->in, n);
	l->in_n = 0;
	d->st.rx_msgs++;
	d->ops->data_ind(d->ctx, l, msg, n, false);
	mem_wipe(msg, n);
}

/* One upcall that is owed; false: none. */
static bool upcall(struct dlc_link *l)
{
	struct dlc *d = l->c->d;

	if (l->up & UP_ESTABLISH) {
		l->up &= ~(unsigned)UP_ESTABLISH;
		if (l->cls == DLC_A)
			d->st.links_a++;
		else
			d->st.links_b++;
		d->ops->establish_ind(d->ctx, l);
	} else if (l->up & UP_RESET) {
		l->up &= ~(unsigned)UP_RESET;
		d->st.resets++;
		d->ops->reset_ind(d->ctx, l);
	} else if (l->up & UP_DATA) {
		l->up &= ~(unsigned)UP_DATA;
		up_data(l);
	} else if (l->up & UP_IDLE) {
		l->up &= ~(unsigned)UP_IDLE;
		d->ops->idle_ind(d->ctx, l);
	} else {
		return false;
	}
	return true;
}

static void note_idle(struct dlc_link *l)
{
	bool idle = dlc_idle(l);

	if (idle && !l->was_idle)
		l->up |= UP_IDLE;
	l->was_idle = idle;
	if (idle && l->want_release && l->fsm.st == L_OPEN && !(l->up & ~(unsigned)UP_RELEASE))
		(void)fsm_event(&l->fsm, L_EV_RELEASE, NULL);
}

/* Its last frames have left the base station's buffers, or had the time to. */
static void close_conn(struct dlc_conn *c)
{
	c->closing = true;
	tmr_start(&c->guard, FLUSH_MS);
}

/* Makes upcalls, sends, ends: until nothing is left to do. false: c is gone. */
static bool finish(struct dlc_conn *c)
{
	struct dlc *d = c->d;
	struct dlc_link *l = c->link;
	enum dlc_why why;

	c->busy = true;
	while (l && !l->dead && l->up & ~(unsigned)UP_RELEASE) {
		if (upcall(l) && !l->dead && !(l->up & (UP_ESTABLISH | UP_RESET | UP_DATA))) {
			dlc_pump(c);
			note_idle(l);
		}
	}
	dlc_pump(c);
	if (l && !l->dead) {
		note_idle(l);
		dlc_pump(c);
		if (l->up & UP_IDLE && !(l->up & UP_RELEASE)) {
			l->up &= ~(unsigned)UP_IDLE;
			d->ops->idle_ind(d->ctx, l);
			dlc_pump(c);
			if (!l->dead)
				note_idle(l);
			dlc_pump(c);
		}
	}
	if (l && l->dead) {
		drop_conn(c);
		return false;
	}
	if (l && l->up & UP_RELEASE) {
		why = l->why;
		d->ops->release_ind(d->ctx, l, why);
		free_link(l);
		if (stays(c, why)) {
			tmr_start(&c->guard, d->conf.x_after);
		} else if (why == DLC_DONE && !c->gone && mac_room(c->mc) < MAC_BUFFERS) {
			close_conn(c);
		} else {
			drop_conn(c);
			return false;
		}
	}
	c->busy = false;
	return true;
}

static void soon(struct tmr *t, void *ctx)
{
	(void)t;
	(void)finish(ctx);
}

static void guard_late(struct tmr *t, void *ctx)
{
	struct dlc_conn *c = ctx;

	(void)t;
	if (!c->link)
		drop_conn(c);
}

static void link_timer(struct tmr *t, void *ctx)
{
	struct dlc_link *l = ctx;

	(void)t;
	(void)fsm_event(&l->fsm, L_EV_TIMER, NULL);
	(void)finish(l->c);
}

static void hold_late(struct tmr *t, void *ctx)
{
	struct dlc_conn *c = ctx;

	(void)t;
	log_ev(LOG_WARNING, "base station did not tell that it ciphers after a handover: going on",
	    F_RFP(mac_conn_base(c->mc)));
	c->hold = false;
	(void)finish(c);
}

/* ---- from the MAC ---- */

static struct dlc_conn *conn_of(struct mac_conn *mc)
{
	return mac_conn_user(mc);
}

static void conn_ind(void *ctx, struct mac_conn *mc)
{
	struct dlc *d = ctx;
	struct dlc_conn *c = mem_new(sizeof(*c));

	c->d = d;
	c->mc = mc;
	tmr_init(&c->guard, d->w, guard_late, c);
	tmr_init(&c->soon, d->w, soon, c);
	tmr_init(&c->hold_t, d->w, hold_late, c);
	mac_conn_set_user(mc, c);
	list_append(&d->conns, &c->node);
	d->st.conns++;
	tmr_start(&c->guard, d->conf.x_first);
}

static void new_link(struct dlc_conn *c, uint8_t lln)
{
	struct dlc_link *l = mem_new(sizeof(*l));
	bool a = lln == LLN_A;

	l->c = c;
	l->cls = a ? DLC_A : DLC_B;
	l->lln = lln;
	l->mod = a ? 2 : 8;
	l->k = a ? 1 : K_B;
	l->was_idle = true;
	list_init(&l->queue);
	tmr_init(&l->t, c->d->w, link_timer, l);
	fsm_init(&l->fsm, a ? &lapc_a_def : &lapc_b_def, &lapc_env, L_OPEN);
	l->up = UP_ESTABLISH;
	c->link = l;
	c->closing = false;
	tmr_stop(&c->guard);
}

static int event_of(const struct lapc_frame *f)
{
	static const uint8_t ev[] = {
		[LAPC_I] = L_EV_I,
		[LAPC_RR] = L_EV_RR,
		[LAPC_RNR] = L_EV_RNR,
		[LAPC_REJ] = L_EV_REJ,
		[LAPC_SABM] = L_EV_SABM,
		[LAPC_DM] = L_EV_DM,
		[LAPC_DISC] = L_EV_DISC,
		[LAPC_UA] = L_EV_UA,
	};

	return f->kind == LAPC_I && f->nlf ? L_EV_EST : ev[f->kind];
}

static bool individual(uint8_t lln)
{
	return lln >= LLN_A && lln <= LLN_B_MAX;
}

/* A frame for a link that is not there. */
static void stray(struct dlc_conn *c, const struct lapc_frame *f)
{
	if (f->lln < LLN_B_MIN) {
		c->d->st.invalid++;
		return;
	}
	if (f->kind == LAPC_DISC) {
		/* Our UA was lost. */
		c->ua.due = true;
		c->ua.lln = f->lln;
		c->ua.f = f->pf;
		c->ua.nlf = c->d->conf.ua_nlf;
	} else if (f->kind == LAPC_SABM || (!f->cr && (f->kind <= LAPC_REJ))) {
		c->dm.due = true;
		c->dm.lln = f->lln;
		c->dm.f = f->pf;
	}
}

static void unit(struct dlc_conn *c, const struct lapc_frame *f)
{
	struct dlc *d = c->d;

	if (!c->link || !f->n || f->more) {
		d->st.invalid++;
		return;
	}
	c->busy = true;
	d->st.rx_msgs++;
	d->ops->data_ind(d->ctx, c->link, f->info, f->n, true);
}

static void frame_ind(void *ctx, struct mac_conn *mc, const uint8_t *frame, size_t n)
{
	struct dlc *d = ctx;
	struct dlc_conn *c = conn_of(mc);
	struct lapc_frame f;

	if (!c)
		return;
	d->st.rx_frames++;
	if (lapc_parse(frame, n, &f) != 0) {
		d->st.invalid++;
		return;
	}
	if (f.kind == LAPC_UI) {
		unit(c, &f);
		(void)finish(c);
		return;
	}
	if (f.sapi != SAPI_CO || !individual(f.lln) || (f.kind == LAPC_I && f.nlf && f.ns)) {
		d->st.invalid++;
		return;
	}
	if (event_of(&f) == L_EV_EST && c->link && c->link->lln != f.lln) {
		/* The portable part chose another link: the one before is over. */
		c->link->why = DLC_PEER;
		c->link->up = UP_RELEASE;
		if (!finish(c))
			return;
	}
	if (event_of(&f) == L_EV_EST && !c->link)
		new_link(c, f.lln);
	if (c->link && c->link->lln == f.lln)
		(void)fsm_event(&c->link->fsm, (uint8_t)event_of(&f), &f);
	else
		stray(c, &f);
	(void)finish(c);
}

static void ready_ind(void *ctx, struct mac_conn *mc)
{
	struct dlc_conn *c = conn_of(mc);

	(void)ctx;
	if (!c || !finish(c))
		return;
	if (c->closing && mac_room(mc) == MAC_BUFFERS)
		drop_conn(c);
}

static enum dlc_why why_of(enum mac_reason r)
{
	switch (r) {
	case MAC_R_NORMAL:
		return DLC_PEER;
	case MAC_R_BASE_LOST:
		return DLC_BASE_LOST;
	case MAC_R_STALE:
		return DLC_REPLACED;
	default:
		return DLC_RADIO_LOST;
	}
}

static void dis_ind(void *ctx, struct mac_conn *mc, enum mac_reason why)
{
	struct dlc_conn *c = conn_of(mc);
	struct dlc_link *l = c ? c->link : NULL;

	(void)ctx;
	if (!c)
		return;
	if (l) {
		l->why = l->fsm.st == L_RELEASE ? DLC_DONE : why_of(why);
		l->up = (l->up & UP_ESTABLISH) | UP_RELEASE;
	}
	c->gone = true;
	c->ua.due = false;
	if (finish(c))
		drop_conn(c);
}

static void moved_ind(void *ctx, struct mac_conn *mc, uint32_t old_base)
{
	struct dlc *d = ctx;
	struct dlc_conn *c = conn_of(mc);

	if (!c)
		return;
	/* In encrypted mode nothing is sent before the new base ciphers (9.2.7.3). */
	c->hold = mac_ciphered(mc);
	if (c->hold)
		tmr_start(&c->hold_t, EKS_MS);
	if (c->link) {
		(void)fsm_event(&c->link->fsm, L_EV_MOVED, NULL);
		c->busy = true;
		d->ops->moved_ind(d->ctx, c->link, old_base);
	}
	(void)finish(c);
}

static void cipher_ind(void *ctx, struct mac_conn *mc, enum mac_cipher how, unsigned key)
{
	struct dlc *d = ctx;
	struct dlc_conn *c = conn_of(mc);

	if (!c)
		return;
	c->hold = false;
	tmr_stop(&c->hold_t);
	c->busy = true;
	if (c->link)
		d->ops->cipher_ind(d->ctx, c->link, how, key);
	(void)finish(c);
}

static int handover_ask(void *ctx, struct mac_conn *mc, uint32_t base)
{
	struct dlc *d = ctx;
	struct dlc_conn *c = conn_of(mc);
	int err = ERR_STATE;

	if (!c || !c->link || c->busy)
		return err;
	c->busy = true;
	err = d->ops->handover_ask(d->ctx, c->link, base);
	c->busy = false;
	/* The MAC still works with this connection: the rest later. */
	tmr_start(&c->soon, 0);
	return c->link->dead ? ERR_STATE : err;
}

static void handover_failed(void *ctx, struct mac_conn *mc, uint32_t base)
{
	struct dlc *d = ctx;
	struct dlc_conn *c = conn_of(mc);

	if (!c || !c->link)
		return;
	c->busy = true;
	d->ops->handover_failed(d->ctx, c->link, base);
	(void)finish(c);
}

static void media_ind(void *ctx, struct mac_conn *mc, const struct mac_media_ind *ind)
{
	struct dlc *d = ctx;
	struct dlc_conn *c = conn_of(mc);

	if (!c || !c->link)
		return;
	c->busy = true;
	d->ops->media_ind(d->ctx, c->link, ind);
	(void)finish(c);
}

static void base_ind(void *ctx, uint32_t base, bool up)
{
	struct dlc *d = ctx;

	d->ops->base_ind(d->ctx, base, up);
}

static void page_overflow(void *ctx, uint32_t base)
{
	struct dlc *d = ctx;

	d->ops->page_overflow(d->ctx, base);
}

static void info_ind(void *ctx, uint32_t base, uint32_t pmid, const char *text)
{
	struct dlc *d = ctx;

	d->ops->info_ind(d->ctx, base, pmid, text);
}

static const struct mac_ops mac_ops = { conn_ind, frame_ind, ready_ind, dis_ind, cipher_ind,
	handover_ask, moved_ind, handover_failed, media_ind, base_ind, page_overflow, info_ind };

/* ---- from above ---- */

struct dlc *dlc_new(struct tmr_wheel *w, struct mac *mac, const struct dlc_conf *conf,
    const struct dlc_ops *ops, void *ctx)
{
	struct dlc *d = mem_new(sizeof(*d));

	d->w = w;
	d->mac = mac;
	d->conf = conf ? *conf : dlc_conf_default;
	d->ops = ops;
	d->ctx = ctx;
	list_init(&d->conns);
	mac_set_ops(mac, &mac_ops, d);
	return d;
}

/* What the MAC gets when nobody is above it. */
static void no_conn(void *ctx, struct mac_conn *mc)
{
	(void)ctx;
	mac_release(mc);
}
static void no_frame(void *ctx, struct mac_conn *mc, const uint8_t *frame, size_t n)
{
	(void)ctx;
	(void)mc;
	(void)frame;
	(void)n;
}
static void no_ready(void *ctx, struct mac_conn *mc)
{
	(void)ctx;
	(void)mc;
}
static void no_dis(void *ctx, struct mac_conn *mc, enum mac_reason why)
{
	(void)ctx;
	(void)mc;
	(void)why;
}
static void no_cipher(void *ctx, struct mac_conn *mc, enum mac_cipher how, unsigned key)
{
	(void)ctx;
	(void)mc;
	(void)how;
	(void)key;
}
static int no_handover(void *ctx, struct mac_conn *mc, uint32_t base)
{
	(void)ctx;
	(void)mc;
	(void)base;
	return ERR_STATE;
}
static void no_base_of(void *ctx, struct mac_conn *mc, uint32_t base)
{
	(void)ctx;
	(void)mc;
	(void)base;
}
static void no_media(void *ctx, struct mac_conn *mc, const struct mac_media_ind *ind)
{
	(void)ctx;
	(void)mc;
	(void)ind;
}
static void no_base(void *ctx, uint32_t base, bool up)
{
	(void)ctx;
	(void)base;
	(void)up;
}
static void no_overflow(void *ctx, uint32_t base)
{
	(void)ctx;
	(void)base;
}
static void no_info(void *ctx, uint32_t base, uint32_t pmid, const char *text)
{
	(void)ctx;
	(void)base;
	(void)pmid;
	(void)text;
}
static const struct mac_ops nobody = { no_conn, no_frame, no_ready, no_dis, no_cipher, no_handover,
	no_base_of, no_base_of, no_media, no_base, no_overflow, no_info };

void dlc_free(struct dlc *d)
{
	if (!d)
		return;
	while (!list_empty(&d->conns))
		drop_conn(LIST_ENTRY(d->conns.next, struct dlc_conn, node));
	mac_set_ops(d->mac, &nobody, NULL);
	free(d);
}

const struct dlc_stats *dlc_stats(const struct dlc *d)
{
	return &d->st;
}

static void enqueue(struct dlc_link *l, const void *msg, size_t n)
{
	struct dlc_msg *m = mem_new(sizeof(*m) + n);

	m->n = (uint16_t)n;
	if (n)
		memcpy(m->data, msg, n);
	list_append(&l->queue, &m->node);
	l->queued++;
	l->was_idle = false;
	/* In an upcall the frames go out after it; otherwise now. */
	if (!l->c->busy)
		dlc_pump(l->c);
}

int dlc_send(struct dlc_link *l, const void *msg, size_t n)
{
	if (n == 0 || n > DLC_MSG_MAX)
		return ERR_LIMIT;
	if (l->want_release || l->dead || l->up & UP_RELEASE || l->fsm.st >= L_DOWN)
		return ERR_STATE;
	if (l->queued == DLC_QUEUE_MAX)
		return ERR_BUSY;
	enqueue(l, msg, n);
	return 0;
}

void dlc_probe(struct dlc_link *l)
{
	if (!dlc_idle(l) || l->fsm.st != L_OPEN || l->want_release || l->dead)
		return;
	if (l->cls == DLC_A) {
		enqueue(l, NULL, 0);
		return;
	}
	(void)fsm_event(&l->fsm, L_EV_PROBE, NULL);
	if (!l->c->busy)
		dlc_pump(l->c);
}

void dlc_release(struct dlc_link *l)
{
	l->want_release = true;
	if (!l->c->busy)
		tmr_start(&l->c->soon, 0);
}

void dlc_abort(struct dlc_link *l)
{
	struct dlc_conn *c = l->c;

	l->dead = true;
	if (!c->busy)
		drop_conn(c);
}

struct mac_conn *dlc_conn(const struct dlc_link *l)
{
	return l->c->gone ? NULL : l->c->mc;
}

enum dlc_class dlc_class_of(const struct dlc_link *l)
{
	return l->cls;
}

bool dlc_idle(const struct dlc_link *l)
{
	return list_empty(&l->queue) && l->vm == l->va && l->fsm.st != L_SETUP;
}

void dlc_set_user(struct dlc_link *l, void *user)
{
	l->user = user;
}

void *dlc_user(const struct dlc_link *l)
{
	return l->user;
}
