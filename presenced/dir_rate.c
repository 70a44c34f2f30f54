/* Limits of live searches. */
#include "presenced/dir_rate.h"

bool dir_rate_take(struct dir_rate *r, uint64_t user, uint64_t now)
{
	/* A ring in the order of time: its oldest place is free when the common limit is not reached. */
	if (r->last[r->next].at && now - r->last[r->next].at < DIR_RATE_MS)
		return false;
	for (unsigned i = 0; user && i < DIR_RATE_ALL; i++)
		if (r->last[i].user == user && r->last[i].at && now - r->last[i].at < DIR_RATE_MS)
			return false;
	r->last[r->next].user = user;
	r->last[r->next].at = now;
	r->next = (r->next + 1) % DIR_RATE_ALL;
	return true;
}
