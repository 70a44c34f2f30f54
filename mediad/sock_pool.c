/* Sockets of legs, kept open while their ports rest. */
#include "mediad/sock_pool.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/mem.h"

#define PORT_TRIES 64       /* ports that others hold are stepped over */
#define LOOK       8        /* resting pairs looked at for one of the right address */
#define KEEP_US    10000000 /* how long sockets wait for use once they have rested */
#define LATE_MAX                                                                                   \
	100 /* datagrams: two seconds of speech of a far end that did not hear that it is over */
#define LATE_READ 8 /* in one turn */

struct sock_pool {
	struct path *path;
	struct port_pool *ports;
	uint64_t rest_us, late, unsent;
	struct list resting; /* the longest first */
	unsigned n, keep;
};

struct sock_pool *sock_pool_new(
    struct path *path, struct port_pool *ports, uint64_t rest_us, unsigned keep)
{
	struct sock_pool *p = mem_new(sizeof(*p));

	p->path = path;
	p->ports = ports;
	p->rest_us = rest_us;
	p->keep = keep;
	list_init(&p->resting);
	return p;
}

static void shut(struct sock_pool *p, struct sock_pair *k)
{
	path_unbind(p->path, &k->rtp);
	path_unbind(p->path, &k->rtcp);
	port_pool_give(p->ports, k->port, k->at_us);
	free(k);
}

static struct sock_pair *take_off(struct sock_pool *p, struct list *at)
{
	list_remove(at);
	p->n--;
	return LIST_ENTRY(at, struct sock_pair, node);
}

void sock_pool_keep(struct sock_pool *p, unsigned keep)
{
	p->keep = keep;
	while (p->n > keep)
		shut(p, take_off(p, p->resting.next));
}

void sock_pool_free(struct sock_pool *p)
{
	if (!p)
		return;
	sock_pool_keep(p, 0);
	free(p);
}

/* ---- what comes while they rest ---- */

static unsigned drop(int fd)
{
	unsigned n = 0;
	char c;

	while (n < LATE_READ && recv(fd, &c, sizeof(c), MSG_DONTWAIT) >= 0)
		n++;
	return n;
}

/* Somebody still sends to it. */
static void disturbed(struct sock_pool *p, struct sock_pair *k, unsigned n)
{
	list_remove(&k->node);
	k->at_us = path_now(p->path);
	k->late += n ? n : 1;
	p->late += n;
	if (k->late > LATE_MAX) {
		p->n--;
		shut(p, k);
	} else {
		list_append(&p->resting, &k->node);
	}
}

static void on_late(struct path_sock *s, uint32_t events)
{
	struct sock_pair *k = s->owner;

	(void)events;
	disturbed(k->pool, k, drop(s->fd));
}

static void rests(struct sock_pair *k, struct path_sock *s)
{
	*s = (struct path_sock){
		.fd = s->fd, .kind = PATH_OTHER, .shared = s->shared, .owner = k, .ready = on_late
	};
}

static void serves(struct path_sock *s, enum path_kind kind, void *owner)
{
	*s = (struct path_sock){
		.fd = s->fd, .kind = (uint8_t)kind, .shared = s->shared, .owner = owner
	};
}

/* ---- taking ---- */

/* Where the process was held up, something may wait that no turn of the path has seen. */
static bool quiet(const struct sock_pair *k)
{
	struct pollfd f[2] = { { .fd = k->rtp.fd, .events = POLLIN },
		{ .fd = k->rtcp.fd, .events = POLLIN } };

	return poll(f, 2, 0) == 0;
}

static bool is_at(const struct sock_pair *k, const struct addr *local)
{
	return addr_same_ip(&k->local, local) &&
	       (local->u.sa.sa_family != AF_INET6 ||
	           k->local.u.in6.sin6_scope_id == local->u.in6.sin6_scope_id);
}

static struct sock_pair *rested(struct sock_pool *p, const struct addr *local)
{
	unsigned looked = 0;

	LIST_FOREACH(&p->resting, it)
	{
		struct sock_pair *k = LIST_ENTRY(it, struct sock_pair, node);
		if (looked++ == LOOK || path_now(p->path) - k->at_us < p->rest_us)
			break;
		if (!is_at(k, local))
			continue;
		if (quiet(k))
			return take_off(p, it);
		disturbed(p, k, drop(k->rtp.fd) + drop(k->rtcp.fd));
	}
	return NULL;
}

