/* A soft base's media: streams ordered by the server, real RTP with G.711, tones, statistics (rfp-link 9). */
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/support/g711.h"
#include "tests/support/softrfp_priv.h"

#define RTP_HDR   12
#define GAP_MAX   50 /* packets: a longer gap is a new start */
#define RATE      8000.0
#define STRAYS    25 /* packets of another source that a change may leave under way */
#define DIR_RX    1  /* towards the handset */
#define DIR_TX    2
#define TONE_AMPL 32767.0

static void nack(struct softrfp *b, uint16_t type, uint16_t handle, uint32_t reason)
{
	struct rfp_msg m = { .type = RFP_NACK };

	m.u.nack.what = type;
	m.u.nack.call = handle;
	m.u.nack.reason = reason;
	sr_send(b, &m);
	air_event(b->air, "%s nack %04x %08x", b->who, type, reason);
}

static struct sr_stream *find(struct softrfp *b, uint16_t handle)
{
	for (unsigned i = 0; i < SR_STREAMS; i++)
		if (b->streams[i].st != SM_FREE && b->streams[i].handle == handle)
			return &b->streams[i];
	return NULL;
}

static struct sr_stream *by_mcei(struct softrfp *b, int mcei)
{
	for (unsigned i = 0; i < SR_STREAMS; i++)
		if (b->streams[i].st == SM_RUN && b->streams[i].mcei == mcei)
			return &b->streams[i];
	return NULL;
}

unsigned sr_media_of(const struct softrfp *b, int mcei)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SR_STREAMS; i++)
		n += b->streams[i].st >= SM_CONF && b->streams[i].mcei == mcei;
	return n;
}

static struct air_conn *conn_of(struct sr_stream *s)
{
	struct sr_conn *c = s->mcei >= 0 ? sr_conn_of(s->b, (unsigned)s->mcei) : NULL;

	return c ? c->c : NULL;
}

/* ---- receiving ---- */

static void jitter(struct sr_stream *s, uint32_t ts)
{
	int64_t now = (int64_t)(uv_hrtime() / 125000), transit = now - (int64_t)ts;
	double d = fabs((double)(transit - s->transit));
	uint32_t us;

	if (s->rx_packets > 1 && d < RATE) {
		s->jitter += (d - s->jitter) / 16;
		us = (uint32_t)(s->jitter * 125);
		if (us > s->max_jitter_us)
			s->max_jitter_us = us;
	}
	s->transit = transit;
}

static void deliver(struct sr_stream *s, const int16_t *samples)
{
	struct air_conn *c = conn_of(s);

	if (c && s->rx && !s->ntone)
		air_base_speech(c, samples);
}

static void speech(struct sr_stream *s, const uint8_t *p)
{
	int16_t pcm[AIR_SAMPLES];

	for (unsigned i = 0; i < AIR_SAMPLES; i++)
		pcm[i] = s->codec == 4 ? g711_ulaw_linear(p[i]) : g711_alaw_linear(p[i]);
	deliver(s, pcm);
}

/* Time runs on where packets are missing: as many frames of silence, so that what is recorded keeps its length. */
static bool in_turn(struct sr_stream *s, uint16_t seq, uint32_t ts, uint32_t ssrc)
{
	static const int16_t silence[AIR_SAMPLES];
	int32_t ahead = (int32_t)(ts - s->next_ts);
	int16_t seqs = (int16_t)(seq - s->next_seq);

	if (!s->heard || ssrc != s->far_ssrc) {
		s->heard = true;
		s->far_ssrc = ssrc;
	} else if (ahead < 0 && ahead > -GAP_MAX * AIR_SAMPLES) {
		s->late++;
		return false;
	} else if (ahead > 0 && ahead <= GAP_MAX * AIR_SAMPLES) {
		for (int32_t i = 0; i < ahead / AIR_SAMPLES; i++)
			deliver(s, silence);
		if (seqs > 0) {
			s->lost += (uint16_t)seqs;
			s->b->rtp_lost += (uint16_t)seqs;
		}
	}
	if (seq < 100 && s->next_seq > 65000)
		s->cycles++;
	s->rx_speech++;
	s->next_seq = (uint16_t)(seq + 1);
	s->next_ts = ts + AIR_SAMPLES;
	return true;
}

static void dtmf_event(struct sr_stream *s, const uint8_t *p, size_t n)
{
	if (n >= 4 && p[1] & 0x80)
		air_event(s->b->air, "%s rtp-event %u", s->b->who, p[0]);
}

