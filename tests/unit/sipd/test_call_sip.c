/* Calls between handsets and SIP: the room with dectd, mediad and certd played by the test, which is also the SIP peer
 * on a UDP socket and compares what is on the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rig.h"
#include "rig_sip.h"
#include "sipd/mwi.h"
#include "sipd/reg.h"

static void incoming(void **state)
{
	struct rig *r = rig_sip_start(rig_local_conf);
	char to[256];
	(void)state;

	sip_invite(r, "999", "none", "", sip_sdp(1, 7000, ""));
	sip_await(r, "SIP/2.0 404");
	sip_invite(r, "200", "codec", "",
	    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
	    "m=audio 7000 RTP/AVP 18\r\n");
	sip_await(r, "SIP/2.0 488");

	sip_invite(r, "200", "one", "", sip_sdp(1, 7000, ""));
	struct rig_event *o = rig_await(r, 0, CALL__TYPE__CALL_OFFER, 0);
	assert_string_equal(o->number, "300");
	assert_string_equal(o->name, "Peer P");
	uint64_t ref = o->call;
	rig_alerting(r, ref);
	sip_await(r, "SIP/2.0 180");
	rig_answer(r, ref);
	sip_await(r, "SIP/2.0 200");
	sip_header("To", to, sizeof(to));
	assert_int_equal(sdp_port(), rig_media_of(r, ref)->port[1]);
	assert_non_null(strstr(got, "RTP/AVP 8 0 101\r\n"));
	assert_null(strstr(got, "a=crypto"));
	sip_inside(r, "ACK", 1, "one", to, "", "");
	RIG_UNTIL(r, rig_media_of(r, ref)->remote[1] == 7000);
	assert_int_equal(rig_media_of(r, ref)->codec[1], CODEC_PCMA);
	/* the far end holds, moves, comes back */
	sip_inside(r, "INVITE", 2, "one", to, "", sip_sdp(2, 7002, "a=sendonly\r\n"));
	sip_await(r, "SIP/2.0 200");
	assert_non_null(strstr(got, "a=recvonly"));
	sip_inside(r, "ACK", 2, "one", to, "", "");
	o = rig_await(r, 0, CALL__TYPE__CALL_DISPLAY, ref);
	assert_true(o->has_held && o->held);
	RIG_UNTIL(r, rig_media_of(r, ref)->remote[1] == 7002);
	size_t mark = r->nev;
	sip_inside(r, "INVITE", 3, "one", to, "", sip_sdp(3, 7002, ""));
	sip_await(r, "SIP/2.0 200");
	sip_inside(r, "ACK", 3, "one", to, "", "");
	assert_false(rig_await(r, mark, CALL__TYPE__CALL_DISPLAY, ref)->held);
	/* INFO digits */
	sip_inside(r, "INFO", 4, "one", to, "Content-Type: application/dtmf-relay\r\n",
	    "Signal=7\r\nDuration=100\r\n");
	sip_await(r, "SIP/2.0 200");
	RIG_UNTIL(r, strcmp(rig_media_of(r, ref)->dtmf[2], "7") == 0);
	rig_digits(r, ref, "9");
	RIG_UNTIL(r, strcmp(rig_media_of(r, ref)->dtmf[1], "9") == 0);
	rig_hangup(r, ref, CAUSE_NORMAL);
	sip_await(r, "BYE ");
	sip_reply(r, "200 OK", "", "", "");
	RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 0);
	RIG_UNTIL(r, r->m[0].dropped);
	rig_free(r);
}

