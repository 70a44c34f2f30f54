/* Sockets of the packet path. */
#include "mediad/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "mediad/rtp.h"

#define BATCH  8   /* datagrams read from one socket before the others have their turn */
#define EVENTS 256 /* sockets per epoll_wait */
#define SLOT   (PATH_HEAD + RTP_MAX + PATH_TAIL)

#define WINDOW_US 20000 /* a packet time: over this the load is measured */
#define CALM      20    /* datagrams in it below which the pace does not pay */
#define HANDFUL                                                                                    \
	64 /* datagrams of a turn that are enough to share its cost: with more the pace gets quicker */

struct path {
	int ep, timer;
	bool ticking, by_hand, turning;
	uint64_t now_us;
	uint64_t (*clock)(void *);
	void *clock_ctx;
	path_rx_h *rx;
	path_tick_h *tick;
	void *ctx;
	void (*soon)(const struct path_sock *s);
	uv_poll_t *poll, *pace; /* one of them is on */
	int pace_timer;
	uint32_t pace_us, paced_us, turn, window_turns; /* paced_us: now; 0: not */
	uint64_t window_us, window_rx;                  /* where the window began */
	unsigned closing;
	struct path_stat stat;
	uint64_t ticks;
	struct path_sock *out; /* whose datagrams wait */
	unsigned nout;
	struct iovec out_iov[BATCH];
	struct addr out_to[BATCH];
	bool out_named[BATCH];
	struct mmsghdr in[BATCH];
	struct iovec in_iov[BATCH];
	struct addr from[BATCH];
	struct epoll_event ev[EVENTS];
	unsigned nev, at;
	uint8_t mem[BATCH][SLOT] __attribute__((aligned(64)));
};

static uint64_t real_clock(void *ctx)
{
	(void)ctx;
	return uv_hrtime() / 1000;
}

struct path *path_open(path_rx_h *rx, path_tick_h *tick, void *ctx)
{
	struct path *p = mem_new(sizeof(*p));
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL };

	p->rx = rx;
	p->tick = tick;
	p->ctx = ctx;
	p->clock = real_clock;
	p->now_us = real_clock(NULL);
	for (unsigned i = 0; i < BATCH; i++) {
		p->in_iov[i] = (struct iovec){ p->mem[i] + PATH_HEAD, RTP_MAX };
		p->in[i].msg_hdr.msg_iov = &p->in_iov[i];
		p->in[i].msg_hdr.msg_iovlen = 1;
	}
	p->ep = epoll_create1(EPOLL_CLOEXEC);
	p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	p->pace_timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (p->ep < 0 || p->timer < 0 || p->pace_timer < 0 ||
	    epoll_ctl(p->ep, EPOLL_CTL_ADD, p->timer, &e) != 0) {
		path_close(p);
		return NULL;
	}
	return p;
}

static void release(struct path *p)
{
	if (p->timer >= 0)
		close(p->timer);
	if (p->pace_timer >= 0)
		close(p->pace_timer);
	if (p->ep >= 0)
		close(p->ep);
	mem_free_wiped(p, sizeof(*p)); /* decrypted speech */
}

static void on_closed(uv_handle_t *h)
{
	struct path *p = h->data;

	free(h);
	if (--p->closing == 0)
		release(p);
}

void path_close(struct path *p)
{
	uv_poll_t *h[2];

	if (!p || p->closing)
		return;
	h[0] = p->poll;
	h[1] = p->pace;
	for (unsigned i = 0; i < 2; i++)
		p->closing += h[i] != NULL;
	if (p->closing == 0)
		release(p);
	else
		for (unsigned i = 0; i < 2; i++)
			if (h[i])
				uv_close((uv_handle_t *)h[i], on_closed);
}

/* ---- when to look ---- */

static void on_poll(uv_poll_t *h, int status, int events);
static void on_pace(uv_poll_t *h, int status, int events);

/* us 0: each datagram wakes us. */
static void set_pace(struct path *p, uint32_t us)
{
	struct itimerspec its = { 0 };
	bool on = us != 0, was = p->paced_us != 0;

	its.it_value.tv_nsec = its.it_interval.tv_nsec = (long)us * 1000;
	if (p->paced_us == us || timerfd_settime(p->pace_timer, 0, &its, NULL) != 0)
		return;
	p->paced_us = us;
	if (on == was)
		return;
	(void)uv_poll_stop(on ? p->poll : p->pace);
	if (uv_poll_start(on ? p->pace : p->poll, UV_READABLE, on ? on_pace : on_poll) != 0)
		log_ev(LOG_ERR, "the loop does not take a descriptor");
}

