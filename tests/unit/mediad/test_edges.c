/* Where two things meet: an agent without a peer and a stranger, consent that ends and a report that is due, an update that is
 * half right, speech whose decoder goes. */
#include "tests/unit/mediad/pair.h"

/* The pair's network leg with an agent of its own. */
static void with_agent(struct pair *x, enum ice_mode mode, bool remote)
{
	struct leg_set set[2];

	plane_open(&x->p);
	far_open(&x->net);
	far_open(&x->radio);
	set[0] = leg_for(SIDE_NETWORK, remote ? &x->net : NULL, CODEC_PCMA, PCMA);
	set[0].has_ice = true;
	set[0].ice = mode;
	set[1] = leg_for(SIDE_RADIO, &x->radio, CODEC_PCMA, PCMA);
	assert_int_equal(sess_open(&x->p.m, 77, set, 2, NULL, &x->s), 0);
	x->ln = x->s->leg[SIDE_NETWORK];
	x->lr = x->s->leg[SIDE_RADIO];
}

static void refused(struct pair *x, struct far *stranger)
{
	uint64_t bad = x->ln->bad[LEG_BAD_SOURCE];

	plane_wait(&x->p, 2000);
	for (unsigned i = 0; i < 10; i++) {
		far_talk(stranger, x->ln, PCMA, 5);
		plane_wait(&x->p, 20);
		assert_false(far_get(&x->radio));
	}
	assert_int_equal(x->ln->bad[LEG_BAD_SOURCE], bad + 10);
	assert_false(x->ln->latched && addr_eq(&x->ln->source, &stranger->addr));
	assert_false(addr_eq(&x->ln->target, &stranger->addr));
}

/* Before the agent knows its peer, and when it found no path, plain RTP of a stranger takes nothing over. */
static void strangers(void **state)
{
	struct pair x;
	struct far stranger;
	struct cand c = { .foundation = "1", .component = 1, .type = CAND_HOST, .priority = 9 };

	(void)state;
	for (int remote = 0; remote < 2; remote++) {
		with_agent(&x, ICE_RFC8445, remote);
		far_open(&stranger);
		refused(&x, &stranger);
		if (remote) {
			far_talk(&x.net, x.ln, PCMA, 6);
			plane_wait(&x.p, 20);
			assert_true(far_get(&x.radio));
		}
		c.addr = x.net.addr; /* answers no check */
		assert_int_equal(leg_ice_remote(x.ln, SLICE_LIT("abcd"),
		                     SLICE_LIT("0123456789012345678901"), &c, 1, true, NULL),
		    0);
		plane_wait(&x.p, 40000);
		assert_int_equal(x.ln->ice->state, ICE_FAILED);
		refused(&x, &stranger);
		far_close(&stranger);
		pair_close(&x);
	}
}

static void meet(struct pair *x, struct leg *a, struct leg *b)
{
	assert_int_equal(leg_ice_remote(a, slice_str(b->ice->ufrag), slice_str(b->ice->pwd),
	                     b->ice->local, b->ice->nlocal, true, NULL),
	    0);
	assert_int_equal(leg_ice_remote(b, slice_str(a->ice->ufrag), slice_str(a->ice->pwd),
	                     a->ice->local, a->ice->nlocal, true, NULL),
	    0);
	plane_wait(&x->p, 5000);
}

/* A description without an address (0.0.0.0, port 9): speech goes as soon as the agent has chosen a path. When consent has
 * ended, nothing is sent there any more, neither speech nor reports. */
static void paths(void **state)
{
	struct pair x;
	struct far r;
	struct leg_set set[2];
	struct sess *o;
	uint64_t reports;

	(void)state;
	with_agent(&x, ICE_RFC8445, false);
	far_open(&r);
	set[0] = leg_for(SIDE_NETWORK, NULL, CODEC_PCMA, PCMA);
	set[0].has_ice = set[0].ice_controlling = true;
	set[0].ice = ICE_RFC8445;
	set[1] = leg_for(SIDE_RADIO, &r, CODEC_PCMA, PCMA);
	assert_int_equal(sess_open(&x.p.m, 78, set, 2, NULL, &o), 0);
	assert_int_equal(x.ln->mode, LEG_OUT_NONE);
	meet(&x, x.ln, o->leg[SIDE_NETWORK]);
	assert_int_equal(x.ln->mode, LEG_OUT_PASS);
	far_talk(&x.radio, x.lr, PCMA, 7);
	plane_wait(&x.p, 20);
	assert_true(far_get(&r));
	assert_int_equal(r.buf[12], 7);

	sess_drop(&x.p.m, o, "");
	plane_wait(&x.p, 40000);
	assert_true(x.ln->ice_lost);
	reports = x.ln->rtcp_tx;
	plane_wait(&x.p, 30000);
	assert_int_equal(x.ln->rtcp_tx, reports);
	far_close(&r);
	pair_close(&x);
}

