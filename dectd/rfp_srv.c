/* Listens for base stations and moves octets between their sockets and their links. */
#include "dectd/rfp_srv.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"

/* All base stations may come back at once, and they wait for our first word: a connection that the kernel drops because the
 * queue is full (with SYN cookies it forgets it silently) would hang. The kernel caps it at somaxconn. */
#define BACKLOG   4096
#define QUEUE_MAX (1u << 20) /* octets waiting for a base that does not read: it is gone */

struct rfp_srv {
	uv_tcp_t tcp;
	struct rfp_dir *dir;
	struct list conns;
	bool held, waits; /* waits: a connection has not been accepted */
};
struct conn {
	uv_tcp_t tcp;
	struct list node;
	struct rfp_srv *srv;
	struct rfp_link *link;
	char peer[64];
};
struct piece { /* what the socket did not take at once */
	uv_write_t req;
	uint8_t data[];
};

static void on_gone(uv_handle_t *h)
{
	struct conn *c = CONTAINER_OF(h, struct conn, tcp);

	if (c->link)
		rfp_dir_link_free(c->link);
	list_remove(&c->node);
	free(c);
}

static void wire_close(void *ctx)
{
	struct conn *c = ctx;

	if (!uv_is_closing((uv_handle_t *)&c->tcp))
		uv_close((uv_handle_t *)&c->tcp, on_gone);
}

static void on_written(uv_write_t *req, int status)
{
	struct piece *p = CONTAINER_OF(req, struct piece, req);
	struct conn *c = req->handle->data;

	free(p);
	if (status < 0 && status != UV_ECANCELED && c->link)
		rfp_link_close(c->link, RFP_W_IO);
}

static int wire_write(void *ctx, const uint8_t *data, size_t n)
{
	struct conn *c = ctx;
	uv_stream_t *st = (uv_stream_t *)&c->tcp;
	uv_buf_t b = uv_buf_init((char *)(uintptr_t)data, (unsigned)n);
	int sent = 0, err;
	struct piece *p;

	if (uv_is_closing((uv_handle_t *)st))
		return ERR_LOST;
	if (uv_stream_get_write_queue_size(st) == 0) {
		sent = uv_try_write(st, &b, 1);
		if (sent == UV_EAGAIN)
			sent = 0;
		if (sent < 0)
			return sent;
		if ((size_t)sent == n)
			return 0;
	}
	if (uv_stream_get_write_queue_size(st) > QUEUE_MAX)
		return ERR_BUSY;
	n -= (size_t)sent;
	p = mem_new(sizeof(*p) + n);
	memcpy(p->data, data + sent, n);
	b = uv_buf_init((char *)p->data, (unsigned)n);
	err = uv_write(&p->req, st, &b, 1, on_written);
	if (err)
		free(p);
	return err;
}

static const struct rfp_wire wire = { .write = wire_write, .close = wire_close };

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
	struct conn *c = CONTAINER_OF(h, struct conn, tcp);
	size_t n;

	(void)hint;
	b->base = (char *)rfp_link_room(c->link, &n);
	b->len = n;
}

static void on_read(uv_stream_t *st, ssize_t n, const uv_buf_t *b)
{
	struct conn *c = CONTAINER_OF(st, struct conn, tcp);

	(void)b;
	if (n > 0)
		rfp_link_input(c->link, (size_t)n);
	else if (n < 0)
		rfp_link_close(c->link, n == UV_EOF       ? RFP_W_CLOSED
		                        : n == UV_ENOBUFS ? RFP_W_FLOOD
		                                          : RFP_W_IO);
}

/* The link carries IPv4 addresses only: a base on plain IPv6 can be managed, but has no speech. */
static void who(struct conn *c, uint8_t ip4[4])
{
	struct sockaddr_storage ss;
	int len = sizeof(ss);
	char ip[INET6_ADDRSTRLEN] = "?";
	unsigned port = 0;

	memset(ip4, 0, 4);
	if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&ss, &len) != 0) {
		snprintf(c->peer, sizeof(c->peer), "?");
		return;
	}
	if (ss.ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&ss;

		memcpy(ip4, &in->sin_addr, 4);
		uv_ip4_name(in, ip, sizeof(ip));
		port = ntohs(in->sin_port);
	} else if (ss.ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&ss;

		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
			memcpy(ip4, in6->sin6_addr.s6_addr + 12, 4);
		uv_ip6_name(in6, ip, sizeof(ip));
		port = ntohs(in6->sin6_port);
	}
	snprintf(
	    c->peer, sizeof(c->peer), ss.ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", ip, port);
}

