#ifndef DECTD_PP_H
#define DECTD_PP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/list.h"
#include "common/map.h"
#include "common/slice.h"
#include "common/tmr.h"
#include "dectd/ipui.h"
#include "dectd/nwk_ie.h"

/* Portable parts (handsets, "devices") and the users that they serve. One struct pp for each handset that has or had
 * a subscription; one struct pp_user for each user that sipd streamed. A user is served by the handset whose IPEI
 * stands in its record. Devices are kept in SQLite (ppdb.h) and in memory; users only in memory (sipd owns them).
 *
 * Pointers stay valid until the object is gone: PP_C_GONE and PP_C_USER_GONE are the last use. All on the loop. */

#define PP_HO_REF    8 /* octets of a handover reference */
#define PP_DEF_BASES 4
#define PP_IPEI_LEN  12 /* decimal digits: 5 of the EMC, 7 of the PSN */
#define PP_TPUI_NONE 0u

/* What the handset told in Terminal capability, Setup capability and Codec list; the standard's defaults where it told
 * nothing. */
struct pp_caps {
	bool known; /* it sent a Terminal capability */
	struct ie_terminal_cap tc;
	struct ie_setup_cap setup;   /* setup.page 2: fast paging */
	struct ie_codec_list codecs; /* n 0: none told */
};

enum pp_alg { PP_DSAA = 1, PP_DSAA2 = 2 };

/* How far the handset got. */
enum pp_state {
	PP_UNSUBSCRIBED =
	    0, /* known by IPEI only: assigned, allow-listed, or its rights were terminated */
	PP_SUBSCRIBED, /* has a key, not yet located */
	PP_LOCATED,    /* registered its location */
	PP_DETACHED,   /* told that it leaves (switched off) */
	PP_LOST,       /* did not answer pages or left coverage */
};

enum pp_change { /* bits */
	PP_C_NEW = 1,
	PP_C_SUBSCRIPTION = 2,
	PP_C_REACH = 4, /* located, lost, detached, other base */
	PP_C_USER = 8,  /* other user, or none */
	PP_C_USER_DATA = 16,
	PP_C_CAPS = 32,
	PP_C_GONE = 64,
	PP_C_USER_GONE = 128,
	PP_C_LOCATED = 256, /* it registered its location, again or for the first time */
};

struct pp;

struct pp_user { /* as sipd streamed it; strings never NULL, UTF-8 */
	struct map_node by_name, by_ipei;
	struct list node;
	char *name, *domain, *display_name, *standby_text, *group, *number, *locale;
	char ipei[PP_IPEI_LEN + 1]; /* "": no handset */
	bool disabled;
	bool has_access_code;
	struct pp *pp; /* who serves it: the device with its IPEI; NULL: none subscribed yet */
	bool seen;     /* in the stream that is running */
	void *cc;      /* call control's own */
};

struct pp {
	struct list node;
	struct map_node by_ipui, by_ipei;
	struct pps *pps;
	uint32_t id; /* in the store; never used again */
	struct ipui ipui;
	char ipei[PP_IPEI_LEN + 1];
	enum pp_state state;
	bool subscribed;
	bool confirmed;  /* the key was used once with success */
	char ac[65];     /* name of the access code that is erased then; "": none */
	enum pp_alg alg; /* that its key was allocated with */
	/* Temporary identity (20 bits), the PMID of its connections once it was told; PP_TPUI_NONE: none. While an
	 * assignment is not acknowledged both are valid. */
	uint32_t tpui, tpui_new, tpui_old;
	bool
	    tpui_doubt; /* it may not know tpui: it came without, or did not acknowledge it. Its default one is sure */
	uint32_t base;    /* id of the last base station; 0: unknown */
	uint32_t cluster; /* where to page; 0: everywhere */
	int64_t seen;     /* UNIX seconds of the last authentic message */
	int64_t subscribed_at, located_at;
	struct pp_caps caps;
	char model[32]; /* from Model identifier, else the EMC's maker if known, else "" */
	bool allowed;   /* on the IPEI allow-list: may subscribe without being a user's */
	char note[32];  /* the administrator's */
	struct pp_user *user;
	/* Failed authentications in a row, counted per device. */
	unsigned failures;
	bool locked; /* too many wrong access codes: waits for the administrator */
	uint64_t auths, ciphers, rekeys, page_failures;
	unsigned page_row; /* pages in a row without an answer */
	bool verifying;    /* a page goes out to see whether it is still there */
	bool leaving;      /* it said that it leaves, without a proof */
	unsigned hunts;    /* how often it was looked for since it was lost (mm_hunt.c) … */
	uint64_t hunt_at;  /* … and when next; 0: not yet decided */
	/* Default cipher key for early encryption, which certd has: its index and when it was made (UNIX seconds; 0: none since it
	 * subscribed), and which base stations know it, under tpui; ndef_bases beyond the array: any may. */
	uint16_t def_index;
	int64_t def_at;
	bool def_row; /* the store has it */
	uint32_t def_bases[PP_DEF_BASES];
	unsigned ndef_bases;
	uint64_t earlies;          /* connections that were ciphered from their start */
	uint8_t ho_ref[PP_HO_REF]; /* its handover reference, as long as has_ho_ref */
	bool has_ho_ref;
	void *cc;          /* call control's own */
	struct list dirty; /* in the list of those that changed since they were stored */
	struct list tell;  /* in the list of those that sipd is to hear of (dev_ipc.c) */
};

