/* Connectionless messages: cut into segments, put together again. */
#include "dectd/clms.h"

#include <stdlib.h>
#include <string.h>

#include "common/list.h"
#include "common/mem.h"
#include "dectd/nwk_ie.h"

#define SEGMENT   44 /* characters: head, identity, Segmented info and they are 62 octets */
#define CLMS_00   5000
#define TYPE_8BIT 1
#define REASM_MAX 32 /* portable parts whose segments are awaited at a time */

struct job {
	struct list node;
	struct lce_link *l;
	clms_sent_h *sent;
	void *ctx;
};

struct reasm { /* of one link */
	struct list node;
	struct clms *c;
	struct lce_link *l;
	struct tmr t;
	uint8_t left; /* segments that still have to come */
	size_t n;
	uint8_t text[CLMS_TEXT_MAX];
};

struct clms {
	struct tmr_wheel *w;
	struct lce *lce;
	clms_text_h *on_text;
	void *ctx;
	struct list jobs, reasms;
	unsigned nreasms;
	struct clms_stats st;
};

static void forget(struct reasm *a)
{
	tmr_stop(&a->t);
	list_remove(&a->node);
	a->c->nreasms--;
	mem_free_wiped(a, sizeof(*a));
}

static void late(struct tmr *t, void *ctx)
{
	struct reasm *a = ctx;

	(void)t;
	a->c->st.bad++;
	forget(a);
}

static struct reasm *reasm_of(struct clms *c, const struct lce_link *l)
{
	LIST_FOREACH(&c->reasms, it)
	{
		struct reasm *a = LIST_ENTRY(it, struct reasm, node);

		if (a->l == l)
			return a;
	}
	return NULL;
}

static void deliver(struct clms *c, struct lce_link *l, struct slice text)
{
	c->st.received++;
	if (c->on_text)
		c->on_text(c->ctx, l, text);
}

static void segment(
    struct clms *c, struct lce_link *l, const struct ie_segmented *s, struct slice part)
{
	struct reasm *a = reasm_of(c, l);

	if (s->first && a) {
		c->st.bad++;
		forget(a);
		a = NULL;
	}
	if (s->first && c->nreasms < REASM_MAX) {
		a = mem_new(sizeof(*a));
		a->c = c;
		a->l = l;
		a->left = s->left;
		tmr_init(&a->t, c->w, late, a);
		list_append(&c->reasms, &a->node);
		c->nreasms++;
		tmr_start(&a->t, CLMS_00);
	}
	if (!a || a->left != s->left || part.n > sizeof(a->text) - a->n) {
		c->st.bad++;
		if (a)
			forget(a);
		return;
	}
	memcpy(a->text + a->n, part.p, part.n);
	a->n += part.n;
	/* "remaining segments" counts the one that it stands before (7.7.37). */
	if (a->left > 1) {
		a->left--;
		return;
	}
	deliver(c, l, (struct slice){ (const char *)a->text, a->n });
	forget(a);
}

static void rx(void *ctx, struct lce_link *l, const struct nwk_msg *m)
{
	struct clms *c = ctx;
	struct ie_alphanumeric text;
	struct ie_segmented s;

	if (m->type != CLMS_VARIABLE || ie_alphanumeric_of(m, &text) != 0 ||
	    text.type != TYPE_8BIT) {
		c->st.bad++;
		return;
	}
	if (ie_segmented_of(m, &s) != 0)
		deliver(c, l, text.data);
	else if (s.id == IE_ALPHANUMERIC)
		segment(c, l, &s, text.data);
	else
		c->st.bad++;
}

static void end(struct clms *c, struct job *j, int err)
{
	list_remove(&j->node);
	if (err)
		c->st.failed++;
	else
		c->st.sent++;
	if (j->sent)
		j->sent(j->ctx, err);
	free(j);
}

static void event(void *ctx, struct lce_link *l, const struct lce_event *ev)
{
	struct clms *c = ctx;

	if (ev->what == LCE_EV_DOWN && reasm_of(c, l))
		forget(reasm_of(c, l));
	if (ev->what != LCE_EV_DOWN && ev->what != LCE_EV_IDLE && ev->what != LCE_EV_RESET)
		return;
	/* The callback may send again: that job is not of this round. */
	struct list mine;
	list_init(&mine);
	LIST_FOREACH(&c->jobs, it)
	{
		if (LIST_ENTRY(it, struct job, node)->l == l) {
			list_remove(it);
			list_append(&mine, it);
		}
	}
	while (!list_empty(&mine)) {
		struct job *j = LIST_ENTRY(mine.next, struct job, node);

		if (ev->what != LCE_EV_DOWN)
			lce_drop(l, NWK_CLMS, true);
		end(c, j,
		    ev->what == LCE_EV_IDLE                                     ? 0
		    : ev->why == LCE_WHY_UNREACHABLE && ev->what == LCE_EV_DOWN ? ERR_TIMEOUT
		                                                                : ERR_LOST);
	}
}

static const struct lce_entity entity = { rx, event };

struct clms *clms_new(struct tmr_wheel *w, struct lce *lce, clms_text_h *on_text, void *ctx)
{
	struct clms *c = mem_new(sizeof(*c));

	c->w = w;
	c->lce = lce;
	c->on_text = on_text;
	c->ctx = ctx;
	list_init(&c->jobs);
	list_init(&c->reasms);
	lce_register(lce, NWK_CLMS, &entity, c);
	return c;
}

void clms_free(struct clms *c)
{
	if (!c)
		return;
	while (!list_empty(&c->reasms))
		forget(LIST_ENTRY(c->reasms.next, struct reasm, node));
	while (!list_empty(&c->jobs))
		end(c, LIST_ENTRY(c->jobs.next, struct job, node), ERR_LOST);
	free(c);
}

static int send_part(
    struct lce_link *l, const struct ipui *pp, struct slice text, unsigned i, unsigned parts)
{
	uint8_t buf[NWK_FRAME + 16];
	struct wr w = wr_of(buf, sizeof(buf));

	nwk_head(&w, NWK_CLMS, false, 0, CLMS_VARIABLE);
	ie_ipui_put(&w, pp);
	if (parts > 1)
		ie_segmented_put(
		    &w, &(struct ie_segmented){ i == 0, (uint8_t)(parts - i), IE_ALPHANUMERIC });
	ie_alphanumeric_put(&w, &(struct ie_alphanumeric){ .type = TYPE_8BIT,
	                            .data = slice_sub(text, i * SEGMENT, SEGMENT) });
	return lce_send(l, &w);
}

int clms_send(
    struct clms *c, const struct ipui *pp, struct slice text, clms_sent_h *sent, void *ctx)
{
	unsigned parts = (unsigned)((text.n + SEGMENT - 1) / SEGMENT);
	struct lce_link *l;
	struct job *j;
	int err;

	if (text.n == 0 || text.n > CLMS_TEXT_MAX)
		return ERR_LIMIT;
	err = lce_open(c->lce, pp, LCE_PAGE_SIGNAL, NWK_CLMS, &l);
	if (err)
		return err;
	for (unsigned i = 0; i < parts && !err; i++)
		err = send_part(l, pp, text, i, parts);
	if (err) {
		lce_drop(l, NWK_CLMS, true);
		return err;
	}
	j = mem_new(sizeof(*j));
	j->l = l;
	j->sent = sent;
	j->ctx = ctx;
	list_append(&c->jobs, &j->node);
	return 0;
}

const struct clms_stats *clms_stats(const struct clms *c)
{
	return &c->st;
}
