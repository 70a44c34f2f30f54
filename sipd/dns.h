#ifndef SIPD_DNS_H
#define SIPD_DNS_H
#include <sys/socket.h>
#include <uv.h>

#include "common/list.h"
#include "common/tmr.h"
#include "sipd/dns_msg.h"

/* An asynchronous DNS client: one question at a time per name and type, whoever asks the same meanwhile waits for it;
 * over UDP from a fresh port each, over TCP when the answer is cut. Answers are cached for their TTL, negative ones too
 * (RFC 2308); when no server answers, what is expired for less than a day still serves (RFC 8767). Names of /etc/hosts
 * (and "localhost") come from there. */
struct dns;
struct dns_conf {
	uint32_t timeout_ms;               /* of a question, all tries; 0: 4000 */
	uint32_t ttl_max_s;                /* 0: 86400 */
	struct sockaddr_storage server[3]; /* family 0 in the first: those of resolv_conf */
	const char *resolv_conf, *hosts;   /* NULL: /etc/resolv.conf, /etc/hosts */
};
struct dns *dns_new(uv_loop_t *loop, struct tmr_wheel *w, const struct dns_conf *conf);
void dns_free(
    struct dns *d); /* nobody who waits is told; run the loop until its handles are closed */
void dns_reconf(struct dns *d, const struct dns_conf *conf);
void dns_flush(struct dns *d);
/* What was not there is asked for again; what was stays. */
void dns_forget_missing(struct dns *d);

/* err 0: n records of that type, 0: there are none. ERR_TIMEOUT: no server told; ERR_SYNTAX: no domain name. May run from
 * inside dns_ask. The records live in the call. */
typedef void dns_h(void *ctx, int err, const struct dns_rr *rr, unsigned n);
struct dns_wait {
	struct list node;
	dns_h *fn;
	void *ctx;
};
/* w is the caller's, until fn ran or dns_cancel. */
void dns_ask(struct dns *d, const char *name, enum dns_type type, struct dns_wait *w);
void dns_cancel(struct dns_wait *w); /* fine when it waits for nothing (zeroed) */

struct dns_stats {
	uint64_t asked, answered, timeouts, cache_hits, stale, tcp;
	uint32_t cached;
};
void dns_get_stats(const struct dns *d, struct dns_stats *out);
#endif
