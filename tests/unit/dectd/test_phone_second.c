/* A second call of a handset: consultation, transfer, conference, call waiting, hold. */
#include "phone_rig.h"

static void consultation(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	talk(r);
	pp_keys(r, "\x15");
	EXPECT(r, "sipd hold 101\n");
	pp_keys(r, "47"); /* quick fingers: kept until sipd is ready */
	held(r, 101, true, 0);
	EXPECT(r, "sipd setup 102 '' consultation\n");
	setup_ok(r, 102);
	EXPECT(r, "> CC-INFO progress=8 display='Dial number'\nsipd digits 102 '47'\n");
	pp_keys(r, "13");
	progress(r, 102, IWU_ALERTING, "Carl", "4713");
	EXPECT(
	    r, "sipd digits 102 '13'\n> CC-INFO progress=8 display='Carl\\0d\\0a4713' to=4713\n");
	connected(r, 102, "Carl", "4713");
	EXPECT(r, "> CC-INFO display='Carl\\0d\\0a4713' to=4713\n");
	/* Toggle. */
	pp_keys(r, "\x15");
	pp_keys(r, "2");
	EXPECT(r, "sipd hold 102\n");
	held(r, 102, true, 0);
	EXPECT(r, "sipd retrieve 101\n");
	r->mute_radio = false;
	held(r, 101, false, 0);
	EXPECT(r, "speech session 101\n> CC-INFO display='Bob\\0d\\0a4712' to=4712\n");
	r->mute_radio = true;
	/* DTMF goes to the one that is heard. */
	pp_keys(r, "5");
	EXPECT(r, "sipd digits 101 '5'\n");
	/* The held one leaves: nothing else happens. */
	released(r, 102, IWU_NORMAL, false);
	EXPECT(r, "> CC-INFO display='Call ended'\n");
	pp_hangs_up(r);
	EXPECT(r, "> CC-RELEASE-COM reason=00\nsipd release 101 normal\nidle\n");
	rig_free(r);
}

/* Two calls: 101 held, 102 heard. */
static void two(struct rig *r)
{
	talk(r);
	pp_keys(r, "\x15");
	held(r, 101, true, 0);
	setup_ok(r, 102);
	pp_keys(r, "4713");
	progress(r, 102, IWU_ALERTING, "Carl", "4713");
	connected(r, 102, "Carl", "4713");
	forget(r);
}

