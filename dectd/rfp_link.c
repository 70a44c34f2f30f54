/* One base station's connection: hand-shake, encryption, supervision and dispatch of what it sends. */
#include "dectd/rfp_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/ossl.h"
#include "dectd/rfp_link_priv.h"
#include <openssl/rand.h>

#define BEATS_MISSED 3
#define RATE_MS      1000
#define RATE_MAX     4000 /* messages a second: 12 bearers make some 600 */
#define NTP_1970     2208988800u

const char *rfp_why_text(enum rfp_link_why why)
{
	static const char *const text[RFP_W_N] = { "closed by the base", "socket error",
		"no answer in time", "no heartbeat", "protocol broken", "wrong key", "flood",
		"refused", "replaced", "removed", "restarted by us", "shut down" };

	return why < RFP_W_N ? text[why] : "?";
}

static struct rfp_link *of(struct fsm *m)
{
	return CONTAINER_OF(m, struct rfp_link, fsm);
}

static void timer_start(struct fsm *m, uint32_t ms)
{
	tmr_start(&of(m)->timer, m->st == LS_RETRY ? of(m)->retry_ms : ms);
}

static void timer_stop(struct fsm *m)
{
	tmr_stop(&of(m)->timer);
}

static void moved(struct fsm *m, int from, int ev, int to)
{
	struct rfp_link *l = of(m);

	if (to < 0) {
		l->st.refused++;
		log_ev(LOG_INFO, "base: event not allowed in this state", F_PEER(l->peer),
		    F_TEXT("IPDECT_FSM", m->def->states[from].name),
		    F_TEXT("IPDECT_EVENT", m->def->ev_names[ev]));
		return;
	}
	if (from != to)
		log_ev(LOG_INFO, "base: state", F_PEER(l->peer),
		    F_TEXT("IPDECT_FSM", m->def->states[to].name));
}

static void done(struct fsm *m)
{
	struct rfp_link *l = of(m);

	tmr_stop(&l->timer);
	tmr_stop(&l->beat);
	if (l->on_air) {
		l->on_air = false;
		l->ops->on_air(l->ctx, l, false);
	}
	l->ops->closed(l->ctx, l, l->why);
}

const struct fsm_env rfp_link_env = {
	.timer_start = timer_start, .timer_stop = timer_stop, .moved = moved, .done = done
};

static void on_timer(struct tmr *t, void *ctx)
{
	struct rfp_link *l = ctx;

	(void)t;
	if (fsm_event(&l->fsm, LE_TIMER, NULL) != 0)
		log_ev(LOG_DEBUG, "base: timer without a row", F_PEER(l->peer));
}

static void on_broken(struct tmr *t, void *ctx)
{
	(void)t;
	rfp_link_close(ctx, RFP_W_IO);
}

static void on_beat(struct tmr *t, void *ctx)
{
	(void)t;
	rfp_link_close(ctx, RFP_W_HEARTBEAT);
}

struct rfp_link *rfp_link_new(
    struct tmr_wheel *w, const struct rfp_link_ops *ops, void *ctx, const char *peer)
{
	struct rfp_link *l = mem_new(sizeof(*l));

	l->w = w;
	l->ops = ops;
	l->ctx = ctx;
	l->master = -1;
	snprintf(l->peer, sizeof(l->peer), "%s", peer);
	tmr_init(&l->timer, w, on_timer, l);
	tmr_init(&l->beat, w, on_beat, l);
	tmr_init(&l->broken, w, on_broken, l);
	rfp_frame_init(&l->rx);
	l->rate_since = tmr_now(w);
	return l;
}

void rfp_link_free(struct rfp_link *l)
{
	if (!l)
		return;
	tmr_stop(&l->timer);
	tmr_stop(&l->beat);
	tmr_stop(&l->broken);
	mem_free_wiped(l, sizeof(*l));
}

int rfp_link_open(struct rfp_link *l)
{
	struct rfp_msg m = { .type = RFP_SYS_AUTHENTICATE };

	if (RAND_bytes(l->auth, sizeof(l->auth)) != 1)
		return ERR_CRYPTO;
	fsm_init(&l->fsm, &rfp_link_def, &rfp_link_env, LS_INIT);
	memcpy(m.u.auth.octets, l->auth, sizeof(l->auth));
	return rfp_send(l, &m);
}

