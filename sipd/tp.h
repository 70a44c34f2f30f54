#ifndef SIPD_TP_H
#define SIPD_TP_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "common/list.h"
#include "common/slice.h"
#include "common/tmr.h"
#include "common/wr.h"
#include "sipd/sip_msg.h"

/* Transports (RFC 3261 18, RFC 5626): UDP, TCP and TLS on one libuv loop. A flow is the unit everything above works
 * with: a TCP or TLS connection, or a UDP socket together with one remote address. Flows are counted references;
 * a dead flow stays readable until its last reference goes. Nothing here knows a transaction. */
enum tp_proto { TP_UDP, TP_TCP, TP_TLS, TP_NPROTO };
const char *tp_proto_name(enum tp_proto p); /* "UDP": what Via says */
/* From a Via transport or a URI's transport parameter, any case; ERR_UNSUPP for others. */
int tp_proto_of(struct slice name, enum tp_proto *out) MUST_CHECK;

struct tp;
struct tp_flow;

/* All limits have a default when 0 (given in brackets). Times in ms. */
struct tp_conf {
	uint32_t connect_ms;  /* TCP connect and TLS handshake together [5000] */
	uint32_t idle_ms;     /* accepted connections without references and traffic [600000] */
	uint32_t slow_ms;     /* a message once begun must be complete [10000] */
	uint32_t max_flows;   /* in all [20000] */
	uint32_t max_per_ip;  /* accepted connections of one address [64] */
	uint32_t rate_per_ip; /* messages per second of one address, UDP and accepted flows [500] */
	uint32_t rate_burst;  /* [2000] */
	uint32_t queue_max;   /* octets waiting on one connection [1 MiB]; more: ERR_BUSY */
	uint32_t udp_max;     /* a request longer than this goes over TCP instead [1300] */
	uint8_t dscp;         /* 0 … 63, as given; 24 (CS3) is usual for signalling */
	int8_t priority;      /* SO_PRIORITY for 802.1p mapping; -1: leave alone */
	bool force_rport;     /* answer to the source port even of a request without rport (NAT) */
};

struct tp_ops {
	/* A message came, already parsed; m and its buffer are valid in this call only. m->fault.status != 0: could not
	 * be parsed, and is to be answered with that (never with fault.silent). */
	void (*msg)(void *ctx, struct tp_flow *f, struct sip_msg *m);
};

struct tp *tp_new(uv_loop_t *loop, struct tmr_wheel *wheel, const struct tp_conf *conf,
    const struct tp_ops *ops, void *ctx);
/* Closes everything; the loop must run until the handles are closed, then the memory is gone. */
void tp_free(struct tp *tp);
/* New limits for what comes next (a configuration reload). */
void tp_reconf(struct tp *tp, const struct tp_conf *conf);

/* Listens; port 0 takes a free one. For UDP the socket also sends. *bound (may be NULL) tells the address.
 * -errno; ERR_STATE for TLS without a filter. */
int tp_listen(struct tp *tp, enum tp_proto proto, const struct sockaddr *addr,
    struct sockaddr_storage *bound) MUST_CHECK;
/* Stops listening on an address given to tp_listen (bound form); flows made through it stay. */
int tp_unlisten(struct tp *tp, enum tp_proto proto, const struct sockaddr *addr);

/* Where to send. name is the host name that was asked for: TLS proves it (RFC 5922), and flows to different names
 * are not shared. key != 0 asks for a flow that is shared only with the same key (own local port per endpoint). */
#define TP_NAME_MAX 256
struct tp_dest {
	enum tp_proto proto;
	struct sockaddr_storage addr;
	char name[TP_NAME_MAX];
	uint32_t key;
};

/* A flow to there, existing or new (connecting is under way when this returns; what is sent meanwhile waits). The
 * caller owns a reference. ERR_LIMIT, ERR_STATE (no UDP socket of this family, no TLS filter), -errno. */
int tp_flow_to(struct tp *tp, const struct tp_dest *d, struct tp_flow **out) MUST_CHECK;
struct tp_flow *tp_flow_ref(struct tp_flow *f);
void tp_flow_unref(struct tp_flow *f); /* NULL is fine */

/* Sends one whole message (copied). 0 means queued, a failure later is told to the watchers. ERR_LOST when the flow is
 * down, ERR_BUSY when its queue is full, ERR_LIMIT for a datagram over 64 KB. */
int tp_flow_send(struct tp_flow *f, const void *p, size_t n);
/* Ends a flow now; its watchers hear err. */
void tp_flow_kill(struct tp_flow *f, int err, const char *why);

