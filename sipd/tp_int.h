#ifndef SIPD_TP_INT_H
#define SIPD_TP_INT_H
#include "common/map.h"
#include "sipd/tp.h"
#include "sipd/tp_frame.h"
#include "sipd/tp_limit.h"
#include "sipd/tp_stun.h"

/* Inside of the transports: tp.c (flows and their lives), tp_sock.c (libuv), tp_live.c (keep-alive, idle, slow). */

/* A listening socket, or a UDP socket of an endpoint of its own (key). */
struct tp_sock {
	struct list node;
	struct tp *tp;
	enum tp_proto proto;
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_udp_t udp;
		uv_tcp_t tcp;
	} h;
	struct sockaddr_storage bound;
	uint32_t id, key, flows;
	bool retired;  /* no new flows; closes with its last */
	uint64_t turn; /* UDP: of the loop, ms … */
	uint32_t sent; /* … and datagrams sent in it */
};

#define TP_READ_SIZE 65536

struct tp {
	uv_loop_t *loop;
	struct tmr_wheel *wheel;
	struct tp_conf conf;
	const struct tp_ops *ops;
	void *ctx;
	const struct tp_filter_ops *tls;
	void *tls_ctx;
	tp_tap_h *tap;
	void *tap_ctx;
	struct list socks, flows, spare; /* spare: UDP flows that nobody references, oldest first */
	uint32_t nspare, next_sock;
	uint32_t socks_gen; /* never 0; another when what is listened on changed */
	uint64_t next_flow;
	struct map by_dest;
	struct tp_limit limit;
	struct tp_stats stats;
	uint32_t handles; /* of libuv, still open */
	bool closing;
	struct tp_sock *resting; /* UDP: not read until rest fires */
	uv_timer_t rest;
	struct sip_msg msg; /* the one being delivered */
	char read_buf[TP_READ_SIZE + 16];
};

struct tp_key { /* what flows are found by; zeroed before it is filled */
	uint8_t proto, family;
	uint16_t port;
	uint32_t key; /* UDP: the socket */
	uint8_t ip[16];
	char name[TP_NAME_MAX];
};

enum tp_phase { TP_CONNECTING, TP_HANDSHAKE, TP_UP, TP_DOWN };

struct tp_flow {
	struct tp *tp;
	struct list node;  /* tp.flows */
	struct list spare; /* tp.spare */
	uint32_t refs;
	enum tp_proto proto;
	enum tp_phase phase;
	bool inbound, has_handle, paused, closing_soon, in_read;
	uint64_t id;
	uv_tcp_t tcp;
	struct tp_sock *sock;  /* UDP */
	struct tp_source *src; /* accepted connections */
	struct sockaddr_storage remote, local;
	struct map_node map;
	struct tp_key *key;
	const char *name;            /* in key */
	char sent_by[TP_IP_CAP + 8]; /* as of sent_by_gen */
	uint8_t sent_by_n;
	uint32_t sent_by_gen; /* 0: not known */
	struct list watches;
	struct tmr down, guard, idle, ka,
	    ka_wait; /* guard: connecting, a slow message, or a pause */
	int err;
	const char *why;
	/* stream: what is not yet whole */
	char *buf;
	size_t n, cap, scanned, skip;
	/* queued until up */
	struct list queue;
	size_t queued;
	void *filter;
	uint64_t last_ms; /* of traffic */
	/* keep-alive */
	uint32_t ka_ms;
	bool ka_pong, ka_waiting;
	uint8_t stun_id[TP_STUN_ID], mapped[18], tries;
	size_t mapped_n;
};

/* tp.c */
struct tp_flow *tp_flow_new(struct tp *tp, enum tp_proto proto, const struct sockaddr *remote);
void tp_flow_settle(struct tp_flow *f); /* connected (and proven): send what waits */
struct tp_flow *tp_udp_flow(struct tp *tp, struct tp_sock *s, const struct sockaddr *remote);
/* in_place: p may be written to and is not needed afterwards. */
void tp_stream_in(struct tp_flow *f, char *p, size_t n, bool in_place);
void tp_datagram_in(struct tp_flow *f, char *p, size_t n);
void tp_flow_finish(
    struct tp_flow *f, int err, const char *why); /* as kill, after what is queued was sent */
void tp_flow_release_key(struct tp_flow *f);

/* tp_sock.c */
int tp_sock_connect(struct tp_flow *f);
int tp_sock_write(struct tp_flow *f, const void *p, size_t n); /* stream octets, or one datagram */
void tp_sock_close(struct tp_flow *f, bool flush);
void tp_sock_pause(struct tp_flow *f, bool pause);
struct tp_sock *tp_sock_udp(struct tp *tp, int family, uint32_t key, int *err);
void tp_sock_unuse(struct tp_sock *s);
void tp_sock_init(struct tp *tp);
void tp_sock_close_all(struct tp *tp);
void tp_sock_source(
    struct tp_sock *s, const struct sockaddr *remote, struct sockaddr_storage *local);
void tp_maybe_free(struct tp *tp);
size_t tp_sock_backlog(const struct tp_flow *f);
socklen_t tp_sa_len(const struct sockaddr *sa);

/* tp_live.c */
void tp_live_init(struct tp_flow *f);
void tp_live_stop(struct tp_flow *f);
void tp_live_pong(struct tp_flow *f);
void tp_live_stun(struct tp_flow *f, const uint8_t *p, size_t n);
void tp_live_guard(struct tp_flow *f, uint32_t ms);
#endif
