/* Subscription windows, access codes' names, the list of attempts. */
#include "dectd/subs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/dectd.h"

#define ID_WRONG_CODE "0f5c4b7be2f64c07a53ff6a8f9c8b6f1"

struct subs {
	struct dectd *r;
	enum subs_mode mode;
	char ipei[PP_IPEI_LEN + 1];
	struct tmr tmr;
	unsigned failures; /* wrong codes in this window */
	struct list pending;
	unsigned npending;
	uint64_t seq; /* of the newest */
};

static void on_end(struct tmr *t, void *ctx)
{
	(void)t;
	subs_close(ctx, "its time is over");
}

struct subs *subs_new(struct dectd *r)
{
	struct subs *s = mem_new(sizeof(*s));

	s->r = r;
	list_init(&s->pending);
	tmr_init(&s->tmr, r->d->wheel, on_end, s);
	return s;
}

static void drop(struct subs *s, struct subs_pending *p)
{
	list_remove(&p->node);
	s->npending--;
	free(p);
}

void subs_free(struct subs *s)
{
	if (!s)
		return;
	tmr_stop(&s->tmr);
	while (!list_empty(&s->pending))
		drop(s, LIST_ENTRY(s->pending.next, struct subs_pending, node));
	free(s);
}

/* ---- the window ---- */

int subs_open(struct subs *s, enum subs_mode mode, const char *ipei, uint32_t ms)
{
	struct pp *pp = ipei ? pp_by_ipei(s->r->pps, slice_str(ipei)) : NULL;

	if (ms > s->r->conf->window_ms)
		return ERR_VALUE;
	s->mode = mode;
	(void)snprintf(s->ipei, sizeof(s->ipei), "%s", ipei ? ipei : "");
	s->failures = 0;
	if (pp && pp->locked) {
		pp->locked = false;
		pp_touch(pp);
	}
	LIST_FOREACH(&s->pending, it)
	{
		struct subs_pending *p = LIST_ENTRY(it, struct subs_pending, node);

		if (ipei && strcmp(p->ipei, ipei) == 0) {
			p->locked = false;
			p->wrong = 0;
		}
	}
	tmr_start(&s->tmr, ms);
	mac_access_rights(s->r->mac, true);
	log_ev(LOG_NOTICE, "subscription is open", F_U64("IPDECT_MS", ms),
	    F_PP(ipei                    ? ipei
	         : mode == SUBS_WILDCARD ? "any"
	                                 : "listed"));
	return 0;
}

void subs_close(struct subs *s, const char *why)
{
	if (s->mode == SUBS_CLOSED)
		return;
	s->mode = SUBS_CLOSED;
	tmr_stop(&s->tmr);
	mac_access_rights(s->r->mac, false);
	log_ev(LOG_NOTICE, "subscription is closed", F_WHY(why));
}

enum subs_mode subs_state(
    const struct subs *s, uint64_t *ms_left, const char **ipei, unsigned *failures)
{
	*ms_left = tmr_left(&s->tmr);
	*ipei = s->ipei;
	*failures = s->failures;
	return s->mode;
}

/* ---- the list ---- */

static struct subs_pending *find(struct subs *s, const struct ipui *pp)
{
	LIST_FOREACH(&s->pending, it)
	{
		struct subs_pending *p = LIST_ENTRY(it, struct subs_pending, node);

		if (ipui_eq(&p->ipui, pp))
			return p;
	}
	return NULL;
}

static struct subs_pending *note(
    struct subs *s, const struct ipui *pp, const char *ipei, uint32_t base, const char *reason)
{
	struct subs_pending *p = find(s, pp);

	if (!p) {
		while (s->npending >= s->r->conf->pending_max) /* the oldest makes room */
			drop(s, LIST_ENTRY(s->pending.prev, struct subs_pending, node));
		p = mem_new(sizeof(*p));
		p->ipui = *pp;
		p->seq = ++s->seq;
		(void)snprintf(p->ipei, sizeof(p->ipei), "%s", ipei);
		s->npending++;
		list_init(&p->node);
	}
	list_remove(&p->node);
	list_insert(&s->pending, &p->node);
	p->base = base;
	p->time = (int64_t)time(NULL);
	p->attempts++;
	(void)snprintf(p->reason, sizeof(p->reason), "%s", reason);
	return p;
}

