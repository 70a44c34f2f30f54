#ifndef PRESENCED_DIR_WORK_H
#define PRESENCED_DIR_WORK_H
#include <stdatomic.h>
#include <uv.h>

#include "common/list.h"

/* A thread that does what blocks, one job after another; what comes of it is given back in the loop. */
#define DIR_JOBS 64 /* waiting */

struct dir_job {
	struct list node;
	void (*run)(struct dir_job *j); /* in the thread */
	void (*done)(struct dir_job *j,
	    bool lost); /* in the loop; lost: never ran. Frees it. Exactly once. */
};
struct dir_work;
/* idle: in the thread, when nothing came for idle_ms; closes connections. NULL: no thread could be made. */
struct dir_work *dir_work_new(
    uv_loop_t *loop, uint64_t idle_ms, void (*idle)(void *ctx), void *ctx);
/* false: too many wait; the job stays the caller's. */
bool dir_work_add(struct dir_work *w, struct dir_job *j);
/* Waits for the running job, which looks at stop; those that wait are given back as lost. */
void dir_work_free(struct dir_work *w);
const atomic_bool *dir_work_stop(const struct dir_work *w);
#endif
