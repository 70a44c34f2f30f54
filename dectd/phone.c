/* A handset as a telephone: its lines, and the events of call control. What sipd says is phone_iwu.c's, what keys do
 * phone_key.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/phone_priv.h"

#define AGAIN_TRIES 12
#define AGAIN_MS    300

/* ---- lines ---- */

enum line_state line_state(const struct line *l)
{
	return (enum line_state)l->fsm.st;
}

static struct line *line_of(struct fsm *m)
{
	return CONTAINER_OF(m, struct line, fsm);
}

static void timer_start(struct fsm *m, uint32_t ms)
{
	struct line *l = line_of(m);

	if (m->st == LN_FAIL && l->phone->all->conf.fail_ms)
		ms = l->phone->all->conf.fail_ms;
	tmr_start(&l->timer, ms);
}

static void timer_stop(struct fsm *m)
{
	tmr_stop(&line_of(m)->timer);
}

static void moved(struct fsm *m, int from, int ev, int to)
{
	log_ev(LOG_DEBUG, to < 0 ? "line: event refused" : "line", F_CALL(line_of(m)->ref),
	    F_TEXT("IPDECT_STATE", line_def.states[to < 0 ? from : to].name),
	    F_TEXT("IPDECT_EVENT", line_def.ev_names[ev]));
}

static void done(struct fsm *m)
{
	struct line *l = line_of(m);
	struct phone *ph = l->phone;

	tmr_stop(&l->timer);
	tmr_stop(&l->path);
	tmr_stop(&l->again);
	map_del(&ph->all->lines, &l->by_ref);
	for (unsigned i = 0; i < ph->nlines; i++)
		if (ph->line[i] == l) {
			ph->line[i] = ph->line[--ph->nlines];
			ph->line[ph->nlines] = NULL;
			break;
		}
	if (ph->active == l)
		ph->active = NULL;
	free(l);
}

static const struct fsm_env env = { timer_start, timer_stop, moved, done };

int line_event(struct line *l, enum line_ev ev)
{
	return fsm_event(&l->fsm, (uint8_t)ev, NULL);
}

static void on_line_timer(struct tmr *t, void *ctx)
{
	struct line *l = ctx;
	struct phone *ph = l->phone;
	enum line_state st = line_state(l);

	(void)t;
	if (st == LN_SETUP) {
		ph->all->ops->release(ph->all->ctx, l->ref, IWU_INTERNAL);
	} else if (st == LN_OFFER) {
		if (l->accepted)
			ph->all->ops->release(ph->all->ctx, l->ref, IWU_UNREACHABLE);
		else
			ph->all->ops->offered(ph->all->ctx, l->ref, false, IWU_UNREACHABLE);
	}
	bool heard = ph->active == l;
	(void)line_event(l, l->orphan ? LE_DROP : LE_TIMER);
	if (st == LN_SETUP)
		phone_say(ph, phone_text(ph, UI_T_NO_SERVER), CC_SIG_CONGESTION);
	if (heard || !ph->nlines)
		phone_after(ph);
}

static void on_again(struct tmr *t, void *ctx);

struct line *line_new(struct phone *ph, uint64_t ref, bool out)
{
	struct line *l = mem_new(sizeof(*l));

	l->ref = ref;
	l->out = l->accepted = out;
	l->phone = ph;
	l->signal = CC_SIG_NONE;
	l->call_id = ph->next_call_id = (uint8_t)(ph->next_call_id % 120 + 1);
	tmr_init(&l->timer, ph->all->w, on_line_timer, l);
	tmr_init(&l->path, ph->all->w, phone_path_again, l);
	tmr_init(&l->again, ph->all->w, on_again, l);
	ph->line[ph->nlines++] = l;
	(void)map_put(&ph->all->lines, &l->by_ref, map_u64(&l->ref));
	fsm_init(&l->fsm, &line_def, &env, out ? LN_SETUP : LN_OFFER);
	return l;
}

void line_drop(struct line *l, enum iwu_cause cause)
{
	struct phones *p = l->phone->all;

	if (cause != IWU_NONE && !l->orphan && line_state(l) != LN_FAIL) {
		if (!l->out && !l->accepted)
			p->ops->offered(p->ctx, l->ref, false, cause);
		else
			p->ops->release(p->ctx, l->ref, cause);
	}
	(void)line_event(l, LE_DROP);
}

struct line *phone_other(const struct phone *ph, const struct line *l)
{
	for (unsigned i = 0; i < ph->nlines; i++)
		if (ph->line[i] != l)
			return ph->line[i];
	return NULL;
}

