/* From a URI to addresses (RFC 3263 4): NAPTR, SRV, A and AAAA, in the order to try. */
#include "sipd/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/id.h"
#include "common/list.h"
#include "common/mem.h"
#include "sipd/dns.h"

#define STEPS_MAX 12 /* SRV names asked for, or hosts to look up */
#define IPS_MAX   4  /* addresses of one family of one host */

struct srv { /* an SRV name to ask for */
	enum tp_proto proto;
	char name[DNS_NAME_MAX];
	struct dns_wait wait;
	struct resolve_q *q;
};

struct target { /* a host to look up */
	struct resolve_q *q;
	enum tp_proto proto;
	uint16_t port, priority, weight;
	char name[DNS_NAME_MAX];
	struct dns_wait wait[2]; /* A, AAAA */
	uint8_t ip[2][IPS_MAX][16];
	unsigned nip[2];
};

struct hop {                                        /* what a URI says of where to go */
	char host[DNS_NAME_MAX], name[TP_NAME_MAX]; /* host to look up; name that TLS proves */
	bool sips, fixed;                           /* fixed: the URI says the transport */
	enum tp_proto proto;
	uint16_t port;
};

struct resolve_q {
	struct list node;
	struct resolve *r;
	resolve_h *fn;
	void *ctx;
	struct tmr done;
	struct hop hop;
	struct dns_wait naptr;
	struct srv srv[STEPS_MAX];
	unsigned nsrv, at_srv;
	struct target *target[RESOLVE_MAX];
	unsigned ntarget, pending;
	bool timeout; /* some question got no answer */
	int err;
	struct resolve_result res;
};

struct resolve {
	struct tmr_wheel *wheel;
	struct resolve_conf conf;
	struct dns *dns;
	struct list live;
};

static void set_conf(struct resolve *r, const struct resolve_conf *c, struct dns_conf *dns)
{
	r->conf = *c;
	*dns = (struct dns_conf){ .timeout_ms = c->timeout_ms, .ttl_max_s = c->ttl_max_s };
	memcpy(dns->server, c->server, sizeof(dns->server));
	dns->hosts = c->hosts;
	dns->resolv_conf = c->resolv_conf;
}

struct dns *resolve_dns(struct resolve *r)
{
	return r->dns;
}

struct resolve *resolve_new(uv_loop_t *loop, struct tmr_wheel *w, const struct resolve_conf *conf)
{
	struct resolve *r = mem_new(sizeof(*r));
	struct dns_conf dns;

	r->wheel = w;
	list_init(&r->live);
	set_conf(r, conf, &dns);
	r->dns = dns_new(loop, w, &dns);
	return r;
}

void resolve_reconf(struct resolve *r, const struct resolve_conf *conf)
{
	struct dns_conf dns;

	set_conf(r, conf, &dns);
	dns_reconf(r->dns, &dns);
}

void resolve_get_stats(const struct resolve *r, struct dns_stats *out)
{
	dns_get_stats(r->dns, out);
}

void resolve_get_conf(const struct resolve *r, struct resolve_conf *out)
{
	*out = r->conf;
}

void resolve_flush(struct resolve *r)
{
	dns_flush(r->dns);
}

static void free_q(struct resolve_q *q)
{
	list_remove(&q->node);
	tmr_stop(&q->done);
	dns_cancel(&q->naptr);
	for (unsigned i = 0; i < q->nsrv; i++)
		dns_cancel(&q->srv[i].wait);
	for (unsigned i = 0; i < q->ntarget; i++) {
		dns_cancel(&q->target[i]->wait[0]);
		dns_cancel(&q->target[i]->wait[1]);
		free(q->target[i]);
	}
	free(q);
}

void resolve_cancel(struct resolve_q *q)
{
	if (q)
		free_q(q);
}

void resolve_free(struct resolve *r)
{
	if (!r)
		return;
	while (!list_empty(&r->live))
		free_q(LIST_ENTRY(r->live.next, struct resolve_q, node));
	dns_free(r->dns);
	free(r);
}

