#ifndef SIPD_SIP_BUILD_H
#define SIPD_SIP_BUILD_H
#include "common/wr.h"
#include "sipd/sip_msg.h"

/* Messages into a bounded writer: the writer's .bad is checked once at the end. Values are written as given; a CR or
 * LF inside a value would start a header of the caller's, so such values are cut at it (and counted as bad). */
void sip_put_request(struct wr *w, struct slice method, struct slice ruri);
void sip_put_status(
    struct wr *w, unsigned status, struct slice reason); /* empty reason: the usual phrase */
void sip_put_hdr(struct wr *w, enum sip_hdr_id id, struct slice value);
void sip_put_named(struct wr *w, struct slice name, struct slice value);
void sip_put_hdr_fmt(struct wr *w, enum sip_hdr_id id, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void sip_put_u32(struct wr *w, enum sip_hdr_id id, uint32_t v);
void sip_put_cseq(struct wr *w, uint32_t cseq, struct slice method);
/* Content-Type (when type is not empty), Content-Length, the empty line and the body: ends the message. */
void sip_put_body(struct wr *w, struct slice type, struct slice body);
/* Copies every field of this id from m, in order, values untouched. */
void sip_put_copy(struct wr *w, const struct sip_msg *m, enum sip_hdr_id id);

/* Head of a response (RFC 3261 8.2.6): status line, all Via (the topmost gets received and rport from src when they
 * are not empty), From, To with to_tag added when it has none, Call-ID, CSeq, Timestamp in a 100, and Record-Route in
 * 1xx and 2xx to a dialog-forming request. The caller adds its headers and ends with sip_put_body. */
struct sip_src {
	struct slice received; /* peer's address as text, without brackets */
	uint16_t rport;        /* 0: do not add */
};
void sip_put_reply(struct wr *w, const struct sip_msg *req, unsigned status, struct slice reason,
    struct slice to_tag, const struct sip_src *src);

/* Random tokens (getrandom). out is NUL-terminated lower-case hex of 2 * octets digits. */
void sip_token(char *out, unsigned octets);
#define SIP_TAG_OCTETS 8
#define SIP_TAG_LEN    (2 * SIP_TAG_OCTETS)
/* z9hG4bK and 20 hex digits; needs SIP_BRANCH_CAP. */
#define SIP_BRANCH_CAP 32
void sip_branch(char out[SIP_BRANCH_CAP]);
#endif
