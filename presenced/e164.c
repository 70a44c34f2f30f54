/* Written telephone numbers to E.164, in the order of steps that written numbers need. */
#include "presenced/e164.h"

#include <stdio.h>
#include <string.h>

/* Where the written extension begins: "ext", "x", "#" after digits, ";". s.n when there is none. */
static size_t ext_at(struct slice s)
{
	bool digits = false;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c >= '0' && c <= '9')
			digits = true;
		if (!digits)
			continue;
		if (c == ';' || c == 'x' || c == 'X' || c == '#' ||
		    slice_istarts(slice_sub(s, i, s.n), SLICE_LIT("ext")))
			return i;
	}
	return s.n;
}

/* Where something else follows the number: "(Büro)", or a second one that begins with its "+". s.n when nothing does. */
static size_t remark_at(struct slice s)
{
	bool digits = false;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i],
		              next = i + 1 < s.n ? (unsigned char)s.p[i + 1] : 0;

		if (digits && c == '+')
			return i;
		if (digits && c == '(' &&
		    ((next | 0x20) >= 'a' && (next | 0x20) <= 'z')) /* a letter */
			return i;
		if (digits && c == '(' && next >= 0xC3 && next <= 0xDF) /* one of two bytes */
			return i;
		digits |= c >= '0' && c <= '9';
	}
	return s.n;
}

static void ext_read(struct slice s, struct e164 *out)
{
	size_t n = 0;

	/* Behind ";" only the parameter ext= of RFC 3966 names an extension. */
	if (s.n > 0 && s.p[0] == ';') {
		size_t i = 0;

		while (i < s.n && !slice_istarts(slice_sub(s, i, s.n), SLICE_LIT(";ext=")))
			i++;
		s = slice_sub(s, i + 5, s.n);
		s.n = slice_chr(s, ';');
	}
	for (size_t i = 0; i < s.n && n + 1 < sizeof(out->ext); i++)
		if (s.p[i] >= '0' && s.p[i] <= '9')
			out->ext[n++] = s.p[i];
	out->ext[n] = '\0';
}

/* Bytes of a separator at s, 0 when it is none: space . - / ( ) and U+00A0, U+2010 … U+2015. */
static size_t separator(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	if (p[0] == ' ' || p[0] == '\t' || p[0] == '.' || p[0] == '-' || p[0] == '/' ||
	    p[0] == '(' || p[0] == ')')
		return 1;
	if (s.n >= 2 && p[0] == 0xC2 && p[1] == 0xA0)
		return 2;
	if (s.n >= 3 && p[0] == 0xE2 && p[1] == 0x80 && p[2] >= 0x90 && p[2] <= 0x95)
		return 3;
	return 0;
}

/* Copies "+" and digits; full-width ones (U+FF0B, U+FF10 … U+FF19) count. ERR_SYNTAX for letters. */
static int squeeze(struct slice s, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n;) {
		struct slice rest = slice_sub(s, i, s.n);
		const unsigned char *p = (const unsigned char *)rest.p;
		size_t k = separator(rest);
		char c = s.p[i];

		if (k > 0) {
			i += k;
			continue;
		}
		if (n == 0 && rest.n >= 3 && memcmp(p, "\xEF\xBC\x8B", 3) == 0) {
			c = '+';
			i += 3;
		} else if (rest.n >= 3 && p[0] == 0xEF && p[1] == 0xBC && p[2] >= 0x90 &&
		           p[2] <= 0x99) {
			c = (char)('0' + (p[2] - 0x90));
			i += 3;
		} else if ((c >= '0' && c <= '9') || (c == '+' && n == 0)) {
			i++;
		} else {
			return ERR_SYNTAX;
		}
		if (n + 1 >= cap)
			return ERR_LIMIT;
		out[n++] = c;
	}
	out[n] = '\0';
	return n > 0 && strcmp(out, "+") != 0 ? 0 : ERR_SYNTAX;
}

static bool begins(const char *s, const char *prefix)
{
	return *prefix && strncmp(s, prefix, strlen(prefix)) == 0;
}

static int global(struct e164 *out, const char *a, const char *b, const char *c, const char *d)
{
	char t[E164_MAX * 4];
	int n = snprintf(t, sizeof(t), "+%s%s%s%s", a, b, c, d);

	if (n < 2)
		return ERR_SYNTAX;
	if (n > 16)
		return ERR_LIMIT;
	memcpy(out->text, t, (size_t)n + 1);
	out->kind = E164_GLOBAL;
	return 0;
}

static int classify(const struct e164_rules *r, const char *d, struct e164 *out)
{
	size_t len = strlen(d);

	if (d[0] == '+')
		return global(out, d + 1, "", "", "");
	if (begins(d, r->international))
		return global(out, d + strlen(r->international), "", "", "");
	if (begins(d, r->national) && *r->country)
		return global(out, r->country, d + strlen(r->national), "", "");
	if (len >= r->internal_min && len <= r->internal_max) {
		if (*r->main_number && *r->country)
			return global(out, r->country, r->area, r->main_number, d);
	} else if (*r->area && *r->country) {
		return global(out, r->country, r->area, d, "");
	}
	if (len > 15)
		return ERR_LIMIT;
	memcpy(out->text, d, len + 1);
	out->kind = E164_INTERNAL;
	return 0;
}

int e164_parse(const struct e164_rules *r, struct slice raw, struct e164 *out)
{
	struct slice s = slice_trim(raw);
	char joined[2 * E164_MAX], digits[2 * E164_MAX];
	bool sip = false;
	size_t cut, zero;
	int err;

	*out = (struct e164){ .kind = E164_GLOBAL };
	if (slice_istarts(s, SLICE_LIT("tel:"))) {
		s = slice_sub(s, 4, s.n);
	} else if (slice_istarts(s, SLICE_LIT("sip:")) || slice_istarts(s, SLICE_LIT("sips:"))) {
		s = slice_sub(s, slice_chr(s, ':') + 1, s.n);
		s.n = slice_chr(s, '@');
		sip = true;
	}
	if (s.n == 0)
		return ERR_SYNTAX;
	if (s.n >= sizeof(joined))
		return ERR_LIMIT;
	if (!sip && (s.p[0] == '*' || s.p[0] == '#' || slice_chr(s, '*') < s.n)) {
		out->kind = E164_SERVICE;
		return slice_copy(s, out->text, sizeof(out->text));
	}

	if (!sip)
		s.n = remark_at(s);
	cut = ext_at(s);
	ext_read(slice_sub(s, cut, s.n), out);
	s.n = cut;
	/* "+49 (0)30": the zero is for callers inside the country. Only a parenthesised one: Italy keeps its 0. */
	zero = s.n;
	if (s.p[0] == '+')
		for (size_t i = 0; i + 3 <= s.n; i++)
			if (memcmp(s.p + i, "(0)", 3) == 0) {
				zero = i;
				break;
			}
	memcpy(joined, s.p, zero);
	if (zero < s.n) {
		memcpy(joined + zero, s.p + zero + 3, s.n - zero - 3);
		s.n -= 3;
	}
	s.p = joined;
	err = squeeze(s, digits, sizeof(digits));
	if (err == ERR_SYNTAX && sip) {
		out->kind = E164_ADDRESS;
		return 0;
	}
	return err ? err : classify(r, digits, out);
}
