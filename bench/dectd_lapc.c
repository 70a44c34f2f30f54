/* CPU of one message each way over LAPC and link control (frame in, parsed, routed, answered, acknowledged, buffers given
 * back), against the MAC bookkeeping alone for the same primitives, alternating; and how it grows with the number of
 * links. Usage: dectd_lapc [ROUNDS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/lce.h"
#include "dectd/nwk_ie.h"

#define REPEATS  9
#define PER_BASE 128

struct side {
	struct tmr_wheel *w;
	struct mac *mac;
	struct lce *e;
	uint8_t busy[64][256];
	uint8_t ns[64][256], nr[64][256]; /* of the portable parts */
	unsigned long rx;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int low_send(void *ctx, uint32_t base, const uint8_t *dnm, size_t n)
{
	struct side *s = ctx;

	(void)n;
	if (dnm[0] == 0x79 && dnm[1] == 0x05)
		s->busy[base & 63][dnm[2]] |= dnm[3] & 0x10 ? 2 : 1;
	return 0;
}

static const struct mac_low low = { .send = low_send };

static void input(struct side *s, uint32_t base, const uint8_t *p, size_t n)
{
	if (mac_input(s->mac, base, p, n) != 0)
		abort();
}

static void rx(void *ctx, struct lce_link *l, const struct nwk_msg *m)
{
	struct side *s = ctx;
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));
	struct ie_portable id;

	if (ie_portable_of(m, &id) != 0)
		abort();
	s->rx++;
	nwk_head(&w, NWK_MM, true, 0, MM_LOCATE_ACCEPT);
	ie_portable_none_put(&w);
	ie_location_put(&w, &(struct ie_location){ .has_level = true, .level = 31 });
	if (lce_send(l, &w) != 0)
		abort();
}

static const struct lce_entity mm = { rx, NULL };

/* Nobody above: what the MAC alone costs. */
static void n_conn(void *ctx, struct mac_conn *c)
{
	(void)ctx;
	(void)c;
}
static void n_frame(void *ctx, struct mac_conn *c, const uint8_t *f, size_t n)
{
	(void)ctx;
	(void)f;
	(void)n;
	/* The two frames that the stack answers with. */
	for (unsigned i = 0; i < 2 && f[2] > 1; i++)
		if (mac_send(c, (const uint8_t *)"\x23\x40\x1d\x85\x55\x05\x00\x07\x01\x5f", 10) !=
		    0)
			abort();
}
static void n_dis(void *ctx, struct mac_conn *c, enum mac_reason why)
{
	(void)ctx;
	(void)c;
	(void)why;
}
static void n_base(void *ctx, uint32_t base, bool up)
{
	(void)ctx;
	(void)base;
	(void)up;
}
static const struct mac_ops bare = { .conn_ind = n_conn,
	.frame_ind = n_frame,
	.ready_ind = n_conn,
	.dis_ind = n_dis,
	.base_ind = n_base };

static void dtr(struct side *s, uint32_t base, uint8_t mcei)
{
	for (unsigned b = 0; b < 2; b++)
		if (s->busy[base & 63][mcei] >> b & 1) {
			s->busy[base & 63][mcei] &= (uint8_t) ~(1u << b);
			input(s, base, (uint8_t[]){ 0x79, 0x07, mcei, (uint8_t)(b << 4) }, 4);
		}
}

static void frame(struct side *s, uint32_t base, uint8_t mcei, const uint8_t *f, size_t n)
{
	uint8_t dnm[5 + 70] = { 0x79, 0x06, mcei, 0 };

	memcpy(dnm + 5, f, n);
	while ((n + 2) % 5)
		dnm[5 + n++] = 0xf0;
	dnm[4] = (uint8_t)n;
	input(s, base, dnm, 5 + n);
}

