/* Keys: numbers, service codes, register recall and the codes of second calls (12.4), DTMF. */
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/phone_priv.h"

#define KEY_STOP    0x00 /* end of a DTMF tone */
#define KEY_PAUSE   0x05
#define KEY_PULSE   0x12
#define KEY_DTMF    0x14
#define KEY_RECALL  0x15
#define KEY_DTMF_ON 0x16
#define KEY_INT     0x17
#define KEY_SERVICE 0x18
#define KEY_SUPP    0x1c

static bool is_digit(uint8_t k)
{
	return (k >= '0' && k <= '9') || k == '*' || k == '#' || k == '+' || (k >= 'A' && k <= 'D');
}

/* ---- what waits for sipd ---- */

static void refuse(struct phone *ph)
{
	phone_say(ph, phone_text(ph, UI_T_FAILED), CC_SIG_NEGATIVE);
}

static void fail_op(struct phone *ph)
{
	bool lost = ph->op == PO_RETRIEVE;

	if (ph->hold_asked || ph->retrieve_asked) {
		cc_hold_answer(ph->cc, ph->hold_asked, false);
		ph->hold_asked = ph->retrieve_asked = false;
	}
	ph->op = PO_NONE;
	refuse(ph);
	if (lost && !ph->active) { /* nothing to go back to */
		struct line *l = phone_in(ph, LN_HELD);
		if (l)
			line_drop(l, IWU_NORMAL);
	}
	phone_after(ph);
}

static bool ask_hold(struct phone *ph, struct line *l, bool on, enum phone_op op)
{
	struct phones *p = ph->all;

	ph->op = op;
	if (!l->orphan && p->ops->hold(p->ctx, l->ref, on) == 0)
		return true;
	fail_op(ph);
	return false;
}

static void take_up(struct phone *ph, struct line *l)
{
	ph->active = l;
	int err = phone_path(ph, l);
	if (err)
		log_ev(LOG_WARNING, "speech path not opened", F_CALL(l->ref), F_ERR(err));
	phone_show_line(ph, l, 5, CC_SIG_NONE);
}

static void answer_waiting(struct phone *ph, struct line *l)
{
	struct phones *p = ph->all;

	if (line_event(l, LE_TAKEN) != 0)
		return;
	p->st.answered++;
	l->was_up = true;
	p->ops->answer(p->ctx, l->ref);
	take_up(ph, l);
}

static void start_consultation(struct phone *ph)
{
	int err = 0;

	ph->op = PO_NONE;
	ph->complete = false;
	ph->emergency = false;
	if (!line_out(ph, (struct slice){ 0 }, false, &err)) {
		phone_say(ph, phone_text(ph, UI_T_NO_SERVER), CC_SIG_NEGATIVE);
		phone_after(ph);
	}
}

