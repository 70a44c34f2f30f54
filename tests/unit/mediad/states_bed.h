#ifndef TESTS_UNIT_MEDIAD_STATES_BED_H
#define TESTS_UNIT_MEDIAD_STATES_BED_H
/* Sessions that two of sipd and a dectd ask for, over links as in the daemon: any request of the media interface, right or wrong,
 * each answered once. Chance decides. */
#include "tests/unit/mediad/plane.h"

#include <stdlib.h>

#include "ipc/ipc_priv.h"
#include "link.pb-c.h"
#include "media.pb-c.h"
#include "mediad/cac.h"
#include "mediad/sbox_priv.h"
#include "mediad/stream.h"

#define FARS    5
#define KNOWN   12
#define CLIENTS 3 /* sipd, another sipd, dectd */
#define FRAME   65536

struct client {
	int fd;
	struct ipc_peer *peer;
	uint32_t role, corr;
};
struct known { /* a session as its owner sees it */
	uint64_t id;
	char ufrag[2][64], pwd[2][64];
};
struct bed {
	struct plane p;
	struct daemon d;
	uv_loop_t loop;
	struct tmr_wheel *wheel;
	struct client c[CLIENTS];
	struct far far[FARS];
	int server, listener, stream; /* relay and policy server, whichever is asked */
	struct addr server_addr, listener_addr;
	struct known s[KNOWN];
	uint32_t seed;
	uint8_t frame[FRAME];
};

static inline unsigned rnd(struct bed *b, unsigned n)
{
	b->seed = b->seed * 1664525u + 1013904223u;
	return (unsigned)((uint64_t)(b->seed >> 8) * n >> 24);
}

static inline bool maybe(struct bed *b, unsigned one_in)
{
	return rnd(b, one_in) == 0;
}

/* ---- the links ---- */

static inline void on_up(void *ctx, struct ipc_peer *p, bool restarted)
{
	mediad_up(ctx, p, restarted);
}

static inline void on_down(void *ctx, struct ipc_peer *p)
{
	struct daemon *d = ctx;

	mediad_down(d, p);
	LIST_FOREACH(&mediad_of(d)->all, it)
	assert_ptr_not_equal(LIST_ENTRY(it, struct sess, node)->owner, p);
}

static inline void turn_loop(struct bed *b)
{
	for (int i = 0; i < 3; i++)
		(void)uv_run(&b->loop, UV_RUN_NOWAIT);
}

static inline void connect_as(struct bed *b, struct client *c, uint32_t role)
{
	int fd[2], big = 1 << 20;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
	(void)setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
	c->fd = fd[0];
	c->role = role;
	c->peer = ipc_join(b->d.ipc, fd[1], role);
	turn_loop(b);
}

static inline void hang_up(struct bed *b, struct client *c)
{
	if (c->fd < 0)
		return;
	close(c->fd);
	c->fd = -1;
	turn_loop(b);
}

/* What came; the answer to corr is counted and its body returned. */
static inline unsigned hear(
    struct bed *b, struct client *c, uint32_t corr, struct ipc_hdr *h, size_t *n)
{
	static uint8_t other[FRAME];
	unsigned answers = 0;

	for (;;) {
		ssize_t r = recv(c->fd, other, sizeof(other), 0);
		struct ipc_hdr got;

		if (r < 0 && errno == EAGAIN)
			return answers;
		assert_true(r >= 16);
		assert_int_equal(ipc_hdr_get(other, (size_t)r, 0, &got), 0);
		if (got.kind == IPC_EVT) {
			if (got.type == MEDIA__TYPE__MEDIA_EVENT) {
				Media__Event *e =
				    media__event__unpack(NULL, (size_t)r - 16, other + 16);
				assert_non_null(e);
				assert_true(e->session != 0);
				media__event__free_unpacked(e, NULL);
			}
			continue;
		}
		assert_true(corr && got.corr == corr);
		answers++;
		*h = got;
		*n = (size_t)r - 16;
		memcpy(b->frame, other + 16, *n);
	}
}

static inline size_t most(uint16_t type)
{
	size_t i = 0;

	while (mediad_handlers[i].type != type)
		i++;
	return mediad_handlers[i].max;
}

