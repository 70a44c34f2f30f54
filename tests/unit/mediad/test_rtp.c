/* Pure parts: RTP headers and sources, RTCP, telephone events, port pairs, the E-model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/mem.h"
#include "mediad/codec.h"
#include "mediad/dtmf4733.h"
#include "mediad/emodel.h"
#include "mediad/port_pool.h"
#include "mediad/rtcp.h"
#include "mediad/rtp.h"

static void headers(void **state)
{
	uint8_t p[64] = { 0 };
	struct rtp_pkt h;

	(void)state;
	rtp_put(p, 101, true, 0xfffe, 0x01020304, 0xa0b0c0d0);
	assert_int_equal(rtp_parse(p, 40, &h), 0);
	assert_int_equal(h.pt, 101);
	assert_true(h.marker);
	assert_int_equal(h.seq, 0xfffe);
	assert_int_equal(h.ts, 0x01020304);
	assert_int_equal(h.ssrc, 0xa0b0c0d0);
	assert_int_equal(h.hdr, 12);
	assert_int_equal(h.payload, 28);
	p[0] |= 2; /* two CSRCs */
	assert_int_equal(rtp_parse(p, 40, &h), 0);
	assert_int_equal(h.hdr, 20);
	p[0] |= 0x10; /* an extension of one word */
	p[23] = 1;
	assert_int_equal(rtp_parse(p, 40, &h), 0);
	assert_int_equal(h.hdr, 28);
	p[23] = 4;
	assert_int_equal(rtp_parse(p, 40, &h), 0);
	p[23] = 5;
	assert_int_equal(rtp_parse(p, 40, &h), ERR_TRUNCATED);
	p[0] = 0xa0; /* padding */
	p[39] = 28;
	assert_int_equal(rtp_parse(p, 40, &h), 0);
	assert_int_equal(h.payload, 0);
	p[39] = 29;
	assert_int_equal(rtp_parse(p, 40, &h), ERR_TRUNCATED);
	p[39] = 0;
	assert_int_equal(rtp_parse(p, 40, &h), ERR_TRUNCATED);
	p[0] = 0x40;
	assert_int_equal(rtp_parse(p, 40, &h), ERR_SYNTAX);
	assert_int_equal(rtp_kind((const uint8_t *)"\x80\xc8", 2), RTP_JUNK);
	p[0] = 0x80;
	p[1] = 200;
	assert_int_equal(rtp_kind(p, 8), RTP_RTCP);
	p[1] = 0x80 | 96; /* 224 with the marker: no RTCP */
	assert_int_equal(rtp_kind(p, 12), RTP_RTP);
	p[0] = 1;
	assert_int_equal(rtp_kind(p, 20), RTP_STUN);
}

static enum rtp_order seen(struct rtp_src *s, uint32_t seq, uint32_t ts, uint64_t us)
{
	struct rtp_pkt h = { .seq = (uint16_t)seq, .ts = ts, .payload = 160 };

	return rtp_src_seen(s, &h, us, 8000);
}

static void sources(void **state)
{
	struct rtp_src s;

	(void)state;
	rtp_src_init(&s, 1);
	for (uint32_t i = 65000; i < 66000; i++)
		if (i % 100 != 7)
			assert_int_equal(seen(&s, i, i * 160, (uint64_t)i * 20000), RTP_NEW);
	assert_int_equal(rtp_src_expected(&s), 1000);
	assert_int_equal(rtp_src_lost(&s), 10);
	assert_int_equal(rtp_src_ext(&s), 65999);
	assert_int_equal(s.jitter, 0);
	assert_int_equal(rtp_src_fraction(&s), 10 * 256 / 1000);
	assert_int_equal(rtp_src_fraction(&s), 0);
	/* One comes after all, then again. */
	assert_int_equal(seen(&s, 65907 + 65536, 0, 0), RTP_WAIT); /* out of reach of the window */
	assert_int_equal(seen(&s, 66000, 66000 * 160, 66000u * 20000u), RTP_NEW);
	assert_int_equal(seen(&s, 66002, 66002 * 160, 66002u * 20000u), RTP_NEW);
	assert_int_equal(seen(&s, 66001, 66001 * 160, 66002u * 20000u), RTP_LATE);
	assert_int_equal(seen(&s, 66001, 66001 * 160, 66002u * 20000u), RTP_DUP);
	assert_int_equal(s.late, 1);
	/* A restart needs two in a row. */
	assert_int_equal(seen(&s, 30000, 1, 66003u * 20000u), RTP_WAIT);
	assert_int_equal(seen(&s, 40000, 1, 66003u * 20000u), RTP_WAIT);
	assert_int_equal(seen(&s, 40001, 161, 66004u * 20000u), RTP_AGAIN);
	assert_int_equal(s.restarts, 1);
	/* RFC 3550 A.8: constant change of 10 ms in transit settles at 10 ms. */
	rtp_src_init(&s, 2);
	for (uint32_t i = 0; i < 500; i++)
		(void)seen(&s, i, i * 160, (uint64_t)i * 20000 + (i & 1 ? 10000 : 0));
	assert_in_range(rtp_src_jitter_us(&s, 8000), 9000, 10500);
}

