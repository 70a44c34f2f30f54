/* Relays by TCP, without sockets: when a connection is asked for, MS-TURN's frames, the port that both components share, packets
 * that are cut anywhere, what an administrator is told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/id.h"
#include "mediad/ice.h"
#include "mediad/ice_priv.h"

static struct {
	struct ice ice;
	unsigned connects, hang_ups, gathered, done, sent;
	struct addr to;
	uint8_t out[8192]; /* what was written to the connection */
	size_t out_n;
	struct {
		unsigned comp;
		uint8_t p[200];
		size_t n;
	} media[8];
	unsigned nmedia;
} t;
static uint8_t key[16];

static struct addr at(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(slice_str(text), 0, &a), 0);
	return a;
}

static void on_send(void *ctx, unsigned comp, const struct addr *to, const uint8_t *p, size_t n)
{
	(void)ctx;
	(void)comp;
	(void)p;
	(void)n;
	t.to = *to;
	t.sent++;
}

static void on_event(void *ctx, enum ice_event ev, unsigned comp)
{
	(void)ctx;
	(void)comp;
	t.gathered += ev == ICE_EV_GATHERED;
	t.done += ev == ICE_EV_DONE;
}

static void on_connect(void *ctx, unsigned comp, const struct addr *server)
{
	struct addr want = at("198.51.100.21:443");

	(void)ctx;
	assert_in_range(comp, 1, 2);
	assert_true(addr_eq(server, &want));
	t.connects++;
}

static void on_write(void *ctx, unsigned comp, const uint8_t *p, size_t n)
{
	(void)ctx;
	assert_int_equal(comp, 1);
	assert_true(t.out_n + n <= sizeof(t.out));
	memcpy(t.out + t.out_n, p, n);
	t.out_n += n;
}

static void on_hang_up(void *ctx, unsigned comp)
{
	(void)ctx;
	(void)comp;
	t.hang_ups++;
}

static void on_media(void *ctx, unsigned comp, const uint8_t *p, size_t n, const struct addr *peer)
{
	(void)ctx;
	(void)peer;
	assert_true(t.nmedia < 8 && n <= 200);
	t.media[t.nmedia].comp = comp;
	t.media[t.nmedia].n = n;
	memcpy(t.media[t.nmedia++].p, p, n);
}

static const struct ice_ops ops = { .send = on_send,
	.event = on_event,
	.connect = on_connect,
	.write = on_write,
	.hang_up = on_hang_up,
	.media = on_media };

static void begin(bool udp, bool tcp)
{
	struct ice_conf c = { .mode = ICE_MS_ICE2,
		.controlling = false,
		.comps = 2,
		.host = { at("10.0.1.1:50000"), at("10.0.1.1:50001") },
		.turn_user = SLICE_LIT("u"),
		.turn_password = SLICE_LIT("p") };

	memset(&t, 0, sizeof(t));
	if (udp)
		c.turn = at("198.51.100.21:3478");
	if (tcp)
		c.turn_tcp = at("198.51.100.21:443");
	stun_long_key(SLICE_LIT("u"), SLICE_LIT("rtcmedia"), SLICE_LIT("p"), key);
	assert_int_equal(ice_init(&t.ice, &c, &ops, &t), 0);
	ice_gather(&t.ice, 1000000);
}

/* The first frame that was written, as a message; what follows moves up. */
static size_t frame(bool *control, uint8_t *out)
{
	int n = turn_cut(TURN_MS, t.out, t.out_n);

	assert_true(n > 4);
	*control = t.out[0] == 2;
	memcpy(out, t.out + 4, (size_t)n - 4);
	memmove(t.out, t.out + n, t.out_n - (size_t)n);
	t.out_n -= (size_t)n;
	return (size_t)n - 4;
}

static size_t message(uint16_t type, uint8_t *out, struct stun_msg *m)
{
	bool control;
	size_t n = frame(&control, out);

	assert_true(control);
	assert_int_equal(stun_parse(out, n, STUN_MSTURN, m), 0);
	assert_true(m->has_cookie);
	assert_int_equal(m->type, type);
	return n;
}

static void unit(bool control, const uint8_t *p, size_t n, uint64_t now)
{
	uint8_t buf[TURN_UNIT];

	turn_frame(buf, control, n);
	memcpy(buf + 4, p, n);
	assert_int_equal(turn_cut(TURN_MS, buf, n + 3), 0);
	assert_int_equal(turn_cut(TURN_MS, buf, n + 4), (int)n + 4);
	ice_stream_input(&t.ice, 1, buf, n + 4, now);
}