static void cancelled(void **state)
{
	struct rig *r = rig_sip_start(rig_local_conf);
	(void)state;

	for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
		const char *id = elsewhere ? "ce" : "mi";
		size_t mark = r->nev;
		sip_invite(r, "200", id, "", sip_sdp(1, 7000, ""));
		uint64_t ref = rig_await(r, mark, CALL__TYPE__CALL_OFFER, 0)->call;
		rig_alerting(r, ref);
		sip_await(r, "SIP/2.0 180");
		sip_send(r,
		    "CANCEL sip:200@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
		    "127.0.0.1:%u;branch=z9hG4bK%si;rport\r\n"
		    "Max-Forwards: 70\r\nFrom: \"Peer P\" <sip:300@example.test>;tag=f%s\r\nTo: "
		    "<sip:200@example.test>\r\n"
		    "Call-ID: %s\r\nCSeq: 1 CANCEL\r\n%sContent-Length: 0\r\n\r\n",
		    r->port, r->peer, id, id, id,
		    elsewhere ? "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n" : "");
		sip_await(r, "SIP/2.0 487");
		assert_int_equal(rig_await(r, mark, CALL__TYPE__CALL_RELEASE, ref)->cause,
		    elsewhere ? CAUSE_ELSEWHERE : CAUSE_CANCELLED);
		RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 0);
		assert_int_equal(cdr_missed(sipd_of(&r->d)->cdr, SLICE_LIT("200")), 1);
	}
	/* busy on the air */
	r->offer_cause = CAUSE_BUSY;
	sip_invite(r, "201", "bu", "", sip_sdp(1, 7000, ""));
	sip_await(r, "SIP/2.0 486");
	rig_free(r);
}

