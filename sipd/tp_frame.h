#ifndef SIPD_TP_FRAME_H
#define SIPD_TP_FRAME_H
#include <stdbool.h>
#include <stddef.h>

/* Finds messages in an octet stream (RFC 3261 18.3): by Content-Length only; keep-alives of RFC 5626 between them.
 * Pure. */
enum tp_frame_kind {
	TP_FRAME_MORE, /* nothing whole yet */
	TP_FRAME_MSG,  /* .n octets are a message */
	TP_FRAME_PING, /* CR LF CR LF: to be answered with CR LF */
	TP_FRAME_PONG, /* CR LF */
	TP_FRAME_OVER, /* .n octets are a message whose body is too large to keep: .skip more octets of it follow */
	TP_FRAME_LOST, /* .n octets are (the begin of) a message, but where it ends cannot be known: answer, then close */
};
struct tp_frame {
	enum tp_frame_kind kind;
	size_t n;
	size_t skip;
};
/* scanned (in and out) spares looking twice at octets of a message that comes in pieces: 0 at its start. pong: a single
 * CR LF is what we wait for. */
struct tp_frame tp_frame_next(const char *p, size_t n, size_t *scanned, bool pong);
#define TP_FRAME_SKIP_MAX ((size_t)16 << 20)
#endif
