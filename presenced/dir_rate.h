#ifndef PRESENCED_DIR_RATE_H
#define PRESENCED_DIR_RATE_H
#include <stdbool.h>
#include <stdint.h>

/* How often the directory is asked while somebody waits: 20 a second, and one a second for a handset's user. Pure. */
#define DIR_RATE_ALL 20
#define DIR_RATE_MS  1000
struct dir_rate {
	struct {
		uint64_t user, at; /* at: ms, 0: free */
	} last[DIR_RATE_ALL];      /* those of the last second; not more can be in it */
	unsigned next;
};
/* false: not now. user: 0: an operator, who has only the common limit. now: ms of a clock that never goes back, not 0. */
bool dir_rate_take(struct dir_rate *r, uint64_t user, uint64_t now);
#endif
