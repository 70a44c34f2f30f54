#ifndef DECTD_CALL_IPC_H
#define DECTD_CALL_IPC_H
#include "dectd/dectd.h"
#include "dectd/handover.h"
#include "dectd/phone.h"
#include "dectd/ss.h"

/* The call interface, second half: handsets' calls and services between phone.h and sipd; speech between sipd's mediad
 * and the base station. dectd is the client of the link. */
struct calls;

/* ERR_SYNTAX, ERR_VALUE: the configuration has a service code that is none; it was logged. */
int calls_new(struct dectd *r, struct calls **out) MUST_CHECK;
void calls_free(struct calls *c);
int calls_reload(struct calls *c, const struct dectd_conf *conf) MUST_CHECK;
struct phones *calls_phones(struct calls *c);
const struct handover_stats *calls_handovers(const struct calls *c);
const struct ss_stats *calls_ss(const struct calls *c);
/* The link to sipd came up or went down. */
void calls_up(struct calls *c, bool restarted);
void calls_down(struct calls *c);
/* A device or its user changed: bits of enum pp_change. */
void calls_pp_changed(struct calls *c, struct pp *pp, struct pp_user *u, unsigned what);

ipc_handler_h call_on_offer, call_on_progress, call_on_connected, call_on_release, call_on_display,
    call_on_media, call_on_notice, call_on_presence;
#endif
