/* Presence documents from a Lync front end, read with expat within bounds. */
#include "presenced/lync_xml.h"

#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/sax.h"

#define NAMES_MAX 48 /* different categories in one document */

/* ---- roaming data, categories ---- */

struct roaming {
	struct sax x;
	const struct lync_roaming_ops *ops;
	char names[NAMES_MAX][32];
	unsigned nnames;
	struct lync_cat c;
	struct lync_members m;
	bool in_category, whole, in_container, uc_line;
	size_t script; /* where it begins */
	char uri[160];
};

static void first_mention(struct roaming *r, const char *name)
{
	for (unsigned i = 0; i < r->nnames; i++)
		if (strcmp(r->names[i], name) == 0)
			return;
	if (r->nnames == NAMES_MAX) {
		sax_fail(&r->x, ERR_LIMIT);
		return;
	}
	sax_put(r->names[r->nnames++], sizeof(r->names[0]), name);
	if (r->ops->forget)
		r->ops->forget(r->x.ctx, name);
}

static void category_start(struct roaming *r, const char **atts)
{
	memset(&r->c, 0, sizeof(r->c));
	sax_put(r->c.uri, sizeof(r->c.uri), r->uri);
	sax_put(r->c.name, sizeof(r->c.name), sax_attr(atts, "name"));
	sax_put(r->c.expire, sizeof(r->c.expire), sax_attr(atts, "expireType"));
	/* Without an instance the category is empty. Watchers are not told containers and versions. */
	r->whole = sax_number(sax_attr(atts, "instance"), &r->c.instance);
	sax_number(sax_attr(atts, "container"), &r->c.container);
	sax_number(sax_attr(atts, "version"), &r->c.version);
	r->in_category = true;
	if (sax_count(&r->x))
		first_mention(r, r->c.name);
}

static void inside_category(struct roaming *r, const char *name, const char **atts)
{
	struct lync_cat *c = &r->c;

	if (strcmp(name, "state") == 0) {
		const char *type = sax_attr(atts, "type");

		sax_put(c->type, sizeof(c->type), type ? sax_local(type) : NULL);
	} else if (strcmp(name, "activity") == 0) {
		sax_put(c->token, sizeof(c->token), sax_attr(atts, "token"));
	} else if (strcmp(name, "mwi") == 0) {
		c->mwi = true;
		c->waiting = sax_truth(sax_attr(atts, "messageWaiting"));
		c->counted = sax_number(sax_attr(atts, "unreadVoiceMailCount"), &c->unread);
		sax_number(sax_attr(atts, "readVoiceMailCount"), &c->read);
	} else if (strcmp(name, "routing") == 0 && strcmp(c->name, "routing") == 0) {
		r->script = sax_from(&r->x);
	} else if (strcmp(name, "line") == 0) {
		const char *type = sax_attr(atts, "lineType");

		r->uc_line = type && strcmp(type, "Uc") == 0;
	}
}

static void roaming_start(struct sax *x, const char *name, const char **atts)
{
	struct roaming *r = CONTAINER_OF(x, struct roaming, x);

	if (r->in_category)
		inside_category(r, name, atts);
	else if (strcmp(name, "categories") == 0)
		sax_put(r->uri, sizeof(r->uri), sax_attr(atts, "uri"));
	else if (strcmp(name, "category") == 0 && sax_attr(atts, "name"))
		category_start(r, atts);
	else if (strcmp(name, "container") == 0) {
		memset(&r->m, 0, sizeof(r->m));
		r->in_container = sax_count(x) && sax_number(sax_attr(atts, "id"), &r->m.id);
		sax_number(sax_attr(atts, "version"), &r->m.version);
	} else if (strcmp(name, "member") == 0 && r->in_container) {
		const char *type = sax_attr(atts, "type");

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
		sax_put_slice(c->token, sizeof(c->token), text);
	} else if (r->in_category && strcmp(name, "routing") == 0 &&
	           strcmp(c->name, "routing") == 0) {
		c->raw = slice_sub(x->doc, r->script, sax_to(x) - r->script);
	} else if (r->in_category && strcmp(name, "body") == 0) {
		sax_put_slice(c->note, sizeof(c->note), text);
	} else if (r->in_category && strcmp(name, "line") == 0 && r->uc_line && !c->line[0]) {
		sax_put_slice(c->line, sizeof(c->line), text);
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

	return sax_run(&r.x, doc);
}

/* ---- faults ---- */

static void fault_start(struct sax *x, const char *name, const char **atts)
{
	struct lync_fault *f = x->ctx;

	if (strcmp(name, "operation") != 0 || f->n == LYNC_FAULT_MAX ||
	    !sax_number(sax_attr(atts, "index"), &f->op[f->n].index))
		return;
	f->op[f->n].has_current = sax_number(sax_attr(atts, "curVersion"), &f->op[f->n].current);
	f->n++;
}

static void fault_end(struct sax *x, const char *name, struct slice text)
{
	struct lync_fault *f = x->ctx;

	if (strcmp(name, "Faultcode") == 0)
		sax_put_slice(f->code, sizeof(f->code), text);
}

int lync_fault_parse(struct slice doc, struct lync_fault *f)
{
	struct sax x = { .start = fault_start, .end = fault_end, .ctx = f, .root = "Fault" };

	memset(f, 0, sizeof(*f));
	return sax_run(&x, doc);
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
		sax_put(p->group, sizeof(p->group), sax_attr(atts, "name"));
		p->group_depth = x->depth;
		return;
	}
	p->named_depth = 0;
	if (!p->group_depth)
		return;
	if (strcmp(name, "property") == 0 && sax_attr(atts, "name"))
		sax_put(p->name, sizeof(p->name), sax_attr(atts, "name"));
	else if (x->depth == p->group_depth + 1)
		sax_put(p->name, sizeof(p->name), name);
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
	if (text.n && text.n < sizeof(x->text) && sax_count(x))
		p->fn(p->ctx, p->group, p->name, text);
}

int lync_provision_parse(struct slice doc, lync_setting_h *fn, void *ctx)
{
	struct provision p = { .x = { .start = provision_start,
		                   .end = provision_end,
		                   .root = "provisionGroupList" },
		.fn = fn,
		.ctx = ctx };

	return sax_run(&p.x, doc);
}
