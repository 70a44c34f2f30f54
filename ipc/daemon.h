#ifndef IPC_DAEMON_H
#define IPC_DAEMON_H
#include <uv.h>

#include "common/conf.h"
#include "common/stat.h"
#include "ipc/ctl.h"
#include "ipc/ipc.h"

/* One main() shape for five daemons: options, configuration, sockets, sandbox, loop, reload, drain, watchdog. A
 * room fills a daemon_def; its hooks get struct daemon *, there is no global state. */

struct daemon {
	uv_loop_t *loop;
	struct tmr_wheel *wheel;
	struct ipc_node *ipc;   /* its ctx is this struct daemon */
	struct ctl *ctl;        /* for ctl_publish() */
	struct stat_set *stats; /* counters and gauges, shown by `dectctl metrics` */
	const struct daemon_def *def;
	const void *conf;        /* current snapshot, immutable; NULL where conf_size is 0 */
	unsigned instance;       /* mediad@2: 2; else 0 */
	const char *runtime_dir; /* "/run/ipdect" */
	const char *state_dir;   /* "/var/lib/ipdect/NAME", exists, mode 0700 */
	void *state;             /* the room's own */
	bool draining;
};

struct daemon_link { /* whom we call */
	enum ipc_role server;
	bool follow; /* every instance: "mediad-*.sock" */
};

struct daemon_def {
	const char *name, *summary; /* "sipd", one line for --help */
	const struct conf_key *keys;
	size_t nkeys, conf_size;
	const struct ipc_handler *handlers;
	size_t nhandlers;
	const struct daemon_link *links;
	size_t nlinks;
	const struct ctl_cmd *cmds;
	size_t ncmds;
	bool serves;     /* has a link socket (certd, sipd, mediad) */
	bool instances;  /* wants -i N */
	uint32_t gather; /* ipc_node_def.gather */
	bool secrets;    /* no core dump, memory locked */
	/* What no single key can tell is wrong with a configuration: conf_fault() for each. At the start, before a reload, for -t. */
	void (*conf_check)(const void *conf, struct conf_diag *g);
	int (*init)(struct daemon *d); /* < 0: the process ends with status 70 */
	int (*reload)(struct daemon *d, const void *next); /* 0: take it; < 0: keep the old */
	void (*up)(struct daemon *d, struct ipc_peer *p, bool restarted);
	void (*down)(struct daemon *d, struct ipc_peer *p);
	/* Stop taking work; call daemon_idle() when nothing is left. NULL: nothing to wait for. */
	void (*drain)(struct daemon *d);
	void (*fini)(struct daemon *d);
	/* Brings gauges up to date, before `dectctl metrics` prints them. May be NULL. */
	void (*metrics)(struct daemon *d);
	/* The status line, and what is not well with its remedy ("" when all is). Either may be left empty. */
	void (*status)(struct daemon *d, char *summary, size_t cap, char *trouble, size_t tcap);
	/* The pre-flight of the room's own things: ctl_check() for each. Links and state directory are looked at for it. */
	void (*check)(struct daemon *d, struct ctl_run *r);
};

/* Exit status: 0, or of sysexits(3): 64 usage, 70 internal, 71 system, 78 configuration. */
int daemon_main(int argc, char **argv, const struct daemon_def *def);
/* A draining daemon has nothing left to do: the process ends. */
void daemon_idle(struct daemon *d);
/* Tells systemd (STATUS=), at most once a second. */
void daemon_status(struct daemon *d);
/* In handlers and callbacks. */
static inline struct daemon *daemon_of(const struct ipc_peer *p)
{
	return ipc_ctx(p);
}
#endif
