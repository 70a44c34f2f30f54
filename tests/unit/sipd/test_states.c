/* Every message at every moment: calls of both directions are brought to a state, then something comes in it that fits or
 * does not, from the far end or from the handset. Afterwards all ends: no call and no media session is left.
 * Each moment gets every seventh of the cases here; with a number as argument all of them, and a thousand mixtures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rig.h"
#include "rig_sip.h"
#include "states.h"

/* ---- what comes ---- */

static char self[500]; /* a Refer-To or Replaces of the session itself */

static const char *own_dialog(bool refer)
{
	const char *tag = strstr(p.ours, ";tag=");

	snprintf(self, sizeof(self),
	    refer
	        ? "Refer-To: <sip:x@example.test?Replaces=%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s>\r\n"
	        : "Replaces: %s;to-tag=%s;from-tag=%s\r\n",
	    p.id, tag ? tag + 5 : "0", p.tag);
	return self;
}

#define FRAG "Content-Type: message/sipfrag\r\nSubscription-State: terminated\r\nEvent: "
static const struct {
	const char *method, *lines;
	bool sdp;
	const char *body;
} asks[] = {
	{ "INVITE", "", true, "" },
	{ "INVITE", "", false, "" },
	{ "INVITE", "Content-Type: application/sdp\r\n", false, "v=rubbish" },
	{ "ACK", "", false, "" },
	{ "ACK", "", true, "" },
	{ "UPDATE", "", false, "" },
	{ "UPDATE", "", true, "" },
	{ "UPDATE", "P-Asserted-Identity: <sip:777@example.test>\r\n", false, "" },
	{ "PRACK", "RAck: 1 1 INVITE\r\n", false, "" },
	{ "PRACK", "RAck: x\r\n", true, "" },
	{ "PRACK", "", false, "" },
	{ "INFO", "Content-Type: application/dtmf-relay\r\n", false, "Signal=7\r\n" },
	{ "INFO", "", false, "" },
	{ "REFER", "Refer-To: <sip:201@example.test>\r\n", false, "" },
	{ "REFER", "Refer-To: <sip:0308@example.test>\r\nRefer-Sub: false\r\n", false, "" },
	{ "REFER", "Refer-To: <sip:0308@x?Replaces=no%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\n", false,
	    "" },
	{ "REFER", "own", false, "" },
	{ "REFER", "", false, "" },
	{ "NOTIFY", FRAG "refer\r\n", false, "SIP/2.0 200 OK\r\n" },
	{ "NOTIFY", FRAG "refer\r\n", false, "SIP/2.0 486 Busy\r\n" },
	{ "NOTIFY", FRAG "dialog\r\n", false, "" },
	{ "SUBSCRIBE", "Event: refer\r\nExpires: 0\r\n", false, "" },
	{ "SUBSCRIBE", "Event: dialog\r\n", false, "" },
	{ "MESSAGE", "Content-Type: text/plain\r\n", false, "hello" },
	{ "OPTIONS", "", false, "" },
	{ "CANCEL", "", false, "" },
	{ "PUBLISH", "", false, "" },
	{ "HOCUS", "", false, "" },
	{ "BYE", "", false, "" },
};
static const char *const says[] = { "100 Trying", "180 Ringing", "183 Progress", "199 Gone",
	"200 OK", "202 Accepted", "302 Moved", "401 Who", "407 Who", "408 Late", "422 Small",
	"481 None", "486 Busy", "491 Pending", "500 Oops", "503 No", "600 Busy", "699 Odd" };
enum { NASKS = ARRAY_LEN(asks), NSAYS = ARRAY_LEN(says) };
enum { FITS, LOW, HIGH, BAD_OURS, BAD_THEIRS, TWICE, NHOW };
enum { REPLY, WITH_BODY, FORK, RELIABLE, NHOW_SAY };
enum {
	DO_HOLD,
	DO_RETRIEVE,
	DO_DIGIT,
	DO_BLIND,
	DO_SELF,
	DO_ANSWER,
	DO_ALERT,
	DO_HANGUP,
	DO_DIALOG,
	DO_CANCEL,
	NDO
};

