/* Call control at the portable side (dect-nwk 11): one call, with what the fixed part presents inside it. */
#include <string.h>

#include "tests/support/softpp_priv.h"

#define CC02_MS 36000
#define CC03_MS 20000
#define CC05_MS 10000
#define CC06_MS 1500
#define KEY_MS  150 /* between digits of overlap sending */

/* Null, initiated, overlap sending, proceeding, delivered; present, received, connect pending; active, release pending. */
static const char *const names[] = { [T00] = "T-00",
	[T01] = "T-01",
	[T02] = "T-02",
	[T03] = "T-03",
	[T04] = "T-04",
	[T06] = "T-06",
	[T07] = "T-07",
	[T08] = "T-08",
	[T10] = "T-10",
	[T19] = "T-19" };

const char *sp_cc_state(const struct softpp *pp)
{
	return names[pp->cc.st];
}

static uint8_t first_octet(const struct softpp *pp)
{
	return pp->cc.ti;
}

static void timer(struct softpp *pp, unsigned no)
{
	pp->cc.timer_no = no;
	switch (no) {
	case 2:
		tmr_start(&pp->cc.t, CC02_MS);
		break;
	case 3:
		tmr_start(&pp->cc.t, CC03_MS);
		break;
	case 5:
		tmr_start(&pp->cc.t, CC05_MS);
		break;
	default:
		tmr_stop(&pp->cc.t);
	}
}

static void simple(struct softpp *pp, uint8_t type, int reason)
{
	uint8_t buf[SP_MSG_MAX];
	struct wr w = sp_begin(buf, first_octet(pp), type);

	if (reason >= 0)
		sp_put2(&w, 0xe2, (uint8_t)reason);
	sp_send(pp, buf, w.n);
}

static void ring_off(struct softpp *pp)
{
	if (pp->cc.ringing)
		sp_event(pp, "ring off");
	pp->cc.ringing = false;
}

static void ended(struct softpp *pp, unsigned reason, const char *by)
{
	uint64_t now = tmr_now(pp->w);
	unsigned secs = pp->cc.connected_at ? (unsigned)((now - pp->cc.connected_at) / 1000) : 0;

	ring_off(pp);
	timer(pp, 0);
	tmr_stop(&pp->cc.dial);
	pp->cc.st = T00;
	pp->cc.audible = pp->cc.early = pp->cc.waiting = false;
	pp->cc.reason = (uint8_t)reason;
	pp->cc.signal = 0xff;
	sp_lists_end(pp);
	sp_event(pp, "released %02x by %s after %u s", reason, by, secs);
	sp_display_clear(pp);
	sp_load_event(pp, "released");
	sp_idle_check(pp);
}

static void release(struct softpp *pp, uint8_t reason)
{
	ring_off(pp);
	simple(pp, 0x4d, reason);
	pp->cc.st = T19;
	pp->cc.audible = false;
	timer(pp, 2);
}

static void on_timer(struct tmr *t, void *ctx)
{
	struct softpp *pp = ctx;

	(void)t;
	sp_violation(
	    pp, "dect-nwk 8", "CC.%02u expired in state %s", pp->cc.timer_no, sp_cc_state(pp));
	switch (pp->cc.timer_no) {
	case 2:
	case 3:
		simple(pp, 0x5a, 0x0d);
		ended(pp, 0x0d, "timer");
		break;
	case 5:
		release(pp, 0x0d);
		break;
	default:
		break;
	}
}

static void keypad(struct softpp *pp, const uint8_t *keys, size_t n)
{
	uint8_t buf[SP_MSG_MAX];
	struct wr w = sp_begin(buf, first_octet(pp), 0x7b);

	sp_put(&w, 0x2c, keys, n);
	sp_send(pp, buf, w.n);
}

