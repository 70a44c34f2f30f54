#ifndef SUPPORT_SOFTPP_PRIV_H
#define SUPPORT_SOFTPP_PRIV_H
#include <stdio.h>

#include "certd/dect_kdf.h"
#include "common/list.h"
#include "common/mem.h"
#include "common/rd.h"
#include "common/tmr.h"
#include "common/wr.h"
#include "tests/support/air.h"
#include "tests/support/softpp.h"

/* ---- S-format: messages of the network layer (softpp_nwk.c) ---- */
#define SP_MSG_MAX 1024
#define SP_IES     48

enum { PD_LCE = 0, PD_CC = 3, PD_CISS = 4, PD_MM = 5, PD_CLMS = 6 };

struct sp_ie {
	uint8_t id;
	const uint8_t *p;
	uint8_t n;
};
struct sp_msg {
	uint8_t ti; /* high nibble of the first octet: flag and value */
	uint8_t pd, type;
	unsigned nies;
	struct sp_ie ies[SP_IES];
	const uint8_t *p;
	size_t n;
};

struct softpp;
/* Takes a message apart and checks it against the tables; false: not to be processed. */
bool sp_msg_parse(struct softpp *pp, const uint8_t *p, size_t n, struct sp_msg *m);
const struct sp_ie *sp_ie(const struct sp_msg *m, uint8_t id); /* first one; NULL */
const char *sp_msg_name(uint8_t pd, uint8_t type);
/* Building: header, then elements in ascending order. */
struct wr sp_begin(uint8_t *buf, uint8_t first, uint8_t type);
void sp_put(struct wr *w, uint8_t id, const void *p, size_t n);
void sp_put2(struct wr *w, uint8_t id, uint8_t v); /* two-octet element */

/* ---- identities ---- */
struct sp_id { /* value of a portable or fixed identity: as in the element from octet 3 on */
	uint8_t p[20];
	uint8_t n;
};

/* ---- LAPC ---- */
enum sp_link { SPL_IDLE, SPL_MAC, SPL_EST, SPL_UP, SPL_REL };
struct sp_seg {
	struct list node;
	bool more;
	uint8_t n, info[63];
};
struct sp_lapc {
	enum sp_link st;
	bool class_b;
	uint8_t lln;
	uint8_t vs, va, vr, acked; /* acked: N(R) that we sent last */
	struct sp_seg *win[8];     /* sent, not acknowledged; by N(S) */
	struct list txq;
	unsigned retries;
	bool peer_busy, recover, rej, faults;
	uint8_t rx[SP_MSG_MAX];
	size_t nrx;
	struct tmr t;
	uint32_t tx_frames, rx_frames, again;
};

/* ---- MM ---- */
enum sp_mm_op { MMO_NONE, MMO_SUBSCRIBE, MMO_LOCATE, MMO_TERMINATE, MMO_AUTH_FT, MMO_INFO };
struct sp_mm {
	enum sp_mm_op op;
	bool repeated, alloc; /* alloc: key allocation under way */
	struct tmr t;         /* of the procedure */
	struct tmr again;     /* locate later */
	uint8_t msg[128];     /* to be repeated on expiry */
	size_t nmsg;
	char ac[9];
	uint8_t rand_p[8], rand_f[8], rs[16];
	uint8_t last_rand[8]; /* RAND_F of the last authentication */
	bool after_auth_ft;   /* terminate once the FT is authentic */
	enum dect_kdf_alg alg;
	uint64_t began;
	unsigned rejects;
};

/* ---- CC ---- */
enum sp_cc_st { T00, T01, T02, T03, T04, T06, T07, T08, T10, T19 };
struct sp_cc {
	enum sp_cc_st st;
	uint8_t ti; /* first octet of our messages */
	bool ours;  /* we started it */
	struct tmr t, dial, redial;
	unsigned timer_no; /* CC.02, .03, .05 */
	char digits[64];
	unsigned at, mode;
	char from[64], name[64], called[64];
	bool early, audible; /* progress indicator 8; speech path open */
	uint8_t signal;      /* last one; FF: none */
	bool ringing;
	uint64_t began, connected_at, alerted_at;
	uint32_t setup_ms, rings;
	uint8_t reason, call_id;
	bool waiting; /* call waiting was signalled */
	char wait_from[64], wait_name[64];
};

/* ---- audio ---- */
struct sp_audio {
	int16_t *play;
	size_t nplay, at;
	bool loop;
	FILE *rec;
	uint32_t nrec;
	bool muted;
	double tone; /* Hz, 0: none */
	uint64_t phase;
	/* what was heard */
	uint32_t frames_in, frames_out;
	double level; /* mean square of the last frames */
	uint64_t first_at, last_at;
	/* verification of a tone of the far end */
	double want;
	unsigned good, bad, run, worst, blocks;
	double s1, s2, power;
	unsigned nblock;
};

