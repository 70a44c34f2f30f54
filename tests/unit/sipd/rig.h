#ifndef TESTS_UNIT_SIPD_RIG_H
#define TESTS_UNIT_SIPD_RIG_H
/* The room in one process with a dectd and a mediad that only this test plays, and a plain UDP socket as SIP peer. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "call.pb-c.h"
#include "cert.pb-c.h"
#include "common/log.h"
#include "common/mem.h"
#include "media.pb-c.h"
#include "sipd/sipd.h"
#include "sipd/call.h"

#define RIG_EVENTS   8192
#define RIG_SESSIONS 1024
#define RIG_MS       20000 /* how long anything may take on a loaded machine */
struct rig_event {         /* what dectd was told */
	uint16_t type;
	uint64_t call, session;
	int kind, cause;
	bool in_band, tone, held, has_held, waiting;
	char name[130], number[70];
	uint32_t n1, n2;
};
struct rig_media { /* a session at mediad */
	uint64_t session, call;
	bool dropped;
	unsigned updates;
	uint16_t port[3];
	uint16_t remote[3];
	bool ipv6[3], strict[3], sip[3];
	int dir[3], suite[3], codec[3], music[3], tone[3];
	char dtmf[3][32];
	uint64_t mixed;
	struct ipc_peer *at; /* the mediad's end that made it */
};

struct rig {
	uv_loop_t loop;
	struct daemon d;
	struct daemon_def def;
	struct sipd_conf conf;
	struct ipc_node *dectd, *mediad, *certd, *mediad2; /* the last: where a test has two */
	unsigned digests;
	bool mute;                             /* certd does not answer */
	struct ipc_peer *to_sipd, *media_peer; /* their ends */
	struct rig_event ev[RIG_EVENTS];
	size_t nev;
	struct rig_media m[RIG_SESSIONS];
	size_t nm;
	char dir[64];
	int offer_cause;  /* 0: offers are accepted */
	uint64_t offered; /* the last call offered */
	int replies, last_err;
	Base__MediaAt at; /* of the last SetupAck */
	int sip;
	uint16_t port, peer;
};

static struct rig *rig_now;
static bool rig_by_hand; /* before rig_new(): time goes on by rig_pass() only */

static inline struct rig_event *rig_add(uint16_t type, uint64_t call)
{
	struct rig *r = rig_now;
	assert_true(r->nev < RIG_EVENTS);
	struct rig_event *e = &r->ev[r->nev++];
	*e = (struct rig_event){ .type = type, .call = call };
	return e;
}

static inline void rig_party(struct rig_event *e, const Base__Party *p)
{
	if (p && p->has_name)
		snprintf(e->name, sizeof(e->name), "%.*s", (int)p->name.len, (char *)p->name.data);
	if (p && p->has_number)
		snprintf(e->number, sizeof(e->number), "%.*s", (int)p->number.len,
		    (char *)p->number.data);
}

static int rig_user_put(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	struct rig_event *e = rig_add(m->hdr.type, 0);
	snprintf(e->name, sizeof(e->name), "%s", IPC_BODY(m, Base__User)->name);
	return 0;
}

static int rig_gone(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	snprintf(rig_add(m->hdr.type, 0)->name, 100, "%s", IPC_BODY(m, Call__UserGone)->name);
	return 0;
}

static int rig_done(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	rig_add(m->hdr.type, 0)->n1 = IPC_BODY(m, Call__UsersDone)->count;
	return 0;
}

static int rig_offer(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Offer *o = IPC_BODY(m, Call__Offer);
	Call__OfferAck a = CALL__OFFER_ACK__INIT;
	struct rig_event *e = rig_add(m->hdr.type, o->call);

	rig_party(e, o->caller);
	e->waiting = o->waiting;
	e->session = o->media ? o->media->session : 0;
	rig_now->offered = o->call;
	a.accepted = rig_now->offer_cause == 0;
	if (rig_now->offer_cause) {
		a.has_cause = 1;
		a.cause = (Base__Cause)rig_now->offer_cause;
	}
	return ipc_reply(p, m, &a.base);
}

static int rig_progress(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Progress *o = IPC_BODY(m, Call__Progress);
	struct rig_event *e = rig_add(m->hdr.type, o->call);
	(void)p;
	e->kind = (int)o->kind;
	e->in_band = o->in_band;
	rig_party(e, o->party);
	return 0;
}

