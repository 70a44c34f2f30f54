/* The DNS client: questions under way, servers, cache, hosts. */
#include "sipd/dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/addr.h"
#include "common/id.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/wr.h"

#define ENTRIES_MAX 4096
#define TRIES       4
#define LINKS_MAX   4 /* CNAMEs followed from answer to answer */
#define FAIL_MS     1000
#define STALE_MS    86400000
#define FILES_MS    2000 /* how often the files are looked at */
#define HOSTS_MAX   4096
#define PORT        53

struct entry {
	struct map_node node;
	struct list lru, waits;
	struct dns *d;
	char *key; /* type octet, name in lower case */
	const char *name;
	enum dns_type type;
	/* answer */
	struct dns_rr *rr;
	unsigned n;
	uint64_t expires; /* ms; 0: never answered */
	int err;
	/* question under way */
	bool asking, edns;
	unsigned tries, at, links;
	uint16_t id;
	struct tmr timer;
	struct sock *sock;
	struct dns_wait link; /* waits for the CNAME's entry */
};

/* A socket of one try; lives until libuv has closed it. */
struct sock {
	struct entry *e; /* NULL: forgotten */
	bool tcp;
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_udp_t udp;
		uv_tcp_t tcp;
	} h;
	union {
		uv_udp_send_t udp;
		uv_write_t write;
	} req;
	uv_connect_t connect;
	uint8_t out[DNS_QUERY_MAX + 2];
	size_t nout;
	uint8_t *in;
	size_t n, cap;
};

struct host {
	char *name;
	struct dns_rr rr;
};

struct dns {
	uv_loop_t *loop;
	struct tmr_wheel *wheel;
	struct dns_conf conf;
	struct addr server[3];
	unsigned nserver, first; /* first: the one that answered last */
	struct map map;
	struct list lru; /* oldest first */
	struct host *host;
	unsigned nhost;
	uint64_t looked;
	struct timespec resolv_time, hosts_time;
	struct dns_stats stats;
	struct dns_answer scratch;
};

static void next_try(struct entry *e);

/* ---- files ---- */

static void read_lines(
    const char *path, void (*fn)(struct dns *d, struct slice line), struct dns *d)
{
	char line[1024];
	FILE *f = fopen(path, "re");

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "#;\n")] = '\0';
		fn(d, slice_trim(slice_str(line)));
	}
	(void)fclose(f);
}

static struct slice word(struct cur *c)
{
	cur_lws(c);
	return cur_until(c, " \t");
}

static void resolv_line(struct dns *d, struct slice line)
{
	struct cur c = cur_of(line);

	if (!slice_eq(word(&c), SLICE_LIT("nameserver")) || d->nserver == ARRAY_LEN(d->server))
		return;
	if (addr_parse(word(&c), PORT, &d->server[d->nserver]) == 0)
		d->nserver++;
}

static void hosts_line(struct dns *d, struct slice line)
{
	struct cur c = cur_of(line);
	struct addr a;
	struct slice name;
	size_t n;

	if (addr_parse(word(&c), 0, &a))
		return;
	while (name = word(&c), name.n && d->nhost < HOSTS_MAX) {
		if (d->nhost % 64 == 0)
			d->host = mem_grow(d->host, d->nhost + 64, sizeof(*d->host));
		struct host *h = &d->host[d->nhost++];
		memset(h, 0, sizeof(*h));
		h->name = mem_dup(name.p, name.n);
		const uint8_t *ip = addr_ip(&a, &n);
		memcpy(h->rr.ip, ip, n);
		h->rr.type = n == 4 ? DNS_A : DNS_AAAA;
	}
}

static void drop_hosts(struct dns *d)
{
	for (unsigned i = 0; i < d->nhost; i++)
		free(d->host[i].name);
	free(d->host);
	d->host = NULL;
	d->nhost = 0;
}

static bool changed(const char *path, struct timespec *last)
{
	struct stat st = { 0 };

	(void)stat(path, &st);
	if (st.st_mtim.tv_sec == last->tv_sec && st.st_mtim.tv_nsec == last->tv_nsec)
		return false;
	*last = st.st_mtim;
	return true;
}

