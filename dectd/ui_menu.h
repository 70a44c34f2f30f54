#ifndef DECTD_UI_MENU_H
#define DECTD_UI_MENU_H
#include "dectd/iwu.h"
#include "dectd/ui_code.h"

/* Menus on a GAP display, worked with the digit keys: a list to walk through (8 or cursor down: next, 2 or up: previous,
 * 5 or #: choose, 0: clear the list, *: leave), a search text written by pressing digit keys repeatedly, a choice by number. Pure: keys and
 * answers in, what to show and what to do out. */

struct ui_menu;
enum ui_menu_act {
	UI_A_NONE,  /* show the screen */
	UI_A_QUERY, /* ask .query, show the screen meanwhile */
	UI_A_DIAL,  /* call .number */
	UI_A_LEAVE, /* over; .text says how it went, may be "" */
	UI_A_TIMER, /* show, and call ui_menu_tick() in .ms */
};
struct ui_menu_out {
	enum ui_menu_act act;
	char text[320]; /* lines separated by '\n' */
	struct iwu_query query;
	const char *number;
	uint32_t ms;
	bool good; /* UI_A_LEAVE: confirm or refuse tone */
};

/* service: UI_S_MISSED, RECEIVED, PLACED, DIRECTORY, PRESENCE. number_only: entries without digits are not called. */
struct ui_menu *ui_menu_new(enum ui_service service, const char *language, struct ui_menu_out *out);
void ui_menu_free(struct ui_menu *m);
void ui_menu_key(struct ui_menu *m, uint8_t key, struct ui_menu_out *out);
void ui_menu_answer(struct ui_menu *m, const struct iwu_answer *a, struct ui_menu_out *out);
/* Somebody's presence changed. True: the entry on the display is that person's, out->text is its new text. */
bool ui_menu_presence(struct ui_menu *m, uint64_t person, unsigned state, struct ui_menu_out *out);
void ui_menu_tick(struct ui_menu *m, struct ui_menu_out *out);
#endif
