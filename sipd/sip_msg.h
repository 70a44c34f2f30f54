#ifndef SIPD_SIP_MSG_H
#define SIPD_SIP_MSG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sipd/sip_addr.h"
#include "sipd/sip_hdr.h"
#include "sipd/sip_via.h"

/* A message split once: start line, header fields in their order, body. Nothing is copied: all slices point into the
 * caller's buffer, which must outlive the message. Folded lines are unfolded in place (line breaks become spaces), so
 * the buffer is writable. No allocation.
 *
 * Every header keeps its value byte by byte: signatures (MS-SIPAE) and route sets use it. */
#define SIP_MSG_MAX      65535 /* octets in all; more: 513 */
#define SIP_BODY_MAX     49152 /* octets; more: 413 */
#define SIP_MSG_HDRS_MAX 160   /* header fields; more: 513 */
#define SIP_MSG_NONE     0xffu

struct sip_hdr {
	struct slice name;  /* as it was spelt */
	struct slice value; /* trimmed, unfolded */
	uint8_t id;         /* enum sip_hdr_id */
	uint8_t next;       /* index of the next field of the same id, SIP_MSG_NONE: none */
};

/* Why a message is refused and what to answer. status 0: nothing wrong; for a response, or a request whose Via
 * cannot be read, .silent says that it is dropped without an answer. */
struct sip_fault {
	uint16_t status;
	bool silent;
	const char *why; /* for the reason phrase and the log; static storage */
};

struct sip_msg {
	struct slice buf; /* the message, start line to the end of the body */
	struct slice start;
	bool request;
	enum sip_method method;   /* a response's comes from CSeq */
	struct slice method_name; /* same */
	struct slice ruri;        /* request: raw Request-URI */
	uint16_t status;          /* response: 100 … 699 */
	struct slice reason;

	/* Read at once because every message needs them. Valid when .fault.status is 0; else as far as parsing got. */
	struct sip_via via; /* topmost */
	bool one_via;       /* certainly no others */
	struct slice call_id;
	uint32_t cseq; /* below 2^31 */
	struct sip_addr from, to;
	struct slice from_tag, to_tag;
	uint32_t max_forwards; /* 70 when absent */
	struct slice body;     /* Content-Length octets */

	struct sip_fault fault;
	uint8_t first[SIP_H_COUNT], last[SIP_H_COUNT];
	uint8_t nhdr;
	struct sip_hdr hdr[SIP_MSG_HDRS_MAX];
};

/* Parses a whole message of n octets. stream: n ends exactly with the body (framing saw to that); else it is a
 * datagram, in which Content-Length may be absent (body = the rest) and may be shorter than the rest, which is dropped.
 * Returns 0, or ERR_SYNTAX, ERR_LIMIT, ERR_UNSUPP, ERR_TRUNCATED with m->fault telling what to answer. */
int sip_msg_parse(struct sip_msg *m, char *buf, size_t n, bool stream) MUST_CHECK;

/* The first field with this id; NULL: none. */
const struct sip_hdr *sip_msg_hdr(const struct sip_msg *m, enum sip_hdr_id id);
const struct sip_hdr *sip_msg_hdr_next(const struct sip_msg *m, const struct sip_hdr *h);
/* Its value; an empty slice (p = NULL) when it is absent. */
struct slice sip_msg_value(const struct sip_msg *m, enum sip_hdr_id id);
/* By name, for headers without an id; *h = NULL to start. */
const struct sip_hdr *sip_msg_find(
    const struct sip_msg *m, struct slice name, const struct sip_hdr *after);

/* All values of a comma-separated header, over all its fields, in order. */
struct sip_values {
	const struct sip_msg *m;
	const struct sip_hdr *h;
	struct cur c;
};
struct sip_values sip_msg_values(const struct sip_msg *m, enum sip_hdr_id id);
bool sip_values_next(struct sip_values *v, struct slice *value);

/* Is the token among the values of the header (Supported, Require, Allow …)? Any case. */
bool sip_msg_lists(const struct sip_msg *m, enum sip_hdr_id id, struct slice token);
/* First Contact; ERR_NOTFOUND when there is none. */
int sip_msg_contact(const struct sip_msg *m, struct sip_addr *out) MUST_CHECK;
/* Decimal header (Expires, Retry-After …; what follows the digits is not looked at). ERR_NOTFOUND, ERR_SYNTAX,
 * ERR_VALUE above max. */
int sip_msg_u32(
    const struct sip_msg *m, enum sip_hdr_id id, uint32_t max, uint32_t *out) MUST_CHECK;
/* Type and subtype of the body, any case: sip_msg_is_type(m, "application", "sdp"). */
bool sip_msg_is_type(const struct sip_msg *m, const char *type, const char *subtype);

/* A heap copy that lives on its own (buffer included); sip_msg_free takes NULL. */
struct sip_msg *sip_msg_dup(const struct sip_msg *m);
void sip_msg_free(struct sip_msg *m);

/* Multipart bodies (RFC 2046 5.1, RFC 5621). part gets the n-th body part: its headers (raw lines) and content.
 * ERR_NOTFOUND beyond the last, ERR_SYNTAX. A body that is not multipart is its own only part. */
struct sip_part {
	struct slice headers; /* lines, each with CR LF; empty for a body that is not multipart */
	struct slice type;    /* Content-Type's value */
	struct slice disposition, id;
	struct slice body;
};
int sip_msg_part(const struct sip_msg *m, unsigned n, struct sip_part *part) MUST_CHECK;
/* The same of a part that is multipart itself: type is its Content-Type. ERR_NOTFOUND also when it is not multipart. */
int sip_part_nth(
    struct slice type, struct slice body, unsigned n, struct sip_part *part) MUST_CHECK;
/* Does the part's type match "application/sdp" (any case, parameters ignored)? */
bool sip_part_is(const struct sip_part *part, const char *type);
#endif
