/* Borrowed bytes and a cursor over them. */
#include "common/slice.h"

#include <string.h>

#include "common/mem.h"

static unsigned char lower(char c)
{
	unsigned char u = (unsigned char)c;

	return u | (unsigned char)((unsigned char)(u - 'A') < 26 ? 0x20 : 0);
}

bool slice_ieq_n(const char *a, const char *b, size_t n)
{
	for (; n >= 8 && memcmp(a, b, 8) == 0; n -= 8) /* mostly spelt the same */
		a += 8, b += 8;
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i] && lower(a[i]) != lower(b[i]))
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
	bool over = false;

	if (s.n == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++) {
		unsigned d = (unsigned)(unsigned char)s.p[i] - '0';

		if (d > 9)
			return ERR_SYNTAX;
		over = over || __builtin_mul_overflow(v, 10u, &v) ||
		       __builtin_add_overflow(v, d, &v) || v > max;
	}
	if (over)
		return ERR_VALUE;
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
	const char *from = c->p, *p = from, *at;

	if (stop[0] && !stop[1]) {
		at = p == c->end ? NULL : memchr(p, stop[0], (size_t)(c->end - p));
		c->p = at ? at : c->end;
		return (struct slice){ from, (size_t)(c->p - from) };
	}
	for (; p < c->end; p++) {
		for (at = stop; *at && *at != *p; at++)
			;
		if (*at)
			break;
	}
	c->p = p;
	return (struct slice){ from, (size_t)(p - from) };
}

struct slice cur_digits(struct cur *c)
{
	const char *from = c->p;

	while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
		c->p++;
	return (struct slice){ from, (size_t)(c->p - from) };
}