static void outgoing(void **state)
{
	struct rig *r = rig_sip_start(rig_proxy_conf);
	char to[256], from[256];
	(void)state;

	rig_registered(r);
	assert_int_equal(rig_setup(r, 61, "200", "0305555"), 0);
	sip_await(r, "INVITE sip:0305555@example.test SIP/2.0");
	sip_header("From", from, sizeof(from));
	assert_int_equal(strncmp(from, "\"User 200\" <sip:200@example.test>", 33), 0);
	assert_int_equal(sdp_port(), rig_media_of(r, 61)->port[1]);
	assert_non_null(strstr(got, "RTP/AVP"));
	assert_non_null(strstr(got, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"));
	/* challenged once */
	sip_reply(r, "407 Proxy Authentication Required", "x",
	    "Proxy-Authenticate: Digest realm=\"p\", nonce=\"n3\"\r\n", "");
	sip_await(r, "ACK ");
	sip_await(r, "INVITE ");
	assert_non_null(strstr(got, "Proxy-Authorization: Digest username=\"200\""));
	/* the nonce is too old already; then the next hop asks, too */
	sip_reply(r, "407 Proxy Authentication Required", "x",
	    "Proxy-Authenticate: Digest realm=\"p\", nonce=\"n4\", stale=true\r\n", "");
	sip_await(r, "INVITE ");
	assert_non_null(strstr(got, "nonce=\"n4\""));
	assert_null(strstr(got, "nonce=\"n3\""));
	sip_reply(r, "401 Unauthorized", "x",
	    "WWW-Authenticate: Digest realm=\"q\", nonce=\"m1\"\r\n", "");
	sip_await(r, "INVITE ");
	assert_non_null(strstr(got, "nonce=\"n4\""));
	assert_non_null(strstr(got, "\r\nAuthorization: Digest username=\"200\", realm=\"q\""));
	sip_reply(r, "180 Ringing", "t1", "", "");
	size_t mark = 0;
	RIG_UNTIL(r, rig_media_of(r, 61)->tone[2] == MEDIA__TONE_KIND__TONE_RINGBACK);
	sip_reply(r, "183 Progress", "t1", "", sip_sdp(1, 8000, ""));
	RIG_UNTIL(r, rig_media_of(r, 61)->remote[1] == 8000);
	assert_int_equal(rig_media_of(r, 61)->tone[2], MEDIA__TONE_KIND__TONE_OFF);
	/* another fork answers */
	sip_reply(r, "200 OK", "t2",
	    "P-Asserted-Identity: \"Real Name\" <sip:555@example.test>\r\n", sip_sdp(1, 8010, ""));
	sip_header("To", to, sizeof(to));
	struct rig_event *e = rig_await(r, mark, CALL__TYPE__CALL_CONNECTED, 61);
	assert_string_equal(e->number, "555");
	assert_string_equal(e->name, "Real Name");
	sip_await(r, "ACK ");
	RIG_UNTIL(r, rig_media_of(r, 61)->remote[1] == 8010);
	/* hold and retrieve */
	assert_int_equal(rig_hold(r, 61, true), 0);
	sip_await(r, "INVITE ");
	assert_non_null(strstr(got, "a=sendonly"));
	sip_reply(r, "200 OK", "", "", sip_sdp(2, 8010, "a=recvonly\r\n"));
	sip_await(r, "ACK ");
	RIG_UNTIL(r, rig_media_of(r, 61)->music[1] == 1 &&
	                 rig_media_of(r, 61)->dir[1] == MEDIA__DIRECTION__SENDONLY);
	assert_int_equal(rig_hold(r, 61, false), 0);
	sip_await(r, "INVITE ");
	assert_non_null(strstr(got, "a=sendrecv"));
	sip_reply(r, "200 OK", "", "", sip_sdp(3, 8010, ""));
	sip_await(r, "ACK ");
	RIG_UNTIL(r, rig_media_of(r, 61)->music[1] == 0 &&
	                 rig_media_of(r, 61)->dir[1] == MEDIA__DIRECTION__SENDRECV);
	/* mediad dies: re-INVITE with the new port */
	int pair[2];
	uint16_t before = rig_media_of(r, 61)->port[1];
	ipc_peer_drop(r->media_peer, "test");
	rig_spin(r, 10);
	rig_media_of(r, 61)->dropped = true;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	(void)ipc_join(r->d.ipc, pair[0], IPC_MEDIAD);
	r->media_peer = ipc_join(r->mediad, pair[1], IPC_SIPD);
	sip_await(r, "INVITE ");
	assert_int_not_equal(sdp_port(), before);
	assert_int_equal(sdp_port(), rig_media_of(r, 61)->port[1]);
	sip_reply(r, "200 OK", "", "", sip_sdp(4, 8010, ""));
	sip_await(r, "ACK ");
	/* the far end hangs up */
	char id[128];
	sip_header("Call-ID", id, sizeof(id));
	sip_header("From", from, sizeof(from));
	sip_send(r,
	    "BYE sip:200@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bKbye;rport\r\n"
	    "Max-Forwards: 70\r\nFrom: <sip:0305555@example.test>;tag=t2\r\nTo: %s\r\nCall-ID: "
	    "%s\r\nCSeq: 9 BYE\r\n"
	    "Content-Length: 0\r\n\r\n",
	    r->port, r->peer, from, id);
	sip_await(r, "SIP/2.0 200");
	rig_await(r, mark, CALL__TYPE__CALL_RELEASE, 61);
	RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 0);

	/* refused, and given up */
	assert_int_equal(rig_setup(r, 62, "200", "0306"), 0);
	sip_await(r, "INVITE ");
	sip_reply(r, "486 Busy Here", "b", "", "");
	sip_await(r, "ACK ");
	e = rig_await(r, mark, CALL__TYPE__CALL_RELEASE, 62);
	assert_int_equal(e->cause, CAUSE_BUSY);
	assert_true(e->tone);
	RIG_UNTIL(r, r->m[r->nm - 1].tone[2] == MEDIA__TONE_KIND__TONE_BUSY);
	assert_int_equal(rig_setup(r, 63, "200", "0307"), 0);
	sip_await(r, "INVITE ");
	sip_reply(r, "180 Ringing", "c", "", "");
	rig_spin(r, 20);
	rig_hangup(r, 63, CAUSE_NORMAL);
	sip_await(r, "CANCEL ");
	rig_free(r);
}

static uint32_t cseq_now(void)
{
	char text[64];

	return (uint32_t)strtoul(sip_header("CSeq", text, sizeof(text)), NULL, 10);
}

/* A proxy that asks for credentials in everything: BYE is said again with them, also when the call is long gone here. */
static void challenged_bye(void **state)
{
	struct rig *r = rig_sip_start(rig_proxy_conf);
	char id[128], first[128];
	(void)state;

	rig_registered(r);
	assert_int_equal(rig_setup(r, 61, "200", "0305555"), 0);
	sip_await(r, "INVITE ");
	sip_reply(r, "200 OK", "t1", "", sip_sdp(1, 8000, ""));
	sip_await(r, "ACK ");
	rig_await(r, 0, CALL__TYPE__CALL_CONNECTED, 61);
	rig_hangup(r, 61, CAUSE_NORMAL);
	sip_await(r, "BYE ");
	sip_header("Call-ID", first, sizeof(first));
	uint32_t cseq = cseq_now();
	assert_null(strstr(got, "Authorization"));
	RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 0);
	sip_reply(r, "407 Proxy Authentication Required", "t1",
	    "Proxy-Authenticate: Digest realm=\"p\", nonce=\"n5\"\r\n", "");
	do
		sip_await(r, "BYE ");
	while (cseq_now() == cseq); /* a repeat that was on its way */
	assert_int_equal(cseq_now(), cseq + 1);
	assert_string_equal(sip_header("Call-ID", id, sizeof(id)), first);
	assert_non_null(strstr(got, "\r\nProxy-Authorization: Digest username=\"200\""));
	assert_non_null(strstr(got, "nonce=\"n5\""));
	assert_non_null(strstr(got, "uri=\"sip:peer@127.0.0.1:"));
	assert_non_null(strstr(got, ";tag=t1\r\n"));
	assert_string_equal(strstr(got, "\r\n\r\n"), "\r\n\r\n"); /* no header behind the end */
	/* The nonce was too old: another one takes its place. */
	cseq = cseq_now();
	sip_reply(r, "407 Proxy Authentication Required", "t1",
	    "Proxy-Authenticate: Digest realm=\"p\", nonce=\"n6\", stale=TRUE\r\n", "");
	do
		sip_await(r, "BYE ");
	while (cseq_now() == cseq);
	assert_null(strstr(got, "nonce=\"n5\""));
	assert_non_null(strstr(got, "nonce=\"n6\""));
	/* The next hop asks, too: both get theirs. */
	cseq = cseq_now();
	sip_reply(r, "401 Unauthorized", "t1",
	    "WWW-Authenticate: Digest realm=\"q\", nonce=\"m1\"\r\n", "");
	do
		sip_await(r, "BYE ");
	while (cseq_now() == cseq);
	assert_non_null(
	    strstr(got, "\r\nProxy-Authorization: Digest username=\"200\", realm=\"p\""));
	assert_non_null(strstr(got, "\r\nAuthorization: Digest username=\"200\", realm=\"q\""));
	assert_string_equal(strstr(got, "\r\n\r\n"), "\r\n\r\n");
	unsigned digests = r->digests;
	/* Refused for good: that is the end. */
	sip_reply(r, "407 Proxy Authentication Required", "t1",
	    "Proxy-Authenticate: Digest realm=\"p\", nonce=\"n7\"\r\n", "");
	rig_spin(r, 50);
	assert_int_equal(r->digests, digests);
	rig_free(r);
}

