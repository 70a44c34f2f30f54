#ifndef MEDIAD_CAC_H
#define MEDIAD_CAC_H
#include "common/fsm.h"
#include "mediad/codec.h"
#include "mediad/stun.h"

/* LYNC: call admission control, the client's side (MS-TURNBWM, MS-ICE2BWM; ms-media 9). The policy server is told by
 * attributes of MS-TURN's Allocate requests:
 *
 *	Check   before we answer: which of the four ends of a path may be used, and with how much
 *	Commit  when a path is chosen: the reservation, with an identifier
 *	Update  at half of the LIFETIME, and when the codec changes; all zero at the end
 *
 * A pure state machine: datagrams and time in, datagrams and reports out by the ops. Amounts are kbit/s with SRTP, IP and
 * UDP. Every end that a response says nothing of is allowed: a server without admission control knows none of it. */

/* ---- cac_msg.c: pure ---- */
enum cac_message { CAC_CHECK, CAC_COMMIT, CAC_UPDATE }; /* the numbers of 0x8056 */
enum cac_at { CAC_LOCAL, CAC_LOCAL_RELAY, CAC_REMOTE, CAC_REMOTE_RELAY, CAC_ENDS };
#define CAC_ID_LEN 16u
#define CAC_TEXT   512u /* octets of a SIP identifier */

struct cac_amount { /* kbit/s */
	uint32_t min, max;
};
struct
    cac_location { /* 0: unknown; peer, self: 1 Internet, 2 intranet; federation: 1 enterprise, 2 public cloud */
	uint8_t peer, self, federation;
};
struct cac_end { /* a ...Response attribute; not there: not said */
	bool said, valid;
	uint32_t send, receive;
};
struct cac_answer {
	struct cac_end end[CAC_ENDS];
	bool any; /* an attribute of admission control at all */
	bool pstn;
	bool has_id;
	uint8_t id[CAC_ID_LEN];
};
/* Attributes of a message that stun_parse() took as STUN_MSTURN, up to MESSAGE-INTEGRITY. */
void cac_read(const struct stun_msg *m, struct cac_answer *out);
void cac_put_kind(struct stun_w *w, enum cac_message kind);
void cac_put_amount(struct stun_w *w, struct cac_amount both_ways);
void cac_put_id(struct stun_w *w, const uint8_t id[CAC_ID_LEN]);
/* XORed; an address without family is left out. */
void cac_put_end(struct stun_w *w, enum cac_at at, const struct addr *a);
void cac_put_call(struct stun_w *w, struct slice call_id); /* empty: left out */
void cac_put_dialog(struct stun_w *w, struct slice dialog);
void cac_put_location(struct stun_w *w, struct cac_location l);
/* What a call in this codec needs at 20 ms; max 0: not a codec for speech. */
struct cac_amount cac_need(enum codec c);

/* What a Check means for us. An end is allowed when it is valid and carries the cheapest of our codecs. */
struct cac_verdict {
	bool end[CAC_ENDS];
	bool pstn;
	uint32_t send, receive; /* what each allowed end carries; UINT32_MAX: nothing was said */
	bool path;              /* at least one of the four paths is open to us */
};
void cac_judge(const struct cac_answer *a, uint32_t floor, bool our_relay, bool their_relay,
    struct cac_verdict *out);

/* ---- cac.c ---- */
enum cac_state {
	CAC_IDLE,
	CAC_CHECKING,
	CAC_CHECKED,
	CAC_COMMITTING,
	CAC_RESERVED,
	CAC_UPDATING,
	CAC_OUT, /* no reservation: tried again later */
	CAC_OVER
};
enum cac_report {
	CAC_SAYS_VERDICT,  /* of a Check: the answer */
	CAC_SAYS_SILENT,   /* no answer in time, to whatever was asked */
	CAC_SAYS_REFUSED,  /* an error response: error tells */
	CAC_SAYS_RESERVED, /* first, or anew */
	CAC_SAYS_DENIED, /* a Commit: no bandwidth; an Update: not more than before, which stays */
	CAC_SAYS_IGNORED /* the server knows nothing of admission control */
};
struct cac;
struct cac_ops {
	void (*send)(void *ctx, const struct addr *server, const uint8_t *p, size_t n);
	void (*report)(void *ctx, enum cac_report r); /* the machine must not be freed in it */
};
#define CAC_USER_MAX   128u
#define CAC_NONCE_MAX  256u
#define CAC_REALM_MAX  128u
#define CAC_CODECS_MAX 16u

struct cac_conf {
	struct addr server;
	struct slice user, password; /* octets; borrowed by cac_init() */
	struct slice call_id, dialog;
	struct cac_location location;
	uint32_t wait_ms; /* of a Check; 0: 2000 */
};
struct cac_path { /* without family: not part of it */
	struct addr end[CAC_ENDS];
};
struct cac {
	struct fsm fsm; /* enum cac_state */
	const struct cac_ops *ops;
	void *ctx;
	struct addr server;
	uint8_t user[CAC_USER_MAX], password[CAC_USER_MAX], realm[CAC_REALM_MAX],
	    nonce[CAC_NONCE_MAX];
	uint16_t user_n, password_n, realm_n, nonce_n, call_n, dialog_n;
	char call[CAC_TEXT], dialog[CAC_TEXT];
	uint8_t key[16];
	struct cac_location location;
	uint32_t wait_ms;
	struct cac_path path;              /* of the Check, then of the Commit */
	struct cac_amount ask, have, want; /* of the Check; reserved; as the codec is now */
	struct cac_answer answer;          /* the last one */
	uint8_t id[CAC_ID_LEN];
	uint32_t lifetime_s;
	uint16_t error; /* of the last refusal; 0: no answer */
	bool denied;    /* an Update for more */
	bool quiet;     /* told already that it is silent or refuses */
	/* the request in flight */
	bool asked, bare; /* bare: without credentials, to be challenged */
	uint8_t kind, sent, tries;
	struct stun_id tid;
	uint64_t resend_us, end_us, due_us; /* due: the next Update or Commit; UINT64_MAX: none */
	uint64_t now_us;
	uint8_t msg[STUN_MAX + 4 * CAC_TEXT];
	size_t msg_n;
	bool allocated; /* the server holds an allocation for this port */
};
extern const struct fsm_def cac_fsm;

bool cac_fits(const struct cac_conf *conf); /* there is a server, and nothing is too long */
/* ERR_VALUE: it does not fit. */
int cac_init(
    struct cac *c, const struct cac_conf *conf, const struct cac_ops *ops, void *ctx) MUST_CHECK;
/* A Check of this range over the ends that are known: then a report. ERR_STATE: something else is under way. */
int cac_check(
    struct cac *c, const struct cac_path *p, struct cac_amount range, uint64_t now_us) MUST_CHECK;
/* The path that was chosen; again with another one: a new reservation takes the old one's place. */
void cac_commit(struct cac *c, const struct cac_path *p, struct cac_amount amount, uint64_t now_us);
/* The codec is another one. */
void cac_amount(struct cac *c, struct cac_amount amount, uint64_t now_us);
/* Gives back what is held: one datagram, not repeated. shared: the allocation is the relay's, which ends it itself. */
void cac_close(struct cac *c, bool shared);
uint64_t cac_next(const struct cac *c); /* UINT64_MAX: nothing is due */
void cac_timer(struct cac *c, uint64_t now_us);
/* true: it was an answer to us. */
bool cac_input(struct cac *c, const struct addr *from, const uint8_t *p, size_t n, uint64_t now_us);
const char *cac_state_name(enum cac_state s);
#endif
