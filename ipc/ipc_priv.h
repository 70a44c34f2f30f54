#ifndef IPC_IPC_PRIV_H
#define IPC_IPC_PRIV_H
#include <sys/types.h>
#include <uv.h>

#include "common/list.h"
#include "common/rd.h"
#include "ipc/ipc.h"

/* What the files of a link share. Only ipc_*.c include this. */

#define IPC_FRAME_MAX      (16 + IPC_MAX_BODY)
#define IPC_QUEUE_OCTETS   (1u << 20)
#define IPC_TURN           32   /* frames taken per wake-up */
#define IPC_HELLO_MS       2000 /* for the whole hand-shake, either side */
#define IPC_PING_MS        5000
#define IPC_LINKS_PER_USER 64 /* links that one user's daemons may have to us: one is usual */
#define IPC_KNOWN                                                                                  \
	256 /* daemons whose epochs are remembered: of a daemon that lies about its instance, too */
#define IPC_DEFAULT_MS 2000
#define IPC_PACK       5    /* kind of a frame that is a row of frames (ipc_pack.c) */
#define IPC_PACK_MAX   8192 /* octets of a pack */
#define IPC_LINK_PACKS                                                                             \
	1 /* minor version of the link interface from which on packs are understood */

struct ipc_frame { /* one frame on its way out */
	struct list in_queue;
	size_t n;
	uint32_t key; /* of a replaceable event; 0: must be delivered */
	int fds[IPC_MAX_FDS];
	unsigned nfds;
	uint8_t b[];
};

struct ipc_pending { /* one request in flight */
	struct list in_peer;
	struct tmr timer;
	struct ipc_peer *p;
	uint32_t corr;
	uint16_t iface, type;
	const ProtobufCMessageDescriptor *reply;
	ipc_reply_h *cb; /* NULL after ipc_forget() */
	void *ctx;
};

struct ipc_ticket {
	struct list in_peer;
	struct ipc_peer *p; /* NULL: gone */
	struct ipc_hdr hdr;
};

struct ipc_turn;
struct ipc_pack {   /* frames that wait for the end of the loop's turn */
	uint8_t *b; /* IPC_PACK_MAX, from the first use on */
	size_t n;
	unsigned frames;
	bool urgent;    /* one of them waits for the end of the turn only */
	uint64_t since; /* ns: when that one came */
	struct tmr later;
};

struct ipc_peer {
	struct list in_node;
	struct ipc_node *n;
	struct ipc_link *link; /* whose connection this is; NULL: accepted or joined */
	uv_poll_t poll;
	struct tmr hello, doom;
	char why[128]; /* of the doom */
	uint32_t owed; /* corr of the request in its handler that nobody answered yet; 0: none */
	int fd;
	uint32_t role;
	uid_t uid;
	enum ipc_door door;
	char name[32];
	uint32_t instance;
	uint64_t epoch;
	void *user;
	uint32_t last_corr, in_flight, owing; /* owing: tickets */
	struct list pending, tickets, queue;
	size_t nqueue, queued_octets;
	struct ipc_pack pack;
	bool up, dead, doomed, paused, pinging;
	bool packs;  /* understands packs */
	bool gather; /* small frames to it go together at the end of a turn */
	bool later;  /* what is sent at this moment is in no haste */
	bool told;   /* the node's up() ran, or it is dectctl's: down() is owed */
};

struct ipc_listener {
	struct list in_node;
	struct ipc_node *n;
	uv_poll_t poll;
	struct tmr resume; /* accepts again after descriptors ran out */
	int fd;
	enum ipc_door door;
	char *path; /* to be removed; NULL: adopted */
};

struct ipc_known { /* the last epoch of every daemon that we met */
	uint32_t role, instance;
	uint64_t epoch;
};