struct line *phone_in(const struct phone *ph, enum line_state st)
{
	for (unsigned i = 0; i < ph->nlines; i++)
		if (line_state(ph->line[i]) == st)
			return ph->line[i];
	return NULL;
}

/* ---- displays ---- */

const char *phone_text(const struct phone *ph, enum ui_str id)
{
	const struct pp_user *u = ph->pp->user;
	const char *language = u && u->locale && u->locale[0] ? u->locale : ph->all->conf.language;

	return ui_str(language, id);
}

struct cc_show phone_show(int signal)
{
	return (struct cc_show){ .signal = signal };
}

void phone_call_info(struct ie_call_info *ci, const struct line *l, int status)
{
	memset(ci, 0, sizeof(*ci));
	ie_call_info_add(ci, IE_CI_LINE, l->external ? 0 : 1, 1);
	ie_call_info_add(ci, IE_CI_CALL, 0, l->call_id);
	if (status >= 0)
		ie_call_info_add(ci, IE_CI_STATUS, 1, status);
}

void phone_say(struct phone *ph, const char *text, int signal)
{
	struct cc_show s = phone_show(signal);

	s.text = text;
	if (ph->cc)
		(void)cc_info(ph->cc, &s);
}

void phone_show_line(struct phone *ph, const struct line *l, int status, int signal)
{
	struct cc_show s = phone_show(signal);
	struct ie_call_info ci;

	phone_call_info(&ci, l, status);
	s.info = &ci;
	if (l->out)
		s.called = &l->far;
	else
		s.calling = &l->far;
	s.anonymous = !l->out && l->anonymous;
	if (ph->cc)
		(void)cc_info(ph->cc, &s);
}

int phone_path(struct phone *ph, struct line *l)
{
	struct phones *p = ph->all;

	if (!l || !l->has_media) {
		p->ops->media_close(p->ctx, ph->pp);
		return l ? ERR_STATE : 0;
	}
	return p->ops->media_open(p->ctx, ph->pp, &l->media);
}

/* ---- ending ---- */

/* The call on the air is over for us; its release may still be under way. */
static void let_go(struct phone *ph)
{
	ph->cc = NULL;
	ph->releasing++;
	ph->mode = PM_NORMAL;
	ph->op = PO_NONE;
	ph->hold_asked = ph->retrieve_asked = false;
	ph->ndigits = ph->nkeys = 0;
	tmr_stop(&ph->timer);
	phone_menu_end(ph);
	phone_lists_end(ph);
}

void phone_hang_up(struct phone *ph, uint8_t reason, const char *text)
{
	struct cc_call *c = ph->cc;
	struct cc_show s = phone_show(CC_SIG_NONE);

	if (!c)
		return;
	s.text = text;
	let_go(ph);
	ph->all->ops->media_close(ph->all->ctx, ph->pp);
	cc_release(c, reason, &s);
}

static void retrieve(struct phone *ph, struct line *held)
{
	struct phones *p = ph->all;

	ph->op = PO_RETRIEVE;
	if (p->ops->hold(p->ctx, held->ref, false) != 0)
		phone_op_done(ph, false, ERR_LOST);
}

void phone_after(struct phone *ph)
{
	phone_after_why(ph, CC_R_NORMAL);
}

void phone_after_why(struct phone *ph, uint8_t reason)
{
	struct line *held = phone_in(ph, LN_HELD);

	if (ph->menu || ph->list_call || ph->active || !ph->cc)
		return;
	if (held) {
		if (ph->op == PO_NONE)
			retrieve(ph, held);
		return;
	}
	if (phone_in(ph, LN_OFFER) || phone_in(ph, LN_RING))
		return;
	/* Nothing is left to talk to; a waiting call rings as soon as the handset is free. */
	phone_hang_up(ph, reason, NULL);
}

struct phone *phone_get(struct phones *p, struct pp *pp)
{
	struct phone *ph = cc_pp_user(pp);

	if (ph)
		return ph;
	ph = mem_new(sizeof(*ph));
	ph->all = p;
	ph->pp = pp;
	tmr_init(&ph->timer, p->w, phone_timer, ph);
	tmr_init(&ph->list_idle, p->w, phone_lists_idle, ph);
	list_append(&p->list, &ph->node);
	cc_set_pp_user(pp, ph);
	return ph;
}

/* ---- call control's events ---- */

