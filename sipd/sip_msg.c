/* Splits a message once: start line, header fields, body; finds what every message needs; says what is wrong. */
#include "sipd/sip_msg.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* The first fault counts: it is what the peer is told. */
static int fault(struct sip_msg *m, int err, unsigned status, const char *why)
{
	if (m->fault.status == 0) {
		m->fault.status = (uint16_t)status;
		m->fault.why = why;
	}
	return err;
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* SIP-Version = "SIP" "/" 1*DIGIT "." 1*DIGIT, any case */
static bool is_version(struct slice s)
{
	struct cur c = cur_of(s);

	if (!slice_istarts(s, SLICE_LIT("SIP/")))
		return false;
	c.p += 4;
	if (cur_digits(&c).n == 0 || !cur_lit(&c, '.') || cur_digits(&c).n == 0)
		return false;
	return cur_done(&c);
}

static int status_line(struct sip_msg *m)
{
	struct slice s = m->start;
	size_t sp = slice_chr(s, ' ');
	struct slice rest = slice_sub(s, sp + 1, s.n);

	m->request = false;
	if (!is_version(slice_sub(s, 0, sp)))
		return fault(m, ERR_SYNTAX, 400, "Malformed status line");
	if (!slice_eq(slice_sub(s, 4, sp - 4), SLICE_LIT("2.0")))
		return fault(m, ERR_UNSUPP, 505, "Not SIP/2.0");
	/* Status-Code = 3DIGIT, then SP and a phrase, which may be empty (RFC 4475 3.1.1.13) or miss its space. */
	if (rest.n < 3 || !digit(rest.p[0]) || !digit(rest.p[1]) || !digit(rest.p[2]) ||
	    (rest.n > 3 && rest.p[3] != ' ') || rest.p[0] < '1' || rest.p[0] > '6')
		return fault(m, ERR_SYNTAX, 400, "Bad status code");
	m->status =
	    (uint16_t)((rest.p[0] - '0') * 100 + (rest.p[1] - '0') * 10 + (rest.p[2] - '0'));
	m->reason = slice_sub(rest, 4, rest.n);
	return 0;
}

/* Request-Line = Method SP Request-URI SP SIP-Version CRLF: single spaces, nothing else (RFC 4475 3.1.2.10-12). */
static int request_line(struct sip_msg *m)
{
	struct slice s = m->start;
	struct cur c = cur_of(s);
	size_t sp;

	m->request = true;
	m->method_name = cur_token(&c);
	m->method = sip_method_id(m->method_name);
	if (m->method_name.n == 0 || !cur_lit(&c, ' '))
		return fault(m, ERR_SYNTAX, 400, "Malformed request line");
	s = cur_rest(&c);
	sp = slice_chr(s, ' ');
	m->ruri = slice_sub(s, 0, sp);
	s = slice_sub(s, sp + 1, s.n);
	if (m->ruri.n == 0 || slice_chr(m->ruri, '\t') < m->ruri.n || m->ruri.p[0] == '<')
		return fault(m, ERR_SYNTAX, 400, "Malformed Request-URI");
	if (!is_version(s))
		return fault(m, ERR_SYNTAX, 400, "Malformed request line");
	if (!slice_eq(slice_sub(s, 4, s.n), SLICE_LIT("2.0")))
		return fault(m, ERR_UNSUPP, 505, NULL);
	if (m->ruri.n > SIP_URI_MAX)
		return fault(m, ERR_LIMIT, 414, NULL);
	return 0;
}

static int add_hdr(struct sip_msg *m, struct slice name, struct slice value)
{
	struct sip_hdr *h;
	unsigned id;

	if (m->nhdr == SIP_MSG_HDRS_MAX)
		return fault(m, ERR_LIMIT, 513, "Too many header fields");
	id = sip_hdr_id(name);
	h = &m->hdr[m->nhdr];
	*h = (struct sip_hdr){ name, value, (uint8_t)id, SIP_MSG_NONE };
	if (m->first[id] == SIP_MSG_NONE)
		m->first[id] = m->nhdr;
	else
		m->hdr[m->last[id]].next = m->nhdr;
	m->last[id] = m->nhdr++;
	return 0;
}

/* One header with its continuation lines; *p moves behind it. Returns an error for the caller to note; the line is then
 * left out, and parsing goes on, so that an answer can be made from the rest. */
static int one_header(struct sip_msg *m, char **p, char *end)
{
	char *from = *p, *nl = memchr(from, '\n', (size_t)(end - from));

	/* The caller made sure that the header section ends in CR LF CR LF. */
	while (nl + 1 < end && (nl[1] == ' ' || nl[1] == '\t')) {
		nl[0] = ' ';
		if (nl > from && nl[-1] == '\r')
			nl[-1] = ' ';
		nl = memchr(nl + 1, '\n', (size_t)(end - nl - 1));
	}
	*p = nl + 1;
	if (nl == from || nl[-1] != '\r')
		return fault(m, ERR_SYNTAX, 400, "Line not ended by CR LF");

	struct slice line = { from, (size_t)(nl - 1 - from) };
	struct cur c = cur_of(line);
	struct slice name = cur_token(&c);

	cur_lws(&c);
	if (name.n == 0 || !cur_lit(&c, ':'))
		return fault(m, ERR_SYNTAX, 400, "Malformed header line");
	struct slice value = cur_rest(&c);
	if (slice_chr(value, '\r') < value.n)
		return fault(m, ERR_SYNTAX, 400, "Bare CR in a header");
	return add_hdr(m, name, slice_trim(value));
}

static bool once(struct sip_msg *m, enum sip_hdr_id id)
{
	return m->first[id] == m->last[id];
}

/* Parameters of From, To and Via: names are there, quotes balance, no comma stands outside of quotes. */
static bool params_sound(struct slice params)
{
	static const bool special[256] = {
		['"'] = true, [','] = true, [';'] = true, [' '] = true, ['\t'] = true
	};
	bool name_seen = false;

	for (size_t i = 0, from; i < params.n; i++) {
		for (from = i; i < params.n && !special[(unsigned char)params.p[i]]; i++)
			;
		name_seen |= i > from;
		if (i == params.n)
			break;
		if (params.p[i] == '"') {
			for (i++; i < params.n && params.p[i] != '"'; i++)
				if (params.p[i] == '\\')
					i++;
			if (i >= params.n)
				return false;
		} else if (params.p[i] == ',') {
			return false;
		} else if (params.p[i] == ';') {
			if (!name_seen)
				return false;
			name_seen = false;
		}
	}
	return name_seen || params.n == 0;
}

static int take_via(struct sip_msg *m)
{
	struct slice v = sip_msg_value(m, SIP_H_VIA), el;
	struct cur c = cur_of(v);
	int err;

	if (!v.p || !sip_list_next(&c, &el))
		return fault(m, ERR_SYNTAX, 400, "Via is missing");
	err = sip_via_parse(&m->via, el);
	if (err) {
		if (err != ERR_UNSUPP)
			m->via = (struct sip_via){ 0 };
		return fault(m, err, err == ERR_UNSUPP ? 505 : 400, "Malformed Via");
	}
	/* ";;,;,," (RFC 4475 3.1.2.1): the list goes on with things that are no Via. */
	m->one_via = once(m, SIP_H_VIA) && c.p == c.end;
	while (sip_list_next(&c, &el))
		if (el.p[0] == ';')
			return fault(m, ERR_SYNTAX, 400, "Malformed Via");
	return 0;
}

static int take_addr(
    struct sip_msg *m, enum sip_hdr_id id, struct sip_addr *a, struct slice *tag, const char *why)
{
	int err = sip_addr_parse(a, sip_msg_value(m, id));

	if (err)
		return fault(m, err, 400, why);
	if (a->star || !once(m, id) || !params_sound(a->params))
		return fault(m, ERR_SYNTAX, 400, why);
	*tag = sip_addr_tag(a);
	return 0;
}

static int take_cseq(struct sip_msg *m)
{
	struct slice v = sip_msg_value(m, SIP_H_CSEQ);
	struct cur c = cur_of(v);
	struct slice num = cur_digits(&c), method;

	cur_lws(&c);
	method = cur_token(&c);
	if (slice_u32(num, 0x7fffffff, &m->cseq) || method.n == 0 || !cur_done(&c) ||
	    !once(m, SIP_H_CSEQ)) {
		m->cseq = 0;
		return fault(m, ERR_SYNTAX, 400, "Malformed CSeq");
	}
	if (m->request) {
		if (!slice_eq(method, m->method_name))
			return fault(m, ERR_SYNTAX, 400, "CSeq does not match the method");
	} else {
		m->method_name = method;
		m->method = sip_method_id(method);
	}
	return 0;
}

static int take_core(struct sip_msg *m)
{
	int err = take_via(m), e;

	m->call_id = sip_msg_value(m, SIP_H_CALL_ID);
	if (m->call_id.n == 0 || !once(m, SIP_H_CALL_ID) ||
	    slice_chr(m->call_id, ' ') < m->call_id.n)
		err = fault(m, ERR_SYNTAX, 400, "Call-ID is missing or malformed");
	e = take_addr(m, SIP_H_FROM, &m->from, &m->from_tag, "From is missing or malformed");
	err = e ? e : err;
	e = take_addr(m, SIP_H_TO, &m->to, &m->to_tag, "To is missing or malformed");
	err = e ? e : err;
	e = take_cseq(m);
	err = e ? e : err;
	m->max_forwards = 70;
	if (m->first[SIP_H_MAX_FORWARDS] != SIP_MSG_NONE) {
		struct slice v = sip_msg_value(m, SIP_H_MAX_FORWARDS);

		if (slice_u32(v, 255, &m->max_forwards) || !once(m, SIP_H_MAX_FORWARDS)) {
			m->max_forwards = 70;
			err = fault(m, ERR_SYNTAX, 400, "Malformed Max-Forwards");
		}
	}
	return err;
}

static int take_body(struct sip_msg *m, char *from, size_t left, bool stream)
{
	struct slice v = sip_msg_value(m, SIP_H_CONTENT_LENGTH);
	uint64_t len = left;

	m->body = (struct slice){ from, left };
	if (v.p) {
		if (slice_u64(v, UINT32_MAX, &len) || !once(m, SIP_H_CONTENT_LENGTH))
			return fault(m, ERR_SYNTAX, 400, "Malformed Content-Length");
		if (len > left && len > SIP_BODY_MAX)
			return fault(m, ERR_LIMIT, 413, NULL);
		if (len > left && (size_t)(from - m->buf.p) + len > SIP_MSG_MAX)
			return fault(m, ERR_LIMIT, 513, NULL);
		if (len > left)
			return fault(m, ERR_TRUNCATED, 400, "Body is shorter than Content-Length");
	} else if (stream && left) {
		return fault(m, ERR_SYNTAX, 400, "Content-Length is missing");
	}
	m->body.n = (size_t)len;
	m->buf.n = (size_t)(from - m->buf.p) + (size_t)len;
	return len > SIP_BODY_MAX ? fault(m, ERR_LIMIT, 413, NULL) : 0;
}

/* A NUL may stand in a quoted-string behind a backslash only (quoted-pair, RFC 4475 3.1.1.2). */
static bool stray_nul(const char *p, const char *end)
{
	while ((p = memchr(p, '\0', (size_t)(end - p))) != NULL) {
		if (p[-1] != '\\')
			return true;
		p++;
	}
	return false;
}

/* The CR LF in front of the empty line, from behind a line's end; NULL: there is none. Line by line: a search for the four
 * octets looks at each of them. */
static char *header_end(char *p, char *end)
{
	for (;;) {
		if (end - p >= 2 && p[0] == '\r' && p[1] == '\n' && p[-2] == '\r')
			return p - 2;
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			return NULL;
		p++;
	}
}

int sip_msg_parse(struct sip_msg *m, char *buf, size_t n, bool stream)
{
	char *end = buf + n, *p, *nl, *stop;
	int err = 0, e;

	memset(m, 0, offsetof(struct sip_msg, first));
	memset(m->first, 0xff, sizeof(m->first) + sizeof(m->last));
	m->nhdr = 0;
	m->buf = (struct slice){ buf, n };
	nl = memchr(buf, '\n', n);
	if (!nl || nl == buf || nl[-1] != '\r') {
		m->fault.silent = true;
		return fault(m, ERR_TRUNCATED, 400, "No start line");
	}
	m->start = (struct slice){ buf, (size_t)(nl - 1 - buf) };
	err = slice_istarts(m->start, SLICE_LIT("SIP/")) ? status_line(m) : request_line(m);

	p = nl + 1;
	stop = header_end(p, end);
	if (!stop) {
		err = fault(m, ERR_TRUNCATED, 400, "Header section does not end");
		stop = end;
		/* What there is of whole lines may still make an answer. */
		while (stop > p && stop[-1] != '\n')
			stop--;
	} else {
		stop += 2;
	}
	if (*buf == '\0' || stray_nul(buf + 1, stop))
		err = fault(m, ERR_SYNTAX, 400, "NUL in the header section");
	while (p < stop) {
		e = one_header(m, &p, stop);
		err = e ? e : err;
	}
	e = take_core(m);
	err = e ? e : err;
	stop = end - stop >= 2 ? stop + 2 : end;
	e = take_body(m, stop, (size_t)(end - stop), stream);
	err = e ? e : err;
	if (n > SIP_MSG_MAX)
		err = fault(m, ERR_LIMIT, 513, NULL);
	if (m->fault.status && m->fault.why == NULL)
		m->fault.why = sip_reason(m->fault.status);
	m->fault.silent =
	    m->fault.status && (!m->request || m->via.host.n == 0 || m->method == SIP_M_ACK);
	return err;
}

const struct sip_hdr *sip_msg_hdr(const struct sip_msg *m, enum sip_hdr_id id)
{
	return m->first[id] == SIP_MSG_NONE ? NULL : &m->hdr[m->first[id]];
}

const struct sip_hdr *sip_msg_hdr_next(const struct sip_msg *m, const struct sip_hdr *h)
{
	return h->next == SIP_MSG_NONE ? NULL : &m->hdr[h->next];
}

struct slice sip_msg_value(const struct sip_msg *m, enum sip_hdr_id id)
{
	const struct sip_hdr *h = sip_msg_hdr(m, id);

	return h ? h->value : (struct slice){ 0 };
}

const struct sip_hdr *sip_msg_find(
    const struct sip_msg *m, struct slice name, const struct sip_hdr *after)
{
	enum sip_hdr_id id = sip_hdr_id(name);
	const struct sip_hdr *h;

	if (id != SIP_H_OTHER)
		return after ? sip_msg_hdr_next(m, after) : sip_msg_hdr(m, id);
	for (h = after ? sip_msg_hdr_next(m, after) : sip_msg_hdr(m, SIP_H_OTHER); h;
	     h = sip_msg_hdr_next(m, h))
		if (slice_ieq(h->name, name))
			return h;
	return NULL;
}

struct sip_values sip_msg_values(const struct sip_msg *m, enum sip_hdr_id id)
{
	struct sip_values v = { .m = m, .h = sip_msg_hdr(m, id) };

	if (v.h)
		v.c = cur_of(v.h->value);
	return v;
}

bool sip_values_next(struct sip_values *v, struct slice *value)
{
	while (v->h) {
		if (sip_list_next(&v->c, value))
			return true;
		v->h = sip_msg_hdr_next(v->m, v->h);
		if (v->h)
			v->c = cur_of(v->h->value);
	}
	*value = (struct slice){ 0 };
	return false;
}

bool sip_msg_lists(const struct sip_msg *m, enum sip_hdr_id id, struct slice token)
{
	struct sip_values v = sip_msg_values(m, id);
	struct slice el;

	while (sip_values_next(&v, &el))
		if (slice_ieq(el, token))
			return true;
	return false;
}

int sip_msg_contact(const struct sip_msg *m, struct sip_addr *out)
{
	struct sip_values v = sip_msg_values(m, SIP_H_CONTACT);
	struct slice el;

	if (!sip_values_next(&v, &el))
		return ERR_NOTFOUND;
	return sip_addr_parse(out, el);
}

int sip_msg_u32(const struct sip_msg *m, enum sip_hdr_id id, uint32_t max, uint32_t *out)
{
	struct slice v = sip_msg_value(m, id);
	struct cur c = cur_of(v);

	if (!v.p)
		return ERR_NOTFOUND;
	return slice_u32(cur_digits(&c), max, out);
}

static bool type_is(struct slice value, struct slice type, struct slice subtype)
{
	struct cur c = cur_of(value);

	if (!slice_ieq(cur_token(&c), type))
		return false;
	cur_lws(&c);
	if (!cur_lit(&c, '/'))
		return false;
	cur_lws(&c);
	return slice_ieq(cur_token(&c), subtype);
}

bool sip_msg_is_type(const struct sip_msg *m, const char *type, const char *subtype)
{
	return type_is(sip_msg_value(m, SIP_H_CONTENT_TYPE), slice_str(type), slice_str(subtype));
}

bool sip_part_is(const struct sip_part *part, const char *type)
{
	struct slice t = slice_str(type);
	size_t slash = slice_chr(t, '/');

	return type_is(part->type, slice_sub(t, 0, slash), slice_sub(t, slash + 1, t.n));
}

struct shift {
	const char *from, *end;
	char *to;
};

static void move(struct slice *s, const struct shift *by)
{
	if (s->p >= by->from && s->p <= by->end)
		s->p = by->to + (s->p - by->from);
}

static void move_addr(struct sip_addr *a, const struct shift *by)
{
	struct slice *const all[] = { &a->raw, &a->display, &a->uri_raw, &a->params, &a->uri.raw,
		&a->uri.scheme_name, &a->uri.rest, &a->uri.user, &a->uri.password, &a->uri.host,
		&a->uri.params, &a->uri.headers };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		move(all[i], by);
}

struct sip_msg *sip_msg_dup(const struct sip_msg *m)
{
	size_t head = offsetof(struct sip_msg, hdr) + m->nhdr * sizeof(m->hdr[0]);
	struct sip_msg *d = mem_new(head + m->buf.n + 1);
	struct shift by = { m->buf.p, m->buf.p + m->buf.n, (char *)d + head };
	struct slice *const all[] = { &d->buf, &d->start, &d->method_name, &d->ruri, &d->reason,
		&d->via.raw, &d->via.transport, &d->via.host, &d->via.branch, &d->via.received,
		&d->via.maddr, &d->via.ttl, &d->call_id, &d->from_tag, &d->to_tag, &d->body };

	memcpy(d, m, head);
	memcpy(by.to, m->buf.p, m->buf.n);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		move(all[i], &by);
	move_addr(&d->from, &by);
	move_addr(&d->to, &by);
	for (unsigned i = 0; i < d->nhdr; i++) {
		move(&d->hdr[i].name, &by);
		move(&d->hdr[i].value, &by);
	}
	return d;
}

void sip_msg_free(struct sip_msg *m)
{
	free(m);
}
