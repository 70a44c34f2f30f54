/* The way to the KDCs. */
#include "sipd/kdc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/id.h"
#include "common/list.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"

#define PORT      88
#define HOSTS     8
#define REALM_MAX 255
#define REALMS    64
#define DOWN_MS   60000
#define UDP_MS    1000 /* first round; doubles */
#define TCP_MS    4000
#define ROUNDS    3

struct host {
	char name[DNS_NAME_MAX];
	uint16_t port, priority, weight;
};
struct health { /* of one host */
	char name[DNS_NAME_MAX];
	uint16_t port;
	uint64_t down_until;
};
struct realm {
	struct map_node node;
	char *name;
	bool tcp; /* an answer was too big for UDP */
	uint64_t silent_until;
	struct health health[HOSTS];
};
struct
try {
	union {
		uv_handle_t handle;
		uv_udp_t udp;
		uv_tcp_t tcp;
		uv_stream_t stream;
	} h;
	uv_connect_t connect;
	uv_write_t write;
	struct kdc_req *r; /* NULL: nobody waits any more */
	uint8_t head[4];
	size_t got, want;
	uint8_t *in;
};
struct kdc_req {
	struct list node;
	struct kdcs *k;
	struct realm *realm;
	kdc_h *fn;
	void *ctx;
	uint8_t *msg; /* four octets of length, then the message */
	size_t n;
	bool tcp, over_tcp, active;
	struct host host[HOSTS];
	unsigned nhost, at, round;
	bool asked_tcp; /* DNS, for the other name */
	struct dns_wait wait;
	struct tmr timer, total;
	struct try *try;
	int err;
};
struct kdcs {
	uv_loop_t *loop;
	struct tmr_wheel *wheel;
	struct dns *dns;
	struct map realms;
	struct list active, waiting;
	struct kdc_stats stats;
	char realm[REALM_MAX + 1];
	struct host fixed[HOSTS];
	unsigned nfixed;
};

/* ---- realms and hosts ---- */

static struct realm *realm_of(struct kdcs *k, struct slice name)
{
	char up[REALM_MAX + 1];
	struct map_node *n;
	struct realm *r;

	if (name.n == 0 || slice_copy(name, up, sizeof(up)))
		return NULL;
	for (char *c = up; *c; c++)
		*c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
	n = map_get(&k->realms, slice_str(up));
	if (n)
		return CONTAINER_OF(n, struct realm, node);
	if (k->realms.n >= REALMS)
		return NULL;
	r = mem_new(sizeof(*r));
	r->name = mem_str(up);
	(void)map_put(&k->realms, &r->node, slice_str(r->name));
	return r;
}

static struct health *health_of(struct realm *r, const struct host *h)
{
	struct health *oldest = &r->health[0];

	for (unsigned i = 0; i < HOSTS; i++) {
		if (r->health[i].port == h->port && strcmp(r->health[i].name, h->name) == 0)
			return &r->health[i];
		if (r->health[i].down_until < oldest->down_until)
			oldest = &r->health[i];
	}
	memcpy(oldest->name, h->name, sizeof(oldest->name));
	oldest->port = h->port;
	oldest->down_until = 0;
	return oldest;
}

static bool host_parse(const char *text, struct host *h)
{
	struct addr a;
	struct slice s = slice_str(text);
	char *colon;

	h->port = PORT;
	if (addr_parse(s, PORT, &a) == 0) {
		char ip[ADDR_TEXT];
		(void)snprintf(h->name, sizeof(h->name), "%s", addr_print(&a, false, ip));
		h->port = addr_port(&a);
		return true;
	}
	if (slice_copy(s, h->name, sizeof(h->name)))
		return false;
	colon = strrchr(h->name, ':');
	if (colon) {
		uint32_t port;
		if (slice_u32(slice_str(colon + 1), 65535, &port) || port == 0)
			return false;
		h->port = (uint16_t)port;
		*colon = '\0';
	}
	return h->name[0] != '\0';
}

