/* Changes of secrets in groups: an import of ten thousand users costs a few synchronised writes, not ten thousand. */
#include <stdio.h>
#include <stdlib.h>

#include "certd/certd.h"
#include "certd/secret.h"
#include "common/list.h"
#include "common/mem.h"

#define GROUP 256

struct change {
	struct list node;
	char role[16];
	bool set;
	enum store_kind kind;
	char *id;
	uint8_t *value;
	size_t nid, nvalue;
	writes_done_h *done;
	void *ctx;
	int err;
	const char *why;
};

static const char *operation(const struct change *x, char op[32])
{
	snprintf(op, 32, "%s-%s", secret_kind_name(x->kind), x->set ? "set" : "delete");
	return op;
}

struct writes {
	struct certd *c;
	struct list open;
	unsigned n;
	struct tmr flush;
};

/* It was noted as accepted. */
static void note_failure(struct certd *c, const struct change *x, int err)
{
	char op[32];

	audit_use(c->audit, x->role, operation(x, op), (struct slice){ x->id, x->nid },
	    slice_str(err_name(err)));
}

static void finish(struct change *x, int err, const char *why)
{
	x->done(x->ctx, err, why ? why : "");
	list_remove(&x->node);
	mem_free_wiped(x->value, x->nvalue);
	free(x->id);
	free(x);
}

static int one(struct certd *c, struct change *x)
{
	struct slice id = { x->id, x->nid };

	return x->set ? secret_set(c->store, x->kind, id,
	                    (struct slice){ (const char *)x->value, x->nvalue }, &x->why)
	              : secret_del(c->store, x->kind, id, NULL);
}

static void flush(struct writes *w)
{
	struct certd *c = w->c;
	const char *why = "";
	int err = 0;

	LIST_FOREACH(&w->open, it)
	{
		struct change *x = LIST_ENTRY(it, struct change, node);

		if (err == 0) {
			char op[32];

			err = audit_note(c->audit, x->role, operation(x, op),
			    (struct slice){ x->id, x->nid }, SLICE_LIT("accepted"));
		}
	}
	if (err == 0)
		err = audit_sync(c->audit);
	if (err && audit_trouble(c->audit))
		why = audit_trouble(c->audit);
	bool noted = err == 0;
	if (err == 0)
		err = store_begin(c->store);
	LIST_FOREACH(&w->open, it)
	{
		struct change *x = LIST_ENTRY(it, struct change, node);

		if (err == 0) {
			x->err = one(c, x);
			if (x->err &&
			    x->err != ERR_VALUE) /* the store's fault: nobody's is written */
				err = x->err;
		}
	}
	if (err == 0)
		err = store_end(c->store);
	else
		store_undo(c->store);
	if (err && !*why)
		why = store_why(c->store);
	w->n = 0;
	LIST_FOREACH(&w->open, it)
	{
		struct change *x = LIST_ENTRY(it, struct change, node);

		if (noted && (err || x->err))
			note_failure(c, x, err ? err : x->err);
		if (err)
			finish(x, err, why);
		else
			finish(x, x->err, x->why);
	}
}

static void on_flush(struct tmr *t, void *ctx)
{
	(void)t;
	flush(ctx);
}

struct writes *writes_new(struct certd *c)
{
	struct writes *w = mem_new(sizeof(*w));

	w->c = c;
	list_init(&w->open);
	tmr_init(&w->flush, c->d->wheel, on_flush, w);
	return w;
}

void writes_free(struct writes *w)
{
	if (!w)
		return;
	tmr_stop(&w->flush);
	LIST_FOREACH(&w->open, it)
	finish(LIST_ENTRY(it, struct change, node), ERR_LOST, "certd is ending");
	free(w);
}

void writes_add(struct writes *w, const char *role, bool set, enum store_kind kind, struct slice id,
    struct slice value, writes_done_h *done, void *ctx)
{
	struct change *x = mem_new(sizeof(*x));

	if (slice_copy(slice_str(role), x->role, sizeof(x->role)) != 0)
		x->role[0] = '\0';
	x->set = set;
	x->kind = kind;
	x->id = mem_dup(id.p ? id.p : "", id.n);
	x->nid = id.n;
	x->value = mem_dup(value.p ? value.p : "", value.n);
	x->nvalue = value.n;
	x->done = done;
	x->ctx = ctx;
	list_append(&w->open, &x->node);
	if (++w->n >= GROUP)
		tmr_start(&w->flush, 0);
	else if (!tmr_pending(&w->flush))
		tmr_start(&w->flush, 1); /* the peer's other requests of this moment join */
}
