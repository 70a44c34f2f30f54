/* The ICE agent under a fake clock: two of them over a network with NATs, loss and relays, in both dialects; roles that
 * collide, checks before the answer, rubbish, consent. The TURN client against a server written here from MS-TURN. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ice_net.h"

static const enum ice_mode modes[] = { ICE_RFC8445, ICE_MS_ICE2 };

static void test_direct(void **state)
{
	for (int i = 0; i < 2; i++) {
		fresh(state);
		begin(modes[i], true, false, false, false, false, false);
		assert_int_equal(net.a.ice.nlocal, 2);
		tell(&net.a, &net.b);
		tell(&net.b, &net.a);
		uint64_t at0 = net.now;
		run(&net, 2000);
		is_done(CAND_HOST, CAND_HOST);
		assert_true(net.a.ice.first_ok_us - at0 < 200000);
		assert_int_equal(media(&net.a, &net.b, 1), 20);
		assert_int_equal(media(&net.b, &net.a, 2), 20);
	}
}

/* Full-cone NATs on both sides: the reflexive addresses work; RFC: by the STUN server. */
static void test_nat(void **state)
{
	fresh(state);
	begin(ICE_RFC8445, true, false, true, false, true, false);
	assert_int_equal(net.a.ice.nlocal, 4);
	tell(&net.a, &net.b);
	tell(&net.b, &net.a);
	run(&net, 4000);
	is_done(CAND_SRFLX, CAND_SRFLX);
	assert_int_equal(media(&net.a, &net.b, 1), 20);
}

/* The same with MS-ICE2: the reflexive address comes with the relay's allocation, and is prflx in the final offer. */
static void test_nat_ms(void **state)
{
	struct cand l, r;

	fresh(state);
	begin(ICE_MS_ICE2, true, false, false, true, true, false);
	assert_int_equal(net.a.ice.local[2].type, CAND_SRFLX);
	tell(&net.a, &net.b);
	tell(&net.b, &net.a);
	run(&net, 8000);
	is_done(CAND_PRFLX, CAND_PRFLX);
	assert_true(ice_selected(&net.a.ice, 1, &l, &r));
	struct addr base = host(&net.a, 1);
	assert_true(addr_eq(&l.related, &base));
	assert_int_equal(media(&net.a, &net.b, 1), 20);
}

/* No reflexive candidate is known, one side is behind a NAT: its address is learnt from the checks. */
static void test_prflx(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct cand l, r;
		fresh(state);
		begin(modes[i], true, false, false, false, false, false);
		net.a.nat = true;
		tell(&net.a, &net.b);
		tell(&net.b, &net.a);
		run(&net, 4000);
		is_done(CAND_PRFLX, CAND_HOST);
		assert_true(ice_selected(&net.b.ice, 1, &l, &r));
		assert_int_equal(r.type, CAND_PRFLX);
		assert_int_equal(media(&net.b, &net.a, 1), 20);
	}
}

/* MS-TURN: the direct way is blocked; both sides have relays. */
static void test_relay(void **state)
{
	fresh(state);
	net.block_direct = true;
	begin(ICE_MS_ICE2, true, false, false, true, true, false);
	assert_int_equal(net.nalloc, 4);
	/* host, reflexive (from the allocation), relayed; two components */
	assert_int_equal(net.a.ice.nlocal, 6);
	assert_int_equal(net.a.ice.local[5].type, CAND_RELAY);
	tell(&net.a, &net.b);
	tell(&net.b, &net.a);
	run(&net, 8000);
	is_done(0, 0);
	struct cand l, r;
	assert_true(ice_selected(&net.a.ice, 1, &l, &r));
	assert_true(l.type == CAND_RELAY || r.type == CAND_RELAY);
	assert_true(net.actives > 0);
	run(&net, 2000);
	net.bare = 0;
	assert_int_equal(media(&net.a, &net.b, 1), 20);
	assert_int_equal(media(&net.b, &net.a, 1), 20);
	assert_true(net.bare > 0 || l.type != CAND_RELAY);
	/* Allocations are refreshed (lifetime 60 s), and freed at the end. */
	run(&net, 120000);
	assert_int_equal(net.a.ice.relay[0].turn.state, TURN_ALLOCATED);
	ice_close(&net.a.ice);
	ice_close(&net.b.ice);
	run(&net, 1000);
	for (unsigned k = 0; k < net.nalloc; k++)
		assert_false(net.alloc[k].up);
}

