/* ICE draft 6 (MS-ICE): two agents under a fake clock, the newer one that goes on in the older words, whole candidates, the
 * final description, octets that were made elsewhere. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ice_net.h"
#include "mediad/ice_priv.h"

/* Made by other means (hashlib of Python): peer's id 00..1f, ours 40..5f, the peer's password 80..8f, component 1. */
static const char v_check[] = "00010064a0a1a2a3a4a5a6a7a8a9aaabacadaeaf0006004800010203040506070809"
                              "0a0b0c0d0e0f1011121314151617"
                              "18191a1b1c1d1e1f3a313a404142434445464748494a4b4c4d4e4f50515253545556"
                              "5758595a5b5c5d5e5f3a31000000"
                              "000800147c6202471bf57c0812bde059c4a0c6f7794009a9";
static const char v_answer[] = "0101007ca0a1a2a3a4a5a6a7a8a9aaabacadaeaf000100080001c384c000020a802"
                               "000080001632560a1a0a900060048"
                               "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f3a3"
                               "13a404142434445464748494a4b4c"
                               "4d4e4f505152535455565758595a5b5c5d5e5f3a3100000000080014e68ea514ca3"
                               "1041b0297fd6fe35e1d1c29ea741f";

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	assert_int_equal(enc_unhex(slice_str(hex), out, MTU, &n), 0);
	return n;
}

static void key(struct cand *c, uint8_t id, uint8_t pwd)
{
	c->key = (struct cand_key){ .id_n = 32, .pwd_n = 16 };
	for (uint8_t i = 0; i < 32; i++)
		c->key.id[i] = (uint8_t)(id + i);
	for (uint8_t i = 0; i < 16; i++)
		c->key.pwd[i] = (uint8_t)(pwd + i);
}

static void test_vectors(void **state)
{
	static struct ice a;
	struct ice_conf c = { .mode = ICE_DRAFT6, .comps = 1, .host[0] = at("10.0.1.1:50000") };
	struct cand peer = {
		.component = 1, .type = CAND_HOST, .priority = 830, .addr = at("10.0.2.1:50000")
	};
	uint8_t want[MTU], out[MTU];
	size_t n = unhex(v_check, want);
	struct stun_id id;
	struct stun_msg m;
	struct slice k, sender;
	enum stun_form form;

	(void)state;
	assert_int_equal(ice_init(&a, &c, &ops, &net.a), 0);
	key(&a.local[0], 0x40, 0xc0);
	key(&peer, 0, 0x80);
	assert_int_equal(
	    ice_set_remote(&a, SLICE_LIT(""), SLICE_LIT(""), &peer, 1, true, NULL, 0), 0);
	memcpy(id.b, want + 4, 16);
	assert_int_equal(a.npairs, 1);
	assert_int_equal(ice_build_check(&a, &a.pair[0], true, true, &id, out, sizeof(out)), n);
	assert_memory_equal(out, want, n);
	/* What is read of it at the other end. */
	key(&a.local[0], 0, 0x80);
	assert_int_equal(stun_parse(want, n, STUN_3489, &m), 0);
	assert_true(ice_named(&a, 1, &m, &k, &sender));
	assert_int_equal(sender.n, 32);
	assert_int_equal(sender.p[0], 0x40);
	assert_true(ice_signed_by(&a, &m, k, &form));
	assert_false(ice_named(&a, 2, &m, &k, &sender));
	key(&a.local[0], 1, 0x80);
	assert_false(ice_named(&a, 1, &m, &k, &sender));
	key(&a.local[0], 0, 0x81);
	assert_true(ice_named(&a, 1, &m, &k, &sender));
	assert_false(ice_signed_by(&a, &m, k, &form));
	/* The answer, from 192.0.2.10:50052. */
	key(&a.local[0], 0, 0x80);
	assert_true(ice_named(&a, 1, &m, &k, &sender));
	struct addr from = at("192.0.2.10:50052");
	size_t len = ice_build_ok(&a, &m, STUN_3489, &from, k, out, sizeof(out));
	n = unhex(v_answer, want);
	assert_int_equal(len, n);
	assert_memory_equal(out, want, n);
	assert_int_equal(stun_parse(want, n, STUN_3489, &m), 0);
	assert_true(addr_eq(&m.mapped, &from));
	ice_close(&a);
}

