/* What far ends that we did not write may put on the wire: headers with everything that RFC 3550 allows, packets of uneven
 * length, hours of SRTP against libsrtp2, telephone events of all sorts. */
#include <stdlib.h>

#include "tests/unit/mediad/pair.h"
#include "tests/unit/mediad/talker.h"

/* A packet with contributing sources, an extension and padding, as asked; returns its length. */
static size_t dress(
    uint8_t *p, const struct far *f, unsigned csrc, int ext, unsigned pad, uint8_t octet)
{
	size_t n = RTP_HDR;

	rtp_put(p, PCMA, true, f->seq, f->ts, f->ssrc);
	p[0] = (uint8_t)(0x80 | csrc | (ext >= 0 ? 0x10 : 0) | (pad ? 0x20 : 0));
	memset(p + n, 0x11, 4 * csrc);
	n += 4 * csrc;
	if (ext >= 0) {
		p[n] = 0xbe;
		p[n + 1] = 0xde;
		p[n + 2] = (uint8_t)(ext >> 8);
		p[n + 3] = (uint8_t)ext;
		memset(p + n + 4, 0x22, 4 * (size_t)ext);
		n += 4 + 4 * (size_t)ext;
	}
	memset(p + n, octet, 160);
	n += 160;
	memset(p + n, 0, pad);
	n += pad;
	if (pad)
		p[n - 1] = (uint8_t)pad;
	return n;
}

/* Only the payload goes on, under a header of ours; what is cut off goes nowhere. */
static void headers(void **state)
{
	static const struct {
		unsigned csrc, pad;
		int ext;
	} kind[] = { { 0, 0, -1 }, { 1, 0, -1 }, { 15, 0, -1 }, { 0, 0, 0 }, { 0, 0, 7 },
		{ 0, 4, -1 }, { 0, 255, -1 }, { 15, 255, 100 }, { 2, 1, 1 } };
	static struct call c;
	uint8_t b[2048];

	(void)state;
	for (int secure = 0; secure < 2; secure++) {
		call_open(&c, CODEC_PCMA, PCMA, 20, 20);
		if (secure) {
			struct leg_set set = {
				.side = SIDE_NETWORK, .has_tx = true, .has_rx = true, .nrx = 1
			};
			set.rx[0].suite = set.tx.suite = SBOX_GCM;
			set.rx[0].key[3] = 1;
			assert_int_equal(sess_update(&c.p.m, c.s, &set, 1), 0);
			c.net.f.tx = sbox_new(&set.rx[0], true);
		}
		for (unsigned i = 0; i < 3 * ARRAY_LEN(kind); i++) {
			unsigned k = i % ARRAY_LEN(kind);
			size_t n =
			    dress(b, &c.net.f, kind[k].csrc, kind[k].ext, kind[k].pad, (uint8_t)i);
			if (secure)
				assert_int_equal(sbox_protect(c.net.f.tx, b, &n, sizeof(b)), 0);
			far_raw(&c.net.f, c.net.l, b, n);
			c.net.f.seq++;
			c.net.f.ts += 160;
			c.p.now += 20000;
			plane_turn(&c.p);
			assert_true(far_get(&c.radio.f));
			assert_int_equal(c.radio.f.n, RTP_HDR + 160);
			assert_int_equal(c.radio.f.buf[0], 0x80);
			for (unsigned o = 0; o < 160; o++)
				assert_int_equal(c.radio.f.buf[RTP_HDR + o], i);
		}
		if (!secure) {
			static const int bad[][4] = { /* octet, value, length, of a plain packet */
				{ 0, 0x8f, 71 }, { 0, 0x90, 15 }, { 0, 0xa0, 172 },
				{ 0, 0x40, 172 }, { 0, 0xc0, 172 }, { 0, 0x80, 11 }
			};
			for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
				uint64_t junk = c.net.l->bad[LEG_BAD_JUNK];
				(void)dress(b, &c.net.f, 0, -1, 0, 0);
				b[bad[i][0]] = (uint8_t)bad[i][1];
				far_raw(&c.net.f, c.net.l, b, (size_t)bad[i][2]);
				plane_turn(&c.p);
				assert_false(far_get(&c.radio.f));
				assert_int_equal(c.net.l->bad[LEG_BAD_JUNK], junk + 1);
			}
		}
		call_close(&c);
	}
}

