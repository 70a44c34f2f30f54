/* Keys of a session: speech of both protection profiles, with MKI or not, re-keying, several offered, wrong ones. */
#include "tests/unit/mediad/pair.h"

static void keys_of(struct sbox_key *k, unsigned suite, uint8_t seed, bool mki)
{
	memset(k, 0, sizeof(*k));
	k->suite = (uint8_t)suite;
	for (size_t i = 0; i < sbox_key_len(suite); i++)
		k->key[i] = (uint8_t)(i * 3 + seed);
	if (mki) {
		k->nmki = 1;
		k->mki[0] = 1;
	}
}

static void secure(struct pair *x, unsigned suite, uint8_t seed, bool mki)
{
	struct leg_set set = { .side = SIDE_NETWORK, .has_tx = true, .has_rx = true, .nrx = 1 };

	keys_of(&set.tx, suite, seed, mki);
	keys_of(&set.rx[0], suite, (uint8_t)(seed + 1), mki);
	assert_int_equal(sess_update(&x->p.m, x->s, &set, 1), 0);
	sbox_free(x->net.tx);
	sbox_free(x->net.rx);
	x->net.tx = sbox_new(&set.rx[0], true);
	x->net.rx = sbox_new(&set.tx, false);
}

static void srtp(void **state)
{
	(void)state;
	for (unsigned suite = SBOX_CM_80; suite < SBOX_NSUITES; suite++)
		for (int mki = 0; mki < 2; mki++) {
			struct pair x;
			pair_open(&x);
			secure(&x, suite, 1, mki);
			both_speak(&x, 20);
			/* The same keys again: nothing begins anew (the replay window would refuse). */
			secure(&x, suite, 1, mki);
			sbox_free(x.net.tx);
			sbox_free(x.net.rx);
			x.net.tx = x.net.rx = NULL;
			pair_close(&x);
		}
}

/* RFC 3711 re-key by a new offer; what was sent under the key before still arrives. */
static void rekey(void **state)
{
	struct pair x;
	struct sbox *old;

	(void)state;
	pair_open(&x);
	secure(&x, SBOX_CM_80, 1, true);
	both_speak(&x, 5);
	old = x.net.tx;
	x.net.tx = NULL;
	secure(&x, SBOX_CM_80, 50, true);
	struct sbox *fresh = x.net.tx;
	x.net.tx = old;
	far_talk(&x.net, x.ln, PCMA, 42);
	step(&x);
	assert_true(far_get(&x.radio));
	assert_int_equal(x.radio.buf[12], 42);
	x.net.tx = fresh;
	both_speak(&x, 5);
	plane_wait(&x.p, 4000);
	x.net.tx = old; /* the grace is over */
	far_talk(&x.net, x.ln, PCMA, 43);
	step(&x);
	assert_false(far_get(&x.radio));
	assert_int_equal(x.ln->bad[LEG_BAD_AUTH], 1);
	sbox_free(fresh);
	pair_close(&x);
}

/* A far end hands its call over to another one and goes on sending for a while: what we send goes to the new one alone. */
static void handed_over(void **state)
{
	struct leg_set set = { .side = SIDE_NETWORK, .has_remote = true };
	struct far before;
	struct pair x;

	(void)state;
	pair_open(&x);
	secure(&x, SBOX_CM_80, 1, false);
	both_speak(&x, 5);
	before = x.net;
	x.net.tx = x.net.rx = NULL;
	far_open(&x.net);
	set.remote = x.net.addr;
	assert_int_equal(sess_update(&x.p.m, x.s, &set, 1), 0);
	secure(&x, SBOX_CM_80, 50, false);
	/* Until the new one speaks the one before is still heard, and hears nothing more. */
	far_talk(&before, x.ln, PCMA, 42);
	far_talk(&x.radio, x.lr, PCMA, 43);
	step(&x);
	assert_true(far_get(&x.radio));
	assert_int_equal(x.radio.buf[12], 42);
	assert_false(far_get(&before));
	assert_true(far_get(&x.net));
	for (unsigned i = 0; i < 20; i++) {
		both_talk(&x, i);
		far_talk(&before, x.ln, PCMA, 99);
		step(&x);
		both_hear(&x, i);
		assert_false(far_get(&x.radio));
		assert_false(far_get(&before));
	}
	far_close(&before);
	pair_close(&x);
}

/* Several keys were offered: the one that the peer uses is found. */
static void offered_keys(void **state)
{
	struct pair x;
	struct leg_set set = { .side = SIDE_NETWORK, .has_tx = true, .has_rx = true, .nrx = 3 };

	(void)state;
	pair_open(&x);
	keys_of(&set.tx, SBOX_CM_80, 1, false);
	keys_of(&set.rx[0], SBOX_CM_80, 2, true);
	keys_of(&set.rx[1], SBOX_CM_80, 3, true);
	keys_of(&set.rx[2], SBOX_CM_80, 4, false);
	assert_int_equal(sess_update(&x.p.m, x.s, &set, 1), 0);
	x.net.tx = sbox_new(&set.rx[2], true);
	x.net.rx = sbox_new(&set.tx, false);
	both_speak(&x, 5);
	assert_int_equal(x.ln->bad[LEG_BAD_AUTH], 0);
	pair_close(&x);
}

static void wrong_key(void **state)
{
	struct pair x;
	struct sbox_key bad;

	(void)state;
	pair_open(&x);
	secure(&x, SBOX_CM_80, 1, false);
	keys_of(&bad, SBOX_CM_80, 99, false);
	sbox_free(x.net.tx);
	x.net.tx = sbox_new(&bad, true);
	for (unsigned i = 0; i < 200; i++) {
		far_talk(&x.net, x.ln, PCMA, 1);
		plane_wait(&x.p, 20);
		assert_false(far_get(&x.radio));
	}
	assert_int_equal(x.ln->bad[LEG_BAD_AUTH], 200);
	assert_int_equal(plane_events(&x.p, MEDIA_EV_SRTP_MISMATCH), 1);
	/* Plain RTP is none of its business, either. */
	sbox_free(x.net.tx);
	x.net.tx = NULL;
	far_talk(&x.net, x.ln, PCMA, 1);
	step(&x);
	assert_false(far_get(&x.radio));
	pair_close(&x);
}

/* The far end is behind a NAT: what it sends comes from elsewhere than its SDP said. */
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(srtp),
		cmocka_unit_test(rekey),
		cmocka_unit_test(handed_over),
		cmocka_unit_test(offered_keys),
		cmocka_unit_test(wrong_key),
	};

	return cmocka_run_group_tests(tests, quiet, NULL);
}
