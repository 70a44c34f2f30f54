/* The way to KDCs against ones that this test plays: UDP and TCP, forgeries, silence, refusal, fail-over, bounds. */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/kdc.h"

#define LIMIT_NS 60000000000ull /* how long anything may take on a loaded machine */

enum { GOOD, MUTE, FORGES, LONG };
struct fake { /* a KDC, with a thread of its own */
	int udp, tcp;
	unsigned port;
	_Atomic unsigned nudp, ntcp;
	_Atomic int how;
	_Atomic bool stop;
	uv_thread_t thread;
};
struct world {
	uv_loop_t loop;
	struct tmr_wheel *w;
	uv_timer_t alive; /* a loop without handles does not run */
	struct dns *dns;
	struct kdcs *k;
	struct fake kdc[2];
	unsigned calls, failed;
	int err;
	char got[4000];
	size_t n;
};

static void serve_udp(struct fake *f)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char in[2048], out[2060];
	ssize_t n =
	    f->udp < 0 ? -1 : recvfrom(f->udp, in, sizeof(in), 0, (struct sockaddr *)&from, &len);

	if (n <= 0)
		return;
	f->nudp++;
	if (f->how == MUTE)
		return;
	if (f->how == FORGES)
		(void)!sendto(f->udp, "what is this", 12, 0, (struct sockaddr *)&from, len);
	out[0] = 0x6b;
	memcpy(out + 1, in, (size_t)n);
	(void)!sendto(f->udp, out, (size_t)n + 1, 0, (struct sockaddr *)&from, len);
}

/* One message to a connection; the answer comes in three pieces. */
static void serve_tcp(struct fake *f)
{
	int c = f->tcp < 0 ? -1 : accept(f->tcp, NULL, NULL);
	uint8_t head[4], out[4096] = { 0 };
	char in[4000];
	uint32_t n;

	if (c < 0)
		return;
	f->ntcp++;
	struct timeval limit = { .tv_sec = 20 };
	(void)setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (recv(c, head, 4, MSG_WAITALL) == 4) {
		n = (uint32_t)head[2] << 8 | head[3];
		if (n >= sizeof(in) || recv(c, in, n, MSG_WAITALL) != (ssize_t)n)
			n = 10;
		out[2] = (uint8_t)((n + 1) >> 8);
		out[3] = (uint8_t)(n + 1);
		out[0] = f->how == LONG ? 0x7f : 0;
		out[4] = 0x6d;
		memcpy(out + 5, in, n);
		(void)!send(c, out, 3, MSG_NOSIGNAL);
		(void)!send(c, out + 3, 7, MSG_NOSIGNAL);
		(void)!send(c, out + 10, n + 5 - 10, MSG_NOSIGNAL);
	}
	close(c);
}

static void serve(void *ctx)
{
	struct fake *f = ctx;

	while (!f->stop) {
		struct pollfd p[2] = { { f->udp, POLLIN, 0 }, { f->tcp, POLLIN, 0 } };
		if (poll(p, 2, 20) > 0) {
			serve_udp(f);
			serve_tcp(f);
		}
	}
}

static void listen_on(struct fake *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);

	for (int tries = 0;; tries++) {
		assert_true(tries < 100);
		f->tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		f->udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		a.sin_port = 0;
		assert_int_equal(bind(f->tcp, (struct sockaddr *)&a, sizeof(a)), 0);
		assert_int_equal(getsockname(f->tcp, (struct sockaddr *)&a, &n), 0);
		if (bind(f->udp, (struct sockaddr *)&a, sizeof(a)) == 0)
			break;
		close(f->tcp);
		close(f->udp);
	}
	assert_int_equal(listen(f->tcp, 64), 0);
	f->port = ntohs(a.sin_port);
	f->stop = false;
	assert_int_equal(uv_thread_create(&f->thread, serve, f), 0);
}

static void shut(struct fake *f)
{
	if (f->udp >= 0) {
		f->stop = true;
		uv_thread_join(&f->thread);
		close(f->udp);
		close(f->tcp);
	}
	f->udp = f->tcp = -1;
}

