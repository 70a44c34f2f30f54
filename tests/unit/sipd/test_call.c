/* Calls between handsets: the room with dectd and mediad played by the test. No SIP here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rig.h"
#include "sipd/dect.h"
#include "sipd/reg_tab.h"

static const char conf[] =
    "[sipd]\nlisten-address = 127.0.0.1\nlocal-port = 0\ntransports = udp\n"
    "default-domain = example.test\nno-answer-time = 2s\ndigit-timeout = 1s\n";

static struct rig *with_users(void)
{
	struct rig *r = rig_new(conf);

	rig_add_user(r, "200", "050030000200", NULL, NULL);
	rig_add_user(r, "201", "050030000201", NULL, NULL);
	rig_add_user(r, "202", "050030000202", NULL, NULL);
	rig_add_user(r, "203", "050030000203", "number", "03055");
	RIG_UNTIL(r, sipd_of(&r->d)->dectd);
	rig_await(r, 0, CALL__TYPE__CALL_USERS_DONE, 0);
	return r;
}

static void tables(void **state)
{
	(void)state;
	assert_int_equal(fsm_check(&call_def, stdout), 0);
	assert_int_equal(fsm_check(&reg_def, stdout), 0);
	assert_int_equal(ipc_table_check(sipd_handlers, sipd_nhandlers), 0);
}

static void basic(void **state)
{
	struct rig *r = with_users();
	(void)state;

	size_t mark = r->nev;
	assert_int_equal(rig_setup(r, 11, "200", "201"), 0);
	assert_int_equal(r->nm >= 1, 1);
	struct rig_event *o = rig_await(r, mark, CALL__TYPE__CALL_OFFER, 0);
	assert_string_equal(o->number, "200");
	assert_string_equal(o->name, "User 200");
	assert_false(o->waiting);
	uint64_t b = o->call;
	rig_alerting(r, b);
	RIG_UNTIL(r, rig_media_of(r, 11)->tone[2] == MEDIA__TONE_KIND__TONE_RINGBACK);
	rig_answer(r, b);
	o = rig_await(r, mark, CALL__TYPE__CALL_CONNECTED, 11);
	assert_string_equal(o->number, "201");
	RIG_UNTIL(r, rig_media_of(r, 11)->remote[1] == rig_media_of(r, b)->port[1]);
	assert_int_equal(rig_media_of(r, b)->remote[1], rig_media_of(r, 11)->port[1]);
	assert_int_equal(rig_media_of(r, 11)->tone[2], MEDIA__TONE_KIND__TONE_OFF);
	/* digits in a call are tones for the other */
	rig_digits(r, 11, "5#");
	RIG_UNTIL(r, strcmp(rig_media_of(r, b)->dtmf[2], "5#") == 0);
	/* hold */
	assert_int_equal(rig_hold(r, 11, true), 0);
	o = rig_await(r, mark, CALL__TYPE__CALL_DISPLAY, b);
	assert_true(o->has_held && o->held);
	RIG_UNTIL(r, rig_media_of(r, 11)->music[1] == 1);
	mark = r->nev;
	assert_int_equal(rig_hold(r, 11, false), 0);
	assert_false(rig_await(r, mark, CALL__TYPE__CALL_DISPLAY, b)->held);
	RIG_UNTIL(r, rig_media_of(r, 11)->music[1] == 0);
	assert_int_equal(rig_hold(r, 99, true), ERR_NOTFOUND);
	rig_hangup(r, b, CAUSE_NORMAL);
	assert_int_equal(rig_await(r, mark, CALL__TYPE__CALL_RELEASE, 11)->cause, CAUSE_NORMAL);
	RIG_UNTIL(r, r->m[0].dropped && r->m[1].dropped);
	RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 0);
	rig_free(r);
}

