/* What sipd says of a handset's calls. */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/phone_priv.h"

const char *iwu_cause_name(enum iwu_cause c)
{
	static const char *const names[IWU_CAUSE_N] = { "", "normal", "busy", "no answer",
		"rejected", "unknown number", "number incomplete", "not reachable", "no channel",
		"forbidden", "no common codec", "answered elsewhere", "cancelled",
		"radio link lost", "far end lost", "authentication failed", "internal error",
		"transferred", "forwarded" };

	return c < IWU_CAUSE_N ? names[c] : "";
}

uint8_t iwu_reason(enum iwu_cause c)
{
	switch (c) {
	case IWU_NORMAL:
	case IWU_CANCELLED:
	case IWU_ELSEWHERE:
	case IWU_TRANSFERRED:
	case IWU_FORWARDED:
		return CC_R_NORMAL;
	case IWU_BUSY:
		return CC_R_USER_BUSY;
	case IWU_REJECTED:
	case IWU_FORBIDDEN:
		return CC_R_USER_REJECT;
	case IWU_UNKNOWN_NUMBER:
	case IWU_INCOMPLETE:
		return CC_R_USER_UNKNOWN;
	case IWU_NO_ANSWER:
	case IWU_UNREACHABLE:
		return CC_R_NOT_IN_RANGE;
	case IWU_CONGESTION:
		return CC_R_IWU_CONGESTION;
	case IWU_CODEC:
		return CC_R_INCOMPATIBLE;
	case IWU_SECURITY:
		return CC_R_AUTH_FAILED;
	default:
		return CC_R_UNKNOWN;
	}
}

enum iwu_cause iwu_cause(uint8_t reason)
{
	switch (reason) {
	case CC_R_NORMAL:
	case CC_R_PARTIAL:
		return IWU_NORMAL;
	case CC_R_USER_BUSY:
	case 0x13: /* already active */
		return IWU_BUSY;
	case CC_R_USER_REJECT:
		return IWU_REJECTED;
	case CC_R_DETACHED:
	case CC_R_NOT_IN_RANGE:
	case CC_R_TIMER:
		return IWU_UNREACHABLE;
	case CC_R_OVERLOAD:
	case CC_R_RESOURCES:
	case CC_R_BEARERS:
	case CC_R_IWU_CONGESTION:
		return IWU_CONGESTION;
	case CC_R_AUTH_FAILED:
	case CC_R_SECURITY:
	case CC_R_CIPHER_FAILED:
	case 0x42:
	case 0x43:
		return IWU_SECURITY;
	case CC_R_INCOMPATIBLE:
	case CC_R_NEGOTIATION:
		return IWU_CODEC;
	case CC_R_USER_UNKNOWN:
		return IWU_UNKNOWN_NUMBER;
	default:
		return IWU_UNREACHABLE;
	}
}

static struct line *find(struct phones *p, uint64_t ref)
{
	struct map_node *n = map_get(&p->lines, map_u64(&ref));

	return n ? CONTAINER_OF(n, struct line, by_ref) : NULL;
}

static enum ui_str cause_text(enum iwu_cause c)
{
	switch (c) {
	case IWU_BUSY:
		return UI_T_BUSY;
	case IWU_NO_ANSWER:
		return UI_T_NO_ANSWER;
	case IWU_REJECTED:
		return UI_T_REJECTED;
	case IWU_UNKNOWN_NUMBER:
		return UI_T_UNKNOWN;
	case IWU_INCOMPLETE:
		return UI_T_INCOMPLETE;
	case IWU_UNREACHABLE:
		return UI_T_UNREACHABLE;
	case IWU_CONGESTION:
		return UI_T_CONGESTION;
	case IWU_FORBIDDEN:
		return UI_T_FORBIDDEN;
	case IWU_CODEC:
		return UI_T_CODEC;
	case IWU_ELSEWHERE:
		return UI_T_ELSEWHERE;
	case IWU_PEER_LOST:
	case IWU_INTERNAL:
		return UI_T_NO_SERVER;
	case IWU_TRANSFERRED:
		return UI_T_TRANSFERRED;
	default:
		return UI_T_ENDED;
	}
}

