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

/* Reject reasons of LCE-PAGE-REJECT (7.7.34). */
enum { REJ_NO_PAGE = 0x21, REJ_LATE = 0x22, REJ_TPUI = 0x23, REJ_IE = 0x60 };
enum { REL_NOT_IMPLEMENTED = 0x06 };

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

static void tell(struct lce_link *l, const struct lce_event *ev)
{
	struct lce *e = l->e;

	if (!l->announced)
		return;
	for (unsigned pd = 0; pd < NWK_NPD; pd++)
		if (e->ents[pd] && e->ents[pd]->event)
			e->ents[pd]->event(e->ent_ctx[pd], l, ev);
}

static void trace(struct lce_link *l, enum nwk_dir dir, const void *msg, size_t n)
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

static void free_link(struct lce_link *l)
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
	tell(l, &(struct lce_event){ .what = LCE_EV_DOWN, .why = l->why });
	free_link(l);
	if (!ipui_none(&pp))
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
	{ S_WAIT, E_ABORT, S_DOWN, 0, NULL },
	{ S_PAGING, E_BOUND, S_UP, 0, NULL },
	{ S_PAGING, E_HELD, S_PAGING, 0, NULL },
	{ S_PAGING, E_FREE, S_DOWN, 0, cancel },
	{ S_PAGING, E_DONE, S_DOWN, 0, cancel },
	{ S_PAGING, E_ABORT, S_DOWN, 0, NULL },
	{ S_PAGING, E_TIMER, S_PAGING, FSM_M(S_DOWN), page_again },
	{ S_NEW, E_BOUND, S_LINGER, 0, NULL },
	{ S_NEW, E_HELD, S_NEW, 0, NULL },
	{ S_NEW, E_FREE, S_NEW, 0, NULL },
	{ S_NEW, E_TRAFFIC, S_NEW, 0, NULL },
	{ S_NEW, E_DONE, S_RELEASING, 0, release_dl },
	{ S_NEW, E_GONE, S_DOWN, 0, NULL },
	{ S_NEW, E_ABORT, S_DOWN, 0, abort_dl },
	{ S_NEW, E_TIMER, S_DOWN, 0, expired },
	{ S_UP, E_HELD, S_UP, 0, NULL },
	{ S_UP, E_FREE, S_LINGER, 0, NULL },
	{ S_UP, E_TRAFFIC, S_UP, 0, NULL },
	{ S_UP, E_DONE, S_RELEASING, 0, release_dl },
	{ S_UP, E_GONE, S_DOWN, 0, NULL },
	{ S_UP, E_ABORT, S_DOWN, 0, abort_dl },
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

	(void)ms;
	tmr_start(&l->t, m->st == S_PAGING   ? c->lce03
	                 : m->st == S_NEW    ? c->lce05
	                 : m->st == S_LINGER ? c->lce02
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
static void local_event(struct lce_link *l, uint8_t ev)
{
	bool before = l->e->local;

	l->e->local = true;
	(void)fsm_event(&l->fsm, ev, NULL);
	l->e->local = before;
}

static bool held(const struct lce_link *l)
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
	struct nwk_fault f;

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
	trace(l, NWK_TO_PP, p, n);
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
	case S_LINGER:
		return send_now(l, w->p, w->n);
	default:
		return ERR_STATE;
	}
}

static void flush(struct lce_link *l)
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

/* ---- who is it ---- */

static void page_reject(
    struct lce_link *l, const struct nwk_msg *m, const struct ipui *pp, uint8_t why)
{
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));

	l->e->st.page_rejects++;
	nwk_head(&w, NWK_LCE, true, m->tv, LCE_PAGE_REJECT);
	if (ipui_none(pp))
		ie_portable_none_put(&w);
	else
		ie_ipui_put(&w, pp);
	ie_octet_put(&w, IE_REJECT_REASON, why);
	if (!w.bad && dlc_send(l->dl, buf, w.n) == 0)
		trace(l, NWK_TO_PP, buf, w.n);
}

/* Identity in a message: 0; ERR_NOTFOUND: none; ERR_VALUE: a TPUI that nobody has; other errors: bad content. */
static int named(struct lce *e, const struct nwk_msg *m, struct ipui *out)
{
	struct ie_portable p;
	int err = ie_portable_of(m, &p);

	*out = (struct ipui){ 0 };
	if (err)
		return err;
	if (p.type != IE_P_TPUI) {
		*out = p.ipui;
		return 0;
	}
	if (e->dir && e->dir->by_tpui && e->dir->by_tpui(e->dir_ctx, p.tpui, out) == 0)
		return 0;
	*out = (struct ipui){ 0 };
	return ERR_VALUE;
}

