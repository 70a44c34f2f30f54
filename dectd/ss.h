#ifndef DECTD_SS_H
#define DECTD_SS_H
#include "common/slice.h"
#include "common/tmr.h"
#include "dectd/lce.h"
#include "dectd/mm.h"
#include "dectd/pp.h"

/* Services outside calls (EN 300 175-5 10, CISS and CLSS): waiting messages, missed calls, date and time, standby text and
 * short texts for displays. What a handset was told may be lost with its power: it is told again after each location
 * registration.
 *
 * To NG-DECT part 3 handsets: FACILITY of the connectionless service with Events notification or Time-date (12.3, 15.7).
 * PP: other handsets have no standard carrier for text while idle; those with a display get a CISS-REGISTER with
 * Multi-display, which the standard allows and a handset may ignore. */
struct ss;

struct ss_conf {
	bool idle_display; /* CISS texts to handsets without NG-DECT part 3 */
	bool time;         /* date and time after location registration */
	char language[8];
};

/* mm may be NULL (tests). */
struct ss *ss_new(struct tmr_wheel *w, struct lce *lce, struct pps *pps, struct mm *mm,
    const struct ss_conf *conf);
void ss_set_conf(struct ss *s, const struct ss_conf *conf);
void ss_free(struct ss *s);

struct ss_notice { /* borrowed */
	bool has_messages, has_missed;
	uint32_t messages, missed;
	struct slice text, from; /* UTF-8 */
};
void ss_user_notice(struct ss *s, struct pp_user *u, const struct ss_notice *n);
/* A device or a user changed: bits of enum pp_change. */
void ss_changed(struct ss *s, struct pp *pp, struct pp_user *u, unsigned what);
#define SS_STATS(X)                                                                                \
	X(sent, "messages sent to idle handsets")                                                  \
	X(failed, "handsets that could not be told something")                                     \
	X(asked, "requests of handsets")
struct ss_stats {
#define X(name, text) uint64_t name;
	SS_STATS(X)
#undef X
};
const struct ss_stats *ss_stats(const struct ss *s);
#endif
