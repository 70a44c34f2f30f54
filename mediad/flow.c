/* From side to side. */
#include "mediad/flow.h"

#include <string.h>

#include "mediad/dtmf.h"
#include "mediad/gen.h"
#include "mediad/play.h"

#define ODD_RUN  3    /* packets of a packet time that is not the listener's */
#define BEHIND   1000 /* more than any packet is late */
#define EVEN_RUN 50   /* packets that could be passed before they are passed again */

static uint8_t pt_of(const struct leg *l, uint8_t codec)
{
	for (unsigned i = 0; i < l->npayload; i++)
		if (l->payload[i].codec == codec)
			return l->payload[i].pt;
	return LEG_NO_PT;
}

/* The payload type under which speech of this codec can go out without being decoded; *as: what it becomes. The listener's
 * first codec where a table makes it so: that it lists another one, too, does not mean that it changes over between packets.
 * RFP: two codecs in MEDIA_CONF; which of them a base then plays is not known. */
static uint8_t passable(const struct leg *out, uint8_t codec, uint8_t *as)
{
	if (codec != out->tx_codec && codec_direct((enum codec)codec, (enum codec)out->tx_codec)) {
		*as = out->tx_codec;
		return out->tx_pt;
	}
	*as = codec;
	return pt_of(out, codec);
}

/* Before anything came: what the other side is likely to send, so that its first packets need no change of mind. */
static void guess(struct leg *l)
{
	const struct leg *o = sess_other(l);
	uint8_t as;

	if (!l->sent_any && o && !o->src.valid && o->tx_codec != CODEC_NONE &&
	    l->tx_codec != CODEC_NONE)
		l->map.odd_ptime =
		    o->ptime != l->ptime || passable(l, o->tx_codec, &as) == LEG_NO_PT;
}

void flow_plan(struct mediad *m, struct sess *s)
{
	for (int side = SIDE_NETWORK; side <= SIDE_RADIO; side++) {
		struct leg *l = s->leg[side];
		if (!l)
			continue;
		guess(l);
		if (!leg_sends(l) || l->tx_pt == LEG_NO_PT || !addr_set(&l->target))
			l->mode = LEG_OUT_NONE;
		else if (l->map.odd_ptime || gen_wants(l))
			l->mode = LEG_OUT_GEN;
		else
			l->mode = LEG_OUT_PASS;
		l->map.on = false;
	}
	gen_plan(m, s);
}

/* ---- passing ---- */

/* Our numbers go on where they stood, whatever the new source's are. */
static void rebase(const struct mediad *m, struct leg *out, const struct rtp_pkt *h)
{
	uint32_t ts = out->sent_any ? leg_ts_next(out, mediad_now(m)) : out->last_ts;

	out->map.on = true;
	out->map.ssrc = h->ssrc;
	out->map.first = h->seq;
	out->map.seq_off = (uint16_t)(out->next_seq - h->seq);
	out->map.ts_off = ts - h->ts;
}

static void pass(struct mediad *m, struct leg *out, enum rtp_order order, const struct rtp_pkt *h,
    uint8_t pt, uint8_t *payload, size_t n)
{
	bool fresh = false;

	if (!out->map.on || out->map.ssrc != h->ssrc || order == RTP_AGAIN) {
		fresh = true;
		rebase(m, out, h);
	} else if ((int16_t)(uint16_t)(h->seq - out->map.first) < 0) {
		return; /* from before the change: its number is taken */
	} else if ((uint16_t)(h->seq - out->map.first) > 2 * BEHIND) {
		out->map.first =
		    (uint16_t)(h->seq - BEHIND); /* or it comes round after half the numbers */
	}
	leg_send(m, out, pt, h->marker || fresh, (uint16_t)(h->seq + out->map.seq_off),
	    h->ts + out->map.ts_off, payload, n, false);
}

/* A packet that the listener cannot have leaves no hole in its numbers. */
static void skip(struct leg *out, enum rtp_order order)
{
	if (out->map.on && order == RTP_NEW)
		out->map.seq_off--;
}

/* ---- telephone events ---- */

static void digit(struct mediad *m, struct leg *l, const struct dtmf4733 *e)
{
	struct media_ev ev = {
		.kind = MEDIA_EV_DTMF, .side = l->side, .digit = dtmf_digit(e->event)
	};

	if (!ev.digit)
		return;
	stat_add(m->st.dtmf, 1);
	if (m->event)
		m->event(m, l->sess, &ev);
}