static void rtp_in(struct sr_stream *s, const uint8_t *p, size_t n)
{
	struct softrfp *b = s->b;
	struct rd r = rd_of(p, n);
	uint8_t vpxcc = rd_u8(&r), mpt = rd_u8(&r), pt = mpt & 0x7f;
	uint16_t seq = rd_be16(&r);
	uint32_t ts = rd_be32(&r), ssrc = rd_be32(&r);

	if (r.bad || vpxcc >> 6 != 2) {
		sr_violation(
		    b, "RFC 3550 5.1", "no RTP packet on port %u (%zu octets)", s->local, n);
		return;
	}
	rd_bytes(&r, (vpxcc & 15u) * 4u);
	if (vpxcc & 0x10) {
		rd_be16(&r);
		rd_bytes(&r, rd_be16(&r) * 4u);
	}
	if (r.bad)
		return;
	s->rx_packets++;
	s->rx_octets += (uint32_t)rd_left(&r);
	b->rtp_rx++;
	s->last_ms = tmr_now(b->w);
	if (s->rx_packets == 1)
		s->rx_first = (uint32_t)(s->last_ms - s->started);
	jitter(s, ts);
	if (s->dtmf_pt && pt == s->dtmf_pt) {
		dtmf_event(s, r.p, rd_left(&r));
		return;
	}
	if (pt == 13)
		return; /* comfort noise: silence by the clock */
	if (pt != s->pt) {
		sr_violation(b, "rfp-link 9.1", "payload type %u on port %u, agreed is %u", pt,
		    s->local, s->pt);
		return;
	}
	if (rd_left(&r) != AIR_SAMPLES) {
		sr_violation(
		    b, "rfp-link 9.1", "packet of %zu samples, the frame is 20 ms", rd_left(&r));
		return;
	}
	if (in_turn(s, seq, ts, ssrc))
		speech(s, r.p);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
	struct sr_sock *k = h->data;

	(void)hint;
	*buf = uv_buf_init((char *)k->buf, sizeof(k->buf));
}

static bool from_peer(const struct sr_stream *s, const struct sockaddr *sa)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;

	return sa->sa_family == AF_INET && memcmp(&in->sin_addr, s->rx_ip, 4) == 0 &&
	       ntohs(in->sin_port) == s->rx_port;
}

static void on_rtp(
    uv_udp_t *h, ssize_t n, const uv_buf_t *buf, const struct sockaddr *sa, unsigned flags)
{
	struct sr_sock *k = h->data;
	struct sr_stream *s = k->s;

	(void)flags;
	if (!s || n <= 0 || !sa || s->st != SM_RUN)
		return;
	if (!from_peer(s, sa)) {
		if (++s->strays > STRAYS && !s->strays_told) {
			s->strays_told = true;
			sr_violation(s->b, "rfp-link 9.1",
			    "RTP on port %u from elsewhere than MEDIA_CONF's receive address",
			    s->local);
		}
		return;
	}
	if (s->b->conf.loss_milli && sr_random(s->b) % 1000 < s->b->conf.loss_milli) {
		s->b->rtp_dropped++;
		return;
	}
	rtp_in(s, (const uint8_t *)buf->base, (size_t)n);
}

static void on_rtcp(
    uv_udp_t *h, ssize_t n, const uv_buf_t *buf, const struct sockaddr *sa, unsigned flags)
{
	struct sr_sock *k = h->data;
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;

	(void)flags;
	if (k->s && n > 0 && sa && k->s->st == SM_RUN && sa->sa_family == AF_INET &&
	    memcmp(&in->sin_addr, k->s->rx_ip, 4) == 0 && ntohs(in->sin_port) == k->s->rx_rtcp)
		sr_rtcp_in(k->s, (const uint8_t *)buf->base, (size_t)n);
}

/* ---- sending ---- */

