/* A rig that plays everything around call control and the handset's lines: below, the link control entity and a handset
 * whose messages it builds octet by octet; above, sipd. Both write what they get into one log, a line each, so that a
 * test compares whole conversations. Every message towards the handset is checked against the rule tables. */
#ifndef PHONE_RIG_H
#define PHONE_RIG_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "dectd/cc.h"
#include "dectd/phone.h"
#include "dectd/phone_priv.h"

struct rig {
	struct tmr_wheel *w;
	struct pps *pps;
	struct pp *pp;
	struct phones *phones;
	struct phones_conf conf;
	char log[32768];
	struct wr lw;
	/* the handset */
	bool by_pp;
	uint8_t tv, next_tv;
	unsigned sent;
	/* faults */
	int link_err;    /* outcome of paging */
	bool no_link;    /* the page gets no answer yet */
	int secure_err;  /* outcome of ciphering */
	bool secure_now; /* already ciphered */
	int media_err, setup_err, hold_err;
	bool mute_radio; /* leaves "sipd radio" and media lines out */
	/* what waits for an answer */
	bool want_link, want_secure;
	uint64_t next_ref;
	uint32_t token;
	FILE *dump;     /* every message, for a dissector */
	char last[520]; /* the last message to the handset, in hex */
};

static inline void note(struct rig *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline void note(struct rig *r, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	wr_str(&r->lw, line);
	wr_str(&r->lw, "\n");
}

static inline void expect_at(struct rig *r, const char *want, const char *file, int line)
{
	if (!wr_nul(&r->lw))
		fail_msg("log too long");
	if (strcmp(r->log, want) != 0) {
		print_error("%s:%d: wanted\n%sgot\n%s", file, line, want, r->log);
		_fail(file, line);
	}
	r->lw.n = 0;
}
#define EXPECT(r, want) expect_at(r, want, __FILE__, __LINE__)
static inline void forget(struct rig *r)
{
	r->lw.n = 0;
}

/* ---- below ---- */

static inline void escape(const uint8_t *p, size_t n, char *out, size_t cap)
{
	struct wr w = wr_of(out, cap);

	for (size_t i = 0; i < n; i++)
		if (p[i] >= 0x20 && p[i] < 0x7f)
			wr_u8(&w, p[i]);
		else if (p[i] == 0x0c)
			continue;
		else
			wr_fmt(&w, "\\%02x", p[i]);
	(void)wr_nul(&w);
}

static inline int rig_send(void *ctx, struct pp *pp, const struct wr *msg)
{
	struct rig *r = ctx;
	struct nwk_msg m;
	struct nwk_fault fault;
	char line[512], text[300];
	struct wr w = wr_of(line, sizeof(line));
	struct ie_number num;
	struct ie_calling_name name;
	struct ie_called_name cname;
	struct ie_progress progress;
	struct ie_call_info ci;
	struct ie_codec_list codecs;
	struct ie_basic_service bs;
	int v;

	(void)pp;
	assert_false(msg->bad);
	assert_int_equal(nwk_parse(msg->p, msg->n, NWK_TO_PP, &m), 0);
	if (nwk_check_strict(&m, &fault) != 0) {
		nwk_dump(&m, &w);
		(void)wr_nul(&w);
		fail_msg("%s: element %02x, fault %d", line, fault.id, (int)fault.what);
	}
	if (r->dump) {
		for (size_t i = 0; i < msg->n; i++)
			fprintf(r->dump, "%02x", msg->p[i]);
		fputc('\n', r->dump);
	}
	r->sent++;
	struct wr hex = wr_of(r->last, sizeof(r->last));
	wr_hex(&hex, msg->p, msg->n);
	(void)wr_nul(&hex);
	wr_fmt(&w, "> %s", nwk_type_name(m.pd, m.type));
	if (m.f != r->by_pp || m.tv != r->tv)
		wr_fmt(&w, " [%s %u]", m.f ? "its" : "our", m.tv);
	if (m.type == CC_SETUP) {
		r->by_pp = false;
		r->tv = m.tv;
	}
	if (ie_basic_service_of(&m, &bs) == 0 && (bs.cls != 8 || bs.service))
		wr_fmt(&w, " service=%x%x", bs.cls, bs.service);
	v = nwk_octet(&m, IE_RELEASE_REASON);
	if (v >= 0)
		wr_fmt(&w, " reason=%02x", (unsigned)v);
	if (ie_progress_of(&m, &progress) == 0)
		wr_fmt(&w, " progress=%u", progress.description);
	struct slice d = nwk_display(&m);
	if (d.n) {
		escape((const uint8_t *)d.p, d.n, text, sizeof(text));
		wr_fmt(&w, " display='%s'", text);
	}
	v = nwk_octet(&m, IE_SIGNAL);
	if (v >= 0)
		wr_fmt(&w, " signal=%02x", (unsigned)v);
	if (ie_number_of(&m, &num) == 0)
		wr_fmt(&w, " from=%.*s%s", (int)num.number.n, num.number.p,
		    num.present == 1 ? "(restricted)" : "");
	if (ie_calling_name_of(&m, &name) == 0)
		wr_fmt(&w, " name=%.*s", (int)name.name.n, name.name.p);
	if (ie_called_number_of(&m, &num) == 0)
		wr_fmt(&w, " to=%.*s", (int)num.number.n, num.number.p);
	if (ie_called_name_of(&m, &cname) == 0)
		wr_fmt(&w, " toname=%.*s", (int)cname.family.n, cname.family.p);
	if (ie_codec_list_of(&m, &codecs) == 0) {
		wr_str(&w, " codecs=");
		for (unsigned i = 0; i < codecs.n; i++)
			wr_fmt(&w, "%u", codecs.c[i].codec);
	}
	if (ie_call_info_of(&m, &ci) == 0)
		wr_fmt(&w, " call=%d status=%d", ie_call_info_get(&ci, IE_CI_CALL, 0),
		    ie_call_info_get(&ci, IE_CI_STATUS, 1));
	assert_true(wr_nul(&w));
	note(r, "%s", line);
	return 0;
}

static inline int rig_link(void *ctx, struct pp *pp, bool wideband)
{
	struct rig *r = ctx;

	(void)pp;
	note(r, "page%s", wideband ? " wide" : "");
	r->want_link = true;
	return 0;
}

static inline void rig_link_cancel(void *ctx, struct pp *pp)
{
	struct rig *r = ctx;

	(void)pp;
	note(r, "page cancelled");
	r->want_link = false;
}

static inline void rig_idle(void *ctx, struct pp *pp, bool partial)
{
	(void)pp;
	note(ctx, "idle%s", partial ? " partial" : "");
}

static inline int rig_secure(void *ctx, struct pp *pp)
{
	struct rig *r = ctx;

	(void)pp;
	if (r->secure_now)
		return 0;
	r->want_secure = true;
	return 1;
}

static const struct cc_low rig_low = {
	.link = rig_link,
	.link_cancel = rig_link_cancel,
	.send = rig_send,
	.idle = rig_idle,
	.secure = rig_secure,
};

/* ---- above ---- */

static inline unsigned id(uint64_t ref)
{
	return (unsigned)ref;
}

static inline int rig_setup(void *ctx, struct pp *pp, uint64_t ref, const struct iwu_setup *s)
{
	struct rig *r = ctx;

	(void)pp;
	note(r, "sipd setup %u '%.*s'%s%s%s%s%s", id(ref), (int)s->called.n,
	    s->called.p ? s->called.p : "", s->complete ? " complete" : "",
	    s->emergency ? " emergency" : "", s->internal ? " internal" : "",
	    s->redial ? " redial" : "", s->consultation_of ? " consultation" : "");
	return r->setup_err;
}

static inline void rig_digits(void *ctx, uint64_t ref, struct slice d, bool complete)
{
	note(ctx, "sipd digits %u '%.*s'%s", id(ref), (int)d.n, d.p, complete ? " complete" : "");
}

static inline void rig_offered(void *ctx, uint64_t ref, bool accepted, enum iwu_cause why)
{
	note(ctx, "sipd offered %u %s", id(ref), accepted ? "yes" : iwu_cause_name(why));
}

static inline void rig_alerting(void *ctx, uint64_t ref)
{
	note(ctx, "sipd alerting %u", id(ref));
}

static inline void rig_answer(void *ctx, uint64_t ref)
{
	note(ctx, "sipd answer %u", id(ref));
}

static inline void rig_release(void *ctx, uint64_t ref, enum iwu_cause why)
{
	note(ctx, "sipd release %u %s", id(ref), iwu_cause_name(why));
}

static inline int rig_hold(void *ctx, uint64_t ref, bool on)
{
	struct rig *r = ctx;

	note(r, "sipd %s %u", on ? "hold" : "retrieve", id(ref));
	return r->hold_err;
}

static inline int rig_transfer(void *ctx, uint64_t ref, uint64_t other, struct slice target)
{
	if (other)
		note(ctx, "sipd transfer %u to call %u", id(ref), id(other));
	else
		note(ctx, "sipd transfer %u to '%.*s'", id(ref), (int)target.n, target.p);
	return 0;
}

static inline int rig_conference(void *ctx, uint64_t ref, uint64_t other, bool on)
{
	note(ctx, "sipd conference %u %u %s", id(ref), id(other), on ? "on" : "off");
	return 0;
}

static inline void rig_radio(void *ctx, struct pp *pp, uint64_t ref, bool handover)
{
	struct rig *r = ctx;

	(void)pp;
	if (!r->mute_radio || handover)
		note(r, "sipd radio %u%s", id(ref), handover ? " handover" : "");
}

static inline int rig_query(void *ctx, struct pp *pp, uint32_t token, const struct iwu_query *q)
{
	static const char *const kinds[] = { "log", "clear", "forward", "presence", "directory",
		"server" };
	struct rig *r = ctx;

	(void)pp;
	r->token = token;
	note(r, "sipd query %s kind=%u from=%u when=%u state=%u '%.*s%.*s'", kinds[q->kind],
	    q->log_kind, q->from, q->when, q->state, (int)q->target.n,
	    q->target.p ? q->target.p : "", (int)q->text.n, q->text.p ? q->text.p : "");
	return 0;
}

static inline void rig_tone(void *ctx, struct pp *pp, const struct mac_media *m, enum iwu_tone t)
{
	(void)pp;
	note(ctx, "tone %u on session %u", (unsigned)t, (unsigned)m->session);
}

static inline int rig_media_open(void *ctx, struct pp *pp, const struct mac_media *m)
{
	struct rig *r = ctx;

	(void)pp;
	if (!r->mute_radio || r->media_err)
		note(r, "speech session %u", (unsigned)m->session);
	return r->media_err;
}

static inline void rig_media_close(void *ctx, struct pp *pp)
{
	struct rig *r = ctx;

	(void)pp;
	if (!r->mute_radio)
		note(r, "speech off");
}

static inline void rig_where(void *ctx, struct pp *pp, char *base, size_t cap, int *dbm)
{
	(void)ctx;
	(void)pp;
	*dbm = -55;
	(void)snprintf(base, cap, "Hall 3");
}

static inline uint64_t rig_new_ref(void *ctx)
{
	struct rig *r = ctx;

	return ++r->next_ref;
}

static inline bool rig_there(void *ctx)
{
	(void)ctx;
	return true;
}

static const struct iwu_ops rig_iwu = {
	.setup = rig_setup,
	.digits = rig_digits,
	.offered = rig_offered,
	.alerting = rig_alerting,
	.answer = rig_answer,
	.release = rig_release,
	.hold = rig_hold,
	.transfer = rig_transfer,
	.conference = rig_conference,
	.radio = rig_radio,
	.query = rig_query,
	.tone = rig_tone,
	.media_open = rig_media_open,
	.media_close = rig_media_close,
	.where = rig_where,
	.new_ref = rig_new_ref,
	.sipd_there = rig_there,
};

/* ---- the rig ---- */

static inline void on_pps(void *ctx, struct pp *pp, struct pp_user *u, unsigned what)
{
	(void)ctx;
	(void)pp;
	(void)u;
	(void)what;
}
static const struct pps_ops rig_pps_ops = { .changed = on_pps };

static inline void quiet(int prio, const char *line, void *ctx)
{
	(void)prio;
	(void)line;
	(void)ctx;
}

static inline struct rig *rig_new(void)
{
	struct rig *r = mem_new(sizeof(*r));
	const char *dump = getenv("NWK_DUMP");

	log_capture(quiet, NULL);
	r->lw = wr_of(r->log, sizeof(r->log) - 1);
	r->w = tmr_wheel_new(NULL);
	r->pps = pps_new(NULL, r->w, &rig_pps_ops, r);
	assert_int_equal(pp_make(r->pps, "040970175053", &r->pp), 0);
	struct pp_user_in u = { .name = slice_str("4711"),
		.display_name = slice_str("Anna"),
		.ipei = slice_str("040970175053") };
	(void)pp_user_put(r->pps, &u);
	r->pp->subscribed = true;
	r->pp->state = PP_LOCATED;
	r->pp->caps.known = true;
	r->pp->caps.tc = ie_terminal_cap_default;
	r->pp->caps.tc.display = 4;
	r->pp->caps.tc.lines = 3;
	r->pp->caps.tc.columns = 16;
	r->pp->caps.tc.control = 2;
	r->secure_now = r->mute_radio = true;
	r->next_ref = 100;
	phones_conf_default(&r->conf);
	assert_int_equal(ident_parse(slice_str("1F11234567"), &r->conf.cc.ident), 0);
	r->phones = phones_new(r->w, &r->conf, &rig_low, r, &rig_iwu, r);
	if (dump)
		r->dump = fopen(dump, "a");
	return r;
}

static inline void rig_reconf(struct rig *r)
{
	phones_set_conf(r->phones, &r->conf);
}

static inline void ngdect(struct rig *r)
{
	r->pp->caps.tc.profile[6] = 0x06; /* wideband and part 3 */
	r->pp->caps.tc.slots = 0x0a;
	r->pp->caps.tc.nprofile = 7;
}

static inline void rig_free(struct rig *r)
{
	phones_free(r->phones);
	pps_free(r->pps);
	tmr_wheel_free(r->w);
	if (r->dump)
		fclose(r->dump);
	log_capture(NULL, NULL);
	free(r);
}

/* What is due now happens: pages are answered, links secured, ended calls forgotten. */
static inline void settle(struct rig *r)
{
	for (int i = 0; i < 20; i++) {
		if (r->want_link && !r->no_link) {
			r->want_link = false;
			cc_link(phones_cc(r->phones), r->pp, r->link_err);
		} else if (r->want_secure) {
			r->want_secure = false;
			cc_secured(phones_cc(r->phones), r->pp, r->secure_err);
		} else if (tmr_next(r->w) == 0) {
			tmr_advance(r->w, 0);
		} else {
			return;
		}
	}
	fail_msg("it does not come to rest");
}

static inline void pass(struct rig *r, uint64_t ms)
{
	tmr_advance(r->w, ms);
	settle(r);
}

/* ---- the handset speaks ---- */

static inline void says(struct rig *r, struct wr *w)
{
	struct nwk_msg m;
	struct nwk_fault fault;

	assert_false(w->bad);
	assert_int_equal(nwk_parse(w->p, w->n, NWK_FROM_PP, &m), 0);
	assert_int_equal(nwk_check_strict(&m, &fault), 0);
	cc_input(phones_cc(r->phones), r->pp, &m);
	settle(r);
}

#define MSG(r, type)                                                                               \
	uint8_t buf_[256];                                                                         \
	struct wr w = wr_of(buf_, sizeof(buf_));                                                   \
	nwk_head(&w, NWK_CC, !(r)->by_pp, (r)->tv, type)

static inline void pp_setup_with(struct rig *r, const char *digits, bool complete, uint8_t cls)
{
	uint8_t buf[256];
	struct wr w = wr_of(buf, sizeof(buf));
	struct ie_basic_service bs = { .cls = cls };
	struct ie_number n = { .plan = 9 };

	r->by_pp = true;
	r->tv = r->next_tv;
	r->next_tv = (uint8_t)((r->next_tv + 1) % 7);
	nwk_head(&w, NWK_CC, false, r->tv, CC_SETUP);
	ie_ipui_put(&w, &r->pp->ipui);
	ie_ari_put(&w, &r->conf.cc.ident);
	ie_basic_service_put(&w, &bs);
	if (digits) {
		n.number = slice_str(digits);
		ie_called_number_put(&w, &n);
	}
	if (complete)
		ie_flag_put(&w, IE_SENDING_COMPLETE);
	says(r, &w);
}

static inline void pp_setup(struct rig *r)
{
	pp_setup_with(r, NULL, false, 8);
}

static inline void pp_keys(struct rig *r, const char *keys)
{
	MSG(r, CC_INFO);
	ie_octets_put(&w, IE_KEYPAD, keys, strlen(keys));
	says(r, &w);
}

static inline void pp_says(struct rig *r, uint8_t type)
{
	MSG(r, type);
	says(r, &w);
}

static inline void pp_ends(struct rig *r, uint8_t type, uint8_t reason)
{
	MSG(r, type);
	ie_octet_put(&w, IE_RELEASE_REASON, reason);
	says(r, &w);
}

static inline void pp_hangs_up(struct rig *r)
{
	pp_ends(r, CC_RELEASE, 0);
}

/* ---- sipd speaks ---- */

static inline struct mac_media *at(unsigned session)
{
	static struct mac_media m;

	m = (struct mac_media){ .instance = 1,
		.session = session,
		.far = { { 127, 0, 0, 1 }, (uint16_t)(10000 + session) },
		.ncodecs = 1,
		.ptime_ms = 20 };
	m.codecs[0].pt = 8;
	return &m;
}

static inline enum iwu_cause offer(
    struct rig *r, uint64_t ref, const char *name, const char *number)
{
	struct iwu_offer o = { .ring_pattern = -1, .media = at((unsigned)ref) };

	o.caller.name = slice_str(name);
	o.caller.number = slice_str(number);
	enum iwu_cause c = phones_offer(r->phones, r->pp, ref, &o);
	settle(r);
	return c;
}

static inline void setup_ok(struct rig *r, uint64_t ref)
{
	phones_setup_done(r->phones, ref, 0, at((unsigned)ref), true, "");
	settle(r);
}

static inline void progress(
    struct rig *r, uint64_t ref, enum iwu_progress kind, const char *name, const char *number)
{
	struct ui_party p = { .name = slice_str(name), .number = slice_str(number) };
	struct iwu_progress_in in = {
		.kind = kind, .party = number ? &p : NULL, .in_band = kind != IWU_PROCEEDING
	};

	phones_progress(r->phones, ref, &in);
	settle(r);
}

static inline void connected(struct rig *r, uint64_t ref, const char *name, const char *number)
{
	struct ui_party p = { .name = slice_str(name), .number = slice_str(number) };

	phones_connected(r->phones, ref, &p, at((unsigned)ref));
	settle(r);
}

static inline void named(struct rig *r, uint64_t ref, const char *name, const char *number)
{
	struct ui_party p = { .name = slice_str(name), .number = slice_str(number) };

	phones_display(r->phones, ref, &p, -1, (struct slice){ 0 });
	settle(r);
}

static inline void released(struct rig *r, uint64_t ref, enum iwu_cause c, bool tone)
{
	phones_released(r->phones, ref, c, (struct slice){ 0 }, tone);
	settle(r);
}

static inline void held(struct rig *r, uint64_t ref, bool on, int err)
{
	phones_hold_done(r->phones, ref, on, err);
	settle(r);
}

/* A call that is up, begun by the handset: reference 101 (or the next). */
static inline uint64_t talk(struct rig *r)
{
	uint64_t ref = r->next_ref + 1;

	pp_setup_with(r, "4712", true, 8);
	setup_ok(r, ref);
	progress(r, ref, IWU_PROCEEDING, NULL, NULL);
	connected(r, ref, "Bob", "4712");
	forget(r);
	return ref;
}

static inline void svc_answers(struct rig *r, struct iwu_answer *a)
{
	phones_answer(r->phones, r->pp, r->token, a);
	settle(r);
}
#endif
