#ifndef IPC_IPC_H
#define IPC_IPC_H
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "common/slice.h"
#include "common/tmr.h"

/* Links between the daemons and to dectctl: AF_UNIX SOCK_SEQPACKET, one message = one frame = a 16-byte header in
 * host byte order and a proto2 body (ipc/proto). Everything that can be refused is refused before the body is
 * parsed: role, type, size, number of descriptors. All calls are made from the loop's thread.
 *
 * A node is this process among its siblings. A peer is one live connection, whichever side opened it. A link is the
 * client's wish to be connected: it connects, says hello, reconnects with back-off (100 ms doubling to 5 s, ±20 %). */

#define IPC_MAX_FDS      4
#define IPC_MAX_BODY     65520 /* octets; a frame is at most 64 KiB */
#define IPC_IN_FLIGHT    256   /* requests per peer; more: ERR_BUSY */
#define IPC_QUEUE_BUSY   32
#define IPC_QUEUE        256 /* frames waiting to be sent to a peer, or 1 MiB */
#define IPC_CTL_CLIENTS  256 /* control connections at once; more are closed */
#define IPC_CTL_PER_USER 64  /* of one user who is not root */

enum ipc_iface {
	IPC_IF_LINK = 1,
	IPC_IF_CERT = 2,
	IPC_IF_MEDIA = 3,
	IPC_IF_CALL = 4,
	IPC_IF_PRES = 5,
	IPC_IF_CTL = 6
};
enum ipc_kind { IPC_REQ = 1, IPC_REP = 2, IPC_ERR = 3, IPC_EVT = 4 };

/* Who a peer is. One bit for a daemon; for dectctl the levels it has, all lower ones included. */
enum ipc_role {
	IPC_CERTD = 1 << 0,
	IPC_SIPD = 1 << 1,
	IPC_MEDIAD = 1 << 2,
	IPC_DECTD = 1 << 3,
	IPC_PRESENCED = 1 << 4,
	IPC_VIEW = 1 << 5,
	IPC_OPERATE = 1 << 6,
	IPC_ADMIN = 1 << 7
};
#define IPC_DAEMONS 0x1fu

struct ipc_hdr {
	uint16_t magic; /* IPC_MAGIC */
	uint8_t ver, kind;
	uint16_t iface, type;
	uint32_t corr; /* never 0 in REQ; echoed in REP and ERR; 0 in EVT */
	uint16_t nfds, zero;
};
#define IPC_MAGIC   0x4449
#define IPC_VERSION 1

struct ipc_node;
struct ipc_peer;
struct ipc_link;
struct ipc_ticket;

struct ipc_msg { /* valid during the handler or the callback */
	struct ipc_hdr hdr;
	const ProtobufCMessage
	    *body;            /* set to NULL by a handler that keeps it (and frees it later) */
	int fds[IPC_MAX_FDS]; /* set an entry to -1 to keep it; the rest are closed */
	struct slice text;    /* of an ERR: the reason and the remedy, may be empty */
};

/* < 0: a request is answered with ERR (ipc_fail() before gives it words); an event is only logged. 0: a request was
 * or will be answered: by ipc_reply(), or by ipc_defer() and later ipc_ticket_*(). */
typedef int(ipc_handler_h)(struct ipc_peer *p, struct ipc_msg *m);
/* Exactly once per accepted request, from the loop, never from inside ipc_request(). err: 0 and m->body; ERR_TIMEOUT
 * and ERR_LOST with m NULL; or what the peer answered, with m->text. */
typedef void(ipc_reply_h)(void *ctx, int err, struct ipc_msg *m);

struct ipc_handler {
	uint16_t iface, type;
	uint8_t kind;   /* IPC_REQ or IPC_EVT */
	uint8_t nfds;   /* at most so many descriptors */
	uint16_t max;   /* longest body accepted, octets */
	uint32_t roles; /* who may send it */
	const ProtobufCMessageDescriptor *desc;
	ipc_handler_h *fn;
};