static bool is_page_response(const struct nwk_msg *m)
{
	return m->pd == NWK_LCE && m->type == LCE_PAGE_RESPONSE;
}

/* The paged link takes over the data link of the one that came in. */
static struct lce_link *adopt(struct lce_link *paged, struct lce_link *in, bool answer)
{
	paged->dl = in->dl;
	dlc_set_user(paged->dl, paged);
	in->dl = NULL;
	paged->answered = answer;
	in->why = LCE_WHY_REPLACED;
	tell(in, &(struct lce_event){ .what = LCE_EV_DOWN, .why = in->why });
	free_link(in);
	return paged;
}

static void up(struct lce_link *l)
{
	(void)fsm_event(&l->fsm, E_BOUND, NULL);
	l->announced = true;
	l->queued = 0;
	flush(l);
	tell(l, &(struct lce_event){ .what = LCE_EV_UP });
	if (l->fsm.st == S_LINGER && held(l))
		(void)fsm_event(&l->fsm, E_HELD, NULL);
	else if (l->fsm.st == S_UP && !held(l))
		(void)fsm_event(&l->fsm, E_FREE, NULL);
}

static bool same_pmid(const struct lce_link *a, const struct lce_link *b)
{
	const struct mac_conn *x = lce_conn(a), *y = lce_conn(b);

	return x && y && mac_conn_pmid(x) == mac_conn_pmid(y);
}

/* A link that came in names its portable part. Gives the link that goes on, or NULL when it was refused. */
static struct lce_link *bind_link(
    struct lce_link *l, const struct nwk_msg *m, const struct ipui *pp)
{
	struct lce *e = l->e;
	struct map_node *n = map_get(&e->by_ipui, ipui_key(pp));
	struct lce_link *old = n ? CONTAINER_OF(n, struct lce_link, by_id) : NULL;
	bool answer = is_page_response(m);

	if (old && (old->fsm.st == S_PAGING || old->fsm.st == S_WAIT)) {
		if (answer)
			e->st.page_answers++;
		else
			e->st.collisions++;
		l = adopt(old, l, answer);
		up(l);
		return l;
	}
	if (answer) {
		page_reject(l, m, pp, old ? REJ_LATE : REJ_NO_PAGE);
		(void)fsm_event(&l->fsm, E_DONE, NULL);
		return NULL;
	}
	if (old && old->proven && !same_pmid(old, l)) {
		e->st.clash++;
		log_ev(LOG_WARNING,
		    "a second connection claims the identity of a portable part: refused",
		    F_RFP(lce_base(l)),
		    F_REMEDY("two handsets with one identity, or one that was restarted: it is let "
		             "in when the first connection is gone"));
		(void)fsm_event(&l->fsm, E_ABORT, NULL);
		/* Base stations don't report every lost connection: one that is dead ends soon, and the next try gets in. */
		if (old->dl)
			dlc_probe(old->dl);
		return NULL;
	}
	if (old) {
		old->why = LCE_WHY_REPLACED;
		(void)fsm_event(&old->fsm, E_ABORT, NULL);
		/* An entity may have asked for it anew. */
		n = map_get(&e->by_ipui, ipui_key(pp));
		if (n)
			return bind_link(l, m, pp);
	}
	l->ipui = *pp;
	(void)map_put(&e->by_ipui, &l->by_id, ipui_key(&l->ipui));
	e->st.links_in++;
	up(l);
	return l;
}

/* Messages that must not name another one than the link's. */
static bool must_match(const struct nwk_msg *m)
{
	switch (m->pd << 8 | m->type) {
	case NWK_LCE << 8 | LCE_PAGE_RESPONSE:
	case NWK_CC << 8 | CC_SETUP:
	case NWK_MM << 8 | MM_LOCATE_REQUEST:
	case NWK_MM << 8 | MM_DETACH:
		return true;
	default:
		return false;
	}
}

/* ---- messages from the portable part ---- */

