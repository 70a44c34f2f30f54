/* Link control entity: links and their states, who is behind them, routing to the entities. */
#include "dectd/lce.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/lce_priv.h"
#include "dectd/nwk_ie.h"

const struct lce_conf lce_conf_default = {
	.lce01 = 5000,
	.lce02 = 5000,
	.lce03 = 3000,
	.lce05 = 5000,
	.n300 = 3,
	.group_ring = 120000,
};

const char *lce_why_name(enum lce_why why)
{
	static const char *const names[] = { "normal", "not reachable", "radio contact lost",
		"base station lost", "protocol error", "replaced", "released here",
		"no such portable part" };

	return names[why];
}

static struct lce_link *link_of(struct fsm *m)
{
	return CONTAINER_OF(m, struct lce_link, fsm);
}

/* ---- telling the entities ---- */

void lce_tell(struct lce_link *l, const struct lce_event *ev)
{
	struct lce *e = l->e;

	if (!l->announced)
		return;
	for (unsigned pd = 0; pd < NWK_NPD; pd++)
		if (e->ents[pd] && e->ents[pd]->event)
			e->ents[pd]->event(e->ent_ctx[pd], l, ev);
}

void lce_trace_msg(struct lce_link *l, enum nwk_dir dir, const void *msg, size_t n)
{
	if (l->e->watch && l->e->watch->trace)
		l->e->watch->trace(l->e->watch_ctx, l, dir, msg, n);
}

static void drop_queue(struct lce_link *l)
{
	LIST_FOREACH(&l->queue, it)
	{
		struct lce_queued *q = LIST_ENTRY(it, struct lce_queued, node);

		list_remove(it);
		mem_free_wiped(q, sizeof(*q) + q->n);
	}
	l->queued = 0;
}

void lce_free_link(struct lce_link *l)
{
	tmr_stop(&l->t);
	tmr_stop(&l->soon);
	drop_queue(l);
	map_del(&l->e->by_ipui, &l->by_id);
	list_remove(&l->node);
	list_remove(&l->rel);
	free(l);
}

/* Who waits for this one's end is paged when the portable part has had the time to leave its connection: until then it
 * does not listen to pages (14.2.3, PP side). */
#define PAGE_AFTER_MS 150
static void wake_waiting(struct lce *e, const struct ipui *pp)
{
	struct map_node *n = map_get(&e->by_ipui, ipui_key(pp));
	struct lce_link *l = n ? CONTAINER_OF(n, struct lce_link, by_id) : NULL;

	if (l && l->fsm.st == S_WAIT)
		tmr_start(&l->soon, PAGE_AFTER_MS);
}

static void bury(struct lce_link *l)
{
	struct lce *e = l->e;
	struct ipui pp = l->ipui;

	if (l->why == LCE_WHY_NORMAL || l->why == LCE_WHY_LOCAL)
		e->st.down_normal++;
	else
		e->st.down_abnormal++;
	lce_tell(l, &(struct lce_event){ .what = LCE_EV_DOWN, .why = l->why });
	lce_free_link(l);
	if (ipui_none(&pp))
		return;
	l = lce_find(e, &pp) ? NULL : lce_second_of(e, &pp);
	if (l)
		lce_take_over(l);
	wake_waiting(e, &pp);
}

static void soon(struct tmr *t, void *ctx)
{
	struct lce_link *l = ctx;

	(void)t;
	if (l->fsm.st == S_WAIT)
		(void)fsm_event(&l->fsm, E_PAGE, NULL);
	else if (l->fsm.st == S_DOWN)
		bury(l);
}

/* ---- states ---- */

static int start_paging(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	return lce_page_next(link_of(m)) ? S_PAGING : S_DOWN;
}

static int page_again(struct fsm *m, int ev, const void *arg)
{
	struct lce_link *l = link_of(m);

	(void)ev;
	(void)arg;
	if (lce_page_next(l))
		return S_PAGING;
	if (l->why != LCE_WHY_UNKNOWN_PP)
		l->why = LCE_WHY_UNREACHABLE;
	l->e->st.page_failed++;
	return S_DOWN;
}

