#ifndef MEDIAD_SOCK_POOL_H
#define MEDIAD_SOCK_POOL_H
#include "common/list.h"
#include "mediad/path.h"
#include "mediad/port_pool.h"

/* The two sockets of a leg, RTP and RTCP, on a pair of ports. While their ports rest after a call they stay open, a bounded
 * number of them and not for long, and serve the next call at the same address: a call's sockets then cost nothing to
 * make and to close. What comes meanwhile is of the call before: it is dropped, counted, and the rest begins anew; where
 * it does not end the sockets are closed, so that the far end's host is told. Times in microseconds, of the path's clock. */

#define SOCK_KEEP 512 /* pairs kept open at most */

struct sock_pool;
struct sock_pair { /* its address stays the same */
	struct path_sock rtp, rtcp;
	uint16_t port;
	uint8_t dscp;
	/* Of sock_pool.c. */
	struct sock_pool *pool;
	struct list node;
	struct addr local;
	uint64_t at_us; /* resting since then */
	unsigned late;  /* datagrams in this rest */
};

/* Both live longer than the pool. keep: how many pairs may rest open. */
struct sock_pool *sock_pool_new(
    struct path *path, struct port_pool *ports, uint64_t rest_us, unsigned keep);
/* All pairs have been given back. */
void sock_pool_free(struct sock_pool *p);
/* A pair at local's address, whose port is set then; owner is that of both sockets. 0; ERR_LIMIT: no port is free and rested;
 * -errno. */
int sock_pool_take(struct sock_pool *p, struct addr *local, unsigned dscp, void *owner,
    struct sock_pair **out) MUST_CHECK;
/* Give back; NULL is fine. */
void sock_pool_give(struct sock_pool *p, struct sock_pair *k);
void sock_pair_dscp(struct sock_pair *k, unsigned dscp);
/* Another bound; those above it are closed. */
void sock_pool_keep(struct sock_pool *p, unsigned keep);
/* Now and then: closes those for which there was no use, and all after something could not be sent, so that an address
 * that the host has lost is noticed. */
void sock_pool_house(struct sock_pool *p);
/* Pairs that could be taken, the resting ones included; how many of these are open; datagrams that came to these. */
uint32_t sock_pool_left(const struct sock_pool *p);
unsigned sock_pool_kept(const struct sock_pool *p);
uint64_t sock_pool_late(const struct sock_pool *p);
#endif
