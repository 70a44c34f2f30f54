/* SIP, SIPS and tel URIs: parse, compare, escape. */
#include "sipd/sip_uri.h"

#include <arpa/inet.h>
#include <string.h>

#include "sipd/sip_hdr.h"

static bool alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static int hex(char c)
{
	if (digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* What may stand anywhere in a URI besides '%': everything printable but space, quotes, <> and some. UTF-8 octets are
 * taken as they are: the field sends them though the grammar wants them escaped. */
#define BAD     1
#define ESCAPED 2
static const uint8_t uri_octet[256] = {
	/* a table: this runs for every octet */
	['"'] = BAD,
	['<'] = BAD,
	['>'] = BAD,
	['\\'] = BAD,
	['^'] = BAD,
	['`'] = BAD,
	['{'] = BAD,
	['|'] = BAD,
	['}'] = BAD,
	[0x7f] = BAD,
	['%'] = ESCAPED,
};

static int check_octets(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char u = (unsigned char)s.p[i];

		if (u > 0x20 && uri_octet[u] == 0)
			continue;
		if (uri_octet[u] != ESCAPED || s.n - i < 3 || hex(s.p[i + 1]) < 0 ||
		    hex(s.p[i + 2]) < 0)
			return ERR_SYNTAX;
	}
	return 0;
}

/* Four numbers up to 255 without leading zeros, as inet_pton wants them. */
static bool dotted_quad(struct slice s)
{
	unsigned parts = 0;

	for (size_t i = 0;; i++) {
		unsigned v = 0, digits = 0;

		for (; i < s.n && digit(s.p[i]); i++, digits++) {
			v = v * 10 + (unsigned)(s.p[i] - '0');
			if (digits > 2 || (digits > 0 && s.p[i - digits] == '0'))
				return false;
		}
		if (digits == 0 || v > 255)
			return false;
		parts++;
		if (i == s.n)
			return parts == 4;
		if (parts == 4 || s.p[i] != '.')
			return false;
	}
}

enum sip_host_kind sip_host_kind(struct slice host)
{
	char text[INET6_ADDRSTRLEN + 1];
	struct in6_addr a6;

	if (host.n == 0 || host.n > 255)
		return SIP_HOST_BAD;
	if (host.p[0] == '[') {
		if (host.p[host.n - 1] != ']' ||
		    slice_copy(slice_sub(host, 1, host.n - 2), text, sizeof(text)))
			return SIP_HOST_BAD;
		return inet_pton(AF_INET6, text, &a6) == 1 ? SIP_HOST_IP6 : SIP_HOST_BAD;
	}
	if (digit(host.p[host.n - 1]) && dotted_quad(host))
		return SIP_HOST_IP4;
	for (size_t i = 0; i < host.n; i++) {
		char c = host.p[i];

		/* '_' is not in the grammar of hostname and common in private networks. */
		if (!alpha(c) && !digit(c) && c != '-' && c != '.' && c != '_')
			return SIP_HOST_BAD;
		if (c == '.' && (i == 0 || host.p[i - 1] == '.'))
			return SIP_HOST_BAD;
	}
	return SIP_HOST_NAME;
}

uint16_t sip_default_port(enum sip_scheme scheme, bool tls)
{
	return scheme == SIP_SCHEME_SIPS || tls ? 5061 : 5060;
}

/* userinfo: up to the '@' before any '?' of headers … '?' and ';' may stand in a user part, so the last '@' of what
 * precedes an unescaped host decides: an '@' is legal nowhere else unescaped. */
static int parse_user(struct sip_uri *u, struct slice *rest)
{
	size_t at = slice_chr(*rest, '@');
	struct slice info;
	size_t colon;

	if (at == rest->n)
		return 0;
	info = slice_sub(*rest, 0, at);
	*rest = slice_sub(*rest, at + 1, rest->n);
	colon = slice_chr(info, ':');
	u->user = slice_sub(info, 0, colon);
	if (colon < info.n)
		u->password = slice_sub(info, colon + 1, info.n);
	u->has_user = true;
	return u->user.n ? 0 : ERR_SYNTAX;
}

static int parse_hostport(struct sip_uri *u, struct slice *rest)
{
	size_t n = 0;
	struct slice hp, port;

	while (n < rest->n && rest->p[n] != ';' && rest->p[n] != '?')
		n++;
	hp = slice_sub(*rest, 0, n);
	*rest = slice_sub(*rest, n, rest->n);
	if (hp.n && hp.p[0] == '[') {
		n = slice_chr(hp, ']');
		if (n == hp.n)
			return ERR_SYNTAX;
		n++;
	} else {
		n = slice_chr(hp, ':');
	}
	u->host = slice_sub(hp, 0, n);
	port = slice_sub(hp, n, hp.n);
	if (sip_host_kind(u->host) == SIP_HOST_BAD)
		return ERR_SYNTAX;
	if (port.n == 0)
		return 0;
	if (port.p[0] != ':')
		return ERR_SYNTAX;
	int err = slice_u32(slice_sub(port, 1, port.n), 65535, &u->port);
	return err ? ERR_SYNTAX : 0;
}

static int parse_sip(struct sip_uri *u)
{
	struct slice rest = u->rest;
	size_t q;
	int err = parse_user(u, &rest);

	if (!err)
		err = parse_hostport(u, &rest);
	if (err)
		return err;
	q = slice_chr(rest, '?');
	if (q < rest.n) {
		u->headers = slice_sub(rest, q + 1, rest.n);
		rest = slice_sub(rest, 0, q);
	}
	if (rest.n)
		u->params = slice_sub(rest, 1, rest.n);
	return 0;
}

static int parse_tel(struct sip_uri *u)
{
	size_t semi = slice_chr(u->rest, ';');
	bool some = false;

	u->user = slice_sub(u->rest, 0, semi);
	u->has_user = true;
	if (semi < u->rest.n)
		u->params = slice_sub(u->rest, semi + 1, u->rest.n);
	for (size_t i = 0; i < u->user.n; i++) {
		char c = u->user.p[i];

		if (hex(c) >= 0 || c == '*' || c == '#')
			some = true;
		else if (!(c == '+' && i == 0) && !strchr("-.()", c))
			return ERR_SYNTAX;
	}
	return some ? 0 : ERR_SYNTAX;
}

int sip_uri_parse(struct sip_uri *u, struct slice in)
{
	size_t n = 0;
	int err;

	*u = (struct sip_uri){ .raw = in };
	if (in.n > SIP_URI_MAX)
		return ERR_LIMIT;
	while (n < in.n && (alpha(in.p[n]) ||
	                       (n && (digit(in.p[n]) || strchr("+-.", in.p[n] ? in.p[n] : 'x')))))
		n++;
	if (n == 0 || n >= in.n || in.p[n] != ':')
		return ERR_SYNTAX;
	u->scheme_name = slice_sub(in, 0, n);
	u->rest = slice_sub(in, n + 1, in.n);
	if (u->rest.n == 0)
		return ERR_SYNTAX;
	err = check_octets(u->rest);
	if (err)
		return err;
	if (slice_ieq(u->scheme_name, SLICE_LIT("sip")))
		u->scheme = SIP_SCHEME_SIP;
	else if (slice_ieq(u->scheme_name, SLICE_LIT("sips")))
		u->scheme = SIP_SCHEME_SIPS;
	else if (slice_ieq(u->scheme_name, SLICE_LIT("tel")))
		u->scheme = SIP_SCHEME_TEL;
	if (u->scheme == SIP_SCHEME_OTHER)
		return 0;
	return u->scheme == SIP_SCHEME_TEL ? parse_tel(u) : parse_sip(u);
}

bool sip_uri_param(const struct sip_uri *u, struct slice name, struct slice *value)
{
	return sip_param_find(u->params, name, value);
}

/* One character of escaped text, as what it stands for. A reserved character that is escaped stays different from the
 * same one unescaped (19.1.4); bit 8 marks it. */
static unsigned next_char(const char **p, const char *end, bool fold)
{
	unsigned c = (unsigned char)**p;
	int hi, lo;

	(*p)++;
	if (c == '%' && end - *p >= 2 && (hi = hex((*p)[0])) >= 0 && (lo = hex((*p)[1])) >= 0) {
		*p += 2;
		c = (unsigned)(hi * 16 + lo);
		if (c && c < 0x80 && strchr(";/?:@&=+$,", (int)c))
			return c | 0x100;
	}
	if (fold && c >= 'A' && c <= 'Z')
		c += 32;
	return c;
}

static bool escaped_eq(struct slice a, struct slice b, bool fold)
{
	const char *pa = a.p, *pb = b.p;

	if (a.n == 0 || b.n == 0)
		return a.n == b.n;
	const char *ea = a.p + a.n, *eb = b.p + b.n;
	while (pa < ea && pb < eb)
		if (next_char(&pa, ea, fold) != next_char(&pb, eb, fold))
			return false;
	return pa == ea && pb == eb;
}

static bool param_in(struct slice params, struct slice name, struct slice *value)
{
	struct cur c = cur_of(params);
	struct slice n, v;

	while (sip_param_next(&c, &n, &v)) {
		if (escaped_eq(n, name, true)) {
			*value = v;
			return true;
		}
	}
	return false;
}

/* user, ttl, method, maddr (and, by RFC 5954's erratum practice, transport) never match when only one side has them. */
static bool param_must_be_on_both(struct slice name)
{
	return slice_ieq(name, SLICE_LIT("user")) || slice_ieq(name, SLICE_LIT("ttl")) ||
	       slice_ieq(name, SLICE_LIT("method")) || slice_ieq(name, SLICE_LIT("maddr")) ||
	       slice_ieq(name, SLICE_LIT("transport"));
}

static bool params_eq(struct slice a, struct slice b)
{
	struct cur c = cur_of(a);
	struct slice n, v, w;

	while (sip_param_next(&c, &n, &v)) {
		if (param_in(b, n, &w)) {
			if (!escaped_eq(v, w, true))
				return false;
		} else if (param_must_be_on_both(n)) {
			return false;
		}
	}
	return true;
}

/* Every header of a is in b with the same value (order is free). */
static bool headers_in(struct slice a, struct slice b)
{
	struct cur ca = cur_of(a);

	while (!cur_done(&ca)) {
		struct slice h = cur_until(&ca, "&");
		struct cur cb = cur_of(b);
		bool found = false;

		(void)cur_lit(&ca, '&');
		while (!cur_done(&cb) && !found) {
			struct slice g = cur_until(&cb, "&");
			size_t eh = slice_chr(h, '='), eg = slice_chr(g, '=');

			(void)cur_lit(&cb, '&');
			found = escaped_eq(slice_sub(h, 0, eh), slice_sub(g, 0, eg), true) &&
			        escaped_eq(slice_sub(h, eh, h.n), slice_sub(g, eg, g.n), false);
		}
		if (!found)
			return false;
	}
	return true;
}

static bool tel_eq(struct slice a, struct slice b)
{
	size_t i = 0, j = 0;

	for (;;) {
		while (i < a.n && strchr("-.()", a.p[i]))
			i++;
		while (j < b.n && strchr("-.()", b.p[j]))
			j++;
		if (i == a.n || j == b.n)
			return i == a.n && j == b.n;
		if ((a.p[i] | 0x20) != (b.p[j] | 0x20))
			return false;
		i++, j++;
	}
}

bool sip_uri_eq(const struct sip_uri *a, const struct sip_uri *b)
{
	if (a->scheme != b->scheme)
		return false;
	if (a->scheme == SIP_SCHEME_OTHER)
		return slice_eq(a->raw, b->raw);
	if (a->scheme == SIP_SCHEME_TEL)
		return tel_eq(a->user, b->user) && params_eq(a->params, b->params) &&
		       params_eq(b->params, a->params);
	return a->has_user == b->has_user && escaped_eq(a->user, b->user, false) &&
	       escaped_eq(a->password, b->password, false) && slice_ieq(a->host, b->host) &&
	       a->port == b->port && params_eq(a->params, b->params) &&
	       params_eq(b->params, a->params) && headers_in(a->headers, b->headers) &&
	       headers_in(b->headers, a->headers);
}

bool sip_uri_same_aor(const struct sip_uri *a, const struct sip_uri *b)
{
	bool ta = a->scheme == SIP_SCHEME_TEL, tb = b->scheme == SIP_SCHEME_TEL;

	if (a->scheme == SIP_SCHEME_OTHER || b->scheme == SIP_SCHEME_OTHER)
		return sip_uri_eq(a, b);
	if (ta || tb)
		return ta && tb && tel_eq(a->user, b->user);
	return a->has_user == b->has_user && escaped_eq(a->user, b->user, false) &&
	       slice_ieq(a->host, b->host);
}

int sip_unescape(struct slice in, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];

		if (c == '%') {
			if (in.n - i < 3 || hex(in.p[i + 1]) < 0 || hex(in.p[i + 2]) < 0) {
				out[0] = '\0';
				return ERR_SYNTAX;
			}
			c = (char)(hex(in.p[i + 1]) * 16 + hex(in.p[i + 2]));
			i += 2;
		}
		if (n + 1 >= cap || c == '\0') {
			out[0] = '\0';
			return ERR_LIMIT;
		}
		out[n++] = c;
	}
	out[n] = '\0';
	return 0;
}

void sip_escape_user(struct wr *w, struct slice text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		unsigned char u = (unsigned char)c;

		if (alpha(c) || digit(c) || (c && strchr("-_.!~*'()&=+$,;?/", c))) {
			wr_u8(w, u);
		} else {
			wr_u8(w, '%');
			wr_u8(w, (unsigned char)digits[u >> 4]);
			wr_u8(w, (unsigned char)digits[u & 15]);
		}
	}
}
