#ifndef DECTD_CALL_SVC_H
#define DECTD_CALL_SVC_H
#include "dectd/dectd.h"
#include "dectd/phone.h"

/* Requests of handsets' services to sipd: lists, forwards, presence, directory, server information (call.proto 40-45).
 * phones_answer() gets what comes. */
int call_svc_query(struct dectd *r, struct phones *phones, struct pp *pp, uint32_t token,
    const struct iwu_query *q) MUST_CHECK;
/* phones goes: answers that still come are dropped. */
void call_svc_forget(struct dectd *r);
#endif
