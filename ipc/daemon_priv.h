#ifndef IPC_DAEMON_PRIV_H
#define IPC_DAEMON_PRIV_H
#include "ipc/daemon.h"

/* What daemon.c and ctl*.c share. */

struct common_conf {
	char *runtime_dir, *state_dir;
	uint32_t log_level; /* index in the key's choices */
	char *user[5];      /* by role bit */
};
extern const struct conf_key daemon_common_keys[];
extern const size_t daemon_ncommon_keys;

struct run {
	struct daemon d;
	uv_loop_t loop;
	const char *path;
	struct common_conf *common;
	void *conf;
	char *state_dir;
	uv_signal_t sig[3];
	uv_timer_t watchdog;
	struct tmr end, status_due, rest;
	uint64_t started;   /* uv_hrtime */
	uint64_t status_at; /* uv_now of the last STATUS= */
	bool notify, ending, path_given;
};

/* As on SIGHUP. < 0: refused, the old settings stay. */
int daemon_reload(struct daemon *d);

/* ctl.c */
extern const struct ipc_handler ctl_handlers[];
extern const size_t ctl_nhandlers;
struct ctl *ctl_new(struct daemon *d);
void ctl_free(struct ctl *c);
void ctl_peer_gone(struct ctl *c, const struct ipc_peer *p);

/* ctl_own.c: the commands that every daemon has. */
extern const struct ctl_cmd ctl_own[];
extern const size_t ctl_nown;
#endif
