#ifndef MEDIAD_STREAM_H
#define MEDIAD_STREAM_H
#include "mediad/path.h"
#include "mediad/turn.h"

/* A connection to a relay, on the packet path: opens (LYNC: with the pseudo-TLS that firewalls take for HTTPS), cuts what comes
 * into units, writes what is given whole. What the kernel does not take at once waits in a bounded buffer; what does not fit
 * there is dropped whole, as a datagram would be. */
#define STREAM_OUT 16384u

enum stream_state { STREAM_OFF, STREAM_OPENING, STREAM_HELLO, STREAM_UP };
struct stream_ops {
	/* The connection is there, or has failed or ended (it is closed then). */
	void (*state)(void *ctx, bool up);
	void (*unit)(void *ctx, const uint8_t *p, size_t n);
};
struct stream {
	struct path_sock sock;
	struct path *path;
	enum stream_state state;
	enum turn_dialect dialect;
	uint8_t in[TURN_UNIT + TURN_PSEUDO_DONE], out[STREAM_OUT];
	size_t in_n, out_n;
	uint64_t dropped;
	const struct stream_ops *ops;
	void *ctx;
};

/* From an address of this host, any port; the callbacks come from the path's turns. 0 or -errno: it is off. */
int stream_open(struct stream *s, struct path *path, enum turn_dialect dialect,
    const struct addr *local, const struct addr *server, unsigned dscp,
    const struct stream_ops *ops, void *ctx) MUST_CHECK;
void stream_close(struct stream *s); /* no callback; fine when it is off */
void stream_write(struct stream *s, const uint8_t *p, size_t n);
#endif
