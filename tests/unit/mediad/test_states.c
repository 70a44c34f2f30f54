/* Everything that sipd, dectd, far ends, relays and policy servers may do to sessions, in any order: each request is answered
 * once, nothing is sent by a leg that must not send, or to where it does not send any more, and nothing stays when the owner is
 * gone. */
#include "tests/unit/mediad/states_bed.h"

#define ROUNDS 4
#define STEPS  1500

/* ---- what arrives ---- */

static struct sess *any_session(struct bed *b)
{
	return sess_find(&b->p.m, any_known(b)->id);
}

static struct leg *any_leg_of(struct bed *b)
{
	struct sess *s = any_session(b);

	return s ? s->leg[1 + rnd(b, 2)] : NULL;
}

static void raw(int fd, const struct leg *l, bool rtcp, const void *p, size_t n)
{
	struct addr to = l->local;

	if (rtcp)
		addr_set_port(&to, (uint16_t)(l->port + 1));
	(void)sendto(fd, p, n, 0, &to.u.sa, addr_len(&to));
}

static int whom(struct bed *b, const struct leg *l)
{
	if (maybe(b, 8))
		return b->server;
	for (int i = 0; i < FARS && !maybe(b, 4); i++)
		if (addr_eq(&b->far[i].addr, &l->target))
			return b->far[i].fd;
	return b->far[rnd(b, FARS)].fd;
}

static size_t sealed(
    struct bed *b, const struct leg *l, uint8_t *p, size_t n, size_t cap, bool rtcp)
{
	struct sbox *x;

	if (!l->nrx || maybe(b, 6))
		return n;
	x = sbox_new(&l->rx[rnd(b, l->nrx)]->rest->key, true);
	int err = rtcp ? sbox_protect_rtcp(x, p, &n, cap) : sbox_protect(x, p, &n, cap);
	sbox_free(x);
	return err ? 0 : n;
}

static void rtp(struct bed *b, struct leg *l)
{
	struct far *f = &b->far[rnd(b, FARS)];
	unsigned run = 1 + rnd(b, 4), pt = l->npayload && !maybe(b, 5)
	                                       ? l->payload[rnd(b, l->npayload)].pt
	                                       : rnd(b, 128);
	size_t n = maybe(b, 4) ? rnd(b, 400) : maybe(b, 3) ? 4 : 160;
	uint32_t ssrc = maybe(b, 40) ? l->ssrc : maybe(b, 6) ? rnd(b, 3) : f->ssrc;
	int fd = whom(b, l);

	while (run--) {
		uint8_t p[2048];
		memset(p, (int)rnd(b, 256), sizeof(p));
		if (maybe(b, 10))
			f->seq = (uint16_t)(f->seq + rnd(b, 65536));
		rtp_put(p, (uint8_t)pt, maybe(b, 6), ++f->seq, f->ts += 160, ssrc);
		if (maybe(b, 12))
			p[0] = (uint8_t)(0x80 | rnd(b, 64));
		raw(fd, l, maybe(b, 20), p, sealed(b, l, p, RTP_HDR + n, sizeof(p), false));
	}
}

static void reports(struct bed *b, struct leg *l)
{
	uint8_t p[1500];
	size_t n = 0;

	for (unsigned i = 1 + rnd(b, 3); i; i--) {
		unsigned words = rnd(b, 20), count = rnd(b, 4);
		memset(p + n, maybe(b, 2) ? 0 : (int)rnd(b, 256), 4 + 4 * words);
		p[n] = (uint8_t)(0x80 | count);
		p[n + 1] = (uint8_t)(maybe(b, 5) ? 192 + rnd(b, 32) : 200 + rnd(b, 8));
		p[n + 2] = 0;
		p[n + 3] = (uint8_t)(maybe(b, 20) ? words + 3 : words);
		if (words && maybe(b, 2))
			memcpy(p + n + 4, &l->src.ssrc, 4);
		n += 4 + 4 * words;
	}
	raw(whom(b, l), l, !maybe(b, 3), p, sealed(b, l, p, n, sizeof(p), true));
}