static struct stun_w answer(uint8_t *buf, size_t cap, uint16_t type, const struct stun_id *id)
{
	static const uint8_t cookie[4] = { 0x72, 0xc6, 0x4b, 0xc6 };
	struct stun_w w = stun_begin(buf, cap, STUN_MSTURN, type, id);

	stun_put(&w, STUN_A_MS_COOKIE, cookie, 4);
	return w;
}

static void data_indication(const struct addr *peer, const uint8_t *p, size_t n, uint64_t now)
{
	uint8_t buf[2048];
	struct stun_id id = stun_new_id();
	struct stun_w w = answer(buf, sizeof(buf), STUN_MS_DATA, &id);

	stun_put_addr(&w, STUN_A_MS_REMOTE, peer, false);
	stun_put(&w, STUN_A_DATA, p, n);
	unit(true, buf, stun_end(&w, NULL, 0, STUN_FP_NONE), now);
}

static void allocate(uint64_t now)
{
	uint8_t in[2048], buf[600], seq[24] = { 1 };
	struct stun_msg m;
	struct stun_w w;
	struct addr relayed = at("198.51.100.21:57120"), mapped = at("203.0.113.1:40000");

	ice_stream(&t.ice, 1, true, now);
	(void)message(STUN_ALLOCATE, in, &m);
	w = answer(buf, sizeof(buf), STUN_ALLOCATE_ERR, &m.id);
	stun_put_error(&w, 401, "Unauthorized");
	stun_put(&w, STUN_A_REALM, "nonce", 5);
	stun_put(&w, STUN_A_NONCE, "rtcmedia", 8);
	unit(true, buf, stun_end(&w, NULL, 0, STUN_FP_NONE), now);
	(void)message(STUN_ALLOCATE, in, &m);
	assert_true(stun_verify(&m, STUN_MSTURN, key, 16));
	w = answer(buf, sizeof(buf), STUN_ALLOCATE_OK, &m.id);
	stun_put_addr(&w, STUN_A_MAPPED, &relayed, false);
	stun_put_addr(&w, STUN_A_MS_XOR_MAPPED, &mapped, true);
	stun_put_u32(&w, STUN_A_LIFETIME, 600);
	stun_put(&w, STUN_A_MS_SEQUENCE, seq, 24);
	unit(true, buf, stun_end(&w, key, 16, STUN_FP_NONE), now);
	assert_int_equal(t.gathered, 1);
}

static void test_when(void **state)
{
	(void)state;
	/* by TCP alone: at once; one connection for both components */
	begin(false, true);
	assert_int_equal(t.connects, 1);
	assert_int_equal(t.sent, 0);
	ice_close(&t.ice);
	assert_int_equal(t.hang_ups, 1);
	/* UDP first; silence for a second */
	begin(true, true);
	assert_int_equal(t.sent, 2);
	ice_timer(&t.ice, 1999999);
	assert_int_equal(t.connects, 0);
	ice_timer(&t.ice, 2000000);
	assert_int_equal(t.connects, 1);
	assert_int_equal(t.ice.relay[1].turn.state, TURN_IDLE);
	assert_int_equal(t.gathered, 0);
	/* not there either: host candidates, and why */
	ice_stream(&t.ice, 1, false, 2100000);
	assert_int_equal(t.gathered, 1);
	assert_int_equal(t.ice.nlocal, 2);
	assert_int_equal(ice_warn(&t.ice), 0x9);
	ice_close(&t.ice);
	/* no port for TCP */
	begin(true, false);
	ice_timer(&t.ice, 3000000);
	assert_int_equal(t.connects, 0);
	ice_close(&t.ice);
	/* a server that speaks by UDP is not asked by TCP */
	begin(true, true);
	t.ice.relay[0].turn.state = t.ice.relay[1].turn.state = TURN_CHALLENGED;
	ice_timer(&t.ice, 2000000);
	assert_int_equal(t.connects, 0);
	ice_close(&t.ice);
}

static size_t check_of_peer(uint8_t *out, size_t cap, bool use)
{
	struct stun_id id = stun_new_id();
	struct stun_w w = stun_begin(out + 2, cap - 2, STUN_MSICE, STUN_BINDING, &id);
	char name[300];
	size_t n;

	if (use)
		stun_put(&w, STUN_A_USE_CANDIDATE, NULL, 0);
	stun_put_u32(&w, STUN_A_PRIORITY, 174848511);
	stun_put_u64(&w, STUN_A_CONTROLLING, 1);
	strcpy(name, t.ice.ufrag);
	strcat(name, ":them");
	stun_put(&w, STUN_A_USERNAME, name, strlen(name));
	stun_put_u32(&w, STUN_A_MS_IMPL, 2);
	n = stun_end(&w, t.ice.pwd, strlen(t.ice.pwd), STUN_FP_GOOD);
	out[0] = (uint8_t)(n >> 8);
	out[1] = (uint8_t)n;
	return n + 2;
}

