/* Routing scripts: a change touches what it is about, and nothing else of what another client wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "presenced/lync_route.h"

static char doc[2 * LYNC_ROUTE_DOC], said[400];

static int edit(const char *old, struct lync_route r)
{
	struct wr w = wr_of(doc, sizeof(doc));
	int err = lync_route_edit(slice_str(old), &r, &w);

	assert_true(wr_nul(&w));
	lync_route_text(slice_str(doc), said, sizeof(said));
	return err;
}
static struct lync_route forward(const char *uri, bool now, uint32_t s)
{
	struct lync_route r = { .set_forward = true, .immediate = now, .wait_s = s };

	strcpy(r.forward, uri);
	return r;
}
static void fresh(void **state)
{
	(void)state;
	assert_int_equal(edit("", forward("sip:+14255550199@contoso.com;user=phone", true, 0)), 0);
	assert_string_equal(doc,
	    "<routing xmlns=\"http://schemas.microsoft.com/02/2006/sip/routing\" "
	    "name=\"rtcdefault\" "
	    "version=\"1\"><preamble><flags name=\"clientflags\" value=\"forward_immediate "
	    "enablecf\"/><list name=\"forwardto\"><target "
	    "uri=\"sip:+14255550199@contoso.com;user=phone\"/></list></preamble></routing>");
	assert_string_equal(said, "forward sip:+14255550199@contoso.com;user=phone at once");
}
/* as MS-SIPRE 4.7 shows one, with a team that is not ours to touch */
static const char other[] =
    "<?xml version='1.0'?><r:routing xmlns:r=\"x\" name=\"rtcdefault\" version=\"2\" "
    "minSupportedClientVersion=\"2.0.0.0\">\n <!-- by a desktop -->\n <r:preamble>\n"
    "  <r:list name=\"forwardto\"><r:target uri=\"sip:old@b\"/></r:list>\n"
    "  <r:flags name=\"clientflags\" value=\"team_ring work_hours enablecf\"/>\n"
    "  <r:list name=\"team\"><r:target uri=\"sip:t&amp;1@b\"/></r:list>\n"
    "  <r:wait name=\"total\" seconds=\"20\"/><r:wait name=\"team2\" seconds=\"5\"/>\n"
    " </r:preamble>\n</r:routing>";
static void others(void **state)
{
	(void)state;
	lync_route_text(slice_str(other), said, sizeof(said));
	assert_string_equal(said, "forward sip:old@b after 20 s");
	assert_int_equal(edit(other, forward("sip:new@b", false, 12)), 0);
	assert_string_equal(said, "forward sip:new@b after 12 s");
	assert_non_null(
	    strstr(doc, "<!-- by a desktop -->\n <r:preamble>\n  <r:list "
	                "name=\"forwardto\"><r:target uri=\"sip:new@b\"/></r:list>\n  <r:flags "
	                "name=\"clientflags\" value=\"team_ring work_hours enablecf\"/>\n  "
	                "<r:list name=\"team\"><r:target uri=\"sip:t&amp;1@b\"/></r:list>\n  "
	                "<r:wait name=\"total\" seconds=\"12\"/><r:wait name=\"team2\" "
	                "seconds=\"5\"/>\n </r:preamble>\n</r:routing>"));
	/* off: the flags only */
	assert_int_equal(edit(other, forward("", false, 0)), 0);
	assert_string_equal(said, "");
	assert_non_null(strstr(doc, "value=\"team_ring work_hours\""));
	assert_non_null(strstr(doc, "sip:old@b"));
	/* ringing somewhere else too leaves forwarding alone */
	assert_int_equal(
	    edit(other, (struct lync_route){ .set_ring = true, .ring = "sip:<home>&@b" }), 0);
	assert_string_equal(said, "forward sip:old@b after 20 s; rings too: sip:<home>&@b");
	assert_non_null(strstr(doc, "<r:list name=\"simultaneous_ring\"><r:target "
	                            "uri=\"sip:&lt;home>&amp;@b\"/></r:list></r:preamble>"));
	char once[sizeof(doc)];
	strcpy(once, doc);
	assert_int_equal(edit(once, (struct lync_route){ .set_ring = true }), 0);
	assert_string_equal(said, "forward sip:old@b after 20 s");
}
static void odd(void **state)
{
	(void)state;
	assert_int_equal(edit("<routing><preamble/></routing>", forward("sip:a@b", true, 0)), 0);
	assert_string_equal(doc,
	    "<routing><preamble><flags name=\"clientflags\" value=\"forward_immediate "
	    "enablecf\"/><list name=\"forwardto\"><target "
	    "uri=\"sip:a@b\"/></list></preamble></routing>");
	assert_int_equal(edit("<routing><preamble a='b' /></routing>", forward("", true, 0)), 0);
	assert_string_equal(doc, "<routing><preamble a='b' ><flags name=\"clientflags\" "
	                         "value=\"\"/></preamble></routing>");
	assert_int_equal(edit("<routing/>", forward("sip:a@b", true, 0)), ERR_SYNTAX);
	assert_int_equal(
	    edit("<other><preamble/></other>", forward("sip:a@b", true, 0)), ERR_SYNTAX);
	assert_int_equal(edit("<routing><preamble>", forward("sip:a@b", true, 0)), ERR_SYNTAX);
	/* elements of those names elsewhere are not ours */
	assert_int_equal(
	    edit("<routing><x><flags name='clientflags' value='q'/></x><preamble><y><list "
	         "name='forwardto'/></y></preamble></routing>",
	        forward("sip:a@b", true, 0)),
	    0);
	assert_non_null(strstr(doc, "value='q'"));
	assert_non_null(strstr(doc, "<y><list name='forwardto'/></y>"));
	char longer[LYNC_ROUTE_DOC + 100];
	memset(longer, ' ', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(edit(longer, forward("sip:a@b", true, 0)), ERR_LIMIT);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fresh),
		cmocka_unit_test(others),
		cmocka_unit_test(odd),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
