/* name-addr and addr-spec with header parameters. */
#include "sipd/sip_addr.h"

#include <string.h>

#include "sipd/sip_hdr.h"

/* display-name = *(token LWS) / quoted-string; other octets but controls and '"' are taken too (UTF-8, '@', …): names
 * of people arrive unquoted in the field. '<', ',' and unbalanced quotes are errors. */
static int parse_display(struct cur *c, struct slice *out)
{
	const char *from = c->p;

	if (cur_lit(c, '"')) {
		for (;;) {
			if (cur_done(c))
				return ERR_SYNTAX;
			if (*c->p == '\\') {
				c->p += c->end - c->p >= 2 ? 2 : 1;
				continue;
			}
			if (*c->p++ == '"')
				break;
		}
		*out = (struct slice){ from, (size_t)(c->p - from) };
		cur_lws(c);
		return c->p < c->end && *c->p == '<' ? 0 : ERR_SYNTAX;
	}
	while (c->p < c->end && *c->p != '<') {
		if (*c->p == '"' || *c->p == ',' || *c->p == ';')
			return ERR_SYNTAX;
		c->p++;
	}
	*out = slice_trim((struct slice){ from, (size_t)(c->p - from) });
	return 0;
}

static int parse_params(struct sip_addr *a, struct cur *c)
{
	cur_lws(c);
	if (cur_done(c))
		return 0;
	if (!cur_lit(c, ';'))
		return ERR_SYNTAX;
	a->params = slice_trim(cur_rest(c));
	return 0;
}

int sip_addr_parse(struct sip_addr *a, struct slice in)
{
	struct slice s = slice_trim(in);
	struct cur c = cur_of(s);
	int err;

	*a = (struct sip_addr){ .raw = s };
	if (s.n == 0)
		return ERR_SYNTAX;
	if (slice_eq(s, SLICE_LIT("*"))) {
		a->star = true;
		return 0;
	}
	/* A '<' outside of quotes before any ';' of an addr-spec makes it a name-addr. */
	const char *open = s.p[0] == '"' ? s.p : memchr(s.p, '<', s.n);
	if (open && s.p[0] != '"') {
		const char *semi = memchr(s.p, ';', (size_t)(open - s.p));
		if (semi)
			open = NULL;
	}
	if (open) {
		err = parse_display(&c, &a->display);
		if (err)
			return err;
		if (!cur_lit(&c, '<'))
			return ERR_SYNTAX;
		a->uri_raw = cur_until(&c, ">");
		if (!cur_lit(&c, '>'))
			return ERR_SYNTAX;
		a->bracketed = true;
	} else {
		a->uri_raw = slice_trim(cur_until(&c, ";"));
		if (slice_chr(a->uri_raw, '?') < a->uri_raw.n ||
		    slice_chr(a->uri_raw, ',') < a->uri_raw.n)
			return ERR_SYNTAX;
		/* LYNC: "To: sip:a@b>;tag=x" is printed in MS-SIPREGE 4.1.3. */
		if (a->uri_raw.n && a->uri_raw.p[a->uri_raw.n - 1] == '>')
			a->uri_raw.n--;
	}
	err = sip_uri_parse(&a->uri, a->uri_raw);
	return err ? err : parse_params(a, &c);
}

bool sip_addr_param(const struct sip_addr *a, struct slice name, struct slice *value)
{
	return sip_param_find(a->params, name, value);
}

struct slice sip_addr_tag(const struct sip_addr *a)
{
	struct slice tag;

	(void)sip_param_find(a->params, SLICE_LIT("tag"), &tag);
	return tag;
}

/* Octets of the UTF-8 character at p; 0: not UTF-8. */
static size_t utf8_len(const char *p, size_t left)
{
	unsigned char c = (unsigned char)p[0];
	size_t n = c < 0x80                ? 1
	           : c >= 0xc2 && c < 0xe0 ? 2
	           : c >= 0xe0 && c < 0xf0 ? 3
	           : c >= 0xf0 && c < 0xf5 ? 4
	                                   : 0;

	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return 0;
	if (n == 3 && ((c == 0xe0 && (unsigned char)p[1] < 0xa0) ||
	                  (c == 0xed && (unsigned char)p[1] >= 0xa0)))
		return 0;
	if (n == 4 && ((c == 0xf0 && (unsigned char)p[1] < 0x90) ||
	                  (c == 0xf4 && (unsigned char)p[1] >= 0x90)))
		return 0;
	return n;
}

void sip_addr_display(const struct sip_addr *a, char *out, size_t cap)
{
	struct slice s = sip_quoted_inside(a->display);
	bool quoted = s.p != a->display.p;
	size_t n = 0;

	for (size_t i = 0; i < s.n;) {
		if (quoted && s.p[i] == '\\' && i + 1 < s.n)
			i++;
		size_t len = utf8_len(s.p + i, s.n - i);
		unsigned char c = (unsigned char)s.p[i];
		bool odd = len == 0 || c < 0x20 || c == 0x7f;

		if (odd)
			len = 1;
		if (n + len >= cap)
			break;
		if (odd)
			out[n] = c < 0x20 ? ' ' : '?';
		else
			memcpy(out + n, s.p + i, len);
		n += len;
		i += len;
	}
	out[n] = '\0';
}

void sip_addr_put(struct wr *w, struct slice display, struct slice uri)
{
	if (display.n) {
		wr_u8(w, '"');
		for (size_t i = 0; i < display.n; i++) {
			unsigned char c = (unsigned char)display.p[i];

			if (c == '"' || c == '\\')
				wr_u8(w, '\\');
			wr_u8(w, c < 0x20 || c == 0x7f ? ' ' : c);
		}
		wr_str(w, "\" ");
	}
	wr_u8(w, '<');
	wr_slice_add(w, uri);
	wr_u8(w, '>');
}