/* What we do not listen on is not chosen by itself; a URI that asks for a connection gets one: calling needs no listening. */
static bool usable(const struct resolve *r, const struct hop *h, enum tp_proto p)
{
	const struct resolve_conf *c = &r->conf;

	if (h->fixed && p == h->proto && p != TP_UDP)
		return true;
	return p == TP_UDP ? c->udp_ok : p == TP_TCP ? c->tcp_ok : c->tls_ok;
}

static uint16_t default_port(enum tp_proto p)
{
	return p == TP_TLS ? 5061 : 5060;
}

/* ---- the end ---- */

static void on_done(struct tmr *t, void *ctx)
{
	struct resolve_q *q = ctx;
	resolve_h *fn = q->fn;
	void *fctx = q->ctx;
	struct resolve_result res = q->res;
	int err = q->err;

	(void)t;
	free_q(q);
	fn(fctx, err, &res);
}

static void finish(struct resolve_q *q, int err)
{
	q->err = err;
	tmr_start(&q->done, 0); /* never from inside of resolve_uri */
}

static void put_dest(
    struct tp_dest *d, const struct hop *h, enum tp_proto proto, const struct addr *a)
{
	memset(d, 0, sizeof(*d));
	d->proto = proto;
	memcpy(&d->addr, &a->u, addr_len(a));
	memcpy(d->name, h->name, strlen(h->name));
}

static bool family_ok(const struct resolve *r, size_t n)
{
	return n == 4 ? !r->conf.no_ipv4 : !r->conf.no_ipv6;
}

static void add_dest(
    struct resolve_q *q, enum tp_proto proto, const void *ip, size_t n, uint16_t port)
{
	struct addr a;

	if (q->res.n == RESOLVE_MAX || !family_ok(q->r, n))
		return;
	addr_from_ip(&a, ip, n, port);
	put_dest(&q->res.dest[q->res.n++], &q->hop, proto, &a);
}

/* ---- hosts ---- */

static void hosts_done(struct resolve_q *q)
{
	for (unsigned i = 0; i < q->ntarget; i++) {
		struct target *t = q->target[i];
		for (int f = 0; f < 2; f++)
			for (unsigned k = 0; k < t->nip[f]; k++)
				add_dest(q, t->proto, t->ip[f][k], f ? 16 : 4, t->port);
	}
	finish(q, q->res.n ? 0 : q->timeout ? ERR_TIMEOUT : ERR_NOTFOUND);
}

static void on_host(struct target *t, int family, int err, const struct dns_rr *rr, unsigned n)
{
	struct resolve_q *q = t->q;

	q->timeout |= err == ERR_TIMEOUT;
	for (unsigned i = 0; i < n && t->nip[family] < IPS_MAX; i++)
		memcpy(t->ip[family][t->nip[family]++], rr[i].ip, 16);
	/* Several addresses share the load. */
	if (t->nip[family] > 1) {
		uint32_t turn = id_below(t->nip[family]);
		uint8_t tmp[16];
		memcpy(tmp, t->ip[family][0], 16);
		memcpy(t->ip[family][0], t->ip[family][turn], 16);
		memcpy(t->ip[family][turn], tmp, 16);
	}
	if (--q->pending == 0)
		hosts_done(q);
}

static void on_a(void *ctx, int err, const struct dns_rr *rr, unsigned n)
{
	on_host(ctx, 0, err, rr, n);
}

static void on_aaaa(void *ctx, int err, const struct dns_rr *rr, unsigned n)
{
	on_host(ctx, 1, err, rr, n);
}

static void look_up_hosts(struct resolve_q *q)
{
	const struct resolve_conf *c = &q->r->conf;

	q->pending = 1;
	for (unsigned i = 0; i < q->ntarget; i++) {
		struct target *t = q->target[i];
		if (!c->no_ipv4) {
			q->pending++;
			t->wait[0] = (struct dns_wait){ .fn = on_a, .ctx = t };
			dns_ask(q->r->dns, t->name, DNS_A, &t->wait[0]);
		}
		if (!c->no_ipv6) {
			q->pending++;
			t->wait[1] = (struct dns_wait){ .fn = on_aaaa, .ctx = t };
			dns_ask(q->r->dns, t->name, DNS_AAAA, &t->wait[1]);
		}
	}
	if (--q->pending == 0)
		hosts_done(q);
}

static struct target *add_target(
    struct resolve_q *q, enum tp_proto proto, const char *name, uint16_t port)
{
	struct target *t;

