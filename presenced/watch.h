#ifndef PRESENCED_WATCH_H
#define PRESENCED_WATCH_H
#include "common/list.h"
#include "common/map.h"
#include "common/slice.h"
#include "common/tmr.h"
#include "presenced/pres_state.h"

/* Whom one user watches: people whom a handset's list showed, for a while after it was last asked. In Microsoft's dialect
 * many in one subscription (MS-PRES 3.4, batched), elsewhere one each (RFC 3856; RFC 4235 where a server has only that). No
 * sockets: subscriptions go out by ops; answers and notifications come back by their number. Documents are untrusted. */
#define WATCH_MAX   50u   /* people a user */
#define WATCH_TOTAL 4096u /* of all users */
#define WATCH_MS    600000u
#define WATCH_URI   256

enum watch_how { WATCH_BATCH, WATCH_POOL, WATCH_SINGLE, WATCH_PRESENCE, WATCH_DIALOG };
struct watch_ask {
	enum watch_how how;
	const char *target; /* request URI; "": the user's own address */
	unsigned n;
	const char *uri[WATCH_MAX];
};
struct watch;
struct watch_ops {
	/* The subscription's number; 0: it cannot be sent now. The answer comes by watch_answer(). */
	uint64_t (*subscribe)(struct watch *w, const struct watch_ask *a);
	void (*unsubscribe)(struct watch *w, uint64_t id);
	void (*changed)(struct watch *w, const char *uri, enum pres_shown s);
	void (*settled)(struct watch *w); /* nothing is waited for any more */
};
struct watch {
	struct map by_uri;
	struct tmr tick;
	const struct watch_ops *ops;
	unsigned n, waiting; /* people; of them: not known yet */
	unsigned *total;
	bool up, lync, adhoclist; /* of the registration */
};

void watch_init(
    struct watch *w, struct tmr_wheel *wheel, const struct watch_ops *ops, unsigned *total);
void watch_fini(struct watch *w); /* without a word */
void watch_up(struct watch *w, bool lync, bool adhoclist);
void watch_down(struct watch *w); /* the subscriptions ended with the registration or with sipd */
/* These are shown to the user now: "sip:a@b", at most WATCH_MAX. Others give way to them. */
void watch_see(struct watch *w, const struct slice *uri, unsigned n);
enum pres_shown watch_state(const struct watch *w, struct slice uri); /* SHOWN_UNKNOWN */
void watch_answer(
    struct watch *w, uint64_t id, uint32_t code, struct slice type, struct slice body);
void watch_notify(struct watch *w, uint64_t id, struct slice type, struct slice body, bool ended);
/* fn for each, in no order. */
void watch_each(
    const struct watch *w, void (*fn)(void *ctx, const char *uri, enum pres_shown s), void *ctx);
/* What a Lync client shows of these numbers (ms-presence 3.1, 3.2). */
enum pres_shown watch_of_lync(uint32_t availability, const char *token);
#endif