enum sp_profile { SPP_GAP_A, SPP_GAP_B, SPP_NG };

struct softpp_set {
	struct air *air;
	struct tmr_wheel *w;
	struct list pps;
	struct tmr tick;
	uint64_t tick_at;
	struct sp_load *load;
};

struct softpp {
	struct list node;
	struct softpp_set *set;
	struct air *air;
	struct tmr_wheel *w;
	struct air_pp *radio;
	struct air_conn *conn;
	char name[24], who[28];
	enum sp_profile profile;
	bool on, auto_locate, cipher_required, ac_per_ack, early_empty, answer_auto;
	bool ignore_pages, refuse_cipher, refuse_auth, spread;
	unsigned cols, lines;
	char state_file[220];
	char number[24];
	uint16_t emc;
	uint32_t psn;
	/* subscription */
	bool subscribed, located;
	struct sp_id ipui, park;
	uint8_t uak[16], uak_no;
	enum dect_kdf_alg alg;
	uint32_t tpui; /* UINT32_MAX: none */
	uint8_t lal;
	uint8_t dck[16], dck_no;
	size_t ndck;
	/* Default cipher key; early: asked for over this connection, early_over: and answered */
	uint16_t def_index;
	uint8_t defck[16];
	size_t ndefck;
	bool early, early_over;
	bool have_dck, base_key, ciphered;
	struct air_base *camped; /* where it listens */
	uint32_t pmid;
	uint64_t link_since;
	bool paged, page_voice;
	struct tmr linger;
	struct sp_lapc l;
	struct sp_mm mm;
	struct sp_cc cc;
	struct sp_audio a;
	/* display */
	uint8_t cell[8][32]; /* characters on the display; 0: nothing */
	unsigned row, col;
	unsigned mwi, missed;
	char idle_text[64], clock[40];
	struct sp_lists *lists; /* reads one */
	/* figures */
	uint32_t links, pages, calls_in, calls_out, auths, lost;
};

