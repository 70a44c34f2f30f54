#ifndef SIPD_MS_H
#define SIPD_MS_H
#include "sipd/ms_epid.h"
#include "sipd/ms_sign.h"
#include "sipd/sipd.h"

/* LYNC: users registered at Lync or Skype for Business. ms_profile.c makes the effective configuration, ms_reg.c the
 * registration's text and what follows from answers, ms_auth_ipc.c, ms_krb_ipc.c handshakes, ms_auth_sign.c signatures.
 * Sources: MS-SIPREGE, MS-SIPRE 3.2-3.4, MS-SIPAE, MS-CONMGMT, MS-OCER. */

enum { MS_CONFERENCE_LOCAL, MS_CONFERENCE_SERVER }; /* values of `conference` */
enum { MS_CAC_AUTO, MS_CAC_NO, MS_CAC_YES };        /* values of `cac` */

struct ms_sa; /* a security association with one server */
enum ms_step {
	MS_PLAIN, /* no handshake: REGISTER is signed when there is an association */
	MS_HELLO, /* NTLM was chosen: empty token; Kerberos: the token is awaited */
	MS_TOKEN, /* the token is there: NTLM's answer to the challenge, Kerberos' ticket */
};
typedef void ms_done_h(void *ctx, int err);

/* One user as an endpoint of the server. */
struct ms_ep {
	struct sipd *s;
	struct user *user;
	struct map_node by_epid;
	char epid[MS_EPID_MAX + 1], uuid[MS_UUID_TEXT];
	struct ms_sa *sa, *next; /* in use; of the handshake under way */
	struct ms_sa *other;     /* NTLM, where Kerberos cannot be had; NULL: it is not allowed */
	struct fetch *fetch;     /* Kerberos token that is awaited */
	bool fresh, no_krb;      /* of this handshake: a new ticket was asked for; NTLM it is */
	char said[400];          /* why a handshake failed, where more is known than its error */
	enum ms_step step;
	char *token;
	bool
	    again; /* the next REGISTER begins a new handshake; sa signs all else until it is done */
	ms_done_h *fn;
	void *ctx;
	bool adhoclist, categories, limited, fixed;
	uint32_t group; /* which of the connections to the server, from 0 */
	char *allow_events;
	uint64_t seen_ms; /* Unix time of the last 2xx to REGISTER */
};
struct lync_check;
struct fetch;
struct ms_krb;
struct ms {
	struct sipd *s;
	struct map by_epid;
	uint64_t bad;             /* messages dropped because of their signature */
	int64_t skew_ms;          /* how far the server's clock is ahead of ours, as last told */
	uint64_t skew_at;         /* when, monotonic ms; 0: never */
	struct ms_krb *krb;       /* NULL: not used */
	uint64_t fell, fell_at;   /* handshakes by NTLM for want of Kerberos; last word of it */
	uint32_t generation;      /* of our certificate */
	struct lync_check *check; /* `dectctl check lync` that runs; NULL */
	uint32_t *group, ngroup,
	    room; /* users of each connection; room: none before it has place */
};

/* ---- ms_profile.c ---- */
/* What [lync] means for the keys of [sipd]: *out is *in with the profile's values. Strings are in or static, or in *text,
 * which is made anew. Without `enabled` a plain copy. ERR_VALUE, with a line in the log. */
#define MS_TEXT 2048
int ms_profile(const struct sipd_conf *in, struct sipd_conf *out, char text[MS_TEXT]) MUST_CHECK;

/* ---- ms_reg.c ---- */
void ms_start(struct sipd *s);
void ms_stop(struct sipd *s);
void ms_quiet(struct sipd *s); /* before the resolver goes: nothing is asked any more */
void ms_reconf(struct sipd *s);
struct ms_ep *ms_ep(struct sipd *s, struct user *u); /* makes it; NULL: not in this dialect */
void ms_ep_free(struct user *u);                     /* the record or the registration goes */
/* Whose endpoint: by epid. NULL: nobody's. */
struct ms_ep *ms_by_epid(const struct sipd *s, struct slice epid);
/* Whom a request is for: by epid in To, by ms-opaque of our Contact, by name. NULL: nobody's. */
struct ms_ep *ms_asked(const struct sipd *s, const struct sip_msg *req);
/* ";epid=…" behind the address in From. Nothing outside of the dialect. */
void ms_put_epid(const struct sipd *s, struct wr *w, const struct user *u);
/* Which connection to the server the user shares with others: tp_dest.key; 0: the one of all. */
uint32_t ms_connection(const struct ms_ep *e);
/* We have another certificate: connections with the old one are not used for new registrations, and who was refused for
 * it tries again. */
