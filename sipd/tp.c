/* Flows: made, found, used, ended; octets to messages and back. */
#include "sipd/tp.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/tp_int.h"

#define SPARE_MAX 2048 /* UDP flows kept for reuse though nobody references them */

struct queued {
	struct list node;
	size_t n;
	uint8_t bytes[];
};

const char *tp_proto_name(enum tp_proto p)
{
	static const char *const names[TP_NPROTO] = { "UDP", "TCP", "TLS" };

	return p < TP_NPROTO ? names[p] : "?";
}

int tp_proto_of(struct slice name, enum tp_proto *out)
{
	for (unsigned i = 0; i < TP_NPROTO; i++) {
		if (slice_ieq(name, slice_str(tp_proto_name((enum tp_proto)i)))) {
			*out = (enum tp_proto)i;
			return 0;
		}
	}
	return ERR_UNSUPP;
}

static void set_conf(struct tp *tp, const struct tp_conf *c)
{
	struct tp_conf *t = &tp->conf;

	*t = *c;
#define DEFAULT(field, v) t->field = t->field ? t->field : (v)
	DEFAULT(connect_ms, 5000);
	DEFAULT(idle_ms, 600000);
	DEFAULT(slow_ms, 10000);
	DEFAULT(max_flows, 20000);
	DEFAULT(max_per_ip, 64);
	DEFAULT(rate_per_ip, 5000);
	DEFAULT(rate_burst, 20000);
	DEFAULT(queue_max, 1u << 20);
	DEFAULT(udp_max, 1300);
#undef DEFAULT
}

struct tp *tp_new(uv_loop_t *loop, struct tmr_wheel *wheel, const struct tp_conf *conf,
    const struct tp_ops *ops, void *ctx)
{
	struct tp *tp = mem_new(sizeof(*tp));

	tp->loop = loop;
	tp->wheel = wheel;
	tp->socks_gen = 1;
	tp->ops = ops;
	tp->ctx = ctx;
	set_conf(tp, conf);
	list_init(&tp->socks);
	list_init(&tp->flows);
	list_init(&tp->spare);
	tp_limit_init(&tp->limit);
	tp_sock_init(tp);
	return tp;
}

void tp_reconf(struct tp *tp, const struct tp_conf *conf)
{
	set_conf(tp, conf);
}

void tp_set_tls(struct tp *tp, const struct tp_filter_ops *ops, void *ctx)
{
	tp->tls = ops;
	tp->tls_ctx = ctx;
}

void tp_set_tap(struct tp *tp, tp_tap_h *fn, void *ctx)
{
	tp->tap = fn;
	tp->tap_ctx = ctx;
}

void tp_get_stats(const struct tp *tp, struct tp_stats *out)
{
	*out = tp->stats;
}

const struct tp_conf *tp_get_conf(const struct tp *tp)
{
	return &tp->conf;
}

struct tmr_wheel *tp_wheel(const struct tp *tp)
{
	return tp->wheel;
}

uv_loop_t *tp_loop(const struct tp *tp)
{
	return tp->loop;
}

/* ---- life of a flow ---- */

static void free_flow(struct tp_flow *f)
{
	struct tp *tp = f->tp;

	tp_live_stop(f);
	tmr_stop(&f->down);
	tp_flow_release_key(f);
	list_remove(&f->node);
	if (!list_empty(&f->spare)) {
		list_remove(&f->spare);
		tp->nspare--;
	}
	LIST_FOREACH(&f->queue, it)
	{
		list_remove(it);
		free(LIST_ENTRY(it, struct queued, node));
	}
	LIST_FOREACH(&f->watches, it)
	list_remove(it);
	if (f->sock) {
		f->sock->flows--;
		tp_sock_unuse(f->sock);
	}
	tp->stats.flows--;
	free(f->buf);
	free(f);
	tp_maybe_free(tp);
}

struct tp_flow *tp_flow_ref(struct tp_flow *f)
{
	if (f->refs++ == 0 && !list_empty(&f->spare)) {
		list_remove(&f->spare);
		f->tp->nspare--;
	}
	return f;
}

void tp_flow_unref(struct tp_flow *f)
{
	struct tp *tp;

	if (!f)
		return;
	tp = f->tp;
	BUG_ON(f->refs == 0);
	if (--f->refs > 0)
		return;
	if (f->phase == TP_DOWN || tp->closing) {
		free_flow(f);
		return;
	}
	if (f->proto != TP_UDP)
		return; /* its handle holds a reference: not reached while connected */
	list_append(&tp->spare, &f->spare);
	tp->nspare++;
	if (f->sock->retired)
		free_flow(f);
	else if (tp->nspare > SPARE_MAX)
		free_flow(LIST_ENTRY(tp->spare.next, struct tp_flow, spare));
}