static void configure(struct world *x)
{
	static char text[2][32];
	static char *v[2] = { text[0], text[1] };
	struct conf_list list = { v, 2 };

	for (int i = 0; i < 2; i++)
		snprintf(text[i], sizeof(text[i]), "127.0.0.1:%u", x->kdc[i].port);
	kdcs_configure(x->k, "CONTOSO.COM", &list);
}

static void nothing(uv_timer_t *t)
{
	(void)t;
}

static int up(void **state)
{
	struct world *x = mem_new(sizeof(*x));
	struct dns_conf dc = {
		.timeout_ms = 500, .resolv_conf = "/dev/null", .hosts = "/dev/null"
	};
	struct sockaddr_in *a = (struct sockaddr_in *)(void *)&dc.server[0];

	assert_int_equal(uv_loop_init(&x->loop), 0);
	x->w = tmr_wheel_new(&x->loop);
	uv_timer_init(&x->loop, &x->alive);
	uv_timer_start(&x->alive, nothing, 1, 1);
	a->sin_family = AF_INET;
	a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a->sin_port = htons(9);
	x->dns = dns_new(&x->loop, x->w, &dc);
	x->k = kdcs_new(&x->loop, x->w, x->dns);
	listen_on(&x->kdc[0]);
	listen_on(&x->kdc[1]);
	configure(x);
	*state = x;
	return 0;
}

static int down(void **state)
{
	struct world *x = *state;

	kdcs_free(x->k);
	dns_free(x->dns);
	shut(&x->kdc[0]);
	shut(&x->kdc[1]);
	for (int i = 0; i < 8; i++)
		uv_run(&x->loop, UV_RUN_NOWAIT);
	tmr_wheel_free(x->w);
	uv_close((uv_handle_t *)&x->alive, NULL);
	for (int i = 0; i < 8; i++)
		uv_run(&x->loop, UV_RUN_NOWAIT);
	assert_int_equal(uv_loop_close(&x->loop), 0);
	free(x);
	return 0;
}

static void run(struct world *x, unsigned calls)
{
	uint64_t end = uv_hrtime() + LIMIT_NS;

	while (x->calls < calls && uv_hrtime() < end) {
		uv_run(&x->loop, UV_RUN_NOWAIT);
		usleep(500);
	}
	assert_int_equal(x->calls, calls);
}

static void on_answer(void *ctx, int err, struct slice a)
{
	struct world *x = ctx;

	x->calls++;
	x->failed += err != 0;
	x->err = err;
	x->n = a.n;
	assert_true(a.n <= sizeof(x->got));
	if (a.n)
		memcpy(x->got, a.p, a.n);
}

static int one(struct world *x, const char *realm, size_t n, bool tcp)
{
	char *msg = mem_new(n);

	memset(msg, 'm', n);
	x->calls = 0;
	assert_non_null(
	    kdc_ask(x->k, slice_str(realm), (struct slice){ msg, n }, tcp, on_answer, x));
	assert_int_equal(x->calls, 0);
	run(x, 1);
	if (!x->err) {
		assert_int_equal(x->n, n + 1);
		assert_memory_equal(x->got + 1, msg, n);
	}
	free(msg);
	return x->err;
}

static void udp_and_tcp(void **state)
{
	struct world *x = *state;

	assert_int_equal(one(x, "CONTOSO.COM", 100, false), 0);
	assert_int_equal(x->kdc[0].nudp, 1);
	x->kdc[0].how = FORGES; /* not a Kerberos message: the next datagram is */
	assert_int_equal(one(x, "contoso.com", 100, false), 0);
	assert_int_equal(x->kdc[0].ntcp, 0);
	assert_int_equal(one(x, "CONTOSO.COM", KDC_UDP_MAX + 1, false), 0); /* too long for UDP */
	assert_int_equal(x->kdc[0].ntcp, 1);
	assert_int_equal(one(x, "CONTOSO.COM", 100, true), 0);
	/* what one answer was too big for, the next is, too */
	assert_int_equal(one(x, "CONTOSO.COM", 100, false), 0);
	assert_int_equal(x->kdc[0].ntcp, 3);
	assert_int_equal(x->kdc[0].nudp, 2);
	assert_int_equal(x->kdc[1].nudp + x->kdc[1].ntcp, 0);
	x->kdc[0].how = LONG; /* 2 GiB to come */
	assert_int_equal(one(x, "CONTOSO.COM", 100, true), 0);
	assert_int_equal(x->kdc[1].ntcp, 1);
}