struct ipc_node {
	struct ipc_node_def def;
	char *name;
	uint64_t epoch;
	uid_t users[5]; /* by role bit; (uid_t)-1: only our own */
	struct list peers, links, listeners, follows;
	struct ipc_known *known;
	size_t nknown;
	uint8_t *buf; /* IPC_FRAME_MAX, for receiving and packing; never across a callback */
	bool closing;
	struct ipc_turn *turn; /* NULL until somebody gathers */
};

/* ipc_frame.c */
void ipc_hdr_put(uint8_t out[16], const struct ipc_hdr *h);
/* ERR_TRUNCATED, ERR_SYNTAX (magic, version, kind, zero), ERR_VALUE (corr, nfds do not fit the kind). Pure. */
int ipc_hdr_get(const uint8_t *b, size_t n, unsigned nfds, struct ipc_hdr *h) MUST_CHECK;

/* ipc_sock.c: one frame with its descriptors. > 0: octets; UV_EOF; -EAGAIN; ERR_LIMIT: truncated; else -errno. */
ssize_t ipc_sock_recv(int fd, void *buf, size_t cap, int fds[IPC_MAX_FDS], unsigned *nfds);
int ipc_sock_send(int fd, const void *buf, size_t n, const int *fds, unsigned nfds);
void ipc_close_fds(int *fds, unsigned n);

/* ipc_peer.c */
struct ipc_peer *ipc_peer_new(struct ipc_node *n, int fd, enum ipc_door door, uint32_t role);
/* Packs and sends or queues. ERR_BUSY, ERR_LIMIT, ERR_LOST. fds are duplicated when queued. */
int ipc_peer_send(struct ipc_peer *p, const struct ipc_hdr *h, const ProtobufCMessage *body,
    const int *fds, unsigned nfds, uint32_t key) MUST_CHECK;
/* Sends or queues a packed frame without descriptors. */
int ipc_peer_put(struct ipc_peer *p, const uint8_t *b, size_t n) MUST_CHECK;
/* Drops p in the next turn of the loop; until then nothing is sent or received. */
void ipc_peer_doom(struct ipc_peer *p, const char *why);
void ipc_peer_ready(struct ipc_peer *p); /* hello is through: up() */

/* ipc_pack.c */
/* true: the frame waits for the end of the turn. */
bool ipc_pack_put(
    struct ipc_peer *p, const struct ipc_hdr *h, const ProtobufCMessage *body, size_t n) MUST_CHECK;
void ipc_pack_flush(struct ipc_peer *p);
void ipc_pack_on_later(struct tmr *t, void *ctx);
/* 1: the next frame of a pack's body; 0: no more; ERR_TRUNCATED, ERR_SYNTAX. Pure. */
int ipc_pack_next(struct rd *r, struct slice *frame) MUST_CHECK;
void ipc_turn_free(struct ipc_turn *t);

/* ipc_call.c */
void ipc_call_answer(struct ipc_peer *p, const struct ipc_hdr *h, const uint8_t *body, size_t n,
    int *fds, unsigned nfds);
void ipc_call_lost(struct ipc_peer *p);

/* ipc_dispatch.c: a REQ or EVT. < 0: the peer broke the contract and is dropped; *why says how. */
int ipc_dispatch(struct ipc_peer *p, const struct ipc_hdr *h, const uint8_t *body, size_t n,
    int *fds, unsigned nfds, const char **why) MUST_CHECK;
/* The link interface itself (hello, ping). 1: not for us. */
int ipc_link_frame(
    struct ipc_peer *p, const struct ipc_hdr *h, const uint8_t *body, size_t n, const char **why);

/* ipc_link.c */
void ipc_link_lost(struct ipc_link *l);
void ipc_links_close(struct ipc_node *n);
int ipc_hello_start(struct ipc_peer *p);
/* ipc_listen.c */
void ipc_listeners_close(struct ipc_node *n);
/* ipc_node.c */
bool ipc_node_restarted(struct ipc_node *n, const struct ipc_peer *p);
uint32_t ipc_node_role_by_uid(const struct ipc_node *n, uid_t uid); /* bits it may claim */
#endif
