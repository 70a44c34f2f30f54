#ifndef DECTD_PHONE_PRIV_H
#define DECTD_PHONE_PRIV_H
#include "dectd/lia.h"
#include "dectd/phone.h"
#include "dectd/ui_lang.h"
#include "dectd/ui_menu.h"

/* Inside the telephone: phones.c (life, questions), phone.c (lines, call control's
 * events), phone_iwu.c (sipd's), phone_key.c (digits, R, codes of second calls), phone_lia.c (list access),
 * phone_svc.c (service codes and menus), line_tab.c (the states of a line). */

enum line_state {
	LN_SETUP, /* sipd was asked for a call */
	LN_DIAL,  /* the number is being collected */
	LN_CALL,  /* the far end is sought or rings */
	LN_OFFER, /* a call for this handset that is being presented, or waits until it can be */
	LN_RING,  /* it rings */
	LN_WAIT,  /* call waiting */
	LN_UP,
	LN_HELD,
	LN_FAIL, /* sipd has ended it; its tone is heard */
	LN_GONE,
	LN_NSTATES
};
enum line_ev {
	LE_ACK,
	LE_PROGRESS,
	LE_CONNECTED,
	LE_REACHED,
	LE_PRESENT, /* call waiting or held: rings as a call of its own now */
	LE_WAITING,
	LE_TAKEN,
	LE_HELD,
	LE_RETRIEVED,
	LE_TONE,
	LE_DROP,
	LE_TIMER,
	LE_N
};
extern const struct fsm_def line_def;

#define PHONE_DIGITS 64
struct line {
	struct map_node by_ref;
	uint64_t ref;
	struct phone *phone;
	struct fsm fsm;
	struct tmr timer;
	bool out, has_media, accepted, orphan, recall, sent_digits, complete, alerted, was_up;
	uint8_t call_id;
	struct ui_shown far;
	bool anonymous, external, held_by_far;
	int signal;                    /* of its ringing */
	char via[UI_NAME_MAX * 4 + 1]; /* who sent it on */
	struct mac_media media;
	/* What sipd was asked for: again, while it is away for a moment. */
	struct tmr again;
	unsigned again_try;
	char called[PHONE_DIGITS];
	size_t ncalled;
	bool emergency, internal, redial;
	struct tmr path;   /* mediad did not take the base's address: again */
	unsigned path_try; /* how often */
};

enum phone_mode {
	PM_NORMAL,
	PM_RECALL, /* R was pressed: a digit says what to do */
	PM_SUPP,   /* 1C came: the next character says it */
	PM_BLIND,  /* collects whom to transfer to */
};
enum phone_op { /* waits for an answer of sipd */
	PO_NONE,
	PO_CONSULT, /* hold, then a new line */
	PO_TOGGLE,  /* hold, then retrieve the other */
	PO_ACCEPT,  /* hold, then answer the waiting one */
	PO_HOLD,    /* asked for by message or code */
	PO_RETRIEVE,
	PO_TRANSFER,
	PO_BLIND,
	PO_CONFERENCE,
	PO_SPLIT
};

struct phone {
	struct list node;
	struct phones *all;
	struct pp *pp;
	struct cc_call *cc; /* not releasing; NULL: none */
	unsigned releasing;
	struct line *line[2]; /* in order of age */
	unsigned nlines;
	struct line *active; /* whose speech is heard */
	enum phone_mode mode;
	enum phone_op op;
	bool hold_asked, retrieve_asked; /* by HOLD, RETRIEVE: cc_hold_answer() is due */
	bool conference, internal, emergency, hanging_up;
	struct tmr timer;           /* R, digits */
	uint8_t keys[PHONE_DIGITS]; /* pressed while something is under way */
	size_t nkeys;
	char digits[PHONE_DIGITS + 1];
	size_t ndigits;
	bool complete; /* nothing comes after digits */
	uint8_t next_call_id;
	uint32_t token; /* of the query that runs; 0: none */
	struct ui_menu *menu;
	enum ui_service service; /* that waits for an answer */
	bool showing;            /* a text stands until the timer ends */
	bool waits_text;         /* its answer is a text, not the menu's */
	unsigned forwards_left;  /* of "all forwards off" */
	struct lia *lists;       /* the handset reads lists */
	bool list_call;          /* its call is for that alone */
	uint32_t list_token;     /* of its question */
	struct tmr list_idle;
	unsigned messages, missed;
	char done_text[128];
};

