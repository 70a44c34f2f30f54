/* softcall: plays dectd and one mediad for sipd, so that its SIP side can be tested and measured with real SIP peers and
 * no radio: every user's handset is there, rings at once and answers; it can call, too. Media sessions get addresses, no
 * speech flows.
 *
 * With -x real mediads are there: only dectd is played.
 *
 *   softcall -r RUNTIME_DIR [-x] [-a ANSWER_MS] [-h HOLD_MS] [-u FIRST_USER -n USERS -t TARGET -R CALLS_PER_S -c CALLS] [-s SECONDS]
 *
 * Prints a line of JSON with what was seen when it ends. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.pb-c.h"
#include "common/id.h"
#include "common/list.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "ipc/ipc.h"
#include "media.pb-c.h"

struct phone_call {
	struct map_node by_ref;
	uint64_t ref;
	bool out, up;
	struct tmr tmr;
	uint64_t began;
};

static struct {
	uv_loop_t loop;
	struct tmr_wheel *w;
	struct ipc_node *dectd, *mediad;
	struct ipc_peer *sipd;
	struct map calls;
	const char *dir, *target;
	uint32_t answer_ms, hold_ms, users, seconds;
	unsigned long first;
	double rate;
	uint64_t want, made, answered_out, failed_out, offered, answered_in, ended, sessions, live,
	    peak, dtmf, held;
	uint64_t next_session;
	uint32_t causes[32];
	struct tmr pace, report, stop, look;
	unsigned looks;
	bool synced, media, no_mediad; /* users are known; sipd has found our mediad */
	uint64_t setup_us;
} g;

static void send_simple(uint16_t type, const ProtobufCMessage *m)
{
	if (g.sipd)
		(void)ipc_event(g.sipd, IPC_IF_CALL, type, m);
}

static struct phone_call *find(uint64_t ref)
{
	struct map_node *n = map_get(&g.calls, map_u64(&ref));

	return n ? CONTAINER_OF(n, struct phone_call, by_ref) : NULL;
}

static void drop(struct phone_call *c)
{
	tmr_stop(&c->tmr);
	map_del(&g.calls, &c->by_ref);
	free(c);
	g.ended++;
}

static void hang_up(struct phone_call *c)
{
	Call__Release r = CALL__RELEASE__INIT;

	r.call = c->ref;
	r.cause = BASE__CAUSE__CAUSE_NORMAL;
	send_simple(CALL__TYPE__CALL_RELEASE, &r.base);
	drop(c);
}

static void on_phone_timer(struct tmr *t, void *ctx)
{
	struct phone_call *c = ctx;

	(void)t;
	if (c->up || c->out) {
		hang_up(c);
		return;
	}
	Call__Answer a = CALL__ANSWER__INIT;
	a.call = c->ref;
	send_simple(CALL__TYPE__CALL_ANSWER, &a.base);
	c->up = true;
	g.answered_in++;
	if (g.hold_ms)
		tmr_start(&c->tmr, g.hold_ms);
}

static struct phone_call *make(uint64_t ref, bool out)
{
	struct phone_call *c = mem_new(sizeof(*c));

	c->ref = ref;
	c->out = out;
	c->began = uv_hrtime();
	tmr_init(&c->tmr, g.w, on_phone_timer, c);
	(void)map_put(&g.calls, &c->by_ref, map_u64(&c->ref));
	return c;
}

/* ---- what sipd says to dectd ---- */

static int on_user(struct ipc_peer *p, struct ipc_msg *m)
{
	const Base__User *u = IPC_BODY(m, Base__User);
	Call__Device d = CALL__DEVICE__INIT;

	if (!u->ipei || !u->ipei[0])
		return 0;
	d.ipei = u->ipei;
	d.user = u->name;
	d.subscribed = d.reachable = 1;
	return ipc_event(p, IPC_IF_CALL, CALL__TYPE__CALL_DEVICE, &d.base);
}

/* Tells whoever started us that calls can be made. */
static void ready(void)
{
	if (!g.synced || !g.media)
		return;
	printf("synced\n");
	fflush(stdout);
}

static int on_done(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	(void)m;
	g.synced = true;
	ready();
	return 0;
}

static int on_nothing(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	(void)m;
	return 0;
}

