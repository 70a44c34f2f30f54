/* Handsets that were lost are looked for: one that comes back into reach within the same location area registers only when it
 * likes, and until then no call would find it. A page now and then, at growing intervals; who answers has to prove itself. */
#include "common/mem.h"
#include "dectd/mm_priv.h"

#define LOOK_MS 5000 /* how often it is looked who is due */
#define AT_ONCE 16   /* handsets paged at a time: the bases' page queues are short */

static uint64_t interval(unsigned hunts)
{
	static const uint32_t seconds[] = { 30, 60, 120, 300, 600 };

	return (uint64_t)seconds[hunts < ARRAY_LEN(seconds) ? hunts : ARRAY_LEN(seconds) - 1] *
	       1000;
}

static void on_hunt(struct tmr *t, void *ctx)
{
	struct mm *m = ctx;
	uint64_t now = tmr_now(m->r->d->wheel);
	unsigned n = 0;
	bool any = false;

	LIST_FOREACH(pps_list(m->r->pps), it)
	{
		struct pp *pp = LIST_ENTRY(it, struct pp, node);

		if (pp->state != PP_LOST || !pp->subscribed)
			continue;
		any = true;
		if (pp->verifying)
			continue;
		if (!pp->hunt_at) {
			pp->hunt_at = now + interval(0);
		} else if (pp->hunt_at <= now && n < AT_ONCE) {
			n++;
			pp->hunts++;
			pp->hunt_at = now + interval(pp->hunts);
			mm_verify(m, pp);
		}
	}
	if (any)
		tmr_start(t, LOOK_MS);
}

void mm_hunt(struct mm *m)
{
	if (!tmr_pending(&m->hunt))
		tmr_start(&m->hunt, LOOK_MS);
}

void mm_hunt_init(struct mm *m)
{
	tmr_init(&m->hunt, m->r->d->wheel, on_hunt, m);
	tmr_start(&m->hunt, LOOK_MS);
}