static void on_connection(uv_stream_t *st, int status)
{
	struct rfp_srv *s = CONTAINER_OF(st, struct rfp_srv, tcp);
	struct conn *c;
	uint8_t ip4[4];
	int err;

	if (status < 0) {
		log_ev(LOG_WARNING, "base connection not accepted", F_ERR(status));
		return;
	}
	if (s->held) { /* libuv keeps this one, the kernel those behind it */
		s->waits = true;
		return;
	}
	c = mem_new(sizeof(*c));
	c->srv = s;
	list_append(&s->conns, &c->node);
	uv_tcp_init(st->loop, &c->tcp);
	c->tcp.data = c;
	err = uv_accept(st, (uv_stream_t *)&c->tcp);
	if (!err) {
		uv_tcp_nodelay(&c->tcp, 1);
		uv_tcp_keepalive(&c->tcp, 1, 60);
		who(c, ip4);
		err = rfp_dir_connect(s->dir, &wire, c, c->peer, ip4, &c->link);
	}
	if (!err)
		err = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
	if (err) {
		log_ev(LOG_WARNING, "base connection refused", F_PEER(c->peer), F_ERR(err),
		    F_WHY(err == ERR_BUSY ? "too many connections that have proved no key" : ""));
		wire_close(c);
	}
}

static int address(const char *ip, uint16_t port, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	if (uv_ip4_addr(ip, port, (struct sockaddr_in *)ss) == 0)
		return 0;
	return uv_ip6_addr(ip, port, (struct sockaddr_in6 *)ss);
}

static void on_srv_gone(uv_handle_t *h)
{
	free(CONTAINER_OF(h, struct rfp_srv, tcp));
}

int rfp_srv_open(
    uv_loop_t *loop, struct rfp_dir *dir, const char *ip, uint16_t port, struct rfp_srv **out)
{
	struct rfp_srv *s = mem_new(sizeof(*s));
	struct sockaddr_storage ss;
	int err = address(ip, port, &ss);

	s->dir = dir;
	list_init(&s->conns);
	uv_tcp_init(loop, &s->tcp);
	if (!err)
		err = uv_tcp_bind(&s->tcp, (struct sockaddr *)&ss, 0);
	if (!err)
		err = uv_listen((uv_stream_t *)&s->tcp, BACKLOG, on_connection);
	if (err) {
		uv_close((uv_handle_t *)&s->tcp, on_srv_gone);
		return err;
	}
	*out = s;
	return 0;
}

void rfp_srv_hold(struct rfp_srv *s, bool hold)
{
	bool waits = s->waits && !hold;

	s->held = hold;
	if (waits) {
		s->waits = false;
		on_connection((uv_stream_t *)&s->tcp, 0);
	}
}

uint16_t rfp_srv_port(const struct rfp_srv *s)
{
	struct sockaddr_storage ss;
	int len = sizeof(ss);

	if (uv_tcp_getsockname(&s->tcp, (struct sockaddr *)&ss, &len) != 0)
		return 0;
	return ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_port
	                                      : ((struct sockaddr_in *)&ss)->sin_port);
}

void rfp_srv_close(struct rfp_srv *s)
{
	LIST_FOREACH(&s->conns, it)
	{
		struct conn *c = LIST_ENTRY(it, struct conn, node);

		if (c->link)
			rfp_link_close(c->link, RFP_W_SHUTDOWN);
		wire_close(c);
		list_remove(&c->node); /* it may outlive the list's head */
	}
	if (!uv_is_closing((uv_handle_t *)&s->tcp))
		uv_close((uv_handle_t *)&s->tcp, on_srv_gone);
}