static int rig_connected(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Connected *o = IPC_BODY(m, Call__Connected);
	(void)p;
	rig_party(rig_add(m->hdr.type, o->call), o->party);
	return 0;
}

static int rig_release(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Release *o = IPC_BODY(m, Call__Release);
	struct rig_event *e = rig_add(m->hdr.type, o->call);
	(void)p;
	e->cause = (int)o->cause;
	e->tone = o->tone;
	return 0;
}

static int rig_display(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Display *o = IPC_BODY(m, Call__Display);
	struct rig_event *e = rig_add(m->hdr.type, o->call);
	(void)p;
	rig_party(e, o->party);
	e->has_held = o->has_held_by_peer;
	e->held = o->held_by_peer;
	return 0;
}

static int rig_moved(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Media *o = IPC_BODY(m, Call__Media);
	(void)p;
	rig_add(m->hdr.type, o->call)->session = o->media->session;
	return 0;
}

static int rig_notice(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Notice *o = IPC_BODY(m, Call__Notice);
	struct rig_event *e = rig_add(m->hdr.type, 0);
	(void)p;
	snprintf(e->name, sizeof(e->name), "%s", o->user);
	e->n1 = o->has_messages_new ? o->messages_new : 0;
	e->n2 = o->has_missed ? o->missed : 0;
	return 0;
}

#define RIG_CALL(type, kind, desc, fn)                                                             \
	{                                                                                          \
		IPC_IF_CALL, CALL__TYPE__CALL_##type, kind, 0, 4096, IPC_SIPD,                     \
		    &desc##__descriptor, fn                                                        \
	}
static const struct ipc_handler rig_dectd_handlers[] = {
	RIG_CALL(USER_PUT, IPC_EVT, base__user, rig_user_put),
	RIG_CALL(USER_GONE, IPC_EVT, call__user_gone, rig_gone),
	RIG_CALL(USERS_DONE, IPC_EVT, call__users_done, rig_done),
	RIG_CALL(OFFER, IPC_REQ, call__offer, rig_offer),
	RIG_CALL(PROGRESS, IPC_EVT, call__progress, rig_progress),
	RIG_CALL(CONNECTED, IPC_EVT, call__connected, rig_connected),
	RIG_CALL(RELEASE, IPC_EVT, call__release, rig_release),
	RIG_CALL(DISPLAY, IPC_EVT, call__display, rig_display),
	RIG_CALL(MEDIA, IPC_EVT, call__media, rig_moved),
	RIG_CALL(NOTICE, IPC_EVT, call__notice, rig_notice),
};

/* ---- mediad ---- */

static inline struct rig_media *rig_session(uint64_t session)
{
	for (size_t i = 0; i < rig_now->nm; i++)
		if (rig_now->m[i].session == session)
			return &rig_now->m[i];
	fail_msg("mediad does not know the session");
	return NULL;
}

static void rig_leg(struct rig_media *m, const Media__Leg *l)
{
	int s = (int)l->side;
	assert_true(s == 1 || s == 2);
	if (!m->port[s])
		m->port[s] = (uint16_t)(30000 + (m - rig_now->m) * 8 + s * 2);
	m->ipv6[s] |= l->has_ipv6 && l->ipv6;
	m->sip[s] |= l->has_sip && l->sip;
	if (l->remote_rtp)
		m->remote[s] = (uint16_t)l->remote_rtp->port;
	if (l->has_direction)
		m->dir[s] = (int)l->direction;
	if (l->tx)
		m->suite[s] = (int)l->tx->suite;
	if (l->n_payload)
		m->codec[s] = (int)l->payload[0]->codec;
	if (l->has_music)
		m->music[s] = l->music;
	if (l->has_strict_source)
		m->strict[s] = l->strict_source;
}

struct rig_ready {
	Media__LegReady leg[2], *ptr[2];
	Base__Addr addr[2];
	uint8_t ip[4];
};
static size_t rig_ready(struct rig_ready *out, const struct rig_media *m)
{
	size_t n = 0;
	memcpy(out->ip, (uint8_t[4]){ 127, 0, 0, 1 }, 4);
	for (int s = 1; s <= 2; s++) {
		if (!m->port[s])
			continue;
		media__leg_ready__init(&out->leg[n]);
		base__addr__init(&out->addr[n]);
		out->addr[n].ip = (ProtobufCBinaryData){ 4, out->ip };
		out->addr[n].port = m->port[s];
		out->leg[n].side = (Media__Side)s;
		out->leg[n].rtp = &out->addr[n];
		out->leg[n].ssrc = 1;
		out->ptr[n] = &out->leg[n];
		n++;
	}
	return n;
}

