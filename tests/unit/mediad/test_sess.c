/* Sessions over loopback sockets: passing, latching, SRTP, re-keying, far-address change, bad input, limits. */
#include "mediad/g711.h"
#include "tests/unit/mediad/pair.h"

static void relay(void **state)
{
	struct pair x;
	uint16_t seq = 0;
	uint32_t ts = 0, ssrc = 0;

	(void)state;
	pair_open(&x);
	for (unsigned i = 0; i < 50; i++) {
		far_talk(&x.net, x.ln, PCMA, (uint8_t)i);
		far_talk(&x.radio, x.lr, PCMA, (uint8_t)(i + 100));
		step(&x);
		assert_true(far_get(&x.radio));
		assert_int_equal(x.radio.h.payload, 160);
		assert_int_equal(x.radio.buf[12], i);
		if (i) {
			assert_int_equal(x.radio.h.seq, (uint16_t)(seq + 1));
			assert_int_equal(x.radio.h.ts, ts + 160);
			assert_int_equal(x.radio.h.ssrc, ssrc);
		}
		assert_int_equal(x.radio.h.marker, i == 0);
		seq = x.radio.h.seq;
		ts = x.radio.h.ts;
		ssrc = x.radio.h.ssrc;
		assert_int_equal(ssrc, x.lr->ssrc);
		assert_true(far_get(&x.net));
		assert_int_equal(x.net.buf[12], i + 100);
		assert_false(far_get(&x.net));
	}
	struct leg_stats st;
	leg_stats(x.ln, &st);
	assert_int_equal(st.rx_packets, 50);
	assert_int_equal(st.tx_packets, 50);
	assert_int_equal(st.lost, 0);
	assert_int_equal(st.bad, 0);
	assert_int_equal(st.codec, CODEC_PCMA);
	pair_close(&x);
}

/* The order and the gaps of the sender are those of the receiver; a packet twice arrives once. */
static void order(void **state)
{
	struct pair x;
	uint16_t first;

	(void)state;
	pair_open(&x);
	far_talk(&x.net, x.ln, PCMA, 0);
	step(&x);
	assert_true(far_get(&x.radio));
	first = x.radio.h.seq;
	x.net.seq = (uint16_t)(x.net.seq + 1); /* 1 is missing */
	x.net.ts += 160;
	far_talk(&x.net, x.ln, PCMA, 2);
	x.net.seq = (uint16_t)(x.net.seq - 2);
	x.net.ts -= 320;
	far_talk(&x.net, x.ln, PCMA, 1); /* and comes late */
	x.net.seq--;
	x.net.ts -= 160;
	far_talk(&x.net, x.ln, PCMA, 1); /* twice */
	step(&x);
	assert_true(far_get(&x.radio));
	assert_int_equal(x.radio.h.seq, (uint16_t)(first + 2));
	assert_true(far_get(&x.radio));
	assert_int_equal(x.radio.h.seq, (uint16_t)(first + 1));
	assert_int_equal(x.radio.buf[12], 1);
	assert_false(far_get(&x.radio));
	assert_int_equal(x.ln->bad[LEG_BAD_REPLAY], 1);
	pair_close(&x);
}