static void ask(int what, int how)
{
	const char *lines =
	    strcmp(asks[what].lines, "own") == 0 ? own_dialog(true) : asks[what].lines;
	const char *body = asks[what].sdp ? sip_sdp(5, 7100, "") : asks[what].body;
	const char *tag = how == BAD_THEIRS ? "other" : p.tag;
	const char *ours = how == BAD_OURS ? "<sip:200@example.test>;tag=nobody" : p.ours;
	int64_t cseq = how == LOW ? 0 : how == HIGH ? p.cseq + 100000 : p.cseq + 1;

	if (strcmp(asks[what].method, "ACK") == 0 && how == FITS)
		cseq = p.cseq;
	for (int n = how == TWICE ? 2 : 1; n; n--)
		in(asks[what].method, tag, ours, cseq + (how == TWICE ? 2 - n : 0), lines, body);
	if (cseq > p.cseq)
		p.cseq = (unsigned)cseq + 1;
}

static void tell(int what, int how)
{
	const char *lines = how == RELIABLE ? "Require: 100rel\r\nRSeq: 2\r\n" : "";
	const char *body = how == WITH_BODY || how == RELIABLE ? sip_sdp(3, 8100, "") : "";
	char copy[1024];

	snprintf(copy, sizeof(copy), "%s", body);
	if (strstr(says[what], "Who"))
		lines = "WWW-Authenticate: Digest realm=\"e\", nonce=\"1\"\r\n"
		        "Proxy-Authenticate: Digest realm=\"e\", nonce=\"1\"\r\n";
	else if (strstr(says[what], "302"))
		lines = "Contact: <sip:0308@example.test>\r\n";
	else if (strstr(says[what], "422"))
		lines = "Min-SE: 3600\r\n";
	const char *tag = how == FORK ? "c" : "a";
	with(p.last, says[what], tag, lines, copy);
	with(p.last, says[what], tag, lines, copy);
	if (p.out && strcmp(p.last, p.invite) != 0)
		with(p.invite, says[what], tag, lines, copy);
}

static void act(struct rig *r, int what)
{
	switch (what) {
	case DO_HOLD:
	case DO_RETRIEVE:
		(void)rig_hold(r, p.ref, what == DO_HOLD);
		break;
	case DO_DIGIT:
		rig_digits(r, p.ref, "5");
		break;
	case DO_BLIND:
		(void)rig_transfer(r, p.ref, 0, "0307777");
		break;
	case DO_SELF:
		(void)rig_transfer(r, p.ref, p.ref, NULL);
		break;
	case DO_ANSWER:
		rig_answer(r, p.ref);
		break;
	case DO_ALERT:
		rig_alerting(r, p.ref);
		break;
	case DO_DIALOG:
		sip_invite(r, "201", "rpl", own_dialog(false), sip_sdp(1, 7300, ""));
		break;
	case DO_CANCEL:
		cancel_theirs();
		break;
	default:
		rig_hangup(r, p.ref, CAUSE_NORMAL);
	}
}

/* ---- the end of it ---- */

static bool media_left(struct rig *r)
{
	for (size_t i = 0; i < r->nm; i++)
		if (!r->m[i].dropped)
			return true;
	return false;
}

/* Answers what came. Until sipd has heard all that was said: it answers an OPTIONS that was said last. */
static void settle(struct rig *r)
{
	static unsigned n;
	char mark[40];
	bool heard = false;

	snprintf(mark, sizeof(mark), "Call-ID: settle%u\r\n", ++n);
	sip_send(r,
	    "OPTIONS sip:127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bKse%u;rport\r\nMax-Forwards: 70\r\nFrom: "
	    "<sip:300@example.test>;tag=se\r\nTo: <sip:example.test>\r\n%sCSeq: 1 OPTIONS\r\n"
	    "Content-Length: 0\r\n\r\n",
	    r->port, r->peer, n, mark);
	for (uint64_t end = uv_hrtime() / 1000000 + RIG_MS;
	     !heard && uv_hrtime() / 1000000 < end;) {
		rig_spin(r, 1);
		while (next_said(r)) {
			heard |= strstr(got, mark) != NULL;
			if (is("INVITE "))
				sip_reply(r, "487 Over", "a", "", "");
			else if (!is("SIP/2.0") && !is("ACK "))
				sip_reply(r, "200 OK", "a", "", "");
		}
	}
	assert_true(heard);
}

