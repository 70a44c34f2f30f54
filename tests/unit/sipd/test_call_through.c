/* Calls from SIP to SIP: one media session for both ends, what becomes of it when they change. The test is both ends, dectd and mediad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rig.h"
#include "rig_sip.h"

enum { CALLED = 1, CALLER = 2 }; /* sides of the session */

struct call_through {
	char to[256];                  /* the caller's side of the session: our To */
	char from[256], id[128];       /* the called side's: our From, Call-ID */
	unsigned at_caller, at_called; /* ports that they were told */
};

static void remember_called(struct call_through *c)
{
	sip_header("Call-ID", c->id, sizeof(c->id));
	sip_header("From", c->from, sizeof(c->from));
	c->at_called = sdp_port();
}

/* Both ends, whatever comes first: the ACK of the called, the answer to the caller. */
static void both_up(struct rig *r, struct call_through *c, const char *id)
{
	bool ack = false, ok = false;

	while (!ack || !ok) {
		bool found = false;
		RIG_UNTIL(r, found || (found = sip_next(r)));
		ack |= strncmp(got, "ACK ", 4) == 0;
		if (strncmp(got, "SIP/2.0 200", 11) == 0) {
			ok = true;
			sip_header("To", c->to, sizeof(c->to));
			c->at_caller = sdp_port();
			sip_inside(r, "ACK", 1, id, c->to, "", "");
		}
	}
}

/* A call for a user whose calls go on: its INVITE has reached the called end. */
static struct rig *invited(void)
{
	struct rig *r = rig_sip_start(rig_proxy_conf);

	rig_registered(r);
	rig_add_user(r, "200", "050030000200", "forward-always", "0301");
	sip_invite(r, "200", "th", "", sip_sdp(1, 7000, ""));
	sip_await(r, "INVITE sip:0301@example.test SIP/2.0");
	return r;
}

static struct rig *connected(struct call_through *c)
{
	struct rig *r = invited();

	assert_non_null(strstr(got, "Diversion: <sip:200@example.test>;reason=unconditional"));
	remember_called(c);
	sip_reply(r, "180 Ringing", "z", "", "");
	sip_reply(r, "200 OK", "z", "", sip_sdp(1, 8000, ""));
	both_up(r, c, "th");
	RIG_UNTIL(r, r->m[0].remote[CALLER] == 7000);
	return r;
}

static void over(struct rig *r, const struct call_through *c, unsigned cseq)
{
	sip_inside(r, "BYE", cseq, "th", c->to, "", "");
	sip_await(r, "BYE ");
	sip_reply(r, "200 OK", "", "", "");
	RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 0);
}

static void one_session(void **state)
{
	struct call_through c;
	struct rig *r = connected(&c);
	(void)state;

	assert_int_equal(r->nm, 1);
	assert_int_equal(r->m[0].remote[CALLED], 8000);
	assert_int_equal(r->m[0].updates, 1); /* all that was agreed, in one request */
	assert_int_equal(c.at_called, r->m[0].port[CALLED]);
	assert_int_equal(c.at_caller, r->m[0].port[CALLER]);
	assert_true(r->m[0].sip[CALLER]);
	/* the caller holds, and comes back */
	sip_inside(r, "INVITE", 2, "th", c.to, "", sip_sdp(2, 7000, "a=sendonly\r\n"));
	sip_await(r, "SIP/2.0 200");
	sip_inside(r, "ACK", 2, "th", c.to, "", "");
	sip_await(r, "INVITE ");
	assert_non_null(strstr(got, "a=sendonly"));
	sip_reply(r, "200 OK", "", "", sip_sdp(2, 8000, "a=recvonly\r\n"));
	sip_await(r, "ACK ");
	RIG_UNTIL(r, r->m[0].music[CALLED] == 1 &&
	                 r->m[0].dir[CALLER] == MEDIA__DIRECTION__RECVONLY &&
	                 r->m[0].dir[CALLED] == MEDIA__DIRECTION__SENDONLY);
	sip_inside(r, "INVITE", 3, "th", c.to, "", sip_sdp(3, 7002, ""));
	sip_await(r, "SIP/2.0 200");
	sip_inside(r, "ACK", 3, "th", c.to, "", "");
	sip_await(r, "INVITE ");
	sip_reply(r, "200 OK", "", "", sip_sdp(3, 8000, ""));
	sip_await(r, "ACK ");
	RIG_UNTIL(r, r->m[0].music[CALLED] == 0 && r->m[0].remote[CALLER] == 7002 &&
	                 r->m[0].dir[CALLER] == MEDIA__DIRECTION__SENDRECV &&
	                 r->m[0].dir[CALLED] == MEDIA__DIRECTION__SENDRECV);
	over(r, &c, 4);
	RIG_UNTIL(r, r->m[0].dropped);
	assert_int_equal(r->nm, 1);
	rig_free(r);
}

