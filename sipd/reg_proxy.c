/* The proxies of the registration engine: which one a user has, which answer, and who follows when that changes. */
#include <stdio.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "sipd/reg_int.h"
#include "sipd/sip_build.h"
#include "sipd/sip_date.h"

#define PROBE_MS      400 /* a proxy that is down is asked again after this time (OPTIONS) and up to */
#define PROBE_VAR_MS  200  /* … so much more: calls and registrations return with it */
#define PROBE_LATE_MS 5000 /* the same when it has been down for PROBE_SOON_MS */
#define PROBE_SOON_MS 600000
#define TRIAL_MS      60000 /* a proxy that never answered OPTIONS is tried again after this time */
#define BUSY_MS       2000  /* 503 without a time: doubled by each, up to */
#define BUSY_MAX_MS   60000
#define BUSY_MAX_S    600 /* the longest time of a 503 that is believed */

static void probe(struct proxy *p);
static void saw_time(struct proxy *p, const struct sip_msg *rsp);
static void proxy_up(struct proxy *p);
static void stay_away(struct proxy *p, const struct sip_msg *rsp, bool longer);

/* A refused connection costs nothing; a silent host holds each request for the transaction's time besides. */
static uint32_t again_in(const struct proxy *p)
{
	uint64_t now = tmr_now(p->regs->s->d->wheel);
	bool late = now - p->since >= PROBE_SOON_MS;
	uint32_t ms = late ? PROBE_LATE_MS : PROBE_MS;

	if (p->quiet > now + ms)
		ms = (uint32_t)(p->quiet - now);
	return ms + id_below(PROBE_VAR_MS);
}

static void on_probe(
    void *ctx, struct sip_req *req, enum sip_req_ev ev, const struct sip_msg *rsp, int err)
{
	struct proxy *p = ctx;
	uint32_t every = p->regs->s->conf->keepalive_ms;

	(void)req;
	(void)err;
	if (ev == SIP_REQ_REPLY && rsp->status >= 200 && rsp->status != 503) {
		p->answers = true;
		saw_time(p, rsp);
		proxy_up(p);
	} else if (ev == SIP_REQ_FAIL && !p->down && p->answers) {
		reg_proxy_down(p, "it does not answer OPTIONS any more");
	} else if ((ev == SIP_REQ_FAIL || ev == SIP_REQ_REPLY) && p->down && !p->answers &&
	           tmr_now(p->regs->s->d->wheel) - p->since >= TRIAL_MS) {
		proxy_up(p); /* it may know no OPTIONS: let a registration try */
	} else if (ev == SIP_REQ_REPLY && rsp->status == 503 && p->down) {
		stay_away(p, rsp, true);
	}
	if (ev == SIP_REQ_DONE) {
		p->req = NULL;
		if (p->down)
			tmr_start(&p->probe, again_in(p));
		else if (every)
			tmr_start(&p->probe, every + id_below(every / 4));
	}
}

static void on_probe_timer(struct tmr *t, void *ctx)
{
	(void)t;
	probe(ctx);
}

void regs_ask_again(struct regs *r)
{
	for (unsigned i = 0; i < r->nproxy; i++)
		if (r->proxy[i].down && !r->proxy[i].quiet)
			tmr_start(&r->proxy[i].probe, 0);
}

static void probe(struct proxy *p)
{
	struct sipd *s = p->regs->s;
	char buf[1024], tag[SIP_TAG_LEN + 1], id[SIP_TAG_LEN + 1];
	struct wr w = wr_of(buf, sizeof(buf));

	if (p->req)
		return;
	sip_token(tag, SIP_TAG_OCTETS);
	sip_token(id, SIP_TAG_OCTETS);
	sip_put_request(&w, SLICE_LIT("OPTIONS"), slice_str(p->uri));
	sip_put_u32(&w, SIP_H_MAX_FORWARDS, s->conf->max_forwards);
	sip_put_hdr_fmt(&w, SIP_H_FROM, "<sip:%s>;tag=%s",
	    s->conf->default_domain[0] ? s->conf->default_domain : "ipdect.invalid", tag);
	sip_put_hdr_fmt(&w, SIP_H_TO, "<%s>", p->uri);
	sip_put_hdr(&w, SIP_H_CALL_ID, slice_str(id));
	sip_put_cseq(&w, 1, SLICE_LIT("OPTIONS"));
	sip_put_body(&w, SLICE_LIT(""), SLICE_LIT(""));
	struct sip_req_conf c = { .method = SIP_M_OPTIONS,
		.msg = wr_slice(&w),
		.next_hop = slice_str(p->uri),
		.try_ms = s->conf->transaction_ms };
	if (w.bad || sip_req_send(s->ua, &c, on_probe, p, &p->req)) {
		p->req = NULL;
		tmr_start(&p->probe, again_in(p));
	}
}

