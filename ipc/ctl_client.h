#ifndef IPC_CTL_CLIENT_H
#define IPC_CTL_CLIENT_H
#include "ctl.pb-c.h"
#include "ipc/ipc.h"

/* The asking side of control sockets, for dectctl: one daemon at a time, blocking. */

#define CTL_NAME_MAX 40

struct ctl_conn {
	int fd;                  /* -1: could not be reached */
	int err;                 /* why not */
	char name[CTL_NAME_MAX]; /* "certd", "mediad-2": the socket's name */
	uint32_t corr;
	Ctl__Described *desc; /* what it can do; NULL when it was not reached */
	bool lost;            /* it was reached, and no answer came to a question: err says why */
};

struct ctl_answer {
	int err; /* 0, what the daemon answered, or ERR_TIMEOUT, ERR_LOST: see lost of the connection */
	char why[1024];      /* its words, "" when it had none */
	Ctl__Result *result; /* NULL on error */
	uint8_t *data;       /* of Result.data or its descriptor; heap, wiped by the free */
	size_t ndata;
};

/* Connects to DIR/ctl/NAME.sock and asks for its commands. The outcome is in c; to be closed in any case. */
void ctl_client_open(struct ctl_conn *c, const char *dir, const char *name, uint32_t ms);
/* The same in two steps, so that several daemons are asked at a time: connects and asks; takes the answer. */
void ctl_client_ask(struct ctl_conn *c, const char *dir, const char *name, uint32_t ms);
void ctl_client_meet(struct ctl_conn *c, uint32_t ms);
void ctl_client_close(struct ctl_conn *c);
const Ctl__Command *ctl_client_find(
    const struct ctl_conn *c, const char *noun, const char *verb); /* NULL: not its command */
/* One command and its answer. Data arguments above 48 KiB leave as sealed memory files. A command that lasts is waited for
 * as much longer; the first signal then ends it (`noun end`), and its answer is still taken. Else a signal is -EINTR. */
void ctl_client_run(struct ctl_conn *c, const Ctl__Run *run, uint32_t ms, struct ctl_answer *out);
void ctl_answer_free(struct ctl_answer *a);
/* Next row of a stream; waits for it. 0; ERR_LOST when the daemon ended; -EINTR on a signal. The caller frees it. */
int ctl_client_row(struct ctl_conn *c, Ctl__Row **row) MUST_CHECK;
#endif
