#ifndef DECTD_PHONE_H
#define DECTD_PHONE_H
#include "common/fsm.h"
#include "common/map.h"
#include "dectd/cc.h"
#include "dectd/iwu.h"
#include "dectd/ui_code.h"

/* A handset as a telephone: up to two calls of the call interface ("lines") behind the one CC instance that a handset has
 * (EN 300 175-5 10, 17.3.3; NG-DECT part 3 multiple calls): dialling, ringing, second call, call waiting, hold,
 * toggle, transfer, conference, service codes and menus, and what the display says meanwhile.
 *
 * Above it sits sipd (iwu.h), below call control (cc.h). Everything runs in the loop; nothing here knows ipc or LCE. */

struct phones;
struct phone;

struct phones_conf {
	struct cc_conf cc;
	bool call_waiting, transfer_on_hangup;
	bool waiting_tone;  /* in band through mediad */
	uint32_t digits_ms; /* pause that ends a number which we collect ourselves */
	uint32_t fail_ms;   /* how long a failure tone is heard */
	uint32_t recall_ms; /* R waits for its digit */
	unsigned ring_internal, ring_external; /* alerting patterns 0-7, 8: continuous */
	char language[8];
	char emergency[16][16]; /* numbers that need no user */
	unsigned nemergency;
	struct ui_codes codes;
	struct ui_call_codes call_codes;
};
/* What holds where nothing is configured. */
void phones_conf_default(struct phones_conf *c);

struct phones *phones_new(struct tmr_wheel *w, const struct phones_conf *conf,
    const struct cc_low *low, void *low_ctx, const struct iwu_ops *ops, void *ctx);
void phones_free(struct phones *p);
void phones_set_conf(struct phones *p, const struct phones_conf *conf);
struct cc *phones_cc(struct phones *p);

/* ---- from sipd ---- */
struct iwu_offer {
	struct ui_party caller, diverted;
	bool has_diverted, auto_answer;
	int ring_pattern; /* -1: by the caller */
	const struct mac_media *media;
};
/* A call for a handset. 0: ops->offered() will answer; else the cause that refuses it. */
enum iwu_cause phones_offer(
    struct phones *p, struct pp *pp, uint64_t ref, const struct iwu_offer *o);
void phones_setup_done(struct phones *p, uint64_t ref, int err, const struct mac_media *media,
    bool dial_tone, const char *why);
struct iwu_progress_in {
	enum iwu_progress kind;
	const struct ui_party *party; /* NULL: not told */
	bool in_band;
	const struct mac_media *media; /* NULL: as it is */
	enum iwu_cause cause;
};
void phones_progress(struct phones *p, uint64_t ref, const struct iwu_progress_in *in);
void phones_connected(
    struct phones *p, uint64_t ref, const struct ui_party *party, const struct mac_media *media);
void phones_released(
    struct phones *p, uint64_t ref, enum iwu_cause cause, struct slice text, bool tone);
void phones_display(
    struct phones *p, uint64_t ref, const struct ui_party *party, int held, struct slice text);
void phones_media(struct phones *p, uint64_t ref, const struct mac_media *media);
void phones_hold_done(struct phones *p, uint64_t ref, bool on, int err);
void phones_transfer_done(struct phones *p, uint64_t ref, int err);
void phones_conference_done(struct phones *p, uint64_t ref, bool on, int err);
/* A colleague of the handset's user has another state: an open list shows it. */
void phones_presence(struct phones *p, struct pp *pp, uint64_t person, unsigned state);
void phones_answer(struct phones *p, struct pp *pp, uint32_t token, const struct iwu_answer *a);
/* sipd came back as a new process: its side of all calls is gone. Calls with speech go on until the handset hangs up,
 * for at most ms; what was not answered yet ends. */
void phones_orphan(struct phones *p, uint32_t ms);
/* sipd came back as the same process: what it has missed is told again. */
void phones_resync(struct phones *p);
/* Every call that sipd was told of, or told us of, and has not ended. waiting: the handset began it, and it is not answered. */
void phones_living(
    const struct phones *p, void (*fn)(void *ctx, uint64_t ref, bool waiting), void *ctx);

/* ---- from below ---- */
void phones_moved(struct phones *p, struct pp *pp); /* handover */
/* The speech path at the base station opened or moved; or it is not there. ERR_LOST, ERR_NOTFOUND, ERR_TIMEOUT: mediad
 * did not take the base's address (it may have died; sipd then moves the session): tried again for some seconds. */
void phones_media_open(struct phones *p, struct pp *pp);
void phones_media_failed(struct phones *p, struct pp *pp, int err);
/* Its link is not safe any more: calls end with this release reason (7.6.7). */
void phones_unsafe(struct phones *p, struct pp *pp, uint8_t reason);
/* The handset lost its subscription or its user, or is deleted: its calls end. */
void phones_gone(struct phones *p, struct pp *pp);

/* What a service code tells of waiting messages. */
void phones_messages(struct phones *p, struct pp *pp, unsigned fresh);

/* ---- questions ---- */
#define PHONES_STATS(X)                                                                            \
	X(placed, "calls begun by handsets")                                                       \
	X(offered, "calls for handsets")                                                           \
	X(answered, "calls answered by handsets")                                                  \
	X(connected, "calls of handsets that were answered")                                       \
	X(busy, "calls refused because the handset was busy")                                      \
	X(waiting, "calls shown as waiting")                                                       \
	X(unreached, "calls for handsets that were not reached")                                   \
	X(lost, "calls ended by loss of the radio link")                                           \
	X(no_channel, "calls without a speech channel at the base station")                        \
	X(transfers, "transfers asked for")                                                        \
	X(conferences, "conferences asked for")                                                    \
	X(services, "service codes")
struct phones_stats {
#define X(name, text) uint64_t name;
	PHONES_STATS(X)
#undef X
};
const struct phones_stats *phones_stats(const struct phones *p);
bool phones_busy(const struct pp *pp); /* has a call */
unsigned phones_calls(const struct phones *p);
struct phone_view { /* for `dectctl handset show` and `call show` */
	const char *cc_state;
	struct {
		uint64_t ref;
		const char *state;
		bool outgoing, active;
		const char *number, *name;
	} line[2];
	unsigned nlines;
};
bool phones_view(const struct pp *pp, struct phone_view *out);
/* Who has this call; NULL: nobody. */
struct pp *phones_find(const struct phones *p, uint64_t ref);
#endif