void kdcs_configure(struct kdcs *k, const char *realm, const struct conf_list *hosts)
{
	(void)snprintf(k->realm, sizeof(k->realm), "%s", realm);
	k->nfixed = 0;
	for (size_t i = 0; i < hosts->n && k->nfixed < HOSTS; i++) {
		struct host *h = &k->fixed[k->nfixed];
		memset(h, 0, sizeof(*h));
		h->priority = (uint16_t)i;
		if (host_parse(hosts->v[i], h))
			k->nfixed++;
		else
			log_ev(LOG_WARNING, "not a KDC", F_TEXT("IPDECT_NAME", hosts->v[i]),
			    F_REMEDY("kdcs in [lync]: names or addresses, each with :PORT or "
			             "without"));
	}
	/* What was silent may be another one now. */
	for (struct map_node *n = map_next(&k->realms, NULL); n; n = map_next(&k->realms, n)) {
		struct realm *r = CONTAINER_OF(n, struct realm, node);
		r->silent_until = 0;
		memset(r->health, 0, sizeof(r->health));
	}
}

/* ---- a request's end ---- */

static void try_closed(uv_handle_t *h)
{
	struct try *t = CONTAINER_OF((void *)h, struct try, h);

	free(t->in);
	free(t);
}

static void drop_try(struct kdc_req *r)
{
	struct try *t = r->try;

	r->try = NULL;
	if (!t)
		return;
	t->r = NULL;
	uv_close(&t->h.handle, try_closed);
}

static void release(struct kdc_req *r)
{
	drop_try(r);
	dns_cancel(&r->wait);
	tmr_stop(&r->timer);
	tmr_stop(&r->total);
	list_remove(&r->node);
	if (r->active)
		r->k->stats.active--;
	else
		r->k->stats.waiting--;
	mem_free_wiped(r->msg, r->n);
	free(r);
}

static void serve_next(struct kdcs *k);

static void finish(struct kdc_req *r, int err, struct slice answer)
{
	struct kdcs *k = r->k;
	kdc_h *fn = r->fn;
	void *ctx = r->ctx;
	uint8_t *copy = answer.n ? mem_dup(answer.p, answer.n) : NULL;
	size_t n = answer.n;

	if (err)
		k->stats.failed++;
	else
		k->stats.answered++;
	release(r);
	fn(ctx, err, (struct slice){ (const char *)copy, n });
	mem_free_wiped(copy, n);
	serve_next(k);
}

void kdc_cancel(struct kdc_req *r)
{
	struct kdcs *k = r ? r->k : NULL;

	if (!r)
		return;
	release(r);
	serve_next(k);
}

static void on_later(struct tmr *t, void *ctx)
{
	struct kdc_req *r = ctx;

	(void)t;
	finish(r, r->err, SLICE_LIT(""));
}

/* Not from inside of the caller. */
static void fail_later(struct kdc_req *r, int err)
{
	drop_try(r);
	dns_cancel(&r->wait);
	tmr_stop(&r->total);
	tmr_stop(&r->timer);
	r->err = err;
	tmr_init(&r->timer, r->k->wheel, on_later, r);
	tmr_start(&r->timer, 1);
}

static void give_up(struct kdc_req *r, int err)
{
	struct kdcs *k = r->k;

	if (tmr_now(k->wheel) >= r->realm->silent_until)
		log_ev(LOG_WARNING, "no KDC answers", F_TEXT("IPDECT_REALM", r->realm->name),
		    F_ERR(err),
		    F_REMEDY("DNS must name the KDCs (SRV _kerberos._udp), or kdcs in [lync]; "
		             "port 88 over UDP and TCP must be open"));
	r->realm->silent_until = tmr_now(k->wheel) + KDC_SILENT_MS;
	r->realm->tcp = false;
	fail_later(r, err);
}

static void on_total(struct tmr *t, void *ctx)
{
	(void)t;
	give_up(ctx, ERR_TIMEOUT);
}