/* 0, or ERR_EXISTS: a row twice; ERR_LIMIT: max above IPC_MAX_BODY, more than 64 rows; ERR_VALUE: no desc, fn, roles. */
int ipc_table_check(const struct ipc_handler *t, size_t n) MUST_CHECK;
/* false where an enum field came with a number that its descriptor does not know. */
bool ipc_enum_ok(const ProtobufCEnumDescriptor *d, int v);

/* ---- node ---- */
struct ipc_node_def {
	uv_loop_t *loop;
	struct tmr_wheel *wheel;
	const char *name; /* "sipd" */
	uint32_t instance;
	const struct ipc_handler *handlers;
	size_t nhandlers;
	const struct ipc_handler *handlers2; /* a second table, the skeleton's own; may be NULL */
	size_t nhandlers2;
	/* A daemon said hello (either side). restarted: it was known before with another epoch (or never): all handles
	 * that it gave us are void. Requests may be sent. */
	void (*up)(void *ctx, struct ipc_peer *p, bool restarted);
	/* After every request in flight got ERR_LOST. Last use of p. Called for dectctl's connections, too. */
	void (*down)(void *ctx, struct ipc_peer *p);
	void *ctx;
	/* Daemons to which small frames of one turn of the loop go together at its end, at most 1 ms later: where many
	 * short requests and answers are under way, both sides are woken once for all of them. */
	uint32_t gather;
	bool secrets; /* frames carry secrets: buffers are wiped after use */
};
struct ipc_node *ipc_node_new(const struct ipc_node_def *d);
/* Closes listeners, links and peers; down() is called for each. Memory goes in close callbacks: run the loop. */
void ipc_node_free(struct ipc_node *n);
void *ipc_node_ctx(const struct ipc_node *n);
uint64_t ipc_node_epoch(const struct ipc_node *n);
/* Which user runs a daemon: a user name or a number. Roles without one accept only our own uid. ERR_NOTFOUND. */
int ipc_node_user(struct ipc_node *n, enum ipc_role role, const char *user) MUST_CHECK;
enum ipc_role ipc_role_of(struct slice daemon_name); /* 0: unknown */
const char *ipc_role_name(uint32_t role);

/* ---- serving ---- */
enum ipc_door { IPC_DOOR_LINK, IPC_DOOR_CTL };
/* Takes over a SEQPACKET socket that is bound; (re-)listens, so that clients see our credentials. */
int ipc_serve(struct ipc_node *n, int fd, enum ipc_door door) MUST_CHECK;
/* Binds path (a dead socket there is removed) and serves it. ERR_EXISTS: somebody lives there. */
int ipc_serve_path(
    struct ipc_node *n, const char *path, unsigned mode, enum ipc_door door) MUST_CHECK;
/* Tests: one end of a socketpair; role fixed, hello not needed. */
struct ipc_peer *ipc_join(struct ipc_node *n, int fd, uint32_t role);

/* ---- connecting ---- */
struct ipc_link *ipc_link_open(struct ipc_node *n, enum ipc_role server, const char *path);
void ipc_link_close(struct ipc_link *l);
/* Keeps a link to every socket in dir whose name is PREFIX…".sock", also to those that appear later. */
int ipc_follow(
    struct ipc_node *n, enum ipc_role server, const char *dir, const char *prefix) MUST_CHECK;

/* ---- peers ---- */
uint32_t ipc_peer_role(const struct ipc_peer *p);
const char *ipc_peer_name(const struct ipc_peer *p); /* "mediad" */
uint32_t ipc_peer_instance(const struct ipc_peer *p);
uint64_t ipc_peer_epoch(const struct ipc_peer *p);
uid_t ipc_peer_uid(const struct ipc_peer *p);
struct ipc_node *ipc_peer_node(const struct ipc_peer *p);
void *ipc_ctx(const struct ipc_peer *p); /* the node's ctx */
void ipc_peer_set(struct ipc_peer *p, void *user);
void *ipc_peer_get(const struct ipc_peer *p);
/* A daemon that is up; instance 0: any. NULL: none. */
struct ipc_peer *ipc_find(struct ipc_node *n, enum ipc_role role, uint32_t instance);
/* Iterates over the peers that are up with one of these roles: prev NULL first. */
struct ipc_peer *ipc_next(struct ipc_node *n, uint32_t roles, struct ipc_peer *prev);
void ipc_peer_drop(struct ipc_peer *p, const char *why); /* logged; down() runs before it returns */
/* Back-pressure for a third party's sake: stop and go on reading. */
void ipc_peer_pause(struct ipc_peer *p, bool pause);
/* Writes "certd up, mediad-1 down" for status; returns how many links are down. */
unsigned ipc_links_text(struct ipc_node *n, char *out, size_t cap);

