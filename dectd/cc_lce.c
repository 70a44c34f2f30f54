/* Call control over the link control entity: holds a link while a handset has instances, tells of its coming and going. */
#include "dectd/cc_lce_priv.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"

#define SECURE_TRIES 12
#define SECURE_MS    400

static void on_up(struct tmr *t, void *ctx)
{
	struct cc_part *p = ctx;

	(void)t;
	if (p->wanted && p->pp) {
		p->wanted = false;
		cc_link(p->g->cc, p->pp, 0);
	}
}

static void on_secured(void *ctx, struct pp *pp, int err);

static void on_again(struct tmr *t, void *ctx)
{
	struct cc_part *p = ctx;

	(void)t;
	if (p->pp)
		mm_secure(p->g->mm, p->pp, on_secured, p->g);
}

struct cc_part *cc_part_of(struct cc_lce *g, struct lce_link *l, struct pp *pp)
{
	struct cc_part *p = lce_user(l, NWK_CC);

	if (!p) {
		p = mem_new(sizeof(*p));
		p->g = g;
		p->link = l;
		tmr_init(&p->up, g->w, on_up, p);
		tmr_init(&p->again, g->w, on_again, p);
		list_append(&g->parts, &p->node);
		lce_set_user(l, NWK_CC, p);
	}
	p->pp = pp;
	return p;
}

static void part_free(struct cc_part *p)
{
	tmr_stop(&p->up);
	tmr_stop(&p->again);
	list_remove(&p->node);
	free(p);
}

/* ---- what call control asks ---- */

/* A link that answered a page without U-plane ends, and another is paged for the call. */
static int open_link(struct cc_lce *g, struct pp *pp, enum lce_page page)
{
	struct lce_link *l = lce_find(g->lce, &pp->ipui);

	if (l && lce_state(l) == LCE_UP && !lce_may_speak(l))
		lce_release(l, true);
	int err = lce_open(g->lce, &pp->ipui, page, NWK_CC, &l);

	if (err)
		return err;
	struct cc_part *p = cc_part_of(g, l, pp);
	p->page = page;
	if (p->held)
		lce_drop(l, NWK_CC, true); /* one hold is enough */
	p->held = true;
	p->wanted = true;
	if (lce_state(l) == LCE_UP)
		tmr_start(&p->up, 0);
	return 0;
}

static int low_link(void *ctx, struct pp *pp, bool wideband)
{
	return open_link(ctx, pp, wideband ? LCE_PAGE_WIDE : LCE_PAGE_VOICE);
}

static void drop(struct cc_part *p, bool partial)
{
	p->wanted = false;
	tmr_stop(&p->up);
	if (p->held) {
		p->held = false;
		lce_drop(p->link, NWK_CC, partial);
	}
}

static struct cc_part *find(struct cc_lce *g, const struct pp *pp)
{
	struct lce_link *l = lce_find(g->lce, &pp->ipui);

	return l ? lce_user(l, NWK_CC) : NULL;
}

static void low_link_cancel(void *ctx, struct pp *pp)
{
	struct cc_part *p = find(ctx, pp);

	if (p)
		drop(p, true);
}

static int low_send(void *ctx, struct pp *pp, const struct wr *msg)
{
	struct cc_lce *g = ctx;
	struct lce_link *l = lce_find(g->lce, &pp->ipui);

	return l ? lce_send(l, msg) : ERR_LOST;
}

static void low_idle(void *ctx, struct pp *pp, bool partial)
{
	struct cc_lce *g = ctx;
	struct cc_part *p = find(g, pp);

	if (g->mm)
		mm_call_active(g->mm, pp, false);
	if (p)
		drop(p, partial);
	xho_call_gone(g, pp);
}

static void on_secured(void *ctx, struct pp *pp, int err)
{
	struct cc_lce *g = ctx;
	struct cc_part *p;

	if (!pp)
		return; /* deleted meanwhile: its calls are gone */
	p = find(g, pp);
	/* certd restarts within seconds; the handset's timers are prolonged meanwhile. */
	if (err == ERR_BUSY && p && p->tries++ < SECURE_TRIES) {
		tmr_start(&p->again, SECURE_MS);
		return;
	}
	if (p)
		p->tries = 0;
	cc_secured(g->cc, pp, err);
}

static int low_secure(void *ctx, struct pp *pp)
{
	struct cc_lce *g = ctx;

	if (!g->mm)
		return 0;
	mm_secure(g->mm, pp, on_secured, g);
	return 1;
}

const struct cc_low cc_lce_low = {
	.link = low_link,
	.link_cancel = low_link_cancel,
	.send = low_send,
	.idle = low_idle,
	.secure = low_secure,
};

struct mac_conn *cc_lce_conn(struct cc_lce *g, const struct pp *pp)
{
	struct lce_link *l = lce_find(g->lce, &pp->ipui);

	return l ? lce_conn(l) : NULL;
}

/* ---- what the link says ---- */