/* ---- one try ---- */

static void next_host(struct kdc_req *r);

static void try_failed(struct kdc_req *r)
{
	drop_try(r);
	tmr_stop(&r->timer);
	health_of(r->realm, &r->host[r->at])->down_until = tmr_now(r->k->wheel) + DOWN_MS;
	r->at++;
	next_host(r);
}

static void on_silent(struct tmr *t, void *ctx)
{
	(void)t;
	try_failed(ctx);
}

/* AS-REP, TGS-REP or KRB-ERROR by the outermost tag. */
static bool plausible(const uint8_t *p, size_t n)
{
	return n > 2 && (p[0] == 0x6b || p[0] == 0x6d || p[0] == 0x7e);
}

static void answered(struct kdc_req *r, const uint8_t *p, size_t n)
{
	health_of(r->realm, &r->host[r->at])->down_until = 0;
	r->realm->silent_until = 0;
	finish(r, 0, (struct slice){ (const char *)p, n });
}

static void udp_room(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
	struct try *t = CONTAINER_OF((void *)h, struct try, h);

	(void)hint;
	if (!t->in)
		t->in = mem_new(KDC_MESSAGE);
	*b = uv_buf_init((char *)t->in, KDC_MESSAGE);
}

static void on_udp(
    uv_udp_t *u, ssize_t n, const uv_buf_t *b, const struct sockaddr *from, unsigned f)
{
	struct try *t = CONTAINER_OF((void *)u, struct try, h);

	if (!t->r || (n == 0 && !from))
		return;
	if (n < 0)
		try_failed(t->r);
	else if (!(f & UV_UDP_PARTIAL) && plausible((const uint8_t *)b->base, (size_t)n))
		answered(t->r, (const uint8_t *)b->base, (size_t)n);
}

static bool start_udp(struct kdc_req *r, const struct addr *to)
{
	struct try *t = r->try;
	uv_buf_t b = uv_buf_init((char *)r->msg + 4, (unsigned)(r->n - 4));

	r->k->stats.udp++;
	return uv_udp_connect(&t->h.udp, &to->u.sa) == 0 &&
	       uv_udp_recv_start(&t->h.udp, udp_room, on_udp) == 0 &&
	       uv_udp_try_send(&t->h.udp, &b, 1, NULL) > 0;
}

static void tcp_room(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
	struct try *t = CONTAINER_OF((void *)h, struct try, h);

	(void)hint;
	if (!t->in)
		*b = uv_buf_init((char *)t->head + t->got, (unsigned)(4 - t->got));
	else
		*b = uv_buf_init((char *)t->in + t->got, (unsigned)(t->want - t->got));
}

static void on_tcp(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct try *t = CONTAINER_OF((void *)s, struct try, h);

	(void)b;
	if (!t->r || n == 0)
		return;
	if (n < 0) {
		try_failed(t->r);
		return;
	}
	t->got += (size_t)n;
	if (!t->in && t->got == 4) {
		t->want = (size_t)t->head[0] << 24 | (size_t)t->head[1] << 16 |
		          (size_t)t->head[2] << 8 | t->head[3];
		if (t->want < 3 || t->want > KDC_MESSAGE) {
			try_failed(t->r);
			return;
		}
		t->in = mem_new(t->want);
		t->got = 0;
	} else if (t->in && t->got == t->want) {
		if (plausible(t->in, t->want))
			answered(t->r, t->in, t->want);
		else
			try_failed(t->r);
	}
}

static void on_written(uv_write_t *w, int err)
{
	struct try *t = CONTAINER_OF(w, struct try, write);

	if (err && t->r)
		try_failed(t->r);
}

static void on_connected(uv_connect_t *c, int err)
{
	struct try *t = CONTAINER_OF(c, struct try, connect);

	if (!t->r)
		return;
	uv_buf_t b = uv_buf_init((char *)t->r->msg, (unsigned)t->r->n);
	if (err || uv_read_start(&t->h.stream, tcp_room, on_tcp) ||
	    uv_write(&t->write, &t->h.stream, &b, 1, on_written))
		try_failed(t->r);
}

