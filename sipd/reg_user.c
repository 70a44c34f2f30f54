/* Registrations and users: which users have one, what begins and ends it. */
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/mem.h"
#include "sipd/auth.h"
#include "sipd/ms.h"
#include "sipd/mwi.h"
#include "sipd/reg_int.h"

struct regs *regs_new(struct sipd *s)
{
	struct regs *r = mem_new(sizeof(*r));

	r->s = s;
	r->ok = stat_get(s->d->stats, STAT_COUNTER, "ipdect_sipd_registrations", "result=\"ok\"",
	    "REGISTER transactions by result");
	r->refused = stat_get(
	    s->d->stats, STAT_COUNTER, "ipdect_sipd_registrations", "result=\"refused\"", NULL);
	r->lost = stat_get(
	    s->d->stats, STAT_COUNTER, "ipdect_sipd_registrations", "result=\"lost\"", NULL);
	regs_set_proxies(r);
	return r;
}

static void reg_free(struct reg *r)
{
	sip_req_forget(r->req);
	resolve_cancel(r->q);
	auth_cancel(r->auth);
	tmr_stop(&r->timer);
	reg_drop_flow(r);
	mem_free_wiped(r->lines, r->lines ? strlen(r->lines) : 0);
	free(r->routes);
	reg_targets_clear(r);
	free(r->gruu);
	free(r->domain);
	free(r);
}

void regs_free(struct regs *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->nproxy; i++) {
		tmr_stop(&r->proxy[i].probe);
		sip_req_forget(r->proxy[i].req);
	}
	regs_forget_homes(r);
	free(r);
}

static bool wanted(const struct sipd *s, const struct user *u, const struct ustate *us)
{
	if (!reg_any_proxy(s) || user_on(u, USER_DISABLED))
		return false;
	switch (s->conf->register_when) {
	case REGISTER_ALWAYS:
		return true;
	case REGISTER_NEVER: /* a trunk: the proxy knows where we are */
		return false;
	case REGISTER_REACHABLE:
		return us->device_known && us->reachable;
	default:
		/* Until dectd has told, a handset that is assigned counts as subscribed: sipd alone restarted. */
		return user_on(u, USER_IPEI) &&
		       (!us->device_known ? !s->dectd_synced : us->subscribed);
	}
}

/* RFC 5626 4.1: the same after a restart, so it is made of the name. Written as RFC 4122 does. */
static void make_instance(struct reg *r)
{
	const char *key = r->user->key;
	uint64_t h[2] = { map_siphash(3, 4, key, strlen(key)),
		map_siphash(5, 6, key, strlen(key)) };
	struct wr w = wr_of(r->instance, sizeof(r->instance));
	uint8_t id[16];

	memcpy(id, h, sizeof(id));
	id[6] = (id[6] & 0x0f) | 0x50;
	id[8] = (id[8] & 0x3f) | 0x80;
	for (unsigned i = 0; i < sizeof(id); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			wr_u8(&w, '-');
		wr_hex(&w, &id[i], 1);
	}
	(void)wr_nul(&w);
}

static uint64_t account(const struct user *u)
{
	return map_siphash(7, 8, u->f[USER_AUTH_USER], strlen(u->f[USER_AUTH_USER]));
}

static struct reg *reg_new(struct sipd *s, struct user *u)
{
	struct reg *r = mem_new(sizeof(*r));

	r->regs = s->regs;
	r->user = u;
	r->expires = s->conf->register_expires;
	r->domain = slice_dup(sipd_domain(s, u));
	r->account = account(u);
	r->owner = map_siphash(1, 2, u->key, strlen(u->key)) | 1;
	id_token(r->call_id, 24);
	id_token(r->tag, 12);
	make_instance(r);
	tmr_init(&r->timer, s->d->wheel, reg_on_timer, r);
	fsm_init(&r->fsm, &reg_def, &reg_env, REG_OFF);
	return r;
}

#define CHANGE_MS 1000
#define ENDS      8