void rfp_link_close(struct rfp_link *l, enum rfp_link_why why)
{
	if (l->fsm.st == LS_CLOSED)
		return;
	l->why = why;
	if (fsm_event(&l->fsm, LE_CLOSE, NULL) != 0)
		log_ev(LOG_DEBUG, "base: is closing already", F_PEER(l->peer));
}

int rfp_act_close(struct fsm *m, int ev, const void *arg)
{
	(void)m;
	(void)ev;
	(void)arg;
	return FSM_NEXT;
}

int rfp_act_timeout(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	of(m)->why = RFP_W_TIMEOUT;
	return FSM_NEXT;
}

/* ---- sending ---- */

static int put_out(struct rfp_link *l, const uint8_t *msg, size_t n)
{
	uint8_t wire[RFP_WIRE_MAX];
	const uint8_t *p = msg;
	size_t len = n;
	int err;

	if (tmr_pending(&l->broken))
		return ERR_LOST;
	if (l->ops->trace)
		l->ops->trace(l->ctx, l, true, (struct slice){ (const char *)msg, n });
	if (l->sealed) {
		len = rfp_seal(&l->tx, msg, n, wire);
		p = wire;
	}
	l->st.tx_msgs++;
	l->st.tx_octets += len;
	err = l->ops->write(l->ctx, l, p, len);
	if (err)
		tmr_start(&l->broken, 0);
	return err;
}

int rfp_send(struct rfp_link *l, const struct rfp_msg *m)
{
	uint8_t buf[RFP_HDR + 600];
	struct wr w = wr_of(buf, sizeof(buf));
	int err;

	if (l->fsm.st == LS_CLOSED)
		return ERR_STATE;
	err = rfp_msg_build(m, &w);
	if (!err)
		err = put_out(l, buf, w.n);
	mem_wipe(buf, w.n);
	return err;
}

int rfp_link_send(struct rfp_link *l, const struct rfp_msg *m)
{
	return l->proven ? rfp_send(l, m) : ERR_STATE;
}

int rfp_link_send_dnm(struct rfp_link *l, const uint8_t *dnm, size_t n)
{
	uint8_t buf[RFP_HDR + 300] = { RFP_DNM >> 8, RFP_DNM & 0xff, (uint8_t)(n >> 8),
		(uint8_t)n };
	int err;

	if (!l->proven || l->fsm.st == LS_CLOSED)
		return ERR_STATE;
	if (n > sizeof(buf) - RFP_HDR)
		return ERR_LIMIT;
	memcpy(buf + RFP_HDR, dnm, n);
	err = put_out(l, buf, RFP_HDR + n);
	mem_wipe(buf, RFP_HDR + n);
	return err;
}

int rfp_link_send_whole(struct rfp_link *l, const uint8_t *msgs, size_t n)
{
	int err = 0;

	while (n && !err) {
		size_t len;

		if (!l->proven || l->fsm.st == LS_CLOSED)
			return ERR_STATE;
		len = RFP_HDR + (n < RFP_HDR ? n : (size_t)msgs[2] << 8 | msgs[3]);
		BUG_ON(len > n);
		err = put_out(l, msgs, len);
		msgs += len;
		n -= len;
	}
	return err;
}

/* ---- hand-shake ---- */

static int sys_init(struct rfp_link *l, const struct rfp_msg *m, struct slice whole)
{
	struct rfp_init in;
	struct rfp_block blk;
	uint8_t sig[RFP_SIG_LEN];
	int err = rfp_init_of(m, &in);

	if (err)
		return err;
	memcpy(l->info.mac, in.mac, sizeof(l->info.mac));
	l->info.model = in.model;
	l->info.caps = in.caps;
	l->info.protocol = in.protocol;
	if (slice_copy(slice_sub(in.version, 0, sizeof(l->info.version) - 1), l->info.version,
	        sizeof(l->info.version)) != 0)
		return ERR_SYNTAX;
	/* Both can be computed by anybody (the keys are in every firmware): told, not decisive. */
	l->info.sig_ok = rfp_signature(l->auth, (const uint8_t *)whole.p, whole.n, sig) == 0 &&
	                 mem_differs(sig, in.sig, sizeof(sig)) == 0;
	if (rfp_block_open(in.block, &blk) == 0) {
		l->info.sum_ok = blk.sum_ok && memcmp(blk.mac, in.mac, 6) == 0;
		l->info.branding = blk.branding;
	}
	return fsm_event(&l->fsm, LE_INIT, NULL);
}

