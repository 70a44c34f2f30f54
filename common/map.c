/* Intrusive hash map by octets, keyed SipHash-1-3. */
#include "common/map.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/mem.h"

#define FIRST_CAP 16

static uint64_t rotl(uint64_t v, int n)
{
	return v << n | v >> (64 - n);
}

static inline __attribute__((always_inline)) void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static uint64_t load_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint64_t map_siphash(uint64_t k0, uint64_t k1, const void *data, size_t n)
{
	const uint8_t *p = data, *end = p + (n & ~(size_t)7);
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
		k1 ^ 0x7465646279746573 };
	uint64_t m;

	for (; p != end; p += 8) {
		memcpy(&m, p, 8);
		m = le64toh(m);
		v[3] ^= m;
		sip_round(v);
		v[0] ^= m;
	}
	m = load_le(p, n & 7) | (uint64_t)n << 56;
	v[3] ^= m;
	sip_round(v);
	v[0] ^= m;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void resize(struct map *m, size_t cap)
{
	struct map_node **b = mem_array(cap, sizeof(*b));

	for (size_t i = 0; i < m->cap; i++) {
		for (struct map_node *n = m->b[i], *next; n; n = next) {
			next = n->next;
			n->next = b[n->hash & (cap - 1)];
			b[n->hash & (cap - 1)] = n;
		}
	}
	free(m->b);
	m->b = b;
	m->cap = cap;
}

static struct map_node *find(const struct map *m, struct slice key, uint64_t hash)
{
	struct map_node *n = m->b[hash & (m->cap - 1)];

	while (n && (n->hash != hash || !slice_eq(n->key, key)))
		n = n->next;
	return n;
}

bool map_put(struct map *m, struct map_node *node, struct slice key)
{
	if (!m->cap) {
		uint64_t k[2];

		while (getrandom(k, sizeof(k), 0) != sizeof(k))
			;
		m->k0 = k[0];
		m->k1 = k[1];
		resize(m, FIRST_CAP);
	}
	uint64_t hash = map_siphash(m->k0, m->k1, key.p, key.n) | 1ull << 63;

	if (find(m, key, hash))
		return false;
	if (m->n >= m->cap)
		resize(m, m->cap * 2);
	node->key = key;
	node->hash = hash; /* never 0: 0 says "in no map" */
	node->next = m->b[hash & (m->cap - 1)];
	m->b[hash & (m->cap - 1)] = node;
	m->n++;
	return true;
}

struct map_node *map_get(const struct map *m, struct slice key)
{
	return m->n ? find(m, key, map_siphash(m->k0, m->k1, key.p, key.n) | 1ull << 63) : NULL;
}

bool map_has(const struct map_node *node)
{
	return node->hash != 0;
}

void map_del(struct map *m, struct map_node *node)
{
	struct map_node **at;

	if (!map_has(node))
		return;
	for (at = &m->b[node->hash & (m->cap - 1)]; *at != node; at = &(*at)->next)
		BUG_ON(*at == NULL);
	*at = node->next;
	*node = (struct map_node){ 0 };
	m->n--;
}

struct map_node *map_next(const struct map *m, const struct map_node *prev)
{
	size_t i = 0;

	if (prev) {
		if (prev->next)
			return prev->next;
		i = (prev->hash & (m->cap - 1)) + 1;
	}
	for (; i < m->cap; i++)
		if (m->b[i])
			return m->b[i];
	return NULL;
}

void map_free(struct map *m)
{
	free(m->b);
	*m = (struct map){ 0 };
}
