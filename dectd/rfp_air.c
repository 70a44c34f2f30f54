/* The directory's radio side: who synchronises on whom, speech streams, and the lower side of the MAC seam. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/rfp_dir_priv.h"

/* ---- synchronisation ---- */

static struct cluster *cluster_of(struct rfp_dir *d, uint32_t id)
{
	struct cluster *c;

	LIST_FOREACH(&d->clusters, it)
	{
		c = LIST_ENTRY(it, struct cluster, node);
		if (c->id == id)
			return c;
	}
	c = mem_new(sizeof(*c));
	c->id = id;
	sync_init(&c->g, d->conf.weak);
	list_append(&d->clusters, &c->node);
	return c;
}

const struct sync_graph *rfp_dir_sync(struct rfp_dir *d, uint32_t cluster)
{
	LIST_FOREACH(&d->clusters, it)
	{
		struct cluster *c = LIST_ENTRY(it, struct cluster, node);

		if (c->id == cluster)
			return &c->g;
	}
	return NULL;
}

static struct rfp_base *by_rpn(struct rfp_dir *d, uint32_t cluster, uint8_t rpn)
{
	LIST_FOREACH(&d->bases, it)
	{
		struct rfp_base *b = LIST_ENTRY(it, struct rfp_base, node);

		if (b->rec.admitted && b->rec.cluster == cluster && b->rec.rpn == rpn)
			return b;
	}
	return NULL;
}

void rfp_dir_sync_heard(struct rfp_base *b, const struct sync_neighbour *nb, unsigned n)
{
	struct cluster *c = cluster_of(b->dir, b->rec.cluster);

	for (unsigned i = 0; i < n; i++)
		if (nb[i].rpn <= SYNC_NODES_MAX)
			sync_heard(&c->g, b->rec.rpn, (uint8_t)nb[i].rpn, nb[i].rssi,
			    nb[i].offset_ns, tmr_now(b->dir->w));
}

/* Another one of its cluster whose role is decided and that is not on air yet. */
static bool starting(struct rfp_dir *d, const struct rfp_base *b, const struct sync_graph *g)
{
	LIST_FOREACH(&d->bases, it)
	{
		const struct rfp_base *o = LIST_ENTRY(it, struct rfp_base, node);

		if (o != b && o->rec.admitted && o->rec.cluster == b->rec.cluster && o->link &&
		    !o->sync_waits && !rfp_link_on_air(o->link) &&
		    g->nodes[o->rec.rpn].role != SYNC_OFF)
			return true;
	}
	return false;
}

/* When many start at once, as after a restart of ours, they hear nobody: the first starts alone, and the others, who
 * waited, search once more and follow. Else each would be a master of its own, and no handover possible. */
static void search_again(struct rfp_dir *d, uint32_t cluster)
{
	LIST_FOREACH(&d->bases, it)
	{
		struct rfp_base *o = LIST_ENTRY(it, struct rfp_base, node);

		if (!o->sync_waits || o->rec.cluster != cluster)
			continue;
		o->sync_waits = false;
		if (o->link)
			rfp_link_resync(o->link);
	}
}

void rfp_dir_sync_decide(struct rfp_base *b)
{
	struct cluster *c = cluster_of(b->dir, b->rec.cluster);
	bool island;
	int ref = sync_decide(&c->g, b->rec.rpn, &island);

	/* Not for ever: when the link's timer asks again nothing came of the other's start. */
	b->sync_waits = ref < 0 && !b->sync_waits && starting(b->dir, b, &c->g);
	if (b->sync_waits)
		return;
	if (ref < 0 && island)
		log_ev(LOG_WARNING,
		    "base hears no other of its cluster: no handover to and from it",
		    F_RFP(b->rec.id),
		    F_REMEDY("place a base between, or give it a cluster of its own"));
	sync_set(
	    &c->g, b->rec.rpn, ref < 0 ? SYNC_MASTER : SYNC_SLAVE, (uint8_t)(ref < 0 ? 0 : ref));
	rfp_link_start(b->link, ref);
}

/* Those that followed a lost base synchronise anew, at once when they carry no call, else as soon as they are idle:
 * a radio keeps running calls alive for minutes without its reference (rfp-link 10). */
static void orphan(struct rfp_dir *d, struct rfp_base *b)
{
	log_ev(LOG_WARNING, "base lost its synchronisation reference", F_RFP(b->rec.id));
	if (!b->link)
		return;
	b->resync_wanted = true;
	if (rfp_media_busy(&b->media) == 0) {
		b->resync_wanted = false;
		rfp_link_resync(b->link);
	}
	d->ops->changed(d->ctx, b->rec.id);
}

