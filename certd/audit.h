#ifndef CERTD_AUDIT_H
#define CERTD_AUDIT_H
#include "certd/audit_dir.h"
#include "certd/store.h"
#include "common/tmr.h"

/* The audit log on disk: DIR/audit/audit.log and older files audit-SEQ.log, where SEQ is the first entry's number.
 * Administrative entries are signed and on disk before what they announce is done. Uses of keys are written within
 * AUDIT_WRITE_MS, signed and synchronised within AUDIT_SIGN_MS: so much of them a killed process or a power cut may lose. */
#define AUDIT_WRITE_MS 50
#define AUDIT_SIGN_MS  1000

struct audit;
struct audit_conf {
	uint32_t file_kib, keep; /* size at which a file ends; how many old files stay */
};
/* ERR_STORE and why: the log cannot be opened. A log that was altered is put aside, logged, and a new one begins. */
int audit_open(const char *state_dir, struct store *s, struct tmr_wheel *wheel,
    const struct audit_conf *c, struct audit **out, char *why, size_t cap) MUST_CHECK;
void audit_configure(struct audit *a, const struct audit_conf *c);
void audit_close(struct audit *a);
/* Never fails: entries that could not be written are counted, and the count becomes an entry. */
void audit_use(struct audit *a, const char *role, const char *operation, struct slice object,
    struct slice outcome);
/* What is on disk only after audit_sync(): several administrative entries at once. ERR_STORE. */
int audit_note(struct audit *a, const char *role, const char *operation, struct slice object,
    struct slice outcome) MUST_CHECK;
int audit_sync(struct audit *a) MUST_CHECK;
/* Both. ERR_STORE: not on disk; do not do what it announces. */
int audit_admin(struct audit *a, const char *role, const char *operation, struct slice object,
    struct slice outcome) MUST_CHECK;
/* Not writable at the moment: why, else NULL. */
const char *audit_trouble(const struct audit *a);
uint64_t audit_last(const struct audit *a);
EVP_PKEY *audit_key(const struct audit *a); /* stays audit's */
/* Reads entries from seq on (0: the last `max`), at most max; fn returns false to stop. ERR_STORE. */
int audit_read(struct audit *a, uint64_t seq, uint32_t max,
    bool (*fn)(void *ctx, const struct audit_entry *e), void *ctx) MUST_CHECK;
/* All of it against the public key and the store's memory of its end. false: v says what is wrong. */
bool audit_check(struct audit *a, struct audit_verify *v);
#endif
