/* Service codes: the table and its match against what was dialled so far. */
#include "dectd/ui_code.h"

#include <string.h>

#include "common/mem.h"

static const char *const names[UI_NSERVICES] = {
	[UI_S_NONE] = "off",
	[UI_S_SERVER] = "server",
	[UI_S_BASE] = "base",
	[UI_S_NUMBER] = "number",
	[UI_S_IPEI] = "ipei",
	[UI_S_SIGN_IN] = "sign-in",
	[UI_S_SIGN_OUT] = "sign-out",
	[UI_S_PRESENCE] = "presence",
	[UI_S_FWD_ALWAYS] = "forward-always",
	[UI_S_FWD_BUSY] = "forward-busy",
	[UI_S_FWD_NO_ANSWER] = "forward-no-answer",
	[UI_S_FWD_UNREACHABLE] = "forward-unreachable",
	[UI_S_FWD_OFF] = "forward-off",
	[UI_S_REDIAL] = "redial",
	[UI_S_MISSED] = "missed",
	[UI_S_RECEIVED] = "received",
	[UI_S_PLACED] = "placed",
	[UI_S_DIRECTORY] = "directory",
	[UI_S_VOICE_MAIL] = "voice-mail",
};

const char *ui_service_name(enum ui_service s)
{
	return s < UI_NSERVICES ? names[s] : "";
}

static bool code_ok(struct slice c)
{
	unsigned slots = 0;

	for (size_t i = 0; i < c.n; i++) {
		slots += c.p[i] == 'N';
		if (!((c.p[i] >= '0' && c.p[i] <= '9') || c.p[i] == '*' || c.p[i] == '#' ||
		        c.p[i] == 'N'))
			return false;
	}
	/* A number in the middle must be followed by the mark that ends it. */
	return c.n > 0 && c.n < UI_CODE_LEN && c.p[0] != 'N' && slots <= 1 &&
	       (slots == 0 || (c.n >= 2 && c.p[c.n - 1] == '#' && c.p[c.n - 2] == 'N'));
}

int ui_code_add(struct ui_codes *t, struct slice word)
{
	size_t mark = slice_chr(word, '>');
	struct slice code = slice_sub(word, 0, mark), fn = slice_sub(word, mark + 1, word.n);
	unsigned s, at = 0;

	if (mark == word.n || !code_ok(code))
		return ERR_SYNTAX;
	for (s = 0; s < UI_NSERVICES; s++)
		if (slice_ieq(fn, slice_str(names[s])))
			break;
	if (fn.n == 0)
		s = UI_S_NONE;
	if (s == UI_NSERVICES)
		return ERR_VALUE;
	while (at < t->n && !slice_eq(code, slice_str(t->c[at].code)))
		at++;
	if (s == UI_S_NONE) {
		if (at < t->n)
			t->c[at] = t->c[--t->n];
		return 0;
	}
	if (at == UI_CODES_MAX)
		return ERR_LIMIT;
	if (at == t->n)
		t->n++;
	memcpy(t->c[at].code, code.p, code.n);
	t->c[at].code[code.n] = '\0';
	t->c[at].service = (enum ui_service)s;
	return 0;
}

