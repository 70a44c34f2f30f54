/* Multipart bodies as batched presence has them, tidy and untidy; resource lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "presenced/multipart.h"

#define TYPE(b)                                                                                    \
	SLICE_LIT("multipart/related;type=\"application/rlmi+xml\";start=resources;boundary=" b)

static void tidy(void **state)
{
	struct multipart m;
	struct part p;

	(void)state;
	assert_int_equal(
	    multipart_begin(&m, TYPE("abc"),
	        SLICE_LIT("preamble\r\n--abc\r\nContent-Transfer-Encoding: binary\r\n"
	                  "Content-ID: <resources>\r\nContent-Type: application/rlmi+xml\r\n"
	                  "\r\n<list/>\r\n\r\n--abc\r\ncontent-type:text/xml;x=y\r\n"
	                  "CONTENT-ID: a@b\r\n\r\n<a>--abc\n</a>\r\n--abc--\r\nepilogue")),
	    0);
	assert_true(multipart_next(&m, &p));
	assert_true(type_is(p.type, "application/rlmi+xml"));
	assert_true(slice_eq(p.id, SLICE_LIT("resources")));
	assert_true(slice_eq(p.body, SLICE_LIT("<list/>")));
	assert_true(multipart_next(&m, &p));
	assert_true(type_is(p.type, "TEXT/xml"));
	assert_true(slice_eq(p.id, SLICE_LIT("a@b")));
	/* a delimiter begins a line, or it is none */
	assert_true(slice_eq(p.body, SLICE_LIT("<a>--abc\n</a>")));
	assert_false(multipart_next(&m, &p));
}
static void untidy(void **state)
{
	struct multipart m;
	struct part p;

	(void)state;
	/* a quoted boundary with a semicolon, lines without CR, no last delimiter, no header at all */
	assert_int_equal(
	    multipart_begin(&m, SLICE_LIT("Multipart/Related ; boundary=\"a;b c\" ; start=x"),
	        SLICE_LIT("--a;b c\n\n<x/>\n--a;b c\nContent-Type: t/u\n\n<y/>")),
	    0);
	assert_true(multipart_next(&m, &p));
	assert_true(slice_eq(p.body, SLICE_LIT("<x/>")));
	assert_int_equal(p.type.n, 0);
	assert_true(multipart_next(&m, &p));
	assert_true(slice_eq(p.body, SLICE_LIT("<y/>")));
	assert_false(multipart_next(&m, &p));
	assert_int_equal(
	    multipart_begin(&m, SLICE_LIT("multipart/related"), SLICE_LIT("")), ERR_SYNTAX);
	assert_int_equal(
	    multipart_begin(&m, SLICE_LIT("multipart/related;boundary="), SLICE_LIT("")),
	    ERR_SYNTAX);
	assert_int_equal(
	    multipart_begin(&m, SLICE_LIT("text/xml;boundary=a"), SLICE_LIT("")), ERR_SYNTAX);
	assert_int_equal(
	    multipart_begin(&m, SLICE_LIT("multipart/x;a;;b=\"q"), SLICE_LIT("")), ERR_SYNTAX);
	assert_int_equal(multipart_begin(&m, TYPE("abc"), SLICE_LIT("--ab")), 0);
	assert_false(multipart_next(&m, &p));
	assert_int_equal(multipart_begin(&m, TYPE("abc"), SLICE_LIT("--abc")), 0);
	assert_true(multipart_next(&m, &p));
	assert_int_equal(p.body.n, 0);
	assert_false(multipart_next(&m, &p));
}
static struct {
	unsigned n;
	struct rlmi_item last;
} seen;
static void on_item(void *ctx, const struct rlmi_item *r)
{
	(void)ctx;
	seen.n++;
	seen.last = *r;
}
static void list(void **state)
{
	char longer[600] = "<list><resource uri='sip:";

	(void)state;
	assert_int_equal(
	    rlmi_parse(
	        SLICE_LIT("<list xmlns='urn:ietf:params:xml:ns:rlmi' version='0'>"
	                  "<resource uri='sip:a@b'><name>A</name><instance id='0' state='active' "
	                  "cid='a@b'/></resource><resource uri='sip:c@d'/>"
	                  "<resource uri='sip:e@f'><instance id='0' state='resubscribe' "
	                  "poolFqdn='sip:pool2@b;gruu'/></resource></list>"),
	        on_item, NULL),
	    0);
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.last.uri, "sip:e@f");
	assert_string_equal(seen.last.state, "resubscribe");
	assert_string_equal(seen.last.pool, "sip:pool2@b;gruu");
	memset(longer + strlen(longer), 'x', 300);
	strcat(longer, "'><instance state='active'/></resource></list>");
	assert_int_equal(rlmi_parse(slice_str(longer), on_item, NULL), 0);
	assert_int_equal(seen.n, 2); /* half an address is nobody's */
	assert_int_equal(rlmi_parse(SLICE_LIT("<other/>"), on_item, NULL), ERR_SYNTAX);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tidy),
		cmocka_unit_test(untidy),
		cmocka_unit_test(list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
