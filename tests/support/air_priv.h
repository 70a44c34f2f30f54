#ifndef SUPPORT_AIR_PRIV_H
#define SUPPORT_AIR_PRIV_H
#include "tests/support/air.h"

/* Inside the soft air interface: air.c (bases, portable parts, what goes between them) and air_script.c. */
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
#endif
