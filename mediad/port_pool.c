/* Port pairs: a ring of free ones, the longest rested first. */
#include "mediad/port_pool.h"

#include <stdlib.h>

#include "common/mem.h"

struct slot {
	uint64_t at;
	uint16_t port;
};

struct port_pool {
	uint32_t head, n, size;
	uint64_t rest_us;
	uint16_t first;
	struct slot *ring;
	void **owner;
};

struct port_pool *port_pool_new(uint16_t lo, uint16_t hi, uint64_t rest_us)
{
	uint32_t first = (lo + 1u) & ~1u, size = hi > first ? (hi - first + 1u) / 2 : 0;
	struct port_pool *p;

	if (size == 0)
		return NULL;
	p = mem_new(sizeof(*p));
	p->ring = mem_array(size, sizeof(*p->ring));
	p->owner = mem_array(size, sizeof(*p->owner));
	p->first = (uint16_t)first;
	p->size = p->n = size;
	p->rest_us = rest_us;
	for (uint32_t i = 0; i < size; i++)
		p->ring[i].port = (uint16_t)(first + 2 * i);
	return p;
}

void port_pool_free(struct port_pool *p)
{
	if (!p)
		return;
	free(p->ring);
	free(p->owner);
	free(p);
}

uint16_t port_pool_take(struct port_pool *p, uint64_t now_us)
{
	struct slot *s = &p->ring[p->head];

	/* at is 0 until a port was used for the first time. */
	if (p->n == 0 || (s->at && now_us - s->at < p->rest_us))
		return 0;
	p->head = (p->head + 1) % p->size;
	p->n--;
	return s->port;
}

void port_pool_give(struct port_pool *p, uint16_t port, uint64_t now_us)
{
	BUG_ON(p->n == p->size);
	p->ring[(p->head + p->n) % p->size] = (struct slot){ now_us ? now_us : 1, port };
	p->n++;
}

void port_pool_own(struct port_pool *p, uint16_t port, void *owner)
{
	p->owner[(uint32_t)(port - p->first) / 2] = owner;
}

void *port_pool_at(const struct port_pool *p, uint16_t port)
{
	uint32_t i = (uint32_t)(port - p->first) / 2;

	return port < p->first || port % 2 || i >= p->size ? NULL : p->owner[i];
}

uint16_t port_pool_peek(const struct port_pool *p, uint32_t i)
{
	BUG_ON(i >= p->n);
	return p->ring[(p->head + i) % p->size].port;
}

uint32_t port_pool_left(const struct port_pool *p)
{
	return p->n;
}

uint32_t port_pool_size(const struct port_pool *p)
{
	return p->size;
}

int port_pool_part(uint16_t lo, uint16_t hi, unsigned n, unsigned k, uint16_t *plo, uint16_t *phi)
{
	uint32_t first = (lo + 1u) & ~1u, pairs = hi > first ? (hi - first + 1u) / 2 : 0;
	uint32_t each = k ? pairs / k : 0;

	if (n == 0 || n > k || each == 0)
		return ERR_LIMIT;
	*plo = (uint16_t)(first + 2 * each * (n - 1));
	*phi = (uint16_t)(*plo + 2 * each - 1);
	return 0;
}
