#ifndef DECTD_MM_H
#define DECTD_MM_H
#include "dectd/pp.h"

/* Mobility management of the fixed part (EN 300 175-5 clause 13): access rights, key allocation, authentication in both
 * directions, ciphering, location, identities. mm.c has the procedures, mm_tab.c the endpoint's state table. */
struct mm;

/* 0: done; ERR_LOST: the link ended; ERR_TIMEOUT: the handset did not answer; ERR_AUTH: it has another key (alarm
 * raised); ERR_DENIED: it refused to cipher although it must; ERR_UNSUPP: the base cannot cipher although it must;
 * ERR_BUSY: certd does not answer. */
typedef void(mm_done_h)(void *ctx, struct pp *pp, int err);

/* What call control asks before the first message of a call that tells anything (CC-SETUP to the handset, CC-SETUP-ACK
 * or CC-CALL-PROC from it): the device's link is authenticated and ciphered as the policy wants it. Needs a link; done
 * comes from the loop, never from inside this call, exactly once, unless mm_secure_forget() was called with its ctx.
 * While the link stays and is ciphered, a second call of it is fast (no messages). */
void mm_secure(struct mm *m, struct pp *pp, mm_done_h *done, void *ctx);
void mm_secure_forget(struct mm *m, const void *ctx);
/* A call is active on the device's link (re-keying runs meanwhile), or none is any more. */
void mm_call_active(struct mm *m, struct pp *pp, bool active);
/* Whether what is sent to it now goes over the air ciphered. */
bool mm_ciphered(const struct mm *m, const struct pp *pp);
/* Asks a handset to register its location ({MM-INFO-SUGGEST} 80). */
int mm_suggest_locate(struct mm *m, struct pp *pp) MUST_CHECK;
/* Takes the access rights away: over the air when it can be reached, in the store in any case; done: 0, or ERR_LOST:
 * deleted here, but the handset was not told. The device is gone afterwards (PP_C_GONE). */
void mm_terminate(struct mm *m, struct pp *pp, mm_done_h *done, void *ctx);
#endif
