/* The timer wheel against a plain list: what fires when and in which order, over many orders of magnitude. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/id.h"
#include "common/tmr.h"

#define N 400

struct one {
	struct tmr t;
	uint64_t at, seq; /* the model: seq 0: not pending */
	unsigned starts;  /* how often it starts itself again, or another one */
};

static struct one all[N];
static struct tmr_wheel *w;
static uint64_t seq, fired;

/* Up to a thousand years, mostly less than hours. */
static uint64_t some_ms(void)
{
	return id_u64() >> (19 + id_below(45)) >> (id_below(4) ? 20 : 0);
}

static void start(struct one *o, uint64_t ms)
{
	o->at = tmr_now(w) + ms;
	o->seq = ++seq;
	tmr_start(&o->t, ms);
	assert_true(tmr_pending(&o->t) && tmr_left(&o->t) == ms);
}

static void stop(struct one *o)
{
	o->seq = 0;
	tmr_stop(&o->t);
	assert_true(!tmr_pending(&o->t) && tmr_left(&o->t) == 0);
}

static struct one *first(void)
{
	struct one *min = NULL;

	for (unsigned i = 0; i < N; i++)
		if (all[i].seq && (!min || all[i].at < min->at ||
		                      (all[i].at == min->at && all[i].seq < min->seq)))
			min = &all[i];
	return min;
}

static void on_fire(struct tmr *t, void *ctx)
{
	struct one *o = ctx;

	assert_true(t == &o->t && o == first());
	assert_int_equal(tmr_now(w), o->at);
	assert_true(!tmr_pending(t));
	o->seq = 0;
	fired++;
	if (!o->starts)
		return;
	o->starts--;
	start(o, id_below(3) ? id_below(200) : 0);
	stop(&all[id_below(N)]);
	start(&all[id_below(N)], id_below(2) ? 0 : some_ms() >> 20);
}

static void test_as_a_plain_list(void **state)
{
	(void)state;
	id_seed_for_tests(7);
	w = tmr_wheel_new(NULL);
	for (unsigned i = 0; i < N; i++)
		tmr_init(&all[i].t, w, on_fire, &all[i]);
	for (unsigned turn = 0; turn < 3000; turn++) {
		for (unsigned i = id_below(8); i; i--) {
			struct one *o = &all[id_below(N)];

			if (id_below(4) == 0) {
				stop(o);
				continue;
			}
			o->starts = id_below(4) ? 0 : id_below(3);
			/* many at the same time, started from near and from far */
			start(o, id_below(3) ? some_ms() : 5000 - tmr_now(w) % 5000);
		}
		struct one *f = first();
		assert_int_equal(tmr_next(w), f ? f->at - tmr_now(w) : UINT64_MAX);
		tmr_advance(w, id_below(2) ? id_below(300) : some_ms() >> id_below(20));
		f = first();
		assert_true(!f || f->at > tmr_now(w));
	}
	assert_true(fired > 5000);
	tmr_wheel_free(w);
	for (unsigned i = 0; i < N; i++)
		assert_true(!tmr_pending(&all[i].t));
}

/* ---- on the loop ---- */

static void on_idle(uv_idle_t *h)
{
	(void)h;
}

static unsigned ran;
static struct tmr again;

static void on_again(struct tmr *t, void *ctx)
{
	(void)ctx;
	if (++ran < 3)
		tmr_start(t, 0);
}

static void on_never(struct tmr *t, void *ctx)
{
	(void)t;
	(void)ctx;
	assert_true(false);
}

static void test_on_a_loop(void **state)
{
	uv_loop_t loop;
	struct tmr stopped = { 0 }, later = { 0 };
	uv_idle_t idle; /* keeps the loop from blocking */

	(void)state;
	assert_true(uv_loop_init(&loop) == 0);
	w = tmr_wheel_new(&loop);
	tmr_init(&again, w, on_again, NULL);
	tmr_init(&stopped, w, on_never, NULL);
	tmr_init(&later, w, on_never, NULL);
	ran = 0;
	tmr_start(&stopped, 0);
	tmr_start(&later, 3600000);
	tmr_start(&again, 0);
	tmr_stop(&stopped);
	(void)uv_idle_init(&loop, &idle);
	(void)uv_idle_start(&idle, on_idle);
	for (unsigned turn = 0; turn < 3; turn++)
		(void)uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(ran, 3);
	assert_true(tmr_pending(&later));
	tmr_stop(&later);
	uv_close((uv_handle_t *)&idle, NULL);
	tmr_wheel_free(w);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(uv_loop_close(&loop) == 0);
}

/* Made anew while it runs: it stops first, and its neighbours stay linked. */
static void test_init_of_a_pending_one(void **state)
{
	(void)state;
	w = tmr_wheel_new(NULL);
	memset(all, 0, sizeof(all));
	ran = 0;
	for (unsigned i = 0; i < 3; i++) {
		tmr_init(&all[i].t, w, i == 1 ? on_never : on_again, NULL);
		tmr_start(&all[i].t, 1000);
	}
	tmr_init(&again, w, on_again, NULL);
	tmr_init(&all[1].t, w, on_never, NULL);
	assert_false(tmr_pending(&all[1].t));
	tmr_start(&all[1].t, 5000);
	tmr_stop(&all[1].t);
	tmr_advance(w, 10000);
	assert_true(ran >= 2);
	tmr_wheel_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_a_plain_list),
		cmocka_unit_test(test_on_a_loop),
		cmocka_unit_test(test_init_of_a_pending_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
