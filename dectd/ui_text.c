/* Handset texts: UTF-8 in, the DECT character set and display control codes out; choosing what to show of a party. */
#include "dectd/ui_text.h"

#include <string.h>

#include "common/mem.h"

#define BAD         0xfffdu
#define ELEMENT_MAX 255

/* ---- UTF-8 (RFC 3629) ---- */

uint32_t ui_text_next(struct slice *s)
{
	const uint8_t *p = (const uint8_t *)s->p;
	size_t left = s->n, len;
	uint32_t c = p[0], low;

	if (c < 0x80)
		len = 1, low = 0;
	else if (c >= 0xc2 && c <= 0xdf)
		len = 2, c &= 0x1f, low = 0x80;
	else if ((c & 0xf0) == 0xe0)
		len = 3, c &= 0x0f, low = 0x800;
	else if (c >= 0xf0 && c <= 0xf4)
		len = 4, c &= 0x07, low = 0x10000;
	else
		len = 0, low = 0;
	if (len == 0 || len > left)
		goto bad;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			goto bad;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < low || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		goto bad;
	s->p += len;
	s->n -= len;
	return c;
bad:
	s->p++;
	s->n--;
	return BAD;
}

void ui_text_put(struct wr *w, uint32_t c)
{
	if (c < 0x80) {
		wr_u8(w, c);
	} else if (c < 0x800) {
		wr_u8(w, 0xc0 | c >> 6);
		wr_u8(w, 0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		wr_u8(w, 0xe0 | c >> 12);
		wr_u8(w, 0x80 | (c >> 6 & 0x3f));
		wr_u8(w, 0x80 | (c & 0x3f));
	} else {
		wr_u8(w, 0xf0 | c >> 18);
		wr_u8(w, 0x80 | (c >> 12 & 0x3f));
		wr_u8(w, 0x80 | (c >> 6 & 0x3f));
		wr_u8(w, 0x80 | (c & 0x3f));
	}
}

size_t ui_text_chars(struct slice s)
{
	size_t n = 0;

	for (; s.n; n++)
		(void)ui_text_next(&s);
	return n;
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 ||
	       (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void ui_text_clean(struct wr *w, struct slice s, size_t max)
{
	bool blank = true; /* at the start, and after a blank: no second one */
	size_t keep = w->n, n = 0;

	while (s.n && n < max) {
		uint32_t c = ui_text_next(&s);
		if (is_control(c) && c != '\t' && c != '\n' && c != '\r')
			continue;
		if (c <= ' ' || c == 0xa0) {
			if (blank)
				continue;
			c = ' ';
		}
		blank = c == ' ';
		ui_text_put(w, c);
		n++;
		if (!blank)
			keep = w->n;
	}
	if (!w->bad)
		w->n = keep; /* no blank at the end */
}

/* ---- to 8 bits ---- */

struct alt {
	uint32_t lo, hi;
	const char *text; /* nearest spelling; hi > lo: for all of them */
};
/* Sorted by lo. Letters of other scripts are spelt, so that a name can be recognised; what is left becomes '?'. */
static const struct alt alts[] = {
	{ 0xa0, 0xa0, " " },
	{ 0xa1, 0xa1, "!" },
	{ 0xa2, 0xa2, "c" },
	{ 0xa3, 0xa3, "GBP" },
	{ 0xa5, 0xa5, "JPY" },
	{ 0xa7, 0xa7, "S" },
	{ 0xa9, 0xa9, "(c)" },
	{ 0xab, 0xab, "\"" },
	{ 0xad, 0xad, "" },
	{ 0xae, 0xae, "(R)" },
	{ 0xb0, 0xb0, "o" },
	{ 0xb1, 0xb1, "+-" },
	{ 0xb2, 0xb2, "2" },
	{ 0xb3, 0xb3, "3" },
	{ 0xb4, 0xb4, "'" },
	{ 0xb5, 0xb5, "u" },
	{ 0xb7, 0xb7, "." },
	{ 0xb9, 0xb9, "1" },
	{ 0xbb, 0xbb, "\"" },
	{ 0xbc, 0xbc, "1/4" },
	{ 0xbd, 0xbd, "1/2" },
	{ 0xbe, 0xbe, "3/4" },
	{ 0xbf, 0xbf, "?" },
	{ 0xc0, 0xc3, "A" },
	{ 0xc4, 0xc4, "Ae" },
	{ 0xc5, 0xc5, "A" },
	{ 0xc6, 0xc6, "AE" },
	{ 0xc7, 0xc7, "C" },
	{ 0xc8, 0xcb, "E" },
	{ 0xcc, 0xcf, "I" },
	{ 0xd0, 0xd0, "D" },
	{ 0xd1, 0xd1, "N" },
	{ 0xd2, 0xd5, "O" },
	{ 0xd6, 0xd6, "Oe" },
	{ 0xd7, 0xd7, "x" },
	{ 0xd8, 0xd8, "O" },
	{ 0xd9, 0xdb, "U" },
	{ 0xdc, 0xdc, "Ue" },
	{ 0xdd, 0xdd, "Y" },
	{ 0xde, 0xde, "Th" },
	{ 0xdf, 0xdf, "ss" },
	{ 0xe0, 0xe3, "a" },
	{ 0xe4, 0xe4, "ae" },
	{ 0xe5, 0xe5, "a" },
	{ 0xe6, 0xe6, "ae" },
	{ 0xe7, 0xe7, "c" },
	{ 0xe8, 0xeb, "e" },
	{ 0xec, 0xef, "i" },
	{ 0xf0, 0xf0, "d" },
	{ 0xf1, 0xf1, "n" },
	{ 0xf2, 0xf5, "o" },
	{ 0xf6, 0xf6, "oe" },
	{ 0xf7, 0xf7, ":" },
	{ 0xf8, 0xf8, "o" },
	{ 0xf9, 0xfb, "u" },
	{ 0xfc, 0xfc, "ue" },
	{ 0xfd, 0xfd, "y" },
	{ 0xfe, 0xfe, "th" },
	{ 0xff, 0xff, "y" },
	/* Latin Extended-A: pairs of capital and small. */
	{ 0x100, 0x105, "Aa" },
	{ 0x106, 0x10d, "Cc" },
	{ 0x10e, 0x111, "Dd" },
	{ 0x112, 0x11b, "Ee" },
	{ 0x11c, 0x123, "Gg" },
	{ 0x124, 0x127, "Hh" },
	{ 0x128, 0x131, "Ii" },
	{ 0x132, 0x132, "IJ" },
	{ 0x133, 0x133, "ij" },
	{ 0x134, 0x135, "Jj" },
	{ 0x136, 0x137, "Kk" },
	{ 0x138, 0x138, "k" },
	{ 0x139, 0x139, "L" },
	{ 0x13a, 0x13a, "l" },
	{ 0x13b, 0x13b, "L" },
	{ 0x13c, 0x13c, "l" },
	{ 0x13d, 0x13d, "L" },
	{ 0x13e, 0x13e, "l" },
	{ 0x13f, 0x13f, "L" },
	{ 0x140, 0x140, "l" },
	{ 0x141, 0x141, "L" },
	{ 0x142, 0x142, "l" },
	{ 0x143, 0x143, "N" },
	{ 0x144, 0x144, "n" },
	{ 0x145, 0x145, "N" },
	{ 0x146, 0x146, "n" },
	{ 0x147, 0x147, "N" },
	{ 0x148, 0x149, "n" },
	{ 0x14a, 0x14b, "Nn" },
	{ 0x14c, 0x151, "Oo" },
	{ 0x152, 0x152, "OE" },
	{ 0x153, 0x153, "oe" },
	{ 0x154, 0x159, "Rr" },
	{ 0x15a, 0x161, "Ss" },
	{ 0x162, 0x167, "Tt" },
	{ 0x168, 0x173, "Uu" },
	{ 0x174, 0x175, "Ww" },
	{ 0x176, 0x177, "Yy" },
	{ 0x178, 0x178, "Y" },
	{ 0x179, 0x179, "Z" },
	{ 0x17a, 0x17a, "z" },
	{ 0x17b, 0x17b, "Z" },
	{ 0x17c, 0x17c, "z" },
	{ 0x17d, 0x17d, "Z" },
	{ 0x17e, 0x17e, "z" },
	{ 0x17f, 0x17f, "s" },
	{ 0x192, 0x192, "f" },
	{ 0x218, 0x219, "Ss" },
	{ 0x21a, 0x21b, "Tt" },
	{ 0x2c6, 0x2c6, "^" },
	{ 0x2dc, 0x2dc, "~" },
	{ 0x300, 0x36f, "" },
	{ 0x1e9e, 0x1e9e, "SS" },
	{ 0x2000, 0x200a, " " },
	{ 0x200b, 0x200f, "" },
	{ 0x2010, 0x2015, "-" },
	{ 0x2018, 0x201b, "'" },
	{ 0x201c, 0x201f, "\"" },
	{ 0x2020, 0x2021, "+" },
	{ 0x2022, 0x2022, "*" },
	{ 0x2026, 0x2026, "..." },
	{ 0x2030, 0x2030, "0/00" },
	{ 0x2032, 0x2032, "'" },
	{ 0x2033, 0x2033, "\"" },
	{ 0x2039, 0x203a, "'" },
	{ 0x2044, 0x2044, "/" },
	{ 0x20ac, 0x20ac, "EUR" },
	{ 0x20bd, 0x20bd, "RUB" },
	{ 0x2116, 0x2116, "No" },
	{ 0x2122, 0x2122, "(TM)" },
	{ 0x2190, 0x2190, "<-" },
	{ 0x2192, 0x2192, "->" },
	{ 0x2212, 0x2212, "-" },
	{ 0x2260, 0x2260, "!=" },
	{ 0x2264, 0x2264, "<=" },
	{ 0x2265, 0x2265, ">=" },
	/* Emoticons and symbols. */
	{ 0x2300, 0x23ff, "*" },
	{ 0x2600, 0x2638, "*" },
	{ 0x2639, 0x2639, ":-(" },
	{ 0x263a, 0x263b, ":-)" },
	{ 0x263c, 0x2763, "*" },
	{ 0x2764, 0x2764, "<3" },
	{ 0x2765, 0x27bf, "*" },
	{ 0x2b00, 0x2bff, "*" },
	{ 0x3000, 0x3000, " " },
	{ 0xfe00, 0xfe0f, "" },
	{ 0xfeff, 0xfeff, "" },
	{ 0x1f000, 0x1f493, "*" },
	{ 0x1f494, 0x1f494, "</3" },
	{ 0x1f495, 0x1f49c, "<3" },
	{ 0x1f49d, 0x1f5ff, "*" },
	{ 0x1f600, 0x1f608, ":-)" },
	{ 0x1f609, 0x1f609, ";-)" },
	{ 0x1f60a, 0x1f611, ":-)" },
	{ 0x1f612, 0x1f616, ":-(" },
	{ 0x1f617, 0x1f61d, ":-)" },
	{ 0x1f61e, 0x1f637, ":-(" },
	{ 0x1f638, 0x1f63d, ":-)" },
	{ 0x1f63e, 0x1f63f, ":-(" },
	{ 0x1f640, 0x1f641, ":-(" },
	{ 0x1f642, 0x1f643, ":-)" },
	{ 0x1f644, 0x1f6ff, "*" },
	{ 0x1f700, 0x1faff, "*" },
	{ 0xe0000, 0xe01ef, "" },
};
static const char *const greek[] = { /* U+0391 … U+03C9 */
	"A", "V", "G", "D", "E", "Z", "I", "Th", "I", "K", "L", "M", "N", "X", "O", "P", "R", "?",
	"S", "T", "Y", "F", "Ch", "Ps", "O", "I", "Y", "a", "e", "i", "i", "y", "a", "v", "g", "d",
	"e", "z", "i", "th", "i", "k", "l", "m", "n", "x", "o", "p", "r", "s", "s", "t", "y", "f",
	"ch", "ps", "o"
};
static const char
    *const cyrillic[] = { /* U+0410 … U+042F; small letters follow in the same order */
	    "A", "B", "V", "G", "D", "E", "Zh", "Z", "I", "Y", "K", "L", "M", "N", "O", "P", "R",
	    "S", "T", "U", "F", "Kh", "Ts", "Ch", "Sh", "Shch", "", "Y", "", "E", "Yu", "Ya"
    };

/* The octet of the upper half in an ISO 8859 part; 0: it has none. */
static uint8_t upper(uint32_t c, unsigned set)
{
	static const uint16_t p15[] = { 0x20ac, 0xa4, 0x160, 0xa6, 0x161, 0xa8, 0x17d, 0xb4, 0x17e,
		0xb8, 0x152, 0xbc, 0x153, 0xbd, 0x178, 0xbe };
	static const uint16_t p9[] = { 0x11e, 0xd0, 0x130, 0xdd, 0x15e, 0xde, 0x11f, 0xf0, 0x131,
		0xfd, 0x15f, 0xfe };
	const uint16_t *p = set == UI_SET_15 ? p15 : p9;
	size_t n = set == UI_SET_15 ? ARRAY_LEN(p15) : set == UI_SET_9 ? ARRAY_LEN(p9) : 0;

	if (set == UI_SET_7) {
		/* ISO 8859-7: 0384-03CE lie at B4-FE; of the Latin signs some keep their places. */
		static const uint8_t same[] = { 0xa0, 0xa3, 0xa6, 0xa7, 0xa8, 0xa9, 0xab, 0xac,
			0xad, 0xb0, 0xb1, 0xb2, 0xb3, 0xb7, 0xbb, 0xbd };
		if (c >= 0x384 && c <= 0x3ce && c != 0x387 && c != 0x38b && c != 0x38d &&
		    c != 0x3a2)
			return (uint8_t)(c - 0x384 + 0xb4);
		if (c == 0x20ac)
			return 0xa4;
		return c < 0x100 && memchr(same, (int)c, sizeof(same)) ? (uint8_t)c : 0;
	}
	for (size_t i = 0; i < n; i += 2) {
		if (p[i] == c)
			return (uint8_t)p[i + 1];
		if (p[i + 1] == c)
			return 0; /* its place is taken */
	}
	return c >= 0xa0 && c < 0x100 ? (uint8_t)c : 0;
}

static const char *spell(uint32_t c, char small[8])
{
	size_t lo = 0, hi = ARRAY_LEN(alts);

	if (c >= 0x391 && c <= 0x3c9)
		return greek[c - 0x391];
	if (c == 0x401 || c == 0x451)
		return c == 0x401 ? "Yo" : "yo";
	if (c >= 0x410 && c <= 0x44f) {
		const char *big = cyrillic[(c - 0x410) % 32];
		if (c < 0x430 || !big[0])
			return big;
		memcpy(small, big, strlen(big) + 1);
		small[0] = (char)(small[0] + 'a' - 'A');
		return small;
	}
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (c > alts[mid].hi)
			lo = mid + 1;
		else if (c < alts[mid].lo)
			hi = mid;
		else if (c >= 0x100 && c < 0x250 && alts[mid].hi > alts[mid].lo &&
		         strlen(alts[mid].text) == 2) {
			small[0] = alts[mid].text[(c - alts[mid].lo) & 1];
			small[1] = '\0';
			return small;
		} else
			return alts[mid].text;
	}
	return c >= 0x1f3fb && c <= 0x1f3ff ? "" : "?";
}

/* What follows an emoji and belongs to it: joiner, selector, skin tone, key cap. */
static bool joins(uint32_t c)
{
	return c == 0x200d || (c >= 0xfe00 && c <= 0xfe0f) || c == 0x20e3 ||
	       (c >= 0x1f3fb && c <= 0x1f3ff);
}

static bool is_emoji(uint32_t c)
{
	return (c >= 0x2300 && c <= 0x27bf) || (c >= 0x2b00 && c <= 0x2bff) ||
	       (c >= 0x1f000 && c <= 0x1faff);
}

static void skip_sequence(struct slice *s)
{
	while (s->n) {
		struct slice look = *s;
		uint32_t c = ui_text_next(&look);
		if (!joins(c))
			return;
		*s = look;
		if (c == 0x200d && s->n) { /* the joined one is part of the picture */
			look = *s;
			if (is_emoji(ui_text_next(&look)))
				*s = look;
		}
	}
}

static size_t put_char(struct wr *w, uint32_t c, unsigned sets, size_t room)
{
	unsigned one = (sets & (sets - 1)) == 0 ? sets : 0;
	char small[8];

	if (c >= 0x20 && c < 0x7f) {
		wr_u8(w, c);
		return 1;
	}
	uint8_t u = one ? upper(c, one) : 0;
	if (u) {
		wr_u8(w, u);
		return 1;
	}
	const char *t = spell(c, small);
	size_t n = strlen(t);
	if (n > room)
		n = room;
	wr_bytes(w, t, n);
	return n;
}

void ui_text_dect(struct wr *w, struct slice s, unsigned sets, size_t max)
{
	for (size_t n = 0; s.n && n < max;) {
		uint32_t c = ui_text_next(&s);
		if (c == '\t' || c == '\n' || c == '\r')
			c = ' ';
		if (is_control(c))
			continue;
		n += put_char(w, c, sets, max - n);
		if (is_emoji(c))
			skip_sequence(&s);
	}
}

/* ---- displays ---- */

static bool numeric_ok(uint8_t c)
{
	return (c >= '0' && c <= '9') || c == ' ' || c == '*' || c == '#';
}

void ui_text_display(struct wr *w, struct slice s, const struct ui_caps *caps)
{
	bool numeric =
	    caps->display == UI_DISPLAY_NUMERIC || caps->display == UI_DISPLAY_NUMERIC_PLUS;
	size_t chars = caps->chars ? caps->chars : 16, lines = caps->lines ? caps->lines : 2;
	size_t total = caps->stored > chars * lines ? caps->stored : chars * lines, used = 0;
	size_t first = w->n; /* an element has 255 octets, however large the display claims to be */

	if (caps->display == UI_DISPLAY_UNKNOWN || caps->display == UI_DISPLAY_NONE)
		return;
	wr_u8(w, 0x0c);
	while (s.n && used < total) {
		size_t end = slice_chr(s, '\n'), start = w->n;
		uint8_t raw[256];
		struct wr line = wr_of(raw, sizeof(raw));
		size_t left = ELEMENT_MAX - (w->n - first);
		size_t room = total - used < left ? total - used : left;

		ui_text_dect(&line, slice_sub(s, 0, end), caps->sets, room);
		for (size_t i = 0; i < line.n; i++)
			if (!numeric || numeric_ok(raw[i]))
				wr_u8(w, raw[i]);
		used += w->n - start;
		bool more = end < s.n;
		s = more ? slice_sub(s, end + 1, s.n) : (struct slice){ s.p, 0 };
		if (!more || used >= total || w->n - first + 2 > ELEMENT_MAX)
			return;
		size_t rest = (w->n - start) % chars;
		if (rest == 0 && w->n > start)
			continue; /* a full line wraps by itself */
		if (caps->control >= 2 && !numeric) {
			/* 0D 0A (start of row, row down) only from level 2 on; else blanks fill the line. */
			wr_u8(w, 0x0d);
			wr_u8(w, 0x0a);
			used += chars - rest;
		} else {
			for (size_t i = rest;
			     i < chars && used < total && w->n - first < ELEMENT_MAX; i++, used++)
				wr_u8(w, ' ');
		}
	}
}

/* ---- parties ---- */

bool ui_is_dialable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '*' || s.p[i] == '#' ||
		        (s.p[i] == '+' && i == 0)))
			return false;
	return s.n > 0 && !(s.n == 1 && s.p[0] == '+');
}

