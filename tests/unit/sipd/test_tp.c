/* Transports under load and ill will: what is refused with 400, 413, 414 and 513 and what closes a connection, slow senders,
 * floods, too many connections, keep-alive, long requests moved to TCP. A user agent on real sockets, a fake clock. */
#include <arpa/inet.h>
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
#include "sipd/sip_ua.h"

#define LIMIT_NS 20000000000ull /* how long anything may take on a loaded machine */

struct world {
	uv_loop_t loop;
	struct tmr_wheel *w;
	struct sip_ua *ua;
	uint16_t port;
	unsigned asked;
};

static void on_options(void *ctx, struct tx *tx, const struct sip_msg *req, struct tp_flow *f)
{
	struct world *x = ctx;
	(void)req;
	(void)f;
	x->asked++;
	(void)tx_refuse(tx, 200, NULL);
}

static struct world *start(struct tp_conf tp)
{
	struct world *x = mem_new(sizeof(*x));
	struct sip_ua_conf c = { .supported = "timer",
		.agent = "test",
		.tp = tp,
		.resolve = { .udp_ok = true, .tcp_ok = true, .no_ipv6 = true } };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_storage bound;

	assert_int_equal(uv_loop_init(&x->loop), 0);
	x->w = tmr_wheel_new(NULL);
	tmr_advance(x->w, 1000);
	x->ua = sip_ua_new(&x->loop, x->w, &c);
	int err;
	do { /* UDP and TCP on one port */
		assert_int_equal(
		    tp_listen(sip_ua_tp(x->ua), TP_TCP, (struct sockaddr *)&a, &bound), 0);
		err = tp_listen(sip_ua_tp(x->ua), TP_UDP, (struct sockaddr *)&bound, NULL);
		if (err)
			(void)tp_unlisten(sip_ua_tp(x->ua), TP_TCP, (struct sockaddr *)&bound);
	} while (err);
	x->port = ntohs(((struct sockaddr_in *)&bound)->sin_port);
	sip_ua_handle(x->ua, SIP_M_OPTIONS, on_options, x);
	return x;
}

static void turn(struct world *x)
{
	for (int i = 0; i < 8; i++) {
		uv_run(&x->loop, UV_RUN_NOWAIT);
		tmr_advance(x->w, 0);
		usleep(200);
	}
}

static void stop(struct world *x)
{
	sip_ua_free(x->ua);
	tmr_wheel_free(x->w);
	for (uint64_t end = uv_hrtime() + LIMIT_NS;
	     uv_run(&x->loop, UV_RUN_NOWAIT) && uv_hrtime() < end;)
		usleep(500);
	assert_int_equal(uv_loop_close(&x->loop), 0);
	free(x);
}

static int dial(struct world *x, int type)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(x->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void say(struct world *x, int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = send(fd, p, n > 16000 ? 16000 : n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (k < 0) {
			turn(x);
			continue;
		}
		p += k;
		n -= (size_t)k;
	}
	turn(x);
}

/* Status of the next response; 0: nothing comes; -1: closed. */
static int hear(struct world *x, int fd)
{
	static char got[70000];

	for (int i = 0; i < 200; i++) {
		turn(x);
		ssize_t n = recv(fd, got, 12, MSG_DONTWAIT | MSG_PEEK);
		if (n == 0)
			return -1;
		if (n < 0) {
			if (errno == ECONNRESET)
				return -1;
			continue;
		}
		/* one message: all of them have an empty body */
		n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT | MSG_PEEK);
		got[n] = '\0';
		char *end = strstr(got, "\r\n\r\n");
		assert_non_null(end);
		int status = atoi(got + 8);
		assert_true(recv(fd, got, (size_t)(end + 4 - got), 0) > 0);
		return status;
	}
	return 0;
}

static unsigned serial;
#define OPTIONS(uri, lines)                                                                        \
	"OPTIONS " uri " SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK%u;rport\r\n"       \
	"Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: %u\r\n"            \
	"CSeq: 1 OPTIONS\r\n" lines

static char *big(size_t *n, const char *before, size_t fill, const char *after)
{
	char *p = mem_new(strlen(before) + fill + strlen(after) + 1);
	strcpy(p, before);
	memset(p + strlen(before), 'x', fill);
	strcpy(p + strlen(before) + fill, after);
	*n = strlen(before) + fill + strlen(after);
	return p;
}

