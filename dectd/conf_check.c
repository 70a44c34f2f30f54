/* What is wrong with a configuration beyond single values: identities, codes that nobody could dial, codes that take one
 * another's place, or an emergency number's. */
#include <stdio.h>
#include <string.h>

#include "common/addr.h"
#include "common/mem.h"
#include "dectd/dectd.h"
#include "dectd/phone.h"
#include "dectd/ui_code.h"

#define WHERE(key) "dectd", key

typedef const char *(name_of)(unsigned i);

static const char *service_name(unsigned i)
{
	return ui_service_name((enum ui_service)i);
}

static const char *action_name(unsigned i)
{
	return ui_action_name((enum ui_action)i);
}

static const char *all_names(name_of *name, unsigned n, char *out, size_t cap)
{
	struct wr w = wr_of(out, cap);

	for (unsigned i = 0; i < n; i++) {
		wr_str(&w, i ? ", " : "");
		wr_str(&w, name(i));
	}
	return wr_nul(&w) ? out : "";
}

/* What stands before '>'. */
static struct slice code_of(const char *word)
{
	struct slice w = slice_str(word);

	return slice_sub(w, 0, slice_chr(w, '>'));
}

/* The same code given twice: the later one would count. */
static void twice(const struct conf_list *l, const char *key, struct conf_diag *g)
{
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < i; k++)
			if (code_of(l->v[i]).n && slice_ieq(code_of(l->v[i]), code_of(l->v[k])))
				conf_fault_key(g, WHERE(key),
				    "%s and %s are one code; keep one of them", l->v[k], l->v[i]);
}

static bool has(const struct ui_codes *t, struct slice code)
{
	for (unsigned i = 0; i < t->n; i++)
		if (slice_eq(code, slice_str(t->c[i].code)))
			return true;
	return false;
}

static void one_service_code(struct ui_codes *t, const char *word, struct conf_diag *g)
{
	struct slice code = code_of(word);
	bool was = has(t, code);
	char names[256];

	switch (ui_code_add(t, slice_str(word))) {
	case 0:
		if (!was && !has(t, code))
			conf_fault_key(g, WHERE("service-codes"),
			    "%s: there is no such code to take away; docs/handsets.md has the "
			    "built-in ones",
			    word);
		break;
	case ERR_VALUE:
		conf_fault_key(g, WHERE("service-codes"),
		    "%s: there is no such function; expected one of %s", word,
		    all_names(service_name, UI_NSERVICES, names, sizeof(names)));
		break;
	case ERR_LIMIT:
		conf_fault_key(g, WHERE("service-codes"),
		    "%s: more than %u codes with the built-in ones; take some away with CODE>off",
		    word, UI_CODES_MAX);
		break;
	default:
		conf_fault_key(g, WHERE("service-codes"),
		    "%s: expected CODE>FUNCTION, e.g. *55>redial or *56*N#>forward-busy: at most "
		    "%u of "
		    "0-9 * #, with one N at most, not first and before a # at the end",
		    word, UI_CODE_LEN - 1);
		break;
	}
}

static bool is_ours(const struct conf_list *l, const char *code)
{
	for (size_t i = 0; i < l->n; i++)
		if (slice_eq(code_of(l->v[i]), slice_str(code)))
			return true;
	return false;
}

static void service_codes(const struct conf_list *l, struct ui_codes *t, struct conf_diag *g)
{
	ui_code_defaults(t);
	for (size_t i = 0; i < l->n; i++)
		one_service_code(t, l->v[i], g);
	twice(l, "service-codes", g);
	for (unsigned i = 0; i < t->n; i++)
		for (unsigned k = 0; k < t->n; k++) {
			const char *a = t->c[i].code, *b = t->c[k].code;

			/* Where each hides the other it is told once. */
			if (i == k || !ui_code_hides(a, b) || (k < i && ui_code_hides(b, a)) ||
			    !(is_ours(l, a) || is_ours(l, b)))
				continue;
			conf_fault_key(g, WHERE("service-codes"),
			    "%s>%s cannot be dialled: %s>%s is served first; choose another code, "
			    "or add "
			    "%s>off",
			    b, ui_service_name(t->c[k].service), a,
			    ui_service_name(t->c[i].service), is_ours(l, a) ? b : a);
		}
}

