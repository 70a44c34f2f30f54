#ifndef PRESENCED_PUB_LYNC_H
#define PRESENCED_PUB_LYNC_H
#include "common/fsm.h"
#include "presenced/lync_pub.h"

/* One user's session with a Lync front end's presence: provisioning is read, roaming-self subscribed, memberships are
 * written where a first log-in is missing, then the state is published by SERVICE: one at a time, at most one a second, always
 * the newest. Versions are never kept over a registration. No sockets: requests go out by ops, answers come back by the
 * functions below, exactly one per request, until lync_down(). Sources: MS-PRES, MS-SIPREGE; policy: requirements 103-118. */

enum lync_ask { LYNC_SERVICE, LYNC_PROVISION, LYNC_SELF, LYNC_MEMBERS, LYNC_ASKS };

struct lync;
/* A first log-in leaves memberships and a static state behind. Each is written once for an account, never again: whatever the
 * user takes away later stays away. */
enum { LYNC_DONE_ENTERPRISE = 1, LYNC_DONE_FEDERATED = 2, LYNC_DONE_BLOCKED = 4 };
struct lync_ops {
	/* false: it cannot be sent now. LYNC_SERVICE and LYNC_MEMBERS are SERVICE requests, the others SUBSCRIBE. */
	bool (*ask)(struct lync *l, enum lync_ask what, struct slice body);
	void (*leave)(struct lync *l);  /* ends the subscription, if there is one */
	void (*forget)(struct lync *l); /* answers under way are not wanted any more */
	void (*mail)(struct lync *l, uint32_t unread, uint32_t read);
	void (*overtaken)(struct lync *l); /* another client replaced the hand-set state */
	void (*once)(struct lync *l);      /* l->done has a new bit, to be kept on disk */
	/* In-band provisioning, setting by setting; then the end of it. */
	void (*setting)(struct lync *l, const char *group, const char *name, struct slice value);
	void (*provisioned)(struct lync *l);
};

struct lync {
	struct fsm fsm;
	struct tmr timer, pace;
	const struct lync_ops *ops;
	struct lync_pub pub;
	uint64_t sent_at; /* wheel time of the last SERVICE */
	uint64_t published, conflicts;
	uint32_t backoff_ms, first_ms;
	unsigned tries;
	bool busy;        /* a SERVICE is under way */
	bool bootstrap;   /* configured */
	bool federated;   /* … and partners may see the user, too */
	unsigned members; /* requests for memberships in this registration */
	uint32_t done;    /* LYNC_DONE_*: what was done or found for this account, at any time */
	uint32_t doing;   /* … with the request under way */
	bool privacy;     /* EnablePrivacyMode */
	bool no_forward, no_ring; /* AllowCallForwarding, AllowSimultaneousRinging are false */
	bool has_se, has_fed;
	uint32_t version_100, version_200;
	uint32_t unread, read;
	bool mail_known;
	uint32_t own; /* aggregate availability, 0: unknown */
	char own_token[64], line[96];
	char why[96]; /* what keeps it from publishing; "" */
};

void lync_init(struct lync *l, struct tmr_wheel *w, const struct lync_ops *ops);
void lync_fini(struct lync *l);
void lync_note(struct lync *l, const char *note);
/* ERR_DENIED: the server's policy forbids it (ucPolicy). */
int lync_route_set(struct lync *l, const struct lync_route *r) MUST_CHECK;
/* Registered with enhanced presence. l->done is set before. anew: publications of the endpoint are lost. delay_ms spreads many users. */
void lync_up(struct lync *l, struct slice aor, struct slice epid, struct slice uuid, bool anew,
    uint32_t delay_ms);
void lync_down(struct lync *l);
void lync_view(struct lync *l, const struct pres_view *v);
/* code: SIP status. retry_s: Retry-After or 0. */
void lync_answer(
    struct lync *l, enum lync_ask what, uint32_t code, struct slice body, uint32_t retry_s);
/* Provisioning that came by a notification instead of with the answer. */
void lync_provisioning(struct lync *l, struct slice body);
void lync_notify(struct lync *l, struct slice body, bool ended);
/* "published: device machine 3500", "waits: …" */
void lync_text(const struct lync *l, char *out, size_t cap);
extern const struct fsm_def lync_fsm;
#endif
