#ifndef TESTS_PRESENCED_ROOM_RIG_H
#define TESTS_PRESENCED_ROOM_RIG_H
#include <sys/socket.h>

#include "call.pb-c.h"
#include "cert.pb-c.h"
#include "common/list.h"
#include "common/mem.h"
#include "ctl.pb-c.h"
#include "ipc/daemon_priv.h"
#include "pres.pb-c.h"
#include "presenced/presenced.h"
#include "tests/unit/certd/tmpdir.h"

/* The whole of presenced in this process on a fake clock, with a sipd and a certd that say what the test wants, when it wants. */

enum asked_kind { ASKED_SEND, ASKED_SUBSCRIBE, ASKED_UNSUBSCRIBE };
struct rig_asked { /* what presenced waits for */
	struct list node;
	enum asked_kind kind;
	struct ipc_ticket *t;
	char user[PRES_NAME_MAX + 1], event[40], body[6000];
	uint64_t id;
	bool dead; /* for the test: sipd will not keep what is asked for */
};
struct rig {
	struct run run;
	uv_loop_t loop;
	struct tmr_wheel *wheel;
	struct presenced_conf conf[2];
	unsigned which; /* of conf: in force */
	struct daemon_def def;
	char *dir;
	struct ipc_node *node;         /* the others' ends */
	struct ipc_peer *sipd, *certd; /* there; NULL: away */
	struct list asked;
	unsigned nasked;
	/* of the last answer */
	unsigned answers;
	int err;
	char text[300];
};

static inline void rig_copy(char *out, size_t cap, ProtobufCBinaryData b)
{
	size_t n = b.len < cap - 1 ? b.len : cap - 1;

	if (n)
		memcpy(out, b.data, n);
	out[n] = '\0';
}

static inline struct rig_asked *rig_keep(
    struct ipc_peer *p, struct ipc_msg *m, enum asked_kind kind, const char *user)
{
	struct rig *g = ipc_ctx(p);
	struct rig_asked *a = mem_new(sizeof(*a));

	a->kind = kind;
	a->t = ipc_defer(p, m);
	snprintf(a->user, sizeof(a->user), "%s", user);
	list_append(&g->asked, &a->node);
	g->nasked++;
	return a;
}

static inline int rig_on_send(struct ipc_peer *p, struct ipc_msg *m)
{
	const Pres__Send *q = IPC_BODY(m, Pres__Send);
	struct rig_asked *a = rig_keep(p, m, ASKED_SEND, q->user);

	rig_copy(a->event, sizeof(a->event), q->method);
	rig_copy(a->body, sizeof(a->body), q->body);
	return 0;
}

static inline int rig_on_subscribe(struct ipc_peer *p, struct ipc_msg *m)
{
	const Pres__Subscribe *q = IPC_BODY(m, Pres__Subscribe);
	struct rig_asked *a = rig_keep(p, m, ASKED_SUBSCRIBE, q->user);

	a->id = q->id;
	rig_copy(a->event, sizeof(a->event), q->event);
	rig_copy(a->body, sizeof(a->body), q->body);
	return 0;
}

static inline int rig_on_unsubscribe(struct ipc_peer *p, struct ipc_msg *m)
{
	const Pres__Unsubscribe *q = IPC_BODY(m, Pres__Unsubscribe);

	rig_keep(p, m, ASKED_UNSUBSCRIBE, q->user)->id = q->id;
	return 0;
}

static inline int rig_on_event(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	(void)m;
	return 0;
}