/* Watchers are told from the loop, never from inside of a call of theirs. */
static void on_down(struct tmr *t, void *ctx)
{
	struct tp_flow *f = ctx;

	(void)t;
	while (!list_empty(&f->watches)) {
		struct tp_watch *w = LIST_ENTRY(f->watches.next, struct tp_watch, node);

		list_remove(&w->node);
		w->down(w, f, f->err);
	}
	tp_flow_unref(f); /* the reference of being alive, or of a late watch */
}

struct tp_flow *tp_flow_new(struct tp *tp, enum tp_proto proto, const struct sockaddr *remote)
{
	struct tp_flow *f = mem_new(sizeof(*f));

	f->tp = tp;
	f->proto = proto;
	f->id = ++tp->next_flow;
	f->name = "";
	f->why = "";
	memcpy(&f->remote, remote, tp_sa_len(remote));
	list_init(&f->spare);
	list_init(&f->watches);
	list_init(&f->queue);
	list_append(&tp->flows, &f->node);
	tmr_init(&f->down, tp->wheel, on_down, f);
	tp_live_init(f);
	f->last_ms = tmr_now(tp->wheel);
	tp->stats.flows++;
	return f;
}

void tp_flow_release_key(struct tp_flow *f)
{
	if (!f->key)
		return;
	map_del(&f->tp->by_dest, &f->map);
	f->name = "";
	free(f->key);
	f->key = NULL;
}

static void end(struct tp_flow *f, int err, const char *why, bool flush)
{
	if (f->phase == TP_DOWN)
		return;
	/* A UDP flow is nothing but an entry: it has no life that its users' references do not give. */
	f->refs++;
	f->phase = TP_DOWN;
	f->err = err;
	f->why = why;
	if (!list_empty(&f->spare)) {
		list_remove(&f->spare);
		f->tp->nspare--;
	}
	tp_live_stop(f);
	if (f->filter) {
		void *st = f->filter;

		if (flush || err == ERR_LOST || err == ERR_TIMEOUT)
			f->tp->tls->shut(st);
		f->filter = NULL;
		f->tp->tls->free(st);
	}
	if (f->src) {
		f->src->conns--;
		f->src = NULL;
	}
	map_del(&f->tp->by_dest, &f->map);
	if (f->has_handle)
		tp_sock_close(f, flush);
	tmr_start(&f->down, 0);
}

void tp_flow_kill(struct tp_flow *f, int err, const char *why)
{
	end(f, err, why, false);
}

void tp_flow_finish(struct tp_flow *f, int err, const char *why)
{
	end(f, err, why, true);
}

void tp_free(struct tp *tp)
{
	if (!tp)
		return;
	tp->closing = true;
	tp->handles++; /* holds tp until we are through */
	LIST_FOREACH(&tp->flows, it)
	{
		struct tp_flow *f = LIST_ENTRY(it, struct tp_flow, node);

		if (f->phase != TP_DOWN) {
			end(f, ERR_LOST, "shutting down", false);
		}
		LIST_FOREACH(&f->watches, w)
		list_remove(w);
		if (tmr_pending(&f->down)) {
			tmr_stop(&f->down);
			tp_flow_unref(f);
		}
	}
	tp_sock_close_all(tp);
	tp->handles--;
	tp_maybe_free(tp);
}

void tp_flow_watch(struct tp_flow *f, struct tp_watch *w)
{
	list_append(&f->watches, &w->node);
	if (f->phase == TP_DOWN && !tmr_pending(&f->down)) {
		f->refs++;
		tmr_start(&f->down, 0);
	}
}

void tp_flow_unwatch(struct tp_watch *w)
{
	if (w->node.next)
		list_remove(&w->node);
}

/* ---- finding ---- */

static void make_key(struct tp_key *k, enum tp_proto proto, const struct sockaddr *sa, uint32_t key,
    const char *name)
{
	memset(k, 0, sizeof(*k));
	k->proto = (uint8_t)proto;
	k->family = (uint8_t)sa->sa_family;
	k->key = key;
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)(const void *)sa;
		memcpy(k->ip, &a->sin6_addr, 16);
		k->port = a->sin6_port;
	} else {
		const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)sa;
		memcpy(k->ip, &a->sin_addr, 4);
		k->port = a->sin_port;
	}
	for (size_t i = 0; name[i] && i < sizeof(k->name) - 1; i++)
		k->name[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
}

/* The name is at the end of the key and the zeros behind it say nothing. */
static struct slice key_slice(const struct tp_key *k)
{
	return (struct slice){ (const char *)k, offsetof(struct tp_key, name) + strlen(k->name) };
}

