/* XML from the network within bounds. */
#include "common/sax.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"

void sax_fail(struct sax *x, int err)
{
	if (!x->err)
		x->err = err;
	XML_StopParser(x->p, XML_FALSE);
}

size_t sax_from(const struct sax *x)
{
	XML_Index at = XML_GetCurrentByteIndex(x->p);

	return at < 0 ? 0 : (size_t)at;
}

size_t sax_to(const struct sax *x)
{
	return sax_from(x) + (size_t)XML_GetCurrentByteCount(x->p);
}

const char *sax_local(const char *name)
{
	const char *c = strrchr(name, ':');

	return c ? c + 1 : name;
}

static void XMLCALL on_start(void *ctx, const char *name, const char **atts)
{
	struct sax *x = ctx;

	if (x->err)
		return;
	if (++x->depth > SAX_DEPTH) {
		sax_fail(x, ERR_LIMIT);
		return;
	}
	name = sax_local(name);
	if (x->depth == 1 && x->root && strcmp(name, x->root) != 0) {
		sax_fail(x, ERR_SYNTAX);
		return;
	}
	x->n = 0;
	x->start(x, name, atts);
}

static void XMLCALL on_end(void *ctx, const char *name)
{
	struct sax *x = ctx;

	if (x->err)
		return;
	x->end(x, sax_local(name), slice_trim((struct slice){ x->text, x->n }));
	x->n = 0;
	x->depth--;
}

static void XMLCALL on_text(void *ctx, const char *s, int len)
{
	struct sax *x = ctx;
	size_t n = (size_t)len, room = sizeof(x->text) - x->n;

	if (x->err)
		return;
	n = n < room ? n : room;
	memcpy(x->text + x->n, s, n);
	x->n += n;
}

static void XMLCALL on_doctype(
    void *ctx, const char *name, const char *sys, const char *pub, int internal)
{
	(void)name, (void)sys, (void)pub, (void)internal;
	sax_fail(ctx, ERR_SYNTAX);
}

int sax_run(struct sax *x, struct slice doc)
{
	enum XML_Status st;

	if (doc.n > SAX_DOC)
		return ERR_LIMIT;
	if (doc.n == 0)
		return ERR_SYNTAX;
	x->doc = doc;
	x->p = XML_ParserCreate(NULL);
	BUG_ON(!x->p);
	XML_SetUserData(x->p, x);
	XML_SetElementHandler(x->p, on_start, on_end);
	XML_SetCharacterDataHandler(x->p, on_text);
	XML_SetStartDoctypeDeclHandler(x->p, on_doctype);
	st = XML_Parse(x->p, doc.p, (int)doc.n, 1);
	XML_ParserFree(x->p);
	if (x->err)
		return x->err;
	return st == XML_STATUS_OK ? 0 : ERR_SYNTAX;
}

const char *sax_attr(const char **atts, const char *name)
{
	for (; *atts; atts += 2)
		if (strcmp(sax_local(*atts), name) == 0)
			return atts[1];
	return NULL;
}

void sax_put(char *out, size_t cap, const char *s)
{
	snprintf(out, cap, "%s", s ? s : "");
}

void sax_put_slice(char *out, size_t cap, struct slice s)
{
	size_t n = s.n < cap - 1 ? s.n : cap - 1;

	memcpy(out, s.p, n);
	out[n] = '\0';
}

/* Numbers that make no sense count as not given. */
bool sax_number(const char *s, uint32_t *out)
{
	return s && slice_u32(slice_trim(slice_str(s)), UINT32_MAX, out) == 0;
}

bool sax_truth(const char *s)
{
	return s && (strcmp(s, "true") == 0 || strcmp(s, "1") == 0);
}

bool sax_count(struct sax *x)
{
	if (++x->items <= SAX_ITEMS)
		return true;
	sax_fail(x, ERR_LIMIT);
	return false;
}

void sax_escape(struct wr *w, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '&':
			wr_str(w, "&amp;");
			break;
		case '<':
			wr_str(w, "&lt;");
			break;
		case '"':
			wr_str(w, "&quot;");
			break;
		default:
			wr_u8(w, (unsigned char)*s);
		}
}
