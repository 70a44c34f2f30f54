#ifndef COMMON_CONF_H
#define COMMON_CONF_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/slice.h"

/* Declarative configuration. One file for all daemons: "[section]" lines, "key = value" lines, comments with # or ;
 * at the start of a line, continuation by a line that begins with a blank. Each daemon reads its own sections against
 * its key table and leaves the others alone; an unknown key in a section of its own is an error with the nearest
 * known name. Values land in a struct by offset. */

enum conf_type {
	CONF_STR,   /* char *; at most max octets (0: 255) */
	CONF_BOOL,  /* bool: yes/no, true/false, on/off, 1/0 */
	CONF_INT,   /* uint32_t, min … max */
	CONF_MS,    /* uint32_t milliseconds: "1500", "1500ms", "4s", "5m", "1h"; min … max */
	CONF_LIST,  /* struct conf_list: separated by blanks or commas; at most max words (0: 64) */
	CONF_PORTS, /* struct conf_ports: "49152-57500"; min … max */
	CONF_ADDR,  /* char *, an IPv4 or IPv6 address without port; "" allowed */
	CONF_ENUM   /* uint32_t: index in `choices`, "udp|tcp|tls" */
};
struct conf_list {
	char **v;
	size_t n;
};
struct conf_ports {
	uint16_t lo, hi;
};
struct conf_key {
	const char *section, *key;
	enum conf_type type;
	const char *def; /* NULL: "" or 0 */
	uint32_t min, max;
	bool live; /* taken over by a reload; else it needs a restart */
	size_t off;
	const char *help;    /* one sentence, for ipdect.conf(5) */
	const char *choices; /* CONF_ENUM */
};

#define CONF_DIAGS 16
#define CONF_LINES 160 /* keys whose lines are kept */
struct conf_diag {     /* what is wrong, where, and what to do */
	char text[CONF_DIAGS][384];
	unsigned n, lost; /* lost: how many more there were */
	/* Where the values of the last conf_load() or conf_parse() stand, by key; 0: a default. */
	char file[128];
	const struct conf_key *keys;
	uint32_t line[CONF_LINES];
	size_t nkeys;
};

/* Adds what is wrong. */
void conf_fault(struct conf_diag *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same of a value that was read: "FILE:LINE: [section] key: …", without the place where it is a default. */
void conf_fault_key(struct conf_diag *g, const char *section, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Fills out (zeroed, of the room's size) with defaults and the file's values. path: a missing file means defaults
 * only. 0; ERR_SYNTAX or ERR_VALUE with every fault in g; -errno where the file cannot be read. On error out is
 * released again. */
int conf_load(const char *path, const struct conf_key *keys, size_t n, void *out,
    struct conf_diag *g) MUST_CHECK;
/* The same from memory; name is used in messages. */
int conf_parse(struct slice text, const char *name, const struct conf_key *keys, size_t n,
    void *out, struct conf_diag *g) MUST_CHECK;
/* Section names that no daemon has, and settings above the first section: faults that no key table notices. known ends
 * with NULL. ERR_SYNTAX with every fault in g. */
int conf_sections(
    struct slice text, const char *name, const char *const *known, struct conf_diag *g) MUST_CHECK;
/* The same of a file; must: its absence is a fault, too (-ENOENT). */
int conf_load_sections(
    const char *path, const char *const *known, bool must, struct conf_diag *g) MUST_CHECK;
void conf_free(const struct conf_key *keys, size_t n, void *conf);
/* Sets one key from text, replacing what is there. ERR_SYNTAX or ERR_VALUE: out is untouched. */
int conf_set(const struct conf_key *k, struct slice v, void *conf) MUST_CHECK;
/* Effective value as text, as it would stand in the file. Heap; the caller frees. */
char *conf_value(const struct conf_key *k, const void *conf);
/* Holds what def says. */
bool conf_is_default(const struct conf_key *k, const void *conf);
/* Calls fn for every key whose value differs. */
void conf_diff(const struct conf_key *keys, size_t n, const void *a, const void *b,
    void (*fn)(const struct conf_key *k, void *ctx), void *ctx);
/* Effective configuration as a file, and the keys' section of ipdect.conf(5) in man(7) format. */
void conf_print(const struct conf_key *keys, size_t n, const void *conf, FILE *f);
void conf_man(const struct conf_key *keys, size_t n, FILE *f);
#endif