/* Packets whose length is no multiple of anything are heard whole, whatever the listener's packet time. */
static void uneven(void **state)
{
	static const unsigned sizes[] = { 1, 33, 84, 100, 164, 250, 479 };
	static struct call c;

	(void)state;
	for (unsigned g = 0; g < 2; g++)
		for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
			unsigned samples = g ? sizes[k] & ~1u : sizes[k];
			uint8_t b[480];
			int16_t pcm[480];
			uint64_t next;

			if (samples < 33)
				continue; /* a millisecond's packet fills the buffer with heads */
			call_open(&c, CODEC_PCMU, 0, 20, 20);
			c.radio.codec = g ? CODEC_G726_32 : CODEC_PCMA;
			c.radio.pt = g ? 98 : PCMA;
			talker_rate(&c.radio, 8000);
			struct leg_set set = set_of(&c.radio, SIDE_RADIO);
			assert_int_equal(sess_update(&c.p.m, c.s, &set, 1), 0);
			next = c.p.now;
			for (unsigned ms = 0; ms < 3000; ms += 5) {
				for (; next <= c.p.now; next += samples * 125) {
					for (unsigned i = 0; i < samples; i++, c.radio.phase += 0.7)
						pcm[i] = (int16_t)lrint(8000 * sin(c.radio.phase));
					size_t n = samples;
					if (g) {
						uint8_t code[480];
						for (unsigned i = 0; i < samples; i++)
							code[i] =
							    g726_enc(&c.radio.enc.u.g726, pcm[i]);
						n = samples / 2;
						for (unsigned i = 0; i < n; i++)
							b[i] = (uint8_t)(code[2 * i] |
							                 code[2 * i + 1] << 4);
					} else {
						for (unsigned i = 0; i < samples; i += 8)
							(void)codec_encode(
							    &c.radio.enc, pcm + i, 8, b + i, 8);
					}
					far_send(&c.radio.f, c.radio.l, (uint8_t)c.radio.pt, b, n);
					c.radio.f.seq++;
					c.radio.f.ts += samples;
				}
				plane_wait(&c.p, 5);
				listen_to(&c.net);
			}
			if (share(&c.net, 0.7 * 8000 / (2 * M_PI), 8000) < 0.95)
				fail_msg("%u samples a packet: %.2f", samples,
				    share(&c.net, 0.7 * 8000 / (2 * M_PI), 8000));
			assert_int_equal(c.radio.l->bad[LEG_BAD_PAYLOAD], 0);
			call_close(&c);
		}
}

static void key(struct sbox_key *k, unsigned suite, uint8_t seed, unsigned nmki)
{
	memset(k, 0, sizeof(*k));
	k->suite = (uint8_t)suite;
	for (size_t i = 0; i < sbox_key_len(suite); i++)
		k->key[i] = (uint8_t)(i * 5 + seed);
	k->nmki = (uint8_t)nmki;
	memset(k->mki, seed, nmki);
}

/* New keys on both sides; the far end is libsrtp2. */
static void secure(struct call *c, unsigned suite, uint8_t seed, unsigned nmki)
{
	struct leg_set set = { .side = SIDE_NETWORK, .has_tx = true, .has_rx = true, .nrx = 1 };

	key(&set.tx, suite, seed, nmki);
	key(&set.rx[0], suite, (uint8_t)(seed + 1), nmki);
	assert_int_equal(sess_update(&c->p.m, c->s, &set, 1), 0);
	sbox_free(c->net.f.tx);
	sbox_free(c->net.f.rx);
	sbox_set_fast(false);
	c->net.f.tx = sbox_new(&set.rx[0], true);
	c->net.f.rx = sbox_new(&set.tx, false);
	sbox_set_fast(true);
	assert_non_null(c->net.f.tx);
	assert_non_null(c->net.f.rx);
}

