#ifndef TESTS_CERTD_RIG_H
#define TESTS_CERTD_RIG_H
#include <sys/socket.h>

#include "cert.pb-c.h"
#include "certd/certd.h"
#include "common/mem.h"
#include "ipc/daemon_priv.h"
#include "tests/unit/certd/tmpdir.h"

/* certd in this process, with peers of any role on socket pairs. */
struct rig {
	struct run run;
	uv_loop_t loop;
	struct tmr_wheel *wheel;
	struct certd_conf conf;
	char *dir;
	struct daemon_def def;
	struct ipc_node *client; /* the other ends */
	struct ipc_node *nodes[2];
	void (*lost)(struct rig *g, struct ipc_peer *p); /* one of theirs; may be NULL */
	/* of the last answer */
	bool done;
	int err;
	char text[300];
	ProtobufCMessage *body;
	int fd;
};

static inline int rig_changed(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	(void)m;
	return 0;
}

static const struct ipc_handler rig_events[] = {
	{ IPC_IF_CERT, CERT__TYPE__CERT_CHANGED, IPC_EVT, 0, 256, IPC_CERTD,
	    &cert__changed__descriptor, rig_changed },
};

static inline void rig_up(void *ctx, struct ipc_peer *p, bool restarted)
{
	certd_up(ctx, p, restarted);
}

static inline void rig_down(void *ctx, struct ipc_peer *p)
{
	ctl_peer_gone(((struct daemon *)ctx)->ctl, p);
}

static inline void rig_lost(void *ctx, struct ipc_peer *p)
{
	struct rig *g = ctx;

	if (g->lost)
		g->lost(g, p);
}

static inline void rig_start(struct rig *g)
{
	struct daemon *d = &g->run.d;
	struct ipc_node_def nd = { .loop = &g->loop,
		.name = "certd",
		.handlers = certd_handlers,
		.nhandlers = certd_nhandlers,
		.handlers2 = ctl_handlers,
		.nhandlers2 = ctl_nhandlers,
		.up = rig_up,
		.down = rig_down,
		.ctx = d };
	struct ipc_node_def cd = { .loop = &g->loop,
		.name = "sipd",
		.handlers = rig_events,
		.nhandlers = 1,
		.down = rig_lost,
		.ctx = g };

	memset(&g->run, 0, sizeof(g->run));
	assert_int_equal(uv_loop_init(&g->loop), 0);
	g->wheel = tmr_wheel_new(&g->loop);
	nd.wheel = cd.wheel = g->wheel;
	g->def = (struct daemon_def){ .name = "certd", .cmds = certd_cmds, .ncmds = certd_ncmds };
	d->loop = &g->loop;
	d->wheel = g->wheel;
	d->def = &g->def;
	d->conf = &g->conf;
	d->state_dir = g->dir;
	d->stats = stat_set_new();
	d->ctl = ctl_new(d);
	d->ipc = ipc_node_new(&nd);
	g->client = ipc_node_new(&cd);
	g->fd = -1;
	assert_int_equal(certd_init(d), 0);
}

static inline void rig_new(struct rig *g)
{
	memset(g, 0, sizeof(*g));
	g->dir = tmp_make();
	for (size_t i = 0; i < certd_nkeys; i++)
		assert_int_equal(
		    conf_set(&certd_keys[i], slice_str(certd_keys[i].def), &g->conf), 0);
	rig_start(g);
}

static inline void rig_stop(struct rig *g)
{
	ipc_node_free(g->client);
	ipc_node_free(g->run.d.ipc);
	certd_fini(&g->run.d);
	ctl_free(g->run.d.ctl);
	for (int i = 0; i < 8; i++)
		uv_run(&g->loop, UV_RUN_NOWAIT);
	tmr_wheel_free(g->wheel);
	for (int i = 0; i < 8; i++)
		uv_run(&g->loop, UV_RUN_NOWAIT);
	assert_int_equal(uv_loop_close(&g->loop), 0);
	stat_set_free(g->run.d.stats);
	if (g->body)
		protobuf_c_message_free_unpacked(g->body, NULL);
	g->body = NULL;
	if (g->fd >= 0)
		close(g->fd);
	g->fd = -1;
}

/* certd ends and starts again on the same directory. */
static inline void rig_restart(struct rig *g)
{
	rig_stop(g);
	rig_start(g);
}

static inline void rig_free(struct rig *g)
{
	rig_stop(g);
	conf_free(certd_keys, certd_nkeys, &g->conf);
	tmp_remove(g->dir);
}

static inline struct ipc_peer *rig_peer(struct rig *g, uint32_t role)
{
	int fd[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	ipc_join(g->run.d.ipc, fd[0], role);
	return ipc_join(g->client, fd[1], IPC_CERTD);
}

static inline void rig_answer(void *ctx, int err, struct ipc_msg *m)
{
	struct rig *g = ctx;

	g->done = true;
	g->err = err;
	g->text[0] = '\0';
	if (m && m->text.n && slice_copy(m->text, g->text, sizeof(g->text)) != 0)
		g->text[0] = '\0';
	if (!err) {
		size_t n = protobuf_c_message_get_packed_size(m->body);
		uint8_t *buf = mem_new(n + 1);

		protobuf_c_message_pack(m->body, buf);
		g->body = protobuf_c_message_unpack(m->body->descriptor, NULL, n, buf);
		free(buf);
		g->fd = m->fds[0];
		m->fds[0] = -1;
	}
}

/* Asks and waits. The body, if any, is kept until the next question. */
static inline int rig_ask(struct rig *g, struct ipc_peer *p, uint16_t type,
    const ProtobufCMessage *body, const ProtobufCMessageDescriptor *reply)
{
	if (g->body)
		protobuf_c_message_free_unpacked(g->body, NULL);
	if (g->fd >= 0)
		close(g->fd);
	g->body = NULL;
	g->fd = -1;
	g->done = false;
	assert_int_equal(ipc_request(p, IPC_IF_CERT, type, body, reply, 60000, rig_answer, g), 0);
	while (!g->done)
		uv_run(&g->loop, UV_RUN_ONCE);
	return g->err;
}
#define RIG_BODY(g, type) ((const type *)(const void *)(g)->body)

static inline ProtobufCBinaryData rig_bin(const void *p, size_t n)
{
	return (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)p };
}
#define RIG_TEXT(s) rig_bin(s, strlen(s))
#endif
