#ifndef SIPD_MRAS_H
#define SIPD_MRAS_H
#include "sipd/media.h"
#include "sipd/sipd.h"

/* LYNC: credentials for the A/V Edge's relays (MS-AVEDGEA, "MRAS"). One set for this host, asked for by SERVICE over the
 * registration of a user before the first call needs it, and again at 80 % of its life; another user asks when one is
 * refused. Calls without it go on with host candidates. */
#define MRAS_SECRET 128 /* octets of a name or a password, decoded */
#define MRAS_RELAYS 4
#define MRAS_HOST   65

struct mras_relay {
	char host[MRAS_HOST];
	uint16_t udp, tcp; /* 0: not offered */
	bool internet;     /* where it is said to be reached from; else the intranet */
};
struct mras_answer {
	uint8_t user[MRAS_SECRET], password[MRAS_SECRET];
	size_t user_n, password_n;
	uint32_t minutes;
	struct mras_relay relay[MRAS_RELAYS];
	size_t nrelay;
};
/* ---- mras_xml.c: pure ---- */
void mras_put_request(struct wr *w, const char *uri, const char *aor, uint32_t id);
/* ERR_SYNTAX: no answer; ERR_DENIED: why says the server's words; ERR_LIMIT: longer than we hold. out must be wiped. */
int mras_read(struct slice xml, struct mras_answer *out, char *why, size_t cap) MUST_CHECK;

/* ---- mras.c ---- */
struct mras;
void mras_start(struct sipd *s);
void mras_stop(struct sipd *s);
/* The user is registered, or its provisioning came: asks when there is whom to ask and nothing newer is here. */
void mras_wanted(struct sipd *s, struct user *u);
void mras_reconf(struct sipd *s);                     /* the configuration is another one */
void mras_gone(struct sipd *s, const struct user *u); /* the user's record goes */
/* For a call: fills in the relay and its credentials. false: there are none now. */
bool mras_for(const struct sipd *s, struct media_relay *out);
/* For `dectctl check lync`: in words. 1: credentials are here; 0: nobody to ask is known; -1: refused. */
int mras_text(const struct sipd *s, char *out, size_t cap);
#endif