/* Symmetric NATs on both sides, which give each peer another port: no direct pair can work, the relays do. With one
 * of the two in the open, the address that the NAT gives for it is learnt from the check. */
/* Call admission control of the one side leaves the relays only; the other side's checks of more are refused by 275. */
static void test_forbidden(void **state)
{
	unsigned disabled = 0;
	struct cand l, r;

	fresh(state);
	begin(ICE_MS_ICE2, true, false, false, true, false, false);
	net.b.ice.conf.forbidden = ICE_END_LOCAL | ICE_END_REMOTE;
	tell(&net.a, &net.b);
	tell(&net.b, &net.a);
	run(&net, 8000);
	is_done(0, 0);
	for (unsigned comp = 1; comp <= 2; comp++) {
		assert_true(ice_selected(&net.b.ice, comp, &l, &r));
		assert_int_equal(l.type, CAND_RELAY);
		assert_int_equal(r.type, CAND_RELAY);
	}
	for (uint8_t i = 0; i < net.a.ice.npairs; i++) {
		const struct ice_pair *p = &net.a.ice.pair[i];
		disabled += p->disabled;
		assert_false(p->disabled && (p->valid || p->nominated || p->state != PAIR_FAILED));
	}
	assert_true(disabled >= 2); /* host to host, of both components */
	ice_close(&net.a.ice);
	ice_close(&net.b.ice);
}

static void test_symmetric(void **state)
{
	struct cand l, r;

	fresh(state);
	begin(ICE_MS_ICE2, true, false, false, true, true, true);
	tell(&net.a, &net.b);
	tell(&net.b, &net.a);
	run(&net, 8000);
	is_done(0, 0);
	assert_true(ice_selected(&net.a.ice, 1, &l, &r));
	assert_true(l.type == CAND_RELAY || r.type == CAND_RELAY);
	assert_int_equal(media(&net.a, &net.b, 1), 20);

	fresh(state);
	begin(ICE_RFC8445, false, true, true, false, true, true);
	net.b.nat = false;
	tell(&net.a, &net.b);
	tell(&net.b, &net.a);
	run(&net, 8000);
	is_done(CAND_PRFLX, CAND_HOST);
	assert_int_equal(media(&net.b, &net.a, 1), 20);
}

static void test_turn_refused(void **state)
{
	fresh(state);
	for (int i = 0; i < 2; i++) {
		struct side *s = i ? &net.b : &net.a;
		s->net = &net;
		s->name = i ? 'b' : 'a';
	}
	net.now = 1000000;
	open_side(&net.a, ICE_MS_ICE2, true, false, true);
	open_side(&net.b, ICE_MS_ICE2, false, false, false);
	net.a.ice.conf.turn_password = SLICE_LIT("wrong");
	ice_gather(&net.a.ice, net.now);
	ice_gather(&net.b.ice, net.now);
	run(&net, 3000);
	assert_int_equal(net.a.gathered, 1);
	assert_int_equal(net.a.ice.relay[0].turn.state, TURN_FAILED);
	assert_int_equal(net.a.ice.relay[0].turn.error, 401);
	assert_int_equal(ice_warn(&net.a.ice) & 3, 2);
	tell(&net.a, &net.b); /* and goes on without */
	tell(&net.b, &net.a);
	run(&net, 3000);
	is_done(CAND_HOST, CAND_HOST);
}

