#ifndef SIPD_MS_DIAG_H
#define SIPD_MS_DIAG_H
#include "sipd/sip_msg.h"

/* ms-diagnostics, ms-diagnostics-public, ms-client-diagnostics (MS-OCER 2.2): an ErrorID, a reason in the server's words,
 * and what we can tell an administrator about it. */
struct ms_diag {
	uint32_t id; /* 0: the message has none */
	struct slice reason, source;
};
/* The header with most to say: ms-diagnostics, else the public one, else a client's. Never fails: a header that cannot be
 * read counts as absent. */
void ms_diag_of(const struct sip_msg *m, struct ms_diag *out);
/* One header's value. ERR_SYNTAX: does not begin with a number. */
int ms_diag_parse(struct slice value, struct ms_diag *out) MUST_CHECK;

struct ms_diag_help {
	const char *meaning; /* a clause for people */
	const char *remedy;  /* what to do; "" when there is nothing to do */
	bool permanent;      /* trying again does not help before somebody changed something */
};
/* NULL: not an ErrorID that we know. */
const struct ms_diag_help *ms_diag_help(uint32_t id);
/* "1013: clocks differ too much; set this host's clock by NTP (server says: …)" for logs and `dectctl reg list`. */
void ms_diag_text(const struct ms_diag *d, char *out, size_t cap);
#endif