/* STUN as a peer of the leg's agent would send it, or nearly. */
static void stun(struct bed *b, struct leg *l)
{
	static const uint16_t types[] = { STUN_BINDING, STUN_BINDING, STUN_BINDING, STUN_BINDING_OK,
		STUN_BINDING_OK, STUN_BINDING_ERR, STUN_BINDING_IND, STUN_ALLOCATE_OK,
		STUN_DATA_IND, STUN_MS_DATA, STUN_CHANNEL_OK, STUN_REFRESH_ERR };
	const struct ice *a = l->ice;
	enum stun_form form = (enum stun_form)rnd(b, 4);
	struct stun_id id = stun_new_id();
	struct addr from = b->far[rnd(b, FARS)].addr;
	uint8_t p[1200];
	char user[600];

	if (a && !maybe(b, 6))
		form = a->conf.mode == ICE_RFC8445   ? STUN_RFC
		       : a->conf.mode == ICE_MS_ICE2 ? STUN_MSICE
		                                     : STUN_3489;
	if (a && a->npairs && !maybe(b, 4))
		id = a->pair[rnd(b, a->npairs)].id;
	if (a && maybe(b, 4))
		id = maybe(b, 2) ? a->gather_id[0] : a->consent_id[0];
	struct stun_w w = stun_begin(p, sizeof(p), form, types[rnd(b, ARRAY_LEN(types))], &id);
	if (a && !maybe(b, 4)) {
		(void)snprintf(user, sizeof(user), "%s:%s", a->ufrag, a->rufrag);
		stun_put(&w, STUN_A_USERNAME, user, maybe(b, 10) ? rnd(b, 20) : strlen(user));
	}
	if (!maybe(b, 4))
		stun_put_u32(&w, STUN_A_PRIORITY, rnd(b, 1 << 24));
	if (!maybe(b, 3))
		stun_put_u64(&w, maybe(b, 2) ? STUN_A_CONTROLLED : STUN_A_CONTROLLING, rnd(b, 9));
	if (maybe(b, 3))
		stun_put(&w, STUN_A_USE_CANDIDATE, NULL, 0);
	if (maybe(b, 2))
		stun_put_addr(&w, maybe(b, 4) ? STUN_A_MAPPED : STUN_A_XOR_MAPPED, &from, true);
	if (maybe(b, 4))
		stun_put_error(&w, maybe(b, 2) ? 487 : 400 + rnd(b, 100), "no");
	if (maybe(b, 8))
		stun_put(&w, (uint16_t)rnd(b, 65536), long_text, rnd(b, 100));
	const char *key = !a ? "x" : maybe(b, 3) ? a->rpwd : a->pwd;
	size_t n = stun_end(&w, maybe(b, 5) ? NULL : key, strlen(key),
	    (enum stun_fp)(maybe(b, 3) ? rnd(b, 3) : STUN_FP_GOOD));
	if (n)
		raw(whom(b, l), l, maybe(b, 3), p, n);
}

static void junk(struct bed *b, struct leg *l)
{
	uint8_t p[2400];
	size_t n = maybe(b, 6) ? rnd(b, sizeof(p)) : rnd(b, 200);

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)rnd(b, 256);
	if (n && maybe(b, 2)) /* DTLS, ChannelData */
		p[0] = (uint8_t)(maybe(b, 2) ? 20 + rnd(b, 44) : 0x40);
	raw(whom(b, l), l, maybe(b, 3), p, n);
}

/* ---- a relay and policy server that does as it likes ---- */