static void latching(void **state)
{
	struct pair x;
	struct far nat, stranger;

	(void)state;
	pair_open(&x);
	far_open(&nat);
	far_open(&stranger);
	far_talk(&nat, x.ln, PCMA, 1);
	step(&x);
	assert_false(far_get(&x.radio)); /* one packet of a stranger moves nothing */
	far_talk(&nat, x.ln, PCMA, 2);
	step(&x);
	assert_true(far_get(&x.radio));
	assert_int_equal(plane_events(&x.p, MEDIA_EV_LATCHED), 1);
	far_talk(&x.radio, x.lr, PCMA, 3);
	step(&x);
	assert_true(far_get(&nat)); /* and is answered there */
	assert_false(far_get(&x.net));
	for (unsigned i = 0; i < 10; i++) { /* nobody takes over while it speaks */
		far_talk(&nat, x.ln, PCMA, 4);
		far_talk(&stranger, x.ln, PCMA, 5);
		step(&x);
		assert_true(far_get(&x.radio));
		assert_int_equal(x.radio.buf[12], 4);
		assert_false(far_get(&x.radio));
	}
	assert_int_equal(x.ln->bad[LEG_BAD_SOURCE], 11);
	/* It falls silent and comes back from another port: taken over. */
	x.p.now += 100000;
	for (unsigned i = 0; i < 3; i++) {
		far_talk(&stranger, x.ln, PCMA, 6);
		step(&x);
	}
	assert_true(far_get(&x.radio));
	assert_int_equal(x.radio.buf[12], 6);
	far_close(&nat);
	far_close(&stranger);
	pair_close(&x);
}

static void strict(void **state)
{
	struct pair x;
	struct far other;
	struct leg_set set = { .side = SIDE_NETWORK, .has_strict = true, .strict = true };

	(void)state;
	pair_open(&x);
	far_open(&other);
	assert_int_equal(sess_update(&x.p.m, x.s, &set, 1), 0);
	for (unsigned i = 0; i < 10; i++) {
		far_talk(&other, x.ln, PCMA, 5);
		step(&x);
		assert_false(far_get(&x.radio));
	}
	assert_int_equal(x.ln->bad[LEG_BAD_SOURCE], 10);
	both_speak(&x, 3);
	far_close(&other);
	pair_close(&x);
}

/* Handover: the radio leg's far end moves. Nothing is lost, our numbers go on, the new one hears at once. */
static void handover(void **state)
{
	struct pair x;
	struct far next;
	struct leg_set set = { .side = SIDE_RADIO, .has_remote = true };
	uint16_t seq;
	uint32_t ts, ssrc;

	(void)state;
	pair_open(&x);
	far_open(&next);
	both_speak(&x, 10);
	seq = x.net.h.seq;
	ts = x.net.h.ts;
	ssrc = x.net.h.ssrc;
	set.remote = next.addr;
	assert_int_equal(sess_update(&x.p.m, x.s, &set, 1), 0);
	/* The old base still speaks, the new one hears already. */
	far_talk(&x.radio, x.lr, PCMA, 50);
	far_talk(&x.net, x.ln, PCMA, 60);
	step(&x);
	assert_true(far_get(&x.net));
	assert_int_equal(x.net.h.seq, (uint16_t)(seq + 1));
	assert_true(far_get(&next));
	assert_int_equal(next.buf[12], 60);
	assert_false(far_get(&x.radio));
	/* The new one begins; the old one is not heard any more. */
	for (unsigned i = 2; i < 12; i++) {
		far_talk(&next, x.lr, PCMA, (uint8_t)i);
		far_talk(&x.radio, x.lr, PCMA, 51);
		step(&x);
		assert_true(far_get(&x.net));
		assert_int_equal(x.net.buf[12], i);
		assert_int_equal(x.net.h.seq, (uint16_t)(seq + i));
		assert_int_equal(x.net.h.ssrc, ssrc);
		assert_int_equal(x.net.h.ts, ts + 160 * i);
		assert_false(far_get(&x.net));
	}
	far_close(&next);
	pair_close(&x);
}

static void directions(void **state)
{
	struct pair x;
	struct leg_set set = { .side = SIDE_NETWORK, .has_dir = true };

	(void)state;
	pair_open(&x);
	both_speak(&x, 3);
	for (int d = LEG_SENDRECV; d <= LEG_INACTIVE; d++) {
		set.dir = (enum leg_dir)d;
		assert_int_equal(sess_update(&x.p.m, x.s, &set, 1), 0);
		far_talk(&x.net, x.ln, PCMA, 1);
		far_talk(&x.radio, x.lr, PCMA, 2);
		step(&x);
		assert_int_equal(far_get(&x.net), d == LEG_SENDRECV || d == LEG_SENDONLY);
		assert_int_equal(far_get(&x.radio), d == LEG_SENDRECV || d == LEG_RECVONLY);
	}
	pair_close(&x);
}

