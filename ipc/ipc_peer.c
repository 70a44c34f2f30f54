/* A live connection: receive, queue, back-pressure, end. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "ipc/ipc_priv.h"

static void on_poll(uv_poll_t *h, int status, int events);

static void watch(struct ipc_peer *p)
{
	int events = (p->paused ? 0 : UV_READABLE | UV_DISCONNECT) | (p->nqueue ? UV_WRITABLE : 0);

	if (p->dead)
		return;
	if (events)
		uv_poll_start(&p->poll, events, on_poll);
	else
		uv_poll_stop(&p->poll);
}

static void on_hello_late(struct tmr *t, void *ctx)
{
	(void)t;
	ipc_peer_drop(ctx, "no hello within 2 s");
}

static void on_doom(struct tmr *t, void *ctx)
{
	struct ipc_peer *p = ctx;

	(void)t;
	ipc_peer_drop(p, p->why);
}

void ipc_peer_doom(struct ipc_peer *p, const char *why)
{
	if (p->dead || p->doomed)
		return;
	p->doomed = true;
	snprintf(p->why, sizeof(p->why), "%s", why);
	tmr_start(&p->doom, 0);
}

struct ipc_peer *ipc_peer_new(struct ipc_node *n, int fd, enum ipc_door door, uint32_t role)
{
	struct ipc_peer *p = mem_new(sizeof(*p));

	p->n = n;
	p->fd = fd;
	p->door = door;
	p->role = role;
	p->uid = (uid_t)-1;
	list_init(&p->pending);
	list_init(&p->tickets);
	list_init(&p->queue);
	list_append(&n->peers, &p->in_node);
	tmr_init(&p->hello, n->def.wheel, on_hello_late, p);
	tmr_init(&p->doom, n->def.wheel, on_doom, p);
	tmr_init(&p->pack.later, n->def.wheel, ipc_pack_on_later, p);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	BUG_ON(uv_poll_init(n->def.loop, &p->poll, fd) != 0);
	p->poll.data = p;
	watch(p);
	return p;
}

static void frame_free(struct ipc_peer *p, struct ipc_frame *f)
{
	list_remove(&f->in_queue);
	p->nqueue--;
	p->queued_octets -= f->n;
	ipc_close_fds(f->fds, f->nfds);
	if (p->n->def.secrets)
		mem_wipe(f->b, f->n);
	free(f);
}

static void on_closed(uv_handle_t *h)
{
	struct ipc_peer *p = h->data;

	close(p->fd);
	free(p->pack.b);
	free(p);
}

void ipc_peer_drop(struct ipc_peer *p, const char *why)
{
	if (p->dead)
		return;
	ipc_pack_flush(p);
	tmr_stop(&p->pack.later);
	p->dead = true;
	/* dectctl leaves after each command: that is not worth a line. */
	log_ev(p->door == IPC_DOOR_CTL      ? LOG_DEBUG
	       : strcmp(why, "closed") != 0 ? LOG_WARNING
	                                    : LOG_NOTICE,
	    "link down", F_PEER(*p->name ? p->name : ipc_role_name(p->role)),
	    F_U64("IPDECT_INSTANCE", p->instance), F_WHY(why));
	tmr_stop(&p->hello);
	tmr_stop(&p->doom);
	ipc_call_lost(p);
	LIST_FOREACH(&p->tickets, it)
	{
		struct ipc_ticket *t = LIST_ENTRY(it, struct ipc_ticket, in_peer);

		list_remove(&t->in_peer);
		t->p = NULL;
	}
	if (p->told && p->n->def.down)
		p->n->def.down(p->n->def.ctx, p);
	LIST_FOREACH(&p->queue, it)
	frame_free(p, LIST_ENTRY(it, struct ipc_frame, in_queue));
	list_remove(&p->in_node);
	if (p->link)
		ipc_link_lost(p->link);
	uv_poll_stop(&p->poll);
	uv_close((uv_handle_t *)&p->poll, on_closed);
}

void ipc_peer_ready(struct ipc_peer *p)
{
	bool restarted = ipc_node_restarted(p->n, p);

	tmr_stop(&p->hello);
	p->up = p->told = true;
	p->gather = p->packs && (p->role & p->n->def.gather);
	log_ev(LOG_NOTICE, "link up", F_PEER(p->name), F_U64("IPDECT_INSTANCE", p->instance),
	    F_TEXT("IPDECT_RESTARTED", restarted ? "yes" : "no"));
	if (p->n->def.up)
		p->n->def.up(p->n->def.ctx, p, restarted);
}

