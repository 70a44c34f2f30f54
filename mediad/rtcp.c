/* RTCP, RFC 3550 6 and RFC 3611. */
#include "mediad/rtcp.h"

#include <string.h>

#include "common/rd.h"
#include "common/wr.h"

enum { PT_SR = 200, PT_RR, PT_SDES, PT_BYE, PT_APP, PT_RTPFB, PT_PSFB, PT_XR };
enum { XR_RRTR = 4, XR_DLRR = 5, XR_VOIP = 7 };

static void read_blocks(struct rd *r, unsigned count, uint32_t us, struct rtcp_in *out)
{
	while (count-- && rd_left(r) >= 24) {
		struct rtcp_block b;
		uint32_t x;

		b.ssrc = rd_be32(r);
		x = rd_be32(r);
		b.fraction = (uint8_t)(x >> 24);
		b.lost = (int32_t)(x << 8) >> 8;
		b.ext = rd_be32(r);
		b.jitter = rd_be32(r);
		b.lsr = rd_be32(r);
		b.dlsr = rd_be32(r);
		if (b.ssrc == us) {
			out->rb = true;
			out->block = b;
		}
	}
}

static void read_voip(struct rd *r, uint32_t us, struct rtcp_in *out)
{
	struct rtcp_voip v;

	v.ssrc = rd_be32(r);
	v.loss = rd_u8(r);
	v.discard = rd_u8(r);
	v.burst_density = rd_u8(r);
	v.gap_density = rd_u8(r);
	v.burst_ms = rd_be16(r);
	v.gap_ms = rd_be16(r);
	v.rtt_ms = rd_be16(r);
	v.end_delay_ms = rd_be16(r);
	v.signal = (int8_t)rd_u8(r);
	v.noise = (int8_t)rd_u8(r);
	v.rerl = rd_u8(r);
	v.gmin = rd_u8(r);
	v.r = rd_u8(r);
	v.ext_r = rd_u8(r);
	v.mos_lq = rd_u8(r);
	v.mos_cq = rd_u8(r);
	v.config = rd_u8(r);
	(void)rd_u8(r);
	v.jb_nominal = rd_be16(r);
	v.jb_max = rd_be16(r);
	v.jb_abs = rd_be16(r);
	if (!r->bad && v.ssrc == us) {
		out->voip = true;
		out->v = v;
	}
}

static void read_xr(struct rd *r, uint32_t us, struct rtcp_in *out)
{
	while (rd_left(r) >= 4) {
		uint8_t type = rd_u8(r);
		(void)rd_u8(r);
		struct rd b = rd_sub(r, (size_t)rd_be16(r) * 4);

		if (b.bad)
			return;
		if (type == XR_VOIP) {
			read_voip(&b, us, out);
		} else if (type == XR_RRTR && rd_left(&b) >= 8) {
			out->rrtr = true;
			out->rrtr_ntp = rd_be64(&b);
		} else if (type == XR_DLRR) {
			while (rd_left(&b) >= 12) {
				uint32_t ssrc = rd_be32(&b), lrr = rd_be32(&b), d = rd_be32(&b);
				if (ssrc == us) {
					out->dlrr = true;
					out->dlrr_lrr = lrr;
					out->dlrr_delay = d;
				}
			}
		}
	}
}

int rtcp_parse(const uint8_t *p, size_t n, uint32_t us, struct rtcp_in *out)
{
	struct rd all = rd_of(p, n);
	bool first = true;

	memset(out, 0, sizeof(*out));
	if (n < 8)
		return ERR_TRUNCATED;
	while (rd_left(&all)) {
		uint8_t b0 = rd_u8(&all), pt = rd_u8(&all);
		size_t len = (size_t)rd_be16(&all) * 4;
		struct rd r;
		unsigned count = b0 & 31;

		if (all.bad || b0 >> 6 != 2)
			return ERR_SYNTAX;
		if (first && pt != PT_SR && pt != PT_RR && pt != PT_RTPFB && pt != PT_PSFB)
			return ERR_SYNTAX;
		r = rd_sub(&all, len);
		if (r.bad)
			return ERR_TRUNCATED;
		/* Padding belongs to the last packet alone. */
		if (b0 & 0x20) {
			if (rd_left(&all) || len == 0 || r.end[-1] == 0 || r.end[-1] > len)
				return ERR_SYNTAX;
			r.end -= r.end[-1];
		}
		if (pt >= PT_SR && pt <= PT_XR && pt != PT_SDES && pt != PT_BYE && rd_left(&r) < 4)
			return ERR_TRUNCATED;
		switch (pt) {
		case PT_SR:
			out->ssrc = rd_be32(&r);
			out->ntp = rd_be64(&r);
			out->rtp_ts = rd_be32(&r);
			out->packets = rd_be32(&r);
			out->octets = rd_be32(&r);
			if (r.bad)
				return ERR_TRUNCATED;
			out->sr = true;
			read_blocks(&r, count, us, out);
			break;
		case PT_RR:
			out->ssrc = rd_be32(&r);
			read_blocks(&r, count, us, out);
			break;
		case PT_BYE:
			while (count-- && rd_left(&r) >= 4)
				out->bye |= rd_be32(&r) == out->ssrc;
			break;
		case PT_XR:
			(void)rd_be32(&r);
			read_xr(&r, us, out);
			break;
		case PT_RTPFB:
		case PT_PSFB:
			if (first)
				out->ssrc = rd_be32(&r);
			break;
		case PT_SDES:
		case PT_APP:
			break;
		default:
			out->unknown++;
		}
		first = false;
	}
	return 0;
}