static int cause_signal(enum iwu_cause c)
{
	switch (c) {
	case IWU_BUSY:
	case IWU_REJECTED:
		return CC_SIG_BUSY;
	case IWU_UNKNOWN_NUMBER:
	case IWU_INCOMPLETE:
	case IWU_FORBIDDEN:
		return CC_SIG_INTERCEPT;
	default:
		return CC_SIG_CONGESTION;
	}
}

static void take_media(struct line *l, const struct mac_media *m)
{
	struct phone *ph = l->phone;
	bool same = l->has_media && m && l->media.instance == m->instance &&
	            l->media.session == m->session &&
	            memcmp(&l->media.far, &m->far, sizeof(m->far)) == 0;

	if (!m || (same && !l->path_try))
		return;
	tmr_stop(&l->path);
	l->path_try = 0;
	l->media = *m;
	l->has_media = true;
	if (ph->active == l && line_state(l) != LN_HELD && (l->out || l->was_up) && ph->cc) {
		int err = phone_path(ph, l);
		if (err)
			log_ev(LOG_WARNING, "speech path not opened", F_CALL(l->ref), F_ERR(err));
	}
}

static void take_party(struct line *l, const struct ui_party *party)
{
	struct ui_caps caps = cc_ui_caps(l->phone->pp);

	if (!party)
		return;
	ui_party_show(party, !caps.part3 && !l->phone->all->conf.cc.number_uris, &l->far);
	l->anonymous = party->anonymous;
	l->external = party->external;
}

/* ---- a handset calls ---- */

void phones_setup_done(struct phones *p, uint64_t ref, int err, const struct mac_media *media,
    bool dial_tone, const char *why)
{
	struct line *l = find(p, ref);
	struct cc_show s = phone_show(CC_SIG_NONE);

	if (!l || line_state(l) != LN_SETUP)
		return;
	struct phone *ph = l->phone;
	if (err == ERR_LOST && line_again(l))
		return;
	if (err) {
		log_ev(LOG_NOTICE, "call refused", F_CALL(ref), F_ERR(err), F_WHY(why ? why : ""));
		bool lost = err == ERR_LOST || err == ERR_TIMEOUT;
		(void)line_event(l, LE_DROP);
		if (!phone_in(ph, LN_HELD)) {
			phone_hang_up(ph, lost ? CC_R_IWU_CONGESTION : CC_R_USER_REJECT,
			    phone_text(ph, lost ? UI_T_NO_SERVER : UI_T_FAILED));
			return;
		}
		phone_say(ph, phone_text(ph, lost ? UI_T_NO_SERVER : UI_T_FAILED), CC_SIG_NEGATIVE);
		phone_after(ph);
		return;
	}
	(void)line_event(l, LE_ACK);
	if (media) {
		l->media = *media;
		l->has_media = true;
	}
	err = phone_path(ph, l);
	if (err) {
		log_ev(LOG_WARNING, "no speech path for a call", F_CALL(ref), F_ERR(err),
		    F_REMEDY("the base station's channels may be in use: see `dectctl base show`"));
		p->st.no_channel++;
		line_drop(l, IWU_CONGESTION);
		if (!phone_in(ph, LN_HELD))
			phone_hang_up(ph, CC_R_BEARERS, phone_text(ph, UI_T_CONGESTION));
		else
			phone_after(ph);
		return;
	}
	p->ops->radio(p->ctx, ph->pp, ref, false);
	struct ie_call_info ci;
	phone_call_info(&ci, l, 2);
	s.info = &ci;
	s.codecs = true;
	s.progress = 8;
	if (!dial_tone && !l->sent_digits)
		s.signal = CC_SIG_DIAL;
	if (cc_state(ph->cc) == CC_INITIATED) {
		if (!l->complete)
			(void)cc_setup_ack(ph->cc, &s);
	} else if (cc_state(ph->cc) == CC_ACTIVE) {
		s.text = phone_text(ph, UI_T_DIAL);
		s.codecs = false;
		(void)cc_info(ph->cc, &s);
	}
	phone_run_keys(ph);
}

