/* What a base gets after it was accepted: the configuration burst, then its radio is initialised, synchronised and
 * activated (rfp-link 5, 7.1, 10, 12.1). */
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/ossl.h"
#include "dectd/ident.h"
#include "dectd/rfp_link_priv.h"
#include <openssl/rand.h>

#define RETRY_MS     500
#define RETRY_MAX_MS 10000

static struct rfp_link *of(struct fsm *m)
{
	return CONTAINER_OF(m, struct rfp_link, fsm);
}

/* A write that fails ends the link by itself; nothing more is to be done here. */
static void give(struct rfp_link *l, const struct rfp_msg *m)
{
	if (rfp_send(l, m) != 0)
		log_ev(LOG_DEBUG, "base: not sent", F_PEER(l->peer));
}

static void led(struct rfp_link *l, uint8_t id, uint8_t colour)
{
	struct rfp_msg m = { .type = RFP_SYS_LED };

	m.u.led.id = id;
	m.u.led.colour = colour;
	give(l, &m);
}

void rfp_link_led(struct rfp_link *l, uint8_t id, uint8_t colour)
{
	if (l->proven)
		led(l, id, colour);
}

static void target(struct rfp_link *l, uint16_t type, const uint8_t ip[16], uint16_t port)
{
	struct rfp_msg m = { .type = type };

	memcpy(m.u.target.ip, ip, 16);
	m.u.target.port = port;
	give(l, &m);
}

/* The order is that of a real manager (rfp-link 5). */
void rfp_burst(struct rfp_link *l)
{
	const struct rfp_link_conf *c = &l->conf;
	struct rfp_msg m = { .type = RFP_SYS_OMM_CONTROL };

	give(l, &m);
	m = (struct rfp_msg){ .type = RFP_SYS_IP_OPTIONS };
	m.u.ip.voice_tos = c->voice_tos;
	m.u.ip.sig_tos = c->sig_tos;
	m.u.ip.ttl = c->ttl;
	m.u.ip.sig_prio = m.u.ip.voice_prio = 6;
	give(l, &m);
	m = (struct rfp_msg){ .type = RFP_SYS_HEARTBEAT_INTERVAL };
	m.u.interval.s = c->heartbeat_s;
	give(l, &m);
	m = (struct rfp_msg){ .type = RFP_SYS_STREAM_INFO };
	m.u.four.octets[0] = 1; /* RFP: constant of a real manager, meaning not known */
	give(l, &m);
	led(l, RFP_LED_INFO, c->fresh ? LED_GREEN_ORANGE : LED_GREEN);
	led(l, 0, 9); /* RFP: as a real manager does; neither LED 0 nor colour 9 is known */
	led(l, RFP_LED_OMM, LED_ORANGE);
	led(l, RFP_LED_DECT, LED_ORANGE);
	target(l, RFP_SYS_HTTP_SET, c->http_ip, c->http_port);
	target(l, RFP_SYS_SYSLOG, c->syslog_ip, c->syslog_port);
	give(l, &(struct rfp_msg){ .type = RFP_SYS_AUDIO_LOG });
	if (!l->old) {
		m = (struct rfp_msg){ .type = RFP_SYS_RANDOM_VALUE };
		if (RAND_bytes(m.u.four.octets, sizeof(m.u.four.octets)) != 1)
			memset(m.u.four.octets, 0x5a, sizeof(m.u.four.octets));
		give(l, &m);
	}
	give(l, &(struct rfp_msg){ .type = RFP_SYS_CORE_DUMP, .len = 4 });
	if (c->locked_hash[0]) {
		m = (struct rfp_msg){ .type = RFP_SYS_PASSWD };
		memcpy(m.u.passwd.root, "root", 5);
		memcpy(m.u.passwd.admin, "omm", 4);
		memcpy(m.u.passwd.root_hash, c->locked_hash, sizeof(c->locked_hash));
		memcpy(m.u.passwd.admin_hash, c->locked_hash, sizeof(c->locked_hash));
		give(l, &m);
		mem_wipe(&m, sizeof(m));
	}
	if (!l->old) {
		m = (struct rfp_msg){ .type = RFP_SYS_LICENSE_TIMER };
		m.u.licence.minutes = UINT32_MAX; /* a query: the answer is not used */
		give(l, &m);
	}
}

