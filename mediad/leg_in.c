/* What arrives at a leg: is it ours, from whom, which stream. */
#include <string.h>

#include "common/log.h"
#include "mediad/flow.h"
#include "mediad/gen.h"
#include "mediad/leg.h"

#define QUIET_NEAR_US 60000 /* another port of the same host may take over after so much silence */
#define QUIET_FAR_US  1000000 /* another host */
#define BACK_RUN      5       /* packets that end a silence */
#define BACK_GAP_US   500000  /* and no further apart */
#define ALT_RUN       3       /* packets of a second stream with none of the first between */

static void event(
    struct mediad *m, struct leg *l, enum media_ev_kind kind, uint32_t value, const struct addr *a)
{
	struct media_ev ev = { .kind = kind, .side = l->side, .value = value, .addr = a };

	if (m->event)
		m->event(m, l->sess, &ev);
}

/* ---- latching ---- */

static void take(struct mediad *m, struct leg *l, const struct addr *from)
{
	char text[ADDR_TEXT];

	l->source = *from;
	l->twin_on &= addr_eq(from, &l->twin_far); /* the twin itself goes at the next round */
	l->latched = true;
	l->probe_run = 0;
	memset(&l->old_source, 0, sizeof(l->old_source));
	if (!l->strict)
		l->target = *from;
	if (!l->strict && !addr_same_ip(from, &l->rtcp_source)) /* reports follow the speech */
		memset(&l->rtcp_source, 0, sizeof(l->rtcp_source));
	if (!addr_eq(from, &l->remote)) {
		log_ev(LOG_INFO, "far address learnt", F_CALL(l->sess->call),
		    F_U64("IPDECT_SIDE", l->side),
		    F_TEXT("IPDECT_ADDRESS", addr_print(from, true, text)));
		event(m, l, MEDIA_EV_LATCHED, 0, from);
	}
}

/* Under a key that has been replaced. One that goes on sending after the new far end has spoken, as one does that has handed its call
 * over, must not turn us round. */
static bool of_before(const struct leg *l, const struct addr *from)
{
	if (l->latched)
		return addr_eq(from, &l->source);
	return addr_eq(from, addr_set(&l->old_source) ? &l->old_source : &l->remote);
}

/* false: not from our far end. *moved: the source is another one than before. */
static bool latch(struct mediad *m, struct leg *l, const struct addr *from, const struct rtp_pkt *h,
    bool authentic, bool *moved)
{
	uint64_t quiet;

	if (l->latched && addr_eq(from, &l->source))
		return true;
	if (leg_ice_rules(l))
		return ice_known(l->ice, 1, from);
	if (l->strict) {
		if (!addr_eq(from, &l->remote))
			return false;
		goto taken;
	}
	/* After a change by our owner the one before is heard until the new one speaks. */
	if (!l->latched && addr_set(&l->old_source) && addr_eq(from, &l->old_source))
		return true;
	if (!l->latched && addr_eq(from, &l->remote))
		goto taken;
	if (authentic) {
		/* A straggler of the path before must not turn us round. */
		if (l->latched && h->ssrc == l->src.ssrc &&
		    (int16_t)(uint16_t)(h->seq - l->src.max_seq) <= 0)
			return true;
		goto taken;
	}
	/* The agent has no peer yet, or found no path: no stranger takes its place. */
	if (l->ice && !addr_eq(from, &l->remote))
		return false;
	if (l->latched) {
		bool near = addr_same_ip(from, &l->source) || addr_same_ip(from, &l->remote);
		quiet = mediad_now(m) - l->src.at_us;
		if (quiet < (near ? QUIET_NEAR_US : QUIET_FAR_US))
			return false;
	}
	/* Plain RTP of a stranger: two packets in a row, so that one forged datagram moves nothing. */
	if (l->probe_run && addr_eq(&l->probe, from) && h->seq == (uint16_t)(l->probe_seq + 1))
		goto taken;
	l->probe = *from;
	l->probe_seq = h->seq;
	l->probe_run = 1;
	return false;
taken:
	take(m, l, from);
	*moved = true;
	return true;
}

/* ---- streams ---- */