static int rig_create(struct ipc_peer *p, struct ipc_msg *msg)
{
	const Media__SessionCreate *c = IPC_BODY(msg, Media__SessionCreate);
	Media__SessionReady r = MEDIA__SESSION_READY__INIT;
	struct rig_ready ready;

	assert_true(rig_now->nm < RIG_SESSIONS);
	struct rig_media *m = &rig_now->m[rig_now->nm++];
	*m = (struct rig_media){ .session = 0x1000 + rig_now->nm, .call = c->call, .at = p };
	for (size_t i = 0; i < c->n_leg; i++)
		rig_leg(m, c->leg[i]);
	r.session = m->session;
	r.n_leg = rig_ready(&ready, m);
	r.leg = ready.ptr;
	return ipc_reply(p, msg, &r.base);
}

static int rig_update(struct ipc_peer *p, struct ipc_msg *msg)
{
	const Media__LegUpdate *u = IPC_BODY(msg, Media__LegUpdate);
	Media__LegUpdated r = MEDIA__LEG_UPDATED__INIT;
	struct rig_media *m = rig_session(u->session);
	struct rig_ready ready;

	for (size_t i = 0; i < u->n_leg; i++)
		rig_leg(m, u->leg[i]);
	m->updates++;
	r.n_leg = rig_ready(&ready, m);
	r.leg = ready.ptr;
	return ipc_reply(p, msg, &r.base);
}

static int rig_drop(struct ipc_peer *p, struct ipc_msg *msg)
{
	Media__SessionStats r = MEDIA__SESSION_STATS__INIT;
	struct rig_media *m = rig_session(IPC_BODY(msg, Media__SessionDrop)->session);

	assert_false(m->dropped);
	m->dropped = true;
	r.session = m->session;
	return ipc_reply(p, msg, &r.base);
}

static int rig_ok(struct ipc_peer *p, struct ipc_msg *msg)
{
	Media__Done r = MEDIA__DONE__INIT;

	if (msg->hdr.type == MEDIA__TYPE__MEDIA_TONE) {
		const Media__Tone *t = IPC_BODY(msg, Media__Tone);
		rig_session(t->session)->tone[t->side] = (int)t->kind;
	} else if (msg->hdr.type == MEDIA__TYPE__MEDIA_DTMF_SEND) {
		const Media__DtmfSend *t = IPC_BODY(msg, Media__DtmfSend);
		char *at = rig_session(t->session)->dtmf[t->side];
		strncat(at, (char *)t->digits.data, t->digits.len);
	} else if (msg->hdr.type == MEDIA__TYPE__MEDIA_MIX) {
		const Media__Mix *t = IPC_BODY(msg, Media__Mix);
		rig_session(t->session[0])->mixed = t->n_session == 2 ? t->session[1] : 0;
	}
	return ipc_reply(p, msg, &r.base);
}

#define RIG_MEDIA(type, desc, fn)                                                                  \
	{                                                                                          \
		IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_##type, IPC_REQ, 0, 8192, IPC_SIPD,               \
		    &desc##__descriptor, fn                                                        \
	}
static const struct ipc_handler rig_mediad_handlers[] = {
	RIG_MEDIA(SESSION_CREATE, media__session_create, rig_create),
	RIG_MEDIA(LEG_UPDATE, media__leg_update, rig_update),
	RIG_MEDIA(SESSION_DROP, media__session_drop, rig_drop),
	RIG_MEDIA(TONE, media__tone, rig_ok),
	RIG_MEDIA(DTMF_SEND, media__dtmf_send, rig_ok),
	RIG_MEDIA(MIX, media__mix, rig_ok),
};

/* ---- certd ---- */

