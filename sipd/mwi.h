#ifndef SIPD_MWI_H
#define SIPD_MWI_H
#include "sipd/sipd.h"

/* Message waiting (RFC 3842): a subscription per registered user, and NOTIFYs that come without one. */
struct mwi;
/* The user registered, or its record changed. */
void mwi_update(struct sipd *s, struct user *u);
void mwi_stop(struct sipd *s, struct user *u);
/* true: the NOTIFY was of event message-summary and was taken. */
bool mwi_unsolicited(struct sipd *s, struct user *u, const struct sip_msg *req);
/* application/simple-message-summary: Voice-Message: new/old. ERR_SYNTAX. */
int mwi_parse(struct slice body, uint32_t *fresh, uint32_t *old) MUST_CHECK;
#endif
