/* Sockets that stay open while their ports rest: who gets them, what comes meanwhile, when they go. */
#include <dirent.h>
#include <netinet/ip.h>

#include "tests/unit/mediad/pair.h"

#define REST 1000000 /* of plane.h */

static unsigned descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static struct sess *again(struct pair *x, unsigned dscp)
{
	struct leg_set set[2] = { leg_for(SIDE_NETWORK, &x->net, CODEC_PCMA, PCMA),
		leg_for(SIDE_RADIO, &x->radio, CODEC_PCMA, PCMA) };

	set[0].has_dscp = set[1].has_dscp = true;
	set[0].dscp = set[1].dscp = dscp;
	assert_int_equal(sess_open(&x->p.m, 78, set, 2, NULL, &x->s), 0);
	x->ln = x->s->leg[SIDE_NETWORK];
	x->lr = x->s->leg[SIDE_RADIO];
	return x->s;
}

static unsigned tos(const struct path_sock *s)
{
	int v = -1;
	socklen_t n = sizeof(v);

	assert_int_equal(getsockopt(s->fd, IPPROTO_IP, IP_TOS, &v, &n), 0);
	return (unsigned)v;
}

static void send_to(const struct far *f, const struct leg *l, unsigned off)
{
	struct addr to = l->local;

	addr_set_port(&to, (uint16_t)(l->port + off));
	assert_int_equal(sendto(f->fd, "late", 4, 0, &to.u.sa, addr_len(&to)), 4);
}

/* After their rest the same sockets serve the next call, with its DSCP; a connected twin beside them comes and goes. */
static void reuse(void **state)
{
	struct pair x;
	struct sess *s;
	unsigned fds, left, kept;

	(void)state;
	pair_open(&x);
	left = sock_pool_left(x.p.m.socks);
	for (unsigned round = 0; round < 3; round++) {
		struct sock_pair *k = x.ln->socks;
		uint16_t port = x.ln->port;
		int rtp = k->rtp.fd, rtcp = k->rtcp.fd;

		both_speak_on(&x, 100);
		assert_true(x.ln->twin_on && x.lr->twin_on);
		kept = sock_pool_kept(x.p.m.socks);
		sess_drop(&x.p.m, x.s, "");
		assert_int_equal(sock_pool_kept(x.p.m.socks), kept + 2);
		assert_int_equal(sock_pool_left(x.p.m.socks), left + 2);
		x.p.now += REST - 1;
		s = again(&x, 0);
		assert_true(x.ln->port != port && x.ln->socks != k);
		sess_drop(&x.p.m, s, "");
		x.p.now++;
		fds = descriptors();
		again(&x, 40 + round);
		assert_int_equal(descriptors(), fds);
		assert_true(x.ln->socks == k && x.ln->port == port);
		assert_true(k->rtp.fd == rtp && k->rtcp.fd == rtcp);
		assert_int_equal(addr_port(&x.ln->local), port);
		assert_int_equal(tos(&k->rtp), (40 + round) << 2);
		assert_int_equal(tos(&k->rtcp), (40 + round) << 2);
		assert_false(x.ln->latched);
	}
	both_speak_on(&x, 3);
	assert_int_equal(sock_pool_late(x.p.m.socks), 0);
	pair_close(&x);
}

/* What comes in the rest is of the call before: nobody hears it, and the rest begins anew. */
static void late(void **state)
{
	struct pair x;
	struct leg gone;
	uint16_t port;

	(void)state;
	pair_open(&x);
	gone = *x.ln;
	port = x.ln->port;
	sess_drop(&x.p.m, x.s, "");
	x.p.now += REST - 1;
	send_to(&x.net, &gone, 0);
	send_to(&x.net, &gone, 1);
	plane_turn(&x.p);
	assert_int_equal(sock_pool_late(x.p.m.socks), 2);
	x.p.now += 1;
	again(&x, 0);
	assert_true(x.ln->port != port && x.lr->port != port);
	sess_drop(&x.p.m, x.s, "");
	x.p.now += REST - 2;
	again(&x, 0);
	assert_true(x.ln->port != port && x.lr->port != port);
	sess_drop(&x.p.m, x.s, "");
	x.p.now += 1;
	again(&x, 0);
	assert_true(x.ln->port == port || x.lr->port == port);
	sess_drop(&x.p.m, x.s, "");
	/* Seen by no turn of the path before the next calls: as little heard. */
	x.p.now += REST;
	send_to(&x.net, &gone, 0);
	send_to(&x.net, &gone, 1);
	while (sock_pool_kept(x.p.m.socks) > 1) {
		again(&x, 0);
		assert_true(x.ln->port != port && x.lr->port != port);
	}
	assert_int_equal(sock_pool_late(x.p.m.socks), 4);
	plane_turn(&x.p);
	assert_int_equal(x.ln->bad[LEG_BAD_JUNK] + x.lr->bad[LEG_BAD_JUNK], 0);
	mediad_house(&x.p.m);
	assert_int_equal(x.p.m.st.resting->v, 4);
	pair_close(&x);
}

