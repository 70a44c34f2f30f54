/* Hold and retrieve. */
#include "common/mem.h"
#include "sipd/call.h"

int call_hold(struct fsm *m, int ev, const void *p)
{
	struct call *c = call_of(m);
	const struct call_arg *arg = p;
	struct leg *l = arg->leg, *other = call_other(c, l);

	(void)ev;
	if (!other || other->gone || l->holding == arg->on)
		return FSM_NEXT;
	l->holding = arg->on;
	other->held_by_far = arg->on;
	/* Two media are linked: the side towards the held end plays music and listens to nobody. */
	if (other->media && l->media && l->media != other->media) {
		struct media_leg music = { .on = true,
			.has_music = true,
			.music = arg->on,
			.has_dir = true,
			.dir = arg->on ? SDP_SENDONLY : SDP_SENDRECV };
		media_set(l->media, leg_far_side(l), &music);
	}
	other->ops->far_hold(other, arg->on);
	return FSM_NEXT;
}
