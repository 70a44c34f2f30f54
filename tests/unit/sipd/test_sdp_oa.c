/* Offer and answer: codecs, encryption policy (the table of MS-SDPEXT), keys, hold, versions, refused streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/mem.h"
#include "sipd/sdp_oa.h"

#define KEY30 "inline:WnD7c1ksDGs+dIefCEo8omPg4uO8DYIinNGL5yxQ"

static struct oa_conf base(void)
{
	return (struct oa_conf){ .codec = { CODEC_PCMA, CODEC_PCMU, CODEC_G726_32 },
		.ncodec = 3,
		.srtp = OA_SRTP_OPTIONAL,
		.suite = { SDES_CM_80, SDES_CM_32, SDES_GCM_128 },
		.nsuite = 3,
		.lifetime = true,
		.mki = true,
		.ignore_version = true,
		.ptime = 20 };
}

static void local(struct oa *o, const struct oa_conf *c, uint8_t last)
{
	oa_init(o, c);
	o->rtp = (struct sdp_addr){ .ip = { 192, 0, 2, last }, .n = 4, .port = 40000 };
	o->rtcp = o->rtp;
	o->rtcp.port = 40001;
}

static const char *offer_of(const char *proto, const char *attrs, char *buf, size_t cap)
{
	(void)snprintf(buf, cap,
	    "v=0\r\no=x 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n"
	    "m=audio 5000 %s 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n%s",
	    proto, attrs);
	return buf;
}

static void both_ends(void **state)
{
	struct oa_conf c = base();
	struct oa a, b;
	char offer[4096], answer[4096];
	bool same;
	(void)state;

	for (int suite = 0; suite < 3; suite++) {
		struct oa_conf one = base();
		one.suite[0] = (uint8_t)(suite + 1);
		one.nsuite = 1;
		local(&a, &c, 1);
		local(&b, &one, 2);
		struct wr w = wr_of(offer, sizeof(offer)), v = wr_of(answer, sizeof(answer));
		assert_int_equal(oa_offer(&a, &w), 0);
		assert_int_equal(oa_offer(&a, &w), ERR_STATE);
		assert_int_equal(oa_asked(&b, wr_slice(&w), &same), 0);
		assert_int_equal(oa_answer(&b, &v), 0);
		assert_int_equal(oa_answered(&a, wr_slice(&v)), 0);
		assert_int_equal(a.result.tx.suite, suite + 1);
		assert_memory_equal(
		    a.result.tx.key, b.result.rx.key, sdes_key_len(b.result.rx.suite));
		assert_memory_equal(
		    b.result.tx.key, a.result.rx.key, sdes_key_len(b.result.tx.suite));
		assert_int_equal(a.result.tx.mki_len, 1); /* the highest line of the offer had it */
		assert_int_equal(a.result.rx.mki_len, 1);
		assert_int_equal(oa_codec(&a.result), CODEC_PCMA);
		assert_int_equal(oa_event_pt(&a.result), 101);
		assert_int_equal(a.result.rtp.port, 40000);
		assert_int_equal(a.result.rtcp.port, 40001);
		/* hold: the same key, sendonly; the far end answers recvonly */
		struct sdes before = a.tx;
		a.want = SDP_SENDONLY;
		w = wr_of(offer, sizeof(offer));
		v = wr_of(answer, sizeof(answer));
		assert_int_equal(oa_offer(&a, &w), 0);
		assert_non_null(memmem(offer, w.n, "RTP/SAVP", 8));
		assert_int_equal(oa_asked(&b, wr_slice(&w), &same), 0);
		assert_false(same);
		assert_true(b.next.held);
		assert_int_equal(b.next.dir, SDP_RECVONLY);
		assert_int_equal(oa_answer(&b, &v), 0);
		assert_int_equal(oa_answered(&a, wr_slice(&v)), 0);
		assert_int_equal(a.result.dir, SDP_SENDONLY);
		assert_memory_equal(before.key, a.tx.key, before.nkey);
		oa_fini(&a);
		oa_fini(&b);
	}
}

