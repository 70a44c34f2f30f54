/* Link control entity: what entities ask of a link and say about it. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/lce_priv.h"
#include "dectd/nwk_ie.h"

struct lce_link *lce_next(const struct lce *e, const struct lce_link *prev)
{
	const struct list *n = prev ? prev->node.next : e->links.next;

	return n == &e->links ? NULL : LIST_ENTRY(n, struct lce_link, node);
}

void lce_hold(struct lce_link *l, uint8_t pd)
{
	l->holds[pd]++;
	lce_local_event(l, E_HELD);
}

void lce_drop(struct lce_link *l, uint8_t pd, bool partial)
{
	BUG_ON(pd >= NWK_NPD || l->holds[pd] == 0);
	l->holds[pd]--;
	if (!lce_is_held(l))
		lce_local_event(l, partial ? E_FREE : pd == NWK_CC ? E_OVER : E_DONE);
}

void lce_release(struct lce_link *l, bool normal)
{
	if (l->fsm.st != S_DOWN) {
		if (!normal)
			l->why = LCE_WHY_LOCAL;
		lce_local_event(l, normal ? E_DONE : E_ABORT);
	}
}

enum lce_state lce_state(const struct lce_link *l)
{
	return l->fsm.st <= S_PAGING ? LCE_PENDING : l->fsm.st <= S_LINGER ? LCE_UP : LCE_RELEASING;
}

const struct ipui *lce_ipui(const struct lce_link *l)
{
	return &l->ipui;
}

int lce_rebind(struct lce_link *l, const struct ipui *pp)
{
	struct lce_link *other = lce_find(l->e, pp);

	if (other && other != l)
		return ERR_EXISTS;
	if (l->fsm.st >= S_RELEASING)
		return ERR_STATE;
	map_del(&l->e->by_ipui, &l->by_id);
	l->ipui = *pp;
	(void)map_put(&l->e->by_ipui, &l->by_id, ipui_key(&l->ipui));
	if (l->fsm.st == S_NEW)
		lce_link_up(l);
	return 0;
}

void lce_set_proven(struct lce_link *l)
{
	l->proven = true;
}

bool lce_proven(const struct lce_link *l)
{
	return l->proven;
}

void lce_set_tpui(struct lce_link *l, uint32_t tpui)
{
	if (lce_conn(l))
		mac_set_pmid(lce_conn(l), tpui);
}

bool lce_answered_page(const struct lce_link *l)
{
	return l->answered;
}

bool lce_may_speak(const struct lce_link *l)
{
	return !(l->answered && l->silent);
}

bool lce_ciphered(const struct lce_link *l)
{
	const struct mac_conn *c = lce_conn(l);

	return c && mac_ciphered(c);
}

bool lce_second(const struct lce_link *l)
{
	return l->second;
}

void lce_take_over(struct lce_link *l)
{
	struct lce_link *old = lce_find(l->e, &l->ipui);

	if (old == l || l->fsm.st >= S_RELEASING)
		return;
	if (old) {
		map_del(&l->e->by_ipui, &old->by_id);
		old->second = true;
	}
	l->second = false;
	(void)map_put(&l->e->by_ipui, &l->by_id, ipui_key(&l->ipui));
}

struct mac_conn *lce_conn(const struct lce_link *l)
{
	return l->dl ? dlc_conn(l->dl) : NULL;
}

uint32_t lce_base(const struct lce_link *l)
{
	const struct mac_conn *c = lce_conn(l);

	return c ? mac_conn_base(c) : MAC_ALL;
}

enum dlc_class lce_class(const struct lce_link *l)
{
	return l->dl ? dlc_class_of(l->dl) : DLC_A;
}

uint32_t lce_link_id(const struct lce_link *l)
{
	return l->id;
}

struct lce *lce_of(const struct lce_link *l)
{
	return l->e;
}

void lce_set_user(struct lce_link *l, uint8_t pd, void *user)
{
	l->users[pd] = user;
}

void *lce_user(const struct lce_link *l, uint8_t pd)
{
	return l->users[pd];
}

int lce_tv_new(struct lce_link *l, uint8_t pd)
{
	unsigned n = pd == NWK_CC || pd == NWK_COMS ? 7 : pd == NWK_CISS ? 6 : 1;

	for (unsigned tv = 0; tv < n; tv++)
		if (!(l->tvs[pd] >> tv & 1)) {
			l->tvs[pd] |= (uint8_t)(1u << tv);
			return (int)tv;
		}
	return -1;
}

void lce_tv_free(struct lce_link *l, uint8_t pd, uint8_t tv)
{
	l->tvs[pd] &= (uint8_t) ~(1u << tv);
}

enum lce_why lce_why_of(enum dlc_why why)
{
	switch (why) {
	case DLC_PEER:
	case DLC_DONE:
	case DLC_UNCONFIRMED:
		return LCE_WHY_NORMAL;
	case DLC_RADIO_LOST:
		return LCE_WHY_RADIO;
	case DLC_BASE_LOST:
		return LCE_WHY_BASE;
	case DLC_REPLACED:
		return LCE_WHY_REPLACED;
	default:
		return LCE_WHY_PROTOCOL;
	}
}