static const struct ipc_handler rig_handlers[] = {
	{ IPC_IF_PRES, PRES__TYPE__PRES_SEND, IPC_REQ, 0, IPC_MAX_BODY, IPC_PRESENCED,
	    &pres__send__descriptor, rig_on_send },
	{ IPC_IF_PRES, PRES__TYPE__PRES_SUBSCRIBE, IPC_REQ, 0, IPC_MAX_BODY, IPC_PRESENCED,
	    &pres__subscribe__descriptor, rig_on_subscribe },
	{ IPC_IF_PRES, PRES__TYPE__PRES_UNSUBSCRIBE, IPC_REQ, 0, 512, IPC_PRESENCED,
	    &pres__unsubscribe__descriptor, rig_on_unsubscribe },
	{ IPC_IF_PRES, PRES__TYPE__PRES_STATE, IPC_EVT, 0, 1024, IPC_PRESENCED,
	    &call__presence__descriptor, rig_on_event },
	{ IPC_IF_PRES, PRES__TYPE__PRES_PROVISION, IPC_EVT, 0, IPC_MAX_BODY, IPC_PRESENCED,
	    &pres__provision__descriptor, rig_on_event },
	{ IPC_IF_PRES, PRES__TYPE__PRES_MWI, IPC_EVT, 0, 1024, IPC_PRESENCED,
	    &call__notice__descriptor, rig_on_event },
	{ IPC_IF_CTL, CTL__TYPE__CTL_ROW, IPC_EVT, 0, IPC_MAX_BODY, IPC_PRESENCED,
	    &ctl__row__descriptor, rig_on_event },
};

static inline void rig_drop_asked(struct rig *g, struct rig_asked *a)
{
	list_remove(&a->node);
	free(a);
	g->nasked--;
}

static inline void rig_pump(struct rig *g)
{
	for (unsigned i = 0; i < 6; i++)
		uv_run(&g->loop, UV_RUN_NOWAIT);
}

static inline void rig_wait(struct rig *g, uint64_t ms)
{
	for (rig_pump(g); ms > 0;) {
		uint64_t step = ms < 1000 ? ms : 1000; /* the links live by answers to pings */

		tmr_advance(g->wheel, step);
		rig_pump(g);
		ms -= step;
	}
}

static inline void rig_up(void *ctx, struct ipc_peer *p, bool restarted)
{
	struct daemon *d = ctx;

	if (ipc_peer_role(p) & IPC_DAEMONS)
		presenced_up(d, p, restarted);
}
static inline void rig_down(void *ctx, struct ipc_peer *p)
{
	struct daemon *d = ctx;

	ctl_peer_gone(d->ctl, p);
	if (ipc_peer_role(p) & IPC_DAEMONS)
		presenced_down(d, p);
}
/* An end of the others' went away: what was asked there is not answered any more. */
static inline void rig_lost(void *ctx, struct ipc_peer *p)
{
	struct rig *g = ctx;

	if (p == g->sipd)
		g->sipd = NULL;
	if (p == g->certd)
		g->certd = NULL;
}

