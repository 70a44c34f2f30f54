#ifndef MEDIAD_TURN_H
#define MEDIAD_TURN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mediad/stun.h"

/* A TURN client for one local port: RFC 8656, and MS-TURN of the A/V Edge (ms-media 8). A pure state machine: datagrams and
 * time in, datagrams out by ops->send, which goes to the server from the local port. With `stream` it is spoken over a
 * connection: what goes out are its octets, what comes in are the units that turn_cut() finds. LYNC: what is allocated
 * by a connection is a port for connections (RFC 4571); RFC 8656: for datagrams as ever.
 *
 *	IDLE -> CHALLENGED (401) -> ALLOCATED -> ... refreshed at half the lifetime ... -> turn_stop() -> IDLE
 *
 * To a peer: turn_wrap() makes the Send form; turn_activate() makes the short form for one peer (RFC 8656: a
 * channel; MS-TURN: Set Active Destination, then bare payload), used by turn_wrap() from the answer on. */
enum turn_dialect { TURN_RFC, TURN_MS };
enum turn_state { TURN_IDLE, TURN_ASKED, TURN_CHALLENGED, TURN_ALLOCATED, TURN_FAILED };

#define TURN_USER_MAX  128u
#define TURN_NONCE_MAX 256u
#define TURN_REALM_MAX 128u
#define TURN_PEERS     16u
#define TURN_OVERHEAD  420u /* octets that turn_wrap() adds at most */

struct turn_ops {
	void (*send)(void *ctx, const struct addr *server, const uint8_t *p, size_t n);
	/* ALLOCATED: relayed and mapped are known. FAILED: error tells why; the allocation may have been lost later. */
	void (*state)(void *ctx, enum turn_state state);
};
struct turn_peer {
	struct addr addr;
	uint64_t permit_us; /* permission is asked for again at this time; 0: none yet */
};
struct turn {
	enum turn_dialect dialect;
	enum turn_state state;
	bool stream;
	struct addr server, relayed, mapped; /* mapped: no family when the server did not tell */
	uint8_t user[TURN_USER_MAX], password[TURN_USER_MAX], realm[TURN_REALM_MAX],
	    nonce[TURN_NONCE_MAX];
	uint16_t user_n, password_n, realm_n, nonce_n;
	uint8_t key[16];
	uint16_t error; /* of the last refusal, 0: no answer */
	uint8_t tries, hops;
	uint32_t lifetime_s;
	uint8_t connection[20];
	uint32_t sequence;
	/* the transaction in flight */
	struct stun_id id;
	uint16_t asked; /* type; 0: none */
	uint8_t asked_peer, sent;
	uint64_t resend_us, refresh_us;
	uint8_t msg[STUN_MAX];
	size_t msg_n;
	struct turn_peer peer[TURN_PEERS];
	uint8_t npeers;
	struct addr active; /* peer of the short form; no family: none */
	bool active_up;
	uint64_t active_us; /* its next renewal */
	const struct turn_ops *ops;
	void *ctx;
};

/* user, password: as octets (LYNC: base64-decoded already). ERR_VALUE: too long, or no server. */
int turn_init(struct turn *t, enum turn_dialect dialect, const struct addr *server,
    struct slice user, struct slice password, const struct turn_ops *ops, void *ctx) MUST_CHECK;
/* After turn_init(), or when the way by UDP gave nothing: over a connection to this server from now on. */
void turn_stream(struct turn *t, const struct addr *server);
void turn_start(struct turn *t, uint64_t now_us);
/* Frees the allocation (one datagram, not repeated) and wipes the secrets. */
void turn_stop(struct turn *t);
/* When turn_timer() wants to be called; UINT64_MAX: not. */
uint64_t turn_next(const struct turn *t);
void turn_timer(struct turn *t, uint64_t now_us);

enum turn_in {
	TURN_NOT_OURS, /* not from the server, or STUN of somebody else */
	TURN_TAKEN,
	TURN_DATA, /* *data, *n: payload from *peer */
	TURN_PIECE /* LYNC: of the peer's stream, in which each packet has two octets of length before it */
};
enum turn_in turn_input(struct turn *t, const struct addr *from, const uint8_t *p, size_t n,
    uint64_t now_us, struct addr *peer, const uint8_t **data, size_t *data_n);
/* The datagram that carries n octets to the peer; send it to t->server. 0: does not fit, or nothing allocated. */
size_t turn_wrap(struct turn *t, const struct addr *peer, const uint8_t *p, size_t n, uint8_t *out,
    size_t cap, uint64_t now_us);
void turn_activate(struct turn *t, const struct addr *peer, uint64_t now_us);

/* Octets of the first unit of a connection; 0: not all of it is here; ERR_SYNTAX: no TURN. */
#define TURN_UNIT 2100
int turn_cut(enum turn_dialect dialect, const uint8_t *p, size_t n) MUST_CHECK;

/* MS-TURN over TCP (ms-media 8.7): the frames around control messages and payload, and the pseudo-TLS that opens the
 * stream. Octets only; the connection is elsewhere. */
#define TURN_PSEUDO_HELLO 50u
#define TURN_PSEUDO_DONE  83u
void turn_pseudo_hello(uint8_t out[TURN_PSEUDO_HELLO]);
/* ERR_TRUNCATED: more is needed; ERR_SYNTAX: not the answer. */
int turn_pseudo_check(const uint8_t *p, size_t n) MUST_CHECK;
/* 4 octets in front of a message: control, or payload after Set Active Destination. */
void turn_frame(uint8_t out[4], bool control, size_t n);
/* The first frame of a stream: payload and its length. ERR_TRUNCATED: not all of it is here yet. */
int turn_unframe(const uint8_t *p, size_t n, bool *control, const uint8_t **payload,
    size_t *payload_n) MUST_CHECK;
#endif