static void overlap_and_failures(void **state)
{
	struct rig *r = with_users();
	(void)state;

	assert_int_equal(rig_setup(r, 11, "200", NULL), 0);
	RIG_UNTIL(r, rig_media_of(r, 11)->tone[2] == MEDIA__TONE_KIND__TONE_DIAL);
	rig_digits(r, 11, "2");
	RIG_UNTIL(r, rig_media_of(r, 11)->tone[2] == MEDIA__TONE_KIND__TONE_OFF);
	rig_digits(r, 11, "0");
	rig_spin(r, 30);
	assert_null(rig_find(r, 0, CALL__TYPE__CALL_OFFER, 0));
	rig_digits(r, 11, "1"); /* nobody's number is longer: rings at once */
	uint64_t b = rig_await(r, 0, CALL__TYPE__CALL_OFFER, 0)->call;
	/* the caller gives up: missed */
	size_t mark = r->nev;
	rig_alerting(r, b);
	rig_spin(r, 20);
	rig_hangup(r, 11, CAUSE_NORMAL);
	assert_int_equal(rig_await(r, mark, CALL__TYPE__CALL_RELEASE, b)->cause, CAUSE_CANCELLED);
	struct rig_event *n = rig_await(r, mark, CALL__TYPE__CALL_NOTICE, 0);
	assert_string_equal(n->name, "201");
	assert_int_equal(n->n2, 1);

	/* an unknown number: tone in band, then silence */
	mark = r->nev;
	assert_int_equal(rig_setup(r, 12, "200", "999"), 0);
	n = rig_await(r, mark, CALL__TYPE__CALL_RELEASE, 12);
	assert_int_equal(n->cause, CAUSE_UNKNOWN_NUMBER);
	assert_true(n->tone);
	/* refused by the handset */
	mark = r->nev;
	assert_int_equal(rig_setup(r, 13, "200", "202"), 0);
	b = rig_await(r, mark, CALL__TYPE__CALL_OFFER, 0)->call;
	rig_alerting(r, b);
	rig_hangup(r, b, CAUSE_REJECTED);
	assert_int_equal(rig_await(r, mark, CALL__TYPE__CALL_RELEASE, 13)->cause, CAUSE_REJECTED);
	/* not reached over the air */
	mark = r->nev;
	r->offer_cause = CAUSE_UNREACHABLE;
	assert_int_equal(rig_setup(r, 14, "200", "202"), 0);
	assert_int_equal(
	    rig_await(r, mark, CALL__TYPE__CALL_RELEASE, 14)->cause, CAUSE_UNREACHABLE);
	r->offer_cause = 0;
	assert_int_equal(rig_setup(r, 15, "nobody", "202"), ERR_NOTFOUND);
	/* redial */
	Call__Setup s = CALL__SETUP__INIT;
	s.call = 16;
	s.user = (char *)(uintptr_t) "200";
	s.has_redial = 1;
	s.redial = 1;
	mark = r->nev;
	assert_int_equal(
	    rig_ask(r, CALL__TYPE__CALL_SETUP, &s.base, &call__setup_ack__descriptor), 0);
	b = rig_await(r, mark, CALL__TYPE__CALL_OFFER, 0)->call;
	rig_answer(r, b);
	rig_await(r, mark, CALL__TYPE__CALL_CONNECTED, 16);
	rig_hangup(r, 16, CAUSE_NORMAL);
	rig_await(r, mark, CALL__TYPE__CALL_RELEASE, b);
	RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 0);
	rig_free(r);
}

/* Calls that ended at sipd while the link was broken: the handset is told when it speaks of them. */
static void ended_meanwhile(void **state)
{
	struct rig *r = with_users();

	(void)state;
	rig_alerting(r, 4711);
	(void)rig_await(r, 0, CALL__TYPE__CALL_RELEASE, 4711);
	rig_answer(r, 4712);
	(void)rig_await(r, 0, CALL__TYPE__CALL_RELEASE, 4712);
	rig_free(r);
}