static size_t answer(struct bed *b, const uint8_t *q, size_t qn, uint8_t *p, size_t cap)
{
	struct addr some = b->far[rnd(b, FARS)].addr;
	enum stun_form form = STUN_RFC;
	struct stun_msg m;
	struct stun_id id;
	uint8_t key[16];
	bool ms;

	if (!stun_is(q, qn))
		return 0;
	ms = stun_parse(q, qn, STUN_MSTURN, &m) == 0 && m.has_cookie;
	form = ms ? STUN_MSTURN : STUN_RFC;
	if (stun_parse(q, qn, form, &m))
		return 0;
	id = m.id;
	stun_long_key(SLICE_LIT("u"), SLICE_LIT("r"), SLICE_LIT("p"), key);
	if (maybe(b, 8))
		return 0;
	bool open = m.integrity_at || m.type == STUN_BINDING,
	     err = open ? maybe(b, 8) : !maybe(b, 6);
	struct stun_w w =
	    stun_begin(p, cap, form, (uint16_t)(m.type | (err ? 0x0110 : 0x0100)), &id);
	static const uint8_t cookie[4] = { 0x72, 0xc6, 0x4b, 0xc6 };
	if (ms && !maybe(b, 20))
		stun_put(&w, STUN_A_MS_COOKIE, cookie, 4);
	if (err) {
		stun_put_error(&w,
		    !open         ? 401
		    : maybe(b, 2) ? 438
		    : maybe(b, 2) ? 300
		                  : 400 + rnd(b, 100),
		    "no");
		stun_put(&w, ms ? STUN_A_NONCE : STUN_A_REALM, "r", 1);
		stun_put(&w, ms ? STUN_A_REALM : STUN_A_NONCE, long_text, 1 + rnd(b, 20));
		if (maybe(b, 3))
			stun_put_addr(&w, ms ? STUN_A_MS_ALTERNATE : STUN_A_ALTERNATE,
			    maybe(b, 3) ? &some : &b->server_addr, !ms);
	} else {
		if (!maybe(b, 10))
			stun_put_addr(&w, ms ? STUN_A_MAPPED : STUN_A_RELAYED, &some, !ms);
		if (!maybe(b, 3))
			stun_put_addr(
			    &w, ms ? STUN_A_MS_XOR_MAPPED : STUN_A_XOR_MAPPED, &some, true);
		if (!maybe(b, 3))
			stun_put_u32(&w, STUN_A_LIFETIME, maybe(b, 2) ? rnd(b, 3) : rnd(b, 1000));
		if (ms && maybe(b, 2)) {
			memset(p + 1000, 7, 24);
			stun_put(&w, STUN_A_MS_SEQUENCE, p + 1000, 24);
			stun_put(&w, 0x8057, p + 1000, 16); /* of a reservation */
		}
		for (unsigned e = 0; ms && maybe(b, 2) && e < 4; e++) {
			uint8_t v[16] = { 0x80 };
			for (unsigned i = 0; i < 16; i++)
				v[i] ^= (uint8_t)(maybe(b, 3) ? rnd(b, 256) : 0);
			stun_put(&w, (uint16_t)(0x805d + e), v, maybe(b, 9) ? rnd(b, 17) : 12);
		}
	}
	return stun_end(
	    &w, (open && m.type != STUN_BINDING && !maybe(b, 10)) ? key : NULL, 16, STUN_FP_NONE);
}

static void serve(struct bed *b)
{
	uint8_t q[3000], p[2048];
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	ssize_t n;

	while ((n = recvfrom(b->server, q, sizeof(q), 0, (struct sockaddr *)&from, &len)) >= 0) {
		size_t k = answer(b, q, (size_t)n, p, sizeof(p));
		if (k)
			(void)sendto(b->server, p, k, 0, (struct sockaddr *)&from, len);
		if (k && maybe(b, 10))
			(void)sendto(b->server, p, k, 0, (struct sockaddr *)&from, len);
		len = sizeof(from);
	}
	if (b->stream < 0)
		b->stream = accept4(b->listener, NULL, NULL, SOCK_NONBLOCK);
	if (b->stream < 0)
		return;
	n = recv(b->stream, q, sizeof(q), 0);
	if (n == 0 || (n < 0 && errno != EAGAIN) || maybe(b, 40)) {
		close(b->stream);
		b->stream = -1;
		return;
	}
	if (n == (ssize_t)TURN_PSEUDO_HELLO && q[0] == 0x16) {
		static const uint8_t head[11] = { 0x16, 3, 1, 0, 0x4e, 2, 0, 0, 0x46, 3, 1 },
		                     tail[7] = { 0, 0x18, 0, 0x0e, 0, 0, 0 };
		memset(p, 9, TURN_PSEUDO_DONE);
		memcpy(p, head, sizeof(head));
		p[43] = 0x20;
		memcpy(p + 76, tail, sizeof(tail));
		(void)send(b->stream, p, TURN_PSEUDO_DONE, MSG_NOSIGNAL);
	} else if (n > 4) {
		bool framed = q[0] == 2;
		size_t at = framed ? 4 : 0,
		       k = answer(b, q + at, (size_t)n - at, p + 4, sizeof(p) - 4);
		turn_frame(p, true, k);
		if (k)
			(void)send(b->stream, framed ? p : p + 4, framed ? k + 4 : k, MSG_NOSIGNAL);
	} else if (maybe(b, 3)) {
		for (unsigned i = 0; i < 100; i++)
			p[i] = (uint8_t)rnd(b, maybe(b, 2) ? 4 : 256);
		(void)send(b->stream, p, 1 + rnd(b, 100), MSG_NOSIGNAL);
	}
}