void rfp_dir_sync_air(struct rfp_base *b, bool up)
{
	struct cluster *c = cluster_of(b->dir, b->rec.cluster);
	uint8_t lost[SYNC_NODES_MAX];
	unsigned n;

	if (up) {
		b->resync_wanted = false;
		sync_air(&c->g, b->rec.rpn); /* its role was set when it was decided */
		search_again(b->dir, b->rec.cluster);
		return;
	}
	if (c->g.nodes[b->rec.rpn].role != SYNC_OFF && !c->g.nodes[b->rec.rpn].on_air)
		search_again(b->dir, b->rec.cluster); /* others may wait for its start */
	n = sync_gone(&c->g, b->rec.rpn, lost, ARRAY_LEN(lost));
	for (unsigned i = 0; i < n; i++) {
		struct rfp_base *o = by_rpn(b->dir, b->rec.cluster, lost[i]);

		if (o)
			orphan(b->dir, o);
	}
}

const char *rfp_dir_sync_trouble(const struct rfp_base *b)
{
	const struct sync_graph *g = b->rec.admitted ? rfp_dir_sync(b->dir, b->rec.cluster) : NULL;

	return g && b->link && rfp_link_on_air(b->link) ? sync_trouble(g, b->rec.rpn) : "";
}

/* ---- the MAC's lower side ---- */

static int low_send(void *ctx, uint32_t base, const uint8_t *dnm, size_t n)
{
	struct rfp_base *b = rfp_dir_by_id(ctx, base);

	return b && b->link ? rfp_link_send_dnm(b->link, dnm, n) : ERR_LOST;
}

static void result_free(struct dir_result *r)
{
	tmr_stop(&r->tmr);
	list_remove(&r->node);
	free(r);
}

void rfp_dir_results_free(struct rfp_dir *d)
{
	while (!list_empty(&d->results))
		result_free(LIST_ENTRY(d->results.next, struct dir_result, node));
}

static void on_result(struct tmr *t, void *ctx)
{
	struct dir_result *r = ctx, out = *r;

	(void)t;
	result_free(r);
	mac_media_result(out.dir->mac, out.base, out.handle, out.err);
}

static struct dir_result *result_new(struct rfp_dir *d, uint32_t base, uint16_t handle)
{
	struct dir_result *r = mem_new(sizeof(*r));

	r->dir = d;
	r->base = base;
	r->handle = handle;
	tmr_init(&r->tmr, d->w, on_result, r);
	list_append(&d->results, &r->node);
	return r;
}

void rfp_dir_pointed(struct rfp_dir *d, uint32_t ticket, int err)
{
	LIST_FOREACH(&d->results, it)
	{
		struct dir_result *r = LIST_ENTRY(it, struct dir_result, node);

		if (r->ticket != ticket)
			continue;
		r->ticket = 0;
		r->err = err;
		tmr_start(&r->tmr, 0);
		return;
	}
}

static int low_media_open(void *ctx, struct mac_conn *c, uint32_t base, uint8_t mcei, uint32_t pmid,
    const struct mac_media *m, struct mac_addr *local, uint16_t *handle)
{
	struct rfp_dir *d = ctx;
	struct rfp_base *b = rfp_dir_by_id(d, base);
	uint8_t buf[512];
	struct wr w = wr_of(buf, sizeof(buf));
	struct dir_result *r;
	int err;

	(void)c;
	if (!b || !b->link)
		return ERR_LOST;
	err = rfp_media_open(&b->media, mcei, pmid, m, b->ip4, tmr_now(d->w), &w, local, handle);
	if (!err)
		err = rfp_link_send_whole(b->link, buf, w.n);
	if (err)
		return err;
	r = result_new(d, base, *handle);
	if (m->session) {
		if (++d->tickets == 0)
			d->tickets = 1;
		r->ticket = d->tickets;
		err = d->ops->point(d->ctx, r->ticket, m, local);
		if (err) {
			r->ticket = 0;
			r->err = err;
			tmr_start(&r->tmr, 0);
		}
	} else {
		tmr_start(&r->tmr, 0);
	}
	d->ops->changed(d->ctx, base);
	return 0;
}