void rfp_radio_sync(struct rfp_link *l, uint16_t sync, const void *data, size_t n)
{
	struct rfp_msg m = { .type = RFP_SYNC, .sync = sync };

	m.u.sync.data = (struct slice){ data, n };
	give(l, &m);
}

static void rfpc(struct rfp_link *l, uint8_t prim, struct slice items)
{
	struct rfp_msg m = { .type = RFP_DNM, .layer = RFP_L_RFPC, .prim = prim };

	m.u.rfpc.items = items;
	give(l, &m);
}

static void put_caps(struct wr *w, uint16_t caps)
{
	uint8_t v[2] = { (uint8_t)(caps >> 8), (uint8_t)caps };

	rfpc_put(w, RFPC_I_HIGHER_CAPS, v, 2);
}

/* LE_READY: the radio processor reports; it gets the identity and the capabilities of the system. */
int rfp_act_ready(struct fsm *m, int ev, const void *arg)
{
	struct rfp_link *l = of(m);
	const struct rfp_link_conf *c = &l->conf;
	uint8_t buf[128];
	struct wr w = wr_of(buf, sizeof(buf));

	(void)ev;
	(void)arg;
	if (l->on_air) {
		l->on_air = false;
		l->ops->on_air(l->ctx, l, false);
	}
	l->initialised = false;
	if (!c->dect) {
		led(l, RFP_LED_DECT, LED_OFF);
		return LS_IDLE;
	}
	rfpc_put(&w, RFPC_I_RFPI, c->rfpi, 5);
	put_caps(&w, c->caps);
	rfpc_put(&w, RFPC_I_EXT_CAPS, ident_ext_caps, 5);
	rfpc_put(&w, RFPC_I_SITE_LOCATION, "\0", 2);
	rfpc_put(&w, RFPC_I_MAC_CAPS, ident_mac_caps, 3);
	rfpc_put(&w, RFPC_I_PLI, &c->pli, 1);
	rfpc_put(&w, RFPC_I_REFLECTING, &(uint8_t){ c->reflecting }, 1);
	if (c->has_ext_caps2)
		rfpc_put(&w, RFPC_I_EXT_CAPS2, c->ext_caps2, 5);
	/* RFP: whether INIT_REQ takes these two is not known; they are sent when the administrator sets them. */
	if (c->freq_band >= 0)
		rfpc_put(&w, RFPC_I_FREQ_BAND, &(uint8_t){ (uint8_t)c->freq_band }, 1);
	if (c->rf_power >= 0)
		rfpc_put(&w, RFPC_I_RF_POWER, &(uint8_t){ (uint8_t)c->rf_power }, 1);
	rfpc(l, RFPC_INIT_REQ, wr_slice(&w));
	if (c->nsari) {
		w = wr_of(buf, sizeof(buf));
		rfpc_put(&w, RFPC_I_SARI, c->sari, 4 * c->nsari);
		rfpc(l, RFPC_SARI_LIST_REQ, wr_slice(&w));
	}
	return FSM_NEXT;
}

int rfp_act_init_cfm(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	of(m)->initialised = true;
	return FSM_NEXT;
}

int rfp_act_reset(struct fsm *m, int ev, const void *arg)
{
	struct rfp_link *l = of(m);

	(void)ev;
	(void)arg;
	if (l->on_air) {
		l->on_air = false;
		led(l, RFP_LED_DECT, LED_ORANGE);
		l->ops->on_air(l->ctx, l, false);
	}
	rfp_radio_sync(l, SYNC_RESET_MAC_IND, NULL, 0);
	return FSM_NEXT;
}

int rfp_act_rssi(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	rfp_radio_sync(of(m), SYNC_GET_REQ_RSSI_COMP_IND, NULL, 0);
	return FSM_NEXT;
}

int rfp_act_search(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	rfp_radio_sync(of(m), SYNC_SYSTEM_SEARCH_IND, "\x03", 1);
	return FSM_NEXT;
}

/* LE_FOUND, and the timer of DECIDE: ask once more whose slave it is to be. */
int rfp_act_found(struct fsm *m, int ev, const void *arg)
{
	struct rfp_link *l = of(m);

	(void)ev;
	(void)arg;
	l->ops->heard(l->ctx, l, l->heard, l->nheard);
	return FSM_NEXT;
}

