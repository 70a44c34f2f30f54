#ifndef CERTD_AUDIT_FILE_H
#define CERTD_AUDIT_FILE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ossl.h"
#include "common/slice.h"
#include "common/wr.h"

/* The audit log's text, pure. Lines:
 *   ipdect-audit 1 SEQ HASH            head of a file: number of its first entry, hash before it
 *   E SEQ MS ROLE OPERATION OBJECT OUTCOME HASH
 *   S SEQ MS HASH SIGNATURE            Ed25519 over the line up to and with HASH
 * MS is Unix time in milliseconds; words are escaped as %XX so that they have no blank; HASH (SHA-256, hex) of an entry
 * is over the hash before it and the line up to the blank before HASH. Whoever alters, inserts or removes an entry must
 * make all hashes after it anew, and then no signature fits any more. */
#define AUDIT_HASH 32
#define AUDIT_LINE 1400 /* longest line with its end */

struct audit_entry {
	uint64_t seq, ms;
	struct slice role, operation, object, outcome; /* as in the line: escaped */
};
struct audit_state { /* after an entry */
	uint64_t seq;
	uint8_t hash[AUDIT_HASH];
};

/* Adds an entry's line to w and moves st on. Words are escaped and cut to 256 octets. hash: the caller's, kept from entry to
 * entry, because looking SHA-256 up costs more than the hash itself; NULL: one for this entry. */
void audit_put_entry(struct audit_state *st, EVP_MD_CTX *hash, struct wr *w, uint64_t ms,
    const char *role, const char *operation, struct slice object, struct slice outcome);
void audit_put_head(const struct audit_state *st, struct wr *w);
int audit_put_signature(
    const struct audit_state *st, struct wr *w, uint64_t ms, EVP_PKEY *key) MUST_CHECK;
/* One line without its end. ERR_SYNTAX. */
int audit_entry_parse(struct slice line, struct audit_entry *out) MUST_CHECK;

struct audit_verify { /* zeroed at first, then through all files in order */
	bool begun;
	struct audit_state st;   /* after the last entry that was right */
	struct audit_state good; /* at the last good signature, or at the first head */
	uint64_t first, entries;
	uint64_t signed_seq; /* the last entry that a good signature covers */
	uint64_t bad;        /* number of the first altered, missing or inserted entry; 0: none */
	uint64_t bad_to;     /* where it is one of several: the last of them */
	uint64_t last_ms;
	char why[200];
};
/* false: v->bad and v->why say which entry and what is wrong with it; do not go on. torn: the last line may be
 * incomplete (a crash); it is left out, *used is where it begins. */
bool audit_verify_text(
    struct audit_verify *v, struct slice text, EVP_PKEY *pub, bool torn, size_t *used);
#endif
