/* Connections of portable parts over all base stations: who is where, transmit buffers, handover between bases,
 * ciphering state, the media stream that belongs to it. Pure bookkeeping between struct mac_low and struct mac_ops. */
#include "dectd/mac.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/mac_priv.h"
#include "dectd/rfp_msg.h"

#define HO_MS 5000 /* handover announced, connection not there: forget it */

struct mac *mac_new(struct tmr_wheel *w, const struct mac_low *low, void *low_ctx)
{
	struct mac *m = mem_new(sizeof(*m));

	m->w = w;
	m->low = low;
	m->low_ctx = low_ctx;
	list_init(&m->conns);
	return m;
}

void mac_set_ops(struct mac *m, const struct mac_ops *ops, void *ctx)
{
	m->ops = ops;
	m->ctx = ctx;
}

struct base *mac_base_of(struct mac *m, uint32_t id)
{
	struct base **near = &m->found[id % BASES_NEAR];

	if (*near && (*near)->id == id)
		return *near;
	for (unsigned i = 0; i < m->nbases; i++)
		if (m->bases[i]->id == id)
			return *near = m->bases[i];
	return NULL;
}

int mac_send_dnm(struct mac *m, uint32_t base, const struct rfp_msg *msg)
{
	uint8_t buf[128];
	struct wr w = wr_of(buf, sizeof(buf));
	int err = rfp_dnm_build(msg, &w);

	if (err)
		return err;
	err = m->low->send(m->low_ctx, base, buf, w.n);
	if (msg->prim == MACP_ENC_KEY_REQ || msg->prim == MACP_HO_RES ||
	    msg->prim == MACP_GET_DEF_CKEY_RES)
		mem_wipe(buf, sizeof(buf));
	return err;
}

static void dis_req(struct mac *m, uint32_t base, uint8_t mcei)
{
	struct rfp_msg msg = { .type = RFP_DNM, .layer = RFP_L_MAC, .prim = MACP_DIS_REQ };

	msg.u.mcei.mcei = mcei;
	if (mac_send_dnm(m, base, &msg) != 0)
		log_ev(LOG_DEBUG, "release not sent: base is gone", F_RFP(base));
}

/* Takes it out of all tables and frees it. */
static void drop(struct mac_conn *c)
{
	struct base *b = mac_base_of(c->mac, c->base);

	mac_media_stop(c);
	if (b && b->conns[c->mcei] == c)
		b->conns[c->mcei] = NULL;
	tmr_stop(&c->ho_timer);
	tmr_stop(&c->def_timer);
	list_remove(&c->node);
	mem_free_wiped(c, sizeof(*c));
}

static void lose(struct mac_conn *c, enum mac_reason why)
{
	mac_media_stop(c);
	c->room = 0;
	c->mac->ops->dis_ind(c->mac->ctx, c, why);
	drop(c);
}

void mac_free(struct mac *m)
{
	if (!m)
		return;
	while (m->nbases)
		mac_base_down(m, m->bases[m->nbases - 1]->id);
	free(m);
}

/* ---- the upper side ---- */

unsigned mac_room(const struct mac_conn *c)
{
	return c->def_waits ? 0 : (c->room & 1u) + (c->room >> 1 & 1u);
}

int mac_send(struct mac_conn *c, const uint8_t *frame, size_t n)
{
	struct rfp_msg msg = { .type = RFP_DNM, .layer = RFP_L_LC, .prim = LCP_DATA_REQ };
	uint8_t bit = c->room & 1 ? 1 : 2;
	int err;

	if (n < 3 || n > 3 + MAC_INFO_MAX)
		return ERR_LIMIT;
	if (!mac_room(c))
		return ERR_BUSY;
	msg.u.lc.mcei = c->mcei;
	msg.u.lc.chan = bit == 1 ? 0x00 : 0x10;
	msg.u.lc.frame = (struct slice){ (const char *)frame, n };
	err = mac_send_dnm(c->mac, c->base, &msg);
	if (!err)
		c->room &= (uint8_t)~bit;
	return err;
}

void mac_release(struct mac_conn *c)
{
	struct mac *m = c->mac;
	uint32_t base = c->base;
	uint8_t mcei = c->mcei;

	drop(c); /* media first */
	dis_req(m, base, mcei);
}

int mac_encrypt(struct mac_conn *c, const uint8_t *dck, size_t n)
{
	struct rfp_msg msg = { .type = RFP_DNM, .layer = RFP_L_MAC, .prim = MACP_ENC_KEY_REQ };
	struct mac_base_info info;
	int err;

	/* RFP: the message has room for 8 octets; how a radio takes the 16 of DSC2 is not known. */
	if (n != sizeof(msg.u.enc_key.key))
		return ERR_UNSUPP;
	if (mac_base_info(c->mac, c->base, &info) != 0)
		return ERR_LOST;
	if (!info.ciphers)
		return ERR_UNSUPP;
	memcpy(c->dck, dck, n);
	c->ndck = n;
	c->has_dck = true;
	msg.u.enc_key.mcei = c->mcei;
	memcpy(msg.u.enc_key.key, dck, n);
	msg.u.enc_key.id = 1;
	err = mac_send_dnm(c->mac, c->base, &msg);
	mem_wipe(&msg, sizeof(msg));
	return err;
}