static void look_at_files(struct dns *d, bool force)
{
	const char *resolv = d->conf.resolv_conf ? d->conf.resolv_conf : "/etc/resolv.conf",
	           *hosts = d->conf.hosts ? d->conf.hosts : "/etc/hosts";
	uint64_t now = tmr_now(d->wheel);

	if (!force && now - d->looked < FILES_MS)
		return;
	d->looked = now;
	if (changed(hosts, &d->hosts_time) || force) {
		drop_hosts(d);
		read_lines(hosts, hosts_line, d);
	}
	if (d->conf.server[0].ss_family) {
		d->nserver = 0;
		for (unsigned i = 0; i < 3 && d->conf.server[i].ss_family; i++)
			addr_from_sa(
			    &d->server[d->nserver++], (const struct sockaddr *)&d->conf.server[i]);
	} else if (changed(resolv, &d->resolv_time) || force) {
		d->nserver = 0;
		read_lines(resolv, resolv_line, d);
		if (d->nserver == 0) /* resolv.conf(5) */
			(void)!addr_parse(SLICE_LIT("127.0.0.1"), PORT, &d->server[d->nserver++]);
	}
	if (d->first >= d->nserver)
		d->first = 0;
}

/* ---- entries ---- */

static void drop_sock(struct entry *e);

static void free_entry(struct entry *e)
{
	drop_sock(e);
	dns_cancel(&e->link);
	tmr_stop(&e->timer);
	map_del(&e->d->map, &e->node);
	list_remove(&e->lru);
	e->d->stats.cached--;
	free(e->rr);
	free(e->key);
	free(e);
}

static void make_room(struct dns *d)
{
	if (d->stats.cached < ENTRIES_MAX)
		return;
	LIST_FOREACH(&d->lru, it)
	{
		struct entry *e = LIST_ENTRY(it, struct entry, lru);
		if (e->asking || !list_empty(&e->waits))
			continue;
		free_entry(e);
		return;
	}
}

/* Tells everybody who waits; they may ask anew meanwhile. */
static void tell(struct entry *e, int err, const struct dns_rr *rr, unsigned n)
{
	struct list told;

	list_init(&told);
	while (!list_empty(&e->waits)) {
		struct list *it = e->waits.next;
		list_remove(it);
		list_append(&told, it);
	}
	struct dns_rr *copy = n ? mem_dup(rr, n * sizeof(*rr)) : NULL;
	while (!list_empty(&told)) {
		struct dns_wait *w = LIST_ENTRY(told.next, struct dns_wait, node);
		list_remove(&w->node);
		w->fn(w->ctx, err, copy, n);
	}
	free(copy);
}

static void finish(struct entry *e, int err, const struct dns_rr *rr, unsigned n, uint32_t ttl)
{
	struct dns *d = e->d;
	uint64_t now = tmr_now(d->wheel);

	drop_sock(e);
	tmr_stop(&e->timer);
	e->asking = false;
	if (err == ERR_TIMEOUT)
		d->stats.timeouts++;
	if (err && e->expires && !e->err && now - e->expires < STALE_MS) {
		/* What was true today is a better guess than nothing (RFC 8767). */
		d->stats.stale++;
		tell(e, 0, e->rr, e->n);
		return;
	}
	if (!err) {
		struct dns_rr *keep = n ? mem_dup(rr, n * sizeof(*rr)) : NULL;
		free(e->rr);
		e->rr = keep;
		e->n = n;
		d->stats.answered++;
		ttl = ttl < d->conf.ttl_max_s ? ttl : d->conf.ttl_max_s;
	}
	e->err = err;
	e->expires = now + (err ? FAIL_MS : (uint64_t)ttl * 1000);
	tell(e, err, e->rr, err ? 0 : e->n);
}

/* ---- one try ---- */

static void sock_closed(uv_handle_t *h)
{
	struct sock *s = CONTAINER_OF((void *)h, struct sock, h);

	free(s->in);
	free(s);
}