/* ---- talking ---- */
/* 0: cb will be called. ERR_BUSY: too many in flight or queued; ERR_LIMIT: body too long; ERR_LOST: p is NULL or going
 * down: cb will not be called. ms = 0: 2 s. fds stay the caller's; nfds = 0: none. */
int ipc_request(struct ipc_peer *p, uint16_t iface, uint16_t type, const ProtobufCMessage *body,
    const ProtobufCMessageDescriptor *reply, uint32_t ms, ipc_reply_h *cb, void *ctx) MUST_CHECK;
int ipc_request_fds(struct ipc_peer *p, uint16_t iface, uint16_t type, const ProtobufCMessage *body,
    const int *fds, unsigned nfds, const ProtobufCMessageDescriptor *reply, uint32_t ms,
    ipc_reply_h *cb, void *ctx) MUST_CHECK;
/* In no haste: goes with the next frame to p, at most 50 ms later; so does the answer of ipc_reply_later(). Order is kept. */
int ipc_request_later(struct ipc_peer *p, uint16_t iface, uint16_t type,
    const ProtobufCMessage *body, const ProtobufCMessageDescriptor *reply, uint32_t ms,
    ipc_reply_h *cb, void *ctx) MUST_CHECK;
/* The owner dies: its callbacks will not be called any more; answers that still come are dropped. */
void ipc_forget(struct ipc_node *n, const void *ctx);
/* Must be delivered: where the queue is full the peer is dropped (in the next turn of the loop: down() never runs
 * inside ipc_event, ipc_reply or ipc_fail), and ERR_BUSY returned. */
int ipc_event(struct ipc_peer *p, uint16_t iface, uint16_t type, const ProtobufCMessage *body);
/* How many frames wait because the peer does not read as fast. Who has many events to send holds back while this is
 * IPC_QUEUE_BUSY or more, and leaves the rest of the queue to events that cannot wait. */
size_t ipc_waiting(const struct ipc_peer *p);
/* May be lost: a waiting frame of the same iface, type and key (not 0) is replaced by this one; full: dropped. */
int ipc_event_latest(
    struct ipc_peer *p, uint16_t iface, uint16_t type, uint32_t key, const ProtobufCMessage *body);
/* Within the handler of a request. Return what they return: 0. */
int ipc_reply(struct ipc_peer *p, const struct ipc_msg *m, const ProtobufCMessage *body);
int ipc_reply_later(struct ipc_peer *p, const struct ipc_msg *m, const ProtobufCMessage *body);
/* fds stay the caller's. */
int ipc_reply_fds(struct ipc_peer *p, const struct ipc_msg *m, const ProtobufCMessage *body,
    const int *fds, unsigned nfds);
int ipc_fail(struct ipc_peer *p, const struct ipc_msg *m, int err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Answer later: exactly one ipc_ticket_*() per ticket, also when the peer is gone meanwhile (then it is silent). */
struct ipc_ticket *ipc_defer(struct ipc_peer *p, const struct ipc_msg *m);
void ipc_ticket_reply(struct ipc_ticket *t, const ProtobufCMessage *body);
void ipc_ticket_reply_fds(
    struct ipc_ticket *t, const ProtobufCMessage *body, const int *fds, unsigned nfds);
void ipc_ticket_fail(struct ipc_ticket *t, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
struct ipc_peer *ipc_ticket_peer(const struct ipc_ticket *t); /* NULL: gone */

#define IPC_BODY(m, type) ((const type *)(const void *)(m)->body)
#endif
