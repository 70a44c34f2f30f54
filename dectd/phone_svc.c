/* Service codes and menus: what dectd answers on the display without a call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/phone_priv.h"

#define SHOW_MS 18000 /* a text stands so long, shorter than CC.01 */

/* Text in whatever state the call is: a service code may come with CC-SETUP or while dialling. */
static void show(struct phone *ph, const char *text, int signal)
{
	struct cc_show s = phone_show(signal);

	if (!ph->cc)
		return;
	s.text = text;
	if (cc_state(ph->cc) == CC_INITIATED)
		(void)cc_setup_ack(ph->cc, &s);
	else
		(void)cc_info(ph->cc, &s);
}

static void menu_out(struct phone *ph, const struct ui_menu_out *o);

static void query(struct phone *ph, const struct iwu_query *q)
{
	struct phones *p = ph->all;

	ph->token = ++p->next_token ? p->next_token : ++p->next_token;
	int err = p->ops->query(p->ctx, ph->pp, ph->token, q);
	if (err == 0)
		return;
	struct iwu_answer a = { .err = err };
	(void)snprintf(a.why, sizeof(a.why), "%s", phone_text(ph, UI_T_NO_SERVER));
	phones_answer(p, ph->pp, ph->token, &a);
}

void phone_menu_end(struct phone *ph)
{
	ui_menu_free(ph->menu);
	ph->menu = NULL;
	ph->token = 0;
	ph->showing = false;
}

static void leave(struct phone *ph, const char *text, bool good)
{
	phone_menu_end(ph);
	tmr_stop(&ph->timer);
	if (phone_in(ph, LN_HELD)) {
		if (text && text[0])
			show(ph, text, good ? CC_SIG_CONFIRM : CC_SIG_NEGATIVE);
		phone_after(ph);
		return;
	}
	phone_hang_up(ph, CC_R_NORMAL, text && text[0] ? text : NULL);
}

void phone_shown(struct phone *ph)
{
	ph->showing = false;
	leave(ph, NULL, true);
}

static void menu_out(struct phone *ph, const struct ui_menu_out *o)
{
	int err = 0;

	tmr_start(&ph->timer, o->act == UI_A_TIMER ? o->ms : SHOW_MS);
	switch (o->act) {
	case UI_A_NONE:
	case UI_A_TIMER:
		show(ph, o->text, CC_SIG_NONE);
		break;
	case UI_A_QUERY:
		if (o->text[0])
			show(ph, o->text, CC_SIG_NONE);
		query(ph, &o->query);
		break;
	case UI_A_DIAL: {
		char number[UI_URI_MAX + 1];
		(void)snprintf(number, sizeof(number), "%s", o->number);
		phone_menu_end(ph);
		tmr_stop(&ph->timer);
		ph->complete = true;
		if (!line_out(ph, slice_str(number), false, &err))
			leave(ph, phone_text(ph, UI_T_NO_SERVER), false);
		break;
	}
	case UI_A_LEAVE:
		leave(ph, o->text, o->good);
		break;
	}
}

void phone_menu_key(struct phone *ph, uint8_t key)
{
	struct ui_menu_out o;

	if (key == 0xff) { /* the timer */
		ui_menu_tick(ph->menu, &o);
		if (o.act == UI_A_NONE) { /* nobody has touched it for long */
			leave(ph, NULL, true);
			return;
		}
	} else {
		ui_menu_key(ph->menu, key, &o);
	}
	menu_out(ph, &o);
}

/* ---- answers ---- */

static void show_server(struct phone *ph, const struct iwu_answer *a)
{
	char text[320];
	struct wr w = wr_of(text, sizeof(text));

	wr_fmt(&w, "%s\n%s", phone_text(ph, UI_T_SERVER), a->address[0] ? a->address : "-");
	if (a->domain[0])
		wr_fmt(&w, "\n%s", a->domain);
	if (a->registrar[0])
		wr_fmt(&w, "\n%s", a->registrar);
	if (wr_nul(&w))
		show(ph, text, CC_SIG_CONFIRM);
	ph->complete = false;
	ph->showing = true;
	tmr_start(&ph->timer, SHOW_MS);
}

void phones_presence(struct phones *p, struct pp *pp, uint64_t person, unsigned state)
{
	struct phone *ph = cc_pp_user(pp);
	struct ui_menu_out o;

	(void)p;
	/* The time until the menu closes goes on. */
	if (ph && ph->cc && ph->menu && !ph->waits_text && !ph->token &&
	    ui_menu_presence(ph->menu, person, state, &o))
		show(ph, o.text, CC_SIG_NONE);
}

void phones_answer(struct phones *p, struct pp *pp, uint32_t token, const struct iwu_answer *a)
{
	struct phone *ph = cc_pp_user(pp);
	struct ui_menu_out o;

	(void)p;
	if (!ph || !ph->cc || !token || phone_lists_answer(ph, token, a) || ph->token != token)
		return;
	ph->token = 0;
	if (ph->menu && !ph->waits_text) {
		ui_menu_answer(ph->menu, a, &o);
		menu_out(ph, &o);
		return;
	}
	if (a->err) {
		leave(ph, a->why[0] ? a->why : phone_text(ph, UI_T_FAILED), false);
		return;
	}
	if (ph->service == UI_S_SERVER) {
		show_server(ph, a);
		return;
	}
	if (ph->service == UI_S_FWD_OFF && ph->forwards_left > 0) {
		phone_forwards_off(ph);
		return;
	}
	leave(ph, ph->done_text, true);
}

