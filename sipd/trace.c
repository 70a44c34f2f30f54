/* Capturing SIP for an administrator: pcap in memory, secrets masked. */
#include "sipd/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/pcap.h"
#include "ipc/ctl.h"

struct trace {
	struct sipd *s;
	struct ctl_run *run;
	struct tmr end;
	struct wr w;
	uint8_t *buf;
	char match[64];
	unsigned packets, lost;
};

static void on_message(void *ctx, const struct tp_flow *f, bool out, struct slice msg)
{
	struct trace *t = ctx;
	struct addr local, remote;

	if (t->match[0] && !memmem(msg.p, msg.n, t->match, strlen(t->match)))
		return;
	if (t->w.n + msg.n + 128 > t->w.cap) {
		t->lost++;
		return;
	}
	addr_from_sa(&local, tp_flow_local(f));
	addr_from_sa(&remote, tp_flow_remote(f));
	trace_packet(
	    &t->w, sipd_wall_ms() * 1000, out ? &local : &remote, out ? &remote : &local, msg);
	t->packets++;
}

static void finish(struct trace *t)
{
	struct sipd *s = t->s;

	tp_set_tap(sip_ua_tp(s->ua), NULL, NULL);
	tmr_stop(&t->end);
	s->trace = NULL;
	log_ev(LOG_NOTICE, "SIP capture ended", F_U64("IPDECT_PACKETS", t->packets));
	ctl_data(t->run, t->buf, t->w.n);
	if (t->lost)
		ctl_warn(t->run, "%u messages did not fit any more: take a shorter time or a match",
		    t->lost);
	ctl_done(t->run, 0);
	mem_free_wiped(t->buf, t->w.cap);
	free(t);
}

static void on_end(struct tmr *tm, void *ctx)
{
	(void)tm;
	finish(ctx);
}

int trace_sip(struct ctl_run *r)
{
	struct sipd *s = sipd_of(ctl_ctx(r));
	uint32_t ms = ctl_ms(r, "for", 10000);
	struct slice match = ctl_text_arg(r, "match");
	struct trace *t;

	if (s->trace)
		return ctl_fail(r, ERR_BUSY, "a capture is running already");
	if (ms > TRACE_MS || match.n >= sizeof(t->match))
		return ctl_fail(
		    r, ERR_VALUE, "at most ten minutes, and a match of at most 63 characters");
	t = mem_new(sizeof(*t));
	t->s = s;
	t->run = r;
	t->buf = mem_new(TRACE_MAX);
	t->w = wr_of(t->buf, TRACE_MAX);
	(void)!slice_copy(match, t->match, sizeof(t->match));
	pcap_head(&t->w);
	tmr_init(&t->end, s->d->wheel, on_end, t);
	tmr_start(&t->end, ms);
	s->trace = t;
	ctl_defer(r);
	tp_set_tap(sip_ua_tp(s->ua), on_message, t);
	log_ev(LOG_NOTICE, "SIP capture began", F_U64("IPDECT_UID", ctl_uid(r)),
	    F_U64("IPDECT_MS", ms));
	return 0;
}

void trace_stop(struct sipd *s)
{
	if (s->trace)
		finish(s->trace);
}

int trace_end(struct ctl_run *r)
{
	struct sipd *s = sipd_of(ctl_ctx(r));

	if (!s->trace)
		return ctl_fail(r, ERR_NOTFOUND, "no capture is running");
	finish(s->trace);
	return 0;
}
