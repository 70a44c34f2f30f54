#ifndef CERTD_STORE_H
#define CERTD_STORE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"

/* certd's only file with contents: SQLite, every record sealed under a data key that the master key wraps. What a
 * write confirmed is on disk (WAL, synchronous=FULL). One writer: the file is held exclusively.
 *
 * Errors: ERR_STORE (store_why() says what and what to do), ERR_NOTFOUND, ERR_AUTH: a record was altered or belongs
 * elsewhere, ERR_LIMIT: longer than STORE_VALUE_MAX or the caller's buffer. */
enum store_kind {      /* part of the sealing: never renumber */
	STORE_SIP = 1, /* id: user, folded */
	STORE_LDAP = 2,
	STORE_AC = 3,
	STORE_TURN = 4,
	STORE_UAK = 5,     /* id: IPUI; value: see dect.c */
	STORE_UAK_NEW = 6, /* allocated, not yet confirmed */
	STORE_DEFCK = 7,   /* id: index, 2 octets big-endian */
	STORE_RFP = 8,     /* id: MAC; see rfp_key.c */
	STORE_RFP_NEW = 9,
	STORE_RFP_ROOT = 10,
	STORE_DEFCK_OF = 11, /* id: IPUI; value: its indices */
	STORE_KEY = 16,      /* id: SHA-256 of the SPKI; value: PKCS#8 DER */
	STORE_IDENTITY = 17, /* id: name; see ident.c */
	STORE_REQUEST = 18,  /* id: name; PKCS#10 DER with its key in STORE_KEY */
	STORE_CA = 19,       /* id: SHA-256 of the certificate; value: DER */
	STORE_CRL = 20,      /* id: SHA-256 of the issuer's name; value: DER */
	STORE_SETTING = 21,  /* id: word */
	STORE_AUDIT_KEY = 22,
	STORE_KEYTAB = 23 /* id: user, folded; value: see keytab.h */
};
#define STORE_ID_MAX    512
#define STORE_VALUE_MAX (2u << 20)

struct store;
/* Opens or makes dir/store.db and finds its master key. On error why has one line: what, where, what to do. */
int store_open(const char *dir, struct store **out, char *why, size_t cap) MUST_CHECK;
void store_close(struct store *s);
const char *store_why(const struct store *s);
bool store_on_credential(const struct store *s);

int store_put(
    struct store *s, enum store_kind kind, struct slice id, struct slice value) MUST_CHECK;
/* Copies the value to out and wipes nothing: the caller wipes. */
int store_get(struct store *s, enum store_kind kind, struct slice id, uint8_t *out, size_t cap,
    size_t *n) MUST_CHECK;
/* The same on the heap (mem_free_wiped). */
int store_load(
    struct store *s, enum store_kind kind, struct slice id, uint8_t **out, size_t *n) MUST_CHECK;
bool store_has(struct store *s, enum store_kind kind, struct slice id);
/* 0 also when there was none; *had may be NULL. */
int store_del(struct store *s, enum store_kind kind, struct slice id, bool *had) MUST_CHECK;
/* Ids in their order. changed: Unix seconds. fn returns false to stop; it may read, not write. */
int store_each(struct store *s, enum store_kind kind,
    bool (*fn)(void *ctx, struct slice id, int64_t changed), void *ctx) MUST_CHECK;
/* Several writes as one. end: commits; a failed commit leaves nothing of it. Not nested. */
int store_begin(struct store *s) MUST_CHECK;
int store_end(struct store *s) MUST_CHECK;
void store_undo(struct store *s);
/* A new data key, all records sealed again, under a new master key file (or the credential when there is one). */
int store_rotate(struct store *s, size_t *records) MUST_CHECK;
#endif
