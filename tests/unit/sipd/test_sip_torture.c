/* The 49 messages of RFC 4475 and the IPv6 ones of RFC 5118, each with the outcome that a user agent owes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sipd/sip_build.h"
#include "sipd/sip_check.h"

#define DROP 1 /* no answer */

struct want {
	const char *name;
	unsigned status; /* 0: taken; DROP; else the answer */
};

/* Order of RFC 4475 section 3. Where the RFC lets an element choose between leniency and 400, the choice is noted. */
static const struct want rfc4475[] = {
	{ "wsinv", 0 },
	{ "intmeth", 0 }, /* an unknown method, for the method table to answer */
	{ "esc01", 0 },
	{ "escnull", 0 },
	{ "esc02", 0 },
	{ "lwsdisp", 0 },
	{ "longreq", 0 },
	{ "dblreq", 0 }, /* datagram: what follows the body is dropped */
	{ "semiuri", 0 },
	{ "transports", 0 },
	{ "mpart01", 0 },
	{ "unreason", 0 },
	{ "noreason", 0 },
	{ "badinv01", 400 },
	{ "clerr", 400 },
	{ "ncl", 400 },
	{ "scalar02", 400 },
	{ "scalarlg", DROP },
	{ "quotbal", 400 },
	{ "ltgtruri", 400 },
	{ "lwsruri", 400 },
	{ "lwsstart", 400 }, /* choice: 400 */
	{ "trws", 400 },
	{ "escruri", 400 },
	{ "baddate", 0 }, /* choice: Date means nothing to us */
	{ "regbadct", 400 },
	{ "badaspec", 400 }, /* choice: 400 */
	{ "baddn", 400 },    /* choice: 400 */
	{ "badvers", 505 },
	{ "mismatch01", 400 },
	{ "mismatch02", 400 },
	{ "bigcode", DROP },
	{ "badbranch", 0 }, /* matched the RFC 2543 way */
	{ "insuf", 400 },
	{ "unkscm", 416 },
	{ "novelsc", 416 },
	{ "unksm2", 0 }, /* a registrar would refuse the address of record */
	{ "bext01", 420 },
	{ "invut", 415 },
	{ "regaut01", 0 }, /* an unknown scheme is as good as no credentials */
	{ "multi01", 400 },
	{ "mcl01", 400 },
	{ "bcast", DROP }, /* a second Via: not ours */
	{ "zeromf", 0 },   /* Max-Forwards concerns proxies */
	{ "cparam01", 0 },
	{ "cparam02", 0 },
	{ "regescrt", 0 },
	{ "sdp01", 0 }, /* its body is judged by the offer/answer machine */
	{ "inv2543", 0 },
};

static unsigned outcome(struct sip_msg *m, char *buf, size_t n, bool stream)
{
	static const struct sip_check_conf conf = { { "100rel, timer, replaces", 23 } };
	static char text[1024];
	struct wr lines = wr_of(text, sizeof(text));
	const char *why;

	int err = sip_msg_parse(m, buf, n, stream);
	assert_int_equal(err != 0, m->fault.status != 0);
	if (err)
		return m->fault.silent ? DROP : m->fault.status;
	if (!m->request)
		return sip_check_reply(m) ? 0 : DROP;
	return sip_check_request(m, &conf, &why, &lines);
}

static char *load(const char *name, size_t *n)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/data/rfc4475/%s.dat", TEST_SHARED_DIR, name);
	f = fopen(path, "rb");
	if (!f)
		return NULL;
	char *buf = malloc(65536);
	*n = fread(buf, 1, 65536, f);
	fclose(f);
	return realloc(buf, *n);
}

static void test_rfc4475(void **state)
{
	static struct sip_msg m;
	unsigned bad = 0;

	(void)state;
	assert_int_equal(sizeof(rfc4475) / sizeof(rfc4475[0]), 49);
	for (size_t i = 0; i < 49; i++) {
		size_t n = 0;
		char *buf = load(rfc4475[i].name, &n);

		if (!buf) {
			print_message("skipped: no %s/data/rfc4475 here\n", TEST_SHARED_DIR);
			skip();
		}
		unsigned got = outcome(&m, buf, n, false);
		if (got != rfc4475[i].status) {
			print_message("%s: %u (%s), not %u\n", rfc4475[i].name, got,
			    m.fault.why ? m.fault.why : "", rfc4475[i].status);
			bad++;
		}
		/* Every refusal can be put into words. */
		if (got >= 400) {
			char out[8192];
			struct wr w = wr_of(out, sizeof(out));

			sip_put_reply(&w, &m, got, slice_str(m.fault.why), SLICE_LIT("t1"), NULL);
			sip_put_body(&w, SLICE_LIT(""), SLICE_LIT(""));
			assert_false(w.bad);
			static struct sip_msg back;
			int err = sip_msg_parse(&back, out, w.n, true);
			(void)err; /* what was missing in the request is missing here */
			assert_int_equal(back.status, got);
		}
		free(buf);
	}
	assert_int_equal(bad, 0);
}

