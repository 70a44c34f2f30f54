#ifndef COMMON_MAP_H
#define COMMON_MAP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

/* Intrusive hash map by octets, keyed SipHash-1-3, so that peers cannot choose collisions. The node is embedded in
 * its owner, the key's octets are the owner's, too, and stay unchanged while it is in the map. Zero = empty map. */
struct map_node {
	struct map_node *next;
	uint64_t hash;
	struct slice key;
};
struct map {
	struct map_node **b;
	size_t n, cap;
	uint64_t k0, k1;
};

/* false: the key is there already; nothing was changed. */
bool map_put(struct map *m, struct map_node *node, struct slice key);
struct map_node *map_get(const struct map *m, struct slice key);
void map_del(struct map *m, struct map_node *node); /* fine when not in it */
bool map_has(const struct map_node *node);          /* is in a map */
/* Iterates in no order; the node given may be deleted before the next call only if next was taken first. */
struct map_node *map_next(const struct map *m, const struct map_node *prev);
void map_free(struct map *m); /* the table only; nodes are their owners' */

/* Keys that are numbers in the owner. */
static inline struct slice map_u64(const uint64_t *v)
{
	return (struct slice){ (const char *)v, sizeof(*v) };
}
uint64_t map_siphash(uint64_t k0, uint64_t k1, const void *p, size_t n);
#endif