/* Always as a new process; presenced_up() once more makes it the one from before. */
static inline struct ipc_peer *rig_join(struct rig *g, uint32_t role)
{
	int fd[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	struct ipc_peer *p = ipc_join(g->node, fd[1], IPC_PRESENCED);
	ipc_join(g->run.d.ipc, fd[0], role);
	return p;
}

static inline void rig_default_conf(struct presenced_conf *c)
{
	for (size_t i = 0; i < presenced_nkeys; i++)
		assert_int_equal(
		    conf_set(&presenced_keys[i], slice_str(presenced_keys[i].def), c), 0);
}

static inline void rig_start(struct rig *g)
{
	struct daemon *d = &g->run.d;
	struct ipc_node_def nd = { .loop = &g->loop,
		.name = "presenced",
		.handlers = presenced_handlers,
		.nhandlers = presenced_nhandlers,
		.handlers2 = ctl_handlers,
		.nhandlers2 = ctl_nhandlers,
		.up = rig_up,
		.down = rig_down,
		.ctx = d };
	struct ipc_node_def od = { .loop = &g->loop,
		.name = "sipd",
		.handlers = rig_handlers,
		.nhandlers = ARRAY_LEN(rig_handlers),
		.down = rig_lost,
		.ctx = g };

	memset(&g->run, 0, sizeof(g->run));
	assert_int_equal(uv_loop_init(&g->loop), 0);
	g->wheel = nd.wheel = od.wheel = tmr_wheel_new(NULL);
	g->def = (struct daemon_def){
		.name = "presenced", .cmds = presenced_cmds, .ncmds = presenced_ncmds
	};
	d->loop = &g->loop;
	d->wheel = g->wheel;
	d->def = &g->def;
	d->conf = &g->conf[g->which];
	d->state_dir = g->dir;
	d->stats = stat_set_new();
	d->ctl = ctl_new(d);
	d->ipc = ipc_node_new(&nd);
	g->node = ipc_node_new(&od);
	assert_int_equal(presenced_init(d), 0);
}

static inline struct rig *rig_new(void)
{
	struct rig *g = mem_new(sizeof(*g));

	list_init(&g->asked);
	g->dir = tmp_make();
	rig_default_conf(&g->conf[0]);
	rig_default_conf(&g->conf[1]);
	rig_start(g);
	return g;
}

static inline void rig_stop(struct rig *g)
{
	g->sipd = g->certd = NULL;
	while (!list_empty(&g->asked)) {
		struct rig_asked *a = LIST_ENTRY(g->asked.next, struct rig_asked, node);

		ipc_ticket_fail(a->t, ERR_LOST, "gone");
		rig_drop_asked(g, a);
	}
	ipc_node_free(g->run.d.ipc);
	ipc_node_free(g->node);
	presenced_fini(&g->run.d);
	ctl_free(g->run.d.ctl);
	rig_pump(g);
	tmr_wheel_free(g->wheel);
	rig_pump(g);
	assert_int_equal(uv_loop_close(&g->loop), 0);
	stat_set_free(g->run.d.stats);
}

static inline void rig_free(struct rig *g)
{
	rig_stop(g);
	conf_free(presenced_keys, presenced_nkeys, &g->conf[0]);
	conf_free(presenced_keys, presenced_nkeys, &g->conf[1]);
	tmp_remove(g->dir);
	free(g);
}

static inline struct presenced *rig_room(struct rig *g)
{
	return presenced_of(&g->run.d);
}

static inline ProtobufCBinaryData rig_bin(const char *s)
{
	return (ProtobufCBinaryData){ strlen(s), (uint8_t *)(uintptr_t)s };
}

/* ---- what sipd says ---- */

static inline void rig_say(struct rig *g, uint16_t type, const ProtobufCMessage *m)
{
	if (g->sipd)
		(void)ipc_event(g->sipd, IPC_IF_PRES, type, m);
}

static inline void rig_user(struct rig *g, char *name)
{
	Base__User u = BASE__USER__INIT;

	u.name = name;
	rig_say(g, PRES__TYPE__PRES_USER_PUT, &u.base);
}

static inline void rig_gone(struct rig *g, char *name)
{
	Call__UserGone u = CALL__USER_GONE__INIT;

	u.name = name;
	rig_say(g, PRES__TYPE__PRES_USER_GONE, &u.base);
}

static inline void rig_done(struct rig *g)
{
	Call__UsersDone u = CALL__USERS_DONE__INIT;

	rig_say(g, PRES__TYPE__PRES_USERS_DONE, &u.base);
}

static inline void rig_reg(struct rig *g, char *name, bool up, bool lync, const char *aor)
{
	Pres__Reg r = PRES__REG__INIT;

	r.user = name;
	r.up = up;
	r.has_aor = aor != NULL;
	r.aor = rig_bin(aor ? aor : "");
	r.has_lync = r.has_adhoclist = r.has_epid = r.has_instance = lync;
	r.lync = r.adhoclist = lync;
	r.epid = rig_bin("0123456789");
	r.instance = rig_bin("00000000-0000-0000-0000-000000000001");
	rig_say(g, PRES__TYPE__PRES_REG, &r.base);
}

static inline void rig_calls(struct rig *g, char *name, uint32_t active)
{
	Pres__Calls c = PRES__CALLS__INIT;

	c.user = name;
	c.active = active;
	rig_say(g, PRES__TYPE__PRES_CALLS, &c.base);
}

static inline void rig_reach(struct rig *g, char *name, bool reachable, bool used)
{
	Pres__Reach r = PRES__REACH__INIT;

	r.user = name;
	r.reachable = reachable;
	r.has_used = r.used = used;
	rig_say(g, PRES__TYPE__PRES_REACH, &r.base);
}

static inline void rig_notify(
    struct rig *g, const char *name, uint64_t id, const char *type, const char *body, bool ended)
{
	Pres__Notify n = PRES__NOTIFY__INIT;

	n.user = (char *)(uintptr_t)name;
	n.id = id;
	n.event = rig_bin("presence");
	n.has_content_type = n.has_body = *body != '\0';
	n.content_type = rig_bin(type);
	n.body = rig_bin(body);
	n.has_ended = n.ended = ended;
	rig_say(g, PRES__TYPE__PRES_NOTIFY, &n.base);
}

/* Answers a question of presenced's; body may be "". */
static inline void rig_reply(
    struct rig *g, struct rig_asked *a, uint32_t code, const char *type, const char *body)
{
	Pres__Subscribed s = PRES__SUBSCRIBED__INIT;
	Pres__Sent e = PRES__SENT__INIT;
	Pres__Header h[2] = { PRES__HEADER__INIT, PRES__HEADER__INIT }, *ptr[2] = { &h[0], &h[1] };
	Call__Ok ok = CALL__OK__INIT;

	if (a->kind == ASKED_SUBSCRIBE) {
		s.code = code;
		s.has_content_type = s.has_body = *body != '\0';
		s.content_type = rig_bin(type);
		s.body = rig_bin(body);
		ipc_ticket_reply(a->t, &s.base);
	} else if (a->kind == ASKED_SEND) {
		h[0].name = rig_bin("SIP-ETag");
		h[0].value = rig_bin("tag1");
		h[1].name = rig_bin("Expires");
		h[1].value = rig_bin("600");
		e.code = code;
		e.header = ptr;
		e.n_header = code < 300 && strcmp(a->event, "PUBLISH") == 0 ? 2 : 0;
		e.has_content_type = e.has_body = *body != '\0';
		e.content_type = rig_bin(type);
		e.body = rig_bin(body);
		ipc_ticket_reply(a->t, &e.base);
	} else {
		ipc_ticket_reply(a->t, &ok.base);
	}
	rig_drop_asked(g, a);
}

/* The oldest question of a kind for a user; event NULL: any. */
static inline struct rig_asked *rig_asked(
    struct rig *g, enum asked_kind kind, const char *user, const char *event)
{
	LIST_FOREACH(&g->asked, it)
	{
		struct rig_asked *a = LIST_ENTRY(it, struct rig_asked, node);

		if (a->kind == kind && strcmp(a->user, user) == 0 &&
		    (!event || strcmp(a->event, event) == 0))
			return a;
	}
	return NULL;
}

static inline void rig_on_answer(void *ctx, int err, struct ipc_msg *m)
{
	struct rig *g = ctx;

	g->answers++;
	g->err = err;
	g->text[0] = '\0';
	if (m && m->text.n && slice_copy(m->text, g->text, sizeof(g->text)) != 0)
		g->text[0] = '\0';
}

static inline void rig_ask(struct rig *g, uint16_t type, const ProtobufCMessage *m,
    const ProtobufCMessageDescriptor *reply)
{
	assert_int_equal(
	    ipc_request(g->sipd, IPC_IF_PRES, type, m, reply, 60000, rig_on_answer, g), 0);
}

static inline void rig_links(struct rig *g)
{
	g->sipd = rig_join(g, IPC_SIPD);
	rig_pump(g);
}

static inline enum pres_shown rig_shown(struct rig *g, const char *name)
{
	struct puser *u = puser_find(rig_room(g), slice_str(name));
	struct pres_view v;

	assert_non_null(u);
	pres_user_view(&u->pres, &v);
	return pres_shown(&v, u->registered);
}
#endif
