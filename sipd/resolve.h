#ifndef SIPD_RESOLVE_H
#define SIPD_RESOLVE_H
#include "sipd/sip_uri.h"
#include "sipd/tp.h"

/* Where a SIP URI's next hop is (RFC 3263): NAPTR, SRV, A and AAAA with our own asynchronous DNS client, cached for the
 * records' TTL, negative answers too (RFC 2308). */
struct resolve;
struct resolve_conf {
	bool
	    a_only; /* A/AAAA of the host only, no NAPTR and SRV (setting "DNS method: A records") */
	bool no_ipv6, no_ipv4;
	bool tls_ok, tcp_ok, udp_ok;       /* transports we may use; at least one */
	enum tp_proto prefer;              /* when neither URI nor DNS decide */
	uint32_t timeout_ms;               /* per question, all tries; 0: 4000 */
	uint32_t ttl_max_s;                /* 0: 86400 */
	struct sockaddr_storage server[3]; /* family 0: from /etc/resolv.conf */
	const char *resolv_conf, *hosts; /* other files than those of /etc; outlive the resolver */
};
struct resolve *resolve_new(uv_loop_t *loop, struct tmr_wheel *w, const struct resolve_conf *conf);
void resolve_free(struct resolve *r); /* questions under way are dropped without a callback */
void resolve_reconf(struct resolve *r, const struct resolve_conf *conf);
void resolve_get_conf(const struct resolve *r, struct resolve_conf *out);
void resolve_flush(struct resolve *r); /* empties the cache */

#define RESOLVE_MAX 16
struct resolve_result {
	struct tp_dest
	    dest[RESOLVE_MAX]; /* in the order to try: priority, then weight drawn at random */
	unsigned n;
};
/* Exactly one call, never from inside resolve_uri; err: ERR_NOTFOUND, ERR_TIMEOUT, ERR_UNSUPP (no transport of ours),
 * ERR_SYNTAX. */
typedef void resolve_h(void *ctx, int err, const struct resolve_result *res);
struct resolve_q;
/* uri: its maddr, transport, port and scheme are used. */
struct resolve_q *resolve_uri(
    struct resolve *r, const struct sip_uri *uri, resolve_h *fn, void *ctx);
void resolve_cancel(struct resolve_q *q); /* no callback then; NULL is fine */
struct dns_stats;
struct dns;
struct dns *resolve_dns(struct resolve *r); /* for other questions */
void resolve_get_stats(const struct resolve *r, struct dns_stats *out);
/* Without a question: true when the host is an address. */
bool resolve_now(struct resolve *r, const struct sip_uri *uri, struct tp_dest *out);
#endif