static void op_done(struct phone *ph, bool on, int err)
{
	enum phone_op op = ph->op;
	struct line *l;

	if (!ph->cc) { /* the handset has hung up meanwhile */
		ph->op = PO_NONE;
		return;
	}
	if (err) {
		log_ev(LOG_NOTICE, "sipd refused hold, transfer or conference", F_ERR(err));
		if (op == PO_TOGGLE && !ph->active && (l = phone_in(ph, LN_HELD))) {
			/* The other one could not be retrieved: the one that was just held comes back. */
			ph->op = PO_NONE;
			(void)ask_hold(ph, l, false, PO_RETRIEVE);
			return;
		}
		fail_op(ph);
		return;
	}
	switch (op) {
	case PO_CONSULT:
		(void)phone_path(ph, NULL);
		start_consultation(ph);
		return;
	case PO_TOGGLE:
		if (on) { /* the active one is held: now the other, which was held before */
			for (unsigned i = 0; i < ph->nlines; i++)
				if (line_state(ph->line[i]) == LN_HELD && ph->line[i]->recall) {
					ph->line[i]->recall = false;
					(void)ask_hold(ph, ph->line[i], false, PO_TOGGLE);
					return;
				}
			ph->op = PO_NONE;
			phone_after(ph);
			return;
		}
		ph->op = PO_NONE;
		l = phone_in(ph, LN_UP);
		if (l)
			take_up(ph, l);
		return;
	case PO_ACCEPT:
		ph->op = PO_NONE;
		l = phone_in(ph, LN_WAIT);
		if (l)
			answer_waiting(ph, l);
		else
			phone_after(ph);
		return;
	case PO_HOLD:
		ph->op = PO_NONE;
		(void)phone_path(ph, NULL);
		if (ph->hold_asked)
			cc_hold_answer(ph->cc, true, true);
		ph->hold_asked = false;
		phone_say(ph, phone_text(ph, UI_T_HELD), CC_SIG_NONE);
		return;
	case PO_RETRIEVE:
		ph->op = PO_NONE;
		if (ph->retrieve_asked)
			cc_hold_answer(ph->cc, false, true);
		ph->retrieve_asked = false;
		l = phone_in(ph, LN_UP);
		if (l)
			take_up(ph, l);
		return;
	case PO_CONFERENCE:
		ph->op = PO_NONE;
		ph->conference = true;
		l = phone_in(ph, LN_HELD);
		if (l)
			(void)line_event(l, LE_RETRIEVED);
		phone_say(ph, phone_text(ph, UI_T_CONFERENCE), CC_SIG_CONFIRM);
		return;
	case PO_SPLIT:
		ph->op = PO_NONE;
		ph->conference = false;
		l = phone_other(ph, ph->active);
		if (l)
			(void)ask_hold(ph, l, true, PO_HOLD);
		return;
	case PO_BLIND:
		ph->op = PO_NONE;
		l = phone_in(ph, LN_HELD);
		if (l) /* sipd goes on alone; its release of our side ends the line */
			ph->op = PO_TRANSFER;
		return;
	default:
		ph->op = PO_NONE;
		return;
	}
}

void phone_op_done(struct phone *ph, bool on, int err)
{
	op_done(ph, on, err);
	phone_run_keys(ph);
}

/* ---- functions of second calls ---- */

static void do_consult(struct phone *ph)
{
	if (ph->nlines == 2 || !ph->active || line_state(ph->active) != LN_UP) {
		refuse(ph);
		return;
	}
	(void)ask_hold(ph, ph->active, true, PO_CONSULT);
}

static void do_reject_waiting(struct phone *ph)
{
	struct line *l = phone_in(ph, LN_WAIT), *held = phone_in(ph, LN_HELD);

	if (l) {
		line_drop(l, IWU_BUSY);
		phone_say(ph, NULL, CC_SIG_TONES_OFF);
	} else if (held && ph->active) {
		line_drop(held, IWU_NORMAL);
		phone_say(ph, phone_text(ph, UI_T_ENDED), CC_SIG_CONFIRM);
	} else {
		refuse(ph);
	}
}

static void do_drop_active(struct phone *ph)
{
	struct line *wait = phone_in(ph, LN_WAIT);

	if (!ph->active) {
		refuse(ph);
		return;
	}
	if (ph->conference) {
		struct line *other = phone_other(ph, ph->active);
		ph->conference = false;
		line_drop(ph->active, IWU_NORMAL);
		if (other)
			take_up(ph, other);
		return;
	}
	line_drop(ph->active, IWU_NORMAL);
	if (wait)
		answer_waiting(ph, wait);
	else
		phone_after(ph);
}

static void do_toggle(struct phone *ph)
{
	struct phones *p = ph->all;
	struct line *wait = phone_in(ph, LN_WAIT), *held = phone_in(ph, LN_HELD), *a = ph->active;

	if (ph->conference && a && phone_other(ph, a)) {
		ph->op = PO_SPLIT;
		if (p->ops->conference(p->ctx, a->ref, phone_other(ph, a)->ref, false) != 0)
			fail_op(ph);
		return;
	}
	if (wait && a && line_state(a) == LN_UP) {
		(void)ask_hold(ph, a, true, PO_ACCEPT);
		return;
	}
	if (held && a && line_state(a) == LN_UP) {
		held->recall = true; /* marks the one that is to be heard next */
		if (!ask_hold(ph, a, true, PO_TOGGLE))
			held->recall = false;
		return;
	}
	if (held) { /* a consultation that leads nowhere: back */
		if (a)
			line_drop(a, IWU_NORMAL);
		phone_after(ph);
		return;
	}
	refuse(ph);
}

