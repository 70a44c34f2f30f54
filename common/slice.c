/* Borrowed bytes and a cursor over them. */
#include "common/slice.h"

#include <string.h>

#include "common/mem.h"

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

struct slice slice_str(const char *s)
{
	return (struct slice){ s, s ? strlen(s) : 0 };
}

bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool slice_ieq(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

int slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int d = n ? memcmp(a.p, b.p, n) : 0;

	return d ? d : (a.n > b.n) - (a.n < b.n);
}

bool slice_starts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && slice_eq((struct slice){ s.p, prefix.n }, prefix);
}

bool slice_istarts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && slice_ieq((struct slice){ s.p, prefix.n }, prefix);
}

size_t slice_chr(struct slice s, char ch)
{
	const char *at = s.n ? memchr(s.p, ch, s.n) : NULL;

	return at ? (size_t)(at - s.p) : s.n;
}

struct slice slice_sub(struct slice s, size_t from, size_t n)
{
	if (from > s.n)
		from = s.n;
	if (n > s.n - from)
		n = s.n - from;
	return (struct slice){ s.p ? s.p + from : s.p, n };
}

static bool space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
	while (s.n && space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && space(s.p[s.n - 1]))
		s.n--;
	return s;
}

int slice_u64(struct slice s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++) {
		uint64_t d = (uint64_t)(s.p[i] - '0');

		if (v > max / 10 || v * 10 > max - (d < max ? d : max))
			return ERR_VALUE;
		v = v * 10 + d;
		if (v > max)
			return ERR_VALUE;
	}
	*out = v;
	return 0;
}

int slice_u32(struct slice s, uint32_t max, uint32_t *out)
{
	uint64_t v;
	int err = slice_u64(s, max, &v);

	if (!err)
		*out = (uint32_t)v;
	return err;
}

int slice_copy(struct slice s, char *out, size_t cap)
{
	out[0] = '\0';
	if (s.n >= cap || slice_chr(s, '\0') != s.n)
		return ERR_LIMIT;
	if (s.n)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return 0;
}

char *slice_dup(struct slice s)
{
	return mem_dup(s.p, s.n);
}

bool cur_lit(struct cur *c, char ch)
{
	if (c->p == c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

/* token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~") */
static const uint8_t token_char[256] = {
	['-'] = 1,
	['.'] = 1,
	['!'] = 1,
	['%'] = 1,
	['*'] = 1,
	['_'] = 1,
	['+'] = 1,
	['`'] = 1,
	['\''] = 1,
	['~'] = 1,
	['0'] = 1,
	['1'] = 1,
	['2'] = 1,
	['3'] = 1,
	['4'] = 1,
	['5'] = 1,
	['6'] = 1,
	['7'] = 1,
	['8'] = 1,
	['9'] = 1,
	['a'] = 1,
	['b'] = 1,
	['c'] = 1,
	['d'] = 1,
	['e'] = 1,
	['f'] = 1,
	['g'] = 1,
	['h'] = 1,
	['i'] = 1,
	['j'] = 1,
	['k'] = 1,
	['l'] = 1,
	['m'] = 1,
	['n'] = 1,
	['o'] = 1,
	['p'] = 1,
	['q'] = 1,
	['r'] = 1,
	['s'] = 1,
	['t'] = 1,
	['u'] = 1,
	['v'] = 1,
	['w'] = 1,
	['x'] = 1,
	['y'] = 1,
	['z'] = 1,
	['A'] = 1,
	['B'] = 1,
	['C'] = 1,
	['D'] = 1,
	['E'] = 1,
	['F'] = 1,
	['G'] = 1,
	['H'] = 1,
	['I'] = 1,
	['J'] = 1,
	['K'] = 1,
	['L'] = 1,
	['M'] = 1,
	['N'] = 1,
	['O'] = 1,
	['P'] = 1,
	['Q'] = 1,
	['R'] = 1,
	['S'] = 1,
	['T'] = 1,
	['U'] = 1,
	['V'] = 1,
	['W'] = 1,
	['X'] = 1,
	['Y'] = 1,
	['Z'] = 1,
};

struct slice cur_token(struct cur *c)
{
	const char *from = c->p;

	while (c->p < c->end && token_char[(unsigned char)*c->p])
		c->p++;
	return (struct slice){ from, (size_t)(c->p - from) };
}

struct slice cur_until(struct cur *c, const char *stop)
{
	const char *from = c->p;

	while (c->p < c->end && (*c->p == '\0' || !strchr(stop, *c->p)))
		c->p++;
	return (struct slice){ from, (size_t)(c->p - from) };
}

struct slice cur_digits(struct cur *c)
{
	const char *from = c->p;

	while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
		c->p++;
	return (struct slice){ from, (size_t)(c->p - from) };
}

void cur_lws(struct cur *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
}

struct slice cur_rest(const struct cur *c)
{
	return (struct slice){ c->p, (size_t)(c->end - c->p) };
}
