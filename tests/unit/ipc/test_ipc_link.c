/* Two nodes in one process, joined by a socket path: hello, requests, events, deadlines, loss, restart. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/mem.h"
#include "ipc/ipc.h"
#include "link.pb-c.h"

/* The test's own interface: echo, silence, late, refuse. Link.Ping serves as body. */
enum { T_ECHO = 100, T_SILENT = 101, T_LATE = 102, T_REFUSE = 103, T_EVENT = 104, T_FORGOT = 105 };

struct side {
	struct ipc_node *n;
	struct ipc_peer *p;
	struct ipc_ticket *held;
	unsigned ups, downs, restarts, events, answers;
	uint64_t last;
	int err;
	char text[128];
};

static int on_echo(struct ipc_peer *p, struct ipc_msg *m)
{
	return ipc_reply(p, m, m->body);
}

static int on_silent(struct ipc_peer *p, struct ipc_msg *m)
{
	struct side *s = ipc_ctx(p);

	s->held = ipc_defer(p, m);
	return 0;
}

static int on_refuse(struct ipc_peer *p, struct ipc_msg *m)
{
	return ipc_fail(p, m, ERR_BUSY, "full: come back in %d s", 5);
}

static int on_forgot(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p, (void)m;
	return 0;
}

static int on_event(struct ipc_peer *p, struct ipc_msg *m)
{
	struct side *s = ipc_ctx(p);

	s->events++;
	s->last = IPC_BODY(m, Link__Ping)->at;
	return 0;
}

static const struct ipc_handler table[] = {
	{ IPC_IF_CERT, T_ECHO, IPC_REQ, 0, 64, IPC_DAEMONS, &link__ping__descriptor, on_echo },
	{ IPC_IF_CERT, T_SILENT, IPC_REQ, 0, 64, IPC_DAEMONS, &link__ping__descriptor, on_silent },
	{ IPC_IF_CERT, T_REFUSE, IPC_REQ, 0, 64, IPC_DAEMONS, &link__ping__descriptor, on_refuse },
	{ IPC_IF_CERT, T_FORGOT, IPC_REQ, 0, 64, IPC_DAEMONS, &link__ping__descriptor, on_forgot },
	{ IPC_IF_CERT, T_EVENT, IPC_EVT, 0, 64, IPC_DAEMONS, &link__ping__descriptor, on_event },
	{ IPC_IF_CERT, T_LATE, IPC_REQ, 0, 64, IPC_SIPD, &link__ping__descriptor, on_echo },
};

static uv_loop_t loop;
static struct tmr_wheel *wheel;
static char dir[64], path[128];
static unsigned fds_before;

static unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void on_up(void *ctx, struct ipc_peer *p, bool restarted)
{
	struct side *s = ctx;

	s->p = p;
	s->ups++;
	s->restarts += restarted;
}

static void on_down(void *ctx, struct ipc_peer *p)
{
	struct side *s = ctx;

	(void)p;
	s->p = NULL;
	s->downs++;
}

static void on_answer(void *ctx, int err, struct ipc_msg *m)
{
	struct side *s = ctx;

	s->answers++;
	s->err = err;
	s->last = m && m->body ? IPC_BODY(m, Link__Ping)->at : 0;
	if (m)
		snprintf(s->text, sizeof(s->text), SLICE_FMT, SLICE_ARG(m->text));
}

static struct ipc_node *node(const char *name, struct side *s)
{
	struct ipc_node_def d = { .loop = &loop,
		.wheel = wheel,
		.name = name,
		.handlers = table,
		.nhandlers = ARRAY_LEN(table),
		.up = on_up,
		.down = on_down,
		.ctx = s };

	return ipc_node_new(&d);
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	wheel = tmr_wheel_new(&loop);
	snprintf(dir, sizeof(dir), "/tmp/ipdect-link.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/certd.sock", dir);
	fds_before = open_fds();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(open_fds(), fds_before);
	tmr_wheel_free(wheel);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

/* Turns the loop until *v has the value, at most ms. */
static void until(const unsigned *v, unsigned want, unsigned ms)
{
	uint64_t end = uv_hrtime() / 1000000 + ms;

	while (*v != want && uv_hrtime() / 1000000 < end) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(200);
	}
	assert_int_equal(*v, want);
}

