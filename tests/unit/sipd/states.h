#ifndef TESTS_UNIT_SIPD_STATES_H
#define TESTS_UNIT_SIPD_STATES_H
/* Moments of a call, and the way there: the test is the far end and dectd. Included after rig_sip.h. */
#include "sipd/reg.h"

static const char conf[] =
    "[sipd]\nlisten-address = 127.0.0.1\nlocal-port = 0\ntransports = udp\n"
    "default-domain = example.test\nmessage-waiting = no\nsession-expires = 0\n"
    "reliable-provisional = yes\nregister-when = always\nkeep-alive = 0\n"
    "proxy-1 = sip:127.0.0.1:%u\n";

enum moment {
	/* they call */
	IN_OFFER,
	IN_RING,
	IN_RELIABLE,
	IN_ANSWERED,
	IN_UP,
	IN_OUR_CHANGE,
	IN_THEIR_CHANGE,
	IN_HELD,
	IN_REFERRED,
	IN_REFERRED_OUT,
	IN_CANCELLED,
	IN_BYE,
	IN_OVER,
	/* we call */
	OUT_CALLING,
	OUT_NO_TAG,
	OUT_RING,
	OUT_RELIABLE,
	OUT_FORKS,
	OUT_UP,
	OUT_OUR_CHANGE,
	OUT_THEIR_CHANGE,
	OUT_HELD,
	OUT_REFERS,
	OUT_REFERRED,
	OUT_CANCELLED,
	OUT_BYE,
	OUT_OVER,
	/* from one of them to another, through us: p is the caller */
	VIA_CALLING,
	VIA_RING,
	VIA_UP,
	VIA_REFERRED,
	NMOMENTS
};

/* The session as the peer sees it. */
struct peer {
	char id[128], tag[130], ours[300]; /* ours: From or To value of sipd, with its tag */
	unsigned cseq;
	char invite[8192], last[8192]; /* INVITE of sipd; its last request */
	uint64_t ref;
	bool out;
};

static struct peer p;
static unsigned nth;
static char known[16384][128]; /* Call-IDs of INVITEs that came */
static size_t nknown;

static bool is(const char *start)
{
	return strncmp(got, start, strlen(start)) == 0;
}

/* The next message that is not the refresh of a registration. Those are answered whenever they come: a long run has some, and a
 * proxy that does not answer is not called any more. */
static bool next_said(struct rig *r)
{
	while (sip_next(r)) {
		if (!is("REGISTER "))
			return true;
		sip_reply(r, "200 OK", "reg", "Expires: 1800\r\n", "");
	}
	return false;
}

/* What begins so and is of this session; with `fresh`, of one that is not known yet. What older ones repeat is passed over. */
static void await_it(const char *start, bool fresh)
{
	bool found = false;
	char id[128];

	while (!found) {
		bool came = false;
		RIG_UNTIL(rig_now, came || (came = next_said(rig_now) && is(start)));
		sip_header("Call-ID", id, sizeof(id));
		found = fresh || strcmp(id, p.id) == 0;
		for (size_t k = 0; fresh && k < nknown; k++)
			found &= strcmp(known[k], id) != 0;
	}
	if (fresh) {
		assert_true(nknown < ARRAY_LEN(known));
		snprintf(known[nknown++], sizeof(known[0]), "%s", id);
	}
}

static void with(
    const char *kept, const char *status, const char *tag, const char *lines, const char *body)
{
	if (!*kept)
		return;
	memcpy(got, kept, sizeof(got));
	sip_reply(rig_now, status, tag, lines, body);
}

/* A request in the session. */
static void in(const char *method, const char *tag, const char *ours, int64_t cseq,
    const char *lines, const char *body)
{
	static unsigned branch;

	sip_send(rig_now,
	    "%s sip:200@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bKst%u;rport\r\nMax-Forwards: 70\r\nFrom: "
	    "<sip:300@example.test>;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n"
	    "Contact: <sip:300@127.0.0.1:%u>\r\n%s%sContent-Length: %zu\r\n\r\n%s",
	    method, rig_now->port, rig_now->peer, ++branch, tag, ours, p.id, (unsigned)cseq, method,
	    rig_now->peer, lines,
	    *body && !strstr(lines, "Content-Type") ? "Content-Type: application/sdp\r\n" : "",
	    strlen(body), body);
}

static void next_in(const char *method, const char *lines, const char *body)
{
	in(method, p.tag, p.ours, ++p.cseq, lines, body);
}

static void cancel_theirs(void)
{
	sip_send(rig_now,
	    "CANCEL sip:200@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bK%si;rport\r\n"
	    "Max-Forwards: 70\r\nFrom: \"Peer P\" <sip:300@example.test>;tag=f%s\r\nTo: "
	    "<sip:200@example.test>\r\nCall-ID: %s\r\nCSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n",
	    rig_now->port, rig_now->peer, p.id, p.id, p.id);
}

static void await_request(const char *start)
{
	await_it(start, false);
	memcpy(p.last, got, sizeof(got));
}

static void they_call(struct rig *r, enum moment at)
{
	size_t mark = r->nev;

	snprintf(p.tag, sizeof(p.tag), "f%s", p.id);
	sip_invite(
	    r, "200", p.id, at == IN_RELIABLE ? "Require: 100rel\r\n" : "", sip_sdp(1, 7000, ""));
	p.ref = rig_await(r, mark, CALL__TYPE__CALL_OFFER, 0)->call;
	snprintf(p.ours, sizeof(p.ours), "<sip:200@example.test>");
	if (at == IN_OFFER)
		return;
	rig_alerting(r, p.ref);
	await_it("SIP/2.0 180", false);
	sip_header("To", p.ours, sizeof(p.ours));
	if (at == IN_RING || at == IN_RELIABLE)
		return;
	if (at == IN_CANCELLED) {
		cancel_theirs();
		return;
	}
	rig_answer(r, p.ref);
	await_it("SIP/2.0 200", false);
	if (at == IN_ANSWERED)
		return;
	in("ACK", p.tag, p.ours, 1, "", "");
	RIG_UNTIL(r, rig_media_of(r, p.ref)->remote[1] == 7000);
}

