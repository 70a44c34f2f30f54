#ifndef IPC_CTL_RUN_H
#define IPC_CTL_RUN_H
#include "ctl.pb-c.h"
#include "ipc/daemon.h"

/* One command between its arrival and its answer. Only ctl*.c look inside. */
struct ctl_file {
	uint8_t *p;
	size_t n;
};
struct ctl_run {
	struct daemon *d;
	struct ipc_peer *p; /* not after ctl_defer() */
	struct ipc_msg msg; /* for the answer; its body and descriptors are not used */
	struct ipc_ticket *ticket;
	int err;
	bool inside, done; /* the handler runs; ctl_done() was called in it */
	const struct ctl_cmd *cmd;
	uid_t uid;
	Ctl__Run *in;
	struct ctl_file file[IPC_MAX_FDS]; /* what came as descriptors */
	unsigned nfiles;
	Ctl__Row **rows;
	size_t nrows, octets;
	char *text, *warning, *why;
	uint8_t *cursor, *data;
	size_t ncursor, ndata;
};
#endif
