/* Sockets of the transports on libuv: listen, accept, connect, read, write. */
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/tp_int.h"

#define BACKLOG  256
#define PAUSE_MS 200
#define MANY     8 /* datagrams sent in one millisecond of the loop */
#define MANY_MS  1 /* so long after them nothing is read */

struct out {
	union {
		uv_write_t write;
		uv_udp_send_t send;
	} req;
	uint8_t bytes[];
};

socklen_t tp_sa_len(const struct sockaddr *sa)
{
	return sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

void tp_maybe_free(struct tp *tp)
{
	if (!tp->closing || tp->handles || !list_empty(&tp->flows))
		return;
	tp_limit_free(&tp->limit);
	map_free(&tp->by_dest);
	free(tp);
}

static void mark_socket(struct tp *tp, uv_handle_t *h, int family)
{
	int fd, tos = tp->conf.dscp << 2, prio = tp->conf.priority;

	if (uv_fileno(h, &fd))
		return;
	/* Best effort: a kernel that refuses still carries the calls. */
	if (tos) {
		if (family == AF_INET6)
			(void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
		else
			(void)setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	}
	if (prio >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &prio, sizeof(prio));
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	/* Listeners and flows both start their data with what leads to tp; one buffer serves all reads, as nothing
	 * is kept in it beyond the read callback. */
	struct tp *tp =
	    h->type == UV_UDP ? ((struct tp_sock *)h->data)->tp : ((struct tp_flow *)h->data)->tp;

	(void)suggested;
	*buf = uv_buf_init(tp->read_buf, TP_READ_SIZE);
}

/* ---- UDP ---- */

static void on_datagram(
    uv_udp_t *h, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags)
{
	struct tp_sock *s = h->data;
	struct tp *tp = s->tp;
	const struct tp_conf *c = &tp->conf;
	struct tp_source *src;
	struct tp_flow *f;
	uint64_t now;

	if (n <= 0 || !from || tp->closing || (flags & UV_UDP_PARTIAL))
		return;
	if (from->sa_family == AF_INET6
	        ? ((const struct sockaddr_in6 *)(const void *)from)->sin6_port == 0
	        : ((const struct sockaddr_in *)(const void *)from)->sin_port == 0)
		return; /* nobody can be answered there */
	now = tmr_now(tp->wheel);
	src = tp_limit_source(&tp->limit, from, now, c->rate_burst);
	if (!tp_limit_take(src, now, c->rate_per_ip, c->rate_burst)) {
		tp->stats.dropped_rate++;
		return;
	}
	f = tp_udp_flow(tp, s, from);
	tp_datagram_in(f, buf->base, (size_t)n);
	tp_flow_unref(f);
}

static void on_sent(uv_udp_send_t *req, int status)
{
	(void)
	    status; /* a datagram that the kernel did not take is a lost one: timers deal with it */
	free(CONTAINER_OF(req, struct out, req.send));
}

static void on_rested(uv_timer_t *t)
{
	struct tp *tp = t->data;
	struct tp_sock *s = tp->resting;

	tp->resting = NULL;
	if (s)
		(void)uv_udp_recv_start(&s->h.udp, on_alloc, on_datagram);
}

void tp_sock_init(struct tp *tp)
{
	BUG_ON(uv_timer_init(tp->loop, &tp->rest) != 0);
	tp->rest.data = tp;
	tp->handles++;
}

static void on_rest_closed(uv_handle_t *h)
{
	struct tp *tp = h->data;

	tp->handles--;
	tp_maybe_free(tp);
}

/* Thousands register: a group of requests leaves, and the answers come one by one, each to wake us up, which costs as much
 * as the whole transaction. So the socket rests for a millisecond after a group. libuv leaves a descriptor that nobody
 * reads in its epoll set and learns of it by being woken: it is taken out here, and put in again by its next start. */
static void rest_after_many(struct tp_sock *s)
{
	uint64_t now = uv_now(s->tp->loop);
	int fd;

	if (s->turn != now) {
		s->turn = now;
		s->sent = 0;
	}
	if (++s->sent != MANY || s->tp->resting || uv_is_closing(&s->h.handle) ||
	    uv_fileno(&s->h.handle, &fd) || uv_udp_get_send_queue_count(&s->h.udp))
		return;
	(void)uv_udp_recv_stop(&s->h.udp);
	(void)epoll_ctl(uv_backend_fd(s->tp->loop), EPOLL_CTL_DEL, fd, NULL);
	s->tp->resting = s;
	(void)uv_timer_start(&s->tp->rest, on_rested, MANY_MS, 0);
}

static int send_datagram(struct tp_flow *f, const void *p, size_t n)
{
	const struct sockaddr *to = (const struct sockaddr *)&f->remote;
	uv_buf_t b = uv_buf_init((char *)(uintptr_t)p, (unsigned)n);
	int rc = uv_udp_try_send(&f->sock->h.udp, &b, 1, to);

	rest_after_many(f->sock);
	if (rc >= 0)
		return 0;
	if (rc != UV_EAGAIN)
		return rc;
	struct out *o = mem_new(sizeof(*o) + n);
	memcpy(o->bytes, p, n);
	b = uv_buf_init((char *)o->bytes, (unsigned)n);
	rc = uv_udp_send(&o->req.send, &f->sock->h.udp, &b, 1, to, on_sent);
	if (rc)
		free(o);
	return rc;
}

/* The local address that packets to there carry: the socket's own, or what the route says when it is a wildcard. */
void tp_sock_source(
    struct tp_sock *s, const struct sockaddr *remote, struct sockaddr_storage *local)
{
	static const struct in6_addr any6 = IN6ADDR_ANY_INIT;
	struct sockaddr_storage got = s->bound;
	socklen_t len = sizeof(got);
	bool any;
	int fd;

	if (s->bound.ss_family == AF_INET6)
		any = memcmp(&((struct sockaddr_in6 *)&s->bound)->sin6_addr, &any6, sizeof(any6)) ==
		      0;
	else
		any = ((struct sockaddr_in *)&s->bound)->sin_addr.s_addr == INADDR_ANY;
	*local = s->bound;
	if (!any)
		return;
	fd = socket(remote->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, remote, tp_sa_len(remote)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&got, &len) == 0) {
		if (got.ss_family == AF_INET6)
			((struct sockaddr_in6 *)&got)->sin6_port =
			    ((struct sockaddr_in6 *)&s->bound)->sin6_port;
		else
			((struct sockaddr_in *)&got)->sin_port =
			    ((struct sockaddr_in *)&s->bound)->sin_port;
		*local = got;
	}
	(void)close(fd);
}

static void on_sock_closed(uv_handle_t *h)
{
	struct tp_sock *s = h->data;
	struct tp *tp = s->tp;

	tp->handles--;
	free(s);
	tp_maybe_free(tp);
}

/* Flows say it in Via and Contact. */
static void socks_changed(struct tp *tp)
{
	if (++tp->socks_gen == 0)
		tp->socks_gen = 1;
}

static void close_sock(struct tp_sock *s)
{
	socks_changed(s->tp);
	list_remove(&s->node);
	s->retired = true;
	if (s->tp->resting == s)
		s->tp->resting = NULL;
	if (!uv_is_closing(&s->h.handle))
		uv_close(&s->h.handle, on_sock_closed);
}

void tp_sock_unuse(struct tp_sock *s)
{
	if (s->flows == 0 && (s->retired || s->key) && !uv_is_closing(&s->h.handle) &&
	    !s->tp->closing)
		close_sock(s);
}

static int open_udp(struct tp *tp, const struct sockaddr *addr, uint32_t key, struct tp_sock **out)
{
	struct tp_sock *s = mem_new(sizeof(*s));
	int len = sizeof(s->bound), err = uv_udp_init(tp->loop, &s->h.udp);

	s->tp = tp;
	s->proto = TP_UDP;
	s->key = key;
	s->id = ++tp->next_sock;
	s->h.handle.data = s;
	list_init(&s->node);
	if (err) {
		free(s);
		return err;
	}
	tp->handles++;
	err = uv_udp_bind(&s->h.udp, addr, addr->sa_family == AF_INET6 ? UV_UDP_IPV6ONLY : 0);
	if (!err)
		err = uv_udp_getsockname(&s->h.udp, (struct sockaddr *)&s->bound, &len);
	if (!err)
		err = uv_udp_recv_start(&s->h.udp, on_alloc, on_datagram);
	if (err) {
		close_sock(s);
		return err;
	}
	int size = 4 << 20; /* a burst of registrations must not be lost in the kernel */
	(void)uv_recv_buffer_size(&s->h.handle, &size);
	mark_socket(tp, &s->h.handle, addr->sa_family);
	list_append(&tp->socks, &s->node);
	socks_changed(tp);
	*out = s;
	return 0;
}

struct tp_sock *tp_sock_udp(struct tp *tp, int family, uint32_t key, int *err)
{
	struct tp_sock *model = NULL, *s = NULL;
	struct sockaddr_storage addr;

	LIST_FOREACH(&tp->socks, it)
	{
		s = LIST_ENTRY(it, struct tp_sock, node);
		if (s->proto != TP_UDP || s->bound.ss_family != family || s->retired)
			continue;
		if (s->key == key)
			return s;
		if (s->key == 0 && !model)
			model = s;
	}
	*err = ERR_STATE;
	if (!model || key == 0)
		return NULL;
	addr = model->bound;
	if (family == AF_INET6)
		((struct sockaddr_in6 *)&addr)->sin6_port = 0;
	else
		((struct sockaddr_in *)&addr)->sin_port = 0;
	*err = open_udp(tp, (const struct sockaddr *)&addr, key, &s);
	return *err ? NULL : s;
}

/* ---- streams ---- */

static void on_flow_closed(uv_handle_t *h)
{
	struct tp_flow *f = h->data;
	struct tp *tp = f->tp;

	tp->handles++; /* survives the unref */
	f->has_handle = false;
	tp_flow_unref(f);
	tp->handles -= 2;
	tp_maybe_free(tp);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
	(void)status;
	if (!uv_is_closing((uv_handle_t *)req->handle))
		uv_close((uv_handle_t *)req->handle, on_flow_closed);
	free(req);
}

void tp_sock_close(struct tp_flow *f, bool flush)
{
	if (uv_is_closing((uv_handle_t *)&f->tcp))
		return;
	if (flush && f->tp->closing == false) {
		uv_shutdown_t *req = mem_new(sizeof(*req));

		uv_read_stop((uv_stream_t *)&f->tcp);
		if (uv_shutdown(req, (uv_stream_t *)&f->tcp, on_shutdown) == 0)
			return;
		free(req);
	}
	uv_close((uv_handle_t *)&f->tcp, on_flow_closed);
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *buf)
{
	struct tp_flow *f = h->data;
	int err;

	if (n == 0 || f->phase == TP_DOWN)
		return;
	if (n < 0) {
		tp_flow_kill(f, n == UV_EOF ? ERR_LOST : (int)n,
		    n == UV_EOF ? "closed by the peer" : uv_strerror((int)n));
		return;
	}
	if (!f->filter) {
		tp_stream_in(f, buf->base, (size_t)n, true);
		return;
	}
	tp_flow_ref(f);
	err = f->tp->tls->wire_in(f->filter, (const uint8_t *)buf->base, (size_t)n);
	if (err < 0 && f->phase != TP_DOWN)
		tp_flow_kill(f, err, "TLS failed");
	tp_flow_unref(f);
}

void tp_sock_pause(struct tp_flow *f, bool pause)
{
	if (f->phase == TP_DOWN || f->paused == pause)
		return;
	f->paused = pause;
	if (pause) {
		uv_read_stop((uv_stream_t *)&f->tcp);
		tp_live_guard(f, PAUSE_MS);
		return;
	}
	(void)uv_read_start((uv_stream_t *)&f->tcp, on_alloc, on_read);
	if (f->n)
		tp_live_guard(f, f->tp->conf.slow_ms);
}

size_t tp_sock_backlog(const struct tp_flow *f)
{
	return f->has_handle ? uv_stream_get_write_queue_size((const uv_stream_t *)&f->tcp) : 0;
}

static void on_written(uv_write_t *req, int status)
{
	struct tp_flow *f = req->handle->data;

	free(CONTAINER_OF(req, struct out, req.write));
	if (status < 0 && status != UV_ECANCELED)
		tp_flow_kill(f, status, uv_strerror(status));
}

int tp_sock_write(struct tp_flow *f, const void *p, size_t n)
{
	uv_buf_t b = uv_buf_init((char *)(uintptr_t)p, (unsigned)n);
	struct out *o;
	int rc;

	if (f->proto == TP_UDP)
		return send_datagram(f, p, n);
	if (!f->has_handle || uv_is_closing((uv_handle_t *)&f->tcp))
		return ERR_LOST;
	rc = uv_try_write((uv_stream_t *)&f->tcp, &b, 1);
	if (rc == (int)n)
		return 0;
	if (rc < 0 && rc != UV_EAGAIN) {
		tp_flow_kill(f, rc, uv_strerror(rc));
		return rc;
	}
	if (rc > 0) {
		p = (const uint8_t *)p + rc;
		n -= (size_t)rc;
	}
	o = mem_new(sizeof(*o) + n);
	memcpy(o->bytes, p, n);
	b = uv_buf_init((char *)o->bytes, (unsigned)n);
	rc = uv_write(&o->req.write, (uv_stream_t *)&f->tcp, &b, 1, on_written);
	if (rc) {
		free(o);
		tp_flow_kill(f, rc, uv_strerror(rc));
	}
	return rc;
}

/* Connected, either way round: socket options, local address, the filter. */
static int begin(struct tp_flow *f)
{
	int len = sizeof(f->local), fd;

	(void)uv_tcp_nodelay(&f->tcp, 1);
	(void)uv_tcp_keepalive(&f->tcp, 1, 60);
	if (uv_fileno((uv_handle_t *)&f->tcp, &fd) == 0) {
		/* A peer that vanished is noticed while something waits to be acknowledged. */
		unsigned ms = 20000;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	}
	mark_socket(f->tp, (uv_handle_t *)&f->tcp, f->remote.ss_family);
	(void)uv_tcp_getsockname(&f->tcp, (struct sockaddr *)&f->local, &len);
	f->sent_by_gen = 0;
	int err = uv_read_start((uv_stream_t *)&f->tcp, on_alloc, on_read);
	if (err)
		return err;
	if (f->proto != TP_TLS) {
		tp_flow_settle(f);
		return 0;
	}
	f->phase = TP_HANDSHAKE;
	if (f->inbound)
		tp_live_guard(f, f->tp->conf.connect_ms);
	f->filter = f->tp->tls->open(f->tp->tls_ctx, f, f->inbound, f->name);
	if (!f->filter)
		return ERR_AUTH;
	return f->inbound ? 0 : f->tp->tls->start(f->filter);
}

static void on_connect(uv_connect_t *req, int status)
{
	struct tp_flow *f = req->handle->data;
	int err = status;

	free(req);
	if (f->phase != TP_CONNECTING)
		return;
	tp_flow_ref(f);
	if (!err)
		err = begin(f);
	if (err && f->phase != TP_DOWN)
		tp_flow_kill(
		    f, err, err == ERR_AUTH ? "TLS could not be started" : uv_strerror(err));
	tp_flow_unref(f);
}

int tp_sock_connect(struct tp_flow *f)
{
	uv_connect_t *req = mem_new(sizeof(*req));
	int err = uv_tcp_init(f->tp->loop, &f->tcp), len = sizeof(f->local);

	if (err) {
		free(req);
		return err;
	}
	f->tcp.data = f;
	f->phase = TP_CONNECTING;
	f->has_handle = true;
	f->tp->handles++;
	f->refs++;
	err = uv_tcp_connect(req, &f->tcp, (const struct sockaddr *)&f->remote, on_connect);
	if (err) {
		free(req);
		tp_flow_kill(
		    f, err, uv_strerror(err)); /* told to the watchers, as any failure to connect */
	} else {
		/* The kernel has chosen by now, and Via and Contact are written before the connection is up. */
		(void)uv_tcp_getsockname(&f->tcp, (struct sockaddr *)&f->local, &len);
	}
	return 0;
}

static void on_refused(uv_handle_t *h)
{
	struct tp *tp = h->data;

	free(h);
	tp->handles--;
	tp_maybe_free(tp);
}

/* Takes the connection off the queue and drops it. */
static void refuse(struct tp_sock *s)
{
	uv_tcp_t *t = mem_new(sizeof(*t));

	s->tp->stats.refused_limit++;
	if (uv_tcp_init(s->tp->loop, t)) {
		free(t);
		return;
	}
	t->data = s->tp;
	s->tp->handles++;
	(void)uv_accept(&s->h.stream, (uv_stream_t *)t);
	uv_close((uv_handle_t *)t, on_refused);
}

static void on_connection(uv_stream_t *h, int status)
{
	struct tp_sock *s = h->data;
	struct tp *tp = s->tp;
	struct sockaddr_storage any = { .ss_family = AF_INET };
	struct tp_flow *f;
	int len = sizeof(any), err;

	if (status < 0 || tp->closing)
		return;
	if (tp->stats.flows - tp->nspare >= tp->conf.max_flows) {
		refuse(s);
		return;
	}
	f = tp_flow_new(tp, s->proto, (const struct sockaddr *)&any);
	if (uv_tcp_init(tp->loop, &f->tcp)) {
		f->phase = TP_DOWN;
		tp_flow_ref(f);
		tp_flow_unref(f);
		return;
	}
	f->tcp.data = f;
	f->inbound = true;
	f->has_handle = true;
	tp->handles++;
	f->refs++;
	err = uv_accept(h, (uv_stream_t *)&f->tcp);
	if (!err)
		err = uv_tcp_getpeername(&f->tcp, (struct sockaddr *)&f->remote, &len);
	if (!err) {
		f->src = tp_limit_source(&tp->limit, (const struct sockaddr *)&f->remote,
		    tmr_now(tp->wheel), tp->conf.rate_burst);
		if (f->src->conns++ >= tp->conf.max_per_ip) {
			tp->stats.refused_limit++;
			err = ERR_LIMIT;
		}
	}
	if (!err)
		err = begin(f);
	if (err && f->phase != TP_DOWN)
		tp_flow_kill(f, err,
		    err == ERR_LIMIT ? "too many connections of one address"
		                     : "could not be set up");
}

static bool same_sa(const struct sockaddr_storage *a, const struct sockaddr *b)
{
	return a->ss_family == b->sa_family &&
	       memcmp(a, b, b->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : 8) == 0;
}

int tp_listen(
    struct tp *tp, enum tp_proto proto, const struct sockaddr *addr, struct sockaddr_storage *bound)
{
	struct tp_sock *s;
	int err, len = sizeof(s->bound);

	if (proto == TP_TLS && !tp->tls)
		return ERR_STATE;
	if (proto == TP_UDP) {
		err = open_udp(tp, addr, 0, &s);
		if (!err && bound)
			*bound = s->bound;
		return err;
	}
	s = mem_new(sizeof(*s));
	err = uv_tcp_init(tp->loop, &s->h.tcp);
	if (err) {
		free(s);
		return err;
	}
	s->tp = tp;
	s->proto = proto;
	s->id = ++tp->next_sock;
	s->h.handle.data = s;
	list_init(&s->node);
	tp->handles++;
	err = uv_tcp_bind(&s->h.tcp, addr, addr->sa_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0);
	if (!err)
		err = uv_listen(&s->h.stream, BACKLOG, on_connection);
	if (!err)
		err = uv_tcp_getsockname(&s->h.tcp, (struct sockaddr *)&s->bound, &len);
	if (err) {
		close_sock(s);
		return err;
	}
	list_append(&tp->socks, &s->node);
	socks_changed(tp);
	if (bound)
		*bound = s->bound;
	return 0;
}

int tp_unlisten(struct tp *tp, enum tp_proto proto, const struct sockaddr *addr)
{
	LIST_FOREACH(&tp->socks, it)
	{
		struct tp_sock *s = LIST_ENTRY(it, struct tp_sock, node);

		if (s->proto != proto || s->retired || !same_sa(&s->bound, addr))
			continue;
		s->retired = true;
		socks_changed(tp);
		if (s->flows == 0)
			close_sock(s);
		return 0;
	}
	return ERR_NOTFOUND;
}

void tp_sock_close_all(struct tp *tp)
{
	uv_close((uv_handle_t *)&tp->rest, on_rest_closed);
	LIST_FOREACH(&tp->socks, it)
	close_sock(LIST_ENTRY(it, struct tp_sock, node));
}
