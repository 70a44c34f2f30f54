/* Thousands of users change in one turn of the loop: dectd and presenced hear of all, in order, over the same links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rig.h"
#include "pres.pb-c.h"
#include "sipd/feed.h"
#include "sipd/user_csv.h"

#define MANY 3000

static struct {
	struct ipc_node *node;
	struct ipc_peer *to_sipd;
	unsigned put, gone, done, reg, calls, reach;
} pres;

static int on_pres(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	pres.put += m->hdr.type == PRES__TYPE__PRES_USER_PUT;
	pres.gone += m->hdr.type == PRES__TYPE__PRES_USER_GONE;
	pres.done += m->hdr.type == PRES__TYPE__PRES_USERS_DONE;
	pres.reg += m->hdr.type == PRES__TYPE__PRES_REG;
	pres.calls += m->hdr.type == PRES__TYPE__PRES_CALLS;
	pres.reach += m->hdr.type == PRES__TYPE__PRES_REACH;
	return 0;
}

#define PRES(type, desc)                                                                           \
	{                                                                                          \
		IPC_IF_PRES, PRES__TYPE__PRES_##type, IPC_EVT, 0, 60000, IPC_SIPD,                 \
		    &desc##__descriptor, on_pres                                                   \
	}
static const struct ipc_handler handlers[] = {
	PRES(USER_PUT, base__user),
	PRES(USER_GONE, call__user_gone),
	PRES(USERS_DONE, call__users_done),
	PRES(REG, pres__reg),
	PRES(CALLS, pres__calls),
	PRES(REACH, pres__reach),
};

static struct rig *start(void)
{
	struct rig *r =
	    rig_new("[sipd]\nlisten-address = 127.0.0.1\nlocal-port = 0\ntransports = udp\n");
	int pair[2];

	memset(&pres, 0, sizeof(pres));
	pres.node = rig_node(r, "presenced", 0, handlers, ARRAY_LEN(handlers), r);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	(void)ipc_join(r->d.ipc, pair[0], IPC_PRESENCED);
	pres.to_sipd = ipc_join(pres.node, pair[1], IPC_SIPD);
	(void)rig_await(r, 0, CALL__TYPE__CALL_USERS_DONE, 0);
	RIG_UNTIL(r, pres.done == 1);
	r->nev = 0;
	return r;
}

static void stop(struct rig *r)
{
	ipc_node_free(pres.node);
	rig_free(r);
}

static void settled(struct rig *r)
{
	struct sipd *s = sipd_of(&r->d);

	RIG_UNTIL(r, feed_behind(s->to_dectd) == 0 && feed_behind(s->to_presenced) == 0);
	rig_spin(r, 20);
	assert_non_null(r->to_sipd); /* rig_down() clears it */
	assert_ptr_equal(s->dectd, ipc_find(r->d.ipc, IPC_DECTD, 0));
	assert_non_null(ipc_find(r->d.ipc, IPC_PRESENCED, 0));
}

/* Which events came for a name, in order, as letters: P put, G gone. */
static const char *story(struct rig *r, const char *name)
{
	static char out[64];
	size_t n = 0;

	for (size_t i = 0; i < r->nev && n < sizeof(out) - 1; i++)
		if (strcmp(r->ev[i].name, name) == 0)
			out[n++] = r->ev[i].type == CALL__TYPE__CALL_USER_PUT    ? 'P'
			           : r->ev[i].type == CALL__TYPE__CALL_USER_GONE ? 'G'
			                                                         : '?';
	out[n] = '\0';
	return out;
}

static void import_many(struct rig *r)
{
	struct user_csv_result res;
	char *text = mem_new(MANY * 40), diff[64];
	struct wr w = wr_of(text, MANY * 40), dw = wr_of(diff, sizeof(diff));

	wr_str(&w, "name,display-name\n");
	for (unsigned i = 0; i < MANY; i++)
		wr_fmt(&w, "%u,User %u\n", 10000 + i, i);
	assert_int_equal(
	    user_csv_import(sipd_of(&r->d)->users, wr_slice(&w), false, &dw, NULL, NULL, &res), 0);
	assert_int_equal(res.added, MANY);
	free(text);
}

static void imports(void **state)
{
	struct rig *r = start();
	struct sipd *s = sipd_of(&r->d);
	(void)state;

	import_many(r);
	assert_true(feed_behind(s->to_dectd) > 0); /* else this proves nothing */
	settled(r);
	assert_int_equal(r->nev, MANY);
	assert_int_equal(pres.put, MANY);
	for (unsigned i = 0; i < MANY; i++) { /* in the file's order */
		char name[12];
		snprintf(name, sizeof(name), "%u", 10000 + i);
		assert_string_equal(r->ev[i].name, name);
		assert_int_equal(r->ev[i].type, CALL__TYPE__CALL_USER_PUT);
	}
	stop(r);
}

