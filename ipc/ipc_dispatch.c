/* Requests and events that arrive: refuse first, parse later. And the answers. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "link.pb-c.h"
#include "ipc/ipc_priv.h"

int ipc_table_check(const struct ipc_handler *t, size_t n)
{
	if (n > 64)
		return ERR_LIMIT;
	for (size_t i = 0; i < n; i++) {
		if (t[i].max > IPC_MAX_BODY || t[i].nfds > IPC_MAX_FDS)
			return ERR_LIMIT;
		if (!t[i].desc || !t[i].fn || !t[i].roles ||
		    (t[i].kind != IPC_REQ && t[i].kind != IPC_EVT))
			return ERR_VALUE;
		for (size_t j = 0; j < i; j++)
			if (t[i].iface == t[j].iface && t[i].type == t[j].type &&
			    t[i].kind == t[j].kind)
				return ERR_EXISTS;
	}
	return 0;
}

bool ipc_enum_ok(const ProtobufCEnumDescriptor *d, int v)
{
	return protobuf_c_enum_descriptor_get_value(d, v) != NULL;
}

static const struct ipc_handler *find(const struct ipc_node *n, const struct ipc_hdr *h)
{
	for (size_t i = 0; i < n->def.nhandlers; i++) {
		const struct ipc_handler *x = &n->def.handlers[i];

		if (x->type == h->type && x->iface == h->iface && x->kind == h->kind)
			return x;
	}
	for (size_t i = 0; i < n->def.nhandlers2; i++) {
		const struct ipc_handler *x = &n->def.handlers2[i];

		if (x->type == h->type && x->iface == h->iface && x->kind == h->kind)
			return x;
	}
	return NULL;
}

int ipc_dispatch(struct ipc_peer *p, const struct ipc_hdr *h, const uint8_t *body, size_t n,
    int *fds, unsigned nfds, const char **why)
{
	const struct ipc_handler *x = find(p->n, h);
	struct ipc_msg m = { .hdr = *h, .fds = { -1, -1, -1, -1 } };
	ProtobufCMessage *b;
	int rc;

	if (!x) {
		/* A newer peer may ask what we do not know yet: it is told so. Unknown events are dropped. */
		log_ev(LOG_WARNING, "unknown message type", F_PEER(p->name),
		    F_U64("IPDECT_IFACE", h->iface), F_U64("IPDECT_TYPE", h->type));
		if (h->kind == IPC_REQ)
			ipc_fail(p, &m, ERR_UNSUPP, "this build does not know the request");
		return 0;
	}
	/* Each holds memory of ours: who does not wait for the answers cannot have as much as it likes. */
	if (h->kind == IPC_REQ && p->owing >= IPC_IN_FLIGHT) {
		ipc_fail(p, &m, ERR_BUSY, "%u requests wait for their answers", p->owing);
		return 0;
	}
	if (!(x->roles & p->role)) {
		*why = "asked for what its role may not";
		return ERR_DENIED;
	}
	if (n > x->max || nfds > x->nfds) {
		*why = "a body longer, or more descriptors, than the request may have";
		return ERR_LIMIT;
	}
	b = protobuf_c_message_unpack(x->desc, NULL, n, body);
	if (!b) {
		*why = "a body that does not parse";
		return ERR_SYNTAX;
	}
	m.body = b;
	p->owed = h->corr;
	for (unsigned i = 0; i < nfds; i++)
		m.fds[i] = fds[i];
	rc = x->fn(p, &m);
	if (rc >= 0 && p->owed == h->corr && h->kind == IPC_REQ && !p->dead) {
		/* Our own bug, but the peer must not wait for it. */
		log_ev(LOG_ERR, "request without an answer", F_PEER(p->name),
		    F_U64("IPDECT_IFACE", h->iface), F_U64("IPDECT_TYPE", h->type));
		rc = ERR_STATE;
	}
	for (unsigned i = 0; i < nfds; i++)
		fds[i] = m.fds[i]; /* -1 where the handler kept it */
	if (rc < 0 && m.hdr.corr && h->kind == IPC_REQ)
		ipc_fail(p, &m, rc, "%s", err_text(rc));
	else if (rc < 0)
		log_ev(LOG_INFO, "event refused", F_PEER(p->name), F_U64("IPDECT_IFACE", h->iface),
		    F_U64("IPDECT_TYPE", h->type), F_ERR(rc));
	p->owed = 0;
	if (m.body)
		protobuf_c_message_free_unpacked(b, NULL);
	return 0;
}

