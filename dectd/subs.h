#ifndef DECTD_SUBS_H
#define DECTD_SUBS_H
#include "dectd/auth.h"
#include "dectd/pp.h"

/* Who may subscribe, and when (dect-security 9): a window that the administrator opens and that closes by itself; in it
 * handsets of users, of the allow-list, or any (wildcard). Wrong access codes close it. What was refused is kept for
 * `dectctl handset pending`. */
struct subs;
struct dectd;

enum subs_mode {
	SUBS_CLOSED = 0,
	SUBS_LIST,     /* handsets that a user has, and allowed ones */
	SUBS_WILDCARD, /* any that knows the common access code, too */
	SUBS_ONE,      /* a single handset */
};

struct subs_pending {
	struct list node;
	char ipei[PP_IPEI_LEN + 1]; /* or ipui, where it is not of type N */
	struct ipui ipui;
	uint64_t seq; /* its number since the start, never used again; higher: first seen later */
	uint32_t base;
	int64_t time; /* of the last attempt, UNIX seconds */
	unsigned attempts;
	unsigned wrong; /* wrong access codes */
	char reason[96];
	bool locked; /* wrong codes: refused until the administrator opens it */
};

struct subs *subs_new(struct dectd *r);
void subs_free(struct subs *s);

/* ERR_VALUE: longer than the longest window. ipei: of SUBS_ONE, which also unlocks it; else NULL. */
int subs_open(struct subs *s, enum subs_mode mode, const char *ipei, uint32_t ms) MUST_CHECK;
void subs_close(struct subs *s, const char *why);
enum subs_mode subs_state(
    const struct subs *s, uint64_t *ms_left, const char **ipei, unsigned *failures);

/* A handset asks: 0 and the name of the access code that is to be used (its user's; certd may have none: then the
 * common one); ERR_STATE: closed; ERR_DENIED: not on a list;
 * ERR_AUTH: locked. */
int subs_ask(
    struct subs *s, const struct ipui *pp, const char *ipei, char ac[AUTH_AC_MAX + 1]) MUST_CHECK;
/* The access code was wrong: counts, locks, closes. */
void subs_wrong_code(struct subs *s, const struct ipui *pp, const char *ipei, uint32_t base);
void subs_succeeded(struct subs *s, const char *ipei);
/* Something to be listed. */
void subs_note(
    struct subs *s, const struct ipui *pp, const char *ipei, uint32_t base, const char *reason);

struct list *subs_pending(struct subs *s); /* of struct subs_pending.node, newest first */
bool subs_listed(struct subs *s, const struct ipui *pp);
bool subs_forget(struct subs *s, const char *ipei); /* takes it out of the list */
#endif