/* Both list both forms of G.711, each another one first: each hears its first one, whatever the other sends. */
static void two_codecs(void **state)
{
	struct leg_set set[2];
	struct pair x;

	(void)state;
	pair_open(&x);
	set[0] = leg_for(SIDE_NETWORK, &x.net, CODEC_PCMU, 0);
	set[1] = leg_for(SIDE_RADIO, &x.radio, CODEC_PCMA, 8);
	set[0].payload[set[0].npayload++] = (struct leg_payload){ CODEC_PCMA, 8 };
	set[1].payload[set[1].npayload++] = (struct leg_payload){ CODEC_PCMU, 0 };
	assert_int_equal(sess_update(&x.p.m, x.s, set, 2), 0);
	for (unsigned i = 0; i < 8; i++) {
		bool ulaw = i < 4; /* the far ends change over in the call */
		far_talk(&x.net, x.ln, ulaw ? 0 : 8, (uint8_t)i);
		far_talk(&x.radio, x.lr, ulaw ? 0 : 8, (uint8_t)i);
		step(&x);
		assert_true(far_get(&x.radio));
		assert_int_equal(x.radio.h.pt, 8);
		assert_int_equal(x.radio.buf[12], ulaw ? g711_u2a[i] : i);
		assert_true(far_get(&x.net));
		assert_int_equal(x.net.h.pt, 0);
		assert_int_equal(x.net.buf[12], ulaw ? i : g711_a2u[i]);
	}
	pair_close(&x);
}

static void events_and_silence(void **state)
{
	struct pair x;
	uint8_t ev[4] = { 5, 10, 0, 160 };

	(void)state;
	pair_open(&x);
	for (unsigned i = 0; i < 8; i++) { /* a key: 5 updates, the end three times */
		ev[1] = (uint8_t)(i >= 5 ? 0x8a : 10);
		ev[3] = (uint8_t)(i >= 5 ? 200 : 20 + i);
		far_send(&x.net, x.ln, 101, ev, sizeof(ev));
		x.net.seq++;
		step(&x);
		assert_true(far_get(&x.radio));
		assert_int_equal(x.radio.h.pt, 101);
		assert_memory_equal(x.radio.buf + 12, ev, 4);
	}
	assert_int_equal(plane_events(&x.p, MEDIA_EV_DTMF), 1);
	assert_int_equal(x.p.ev[0].digit, '5');
	plane_wait(&x.p, 5000);
	assert_int_equal(plane_events(&x.p, MEDIA_EV_SILENCE), 2);
	/* Reports and a comfort noise packet now and then are no speech: nobody is told anything. */
	for (unsigned i = 0; i < 10; i++) {
		uint8_t b[512];
		struct rtcp_out o = { .sr = true, .ssrc = x.net.ssrc, .cname = "far@test" };
		size_t n = rtcp_build(&o, b, sizeof(b));
		struct addr to = x.ln->local;
		addr_set_port(&to, (uint16_t)(addr_port(&to) + 1));
		assert_int_equal(sendto(x.net.fd, b, n, 0, &to.u.sa, addr_len(&to)), (ssize_t)n);
		plane_wait(&x.p, 1500);
		far_talk(&x.net, x.ln, PCMA, 1);
		plane_wait(&x.p, 1500);
	}
	assert_true(x.ln->rtcp_rx == 10);
	assert_int_equal(plane_events(&x.p, MEDIA_EV_SILENCE), 2);
	assert_int_equal(plane_events(&x.p, MEDIA_EV_RESUMED), 0);
	for (unsigned i = 0; i < 5; i++) {
		far_talk(&x.net, x.ln, PCMA, 1);
		plane_wait(&x.p, 20);
	}
	assert_int_equal(plane_events(&x.p, MEDIA_EV_RESUMED), 1);
	plane_wait(&x.p, 1000);
	plane_wait(&x.p, 61000);
	unsigned timeouts[3] = { 0 };
	for (size_t i = 0; i < x.p.nev; i++)
		if (x.p.ev[i].kind == MEDIA_EV_TIMEOUT)
			timeouts[x.p.ev[i].side]++;
	assert_int_equal(timeouts[SIDE_NETWORK], 1);
	assert_int_equal(timeouts[SIDE_RADIO], 4); /* silent for 97 s: at 60 s, and every 10 s */
	pair_close(&x);
}

