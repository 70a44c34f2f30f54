#ifndef SUPPORT_AIR_PRIV_H
#define SUPPORT_AIR_PRIV_H
#include "tests/support/air.h"

/* Inside the soft air interface: air.c (portable parts, connections, what goes between them), air_base.c, air_script.c. */
struct air_noun {
	struct list node;
	char noun[16];
	air_command_h *fn;
	void *ctx;
	const char *help;
};
struct air_listener {
	struct list node;
	void (*fn)(void *ctx, const char *line);
	void *ctx;
};
struct air {
	struct tmr_wheel *w;
	struct tmr tmr;
	struct list pps, bases, conns, queue, nouns, listeners;
	char **violations;
	unsigned nviolations;
};
#define NOT_HEARD (-95)
#define SIGNALS   256

enum kind {
	D_PAGE,
	D_CONNECTED,
	D_FRAME_UP,
	D_FRAME_DOWN,
	D_RELEASED,
	D_KEY,
	D_CIPHERED,
	D_EARLY,
	D_MOVED,
	D_SPEECH,
	D_BASE
};
struct delivery {
	struct list node;
	enum kind kind;
	struct air_conn *c;
	struct air_pp *pp;
	struct air_base *b;
	int arg, buffer;
	void (*done)(void *ctx, int buffer);
	void *ctx;
	size_t n;
	uint8_t data[AIR_FRAME_MAX];
	int16_t *speech;
};
struct air_conn {
	struct list node;
	struct air *air;
	struct air_pp *pp;
	struct air_base *base, *next; /* next: handover under way */
	void *user;
	int mcei, next_mcei;
	uint32_t pmid;
	bool up, dead, speech, ciphered, early;
	size_t ndefck; /* what air_early() named */
	uint8_t defck[16];
	size_t nkey;
	uint8_t key[16];
	size_t nnext_key; /* of the base it moves to */
	uint8_t next_key[16];
	unsigned drop_up, drop_down;
};
struct signal {
	struct air_base *b;
	int dbm;
};
struct air_pp {
	struct list node;
	struct air *air;
	const struct air_pp_ops *ops;
	void *ctx;
	char name[32];
	bool gone;
	struct signal signals[SIGNALS];
	unsigned nsignals;
};
struct air_base {
	struct list node;
	struct air *air;
	const struct air_base_ops *ops;
	void *ctx;
	char name[32];
	bool on;
	unsigned bearers;
	struct air_info info;
};

/* A delivery of this kind, at the end of the queue; the caller fills the rest. */
struct delivery *air_post(struct air *a, enum kind kind, struct air_conn *c);
/* Marks the end; the base learns it as lost radio contact. */
void air_lose(struct air_conn *c, enum air_reason why, bool tell_base);
/* One bearer less. */
void air_unbear(struct air_base *b);
/* How strongly the portable part hears the base, dBm. */
int air_signal_at(const struct air_pp *p, const struct air_base *b);
#endif
