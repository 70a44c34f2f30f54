/* INVITE sessions on a real socket and a fake clock, against a peer that this test plays: answers repeated until their ACK,
 * reliable progress, forks, CANCEL crossed by an answer, glare, session timer, lost dialogs. */
#include "inv_world.h"

static void forks(void **state)
{
	struct world *x = start(0);
	struct req r;
	(void)state;

	call(x);
	expect(x, "INVITE ");
	assert_true(sip_msg_lists(&m, SIP_H_SUPPORTED, SLICE_LIT("100rel")));
	r = keep();
	answer(x, &r, "180 Ringing", "a", "", "");
	answer(x, &r, "183 Progress", "b", "Require: 100rel\r\nRSeq: 5\r\n", "early b");
	assert_int_equal(x->progress, 2);
	expect(x, "PRACK sip:peerb@");
	assert_true(slice_eq(sip_msg_value(&m, SIP_H_RACK).p
	                         ? slice_sub(sip_msg_value(&m, SIP_H_RACK), 0, 2)
	                         : SLICE_LIT(""),
	    SLICE_LIT("5 ")));
	struct req prack = keep();
	answer(x, &prack, "200 OK", "", "", "");
	/* a repeat and a gap are not looked at; the next one is */
	answer(x, &r, "183 Progress", "b", "Require: 100rel\r\nRSeq: 5\r\n", "again");
	answer(x, &r, "183 Progress", "b", "Require: 100rel\r\nRSeq: 7\r\n", "gap");
	assert_int_equal(x->progress, 2);
	expect_nothing(x);
	answer(x, &r, "180 Ringing", "b", "Require: 100rel\r\nRSeq: 6\r\n", "");
	assert_int_equal(x->progress, 3);
	expect(x, "PRACK ");
	prack = keep();
	answer(x, &prack, "200 OK", "", "", "");
	/* a answers; b answers, too: acknowledged and ended; a's repeat is acknowledged again */
	answer(x, &r, "200 OK", "a", "", "answer a");
	expect(x, "ACK sip:peera@");
	assert_int_equal(m.cseq, r.n);
	assert_int_equal(x->answered, 1);
	answer(x, &r, "200 OK", "b", "", "answer b");
	expect(x, "ACK sip:peerb@");
	expect(x, "BYE sip:peerb@");
	struct req bye = keep();
	answer(x, &bye, "200 OK", "", "", "");
	answer(x, &r, "200 OK", "a", "", "answer a");
	expect(x, "ACK sip:peera@");
	assert_int_equal(x->answered, 1);
	assert_string_equal(x->body, "answer a");
	inv_bye(x->inv, SLICE_LIT("Reason: SIP;cause=200\r\n"));
	expect(x, "BYE sip:peera@");
	bye = keep();
	answer(x, &bye, "200 OK", "", "", "");
	assert_int_equal(x->ended, 1);
	assert_int_equal(x->why, INV_END_LOCAL);
	stop(x);
}

static void cancelling(void **state)
{
	struct req r, c;
	(void)state;

	for (int crossed = 0; crossed < 2; crossed++) {
		struct world *x = start(0);
		call(x);
		expect(x, "INVITE ");
		r = keep();
		inv_cancel(x->inv, SLICE_LIT("Reason: SIP;cause=200\r\n"));
		expect_nothing(x); /* not before a first response */
		answer(x, &r, "180 Ringing", "a", "", "");
		expect(x, "CANCEL ");
		assert_int_equal(m.cseq, r.n);
		assert_non_null(sip_msg_hdr(&m, SIP_H_REASON));
		c = keep();
		answer(x, &c, "200 OK", "a", "", "");
		if (crossed) {
			answer(x, &r, "200 OK", "a", "", "too late");
			expect(x, "ACK ");
			expect(x, "BYE ");
			assert_int_equal(x->answered, 0);
			assert_int_equal(x->ended, 1);
		} else {
			answer(x, &r, "487 Request Terminated", "a", "", "");
			expect(x, "ACK ");
			assert_int_equal(x->failed, 1);
			assert_int_equal(x->status, 487);
		}
		stop(x);
	}
	/* nobody answers at all: 64*T1 */
	struct world *x = start(0);
	call(x);
	expect(x, "INVITE ");
	tmr_advance(x->w, 31000);
	assert_int_equal(x->failed, 0);
	tmr_advance(x->w, 1500);
	assert_int_equal(x->failed, 1);
	assert_int_equal(x->err, ERR_TIMEOUT);
	stop(x);
}