static int rig_digest(struct ipc_peer *p, struct ipc_msg *msg)
{
	Cert__SipDigestDone r = CERT__SIP_DIGEST_DONE__INIT;
	const Cert__SipDigest *d = IPC_BODY(msg, Cert__SipDigest);

	rig_now->digests++;
	if (rig_now->mute)
		return 0;
	if (d->credential.len != 3)
		return ERR_NOTFOUND;
	r.response =
	    (ProtobufCBinaryData){ 32, (uint8_t *)(uintptr_t) "00112233445566778899aabbccddeeff" };
	return ipc_reply(p, msg, &r.base);
}
static const struct ipc_handler rig_certd_handlers[] = { { IPC_IF_CERT, CERT__TYPE__CERT_SIP_DIGEST,
    IPC_REQ, 0, 4096, IPC_SIPD, &cert__sip_digest__descriptor, rig_digest } };

/* ---- running ---- */

static void rig_up(void *ctx, struct ipc_peer *p, bool restarted)
{
	struct rig *r = rig_now;
	if (ctx == &r->d)
		sipd_up(&r->d, p, restarted);
}

static void rig_down(void *ctx, struct ipc_peer *p)
{
	struct rig *r = rig_now;
	if (ctx == &r->d)
		sipd_down(&r->d, p);
	else if (p == r->media_peer)
		r->media_peer = NULL;
	else if (p == r->to_sipd)
		r->to_sipd = NULL;
}

static inline void rig_turn(struct rig *r)
{
	if (rig_by_hand)
		tmr_advance(r->d.wheel, 0);
	uv_run(&r->loop, UV_RUN_NOWAIT);
	usleep(200);
}

static inline void rig_spin(struct rig *r, unsigned ms)
{
	uint64_t end = uv_hrtime() / 1000000 + ms;
	do {
		rig_turn(r);
	} while (uv_hrtime() / 1000000 < end);
}

/* With time by hand: so much of it goes by, in steps that leave messages their way. */
static inline void rig_pass(struct rig *r, uint64_t ms)
{
	for (uint64_t step; ms; ms -= step) {
		step = tmr_next(r->d.wheel);
		step = step < 1 ? 1 : step < ms ? step : ms;
		tmr_advance(r->d.wheel, step);
		for (int i = 0; i < 3; i++)
			uv_run(&r->loop, UV_RUN_NOWAIT);
	}
}

#define RIG_UNTIL(r, cond)                                                                         \
	do {                                                                                       \
		uint64_t end_ = uv_hrtime() / 1000000 + RIG_MS;                                    \
		while (!(cond) && uv_hrtime() / 1000000 < end_) {                                  \
			rig_turn(r);                                                               \
		}                                                                                  \
		assert_true(cond);                                                                 \
	} while (0)

static inline struct rig_event *rig_find(struct rig *r, size_t from, uint16_t type, uint64_t call)
{
	for (size_t i = from; i < r->nev; i++)
		if (r->ev[i].type == type && (!call || r->ev[i].call == call))
			return &r->ev[i];
	return NULL;
}

static inline struct rig_event *rig_await(struct rig *r, size_t from, uint16_t type, uint64_t call)
{
	RIG_UNTIL(r, rig_find(r, from, type, call));
	return rig_find(r, from, type, call);
}

static inline struct ipc_node *rig_node(struct rig *r, const char *name, uint32_t instance,
    const struct ipc_handler *t, size_t n, void *ctx)
{
	struct ipc_node_def def = { .loop = &r->loop,
		.wheel = r->d.wheel,
		.name = name,
		.instance = instance,
		.handlers = t,
		.nhandlers = n,
		.up = rig_up,
		.down = rig_down,
		.ctx = ctx };
	return ipc_node_new(&def);
}

static inline void rig_add_user(
    struct rig *r, const char *name, const char *ipei, const char *field, const char *value)
{
	struct user_edit e = { 0 };
	char why[128];

	e.given[USER_NAME] = e.given[USER_IPEI] = e.given[USER_DISPLAY_NAME] = true;
	e.v[USER_NAME] = slice_str(name);
	e.v[USER_IPEI] = slice_str(ipei);
	char display[80];
	snprintf(display, sizeof(display), "User %s", name);
	e.v[USER_DISPLAY_NAME] = slice_str(display);
	if (field) {
		int f = user_field_find(slice_str(field));
		e.given[f] = true;
		e.v[f] = slice_str(value);
	}
	assert_int_equal(
	    users_edit(sipd_of(&r->d)->users, USER_ADD_OR_SET, &e, false, why, sizeof(why)), 0);
}

