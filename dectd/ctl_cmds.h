#ifndef DECTD_CTL_CMDS_H
#define DECTD_CTL_CMDS_H
#include "dectd/dectd.h"

/* dectctl's commands at dectd, by file; ctl_ipc.c has the table. */
static inline struct dectd *ctl_room(struct ctl_run *r)
{
	return dectd_of(ctl_ctx(r));
}
/* "2026-11-22T14:05:30Z"; "" for 0. */
void ctl_time(int64_t unix_s, char out[24]);

/* ctl_base_ipc.c */
int ctl_base_list(struct ctl_run *r);
int ctl_base_show(struct ctl_run *r);
int ctl_base_watch(struct ctl_run *r);
int ctl_base_admit(struct ctl_run *r);
int ctl_base_set(struct ctl_run *r);
int ctl_base_remove(struct ctl_run *r);
int ctl_base_restart(struct ctl_run *r);
int ctl_base_sync(struct ctl_run *r);
int ctl_base_import(struct ctl_run *r);
/* ctl_pp_ipc.c */
int ctl_handset_list(struct ctl_run *r);
int ctl_handset_show(struct ctl_run *r);
int ctl_handset_watch(struct ctl_run *r);
int ctl_system_show(struct ctl_run *r);
#endif
