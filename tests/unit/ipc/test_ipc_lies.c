/* Peers that do not keep the contract: truncated and oversized frames, false headers, surplus descriptors, wrong names, old
 * versions, answers that do not belong to the question, silence. Each loses its connection and nothing else; no descriptor is
 * left over. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "ipc/ipc_priv.h"
#include "link.pb-c.h"

#define T_ECHO  100
#define T_LATER 101
#define T_HOLD  102
#define WAIT_MS 10000 /* generous: the machine may be busy */

static uv_loop_t loop;
static struct tmr_wheel *wheel;
static uv_async_t keep; /* the loop turns though nothing but timers is left */
static char dir[64], path[128];
static unsigned fds_before, ups, downs;

static int on_echo(struct ipc_peer *p, struct ipc_msg *m)
{
	return ipc_reply(p, m, m->body);
}

static int on_later(struct ipc_peer *p, struct ipc_msg *m)
{
	return ipc_reply_later(p, m, m->body);
}

static struct ipc_ticket *held[IPC_IN_FLIGHT + 100];
static unsigned nheld;

static int on_hold(struct ipc_peer *p, struct ipc_msg *m)
{
	assert_true(nheld < ARRAY_LEN(held));
	held[nheld++] = ipc_defer(p, m);
	return 0;
}

static const struct ipc_handler table[] = {
	{ IPC_IF_CERT, T_HOLD, IPC_REQ, 0, 64, IPC_DAEMONS, &link__ping__descriptor, on_hold },
	{ IPC_IF_CERT, T_LATER, IPC_REQ, 0, 64, IPC_DAEMONS, &link__ping__descriptor, on_later },
	{ IPC_IF_CERT, T_ECHO, IPC_REQ, 0, 64, IPC_DAEMONS, &link__ping__descriptor, on_echo },
};

static void on_up(void *ctx, struct ipc_peer *p, bool restarted)
{
	(void)ctx, (void)p, (void)restarted;
	ups++;
}

static void on_down(void *ctx, struct ipc_peer *p)
{
	(void)ctx, (void)p;
	downs++;
}

static struct ipc_node *node(const char *name)
{
	struct ipc_node_def d = { .loop = &loop,
		.wheel = wheel,
		.name = name,
		.gather = IPC_DAEMONS,
		.handlers = table,
		.nhandlers = ARRAY_LEN(table),
		.up = on_up,
		.down = on_down };

	return ipc_node_new(&d);
}

static unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int setup(void **state)
{
	(void)state;
	ups = downs = 0;
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(uv_async_init(&loop, &keep, NULL), 0);
	wheel = tmr_wheel_new(&loop);
	snprintf(dir, sizeof(dir), "/tmp/ipdect-lies.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/certd.sock", dir);
	fds_before = open_fds();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(open_fds(), fds_before);
	uv_close((uv_handle_t *)&keep, NULL);
	tmr_wheel_free(wheel);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

/* ---- a peer by hand ---- */

static int dial(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), big = 1 << 20;

	memcpy(sa.sun_path, path, strlen(path));
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
	assert_int_equal(0, connect(fd, (struct sockaddr *)&sa, sizeof(sa)));
	return fd;
}

/* Octets of the next frame; 0: the other side closed; -1: neither within ms. */
static ssize_t hear(int fd, uint8_t *b, size_t cap, unsigned ms)
{
	uint64_t end = uv_hrtime() / 1000000 + ms;

	do {
		ssize_t n = recv(fd, b, cap, MSG_DONTWAIT);

		if (n >= 0)
			return n;
		if (errno == ECONNRESET)
			return 0;
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(200);
	} while (uv_hrtime() / 1000000 < end);
	return -1;
}

static void tell(int fd, const void *b, size_t n, unsigned nfds)
{
	union {
		struct cmsghdr align;
		char b[CMSG_SPACE(16 * sizeof(int))];
	} ctl;
	struct iovec iov = { (void *)(uintptr_t)b, n };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[16];

	if (nfds) {
		memset(&ctl, 0, sizeof(ctl));
		mh.msg_control = ctl.b;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		ctl.align.cmsg_level = SOL_SOCKET;
		ctl.align.cmsg_type = SCM_RIGHTS;
		ctl.align.cmsg_len = CMSG_LEN(nfds * sizeof(int));
		for (unsigned i = 0; i < nfds; i++)
			fds[i] = STDERR_FILENO;
		memcpy(CMSG_DATA(&ctl.align), fds, nfds * sizeof(int));
	}
	assert_int_equal(n, sendmsg(fd, &mh, MSG_NOSIGNAL));
}