static void put_key(struct tp_flow *f, const struct tp_key *k)
{
	f->key = mem_dup(k, sizeof(*k));
	f->name = f->key->name;
	(void)map_put(&f->tp->by_dest, &f->map, key_slice(f->key));
}

struct tp_flow *tp_udp_flow(struct tp *tp, struct tp_sock *s, const struct sockaddr *remote)
{
	struct tp_key k;
	struct map_node *node;
	struct tp_flow *f;

	make_key(&k, TP_UDP, remote, s->id, "");
	node = map_get(&tp->by_dest, key_slice(&k));
	if (node) {
		f = CONTAINER_OF(node, struct tp_flow, map);
		return tp_flow_ref(f);
	}
	f = tp_flow_new(tp, TP_UDP, remote);
	f->sock = s;
	s->flows++;
	f->phase = TP_UP;
	f->refs = 1;
	put_key(f, &k);
	return f;
}

int tp_flow_to(struct tp *tp, const struct tp_dest *d, struct tp_flow **out)
{
	const struct sockaddr *sa = (const struct sockaddr *)&d->addr;
	struct map_node *node;
	struct tp_key k;
	struct tp_flow *f;
	int err;

	*out = NULL;
	if (tp->closing || (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
		return ERR_STATE;
	if (d->proto == TP_UDP) {
		struct tp_sock *s = tp_sock_udp(tp, sa->sa_family, d->key, &err);

		if (!s)
			return err;
		*out = tp_udp_flow(tp, s, sa);
		return 0;
	}
	if (d->proto == TP_TLS && !tp->tls)
		return ERR_STATE;
	make_key(&k, d->proto, sa, d->key, d->proto == TP_TLS ? d->name : "");
	node = map_get(&tp->by_dest, key_slice(&k));
	if (node) {
		*out = tp_flow_ref(CONTAINER_OF(node, struct tp_flow, map));
		return 0;
	}
	if (tp->stats.flows - tp->nspare >= tp->conf.max_flows) {
		tp->stats.refused_limit++;
		return ERR_LIMIT;
	}
	f = tp_flow_new(tp, d->proto, sa);
	put_key(f, &k);
	err = tp_sock_connect(f);
	if (err) {
		free_flow(f);
		return err;
	}
	tp_live_guard(f, tp->conf.connect_ms);
	*out = tp_flow_ref(f);
	return 0;
}

/* ---- sending ---- */

static int send_now(struct tp_flow *f, const void *p, size_t n)
{
	if (f->filter) {
		int err = f->tp->tls->plain_out(f->filter, p, n);

		if (err < 0 && f->phase != TP_DOWN)
			tp_flow_kill(f, err, "encryption failed");
		return err < 0 ? err : 0;
	}
	return tp_sock_write(f, p, n);
}

int tp_flow_send(struct tp_flow *f, const void *p, size_t n)
{
	struct tp *tp = f->tp;

	if (f->phase == TP_DOWN)
		return ERR_LOST;
	if (f->proto == TP_UDP && n > 65507)
		return ERR_LIMIT;
	if (tp_sock_backlog(f) + f->queued + n > tp->conf.queue_max)
		return ERR_BUSY;
	if (tp->tap)
		tp->tap(tp->tap_ctx, f, true, (struct slice){ p, n });
	tp->stats.msg_out++;
	f->last_ms = tmr_now(tp->wheel);
	if (f->phase != TP_UP) {
		struct queued *q = mem_new(sizeof(*q) + n);

		memcpy(q->bytes, p, n);
		q->n = n;
		list_append(&f->queue, &q->node);
		f->queued += n;
		return 0;
	}
	return send_now(f, p, n);
}

void tp_flow_settle(struct tp_flow *f)
{
	f->phase = TP_UP;
	tmr_stop(&f->guard);
	LIST_FOREACH(&f->queue, it)
	{
		struct queued *q = LIST_ENTRY(it, struct queued, node);

		list_remove(it);
		f->queued -= q->n;
		if (f->phase == TP_UP)
			(void)send_now(f, q->bytes, q->n);
		free(q);
	}
}

/* ---- receiving ---- */

static void deliver(struct tp_flow *f, char *p, size_t n, bool stream)
{
	struct tp *tp = f->tp;
	struct sip_msg *m = &tp->msg;
	int err;

	tp->stats.msg_in++;
	if (tp->tap)
		tp->tap(tp->tap_ctx, f, false, (struct slice){ p, n });
	err = sip_msg_parse(m, p, n, stream);
	if (err)
		tp->stats.dropped_bad++;
	tp->ops->msg(tp->ctx, f, m);
}

void tp_datagram_in(struct tp_flow *f, char *p, size_t n)
{
	size_t skip = 0;

	f->last_ms = tmr_now(f->tp->wheel);
	if (tp_stun_is((const uint8_t *)p, n)) {
		tp_live_stun(f, (const uint8_t *)p, n);
		return;
	}
	while (skip < n && (p[skip] == '\r' || p[skip] == '\n' || p[skip] == '\0'))
		skip++;
	if (skip == n) {
		if (n >= 4 && p[0] == '\r') /* CR LF CR LF of those who do not know STUN */
			(void)tp_sock_write(f, "\r\n", 2);
		return;
	}
	deliver(f, p + skip, n - skip, false);
}

static bool over_rate(struct tp_flow *f)
{
	const struct tp_conf *c = &f->tp->conf;

	if (!f->src || tp_limit_take(f->src, tmr_now(f->tp->wheel), c->rate_per_ip, c->rate_burst))
		return false;
	f->tp->stats.dropped_rate++;
	return true;
}

/* Whole messages of [p, p+n); returns what was used up. A connection that sends too fast is not read for a while. */
static size_t take_messages(struct tp_flow *f, char *p, size_t n)
{
	size_t used = 0;

	while (used < n && f->phase == TP_UP) {
		struct tp_frame fr;

		if (f->skip) {
			size_t k = n - used < f->skip ? n - used : f->skip;

			f->skip -= k;
			used += k;
			continue;
		}
		fr = tp_frame_next(p + used, n - used, &f->scanned, f->ka_waiting);
		if (fr.kind == TP_FRAME_MORE)
			break;
		f->scanned = 0;
		if (fr.kind == TP_FRAME_PING) {
			(void)send_now(f, "\r\n", 2);
		} else if (fr.kind == TP_FRAME_PONG) {
			tp_live_pong(f);
		} else {
			if (over_rate(f))
				tp_sock_pause(f, true);
			deliver(f, p + used, fr.n, true);
			f->skip = fr.skip;
			if (f->phase == TP_UP && fr.kind == TP_FRAME_LOST)
				tp_flow_finish(
				    f, ERR_SYNTAX, "the end of a message cannot be known");
			else if (f->phase == TP_UP && f->tp->msg.fault.silent &&
			         f->tp->msg.via.host.n == 0)
				tp_flow_finish(f, ERR_SYNTAX, "the peer does not speak SIP");
		}
		used += fr.n;
	}
	return f->phase == TP_UP ? used : n;
}

/* Keeps what is not whole yet. The buffer holds at most one begun message: framing gives up beyond its limit. */
static void keep(struct tp_flow *f, const char *p, size_t n)
{
	if (n == 0)
		return;
	if (f->n + n > f->cap) {
		f->cap = f->n + n;
		f->buf = mem_grow(f->buf, f->cap, 1);
	}
	memcpy(f->buf + f->n, p, n);
	f->n += n;
}

void tp_stream_in(struct tp_flow *f, char *p, size_t n, bool in_place)
{
	size_t used;

	if (f->phase != TP_UP)
		return;
	f->last_ms = tmr_now(f->tp->wheel);
	tp_flow_ref(f);
	if (in_place && f->n == 0) {
		used = take_messages(f, p, n);
		if (f->phase == TP_UP)
			keep(f, p + used, n - used);
	} else {
		keep(f, p, n);
		used = take_messages(f, f->buf, f->n);
		memmove(f->buf, f->buf + used, f->n - used);
		f->n -= used;
	}
	if (f->n == 0) {
		free(f->buf); /* ten thousand idle connections keep no buffers */
		f->buf = NULL;
		f->cap = 0;
		if (!f->paused)
			tmr_stop(&f->guard);
	} else if (f->phase == TP_UP && !f->paused && (used || !tmr_pending(&f->guard))) {
		tp_live_guard(f, f->tp->conf.slow_ms);
	}
	tp_flow_unref(f);
}

/* ---- the filter's side ---- */

void tp_filter_wire(struct tp_flow *f, const void *p, size_t n)
{
	if (f->has_handle && n)
		(void)tp_sock_write(f, p, n);
}

void tp_filter_plain(struct tp_flow *f, const void *p, size_t n)
{
	if (n)
		tp_stream_in(f, (char *)(uintptr_t)p, n, false); /* copied before it is parsed */
}

void tp_filter_up(struct tp_flow *f)
{
	if (f->phase == TP_HANDSHAKE)
		tp_flow_settle(f);
}

void tp_filter_fail(struct tp_flow *f, int err, const char *why)
{
	tp_flow_kill(f, err, why);
}

void *tp_flow_filter(const struct tp_flow *f)
{
	return f->filter;
}
