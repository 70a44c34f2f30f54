/* One key, made in a thread. */
#include "certd/keygen.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "certd/csr.h"
#include "common/mem.h"

struct keygen {
	uv_thread_t thread;
	uv_async_t *done;
	char *type;
	EVP_PKEY *key;
	void (*fn)(void *ctx, EVP_PKEY *key);
	void *ctx;
};

static void work(void *arg)
{
	struct keygen *g = arg;

	g->key = csr_key(g->type);
	OPENSSL_thread_stop();
	uv_async_send(g->done);
}

static void release(struct keygen *g)
{
	g->done->data = NULL;
	uv_close((uv_handle_t *)g->done, (uv_close_cb)free);
	free(g->type);
	free(g);
}

static void on_done(uv_async_t *h)
{
	struct keygen *g = h->data;

	if (!g)
		return;
	uv_thread_join(&g->thread);
	g->fn(g->ctx, g->key);
	release(g);
}

struct keygen *keygen_start(
    uv_loop_t *loop, const char *type, void (*fn)(void *ctx, EVP_PKEY *key), void *ctx)
{
	/* Small: locked memory is counted, and libcrypto does not need more. */
	static const uv_thread_options_t opt = { .flags = UV_THREAD_HAS_STACK_SIZE,
		.stack_size = 256u << 10 };
	struct keygen *g = mem_new(sizeof(*g));

	g->type = mem_str(type);
	g->fn = fn;
	g->ctx = ctx;
	g->done = mem_new(sizeof(*g->done));
	uv_async_init(loop, g->done, on_done);
	g->done->data = g;
	if (uv_thread_create_ex(&g->thread, &opt, work, g) != 0) {
		release(g);
		return NULL;
	}
	return g;
}

void keygen_cancel(struct keygen *g)
{
	if (!g)
		return;
	uv_thread_join(&g->thread);
	EVP_PKEY_free(g->key);
	release(g);
}
