/* Session descriptions, SDES lines, multipart bodies, CSV. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/mem.h"
#include "common/csv.h"
#include "sipd/sdes.h"
#include "sipd/sdp.h"
#include "sipd/sdp_body.h"

static const char lync[] =
    "v=0\r\no=- 0 0 IN IP4 192.0.2.10\r\ns=session\r\nc=IN IP4 192.0.2.10\r\nb=CT:99980\r\nt=0 "
    "0\r\n"
    "a=x-devicecaps:audio:send,recv;video:recv\r\n"
    "m=audio 50052 RTP/SAVP 117 0 8 116 13 101\r\n"
    "a=ice-ufrag: abcd\r\na=ice-pwd:0123456789012345678901 \r\n"
    "a=candidate:1 1 UDP 2130706431 192.0.2.10 50052 typ host \r\n"
    "a=x-candidate-ipv6:6 1 UDP 2130703871 2001:db8::4c 34530 typ host\r\n"
    "a=cryptoscale:1 client AES_CM_128_HMAC_SHA1_80 "
    "inline:WnD7c1ksDGs+dIefCEo8omPg4uO8DYIinNGL5yxQ|2^31|1:1\r\n"
    "a=crypto:2 AES_CM_128_HMAC_SHA1_80 "
    "inline:WnD7c1ksDGs+dIefCEo8omPg4uO8DYIinNGL5yxQ|2^31|1:1\r\n"
    "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:WnD7c1ksDGs+dIefCEo8omPg4uO8DYIinNGL5yxQ|2^31\r\n"
    "a=extmap:1 http:\\\\www.webrtc.org\\experiments\r\n"
    "a=rtcp:50053\r\na=maxptime:200\r\n"
    "a=rtpmap:117 G722/8000/2\r\na=rtpmap:116 AAL2-G726-32/8000\r\na=rtpmap:101 "
    "telephone-event/8000\r\n"
    "a=fmtp:101 0-16\r\n"
    "m=video 0 RTP/SAVP 34\r\n";

static void parse_lync(void **state)
{
	struct sdp s;
	(void)state;

	assert_int_equal(sdp_parse(&s, slice_str(lync)), 0);
	assert_int_equal(s.nmedia, 2);
	const struct sdp_media *m = sdp_first(&s, "audio");
	assert_non_null(m);
	assert_int_equal(m->port, 50052);
	assert_int_equal(m->rtp.n, 4);
	assert_int_equal(m->rtp.ip[0], 192);
	assert_int_equal(m->rtcp.port, 50053);
	assert_int_equal(m->nfmt, 6);
	assert_int_equal(m->fmt[0].channels, 2);
	assert_true(slice_eq(m->ice_ufrag, SLICE_LIT("abcd")));
	assert_int_equal(m->ice_pwd.n, 22);
	assert_int_equal(m->ncrypto, 2);
	assert_int_equal(m->ncand, 2);
	assert_true(slice_eq(slice_sub(m->cand[0], m->cand[0].n - 4, 4), SLICE_LIT("host")));
	assert_null(sdp_first(&s, "video"));
	assert_int_equal(s.media[1].port, 0);
}

static void parse_odd(void **state)
{
	struct sdp s;
	(void)state;
	static const char lf[] =
	    "v=0\no=a 1 2 IN IP6 2001:db8::1\ns=-\nc=IN IP6 2001:db8::1\nt=0 0\n"
	    "a=sendonly\nm=audio 4000/2 RTP/AVP 0 8\na=rtcp:4011 IN IP6 2001:db8::2\n";
	static const char stub[] =
	    "o=- 0 0 IN IP4 10.0.0.1\r\ns=session\r\nc=IN IP4 10.0.0.1\r\nm=audio 0 RTP/AVP\r\n";
	static const char fqdn[] = "v=0\r\nc=IN IP4 host.example\r\nm=audio 5 RTP/AVP 0\r\n";

	assert_int_equal(sdp_parse(&s, slice_str(lf)), 0);
	assert_int_equal(s.media[0].dir, SDP_SENDONLY);
	assert_int_equal(s.media[0].rtp.n, 16);
	assert_int_equal(s.media[0].rtcp.port, 4011);
	assert_int_equal(s.media[0].rtcp.ip[15], 2);
	assert_int_equal(sdp_parse(&s, slice_str(stub)), 0);
	assert_int_equal(s.media[0].port, 0);
	assert_int_equal(sdp_parse(&s, slice_str(fqdn)), 0);
	assert_int_equal(s.media[0].rtp.n, 0);
	assert_int_equal(sdp_parse(&s, SLICE_LIT("hello")), ERR_SYNTAX);
	assert_int_equal(sdp_parse(&s, SLICE_LIT("v=0\r\nm=audio x RTP/AVP 0\r\n")), ERR_SYNTAX);
	assert_int_equal(
	    sdp_parse(&s, SLICE_LIT("v=0\r\nm=audio 65536 RTP/AVP 0\r\n")), ERR_SYNTAX);
	char many[1024] = "v=0\r\n";
	for (int i = 0; i < 9; i++)
		strcat(many, "m=audio 1 RTP/AVP 0\r\n");
	assert_int_equal(sdp_parse(&s, slice_str(many)), ERR_LIMIT);
}

static void same_but_version(void **state)
{
	(void)state;
	assert_true(sdp_same(SLICE_LIT("v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\n"),
	    SLICE_LIT("v=0\no=- 1 2 IN IP4 1.1.1.1\ns=-\n")));
	assert_false(sdp_same(SLICE_LIT("v=0\r\ns=-\r\n"), SLICE_LIT("v=0\r\ns=-\r\nt=0 0\r\n")));
	assert_false(sdp_same(SLICE_LIT("v=0\r\ns=a\r\n"), SLICE_LIT("v=0\r\ns=-\r\n")));
}

/* Vector: RFC 4568 6.1 example key. */
#define RFC4568_KEY "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"