/* Servers that do not answer: gathering ends in time. */
static void test_dead_servers(void **state)
{
	fresh(state);
	net.stun_dead = true;
	begin(ICE_RFC8445, true, false, true, false, false, false);
	assert_int_equal(net.a.ice.nlocal, 2);
}

static void test_conflict(void **state)
{
	for (int i = 0; i < 2; i++)
		for (int both = 0; both < 2; both++) {
			fresh(state);
			begin(modes[i], both, both, false, false, false, false);
			tell(&net.a, &net.b);
			tell(&net.b, &net.a);
			run(&net, 4000);
			is_done(CAND_HOST, CAND_HOST);
			assert_true(net.a.ice.controlling != net.b.ice.controlling);
			/* one side gives way, once; not to and fro with each answer */
			assert_int_equal(net.a.ice.count.conflicts + net.b.ice.count.conflicts, 1);
		}
}

/* The peer's checks, with its nomination, come before its answer. */
static void test_early(void **state)
{
	for (int i = 0; i < 2; i++) {
		fresh(state);
		begin(modes[i], true, false, false, false, false, false);
		tell(&net.a, &net.b);
		run(&net, 2500);
		assert_int_equal(net.b.done, 0);
		assert_int_equal(net.a.done, 1); /* b answers with its own credentials alone */
		tell(&net.b, &net.a);
		run(&net, 2000);
		is_done(CAND_HOST, CAND_HOST);
	}
}

static void test_loss(void **state)
{
	unsigned done = 0;

	for (unsigned round = 0; round < 30; round++) {
		fresh(state);
		net.seed = round + 5;
		begin(modes[round % 2], true, false, false, false, round % 3 == 0, false);
		if (round % 3 == 0)
			net.b.nat = false;
		net.loss = 20;
		tell(&net.a, &net.b);
		tell(&net.b, &net.a);
		run(&net, 9900);
		done += net.a.done && net.b.done;
	}
	if (done < 28)
		fail_msg("%u of 30", done);
}

static void test_nobody(void **state)
{
	for (int i = 0; i < 2; i++) {
		fresh(state);
		begin(modes[i], true, false, false, false, false, false);
		net.loss = 100;
		tell(&net.a, &net.b);
		run(&net, i ? 9900 : 29900);
		assert_int_equal(net.a.failed, 0);
		run(&net, 200);
		assert_int_equal(net.a.failed, 1);
		assert_true(ice_warn(&net.a.ice) & 0x20);
		run(&net, 60000);
		assert_int_equal(net.a.failed, 1);
		assert_true(ice_next(&net.a.ice) == UINT64_MAX);
	}
}

/* Consent: RFC 7675 when the peer falls silent; MS-ICE2 never. */
static void test_consent(void **state)
{
	for (int i = 0; i < 2; i++) {
		uint8_t rtp[12] = { 0x80 }, scratch[600];
		size_t n = sizeof(rtp);
		struct addr to;
		fresh(state);
		begin(modes[i], true, false, false, false, false, false);
		tell(&net.a, &net.b);
		tell(&net.b, &net.a);
		run(&net, 300000);
		is_done(CAND_HOST, CAND_HOST);
		assert_int_equal(net.a.lost, 0);
		net.loss = 100;
		run(&net, 40000);
		assert_int_equal(net.a.lost, i ? 0 : 2);
		assert_true((ice_media(&net.a.ice, 1, rtp, &n, scratch, sizeof(scratch), &to,
		                 net.now) == NULL) == (i == 0));
	}
}

/* A peer with one component: RTCP has none here either, and nobody waits for it. */
static void test_one_component(void **state)
{
	struct cand l, r;

	(void)fresh(state);
	begin(ICE_RFC8445, true, false, true, false, true, false);
	struct cand only[ICE_LOCAL];
	size_t n = 0;
	for (uint8_t i = 0; i < net.b.ice.nlocal; i++)
		if (net.b.ice.local[i].component == 1)
			only[n++] = net.b.ice.local[i];
	assert_int_equal(ice_set_remote(&net.a.ice, slice_str(net.b.ice.ufrag),
	                     slice_str(net.b.ice.pwd), only, n, true, NULL, net.now),
	    0);
	tell(&net.b, &net.a);
	run(&net, 8000);
	assert_int_equal(net.a.done, 1);
	assert_int_equal(net.a.failed, 0);
	assert_true(ice_selected(&net.a.ice, 1, &l, &r));
	assert_false(ice_selected(&net.a.ice, 2, &l, &r));
}

