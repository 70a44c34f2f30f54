/* The registration engine's face: what others ask it, and what they tell it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sipd/ms.h"
#include "sipd/reg_int.h"

bool reg_any_proxy(const struct sipd *s)
{
	for (unsigned i = 0; i < SIPD_PROXIES; i++)
		if (s->conf->proxy[i].uri[0])
			return true;
	return false;
}

static const struct reg *reg_get(const struct user *u)
{
	return u && u->room ? ustate_of(u)->reg : NULL;
}

bool reg_proxy_up(const struct sipd *s, const struct user *u)
{
	const struct reg *r = reg_get(u);

	if (r)
		return r->was_up && r->proxy && !r->proxy->down;
	for (unsigned i = 0; i < s->regs->nproxy; i++)
		if (!s->regs->proxy[i].down)
			return true;
	return false;
}

bool reg_is_proxy(const struct sipd *s, const struct addr *a)
{
	for (unsigned i = 0; i < s->regs->nproxy; i++)
		for (unsigned k = 0; k < s->regs->proxy[i].nseen; k++)
			if (addr_same_ip(&s->regs->proxy[i].seen[k], a))
				return true;
	return false;
}

bool reg_outside(const struct sipd *s, const struct user *from, const struct user *u)
{
	const struct reg *r = reg_get(u);

	/* Registered there: the proxy may ring other telephones of the user, too. */
	if (!reg_any_proxy(s) || !r || !r->was_up)
		return false;
	return !from || reg_proxy_up(s, from) || !s->conf->internal_fallback;
}

struct tp_flow *reg_flow(const struct sipd *s, const struct user *u)
{
	const struct reg *r = reg_get(u);

	(void)s;
	return r && r->was_up && r->flow && tp_flow_alive(r->flow) ? tp_flow_ref(r->flow) : NULL;
}

bool reg_by_ipv6(const struct sipd *s, const struct user *u)
{
	struct tp_flow *f = reg_flow(s, u);
	const char *hop = f ? NULL : reg_hop(s, u);
	bool six = f && tp_flow_remote(f)->sa_family == AF_INET6;
	struct sip_uri uri;

	tp_flow_unref(f);
	if (hop && sip_uri_parse(&uri, slice_str(hop)) == 0)
		six = sip_host_kind(uri.host) == SIP_HOST_IP6;
	return six;
}

const char *reg_hop(const struct sipd *s, const struct user *u)
{
	const struct reg *r = reg_get(u);

	if (r && r->proxy)
		return r->proxy->uri;
	for (unsigned i = 0; i < s->regs->nproxy; i++)
		if (!s->regs->proxy[i].down)
			return s->regs->proxy[i].uri;
	return NULL;
}

unsigned reg_routes(const struct user *u, struct slice out[REG_ROUTES_MAX])
{
	const struct reg *r = reg_get(u);
	unsigned n = 0;

	if (!r || !r->routes)
		return 0;
	struct cur c = cur_of(slice_str(r->routes));
	while (n < REG_ROUTES_MAX && !cur_done(&c)) {
		out[n++] = cur_until(&c, "\n");
		(void)cur_lit(&c, '\n');
	}
	return n;
}

const char *reg_gruu(const struct user *u)
{
	const struct reg *r = reg_get(u);

	return r && r->was_up ? r->gruu : NULL;
}

bool reg_outbound(const struct user *u)
{
	const struct reg *r = reg_get(u);

	return r && r->was_up && r->ob;
}

uint64_t reg_owner(const struct user *u)
{
	return map_siphash(1, 2, u->key, strlen(u->key)) | 1;
}

void reg_suspect(struct sipd *s, const struct user *u, const char *why)
{
	struct reg *r = u && u->room ? ustate_of(u)->reg : NULL;

	(void)s;
	if (!r || r->fsm.st != REG_UP)
		return;
	r->why = why;
	(void)fsm_event(&r->fsm, REG_EV_TIMER, NULL); /* a refresh tells whether it lives */
}

void reg_again(struct sipd *s, const struct user *u)
{
	struct reg *r = u && u->room ? ustate_of(u)->reg : NULL;

	(void)s;
	if (!r || r->fsm.st != REG_UP)
		return;
	if (ustate_of(u)->ms)
		ustate_of(u)->ms->again = true;
	(void)fsm_event(&r->fsm, REG_EV_TIMER, NULL);
}

void reg_ended(struct sipd *s, struct user *u, const char *why, uint32_t pause_ms)
{
	struct reg *r = u->room ? ustate_of(u)->reg : NULL;

	(void)s;
	if (!r || r->fsm.st == REG_OFF)
		return;
	(void)snprintf(r->said, sizeof(r->said), "%s", why);
	r->why = r->said;
	r->code = 0;
	/* Whom the server sends away at once goes at once, at the usual rate; again and again not without a pause. */
	r->soon = pause_ms == 0;
	if (r->soon) {
		uint32_t rest = r->ended ? REG_BACKOFF_MS << (r->ended < 5 ? r->ended : 5) : 0;
		r->delay = reg_turn(r->regs, rest < REG_BACKOFF_MAX_MS ? rest : REG_BACKOFF_MAX_MS);
	} else {
		r->delay = pause_ms;
	}
	r->ended++;
	r->paused = true;
	reg_targets_clear(r); /* the user may be at home elsewhere now: from the first one on */
	reg_drop_flow(r);
	r->moved = true;
	(void)fsm_event(&r->fsm, REG_EV_FAILED, NULL);
}

void reg_view(const struct user *u, struct reg_view *out)
{
	const struct reg *r = reg_get(u);

	*out = (struct reg_view){ .state = "local", .proxy = "", .why = "" };
	if (!r)
		return;
	out->up = r->was_up;
	out->state = r->was_up              ? "registered"
	             : r->fsm.st == REG_OFF ? "off"
	             : r->why               ? "failed"
	                                    : "trying";
	out->proxy = r->ntarget ? r->target[0] : r->proxy ? r->proxy->uri : "";
	out->code = r->code;
	out->why = r->why ? r->why : "";
	out->expires_s =
	    r->was_up && r->fsm.st == REG_UP ? (uint32_t)(tmr_left(&r->timer) / 1000) : 0;
}

void regs_count(const struct sipd *s, unsigned *want, unsigned *up, unsigned *failed)
{
	*want = s->regs->wanted;
	*up = s->regs->up;
	*failed = s->regs->wanted - s->regs->up;
}

unsigned regs_proxies_down(const struct sipd *s, unsigned *all)
{
	unsigned n = 0;

	*all = s->regs->nproxy;
	for (unsigned i = 0; i < s->regs->nproxy; i++)
		n += s->regs->proxy[i].down;
	return n;
}