static void round_of(struct side *s, unsigned i)
{
	uint32_t base = 1 + i / PER_BASE;
	uint8_t mcei = (uint8_t)(i % PER_BASE), *ns = &s->ns[base & 63][mcei],
	        *nr = &s->nr[base & 63][mcei];
	uint8_t f[32] = { 0x21, (uint8_t)(*nr << 5 | *ns << 1), 11 << 2 | 1, 0x05, 0x54, 0x05, 0x07,
		0x80, 0xa8, 0x01, 0x00, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };

	f[11] = (uint8_t)(0x10 | (i >> 16 & 15));
	f[12] = (uint8_t)(i >> 8);
	f[13] = (uint8_t)i;
	*ns = (*ns + 1) & 7;
	frame(s, base, mcei, f, 14);
	dtr(s, base, mcei);
	*nr = (*nr + 1) & 7;
	frame(s, base, mcei, (uint8_t[]){ 0x23, (uint8_t)(*nr << 5 | 1), 1 }, 3);
}

static struct side *make(unsigned links, bool stack)
{
	struct side *s = mem_new(sizeof(*s));

	s->w = tmr_wheel_new(NULL);
	s->mac = mac_new(s->w, &low, s);
	if (stack) {
		s->e = lce_new(s->w, s->mac, NULL, NULL);
		lce_register(s->e, NWK_MM, &mm, s);
	} else {
		mac_set_ops(s->mac, &bare, s);
	}
	for (unsigned i = 0; i < links; i++) {
		uint32_t base = 1 + i / PER_BASE;
		uint8_t mcei = (uint8_t)(i % PER_BASE);

		if (i % PER_BASE == 0)
			mac_base_up(s->mac, base, 0);
		input(s, base, (uint8_t[]){ 0x7a, 1, mcei, 0, (uint8_t)(i >> 8), (uint8_t)i, 0, 1 },
		    8);
		for (unsigned b = 0; b < 2; b++)
			input(s, base, (uint8_t[]){ 0x79, 7, mcei, (uint8_t)(b << 4) }, 4);
		frame(s, base, mcei, (uint8_t[]){ 0xa1, 0x10, 0x01 }, 3);
		dtr(s, base, mcei);
		s->ns[base & 63][mcei] = 1;
	}
	return s;
}

static void drop(struct side *s)
{
	lce_free(s->e);
	mac_set_ops(s->mac, &bare, s);
	mac_free(s->mac);
	tmr_wheel_free(s->w);
	free(s);
}

static double run(struct side *s, unsigned links, unsigned rounds)
{
	double t = now();

	for (unsigned i = 0; i < rounds; i++)
		round_of(s, i * 7919 % links);
	return (now() - t) / rounds * 1e6;
}

static int cmp(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = { 1, 100, 1000, 8000 };
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 40000;

	log_set_level(LOG_ERR);
	for (unsigned k = 0; k < ARRAY_LEN(sizes); k++) {
		struct side *stack = make(sizes[k], true), *mac = make(sizes[k], false);
		double us[REPEATS], ratio[REPEATS], base_us[REPEATS];

		run(stack, sizes[k], rounds / 4);
		run(mac, sizes[k], rounds / 4);
		for (unsigned i = 0; i < REPEATS; i++) {
			base_us[i] = run(mac, sizes[k], rounds);
			us[i] = run(stack, sizes[k], rounds);
			ratio[i] = us[i] / base_us[i];
		}
		if (stack->rx == 0)
			abort();
		qsort(us, REPEATS, sizeof(double), cmp);
		qsort(base_us, REPEATS, sizeof(double), cmp);
		qsort(ratio, REPEATS, sizeof(double), cmp);
		printf("%5u links: %.2f us a message each way, MAC alone %.2f us, ratio %.2f (%.2f "
		       "- %.2f)\n",
		    sizes[k], us[REPEATS / 2], base_us[REPEATS / 2], ratio[REPEATS / 2], ratio[0],
		    ratio[REPEATS - 1]);
		drop(stack);
		drop(mac);
	}
	return 0;
}