static int cancel(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	link_of(m)->why = LCE_WHY_LOCAL;
	return FSM_NEXT;
}

/* Drops the data link without a word. */
static int abort_dl(struct fsm *m, int ev, const void *arg)
{
	struct lce_link *l = link_of(m);

	(void)ev;
	(void)arg;
	if (l->dl) {
		dlc_set_user(l->dl, NULL);
		dlc_abort(l->dl);
		l->dl = NULL;
	}
	return FSM_NEXT;
}

static int expired(struct fsm *m, int ev, const void *arg)
{
	struct lce_link *l = link_of(m);

	l->why = m->st == S_NEW ? LCE_WHY_PROTOCOL : LCE_WHY_NORMAL;
	return abort_dl(m, ev, arg);
}

static int release_dl(struct fsm *m, int ev, const void *arg)
{
	struct lce_link *l = link_of(m);

	(void)ev;
	(void)arg;
	l->why = LCE_WHY_NORMAL;
	map_del(&l->e->by_ipui, &l->by_id);
	list_append(&l->e->releasing, &l->rel);
	dlc_release(l->dl);
	return FSM_NEXT;
}

/* A message or a new partial release starts LCE.02 from the beginning. */
static int linger(struct fsm *m, int ev, const void *arg)
{
	struct lce_link *l = link_of(m);

	(void)ev;
	(void)arg;
	if (m->st == S_LINGER)
		tmr_start(&l->t, l->e->conf.lce02);
	return FSM_NEXT;
}

