/* RFC 3903, the publisher's side. */
#include "presenced/publish.h"

#include <stdio.h>
#include <string.h>

#include "common/id.h"
#include "common/mem.h"

#define PACE_MS     1000u
#define BACKOFF_LO  5000u
#define BACKOFF_HI  300000u
#define EXPIRES_MAX 86400u
#define TRIES_MAX   3u

enum { ST_OFF, ST_WAIT, ST_SENDING, ST_LIVE, ST_STOPPED };
enum { EV_UP, EV_DOWN, EV_WANT, EV_TIMER, EV_OK, EV_AGAIN, EV_STOP, NEV };

static struct publish *publish_of(struct fsm *m)
{
	return CONTAINER_OF(m, struct publish, fsm);
}

static uint32_t backoff(struct publish *p)
{
	uint32_t ms = p->backoff_ms ? p->backoff_ms : BACKOFF_LO;

	p->backoff_ms = ms < BACKOFF_HI / 2 ? ms * 2 : BACKOFF_HI;
	return ms - ms / 4 + id_below(ms / 2);
}

static void set_tag(struct publish *p, struct slice tag, uint64_t lapses)
{
	if (slice_copy(tag, p->tag, sizeof(p->tag)))
		p->tag[0] = '\0'; /* longer than any server's: it will lapse */
	p->lapses = lapses;
	p->ops->tag(p);
}

static int act_send(struct fsm *m, int ev, const void *arg)
{
	struct publish *p = publish_of(m);
	uint64_t now = tmr_now(p->timer.w);

	(void)ev, (void)arg;
	if (p->tag[0] && p->lapses <= now)
		set_tag(p, SLICE_LIT(""), 0);
	bool body = !p->tag[0] || p->want != p->is;
	p->will = body ? p->want : p->is;
	p->delay_ms = 0;
	if (!p->ops->send(p, body, p->tag, p->expires_s))
		return ST_WAIT;
	p->sent++;
	if (body)
		p->changed_at = now;
	return FSM_NEXT;
}

/* A change came while the request was under way. */
static int act_ok(struct fsm *m, int ev, const void *arg)
{
	struct publish *p = publish_of(m);

	(void)ev, (void)arg;
	if (p->is == p->want)
		return FSM_NEXT;
	p->delay_ms = PACE_MS;
	return ST_WAIT;
}

static int act_want(struct fsm *m, int ev, const void *arg)
{
	struct publish *p = publish_of(m);
	uint64_t now = tmr_now(p->timer.w), next = p->changed_at + PACE_MS;

	(void)ev, (void)arg;
	if (p->is == p->want)
		return ST_LIVE;
	p->delay_ms = next > now ? (uint32_t)(next - now) : 1;
	return FSM_NEXT;
}

static const struct fsm_state states[] = {
	[ST_OFF] = { .name = "OFF" },
	[ST_WAIT] = { .name = "WAIT", .timer = "wait", .ms = BACKOFF_LO },
	[ST_SENDING] = { .name = "SENDING" },
	[ST_LIVE] = { .name = "LIVE", .timer = "refresh", .ms = 3600000 },
	[ST_STOPPED] = { .name = "STOPPED" },
};
/* clang-format off */
static const struct fsm_row rows[] = {
	{ ST_OFF,     EV_UP,    ST_WAIT,    0, NULL },
	{ ST_WAIT,    EV_DOWN,  ST_OFF,     0, NULL },
	{ ST_WAIT,    EV_WANT,  ST_WAIT,    0, NULL },
	{ ST_WAIT,    EV_TIMER, ST_SENDING, FSM_M(ST_WAIT), act_send },
	{ ST_SENDING, EV_DOWN,  ST_OFF,     0, NULL },
	{ ST_SENDING, EV_WANT,  ST_SENDING, 0, NULL },
	{ ST_SENDING, EV_OK,    ST_LIVE,    FSM_M(ST_WAIT), act_ok },
	{ ST_SENDING, EV_AGAIN, ST_WAIT,    0, NULL },
	{ ST_SENDING, EV_STOP,  ST_STOPPED, 0, NULL },
	{ ST_LIVE,    EV_DOWN,  ST_OFF,     0, NULL },
	{ ST_LIVE,    EV_WANT,  ST_WAIT,    FSM_M(ST_LIVE), act_want },
	{ ST_LIVE,    EV_TIMER, ST_SENDING, FSM_M(ST_WAIT), act_send },
	{ ST_STOPPED, EV_DOWN,  ST_OFF,     0, NULL },
	{ ST_STOPPED, EV_WANT,  ST_STOPPED, 0, NULL },
};
/* clang-format on */
static const char *const ev_names[] = { "up", "down", "want", "timer", "ok", "again", "stop" };
const struct fsm_def publish_fsm = { .name = "publish",
	.states = states,
	.nstates = ARRAY_LEN(states),
	.rows = rows,
	.nrows = ARRAY_LEN(rows),
	.ev_names = ev_names,
	.nev = NEV,
	.ev_timer = EV_TIMER,
	.fail = ST_WAIT };