void phones_progress(struct phones *p, uint64_t ref, const struct iwu_progress_in *in)
{
	struct line *l = find(p, ref);
	struct cc_show s = phone_show(CC_SIG_NONE);
	struct ie_call_info ci;

	if (!l || line_event(l, LE_PROGRESS) != 0)
		return;
	struct phone *ph = l->phone;
	struct cc_call *c = ph->cc;
	take_media(l, in->media);
	take_party(l, in->party);
	if (!c || ph->active != l)
		return;
	enum cc_state st = cc_state(c);
	phone_call_info(&ci, l, in->kind == IWU_PROCEEDING ? 3 : 4);
	s.info = &ci;
	if (l->far.name[0] || l->far.number[0])
		s.called = &l->far;
	if (in->in_band || in->kind == IWU_EARLY_MEDIA)
		s.progress = 8;
	if (in->kind == IWU_QUEUED)
		s.text = phone_text(ph, UI_T_QUEUED);
	if (in->kind == IWU_ALERTING && !in->in_band)
		s.signal = CC_SIG_RINGBACK;
	if (st == CC_ACTIVE) { /* a consultation */
		(void)cc_info(c, &s);
		return;
	}
	switch (in->kind) {
	case IWU_PROCEEDING:
		if (st == CC_INITIATED || st == CC_OVERLAP)
			(void)cc_proceeding(c, &s);
		break;
	case IWU_ALERTING:
		(void)cc_alerting(c, &s);
		break;
	default:
		if (st == CC_INITIATED || st == CC_OVERLAP)
			(void)cc_proceeding(c, &s);
		else
			(void)cc_info(c, &s);
		break;
	}
}

void phones_connected(
    struct phones *p, uint64_t ref, const struct ui_party *party, const struct mac_media *media)
{
	struct line *l = find(p, ref);
	struct cc_show s = phone_show(CC_SIG_NONE);
	struct ie_call_info ci;

	if (!l || line_event(l, LE_CONNECTED) != 0)
		return;
	struct phone *ph = l->phone;
	p->st.connected += !l->was_up;
	l->was_up = true;
	take_media(l, media);
	take_party(l, party);
	if (!ph->cc || ph->active != l)
		return;
	phone_call_info(&ci, l, 5);
	s.info = &ci;
	if (l->far.name[0] || l->far.number[0])
		s.called = &l->far;
	/* The in-band information of dialling ends; the speech path stays. */
	if (cc_state(ph->cc) == CC_ACTIVE)
		(void)cc_info(ph->cc, &s);
	else
		(void)cc_connect(ph->cc, &s);
	phone_run_keys(ph);
}

/* ---- it ends ---- */

static void ended_while_ringing(struct phone *ph, struct line *l, enum iwu_cause cause)
{
	(void)line_event(l, LE_DROP);
	phone_hang_up(ph, iwu_reason(cause == IWU_NO_ANSWER ? IWU_NORMAL : cause),
	    cause == IWU_ELSEWHERE ? phone_text(ph, UI_T_ELSEWHERE) : NULL);
}

static void ended_waiting(struct phone *ph, struct line *l)
{
	struct cc_show s = phone_show(CC_SIG_TONES_OFF);
	struct ie_call_info ci;

	phone_call_info(&ci, l, 0);
	s.info = &ci;
	(void)line_event(l, LE_DROP);
	if (!ph->cc)
		return;
	struct line *up = ph->active;
	if (up) { /* what was shown before is shown again */
		if (up->out)
			s.called = &up->far;
		else
			s.calling = &up->far;
		s.anonymous = !up->out && up->anonymous;
	}
	(void)cc_info(ph->cc, &s);
}

