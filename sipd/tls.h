#ifndef SIPD_TLS_H
#define SIPD_TLS_H
#include "sipd/sipd.h"
#include "sipd/tp_tls.h"

/* TLS of the room: contexts fed by certd (identity, trust, revocation), private-key operations done by certd. While certd
 * is away handshakes wait for it until their own time is over. */
struct tls;
/* Before anything listens or connects. */
int tls_start(struct sipd *s) MUST_CHECK;
void tls_stop(struct sipd *s); /* after sip_ua_free */
void tls_reconf(struct sipd *s);
void tls_certd_up(struct sipd *s);
void tls_changed(struct sipd *s);     /* certd has a new identity, trust or list */
bool tls_ready(const struct sipd *s); /* has an identity of ours */
bool tls_used(const struct sipd *s);  /* something is to be reached or served by TLS */
struct tp_tls *tls_of(const struct sipd *s);
#endif
