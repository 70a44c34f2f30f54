/* Texts for displays, service codes, the choice of what to show of a party. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "dectd/ui_code.h"
#include "dectd/ui_text.h"

static const char *dect(const char *utf8, unsigned sets, size_t max)
{
	static char out[256];
	struct wr w = wr_of(out, sizeof(out) - 1);

	ui_text_dect(&w, slice_str(utf8), sets, max);
	out[w.n] = '\0';
	return out;
}

static void spelling(void **state)
{
	(void)state;
	assert_string_equal(dect("Anna", 0, 99), "Anna");
	assert_string_equal(dect("J\u00f6rg Gr\u00fc\u00df Sm\u00f8rrebr\u00f8d", 0, 99),
	    "Joerg Gruess Smorrebrod");
	assert_string_equal(
	    dect("\u0141\u00f3d\u017a \u010ce\u0161ka \u0150ri", 0, 99), "Lodz Ceska Ori");
	assert_string_equal(dect("\u0418\u0432\u0430\u043d \u0429\u0443\u043a\u0438\u043d", 0, 99),
	    "Ivan Shchukin");
	assert_string_equal(dect("\u0393\u03b9\u03ac\u03bd\u03bd\u03b7\u03c2", 0, 99), "Giannis");
	assert_string_equal(
	    dect("\u201cx\u201d \u2013 5\u00a0\u20ac\u2026", 0, 99), "\"x\" - 5 EUR...");
	/* What nobody can spell is a question mark, never an error. */
	assert_string_equal(dect("\u5f20\u4e09", 0, 99), "??");
	assert_string_equal(dect("a\xff\xc3(b", 0, 99), "a?"
	                                                "?(b");
	assert_string_equal(dect("a\x01"
	                         "b\x1b[2Jc\x7f",
	                        0, 99),
	    "ab[2Jc");
	/* Emoji: one each, whatever it is made of. */
	assert_string_equal(dect("Hi \U0001F600!", 0, 99), "Hi :-)!");
	assert_string_equal(
	    dect("\U0001F469\u200d\U0001F4BB \u2764\ufe0f \U0001F44D\U0001F3FD", 0, 99), "* <3 *");
	/* The one set that a handset has is used directly. */
	assert_string_equal(dect("\u00c5sa \u00df", UI_SET_1, 99), "\xc5sa \xdf");
	assert_string_equal(dect("5 \u20ac \u0160", UI_SET_15, 99), "5 \xa4 \xa6");
	assert_string_equal(dect("\u00a4", UI_SET_15, 99), "?");
	assert_string_equal(dect("\u011e\u0131", UI_SET_9, 99), "\xd0\xfd");
	assert_string_equal(dect("\u0391\u03c9", UI_SET_7, 99), "\xc1\xf9");
	/* Several sets: none is G1. */
	assert_string_equal(dect("\u00c5", UI_SET_1 | UI_SET_15, 99), "A");
	assert_string_equal(dect("\u00c4\u00c4\u00c4", 0, 5), "AeAeA");
}

static const char *shown(const char *text, struct ui_caps c)
{
	static char out[512];
	uint8_t raw[256];
	struct wr w = wr_of(raw, sizeof(raw)), o = wr_of(out, sizeof(out));

	ui_text_display(&w, slice_str(text), &c);
	assert_false(w.bad);
	for (size_t i = 0; i < w.n; i++)
		if (raw[i] >= 0x20)
			wr_u8(&o, raw[i]);
		else
			wr_fmt(&o, "<%x>", raw[i]);
	assert_true(wr_nul(&o));
	return out;
}