static void both_ways(struct call *c, unsigned i)
{
	far_talk(&c->net.f, c->net.l, PCMA, (uint8_t)i);
	far_talk(&c->radio.f, c->radio.l, PCMA, (uint8_t)(i + 100));
	c->p.now += 20000;
	plane_turn(&c->p);
	if (i % 12 == 0)
		mediad_house(&c->p.m);
	assert_true(far_get(&c->radio.f));
	assert_int_equal(c->radio.f.buf[RTP_HDR], (uint8_t)i);
	assert_true(far_get(&c->net.f));
	assert_int_equal(c->net.f.buf[RTP_HDR], (uint8_t)(i + 100));
}

/* Half an hour and more: both rollover counters step, twice on one side. Then what was recorded before comes again, the far end begins
 * a new stream, and all gets new keys with MKIs of 1 and of 128 octets, as a re-offer brings them. */
static void rollover(void **state)
{
	static const unsigned suites[] = { SBOX_CM_80, SBOX_CM_32, SBOX_GCM };
	static struct call c;

	(void)state;
	if (!sbox_fast())
		skip();
	for (unsigned s = 0; s < ARRAY_LEN(suites); s++) {
		/* The suites differ in nothing that rolls: one of them goes the whole way. */
		unsigned packets = s == 0 ? 70000 : 2000;
		uint8_t old[512], again[512];
		size_t nold = 0;

		call_open(&c, CODEC_PCMA, PCMA, 20, 20);
		c.net.f.seq = 65000;
		c.radio.f.seq = 65400;
		secure(&c, suites[s], 7, 0);
		for (unsigned i = 0; i < packets; i++) {
			if (i == packets - 300) { /* one that is recorded on the way */
				nold = RTP_HDR + 160;
				rtp_put(old, PCMA, false, c.net.f.seq, c.net.f.ts, c.net.f.ssrc);
				memset(old + RTP_HDR, (uint8_t)i, 160);
				assert_int_equal(
				    sbox_protect(c.net.f.tx, old, &nold, sizeof(old)), 0);
				c.net.f.seq++;
				c.net.f.ts += 160;
			}
			both_ways(&c, i);
		}
		assert_int_equal(c.net.l->bad[LEG_BAD_AUTH], 0);
		/* Never seen, but far behind; then one that was. */
		memcpy(again, old, nold);
		far_raw(&c.net.f, c.net.l, again, nold);
		rtp_put(old, PCMA, false, c.net.f.seq, c.net.f.ts, c.net.f.ssrc);
		memset(old + RTP_HDR, 9, 160);
		nold = RTP_HDR + 160;
		assert_int_equal(sbox_protect(c.net.f.tx, old, &nold, sizeof(old)), 0);
		c.net.f.seq++;
		c.net.f.ts += 160;
		far_raw(&c.net.f, c.net.l, old, nold);
		far_raw(&c.net.f, c.net.l, old, nold);
		plane_turn(&c.p);
		assert_true(far_get(&c.radio.f));
		assert_int_equal(c.radio.f.buf[RTP_HDR], 9);
		assert_false(far_get(&c.radio.f));
		assert_int_equal(c.net.l->bad[LEG_BAD_OLD], 1);
		assert_int_equal(c.net.l->bad[LEG_BAD_REPLAY], 1);
		/* Another stream of the same far end under the same key. */
		c.net.f.ssrc ^= 0x55;
		c.net.f.seq = 40000;
		c.p.now += 100000;
		for (unsigned i = 0; i < 20; i++)
			both_ways(&c, i);
		for (unsigned k = 0; k < 2; k++) {
			secure(&c, suites[(s + k) % 3], (uint8_t)(31 + 10 * k), k ? 128 : 1);
			for (unsigned i = 0; i < 200; i++)
				both_ways(&c, i);
		}
		assert_int_equal(c.net.l->bad[LEG_BAD_AUTH], 0);
		/* The key before is no longer good after its two seconds. */
		far_raw(&c.net.f, c.net.l, old, nold);
		plane_turn(&c.p);
		assert_false(far_get(&c.radio.f));
		assert_int_equal(c.net.l->bad[LEG_BAD_AUTH], 1);
		call_close(&c);
	}
}