static void sdes_lines(void **state)
{
	struct sdes c;
	char buf[160];
	struct wr w = wr_of(buf, sizeof(buf));
	(void)state;

	assert_int_equal(
	    sdes_parse(&c, SLICE_LIT("1 AES_CM_128_HMAC_SHA1_80 inline:" RFC4568_KEY "|2^20|1:32")),
	    ERR_UNSUPP); /* an MKI of 32 octets */
	assert_int_equal(
	    sdes_parse(&c, SLICE_LIT("1 AES_CM_128_HMAC_SHA1_80 inline:" RFC4568_KEY "|2^20|1:4")),
	    0);
	assert_int_equal(c.suite, SDES_CM_80);
	assert_int_equal(c.nkey, 30);
	assert_memory_equal(c.key, "wDfvg&T+)xG7@fb5jU,RaA}\\|p0%*#", 30);
	assert_int_equal(c.lifetime, 1 << 20);
	assert_int_equal(c.mki, 1);
	assert_int_equal(c.mki_len, 4);
	sdes_wr(&w, &c);
	assert_true(slice_eq(
	    wr_slice(&w), SLICE_LIT("1 AES_CM_128_HMAC_SHA1_80 inline:" RFC4568_KEY "|2^20|1:4")));

	assert_int_equal(
	    sdes_parse(&c, SLICE_LIT("7 AES_CM_128_HMAC_SHA1_32 inline:" RFC4568_KEY)), 0);
	assert_int_equal(c.lifetime, 0);
	assert_int_equal(c.mki_len, 0);
	assert_int_equal(
	    sdes_parse(&c, SLICE_LIT("7 AES_CM_128_HMAC_SHA1_32 inline:" RFC4568_KEY "|1:2|2^31")),
	    0);
	assert_int_equal(
	    sdes_parse(&c, SLICE_LIT("1 AEAD_AES_128_GCM "
	                             "inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==")),
	    0);
	assert_int_equal(c.nkey, 28);
	assert_int_equal(
	    sdes_parse(&c, SLICE_LIT("1 F8_128_HMAC_SHA1_80 inline:" RFC4568_KEY)), ERR_UNSUPP);
	assert_int_equal(sdes_parse(&c, SLICE_LIT("1 AES_CM_128_HMAC_SHA1_80 inline:" RFC4568_KEY
	                                          " UNENCRYPTED_SRTP")),
	    ERR_UNSUPP);
	assert_int_equal(
	    sdes_parse(&c, SLICE_LIT("1 AES_CM_128_HMAC_SHA1_80 inline:" RFC4568_KEY " WSH=60")),
	    0);
	assert_int_equal(
	    sdes_parse(&c, SLICE_LIT("1 AES_CM_128_HMAC_SHA1_80 inline:AAAA")), ERR_SYNTAX);
	assert_int_equal(
	    sdes_parse(&c, SLICE_LIT("x AES_CM_128_HMAC_SHA1_80 inline:AAAA")), ERR_SYNTAX);
	assert_int_equal(sdes_parse(&c, SLICE_LIT("1 AES_CM_128_HMAC_SHA1_80")), ERR_SYNTAX);
	assert_int_equal(
	    sdes_parse(&c, SLICE_LIT("1 AES_CM_128_HMAC_SHA1_80 inline:" RFC4568_KEY "|300:1")),
	    ERR_VALUE);
}

static int body_of(const char *type, const char *body, char *buf, size_t cap, struct slice *sdp)
{
	static struct sip_msg m;
	int n = snprintf(buf, cap,
	    "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bK1\r\nFrom: "
	    "<sip:c@d>;tag=1\r\n"
	    "To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Type: %s\r\nContent-Length: "
	    "%zu\r\n"
	    "\r\n%s",
	    type, strlen(body), body);

	assert_int_equal(sip_msg_parse(&m, buf, (size_t)n, true), 0);
	return sdp_of_msg(&m, sdp);
}

