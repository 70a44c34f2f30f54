#ifndef SIPD_MS_ADHOC_H
#define SIPD_MS_ADHOC_H
#include "sipd/ms_conf.h"

/* LYNC: a conference at the server of a handset's two calls with Lync users (`conference = server` of [lync]). The three are mixed here
 * at once, and stay so where anything of this fails:
 *
 *	SERVICE addConference to the focus factory -> the focus; we join it and subscribe to its participants;
 *	both others are invited (application/ms-conf-invite+xml), each in a dialog of its own that ends at once;
 *	when both are seen at the audio-video server, our handset is called into it, and the two calls end
 *
 * Sources: MS-CONFPRO 4.1, MS-CONFBAS 3.3, as SIPE does it (ms-media 11.5). A telephone outside would have to be dialled by
 * the audio-video server, whose request for that is not published: three with such a one are mixed here. */
/* x, y: legs of one handset whose media are mixed. false: not at the server. */
bool ms_adhoc_begin(struct leg *x, struct leg *y);
/* The leg is no part of it any more: the handset splits the calls again, or one has ended. */
void ms_adhoc_ended(struct sipd *s, const struct leg *x, const char *why);
void ms_adhoc_stop(struct sipd *s);

/* ---- from ms_conf.c; a is freed later, from the loop ---- */
struct ms_adhoc;
extern const struct fsm_def ms_adhoc_fsm;
struct user *ms_adhoc_user(struct ms_adhoc *a); /* NULL: gone */
void ms_adhoc_joined(struct ms_adhoc *a);
void ms_adhoc_seen(struct ms_adhoc *a, const struct roster *r);
void ms_adhoc_failed(struct ms_adhoc *a, const char *why);
#endif