/* The offerer may be of MS-ICE2: the answer's candidates have names, so it goes on in the older words. */
static void start(bool newer, bool turn, bool nat)
{
	begin(ICE_DRAFT6, true, false, false, turn, nat, false);
	if (newer) {
		ice_close(&net.a.ice);
		net.a.gathered = 0;
		open_side(&net.a, ICE_MS_ICE2, true, false, turn);
		ice_gather(&net.a.ice, net.now);
		run(&net, 3500);
	}
	tell(&net.a, &net.b);
	tell(&net.b, &net.a);
	assert_int_equal(net.a.ice.conf.mode, ICE_DRAFT6);
}

static void same_candidate(void)
{
	struct cand l[2], r[2];

	for (int i = 0; i < 2; i++) {
		struct side *s = i ? &net.b : &net.a;
		for (unsigned c = 0; c < 2; c++)
			assert_true(ice_selected(&s->ice, c + 1, &l[c], &r[c]));
		assert_int_equal(l[0].key.id_n, l[1].key.id_n);
		assert_memory_equal(l[0].key.id, l[1].key.id, l[0].key.id_n);
		assert_memory_equal(r[0].key.id, r[1].key.id, r[0].key.id_n);
	}
}

static void test_direct(void **state)
{
	for (int newer = 0; newer < 2; newer++) {
		fresh(state);
		start(newer, false, false);
		uint64_t at0 = net.now;
		run(&net, 1000);
		is_done(CAND_HOST, CAND_HOST);
		same_candidate();
		assert_true(net.a.ice.first_ok_us - at0 < 200000);
		assert_int_equal(net.a.ice.local[0].priority, 830);
		assert_int_equal(media(&net.a, &net.b, 1), 20);
		assert_int_equal(media(&net.b, &net.a, 2), 20);
		assert_int_equal(net.a.ice.count.bad_integrity + net.b.ice.count.bad_user, 0);
	}
}

/* a's final description at b. */
static void tell_final(void)
{
	struct cand mine[2], theirs[2];
	struct addr ours[2];

	for (unsigned c = 0; c < 2; c++) {
		assert_true(ice_selected(&net.a.ice, c + 1, &mine[c], &theirs[c]));
		ours[c] = theirs[c].addr;
	}
	assert_int_equal(
	    ice_set_remote(&net.b.ice, SLICE_LIT(""), SLICE_LIT(""), mine, 2, true, ours, net.now),
	    0);
}

/* Both behind NATs: the reflexive address that the relay tells; and one whose address is learnt from its checks alone, and
 * which has a name of both in the final description. */
static void test_nat(void **state)
{
	struct cand l, r;

	fresh(state);
	start(true, true, true);
	run(&net, 8000);
	is_done(0, 0);
	same_candidate();
	assert_true(ice_selected(&net.a.ice, 1, &l, &r));
	assert_int_not_equal(l.type, CAND_RELAY);
	assert_int_equal(media(&net.a, &net.b, 1), 20);

	fresh(state);
	begin(ICE_DRAFT6, true, false, false, false, false, false);
	net.a.nat = true;
	tell(&net.a, &net.b);
	tell(&net.b, &net.a);
	run(&net, 4000);
	is_done(CAND_PRFLX, CAND_HOST);
	same_candidate();
	assert_true(ice_selected(&net.a.ice, 1, &l, &r));
	assert_int_equal(l.key.id_n, 64);
	assert_memory_equal(l.key.id, net.a.ice.local[0].key.id, 32);
	assert_memory_equal(l.key.id + 32, net.b.ice.local[0].key.id, 32);
	assert_memory_equal(l.key.pwd, net.a.ice.local[0].key.pwd, 16);
	assert_int_equal(media(&net.b, &net.a, 1), 20);
	tell_final();
	run(&net, 3000);
	is_done(CAND_PRFLX, CAND_HOST);
	assert_true(ice_selected(&net.b.ice, 1, &l, &r));
	assert_int_equal(r.key.id_n, 64);
}

/* Each side may have found another of two ways that are alike: the offerer's is taken. */
static void test_relay(void **state)
{
	struct cand l, r;

	fresh(state);
	net.block_direct = true;
	start(true, true, true);
	run(&net, 9000);
	assert_true(net.a.done && net.b.done);
	tell_final();
	run(&net, 3000);
	is_done(0, 0);
	same_candidate();
	assert_true(ice_selected(&net.a.ice, 1, &l, &r));
	assert_true(l.type == CAND_RELAY || r.type == CAND_RELAY);
	assert_true(net.actives > 0);
	run(&net, 2000);
	assert_int_equal(media(&net.a, &net.b, 1), 20);
	assert_int_equal(media(&net.b, &net.a, 1), 20);
}