/* A request to an entity that this system has not. */
static void nobody(struct lce_link *l, const struct nwk_msg *m)
{
	uint8_t buf[8], type;
	struct wr w = wr_of(buf, sizeof(buf));

	switch (m->pd << 8 | m->type) {
	case NWK_CC << 8 | CC_SETUP:
		type = CC_RELEASE_COM;
		break;
	case NWK_COMS << 8 | COMS_SETUP:
		type = COMS_RELEASE_COM;
		break;
	case NWK_CISS << 8 | CISS_REGISTER:
		type = CISS_RELEASE_COM;
		break;
	default:
		l->e->st.rx_bad++;
		return;
	}
	nwk_head(&w, m->pd, true, m->tv, type);
	ie_octet_put(&w, IE_RELEASE_REASON, REL_NOT_IMPLEMENTED);
	if (lce_send(l, &w) != 0)
		l->e->st.rx_bad++;
}

static void route(struct lce_link *l, const struct nwk_msg *m)
{
	const struct lce_entity *ent = l->e->ents[m->pd];

	if (m->pd == NWK_LCE)
		return; /* a page response has done its work */
	if (l->fsm.st == S_NEW && m->pd != NWK_MM) {
		l->e->st.rx_bad++;
		return;
	}
	l->announced = true; /* who got a message hears of the end, too */
	if (ent && ent->rx)
		ent->rx(l->e->ent_ctx[m->pd], l, m);
	else
		nobody(l, m);
}

/* Says who the portable part is, if the message does. NULL: the message is done with. */
static struct lce_link *identify(struct lce_link *l, const struct nwk_msg *m)
{
	struct ipui pp;
	int err = named(l->e, m, &pp);

	if (l->fsm.st != S_NEW) {
		if (must_match(m) && !err && !ipui_eq(&pp, &l->ipui)) {
			l->e->st.foreign_ident++;
			log_ev(LOG_INFO,
			    "message names another portable part than its link: dropped",
			    F_RFP(lce_base(l)),
			    F_TEXT("IPDECT_MSG", nwk_type_name(m->pd, m->type)));
			return NULL;
		}
		return l;
	}
	if (!err)
		return bind_link(l, m, &pp);
	if (is_page_response(m)) {
		page_reject(l, m, &pp, err == ERR_VALUE ? REJ_TPUI : REJ_IE);
		(void)fsm_event(&l->fsm, E_DONE, NULL);
		return NULL;
	}
	return l;
}

static void data_ind(void *ctx, struct dlc_link *dl, const uint8_t *msg, size_t n, bool unit)
{
	struct lce *e = ctx;
	struct lce_link *l = dlc_user(dl);
	struct nwk_msg m;

	if (!l || l->fsm.st == S_DOWN)
		return;
	trace(l, NWK_FROM_PP, msg, n);
	e->st.rx++;
	if (nwk_parse(msg, n, NWK_FROM_PP, &m) != 0 || (unit && m.pd != NWK_CLMS) ||
	    (m.pd == NWK_LCE && (m.type != LCE_PAGE_RESPONSE || m.f))) {
		e->st.rx_bad++;
		return;
	}
	(void)fsm_event(&l->fsm, E_TRAFFIC, NULL);
	l = identify(l, &m);
	if (l && l->fsm.st != S_DOWN)
		route(l, &m);
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
		tell(dlc_user(dl), &(struct lce_event){ .what = LCE_EV_RESET });
}

static void idle_ind(void *ctx, struct dlc_link *dl)
{
	(void)ctx;
	if (dlc_user(dl))
		tell(dlc_user(dl), &(struct lce_event){ .what = LCE_EV_IDLE });
}

static enum lce_why why_of(enum dlc_why why)
{
	switch (why) {
	case DLC_PEER:
	case DLC_DONE:
	case DLC_UNCONFIRMED:
		return LCE_WHY_NORMAL;
	case DLC_RADIO_LOST:
		return LCE_WHY_RADIO;
	case DLC_BASE_LOST:
		return LCE_WHY_BASE;
	case DLC_REPLACED:
		return LCE_WHY_REPLACED;
	default:
		return LCE_WHY_PROTOCOL;
	}
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
	l->why = why_of(why);
	(void)fsm_event(&l->fsm, E_GONE, NULL);
}

