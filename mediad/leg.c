/* A leg: its sockets, what it is set to, what it sends, what it knows. */
#include "mediad/leg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "mediad/emodel.h"
#include "mediad/gen.h"
#include "mediad/play.h"
#include "mediad/sess.h"

#define NEAR_DEPTH    4        /* sessions in a row; a ring of them must not go on for ever */
#define OLD_KEYS_US   2000000  /* packets under way at a re-key */
#define TELL_AGAIN_US 10000000 /* the word of a time-out may be lost on the way to sipd */

const char *const leg_bad_names[LEG_NBAD] = { "junk", "source", "payload-type", "ssrc", "auth",
	"replay", "old", "rtcp", "direction", "payload" };

/* ---- opening ---- */

/* The address that the kernel would send from. */
static int route_to(const struct addr *remote, struct addr *local)
{
	int fd = socket(remote->u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;
	struct addr a;
	socklen_t n = sizeof(a.u);

	if (fd < 0)
		return -errno;
	memset(&a, 0, sizeof(a));
	if (connect(fd, &remote->u.sa, addr_len(remote)) != 0 || getsockname(fd, &a.u.sa, &n) != 0)
		err = -errno;
	close(fd);
	if (!err) {
		addr_set_port(&a, 0);
		*local = a;
	}
	return err;
}

static bool is_sip(const struct leg_set *set)
{
	return set->side == SIDE_NETWORK || set->sip;
}

static int choose_local(const struct leg_set *set, const struct mediad *m, struct addr *out)
{
	bool v6 = set->v6 || (set->has_remote && set->remote.u.sa.sa_family == AF_INET6);
	const struct addr *conf = v6                                    ? &m->addr6
	                          : !is_sip(set) && addr_set(&m->radio) ? &m->radio
	                                                                : &m->addr4;

	if (addr_set(&set->local)) {
		*out = set->local;
		return 0;
	}
	if (addr_set(conf)) {
		*out = *conf;
		return 0;
	}
	/* Nothing is configured: as the far end is reached, else what the host has. */
	if (set->has_remote && route_to(&set->remote, out) == 0)
		return 0;
	struct addr far;
	static const uint8_t doc4[4] = { 192, 0, 2, 1 }, doc6[16] = { 0x20, 1, 0xd,
		0xb8, [15] = 1 }; /* documentation: never sent to */
	addr_from_ip(&far, v6 ? doc6 : doc4, v6 ? 16 : 4, 9);
	if (route_to(&far, out) == 0)
		return 0;
	static const uint8_t lo4[4] = { 127, 0, 0, 1 }, lo6[16] = { [15] = 1 };
	addr_from_ip(out, v6 ? lo6 : lo4, v6 ? 16 : 4, 0);
	return 0;
}

static int bind_pair(struct leg *l, struct mediad *m)
{
	int err = sock_pool_take(m->socks, &l->local, l->dscp, l, &l->socks);

	if (err == 0) {
		l->port = l->socks->port;
		port_pool_own(m->ports, l->port, l);
	}
	if (err == 0 || err == ERR_LIMIT)
		return err;
	char text[ADDR_TEXT];
	log_ev(LOG_WARNING, "no media port",
	    F_TEXT("IPDECT_ADDRESS", addr_print(&l->local, true, text)), F_ERR(err),
	    F_REMEDY(err == -EADDRNOTAVAIL
	                 ? "set rtp-address in [mediad] to an address of this host"
	             : err == -EMFILE ? "raise LimitNOFILE of the unit"
	                              : "check rtp-ports in [mediad]: others use them"));
	return err == -EADDRNOTAVAIL ? ERR_VALUE : ERR_LIMIT;
}

int leg_open(struct leg *l, struct sess *s, const struct leg_set *set, struct mediad *m)
{
	int err;

	l->sess = s;
	l->plane = m;
	list_init(&l->ice_node);
	l->side = set->side;
	l->twin = (struct path_sock){ .fd = -1, .kind = PATH_RTP, .owner = l };
	l->dir = LEG_SENDRECV;
	l->tx_pt = l->event_pt = l->cn_pt = LEG_NO_PT;
	l->ptime = 20;
	l->sip = is_sip(set);
	l->dscp = (uint8_t)(set->has_dscp ? set->dscp : l->sip ? 0 : m->conf->radio_dscp);
	l->opened_us = l->heard_us = l->spoke_us = mediad_now(m);
	do
		l->ssrc = (uint32_t)id_u64();
	while (l->ssrc == 0);
	l->next_seq = (uint16_t)(id_u64() & 0x7fff); /* RFC 3711 3.3.1: not near a rollover */
	l->last_ts = (uint32_t)id_u64();
	l->last_us = l->opened_us;
	l->report_us = l->opened_us + 1000000;
	err = choose_local(set, m, &l->local);
	if (!err)
		err = bind_pair(l, m);
	if (err)
		return err;
	l->v6 = l->local.u.sa.sa_family == AF_INET6;
	err = leg_apply(l, set, m);
	if (err)
		leg_close(l, m);
	return err;
}

void leg_close(struct leg *l, struct mediad *m)
{
	gen_close(l);
	leg_cac_close(l); /* before its relay, whose allocation it may share */
	leg_ice_close(l);
	path_unbind(m->path, &l->twin);
	if (l->port)
		port_pool_own(m->ports, l->port, NULL);
	sock_pool_give(m->socks, l->socks);
	l->port = 0;
	l->socks = NULL;
	sbox_free(l->tx);
	for (unsigned i = 0; i < l->nrx; i++)
		sbox_free(l->rx[i]);
	l->tx = NULL;
	l->nrx = 0;
}

/* ---- settings ---- */

/* All that can be wrong with it, so that nothing is changed then. */
static int check(const struct leg *l, const struct leg_set *set)
{
	if (set->has_remote && (set->remote.u.sa.sa_family == AF_INET6) != l->v6)
		return ERR_VALUE;
	if (set->has_rtcp && (set->rtcp.u.sa.sa_family == AF_INET6) != l->v6)
		return ERR_VALUE;
	if (set->has_ptime && (set->ptime < 10 || set->ptime > 60 || set->ptime % 10))
		return ERR_VALUE;
	if (set->has_dscp && set->dscp > 63)
		return ERR_VALUE;
	if (set->npayload > LEG_PAYLOADS || set->nrx > ARRAY_LEN(set->rx))
		return ERR_LIMIT;
	for (size_t i = 0; i < set->npayload; i++)
		if (set->payload[i].pt > 127 || set->payload[i].codec >= CODEC_N)
			return ERR_VALUE;
	if (set->has_tx && set->tx.suite >= SBOX_NSUITES)
		return ERR_UNSUPP;
	for (size_t i = 0; i < set->nrx; i++)
		if (set->rx[i].suite >= SBOX_NSUITES)
			return ERR_UNSUPP;
	if (set->has_ice && set->ice != ICE_OFF && addr_any(&l->local))
		return ERR_VALUE; /* no candidate */
	return set->has_cac ? leg_cac_check(&set->cac) : 0;
}

static struct sbox *take_old(struct leg *l, const struct sbox_key *k)
{
	for (unsigned i = 0; i < l->nrx; i++)
		if (l->rx[i] && sbox_is(l->rx[i], k)) {
			struct sbox *b = l->rx[i];
			l->rx[i] = NULL;
			return b;
		}
	return NULL;
}

/* A key that stays keeps its rollover counter; one that goes is still good for packets under way. */
static int set_rx(struct leg *l, const struct leg_set *set, uint64_t now_us)
{
	struct sbox *next[LEG_KEYS] = { NULL };
	unsigned n = 0, nold = 0;

	for (size_t i = 0; i < set->nrx; i++) {
		bool twice = false;
		if (set->rx[i].suite == SBOX_NONE)
			continue;
		for (size_t k = 0; k < i; k++)
			twice |= set->rx[k].suite == set->rx[i].suite &&
			         set->rx[k].nmki == set->rx[i].nmki &&
			         mem_differs(
			             set->rx[k].key, set->rx[i].key, sizeof(set->rx[i].key)) == 0 &&
			         memcmp(set->rx[k].mki, set->rx[i].mki, set->rx[i].nmki) == 0;
		if (twice)
			continue;
		next[n] = take_old(l, &set->rx[i]);
		if (!next[n])
			next[n] = sbox_new(&set->rx[i], false);
		if (!next[n])
			return ERR_CRYPTO;
		n++;
	}
	for (unsigned i = 0; i < l->nrx; i++) {
		if (!l->rx[i])
			continue;
		if (n && n + nold < LEG_KEYS)
			next[n + nold++] = l->rx[i];
		else
			sbox_free(l->rx[i]);
	}
	memcpy(l->rx, next, sizeof(next));
	l->nrx = (uint8_t)(n + nold);
	l->nold = (uint8_t)nold;
	l->old_keys_until_us = now_us + OLD_KEYS_US;
	l->bad_auth_run = 0;
	l->mismatch = false;
	return 0;
}

static int set_tx(struct leg *l, const struct sbox_key *k)
{
	struct sbox *b = NULL;

	if (l->tx && sbox_is(l->tx, k))
		return 0;
	if (k->suite != SBOX_NONE && !(b = sbox_new(k, true)))
		return ERR_CRYPTO;
	sbox_free(l->tx);
	l->tx = b;
	return 0;
}

static void set_payloads(struct leg *l, const struct leg_set *set)
{
	memset(l->rx_codec, CODEC_NONE, sizeof(l->rx_codec));
	l->npayload = (uint8_t)set->npayload;
	memcpy(l->payload, set->payload, sizeof(l->payload));
	l->tx_pt = l->event_pt = l->cn_pt = LEG_NO_PT;
	l->tx_codec = CODEC_NONE;
	for (size_t i = 0; i < set->npayload; i++) {
		uint8_t codec = set->payload[i].codec, pt = set->payload[i].pt;
		l->rx_codec[pt] = codec;
		if (codec_speech(codec) && l->tx_pt == LEG_NO_PT) {
			l->tx_codec = codec;
			l->tx_pt = pt;
		} else if (codec == CODEC_EVENT && l->event_pt == LEG_NO_PT) {
			l->event_pt = pt;
		} else if (codec == CODEC_CN && l->cn_pt == LEG_NO_PT) {
			l->cn_pt = pt;
		}
	}
}

static void untwin(struct mediad *m, struct leg *l)
{
	path_untwin(m->path, &l->twin);
	l->twin_on = false;
}

static void set_remote(struct leg *l, const struct addr *to, struct mediad *m)
{
	if (addr_eq(&l->remote, to))
		return;
	untwin(m, l);
	/* What still comes from before is heard until the new one speaks; what we send goes there at once. */
	if (l->latched)
		l->old_source = l->source;
	l->remote = *to;
	l->target = *to;
	l->latched = false;
	l->probe_run = 0;
	memset(&l->rtcp_source, 0, sizeof(l->rtcp_source));
	l->heard_us = l->spoke_us = mediad_now(m);
	l->silent = l->timed_out = false;
}

int leg_apply(struct leg *l, const struct leg_set *set, struct mediad *m)
{
	int err = check(l, set);

	if (err)
		return err;
	if (set->has_tx && (err = set_tx(l, &set->tx)) != 0)
		return err;
	if (set->has_rx && (err = set_rx(l, set, mediad_now(m))) != 0)
		return err;
	if (set->has_payload)
		set_payloads(l, set);
	if (set->has_ptime)
		l->ptime = (uint16_t)set->ptime;
	if (set->has_mux)
		l->mux = set->mux;
	if (set->has_strict)
		l->strict = set->strict;
	if (set->has_cn)
		l->cn = set->cn;
	if (set->has_music)
		l->music = set->music;
	if (set->has_dir && set->dir != l->dir) {
		l->dir = set->dir;
		l->heard_us = l->spoke_us = mediad_now(m);
		l->silent = l->timed_out = false;
	}
	if (set->has_dscp && set->dscp != l->dscp) {
		l->dscp = (uint8_t)set->dscp;
		sock_pair_dscp(l->socks, l->dscp);
		untwin(m, l);
	}
	if (set->has_remote)
		set_remote(l, &set->remote, m);
	if (set->has_rtcp)
		l->remote_rtcp = set->rtcp;
	else if (set->has_remote)
		memset(&l->remote_rtcp, 0, sizeof(l->remote_rtcp));
	l->map.on = false;
	if (set->has_ice && (err = leg_ice_set(l, set)) != 0)
		return err;
	if (set->has_cac && (err = leg_cac_set(l, set)) != 0)
		return err;
	if (l->cac && set->has_remote)
		leg_cac_path(l);
	if (l->cac && set->has_payload)
		leg_cac_codec(l);
	return 0;
}

/* ---- sending ---- */

uint32_t leg_ts_now(const struct leg *l, uint64_t now_us)
{
	return l->last_ts + (uint32_t)((now_us - l->last_us) * 8 / 1000);
}

uint32_t leg_ts_next(const struct leg *l, uint64_t now_us)
{
	uint32_t ts = leg_ts_now(l, now_us), least = l->last_ts + l->last_ticks;

	return l->sent_any && (int32_t)(ts - least) < 0 ? least : ts;
}

/* The far end where it is a leg of this process, too (two handsets, a call that was sent on), reached without the network.
 * NULL: it is not, or there is more to do than to hand the packet over. */
static struct leg *near_leg(const struct mediad *m, const struct leg *l)
{
	struct leg *o = port_pool_at(m->ports, addr_port(&l->target));

	return o && o != l && !l->tx && !l->ice && !o->nrx && !o->ice &&
	               addr_eq(&o->local, &l->target)
	           ? o
	           : NULL;
}

void leg_send(struct mediad *m, struct leg *l, uint8_t pt, bool marker, uint16_t seq, uint32_t ts,
    uint8_t *payload, size_t n, bool now)
{
	uint8_t *p = payload - RTP_HDR;
	size_t len = n + RTP_HDR;

	rtp_put(p, pt, marker, seq, ts, l->ssrc);
	if ((int16_t)(uint16_t)(seq - l->next_seq) >= 0 || !l->sent_any) {
		l->next_seq = (uint16_t)(seq + 1);
		l->last_ts = ts;
		l->last_us = mediad_now(m);
		l->sent_any = true;
	}
	if (l->ice) {
		if (l->ice_lost)
			return;
		ice_sent(l->ice, 1, mediad_now(m));
	}
	if (l->tx && sbox_protect(l->tx, p, &len, len + PATH_TAIL) != 0)
		return;
	l->tx_packets++;
	l->tx_packets64++;
	l->tx_octets += (uint32_t)n;
	l->tx_octets64 += n;
	if (l->relayed) {
		leg_ice_send(l, 1, p, len);
		return;
	}
	struct leg *near = m->near_depth < NEAR_DEPTH ? near_leg(m, l) : NULL;
	if (near) {
		m->near_depth++;
		leg_input(m, near, false, p, len, &l->local);
		m->near_depth--;
		/* Memory that is of no batch does not outlive this call. */
		if (now)
			path_flush(m->path);
		return;
	}
	struct path_sock *s = l->twin_on ? &l->twin : &l->socks->rtp;
	const struct addr *to = l->twin_on ? NULL : &l->target;
	if (now)
		path_send_now(m->path, s, p, len, to);
	else
		path_send(m->path, s, p, len, to);
}

/* A steady far end gets a socket of its own. It goes when the far end falls silent, so that whoever comes next is seen. */
static void twin(struct mediad *m, struct leg *l, uint64_t quiet)
{
	if (l->twin.fd >= 0) {
		if (quiet > 1000000 || !l->twin_on)
			untwin(m, l);
		return;
	}
	if (!l->latched || !addr_eq(&l->source, &l->target) || quiet > 200000 || near_leg(m, l))
		return;
	l->twin_far = l->source;
	if (path_twin(m->path, &l->twin, &l->socks->rtp, &l->local, &l->source, l->dscp) != 0)
		log_ev(LOG_DEBUG, "no socket of its own", F_CALL(l->sess->call));
	l->twin_on = l->twin.fd >= 0;
}

/* ---- numbers ---- */

static uint64_t received(const struct leg *l)
{
	return l->sum.received + l->src.received;
}

static uint64_t lost(const struct leg *l)
{
	uint64_t e = l->sum_expected + rtp_src_expected(&l->src), r = received(l);

	return e > r ? e - r : 0;
}

/* For the speech that was decoded. */
static uint64_t too_late(const struct leg *l)
{
	return l->late_before + (l->play ? play_stat(l->play)->late : 0);
}

void leg_stats(const struct leg *l, struct leg_stats *out)
{
	uint64_t decoded = too_late(l);

	memset(out, 0, sizeof(*out));
	out->rx_packets = received(l);
	out->rx_octets = l->sum.octets + l->src.octets;
	out->tx_packets = l->tx_packets64;
	out->tx_octets = l->tx_octets64;
	out->lost = lost(l);
	out->late = l->sum.late + l->src.late;
	if (l->play || decoded > out->late)
		out->late = decoded;
	for (unsigned i = 0; i < LEG_NBAD; i++)
		out->bad += i == LEG_BAD_DIRECTION ? 0 : l->bad[i];
	out->jitter_us = rtp_src_jitter_us(&l->src, 8000);
	out->delay_ms = l->ptime;
	if (l->play)
		out->delay_ms = play_stat(l->play)->delay_ms + l->ptime;
	out->rtt_ms = l->rtt_us / 1000;
	out->mos = l->mos;
	if (l->has_remote_block) {
		out->remote_lost = l->remote_block.lost < 0 ? 0 : (uint32_t)l->remote_block.lost;
		out->remote_jitter_us = (uint32_t)((uint64_t)l->remote_block.jitter * 125);
	}
	out->codec = l->last_codec;
	out->source = l->latched ? l->source : (struct addr){ 0 };
}

static void event(struct mediad *m, struct leg *l, enum media_ev_kind kind, uint32_t value)
{
	struct media_ev ev = { .kind = kind, .side = l->side, .value = value };

	if (m->event)
		m->event(m, l->sess, &ev);
}

static void estimate(struct mediad *m, struct leg *l)
{
	uint64_t e = l->sum_expected + rtp_src_expected(&l->src), r = received(l);
	uint64_t late = too_late(l);
	uint64_t de = e - l->q_expected, dr = r - l->q_received, dl = late - l->q_late;
	uint32_t now;

	if (e < l->q_expected || r < l->q_received || late < l->q_late)
		de = 0; /* a source began again */
	l->q_expected = e;
	l->q_received = r;
	l->q_late = late;
	if (de < 5)
		return;
	now = (uint32_t)((de > dr ? de - dr : 0) + dl > de
	                     ? 1000
	                     : ((de > dr ? de - dr : 0) + dl) * 1000 / de);
	/* Half a minute's memory at most, and quick at the beginning. */
	l->loss_permille = l->mos ? (l->loss_permille * 7 + now + 4) / 8 : now;
	l->mos = emodel_mos100(emodel_r10(l->last_codec, l->loss_permille, 256, 0));
	if (l->mos_min == 0 || l->mos < l->mos_min)
		l->mos_min = l->mos;
	if (!l->poor && m->conf->quality_mos && l->mos < m->conf->quality_mos) {
		l->poor = true;
		event(m, l, MEDIA_EV_QUALITY, l->mos);
	} else if (l->poor && l->mos >= m->conf->quality_mos + 20) {
		l->poor = false;
	}
}

void leg_house(struct mediad *m, struct leg *l)
{
	uint64_t now = mediad_now(m), quiet = now - l->heard_us, mute = now - l->spoke_us;

	if (!l->ice || (l->ice_done && !l->relayed))
		twin(m, l, now - l->src.at_us);
	leg_ice_house(l);
	leg_cac_house(l);
	if (l->nold && now > l->old_keys_until_us) {
		while (l->nold) {
			sbox_free(l->rx[--l->nrx]);
			l->nold--;
		}
	}
	if (leg_receives(l) && l->npayload && addr_set(&l->remote)) {
		if (!l->silent && mute >= (uint64_t)m->conf->silence_ms * 1000) {
			l->silent = true;
			l->silent_us = l->spoke_us;
			l->back_run = 0;
			event(m, l, MEDIA_EV_SILENCE, (uint32_t)(mute / 1000));
		}
		if (quiet >= (uint64_t)m->conf->timeout_ms * 1000 &&
		    (!l->timed_out || now >= l->timeout_told_us + TELL_AGAIN_US)) {
			stat_add(m->st.timeouts, !l->timed_out);
			l->timed_out = true;
			l->timeout_told_us = now;
			event(m, l, MEDIA_EV_TIMEOUT, (uint32_t)(quiet / 1000));
		}
	}
	if (!l->mismatch && l->bad_auth_run >= 10 && l->bad_auth_since_us > l->good_at_us &&
	    now - l->bad_auth_since_us >= (uint64_t)m->conf->mismatch_ms * 1000) {
		l->mismatch = true;
		log_ev(LOG_WARNING, "SRTP key or MKI mismatch", F_CALL(l->sess->call),
		    F_U64("IPDECT_SIDE", l->side), F_U64("IPDECT_COUNT", l->bad_auth_run),
		    F_REMEDY(
		        "the far end sends under another key than its SDP said; a capture of the "
		        "SIP dialog shows both"));
		event(m, l, MEDIA_EV_SRTP_MISMATCH, l->bad_auth_run);
	}
	estimate(m, l);
	if (now >= l->report_us)
		leg_report(m, l, NULL);
}
