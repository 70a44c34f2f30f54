/* What both kinds of legs share: media, call records, end. */
#include "sipd/leg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/mem.h"
#include "sipd/call.h"
#include "sipd/ms_adhoc.h"

void leg_init(struct leg *l, struct sipd *s, const struct leg_ops *ops)
{
	l->ops = ops;
	l->sipd = s;
	l->began = sipd_wall_ms();
	list_init(&l->user_leg);
}

void leg_share_media(struct leg *l, const struct leg *with)
{
	if (l->media == with->media)
		return;
	leg_drop_media(l, 0);
	l->media = media_ref(with->media);
	l->side = leg_far_side(with);
	media_attach(l->media, &l->mu);
}

void leg_drop_media(struct leg *l, uint32_t linger_ms)
{
	media_detach(&l->mu);
	if (l->media)
		media_unref(l->media, linger_ms);
	l->media = NULL;
}

void leg_free(struct leg *l)
{
	if (!l)
		return;
	if (!list_empty(&l->sipd->adhocs))
		ms_adhoc_ended(l->sipd, l, "a call has ended meanwhile");
	if (l->naming)
		ipc_forget(l->sipd->d->ipc, l);
	leg_drop_media(l, 0);
	list_remove(&l->user_leg);
	l->ops->free(l);
}

void leg_identity(struct leg *l, const struct party *now)
{
	struct party had = l->who;

	l->who = *now;
	if (!now->name[0] && !now->anonymous && strcmp(had.number, now->number) == 0)
		memcpy(l->who.name, had.name, sizeof(l->who.name));
}

void leg_record_begin(struct leg *l, const struct party *far)
{
	struct cdr_rec r = { .call = l->ref,
		.start = l->began,
		.kind = l->calling ? CDR_PLACED : CDR_MISSED,
		.user = slice_str(l->user->f[USER_NAME]),
		.name = slice_str(far->name),
		.number = slice_str(l->calling && !far->number[0] ? l->dialled : far->number),
		.uri = slice_str(far->uri),
		.unread = !l->calling };

	cdr_begin(l->sipd->cdr, &r);
	l->record = r.id;
}

/* ended = 0: the call goes on. */
static void record_put(struct leg *l, const struct party *far, uint64_t ended, const char *cause,
    bool elsewhere, const char *diverted)
{
	char media[64] = "";

	if (l->media)
		media_text(l->media, media, sizeof(media));
	struct cdr_rec r = { .id = l->record,
		.call = l->ref,
		.start = l->began,
		.answered = l->answered,
		.ended = ended,
		.name = slice_str(far->name),
		.kind = l->calling    ? CDR_PLACED
		        : l->answered ? CDR_RECEIVED
		                      : CDR_MISSED,
		.number = slice_str(l->calling && l->dialled[0] ? l->dialled : far->number),
		.uri = slice_str(far->uri),
		.cause = slice_str(cause),
		.media = slice_str(media),
		.elsewhere = elsewhere,
		.diverted = slice_str(diverted ? diverted : ""),
		.rfp = slice_str(l->user && l->user->room ? ustate_of(l->user)->rfp : "") };
	r.unread = r.kind == CDR_MISSED && !r.elsewhere;
	cdr_update(l->sipd->cdr, &r);
}

void leg_record_answered(struct leg *l, const struct party *far)
{
	if (l->record)
		record_put(l, far, 0, "", false, NULL);
}

void leg_record_end(struct leg *l, const struct party *far, enum cause cause, const char *diverted)
{
	if (!l->record)
		return;
	record_put(l, far, sipd_wall_ms(), cause_name(cause),
	    !l->calling && !l->answered && cause == CAUSE_ELSEWHERE, diverted);
	l->record = 0;
}
