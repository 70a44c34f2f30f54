#ifndef IPC_CTL_FRONT_H
#define IPC_CTL_FRONT_H
#include <stdio.h>

#include "ipc/ctl_client.h"

/* dectctl's view of the daemons: all that have a control socket, reached or not. */

#define FRONT_DAEMONS 64
#define FRONT_REMEDY  192

enum {
	DONE = 0,
	REFUSED = 1,
	USAGE = 2,
	UNREACHABLE = 3,
	PARTLY = 4,
	DENIED = 5
}; /* exit status */

struct front {
	const char *dir, *only;
	bool json, http;
	uint32_t ms;
	struct ctl_conn conn[FRONT_DAEMONS];
	size_t n;
};

/* What to do about a daemon that was not reached: to be put behind the error's text. why_down: where to read why, instead
 * of how to start it. */
void front_remedy(const struct ctl_conn *c, bool why_down, char *out, size_t cap);
const char *front_state(const struct ctl_conn *c); /* "cannot be reached", "did not answer" */
/* Says that one cannot be reached, or did not answer, and what to do. */
void front_tell(const struct ctl_conn *c, FILE *out);
/* How many cannot be reached; said on out, with what to do, unless it is NULL. */
size_t front_down(const struct front *f, FILE *out);
/* The same of those only that are instances of a daemon which has this command. */
size_t front_kin_down(const struct front *f, const char *noun, const char *verb, FILE *out);
/* Whether different daemons have this command, not only instances of one. */
bool front_shared(const struct front *f, const char *noun, const char *verb);
/* Whether a daemon of this name, or an instance of it, is among them, reached or not. */
bool front_has(const struct front *f, const char *daemon);
/* `help [NOUN [VERB]]` from what the daemons describe. Exit status. */
int front_help(struct front *f, int n, char **words);
/* One candidate a line for the shell, for what follows the words: nouns, verbs, then arguments. A noun "help" is
 * followed by the same. Exit status. */
int front_complete(struct front *f, int n, char **words);
#endif
