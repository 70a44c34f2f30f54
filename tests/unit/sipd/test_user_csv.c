/* Import and export of users, and masking in captures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/mem.h"
#include "sipd/trace.h"
#include "sipd/user_csv.h"

static char secrets[256];

static void on_secret(void *ctx, struct slice name, struct slice password, struct slice code)
{
	(void)ctx;
	snprintf(secrets + strlen(secrets), sizeof(secrets) - strlen(secrets), "%.*s/%.*s/%.*s;",
	    (int)name.n, name.p, (int)password.n, password.n ? password.p : "", (int)code.n,
	    code.n ? code.p : "");
}

static int import(
    struct users *us, const char *text, bool dry, char *diff, size_t cap, struct user_csv_result *r)
{
	struct wr w = wr_of(diff, cap);

	secrets[0] = '\0';
	int err = user_csv_import(us, slice_str(text), dry, &w, on_secret, NULL, r);
	assert_true(wr_nul(&w));
	return err;
}

static void imports(void **state)
{
	struct user_csv_result r;
	char diff[2048];
	int err;
	struct users *us = users_open(":memory:", NULL, NULL, &err);
	(void)state;
	static const char first[] = "Name;Display name;IPEI;Password;Access-Code\r\n200;\"Berg; "
	                            "Anna\";05003 0070387;pw1;1234\r\n"
	                            "201;Bo;;;\r\n";

	assert_non_null(us);
	assert_int_equal(import(us, first, true, diff, sizeof(diff), &r), 0);
	assert_int_equal(users_count(us), 0);
	assert_int_equal(r.added, 2);
	assert_string_equal(secrets, "");
	assert_int_equal(import(us, first, false, diff, sizeof(diff), &r), 0);
	assert_int_equal(users_count(us), 2);
	assert_string_equal(secrets, "200/pw1/1234;");
	assert_string_equal(users_find(us, SLICE_LIT("200"))->f[USER_DISPLAY_NAME], "Berg; Anna");
	/* the same again, and one change */
	assert_int_equal(import(us, "name,display-name,ipei\n200,Anna,050030070387\n201,Bo,\n",
	                     false, diff, sizeof(diff), &r),
	    0);
	assert_int_equal(r.changed, 1);
	assert_int_equal(r.same, 1);
	assert_string_equal(diff, "~ 200 display-name: Berg; Anna -> Anna\n");
	/* faults: nothing is stored, the first line is told */
	static const struct {
		const char *text;
		unsigned line;
	} bad[] = {
		{ "name,colour\n300,red\n", 1 },
		{ "display-name\nx\n", 1 },
		{ "name\n300\n3 01\n", 3 },
		{ "name\n300\n301,x\n", 3 },
		{ "name\n300\n300\n", 3 },
		{ "name,ipei\n300,050030000001\n301,123\n", 3 },
		{ "name\n300\n\"301\n", 3 },
		{ "", 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(import(us, bad[i].text, false, diff, sizeof(diff), &r), ERR_VALUE);
		assert_true(r.bad > 0);
		assert_int_equal(r.line, bad[i].line);
		assert_int_equal(users_count(us), 2);
	}
	/* each that there is room for, in its order */
	assert_int_equal(
	    import(us, "name\n3 00\n301\n301\n3 02\n", true, diff, sizeof(diff), &r), ERR_VALUE);
	assert_int_equal(r.bad, 3);
	const char *l4 = strstr(r.lines, "line 4: name: this user is in the file twice\n");
	assert_true(strncmp(r.lines, "line 2: ", 8) == 0 && l4 && strstr(l4, "\nline 5: "));
	/* lines that clash with each other only: all or nothing, and known without storing */
	for (unsigned dry = 0; dry < 2; dry++) {
		assert_int_equal(import(us, "name,ipei\n300,05003 0000001\n301,050030000001\n", dry,
		                     diff, sizeof(diff), &r),
		    ERR_VALUE);
		assert_int_equal(r.line, 3);
		assert_non_null(strstr(r.why, "handset"));
	}
	assert_int_equal(users_count(us), 2);
	assert_null(users_by_ipei(us, SLICE_LIT("050030000001")));
	/* out and in again */
	size_t n;
	char *text = user_csv_export(us, &n);
	assert_null(strstr(text, "pw1"));
	struct users *other = users_open(":memory:", NULL, NULL, &err);
	assert_int_equal(import(other, text, false, diff, sizeof(diff), &r), 0);
	assert_int_equal(users_count(other), 2);
	assert_string_equal(users_find(other, SLICE_LIT("200"))->f[USER_IPEI], "050030070387");
	free(text);
	users_close(other);
	users_close(us);
}

static void masks(void **state)
{
	char m[] = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRETKEY|2^31|1:1\r\n"
	           "Authorization: Digest username=\"u\", Response=\"0123\"\r\na=ice-pwd:abc\r\n";
	(void)state;

	trace_mask(m, strlen(m));
	assert_string_equal(m,
	    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxxxxxxx|2^31|1:1\r\n"
	    "Authorization: Digest username=\"u\", Response=\"xxxx\"\r\na=ice-pwd:xxx\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(imports),
		cmocka_unit_test(masks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
