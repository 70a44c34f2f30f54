#ifndef SIPD_AUTH_H
#define SIPD_AUTH_H
#include "sipd/sipd.h"

/* Answers challenges (RFC 3261 22, RFC 7616, RFC 8760). The response is computed by certd; passwords are never here. */
#define AUTH_TRIES                                                                                 \
	4 /* challenges to one request: several realms on the way, nonces that are too old */
#define AUTH_LINES_MAX 4096 /* their answers */
struct auth_req;
/* lines: Authorization and Proxy-Authorization header lines; empty with err != 0: ERR_NOTFOUND no challenge that we can
 * answer, ERR_AUTH no password, or what certd said. Runs from the loop. */
typedef void auth_h(void *ctx, int err, struct slice lines);
/* rsp: a 401 or 407. u: whose credentials. Body: of the request that is repeated (auth-int). ERR_NOTFOUND: nothing to
 * answer; the callback is not called then. */
int auth_answer(struct sipd *s, const struct user *u, const struct sip_msg *rsp,
    struct slice method, struct slice uri, struct slice body, auth_h *fn, void *ctx,
    struct auth_req **out) MUST_CHECK;
/* LYNC: a new handshake of the user's registration is through, or failed: those who wait for it go on. */
void auth_waited(struct sipd *s, const struct user *u, int err);
void auth_cancel(struct auth_req *a); /* no callback any more; NULL is fine */
#endif