/* 0, or the error that was answered. *n octets of the reply's body are in b->frame. */
static inline int ask(
    struct bed *b, struct client *c, uint16_t type, const ProtobufCMessage *body, size_t *n)
{
	static uint8_t f[FRAME];
	struct ipc_hdr h = { IPC_MAGIC, IPC_VERSION, IPC_REQ, IPC_IF_MEDIA, type, ++c->corr, 0, 0 };
	size_t len = protobuf_c_message_get_packed_size(body);
	struct ipc_hdr a = { 0 };
	int err = 0;

	*n = 0;
	if (len > most(type))
		return ERR_LIMIT; /* ends the link: unit.ipc.ipc_lies */
	assert_true(len + 16 <= sizeof(f));
	ipc_hdr_put(f, &h);
	(void)protobuf_c_message_pack(body, f + 16);
	struct ipc_hdr junk;
	size_t junk_n;
	assert_int_equal(hear(b, c, 0, &junk, &junk_n), 0);
	assert_int_equal(send(c->fd, f, len + 16, 0), (ssize_t)len + 16);
	turn_loop(b);
	tmr_advance(b->wheel, 60);
	assert_int_equal(hear(b, c, c->corr, &a, n), 1);
	if (a.kind == IPC_ERR) {
		ProtobufCMessage *e =
		    protobuf_c_message_unpack(&link__error__descriptor, NULL, *n, b->frame);
		err = ((Link__Error *)(void *)e)->code;
		assert_true(err < 0);
		protobuf_c_message_free_unpacked(e, NULL);
	}
	return err;
}

/* ---- what is asked ---- */

struct a_leg {
	Media__Leg pb;
	Base__Addr addr[64];
	struct addr text[64];
	unsigned naddr;
	Media__Payload pay[20], *ppay[20];
	Media__Srtp key[8], *pmore[8];
	Media__IceSetup ice;
	Media__CacSetup cac;
	Base__Codec codec[20];
};

static const uint8_t secrets[3][30] = { { 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 } };
static uint8_t long_text[600];
static uint8_t mki[130] = { 0, 0, 0, 1 };

static inline ProtobufCBinaryData octets(const void *p, size_t n)
{
	return (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)p };
}

static inline Base__Addr *addr_pb(struct a_leg *l, const struct addr *a)
{
	unsigned at = l->naddr++ % ARRAY_LEN(l->addr);
	Base__Addr *pb = &l->addr[at];
	size_t n;

	l->text[at] = *a;
	const uint8_t *ip = addr_ip(&l->text[at], &n);

	base__addr__init(pb);
	pb->ip = octets(ip, n);
	pb->port = addr_port(a);
	return pb;
}

static inline Base__Addr *far_pb(struct bed *b, struct a_leg *l)
{
	Base__Addr *pb = addr_pb(l, &b->far[rnd(b, FARS)].addr);

	if (maybe(b, 200))
		pb->port = maybe(b, 2) ? 0 : 70000;
	if (maybe(b, 200))
		pb->ip.len = rnd(b, 5);
	return pb;
}

static inline Base__Addr *server_pb(struct bed *b, struct a_leg *l, bool tcp)
{
	return maybe(b, 10) ? far_pb(b, l) : addr_pb(l, tcp ? &b->listener_addr : &b->server_addr);
}

static inline Media__Srtp *any_key(struct bed *b, struct a_leg *l, unsigned at)
{
	Media__Srtp *k = &l->key[at];

	media__srtp__init(k);
	k->suite = (Media__Suite)rnd(b, maybe(b, 50) ? 7 : 4);
	k->has_key_salt = !maybe(b, 200);
	k->key_salt = octets(secrets[rnd(b, 3)], sbox_key_len(k->suite < 4 ? k->suite : 1));
	if (maybe(b, 200))
		k->key_salt.len = rnd(b, 31);
	k->has_mki = maybe(b, 3);
	k->mki = octets(mki, maybe(b, 40) ? 1 + rnd(b, 129) : 4);
	k->has_lifetime = maybe(b, 10);
	k->lifetime = maybe(b, 2) ? 3 : (uint64_t)1 << rnd(b, 64);
	return k;
}