void ms_identity_changed(struct sipd *s);
/* A whole REGISTER. expires 0 takes the registration back; else the server decides how long it is. */
void ms_put_register(struct ms_ep *e, struct wr *w, const char *call_id, const char *tag,
    uint32_t cseq, bool leave, const struct tp_flow *f);
/* A 2xx to REGISTER. refresh: the server should have known us. *lost: it did not, what it knew of our dialogs is gone. */
void ms_registered(
    struct ms_ep *e, const struct sip_msg *rsp, struct tp_flow *f, bool refresh, bool *lost);
/* A refusal of REGISTER in words, and when to try again (0: as usual). */
void ms_refused(
    const struct sipd *s, const struct sip_msg *rsp, char *why, size_t cap, uint32_t *delay_ms);
/* NOTIFY registration-notify (MS-SIPREGE 3.1.5): true: it was one and is answered. */
bool ms_deregistered(struct sipd *s, struct tx *tx, const struct sip_msg *req);

/* The Date of an answer: how far the server's clock is from ours. */
void ms_note_date(struct sipd *s, const struct sip_msg *rsp);

/* ---- ms_check_ipc.c: `dectctl check lync` ---- */
int ms_check(struct ctl_run *r);
void ms_check_stop(struct sipd *s); /* without an answer */

/* ---- ms_call.c: calls; outside of the dialect they do what RFC 3261 says ---- */
struct leg_sip;
/* The Ms-Conversation-ID line of an INVITE: the one of the call that this one follows from (transfer, consultation, forward),
 * else a new one. None when w has it. */
void ms_call_conversation(struct leg_sip *l, struct wr *w);
/* sdp_of_msg() of an offer for user u (may be NULL), and what of the message the leg must remember. */
int ms_call_sdp(
    struct leg_sip *l, const struct user *u, const struct sip_msg *m, struct slice *sdp) MUST_CHECK;
void ms_call_put_accepted(const struct leg_sip *l, struct wr *w); /* Ms-Accepted-Content-ID */
/* A call for a delegator, team or group that reaches u: who was called. */
bool ms_call_for_another(
    const struct sipd *s, const struct user *u, const struct sip_msg *req, struct party *out);
/* ---- ms_bypass.c: speech past the Mediation Server ---- */
struct sip_part;
/* Where our speech is, for user u; NULL: not known, or not to be used. */
const char *ms_bypass_id(const struct sipd *s, const struct user *u);
void ms_bypass_put(const struct leg_sip *l, const struct user *u, struct wr *w); /* into an offer */
/* The offer m, whose usual description is plain, has the one of a gateway that we reach directly, and it is usable. */
bool ms_bypass_offered(const struct sipd *s, const struct user *u, const struct sip_msg *m,
    const struct sip_part *plain, struct sip_part *gateway) MUST_CHECK;

unsigned ms_call_status(
    const struct sipd *s, enum cause cause); /* what a caller is answered with */
void ms_call_why(
    const struct sip_msg *rsp, char *out, size_t cap); /* ms-diagnostics in words; may be NULL */
void ms_call_ended(const struct leg_sip *l, const struct sip_msg *bye);
bool ms_call_disturbs(const struct sip_msg *rsp); /* "do not disturb": Warning 391 */

/* ---- ms_auth_ipc.c ---- */
/* A 401 or 407 to REGISTER. 0: send again now; 1: fn is called when it is ready; ERR_AUTH: the server refuses what we
 * said; ERR_UNSUPP: no scheme of ours on offer; ERR_LOST: certd is away; ERR_SYNTAX. fn: ERR_AUTH: the domain refuses the
 * account; e->said may have words. */
int ms_challenge(struct ms_ep *e, const struct sip_msg *rsp, ms_done_h *fn, void *ctx) MUST_CHECK;
void ms_auth_ok(
    struct ms_ep *e); /* 2xx to REGISTER: the handshake's association is the one in use */
void ms_auth_reset(struct ms_ep *e);          /* another connection or server: no association */
void ms_auth_refresh(struct ms_ep *e);        /* before a REGISTER: an old association is renewed */
uint64_t ms_auth_left(const struct ms_ep *e); /* ms until it is due; 0: there is none */
int ms_sign_out(
    void *ctx, struct tp_flow *f, uint64_t owner, const struct sip_msg *m, struct wr *lines);
int ms_verify_in(void *ctx, struct tp_flow *f, const struct sip_msg *m);
#endif
