#ifndef TESTS_UNIT_DECTD_DLC_RIG_H
#define TESTS_UNIT_DECTD_DLC_RIG_H
/* A DLC above a MAC by hand, with a fake clock; what it tells upwards is written down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dectd/dlc_priv.h"

#include "lapc_air.h"

struct t {
	struct air air;
	struct dlc *d;
	struct dlc_link *l;
	char ev[512]; /* upcalls: "est", "rst", "data HEX", "idle", "rel WHY" */
	size_t n;
	const char *reply; /* sent from inside the next data_ind */
	bool abort_on_data, release_on_data;
};

static inline void note(struct t *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->n += (size_t)vsnprintf(t->ev + t->n, sizeof(t->ev) - t->n, fmt, ap);
	va_end(ap);
	assert_true(t->n < sizeof(t->ev));
}

#define events(t, want)                                                                            \
	do {                                                                                       \
		assert_string_equal((t)->ev, want);                                                \
		(t)->ev[0] = '\0';                                                                 \
		(t)->n = 0;                                                                        \
	} while (0)

static inline void establish_ind(void *ctx, struct dlc_link *l)
{
	struct t *t = ctx;

	t->l = l;
	note(t, "est%c ", dlc_class_of(l) == DLC_A ? 'A' : 'B');
}
static inline void reset_ind(void *ctx, struct dlc_link *l)
{
	(void)l;
	note(ctx, "rst ");
}
static inline void send_hex(struct dlc_link *l, const char *hex)
{
	uint8_t m[128];

	assert_int_equal(dlc_send(l, m, air_unhex(hex, m, sizeof(m))), 0);
}
static inline void data_ind(void *ctx, struct dlc_link *l, const uint8_t *msg, size_t n, bool unit)
{
	struct t *t = ctx;

	note(t, unit ? "unit " : "data ");
	if (n > 40)
		note(t, "%zu ", n);
	else
		for (size_t i = 0; i < n; i++)
			note(t, "%02x%s", msg[i], i + 1 == n ? " " : "");
	if (t->reply)
		send_hex(l, t->reply);
	t->reply = NULL;
	if (t->release_on_data)
		dlc_release(l);
	if (t->abort_on_data) {
		dlc_abort(l);
		t->l = NULL;
	}
}
static inline void idle_ind(void *ctx, struct dlc_link *l)
{
	(void)l;
	note(ctx, "idle ");
}
static inline void release_ind(void *ctx, struct dlc_link *l, enum dlc_why why)
{
	struct t *t = ctx;

	assert_ptr_equal(t->l, l);
	t->l = NULL;
	note(t, "rel%d ", why);
}
static inline void cipher_ind(void *ctx, struct dlc_link *l, enum mac_cipher how, unsigned key)
{
	(void)l;
	note(ctx, "cipher%d/%u ", how, key);
}
static inline int handover_ask(void *ctx, struct dlc_link *l, uint32_t base)
{
	(void)l;
	note(ctx, "ask%u ", base);
	return 0;
}
static inline void moved_ind(void *ctx, struct dlc_link *l, uint32_t old)
{
	(void)l;
	note(ctx, "moved%u ", old);
}
static inline void base_of(void *ctx, struct dlc_link *l, uint32_t base)
{
	(void)l;
	note(ctx, "failed%u ", base);
}
static inline void media_ind(void *ctx, struct dlc_link *l, const struct mac_media_ind *ind)
{
	(void)ctx;
	(void)l;
	(void)ind;
}
static inline void base_ind(void *ctx, uint32_t base, bool up)
{
	(void)ctx;
	(void)base;
	(void)up;
}
static inline void overflow(void *ctx, uint32_t base)
{
	(void)ctx;
	(void)base;
}
static inline void info(void *ctx, uint32_t base, uint32_t pmid, const char *text)
{
	(void)ctx;
	(void)base;
	(void)pmid;
	(void)text;
}
static const struct dlc_ops ops = { establish_ind, reset_ind, data_ind, idle_ind, release_ind,
	cipher_ind, handover_ask, moved_ind, base_of, media_ind, base_ind, overflow, info };

static inline int setup(void **state)
{
	struct t *t = mem_new(sizeof(*t));

	air_init(&t->air);
	t->d = dlc_new(t->air.w, t->air.mac, NULL, &ops, t);
	mac_base_up(t->air.mac, 1, 0);
	mac_base_up(t->air.mac, 2, 0);
	*state = t;
	return 0;
}

static inline int teardown(void **state)
{
	struct t *t = *state;

	dlc_free(t->d);
	air_fini(&t->air);
	free(t);
	return 0;
}

static inline void open_b(struct t *t)
{
	air_con(&t->air, 1, 5, 0xe1234, false);
	air_rx(&t->air, 1, 5, "a11001");
	air_expect(&t->air, "1:5 a13101\n");
	events(t, "estB ");
	air_dtr(&t->air, 1, 5);
}

#endif
