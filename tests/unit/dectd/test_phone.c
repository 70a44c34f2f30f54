/* Calls of a handset from end to end over the rig: basic calls both ways, service codes, second calls, faults. */
#include "phone_rig.h"

static void outgoing_overlap(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	pp_setup(r);
	EXPECT(r, "sipd setup 101 ''\n");
	setup_ok(r, 101);
	EXPECT(r, "> CC-SETUP-ACK progress=8\n");
	pp_keys(r, "4");
	pp_keys(r, "712");
	EXPECT(r, "sipd digits 101 '4'\nsipd digits 101 '712'\n");
	progress(r, 101, IWU_PROCEEDING, NULL, NULL);
	progress(r, 101, IWU_ALERTING, "Bob", "4712");
	EXPECT(r, "> CC-CALL-PROC\n> CC-ALERTING progress=8 display='Bob\\0d\\0a4712' to=4712\n");
	connected(r, 101, "Bob", "4712");
	EXPECT(r, "> CC-CONNECT display='Bob\\0d\\0a4712' to=4712\n");
	pp_keys(r, "1");
	EXPECT(r, "sipd digits 101 '1'\n");
	pp_hangs_up(r);
	EXPECT(r, "> CC-RELEASE-COM reason=00\nsipd release 101 normal\nidle\n");
	assert_false(phones_busy(r->pp));
	assert_int_equal(phones_calls(r->phones), 0);
	rig_free(r);
}

