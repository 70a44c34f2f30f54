#ifndef DECTD_BASEDB_H
#define DECTD_BASEDB_H
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

/* The base stations that dectd knows, in SQLite: what the administrator decided and what the base told last. Link
 * keys are not here: certd has them. A write that returned 0 is on disk. */
#define BASE_NAME_MAX    48
#define BASE_PENDING_MAX 256 /* unknown bases kept; the one not seen longest makes room */

struct base_rec {
	uint32_t id; /* never used again for another base */
	uint8_t mac[6];
	char name[BASE_NAME_MAX];
	bool admitted;
	bool dect;     /* radio is to be on */
	bool enrolled; /* certd has a key that the base proved */
	bool
	    re_enrol; /* give it a new key at its next connection, by the root hash of its former manager */
	uint8_t rpn; /* 0: none yet */
	uint32_t cluster;
	uint32_t model, protocol, caps;
	char version[64], address[64];
	int64_t first_seen, last_seen; /* UNIX seconds */
};

struct basedb;
int basedb_open(const char *path, struct basedb **out) MUST_CHECK; /* ":memory:" for tests */
void basedb_close(struct basedb *db);
/* Calls fn for each; its result other than 0 ends it. */
int basedb_each(
    struct basedb *db, int (*fn)(void *ctx, const struct base_rec *r), void *ctx) MUST_CHECK;
/* New when r->id is 0 (then set), else changed. ERR_EXISTS: the MAC is another base's; ERR_STORE. */
int basedb_put(struct basedb *db, struct base_rec *r) MUST_CHECK;
int basedb_remove(struct basedb *db, uint32_t id) MUST_CHECK;
#endif