static void cipher_ind(void *ctx, struct dlc_link *dl, enum mac_cipher how, unsigned key)
{
	(void)ctx;
	if (dlc_user(dl))
		tell(dlc_user(dl),
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
		tell(dlc_user(dl), &(struct lce_event){ .what = LCE_EV_MOVED, .base = old_base });
}

static void handover_failed(void *ctx, struct dlc_link *dl, uint32_t base)
{
	(void)ctx;
	if (dlc_user(dl))
		tell(dlc_user(dl),
		    &(struct lce_event){ .what = LCE_EV_HANDOVER_FAILED, .base = base });
}

static void media_ind(void *ctx, struct dlc_link *dl, const struct mac_media_ind *ind)
{
	(void)ctx;
	if (dlc_user(dl))
		tell(dlc_user(dl), &(struct lce_event){ .what = LCE_EV_MEDIA, .media = ind });
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
			local_event(l, E_PAGE);
	} else if (page > l->page) {
		l->page = page; /* of the next page, if there is one */
	}
	lce_hold(l, pd);
	*out = l;
	return 0;
}

struct lce_link *lce_next(const struct lce *e, const struct lce_link *prev)
{
	const struct list *n = prev ? prev->node.next : e->links.next;

	return n == &e->links ? NULL : LIST_ENTRY(n, struct lce_link, node);
}

void lce_hold(struct lce_link *l, uint8_t pd)
{
	l->holds[pd]++;
	local_event(l, E_HELD);
}

void lce_drop(struct lce_link *l, uint8_t pd, bool partial)
{
	BUG_ON(pd >= NWK_NPD || l->holds[pd] == 0);
	l->holds[pd]--;
	if (!held(l))
		local_event(l, partial ? E_FREE : E_DONE);
}

void lce_release(struct lce_link *l, bool normal)
{
	if (l->fsm.st != S_DOWN) {
		if (!normal)
			l->why = LCE_WHY_LOCAL;
		local_event(l, normal ? E_DONE : E_ABORT);
	}
}

enum lce_state lce_state(const struct lce_link *l)
{
	return l->fsm.st <= S_PAGING ? LCE_PENDING : l->fsm.st <= S_LINGER ? LCE_UP : LCE_RELEASING;
}

const struct ipui *lce_ipui(const struct lce_link *l)
{
	return &l->ipui;
}

int lce_rebind(struct lce_link *l, const struct ipui *pp)
{
	struct lce_link *other = lce_find(l->e, pp);

	if (other && other != l)
		return ERR_EXISTS;
	if (l->fsm.st >= S_RELEASING)
		return ERR_STATE;
	map_del(&l->e->by_ipui, &l->by_id);
	l->ipui = *pp;
	(void)map_put(&l->e->by_ipui, &l->by_id, ipui_key(&l->ipui));
	if (l->fsm.st == S_NEW)
		up(l);
	return 0;
}

void lce_set_proven(struct lce_link *l)
{
	l->proven = true;
}

bool lce_proven(const struct lce_link *l)
{
	return l->proven;
}

void lce_set_tpui(struct lce_link *l, uint32_t tpui)
{
	if (lce_conn(l))
		mac_set_pmid(lce_conn(l), tpui);
}

bool lce_answered_page(const struct lce_link *l)
{
	return l->answered;
}

bool lce_may_speak(const struct lce_link *l)
{
	return !(l->answered && l->silent);
}

bool lce_ciphered(const struct lce_link *l)
{
	const struct mac_conn *c = lce_conn(l);

	return c && mac_ciphered(c);
}

struct mac_conn *lce_conn(const struct lce_link *l)
{
	return l->dl ? dlc_conn(l->dl) : NULL;
}

uint32_t lce_base(const struct lce_link *l)
{
	const struct mac_conn *c = lce_conn(l);

	return c ? mac_conn_base(c) : MAC_ALL;
}

enum dlc_class lce_class(const struct lce_link *l)
{
	return l->dl ? dlc_class_of(l->dl) : DLC_A;
}

uint32_t lce_link_id(const struct lce_link *l)
{
	return l->id;
}

struct lce *lce_of(const struct lce_link *l)
{
	return l->e;
}

void lce_set_user(struct lce_link *l, uint8_t pd, void *user)
{
	l->users[pd] = user;
}

void *lce_user(const struct lce_link *l, uint8_t pd)
{
	return l->users[pd];
}

int lce_tv_new(struct lce_link *l, uint8_t pd)
{
	unsigned n = pd == NWK_CC || pd == NWK_COMS ? 7 : pd == NWK_CISS ? 6 : 1;

	for (unsigned tv = 0; tv < n; tv++)
		if (!(l->tvs[pd] >> tv & 1)) {
			l->tvs[pd] |= (uint8_t)(1u << tv);
			return (int)tv;
		}
	return -1;
}

void lce_tv_free(struct lce_link *l, uint8_t pd, uint8_t tv)
{
	l->tvs[pd] &= (uint8_t) ~(1u << tv);
}
