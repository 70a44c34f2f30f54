/* Microsoft's dialect: endpoint identities, the signature string, NTLM signatures, replay, ErrorIDs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/enc.h"
#include "common/mem.h"
#include "sipd/ms_diag.h"
#include "sipd/ms_epid.h"
#include "sipd/ms_sign.h"
#include "sipd/sip_auth_hdr.h"
#include "tests/unit/sipd/ms_vectors.h"

static void test_identity(void **state)
{
	static const char *const uuids[][2] = { { "01010101",
		                                    "4b1682a8-f968-5701-83fc-7c6741dc6697" },
		{ "6f3a1c9be2", "cc4aad78-8972-5a0e-aaef-5a2997485cbd" } };
	static const char *const gruus[][2] = {
		{ "34d859db-6585-5f91-a3b4-de853c15347d", "user:epid:21nYNIVlkV-jtN6FPBU0fQAA" },
		{ "c1589240-e660-594f-a8b3-4b55f358cbc1", "user:epid:QJJYwWDmT1mos0tV81jLwQAA" },
		{ "cc4aad78-8972-5a0e-aaef-5a2997485cbd", "user:epid:eK1KzHKJDlqq71opl0hcvQAA" },
	};
	char uuid[MS_UUID_TEXT], opaque[64], a[MS_EPID_MAX + 1], b[MS_EPID_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uuids); i++) {
		assert_int_equal(0, ms_epid_uuid(slice_str(uuids[i][0]), uuid));
		assert_string_equal(uuids[i][1], uuid);
	}
	for (size_t i = 0; i < ARRAY_LEN(gruus); i++) {
		assert_int_equal(0, ms_gruu_opaque(slice_str(gruus[i][0]), opaque, sizeof(opaque)));
		assert_string_equal(gruus[i][1], opaque);
	}
	assert_int_equal(ERR_SYNTAX, ms_epid_uuid(SLICE_LIT(""), uuid));
	assert_int_equal(ERR_SYNTAX, ms_epid_uuid(SLICE_LIT("xyz"), uuid));
	assert_int_equal(ERR_SYNTAX, ms_epid_uuid(SLICE_LIT("0123456789abcdef0"), uuid));
	assert_int_equal(ERR_SYNTAX,
	    ms_gruu_opaque(SLICE_LIT("34d859db-6585-5f91-a3b4-de853c15347"), opaque, 64));
	assert_int_equal(ERR_SYNTAX,
	    ms_gruu_opaque(SLICE_LIT("34d859db-6585-5f91+a3b4-de853c15347d"), opaque, 64));
	ms_epid_make(a);
	ms_epid_make(b);
	assert_int_equal(10, strlen(a));
	assert_string_not_equal(a, b);
}

static void keys_of(
    struct ms_ntlm_keys *k, const char *cs, const char *ss, const char *cl, const char *sl)
{
	uint8_t b[4][16];
	const char *hex[4] = { cs, ss, cl, sl };
	size_t n;

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(0, enc_unhex(slice_str(hex[i]), b[i], 16, &n));
	assert_int_equal(0, ms_ntlm_keys(k, b[0], b[1], b[2], b[3]));
}

static void parse(struct sip_msg *m, char **buf, const char *text)
{
	free(*buf);
	*buf = mem_str(text);
	if (sip_msg_parse(m, *buf, strlen(*buf), true) != 0)
		fail_msg("%s: %s", m->fault.why, text);
}

/* The authentication header of a message: the client's or the server's. */
static void inputs(
    const struct sip_msg *m, struct sip_auth_hdr *h, struct ms_sign_in *in, bool server)
{
	static const enum sip_hdr_id ids[2][2] = { { SIP_H_AUTHORIZATION,
		                                       SIP_H_PROXY_AUTHORIZATION },
		{ SIP_H_AUTHENTICATION_INFO, SIP_H_PROXY_AUTHENTICATION_INFO } };
	struct slice v = sip_msg_value(m, ids[server][0]);

	if (!v.p)
		v = sip_msg_value(m, ids[server][1]);
	/* LYNC: Authentication-Info begins with the scheme, which RFC 2617's does not have. */
	assert_int_equal(0, sip_auth_parse(h, v, true));
	*in = (struct ms_sign_in){ .scheme = h->scheme,
		.rand = sip_auth_param(h, server ? SLICE_LIT("srand") : SLICE_LIT("crand")),
		.num = sip_auth_param(h, server ? SLICE_LIT("snum") : SLICE_LIT("cnum")),
		.realm = sip_auth_param(h, SLICE_LIT("realm")),
		.target = sip_auth_param(h, SLICE_LIT("targetname")),
		.version = 4 };
}

