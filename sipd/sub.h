#ifndef SIPD_SUB_H
#define SIPD_SUB_H
#include "sipd/sip_ua.h"

/* Event subscriptions, both roles (RFC 6665), and the implicit one of REFER (RFC 3515, 4488). */
struct sub;
enum sub_state { SUB_PENDING, SUB_ACTIVE, SUB_TERMINATED };

struct sub_ops {
	/* Subscriber: a NOTIFY (answered 200 here before this call). */
	void (*notify)(void *ctx, struct sub *s, const struct sip_msg *req);
	/* Notifier: (re-)SUBSCRIBE accepted or refreshed: send the state with sub_notify. expires 0: last one. */
	void (*fetch)(void *ctx, struct sub *s, uint32_t expires);
	/* Response to our SUBSCRIBE; 401/407 come here: sub_retry with credentials. */
	void (*reply)(void *ctx, struct sub *s, const struct sip_msg *rsp, int err);
	/* Over: reason is that of Subscription-State or "timeout", "rejected", "lost"; retry_s: when to try again, 0: not told.
	 * Last call. */
	void (*ended)(void *ctx, struct sub *s, struct slice reason, uint32_t retry_s);
};
struct sub_conf {
	const struct sub_ops *ops;
	void *ctx;
	uint64_t owner;
	struct slice event; /* "message-summary", with its parameters */
	uint32_t expires;   /* s; 0: 3600 */
	bool once; /* Expires 0: the state is fetched (RFC 6665 4.4.3), ended("fetched") follows */
	struct slice lines;   /* Accept and others, whole lines */
	struct tp_flow *flow; /* or dest, or neither: by route */
	const struct tp_dest *dest;
	unsigned ndest;
	uint32_t try_ms, key;
};
/* Subscriber. Takes d (HALF). Refreshes by itself before expiry. */
int sub_out(struct sip_ua *ua, const struct sub_conf *c, struct dlg *d, struct slice type,
    struct slice body, struct sub **out) MUST_CHECK;
int sub_retry(struct sub *s, struct slice lines) MUST_CHECK;
void sub_stop(struct sub *s); /* SUBSCRIBE with Expires 0; ended follows */

/* Notifier: from an out-of-dialog SUBSCRIBE (answered 200 with our expiry) or REFER (202; expires as the caller says).
 * fetch is called at once afterwards, from the loop's next turn. */
int sub_in(struct sip_ua *ua, const struct sub_conf *c, struct tx *tx, struct slice contact,
    struct sub **out) MUST_CHECK;
/* NOTIFY. state TERMINATED ends it, reason then goes into Subscription-State. */
int sub_notify(struct sub *s, enum sub_state state, struct slice reason, struct slice type,
    struct slice body) MUST_CHECK;

/* The implicit subscription of a REFER inside dialog d, which stays the other usage's (not freed here).
 * refer_cseq: CSeq of the REFER, the event's id. */
int sub_refer_in(struct sip_ua *ua, const struct sub_conf *c, struct dlg *d, uint32_t refer_cseq,
    struct sub **out) MUST_CHECK;
int sub_refer_out(struct sip_ua *ua, const struct sub_conf *c, struct dlg *d, uint32_t refer_cseq,
    struct sub **out) MUST_CHECK;
void sub_free(struct sub *s); /* without a word on the wire; NULL is fine */
struct dlg *sub_dlg(struct sub *s);
#endif
