/* Folding of names, words, keypad digits. */
#include "presenced/dir_text.h"

#include <string.h>

/* Decodes one character; 0 for unsound octets (overlong, surrogate, beyond U+10FFFF, cut off). */
static size_t decode(const unsigned char *p, size_t n, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t k = p[0] < 0x80         ? 1
	           : (p[0] >> 5) == 6  ? 2
	           : (p[0] >> 4) == 14 ? 3
	           : (p[0] >> 3) == 30 ? 4
	                               : 0;
	uint32_t c;

	if (k == 0 || k > n)
		return 0;
	c = k == 1 ? p[0] : p[0] & (0x7Fu >> k);
	for (size_t i = 1; i < k; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3Fu);
	}
	if (c < least[k] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return 0;
	*cp = c;
	return k;
}

static bool control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x2028 && c <= 0x202E) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

size_t dir_clean(struct slice in, char *out, size_t cap)
{
	size_t n = 0;

	in = slice_trim(in);
	for (size_t i = 0; i < in.n;) {
		uint32_t c = 0;
		size_t k = decode((const unsigned char *)in.p + i, in.n - i, &c);
		size_t len = k ? k : 1;

		if (n + len >= cap)
			break;
		if (k == 0) {
			out[n++] = '?';
		} else if (control(c) || (c == ' ' && n == 0)) {
			if (n > 0 && out[n - 1] != ' ')
				out[n++] = ' ';
		} else {
			memcpy(out + n, in.p + i, k);
			n += k;
		}
		i += len;
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	return n;
}

/* U+00C0 … U+017F, one entry a character; '*' marks the German ones, which have a second writing. */
static const char latin[][3] = { "a", "a", "a", "a", "*a", "a", "ae", "c", "e", "e", "e", "e", "i",
	"i", "i", "i", "d", "n", "o", "o", "o", "o", "*o", "", "o", "u", "u", "u", "*u", "y", "th",
	"ss", "a", "a", "a", "a", "*a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i", "i", "d",
	"n", "o", "o", "o", "o", "*o", "", "o", "u", "u", "u", "*u", "y", "th", "y",
	/* U+0100 */ "a", "a", "a", "a", "a", "a", "c", "c", "c", "c", "c", "c", "c", "c", "d", "d",
	"d", "d", "e", "e", "e", "e", "e", "e", "e", "e", "e", "e", "g", "g", "g", "g", "g", "g",
	"g", "g", "h", "h", "h", "h", "i", "i", "i", "i", "i", "i", "i", "i", "i", "i", "ij", "ij",
	"j", "j", "k", "k", "k", "l", "l", "l", "l", "l", "l", "l", "l", "l", "l", "n", "n", "n",
	"n", "n", "n", "n", "n", "n", "o", "o", "o", "o", "o", "o", "oe", "oe", "r", "r", "r", "r",
	"r", "r", "s", "s", "s", "s", "s", "s", "s", "s", "t", "t", "t", "t", "t", "t", "u", "u",
	"u", "u", "u", "u", "u", "u", "u", "u", "u", "u", "w", "w", "y", "y", "y", "z", "z", "z",
	"z", "z", "z", "s" };
/* U+0430 … U+044F (lower case; upper case is 0x20 before) and U+03B1 … U+03C9. */
static const char cyrillic[][5] = { "a", "b", "v", "g", "d", "e", "zh", "z", "i", "j", "k", "l",
	"m", "n", "o", "p", "r", "s", "t", "u", "f", "h", "c", "ch", "sh", "shch", "", "y", "", "e",
	"yu", "ya" };
static const char greek[][3] = { "a", "v", "g", "d", "e", "z", "i", "th", "i", "k", "l", "m", "n",
	"x", "o", "p", "r", "s", "s", "t", "y", "f", "ch", "ps", "o" };

/* What a character is in Latin letters; NULL: none of these scripts; "": nothing. */
static const char *latin_of(uint32_t c, bool *german)
{
	static const char accented_greek[] = "a\0e\0i\0i\0y\0a\0e\0i\0i";

	*german = false;
	if (c >= 0xC0 && c - 0xC0 < sizeof(latin) / sizeof(latin[0])) {
		const char *s = latin[c - 0xC0];
		*german = s[0] == '*';
		return s + *german;
	}
	if (c >= 0x410 && c <= 0x42F)
		return cyrillic[c - 0x410];
	if (c >= 0x430 && c <= 0x44F)
		return cyrillic[c - 0x430];
	if (c == 0x401 || c == 0x451)
		return "e";
	if (c >= 0x391 && c <= 0x3A9 && c != 0x3A2)
		return greek[c - 0x391];
	if (c >= 0x3B1 && c <= 0x3C9)
		return greek[c - 0x3B1];
	if (c >= 0x3AC && c <= 0x3AF)
		return accented_greek + 2 * (c - 0x3AC);
	if (c == 0x3CC || c == 0x3CE || c == 0x38C || c == 0x38F)
		return "o";
	if (c == 0x3CD || c == 0x38E)
		return "y";
	if (c == 0x386)
		return "a";
	if (c >= 0x388 && c <= 0x38A)
		return c == 0x388 ? "e" : "i";
	if (c >= 0x300 && c <= 0x36F) /* combining marks */
		return "";
	return NULL;
}

static bool apart(uint32_t c)
{
	return c < 0xC0 || c == 0xD7 || c == 0xF7 || (c >= 0x2000 && c <= 0x206F) || c == 0x3000;
}

size_t dir_fold(struct slice in, bool german, char *out, size_t cap)
{
	size_t n = 0;
	bool gap = false;

	for (size_t i = 0; i < in.n;) {
		char one[5] = "";
		const char *add = one;
		uint32_t c = 0;
		size_t k = decode((const unsigned char *)in.p + i, in.n - i, &c), len;
		bool umlaut = false;

		if (k == 0) {
			gap = true;
			i++;
			continue;
		}
		if (c < 0x80 && ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')))
			one[0] = (char)c;
		else if (c >= 'A' && c <= 'Z')
			one[0] = (char)(c + 32);
		else if (c == '\'' || c == 0x2019)
			add = ""; /* O'Brien is one word */
		else if (apart(c))
			gap = true;
		else if ((add = latin_of(c, &umlaut)) == NULL)
			memcpy(one, in.p + i, k), add = one;
		i += k;
		len = strlen(add);
		if (len == 0)
			continue;
		if (n + len + 3 > cap)
			break;
		if (gap && n > 0)
			out[n++] = ' ';
		gap = false;
		memcpy(out + n, add, len);
		n += len;
		if (umlaut && german)
			out[n++] = 'e';
	}
	out[n] = '\0';
	return n;
}

unsigned dir_words(const char *folded, struct slice *w, unsigned max)
{
	unsigned n = 0;

	for (const char *p = folded; *p && n < max;) {
		size_t len = strcspn(p, " ");

		if (len > 0)
			w[n++] = (struct slice){ p, len };
		p += len;
		p += strspn(p, " ");
	}
	return n;
}

size_t dir_keys(struct slice word, char *out, size_t cap)
{
	static const char keys[] = "22233344455566677778889999";
	size_t n = 0;

	for (; n < word.n && n + 1 < cap; n++) {
		char c = word.p[n];

		if (c >= 'a' && c <= 'z')
			out[n] = keys[c - 'a'];
		else if (c >= '0' && c <= '9')
			out[n] = c;
		else
			return 0;
	}
	out[n] = '\0';
	return n;
}

static bool begins(struct slice word, struct slice q, bool keys)
{
	char digits[DIR_FOLD_MAX];

	if (!keys)
		return slice_starts(word, q);
	return dir_keys(word, digits, sizeof(digits)) > 0 && slice_starts(slice_str(digits), q);
}

/* Gives the query's word q a word of the text, moving those that have one already where another does for them. owner: the
 * query's word that has word i, or -1. */
static bool place(const struct slice *w, unsigned nw, const struct slice *q, unsigned at,
    int8_t *owner, uint32_t *tried, bool keys)
{
	for (unsigned i = 0; i < nw; i++) {
		if (*tried & 1u << i || !begins(w[i], q[at], keys))
			continue;
		*tried |= 1u << i;
		if (owner[i] < 0 || place(w, nw, q, (unsigned)owner[i], owner, tried, keys)) {
			owner[i] = (int8_t)at;
			return true;
		}
	}
	return false;
}

bool dir_matches(const char *text, const char *query, bool keys)
{
	struct slice w[DIR_WORDS_MAX], q[DIR_WORDS_MAX];
	unsigned nw = dir_words(text, w, DIR_WORDS_MAX), nq = dir_words(query, q, DIR_WORDS_MAX);
	int8_t owner[DIR_WORDS_MAX];
	bool all = nq > 0;

	memset(owner, -1, sizeof(owner));
	for (unsigned i = 0; i < nq && all; i++) {
		uint32_t tried = 0;

		all = place(w, nw, q, i, owner, &tried, keys);
	}
	return all;
}