static void start_try(struct kdc_req *r, const struct addr *to)
{
	struct kdcs *k = r->k;
	struct try *t = mem_new(sizeof(*t));
	bool ok;

	/* A message that UDP cannot carry has only one way; else what the realm showed. */
	r->over_tcp = r->tcp || r->realm->tcp || r->n - 4 > KDC_UDP_MAX;
	if (r->over_tcp)
		(void)uv_tcp_init(k->loop, &t->h.tcp);
	else
		(void)uv_udp_init(k->loop, &t->h.udp);
	t->r = r;
	r->try = t;
	tmr_init(&r->timer, k->wheel, on_silent, r);
	tmr_start(&r->timer, r->over_tcp ? TCP_MS : (uint64_t)UDP_MS << r->round);
	if (r->over_tcp) {
		k->stats.tcp++;
		ok = uv_tcp_connect(&t->connect, &t->h.tcp, &to->u.sa, on_connected) == 0;
	} else {
		ok = start_udp(r, to);
	}
	if (!ok) /* on the next turn, as if nothing had come */
		tmr_start(&r->timer, 1);
}

/* ---- which host ---- */

static void on_address(void *ctx, int err, const struct dns_rr *rr, unsigned n)
{
	struct kdc_req *r = ctx;
	struct addr a;

	if (err || n == 0) {
		try_failed(r);
		return;
	}
	addr_from_ip(&a, rr[id_below(n)].ip, 4, r->host[r->at].port);
	start_try(r, &a);
}

/* Those that are up in their order, in the last round all of them. */
static void next_host(struct kdc_req *r)
{
	struct kdcs *k = r->k;
	struct addr a;

	for (; r->round < ROUNDS; r->round++, r->at = 0)
		for (; r->at < r->nhost; r->at++) {
			const struct host *h = &r->host[r->at];
			bool down = health_of(r->realm, h)->down_until > tmr_now(k->wheel);
			if (down && r->round == 0)
				continue;
			if (addr_parse(slice_str(h->name), h->port, &a) == 0) {
				addr_set_port(&a, h->port);
				start_try(r, &a);
			} else {
				r->wait.fn = on_address;
				r->wait.ctx = r;
				dns_ask(k->dns, h->name, DNS_A, &r->wait);
			}
			return;
		}
	give_up(r, ERR_TIMEOUT);
}

/* RFC 2782: by priority, by weight among equals. */
static void order(struct host *h, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned best = i;
		uint32_t sum = 0;
		for (unsigned j = i; j < n; j++)
			if (h[j].priority < h[best].priority)
				best = j;
		uint16_t priority = h[best].priority;
		for (unsigned j = i; j < n; j++)
			sum += h[j].priority == priority ? h[j].weight + 1u : 0;
		uint32_t draw = id_below(sum);
		for (unsigned j = i; j < n; j++) {
			if (h[j].priority != priority)
				continue;
			best = j;
			if (draw < h[j].weight + 1u)
				break;
			draw -= h[j].weight + 1u;
		}
		struct host swap = h[i];
		h[i] = h[best];
		h[best] = swap;
	}
}

static void ask_srv(struct kdc_req *r);

static void on_srv(void *ctx, int err, const struct dns_rr *rr, unsigned n)
{
	struct kdc_req *r = ctx;

	for (unsigned i = 0; !err && i < n && r->nhost < HOSTS; i++) {
		struct host *h = &r->host[r->nhost];
		if (!rr[i].name[0] || !rr[i].port)
			continue;
		memcpy(h->name, rr[i].name, sizeof(h->name));
		h->port = rr[i].port;
		h->priority = rr[i].order;
		h->weight = rr[i].preference;
		r->nhost++;
	}
	if (r->nhost) {
		order(r->host, r->nhost);
		next_host(r);
	} else if (!r->asked_tcp) {
		r->asked_tcp = true;
		ask_srv(r);
	} else {
		give_up(r, err == ERR_TIMEOUT ? ERR_TIMEOUT : ERR_NOTFOUND);
	}
}