static void test_remote_chosen(void **state)
{
	fresh(state);
	begin(ICE_MS_ICE2, true, false, false, false, false, false);
	tell(&net.a, &net.b);
	tell(&net.b, &net.a);
	/* a never nominates; its final offer names the pairs */
	net.a.ice.conf.patience_ms = 60000;
	for (unsigned k = 0; k < 40; k++) {
		run(&net, 20);
		for (uint8_t i = 0; i < net.a.ice.npairs; i++)
			net.a.ice.pair[i].nominate = false;
		net.a.ice.controlling = true;
	}
	if (!net.b.done) {
		struct addr ours[2] = { host(&net.b, 1), host(&net.b, 2) };
		assert_int_equal(
		    ice_set_remote(&net.b.ice, slice_str(net.a.ice.ufrag), slice_str(net.a.ice.pwd),
		        net.a.ice.local, 2, true, ours, net.now),
		    0);
	}
	assert_int_equal(net.b.done, 1);
}

static void test_refusals(void **state)
{
	struct ice_conf c = { .mode = ICE_RFC8445, .comps = 1 };
	static struct ice a;

	(void)state;
	assert_int_equal(ice_init(&a, &c, &ops, &net.a), ERR_VALUE);
	c.host[0] = at("0.0.0.0:5");
	assert_int_equal(ice_init(&a, &c, &ops, &net.a), ERR_VALUE);
	c.host[0] = at("192.0.2.1:5000");
	c.mode = ICE_OFF;
	assert_int_equal(ice_init(&a, &c, &ops, &net.a), ERR_VALUE);
	c.mode = ICE_MS_ICE2;
	assert_int_equal(ice_init(&a, &c, &ops, &net.a), 0);
	assert_int_equal(
	    ice_set_remote(&a, SLICE_LIT(""), SLICE_LIT("p"), NULL, 0, true, NULL, 0), ERR_VALUE);
	assert_int_equal(
	    ice_set_remote(&a, SLICE_LIT("u"), SLICE_LIT("p"), NULL, 0, true, NULL, 0), 0);
	assert_int_equal(
	    ice_set_remote(&a, SLICE_LIT("u2"), SLICE_LIT("p"), NULL, 0, true, NULL, 0),
	    ERR_EXISTS);
	/* More candidates than there is room for, and senseless ones */
	struct cand many[60];
	for (int i = 0; i < 60; i++) {
		char text[32];
		snprintf(text, sizeof(text), "192.0.2.%d:4000", i + 1);
		many[i] = (struct cand){ .component = i == 3 ? 9 : 1,
			.type = CAND_HOST,
			.priority = (uint32_t)i,
			.addr = at(text) };
		snprintf(many[i].foundation, sizeof(many[i].foundation), "%d", i);
	}
	assert_int_equal(
	    ice_set_remote(&a, SLICE_LIT("u"), SLICE_LIT("p"), many, 60, true, NULL, 0), 0);
	assert_int_equal(a.nremote, ICE_REMOTE);
	print_message("struct ice: %zu octets\n", sizeof(a));
}