bool mac_ciphered(const struct mac_conn *c)
{
	return c->ciphered;
}

void mac_set_pmid(struct mac_conn *c, uint32_t pmid)
{
	c->pmid2 = pmid & MAC_PMID_MASK;
}

uint32_t mac_conn_id(const struct mac_conn *c)
{
	return c->id;
}

uint32_t mac_conn_base(const struct mac_conn *c)
{
	return c->base;
}

uint32_t mac_conn_pmid(const struct mac_conn *c)
{
	return c->pmid;
}

uint8_t mac_conn_mcei(const struct mac_conn *c)
{
	return c->mcei;
}

void mac_conn_set_user(struct mac_conn *c, void *user)
{
	c->user = user;
}

void *mac_conn_user(const struct mac_conn *c)
{
	return c->user;
}

int mac_page_base(struct mac *m, uint32_t base, const uint8_t *page, size_t n)
{
	struct rfp_msg msg = { .type = RFP_DNM, .layer = RFP_L_MAC, .prim = MACP_PAGE_REQ };

	/* RFP: only the short format (3 octets) was ever seen; the full one (5) goes out with its length. */
	if (n != 3 && n != 5)
		return ERR_LIMIT;
	msg.u.page.page = (struct slice){ (const char *)page, n };
	return mac_base_of(m, base) ? mac_send_dnm(m, base, &msg) : ERR_LOST;
}

unsigned mac_page(struct mac *m, uint32_t cluster, const uint8_t *page, size_t n)
{
	unsigned sent = 0;

	for (unsigned i = 0; i < m->nbases; i++)
		if (cluster == MAC_ALL || m->bases[i]->cluster == cluster)
			sent += mac_page_base(m, m->bases[i]->id, page, n) == 0;
	return sent;
}

void mac_access_rights(struct mac *m, bool allowed)
{
	if (m->low->access_rights)
		m->low->access_rights(m->low_ctx, allowed);
}

int mac_base_info(const struct mac *m, uint32_t base, struct mac_base_info *out)
{
	return m->low->base_info ? m->low->base_info(m->low_ctx, base, out) : ERR_NOTFOUND;
}

unsigned mac_bases(const struct mac *m, uint32_t *out, unsigned cap)
{
	for (unsigned i = 0; i < m->nbases && i < cap; i++)
		out[i] = m->bases[i]->id;
	return m->nbases;
}

/* ---- the lower side ---- */

void mac_base_up(struct mac *m, uint32_t base, uint32_t cluster)
{
	struct base *b = mac_base_of(m, base);

	if (b) {
		b->cluster = cluster;
		return;
	}
	if (m->nbases == BASES_MAX)
		return;
	b = mem_new(sizeof(*b));
	b->id = base;
	b->cluster = cluster;
	m->bases[m->nbases++] = b;
	m->ops->base_ind(m->ctx, base, true);
}

static bool ours(const struct mac_conn *c, uint32_t base)
{
	return c->base == base;
}

void mac_base_down(struct mac *m, uint32_t base)
{
	struct base *b = mac_base_of(m, base);

	if (!b)
		return;
	/* An upcall may release other connections: look from the start after each. */
	for (bool again = true; again;) {
		again = false;
		LIST_FOREACH(&m->conns, it)
		{
			struct mac_conn *c = LIST_ENTRY(it, struct mac_conn, node);

			if (!ours(c, base))
				continue;
			lose(c, MAC_R_BASE_LOST);
			again = true;
			break;
		}
	}
	for (unsigned i = 0; i < m->nbases; i++)
		if (m->bases[i] == b) {
			m->bases[i] = m->bases[--m->nbases];
			break;
		}
	if (m->found[base % BASES_NEAR] == b)
		m->found[base % BASES_NEAR] = NULL;
	free(b);
	m->ops->base_ind(m->ctx, base, false);
}

void mac_page_queue_full(struct mac *m, uint32_t base)
{
	m->ops->page_overflow(m->ctx, base);
}

static struct mac_conn *by_pmid(struct mac *m, uint32_t pmid, uint32_t not_base)
{
	LIST_FOREACH(&m->conns, it)
	{
		struct mac_conn *c = LIST_ENTRY(it, struct mac_conn, node);

		if ((c->pmid == pmid || c->pmid2 == pmid) && c->base != not_base)
			return c;
	}
	return NULL;
}

