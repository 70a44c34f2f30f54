#ifndef MEDIAD_PATH_H
#define MEDIAD_PATH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/addr.h"

/* The sockets of the packet path: one epoll set of their own, whose descriptor is one handle of the loop, so that a
 * wake-up costs the loop one call and not one a socket. Datagrams are read several at a time where several wait; what
 * goes out of one socket within one batch goes by one call. A steady clock for the 5 ms tick sits in the same set.
 * Where datagrams come so often that each would be a wake-up, they are taken together every path_pace(), which saves a
 * third of the cost of a packet. Nothing here allocates after path_open(). */

#define PATH_HEAD    64  /* octets free in front of a received datagram */
#define PATH_TAIL    160 /* and behind it */
#define PATH_TICK_US 5000u

enum path_kind { PATH_RTP, PATH_RTCP, PATH_OTHER };
struct path_sock {    /* embedded in its owner, who keeps its address */
	int fd;       /* -1: none */
	uint8_t kind; /* enum path_kind */
	bool connected;
	bool shared;   /* a twin may have its port */
	uint32_t turn; /* of path.c: when it was read */
	void *owner;
	void (*ready)(
	    struct path_sock *s, uint32_t events); /* a stream: EPOLL...; NULL: datagrams */
};

/* p lies in a buffer with PATH_HEAD and PATH_TAIL octets around it and may be changed; it is valid until the batch is
 * over, and so it may be handed to path_send(). from: NULL on a connected socket. */
typedef void(path_rx_h)(
    void *ctx, struct path_sock *s, uint8_t *p, size_t n, const struct addr *from);
typedef void(path_tick_h)(void *ctx, uint64_t tick); /* number of 5 ms steps since some time */

struct path;
struct path_stat {
	uint64_t rx, tx, batches, oversize;
	uint64_t paced;      /* turns taken by the pace */
	uint64_t refused;    /* the far end's host says that nobody listens */
	uint64_t unsent;     /* the kernel took it not */
	uint64_t ticks_late; /* ticks that were run together with another */
};

/* NULL: no descriptors. */
struct path *path_open(path_rx_h *rx, path_tick_h *tick, void *ctx);
/* The sockets are closed by then. With a loop: its handle goes in the close callback, run the loop once more. */
void path_close(struct path *p);
int path_attach(struct path *p, uv_loop_t *loop) MUST_CHECK;
/* Under load datagrams wait for so long at most; 0: each is taken at once. */
void path_pace(struct path *p, uint32_t us);
/* Called one datagram before s is read, to ask the memory for what it will need; NULL: nothing. */
void path_soon(struct path *p, void (*soon)(const struct path_sock *s));
/* One turn by hand (tests): waits up to ms, handles what is there; returns how many sockets and ticks there were. */
unsigned path_turn(struct path *p, int ms);
/* Monotonic; within a turn the time of its beginning. */
uint64_t path_now(const struct path *p);
/* Tests: a clock of their own; the tick then only goes by path_step(). */
void path_clock(struct path *p, uint64_t (*clock)(void *), void *ctx);
void path_step(struct path *p);
const struct path_stat *path_stats(const struct path *p);
/* The tick runs while somebody needs it. */
void path_ticking(struct path *p, bool on);

/* 0 or -errno (-EADDRINUSE: take another port). */
int path_bind(
    struct path *p, struct path_sock *s, const struct addr *local, unsigned dscp) MUST_CHECK;
void path_unbind(struct path *p, struct path_sock *s); /* fine where fd is -1 */
int path_dscp(struct path_sock *s, bool v6, unsigned dscp);
/* A second socket beside first, which is bound to local, connected to far: what comes from there arrives at it, everything
 * else still at the first; sending to far is cheaper. 0 or -errno. */
int path_twin(struct path *p, struct path_sock *s, struct path_sock *first,
    const struct addr *local, const struct addr *far, unsigned dscp) MUST_CHECK;
/* As path_unbind, but what waits in it is handled first. Not within a receive callback. */
void path_untwin(struct path *p, struct path_sock *s);
/* A stream's descriptor, which s->ready of its owner reads and writes; out: it wants to be told that it can write. Again:
 * another out. 0 or -errno. It goes by path_unbind(). */
int path_watch(struct path *p, struct path_sock *s, bool out) MUST_CHECK;
/* Within a receive callback with memory of that batch: may be sent later in the same turn. to: NULL on a connected
 * socket. */
void path_send(
    struct path *p, struct path_sock *s, const uint8_t *b, size_t n, const struct addr *to);
/* What path_send() still holds; the batch does it by itself at its end. */
void path_flush(struct path *p);
/* At once. */
void path_send_now(
    struct path *p, struct path_sock *s, const uint8_t *b, size_t n, const struct addr *to);
#endif