/* Octets of all kinds at an agent that runs: nothing is answered that has no right to be. */
static void test_rubbish(void **state)
{
	(void)state;
	begin(ICE_RFC8445, true, false, false, false, false, false);
	tell(&net.a, &net.b);
	tell(&net.b, &net.a);
	run(&net, 100);
	for (int i = 0; i < 50000; i++) {
		uint8_t p[200];
		size_t n = rnd(&net) % sizeof(p);
		const uint8_t *m;
		struct addr from = at("192.0.2.66:6000"), peer;
		for (size_t k = 0; k < n; k++)
			p[k] = (uint8_t)rnd(&net);
		if (n > 20 && i & 1) {
			p[0] = (uint8_t)(i >> 1 & 1);
			p[1] = 1;
			p[2] = 0;
			p[3] = (uint8_t)(n - 20);
		}
		(void)ice_input(
		    &net.a.ice, 1 + (unsigned)i % 3, &from, p, n, net.now, &m, &n, &peer);
	}
	for (int i = 0; i < AIR; i++)
		if (net.air[i].used) {
			struct addr bad = at("192.0.2.66:6000");
			assert_false(addr_eq(&net.air[i].to, &bad));
		}
	run(&net, 3000);
	is_done(CAND_HOST, CAND_HOST);
}

/* Octet by octet against the reference messages of MS-TURN. */
static uint8_t turn_out[MTU];
static size_t turn_out_n;
static void turn_sent(void *ctx, const struct addr *server, const uint8_t *p, size_t n)
{
	(void)ctx;
	(void)server;
	memcpy(turn_out, p, n);
	turn_out_n = n;
}
static const struct turn_ops turn_ops = { .send = turn_sent };

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	assert_int_equal(enc_unhex(slice_str(hex), out, MTU, &n), 0);
	return n;
}

/* Transaction ids are random: the vector's takes their place, and the HMAC is made again by hand. */
static void as_vector(const char *hex, const uint8_t key[16])
{
	uint8_t want[MTU], all[MTU];
	size_t n = unhex(hex, want);
	struct stun_msg m, v;

	assert_int_equal(turn_out_n, n);
	assert_int_equal(stun_parse(turn_out, turn_out_n, STUN_MSTURN, &m), 0);
	assert_int_equal(stun_parse(want, n, STUN_MSTURN, &v), 0);
	memcpy(all, turn_out, n);
	memcpy(all + 4, want + 4, 16);
	size_t body = m.integrity_at ? m.integrity_at + 4u : n;
	assert_memory_equal(all, want, body);
	if (m.integrity_at)
		assert_true(stun_verify(&m, STUN_MSTURN, key, 16));
}

static void test_turn_vectors(void **state)
{
	static struct turn t;
	uint8_t user[64], password[64], key[16], in[MTU], out[MTU];
	size_t user_n = unhex(v_turn_user, user), password_n = unhex(v_turn_password, password), n;
	struct addr server = at(SERVER), peer = at("192.0.2.77:50052"), from;
	const uint8_t *data;

	(void)state;
	unhex(v_turn_key, key);
	assert_int_equal(turn_init(&t, TURN_MS, &server, (struct slice){ (char *)user, user_n },
	                     (struct slice){ (char *)password, password_n }, &turn_ops, NULL),
	    0);
	turn_start(&t, 1000);
	as_vector(v_turn_allocate_1, key);
	n = unhex(v_turn_allocate_401, in);
	memcpy(in + 4, t.id.b, 16);
	assert_int_equal(turn_input(&t, &server, in, n, 2000, &from, &data, &n), TURN_TAKEN);
	as_vector(v_turn_allocate_2, key);
	assert_memory_equal(t.key, key, 16);
	/* the answer, signed for our id */
	n = unhex(v_turn_allocate_ok, in);
	struct stun_msg m;
	assert_int_equal(stun_parse(in, n, STUN_MSTURN, &m), 0);
	memcpy(out, in, n);
	memcpy(out + 4, t.id.b, 16);
	/* XOR-MAPPED-ADDRESS depends on the id's first octets alone, which are the cookie in both */
	struct stun_w w = { wr_of(out, sizeof(out)), STUN_MSTURN };
	w.w.n = m.integrity_at;
	n = stun_end(&w, key, 16, STUN_FP_NONE);
	assert_int_equal(turn_input(&t, &server, out, n, 3000, &from, &data, &n), TURN_TAKEN);
	assert_int_equal(t.state, TURN_ALLOCATED);
	char text[ADDR_TEXT];
	assert_string_equal(addr_print(&t.relayed, true, text), "198.51.100.20:51234");
	assert_string_equal(addr_print(&t.mapped, true, text), "203.0.113.7:40000");
	n = unhex(v_ice_check_bis02, in);
	turn_out_n = turn_wrap(&t, &peer, in, n, turn_out, sizeof(turn_out), 4000);
	as_vector(v_turn_send_request, key);
	turn_activate(&t, &peer, 5000);
	as_vector(v_turn_set_active_destination, key);
	n = unhex(v_turn_set_active_destination_ok, in);
	memcpy(in + 4, t.id.b, 16);
	assert_int_equal(turn_input(&t, &server, in, n, 6000, &from, &data, &n), TURN_TAKEN);
	assert_true(t.active_up);
	assert_int_equal(
	    turn_wrap(&t, &peer, in, 28, turn_out, sizeof(turn_out), 7000), 28); /* bare now */
	n = unhex(v_turn_data_indication, in);
	assert_int_equal(turn_input(&t, &server, in, n, 8000, &from, &data, &n), TURN_DATA);
	assert_true(addr_eq(&from, &peer));
	assert_int_equal(n, 104);
	turn_stop(&t);
	as_vector(v_turn_deallocate, key);
	assert_int_equal(turn_init(&t, TURN_MS, &server, (struct slice){ (char *)in, 129 },
	                     SLICE_LIT("x"), &turn_ops, NULL),
	    ERR_VALUE);
}