/* Its port serves at another address, too. */
static uint16_t port_of_rested(struct sock_pool *p)
{
	struct sock_pair *k;
	uint16_t port;

	if (p->n == 0)
		return 0;
	k = LIST_ENTRY(p->resting.next, struct sock_pair, node);
	if (path_now(p->path) - k->at_us < p->rest_us)
		return 0;
	port = k->port;
	path_unbind(p->path, &k->rtp);
	path_unbind(p->path, &k->rtcp);
	free(take_off(p, &k->node));
	return port;
}

static bool spare_descriptors(struct sock_pool *p)
{
	if (p->n == 0)
		return false;
	shut(p, take_off(p, p->resting.next));
	return true;
}

static int bind_both(struct sock_pool *p, struct sock_pair *k, unsigned dscp)
{
	struct addr a = k->local;
	int err;

	addr_set_port(&a, k->port);
	err = path_bind(p->path, &k->rtp, &a, dscp);
	if (err)
		return err;
	addr_set_port(&a, (uint16_t)(k->port + 1));
	err = path_bind(p->path, &k->rtcp, &a, dscp);
	if (err)
		path_unbind(p->path, &k->rtp);
	return err;
}

static int fresh(
    struct sock_pool *p, const struct addr *local, unsigned dscp, struct sock_pair **out)
{
	struct sock_pair *k = mem_new(sizeof(*k));
	int err = 0;

	k->pool = p;
	k->local = *local;
	k->dscp = (uint8_t)dscp;
	list_init(&k->node);
	for (unsigned i = 0; i < PORT_TRIES; i++) {
		k->rtp.fd = k->rtcp.fd = -1;
		k->port = port_pool_take(p->ports, path_now(p->path));
		if (k->port == 0)
			k->port = port_of_rested(p);
		if (k->port == 0) {
			err = ERR_LIMIT;
			break;
		}
		err = bind_both(p, k, dscp);
		if (err == 0) {
			*out = k;
			return 0;
		}
		port_pool_give(p->ports, k->port, path_now(p->path));
		if (err != -EADDRINUSE && !(err == -EMFILE && spare_descriptors(p)))
			break;
	}
	free(k);
	return err;
}

int sock_pool_take(
    struct sock_pool *p, struct addr *local, unsigned dscp, void *owner, struct sock_pair **out)
{
	struct sock_pair *k = rested(p, local);

	if (k)
		sock_pair_dscp(k, dscp);
	else {
		int err = fresh(p, local, dscp, &k);
		if (err)
			return err;
	}
	serves(&k->rtp, PATH_RTP, owner);
	serves(&k->rtcp, PATH_RTCP, owner);
	addr_set_port(local, k->port);
	*out = k;
	return 0;
}

void sock_pool_give(struct sock_pool *p, struct sock_pair *k)
{
	if (!k)
		return;
	k->at_us = path_now(p->path);
	k->late = 0;
	if (p->n >= p->keep) {
		shut(p, k);
		return;
	}
	rests(k, &k->rtp);
	rests(k, &k->rtcp);
	list_append(&p->resting, &k->node);
	p->n++;
}

void sock_pair_dscp(struct sock_pair *k, unsigned dscp)
{
	bool v6 = k->local.u.sa.sa_family == AF_INET6;

	if (k->dscp == dscp)
		return;
	k->dscp = (uint8_t)dscp;
	(void)path_dscp(&k->rtp, v6, dscp);
	(void)path_dscp(&k->rtcp, v6, dscp);
}

void sock_pool_house(struct sock_pool *p)
{
	uint64_t unsent = path_stats(p->path)->unsent, now = path_now(p->path);
	unsigned keep = p->keep;

	if (unsent != p->unsent) {
		p->unsent = unsent;
		sock_pool_keep(p, 0);
		sock_pool_keep(p, keep);
	}
	while (p->n) {
		struct sock_pair *k = LIST_ENTRY(p->resting.next, struct sock_pair, node);
		if (now - k->at_us < p->rest_us + KEEP_US)
			break;
		shut(p, take_off(p, &k->node));
	}
}

uint32_t sock_pool_left(const struct sock_pool *p)
{
	return port_pool_left(p->ports) + p->n;
}

unsigned sock_pool_kept(const struct sock_pool *p)
{
	return p->n;
}

uint64_t sock_pool_late(const struct sock_pool *p)
{
	return p->late;
}