/* Its mediad dies: both ends are told the new addresses. */
static void moves(void **state)
{
	struct call_through c;
	struct rig *r = connected(&c);
	int pair[2];
	bool caller = false, called = false;
	(void)state;

	ipc_peer_drop(r->media_peer, "test");
	rig_spin(r, 10);
	r->m[0].dropped = true;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	(void)ipc_join(r->d.ipc, pair[0], IPC_MEDIAD);
	r->media_peer = ipc_join(r->mediad, pair[1], IPC_SIPD);
	while (!caller || !called) {
		sip_await(r, "INVITE ");
		bool to_caller = strncmp(got, "INVITE sip:300@", 15) == 0;
		assert_int_equal(sdp_port(), r->m[1].port[to_caller ? CALLER : CALLED]);
		sip_reply(r, "200 OK", "", "", sip_sdp(2, to_caller ? 7000 : 8000, ""));
		caller |= to_caller;
		called |= !to_caller;
	}
	RIG_UNTIL(r, r->m[1].remote[CALLER] == 7000 && r->m[1].remote[CALLED] == 8000);
	assert_int_equal(r->nm, 2);
	over(r, &c, 2);
	rig_free(r);
}

/* There is none before the call is answered: what it will say goes into the answer. */
static void moves_early(void **state)
{
	struct rig *r = invited();
	struct call_through c;
	int pair[2];
	(void)state;

	remember_called(&c);
	char invite[sizeof(got)];
	memcpy(invite, got, sizeof(got));
	ipc_peer_drop(r->media_peer, "test");
	rig_spin(r, 10);
	r->m[0].dropped = true;
	memcpy(got, invite, sizeof(got));
	sip_reply(r, "200 OK", "z", "", sip_sdp(1, 8000, ""));
	sip_await(r, "ACK ");
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	(void)ipc_join(r->d.ipc, pair[0], IPC_MEDIAD);
	r->media_peer = ipc_join(r->mediad, pair[1], IPC_SIPD);
	bool ok = false, told = false;
	while (!ok || !told) {
		bool found = false;
		RIG_UNTIL(r, found || (found = sip_next(r)));
		if (strncmp(got, "SIP/2.0 200", 11) == 0) {
			ok = true;
			sip_header("To", c.to, sizeof(c.to));
			assert_int_equal(sdp_port(), r->m[1].port[CALLER]);
			sip_inside(r, "ACK", 1, "th", c.to, "", "");
		} else if (strncmp(got, "INVITE ", 7) == 0) {
			assert_int_equal(strncmp(got, "INVITE sip:peer@", 16), 0);
			assert_int_equal(sdp_port(), r->m[1].port[CALLED]);
			sip_reply(r, "200 OK", "", "", sip_sdp(2, 8000, ""));
			told = true;
		}
	}
	RIG_UNTIL(r, r->m[1].remote[CALLER] == 7000 && r->m[1].remote[CALLED] == 8000);
	over(r, &c, 2);
	rig_free(r);
}