struct pps;
struct ppdb;

struct pps_ops {
	/* Something about it changed: bits of enum pp_change. With PP_C_USER… u is the user concerned (old or new), pp may
	 * be NULL. Never called from inside a pps_find…() */
	void (*changed)(void *ctx, struct pp *pp, struct pp_user *u, unsigned what);
};

/* db: NULL keeps devices in memory only (tests). */
struct pps *pps_new(struct ppdb *db, struct tmr_wheel *w, const struct pps_ops *ops, void *ctx);
int pps_load(struct pps *s) MUST_CHECK;
void pps_free(struct pps *s);

/* ---- finding ---- */
struct pp *pp_by_ipui(const struct pps *s, const struct ipui *i);
struct pp *pp_by_ipei(const struct pps *s, struct slice ipei); /* 12 digits */
/* The device that was given (or is being given) this temporary identity; 20 bits. */
struct pp *pp_by_tpui(const struct pps *s, uint32_t tpui);
struct pp *pp_by_user(const struct pps *s, struct slice user); /* its handset; NULL: none */
struct pp_user *pp_user_find(const struct pps *s, struct slice name);
struct list *pps_list(struct pps *s);  /* of struct pp.node, in order of id */
struct list *pps_users(struct pps *s); /* of struct pp_user.node */
size_t pps_count(const struct pps *s);

/* ---- questions that call control asks ---- */
/* Located, and neither detached nor known to be lost: paging it makes sense. */
bool pp_reachable(const struct pp *pp);
/* "pp 05003 0070387 (anna)": for logs; static per call site: out is the caller's. */
#define PP_TEXT 64
const char *pp_text(const struct pp *pp, char out[PP_TEXT]);
const char *pp_state_name(enum pp_state s);

/* ---- changes; those that return int are on disk when they return 0 ---- */
/* A device, new or known, by IPEI; ERR_STORE. */
int pp_make(struct pps *s, const char *ipei, struct pp **out) MUST_CHECK;
int pp_save(struct pp *pp) MUST_CHECK;
/* Many of pp_make() and pp_save() as one transaction. Where the commit fails it is as if none had been: new devices are gone
 * again. */
int pps_begin(struct pps *s) MUST_CHECK;
int pps_commit(struct pps *s) MUST_CHECK;
/* The same, later and many at once: for what may be lost in a crash (last seen, counters) … */
void pp_touch(struct pp *pp);
int pps_flush(struct pps *s); /* once a second, and at the end; a failure is logged */
/* … or for what many handsets change in the same moment: fn is called, from the loop, when all that was touched before is
 * on disk (err 0), or was not stored. w is the caller's until then, or until it is cancelled. */
struct pp_wait {
	struct list node;
	void (*fn)(void *ctx, int err);
	void *ctx;
};
void pps_wait(struct pps *s, struct pp_wait *w, void (*fn)(void *ctx, int err), void *ctx);
void pps_wait_cancel(struct pp_wait *w); /* fine when it is not waiting, or zeroed */
/* Seen alive now at a base. */
void pp_seen(struct pp *pp, uint32_t base, uint32_t cluster);
void pp_lost(struct pp *pp, enum pp_state why);
int pp_delete(struct pp *pp) MUST_CHECK;
/* A temporary identity that nobody has, its low 16 bits unique in the system (short pages). PP_TPUI_NONE: none left. */
uint32_t pp_tpui_alloc(struct pps *s, struct pp *pp);
void pp_tpui_commit(struct pp *pp); /* acknowledged */
void pp_tpui_revert(struct pp *pp); /* refused */
void pp_changed(struct pp *pp, unsigned what);
int pp_identify(
    struct pp *pp, const struct ipui *i) MUST_CHECK; /* ERR_EXISTS: another device has it */

/* ---- users: the stream from sipd (dev_ipc.c calls these) ---- */
struct pp_user_in { /* borrowed; absent: the empty slice */
	struct slice name, domain, display_name, standby_text, group, number, locale, ipei;
	bool disabled, has_access_code;
};
void pp_users_begin(struct pps *s); /* the link to sipd came up: what follows is all there is */
struct pp_user *pp_user_put(struct pps *s, const struct pp_user_in *in);
void pp_user_gone(struct pps *s, struct slice name);
void pp_users_done(struct pps *s); /* users that were not seen are gone */

/* ---- IPEIs in the form of the links between daemons: 12 decimal digits, pure ---- */
/* From any printed form (ipei_parse() in ipui.h and its errors). */
int pp_ipei_read(struct slice s, char out[PP_IPEI_LEN + 1]) MUST_CHECK;
/* "05003 0070387 8"; out needs IPEI_CHARS. */
void pp_ipei_print(const char *ipei, char out[IPEI_CHARS]);
void pp_ipei_ipui(const char *ipei, struct ipui *out); /* IPUI N */
int pp_ipui_ipei(
    const struct ipui *i, char out[PP_IPEI_LEN + 1]) MUST_CHECK; /* ERR_UNSUPP: not of type N */
#endif
