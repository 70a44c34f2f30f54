#ifndef COMMON_SLICE_H
#define COMMON_SLICE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/err.h"

/* Borrowed bytes. Never NUL-terminated, never freed: the buffer it points
 * into belongs to the message, and the message outlives its slices. */
struct slice {
	const char *p;
	size_t n;
};

#define SLICE_LIT(s) ((struct slice){ (s), sizeof(s) - 1 })
#define SLICE_FMT    "%.*s"
#define SLICE_ARG(s) (int)((s).n > 256 ? 256 : (s).n), (s).p

/* A cursor is a slice that shrinks from the left. */
struct cur {
	const char *p, *end;
};

static inline struct cur cur_of(struct slice s)
{
	return (struct cur){ s.p, s.p ? s.p + s.n : s.p };
}

static inline bool cur_done(const struct cur *c)
{
	return c->p == c->end;
}

/* What parsers call for every token is inline. */
static inline struct slice slice_str(const char *s) /* NULL gives the empty slice */
{
	return (struct slice){ s, s ? strlen(s) : 0 };
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool slice_ieq_n(const char *a, const char *b, size_t n);
static inline bool slice_ieq(struct slice a, struct slice b) /* ASCII case only */
{
	return a.n == b.n && slice_ieq_n(a.p, b.p, a.n);
}

int slice_cmp(struct slice a, struct slice b); /* memcmp order, shorter first */
bool slice_starts(struct slice s, struct slice prefix);
bool slice_istarts(struct slice s, struct slice prefix);
/* First place of the byte; s.n where there is none. */
static inline size_t slice_chr(struct slice s, char ch)
{
	const char *at = s.n ? memchr(s.p, ch, s.n) : NULL;

	return at ? (size_t)(at - s.p) : s.n;
}

static inline struct slice slice_sub(struct slice s, size_t from, size_t n) /* clipped to s */
{
	if (from > s.n)
		from = s.n;
	if (n > s.n - from)
		n = s.n - from;
	return (struct slice){ s.p ? s.p + from : s.p, n };
}

struct slice slice_trim(struct slice s); /* SP HTAB CR LF at both ends */
/* Decimal digits only, the whole slice: ERR_SYNTAX; above max: ERR_VALUE. *out untouched on error. */
int slice_u32(struct slice s, uint32_t max, uint32_t *out) MUST_CHECK;
int slice_u64(struct slice s, uint64_t max, uint64_t *out) MUST_CHECK;
/* Copies and terminates. ERR_LIMIT when it does not fit or holds a NUL; then out is "". */
int slice_copy(struct slice s, char *out, size_t cap) MUST_CHECK;
char *slice_dup(struct slice s); /* NUL-terminated heap copy; the caller frees */

static inline bool cur_lit(struct cur *c, char ch) /* eat one char */
{
	if (c->p == c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

struct slice cur_token(struct cur *c);                   /* RFC 3261 25.1 token, may be empty */
struct slice cur_until(struct cur *c, const char *stop); /* up to a stop char or the end */
struct slice cur_digits(struct cur *c);
static inline void cur_lws(struct cur *c) /* SP and HTAB; lines were unfolded before us */
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
}

static inline struct slice cur_rest(const struct cur *c)
{
	return (struct slice){ c->p, (size_t)(c->end - c->p) };
}
#endif
