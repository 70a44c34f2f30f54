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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outgoing_overlap),
		cmocka_unit_test(outgoing_en_bloc),
		cmocka_unit_test(incoming),
		cmocka_unit_test(incoming_refused),
		cmocka_unit_test(cancelled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