static void do_conference(struct phone *ph)
{
	struct phones *p = ph->all;
	struct line *held = phone_in(ph, LN_HELD), *a = ph->active;

	if (!held || !a || line_state(a) != LN_UP) {
		refuse(ph);
		return;
	}
	ph->op = PO_CONFERENCE;
	p->st.conferences++;
	if (p->ops->conference(p->ctx, a->ref, held->ref, true) != 0)
		fail_op(ph);
}

static void do_transfer(struct phone *ph)
{
	struct phones *p = ph->all;
	struct line *held = phone_in(ph, LN_HELD), *a = ph->active;

	if (!held || !a || (line_state(a) != LN_UP && !(line_state(a) == LN_CALL && a->out))) {
		refuse(ph);
		return;
	}
	ph->op = PO_TRANSFER;
	p->st.transfers++;
	if (p->ops->transfer(p->ctx, held->ref, a->ref, (struct slice){ 0 }) != 0)
		fail_op(ph);
}

static void do_hold(struct phone *ph)
{
	if (ph->active && line_state(ph->active) == LN_UP)
		(void)ask_hold(ph, ph->active, true, PO_HOLD);
	else
		refuse(ph);
}

static void do_retrieve(struct phone *ph)
{
	struct line *held = phone_in(ph, LN_HELD);

	if (held && !ph->active)
		(void)ask_hold(ph, held, false, PO_RETRIEVE);
	else
		refuse(ph);
}

static void begin_blind(struct phone *ph)
{
	if (ph->active) /* the consultation that R had begun */
		line_drop(ph->active, IWU_NORMAL);
	ph->mode = PM_BLIND;
	ph->ndigits = 0;
	(void)phone_path(ph, NULL);
	tmr_start(&ph->timer, 15000);
	phone_say(ph, phone_text(ph, UI_T_TRANSFER_TO), CC_SIG_CONFIRM);
}

static void end_blind(struct phone *ph)
{
	struct phones *p = ph->all;
	struct line *held = phone_in(ph, LN_HELD);
	struct slice target = { ph->digits, ph->ndigits };

	tmr_stop(&ph->timer);
	ph->mode = PM_NORMAL;
	ph->ndigits = 0;
	if (!held || target.n == 0) {
		phone_after(ph);
		return;
	}
	ph->op = PO_BLIND;
	p->st.transfers++;
	if (p->ops->transfer(p->ctx, held->ref, 0, target) != 0)
		fail_op(ph);
}

void phone_hold_msg(struct phone *ph, bool hold)
{
	if (ph->op != PO_NONE) {
		cc_hold_answer(ph->cc, hold, false);
		return;
	}
	struct line *l = hold ? ph->active : phone_in(ph, LN_HELD);
	if (!l || (hold ? line_state(l) != LN_UP : ph->active != NULL)) {
		cc_hold_answer(ph->cc, hold, false);
		return;
	}
	ph->hold_asked = hold;
	ph->retrieve_asked = !hold;
	(void)ask_hold(ph, l, hold, hold ? PO_HOLD : PO_RETRIEVE);
}

void phone_recall(struct phone *ph)
{
	struct line *a = ph->active, *held = phone_in(ph, LN_HELD);

	if (ph->op != PO_NONE || !ph->cc || ph->menu)
		return;
	if (ph->mode == PM_BLIND || ph->mode == PM_SUPP) { /* thought better of it */
		ph->mode = PM_NORMAL;
		ph->ndigits = 0;
		tmr_stop(&ph->timer);
		phone_after(ph);
		return;
	}
	if (a && line_state(a) == LN_FAIL) {
		(void)line_event(a, LE_DROP);
		phone_after(ph);
		return;
	}
	if (a && held && (line_state(a) == LN_DIAL || line_state(a) == LN_SETUP) &&
	    !a->sent_digits && !ph->ndigits) {
		begin_blind(ph); /* R R: whom the held call is transferred to */
		return;
	}
	if (!a && held) {
		do_retrieve(ph);
		return;
	}
	if (a && line_state(a) == LN_UP && ph->nlines == 1) {
		do_consult(ph);
		return;
	}
	if (ph->nlines == 2) {
		ph->mode = PM_RECALL;
		tmr_start(&ph->timer, ph->all->conf.recall_ms);
	}
}