/* The called end's early media come from another place before it answers: an UPDATE after a reliable 183. */
static void changes_early(void **state)
{
	struct rig *r = invited();
	struct call_through c;
	(void)state;

	remember_called(&c);
	char invite[sizeof(got)];
	memcpy(invite, got, sizeof(got));
	sip_reply(r, "183 Progress", "z", "Require: 100rel\r\nRSeq: 1\r\n", sip_sdp(1, 8000, ""));
	sip_await(r, "PRACK ");
	sip_reply(r, "200 OK", "", "", "");
	RIG_UNTIL(r, r->m[0].remote[CALLED] == 8000);
	const char *sdp = sip_sdp(2, 8100, "a=sendonly\r\n");
	sip_send(r,
	    "UPDATE sip:200@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bKup;rport\r\nMax-Forwards: 70\r\nFrom: "
	    "<sip:0301@example.test>;tag=z\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 1 UPDATE\r\n"
	    "Contact: <sip:peer@127.0.0.1:%u>\r\nContent-Type: application/sdp\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    r->port, r->peer, c.from, c.id, r->peer, strlen(sdp), sdp);
	bool ok = false;
	while (!ok) { /* the caller hears 180 meanwhile */
		bool found = false;
		RIG_UNTIL(r, found || (found = sip_next(r)));
		ok = strncmp(got, "SIP/2.0 200", 11) == 0;
	}
	assert_non_null(strstr(got, "a=recvonly"));
	assert_int_equal(sdp_port(), c.at_called);
	RIG_UNTIL(r, r->m[0].remote[CALLED] == 8100);
	memcpy(got, invite, sizeof(got));
	sip_reply(r, "200 OK", "z", "", sip_sdp(2, 8100, ""));
	both_up(r, &c, "th");
	assert_int_equal(r->m[0].remote[CALLED], 8100);
	assert_int_equal(r->nm, 1);
	over(r, &c, 2);
	rig_free(r);
}

/* Who is called sends the call on: the next end has its session with the caller. */
static void sent_on(void **state)
{
	struct rig *r = invited();
	struct call_through c;
	(void)state;

	sip_reply(r, "302 Moved", "y", "", ""); /* to its Contact */
	sip_await(r, "INVITE sip:peer@");
	remember_called(&c);
	sip_reply(r, "200 OK", "z", "", sip_sdp(1, 8000, ""));
	both_up(r, &c, "th");
	RIG_UNTIL(r, r->m[0].dropped && r->m[1].remote[CALLER] == 7000);
	assert_int_equal(r->m[1].remote[CALLED], 8000);
	assert_int_equal(r->nm, 2);
	over(r, &c, 2);
	rig_free(r);
}

/* The caller transfers the called: its side of the session becomes the way to the target; it has it back when that fails. */
static void referred(void **state)
{
	(void)state;
	for (int ok = 0; ok < 2; ok++) {
		struct call_through c, n;
		struct rig *r = connected(&c);
		sip_inside(r, "REFER", 2, "th", c.to, "Refer-To: <sip:0777@x.test>\r\n", "");
		sip_await(r, "INVITE sip:0777@x.test");
		remember_called(&n);
		char invite[sizeof(got)];
		memcpy(invite, got, sizeof(got));
		RIG_UNTIL(r, r->m[0].dir[CALLER] == MEDIA__DIRECTION__INACTIVE);
		/* it may say something meanwhile */
		sip_inside(r, "INVITE", 3, "th", c.to, "", sip_sdp(2, 7010, ""));
		sip_await(r, "SIP/2.0 200");
		assert_int_equal(sdp_port(), c.at_caller);
		sip_inside(r, "ACK", 3, "th", c.to, "", "");
		memcpy(got, invite, sizeof(got));
		sip_reply(r, "183 Progress", "w", "", sip_sdp(1, 9000, ""));
		RIG_UNTIL(r, r->nm == 2 && r->m[0].remote[CALLER] == r->m[1].port[2]);
		assert_int_equal(r->m[0].dir[CALLER], MEDIA__DIRECTION__SENDRECV);
		memcpy(got, invite, sizeof(got));
		if (ok)
			sip_reply(r, "200 OK", "w", "", sip_sdp(1, 9000, ""));
		else
			sip_reply(r, "486 Busy Here", "w", "", "");
		bool notified = false;
		while (!notified) {
			sip_await(r, "NOTIFY ");
			notified = strstr(got, ok ? "SIP/2.0 200" : "SIP/2.0 486") != NULL;
			sip_reply(r, "200 OK", "", "", "");
		}
		if (ok) {
			sip_await(r, "BYE sip:300@"); /* who transferred has done its part */
			sip_reply(r, "200 OK", "", "", "");
			RIG_UNTIL(
			    r, r->m[1].remote[1] == 9000 && r->m[1].remote[2] == r->m[0].port[2]);
			assert_int_equal(r->m[0].remote[CALLED], 8000);
		} else {
			RIG_UNTIL(r, r->m[0].remote[CALLER] == 7010 && r->m[1].dropped);
			assert_int_equal(r->m[0].dir[CALLER], MEDIA__DIRECTION__SENDRECV);
			assert_int_equal(r->m[0].strict[CALLER], 0);
			over(r, &c, 4);
			RIG_UNTIL(r, r->m[0].dropped);
		}
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_session),
		cmocka_unit_test(moves),
		cmocka_unit_test(moves_early),
		cmocka_unit_test(changes_early),
		cmocka_unit_test(sent_on),
		cmocka_unit_test(referred),
	};
	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
