/* Menus: lists of calls, search in the directory, own presence. */
#include "dectd/ui_menu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "dectd/ui_lang.h"

#define KEY_COL_BACK 0x08
#define KEY_COL_ON   0x09
#define KEY_DOWN     0x0a
#define KEY_UP       0x0b
#define TAP_MS       1500
#define TEXT_MAX     32
#define PAGE         10

enum mode { M_WAIT, M_LIST, M_TEXT, M_CHOICE, M_CLEAR, M_CLEARING };

struct ui_menu {
	enum ui_service service;
	enum mode mode;
	char language[8];
	struct iwu_answer *a; /* the page */
	unsigned at;          /* entry in the whole list */
	unsigned from;        /* of the page */
	char text[TEXT_MAX + 1];
	size_t ntext;
	uint8_t tapped; /* key whose letters are being walked through; 0: none */
	unsigned taps;
};

static const char *const letters[10] = { " 0+", ".,-1@", "abc2\xc3\xa4", "def3", "ghi4", "jkl5",
	"mno6\xc3\xb6", "pqrs7\xc3\x9f", "tuv8\xc3\xbc", "wxyz9" };

static const char *say(const struct ui_menu *m, enum ui_str id)
{
	return ui_str(m->language, id);
}

static void leave(struct ui_menu_out *o, const char *text, bool good)
{
	o->act = UI_A_LEAVE;
	o->good = good;
	(void)snprintf(o->text, sizeof(o->text), "%s", text);
}

/* ---- lists ---- */

static unsigned log_kind(enum ui_service s)
{
	return s == UI_S_PLACED ? 1 : s == UI_S_RECEIVED ? 2 : 3;
}

static void ask(struct ui_menu *m, struct ui_menu_out *o)
{
	o->act = UI_A_QUERY;
	o->query.from = m->from;
	o->query.max = PAGE;
	if (m->service == UI_S_DIRECTORY) {
		o->query.kind = IWU_Q_DIRECTORY;
		o->query.text = (struct slice){ m->text, m->ntext };
	} else {
		o->query.kind = IWU_Q_LOG;
		o->query.log_kind = log_kind(m->service);
		o->query.mark_read = m->service == UI_S_MISSED;
	}
	m->mode = M_WAIT;
}

static const struct iwu_entry *here(const struct ui_menu *m)
{
	return m->a && m->at >= m->from && m->at - m->from < m->a->n ? &m->a->e[m->at - m->from]
	                                                             : NULL;
}

/* What a search shows of people: pres.State */
static const struct {
	enum ui_str name;
	unsigned state;
} shown[] = { { UI_T_AVAILABLE, 1 }, { UI_T_INACTIVE, 2 }, { UI_T_AWAY, 3 }, { UI_T_IN_A_CALL, 4 },
	{ UI_T_PRES_BUSY, 5 }, { UI_T_DND, 6 }, { UI_T_BRB, 7 }, { UI_T_OFF_WORK, 8 },
	{ UI_T_OFFLINE, 9 }, { UI_T_CONFERENCE, 10 } };

static void show_entry(struct ui_menu *m, struct ui_menu_out *o)
{
	const struct iwu_entry *e = here(m);
	struct wr w = wr_of(o->text, sizeof(o->text));
	struct tm tm;

	o->act = UI_A_NONE;
	if (!e) {
		leave(o, say(m, UI_T_EMPTY), true);
		return;
	}
	wr_fmt(&w, "%u/%u%s ", m->at + 1, m->a->total > m->a->n ? m->a->total : m->from + m->a->n,
	    e->unread ? "*" : "");
	if (e->time) {
		time_t t = (time_t)e->time;
		localtime_r(&t, &tm);
		wr_fmt(
		    &w, "%02d.%02d. %02d:%02d", tm.tm_mday, tm.tm_mon + 1, tm.tm_hour, tm.tm_min);
	}
	for (size_t i = 0; i < ARRAY_LEN(shown); i++)
		if (shown[i].state == e->state)
			wr_str(&w, say(m, shown[i].name));
	wr_str(&w, "\n");
	ui_party_line(&e->who, &w, UI_URI_MAX);
	if (e->who.name[0] && e->who.number[0]) {
		wr_str(&w, "\n");
		wr_str(&w, e->who.number);
	}
	if (!wr_nul(&w))
		o->text[0] = '\0';
}