static void drop_sock(struct entry *e)
{
	struct sock *s = e->sock;

	if (!s)
		return;
	e->sock = NULL;
	s->e = NULL;
	uv_close(&s->h.handle, sock_closed);
}

static void on_link(void *ctx, int err, const struct dns_rr *rr, unsigned n)
{
	struct entry *e = ctx;
	uint32_t ttl = INT32_MAX;

	for (unsigned i = 0; i < n; i++)
		ttl = rr[i].ttl < ttl ? rr[i].ttl : ttl;
	finish(e, err, rr, n, n ? ttl : FAIL_MS / 1000);
}

/* true: the question is decided, or goes on in another way. */
static bool take(struct entry *e, const uint8_t *p, size_t n)
{
	struct dns *d = e->d;
	struct dns_answer *a = &d->scratch;
	int err = dns_parse(a, p, n, e->id, e->name, e->type);

	if (err == ERR_NOTFOUND)
		return false;
	if (err || a->result == DNS_FAILED) {
		if (a->result == DNS_FAILED && e->edns)
			e->edns = false; /* FORMERR of servers older than EDNS */
		next_try(e);
		return true;
	}
	d->first = e->at;
	if (a->result == DNS_CUT) {
		bool was_tcp = e->sock && e->sock->tcp;
		drop_sock(e);
		if (was_tcp)
			next_try(e);
		else
			return false;
		return true;
	}
	if (a->result == DNS_OK && a->n == 0) {
		char next[DNS_NAME_MAX];
		memcpy(next, a->cname, sizeof(next));
		drop_sock(e);
		tmr_stop(&e->timer);
		if (e->links >= LINKS_MAX || dns_same(next, e->name)) {
			finish(e, 0, NULL, 0, 1);
			return true;
		}
		e->link = (struct dns_wait){ .fn = on_link, .ctx = e };
		dns_ask(d, next, e->type, &e->link);
		return true;
	}
	finish(e, 0, a->rr, a->n, a->ttl);
	return true;
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *buf)
{
	struct sock *s = CONTAINER_OF((void *)h, struct sock, h);

	(void)want;
	if (s->cap - s->n < 2048) {
		s->cap = s->n + 4096;
		s->in = mem_grow(s->in, s->cap, 1);
	}
	*buf = uv_buf_init((char *)s->in + s->n, (unsigned)(s->cap - s->n));
}

static void start_tcp(struct entry *e);

static void on_datagram(
    uv_udp_t *h, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags)
{
	struct sock *s = CONTAINER_OF((void *)h, struct sock, h);
	struct entry *e = s->e;

	(void)from;
	if (!e || (n == 0 && !from))
		return;
	if (n < 0 || (flags & UV_UDP_PARTIAL)) {
		next_try(e); /* connected: ICMP says that nobody listens there */
		return;
	}
	s->n = 0;
	if (!take(e, (const uint8_t *)buf->base, (size_t)n) && e->sock != s)
		start_tcp(e);
}

static void on_stream(uv_stream_t *h, ssize_t n, const uv_buf_t *buf)
{
	struct sock *s = CONTAINER_OF((void *)h, struct sock, h);
	struct entry *e = s->e;

	(void)buf;
	if (!e || n == 0)
		return;
	if (n < 0) {
		next_try(e);
		return;
	}
	s->n += (size_t)n;
	if (s->n < 2)
		return;
	size_t len = (size_t)s->in[0] << 8 | s->in[1];
	if (s->n - 2 < len)
		return;
	if (!take(e, s->in + 2, len))
		next_try(e); /* on a stream nobody else answers */
}

static void on_sent(uv_write_t *w, int status)
{
	struct sock *s = CONTAINER_OF(w, struct sock, req.write);

	if (status < 0 && s->e)
		next_try(s->e);
}