static void new_stream(struct mediad *m, struct leg *l, uint32_t ssrc)
{
	if (l->src.valid) {
		l->sum.received += l->src.received;
		l->sum.octets += l->src.octets;
		l->sum.late += l->src.late;
		l->sum.dup += l->src.dup;
		l->sum_expected += rtp_src_expected(&l->src);
	}
	rtp_src_init(&l->src, ssrc);
	l->alt_run = 0;
	l->bye = false;
	gen_restart(l);
	/* RFC 3550 8.2: whoever notices changes. */
	if (ssrc == l->ssrc) {
		leg_report(m, l, "SSRC collision");
		l->ssrc ^= 0x5a5a5a5a ^ (uint32_t)mediad_now(m);
		l->tx_packets = l->tx_octets = 0;
	}
}

static bool stream(struct mediad *m, struct leg *l, const struct rtp_pkt *h, bool moved)
{
	if (l->src.valid && h->ssrc == l->src.ssrc) {
		l->alt_run = 0;
		return true;
	}
	if (l->src.valid && !moved && !l->bye && mediad_now(m) - l->src.at_us < QUIET_NEAR_US) {
		bool next =
		    l->alt_run && l->alt_ssrc == h->ssrc && h->seq == (uint16_t)(l->alt_seq + 1);
		l->alt_run = (uint8_t)(next ? l->alt_run + 1 : 1);
		l->alt_ssrc = h->ssrc;
		l->alt_seq = h->seq;
		if (l->alt_run < ALT_RUN)
			return false;
	}
	new_stream(m, l, h->ssrc);
	return true;
}

/* ---- SRTP ---- */

/* 0: opened, *n shrunk. *old: by a key that has been replaced: it shows who the far end was, not who it is. */
static int open_keys(struct mediad *m, struct leg *l, uint8_t *p, size_t *n, bool rtcp, bool *old)
{
	int err = ERR_AUTH;

	for (unsigned i = 0; i < l->nrx; i++) {
		struct sbox *b = l->rx[i];
		err = rtcp ? sbox_unprotect_rtcp(b, p, n) : sbox_unprotect(b, p, n);
		if (err == 0) {
			/* The peer has chosen among what it offered: that key first from now on. */
			if (i && i < (unsigned)(l->nrx - l->nold)) {
				memmove(l->rx + 1, l->rx, i * sizeof(l->rx[0]));
				l->rx[0] = b;
			}
			l->bad_auth_run = 0;
			l->good_at_us = mediad_now(m);
			*old = i >= (unsigned)(l->nrx - l->nold);
			return 0;
		}
		if (err != ERR_AUTH)
			break;
	}
	if (err == ERR_AUTH) {
		l->bad[LEG_BAD_AUTH]++;
		if (l->bad_auth_run++ == 0)
			l->bad_auth_since_us = mediad_now(m);
	} else {
		l->bad[err == ERR_EXISTS    ? LEG_BAD_REPLAY
		       : err == ERR_TIMEOUT ? LEG_BAD_OLD
		                            : LEG_BAD_JUNK]++;
	}
	return err;
}

/* A report shows that the far end is there, not that it speaks. Nor does a single packet, as comfort noise sends them
 * now and then: who follows the events would be told of each. */
static void spoke(struct mediad *m, struct leg *l)
{
	uint64_t now = mediad_now(m);

	if (l->silent) {
		l->back_run = now - l->spoke_us < BACK_GAP_US ? (uint8_t)(l->back_run + 1) : 1;
		if (l->back_run >= BACK_RUN) {
			l->silent = false;
			event(
			    m, l, MEDIA_EV_RESUMED, (uint32_t)((now - l->silent_us) / 1000), NULL);
		}
	}
	l->timed_out = false;
	l->heard_us = l->spoke_us = now;
}

/* ---- RTP ---- */

static void rtp_in(struct mediad *m, struct leg *l, uint8_t *p, size_t n, const struct addr *from)
{
	struct rtp_pkt h;
	enum rtp_order order;
	bool moved = false, old = false;
	uint8_t codec;

	if (l->nrx && open_keys(m, l, p, &n, false, &old) != 0)
		return;
	if (rtp_parse(p, n, &h) != 0) {
		l->bad[LEG_BAD_JUNK]++;
		return;
	}
	codec = l->rx_codec[h.pt];
	if (codec == CODEC_NONE) {
		l->bad[LEG_BAD_PT]++;
		return;
	}
	if (from && !(old ? of_before(l, from) : latch(m, l, from, &h, l->nrx != 0, &moved))) {
		l->bad[LEG_BAD_SOURCE]++;
		return;
	}
	if (!stream(m, l, &h, moved)) {
		l->bad[LEG_BAD_SSRC]++;
		return;
	}
	order = rtp_src_seen(&l->src, &h, mediad_now(m), 8000);
	if (order == RTP_DUP) {
		l->bad[LEG_BAD_REPLAY]++;
		return;
	}
	if (order == RTP_WAIT) {
		l->bad[LEG_BAD_OLD]++;
		return;
	}
	if (order == RTP_AGAIN)
		gen_restart(l);
	spoke(m, l);
	if (!leg_receives(l)) {
		l->bad[LEG_BAD_DIRECTION]++;
		return;
	}
	flow_packet(m, l, order, &h, codec, p);
}