static inline Media__IceSetup *any_ice(struct bed *b, struct a_leg *l)
{
	Media__IceSetup *i = &l->ice;

	media__ice_setup__init(i);
	i->mode = (Media__IceMode)rnd(b, maybe(b, 50) ? 6 : 4);
	i->has_controlling = 1;
	i->controlling = rnd(b, 2) != 0;
	if (maybe(b, 2))
		i->stun = server_pb(b, l, false);
	if (maybe(b, 2))
		i->turn = server_pb(b, l, false);
	if (maybe(b, 3))
		i->turn_stream = server_pb(b, l, true);
	i->has_turn_tcp = i->turn_tcp = maybe(b, 6);
	i->has_turn_user = i->has_turn_password = 1;
	i->turn_user = octets("u", 1);
	i->turn_password = octets("p", 1);
	if (maybe(b, 30))
		i->turn_user = octets(long_text, rnd(b, sizeof(long_text)));
	i->has_forbidden = maybe(b, 8);
	i->forbidden = rnd(b, 300);
	return i;
}

static inline Media__CacSetup *any_cac(struct bed *b, struct a_leg *l)
{
	Media__CacSetup *c = &l->cac;

	media__cac_setup__init(c);
	if (!maybe(b, 6))
		c->server = server_pb(b, l, false);
	c->has_user = c->has_password = 1;
	c->user = octets("u", 1);
	c->password = octets("p", 1);
	if (maybe(b, 30))
		c->user = octets(long_text, rnd(b, sizeof(long_text)));
	c->has_call_id = c->has_dialog = 1;
	c->call_id = octets(long_text, rnd(b, maybe(b, 10) ? sizeof(long_text) : 40));
	c->dialog = octets(long_text, rnd(b, maybe(b, 10) ? sizeof(long_text) : 40));
	if (!maybe(b, 5))
		c->remote_site = far_pb(b, l);
	if (maybe(b, 3))
		c->remote_relay = far_pb(b, l);
	c->has_check = 1;
	c->check = rnd(b, 2) != 0;
	c->n_codec = rnd(b, maybe(b, 30) ? 20 : 6);
	for (unsigned i = 0; i < c->n_codec; i++)
		l->codec[i] = (Base__Codec)rnd(b, maybe(b, 200) ? 30 : CODEC_N);
	c->codec = l->codec;
	c->has_wait_ms = maybe(b, 4);
	c->wait_ms = maybe(b, 2) ? UINT32_MAX : 300;
	return c;
}

static inline void any_payloads(struct bed *b, struct a_leg *l)
{
	l->pb.n_payload = rnd(b, maybe(b, 40) ? 20 : 5);
	for (unsigned i = 0; i < l->pb.n_payload; i++) {
		media__payload__init(&l->pay[i]);
		l->pay[i].codec = (Base__Codec)rnd(b, maybe(b, 200) ? 20 : CODEC_N);
		l->pay[i].pt = rnd(b, maybe(b, 200) ? 200 : 4) + (maybe(b, 2) ? 0 : 96);
		l->ppay[i] = &l->pay[i];
	}
	if (l->pb.n_payload && !maybe(b, 4)) {
		l->pay[0].codec = maybe(b, 2) ? BASE__CODEC__CODEC_PCMA : BASE__CODEC__CODEC_G722;
		l->pay[0].pt = l->pay[0].codec == BASE__CODEC__CODEC_PCMA ? 8 : 9;
	}
	l->pb.payload = l->ppay;
}

