#ifndef TEST_ICE_NET_H
#define TEST_ICE_NET_H
/* Two agents under a fake clock and what is between them: NATs, loss, a reflector of STUN, a relay of MS-TURN. Include it after
 * cmocka. */
#include <stdio.h>
#include <string.h>

#include "common/enc.h"
#include "common/id.h"
#include "mediad/ice.h"
#include "stun_vectors.h"

#define SERVER "198.51.100.21:3478"
#define STUN   "198.51.100.1:3478"
enum { AIR = 256, MTU = 1500 };

struct net;
struct side {
	struct net *net;
	struct ice ice;
	char name;
	bool nat;       /* full cone to one public address per port */
	bool symmetric; /* another public port for each peer */
	unsigned gathered, selected, done, failed, lost;
};
struct datagram {
	bool used;
	uint64_t at;
	struct addr from, to;
	size_t n;
	uint8_t p[MTU];
};
/* A MS-TURN server: one allocation per client address. */
struct alloc {
	struct addr client, relayed, active;
	uint32_t lifetime;
	bool up;
};
struct net {
	uint64_t now;
	struct side a, b;
	struct datagram air[AIR];
	unsigned loss;     /* percent */
	bool block_direct; /* only the servers can be reached */
	uint32_t seed;
	struct alloc alloc[4];
	unsigned nalloc, sends, actives, bare;
	bool stun_dead;
};
static struct net net;

static inline struct addr at(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(slice_str(text), 0, &a), 0);
	return a;
}

static inline unsigned rnd(struct net *n)
{
	n->seed = n->seed * 1664525u + 1013904223u;
	return n->seed >> 8;
}

static inline struct addr host(const struct side *s, unsigned comp)
{
	char text[32];

	snprintf(text, sizeof(text), "10.0.%d.1:%u", s->name == 'a' ? 1 : 2, 49999 + comp);
	return at(text);
}

/* The address that the world sees. */
static inline struct addr mapped(
    const struct side *s, const struct addr *inside, const struct addr *to)
{
	char text[32];
	size_t n;
	unsigned port = addr_port(inside);

	if (!s->nat)
		return *inside;
	if (s->symmetric)
		port += 1000 + (addr_ip(to, &n)[3] * 7u + addr_port(to)) % 500 * 2;
	snprintf(text, sizeof(text), "203.0.113.%d:%u", s->name == 'a' ? 1 : 2, port);
	return at(text);
}

static inline void post(
    struct net *n, const struct addr *from, const struct addr *to, const uint8_t *p, size_t len)
{
	assert_true(len <= MTU);
	if (rnd(n) % 100 < n->loss)
		return;
	for (int i = 0; i < AIR; i++)
		if (!n->air[i].used) {
			n->air[i] = (struct datagram){ .used = true,
				.at = n->now + 10000 + rnd(n) % 3000,
				.from = *from,
				.to = *to,
				.n = len };
			memcpy(n->air[i].p, p, len);
			return;
		}
	fail_msg("the test's network is full");
}

static inline void on_send(
    void *ctx, unsigned comp, const struct addr *to, const uint8_t *p, size_t n)
{
	struct side *s = ctx;
	struct addr from = host(s, comp);

	from = mapped(s, &from, to);
	post(s->net, &from, to, p, n);
}

static inline void on_event(void *ctx, enum ice_event ev, unsigned comp)
{
	struct side *s = ctx;

	(void)comp;
	s->gathered += ev == ICE_EV_GATHERED;
	s->selected += ev == ICE_EV_SELECTED;
	s->done += ev == ICE_EV_DONE;
	s->failed += ev == ICE_EV_FAILED;
	s->lost += ev == ICE_EV_LOST;
}
static const struct ice_ops ops = { .send = on_send, .event = on_event };