/* RTCP: what we say of them and what they say of us. */
static void reports(void **state)
{
	struct pair x;
	struct far rtcp;
	struct addr to;
	uint8_t b[512], p[512];
	struct rtcp_in in;
	struct rtcp_block blk = { 0 };
	struct rtcp_out o = { .sr = true, .cname = "far@test", .packets = 10, .octets = 1600 };
	ssize_t n = -1;

	(void)state;
	pair_open(&x);
	far_open(&rtcp);
	struct leg_set set = { .side = SIDE_NETWORK, .has_rtcp = true, .rtcp = rtcp.addr };
	assert_int_equal(sess_update(&x.p.m, x.s, &set, 1), 0);
	for (unsigned i = 0; i < 10; i++) {
		far_talk(&x.net, x.ln, PCMA, 1);
		if (i == 4) {
			x.net.seq++; /* one is lost */
			x.net.ts += 160;
		}
		far_talk(&x.radio, x.lr, PCMA, 1);
		step(&x);
	}
	o.ssrc = x.net.ssrc;
	o.ntp = 0x1122334455667788;
	blk.ssrc = x.ln->ssrc;
	blk.lost = 3;
	blk.jitter = 16;
	o.block = &blk;
	n = (ssize_t)rtcp_build(&o, b, sizeof(b));
	to = x.ln->local;
	addr_set_port(&to, (uint16_t)(x.ln->port + 1));
	assert_int_equal(sendto(rtcp.fd, b, (size_t)n, 0, &to.u.sa, addr_len(&to)), n);
	plane_turn(&x.p);
	x.p.now += 2000000;
	plane_turn(&x.p);
	leg_report(&x.p.m, x.ln, NULL);
	n = recv(rtcp.fd, p, sizeof(p), 0);
	assert_true(n > 0);
	assert_int_equal(rtcp_parse(p, (size_t)n, x.net.ssrc, &in), 0);
	assert_true(in.sr && in.rb && in.voip);
	assert_int_equal(in.ssrc, x.ln->ssrc);
	assert_int_equal(in.packets, 10);
	assert_int_equal(in.octets, 1600);
	assert_int_equal(in.block.lost, 1);
	assert_int_equal(in.block.fraction, 256 / 11);
	assert_int_equal(in.block.lsr, 0x33445566);
	assert_int_equal(in.block.dlsr, 2 << 16);
	struct leg_stats st;
	leg_stats(x.ln, &st);
	assert_int_equal(st.remote_lost, 3);
	assert_int_equal(st.remote_jitter_us, 2000);
	sess_drop(&x.p.m, x.s, "");
	n = recv(rtcp.fd, p, sizeof(p), 0);
	assert_int_equal(rtcp_parse(p, (size_t)n, x.net.ssrc, &in), 0);
	assert_true(in.bye);
	far_close(&rtcp);
	pair_close(&x);
}