static void we_call(struct rig *r, enum moment at)
{
	p.out = true;
	p.ref = 1000 + nth;
	snprintf(p.tag, sizeof(p.tag), "a");
	assert_int_equal(rig_setup(r, p.ref, "200", "0305555"), 0);
	await_it("INVITE sip:0305555@", true);
	memcpy(p.invite, got, sizeof(got));
	memcpy(p.last, got, sizeof(got));
	sip_header("From", p.ours, sizeof(p.ours));
	sip_header("Call-ID", p.id, sizeof(p.id));
	if (at == OUT_CALLING)
		return;
	if (at == OUT_NO_TAG) {
		with(p.invite, "180 Ringing", "", "", "");
		rig_spin(r, 5);
		return;
	}
	with(p.invite, "180 Ringing", "a", "", "");
	rig_await(r, 0, CALL__TYPE__CALL_PROGRESS, p.ref);
	if (at == OUT_RING)
		return;
	if (at == OUT_RELIABLE || at == OUT_FORKS) {
		with(p.invite, "183 Progress", "a", "Require: 100rel\r\nRSeq: 1\r\n",
		    sip_sdp(1, 8000, ""));
		await_request("PRACK ");
		if (at == OUT_FORKS) {
			with(p.last, "200 OK", "a", "", "");
			with(p.invite, "183 Progress", "b", "Require: 100rel\r\nRSeq: 9\r\n",
			    sip_sdp(1, 8010, ""));
			await_request("PRACK ");
		}
		return;
	}
	if (at == OUT_CANCELLED) {
		rig_hangup(r, p.ref, CAUSE_NORMAL);
		await_request("CANCEL ");
		return;
	}
	with(p.invite, "200 OK", "a", "", sip_sdp(1, 8000, ""));
	await_it("ACK ", false);
	rig_await(r, 0, CALL__TYPE__CALL_CONNECTED, p.ref);
}

static void through(struct rig *r, enum moment at)
{
	snprintf(p.tag, sizeof(p.tag), "f%s", p.id);
	sip_invite(r, "201", p.id, "", sip_sdp(1, 7000, ""));
	snprintf(p.ours, sizeof(p.ours), "<sip:201@example.test>");
	await_it("INVITE ", true);
	memcpy(p.last, got, sizeof(got));
	memcpy(p.invite, got, sizeof(got));
	if (at == VIA_CALLING)
		return;
	with(p.invite, "180 Ringing", "a", "", "");
	await_it("SIP/2.0 180", false);
	sip_header("To", p.ours, sizeof(p.ours));
	if (at == VIA_RING)
		return;
	with(p.invite, "200 OK", "a", "", sip_sdp(1, 8000, ""));
	for (bool ack = false, ok = false; !ack || !ok;) {
		bool found = false;
		RIG_UNTIL(r, found || (found = next_said(r)));
		ack |= is("ACK ");
		ok |= is("SIP/2.0 200") && strstr(got, p.id);
	}
	in("ACK", p.tag, p.ours, 1, "", "");
	if (at == VIA_REFERRED) {
		next_in("REFER", "Refer-To: <sip:0309@example.test>\r\n", "");
		await_it("INVITE ", true);
		memcpy(p.last, got, sizeof(got));
	}
}

static void arrive(struct rig *r, enum moment at)
{
	p = (struct peer){ .cseq = 1 };
	snprintf(p.id, sizeof(p.id), "st%u", ++nth);
	if (at >= VIA_CALLING)
		through(r, at);
	else if (at < OUT_CALLING)
		they_call(r, at);
	else
		we_call(r, at);
	switch (at) {
	case IN_OUR_CHANGE:
	case OUT_OUR_CHANGE:
	case IN_HELD:
	case OUT_HELD:
		(void)rig_hold(r, p.ref, true);
		await_request("INVITE ");
		if (at == IN_HELD || at == OUT_HELD) {
			with(p.last, "200 OK", p.tag, "", sip_sdp(2, 7000, "a=recvonly\r\n"));
			await_request("ACK ");
		}
		break;
	case IN_THEIR_CHANGE:
	case OUT_THEIR_CHANGE:
		next_in("INVITE", "", sip_sdp(2, 7020, ""));
		await_it("SIP/2.0 200", false);
		break;
	case IN_REFERRED:
	case OUT_REFERRED:
		next_in("REFER", "Refer-To: <sip:0309@example.test>\r\n", "");
		await_it("INVITE ", true);
		memcpy(p.last, got, sizeof(got));
		with(p.last, "180 Ringing", "a", "", "");
		break;
	case IN_REFERRED_OUT:
		next_in("REFER", "Refer-To: <sip:0309@example.test>\r\n", "");
		await_it("INVITE ", true);
		memcpy(p.last, got, sizeof(got));
		break;
	case OUT_REFERS:
		(void)rig_transfer(r, p.ref, 0, "0306666");
		await_request("REFER ");
		break;
	case IN_BYE:
	case OUT_BYE:
		rig_hangup(r, p.ref, CAUSE_NORMAL);
		await_request("BYE ");
		break;
	case IN_OVER:
	case OUT_OVER:
		next_in("BYE", "", "");
		await_it("SIP/2.0 200", false);
		break;
	default:
		break;
	}
}
#endif
