/* Numbers: rules, and what can be shown and dialled back. */
#include "sipd/number.h"

#include <ctype.h>
#include <string.h>

bool number_is(struct slice s)
{
	bool digit = false;

	for (size_t i = 0; i < s.n; i++) {
		if (isdigit((unsigned char)s.p[i]) || s.p[i] == '*' || s.p[i] == '#')
			digit = true;
		else if (!strchr("+-.() ", s.p[i]))
			return false;
	}
	return digit;
}

bool number_is_uri(struct slice s)
{
	return slice_istarts(s, SLICE_LIT("sip:")) || slice_istarts(s, SLICE_LIT("sips:")) ||
	       slice_istarts(s, SLICE_LIT("tel:")) || slice_chr(s, '@') < s.n;
}

int number_rules(
    struct number_rule *r, size_t cap, size_t *n, char *const *words, size_t nwords, size_t *at)
{
	*n = 0;
	for (*at = 0; *at < nwords; (*at)++) {
		struct slice w = slice_str(words[*at]);
		size_t gt = slice_chr(w, '>');
		struct slice pat = slice_sub(w, 0, gt), res = slice_sub(w, gt + 1, w.n);

		if (gt == w.n || pat.n == 0 || res.n == 0 || slice_chr(pat, '%') + 1 < pat.n ||
		    *n == cap)
			return ERR_VALUE;
		if (slice_copy(pat, r[*n].pattern, NUMBER_MAX) ||
		    slice_copy(res, r[*n].result, NUMBER_MAX))
			return ERR_VALUE;
		(*n)++;
	}
	return 0;
}

static bool match(const char *pat, const char *s, const char **rest)
{
	*rest = "";
	for (; *pat; pat++, s++) {
		if (*pat == '%') {
			*rest = s;
			return *s != '\0';
		}
		if (*pat == 'N' ? !isdigit((unsigned char)*s) : *pat != *s)
			return false;
	}
	return *s == '\0';
}

bool number_complete(struct slice n, char *const *patterns, size_t npatterns)
{
	char text[NUMBER_MAX];
	const char *rest;

	if (slice_copy(n, text, sizeof(text)))
		return false;
	for (size_t i = 0; i < npatterns; i++)
		if (match(patterns[i], text, &rest))
			return true;
	return false;
}

int number_apply(const struct number_rule *r, size_t n, struct slice in, char *out, size_t cap)
{
	char plain[NUMBER_MAX];
	size_t k = 0;

	if (in.n >= sizeof(plain))
		return ERR_LIMIT;
	if (!number_is(in))
		return slice_copy(in, out, cap);
	for (size_t i = 0; i < in.n; i++)
		if (!strchr("-.() ", in.p[i]))
			plain[k++] = in.p[i];
	plain[k] = '\0';
	for (size_t i = 0; i < n; i++) {
		const char *rest;
		size_t at = 0;

		if (!match(r[i].pattern, plain, &rest))
			continue;
		if (strcmp(r[i].result, "#") == 0)
			break;
		for (const char *p = r[i].result; *p; p++) {
			size_t len = *p == '%' ? strlen(rest) : 1;
			if (at + len >= cap)
				return ERR_LIMIT;
			memcpy(out + at, *p == '%' ? rest : p, len);
			at += len;
		}
		out[at] = '\0';
		return 0;
	}
	return slice_copy(slice_str(plain), out, cap);
}

struct slice number_cut(struct slice s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max && ((unsigned char)s.p[max] & 0xc0) == 0x80)
		max--;
	return slice_sub(s, 0, max);
}

int number_of_uri(struct slice uri, struct slice our_domain, char *out, size_t cap)
{
	struct slice s = uri;
	size_t at;

	if (slice_istarts(s, SLICE_LIT("sips:")))
		s = slice_sub(s, 5, s.n);
	else if (slice_istarts(s, SLICE_LIT("sip:")) || slice_istarts(s, SLICE_LIT("tel:")))
		s = slice_sub(s, 4, s.n);
	at = slice_chr(s, '@');
	if (at == s.n) {
		s.n = slice_chr(s, ';');
		return slice_copy(s, out, cap);
	}
	struct slice user = slice_sub(s, 0, at), host = slice_sub(s, at + 1, s.n);
	user.n = slice_chr(user, ';');
	host.n = slice_chr(host, ';');
	host.n = slice_chr(host, '?');
	struct slice bare = host;
	if (bare.n && bare.p[0] != '[')
		bare.n = slice_chr(bare, ':');
	if (number_is(user) || slice_ieq(bare, our_domain))
		return slice_copy(user, out, cap);
	if (user.n + 1 + host.n >= cap)
		return ERR_LIMIT;
	memcpy(out, user.p, user.n);
	out[user.n] = '@';
	memcpy(out + user.n + 1, host.p, host.n);
	out[user.n + 1 + host.n] = '\0';
	return 0;
}