	if (q->ntarget == RESOLVE_MAX)
		return NULL;
	t = mem_new(sizeof(*t));
	t->q = q;
	t->proto = proto;
	t->port = port;
	(void)snprintf(t->name, sizeof(t->name), "%s", name);
	q->target[q->ntarget++] = t;
	return t;
}

static void plain_host(struct resolve_q *q)
{
	(void)add_target(
	    q, q->hop.proto, q->hop.host, q->hop.port ? q->hop.port : default_port(q->hop.proto));
	look_up_hosts(q);
}

/* ---- SRV ---- */

/* RFC 2782: by priority; among equals drawn at random by weight. */
static void order_targets(struct target **t, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint32_t best = UINT32_MAX, sum = 0;
		for (unsigned k = i; k < n; k++)
			best = t[k]->priority < best ? t[k]->priority : best;
		for (unsigned k = i; k < n; k++)
			sum += t[k]->priority == best ? t[k]->weight + 1u : 0;
		uint32_t at = id_below(sum);
		for (unsigned k = i; k < n; k++) {
			uint32_t w = t[k]->priority == best ? t[k]->weight + 1u : 0;
			if (at < w) {
				struct target *chosen = t[k];
				t[k] = t[i];
				t[i] = chosen;
				break;
			}
			at -= w;
		}
	}
}

static void next_srv(struct resolve_q *q);

static void on_srv(void *ctx, int err, const struct dns_rr *rr, unsigned n)
{
	struct srv *s = ctx;
	struct resolve_q *q = s->q;
	unsigned before = q->ntarget;

	q->timeout |= err == ERR_TIMEOUT;
	for (unsigned i = 0; i < n; i++) {
		struct target *t;
		if (rr[i].name[0] == '\0') /* ".": no such service here */
			continue;
		t = add_target(q, s->proto, rr[i].name, rr[i].port);
		if (!t)
			break;
		t->priority = rr[i].order;
		t->weight = rr[i].preference;
	}
	order_targets(q->target + before, q->ntarget - before);
	next_srv(q);
}

/* One after the other: the first transport's servers come before the next one's. */
static void next_srv(struct resolve_q *q)
{
	if (q->at_srv < q->nsrv) {
		struct srv *s = &q->srv[q->at_srv++];
		s->wait = (struct dns_wait){ .fn = on_srv, .ctx = s };
		dns_ask(q->r->dns, s->name, DNS_SRV, &s->wait);
		return;
	}
	if (q->ntarget)
		look_up_hosts(q);
	else
		plain_host(q);
}

static void add_srv(struct resolve_q *q, enum tp_proto proto, const char *name)
{
	if (q->nsrv == STEPS_MAX)
		return;
	struct srv *s = &q->srv[q->nsrv];
	s->q = q;
	s->proto = proto;
	if (snprintf(s->name, sizeof(s->name), "%s", name) < (int)sizeof(s->name))
		q->nsrv++;
}

static void add_srv_of(struct resolve_q *q, enum tp_proto proto)
{
	static const char *const prefix[TP_NPROTO] = { "_sip._udp.", "_sip._tcp.", "_sips._tcp." };
	char name[DNS_NAME_MAX + 16];

	if (!usable(q->r, &q->hop, proto))
		return;
	if (snprintf(name, sizeof(name), "%s%s", prefix[proto], q->hop.host) < DNS_NAME_MAX)
		add_srv(q, proto, name);
}

/* ---- NAPTR ---- */

static void on_naptr(void *ctx, int err, const struct dns_rr *rr, unsigned n)
{
	static const char *const service[TP_NPROTO] = { "sip+d2u", "sip+d2t", "sips+d2t" };
	struct resolve_q *q = ctx;
	bool used[DNS_RRS_MAX] = { false };

	q->timeout |= err == ERR_TIMEOUT;
	for (;;) { /* by order, then preference */
		int best = -1;
		for (unsigned i = 0; i < n; i++) {
			uint32_t key = (uint32_t)rr[i].order << 16 | rr[i].preference;
			if (used[i] || strcmp(rr[i].flags, "s") != 0 || !rr[i].name[0])
				continue;
			if (best < 0 ||
			    key < ((uint32_t)rr[best].order << 16 | rr[best].preference))
				best = (int)i;
		}
		if (best < 0)
			break;
		used[best] = true;
		for (int p = 0; p < TP_NPROTO; p++)
			if (strcmp(rr[best].service, service[p]) == 0 &&
			    usable(q->r, &q->hop, (enum tp_proto)p) &&
			    (!q->hop.sips || p == TP_TLS))
				add_srv(q, (enum tp_proto)p, rr[best].name);
	}
	if (q->nsrv == 0) {
		add_srv_of(q, q->hop.proto);
		for (int p = 0; p < TP_NPROTO && !q->hop.sips; p++)
			if (p != (int)q->hop.proto)
				add_srv_of(q, (enum tp_proto)p);
	}
	next_srv(q);
}