/* What the parser took out of the worst of them. */
static void test_wsinv_fields(void **state)
{
	static struct sip_msg m;
	size_t n = 0;
	char *buf = load("wsinv", &n), name[64];
	struct slice v;
	struct sip_addr a;

	(void)state;
	if (!buf)
		skip();
	assert_int_equal(sip_msg_parse(&m, buf, n, false), 0);
	assert_true(slice_eq(m.to_tag, SLICE_LIT("1918181833n")));
	assert_true(slice_eq(m.from_tag, SLICE_LIT("98asjd8")));
	assert_int_equal(m.max_forwards, 68);
	assert_int_equal(m.cseq, 9);
	assert_int_equal(m.body.n, 150);
	assert_true(slice_eq(m.via.branch, SLICE_LIT("390skdjuw")));
	assert_false(sip_via_has_magic(&m.via));
	sip_addr_display(&m.from, name, sizeof(name));
	assert_string_equal(name, "J Rosenberg \\\"");
	struct sip_values vs = sip_msg_values(&m, SIP_H_VIA);
	unsigned vias = 0;
	while (sip_values_next(&vs, &v)) {
		struct sip_via via;
		assert_int_equal(sip_via_parse(&via, v), 0);
		vias++;
	}
	assert_int_equal(vias, 3);
	assert_int_equal(sip_msg_contact(&m, &a), 0);
	assert_true(sip_addr_param(&a, SLICE_LIT("q"), &v) && slice_eq(v, SLICE_LIT("0.33")));
	assert_true(sip_addr_param(&a, SLICE_LIT("secondparam"), NULL));
	const struct sip_hdr *h = sip_msg_find(&m, SLICE_LIT("newfangledheader"), NULL);
	assert_non_null(h);
	assert_true(slice_starts(h->value, SLICE_LIT("newfangled value")));
	assert_non_null(sip_msg_hdr(&m, SIP_H_SUBJECT));
	free(buf);
}

static void test_multipart(void **state)
{
	static struct sip_msg m;
	struct sip_part p;
	size_t n = 0;
	char *buf = load("mpart01", &n);

	(void)state;
	if (!buf)
		skip();
	assert_int_equal(sip_msg_parse(&m, buf, n, false), 0);
	assert_int_equal(sip_msg_part(&m, 0, &p), 0);
	assert_true(sip_part_is(&p, "text/plain"));
	assert_true(slice_starts(p.body, SLICE_LIT("Hello")));
	assert_int_equal(sip_msg_part(&m, 1, &p), 0);
	assert_true(sip_part_is(&p, "application/octet-stream"));
	assert_int_equal(sip_msg_part(&m, 2, &p), ERR_NOTFOUND);
	free(buf);
}

