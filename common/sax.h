#ifndef COMMON_SAX_H
#define COMMON_SAX_H
#include <expat.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"
#include "common/wr.h"

/* XML from the network, read with expat within bounds: no document type, at most SAX_DOC octets, SAX_DEPTH deep, SAX_ITEMS of
 * what the reader counts. Elements and attributes go by their local names. The reader embeds struct sax and gives start,
 * end, ctx and root; names and texts are valid during the call only. */
#define SAX_DOC   (256u * 1024)
#define SAX_DEPTH 32u
#define SAX_ITEMS 4096u

struct sax {
	XML_Parser p;
	void (*start)(struct sax *x, const char *name, const char **atts);
	void (*end)(struct sax *x, const char *name, struct slice text); /* trimmed */
	void *ctx;
	int err;
	unsigned depth, items;
	char text[2048]; /* of the innermost element; longer texts are of no use to us */
	size_t n;
	const char *root; /* its name must be this; NULL: any */
	struct slice doc; /* the whole of it */
};

/* 0; ERR_LIMIT: too large, too deep, too many; ERR_SYNTAX: not well-formed, a document type, another root. */
int sax_run(struct sax *x, struct slice doc) MUST_CHECK;
void sax_fail(struct sax *x, int err); /* from a callback: the document is given up */
/* Where in the document the tag begins and ends that a callback is about. */
size_t sax_from(const struct sax *x);
size_t sax_to(const struct sax *x);
bool sax_count(struct sax *x); /* false: too many, given up */
const char *sax_local(const char *name);
const char *sax_attr(const char **atts, const char *name); /* NULL: absent */
bool sax_number(const char *s, uint32_t *out);             /* false: absent, or it makes no sense */
bool sax_truth(const char *s);
/* Clipped to cap - 1 octets. s NULL is "". */
void sax_put(char *out, size_t cap, const char *s);
void sax_put_slice(char *out, size_t cap, struct slice s);
void sax_escape(struct wr *w, const char *s); /* for text and for attributes in double quotes */
#endif
