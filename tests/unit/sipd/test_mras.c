/* Credentials of the A/V Edge: the documents of MS-AVEDGEA. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/sax.h"
#include "sipd/mras.h"

#define HEAD                                                                                       \
	"<response requestID=\"27182\" version=\"1.0\" reasonPhrase=\"%s\" "                       \
	"to=\"sip:edge01.contoso.com@contoso.com;gruu;opaque=srvr:MRAS:abc\" "                     \
	"from=\"sip:anna@contoso.com\" xmlns=\"http://schemas.microsoft.com/2006/09/sip/mrasp\">"  \
	"<credentialsResponse credentialsRequestID=\"27182\">"
#define SECRETS                                                                                    \
	"<credentials><username>AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKA==</"        \
	"username>"                                                                                \
	"<password>gIGCg4SFhoeIiYqLjI2Oj5CRkpM=</password><duration>480</duration>"                \
	"<realm>rtcmedia</realm></credentials>"
#define RELAY                                                                                      \
	"<mediaRelay><location>intranet</location><hostName>edge-int.contoso.com</hostName>"       \
	"<udpPort>3478</udpPort><tcpPort>443</tcpPort></mediaRelay>"
#define TAIL "</credentialsResponse></response>"

static int get(struct mras_answer *a, const char *reason, const char *rest, char why[128])
{
	char text[4096];

	(void)snprintf(text, sizeof(text), HEAD "%s" TAIL, reason, rest);
	return mras_read(slice_str(text), a, why, 128);
}

static void test_answer(void **state)
{
	struct mras_answer a;
	char why[128];

	(void)state;
	/* The reference's example. */
	assert_int_equal(
	    get(&a, "OK", SECRETS "<mediaRelayList>" RELAY "</mediaRelayList>", why), 0);
	assert_int_equal(a.user_n, 40);
	assert_int_equal(a.password_n, 20);
	assert_int_equal(a.user[0], 1);
	assert_int_equal(a.user[39], 40);
	assert_int_equal(a.password[0], 0x80);
	assert_int_equal(a.minutes, 480);
	assert_int_equal(a.nrelay, 1);
	assert_string_equal(a.relay[0].host, "edge-int.contoso.com");
	assert_int_equal(a.relay[0].udp, 3478);
	assert_int_equal(a.relay[0].tcp, 443);
	assert_false(a.relay[0].internet);
	/* An address instead of a name, one transport only, two relays, one without either. */
	assert_int_equal(
	    get(&a, "OK",
	        SECRETS "<mediaRelayList><mediaRelay><location>internet</location>"
	                "<directIPAddress>192.0.2.7</directIPAddress><tcpPort>443</tcpPort>"
	                "</mediaRelay><mediaRelay/>" RELAY "</mediaRelayList>",
	        why),
	    0);
	assert_int_equal(a.nrelay, 2);
	assert_true(a.relay[0].internet);
	assert_int_equal(a.relay[0].udp, 0);
	assert_string_equal(a.relay[0].host, "192.0.2.7");
}

static void test_wrong(void **state)
{
	struct mras_answer a;
	char why[128];

	(void)state;
	assert_int_equal(get(&a, "Request Malformed", SECRETS RELAY, why), ERR_DENIED);
	assert_string_equal(why, "Request Malformed");
	assert_int_equal(a.user_n, 0); /* nothing stays */
	assert_int_equal(get(&a, "OK", SECRETS, why), ERR_SYNTAX);
	assert_int_equal(get(&a, "OK", RELAY, why), ERR_SYNTAX);
	assert_int_equal(
	    get(&a, "OK",
	        "<credentials><username>*</username><password>gIGC</password></credentials>" RELAY,
	        why),
	    ERR_SYNTAX);
	assert_int_equal(mras_read(SLICE_LIT("<x/>"), &a, why, sizeof(why)), ERR_SYNTAX);
	assert_int_equal(mras_read(SLICE_LIT(""), &a, why, sizeof(why)), ERR_SYNTAX);
}

struct seen {
	char to[200], from[200], identity[200], location[20], duration[20];
};

static void on_start(struct sax *x, const char *name, const char **atts)
{
	struct seen *s = x->ctx;

	if (strcmp(name, "request") == 0) {
		sax_put(s->to, sizeof(s->to), sax_attr(atts, "to"));
		sax_put(s->from, sizeof(s->from), sax_attr(atts, "from"));
	}
}

static void on_end(struct sax *x, const char *name, struct slice text)
{
	struct seen *s = x->ctx;

	if (strcmp(name, "identity") == 0)
		sax_put_slice(s->identity, sizeof(s->identity), text);
	if (strcmp(name, "location") == 0)
		sax_put_slice(s->location, sizeof(s->location), text);
	if (strcmp(name, "duration") == 0)
		sax_put_slice(s->duration, sizeof(s->duration), text);
}

static void test_request(void **state)
{
	struct seen seen = { 0 };
	struct sax x = { .start = on_start, .end = on_end, .ctx = &seen, .root = "request" };
	char out[1500];
	struct wr w = wr_of(out, sizeof(out));

	(void)state;
	mras_put_request(
	    &w, "sip:e@contoso.com;gruu;opaque=srvr:MRAS:a&b", "sip:anna@contoso.com", 7);
	assert_false(w.bad);
	assert_int_equal(sax_run(&x, wr_slice(&w)), 0);
	assert_string_equal(seen.to, "sip:e@contoso.com;gruu;opaque=srvr:MRAS:a&b");
	assert_string_equal(seen.from, "sip:anna@contoso.com");
	assert_string_equal(seen.identity, "sip:anna@contoso.com");
	assert_string_equal(seen.location, "intranet");
	assert_string_equal(seen.duration, "480");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
