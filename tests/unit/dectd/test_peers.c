/* sipd, certd or mediad goes away at every moment of a subscription, a registration, a call of either direction and a handover, and
 * is back later, as the same process or as another one. The handset does what it should do. Afterwards nothing hangs, nothing is
 * left in any table, at neither end of the link to sipd, and the handset registers, calls and is called.
 * Every fourth moment here; with a number as argument all of them. TEST_ONLY=WORDS: the cases that are called so, with the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "dectd/call_priv_ipc.h"
#include "dectd/phone_priv.h"
#include "states_bed.h"

#define PMID  0xe1234
#define TICK  4 /* ms */
#define STEP  6 /* ticks between two things that are done */
#define LEGS  16
#define NEVER 10000 /* tick */
#define UP_AT 26    /* tick from which on a call is up */

enum peer { SIPD, CERTD, MEDIAD, PEER_N };
static const char *const peer_names[] = { "sipd", "certd", "mediad" };

struct t {
	struct bed b;
	struct hs *h;
	uv_loop_t loop;
	struct ipc_node *ours, *theirs;
	struct ipc_peer *sipd; /* sipd's end; NULL: away */
	bool restarted;        /* of the next link */
	/* what sipd has */
	struct {
		uint64_t ref; /* 0: free */
		bool out, up;
	} leg[LEGS];
	uint64_t next_ref, session;
	unsigned accepted, answered; /* offers; calls by the handset */
	uint16_t stream;             /* that was answered last */
	bool no_media;
	unsigned epoch, asked_in; /* certd's, and when its last challenge was made */
	const char *where;
};

static struct t *of_daemon(struct daemon *d)
{
	return (struct t *)(void *)((char *)d - offsetof(struct t, b.g.d));
}

/* ---- sipd ---- */

static int leg_find(const struct t *t, uint64_t ref)
{
	for (int i = 0; i < LEGS; i++)
		if (t->leg[i].ref == ref)
			return i;
	return -1;
}

static int leg_new(struct t *t, uint64_t ref, bool out)
{
	int i = leg_find(t, 0);

	assert_true(i >= 0);
	t->leg[i].ref = ref;
	t->leg[i].out = out;
	t->leg[i].up = false;
	return i;
}

static unsigned legs(const struct t *t)
{
	unsigned n = 0;

	for (int i = 0; i < LEGS; i++)
		n += t->leg[i].ref != 0;
	return n;
}

static void media_at(struct t *t, Base__MediaAt *at, Base__Addr *a)
{
	static uint8_t ip[4] = { 192, 0, 2, 1 };

	base__media_at__init(at);
	base__addr__init(a);
	a->ip = (ProtobufCBinaryData){ sizeof(ip), ip };
	a->port = 4000;
	at->instance = 1;
	at->session = t->session;
	at->radio = a;
}

static void tell(struct t *t, uint16_t type, const ProtobufCMessage *m)
{
	if (t->sipd)
		(void)ipc_event(t->sipd, IPC_IF_CALL, type, m);
}

static int on_setup(struct ipc_peer *p, struct ipc_msg *m)
{
	struct t *t = ipc_ctx(p);
	uint64_t ref = IPC_BODY(m, Call__Setup)->call;
	Call__SetupAck a = CALL__SETUP_ACK__INIT;
	Base__MediaAt at;
	Base__Addr addr;

	if (leg_find(t, ref) >= 0)
		return ipc_fail(p, m, ERR_EXISTS, "this call reference is in use");
	(void)leg_new(t, ref, true);
	media_at(t, &at, &addr);
	a.media = &at;
	return ipc_reply(p, m, &a.base);
}

static int on_digits(struct ipc_peer *p, struct ipc_msg *m)
{
	Call__Progress q = CALL__PROGRESS__INIT;

	q.call = IPC_BODY(m, Call__Digits)->call;
	q.kind = CALL__PROGRESS_KIND__ALERTING;
	tell(ipc_ctx(p), CALL__TYPE__CALL_PROGRESS, &q.base);
	return 0;
}

static void release(struct t *t, uint64_t ref)
{
	Call__Release r = CALL__RELEASE__INIT;

	r.call = ref;
	r.cause = BASE__CAUSE__CAUSE_NORMAL;
	tell(t, CALL__TYPE__CALL_RELEASE, &r.base);
}