/* Table of MS-SDPEXT: what of an offer we take under each policy. */
static void policy(void **state)
{
	static const struct {
		const char *proto, *attrs;
		int want[3]; /* off, optional, required */
		bool secure[3];
	} rows[] = {
		{ "RTP/SAVP", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 " KEY30 "\r\n",
		    { ERR_DENIED, 0, 0 }, { false, true, true } },
		{ "RTP/AVP", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 " KEY30 "\r\n", { 0, 0, 0 },
		    { false, true, true } },
		{ "RTP/AVP", "", { 0, 0, ERR_DENIED }, { false, false, false } },
		{ "RTP/SAVP", "a=crypto:1 F8_128_HMAC_SHA1_80 " KEY30 "\r\n",
		    { ERR_DENIED, ERR_DENIED, ERR_DENIED }, { false } },
		{ "RTP/AVP",
		    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 " KEY30 "\r\na=encryption:rejected\r\n",
		    { 0, 0, ERR_DENIED }, { false, false, false } },
		{ "UDP/TLS/RTP/SAVP", "", { ERR_UNSUPP, ERR_UNSUPP, ERR_UNSUPP }, { false } },
	};
	char buf[1024], out[4096];
	(void)state;

	for (size_t r = 0; r < ARRAY_LEN(rows); r++)
		for (int p = 0; p < 3; p++)
			for (int ms = 0; ms < 2; ms++) {
				struct oa_conf c = base();
				struct oa o;
				bool same;
				c.srtp = (enum oa_srtp)p;
				c.ms = ms;
				local(&o, &c, 1);
				int err = oa_asked(&o,
				    slice_str(
				        offer_of(rows[r].proto, rows[r].attrs, buf, sizeof(buf))),
				    &same);
				assert_int_equal(err, rows[r].want[p]);
				if (!err) {
					struct wr w = wr_of(out, sizeof(out));
					assert_int_equal(oa_answer(&o, &w), 0);
					assert_true(wr_nul(&w));
					assert_int_equal(
					    o.result.rx.suite != SDES_NONE, rows[r].secure[p]);
					/* LYNC: a plain profile with keys is answered with SAVP; else as offered */
					bool savp = strstr(out, "RTP/SAVP") != NULL;
					assert_int_equal(
					    savp, strcmp(rows[r].proto, "RTP/SAVP") == 0 ||
					              (ms && rows[r].secure[p]));
					assert_int_equal(
					    strstr(out, "a=crypto:1 ") != NULL, rows[r].secure[p]);
				}
				oa_fini(&o);
			}
}

/* RTCP on RTP's port (RFC 5761) where the leg's ICE wants it, and only when the offer says so; RTCP at another address. */
static void rtcp_places(void **state)
{
	struct oa_conf c = base();
	struct oa o;
	char buf[4096], in[1024];
	bool same;
	(void)state;

	for (int offered = 0; offered < 2; offered++) {
		local(&o, &c, 1);
		o.mux = true;
		o.session_extra = SLICE_LIT("a=ice-options:ice2\r\n");
		struct wr w = wr_of(buf, sizeof(buf));
		(void)offer_of("RTP/AVP", offered ? "a=rtcp-mux\r\n" : "", in, sizeof(in));
		assert_int_equal(oa_asked(&o, slice_str(in), &same), 0);
		assert_int_equal(oa_answer(&o, &w), 0);
		assert_true(wr_nul(&w));
		assert_int_equal(strstr(buf, "a=rtcp-mux\r\n") != NULL, offered);
		assert_int_equal(o.result.rtcp_mux, offered);
		const char *session = strstr(buf, "a=ice-options:ice2\r\n");
		assert_non_null(session);
		assert_true(session < strstr(buf, "m=audio"));
		oa_fini(&o);
	}
	local(&o, &c, 1);
	o.rtcp.ip[3] = 77;
	struct wr w = wr_of(buf, sizeof(buf));
	assert_int_equal(oa_offer(&o, &w), 0);
	assert_true(wr_nul(&w));
	assert_non_null(strstr(buf, "a=rtcp:40001 IN IP4 192.0.2.77\r\n"));
	assert_null(strstr(buf, "a=rtcp-mux"));
	oa_fini(&o);
}