static const struct fsm_state states[S_NSTATES] = {
	[S_WAIT] = { .name = "WAIT" },
	[S_PAGING] = { .name = "ESTABLISH-PENDING", .timer = "LCE.03", .ms = 3000 },
	[S_NEW] = { .name = "NEW", .timer = "LCE.05", .ms = 5000 },
	[S_UP] = { .name = "ESTABLISHED" },
	/* PP: who hangs up may call again at once. Its CC-SETUP would cross with our release and be lost with the link. */
	[S_OVER] = { .name = "CALL-OVER", .timer = "X-over", .ms = 300 },
	[S_LINGER] = { .name = "PARTIAL-RELEASE", .timer = "LCE.02", .ms = 5000 },
	[S_RELEASING] = { .name = "RELEASE-PENDING", .timer = "LCE.01", .ms = 5000 },
	[S_DOWN] = { .name = "RELEASED", .final = true },
};
static const char *const events[E_N] = {
	[E_PAGE] = "page",
	[E_BOUND] = "bound",
	[E_HELD] = "held",
	[E_FREE] = "partial",
	[E_DONE] = "done",
	[E_OVER] = "call over",
	[E_TRAFFIC] = "message",
	[E_GONE] = "DL_RELEASE-ind",
	[E_ABORT] = "abort",
	[E_TIMER] = "timer",
};
static const struct fsm_row rows[] = {
	{ S_WAIT, E_PAGE, S_PAGING, FSM_M(S_DOWN), start_paging },
	{ S_WAIT, E_BOUND, S_UP, 0, NULL },
	{ S_WAIT, E_HELD, S_WAIT, 0, NULL },
	{ S_WAIT, E_FREE, S_DOWN, 0, cancel },
	{ S_WAIT, E_DONE, S_DOWN, 0, cancel },
	{ S_WAIT, E_OVER, S_DOWN, 0, cancel },
	{ S_WAIT, E_ABORT, S_DOWN, 0, NULL },
	{ S_PAGING, E_BOUND, S_UP, 0, NULL },
	{ S_PAGING, E_HELD, S_PAGING, 0, NULL },
	{ S_PAGING, E_FREE, S_DOWN, 0, cancel },
	{ S_PAGING, E_DONE, S_DOWN, 0, cancel },
	{ S_PAGING, E_OVER, S_DOWN, 0, cancel },
	{ S_PAGING, E_ABORT, S_DOWN, 0, NULL },
	{ S_PAGING, E_TIMER, S_PAGING, FSM_M(S_DOWN), page_again },
	{ S_NEW, E_BOUND, S_LINGER, 0, NULL },
	{ S_NEW, E_HELD, S_NEW, 0, NULL },
	{ S_NEW, E_FREE, S_NEW, 0, NULL },
	{ S_NEW, E_TRAFFIC, S_NEW, 0, NULL },
	{ S_NEW, E_DONE, S_RELEASING, 0, release_dl },
	{ S_NEW, E_OVER, S_RELEASING, 0, release_dl },
	{ S_NEW, E_GONE, S_DOWN, 0, NULL },
	{ S_NEW, E_ABORT, S_DOWN, 0, abort_dl },
	{ S_NEW, E_TIMER, S_DOWN, 0, expired },
	{ S_UP, E_HELD, S_UP, 0, NULL },
	{ S_UP, E_FREE, S_LINGER, 0, NULL },
	{ S_UP, E_TRAFFIC, S_UP, 0, NULL },
	{ S_UP, E_DONE, S_RELEASING, 0, release_dl },
	{ S_UP, E_OVER, S_OVER, 0, NULL },
	{ S_UP, E_GONE, S_DOWN, 0, NULL },
	{ S_UP, E_ABORT, S_DOWN, 0, abort_dl },
	{ S_OVER, E_HELD, S_UP, 0, NULL },
	{ S_OVER, E_FREE, S_LINGER, 0, NULL },
	{ S_OVER, E_TRAFFIC, S_OVER, 0, NULL },
	{ S_OVER, E_DONE, S_RELEASING, 0, release_dl },
	{ S_OVER, E_GONE, S_DOWN, 0, NULL },
	{ S_OVER, E_ABORT, S_DOWN, 0, abort_dl },
	{ S_OVER, E_TIMER, S_RELEASING, 0, release_dl },
	{ S_LINGER, E_HELD, S_UP, 0, NULL },
	{ S_LINGER, E_FREE, S_LINGER, 0, linger },
	{ S_LINGER, E_TRAFFIC, S_LINGER, 0, linger },
	{ S_LINGER, E_DONE, S_RELEASING, 0, release_dl },
	{ S_LINGER, E_GONE, S_DOWN, 0, NULL },
	{ S_LINGER, E_ABORT, S_DOWN, 0, abort_dl },
	{ S_LINGER, E_TIMER, S_DOWN, 0, expired },
	{ S_RELEASING, E_HELD, S_RELEASING, 0, NULL },
	{ S_RELEASING, E_FREE, S_RELEASING, 0, NULL },
	{ S_RELEASING, E_DONE, S_RELEASING, 0, NULL },
	{ S_RELEASING, E_OVER, S_RELEASING, 0, NULL },
	{ S_RELEASING, E_TRAFFIC, S_RELEASING, 0, NULL },
	{ S_RELEASING, E_GONE, S_DOWN, 0, NULL },
	{ S_RELEASING, E_ABORT, S_DOWN, 0, abort_dl },
	{ S_RELEASING, E_TIMER, S_DOWN, 0, abort_dl },
};
const struct fsm_def lce_def = {
	.name = "lce",
	.states = states,
	.nstates = S_NSTATES,
	.rows = rows,
	.nrows = ARRAY_LEN(rows),
	.ev_names = events,
	.nev = E_N,
	.ev_timer = E_TIMER,
	.fail = S_DOWN,
};

static void env_start(struct fsm *m, uint32_t ms)
{
	struct lce_link *l = link_of(m);
	const struct lce_conf *c = &l->e->conf;

	tmr_start(&l->t, m->st == S_PAGING   ? c->lce03
	                 : m->st == S_NEW    ? c->lce05
	                 : m->st == S_LINGER ? c->lce02
	                 : m->st == S_OVER   ? ms
	                                     : c->lce01);
}

static void env_stop(struct fsm *m)
{
	tmr_stop(&link_of(m)->t);
}

static void env_moved(struct fsm *m, int from, int ev, int to)
{
	(void)m;
	(void)from;
	(void)ev;
	(void)to;
}