static int on_answer(struct ipc_peer *p, struct ipc_msg *m)
{
	struct t *t = ipc_ctx(p);
	int i = leg_find(t, IPC_BODY(m, Call__Answer)->call);

	if (i >= 0)
		t->leg[i].up = true;
	else
		release(t, IPC_BODY(m, Call__Answer)->call);
	return 0;
}

static int on_alerting(struct ipc_peer *p, struct ipc_msg *m)
{
	struct t *t = ipc_ctx(p);

	if (leg_find(t, IPC_BODY(m, Call__Alerting)->call) < 0)
		release(t, IPC_BODY(m, Call__Alerting)->call);
	return 0;
}

static int on_release(struct ipc_peer *p, struct ipc_msg *m)
{
	struct t *t = ipc_ctx(p);
	int i = leg_find(t, IPC_BODY(m, Call__Release)->call);

	if (i >= 0)
		t->leg[i].ref = 0;
	return 0;
}

static int on_nothing(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	(void)m;
	return 0;
}

static void connect_it(struct t *t, int i)
{
	Call__Connected c = CALL__CONNECTED__INIT;
	Base__MediaAt at;
	Base__Addr addr;

	media_at(t, &at, &addr);
	c.call = t->leg[i].ref;
	c.media = &at;
	t->leg[i].up = true;
	tell(t, CALL__TYPE__CALL_CONNECTED, &c.base);
}

static int on_living(struct ipc_peer *p, struct ipc_msg *m)
{
	struct t *t = ipc_ctx(p);
	const Call__Living *l = IPC_BODY(m, Call__Living);
	bool named[LEGS] = { false };

	for (size_t i = 0; i < l->n_call; i++) {
		int k = leg_find(t, l->call[i]);

		if (k >= 0)
			named[k] = true;
		else
			release(t, l->call[i]);
	}
	for (size_t i = 0; i < l->n_waiting; i++) {
		int k = leg_find(t, l->waiting[i]);

		if (k >= 0 && t->leg[k].up)
			connect_it(t, k);
	}
	for (int i = 0; i < LEGS; i++)
		if (!named[i])
			t->leg[i].ref = 0;
	return 0;
}

static const struct ipc_handler sipd_side[] = {
#define H(type, kind, desc, fn)                                                                    \
	{                                                                                          \
		IPC_IF_CALL, CALL__TYPE__CALL_##type, kind, 0, 32768, IPC_DECTD,                   \
		    &call__##desc##__descriptor, fn                                                \
	}
	H(DEVICE, IPC_EVT, device, on_nothing),
	H(SETUP, IPC_REQ, setup, on_setup),
	H(DIGITS, IPC_EVT, digits, on_digits),
	H(ALERTING, IPC_EVT, alerting, on_alerting),
	H(ANSWER, IPC_EVT, answer, on_answer),
	H(RELEASE, IPC_EVT, release, on_release),
	H(RADIO, IPC_EVT, radio, on_nothing),
	H(LIVING, IPC_EVT, living, on_living),
#undef H
};

static void on_up(void *ctx, struct ipc_peer *p, bool restarted)
{
	(void)restarted;
	dectd_up(ctx, p, of_daemon(ctx)->restarted);
}

static void on_down(void *ctx, struct ipc_peer *p)
{
	if (of_daemon(ctx)->b.g.r.calls)
		dectd_down(ctx, p);
}

static void on_their_down(void *ctx, struct ipc_peer *p)
{
	(void)p;
	((struct t *)ctx)->sipd = NULL;
}

static void sipd_up(struct t *t, bool restarted)
{
	static char anna[] = "anna", ipei[] = IPEI;
	Base__User u = BASE__USER__INIT;
	Call__UsersDone d = CALL__USERS_DONE__INIT;
	int fd[2];

	if (restarted)
		memset(t->leg, 0, sizeof(t->leg));
	t->restarted = restarted;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	t->sipd = ipc_join(t->theirs, fd[1], IPC_DECTD);
	(void)ipc_join(t->ours, fd[0], IPC_SIPD);
	u.name = anna;
	u.ipei = ipei;
	tell(t, CALL__TYPE__CALL_USER_PUT, &u.base);
	d.count = 1;
	tell(t, CALL__TYPE__CALL_USERS_DONE, &d.base);
}

struct offer {
	struct t *t;
	uint64_t ref;
};

static void on_offered(void *ctx, int err, struct ipc_msg *m)
{
	struct offer *o = ctx;
	int i = leg_find(o->t, o->ref);

	if (!err && IPC_BODY(m, Call__OfferAck)->accepted)
		o->t->accepted++;
	else if (i >= 0)
		o->t->leg[i].ref = 0;
	free(o);
}