struct lie {
	const char *what;
	struct ipc_hdr h;
	const void *body;
	size_t n;      /* octets of the body */
	size_t cut;    /* of the frame only so many; 0: all */
	unsigned nfds; /* sent, whatever the header says */
	bool stays;    /* no fault: the connection lives on */
};
#define HDR(kind_, iface_, type_, corr_)                                                           \
	{                                                                                          \
		IPC_MAGIC, IPC_VERSION, kind_, iface_, type_, corr_, 0, 0                          \
	}

static void lie(int fd, const struct lie *l)
{
	size_t n = 16 + l->n;
	uint8_t *b = mem_new(n);

	ipc_hdr_put(b, &l->h);
	if (l->body)
		memcpy(b + 16, l->body, l->n);
	tell(fd, b, l->cut ? l->cut : n, l->nfds);
	free(b);
}

static size_t hello_of(uint8_t *out, uint8_t kind, const char *name, uint32_t major, uint32_t corr)
{
	struct ipc_hdr h = HDR(kind, IPC_IF_LINK, LINK__TYPE__LINK_HELLO, corr);
	Link__Hello in = LINK__HELLO__INIT;
	Link__IfaceVersion v = LINK__IFACE_VERSION__INIT, *vp = &v;

	in.daemon = (char *)(uintptr_t)name;
	in.instance = 1;
	in.epoch = 7;
	in.build = (char *)(uintptr_t) "0";
	v.iface = IPC_IF_CERT;
	v.major = major;
	in.n_iface = 1;
	in.iface = &vp;
	ipc_hdr_put(out, &h);
	return 16 + link__hello__pack(&in, out + 16);
}

static size_t hello_minor(uint8_t *out, uint32_t link_minor)
{
	struct ipc_hdr h = HDR(IPC_REQ, IPC_IF_LINK, LINK__TYPE__LINK_HELLO, 1);
	Link__Hello in = LINK__HELLO__INIT;
	Link__IfaceVersion v = LINK__IFACE_VERSION__INIT, *vp = &v;

	in.daemon = (char *)(uintptr_t) "sipd";
	v.iface = IPC_IF_LINK;
	v.major = 1;
	v.minor = link_minor;
	in.n_iface = 1;
	in.iface = &vp;
	ipc_hdr_put(out, &h);
	return 16 + link__hello__pack(&in, out + 16);
}

static int join(void)
{
	uint8_t b[1024];
	int fd = dial();

	tell(fd, b, hello_of(b, IPC_REQ, "sipd", 1, 1), 0);
	assert_true(hear(fd, b, sizeof(b), WAIT_MS) > 16);
	assert_int_equal(IPC_REP, b[3]);
	return fd;
}

static void echo_works(int fd)
{
	Link__Ping ping = LINK__PING__INIT;
	struct ipc_hdr h = HDR(IPC_REQ, IPC_IF_CERT, T_ECHO, 77), back;
	uint8_t b[128];
	ssize_t n;

	ping.has_at = true;
	ping.at = 4711;
	ipc_hdr_put(b, &h);
	tell(fd, b, 16 + link__ping__pack(&ping, b + 16), 0);
	n = hear(fd, b, sizeof(b), WAIT_MS);
	assert_true(n > 16);
	assert_int_equal(0, ipc_hdr_get(b, (size_t)n, 0, &back));
	assert_int_equal(IPC_REP, back.kind);
	assert_int_equal(77, back.corr);
}

