#ifndef IPC_CTL_LOCAL_H
#define IPC_CTL_LOCAL_H
#include "ipc/ctl_print.h"

/* What dectctl itself finds on this host at `check`, because no daemon may look: their system calls are restricted. */
void ctl_local_check(struct ctl_table *t);
#endif