static void offer(struct t *t)
{
	static char anna[] = "anna";
	Call__Offer o = CALL__OFFER__INIT;
	struct offer *mine;
	Base__MediaAt at;
	Base__Addr addr;

	if (!t->sipd)
		return;
	mine = mem_new(sizeof(*mine));
	mine->t = t;
	mine->ref = ++t->next_ref;
	(void)leg_new(t, mine->ref, false);
	media_at(t, &at, &addr);
	o.call = mine->ref;
	o.user = anna;
	o.media = &at;
	assert_int_equal(ipc_request(t->sipd, IPC_IF_CALL, CALL__TYPE__CALL_OFFER, &o.base,
	                     &call__offer_ack__descriptor, 15000, on_offered, mine),
	    0);
}

/* ---- certd: another process knows no challenge of the one before ---- */

static int my_pt_check(
    void *c, uint64_t handle, const uint8_t res1[4], const uint8_t *rand_p, auth_h *fn, void *ctx)
{
	struct t *t = CONTAINER_OF((struct rig *)c, struct t, b.g);

	return t->asked_in == t->epoch
	           ? rig_pt_check(c, handle, res1, rand_p, fn, ctx)
	           : rig_ask(c, fn, ctx, &(struct auth_result){ .err = ERR_NOTFOUND });
}

static int my_key_check(
    void *c, uint64_t handle, const uint8_t res1[4], const uint8_t rand_p[8], auth_h *fn, void *ctx)
{
	struct t *t = CONTAINER_OF((struct rig *)c, struct t, b.g);

	return t->asked_in == t->epoch
	           ? rig_key_check(c, handle, res1, rand_p, fn, ctx)
	           : rig_ask(c, fn, ctx, &(struct auth_result){ .err = ERR_NOTFOUND });
}

static int my_pt_start(
    void *c, const struct ipui *pp, enum pp_alg alg, bool def, auth_h *fn, void *ctx)
{
	struct t *t = CONTAINER_OF((struct rig *)c, struct t, b.g);

	t->asked_in = t->epoch;
	return rig_pt_start(c, pp, alg, def, fn, ctx);
}

static int my_key_start(
    void *c, const struct ipui *pp, enum pp_alg alg, const char *ac, auth_h *fn, void *ctx)
{
	struct t *t = CONTAINER_OF((struct rig *)c, struct t, b.g);

	t->asked_in = t->epoch;
	return rig_key_start(c, pp, alg, ac, fn, ctx);
}

static void certd_down(struct rig *g)
{
	g->away = true;
	for (unsigned i = 0; i < ASKS; i++)
		if (g->asks[i].fn) {
			g->asks[i].res = (struct auth_result){ .err = ERR_LOST };
			tmr_start(&g->asks[i].tmr, 0);
		}
}

/* ---- peers ---- */

static void down(struct t *t, enum peer who)
{
	switch (who) {
	case SIPD:
		ipc_peer_drop(t->sipd, "test");
		t->sipd = NULL;
		break;
	case CERTD:
		certd_down(&t->b.g);
		break;
	default:
		t->no_media = true;
		break;
	}
}

static void up_again(struct t *t, enum peer who, bool restarted)
{
	switch (who) {
	case SIPD:
		sipd_up(t, restarted);
		break;
	case CERTD:
		t->b.g.away = false;
		t->epoch += restarted;
		break;
	default:
		t->no_media = false;
		t->session++; /* sipd has opened the sessions at another one */
		for (int i = 0; i < LEGS; i++) {
			Call__Media m = CALL__MEDIA__INIT;
			Base__MediaAt at;
			Base__Addr addr;

			if (!t->leg[i].ref)
				continue;
			media_at(t, &at, &addr);
			m.call = t->leg[i].ref;
			m.media = &at;
			tell(t, CALL__TYPE__CALL_MEDIA, &m.base);
		}
		break;
	}
}

/* ---- time and the air ---- */

static void con(struct t *t, unsigned flags)
{
	struct hs *h = t->h;

	t->b.g.air.busy[h->base][h->mcei] = 0;
	raw(&t->b, h->base,
	    (uint8_t[]){ 0x7a, 0x01, h->mcei, PMID >> 16, (PMID >> 8) & 0xff, PMID & 0xff,
	        (uint8_t)flags, 1 },
	    8);
	raw(&t->b, h->base, (uint8_t[]){ 0x79, 0x07, h->mcei, 0x00 }, 4);
	raw(&t->b, h->base, (uint8_t[]){ 0x79, 0x07, h->mcei, 0x10 }, 4);
}