void phones_released(
    struct phones *p, uint64_t ref, enum iwu_cause cause, struct slice text, bool tone)
{
	struct line *l = find(p, ref);
	char shown[UI_URI_MAX * 4 + 1];
	const char *say = NULL;

	if (!l)
		return;
	struct phone *ph = l->phone;
	enum line_state st = line_state(l);
	bool heard = ph->active == l;
	log_ev(
	    LOG_INFO, "call released", F_CALL(ref), F_TEXT("IPDECT_CAUSE", iwu_cause_name(cause)));
	if (ph->op == PO_TRANSFER && cause == IWU_TRANSFERRED) {
		(void)line_event(l, LE_DROP);
		if (ph->nlines == 0) {
			ph->op = PO_NONE;
			ph->hanging_up = false;
			phone_hang_up(ph, CC_R_NORMAL, phone_text(ph, UI_T_TRANSFERRED));
		}
		return;
	}
	if (st == LN_OFFER || st == LN_RING) {
		ended_while_ringing(ph, l, cause);
		return;
	}
	if (st == LN_WAIT) {
		ended_waiting(ph, l);
		return;
	}
	if (ph->conference) {
		ph->conference = false;
		struct line *other = phone_other(ph, l);
		(void)line_event(l, LE_DROP);
		if (other && line_state(other) == LN_UP) {
			ph->active = other;
			(void)phone_path(ph, other);
			phone_show_line(ph, other, 5, CC_SIG_NONE);
		} else {
			phone_after(ph);
		}
		return;
	}
	if (l->out && !l->was_up && heard && ph->cc) {
		/* LYNC: the reason phrase in text is sipd's English; ours is in the handset's language. */
		say = phone_text(ph, cause_text(cause));
		if (tone && line_event(l, LE_TONE) == 0) {
			struct cc_show s = phone_show(CC_SIG_NONE);
			s.text = say;
			s.progress = 8;
			if (cc_state(ph->cc) == CC_INITIATED)
				(void)cc_proceeding(ph->cc, &s);
			else
				(void)cc_info(ph->cc, &s);
			return;
		}
		bool back = phone_in(ph, LN_HELD) != NULL;
		(void)line_event(l, LE_DROP);
		if (back)
			phone_say(ph, say, cause_signal(cause));
		else
			phone_hang_up(ph, iwu_reason(cause), say);
		phone_after(ph);
		return;
	}
	if (st == LN_UP && heard) {
		(void)line_event(l, LE_DROP);
		struct line *held = phone_in(ph, LN_HELD);
		if (held || !ph->cc) {
			phone_after(ph);
			return;
		}
		if (cause != IWU_NORMAL) {
			struct wr w = wr_of(shown, sizeof(shown) - 1);
			ui_text_clean(&w, text, UI_URI_MAX);
			shown[w.n] = '\0';
			say = cause_text(cause) == UI_T_ENDED && shown[0]
			          ? shown
			          : phone_text(ph, cause_text(cause));
		}
		phone_hang_up(ph, iwu_reason(cause), say);
		return;
	}
	(void)line_event(l, LE_DROP);
	if (st == LN_HELD)
		phone_say(ph, phone_text(ph, UI_T_ENDED), CC_SIG_NONE);
	phone_after(ph);
}

/* ---- while it lasts ---- */

void phones_display(
    struct phones *p, uint64_t ref, const struct ui_party *party, int held, struct slice text)
{
	struct line *l = find(p, ref);
	char shown[UI_URI_MAX * 4 + 1];

	if (!l)
		return;
	struct phone *ph = l->phone;
	take_party(l, party);
	if (held >= 0)
		l->held_by_far = held;
	if (ph->active != l || !ph->cc) {
		if (party)
			phone_caller_again(ph, l);
		return;
	}
	if (text.n) {
		struct wr w = wr_of(shown, sizeof(shown) - 1);
		ui_text_clean(&w, text, UI_URI_MAX);
		shown[w.n] = '\0';
		phone_say(ph, shown, CC_SIG_NONE);
		return;
	}
	if (held > 0)
		phone_say(ph, phone_text(ph, UI_T_HELD_BY_FAR), CC_SIG_NONE);
	else
		phone_show_line(ph, l, held == 0 ? 5 : -1, CC_SIG_NONE);
}