/* The steps are coarse, so that a steady load does not set the timer again and again. */
static uint32_t pace_for(const struct path *p, uint64_t rx)
{
	uint32_t us = p->pace_us;

	for (unsigned i = 0; i < 2 && rx * us > (uint64_t)HANDFUL * WINDOW_US; i++)
		us /= 2;
	return us;
}

static void weigh(struct path *p)
{
	uint64_t rx = p->stat.rx - p->window_rx;

	p->window_turns++;
	if (p->now_us - p->window_us < WINDOW_US)
		return;
	/* A fifth less wake-ups, or it is not worth a delay. */
	if (p->paced_us ? rx >= CALM
	                : rx >= 2 * CALM &&
	                      (uint64_t)p->window_turns * p->pace_us >= WINDOW_US + WINDOW_US / 5)
		set_pace(p, pace_for(p, rx));
	else
		set_pace(p, 0);
	p->window_turns = 0;
	p->window_us = p->now_us;
	p->window_rx = p->stat.rx;
}

static void on_poll(uv_poll_t *h, int status, int events)
{
	struct path *p = h->data;

	(void)events;
	if (status != 0)
		return;
	(void)path_turn(p, 0);
	weigh(p);
}

static void on_pace(uv_poll_t *h, int status, int events)
{
	struct path *p = h->data;
	uint64_t n;

	(void)events;
	if (status != 0 || read(p->pace_timer, &n, sizeof(n)) != sizeof(n))
		return;
	p->stat.paced++;
	(void)path_turn(p, 0);
	weigh(p);
}

static uv_poll_t *handle(struct path *p, uv_loop_t *loop, int fd, int *err)
{
	uv_poll_t *h = mem_new(sizeof(*h));

	*err = uv_poll_init(loop, h, fd);
	if (*err) {
		free(h);
		return NULL;
	}
	h->data = p;
	return h;
}

int path_attach(struct path *p, uv_loop_t *loop)
{
	int err;

	p->poll = handle(p, loop, p->ep, &err);
	if (!err)
		p->pace = handle(p, loop, p->pace_timer, &err);
	return err ? err : uv_poll_start(p->poll, UV_READABLE, on_poll);
}

void path_pace(struct path *p, uint32_t us)
{
	p->pace_us = us;
	if (p->paced_us)
		set_pace(p, us);
}

void path_soon(struct path *p, void (*soon)(const struct path_sock *s))
{
	p->soon = soon;
}

uint64_t path_now(const struct path *p)
{
	return p->turning ? p->now_us : p->clock(p->clock_ctx);
}

void path_clock(struct path *p, uint64_t (*clock)(void *), void *ctx)
{
	p->clock = clock;
	p->clock_ctx = ctx;
	p->by_hand = true;
	p->now_us = p->clock(p->clock_ctx);
}

void path_step(struct path *p)
{
	p->now_us = p->clock(p->clock_ctx);
	if (p->ticking)
		p->tick(p->ctx, p->ticks++);
}

const struct path_stat *path_stats(const struct path *p)
{
	return &p->stat;
}

void path_ticking(struct path *p, bool on)
{
	struct itimerspec its = { 0 };

	if (p->ticking == on)
		return;
	p->ticking = on;
	if (p->by_hand)
		return;
	if (on)
		its.it_value.tv_nsec = its.it_interval.tv_nsec = PATH_TICK_US * 1000;
	if (timerfd_settime(p->timer, 0, &its, NULL) != 0)
		log_ev(LOG_ERR, "the tick cannot be set", F_ERR(-errno));
}

/* ---- sockets ---- */

int path_dscp(struct path_sock *s, bool v6, unsigned dscp)
{
	int v = (int)(dscp << 2);

	return v6 ? setsockopt(s->fd, IPPROTO_IPV6, IPV6_TCLASS, &v, sizeof(v))
	          : setsockopt(s->fd, IPPROTO_IP, IP_TOS, &v, sizeof(v));
}

/* Only now, so that bind() of the first finds out whether others have the port. The same uid alone may share it, and
 * instances have ports of their own. */
