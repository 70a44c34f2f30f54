/* Passwords and access codes by kind and owner. */
#include "certd/secret.h"

#include <string.h>

#include "common/mem.h"

#define ID_MAX 256

static const struct {
	enum store_kind kind;
	const char *name;
	bool outside; /* may be set from outside */
	bool fold;    /* ids are SIP user names: compared without case */
} kinds[] = {
	{ STORE_SIP, "sip", true, true },
	{ STORE_LDAP, "ldap", true, false },
	{ STORE_AC, "ac", true, true },
	{ STORE_TURN, "turn", true, false },
	{ STORE_KEYTAB, "keytab", false, true },
	{ STORE_UAK, "uak", false, false },
	{ STORE_UAK_NEW, "uak-new", false, false },
	{ STORE_DEFCK, "defck", false, false },
	{ STORE_RFP, "rfp", false, false },
	{ STORE_RFP_NEW, "rfp-new", false, false },
	{ STORE_RFP_ROOT, "rfp-root", false, false },
};

const char *secret_kind_name(enum store_kind kind)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return NULL;
}

int secret_kind_parse(struct slice word, enum store_kind *out)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].outside && slice_eq(word, slice_str(kinds[i].name))) {
			*out = kinds[i].kind;
			return 0;
		}
	return ERR_NOTFOUND;
}

static struct slice folded(enum store_kind kind, struct slice id, char out[ID_MAX])
{
	bool fold = false;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		fold |= kinds[i].kind == kind && kinds[i].fold;
	if (!fold || id.n > ID_MAX)
		return id;
	for (size_t i = 0; i < id.n; i++)
		out[i] = (char)(id.p[i] >= 'A' && id.p[i] <= 'Z' ? id.p[i] | 0x20 : id.p[i]);
	return (struct slice){ out, id.n };
}

const char *secret_bad(enum store_kind kind, struct slice id, struct slice v)
{
	if (id.n == 0 || id.n > ID_MAX || memchr(id.p, 0, id.n))
		return "the owner's name must have 1 to 256 octets";
	if (v.n == 0 || v.n > SECRET_MAX)
		return "a value has 1 to 512 octets";
	if (kind != STORE_AC)
		return NULL;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return "an access code has only digits";
	return v.n > 8 ? "an access code has at most 8 digits" : NULL;
}

int secret_set(
    struct store *s, enum store_kind kind, struct slice id, struct slice value, const char **why)
{
	char buf[ID_MAX];

	*why = secret_bad(kind, id, value);
	return *why ? ERR_VALUE : store_put(s, kind, folded(kind, id, buf), value);
}

bool secret_has(struct store *s, enum store_kind kind, struct slice id)
{
	char buf[ID_MAX];

	return store_has(s, kind, folded(kind, id, buf));
}

int secret_del(struct store *s, enum store_kind kind, struct slice id, bool *had)
{
	char buf[ID_MAX];

	return store_del(s, kind, folded(kind, id, buf), had);
}

int secret_get(struct store *s, enum store_kind kind, struct slice id, struct secret *out)
{
	char buf[ID_MAX];
	struct slice f = folded(kind, id, buf);
	size_t at = slice_chr(f, '@');
	int err = store_get(s, kind, f, out->v, sizeof(out->v), &out->n);

	if (err == ERR_NOTFOUND && at < f.n && at > 0)
		err = store_get(s, kind, slice_sub(f, 0, at), out->v, sizeof(out->v), &out->n);
	return err;
}