static void refusals(void **state)
{
	struct world *x = start((struct tp_conf){ 0 });
	char text[4096], *p;
	size_t n;
	(void)state;

	int fd = dial(x, SOCK_STREAM);
	/* each is answered, and the connection goes on: a good request follows */
	static const struct {
		const char *lines;
		int status;
	} t[] = {
		{ "Content-Length: 0\r\n\r\n", 200 },
		{ "CSeq: 2 OPTIONS\r\nContent-Length: 0\r\n\r\n", 400 },
		{ "Content-Length: 0\r\nMax-Forwards: 3000\r\n\r\n", 400 },
		{ "Require: unknown\r\nContent-Length: 0\r\n\r\n", 420 },
		{ "Contact: <<\r\nContent-Length: 0\r\n\r\n", 400 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		snprintf(text, sizeof(text), OPTIONS("sip:c@d", "%s"), serial, serial, t[i].lines);
		serial++;
		say(x, fd, text, strlen(text));
		int got = hear(x, fd);
		if (got != t[i].status)
			fail_msg("%d instead of %d for %s", got, t[i].status, t[i].lines);
	}
	snprintf(
	    text, sizeof(text), OPTIONS("mailto:c@d", "Content-Length: 0\r\n\r\n"), serial, serial);
	serial++;
	say(x, fd, text, strlen(text));
	assert_int_equal(hear(x, fd), 416);
	snprintf(text, sizeof(text),
	    "FLY sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKf\r\nMax-Forwards: 1\r\n"
	    "From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: f\r\nCSeq: 1 FLY\r\nl: 0\r\n\r\n");
	say(x, fd, text, strlen(text));
	assert_int_equal(hear(x, fd), 501);
	/* 414 */
	snprintf(text, sizeof(text), "OPTIONS sip:");
	p = big(&n, text, 3000,
	    " SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKl\r\nMax-Forwards: 1\r\nFrom: "
	    "<sip:a@b>;tag=1\r\n"
	    "To: <sip:a@b>\r\nCall-ID: l\r\nCSeq: 1 OPTIONS\r\nl: 0\r\n\r\n");
	say(x, fd, p, n);
	free(p);
	assert_int_equal(hear(x, fd), 414);
	/* 413: a body beyond the limit is skipped over */
	snprintf(text, sizeof(text),
	    OPTIONS("sip:c@d", "Content-Type: text/plain\r\nContent-Length: 200000\r\n\r\n"),
	    serial, serial);
	serial++;
	p = big(&n, text, 200000, "");
	say(x, fd, p, n);
	free(p);
	assert_int_equal(hear(x, fd), 413);
	snprintf(
	    text, sizeof(text), OPTIONS("sip:c@d", "Content-Length: 0\r\n\r\n"), serial, serial);
	serial++;
	say(x, fd, text, strlen(text));
	assert_int_equal(hear(x, fd), 200);
	/* 513: headers without an end */
	snprintf(text, sizeof(text), OPTIONS("sip:c@d", "X: "), serial, serial);
	serial++;
	p = big(&n, text, 70000, "\r\n\r\n");
	say(x, fd, p, n);
	free(p);
	int status = hear(x, fd);
	assert_true(status == 513 || status == 400);
	close(fd);
	/* what does not speak SIP is closed, without a word */
	fd = dial(x, SOCK_STREAM);
	say(x, fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
	assert_int_equal(hear(x, fd), -1);
	close(fd);
	turn(x);
	/* UDP: the same, and an ill response is not answered */
	fd = dial(x, SOCK_DGRAM);
	snprintf(text, sizeof(text), OPTIONS("sip:c@d", "CSeq: 2 OPTIONS\r\n\r\n"), serial, serial);
	say(x, fd, text, strlen(text));
	assert_int_equal(hear(x, fd), 400);
	say(x, fd, "SIP/2.0 200 OK\r\nVia: x\r\n\r\n", 26);
	assert_int_equal(hear(x, fd), 0);
	close(fd);
	stop(x);
}

static void slow_and_idle(void **state)
{
	struct world *x = start((struct tp_conf){ .slow_ms = 5000, .idle_ms = 60000 });
	struct tp_stats st;
	(void)state;

	int fd = dial(x, SOCK_STREAM), quiet = dial(x, SOCK_STREAM);
	turn(x);
	/* an octet a second does not keep it alive */
	for (int i = 0; i < 4; i++) {
		say(x, fd, &"OPTI"[i], 1);
		tmr_advance(x->w, 1000);
		assert_int_equal(hear(x, fd), 0);
	}
	tmr_advance(x->w, 2000);
	assert_int_equal(hear(x, fd), -1);
	tp_get_stats(sip_ua_tp(x->ua), &st);
	assert_int_equal(st.closed_slow, 1);
	assert_int_equal(hear(x, quiet), 0);
	tmr_advance(x->w, 61000);
	assert_int_equal(hear(x, quiet), -1);
	tp_get_stats(sip_ua_tp(x->ua), &st);
	assert_int_equal(st.closed_idle, 1);
	assert_int_equal(st.flows, 0);
	close(fd);
	close(quiet);
	/* keep-alive: CR LF CR LF is answered by CR LF */
	fd = dial(x, SOCK_STREAM);
	char pong[8];
	say(x, fd, "\r\n\r\n", 4);
	turn(x);
	assert_int_equal(recv(fd, pong, sizeof(pong), MSG_DONTWAIT), 2);
	close(fd);
	/* STUN on UDP */
	fd = dial(x, SOCK_DGRAM);
	uint8_t stun[20] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
		12 },
	        back[64];
	say(x, fd, (const char *)stun, sizeof(stun));
	ssize_t n = recv(fd, back, sizeof(back), MSG_DONTWAIT);
	assert_int_equal(n, 32);
	assert_int_equal(back[0], 1);
	assert_int_equal(back[1], 1);
	assert_memory_equal(back + 8, stun + 8, 12);
	close(fd);
	stop(x);
}

static void floods(void **state)
{
	struct world *x =
	    start((struct tp_conf){ .rate_per_ip = 100, .rate_burst = 50, .max_per_ip = 10 });
	struct tp_stats st;
	char text[1024];
	(void)state;

	int fd = dial(x, SOCK_DGRAM);
	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), OPTIONS("sip:c@d", "Content-Length: 0\r\n\r\n"),
		    serial, serial);
		serial++;
		assert_true(send(fd, text, strlen(text), 0) > 0);
		if (i % 20 == 0)
			turn(x);
	}
	turn(x);
	assert_in_range(x->asked, 40, 60);
	tp_get_stats(sip_ua_tp(x->ua), &st);
	assert_in_range(st.dropped_rate, 400, 460);
	tmr_advance(x->w, 1000); /* it recovers */
	unsigned before = x->asked;
	say(x, fd, text, strlen(text));
	(void)before;
	snprintf(
	    text, sizeof(text), OPTIONS("sip:c@d", "Content-Length: 0\r\n\r\n"), serial, serial);
	serial++;
	say(x, fd, text, strlen(text));
	assert_true(x->asked > before);
	close(fd);
	/* connections of one address */
	int fds[30];
	unsigned open = 0;
	for (int i = 0; i < 30; i++) {
		fds[i] = dial(x, SOCK_STREAM);
		turn(x);
	}
	for (int i = 0; i < 30; i++)
		open += hear(x, fds[i]) == 0;
	assert_int_equal(open, 10);
	for (int i = 0; i < 30; i++)
		close(fds[i]);
	turn(x);
	tp_get_stats(sip_ua_tp(x->ua), &st);
	assert_int_equal(st.refused_limit, 20);
	/* random octets in any portion: nothing breaks, and a good one is served afterwards */
	srand(3);
	for (int i = 0; i < 100; i++) {
		int k = dial(x, SOCK_STREAM);
		for (int j = 0; j < 4; j++) {
			for (size_t o = 0; o < sizeof(text); o++)
				text[o] = (char)rand();
			if (i % 2)
				memcpy(text, "INVITE sip:x SIP/2.0\r\n", 22);
			(void)!send(k, text, (size_t)(rand() % 900) + 22, MSG_NOSIGNAL);
		}
		turn(x);
		close(k);
	}
	turn(x);
	fd = dial(x, SOCK_STREAM);
	tmr_advance(x->w, 60000);
	snprintf(
	    text, sizeof(text), OPTIONS("sip:c@d", "Content-Length: 0\r\n\r\n"), serial, serial);
	serial++;
	say(x, fd, text, strlen(text));
	assert_int_equal(hear(x, fd), 200);
	close(fd);
	stop(x);
}