static void forwards(void **state)
{
	struct rig *r = with_users();
	struct rig_event *o;
	(void)state;

	rig_add_user(r, "201", "050030000201", "forward-always", "202");
	size_t mark = r->nev;
	assert_int_equal(rig_setup(r, 21, "200", "201"), 0);
	o = rig_await(r, mark, CALL__TYPE__CALL_OFFER, 0);
	uint64_t b = o->call;
	rig_answer(r, b);
	assert_string_equal(rig_await(r, mark, CALL__TYPE__CALL_CONNECTED, 21)->number, "202");
	/* 202 has one call: the next is call waiting, the one after is busy and goes on to 203 */
	rig_add_user(r, "202", "050030000202", "forward-busy", "03055");
	mark = r->nev;
	assert_int_equal(rig_setup(r, 22, "203", "202"), 0);
	o = rig_await(r, mark, CALL__TYPE__CALL_OFFER, 0);
	assert_true(o->waiting);
	uint64_t waiting = o->call;
	rig_alerting(r, waiting);
	mark = r->nev;
	assert_int_equal(rig_setup(r, 23, "200", "202"), 0);
	o = rig_await(r, mark, CALL__TYPE__CALL_OFFER, 0);
	assert_string_equal(o->number, "200");
	rig_hangup(r, 23, CAUSE_NORMAL);
	rig_hangup(r, 22, CAUSE_NORMAL);
	rig_hangup(r, 21, CAUSE_NORMAL);
	RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 0);
	/* no answer within 2 s: 202; circle: ends */
	rig_add_user(r, "201", "050030000201", "forward-always", "");
	rig_add_user(r, "201", "050030000201", "forward-no-answer", "203");
	mark = r->nev;
	assert_int_equal(rig_setup(r, 24, "200", "201"), 0);
	b = rig_await(r, mark, CALL__TYPE__CALL_OFFER, 0)->call;
	rig_alerting(r, b);
	assert_int_equal(rig_await(r, mark, CALL__TYPE__CALL_RELEASE, b)->cause, CAUSE_NO_ANSWER);
	mark = r->nev;
	RIG_UNTIL(r, r->offered != b);
	rig_answer(r, r->offered);
	rig_await(r, mark, CALL__TYPE__CALL_CONNECTED, 24);
	rig_hangup(r, 24, CAUSE_NORMAL);
	RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 0);
	rig_add_user(r, "201", "050030000201", "forward-always", "202");
	rig_add_user(r, "202", "050030000202", "forward-always", "201");
	mark = r->nev;
	assert_int_equal(rig_setup(r, 25, "200", "201"), 0);
	rig_await(r, mark, CALL__TYPE__CALL_RELEASE, 25);
	RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 0);
	rig_free(r);
}

static void transfers(void **state)
{
	struct rig *r = with_users();
	(void)state;

	/* attended: 200 has 201 on hold and 202 on the line */
	uint64_t b = rig_connect(r, 31, "200", "201");
	assert_int_equal(rig_hold(r, 31, true), 0);
	uint64_t c = rig_connect(r, 32, "200", "202");
	size_t mark = r->nev;
	assert_int_equal(rig_setup(r, 33, "200", "203"), ERR_LIMIT);
	assert_int_equal(rig_transfer(r, 31, 32, NULL), 0);
	assert_int_equal(
	    rig_await(r, mark, CALL__TYPE__CALL_RELEASE, 31)->cause, CAUSE_TRANSFERRED);
	assert_int_equal(
	    rig_await(r, mark, CALL__TYPE__CALL_RELEASE, 32)->cause, CAUSE_TRANSFERRED);
	RIG_UNTIL(r, rig_media_of(r, b) && rig_media_of(r, c) &&
	                 rig_media_of(r, b)->remote[1] == rig_media_of(r, c)->port[1] &&
	                 rig_media_of(r, c)->remote[1] == rig_media_of(r, b)->port[1]);
	bool shown = false;
	for (size_t i = mark; i < r->nev; i++)
		shown |= r->ev[i].type == CALL__TYPE__CALL_DISPLAY && r->ev[i].call == b &&
		         strcmp(r->ev[i].number, "202") == 0;
	assert_true(shown);
	/* blind: 201 sends 202 to 203 */
	mark = r->nev;
	assert_int_equal(rig_transfer(r, b, 0, "203"), 0);
	assert_int_equal(rig_await(r, mark, CALL__TYPE__CALL_RELEASE, b)->cause, CAUSE_TRANSFERRED);
	uint64_t d = rig_await(r, mark, CALL__TYPE__CALL_OFFER, 0)->call;
	rig_alerting(r, d);
	RIG_UNTIL(r, rig_media_of(r, c)->tone[2] == MEDIA__TONE_KIND__TONE_RINGBACK);
	rig_answer(r, d);
	RIG_UNTIL(r, rig_media_of(r, c)->remote[1] == rig_media_of(r, d)->port[1]);
	assert_int_equal(rig_media_of(r, c)->tone[2], MEDIA__TONE_KIND__TONE_OFF);
	rig_hangup(r, d, CAUSE_NORMAL);
	rig_await(r, mark, CALL__TYPE__CALL_RELEASE, c);
	RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 0);
	rig_spin(r, 20);
	for (size_t i = 0; i < r->nm; i++)
		assert_true(r->m[i].dropped);
	rig_free(r);
}