static void outgoing_en_bloc(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	r->mute_radio = false;
	pp_setup_with(r, "4712", true, 8);
	EXPECT(r, "sipd setup 101 '4712' complete\n");
	setup_ok(r, 101);
	EXPECT(r, "speech session 101\nsipd radio 101\n");
	progress(r, 101, IWU_PROCEEDING, NULL, NULL);
	connected(r, 101, "Bob", "4712");
	EXPECT(r, "> CC-CALL-PROC\n> CC-CONNECT display='Bob\\0d\\0a4712' to=4712\n");
	released(r, 101, IWU_NORMAL, false);
	EXPECT(r, "speech off\n> CC-RELEASE reason=00\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	EXPECT(r, "idle\n");
	rig_free(r);
}

static void incoming(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	r->mute_radio = false;
	assert_int_equal(offer(r, 7, "Åsa K", "4712"), IWU_NONE);
	EXPECT(r, "page\n> CC-SETUP service=90 display='Asa K\\0d\\0a4712' signal=40 from=4712 "
	          "name=Asa K\nsipd offered 7 yes\nsipd radio 7\n");
	pp_says(r, CC_ALERTING);
	EXPECT(r, "sipd alerting 7\n");
	pp_says(r, CC_CONNECT);
	EXPECT(r, "speech session 7\n> CC-CONNECT-ACK\nsipd answer 7\nsipd radio 7\n");
	pp_hangs_up(r);
	EXPECT(r, "> CC-RELEASE-COM reason=00\nspeech off\nsipd release 7 normal\nidle\n");
	rig_free(r);
}

static void incoming_refused(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	/* Rejected by the user. */
	assert_int_equal(offer(r, 7, "Bob", "4712"), IWU_NONE);
	pp_says(r, CC_ALERTING);
	forget(r);
	pp_ends(r, CC_RELEASE, CC_R_USER_REJECT);
	EXPECT(r, "> CC-RELEASE-COM reason=00\nsipd release 7 rejected\nidle\n");
	/* Refused at once. */
	assert_int_equal(offer(r, 8, "Bob", "4712"), IWU_NONE);
	forget(r);
	pp_ends(r, CC_RELEASE_COM, CC_R_USER_BUSY);
	EXPECT(r, "sipd release 8 busy\nidle\n");
	/* Not found by paging. */
	r->link_err = ERR_TIMEOUT;
	assert_int_equal(offer(r, 9, "Bob", "4712"), IWU_NONE);
	EXPECT(r, "page\nsipd offered 9 not reachable\nidle\n");
	r->link_err = 0;
	/* Does not cipher. */
	r->secure_now = false;
	r->secure_err = ERR_DENIED;
	assert_int_equal(offer(r, 10, "Bob", "4712"), IWU_NONE);
	EXPECT(r, "page\nsipd offered 10 authentication failed\nidle\n");
	r->secure_now = true;
	/* Silent: CC.03. */
	assert_int_equal(offer(r, 11, "Bob", "4712"), IWU_NONE);
	forget(r);
	pass(r, 19999);
	EXPECT(r, "");
	pass(r, 1);
	EXPECT(r, "> CC-RELEASE-COM reason=0d\nsipd release 11 not reachable\nidle\n");
	rig_free(r);
}

/* The phone book's answer comes while the handset is paged, after CC-SETUP, while it rings, while the call waits. */
static void late_name(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	r->no_link = true;
	assert_int_equal(offer(r, 7, "", "4712"), IWU_NONE);
	named(r, 7, "Bob", "4712");
	EXPECT(r, "page\n");
	r->no_link = false;
	settle(r);
	EXPECT(r, "> CC-SETUP service=90 display='Bob\\0d\\0a4712' signal=40 from=4712 "
	          "name=Bob\nsipd offered 7 yes\n");
	named(r, 7, "Bobby", "4712");
	EXPECT(r, "");
	pp_says(r, CC_ALERTING);
	EXPECT(r, "> CC-INFO display='Bobby\\0d\\0a4712' from=4712 name=Bobby\nsipd alerting 7\n");
	named(r, 7, "Robert", "4712");
	EXPECT(r, "> CC-INFO display='Robert\\0d\\0a4712' from=4712 name=Robert\n");
	pp_says(r, CC_CONNECT);
	forget(r);
	assert_int_equal(offer(r, 8, "", "4714"), IWU_NONE);
	forget(r);
	named(r, 8, "Dora", "4714");
	EXPECT(r, "> CC-INFO display='Call waiting\\0d\\0aDora\\0d\\0a4714' from=4714 name=Dora\n");
	rig_free(r);
}

static void cancelled(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	r->no_link = true;
	assert_int_equal(offer(r, 7, "Bob", "4712"), IWU_NONE);
	released(r, 7, IWU_CANCELLED, false);
	EXPECT(r, "page\npage cancelled\nidle\n");
	r->no_link = false;
	assert_int_equal(offer(r, 8, "Bob", "4712"), IWU_NONE);
	pp_says(r, CC_ALERTING);
	forget(r);
	released(r, 8, IWU_ELSEWHERE, false);
	EXPECT(r, "> CC-RELEASE reason=00 display='Answered elsewhere'\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	EXPECT(r, "idle\n");
	rig_free(r);
}

/* As a real handset does it: a normal call, then the internal-call key with the first digit. */
static void internal_key(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	pp_setup(r);
	setup_ok(r, 101);
	forget(r);
	pp_keys(r, "\x17"
	           "5");
	EXPECT(r, "sipd release 101 normal\nsipd setup 102 '' internal\n");
	setup_ok(r, 102);
	EXPECT(r, "sipd digits 102 '5'\n");
	pp_keys(r, "6");
	EXPECT(r, "sipd digits 102 '6'\n");
	pp_hangs_up(r);
	forget(r);
	pp_setup_with(r, "47", false, 9); /* the class of CC-SETUP says it, too */
	EXPECT(r, "sipd setup 103 '47' internal\n");
	pp_hangs_up(r);
	forget(r);
	pp_setup(r);
	EXPECT(r, "sipd setup 104 ''\n");
	rig_free(r);
}

/* ---- the caller hears why ---- */

static void failure_tones(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	pp_setup_with(r, "99", true, 8);
	setup_ok(r, 101);
	progress(r, 101, IWU_PROCEEDING, NULL, NULL);
	forget(r);
	released(r, 101, IWU_BUSY, true);
	EXPECT(r, "> CC-INFO progress=8 display='Busy'\n");
	pass(r, 12000);
	EXPECT(r, "> CC-RELEASE reason=00\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	EXPECT(r, "idle\n");
	/* The user hangs up first: sipd has no call any more that could be released. */
	pp_setup_with(r, "99", true, 8);
	setup_ok(r, 102);
	released(r, 102, IWU_UNKNOWN_NUMBER, true);
	forget(r);
	pp_hangs_up(r);
	EXPECT(r, "> CC-RELEASE-COM reason=00\nidle\n");
	/* Without a tone the release itself says it. */
	pp_setup_with(r, "99", true, 8);
	setup_ok(r, 103);
	forget(r);
	released(r, 103, IWU_BUSY, false);
	EXPECT(r, "> CC-RELEASE-COM reason=14 display='Busy'\nidle\n");
	/* sipd refuses. */
	pp_setup_with(r, "99", true, 8);
	forget(r);
	phones_setup_done(r->phones, 104, ERR_DENIED, NULL, false, "user is disabled");
	settle(r);
	EXPECT(r, "> CC-RELEASE-COM reason=15 display='Not possible'\nidle\n");
	/* sipd is away. */
	r->setup_err = ERR_LOST;
	pp_setup_with(r, "99", true, 8);
	EXPECT(r, "sipd setup 105 '99' complete\n");
	for (int i = 0; i < 11; i++)
		pass(r, 300);
	forget(r);
	pass(r, 300);
	EXPECT(r, "sipd setup 105 '99' complete\n"
	          "> CC-RELEASE-COM reason=34 display='Server not reachable'\nidle\n");
	r->setup_err = 0;
	/* For a moment only: it is asked again, also when it died with the request. */
	r->setup_err = ERR_LOST;
	pp_setup_with(r, "99", true, 8);
	r->setup_err = 0;
	phones_orphan(r->phones, 1000);
	forget(r);
	pass(r, 300);
	EXPECT(r, "sipd setup 106 '99' complete\n");
	phones_setup_done(r->phones, 106, ERR_LOST, NULL, false, "");
	pass(r, 300);
	EXPECT(r, "sipd setup 106 '99' complete\n");
	setup_ok(r, 106);
	pp_hangs_up(r);
	/* The base has no channel. */
	r->media_err = ERR_BUSY;
	pp_setup_with(r, "99", true, 8);
	forget(r);
	setup_ok(r, 107);
	EXPECT(r, "speech session 107\nsipd release 107 no channel\n"
	          "> CC-RELEASE-COM reason=33 display='No channel free'\nidle\n");
	rig_free(r);
}

static void security_first(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	r->secure_now = false;
	r->secure_err = ERR_AUTH;
	pp_setup_with(r, "4712", true, 8);
	EXPECT(r, "> CC-RELEASE-COM reason=09\nidle\n");
	r->secure_err = 0;
	pp_setup_with(r, "4712", true, 8);
	EXPECT(r, "sipd setup 101 '4712' complete\n");
	rig_free(r);
}

/* ---- second calls ---- */

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

/* ---- service codes and menus ---- */

static void answer(struct rig *r, struct iwu_answer *a)
{
	phones_answer(r->phones, r->pp, r->token, a);
	settle(r);
}

static void server_code(void **state)
{
	struct rig *r = rig_new();
	struct iwu_answer a = { .address = "192.0.2.10:5061", .domain = "example.org" };

	(void)state;
	/* Dialled before off-hook: the code comes in one piece, after the dial tone was asked for. */
	pp_setup(r);
	setup_ok(r, 101);
	forget(r);
	pp_keys(r, "***999*00");
	EXPECT(r, "sipd release 101 normal\nsipd query server kind=0 from=0 when=0 state=0 ''\n");
	answer(r, &a);
	EXPECT(
	    r, "> CC-INFO display='Server\\0d\\0a192.0.2.10:5061\\0d\\0aexample.org' signal=05\n");
	pass(r, 17999);
	EXPECT(r, "");
	pass(r, 1);
	EXPECT(r, "> CC-RELEASE reason=00\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	EXPECT(r, "idle\n");
	/* Whole in CC-SETUP, and for a handset that serves nobody. */
	struct pp_user_in u = { .name = slice_str("4711") };
	(void)pp_user_put(r->pps, &u);
	assert_null(r->pp->user);
	pp_setup_with(r, "***999*00", false, 8);
	EXPECT(r, "sipd query server kind=0 from=0 when=0 state=0 ''\n");
	answer(r, &a);
	EXPECT(r, "> CC-SETUP-ACK display='Server\\0d\\0a192.0.2.10:5061\\0d\\0aexample.org' "
	          "signal=05\n");
	pp_hangs_up(r);
	EXPECT(r, "> CC-RELEASE-COM reason=00\nidle\n");
	/* Such a handset can call nobody but for help. */
	pp_setup_with(r, "4712", true, 8);
	EXPECT(r, "> CC-RELEASE-COM reason=12 display='No user assigned'\nidle\n");
	pp_setup_with(r, "112", true, 8);
	EXPECT(r, "sipd setup 102 '112' complete emergency\n");
	pp_hangs_up(r);
	forget(r);
	pp_setup(r);
	EXPECT(r, "> CC-SETUP-ACK display='No user assigned'\n");
	pp_keys(r, "47");
	EXPECT(r, "> CC-RELEASE reason=12 display='No user assigned'\n");
	rig_free(r);
}

static void codes_or_numbers(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	/* A number that begins like a code is one when no code fits any more, or after a pause. */
	pp_setup(r);
	setup_ok(r, 101);
	forget(r);
	pp_keys(r, "*");
	pp_keys(r, "2");
	EXPECT(r, "");
	pp_keys(r, "5");
	EXPECT(r, "sipd digits 101 '*25'\n");
	pp_hangs_up(r);
	pp_setup(r);
	setup_ok(r, 102);
	forget(r);
	pp_keys(r, "**");
	pass(r, 3999);
	EXPECT(r, "");
	pass(r, 1);
	EXPECT(r, "sipd digits 102 '**'\n");
	pp_hangs_up(r);
	/* Forwards: set, off, all off. */
	pp_setup(r);
	setup_ok(r, 103);
	forget(r);
	pp_keys(r, "*67*4713#");
	EXPECT(
	    r, "sipd release 103 normal\nsipd query forward kind=0 from=0 when=2 state=0 '4713'\n");
	answer(r, &(struct iwu_answer){ 0 });
	EXPECT(r, "> CC-RELEASE reason=00 display='Forwarded to\\0d\\0a4713'\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	forget(r);
	pp_setup_with(r, "##002#", true, 8);
	answer(r, &(struct iwu_answer){ 0 });
	answer(r, &(struct iwu_answer){ 0 });
	answer(r, &(struct iwu_answer){ 0 });
	EXPECT(r, "sipd query forward kind=0 from=0 when=4 state=0 ''\n"
	          "sipd query forward kind=0 from=0 when=3 state=0 ''\n"
	          "sipd query forward kind=0 from=0 when=2 state=0 ''\n"
	          "sipd query forward kind=0 from=0 when=1 state=0 ''\n");
	answer(r, &(struct iwu_answer){ 0 });
	EXPECT(r, "> CC-RELEASE-COM reason=00 display='Forward off'\nidle\n");
	/* Refused by sipd: its words. */
	pp_setup_with(r, "*21*1#", true, 8);
	answer(r, &(struct iwu_answer){ .err = ERR_VALUE, .why = "a forward to oneself" });
	EXPECT(r, "sipd query forward kind=0 from=0 when=1 state=0 '1'\n"
	          "> CC-RELEASE-COM reason=00 display='a forward to oneself'\nidle\n");
	/* Redial. */
	pp_setup_with(r, "**0", true, 8);
	EXPECT(r, "sipd setup 104 '' complete redial\n");
	setup_ok(r, 104);
	progress(r, 104, IWU_PROCEEDING, NULL, NULL);
	EXPECT(r, "> CC-CALL-PROC\n");
	pp_hangs_up(r);
	forget(r);
	/* Base, own number, presence. */
	pp_setup_with(r, "***999*01", true, 8);
	EXPECT(r, "> CC-SETUP-ACK display='Base Hall 3\\0d\\0a-55 dBm' signal=05\n");
	pp_hangs_up(r);
	forget(r);
	pp_setup_with(r, "***999*02", true, 8);
	EXPECT(r, "> CC-SETUP-ACK display='Number\\0d\\0a4711\\0d\\0aAnna' signal=05\n");
	pp_hangs_up(r);
	forget(r);
	pp_setup_with(r, "***999*11", true, 8);
	answer(r, &(struct iwu_answer){ 0 });
	EXPECT(r, "sipd query presence kind=0 from=0 when=0 state=8 ''\n"
	          "> CC-RELEASE-COM reason=00 display='Done'\nidle\n");
	rig_free(r);
}

static void list_menu(void **state)
{
	struct rig *r = rig_new();
	struct iwu_answer *a = mem_new(sizeof(*a));

	(void)state;
	a->n = 2;
	a->total = 2;
	(void)snprintf(a->e[0].who.name, sizeof(a->e[0].who.name), "Bob");
	(void)snprintf(a->e[0].who.number, sizeof(a->e[0].who.number), "4712");
	a->e[0].unread = true;
	(void)snprintf(a->e[1].who.number, sizeof(a->e[1].who.number), "+4930123");
	pp_setup_with(r, "***999*20", true, 8);
	EXPECT(
	    r, "> CC-SETUP-ACK display='Missed'\nsipd query log kind=3 from=0 when=0 state=0 ''\n");
	answer(r, a);
	EXPECT(r, "> CC-INFO display='1/2* \\0d\\0aBob 4712\\0d\\0a4712'\n");
	pp_keys(r, "8");
	EXPECT(r, "> CC-INFO display='2/2 \\0d\\0a+4930123'\n");
	pp_keys(r, "8"); /* the last stays */
	EXPECT(r, "> CC-INFO display='2/2 \\0d\\0a+4930123'\n");
	pp_keys(r, "0");
	EXPECT(r, "> CC-INFO display='Clear the list? #'\n");
	pp_keys(r, "5"); /* rather not */
	EXPECT(r, "> CC-INFO display='2/2 \\0d\\0a+4930123'\n");
	pp_keys(r, "0#");
	EXPECT(r, "> CC-INFO display='Clear the list? #'\n> CC-INFO display='One moment'\n"
	          "sipd query clear kind=3 from=0 when=0 state=0 ''\n");
	answer(r, &(struct iwu_answer){ 0 });
	EXPECT(r, "> CC-RELEASE reason=00 display='Cleared'\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	pp_setup_with(r, "***999*20", true, 8);
	answer(r, a);
	pp_keys(r, "8");
	forget(r);
	pp_keys(r, "2#");
	EXPECT(r, "> CC-INFO display='1/2* \\0d\\0aBob 4712\\0d\\0a4712'\n"
	          "sipd setup 101 '4712' complete\n");
	setup_ok(r, 101);
	progress(r, 101, IWU_PROCEEDING, NULL, NULL);
	EXPECT(r, "> CC-CALL-PROC\n");
	pp_hangs_up(r);
	forget(r);
	/* Nobody answers the query: left with a word; nobody touches a menu: left without. */
	pp_setup_with(r, "***999*21", true, 8);
	answer(r, &(struct iwu_answer){ .err = ERR_LOST });
	EXPECT(r,
	    "> CC-SETUP-ACK display='Received'\nsipd query log kind=2 from=0 when=0 state=0 ''\n"
	    "> CC-RELEASE reason=00 display='Not possible'\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	pp_setup_with(r, "***999*22", true, 8);
	a->n = a->total = 0;
	answer(r, a);
	pp_ends(r, CC_RELEASE_COM, 0);
	EXPECT(r, "idle\n> CC-SETUP-ACK display='Dialled'\nsipd query log kind=1 from=0 when=0 "
	          "state=0 ''\n"
	          "> CC-RELEASE reason=00 display='No entries'\nidle\n");
	/* The search text is written by pressing keys repeatedly. */
	pp_setup_with(r, "***999*23", true, 8);
	forget(r);
	pp_keys(r, "2");
	pp_keys(r, "66");
	pass(r, 1500);
	pp_keys(r, "6");
	EXPECT(r, "> CC-INFO display='Search:\\0d\\0aa_'\n> CC-INFO display='Search:\\0d\\0aam_'\n"
	          "> CC-INFO display='Search:\\0d\\0aan_'\n> CC-INFO display='Search:\\0d\\0aan_'\n"
	          "> CC-INFO display='Search:\\0d\\0aanm_'\n");
	pp_keys(r, "*#");
	EXPECT(r, "> CC-INFO display='Search:\\0d\\0aan_'\n> CC-INFO display='One moment'\n"
	          "sipd query directory kind=0 from=0 when=0 state=0 'an'\n");
	a->n = a->total = 1;
	(void)snprintf(a->e[0].who.name, sizeof(a->e[0].who.name), "Anne");
	(void)snprintf(a->e[0].who.number, sizeof(a->e[0].who.number), "4719");
	a->e[0].unread = false;
	a->e[0].state = 4;
	a->e[0].person = iwu_person(SLICE_LIT("sip:anne@b"));
	answer(r, a);
	EXPECT(r, "> CC-INFO display='1/1 In a call\\0d\\0aAnne 4719\\0d\\0a4719'\n");
	/* … and it follows what she does, for as long as the list is open. */
	phones_presence(r->phones, r->pp, iwu_person(SLICE_LIT("bob@b")), 2);
	phones_presence(r->phones, r->pp, iwu_person(SLICE_LIT("anne@b")), 1);
	phones_presence(r->phones, r->pp, iwu_person(SLICE_LIT("SIP:Anne@b;x=y")), 1);
	EXPECT(r, "> CC-INFO display='1/1 Available\\0d\\0aAnne 4719\\0d\\0a4719'\n");
	pass(r, 18000);
	EXPECT(r, "> CC-RELEASE reason=00\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	forget(r);
	/* Presence by choice. */
	pp_setup_with(r, "***999*12", true, 8);
	pp_keys(r, "3");
	pp_keys(r, "#");
	answer(r, &(struct iwu_answer){ 0 });
	EXPECT(r,
	    "> CC-SETUP-ACK display='1 Available'\n> CC-INFO display='3 Do not disturb'\n"
	    "> CC-INFO display='One moment'\nsipd query presence kind=0 from=0 when=0 state=6 ''\n"
	    "> CC-RELEASE reason=00 display='Do not disturb'\n");
	free(a);
	rig_free(r);
}

static void languages(void **state)
{
	struct rig *r = rig_new();
	struct pp_user_in u = { .name = slice_str("4711"),
		.ipei = slice_str("040970175053"),
		.locale = slice_str("de-AT") };

	(void)state;
	(void)pp_user_put(r->pps, &u);
	r->pp->caps.tc.charsets = 1; /* ISO 8859-1 */
	talk(r);
	pp_keys(r, "\x15");
	held(r, 101, true, 0);
	setup_ok(r, 102);
	EXPECT(r, "sipd hold 101\nsipd setup 102 '' consultation\n"
	          "> CC-INFO progress=8 display='Nummer w\\e4hlen'\n");
	rig_free(r);
}

/* ---- who is calling: what a display and a memory can take ---- */

static void caller_limits(void **state)
{
	struct rig *r = rig_new();
	struct iwu_offer o = { .ring_pattern = -1, .media = at(7) };
	char longuri[120], name[80];

	(void)state;
	r->conf.cc.number_uris = true;
	rig_reconf(r);
	(void)snprintf(longuri, sizeof(longuri), "sip:+4930123456789@%s.example.org",
	    "a-very-long-name-of-a-host-that-nobody-would-ever-type-in-by-hand");
	(void)snprintf(name, sizeof(name), "Dr. Maximilian Mustermann-Beispiel");
	/* Too long to be stored: its dialable user part; the name is cut to 24 characters. */
	o.caller.uri = slice_str(longuri);
	o.caller.name = slice_str(name);
	o.caller.external = true;
	assert_int_equal(phones_offer(r->phones, r->pp, 7, &o), IWU_NONE);
	settle(r);
	EXPECT(r,
	    "page\n> CC-SETUP display='Dr. Maximilian Musterman\\0d\\0a+4930123456789' signal=41 "
	    "from=+4930123456789 name=Dr. Maximilian Musterman\nsipd offered 7 yes\n");
	rig_free(r);
}

static void anonymous_and_sent_on(void **state)
{
	struct rig *r = rig_new();
	struct iwu_offer o = { .ring_pattern = 5, .media = at(7) };

	(void)state;
	o.caller.anonymous = true;
	o.has_diverted = true;
	o.diverted.name = slice_str("Sales");
	assert_int_equal(phones_offer(r->phones, r->pp, 7, &o), IWU_NONE);
	settle(r);
	EXPECT(r, "page\n> CC-SETUP service=90 display='anonymous\\0d\\0avia Sales' signal=45 "
	          "from=(restricted)\nsipd offered 7 yes\n");
	rig_free(r);
}

/* ---- sipd goes and comes, bases change, links are unsafe ---- */

static void sipd_restarts(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	/* Speech goes on without it until the user hangs up, or for two minutes. */
	talk(r);
	phones_orphan(r->phones, 120000);
	settle(r);
	EXPECT(r, "");
	pp_keys(r, "\x15"); /* nothing can be held */
	EXPECT(r, "> CC-INFO display='Not possible' signal=09\n");
	pp_hangs_up(r);
	EXPECT(r, "> CC-RELEASE-COM reason=00\nidle\n");
	talk(r);
	phones_orphan(r->phones, 120000);
	pass(r, 120000);
	EXPECT(r, "> CC-RELEASE reason=00\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	forget(r);
	/* What was not answered yet ends at once. */
	pp_setup(r);
	setup_ok(r, r->next_ref);
	forget(r);
	phones_orphan(r->phones, 120000);
	settle(r);
	EXPECT(r, "> CC-RELEASE reason=34 display='Server not reachable'\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	assert_int_equal(offer(r, 7, "Bob", "4712"), IWU_NONE);
	pp_says(r, CC_ALERTING);
	forget(r);
	phones_orphan(r->phones, 120000);
	settle(r);
	EXPECT(r, "> CC-RELEASE reason=34 display='Server not reachable'\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	/* The same process again: it is told what it may have missed. */
	assert_int_equal(offer(r, 8, "Bob", "4712"), IWU_NONE);
	pp_says(r, CC_ALERTING);
	forget(r);
	phones_resync(r->phones);
	EXPECT(r, "sipd alerting 8\n");
	pp_says(r, CC_CONNECT);
	forget(r);
	phones_resync(r->phones);
	EXPECT(r, "sipd answer 8\n");
	rig_free(r);
}

static void radio_events(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	talk(r);
	phones_moved(r->phones, r->pp);
	EXPECT(r, "sipd radio 101 handover\n");
	/* mediad was re-homed: the base is pointed to the new one. */
	r->mute_radio = false;
	phones_media(r->phones, 101, at(55));
	EXPECT(r, "speech session 55\n");
	r->mute_radio = true;
	/* mediad died: tried again until sipd says where the session is now. */
	r->mute_radio = false;
	phones_media_failed(r->phones, r->pp, ERR_LOST);
	EXPECT(r, "");
	pass(r, 1500);
	EXPECT(r, "speech session 55\n");
	phones_media_failed(r->phones, r->pp, ERR_NOTFOUND);
	phones_media(r->phones, 101, at(56));
	EXPECT(r, "speech session 56\n");
	phones_media_open(r->phones, r->pp);
	pass(r, 60000);
	EXPECT(r, "");
	r->mute_radio = true;
	/* The new base has no channel. */
	phones_media_failed(r->phones, r->pp, ERR_BUSY);
	settle(r);
	EXPECT(r, "sipd release 101 no channel\n> CC-INFO display='No channel free' signal=03\n"
	          "> CC-RELEASE reason=32\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	forget(r);
	/* Ciphering broke down. */
	talk(r);
	phones_unsafe(r->phones, r->pp, CC_R_SECURITY);
	settle(r);
	EXPECT(r, "sipd release 102 authentication failed\n> CC-RELEASE reason=40\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	forget(r);
	/* The handset is deleted in a call. */
	talk(r);
	phones_gone(r->phones, r->pp);
	settle(r);
	EXPECT(r, "sipd release 103 not reachable\nidle\n");
	assert_int_equal(phones_calls(r->phones), 0);
	rig_free(r);
}

/* A million key presses and messages in any order: nothing breaks, nothing is left. */
static void any_order(void **state)
{
	struct rig *r = rig_new();
	static const char keys[] = "0123456789*#\x15\x1c\x15\x15"
	                           "1234";

	(void)state;
	id_seed_for_tests(4711);
	r->mute_radio = true;
	for (unsigned n = 0; n < 60000; n++) {
		uint64_t ref = r->next_ref - id_below(3);
		struct cc_call *c = cc_of_pp(r->pp);
		char k[3] = { keys[id_below(sizeof(keys) - 1)], keys[id_below(sizeof(keys) - 1)],
			0 };

		if (!c && id_below(3) == 0)
			pp_setup_with(r, id_below(2) ? "4712" : NULL, id_below(2), 8);
		else if (id_below(4) == 0)
			pp_keys(r, k);
		switch (id_below(24)) {
		case 0:
			setup_ok(r, ref);
			break;
		case 1:
			progress(r, ref, IWU_PROCEEDING, NULL, NULL);
			break;
		case 2:
			progress(r, ref, IWU_ALERTING, "Bob", "4712");
			break;
		case 3:
			connected(r, ref, "Bob", "4712");
			break;
		case 4:
		case 5:
			held(r, ref, id_below(2), id_below(8) ? 0 : ERR_STATE);
			break;
		case 6:
			released(r, ref, (enum iwu_cause)(1 + id_below(18)), id_below(2));
			break;
		case 7:
			(void)offer(r, ++r->next_ref, "Carl", "4713");
			break;
		case 8:
			phones_transfer_done(r->phones, ref, id_below(2) ? 0 : ERR_STATE);
			break;
		case 9:
			phones_conference_done(
			    r->phones, ref, id_below(2), id_below(2) ? 0 : ERR_STATE);
			break;
		case 10:
			pp_says(r, CC_CONNECT);
			break;
		case 11:
			pp_says(r, CC_ALERTING);
			break;
		case 12:
			pp_ends(r, CC_RELEASE, 0);
			break;
		case 13:
			pp_ends(r, CC_RELEASE_COM, id_below(2) ? 0x32 : 0);
			break;
		case 14:
			pp_says(r, id_below(2) ? CC_HOLD : CC_RETRIEVE);
			break;
		case 15:
			cc_lost(phones_cc(r->phones), r->pp);
			break;
		case 16:
			answer(r, &(struct iwu_answer){ .n = id_below(3), .total = 3 });
			break;
		case 17:
			r->media_err = id_below(4) ? 0 : ERR_BUSY;
			break;
		case 18:
			phones_media_failed(r->phones, r->pp, ERR_BUSY);
			break;
		case 19:
			if (id_below(50) == 0)
				phones_orphan(r->phones, 1000);
			break;
		default:
			pass(r, id_below(9000));
			break;
		}
		settle(r);
		forget(r);
	}
	/* Everything ends by itself once nobody does anything any more. */
	cc_lost(phones_cc(r->phones), r->pp);
	settle(r);
	for (unsigned i = 0; i < 5; i++) {
		pass(r, 200000);
		cc_lost(phones_cc(r->phones), r->pp);
		settle(r);
	}
	assert_false(cc_busy(r->pp));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outgoing_overlap),
		cmocka_unit_test(outgoing_en_bloc),
		cmocka_unit_test(incoming),
		cmocka_unit_test(late_name),
		cmocka_unit_test(incoming_refused),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(internal_key),
		cmocka_unit_test(failure_tones),
		cmocka_unit_test(security_first),
		cmocka_unit_test(consultation),
		cmocka_unit_test(ends_with_two),
		cmocka_unit_test(transfers),
		cmocka_unit_test(transfer_on_hangup),
		cmocka_unit_test(conference),
		cmocka_unit_test(call_waiting),
		cmocka_unit_test(no_call_waiting),
		cmocka_unit_test(hold_by_message),
		cmocka_unit_test(ngdect_codes),
		cmocka_unit_test(server_code),
		cmocka_unit_test(codes_or_numbers),
		cmocka_unit_test(list_menu),
		cmocka_unit_test(languages),
		cmocka_unit_test(caller_limits),
		cmocka_unit_test(anonymous_and_sent_on),
		cmocka_unit_test(sipd_restarts),
		cmocka_unit_test(radio_events),
		cmocka_unit_test(any_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