void phones_media(struct phones *p, uint64_t ref, const struct mac_media *media)
{
	struct line *l = find(p, ref);

	if (l)
		take_media(l, media);
}

void phones_hold_done(struct phones *p, uint64_t ref, bool on, int err)
{
	struct line *l = find(p, ref);
	struct phone *ph = l ? l->phone : NULL;

	if (!l || ph->op == PO_NONE)
		return;
	if (!err)
		(void)line_event(l, on ? LE_HELD : LE_RETRIEVED);
	if (!err && on && ph->active == l)
		ph->active = NULL;
	phone_op_done(ph, on, err);
}

void phones_transfer_done(struct phones *p, uint64_t ref, int err)
{
	struct line *l = find(p, ref);
	struct phone *ph = l ? l->phone : NULL;

	if (!l || (ph->op != PO_TRANSFER && ph->op != PO_BLIND))
		return;
	if (!err && ph->op == PO_TRANSFER)
		return; /* sipd releases both */
	if (err && ph->hanging_up) {
		ph->op = PO_NONE;
		ph->hanging_up = false;
		while (ph->nlines)
			line_drop(ph->line[0], IWU_NORMAL);
		return;
	}
	phone_op_done(ph, false, err);
}

void phones_conference_done(struct phones *p, uint64_t ref, bool on, int err)
{
	struct line *l = find(p, ref);

	if (l && (l->phone->op == PO_CONFERENCE || l->phone->op == PO_SPLIT))
		phone_op_done(l->phone, on, err);
}

/* ---- sipd comes back ---- */

void phones_orphan(struct phones *p, uint32_t ms)
{
	LIST_FOREACH(&p->list, it)
	{
		struct phone *ph = LIST_ENTRY(it, struct phone, node);
		bool any = ph->nlines > 0;

		ph->op = PO_NONE;
		ph->hanging_up = false;
		for (unsigned i = ph->nlines; i > 0; i--) {
			struct line *l = ph->line[i - 1];
			if (line_state(l) == LN_SETUP && l->again_try && ph->cc)
				continue; /* the new sipd is asked */
			l->orphan = true;
			if (line_state(l) == LN_UP && ph->active == l && ph->cc)
				tmr_start(&l->timer, ms);
			else
				(void)line_event(l, LE_DROP);
		}
		if (any && !ph->active)
			phone_hang_up(ph, CC_R_IWU_CONGESTION, phone_text(ph, UI_T_NO_SERVER));
	}
}

void phones_living(
    const struct phones *p, void (*fn)(void *ctx, uint64_t ref, bool waiting), void *ctx)
{
	for (struct map_node *n = map_next(&p->lines, NULL); n; n = map_next(&p->lines, n)) {
		const struct line *l = CONTAINER_OF(n, struct line, by_ref);
		enum line_state st = line_state(l);

		/* Of a call that is only asked for the question is lost; it is asked anew. */
		if (l->orphan || st == LN_SETUP || st == LN_FAIL || st == LN_GONE)
			continue;
		fn(ctx, l->ref, st == LN_DIAL || st == LN_CALL);
	}
}

void phones_resync(struct phones *p)
{
	LIST_FOREACH(&p->list, it)
	{
		struct phone *ph = LIST_ENTRY(it, struct phone, node);

		for (unsigned i = 0; i < ph->nlines; i++) {
			struct line *l = ph->line[i];
			if (l->out || !l->accepted)
				continue;
			if (line_state(l) == LN_RING || line_state(l) == LN_WAIT)
				p->ops->alerting(p->ctx, l->ref);
			else if (l->was_up)
				p->ops->answer(p->ctx, l->ref);
		}
		/* A request in flight got ERR_LOST, its callback has ended it. */
	}
}