static void call_codes(const struct conf_list *l, struct conf_diag *g)
{
	struct ui_call_codes t;
	char names[256];

	ui_call_codes_default(&t);
	for (size_t i = 0; i < l->n; i++) {
		int err = ui_call_code_add(&t, slice_str(l->v[i]));

		if (err == ERR_VALUE)
			conf_fault_key(g, WHERE("call-codes"),
			    "%s: there is no such action; expected one of %s", l->v[i],
			    all_names(action_name, UI_NACTIONS, names, sizeof(names)));
		else if (err)
			conf_fault_key(g, WHERE("call-codes"),
			    "%s: expected R and a digit, or 1C and two hex digits, then >ACTION: "
			    "R2>toggle, "
			    "1C31>toggle",
			    l->v[i]);
	}
	twice(l, "call-codes", g);
}

static void emergency(const char *text, const struct ui_codes *codes, struct conf_diag *g)
{
	const struct phones_conf *room = NULL; /* for its sizes */
	struct slice left = slice_str(text), word;
	size_t n = 0;

	while (dectd_emergency_next(&left, &word)) {
		char number[sizeof(room->emergency[0])];

		if (++n > ARRAY_LEN(room->emergency)) {
			conf_fault_key(g, WHERE("emergency-numbers"),
			    "at most %zu numbers; " SLICE_FMT " would be none",
			    ARRAY_LEN(room->emergency), SLICE_ARG(word));
			return;
		}
		if (slice_copy(word, number, sizeof(number)) ||
		    number[strspn(number, "0123456789*#+")]) {
			conf_fault_key(g, WHERE("emergency-numbers"),
			    SLICE_FMT ": expected at most %zu digits", SLICE_ARG(word),
			    sizeof(number) - 1);
			continue;
		}
		for (unsigned i = 0; i < codes->n; i++)
			if (ui_code_hides(codes->c[i].code, number))
				conf_fault_key(g, WHERE("emergency-numbers"),
				    "%s cannot be dialled: the service code %s is served first; "
				    "choose "
				    "another code in service-codes",
				    number, codes->c[i].code);
			else if (ui_code_hides(number, codes->c[i].code))
				conf_fault_key(g, WHERE("emergency-numbers"),
				    "%s is not dialled at once: the service code %s may become of "
				    "it; choose "
				    "another code in service-codes",
				    number, codes->c[i].code);
	}
}

static void hex(const char *key, const char *v, size_t digits, struct conf_diag *g)
{
	if (strlen(v) != digits || v[strspn(v, "0123456789abcdefABCDEF")])
		conf_fault_key(g, WHERE(key), "%s: expected %zu hex digits", v, digits);
}

static void address(const char *key, const char *v, struct conf_diag *g)
{
	struct addr a;

	if (*v && addr_parse(slice_str(v), 1, &a) != 0)
		conf_fault_key(g, WHERE(key), "%s: expected ADDRESS or ADDRESS:PORT", v);
}

static void identity(const struct dectd_conf *c, struct conf_diag *g)
{
	struct ident id = { .cls = IDENT_B, .pli = 31 };

	if (*c->park && ident_parse(slice_str(c->park), &id) != 0)
		conf_fault_key(g, WHERE("park"),
		    "%s: expected 2 hex digits of length and 8 of the key (10 in class A), as on "
		    "the "
		    "licence, e.g. 1F102AF12C",
		    c->park);
	for (size_t i = 0; i < c->sari.n; i++)
		if (ident_add_sari(&id, slice_str(c->sari.v[i])) != 0)
			conf_fault_key(g, WHERE("sari"),
			    "%s: expected 8 hex digits of an access rights identity of class B or "
			    "C",
			    c->sari.v[i]);
}

void dectd_conf_check(const void *conf, struct conf_diag *g)
{
	const struct dectd_conf *c = conf;
	struct ui_codes codes;

	identity(c, g);
	hex("protocol-min", c->protocol_min, 8, g);
	hex("protocol-max", c->protocol_max, 8, g);
	hex("protocol-individual-keys", c->protocol_new, 8, g);
	if (*c->ext_caps2)
		hex("extended-capabilities-2", c->ext_caps2, 10, g);
	address("http-redirect", c->http_redirect, g);
	address("syslog", c->syslog_redirect, g);
	for (size_t i = 0; i < c->codecs.n; i++)
		if (!slice_ieq(slice_str(c->codecs.v[i]), SLICE_LIT("PCMA")) &&
		    !slice_ieq(slice_str(c->codecs.v[i]), SLICE_LIT("PCMU")))
			conf_fault_key(
			    g, WHERE("codecs"), "%s: expected PCMA or PCMU", c->codecs.v[i]);
	service_codes(&c->service_codes, &codes, g);
	call_codes(&c->call_codes, g);
	emergency(c->emergency, &codes, g);
}