static void on_connect(uv_connect_t *c, int status)
{
	struct sock *s = CONTAINER_OF(c, struct sock, connect);

	if (!s->e)
		return;
	uv_buf_t b = uv_buf_init((char *)s->out, (unsigned)s->nout);
	if (status < 0 || uv_write(&s->req.write, &s->h.stream, &b, 1, on_sent) ||
	    uv_read_start(&s->h.stream, on_alloc, on_stream))
		next_try(s->e);
}

static void on_datagram_sent(uv_udp_send_t *r, int status)
{
	(void)r; /* the timer sees to what was not sent */
	(void)status;
}

static struct sock *new_sock(struct entry *e, bool tcp)
{
	struct sock *s = mem_new(sizeof(*s));
	int n;

	s->tcp = tcp;
	n = dns_put_query(s->out + 2, e->id, e->name, e->type, e->edns);
	BUG_ON(n < 0); /* was looked at in dns_ask */
	s->out[0] = (uint8_t)(n >> 8);
	s->out[1] = (uint8_t)n;
	s->nout = (size_t)n + 2;
	if (tcp ? uv_tcp_init(e->d->loop, &s->h.tcp) : uv_udp_init(e->d->loop, &s->h.udp)) {
		free(s);
		return NULL;
	}
	s->e = e;
	e->sock = s;
	return s;
}

static void start_tcp(struct entry *e)
{
	struct sock *s = new_sock(e, true);

	e->d->stats.tcp++;
	if (s && uv_tcp_connect(&s->connect, &s->h.tcp, &e->d->server[e->at].u.sa, on_connect))
		drop_sock(e); /* the timer sees to it */
}

/* False: there is no way to this server, which is known at once. */
static bool start_udp(struct entry *e)
{
	struct sock *s = new_sock(e, false);
	uv_buf_t b;

	if (!s)
		return false;
	b = uv_buf_init((char *)s->out + 2, (unsigned)s->nout - 2);
	if (uv_udp_connect(&s->h.udp, &e->d->server[e->at].u.sa) ||
	    uv_udp_recv_start(&s->h.udp, on_alloc, on_datagram) ||
	    uv_udp_send(&s->req.udp, &s->h.udp, &b, 1, NULL, on_datagram_sent)) {
		drop_sock(e);
		return false;
	}
	return true;
}

static void next_try(struct entry *e)
{
	struct dns *d = e->d;
	uint32_t ms = d->conf.timeout_ms / TRIES;

	drop_sock(e);
	if (e->tries == TRIES || d->nserver == 0) {
		finish(e, ERR_TIMEOUT, NULL, 0, 0);
		return;
	}
	e->at = (d->first + e->tries) % d->nserver;
	e->tries++;
	id_random(&e->id, sizeof(e->id));
	/* A host that is cut off from its name servers does not wait for them: calls inside go on. */
	tmr_start(&e->timer, start_udp(e) && ms ? ms : 1);
}

static void on_timer(struct tmr *t, void *ctx)
{
	(void)t;
	next_try(ctx);
}

/* ---- asking ---- */

static bool from_hosts(struct dns *d, const char *name, enum dns_type type, struct dns_wait *w)
{
	struct dns_rr rr[8];
	unsigned n = 0;
	bool known = false;

	if (type != DNS_A && type != DNS_AAAA)
		return false;
	for (unsigned i = 0; i < d->nhost && n < ARRAY_LEN(rr); i++) {
		if (!dns_same(d->host[i].name, name))
			continue;
		known = true;
		if (d->host[i].rr.type == type)
			rr[n++] = d->host[i].rr;
	}
	if (n == 0 && dns_same(name, "localhost")) { /* RFC 6761 6.3 */
		known = true;
		memset(&rr[0], 0, sizeof(rr[0]));
		rr[0].type = (uint16_t)type;
		if (type == DNS_A)
			memcpy(rr[0].ip, (uint8_t[4]){ 127, 0, 0, 1 }, 4);
		else
			rr[0].ip[15] = 1;
		n = 1;
	}
	if (known)
		w->fn(w->ctx, 0, rr, n);
	return known;
}

static struct entry *get(struct dns *d, const char *name, enum dns_type type)
{
	char key[DNS_NAME_MAX + 1];
	size_t n = strlen(name);