/* ---- services ---- */

static void set_forward(struct phone *ph, unsigned when, struct slice target)
{
	struct iwu_query q = { .kind = IWU_Q_FORWARD, .when = when, .target = target };

	if (target.n)
		(void)snprintf(ph->done_text, sizeof(ph->done_text), "%s\n%.*s",
		    phone_text(ph, UI_T_FWD_ON), (int)target.n, target.p);
	else
		(void)snprintf(
		    ph->done_text, sizeof(ph->done_text), "%s", phone_text(ph, UI_T_FWD_OFF));
	query(ph, &q);
}

void phone_forwards_off(struct phone *ph)
{
	set_forward(ph, ph->forwards_left--, (struct slice){ 0 });
}

static void set_presence(struct phone *ph, unsigned state)
{
	struct iwu_query q = { .kind = IWU_Q_PRESENCE, .state = state };

	(void)snprintf(ph->done_text, sizeof(ph->done_text), "%s", phone_text(ph, UI_T_DONE));
	query(ph, &q);
}

static void say_and_wait(struct phone *ph, const char *text)
{
	show(ph, text, CC_SIG_CONFIRM);
	ph->showing = true;
	tmr_start(&ph->timer, SHOW_MS);
}

static void say_base(struct phone *ph)
{
	char text[160], base[64] = "";
	int dbm = 0;

	ph->all->ops->where(ph->all->ctx, ph->pp, base, sizeof(base), &dbm);
	if (dbm)
		(void)snprintf(
		    text, sizeof(text), "%s %s\n%d dBm", phone_text(ph, UI_T_BASE), base, dbm);
	else
		(void)snprintf(text, sizeof(text), "%s %s", phone_text(ph, UI_T_BASE), base);
	say_and_wait(ph, text);
}

static void say_number(struct phone *ph)
{
	const struct pp_user *u = ph->pp->user;
	char text[UI_NAME_MAX * 4 + 160];
	struct wr w = wr_of(text, sizeof(text));

	if (!u) {
		say_and_wait(ph, phone_text(ph, UI_T_NO_USER));
		return;
	}
	wr_fmt(&w, "%s\n%.64s", phone_text(ph, UI_T_NUMBER),
	    u->number && u->number[0] ? u->number : u->name);
	if (u->display_name && u->display_name[0]) {
		wr_str(&w, "\n");
		ui_text_clean(&w, slice_str(u->display_name), UI_NAME_MAX);
	}
	if (wr_nul(&w))
		say_and_wait(ph, text);
}

static void menu(struct phone *ph, enum ui_service s)
{
	struct ui_menu_out o;
	const struct pp_user *u = ph->pp->user;

	ph->menu =
	    ui_menu_new(s, u && u->locale && u->locale[0] ? u->locale : ph->all->conf.language, &o);
	menu_out(ph, &o);
}

void phone_service(struct phone *ph, enum ui_service s, struct slice arg)
{
	char text[64];
	int err = 0;

	log_ev(LOG_INFO, "service code", F_TEXT("IPDECT_SERVICE", ui_service_name(s)),
	    F_USER(ph->pp->user ? ph->pp->user->name : ""));
	ph->all->st.services++;
	ph->service = s;
	ph->waits_text = true;
	if (!ph->pp->user && s != UI_S_SERVER && s != UI_S_BASE && s != UI_S_IPEI &&
	    s != UI_S_NUMBER) {
		leave(ph, phone_text(ph, UI_T_NO_USER), false);
		return;
	}
	switch (s) {
	case UI_S_SERVER:
		query(ph, &(struct iwu_query){ .kind = IWU_Q_SERVER });
		break;
	case UI_S_BASE:
		say_base(ph);
		break;
	case UI_S_NUMBER:
		say_number(ph);
		break;
	case UI_S_IPEI: {
		char ipei[IPEI_CHARS];
		pp_ipei_print(ph->pp->ipei, ipei);
		(void)snprintf(text, sizeof(text), "IPEI\n%s", ipei);
		say_and_wait(ph, text);
		break;
	}
	case UI_S_SIGN_IN:
		set_presence(ph, 11); /* pres.STATE_AUTOMATIC */
		break;
	case UI_S_SIGN_OUT:
		set_presence(ph, 8); /* STATE_OFF_WORK; Offline is never published for a handset */
		break;
	case UI_S_FWD_ALWAYS:
		set_forward(ph, 1, arg);
		break;
	case UI_S_FWD_BUSY:
		set_forward(ph, 2, arg);
		break;
	case UI_S_FWD_NO_ANSWER:
		set_forward(ph, 3, arg);
		break;
	case UI_S_FWD_UNREACHABLE:
		set_forward(ph, 4, arg);
		break;
	case UI_S_FWD_OFF:
		ph->forwards_left = 4;
		phone_forwards_off(ph);
		break;
	case UI_S_REDIAL:
		ph->complete = true;
		if (!line_out(ph, (struct slice){ 0 }, true, &err))
			leave(ph, phone_text(ph, UI_T_NO_SERVER), false);
		break;
	case UI_S_VOICE_MAIL:
		(void)snprintf(
		    text, sizeof(text), "%s: %u", phone_text(ph, UI_T_MESSAGES), ph->messages);
		say_and_wait(ph, text);
		break;
	default:
		ph->waits_text = false;
		menu(ph, s);
		break;
	}
}