static void each(const struct lie *t, size_t n, bool after_hello)
{
	struct ipc_node *srv = node("certd");
	uint8_t b[1024];
	int honest;

	assert_int_equal(0, ipc_serve_path(srv, path, 0600, IPC_DOOR_LINK));
	honest = join();
	for (size_t i = 0; i < n; i++) {
		int fd = after_hello ? join() : dial();

		lie(fd, &t[i]);
		if (t[i].stays)
			echo_works(fd);
		else if (hear(fd, b, sizeof(b), WAIT_MS) != 0)
			fail_msg("%s: the connection stayed", t[i].what);
		close(fd);
		echo_works(honest);
	}
	close(honest);
	ipc_node_free(srv);
}

static void before_hello(void **state)
{
	static uint8_t junk[70000];
	static const struct lie t[] = {
		{ "one octet", HDR(IPC_REQ, 1, 1, 1), NULL, 0, 1, 0, false },
		{ "a header cut short", HDR(IPC_REQ, 1, 1, 1), NULL, 0, 15, 0, false },
		{ "another magic", { 0x1234, IPC_VERSION, IPC_REQ, 1, 1, 1, 0, 0 }, NULL, 0, 0, 0,
		    false },
		{ "an old frame version", { IPC_MAGIC, 0, IPC_REQ, 1, 1, 1, 0, 0 }, NULL, 0, 0, 0,
		    false },
		{ "a new frame version", { IPC_MAGIC, 2, IPC_REQ, 1, 1, 1, 0, 0 }, NULL, 0, 0, 0,
		    false },
		{ "an unknown kind", HDR(9, 1, 1, 1), NULL, 0, 0, 0, false },
		{ "zero that is not", { IPC_MAGIC, IPC_VERSION, IPC_REQ, 1, 1, 1, 0, 5 }, NULL, 0,
		    0, 0, false },
		{ "a request without a number", HDR(IPC_REQ, 1, 1, 0), NULL, 0, 0, 0, false },
		{ "an event with a number", HDR(IPC_EVT, 1, 1, 3), NULL, 0, 0, 0, false },
		{ "descriptors promised", { IPC_MAGIC, IPC_VERSION, IPC_REQ, 1, 1, 1, 2, 0 }, NULL,
		    0, 0, 0, false },
		{ "a descriptor hidden", HDR(IPC_REQ, 1, 1, 1), NULL, 0, 0, 1, false },
		{ "ten descriptors", { IPC_MAGIC, IPC_VERSION, IPC_REQ, 1, 1, 1, 10, 0 }, NULL, 0,
		    0, 10, false },
		{ "70,000 octets", HDR(IPC_REQ, 1, 1, 1), junk, sizeof(junk), 0, 0, false },
		{ "70,000 octets and descriptors", HDR(IPC_REQ, 1, 1, 1), junk, sizeof(junk), 0, 3,
		    false },
		{ "a hello of garbage", HDR(IPC_REQ, IPC_IF_LINK, LINK__TYPE__LINK_HELLO, 1),
		    "\xff\xff\xff", 3, 0, 0, false },
		{ "a long hello", HDR(IPC_REQ, IPC_IF_LINK, LINK__TYPE__LINK_HELLO, 1), junk, 1025,
		    0, 0, false },
		{ "an empty hello", HDR(IPC_REQ, IPC_IF_LINK, LINK__TYPE__LINK_HELLO, 1), NULL, 0,
		    0, 0, false },
		{ "no hello", HDR(IPC_REQ, IPC_IF_CERT, T_ECHO, 1), NULL, 0, 0, 0, false },
		{ "a pack before the hello", HDR(IPC_PACK, 0, 0, 0), NULL, 0, 0, 0, false },
		{ "no hello, an event", HDR(IPC_EVT, IPC_IF_CERT, T_ECHO, 0), NULL, 0, 0, 0,
		    false },
	};

	(void)state;
	each(t, ARRAY_LEN(t), false);
}