static void event(struct call *c, unsigned digit, bool end, unsigned duration, bool marker)
{
	uint8_t b[RTP_HDR + 4];

	rtp_put(b, 101, marker, c->net.f.seq++, c->net.f.ts, c->net.f.ssrc);
	b[12] = (uint8_t)digit;
	b[13] = (uint8_t)(end ? 0x8a : 0x0a);
	b[14] = (uint8_t)(duration >> 8);
	b[15] = (uint8_t)duration;
	far_raw(&c->net.f, c->net.l, b, sizeof(b));
	plane_wait(&c->p, 20);
	listen_to(&c->radio);
}

static const char *told(struct call *c)
{
	static char text[40];
	size_t n = 0;

	for (size_t i = 0; i < c->p.nev; i++)
		if (c->p.ev[i].kind == MEDIA_EV_DTMF)
			text[n++] = c->p.ev[i].digit;
	text[n] = '\0';
	return text;
}

/* Digits as phones send them: three ends, no end at all, one end only, the same digit twice, the next before the end of
 * the one before, an update after the end, minutes of one key; passed on and beside speech made here. */
static void digits(void **state)
{
	static struct call c;

	(void)state;
	for (int made = 0; made < 2; made++) {
		call_open(&c, made ? CODEC_G726_32 : CODEC_PCMA, made ? 98 : PCMA, 20, 20);
		run(&c.p, c.both, 2, 300);
		assert_int_equal(c.radio.l->mode, made ? LEG_OUT_GEN : LEG_OUT_PASS);
		c.net.f.ts += 160;
		for (unsigned twice = 0; twice < 2; twice++) { /* 1, 1 */
			for (unsigned i = 1; i <= 5; i++)
				event(&c, 1, false, 160 * i, i == 1);
			for (unsigned i = 0; i < 3; i++)
				event(&c, 1, true, 960, false);
			c.net.f.ts += 1600;
		}
		for (unsigned i = 1; i <= 3; i++) /* 2 without an end */
			event(&c, 2, false, 160 * i, i == 1);
		c.net.f.ts += 480;
		event(&c, 3, false, 160, true); /* and 3 follows at once */
		event(&c, 3, true, 320, false);
		event(&c, 3, false, 240, false); /* late */
		c.net.f.ts += 1600;
		event(&c, 4, true, 800, false); /* all but an end is lost */
		c.net.f.ts += 8000;
		for (unsigned i = 1; i <= 10; i++) /* a key held down: two segments */
			event(&c, 11, false, i == 10 ? 65535 : 6400 * i, i == 1);
		c.net.f.ts += 65535;
		for (unsigned i = 1; i <= 4; i++)
			event(&c, 11, i == 4, 1600 * i, false);
		c.net.f.ts += 16000;
		for (unsigned i = 1; i <= 3; i++)
			event(&c, 0, i == 3, 160 * i, i == 1);
		assert_string_equal(told(&c), "11234#0");
		assert_string_equal(c.radio.digits, "11234#0");
		c.net.f.ts += 1600;
		run(&c.p, c.both, 2, 1000);
		assert_true(share(&c.radio, 400, 4000) > 0.95); /* speech is back */
		/* Nonsense is counted. */
		uint64_t bad = c.net.l->bad[LEG_BAD_PAYLOAD];
		far_send(&c.net.f, c.net.l, 101, "abc", 3);
		c.net.f.seq++;
		far_send(&c.net.f, c.net.l, 101, "", 0);
		c.net.f.seq++;
		plane_turn(&c.p);
		assert_int_equal(c.net.l->bad[LEG_BAD_PAYLOAD], bad + 2);
		call_close(&c);
	}
}

/* Both ends are SIP: the second one has the network's address and mark, not the base stations'. */
static void both_sip(void **state)
{
	struct plane p;
	struct far net, radio;
	struct leg_set set[2];
	struct sess *s;
	static const uint8_t base[4] = { 127, 0, 0, 2 };
	(void)state;

	plane_open(&p);
	far_open(&net);
	far_open(&radio);
	addr_from_ip(&p.m.radio, base, 4, 0);
	p.conf.radio_dscp = 46;
	for (int sip = 0; sip < 2; sip++) {
		set[0] = leg_for(SIDE_NETWORK, &net, CODEC_PCMA, PCMA);
		set[1] = leg_for(SIDE_RADIO, &radio, CODEC_PCMA, PCMA);
		set[1].sip = sip;
		assert_int_equal(sess_open(&p.m, 78, set, 2, NULL, &s), 0);
		struct addr at = s->leg[SIDE_RADIO]->local, ours = s->leg[SIDE_NETWORK]->local;
		addr_set_port(&at, 0);
		addr_set_port(&ours, 0);
		assert_int_equal(addr_eq(&at, sip ? &ours : &p.m.radio), 1);
		assert_int_equal(s->leg[SIDE_RADIO]->dscp, sip ? 0 : 46);
		sess_drop(&p.m, s, "");
	}
	far_close(&net);
	far_close(&radio);
	plane_close(&p);
}

