/* Numbers as they stand in real directories. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "presenced/e164.h"

static const struct e164_rules berlin = { .country = "49",
	.area = "30",
	.main_number = "5550",
	.international = "00",
	.national = "0",
	.internal_min = 3,
	.internal_max = 4 };
static const struct e164_rules bare = { .international = "00", .national = "0" };

static void written_numbers(void **state)
{
	static const struct {
		const struct e164_rules *r;
		const char *raw, *text, *ext;
		enum e164_kind kind;
	} t[] = {
		{ &berlin, "+49 (0)30 5550-1234", "+493055501234", "", E164_GLOBAL },
		{ &berlin, "0049 30 55501234", "+493055501234", "", E164_GLOBAL },
		{ &berlin, "030/5550 1234", "+493055501234", "", E164_GLOBAL },
		{ &berlin, "1234", "+493055501234", "", E164_GLOBAL },
		{ &berlin, "7654321", "+49307654321", "", E164_GLOBAL },
		{ &bare, "1234", "1234", "", E164_INTERNAL },
		{ &bare, "030 123", "030123", "", E164_INTERNAL },
		{ &berlin, "+1 (425) 555-0100 x12", "+14255550100", "12", E164_GLOBAL },
		{ &berlin, "+1 (425) 555-0100 ext. 12", "+14255550100", "12", E164_GLOBAL },
		{ &berlin, "tel:+14255550100;ext=12", "+14255550100", "12", E164_GLOBAL },
		{ &berlin, "tel:+14255550100;phone-context=1;EXT=7;a=9", "+14255550100", "7",
		    E164_GLOBAL },
		{ &berlin, "*72#", "*72#", "", E164_SERVICE },
		{ &berlin, "#31", "#31", "", E164_SERVICE },
		{ &berlin, "+390612345678", "+390612345678", "", E164_GLOBAL },
		{ &berlin,
		    "+49\xC2\xA0"
		    "30\xE2\x80\x93"
		    "1",
		    "+49301", "", E164_GLOBAL },
		{ &berlin,
		    "+\xEF\xBC\x94\xEF\xBC\x99"
		    "301",
		    "+49301", "", E164_GLOBAL },
		{ &berlin,
		    "\xEF\xBC\x8B\xEF\xBC\x94\xEF\xBC\x99"
		    "301",
		    "+49301", "", E164_GLOBAL },
		{ &berlin, "+49 30 5550 1012 (B\xC3\xBCro)", "+493055501012", "", E164_GLOBAL },
		{ &berlin, "030 5550-1012 (\xC3\x9C ext. 7)", "+493055501012", "", E164_GLOBAL },
		{ &berlin, "+49 30 5550-1009 / +49 171 5550009", "+493055501009", "", E164_GLOBAL },
		{ &berlin, "(030) 5550 (0)", "+493055500", "", E164_GLOBAL },
		{ &berlin, "sip:+493055501234@example.org;user=phone", "+493055501234", "",
		    E164_GLOBAL },
		{ &berlin, "sips:ada@example.org", "", "", E164_ADDRESS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct e164 e;

		assert_int_equal(e164_parse(t[i].r, slice_str(t[i].raw), &e), 0);
		assert_string_equal(e.text, t[i].text);
		assert_string_equal(e.ext, t[i].ext);
		assert_int_equal(e.kind, t[i].kind);
	}
}

static void refused(void **state)
{
	struct e164 e;

	(void)state;
	assert_int_equal(e164_parse(&berlin, slice_str(""), &e), ERR_SYNTAX);
	assert_int_equal(e164_parse(&berlin, slice_str("  \t"), &e), ERR_SYNTAX);
	assert_int_equal(e164_parse(&berlin, slice_str("+"), &e), ERR_SYNTAX);
	assert_int_equal(e164_parse(&berlin, slice_str("tel:"), &e), ERR_SYNTAX);
	assert_int_equal(e164_parse(&berlin, slice_str("call me"), &e), ERR_SYNTAX);
	assert_int_equal(
	    e164_parse(&berlin, slice_str("1234567890123456789012345678901234567890"), &e),
	    ERR_LIMIT);
	assert_int_equal(e164_parse(&berlin, slice_str("+1234567890123456"), &e), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(written_numbers),
		cmocka_unit_test(refused) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
