/* Presence documents from a Lync front end, read with expat within bounds. */
#include "presenced/lync_xml.h"

#include <expat.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"

#define NAMES_MAX 48   /* different categories in one document */
#define ITEMS_MAX 4096 /* publications, members, settings */

struct sax {
	XML_Parser p;
	void (*start)(struct sax *x, const char *name, const char **atts);
	void (*end)(struct sax *x, const char *name, struct slice text);
	void *ctx;
	int err;
	unsigned depth, items;
	char text
	    [2048]; /* of the innermost element that has one; longer texts are of no use to us */
	size_t n;
	const char *root; /* its name must be this; NULL: any */
};

static void fail(struct sax *x, int err)
{
	if (!x->err)
		x->err = err;
	XML_StopParser(x->p, XML_FALSE);
}

static const char *local(const char *name)
{
	const char *c = strrchr(name, ':');

	return c ? c + 1 : name;
}

static void XMLCALL on_start(void *ctx, const char *name, const char **atts)
{
	struct sax *x = ctx;

	if (x->err)
		return;
	if (++x->depth > LYNC_XML_DEPTH) {
		fail(x, ERR_LIMIT);
		return;
	}
	name = local(name);
	if (x->depth == 1 && x->root && strcmp(name, x->root) != 0) {
		fail(x, ERR_SYNTAX);
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
	x->end(x, local(name), slice_trim((struct slice){ x->text, x->n }));
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
	fail(ctx, ERR_SYNTAX);
}

static int run(struct sax *x, struct slice doc)
{
	enum XML_Status st;

	if (doc.n > LYNC_XML_MAX)
		return ERR_LIMIT;
	if (doc.n == 0)
		return ERR_SYNTAX;
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

static const char *attr(const char **atts, const char *name)
{
	for (; *atts; atts += 2)
		if (strcmp(local(*atts), name) == 0)
			return atts[1];
	return NULL;
}

static void put(char *out, size_t cap, const char *s)
{
	snprintf(out, cap, "%s", s ? s : "");
}

static void put_slice(char *out, size_t cap, struct slice s)
{
	size_t n = s.n < cap - 1 ? s.n : cap - 1;

	memcpy(out, s.p, n);
	out[n] = '\0';
}

/* Numbers that make no sense count as not given. */
static bool number(const char *s, uint32_t *out)
{
	return s && slice_u32(slice_trim(slice_str(s)), UINT32_MAX, out) == 0;
}

static bool truth(const char *s)
{
	return s && (strcmp(s, "true") == 0 || strcmp(s, "1") == 0);
}

static bool counted(struct sax *x)
{
	if (++x->items <= ITEMS_MAX)
		return true;
	fail(x, ERR_LIMIT);
	return false;
}

/* ---- roaming data, categories ---- */

struct roaming {
	struct sax x;
	const struct lync_roaming_ops *ops;
	char names[NAMES_MAX][32];
	unsigned nnames;
	struct lync_cat c;
	struct lync_members m;
	bool in_category, whole, in_container, uc_line;
	char uri[160];
};

static void first_mention(struct roaming *r, const char *name)
{
	for (unsigned i = 0; i < r->nnames; i++)
		if (strcmp(r->names[i], name) == 0)
			return;
	if (r->nnames == NAMES_MAX) {
		fail(&r->x, ERR_LIMIT);
		return;
	}
	put(r->names[r->nnames++], sizeof(r->names[0]), name);
	if (r->ops->forget)
		r->ops->forget(r->x.ctx, name);
}

static void category_start(struct roaming *r, const char **atts)
{
	memset(&r->c, 0, sizeof(r->c));
	put(r->c.uri, sizeof(r->c.uri), r->uri);
	put(r->c.name, sizeof(r->c.name), attr(atts, "name"));
	put(r->c.expire, sizeof(r->c.expire), attr(atts, "expireType"));
	/* Without an instance the category is empty. Watchers are not told containers and versions. */
	r->whole = number(attr(atts, "instance"), &r->c.instance);
	number(attr(atts, "container"), &r->c.container);
	number(attr(atts, "version"), &r->c.version);
	r->in_category = true;
	if (counted(&r->x))
		first_mention(r, r->c.name);
}

static void inside_category(struct roaming *r, const char *name, const char **atts)
{
	struct lync_cat *c = &r->c;

	if (strcmp(name, "state") == 0) {
		const char *type = attr(atts, "type");

		put(c->type, sizeof(c->type), type ? local(type) : NULL);
	} else if (strcmp(name, "activity") == 0) {
		put(c->token, sizeof(c->token), attr(atts, "token"));
	} else if (strcmp(name, "mwi") == 0) {
		c->mwi = true;
		c->waiting = truth(attr(atts, "messageWaiting"));
		c->counted = number(attr(atts, "unreadVoiceMailCount"), &c->unread);
		number(attr(atts, "readVoiceMailCount"), &c->read);
	} else if (strcmp(name, "line") == 0) {
		const char *type = attr(atts, "lineType");

		r->uc_line = type && strcmp(type, "Uc") == 0;
	}
}

static void roaming_start(struct sax *x, const char *name, const char **atts)
{
	struct roaming *r = CONTAINER_OF(x, struct roaming, x);

	if (r->in_category)
		inside_category(r, name, atts);
	else if (strcmp(name, "categories") == 0)
		put(r->uri, sizeof(r->uri), attr(atts, "uri"));
	else if (strcmp(name, "category") == 0 && attr(atts, "name"))
		category_start(r, atts);
	else if (strcmp(name, "container") == 0) {
		memset(&r->m, 0, sizeof(r->m));
		r->in_container = counted(x) && number(attr(atts, "id"), &r->m.id);
		number(attr(atts, "version"), &r->m.version);
	} else if (strcmp(name, "member") == 0 && r->in_container) {
		const char *type = attr(atts, "type");

		r->m.same_enterprise |= type && strcmp(type, "sameEnterprise") == 0;
		r->m.federated |= type && strcmp(type, "federated") == 0;
	}
}

static void roaming_end(struct sax *x, const char *name, struct slice text)
{
	struct roaming *r = CONTAINER_OF(x, struct roaming, x);
	struct lync_cat *c = &r->c;

	if (r->in_category && strcmp(name, "category") == 0) {
		r->in_category = false;
		if (r->whole && r->ops->item)
			r->ops->item(x->ctx, c);
	} else if (r->in_category && strcmp(name, "availability") == 0) {
		uint32_t v;

		if (slice_u32(text, UINT32_MAX, &v) == 0)
			c->availability = v;
	} else if (r->in_category && strcmp(name, "custom") == 0 && !c->token[0]) {
		put_slice(c->token, sizeof(c->token), text);
	} else if (r->in_category && strcmp(name, "body") == 0) {
		put_slice(c->note, sizeof(c->note), text);
	} else if (r->in_category && strcmp(name, "line") == 0 && r->uc_line && !c->line[0]) {
		put_slice(c->line, sizeof(c->line), text);
	} else if (strcmp(name, "container") == 0 && r->in_container) {
		r->in_container = false;
		if (r->ops->members)
			r->ops->members(x->ctx, &r->m);
	}
}

int lync_roaming_parse(struct slice doc, const struct lync_roaming_ops *ops, void *ctx)
{
	struct roaming r = { .x = { .start = roaming_start, .end = roaming_end, .ctx = ctx },
		.ops = ops };

	return run(&r.x, doc);
}

/* ---- faults ---- */

static void fault_start(struct sax *x, const char *name, const char **atts)
{
	struct lync_fault *f = x->ctx;

	if (strcmp(name, "operation") != 0 || f->n == LYNC_FAULT_MAX ||
	    !number(attr(atts, "index"), &f->op[f->n].index))
		return;
	f->op[f->n].has_current = number(attr(atts, "curVersion"), &f->op[f->n].current);
	f->n++;
}

static void fault_end(struct sax *x, const char *name, struct slice text)
{
	struct lync_fault *f = x->ctx;

	if (strcmp(name, "Faultcode") == 0)
		put_slice(f->code, sizeof(f->code), text);
}

int lync_fault_parse(struct slice doc, struct lync_fault *f)
{
	struct sax x = { .start = fault_start, .end = fault_end, .ctx = f, .root = "Fault" };

	memset(f, 0, sizeof(*f));
	return run(&x, doc);
}

/* ---- provisioning ---- */

struct provision {
	struct sax x;
	lync_setting_h *fn;
	void *ctx;
	char group[48], name[64];
	unsigned group_depth, named_depth;
};

/* Three shapes: <group><name>value</name>, <group><instance><property name=…>, <group><propertyEntryList><property …>.
 * publicationGrammar nests deeper and is not read. */
static void provision_start(struct sax *x, const char *name, const char **atts)
{
	struct provision *p = CONTAINER_OF(x, struct provision, x);

	if (strcmp(name, "provisionGroup") == 0) {
		put(p->group, sizeof(p->group), attr(atts, "name"));
		p->group_depth = x->depth;
		return;
	}
	p->named_depth = 0;
	if (!p->group_depth)
		return;
	if (strcmp(name, "property") == 0 && attr(atts, "name"))
		put(p->name, sizeof(p->name), attr(atts, "name"));
	else if (x->depth == p->group_depth + 1)
		put(p->name, sizeof(p->name), name);
	else
		return;
	p->named_depth = x->depth;
}

static void provision_end(struct sax *x, const char *name, struct slice text)
{
	struct provision *p = CONTAINER_OF(x, struct provision, x);

	if (strcmp(name, "provisionGroup") == 0)
		p->group_depth = 0;
	if (p->named_depth != x->depth || !p->group_depth)
		return;
	p->named_depth = 0;
	if (text.n && text.n < sizeof(x->text) && counted(x))
		p->fn(p->ctx, p->group, p->name, text);
}

int lync_provision_parse(struct slice doc, lync_setting_h *fn, void *ctx)
{
	struct provision p = { .x = { .start = provision_start,
		                   .end = provision_end,
		                   .root = "provisionGroupList" },
		.fn = fn,
		.ctx = ctx };

	return run(&p.x, doc);
}