static void bad_input(void **state)
{
	struct pair x;
	uint8_t b[2100];

	(void)state;
	pair_open(&x);
	both_speak(&x, 2);
	memset(b, 0, sizeof(b));
	for (size_t n = 1; n < 60; n++) {
		b[0] = 0x80;
		b[1] = 8;
		far_raw(&x.net, x.ln, b, n); /* cut off, then another SSRC */
		b[0] = 0x9f;
		far_raw(&x.net, x.ln, b, n); /* more CSRCs than octets */
		b[0] = 0xb0;
		b[14] = b[15] = 0xff;
		far_raw(&x.net, x.ln, b, n); /* an extension beyond the end */
		b[0] = 0x80;
		b[1] = 200;
		far_raw(&x.net, x.ln, b, n);
		b[0] = (uint8_t)n;
		far_raw(&x.net, x.ln, b, n);
		plane_turn(&x.p);
	}
	b[0] = 0x80;
	b[1] = 8;
	far_raw(&x.net, x.ln, b, 2100);
	far_talk(&x.net, x.ln, 77, 1); /* a payload type nobody agreed on */
	plane_turn(&x.p);
	assert_int_equal(x.ln->bad[LEG_BAD_PT], 1);
	assert_int_equal(path_stats(x.p.m.path)->oversize, 1);
	while (far_get(&x.radio))
		assert_int_not_equal(x.radio.n, 0);
	x.p.now += 20000;
	both_speak(&x, 3);
	pair_close(&x);
}

/* The client is gone: its sessions play on, then go. */
static void orphans(void **state)
{
	struct pair x;
	struct ipc_peer *nobody = (struct ipc_peer *)&x;

	(void)state;
	pair_open(&x);
	x.s->owner = nobody;
	sess_orphan(&x.p.m, nobody, 10000);
	for (unsigned i = 0; i < 400; i++) {
		far_talk(&x.net, x.ln, PCMA, 1);
		plane_wait(&x.p, 20);
	}
	assert_int_equal(x.p.m.nsess, 1);
	sess_orphan(&x.p.m, NULL, 1000); /* a new owner came: it makes its own */
	plane_wait(&x.p, 2500);
	assert_int_equal(x.p.m.nsess, 0);
	pair_close(&x);
}

/* A steady far end has a socket of its own; whoever else comes is still seen, moves and silence undo it. */
static void twins(void **state)
{
	struct pair x;
	struct far next, stranger;
	struct leg_set set = { .side = SIDE_RADIO, .has_remote = true };

	(void)state;
	pair_open(&x);
	far_open(&next);
	far_open(&stranger);
	both_speak_on(&x, 100);
	assert_true(x.ln->twin.fd >= 0 && x.ln->twin_on && x.lr->twin_on);
	far_talk(&stranger, x.ln, PCMA, 1);
	plane_turn(&x.p);
	assert_int_equal(x.ln->bad[LEG_BAD_SOURCE], 1);
	set.remote = next.addr;
	far_talk(&x.radio, x.lr, PCMA, 99); /* waits in the socket that goes */
	assert_int_equal(sess_update(&x.p.m, x.s, &set, 1), 0);
	assert_int_equal(x.lr->twin.fd, -1);
	assert_true(far_get(&x.net));
	assert_int_equal(x.net.buf[12], 99);
	far_close(&x.radio);
	x.radio = next;
	both_speak_on(&x, 100);
	assert_true(x.lr->twin_on);
	assert_int_equal(addr_port(&x.lr->twin_far), next.port);
	/* The network side moves without a word: silence, then from elsewhere. */
	far_close(&x.net);
	far_open(&x.net);
	plane_wait(&x.p, 3000);
	assert_int_equal(x.ln->twin.fd, -1);
	for (unsigned i = 0; i < 2; i++) {
		far_talk(&x.net, x.ln, PCMA, 5);
		plane_wait(&x.p, 20);
	}
	assert_true(far_get(&x.radio));
	both_speak_on(&x, 100);
	assert_true(x.ln->twin_on);
	far_close(&stranger);
	pair_close(&x);
}