static inline void any_leg(struct bed *b, struct a_leg *l, unsigned side, bool fresh)
{
	Media__Leg *pb = &l->pb;
	unsigned often = fresh ? 2 : 4;

	media__leg__init(pb);
	l->naddr = 0;
	pb->side = (Media__Side)(maybe(b, 80) ? rnd(b, 5) : side);
	if (maybe(b, often))
		pb->remote_rtp = far_pb(b, l);
	if (maybe(b, 6))
		pb->remote_rtcp = far_pb(b, l);
	pb->has_rtcp_mux = maybe(b, 6);
	pb->rtcp_mux = rnd(b, 2) != 0;
	if (fresh || maybe(b, 3))
		any_payloads(b, l);
	pb->has_ptime_ms = maybe(b, 5);
	pb->ptime_ms = maybe(b, 20) ? rnd(b, 100) : 10 * (1 + rnd(b, 6));
	if (maybe(b, 6))
		pb->tx = any_key(b, l, 0);
	if (maybe(b, 6))
		pb->rx = any_key(b, l, 1);
	for (unsigned i = 0; maybe(b, 8) && i < 6; i++)
		l->pmore[pb->n_rx_more++] = any_key(b, l, 2 + i);
	pb->rx_more = l->pmore;
	pb->has_direction = maybe(b, 4);
	pb->direction = (Media__Direction)(maybe(b, 200) ? rnd(b, 7) : 1 + rnd(b, 4));
	pb->has_strict_source = maybe(b, 10);
	pb->strict_source = rnd(b, 2) != 0;
	pb->has_dscp = maybe(b, 10);
	pb->dscp = rnd(b, maybe(b, 10) ? 100 : 64);
	if (maybe(b, 6))
		pb->ice = any_ice(b, l);
	pb->has_cn = pb->has_music = maybe(b, 6);
	pb->cn = rnd(b, 2) != 0;
	pb->music = maybe(b, 3);
	if (maybe(b, 8))
		pb->cac = any_cac(b, l);
	if (fresh && maybe(b, 20)) {
		pb->has_local_address = 1;
		pb->local_address = octets(long_text, maybe(b, 2) ? 4 : rnd(b, 20));
	}
	pb->has_ipv6 = fresh && maybe(b, 30);
	pb->ipv6 = true;
	pb->has_sip = pb->sip = maybe(b, 6);
}

static inline struct known *any_known(struct bed *b)
{
	struct known *k = &b->s[rnd(b, KNOWN)];

	for (int i = 0; i < 4 && !sess_find(&b->p.m, k->id); i++)
		k = &b->s[rnd(b, KNOWN)];
	return k;
}

static inline uint64_t any_id(struct bed *b)
{
	return maybe(b, 40) ? rnd(b, 3) : any_known(b)->id;
}

static inline void ready(struct known *k, size_t n, Media__LegReady *const *leg)
{
	for (size_t i = 0; i < n; i++) {
		unsigned s = leg[i]->side - 1u;
		(void)!slice_copy(
		    (struct slice){ (const char *)leg[i]->ice_ufrag.data, leg[i]->ice_ufrag.len },
		    k->ufrag[s], sizeof(k->ufrag[s]));
		(void)!slice_copy(
		    (struct slice){ (const char *)leg[i]->ice_pwd.data, leg[i]->ice_pwd.len },
		    k->pwd[s], sizeof(k->pwd[s]));
	}
}

static inline void create(struct bed *b, struct client *c)
{
	static struct a_leg l[3];
	Media__Leg *legs[3] = { &l[0].pb, &l[1].pb, &l[2].pb };
	Media__SessionCreate r = MEDIA__SESSION_CREATE__INIT;
	struct known *k = &b->s[rnd(b, KNOWN)];
	size_t n;

	for (int i = 0; i < 10 && sess_find(&b->p.m, k->id); i++)
		k = &b->s[rnd(b, KNOWN)];
	r.call = rnd(b, 1000);
	r.n_leg = maybe(b, 200) ? rnd(b, 4) : 1 + rnd(b, 2);
	r.leg = legs;
	for (unsigned i = 0; i < r.n_leg; i++)
		any_leg(b, &l[i], 1 + (i + rnd(b, r.n_leg == 1 ? 2 : 1)) % 2, true);
	unsigned before = b->p.m.nsess;
	if (ask(b, c, MEDIA__TYPE__MEDIA_SESSION_CREATE, &r.base, &n)) {
		assert_int_equal(b->p.m.nsess, before);
		return;
	}
	assert_int_equal(b->p.m.nsess, before + 1);
	Media__SessionReady *y = media__session_ready__unpack(NULL, n, b->frame);
	assert_non_null(y);
	k->id = y->session;
	ready(k, y->n_leg, y->leg);
	media__session_ready__free_unpacked(y, NULL);
}

