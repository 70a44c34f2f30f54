/* CPU of one location registration (connection, link, authentication, ciphering, temporary identity, end) through MAC, LAPC,
 * link control and mobility management, certd's part and the disk left out; against link control alone carrying the same
 * messages, alternating; by number of handsets, with the memory that each takes. Usage: dectd_mm [REGISTRATIONS] */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/auth.h"
#include "dectd/dectd.h"
#include "dectd/lce.h"
#include "dectd/mm.h"
#include "dectd/nwk_ie.h"
#include "dectd/subs.h"

#define REPEATS 7
#define BASES   64

struct ask {
	struct tmr tmr;
	auth_h *fn;
	void *ctx;
};
struct side {
	struct daemon d;
	struct dectd r;
	struct dectd_conf conf;
	struct tmr_wheel *w;
	struct mac *mac;
	struct ask ask;
	uint8_t busy;
	unsigned long done;
	bool mm;
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

	(void)base;
	(void)n;
	if (dnm[0] == 0x79 && dnm[1] == 0x05)
		s->busy |= dnm[3] & 0x10 ? 2 : 1;
	return 0;
}
static int low_info(void *ctx, uint32_t base, struct mac_base_info *out)
{
	(void)ctx;
	*out = (struct mac_base_info){ .id = base, .up = true, .ciphers = true };
	return 0;
}
static const struct mac_low low = { .send = low_send, .base_info = low_info };

static void answer(struct tmr *t, void *ctx)
{
	struct ask *a = ctx;

	(void)t;
	a->fn(a->ctx, &(struct auth_result){ .ok = true, .nrs = 8, .has_rand = true, .nck = 8 });
}
static int ask(void *c, auth_h *fn, void *ctx)
{
	struct side *s = c;

	s->ask.fn = fn;
	s->ask.ctx = ctx;
	tmr_init(&s->ask.tmr, s->w, answer, &s->ask);
	tmr_start(&s->ask.tmr, 0);
	return 0;
}
static int pt_start(void *c, const struct ipui *p, enum pp_alg a, auth_h *fn, void *ctx)
{
	(void)p;
	(void)a;
	return ask(c, fn, ctx);
}
static int pt_check(
    void *c, uint64_t h, const uint8_t r[4], const uint8_t *p, auth_h *fn, void *ctx)
{
	(void)h;
	(void)r;
	(void)p;
	return ask(c, fn, ctx);
}
static void forget(void *c, const void *ctx)
{
	struct side *s = c;

	if (s->ask.ctx == ctx)
		tmr_stop(&s->ask.tmr);
}
static const struct auth_ops auth = {
	.pt_start = pt_start, .pt_check = pt_check, .forget = forget
};

/* Link control alone: the same four messages go down. */
static void rx(void *ctx, struct lce_link *l, const struct nwk_msg *m)
{
	struct side *s = ctx;
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));

	nwk_head(&w, NWK_MM, true, 0, MM_LOCATE_ACCEPT);
	wr_fill(&w, 0, m->type == MM_LOCATE_REQUEST ? 23 : 10);
	if (m->type == MM_TEMP_IDENTITY_ASSIGN_ACK) {
		s->done++;
		lce_release(l, true);
	} else if (lce_send(l, &w) != 0) {
		abort();
	}
}
static const struct lce_entity bare = { rx, NULL };

static void input(struct side *s, uint32_t base, const uint8_t *p, size_t n)
{
	if (mac_input(s->mac, base, p, n) != 0)
		abort();
}

static void buffers(struct side *s, uint32_t base, uint8_t mcei)
{
	for (unsigned b = 0; b < 2; b++)
		if (s->busy >> b & 1) {
			s->busy &= (uint8_t) ~(1u << b);
			(void)!mac_input(
			    s->mac, base, (uint8_t[]){ 0x79, 0x07, mcei, (uint8_t)(b << 4) }, 4);
		}
}

static void frame(struct side *s, uint32_t base, uint8_t mcei, uint8_t addr, uint8_t ctl,
    const uint8_t *p, size_t n)
{
	uint8_t dnm[80] = { 0x79, 0x06, mcei, 0, (uint8_t)(n + 3), addr, ctl,
		(uint8_t)(n << 2 | 1) };

	memcpy(dnm + 8, p, n);
	input(s, base, dnm, n + 8);
	buffers(s, base, mcei);
	tmr_advance(s->w, 2);
	buffers(s, base, mcei);
}