/* ---- building ---- */

static size_t begin(struct wr *w, unsigned count, uint8_t pt)
{
	wr_u8(w, 0x80 | count);
	wr_u8(w, pt);
	return wr_hole(w, 2);
}

static void end(struct wr *w, size_t at)
{
	size_t words = (w->n - at + 2) / 4 - 1;

	if (w->bad)
		return;
	w->p[at] = (uint8_t)(words >> 8);
	w->p[at + 1] = (uint8_t)words;
}

static void put_voip(struct wr *w, const struct rtcp_voip *v)
{
	wr_u8(w, XR_VOIP);
	wr_u8(w, 0);
	wr_be16(w, 8);
	wr_be32(w, v->ssrc);
	wr_u8(w, v->loss);
	wr_u8(w, v->discard);
	wr_u8(w, v->burst_density);
	wr_u8(w, v->gap_density);
	wr_be16(w, v->burst_ms);
	wr_be16(w, v->gap_ms);
	wr_be16(w, v->rtt_ms);
	wr_be16(w, v->end_delay_ms);
	wr_u8(w, (uint8_t)v->signal);
	wr_u8(w, (uint8_t)v->noise);
	wr_u8(w, v->rerl);
	wr_u8(w, v->gmin);
	wr_u8(w, v->r);
	wr_u8(w, v->ext_r);
	wr_u8(w, v->mos_lq);
	wr_u8(w, v->mos_cq);
	wr_u8(w, v->config);
	wr_u8(w, 0);
	wr_be16(w, v->jb_nominal);
	wr_be16(w, v->jb_max);
	wr_be16(w, v->jb_abs);
}

size_t rtcp_build(const struct rtcp_out *o, uint8_t *p, size_t cap)
{
	struct wr w = wr_of(p, cap);
	size_t at = begin(&w, o->block ? 1 : 0, o->sr ? PT_SR : PT_RR);

	wr_be32(&w, o->ssrc);
	if (o->sr) {
		wr_be64(&w, o->ntp);
		wr_be32(&w, o->rtp_ts);
		wr_be32(&w, o->packets);
		wr_be32(&w, o->octets);
	}
	if (o->block) {
		const struct rtcp_block *b = o->block;
		wr_be32(&w, b->ssrc);
		wr_be32(&w, (uint32_t)b->fraction << 24 | ((uint32_t)b->lost & 0xffffff));
		wr_be32(&w, b->ext);
		wr_be32(&w, b->jitter);
		wr_be32(&w, b->lsr);
		wr_be32(&w, b->dlsr);
	}
	end(&w, at);

	at = begin(&w, 1, PT_SDES);
	size_t chunk = w.n;
	wr_be32(&w, o->ssrc);
	wr_u8(&w, 1); /* CNAME */
	wr_u8(&w, (unsigned)strlen(o->cname) & 0xff);
	wr_str(&w, o->cname);
	do
		wr_u8(&w, 0);
	while (!w.bad && (w.n - chunk) % 4);
	end(&w, at);

	if (o->voip || o->rrtr || o->dlrr_lrr) {
		at = begin(&w, 0, PT_XR);
		wr_be32(&w, o->ssrc);
		if (o->rrtr) {
			wr_u8(&w, XR_RRTR);
			wr_u8(&w, 0);
			wr_be16(&w, 2);
			wr_be64(&w, o->ntp);
		}
		if (o->dlrr_lrr) {
			wr_u8(&w, XR_DLRR);
			wr_u8(&w, 0);
			wr_be16(&w, 3);
			wr_be32(&w, o->dlrr_ssrc);
			wr_be32(&w, o->dlrr_lrr);
			wr_be32(&w, o->dlrr_delay);
		}
		if (o->voip)
			put_voip(&w, o->voip);
		end(&w, at);
	}
	if (o->bye) {
		size_t n = strlen(o->bye) & 0xff;
		at = begin(&w, 1, PT_BYE);
		wr_be32(&w, o->ssrc);
		if (n) {
			wr_u8(&w, (unsigned)n);
			wr_bytes(&w, o->bye, n);
			while (!w.bad && (w.n - at + 2) % 4)
				wr_u8(&w, 0);
		}
		end(&w, at);
	}
	return w.bad ? 0 : w.n;
}

uint64_t rtcp_ntp(uint64_t unix_us)
{
	uint64_t s = unix_us / 1000000 + 2208988800u, us = unix_us % 1000000;

	return s << 32 | (us << 32) / 1000000;
}

uint32_t rtcp_rtt_us(uint32_t now_mid, uint32_t lsr, uint32_t dlsr)
{
	uint32_t rtt = now_mid - lsr - dlsr;

	/* Clocks that step make it negative; more than 16 s is none, either. */
	if (lsr == 0 || rtt > 16u << 16)
		return 0;
	return (uint32_t)((uint64_t)rtt * 1000000 >> 16);
}
