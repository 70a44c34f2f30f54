/* Link control entity: who is behind a link, and to whom a message goes (EN 300 175-5 14.2.3, 14.2.4). */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/lce_priv.h"
#include "dectd/nwk_ie.h"

/* Reject reasons of LCE-PAGE-REJECT (7.7.34). */
enum { REJ_AUTH = 0x10, REJ_NO_PAGE = 0x21, REJ_LATE = 0x22, REJ_TPUI = 0x23, REJ_IE = 0x60 };
enum {
	REL_UNKNOWN_TI = 0x02,
	REL_MISSING = 0x03,
	REL_CONTENT = 0x04,
	REL_NOT_IMPLEMENTED = 0x06,
	REL_UNKNOWN_ID = 0x0a,
	REL_ATTACK = 0x40
};

/* ---- who is it ---- */

static void page_reject(
    struct lce_link *l, const struct nwk_msg *m, const struct ipui *pp, uint8_t why)
{
	uint8_t buf[64];
	struct wr w = wr_of(buf, sizeof(buf));

	l->e->st.page_rejects++;
	nwk_head(&w, NWK_LCE, true, m->tv, LCE_PAGE_REJECT);
	if (ipui_none(pp))
		ie_portable_none_put(&w);
	else
		ie_ipui_put(&w, pp);
	ie_octet_put(&w, IE_REJECT_REASON, why);
	if (!w.bad && dlc_send(l->dl, buf, w.n) == 0)
		lce_trace_msg(l, NWK_TO_PP, buf, w.n);
}

/* Identity in a message: 0; ERR_NOTFOUND: none; ERR_VALUE: a TPUI that nobody has; other errors: bad content. */
static int named(struct lce *e, const struct nwk_msg *m, struct ipui *out)
{
	struct ie_portable p;
	int err = ie_portable_of(m, &p);

	*out = (struct ipui){ 0 };
	if (err)
		return err;
	if (p.type != IE_P_TPUI) {
		*out = p.ipui;
		return 0;
	}
	if (e->dir && e->dir->by_tpui && e->dir->by_tpui(e->dir_ctx, p.tpui, out) == 0)
		return 0;
	*out = (struct ipui){ 0 };
	return ERR_VALUE;
}

static bool is_page_response(const struct nwk_msg *m)
{
	return m->pd == NWK_LCE && m->type == LCE_PAGE_RESPONSE;
}

/* The paged link takes over the data link of the one that came in. */
static struct lce_link *adopt(struct lce_link *paged, struct lce_link *in, bool answer)
{
	paged->dl = in->dl;
	dlc_set_user(paged->dl, paged);
	in->dl = NULL;
	paged->answered = answer;
	in->why = LCE_WHY_REPLACED;
	lce_tell(in, &(struct lce_event){ .what = LCE_EV_DOWN, .why = in->why });
	lce_free_link(in);
	return paged;
}

void lce_link_up(struct lce_link *l)
{
	(void)fsm_event(&l->fsm, E_BOUND, NULL);
	l->announced = true;
	l->queued = 0;
	lce_flush(l);
	lce_tell(l, &(struct lce_event){ .what = LCE_EV_UP });
	if (l->fsm.st == S_LINGER && lce_is_held(l))
		(void)fsm_event(&l->fsm, E_HELD, NULL);
	else if (l->fsm.st == S_UP && !lce_is_held(l))
		(void)fsm_event(&l->fsm, E_FREE, NULL);
}

static bool same_pmid(const struct lce_link *a, const struct lce_link *b)
{
	const struct mac_conn *x = lce_conn(a), *y = lce_conn(b);

	return x && y && mac_conn_pmid(x) == mac_conn_pmid(y);
}

/* ---- external handover, 15.7 ---- */

struct lce_link *lce_second_of(struct lce *e, const struct ipui *pp)
{
	LIST_FOREACH(&e->links, it)
	{
		struct lce_link *l = LIST_ENTRY(it, struct lce_link, node);

		if (l->second && l->fsm.st >= S_UP && l->fsm.st <= S_LINGER &&
		    ipui_eq(&l->ipui, pp))
			return l;
	}
	return NULL;
}

