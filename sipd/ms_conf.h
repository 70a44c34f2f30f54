#ifndef SIPD_MS_CONF_H
#define SIPD_MS_CONF_H
#include "sipd/leg_sip.h"
#include "sipd/ms_roster.h"

/* LYNC: taking part in a conference. A participant has three dialogs: the invitation (application/ms-conf-invite+xml), which rings
 * the handset and ends once it is answered; the focus, which stays as long as the conference is ours; and the call to the audio-video
 * server, which is a leg like any other and takes the invitation's place in the call. Who leaves one of the last two leaves both.
 * Sources: MS-CONFBAS 3.3, MS-CONFPRO 2.2, RFC 4575; ms-conf-invite as clients send it. */
struct
    ms_conf; /* owned by the leg whose .conf it is: first the invitation's, then the audio-video server's */

/* An INVITE that is an invitation: true; then l->conf is set, or it was answered (488) and l->conf is NULL. */
bool ms_conf_invited(struct leg_sip *l, struct tx *tx, const struct sip_msg *req);
/* The handset answered and the inviter knows it: joins. What fails ends the call. */
void ms_conf_join(struct leg_sip *l);
/* A conference that is made here (ms_adhoc.h): joins its focus; ms_adhoc_joined() or ms_adhoc_failed() follows. NULL: not even asked. */
struct ms_adhoc;
struct ms_conf *ms_conf_make(
    struct sipd *s, struct ms_adhoc *a, const char *focus, const char *conversation);
/* Its audio-video server takes the place of the far end of stays, whose leg owns it from then on. ERR_STATE. */
int ms_conf_move(struct ms_conf *c, struct leg *stays) MUST_CHECK;
void ms_conf_show(struct ms_conf *c); /* its name and participants, on the handset */
/* The far end of a call is a conference's audio-video server. NULL: it is not. */
bool ms_conf_at(const struct leg *far);
/* "3: Bob Example, Carol"; empty: not known. */
void ms_conf_text(const struct ms_conf *c, char *out, size_t cap);
const struct roster *ms_conf_roster(const struct ms_conf *c);
/* Leaves the focus; NULL is fine. Not within a callback of its session. */
void ms_conf_free(struct ms_conf *c);

/* ---- ms_conf_xml.c: pure ---- */
struct conf_invite {
	char focus[NUMBER_MAX], avmcu[NUMBER_MAX]; /* avmcu: its audio-video server */
	char subject[97];
	bool audio;
};
/* ERR_SYNTAX: not such a document, or no usable focus; ERR_LIMIT. */
int conf_invite_read(struct slice xml, struct conf_invite *out) MUST_CHECK;
/* Answer of C3P (application/cccp+xml). ERR_DENIED: not "success", *why tells; ERR_SYNTAX, ERR_LIMIT. */
int conf_response_read(struct slice xml, char *why, size_t cap) MUST_CHECK;
/* The audio-video server of a focus. ERR_SYNTAX: not a focus; ERR_LIMIT. */
int conf_avmcu(const char *focus, char *out, size_t cap) MUST_CHECK;
/* Request that makes a conference with audio, of this id, until then. */
void conf_put_add_conference(
    struct wr *w, const char *user, const char *factory, const char *id, const char *until);
/* Its answer. Errors as of conf_response_read(); ERR_SYNTAX: it names no usable focus. */
int conf_created_read(
    struct slice xml, char *focus, size_t focus_cap, char *why, size_t cap) MUST_CHECK;
/* Invitation to a focus, audio only. */
void conf_put_invite(struct wr *w, const char *focus);
/* Request that makes a user, at the endpoint with this UUID, a participant. */
void conf_put_add_user(struct wr *w, const char *user, const char *focus, const char *uuid);
#endif
