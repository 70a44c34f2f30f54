/* Routing scripts: found elements are replaced, missing ones put in before the end of the preamble. */
#include "presenced/lync_route.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/sax.h"

#define FLAGS_MAX 512
#define WORDS_MAX 32

enum { E_FLAGS, E_FORWARD, E_RING, E_WAIT, NELEMENTS };
static const struct {
	const char *element, *name;
} elements[NELEMENTS] = { { "flags", "clientflags" }, { "list", "forwardto" },
	{ "list", "simultaneous_ring" }, { "wait", "total" } };

struct script {
	struct sax x;
	struct {
		bool found;
		size_t from, to;
		unsigned depth;
	} at[NELEMENTS];
	size_t insert; /* before the end tag of the preamble; 0: none seen */
	bool empty;    /* <preamble/>: from..to of it */
	size_t from, to;
	unsigned preamble;
	char prefix[16];
	char flags[FLAGS_MAX], target[2][LYNC_ROUTE_URI];
	uint32_t wait_s;
	bool odd; /* something longer than we can keep */
};

static void on_start(struct sax *x, const char *name, const char **atts)
{
	struct script *s = CONTAINER_OF(x, struct script, x);
	const char *given = sax_attr(atts, "name"), *v;

	if (!sax_count(x))
		return;
	if (strcmp(name, "preamble") == 0 && !s->preamble) {
		s->preamble = x->depth;
		s->from = sax_from(x);
		const char *raw = x->doc.p + s->from + 1;
		size_t n = (size_t)(strcspn(raw, ": \t\r\n/>"));
		if (raw[n] == ':' &&
		    slice_copy((struct slice){ raw, n + 1 }, s->prefix, sizeof(s->prefix)))
			s->odd = true;
		return;
	}
	if (s->preamble && x->depth == s->preamble + 1 && given)
		for (unsigned i = 0; i < NELEMENTS; i++) {
			if (strcmp(name, elements[i].element) || strcmp(given, elements[i].name) ||
			    s->at[i].found)
				continue;
			s->at[i].found = true;
			s->at[i].from = sax_from(x);
			s->at[i].depth = x->depth;
			if (i == E_FLAGS && (v = sax_attr(atts, "value")) != NULL)
				s->odd |= slice_copy(slice_str(v), s->flags, sizeof(s->flags)) != 0;
			if (i == E_WAIT)
				(void)sax_number(sax_attr(atts, "seconds"), &s->wait_s);
		}
	if (strcmp(name, "target") == 0 && (v = sax_attr(atts, "uri")) != NULL)
		for (unsigned i = E_FORWARD; i <= E_RING; i++)
			if (s->at[i].found && !s->at[i].to && !s->target[i - E_FORWARD][0])
				sax_put(s->target[i - E_FORWARD], LYNC_ROUTE_URI, v);
}

static void on_end(struct sax *x, const char *name, struct slice text)
{
	struct script *s = CONTAINER_OF(x, struct script, x);

	(void)text;
	for (unsigned i = 0; i < NELEMENTS; i++)
		if (s->at[i].found && !s->at[i].to && s->at[i].depth == x->depth)
			s->at[i].to = sax_to(x);
	if (strcmp(name, "preamble") == 0 && x->depth == s->preamble && !s->to) {
		s->to = sax_to(x);
		s->insert = sax_from(x);
		s->empty = s->to >= 2 && x->doc.p[s->to - 2] == '/';
	}
}

static int read_script(struct script *s, struct slice doc)
{
	int err;

	memset(s, 0, sizeof(*s));
	s->x = (struct sax){ .start = on_start, .end = on_end, .root = "routing" };
	err = sax_run(&s->x, doc);
	return err ? err : s->odd || !s->to ? ERR_SYNTAX : 0;
}

/* ---- flags ---- */