void subs_note(
    struct subs *s, const struct ipui *pp, const char *ipei, uint32_t base, const char *reason)
{
	(void)note(s, pp, ipei, base, reason);
}

bool subs_listed(struct subs *s, const struct ipui *pp)
{
	return find(s, pp) != NULL;
}

struct list *subs_pending(struct subs *s)
{
	return &s->pending;
}

bool subs_forget(struct subs *s, const char *ipei)
{
	LIST_FOREACH(&s->pending, it)
	{
		struct subs_pending *p = LIST_ENTRY(it, struct subs_pending, node);

		if (strcmp(p->ipei, ipei) == 0) {
			drop(s, p);
			return true;
		}
	}
	return false;
}

/* ---- handsets ask ---- */

static const struct pp_user *user_of(const struct subs *s, const char *ipei)
{
	LIST_FOREACH(pps_users(s->r->pps), it)
	{
		const struct pp_user *u = LIST_ENTRY(it, struct pp_user, node);

		if (*ipei && strcmp(u->ipei, ipei) == 0)
			return u;
	}
	return NULL;
}

int subs_ask(struct subs *s, const struct ipui *pp, const char *ipei, char ac[AUTH_AC_MAX + 1])
{
	const struct pp *dev = pp_by_ipei(s->r->pps, slice_str(ipei));
	const struct pp_user *u = user_of(s, ipei);
	const struct subs_pending *p = find(s, pp);
	bool listed = (u && !u->disabled) || (dev && dev->allowed);

	(void)snprintf(ac, AUTH_AC_MAX + 1, "%s",
	    u && strlen(u->name) <= AUTH_AC_MAX ? u->name : AUTH_AC_COMMON);
	if (s->mode == SUBS_CLOSED)
		return ERR_STATE;
	if ((dev && dev->locked) || (p && p->locked))
		return ERR_AUTH;
	if (u && u->disabled)
		return ERR_DENIED;
	if (s->mode == SUBS_ONE)
		return strcmp(s->ipei, ipei) == 0 ? 0 : ERR_DENIED;
	return listed || s->mode == SUBS_WILDCARD ? 0 : ERR_DENIED;
}

void subs_wrong_code(struct subs *s, const struct ipui *pp, const char *ipei, uint32_t base)
{
	struct pp *dev = pp_by_ipei(s->r->pps, slice_str(ipei));
	struct subs_pending *p = note(s, pp, ipei, base, "wrong access code");
	char mac[13];

	s->failures++;
	p->wrong++;
	dectd_base_text(s->r, base, mac);
	log_ev(LOG_WARNING, "wrong access code", F_PP(ipei), F_TEXT("IPDECT_MAC", mac),
	    F_U64("IPDECT_COUNT", s->failures));
	if (p->wrong >= s->r->conf->code_failures) {
		p->locked = true;
		(void)snprintf(p->reason, sizeof(p->reason),
		    "locked: wrong access codes; dectctl handset open lets it try again");
		if (dev) {
			dev->locked = true;
			if (pp_save(dev))
				log_ev(LOG_ERR, "the lock of a handset is not stored", F_PP(ipei));
		}
	}
	if (s->failures < s->r->conf->code_failures)
		return;
	log_ev(LOG_ERR, "access codes are being guessed: subscription was closed",
	    F_ID(ID_WRONG_CODE), F_PP(ipei), F_TEXT("IPDECT_MAC", mac),
	    F_U64("IPDECT_COUNT", s->failures),
	    F_REMEDY("find the handset near that base; then dectctl handset open"));
	subs_close(s, "too many wrong access codes");
}

void subs_succeeded(struct subs *s, const char *ipei)
{
	(void)subs_forget(s, ipei);
	if (s->mode == SUBS_ONE && strcmp(s->ipei, ipei) == 0)
		subs_close(s, "the handset subscribed");
}