	n -= n && name[n - 1] == '.';
	key[0] = (char)type;
	for (size_t i = 0; i < n; i++)
		key[i + 1] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	struct map_node *node = map_get(&d->map, (struct slice){ key, n + 1 });
	if (node)
		return CONTAINER_OF(node, struct entry, node);
	make_room(d);
	struct entry *e = mem_new(sizeof(*e));
	e->d = d;
	e->key = mem_dup(key, n + 1);
	e->name = e->key + 1;
	e->type = type;
	list_init(&e->waits);
	list_append(&d->lru, &e->lru);
	tmr_init(&e->timer, d->wheel, on_timer, e);
	(void)map_put(&d->map, &e->node, (struct slice){ e->key, n + 1 });
	d->stats.cached++;
	return e;
}

void dns_ask(struct dns *d, const char *name, enum dns_type type, struct dns_wait *w)
{
	uint8_t query[DNS_QUERY_MAX];
	struct entry *e;

	d->stats.asked++;
	list_init(&w->node);
	if (strlen(name) >= DNS_NAME_MAX || dns_put_query(query, 0, name, type, true) < 0) {
		w->fn(w->ctx, ERR_SYNTAX, NULL, 0);
		return;
	}
	look_at_files(d, false);
	if (from_hosts(d, name, type, w))
		return;
	e = get(d, name, type);
	list_remove(&e->lru);
	list_append(&d->lru, &e->lru);
	if (!e->asking && e->expires && tmr_now(d->wheel) < e->expires) {
		d->stats.cache_hits++;
		struct dns_rr *copy = e->n ? mem_dup(e->rr, e->n * sizeof(*copy)) : NULL;
		w->fn(w->ctx, e->err, copy, e->err ? 0 : e->n);
		free(copy);
		return;
	}
	list_append(&e->waits, &w->node);
	if (e->asking)
		return;
	e->asking = true;
	e->edns = true;
	e->tries = 0;
	/* How deep a chain is: the entry that asks for us is linked to. */
	e->links = w->fn == on_link ? ((struct entry *)w->ctx)->links + 1 : 0;
	next_try(e);
}

void dns_cancel(struct dns_wait *w)
{
	if (w->node.next)
		list_remove(&w->node);
}

/* ---- life ---- */

static void set_conf(struct dns *d, const struct dns_conf *c)
{
	d->conf = *c;
	d->conf.timeout_ms = c->timeout_ms ? c->timeout_ms : 4000;
	d->conf.ttl_max_s = c->ttl_max_s ? c->ttl_max_s : 86400;
	look_at_files(d, true);
}

struct dns *dns_new(uv_loop_t *loop, struct tmr_wheel *w, const struct dns_conf *conf)
{
	struct dns *d = mem_new(sizeof(*d));

	d->loop = loop;
	d->wheel = w;
	list_init(&d->lru);
	set_conf(d, conf);
	return d;
}

void dns_reconf(struct dns *d, const struct dns_conf *conf)
{
	set_conf(d, conf);
}

void dns_forget_missing(struct dns *d)
{
	LIST_FOREACH(&d->lru, it)
	{
		struct entry *e = LIST_ENTRY(it, struct entry, lru);
		if (e->expires && (e->err || e->n == 0))
			e->expires = 1;
	}
}

void dns_flush(struct dns *d)
{
	LIST_FOREACH(&d->lru, it)
	{
		struct entry *e = LIST_ENTRY(it, struct entry, lru);
		if (!e->asking && list_empty(&e->waits))
			free_entry(e);
	}
}

void dns_free(struct dns *d)
{
	if (!d)
		return;
	while (!list_empty(&d->lru)) {
		struct entry *e = LIST_ENTRY(d->lru.next, struct entry, lru);
		LIST_FOREACH(&e->waits, it)
		list_remove(it);
		free_entry(e);
	}
	map_free(&d->map);
	drop_hosts(d);
	free(d);
}

void dns_get_stats(const struct dns *d, struct dns_stats *out)
{
	*out = d->stats;
}