int rfp_act_ask(struct fsm *m, int ev, const void *arg)
{
	struct rfp_link *l = of(m);

	(void)ev;
	(void)arg;
	l->ops->init(l->ctx, l, &l->info);
	return FSM_NEXT;
}

void rfp_link_refuse(struct rfp_link *l)
{
	rfp_link_close(l, RFP_W_REFUSED);
}

static void process(struct rfp_link *l);

void rfp_link_accept(struct rfp_link *l, const struct rfp_link_conf *conf, struct slice message,
    const uint8_t *to_rfp, const uint8_t *from_rfp)
{
	struct rfp_cipher rx;
	uint8_t iv[BF_BLOCK];
	struct rfp_msg m = { .type = message.n == RFP_RFPA_LEN ? RFP_SYS_AUTH_KEY
		                                               : RFP_SYS_RE_ENROLEMENT };

	if (l->fsm.st != LS_ADMIT && l->fsm.st != LS_INIT) /* INIT: answered from within init() */
		return;
	l->conf = *conf;
	if (message.n == RFP_RFPA_LEN) {
		memcpy(m.u.key.octets, message.p, RFP_RFPA_LEN);
	} else if (message.n == 96) {
		memcpy(m.u.re_enrol.wrapped, message.p, 64);
		memcpy(m.u.re_enrol.hash, message.p + 64, 32);
	}
	if (message.n && rfp_send(l, &m) != 0)
		return;
	mem_wipe(&m, sizeof(m));
	m = (struct rfp_msg){ .type = RFP_ACK };
	m.u.ack.what = RFP_SYS_INIT;
	m.u.ack.call = 0xffff;
	m.u.ack.more[0] = 1;
	if (rfp_send(l, &m) != 0)
		return;
	l->old = !to_rfp || !from_rfp;
	rfp_iv(l->auth, TO_OMM, iv);
	if (l->old)
		rfp_cipher_fixed(&rx, TO_OMM, iv);
	else
		rfp_cipher_key(&rx, from_rfp, iv);
	rfp_frame_seal(&l->rx, &rx);
	rfp_cipher_wipe(&rx);
	rfp_iv(l->auth, TO_RFP, iv);
	if (l->old)
		rfp_cipher_fixed(&l->tx, TO_RFP, iv);
	else
		rfp_cipher_key(&l->tx, to_rfp, iv);
	l->sealed = true;
	if (fsm_event(&l->fsm, LE_ACCEPT, NULL) != 0)
		log_ev(LOG_DEBUG, "base: gone before it was accepted", F_PEER(l->peer));
	process(l);
}

int rfp_act_accept(struct fsm *m, int ev, const void *arg)
{
	(void)ev;
	(void)arg;
	rfp_burst(of(m)); /* a real manager does not wait for the proof (rfp-link 4.1) */
	return FSM_NEXT;
}

static void beat(struct rfp_link *l)
{
	tmr_start(&l->beat, (uint64_t)l->conf.heartbeat_s * BEATS_MISSED * 1000 + 1000);
}

int rfp_act_proof(struct fsm *m, int ev, const void *arg)
{
	struct rfp_link *l = of(m);

	(void)ev;
	(void)arg;
	l->proven = true;
	beat(l);
	l->ops->proven(l->ctx, l);
	return l->conf.dect ? FSM_NEXT : LS_IDLE;
}

static int prove(struct rfp_link *l, const struct rfp_msg *m)
{
	bool ok = l->old ? m->type == RFP_SYS_VSNTP_TIME && m->len == 16
	                 : m->type == RFP_SYS_ENCRYPTION_CONF && m->len == 0;

	return ok ? fsm_event(&l->fsm, LE_PROOF, NULL) : ERR_AUTH;
}

/* ---- what a proven base sends ---- */

