/* Two sessions of which one reaches the other only through a TURN server (coturn): SRTP and RTCP take the relay, both ways,
 * with speech that goes on while the allocation is refreshed and after the path has changed into a channel. */
#include "tests/unit/mediad/plane.h"

#include <time.h>

#include "coturn.h"

#define PCMA 8

static uint64_t real_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* The plane's clock follows the real one: the server has no other. */
static void follow(struct plane *p, unsigned ms)
{
	uint64_t end = real_us() + ms * 1000u;

	do {
		(void)poll(NULL, 0, 2);
		plane_wait(p, 5);
	} while (real_us() < end);
}

static void key_of(struct sbox_key *k, uint8_t seed)
{
	memset(k, 0, sizeof(*k));
	k->suite = SBOX_CM_80;
	for (unsigned i = 0; i < sizeof(k->key); i++)
		k->key[i] = (uint8_t)(seed + i * 3);
}

static void relayed(void **state)
{
	struct plane p;
	struct far r[2], nowhere;
	struct sess *s[2];
	struct leg *n[2], *l[2];
	struct coturn turn;
	unsigned got[2] = { 0 };

	(void)state;
	plane_open(&p);
	far_open(&nowhere);
	struct addr server = nowhere.addr;
	close(nowhere.fd);
	if (!coturn_start(&turn, addr_port(&server))) {
		print_message("turnserver (coturn) is not installed: skipped\n");
		plane_close(&p);
		skip();
	}
	far_open(&nowhere);
	for (int i = 0; i < 2; i++) {
		struct leg_set set[2];
		far_open(&r[i]);
		set[0] = leg_for(SIDE_NETWORK, &nowhere, CODEC_PCMA, PCMA);
		set[0].has_ice = true;
		set[0].ice = ICE_RFC8445;
		set[0].ice_controlling = i == 0;
		set[0].ice_turn = server;
		set[0].ice_user = SLICE_LIT("anna");
		set[0].ice_password = SLICE_LIT("sesame");
		set[0].has_tx = set[0].has_rx = true;
		set[0].nrx = 1;
		key_of(&set[0].tx, i ? 10 : 90);
		key_of(&set[0].rx[0], i ? 90 : 10);
		set[1] = leg_for(SIDE_RADIO, &r[i], CODEC_PCMA, PCMA);
		assert_int_equal(sess_open(&p.m, (uint64_t)i, set, 2, NULL, &s[i]), 0);
		n[i] = s[i]->leg[SIDE_NETWORK];
		l[i] = s[i]->leg[SIDE_RADIO];
	}
	for (unsigned k = 0; k < 40 && plane_events(&p, MEDIA_EV_ICE_GATHERED) < 2; k++)
		follow(&p, 100);
	bool gathered = n[0]->ice->nlocal == 4 && n[1]->ice->nlocal == 4;
	for (int i = 0; i < 2 && gathered; i++) {
		/* The second is told of the first's relay alone: its own checks go there, and only from there is it reached. */
		const struct ice *o = n[!i]->ice;
		struct cand c[ICE_LOCAL];
		size_t k = 0;
		for (uint8_t at = 0; at < o->nlocal; at++)
			if (o->local[at].type == CAND_RELAY)
				c[k++] = o->local[at];
		assert_int_equal(
		    leg_ice_remote(n[i], slice_str(o->ufrag), slice_str(o->pwd), c, k, true, NULL),
		    0);
	}
	for (unsigned k = 0; k < 60 && plane_events(&p, MEDIA_EV_ICE_SELECTED) < 2; k++)
		follow(&p, 100);
	bool selected = plane_events(&p, MEDIA_EV_ICE_SELECTED) >= 2;
	bool relay = n[0]->relayed || n[1]->relayed;
	follow(&p, 500);
	for (unsigned i = 0; i < 100 && selected; i++) {
		far_talk(&r[0], l[0], PCMA, (uint8_t)i);
		far_talk(&r[1], l[1], PCMA, (uint8_t)(i + 100));
		follow(&p, 20);
		for (int k = 0; k < 2; k++)
			while (far_get(&r[k]))
				got[k]++;
	}
	follow(&p, 200);
	for (int k = 0; k < 2; k++)
		while (far_get(&r[k]))
			got[k]++;
	for (unsigned k = 0; k < 100 && selected && !(n[0]->rtcp_rx && n[1]->rtcp_rx); k++)
		follow(&p, 100);
	bool reports = n[0]->rtcp_rx && n[1]->rtcp_rx;
	unsigned junk = (unsigned)(n[0]->bad[LEG_BAD_JUNK] + n[1]->bad[LEG_BAD_JUNK]);
	sess_drop(&p.m, s[0], "");
	sess_drop(&p.m, s[1], "");
	far_close(&r[0]);
	far_close(&r[1]);
	far_close(&nowhere);
	plane_close(&p);
	coturn_stop(&turn);
	assert_true(gathered);
	assert_true(selected);
	assert_true(relay);
	assert_in_range(got[0], 98, 100); /* the first packets may meet the change of paths */
	assert_in_range(got[1], 98, 100);
	assert_true(reports);
	assert_int_equal(junk, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relayed),
	};
	return cmocka_run_group_tests(tests, quiet, NULL);
}