static void on_rx(void *ctx, struct lce_link *l, const struct nwk_msg *m)
{
	struct cc_lce *g = ctx;
	struct pp *pp = pp_by_ipui(g->pps, lce_ipui(l));

	if (!pp || !pp->subscribed) {
		uint8_t buf[8];
		struct wr w = wr_of(buf, sizeof(buf));

		if (m->type == CC_RELEASE || m->type == CC_RELEASE_COM || m->f)
			return;
		nwk_head(&w, NWK_CC, true, m->tv, CC_RELEASE_COM);
		ie_octet_put(&w, IE_RELEASE_REASON, CC_R_UNKNOWN_ID);
		log_ev(LOG_NOTICE, "call of an unknown handset refused");
		if (lce_send(l, &w) != 0)
			log_ev(LOG_INFO, "refusal not sent");
		return;
	}
	if (xho_input(g, l, pp, m))
		return;
	(void)cc_part_of(g, l, pp);
	cc_input(g->cc, pp, m);
	/* The message may have ended the link or the handset. */
	if (lce_find(g->lce, &pp->ipui) != l)
		return;
	struct cc_part *p = lce_user(l, NWK_CC);
	if (p && cc_busy(pp) && !p->held) {
		p->held = true;
		lce_hold(l, NWK_CC);
	}
}

static int error_of(enum lce_why why)
{
	switch (why) {
	case LCE_WHY_UNREACHABLE:
		return ERR_TIMEOUT;
	case LCE_WHY_UNKNOWN_PP:
		return ERR_NOTFOUND;
	default:
		return ERR_LOST;
	}
}

static void on_down(struct cc_lce *g, struct cc_part *p, enum lce_why why, bool goes_on)
{
	struct pp *pp = p->pp;
	bool wanted = p->wanted;

	lce_set_user(p->link, NWK_CC, NULL);
	part_free(p);
	if (!pp || goes_on)
		return;
	if (g->mm)
		mm_call_active(g->mm, pp, false);
	if (wanted)
		cc_link(g->cc, pp, error_of(why));
	cc_lost(g->cc, pp);
}

static void on_link_up(struct cc_lce *g, struct cc_part *p)
{
	struct pp *pp = p->pp;
	int err = 0;

	p->wanted = false;
	if (!lce_may_speak(p->link)) {
		err = open_link(g, pp, p->page);
		if (!err)
			return;
	}
	cc_link(g->cc, pp, err);
}

static void on_event(void *ctx, struct lce_link *l, const struct lce_event *ev)
{
	struct cc_lce *g = ctx;
	struct cc_part *p = lce_user(l, NWK_CC);
	bool goes_on = ev->what == LCE_EV_DOWN && xho_link_down(g, l);

	if (!p)
		return;
	switch (ev->what) {
	case LCE_EV_UP:
		if (p->wanted && p->pp)
			on_link_up(g, p);
		break;
	case LCE_EV_DOWN:
		on_down(g, p, ev->why, goes_on);
		break;
	case LCE_EV_RESET:
		if (p->pp)
			cc_reset(g->cc, p->pp);
		break;
	case LCE_EV_MOVED:
		if (p->pp)
			g->ops->moved(g->ctx, p->pp);
		break;
	case LCE_EV_MEDIA:
		if (p->pp)
			g->ops->media(g->ctx, p->pp, ev->media);
		break;
	default:
		break;
	}
}

static const struct lce_entity entity = { .rx = on_rx, .event = on_event };

struct cc_lce *cc_lce_new(struct tmr_wheel *w, struct lce *lce, struct pps *pps, struct mm *mm,
    const struct cc_lce_ops *ops, void *ctx)
{
	struct cc_lce *g = mem_new(sizeof(*g));

	g->w = w;
	g->lce = lce;
	g->pps = pps;
	g->mm = mm;
	g->ops = ops;
	g->ctx = ctx;
	list_init(&g->parts);
	list_init(&g->xhos);
	lce_register(lce, NWK_CC, &entity, g);
	return g;
}

void cc_lce_set_cc(struct cc_lce *g, struct cc *cc)
{
	g->cc = cc;
}

void cc_lce_forget(struct cc_lce *g, const struct pp *pp)
{
	LIST_FOREACH(&g->parts, it)
	{
		struct cc_part *p = LIST_ENTRY(it, struct cc_part, node);
		if (p->pp != pp)
			continue;
		drop(p, false);
		p->pp = NULL;
	}
	xho_forget(g, pp);
}

void cc_lce_free(struct cc_lce *g)
{
	static const struct lce_entity nobody = { 0 };

	if (!g)
		return;
	if (g->mm)
		mm_secure_forget(g->mm, g);
	xho_fini(g);
	LIST_FOREACH(&g->parts, it)
	{
		struct cc_part *p = LIST_ENTRY(it, struct cc_part, node);
		lce_set_user(p->link, NWK_CC, NULL);
		part_free(p);
	}
	lce_register(g->lce, NWK_CC, &nobody, NULL);
	free(g);
}