/* Who does not stop is told by the kernel that nobody is there, as before. */
static void endless(void **state)
{
	struct pair x;
	struct leg gone;
	unsigned left;

	(void)state;
	pair_open(&x);
	left = sock_pool_left(x.p.m.socks);
	gone = *x.ln;
	sess_drop(&x.p.m, x.s, "");
	assert_int_equal(connect(x.net.fd, &gone.local.u.sa, addr_len(&gone.local)), 0);
	for (unsigned i = 0; i < 101; i++) {
		assert_int_equal(send(x.net.fd, "late", 4, 0), 4);
		plane_turn(&x.p);
	}
	assert_int_equal(sock_pool_kept(x.p.m.socks), 1);
	assert_int_equal(sock_pool_left(x.p.m.socks), left + 2);
	assert_int_equal(send(x.net.fd, "late", 4, 0), 4);
	assert_int_equal(send(x.net.fd, "late", 4, 0), -1);
	assert_int_equal(errno, ECONNREFUSED);
	pair_close(&x);
}

/* A bound, no use for a while, an address that is lost, draining, the end: they go. */
static void shut(void **state)
{
	struct pair x;
	struct leg_set set;
	struct sess *s[3];
	unsigned fds, left;

	(void)state;
	fds = descriptors();
	plane_open(&x.p);
	plane_close(&x.p);
	assert_int_equal(descriptors(), fds);
	pair_open(&x);
	sess_drop(&x.p.m, x.s, "");
	left = sock_pool_left(x.p.m.socks);
	sock_pool_keep(x.p.m.socks, 0);
	assert_int_equal(sock_pool_kept(x.p.m.socks), 0);
	sock_pool_keep(x.p.m.socks, 2);
	fds = descriptors();
	set = leg_for(SIDE_NETWORK, &x.net, CODEC_PCMA, PCMA);
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(sess_open(&x.p.m, i, &set, 1, NULL, &s[i]), 0);
		for (unsigned i = 0; i < 3; i++)
			sess_drop(&x.p.m, s[i], "");
		assert_int_equal(sock_pool_kept(x.p.m.socks), 2);
		assert_int_equal(descriptors(), fds + 4);
		if (round == 0) {
			plane_wait(&x.p, REST / 1000 + 10250);
		} else if (round == 1) {
			struct path_sock none = { .fd = -1 };
			path_send_now(x.p.m.path, &none, (const uint8_t *)"", 1, NULL);
			plane_wait(&x.p, 250);
		} else if (round == 2) {
			mediad_set_draining(&x.p.m, true);
			mediad_set_draining(&x.p.m, false);
			sock_pool_keep(x.p.m.socks, 2);
		} else {
			break;
		}
		assert_int_equal(sock_pool_kept(x.p.m.socks), 0);
		assert_int_equal(descriptors(), fds);
		assert_int_equal(sock_pool_left(x.p.m.socks), left);
	}
	pair_close(&x);
}

