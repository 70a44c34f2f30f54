/* Requests in flight: deadlines, answers, loss. */
#include <stdlib.h>

#include "common/log.h"
#include "link.pb-c.h"
#include "ipc/ipc_priv.h"

static void finish(struct ipc_pending *q, int err, struct ipc_msg *m)
{
	list_remove(&q->in_peer);
	tmr_stop(&q->timer);
	q->p->in_flight--;
	if (q->cb)
		q->cb(q->ctx, err, m);
	free(q);
}

static void on_pong(void *ctx, int err, struct ipc_msg *m)
{
	struct ipc_peer *p = ctx;

	(void)m;
	p->pinging = false;
	if (err == ERR_TIMEOUT)
		ipc_peer_drop(p, "answers neither requests nor pings");
}

/* A peer that lets a deadline pass is asked whether it lives at all. */
static void ping(struct ipc_peer *p)
{
	Link__Ping body = LINK__PING__INIT;

	if (p->pinging || p->dead || !p->up || p->door == IPC_DOOR_CTL)
		return;
	p->pinging = ipc_request(p, IPC_IF_LINK, LINK__TYPE__LINK_PING, &body.base,
	                 &link__ping__descriptor, IPC_PING_MS, on_pong, p) == 0;
}

static void on_deadline(struct tmr *t, void *ctx)
{
	struct ipc_pending *q = ctx;
	struct ipc_peer *p = q->p;

	(void)t;
	log_ev(LOG_WARNING, "request timed out", F_PEER(p->name), F_U64("IPDECT_IFACE", q->iface),
	    F_U64("IPDECT_TYPE", q->type));
	if (q->cb != on_pong)
		ping(p);
	finish(q, ERR_TIMEOUT, NULL);
}

int ipc_request_fds(struct ipc_peer *p, uint16_t iface, uint16_t type, const ProtobufCMessage *body,
    const int *fds, unsigned nfds, const ProtobufCMessageDescriptor *reply, uint32_t ms,
    ipc_reply_h *cb, void *ctx)
{
	bool hello = iface == IPC_IF_LINK && type == LINK__TYPE__LINK_HELLO;
	struct ipc_pending *q;
	struct ipc_hdr h;
	int err;

	if (!p || p->dead || (!p->up && !hello))
		return ERR_LOST;
	if (p->in_flight >= IPC_IN_FLIGHT)
		return ERR_BUSY;
	if (++p->last_corr == 0)
		p->last_corr = 1;
	h = (struct ipc_hdr){ IPC_MAGIC, IPC_VERSION, IPC_REQ, iface, type, p->last_corr,
		(uint16_t)nfds, 0 };
	err = ipc_peer_send(p, &h, body, fds, nfds, 0);
	if (err)
		return err;
	q = mem_new(sizeof(*q));
	q->p = p;
	q->corr = h.corr;
	q->iface = iface;
	q->type = type;
	q->reply = reply;
	q->cb = cb;
	q->ctx = ctx;
	tmr_init(&q->timer, p->n->def.wheel, on_deadline, q);
	tmr_start(&q->timer, ms ? ms : IPC_DEFAULT_MS);
	list_append(&p->pending, &q->in_peer);
	p->in_flight++;
	return 0;
}

int ipc_request(struct ipc_peer *p, uint16_t iface, uint16_t type, const ProtobufCMessage *body,
    const ProtobufCMessageDescriptor *reply, uint32_t ms, ipc_reply_h *cb, void *ctx)
{
	return ipc_request_fds(p, iface, type, body, NULL, 0, reply, ms, cb, ctx);
}

int ipc_request_later(struct ipc_peer *p, uint16_t iface, uint16_t type,
    const ProtobufCMessage *body, const ProtobufCMessageDescriptor *reply, uint32_t ms,
    ipc_reply_h *cb, void *ctx)
{
	if (!p)
		return ERR_LOST;
	p->later = true;
	int err = ipc_request(p, iface, type, body, reply, ms, cb, ctx);
	p->later = false;
	return err;
}

/* Peers answer mostly in order, so the search is short. */
static struct ipc_pending *pending(struct ipc_peer *p, uint32_t corr)
{
	LIST_FOREACH(&p->pending, it)
	{
		struct ipc_pending *q = LIST_ENTRY(it, struct ipc_pending, in_peer);

		if (q->corr == corr)
			return q;
	}
	return NULL;
}

void ipc_call_answer(struct ipc_peer *p, const struct ipc_hdr *h, const uint8_t *body, size_t n,
    int *fds, unsigned nfds)
{
	struct ipc_pending *q = pending(p, h->corr);
	struct ipc_msg m = { .hdr = *h, .fds = { -1, -1, -1, -1 } };
	const ProtobufCMessageDescriptor *d;
	ProtobufCMessage *b;
	int err = 0;

	if (!q)
		return; /* its deadline is over, or its owner forgot it */
	if (h->iface != q->iface || h->type != q->type) {
		ipc_peer_drop(p, "an answer of another type than the request");
		return;
	}
	d = h->kind == IPC_ERR ? &link__error__descriptor : q->reply;
	b = d ? protobuf_c_message_unpack(d, NULL, n, body) : NULL;
	if (d && !b) {
		ipc_peer_drop(p, "an answer that does not parse");
		return;
	}
	if (h->kind == IPC_ERR) {
		const Link__Error *e = (const Link__Error *)(const void *)b;

		err = e->code < 0 ? e->code : ERR_VALUE;
		if (e->has_text)
			m.text = (struct slice){ (const char *)e->text.data, e->text.len };
	} else {
		m.body = b;
		for (unsigned i = 0; i < nfds; i++)
			m.fds[i] = fds[i];
	}
	finish(q, err, &m);
	if (h->kind != IPC_ERR)
		for (unsigned i = 0; i < nfds; i++)
			fds[i] = m.fds[i];
	if (b)
		protobuf_c_message_free_unpacked(b, NULL);
}

void ipc_call_lost(struct ipc_peer *p)
{
	while (!list_empty(&p->pending))
		finish(LIST_ENTRY(p->pending.next, struct ipc_pending, in_peer), ERR_LOST, NULL);
}

void ipc_forget(struct ipc_node *n, const void *ctx)
{
	LIST_FOREACH(&n->peers, it)
	{
		struct ipc_peer *p = LIST_ENTRY(it, struct ipc_peer, in_node);

		LIST_FOREACH(&p->pending, jt)
		{
			struct ipc_pending *q = LIST_ENTRY(jt, struct ipc_pending, in_peer);

			if (q->ctx == ctx)
				q->cb = NULL;
		}
	}
}