static void move(struct ui_menu *m, int by, struct ui_menu_out *o)
{
	unsigned total = m->a ? (m->a->total > m->a->n ? m->a->total : m->from + m->a->n) : 0;

	if (by < 0 && m->at > 0)
		m->at--;
	else if (by > 0 && m->at + 1 < total)
		m->at++;
	if (here(m)) {
		show_entry(m, o);
		return;
	}
	m->from = by < 0 ? (m->at + 1 > PAGE ? m->at + 1 - PAGE : 0) : m->at;
	ask(m, o);
	o->text[0] = '\0';
}

static void list_key(struct ui_menu *m, uint8_t k, struct ui_menu_out *o)
{
	const struct iwu_entry *e = here(m);

	switch (k) {
	case '8':
	case KEY_DOWN:
		move(m, 1, o);
		return;
	case '2':
	case KEY_UP:
		move(m, -1, o);
		return;
	case '5':
	case '#':
		if (e && e->who.number[0]) {
			o->act = UI_A_DIAL;
			o->number = e->who.number;
			return;
		}
		break;
	case '0':
		if (m->service != UI_S_DIRECTORY) {
			m->mode = M_CLEAR;
			(void)snprintf(o->text, sizeof(o->text), "%s", say(m, UI_T_CLEAR));
			return;
		}
		break;
	case '*':
	case KEY_COL_BACK:
		leave(o, "", true);
		return;
	default:
		break;
	}
	show_entry(m, o);
}

static void clear_key(struct ui_menu *m, uint8_t k, struct ui_menu_out *o)
{
	if (k != '#') {
		m->mode = M_LIST;
		show_entry(m, o);
		return;
	}
	m->mode = M_CLEARING;
	o->act = UI_A_QUERY;
	o->query.kind = IWU_Q_LOG_CLEAR;
	o->query.log_kind = log_kind(m->service);
	(void)snprintf(o->text, sizeof(o->text), "%s", say(m, UI_T_WAIT));
}

/* ---- search text ---- */

static void show_text(struct ui_menu *m, struct ui_menu_out *o)
{
	o->act = m->tapped ? UI_A_TIMER : UI_A_NONE;
	o->ms = TAP_MS;
	(void)snprintf(
	    o->text, sizeof(o->text), "%s\n%.*s_", say(m, UI_T_SEARCH), (int)m->ntext, m->text);
}

static void rub_out(struct ui_menu *m)
{
	while (m->ntext && ((uint8_t)m->text[m->ntext - 1] & 0xc0) == 0x80)
		m->ntext--;
	if (m->ntext)
		m->ntext--;
}

/* Writes the nth letter of a key. */
static void tap(struct ui_menu *m, uint8_t k, unsigned n)
{
	struct slice all = slice_str(letters[k - '0']);
	size_t chars = ui_text_chars(all);
	struct wr w = wr_of(m->text + m->ntext, TEXT_MAX - m->ntext);
	uint32_t c = 0;

	for (size_t i = 0; i <= n % chars; i++)
		c = ui_text_next(&all);
	ui_text_put(&w, c);
	if (!w.bad)
		m->ntext += w.n;
}

static void text_key(struct ui_menu *m, uint8_t k, struct ui_menu_out *o)
{
	if (k == '#') {
		m->tapped = 0;
		if (!m->ntext) {
			leave(o, "", true);
			return;
		}
		m->at = m->from = 0;
		ask(m, o);
		(void)snprintf(o->text, sizeof(o->text), "%s", say(m, UI_T_WAIT));
		return;
	}
	if (k == '*' || k == KEY_COL_BACK) {
		m->tapped = 0;
		if (!m->ntext) {
			leave(o, "", true);
			return;
		}
		rub_out(m);
	} else if (k >= '0' && k <= '9') {
		if (m->tapped == k) {
			rub_out(m);
			tap(m, k, ++m->taps);
		} else {
			m->tapped = k;
			m->taps = 0;
			tap(m, k, 0);
		}
	} else if (k == KEY_COL_ON) {
		m->tapped = 0;
	}
	show_text(m, o);
}

/* ---- presence ---- */

static const struct {
	enum ui_str name;
	unsigned state; /* pres.State */
} states[] = { { UI_T_AVAILABLE, 1 }, { UI_T_PRES_BUSY, 5 }, { UI_T_DND, 6 }, { UI_T_BRB, 7 },
	{ UI_T_AWAY, 3 }, { UI_T_OFF_WORK, 8 }, { UI_T_AUTOMATIC, 11 } };

static void show_choice(struct ui_menu *m, struct ui_menu_out *o)
{
	o->act = UI_A_NONE;
	(void)snprintf(o->text, sizeof(o->text), "%u %s", m->at + 1, say(m, states[m->at].name));
}