static inline void update(struct bed *b, struct client *c)
{
	static struct a_leg l[3];
	Media__Leg *legs[3] = { &l[0].pb, &l[1].pb, &l[2].pb };
	Media__LegUpdate r = MEDIA__LEG_UPDATE__INIT;
	struct known *k = any_known(b);
	size_t n;

	r.session = k->id;
	r.n_leg = maybe(b, 200) ? rnd(b, 4) : 1 + rnd(b, 2);
	r.leg = legs;
	r.has_patient = 1;
	r.patient = rnd(b, 2) != 0;
	for (unsigned i = 0; i < r.n_leg; i++)
		any_leg(b, &l[i],
		    c->role == IPC_DECTD && !maybe(b, 20) ? SIDE_RADIO : 1 + rnd(b, 2), false);
	if (ask(b, c, MEDIA__TYPE__MEDIA_LEG_UPDATE, &r.base, &n))
		return;
	Media__LegUpdated *y = media__leg_updated__unpack(NULL, n, b->frame);
	assert_non_null(y);
	ready(k, y->n_leg, y->leg);
	media__leg_updated__free_unpacked(y, NULL);
}

static inline void say_session(struct bed *b, struct client *c, bool drop)
{
	Media__SessionDrop r = MEDIA__SESSION_DROP__INIT;
	size_t n;

	r.session = any_id(b);
	int err = ask(b, c,
	    drop ? MEDIA__TYPE__MEDIA_SESSION_DROP : MEDIA__TYPE__MEDIA_SESSION_STATS, &r.base, &n);
	if (!err && drop)
		assert_null(sess_find(&b->p.m, r.session));
	if (err)
		return;
	Media__SessionStats *s = media__session_stats__unpack(NULL, n, b->frame);
	assert_non_null(s);
	assert_int_equal(s->session, r.session);
	media__session_stats__free_unpacked(s, NULL);
}

static inline void tone(struct bed *b, struct client *c)
{
	static char *const countries[] = { NULL, "DE", "US", "", "XX", "abcdefgh" };
	Media__Tone r = MEDIA__TONE__INIT;
	size_t n;

	r.session = any_id(b);
	r.side = (Media__Side)(maybe(b, 40) ? rnd(b, 5) : 1 + rnd(b, 2));
	r.kind = (Media__ToneKind)rnd(b, maybe(b, 40) ? 12 : 8);
	r.country = countries[rnd(b, ARRAY_LEN(countries))];
	r.has_ms = maybe(b, 2);
	r.ms = maybe(b, 4) ? UINT32_MAX - rnd(b, 3) : rnd(b, 3000);
	(void)ask(b, c, MEDIA__TYPE__MEDIA_TONE, &r.base, &n);
}

static inline void dtmf(struct bed *b, struct client *c)
{
	Media__DtmfSend r = MEDIA__DTMF_SEND__INIT;
	size_t n;

	r.session = any_id(b);
	r.side = (Media__Side)(maybe(b, 40) ? rnd(b, 5) : 1 + rnd(b, 2));
	r.digits = octets("0123456789*#ABCDabcd\0x0123456789123", rnd(b, maybe(b, 10) ? 35 : 5));
	r.has_ms = r.has_gap_ms = maybe(b, 2);
	r.ms = maybe(b, 4) ? UINT32_MAX : rnd(b, 300);
	r.gap_ms = maybe(b, 4) ? UINT32_MAX : rnd(b, 300);
	(void)ask(b, c, MEDIA__TYPE__MEDIA_DTMF_SEND, &r.base, &n);
}

static inline void mix(struct bed *b, struct client *c)
{
	Media__Mix r = MEDIA__MIX__INIT;
	uint64_t id[3];
	size_t n;

	r.n_session = maybe(b, 30) ? rnd(b, 4) : 1 + (rnd(b, 3) != 0);
	for (unsigned i = 0; i < 3; i++)
		id[i] = any_id(b);
	r.session = id;
	(void)ask(b, c, MEDIA__TYPE__MEDIA_MIX, &r.base, &n);
}

