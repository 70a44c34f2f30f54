/* What one source address may do. */
#include "sipd/tp_limit.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

void tp_limit_init(struct tp_limit *l)
{
	*l = (struct tp_limit){ 0 };
	list_init(&l->lru);
}

static void drop(struct tp_limit *l, struct tp_source *s)
{
	map_del(&l->map, &s->node);
	list_remove(&s->lru);
	l->n--;
	free(s);
}

void tp_limit_free(struct tp_limit *l)
{
	LIST_FOREACH(&l->lru, it)
	drop(l, LIST_ENTRY(it, struct tp_source, lru));
	map_free(&l->map);
}

static void source_ip(const struct sockaddr *sa, uint8_t ip[16])
{
	memset(ip, 0, 16);
	if (sa->sa_family == AF_INET6)
		memcpy(ip, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 8);
	else
		memcpy(ip + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	ip[8] = sa->sa_family == AF_INET6;
}

struct tp_source *tp_limit_source(
    struct tp_limit *l, const struct sockaddr *sa, uint64_t now, uint32_t burst)
{
	uint8_t ip[16];
	struct map_node *node;
	struct tp_source *s;

	source_ip(sa, ip);
	node = map_get(&l->map, (struct slice){ (const char *)ip, sizeof(ip) });
	if (node) {
		s = CONTAINER_OF(node, struct tp_source, node);
		list_remove(&s->lru);
		list_append(&l->lru, &s->lru);
		return s;
	}
	if (l->n >= TP_SOURCES_MAX) {
		LIST_FOREACH(&l->lru, it)
		{
			struct tp_source *old = LIST_ENTRY(it, struct tp_source, lru);
			if (old->conns == 0) {
				drop(l, old);
				break;
			}
		}
	}
	s = mem_new(sizeof(*s));
	memcpy(s->ip, ip, sizeof(ip));
	s->milli = (uint64_t)burst * 1000;
	s->at = now;
	(void)map_put(&l->map, &s->node, (struct slice){ (const char *)s->ip, sizeof(s->ip) });
	list_append(&l->lru, &s->lru);
	l->n++;
	return s;
}

bool tp_limit_take(struct tp_source *s, uint64_t now, uint32_t rate, uint32_t burst)
{
	uint64_t gone = now - s->at, cap = (uint64_t)burst * 1000;

	s->at = now;
	/* rate per second is rate thousandths per millisecond; an hour is as good as forever */
	s->milli += (gone > 3600000 ? 3600000 : gone) * rate;
	if (s->milli > cap)
		s->milli = cap;
	if (s->milli < 1000)
		return false;
	s->milli -= 1000;
	return true;
}