static void test_worked_flow(void **state)
{
	struct ms_ntlm_keys k;
	struct sip_msg m;
	char *buf = NULL;
	unsigned checked = 0;

	(void)state;
	keys_of(&k, MS_FLOW_CLIENT_SIGN_KEY, MS_FLOW_SERVER_SIGN_KEY, MS_FLOW_CLIENT_SEAL_KEY,
	    MS_FLOW_SERVER_SEAL_KEY);
	for (size_t i = 0; i < ARRAY_LEN(ms_flow); i++) {
		char text[MS_SIGN_BUFFER_MAX], sig[MS_NTLM_SIG + 1];
		struct wr w = wr_of(text, sizeof(text));
		struct sip_auth_hdr h;
		struct ms_sign_in in;
		bool server = strstr(ms_flow[i].title, "server -> client") != NULL;

		parse(&m, &buf, ms_flow[i].message);
		if (!*ms_flow[i].signature)
			continue;
		inputs(&m, &h, &in, server);
		assert_int_equal(0, ms_sign_buffer(&in, &m, &w));
		assert_true(wr_nul(&w));
		assert_string_equal(ms_flow[i].input, text);
		assert_int_equal(0, ms_ntlm_sign(&k, server, wr_slice(&w), sig));
		assert_string_equal(ms_flow[i].signature, sig);
		assert_int_equal(0,
		    ms_ntlm_verify(&k, server, wr_slice(&w),
		        sip_auth_param(&h, server ? SLICE_LIT("rspauth") : SLICE_LIT("response"))));
		/* The other direction's key, or one octet more, is not it. */
		assert_int_equal(
		    ERR_AUTH, ms_ntlm_verify(&k, !server, wr_slice(&w), slice_str(sig)));
		sig[9] = sig[9] == '0' ? '1' : '0';
		assert_int_equal(
		    ERR_AUTH, ms_ntlm_verify(&k, server, wr_slice(&w), slice_str(sig)));
		checked++;
	}
	free(buf);
	assert_int_equal(6, checked);
}

static void test_capture(void **state)
{
	struct ms_ntlm_keys k;
	char sig[MS_NTLM_SIG + 1];

	(void)state;
	keys_of(&k, MS_OCS_CLIENT_SIGN_KEY, MS_OCS_SERVER_SIGN_KEY, MS_OCS_CLIENT_SEAL_KEY,
	    MS_OCS_SERVER_SEAL_KEY);
	assert_int_equal(0, ms_ntlm_sign(&k, false, SLICE_LIT(MS_OCS_REQUEST_BUFFER), sig));
	assert_string_equal(MS_OCS_REQUEST_SIGNATURE, sig);
	assert_int_equal(0, ms_ntlm_sign(&k, true, SLICE_LIT(MS_OCS_RESPONSE_BUFFER), sig));
	assert_string_equal(MS_OCS_RESPONSE_SIGNATURE, sig);
}

