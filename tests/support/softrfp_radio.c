/* A soft base's radio processor: start-up, identity and capabilities, search, synchronisation, statistics
 * (rfp-link 7, 10). */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "tests/support/softrfp_priv.h"

#define PHASE_MS 10000 /* between reports about neighbours' phases */

static void rfpc(struct softrfp *b, uint8_t prim, const void *items, size_t n)
{
	struct rfp_msg m = { .type = RFP_DNM, .layer = RFP_L_RFPC, .prim = prim };

	m.u.rfpc.items = (struct slice){ items, n };
	sr_send(b, &m);
}

static void sync_send(struct softrfp *b, uint16_t type, const void *data, size_t n)
{
	struct rfp_msg m = { .type = RFP_SYNC, .sync = type };

	m.u.sync.data = (struct slice){ data, n };
	sr_send(b, &m);
}

/* READY_IND as the second and third generation send it. */
void sr_radio_init(struct softrfp *b)
{
	bool old = rfp_model_generation(b->conf.model) < 3;
	const uint8_t gen2[] = { 1, 1, 1, 2, 7, 2, 1, 2, 3, 0x11, 0x32, 0xfc, 3, 1, 0x0c };
	const uint8_t gen3[] = { 1, 1, 1, 2, 7, 3, 0, 0, 2, 0x11, 0, 3, 3, 1, 0x0c };

	b->radio = SRR_READY;
	rfpc(b, RFPC_READY_IND, old ? gen2 : gen3, sizeof(gen2));
}

static void air_off(struct softrfp *b)
{
	sr_media_off(b);
	sr_mac_off(b);
	air_base_off(b->on);
	tmr_stop(&b->phase);
	tmr_stop(&b->freq);
	tmr_stop(&b->early);
	b->reporting = false;
}

void sr_radio_off(struct softrfp *b)
{
	air_off(b);
	b->radio = SRR_BOOT;
	memset(&b->info, 0, sizeof(b->info));
}

static void on_phase(struct tmr *t, void *ctx);

static void on_search(struct tmr *t, void *ctx);

static void on_freq(struct tmr *t, void *ctx)
{
	struct softrfp *b = ctx;

	(void)t;
	if (b->st == SR_SEALED && b->radio >= SRR_INIT)
		sync_send(b, SYNC_FREQ_CTRL_MODE_CFM, "\x02\x0a\x30\x0a\x30\x04", 6);
}

void sr_radio_new(struct softrfp *b)
{
	tmr_init(&b->phase, b->w, on_phase, b);
	tmr_init(&b->boot, b->w, on_search, b);
	tmr_init(&b->freq, b->w, on_freq, b);
	sr_early_init(b);
}

/* ---- who hears whom ---- */

int sr_heard_at(const struct softrfp *b, const struct softrfp *o)
{
	if (o == b || o->radio != SRR_ACTIVE)
		return -1;
	for (unsigned i = 0; i < b->nhears; i++)
		if (b->hears[i].other == o)
			return b->hears[i].rssi;
	return (int)o->conf.rssi;
}

/* Bases of the same system only: a radio tells them by their PARI. */
static bool ours(const struct softrfp *b, const struct softrfp *o)
{
	return memcmp(b->info.rfpi, o->info.rfpi, 4) == 0;
}

static bool hears_rpn(const struct softrfp *b, unsigned rpn)
{
	LIST_FOREACH(&b->set->bases, it)
	{
		const struct softrfp *o = LIST_ENTRY(it, struct softrfp, node);

		if (sr_heard_at(b, o) >= 0 && ours(b, o) && o->info.rfpi[4] == rpn)
			return true;
	}
	return false;
}

/* The second answer to SYSTEM_SEARCH: how many, and each with RPN and signal, little-endian. */
static void on_search(struct tmr *t, void *ctx)
{
	struct softrfp *b = ctx;
	uint8_t buf[1 + 4 * 60];
	struct wr w = wr_of(buf, sizeof(buf));

	(void)t;
	if (b->st != SR_SEALED || b->radio != SRR_RESET)
		return;
	wr_u8(&w, 0);
	LIST_FOREACH(&b->set->bases, it)
	{
		const struct softrfp *o = LIST_ENTRY(it, struct softrfp, node);
		int rssi = sr_heard_at(b, o);

		if (rssi < 0 || !ours(b, o) || buf[0] == 60)
			continue;
		wr_le16(&w, o->info.rfpi[4]);
		wr_le16(&w, (unsigned)rssi);
		buf[0]++;
	}
	b->radio = SRR_SEARCHED;
	sync_send(b, SYNC_SYSTEM_SEARCH_CFM, buf, w.n);
}