static void act(struct phone *ph, uint8_t action)
{
	ph->mode = PM_NORMAL;
	tmr_stop(&ph->timer);
	if (ph->op != PO_NONE)
		return;
	switch ((enum ui_action)action) {
	case UI_C_CONSULT:
		do_consult(ph);
		break;
	case UI_C_INTERNAL:
		ph->internal = true;
		do_consult(ph);
		break;
	case UI_C_REJECT:
		do_reject_waiting(ph);
		break;
	case UI_C_RELEASE:
		do_drop_active(ph);
		break;
	case UI_C_TOGGLE:
		do_toggle(ph);
		break;
	case UI_C_CONFERENCE:
		do_conference(ph);
		break;
	case UI_C_TRANSFER:
		do_transfer(ph);
		break;
	case UI_C_ACCEPT:
		if (phone_in(ph, LN_WAIT))
			do_toggle(ph);
		else
			refuse(ph);
		break;
	case UI_C_HOLD:
		do_hold(ph);
		break;
	case UI_C_RETRIEVE:
		do_retrieve(ph);
		break;
	default:
		refuse(ph);
		break;
	}
}

/* ---- digits ---- */

static void release_line_for_service(struct phone *ph)
{
	if (ph->active && ph->active->out && !ph->active->was_up)
		line_drop(ph->active, IWU_NORMAL);
}

/* Digits that no line has taken yet: service code or number? end: nothing more comes. true: they are gone. */
static bool codes(struct phone *ph, bool end)
{
	struct slice d = { ph->digits, ph->ndigits }, arg;
	char number[PHONE_DIGITS + 1];
	enum ui_service service;

	switch (ui_code_match(&ph->all->conf.codes, d, end, &service, &arg)) {
	case UI_M_YES:
		memcpy(number, arg.p, arg.n);
		arg.p = number;
		ph->ndigits = 0;
		tmr_stop(&ph->timer);
		release_line_for_service(ph);
		phone_service(ph, service, arg);
		return true;
	case UI_M_MAYBE:
		tmr_start(&ph->timer, ph->all->conf.digits_ms);
		if (cc_state(ph->cc) == CC_INITIATED) {
			struct cc_show s = phone_show(CC_SIG_NONE);
			s.codecs = true;
			(void)cc_setup_ack(ph->cc, &s);
		}
		return true;
	default:
		return false;
	}
}

static bool is_emergency(const struct phone *ph, struct slice d)
{
	for (unsigned i = 0; i < ph->all->conf.nemergency; i++)
		if (slice_eq(d, slice_str(ph->all->conf.emergency[i])))
			return true;
	return false;
}

static void pump(struct phone *ph, bool end)
{
	struct phones *p = ph->all;
	struct slice d = { ph->digits, ph->ndigits };
	struct line *a = ph->active;
	int err = 0;

	if (!ph->cc || ph->op != PO_NONE || ph->mode != PM_NORMAL || ph->menu)
		return;
	if (!d.n && !(end && a && line_state(a) == LN_DIAL))
		return;
	if (!a) {
		if (codes(ph, end))
			return;
		if (is_emergency(ph, d))
			ph->emergency = true;
		tmr_stop(&ph->timer);
		if (!ph->pp->user && !ph->emergency) {
			phone_hang_up(ph, CC_R_USER_UNKNOWN, phone_text(ph, UI_T_NO_USER));
			return;
		}
		char number[PHONE_DIGITS];
		memcpy(number, ph->digits, d.n);
		d.p = number;
		ph->ndigits = 0;
		if (!line_out(ph, d, false, &err)) {
			if (phone_in(ph, LN_HELD)) {
				refuse(ph);
				phone_after(ph);
			} else {
				phone_hang_up(
				    ph, CC_R_IWU_CONGESTION, phone_text(ph, UI_T_NO_SERVER));
			}
		}
		return;
	}
	switch (line_state(a)) {
	case LN_DIAL:
		if (!a->sent_digits && d.n && codes(ph, end))
			return;
		tmr_stop(&ph->timer);
		a->sent_digits |= d.n > 0;
		p->ops->digits(p->ctx, a->ref, d, ph->complete);
		ph->ndigits = 0;
		break;
	case LN_CALL:
	case LN_UP:
		p->ops->digits(p->ctx, a->ref, d, false);
		ph->ndigits = 0;
		break;
	case LN_SETUP:
		break; /* kept until sipd is ready */
	default:
		ph->ndigits = 0;
		break;
	}
}