void sr_media_speak(struct softrfp *b, int mcei, const int16_t *samples)
{
	struct sr_stream *s = by_mcei(b, mcei);
	uint8_t pkt[RTP_HDR + AIR_SAMPLES];
	struct wr w = wr_of(pkt, sizeof(pkt));
	struct sockaddr_in to = { .sin_family = AF_INET };
	uv_buf_t buf;

	if (!s || !s->tx || !s->sock)
		return;
	wr_u8(&w, 0x80);
	wr_u8(&w, s->pt | (s->tx_packets ? 0u : 0x80u));
	wr_be16(&w, s->seq++);
	wr_be32(&w, s->ts);
	wr_be32(&w, s->ssrc);
	for (unsigned i = 0; i < AIR_SAMPLES; i++)
		pkt[RTP_HDR + i] = s->codec == 4 ? g711_ulaw(samples[i]) : g711_alaw(samples[i]);
	s->ts += AIR_SAMPLES;
	s->tx_packets++;
	s->tx_octets += AIR_SAMPLES;
	b->rtp_tx++;
	if (b->conf.loss_milli && sr_random(b) % 1000 < b->conf.loss_milli) {
		b->rtp_dropped++;
		return;
	}
	memcpy(&to.sin_addr, s->tx_ip, 4);
	to.sin_port = htons(s->tx_port);
	buf = uv_buf_init((char *)pkt, sizeof(pkt));
	uv_udp_try_send(&s->sock->rtp, &buf, 1, (struct sockaddr *)&to);
}

/* ---- sockets ---- */

static void on_closed(uv_handle_t *h)
{
	struct sr_sock *k = h->data;

	if (--k->refs == 0)
		free(k);
}

static void sock_close(struct sr_stream *s)
{
	if (!s->sock)
		return;
	s->sock->s = NULL;
	uv_close((uv_handle_t *)&s->sock->rtp, on_closed);
	uv_close((uv_handle_t *)&s->sock->rtcp, on_closed);
	s->sock = NULL;
}

static int bound(uv_udp_t *u, const char *ip, uint16_t port, uv_udp_recv_cb cb)
{
	struct sockaddr_in sa;
	int err = uv_ip4_addr(ip[0] ? ip : "0.0.0.0", port, &sa);

	if (!err)
		err = uv_udp_bind(u, (struct sockaddr *)&sa, 0);
	if (!err)
		err = uv_udp_recv_start(u, on_alloc, cb);
	return err;
}

static int sock_open(struct sr_stream *s, uint16_t rtp, uint16_t rtcp)
{
	struct sr_sock *k = mem_new(sizeof(*k));
	int err;

	k->s = s;
	k->refs = 2;
	uv_udp_init(s->b->loop, &k->rtp);
	uv_udp_init(s->b->loop, &k->rtcp);
	k->rtp.data = k->rtcp.data = k;
	s->sock = k;
	err = bound(&k->rtp, s->b->conf.ip, rtp, on_rtp);
	if (!err)
		err = bound(&k->rtcp, s->b->conf.ip, rtcp, on_rtcp);
	if (err)
		sock_close(s);
	return err;
}

/* ---- tones: a program of entries (rfp-link 9.3) ---- */

static double level(int16_t tenth_db)
{
	return TONE_AMPL * 0.5 * pow(10.0, (double)tenth_db / 200.0);
}

static void tone_step(struct sr_stream *s)
{
	const struct sr_tone *t = &s->tone[s->tone_at];

	if (t->count && s->tone_cycles < t->count) {
		s->tone_cycles++;
		s->tone_at = t->to;
	} else {
		s->tone_cycles = 0;
		s->tone_at = t->next;
	}
	s->tone_left = s->tone[s->tone_at].ms;
}

