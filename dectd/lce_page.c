/* Paging of portable parts, and ringing without links (EN 300 175-5 8.2, 14.2.3, 14.4). */
#include "common/mem.h"
#include "dectd/lce_priv.h"

enum { HDR_SIGNAL = 0, HDR_RING = 1, HDR_VOICE = 4, W = 0x08 };
enum { RING_RELEASED = 0x0a, RING_ANSWERED = 0x0b };

static size_t page_short(uint8_t header, bool assigned, uint32_t tpui, uint8_t out[5])
{
	out[0] = (uint8_t)((assigned ? W : 0) | header);
	out[1] = (uint8_t)(tpui >> 8);
	out[2] = (uint8_t)tpui;
	return 3;
}

size_t lce_page_build(
    enum lce_page page, const struct lce_where *where, const struct ipui *pp, uint8_t out[5])
{
	uint32_t tpui = where->assigned ? where->tpui : ipui_default_tpui(pp);
	uint8_t header = page == LCE_PAGE_SIGNAL ? HDR_SIGNAL : HDR_VOICE;

	/* The slot type has its place in the full format with an assigned TPUI only. */
	if (page != LCE_PAGE_WIDE || !where->assigned)
		return page_short(header, where->assigned, tpui, out);
	out[0] = W | HDR_VOICE;
	out[1] = (uint8_t)(0x10 | (tpui >> 16 & 15)); /* long slot, j = 640 */
	out[2] = (uint8_t)(tpui >> 8);
	out[3] = (uint8_t)tpui;
	out[4] = 0x00; /* no setup info */
	return 5;
}

int lce_where_of(struct lce *e, const struct ipui *pp, struct lce_where *out)
{
	*out = (struct lce_where){ .base = MAC_ALL, .cluster = MAC_ALL };
	return e->dir && e->dir->where ? e->dir->where(e->dir_ctx, pp, out) : 0;
}

bool lce_page_next(struct lce_link *l)
{
	struct lce *e = l->e;
	struct lce_where where;
	uint8_t page[5];
	size_t n;

	if (l->pages > e->conf.n300)
		return false;
	/* It was deleted meanwhile. */
	if (lce_where_of(e, &l->ipui, &where) != 0) {
		l->why = LCE_WHY_UNKNOWN_PP;
		return false;
	}
	/* PP: one that lost its assigned TPUI (battery, another system) still knows its default one: the last page. */
	if ((l->pages == e->conf.n300 && e->conf.n300) || (where.doubt && l->pages % 2 == 0))
		where.assigned = false;
	n = lce_page_build(l->page, &where, &l->ipui, page);
	e->st.pages++;
	if (!(l->pages == 0 && e->conf.page_last_first && where.base != MAC_ALL &&
	        mac_page_base(e->mac, where.base, page, n) == 0))
		(void)mac_page(e->mac, where.cluster, page, n);
	l->pages++;
	if (l->page == LCE_PAGE_SIGNAL)
		l->silent = true;
	return true;
}

/* ---- ringing ---- */

static void ring_again(struct tmr *t, void *ctx)
{
	struct lce_group *g = ctx;

	(void)t;
	if (tmr_now(g->e->w) >= g->until) {
		g->handle = 0;
		return;
	}
	g->e->st.pages++;
	(void)mac_page(g->e->mac, g->cluster, g->page, sizeof(g->page));
	tmr_start(&g->t, g->e->conf.lce03);
}

void lce_group_init(struct lce *e)
{
	for (unsigned i = 0; i < LCE_GROUPS; i++) {
		e->groups[i].e = e;
		tmr_init(&e->groups[i].t, e->w, ring_again, &e->groups[i]);
	}
}

void lce_group_fini(struct lce *e)
{
	for (unsigned i = 0; i < LCE_GROUPS; i++)
		tmr_stop(&e->groups[i].t);
}

unsigned lce_group_ring(struct lce *e, uint32_t cluster, uint8_t pattern, uint16_t group, bool mask)
{
	struct lce_group *g = NULL;

	for (unsigned i = 0; i < LCE_GROUPS && !g; i++)
		if (!e->groups[i].handle)
			g = &e->groups[i];
	if (!g)
		return 0;
	if (++e->next_group == 0)
		e->next_group = 1;
	g->handle = e->next_group;
	g->cluster = cluster;
	g->page[0] = (uint8_t)((mask ? W : 0) | HDR_RING);
	g->page[1] = (uint8_t)((pattern & 15) << 4 | (group >> 8 & 15));
	g->page[2] = (uint8_t)group;
	g->until = tmr_now(e->w) + e->conf.group_ring;
	e->st.pages++;
	(void)mac_page(e->mac, cluster, g->page, sizeof(g->page));
	tmr_start(&g->t, e->conf.lce03);
	return g->handle;
}

void lce_group_stop(struct lce *e, unsigned handle, bool answered)
{
	for (unsigned i = 0; handle && i < LCE_GROUPS; i++) {
		struct lce_group *g = &e->groups[i];

		if (g->handle != handle)
			continue;
		g->page[1] =
		    (uint8_t)((answered ? RING_ANSWERED : RING_RELEASED) << 4 | (g->page[1] & 15));
		e->st.pages++;
		(void)mac_page(e->mac, g->cluster, g->page, sizeof(g->page));
		tmr_stop(&g->t);
		g->handle = 0;
	}
}
