/* Filters, escaped. */
#include "presenced/dir_filter.h"

#include <string.h>

#include "presenced/dir_text.h"

/* Every attribute is in every schema: one that is not makes a negated item undefined, and nobody is found. Contacts have no
 * userAccountControl. What Exchange hides is left out when entries are read. */
#define AD_PEOPLE                                                                                  \
	"(&(objectCategory=person)(|(objectClass=contact)"                                         \
	"(&(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))))"

void dir_filter_value(struct wr *w, struct slice v)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];

		if (c < 0x20 || c >= 0x7F || c == '*' || c == '(' || c == ')' || c == '\\') {
			wr_u8(w, '\\');
			wr_u8(w, (unsigned char)hex[c >> 4]);
			wr_u8(w, (unsigned char)hex[c & 15]);
		} else {
			wr_u8(w, c);
		}
	}
}

bool dir_filter_sound(struct slice f)
{
	int depth = 0;

	if (f.n < 4 || f.n > DIR_FILTER_MAX / 2 || f.p[0] != '(')
		return false;
	for (size_t i = 0; i < f.n; i++) {
		unsigned char c = (unsigned char)f.p[i];

		if (c < 0x20 || (c == '(' && ++depth > 32))
			return false;
		if (c == ')' && (--depth < 0 || (depth == 0 && i + 1 < f.n)))
			return false;
	}
	return depth == 0;
}

const char *dir_filter_people(bool ad)
{
	return ad ? AD_PEOPLE : "(objectClass=person)";
}

static void begin(struct wr *w, struct slice admin, bool ad)
{
	wr_str(w, "(&");
	if (admin.n)
		wr_slice_add(w, admin);
	else
		wr_str(w, dir_filter_people(ad));
}

int dir_filter_name(struct wr *w, struct slice admin, struct slice typed, bool anr)
{
	static const char *const attributes[] = { "displayName", "sn", "givenName", "cn" };
	char clean[DIR_TYPED_MAX + 1], folded[DIR_FOLD_MAX];

	if (typed.n > DIR_TYPED_MAX)
		return ERR_LIMIT;
	dir_clean(typed, clean, sizeof(clean));
	if (dir_fold(slice_str(clean), false, folded, sizeof(folded)) == 0)
		return ERR_SYNTAX;
	begin(w, admin, anr);
	if (anr) {
		wr_str(w, "(anr=");
		dir_filter_value(w, slice_str(clean));
		wr_str(w, "))");
		return 0;
	}
	wr_str(w, "(|");
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		wr_str(w, "(");
		wr_str(w, attributes[i]);
		wr_str(w, "=");
		dir_filter_value(w, slice_str(clean));
		wr_str(w, "*)");
	}
	wr_str(w, "))");
	return 0;
}

static bool descriptor(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.';
}

unsigned dir_filter_attributes(struct slice f, char *buf, size_t cap, char **out, unsigned max)
{
	unsigned n = 0;
	size_t used = 0;

	for (size_t i = 0; i + 1 < f.n && n < max; i++) {
		struct slice name = slice_sub(f, i + 1, f.n);
		bool known = false;

		if (f.p[i] != '(')
			continue;
		for (name.n = 0; i + 1 + name.n < f.n && descriptor(name.p[name.n]);)
			name.n++;
		if (i + 1 + name.n == f.n || !strchr("=~<>:;", name.p[name.n]))
			continue;
		for (unsigned k = 0; k < n; k++)
			known = known || slice_ieq(name, slice_str(out[k]));
		if (name.n == 0 || known || used + name.n + 1 > cap)
			continue;
		out[n] = buf + used;
		memcpy(out[n], name.p, name.n);
		out[n++][name.n] = '\0';
		used += name.n + 1;
	}
	out[n] = NULL;
	return n;
}
