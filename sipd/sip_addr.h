#ifndef SIPD_SIP_ADDR_H
#define SIPD_SIP_ADDR_H
#include "sipd/sip_uri.h"

/* name-addr and addr-spec with header parameters: From, To, Contact, Route, Record-Route, Refer-To, Referred-By,
 * P-Asserted-Identity, Diversion, History-Info, Path … (RFC 3261 20.10, 25.1). One element, without separating comma. */
struct sip_addr {
	struct slice raw;     /* the element as it came: what a route set keeps */
	struct slice display; /* quotes still on when it had them; empty when there is none */
	struct slice uri_raw; /* between the brackets, or up to the first ';' */
	struct sip_uri uri;
	struct slice params; /* header parameters, after the first ';' */
	bool bracketed;
	bool star; /* Contact: * */
};

/* ERR_SYNTAX also for an addr-spec without brackets that holds '?' or ','; its ';' start header parameters.
 * LYNC: "sip:a@b>;tag=x", a lone closing bracket, is accepted. */
int sip_addr_parse(struct sip_addr *a, struct slice in) MUST_CHECK;
bool sip_addr_param(const struct sip_addr *a, struct slice name, struct slice *value);
/* The tag parameter; empty when there is none. */
struct slice sip_addr_tag(const struct sip_addr *a);
/* The display name for people: unquoted, unescaped; "" when there is none. Bytes that are not UTF-8 come out as '?'.
 * Too long a name is cut at a character's edge. */
void sip_addr_display(const struct sip_addr *a, char *out, size_t cap);
/* Writes "display" <uri>; quotes and backslashes in the name are escaped, controls become spaces. An empty name
 * writes <uri> only. */
void sip_addr_put(struct wr *w, struct slice display, struct slice uri);
#endif
