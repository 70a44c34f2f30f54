/* A soft base's MAC and LC layers: connections, transmit buffers, pages, ciphering, handover (rfp-link 8). */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "tests/support/softrfp_priv.h"

#define AWAY_MS  5000 /* after a handover the server takes the old MCEI back */
#define CROSS_MS 3000 /* messages that were under way when the connection ended here */
#define FILL     0xf0

static void mac(struct softrfp *b, struct rfp_msg *m, uint8_t prim)
{
	m->type = RFP_DNM;
	m->layer = RFP_L_MAC;
	m->prim = prim;
	sr_send(b, m);
}

static void dtr(struct softrfp *b, unsigned mcei, unsigned buffer)
{
	struct rfp_msg m = { .type = RFP_DNM, .layer = RFP_L_LC, .prim = LCP_DTR_IND };

	m.u.mcei.mcei = (uint8_t)mcei;
	m.u.mcei.v = buffer ? 0x10 : 0x00;
	sr_send(b, &m);
}

struct sr_conn *sr_conn_of(struct softrfp *b, unsigned mcei)
{
	return mcei < SR_MCEIS && b->conns[mcei].used ? &b->conns[mcei] : NULL;
}

int sr_mcei_of(const struct softrfp *b, const struct air_conn *c)
{
	for (int i = 0; i < SR_MCEIS; i++)
		if (b->conns[i].used && b->conns[i].c == c)
			return i;
	return -1;
}

static void free_conn(struct softrfp *b, unsigned mcei)
{
	b->conns[mcei] = (struct sr_conn){ 0 };
	b->freed[mcei] = tmr_now(b->w);
}

/* MAC_INFO_IND: how the frames of the connection fared. */
static void info_ind(struct softrfp *b, unsigned mcei, const struct sr_conn *c)
{
	struct rfp_msg m = { 0 };
	char text[96];
	int n =
	    snprintf(text, sizeof(text), "FramesOK=%u Frames_ERR=0 BHO=0 BHOFailed=0", c->frames);

	m.u.info.mcei = (uint8_t)mcei;
	m.u.info.pmid = c->pmid;
	m.u.info.text = (struct slice){ text, (size_t)n };
	mac(b, &m, MACP_INFO_IND);
}

static void dis_ind(struct softrfp *b, unsigned mcei, uint8_t reason)
{
	struct rfp_msg m = { .len = 4 };

	m.u.mcei.mcei = (uint8_t)mcei;
	m.u.mcei.v = reason;
	mac(b, &m, MACP_DIS_IND);
}

void sr_mac_off(struct softrfp *b)
{
	for (unsigned i = 0; i < SR_MCEIS; i++)
		if (b->conns[i].used)
			free_conn(b, i);
}

/* ---- from the air ---- */

/* In turn, never one that is in use (rfp-link 8). */
static int take_mcei(struct softrfp *b)
{
	for (unsigned i = 0; i < SR_MCEIS; i++) {
		unsigned m = (b->next_mcei + i) % SR_MCEIS;

		if (b->conns[m].used && b->conns[m].away &&
		    tmr_now(b->w) - b->conns[m].away_since > AWAY_MS) {
			sr_violation(
			    b, "rfp-link 12.6", "MCEI %u was not released after the handover", m);
			free_conn(b, m);
		}
		if (b->conns[m].used)
			continue;
		b->next_mcei = (m + 1) % SR_MCEIS;
		return (int)m;
	}
	return -1;
}

static void con_ind(struct softrfp *b, unsigned mcei, uint8_t flags)
{
	struct rfp_msg m = { 0 };

	m.u.con.mcei = (uint8_t)mcei;
	m.u.con.pmid = b->conns[mcei].pmid;
	m.u.con.flags = flags;
	m.u.con.one = 1;
	mac(b, &m, MACP_CON_IND);
	b->conns[mcei].announced = true;
	for (unsigned i = 0; i < 2; i++) {
		if (b->lose_dtr && i) {
			b->lose_dtr--;
			continue;
		}
		dtr(b, mcei, i);
	}
}