/* The server of MS-TURN, and a reflector of plain STUN. */
static inline void serve_turn(struct net *n, const struct datagram *d)
{
	uint8_t key[16], user[64], password[64], buf[MTU], nonce[] = "nonce0000001";
	size_t user_n, password_n;
	struct stun_msg m;
	struct alloc *al = NULL;
	struct addr server = at(SERVER);
	uint8_t cookie[4] = { 0x72, 0xc6, 0x4b, 0xc6 };

	assert_int_equal(enc_unhex(slice_str(v_turn_user), user, sizeof(user), &user_n), 0);
	assert_int_equal(
	    enc_unhex(slice_str(v_turn_password), password, sizeof(password), &password_n), 0);
	stun_long_key((struct slice){ (char *)user, user_n }, SLICE_LIT("rtcmedia"),
	    (struct slice){ (char *)password, password_n }, key);
	for (unsigned i = 0; i < n->nalloc; i++)
		if (addr_eq(&n->alloc[i].client, &d->from))
			al = &n->alloc[i];
	bool stun = stun_parse(d->p, d->n, STUN_MSTURN, &m) == 0 && m.has_cookie;
	if (!stun) { /* bare: to the active destination */
		if (al && addr_set(&al->active)) {
			n->bare++;
			post(n, &al->relayed, &al->active, d->p, d->n);
		}
		return;
	}
	struct stun_w w = stun_begin(buf, sizeof(buf), STUN_MSTURN, m.type | 0x0100, &m.id);
	bool signed_ok = stun_verify(&m, STUN_MSTURN, key, 16) && m.username.n == user_n;
	switch (m.type) {
	case STUN_ALLOCATE:
		if (!signed_ok) {
			w = stun_begin(buf, sizeof(buf), STUN_MSTURN, STUN_ALLOCATE_ERR, &m.id);
			stun_put(&w, STUN_A_MS_COOKIE, cookie, 4);
			stun_put_error(&w, 401, "Unauthorized");
			stun_put(&w, STUN_A_REALM, nonce, 12);
			stun_put(&w, STUN_A_NONCE, "\"rtcmedia\"", 10);
			size_t k = stun_end(&w, NULL, 0, STUN_FP_NONE);
			post(n, &server, &d->from, buf, k);
			return;
		}
		assert_int_equal(m.nonce.n, 12);
		if (!al) {
			char text[32];
			assert_true(n->nalloc < 4);
			al = &n->alloc[n->nalloc++];
			snprintf(text, sizeof(text), "198.51.100.21:%u", 55000 + n->nalloc);
			*al = (struct alloc){ .client = d->from, .relayed = at(text) };
		}
		al->up = !m.has_lifetime || m.lifetime > 0;
		stun_put(&w, STUN_A_MS_COOKIE, cookie, 4);
		stun_put_addr(&w, STUN_A_MAPPED, &al->relayed, false);
		stun_put_u32(&w, STUN_A_LIFETIME, 60);
		stun_put_addr(&w, STUN_A_MS_XOR_MAPPED, &d->from, true);
		uint8_t seq[24] = { 9, 8, 7 };
		stun_put(&w, STUN_A_MS_SEQUENCE, seq, 24);
		post(n, &server, &d->from, buf, stun_end(&w, key, 16, STUN_FP_NONE));
		return;
	case STUN_MS_SEND:
		assert_true(signed_ok && al && m.has_sequence && m.connection[0] == 9);
		n->sends++;
		post(n, &al->relayed, &m.peer, (const uint8_t *)m.data.p, m.data.n);
		return;
	case STUN_MS_ACTIVE:
		assert_true(signed_ok && al && m.has_sequence);
		n->actives++;
		al->active = m.peer;
		stun_put(&w, STUN_A_MS_COOKIE, cookie, 4);
		post(n, &server, &d->from, buf, stun_end(&w, NULL, 0, STUN_FP_NONE));
		return;
	default:
		fail_msg("unexpected request %04x", m.type);
	}
}

static inline void deliver(struct net *n, const struct datagram *d, struct side *s, unsigned comp)
{
	const uint8_t *media;
	size_t media_n;
	struct addr peer;

	(void)ice_input(&s->ice, comp, &d->from, d->p, d->n, n->now, &media, &media_n, &peer);
}