int rfp_act_start(struct fsm *m, int ev, const void *arg)
{
	struct rfp_link *l = of(m);
	uint8_t rpn[2] = { (uint8_t)(l->master >> 8), (uint8_t)l->master };

	(void)ev;
	(void)arg;
	if (l->master < 0)
		rfp_radio_sync(l, SYNC_START_MAC_MASTER_IND, NULL, 0);
	else
		rfp_radio_sync(l, SYNC_START_MAC_SLAVE_IND, rpn, 2);
	return FSM_NEXT;
}

int rfp_act_activate(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	rfpc(of(m), RFPC_ACTIVATE_REQ, (struct slice){ 0 });
	return FSM_NEXT;
}

/* LE_ACTIVATED: it is on air, and handsets come at once: what remains is no reason to let them wait. */
int rfp_act_freq(struct fsm *m, int ev, const void *arg)
{
	struct rfp_link *l = of(m);

	(void)ev;
	(void)arg;
	rfp_radio_sync(l, SYNC_FREQ_CTRL_MODE_IND, "\x02", 1);
	l->on_air = true;
	l->retry_ms = 0;
	l->ops->on_air(l->ctx, l, true);
	return FSM_NEXT;
}

int rfp_act_active(struct fsm *m, int ev, const void *arg)
{
	struct rfp_link *l = of(m);

	(void)ev;
	(void)arg;
	/* RFP: octets of the one real sample; from now on neighbours' phases are reported. */
	rfp_radio_sync(l, SYNC_SET_REPORT_LIMIT, "\x04\x28", 2);
	led(l, RFP_LED_OMM, LED_GREEN);
	led(l, RFP_LED_DECT, LED_GREEN);
	return FSM_NEXT;
}

int rfp_act_off(struct fsm *m, int ev, const void *arg)
{
	struct rfp_link *l = of(m);

	(void)ev;
	(void)arg;
	/* Often only its reference is late, as when all bases come back at a time: soon at first, and not all together. */
	bool told = l->retry_ms >= RETRY_MAX_MS; /* base list goes on telling */

	l->retry_ms = l->retry_ms == 0 ? RETRY_MS : l->retry_ms * 2;
	if (l->retry_ms > RETRY_MAX_MS)
		l->retry_ms = RETRY_MAX_MS;
	l->retry_ms += id_below(l->retry_ms / 4);
	log_ev(told ? LOG_DEBUG : LOG_WARNING,
	    "radio of a base does not start, once more in a while", F_PEER(l->peer),
	    F_TEXT("IPDECT_FSM", fsm_state_name(m)), F_U64("IPDECT_MS", l->retry_ms));
	led(l, RFP_LED_DECT, LED_RED);
	l->on_air = false;
	l->ops->on_air(l->ctx, l, false); /* also when it never was: nobody is to wait for it */
	return FSM_NEXT;
}

int rfp_act_retry(struct fsm *m, int ev, const void *arg)
{
	struct rfp_link *l = of(m);

	if (!l->initialised)
		return rfp_act_ready(m, ev, arg) == FSM_NEXT ? LS_RADIO : FSM_NEXT;
	return rfp_act_reset(m, ev, arg);
}

void rfp_link_start(struct rfp_link *l, int rpn)
{
	l->master = rpn;
	if (fsm_event(&l->fsm, LE_START, NULL) != 0)
		log_ev(LOG_DEBUG, "base: start not expected", F_PEER(l->peer));
}

void rfp_link_resync(struct rfp_link *l)
{
	if (l->proven && fsm_event(&l->fsm, LE_RESYNC, NULL) != 0)
		log_ev(LOG_DEBUG, "base: resynchronisation later", F_PEER(l->peer));
}

void rfp_link_set_caps(struct rfp_link *l, uint16_t caps)
{
	uint8_t buf[8];
	struct wr w = wr_of(buf, sizeof(buf));

	if (l->conf.caps == caps)
		return;
	l->conf.caps = caps;
	if (!l->initialised)
		return;
	/* RFP: number and item follow from the enumerations; a real exchange was never published. */
	put_caps(&w, caps);
	rfpc(l, RFPC_CHANGE_HLC_REQ, wr_slice(&w));
}

void rfp_link_ask_statistics(struct rfp_link *l, bool reset)
{
	uint8_t buf[8];
	struct wr w = wr_of(buf, sizeof(buf));

	if (!l->initialised)
		return;
	rfpc_put(&w, RFPC_I_STAT_RESET, (uint8_t[]){ 0, 0, 0, reset }, 4);
	rfpc(l, RFPC_STATISTICS_REQ, wr_slice(&w));
}