void phone_pump(struct phone *ph)
{
	pump(ph, ph->complete);
}

static void digit(struct phone *ph, uint8_t k)
{
	if (ph->mode == PM_BLIND) {
		if (k == '#') {
			end_blind(ph);
			return;
		}
		tmr_start(&ph->timer, ph->all->conf.digits_ms);
	}
	ph->showing = false;
	if (ph->ndigits < PHONE_DIGITS)
		ph->digits[ph->ndigits++] = (char)k;
}

/* PP: a real handset's internal-call key comes with the first digit ("17 35"), after CC-SETUP of a normal call. */
static void begin_internal(struct phone *ph)
{
	struct line *a = ph->active;
	int err = 0;

	if (ph->ndigits || (a && (line_state(a) == LN_UP || a->sent_digits)))
		return;
	ph->internal = true;
	if (!a)
		return;
	line_drop(a, IWU_NORMAL);
	if (!line_out(ph, (struct slice){ 0 }, false, &err))
		phone_say(ph, phone_text(ph, UI_T_NO_SERVER), CC_SIG_NEGATIVE);
}

static void one_key(struct phone *ph, uint8_t k)
{
	if (ph->menu) {
		if (is_digit(k) || (k >= 0x08 && k <= 0x0b))
			phone_menu_key(ph, k);
		return;
	}
	if (ph->mode == PM_SUPP) {
		act(ph, ph->all->conf.call_codes.supp[k]);
		return;
	}
	if (is_digit(k)) {
		if (ph->mode == PM_RECALL)
			act(ph, k >= '0' && k <= '9' ? ph->all->conf.call_codes.recall[k - '0']
			                             : UI_C_NONE);
		else
			digit(ph, k);
		return;
	}
	switch (k) {
	case KEY_RECALL:
		phone_pump(ph); /* what came before it, in order */
		phone_recall(ph);
		break;
	case KEY_SUPP:
		phone_pump(ph);
		ph->mode = PM_SUPP;
		tmr_start(&ph->timer, ph->all->conf.recall_ms);
		break;
	case KEY_INT:
		begin_internal(ph);
		break;
	default:
		/* Pauses, DTMF modes, pulse dialling: mediad knows one tone length. PP: 82, FF, 0C, 0D of a real handset's function
		 * keys (published stream of a base station): their meaning is not known. */
		break;
	}
}

/* Digits may come while a line is being set up, functions may not; nothing while sipd is asked for one. */
static bool may(const struct phone *ph, uint8_t k)
{
	bool setting_up = ph->active && line_state(ph->active) == LN_SETUP;

	return ph->op == PO_NONE && (!setting_up || is_digit(k));
}

void phone_run_keys(struct phone *ph)
{
	while (ph->cc && ph->nkeys && may(ph, ph->keys[0])) {
		uint8_t k = ph->keys[0];
		memmove(ph->keys, ph->keys + 1, --ph->nkeys);
		one_key(ph, k);
	}
	if (ph->cc)
		phone_pump(ph);
}

void phone_keys(struct phone *ph, struct slice keypad, bool complete)
{
	for (size_t i = 0; i < keypad.n; i++)
		if (ph->nkeys < sizeof(ph->keys))
			ph->keys[ph->nkeys++] = (uint8_t)keypad.p[i];
	if (complete && ph->mode != PM_BLIND)
		ph->complete = true;
	phone_run_keys(ph);
	if (complete && ph->cc && ph->mode == PM_BLIND)
		end_blind(ph);
}

void phone_timer(struct tmr *t, void *ctx)
{
	struct phone *ph = ctx;

	(void)t;
	if (!ph->cc)
		return;
	if (ph->menu) {
		phone_menu_key(ph, 0xff);
		return;
	}
	if (ph->showing) {
		phone_shown(ph);
		return;
	}
	switch (ph->mode) {
	case PM_BLIND:
		end_blind(ph);
		break;
	case PM_RECALL:
	case PM_SUPP:
		ph->mode = PM_NORMAL;
		break;
	default:
		pump(ph, true); /* the pause says that it was a number after all */
		break;
	}
}
