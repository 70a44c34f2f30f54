/* What changes before an INVITE is answered: UPDATE in early dialogs, as server and as client (RFC 3311 5). */
#include "inv_world.h"
#include "sipd/sub.h"

/* An UPDATE with an offer while theirs waits for our answer: later (RFC 3311 5.2); without one it is answered. */
static void as_server(void **state)
{
	struct world *x = start(0);
	char tag[64];
	(void)state;

	say(x,
	    "INVITE sip:us@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bKeu;rport\r\nMax-Forwards: 70\r\nFrom: <sip:p@x>;tag=pt\r\n"
	    "To: <sip:us@y>\r\nCall-ID: eu\r\nCSeq: 10 INVITE\r\nContact: "
	    "<sip:p@127.0.0.1:%u>\r\nContent-Type: application/sdp\r\nContent-Length: "
	    "5\r\n\r\nv=0\r\n",
	    x->port, x->peer, x->peer);
	for (uint64_t end = uv_hrtime() + LIMIT_NS; !x->incoming && uv_hrtime() < end;)
		turn(x);
	assert_int_equal(
	    inv_progress(x->inv, 180, SLICE_LIT(""), SLICE_LIT(""), (struct inv_body){ 0 }), 0);
	expect(x, "180");
	snprintf(tag, sizeof(tag), "%s", rsp_tag());
	say(x,
	    "UPDATE sip:us@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
	    "127.0.0.1:%u;branch=z9hG4bKeu2;rport\r\nMax-Forwards: 70\r\nFrom: <sip:p@x>;tag=pt\r\n"
	    "To: <sip:us@y>;tag=%s\r\nCall-ID: eu\r\nCSeq: 11 UPDATE\r\nContact: "
	    "<sip:p@127.0.0.1:%u>\r\nContent-Type: application/sdp\r\nContent-Length: "
	    "5\r\n\r\nv=0\r\n",
	    x->port, x->peer, tag, x->peer);
	expect(x, "500");
	uint32_t s;
	assert_int_equal(sip_msg_u32(&m, SIP_H_RETRY_AFTER, 9, &s), 0);
	us(x, "eu", tag, "UPDATE", 12, "");
	expect(x, "200");
	assert_int_equal(inv_refuse(x->inv, 486, SLICE_LIT(""), SLICE_LIT("")), 0);
	expect(x, "486");
	stop(x);
}

/* Without an offer it is answered in whichever early dialog it comes. */
static void bare(void **state)
{
	struct world *x = start(600);
	struct req r;
	(void)state;

	call(x);
	expect(x, "INVITE ");
	r = keep();
	answer(x, &r, "180 Ringing", "a", "", "");
	answer(x, &r, "180 Ringing", "b", "", "");
	inside_of(x, &r, "b", "UPDATE", 1, "", "");
	expect(x, "200");
	assert_non_null(sip_msg_hdr(&m, SIP_H_CONTACT));
	assert_int_equal(x->offers, 0);
	/* The session timer is the INVITE's business. */
	assert_null(sip_msg_hdr(&m, SIP_H_SESSION_EXPIRES));
	answer(x, &r, "200 OK", "a", "", "their answer");
	expect(x, "ACK sip:peera@");
	stop(x);
}

/* With one: where a reliable provisional response has answered ours, and there alone. */
static void offered(void **state)
{
	struct world *x = start(0);
	struct req r, prack;
	(void)state;

	call(x);
	expect(x, "INVITE ");
	r = keep();
	answer(x, &r, "183 Progress", "a", "", "not reliable");
	inside_of(x, &r, "a", "UPDATE", 1, "", "theirs");
	expect(x, "491");
	answer(x, &r, "183 Progress", "b", "Require: 100rel\r\nRSeq: 1\r\n", "early b");
	expect(x, "PRACK ");
	prack = keep();
	answer(x, &prack, "200 OK", "", "", "");
	inside_of(x, &r, "b", "INVITE", 1, "", "theirs");
	expect(x, "500");
	inside_of(x, &r, "b", "ACK", 1, "", "");
	inside_of(x, &r, "b", "UPDATE", 2, "", "theirs");
	assert_int_equal(x->offers, 1);
	assert_string_equal(x->body, "theirs");
	expect(x, "200");
	assert_true(slice_eq(m.body, SLICE_LIT("our answer")));
	inside_of(x, &r, "a", "UPDATE", 2, "", "theirs");
	expect(x, "491");
	/* One that waits for its answer: no second one; with the fork it goes, too. */
	x->hold_offer = true;
	inside_of(x, &r, "b", "UPDATE", 3, "", "theirs");
	assert_int_equal(x->offers, 2);
	inside_of(x, &r, "b", "UPDATE", 4, "", "theirs");
	expect(x, "500");
	answer(x, &r, "200 OK", "a", "", "answer a");
	bool gone = false, ack = false;
	for (int i = 0; i < 2; i++) {
		expect(x, i == 0 && !ack ? "481" : "ACK ");
		gone |= !m.request;
		ack |= m.request;
	}
	assert_true(gone && ack);
	assert_int_equal(inv_answer(x->inv, 200, SLICE_LIT(""), (struct inv_body){ 0 }), ERR_STATE);
	/* What is left of the other fork does not touch the session. */
	inside_of(x, &r, "b", "INVITE", 5, "", "theirs");
	expect(x, "481");
	assert_int_equal(x->offers, 2);
	stop(x);
}