static void test_early(void **state)
{
	fresh(state);
	begin(ICE_DRAFT6, true, false, false, false, false, false);
	tell(&net.a, &net.b);
	run(&net, 2500);
	assert_int_equal(net.b.done, 0);
	assert_int_equal(net.a.done, 1); /* b answers with its own passwords alone */
	tell(&net.b, &net.a);
	run(&net, 2000);
	is_done(CAND_HOST, CAND_HOST);
}

static void test_loss(void **state)
{
	unsigned done = 0;

	for (uint32_t seed = 1; seed <= 20; seed++) {
		fresh(state);
		net.seed = seed;
		net.loss = 20;
		start(seed & 1, false, false);
		run(&net, 9900);
		done += net.a.done && net.b.done;
	}
	assert_in_range(done, 19, 20);
}

/* A pair of which RTCP never answers is left for one that is whole: after 3 s, not before. */
static void test_whole(void **state)
{
	struct cand l, r;

	fresh(state);
	begin(ICE_DRAFT6, true, false, false, true, true, false);
	for (unsigned i = 0; i < net.b.ice.nlocal; i++) {
		struct cand *c = &net.b.ice.local[i];
		if (c->component == 2 && c->type != CAND_RELAY)
			c->key.pwd[0] ^= 1; /* what the peer is told is not what we know */
	}
	tell(&net.a, &net.b);
	for (unsigned i = 0; i < net.b.ice.nlocal; i++) {
		struct cand *c = &net.b.ice.local[i];
		if (c->component == 2 && c->type != CAND_RELAY)
			c->key.pwd[0] ^= 1;
	}
	tell(&net.b, &net.a);
	run(&net, 2500);
	assert_int_equal(net.a.done, 0);
	run(&net, 7000);
	assert_int_equal(net.a.done, 1);
	for (unsigned comp = 1; comp <= 2; comp++) {
		assert_true(ice_selected(&net.a.ice, comp, &l, &r));
		assert_int_equal(r.type, CAND_RELAY);
	}
}

/* The offerer's final description counts, also where the other side chose by itself, and a pair it had given up. */
static void test_final(void **state)
{
	struct cand l, r, theirs[2];

	fresh(state);
	start(false, true, false);
	run(&net, 8000);
	is_done(CAND_HOST, CAND_HOST);
	for (unsigned i = 0; i < net.a.ice.nlocal; i++)
		if (net.a.ice.local[i].type == CAND_RELAY)
			theirs[net.a.ice.local[i].component - 1] = net.a.ice.local[i];
	struct addr ours[2] = { host(&net.b, 1), host(&net.b, 2) };
	assert_int_equal(ice_set_remote(&net.b.ice, SLICE_LIT(""), SLICE_LIT(""), theirs, 2, true,
	                     ours, net.now),
	    0);
	run(&net, 3000);
	for (unsigned comp = 1; comp <= 2; comp++) {
		assert_true(ice_selected(&net.b.ice, comp, &l, &r));
		assert_int_equal(r.type, CAND_RELAY);
	}
	assert_int_equal(net.b.failed, 0);
	/* The one in control is told nothing of the kind. */
	assert_int_equal(ice_set_remote(&net.a.ice, SLICE_LIT(""), SLICE_LIT(""), net.b.ice.local,
	                     net.b.ice.nlocal, true, ours, net.now),
	    0);
	run(&net, 2000);
	assert_true(ice_selected(&net.a.ice, 1, &l, &r));
	assert_int_equal(l.type, CAND_HOST);
}

/* Nothing is heard for long: requests without attributes keep the NAT open, nothing answers them, nothing is lost. */
static void test_keep(void **state)
{
	unsigned seen = 0;

	fresh(state);
	start(true, false, false);
	run(&net, 2000);
	is_done(CAND_HOST, CAND_HOST);
	for (unsigned k = 0; k < 4000; k++) {
		run(&net, 10);
		for (int i = 0; i < AIR; i++) {
			const struct datagram *d = &net.air[i];
			if (!d->used || d->at < net.now + 5000)
				continue;
			assert_int_equal(d->n, 20);
			assert_int_equal(d->p[0] << 8 | d->p[1], STUN_BINDING);
			seen++;
		}
	}
	assert_in_range(seen, 8, 20);
	assert_int_equal(net.a.lost + net.b.lost, 0);
	assert_true(net.b.ice.count.bad_user > 0);
}