void rfp_link_ping(struct rfp_link *l, const uint8_t ip[16])
{
	struct rfp_msg m = { .type = RFP_SYS_RPING };

	if (!l->proven)
		return;
	memcpy(m.u.rping.ip, ip, 16);
	give(l, &m);
}

static int items(struct rfp_link *l, const struct rfp_msg *m)
{
	struct rd r = rd_of(m->u.rfpc.items.p, m->u.rfpc.items.n);
	struct rfp_statistics st;
	struct slice v;
	uint8_t key;
	int rc;

	while ((rc = rfpc_next(&r, &key, &v)) == 1) {
		if (key == RFPC_I_STAT_DATA && m->prim == RFPC_STATISTICS_CFM &&
		    rfp_statistics_of(v, &st) == 0)
			l->ops->statistics(l->ctx, l, &st);
		if (key == RFPC_I_ERROR_CAUSE)
			log_ev(LOG_WARNING, "radio reports an error", F_PEER(l->peer),
			    F_U64("IPDECT_CAUSE", v.n ? (uint8_t)v.p[0] : 0));
	}
	return rc;
}

static int rfpc_input(struct rfp_link *l, const struct rfp_msg *m)
{
	int err = items(l, m);

	if (err)
		return err;
	switch (m->prim) {
	case RFPC_READY_IND:
	/* RFP: newer radios may say ACTIVE_IND instead; whether they want an ACTIVE_RES is not known. */
	case RFPC_ACTIVE_IND:
		return fsm_event(&l->fsm, LE_READY, NULL);
	case RFPC_INIT_CFM:
		return fsm_event(&l->fsm, LE_INIT_CFM, NULL);
	case RFPC_ACTIVATE_CFM:
		return fsm_event(&l->fsm, LE_ACTIVATED, NULL);
	case RFPC_ERROR_IND:
		return fsm_event(&l->fsm, LE_RADIO_ERROR, NULL);
	case RFPC_PAGE_OVERFLOW_IND:
		l->ops->page_overflow(l->ctx, l);
		return 0;
	default:
		return 0;
	}
}

static int sync_input(struct rfp_link *l, const struct rfp_msg *m)
{
	struct sync_neighbour nb[32];
	int n;

	switch (m->sync) {
	case SYNC_READY_FOR_SYNC:
	case SYNC_READY_FOR_SYNC_IND:
		return fsm_event(&l->fsm, LE_SYNC_READY, NULL);
	case SYNC_RESET_MAC_CFM:
		return fsm_event(&l->fsm, LE_MAC_RESET, NULL);
	case SYNC_GET_REQ_RSSI_COMP_CFM:
		return fsm_event(&l->fsm, LE_RSSI, NULL);
	case SYNC_SYSTEM_SEARCH_CFM:
		n = sync_search_list(m->u.sync.data, l->heard, ARRAY_LEN(l->heard));
		if (n == ERR_STATE)
			return 0; /* started; the result follows */
		if (n < 0)
			return n;
		l->nheard = (unsigned)n;
		return fsm_event(&l->fsm, LE_FOUND, NULL);
	case SYNC_START_MAC_MASTER_CFM:
	case SYNC_START_MAC_SLAVE_CFM:
		return fsm_event(&l->fsm, LE_STARTED, NULL);
	case SYNC_START_MAC_MASTER_REJ:
	case SYNC_START_MAC_SLAVE_REJ:
	case SYNC_SYSTEM_SEARCH_REJ:
		return fsm_event(&l->fsm, LE_REJECT, NULL);
	case SYNC_FREQ_CTRL_MODE_CFM:
		return fsm_event(&l->fsm, LE_FREQ, NULL);
	case SYNC_PHASE_OFS_WITH_RSSI_IND:
		n = sync_phase_list(m->u.sync.data, nb, ARRAY_LEN(nb));
		if (n < 0)
			return n;
		l->ops->phase(l->ctx, l, nb, (unsigned)n);
		return 0;
	default:
		return 0;
	}
}

int rfp_radio_input(struct rfp_link *l, const struct rfp_msg *m)
{
	return m->type == RFP_SYNC ? sync_input(l, m) : rfpc_input(l, m);
}