/* A reply that cannot be queued is lost with its peer: the other side would wait for nothing. */
static void answer(struct ipc_peer *p, const struct ipc_hdr *h, uint8_t kind,
    const ProtobufCMessage *body, const int *fds, unsigned nfds)
{
	struct ipc_hdr r = { IPC_MAGIC, IPC_VERSION, kind, h->iface, h->type, h->corr,
		(uint16_t)nfds, 0 };
	int err = ipc_peer_send(p, &r, body, fds, nfds, 0);

	if (p->owed == h->corr)
		p->owed = 0;
	if (err == ERR_LIMIT && kind == IPC_REP) {
		log_ev(LOG_ERR, "reply longer than a frame", F_PEER(p->name),
		    F_U64("IPDECT_TYPE", h->type));
		ipc_fail(p, &(struct ipc_msg){ .hdr = *h }, ERR_LIMIT,
		    "the answer is longer than a frame");
	} else if (err && !p->dead) {
		ipc_peer_doom(
		    p, err == ERR_BUSY ? "does not read: its queue of answers is full" : "closed");
	}
}

int ipc_reply_fds(struct ipc_peer *p, const struct ipc_msg *m, const ProtobufCMessage *body,
    const int *fds, unsigned nfds)
{
	if (m->hdr.corr)
		answer(p, &m->hdr, IPC_REP, body, fds, nfds);
	return 0;
}

int ipc_reply(struct ipc_peer *p, const struct ipc_msg *m, const ProtobufCMessage *body)
{
	return ipc_reply_fds(p, m, body, NULL, 0);
}

int ipc_reply_later(struct ipc_peer *p, const struct ipc_msg *m, const ProtobufCMessage *body)
{
	p->later = true;
	int err = ipc_reply(p, m, body);
	p->later = false;
	return err;
}

static void fail(struct ipc_peer *p, const struct ipc_hdr *h, int err, const char *fmt, va_list ap)
{
	Link__Error e = LINK__ERROR__INIT;
	char text[513];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	e.code = err;
	e.has_text = n > 0;
	e.text.data = (uint8_t *)text;
	e.text.len = n > 512 ? 512 : n > 0 ? (size_t)n : 0;
	answer(p, h, IPC_ERR, &e.base, NULL, 0);
}

int ipc_fail(struct ipc_peer *p, const struct ipc_msg *m, int err, const char *fmt, ...)
{
	va_list ap;

	if (m->hdr.corr == 0)
		return 0;
	va_start(ap, fmt);
	fail(p, &m->hdr, err, fmt, ap);
	va_end(ap);
	return 0;
}

struct ipc_ticket *ipc_defer(struct ipc_peer *p, const struct ipc_msg *m)
{
	struct ipc_ticket *t = mem_new(sizeof(*t));

	if (p->owed == m->hdr.corr)
		p->owed = 0;
	t->p = p->dead ? NULL : p;
	t->hdr = m->hdr;
	list_init(&t->in_peer);
	if (t->p) {
		list_append(&p->tickets, &t->in_peer);
		p->owing++;
	}
	return t;
}

static void settle(struct ipc_ticket *t)
{
	list_remove(&t->in_peer);
	if (t->p)
		t->p->owing--;
}

void ipc_ticket_reply_fds(
    struct ipc_ticket *t, const ProtobufCMessage *body, const int *fds, unsigned nfds)
{
	settle(t);
	if (t->p)
		answer(t->p, &t->hdr, IPC_REP, body, fds, nfds);
	free(t);
}

void ipc_ticket_reply(struct ipc_ticket *t, const ProtobufCMessage *body)
{
	ipc_ticket_reply_fds(t, body, NULL, 0);
}

void ipc_ticket_fail(struct ipc_ticket *t, int err, const char *fmt, ...)
{
	va_list ap;

	settle(t);
	if (t->p) {
		va_start(ap, fmt);
		fail(t->p, &t->hdr, err, fmt, ap);
		va_end(ap);
	}
	free(t);
}

struct ipc_peer *ipc_ticket_peer(const struct ipc_ticket *t)
{
	return t->p;
}
