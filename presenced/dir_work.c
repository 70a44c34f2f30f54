/* The thread and its queues. */
#include "presenced/dir_work.h"

#include <stdlib.h>

#include "common/mem.h"

struct dir_work {
	uv_thread_t thread;
	uv_mutex_t lock;
	uv_cond_t wake;
	uv_async_t back;
	struct list todo, done;
	unsigned n;
	uint64_t idle_ms;
	void (*idle)(void *ctx);
	void *ctx;
	atomic_bool stop;
};

static void thread(void *arg)
{
	struct dir_work *w = arg;

	uv_mutex_lock(&w->lock);
	while (!atomic_load(&w->stop)) {
		if (list_empty(&w->todo)) {
			if (uv_cond_timedwait(&w->wake, &w->lock, w->idle_ms * 1000000u) ==
			        UV_ETIMEDOUT &&
			    list_empty(&w->todo)) {
				uv_mutex_unlock(&w->lock);
				w->idle(w->ctx);
				uv_mutex_lock(&w->lock);
			}
			continue;
		}
		struct dir_job *j = LIST_ENTRY(w->todo.next, struct dir_job, node);
		list_remove(&j->node);
		uv_mutex_unlock(&w->lock);
		j->run(j);
		uv_mutex_lock(&w->lock);
		list_append(&w->done, &j->node);
		uv_async_send(&w->back);
	}
	uv_mutex_unlock(&w->lock);
}

static void give_back(struct dir_work *w, struct list *from, bool lost)
{
	for (;;) {
		struct dir_job *j = NULL;

		uv_mutex_lock(&w->lock);
		if (!list_empty(from)) {
			j = LIST_ENTRY(from->next, struct dir_job, node);
			list_remove(&j->node);
			w->n--;
		}
		uv_mutex_unlock(&w->lock);
		if (!j)
			return;
		j->done(j, lost);
	}
}

static void on_back(uv_async_t *a)
{
	struct dir_work *w = a->data;

	give_back(w, &w->done, false);
}

struct dir_work *dir_work_new(uv_loop_t *loop, uint64_t idle_ms, void (*idle)(void *ctx), void *ctx)
{
	struct dir_work *w = mem_new(sizeof(*w));

	list_init(&w->todo);
	list_init(&w->done);
	w->idle_ms = idle_ms;
	w->idle = idle;
	w->ctx = ctx;
	atomic_init(&w->stop, false);
	BUG_ON(uv_mutex_init(&w->lock) || uv_cond_init(&w->wake));
	BUG_ON(uv_async_init(loop, &w->back, on_back));
	w->back.data = w;
	BUG_ON(uv_thread_create(&w->thread, thread, w));
	return w;
}

bool dir_work_add(struct dir_work *w, struct dir_job *j)
{
	bool ok;

	uv_mutex_lock(&w->lock);
	ok = w->n < DIR_JOBS && !atomic_load(&w->stop);
	if (ok) {
		list_append(&w->todo, &j->node);
		w->n++;
		uv_cond_signal(&w->wake);
	}
	uv_mutex_unlock(&w->lock);
	return ok;
}

static void on_closed(uv_handle_t *h)
{
	struct dir_work *w = h->data;

	uv_cond_destroy(&w->wake);
	uv_mutex_destroy(&w->lock);
	free(w);
}

void dir_work_free(struct dir_work *w)
{
	if (!w)
		return;
	uv_mutex_lock(&w->lock);
	atomic_store(&w->stop, true);
	uv_cond_signal(&w->wake);
	uv_mutex_unlock(&w->lock);
	uv_thread_join(&w->thread);
	give_back(w, &w->done, false);
	give_back(w, &w->todo, true);
	uv_close((uv_handle_t *)&w->back, on_closed);
}

const atomic_bool *dir_work_stop(const struct dir_work *w)
{
	return &w->stop;
}