static void env_done(struct fsm *m)
{
	struct lce_link *l = link_of(m);

	map_del(&l->e->by_ipui, &l->by_id);
	if (l->e->local)
		tmr_start(&l->soon, 0);
	else
		bury(l);
}

static const struct fsm_env env = { env_start, env_stop, env_moved, env_done };

static void link_timer(struct tmr *t, void *ctx)
{
	struct lce_link *l = ctx;

	(void)t;
	(void)fsm_event(&l->fsm, E_TIMER, NULL);
}

static struct lce_link *new_link(struct lce *e, uint8_t st)
{
	struct lce_link *l = mem_new(sizeof(*l));

	l->e = e;
	l->id = ++e->next_id;
	list_init(&l->queue);
	list_init(&l->rel);
	list_append(&e->links, &l->node);
	tmr_init(&l->t, e->w, link_timer, l);
	tmr_init(&l->soon, e->w, soon, l);
	l->why = LCE_WHY_LOCAL;
	fsm_init(&l->fsm, &lce_def, &env, st);
	return l;
}

/* What an entity's call causes: its LCE_EV_DOWN comes from the loop. */
void lce_local_event(struct lce_link *l, uint8_t ev)
{
	bool before = l->e->local;

	l->e->local = true;
	(void)fsm_event(&l->fsm, ev, NULL);
	l->e->local = before;
}

bool lce_is_held(const struct lce_link *l)
{
	for (unsigned i = 0; i < NWK_NPD; i++)
		if (l->holds[i])
			return true;
	return false;
}

/* ---- sending ---- */

static void check_sent(struct lce_link *l, const uint8_t *p, size_t n)
{
	struct nwk_msg m;
	struct nwk_fault f = { 0 }; /* stays so where it does not even parse */

	if (nwk_parse(p, n, NWK_TO_PP, &m) == 0 && nwk_check_strict(&m, &f) == 0)
		return;
	l->e->st.tx_odd++;
	log_ev(LOG_INFO, "message sent against its rule table",
	    F_TEXT("IPDECT_MSG", nwk_type_name(p[0] & 15, n > 1 ? p[1] : 0)),
	    F_TEXT("IPDECT_IE", nwk_ie_name(f.id)));
}

static int send_now(struct lce_link *l, const uint8_t *p, size_t n)
{
	int err = dlc_send(l->dl, p, n);

	if (err)
		return err;
	l->e->st.tx++;
	check_sent(l, p, n);
	lce_trace_msg(l, NWK_TO_PP, p, n);
	(void)fsm_event(&l->fsm, E_TRAFFIC, NULL);
	return 0;
}

static int enqueue(struct lce_link *l, const struct wr *w)
{
	struct lce_queued *q;

	if (l->queued == LCE_QUEUE_MAX)
		return ERR_BUSY;
	q = mem_new(sizeof(*q) + w->n);
	q->n = w->n;
	memcpy(q->data, w->p, w->n);
	list_append(&l->queue, &q->node);
	l->queued++;
	return 0;
}

int lce_send(struct lce_link *l, const struct wr *w)
{
	if (w->bad || w->n < 2 || w->n > NWK_MAX)
		return ERR_LIMIT;
	switch (l->fsm.st) {
	case S_WAIT:
	case S_PAGING:
		return enqueue(l, w);
	case S_NEW:
	case S_UP:
	case S_OVER:
	case S_LINGER:
		return send_now(l, w->p, w->n);
	default:
		return ERR_STATE;
	}
}

void lce_flush(struct lce_link *l)
{
	LIST_FOREACH(&l->queue, it)
	{
		struct lce_queued *q = LIST_ENTRY(it, struct lce_queued, node);

		if (send_now(l, q->data, q->n) != 0)
			log_ev(LOG_INFO, "queued message not sent",
			    F_TEXT("IPDECT_WHY", "queue of the data link is full"));
		list_remove(it);
		mem_free_wiped(q, sizeof(*q) + q->n);
	}
	l->queued = 0;
}