static inline void cand_of(
    struct bed *b, struct a_leg *l, Media__IceCandidate *c, const struct cand *from)
{
	media__ice_candidate__init(c);
	c->foundation = octets(from->foundation, strlen(from->foundation));
	c->component = from->component;
	c->transport = from->transport ? from->transport : CAND_UDP;
	c->priority = from->priority;
	c->type = from->type;
	c->addr = addr_pb(l, &from->addr);
	if (from->key.id_n) {
		c->has_name = c->has_password = 1;
		c->name = octets(from->key.id, from->key.id_n);
		c->password = octets(from->key.pwd, from->key.pwd_n);
	}
	if (maybe(b, 40))
		c->component = rnd(b, 300);
	if (maybe(b, 40))
		c->transport = rnd(b, 5);
	if (maybe(b, 40))
		c->type = rnd(b, 6);
	if (maybe(b, 40))
		c->foundation = octets(long_text, rnd(b, 80));
}

/* A peer's description: another leg's agent's, or lies. */
static inline void ice_remote(struct bed *b, struct client *c)
{
	static struct a_leg l;
	static Media__IceCandidate cand[64], *pcand[64];
	Media__IceRemote r = MEDIA__ICE_REMOTE__INIT;
	struct known *to = any_known(b), *of = any_known(b);
	struct sess *s = sess_find(&b->p.m, of->id);
	unsigned side = 1 + rnd(b, 2);
	const struct leg *peer = s ? s->leg[side] : NULL;
	Base__Addr *chosen[3];
	size_t n;

	l.naddr = 0;
	r.session = to->id;
	r.side = (Media__Side)(maybe(b, 40) ? rnd(b, 5) : 1 + rnd(b, 2));
	r.ufrag = octets(of->ufrag[side - 1], strlen(of->ufrag[side - 1]));
	r.pwd = octets(of->pwd[side - 1], strlen(of->pwd[side - 1]));
	if (maybe(b, 20))
		r.pwd = octets(long_text, rnd(b, sizeof(long_text)));
	r.candidate = pcand;
	for (unsigned i = 0; peer && peer->ice && i < peer->ice->nlocal && i < 14; i++)
		cand_of(b, &l, pcand[r.n_candidate++] = &cand[i], &peer->ice->local[i]);
	while (maybe(b, 4) && r.n_candidate < 60) {
		struct cand any = { .component = (uint8_t)(1 + rnd(b, 2)),
			.type = (uint8_t)(1 + rnd(b, 4)),
			.priority = rnd(b, 1u << 24),
			.addr = b->far[rnd(b, FARS)].addr };
		cand_of(b, &l, pcand[r.n_candidate] = &cand[r.n_candidate], &any);
		r.n_candidate++;
	}
	r.has_complete = 1;
	r.complete = !maybe(b, 5);
	for (unsigned i = 0; maybe(b, 4) && i < 3; i++)
		chosen[r.n_remote_candidates++] = far_pb(b, &l);
	r.remote_candidates = chosen;
	(void)ask(b, c, MEDIA__TYPE__MEDIA_ICE_REMOTE, &r.base, &n);
}

static inline void request(struct bed *b)
{
	struct client *c = &b->c[rnd(b, CLIENTS)];
	bool sipd = c->role == IPC_SIPD;

	if (c->fd < 0) {
		connect_as(b, c, c->role);
		return;
	}
	switch (rnd(b, 16)) {
	case 0:
	case 1:
		if (sipd)
			create(b, c);
		break;
	case 2:
	case 3:
	case 4:
	case 5:
	case 6:
		update(b, c);
		break;
	case 7:
		say_session(b, c, sipd && maybe(b, 2));
		break;
	case 8:
		tone(b, c);
		break;
	case 9:
		dtmf(b, c);
		break;
	case 10:
		if (sipd)
			mix(b, c);
		break;
	case 11:
	case 12:
	case 13:
		if (sipd)
			ice_remote(b, c);
		break;
	case 14:
		if (maybe(b, 8))
			hang_up(b, c);
		break;
	default:
		if (maybe(b, 10))
			mediad_set_draining(&b->p.m, !b->p.m.draining);
		break;
	}
}
#endif
