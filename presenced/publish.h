#ifndef PRESENCED_PUBLISH_H
#define PRESENCED_PUBLISH_H
#include "common/fsm.h"
#include "common/slice.h"
#include "common/tmr.h"

/* One publication at a presence server (RFC 3903): first, refresh, change, removal, and what each answer means. No sockets:
 * requests go out by ops, each answer comes back by publish_answer(), exactly one per request, until publish_down(). At most
 * one request at a time and one change a second, always the newest; as many changes go out as there are, no more. */
#define PUBLISH_TAG 160

struct publish;
struct publish_ops {
	/* body: whether the document goes with it. tag "": an initial publication. False: it cannot be sent now. */
	bool (*send)(struct publish *p, bool body, const char *tag, uint32_t expires_s);
	void (*forget)(struct publish *p); /* the answer under way is not wanted any more */
	void (*tag)(struct publish *p);    /* p->tag, p->lapses changed, to be kept */
};

struct publish {
	struct fsm fsm;
	struct tmr timer;
	const struct publish_ops *ops;
	uint64_t want, is,
	    will;            /* hashes of documents: wanted, published (0: not known), under way */
	uint64_t changed_at; /* wheel time of the last change that was sent */
	uint64_t lapses;     /* wheel time at which the server forgets it */
	uint32_t expires_s, granted_s;
	uint32_t backoff_ms, delay_ms;
	unsigned tries; /* answers in a row that called for another request at once */
	char tag[PUBLISH_TAG];
	uint64_t sent, changes; /* requests, changes of the document */
	char why[80];           /* what keeps it from being published; "" */
};

void publish_init(struct publish *p, struct tmr_wheel *w, const struct publish_ops *ops);
void publish_fini(struct publish *p);
/* The server is there. tag: what it knew us by before a restart, and for how long it still does; "" : nothing. */
void publish_up(
    struct publish *p, uint32_t expires_s, uint32_t delay_ms, const char *tag, uint64_t left_ms);
void publish_want(struct publish *p, uint64_t hash); /* never 0 */
/* Registration or sipd is gone. remove: the publication is taken back; the answer to that is not waited for. */
void publish_down(struct publish *p, bool remove);
/* tag, expires_s, min_s, retry_s: SIP-ETag, Expires, Min-Expires, Retry-After, or empty and 0. */
void publish_answer(struct publish *p, uint32_t code, struct slice tag, uint32_t expires_s,
    uint32_t min_s, uint32_t retry_s);
bool publish_live(const struct publish *p); /* what is wanted is published */
extern const struct fsm_def publish_fsm;
#endif
