/* Who takes part in a conference: whole documents, parts, gaps, rubbish. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "sipd/ms_roster.h"

#define DOC(state, version, users)                                                                 \
	"<conference-info xmlns=\"urn:ietf:params:xml:ns:conference-info\" state=\"" state         \
	"\" version=\"" version "\" entity=\"sip:a@b\">"                                           \
	"<conference-description><subject>S</subject></conference-description>" users              \
	"</conference-info>"
#define USER(aor, state, rest) "<user entity=\"" aor "\" state=\"" state "\">" rest "</user>"
#define FOCUS                                                                                      \
	"<endpoint entity=\"{1}\" session-type=\"focus\"><status>connected</status></endpoint>"
#define AUDIO(status)                                                                              \
	"<endpoint entity=\"{2}\" session-type=\"audio-video\"><status>" status                    \
	"</status><media id=\"1\"><type>audio</type><status>sendrecv</status></media></endpoint>"
#define BOB   "sip:bob@contoso.com"
#define CAROL "sip:carol@contoso.com"

static struct roster r;

static int fresh(void **state)
{
	(void)state;
	memset(&r, 0, sizeof(r));
	return 0;
}

static int take(const char *doc)
{
	return roster_read(&r, slice_str(doc));
}

static const char *text(const char *self)
{
	static char out[1024];
	struct wr w = wr_of(out, sizeof(out));

	roster_text(&r, self, &w);
	assert_true(wr_nul(&w));
	return out;
}

static void whole(void **state)
{
	(void)state;
	assert_int_equal(take(DOC("full", "1",
	                     "<users state=\"full\">" USER(BOB, "full",
	                         "<display-text>Bob &amp; Co</display-text>"
	                         "<roles><entry>attendee</entry></roles>" FOCUS AUDIO("connected"))
	                         USER(CAROL, "full", FOCUS AUDIO("dialing-out")) "</users>")),
	    0);
	assert_int_equal(roster_count(&r), 2);
	assert_true(roster_in_audio(&r, BOB));
	assert_true(roster_in_audio(&r, "sip:Bob@contoso.com;gruu;opaque=x"));
	assert_false(roster_in_audio(&r, CAROL));
	assert_false(roster_in_audio(&r, "sip:bo@contoso.com"));
	assert_string_equal(
	    text(""), "2: Bob & Co, carol"); /* by the address where no name is told */
	assert_string_equal(text(BOB), "2: carol");
	/* The next whole one replaces it. */
	assert_int_equal(
	    take(DOC("full", "4", "<users>" USER(CAROL, "full", AUDIO("connected")) "</users>")),
	    0);
	assert_string_equal(text(""), "1: carol");
	assert_true(roster_in_audio(&r, CAROL));
}

static void parts(void **state)
{
	(void)state;
	/* Nothing to add a part to: subscribe anew. */
	assert_int_equal(take(DOC("partial", "7", "<users/>")), ERR_STATE);
	assert_false(r.known);
	assert_int_equal(take(DOC("full", "7", "<users>" USER(BOB, "full", FOCUS) "</users>")), 0);
	assert_false(roster_in_audio(&r, BOB));
	assert_int_equal(
	    take(DOC("partial", "8",
	        "<users state=\"partial\">" USER(BOB, "partial", AUDIO("connected"))
	            USER(CAROL, "full", "<display-text>Carol</display-text>") "</users>")),
	    0);
	assert_true(roster_in_audio(&r, BOB));
	assert_string_equal(text(""), "2: bob, Carol");
	/* A part of a user keeps what it does not say. */
	assert_int_equal(
	    take(DOC("partial", "9",
	        "<users state=\"partial\">" USER(CAROL, "partial", AUDIO("connected")) "</users>")),
	    0);
	assert_string_equal(text(""), "2: bob, Carol");
	assert_true(roster_in_audio(&r, CAROL));
	assert_int_equal(take(DOC("partial", "10",
	                     "<users state=\"partial\">" USER(BOB, "partial",
	                         "<endpoint entity=\"{2}\" session-type=\"audio-video\" "
	                         "state=\"deleted\"/>") "</users>")),
	    0);
	assert_false(roster_in_audio(&r, BOB));
	assert_int_equal(take(DOC("partial", "11",
	                     "<users state=\"partial\">" USER(BOB, "deleted", "") "</users>")),
	    0);
	assert_string_equal(text(""), "1: Carol");
	/* Again, and older: nothing. A gap: subscribe anew, and nothing is changed. */
	assert_int_equal(take(DOC("partial", "11",
	                     "<users state=\"partial\">" USER(CAROL, "deleted", "") "</users>")),
	    0);
	assert_int_equal(take(DOC("full", "3", "<users/>")), 0);
	assert_int_equal(take(DOC("partial", "13",
	                     "<users state=\"partial\">" USER(CAROL, "deleted", "") "</users>")),
	    ERR_STATE);
	assert_string_equal(text(""), "1: Carol");
	assert_int_equal(r.version, 11);
}

static void many(void **state)
{
	static char doc[65536];
	struct wr w = wr_of(doc, sizeof(doc));

	(void)state;
	wr_str(&w, "<conference-info state=\"full\" version=\"1\"><users>");
	for (unsigned i = 0; i < 100; i++)
		wr_fmt(&w,
		    "<user entity=\"sip:u%u@contoso.com\"><display-text>User "
		    "%u</display-text></user>",
		    i, i);
	wr_str(&w, "</users></conference-info>");
	assert_int_equal(roster_read(&r, wr_slice(&w)), 0);
	assert_int_equal(roster_count(&r), 100);
	assert_int_equal(r.n, ROSTER_MAX);
	assert_memory_equal(text(""), "100: User 0, User 1", 19);
	assert_int_equal(
	    take("<conference-info state=\"partial\" version=\"2\"><users state=\"partial\">"
	         "<user entity=\"sip:u99@contoso.com\" state=\"deleted\"/>"
	         "<user entity=\"sip:u0@contoso.com\" "
	         "state=\"deleted\"/></users></conference-info>"),
	    0);
	assert_int_equal(roster_count(&r), 98);
}

static void rubbish(void **state)
{
	static const char *const bad[] = { "", "<x/>", "<conference-info",
		"<conference-info><users><user entity='a'>", "<!DOCTYPE a><conference-info/>" };

	(void)state;
	assert_int_equal(take(DOC("full", "1", "<users>" USER(BOB, "full", FOCUS) "</users>")), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(take(bad[i]) != 0);
	/* A user without an address, other endpoints, a document that breaks off. */
	assert_int_equal(
	    take(DOC("partial", "2",
	        "<users state=\"partial\"><user><display-text>?</display-text></user>" USER(BOB,
	            "partial",
	            "<endpoint session-type=\"chat\"><status>connected</status></endpoint>") "</"
	                                                                                     "users"
	                                                                                     ">")),
	    0);
	assert_string_equal(text(""), "1: bob");
	assert_false(roster_in_audio(&r, BOB));
	assert_true(take("<conference-info state=\"full\" version=\"9\"><users/>") != 0);
	assert_string_equal(text(""), "1: bob");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whole, fresh),
		cmocka_unit_test_setup(parts, fresh),
		cmocka_unit_test_setup(many, fresh),
		cmocka_unit_test_setup(rubbish, fresh),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