static void timer_start(struct fsm *m, uint32_t ms)
{
	struct publish *p = publish_of(m);

	if (m->st == ST_WAIT)
		ms = p->delay_ms ? p->delay_ms : backoff(p);
	else /* at 80 %, spread so that a restart's refreshes do not stay together */
		ms = p->granted_s * (750 + id_below(80));
	tmr_start(&p->timer, ms);
}

static void timer_stop(struct fsm *m)
{
	tmr_stop(&publish_of(m)->timer);
}

static void moved(struct fsm *m, int from, int ev, int to)
{
	(void)m, (void)from, (void)ev, (void)to;
}

static const struct fsm_env env = { timer_start, timer_stop, moved, NULL };

static void on_timer(struct tmr *t, void *ctx)
{
	struct publish *p = ctx;

	(void)t;
	(void)fsm_event(&p->fsm, EV_TIMER, NULL);
}

void publish_init(struct publish *p, struct tmr_wheel *w, const struct publish_ops *ops)
{
	memset(p, 0, sizeof(*p));
	p->ops = ops;
	tmr_init(&p->timer, w, on_timer, p);
	fsm_init(&p->fsm, &publish_fsm, &env, ST_OFF);
}

void publish_fini(struct publish *p)
{
	tmr_stop(&p->timer);
	p->ops->forget(p);
}

void publish_up(
    struct publish *p, uint32_t expires_s, uint32_t delay_ms, const char *tag, uint64_t left_ms)
{
	if (p->fsm.st != ST_OFF)
		return;
	snprintf(p->tag, sizeof(p->tag), "%s", tag);
	p->lapses = tmr_now(p->timer.w) + left_ms;
	p->is = 0; /* what the server has is from before */
	p->expires_s = expires_s;
	p->backoff_ms = 0;
	p->tries = 0;
	p->why[0] = '\0';
	p->delay_ms = delay_ms + 1;
	(void)fsm_event(&p->fsm, EV_UP, NULL);
}

void publish_want(struct publish *p, uint64_t hash)
{
	if (hash == p->want)
		return;
	p->want = hash;
	p->changes++;
	if (p->fsm.st != ST_OFF)
		(void)fsm_event(&p->fsm, EV_WANT, NULL);
}

void publish_down(struct publish *p, bool remove)
{
	if (p->fsm.st == ST_OFF)
		return;
	p->ops->forget(p);
	(void)fsm_event(&p->fsm, EV_DOWN, NULL);
	if (!remove || !p->tag[0])
		return;
	if (p->ops->send(p, false, p->tag, 0)) {
		p->ops->forget(p);
		set_tag(p, SLICE_LIT(""), 0);
	}
}

static void again(struct publish *p, const char *why, uint32_t ms)
{
	snprintf(p->why, sizeof(p->why), "%s", why);
	p->delay_ms = ms;
	(void)fsm_event(&p->fsm, EV_AGAIN, NULL);
	p->delay_ms = 0;
}

static void stop(struct publish *p, uint32_t code, const char *why)
{
	snprintf(p->why, sizeof(p->why), "%s (%u)", why, (unsigned)code);
	(void)fsm_event(&p->fsm, EV_STOP, NULL);
}

static void accepted(struct publish *p, struct slice tag, uint32_t expires_s)
{
	p->granted_s = expires_s && expires_s <= EXPIRES_MAX ? expires_s : p->expires_s;
	p->granted_s = p->granted_s < 10 ? 10 : p->granted_s;
	p->is = p->will;
	p->tries = 0;
	p->backoff_ms = 0;
	p->why[0] = '\0';
	/* Each answer has a new tag; without one there is nothing to change later, only to publish anew. */
	set_tag(p, tag, tmr_now(p->timer.w) + p->granted_s * 1000ull);
	(void)fsm_event(&p->fsm, EV_OK, NULL);
}

void publish_answer(struct publish *p, uint32_t code, struct slice tag, uint32_t expires_s,
    uint32_t min_s, uint32_t retry_s)
{
	if (p->fsm.st != ST_SENDING)
		return;
	if (code >= 200 && code < 300) {
		accepted(p, tag, expires_s);
		return;
	}
	switch (code) {
	case 412: /* the server restarted, or it lapsed: all of it anew */
		p->is = 0;
		set_tag(p, SLICE_LIT(""), 0);
		again(p, "published anew", ++p->tries < TRIES_MAX ? 1 : 0);
		return;
	case 423:
		if (min_s > p->expires_s && min_s <= EXPIRES_MAX && ++p->tries < TRIES_MAX) {
			p->expires_s = min_s;
			again(p, "the server wants longer intervals", 1);
			return;
		}
		stop(p, code, "the server's interval cannot be met");
		return;
	case 403:
	case 404:
		stop(p, code, "the server does not let this user publish");
		return;
	case 405:
	case 415:
	case 489:
	case 501:
		stop(p, code, "the server takes no such publications");
		return;
	default:
		snprintf(p->why, sizeof(p->why), "the server answered %u", (unsigned)code);
		p->delay_ms = retry_s ? retry_s * 1000 : 0;
		(void)fsm_event(&p->fsm, EV_AGAIN, NULL);
		p->delay_ms = 0;
	}
}

bool publish_live(const struct publish *p)
{
	return p->fsm.st == ST_LIVE && p->is == p->want;
}