static void our_offers(void **state)
{
	struct oa_conf c = base();
	struct oa o;
	char buf[4096], ans[1024];
	(void)state;

	c.srtp = OA_SRTP_REQUIRED;
	local(&o, &c, 1);
	struct wr w = wr_of(buf, sizeof(buf));
	assert_int_equal(oa_offer(&o, &w), 0);
	assert_true(wr_nul(&w));
	assert_non_null(strstr(buf, "m=audio 40000 RTP/SAVP 8 0 102 101\r\n"));
	assert_non_null(strstr(buf, "|2^31|1:1\r\n"));
	assert_non_null(strstr(buf, "a=crypto:6 AEAD_AES_128_GCM inline:"));
	assert_null(strstr(buf, "a=rtcp:"));
	assert_int_equal(
	    oa_answered(&o, slice_str(offer_of("RTP/AVP", "", ans, sizeof(ans)))), ERR_DENIED);
	assert_true(o.offered);
	oa_withdraw(&o);
	oa_fini(&o);

	c.srtp = OA_SRTP_OPTIONAL;
	c.mki = c.lifetime = false;
	c.nsuite = 1;
	local(&o, &c, 1);
	w = wr_of(buf, sizeof(buf));
	assert_int_equal(oa_offer(&o, &w), 0);
	assert_true(wr_nul(&w));
	assert_non_null(strstr(buf, "RTP/AVP"));
	assert_null(strstr(buf, "|"));
	/* refused: plain goes on, and stays plain */
	assert_int_equal(oa_answered(&o, slice_str(offer_of("RTP/AVP", "", ans, sizeof(ans)))), 0);
	assert_int_equal(o.result.tx.suite, SDES_NONE);
	/* the answer's order says what we send */
	assert_int_equal(oa_codec(&o.result), CODEC_PCMU);
	w = wr_of(buf, sizeof(buf));
	assert_int_equal(oa_offer(&o, &w), 0);
	assert_true(wr_nul(&w));
	assert_null(strstr(buf, "a=crypto"));
	assert_non_null(strstr(buf, "m=audio 40000 RTP/AVP 0 8 102 101\r\n"));
	oa_withdraw(&o);
	assert_int_equal(o.result.rtp.port, 5000);
	/* They offer now what they answered before, a session refresh: the answer has their profile. */
	bool same;
	assert_int_equal(
	    oa_asked(&o, slice_str(offer_of("RTP/AVP", "", ans, sizeof(ans))), &same), 0);
	assert_true(same);
	w = wr_of(buf, sizeof(buf));
	assert_int_equal(oa_answer(&o, &w), 0);
	assert_true(wr_nul(&w));
	assert_non_null(strstr(buf, "m=audio 40000 RTP/AVP 0"));
	oa_fini(&o);
}

static void answers(void **state)
{
	struct oa_conf c = base();
	struct oa o;
	char buf[1024], out[2048];
	bool same;
	(void)state;
	static const char video[] =
	    "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n"
	    "m=video 6000 RTP/AVP 34\r\nm=audio 5000 RTP/AVP 96 0 8 97\r\na=rtpmap:96 "
	    "opus/48000/2\r\n"
	    "a=rtpmap:97 G726-32/8000\r\na=sendonly\r\nm=audio 5002 RTP/AVP 0\r\n";

	c.preferred = true;
	local(&o, &c, 1);
	assert_int_equal(oa_asked(&o, slice_str(video), &same), 0);
	struct wr w = wr_of(out, sizeof(out));
	assert_int_equal(oa_answer(&o, &w), 0);
	assert_true(wr_nul(&w));
	assert_non_null(strstr(out, "m=video 0 RTP/AVP 34\r\nm=audio 40000 RTP/AVP 8 0 97\r\n"));
	assert_non_null(strstr(out, "a=recvonly\r\nm=audio 0 RTP/AVP 0\r\n"));
	assert_true(o.result.held);
	/* the same version with other content: taken only with the setting */
	char again[1024];
	(void)snprintf(again, sizeof(again), "%s", video);
	*strstr(again, "sendonly") = 'x';
	assert_int_equal(oa_asked(&o, slice_str(again), &same), 0);
	assert_false(same);
	assert_false(o.next.held);
	oa_withdraw(&o);
	oa_fini(&o);

	c.ignore_version = c.preferred = false;
	c.single = true;
	local(&o, &c, 1);
	assert_int_equal(
	    oa_asked(&o, slice_str(offer_of("RTP/AVP", "", buf, sizeof(buf))), &same), 0);
	w = wr_of(out, sizeof(out));
	assert_int_equal(oa_answer(&o, &w), 0);
	assert_true(wr_nul(&w));
	assert_non_null(strstr(out, "RTP/AVP 0 101\r\n"));
	assert_int_equal(
	    oa_asked(&o, slice_str(offer_of("RTP/AVP", "a=inactive\r\n", buf, sizeof(buf))), &same),
	    0);
	assert_true(same);
	oa_fini(&o);

	local(&o, &c, 1);
	assert_int_equal(
	    oa_asked(&o, SLICE_LIT("v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 9 RTP/AVP 18\r\n"), &same),
	    ERR_UNSUPP);
	assert_int_equal(oa_asked(&o, SLICE_LIT("rubbish"), &same), ERR_SYNTAX);
	struct wr none = wr_of(out, sizeof(out));
	assert_int_equal(oa_answer(&o, &none), ERR_STATE);
	oa_fini(&o);
}