static void reports(void **state)
{
	struct rtcp_block b = { 0x11223344, 25, -3, 0x10005, 77, 0xaabbccdd, 0x10000 };
	struct rtcp_voip v = { .ssrc = 0x11223344,
		.loss = 1,
		.discard = 2,
		.gap_ms = 5000,
		.rtt_ms = 100,
		.signal = -20,
		.r = 93,
		.mos_lq = 44,
		.mos_cq = 43,
		.jb_max = 200 };
	struct rtcp_out o = { .ssrc = 0x55667788,
		.sr = true,
		.ntp = 0x0102030405060708,
		.rtp_ts = 9,
		.packets = 10,
		.octets = 11,
		.block = &b,
		.cname = "some@where",
		.voip = &v,
		.dlrr_ssrc = 0x11223344,
		.dlrr_lrr = 5,
		.dlrr_delay = 6,
		.bye = "over" };
	uint8_t p[RTCP_MAX];
	struct rtcp_in in;
	size_t n;

	(void)state;
	n = rtcp_build(&o, p, sizeof(p));
	assert_true(n > 0 && n % 4 == 0);
	assert_int_equal(rtcp_parse(p, n, 0x11223344, &in), 0);
	assert_true(in.sr && in.rb && in.bye && in.voip && in.dlrr && !in.rrtr);
	assert_int_equal(in.ntp, o.ntp);
	assert_int_equal(in.octets, 11);
	assert_int_equal(in.block.lost, -3);
	assert_int_equal(in.block.fraction, 25);
	assert_int_equal(in.block.ext, 0x10005);
	assert_int_equal(in.v.signal, -20);
	assert_int_equal(in.v.jb_max, 200);
	assert_int_equal(in.dlrr_delay, 6);
	assert_int_equal(rtcp_parse(p, n, 1, &in), 0); /* about somebody else */
	assert_true(!in.rb && !in.voip && !in.dlrr);
	for (size_t i = 0; i < n; i++)
		if (rtcp_parse(p, i, 1, &in) == 0)
			assert_int_equal(i % 4, 0);
	for (size_t i = 1; i < n; i++)
		assert_int_equal(rtcp_build(&o, p, i), 0);
	o.sr = false;
	o.rrtr = true;
	o.block = NULL;
	n = rtcp_build(&o, p, sizeof(p));
	assert_int_equal(rtcp_parse(p, n, 1, &in), 0);
	assert_true(in.rrtr && !in.sr);
	assert_int_equal(in.rrtr_ntp, o.ntp);
	/* SDES first is no compound; version 1 neither. */
	static const uint8_t sdes[] = { 0x81, 202, 0, 2, 0, 0, 0, 1, 1, 0, 0, 0 };
	assert_int_equal(rtcp_parse(sdes, sizeof(sdes), 1, &in), ERR_SYNTAX);
	p[0] = 0x40;
	assert_int_equal(rtcp_parse(p, n, 1, &in), ERR_SYNTAX);
	/* 1 s after the start of NTP's era of 1970; RFC 3550 6.4.1's example of a round trip. */
	assert_int_equal(rtcp_ntp(1500000), (2208988801u + 0ull) << 32 | 0x80000000u);
	assert_int_equal(rtcp_rtt_us(0xb7108000, 0xb7052000, 0x00054000), 6125000);
	assert_int_equal(rtcp_rtt_us(0xb7108000, 0, 0), 0);
	assert_int_equal(rtcp_rtt_us(0xb7052000, 0xb7108000, 0), 0);
}

static void keys_in(void **state)
{
	struct dtmf4733_rx r = { 0 };
	struct dtmf4733 e;
	static const uint8_t raw[] = { 11, 0x8a, 3, 0x20 };

	(void)state;
	assert_int_equal(dtmf4733_parse(raw, 4, &e), 0);
	assert_int_equal(e.event, 11);
	assert_true(e.end);
	assert_int_equal(e.volume, 10);
	assert_int_equal(e.duration, 800);
	assert_int_equal(dtmf4733_parse(raw, 3, &e), ERR_TRUNCATED);
	assert_int_equal(dtmf4733_parse(raw, 0, &e), ERR_TRUNCATED);
	/* Only the end arrives: still a key. Repetitions are none. */
	assert_true(dtmf4733_rx(&r, &e, 1000));
	assert_false(dtmf4733_rx(&r, &e, 1000));
	/* The same key again. */
	e.end = false;
	e.duration = 160;
	assert_true(dtmf4733_rx(&r, &e, 5000));
	assert_false(dtmf4733_rx(&r, &e, 1000)); /* late */
	/* A long press in segments (2.5.1.3). */
	e.duration = 65535;
	assert_false(dtmf4733_rx(&r, &e, 5000));
	assert_false(dtmf4733_rx(&r, &e, 5000 + 65535));
	assert_true(dtmf4733_rx(&r, &e, 200000));
}

