#ifndef DECTD_IWU_H
#define DECTD_IWU_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "dectd/mac.h"
#include "dectd/pp.h"
#include "dectd/ui_text.h"

/* The interworking unit of EN 300 175-5 as call control sees it: what handsets' calls ask of the SIP world (sipd, over
 * the call interface), of mediad and of the base station. call_ipc.c is the real one; tests play it. Calls are named by
 * the 64-bit reference of the call interface. */

enum iwu_cause { /* numbers of base.Cause */
	IWU_NONE,
	IWU_NORMAL,
	IWU_BUSY,
	IWU_NO_ANSWER,
	IWU_REJECTED,
	IWU_UNKNOWN_NUMBER,
	IWU_INCOMPLETE,
	IWU_UNREACHABLE,
	IWU_CONGESTION,
	IWU_FORBIDDEN,
	IWU_CODEC,
	IWU_ELSEWHERE,
	IWU_CANCELLED,
	IWU_RADIO_LOST,
	IWU_PEER_LOST,
	IWU_SECURITY,
	IWU_INTERNAL,
	IWU_TRANSFERRED,
	IWU_FORWARDED,
	IWU_CAUSE_N
};
const char *iwu_cause_name(enum iwu_cause c); /* for logs */
uint8_t iwu_reason(enum iwu_cause c);         /* CC release reason towards the handset */
enum iwu_cause iwu_cause(uint8_t reason);     /* of a release reason of the handset */

enum iwu_tone { IWU_TONE_OFF, IWU_TONE_WAITING, IWU_TONE_CONFIRM, IWU_TONE_NEGATIVE };

struct iwu_setup {           /* borrowed */
	struct slice called; /* digits so far; empty: overlap */
	bool complete, emergency, internal, redial;
	uint64_t consultation_of; /* 0: none */
	const char *rfp;          /* 12 hex digits */
};

enum iwu_progress { IWU_PROCEEDING = 1, IWU_ALERTING, IWU_EARLY_MEDIA, IWU_QUEUED };

enum iwu_query_kind {
	IWU_Q_LOG,
	IWU_Q_LOG_CLEAR,
	IWU_Q_FORWARD,
	IWU_Q_PRESENCE,
	IWU_Q_DIRECTORY,
	IWU_Q_SERVER
};
struct iwu_query { /* of a handset's user; borrowed */
	enum iwu_query_kind kind;
	unsigned log_kind; /* call.LogKind */
	unsigned from, max;
	uint64_t id; /* of a log's entry that is cleared; 0: all */
	bool mark_read;
	unsigned when;       /* call.ForwardWhen */
	unsigned state;      /* pres.State */
	struct slice target; /* forward; empty: off */
	struct slice text;   /* directory */
};
#define IWU_ENTRIES 20
struct iwu_entry { /* of a log or the directory */
	struct ui_shown who;
	uint64_t time; /* Unix seconds; 0: none */
	unsigned kind; /* call.LogKind */
	uint64_t id;   /* of a log's entry, at sipd */
	bool unread;
	unsigned state;  /* pres.State of somebody in the directory; 0: not known */
	uint64_t person; /* who it is: iwu_person() of the address; 0: not known */
};
struct iwu_answer {
	int err; /* 0; else why says it for people */
	char why[96];
	unsigned n, total;
	struct iwu_entry e[IWU_ENTRIES];
	char notice[64];
	/* IWU_Q_SERVER */
	char address[64], domain[64], registrar[64], own_number[64];
};

uint64_t iwu_person(
    struct slice uri); /* without regard to scheme, parameters, case; never 0 but for "" */

struct iwu_ops { /* ctx of phones_new(); none may be NULL */
	/* phones_setup_done() answers, never from inside. ERR_LOST: sipd is away. */
	int (*setup)(void *ctx, struct pp *pp, uint64_t ref, const struct iwu_setup *s);
	void (*digits)(void *ctx, uint64_t ref, struct slice digits, bool complete);
	/* Answers an offer, once. */
	void (*offered)(void *ctx, uint64_t ref, bool accepted, enum iwu_cause why);
	void (*alerting)(void *ctx, uint64_t ref);
	void (*answer)(void *ctx, uint64_t ref);
	void (*release)(void *ctx, uint64_t ref, enum iwu_cause why);
	/* phones_hold_done(), phones_transfer_done(), phones_conference_done() answer, never from inside. */
	int (*hold)(void *ctx, uint64_t ref, bool on);
	int (*transfer)(void *ctx, uint64_t ref, uint64_t other, struct slice target);
	int (*conference)(void *ctx, uint64_t ref, uint64_t other, bool on);
	void (*radio)(void *ctx, struct pp *pp, uint64_t ref, bool handover);
	/* phones_answer() answers with the token, never from inside. */
	int (*query)(void *ctx, struct pp *pp, uint32_t token, const struct iwu_query *q);
	/* A tone to the handset, over the speech path that is open. */
	void (*tone)(void *ctx, struct pp *pp, const struct mac_media *m, enum iwu_tone tone);
	/* The speech path at the base station. ERR_BUSY: no channel. */
	int (*media_open)(void *ctx, struct pp *pp, const struct mac_media *m);
	void (*media_close)(void *ctx, struct pp *pp);
	/* Where it is, for displays: the base's name and signal of this handset (dBm, 0 unknown). */
	void (*where)(void *ctx, struct pp *pp, char *base, size_t cap, int *dbm);
	uint64_t (*new_ref)(void *ctx);
	bool (*sipd_there)(void *ctx);
};
#endif