static bool set(struct ui_shown *out, struct slice s, bool is_uri)
{
	if (s.n == 0 || ui_text_chars(s) > UI_URI_MAX ||
	    slice_copy(s, out->number, sizeof(out->number)) != 0) {
		out->number[0] = '\0';
		return false;
	}
	out->is_uri = is_uri;
	return true;
}

/* "sip:user@host;params" -> "user", without visual separators and parameters of the user part. */
static struct slice user_part(struct slice uri)
{
	size_t colon = slice_chr(uri, ':');
	struct slice rest = colon < uri.n ? slice_sub(uri, colon + 1, uri.n) : uri;
	struct slice user = slice_sub(rest, 0, slice_chr(rest, '@'));

	return slice_sub(user, 0, slice_chr(user, ';'));
}

void ui_party_show(const struct ui_party *p, bool number_only, struct ui_shown *out)
{
	struct wr w = wr_of(out->name, sizeof(out->name));

	memset(out, 0, sizeof(*out));
	if (p->anonymous)
		return;
	ui_text_clean(&w, p->name, UI_NAME_MAX);
	if (!wr_nul(&w))
		out->name[0] = '\0';
	struct slice user = user_part(p->uri);
	bool ok = (ui_is_dialable(p->number) && set(out, p->number, false)) ||
	          (!number_only && set(out, p->number, slice_chr(p->number, '@') < p->number.n)) ||
	          (!number_only && set(out, p->uri, true)) ||
	          (ui_is_dialable(user) && set(out, user, false));
	/* A name that nobody gave: the user part tells more than nothing. */
	if (!out->name[0] && (!ok || out->is_uri) && user.n) {
		w = wr_of(out->name, sizeof(out->name));
		ui_text_clean(&w, user, UI_NAME_MAX);
		if (!wr_nul(&w))
			out->name[0] = '\0';
	}
}

void ui_party_line(const struct ui_shown *s, struct wr *w, size_t max)
{
	struct slice name = slice_str(s->name), number = slice_str(s->number);
	size_t nn = ui_text_chars(name), nd = ui_text_chars(number);

	if (!name.n && !number.n) {
		ui_text_clean(w, SLICE_LIT("anonymous"), max);
		return;
	}
	ui_text_clean(w, name.n ? name : number, max);
	if (name.n && number.n && !s->is_uri && nn + 1 + nd <= max) {
		wr_u8(w, ' ');
		wr_slice_add(w, number);
	}
}