static inline void arrive(struct net *n, const struct datagram *d)
{
	struct addr stun = at(STUN), turn = at(SERVER);

	if (addr_eq(&d->to, &stun)) {
		struct stun_msg m;
		uint8_t buf[200];
		if (n->stun_dead || stun_parse(d->p, d->n, STUN_RFC, &m))
			return;
		struct stun_w w = stun_begin(buf, sizeof(buf), STUN_RFC, STUN_BINDING_OK, &m.id);
		stun_put_addr(&w, STUN_A_XOR_MAPPED, &d->from, true);
		post(n, &stun, &d->from, buf, stun_end(&w, NULL, 0, STUN_FP_NONE));
		return;
	}
	if (addr_eq(&d->to, &turn)) {
		serve_turn(n, d);
		return;
	}
	for (unsigned i = 0; i < n->nalloc; i++) { /* to a relayed address */
		struct alloc *al = &n->alloc[i];
		if (!addr_eq(&al->relayed, &d->to))
			continue;
		if (addr_set(&al->active) && addr_eq(&al->active, &d->from)) {
			post(n, &turn, &al->client, d->p, d->n);
			return;
		}
		uint8_t buf[MTU], cookie[4] = { 0x72, 0xc6, 0x4b, 0xc6 };
		struct stun_id id = stun_new_id();
		struct stun_w w = stun_begin(buf, sizeof(buf), STUN_MSTURN, STUN_MS_DATA, &id);
		stun_put(&w, STUN_A_MS_COOKIE, cookie, 4);
		stun_put_addr(&w, STUN_A_MS_REMOTE, &d->from, false);
		stun_put(&w, STUN_A_DATA, d->p, d->n);
		post(n, &turn, &al->client, buf, stun_end(&w, NULL, 0, STUN_FP_NONE));
		return;
	}
	size_t k;
	bool from_server = addr_ip(&d->from, &k)[0] == 198;
	if (n->block_direct && !from_server)
		return;
	struct side *sides[] = { &n->a, &n->b };
	for (int i = 0; i < 2; i++)
		for (unsigned comp = 1; comp <= 2; comp++) {
			struct addr inside = host(sides[i], comp),
			            seen = mapped(sides[i], &inside, &d->from);
			/* A host behind NAT is reached at its public address only, unless both are in one network. */
			if (addr_eq(&seen, &d->to) || (!sides[i]->nat && addr_eq(&inside, &d->to)))
				deliver(n, d, sides[i], comp);
		}
}

static inline void run(struct net *n, unsigned ms)
{
	uint64_t end = n->now + ms * 1000ull;

	for (unsigned turns = 0;; turns++) {
		struct datagram *first = NULL;
		uint64_t next = ice_next(&n->a.ice), other = ice_next(&n->b.ice);
		assert_true(turns < 1000000);
		next = other < next ? other : next;
		for (int i = 0; i < AIR; i++)
			if (n->air[i].used && (!first || n->air[i].at < first->at))
				first = &n->air[i];
		if (first && first->at <= next)
			next = first->at;
		else
			first = NULL;
		if (next > end)
			break;
		n->now = next > n->now ? next : n->now;
		if (first) {
			struct datagram d = *first;
			first->used = false;
			arrive(n, &d);
		} else {
			ice_timer(&n->a.ice, n->now);
			ice_timer(&n->b.ice, n->now);
		}
	}
	n->now = end;
}

static inline void open_side(
    struct side *s, enum ice_mode mode, bool controlling, bool stun, bool turn)
{
	static uint8_t user[64], password[64];
	size_t user_n, password_n;

	assert_int_equal(enc_unhex(slice_str(v_turn_user), user, sizeof(user), &user_n), 0);
	assert_int_equal(
	    enc_unhex(slice_str(v_turn_password), password, sizeof(password), &password_n), 0);
	struct ice_conf c = { .mode = mode, .controlling = controlling, .comps = 2 };
	c.host[0] = host(s, 1);
	c.host[1] = host(s, 2);
	if (stun)
		c.stun = at(STUN);
	if (turn) {
		c.turn = at(SERVER);
		c.turn_user = (struct slice){ (char *)user, user_n };
		c.turn_password = (struct slice){ (char *)password, password_n };
	}
	assert_int_equal(ice_init(&s->ice, &c, &ops, s), 0);
}