static void multipart(void **state)
{
	struct slice s;
	char buf[2048];
	(void)state;
	static const char body[] =
	    "preamble\r\n--b1\r\nContent-Type: application/sdp\r\nContent-Disposition: session; "
	    "handling=optional; ms-proxy-2007fallback\r\n\r\nv=0\r\nold\r\n--b1\r\n"
	    "content-type: Application/SDP; x=1\r\nContent-ID: "
	    "<a@b>\r\n\r\nv=0\r\nnew\r\n--b1--\r\n";
	static const char need[] =
	    "--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--x\r\n"
	    "Content-Type: application/y\r\nContent-Disposition: z; handling=required\r\n"
	    "\r\nq\r\n--x--";

	assert_int_equal(
	    body_of("multipart/alternative;boundary=b1", body, buf, sizeof(buf), &s), 0);
	assert_true(slice_eq(slice_trim(s), SLICE_LIT("v=0\r\nnew")));
	static const char nested[] =
	    "--o\r\nContent-Type: multipart/alternative; boundary=\"i\"\r\n\r\n"
	    "--i\r\nContent-Type: application/sdp\r\nContent-Disposition: session; "
	    "handling=optional; ms-proxy-2007fallback\r\n\r\nv=0\r\nold\r\n"
	    "--i\r\nContent-Type: application/sdp\r\nContent-ID: <n>\r\n\r\nv=0\r\nnew\r\n--i--\r\n"
	    "\r\n--o\r\nContent-Type: application/x\r\nContent-Disposition: "
	    "render;handling=optional\r\n\r\nq\r\n--o--\r\n";
	assert_int_equal(
	    body_of("multipart/mixed;boundary=\"o\"", nested, buf, sizeof(buf), &s), 0);
	assert_true(slice_eq(slice_trim(s), SLICE_LIT("v=0\r\nnew")));
	assert_int_equal(body_of("application/sdp", "v=0", buf, sizeof(buf), &s), 0);
	assert_true(slice_eq(s, SLICE_LIT("v=0")));
	assert_int_equal(body_of("text/plain", "v=0", buf, sizeof(buf), &s), ERR_UNSUPP);
	assert_int_equal(body_of("application/sdp", "", buf, sizeof(buf), &s), ERR_NOTFOUND);
	assert_int_equal(
	    body_of("multipart/mixed; boundary=x", need, buf, sizeof(buf), &s), ERR_UNSUPP);
}

static void csv(void **state)
{
	struct csv c;
	char scratch[64], out[128];
	struct slice f[4];
	size_t n;
	(void)state;
	static const char text[] = "\xEF\xBB\xBF"
	                           "a,b,c\r\n\r\n\"x \"\"y\"\"\",\"1\r\n2\",\r\nlast,,z";

	csv_init(&c, slice_str(text), scratch, sizeof(scratch));
	assert_int_equal(csv_next(&c, f, 4, &n), 1);
	assert_int_equal(n, 3);
	assert_true(slice_eq(f[0], SLICE_LIT("a")));
	assert_int_equal(csv_next(&c, f, 4, &n), 1);
	assert_int_equal(c.line, 3);
	assert_int_equal(n, 3);
	assert_true(slice_eq(f[0], SLICE_LIT("x \"y\"")));
	assert_true(slice_eq(f[1], SLICE_LIT("1\r\n2")));
	assert_int_equal(f[2].n, 0);
	assert_int_equal(csv_next(&c, f, 4, &n), 1);
	assert_int_equal(c.line, 5);
	assert_int_equal(n, 3);
	assert_true(slice_eq(f[2], SLICE_LIT("z")));
	assert_int_equal(csv_next(&c, f, 4, &n), 0);

	csv_init(&c, SLICE_LIT("a;b\n\"x"), scratch, sizeof(scratch));
	assert_int_equal(csv_next(&c, f, 4, &n), 1);
	assert_int_equal(n, 2);
	assert_int_equal(csv_next(&c, f, 4, &n), ERR_SYNTAX);
	csv_init(&c, SLICE_LIT("\"x\"y,\n"), scratch, sizeof(scratch));
	assert_int_equal(csv_next(&c, f, 4, &n), ERR_SYNTAX);
	csv_init(&c, SLICE_LIT("1,2,3,4,5\n"), scratch, sizeof(scratch));
	assert_int_equal(csv_next(&c, f, 4, &n), ERR_LIMIT);

	struct wr w = wr_of(out, sizeof(out));
	csv_wr(&w, true, SLICE_LIT("plain"));
	csv_wr(&w, false, SLICE_LIT("a\"b,c"));
	assert_true(slice_eq(wr_slice(&w), SLICE_LIT("plain,\"a\"\"b,c\"")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_lync),
		cmocka_unit_test(parse_odd),
		cmocka_unit_test(same_but_version),
		cmocka_unit_test(sdes_lines),
		cmocka_unit_test(multipart),
		cmocka_unit_test(csv),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