static int on_offer(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Offer *o = IPC_BODY(m, Call__Offer);
	Call__OfferAck a = CALL__OFFER_ACK__INIT;
	Call__Alerting al = CALL__ALERTING__INIT;
	struct phone_call *c = make(o->call, false);

	g.offered++;
	a.accepted = 1;
	(void)ipc_reply(p, m, &a.base);
	al.call = o->call;
	send_simple(CALL__TYPE__CALL_ALERTING, &al.base);
	tmr_start(&c->tmr, g.answer_ms);
	return 0;
}

static int on_connected(struct ipc_peer *p, struct ipc_msg *m)
{
	struct phone_call *c = find(IPC_BODY(m, Call__Connected)->call);

	(void)p;
	if (!c || c->up)
		return 0;
	c->up = true;
	g.answered_out++;
	g.setup_us += (uv_hrtime() - c->began) / 1000;
	if (g.hold_ms)
		tmr_start(&c->tmr, g.hold_ms);
	return 0;
}

static int on_release(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Release *r = IPC_BODY(m, Call__Release);
	struct phone_call *c = find(r->call);

	(void)p;
	g.causes[r->cause < 32 ? r->cause : 0]++;
	if (!c)
		return 0;
	g.failed_out += c->out && !c->up;
	drop(c);
	return 0;
}

static int on_display(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	g.held += IPC_BODY(m, Call__Display)->has_held_by_peer &&
	          IPC_BODY(m, Call__Display)->held_by_peer;
	return 0;
}

#define CALL(type, kind, desc, fn)                                                                 \
	{                                                                                          \
		IPC_IF_CALL, CALL__TYPE__CALL_##type, kind, 0, 4096, IPC_SIPD,                     \
		    &desc##__descriptor, fn                                                        \
	}
static int on_notice(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Notice *n = IPC_BODY(m, Call__Notice);

	(void)p;
	if (n->has_messages_new) {
		printf("mail %s %u\n", n->user, (unsigned)n->messages_new);
		fflush(stdout);
	}
	return 0;
}

static const struct ipc_handler dectd_handlers[] = {
	CALL(USER_PUT, IPC_EVT, base__user, on_user),
	CALL(USER_GONE, IPC_EVT, call__user_gone, on_nothing),
	CALL(USERS_DONE, IPC_EVT, call__users_done, on_done),
	CALL(OFFER, IPC_REQ, call__offer, on_offer),
	CALL(PROGRESS, IPC_EVT, call__progress, on_nothing),
	CALL(CONNECTED, IPC_EVT, call__connected, on_connected),
	CALL(RELEASE, IPC_EVT, call__release, on_release),
	CALL(DISPLAY, IPC_EVT, call__display, on_display),
	CALL(MEDIA, IPC_EVT, call__media, on_nothing),
	CALL(NOTICE, IPC_EVT, call__notice, on_notice),
	CALL(PRESENCE, IPC_EVT, call__presence, on_nothing),
};

/* ---- what sipd says to mediad ---- */

struct legs {
	Media__LegReady leg[2], *ptr[2];
	Base__Addr addr[2];
};
static uint8_t loopback[4] = { 127, 0, 0, 1 };

static size_t both_legs(struct legs *l, uint64_t session)
{
	for (unsigned i = 0; i < 2; i++) {
		media__leg_ready__init(&l->leg[i]);
		base__addr__init(&l->addr[i]);
		l->addr[i].ip = (ProtobufCBinaryData){ 4, loopback };
		l->addr[i].port = 10000 + (uint32_t)((session * 4 + i * 2) % 50000);
		l->leg[i].side = (Media__Side)(i + 1);
		l->leg[i].rtp = &l->addr[i];
		l->leg[i].ssrc = 1;
		l->ptr[i] = &l->leg[i];
	}
	return 2;
}

static int on_create(struct ipc_peer *p, struct ipc_msg *m)
{
	Media__SessionReady r = MEDIA__SESSION_READY__INIT;
	struct legs l;

	r.session = ++g.next_session;
	r.n_leg = both_legs(&l, r.session);
	r.leg = l.ptr;
	g.sessions++;
	if (++g.live > g.peak)
		g.peak = g.live;
	return ipc_reply(p, m, &r.base);
}

static int on_update(struct ipc_peer *p, struct ipc_msg *m)
{
	Media__LegUpdated r = MEDIA__LEG_UPDATED__INIT;
	struct legs l;

	r.n_leg = both_legs(&l, IPC_BODY(m, Media__LegUpdate)->session);
	r.leg = l.ptr;
	return ipc_reply(p, m, &r.base);
}