static void ends_with_two(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	/* R 1: the one heard ends, the held one comes back. */
	two(r);
	pp_keys(r, "\x15"
	           "1");
	EXPECT(r, "sipd release 102 normal\nsipd retrieve 101\n");
	held(r, 101, false, 0);
	EXPECT(r, "> CC-INFO display='Bob\\0d\\0a4712' to=4712\n");
	pp_hangs_up(r);
	forget(r);
	r->next_ref = 100;
	/* The far end of the one heard hangs up. */
	two(r);
	released(r, 102, IWU_NORMAL, false);
	EXPECT(r, "sipd retrieve 101\n");
	held(r, 101, false, 0);
	EXPECT(r, "> CC-INFO display='Bob\\0d\\0a4712' to=4712\n");
	pp_hangs_up(r);
	forget(r);
	r->next_ref = 100;
	/* The user hangs up: the held call rings back, by a call of its own once the handset is free. */
	two(r);
	pp_hangs_up(r);
	EXPECT(r,
	    "> CC-RELEASE-COM reason=00\nsipd release 102 normal\npage\n"
	    "> CC-SETUP [our 0] display='Held call\\0d\\0aBob\\0d\\0a4712' signal=40 from=4712 "
	    "name=Bob\n");
	pp_says(r, CC_ALERTING);
	pp_says(r, CC_CONNECT);
	EXPECT(r, "> CC-CONNECT-ACK\nsipd retrieve 101\n");
	held(r, 101, false, 0);
	pp_hangs_up(r);
	EXPECT(r, "> CC-RELEASE-COM reason=00\nsipd release 101 normal\nidle\n");
	/* Not answered: it ends with the far end. */
	r->next_ref = 100;
	two(r);
	pp_hangs_up(r);
	pp_says(r, CC_ALERTING);
	forget(r);
	released(r, 101, IWU_NORMAL, false);
	EXPECT(r, "> CC-RELEASE reason=00\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	forget(r);
	/* Radio lost: both end. */
	r->next_ref = 100;
	two(r);
	cc_lost(phones_cc(r->phones), r->pp);
	settle(r);
	EXPECT(r, "sipd release 102 radio link lost\nsipd release 101 radio link lost\nidle\n");
	rig_free(r);
}

static void transfers(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	/* R 4 between two calls that are up. */
	two(r);
	pp_keys(r, "\x15"
	           "4");
	EXPECT(r, "sipd transfer 101 to call 102\n");
	phones_transfer_done(r->phones, 101, 0);
	released(r, 101, IWU_TRANSFERRED, false);
	released(r, 102, IWU_TRANSFERRED, false);
	EXPECT(r, "> CC-RELEASE reason=00 display='Transferred'\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	EXPECT(r, "idle\n");
	/* While the second rings. */
	r->next_ref = 100;
	talk(r);
	pp_keys(r, "\x15");
	held(r, 101, true, 0);
	setup_ok(r, 102);
	pp_keys(r, "4713");
	progress(r, 102, IWU_ALERTING, "Carl", "4713");
	forget(r);
	pp_keys(r, "\x15"
	           "4");
	EXPECT(r, "sipd transfer 101 to call 102\n");
	/* sipd refuses: all stays. */
	phones_transfer_done(r->phones, 101, ERR_STATE);
	settle(r);
	EXPECT(r, "> CC-INFO display='Not possible' signal=09\n");
	pp_keys(r, "\x15"
	           "2"); /* back to the first */
	EXPECT(r, "sipd release 102 normal\nsipd retrieve 101\n");
	held(r, 101, false, 0);
	forget(r);
	/* R R number: blind; the number ends with # or a pause. */
	pp_keys(r, "\x15");
	held(r, 101, true, 0);
	setup_ok(r, 103);
	forget(r);
	pp_keys(r, "\x15");
	EXPECT(r, "sipd release 103 normal\n> CC-INFO display='Transfer to' signal=05\n");
	pp_keys(r, "4714");
	EXPECT(r, "");
	pass(r, 4000);
	EXPECT(r, "sipd transfer 101 to '4714'\n");
	phones_transfer_done(r->phones, 101, 0);
	released(r, 101, IWU_TRANSFERRED, false);
	EXPECT(r, "> CC-RELEASE reason=00 display='Transferred'\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	forget(r);
	/* Refused: back to the held call. */
	r->next_ref = 100;
	talk(r);
	pp_keys(r, "\x15");
	held(r, 101, true, 0);
	setup_ok(r, 102);
	pp_keys(r, "\x15");
	forget(r);
	pp_keys(r, "99#");
	EXPECT(r, "sipd transfer 101 to '99'\n");
	phones_transfer_done(r->phones, 101, ERR_NOTFOUND);
	settle(r);
	EXPECT(r, "> CC-INFO display='Not possible' signal=09\nsipd retrieve 101\n");
	rig_free(r);
}

static void transfer_on_hangup(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	r->conf.transfer_on_hangup = true;
	rig_reconf(r);
	two(r);
	pp_hangs_up(r);
	EXPECT(r, "> CC-RELEASE-COM reason=00\nsipd transfer 101 to call 102\nidle\n");
	phones_transfer_done(r->phones, 101, 0);
	released(r, 101, IWU_TRANSFERRED, false);
	released(r, 102, IWU_TRANSFERRED, false);
	EXPECT(r, "");
	assert_int_equal(phones_calls(r->phones), 0);
	assert_int_equal(offer(r, 9, "Bob", "4712"), IWU_NONE);
	rig_free(r);
}

static void conference(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	two(r);
	pp_keys(r, "\x15"
	           "3");
	EXPECT(r, "sipd conference 102 101 on\n");
	phones_conference_done(r->phones, 102, true, 0);
	settle(r);
	EXPECT(r, "> CC-INFO display='Conference' signal=05\n");
	/* Split: the other is held again. */
	pp_keys(r, "\x15"
	           "2");
	EXPECT(r, "sipd conference 102 101 off\n");
	phones_conference_done(r->phones, 102, false, 0);
	EXPECT(r, "sipd hold 101\n");
	held(r, 101, true, 0);
	forget(r);
	/* Again, then one leaves by itself. */
	pp_keys(r, "\x15"
	           "3");
	phones_conference_done(r->phones, 102, true, 0);
	forget(r);
	released(r, 102, IWU_NORMAL, false);
	EXPECT(r, "> CC-INFO display='Bob\\0d\\0a4712' to=4712\n");
	pp_keys(r, "7");
	EXPECT(r, "sipd digits 101 '7'\n");
	pp_hangs_up(r);
	EXPECT(r, "> CC-RELEASE-COM reason=00\nsipd release 101 normal\nidle\n");
	/* Hanging up ends it for all. */
	r->next_ref = 100;
	two(r);
	pp_keys(r, "\x15"
	           "3");
	phones_conference_done(r->phones, 102, true, 0);
	forget(r);
	pp_hangs_up(r);
	EXPECT(r,
	    "> CC-RELEASE-COM reason=00\nsipd release 102 normal\nsipd release 101 normal\nidle\n");
	rig_free(r);
}

static void call_waiting(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	talk(r);
	assert_int_equal(offer(r, 7, "Dora", "4714"), IWU_NONE);
	EXPECT(r, "> CC-INFO display='Call waiting\\0d\\0aDora\\0d\\0a4714' signal=07 from=4714 "
	          "name=Dora\nsipd offered 7 yes\nsipd alerting 7\ntone 1 on session 101\n");
	assert_int_equal(offer(r, 8, "Emil", "4715"), IWU_BUSY); /* two are the limit */
	/* R 0: rejected. */
	pp_keys(r, "\x15"
	           "0");
	EXPECT(r, "sipd release 7 busy\n> CC-INFO signal=3f\n");
	/* R 2: the first is held, the second answered. */
	assert_int_equal(offer(r, 9, "Dora", "4714"), IWU_NONE);
	forget(r);
	pp_keys(r, "\x15"
	           "2");
	EXPECT(r, "sipd hold 101\n");
	held(r, 101, true, 0);
	EXPECT(r, "sipd answer 9\n> CC-INFO display='Dora\\0d\\0a4714' from=4714 name=Dora\n");
	pp_keys(r, "\x15"
	           "1");
	EXPECT(r, "sipd release 9 normal\nsipd retrieve 101\n");
	held(r, 101, false, 0);
	forget(r);
	/* R 1: the first ends, the second is answered. */
	assert_int_equal(offer(r, 10, "Dora", "4714"), IWU_NONE);
	forget(r);
	pp_keys(r, "\x15"
	           "1");
	EXPECT(r, "sipd release 101 normal\nsipd answer 10\n"
	          "> CC-INFO display='Dora\\0d\\0a4714' from=4714 name=Dora\n");
	/* The one waiting gives up: the display goes back. */
	assert_int_equal(offer(r, 11, "Emil", "4715"), IWU_NONE);
	forget(r);
	released(r, 11, IWU_CANCELLED, false);
	EXPECT(r, "> CC-INFO display='Dora\\0d\\0a4714' signal=3f from=4714 name=Dora\n");
	/* The user hangs up: the one waiting rings. */
	assert_int_equal(offer(r, 12, "Emil", "4715"), IWU_NONE);
	forget(r);
	pp_hangs_up(r);
	EXPECT(r, "> CC-RELEASE-COM reason=00\nsipd release 10 normal\npage\n"
	          "> CC-SETUP [our 0] service=90 display='Emil\\0d\\0a4715' signal=40 from=4715 "
	          "name=Emil\n");
	pp_says(r, CC_ALERTING);
	pp_says(r, CC_CONNECT);
	EXPECT(r, "sipd alerting 12\n> CC-CONNECT-ACK\nsipd answer 12\n");
	/* The far end hangs up while another waits: that one rings, too. */
	assert_int_equal(offer(r, 13, "Anna", "4716"), IWU_NONE);
	forget(r);
	released(r, 12, IWU_NORMAL, false);
	EXPECT(r, "> CC-RELEASE reason=00\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	EXPECT(r,
	    "page\n> CC-SETUP [our 1] service=90 display='Anna\\0d\\0a4716' signal=40 from=4716 "
	    "name=Anna\n");
	rig_free(r);
}

static void no_call_waiting(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	pp_setup(r);
	assert_int_equal(offer(r, 7, "Dora", "4714"), IWU_BUSY); /* dialling */
	pp_hangs_up(r);
	r->conf.call_waiting = false;
	rig_reconf(r);
	talk(r);
	assert_int_equal(offer(r, 8, "Dora", "4714"), IWU_BUSY);
	rig_free(r);
}

static void hold_by_message(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	talk(r);
	pp_says(r, CC_HOLD);
	EXPECT(r, "sipd hold 101\n");
	held(r, 101, true, 0);
	EXPECT(r, "> HOLD-ACK\n> CC-INFO display='On hold'\n");
	pp_says(r, CC_HOLD); /* nothing to hold */
	EXPECT(r, "> HOLD-REJECT\n");
	pp_says(r, CC_RETRIEVE);
	EXPECT(r, "sipd retrieve 101\n");
	held(r, 101, false, ERR_STATE);
	EXPECT(r, "> RETRIEVE-REJECT\n> CC-INFO display='Not possible' signal=09\n"
	          "sipd release 101 normal\n> CC-RELEASE reason=00\n");
	rig_free(r);
}

static void ngdect_codes(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	ngdect(r);
	pp_setup_with(r, "4712", true, 8);
	setup_ok(r, 101);
	progress(r, 101, IWU_ALERTING, "B\xc3\xa4r", "4712");
	connected(r, 101, "B\xc3\xa4r", "4712");
	EXPECT(r, "sipd setup 101 '4712' complete\n"
	          "> CC-ALERTING progress=8 to=4712 toname=B\xc3\xa4r call=1 status=4\n"
	          "> CC-CONNECT to=4712 toname=B\xc3\xa4r call=1 status=5\n");
	assert_int_equal(offer(r, 7, "Dora", "4714"), IWU_NONE);
	EXPECT(r, "> CC-INFO display='Call waiting\\0d\\0aDora\\0d\\0a4714' signal=07 from=4714 "
	          "name=Dora call=2 status=1\nsipd offered 7 yes\nsipd alerting 7\n"
	          "tone 1 on session 101\n");
	pp_keys(r, "\x1c\x35"); /* accept */
	EXPECT(r, "sipd hold 101\n");
	held(r, 101, true, 0);
	EXPECT(r, "sipd answer 7\n> CC-INFO from=4714 name=Dora call=2 status=5\n");
	pp_keys(r, "\x1c\x31"); /* toggle */
	held(r, 7, true, 0);
	held(r, 101, false, 0);
	EXPECT(r, "sipd hold 7\nsipd retrieve 101\n> CC-INFO to=4712 toname=B\xc3\xa4r call=1 "
	          "status=5\n");
	pp_keys(r, "\x1c\x32");
	EXPECT(r, "sipd conference 101 7 on\n");
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(consultation),
		cmocka_unit_test(ends_with_two),
		cmocka_unit_test(transfers),
		cmocka_unit_test(transfer_on_hangup),
		cmocka_unit_test(conference),
		cmocka_unit_test(call_waiting),
		cmocka_unit_test(no_call_waiting),
		cmocka_unit_test(hold_by_message),
		cmocka_unit_test(ngdect_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