void ipc_peer_pause(struct ipc_peer *p, bool pause)
{
	p->paused = pause;
	watch(p);
}

/* ---- out ---- */

static int enqueue(
    struct ipc_peer *p, const uint8_t *b, size_t n, const int *fds, unsigned nfds, uint32_t key)
{
	struct ipc_frame *f;

	if (key)
		LIST_FOREACH(&p->queue, it)
		{
			struct ipc_frame *old = LIST_ENTRY(it, struct ipc_frame, in_queue);

			/* Same key: same iface and type, too (octets 4 … 7 of the header). */
			if (old->key == key && memcmp(old->b + 4, b + 4, 4) == 0)
				frame_free(p, old);
		}
	if (p->nqueue >= IPC_QUEUE || p->queued_octets + n > IPC_QUEUE_OCTETS)
		return ERR_BUSY;
	f = mem_new(sizeof(*f) + n);
	f->n = n;
	f->key = key;
	memcpy(f->b, b, n);
	for (; f->nfds < nfds; f->nfds++)
		if ((f->fds[f->nfds] = fcntl(fds[f->nfds], F_DUPFD_CLOEXEC, 3)) < 0) {
			int err = -errno;

			ipc_close_fds(f->fds, f->nfds);
			free(f);
			return err;
		}
	list_append(&p->queue, &f->in_queue);
	p->nqueue++;
	p->queued_octets += n;
	watch(p);
	return 0;
}

int ipc_peer_put(struct ipc_peer *p, const uint8_t *b, size_t n)
{
	int err = p->nqueue ? -EAGAIN : ipc_sock_send(p->fd, b, n, NULL, 0);

	return err == -EAGAIN || err == -ENOBUFS ? enqueue(p, b, n, NULL, 0, 0) : err;
}

int ipc_peer_send(struct ipc_peer *p, const struct ipc_hdr *h, const ProtobufCMessage *body,
    const int *fds, unsigned nfds, uint32_t key)
{
	size_t n = body ? protobuf_c_message_get_packed_size(body) : 0;
	uint8_t *b = p->n->buf;
	int err;

	if (p->dead || p->doomed)
		return ERR_LOST;
	if (n > IPC_MAX_BODY || nfds > IPC_MAX_FDS)
		return ERR_LIMIT;
	if (nfds == 0 && key == 0 && ipc_pack_put(p, h, body, n))
		return 0;
	ipc_pack_flush(p);
	ipc_hdr_put(b, h);
	if (body)
		protobuf_c_message_pack(body, b + 16);
	n += 16;
	if (p->nqueue == 0) {
		err = ipc_sock_send(p->fd, b, n, fds, nfds);
		if (err != -EAGAIN && err != -ENOBUFS) {
			if (p->n->def.secrets)
				mem_wipe(b, n);
			return err == -EPIPE || err == -ECONNRESET ? ERR_LOST : err;
		}
	}
	err = enqueue(p, b, n, fds, nfds, key);
	if (p->n->def.secrets)
		mem_wipe(b, n);
	return err;
}

static void flush(struct ipc_peer *p)
{
	while (!p->dead && !p->doomed && !list_empty(&p->queue)) {
		struct ipc_frame *f = LIST_ENTRY(p->queue.next, struct ipc_frame, in_queue);
		int err = ipc_sock_send(p->fd, f->b, f->n, f->fds, f->nfds);

		if (err == -EAGAIN || err == -ENOBUFS)
			return;
		if (err) {
			ipc_peer_drop(p, "closed");
			return;
		}
		frame_free(p, f);
	}
	watch(p);
}

/* ---- in ---- */

static unsigned take_pack(struct ipc_peer *p, const uint8_t *b, size_t n);

/* How many frames it was. */
static unsigned take(struct ipc_peer *p, const uint8_t *b, size_t n, int *fds, unsigned nfds)
{
	const char *why = NULL;
	struct ipc_hdr h;
	unsigned taken = 1;
	int err = ipc_hdr_get(b, n, nfds, &h);

	if (err) {
		why = "malformed frame header";
	} else if (h.kind == IPC_PACK) {
		taken = take_pack(p, b + 16, n - 16);
	} else if (h.kind == IPC_REP || h.kind == IPC_ERR) {
		ipc_call_answer(p, &h, b + 16, n - 16, fds, nfds);
	} else if (h.iface == IPC_IF_LINK &&
	           (err = ipc_link_frame(p, &h, b + 16, n - 16, &why)) <= 0) {
		/* hello and ping were answered there */
	} else if (!p->up) {
		err = ERR_STATE;
		why = "a frame before the hello";
	} else {
		err = ipc_dispatch(p, &h, b + 16, n - 16, fds, nfds, &why);
	}
	ipc_close_fds(fds, nfds);
	if (err < 0 && !p->dead)
		ipc_peer_drop(p, why ? why : err_text(err));
	return taken;
}