static void first(struct t *t, const char *hex)
{
	uint8_t f[80] = { 0xa1, 0x10 };
	size_t n = air_unhex(hex, f + 3, 63);

	con(t, 0);
	f[2] = (uint8_t)(n << 2 | 1);
	t->h->ns = 1;
	t->h->nr = 0;
	t->h->up = true;
	frame(t->h, f, n + 3);
}

static void off_air(struct t *t)
{
	raw(&t->b, t->h->base, (uint8_t[]){ 0x7a, 0x03, t->h->mcei, 0 }, 4);
	t->h->up = false;
}

static void turn(struct t *t)
{
	for (unsigned i = 0; i < 3; i++)
		uv_run(&t->loop, UV_RUN_NOWAIT);
	pump(&t->b);
	if (t->b.g.air.handle != t->stream) {
		t->stream = t->b.g.air.handle;
		for (uint32_t base = 1; base <= 2; base++)
			mac_media_result(
			    t->b.g.air.mac, base, t->stream, t->no_media ? ERR_LOST : 0);
	}
	for (unsigned i = 0; i < HANDSETS; i++) {
		const char *m = t->b.reply[i];

		t->b.reply[i] = NULL;
		if (m && t->b.h[i].up)
			say(&t->b, &t->b.h[i], m);
	}
	pump(&t->b);
	uv_run(&t->loop, UV_RUN_NOWAIT);
}

static void wait_for(struct t *t, unsigned ms, unsigned by)
{
	for (unsigned i = 0; i < ms; i += by) {
		tmr_advance(t->b.g.air.w, by);
		turn(t);
	}
}

/* ---- what is done ---- */

static void a_rights(struct t *t)
{
	(void)!subs_open(t->b.g.r.subs, SUBS_WILDCARD, NULL, 60000);
	first(t, RIGHTS);
}
static void a_locate(struct t *t)
{
	if (device(&t->b) && device(&t->b)->subscribed)
		first(t, LOCATE);
}
static void a_call(struct t *t)
{
	first(t, CALLS);
}
static void a_digit(struct t *t)
{
	if (t->h->up)
		say(&t->b, t->h, "037b 2c0131");
}
static void a_far_answers(struct t *t)
{
	for (int i = 0; i < LEGS; i++)
		if (t->leg[i].ref && t->leg[i].out && !t->leg[i].up)
			connect_it(t, i);
}
static void a_hang_up(struct t *t)
{
	if (t->h->up)
		say(&t->b, t->h, "034d e200");
}
static void a_offer(struct t *t)
{
	offer(t);
}
static void a_page_answered(struct t *t)
{
	first(t, "0071 " IPUI);
}
static void a_hs_answers(struct t *t)
{
	char hex[8];

	(void)snprintf(hex, sizeof(hex), "%x307", 8 | t->b.tv[0]);
	if (t->h->up)
		say(&t->b, t->h, hex);
}
static void a_far_hangs_up(struct t *t)
{
	for (int i = 0; i < LEGS; i++)
		if (t->leg[i].ref) {
			release(t, t->leg[i].ref);
			t->leg[i].ref = 0;
		}
}
static void a_announces(struct t *t)
{
	if (t->h->up)
		raw(&t->b, 2,
		    (uint8_t[]){ 0x7a, 0x0b, 9, PMID >> 16, (PMID >> 8) & 0xff, PMID & 0xff, 2, 1 },
		    8);
}
static void a_moves(struct t *t)
{
	if (!t->h->up)
		return;
	t->h->base = 2;
	t->h->mcei = 9;
	con(t, 2);
}
static void a_ciphers(struct t *t)
{
	if (t->h->up)
		raw(&t->b, t->h->base, (uint8_t[]){ 0x7a, 0x0a, t->h->mcei, 1, 0, 0, 0 }, 7);
	else /* it was not let in there: contact to the first base is lost, too */
		raw(&t->b, 1, (uint8_t[]){ 0x7a, 0x03, 3, 0 }, 4);
}