static int on_drop(struct ipc_peer *p, struct ipc_msg *m)
{
	Media__SessionStats r = MEDIA__SESSION_STATS__INIT;

	r.session = IPC_BODY(m, Media__SessionDrop)->session;
	g.live--;
	return ipc_reply(p, m, &r.base);
}

static int on_ok(struct ipc_peer *p, struct ipc_msg *m)
{
	Media__Done r = MEDIA__DONE__INIT;

	g.dtmf += m->hdr.type == MEDIA__TYPE__MEDIA_DTMF_SEND;
	return ipc_reply(p, m, &r.base);
}

#define MEDIA(type, desc, fn)                                                                      \
	{                                                                                          \
		IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_##type, IPC_REQ, 0, 8192, IPC_SIPD,               \
		    &desc##__descriptor, fn                                                        \
	}
static const struct ipc_handler mediad_handlers[] = {
	MEDIA(SESSION_CREATE, media__session_create, on_create),
	MEDIA(LEG_UPDATE, media__leg_update, on_update),
	MEDIA(SESSION_DROP, media__session_drop, on_drop),
	MEDIA(TONE, media__tone, on_ok),
	MEDIA(DTMF_SEND, media__dtmf_send, on_ok),
	MEDIA(MIX, media__mix, on_ok),
};

/* ---- calling ---- */

static void on_setup(void *ctx, int err, struct ipc_msg *m)
{
	struct phone_call *c;
	uint64_t *ref = ctx;

	(void)m;
	c = find(*ref);
	free(ref);
	if (err && c) {
		g.failed_out++;
		drop(c);
	}
}

static void place(void)
{
	Call__Setup s = CALL__SETUP__INIT;
	Base__Codec codec = BASE__CODEC__CODEC_PCMA;
	char user[32];
	struct phone_call *c = make(id_u64(), true);
	uint64_t *ref = mem_new(sizeof(*ref));

	*ref = c->ref;
	(void)snprintf(user, sizeof(user), "%lu", g.first + g.made % (g.users ? g.users : 1));
	s.call = c->ref;
	s.user = user;
	s.has_called = 1;
	s.called = (ProtobufCBinaryData){ strlen(g.target), (uint8_t *)(uintptr_t)g.target };
	s.n_codec = 1;
	s.codec = &codec;
	g.made++;
	if (ipc_request(g.sipd, IPC_IF_CALL, CALL__TYPE__CALL_SETUP, &s.base,
	        &call__setup_ack__descriptor, 10000, on_setup, ref)) {
		g.failed_out++;
		free(ref);
		drop(c);
	}
}

static void on_pace(struct tmr *t, void *ctx)
{
	static double due;

	(void)ctx;
	if (g.synced && g.sipd && g.media)
		for (due += g.rate / 100; due >= 1 && g.made < g.want; due--)
			place();
	tmr_start(t, 10);
}

static void finish(void)
{
	printf("{\"placed\":%llu,\"answered_out\":%llu,\"failed_out\":%llu,\"offered\":%llu,"
	       "\"answered_in\":%llu,"
	       "\"ended\":%llu,\"sessions\":%llu,\"sessions_left\":%llu,\"peak\":%llu,\"dtmf\":%"
	       "llu,\"held\":%llu,"
	       "\"setup_ms\":%.2f,\"causes\":[",
	    (unsigned long long)g.made, (unsigned long long)g.answered_out,
	    (unsigned long long)g.failed_out, (unsigned long long)g.offered,
	    (unsigned long long)g.answered_in, (unsigned long long)g.ended,
	    (unsigned long long)g.sessions, (unsigned long long)g.live, (unsigned long long)g.peak,
	    (unsigned long long)g.dtmf, (unsigned long long)g.held,
	    g.answered_out ? (double)g.setup_us / (double)g.answered_out / 1000 : 0.0);
	for (unsigned i = 0; i < 20; i++)
		printf("%s%u", i ? "," : "", g.causes[i]);
	printf("]}\n");
	fflush(stdout);
	_exit(0);
}

static void on_stop(struct tmr *t, void *ctx)
{
	(void)t;
	(void)ctx;
	finish();
}