static void registration(struct side *s, unsigned i)
{
	uint32_t base = 1 + i % BASES;
	uint8_t mcei = (uint8_t)(i / BASES % 200);
	uint8_t locate[64] = { 0x05, 0x54, 0x05, 0x07, 0x80, 0xa8, 0x01, 0x00, 0x10, 0, 0, 0x63,
		0x10, 0x35, 0x15, 0x0a, 0, 0x60, 0x04, 0x18, 0x81, 0x02, 0, 0, 0, 0, 0, 0x92,
		0x82 };
	uint8_t reply[] = { 0x85, 0x41, 0x0d, 0x04, 1, 2, 3, 4 }, ack[] = { 0x05, 0x5d };

	locate[8] |= (uint8_t)(i >> 16);
	locate[9] = (uint8_t)(i >> 8);
	locate[10] = (uint8_t)i;
	input(
	    s, base, (uint8_t[]){ 0x7a, 0x01, mcei, 0x0e, (uint8_t)(i >> 8), (uint8_t)i, 0, 1 }, 8);
	input(s, base, (uint8_t[]){ 0x79, 0x07, mcei, 0x00 }, 4);
	input(s, base, (uint8_t[]){ 0x79, 0x07, mcei, 0x10 }, 4);
	frame(s, base, mcei, 0xa1, 0x10, locate, 29);
	frame(s, base, mcei, 0x21, 1 << 5 | 1 << 1, reply, sizeof(reply));
	if (s->mm)
		input(s, base, (uint8_t[]){ 0x7a, 0x0a, mcei, 1, 0, 0, 0 }, 7);
	tmr_advance(s->w, 6);
	buffers(s, base, mcei);
	frame(s, base, mcei, 0x21, (uint8_t)((s->mm ? 3 : 2) << 5 | 2 << 1), ack, sizeof(ack));
	frame(s, base, mcei, 0xa1, 0x73, ack, 0); /* UA to the release */
	(void)!mac_input(s->mac, base, (uint8_t[]){ 0x7a, 0x03, mcei, 1 }, 4);
	tmr_advance(s->w, 1100); /* what lingers goes */
}

static struct side *make(unsigned handsets, bool mm)
{
	struct side *s = mem_new(sizeof(*s));
	struct conf_diag g;

	s->mm = mm;
	s->w = tmr_wheel_new(NULL);
	s->mac = mac_new(s->w, &low, s);
	s->d.wheel = s->w;
	s->d.state = &s->r;
	s->r.d = &s->d;
	s->r.conf = &s->conf;
	s->r.mac = s->mac;
	if (conf_parse(SLICE_LIT(""), "bench", dectd_keys, dectd_nkeys, &s->conf, &g) ||
	    ident_parse(SLICE_LIT("1F11234567"), &s->r.ident))
		abort();
	s->r.pps = pps_new(NULL, s->w, NULL, NULL);
	s->r.lce = lce_new(s->w, s->mac, NULL, NULL);
	if (mm) {
		s->r.subs = subs_new(&s->r);
		s->r.mm = mm_new(&s->r, &auth, s);
	} else {
		lce_register(s->r.lce, NWK_MM, &bare, s);
	}
	for (uint32_t b = 1; b <= BASES; b++)
		mac_base_up(s->mac, b, 1);
	for (unsigned i = 0; i < handsets && mm; i++) {
		char ipei[PP_IPEI_LEN + 1];
		struct ipui id = ipui_of_ipei(0x1001, i);
		struct pp *pp;

		id.v[2] = (uint8_t)(0x10 | i >> 16);
		if (pp_ipui_ipei(&id, ipei) || pp_make(s->r.pps, ipei, &pp))
			abort();
		pp->subscribed = pp->confirmed = true;
		pp->alg = PP_DSAA;
	}
	return s;
}

static void unmake(struct side *s)
{
	for (uint32_t b = 1; b <= BASES; b++)
		mac_base_down(s->mac, b);
	lce_free(s->r.lce);
	if (s->mm) {
		mm_free(s->r.mm);
		subs_free(s->r.subs);
	}
	pps_free(s->r.pps);
	conf_free(dectd_keys, dectd_nkeys, &s->conf);
	mac_free(s->mac);
	tmr_wheel_free(s->w);
	free(s);
}

static double run(struct side *s, unsigned handsets, unsigned n)
{
	static unsigned at;
	double t = now();

	for (unsigned i = 0; i < n; i++)
		registration(s, at++ % handsets);
	return (now() - t) / n;
}

static int by_value(const void *a, const void *b)
{
	return *(const double *)a < *(const double *)b ? -1
	                                               : *(const double *)a > *(const double *)b;
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 2000;
	static const unsigned sizes[] = { 100, 1000, 4096, 10000 };

	log_set_level(LOG_ERR);
	printf("%9s %14s %14s %8s %12s\n", "handsets", "us/registr.", "us link only", "ratio",
	    "KiB/handset");
	for (unsigned k = 0; k < ARRAY_LEN(sizes); k++) {
		size_t before = mallinfo2().uordblks;
		struct side *full = make(sizes[k], true), *only;
		double a[REPEATS], b[REPEATS], q[REPEATS];

		(void)run(full, sizes[k], sizes[k]); /* all registered once */
		size_t used = mallinfo2().uordblks - before;

		only = make(sizes[k], false);
		(void)run(only, sizes[k], n);
		for (unsigned i = 0; i < REPEATS; i++) {
			a[i] = run(full, sizes[k], n);
			b[i] = run(only, sizes[k], n);
			q[i] = a[i] / b[i];
		}
		if (mm_stats(full->r.mm)->locates != sizes[k] + (unsigned long)REPEATS * n ||
		    only->done != (unsigned long)(REPEATS + 1) * n) {
			printf("not all registered: %llu, %lu\n",
			    (unsigned long long)mm_stats(full->r.mm)->locates, only->done);
			return 1;
		}
		qsort(a, REPEATS, sizeof(a[0]), by_value);
		qsort(b, REPEATS, sizeof(b[0]), by_value);
		qsort(q, REPEATS, sizeof(q[0]), by_value);
		printf("%9u %14.1f %14.1f %8.2f %12.1f\n", sizes[k], a[REPEATS / 2] * 1e6,
		    b[REPEATS / 2] * 1e6, q[REPEATS / 2], (double)used / 1024 / sizes[k]);
		unmake(full);
		unmake(only);
	}
	return 0;
}
