#ifndef IPC_CTL_ARGS_H
#define IPC_CTL_ARGS_H
#include "ctl.pb-c.h"

/* dectctl's words made into a command for a daemon, by the command's own description. */

struct ctl_words { /* a Run and what it points to */
	Ctl__Run run;
	Ctl__Arg **arg;
	const char *file_out; /* where Result.data goes; NULL: standard output */
};

/* words: [ID] [key=value…]. Files are read, secrets asked for at the terminal or read from standard input, durations
 * made milliseconds. 0; ERR_VALUE or -errno with a sentence on standard error. To be freed in any case. */
int ctl_words_parse(struct ctl_words *w, const Ctl__Command *cmd, int n, char **words);
void ctl_words_free(struct ctl_words *w);
/* "90s", "5m", "250ms", "2h", "1d" to milliseconds. ERR_SYNTAX, ERR_VALUE. */
int ctl_duration(const char *s, uint64_t *ms);
#endif