static bool has(const char *flags, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = flags; (p = strstr(p, word)) != NULL; p += n)
		if ((p == flags || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

static void set_flag(char *flags, const char *word, bool on)
{
	char out[FLAGS_MAX + 64];
	struct wr w = wr_of(out, sizeof(out));
	struct slice rest = slice_str(flags);

	while (rest.n) {
		size_t n = slice_chr(rest, ' ');
		struct slice v = slice_sub(rest, 0, n);

		if (v.n && !slice_eq(v, slice_str(word))) {
			wr_str(&w, w.n ? " " : "");
			wr_slice_add(&w, v);
		}
		rest = slice_sub(rest, n < rest.n ? n + 1 : n, rest.n);
	}
	if (on)
		wr_fmt(&w, "%s%s", w.n ? " " : "", word);
	if (wr_nul(&w) && w.n < FLAGS_MAX)
		memcpy(flags, out, w.n + 1);
}

/* ---- writing ---- */

static void put_element(
    struct wr *w, const struct script *s, unsigned i, const struct lync_route *r, const char *flags)
{
	const char *p = s->prefix, *uri = i == E_FORWARD ? r->forward : r->ring;

	if (i == E_FLAGS) {
		wr_fmt(w, "<%sflags name=\"clientflags\" value=\"", p);
		sax_escape(w, flags);
		wr_str(w, "\"/>");
	} else if (i == E_WAIT) {
		wr_fmt(w, "<%swait name=\"total\" seconds=\"%u\"/>", p, (unsigned)r->wait_s);
	} else {
		wr_fmt(w, "<%slist name=\"%s\"><%starget uri=\"", p, elements[i].name, p);
		sax_escape(w, uri);
		wr_fmt(w, "\"/></%slist>", p);
	}
}

int lync_route_edit(struct slice old, const struct lync_route *r, struct wr *out)
{
	static const char fresh[] =
	    "<routing xmlns=\"http://schemas.microsoft.com/02/2006/sip/routing\" "
	    "name=\"rtcdefault\" version=\"1\"><preamble></preamble></routing>";
	struct script *s = mem_new(sizeof(*s));
	bool put[NELEMENTS] = { [E_FLAGS] = true,
		[E_FORWARD] = r->set_forward && r->forward[0],
		[E_RING] = r->set_ring && r->ring[0],
		[E_WAIT] = r->set_forward && r->forward[0] && !r->immediate };
	size_t at = 0;
	int err;

	if (old.n == 0)
		old = SLICE_LIT(fresh);
	err = old.n > LYNC_ROUTE_DOC ? ERR_LIMIT : read_script(s, old);
	if (err) {
		free(s);
		return err;
	}
	if (r->set_forward) {
		set_flag(s->flags, "forward_immediate", r->forward[0] && r->immediate);
		set_flag(s->flags, "enablecf", r->forward[0]);
	}
	if (r->set_ring)
		set_flag(s->flags, "simultaneous_ring", r->ring[0]);
	/* In the order of the document: elements do not lie within one another. */
	for (;;) {
		unsigned next = NELEMENTS;

		for (unsigned i = 0; i < NELEMENTS; i++)
			if (put[i] && s->at[i].found && s->at[i].from >= at &&
			    (next == NELEMENTS || s->at[i].from < s->at[next].from))
				next = i;
		if (next == NELEMENTS)
			break;
		wr_slice_add(out, slice_sub(old, at, s->at[next].from - at));
		put_element(out, s, next, r, s->flags);
		at = s->at[next].to;
		put[next] = false;
	}
	if (s->empty) {
		wr_slice_add(out, slice_sub(old, at, s->to - 2 - at));
		wr_str(out, ">");
	} else {
		wr_slice_add(out, slice_sub(old, at, s->insert - at));
	}
	for (unsigned i = 0; i < NELEMENTS; i++)
		if (put[i])
			put_element(out, s, i, r, s->flags);
	if (s->empty) {
		wr_fmt(out, "</%spreamble>", s->prefix);
		at = s->to;
	} else {
		at = s->insert;
	}
	wr_slice_add(out, slice_sub(old, at, old.n));
	free(s);
	return out->bad ? ERR_LIMIT : 0;
}

void lync_route_text(struct slice script, char *out, size_t cap)
{
	struct script *s = mem_new(sizeof(*s));
	struct wr w = wr_of(out, cap);

	*out = '\0';
	if (script.n && read_script(s, script) == 0) {
		if (has(s->flags, "enablecf") && s->target[0][0]) {
			wr_fmt(&w, "forward %s ", s->target[0]);
			if (has(s->flags, "forward_immediate"))
				wr_str(&w, "at once");
			else
				wr_fmt(&w, "after %u s", (unsigned)s->wait_s);
		} else if (has(s->flags, "forward_immediate")) {
			wr_str(&w, "to voice mail at once");
		}
		if (has(s->flags, "simultaneous_ring") && s->target[1][0])
			wr_fmt(&w, "%srings too: %s", w.n ? "; " : "", s->target[1]);
		if (!wr_nul(&w))
			*out = '\0';
	}
	free(s);
}
