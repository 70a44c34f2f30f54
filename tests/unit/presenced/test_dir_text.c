/* Names as directories have them: cleaned, folded, as keys of a telephone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "presenced/dir_text.h"

static void cleaned(void **state)
{
	const struct {
		struct slice in;
		const char *out;
		size_t cap;
	} t[] = {
		{ SLICE_LIT("  Jim Kander\r\n"), "Jim Kander", 64 },
		{ SLICE_LIT("J\303\274rgen"), "J\303\274rgen", 64 },
		/* a display would be cleared, a header ended, a terminal driven */
		{ SLICE_LIT("A\fB"), "A B", 64 },
		{ SLICE_LIT("A\r\nVia: x"), "A Via: x", 64 },
		{ SLICE_LIT("A\x1b[2JB"), "A [2JB", 64 },
		{ SLICE_LIT("A\0B"), "A B", 64 },
		{ SLICE_LIT("A\302\205B"), "A B", 64 },        /* U+0085 */
		{ SLICE_LIT("A\342\200\256B"), "A B", 64 },    /* right-to-left override */
		{ SLICE_LIT("\357\273\277A"), "A", 64 },       /* byte order mark */
		{ SLICE_LIT("M\374ller"), "M?ller", 64 },      /* Latin-1 */
		{ SLICE_LIT("\300\200A"), "??A", 64 },         /* overlong NUL */
		{ SLICE_LIT("\355\240\200A"), "???A", 64 },    /* surrogate */
		{ SLICE_LIT("\364\220\200\200"), "????", 64 }, /* beyond U+10FFFF */
		{ SLICE_LIT("A\342\202"), "A??", 64 },         /* cut off */
		{ SLICE_LIT("ab\303\274"), "ab", 4 },          /* cut at a character's boundary */
		{ SLICE_LIT("ab\303\274"), "ab\303\274", 5 },
		{ SLICE_LIT(" \f \t "), "", 64 },
		{ SLICE_LIT("\0 \0/"), "/", 64 },
		{ { NULL, 0 }, "", 64 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char out[64];
		size_t n = dir_clean(t[i].in, out, t[i].cap);

		assert_string_equal(out, t[i].out);
		assert_int_equal(n, strlen(out));
		assert_int_equal(dir_clean(slice_str(out), out, sizeof(out)), n);
	}
}

static void folded(void **state)
{
	static const struct {
		const char *in, *plain, *german;
	} t[] = {
		{ "Jim Kander", "jim kander", "jim kander" },
		{ "M\303\274ller", "muller", "mueller" },
		{ "\303\204RGER", "arger", "aerger" },
		{ "Stra\303\237e", "strasse", "strasse" },
		{ "O'Brien", "obrien", "obrien" },
		{ "Meier-Schulz, Dr. (Ada)", "meier schulz dr ada", "meier schulz dr ada" },
		{ "Bj\303\266rk Gu\303\260mundsd\303\263ttir", "bjork gudmundsdottir",
		    "bjoerk gudmundsdottir" },
		{ "\305\201ukasz \305\273\303\263\305\202\304\207", "lukasz zolc", "lukasz zolc" },
		{ "\320\235\320\260\321\202\320\260\320\273\321\214\321\217", "natalya",
		    "natalya" },
		{ "\316\221\316\270\316\267\316\275\316\254", "athina", "athina" },
		{ "Jose\314\201", "jose", "jose" }, /* combining accent */
		{ "\346\235\216\346\230\216", "\346\235\216\346\230\216",
		    "\346\235\216\346\230\216" }, /* other scripts stay */
		{ "Room 101", "room 101", "room 101" },
		{ "...", "", "" },
		{ "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char out[DIR_FOLD_MAX], again[DIR_FOLD_MAX];

		dir_fold(slice_str(t[i].in), false, out, sizeof(out));
		assert_string_equal(out, t[i].plain);
		dir_fold(slice_str(out), false, again, sizeof(again));
		assert_string_equal(again, out);
		dir_fold(slice_str(t[i].in), true, out, sizeof(out));
		assert_string_equal(out, t[i].german);
	}
}

static void keypad(void **state)
{
	char out[DIR_FOLD_MAX];

	(void)state;
	assert_int_equal(dir_keys(slice_str("abcdefghijklmnopqrstuvwxyz"), out, sizeof(out)), 26);
	assert_string_equal(out, "22233344455566677778889999");
	assert_int_equal(dir_keys(slice_str("room101"), out, sizeof(out)), 7);
	assert_string_equal(out, "7666101");
	assert_int_equal(dir_keys(slice_str("\346\235\216"), out, sizeof(out)), 0);
	assert_int_equal(dir_keys(slice_str("abcdef"), out, 4), 3);
}

static void matched(void **state)
{
	static const struct {
		const char *text, *query;
		bool keys, yes;
	} t[] = {
		{ "jan kander", "jan", false, true },
		{ "jan kander", "kan", false, true },
		{ "jan kander", "kan ja", false, true },
		{ "jan kander", "jan jan", false, false }, /* of distinct words */
		{ "jan janssen", "jan jan", false, true },
		{ "jan janssen", "janssen jan", false, true },
		{ "janssen jan", "jan janssen", false,
		    true }, /* the first fit is not the only one */
		{ "jan kander", "an", false, false },
		{ "jan kander", "", false, false },
		{ "jan kander", "526 526337", true, true },
		{ "jan kander", "526337 526", true, true },
		{ "jan kander", "526 526 5", true, false },
		{ "jan kander", "jan", true, false },
		{ "a b c d", "a b c d", false, true },
		{ "maria del carmen de la cruz", "cruz de maria la del car", false, true },
		{ "maria del carmen de la cruz", "de d del", false, false },
		{ "a a a a a a a a a a a a b", "a a a a a a a a a a a a a", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (dir_matches(t[i].text, t[i].query, t[i].keys) != t[i].yes)
			fail_msg("%s / %s", t[i].text, t[i].query);
}

static void words(void **state)
{
	struct slice w[3];

	(void)state;
	assert_int_equal(dir_words("a bb  ccc d", w, 3), 3);
	assert_true(slice_eq(w[2], SLICE_LIT("ccc")));
	assert_int_equal(dir_words("", w, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(cleaned), cmocka_unit_test(folded),
		cmocka_unit_test(keypad), cmocka_unit_test(matched), cmocka_unit_test(words) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