/* Sockets of one address are none for another; their ports are, once there are no others. */
static void addresses(void **state)
{
	struct pair x;
	struct leg_set set;
	struct sess *s[200];
	unsigned n = 0, kept;
	bool seen = false;

	(void)state;
	pair_open(&x);
	sess_drop(&x.p.m, x.s, "");
	x.p.conf.max_sessions = 1000;
	x.p.now += REST;
	set = leg_for(SIDE_NETWORK, &x.net, CODEC_PCMA, PCMA);
	set.local = x.net.addr; /* 127.0.0.1 */
	addr_set_port(&set.local, 0);
	kept = sock_pool_kept(x.p.m.socks);
	assert_int_equal(kept, 2);
	assert_int_equal(sess_open(&x.p.m, 1, &set, 1, NULL, &s[n++]), 0);
	assert_int_equal(sock_pool_kept(x.p.m.socks), kept);
	while (n < 200 && sess_open(&x.p.m, 1, &set, 1, NULL, &s[n]) == 0)
		n++;
	assert_int_equal(sock_pool_kept(x.p.m.socks), 0);
	for (unsigned i = 0; i < n; i++) {
		struct leg *l = s[i]->leg[SIDE_NETWORK];
		seen |= l->port == x.p.conf.ports.lo + 2;
		assert_true(addr_same_ip(&l->local, &set.local));
		sess_drop(&x.p.m, s[i], "");
	}
	assert_true(seen);
	/* And one of IPv6 beside them. */
	x.p.now += REST;
	memset(&set, 0, sizeof(set));
	set.side = SIDE_NETWORK;
	set.v6 = true;
	addr_from_ip(&set.local, &in6addr_loopback, 16, 0);
	if (sess_open(&x.p.m, 1, &set, 1, NULL, &s[0]) == 0) {
		struct sock_pair *k = s[0]->leg[SIDE_NETWORK]->socks;
		sess_drop(&x.p.m, s[0], "");
		x.p.now += REST;
		for (unsigned i = 0; i < 2; i++) {
			set.has_dscp = true;
			set.dscp = 46;
			assert_int_equal(sess_open(&x.p.m, 1, &set, 1, NULL, &s[i]), 0);
			if (s[i]->leg[SIDE_NETWORK]->socks == k) {
				int v = 0;
				socklen_t len = sizeof(v);
				assert_int_equal(
				    getsockopt(k->rtp.fd, IPPROTO_IPV6, IPV6_TCLASS, &v, &len), 0);
				assert_int_equal(v, 46 << 2);
			}
		}
	}
	pair_close(&x);
}

/* Ports run out, rest, and all come back. */
static void limits(void **state)
{
	struct plane p;
	struct leg_set set[2];
	struct far f;
	struct sess *s, *keep[100];
	unsigned n = 0, ports;

	(void)state;
	plane_open(&p);
	far_open(&f);
	set[0] = leg_for(SIDE_NETWORK, &f, CODEC_PCMA, PCMA);
	set[1] = leg_for(SIDE_RADIO, &f, CODEC_PCMA, PCMA);
	p.conf.max_sessions = 1000;
	ports = sock_pool_left(p.m.socks);
	while (n < 100 && sess_open(&p.m, n, set, 2, NULL, &keep[n]) == 0)
		n++;
	assert_true(n >= 90 && n <= 100);
	assert_int_equal(sess_open(&p.m, 1, set, 2, NULL, &s), ERR_LIMIT);
	sess_drop(&p.m, keep[0], "");
	assert_int_equal(sess_open(&p.m, 1, set, 2, NULL, &s), ERR_LIMIT); /* never reused hot */
	p.now += 1000001;
	path_turn(p.m.path, 0);
	assert_int_equal(sess_open(&p.m, 1, set, 2, NULL, &s), 0);
	for (unsigned i = 1; i < n; i++)
		sess_drop(&p.m, keep[i], "");
	sess_drop(&p.m, s, "");
	assert_int_equal(sock_pool_left(p.m.socks), ports);
	p.m.draining = true;
	assert_int_equal(sess_open(&p.m, 1, set, 2, NULL, &s), ERR_BUSY);
	p.m.draining = false;
	set[0].payload[0].pt = 200;
	p.now += 2000000;
	path_turn(p.m.path, 0);
	assert_int_equal(sess_open(&p.m, 1, set, 2, NULL, &s), ERR_VALUE);
	assert_int_equal(sock_pool_left(p.m.socks), ports);
	far_close(&f);
	plane_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reuse),
		cmocka_unit_test(late),
		cmocka_unit_test(endless),
		cmocka_unit_test(shut),
		cmocka_unit_test(addresses),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, quiet, NULL);
}