typedef void(action)(struct t *t);
#define ACTIONS 10
static const struct scenario {
	const char *name;
	bool fresh; /* the handset is not subscribed yet */
	action *does[ACTIONS];
} scenarios[] = {
	{ "subscription", true, { a_rights, NULL, NULL, a_locate } },
	{ "registration", false, { a_locate } },
	{ "call", false, { a_call, NULL, a_digit, NULL, a_far_answers, NULL, a_hang_up } },
	{ "called", false,
	    { a_offer, a_page_answered, NULL, NULL, a_hs_answers, NULL, a_far_hangs_up } },
	{ "handover", false,
	    { a_call, NULL, a_digit, a_far_answers, a_announces, a_moves, a_ciphers, NULL,
	        a_hang_up } },
};

static void begin_bed(struct t *t, const struct scenario *s)
{
	struct ipc_node_def od = { .name = "dectd", .up = on_up, .down = on_down };
	struct ipc_node_def td = { .name = "sipd", .ctx = t, .down = on_their_down };
	static struct auth_ops auth;

	memset(t, 0, sizeof(*t));
	rig_init(&t->b.g, NULL);
	auth = rig_auth;
	auth.pt_start = my_pt_start;
	auth.pt_check = my_pt_check;
	auth.key_start = my_key_start;
	auth.key_check = my_key_check;
	t->b.g.r.mm->auth = &auth;
	t->session = 1;
	t->next_ref = 1000;
	dev_init(&t->b.g.r);
	list_init(&t->b.g.r.asks);
	assert_int_equal(uv_loop_init(&t->loop), 0);
	od.ctx = &t->b.g.d;
	od.loop = td.loop = t->b.g.d.loop = &t->loop;
	od.wheel = td.wheel = t->b.g.air.w;
	od.handlers = dectd_handlers;
	od.nhandlers = dectd_nhandlers;
	td.handlers = sipd_side;
	td.nhandlers = ARRAY_LEN(sipd_side);
	t->b.g.d.ipc = t->ours = ipc_node_new(&od);
	t->theirs = ipc_node_new(&td);
	for (unsigned i = 0; i < HANDSETS; i++)
		hs_init(&t->b.h[i], &t->b.g, (uint8_t)(3 + i));
	t->h = &t->b.h[0];
	if (!s->fresh)
		(void)subscribed(&t->b.g);
	assert_int_equal(calls_new(&t->b.g.r, &t->b.g.r.calls), 0);
	sipd_up(t, true);
	wait_for(t, 40, TICK);
}

static void end_bed(struct t *t)
{
	calls_free(t->b.g.r.calls);
	t->b.g.r.calls = NULL;
	dev_down(&t->b.g.r);
	ipc_node_free(t->ours);
	ipc_node_free(t->theirs);
	for (unsigned i = 0; i < 6; i++)
		uv_run(&t->loop, UV_RUN_NOWAIT);
	assert_int_equal(uv_loop_close(&t->loop), 0);
	mac_base_down(t->b.g.air.mac, 1);
	mac_base_down(t->b.g.air.mac, 2);
	rig_fini(&t->b.g);
}