static void answer_time(struct rfp_link *l, const struct rfp_msg *in)
{
	struct rfp_msg m = { .type = RFP_SYS_VSNTP_TIME };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	/* RFP: which slot carries the echo is not settled: the base's stamp goes into the first. */
	m.u.time.t1 = in->u.time.t2;
	m.u.time.t1_frac = in->u.time.t2_frac;
	m.u.time.t2 = (uint32_t)now.tv_sec + NTP_1970;
	m.u.time.t2_frac = (uint32_t)(((uint64_t)now.tv_nsec << 32) / 1000000000u);
	if (rfp_send(l, &m) != 0)
		log_ev(LOG_DEBUG, "base: time not sent", F_PEER(l->peer));
}

/* Once per kind and link: an unknown message is no reason to end anything. */
static void unknown(struct rfp_link *l, const struct rfp_msg *m)
{
	unsigned sub = m->type == RFP_DNM ? (unsigned)m->layer << 8 | m->prim : m->sync;
	unsigned bit = (m->type * 31u + sub * 7u) % (8 * sizeof(l->logged));
	const char *name = rfp_type_name(m->type);

	l->st.unknown++;
	if (l->logged[bit / 8] & 1u << bit % 8)
		return;
	l->logged[bit / 8] |= (uint8_t)(1u << bit % 8);
	log_ev(LOG_NOTICE, "base sent a message that is not known", F_PEER(l->peer),
	    F_TEXT("IPDECT_TYPE", name ? name : "?"), F_U64("IPDECT_NUMBER", m->type),
	    F_U64("IPDECT_SUB", sub), F_U64("IPDECT_LENGTH", m->len));
}

/* A handset that is quicker than the base's confirmation: it is to try again now, not when its data link gives up. */
static int too_early(struct rfp_link *l, const struct rfp_msg *m)
{
	uint8_t dis[] = { RFP_L_MAC, MACP_DIS_REQ, 0 };

	if (l->fsm.st != LS_ACTIVATE || m->layer != RFP_L_MAC || m->prim != MACP_CON_IND)
		return ERR_STATE;
	dis[2] = m->u.con.mcei;
	return rfp_link_send_dnm(l, dis, sizeof(dis));
}

static int dnm(struct rfp_link *l, const struct rfp_msg *m, struct slice whole)
{
	switch (m->layer) {
	case RFP_L_RFPC:
		return rfp_radio_input(l, m);
	case RFP_L_LC:
	case RFP_L_MAC:
		if (!l->on_air)
			return too_early(l, m);
		return l->ops->dnm(
		    l->ctx, l, (const uint8_t *)whole.p + RFP_HDR, whole.n - RFP_HDR);
	default:
		return ERR_UNSUPP;
	}
}

static bool of_media(const struct rfp_msg *m)
{
	uint16_t what = m->type == RFP_ACK ? m->u.ack.what : m->u.nack.what;

	return m->type == RFP_MEDIA_STATISTICS ||
	       ((m->type == RFP_ACK || m->type == RFP_NACK) && what >> 8 == 0x02);
}

static int proven_input(struct rfp_link *l, const struct rfp_msg *m, struct slice whole)
{
	switch (m->type) {
	case RFP_DNM:
		return dnm(l, m, whole);
	case RFP_SYNC:
		return rfp_radio_input(l, m);
	case RFP_HEARTBEAT:
		l->st.uptime_ms = m->u.heartbeat.ms;
		beat(l);
		return 0;
	case RFP_SYS_VSNTP_TIME:
		answer_time(l, m);
		return 0;
	case RFP_SYS_RPING:
		l->st.rtt_ms = m->u.rping.rtt;
		return 0;
	case RFP_ACK:
	case RFP_NACK:
	case RFP_MEDIA_STATISTICS:
		if (of_media(m))
			l->ops->media(l->ctx, l, m);
		else if (m->type == RFP_NACK)
			log_ev(LOG_WARNING, "base refused a message", F_PEER(l->peer),
			    F_U64("IPDECT_NUMBER", m->u.nack.what),
			    F_WHY(rfp_nack_text(m->u.nack.reason)));
		return 0;
	case RFP_SYS_NEW_SW:
		if (m->u.u8.v)
			log_ev(LOG_NOTICE, "base has new software and waits for a restart",
			    F_PEER(l->peer));
		return 0;
	case RFP_SYS_LICENSE_TIMER: /* the answer to our query: nothing to do with it here */
		return 0;
	case RFP_SYS_INIT:
		return ERR_STATE;
	default:
		return ERR_UNSUPP;
	}
}

