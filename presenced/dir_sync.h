#ifndef PRESENCED_DIR_SYNC_H
#define PRESENCED_DIR_SYNC_H
#include "presenced/dir_ldap.h"

/* Brings the local copy up to date, in the thread of the directory. Full: every entry is read and compared. A change of the
 * directory that was read before is asked for by DirSync (Active Directory; MS-ADTS 3.1.1.3.4.1.3). The copy changes in one
 * transaction at the end, or not at all. */
struct dir_sync_result {
	int err; /* as of dir_ldap.h; ERR_STORE; ERR_VALUE where too few entries came */
	bool full;
	uint32_t read, changed_by; /* entries that came; 0 full read, 1 DirSync */
	uint64_t ms;
	char server[256], why[DIR_WHY];
};
/* full: do not ask for changes only. force: take it even where less than half of the entries are left. */
void dir_sync_run(
    struct dir_ldap *l, struct dir_cache *c, bool full, bool force, struct dir_sync_result *r);
#endif
