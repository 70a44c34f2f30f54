#ifndef SIPD_SIP_URI_H
#define SIPD_SIP_URI_H
#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"
#include "common/wr.h"

/* SIP, SIPS (RFC 3261 19.1) and tel (RFC 3966) URIs. Every slice lies inside the input. Other absolute URIs
 * (urn:, mailto:, http:, im: …) parse to SIP_SCHEME_OTHER with .rest only. */
enum sip_scheme { SIP_SCHEME_OTHER, SIP_SCHEME_SIP, SIP_SCHEME_SIPS, SIP_SCHEME_TEL };

#define SIP_URI_MAX 2048 /* octets; longer gives ERR_LIMIT, which is 414 for a Request-URI */

struct sip_uri {
	struct slice raw; /* the whole URI */
	enum sip_scheme scheme;
	struct slice scheme_name;
	struct slice rest; /* what follows the scheme's colon */
	struct slice user; /* still escaped; tel: the number with its separators */
	struct slice password;
	bool has_user;        /* "sip:@host" is a syntax error, "sip:host" has none */
	struct slice host;    /* name, dotted quad, or IPv6 with its brackets */
	uint32_t port;        /* 0: none given */
	struct slice params;  /* after the first ';', without it */
	struct slice headers; /* after '?', without it */
};

/* ERR_SYNTAX, ERR_LIMIT. Input without surrounding white space or angle brackets. */
int sip_uri_parse(struct sip_uri *u, struct slice in) MUST_CHECK;
/* value may be NULL; a parameter without '=' gives an empty one. */
bool sip_uri_param(const struct sip_uri *u, struct slice name, struct slice *value);
/* Equality by RFC 3261 19.1.4 (escapes are equal to what they stand for; order of parameters is free); tel by
 * RFC 3966 4 (visual separators ignored). Other schemes: octet by octet. */
bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b);
/* Same user and host (and scheme class), parameters and port not looked at: "is this our address of record". */
bool sip_uri_same_aor(const struct sip_uri *a, const struct sip_uri *b);

/* Resolves %HH. NUL-terminated; ERR_SYNTAX for a bad escape, ERR_LIMIT when too long or for an escaped NUL. */
int sip_unescape(struct slice in, char *out, size_t cap) MUST_CHECK;
/* Writes text as the user part of a SIP URI: all but unreserved and user-unreserved is escaped. */
void sip_escape_user(struct wr *w, struct slice text);

/* Is the text of a host an address? Brackets around IPv6 are expected, zone identifiers are not accepted. */
enum sip_host_kind { SIP_HOST_BAD, SIP_HOST_NAME, SIP_HOST_IP4, SIP_HOST_IP6 };
enum sip_host_kind sip_host_kind(struct slice host);
/* Port for a scheme and transport when none is given: 5061 for sips or TLS, else 5060. */
uint16_t sip_default_port(enum sip_scheme scheme, bool tls);
#endif