/* A copy, because handlers pack their answers where b lies. */
static unsigned take_pack(struct ipc_peer *p, const uint8_t *b, size_t n)
{
	uint8_t *all = mem_dup(b, n);
	struct rd r = rd_of(all, n);
	struct slice f;
	unsigned taken = 1;
	int err = 0;

	if (!p->up)
		ipc_peer_drop(p, "a pack before the hello");
	while (!p->dead && !p->doomed && (err = ipc_pack_next(&r, &f)) > 0) {
		/* Not one in another: it would be as deep as its sender likes. */
		if ((uint8_t)f.p[3] == IPC_PACK) {
			err = ERR_SYNTAX;
			break;
		}
		taken += take(p, (const uint8_t *)f.p, f.n, NULL, 0);
	}
	if (err < 0 && !p->dead)
		ipc_peer_drop(p, "a malformed pack");
	if (p->n->def.secrets)
		mem_wipe(all, n);
	free(all);
	return taken;
}

static void on_poll(uv_poll_t *h, int status, int events)
{
	struct ipc_peer *p = h->data;

	if (status < 0) {
		ipc_peer_drop(p, "closed");
		return;
	}
	if (events & UV_WRITABLE)
		flush(p);
	if (!(events & (UV_READABLE | UV_DISCONNECT)))
		return;
	for (unsigned i = 0; i < IPC_TURN && !p->dead && !p->doomed && !p->paused; /* frames */) {
		int fds[IPC_MAX_FDS];
		unsigned nfds, took;
		ssize_t n = ipc_sock_recv(p->fd, p->n->buf, IPC_FRAME_MAX, fds, &nfds);

		if (n == -EAGAIN)
			return;
		if (n < 0) {
			ipc_peer_drop(p,
			    n == ERR_LIMIT ? "frame too long or too many descriptors" : "closed");
			return;
		}
		took = take(p, p->n->buf, (size_t)n, fds, nfds);
		i += took;
		if (p->n->def.secrets)
			mem_wipe(p->n->buf, (size_t)n);
		if (took > 1)
			return; /* what else it had is most probably in the same frame */
	}
}

/* ---- events, accessors ---- */

size_t ipc_waiting(const struct ipc_peer *p)
{
	return p ? p->nqueue : 0;
}

int ipc_event(struct ipc_peer *p, uint16_t iface, uint16_t type, const ProtobufCMessage *body)
{
	struct ipc_hdr h = { IPC_MAGIC, IPC_VERSION, IPC_EVT, iface, type, 0, 0, 0 };
	int err;

	if (!p || p->dead || !p->up)
		return ERR_LOST;
	err = ipc_peer_send(p, &h, body, NULL, 0, 0);
	if (err == ERR_BUSY)
		ipc_peer_doom(p, "does not read: its queue of events is full");
	return err;
}

int ipc_event_latest(
    struct ipc_peer *p, uint16_t iface, uint16_t type, uint32_t key, const ProtobufCMessage *body)
{
	struct ipc_hdr h = { IPC_MAGIC, IPC_VERSION, IPC_EVT, iface, type, 0, 0, 0 };

	if (!p || p->dead || !p->up)
		return ERR_LOST;
	return ipc_peer_send(p, &h, body, NULL, 0, key);
}

uint32_t ipc_peer_role(const struct ipc_peer *p)
{
	return p->role;
}

const char *ipc_peer_name(const struct ipc_peer *p)
{
	return p->name;
}

uint32_t ipc_peer_instance(const struct ipc_peer *p)
{
	return p->instance;
}

uint64_t ipc_peer_epoch(const struct ipc_peer *p)
{
	return p->epoch;
}

uid_t ipc_peer_uid(const struct ipc_peer *p)
{
	return p->uid;
}

struct ipc_node *ipc_peer_node(const struct ipc_peer *p)
{
	return p->n;
}

void *ipc_ctx(const struct ipc_peer *p)
{
	return p->n->def.ctx;
}

void ipc_peer_set(struct ipc_peer *p, void *user)
{
	p->user = user;
}

void *ipc_peer_get(const struct ipc_peer *p)
{
	return p->user;
}
