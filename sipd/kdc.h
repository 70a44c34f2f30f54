#ifndef SIPD_KDC_H
#define SIPD_KDC_H
#include <uv.h>

#include "common/conf.h"
#include "common/tmr.h"
#include "sipd/dns.h"

/* Carries messages to the KDCs of a realm (RFC 4120 7.2) and their answers back, without reading them: over UDP, over TCP when
 * they are long or an answer was too big. KDCs come from the configuration or from DNS (SRV _kerberos._udp, then _tcp); one
 * that does not answer is left out for a minute, a realm without any for KDC_SILENT_MS. At most KDC_ACTIVE messages are on
 * their way at once, the others wait in their order. */
#define KDC_ACTIVE    32
#define KDC_QUEUE     8192
#define KDC_MESSAGE   64000
#define KDC_UDP_MAX   1465
#define KDC_TOTAL_MS  10000 /* a message, all tries, from when its turn comes */
#define KDC_SILENT_MS 10000

struct kdcs;
struct kdc_req;
struct kdcs *kdcs_new(uv_loop_t *loop, struct tmr_wheel *w, struct dns *dns);
void kdcs_free(struct kdcs *k); /* requests under way are dropped without a callback */
/* KDCs of this realm, "name", "name:port" or an address with or without port; none: DNS names them. */
void kdcs_configure(struct kdcs *k, const char *realm, const struct conf_list *hosts);

/* Exactly once, never from inside kdc_ask. err: ERR_TIMEOUT: no KDC answered, ERR_NOTFOUND: DNS names none. */
typedef void kdc_h(void *ctx, int err, struct slice answer);
/* message is copied. tcp: not over UDP, nor anything else to this realm while it works. NULL: the queue is full, or no realm
 * or message. */
struct kdc_req *kdc_ask(
    struct kdcs *k, struct slice realm, struct slice message, bool tcp, kdc_h *fn, void *ctx);
void kdc_cancel(struct kdc_req *r); /* NULL is fine */

struct kdc_stats {
	uint64_t udp, tcp, answered, failed;
	uint32_t active, waiting;
};
void kdc_get_stats(const struct kdcs *k, struct kdc_stats *out);
#endif