static bool is_ext_handover(const struct nwk_msg *m)
{
	struct ie_basic_service s;

	return m->pd == NWK_CC && m->type == CC_SETUP && !m->f && ie_basic_service_of(m, &s) == 0 &&
	       s.cls == 0xc;
}

/* One in a call wants to go on over this link. The first one stays what it is until call control decides; a third is none. */
static struct lce_link *bind_second(struct lce_link *l, const struct ipui *pp)
{
	struct lce_link *former = lce_second_of(l->e, pp);

	if (former)
		lce_release(former, false);
	l->e->st.seconds++;
	l->second = true;
	l->ipui = *pp;
	lce_link_up(l);
	return l;
}

static void refuse(struct lce_link *l, const struct nwk_msg *m, uint8_t type, uint8_t reason);

/* It says that it is somebody whose key it does not have (EN 300 175-7; release reason 40). Nobody else's link is touched. */
static void imposter(struct lce_link *l, const struct nwk_msg *m, const struct ipui *pp)
{
	l->e->st.foreign_key++;
	if (is_page_response(m))
		page_reject(l, m, pp, REJ_AUTH);
	else if (m->pd == NWK_CC && m->type == CC_SETUP && !m->f)
		refuse(l, m, CC_RELEASE_COM, REL_ATTACK);
	(void)fsm_event(&l->fsm, E_DONE, NULL);
}

/* A link that came in names its portable part. Gives the link that goes on, or NULL when it was refused. */
static struct lce_link *bind_link(
    struct lce_link *l, const struct nwk_msg *m, const struct ipui *pp)
{
	struct lce *e = l->e;
	struct map_node *n = map_get(&e->by_ipui, ipui_key(pp));
	struct lce_link *old = n ? CONTAINER_OF(n, struct lce_link, by_id) : NULL;
	bool answer = is_page_response(m);

	if (e->dir && e->dir->may_be && !e->dir->may_be(e->dir_ctx, l, pp, m)) {
		imposter(l, m, pp);
		return NULL;
	}
	if (old && old->fsm.st == S_OVER) { /* nobody is on it any more */
		(void)fsm_event(&old->fsm, E_DONE, NULL);
		old = NULL;
	}
	if (old && (old->fsm.st == S_PAGING || old->fsm.st == S_WAIT)) {
		if (answer)
			e->st.page_answers++;
		else
			e->st.collisions++;
		l = adopt(old, l, answer);
		lce_link_up(l);
		return l;
	}
	if (answer) {
		page_reject(l, m, pp, old ? REJ_LATE : REJ_NO_PAGE);
		(void)fsm_event(&l->fsm, E_DONE, NULL);
		return NULL;
	}
	if (old && old->fsm.st == S_UP && old->holds[NWK_CC] && is_ext_handover(m))
		return bind_second(l, pp);
	if (old && old->proven && !same_pmid(old, l)) {
		e->st.clash++;
		log_ev(LOG_WARNING,
		    "a second connection claims the identity of a portable part: refused",
		    F_RFP(lce_base(l)),
		    F_REMEDY("two handsets with one identity, or one that was restarted: it is let "
		             "in when the first connection is gone"));
		(void)fsm_event(&l->fsm, E_ABORT, NULL);
		/* Base stations don't report every lost connection: one that is dead ends soon, and the next try gets in. */
		if (old->dl)
			dlc_probe(old->dl);
		return NULL;
	}
	if (old) {
		old->why = LCE_WHY_REPLACED;
		(void)fsm_event(&old->fsm, E_ABORT, NULL);
		/* An entity may have asked for it anew. */
		n = map_get(&e->by_ipui, ipui_key(pp));
		if (n)
			return bind_link(l, m, pp);
	}
	l->ipui = *pp;
	(void)map_put(&e->by_ipui, &l->by_id, ipui_key(&l->ipui));
	e->st.links_in++;
	lce_link_up(l);
	return l;
}

/* Messages that must not name another one than the link's. */
static bool must_match(const struct nwk_msg *m)
{
	switch (m->pd << 8 | m->type) {
	case NWK_LCE << 8 | LCE_PAGE_RESPONSE:
	case NWK_CC << 8 | CC_SETUP:
	case NWK_MM << 8 | MM_LOCATE_REQUEST:
	case NWK_MM << 8 | MM_DETACH:
		return true;
	default:
		return false;
	}
}

