#ifndef PRESENCED_DIR_CACHE_H
#define PRESENCED_DIR_CACHE_H
#include <stddef.h>

#include "presenced/e164.h"

/* The local copy of every phone book (directory.db in the state directory, SQLite): names by the beginning of their words
 * or by keypad digits, numbers normalised to E.164. One connection writes, from the thread that synchronises; one reads,
 * from the loop, and sees whole transactions only, also while an import runs. A connection belongs to one thread at a
 * time. Nothing here logs: why (may be NULL) has the reason. */
#define DIR_NUMBERS 10
#define DIR_PAGE    50

enum dir_source {
	DIR_USERS = 1,
	DIR_LDAP = 2,
	DIR_CSV = 3
}; /* in the order in which names are taken */
enum dir_kind { DIR_WORK = 1, DIR_MOBILE = 2, DIR_HOME = 3, DIR_IP = 4 };

struct dir_entry {    /* text is clean (dir_text.h) */
	char key[64]; /* objectGUID, entryUUID, DN's digest, user's name: octets */
	size_t nkey;
	char display[129], given[65], family[65];
	char sip[257], mail[201], department[65], company[65];
	struct {
		enum dir_kind kind;
		char raw[65];
	} number[DIR_NUMBERS];
	unsigned nnumbers;
	bool hidden; /* disabled in the directory: kept out of the copy */
};
struct dir_hit {
	enum dir_source source;
	char display[129], sip[257], mail[201], department[65], company[65];
	char work[E164_MAX], mobile[E164_MAX],
	    home[E164_MAX]; /* E.164, or internal; what can be dialled */
};
struct dir_found {
	struct dir_hit hit[DIR_PAGE];
	unsigned n;
	unsigned total;
	bool more; /* so many begin like this that total is a lower bound */
};

struct dir_cache;
/* The writer makes the file and must be opened first; rules: how numbers are normalised, entries that are stored with
 * other rules are normalised again. A file that is broken is made anew (it is a copy; *renewed tells). ERR_STORE. */
int dir_cache_open_writer(const char *dir, const struct e164_rules *rules, struct dir_cache **out,
    bool *renewed, char *why, size_t cap) MUST_CHECK;
int dir_cache_open_reader(
    const char *dir, struct dir_cache **out, char *why, size_t cap) MUST_CHECK;
void dir_cache_close(struct dir_cache *c);

/* ---- writing: begin, put and drop, then commit or rollback ---- */
int dir_cache_begin(struct dir_cache *c, enum dir_source source) MUST_CHECK;
/* New, changed or as before (then nothing is written); also marks it as seen. */
int dir_cache_put(struct dir_cache *c, const struct dir_entry *e) MUST_CHECK;
/* 1: it was there; 0: it was not. */
int dir_cache_drop(struct dir_cache *c, const void *key, size_t n) MUST_CHECK;
int dir_cache_seen(
    struct dir_cache *c, const void *key, size_t n) MUST_CHECK; /* unchanged; unknown is fine */
/* full: what was not seen since begin goes; where less than half of the entries would stay, nothing is changed and
 * ERR_VALUE returned, unless force. */
int dir_cache_commit(struct dir_cache *c, bool full, bool force) MUST_CHECK;
void dir_cache_rollback(struct dir_cache *c);
uint64_t dir_cache_swept(const struct dir_cache *c); /* that went by the last commit */
/* Beside the data, in the same transaction; value at most DIR_META_MAX octets. n 0 deletes. */
#define DIR_META_MAX 65536
int dir_cache_meta_set(struct dir_cache *c, const char *name, const void *v, size_t n) MUST_CHECK;
int dir_cache_meta_get(
    struct dir_cache *c, const char *name, void *v, size_t cap, size_t *n) MUST_CHECK;
int dir_cache_rules(struct dir_cache *c, const struct e164_rules *rules) MUST_CHECK;

/* ---- reading ---- */
/* Who has this number, else this SIP address, else the same last digits (suffix of them; 0: never)? ERR_NOTFOUND, also when
 * several share it; of several in one company the company is told. number: normalised. */
int dir_cache_name(struct dir_cache *c, struct slice number, struct slice uri, unsigned suffix,
    struct dir_hit *hit) MUST_CHECK;
/* Page of those whose words begin so, sorted; digits: keypad and numbers too. text is as typed; empty: everybody. */
int dir_cache_search(struct dir_cache *c, struct slice text, unsigned from, unsigned max,
    struct dir_found *f) MUST_CHECK;
int dir_cache_count(struct dir_cache *c, enum dir_source source, uint64_t *n) MUST_CHECK;
/* Every entry of a source in the order of names; fn false: stop. */
int dir_cache_each(struct dir_cache *c, enum dir_source source,
    bool (*fn)(void *ctx, const struct dir_hit *h), void *ctx) MUST_CHECK;
const char *dir_source_name(enum dir_source s);
const char *dir_cache_why(const struct dir_cache *c);
#endif
