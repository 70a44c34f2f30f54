#ifndef CERTD_AUDIT_DIR_H
#define CERTD_AUDIT_DIR_H
#include "certd/audit_file.h"

/* The audit log's directory: audit.log, and older files audit-SEQ.log, where SEQ is their first entry's number. */
#define AUDIT_FILES 1000
#define AUDIT_PUB   "audit.pub"

struct audit_files {
	uint64_t first[AUDIT_FILES]; /* ascending */
	size_t n;
};
void audit_dir_list(const char *dir, struct audit_files *f);
void audit_dir_old(const char *dir, uint64_t first, char *out, size_t cap);

/* Gives a file to fn in windows; fn says how much of one it used up, AUDIT_STOP to end. last: nothing follows. ERR_NOTFOUND;
 * -errno. */
#define AUDIT_STOP SIZE_MAX
typedef size_t(audit_window_h)(void *ctx, struct slice text, bool last);
int audit_dir_read(const char *path, audit_window_h *fn, void *ctx) MUST_CHECK;
/* Goes on with v. torn: a last line without its end is a crash, not an alteration. ERR_AUTH: v says what is wrong. */
int audit_dir_check_file(
    const char *path, EVP_PKEY *pub, struct audit_verify *v, bool torn, size_t *used) MUST_CHECK;
/* Old files, then the current one. */
int audit_dir_check(const char *dir, EVP_PKEY *pub, struct audit_verify *v) MUST_CHECK;

/* Offline: DIR holds the files; pub NULL: DIR/audit.pub. 0: all good; 1: altered; 2: cannot be read. Prints. */
int audit_tool(const char *dir, const char *pub);
#endif