/* A change that is challenged for ever is given up, the call goes on. */
static void challenged_change(void **state)
{
	struct rig *r = rig_sip_start(rig_proxy_conf);
	(void)state;

	rig_registered(r);
	assert_int_equal(rig_setup(r, 61, "200", "0305555"), 0);
	sip_await(r, "INVITE ");
	sip_reply(r, "200 OK", "t1", "", sip_sdp(1, 8000, ""));
	sip_await(r, "ACK ");
	rig_await(r, 0, CALL__TYPE__CALL_CONNECTED, 61);
	unsigned digests = r->digests;
	assert_int_equal(rig_hold(r, 61, true), 0);
	for (int i = 0; i < 2; i++) {
		sip_await(r, "INVITE ");
		sip_reply(r, "407 Proxy Authentication Required", "",
		    "Proxy-Authenticate: Digest realm=\"p\", nonce=\"e\"\r\n", "");
		sip_await(r, "ACK ");
	}
	rig_spin(r, 50);
	assert_int_equal(r->digests, digests + 1);
	assert_int_equal(sipd_of(&r->d)->ncalls, 1);
	rig_free(r);
}

/* A call from SIP is forwarded to SIP: two sessions of ours, media through mediad. */
/* The far end transfers the handset to another of our users. */
static void referred(void **state)
{
	struct rig *r = rig_sip_start(rig_local_conf);
	char to[256];
	(void)state;

	sip_invite(r, "200", "rf", "", sip_sdp(1, 7000, ""));
	uint64_t ref = rig_await(r, 0, CALL__TYPE__CALL_OFFER, 0)->call;
	rig_answer(r, ref);
	sip_await(r, "SIP/2.0 200");
	sip_header("To", to, sizeof(to));
	sip_inside(r, "ACK", 1, "rf", to, "", "");
	rig_spin(r, 20);
	size_t mark = r->nev;
	sip_inside(r, "REFER", 2, "rf", to, "Refer-To: <sip:201@example.test>\r\n", "");
	sip_await(r, "SIP/2.0 202");
	sip_await(r, "NOTIFY ");
	assert_non_null(strstr(got, "SIP/2.0 100"));
	sip_reply(r, "200 OK", "", "", "");
	uint64_t other = rig_await(r, mark, CALL__TYPE__CALL_OFFER, 0)->call;
	rig_answer(r, other);
	sip_await(r, "NOTIFY ");
	assert_non_null(strstr(got, "SIP/2.0 200"));
	sip_reply(r, "200 OK", "", "", "");
	RIG_UNTIL(r, rig_media_of(r, ref) && rig_media_of(r, other) &&
	                 rig_media_of(r, ref)->remote[1] == rig_media_of(r, other)->port[1]);
	assert_null(rig_find(r, mark, CALL__TYPE__CALL_RELEASE, ref));
	rig_hangup(r, ref, CAUSE_NORMAL);
	rig_await(r, mark, CALL__TYPE__CALL_RELEASE, other);
	RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 0);
	rig_free(r);
}