/* A re-INVITE before the ACK of what was answered first: both answers wait for theirs with one timer. */
static void before_ack(void **state)
{
	struct world *x = start(0);
	char tag[64];
	(void)state;

	invite_us(x, "ba", "");
	assert_int_equal(inv_accept(x->inv, SLICE_LIT(""),
	                     (struct inv_body){ SLICE_LIT("a/b"), SLICE_LIT("1") }),
	    0);
	expect(x, "200");
	snprintf(tag, sizeof(tag), "%s", rsp_tag());
	for (unsigned cseq = 11; cseq < 13; cseq++) {
		us(x, "ba", tag, "INVITE", cseq, "");
		expect(x, "200");
	}
	assert_int_equal(x->offers, 2);
	us(x, "ba", tag, "ACK", 11, ""); /* of what nothing waits for any more */
	assert_int_equal(x->confirmed, 0);
	us(x, "ba", tag, "ACK", 12, "");
	assert_int_equal(x->confirmed, 1);
	tmr_advance(x->w, 40000);
	expect_nothing(x);
	us(x, "ba", tag, "BYE", 13, "");
	expect(x, "200");
	assert_int_equal(x->ended, 1);
	stop(x);
}

/* Two forks answer: what the one says whose answer was not taken does not touch the session of the other. */
static void other_fork(void **state)
{
	struct world *x = start(0);
	struct req r, bye;
	(void)state;

	established(x, &r, "");
	answer(x, &r, "200 OK", "late", "", "their answer");
	expect(x, "ACK sip:peerlate@");
	expect(x, "BYE sip:peerlate@");
	bye = keep();
	inside_of(x, &r, "late", "INFO", 1, "", "");
	expect(x, "481");
	inside_of(x, &r, "late", "BYE", 2, "", "");
	expect(x, "200");
	answer(x, &bye, "200 OK", "", "", "");
	assert_int_equal(x->ended, 0);
	assert_true(inv_is_up(x->inv));
	inside_of(x, &r, "t", "BYE", 1, "", "");
	expect(x, "200");
	assert_int_equal(x->ended, 1);
	stop(x);
}