static void pair(struct side *srv, struct side *cli)
{
	srv->n = node("certd", srv);
	cli->n = node("sipd", cli);
	assert_int_equal(ipc_serve_path(srv->n, path, 0600, IPC_DOOR_LINK), 0);
	ipc_link_open(cli->n, IPC_CERTD, path);
	until(&cli->ups, 1, 2000);
	until(&srv->ups, 1, 2000);
}

static void end(struct side *srv, struct side *cli)
{
	ipc_node_free(cli->n);
	ipc_node_free(srv->n);
}

static int ask(struct side *cli, uint16_t type, uint64_t at, uint32_t ms)
{
	Link__Ping b = LINK__PING__INIT;

	b.has_at = true;
	b.at = at;
	return ipc_request(
	    cli->p, IPC_IF_CERT, type, &b.base, &link__ping__descriptor, ms, on_answer, cli);
}

static void request_and_reply(void **state)
{
	struct side srv = { 0 }, cli = { 0 };

	(void)state;
	pair(&srv, &cli);
	assert_string_equal(ipc_peer_name(cli.p), "certd");
	assert_int_equal(ipc_peer_role(srv.p), IPC_SIPD);
	assert_int_equal(ipc_peer_epoch(cli.p), ipc_node_epoch(srv.n));
	assert_int_equal(ask(&cli, T_ECHO, 4711, 0), 0);
	assert_int_equal(cli.answers, 0); /* never from inside ipc_request() */
	until(&cli.answers, 1, 1000);
	assert_int_equal(cli.err, 0);
	assert_int_equal(cli.last, 4711);
	/* Requests flow the other way, too. */
	assert_int_equal(ask(&srv, T_ECHO, 12, 0), 0);
	until(&srv.answers, 1, 1000);
	assert_int_equal(srv.last, 12);
	end(&srv, &cli);
}

static void refusals(void **state)
{
	struct side srv = { 0 }, cli = { 0 };

	(void)state;
	pair(&srv, &cli);
	assert_int_equal(ask(&cli, T_REFUSE, 1, 0), 0);
	until(&cli.answers, 1, 1000);
	assert_int_equal(cli.err, ERR_BUSY);
	assert_string_equal(cli.text, "full: come back in 5 s");
	assert_int_equal(ask(&cli, 999, 1, 0), 0); /* unknown type: told so, the link stays */
	until(&cli.answers, 2, 1000);
	assert_int_equal(cli.err, ERR_UNSUPP);
	assert_int_equal(ask(&cli, T_FORGOT, 1, 0), 0); /* a handler that forgets to answer */
	until(&cli.answers, 3, 1000);
	assert_int_equal(cli.err, ERR_STATE);
	assert_int_equal(cli.downs, 0);
	end(&srv, &cli);
}

static void deadline_and_late_answer(void **state)
{
	struct side srv = { 0 }, cli = { 0 };
	Link__Ping b = LINK__PING__INIT;

	(void)state;
	pair(&srv, &cli);
	assert_int_equal(ask(&cli, T_SILENT, 1, 50), 0);
	until(&cli.answers, 1, 1000);
	assert_int_equal(cli.err, ERR_TIMEOUT);
	ipc_ticket_reply(srv.held, &b.base); /* late: dropped by its number */
	assert_int_equal(ask(&cli, T_ECHO, 5, 0), 0);
	until(&cli.answers, 2, 1000);
	assert_int_equal(cli.last, 5);
	assert_int_equal(cli.downs, 0);
	end(&srv, &cli);
}