static void low_media_close(void *ctx, uint32_t base, uint16_t handle)
{
	struct rfp_dir *d = ctx;
	struct rfp_base *b = rfp_dir_by_id(d, base);
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));

	LIST_FOREACH(&d->results, it)
	{
		struct dir_result *r = LIST_ENTRY(it, struct dir_result, node);

		if (r->base == base && r->handle == handle)
			result_free(r);
	}
	if (!b || rfp_media_close(&b->media, handle, tmr_now(d->w), &w) != 0)
		return;
	if (b->link && rfp_link_send_whole(b->link, buf, w.n) != 0)
		log_ev(LOG_DEBUG, "media not closed: base is gone", F_RFP(base));
	if (b->resync_wanted && b->link && rfp_media_busy(&b->media) == 0) {
		b->resync_wanted = false;
		rfp_link_resync(b->link);
	}
	d->ops->changed(d->ctx, base);
}

static void low_media_leave(void *ctx, const struct mac_media *m)
{
	struct rfp_dir *d = ctx;

	if (d->ops->leave)
		d->ops->leave(d->ctx, m);
}

void rfp_dir_media_input(struct rfp_base *b, const struct rfp_msg *m)
{
	struct rfp_dir *d = b->dir;
	struct mac_media_stats st;
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));
	int err;

	if (m->type == RFP_MEDIA_STATISTICS) {
		st = (struct mac_media_stats){ .seconds = m->u.m_stats.seconds,
			.tx_packets = m->u.m_stats.tx_packets,
			.tx_octets = m->u.m_stats.tx_octets,
			.rx_packets = m->u.m_stats.rx_packets,
			.rx_octets = m->u.m_stats.rx_octets,
			.lost = m->u.m_stats.lost,
			.jitter_us = m->u.m_stats.jitter_us };
		rfp_media_stats_came(&b->media, m->u.m_stats.handle);
		log_ev(LOG_INFO, "media statistics of a base", F_RFP(b->rec.id),
		    F_U64("IPDECT_TX", st.tx_packets), F_U64("IPDECT_RX", st.rx_packets),
		    F_U64("IPDECT_LOST", st.lost), F_U64("IPDECT_JITTER_US", st.jitter_us));
		mac_media_stats(d->mac, b->rec.id, m->u.m_stats.handle, &st);
		return;
	}
	if (m->type != RFP_NACK)
		return;
	err = rfp_media_nack(
	    &b->media, m->u.nack.call, m->u.nack.what, m->u.nack.reason, tmr_now(d->w), &w);
	log_ev(LOG_WARNING, "base refused a media request", F_RFP(b->rec.id),
	    F_U64("IPDECT_NUMBER", m->u.nack.what), F_WHY(rfp_nack_text(m->u.nack.reason)));
	if (w.n && b->link && rfp_link_send_whole(b->link, buf, w.n) != 0)
		log_ev(LOG_DEBUG, "media not closed: base is gone", F_RFP(b->rec.id));
	if (err == ERR_EXISTS)
		err = mac_media_again(d->mac, b->rec.id, m->u.nack.call);
	if (err)
		mac_media_result(d->mac, b->rec.id, m->u.nack.call, err);
}

static int low_base_info(void *ctx, uint32_t base, struct mac_base_info *out)
{
	struct rfp_dir *d = ctx;
	struct rfp_base *b = rfp_dir_by_id(d, base);

	if (!b)
		return ERR_NOTFOUND;
	memset(out, 0, sizeof(*out));
	out->id = base;
	memcpy(out->mac, b->rec.mac, 6);
	if (ident_rfpi(&d->conf.ident, b->rec.rpn, out->rfpi) != 0)
		return ERR_NOTFOUND;
	out->rpn = b->rec.rpn;
	out->cluster = b->rec.cluster;
	out->up = b->link && rfp_link_on_air(b->link);
	out->ciphers = d->conf.cipher && rfp_model_generation(b->rec.model) >= 3;
	out->streams = rfp_media_busy(&b->media);
	out->streams_max = b->media.max;
	snprintf(out->name, sizeof(out->name), "%s", b->rec.name);
	return 0;
}

static void low_access_rights(void *ctx, bool allowed)
{
	struct rfp_dir *d = ctx;

	if (d->rights == allowed)
		return;
	d->rights = allowed;
	rfp_dir_caps(d);
}

const struct mac_low rfp_dir_low = {
	.send = low_send,
	.media_open = low_media_open,
	.media_close = low_media_close,
	.media_leave = low_media_leave,
	.base_info = low_base_info,
	.access_rights = low_access_rights,
};