/* Told once, from the loop, when the flow ends; the watch is then off. err: ERR_LOST, ERR_TIMEOUT, -errno, ERR_AUTH. */
struct tp_watch {
	struct list node;
	void (*down)(struct tp_watch *w, struct tp_flow *f, int err);
};
void tp_flow_watch(struct tp_flow *f, struct tp_watch *w);
void tp_flow_unwatch(struct tp_watch *w); /* fine when not on (zeroed or told) */

enum tp_proto tp_flow_proto(const struct tp_flow *f);
bool tp_flow_reliable(const struct tp_flow *f); /* TCP, TLS */
bool tp_flow_alive(const struct tp_flow *f);
bool tp_flow_up(const struct tp_flow *f);      /* connected and, with TLS, proven */
bool tp_flow_inbound(const struct tp_flow *f); /* the peer connected to us */
const struct sockaddr *tp_flow_remote(const struct tp_flow *f);
const struct sockaddr *tp_flow_local(const struct tp_flow *f); /* real address, never a wildcard */
struct tp *tp_flow_tp(const struct tp_flow *f);
uint64_t tp_flow_id(const struct tp_flow *f);      /* unique in this process; never 0 */
const char *tp_flow_name(const struct tp_flow *f); /* host name asked for; "" for accepted flows */
const char *tp_flow_why(
    const struct tp_flow *f); /* reason of its end, for people; "" while alive */
/* "host:port" (or "[host]:port") of ours for Via and Contact: the listening port of this protocol when there is one, else
 * the flow's own. */
void tp_flow_put_sent_by(struct wr *w, const struct tp_flow *f);
struct slice tp_flow_sent_by(
    const struct tp_flow *f); /* the same; the flow's, until the loop's next turn */
/* Address of the peer as text without brackets, NUL-terminated, and its port. */
#define TP_IP_CAP 46
uint16_t tp_flow_peer(const struct tp_flow *f, char out[TP_IP_CAP]);

/* Keep-alive of RFC 5626 3.5: CR LF CR LF answered by CR LF on streams, STUN binding requests on UDP, every
 * interval_ms (0: stop). No answer within 10 s, or a changed mapped address, ends the flow with ERR_LOST. pong false:
 * send only, expect nothing (LYNC: ms-keep-alive; no answer is promised). Incoming keep-alives are always answered. */
void tp_flow_keepalive(struct tp_flow *f, uint32_t interval_ms, bool pong);

/* The seam for TLS: a filter between socket and framing. open makes the state of one connection, in which the filter
 * calls tp_filter_… at any time from the loop (also later, when a private-key operation comes back). */
struct tp_filter_ops {
	/* server: we accepted; else name is whom we called and must be proven. NULL: failure (the flow ends, ERR_AUTH). */
	void *(*open)(void *ctx, struct tp_flow *f, bool server, const char *name);
	/* The socket is connected: a client starts its handshake. */
	int (*start)(void *st);
	/* Octets from the socket. Negative ends the flow with this error. */
	int (*wire_in)(void *st, const uint8_t *p, size_t n);
	/* Octets to send, only after tp_filter_up. Negative ends the flow. */
	int (*plain_out)(void *st, const uint8_t *p, size_t n);
	/* Orderly end, may still call tp_filter_wire. */
	void (*shut)(void *st);
	/* Last use; the flow is gone for the filter. */
	void (*free)(void *st);
};
void tp_set_tls(struct tp *tp, const struct tp_filter_ops *ops, void *ctx);
void tp_filter_wire(struct tp_flow *f, const void *p, size_t n);  /* to the socket */
void tp_filter_plain(struct tp_flow *f, const void *p, size_t n); /* to the framing */
void tp_filter_up(struct tp_flow *f);                             /* handshake done, peer proven */
void tp_filter_fail(struct tp_flow *f, int err, const char *why); /* why: static storage */
void *tp_flow_filter(const struct tp_flow *f); /* the state of open; NULL: none */

/* Every message that goes or comes, in the clear, with the flow's addresses. At most one tap. */
typedef void tp_tap_h(void *ctx, const struct tp_flow *f, bool out, struct slice msg);
void tp_set_tap(struct tp *tp, tp_tap_h *fn, void *ctx);

struct tp_stats {
	uint64_t msg_in, msg_out, dropped_rate, dropped_bad, closed_slow, closed_idle,
	    refused_limit;
	uint32_t flows;
};
void tp_get_stats(const struct tp *tp, struct tp_stats *out);
const struct tp_conf *tp_get_conf(const struct tp *tp);
struct tmr_wheel *tp_wheel(const struct tp *tp);
uv_loop_t *tp_loop(const struct tp *tp);
#endif