static void conference_and_lists(void **state)
{
	struct rig *r = with_users();
	(void)state;

	uint64_t b = rig_connect(r, 41, "200", "201");
	assert_int_equal(rig_hold(r, 41, true), 0);
	uint64_t c = rig_connect(r, 42, "200", "202");
	Call__Conference cf = CALL__CONFERENCE__INIT;
	cf.call = 41;
	cf.other = 42;
	assert_int_equal(
	    rig_ask(r, CALL__TYPE__CALL_CONFERENCE, &cf.base, &call__ok__descriptor), 0);
	RIG_UNTIL(r, rig_media_of(r, 41)->mixed == rig_media_of(r, 42)->session);
	RIG_UNTIL(r, rig_media_of(r, 41)->music[1] == 0);
	cf.has_leave = cf.leave = 1;
	assert_int_equal(
	    rig_ask(r, CALL__TYPE__CALL_CONFERENCE, &cf.base, &call__ok__descriptor), 0);
	RIG_UNTIL(r, rig_media_of(r, 41)->mixed == 0);
	rig_hangup(r, 41, CAUSE_NORMAL);
	rig_hangup(r, 42, CAUSE_NORMAL);
	RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 0);
	uint32_t total, unread;
	struct cdr *cdr = sipd_of(&r->d)->cdr;
	extern void test_count(void *ctx, const struct cdr_rec *rec);
	assert_int_equal(
	    cdr_list(cdr, SLICE_LIT("200"), CDR_PLACED, 0, 10, test_count, NULL, &total, &unread),
	    0);
	assert_int_equal(total, 2);
	assert_int_equal(
	    cdr_list(cdr, SLICE_LIT("201"), CDR_RECEIVED, 0, 10, test_count, NULL, &total, &unread),
	    0);
	assert_int_equal(total, 1);
	assert_int_equal(cdr_missed(cdr, SLICE_LIT("201")), 0);
	(void)b;
	(void)c;
	Call__ForwardSet f = CALL__FORWARD_SET__INIT;
	f.user = (char *)(uintptr_t) "201";
	f.when = CALL__FORWARD_WHEN__BUSY;
	f.has_target = 1;
	f.target = (ProtobufCBinaryData){ 3, (uint8_t *)(uintptr_t) "203" };
	assert_int_equal(
	    rig_ask(r, CALL__TYPE__CALL_FORWARD_SET, &f.base, &call__ok__descriptor), 0);
	assert_string_equal(
	    users_find(sipd_of(&r->d)->users, SLICE_LIT("201"))->f[USER_FORWARD_BUSY], "203");
	assert_int_equal(users_del(sipd_of(&r->d)->users, SLICE_LIT("201")), 0);
	rig_await(r, 0, CALL__TYPE__CALL_USER_GONE, 0);
	rig_free(r);
}

void test_count(void *ctx, const struct cdr_rec *rec);
void test_count(void *ctx, const struct cdr_rec *rec)
{
	(void)ctx;
	(void)rec;
}

static void tell_load(struct ipc_peer *p, bool draining)
{
	Media__Load l = MEDIA__LOAD__INIT;

	l.max_sessions = 100;
	l.ports_free = 1000;
	l.draining = draining;
	assert_int_equal(ipc_event(p, IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_LOAD, &l.base), 0);
}