void sp_violation(struct softpp *pp, const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void sp_event(struct softpp *pp, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
uint32_t sp_random(void);
void sp_random_bytes(uint8_t *p, size_t n);
struct softpp *sp_find(struct softpp_set *s, const char *name);
void sp_save(struct softpp *pp);
int sp_add(struct softpp_set *s, int argc, char **argv, struct wr *reply);
void sp_remove(struct softpp *pp);
void sp_power(struct softpp *pp, bool on);
void sp_forget(struct softpp *pp); /* the subscription */
int sp_ipei_parse(const char *s, uint16_t *emc, uint32_t *psn);
void sp_ipei_text(uint16_t emc, uint32_t psn, char out[16]);
void sp_ipei_id(const struct softpp *pp, struct sp_id *out); /* IPUI N */
uint32_t sp_default_tpui(const struct softpp *pp);
size_t sp_term_cap(const struct softpp *pp, uint8_t *out); /* value of element 63 */

/* softpp_lapc.c */
void sp_lapc_init(struct softpp *pp);
bool sp_lapc_open(struct softpp *pp, struct air_base *b);
void sp_lapc_send(struct softpp *pp, const uint8_t *msg, size_t n);
void sp_lapc_release(struct softpp *pp);
void sp_lapc_connected(struct softpp *pp);
void sp_lapc_frame(struct softpp *pp, const uint8_t *f, size_t n);
void sp_lapc_moved(struct softpp *pp);
void sp_lapc_down(struct softpp *pp); /* the connection is gone */

/* softpp_lce.c */
extern const struct air_pp_ops sp_radio_ops;
/* Sends; opens a link first when there is none. false: no base. */
bool sp_send(struct softpp *pp, const uint8_t *msg, size_t n);
void sp_up(struct softpp *pp);                                  /* link established */
void sp_message(struct softpp *pp, const uint8_t *p, size_t n); /* a whole one came */
void sp_link_down(struct softpp *pp, bool abnormal);
void sp_idle_check(struct softpp *pp); /* release the link when nobody needs it */
struct air_base *sp_best(struct softpp *pp, bool subscribing);
bool sp_park_matches(const struct softpp *pp, const struct air_info *i);
void sp_ari(const struct air_info *i, struct sp_id *out);

/* softpp_mm.c */
void sp_mm_init(struct softpp *pp);
void sp_mm_input(struct softpp *pp, const struct sp_msg *m);
void sp_mm_link_down(struct softpp *pp);
bool sp_mm_busy(const struct softpp *pp);
void sp_cipher_check(struct softpp *pp, const char *what); /* what must not come in clear */
int sp_subscribe(struct softpp *pp, const char *ac);
int sp_locate(struct softpp *pp);
int sp_detach(struct softpp *pp);
int sp_terminate(struct softpp *pp);
int sp_auth_ft(struct softpp *pp, bool then_terminate);
int sp_cipher_suggest(struct softpp *pp, bool on);
void sp_locate_later(struct softpp *pp, uint32_t ms);

/* Between softpp_mm.c (procedures) and softpp_auth.c (authentication, ciphering). */
#define KEY_UAK 1
#define KEY_AC  4
/* Rejects, by number. */
enum {
	RJ_AUTH = 0x10,
	RJ_ALG = 0x12,
	RJ_KEY = 0x13,
	RJ_CIPHER_ALG = 0x18,
	RJ_CIPHER_KEY = 0x19,
	RJ_SERVICE = 0x20
};
uint8_t sp_mm_alg(const struct softpp *pp);
void sp_mm_done(struct softpp *pp);
void sp_mm_reply(struct softpp *pp, struct wr *w);
void sp_mm_reject(struct softpp *pp, uint8_t first, uint8_t type, uint8_t reason);
bool sp_mm_flag(struct softpp *pp, const struct sp_msg *m, bool want);
bool sp_mm_expected(struct softpp *pp, const struct sp_msg *m, enum sp_mm_op op);
void sp_mm_nested(struct softpp *pp);
void sp_mm_allocated(struct softpp *pp, const struct sp_msg *m);
bool sp_mm_key(struct softpp *pp, unsigned type, unsigned no, uint8_t k[16]);
void sp_auth_request(struct softpp *pp, const struct sp_msg *m);
/* A connection is there: true when it is to be ciphered first. */
bool sp_early_start(struct softpp *pp);
void sp_early_done(struct softpp *pp, bool ok);
void sp_auth_reply(struct softpp *pp, const struct sp_msg *m);
void sp_cipher_request(struct softpp *pp, const struct sp_msg *m);

/* softpp_xho.c: external handover (dect-nwk 17): the call goes on over another link */
int sp_reference_ask(struct softpp *pp);
int sp_come_over(struct softpp *pp, const char *reference);
void sp_info_input(struct softpp *pp, const struct sp_msg *m); /* MM-INFO-ACCEPT, -REJECT */

/* softpp_cc.c */
enum { DIAL_BLOCK, DIAL_OVERLAP, DIAL_SETUP, DIAL_CALLED, DIAL_LISTS, DIAL_COME_OVER };
void sp_cc_init(struct softpp *pp);
void sp_cc_input(struct softpp *pp, const struct sp_msg *m);
void sp_cc_link_down(struct softpp *pp);
int sp_dial(struct softpp *pp, const char *digits, unsigned mode);
int sp_answer(struct softpp *pp);
int sp_hang_up(struct softpp *pp, uint8_t reason);
int sp_press(struct softpp *pp, const char *keys);
int sp_cc_message(struct softpp *pp, uint8_t type); /* HOLD, RETRIEVE */
const char *sp_cc_state(const struct softpp *pp);
/* CC-SETUP is out: CC.03 runs. */
void sp_cc_began(struct softpp *pp, unsigned mode);
void sp_ciss_input(struct softpp *pp, const struct sp_msg *m);

/* softpp_lists.c. search: of contacts; clear: deletes the list when it was read */
int sp_lists(struct softpp *pp, const char *list, const char *search, bool clear);
void sp_lists_connected(struct softpp *pp);
void sp_lists_input(struct softpp *pp, const struct sp_msg *m);
void sp_lists_end(struct softpp *pp);

/* softpp_text.c: display, number and name elements, events */
void sp_display(struct softpp *pp, const struct sp_msg *m);
void sp_party(struct softpp *pp, const struct sp_msg *m, char *number, char *name, size_t cap);
void sp_events(struct softpp *pp, const struct sp_msg *m);
void sp_display_clear(struct softpp *pp);
/* Its lines in UTF-8, joined by "|". */
#define SP_DISPLAY_MAX 600
void sp_display_text(const struct softpp *pp, char out[SP_DISPLAY_MAX]);

/* softpp_audio.c */
void sp_audio_tick_start(struct softpp_set *s);
void sp_audio_in(struct softpp *pp, const int16_t *samples);
int sp_play(struct softpp *pp, const char *path, bool loop, struct wr *reply);
int sp_record(struct softpp *pp, const char *path, struct wr *reply);
void sp_audio_stop(struct softpp *pp);
void sp_expect_tone(struct softpp *pp, double hz);

/* softpp_cmd.c, softpp_load.c */
air_command_h sp_command, sp_load_command;
void sp_load_event(struct softpp *pp, const char *what);
void sp_load_free(struct softpp_set *s);
#endif