/* RFC 5118 4.1 to 4.10, in order; bodies shortened to what the parser sees of them. */
static const struct {
	const char *text;
	unsigned status;
} rfc5118[] = {
	/* 4.1 and 4.2: the reference with brackets is right, without them wrong */
	{ "REGISTER sip:[2001:db8::10] SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: "
	  "sip:user@example.com;tag=81x2\r\n"
	  "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\nCall-ID: "
	  "SSG9559905523997077@hlau_4100\r\n"
	  "Max-Forwards: 70\r\nContact: \"Caller\" <sip:caller@[2001:db8::1]>\r\nCSeq: 98176 "
	  "REGISTER\r\n"
	  "Content-Length: 0\r\n\r\n",
	    0 },
	{ "REGISTER sip:2001:db8::10 SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: "
	  "sip:user@example.com;tag=81x2\r\n"
	  "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3\r\nCall-ID: "
	  "SSG9559905523997077@hlau_4100\r\n"
	  "Max-Forwards: 70\r\nContact: \"Caller\" <sip:caller@[2001:db8::1]>\r\nCSeq: 98176 "
	  "REGISTER\r\n"
	  "Content-Length: 0\r\n\r\n",
	    400 },
	/* 4.3: a port ambiguous to the eye, inside brackets */
	{ "REGISTER sip:[2001:db8::10:5070] SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: "
	  "sip:user@example.com;tag=81x2\r\n"
	  "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\nCall-ID: "
	  "SSG9559905523997077@hlau_4100\r\n"
	  "Contact: \"Caller\" <sip:caller@[2001:db8::1]>\r\nMax-Forwards: 70\r\nCSeq: 98176 "
	  "REGISTER\r\n"
	  "Content-Length: 0\r\n\r\n",
	    0 },
	/* 4.4 */
	{ "REGISTER sip:[2001:db8::10]:5070 SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: "
	  "sip:user@example.com;tag=81x2\r\n"
	  "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\nCall-ID: "
	  "SSG9559905523997077@hlau_4100\r\n"
	  "Contact: \"Caller\" <sip:caller@[2001:db8::1]>\r\nMax-Forwards: 70\r\nCSeq: 98176 "
	  "REGISTER\r\n"
	  "Content-Length: 0\r\n\r\n",
	    0 },
	/* 4.5: received with and without brackets, both to be accepted */
	{ "BYE sip:[2001:db8::10] SIP/2.0\r\nTo: sip:user@example.com;tag=bd76ya\r\nFrom: "
	  "sip:user@example.com;tag=81x2\r\n"
	  "Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111\r\n"
	  "Call-ID: SSG9559905523997077@hlau_4100\r\nMax-Forwards: 70\r\nCSeq: 321 "
	  "BYE\r\nContent-Length: 0\r\n\r\n",
	    0 },
	{ "OPTIONS sip:[2001:db8::10] SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: "
	  "sip:user@example.com;tag=81x2\r\n"
	  "Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3\r\n"
	  "Call-ID: SSG95523997077@hlau_4100\r\nMax-Forwards: 70\r\nContact: \"Caller\" "
	  "<sip:caller@[2001:db8::9:1]>\r\n"
	  "CSeq: 921 OPTIONS\r\nContent-Length: 0\r\n\r\n",
	    0 },
	/* 4.6: IPv6 addresses in the body only */
	{ "INVITE sip:user@[2001:db8::10] SIP/2.0\r\nTo: sip:user@[2001:db8::10]\r\nFrom: "
	  "sip:user@example.com;tag=81x2\r\n"
	  "Via: SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKas3-111\r\nCall-ID: "
	  "SSG9559905523997077@hlau_4100\r\n"
	  "Contact: \"Caller\" <sip:caller@[2001:db8::20]>\r\nCSeq: 8612 INVITE\r\nMax-Forwards: "
	  "70\r\n"
	  "Content-Type: application/sdp\r\nContent-Length: 16\r\n\r\nv=0\r\na=rtpmap:x\n",
	    0 },
	/* 4.7: several addresses and Via of both families */
	{ "BYE sip:user@host.example.net SIP/2.0\r\nVia: SIP/2.0/UDP "
	  "[2001:db8::9:1]:6050;branch=z9hG4bKas3-111\r\n"
	  "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144\r\n"
	  "Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200\r\n"
	  "Call-ID: 997077@lau_4100\r\nMax-Forwards: 70\r\nCSeq: 89187 BYE\r\nTo: "
	  "sip:user@example.net;tag=9817--94\r\n"
	  "From: sip:user@example.com;tag=81x2\r\nContent-Length: 0\r\n\r\n",
	    0 },
	/* 4.10: an IPv4-mapped address */
	{ "INVITE sip:user@example.com SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: "
	  "sip:user@east.example.com;tag=81x2\r\n"
	  "Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19\r\n"
	  "Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111\r\nCall-ID: "
	  "SSG9559905523997077@hlau_4100\r\n"
	  "Contact: \"T. desk phone\" <sip:ted@[::ffff:192.0.2.2]>\r\nCSeq: 612 "
	  "INVITE\r\nMax-Forwards: 70\r\n"
	  "Content-Length: 0\r\n\r\n",
	    0 },
	/* 4.8 and the like: what is no address */
	{ "OPTIONS sip:[2001:db8::1 SIP/2.0\r\nTo: sip:a@b\r\nFrom: sip:c@d;tag=1\r\nVia: "
	  "SIP/2.0/UDP [::1];branch=z9hG4bKq\r\n"
	  "Call-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
	    400 },
	{ "OPTIONS sip:[2001:db8:::1] SIP/2.0\r\nTo: sip:a@b\r\nFrom: sip:c@d;tag=1\r\nVia: "
	  "SIP/2.0/UDP [::1];branch=z9hG4bKq\r\n"
	  "Call-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
	    400 },
	{ "OPTIONS sip:a@b SIP/2.0\r\nTo: sip:a@b\r\nFrom: sip:c@d;tag=1\r\nVia: SIP/2.0/UDP "
	  "::1;branch=z9hG4bKq\r\n"
	  "Call-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
	    DROP },
};

static void test_rfc5118(void **state)
{
	static struct sip_msg m;

	(void)state;
	for (size_t i = 0; i < sizeof(rfc5118) / sizeof(rfc5118[0]); i++) {
		char *buf = strdup(rfc5118[i].text);
		unsigned got = outcome(&m, buf, strlen(buf), true);

		if (got != rfc5118[i].status)
			fail_msg("%zu: %u (%s), not %u", i, got, m.fault.why ? m.fault.why : "",
			    rfc5118[i].status);
		free(buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc4475),
		cmocka_unit_test(test_wsinv_fields),
		cmocka_unit_test(test_multipart),
		cmocka_unit_test(test_rfc5118),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
