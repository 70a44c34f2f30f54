/* Mobility management: the end of a subscription, on air and in the stores. */
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/mm_priv.h"

static void on_erased(void *ctx, const struct auth_result *a)
{
	struct mm_erase *e = ctx;
	struct mm *m = e->mm;
	struct pp *pp = pp_by_ipui(m->r->pps, &e->ipui);
	char text[PP_TEXT] = "";
	int err = e->err;

	if (a->err && a->err != ERR_NOTFOUND)
		log_ev(LOG_ERR, "the key of a deleted handset is still in certd", F_ERR(a->err),
		    F_REMEDY("delete it there: dectctl secret list"));
	if (pp) {
		(void)pp_text(pp, text);
		mm_early_forget(m, pp);
		mm_pp_gone(m, pp);
		if (pp_delete(pp))
			err = ERR_STORE;
	}
	m->st.terminations++;
	log_ev(LOG_NOTICE, "access rights were terminated", F_PP(text), F_ERR(err));
	list_remove(&e->node);
	if (e->done)
		e->done(e->ctx, NULL, err);
	free(e);
}

void mm_erase(struct mm *m, struct pp *pp, int err, mm_done_h *done, void *ctx)
{
	struct mm_erase *e = mem_new(sizeof(*e));

	e->mm = m;
	e->ipui = pp->ipui;
	e->err = err;
	e->done = done;
	e->ctx = ctx;
	list_append(&m->erasing, &e->node);
	if (m->auth->sub(m->auth_ctx, &pp->ipui, AUTH_ERASE, NULL, on_erased, e))
		on_erased(e, &(struct auth_result){ .err = ERR_LOST });
}

int mm_terminate(struct mm *m, struct pp *pp, mm_done_h *done, void *ctx)
{
	struct mm_ep *ep;

	if (!m->auth->ready(m->auth_ctx))
		return ERR_BUSY;
	if (!pp->subscribed || mm_reach(m, pp, &ep)) {
		mm_erase(m, pp, pp->subscribed ? ERR_LOST : 0, done, ctx);
		return 0;
	}
	if (ep->term_wanted || ep->job == JOB_TERM_FT)
		return ERR_STATE;
	ep->term_wanted = true;
	ep->term_done = done;
	ep->term_ctx = ctx;
	return 0;
}

static bool rights_wait(const struct mm_ep *ep)
{
	return ep->job == JOB_NONE && ep->nqueued > 1 && ep->queued[1] == MM_ACCESS_RIGHTS_REQUEST;
}

void mm_pp_gone(struct mm *m, struct pp *pp)
{
	LIST_FOREACH(&m->eps, it)
	{
		struct mm_ep *ep = LIST_ENTRY(it, struct mm_ep, node);

		LIST_FOREACH(&ep->waiters, wi)
		{
			struct mm_waiter *w = LIST_ENTRY(wi, struct mm_waiter, node);

			if (w->pp == pp)
				w->pp = NULL;
		}
		if (ep->pp != pp)
			continue;
		ep->pp = NULL;
		ep->authed = false;
		/* It subscribes anew while its old rights still go: that belongs to the device that is to come. */
		if (ep->job == JOB_RIGHTS || rights_wait(ep))
			continue;
		(void)fsm_event(&ep->fsm, MM_EV_DOWN, NULL); /* nothing goes on for it */
		lce_release(ep->link, true);
	}
	LIST_FOREACH(&m->orphans, it)
	{
		struct mm_waiter *w = LIST_ENTRY(it, struct mm_waiter, node);

		if (w->pp == pp)
			w->pp = NULL;
	}
}