static void displays(void **state)
{
	struct ui_caps c = { .display = UI_DISPLAY_ALPHA, .lines = 2, .chars = 8, .control = 2 };

	(void)state;
	assert_string_equal(shown("Bob\n4712", c), "<c>Bob<d><a>4712");
	assert_string_equal(
	    shown("BobBobBo\n4712", c), "<c>BobBobBo4712"); /* a full line wraps by itself */
	assert_string_equal(shown("0123456789abcdefXYZ", c), "<c>0123456789abcdef");
	c.stored = 18;
	assert_string_equal(shown("0123456789abcdefXYZ", c), "<c>0123456789abcdefXY");
	c.control = 1; /* no more than 0C is allowed */
	assert_string_equal(shown("Bob\n4712", c), "<c>Bob     4712");
	c.display = UI_DISPLAY_NUMERIC;
	assert_string_equal(shown("Bob\n4712", c), "<c>        4712");
	c.display = UI_DISPLAY_NONE;
	assert_string_equal(shown("Bob", c), "");
	c.display = UI_DISPLAY_UNKNOWN;
	assert_string_equal(shown("Bob", c), "");
	assert_string_equal(shown("", (struct ui_caps){ .display = UI_DISPLAY_FULL }), "<c>");
}

static struct ui_shown pick(const char *name, const char *number, const char *uri, bool only_digits)
{
	struct ui_party p = {
		.name = slice_str(name), .number = slice_str(number), .uri = slice_str(uri)
	};
	struct ui_shown s;

	ui_party_show(&p, only_digits, &s);
	return s;
}

static void parties(void **state)
{
	struct ui_shown s;
	char uri[160];

	(void)state;
	/* The short number before all. */
	s = pick("Anna", "4711", "sip:anna.very.long@example.org", false);
	assert_string_equal(s.number, "4711");
	assert_false(s.is_uri);
	/* Exactly 64 characters with the scheme are kept; 65 are not. */
	(void)snprintf(uri, sizeof(uri), "sip:%048d@example.org", 7);
	assert_int_equal(strlen(uri), 64);
	s = pick("Anna", "", uri, false);
	assert_string_equal(s.number, uri);
	assert_true(s.is_uri);
	(void)snprintf(uri, sizeof(uri), "sip:%s@example.org",
	    "first.last-of-a-name-that-is-far-too-long.and.goes.on");
	assert_true(strlen(uri) > 64);
	s = pick("A name of more than twenty-four characters", "", uri, false);
	assert_string_equal(s.number, "");
	assert_string_equal(s.name, "A name of more than twen");
	/* Above the limit, but its user part can be dialled. */
	(void)snprintf(uri, sizeof(uri), "sip:+49301234;ext=1@%060d.example.org;user=phone", 1);
	s = pick("", "", uri, false);
	assert_string_equal(s.number, "+49301234");
	assert_false(s.is_uri);
	/* A handset that dials digits only. */
	s = pick("", "anna@example.org", "sip:anna@example.org", true);
	assert_string_equal(s.number, "");
	assert_string_equal(s.name, "anna");
	s = pick("", "anna@example.org", "sip:anna@example.org", false);
	assert_string_equal(s.number, "anna@example.org");
	/* 24 characters are counted in characters, not in octets, and never cut in one. */
	s = pick("\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4"
	         "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4",
	    "1", "", false);
	assert_int_equal(ui_text_chars(slice_str(s.name)), 24);
	s = pick("\U0001F600 \r\n bad\x1b", "1", "", false);
	assert_string_equal(s.name, "\U0001F600 bad");
	struct ui_party p = { .name = slice_str("x"), .anonymous = true };
	ui_party_show(&p, false, &s);
	assert_string_equal(s.name, "");
	assert_true(ui_is_dialable(slice_str("+49*#")));
	assert_false(ui_is_dialable(slice_str("+")));
	assert_false(ui_is_dialable(slice_str("4+")));
	assert_false(ui_is_dialable(slice_str("")));
}

