/* Early encryption (EN 300 175-7 6.4.6.3): which handset gets a default cipher key and when, what a base gets that asks for one,
 * and whose connection it is that is ciphered with one. certd keeps keys and indices; no index is ever given to two handsets. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/mem.h"
#include "dectd/mm_priv.h"

#define ID_FOREIGN "c1f5a7d26e3b4f0f8f0de25b7a94c6e1"

#define INDEX_LAST 0xfeff /* EN 300 175-3 table 7.44b: FF00 and above are reserved */
#define AGE_S                                                                                      \
	(24 * 3600) /* a handset that stays registered for long gets another one after a call */

struct early_q { /* a base's question that certd thinks about */
	struct list node;
	struct mm *m;
	struct mac_key_ask a;
	struct ipui who; /* by its PMID; none: nobody has it */
	uint16_t index;
	bool known; /* the base had the key from before: handovers need it */
};

static enum early_form form_of(const struct mm *m)
{
	const struct dectd_conf *c = m->r->conf;

	return c->cipher == CIPHER_OFF ? EARLY_OFF : (enum early_form)c->early;
}

static enum early_form form(void *ctx)
{
	return form_of(ctx);
}

/* ---- what bases ask ---- */

static struct pp *pp_by_octets(struct mm *m, const uint8_t *p, size_t n)
{
	LIST_FOREACH(pps_list(m->r->pps), it)
	{
		struct pp *pp = LIST_ENTRY(it, struct pp, node);

		if (n && (size_t)(pp->ipui.bits + 7) / 8 == n && memcmp(pp->ipui.v, p, n) == 0)
			return pp;
	}
	return NULL;
}

static void known_there(struct pp *pp, uint32_t base)
{
	unsigned n = pp->ndef_bases < PP_DEF_BASES ? pp->ndef_bases : PP_DEF_BASES;

	for (unsigned i = 0; i < n; i++)
		if (pp->def_bases[i] == base)
			return;
	if (pp->ndef_bases < PP_DEF_BASES)
		pp->def_bases[pp->ndef_bases] = base;
	pp->ndef_bases++;
}

static void refuse(struct mm *m, const struct mac_key_ask *a, uint16_t index, const char *why)
{
	m->st.default_refused++;
	log_ev(LOG_INFO, "a default cipher key is not to be had: the handset goes on in clear",
	    F_RFP(a->base), F_U64("IPDECT_INDEX", index), F_WHY(why));
	mac_default_key(lce_mac(m->r->lce), a, NULL, 0, 0, 0);
}

static void foreign(const struct mm *m, uint32_t base, const char *ipei, unsigned index)
{
	(void)m;
	log_ev(LOG_ERR, "a handset uses another handset's default cipher key", F_ID(ID_FOREIGN),
	    F_PP(ipei), F_RFP(base), F_U64("IPDECT_INDEX", index),
	    F_REMEDY("a cloned handset, or an attack: find out which handset it is; delete it and "
	             "subscribe it anew"));
}

/* DSC takes the 64 least significant bits of a longer key (EN 300 175-7 4.4.3.3). */
static size_t cut(
    const struct mm *m, const struct pp *pp, const struct auth_result *r, uint8_t *key)
{
	size_t n = r->nck == 16 && m->r->conf->dsc2 && pp->caps.tc.dsc2 ? 16 : 8;
	const uint8_t *from = r->ck + (r->nck - n);

	/* RFP: the order of the octets is not known (mm_proc.c). */
	for (size_t i = 0; i < n; i++)
		key[i] = from[m->r->conf->key_reversed ? n - 1 - i : i];
	return n;
}

static void on_key(void *ctx, const struct auth_result *r)
{
	struct early_q *q = ctx;
	struct mm *m = q->m;
	struct mac *mac = lce_mac(m->r->lce);
	struct pp *pp = ipui_none(&q->who) ? pp_by_octets(m, r->owner, r->nowner)
	                                   : pp_by_ipui(m->r->pps, &q->who);
	uint8_t key[16];

	list_remove(&q->node);
	if (r->err == ERR_DENIED && !q->known)
		foreign(m, q->a.base, pp ? pp->ipei : "", q->index);
	if (r->err || (r->nck != 8 && r->nck != 16) || !pp || !pp->subscribed || !pp->def_at) {
		if (!q->known)
			refuse(m, &q->a, q->index,
			    r->err == ERR_DENIED                       ? "it is another handset's"
			    : r->err == ERR_LOST || r->err == ERR_BUSY ? "certd does not answer"
			                                               : "nobody has it");
	} else if (q->known) {
		size_t n = cut(m, pp, r, key);

		mac_default_known(mac, q->a.base, q->a.conn, key, n);
	} else {
		size_t n = cut(m, pp, r, key);

		known_there(pp, q->a.base);
		mac_default_key(mac, &q->a, key, n, q->index, pp->id);
	}
	mem_wipe(key, sizeof(key));
	free(q);
}

