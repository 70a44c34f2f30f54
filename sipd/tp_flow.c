/* What the layers above ask of a flow. */
#include <arpa/inet.h>
#include <string.h>

#include "common/addr.h"
#include "sipd/tp_int.h"

enum tp_proto tp_flow_proto(const struct tp_flow *f)
{
	return f->proto;
}

bool tp_flow_reliable(const struct tp_flow *f)
{
	return f->proto != TP_UDP;
}

bool tp_flow_alive(const struct tp_flow *f)
{
	return f->phase != TP_DOWN;
}

bool tp_flow_up(const struct tp_flow *f)
{
	return f->phase == TP_UP;
}

bool tp_flow_inbound(const struct tp_flow *f)
{
	return f->inbound;
}

const struct sockaddr *tp_flow_remote(const struct tp_flow *f)
{
	return (const struct sockaddr *)&f->remote;
}

const struct sockaddr *tp_flow_local(const struct tp_flow *f)
{
	struct tp_flow *w = (struct tp_flow *)(uintptr_t)f; /* filled on first use */

	if (w->local.ss_family == AF_UNSPEC && w->sock)
		tp_sock_source(w->sock, (const struct sockaddr *)&w->remote, &w->local);
	return (const struct sockaddr *)&f->local;
}

struct tp *tp_flow_tp(const struct tp_flow *f)
{
	return f->tp;
}

uint64_t tp_flow_id(const struct tp_flow *f)
{
	return f->id;
}

const char *tp_flow_name(const struct tp_flow *f)
{
	return f->name;
}

const char *tp_flow_why(const struct tp_flow *f)
{
	return f->why;
}

static uint16_t ip_text(const struct sockaddr *sa, char out[TP_IP_CAP])
{
	out[0] = '\0';
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)(const void *)sa;
		inet_ntop(AF_INET6, &a->sin6_addr, out, TP_IP_CAP);
		return ntohs(a->sin6_port);
	}
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)sa;
		(void)addr_ip_print(&a->sin_addr, 4, out);
		return ntohs(a->sin_port);
	}
	return 0;
}

uint16_t tp_flow_peer(const struct tp_flow *f, char out[TP_IP_CAP])
{
	return ip_text((const struct sockaddr *)&f->remote, out);
}

/* The listening port of the flow's protocol when there is one, else its own. */
static uint16_t listening_port(const struct tp_flow *f, uint16_t own)
{
	if (f->proto == TP_UDP)
		return own;
	LIST_FOREACH(&f->tp->socks, it)
	{
		const struct tp_sock *s = LIST_ENTRY(it, struct tp_sock, node);
		char unused[TP_IP_CAP];

		if (s->proto == f->proto && s->bound.ss_family == tp_flow_local(f)->sa_family &&
		    !s->retired)
			return ip_text((const struct sockaddr *)&s->bound, unused);
	}
	return own;
}

struct slice tp_flow_sent_by(const struct tp_flow *f)
{
	struct tp_flow *w = (struct tp_flow *)(uintptr_t)f; /* filled on first use */

	if (w->sent_by_gen != f->tp->socks_gen) {
		const struct sockaddr *local = tp_flow_local(f);
		struct wr text = wr_of(w->sent_by, sizeof(w->sent_by));
		bool v6 = local->sa_family == AF_INET6;
		char ip[TP_IP_CAP];
		uint16_t port = ip_text(local, ip);

		wr_str(&text, v6 ? "[" : "");
		wr_str(&text, ip);
		wr_str(&text, v6 ? "]:" : ":");
		wr_dec(&text, listening_port(f, port));
		w->sent_by_n = (uint8_t)text.n;
		w->sent_by_gen = f->tp->socks_gen;
	}
	return (struct slice){ f->sent_by, f->sent_by_n };
}

void tp_flow_put_sent_by(struct wr *w, const struct tp_flow *f)
{
	wr_slice_add(w, tp_flow_sent_by(f));
}