/* 100s that came; other messages are not expected. */
static unsigned tryings(struct world *x)
{
	unsigned n = 0;

	turn(x);
	usleep(2000);
	turn(x);
	while (next(x)) {
		assert_true(!m.request && m.status == 100);
		n++;
	}
	return n;
}

/* A 100 is sent when nothing else is within 200 ms (RFC 3261 17.2.1), and not when something is. */
static void trying(void **state)
{
	struct world *x = start(0);
	(void)state;

	invite_us(x, "slow", "");
	assert_int_equal(tryings(x), 0);
	tmr_advance(x->w, 140);
	assert_int_equal(tryings(x), 0);
	tmr_advance(x->w, 59);
	assert_int_equal(tryings(x), 1);
	invite_us(x, "slow", ""); /* a repeat gets it again */
	assert_int_equal(tryings(x), 1);
	assert_int_equal(inv_refuse(x->inv, 486, SLICE_LIT(""), SLICE_LIT("")), 0);
	expect(x, "486");
	inv_free(x->inv);
	invite_us(x, "soon", "");
	assert_int_equal(
	    inv_progress(x->inv, 180, SLICE_LIT(""), SLICE_LIT(""), (struct inv_body){ 0 }), 0);
	for (unsigned ms = 0; ms < 400; ms += 100) {
		tmr_advance(x->w, 100);
		turn(x);
		while (next(x))
			assert_int_not_equal(m.status, 100);
	}
	stop(x);
}

static void accepting(void **state)
{
	struct world *x = start(0);
	struct inv_body none = { 0 }, sdp = { SLICE_LIT("application/sdp"), SLICE_LIT("x") };
	char tag[64];
	(void)state;

	/* repeated until the ACK */
	invite_us(x, "ok", "");
	assert_int_equal(x->incoming, 1);
	assert_int_equal(inv_accept(x->inv, SLICE_LIT(""), sdp), 0);
	expect(x, "200");
	snprintf(tag, sizeof(tag), "%s", rsp_tag());
	for (int i = 0; i < 3; i++) {
		tmr_advance(x->w, 500u << i);
		expect(x, "200");
		assert_string_equal(rsp_tag(), tag);
	}
	inv_bye(x->inv, SLICE_LIT("")); /* must wait for the ACK */
	expect_nothing(x);
	us(x, "ok", tag, "ACK", 10, "");
	expect(x, "BYE ");
	tmr_advance(x->w, 40000);
	while (next(x))
		;
	inv_free(x->inv);
	/* never acknowledged */
	invite_us(x, "noack", "");
	x->ended = 0;
	assert_int_equal(inv_accept(x->inv, SLICE_LIT(""), sdp), 0);
	unsigned copies = 0;
	for (int i = 0; i < 70; i++) {
		tmr_advance(x->w, 500);
		turn(x);
		while (next(x) && !m.request)
			copies++;
		if (m.request && m.method == SIP_M_BYE)
			break;
	}
	assert_int_equal(m.method, SIP_M_BYE);
	assert_in_range(copies, 9, 12); /* T1 doubling up to T2 in 64*T1 */
	assert_int_equal(x->ended, 1);
	assert_int_equal(x->why, INV_END_NO_ACK);
	inv_free(x->inv);
	/* reliable progress: repeated until PRACK; the answer after it */
	tmr_advance(x->w, 40000);
	while (next(x))
		;
	invite_us(x, "rel", "Supported: 100rel\r\n");
	assert_int_equal(inv_progress(x->inv, 183, SLICE_LIT(""), SLICE_LIT(""), sdp), 0);
	expect(x, "183");
	uint32_t rseq;
	assert_int_equal(sip_msg_u32(&m, SIP_H_RSEQ, UINT32_MAX, &rseq), 0);
	snprintf(tag, sizeof(tag), "%s", rsp_tag());
	tmr_advance(x->w, 500);
	expect(x, "183");
	tmr_advance(x->w, 1000);
	expect(x, "183");
	assert_int_equal(inv_accept(x->inv, SLICE_LIT(""), none), 0);
	expect_nothing(x); /* RFC 3262: its description is not confirmed */
	char rack[60];
	snprintf(rack, sizeof(rack), "RAck: %u 10 INVITE\r\n", rseq + 1);
	us(x, "rel", tag, "PRACK", 11, rack);
	expect(x, "481");
	snprintf(rack, sizeof(rack), "RAck: %u 10 INVITE\r\n", rseq);
	us(x, "rel", tag, "PRACK", 12, rack);
	bool ok200 = false, prack200 = false;
	for (int i = 0; i < 2; i++) {
		expect(x, "200");
		ok200 |= m.method == SIP_M_INVITE;
		prack200 |= m.method == SIP_M_PRACK;
	}
	assert_true(ok200 && prack200);
	us(x, "rel", tag, "ACK", 10, "");
	assert_int_equal(x->confirmed, 1);
	/* the CSeq goes back: 500; a stranger's dialog: 481 */
	us(x, "rel", tag, "INFO", 5, "");
	expect(x, "500");
	us(x, "rel", "other", "BYE", 20, "");
	expect(x, "481");
	us(x, "rel", tag, "BYE", 21, "");
	expect(x, "200");
	stop(x);
}