static void on_tone(struct tmr *t, void *ctx)
{
	struct sr_stream *s = ctx;
	const struct sr_tone *e = &s->tone[s->tone_at];
	struct air_conn *c = conn_of(s);
	int16_t pcm[AIR_SAMPLES];

	(void)t;
	if (!s->ntone || s->st != SM_RUN)
		return;
	for (unsigned i = 0; i < AIR_SAMPLES; i++) {
		double v = 0, at = (double)(s->tone_sample++) / RATE;

		for (unsigned f = 0; f < 4; f++)
			if (e->f[f])
				v += level(e->level[f]) * sin(2 * M_PI * e->f[f] * at);
		pcm[i] = (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
	}
	if (c && s->rx)
		air_base_speech(c, pcm);
	s->tone_left = s->tone_left > 20 ? s->tone_left - 20 : 0;
	if (s->tone_left == 0)
		tone_step(s);
	tmr_start(&s->tone_tmr, 20);
}

static void tone(struct softrfp *b, struct sr_stream *s, const struct rfp_msg *m)
{
	struct rd r = rd_of(m->u.m_tone.entries.p, m->u.m_tone.entries.n);

	tmr_stop(&s->tone_tmr);
	s->ntone = 0;
	if (m->u.m_tone.count == 0) {
		air_event(b->air, "%s tone off", b->who);
		return;
	}
	for (unsigned i = 0; i < m->u.m_tone.count; i++) {
		struct sr_tone *t = &s->tone[i];

		for (unsigned f = 0; f < 4; f++)
			t->f[f] = rd_le16(&r);
		for (unsigned f = 0; f < 4; f++)
			t->level[f] = (int16_t)rd_le16(&r);
		t->ms = rd_le16(&r);
		t->count = rd_le16(&r);
		t->to = rd_le16(&r);
		t->next = rd_le16(&r);
		if (t->next >= m->u.m_tone.count || t->to >= m->u.m_tone.count || t->ms == 0)
			r.bad = true;
	}
	if (r.bad) {
		sr_violation(
		    b, "rfp-link 9.3", "tone program with %u entries is broken", m->u.m_tone.count);
		nack(b, m->type, s->handle, RFP_NACK_PARAM);
		return;
	}
	air_event(b->air, "%s tone %u Hz", b->who, s->tone[0].f[0]);
	s->ntone = m->u.m_tone.count;
	s->tone_at = 0;
	s->tone_left = s->tone[0].ms;
	tmr_start(&s->tone_tmr, 0);
}

/* ---- orders ---- */

static void stats_ind(struct softrfp *b, const struct sr_stream *s)
{
	struct rfp_msg m = { .type = RFP_MEDIA_STATISTICS };

	m.u.m_stats.handle = s->handle;
	m.u.m_stats.seconds = (uint32_t)((tmr_now(b->w) - s->started) / 1000);
	m.u.m_stats.tx_packets = s->tx_packets;
	m.u.m_stats.tx_octets = s->tx_octets;
	m.u.m_stats.rx_packets = s->rx_packets;
	m.u.m_stats.rx_octets = s->rx_octets;
	m.u.m_stats.lost = s->lost;
	m.u.m_stats.jitter_us = s->max_jitter_us;
	memcpy(m.u.m_stats.peer, s->tx_ip, 4);
	sr_send(b, &m);
	air_event(b->air, "%s media closed tx %u rx %u lost %u late %u jitter %u us rtcp %u",
	    b->who, s->tx_packets, s->rx_packets, s->lost, s->late, s->max_jitter_us, s->rtcp_rx);
}

static void halt(struct sr_stream *s)
{
	struct air_conn *c = conn_of(s);

	tmr_stop(&s->tone_tmr);
	tmr_stop(&s->rtcp_tmr);
	s->ntone = 0;
	s->rx = s->tx = false;
	if (c)
		air_base_speech_open(c, false);
}

static void clear(struct softrfp *b, struct sr_stream *s)
{
	halt(s);
	sock_close(s);
	memset(s, 0, sizeof(*s));
	s->b = b;
	s->mcei = -1;
	tmr_init(&s->tone_tmr, b->w, on_tone, s);
	sr_rtcp_init(s);
}

void sr_media_init(struct softrfp *b)
{
	for (unsigned i = 0; i < SR_STREAMS; i++) {
		b->streams[i].b = b;
		b->streams[i].mcei = -1;
		tmr_init(&b->streams[i].tone_tmr, b->w, on_tone, &b->streams[i]);
		sr_rtcp_init(&b->streams[i]);
	}
}

void sr_media_off(struct softrfp *b)
{
	for (unsigned i = 0; i < SR_STREAMS; i++)
		if (b->streams[i].st != SM_FREE)
			clear(b, &b->streams[i]);
}

static void media_open(struct softrfp *b, const struct rfp_msg *m)
{
	uint16_t handle = m->u.m_open.handle;
	struct sr_stream *s = find(b, handle);
	unsigned busy = 0;

	if (s) {
		sr_violation(b, "rfp-link 9", "MEDIA_OPEN: handle %u is in use", handle);
		nack(b, m->type, handle, RFP_NACK_STATE);
		return;
	}
	for (unsigned i = 0; i < SR_STREAMS; i++) {
		busy += b->streams[i].st != SM_FREE;
		if (!s && b->streams[i].st == SM_FREE)
			s = &b->streams[i];
	}
	if (busy >= b->conf.channels || !s) {
		nack(b, m->type, handle, RFP_NACK_NO_RESOURCE);
		return;
	}
	if (m->u.m_open.slots != 1)
		sr_violation(b, "rfp-link 9", "MEDIA_OPEN with %u slots", m->u.m_open.slots);
	s->st = SM_OPEN;
	s->handle = handle;
	s->mcei = -1;
	s->ssrc = sr_random(b) << 8 | (handle & 0xff);
	s->seq = (uint16_t)sr_random(b);
	s->ts = sr_random(b) << 4;
}

static uint32_t conf_codec(struct softrfp *b, struct sr_stream *s, const struct rfp_msg *m)
{
	for (unsigned i = 0; i < m->u.m_conf.ncodecs && i < 16; i++) {
		const struct rfp_codec *c = &m->u.m_conf.codec[i];

		if (c->khz != 8)
			sr_violation(b, "rfp-link 9.1", "codec rate %u kHz", c->khz);
		if (c->codec == 0 || c->codec == 4) {
			s->codec = c->codec;
			s->pt = c->pt;
			return 0;
		}
	}
	return RFP_NACK_CODEC;
}

static void conf_check(struct softrfp *b, const struct rfp_msg *m)
{
	if (m->len != 0xa4)
		sr_violation(b, "rfp-link 9.1", "MEDIA_CONF of %u octets", m->len);
	if (m->u.m_conf.vif != 20)
		sr_violation(b, "rfp-link 9.1", "voice frame of %u ms", m->u.m_conf.vif);
	if (m->u.m_conf.vad > 1)
		sr_violation(b, "rfp-link 9.1", "VAD %u", m->u.m_conf.vad);
	if (m->u.m_conf.ncodecs == 0 || m->u.m_conf.ncodecs > 16)
		sr_violation(b, "rfp-link 9.1", "%u codecs", m->u.m_conf.ncodecs);
	if (m->u.m_conf.rtp & 1 || m->u.m_conf.rtcp != m->u.m_conf.rtp + 1)
		sr_violation(
		    b, "rfp-link 9.1", "local ports %u and %u", m->u.m_conf.rtp, m->u.m_conf.rtcp);
	if (!m->u.m_conf.rx_rtp || !m->u.m_conf.tx_rtp)
		sr_violation(b, "rfp-link 9.1", "far port 0");
}

static void media_conf(struct softrfp *b, struct sr_stream *s, const struct rfp_msg *m)
{
	struct sr_conn *c = sr_conn_of(b, m->u.m_conf.mcei);
	uint32_t err;

	if (s->st == SM_RUN) {
		sr_violation(b, "rfp-link 9.2", "MEDIA_CONF while it runs");
		nack(b, m->type, s->handle, RFP_NACK_STATE);
		return;
	}
	conf_check(b, m);
	if (!c || (!c->c && !c->away)) {
		/* It may have ended while this was under way. */
		if (m->u.m_conf.mcei >= SR_MCEIS || !b->freed[m->u.m_conf.mcei])
			sr_violation(b, "rfp-link 9.1",
			    "MEDIA_CONF for MCEI %u, which is not in use", m->u.m_conf.mcei);
		s->refused = true;
		nack(b, m->type, s->handle, RFP_NACK_PARAM);
		return;
	}
	if (by_mcei(b, m->u.m_conf.mcei))
		sr_violation(b, "rfp-link 9", "a second stream for MCEI %u", m->u.m_conf.mcei);
	err = conf_codec(b, s, m);
	if (!err) {
		sock_close(s);
		if (sock_open(s, m->u.m_conf.rtp, m->u.m_conf.rtcp) != 0)
			err = RFP_NACK_PORT;
	}
	s->refused = err != 0;
	if (err) {
		nack(b, m->type, s->handle, err);
		return;
	}
	s->st = SM_CONF;
	s->mcei = m->u.m_conf.mcei;
	s->local = m->u.m_conf.rtp;
	memcpy(s->rx_ip, m->u.m_conf.rx_ip, 4);
	memcpy(s->tx_ip, m->u.m_conf.tx_ip, 4);
	s->rx_port = m->u.m_conf.rx_rtp;
	s->tx_port = m->u.m_conf.tx_rtp;
	s->rx_rtcp = m->u.m_conf.rx_rtcp;
	s->tx_rtcp = m->u.m_conf.tx_rtcp;
	s->dtmf_pt = m->u.m_conf.dtmf_rx;
	s->heard = false;
}

static void media_start(struct softrfp *b, struct sr_stream *s, const struct rfp_msg *m)
{
	struct air_conn *c;

	if (s->st == SM_OPEN) {
		/* A server does not wait for the answer to MEDIA_CONF. */
		if (!s->refused)
			sr_violation(b, "rfp-link 9.2", "MEDIA_START before MEDIA_CONF");
		nack(b, m->type, s->handle, RFP_NACK_STATE);
		return;
	}
	if (m->u.m_start.dir > 3)
		sr_violation(b, "rfp-link 9", "direction %u", m->u.m_start.dir);
	s->st = SM_RUN;
	s->rx = m->u.m_start.dir & DIR_RX;
	s->tx = m->u.m_start.dir & DIR_TX;
	s->started = tmr_now(b->w);
	sr_rtcp_start(s);
	c = conn_of(s);
	if (c)
		air_base_speech_open(c, s->tx || s->rx);
	air_event(b->air, "%s media open mcei %d port %u to %u.%u.%u.%u:%u %s", b->who, s->mcei,
	    s->local, s->tx_ip[0], s->tx_ip[1], s->tx_ip[2], s->tx_ip[3], s->tx_port,
	    s->codec == 4 ? "PCMU" : "PCMA");
}

static void media_stop(struct softrfp *b, struct sr_stream *s)
{
	if (s->st != SM_RUN) {
		if (s->refused)
			return;
		sr_violation(b, "rfp-link 9.2", "MEDIA_STOP of a stream that does not run");
		return;
	}
	halt(s);
	s->st = SM_CONF;
}

static void media_close(struct softrfp *b, struct sr_stream *s)
{
	if (s->st == SM_RUN)
		sr_violation(b, "rfp-link 9.2", "MEDIA_CLOSE before MEDIA_STOP");
	stats_ind(b, s);
	clear(b, s);
}

static void media_restart(struct softrfp *b, struct sr_stream *s, const struct rfp_msg *m)
{
	struct air_conn *c;

	if (!sr_conn_of(b, m->u.m_u8.v)) {
		sr_violation(b, "rfp-link 9", "MEDIA_RESTART for MCEI %u", m->u.m_u8.v);
		nack(b, m->type, s->handle, RFP_NACK_PARAM);
		return;
	}
	s->mcei = m->u.m_u8.v;
	c = conn_of(s);
	if (c)
		air_base_speech_open(c, s->tx || s->rx);
}

static bool injected(struct softrfp *b, const struct rfp_msg *m)
{
	if (!b->nack_count || b->nack_type != m->type)
		return false;
	b->nack_count--;
	if (m->type == RFP_MEDIA_CONF && find(b, m->u.m.handle))
		find(b, m->u.m.handle)->refused = true;
	nack(b, m->type, m->u.m.handle, b->nack_reason);
	return true;
}

/* The handle is the first field of every MEDIA message. */
void sr_media_input(struct softrfp *b, const struct rfp_msg *m)
{
	struct sr_stream *s = find(b, m->u.m.handle);

	if (b->radio != SRR_ACTIVE) {
		sr_violation(b, "rfp-link 12.3", "%04x while the radio is off", m->type);
		return;
	}
	if (injected(b, m))
		return;
	if (m->type == RFP_MEDIA_OPEN) {
		media_open(b, m);
		return;
	}
	if (!s) {
		/* What follows a refused MEDIA_OPEN comes without waiting for our answer (rfp-link 5.4). */
		nack(b, m->type, m->u.m.handle, RFP_NACK_STATE);
		return;
	}
	switch (m->type) {
	case RFP_MEDIA_CONF:
		media_conf(b, s, m);
		break;
	case RFP_MEDIA_START:
		media_start(b, s, m);
		break;
	case RFP_MEDIA_STOP:
		media_stop(b, s);
		break;
	case RFP_MEDIA_CLOSE:
		media_close(b, s);
		break;
	case RFP_MEDIA_RESTART:
		media_restart(b, s, m);
		break;
	case RFP_MEDIA_DTMF:
		air_event(b->air, "%s dtmf %c %u ms", b->who, m->u.m_dtmf.key, m->u.m_dtmf.ms);
		break;
	case RFP_MEDIA_TONE2:
		tone(b, s, m);
		break;
	case RFP_MEDIA_DSP_CLOSE:
	case RFP_MEDIA_EOS_DETECT:
		break;
	default:
		sr_violation(b, "rfp-link 9", "%04x is not played by this base", m->type);
		nack(b, m->type, s->handle, RFP_NACK_ELEMENT);
	}
}
