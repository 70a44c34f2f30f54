/* Names of header fields and methods, comma lists and parameters: the small grammar under every header. */
#include "sipd/sip_hdr.h"

#include <string.h>

struct hdr_name {
	struct slice name, compact;
};

static const struct hdr_name names[SIP_H_COUNT] = {
#define X(id, text, compact)                                                                       \
	[SIP_H_##id] = { { text, sizeof(text) - 1 }, { compact, sizeof(compact) - 1 } },
	SIP_HDR_LIST(X)
#undef X
};

/* |0x20 folds the case of letters and leaves '-' and digits alone: good enough for a hash. */
#define HASH_SIZE 256
#define HASH_NONE 0

static uint8_t hash_heads[HASH_SIZE];
static uint8_t hash_next[SIP_H_COUNT];
static bool hash_built;

static unsigned hash_of(struct slice s)
{
	unsigned h = (unsigned)s.n * 31;

	h += ((unsigned)(unsigned char)s.p[0] | 0x20) * 7;
	h += ((unsigned)(unsigned char)s.p[s.n - 1] | 0x20) * 3;
	h += ((unsigned)(unsigned char)s.p[s.n / 2] | 0x20) * 17;
	return h % HASH_SIZE;
}

/* Before main: parsers may run in any thread. */
__attribute__((constructor)) static void build(void)
{
	if (hash_built)
		return;
	for (unsigned i = 1; i < SIP_H_COUNT; i++) {
		unsigned h = hash_of(names[i].name);

		hash_next[i] = hash_heads[h];
		hash_heads[h] = (uint8_t)i;
	}
	hash_built = true;
}

static const uint8_t compact_of[26] = {
	['a' - 'a'] = SIP_H_ACCEPT_CONTACT,
	['b' - 'a'] = SIP_H_REFERRED_BY,
	['c' - 'a'] = SIP_H_CONTENT_TYPE,
	['d' - 'a'] = SIP_H_REQUEST_DISPOSITION,
	['e' - 'a'] = SIP_H_CONTENT_ENCODING,
	['f' - 'a'] = SIP_H_FROM,
	['i' - 'a'] = SIP_H_CALL_ID,
	['j' - 'a'] = SIP_H_REJECT_CONTACT,
	['k' - 'a'] = SIP_H_SUPPORTED,
	['l' - 'a'] = SIP_H_CONTENT_LENGTH,
	['m' - 'a'] = SIP_H_CONTACT,
	['o' - 'a'] = SIP_H_EVENT,
	['r' - 'a'] = SIP_H_REFER_TO,
	['s' - 'a'] = SIP_H_SUBJECT,
	['t' - 'a'] = SIP_H_TO,
	['u' - 'a'] = SIP_H_ALLOW_EVENTS,
	['v' - 'a'] = SIP_H_VIA,
	['x' - 'a'] = SIP_H_SESSION_EXPIRES,
};

enum sip_hdr_id sip_hdr_id(struct slice name)
{
	if (name.n == 0)
		return SIP_H_OTHER;
	if (name.n == 1) {
		unsigned c = ((unsigned)(unsigned char)name.p[0] | 0x20) - 'a';
		return c < 26 ? (enum sip_hdr_id)compact_of[c] : SIP_H_OTHER;
	}
	for (unsigned i = hash_heads[hash_of(name)]; i != HASH_NONE; i = hash_next[i])
		if (slice_ieq(names[i].name, name))
			return (enum sip_hdr_id)i;
	return SIP_H_OTHER;
}

struct slice sip_hdr_name(enum sip_hdr_id id)
{
	return id > SIP_H_OTHER && id < SIP_H_COUNT ? names[id].name : SLICE_LIT("");
}

static const struct slice methods[SIP_M_COUNT] = { [SIP_M_OTHER] = { "", 0 },
#define X(m) [SIP_M_##m] = { #m, sizeof(#m) - 1 },
	SIP_METHOD_LIST(X)
#undef X
};

enum sip_method sip_method_id(struct slice name)
{
	for (unsigned i = 1; i < SIP_M_COUNT; i++)
		if (slice_eq(methods[i], name))
			return (enum sip_method)i;
	return SIP_M_OTHER;
}

struct slice sip_method_name(enum sip_method m)
{
	return m < SIP_M_COUNT ? methods[m] : methods[SIP_M_OTHER];
}

static const struct {
	uint16_t status;
	const char *text;
} reasons[] = {
	{ 100, "Trying" },
	{ 180, "Ringing" },
	{ 181, "Call Is Being Forwarded" },
	{ 182, "Queued" },
	{ 183, "Session Progress" },
	{ 199, "Early Dialog Terminated" },
	{ 200, "OK" },
	{ 202, "Accepted" },
	{ 204, "No Notification" },
	{ 300, "Multiple Choices" },
	{ 301, "Moved Permanently" },
	{ 302, "Moved Temporarily" },
	{ 305, "Use Proxy" },
	{ 380, "Alternative Service" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 402, "Payment Required" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 407, "Proxy Authentication Required" },
	{ 408, "Request Timeout" },
	{ 410, "Gone" },
	{ 412, "Conditional Request Failed" },
	{ 413, "Request Entity Too Large" },
	{ 414, "Request-URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 416, "Unsupported URI Scheme" },
	{ 420, "Bad Extension" },
	{ 421, "Extension Required" },
	{ 422, "Session Interval Too Small" },
	{ 423, "Interval Too Brief" },
	{ 430, "Flow Failed" },
	{ 433, "Anonymity Disallowed" },
	{ 439, "First Hop Lacks Outbound Support" },
	{ 469, "Bad Info Package" },
	{ 480, "Temporarily Unavailable" },
	{ 481, "Call/Transaction Does Not Exist" },
	{ 482, "Loop Detected" },
	{ 483, "Too Many Hops" },
	{ 484, "Address Incomplete" },
	{ 485, "Ambiguous" },
	{ 486, "Busy Here" },
	{ 487, "Request Terminated" },
	{ 488, "Not Acceptable Here" },
	{ 489, "Bad Event" },
	{ 491, "Request Pending" },
	{ 493, "Undecipherable" },
	{ 500, "Server Internal Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Server Time-out" },
	{ 505, "Version Not Supported" },
	{ 513, "Message Too Large" },
	{ 580, "Precondition Failure" },
	{ 600, "Busy Everywhere" },
	{ 603, "Decline" },
	{ 604, "Does Not Exist Anywhere" },
	{ 606, "Not Acceptable" },
};

const char *sip_reason(unsigned status)
{
	static const char *const by_class[] = { "Unknown", "Progress", "OK", "Redirection",
		"Request Failed", "Server Failed", "Global Failure" };

	for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return by_class[status / 100 < 7 ? status / 100 : 0];
}

/* From an opening quote to behind the closing one; to the end when that is missing. */
static const char *skip_quoted(const char *p, const char *end)
{
	for (p++; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == '"')
			return p + 1;
	}
	return end;
}

/* The end of a parameter's value. Few have quotes, in which a ';' may stand. */
static const char *skip_value(const char *p, const char *end)
{
	const char *semi = memchr(p, ';', (size_t)(end - p)), *stop = semi ? semi : end;

	if (!memchr(p, '"', (size_t)(stop - p)))
		return stop;
	while (p < end && *p != ';')
		p = *p == '"' ? skip_quoted(p, end) : p + 1;
	return p;
}

/* What is looked at in a list; everything else is passed over. */
static const bool list_char[256] = { [','] = true, ['"'] = true, ['<'] = true };

bool sip_list_next(struct cur *c, struct slice *element)
{
	while (c->p < c->end) {
		const char *from = c->p, *p = c->p;

		if (!memchr(p, ',', (size_t)(c->end - p))) /* mostly there is one element */
			p = c->end;
		for (;;) {
			while (p < c->end && !list_char[(unsigned char)*p])
				p++;
			if (p == c->end || *p == ',')
				break;
			if (*p == '"') {
				p = skip_quoted(p, c->end);
			} else {
				const char *close = memchr(p, '>', (size_t)(c->end - p));
				p = close ? close + 1 : p + 1;
			}
		}
		c->p = p < c->end ? p + 1 : p;
		*element = slice_trim((struct slice){ from, (size_t)(p - from) });
		if (element->n)
			return true;
	}
	*element = (struct slice){ c->end, 0 };
	return false;
}

bool sip_param_next(struct cur *c, struct slice *name, struct slice *value)
{
	const char *from, *p;

	while (c->p < c->end && (*c->p == ';' || *c->p == ' ' || *c->p == '\t'))
		c->p++;
	*name = *value = (struct slice){ c->p, 0 };
	if (cur_done(c))
		return false;
	from = p = c->p;
	while (p < c->end && *p != ';' && *p != '=')
		p++;
	*name = slice_trim((struct slice){ from, (size_t)(p - from) });
	if (p < c->end && *p == '=') {
		from = ++p;
		p = skip_value(p, c->end);
		*value = slice_trim((struct slice){ from, (size_t)(p - from) });
	}
	c->p = p;
	return true;
}

bool sip_param_find(struct slice params, struct slice name, struct slice *value)
{
	struct cur c = cur_of(params);
	struct slice n, v;

	while (sip_param_next(&c, &n, &v)) {
		if (slice_ieq(n, name)) {
			if (value)
				*value = v;
			return true;
		}
	}
	if (value)
		*value = (struct slice){ 0 };
	return false;
}

struct slice sip_quoted_inside(struct slice in)
{
	if (in.n >= 2 && in.p[0] == '"' && in.p[in.n - 1] == '"')
		return (struct slice){ in.p + 1, in.n - 2 };
	return in;
}

int sip_unquote(struct slice in, char *out, size_t cap)
{
	struct slice s = sip_quoted_inside(in);
	bool quoted = s.p != in.p;
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < s.n; i++) {
		if (quoted && s.p[i] == '\\' && i + 1 < s.n)
			i++;
		if (n + 1 >= cap || s.p[i] == '\0') {
			out[0] = '\0';
			return ERR_LIMIT;
		}
		out[n++] = s.p[i];
	}
	out[n] = '\0';
	return 0;
}
