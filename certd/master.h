#ifndef CERTD_MASTER_H
#define CERTD_MASTER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* The master key: opens nothing but the store's data key. It comes from a systemd credential (any file of at least
 * 32 octets), else from a key file in the state directory that only our own user (or root) can read. */
#define MASTER_KEY 32
#define MASTER_ID  16

enum master_from { MASTER_CREDENTIAL, MASTER_FILE };
struct master {
	uint8_t kek[MASTER_KEY]; /* derived: wraps the data key */
	uint8_t id[MASTER_ID];   /* derived: tells which master key a store belongs to */
	enum master_from from;
};

#define MASTER_FILE_NAME "master.key"
#define MASTER_FILE_NEXT "master.key.next" /* made by a rotation that is not finished */

/* $CREDENTIALS_DIRECTORY/name. ERR_NOTFOUND: there is none; why gets words for every other error. */
int master_credential(const char *name, struct master *out, char *why, size_t cap) MUST_CHECK;
/* dir/name. ERR_NOTFOUND; ERR_DENIED: others could read it. */
int master_file(
    const char *dir, const char *name, struct master *out, char *why, size_t cap) MUST_CHECK;
/* Makes dir/name with fresh octets; on disk when it returns. An existing file is replaced. */
int master_make(
    const char *dir, const char *name, struct master *out, char *why, size_t cap) MUST_CHECK;
/* dir/MASTER_FILE_NEXT becomes dir/MASTER_FILE_NAME, durably. */
int master_promote(const char *dir, char *why, size_t cap) MUST_CHECK;
/* Overwrites and removes dir/name; a missing file is fine. */
int master_erase(const char *dir, const char *name, char *why, size_t cap) MUST_CHECK;
#endif