static void service_codes(void **state)
{
	struct ui_codes t;
	enum ui_service s;
	struct slice arg;
	static const struct {
		const char *digits;
		bool end;
		enum ui_match match;
		enum ui_service service;
		const char *arg;
	} v[] = {
		{ "*", false, UI_M_MAYBE, UI_S_NONE, "" },
		{ "*", true, UI_M_NO, UI_S_NONE, "" },
		{ "***999*0", false, UI_M_MAYBE, UI_S_NONE, "" },
		{ "***999*00", false, UI_M_YES, UI_S_SERVER, "" },
		{ "***999*001", false, UI_M_NO, UI_S_NONE, "" },
		{ "4711", false, UI_M_NO, UI_S_NONE, "" },
		{ "*21*", false, UI_M_MAYBE, UI_S_NONE, "" },
		{ "*21*4711", false, UI_M_MAYBE, UI_S_NONE, "" },
		{ "*21*4711#", false, UI_M_YES, UI_S_FWD_ALWAYS, "4711" },
		{ "*21*4711", true, UI_M_YES, UI_S_FWD_ALWAYS, "4711" },
		{ "*21*#", false, UI_M_NO, UI_S_NONE, "" },
		{ "*21*", true, UI_M_NO, UI_S_NONE, "" },
		{ "*21*4711#5", false, UI_M_NO, UI_S_NONE, "" },
		{ "#21#", false, UI_M_YES, UI_S_FWD_ALWAYS, "" },
		{ "##002#", false, UI_M_YES, UI_S_FWD_OFF, "" },
		{ "", true, UI_M_NO, UI_S_NONE, "" },
	};

	(void)state;
	ui_code_defaults(&t);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		assert_int_equal(
		    ui_code_match(&t, slice_str(v[i].digits), v[i].end, &s, &arg), v[i].match);
		assert_int_equal(s, v[i].service);
		assert_true(slice_eq(arg, slice_str(v[i].arg)));
	}
	/* The administrator's. */
	assert_int_equal(ui_code_add(&t, slice_str("*55>redial")), 0);
	assert_int_equal(ui_code_match(&t, slice_str("*55"), false, &s, &arg), UI_M_YES);
	assert_int_equal(s, UI_S_REDIAL);
	assert_int_equal(ui_code_add(&t, slice_str("***999*00>off")), 0);
	assert_int_equal(ui_code_match(&t, slice_str("***999*00"), false, &s, &arg), UI_M_NO);
	assert_int_equal(ui_code_add(&t, slice_str("*55>nothing")), ERR_VALUE);
	assert_int_equal(ui_code_add(&t, slice_str("*5N>redial")), ERR_SYNTAX);
	assert_int_equal(ui_code_add(&t, slice_str("N#>redial")), ERR_SYNTAX);
	assert_int_equal(ui_code_add(&t, slice_str("abc>redial")), ERR_SYNTAX);
	assert_int_equal(ui_code_add(&t, slice_str(">redial")), ERR_SYNTAX);
	assert_int_equal(ui_code_add(&t, slice_str("*55")), ERR_SYNTAX);
	for (int i = 0, err = 0; !err; i++) {
		char word[32];
		(void)snprintf(word, sizeof(word), "*7%d*>base", i);
		err = ui_code_add(&t, slice_str(word));
		assert_true(err == 0 || err == ERR_LIMIT);
	}
}

static void call_codes(void **state)
{
	struct ui_call_codes t;

	(void)state;
	ui_call_codes_default(&t);
	assert_int_equal(t.recall[2], UI_C_TOGGLE);
	assert_int_equal(t.recall[5], UI_C_NONE);
	assert_int_equal(t.supp[0x35], UI_C_ACCEPT);
	assert_int_equal(ui_call_code_add(&t, slice_str("R5>conference")), 0);
	assert_int_equal(t.recall[5], UI_C_CONFERENCE);
	assert_int_equal(ui_call_code_add(&t, slice_str("1c4A>hold")), 0);
	assert_int_equal(t.supp[0x4a], UI_C_HOLD);
	assert_int_equal(ui_call_code_add(&t, slice_str("R2>off")), 0);
	assert_int_equal(t.recall[2], UI_C_NONE);
	assert_int_equal(ui_call_code_add(&t, slice_str("R2>dance")), ERR_VALUE);
	assert_int_equal(ui_call_code_add(&t, slice_str("1C4>hold")), ERR_SYNTAX);
	assert_int_equal(ui_call_code_add(&t, slice_str("1B41>hold")), ERR_SYNTAX);
	assert_int_equal(ui_call_code_add(&t, slice_str("R2")), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spelling),
		cmocka_unit_test(displays),
		cmocka_unit_test(parties),
		cmocka_unit_test(service_codes),
		cmocka_unit_test(call_codes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
