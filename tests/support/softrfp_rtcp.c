/* RTCP of a soft base's streams: sender reports with a report about what came (RFC 3550 6), and a look at the server's. */
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "tests/support/softrfp_priv.h"

#define EACH_MS  5000
#define SR       200
#define RR       201
#define SDES     202
#define PT_MAX   211
#define NTP_1970 2208988800u

static uint64_t ntp_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return ((uint64_t)t.tv_sec + NTP_1970) << 32 | ((uint64_t)t.tv_nsec << 32) / 1000000000u;
}

static void report_block(struct sr_stream *s, struct wr *w)
{
	uint32_t expected = s->rx_speech + s->lost, lost = s->lost - s->told_lost;
	uint32_t part = expected - s->told_expected;

	wr_be32(w, s->far_ssrc);
	wr_be32(w, (part ? lost * 256 / part & 0xff : 0) << 24 | (s->lost & 0xffffff));
	wr_be32(w, (uint32_t)s->cycles << 16 | (uint16_t)(s->next_seq - 1));
	wr_be32(w, (uint32_t)s->jitter);
	wr_be32(w, s->lsr);
	wr_be32(w, s->lsr ? (uint32_t)((tmr_now(s->b->w) - s->lsr_at) * 65536 / 1000) : 0);
	s->told_lost = s->lost;
	s->told_expected = expected;
}

void sr_rtcp_send(struct sr_stream *s)
{
	struct softrfp *b = s->b;
	struct sockaddr_in to = { .sin_family = AF_INET };
	uint8_t p[128];
	struct wr w = wr_of(p, sizeof(p));
	uint64_t ntp = ntp_now();
	unsigned blocks = s->heard ? 1 : 0;
	uv_buf_t buf;

	wr_u8(&w, 0x80 | blocks);
	wr_u8(&w, SR);
	wr_be16(&w, 6 + 6 * blocks);
	wr_be32(&w, s->ssrc);
	wr_be64(&w, ntp);
	wr_be32(&w, s->ts);
	wr_be32(&w, s->tx_packets);
	wr_be32(&w, s->tx_octets);
	if (blocks)
		report_block(s, &w);
	/* One chunk: CNAME, the base's MAC address; an end octet, and fill up to a word. */
	wr_u8(&w, 0x81);
	wr_u8(&w, SDES);
	wr_be16(&w, 5);
	wr_be32(&w, s->ssrc);
	wr_u8(&w, 1);
	wr_u8(&w, 12);
	wr_bytes(&w, b->name, 12);
	wr_fill(&w, 0, 2);
	BUG_ON(w.bad || w.n % 4 != 0);
	memcpy(&to.sin_addr, s->tx_ip, 4);
	to.sin_port = htons(s->tx_rtcp);
	buf = uv_buf_init((char *)p, (unsigned)w.n);
	if (s->sock && s->tx_rtcp)
		uv_udp_try_send(&s->sock->rtcp, &buf, 1, (struct sockaddr *)&to);
}

static void on_timer(struct tmr *t, void *ctx)
{
	struct sr_stream *s = ctx;

	if (s->st != SM_RUN)
		return;
	sr_rtcp_send(s);
	tmr_start(t, EACH_MS - 500 + sr_random(s->b) % 1000);
}

void sr_rtcp_init(struct sr_stream *s)
{
	tmr_init(&s->rtcp_tmr, s->b->w, on_timer, s);
}

void sr_rtcp_start(struct sr_stream *s)
{
	tmr_start(&s->rtcp_tmr, EACH_MS / 2);
}

/* A compound packet begins with SR or RR, and its lengths add up (RFC 3550 6.1, A.2). */
void sr_rtcp_in(struct sr_stream *s, const uint8_t *p, size_t n)
{
	size_t at = 0;

	s->rtcp_rx++;
	while (at + 4 <= n) {
		size_t len = 4 * (1 + ((size_t)p[at + 2] << 8 | p[at + 3]));

		if (p[at] >> 6 != 2 || p[at + 1] < SR || p[at + 1] > PT_MAX ||
		    (at == 0 && p[1] != SR && p[1] != RR) || at + len > n) {
			sr_violation(s->b, "RFC 3550 6.1", "RTCP packet %u at octet %zu of %zu",
			    p[at + 1], at, n);
			return;
		}
		if (p[at + 1] == SR && len >= 28) {
			s->lsr = (uint32_t)p[at + 10] << 24 | (uint32_t)p[at + 11] << 16 |
			         (uint32_t)p[at + 12] << 8 | p[at + 13];
			s->lsr_at = tmr_now(s->b->w);
		}
		at += len;
	}
	if (at != n)
		sr_violation(s->b, "RFC 3550 6.1", "RTCP of %zu octets ends in the middle", n);
}