/* Beside speech that is made here the events keep their own pace: their timestamp is ours at their beginning. */
static void relay_event(struct mediad *m, struct leg *out, const struct rtp_pkt *h, bool fresh,
    uint8_t *payload, size_t n)
{
	uint64_t now = mediad_now(m);
	uint32_t on = h->ts - out->event_in_ts;

	if (!fresh && (int32_t)on < 0)
		return; /* of the event before */
	/* A long event goes on under a new timestamp, which must follow the one before (RFC 4733 2.5.1.3). */
	out->event_out_ts =
	    fresh || on > UINT16_MAX ? leg_ts_now(out, now) : out->event_out_ts + on;
	out->event_in_ts = h->ts;
	out->event_until_us = now + 60000;
	uint32_t last_ts = out->last_ts;
	uint64_t last_us = out->last_us;
	leg_send(
	    m, out, out->event_pt, h->marker, out->next_seq, out->event_out_ts, payload, n, false);
	out->last_ts = last_ts; /* an event's time stands still, ours does not */
	out->last_us = last_us;
}

/* The listener knows no events, as a handset's base station: it hears the tone itself. */
static void in_band(struct mediad *m, struct leg *out, const struct dtmf4733 *e)
{
	char c = dtmf_digit(e->event);

	if (c && gen_dtmf(out, (struct slice){ &c, 1 }, 100, 40) == 0)
		flow_plan(m, out->sess);
}

static void event_packet(struct mediad *m, struct leg *in, struct leg *out, enum rtp_order order,
    const struct rtp_pkt *h, uint8_t *payload)
{
	struct dtmf4733 e;
	bool fresh;

	if (dtmf4733_parse(payload, h->payload, &e) != 0) {
		in->bad[LEG_BAD_PAYLOAD]++;
		return;
	}
	fresh = dtmf4733_rx(&in->dtmf, &e, h->ts);
	if (fresh)
		digit(m, in, &e);
	if (!out || out->mode == LEG_OUT_NONE)
		return;
	if (fresh && out->event_pt == LEG_NO_PT)
		in_band(m, out, &e);
	if (out->event_pt == LEG_NO_PT || gen_digits(out) || in->sess->mixed)
		skip(out, order);
	else if (out->mode == LEG_OUT_PASS)
		pass(m, out, order, h, out->event_pt, payload, h->payload);
	else
		relay_event(m, out, h, fresh, payload, h->payload);
}

/* ---- speech ---- */

static void odd(struct mediad *m, struct leg *out, bool is)
{
	if (out->map.odd_ptime == is)
		return;
	out->map.odd_ptime = is;
	out->map.odd_run = 0;
	flow_plan(m, out->sess);
}

static void speech(struct mediad *m, struct leg *in, struct leg *out, enum rtp_order order,
    const struct rtp_pkt *h, uint8_t codec, uint8_t *payload)
{
	uint8_t as, pt = passable(out, codec, &as);
	uint32_t ticks = codec_ticks(codec, h->payload);

	if (ticks == 0) {
		in->bad[LEG_BAD_PAYLOAD]++;
		skip(out, order);
		return;
	}
	if (pt == LEG_NO_PT) {
		odd(m, out, true);
	} else if (out->map.odd_ptime) {
		out->map.odd_run = ticks == out->ptime * 8u ? (uint8_t)(out->map.odd_run + 1) : 0;
		if (out->map.odd_run == EVEN_RUN)
			odd(m, out, false);
	} else if (ticks != out->ptime * 8u) {
		if (++out->map.odd_run == ODD_RUN)
			odd(m, out, true);
	} else {
		out->map.odd_run = 0;
	}
	if (out->mode != LEG_OUT_PASS)
		return;
	if (gen_digits(out)) {
		out->map.on = false;
		return;
	}
	if (as != codec && codec_bridge(codec, as, payload, h->payload, payload) != 0)
		return;
	pass(m, out, order, h, pt, payload, h->payload);
	out->last_ticks = (uint16_t)ticks;
}

void flow_packet(struct mediad *m, struct leg *l, enum rtp_order order, const struct rtp_pkt *h,
    uint8_t codec, uint8_t *p)
{
	struct leg *out = sess_other(l);
	uint8_t *payload = p + h->hdr;

	if (codec == CODEC_EVENT) {
		if (l->play)
			(void)play_put(l->play, CODEC_EVENT, h->seq, h->ts, h->marker, payload,
			    h->payload, mediad_now(m));
		event_packet(m, l, out, order, h, payload);
		return;
	}
	if (codec_speech(codec))
		l->last_codec = codec;
	if (l->play && play_put(l->play, codec, h->seq, h->ts, h->marker, payload, h->payload,
	                   mediad_now(m)) == ERR_SYNTAX)
		l->bad[LEG_BAD_PAYLOAD]++;
	if (!out || out->mode == LEG_OUT_NONE)
		return;
	if (codec == CODEC_CN) {
		if (out->mode != LEG_OUT_PASS)
			return;
		if (out->cn_pt == LEG_NO_PT || gen_digits(out))
			skip(out, order);
		else
			pass(m, out, order, h, out->cn_pt, payload, h->payload);
		return;
	}
	speech(m, l, out, order, h, codec, payload);
}
