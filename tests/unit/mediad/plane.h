#ifndef TESTS_UNIT_MEDIAD_PLANE_H
#define TESTS_UNIT_MEDIAD_PLANE_H
/* The media plane in one process with a clock of its own, and far ends that only this test plays: plain UDP sockets on
 * the loopback address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "mediad/rtp.h"
#include "mediad/sess.h"

struct far { /* a far end */
	int fd;
	uint16_t port, seq;
	uint32_t ts, ssrc;
	struct addr addr;
	struct sbox *tx, *rx;
	/* the last packet got */
	struct rtp_pkt h;
	uint8_t buf[2048];
	size_t n;
};

struct plane {
	struct mediad m;
	struct mediad_conf conf;
	uint64_t now;
	struct media_ev ev[1024];
	size_t nev;
};
static struct plane *plane_now; /* the event hook has no other way to its test */

static uint64_t plane_clock(void *ctx)
{
	struct plane *p = ctx;

	return p->now;
}

static void plane_event(struct mediad *m, struct sess *s, const struct media_ev *ev)
{
	(void)m;
	(void)s;
	assert_true(plane_now->nev < ARRAY_LEN(plane_now->ev));
	plane_now->ev[plane_now->nev++] = *ev;
}

static inline unsigned plane_events(const struct plane *p, enum media_ev_kind kind)
{
	unsigned n = 0;

	for (size_t i = 0; i < p->nev; i++)
		n += p->ev[i].kind == kind;
	return n;
}

/* A loopback address of this process alone: whatever runs beside it has other ports. */
static char *plane_address(void)
{
	static char text[32];
	unsigned pid = (unsigned)getpid();

	(void)snprintf(text, sizeof(text), "127.%u.%u.%u", 1 + (pid >> 14) % 250, (pid >> 7) % 128,
	    1 + pid % 128);
	return text;
}

/* All of 400 ports from lo on are free now, also of those who hold them on all addresses. */
static bool plane_free(unsigned lo)
{
	bool ok = true;
	struct in_addr ip;

	assert_int_equal(inet_pton(AF_INET, plane_address(), &ip), 1);

	for (unsigned i = 0; i < 400 && ok; i++) {
		struct sockaddr_in a = {
			.sin_family = AF_INET, .sin_addr = ip, .sin_port = htons((uint16_t)(lo + i))
		};
		int fd = socket(AF_INET, SOCK_DGRAM, 0);
		ok = bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
		close(fd);
	}
	return ok;
}

static void plane_open(struct plane *p)
{
	static const struct mediad_conf conf = { .address = (char *)(uintptr_t) "127.0.0.1",
		.address6 = (char *)(uintptr_t) "",
		.radio_address = (char *)(uintptr_t) "",
		.country = (char *)(uintptr_t) "DE",
		.music = (char *)(uintptr_t) "",
		.instances = 1,
		.port_rest_ms = 1000,
		.max_sessions = 100,
		.silence_ms = 2000,
		.timeout_ms = 60000,
		.mismatch_ms = 2000,
		.orphan_ms = 10000,
		.quality_mos = 300,
		.jitter_min_ms = 20,
		.jitter_max_ms = 200,
		.late_permille = 5,
		.rtcp_ms = 5000 };

	memset(p, 0, sizeof(*p));
	p->conf = conf;
	p->conf.address = plane_address();
	do
		p->conf.ports.lo = (uint16_t)(12000 + 400 * id_below(50));
	while (!plane_free(p->conf.ports.lo));
	p->conf.ports.hi = (uint16_t)(p->conf.ports.lo + 399);
	p->now = 1000000;
	assert_int_equal(mediad_open(&p->m, &p->conf, 1, NULL), 0);
	path_clock(p->m.path, plane_clock, p);
	p->m.event = plane_event;
	plane_now = p;
}

static void plane_close(struct plane *p)
{
	mediad_close(&p->m);
}

/* Whatever waits is handled; loopback datagrams are there when sendto() returns. */
static inline void plane_turn(struct plane *p)
{
	while (path_turn(p->m.path, 0))
		;
}

/* Time goes on: 250 ms round by round, as the daemon does; the tick in steps of 5 ms where one is needed. */
static inline void plane_wait(struct plane *p, uint32_t ms)
{
	for (uint32_t i = 0; i < ms; i += 5) {
		p->now += 5000;
		plane_turn(p);
		path_step(p->m.path);
		if (p->now / 1000 % 250 == 0)
			mediad_house(&p->m);
	}
}

static inline void far_open(struct far *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);

	memset(f, 0, sizeof(*f));
	f->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(f->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(f->fd, (struct sockaddr *)&a, &n), 0);
	f->port = ntohs(a.sin_port);
	addr_from_sa(&f->addr, (struct sockaddr *)&a);
	f->seq = (uint16_t)id_u64();
	f->ts = (uint32_t)id_u64();
	f->ssrc = (uint32_t)id_u64();
}

static inline void far_close(struct far *f)
{
	close(f->fd);
	sbox_free(f->tx);
	sbox_free(f->rx);
}

static inline void far_raw(struct far *f, const struct leg *l, const void *p, size_t n)
{
	assert_int_equal(sendto(f->fd, p, n, 0, &l->local.u.sa, addr_len(&l->local)), (ssize_t)n);
}

static inline void far_send(
    struct far *f, const struct leg *l, uint8_t pt, const void *payload, size_t n)
{
	uint8_t b[2048];
	size_t len = n + RTP_HDR;

	rtp_put(b, pt, false, f->seq, f->ts, f->ssrc);
	memcpy(b + RTP_HDR, payload, n);
	if (f->tx)
		assert_int_equal(sbox_protect(f->tx, b, &len, sizeof(b)), 0);
	far_raw(f, l, b, len);
}

/* One packet of 20 ms of G.711, all octets the same. */
static inline void far_talk(struct far *f, const struct leg *l, uint8_t pt, uint8_t octet)
{
	uint8_t b[160];

	memset(b, octet, sizeof(b));
	far_send(f, l, pt, b, sizeof(b));
	f->seq++;
	f->ts += 160;
}

/* The next RTP packet that arrived; false: none. */
static inline bool far_get(struct far *f)
{
	ssize_t n = recv(f->fd, f->buf, sizeof(f->buf), 0);

	if (n < 0)
		return false;
	f->n = (size_t)n;
	if (rtp_kind(f->buf, f->n) != RTP_RTP)
		return far_get(f);
	if (f->rx)
		assert_int_equal(sbox_unprotect(f->rx, f->buf, &f->n), 0);
	assert_int_equal(rtp_parse(f->buf, f->n, &f->h), 0);
	return true;
}

static inline struct leg_set leg_for(
    enum side side, const struct far *f, unsigned codec, unsigned pt)
{
	struct leg_set s = {
		.side = side, .has_remote = f != NULL, .has_payload = true, .npayload = 2
	};

	if (f)
		s.remote = f->addr;
	s.payload[0] = (struct leg_payload){ (uint8_t)codec, (uint8_t)pt };
	s.payload[1] = (struct leg_payload){ CODEC_EVENT, 101 };
	return s;
}

/* For a group of tests: only errors are logged. */
static inline int quiet(void **state)
{
	(void)state;
	log_set_level(LOG_ERR);
	return 0;
}

#endif
