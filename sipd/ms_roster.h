#ifndef SIPD_MS_ROSTER_H
#define SIPD_MS_ROSTER_H
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"
#include "common/wr.h"

/* LYNC: who takes part in a conference: documents of application/conference-info+xml (RFC 4575, with the endpoints' session
 * types of Microsoft's confinfoextensions), whole or in parts, merged. Pure. */
#define ROSTER_MAX 32 /* more are counted, without their names */

struct roster_who {
	char uri[192], name[64]; /* name: UTF-8; of the address where none is told */
	bool audio;              /* at the audio-video server, connected */
};
struct roster {
	bool known; /* a whole document was here */
	uint32_t version;
	unsigned n, more; /* more: participants that there was no room for */
	struct roster_who who[ROSTER_MAX];
};
/* ERR_STATE: a part that does not follow what is known: subscribe anew; ERR_SYNTAX, ERR_LIMIT: r is as before. */
int roster_read(struct roster *r, struct slice xml) MUST_CHECK;
unsigned roster_count(const struct roster *r);
/* Is this user connected at the audio-video server. uri: with or without parameters. */
bool roster_in_audio(const struct roster *r, const char *uri);
/* "3: Bob Example, Carol" without ourselves. */
void roster_text(const struct roster *r, const char *self, struct wr *w);
#endif