static void glare(void **state)
{
	struct world *x = start(0);
	struct inv_body b = { SLICE_LIT("application/sdp"), SLICE_LIT("hold") };
	struct req r, re;
	(void)state;

	established(x, &r, "");
	assert_int_equal(inv_offer(x->inv, false, SLICE_LIT(""), b), 0);
	assert_int_equal(inv_offer(x->inv, false, SLICE_LIT(""), b), ERR_BUSY);
	expect(x, "INVITE ");
	re = keep();
	assert_true(strcmp(re.id, r.id) == 0 && re.n > r.n);
	inside(x, &r, "INVITE", 1, "", "theirs");
	expect(x, "491");
	assert_int_equal(x->offers, 0);
	answer(x, &re, "491 Request Pending", "t", "", "");
	expect(x, "ACK ");
	assert_int_equal(x->replies, 0);
	tmr_advance(x->w, 2000);
	turn(x);
	/* retried after 2.1 to 4 s, as we own the Call-ID; the ACK to 491 came */
	bool again = false;
	for (int i = 0; i < 25 && !again; i++) {
		tmr_advance(x->w, 100);
		turn(x);
		while (next(x))
			if (m.request && m.method == SIP_M_INVITE) {
				again = true;
				re = keep(); /* a repeat of our 491 may follow at once */
			}
	}
	assert_true(again);
	answer(x, &re, "200 OK", "t", "", "answer to hold");
	expect(x, "ACK ");
	assert_int_equal(x->replies, 1);
	assert_int_equal(x->reply_status, 200);
	answer(x, &re, "200 OK", "t", "", "answer to hold"); /* our ACK was lost */
	expect(x, "ACK ");
	/* the other way round: theirs comes while ours waits */
	assert_int_equal(inv_offer(x->inv, false, SLICE_LIT(""), b), 0);
	expect(x, "INVITE ");
	re = keep();
	answer(x, &re, "491 Request Pending", "t", "", "");
	expect(x, "ACK ");
	inside(x, &r, "INVITE", 3, "", "theirs");
	expect(x, "200");
	assert_int_equal(x->replies, 2);
	assert_int_equal(x->reply_err, ERR_BUSY);
	assert_int_equal(x->offers, 1);
	inside(x, &r, "ACK", 3, "", "");
	assert_int_equal(x->confirmed, 1);
	/* two of theirs at once */
	x->hold_offer = true;
	inside(x, &r, "INVITE", 4, "", "one");
	inside(x, &r, "UPDATE", 5, "", "two");
	expect(x, "500");
	assert_non_null(sip_msg_hdr(&m, SIP_H_RETRY_AFTER));
	assert_int_equal(inv_answer(x->inv, 488, SLICE_LIT(""), (struct inv_body){ 0 }), 0);
	expect(x, "488");
	/* 481 to a change: the session is gone */
	assert_int_equal(inv_offer(x->inv, true, SLICE_LIT(""), b), 0);
	expect(x, "UPDATE ");
	re = keep();
	answer(x, &re, "481 Gone", "t", "", "");
	assert_int_equal(x->ended, 1);
	assert_int_equal(x->why, INV_END_LOST);
	stop(x);
}