/* Two sessions whose network legs find each other by ICE; then speech takes the chosen path, with RTCP, and nobody else
 * is heard. */
static void ice(void **state)
{
	(void)state;
	for (int mode = ICE_RFC8445; mode <= ICE_MS_ICE2; mode++) {
		struct plane p;
		struct far r[2], stranger;
		struct sess *s[2];
		struct leg *n[2], *l[2];

		plane_open(&p);
		far_open(&stranger);
		for (int i = 0; i < 2; i++) {
			struct leg_set set[2];
			far_open(&r[i]);
			set[0] = leg_for(SIDE_NETWORK, &stranger, CODEC_PCMA, PCMA);
			set[0].has_ice = true;
			set[0].ice = (enum ice_mode)mode;
			set[0].ice_controlling = i == 0;
			set[1] = leg_for(SIDE_RADIO, &r[i], CODEC_PCMA, PCMA);
			assert_int_equal(sess_open(&p.m, (uint64_t)i, set, 2, NULL, &s[i]), 0);
			n[i] = s[i]->leg[SIDE_NETWORK];
			l[i] = s[i]->leg[SIDE_RADIO];
			assert_int_equal(n[i]->ice->nlocal, 2);
		}
		for (int i = 0; i < 2; i++) {
			const struct ice *o = n[!i]->ice;
			assert_int_equal(leg_ice_remote(n[i], slice_str(o->ufrag),
			                     slice_str(o->pwd), o->local, o->nlocal, true, NULL),
			    0);
		}
		plane_wait(&p, 5000);
		assert_int_equal(plane_events(&p, MEDIA_EV_ICE_SELECTED), 2);
		assert_int_equal(addr_port(&n[0]->target), n[1]->port);
		assert_int_equal(addr_port(&n[1]->target), n[0]->port);
		assert_int_equal(addr_port(&n[0]->remote_rtcp), n[1]->port + 1);
		for (unsigned i = 0; i < 150; i++) {
			far_talk(&r[0], l[0], PCMA, (uint8_t)i);
			far_talk(&r[1], l[1], PCMA, (uint8_t)(i + 100));
			far_talk(&stranger, n[0], PCMA, 77);
			plane_wait(&p, 20);
			assert_true(far_get(&r[1]));
			assert_int_equal(r[1].buf[12], (uint8_t)i);
			assert_true(far_get(&r[0]));
			assert_int_equal(r[0].buf[12], (uint8_t)(i + 100));
			assert_false(far_get(&r[0]));
		}
		assert_true(n[0]->twin_on);
		assert_int_equal(n[0]->bad[LEG_BAD_SOURCE], 150);
		plane_wait(&p, 60000); /* keep-alives and consent */
		assert_true(n[0]->rtcp_rx > 5);
		assert_int_equal(plane_events(&p, MEDIA_EV_ICE_FAILED), 0);
		assert_int_equal(n[0]->bad[LEG_BAD_JUNK], 0);
		sess_drop(&p.m, s[0], "");
		if (mode == ICE_RFC8445) {
			plane_wait(&p, 40000);
			assert_int_equal(plane_events(&p, MEDIA_EV_ICE_FAILED), 1);
		}
		sess_drop(&p.m, s[1], "");
		assert_true(list_empty(&p.m.ice));
		far_close(&r[0]);
		far_close(&r[1]);
		far_close(&stranger);
		plane_close(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relay),
		cmocka_unit_test(order),
		cmocka_unit_test(latching),
		cmocka_unit_test(strict),
		cmocka_unit_test(handover),
		cmocka_unit_test(twins),
		cmocka_unit_test(ice),
		cmocka_unit_test(directions),
		cmocka_unit_test(two_codecs),
		cmocka_unit_test(events_and_silence),
		cmocka_unit_test(reports),
		cmocka_unit_test(bad_input),
		cmocka_unit_test(orphans),
	};

	return cmocka_run_group_tests(tests, quiet, NULL);
}
