/* Time over a flow: keep-alive both ways, connections that say nothing, messages that never end. */
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "sipd/sip_build.h"
#include "sipd/tp_int.h"

#define PONG_MS 10000 /* RFC 5626 4.4.1 */

static void on_guard(struct tmr *t, void *ctx)
{
	struct tp_flow *f = ctx;

	(void)t;
	if (f->paused) {
		tp_sock_pause(f, false);
		return;
	}
	if (f->phase == TP_CONNECTING) {
		tp_flow_kill(f, ERR_TIMEOUT, "no answer to the connection attempt");
	} else if (f->phase == TP_HANDSHAKE) {
		tp_flow_kill(f, ERR_TIMEOUT, "the TLS handshake did not end in time");
	} else {
		f->tp->stats.closed_slow++;
		tp_flow_kill(f, ERR_TIMEOUT, "a message was begun and not ended");
	}
}

void tp_live_guard(struct tp_flow *f, uint32_t ms)
{
	tmr_start(&f->guard, ms);
}

static void on_idle(struct tmr *t, void *ctx)
{
	struct tp_flow *f = ctx;
	uint64_t quiet = tmr_now(f->tp->wheel) - f->last_ms, limit = f->tp->conf.idle_ms;

	/* One reference is the handle's. */
	if (f->refs > 1 || quiet < limit) {
		tmr_start(t, f->refs > 1 || quiet >= limit ? limit : limit - quiet);
		return;
	}
	f->tp->stats.closed_idle++;
	tp_flow_finish(f, ERR_TIMEOUT, "idle");
}

static void lost(struct tp_flow *f, const char *why)
{
	tp_flow_kill(f, ERR_LOST, why);
}

static void on_pong_due(struct tmr *t, void *ctx)
{
	struct tp_flow *f = ctx;
	uint8_t out[TP_STUN_MAX];

	if (f->proto != TP_UDP || f->tries >= 5) {
		lost(f, "no answer to a keep-alive");
		return;
	}
	/* RFC 5389 7.2.1: 0.5, 1, 2, 4 s, and what is left of ten */
	f->tries++;
	(void)tp_sock_write(f, out, tp_stun_request(out, f->stun_id));
	tmr_start(t, f->tries < 4 ? 500u << f->tries : 2500);
}

/* RFC 5626 4.4: between 80 and 100 %, so that connections made together do not stay together. */
static uint32_t jittered(uint32_t ms)
{
	return ms - id_below(ms / 5 + 1);
}

static void on_keepalive(struct tmr *t, void *ctx)
{
	struct tp_flow *f = ctx;
	uint64_t quiet = tmr_now(f->tp->wheel) - f->last_ms;

	/* Without pong the point is traffic: what was sent meanwhile counts as such. */
	if (!f->ka_pong && quiet < f->ka_ms) {
		tmr_start(t, f->ka_ms - quiet);
		return;
	}
	tmr_start(t, f->ka_pong ? jittered(f->ka_ms) : f->ka_ms);
	if (f->phase != TP_UP)
		return;
	f->last_ms = tmr_now(f->tp->wheel);
	if (f->proto == TP_UDP && f->ka_pong) {
		uint8_t out[TP_STUN_MAX];
		char hex[2 * TP_STUN_ID + 1];

		if (f->ka_waiting)
			return;
		sip_token(hex, TP_STUN_ID);
		memcpy(f->stun_id, hex, TP_STUN_ID);
		(void)tp_sock_write(f, out, tp_stun_request(out, f->stun_id));
		f->tries = 0;
		f->ka_waiting = true;
		tmr_start(&f->ka_wait, 500);
		return;
	}
	if (f->filter)
		(void)f->tp->tls->plain_out(f->filter, (const uint8_t *)"\r\n\r\n", 4);
	else
		(void)tp_sock_write(f, "\r\n\r\n", 4);
	if (f->ka_pong && !f->ka_waiting && f->phase == TP_UP) {
		f->ka_waiting = true;
		tmr_start(&f->ka_wait, PONG_MS);
	}
}

void tp_flow_keepalive(struct tp_flow *f, uint32_t interval_ms, bool pong)
{
	f->ka_ms = interval_ms;
	/* Users share a flow: when one of them knows that answers come, they are awaited. */
	f->ka_pong = interval_ms && (pong || f->ka_pong);
	if (interval_ms && f->phase != TP_DOWN) {
		if (!tmr_pending(&f->ka) || tmr_left(&f->ka) > interval_ms)
			tmr_start(&f->ka, pong ? jittered(interval_ms) : interval_ms);
	} else {
		tmr_stop(&f->ka);
		tmr_stop(&f->ka_wait);
		f->ka_waiting = false;
	}
}

void tp_live_pong(struct tp_flow *f)
{
	f->ka_waiting = false;
	tmr_stop(&f->ka_wait);
}

void tp_live_stun(struct tp_flow *f, const uint8_t *p, size_t n)
{
	uint8_t out[TP_STUN_MAX], id[TP_STUN_ID], mapped[18];
	size_t len = tp_stun_answer(out, p, n, (const struct sockaddr *)&f->remote), mapped_n;

	if (len) {
		(void)tp_sock_write(f, out, len);
		return;
	}
	if (!f->ka_waiting || !tp_stun_response(p, n, id, mapped, &mapped_n) ||
	    memcmp(id, f->stun_id, sizeof(id)))
		return;
	tp_live_pong(f);
	/* A NAT that gave us another address has forgotten what the peer knows of us (RFC 5626 4.4.2). */
	if (f->mapped_n && (f->mapped_n != mapped_n || memcmp(f->mapped, mapped, mapped_n)))
		lost(f, "our address as the peer sees it has changed");
	f->mapped_n = mapped_n;
	memcpy(f->mapped, mapped, mapped_n);
}

void tp_live_init(struct tp_flow *f)
{
	struct tmr_wheel *w = f->tp->wheel;

	tmr_init(&f->guard, w, on_guard, f);
	tmr_init(&f->idle, w, on_idle, f);
	tmr_init(&f->ka, w, on_keepalive, f);
	tmr_init(&f->ka_wait, w, on_pong_due, f);
	if (f->proto != TP_UDP)
		tmr_start(&f->idle, f->tp->conf.idle_ms);
}

void tp_live_stop(struct tp_flow *f)
{
	tmr_stop(&f->guard);
	tmr_stop(&f->idle);
	tmr_stop(&f->ka);
	tmr_stop(&f->ka_wait);
	f->ka_waiting = false;
}