static void ask_srv(struct kdc_req *r)
{
	char name[REALM_MAX + 20];

	(void)snprintf(
	    name, sizeof(name), "_kerberos.%s.%s", r->asked_tcp ? "_tcp" : "_udp", r->realm->name);
	r->wait.fn = on_srv;
	r->wait.ctx = r;
	dns_ask(r->k->dns, name, DNS_SRV, &r->wait);
}

static void on_turn(struct tmr *t, void *ctx)
{
	struct kdc_req *r = ctx;
	struct kdcs *k = r->k;

	(void)t;
	tmr_start(&r->total, KDC_TOTAL_MS);
	if (r->realm->silent_until > tmr_now(k->wheel)) {
		fail_later(r, ERR_TIMEOUT);
	} else if (k->nfixed && strcasecmp(k->realm, r->realm->name) == 0) {
		memcpy(r->host, k->fixed, sizeof(r->host));
		r->nhost = k->nfixed;
		next_host(r);
	} else {
		ask_srv(r);
	}
}

static void serve_next(struct kdcs *k)
{
	while (k->stats.active < KDC_ACTIVE && !list_empty(&k->waiting)) {
		struct kdc_req *r = LIST_ENTRY(k->waiting.next, struct kdc_req, node);
		list_remove(&r->node);
		list_append(&k->active, &r->node);
		k->stats.waiting--;
		k->stats.active++;
		r->active = true;
		tmr_init(&r->timer, k->wheel, on_turn, r);
		tmr_start(&r->timer, 0);
	}
}

/* ---- interface ---- */

struct kdcs *kdcs_new(uv_loop_t *loop, struct tmr_wheel *w, struct dns *dns)
{
	struct kdcs *k = mem_new(sizeof(*k));

	k->loop = loop;
	k->wheel = w;
	k->dns = dns;
	list_init(&k->active);
	list_init(&k->waiting);
	return k;
}

void kdcs_free(struct kdcs *k)
{
	if (!k)
		return;
	while (!list_empty(&k->waiting))
		release(LIST_ENTRY(k->waiting.next, struct kdc_req, node));
	while (!list_empty(&k->active))
		release(LIST_ENTRY(k->active.next, struct kdc_req, node));
	for (struct map_node *n; (n = map_next(&k->realms, NULL)) != NULL;) {
		struct realm *r = CONTAINER_OF(n, struct realm, node);
		map_del(&k->realms, n);
		free(r->name);
		free(r);
	}
	map_free(&k->realms);
	free(k);
}

struct kdc_req *kdc_ask(
    struct kdcs *k, struct slice realm, struct slice message, bool tcp, kdc_h *fn, void *ctx)
{
	struct realm *where = realm_of(k, realm);
	struct kdc_req *r;

	if (!where || message.n == 0 || message.n > KDC_MESSAGE || k->stats.waiting >= KDC_QUEUE)
		return NULL;
	r = mem_new(sizeof(*r));
	r->k = k;
	r->fn = fn;
	r->ctx = ctx;
	r->realm = where;
	r->tcp = tcp;
	where->tcp |= tcp;
	r->n = message.n + 4;
	r->msg = mem_new(r->n);
	for (unsigned i = 0; i < 4; i++)
		r->msg[i] = (uint8_t)(message.n >> (24 - 8 * i));
	memcpy(r->msg + 4, message.p, message.n);
	tmr_init(&r->total, k->wheel, on_total, r);
	k->stats.waiting++;
	list_append(&k->waiting, &r->node);
	serve_next(k);
	return r;
}

void kdc_get_stats(const struct kdcs *k, struct kdc_stats *out)
{
	*out = k->stats;
}