static void test_nobody(void **state)
{
	fresh(state);
	net.loss = 100;
	start(false, false, false);
	run(&net, 9500);
	assert_int_equal(net.a.failed, 0);
	run(&net, 1000);
	assert_int_equal(net.a.failed, 1);
	assert_int_equal(net.b.failed, 1);
}

/* Of whom nobody told us: answered with the password that is ours, but not talked to. */
static void test_stranger(void **state)
{
	static struct ice x;
	struct ice_conf c = { .mode = ICE_DRAFT6, .comps = 2 };
	uint8_t out[MTU];
	struct addr from = at("192.0.2.66:7000"), peer;
	const uint8_t *media;
	size_t n, media_n;

	fresh(state);
	start(false, false, false);
	run(&net, 1000);
	is_done(CAND_HOST, CAND_HOST);
	c.host[0] = at("192.0.2.66:7000");
	c.host[1] = at("192.0.2.66:7001");
	assert_int_equal(ice_init(&x, &c, &ops, &net.b), 0);
	assert_int_equal(ice_set_remote(&x, SLICE_LIT(""), SLICE_LIT(""), net.a.ice.local,
	                     net.a.ice.nlocal, true, NULL, net.now),
	    0);
	struct stun_id id = ice_new_id(&x);
	n = ice_build_check(&x, &x.pair[0], true, false, &id, out, sizeof(out));
	uint8_t before = net.a.ice.nremote;
	assert_int_equal(ice_input(&net.a.ice, 1, &from, out, n, net.now, &media, &media_n, &peer),
	    ICE_IN_TAKEN);
	assert_int_equal(net.a.ice.nremote, before);
	assert_false(ice_known(&net.a.ice, 1, &from));
	/* with a wrong password: not even answered */
	unsigned used = 0, then = 0;
	for (int i = 0; i < AIR; i++)
		used += net.air[i].used;
	out[n - 1] ^= 1;
	(void)ice_input(&net.a.ice, 1, &from, out, n, net.now, &media, &media_n, &peer);
	for (int i = 0; i < AIR; i++)
		then += net.air[i].used;
	assert_int_equal(used, then);
	assert_int_equal(net.a.ice.count.bad_integrity, 1);
	ice_close(&x);
}

/* Descriptions: names are needed; the two drafts are not mixed. */
static void test_refusals(void **state)
{
	static struct ice a;
	struct ice_conf c = { .mode = ICE_DRAFT6, .comps = 1, .host[0] = at("10.0.1.1:50000") };
	struct cand peer = { .component = 1, .type = CAND_HOST, .addr = at("10.0.2.1:50000") };

	(void)state;
	assert_int_equal(ice_init(&a, &c, &ops, &net.a), 0);
	assert_int_equal(
	    ice_set_remote(&a, SLICE_LIT(""), SLICE_LIT(""), &peer, 1, true, NULL, 0), 0);
	assert_int_equal(a.nremote, 0);
	key(&peer, 0, 0x80);
	assert_int_equal(
	    ice_set_remote(&a, SLICE_LIT(""), SLICE_LIT(""), &peer, 1, true, NULL, 0), 0);
	assert_int_equal(a.nremote, 1);
	/* RFC 8445 knows nothing of it. */
	c.mode = ICE_RFC8445;
	assert_int_equal(ice_init(&a, &c, &ops, &net.a), 0);
	assert_int_equal(a.local[0].key.id_n, 0);
	assert_int_equal(
	    ice_set_remote(&a, SLICE_LIT(""), SLICE_LIT(""), &peer, 1, true, NULL, 0), ERR_VALUE);
	/* An agent of MS-ICE2 that has the peer's newer description stays with it. */
	c.mode = ICE_MS_ICE2;
	assert_int_equal(ice_init(&a, &c, &ops, &net.a), 0);
	assert_int_equal(a.local[0].key.id_n, 32);
	assert_int_equal(
	    ice_set_remote(&a, SLICE_LIT("u"), SLICE_LIT("p"), NULL, 0, true, NULL, 0), 0);
	assert_int_equal(
	    ice_set_remote(&a, SLICE_LIT(""), SLICE_LIT(""), &peer, 1, true, NULL, 0), ERR_VALUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_vectors, fresh),
		cmocka_unit_test_setup(test_refusals, fresh),
		cmocka_unit_test(test_direct),
		cmocka_unit_test(test_nat),
		cmocka_unit_test(test_relay),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_final),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_stranger),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