static void after_hello(void **state)
{
	static uint8_t junk[65], big[IPC_PACK_MAX];
	static const struct lie t[] = {
		{ "a body of garbage", HDR(IPC_REQ, IPC_IF_CERT, T_ECHO, 1), "\xff\xff\xff", 3, 0,
		    0, false },
		{ "a body cut short", HDR(IPC_REQ, IPC_IF_CERT, T_ECHO, 1), "\x08\x80", 2, 0, 0,
		    false },
		{ "a body too long", HDR(IPC_REQ, IPC_IF_CERT, T_ECHO, 1), junk, 65, 0, 0, false },
		{ "a descriptor too many",
		    { IPC_MAGIC, IPC_VERSION, IPC_REQ, IPC_IF_CERT, T_ECHO, 1, 1, 0 }, NULL, 0, 0,
		    1, false },
		{ "a second hello", HDR(IPC_REQ, IPC_IF_LINK, LINK__TYPE__LINK_HELLO, 1), NULL, 0,
		    0, 0, false },
		{ "a ping of garbage", HDR(IPC_REQ, IPC_IF_LINK, LINK__TYPE__LINK_PING, 1), "\xff",
		    1, 0, 0, false },
		{ "a pack cut within a length", HDR(IPC_PACK, 0, 0, 0), "\x10", 1, 0, 0, false },
		{ "a pack cut within a frame", HDR(IPC_PACK, 0, 0, 0), "\x40\0\0\0 too short", 14,
		    0, 0, false },
		{ "a pack of an endless frame", HDR(IPC_PACK, 0, 0, 0), "\xff\xff\xff\xff", 4, 0, 0,
		    false },
		{ "a pack of an empty frame", HDR(IPC_PACK, 0, 0, 0), "\0\0\0\0", 4, 0, 0, false },
		{ "a pack of garbage", HDR(IPC_PACK, 0, 0, 0), "\x10\0\0\0................", 20, 0,
		    0, false },
		{ "a pack in a pack", HDR(IPC_PACK, 0, 0, 0),
		    "\x10\0\0\0ID\1\5\0\0\0\0\0\0\0\0\0\0\0", 20, 0, 0, false },
		{ "a pack with a number", HDR(IPC_PACK, 0, 0, 1), NULL, 0, 0, 0, false },
		{ "a pack with a type", HDR(IPC_PACK, IPC_IF_CERT, T_ECHO, 0), NULL, 0, 0, 0,
		    false },
		{ "a pack with a descriptor", { IPC_MAGIC, IPC_VERSION, IPC_PACK, 0, 0, 0, 1, 0 },
		    NULL, 0, 0, 1, false },
		{ "a pack too long", HDR(IPC_PACK, 0, 0, 0), big, sizeof(big), 0, 0, false },
		{ "an empty pack", HDR(IPC_PACK, 0, 0, 0), NULL, 0, 0, 0, true },
		{ "an answer to nothing", HDR(IPC_REP, IPC_IF_CERT, T_ECHO, 9), "\xff", 1, 0, 0,
		    true },
		{ "an answer to nothing, with descriptors",
		    { IPC_MAGIC, IPC_VERSION, IPC_REP, IPC_IF_CERT, T_ECHO, 9, 2, 0 }, NULL, 0, 0,
		    2, true },
		{ "an unknown event", HDR(IPC_EVT, IPC_IF_MEDIA, 999, 0), "\xff", 1, 0, 0, true },
		{ "an unknown event, with descriptors",
		    { IPC_MAGIC, IPC_VERSION, IPC_EVT, IPC_IF_MEDIA, 999, 0, 4, 0 }, NULL, 0, 0, 4,
		    true },
	};

	(void)state;
	each(t, ARRAY_LEN(t), true);
	assert_true(ups > ARRAY_LEN(t));
	for (unsigned i = 0; i < 50 && downs != ups; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(ups, downs);
}

/* Requests that come as one frame are answered in one; but only to who said that he understands it. */
static void packs(void **state)
{
	struct ipc_node *srv = node("certd");

	(void)state;
	assert_int_equal(0, ipc_serve_path(srv, path, 0600, IPC_DOOR_LINK));
	for (uint32_t understands = 0; understands < 2; understands++) {
		struct ipc_hdr pack = HDR(IPC_PACK, 0, 0, 0), back;
		uint8_t b[IPC_PACK_MAX], hello[1024];
		unsigned answers = 0, heard = 0;
		int fd = dial();
		size_t n = 16;

		tell(fd, hello, hello_minor(hello, understands), 0);
		assert_true(hear(fd, b, sizeof(b), WAIT_MS) > 16);
		ipc_hdr_put(b, &pack);
		for (uint32_t i = 1; i <= 20; i++) {
			struct ipc_hdr h = HDR(IPC_REQ, IPC_IF_CERT, T_ECHO, i);
			uint32_t len = 16;

			memcpy(b + n, &len, 4);
			ipc_hdr_put(b + n + 4, &h);
			n += 4 + len;
		}
		tell(fd, b, n, 0);
		while (answers < 20) {
			ssize_t got = hear(fd, b, sizeof(b), WAIT_MS);
			struct rd r;
			struct slice f;
			int more;

			assert_true(got >= 16);
			heard++;
			assert_int_equal(0, ipc_hdr_get(b, (size_t)got, 0, &back));
			if (back.kind != IPC_PACK) {
				assert_int_equal(++answers, back.corr);
				continue;
			}
			assert_int_equal(1, understands);
			r = rd_of(b + 16, (size_t)got - 16);
			while ((more = ipc_pack_next(&r, &f)) > 0) {
				assert_int_equal(
				    0, ipc_hdr_get((const uint8_t *)f.p, f.n, 0, &back));
				assert_int_equal(IPC_REP, back.kind);
				assert_int_equal(++answers, back.corr); /* in their order */
			}
			assert_int_equal(0, more);
		}
		if (understands)
			assert_true(heard < 20); /* one, unless the machine is very busy */
		else
			assert_int_equal(20, heard);
		echo_works(fd);
		close(fd);
	}
	ipc_node_free(srv);
}

/* An answer in no haste comes with the next one, or by itself after a while; to who does not understand packs at once. */
static void later(void **state)
{
	struct ipc_node *srv = node("certd");

	(void)state;
	assert_int_equal(0, ipc_serve_path(srv, path, 0600, IPC_DOOR_LINK));
	for (uint32_t understands = 0; understands < 2; understands++) {
		struct ipc_hdr pack = HDR(IPC_PACK, 0, 0, 0), back,
		               h = HDR(IPC_REQ, IPC_IF_CERT, T_LATER, 1);
		uint8_t b[IPC_PACK_MAX], hello[1024];
		int fd = dial();
		size_t n = 16;
		uint32_t len = 16, answers = 1;
		struct slice f;

		tell(fd, hello, hello_minor(hello, understands), 0);
		assert_true(hear(fd, b, sizeof(b), WAIT_MS) > 16);
		ipc_hdr_put(b, &h);
		uint64_t at = uv_hrtime();
		tell(fd, b, 16, 0);
		assert_int_equal(16, hear(fd, b, sizeof(b), WAIT_MS));
		assert_int_equal(0, ipc_hdr_get(b, 16, 0, &back));
		assert_int_equal(1, back.corr);
		if (understands)
			assert_true(uv_hrtime() - at > 30000000);
		ipc_hdr_put(b, &pack);
		for (uint32_t i = 2; i <= 4; i++) {
			h.type = i < 4 ? T_LATER : T_ECHO;
			h.corr = i;
			memcpy(b + n, &len, 4);
			ipc_hdr_put(b + n + 4, &h);
			n += 4 + len;
		}
		tell(fd, b, n, 0);
		if (understands) {
			ssize_t got = hear(fd, b, sizeof(b), WAIT_MS);
			assert_int_equal(n, got);
			struct rd r = rd_of(b + 16, (size_t)got - 16);
			while (ipc_pack_next(&r, &f) > 0) {
				assert_int_equal(
				    0, ipc_hdr_get((const uint8_t *)f.p, f.n, 0, &back));
				assert_int_equal(++answers, back.corr);
			}
		} else {
			while (answers < 4 && hear(fd, b, sizeof(b), WAIT_MS) == 16) {
				assert_int_equal(0, ipc_hdr_get(b, 16, 0, &back));
				assert_int_equal(++answers, back.corr);
			}
		}
		assert_int_equal(4, answers);
		close(fd);
	}
	ipc_node_free(srv);
}

/* Told why, then closed: a name that the user does not run, a version that we do not speak. */
static void refused_names(void **state)
{
	static const struct {
		const char *name;
		uint32_t major;
		const char *says;
	} t[] = {
		{ "nobody", 1, "does not run a daemon of the name" },
		{ "", 1, "does not run a daemon of the name" },
		{ "sipdsipdsipdsipdsipdsipdsipdsipdsipdsipd", 1,
		    "does not run a daemon of the name" },
		{ "sipd", 0, "speaks version 0 of interface 2, we speak 1: upgrade both" },
		{ "sipd", 2, "speaks version 2 of interface 2, we speak 1: upgrade both" },
	};
	struct ipc_node *srv = node("certd");
	uint8_t b[1024];

	(void)state;
	assert_int_equal(0, ipc_serve_path(srv, path, 0600, IPC_DOOR_LINK));
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		Link__Error *e;
		int fd = dial();
		ssize_t n;

		tell(fd, b, hello_of(b, IPC_REQ, t[i].name, t[i].major, 1), 0);
		n = hear(fd, b, sizeof(b), WAIT_MS);
		assert_true(n > 16);
		assert_int_equal(IPC_ERR, b[3]);
		e = link__error__unpack(NULL, (size_t)n - 16, b + 16);
		assert_non_null(e);
		assert_int_equal(ERR_DENIED, e->code);
		assert_non_null(memmem(e->text.data, e->text.len, t[i].says, strlen(t[i].says)));
		link__error__free_unpacked(e, NULL);
		assert_int_equal(0, hear(fd, b, sizeof(b), WAIT_MS));
		close(fd);
	}
	assert_int_equal(0, ups);
	ipc_node_free(srv);
}

