/* CPU of a request and its reply over a link, packing included, against a bare SEQPACKET round trip of the same size, 16 in
 * flight in both, alternating; two processes. Usage: ipc_roundtrip [ROUNDS] */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cert.pb-c.h"
#include "common/log.h"
#include "common/mem.h"
#include "ipc/ipc.h"

#define WINDOW  16
#define PAYLOAD 160
#define REPEATS 9

static double cpu(void)
{
	struct rusage a;
	double s = 0;

	getrusage(RUSAGE_SELF, &a);
	s += (double)a.ru_utime.tv_sec + (double)a.ru_utime.tv_usec / 1e6;
	s += (double)a.ru_stime.tv_sec + (double)a.ru_stime.tv_usec / 1e6;
	return s;
}

static double child_cpu(const struct rusage *a)
{
	return (double)a->ru_utime.tv_sec + (double)a->ru_utime.tv_usec / 1e6 +
	       (double)a->ru_stime.tv_sec + (double)a->ru_stime.tv_usec / 1e6;
}

/* ---- bare ---- */

static void bare_server(int fd)
{
	char buf[512];

	for (;;) {
		struct pollfd p = { fd, POLLIN, 0 };
		ssize_t n;

		if (poll(&p, 1, -1) < 0)
			_exit(1);
		while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
			if (send(fd, buf, (size_t)n, 0) < 0)
				_exit(1);
		if (n == 0)
			_exit(0);
	}
}

static void bare_client(int fd, unsigned rounds, size_t size)
{
	char buf[512] = { 0 };
	unsigned sent = 0, got = 0;

	while (got < rounds) {
		struct pollfd p = { fd, POLLIN, 0 };

		while (sent < rounds && sent - got < WINDOW) {
			if (send(fd, buf, size, 0) < 0)
				exit(1);
			sent++;
		}
		if (poll(&p, 1, -1) < 0)
			exit(1);
		while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			got++;
	}
}

/* ---- links ---- */

static int on_decrypt(struct ipc_peer *p, struct ipc_msg *m)
{
	Cert__Decrypted out = CERT__DECRYPTED__INIT;

	out.data = IPC_BODY(m, Cert__Decrypt)->data;
	return ipc_reply(p, m, &out.base);
}
static const struct ipc_handler handlers[] = { { IPC_IF_CERT, CERT__TYPE__CERT_DECRYPT, IPC_REQ, 0,
    1024, IPC_SIPD, &cert__decrypt__descriptor, on_decrypt } };

static void down(void *ctx, struct ipc_peer *p)
{
	(void)p;
	uv_stop(ctx);
}
static void up(void *ctx, struct ipc_peer *p, bool restarted)
{
	(void)ctx, (void)p, (void)restarted;
}

static struct ipc_node *node(uv_loop_t *loop, const char *name, bool serve)
{
	struct ipc_node_def d = { .loop = loop,
		.wheel = tmr_wheel_new(loop),
		.name = name,
		.handlers = handlers,
		.nhandlers = serve ? 1 : 0,
		.up = up,
		.down = down,
		.ctx = loop };

	return ipc_node_new(&d);
}

static void link_server(int fd)
{
	uv_loop_t loop;

	uv_loop_init(&loop);
	ipc_join(node(&loop, "certd", true), fd, IPC_SIPD);
	uv_run(&loop, UV_RUN_DEFAULT);
	_exit(0);
}

struct client {
	uv_loop_t loop;
	struct ipc_peer *p;
	unsigned rounds, sent, got;
};

static void fill(struct client *c);
static void on_reply(void *ctx, int err, struct ipc_msg *m)
{
	struct client *c = ctx;

	if (err || IPC_BODY(m, Cert__Decrypted)->data.len != PAYLOAD)
		exit(1);
	if (++c->got == c->rounds)
		uv_stop(&c->loop);
	else
		fill(c);
}

static void fill(struct client *c)
{
	uint8_t key[32] = { 1 }, data[PAYLOAD] = { 2 };
	Cert__Decrypt in = CERT__DECRYPT__INIT;

	in.key = (ProtobufCBinaryData){ sizeof(key), key };
	in.data = (ProtobufCBinaryData){ sizeof(data), data };
	while (c->sent < c->rounds && c->sent - c->got < WINDOW) {
		if (ipc_request(c->p, IPC_IF_CERT, CERT__TYPE__CERT_DECRYPT, &in.base,
		        &cert__decrypted__descriptor, 0, on_reply, c) != 0)
			exit(1);
		c->sent++;
	}
}

static void link_client(int fd, unsigned rounds)
{
	struct client c = { .rounds = rounds };

	uv_loop_init(&c.loop);
	c.p = ipc_join(node(&c.loop, "sipd", false), fd, IPC_CERTD);
	fill(&c);
	uv_run(&c.loop, UV_RUN_DEFAULT);
	close(fd);
}

static double measure(bool bare, unsigned rounds)
{
	int sv[2], status;
	struct rusage ru;
	double before;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) != 0)
		exit(1);
	pid = fork();
	if (pid == 0) {
		close(sv[0]);
		if (bare)
			bare_server(sv[1]);
		else
			link_server(sv[1]);
	}
	close(sv[1]);
	before = cpu();
	if (bare) {
		bare_client(sv[0], rounds, 16 + PAYLOAD + 40);
		close(sv[0]);
	} else {
		link_client(sv[0], rounds);
	}
	before = cpu() - before;
	wait4(pid, &status, 0, &ru);
	return (before + child_cpu(&ru)) * 1e6 / rounds;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100000;
	double bare[REPEATS], link[REPEATS], ratio[REPEATS];

	log_set_level(LOG_ERR);

	for (unsigned i = 0; i < REPEATS; i++) {
		bare[i] = measure(true, rounds);
		link[i] = measure(false, rounds);
		ratio[i] = link[i] / bare[i];
	}
	qsort(bare, REPEATS, sizeof(*bare), by_value);
	qsort(link, REPEATS, sizeof(*link), by_value);
	qsort(ratio, REPEATS, sizeof(*ratio), by_value);
	printf("request and reply, %u in flight, both processes: bare %.2f us CPU, link %.2f us, "
	       "ratio %.2f (%.2f..%.2f) "
	       "(target 1.5)\n",
	    WINDOW, bare[REPEATS / 2], link[REPEATS / 2], ratio[REPEATS / 2], ratio[0],
	    ratio[REPEATS - 1]);
	return 0;
}