static void on_setup(void *ctx, struct cc_call *c, const struct cc_setup *s)
{
	struct phones *p = ctx;
	struct phone *ph = phone_get(p, cc_pp(c));
	struct line *l = phone_in(ph, LN_OFFER);

	cc_set_user(c, ph);
	ph->cc = c;
	ph->ndigits = ph->nkeys = 0;
	ph->complete = s->complete;
	ph->internal = s->cls == 0x9;
	ph->emergency = s->cls == 0xa;
	/* A call that waited for the end of the last one: the user was quicker. */
	if (l)
		line_drop(l, IWU_BUSY);
	if (s->cls == 0x2) {
		phone_lists_setup(ph);
		return;
	}
	if (s->digits.n) {
		phone_keys(ph, s->digits, s->complete);
		return;
	}
	if (!ph->pp->user && !ph->emergency) {
		/* Service codes work without a user. */
		struct cc_show show = phone_show(CC_SIG_NONE);
		show.text = phone_text(ph, UI_T_NO_USER);
		(void)cc_setup_ack(c, &show);
		return;
	}
	int err = 0;
	if (!line_out(ph, (struct slice){ 0 }, false, &err)) {
		struct cc_show show = phone_show(CC_SIG_NONE);
		show.text = phone_text(ph, UI_T_NO_SERVER);
		(void)cc_setup_ack(c, &show);
	}
}

static void on_info(void *ctx, struct cc_call *c, const struct cc_info *i)
{
	struct phone *ph = cc_user(c);

	(void)ctx;
	if (!ph || ph->cc != c || ph->list_call)
		return;
	if (i->feature == 0x01) /* register recall */
		phone_recall(ph);
	if (ph->cc == c && (i->number.n || i->keypad.n || i->complete))
		phone_keys(ph, i->number.n ? i->number : i->keypad, i->complete);
}

static void on_reached(void *ctx, struct cc_call *c)
{
	struct phones *p = ctx;
	struct phone *ph = cc_user(c);
	struct line *l = phone_in(ph, LN_OFFER);

	if (!l)
		return;
	(void)line_event(l, LE_REACHED);
	if (!l->accepted) {
		l->accepted = true;
		p->ops->offered(p->ctx, l->ref, true, IWU_NONE);
		p->ops->radio(p->ctx, ph->pp, l->ref, false);
	}
}

static void on_alerting(void *ctx, struct cc_call *c)
{
	struct phones *p = ctx;
	struct phone *ph = cc_user(c);
	struct line *l = phone_in(ph, LN_RING);

	if (l && !l->alerted && !l->recall) {
		l->alerted = true;
		p->ops->alerting(p->ctx, l->ref);
	}
}

static void on_connect(void *ctx, struct cc_call *c)
{
	struct phones *p = ctx;
	struct phone *ph = cc_user(c);
	struct line *l = phone_in(ph, LN_RING);
	struct cc_show s = phone_show(CC_SIG_NONE);

	if (!l) {
		phone_hang_up(ph, CC_R_NORMAL, NULL);
		return;
	}
	int err = phone_path(ph, l);
	if (err) {
		log_ev(LOG_WARNING, "no speech path for a call", F_CALL(l->ref), F_ERR(err),
		    F_REMEDY("the base station's channels may be in use: see `dectctl base show`"));
		p->st.no_channel++;
		line_drop(l, IWU_CONGESTION);
		phone_hang_up(ph, CC_R_BEARERS, phone_text(ph, UI_T_CONGESTION));
		return;
	}
	(void)line_event(l, LE_TAKEN);
	ph->active = l;
	l->was_up = true;
	p->st.answered += !l->recall;
	(void)cc_connect_ack(c, &s);
	if (l->recall) {
		l->recall = false;
		ph->op = PO_NONE;
		if (p->ops->hold(p->ctx, l->ref, false) != 0)
			log_ev(LOG_NOTICE, "held call not retrieved", F_CALL(l->ref));
	} else {
		p->ops->answer(p->ctx, l->ref);
	}
	p->ops->radio(p->ctx, ph->pp, l->ref, false);
}

static void on_hold(void *ctx, struct cc_call *c, bool hold)
{
	struct phone *ph = cc_user(c);

	(void)ctx;
	if (ph && ph->cc == c)
		phone_hold_msg(ph, hold);
	else
		cc_hold_answer(c, hold, false);
}

static enum iwu_cause end_cause(const struct line *l, enum cc_end why, uint8_t reason)
{
	switch (why) {
	case CC_END_PAGE:
		return IWU_UNREACHABLE;
	case CC_END_SECURITY:
		return IWU_SECURITY;
	case CC_END_TIMER:
		return l->was_up ? IWU_RADIO_LOST : l->out ? IWU_NORMAL : IWU_UNREACHABLE;
	case CC_END_LOST:
		return IWU_RADIO_LOST;
	default:
		break;
	}
	if (l->was_up || l->out)
		return IWU_NORMAL;
	return reason == CC_R_NORMAL ? IWU_REJECTED : iwu_cause(reason);
}