static int fetch(
    struct mm *m, const struct mac_key_ask *a, const struct pp *pp, uint16_t index, bool known)
{
	struct early_q *q = mem_new(sizeof(*q));
	int err;

	q->m = m;
	q->a = *a;
	q->index = index;
	q->known = known;
	if (pp)
		q->who = pp->ipui;
	err = m->auth->def_get(m->auth_ctx, pp ? &pp->ipui : NULL, index, on_key, q);
	if (err)
		free(q);
	else
		list_append(&m->early_asks, &q->node);
	return err;
}

static void on_ask(void *ctx, const struct mac_key_ask *a)
{
	struct mm *m = ctx;
	struct mac_base_info in;
	/* A default PMID is random and tells nothing: certd tells whose the index is. */
	const struct pp *pp = pp_by_tpui(m->r->pps, a->pmid);
	uint16_t index = a->ask.has_index ? a->ask.index : pp && pp->def_at ? pp->def_index : 0;

	m->st.default_asks++;
	if (index == 0 || index > INDEX_LAST)
		refuse(m, a, index, "there is no such index");
	else if (mac_base_info(lce_mac(m->r->lce), a->base, &in) != 0 || !in.ciphers)
		refuse(m, a, index, "the base station cannot cipher");
	else if (fetch(m, a, pp, index, false))
		refuse(m, a, index, "certd does not answer");
}

static const struct mac_keys keys = { form, on_ask };

void mm_early_init(struct mm *m)
{
	list_init(&m->early_asks);
	mac_set_keys(lce_mac(m->r->lce), &keys, m);
}

void mm_early_fini(struct mm *m)
{
	while (!list_empty(&m->early_asks)) {
		struct early_q *q = LIST_ENTRY(m->early_asks.next, struct early_q, node);

		m->auth->forget(m->auth_ctx, q);
		list_remove(&q->node);
		free(q);
	}
}

/* ---- whose connection it is (dect-security 9.13) ---- */

static bool is_owner(const struct mac_conn *c, uint32_t owner, const struct pp *pp)
{
	if (!pp || !pp->subscribed || !pp->def_at)
		return false;
	/* RFP: a base that keeps keys does so by PMID, since that is how it is told to forget one. */
	return owner ? owner == pp->id : mac_conn_pmid(c) == pp->tpui;
}

bool mm_early_may_be(
    void *ctx, struct lce_link *l, const struct ipui *id, const struct nwk_msg *msg)
{
	struct mm *m = ctx;
	const struct mac_conn *c = lce_conn(l);
	const struct pp *pp = pp_by_ipui(m->r->pps, id);
	uint8_t buf[16];
	struct wr w = wr_of(buf, sizeof(buf));
	uint32_t owner;

	if (!c || !mac_ciphered_default(c, &owner) || is_owner(c, owner, pp))
		return true;
	foreign(m, lce_base(l), pp ? pp->ipei : "", 0);
	if (msg->pd == NWK_MM && msg->type == MM_LOCATE_REQUEST && !msg->f) {
		nwk_head(&w, NWK_MM, true, 0, MM_LOCATE_REJECT);
		ie_octet_put(&w, IE_REJECT_REASON, 0x10);
		(void)!lce_send(l, &w);
	}
	return false;
}

bool mm_early_used(const struct mm_ep *ep)
{
	const struct mac_conn *c = lce_conn(ep->link);
	uint32_t owner;

	return c && mac_ciphered_default(c, &owner);
}