/* ---- beginning ---- */

static int transport_of(const struct resolve *r, struct hop *h, const struct sip_uri *uri)
{
	struct slice t;

	h->sips = uri->scheme == SIP_SCHEME_SIPS;
	h->proto = h->sips ? TP_TLS : r->conf.prefer;
	h->fixed = sip_uri_param(uri, SLICE_LIT("transport"), &t);
	if (h->fixed) {
		if (tp_proto_of(t, &h->proto))
			return ERR_UNSUPP;
		if (h->sips) { /* RFC 3261 26.2.2: TLS over TCP, whatever it says */
			if (h->proto == TP_UDP)
				return ERR_UNSUPP;
			h->proto = TP_TLS;
		}
	}
	return usable(r, h, h->proto) ? 0 : ERR_UNSUPP;
}

static int hop_of(const struct resolve *r, struct hop *h, const struct sip_uri *uri)
{
	struct slice host = uri->host, maddr;

	if (uri->scheme != SIP_SCHEME_SIP && uri->scheme != SIP_SCHEME_SIPS)
		return ERR_SYNTAX;
	if (slice_copy(host, h->name, sizeof(h->name)))
		return ERR_SYNTAX;
	if (sip_uri_param(uri, SLICE_LIT("maddr"), &maddr) && maddr.n)
		host = maddr;
	if (slice_copy(host, h->host, sizeof(h->host)))
		return ERR_SYNTAX;
	h->port = (uint16_t)uri->port;
	return transport_of(r, h, uri);
}

/* An address needs no question. ERR_NOTFOUND: it is a name. */
static int numeric(const struct resolve *r, const struct hop *h, struct tp_dest *out)
{
	struct slice host = slice_str(h->host);
	enum sip_host_kind kind = sip_host_kind(host);
	struct addr a;
	size_t n;

	if (kind != SIP_HOST_IP4 && kind != SIP_HOST_IP6)
		return ERR_NOTFOUND;
	if (addr_parse(host, h->port ? h->port : default_port(h->proto), &a))
		return ERR_SYNTAX;
	(void)addr_ip(&a, &n);
	if (!family_ok(r, n))
		return ERR_UNSUPP;
	put_dest(out, h, h->proto, &a);
	return 0;
}

bool resolve_now(struct resolve *r, const struct sip_uri *uri, struct tp_dest *out)
{
	struct hop h;

	return hop_of(r, &h, uri) == 0 && numeric(r, &h, out) == 0;
}

struct resolve_q *resolve_uri(
    struct resolve *r, const struct sip_uri *uri, resolve_h *fn, void *ctx)
{
	struct resolve_q *q = mem_new(sizeof(*q));
	int err;

	q->r = r;
	q->fn = fn;
	q->ctx = ctx;
	list_append(&r->live, &q->node);
	tmr_init(&q->done, r->wheel, on_done, q);
	err = hop_of(r, &q->hop, uri);
	if (!err)
		err = numeric(r, &q->hop, &q->res.dest[0]);
	if (err != ERR_NOTFOUND) {
		q->res.n = err ? 0 : 1;
		finish(q, err);
	} else if (r->conf.a_only || q->hop.port) {
		plain_host(q);
	} else if (q->hop.fixed) {
		add_srv_of(q, q->hop.proto);
		next_srv(q);
	} else {
		q->naptr = (struct dns_wait){ .fn = on_naptr, .ctx = q };
		dns_ask(r->dns, q->hop.host, DNS_NAPTR, &q->naptr);
	}
	return q;
}
