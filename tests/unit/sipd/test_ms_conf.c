/* Documents of conferences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/mem.h"
#include "sipd/ms_adhoc.h"

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

/* A conference is made: what is asked, and which answers name one. */
static void making(void **state)
{
	char text[2048], focus[NUMBER_MAX], why[64];
	struct wr w = wr_of(text, sizeof(text));
	struct conf_invite v;

	(void)state;
	conf_put_add_conference(&w, "sip:anna@contoso.com",
	    "sip:anna@contoso.com;gruu;opaque=app:conf:focusfactory", "7QK2XN4D",
	    "2030-01-15T19:00:00Z");
	assert_true(wr_nul(&w));
	assert_non_null(strstr(text, "<msci:conference-id>7QK2XN4D</msci:conference-id>"));
	assert_non_null(strstr(text, "<msci:entity-view entity=\"audio-video\"/>"));
	assert_int_equal(conf_created_read(SLICE_LIT("<response code='success'><addConference>"
	                                             "<c:conference-info xmlns:c='u' entity='" FOCUS
	                                             "'/></addConference></response>"),
	                     focus, sizeof(focus), why, sizeof(why)),
	    0);
	assert_string_equal(focus, FOCUS);
	/* No entity, one that is no focus, a refusal that names one. */
	assert_int_equal(conf_created_read(SLICE_LIT("<response code='success'><addConference/>"
	                                             "</response>"),
	                     focus, sizeof(focus), why, sizeof(why)),
	    ERR_SYNTAX);
	assert_int_equal(conf_created_read(SLICE_LIT("<response code='success'><addConference>"
	                                             "<conference-info entity='sip:a@b'/>"
	                                             "</addConference></response>"),
	                     focus, sizeof(focus), why, sizeof(why)),
	    ERR_SYNTAX);
	assert_int_equal(conf_created_read(SLICE_LIT("<response code='unauthorized'/>"), focus,
	                     sizeof(focus), why, sizeof(why)),
	    ERR_DENIED);
	assert_string_equal(why, "unauthorized");
	/* What we invite to is what we read. */
	w = wr_of(text, sizeof(text));
	conf_put_invite(&w, FOCUS);
	assert_int_equal(conf_invite_read(wr_slice(&w), &v), 0);
	assert_true(v.audio);
	assert_string_equal(v.focus, FOCUS);
	assert_int_equal(fsm_check(&ms_adhoc_fsm, stderr), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invitations),
		cmocka_unit_test(answers),
		cmocka_unit_test(requests),
		cmocka_unit_test(making),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