/* A request overtakes the response that makes its dialog: it waits for that, in its order, and not for ever. */
static void overtaken(void **state)
{
	struct world *x = start(0);
	struct req r;
	uint32_t s;
	(void)state;

	call(x);
	expect(x, "INVITE ");
	r = keep();
	answer(x, &r, "100 Trying", "", "", "");
	inside_of(x, &r, "a", "UPDATE", 1, "", "");
	inside_of(x, &r, "a", "INFO", 2, "", "");
	inside_of(x, &r, "never", "UPDATE", 1, "", "");
	inside_of(x, &r, "never", "BYE", 2, "", "");
	expect_nothing(x);
	inside_of(x, &r, "never", "INFO", 3, "", ""); /* a fifth one */
	expect(x, "481");
	answer(x, &r, "180 Ringing", "a", "", "");
	expect(x, "200");
	assert_int_equal(m.cseq, 1);
	expect(x, "405"); /* nobody here takes INFO */
	inside_of(x, &r, "a", "INFO", 1, "", "");
	expect(x, "500"); /* CSeq 2 has been there */
	tmr_advance(x->w, 2100);
	expect(x, "500");
	assert_true(slice_eq(m.from_tag, SLICE_LIT("never")));
	assert_int_equal(sip_msg_u32(&m, SIP_H_RETRY_AFTER, 9, &s), 0);
	expect(x, "481");
	assert_int_equal(x->ended, 0);
	/* Now the answer is overtaken: by a new offer, and by a request of a fork whose answer is not taken. */
	inside_of(x, &r, "b", "INVITE", 1, "", "theirs");
	inside_of(x, &r, "c", "UPDATE", 1, "", "");
	assert_int_equal(x->offers, 0);
	answer(x, &r, "200 OK", "b", "", "their answer");
	assert_int_equal(x->answered, 1);
	assert_int_equal(x->offers, 1);
	expect(x, "ACK sip:peerb@");
	bool taken = false, refused = false;
	for (int i = 0; i < 2; i++) {
		expect(x, i == 0 || !taken ? "200" : "481");
		taken |= m.status == 200;
		refused |= m.status == 481;
	}
	assert_true(taken && refused);
	inside_of(x, &r, "b", "ACK", 1, "", "");
	inside_of(x, &r, "d", "UPDATE", 1, "", ""); /* there are no more of them */
	expect(x, "481");
	stop(x);

	/* Refused, or the end of everything, while something waits. */
	x = start(0);
	call(x);
	expect(x, "INVITE ");
	r = keep();
	inside_of(x, &r, "a", "UPDATE", 1, "", "");
	expect_nothing(x);
	answer(x, &r, "486 Busy Here", "a", "", "");
	expect(x, "ACK ");
	expect(x, "481");
	assert_int_equal(x->failed, 1);
	stop(x);
	x = start(0);
	call(x);
	expect(x, "INVITE ");
	r = keep();
	inside_of(x, &r, "a", "INVITE", 1, "", "theirs");
	expect_nothing(x);
	stop(x);
}

/* The answer does not wait for the PRACK of a response without a description; that PRACK is still taken (RFC 3262 3). */
static void answered_before_prack(void **state)
{
	const struct inv_body none = { 0 },
	                      sdp = { SLICE_LIT("application/sdp"), SLICE_LIT("ours") };
	struct world *x = start(0);
	char tag[64], rack[60];
	uint32_t rseq;
	(void)state;

	invite_us(x, "pr", "Require: 100rel\r\n");
	assert_int_equal(inv_progress(x->inv, 180, SLICE_LIT(""), SLICE_LIT(""), none), 0);
	expect(x, "180");
	assert_int_equal(sip_msg_u32(&m, SIP_H_RSEQ, UINT32_MAX, &rseq), 0);
	snprintf(tag, sizeof(tag), "%s", rsp_tag());
	snprintf(rack, sizeof(rack), "RAck: %u 10 INVITE\r\n", rseq);
	assert_int_equal(inv_accept(x->inv, SLICE_LIT(""), sdp), 0);
	expect(x, "200");
	us(x, "pr", tag, "ACK", 10, "");
	tmr_advance(x->w, 600);
	expect_nothing(x); /* neither response again */
	us(x, "pr", tag, "PRACK", 11, rack);
	expect(x, "200");
	us(x, "pr", tag, "PRACK", 12, rack);
	expect(x, "481");
	tmr_advance(x->w, 40000);
	expect_nothing(x);
	assert_true(inv_is_up(x->inv));
	us(x, "pr", tag, "BYE", 13, "");
	expect(x, "200");
	stop(x);
}

static void on_sub_ended(void *ctx, struct sub *s, struct slice reason, uint32_t retry_s)
{
	(void)ctx;
	(void)s;
	(void)reason;
	(void)retry_s;
}

/* The end of everything while the outcome of a REFER is awaited: its subscription is in the session's dialog. */
static void referred_at_end(void **state)
{
	static const struct sub_ops none = { .ended = on_sub_ended };
	struct sub_conf c = { .ops = &none, .event = SLICE_LIT("refer"), .expires = 60 };
	struct world *x = start(0);
	struct sub *s;
	struct req r;
	(void)state;

	established(x, &r, "");
	assert_int_equal(sub_refer_in(x->ua, &c, inv_dlg(x->inv), 1, &s), 0);
	stop(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_server),
		cmocka_unit_test(bare),
		cmocka_unit_test(offered),
		cmocka_unit_test(before_ack),
		cmocka_unit_test(other_fork),
		cmocka_unit_test(overtaken),
		cmocka_unit_test(answered_before_prack),
		cmocka_unit_test(referred_at_end),
	};

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