/* Off the old proxy, to begin at another. The Call-ID and its count go on: a registrar that is told of the end late, over
 * another connection or by another way, sees by them that it is older than the new binding (RFC 3261 10.3). One that finds
 * bindings by instance and reg-id (RFC 5626) may not look at the count: so the end has a second's start. */
static void begin_again(struct sipd *s, struct user *u)
{
	struct reg *r = u->room ? ustate_of(u)->reg : NULL, *now;

	if (!r)
		return;
	bool up = r->was_up;
	char *domain = u->f[USER_DOMAIN];
	u->f[USER_DOMAIN] = r->domain; /* the end is said where the beginning was */
	(void)fsm_event(&r->fsm, REG_EV_UNWANT, NULL);
	u->f[USER_DOMAIN] = domain;
	ms_ep_free(u);
	now = reg_new(s, u);
	memcpy(now->call_id, r->call_id, sizeof(now->call_id));
	now->cseq = r->cseq + ENDS; /* those of the end, should it be challenged */
	now->rest = up ? CHANGE_MS : 0;
	reg_free(r);
	ustate_of(u)->reg = now;
}

/* What kept it off may be over: not a broken proxy, but what its record or its password says. */
static void again(struct reg *r)
{
	if (r->fsm.st != REG_WAIT || r->code / 100 != 4)
		return;
	r->paused = false;
	r->backoff = 0;
	reg_hasten(r);
}

void reg_update(struct sipd *s, struct user *u)
{
	struct ustate *us = sipd_ustate(s, u);
	struct reg *r = us->reg;
	bool want = wanted(s, u, us);

	if (!r && !want)
		return;
	if (!r) {
		r = reg_new(s, u);
		us->reg = r;
	} else if (!slice_ieq(sipd_domain(s, u), slice_str(r->domain))) {
		begin_again(s, u); /* another address of record */
		r = us->reg;
	} else if (r->account != account(u)) {
		r->account = account(u);
		again(r);
	}
	(void)fsm_event(&r->fsm, want ? REG_EV_WANT : REG_EV_UNWANT, NULL);
}

void reg_remove(struct sipd *s, struct user *u)
{
	struct ustate *us = ustate_of(u);

	(void)s;
	if (!us || !us->reg)
		return;
	(void)fsm_event(&us->reg->fsm, REG_EV_UNWANT, NULL);
	ms_ep_free(u);
	reg_free(us->reg);
	us->reg = NULL;
}

void regs_shutdown(struct regs *r)
{
	for (struct user *u = users_next(r->s->users, NULL); u; u = users_next(r->s->users, u))
		if (u->room && ustate_of(u)->reg) {
			reg_free(ustate_of(u)->reg);
			ustate_of(u)->reg = NULL;
		}
}

void reg_secret_changed(struct sipd *s, struct slice name)
{
	const struct user *u = users_find(s->users, name);

	if (u && u->room && ustate_of(u)->reg)
		again(ustate_of(u)->reg);
}

unsigned regs_refused_again(struct sipd *s, unsigned status)
{
	unsigned n = 0;

	for (struct user *u = users_next(s->users, NULL); u && s->regs;
	     u = users_next(s->users, u)) {
		struct reg *r = u->room ? ustate_of(u)->reg : NULL;

		if (!r || r->fsm.st != REG_WAIT || !r->paused || r->code != status)
			continue;
		r->paused = false;
		tmr_start(&r->timer, reg_turn(s->regs, 0));
		n++;
	}
	return n;
}

void regs_reconf(struct regs *r)
{
	if (regs_same_proxies(r)) {
		regs_weigh_proxies(r);
	} else {
		/* Every machine points into the old table: all begin again, at the usual rate. */
		for (struct user *u = users_next(r->s->users, NULL); u;
		     u = users_next(r->s->users, u))
			begin_again(r->s, u);
		regs_set_proxies(r);
	}
	for (struct user *u = users_next(r->s->users, NULL); u; u = users_next(r->s->users, u)) {
		struct reg *one = u->room ? ustate_of(u)->reg : NULL;

		if (one)
			one->expires = r->s->conf->register_expires;
		if (one && one->was_up)
			mwi_update(r->s, u);
		reg_update(r->s, u);
	}
}
