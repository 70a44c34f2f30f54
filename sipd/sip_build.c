/* Requests and replies into a bounded writer; random tokens. */
#include "sipd/sip_build.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/mem.h"

/* A line break in a value would let its author write headers of his own. */
static void put_value(struct wr *w, struct slice v)
{
	if (v.n && (memchr(v.p, '\r', v.n) || memchr(v.p, '\n', v.n)))
		w->bad = true;
	else
		wr_slice_add(w, v);
}

void sip_put_request(struct wr *w, struct slice method, struct slice ruri)
{
	put_value(w, method);
	wr_u8(w, ' ');
	put_value(w, ruri);
	wr_str(w, " SIP/2.0\r\n");
}

void sip_put_status(struct wr *w, unsigned status, struct slice reason)
{
	wr_str(w, "SIP/2.0 ");
	wr_dec(w, status);
	wr_u8(w, ' ');
	if (reason.n)
		put_value(w, reason);
	else
		wr_str(w, sip_reason(status));
	wr_str(w, "\r\n");
}

void sip_put_named(struct wr *w, struct slice name, struct slice value)
{
	put_value(w, name);
	wr_str(w, ": ");
	put_value(w, value);
	wr_str(w, "\r\n");
}

void sip_put_hdr(struct wr *w, enum sip_hdr_id id, struct slice value)
{
	wr_slice_add(w, sip_hdr_name(id));
	wr_str(w, ": ");
	put_value(w, value);
	wr_str(w, "\r\n");
}

void sip_put_hdr_fmt(struct wr *w, enum sip_hdr_id id, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text)) {
		w->bad = true;
		return;
	}
	sip_put_hdr(w, id, (struct slice){ text, (size_t)n });
}

void sip_put_u32(struct wr *w, enum sip_hdr_id id, uint32_t v)
{
	wr_slice_add(w, sip_hdr_name(id));
	wr_str(w, ": ");
	wr_dec(w, v);
	wr_str(w, "\r\n");
}

void sip_put_cseq(struct wr *w, uint32_t cseq, struct slice method)
{
	wr_str(w, "CSeq: ");
	wr_dec(w, cseq);
	wr_u8(w, ' ');
	put_value(w, method);
	wr_str(w, "\r\n");
}

void sip_put_body(struct wr *w, struct slice type, struct slice body)
{
	if (type.n)
		sip_put_hdr(w, SIP_H_CONTENT_TYPE, type);
	wr_str(w, "Content-Length: ");
	wr_dec(w, body.n);
	wr_str(w, "\r\n\r\n");
	wr_slice_add(w, body);
}

void sip_put_copy(struct wr *w, const struct sip_msg *m, enum sip_hdr_id id)
{
	for (const struct sip_hdr *h = sip_msg_hdr(m, id); h; h = sip_msg_hdr_next(m, h))
		sip_put_hdr(w, id, h->value);
}

/* The peer's own Via comes back to it with what we saw of its address (RFC 3261 18.2.1, RFC 3581 4). */
static void put_top_via(struct wr *w, const struct sip_msg *req, const struct sip_src *src)
{
	struct slice all = sip_msg_value(req, SIP_H_VIA), raw = req->via.raw, name, value;
	struct cur c;
	size_t semi;

	wr_str(w, "Via: ");
	if (!src || !src->received.n || !raw.p) {
		put_value(w, all);
		wr_str(w, "\r\n");
		return;
	}
	semi = slice_chr(raw, ';');
	put_value(w, slice_trim(slice_sub(raw, 0, semi)));
	c = cur_of(slice_sub(raw, semi, raw.n));
	while (sip_param_next(&c, &name, &value)) {
		if (slice_ieq(name, SLICE_LIT("received")) || slice_ieq(name, SLICE_LIT("rport")))
			continue;
		wr_u8(w, ';');
		put_value(w, name);
		if (value.n) {
			wr_u8(w, '=');
			put_value(w, value);
		}
	}
	wr_str(w, ";received=");
	wr_slice_add(w, src->received);
	if (src->rport) {
		wr_str(w, ";rport=");
		wr_dec(w, src->rport);
	}
	put_value(w, slice_sub(all, (size_t)(raw.p + raw.n - all.p), all.n));
	wr_str(w, "\r\n");
}

void sip_put_reply(struct wr *w, const struct sip_msg *req, unsigned status, struct slice reason,
    struct slice to_tag, const struct sip_src *src)
{
	const struct sip_hdr *via = sip_msg_hdr(req, SIP_H_VIA), *to = sip_msg_hdr(req, SIP_H_TO);
	bool forms_dialog = req->method == SIP_M_INVITE || req->method == SIP_M_SUBSCRIBE ||
	                    req->method == SIP_M_REFER || req->method == SIP_M_NOTIFY;

	sip_put_status(w, status, reason);
	if (via) {
		put_top_via(w, req, src);
		for (via = sip_msg_hdr_next(req, via); via; via = sip_msg_hdr_next(req, via))
			sip_put_hdr(w, SIP_H_VIA, via->value);
	}
	if (forms_dialog && status > 100 && status < 300)
		sip_put_copy(w, req, SIP_H_RECORD_ROUTE);
	if (sip_msg_hdr(req, SIP_H_FROM))
		sip_put_hdr(w, SIP_H_FROM, sip_msg_value(req, SIP_H_FROM));
	if (to) {
		wr_str(w, "To: ");
		put_value(w, to->value);
		if (status > 100 && req->to_tag.n == 0 && to_tag.n) {
			wr_str(w, ";tag=");
			put_value(w, to_tag);
		}
		wr_str(w, "\r\n");
	}
	if (sip_msg_hdr(req, SIP_H_CALL_ID))
		sip_put_hdr(w, SIP_H_CALL_ID, sip_msg_value(req, SIP_H_CALL_ID));
	if (sip_msg_hdr(req, SIP_H_CSEQ))
		sip_put_hdr(w, SIP_H_CSEQ, sip_msg_value(req, SIP_H_CSEQ));
	if (status == 100)
		sip_put_copy(w, req, SIP_H_TIMESTAMP);
}

void sip_token(char *out, unsigned octets)
{
	static const char digits[] = "0123456789abcdef";
	/* One system call serves many tokens. The pool is wiped as it is used. */
	static __thread unsigned char pool[512];
	static __thread size_t left;

	BUG_ON(octets > sizeof(pool));
	if (left < octets) {
		for (left = 0; left < sizeof(pool);) {
			ssize_t n = getrandom(pool + left, sizeof(pool) - left, 0);

			if (n > 0)
				left += (size_t)n;
		}
	}
	for (unsigned i = 0; i < octets; i++) {
		unsigned char b = pool[--left];

		pool[left] = 0;
		*out++ = digits[b >> 4];
		*out++ = digits[b & 15];
	}
	*out = '\0';
}

void sip_branch(char out[SIP_BRANCH_CAP])
{
	static const char magic[] = "z9hG4bK";

	memcpy(out, magic, sizeof(magic) - 1);
	sip_token(out + sizeof(magic) - 1, 10);
}