static void silence(void **state)
{
	struct ipc_node *srv = node("certd");
	uint64_t began;
	uint8_t b[64];
	int fd;

	(void)state;
	assert_int_equal(0, ipc_serve_path(srv, path, 0600, IPC_DOOR_LINK));
	fd = dial();
	began = uv_hrtime() / 1000000;
	assert_int_equal(0, hear(fd, b, sizeof(b), WAIT_MS));
	assert_true(uv_hrtime() / 1000000 - began >= 1500); /* no sooner than promised */
	close(fd);
	ipc_node_free(srv);
}

/* The other way round: a server that lies. The link goes on trying until an honest one answers. */
static void lying_server(void **state)
{
	static const struct {
		const char *what, *name;
		uint8_t kind;
		uint32_t major;
		int corr, type; /* added to the right ones */
		size_t cut;
		unsigned nfds;
	} t[] = {
		{ "another daemon's name", "dectd", IPC_REP, 1, 0, 0, 0, 0 },
		{ "an old version", "certd", IPC_REP, 0, 0, 0, 0, 0 },
		{ "an answer of another type", "certd", IPC_REP, 1, 0, 1, 0, 0 },
		{ "a body cut short", "certd", IPC_REP, 1, 0, 0, 20, 0 },
		{ "a header cut short", "certd", IPC_REP, 1, 0, 0, 9, 0 },
		{ "an error of garbage", "certd", IPC_ERR, 1, 0, 0, 19, 0 },
		{ "surplus descriptors", "certd", IPC_REP, 1, 0, 0, 0, 9 },
		{ "honest", "certd", IPC_REP, 1, 0, 0, 0, 0 },
	};
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int l = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), fd;
	struct ipc_node *cli = node("sipd");
	uint8_t b[1024];

	(void)state;
	memcpy(sa.sun_path, path, strlen(path));
	assert_int_equal(0, bind(l, (struct sockaddr *)&sa, sizeof(sa)));
	assert_int_equal(0, listen(l, 4));
	ipc_link_open(cli, IPC_CERTD, path);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct ipc_hdr h;
		bool honest = i + 1 == ARRAY_LEN(t);
		size_t n;
		ssize_t k;

		for (unsigned turn = 0; (fd = accept4(l, NULL, NULL, SOCK_CLOEXEC)) < 0; turn++) {
			if (turn == 100000)
				fail_msg("%s: no further attempt", t[i].what);
			uv_run(&loop, UV_RUN_NOWAIT);
			usleep(200);
		}
		k = hear(fd, b, sizeof(b), WAIT_MS);
		assert_true(k > 16);
		assert_int_equal(0, ipc_hdr_get(b, (size_t)k, 0, &h));
		n = hello_of(b, t[i].kind, t[i].name, t[i].major, h.corr + (uint32_t)t[i].corr);
		b[6] =
		    (uint8_t)(b[6] + t[i].type); /* the header is in host order; types are small */
		tell(fd, b, t[i].cut ? t[i].cut : n, t[i].nfds);
		if (!honest && hear(fd, b, sizeof(b), WAIT_MS) != 0)
			fail_msg("%s: the connection stayed", t[i].what);
		for (unsigned turn = 0; honest && ups == 0 && turn < 50000; turn++) {
			uv_run(&loop, UV_RUN_NOWAIT);
			usleep(200);
		}
		assert_int_equal(honest, ups);
		if (!honest)
			close(fd);
	}
	close(fd);
	close(l);
	ipc_node_free(cli);
}

