/* Calls of a handset from end to end over the rig: basic calls both ways, faults, anything in any order. */
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

/* ---- service codes and menus ---- */

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
			svc_answers(r, &(struct iwu_answer){ .n = id_below(3), .total = 3 });
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
		cmocka_unit_test(caller_limits),
		cmocka_unit_test(anonymous_and_sent_on),
		cmocka_unit_test(sipd_restarts),
		cmocka_unit_test(radio_events),
		cmocka_unit_test(any_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