static void data_ind(void *ctx, struct dlc_link *dl, const uint8_t *msg, size_t n, bool unit)
{
	struct lce *e = ctx;
	struct lce_link *l = dlc_user(dl);
	struct nwk_msg m;

	if (!l || l->fsm.st == S_DOWN)
		return;
	lce_trace_msg(l, NWK_FROM_PP, msg, n);
	e->st.rx++;
	if (nwk_parse(msg, n, NWK_FROM_PP, &m) != 0 || (unit && m.pd != NWK_CLMS) ||
	    (m.pd == NWK_LCE && (m.type != LCE_PAGE_RESPONSE || m.f))) {
		e->st.rx_bad++;
		return;
	}
	(void)fsm_event(&l->fsm, E_TRAFFIC, NULL);
	l = lce_identify(l, &m);
	if (l && l->fsm.st != S_DOWN)
		lce_route(l, &m);
}

static void establish_ind(void *ctx, struct dlc_link *dl)
{
	struct lce_link *l = new_link(ctx, S_NEW);

	l->dl = dl;
	dlc_set_user(dl, l);
}

static void reset_ind(void *ctx, struct dlc_link *dl)
{
	(void)ctx;
	if (dlc_user(dl))
		lce_tell(dlc_user(dl), &(struct lce_event){ .what = LCE_EV_RESET });
}

static void idle_ind(void *ctx, struct dlc_link *dl)
{
	(void)ctx;
	if (dlc_user(dl))
		lce_tell(dlc_user(dl), &(struct lce_event){ .what = LCE_EV_IDLE });
}

static void release_ind(void *ctx, struct dlc_link *dl, enum dlc_why why)
{
	struct lce_link *l = dlc_user(dl);

	(void)ctx;
	if (!l)
		return;
	l->dl = NULL;
	if (l->fsm.st == S_DOWN)
		return; /* its end is on the way already */
	l->why = lce_why_of(why);
	(void)fsm_event(&l->fsm, E_GONE, NULL);
}

static void cipher_ind(void *ctx, struct dlc_link *dl, enum mac_cipher how, unsigned key)
{
	(void)ctx;
	if (dlc_user(dl))
		lce_tell(dlc_user(dl),
		    &(struct lce_event){ .what = LCE_EV_CIPHER, .how = how, .key = key });
}

static int handover_ask(void *ctx, struct dlc_link *dl, uint32_t base)
{
	struct lce *e = ctx;
	struct lce_link *l = dlc_user(dl);

	if (!l || l->fsm.st >= S_RELEASING)
		return ERR_STATE;
	return e->watch && e->watch->handover_ask ? e->watch->handover_ask(e->watch_ctx, l, base)
	                                          : 0;
}

static void moved_ind(void *ctx, struct dlc_link *dl, uint32_t old_base)
{
	struct lce *e = ctx;

	e->st.moved++;
	if (dlc_user(dl))
		lce_tell(
		    dlc_user(dl), &(struct lce_event){ .what = LCE_EV_MOVED, .base = old_base });
}

static void handover_failed(void *ctx, struct dlc_link *dl, uint32_t base)
{
	(void)ctx;
	if (dlc_user(dl))
		lce_tell(dlc_user(dl),
		    &(struct lce_event){ .what = LCE_EV_HANDOVER_FAILED, .base = base });
}

static void media_ind(void *ctx, struct dlc_link *dl, const struct mac_media_ind *ind)
{
	(void)ctx;
	if (dlc_user(dl))
		lce_tell(dlc_user(dl), &(struct lce_event){ .what = LCE_EV_MEDIA, .media = ind });
}

static void base_ind(void *ctx, uint32_t base, bool is_up)
{
	struct lce *e = ctx;

	if (e->watch && e->watch->base_ind)
		e->watch->base_ind(e->watch_ctx, base, is_up);
}

static void page_overflow(void *ctx, uint32_t base)
{
	struct lce *e = ctx;

	if (e->watch && e->watch->page_overflow)
		e->watch->page_overflow(e->watch_ctx, base);
}