static void ho_late(struct tmr *t, void *ctx)
{
	struct mac_conn *c = ctx;

	(void)t;
	if (!c->ho)
		return;
	c->ho = false;
	dis_req(c->mac, c->ho_base, c->ho_mcei);
	c->mac->ops->handover_failed(c->mac->ctx, c, c->ho_base);
}

/* A connection number that comes anew: the connection that had it is gone (rfp-link 8). */
static void stale(struct base *b, uint8_t mcei)
{
	if (b->conns[mcei])
		lose(b->conns[mcei], MAC_R_STALE);
}

static int handover_ind(struct mac *m, struct base *b, const struct rfp_msg *in)
{
	struct rfp_msg msg = { .type = RFP_DNM, .layer = RFP_L_MAC, .prim = MACP_HO_RES };
	struct mac_conn *c = by_pmid(m, in->u.con.pmid, b->id);
	struct base *old = c ? mac_base_of(m, c->base) : NULL;
	bool keyed = c && c->ciphered && c->ndck == sizeof(msg.u.ho_res.key);
	int err;

	stale(b, in->u.con.mcei);
	/* RFP: the message has room for 8 octets; without a key it says that the connection is in clear, which a ciphered one
	 * never becomes. */
	if (c && c->ciphered && !keyed) {
		log_ev(LOG_NOTICE, "handover refused: its base cannot be told the connection's key",
		    F_RFP(b->id), F_U64("IPDECT_KEY_OCTETS", c->ndck));
		dis_req(m, b->id, in->u.con.mcei);
		return 0;
	}
	if (!c || !old || old->cluster != b->cluster ||
	    m->ops->handover_ask(m->ctx, c, b->id) != 0) {
		/* RFP: a real base may want HO_FAILED_REQ here, whose layout is not known. */
		dis_req(m, b->id, in->u.con.mcei);
		return 0;
	}
	c->ho = true;
	c->ho_base = b->id;
	c->ho_mcei = in->u.con.mcei;
	tmr_start(&c->ho_timer, HO_MS);
	msg.u.ho_res.mcei = c->ho_mcei;
	msg.u.ho_res.id = 0xff;
	if (keyed) {
		memcpy(msg.u.ho_res.key, c->dck, c->ndck);
		msg.u.ho_res.ciphered = 1;
		msg.u.ho_res.id = 1;
	}
	err = mac_send_dnm(m, b->id, &msg);
	mem_wipe(&msg, sizeof(msg));
	return err;
}

static int move(struct mac *m, struct base *b, struct mac_conn *c, uint8_t mcei)
{
	struct base *old = mac_base_of(m, c->base);
	uint32_t old_id = c->base;
	uint8_t old_mcei = c->mcei;
	bool media = c->media;
	uint16_t old_handle = c->handle;

	uint32_t id = c->id;
	int err = 0;

	tmr_stop(&c->ho_timer);
	c->ho = false;
	if (old && old->conns[old_mcei] == c)
		old->conns[old_mcei] = NULL;
	c->base = b->id;
	c->mcei = mcei;
	c->room = 0;
	b->conns[mcei] = c;
	if (media) {
		struct mac_addr local;

		c->media_tries = 0;
		err = mac_media_start(c, &local);
		c->old_handles[1] = c->old_handles[0];
		c->old_bases[1] = c->old_bases[0];
		c->old_handles[0] = old_handle;
		c->old_bases[0] = old_id;
		m->low->media_close(m->low_ctx, old_id, old_handle);
		c->media = c->media_moving = err == 0;
	}
	dis_req(m, old_id, old_mcei);
	m->ops->moved_ind(m->ctx, c, old_id);
	if (err && b->conns[mcei] == c && c->id == id) /* it may have been released meanwhile */
		m->ops->media_ind(
		    m->ctx, c, &(struct mac_media_ind){ .what = MAC_MEDIA_FAILED, .err = err });
	return 0;
}

static int con_ind(struct mac *m, struct base *b, const struct rfp_msg *in)
{
	struct mac_conn *c;

	if (in->u.con.flags & 0x02) {
		c = by_pmid(m, in->u.con.pmid, b->id);
		/* RFP: whether every radio announces with HO_IN_PROGRESS_IND first is not known. Without it a base has no
		 * key: a ciphered connection can't go on there. */
		if (c &&
		    (c->ho ? c->ho_base == b->id && c->ho_mcei == in->u.con.mcei : !c->ciphered)) {
			if (b->conns[in->u.con.mcei] != c)
				stale(b, in->u.con.mcei);
			return move(m, b, c, in->u.con.mcei);
		}
		dis_req(m, b->id, in->u.con.mcei);
		return 0;
	}
	stale(b, in->u.con.mcei);
	c = mem_new(sizeof(*c));
	c->mac = m;
	c->id = ++m->next_id;
	c->base = b->id;
	c->mcei = in->u.con.mcei;
	c->pmid = in->u.con.pmid;
	c->pmid2 = MAC_ALL;
	tmr_init(&c->ho_timer, m->w, ho_late, c);
	mac_early_init(c);
	b->conns[c->mcei] = c;
	list_append(&m->conns, &c->node);
	m->ops->conn_ind(m->ctx, c);
	return 0;
}

