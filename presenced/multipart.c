/* Multipart bodies and resource lists. */
#include "presenced/multipart.h"

#include <string.h>

#include "common/mem.h"
#include "common/sax.h"

#define BOUNDARY_MAX 70 /* RFC 2046 5.1.1 */

bool type_is(struct slice content_type, const char *type)
{
	content_type.n = slice_chr(content_type, ';');
	return slice_ieq(slice_trim(content_type), slice_str(type));
}

/* A parameter of a header value; quoted or not. */
static struct slice parameter(struct slice v, const char *name)
{
	size_t at = slice_chr(v, ';'), n = strlen(name);

	while (at < v.n) {
		struct slice rest = slice_sub(v, at + 1, v.n), word;
		size_t eq, end = 0;

		while (rest.n && (rest.p[0] == ' ' || rest.p[0] == '\t' || rest.p[0] == '\r' ||
		                     rest.p[0] == '\n'))
			rest = slice_sub(rest, 1, rest.n);
		eq = slice_chr(rest, '=');
		if (eq >= rest.n)
			break;
		word = slice_sub(rest, eq + 1, rest.n);
		if (word.n && word.p[0] == '"') {
			word = slice_sub(word, 1, word.n);
			end = slice_chr(word, '"');
		} else {
			end = slice_chr(word, ';');
		}
		struct slice key = slice_trim(slice_sub(rest, 0, eq));
		if (key.n == n && slice_ieq(key, slice_str(name)))
			return slice_trim(slice_sub(word, 0, end));
		at = (size_t)(word.p - v.p) + end;
		at += slice_chr(slice_sub(v, at, v.n), ';');
	}
	return (struct slice){ 0 };
}

int multipart_begin(struct multipart *m, struct slice content_type, struct slice body)
{
	struct slice head = content_type;

	head.n = slice_chr(head, '/');
	*m = (struct multipart){ .rest = body, .boundary = parameter(content_type, "boundary") };
	return slice_ieq(slice_trim(head), SLICE_LIT("multipart")) && m->boundary.n > 0 &&
	               m->boundary.n <= BOUNDARY_MAX
	           ? 0
	           : ERR_SYNTAX;
}

/* Where the next delimiter line begins in s: "--boundary" at the start of a line. s.n: none. */
static size_t delimiter(const struct multipart *m, struct slice s)
{
	size_t at = 0;

	while (at + 2 + m->boundary.n <= s.n) {
		if (s.p[at] == '-' && s.p[at + 1] == '-' &&
		    memcmp(s.p + at + 2, m->boundary.p, m->boundary.n) == 0)
			return at;
		at += slice_chr(slice_sub(s, at, s.n), '\n') + 1;
	}
	return s.n;
}

static struct slice line(struct slice *s)
{
	size_t n = slice_chr(*s, '\n');
	struct slice l = slice_sub(*s, 0, n);

	*s = slice_sub(*s, n < s->n ? n + 1 : n, s->n);
	return l.n && l.p[l.n - 1] == '\r' ? slice_sub(l, 0, l.n - 1) : l;
}

bool multipart_next(struct multipart *m, struct part *p)
{
	struct slice s = m->rest, l;
	size_t at = delimiter(m, s), end;

	memset(p, 0, sizeof(*p));
	if (at == s.n)
		return false;
	s = slice_sub(s, at, s.n);
	l = line(&s);
	if (l.n >= m->boundary.n + 4 && l.p[m->boundary.n + 2] == '-' &&
	    l.p[m->boundary.n + 3] == '-')
		return false;
	for (l = line(&s); l.n > 0; l = line(&s)) {
		size_t colon = slice_chr(l, ':');
		struct slice name = slice_trim(slice_sub(l, 0, colon)),
		             v = slice_trim(slice_sub(l, colon < l.n ? colon + 1 : l.n, l.n));

		if (slice_ieq(name, SLICE_LIT("Content-Type"))) {
			p->type = v;
		} else if (slice_ieq(name, SLICE_LIT("Content-ID"))) {
			if (v.n >= 2 && v.p[0] == '<' && v.p[v.n - 1] == '>')
				v = slice_sub(v, 1, v.n - 2);
			p->id = v;
		}
	}
	end = delimiter(m, s);
	/* An empty line before the delimiter is there or not: white space around a document is none of it. */
	p->body = slice_trim(slice_sub(s, 0, end));
	m->rest = slice_sub(s, end, s.n);
	return true;
}

/* ---- RFC 4662 ---- */

struct rlmi {
	struct sax x;
	rlmi_h *fn;
	void *ctx;
	struct rlmi_item r;
	bool fits;
};

static bool whole(char *out, size_t cap, const char *v)
{
	return !v || slice_copy(slice_str(v), out, cap) == 0;
}

static void rlmi_start(struct sax *x, const char *name, const char **atts)
{
	struct rlmi *r = CONTAINER_OF(x, struct rlmi, x);

	if (!sax_count(x))
		return;
	if (strcmp(name, "resource") == 0) {
		memset(&r->r, 0, sizeof(r->r));
		r->fits = whole(r->r.uri, sizeof(r->r.uri), sax_attr(atts, "uri"));
	} else if (strcmp(name, "instance") == 0 && r->r.uri[0] && r->fits) {
		r->r.state[0] = r->r.pool[0] = '\0';
		sax_put(r->r.state, sizeof(r->r.state), sax_attr(atts, "state"));
		if (whole(r->r.pool, sizeof(r->r.pool), sax_attr(atts, "poolFqdn")))
			r->fn(r->ctx, &r->r);
	}
}

static void rlmi_end(struct sax *x, const char *name, struct slice text)
{
	struct rlmi *r = CONTAINER_OF(x, struct rlmi, x);

	(void)text;
	if (strcmp(name, "resource") == 0)
		r->r.uri[0] = '\0';
}

int rlmi_parse(struct slice doc, rlmi_h *fn, void *ctx)
{
	struct rlmi r = {
		.x = { .start = rlmi_start, .end = rlmi_end, .root = "list" }, .fn = fn, .ctx = ctx
	};

	return sax_run(&r.x, doc);
}