static void info_ind(void *ctx, uint32_t base, uint32_t pmid, const char *text)
{
	struct lce *e = ctx;

	if (e->watch && e->watch->info_ind)
		e->watch->info_ind(e->watch_ctx, base, pmid, text);
}

static const struct dlc_ops dlc_ops = { establish_ind, reset_ind, data_ind, idle_ind, release_ind,
	cipher_ind, handover_ask, moved_ind, handover_failed, media_ind, base_ind, page_overflow,
	info_ind };

/* ---- from above ---- */

struct lce *lce_new(
    struct tmr_wheel *w, struct mac *mac, const struct lce_conf *conf, const struct dlc_conf *dconf)
{
	struct lce *e = mem_new(sizeof(*e));

	e->w = w;
	e->mac = mac;
	e->conf = conf ? *conf : lce_conf_default;
	list_init(&e->links);
	list_init(&e->releasing);
	lce_group_init(e);
	e->dlc = dlc_new(w, mac, dconf, &dlc_ops, e);
	return e;
}

void lce_free(struct lce *e)
{
	if (!e)
		return;
	e->closing = true;
	while (!list_empty(&e->links)) {
		struct lce_link *l = LIST_ENTRY(e->links.next, struct lce_link, node);

		l->why = LCE_WHY_LOCAL;
		if (l->fsm.st == S_DOWN)
			bury(l); /* was to come from the loop */
		else
			(void)fsm_event(&l->fsm, E_ABORT, NULL);
	}
	lce_group_fini(e);
	dlc_free(e->dlc);
	map_free(&e->by_ipui);
	free(e);
}

void lce_register(struct lce *e, uint8_t pd, const struct lce_entity *ent, void *ctx)
{
	BUG_ON(pd >= NWK_NPD || pd == NWK_LCE);
	e->ents[pd] = ent;
	e->ent_ctx[pd] = ctx;
}

void lce_set_dir(struct lce *e, const struct lce_dir *dir, void *ctx)
{
	e->dir = dir;
	e->dir_ctx = ctx;
}

void lce_set_watch(struct lce *e, const struct lce_watch *watch, void *ctx)
{
	e->watch = watch;
	e->watch_ctx = ctx;
}

const struct lce_stats *lce_stats(const struct lce *e)
{
	return &e->st;
}

const struct dlc_stats *lce_dlc_stats(const struct lce *e)
{
	return dlc_stats(e->dlc);
}

struct mac *lce_mac(const struct lce *e)
{
	return e->mac;
}

static bool former_is_releasing(struct lce *e, const struct ipui *pp)
{
	LIST_FOREACH(&e->releasing, it)
	{
		if (ipui_eq(&LIST_ENTRY(it, struct lce_link, rel)->ipui, pp))
			return true;
	}
	return false;
}

struct lce_link *lce_find(const struct lce *e, const struct ipui *pp)
{
	struct map_node *n = map_get(&e->by_ipui, ipui_key(pp));

	return n ? CONTAINER_OF(n, struct lce_link, by_id) : NULL;
}

int lce_open(
    struct lce *e, const struct ipui *pp, enum lce_page page, uint8_t pd, struct lce_link **out)
{
	struct lce_link *l = lce_find(e, pp);
	struct lce_where where;
	uint32_t base;

	*out = NULL;
	if (!l) {
		int err = lce_where_of(e, pp, &where);

		if (err)
			return err;
		if (e->closing || mac_bases(e->mac, &base, 1) == 0)
			return ERR_LOST;
		l = new_link(e, S_WAIT);
		l->ipui = *pp;
		l->page = page;
		l->announced = true;
		(void)map_put(&e->by_ipui, &l->by_id, ipui_key(&l->ipui));
		e->st.links_out++;
		if (!former_is_releasing(e, pp))
			lce_local_event(l, E_PAGE);
	} else if (page > l->page) {
		l->page = page; /* of the next page, if there is one */
	}
	lce_hold(l, pd);
	*out = l;
	return 0;
}