void ui_code_defaults(struct ui_codes *t)
{
	static const char *const words[] = { "***999*00>server", "***999*01>base",
		"***999*02>number", "***999*03>ipei", "***999*10>sign-in", "***999*11>sign-out",
		"***999*12>presence", "***999*20>missed", "***999*21>received", "***999*22>placed",
		"***999*23>directory", "***999*24>voice-mail", "**0>redial",
		"*21*N#>forward-always", "#21#>forward-always", "*67*N#>forward-busy",
		"#67#>forward-busy", "*61*N#>forward-no-answer", "#61#>forward-no-answer",
		"*62*N#>forward-unreachable", "#62#>forward-unreachable", "##002#>forward-off" };

	t->n = 0;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		BUG_ON(ui_code_add(t, slice_str(words[i])) != 0);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ina, inb: within the digits that stand for N. */
static bool hides(const char *a, bool ina, const char *b, bool inb)
{
	if ((ina && hides(a + 1, false, b, inb)) || (inb && hides(a, ina, b + 1, false)))
		return true;
	if (ina && inb)
		return false; /* one more digit of both changes nothing */
	if (!*a)
		return true;
	if (!*b)
		return false;
	if (*a == 'N' || *b == 'N') {
		if (*a == 'N' && *b == 'N')
			return hides(a, true, b, true);
		return *a == 'N' ? is_digit(*b) && hides(a, true, b + 1, false)
		                 : is_digit(*a) && hides(a + 1, false, b, true);
	}
	return *a == *b && hides(a + 1, false, b + 1, false);
}

bool ui_code_hides(const char *code, const char *other)
{
	return hides(code, false, other, false);
}

static enum ui_match one(const char *code, struct slice d, bool end, struct slice *arg)
{
	size_t i = 0;

	*arg = (struct slice){ d.p, 0 };
	for (; *code; code++) {
		if (*code == 'N') {
			size_t from = i;
			while (i < d.n && (d.p[i] >= '0' && d.p[i] <= '9'))
				i++;
			if (i ==
			    d.n) /* more digits, or the mark, may come; where nothing comes the number is whole */
				return end && i > from && code[1] == '#' && !code[2]
				           ? (*arg = slice_sub(d, from, i - from), UI_M_YES)
				           : UI_M_MAYBE;
			if (i == from)
				return UI_M_NO;
			*arg = slice_sub(d, from, i - from);
			continue;
		}
		if (i == d.n)
			return UI_M_MAYBE;
		if (d.p[i++] != *code)
			return UI_M_NO;
	}
	return i == d.n ? UI_M_YES : UI_M_NO;
}

enum ui_match ui_code_match(const struct ui_codes *t, struct slice digits, bool end,
    enum ui_service *service, struct slice *arg)
{
	bool maybe = false;

	*service = UI_S_NONE;
	*arg = (struct slice){ digits.p, 0 };
	if (digits.n == 0)
		return UI_M_NO;
	for (unsigned i = 0; i < t->n; i++) {
		enum ui_match m = one(t->c[i].code, digits, end, arg);
		if (m == UI_M_YES) {
			*service = t->c[i].service;
			return UI_M_YES;
		}
		maybe |= m == UI_M_MAYBE;
	}
	*arg = (struct slice){ digits.p, 0 };
	return maybe && !end ? UI_M_MAYBE : UI_M_NO;
}

/* ---- in a call ---- */

static const char *const actions[UI_NACTIONS] = { "off", "consult", "internal", "reject", "release",
	"toggle", "conference", "transfer", "accept", "hold", "retrieve" };

const char *ui_action_name(enum ui_action a)
{
	return a < UI_NACTIONS ? actions[a] : "";
}

static int hex_octet(struct slice s)
{
	int v = 0;

	if (s.n != 2)
		return -1;
	for (size_t i = 0; i < 2; i++) {
		char c = s.p[i];
		int d = c >= '0' && c <= '9'   ? c - '0'
		        : c >= 'a' && c <= 'f' ? c - 'a' + 10
		        : c >= 'A' && c <= 'F' ? c - 'A' + 10
		                               : -1;
		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

int ui_call_code_add(struct ui_call_codes *t, struct slice word)
{
	size_t mark = slice_chr(word, '>');
	struct slice code = slice_sub(word, 0, mark), what = slice_sub(word, mark + 1, word.n);
	uint8_t a = 0;

	if (mark == word.n)
		return ERR_SYNTAX;
	while (a < UI_NACTIONS && !slice_ieq(what, slice_str(actions[a])))
		a++;
	if (code.n == 2 && (code.p[0] == 'R' || code.p[0] == 'r') && code.p[1] >= '0' &&
	    code.p[1] <= '9') {
		if (a == UI_NACTIONS)
			return ERR_VALUE;
		t->recall[code.p[1] - '0'] = a;
		return 0;
	}
	int octet = code.n == 4 && hex_octet(slice_sub(code, 0, 2)) == 0x1c
	                ? hex_octet(slice_sub(code, 2, 2))
	                : -1;
	if (octet < 0)
		return ERR_SYNTAX;
	if (a == UI_NACTIONS)
		return ERR_VALUE;
	t->supp[octet] = a;
	return 0;
}

void ui_call_codes_default(struct ui_call_codes *t)
{
	/* R: the convention of shipping systems. PP: the second octets of 1C are not settled (TS 102 527-3 7.4.3 was not at hand). */
	static const char *const words[] = { "R0>reject", "R1>release", "R2>toggle",
		"R3>conference", "R4>transfer", "1C15>consult", "1C17>internal", "1C31>toggle",
		"1C32>conference", "1C33>release", "1C34>transfer", "1C35>accept", "1C36>reject",
		"1C41>hold", "1C42>retrieve" };

	memset(t, 0, sizeof(*t));
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		BUG_ON(ui_call_code_add(t, slice_str(words[i])) != 0);
}
