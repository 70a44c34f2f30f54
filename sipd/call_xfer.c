/* Transfer: attended (two calls of a handset are joined), blind and by REFER (an end that is up gets a new target). */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/leg_sip.h"
#include "sipd/ms_adhoc.h"

/* Takes a leg out of its call without ending it; the call then ends. */
void call_take(struct leg *l, enum cause cause)
{
	struct call *c = l->call;

	if (!c)
		return;
	if (c->a == l)
		c->a = NULL;
	else
		c->b = NULL;
	l->call = NULL;
	struct call_arg arg = { .cause = cause };
	(void)call_event(c, CALL_EV_END, &arg);
}

/* The music and one-way audio of a hold end with it. */
static void unhold(struct leg *l)
{
	if (l->held_by_far) {
		l->held_by_far = false;
		l->ops->far_hold(l, false);
	}
	l->holding = false;
	if (l->media && !media_rests(l->media, leg_far_side(l))) {
		struct media_leg off = { .on = true,
			.has_music = true,
			.music = false,
			.has_dir = true,
			.dir = SDP_SENDRECV };
		media_set(l->media, leg_far_side(l), &off);
	}
}

int call_redirect(struct leg *stays, const char *target, const char *extra,
    void (*fn)(struct call *c, void *ctx, bool ok, unsigned status), void *ctx)
{
	struct sipd *s = stays->sipd;
	struct route r;

	if (!stays->up || stays->gone || !stays->call)
		return ERR_STATE;
	route_find(s, stays->user, slice_str(target), false, &r);
	if (r.kind == ROUTE_NONE)
		return ERR_NOTFOUND;
	call_take(stays, CAUSE_TRANSFERRED);
	unhold(stays);
	struct call *c = call_new(s, stays);
	c->done = fn;
	c->done_ctx = ctx;
	c->complete = true;
	(void)snprintf(c->dialled, sizeof(c->dialled), "%s", target);
	c->ndialled = strlen(c->dialled);
	(void)snprintf(c->extra, sizeof(c->extra), "%s", extra ? extra : "");
	return call_event(c, CALL_EV_READY, NULL);
}

int call_join(struct leg *x, struct leg *y)
{
	struct call *cx = x->call, *cy = y->call;
	struct leg *bx = call_other(cx, x), *by = call_other(cy, y);

	if (!cx || !cy || cx == cy || !bx || !by || bx->gone || by->gone || !x->up || !bx->up)
		return ERR_STATE;
	if (!y->up || !by->up) {
		/* Transfer while the second party still rings: the first takes the caller's place in that call. */
		if (cy->a != y || (cy->fsm.st != CALL_RING && cy->fsm.st != CALL_OFFER))
			return ERR_STATE;
	}
	log_ev(LOG_NOTICE, "call transferred", F_CALL(cx->ref),
	    F_TEXT("IPDECT_FROM", bx->who.number), F_TEXT("IPDECT_TO", by->who.number));
	/* x's call loses bx and ends, releasing x. */
	call_take(bx, CAUSE_TRANSFERRED);
	unhold(bx);
	/* In y's call bx takes y's place. */
	struct leg *old = y;
	if (cy->a == y)
		cy->a = bx;
	else
		cy->b = bx;
	bx->call = cy;
	old->call = NULL;
	bool ringing = cy->fsm.st != CALL_ACTIVE;
	if (!ringing)
		unhold(by);
	old->ops->release(old, CAUSE_TRANSFERRED);
	if (bx->media && by->media && bx->media != by->media)
		media_link(bx->media, leg_far_side(bx), by->media, leg_far_side(by));
	bx->ops->display(bx, &by->who);
	by->ops->display(by, &bx->who);
	if (ringing && bx->media)
		media_tone(bx->media, bx->side, MEDIA_TONE_RINGBACK, 0);
	leg_free(old);
	return 0;
}

static struct leg_sip *refers(struct leg *far)
{
	bool may = far && far->ops == &leg_sip_ops && far->up &&
	           far->sipd->conf->transfer != TRANSFER_BRIDGE;

	return may ? leg_sip_of(far) : NULL;
}

int call_attended(struct leg *x, struct leg *y)
{
	struct leg *bx = call_other(x->call, x), *by = call_other(y->call, y);
	struct leg_sip *rx = refers(bx), *ry = refers(by);

	/* Both far ends are SIP and know REFER: they can talk without us. */
	if (rx && ry && x->sipd->conf->transfer == TRANSFER_REFER && refer_send(rx, NULL, ry) == 0)
		return 0;
	return call_join(x, y);
}

int call_blind_here(struct leg *far, const char *target)
{
	struct leg *x = far->call ? call_other(far->call, far) : NULL;

	if (!x)
		return ERR_STATE;
	/* The new call is made on behalf of the handset's user. */
	if (!far->handset && !far->user)
		far->user = x->user;
	return call_redirect(far, target, NULL, NULL, NULL);
}

int call_blind(struct leg *x, const char *target)
{
	struct leg *far = call_other(x->call, x);
	struct leg_sip *r = refers(far);
	struct route rt;

	if (!x->call || x->call->fsm.st != CALL_ACTIVE || !far)
		return ERR_STATE;
	route_find(x->sipd, x->user, slice_str(target), false, &rt);
	if (rt.kind == ROUTE_NONE)
		return ERR_NOTFOUND;
	if (r && rt.kind == ROUTE_SIP && refer_send(r, target, NULL) == 0)
		return 0;
	return call_blind_here(far, target);
}

void call_referred(struct leg *far, bool ok)
{
	struct call *c = far->call;
	struct call_arg arg = { .cause = CAUSE_TRANSFERRED };

	if (c && ok)
		(void)call_event(c, CALL_EV_END, &arg);
	else if (c) {
		struct leg *x = call_other(c, far);
		if (x)
			x->ops->display(x, &far->who);
	}
}

int call_conference(struct leg *x, struct leg *y, bool on)
{
	if (!x->media || !y->media || x->media == y->media || !x->up || !y->up || !x->call ||
	    !y->call)
		return ERR_STATE;
	if (!on) {
		ms_adhoc_ended(x->sipd, x, "the handset splits the calls again");
		media_unmix(x->media);
		return 0;
	}
	/* Nobody is on hold in a conference. */
	struct leg *legs[2] = { x, y };
	for (int i = 0; i < 2; i++)
		if (legs[i]->holding) {
			struct call_arg arg = { .leg = legs[i], .on = false };
			(void)call_event(legs[i]->call, CALL_EV_HOLD, &arg);
		}
	int err = media_mix(x->media, y->media);
	if (!err)
		(void)ms_adhoc_begin(x, y);
	return err;
}