static bool usable(const struct regs *r, const struct reg *mine, unsigned i)
{
	return !r->proxy[i].down && !(mine && mine->avoid >> i & 1);
}

/* The proxy to use now: lowest priority number among those that are up, by weight among equals (by user, so that a user
 * stays with it). NULL: all are down. */
struct proxy *reg_proxy_pick(struct regs *r, const struct user *u)
{
	uint32_t best = UINT32_MAX, sum = 0;
	struct proxy *last = NULL;
	const struct reg *mine = u->room ? ustate_of(u)->reg : NULL;

	for (unsigned i = 0; i < r->nproxy; i++)
		if (usable(r, mine, i) && r->proxy[i].priority < best)
			best = r->proxy[i].priority;
	for (unsigned i = 0; i < r->nproxy; i++)
		if (usable(r, mine, i) && r->proxy[i].priority == best) {
			last = &r->proxy[i];
			sum += last->weight + 1;
		}
	if (!last || sum == last->weight + 1)
		return last;
	uint32_t at = (uint32_t)(map_siphash(0x69706465, 0x6374, u->key, strlen(u->key)) % sum);
	for (unsigned i = 0; i < r->nproxy; i++) {
		struct proxy *p = &r->proxy[i];
		if (!usable(r, mine, i) || p->priority != best)
			continue;
		if (at <= p->weight)
			return p;
		at -= p->weight + 1;
	}
	return NULL;
}

static void saw_time(struct proxy *p, const struct sip_msg *rsp)
{
	int64_t theirs;

	if (sip_date_parse(sip_msg_value(rsp, SIP_H_DATE), &theirs))
		return;
	p->has_date = true;
	p->ahead_s = theirs - (int64_t)(sipd_wall_ms() / 1000);
}

void reg_proxy_saw(struct proxy *p, const struct tp_flow *f, const struct sip_msg *rsp)
{
	struct addr a;

	if (p)
		saw_time(p, rsp);
	if (!p || !f)
		return;
	addr_from_sa(&a, tp_flow_remote(f));
	for (unsigned i = 0; i < p->nseen; i++)
		if (addr_same_ip(&p->seen[i], &a))
			return;
	if (p->nseen < ARRAY_LEN(p->seen))
		p->seen[p->nseen++] = a;
}

/* At its turn, unless it had an earlier one: after a broken connection all have theirs already. */
void reg_hasten(struct reg *r)
{
	struct regs *rs = r->regs;
	uint64_t now = tmr_now(rs->s->d->wheel) * 1000,
	         wait = rs->slot > now ? (rs->slot - now) / 1000 : 0;

	if (!tmr_pending(&r->timer) || tmr_left(&r->timer) > wait)
		tmr_start(&r->timer, reg_turn(rs, 0));
}

/* Users whose proxy went or came back: they register anew at the one that is theirs now, at the usual rate. */
static void wake_users(struct regs *rs, const struct proxy *p)
{
	for (struct user *u = users_next(rs->s->users, NULL); u; u = users_next(rs->s->users, u)) {
		struct reg *r = u->room ? ustate_of(u)->reg : NULL;
		struct proxy *now = r ? reg_proxy_pick(rs, u) : NULL;
		if (!now || (r->proxy != p && now != p))
			continue;
		if (r->fsm.st == REG_UP ||
		    (r->fsm.st == REG_WAIT && !r->paused && !(r->held && now == r->proxy)))
			reg_hasten(r);
	}
}

void reg_proxy_down(struct proxy *p, const char *why)
{
	if (!p || p->down)
		return;
	p->down = true;
	p->since = tmr_now(p->regs->s->d->wheel);
	(void)snprintf(p->said, sizeof(p->said), "%s", why);
	p->why = p->said;
	log_ev(LOG_WARNING, "proxy does not answer", F_TEXT("IPDECT_PROXY", p->uri), F_WHY(why),
	    F_REMEDY("it is asked again twice a second; other proxies take over meanwhile"));
	tmr_start(&p->probe, again_in(p));
	wake_users(p->regs, p);
}