static int message(struct rfp_link *l, struct slice whole)
{
	struct rfp_msg m;
	int err = rfp_msg_parse(whole, &m);

	if (l->ops->trace)
		l->ops->trace(l->ctx, l, false, whole);
	if (l->fsm.st == LS_INIT)
		return err || m.type != RFP_SYS_INIT ? ERR_SYNTAX : sys_init(l, &m, whole);
	if (l->fsm.st == LS_PROVE)
		return err ? ERR_AUTH : prove(l, &m);
	if (!err)
		err = proven_input(l, &m, whole);
	if (err == ERR_UNSUPP) {
		unknown(l, &m);
		err = 0;
	} else if (err) {
		/* One bad message is dropped; the stream's framing is whole. */
		l->st.bad++;
		log_ev(LOG_INFO, "base: message dropped", F_PEER(l->peer), F_ERR(err),
		    F_U64("IPDECT_NUMBER", m.type));
	}
	return 0;
}

static bool flood(struct rfp_link *l)
{
	uint64_t now = tmr_now(l->w);

	if (now - l->rate_since >= RATE_MS) {
		l->rate_since = now;
		l->rate = 0;
	}
	return ++l->rate > RATE_MAX;
}

/* Everything that is whole, one message after the other; stops while admission is undecided. */
static void process(struct rfp_link *l)
{
	struct slice msg;
	int rc = 0;

	if (l->in_input)
		return;
	l->in_input = true;
	while (l->fsm.st != LS_CLOSED && l->fsm.st != LS_ADMIT &&
	       (rc = rfp_frame_next(&l->rx, &msg)) == 1) {
		l->st.rx_msgs++;
		if (flood(l)) {
			l->why = RFP_W_FLOOD;
			rc = ERR_LIMIT;
			break;
		}
		rc = message(l, msg);
		if (rc < 0)
			break;
	}
	l->in_input = false;
	if (l->fsm.st == LS_CLOSED || rc >= 0)
		return;
	if (l->why == RFP_W_FLOOD)
		rfp_link_close(l, RFP_W_FLOOD);
	else if (l->fsm.st == LS_PROVE)
		rfp_link_close(l, RFP_W_KEY);
	else
		rfp_link_close(l, RFP_W_PROTOCOL);
}

uint8_t *rfp_link_room(struct rfp_link *l, size_t *n)
{
	uint8_t *p = rfp_frame_room(&l->rx, n);

	if (l->fsm.st == LS_CLOSED)
		*n = 0;
	return p;
}

void rfp_link_input(struct rfp_link *l, size_t n)
{
	l->st.rx_octets += n;
	rfp_frame_put(&l->rx, n);
	process(l);
}

const struct rfp_link_info *rfp_link_info(const struct rfp_link *l)
{
	return &l->info;
}

const struct rfp_link_stats *rfp_link_stats(const struct rfp_link *l)
{
	return &l->st;
}

const char *rfp_link_trouble(const struct rfp_link *l)
{
	if (l->on_air || !l->retry_ms)
		return "";
	return l->initialised ? "its radio does not start" : "its radio does not answer";
}

const char *rfp_link_state(const struct rfp_link *l)
{
	return fsm_state_name(&l->fsm);
}

const char *rfp_link_peer(const struct rfp_link *l)
{
	return l->peer;
}

bool rfp_link_on_air(const struct rfp_link *l)
{
	return l->on_air;
}

bool rfp_link_proven(const struct rfp_link *l)
{
	return l->proven;
}

const uint8_t *rfp_link_auth(const struct rfp_link *l)
{
	return l->auth;
}

unsigned rfp_link_generation(const struct rfp_link *l)
{
	return rfp_model_generation(l->info.model);
}

void rfp_link_set_user(struct rfp_link *l, void *user)
{
	l->user = user;
}

void *rfp_link_user(const struct rfp_link *l)
{
	return l->user;
}