/* No address: the hold of RFC 2543, but with port 9 and candidates ICE is to find one. */
static void no_address(void **state)
{
	static const char text[] =
	    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
	    "m=audio %u RTP/AVP 0\r\n%s";
	static const char cand[] = "a=candidate:1 1 UDP 2130706431 198.51.100.1 5000 typ host\r\n";
	struct oa_conf c = base();
	char sdp[512];
	bool same;

	(void)state;
	for (unsigned k = 0; k < 4; k++) {
		struct oa o;
		local(&o, &c, 1);
		(void)snprintf(sdp, sizeof(sdp), text, k & 1 ? 9u : 5000u, k & 2 ? cand : "");
		assert_int_equal(oa_asked(&o, slice_str(sdp), &same), 0);
		assert_int_equal(o.next.held, k != 3);
		assert_int_equal(o.next.dir, k == 3 ? SDP_SENDRECV : SDP_INACTIVE);
		oa_fini(&o);
	}
}

/* RFC 2198: redundancy is offered by Lync and others. It is never agreed, and never keeps speech or digits from being so. */
static void redundancy(void **state)
{
	static const char sdp[] =
	    "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n"
	    "m=audio 5000 RTP/AVP 97 8 101\r\na=rtpmap:97 RED/8000\r\na=fmtp:97 8/8\r\n"
	    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n";
	struct oa_conf c = base();
	struct oa o;
	char out[2048];
	bool same;
	struct wr w = wr_of(out, sizeof(out));

	(void)state;
	local(&o, &c, 1);
	assert_int_equal(oa_asked(&o, slice_str(sdp), &same), 0);
	assert_int_equal(oa_answer(&o, &w), 0);
	assert_true(wr_nul(&w));
	assert_non_null(strstr(out, "RTP/AVP 8 101\r\n"));
	assert_null(strstr(out, "RED"));
	assert_null(strstr(out, ":97"));
	oa_fini(&o);
	local(&o, &c, 1);
	assert_int_equal(oa_asked(&o,
	                     SLICE_LIT("v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 9 RTP/AVP 97\r\n"
	                               "a=rtpmap:97 RED/8000\r\n"),
	                     &same),
	    ERR_UNSUPP);
	oa_fini(&o);
}

/* Codecs that are not to be used now, as call admission control says: in the answer that waits, and in what follows. */
static void denied(void **state)
{
	struct oa_conf c = base();
	struct oa o;
	char offer[4096], out[4096];
	uint8_t common[OA_PAYLOADS];
	const uint32_t g711 = 1u << CODEC_PCMA | 1u << CODEC_PCMU, g726 = 1u << CODEC_G726_32;
	bool same;
	(void)state;

	for (int single = 0; single < 2; single++) {
		c.single = single;
		local(&o, &c, 1);
		assert_int_equal(oa_common(&o, common), 0);
		(void)snprintf(offer, sizeof(offer),
		    "v=0\r\no=x 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 "
		    "0\r\n"
		    "m=audio 5000 RTP/AVP 8 0 102 101\r\na=rtpmap:102 G726-32/8000\r\n"
		    "a=rtpmap:101 telephone-event/8000\r\n");
		assert_int_equal(oa_asked(&o, slice_str(offer), &same), 0);
		assert_int_equal(oa_common(&o, common), 3);
		assert_int_equal(common[0], CODEC_PCMA);
		assert_int_equal(common[2], CODEC_G726_32);
		assert_int_equal(oa_deny(&o, g711 | g726), ERR_UNSUPP);
		assert_int_equal(oa_deny(&o, g711), 0);
		assert_int_equal(oa_codec(&o.next), CODEC_G726_32);
		struct wr w = wr_of(out, sizeof(out));
		assert_int_equal(oa_answer(&o, &w), 0);
		assert_true(wr_nul(&w));
		assert_non_null(strstr(out, "m=audio 40000 RTP/AVP 102 101\r\n"));
		/* Ours, then theirs again, and back to all. */
		w = wr_of(out, sizeof(out));
		assert_int_equal(oa_offer(&o, &w), 0);
		assert_true(wr_nul(&w));
		assert_null(strstr(out, "PCM"));
		oa_withdraw(&o);
		o.remote[0] = 'x'; /* what they said before does not count as the same */
		assert_int_equal(oa_asked(&o, slice_str(offer), &same), 0);
		assert_int_equal(oa_codec(&o.next), CODEC_G726_32);
		assert_int_equal(oa_deny(&o, 0), 0);
		assert_int_equal(oa_codec(&o.next), CODEC_PCMA);
		oa_fini(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(redundancy),
		cmocka_unit_test(both_ends),
		cmocka_unit_test(policy),
		cmocka_unit_test(rtcp_places),
		cmocka_unit_test(our_offers),
		cmocka_unit_test(denied),
		cmocka_unit_test(answers),
		cmocka_unit_test(no_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