static inline void begin(enum ice_mode mode, bool a_controls, bool b_controls, bool stun, bool turn,
    bool nat, bool symmetric)
{
	for (int i = 0; i < 2; i++) {
		struct side *s = i ? &net.b : &net.a;
		s->net = &net;
		s->name = i ? 'b' : 'a';
		s->nat = nat;
		s->symmetric = symmetric;
	}
	if (!net.now)
		net.now = 1000000;
	open_side(&net.a, mode, a_controls, stun, turn);
	open_side(&net.b, mode, b_controls, stun, turn);
	ice_gather(&net.a.ice, net.now);
	ice_gather(&net.b.ice, net.now);
	run(&net, 3500);
	assert_int_equal(net.a.gathered, 1);
	assert_int_equal(net.b.gathered, 1);
}

static inline void tell(struct side *to, const struct side *about)
{
	/* A description of draft 6 has no credentials but those of its candidates. */
	bool named = about->ice.conf.mode == ICE_DRAFT6 || to->ice.conf.mode == ICE_DRAFT6;

	assert_int_equal(ice_set_remote(&to->ice, slice_str(named ? "" : about->ice.ufrag),
	                     slice_str(named ? "" : about->ice.pwd), about->ice.local,
	                     about->ice.nlocal, true, NULL, net.now),
	    0);
}

static inline void is_done(unsigned type_a, unsigned type_b)
{
	for (int i = 0; i < 2; i++) {
		struct side *s = i ? &net.b : &net.a, *o = i ? &net.a : &net.b;
		assert_int_equal(s->failed, 0);
		assert_int_equal(s->done, 1);
		for (unsigned comp = 1; comp <= 2; comp++) {
			struct cand l, r, ol, ore;
			assert_true(ice_selected(&s->ice, comp, &l, &r));
			assert_true(ice_selected(&o->ice, comp, &ol, &ore));
			/* Both ends mean the same pair. */
			assert_true(addr_eq(&l.addr, &ore.addr));
			assert_true(ice_known(&s->ice, comp, &r.addr));
			assert_false(ice_known(&s->ice, 3 - comp, &r.addr));
			assert_int_equal(l.component, comp);
			if ((i ? type_b : type_a) && l.type != (i ? type_b : type_a))
				fail_msg(
				    "%c, component %u: %s", s->name, comp, cand_type_name(l.type));
		}
	}
}

/* Octets through the chosen pair, relayed or not, in both directions. */
static inline unsigned media(struct side *from, struct side *to, unsigned comp)
{
	uint8_t rtp[60] = { 0x80, 8 }, scratch[60 + TURN_OVERHEAD];
	unsigned got = 0;

	for (int k = 0; k < 20; k++) {
		size_t n = sizeof(rtp);
		struct addr dest;
		const uint8_t *p =
		    ice_media(&from->ice, comp, rtp, &n, scratch, sizeof(scratch), &dest, net.now);
		assert_non_null(p);
		on_send(from, comp, &dest, p, n);
		/* run the network by hand, to catch what arrives */
		for (int hops = 0; hops < 4; hops++)
			for (int i = 0; i < AIR; i++) {
				struct datagram d = net.air[i];
				struct addr inside = host(to, comp),
				            seen = mapped(to, &inside, &d.from);
				if (!d.used)
					continue;
				net.air[i].used = false;
				if (addr_eq(&d.to, &seen) ||
				    (!to->nat && addr_eq(&d.to, &inside))) {
					const uint8_t *m;
					size_t mn;
					struct addr peer;
					if (ice_input(&to->ice, comp, &d.from, d.p, d.n, net.now,
					        &m, &mn, &peer) == ICE_IN_MEDIA &&
					    mn == sizeof(rtp) && memcmp(m, rtp, mn) == 0)
						got++;
				} else {
					arrive(&net, &d);
				}
			}
	}
	return got;
}

static inline int fresh(void **state)
{
	(void)state;
	memset(&net, 0, sizeof(net));
	net.seed = 1;
	return 0;
}
#endif