/* RFC 3261 18.1.1: longer than the path's MTU allows: TCP, and UDP where nobody listens there. */
static int last_err;
static unsigned got_replies;
static void on_req(
    void *ctx, struct sip_req *r, enum sip_req_ev ev, const struct sip_msg *rsp, int err)
{
	(void)ctx;
	(void)r;
	if (ev == SIP_REQ_REPLY && rsp->status >= 200)
		got_replies++;
	if (ev == SIP_REQ_FAIL)
		last_err = err;
}

static void long_requests(void **state)
{
	struct world *x = start((struct tp_conf){ 0 });
	(void)state;

	for (int listening = 0; listening < 2; listening++) {
		struct sockaddr_in a = { .sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t len = sizeof(a);
		int udp, tcp;
		do {
			a.sin_port = 0;
			udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
			tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
			assert_int_equal(bind(udp, (struct sockaddr *)&a, sizeof(a)), 0);
			assert_int_equal(getsockname(udp, (struct sockaddr *)&a, &len), 0);
		} while (bind(tcp, (struct sockaddr *)&a, sizeof(a)) && close(udp) == 0 &&
		         close(tcp) == 0);
		if (listening)
			assert_int_equal(listen(tcp, 4), 0);
		char hop[64];
		snprintf(hop, sizeof(hop), "sip:127.0.0.1:%u", ntohs(a.sin_port));
		size_t n;
		char *msg = big(&n,
		    "OPTIONS sip:x SIP/2.0\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: "
		    "<sip:x>\r\n"
		    "Call-ID: long\r\nCSeq: 1 OPTIONS\r\nX-Fill: ",
		    1400, "\r\nContent-Length: 0\r\n\r\n");
		struct sip_req_conf c = {
			.method = SIP_M_OPTIONS, .msg = { msg, n }, .next_hop = slice_str(hop)
		};
		struct sip_req *r;
		assert_int_equal(sip_req_send(x->ua, &c, on_req, x, &r), 0);
		char got[4096];
		ssize_t k = -1;
		int conn = -1;
		for (int i = 0; i < 100 && k <= 0; i++) {
			turn(x);
			if (listening) {
				if (conn < 0)
					conn = accept4(tcp, NULL, NULL, SOCK_CLOEXEC);
				if (conn >= 0)
					k = recv(conn, got, sizeof(got), MSG_DONTWAIT);
			} else {
				k = recv(udp, got, sizeof(got), MSG_DONTWAIT);
			}
		}
		assert_true(k > 1400);
		got[k < (ssize_t)sizeof(got) ? k : (ssize_t)sizeof(got) - 1] = '\0';
		assert_non_null(strstr(got, listening ? "SIP/2.0/TCP" : "SIP/2.0/UDP"));
		free(msg);
		if (conn >= 0)
			close(conn);
		close(udp);
		close(tcp);
		turn(x);
	}
	stop(x);
}

static void n_options(int fd, unsigned n)
{
	char out[400];
	int k = snprintf(out, sizeof(out),
	    "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKo%u\r\nMax-Forwards: "
	    "70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x>\r\nCall-ID: o%u\r\nCSeq: 1 OPTIONS\r\n"
	    "Content-Length: 0\r\n\r\n",
	    n, n);

	assert_int_equal(send(fd, out, (size_t)k, 0), k);
}

/* A group of requests leaves at once: the socket is read a millisecond later, then everything that came is there, also what
 * somebody else sent meanwhile. */
static void groups(void **state)
{
	struct world *x = start((struct tp_conf){ 0 });
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), other = dial(x, SOCK_DGRAM);
	char hop[64], got[4096], out[4096];

	(void)state;
	assert_int_equal(bind(peer, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(peer, (struct sockaddr *)&a, &len), 0);
	snprintf(hop, sizeof(hop), "sip:127.0.0.1:%u", ntohs(a.sin_port));
	for (unsigned round = 0; round < 3; round++) {
		unsigned before = x->asked;

		got_replies = 0;
		for (unsigned i = 0; i < 20; i++) {
			struct sip_req *r;
			snprintf(out, sizeof(out),
			    "OPTIONS sip:x SIP/2.0\r\nMax-Forwards: 70\r\nFrom: "
			    "<sip:a@b>;tag=1\r\nTo: <sip:x>\r\nCall-ID: %u-%u\r\nCSeq: 1 "
			    "OPTIONS\r\nContent-Length: 0\r\n\r\n",
			    round, i);
			struct sip_req_conf c = { .method = SIP_M_OPTIONS,
				.msg = slice_str(out),
				.next_hop = slice_str(hop) };
			assert_int_equal(sip_req_send(x->ua, &c, on_req, x, &r), 0);
		}
		for (unsigned i = 0; i < 20; i++) {
			ssize_t n = recvfrom(
			    peer, got, sizeof(got) - 1, MSG_DONTWAIT, (struct sockaddr *)&a, &len);
			assert_true(n > 0);
			got[n] = '\0';
			char *rest = strstr(got, "\r\n");
			assert_non_null(rest);
			n = snprintf(out, sizeof(out), "SIP/2.0 200 OK%s", rest);
			assert_int_equal(
			    sendto(peer, out, (size_t)n, 0, (struct sockaddr *)&a, len), n);
		}
		n_options(other, round);
		(void)uv_run(
		    &x->loop, UV_RUN_NOWAIT); /* within the millisecond, unless we were held up */
		for (int i = 0; i < 2000 && (got_replies < 20 || x->asked == before); i++)
			turn(x);
		assert_int_equal(got_replies, 20);
		assert_int_equal(x->asked, before + 1);
	}
	close(peer);
	close(other);
	stop(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups),
		cmocka_unit_test(refusals),
		cmocka_unit_test(slow_and_idle),
		cmocka_unit_test(floods),
		cmocka_unit_test(long_requests),
	};

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
