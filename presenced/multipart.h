#ifndef PRESENCED_MULTIPART_H
#define PRESENCED_MULTIPART_H
#include <stdbool.h>

#include "common/err.h"
#include "common/slice.h"

/* Bodies of several parts (RFC 2046 5.1, RFC 2387) and lists of resources (RFC 4662), as batched presence brings them.
 * Untrusted; slices point into the body. */
struct multipart {
	struct slice rest, boundary;
	bool begun;
};
struct part {
	struct slice type, id; /* Content-Type; Content-ID without brackets */
	struct slice body;
};
/* content_type: that of the whole. ERR_SYNTAX: not multipart, no boundary. */
int multipart_begin(struct multipart *m, struct slice content_type, struct slice body) MUST_CHECK;
/* False: the end, or what follows is no part. A missing final boundary ends the last part with the body. */
bool multipart_next(struct multipart *m, struct part *p);
/* The type without parameters: "application/rlmi+xml". */
bool type_is(struct slice content_type, const char *type);

struct rlmi_item {
	char uri[256], state[16], pool[256]; /* clipped ones are left out */
};
typedef void(rlmi_h)(void *ctx, const struct rlmi_item *r);
int rlmi_parse(struct slice doc, rlmi_h *fn, void *ctx) MUST_CHECK; /* ERR_SYNTAX, ERR_LIMIT */
#endif
