/* Phone book files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "presenced/book.h"

static void read_rows(void **state)
{
	static const char csv[] = "\xEF\xBB\xBFName,work,mobile,home,sip\r\n"
	                          "\"Taxi, \"\"City\"\"\",+49 30 202020\r\n"
	                          "\n"
	                          "Ada,1234,0171/55,030 1,ada@example.org\r\n"
	                          "Only,,,,SIP:only@example.org";
	struct book b;

	(void)state;
	assert_int_equal(book_read(slice_str(csv), &b), 0);
	assert_int_equal(b.n, 3);
	assert_int_equal(b.rejected, 0);
	assert_string_equal(b.v[0].display, "Taxi, \"City\"");
	assert_string_equal(b.v[0].number[0].raw, "+49 30 202020");
	assert_int_equal(b.v[1].nnumbers, 3);
	assert_int_equal(b.v[1].number[1].kind, DIR_MOBILE);
	assert_int_equal(b.v[1].number[2].kind, DIR_HOME);
	assert_string_equal(b.v[1].sip, "sip:ada@example.org");
	assert_int_equal(b.v[2].nnumbers, 0);
	assert_int_equal(b.v[2].nkey, 1);
	free(b.v);
}

static void separators(void **state)
{
	struct book b;

	(void)state;
	assert_int_equal(book_read(slice_str("name;work\nAda;12\n"), &b), 0);
	assert_int_equal(b.n, 1);
	assert_string_equal(b.v[0].number[0].raw, "12");
	free(b.v);
	assert_int_equal(book_read(slice_str("Ada\t12\nBob\t13"), &b), 0);
	assert_int_equal(b.n, 2);
	free(b.v);
}

/* Every row that is left out is told with its line, also behind lines that are empty or within quotation marks. */
static void rejected(void **state)
{
	static const struct {
		const char *csv, *why;
		size_t n;
		unsigned rejected;
	} t[] = {
		{ "Ada,12\nBob\nEve,13\n", "line 2: there is neither number nor SIP address", 2,
		    1 },
		{ "name,work\r\n\r\n\r\n,12\r\nAda,1\r\n", "line 4: there is no name", 1, 1 },
		{ "\"A\nB\",12\nBob,call me\n", "line 3: a number has no digits", 1, 1 },
		{ "Ada,1,2,3,a@b,x\nBob,1\n", "line 1: more than five columns", 1, 1 },
		{ "Ada,1,2,3,nobody\nBob,1\n", "line 1: the SIP address is none", 1, 1 },
		{ "Ada,123456789012345678901234567890123\nBob,1\n",
		    "line 1: a number is longer than 32", 1, 1 },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,1\nBob,1\n",
		    "line 1: the name is longer than 64", 1, 1 },
		{ "x\ny\nAda,1\n",
		    "line 1: there is neither number nor SIP address; line 2: there is neither "
		    "number nor SIP address",
		    1, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct book b;

		assert_int_equal(book_read(slice_str(t[i].csv), &b), 0);
		assert_string_equal(b.why, t[i].why);
		assert_int_equal(b.n, t[i].n);
		assert_int_equal(b.rejected, t[i].rejected);
		free(b.v);
	}
}

static void refused(void **state)
{
	struct book b;
	char *many = mem_new(10 * (BOOK_ROWS_MAX + 1) + 1), *wide = mem_new(200);
	size_t n = 0;

	(void)state;
	assert_int_equal(book_read(slice_str(""), &b), ERR_SYNTAX);
	assert_null(b.v);
	assert_int_equal(book_read(slice_str("name,work\n"), &b), ERR_SYNTAX);
	assert_int_equal(book_read(slice_str("x\ny\n"), &b), ERR_SYNTAX);
	assert_non_null(strstr(b.why, "line 2"));
	assert_int_equal(book_read(slice_str("Ada,1\n\"Bob,2\nEve,3\n"), &b), ERR_SYNTAX);
	assert_string_equal(b.why, "line 2: a quotation mark does not end, or text follows it");
	assert_int_equal(book_read(slice_str("Ada,1\n\"B\"ob,2\n"), &b), ERR_SYNTAX);
	assert_string_equal(b.why, "line 2: a quotation mark does not end, or text follows it");
	for (int i = 0; i < BOOK_ROWS_MAX + 1; i++)
		n += (size_t)sprintf(many + n, "N%d,%d\n", i % 10, i % 100);
	assert_int_equal(book_read((struct slice){ many, n }, &b), ERR_LIMIT);
	assert_null(b.v);
	assert_string_equal(b.why, "more than 10000 rows");
	memset(wide, ',', 199);
	assert_int_equal(book_read(slice_str(wide), &b), ERR_LIMIT);
	assert_string_equal(b.why, "line 1: more than 64 columns");
	free(many);
	free(wide);
}

/* Nothing that a spreadsheet would run; what was read comes out and goes in again. */
static void written(void **state)
{
	static const struct {
		const char *name, *number, *row;
	} t[] = {
		{ "Ada", "+4930123", "Ada,+4930123,,,\r\n" },
		{ "=cmd|'/c calc'!A1", "12", "'=cmd|'/c calc'!A1,12,,,\r\n" },
		{ "+49 call", "", "'+49 call,,,,\r\n" },
		{ "-1", "", "'-1,,,,\r\n" },
		{ "@SUM(A1)", "", "'@SUM(A1),,,,\r\n" },
		{ "Taxi, \"City\"", "1", "\"Taxi, \"\"City\"\"\",1,,,\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct dir_hit h = { 0 };
		char out[200];
		struct wr w = wr_of(out, sizeof(out));

		snprintf(h.display, sizeof(h.display), "%s", t[i].name);
		snprintf(h.work, sizeof(h.work), "%s", t[i].number);
		book_write(&w, &h);
		assert_true(wr_nul(&w));
		assert_string_equal(out, t[i].row);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(read_rows),
		cmocka_unit_test(separators), cmocka_unit_test(rejected), cmocka_unit_test(refused),
		cmocka_unit_test(written) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
