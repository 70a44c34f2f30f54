#ifndef SIPD_MIME_H
#define SIPD_MIME_H
#include "common/slice.h"

/* Bodies of several parts (RFC 2046 5.1, RFC 5621), pure. */
#define MIME_PARTS_MAX 8

struct mime_part {
	struct slice type;        /* "application/sdp" without parameters, trimmed */
	struct slice disposition; /* the whole value */
	struct slice id;          /* Content-ID without <> */
	struct slice body;
};

/* One parameter of a header value ("boundary", "handling"); unquoted; empty where absent. */
struct slice mime_param(struct slice value, const char *name);
/* Type and subtype without parameters. */
struct slice mime_type(struct slice content_type);
/* Splits body by the boundary of content_type. ERR_UNSUPP: no multipart; ERR_SYNTAX: no boundary or no part;
 * ERR_LIMIT. Preamble and epilogue are skipped. */
int mime_split(struct slice content_type, struct slice body, struct mime_part *part, size_t cap,
    size_t *n) MUST_CHECK;
/* The session description of a SIP body: the body itself, or the part of a multipart body that we should use (the
 * last one that is no fallback: RFC 2046 5.1.4). ERR_NOTFOUND: none; ERR_UNSUPP: a part that must be understood is
 * unknown (415). */
int mime_sdp(struct slice content_type, struct slice body, struct slice *sdp) MUST_CHECK;
#endif
