/* `dectctl trace base`: the links of base stations, decrypted. One capture at a time, limited in time and
 * size, noted in the log with who asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/pcap.h"
#include "dectd/ctl_cmds.h"
#include "dectd/trace.h"

#define TRACE_MAX   (3u << 20)
#define TRACE_MS    600000
#define TRACE_BASES 256

struct trace_base {
	uint32_t id;
	struct trace_flow flow;
	struct trace_mask mask;
};

struct trace {
	struct dectd *r;
	struct ctl_run *run;
	struct tmr end;
	struct wr w;
	uint8_t *buf;
	bool one;
	uint32_t only; /* base */
	unsigned packets, lost, nbases;
	struct trace_base bases[TRACE_BASES];
};

static uint64_t wall_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static struct trace_base *base_of(struct trace *t, uint32_t id)
{
	const struct rfp_base *b;

	for (unsigned i = 0; i < t->nbases; i++)
		if (t->bases[i].id == id)
			return &t->bases[i];
	b = rfp_dir_by_id(t->r->dir, id);
	if (!b || t->nbases == TRACE_BASES)
		return NULL;
	t->bases[t->nbases].id = id;
	memcpy(t->bases[t->nbases].flow.ip, b->ip4, 4);
	t->bases[t->nbases].flow.port = (uint16_t)(40000 + id % 20000);
	return &t->bases[t->nbases++];
}

void ctl_trace_message(struct dectd *r, uint32_t base, bool to_rfp, struct slice msg)
{
	struct trace *t = r->trace;
	uint8_t copy[4200];
	struct trace_base *b;

	if (!t || (t->one && t->only != base))
		return;
	b = base_of(t, base);
	if (!b || msg.n > sizeof(copy) || t->w.cap - t->w.n < msg.n + TRACE_OVERHEAD) {
		t->lost++;
		return;
	}
	memcpy(copy, msg.p, msg.n);
	trace_mask(&b->mask, to_rfp, copy, msg.n);
	trace_packet(&t->w, wall_us(), &b->flow, to_rfp, copy, msg.n);
	mem_wipe(copy, msg.n);
	t->packets++;
}

static void finish(struct trace *t)
{
	tmr_stop(&t->end);
	t->r->trace = NULL;
	log_ev(LOG_NOTICE, "capture of base stations ended", F_U64("IPDECT_PACKETS", t->packets));
	ctl_data(t->run, t->buf, t->w.n);
	if (t->lost)
		ctl_warn(t->run,
		    "%u messages did not fit any more: take a shorter time or one base", t->lost);
	if (t->nbases > 1)
		ctl_warn(t->run,
		    "%u bases in one file: Wireshark mixes their connections, look at "
		    "one at a time (filter tcp.port == 40000 + number of the base)",
		    t->nbases);
	ctl_done(t->run, 0);
	mem_free_wiped(t->buf, t->w.cap);
	free(t);
}

static void on_end(struct tmr *tm, void *ctx)
{
	(void)tm;
	finish(ctx);
}

void ctl_trace_stop(struct dectd *r)
{
	if (r->trace)
		finish(r->trace);
}

int ctl_trace_base(struct ctl_run *run)
{
	struct dectd *r = ctl_room(run);
	uint32_t ms = ctl_ms(run, "for", 10000);
	struct slice base = ctl_id(run);
	const struct rfp_base *b = NULL;
	struct trace *t;

	if (r->trace)
		return ctl_fail(run, ERR_BUSY, "a capture is running already: wait for its end");
	if (ms == 0 || ms > TRACE_MS)
		return ctl_fail(run, ERR_VALUE, "at most ten minutes");
	if (base.n) {
		uint8_t mac[6];

		if (rfp_dir_mac_parse(base, mac) != 0)
			return ctl_fail(
			    run, ERR_SYNTAX, "a base station is named by its MAC address");
		b = rfp_dir_find(r->dir, mac);
		if (!b)
			return ctl_fail(
			    run, ERR_NOTFOUND, "no such base station: see dectctl base list");
	}
	t = mem_new(sizeof(*t));
	t->r = r;
	t->run = run;
	t->one = b != NULL;
	t->only = b ? b->rec.id : 0;
	t->buf = mem_new(TRACE_MAX);
	t->w = wr_of(t->buf, TRACE_MAX);
	pcap_head(&t->w);
	tmr_init(&t->end, r->d->wheel, on_end, t);
	tmr_start(&t->end, ms);
	r->trace = t;
	ctl_defer(run);
	log_ev(LOG_NOTICE, "capture of base stations began", F_U64("IPDECT_UID", ctl_uid(run)),
	    F_U64("IPDECT_MS", ms));
	return 0;
}

int ctl_trace_end(struct ctl_run *run)
{
	struct dectd *r = ctl_room(run);

	if (!r->trace)
		return ctl_fail(run, ERR_NOTFOUND, "no capture is running");
	finish(r->trace);
	return 0;
}