static void keys_out(void **state)
{
	struct dtmf4733_tx t = { 0 };
	struct dtmf4733_rx r = { 0 };
	struct dtmf4733 e;
	uint32_t ts, now = 4000, first = 0, packets = 0, keys = 0, ends = 0;
	char got[8] = "";
	bool marker;

	(void)state;
	assert_int_equal(dtmf4733_add(&t, 'x', 100, 60), ERR_VALUE);
	assert_int_equal(dtmf4733_add(&t, '4', 100, 60), 0);
	assert_int_equal(dtmf4733_add(&t, '#', 5, 5), 0); /* lengthened to 40 ms */
	while (dtmf4733_busy(&t)) {
		unsigned n = dtmf4733_step(&t, 160, now, &e, &ts, &marker);
		for (unsigned i = 0; i < n; i++) {
			if (dtmf4733_rx(&r, &e, ts)) {
				assert_true(marker);
				got[keys++] = e.event == 4 ? '4' : e.event == 11 ? '#' : '?';
				if (keys == 1)
					first = ts;
			}
			packets++;
			ends += e.end;
		}
		if (e.end && n)
			assert_int_equal(n, 3);
		now += 160;
	}
	assert_string_equal(got, "4#");
	assert_int_equal(first, 4000);
	assert_int_equal(ends, 6);
	assert_int_equal(packets, 4 + 3 + 1 + 3);
	for (unsigned i = 0; i < DTMF4733_QUEUE; i++)
		assert_int_equal(dtmf4733_add(&t, '1', 100, 60), 0);
	assert_int_equal(dtmf4733_add(&t, '1', 100, 60), ERR_LIMIT);
}

static void ports(void **state)
{
	struct port_pool *p = port_pool_new(20001, 20011, 1000);
	uint16_t lo, hi, got[5];

	(void)state;
	assert_int_equal(port_pool_size(p), 5);
	for (unsigned i = 0; i < 5; i++) {
		got[i] = port_pool_take(p, 1);
		assert_int_equal(got[i], 20002 + 2 * i);
	}
	assert_int_equal(port_pool_take(p, 1), 0);
	port_pool_give(p, got[3], 100);
	port_pool_give(p, got[0], 200);
	assert_int_equal(port_pool_left(p), 2);
	assert_int_equal(port_pool_take(p, 1099), 0); /* rests */
	assert_int_equal(port_pool_take(p, 1100), got[3]);
	assert_int_equal(port_pool_take(p, 1100), 0);
	assert_int_equal(port_pool_take(p, 1200), got[0]);
	port_pool_free(p);
	assert_null(port_pool_new(20001, 20002, 0));
	/* Parts of a range do not overlap and stay inside. */
	for (unsigned k = 1; k < 9; k++) {
		uint16_t end = 0;
		for (unsigned n = 1; n <= k; n++) {
			assert_int_equal(port_pool_part(20000, 20999, n, k, &lo, &hi), 0);
			assert_true(
			    lo >= 20000 && hi <= 20999 && lo % 2 == 0 && lo > end && hi > lo);
			end = hi;
		}
	}
	assert_int_equal(port_pool_part(20000, 20999, 5, 4, &lo, &hi), ERR_LIMIT);
	assert_int_equal(port_pool_part(20000, 20003, 1, 4, &lo, &hi), ERR_LIMIT);
}

/* G.107 annex B: R and MOS of the table B.1 boundaries. */
static void quality(void **state)
{
	uint32_t r, last;

	(void)state;
	assert_in_range(emodel_mos100(900), 432, 436); /* 4.34 */
	assert_in_range(emodel_mos100(800), 401, 405); /* 4.03 */
	assert_in_range(emodel_mos100(700), 358, 362); /* 3.60 */
	assert_in_range(emodel_mos100(600), 308, 312); /* 3.10 */
	assert_in_range(emodel_mos100(500), 256, 260); /* 2.58 */
	assert_int_equal(emodel_mos100(0), 100);
	assert_int_equal(emodel_r10(CODEC_PCMA, 0, 256, 0), 932);
	assert_int_equal(emodel_r10(CODEC_G726_32, 0, 256, 0), 862);
	last = 10000;
	for (unsigned loss = 0; loss <= 1000; loss += 10) {
		r = emodel_r10(CODEC_PCMA, loss, 256, 0);
		assert_true(r < last || r == 0);
		last = r;
	}
	assert_true(emodel_r10(CODEC_PCMA, 50, 512, 0) < emodel_r10(CODEC_PCMA, 50, 256, 0));
	assert_true(emodel_r10(CODEC_PCMA, 0, 256, 400) < emodel_r10(CODEC_PCMA, 0, 256, 150));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(sources),
		cmocka_unit_test(reports),
		cmocka_unit_test(keys_in),
		cmocka_unit_test(keys_out),
		cmocka_unit_test(ports),
		cmocka_unit_test(quality),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