static void on_dial(struct tmr *t, void *ctx)
{
	struct softpp *pp = ctx;
	size_t n = strlen(pp->cc.digits);

	(void)t;
	if (pp->cc.st != T02 || pp->cc.at >= n)
		return;
	if (pp->cc.mode == DIAL_OVERLAP) {
		keypad(pp, (const uint8_t *)pp->cc.digits + pp->cc.at++, 1);
		if (pp->cc.at < n)
			tmr_start(&pp->cc.dial, KEY_MS);
		return;
	}
	keypad(pp, (const uint8_t *)pp->cc.digits, n);
	pp->cc.at = (unsigned)n;
}

static void on_redial(struct tmr *t, void *ctx)
{
	struct softpp *pp = ctx;
	char digits[sizeof(pp->cc.digits)];

	(void)t;
	memcpy(digits, pp->cc.digits, sizeof(digits));
	if (pp->cc.st == T00 && sp_dial(pp, digits, pp->cc.mode) != 0)
		sp_event(pp, "can't dial");
}

void sp_cc_init(struct softpp *pp)
{
	tmr_init(&pp->cc.t, pp->w, on_timer, pp);
	tmr_init(&pp->cc.dial, pp->w, on_dial, pp);
	tmr_init(&pp->cc.redial, pp->w, on_redial, pp);
	pp->cc.signal = 0xff;
}

void sp_cc_link_down(struct softpp *pp)
{
	if (pp->cc.st != T00)
		ended(pp, 0xff, "link");
}

/* ---- the user ---- */

void sp_cc_began(struct softpp *pp, unsigned mode)
{
	pp->cc.ours = true;
	pp->cc.mode = mode;
	pp->cc.at = 0;
	pp->cc.digits[0] = pp->cc.from[0] = pp->cc.name[0] = pp->cc.called[0] = '\0';
	pp->cc.connected_at = pp->cc.alerted_at = 0;
	pp->cc.began = tmr_now(pp->w);
	pp->cc.audible = pp->cc.early = false;
	pp->calls_out++;
	pp->cc.st = T01;
	timer(pp, 3);
}

int sp_dial(struct softpp *pp, const char *digits, unsigned mode)
{
	uint8_t buf[SP_MSG_MAX];
	struct air_base *b = pp->conn ? air_conn_base(pp->conn) : sp_best(pp, false);
	struct air_info info;
	struct sp_id ari;
	struct wr w;
	char copy[sizeof(pp->cc.digits)];

	if (!pp->on || !pp->subscribed || strlen(digits) >= sizeof(pp->cc.digits))
		return ERR_STATE;
	if (pp->cc.st != T00)
		return ERR_BUSY;
	if (!b)
		return ERR_NOTFOUND;
	snprintf(copy, sizeof(copy), "%s", digits);
	snprintf(pp->cc.digits, sizeof(pp->cc.digits), "%s", copy);
	pp->cc.mode = mode;
	if (pp->l.st == SPL_REL) { /* the old link is ending: a moment later */
		tmr_start(&pp->cc.redial, 200);
		return 0;
	}
	air_base_info(b, &info);
	sp_ari(&info, &ari);
	pp->cc.ours = true;
	pp->cc.ti = (uint8_t)((pp->calls_out % 7) << 4 | PD_CC);
	pp->cc.at = 0;
	pp->cc.from[0] = pp->cc.name[0] = pp->cc.called[0] = '\0';
	pp->cc.connected_at = pp->cc.alerted_at = 0;
	pp->cc.began = tmr_now(pp->w);
	pp->cc.audible = pp->cc.early = false;
	w = sp_begin(buf, pp->cc.ti, 0x05);
	sp_put(&w, 0x05, pp->ipui.p, pp->ipui.n);
	sp_put(&w, 0x06, ari.p, ari.n);
	sp_put2(&w, 0xe0, mode == DIAL_LISTS ? 0x20 : 0x80);
	if (mode == DIAL_SETUP) {
		sp_put(&w, 0x2c, digits, strlen(digits));
		pp->cc.at = (unsigned)strlen(digits);
	}
	if (mode == DIAL_CALLED) {
		uint8_t v[80] = { 0x81 };

		memcpy(v + 1, digits, strlen(digits));
		sp_put(&w, 0x70, v, 1 + strlen(digits));
		pp->cc.at = (unsigned)strlen(digits);
	}
	if (!sp_send(pp, buf, w.n))
		return ERR_NOTFOUND;
	pp->calls_out++;
	pp->cc.st = T01;
	timer(pp, 3);
	sp_event(pp, "dials %s", digits[0] ? digits : "(off hook)");
	return 0;
}