/* ---- RTCP ---- */

static bool rtcp_from(const struct leg *l, const struct addr *from, bool rtcp_port)
{
	if (leg_ice_rules(l) && rtcp_port)
		return ice_known(l->ice, 2, from);
	if (l->latched && addr_same_ip(from, &l->source))
		return true;
	if (!addr_same_ip(from, &l->remote))
		return false;
	if (!l->strict)
		return true;
	if (!rtcp_port)
		return addr_eq(from, &l->remote);
	return addr_set(&l->remote_rtcp) ? addr_eq(from, &l->remote_rtcp)
	                                 : addr_port(from) == addr_port(&l->remote) + 1;
}

static void rtcp_in(
    struct mediad *m, struct leg *l, bool rtcp_port, uint8_t *p, size_t n, const struct addr *from)
{
	struct rtcp_in in;
	uint64_t now = mediad_now(m);
	bool old = false;

	if (l->nrx) {
		if (open_keys(m, l, p, &n, true, &old) != 0)
			return;
	} else if (from && !rtcp_from(l, from, rtcp_port)) {
		l->bad[LEG_BAD_SOURCE]++;
		return;
	}
	if (rtcp_parse(p, n, l->ssrc, &in) != 0) {
		l->bad[LEG_BAD_RTCP]++;
		return;
	}
	l->rtcp_rx++;
	l->heard_us = now;
	l->timed_out = false;
	if (rtcp_port && from && !l->strict && !old)
		l->rtcp_source = *from;
	if (in.bye && in.ssrc == l->src.ssrc)
		l->bye = true;
	if (in.sr) {
		l->sr_ntp = in.ntp;
		l->sr_us = now;
	}
	if (in.rrtr) {
		l->rrtr_ntp = in.rrtr_ntp;
		l->rrtr_us = now;
	}
	if (in.rb) {
		l->remote_block = in.block;
		l->has_remote_block = true;
		leg_rtt(l, in.block.lsr, in.block.dlsr);
	}
	if (in.dlrr)
		leg_rtt(l, in.dlrr_lrr, in.dlrr_delay);
	if (in.voip) {
		l->remote_voip = in.v;
		l->has_remote_voip = true;
	}
}

static void ask_for(const void *at, size_t n)
{
	for (size_t i = 0; i < n; i += 64)
		__builtin_prefetch((const char *)at + i);
}

void leg_soon(const struct path_sock *s)
{
	const struct leg *l = s->owner, *o;

	if (s->kind != PATH_RTP)
		return;
	ask_for(&l->ice, offsetof(struct leg, rx_codec) - offsetof(struct leg, ice));
	o = sess_other(l);
	if (o)
		ask_for(
		    &o->target, offsetof(struct leg, tx_packets64) - offsetof(struct leg, target));
	if (l->nrx)
		sbox_soon(l->rx[0]);
	if (o && o->tx)
		sbox_soon(o->tx);
}

void leg_input(
    struct mediad *m, struct leg *l, bool rtcp_port, uint8_t *p, size_t n, const struct addr *from)
{
	struct addr peer;

	if (!from && (l->ice || !l->twin_on))
		from = &l->twin_far;
	if (l->cac && !rtcp_port && rtp_kind(p, n) == RTP_STUN && leg_cac_input(l, p, n, from))
		return;
	if (l->ice && !leg_ice_input(l, rtcp_port ? 2 : 1, &p, &n, &from, &peer))
		return;
	leg_packet(m, l, rtcp_port, p, n, from);
}

void leg_packet(
    struct mediad *m, struct leg *l, bool rtcp_port, uint8_t *p, size_t n, const struct addr *from)
{
	switch (rtp_kind(p, n)) {
	case RTP_RTP:
		if (rtcp_port)
			break;
		rtp_in(m, l, p, n, from);
		return;
	case RTP_RTCP:
		rtcp_in(m, l, rtcp_port, p, n, from);
		return;
	case RTP_STUN:
	case RTP_JUNK:
		break;
	}
	l->bad[LEG_BAD_JUNK]++;
}