/* Admission control that cannot be: the rest of the update is not done either. */
static void half_right(void **state)
{
	struct pair x;
	struct leg_set set = leg_for(SIDE_NETWORK, NULL, CODEC_PCMU, 0);
	struct cac_conf conf = { .user = SLICE_LIT("u"), .password = SLICE_LIT("p") };
	char user[CAC_USER_MAX + 1];
	char ufrag[ICE_UFRAG];
	const struct leg_cac *cac;

	(void)state;
	memset(user, 'u', sizeof(user));
	with_agent(&x, ICE_MS_ICE2, true);
	conf.server = x.radio.addr;
	set.has_cac = true;
	set.cac = (struct leg_cac_set){ .on = true, .conf = conf };
	set.has_payload = false;
	assert_int_equal(sess_update(&x.p.m, x.s, &set, 1), 0);
	cac = x.ln->cac;
	assert_non_null(cac);
	memcpy(ufrag, x.ln->ice->ufrag, sizeof(ufrag));
	set.has_payload = set.has_ice = true;
	set.ice = ICE_RFC8445;
	for (unsigned k = 0; k < 4; k++) {
		set.cac = (struct leg_cac_set){ .on = true,
			.check = k != 0,
			.conf = conf,
			.remote = x.net.addr,
			.codec = { CODEC_PCMA },
			.ncodec = 1 };
		if (k == 0)
			set.cac.conf.user = (struct slice){ user, sizeof(user) };
		if (k == 1)
			set.cac.remote = (struct addr){ 0 };
		if (k == 2)
			set.cac.codec[0] = CODEC_EVENT;
		if (k == 3)
			set.cac.conf.server = (struct addr){ 0 };
		assert_int_equal(sess_update(&x.p.m, x.s, &set, 1), ERR_VALUE);
		assert_ptr_equal(x.ln->cac, cac);
		assert_string_equal(x.ln->ice->ufrag, ufrag);
		assert_int_equal(x.ln->tx_codec, CODEC_PCMA);
	}
	pair_close(&x);
}

/* What came too late for a decoder still counts when it is not needed any more. */
static void late(void **state)
{
	struct pair x;
	struct leg_set set = { .side = SIDE_RADIO, .has_payload = true, .npayload = 1 };
	struct leg_stats st;

	(void)state;
	pair_open(&x);
	set.payload[0] = (struct leg_payload){ CODEC_G726_32, 98 };
	assert_int_equal(sess_update(&x.p.m, x.s, &set, 1), 0);
	for (unsigned i = 0; i < 100; i++) {
		far_talk(&x.net, x.ln, PCMA, 0x55);
		if (i < 50 ||
		    i > 65) /* some are held up, and come at once when their time is over */
			plane_wait(&x.p, i == 66 ? 17 * 20 : 20);
	}
	assert_non_null(x.ln->play);
	leg_stats(x.ln, &st);
	uint64_t before = st.late;
	assert_true(before > 0);
	set.payload[0] = (struct leg_payload){ CODEC_PCMA, PCMA };
	assert_int_equal(sess_update(&x.p.m, x.s, &set, 1), 0);
	for (unsigned i = 0; i < 200 && x.ln->play; i++) {
		far_talk(&x.net, x.ln, PCMA, 0x55);
		plane_wait(&x.p, 20);
	}
	assert_null(x.ln->play);
	leg_stats(x.ln, &st);
	assert_int_equal(st.late, before);
	pair_close(&x);
}

/* Whether a report came. */
static bool told(struct far *f)
{
	uint8_t b[1500];
	ssize_t n;
	bool any = false;

	while ((n = recv(f->fd, b, sizeof(b), 0)) > 0)
		any |= rtp_kind(b, (size_t)n) == RTP_RTCP;
	return any;
}

/* When a far end goes on from another host, its reports do not go to the old one any more. */
static void reports(void **state)
{
	static const uint8_t receiver[8] = { 0x80, 201, 0, 1, 1, 2, 3, 4 };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002) };
	socklen_t n = sizeof(a);
	struct leg_set set = { .side = SIDE_NETWORK, .has_remote = true, .has_rtcp = true };

	(void)state;
	for (int learnt = 0; learnt < 2; learnt++) {
		struct pair x;
		struct far old, next;
		pair_open(&x);
		far_open(&old);
		far_open(&next);
		close(next.fd);
		next.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		a.sin_port = 0;
		assert_int_equal(bind(next.fd, (struct sockaddr *)&a, sizeof(a)), 0);
		assert_int_equal(getsockname(next.fd, (struct sockaddr *)&a, &n), 0);
		addr_from_sa(&next.addr, (struct sockaddr *)&a);
		set.remote = x.net.addr;
		set.rtcp = old.addr;
		assert_int_equal(sess_update(&x.p.m, x.s, &set, 1), 0);
		for (unsigned i = 0; i < 10; i++) {
			far_talk(&x.net, x.ln, PCMA, 1);
			plane_wait(&x.p, 20);
		}
		if (learnt) {
			struct addr to = x.ln->local;
			addr_set_port(&to, (uint16_t)(x.ln->port + 1));
			(void)sendto(
			    old.fd, receiver, sizeof(receiver), 0, &to.u.sa, addr_len(&to));
			plane_wait(&x.p, 20);
			assert_true(addr_eq(&x.ln->rtcp_source, &old.addr));
		}
		leg_report(&x.p.m, x.ln, NULL);
		assert_true(told(&old));
		plane_wait(&x.p, 1500);
		for (unsigned i = 0; i < 10; i++) {
			far_talk(&next, x.ln, PCMA, 2);
			plane_wait(&x.p, 20);
		}
		assert_true(addr_eq(&x.ln->source, &next.addr));
		(void)told(&old);
		leg_report(&x.p.m, x.ln, NULL);
		assert_false(told(&old));
		far_close(&old);
		far_close(&next);
		pair_close(&x);
	}
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(strangers),
		cmocka_unit_test(paths),
		cmocka_unit_test(half_right),
		cmocka_unit_test(late),
		cmocka_unit_test(reports),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