int sp_answer(struct softpp *pp)
{
	if (pp->cc.st != T06 && pp->cc.st != T07)
		return ERR_STATE;
	ring_off(pp);
	simple(pp, 0x07, -1);
	pp->cc.st = T08;
	timer(pp, 5);
	return 0;
}

int sp_hang_up(struct softpp *pp, uint8_t reason)
{
	tmr_stop(&pp->cc.redial);
	switch (pp->cc.st) {
	case T00:
	case T19:
		return 0; /* nothing to hang up */
	case T06:
		simple(pp, 0x5a, reason ? reason : 0x15);
		ended(pp, reason ? reason : 0x15, "us");
		return 0;
	case T07:
		release(pp, reason ? reason : 0x15);
		return 0;
	default:
		release(pp, reason);
		return 0;
	}
}

/* 0-9 * # and letters: R register recall, I internal call, P pause, T go to DTMF, S supplementary-service prefix. */
int sp_press(struct softpp *pp, const char *keys)
{
	uint8_t out[64];
	size_t n = 0;

	if (pp->cc.st == T00 || pp->cc.st == T19 || pp->cc.st == T06)
		return ERR_STATE;
	for (; *keys && n < sizeof(out); keys++) {
		if (strchr("0123456789*#ABCD", *keys))
			out[n++] = (uint8_t)*keys;
		else if (*keys == 'R')
			out[n++] = 0x15;
		else if (*keys == 'I')
			out[n++] = 0x17;
		else if (*keys == 'P')
			out[n++] = 0x05;
		else if (*keys == 'T')
			out[n++] = 0x14;
		else if (*keys == 'S')
			out[n++] = 0x1c;
		else
			return ERR_SYNTAX;
	}
	if (n == 0)
		return ERR_SYNTAX;
	keypad(pp, out, n);
	return 0;
}

int sp_cc_message(struct softpp *pp, uint8_t type)
{
	if (pp->cc.st != T10)
		return ERR_STATE;
	simple(pp, type, -1);
	return 0;
}

/* ---- the network ---- */

static void wrong(struct softpp *pp, const struct sp_msg *m)
{
	/* It was under way when the user hung up. */
	if (pp->cc.st == T19)
		return;
	sp_violation(
	    pp, "dect-nwk 11.3", "%s in state %s", sp_msg_name(m->pd, m->type), sp_cc_state(pp));
}

static void got_signal(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *s = sp_ie(m, 0xe4);
	const char *word = NULL;
	uint8_t v;

	if (!s)
		return;
	v = pp->cc.signal = s->p[0];
	if (v == 0x4f || v == 0x3f) {
		ring_off(pp);
		sp_event(pp, "signal %02x off", v);
		return;
	}
	if (v >= 0x40 && v <= 0x48) {
		if (pp->cc.st != T06 && pp->cc.st != T07) {
			if (pp->cc.st != T10)
				sp_violation(pp, "dect-nwk 6.4", "alerting signal in state %s",
				    sp_cc_state(pp));
			return;
		}
		if (!pp->cc.ringing) {
			pp->cc.ringing = true;
			pp->cc.rings++;
			sp_event(pp, "ringing from %s name \"%s\"",
			    pp->cc.from[0] ? pp->cc.from : "-", pp->cc.name);
		}
		return;
	}
	switch (v) {
	case 0x00:
		word = "dial tone";
		break;
	case 0x01:
		word = "ring-back";
		break;
	case 0x02:
		word = "intercept";
		break;
	case 0x03:
		word = "congestion";
		break;
	case 0x04:
		word = "busy";
		break;
	case 0x05:
		word = "confirm";
		break;
	case 0x06:
		word = "answer";
		break;
	case 0x07:
		word = "call waiting";
		break;
	case 0x08:
		word = "off-hook warning";
		break;
	case 0x09:
		word = "negative";
		break;
	default:
		sp_violation(pp, "dect-nwk 6.4", "signal %02x", v);
		return;
	}
	sp_event(pp, "signal %02x %s", v, word);
	if (v == 0x07) {
		pp->cc.waiting = true;
		sp_party(pp, m, pp->cc.wait_from, pp->cc.wait_name, sizeof(pp->cc.wait_from));
		sp_event(pp, "waiting from %s name \"%s\"",
		    pp->cc.wait_from[0] ? pp->cc.wait_from : "-", pp->cc.wait_name);
	}
}