static void on_phase(struct tmr *t, void *ctx)
{
	struct softrfp *b = ctx;
	uint8_t buf[1 + 6 * 40];
	struct wr w = wr_of(buf, sizeof(buf));

	(void)t;
	if (b->radio != SRR_ACTIVE || b->st != SR_SEALED)
		return;
	tmr_start(&b->phase, PHASE_MS);
	wr_u8(&w, 0);
	LIST_FOREACH(&b->set->bases, it)
	{
		const struct softrfp *o = LIST_ENTRY(it, struct softrfp, node);
		int rssi = sr_heard_at(b, o);

		if (rssi < 0 || !ours(b, o) || buf[0] == 40)
			continue;
		wr_be16(&w, o->info.rfpi[4]);
		wr_be16(&w, (unsigned)(o->info.rfpi[4] & 3) + 1u); /* some 100 ns: in step */
		wr_u8(&w, (unsigned)rssi & 0xff);
		wr_u8(&w, 7);
		buf[0]++;
	}
	if (buf[0])
		sync_send(b, SYNC_PHASE_OFS_WITH_RSSI_IND, buf, w.n);
}

/* ---- RFPC ---- */

struct want {
	uint8_t key, len;
	bool must;
};
/* INIT_REQ in the order of the real sample. */
static const struct want init_items[] = { { RFPC_I_RFPI, 5, true }, { RFPC_I_HIGHER_CAPS, 2, true },
	{ RFPC_I_EXT_CAPS, 5, true }, { RFPC_I_SITE_LOCATION, 2, true },
	{ RFPC_I_MAC_CAPS, 3, true }, { RFPC_I_PLI, 1, true }, { RFPC_I_REFLECTING, 1, true },
	{ RFPC_I_EXT_CAPS2, 5, false }, { RFPC_I_FREQ_BAND, 1, false },
	{ RFPC_I_RF_POWER, 1, false } };

static void set_caps(struct softrfp *b, uint16_t caps)
{
	uint16_t was = b->info.higher_caps;

	b->info.higher_caps = caps;
	if ((caps & 0xc000) != 0xc000)
		sr_violation(b, "dect-nwk 19", "capabilities %04x without GAP speech", caps);
	if (!(caps & 0x0200))
		sr_violation(
		    b, "dect-nwk 19", "capabilities %04x without location registration", caps);
	if ((caps & 0x0400) && rfp_model_generation(b->conf.model) < 3)
		sr_violation(
		    b, "rfp-link 12.7", "ciphering announced on a radio of the second generation");
	if (was != caps)
		air_event(b->air, "%s caps %04x", b->who, caps);
	if ((was ^ caps) & 0x0008)
		air_event(b->air, "%s subscription %s", b->who, caps & 0x0008 ? "open" : "closed");
}

static void check_rfpi(struct softrfp *b)
{
	const uint8_t *r = b->info.rfpi;
	unsigned arc = r[0] >> 4 & 7;

	if (arc > 2)
		sr_violation(b, "EN 300 175-6 5", "ARI class %u", arc);
	if (arc && b->info.pli != 31)
		sr_violation(
		    b, "dect-security 2.2", "PLI %u for class %c", b->info.pli, (int)('A' + arc));
	LIST_FOREACH(&b->set->bases, it)
	{
		const struct softrfp *o = LIST_ENTRY(it, struct softrfp, node);

		if (o != b && o->radio == SRR_ACTIVE && memcmp(o->info.rfpi, r, 5) == 0 &&
		    strcmp(o->conf.server, b->conf.server) == 0 && o->conf.port == b->conf.port &&
		    sr_heard_at(b, o) >= 0)
			sr_violation(b, "dect-security 2.1",
			    "the same RFPI as base %s, which it hears", o->name);
	}
}

static void init_item(struct softrfp *b, uint8_t key, struct slice v)
{
	const uint8_t *p = (const uint8_t *)v.p;

	switch (key) {
	case RFPC_I_RFPI:
		memcpy(b->info.rfpi, p, 5);
		break;
	case RFPC_I_HIGHER_CAPS:
		set_caps(b, (uint16_t)(p[0] << 8 | p[1]));
		break;
	case RFPC_I_EXT_CAPS:
		memcpy(b->info.ext_caps, p, 5);
		break;
	case RFPC_I_EXT_CAPS2:
		memcpy(b->info.ext_caps2, p, 5);
		break;
	case RFPC_I_MAC_CAPS:
		memcpy(b->info.mac_caps, p, 3);
		break;
	case RFPC_I_PLI:
		b->info.pli = p[0];
		break;
	default:
		break;
	}
}