static int on_setup(void *ctx, struct air_conn *c, uint32_t pmid, bool handover)
{
	struct softrfp *b = ctx;
	struct rfp_msg m = { 0 };
	int mcei = b->radio == SRR_ACTIVE && b->st == SR_SEALED ? take_mcei(b) : -1;
	struct sr_conn *sc;

	if (mcei < 0)
		return -1;
	sc = &b->conns[mcei];
	*sc = (struct sr_conn){ .used = true, .c = c, .pmid = pmid & 0xfffff, .ho = handover };
	sc->since = tmr_now(b->w);
	if (!handover) {
		con_ind(b, (unsigned)mcei, 0);
		air_base_accept(c);
		return mcei;
	}
	m.u.con.mcei = (uint8_t)mcei;
	m.u.con.pmid = sc->pmid;
	m.u.con.flags = 0x02;
	m.u.con.one = 1;
	mac(b, &m, MACP_HO_IND);
	return mcei;
}

static void on_frame(void *ctx, struct air_conn *c, int mcei, const uint8_t *frame, size_t n)
{
	struct softrfp *b = ctx;
	struct sr_conn *sc = sr_conn_of(b, (unsigned)mcei);
	struct rfp_msg m = { .type = RFP_DNM, .layer = RFP_L_LC, .prim = LCP_DATA_IND };
	uint8_t buf[AIR_FRAME_MAX + 5];

	if (!sc || sc->c != c || b->st != SR_SEALED)
		return;
	memcpy(buf, frame, n);
	while ((n + 2) % 5)
		buf[n++] = FILL;
	m.u.lc.mcei = (uint8_t)mcei;
	m.u.lc.frame = (struct slice){ (const char *)buf, n };
	sr_send(b, &m);
	b->good_frames++;
	sc->frames++;
}

static void on_released(void *ctx, struct air_conn *c, int mcei, enum air_reason why)
{
	struct softrfp *b = ctx;
	struct sr_conn *sc = sr_conn_of(b, (unsigned)mcei), copy;

	if (!sc || sc->c != c || b->st != SR_SEALED)
		return;
	copy = *sc;
	free_conn(b, (unsigned)mcei);
	if (why != AIR_NORMAL)
		b->lost_conns++;
	if (copy.ho && !copy.announced) { /* the handover did not get that far */
		struct rfp_msg m = { 0 };

		m.u.mcei.mcei = (uint8_t)mcei;
		m.u.mcei.v = 1;
		mac(b, &m, MACP_HO_FAILED_IND);
		return;
	}
	dis_ind(b, (unsigned)mcei, why == AIR_NORMAL ? 1 : 2);
	info_ind(b, (unsigned)mcei, &copy);
}

static void on_moved_away(void *ctx, struct air_conn *c, int mcei)
{
	struct softrfp *b = ctx;
	struct sr_conn *sc = sr_conn_of(b, (unsigned)mcei);

	if (!sc || sc->c != c)
		return;
	sc->away = true;
	sc->c = NULL;
	sc->away_since = tmr_now(b->w);
}

static void eks_ind(struct softrfp *b, unsigned mcei)
{
	const struct sr_conn *sc = &b->conns[mcei];
	bool early = sc->c && air_conn_early(sc->c);
	struct rfp_msg m = { .len = early ? 0 : 4 };

	m.u.eks.mcei = (uint8_t)mcei;
	m.u.eks.kind = early ? 2 : 1;
	m.u.eks.id = 1;
	m.u.eks.ppn = (uint16_t)sc->pmid;
	mac(b, &m, MACP_ENC_EKS_IND);
}

static void on_ciphered(void *ctx, struct air_conn *c, int mcei)
{
	struct softrfp *b = ctx;
	struct sr_conn *sc = sr_conn_of(b, (unsigned)mcei);

	if (sc && sc->c == c)
		eks_ind(b, (unsigned)mcei);
}

static void on_speech(void *ctx, struct air_conn *c, int mcei, const int16_t *samples)
{
	struct softrfp *b = ctx;
	struct sr_conn *sc = sr_conn_of(b, (unsigned)mcei);

	if (sc && sc->c == c)
		sr_media_speak(b, mcei, samples);
}

