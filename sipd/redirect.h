#ifndef SIPD_REDIRECT_H
#define SIPD_REDIRECT_H
#include "sipd/sip_msg.h"

/* Where a 3xx sends a request (RFC 3261 8.1.3.4): the URIs of its Contacts by falling q (1 where there is none), those of
 * the same q in their order; only SIP URIs, and telephone numbers where `tel`. Parts of rsp's text. Returns how many. */
#define REDIRECT_MAX 4
unsigned redirect_targets(const struct sip_msg *rsp, bool tel, struct slice out[REDIRECT_MAX]);
/* The same as text, a line each; those of `longest` octets and more are left out. false: there is none. */
bool redirect_lines(const struct sip_msg *rsp, size_t longest, char *out, size_t cap);
#endif