static void clear(struct rig *r)
{
	struct sipd *s = sipd_of(&r->d);

	settle(r);
	for (uint64_t end = uv_hrtime() / 1000000 + RIG_MS;
	     (s->ncalls || media_left(r)) && uv_hrtime() / 1000000 < end;) {
		LIST_FOREACH(&s->calls, it)
		{
			struct call_arg arg = { .cause = CAUSE_NORMAL };
			(void)call_event(LIST_ENTRY(it, struct call, node), CALL_EV_END, &arg);
		}
		with(p.last, "200 OK", p.tag, "", "");
		with(p.invite, "487 Over", "a", "", "");
		settle(r);
	}
	if (s->ncalls || media_left(r))
		fail_msg("left: %zu calls", (size_t)s->ncalls);
	r->nev = r->nm = 0;
}

static struct rig *begin(void)
{
	struct rig *r = rig_sip_start(conf);

	rig_registered(r);
	rig_add_user(r, "201", "050030000201", "forward-always", "0301");
	r->nev = r->nm = 0;
	return r;
}

/* ---- tests ---- */

static unsigned seed = 1;
static unsigned any(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

static void one(struct rig *r, unsigned k)
{
	if (k < NASKS * NHOW)
		ask((int)(k / NHOW), (int)(k % NHOW));
	else if ((k -= NASKS * NHOW) < NSAYS * NHOW_SAY)
		tell((int)(k / NHOW_SAY), (int)(k % NHOW_SAY));
	else
		act(r, (int)(k - NSAYS * NHOW_SAY));
}

static unsigned step = 7; /* every so many-th of them; 1: all */

static void each(void **state)
{
	(void)state;
	struct rig *r = begin();
	for (unsigned at = 0; at < NMOMENTS; at++) {
		for (unsigned k = at % step; k < NASKS * NHOW + NSAYS * NHOW_SAY + NDO; k += step) {
			arrive(r, (enum moment)at);
			one(r, k);
			rig_spin(r, 2);
			clear(r);
		}
	}
	rig_free(r);
}

/* Several of them one after the other, some at once. */
static void mixed(void **state)
{
	(void)state;
	struct rig *r = begin();
	unsigned first = seed;
	for (unsigned k = 0; k < 1000 / step; k++) {
		seed = first * 1000 + k;
		arrive(r, (enum moment)any(NMOMENTS));
		for (unsigned n = 2 + any(5); n; n--) {
			one(r, any(NASKS * NHOW + NSAYS * NHOW_SAY + NDO));
			if (any(2))
				continue;
			rig_spin(r, 2);
			while (next_said(r))
				if (!is("SIP") && !is("ACK"))
					memcpy(p.last, got, sizeof(got));
		}
		clear(r);
	}
	rig_free(r);
}

/* REFER refused: the handset's transfer is a call of ours. A digit comes before its INVITE is made. */
static void digit(void **state)
{
	struct rig *r = begin();
	(void)state;

	arrive(r, OUT_REFERS);
	with(p.last, "405 Not Allowed", "a", "", "");
	next_in("INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=7\r\n");
	await_it("SIP/2.0 200", false);
	await_it("INVITE sip:0306666@", true);
	sip_reply(r, "486 Busy", "a", "", "");
	clear(r);
	rig_free(r);
}

/* Without an argument a seventh of the table; with a number all of it, and the mixtures of that number. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digit),
		cmocka_unit_test(each),
	};
	const struct CMUnitTest more[] = {
		cmocka_unit_test(each),
		cmocka_unit_test(mixed),
	};

	log_set_level(LOG_ERR);
	if (argc < 2)
		return cmocka_run_group_tests(tests, NULL, NULL);
	step = 1;
	seed = (unsigned)atoi(argv[1]);
	return cmocka_run_group_tests(more, NULL, NULL);
}