/* Parts that every message may carry. */
static void parts(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *prog = sp_ie(m, 0x1e);

	if (prog && prog->n == 2) {
		if ((prog->p[1] & 0x7f) == 0x08)
			pp->cc.early = pp->cc.audible = true;
		else if ((prog->p[1] & 0x7f) == 0x09)
			pp->cc.early = false;
		sp_event(pp, "progress %02x", prog->p[1] & 0x7f);
	}
	sp_display(pp, m);
	got_signal(pp, m);
	if (m->type != 0x05 &&
	    (sp_ie(m, 0x6c) || sp_ie(m, 0x6d) || sp_ie(m, 0x70) || sp_ie(m, 0x73)) &&
	    pp->cc.signal != 0x07) {
		sp_party(pp, m, pp->cc.from, pp->cc.name, sizeof(pp->cc.from));
		sp_event(
		    pp, "party %s name \"%s\"", pp->cc.from[0] ? pp->cc.from : "-", pp->cc.name);
	}
	if (sp_ie(m, 0x7e))
		sp_events(pp, m);
}

static void refuse_setup(struct softpp *pp, const struct sp_msg *m, uint8_t reason)
{
	uint8_t buf[SP_MSG_MAX];
	struct wr w = sp_begin(buf, (uint8_t)(0x80 | (m->ti & 7) << 4 | PD_CC), 0x5a);

	sp_put2(&w, 0xe2, reason);
	sp_send(pp, buf, w.n);
}

static void check_setup(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *id = sp_ie(m, 0x05), *ari = sp_ie(m, 0x06), *svc = sp_ie(m, 0xe0),
	                   *sig = sp_ie(m, 0xe4);
	struct air_info info;
	struct sp_id want;

	if (id && (id->n != pp->ipui.n || memcmp(id->p, pp->ipui.p, id->n) != 0) &&
	    !(id->n == 5 && id->p[0] == 0xa0))
		sp_violation(pp, "dect-nwk 11.7", "CC-SETUP names another identity");
	air_base_info(air_conn_base(pp->conn), &info);
	sp_ari(&info, &want);
	if (ari && ari->n && (ari->n != want.n || memcmp(ari->p, want.p, want.n) != 0) &&
	    ari->p[0] == 0x80)
		sp_violation(pp, "dect-nwk 11.7", "CC-SETUP names another ARI than the base");
	if (svc) {
		uint8_t cls = svc->p[0] >> 4, s = svc->p[0] & 15;

		if (cls != 8 && cls != 9)
			sp_violation(pp, "dect-nwk 6.2", "call class %u in an incoming call", cls);
		if (s != 0 && !(s == 8 && pp->profile == SPP_NG))
			sp_violation(pp, "dect-nwk 6.2", "service %u for this handset", s);
	}
	if (pp->paged && !pp->page_voice)
		/* Right when something else was to be sent and the call came meanwhile: no second page then. */
		sp_event(pp, "call after a page without U-plane");
	if (!sig)
		sp_event(pp, "presented without a signal");
	sp_cipher_check(pp, "CC-SETUP");
}

