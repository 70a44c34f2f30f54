/* Service codes, menus of lists and languages of a handset. */
#include "phone_rig.h"

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
	svc_answers(r, &a);
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
	svc_answers(r, &a);
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
	svc_answers(r, &(struct iwu_answer){ 0 });
	EXPECT(r, "> CC-RELEASE reason=00 display='Forwarded to\\0d\\0a4713'\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	forget(r);
	pp_setup_with(r, "##002#", true, 8);
	svc_answers(r, &(struct iwu_answer){ 0 });
	svc_answers(r, &(struct iwu_answer){ 0 });
	svc_answers(r, &(struct iwu_answer){ 0 });
	EXPECT(r, "sipd query forward kind=0 from=0 when=4 state=0 ''\n"
	          "sipd query forward kind=0 from=0 when=3 state=0 ''\n"
	          "sipd query forward kind=0 from=0 when=2 state=0 ''\n"
	          "sipd query forward kind=0 from=0 when=1 state=0 ''\n");
	svc_answers(r, &(struct iwu_answer){ 0 });
	EXPECT(r, "> CC-RELEASE-COM reason=00 display='Forward off'\nidle\n");
	/* Refused by sipd: its words. */
	pp_setup_with(r, "*21*1#", true, 8);
	svc_answers(r, &(struct iwu_answer){ .err = ERR_VALUE, .why = "a forward to oneself" });
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
	svc_answers(r, &(struct iwu_answer){ 0 });
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
	svc_answers(r, a);
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
	svc_answers(r, &(struct iwu_answer){ 0 });
	EXPECT(r, "> CC-RELEASE reason=00 display='Cleared'\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	pp_setup_with(r, "***999*20", true, 8);
	svc_answers(r, a);
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
	svc_answers(r, &(struct iwu_answer){ .err = ERR_LOST });
	EXPECT(r,
	    "> CC-SETUP-ACK display='Received'\nsipd query log kind=2 from=0 when=0 state=0 ''\n"
	    "> CC-RELEASE reason=00 display='Not possible'\n");
	pp_ends(r, CC_RELEASE_COM, 0);
	pp_setup_with(r, "***999*22", true, 8);
	a->n = a->total = 0;
	svc_answers(r, a);
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
	svc_answers(r, a);
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
	svc_answers(r, &(struct iwu_answer){ 0 });
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_code),
		cmocka_unit_test(codes_or_numbers),
		cmocka_unit_test(list_menu),
		cmocka_unit_test(languages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