/* Answers of the peer to what was sent to it; which components were checked. */
static unsigned answer_checks(const struct addr *peer, uint64_t now)
{
	unsigned seen = 0;

	while (t.out_n) {
		uint8_t in[2048], buf[400];
		struct stun_msg m, c;
		bool control;
		size_t n = frame(&control, in);
		assert_true(control);
		assert_int_equal(stun_parse(in, n, STUN_MSTURN, &m), 0);
		if (m.type != STUN_MS_SEND)
			continue;
		assert_true(addr_eq(&m.peer, peer));
		assert_true(stun_verify(&m, STUN_MSTURN, key, 16));
		assert_int_equal((uint8_t)m.data.p[0] << 8 | (uint8_t)m.data.p[1], m.data.n - 2);
		assert_int_equal(
		    stun_parse((const uint8_t *)m.data.p + 2, m.data.n - 2, STUN_MSICE, &c), 0);
		if (c.type != STUN_BINDING)
			continue;
		struct addr relayed = at("198.51.100.21:57120");
		struct stun_w w =
		    stun_begin(buf + 2, sizeof(buf) - 2, STUN_MSICE, STUN_BINDING_OK, &c.id);
		stun_put_addr(&w, STUN_A_XOR_MAPPED, &relayed, true);
		stun_put_u32(&w, STUN_A_MS_IMPL, 2);
		n = stun_end(&w, "theirpassword", 13, STUN_FP_GOOD);
		buf[0] = (uint8_t)(n >> 8);
		buf[1] = (uint8_t)n;
		data_indication(peer, buf, 3, now); /* cut in the middle */
		data_indication(peer, buf + 3, n - 1, now);
		seen++;
	}
	return seen;
}

static void test_shared(void **state)
{
	struct addr peer = at("203.0.113.60:57120"), udp = at("203.0.113.60:41810");
	struct cand theirs[5] = { { .foundation = "2",
		                      .component = 1,
		                      .type = CAND_RELAY,
		                      .transport = CAND_PASS,
		                      .priority = 174456319,
		                      .addr = peer },
		{ .foundation = "2",
		    .component = 2,
		    .type = CAND_RELAY,
		    .transport = CAND_PASS,
		    .priority = 174455806,
		    .addr = peer },
		{ .foundation = "4",
		    .component = 1,
		    .type = CAND_RELAY,
		    .transport = CAND_ACT,
		    .priority = 174848511,
		    .addr = peer },
		{ .foundation = "3",
		    .component = 1,
		    .type = CAND_RELAY,
		    .priority = 184548351,
		    .transport = CAND_UDP,
		    .addr = udp },
		{ .foundation = "9",
		    .component = 1,
		    .type = CAND_HOST,
		    .transport = CAND_UDP,
		    .priority = 1,
		    .addr = peer } };
	uint8_t both[800], one[12] = { 0x80, 8, [11] = 1 }, two[8] = { 0x80, 200, [3] = 1 },
	                   in[2048];
	uint64_t now = 1100000;
	struct cand l, r;
	bool control;
	struct stun_msg m;

	(void)state;
	begin(false, true);
	allocate(now);
	/* active and passive for both components, one port; priorities of ms-media 5.2 */
	assert_int_equal(t.ice.nlocal, 6);
	static const uint32_t want[4] = { 174848511, 174456319, 174847998, 174455806 };
	for (unsigned i = 0; i < 4; i++) {
		const struct cand *c = &t.ice.local[2 + i];
		assert_int_equal(c->priority, want[i]);
		assert_int_equal(c->transport, i % 2 ? CAND_PASS : CAND_ACT);
		assert_int_equal(c->component, i / 2 + 1);
		assert_true(addr_eq(&c->addr, &t.ice.local[2].addr));
	}
	assert_string_not_equal(t.ice.local[2].foundation, t.ice.local[3].foundation);
	assert_int_equal(ice_set_remote(&t.ice, SLICE_LIT("them"), SLICE_LIT("theirpassword"),
	                     theirs, 5, true, NULL, now),
	    0);
	/* Nothing by UDP is paired with what is by TCP. */
	for (unsigned i = 0; i < t.ice.npairs; i++)
		assert_int_equal(cand_tcp(&t.ice.local[t.ice.pair[i].local]),
		    cand_tcp(&t.ice.remote[t.ice.pair[i].remote]));
	unsigned seen = 0;
	for (unsigned i = 0; i < 40; i++) {
		ice_timer(&t.ice, now += 20000);
		seen += answer_checks(&peer, now);
	}
	assert_true(seen >= 2);
	assert_int_equal(t.done, 0);
	/* One nominating check is for both components; two packets in one piece, the second cut. */
	size_t n = check_of_peer(both, sizeof(both), true);
	both[n] = 0;
	both[n + 1] = sizeof(one);
	memcpy(both + n + 2, one, sizeof(one));
	data_indication(&peer, both, n + 5, now);
	assert_int_equal(t.nmedia, 0);
	data_indication(&peer, both + n + 5, sizeof(one) - 3, now);
	assert_int_equal(t.done, 1);
	assert_int_equal(t.nmedia, 1);
	assert_int_equal(t.media[0].comp, 1);
	assert_memory_equal(t.media[0].p, one, sizeof(one));
	for (unsigned comp = 1; comp <= 2; comp++) {
		assert_true(ice_selected(&t.ice, comp, &l, &r));
		assert_int_equal(l.type, CAND_RELAY);
		assert_int_equal(l.transport, CAND_ACT);
		assert_int_equal(l.component, comp);
		assert_true(addr_eq(&r.addr, &peer));
	}
	/* Set Active Destination; then frames of payload, both ways, RTCP by its type. */
	do {
		size_t k = frame(&control, in);
		assert_int_equal(stun_parse(in, k, STUN_MSTURN, &m), 0);
	} while (m.type != STUN_MS_ACTIVE);
	assert_true(addr_eq(&m.peer, &peer));
	struct stun_w w = answer(in, sizeof(in), STUN_MS_ACTIVE_OK, &m.id);
	unit(true, in, stun_end(&w, NULL, 0, STUN_FP_NONE), now);
	t.out_n = 0;
	uint8_t scratch[8 + TURN_OVERHEAD];
	n = sizeof(two);
	assert_null(ice_media(&t.ice, 2, two, &n, scratch, sizeof(scratch), &udp, now));
	assert_int_equal(frame(&control, in), sizeof(two));
	assert_false(control);
	assert_memory_equal(in, two, sizeof(two));
	unit(false, two, sizeof(two), now);
	unit(false, one, sizeof(one), now);
	assert_int_equal(t.nmedia, 3);
	assert_int_equal(t.media[1].comp, 2);
	assert_int_equal(t.media[2].comp, 1);
	/* freed, and hung up */
	t.out_n = 0;
	ice_close(&t.ice);
	(void)message(STUN_ALLOCATE, in, &m);
	assert_true(m.has_lifetime && m.lifetime == 0);
	assert_int_equal(t.hang_ups, 1);
}