#define MUST(t, what)                                                                              \
	do {                                                                                       \
		if (!(what))                                                                       \
			fail_msg("%s: not %s", (t)->where, #what);                                 \
	} while (0)

static void nothing_left(struct t *t)
{
	const struct dectd *r = &t->b.g.r;

	for (struct lce_link *l = lce_next(r->lce, NULL); l; l = lce_next(r->lce, l))
		MUST(t, lce_state(l) == LCE_PENDING); /* a lost one is looked for */
	MUST(t, phones_calls(r->calls->phones) == 0);
	MUST(t, r->calls->tickets.n == 0);
	MUST(t, list_empty(&r->calls->asks));
	MUST(t, r->calls->ngone == 0);
	MUST(t, list_empty(&r->calls->low->parts));
	MUST(t, list_empty(&r->asks));
	MUST(t, list_empty(&r->tell));
	MUST(t, list_empty(&r->mm->orphans));
	MUST(t, list_empty(&r->mm->erasing));
	MUST(t, list_empty(&t->b.g.air.mac->conns));
	MUST(t, legs(t) == 0);
	for (unsigned i = 0; i < ASKS; i++)
		MUST(t, !t->b.g.asks[i].fn);
}

static void play(struct t *t, const struct scenario *s)
{
	for (unsigned i = 0; i < ACTIONS; i++) {
		if (s->does[i])
			s->does[i](t);
		turn(t);
		wait_for(t, STEP * TICK, TICK);
	}
}

static void usable(struct t *t)
{
	struct pp *pp = device(&t->b);
	const struct phones_stats *st = phones_stats(t->b.g.r.calls->phones);
	uint64_t connected, answered;

	if (!pp || !pp->subscribed) {
		play(t, &scenarios[0]);
		wait_for(t, 30000, 1000);
		pp = device(&t->b);
		MUST(t, pp && pp->subscribed);
	}
	play(t, &scenarios[1]);
	MUST(t, pp->state == PP_LOCATED);
	wait_for(t, 30000, 1000);
	connected = st->connected;
	play(t, &scenarios[2]);
	MUST(t, st->connected == connected + 1);
	wait_for(t, 30000, 1000);
	answered = st->answered;
	play(t, &scenarios[3]);
	MUST(t, st->answered == answered + 1);
	wait_for(t, 30000, 1000);
	nothing_left(t);
}

static void one(const struct scenario *s, enum peer who, bool restarted, unsigned ms, unsigned at)
{
	struct t *t = mem_new(sizeof(*t));
	char where[120];
	unsigned tick = 0, back = 0;
	const char *only = getenv("TEST_ONLY");

	(void)snprintf(where, sizeof(where), "%s, %s away at tick %u for %u ms, %s", s->name,
	    peer_names[who], at, ms, restarted ? "another process" : "the same process");
	if (only && !strstr(where, only)) {
		free(t);
		return;
	}
	begin_bed(t, s);
	t->where = where;
	for (unsigned i = 0; i < ACTIONS; i++) {
		if (s->does[i] == a_hang_up || s->does[i] == a_far_hangs_up) {

			/* Somebody else's restart ends no call that is up, nor does a short break of the link. */
			if (at >= UP_AT && at < (i - 1) * STEP) {
				MUST(t, phones_calls(t->b.g.r.calls->phones) == 1);
				MUST(t, who != SIPD || restarted || legs(t) == 1);
			}
		}
		if (s->does[i])
			s->does[i](t);
		for (unsigned k = 0; k < STEP; k++, tick++) {
			if (tick == at)
				down(t, who);
			if (tick > at && !back && (tick - at) * TICK >= ms)
				up_again(t, who, restarted), back = 1;
			turn(t);
			tmr_advance(t->b.g.air.w, TICK);
			turn(t);
		}
	}
	if (!back && at != NEVER) {
		wait_for(t, ms - (tick - at) * TICK, 500);
		up_again(t, who, restarted);
	}
	/* Who goes away for a moment only costs nobody anything. */
	wait_for(t, 6000, 200);
	if (ms <= 3000 && s->fresh &&
	    at != 1) /* then certd checks the new key: it is allocated or not */
		MUST(t, device(&t->b) && device(&t->b)->subscribed);
	if (ms <= 3000 && s->does[0] == a_locate)
		MUST(t, device(&t->b)->state == PP_LOCATED);
	/* Who still hears something gives up after a while, and goes out of reach. */
	wait_for(t, 60000, 1000);
	a_hang_up(t);
	wait_for(t, 10000, 1000);
	if (t->h->up)
		off_air(t);
	wait_for(t, 130000, 1000);
	nothing_left(t);
	if (at == NEVER) /* it got where it should */
		MUST(t, lce_stats(t->b.g.r.lce)->moved == (s->does[5] == a_moves));
	usable(t);
	end_bed(t);
	free(t);
}

static void quiet(int prio, const char *line, void *ctx)
{
	(void)prio;
	(void)line;
	(void)ctx;
}

static unsigned every = 4;
static const unsigned away_ms[] = { 8, 100, 3000, 40000 };

static void any_moment(void **state)
{
	(void)state;
	if (!getenv("TEST_ONLY"))
		log_capture(quiet, NULL);
	for (unsigned s = 0; s < ARRAY_LEN(scenarios); s++) {
		unsigned n = ACTIONS;

		while (n > 1 && !scenarios[s].does[n - 1])
			n--;
		one(&scenarios[s], SIPD, false, 0, NEVER);
		for (enum peer who = 0; who < PEER_N; who++)
			for (unsigned how = 0; how < 2 * ARRAY_LEN(away_ms); how++)
				for (unsigned at = how % every; at < (n + 1) * STEP; at += every)
					one(&scenarios[s], who, how & 1, away_ms[how / 2], at);
	}
	log_capture(NULL, NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(any_moment) };

	(void)argv;
	if (argc > 1)
		every = 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