static int ready(void **state)
{
	quiet(state);
	return sbox_start();
}

/* A second stream from the right address does not break into the first; when the first ends it takes over. */
static void second_stream(void **state)
{
	struct pair x;
	uint32_t first, other;

	(void)state;
	pair_open(&x);
	first = x.net.ssrc;
	other = first ^ 1;
	for (unsigned i = 0; i < 20; i++) {
		far_talk(&x.net, x.ln, PCMA, 1);
		x.net.ssrc = other;
		far_talk(&x.net, x.ln, PCMA, 2);
		x.net.ssrc = first;
		step(&x);
		assert_true(far_get(&x.radio));
		assert_int_equal(x.radio.buf[12], 1);
		assert_false(far_get(&x.radio));
	}
	assert_int_equal(x.ln->bad[LEG_BAD_SSRC], 20);
	x.net.ssrc = other;
	/* The first has gone: with the one above the second is the third in a row. */
	for (unsigned i = 0; i < 5; i++) {
		far_talk(&x.net, x.ln, PCMA, 3);
		step(&x);
		assert_int_equal(far_get(&x.radio), i >= 1);
		assert_true(i < 1 || x.radio.buf[12] == 3);
	}
	/* One that says good-bye makes room at once; the good-bye of another does not. */
	for (unsigned k = 0; k < 2; k++) {
		uint8_t b[512];
		struct rtcp_out o = { .ssrc = k ? other : first, .cname = "far@test", .bye = "" };
		size_t n = rtcp_build(&o, b, sizeof(b));
		struct addr to = x.ln->local;
		addr_set_port(&to, (uint16_t)(addr_port(&to) + 1));
		x.net.ssrc = other;
		far_talk(&x.net, x.ln, PCMA, 4);
		step(&x);
		assert_true(far_get(&x.radio));
		assert_int_equal(sendto(x.net.fd, b, n, 0, &to.u.sa, addr_len(&to)), (ssize_t)n);
		step(&x);
		x.net.ssrc = first + 5;
		far_talk(&x.net, x.ln, PCMA, 5);
		step(&x);
		assert_int_equal(far_get(&x.radio), k);
	}
	pair_close(&x);
}

/* Who sent something says good-bye, who did not leaves without (RFC 3550 6.3.7). */
static void good_bye(void **state)
{
	(void)state;
	for (int sends = 0; sends < 2; sends++) {
		struct pair x;
		struct far rtcp;
		struct rtcp_in in;
		uint8_t b[512];
		ssize_t n;

		pair_open(&x);
		far_open(&rtcp);
		struct leg_set set = { .side = SIDE_NETWORK, .has_rtcp = true, .rtcp = rtcp.addr };
		assert_int_equal(sess_update(&x.p.m, x.s, &set, 1), 0);
		if (sends)
			far_talk(&x.radio, x.lr, PCMA, 1);
		step(&x);
		sess_drop(&x.p.m, x.s, "");
		n = recv(rtcp.fd, b, sizeof(b), 0);
		assert_int_equal(n > 0, sends);
		assert_true(n < 0 || (rtcp_parse(b, (size_t)n, 0, &in) == 0 && in.bye));
		far_close(&rtcp);
		pair_close(&x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(second_stream),
		cmocka_unit_test(good_bye),
		cmocka_unit_test(headers),
		cmocka_unit_test(uneven),
		cmocka_unit_test(rollover),
		cmocka_unit_test(digits),
		cmocka_unit_test(both_sip),
	};

	return cmocka_run_group_tests(tests, ready, NULL);
}