static void test_turn_tcp(void **state)
{
	uint8_t in[MTU], hello[TURN_PSEUDO_HELLO], head[4];
	const uint8_t *payload;
	bool control;
	size_t n = unhex(v_pseudo_tls_client_hello, in), k;

	(void)state;
	assert_int_equal(n, TURN_PSEUDO_HELLO);
	turn_pseudo_hello(hello);
	memcpy(hello + 11, in + 11, 32);
	assert_memory_equal(hello, in, n);
	n = unhex(v_pseudo_tls_server_hello, in);
	assert_int_equal(n, TURN_PSEUDO_DONE);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(turn_pseudo_check(in, i), ERR_TRUNCATED);
	assert_int_equal(turn_pseudo_check(in, n), 0);
	in[78] ^= 1;
	assert_int_equal(turn_pseudo_check(in, n), ERR_SYNTAX);
	n = unhex(v_turn_tcp_frame_control, in);
	assert_int_equal(turn_unframe(in, n - 1, &control, &payload, &k), ERR_TRUNCATED);
	assert_int_equal(turn_unframe(in, n, &control, &payload, &k), 0);
	assert_true(control);
	assert_int_equal(k, n - 4);
	turn_frame(head, true, k);
	assert_memory_equal(head, in, 4);
	n = unhex(v_turn_tcp_frame_data, in);
	assert_int_equal(turn_unframe(in, n, &control, &payload, &k), 0);
	assert_false(control);
	in[1] = 1;
	assert_int_equal(turn_unframe(in, n, &control, &payload, &k), ERR_SYNTAX);
}

int main(void)
{
	id_seed_for_tests(7);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_refusals, fresh),
		cmocka_unit_test(test_turn_vectors),
		cmocka_unit_test(test_turn_tcp),
		cmocka_unit_test(test_direct),
		cmocka_unit_test(test_nat),
		cmocka_unit_test(test_nat_ms),
		cmocka_unit_test(test_prflx),
		cmocka_unit_test(test_relay),
		cmocka_unit_test(test_forbidden),
		cmocka_unit_test(test_symmetric),
		cmocka_unit_test(test_turn_refused),
		cmocka_unit_test(test_dead_servers),
		cmocka_unit_test(test_conflict),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_consent),
		cmocka_unit_test(test_one_component),
		cmocka_unit_test(test_remote_chosen),
		cmocka_unit_test_setup(test_rubbish, fresh),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