static void test_identity_with_case_and_commas(void **state)
{
	struct ms_sign_in in = { SLICE_LIT("NTLM"), SLICE_LIT("1B6D47A1"), SLICE_LIT("11"),
		SLICE_LIT("SIP Communications Service"), SLICE_LIT("LOC-COMPANYT-FE03.COMPANY.COM"),
		4 };
	char text[MS_SIGN_BUFFER_MAX];
	struct wr w = wr_of(text, sizeof(text));
	struct sip_msg m;
	char *buf = NULL;

	(void)state;
	parse(&m, &buf,
	    "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1\r\n"
	    "From: \"S\"<sip:sender@company.com>;tag=2420628112;epid=54392bdde8\r\n"
	    "To: <sip:recipient@company.com>;epid=3102EB8BD1;tag=7aee15546a\r\n"
	    "Call-ID: 41CEg82ECa0AC8i3DD7mE673t9CF4b19DAxF780x\r\nCSeq: 1 INVITE\r\n"
	    "P-Asserted-Identity: \"Company, Recipient\" "
	    "<SIP:recipient@company.com>\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(0, ms_sign_buffer(&in, &m, &w));
	assert_true(wr_nul(&w));
	assert_string_equal(MS_V4_EXAMPLE, text);
	/* tel before sip on the wire, one header with both. */
	parse(&m, &buf,
	    "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1\r\n"
	    "From: <sip:a@b.c>;tag=1\r\nTo: <sip:d@e.f>;tag=2\r\nCall-ID: x\r\nCSeq: 7 "
	    "INVITE\r\nExpires: 600\r\n"
	    "P-Asserted-Identity: <tel:+420123456;ext=88>, \"x, y\" <sip:d@e.f;user=phone>\r\n"
	    "P-Preferred-Identity: <sip:not@this>\r\nContent-Length: 0\r\n\r\n");
	w = wr_of(text, sizeof(text));
	assert_int_equal(0, ms_sign_buffer(&in, &m, &w));
	assert_true(wr_nul(&w));
	assert_non_null(
	    strstr(text, "<sip:d@e.f><2><sip:d@e.f;user=phone><tel:+420123456;ext=88><600><200>"));
	in.version = 2;
	w = wr_of(text, sizeof(text));
	assert_int_equal(0, ms_sign_buffer(&in, &m, &w));
	assert_true(wr_nul(&w));
	assert_non_null(strstr(text, "<sip:a@b.c><1><2><600><200>"));
	w = wr_of(text, 40);
	assert_int_equal(ERR_LIMIT, ms_sign_buffer(&in, &m, &w));
	free(buf);
}

static void test_replay(void **state)
{
	struct ms_replay r = { 0 };

	(void)state;
	assert_false(ms_replay_take(&r, 0));
	assert_true(ms_replay_take(&r, 1));
	assert_false(ms_replay_take(&r, 1));
	assert_true(ms_replay_take(&r, 3));
	assert_true(ms_replay_take(&r, 2)); /* out of order */
	assert_false(ms_replay_take(&r, 2));
	assert_true(ms_replay_take(&r, 300));
	assert_false(ms_replay_take(&r, 44)); /* 256 behind */
	assert_true(ms_replay_take(&r, 45));
	assert_false(ms_replay_take(&r, 45));
	assert_true(ms_replay_take(&r, 4000000000u));
	assert_false(ms_replay_take(&r, 300));
	for (uint32_t i = 1; i < 256; i++)
		assert_true(ms_replay_take(&r, 4000000000u - i));
	assert_false(ms_replay_take(&r, 4000000000u - 255));
}

static void test_diagnostics(void **state)
{
	struct ms_diag d;
	char text[400];

	(void)state;
	assert_int_equal(
	    0, ms_diag_parse(SLICE_LIT("1010;reason=\"Certificate; trust\" ; "
	                               "tls-target=\"ipdect.contoso.com\";source = \"a.b\""),
	           &d));
	assert_int_equal(1010, d.id);
	assert_true(slice_eq(d.reason, SLICE_LIT("Certificate; trust")));
	assert_true(slice_eq(d.source, SLICE_LIT("a.b")));
	ms_diag_text(&d, text, sizeof(text));
	assert_non_null(strstr(text, "certificate"));
	assert_non_null(strstr(text, "server says: Certificate; trust"));
	assert_int_equal(0, ms_diag_parse(SLICE_LIT("1034.7"), &d));
	assert_int_equal(1034, d.id);
	assert_non_null(strstr(ms_diag_help(1034)->meaning, "SIP service")); /* its range */
	assert_null(ms_diag_help(30000));
	assert_non_null(strstr(ms_diag_help(1013)->meaning, "clocks")); /* itself, not its range */
	assert_int_equal(ERR_SYNTAX, ms_diag_parse(SLICE_LIT("reason=\"x\""), &d));
	assert_int_equal(ERR_SYNTAX, ms_diag_parse(SLICE_LIT(""), &d));
	assert_int_equal(ERR_SYNTAX, ms_diag_parse(SLICE_LIT("99999999999"), &d));
	assert_true(ms_diag_help(17003)->permanent);
	assert_false(ms_diag_help(1007)->permanent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_worked_flow),
		cmocka_unit_test(test_capture),
		cmocka_unit_test(test_identity_with_case_and_commas),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_diagnostics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
