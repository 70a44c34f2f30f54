/* A connection to a relay. */
#include "mediad/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"

void stream_close(struct stream *s)
{
	if (s->state == STREAM_OFF)
		return;
	path_unbind(s->path, &s->sock);
	s->state = STREAM_OFF;
	s->in_n = s->out_n = 0;
}

static void lost(struct stream *s)
{
	stream_close(s);
	s->ops->state(s->ctx, false);
}

/* What waits; false: the connection is gone. */
static bool drain(struct stream *s)
{
	size_t at = 0;

	while (at < s->out_n) {
		ssize_t r =
		    send(s->sock.fd, s->out + at, s->out_n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			return false;
		if (r <= 0)
			break;
		at += (size_t)r;
	}
	memmove(s->out, s->out + at, s->out_n - at);
	s->out_n -= at;
	return path_watch(s->path, &s->sock, s->out_n != 0) == 0;
}

void stream_write(struct stream *s, const uint8_t *p, size_t n)
{
	if (s->state == STREAM_OFF)
		return;
	if (n > sizeof(s->out) - s->out_n) {
		s->dropped++;
		return;
	}
	memcpy(s->out + s->out_n, p, n);
	s->out_n += n;
	/* A failure is told by the next turn, not to who writes. */
	if (s->state != STREAM_OPENING)
		(void)drain(s);
}

static void up(struct stream *s)
{
	s->state = STREAM_UP;
	s->ops->state(s->ctx, true);
}

static void opened(struct stream *s)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(s->sock.fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0 || err ||
	    path_watch(s->path, &s->sock, false) != 0) {
		lost(s);
		return;
	}
	if (s->dialect == TURN_RFC) {
		up(s);
		return;
	}
	uint8_t hello[TURN_PSEUDO_HELLO];
	turn_pseudo_hello(hello);
	s->state = STREAM_HELLO;
	stream_write(s, hello, sizeof(hello));
}

static void eat(struct stream *s, size_t n)
{
	memmove(s->in, s->in + n, s->in_n - n);
	s->in_n -= n;
}

/* false: it is closed. */
static bool take(struct stream *s)
{
	if (s->state == STREAM_HELLO) {
		int err = turn_pseudo_check(s->in, s->in_n);
		if (err == ERR_TRUNCATED)
			return true;
		if (err) {
			lost(s);
			return false;
		}
		eat(s, TURN_PSEUDO_DONE);
		up(s);
	}
	while (s->state == STREAM_UP) {
		int n = turn_cut(s->dialect, s->in, s->in_n);
		if (n < 0)
			lost(s);
		if (n <= 0)
			break;
		uint8_t unit[TURN_UNIT];
		memcpy(unit, s->in, (size_t)n);
		eat(s, (size_t)n);
		s->ops->unit(s->ctx, unit, (size_t)n);
	}
	return s->state != STREAM_OFF;
}

static void on_ready(struct path_sock *sock, uint32_t events)
{
	struct stream *s = sock->owner;

	if (s->state == STREAM_OPENING) {
		opened(s);
		return;
	}
	if (events & EPOLLOUT && !drain(s)) {
		lost(s);
		return;
	}
	/* A few reads, then the others have their turn. */
	for (int i = 0; i < 4; i++) {
		ssize_t r = recv(sock->fd, s->in + s->in_n, sizeof(s->in) - s->in_n, MSG_DONTWAIT);
		if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
			return;
		if (r <= 0) {
			lost(s);
			return;
		}
		s->in_n += (size_t)r;
		if (!take(s))
			return;
	}
}

int stream_open(struct stream *s, struct path *path, enum turn_dialect dialect,
    const struct addr *local, const struct addr *server, unsigned dscp,
    const struct stream_ops *ops, void *ctx)
{
	struct addr from = *local;
	int one = 1, err, fd;

	addr_set_port(&from, 0);
	s->sock = (struct path_sock){ .fd = -1, .kind = PATH_OTHER, .owner = s, .ready = on_ready };
	s->path = path;
	s->dialect = dialect;
	s->ops = ops;
	s->ctx = ctx;
	s->in_n = s->out_n = 0;
	s->state = STREAM_OFF;
	fd = socket(server->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	s->sock.fd = fd;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (dscp)
		(void)path_dscp(&s->sock, server->u.sa.sa_family == AF_INET6, dscp);
	if (bind(fd, &from.u.sa, addr_len(&from)) != 0 ||
	    (connect(fd, &server->u.sa, addr_len(server)) != 0 && errno != EINPROGRESS)) {
		err = -errno;
		close(fd);
		s->sock.fd = -1;
		return err;
	}
	err = path_watch(path, &s->sock, true);
	if (err) {
		close(fd);
		s->sock.fd = -1;
		return err;
	}
	s->state = STREAM_OPENING;
	return 0;
}
