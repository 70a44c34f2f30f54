/* Settings that have the right form and cannot be used: sipd -t, the start and a reload refuse them alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rig.h"
#include "rig_sip.h"

static void note(int prio, const char *line, void *ctx)
{
	char *said = ctx;

	(void)prio;
	snprintf(said, 400, "%s", line);
}

static void refused(void **state)
{
	struct rig *r = rig_new(rig_local_conf);
	static char codec[] = "OPUS", suite[] = "ROT13", rule[] = "garbage",
	            address[] = "300.1.1.1", transport[] = "foo", server[] = "abc";
	static char *list[] = { NULL };
	struct {
		struct conf_list *at;
		char *value;
	} lists[] = { { &r->conf.codecs, codec }, { &r->conf.srtp_suites, suite },
		{ &r->conf.number_rules, rule }, { &r->conf.listen, address },
		{ &r->conf.transports, transport }, { &r->conf.dns_servers, server } };
	static const char *const uris[] = { "not a uri", "sip:192.0.2.1:5060;transport=foo",
		"tel:+4930", "sip:", "sip:a b@c" };
	static const char *const good[] = { "pbx.example.org", "192.0.2.5:5060",
		"sip:192.0.2.5:5060;transport=udp", "sips:pbx.example.org",
		"sip:[2001:db8::1]:5070" };
	char said[400] = "";
	(void)state;

	assert_int_equal(sipd_verify(&r->conf), 0);
	log_capture(note, said);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct conf_list was = *lists[i].at;

		list[0] = lists[i].value;
		*lists[i].at = (struct conf_list){ list, 1 };
		assert_true(sipd_verify(&r->conf) < 0);
		assert_non_null(strstr(said, lists[i].value));
		*lists[i].at = was;
	}
	char *was = r->conf.proxy[2].uri;
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		r->conf.proxy[2].uri = (char *)(uintptr_t)uris[i];
		assert_true(sipd_verify(&r->conf) < 0);
		assert_non_null(strstr(said, "proxy-3"));
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		r->conf.proxy[2].uri = (char *)(uintptr_t)good[i];
		assert_int_equal(sipd_verify(&r->conf), 0);
	}
	r->conf.proxy[2].uri = was;
	was = r->conf.emergency_uri;
	r->conf.emergency_uri = (char *)(uintptr_t) "x y";
	assert_true(sipd_verify(&r->conf) < 0);
	assert_non_null(strstr(said, "emergency-uri"));
	r->conf.emergency_uri = (char *)(uintptr_t) "sip:112@pbx.example.org";
	assert_int_equal(sipd_verify(&r->conf), 0);
	r->conf.emergency_uri = was;
	log_capture(NULL, NULL);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(refused) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