static void choice_key(struct ui_menu *m, uint8_t k, struct ui_menu_out *o)
{
	if (k >= '1' && k < '1' + (int)ARRAY_LEN(states) && k != '2' && k != '5')
		m->at = (unsigned)(k - '1');
	else if (k == KEY_DOWN || k == '8')
		m->at = (m->at + 1) % (unsigned)ARRAY_LEN(states);
	else if (k == KEY_UP || k == '2')
		m->at = (m->at + (unsigned)ARRAY_LEN(states) - 1) % (unsigned)ARRAY_LEN(states);
	else if (k == '*' || k == KEY_COL_BACK) {
		leave(o, "", true);
		return;
	} else if (k == '#' || k == '5') {
		o->act = UI_A_QUERY;
		o->query.kind = IWU_Q_PRESENCE;
		o->query.state = states[m->at].state;
		(void)snprintf(o->text, sizeof(o->text), "%s", say(m, UI_T_WAIT));
		m->mode = M_WAIT;
		return;
	}
	show_choice(m, o);
}

/* ---- life ---- */

struct ui_menu *ui_menu_new(enum ui_service service, const char *language, struct ui_menu_out *o)
{
	struct ui_menu *m = mem_new(sizeof(*m));

	memset(o, 0, sizeof(*o));
	m->service = service;
	(void)snprintf(m->language, sizeof(m->language), "%.7s", language);
	switch (service) {
	case UI_S_DIRECTORY:
		m->mode = M_TEXT;
		show_text(m, o);
		break;
	case UI_S_PRESENCE:
		m->mode = M_CHOICE;
		show_choice(m, o);
		break;
	default:
		ask(m, o);
		(void)snprintf(o->text, sizeof(o->text), "%s",
		    say(m, service == UI_S_PLACED     ? UI_T_PLACED
		           : service == UI_S_RECEIVED ? UI_T_RECEIVED
		                                      : UI_T_MISSED));
		break;
	}
	return m;
}

void ui_menu_free(struct ui_menu *m)
{
	if (!m)
		return;
	free(m->a);
	free(m);
}

void ui_menu_key(struct ui_menu *m, uint8_t key, struct ui_menu_out *o)
{
	memset(o, 0, sizeof(*o));
	switch (m->mode) {
	case M_LIST:
		list_key(m, key, o);
		break;
	case M_TEXT:
		text_key(m, key, o);
		break;
	case M_CHOICE:
		choice_key(m, key, o);
		break;
	case M_CLEAR:
		clear_key(m, key, o);
		break;
	case M_WAIT:
	case M_CLEARING:
		if (key == '*')
			leave(o, "", true);
		else
			(void)snprintf(o->text, sizeof(o->text), "%s", say(m, UI_T_WAIT));
		break;
	}
}

void ui_menu_answer(struct ui_menu *m, const struct iwu_answer *a, struct ui_menu_out *o)
{
	memset(o, 0, sizeof(*o));
	if (a->err) {
		leave(o, a->why[0] ? a->why : say(m, UI_T_FAILED), false);
		return;
	}
	if (m->mode == M_CLEARING) {
		leave(o, say(m, UI_T_CLEARED), true);
		return;
	}
	if (m->service == UI_S_PRESENCE) {
		leave(o, say(m, states[m->at].name), true);
		return;
	}
	free(m->a);
	m->a = mem_dup(a, sizeof(*a));
	m->mode = M_LIST;
	if (m->at < m->from || m->at >= m->from + a->n)
		m->at = m->from;
	show_entry(m, o);
}

bool ui_menu_presence(struct ui_menu *m, uint64_t person, unsigned state, struct ui_menu_out *o)
{
	bool seen = false;

	for (unsigned i = 0; m->a && person && m->service == UI_S_DIRECTORY && i < m->a->n; i++) {
		struct iwu_entry *e = &m->a->e[i];

		if (e->person != person || e->state == state)
			continue;
		e->state = state;
		seen |= m->mode == M_LIST && here(m) == e;
	}
	memset(o, 0, sizeof(*o));
	if (seen)
		show_entry(m, o);
	return seen;
}

void ui_menu_tick(struct ui_menu *m, struct ui_menu_out *o)
{
	memset(o, 0, sizeof(*o));
	if (m->mode == M_TEXT && m->tapped) {
		m->tapped = 0; /* the letter stands; the same key begins a new one */
		show_text(m, o);
		o->act = UI_A_TIMER;
		o->ms = 15000;
		return;
	}
	o->act = UI_A_NONE; /* given up */
}