bool mm_early_link(struct mm_ep *ep)
{
	struct mm *m = ep->mm;
	struct mac_conn *c = lce_conn(ep->link);
	uint32_t owner;

	if (!c || !mac_ciphered_default(c, &owner) || !ep->pp)
		return true;
	if (!is_owner(c, owner, ep->pp)) {
		foreign(m, lce_base(ep->link), ep->ipei, 0);
		return false;
	}
	if (!owner)
		(void)!fetch(m,
		    &(struct mac_key_ask){ .base = mac_conn_base(c), .conn = mac_conn_id(c) },
		    ep->pp, ep->pp->def_index, true);
	if (!ep->authed) {
		m->st.early++;
		ep->pp->earlies++;
	}
	ep->authed = true;
	lce_set_proven(ep->link);
	pp_seen(ep->pp, lce_base(ep->link), 0);
	return true;
}

/* ---- a handset gets one ---- */

static bool may_have(const struct mm_ep *ep)
{
	const struct mm *m = ep->mm;
	const struct pp_caps *caps = ep->has_caps ? &ep->caps : ep->pp ? &ep->pp->caps : NULL;

	return caps && ie_tc_rekeying(&caps->tc) && form_of(m) != EARLY_OFF && mm_base_ciphers(ep);
}

bool mm_early_wanted(const struct mm_ep *ep)
{
	return !ep->def_done && may_have(ep);
}

bool mm_early_old(const struct mm_ep *ep)
{
	return ep->pp && may_have(ep) &&
	       (!ep->pp->def_at || (int64_t)time(NULL) - ep->pp->def_at > AGE_S);
}

int mm_early_ask(struct mm_ep *ep)
{
	struct mm *m = ep->mm;

	ep->asked = ASK_DEF_INDEX;
	if (m->auth->def_new(m->auth_ctx, &ep->pp->ipui, mm_answered_cert, ep) == 0)
		return MM_ASKING;
	mm_early_failed(ep, "certd does not answer");
	return mm_proceed(ep);
}

int mm_early_challenge(struct mm_ep *ep, uint16_t index)
{
	struct mm *m = ep->mm;

	ep->def = true;
	ep->def_index = index;
	ep->alg = ep->pp->alg ? ep->pp->alg : PP_DSAA;
	ep->asked = ASK_CHALLENGE;
	if (m->auth->pt_start(m->auth_ctx, &ep->pp->ipui, ep->alg, true, mm_answered_cert, ep) == 0)
		return MM_ASKING;
	mm_early_failed(ep, "certd does not answer");
	return mm_proceed(ep);
}

void mm_early_put(const struct mm_ep *ep, struct ie_auth_type *at)
{
	const struct pp_caps *caps = ep->has_caps ? &ep->caps : &ep->pp->caps;

	at->upc = false; /* the key of this connection stays */
	at->cipher_no = 0;
	at->def = true;
	at->def_index = ep->def_index;
	/* 5c, for which algorithm it is, belongs to the edition that has DSAA2; its absence means DSC. */
	at->has_def_alg = ep->alg == PP_DSAA2;
	at->def_dsc2 = at->has_def_alg && mm_conf(ep)->dsc2 && caps->tc.dsc2;
}

static void clear_at_bases(struct mm *m, struct pp *pp)
{
	struct mac *mac = lce_mac(m->r->lce);
	unsigned n = pp->ndef_bases;

	pp->ndef_bases = 0;
	if (!n || pp->tpui == PP_TPUI_NONE)
		return;
	if (n > PP_DEF_BASES) {
		mac_clear_default_key(mac, MAC_ALL, pp->tpui);
		return;
	}
	while (n)
		mac_clear_default_key(mac, pp->def_bases[--n], pp->tpui);
}

void mm_early_made(struct mm_ep *ep)
{
	struct pp *pp = ep->pp;

	ep->def = false;
	ep->def_done = true;
	ep->mm->st.default_keys++;
	clear_at_bases(ep->mm, pp);
	pp->def_index = ep->def_index;
	pp->def_at = (int64_t)time(NULL);
	pp_touch(pp); /* a registration waits for the disk */
	if (ep->job == JOB_DEFKEY && pp_save(pp))
		log_ev(LOG_ERR, "which default cipher key a handset has is not stored",
		    F_PP(ep->ipei));
}

/* Nothing else fails for it: the handset is ciphered the usual way. */
void mm_early_failed(struct mm_ep *ep, const char *why)
{
	ep->def = false;
	ep->def_done = true;
	ep->asked = ASK_NOTHING;
	log_ev(LOG_NOTICE, "handset got no default cipher key", F_PP(ep->ipei), F_WHY(why));
}

void mm_early_forget(struct mm *m, struct pp *pp)
{
	clear_at_bases(m, pp);
	pp->def_index = 0;
	pp->def_at = 0;
}