static void on_ended(void *ctx, struct cc_call *c, enum cc_end why, uint8_t reason)
{
	struct phones *p = ctx;
	struct phone *ph = cc_user(c);
	struct line *held, *up;

	if (!ph || ph->cc != c)
		return;
	p->st.unreached += why == CC_END_PAGE;
	p->st.lost += why == CC_END_LOST;
	let_go(ph);
	p->ops->media_close(p->ctx, ph->pp);
	held = phone_in(ph, LN_HELD);
	up = held ? phone_other(ph, held) : NULL;
	bool ringing = up && up->out && line_state(up) == LN_CALL;
	if (why == CC_END_HANDSET && p->conf.transfer_on_hangup && held && up && !ph->conference &&
	    (line_state(up) == LN_UP || ringing)) {
		/* Hanging up between two calls joins them; sipd releases both. */
		ph->op = PO_TRANSFER;
		ph->hanging_up = true;
		if (p->ops->transfer(p->ctx, held->ref, up->ref, (struct slice){ 0 }) == 0)
			return;
		ph->op = PO_NONE;
		ph->hanging_up = false;
	}
	ph->conference = false;
	for (unsigned i = ph->nlines; i > 0; i--) {
		struct line *l = ph->line[i - 1];
		enum line_state st = line_state(l);
		if (st == LN_WAIT && why != CC_END_LOST)
			continue; /* rings next */
		if (st == LN_HELD && why == CC_END_HANDSET && !l->orphan)
			continue; /* rings back */
		line_drop(l, end_cause(l, why, reason));
	}
}

static void on_released(void *ctx, struct cc_call *c)
{
	struct phone *ph = cc_user(c);

	(void)ctx;
	if (!ph)
		return;
	if (ph->cc == c)
		ph->cc = NULL;
	else if (ph->releasing)
		ph->releasing--;
	phone_next(ph);
}

const struct cc_ops phone_cc_ops = {
	.setup_ind = on_setup,
	.info_ind = on_info,
	.reached = on_reached,
	.alerting_ind = on_alerting,
	.connect_ind = on_connect,
	.lists_ind = phone_lists_ind,
	.hold_ind = on_hold,
	.ended = on_ended,
	.released = on_released,
};

/* ---- calls that the handset begins ---- */

static int ask_sipd(struct line *l)
{
	struct phone *ph = l->phone;
	struct phones *p = ph->all;
	struct line *held = phone_in(ph, LN_HELD);
	struct iwu_setup s = { .called = { l->called, l->ncalled },
		.complete = l->complete,
		.emergency = l->emergency,
		.internal = l->internal,
		.redial = l->redial,
		.consultation_of = held ? held->ref : 0 };

	return p->ops->setup(p->ctx, ph->pp, l->ref, &s);
}

static void on_again(struct tmr *t, void *ctx)
{
	struct line *l = ctx;

	(void)t;
	if (line_state(l) != LN_SETUP)
		return;
	int err = ask_sipd(l);
	if (err)
		phones_setup_done(l->phone->all, l->ref, err, NULL, false, "");
}

bool line_again(struct line *l)
{
	if (l->again_try >= AGAIN_TRIES)
		return false;
	l->again_try++;
	tmr_start(&l->again, AGAIN_MS);
	return true;
}

struct line *line_out(struct phone *ph, struct slice digits, bool redial, int *err)
{
	struct phones *p = ph->all;

	*err = ERR_LIMIT;
	if (ph->nlines == 2 || digits.n > PHONE_DIGITS)
		return NULL;
	struct line *l = line_new(ph, p->ops->new_ref(p->ctx), true);
	p->st.placed++;
	l->sent_digits = digits.n > 0 || redial;
	memcpy(l->called, digits.p ? digits.p : "", digits.n);
	l->ncalled = digits.n;
	l->complete = ph->complete || redial;
	l->emergency = ph->emergency;
	l->internal = ph->internal;
	l->redial = redial;
	ph->complete = ph->internal = ph->emergency = false;
	ph->active = l;
	*err = ask_sipd(l);
	/* sipd restarts within a second or two: the user hears nothing of it. */
	if (*err == ERR_LOST && line_again(l))
		return l;
	if (*err) {
		log_ev(LOG_NOTICE, "call not possible", F_CALL(l->ref), F_ERR(*err));
		(void)line_event(l, LE_DROP);
		return NULL;
	}
	return l;
}