/* ---- messages from the portable part ---- */

static void refuse(struct lce_link *l, const struct nwk_msg *m, uint8_t type, uint8_t reason)
{
	uint8_t buf[8];
	struct wr w = wr_of(buf, sizeof(buf));

	nwk_head(&w, m->pd, !m->f, m->tv, type);
	ie_octet_put(&w, IE_RELEASE_REASON, reason);
	if (lce_send(l, &w) != 0)
		l->e->st.rx_bad++;
}

/* A request to an entity that this system has not. */
static void nobody(struct lce_link *l, const struct nwk_msg *m)
{
	switch (m->pd << 8 | m->type) {
	case NWK_CC << 8 | CC_SETUP:
		refuse(l, m, CC_RELEASE_COM, REL_NOT_IMPLEMENTED);
		break;
	case NWK_COMS << 8 | COMS_SETUP:
		refuse(l, m, COMS_RELEASE_COM, REL_NOT_IMPLEMENTED);
		break;
	case NWK_COMS << 8 | COMS_INFO:
	case NWK_COMS << 8 | COMS_ACK:
	case NWK_COMS << 8 | COMS_CONNECT:
		refuse(l, m, COMS_RELEASE_COM, REL_UNKNOWN_TI); /* 17.3.2 */
		break;
	case NWK_CISS << 8 | CISS_REGISTER:
		refuse(l, m, CISS_RELEASE_COM, REL_NOT_IMPLEMENTED);
		break;
	default:
		l->e->st.rx_bad++;
		break;
	}
}

void lce_route(struct lce_link *l, const struct nwk_msg *m)
{
	const struct lce_entity *ent = l->e->ents[m->pd];

	if (m->pd == NWK_LCE)
		return; /* a page response has done its work */
	if (l->fsm.st == S_NEW && m->pd != NWK_MM) {
		l->e->st.rx_bad++;
		/* Whose call it was is not known, but that it is not there any more. */
		if (m->pd == NWK_CC && m->type != CC_RELEASE && m->type != CC_RELEASE_COM &&
		    m->type != CC_SERVICE_CHANGE)
			refuse(l, m, CC_RELEASE_COM, REL_UNKNOWN_TI);
		return;
	}
	l->announced = true; /* who got a message hears of the end, too */
	if (ent && ent->rx)
		ent->rx(l->e->ent_ctx[m->pd], l, m);
	else
		nobody(l, m);
}

/* Says who the portable part is, if the message does. NULL: the message is done with. */
struct lce_link *lce_identify(struct lce_link *l, const struct nwk_msg *m)
{
	struct ie_portable id;
	struct ipui pp;
	bool tpui;
	int err = named(l->e, m, &pp);

	if (l->fsm.st != S_NEW) {
		if (must_match(m) && !err && !ipui_eq(&pp, &l->ipui)) {
			l->e->st.foreign_ident++;
			log_ev(LOG_INFO,
			    "message names another portable part than its link: dropped",
			    F_RFP(lce_base(l)),
			    F_TEXT("IPDECT_MSG", nwk_type_name(m->pd, m->type)));
			return NULL;
		}
		return l;
	}
	if (!err)
		return bind_link(l, m, &pp);
	tpui = ie_portable_of(m, &id) == 0 && id.type == IE_P_TPUI;
	if (is_page_response(m)) {
		page_reject(l, m, &pp, tpui ? REJ_TPUI : REJ_IE);
		(void)fsm_event(&l->fsm, E_DONE, NULL);
		return NULL;
	}
	if (m->pd == NWK_CC && m->type == CC_SETUP && !m->f) { /* 17.6.1, 17.6.2 */
		refuse(l, m, CC_RELEASE_COM,
		    tpui                  ? REL_UNKNOWN_ID
		    : err == ERR_NOTFOUND ? REL_MISSING
		                          : REL_CONTENT);
		(void)fsm_event(&l->fsm, E_DONE, NULL);
		return NULL;
	}
	return l;
}
