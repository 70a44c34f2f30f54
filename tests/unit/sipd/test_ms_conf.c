/* Documents of conferences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/mem.h"
#include "sipd/ms_conf.h"

#define FOCUS "sip:anna@contoso.com;gruu;opaque=app:conf:focus:id:7QK2XN4D"
#define DOC(focus, rest)                                                                           \
	"<Conferencing version=\"2.0\"><focus-uri>" focus "</focus-uri>" rest "</Conferencing>"

static void invitations(void **state)
{
	static const struct {
		const char *doc;
		int err;
		bool audio;
		const char *subject;
	} t[] = {
		{ DOC(FOCUS, "<subject/><audio available=\"true\"/><im available=\"false\">"
		             "<first-im/></im>"),
		    0, true, "" },
		{ DOC(" " FOCUS "\r\n", "<audio available='true'/><subject>A &amp; B</subject>"), 0,
		    true, "A & B" },
		{ DOC(FOCUS, "<audio available=\"false\"/>"), 0, false, "" },
		{ DOC(FOCUS, "<im><audio available=\"true\"/></im>"), 0, false, "" },
		{ DOC("sip:anna@contoso.com", "<audio available=\"true\"/>"), ERR_SYNTAX, false,
		    "" },
		{ DOC("tel:+49;opaque=app:conf:focus:id:1", ""), ERR_SYNTAX, false, "" },
		{ DOC("", ""), ERR_SYNTAX, false, "" },
		{ "<Conferencing/>", ERR_SYNTAX, false, "" },
		{ "<other><focus-uri>" FOCUS "</focus-uri></other>", ERR_SYNTAX, false, "" },
		{ "<Conferencing><focus-uri>" FOCUS, ERR_SYNTAX, false, "" },
		{ "", ERR_SYNTAX, false, "" },
	};
	struct conf_invite v;
	char long_focus[600], out[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		assert_int_equal(conf_invite_read(slice_str(t[i].doc), &v), t[i].err);
		if (t[i].err)
			continue;
		assert_string_equal(v.focus, FOCUS);
		assert_int_equal(v.audio, t[i].audio);
		assert_string_equal(v.subject, t[i].subject);
	}
	(void)snprintf(long_focus, sizeof(long_focus),
	    DOC("sip:%0300d@contoso.com;gruu;opaque=app:conf:focus:id:1", ""), 1);
	assert_int_equal(conf_invite_read(slice_str(long_focus), &v), ERR_LIMIT);
	assert_int_equal(conf_avmcu(FOCUS, out, sizeof(out)), ERR_LIMIT);
	assert_int_equal(conf_avmcu(FOCUS, v.focus, sizeof(v.focus)), 0);
	assert_string_equal(
	    v.focus, "sip:anna@contoso.com;gruu;opaque=app:conf:audio-video:id:7QK2XN4D");
}

static void answers(void **state)
{
	char why[64];

	(void)state;
	assert_int_equal(
	    conf_response_read(SLICE_LIT("<response xmlns='urn:ietf:params:xml:ns:cccp' "
	                                 "code='success'><addUser/></response>"),
	        why, sizeof(why)),
	    0);
	assert_int_equal(conf_response_read(SLICE_LIT("<c:response xmlns:c='u' code='failure' "
	                                              "reason='locked'/>"),
	                     why, sizeof(why)),
	    ERR_DENIED);
	assert_string_equal(why, "failure: locked");
	assert_int_equal(
	    conf_response_read(SLICE_LIT("<response/>"), why, sizeof(why)), ERR_DENIED);
	assert_string_equal(why, "no code");
	assert_int_equal(
	    conf_response_read(SLICE_LIT("<request code='success'/>"), why, sizeof(why)),
	    ERR_SYNTAX);
}

/* What others put into an address does not leave its attribute. */
static void requests(void **state)
{
	char text[1024];
	struct wr w = wr_of(text, sizeof(text));

	(void)state;
	conf_put_add_user(&w, "sip:a&b@contoso.com", "sip:x\"<y", "u");
	assert_true(wr_nul(&w));
	assert_non_null(strstr(text, "from=\"sip:a&amp;b@contoso.com\" to=\"sip:x&quot;&lt;y\""));
	assert_non_null(strstr(text, "entity=\"{u}\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invitations),
		cmocka_unit_test(answers),
		cmocka_unit_test(requests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
