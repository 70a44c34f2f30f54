#ifndef MEDIAD_PORT_POOL_H
#define MEDIAD_PORT_POOL_H
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

/* Even ports of one instance's range; RTP takes the even one, RTCP the odd one after it. A port comes back to the
 * end of the queue and rests before it is given out again, so that late packets of the call before cannot reach a
 * new one. Times in microseconds, any monotonic clock. */
struct port_pool;

/* lo is rounded up to even; hi is inclusive. NULL where no pair fits. */
struct port_pool *port_pool_new(uint16_t lo, uint16_t hi, uint64_t rest_us);
void port_pool_free(struct port_pool *p);
/* The even port, or 0: none is free and rested. */
uint16_t port_pool_take(struct port_pool *p, uint64_t now_us);
/* Give back. */
void port_pool_give(struct port_pool *p, uint16_t port, uint64_t now_us);
/* Pairs that could be taken, the resting ones included; and how many there are. */
/* Port i of those that are free, the next to be taken first. */
uint16_t port_pool_peek(const struct port_pool *p, uint32_t i);
/* Who has the port: set by him, NULL when he gives it back. At: NULL also for a port that is none of ours. */
void port_pool_own(struct port_pool *p, uint16_t port, void *owner);
void *port_pool_at(const struct port_pool *p, uint16_t port);
uint32_t port_pool_left(const struct port_pool *p);
uint32_t port_pool_size(const struct port_pool *p);
/* Instance n (1…) of k: its part of lo-hi, cut at even ports. ERR_LIMIT: n > k or less than one pair. */
int port_pool_part(
    uint16_t lo, uint16_t hi, unsigned n, unsigned k, uint16_t *plo, uint16_t *phi) MUST_CHECK;
#endif