static void setup(struct softpp *pp, const struct sp_msg *m)
{
	if (m->ti & 8) {
		sp_violation(pp, "EN 300 175-5 17.3", "CC-SETUP with flag 1");
		return;
	}
	if (pp->cc.st == T01) { /* collision (11.5): both sides end the other's call */
		sp_event(pp, "set-up collision");
		refuse_setup(pp, m, 0x32);
		return;
	}
	if (pp->cc.st == T19) {
		refuse_setup(pp, m, 0x32);
		return;
	}
	if (pp->cc.st != T00) {
		sp_violation(pp, "dect-nwk 1", "second CC-SETUP in state %s", sp_cc_state(pp));
		refuse_setup(pp, m, 0x32);
		return;
	}
	check_setup(pp, m);
	pp->calls_in++;
	pp->cc.ours = false;
	pp->cc.ti = (uint8_t)(0x80 | (m->ti & 7) << 4 | PD_CC);
	pp->cc.st = T06;
	pp->cc.began = tmr_now(pp->w);
	pp->cc.connected_at = 0;
	pp->cc.audible = pp->cc.early = false;
	pp->cc.signal = 0xff;
	pp->cc.from[0] = pp->cc.name[0] = '\0';
	sp_party(pp, m, pp->cc.from, pp->cc.name, sizeof(pp->cc.from));
	parts(pp, m);
	simple(pp, 0x01, -1);
	pp->cc.st = T07;
	if (!pp->cc.ringing)
		sp_event(pp, "presented from %s name \"%s\"", pp->cc.from[0] ? pp->cc.from : "-",
		    pp->cc.name);
	sp_load_event(pp, "ringing");
	if (pp->answer_auto)
		sp_answer(pp);
}

static void connected(struct softpp *pp)
{
	timer(pp, 0);
	pp->cc.st = T10;
	pp->cc.audible = true;
	pp->cc.connected_at = tmr_now(pp->w);
	pp->cc.setup_ms = (uint32_t)(pp->cc.connected_at - pp->cc.began);
	sp_event(pp, "connected in %u ms", pp->cc.setup_ms);
	sp_load_event(pp, "connected");
	sp_lists_connected(pp);
}

static void got_release(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *r = sp_ie(m, 0xe2);
	unsigned reason = r ? r->p[0] : 0;

	parts(pp, m);
	if (m->type == 0x5a) {
		ended(pp, pp->cc.st == T19 && !r ? 0 : reason, pp->cc.st == T19 ? "us" : "base");
		return;
	}
	if (pp->cc.st == T01)
		sp_violation(pp, "dect-nwk 11.2", "CC-RELEASE as the first answer to CC-SETUP");
	if (pp->cc.st != T19) /* in T-19 the two cross: no answer */
		simple(pp, 0x5a, 0x00);
	ended(pp, reason, "base");
}

static void progress(struct softpp *pp, const struct sp_msg *m)
{
	struct sp_cc *c = &pp->cc;

	switch (m->type) {
	case 0x0d: /* SETUP-ACK */
		if (c->st != T01 || !c->ours) {
			wrong(pp, m);
			return;
		}
		sp_cipher_check(pp, "CC-SETUP-ACK");
		timer(pp, 0);
		c->st = T02;
		sp_event(pp, "setup-ack");
		if (c->digits[c->at])
			tmr_start(&c->dial, c->mode == DIAL_OVERLAP ? KEY_MS : 20);
		break;
	case 0x02: /* CALL-PROC */
		if (!c->ours || (c->st != T01 && c->st != T02)) {
			wrong(pp, m);
			return;
		}
		sp_cipher_check(pp, "CC-CALL-PROC");
		timer(pp, 0);
		c->st = T03;
		sp_event(pp, "proceeding");
		break;
	case 0x01: /* ALERTING */
		if (!c->ours || c->st < T01 || c->st > T03) {
			wrong(pp, m);
			return;
		}
		timer(pp, 0);
		c->st = T04;
		c->alerted_at = tmr_now(pp->w);
		sp_event(pp, "alerting in %u ms", (unsigned)(c->alerted_at - c->began));
		break;
	case 0x07: /* CONNECT */
		if (!c->ours || c->st < T01 || c->st > T04) {
			wrong(pp, m);
			return;
		}
		if (c->mode == DIAL_COME_OVER) /* it ciphers after the acknowledgement */
			simple(pp, 0x0f, -1);
		else
			sp_cipher_check(pp, "CC-CONNECT");
		connected(pp);
		break;
	case 0x0f: /* CONNECT-ACK */
		if (c->st != T08) {
			wrong(pp, m);
			return;
		}
		connected(pp);
		break;
	default:
		break;
	}
	parts(pp, m);
}