/* A 3xx: the best target first, the next one when that refuses. */
static void sent_on(void **state)
{
	struct rig *r = rig_sip_start(rig_proxy_conf);
	(void)state;

	rig_registered(r);
	assert_int_equal(rig_setup(r, 61, "200", "0305555"), 0);
	sip_await(r, "INVITE sip:0305555@");
	sip_reply(r, "302 Moved", "a",
	    "Contact: <sip:low@x.test>;q=0.2, \"High, er\" <sip:high@x.test>;q=0.9\r\n"
	    "Contact: <mailto:bob@x.test>\r\n",
	    "");
	sip_await(r, "INVITE sip:high@x.test");
	sip_reply(r, "486 Busy", "b", "", "");
	sip_await(r, "INVITE sip:low@x.test");
	sip_reply(r, "302 Moved", "c", "Contact: <sip:third@x.test>\r\n", "");
	sip_await(r, "INVITE sip:third@x.test");
	sip_reply(r, "200 OK", "d", "", sip_sdp(1, 8000, ""));
	rig_await(r, 0, CALL__TYPE__CALL_CONNECTED, 61);
	rig_free(r);
}

/* The far end lists REFER and refuses it: the transfer is made by a call of ours. */
static void refer_refused(void **state)
{
	struct rig *r = rig_sip_start(rig_proxy_conf);
	(void)state;

	rig_registered(r);
	assert_int_equal(rig_setup(r, 61, "200", "0305555"), 0);
	sip_await(r, "INVITE ");
	sip_reply(
	    r, "200 OK", "t1", "Allow: INVITE, ACK, BYE, REFER, NOTIFY\r\n", sip_sdp(1, 8000, ""));
	sip_await(r, "ACK ");
	char us[256], id[128];
	sip_header("From", us, sizeof(us));
	sip_header("Call-ID", id, sizeof(id));
	rig_await(r, 0, CALL__TYPE__CALL_CONNECTED, 61);
	assert_int_equal(rig_transfer(r, 61, 0, "0306666"), 0);
	sip_await(r, "REFER ");
	sip_reply(r, "603 Decline", "", "", "");
	/* A digit comes before the new call's INVITE is made. */
	sip_send(r,
	    "INFO sip:200@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bKrr\r\n"
	    "Max-Forwards: 70\r\nFrom: <sip:0305555@example.test>;tag=t1\r\nTo: %s\r\nCall-ID: "
	    "%s\r\n"
	    "CSeq: 1 INFO\r\nContent-Type: application/dtmf-relay\r\nContent-Length: 10\r\n\r\n"
	    "Signal=7\r\n",
	    r->port, r->peer, us, id);
	sip_await(r, "INVITE sip:0306666@example.test");
	assert_non_null(strstr(got, "\r\nFrom: \"User 200\""));
	sip_reply(r, "200 OK", "t2", "", sip_sdp(1, 8010, ""));
	sip_await(r, "ACK ");
	rig_free(r);
}

/* The caller's speech comes over IPv6: the handset's session is made for that. */
static void over_ipv6(void **state)
{
	struct rig *r = rig_sip_start(rig_local_conf);
	(void)state;

	for (int six = 0; six < 2; six++) {
		char sdp[300];
		snprintf(sdp, sizeof(sdp),
		    "v=0\r\no=p 1 1 IN IP6 ::1\r\ns=-\r\nc=IN %s\r\nt=0 0\r\n"
		    "m=audio 7000 RTP/AVP 8\r\n",
		    six ? "IP6 ::1" : "IP4 127.0.0.1");
		size_t mark = r->nev;
		sip_invite(r, "200", six ? "v6" : "v4", "", sdp);
		uint64_t ref = rig_await(r, mark, CALL__TYPE__CALL_OFFER, 0)->call;
		RIG_UNTIL(r, rig_media_of(r, ref));
		assert_int_equal(rig_media_of(r, ref)->ipv6[1], six);
		assert_false(rig_media_of(r, ref)->ipv6[2]);
		r->offer_cause = 0;
		rig_hangup(r, ref, CAUSE_BUSY);
		RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 0);
	}
	rig_free(r);
}