/* A daemon that connects again and again, under ever new instances: neither descriptors nor memory of the others go. */
static void crowd(void **state)
{
	struct ipc_node *n = node("certd");
	int fd[IPC_LINKS_PER_USER + 6];
	struct ipc_peer p = { .role = IPC_DECTD };

	(void)state;
	for (p.instance = 1; p.instance < 1000; p.instance++)
		assert_true(ipc_node_restarted(n, &p));
	assert_true(n->nknown <= IPC_KNOWN);
	assert_int_equal(ipc_serve_path(n, path, 0600, IPC_DOOR_LINK), 0);
	for (unsigned i = 0; i < ARRAY_LEN(fd); i++) {
		unsigned there = 0;
		fd[i] = dial();
		uv_run(&loop, UV_RUN_NOWAIT);
		LIST_FOREACH(&n->peers, it)
		there++;
		assert_true(there <= IPC_LINKS_PER_USER);
	}
	for (unsigned i = 0; i < ARRAY_LEN(fd); i++)
		close(fd[i]);
	ipc_node_free(n);
}

static void ask_hold(int fd, uint32_t corr)
{
	struct lie l = { .h = HDR(IPC_REQ, IPC_IF_CERT, T_HOLD, corr) };

	lie(fd, &l);
	for (int i = 0; i < 3; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
}

/* Who asks on and on, and waits for no answer, does not fill our memory with what is to be answered. */
static void impatient(void **state)
{
	struct ipc_node *n = node("certd");
	int fd[2];
	unsigned busy = 0;
	uint8_t b[1024];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd), 0);
	ipc_join(n, fd[1], IPC_DECTD);
	for (uint32_t corr = 1; corr <= ARRAY_LEN(held); corr++) {
		ask_hold(fd[0], corr);
		busy += recv(fd[0], b, sizeof(b), MSG_DONTWAIT) > 0 && b[3] == IPC_ERR;
	}
	assert_int_equal(nheld, IPC_IN_FLIGHT);
	assert_int_equal(busy, ARRAY_LEN(held) - IPC_IN_FLIGHT);
	for (unsigned i = 0; i < 10; i++)
		ipc_ticket_fail(held[--nheld], ERR_STATE, "no");
	for (unsigned i = 0; i < 10; i++)
		assert_true(hear(fd[0], b, sizeof(b), WAIT_MS) > 0);
	ask_hold(fd[0], 9999); /* there is room again */
	assert_int_equal(nheld, IPC_IN_FLIGHT - 9);
	close(fd[0]);
	ipc_node_free(n);
	while (nheld)
		ipc_ticket_fail(held[--nheld], ERR_STATE, "no");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(before_hello, setup, teardown),
		cmocka_unit_test_setup_teardown(packs, setup, teardown),
		cmocka_unit_test_setup_teardown(later, setup, teardown),
		cmocka_unit_test_setup_teardown(after_hello, setup, teardown),
		cmocka_unit_test_setup_teardown(refused_names, setup, teardown),
		cmocka_unit_test_setup_teardown(silence, setup, teardown),
		cmocka_unit_test_setup_teardown(lying_server, setup, teardown),
		cmocka_unit_test_setup_teardown(crowd, setup, teardown),
		cmocka_unit_test_setup_teardown(impatient, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
