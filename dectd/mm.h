#ifndef DECTD_MM_H
#define DECTD_MM_H
#include "dectd/auth.h"
#include "dectd/pp.h"

/* Mobility management of the fixed part (EN 300 175-5 clause 13): access rights, key allocation, authentication in both
 * directions, ciphering, location, identities. mm.c has the endpoint of a link and its jobs, mm_proc.c the procedures,
 * mm_req.c what handsets ask for, mm_tab.c the endpoint's state table. */
struct mm;
struct dectd;
struct lce_link;

struct mm_watch {
	/* The link of an active call is not safe any more: release the call with this release reason (EN 300 175-5 7.6.7:
	 * 40 attack assumed, 41 encryption activation failed, 42 re-keying failed). */
	void (*unsafe)(void *ctx, struct pp *pp, struct lce_link *l, uint8_t reason);
};

/* Registers at the room's link control. */
struct mm *mm_new(struct dectd *r, const struct auth_ops *auth, void *auth_ctx);
void mm_free(struct mm *m);
void mm_set_watch(struct mm *m, const struct mm_watch *w, void *ctx);

/* 0: done; ERR_LOST: the link ended; ERR_TIMEOUT: the handset did not answer; ERR_AUTH: it has another key (alarm
 * raised); ERR_DENIED: it refused to cipher although it must; ERR_UNSUPP: the base cannot cipher although it must;
 * ERR_BUSY: certd does not answer. pp NULL: the device was deleted meanwhile. */
typedef void(mm_done_h)(void *ctx, struct pp *pp, int err);

/* What call control asks before the first message of a call that tells anything (CC-SETUP to the handset, CC-SETUP-ACK
 * or CC-CALL-PROC from it): the device's link is authenticated and ciphered as the policy wants it. Needs a link; done
 * comes from the loop, never from inside this call, exactly once, unless mm_secure_forget() was called with its ctx.
 * While the link stays and is ciphered, a second call of it is fast (no messages). */
void mm_secure(struct mm *m, struct pp *pp, mm_done_h *done, void *ctx);
/* The same of one link, where a handset has two (external handover). prove_only: it is authenticated, but not ciphered yet. */
void mm_secure_link(
    struct mm *m, struct lce_link *l, struct pp *pp, bool prove_only, mm_done_h *done, void *ctx);
void mm_secure_forget(struct mm *m, const void *ctx);
/* A call is active on the device's link (re-keying runs meanwhile), or none is any more. */
void mm_call_active(struct mm *m, struct pp *pp, bool active);
/* Whether what is sent to it now goes over the air ciphered. */
bool mm_ciphered(const struct mm *m, const struct pp *pp);

/* Asks a handset to register its location ({MM-INFO-SUGGEST} 80): pages it. ERR_LOST: no base is on air. */
int mm_suggest_locate(struct mm *m, struct pp *pp) MUST_CHECK;
/* Asks for its IPEI and model ({IDENTITY-REQUEST}): pages it. */
int mm_identify(struct mm *m, struct pp *pp) MUST_CHECK;
/* Gives it another temporary identity ({TEMPORARY-IDENTITY-ASSIGN}): pages it. */
int mm_new_tpui(struct mm *m, struct pp *pp) MUST_CHECK;
/* Takes the access rights away: over the air when it can be reached, in the stores in any case. done, from the loop, with
 * pp NULL, since the device is gone then (PP_C_GONE): 0; ERR_LOST: deleted here, but the handset was not told. ERR_BUSY:
 * certd, which has its key, does not answer: nothing was done, done will not be called. */
int mm_terminate(struct mm *m, struct pp *pp, mm_done_h *done, void *ctx) MUST_CHECK;
/* It is being deleted. */
void mm_pp_gone(struct mm *m, struct pp *pp);

#define MM_STATS(X)                                                                                \
	X(locates, "location registrations accepted")                                              \
	X(locate_rejects, "location registrations rejected")                                       \
	X(rights, "subscriptions")                                                                 \
	X(rights_rejects, "subscriptions rejected")                                                \
	X(wrong_codes, "wrong access codes")                                                       \
	X(auths, "authentications of handsets")                                                    \
	X(auth_failures, "authentications of handsets that failed")                                \
	X(ft_auths, "authentications of the system for handsets")                                  \
	X(ciphers, "links ciphered")                                                               \
	X(cipher_refusals, "links that the handset or the base would not cipher")                  \
	X(rekeys, "keys renewed in calls")                                                         \
	X(default_keys, "default cipher keys made")                                                \
	X(default_asks, "default cipher keys that bases asked for")                                \
	X(default_refused, "… that they did not get")                                              \
	X(early, "links ciphered from their start")                                                \
	X(detaches, "detaches")                                                                    \
	X(terminations, "access rights terminated")                                                \
	X(repeats, "requests sent again")                                                          \
	X(timeouts, "procedures without an answer")                                                \
	X(unexpected, "messages that did not fit: ignored")                                        \
	X(copies, "repeated requests of handsets: dropped")                                        \
	X(bad, "requests with a missing or wrong element")
struct mm_stats {
#define X(name, text) uint64_t name;
	MM_STATS(X)
#undef X
};
const struct mm_stats *mm_stats(const struct mm *m);
#endif
