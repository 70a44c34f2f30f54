#ifndef COMMON_CSV_H
#define COMMON_CSV_H
#include <stdbool.h>

#include "common/slice.h"
#include "common/wr.h"

/* Comma separated values (RFC 4180). The reader takes CRLF and LF, a byte order mark, and ';' or TAB as separator
 * when the first line has more of them than of ','. */
#define CSV_FIELDS_MAX 64

struct csv {
	struct cur c;
	char sep;
	unsigned line; /* of the record just read, from 1 */
	unsigned next_line;
	char *buf; /* the caller's scratch for unquoted text */
	size_t cap;
};

/* scratch: as long as the longest record. */
void csv_init(struct csv *c, struct slice text, char *scratch, size_t cap);
/* The next record that is not empty. 1: read; 0: end; ERR_SYNTAX: a quote that does not end or text after it;
 * ERR_LIMIT. Fields are slices of the scratch buffer, valid until the next call. */
int csv_next(struct csv *c, struct slice *field, size_t cap, size_t *n) MUST_CHECK;
/* Writes one field, quoted where needed, with a ',' before it unless first. */
void csv_wr(struct wr *w, bool first, struct slice v);
#endif
