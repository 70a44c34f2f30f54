#ifndef SIPD_TP_LIMIT_H
#define SIPD_TP_LIMIT_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/list.h"
#include "common/map.h"

/* What one source address may do: a token bucket for messages, a count of accepted connections. IPv6 is counted per
 * /64, as one host has all of those addresses. Bounded: the longest unused source without connections is forgotten. */
#define TP_SOURCES_MAX 16384

struct tp_source {
	struct map_node node;
	struct list lru;
	uint8_t ip[16];
	uint32_t conns;
	uint64_t milli; /* thousandths of messages left */
	uint64_t at;    /* ms */
};
struct tp_limit {
	struct map map;
	struct list lru; /* newest last */
	uint32_t n;
};
void tp_limit_init(struct tp_limit *l);
void tp_limit_free(struct tp_limit *l);
/* Never NULL. The pointer stays good while .conns > 0, else until the next call. */
struct tp_source *tp_limit_source(
    struct tp_limit *l, const struct sockaddr *sa, uint64_t now, uint32_t burst);
/* Takes one message from the bucket; false: too many. */
bool tp_limit_take(struct tp_source *s, uint64_t now, uint32_t rate, uint32_t burst);
#endif