/* The two calls of a handset began at two instances: one session moves, its links follow, and both are mixed. */
static void conference_over_two_mediads(void **state)
{
	struct rig *r = with_users();
	r->mediad2 =
	    rig_node(r, "mediad", 2, rig_mediad_handlers, ARRAY_LEN(rig_mediad_handlers), r);
	struct ipc_peer *peer;
	uint32_t n;
	int pair[2];
	(void)state;

	uint64_t b = rig_connect(r, 41, "200", "201");
	assert_int_equal(rig_hold(r, 41, true), 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	(void)ipc_join(r->d.ipc, pair[0], IPC_MEDIAD);
	peer = ipc_join(r->mediad2, pair[1], IPC_SIPD);
	RIG_UNTIL(r, media_pool_up(sipd_of(&r->d)->media, &n) == 2);
	tell_load(r->media_peer, true);
	RIG_UNTIL(r, media_pool_up(sipd_of(&r->d)->media, &n) == 1);
	uint64_t c = rig_connect(r, 42, "200", "202");
	assert_ptr_equal(rig_media_of(r, 41)->at, r->media_peer);
	assert_ptr_equal(rig_media_of(r, 42)->at, peer);
	/* the first takes no more, so its session goes to the second */
	size_t mark = r->nev;
	uint64_t was = rig_media_of(r, 41)->session;
	Call__Conference cf = CALL__CONFERENCE__INIT;
	cf.call = 41;
	cf.other = 42;
	assert_int_equal(
	    rig_ask(r, CALL__TYPE__CALL_CONFERENCE, &cf.base, &call__ok__descriptor), 0);
	struct rig_event *e = rig_await(r, mark, CALL__TYPE__CALL_MEDIA, 41);
	struct rig_media *m = rig_media_of(r, 41), *o = rig_media_of(r, 42);
	assert_int_equal(e->session, m->session);
	assert_int_not_equal(was, m->session);
	assert_true(rig_session(was)->dropped);
	assert_ptr_equal(m->at, peer);
	RIG_UNTIL(r, m->mixed == o->session || o->mixed == m->session);
	RIG_UNTIL(r, m->music[1] == 0);
	RIG_UNTIL(r, rig_media_of(r, b)->remote[1] == m->port[1]);
	RIG_UNTIL(r, m->remote[1] == rig_media_of(r, b)->port[1]);
	/* Leaving it, and again with room at both: they stay together. */
	cf.has_leave = cf.leave = 1;
	assert_int_equal(
	    rig_ask(r, CALL__TYPE__CALL_CONFERENCE, &cf.base, &call__ok__descriptor), 0);
	RIG_UNTIL(r, m->mixed == 0 || o->mixed == 0);
	/* Neither takes one more, and they are apart: refused, and both calls stay as they are. */
	tell_load(r->media_peer, false);
	RIG_UNTIL(r, media_pool_up(sipd_of(&r->d)->media, &n) == 2);
	rig_hangup(r, 42, CAUSE_NORMAL);
	rig_await(r, mark, CALL__TYPE__CALL_RELEASE, c);
	RIG_UNTIL(r, sipd_of(&r->d)->ncalls == 1);
	tell_load(peer, true);
	RIG_UNTIL(r, media_pool_up(sipd_of(&r->d)->media, &n) == 1);
	(void)rig_connect(r, 43, "200", "202");
	assert_ptr_equal(rig_media_of(r, 43)->at, r->media_peer);
	tell_load(r->media_peer, true);
	RIG_UNTIL(r, media_pool_up(sipd_of(&r->d)->media, &n) == 0);
	cf.has_leave = 0;
	cf.other = 43;
	assert_int_equal(
	    rig_ask(r, CALL__TYPE__CALL_CONFERENCE, &cf.base, &call__ok__descriptor), ERR_BUSY);
	assert_ptr_equal(rig_media_of(r, 41), m);
	rig_free(r);
}

/* mediad dies: the call goes on at the next one, the handset is told. */
static void media_moves(void **state)
{
	struct rig *r = with_users();
	(void)state;

	uint64_t b = rig_connect(r, 51, "200", "201");
	size_t mark = r->nev, sessions = r->nm;
	int pair[2];
	ipc_peer_drop(r->media_peer, "test");
	rig_spin(r, 30);
	for (size_t i = 0; i < sessions; i++)
		r->m[i].dropped = true;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	(void)ipc_join(r->d.ipc, pair[0], IPC_MEDIAD);
	r->media_peer = ipc_join(r->mediad, pair[1], IPC_SIPD);
	struct rig_event *e = rig_await(r, mark, CALL__TYPE__CALL_MEDIA, 51);
	RIG_UNTIL(r, rig_media_of(r, 51) && rig_media_of(r, b));
	assert_int_equal(e->session, rig_media_of(r, 51)->session);
	RIG_UNTIL(r, rig_media_of(r, 51)->remote[1] == rig_media_of(r, b)->port[1]);
	assert_null(rig_find(r, mark, CALL__TYPE__CALL_RELEASE, 0));
	/* dectd dies: its calls end when it is back */
	ipc_peer_drop(r->to_sipd, "test");
	rig_spin(r, 30);
	assert_null(sipd_of(&r->d)->dectd);
	rig_free(r);
}

static void living(struct rig *r, const uint64_t *call, size_t n, uint64_t waiting, bool more)
{
	Call__Living m = CALL__LIVING__INIT;

	m.n_call = n;
	m.call = (uint64_t *)(uintptr_t)call;
	m.n_waiting = waiting != 0;
	m.waiting = &waiting;
	m.has_more = m.more = more;
	assert_int_equal(ipc_event(r->to_sipd, IPC_IF_CALL, CALL__TYPE__CALL_LIVING, &m.base), 0);
}

/* The link to dectd broke and is back: each side has ended calls that the other still has. */
static void link_breaks(void **state)
{
	struct rig *r = with_users();
	struct sipd *s = sipd_of(&r->d);
	struct ipc_peer *dectd = s->dectd;
	size_t mark;
	(void)state;

	uint64_t b = rig_connect(r, 61, "200", "201");
	/* 202 calls 203, who answers while nothing can be told. */
	mark = r->nev;
	assert_int_equal(rig_setup(r, 62, "202", "203"), 0);
	uint64_t d = rig_await(r, mark, CALL__TYPE__CALL_OFFER, 0)->call;
	rig_alerting(r, d);
	rig_await(r, mark, CALL__TYPE__CALL_PROGRESS, 62);
	s->dectd = NULL;
	rig_answer(r, d);
	rig_spin(r, 30);
	assert_null(rig_find(r, mark, CALL__TYPE__CALL_CONNECTED, 62));

	/* 201 has hung up. 77 is a call that ended here. Parts: nothing ends before the last. */
	dect_up(s, dectd, false);
	mark = r->nev;
	living(r, (uint64_t[]){ 61, 62, 77 }, 3, 62, true);
	rig_await(r, mark, CALL__TYPE__CALL_CONNECTED, 62);
	rig_await(r, mark, CALL__TYPE__CALL_RELEASE, 77);
	rig_spin(r, 30);
	assert_null(rig_find(r, mark, CALL__TYPE__CALL_RELEASE, 61));
	assert_int_equal(s->ncalls, 2);
	living(r, (uint64_t[]){ d }, 1, 0, false);
	assert_int_equal(rig_await(r, mark, CALL__TYPE__CALL_RELEASE, 61)->cause, CAUSE_NORMAL);
	RIG_UNTIL(r, s->ncalls == 1);
	assert_null(rig_find(r, mark, CALL__TYPE__CALL_RELEASE, b));

	/* A call of after that is not named is none of before. */
	dect_up(s, dectd, false);
	mark = r->nev;
	(void)rig_connect(r, 63, "200", "201");
	living(r, (uint64_t[]){ 62 }, 1, 0, false);
	rig_await(r, mark, CALL__TYPE__CALL_RELEASE, 62);
	RIG_UNTIL(r, s->ncalls == 1);
	rig_spin(r, 30);
	assert_null(rig_find(r, mark, CALL__TYPE__CALL_RELEASE, 63));
	/* And nothing is open after the last part. */
	living(r, NULL, 0, 0, false);
	rig_spin(r, 30);
	assert_int_equal(s->ncalls, 1);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables),
		cmocka_unit_test(basic),
		cmocka_unit_test(overlap_and_failures),
		cmocka_unit_test(ended_meanwhile),
		cmocka_unit_test(forwards),
		cmocka_unit_test(transfers),
		cmocka_unit_test(conference_and_lists),
		cmocka_unit_test(conference_over_two_mediads),
		cmocka_unit_test(media_moves),
		cmocka_unit_test(link_breaks),
	};
	log_set_level(LOG_WARNING);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