struct phones {
	struct tmr_wheel *w;
	struct phones_conf conf;
	struct cc *cc;
	const struct iwu_ops *ops;
	void *ctx;
	struct list list;
	struct map lines;
	uint32_t next_token;
	struct phones_stats st;
};

/* ---- phone.c ---- */
extern const struct cc_ops phone_cc_ops;
struct phone *phone_get(struct phones *p, struct pp *pp); /* made when it is not there */
struct line *phone_other(const struct phone *ph, const struct line *l); /* NULL */
struct line *phone_in(const struct phone *ph, enum line_state st);
enum line_state line_state(const struct line *l);
int line_event(struct line *l, enum line_ev ev);
/* Ends a line at sipd (unless cause is IWU_NONE) and lets it go. */
struct line *line_new(struct phone *ph, uint64_t ref, bool out);
void line_drop(struct line *l, enum iwu_cause cause);
/* sipd did not answer since it is away: asked again soon; false: it was long enough. */
bool line_again(struct line *l);
struct line *line_out(struct phone *ph, struct slice digits, bool redial, int *err);
struct cc_show phone_show(int signal);
/* Display and signal in the call that is on; text may be NULL. */
void phone_say(struct phone *ph, const char *text, int signal);
/* The party of a line, with its call status for NG-DECT part 3. */
/* What is known of the caller has changed before the handset answered. */
void phone_caller_again(struct phone *ph, struct line *l);
void phone_show_line(struct phone *ph, const struct line *l, int status, int signal);
void phone_call_info(struct ie_call_info *ci, const struct line *l, int status);
/* Speech of l, or none. */
int phone_path(struct phone *ph, struct line *l);
void phone_path_again(struct tmr *t, void *ctx);
void phone_hang_up(struct phone *ph, uint8_t reason, const char *text);
const char *phone_text(const struct phone *ph, enum ui_str id);
/* A line ended or moved: what is heard and shown next. */
void phone_after(struct phone *ph);
void phone_after_why(
    struct phone *ph, uint8_t reason); /* reason: of the release, when nothing is left to talk to */
void phone_next(struct phone *ph);

/* ---- phone_key.c ---- */
void phone_keys(struct phone *ph, struct slice keypad, bool complete);
void phone_pump(struct phone *ph);
void phone_run_keys(struct phone *ph); /* those that had to wait */
void phone_recall(struct phone *ph);
void phone_op_done(struct phone *ph, bool on, int err);
void phone_timer(struct tmr *t, void *ctx);
void phone_hold_msg(struct phone *ph, bool hold);

/* ---- phone_lia.c ---- */
void phone_lists_setup(struct phone *ph); /* a call of class "list access" */
void phone_lists_ind(void *ctx, struct cc_call *c, struct slice cmd);
void phone_lists_end(struct phone *ph);
bool phone_lists_answer(
    struct phone *ph, uint32_t token, const struct iwu_answer *a); /* it was for the lists */
void phone_lists_idle(struct tmr *t, void *ctx);

/* ---- phone_svc.c ---- */
void phone_service(struct phone *ph, enum ui_service s, struct slice arg);
void phone_forwards_off(struct phone *ph);
void phone_menu_end(struct phone *ph);
/* The text has stood long enough. */
void phone_shown(struct phone *ph);
void phone_menu_key(struct phone *ph, uint8_t key);
#endif
