#ifndef DECTD_DLC_H
#define DECTD_DLC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/tmr.h"
#include "dectd/mac.h"

/* Data link control, C-plane: LAPC of class A and class B over the connections of mac.h (EN 300 175-4 9.2). The
 * portable part sets links up and chooses the class; one link per connection at a time. Whole network layer messages
 * go in and out: cut into frames of 63 octets (M bit), sent into the two transmit buffers of the connection, repeated
 * until acknowledged, moved along with a handover.
 *
 * Only lce.[ch] uses this; it is the owner of struct dlc and lives longer than any link. Upcalls come from the event
 * loop, never from inside a dlc_ call of the upper side. A link lives from establish_ind to the return of release_ind,
 * or to the return of dlc_abort(). */
struct dlc;
struct dlc_link;

#define DLC_MSG_MAX   1024 /* octets of a message, both ways */
#define DLC_QUEUE_MAX 16   /* messages waiting in a link */

enum dlc_class { DLC_A = 0, DLC_B = 1 };

enum dlc_why {
	DLC_PEER =
	    0, /* released by the portable part: DISC, or the radio's normal release of a class A link */
	DLC_DONE,        /* our dlc_release(), acknowledged or with nothing to acknowledge */
	DLC_UNCONFIRMED, /* our dlc_release(), DL.00 ran out */
	DLC_NO_ANSWER,   /* N250 retransmissions without an acknowledgement */
	DLC_RADIO_LOST,  /* contact lost */
	DLC_BASE_LOST,   /* the link to the base station broke */
	DLC_PROTOCOL,    /* message too long, or frames that can't be */
	DLC_REPLACED,    /* the base station used its connection for another portable part */
};
const char *dlc_why_name(enum dlc_why why);

struct dlc_ops {
	/* A link was set up. Its first message, if any, follows by data_ind. */
	void (*establish_ind)(void *ctx, struct dlc_link *l);
	/* It was set up again without having been released: what was not acknowledged is lost (18.2 of the NWK part). */
	void (*reset_ind)(void *ctx, struct dlc_link *l);
	/* A message, 1 … DLC_MSG_MAX octets; borrowed. unit: unacknowledged (UI frame). */
	void (*data_ind)(void *ctx, struct dlc_link *l, const uint8_t *msg, size_t n, bool unit);
	/* All that was sent is acknowledged. */
	void (*idle_ind)(void *ctx, struct dlc_link *l);
	/* It is gone; last use of l. The MAC connection goes too, now or soon. */
	void (*release_ind)(void *ctx, struct dlc_link *l, enum dlc_why why);

	/* Passed on from mac.h, for connections with a link; others are handled here. */
	void (*cipher_ind)(void *ctx, struct dlc_link *l, enum mac_cipher how, unsigned key);
	int (*handover_ask)(void *ctx, struct dlc_link *l, uint32_t base);
	void (*moved_ind)(void *ctx, struct dlc_link *l, uint32_t old_base);
	void (*handover_failed)(void *ctx, struct dlc_link *l, uint32_t base);
	void (*media_ind)(void *ctx, struct dlc_link *l, const struct mac_media_ind *ind);
	void (*base_ind)(void *ctx, uint32_t base, bool up);
	void (*page_overflow)(void *ctx, uint32_t base);
	void (*info_ind)(void *ctx, uint32_t base, uint32_t pmid, const char *text);
};

/* Timers in ms and counters of annex A. */
struct dlc_conf {
	uint32_t dl00, dl02, dl04, dl07;
	unsigned n250;
	uint32_t x_first; /* a connection without a link is released after this */
	uint32_t x_after; /* a connection whose link was released is released after this */
	bool
	    ua_nlf; /* RFP: the original manager answers DISC with NLF = 0; true: as the standard says */
};
extern const struct dlc_conf dlc_conf_default;

#define DLC_STATS(X)                                                                               \
	X(conns, "connections")                                                                    \
	X(links_a, "class A links set up")                                                         \
	X(links_b, "class B links set up")                                                         \
	X(resets, "links set up again")                                                            \
	X(rx_frames, "frames received")                                                            \
	X(tx_frames, "frames sent")                                                                \
	X(rx_msgs, "messages received")                                                            \
	X(tx_msgs, "messages sent")                                                                \
	X(repeated, "frames sent again")                                                           \
	X(duplicate, "frames received again")                                                      \
	X(rejected, "frames out of order")                                                         \
	X(invalid, "frames dropped: no valid LAPC")                                                \
	X(no_answer, "links lost after N250 retransmissions")                                      \
	X(too_long, "messages longer than accepted")
struct dlc_stats {
#define X(name, text) uint64_t name;
	DLC_STATS(X)
#undef X
};

/* Takes over the upcalls of mac. conf may be NULL. */
struct dlc *dlc_new(struct tmr_wheel *w, struct mac *mac, const struct dlc_conf *conf,
    const struct dlc_ops *ops, void *ctx);
/* Before mac_free: releases all connections, without upcalls. */
void dlc_free(struct dlc *d);
const struct dlc_stats *dlc_stats(const struct dlc *d);

/* Queues a message; it is copied. ERR_LIMIT: length; ERR_BUSY: queue full; ERR_STATE: is being released. */
int dlc_send(struct dlc_link *l, const void *msg, size_t n) MUST_CHECK;
/* Normal release: after what is queued was sent and acknowledged; release_ind follows. Again: no effect. */
void dlc_release(struct dlc_link *l);
/* Abnormal release: link and connection go at once, without release_ind; l is invalid afterwards. */
void dlc_abort(struct dlc_link *l);

/* Makes sure that the portable part is still there: it has to answer (class B: an enquiry, class A: an I-frame without
 * information), or release_ind follows after the retransmissions. Nothing where an answer is awaited anyway. */
void dlc_probe(struct dlc_link *l);

struct mac_conn *dlc_conn(const struct dlc_link *l);
enum dlc_class dlc_class_of(const struct dlc_link *l);
bool dlc_idle(const struct dlc_link *l); /* nothing queued, nothing unacknowledged */
void dlc_set_user(struct dlc_link *l, void *user);
void *dlc_user(const struct dlc_link *l);

/* ---- frames: pure, for tests, traces and simulators ---- */

enum lapc_kind {
	LAPC_I,
	LAPC_RR,
	LAPC_RNR,
	LAPC_REJ,
	LAPC_SABM,
	LAPC_DM,
	LAPC_UI,
	LAPC_DISC,
	LAPC_UA
};

struct lapc_frame {
	enum lapc_kind kind;
	bool nlf, cr, pf, more; /* cr: the bit as it stands */
	uint8_t lln, sapi;      /* lln: 0 class U, 1 class A, 2 … 6 class B, 7 unassigned */
	uint8_t nr, ns;
	uint8_t n; /* octets of information */
	const uint8_t *info;
};
/* ERR_TRUNCATED: shorter than its length field says; ERR_SYNTAX: control field, reserved bits, SAPI. */
int lapc_parse(const uint8_t *p, size_t n, struct lapc_frame *out) MUST_CHECK;
/* Writes at most 66 octets; returns how many. */
size_t lapc_build(const struct lapc_frame *f, uint8_t out[MAC_FRAME_MAX]);
const char *lapc_kind_name(enum lapc_kind k);
#endif
