#ifndef SIPD_FEED_H
#define SIPD_FEED_H
#include "ipc/daemon.h"
#include "sipd/sipd.h"

/* What another daemon is told about users, one feed for each daemon: all users when it comes, then every change. No
 * faster than it reads: while IPC_QUEUE_BUSY frames wait, a change is only remembered, and what is told later is the
 * state of then. So an import of ten thousand users, or a connection that thousands were registered over and that
 * breaks, neither fills the link's queue nor holds up the events of calls.
 *
 * Order: users are told in the order in which they first changed; that a user is gone before a new one of the same
 * name. Memory: one item for each user that is behind, one for each name taken back; a peer that lets more than
 * USER_MAX of the latter come together is dropped and told everything anew when it is back. */
enum feed_what {
	FEED_USER = 1 << 0,     /* the record */
	FEED_REG = 1 << 1,      /* registered or not */
	FEED_REG_ANEW = 1 << 2, /* was lost and is there again meanwhile: both are told */
	FEED_CALLS = 1 << 3,
	FEED_REACH = 1 << 4,
	FEED_USED = 1 << 5, /* the handset is being used */
	FEED_MAIL = 1 << 6,
	FEED_MISSED = 1 << 7
};

struct feed_def {
	unsigned (*all)(struct sipd *s, struct user *u); /* what the stream says of a user */
	void (*user)(struct sipd *s, struct ipc_peer *p, struct user *u, unsigned what);
	void (*gone)(struct sipd *s, struct ipc_peer *p, const char *name);
	void (*done)(struct sipd *s, struct ipc_peer *p, uint32_t count); /* end of the stream */
};

struct feed;
struct feed *feed_new(struct sipd *s, const struct feed_def *def);
void feed_free(struct feed *f);
/* The daemon came: the stream begins, what was remembered is part of it. It went: nothing is remembered. */
void feed_up(struct feed *f, struct ipc_peer *p);
void feed_down(struct feed *f, const struct ipc_peer *p);
/* Nothing happens while the daemon is away. */
void feed_changed(struct feed *f, struct user *u, unsigned what);
void feed_gone(struct feed *f, const struct user *u);
/* Users and names that are behind. */
size_t feed_behind(const struct feed *f);
#endif
