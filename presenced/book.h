#ifndef PRESENCED_BOOK_H
#define PRESENCED_BOOK_H
#include "common/wr.h"
#include "presenced/dir_cache.h"

/* A phone book as a file: CSV (RFC 4180), UTF-8, "name,work,mobile,home,sip", with or without that line; columns may be left
 * out at the end. At most 10,000 rows, names of 64 and numbers of 32 octets. */
#define BOOK_ROWS_MAX 10000
#define BOOK_HEAD     "name,work,mobile,home,sip"
struct book {
	struct dir_entry *v; /* heap; the caller frees */
	size_t n;
	unsigned rejected;
	char why[400]; /* of the first rejected rows, with their lines */
};
/* ERR_SYNTAX: not one row is good; ERR_LIMIT: too many. v is NULL then. */
int book_read(struct slice csv, struct book *b) MUST_CHECK;
/* One row; what a spreadsheet would take for a formula is quoted by an apostrophe. */
void book_write(struct wr *w, const struct dir_hit *h);
#endif
