/* The part of `check run` that asks DNS: with a resolver of its own, so that nothing comes from a cache. */
#include "sipd/check_dns.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "sipd/reg.h"
#include "sipd/resolve.h"
#include "sipd/sip_ua.h"

struct look {
	struct dns_check *c;
	struct resolve_q *q;
	char host[256];
};
struct dns_check {
	struct sipd *s;
	struct ctl_run *r;
	struct resolve *resolve;
	struct tmr end; /* the resolver cannot go inside its own callback */
	uint64_t began;
	unsigned left;
	struct look look[SIPD_PROXIES];
};

static void finish(struct dns_check *c)
{
	struct ctl_run *r = c->r;

	tmr_stop(&c->end);
	resolve_free(c->resolve);
	c->s->dns_check = NULL;
	free(c);
	ctl_done(r, 0);
}

static void on_end(struct tmr *t, void *ctx)
{
	(void)t;
	finish(ctx);
}

static void found(struct look *l, const struct resolve_result *res, unsigned ms)
{
	static const char *const names[TP_NPROTO] = {
		[TP_UDP] = "UDP", [TP_TCP] = "TCP", [TP_TLS] = "TLS"
	};
	char text[400];
	struct wr w = wr_of(text, sizeof(text));

	for (unsigned i = 0; i < res->n && i < 4; i++) {
		struct addr a;
		char one[ADDR_TEXT];

		addr_from_sa(&a, (const struct sockaddr *)&res->dest[i].addr);
		wr_fmt(&w, "%s%s by %s", i ? ", " : "", addr_print(&a, true, one),
		    names[res->dest[i].proto]);
	}
	ctl_check(l->c->r, "DNS", CTL_OK, "", "%s: %s%s, after %u ms", l->host,
	    wr_nul(&w) ? text : "", res->n > 4 ? ", …" : "", ms);
}

static void on_resolved(void *ctx, int err, const struct resolve_result *res)
{
	struct look *l = ctx;
	struct dns_check *c = l->c;
	unsigned ms = (unsigned)(tmr_now(c->s->d->wheel) - c->began);

	l->q = NULL;
	if (!err && res->n > 0)
		found(l, res, ms);
	else
		ctl_check(c->r, "DNS", CTL_FAILED,
		    err == ERR_TIMEOUT ? "see that the servers of /etc/resolv.conf or dns-servers "
		                         "in [sipd] can be "
		                         "reached"
		                       : "compare the name of the proxy in [sipd] with DNS: SRV, A "
		                         "or AAAA records for "
		                         "a transport of ours",
		    "%s: %s, after %u ms", l->host,
		    err == ERR_TIMEOUT  ? "no DNS server answers"
		    : err == ERR_UNSUPP ? "no transport of ours leads there"
		                        : "there is no such name",
		    ms);
	if (--c->left == 0)
		tmr_start(&c->end, 0);
}

void check_dns(struct sipd *s, struct ctl_run *r)
{
	struct dns_check *c;
	struct resolve_conf conf;
	struct proxy_view v;

	if (s->dns_check) {
		ctl_check(
		    r, "DNS", CTL_WARNING, "check again", "another check asks at this moment");
		return;
	}
	c = mem_new(sizeof(*c));
	c->s = s;
	c->r = r;
	c->began = tmr_now(s->d->wheel);
	tmr_init(&c->end, s->d->wheel, on_end, c);
	resolve_get_conf(sip_ua_resolve(s->ua), &conf);
	c->resolve = resolve_new(s->d->loop, s->d->wheel, &conf);
	for (unsigned i = 0; i < SIPD_PROXIES && regs_proxy_view(s, i, &v); i++) {
		struct look *l = &c->look[c->left];
		struct sip_uri uri;
		struct tp_dest now;

		if (sip_uri_parse(&uri, slice_str(v.uri)) || resolve_now(c->resolve, &uri, &now))
			continue;
		l->c = c;
		(void)snprintf(l->host, sizeof(l->host), "%.*s", SLICE_ARG(uri.host));
		l->q = resolve_uri(c->resolve, &uri, on_resolved, l);
		if (l->q)
			c->left++;
	}
	if (c->left == 0) {
		resolve_free(c->resolve);
		free(c);
		return;
	}
	s->dns_check = c;
	ctl_defer(r);
}

void check_dns_stop(struct sipd *s)
{
	if (s->dns_check)
		finish(s->dns_check);
}