/* Sessions are dropped in no haste: those of the last calls within a moment, if at all. */
static void on_look(struct tmr *t, void *ctx)
{
	(void)ctx;
	if (g.live == 0 || ++g.looks > 150)
		finish();
	tmr_start(t, 20);
}

static void on_signal(uv_signal_t *h, int sig)
{
	(void)h;
	(void)sig;
	tmr_start(&g.look, 0);
}

static void on_report(struct tmr *t, void *ctx)
{
	(void)ctx;
	/* All that was wanted is through, and nothing is in progress. */
	if (g.want && g.made >= g.want && g.calls.n == 0)
		tmr_start(&g.look, 0);
	else
		tmr_start(t, 100);
}

static void up(void *ctx, struct ipc_peer *p, bool restarted)
{
	Media__Load l = MEDIA__LOAD__INIT;

	(void)restarted;
	if (ctx == &g.dectd) {
		g.sipd = p;
		return;
	}
	l.max_sessions = 100000;
	l.ports_free = 100000;
	(void)ipc_event_latest(p, IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_LOAD, 1, &l.base);
	g.media = true;
	ready();
}

static void down(void *ctx, struct ipc_peer *p)
{
	if (ctx == &g.dectd && g.sipd == p) {
		g.sipd = NULL;
		g.synced = false;
	} else if (ctx == &g.mediad) {
		g.media = false;
	}
}

int main(int argc, char **argv)
{
	struct ipc_node_def def = { .loop = &g.loop, .up = up, .down = down };
	uv_signal_t term;
	char path[256];
	int opt;

	g.rate = 10;
	while ((opt = getopt(argc, argv, "r:a:h:u:n:t:R:c:s:x")) != -1) {
		unsigned long v = optarg ? strtoul(optarg, NULL, 10) : 0;
		switch (opt) {
		case 'r':
			g.dir = optarg;
			break;
		case 'a':
			g.answer_ms = (uint32_t)v;
			break;
		case 'h':
			g.hold_ms = (uint32_t)v;
			break;
		case 'u':
			g.first = v;
			break;
		case 'n':
			g.users = (uint32_t)v;
			break;
		case 't':
			g.target = optarg;
			break;
		case 'R':
			g.rate = strtod(optarg, NULL);
			break;
		case 'c':
			g.want = v;
			break;
		case 's':
			g.seconds = (uint32_t)v;
			break;
		case 'x':
			g.media = g.no_mediad = true;
			break;
		default:
			return 64;
		}
	}
	if (!g.dir || (g.want && !g.target)) {
		fprintf(stderr, "usage: softcall -r DIR [-a MS] [-h MS] [-u USER -n N -t TARGET -R "
		                "RATE -c CALLS] [-s S]\n");
		return 64;
	}
	log_open("softcall");
	if (uv_loop_init(&g.loop))
		return 71;
	g.w = tmr_wheel_new(&g.loop);
	def.wheel = g.w;
	def.name = "mediad";
	def.instance = 1;
	def.handlers = mediad_handlers;
	def.nhandlers = ARRAY_LEN(mediad_handlers);
	def.ctx = &g.mediad;
	g.mediad = ipc_node_new(&def);
	(void)snprintf(path, sizeof(path), "%s/mediad-1.sock", g.dir);
	if (!g.no_mediad && ipc_serve_path(g.mediad, path, 0660, IPC_DOOR_LINK))
		return 71;
	def.name = "dectd";
	def.instance = 0;
	def.handlers = dectd_handlers;
	def.nhandlers = ARRAY_LEN(dectd_handlers);
	def.ctx = &g.dectd;
	g.dectd = ipc_node_new(&def);
	(void)snprintf(path, sizeof(path), "%s/sipd.sock", g.dir);
	(void)ipc_link_open(g.dectd, IPC_SIPD, path);
	tmr_init(&g.pace, g.w, on_pace, NULL);
	tmr_init(&g.report, g.w, on_report, NULL);
	tmr_init(&g.stop, g.w, on_stop, NULL);
	tmr_init(&g.look, g.w, on_look, NULL);
	if (g.want)
		tmr_start(&g.pace, 10);
	tmr_start(&g.report, 100);
	if (g.seconds)
		tmr_start(&g.stop, g.seconds * 1000);
	if (uv_signal_init(&g.loop, &term) || uv_signal_start(&term, on_signal, SIGTERM))
		return 71;
	return uv_run(&g.loop, UV_RUN_DEFAULT);
}