static void notify(struct softpp *pp, const struct sp_msg *m)
{
	const struct sp_ie *r = sp_ie(m, 0xe5);

	if (!r || !tmr_pending(&pp->cc.t) || pp->cc.timer_no == 2)
		return;
	if (r->p[0] == 1)
		tmr_stop(&pp->cc.t);
	else
		timer(pp, pp->cc.timer_no);
}

void sp_cc_input(struct softpp *pp, const struct sp_msg *m)
{
	uint8_t ours = pp->cc.ti >> 4 & 15;

	if (m->type == 0x05) {
		setup(pp, m);
		return;
	}
	if (pp->cc.st == T00 || m->ti != (ours ^ 8)) {
		/* Releases of a call that is gone here are met by silence (17.3.2.1). */
		if (m->type != 0x4d && m->type != 0x5a) {
			sp_violation(pp, "EN 300 175-5 17.3",
			    "%s for transaction %x, which is not open", sp_msg_name(m->pd, m->type),
			    m->ti);
			if (!(m->ti & 8) || pp->cc.st == T00)
				refuse_setup(pp, &(struct sp_msg){ .ti = m->ti ^ 8 }, 0x02);
		}
		return;
	}
	switch (m->type) {
	case 0x4d:
	case 0x5a:
		got_release(pp, m);
		break;
	case 0x6e:
		notify(pp, m);
		break;
	case 0x7b: /* INFO */
		if (pp->cc.st == T01)
			wrong(pp, m);
		parts(pp, m);
		break;
	case 0x28:
		sp_event(pp, "hold-ack");
		parts(pp, m);
		break;
	case 0x30:
		sp_event(pp, "hold-reject");
		break;
	case 0x33:
		sp_event(pp, "retrieve-ack");
		parts(pp, m);
		break;
	case 0x37:
		sp_event(pp, "retrieve-reject");
		break;
	case 0x20: { /* SERVICE-CHANGE: this handset stays as it is */
		uint8_t buf[SP_MSG_MAX];
		struct wr w = sp_begin(buf, first_octet(pp), 0x23);

		sp_put2(&w, 0xe2, 0x07);
		sp_send(pp, buf, w.n);
		break;
	}
	case 0x62:
		sp_events(pp, m);
		parts(pp, m);
		break;
	case 0x60:
		sp_lists_input(pp, m);
		break;
	case 0x24:
	case 0x31:
	case 0x21:
	case 0x23:
		sp_event(pp, "%s", sp_msg_name(m->pd, m->type));
		break;
	default:
		progress(pp, m);
	}
}

/* Call-independent supplementary services: events for the idle handset (dect-nwk 12.3, 15.7). */
void sp_ciss_input(struct softpp *pp, const struct sp_msg *m)
{
	unsigned tv = m->ti & 7;

	if (m->type == 0x62 && tv != 6)
		sp_violation(pp, "dect-nwk 12.3", "FACILITY of CLSS with transaction value %u", tv);
	if (m->ti & 8)
		sp_violation(pp, "dect-nwk 3", "%s with flag 1", sp_msg_name(m->pd, m->type));
	if (m->type == 0x62 && !sp_ie(m, 0x1c) && !sp_ie(m, 0x7d) && !sp_ie(m, 0x23) &&
	    !sp_ie(m, 0x77))
		sp_violation(pp, "dect-nwk 12.3", "FACILITY with nothing that a handset heeds");
	sp_events(pp, m);
	sp_display(pp, m);
}