static void fail_over(void **state)
{
	struct world *x = *state;

	shut(&x->kdc[0]); /* refuses */
	assert_int_equal(one(x, "CONTOSO.COM", 100, false), 0);
	assert_int_equal(one(x, "CONTOSO.COM", 100, true), 0);
	assert_int_equal(x->kdc[1].nudp, 1);
	assert_int_equal(x->kdc[1].ntcp, 1);
	configure(x);
	listen_on(&x->kdc[0]);
	x->kdc[0].how = MUTE;
	configure(x);
	uint64_t at = uv_hrtime();
	x->kdc[1].nudp = 0;
	struct kdcs *old = x->k; /* TCP is not tried first any more */
	kdcs_free(old);
	x->k = kdcs_new(&x->loop, x->w, x->dns);
	configure(x);
	assert_int_equal(one(x, "CONTOSO.COM", 100, false), 0);
	assert_true(uv_hrtime() - at > 900000000ull);
	assert_int_equal(x->kdc[0].nudp, 1);
	assert_int_equal(x->kdc[1].nudp, 1);
	/* it is left out from now on */
	assert_int_equal(one(x, "CONTOSO.COM", 100, false), 0);
	assert_int_equal(x->kdc[0].nudp, 1);
	assert_int_equal(x->kdc[1].nudp, 2);
}

static void nobody(void **state)
{
	struct world *x = *state;

	shut(&x->kdc[0]);
	shut(&x->kdc[1]);
	assert_int_equal(one(x, "CONTOSO.COM", 100, false), ERR_TIMEOUT);
	struct kdc_stats before, after;
	kdc_get_stats(x->k, &before);
	assert_int_equal(one(x, "CONTOSO.COM", 100, false), ERR_TIMEOUT); /* at once */
	kdc_get_stats(x->k, &after);
	assert_int_equal(before.udp, after.udp);
	/* DNS does not tell either */
	assert_true(one(x, "OTHER.COM", 100, false) < 0);
	assert_null(kdc_ask(x->k, slice_str(""), SLICE_LIT("m"), false, on_answer, x));
	assert_null(kdc_ask(x->k, slice_str("R"), SLICE_LIT(""), false, on_answer, x));
	kdc_get_stats(x->k, &after);
	assert_int_equal(after.active + after.waiting, 0);
}

static void many(void **state)
{
	struct world *x = *state;
	struct kdc_stats s;
	struct kdc_req *r[200];

	for (unsigned i = 0; i < ARRAY_LEN(r); i++)
		r[i] = kdc_ask(
		    x->k, slice_str("CONTOSO.COM"), SLICE_LIT("message"), i % 3 == 0, on_answer, x);
	kdc_get_stats(x->k, &s);
	assert_int_equal(s.active, KDC_ACTIVE);
	assert_int_equal(s.waiting, ARRAY_LEN(r) - KDC_ACTIVE);
	kdc_cancel(r[0]);   /* active */
	kdc_cancel(r[150]); /* waits */
	run(x, ARRAY_LEN(r) - 2);
	assert_int_equal(x->failed, 0);
	/* some are on their way when all ends */
	for (unsigned i = 0; i < 50; i++)
		assert_non_null(kdc_ask(x->k, slice_str(i % 2 ? "CONTOSO.COM" : "OTHER.COM"),
		    SLICE_LIT("message"), false, on_answer, x));
	uv_run(&x->loop, UV_RUN_NOWAIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(udp_and_tcp, up, down),
		cmocka_unit_test_setup_teardown(fail_over, up, down),
		cmocka_unit_test_setup_teardown(nobody, up, down),
		cmocka_unit_test_setup_teardown(many, up, down),
	};

	log_set_level(LOG_CRIT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