/* As long as it says, else longer than last time. */
static void stay_away(struct proxy *p, const struct sip_msg *rsp, bool longer)
{
	uint32_t s;

	if (sip_msg_u32(rsp, SIP_H_RETRY_AFTER, UINT32_MAX, &s) == 0)
		p->busy_ms = (s > BUSY_MAX_S ? BUSY_MAX_S : s ? s : 1) * 1000;
	else if (longer)
		p->busy_ms = !p->busy_ms                    ? BUSY_MS
		             : p->busy_ms < BUSY_MAX_MS / 2 ? p->busy_ms * 2
		                                            : BUSY_MAX_MS;
	p->quiet = tmr_now(p->regs->s->d->wheel) + p->busy_ms;
}

void reg_proxy_busy(struct proxy *p, const struct sip_msg *rsp)
{
	if (!p)
		return;
	stay_away(p, rsp, !p->down || !p->busy_ms);
	reg_proxy_down(p, "503 Service Unavailable");
	tmr_start(&p->probe, again_in(p));
}

bool reg_avoid(struct reg *r)
{
	uint32_t before = r->avoid;

	if (!r->proxy)
		return false;
	r->avoid |= 1u << (r->proxy - r->regs->proxy);
	if (reg_proxy_pick(r->regs, r->user))
		return true;
	r->avoid = before;
	return false;
}

static void proxy_up(struct proxy *p)
{
	if (!p->down)
		return;
	p->down = false;
	p->quiet = 0;
	p->why = NULL;
	log_ev(LOG_NOTICE, "proxy answers again", F_TEXT("IPDECT_PROXY", p->uri));
	/* It may have lost its bindings, and those who fled come back. */
	wake_users(p->regs, p);
}

static void put_uri(char out[256], const char *uri)
{
	(void)snprintf(out, 256, "%s%s", number_is_uri(slice_str(uri)) ? "" : "sip:", uri);
}

bool regs_same_proxies(struct regs *r)
{
	const struct sipd_conf *conf = r->s->conf;
	char uri[256];
	unsigned n = 0;

	for (unsigned i = 0; i < SIPD_PROXIES; i++) {
		if (!conf->proxy[i].uri[0])
			continue;
		put_uri(uri, conf->proxy[i].uri);
		if (n == r->nproxy || strcmp(r->proxy[n++].uri, uri) != 0)
			return false;
	}
	return n == r->nproxy;
}

void regs_weigh_proxies(struct regs *r)
{
	const struct sipd_conf *conf = r->s->conf;
	bool other = false;
	unsigned n = 0;

	for (unsigned i = 0; i < SIPD_PROXIES; i++) {
		struct proxy *p = &r->proxy[n];
		if (!conf->proxy[i].uri[0])
			continue;
		other |=
		    p->priority != conf->proxy[i].priority || p->weight != conf->proxy[i].weight;
		p->priority = conf->proxy[i].priority;
		p->weight = conf->proxy[i].weight;
		n++;
	}
	for (unsigned i = 0; i < n && other; i++)
		wake_users(r, &r->proxy[i]);
}

void regs_set_proxies(struct regs *r)
{
	const struct sipd_conf *conf = r->s->conf;

	for (unsigned i = 0; i < r->nproxy; i++) {
		tmr_stop(&r->proxy[i].probe);
		sip_req_forget(r->proxy[i].req);
	}
	memset(r->proxy, 0, sizeof(r->proxy));
	r->nproxy = 0;
	regs_forget_homes(r);
	for (unsigned i = 0; i < SIPD_PROXIES; i++) {
		struct proxy *p = &r->proxy[r->nproxy];
		if (!conf->proxy[i].uri[0])
			continue;
		p->regs = r;
		put_uri(p->uri, conf->proxy[i].uri);
		p->priority = conf->proxy[i].priority;
		p->weight = conf->proxy[i].weight;
		tmr_init(&p->probe, r->s->d->wheel, on_probe_timer, p);
		if (conf->keepalive_ms)
			tmr_start(&p->probe, 1000 + id_below(conf->keepalive_ms));
		r->nproxy++;
	}
}

bool regs_proxy_view(const struct sipd *s, unsigned i, struct proxy_view *out)
{
	const struct proxy *p = &s->regs->proxy[i];

	if (i >= s->regs->nproxy)
		return false;
	*out = (struct proxy_view){ .uri = p->uri,
		.why = p->why,
		.down = p->down,
		.answers = p->answers,
		.has_date = p->has_date,
		.ahead_s = p->ahead_s };
	if (p->nseen)
		out->seen = p->seen[0];
	return true;
}
