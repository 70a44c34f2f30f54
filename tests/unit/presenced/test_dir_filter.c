/* Filters: what is typed stays a value, whatever it looks like; libldap, which we did not write, takes each of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lber.h>
#include <ldap.h>
#include <openldap.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "presenced/dir_filter.h"
#include "presenced/dir_text.h"

#define AD_PEOPLE dir_filter_people(true)

/* Octets that libldap sends for a search with a filter; 0: it refuses it. */
static size_t encoded(const char *filter, char *out, size_t cap)
{
	int fd[2], id = 0;
	LDAP *ld = NULL;
	ssize_t n = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(ldap_init_fd(fd[0], LDAP_PROTO_TCP, "ldap://x", &ld), LDAP_SUCCESS);
	if (ldap_search_ext(ld, "", LDAP_SCOPE_BASE, filter, NULL, 0, NULL, NULL, NULL, 0, &id) ==
	    LDAP_SUCCESS)
		n = read(fd[1], out, cap);
	ldap_unbind_ext(ld, NULL, NULL);
	close(fd[1]);
	assert_true(n >= 0);
	return (size_t)n;
}

static void value(void **state)
{
	const struct {
		struct slice in;
		const char *out;
	} t[] = {
		{ SLICE_LIT("jim kan"), "jim kan" },
		{ SLICE_LIT("*"), "\\2a" },
		{ SLICE_LIT("*)(objectClass=*"), "\\2a\\29\\28objectClass=\\2a" },
		{ SLICE_LIT("\\"), "\\5c" },
		{ SLICE_LIT("a\0b"), "a\\00b" },
		{ SLICE_LIT("\n\x7f"), "\\0a\\7f" },
		{ SLICE_LIT("M\303\274ller"), "M\\c3\\bcller" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char out[128];
		struct wr w = wr_of(out, sizeof(out));

		dir_filter_value(&w, t[i].in);
		assert_true(wr_nul(&w));
		assert_string_equal(out, t[i].out);
	}
}

static void typed(void **state)
{
	const struct {
		struct slice in;
		int err;
	} t[] = {
		{ SLICE_LIT("jim kan"), 0 },
		{ SLICE_LIT("a)(userPassword=*"), 0 },
		{ SLICE_LIT("a)(|(objectClass=*"), 0 },
		{ SLICE_LIT("a*b*c*d*e*f"), 0 },
		{ SLICE_LIT("x\\"), 0 },
		{ SLICE_LIT("M\374ller"), 0 }, /* Latin-1 */
		{ SLICE_LIT("a\0)(cn=b"), 0 },
		{ SLICE_LIT("a\r\n"), 0 },
		{ SLICE_LIT("*"), ERR_SYNTAX }, /* nothing to search */
		{ SLICE_LIT("\\"), ERR_SYNTAX },
		{ SLICE_LIT(")("), ERR_SYNTAX },
		{ { NULL, 0 }, ERR_SYNTAX },
		{ { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 65 },
		    ERR_LIMIT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		for (int anr = 0; anr < 2; anr++) {
			char out[DIR_FILTER_MAX + 1], want[DIR_FILTER_MAX + 1], ber[4096],
			    expect[4096];
			char clean[DIR_TYPED_MAX + 1];
			struct wr w = wr_of(out, DIR_FILTER_MAX);
			int err =
			    dir_filter_name(&w, SLICE_LIT("(objectClass=user)"), t[i].in, anr);
			size_t n, k, c;

			assert_int_equal(err, t[i].err);
			if (err)
				continue;
			assert_true(wr_nul(&w));
			n = encoded(out, ber, sizeof(ber));
			assert_true(n > 0);
			/* The same filter with as many letters x in place of what was typed: only these octets may differ. */
			c = dir_clean(t[i].in, clean, sizeof(clean));
			for (k = 0; k < c; k++)
				want[k] = 'x';
			w = wr_of(out, DIR_FILTER_MAX);
			assert_int_equal(dir_filter_name(&w, SLICE_LIT("(objectClass=user)"),
			                     (struct slice){ want, c }, anr),
			    0);
			assert_true(wr_nul(&w));
			assert_int_equal(encoded(out, expect, sizeof(expect)), n);
			for (k = 0; k < n; k++) {
				if (n - k >= c && memcmp(expect + k, want, c) == 0 &&
				    memcmp(ber + k, clean, c) == 0)
					k += c - 1;
				else
					assert_int_equal(ber[k], expect[k]);
			}
		}
}

static void words(void **state)
{
	char out[DIR_FILTER_MAX + 1];
	struct wr w = wr_of(out, DIR_FILTER_MAX);

	(void)state;
	assert_int_equal(dir_filter_name(&w, (struct slice){ 0 }, SLICE_LIT(" jim kan "), true), 0);
	assert_true(wr_nul(&w));
	assert_true(strstr(out, "(anr=jim kan)") && strstr(out, AD_PEOPLE));
	w = wr_of(out, DIR_FILTER_MAX);
	assert_int_equal(dir_filter_name(&w, SLICE_LIT("(ou=a)"), SLICE_LIT("kan"), false), 0);
	assert_true(wr_nul(&w));
	assert_string_equal(
	    out, "(&(ou=a)(|(displayName=kan*)(sn=kan*)(givenName=kan*)(cn=kan*)))");
	w = wr_of(out, 20);
	assert_int_equal(dir_filter_name(&w, SLICE_LIT("(ou=a)"), SLICE_LIT("kan"), false), 0);
	assert_true(w.bad);
}

static void attributes(void **state)
{
	char buf[100], *out[DIR_FILTER_ATTRIBUTES + 1];

	(void)state;
	assert_int_equal(dir_filter_attributes(
	                     SLICE_LIT("(&(objectCategory=person)(|(memberOf:1.2.3:=CN=a)(ou>=x)"
	                               "(OU~=b)(!(l;lang-de=*))))"),
	                     buf, sizeof(buf), out, DIR_FILTER_ATTRIBUTES),
	    4);
	assert_string_equal(out[0], "objectCategory");
	assert_string_equal(out[1], "memberOf");
	assert_string_equal(out[2], "ou");
	assert_string_equal(out[3], "l");
	assert_null(out[4]);
	assert_int_equal(dir_filter_attributes(SLICE_LIT("(a=b)(c=d)(e=f)"), buf, 4, out, 2), 2);
	assert_int_equal(dir_filter_attributes(SLICE_LIT("(abcd=b)(c=d)"), buf, 4, out, 2), 1);
	assert_int_equal(dir_filter_attributes(SLICE_LIT(""), buf, 4, out, 2), 0);
}

static void sound(void **state)
{
	static const char *const yes[] = { "(objectClass=person)", "(&(a=b)(!(c=d)))", "(a=*)",
		"(a:1.2.840.113556.1.4.803:=2)", "(cn=a\\28b)" };
	static const char *const no[] = { "", "objectClass=person", "(a=b", "(a=b))", "(a=b)(c=d)",
		"(a=b)x", "()", "(a=b\n)", "(&(a=b)", ")a=b(", "(&)x" };
	char deep[200], ber[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		assert_true(dir_filter_sound(slice_str(yes[i])));
		assert_true(encoded(yes[i], ber, sizeof(ber)) > 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		if (dir_filter_sound(slice_str(no[i])))
			fail_msg("%s", no[i]);
	assert_true(dir_filter_sound(slice_str(dir_filter_people(true))));
	assert_true(dir_filter_sound(slice_str(dir_filter_people(false))));
	assert_true(encoded(dir_filter_people(true), ber, sizeof(ber)) > 0);
	assert_true(encoded(dir_filter_people(false), ber, sizeof(ber)) > 0);
	assert_int_equal(encoded("(cn=\\)", ber, sizeof(ber)), 0);
	memset(deep, 0, sizeof(deep));
	for (int i = 0; i < 40; i++)
		memcpy(deep + 2 * i, "(!", 2);
	memcpy(deep + 80, "(a=b)", 5);
	memset(deep + 85, ')', 40);
	assert_false(dir_filter_sound(slice_str(deep)));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(value), cmocka_unit_test(typed),
		cmocka_unit_test(words), cmocka_unit_test(attributes), cmocka_unit_test(sound) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
