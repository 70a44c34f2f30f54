#ifndef SIPD_PROV_H
#define SIPD_PROV_H
#include "ipc/daemon.h"
#include "sipd/sipd.h"

/* LYNC: what in-band provisioning said for a user (MS-SIPREGE 2.2.2.5), as presenced read it: used for the dial plan, the
 * mailbox and the encryption of speech; everything of it is shown by `dectctl provision list`. The configuration of
 * [sipd] and [lync] comes first where it says something. */
ipc_handler_h prov_on_provision;
void prov_free(struct user *u);
const char *prov_get(const struct user *u, const char *name); /* NULL: not said */
/* Dial plan of digits that are no complete number; "": none. u may be NULL. */
const char *prov_phone_context(const struct sipd *s, const struct user *u);
/* Rules for speech: the configured ones, or the policy's where the configuration leaves it open. */
const struct oa_conf *prov_oa(const struct sipd *s, const struct user *u);
/* Where the user's mailbox is called; false: nowhere. */
bool prov_voicemail(const struct sipd *s, const struct user *u, struct wr *w) MUST_CHECK;
int prov_list(struct ctl_run *r);
#endif