const struct air_base_ops sr_air_ops = { .setup = on_setup,
	.frame = on_frame,
	.released = on_released,
	.moved_away = on_moved_away,
	.ciphered = on_ciphered,
	.early = sr_early_ask,
	.speech = on_speech };

/* ---- from the server ---- */

static void frame_done(void *ctx, int buffer)
{
	struct softrfp *b = ctx;
	unsigned mcei = (unsigned)buffer >> 1, which = (unsigned)buffer & 1;
	struct sr_conn *sc = sr_conn_of(b, mcei);

	if (!sc || !sc->busy[which] || b->st != SR_SEALED)
		return;
	sc->busy[which] = false;
	if (b->lose_dtr) {
		b->lose_dtr--;
		return;
	}
	dtr(b, mcei, which);
}

static void data_req(struct softrfp *b, unsigned mcei, struct sr_conn *sc, const struct rfp_msg *m)
{
	const uint8_t *f = (const uint8_t *)m->u.lc.frame.p;
	size_t n = m->u.lc.frame.n;
	unsigned which = m->u.lc.chan >> 4;

	if (m->u.lc.chan & 0x0f || which > 1) {
		sr_violation(b, "rfp-link 8.1", "buffer/channel octet %02x", m->u.lc.chan);
		return;
	}
	if (sc->away)
		return; /* under way while it moved: lost, as on the air */
	if (!sc->announced) {
		sr_violation(b, "rfp-link 8.1", "frame for MCEI %u before MAC_CON_IND", mcei);
		return;
	}
	if (sc->busy[which]) {
		sr_violation(
		    b, "rfp-link 8.1", "buffer %u of MCEI %u is not free: frame lost", which, mcei);
		return;
	}
	if (n < 3 || n > AIR_FRAME_MAX) {
		sr_violation(b, "rfp-link 8.1", "frame of %zu octets", n);
		return;
	}
	if (!(f[2] & 1) || n != 3u + (f[2] >> 2))
		sr_violation(b, "rfp-link 8.1",
		    "frame of %zu octets says %u of information: fill or checksum downwards", n,
		    f[2] >> 2);
	sc->busy[which] = true;
	sc->frames++;
	b->good_frames++;
	air_base_frame(sc->c, f, n, frame_done, b, (int)(mcei << 1 | which));
}

static void dis_req(struct softrfp *b, unsigned mcei, struct sr_conn *sc)
{
	struct sr_conn copy = *sc;

	if (sr_media_of(b, (int)mcei))
		sr_violation(b, "rfp-link 12.5", "MCEI %u released with its media open", mcei);
	free_conn(b, mcei);
	if (copy.away) {
		info_ind(b, mcei, &copy);
		return;
	}
	if (copy.ho && !copy.announced) {
		air_event(b->air, "%s handover refused", b->who);
		air_base_refuse(copy.c);
		return;
	}
	air_base_release(copy.c, AIR_NORMAL);
	info_ind(b, mcei, &copy);
}

static void enc_key(struct softrfp *b, struct sr_conn *sc, const struct rfp_msg *m)
{
	if (rfp_model_generation(b->conf.model) < 3)
		sr_violation(b, "rfp-link 12.7", "cipher key for a radio of the second generation");
	if (!(b->info.higher_caps & 0x0400))
		sr_violation(b, "rfp-link 12.7", "cipher key, but DSC is not broadcast");
	if (m->u.enc_key.id != 1)
		sr_violation(b, "rfp-link 8", "key id %u", m->u.enc_key.id);
	if (sc->away)
		return;
	sc->has_key = true;
	air_base_key(sc->c, m->u.enc_key.key, 8);
}