/* ---- what is sent ---- */

/* What a leg was allowed before the step, by port. */
struct was {
	uint64_t session;
	const struct leg *leg;
	bool sends;
	struct addr target;
};
static struct was was[2 * KNOWN];
static unsigned nwas;

static void note(struct bed *b)
{
	nwas = 0;
	LIST_FOREACH(&b->p.m.all, it)
	{
		struct sess *s = LIST_ENTRY(it, struct sess, node);
		for (int side = 1; side <= 2; side++)
			if (s->leg[side] && nwas < ARRAY_LEN(was))
				was[nwas++] = (struct was){ s->id, s->leg[side],
					leg_sends(s->leg[side]), s->leg[side]->target };
	}
}

static void check_sent(struct bed *b, const struct far *f, const struct addr *from)
{
	for (unsigned i = 0; i < nwas; i++) {
		const struct was *w = &was[i];
		const struct sess *s = sess_find(&b->p.m, w->session);
		const struct leg *l =
		    s && (s->leg[1] == w->leg || s->leg[2] == w->leg) ? w->leg : NULL;

		if (!l || !addr_eq(&l->local, from))
			continue;
		assert_true(w->sends || leg_sends(l));
		assert_true(addr_eq(&f->addr, &w->target) || addr_eq(&f->addr, &l->target));
	}
}

static void hear_fars(struct bed *b)
{
	for (unsigned i = 0; i < FARS; i++) {
		struct far *f = &b->far[i];
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		ssize_t n;

		while ((n = recvfrom(
		            f->fd, f->buf, sizeof(f->buf), 0, (struct sockaddr *)&sa, &len)) >= 0) {
			struct addr from;
			addr_from_sa(&from, (struct sockaddr *)&sa);
			len = sizeof(sa);
			if (rtp_kind(f->buf, (size_t)n) != RTP_RTP)
				continue;
			check_sent(b, f, &from);
		}
	}
}

static void step(struct bed *b)
{
	struct leg *l = any_leg_of(b);

	note(b);
	switch (rnd(b, 10)) {
	case 0:
	case 1:
	case 2:
		request(b);
		break;
	case 3:
	case 4:
		if (l)
			rtp(b, l);
		break;
	case 5:
		if (l)
			reports(b, l);
		break;
	case 6:
	case 7:
		if (l)
			stun(b, l);
		break;
	case 8:
		if (l)
			junk(b, l);
		break;
	default:
		plane_wait(&b->p, 5 * (1 + rnd(b, maybe(b, 20) ? 600 : 12)));
		break;
	}
	plane_turn(&b->p);
	serve(b);
	plane_turn(&b->p);
	hear_fars(b);
}

/* ---- all of it ---- */

