#ifndef SIPD_SIP_CHECK_H
#define SIPD_SIP_CHECK_H
#include "common/wr.h"
#include "sipd/sip_msg.h"

/* What a user agent server looks at before it acts on a request (RFC 3261 8.2.2, 8.2.3), beyond what the parser found:
 * the Request-URI, Contact, Require, body type. Pure. */
struct sip_check_conf {
	struct slice supported; /* option tags for Require, comma-separated */
};
/* Returns 0, or the status to answer with; *why is its phrase (static storage), lines gets header lines that belong to
 * it (Unsupported, Accept …). */
unsigned sip_check_request(const struct sip_msg *req, const struct sip_check_conf *conf,
    const char **why, struct wr *lines);
/* Is a response one for us at all: a single Via (RFC 3261 18.1.2). false: drop it. */
bool sip_check_reply(const struct sip_msg *rsp);
#endif
