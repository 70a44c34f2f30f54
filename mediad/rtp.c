/* RTP packets and sources, RFC 3550. */
#include "mediad/rtp.h"

#include <string.h>

#define MAX_DROPOUT  3000 /* RFC 3550 A.1 */
#define MAX_MISORDER 100
#define RTP_SEQ_MOD  65536u

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int rtp_parse_head(const uint8_t *p, size_t n, struct rtp_pkt *out)
{
	size_t hdr = RTP_HDR;

	if (n < RTP_HDR)
		return ERR_TRUNCATED;
	if (p[0] >> 6 != 2)
		return ERR_SYNTAX;
	hdr += (size_t)(p[0] & 15) * 4;
	if (p[0] & 0x10) {
		if (n < hdr + 4)
			return ERR_TRUNCATED;
		hdr += 4 + 4 * (size_t)(p[hdr + 2] << 8 | p[hdr + 3]);
	}
	if (n < hdr)
		return ERR_TRUNCATED;
	out->pt = p[1] & 0x7f;
	out->marker = p[1] >> 7;
	out->seq = (uint16_t)(p[2] << 8 | p[3]);
	out->ts = be32(p + 4);
	out->ssrc = be32(p + 8);
	out->hdr = hdr;
	out->payload = n - hdr;
	return 0;
}

int rtp_parse(const uint8_t *p, size_t n, struct rtp_pkt *out)
{
	int err = rtp_parse_head(p, n, out);

	if (err || !(p[0] & 0x20))
		return err;
	if (out->payload == 0 || p[n - 1] == 0 || p[n - 1] > out->payload)
		return ERR_TRUNCATED;
	out->payload -= p[n - 1];
	return 0;
}

void rtp_put(uint8_t *p, uint8_t pt, bool marker, uint16_t seq, uint32_t ts, uint32_t ssrc)
{
	p[0] = 0x80;
	p[1] = (uint8_t)(pt | (marker ? 0x80 : 0));
	p[2] = (uint8_t)(seq >> 8);
	p[3] = (uint8_t)seq;
	for (int i = 0; i < 4; i++) {
		p[4 + i] = (uint8_t)(ts >> (24 - 8 * i));
		p[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
	}
}

enum rtp_kind rtp_kind(const uint8_t *p, size_t n)
{
	if (n == 0)
		return RTP_JUNK;
	if (p[0] < 4)
		return n >= 20 ? RTP_STUN : RTP_JUNK;
	if (p[0] >> 6 != 2 || n < 8)
		return RTP_JUNK;
	if (p[1] >= 192 && p[1] <= 223)
		return RTP_RTCP;
	return n < RTP_HDR ? RTP_JUNK : RTP_RTP;
}

/* ---- sources ---- */

static void begin(struct rtp_src *s, uint16_t seq)
{
	s->max_seq = seq;
	s->cycles = 0;
	s->base = seq;
	s->bad_seq = RTP_SEQ_MOD + 1;
	s->received = 0;
	s->expected_prior = s->received_prior = 0;
	s->seen = 0;
	s->valid = true;
}

void rtp_src_init(struct rtp_src *s, uint32_t ssrc)
{
	memset(s, 0, sizeof(*s));
	s->ssrc = ssrc;
}

static void jitter(struct rtp_src *s, uint32_t ts, uint64_t now_us, uint32_t rate, bool first)
{
	uint32_t arrival = (uint32_t)(now_us / 1000 * rate / 1000 + now_us % 1000 * rate / 1000000);
	int32_t transit = (int32_t)(arrival - ts),
	        d = (int32_t)((uint32_t)transit - (uint32_t)s->transit);

	s->transit = transit;
	if (first)
		return;
	if (d < 0)
		d = -d;
	/* A new timestamp base is no jitter. */
	if (d < 0 || (uint32_t)d > 2 * rate)
		return;
	s->jitter = (uint32_t)((int32_t)s->jitter + d - (int32_t)((s->jitter + 8) >> 4));
}

enum rtp_order rtp_src_seen(
    struct rtp_src *s, const struct rtp_pkt *p, uint64_t now_us, uint32_t rate)
{
	enum rtp_order order = RTP_NEW;
	uint16_t delta;

	if (!s->valid) {
		begin(s, p->seq);
		s->seen = 1;
		jitter(s, p->ts, now_us, rate, true);
		goto count;
	}
	delta = (uint16_t)(p->seq - s->max_seq);
	if (delta != 0 && delta < MAX_DROPOUT) {
		if (p->seq < s->max_seq)
			s->cycles += RTP_SEQ_MOD;
		s->max_seq = p->seq;
		s->seen = delta > 63 ? 1 : s->seen << delta | 1;
		/* Packets of one talk burst only; events and silence keep or jump the clock. */
		if (p->ts != s->ts)
			jitter(s, p->ts, now_us, rate, p->marker);
	} else if (delta == 0 || delta > RTP_SEQ_MOD - MAX_MISORDER) {
		uint16_t back = (uint16_t)(s->max_seq - p->seq);
		if (back < 64 && (s->seen >> back & 1)) {
			s->dup++;
			s->at_us = now_us;
			return RTP_DUP;
		}
		if (back >= 64)
			return RTP_WAIT; /* more than a second late: nobody plays it */
		s->seen |= (uint64_t)1 << back;
		if ((uint32_t)(rtp_src_ext(s) - back) < s->base)
			return RTP_DUP; /* from before the beginning: nothing waits for it */
		s->late++;
		order = RTP_LATE;
	} else {
		if (p->seq != s->bad_seq) {
			s->bad_seq = (p->seq + 1u) & (RTP_SEQ_MOD - 1);
			return RTP_WAIT;
		}
		uint64_t restarts = s->restarts + 1;
		begin(s, p->seq);
		s->restarts = restarts;
		s->seen = 1;
		jitter(s, p->ts, now_us, rate, true);
		order = RTP_AGAIN;
	}
count:
	s->received++;
	s->octets += p->payload;
	s->at_us = now_us;
	if (order != RTP_LATE)
		s->ts = p->ts;
	return order;
}

uint64_t rtp_src_expected(const struct rtp_src *s)
{
	return s->valid ? (uint64_t)rtp_src_ext(s) - s->base + 1 : 0;
}

uint64_t rtp_src_lost(const struct rtp_src *s)
{
	uint64_t e = rtp_src_expected(s);

	return e > s->received ? e - s->received : 0;
}

uint8_t rtp_src_fraction(struct rtp_src *s)
{
	uint64_t e = rtp_src_expected(s), de = e - s->expected_prior,
	         dr = s->received - s->received_prior;

	s->expected_prior = e;
	s->received_prior = s->received;
	if (de == 0 || de <= dr)
		return 0;
	return (uint8_t)((de - dr) * 256 / de > 255 ? 255 : (de - dr) * 256 / de);
}