/* Nothing that we could speak: both dialects are told why. */
static void nothing_in_common(void **state)
{
	struct rig *r = rig_sip_start(rig_local_conf);
	(void)state;

	sip_invite(r, "200", "nc", "",
	    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=session\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
	    "m=message 5060 sip null\r\n");
	sip_await(r, "SIP/2.0 488");
	assert_non_null(strstr(got, "\r\nWarning: 305 "));
	assert_non_null(strstr(got, "\r\nms-client-diagnostics: 52063;"));
	rig_free(r);
}

/* RFC 4488: who wants no NOTIFY is told that none comes. */
static void referred_quietly(void **state)
{
	struct rig *r = rig_sip_start(rig_local_conf);
	char to[256];
	(void)state;

	sip_invite(r, "200", "rq", "", sip_sdp(1, 7000, ""));
	uint64_t ref = rig_await(r, 0, CALL__TYPE__CALL_OFFER, 0)->call;
	rig_answer(r, ref);
	sip_await(r, "SIP/2.0 200");
	sip_header("To", to, sizeof(to));
	sip_inside(r, "ACK", 1, "rq", to, "", "");
	rig_spin(r, 20);
	size_t mark = r->nev;
	sip_inside(r, "REFER", 2, "rq", to,
	    "Refer-To: <sip:201@example.test>\r\nRefer-Sub: false\r\n", "");
	sip_await(r, "SIP/2.0 202");
	assert_non_null(strstr(got, "\r\nRefer-Sub: false\r\n"));
	uint64_t other = rig_await(r, mark, CALL__TYPE__CALL_OFFER, 0)->call;
	rig_answer(r, other);
	sip_await(r, "BYE "); /* nobody waits for a NOTIFY */
	sip_reply(r, "200 OK", "", "", "");
	rig_hangup(r, ref, CAUSE_NORMAL);
	rig_await(r, mark, CALL__TYPE__CALL_RELEASE, other);
	RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 0);
	rig_free(r);
}

/* A handset hands its SIP caller over to another: the caller is told whom it talks to. */
static void displayed(void **state)
{
	char to[256];
	(void)state;

	for (int update = 0; update < 2; update++) {
		struct rig *r = rig_sip_start(rig_local_conf);
		sip_invite(r, "200", "dp", update ? "Allow: UPDATE\r\n" : "", sip_sdp(1, 7000, ""));
		uint64_t ref = rig_await(r, 0, CALL__TYPE__CALL_OFFER, 0)->call, other = 901;
		rig_answer(r, ref);
		sip_await(r, "SIP/2.0 200");
		assert_non_null(
		    strstr(got, "P-Asserted-Identity: \"User 200\" <sip:200@example.test>"));
		sip_header("To", to, sizeof(to));
		sip_inside(r, "ACK", 1, "dp", to, "", "");
		rig_spin(r, 20);
		assert_int_equal(rig_hold(r, ref, true), 0);
		sip_await(r, "INVITE ");
		sip_reply(r, "200 OK", "", "", sip_sdp(2, 7000, "a=recvonly\r\n"));
		sip_await(r, "ACK ");
		(void)rig_connect(r, other, "200", "201");
		assert_int_equal(rig_transfer(r, ref, other, NULL), 0);
		bool said = false;
		for (int i = 0; i < 3 && !said; i++) { /* retrieved, and told who: in any order */
			bool found = false;
			RIG_UNTIL(r,
			    found || (found = sip_next(r) && (strncmp(got, "INVITE ", 7) == 0 ||
			                                         strncmp(got, "UPDATE ", 7) == 0)));
			said =
			    strstr(got,
			        "P-Asserted-Identity: \"User 201\" <sip:201@example.test>") != NULL;
			bool is_update = strncmp(got, "UPDATE ", 7) == 0;
			if (said)
				assert_int_equal(is_update, update);
			sip_reply(r, "200 OK", "", "",
			    is_update ? "" : sip_sdp(3 + (unsigned)i, 7000, ""));
			if (!is_update)
				sip_await(r, "ACK ");
		}
		assert_true(said);
		rig_spin(r, 20);
		rig_free(r);
	}
}

