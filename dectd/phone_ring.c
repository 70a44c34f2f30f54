/* A call for a handset: presented, waiting beside another one, and what is shown of its caller. */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "dectd/phone_priv.h"

static void describe(struct line *l, const struct iwu_offer *o)
{
	struct ui_caps caps = cc_ui_caps(l->phone->pp);
	const struct phones_conf *conf = &l->phone->all->conf;
	bool number_only = !caps.part3 && !conf->cc.number_uris;
	struct ui_shown via;

	ui_party_show(&o->caller, number_only, &l->far);
	l->anonymous = o->caller.anonymous;
	l->external = o->caller.external;
	if (o->has_diverted) {
		ui_party_show(&o->diverted, number_only, &via);
		struct wr w = wr_of(l->via, sizeof(l->via));
		ui_party_line(&via, &w, UI_NAME_MAX);
		if (!wr_nul(&w))
			l->via[0] = '\0';
	}
	unsigned ring = o->ring_pattern >= 0 ? (unsigned)o->ring_pattern
	                : l->external        ? conf->ring_external
	                                     : conf->ring_internal;
	l->signal = CC_SIG_ALERT0 + (int)(ring > 8 ? 8 : ring);
}

/* The caller's lines on a display: name, number, who sent the call on. NULL: the caller is shown by elements. */
static const char *caller_text(
    const struct phone *ph, const struct line *l, enum ui_str title, char *out, size_t cap)
{
	struct ui_caps caps = cc_ui_caps(ph->pp);
	struct wr w = wr_of(out, cap);

	if (title != UI_NSTRINGS)
		wr_fmt(&w, "%s\n", phone_text(ph, title));
	else if (!l->via[0] && (caps.utf8 || !ph->all->conf.cc.display_clip))
		return NULL;
	if (l->anonymous)
		wr_str(&w, phone_text(ph, UI_T_ANONYMOUS));
	else if (l->far.name[0] && l->far.number[0])
		wr_fmt(&w, "%s\n%s", l->far.name, l->far.number);
	else
		ui_party_line(&l->far, &w, UI_URI_MAX);
	if (l->via[0])
		wr_fmt(&w, "\n%s %s", phone_text(ph, UI_T_VIA), l->via);
	return wr_nul(&w) ? out : NULL;
}

static void caller_show(const struct phone *ph, const struct line *l, struct cc_show *s,
    struct ie_call_info *ci, char *text, size_t cap)
{
	phone_call_info(ci, l, 1);
	s->info = ci;
	s->calling = &l->far;
	s->anonymous = l->anonymous;
	s->text = caller_text(ph, l, l->recall ? UI_T_RECALL : UI_NSTRINGS, text, cap);
}

static int present(struct phone *ph, struct line *l)
{
	struct cc_show s = phone_show(l->signal >= 0 ? l->signal : CC_SIG_ALERT0);
	struct cc_offer o = { .show = &s,
		.internal = !l->external && !l->recall,
		.wideband = cc_ui_caps(ph->pp).wideband };
	struct ie_call_info ci;
	char text[256];

	caller_show(ph, l, &s, &ci, text, sizeof(text));
	int err = cc_offer(ph->all->cc, ph->pp, &o, &ph->cc);
	if (err)
		ph->cc = NULL;
	else
		cc_set_user(ph->cc, ph);
	return err;
}

/* The handset is free: what waits for it rings. */
void phone_next(struct phone *ph)
{
	struct line *l;

	if (ph->cc || ph->releasing || ph->hanging_up)
		return;
	l = phone_in(ph, LN_WAIT);
	if (!l) {
		l = phone_in(ph, LN_HELD);
		if (l)
			l->recall = true;
	}
	if (l)
		(void)line_event(l, LE_PRESENT);
	l = phone_in(ph, LN_OFFER);
	if (l && present(ph, l) != 0)
		line_drop(l, IWU_UNREACHABLE);
}

/* Call waiting (12.4): shown inside the call that is on. */
static void show_waiting(struct phone *ph, struct line *l, int signal)
{
	struct cc_show s = phone_show(signal);
	struct ie_call_info ci;
	char text[256];

	phone_call_info(&ci, l, 1);
	s.info = &ci;
	s.calling = &l->far;
	s.anonymous = l->anonymous;
	s.text = caller_text(ph, l, UI_T_WAITING, text, sizeof(text));
	(void)cc_info(ph->cc, &s);
}

static void waiting(struct phone *ph, struct line *l)
{
	struct phones *p = ph->all;

	show_waiting(ph, l, CC_SIG_WAITING);
	(void)line_event(l, LE_WAITING);
	l->accepted = true;
	p->st.waiting++;
	p->ops->offered(p->ctx, l->ref, true, IWU_NONE);
	p->ops->alerting(p->ctx, l->ref);
	if (p->conf.waiting_tone && ph->active && ph->active->has_media)
		p->ops->tone(p->ctx, ph->pp, &ph->active->media, IWU_TONE_WAITING);
}

void phone_caller_again(struct phone *ph, struct line *l)
{
	enum line_state st = line_state(l);

	if (!ph->cc)
		return;
	if (st == LN_WAIT) {
		show_waiting(ph, l, CC_SIG_NONE);
	} else if (st == LN_OFFER || st == LN_RING) {
		struct cc_show s = phone_show(CC_SIG_NONE);
		struct ie_call_info ci;
		char text[256];
		caller_show(ph, l, &s, &ci, text, sizeof(text));
		(void)cc_info(ph->cc, &s);
	}
}

enum iwu_cause phones_offer(
    struct phones *p, struct pp *pp, uint64_t ref, const struct iwu_offer *o)
{
	struct phone *ph = phone_get(p, pp);

	if (map_get(&p->lines, map_u64(&ref)))
		return IWU_INTERNAL;
	if (ph->list_call) /* a call is worth more than a look at a list: it rings as soon as that is over */
		phone_hang_up(ph, CC_R_PARTIAL, NULL);
	bool free_to_ring = !ph->cc && !ph->nlines;
	bool can_wait = ph->cc && p->conf.call_waiting && ph->nlines == 1 && !ph->menu &&
	                ph->active && line_state(ph->active) == LN_UP &&
	                cc_state(ph->cc) == CC_ACTIVE && ph->op == PO_NONE && ph->mode == PM_NORMAL;
	p->st.offered++;
	if (!free_to_ring && !can_wait) {
		p->st.busy++;
		return IWU_BUSY;
	}
	struct line *l = line_new(ph, ref, false);
	describe(l, o);
	if (o->media) {
		l->media = *o->media;
		l->has_media = true;
	}
	if (can_wait) {
		waiting(ph, l);
		return IWU_NONE;
	}
	if (!ph->releasing && present(ph, l) != 0) {
		(void)line_event(l, LE_DROP);
		return IWU_UNREACHABLE;
	}
	return IWU_NONE;
}