/* Lengths of a peer that can be none, more peers than are read at once. */
static void test_rubbish(void **state)
{
	uint8_t p[40] = { 0xff, 0xff };
	char text[40];

	(void)state;
	begin(false, true);
	allocate(1100000);
	struct addr peer = at("203.0.113.60:57120");
	data_indication(&peer, p, sizeof(p), 1200000);
	assert_int_equal(t.nmedia, 0);
	assert_int_equal(t.ice.count.unknown, 1);
	p[0] = 0;
	p[1] = 100; /* more to come */
	for (unsigned i = 0; i < 8; i++) {
		snprintf(text, sizeof(text), "203.0.113.60:%u", 50000 + i);
		peer = at(text);
		data_indication(&peer, p, sizeof(p), 1200000);
	}
	assert_int_equal(t.ice.count.unknown, 5);
	assert_int_equal(turn_cut(TURN_MS, (const uint8_t *)"\1\0\0\4", 4), ERR_SYNTAX);
	assert_int_equal(turn_cut(TURN_MS, (const uint8_t *)"\2\0\377\377", 4), ERR_LIMIT);
	assert_int_equal(turn_cut(TURN_MS, (const uint8_t *)"\2\0", 2), 0);
	/* RFC 8656: messages, and channel data filled up */
	assert_int_equal(
	    turn_cut(TURN_RFC, (const uint8_t *)"\1\3\0\0 123456789 1234567890", 22), 20);
	assert_int_equal(turn_cut(TURN_RFC, (const uint8_t *)"\x40\0\0\1x\0\0\0", 7), 0);
	assert_int_equal(turn_cut(TURN_RFC, (const uint8_t *)"\x40\0\0\1x\0\0\0", 8), 8);
	assert_int_equal(turn_cut(TURN_RFC, (const uint8_t *)"\200\10\0\0", 4), ERR_SYNTAX);
	ice_close(&t.ice);
}

int main(void)
{
	id_seed_for_tests(7);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_when),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_rubbish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
