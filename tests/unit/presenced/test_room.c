/* presenced as a whole: what is shown after sipd was away, whose word counts about whom, requests that are done by half. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/presenced/room_rig.h"
#include "presenced/watcher.h"

static char alice[] = "alice", bob[] = "bob";

static int up(void **state)
{
	struct rig *g = rig_new();

	rig_links(g);
	*state = g;
	return 0;
}

static int down(void **state)
{
	rig_free(*state);
	return 0;
}

static void there(struct rig *g, char *name, const char *aor)
{
	rig_user(g, name);
	rig_reg(g, name, true, false, aor);
}

static void test_call_over_while_sipd_was_away(void **state)
{
	struct rig *g = *state;

	there(g, alice, "sip:alice@example.com");
	rig_calls(g, alice, 1);
	rig_done(g);
	rig_pump(g);
	assert_int_equal(rig_shown(g, alice), SHOWN_IN_A_CALL);
	ipc_peer_drop(g->sipd, "test");
	rig_pump(g);
	/* The new sipd knows of no call: it says nothing of calls. */
	rig_links(g);
	there(g, alice, "sip:alice@example.com");
	rig_pump(g);
	assert_int_equal(rig_shown(g, alice), SHOWN_IN_A_CALL);
	rig_done(g);
	rig_pump(g);
	assert_int_equal(rig_shown(g, alice), SHOWN_AVAILABLE);
}

/* A registration that is not there again some time after sipd came back is none. */
static void test_registration_lost_while_sipd_was_away(void **state)
{
	struct rig *g = *state;

	there(g, alice, "sip:alice@example.com");
	there(g, bob, "sip:bob@example.com");
	rig_reach(g, alice, true, true);
	rig_done(g);
	rig_pump(g);
	assert_int_equal(rig_shown(g, alice), SHOWN_AVAILABLE);
	ipc_peer_drop(g->sipd, "test");
	rig_pump(g);
	assert_int_equal(rig_shown(g, alice), SHOWN_AVAILABLE);
	rig_links(g);
	rig_user(g, alice);
	rig_user(g, bob);
	rig_done(g);
	rig_pump(g);
	rig_wait(g, 10000);
	assert_int_equal(rig_shown(g, alice), SHOWN_AVAILABLE);
	rig_reg(g, bob, true, false, "sip:bob@example.com");
	rig_wait(g, 120000);
	assert_int_equal(rig_shown(g, alice), SHOWN_UNKNOWN);
	assert_int_equal(rig_shown(g, bob), SHOWN_AWAY);
	rig_reg(g, alice, true, false, "sip:alice@example.com");
	rig_pump(g);
	assert_int_equal(rig_shown(g, alice), SHOWN_AWAY);
}

/* The same sipd after a broken link: what it does not name is not there. */
static void test_registration_lost_while_the_link_was_broken(void **state)
{
	struct rig *g = *state;

	there(g, alice, "sip:alice@example.com");
	rig_done(g);
	rig_pump(g);
	ipc_peer_drop(g->sipd, "test");
	rig_pump(g);
	rig_links(g);
	presenced_up(&g->run.d, ipc_find(g->run.d.ipc, IPC_SIPD, 0), false);
	rig_user(g, alice);
	rig_done(g);
	rig_pump(g);
	assert_int_equal(rig_shown(g, alice), SHOWN_UNKNOWN);
}

/* An account that moved from one user to another: the one who registered last has it. */
static void test_account_moves(void **state)
{
	struct rig *g = *state;

	there(g, alice, "sip:one@example.com");
	rig_done(g);
	rig_pump(g);
	rig_reg(g, alice, false, false, NULL);
	there(g, bob, "sip:One@example.com");
	rig_pump(g);
	struct puser *u = puser_by_aor(rig_room(g), SLICE_LIT("sip:one@example.com"));
	assert_non_null(u);
	assert_string_equal(u->name, bob);
	rig_gone(g, alice);
	rig_pump(g);
	assert_ptr_equal(puser_by_aor(rig_room(g), SLICE_LIT("one@example.com;x=y")), u);
}

static int manual(struct rig *g, uint32_t state, const char *note)
{
	Call__PresenceSet s = CALL__PRESENCE_SET__INIT;
	unsigned was = g->answers;

	s.user = alice;
	s.state = state;
	s.has_note = note != NULL;
	s.note = rig_bin(note ? note : "");
	rig_ask(g, PRES__TYPE__PRES_MANUAL, &s.base, &call__ok__descriptor);
	rig_pump(g);
	assert_int_equal(g->answers, was + 1);
	return g->err;
}

/* What is refused has changed nothing. */
static void test_manual_by_half(void **state)
{
	struct rig *g = *state;
	char note[LYNC_NOTE_MAX + 2];

	there(g, alice, "sip:alice@example.com");
	rig_done(g);
	rig_pump(g);
	assert_int_equal(manual(g, PRES__STATE__STATE_AWAY, "at lunch"), 0);
	assert_int_equal(rig_shown(g, alice), SHOWN_AWAY);
	memset(note, 'x', sizeof(note) - 1);
	note[sizeof(note) - 1] = '\0';
	assert_int_equal(manual(g, PRES__STATE__STATE_DO_NOT_DISTURB, note), ERR_VALUE);
	assert_non_null(strstr(g->text, "note"));
	assert_int_equal(rig_shown(g, alice), SHOWN_AWAY);
	assert_int_equal(manual(g, PRES__STATE__STATE_BUSY, "\xff"), ERR_VALUE);
	assert_int_equal(rig_shown(g, alice), SHOWN_AWAY);
	assert_string_equal(puser_find(rig_room(g), slice_str(alice))->note, "at lunch");
	rig_stop(g);
	rig_start(g);
	rig_links(g);
	there(g, alice, "sip:alice@example.com");
	rig_done(g);
	rig_pump(g);
	assert_int_equal(rig_shown(g, alice), SHOWN_AWAY);
}

/* A policy of several settings, as the operator's guide has it, by a reload. */
static void test_group_policy(void **state)
{
	struct rig *g = *state;
	const struct conf_key *k = presenced_keys;
	Base__User u = BASE__USER__INIT;
	static char nurses[] = "nurses";

	while (strcmp(k->key, "group-policy") != 0)
		k++;
	assert_int_equal(
	    conf_set(k, SLICE_LIT("agents:agent=available nurses:available=20m,offline=yes"),
	        &g->conf[1]),
	    0);
	assert_int_equal(presenced_reload(&g->run.d, &g->conf[1]), 0);
	g->run.d.conf = &g->conf[g->which = 1];
	u.name = alice;
	u.group = nurses;
	rig_say(g, PRES__TYPE__PRES_USER_PUT, &u.base);
	rig_reg(g, alice, true, false, "sip:alice@example.com");
	rig_reach(g, alice, true, true);
	rig_done(g);
	rig_wait(g, 19 * 60000);
	assert_int_equal(rig_shown(g, alice), SHOWN_AVAILABLE);
	rig_reach(g, alice, false, false);
	rig_pump(g);
	assert_int_equal(rig_shown(g, alice), SHOWN_OFFLINE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_call_over_while_sipd_was_away, up, down),
		cmocka_unit_test_setup_teardown(
		    test_registration_lost_while_sipd_was_away, up, down),
		cmocka_unit_test_setup_teardown(
		    test_registration_lost_while_the_link_was_broken, up, down),
		cmocka_unit_test_setup_teardown(test_account_moves, up, down),
		cmocka_unit_test_setup_teardown(test_manual_by_half, up, down),
		cmocka_unit_test_setup_teardown(test_group_policy, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