/* conf: a format whose %u, if it has one, is the port of the SIP peer. */
__attribute__((format(printf, 1, 0))) static inline struct rig *rig_new(const char *conf)
{
	struct rig *r = mem_new(sizeof(*r));
	struct conf_diag diag;
	int pair[2];
	char text[1024];

	rig_now = r;
	assert_int_equal(uv_loop_init(&r->loop), 0);
	r->sip = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	assert_int_equal(bind(r->sip, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(r->sip, (struct sockaddr *)&a, &n), 0);
	r->peer = ntohs(a.sin_port);
	snprintf(text, sizeof(text), conf, r->peer);
	snprintf(r->dir, sizeof(r->dir), "/tmp/ipdect-test-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	if (conf_parse(slice_str(text), "test", sipd_keys, sipd_nkeys, &r->conf, &diag))
		fail_msg("%s", diag.text[0]);
	r->d = (struct daemon){ .loop = &r->loop,
		.wheel = tmr_wheel_new(rig_by_hand ? NULL : &r->loop),
		.conf = &r->conf,
		.stats = stat_set_new(),
		.state_dir = r->dir,
		.runtime_dir = r->dir,
		.def = &r->def };
	r->d.ipc = rig_node(r, "sipd", 0, sipd_handlers, sipd_nhandlers, &r->d);
	assert_int_equal(sipd_init(&r->d), 0);
	r->dectd = rig_node(r, "dectd", 0, rig_dectd_handlers, ARRAY_LEN(rig_dectd_handlers), r);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	(void)ipc_join(r->d.ipc, pair[0], IPC_DECTD);
	r->to_sipd = ipc_join(r->dectd, pair[1], IPC_SIPD);
	r->mediad =
	    rig_node(r, "mediad", 1, rig_mediad_handlers, ARRAY_LEN(rig_mediad_handlers), r);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	(void)ipc_join(r->d.ipc, pair[0], IPC_MEDIAD);
	r->media_peer = ipc_join(r->mediad, pair[1], IPC_SIPD);
	r->certd = rig_node(r, "certd", 0, rig_certd_handlers, ARRAY_LEN(rig_certd_handlers), r);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	(void)ipc_join(r->d.ipc, pair[0], IPC_CERTD);
	(void)ipc_join(r->certd, pair[1], IPC_SIPD);
	struct sockaddr_in *b = (struct sockaddr_in *)&sipd_of(&r->d)->bound[TP_UDP];
	r->port = ntohs(b->sin_port);
	return r;
}

static inline void rig_free(struct rig *r)
{
	char cmd[96];

	/* More than once: a transfer under way goes back to the call that was there. */
	for (int i = 0; i < 3; i++) {
		LIST_FOREACH(&sipd_of(&r->d)->calls, it)
		{
			struct call_arg arg = { .cause = CAUSE_NORMAL };
			(void)call_event(LIST_ENTRY(it, struct call, node), CALL_EV_END, &arg);
		}
		rig_spin(r, 20);
		if (list_empty(&sipd_of(&r->d)->calls))
			break;
	}
	sipd_fini(&r->d);
	ipc_node_free(r->dectd);
	ipc_node_free(r->mediad);
	ipc_node_free(r->certd);
	if (r->mediad2)
		ipc_node_free(r->mediad2);
	ipc_node_free(r->d.ipc);
	tmr_wheel_free(r->d.wheel);
	for (uint64_t end = uv_hrtime() / 1000000 + RIG_MS;
	     uv_run(&r->loop, UV_RUN_NOWAIT) && uv_hrtime() / 1000000 < end;)
		usleep(500);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	stat_set_free(r->d.stats);
	conf_free(sipd_keys, sipd_nkeys, &r->conf);
	close(r->sip);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", r->dir);
	assert_int_equal(system(cmd), 0);
	free(r);
}

/* ---- what dectd says ---- */

static void rig_on_reply(void *ctx, int err, struct ipc_msg *m)
{
	struct rig *r = ctx;
	r->replies++;
	r->last_err = err;
	if (!err && m->hdr.type == CALL__TYPE__CALL_SETUP) {
		const Call__SetupAck *a = IPC_BODY(m, Call__SetupAck);
		r->at = *a->media;
	}
}

static inline int rig_ask(struct rig *r, uint16_t type, const ProtobufCMessage *body,
    const ProtobufCMessageDescriptor *rep)
{
	int before = r->replies;

	assert_int_equal(
	    ipc_request(r->to_sipd, IPC_IF_CALL, type, body, rep, 3000, rig_on_reply, r), 0);
	RIG_UNTIL(r, r->replies > before);
	return r->last_err;
}

static inline int rig_setup(struct rig *r, uint64_t call, const char *user, const char *called)
{
	Call__Setup s = CALL__SETUP__INIT;
	Base__Codec codec = BASE__CODEC__CODEC_PCMA;

	s.call = call;
	s.user = (char *)(uintptr_t)user;
	s.n_codec = 1;
	s.codec = &codec;
	if (called) {
		s.has_called = 1;
		s.called = (ProtobufCBinaryData){ strlen(called), (uint8_t *)(uintptr_t)called };
	}
	return rig_ask(r, CALL__TYPE__CALL_SETUP, &s.base, &call__setup_ack__descriptor);
}

static inline void rig_alerting(struct rig *r, uint64_t call)
{
	Call__Alerting a = CALL__ALERTING__INIT;
	a.call = call;
	assert_int_equal(ipc_event(r->to_sipd, IPC_IF_CALL, CALL__TYPE__CALL_ALERTING, &a.base), 0);
}

static inline void rig_answer(struct rig *r, uint64_t call)
{
	Call__Answer a = CALL__ANSWER__INIT;
	a.call = call;
	assert_int_equal(ipc_event(r->to_sipd, IPC_IF_CALL, CALL__TYPE__CALL_ANSWER, &a.base), 0);
}

static inline void rig_hangup(struct rig *r, uint64_t call, int cause)
{
	Call__Release a = CALL__RELEASE__INIT;
	a.call = call;
	a.cause = (Base__Cause)cause;
	assert_int_equal(ipc_event(r->to_sipd, IPC_IF_CALL, CALL__TYPE__CALL_RELEASE, &a.base), 0);
}

static inline void rig_digits(struct rig *r, uint64_t call, const char *d)
{
	Call__Digits a = CALL__DIGITS__INIT;
	a.call = call;
	a.digits = (ProtobufCBinaryData){ strlen(d), (uint8_t *)(uintptr_t)d };
	assert_int_equal(ipc_event(r->to_sipd, IPC_IF_CALL, CALL__TYPE__CALL_DIGITS, &a.base), 0);
}

static inline int rig_hold(struct rig *r, uint64_t call, bool on)
{
	Call__Hold h = CALL__HOLD__INIT;
	Call__Retrieve t = CALL__RETRIEVE__INIT;
	h.call = t.call = call;
	return on ? rig_ask(r, CALL__TYPE__CALL_HOLD, &h.base, &call__ok__descriptor)
	          : rig_ask(r, CALL__TYPE__CALL_RETRIEVE, &t.base, &call__ok__descriptor);
}

static inline int rig_transfer(struct rig *r, uint64_t call, uint64_t other, const char *target)
{
	Call__Transfer t = CALL__TRANSFER__INIT;
	t.call = call;
	t.has_other = other != 0;
	t.other = other;
	if (target) {
		t.has_target = 1;
		t.target = (ProtobufCBinaryData){ strlen(target), (uint8_t *)(uintptr_t)target };
	}
	return rig_ask(r, CALL__TYPE__CALL_TRANSFER, &t.base, &call__ok__descriptor);
}

/* A call between two handsets of ours, answered. Returns the called one's reference. */
static inline uint64_t rig_connect(struct rig *r, uint64_t ref, const char *from, const char *to)
{
	size_t mark = r->nev;
	assert_int_equal(rig_setup(r, ref, from, to), 0);
	uint64_t b = rig_await(r, mark, CALL__TYPE__CALL_OFFER, 0)->call;
	rig_alerting(r, b);
	rig_await(r, mark, CALL__TYPE__CALL_PROGRESS, ref);
	rig_answer(r, b);
	rig_await(r, mark, CALL__TYPE__CALL_CONNECTED, ref);
	rig_spin(r, 20);
	return b;
}
static inline struct rig_media *rig_media_of(struct rig *r, uint64_t call)
{
	for (size_t i = r->nm; i-- > 0;)
		if (r->m[i].call == call && !r->m[i].dropped)
			return &r->m[i];
	return NULL;
}
#endif
