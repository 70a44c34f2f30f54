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
int ctl_base_root_hash(struct ctl_run *r);
/* ctl_pp_ipc.c */
int ctl_handset_list(struct ctl_run *r);
int ctl_handset_show(struct ctl_run *r);
int ctl_handset_watch(struct ctl_run *r);
int ctl_system_show(struct ctl_run *r);
/* ctl_call_ipc.c */
int ctl_call_show(struct ctl_run *r);
void ctl_call_lines(struct ctl_run *r, const struct pp *pp); /* the calls of a handset, as text */
/* ctl_sub_ipc.c */
int ctl_ipei(
    struct ctl_run *r, char ipei[PP_IPEI_LEN + 1]); /* of the ID; else the refusal is written */
struct pp *ctl_device(struct ctl_run *r);           /* NULL: the refusal is written */
int ctl_sub_open(struct ctl_run *r);
int ctl_sub_close(struct ctl_run *r);
int ctl_sub_status(struct ctl_run *r);
int ctl_handset_open(struct ctl_run *r);
int ctl_handset_pending(struct ctl_run *r);
int ctl_handset_assign(struct ctl_run *r);
int ctl_handset_allow(struct ctl_run *r);
int ctl_handset_delete(struct ctl_run *r);
int ctl_handset_locate(struct ctl_run *r);
int ctl_handset_identify(struct ctl_run *r);
int ctl_handset_renew(struct ctl_run *r);
int ctl_handset_export(struct ctl_run *r);
int ctl_handset_import(struct ctl_run *r);
/* ctl_trace_ipc.c */
int ctl_trace_base(struct ctl_run *r);
int ctl_trace_end(struct ctl_run *r);
/* A plain message of a proven base, for a capture that may run. */
void ctl_trace_message(struct dectd *r, uint32_t base, bool to_rfp, struct slice msg);
void ctl_trace_stop(struct dectd *r); /* before the end */
#endif
