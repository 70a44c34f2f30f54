#ifndef PRESENCED_DIR_SYNC_H
#define PRESENCED_DIR_SYNC_H
#include "presenced/dir_ldap.h"

/* Brings the local copy up to date, in the thread of the directory. Full: every entry is read and compared. Between full reads
 * only what changed is asked for: DirSync (MS-ADTS 3.1.1.3.4.1.3) or uSNChanged of Active Directory, refreshOnly of RFC 4533
 * elsewhere. The copy changes in one transaction at the end, with the cookie of the method, or not at all. */
struct dir_sync_result {
	int err; /* as of dir_ldap.h; ERR_STORE; ERR_VALUE where too few entries came */
	bool full;
	enum dir_changes by; /* of a read that was not full; DIR_CHANGES_NONE else */
	uint32_t read;       /* entries that came, or that had changed */
	uint32_t gone;       /* that a method named as deleted, or that fit the filter no longer */
	uint64_t ms;
	char server[256], why[DIR_WHY];
	char note[160]; /* why changes alone cannot be had; "" when they can */
};
enum {
	DIR_SYNC_FULL = 1,  /* do not ask for changes only */
	DIR_SYNC_FORCE = 2, /* take it even where less than half of the entries are left */
	DIR_SYNC_NOW =
	    4 /* somebody waits for the result: who is gone is asked now, however large the directory is */
};
void dir_sync_run(
    struct dir_ldap *l, struct dir_cache *c, unsigned flags, struct dir_sync_result *r);
const char *dir_changes_name(enum dir_changes c);
#endif
