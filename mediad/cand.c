/* Candidates: priorities. */
#include "mediad/cand.h"

static const uint8_t preference[] = {
	[CAND_HOST] = 126, [CAND_SRFLX] = 100, [CAND_PRFLX] = 110, [CAND_RELAY] = 10
};

uint32_t cand_priority(enum cand_type type, unsigned component, unsigned nth, bool ms)
{
	/* transport 15 << 12 | direction 7 << 9 | other: all ones for the first address */
	uint32_t local = 65535 - 2 * nth;

	if (ms && component > 1) /* LYNC: a difference of 513 between RTP and RTCP in all traces */
		local -= 2 * (component - 1);
	return (uint32_t)preference[type] << 24 | local << 8 | (256 - component);
}

uint32_t cand_tcp_priority(unsigned transport, unsigned component)
{
	/* as Skype for Business computes them (ms-media 5.2) */
	uint32_t local = 6u << 12 | (transport == CAND_ACT ? 5u << 9 | 505 : 2u << 9 | 509);

	return (uint32_t)preference[CAND_RELAY] << 24 | (local - 2 * (component - 1)) << 8 |
	       (256 - component);
}

uint32_t cand_q(unsigned type)
{
	return type == CAND_HOST ? 830 : type == CAND_RELAY ? 450 : 550;
}

uint32_t cand_prflx_priority(const struct cand *base)
{
	return (base->priority & 0x00ffffff) | 110u << 24;
}

uint64_t cand_pair_priority(uint32_t g, uint32_t d)
{
	uint64_t lo = g < d ? g : d, hi = g < d ? d : g;

	return lo << 32 | hi << 1 | (g > d);
}

bool cand_same(const struct cand *a, const struct cand *b)
{
	return a->component == b->component && cand_tcp(a) == cand_tcp(b) &&
	       addr_eq(&a->addr, &b->addr);
}

const char *cand_type_name(unsigned type)
{
	static const char *const name[] = { "?", "host", "srflx", "prflx", "relay" };

	return name[type <= CAND_RELAY ? type : 0];
}
