/* A leg's reports to its far end, RFC 3550 6.2 and 6.3, RFC 3611. */
#include <string.h>
#include <time.h>

#include "common/id.h"
#include "mediad/emodel.h"
#include "mediad/gen.h"
#include "mediad/play.h"
#include "mediad/leg.h"

static uint64_t ntp_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return rtcp_ntp((uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
}

void leg_rtt(struct leg *l, uint32_t lsr, uint32_t dlsr)
{
	uint32_t rtt = rtcp_rtt_us(rtcp_mid(ntp_now()), lsr, dlsr);

	if (rtt)
		l->rtt_us = rtt;
}

static uint32_t delay_since(uint64_t then_us, uint64_t now_us)
{
	return (uint32_t)(((now_us - then_us) << 16) / 1000000);
}

static void voip(const struct leg *l, struct rtcp_voip *v)
{
	uint32_t rtt = l->rtt_us / 1000, jb = 0, delay, r_lq, r_cq;
	uint64_t e = l->sum_expected + rtp_src_expected(&l->src),
	         got = l->sum.received + l->src.received;

	memset(v, 0, sizeof(*v));
	if (l->play) {
		const struct jbuf_stat *j = play_stat(l->play);
		jb = j->delay_ms;
		v->discard =
		    (uint8_t)(e ? (j->late + j->overflow) * 255 / (e + j->late + j->overflow) : 0);
		v->jb_nominal = (uint16_t)jb;
		v->jb_max = (uint16_t)j->target_ms;
		v->jb_abs = l->play->jb.conf.max_ms;
	}
	v->ssrc = l->src.ssrc;
	v->loss = (uint8_t)(e > got ? (e - got) * 255 / e : 0);
	v->gap_density = v->loss;
	v->gap_ms = (uint16_t)(e * l->ptime > 65535 ? 65535 : e * l->ptime);
	v->rtt_ms = (uint16_t)(rtt > 65535 ? 65535 : rtt);
	delay = rtt / 2 + jb + l->ptime;
	v->end_delay_ms = (uint16_t)(jb + l->ptime);
	v->signal = v->noise = 127;
	v->rerl = v->ext_r = 127;
	v->gmin = 16;
	r_lq = emodel_r10(l->last_codec, l->loss_permille, 256, 0);
	r_cq = emodel_r10(l->last_codec, l->loss_permille, 256, delay);
	v->r = (uint8_t)((r_cq + 5) / 10);
	v->mos_lq = (uint8_t)((emodel_mos100(r_lq) + 5) / 10);
	v->mos_cq = (uint8_t)((emodel_mos100(r_cq) + 5) / 10);
	/* Standard concealment; an adaptive jitter buffer where there is one. */
	v->config = (uint8_t)(l->play ? 3 << 6 | 3 << 4 : 1 << 6);
}

static bool target(const struct leg *l, struct addr *to)
{
	if (!addr_set(&l->target))
		return false;
	*to = l->target;
	if (l->mux)
		return true;
	if (addr_set(&l->rtcp_source))
		*to = l->rtcp_source;
	else if (addr_set(&l->remote_rtcp) &&
	         (addr_eq(&l->target, &l->remote) || addr_same_ip(&l->target, &l->remote_rtcp)))
		*to = l->remote_rtcp;
	else
		addr_set_port(to, (uint16_t)(addr_port(&l->target) + 1));
	return true;
}

void leg_report(struct mediad *m, struct leg *l, const char *bye)
{
	uint8_t buf[RTCP_MAX + PATH_TAIL];
	struct rtcp_out o = { .ssrc = l->ssrc, .cname = m->cname, .bye = bye };
	struct rtcp_block b = { 0 };
	struct rtcp_voip v;
	uint64_t now = mediad_now(m);
	struct addr to;
	size_t n;

	/* RFC 3550 6.2: 0.5 to 1.5 times the interval. */
	l->report_us = now + (uint64_t)m->conf->rtcp_ms * (500 + id_below(1000));
	if (!target(l, &to) || l->npayload == 0 || l->ice_lost) /* RFC 7675 5.1: nothing more */
		return;
	/* RFC 3550 6.3.7: whoever never sent anything leaves without a word. */
	if (bye && l->tx_packets64 == 0 && l->rtcp_tx == 0)
		return;
	o.ntp = ntp_now();
	o.sr = l->tx_packets > 0;
	o.rtp_ts = leg_ts_now(l, now);
	o.packets = l->tx_packets;
	o.octets = l->tx_octets;
	if (l->src.valid) {
		uint64_t lost = rtp_src_lost(&l->src);
		b.ssrc = l->src.ssrc;
		b.fraction = rtp_src_fraction(&l->src);
		b.lost = (int32_t)(lost > 0x7fffff ? 0x7fffff : lost);
		b.ext = rtp_src_ext(&l->src);
		b.jitter = l->src.jitter >> 4;
		if (l->sr_us) {
			b.lsr = rtcp_mid(l->sr_ntp);
			b.dlsr = delay_since(l->sr_us, now);
		}
		o.block = &b;
		voip(l, &v);
		o.voip = &v;
	}
	o.rrtr = !o.sr;
	if (l->rrtr_us) {
		o.dlrr_ssrc = l->src.ssrc;
		o.dlrr_lrr = rtcp_mid(l->rrtr_ntp);
		o.dlrr_delay = delay_since(l->rrtr_us, now);
	}
	n = rtcp_build(&o, buf, RTCP_MAX);
	if (n == 0 || (l->tx && sbox_protect_rtcp(l->tx, buf, &n, sizeof(buf)) != 0))
		return;
	if (l->relayed)
		leg_ice_send(l, l->mux ? 1 : 2, buf, n);
	else
		path_send_now(m->path, l->mux ? &l->socks->rtp : &l->socks->rtcp, buf, n, &to);
	l->rtcp_tx++;
}