static void bed_open(struct bed *b, unsigned seed)
{
	static const uint32_t roles[CLIENTS] = { IPC_SIPD, IPC_SIPD, IPC_DECTD };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);

	memset(b, 0, sizeof(*b));
	memset(long_text, 'x', sizeof(long_text));
	plane_open(&b->p);
	b->seed = seed;
	b->p.conf.max_sessions = KNOWN;
	b->p.conf.dtmf_detect = seed % 2;
	b->p.m.event = mediad_send_event;
	b->d.state = &b->p.m;
	b->d.loop = &b->loop;
	assert_int_equal(uv_loop_init(&b->loop), 0);
	b->wheel = tmr_wheel_new(NULL);
	struct ipc_node_def def = { .loop = &b->loop,
		.wheel = b->wheel,
		.name = "mediad",
		.instance = 1,
		.handlers = mediad_handlers,
		.nhandlers = mediad_nhandlers,
		.up = on_up,
		.down = on_down,
		.ctx = &b->d };
	b->d.ipc = ipc_node_new(&def);
	for (unsigned i = 0; i < CLIENTS; i++)
		connect_as(b, &b->c[i], roles[i]);
	for (unsigned i = 0; i < FARS; i++)
		far_open(&b->far[i]);
	b->server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(b->server, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(b->server, (struct sockaddr *)&a, &n), 0);
	addr_from_sa(&b->server_addr, (struct sockaddr *)&a);
	a.sin_port = 0;
	b->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(b->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(b->listener, (struct sockaddr *)&a, &n), 0);
	assert_int_equal(listen(b->listener, 64), 0);
	addr_from_sa(&b->listener_addr, (struct sockaddr *)&a);
	b->stream = -1;
}

static void bed_close(struct bed *b)
{
	for (unsigned i = 0; i < CLIENTS; i++)
		hang_up(b, &b->c[i]);
	/* Nobody owns them now: they end by themselves, and give everything back. */
	plane_wait(&b->p, b->p.conf.orphan_ms + 2000);
	assert_int_equal(b->p.m.nsess, 0);
	assert_true(list_empty(&b->p.m.all));
	assert_true(list_empty(&b->p.m.ice));
	assert_true(list_empty(&b->p.m.cac));
	assert_int_equal(b->p.m.ticking, 0);
	for (unsigned i = 0; i < MEDIAD_SLOTS; i++)
		assert_true(list_empty(&b->p.m.slot[i]));
	assert_int_equal(sock_pool_left(b->p.m.socks), port_pool_size(b->p.m.ports));
	ipc_node_free(b->d.ipc);
	(void)uv_run(&b->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&b->loop), 0);
	tmr_wheel_free(b->wheel);
	for (unsigned i = 0; i < FARS; i++)
		far_close(&b->far[i]);
	close(b->server);
	close(b->listener);
	if (b->stream >= 0)
		close(b->stream);
	plane_close(&b->p);
}

/* More than in a hurry: ROUNDS=20 SEED=100 t.mediad.states. */
static void everything(void **state)
{
	static struct bed b;
	const char *more = getenv("ROUNDS"), *first = getenv("SEED");
	unsigned from = first ? (unsigned)atoi(first) : 1,
	         rounds = more ? (unsigned)atoi(more) : ROUNDS;

	(void)state;
	for (unsigned i = from; i < from + rounds; i++) {
		bed_open(&b, i * 7919);
		for (unsigned k = 0; k < STEPS; k++)
			step(&b);
		bed_close(&b);
	}
}

/* sipd has hung up and is back before we read the end of its old link, in which much waited: what it had there ends as after any
 * return of sipd, not after the long time for a sipd that stays away. */
static void back_before(void **state)
{
	static struct bed b;

	(void)state;
	bed_open(&b, 1);
	b.p.conf.orphan_ms = 600000;
	while (b.p.m.nsess == 0)
		create(&b, &b.c[0]);
	hang_up(&b, &b.c[0]); /* another link of sipd is up */
	plane_wait(&b.p, 8000);
	assert_int_equal(b.p.m.nsess, 0);
	while (b.p.m.nsess == 0)
		create(&b, &b.c[1]);
	hang_up(&b, &b.c[1]);
	plane_wait(&b.p, 8000);
	assert_int_equal(b.p.m.nsess, 1); /* none is */
	connect_as(&b, &b.c[0], IPC_SIPD);
	b.p.conf.orphan_ms = 10000;
	bed_close(&b);
}

int main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(everything),
		cmocka_unit_test(back_before) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