static void deletes_and_comes_back(void **state)
{
	struct rig *r = start();
	struct sipd *s = sipd_of(&r->d);
	(void)state;

	import_many(r);
	settled(r);
	r->nev = 0;
	pres.put = 0;
	/* Everybody changes, so that what follows is remembered. */
	assert_int_equal(users_begin(s->users), 0);
	for (unsigned i = 0; i < MANY; i++) {
		char name[12];
		snprintf(name, sizeof(name), "%u", 10000 + i);
		rig_add_user(r, name, "", "standby-text", "x");
	}
	assert_int_equal(users_commit(s->users), 0);
	for (unsigned i = 1; i <= 600; i++) {
		char name[12];
		snprintf(name, sizeof(name), "%u", 10000 + MANY - i);
		assert_int_equal(users_del(s->users, slice_str(name)), 0);
	}
	rig_add_user(r, "12999", "", NULL, NULL); /* it was told of: gone, then there again */
	rig_add_user(r, "new", "", NULL, NULL);   /* never told of */
	assert_int_equal(users_del(s->users, SLICE_LIT("new")), 0);
	rig_add_user(r, "last", "", NULL, NULL);
	settled(r);
	assert_string_equal(story(r, "10000"), "P");
	assert_string_equal(story(r, "12998"), "G");
	assert_string_equal(story(r, "12999"), "GP");
	assert_string_equal(story(r, "new"), "G");
	assert_string_equal(story(r, "last"), "P");
	assert_int_equal(pres.gone, 601);
	assert_int_equal(pres.put, MANY - 600 + 2);
	stop(r);
}

/* A connection with thousands of registrations breaks: all states at once. What is remembered is told once. */
static void tells_the_newest_once(void **state)
{
	struct rig *r = start();
	struct sipd *s = sipd_of(&r->d);
	(void)state;

	import_many(r);
	settled(r);
	for (int k = 0; k < 5; k++)
		for (struct user *u = users_next(s->users, NULL); u; u = users_next(s->users, u)) {
			feed_changed(s->to_presenced, u, FEED_REG);
			sipd_calls_changed(s, u);
		}
	settled(r);
	assert_true(pres.reg >= MANY && pres.reg < 2 * MANY);
	assert_true(pres.calls >= MANY && pres.calls < 2 * MANY);
	stop(r);
}

/* presenced comes back while users change: the stream tells all, in the end it says so. */
static void streams_anew(void **state)
{
	struct rig *r = start();
	struct sipd *s = sipd_of(&r->d);
	struct ipc_peer *p = ipc_find(r->d.ipc, IPC_PRESENCED, 0);
	(void)state;

	import_many(r);
	assert_true(feed_behind(s->to_presenced) > 0);
	ipc_peer_drop(p, "a test");
	assert_int_equal(feed_behind(s->to_presenced), 0);
	ipc_node_free(pres.node);
	rig_spin(r, 5);
	struct user *u = users_find(s->users, SLICE_LIT("10007"));
	sipd_ustate(s, u)->device_known = true;
	int pair[2];
	memset(&pres, 0, sizeof(pres));
	pres.node = rig_node(r, "presenced", 0, handlers, ARRAY_LEN(handlers), r);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	(void)ipc_join(r->d.ipc, pair[0], IPC_PRESENCED);
	pres.to_sipd = ipc_join(pres.node, pair[1], IPC_SIPD);
	RIG_UNTIL(r, pres.done == 1);
	assert_int_equal(pres.put, MANY);
	assert_int_equal(pres.reach, 1); /* a handset out of reach is so after a restart, too */
	settled(r);
	stop(r);
}

/* A second connection as dectd comes and goes: the first, which is still there, is dectd again, and is told all. */
static void second_dectd(void **state)
{
	struct rig *r = start();
	struct sipd *s = sipd_of(&r->d);
	struct ipc_peer *first = s->dectd, *second;
	int pair[2];

	(void)state;
	assert_non_null(first);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	second = ipc_join(r->d.ipc, pair[0], IPC_DECTD);
	RIG_UNTIL(r, s->dectd == second);
	r->nev = 0;
	close(pair[1]);
	RIG_UNTIL(r, s->dectd == first);
	(void)rig_await(r, 0, CALL__TYPE__CALL_USERS_DONE, 0);
	settled(r);
	stop(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(imports),
		cmocka_unit_test(deletes_and_comes_back),
		cmocka_unit_test(tells_the_newest_once),
		cmocka_unit_test(streams_anew),
		cmocka_unit_test(second_dectd),
	};

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
