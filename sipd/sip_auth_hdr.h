#ifndef SIPD_SIP_AUTH_HDR_H
#define SIPD_SIP_AUTH_HDR_H
#include "common/slice.h"
#include "common/wr.h"
#include "sipd/sip_msg.h"

/* WWW-Authenticate, Proxy-Authenticate, Authorization, Proxy-Authorization, Authentication-Info: a scheme and
 * parameters separated by commas (RFC 3261 20.44, RFC 7235). The whole header value is one challenge: peers that put
 * two into one field are split by sip_auth_next. Order and spelling are kept, as signatures are made over them. */
#define SIP_AUTH_PARAMS_MAX 24

struct sip_auth_param {
	struct slice name;
	struct slice value; /* inside of the quotes, escapes left in */
	bool quoted;
};

struct sip_auth_hdr {
	struct slice scheme; /* empty for Authentication-Info, which has none */
	struct sip_auth_param param[SIP_AUTH_PARAMS_MAX];
	unsigned nparam;
};

/* Parses one challenge from the front of *c and leaves the cursor behind it (at the next challenge or the end).
 * ERR_SYNTAX, ERR_LIMIT (more parameters than we keep). */
int sip_auth_next(struct sip_auth_hdr *h, struct cur *c, bool has_scheme) MUST_CHECK;
/* A header that must hold exactly one. */
int sip_auth_parse(struct sip_auth_hdr *h, struct slice in, bool has_scheme) MUST_CHECK;
/* Value of a parameter; an empty slice with p = NULL when it is absent. */
struct slice sip_auth_param(const struct sip_auth_hdr *h, struct slice name);
/* Writes name="value" with quotes and backslashes escaped, preceded by ", " unless the text so far ends in a space. */
void sip_auth_put(struct wr *w, const char *name, struct slice value);
void sip_auth_put_token(struct wr *w, const char *name, struct slice value); /* name=value */

/* A request that is challenged more than once: by another realm on the way, or because a nonce was too old. `sent` and
 * `lines` are whole lines of Authorization and Proxy-Authorization, each with CR LF. */
/* Whether a 401 or 407 has a challenge that `sent` has not answered yet: of another realm, or with stale=true. */
bool sip_auth_fresh(const struct sip_msg *rsp, struct slice sent);
/* `lines`, and of `sent` what they do not take the place of (the same header field and realm). */
void sip_auth_merge(struct wr *w, struct slice sent, struct slice lines);
#endif