static void init_req(struct softrfp *b, const struct rfp_msg *m)
{
	struct rd r = rd_of(m->u.rfpc.items.p, m->u.rfpc.items.n);
	unsigned seen = 0, last = 0;
	struct slice v;
	uint8_t key;
	int rc;

	if (b->radio == SRR_BOOT)
		sr_violation(b, "rfp-link 7.1", "INIT_REQ before READY_IND");
	air_off(b);
	sr_burst_check(b);
	while ((rc = rfpc_next(&r, &key, &v)) == 1) {
		unsigned i;

		for (i = 0; i < ARRAY_LEN(init_items) && init_items[i].key != key; i++)
			;
		if (i == ARRAY_LEN(init_items)) {
			sr_violation(b, "rfp-link 7", "item %02x in INIT_REQ", key);
			continue;
		}
		if (v.n != init_items[i].len) {
			sr_violation(
			    b, "rfp-link 7", "item %02x of %zu octets in INIT_REQ", key, v.n);
			continue;
		}
		if (i < last)
			sr_violation(b, "rfp-link 7", "item %02x out of order in INIT_REQ", key);
		last = i;
		seen |= 1u << i;
		init_item(b, key, v);
	}
	if (rc < 0)
		sr_violation(b, "rfp-link 7", "items of INIT_REQ overrun it");
	for (unsigned i = 0; i < ARRAY_LEN(init_items); i++)
		if (init_items[i].must && !(seen & 1u << i))
			sr_violation(
			    b, "rfp-link 7", "no item %02x in INIT_REQ", init_items[i].key);
	b->radio = SRR_INIT;
	check_rfpi(b);
	rfpc(b, RFPC_INIT_CFM, "\x12\x01\x01", 3);
	sync_send(b, SYNC_READY_FOR_SYNC, NULL, 0);
}

static void sari_list(struct softrfp *b, const struct rfp_msg *m)
{
	struct rd r = rd_of(m->u.rfpc.items.p, m->u.rfpc.items.n);
	struct slice v;
	uint8_t key;

	if (rfpc_next(&r, &key, &v) != 1 || key != RFPC_I_SARI || v.n == 0 || v.n % 4 != 0)
		sr_violation(b, "rfp-link 7", "SARI_LIST_REQ without a list of 4-octet ARIs");
}

static void change_caps(struct softrfp *b, const struct rfp_msg *m)
{
	struct rd r = rd_of(m->u.rfpc.items.p, m->u.rfpc.items.n);
	struct slice v;
	uint8_t key;

	if (rfpc_next(&r, &key, &v) != 1 || key != RFPC_I_HIGHER_CAPS || v.n != 2) {
		sr_violation(b, "rfp-link 7", "CHANGE_HIGHER_LAYER_CAPABILITIES_REQ without them");
		return;
	}
	if (b->radio < SRR_INIT)
		sr_violation(b, "rfp-link 7", "capabilities changed before INIT_REQ");
	set_caps(b, (uint16_t)((uint8_t)v.p[0] << 8 | (uint8_t)v.p[1]));
	rfpc(b, RFPC_CHANGE_HLC_CFM, NULL, 0);
	if (b->radio == SRR_ACTIVE)
		air_base_on(b->on, &b->info);
}

static void statistics(struct softrfp *b)
{
	uint8_t buf[2 + 0x34];
	struct wr w = wr_of(buf, sizeof(buf));

	wr_u8(&w, RFPC_I_STAT_DATA);
	wr_u8(&w, 0x34);
	for (int i = 0; i < 8; i++)
		wr_le16(&w, 0);
	wr_le16(&w, b->lost_conns); /* @16 */
	wr_fill(&w, 0, 24);
	wr_le32(&w, b->bad_frames);  /* @42 */
	wr_le32(&w, b->good_frames); /* @46 */
	wr_le16(&w, 0);
	BUG_ON(w.bad || w.n != sizeof(buf));
	rfpc(b, RFPC_STATISTICS_CFM, buf, w.n);
}

void sr_radio_input(struct softrfp *b, const struct rfp_msg *m)
{
	switch (m->prim) {
	case RFPC_INIT_REQ:
		init_req(b, m);
		break;
	case RFPC_SARI_LIST_REQ:
		sari_list(b, m);
		break;
	case RFPC_CHANGE_HLC_REQ:
		change_caps(b, m);
		break;
	case RFPC_CHANGE_STATUS_REQ:
		rfpc(b, RFPC_CHANGE_STATUS_CFM, NULL, 0);
		break;
	case RFPC_ACTIVATE_REQ:
		if (b->radio != SRR_STARTED) {
			sr_violation(b, "rfp-link 7.1", "ACTIVATE_REQ before the MAC was started");
			break;
		}
		b->radio = SRR_ACTIVE;
		rfpc(b, RFPC_ACTIVATE_CFM, NULL, 0);
		air_base_on(b->on, &b->info);
		air_event(b->air, "%s up rfpi %02x%02x%02x%02x%02x %s", b->who, b->info.rfpi[0],
		    b->info.rfpi[1], b->info.rfpi[2], b->info.rfpi[3], b->info.rfpi[4],
		    b->master ? "master" : "slave");
		break;
	case RFPC_DEACTIVATE_REQ:
		air_off(b);
		b->radio = SRR_STARTED;
		rfpc(b, RFPC_DEACTIVATE_CFM, NULL, 0);
		air_event(b->air, "%s silent", b->who);
		break;
	case RFPC_RESET_REQ:
		air_off(b);
		sr_radio_init(b);
		break;
	case RFPC_STATISTICS_REQ:
		statistics(b);
		break;
	case RFPC_ACTIVE_RES:
		break;
	default:
		sr_violation(b, "rfp-link 7", "RFPC primitive %02x is not for a base", m->prim);
	}
}