static void message_summary(void **state)
{
	uint32_t fresh, old;
	(void)state;

	assert_int_equal(
	    mwi_parse(
	        SLICE_LIT("Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n"), &fresh, &old),
	    0);
	assert_int_equal(fresh, 2);
	assert_int_equal(old, 8);
	assert_int_equal(mwi_parse(SLICE_LIT("Messages-Waiting: yes\n"), &fresh, &old), 0);
	assert_int_equal(fresh, 1);
	assert_int_equal(
	    mwi_parse(SLICE_LIT("messages-waiting: no\r\nvoice-message: 0/0"), &fresh, &old), 0);
	assert_int_equal(fresh, 0);
	assert_int_equal(mwi_parse(SLICE_LIT("Voice-Message: x"), &fresh, &old), ERR_SYNTAX);
	assert_int_equal(mwi_parse(SLICE_LIT("hello"), &fresh, &old), ERR_SYNTAX);
}

/* Answers what came at an IPv6 socket with 200; true: it begins so. */
static bool six_answered(int fd, const char *start)
{
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	char via[512], us[256], to[256], id[128], cseq[64], out[2048];
	ssize_t k =
	    recvfrom(fd, got, sizeof(got) - 1, MSG_DONTWAIT, (struct sockaddr *)&from, &len);

	if (k <= 0)
		return false;
	got[k] = '\0';
	sip_header("Via", via, sizeof(via));
	sip_header("From", us, sizeof(us));
	sip_header("To", to, sizeof(to));
	sip_header("Call-ID", id, sizeof(id));
	sip_header("CSeq", cseq, sizeof(cseq));
	int n = snprintf(out, sizeof(out),
	    "SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=six\r\nCall-ID: %s\r\nCSeq: "
	    "%s\r\nContact: <sip:p@[::1]:%u>\r\nExpires: 1800\r\nContent-Length: 0\r\n\r\n",
	    via, us, to, id, cseq, ntohs(from.sin6_port));
	assert_int_equal(sendto(fd, out, (size_t)n, 0, (struct sockaddr *)&from, sizeof(from)), n);
	return strncmp(got, start, strlen(start)) == 0;
}

/* The proxy is reached by IPv6: what a handset calls is offered an IPv6 address. */
static void by_ipv6(void **state)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char conf[600];
	bool found = false;
	unsigned want, up, failed;
	(void)state;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		skip();
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	snprintf(conf, sizeof(conf),
	    "[sipd]\nlisten-address = 127.0.0.1 ::1\nlocal-port = 0\ntransports = udp\n"
	    "default-domain = example.test\nmessage-waiting = no\nsession-expires = 0\n"
	    "reliable-provisional = no\nregister-when = always\nkeep-alive = 0\n"
	    "proxy-1 = sip:[::1]:%u\n",
	    ntohs(a.sin6_port));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	struct rig *r = rig_sip_start(conf);
#pragma GCC diagnostic pop
	RIG_UNTIL(r, (six_answered(fd, "REGISTER "),
	                 regs_count(sipd_of(&r->d), &want, &up, &failed), up == 2));
	assert_int_equal(rig_setup(r, 71, "200", "0305555"), 0);
	RIG_UNTIL(r, found || (found = six_answered(fd, "INVITE sip:0305555@")));
	RIG_UNTIL(r, rig_media_of(r, 71));
	assert_true(rig_media_of(r, 71)->ipv6[1]);
	assert_false(rig_media_of(r, 71)->ipv6[2]);
	rig_free(r);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_summary),
		cmocka_unit_test(incoming),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(outgoing),
		cmocka_unit_test(challenged_bye),
		cmocka_unit_test(challenged_change),
		cmocka_unit_test(referred),
		cmocka_unit_test(referred_quietly),
		cmocka_unit_test(nothing_in_common),
		cmocka_unit_test(over_ipv6),
		cmocka_unit_test(by_ipv6),
		cmocka_unit_test(refer_refused),
		cmocka_unit_test(sent_on),
		cmocka_unit_test(displayed),
	};
	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