static void loss_and_restart(void **state)
{
	struct side srv = { 0 }, cli = { 0 }, srv2 = { 0 };

	(void)state;
	pair(&srv, &cli);
	assert_int_equal(cli.restarts, 1);
	assert_int_equal(ask(&cli, T_SILENT, 1, 5000), 0);
	until(&srv.events, 0, 10);
	for (int i = 0; i < 50 && !srv.held; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
	assert_non_null(srv.held);
	ipc_node_free(srv.n);
	until(&cli.downs, 1, 1000);
	assert_int_equal(cli.answers, 1);
	assert_int_equal(cli.err, ERR_LOST);
	assert_null(ipc_ticket_peer(srv.held));
	ipc_ticket_fail(srv.held, ERR_BUSY, "nobody hears this");
	srv2.n = node("certd", &srv2);
	assert_int_equal(ipc_serve_path(srv2.n, path, 0600, IPC_DOOR_LINK), 0);
	until(&cli.ups, 2, 3000);
	assert_int_equal(cli.restarts, 2); /* another epoch */
	/* Only the connection is lost: the same epoch comes back. */
	ipc_peer_drop(cli.p, "test");
	until(&cli.ups, 3, 3000);
	assert_int_equal(cli.restarts, 2);
	ipc_node_free(cli.n);
	ipc_node_free(srv2.n);
}

static void forgotten_owner(void **state)
{
	struct side srv = { 0 }, cli = { 0 }, other = { 0 };

	(void)state;
	pair(&srv, &cli);
	assert_int_equal(ask(&cli, T_ECHO, 1, 0), 0);
	ipc_forget(cli.n, &cli);
	other.p = cli.p;
	assert_int_equal(ask(&other, T_ECHO, 2, 0), 0);
	until(&other.answers, 1, 1000);
	assert_int_equal(cli.answers, 0);
	end(&srv, &cli);
}

static void wrong_role_drops(void **state)
{
	struct side srv = { 0 }, cli = { 0 };

	(void)state;
	srv.n = node("certd", &srv);
	cli.n = node("dectd", &cli);
	assert_int_equal(ipc_serve_path(srv.n, path, 0600, IPC_DOOR_LINK), 0);
	ipc_link_open(cli.n, IPC_CERTD, path);
	until(&cli.ups, 1, 2000);
	assert_int_equal(ask(&cli, T_LATE, 1, 0), 0); /* for sipd alone */
	until(&cli.downs, 1, 1000);
	assert_int_equal(cli.err, ERR_LOST);
	end(&srv, &cli);
}

static void limits_in_flight(void **state)
{
	struct side srv = { 0 }, cli = { 0 };

	(void)state;
	pair(&srv, &cli);
	for (unsigned i = 0; i < IPC_IN_FLIGHT; i++)
		assert_int_equal(ask(&cli, T_ECHO, i, 0), 0);
	assert_int_equal(ask(&cli, T_ECHO, 1, 0), ERR_BUSY);
	until(&cli.answers, IPC_IN_FLIGHT, 2000);
	assert_int_equal(cli.last, IPC_IN_FLIGHT - 1); /* in order */
	assert_int_equal(cli.err, 0);
	end(&srv, &cli);
}

static void stalled_reader(void **state)
{
	struct side srv = { 0 }, cli = { 0 };
	Link__Ping b = LINK__PING__INIT;
	int err = 0;
	unsigned sent = 0;

	(void)state;
	pair(&srv, &cli);
	ipc_peer_pause(cli.p, true);
	b.has_at = true;
	/* Replaceable events never fill the queue, and the last one wins. */
	for (b.at = 1; b.at <= 2000 && err == 0; b.at++)
		err = ipc_event_latest(srv.p, IPC_IF_CERT, T_EVENT, 7, &b.base);
	assert_int_equal(err, 0);
	ipc_peer_pause(cli.p, false);
	for (int i = 0; i < 2000 && cli.last != 2000; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(100);
	}
	assert_int_equal(cli.last, 2000);
	assert_true(cli.events < 2000);
	/* Who waits for room loses nobody, however much there is to say. */
	assert_int_equal(ipc_waiting(srv.p), 0);
	ipc_peer_pause(cli.p, true);
	cli.events = 0;
	for (sent = 0; ipc_waiting(srv.p) < IPC_QUEUE_BUSY; sent++)
		assert_int_equal(ipc_event(srv.p, IPC_IF_CERT, T_EVENT, &b.base), 0);
	ipc_peer_pause(cli.p, false);
	until(&cli.events, sent, 1000);
	assert_int_equal(ipc_waiting(srv.p), 0);
	sent = 0;
	/* Events that must be delivered: the peer goes when the queue is full. */
	ipc_peer_pause(cli.p, true);
	while ((err = ipc_event(srv.p, IPC_IF_CERT, T_EVENT, &b.base)) == 0)
		assert_true(++sent < 10000);
	assert_int_equal(err, ERR_BUSY);
	assert_true(sent >= IPC_QUEUE);
	assert_int_equal(srv.downs, 0); /* not from inside ipc_event() */
	until(&srv.downs, 1, 1000);
	end(&srv, &cli);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(request_and_reply, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(deadline_and_late_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(loss_and_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(forgotten_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_role_drops, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_in_flight, setup, teardown),
		cmocka_unit_test_setup_teardown(stalled_reader, setup, teardown),
	};

	log_set_level(LOG_DEBUG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
