#ifndef SIPD_LEG_H
#define SIPD_LEG_H
#include "common/list.h"
#include "common/map.h"
#include "sipd/media.h"
#include "sipd/number.h"
#include "sipd/party.h"
#include "sipd/user.h"

/* One end of a call: a handset's call reference (leg_dect.c) or an INVITE session (leg_sip.c). A call joins two legs; a
 * leg may move to another call (transfer). Operations never call back into the call machine from inside: what fails
 * at once says so by its result. */
struct call;
struct leg;
struct sipd;

enum leg_progress { LEG_PROCEEDING, LEG_ALERTING, LEG_EARLY_MEDIA, LEG_QUEUED };

struct leg_ops {
	const char *name;
	/* Rings this end. caller: who calls; diverted: who sent the call on, or NULL; waiting: call waiting. */
	int (*offer)(
	    struct leg *l, const struct party *caller, const struct party *diverted, bool waiting);
	/* The far end's progress towards this (calling) end. */
	void (*progress)(struct leg *l, enum leg_progress p, const struct party *far);
	/* The far end answered; far is who is there now. Also for an end that was up before (transfer). ERR_*: this end
	 * cannot go on (no common codec). */
	int (*connect)(struct leg *l, const struct party *far);
	/* Ends this end with a cause; the leg stays in memory until leg_free. */
	void (*release)(struct leg *l, enum cause cause);
	void (*display)(struct leg *l, const struct party *far);
	/* The far end holds this one, or no longer. */
	void (*far_hold)(struct leg *l, bool held);
	int (*dtmf)(struct leg *l, struct slice digits);
	/* Its media's addresses are new. */
	void (*moved)(struct leg *l);
	void (*free)(struct leg *l);
};

struct leg {
	const struct leg_ops *ops;
	struct sipd *sipd;
	struct call *call;
	struct user
	    *user; /* the handset's user, or on whose behalf a SIP leg speaks; may be NULL */
	struct list user_leg; /* in ustate.legs: handset legs only */
	uint64_t ref;
	struct party who; /* this end, as the other sees it */
	struct media *media;
	enum media_side side; /* where in the media this end is */
	struct media_user mu;
	bool handset, calling; /* calling: it began the call */
	bool up, gone, holding, held_by_far;
	bool ipv6;       /* its speech is to come over IPv6 */
	bool naming;     /* presenced is asked for who's name */
	uint64_t record; /* id of its call record; 0: none */
	uint64_t began, answered;
	char dialled[NUMBER_MAX];
};

/* What the far end says of itself now; a name that the phone book gave stays where it says none for the same number. */
void leg_identity(struct leg *l, const struct party *now);
/* The media side that the other end of the call uses. */
static inline enum media_side leg_far_side(const struct leg *l)
{
	return l->side == MEDIA_RADIO ? MEDIA_NETWORK : MEDIA_RADIO;
}
void leg_init(struct leg *l, struct sipd *s, const struct leg_ops *ops);
void leg_share_media(
    struct leg *l, const struct leg *with); /* takes the other side of with's media */
/* Lets go of the media. */
void leg_drop_media(struct leg *l, uint32_t linger_ms);
void leg_free(struct leg *l); /* released before; NULL is fine */
/* Call records (handset legs). */
void leg_record_begin(struct leg *l, const struct party *far);
void leg_record_answered(struct leg *l, const struct party *far);
void leg_record_end(struct leg *l, const struct party *far, enum cause cause, const char *diverted);

/* ---- made by the call machine ---- */
/* A handset that is called; the call's other end shares its media once that is there. */
struct leg *leg_dect_new(struct sipd *s, struct user *u);
/* An outgoing SIP leg for user u (may be NULL) to a URI. extra: header lines (Replaces, Diversion …). */
struct leg *leg_sip_new(struct sipd *s, struct user *u, struct slice uri, struct slice extra);
#endif