static int eks_ind(struct mac_conn *c, const struct rfp_msg *in)
{
	enum mac_cipher how = in->u.eks.kind == 1   ? MAC_CIPHERED
	                      : in->u.eks.kind == 2 ? MAC_CIPHERED_DEF
	                                            : MAC_CLEAR;

	int err = mac_early_eks(c, &how);

	if (err)
		return err;
	c->ciphered = how != MAC_CLEAR;
	c->mac->ops->cipher_ind(
	    c->mac->ctx, c, how, how == MAC_CIPHERED_DEF && c->def_given ? c->def_index : 0);
	return 0;
}

static int dtr_ind(struct mac_conn *c, uint8_t buffer)
{
	uint8_t bit = buffer >> 4 == 0 ? 1 : 2;

	if (buffer >> 4 >= MAC_BUFFERS)
		return ERR_SYNTAX;
	if (c->room & bit)
		return ERR_STATE; /* free already */
	c->room |= bit;
	c->mac->ops->ready_ind(c->mac->ctx, c);
	return 0;
}

static int ho_failed(struct mac *m, struct base *b, const struct rfp_msg *in)
{
	LIST_FOREACH(&m->conns, it)
	{
		struct mac_conn *c = LIST_ENTRY(it, struct mac_conn, node);

		if (!c->ho || c->ho_base != b->id || c->ho_mcei != in->u.mcei.mcei)
			continue;
		c->ho = false;
		tmr_stop(&c->ho_timer);
		m->ops->handover_failed(m->ctx, c, b->id);
		return 0;
	}
	return ERR_STATE;
}

static int info_ind(struct mac *m, struct base *b, const struct rfp_msg *in)
{
	char text[160];

	if (slice_copy(in->u.info.text, text, sizeof(text)) != 0)
		return ERR_LIMIT;
	m->ops->info_ind(m->ctx, b->id, in->u.info.pmid, text);
	return 0;
}

static enum mac_reason reason_of(const struct rfp_msg *in)
{
	/* RFP: 1 is what a real base gives for every normal release; Wireshark's names are one off. */
	if (in->len < 4)
		return MAC_R_UNSPECIFIED;
	return in->u.mcei.v == 1   ? MAC_R_NORMAL
	       : in->u.mcei.v == 2 ? MAC_R_ABNORMAL
	                           : MAC_R_UNSPECIFIED;
}

static int conn_input(struct mac_conn *c, const struct rfp_msg *in)
{
	switch (in->layer << 8 | in->prim) {
	case RFP_L_MAC << 8 | MACP_DIS_IND:
		lose(c, reason_of(in));
		return 0;
	case RFP_L_MAC << 8 | MACP_ENC_EKS_IND:
		return eks_ind(c, in);
	case RFP_L_LC << 8 | LCP_DTR_IND:
		return dtr_ind(c, in->u.mcei.v);
	case RFP_L_LC << 8 | LCP_DATA_IND:
		/* RFP: the low nibble is the logical channel, always 0 (C_S) so far; C_F frames look the same. */
		if (in->u.lc.frame.n < 3 || in->u.lc.frame.n > MAC_FRAME_MAX)
			return ERR_SYNTAX;
		c->mac->ops->frame_ind(
		    c->mac->ctx, c, (const uint8_t *)in->u.lc.frame.p, in->u.lc.frame.n);
		return 0;
	default:
		return ERR_UNSUPP;
	}
}

int mac_input(struct mac *m, uint32_t base, const uint8_t *dnm, size_t n)
{
	struct base *b = mac_base_of(m, base);
	struct rfp_msg in;
	struct mac_conn *c;
	int err = rfp_dnm_parse((struct slice){ (const char *)dnm, n }, &in);

	if (err)
		return err;
	if (!b)
		return ERR_STATE;
	if (in.layer == RFP_L_MAC)
		switch (in.prim) {
		case MACP_CON_IND:
			return con_ind(m, b, &in);
		case MACP_HO_IND:
			return handover_ind(m, b, &in);
		case MACP_HO_FAILED_IND:
			return ho_failed(m, b, &in);
		case MACP_INFO_IND:
			return info_ind(m, b, &in);
		case MACP_GET_DEF_CKEY_IND:
			return mac_early_ask(m, b, &in);
		default:
			break;
		}
	c = n > 2 ? b->conns[dnm[2]] : NULL;
	return c ? conn_input(c, &in) : ERR_STATE;
}