static int share(struct path_sock *s)
{
	int one = 1;

	if (!s->shared && setsockopt(s->fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0)
		return -errno;
	s->shared = true;
	return 0;
}

static int bind_sock(struct path *p, struct path_sock *s, const struct addr *local,
    const struct addr *far, unsigned dscp)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };
	int one = 1,
	    fd = socket(local->u.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	s->fd = fd;
	s->connected = s->shared = false;
	if (local->u.sa.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (dscp && path_dscp(s, local->u.sa.sa_family == AF_INET6, dscp) != 0)
		log_ev(LOG_WARNING, "DSCP is not set", F_ERR(-errno));
	if ((far && share(s) != 0) || bind(fd, &local->u.sa, addr_len(local)) != 0 ||
	    (far && connect(fd, &far->u.sa, addr_len(far)) != 0) ||
	    epoll_ctl(p->ep, EPOLL_CTL_ADD, fd, &e) != 0) {
		int err = -errno;
		close(fd);
		s->fd = -1;
		return err;
	}
	s->connected = far != NULL;
	return 0;
}

int path_bind(struct path *p, struct path_sock *s, const struct addr *local, unsigned dscp)
{
	return bind_sock(p, s, local, NULL, dscp);
}

int path_twin(struct path *p, struct path_sock *s, struct path_sock *first,
    const struct addr *local, const struct addr *far, unsigned dscp)
{
	int err = share(first);

	return err ? err : bind_sock(p, s, local, far, dscp);
}

int path_watch(struct path *p, struct path_sock *s, bool out)
{
	struct epoll_event e = { .events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = s };

	if (epoll_ctl(p->ep, EPOLL_CTL_MOD, s->fd, &e) == 0)
		return 0;
	return epoll_ctl(p->ep, EPOLL_CTL_ADD, s->fd, &e) == 0 ? 0 : -errno;
}

void path_unbind(struct path *p, struct path_sock *s)
{
	if (s->fd < 0)
		return;
	if (p->out == s)
		path_flush(p);
	close(s->fd); /* leaves the epoll set with it */
	s->fd = -1;
	for (unsigned i = p->at; i < p->nev; i++)
		if (p->ev[i].data.ptr == s)
			p->ev[i].events = 0;
}

/* ---- out ---- */

static void failed(struct path *p, int err)
{
	if (err == ECONNREFUSED)
		p->stat.refused++;
	else
		p->stat.unsent++;
}

void path_send_now(
    struct path *p, struct path_sock *s, const uint8_t *b, size_t n, const struct addr *to)
{
	if (s->connected)
		to = NULL;
	for (int i = 0; i < 2; i++) {
		ssize_t r =
		    to ? sendto(s->fd, b, n, MSG_DONTWAIT | MSG_NOSIGNAL, &to->u.sa, addr_len(to))
		       : send(s->fd, b, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r >= 0) {
			p->stat.tx++;
			return;
		}
		/* A refusal told here belongs to an earlier datagram: once more. */
		if (errno != ECONNREFUSED)
			break;
	}
	failed(p, errno);
}

void path_flush(struct path *p)
{
	struct path_sock *s = p->out;
	struct mmsghdr out[BATCH];
	unsigned done = 0;

	if (!s)
		return;
	p->out = NULL;
	if (p->nout == 1) {
		path_send_now(p, s, p->out_iov[0].iov_base, p->out_iov[0].iov_len,
		    p->out_named[0] ? &p->out_to[0] : NULL);
		return;
	}
	memset(out, 0, sizeof(out[0]) * p->nout);
	for (unsigned i = 0; i < p->nout; i++) {
		out[i].msg_hdr.msg_iov = &p->out_iov[i];
		out[i].msg_hdr.msg_iovlen = 1;
		if (p->out_named[i] && !s->connected) {
			out[i].msg_hdr.msg_name = &p->out_to[i].u;
			out[i].msg_hdr.msg_namelen = addr_len(&p->out_to[i]);
		}
	}
	for (unsigned tries = 0; done < p->nout && tries < 2 * BATCH; tries++) {
		int r = sendmmsg(s->fd, out + done, p->nout - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r > 0) {
			done += (unsigned)r;
			p->stat.tx += (unsigned)r;
		} else if (errno != ECONNREFUSED) {
			failed(p, errno);
			done++;
		}
	}
}

void path_send(
    struct path *p, struct path_sock *s, const uint8_t *b, size_t n, const struct addr *to)
{
	if (p->out && (p->out != s || p->nout == BATCH))
		path_flush(p);
	if (!p->out) {
		p->out = s;
		p->nout = 0;
	}
	p->out_iov[p->nout] = (struct iovec){ (void *)(uintptr_t)b, n };
	p->out_named[p->nout] = to != NULL;
	if (to)
		p->out_to[p->nout] = *to;
	p->nout++;
}

/* ---- in ---- */

static void read_batch(struct path *p, struct path_sock *s)
{
	bool connected = s->connected;
	int fd = s->fd, n;

	for (unsigned i = 0; i < BATCH; i++) {
		p->in[i].msg_hdr.msg_name = connected ? NULL : &p->from[i].u;
		p->in[i].msg_hdr.msg_namelen = connected ? 0 : sizeof(p->from[i].u);
		p->in[i].msg_hdr.msg_flags = 0;
	}
	n = recvmmsg(fd, p->in, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0) {
		if (errno == ECONNREFUSED)
			p->stat.refused++;
		return; /* what is behind a refusal is told by the next epoll_wait */
	}
	p->stat.batches++;
	for (int i = 0; i < n; i++) {
		p->stat.rx++;
		if (p->in[i].msg_hdr.msg_flags & MSG_TRUNC) {
			p->stat.oversize++;
			continue;
		}
		p->rx(p->ctx, s, p->mem[i] + PATH_HEAD, p->in[i].msg_len,
		    connected ? NULL : &p->from[i]);
		if (s->fd != fd)
			break; /* closed by what it brought */
	}
	path_flush(p);
}

static void read_one(struct path *p, struct path_sock *s)
{
	bool connected = s->connected;
	socklen_t len = sizeof(p->from[0].u);
	ssize_t n = recvfrom(s->fd, p->mem[0] + PATH_HEAD, RTP_MAX, MSG_DONTWAIT | MSG_TRUNC,
	    connected ? NULL : &p->from[0].u.sa, connected ? NULL : &len);

	if (n < 0) {
		if (errno == ECONNREFUSED)
			p->stat.refused++;
		return;
	}
	p->stat.rx++;
	if (n > RTP_MAX) {
		p->stat.oversize++;
		return;
	}
	p->rx(p->ctx, s, p->mem[0] + PATH_HEAD, (size_t)n, connected ? NULL : &p->from[0]);
	path_flush(p);
}

/* Speech comes one packet at a time, which the simple call reads at a lower cost; a socket that is ready again in the very
 * next turn had more. */
static void read_sock(struct path *p, struct path_sock *s)
{
	bool more = s->turn + 1 == p->turn;

	s->turn = p->turn;
	if (more)
		read_batch(p, s);
	else
		read_one(p, s);
}

void path_untwin(struct path *p, struct path_sock *s)
{
	if (s->fd >= 0)
		read_batch(p, s);
	path_unbind(p, s);
}

static void run_ticks(struct path *p)
{
	uint64_t n = 0;

	if (read(p->timer, &n, sizeof(n)) != sizeof(n) || n == 0)
		return;
	p->stat.ticks_late += n - 1;
	/* After a long stop of the process the past is not made up for. */
	if (n > 12)
		p->ticks += n - 12, n = 12;
	while (n--)
		p->tick(p->ctx, p->ticks++);
}

unsigned path_turn(struct path *p, int ms)
{
	int n = epoll_wait(p->ep, p->ev, EVENTS, ms);
	bool tick = false;

	p->now_us = p->clock(p->clock_ctx);
	p->turning = true;
	p->nev = n > 0 ? (unsigned)n : 0;
	p->turn++;
	for (p->at = 0; p->at < p->nev; p->at++) {
		struct path_sock *s = p->ev[p->at].data.ptr;
		const struct path_sock *next =
		    p->at + 1 < p->nev ? p->ev[p->at + 1].data.ptr : NULL;
		if (p->at + 2 < p->nev)
			__builtin_prefetch(p->ev[p->at + 2].data.ptr);
		if (next && p->soon && p->ev[p->at + 1].events)
			p->soon(next);
		if (!s)
			tick = true;
		else if (p->ev[p->at].events && s->fd >= 0 && s->ready)
			s->ready(s, p->ev[p->at].events);
		else if (p->ev[p->at].events && s->fd >= 0)
			read_sock(p, s);
	}
	n = (int)p->nev;
	p->nev = p->at = 0;
	if (tick)
		run_ticks(p);
	p->turning = false;
	return (unsigned)n;
}