static void ho_res(struct softrfp *b, unsigned mcei, struct sr_conn *sc, const struct rfp_msg *m)
{
	static const uint8_t none[8];
	bool key = m->u.ho_res.ciphered == 1;
	struct air_conn *c = sc->c;

	if (!sc->ho || sc->announced) {
		sr_violation(b, "rfp-link 8.4", "HO_IN_PROGRESS_RES without a handover");
		return;
	}
	if (m->u.ho_res.ciphered > 1 || (key ? m->u.ho_res.id != 1 : m->u.ho_res.id != 0xff) ||
	    (!key && memcmp(m->u.ho_res.key, none, 8) != 0))
		sr_violation(b, "rfp-link 8",
		    "HO_IN_PROGRESS_RES: key, cipher octet %u and id %02x disagree",
		    m->u.ho_res.ciphered, m->u.ho_res.id);
	if (key != air_conn_ciphered(c))
		sr_violation(b, "dect-security 8.5",
		    "the connection is %s, HO_IN_PROGRESS_RES says %s",
		    air_conn_ciphered(c) ? "ciphered" : "in clear", key ? "ciphered" : "clear");
	air_base_handover_key(c, m->u.ho_res.key, key ? 8 : 0);
	con_ind(b, mcei, 0x02);
	air_event(b->air, "%s takes pp %s over", b->who, air_conn_pp(c));
	air_base_accept(c); /* it may be lost here: its key */
	sc = sr_conn_of(b, mcei);
	if (sc && sc->c == c && key) {
		sc->has_key = true;
		eks_ind(b, mcei);
	}
}

static void page(struct softrfp *b, const struct rfp_msg *m)
{
	const uint8_t *p = (const uint8_t *)m->u.page.page.p;
	size_t n = m->u.page.page.n;

	if (n != 3 && n != 5) {
		sr_violation(b, "rfp-link 8.2", "page of %zu octets", n);
		return;
	}
	if (p[0] & 0xf0)
		sr_violation(b, "dect-nwk 7.1", "first octet of a page is %02x", p[0]);
	if (b->radio == SRR_ACTIVE)
		air_base_page(b->on, p, n);
}

static unsigned mcei_in(const struct rfp_msg *m)
{
	if (m->layer == RFP_L_LC)
		return m->u.lc.mcei;
	switch (m->prim) {
	case MACP_ENC_KEY_REQ:
		return m->u.enc_key.mcei;
	case MACP_HO_RES:
		return m->u.ho_res.mcei;
	default:
		return m->u.mcei.mcei;
	}
}

void sr_mac_input(struct softrfp *b, const struct rfp_msg *m)
{
	struct sr_conn *sc;
	unsigned mcei;

	if (b->radio != SRR_ACTIVE) {
		/* It may cross our own end of the radio service. */
		if (tmr_now(b->w) - b->sealed_at < CROSS_MS)
			sr_violation(
			    b, "rfp-link 7.1", "MAC or LC primitive %02x before ACTIVATE", m->prim);
		return;
	}
	if (m->layer == RFP_L_MAC && m->prim == MACP_PAGE_REQ) {
		page(b, m);
		return;
	}
	if (m->layer == RFP_L_MAC && m->prim == MACP_CLEAR_DEF_CKEY_REQ) {
		air_event(b->air, "%s forgets the key of %05x", b->who, (unsigned)m->u.pmid.pmid);
		return;
	}
	if (m->layer == RFP_L_MAC && m->prim == MACP_GET_DEF_CKEY_RES) {
		sr_early_input(b, m);
		return;
	}
	mcei = mcei_in(m);
	sc = sr_conn_of(b, mcei);
	if (!sc) {
		if (mcei >= SR_MCEIS || !b->freed[mcei] ||
		    tmr_now(b->w) - b->freed[mcei] > CROSS_MS)
			sr_violation(b, "rfp-link 8",
			    "primitive %02x for MCEI %u, which is not in use", m->prim, mcei);
		return;
	}
	if (m->layer == RFP_L_LC && m->prim == LCP_DATA_REQ)
		data_req(b, mcei, sc, m);
	else if (m->layer == RFP_L_MAC && m->prim == MACP_DIS_REQ)
		dis_req(b, mcei, sc);
	else if (m->layer == RFP_L_MAC && m->prim == MACP_ENC_KEY_REQ)
		enc_key(b, sc, m);
	else if (m->layer == RFP_L_MAC && m->prim == MACP_HO_RES)
		ho_res(b, mcei, sc, m);
	else
		sr_violation(b, "rfp-link 8", "primitive %02x of layer %02x is not for a base",
		    m->prim, m->layer);
}