static void session_timer(void **state)
{
	struct req r, re;
	uint32_t n;
	(void)state;

	/* 422 first; then the peer lets us refresh: UPDATE at half time, by re-INVITE where it knows none */
	for (int update = 0; update < 2; update++) {
		struct world *x = start(600);
		call(x);
		expect(x, "INVITE ");
		assert_int_equal(sip_msg_u32(&m, SIP_H_SESSION_EXPIRES, 9999, &n), 0);
		assert_int_equal(n, 600);
		r = keep();
		answer(x, &r, "422 Too Small", "t", "Min-SE: 900\r\n", "");
		expect(x, "ACK ");
		expect(x, "INVITE ");
		assert_int_equal(sip_msg_u32(&m, SIP_H_SESSION_EXPIRES, 9999, &n), 0);
		assert_int_equal(n, 900);
		assert_int_equal(sip_msg_u32(&m, SIP_H_MIN_SE, 9999, &n), 0);
		assert_int_equal(n, 900);
		assert_true(slice_eq(m.body, SLICE_LIT("our offer")));
		re = keep();
		assert_true(strcmp(re.id, r.id) == 0 && re.n == r.n + 1);
		char lines[100];
		snprintf(lines, sizeof(lines),
		    "Session-Expires: 900;refresher=uac\r\nAllow: INVITE%s\r\n",
		    update ? ", UPDATE" : "");
		answer(x, &re, "200 OK", "t", lines, "a");
		expect(x, "ACK ");
		assert_int_equal(x->failed, 0);
		for (int round = 0; round < 2; round++) {
			tmr_advance(x->w, 440000);
			expect_nothing(x);
			tmr_advance(x->w, 10000);
			expect(x, update ? "UPDATE " : "INVITE ");
			assert_true(
			    slice_eq(m.body, update ? SLICE_LIT("") : SLICE_LIT("our offer")));
			struct req f = keep();
			answer(x, &f, "200 OK", "t", lines, update ? "" : "a");
			if (!update)
				expect(x, "ACK ");
		}
		assert_int_equal(x->replies, 0);
		/* the far end is dead: no answer to the refresh */
		tmr_advance(x->w, 450000);
		expect(x, update ? "UPDATE " : "INVITE ");
		tmr_advance(x->w, 33000);
		assert_int_equal(x->ended, 1);
		assert_int_equal(x->why, INV_END_LOST);
		stop(x);
	}
	/* the peer refreshes, then does not */
	struct world *x = start(600);
	established(x, &r, "Session-Expires: 300;refresher=uas\r\n");
	tmr_advance(x->w, 150000);
	inside(
	    x, &r, "UPDATE", 1, "Session-Expires: 300;refresher=uac\r\nSupported: timer\r\n", "");
	expect(x, "200");
	struct slice se = sip_msg_value(&m, SIP_H_SESSION_EXPIRES);
	assert_true(slice_eq(se, SLICE_LIT("300;refresher=uac")));
	assert_true(sip_msg_lists(&m, SIP_H_REQUIRE, SLICE_LIT("timer")));
	tmr_advance(x->w, 260000);
	assert_int_equal(x->ended, 0);
	tmr_advance(x->w, 10000);
	assert_int_equal(x->ended, 1);
	assert_int_equal(x->why, INV_END_EXPIRED);
	expect(x, "BYE ");
	stop(x);
	/* as server: too small is refused, none is ours to keep */
	x = start(600);
	invite_us(x, "small", "Session-Expires: 60\r\nSupported: timer\r\n");
	expect(x, "422");
	assert_int_equal(sip_msg_u32(&m, SIP_H_MIN_SE, 9999, &n), 0);
	assert_int_equal(n, 90);
	assert_null(x->inv);
	invite_us(x, "none", "");
	assert_int_equal(inv_accept(x->inv, SLICE_LIT(""), (struct inv_body){ 0 }), 0);
	expect(x, "200");
	assert_true(
	    slice_eq(sip_msg_value(&m, SIP_H_SESSION_EXPIRES), SLICE_LIT("600;refresher=uas")));
	assert_false(sip_msg_lists(&m, SIP_H_REQUIRE, SLICE_LIT("timer")));
	stop(x);
}

/* An owner that lets go of a session leaves no debts on the wire. */
static void let_go(void **state)
{
	struct world *x = start(0);
	struct req r, c;
	(void)state;

	call(x);
	expect(x, "INVITE ");
	r = keep();
	answer(x, &r, "180 Ringing", "a", "", "");
	inv_free(x->inv);
	x->inv = NULL;
	expect(x, "CANCEL ");
	c = keep();
	answer(x, &r, "200 OK", "a", "", "crossed");
	expect(x, "ACK ");
	expect(x, "BYE ");
	answer(x, &c, "200 OK", "a", "", "");
	assert_int_equal(x->answered + x->ended + x->failed, 0);
	x->progress = 0;
	established(x, &r, "");
	inv_free(x->inv);
	x->inv = NULL;
	expect(x, "BYE ");
	invite_us(x, "in", "");
	inv_free(x->inv);
	x->inv = NULL;
	expect(x, "480");
	stop(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forks),
		cmocka_unit_test(cancelling),
		cmocka_unit_test(trying),
		cmocka_unit_test(accepting),
		cmocka_unit_test(glare),
		cmocka_unit_test(session_timer),
		cmocka_unit_test(let_go),
	};

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