/* ---- SYNC ---- */

static void start_mac(struct softrfp *b, const struct rfp_msg *m)
{
	bool slave = m->sync == SYNC_START_MAC_SLAVE_IND;
	const uint8_t *p = (const uint8_t *)m->u.sync.data.p;

	if (b->radio != SRR_RESET2) {
		sr_violation(b, "rfp-link 7.1", "MAC started before search and reset");
		sync_send(b, slave ? SYNC_START_MAC_SLAVE_REJ : SYNC_START_MAC_MASTER_REJ, NULL, 0);
		return;
	}
	b->master = !slave;
	b->ref = -1;
	if (slave) {
		if (m->u.sync.data.n < 2) {
			sr_violation(b, "rfp-link 10", "START_MAC_SLAVE_MODE without a reference");
			sync_send(b, SYNC_START_MAC_SLAVE_REJ, NULL, 0);
			return;
		}
		b->ref = p[0] << 8 | p[1];
		if (!hears_rpn(b, (unsigned)b->ref)) {
			air_event(b->air, "%s does not hear its reference %d", b->who, b->ref);
			sync_send(b, SYNC_START_MAC_SLAVE_REJ, NULL, 0);
			return;
		}
	}
	b->radio = SRR_STARTED;
	sync_send(b, slave ? SYNC_START_MAC_SLAVE_CFM : SYNC_START_MAC_MASTER_CFM, NULL, 0);
}

void sr_sync_input(struct softrfp *b, const struct rfp_msg *m)
{
	const uint8_t *p = (const uint8_t *)m->u.sync.data.p;

	if (b->radio < SRR_INIT)
		sr_violation(b, "rfp-link 7.1", "SYNC %04x before the radio is ready", m->sync);
	switch (m->sync) {
	case SYNC_RESET_MAC_IND:
		air_off(b);
		b->radio = b->radio == SRR_SEARCHED ? SRR_RESET2 : SRR_RESET;
		sync_send(b, SYNC_RESET_MAC_CFM, NULL, 0);
		break;
	case SYNC_GET_REQ_RSSI_COMP_IND:
		sync_send(b, SYNC_GET_REQ_RSSI_COMP_CFM, "\x10\x00", 2);
		if (b->conf.image_check)
			sr_send(b, &(struct rfp_msg){ .type = RFP_SYS_NEW_SW });
		break;
	case SYNC_SYSTEM_SEARCH_IND:
		if (m->u.sync.data.n < 1 || p[0] != 3)
			sr_violation(b, "rfp-link 10", "search mode is not 3");
		if (b->radio == SRR_RESET2) /* once more: after a reset all the same */
			b->radio = SRR_RESET;
		if (b->radio != SRR_RESET) {
			sr_violation(b, "rfp-link 7.1", "search before RESET_MAC");
			sync_send(b, SYNC_SYSTEM_SEARCH_REJ, NULL, 0);
			break;
		}
		sync_send(b, SYNC_SYSTEM_SEARCH_CFM, NULL, 0);
		tmr_start(&b->boot, b->conf.search_ms);
		break;
	case SYNC_START_MAC_MASTER_IND:
	case SYNC_START_MAC_SLAVE_IND:
		start_mac(b, m);
		break;
	case SYNC_FREQ_CTRL_MODE_IND:
		if (m->u.sync.data.n < 1)
			sr_violation(b, "rfp-link 10", "FREQ_CTRL_MODE without a mode");
		if (b->conf.freq_ms)
			tmr_start(&b->freq, b->conf.freq_ms);
		else
			on_freq(&b->freq, b);
		break;
	case SYNC_SET_REPORT_LIMIT:
		if (m->u.sync.data.n < 2)
			sr_violation(b, "rfp-link 10", "SET_REPORT_LIMIT without 2 octets");
		b->reporting = true;
		tmr_start(&b->phase, PHASE_MS);
		break;
	case SYNC_SET_FREQUENCY:
		if (m->u.sync.data.n < 2)
			sr_violation(b, "rfp-link 10", "SET_FREQUENCY without a value");
		break;
	default:
		sr_violation(b, "rfp-link 10", "SYNC %04x is not for a base", m->sync);
	}
}
