/* ICE of a SIP leg: what mediad's agent says goes into descriptions, what theirs say goes to it. */
#include "sipd/leg_ice.h"

#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/leg_sip.h"
#include "sipd/mras.h"

#define LATE_MS 10000 /* mediad's own limit for checks with MS-ICE2 */

static bool rfc(const struct leg_sip *l)
{
	return !l->leg.sipd->conf->lync;
}

static bool enabled(const struct leg_sip *l)
{
	const struct sipd_conf *c = l->leg.sipd->conf;

	return c->lync ? c->lync_ice : c->ice;
}

static bool wanted(const struct leg_sip *l)
{
	return enabled(l) && l->leg.media && l->leg.side == MEDIA_NETWORK;
}

static const struct media_agent *agent(const struct leg_sip *l)
{
	return l->ice.on && l->leg.media ? media_agent(l->leg.media, l->leg.side) : NULL;
}

static bool read_sdp(const struct leg_sip *l, struct ice_sdp *i, struct slice sdp)
{
	return ice_sdp_read(i, sdp) && !(i->draft6 && rfc(l));
}

static void on_late(struct tmr *t, void *ctx)
{
	struct leg_sip *l = ctx;

	(void)t;
	if (l->ice.due && !l->leg.gone)
		leg_sip_answer_offer(l);
}

void leg_ice_init(struct leg_sip *l)
{
	l->ice.controlling = true; /* who offers is (RFC 8445 6.1.1) */
	tmr_init(&l->ice.late, l->leg.sipd->d->wheel, on_late, l);
}

void leg_ice_fini(struct leg_sip *l)
{
	tmr_stop(&l->ice.late);
}

/* ---- agents ---- */

static void forget(struct leg_sip *l)
{
	l->ice.asked = l->ice.there = l->ice.told = l->ice.one = false;
	l->ice.ufrag[0] = '\0';
	l->ice.nname = 0;
}

bool leg_ice_wait(struct leg_sip *l)
{
	struct media_leg ask = { .on = true,
		.has_ice = true,
		.ice = rfc(l)          ? MEDIA_ICE_RFC8445
		       : l->ice.draft6 ? MEDIA_ICE_DRAFT6
		                       : MEDIA_ICE_MS2,
		.controlling = l->ice.controlling,
		.forbidden = l->cac.forbidden,
		.has_mux = l->ice.mux,
		.mux = l->ice.mux };

	if (!wanted(l))
		return false;
	if (!l->ice.asked) {
		l->ice.on = l->ice.asked = true;
		if (!rfc(l)) {
			(void)mras_for(l->leg.sipd, &ask.relay);
		} else {
			ask.relay = l->leg.sipd->servers.turn;
			ask.stun = l->leg.sipd->servers.stun;
		}
		media_set(l->leg.media, l->leg.side, &ask);
		mem_wipe(&ask, sizeof(ask));
		return true;
	}
	return !l->ice.there;
}

void leg_ice_local(struct leg_sip *l)
{
	if (!l->ice.asked)
		return; /* another leg's, of the same media */
	l->ice.there = true;
	l->ice.on = l->leg.media && media_agent(l->leg.media, l->leg.side);
	if (l->ice.again) {
		l->ice.again = false;
		leg_sip_reoffer(l);
	}
	if (l->ice.due && !l->ice.checks)
		leg_sip_answer_offer(l);
}

void leg_ice_drop(struct leg_sip *l)
{
	struct media_leg off = {
		.on = true, .has_ice = true, .ice = MEDIA_ICE_OFF, .has_mux = l->ice.mux
	};

	l->ice.mux = l->oa.mux = false; /* it is the agent's */
	if (l->ice.on && l->leg.media)
		media_set(l->leg.media, l->leg.side, &off);
	l->ice.on = false;
}

void leg_ice_restart(struct leg_sip *l)
{
	if (!wanted(l) || !l->inv)
		return;
	forget(l);
	l->ice.controlling = true;
	l->ice.again = leg_ice_wait(l);
}

void leg_ice_moved(struct leg_sip *l)
{
	l->ice.told = false;
	l->ice.ufrag[0] = '\0';
	l->ice.nname = 0;
	if (l->ice.due)
		leg_sip_answer_offer(l);
}

/* ---- descriptions ---- */

/* LYNC: without what call admission control refuses; the first that is left for each component is the default. false: a
 * component has none. */
static bool admitted(struct leg_sip *l, const struct media_agent *a, struct media_agent *out)
{
	uint8_t not = l->cac.forbidden;
	bool has[2] = { false, false };

	*out = *a;
	out->ncand = 0;
	for (size_t i = 0; i < a->ncand; i++) {
		const struct media_cand *c = &a->cand[i];
		if (not &(c->type == 4 ? MEDIA_END_LOCAL_RELAY : MEDIA_END_LOCAL))
			continue;
		out->cand[out->ncand++] = *c;
		if (!has[c->component - 1])
			*(c->component == 1 ? &l->oa.rtp : &l->oa.rtcp) = c->addr;
		has[c->component - 1] = true;
	}
	return has[0] && (has[1] || l->ice.one);
}

void leg_ice_put(struct leg_sip *l, struct wr *w, struct wr *session)
{
	const struct media_agent *a = agent(l);
	struct media_agent left;
	struct ice_sdp_out how = { .rfc = rfc(l),
		.controlling = l->ice.controlling,
		.draft6 = l->ice.draft6,
		.one = l->ice.one };

	if (l->ice.mismatch)
		wr_str(w, "a=ice-mismatch\r\n");
	if (l->cac.forbidden && !(a && a->local[0].component)) {
		if (a ? !admitted(l, a, &left)
		      : l->cac.forbidden & (MEDIA_END_LOCAL | MEDIA_END_REMOTE))
			l->cac.refused = true; /* the relay that was counted on is not there */
		a = a ? &left : NULL;
	}
	if (!a)
		return;
	if (how.rfc)
		wr_str(session, "a=ice-options:ice2\r\n");
	ice_sdp_put(w, a, &how);
	/* The default destination is the path that was chosen (RFC 8839 4.4.1.2.2). */
	l->oa.tcp = false;
	if (a->local[0].component && (how.one || a->local[1].component)) {
		l->oa.tcp = a->local[0].transport > 1;
		l->oa.rtp = a->local[0].addr;
		l->oa.rtcp = a->local[how.one ? 0 : 1].addr;
		if (how.one && !l->ice.mux)
			l->oa.rtcp.port++;
	}
}

bool leg_ice_older(struct leg_sip *l, struct slice sdp, struct wr *w)
{
	const struct media_agent *a = agent(l);
	struct media_agent left;

	if (rfc(l) || !a || l->ice.draft6)
		return false;
	if (l->cac.forbidden) {
		if (!admitted(l, a, &left))
			return false;
		a = &left;
	}
	ice_sdp_older(w, sdp, a);
	return true;
}

/* ---- theirs ---- */

static uint32_t hash(const struct media_cand_key *k)
{
	uint32_t h = 2166136261u;

	for (uint8_t i = 0; i < k->id_n; i++)
		h = (h ^ k->id[i]) * 16777619u;
	return h;
}

/* Is it of the agent that we were told of. */
static bool known(const struct leg_sip *l, const struct ice_sdp *i)
{
	if (i->draft6 != l->ice.draft6)
		return false;
	if (!i->draft6)
		return slice_eq(i->ufrag, slice_str(l->ice.ufrag));
	for (size_t k = 0; k < i->ncand; k++)
		for (uint8_t at = 0; at < l->ice.nname; at++)
			if (l->ice.name[at] == hash(&i->cand[k].key))
				return true;
	return i->chosen_name.id_n && l->ice.nname;
}

static void remember(struct leg_sip *l, const struct ice_sdp *i)
{
	for (size_t k = 0; i->draft6 && k < i->ncand && l->ice.nname < MEDIA_CANDS; k++) {
		uint32_t h = hash(&i->cand[k].key);
		uint8_t at = 0;
		while (at < l->ice.nname && l->ice.name[at] != h)
			at++;
		if (at == l->ice.nname)
			l->ice.name[l->ice.nname++] = h;
	}
	if (slice_copy(i->ufrag, l->ice.ufrag, sizeof(l->ice.ufrag)))
		l->ice.ufrag[0] = '\0';
}

/* Draft 6: whose name of ours the final offer has. */
static void by_name(const struct media_agent *a, struct ice_sdp *i)
{
	const struct media_cand_key *k = &i->chosen_name;

	for (size_t at = 0; i->draft6 && k->id_n && at < a->ncand + 2; at++) {
		const struct media_cand *c = at < 2 ? &a->local[at] : &a->cand[at - 2];
		if (c->component && c->key.id_n == k->id_n &&
		    memcmp(c->key.id, k->id, k->id_n) == 0)
			i->chosen[c->component - 1] = c->addr;
	}
}

void leg_ice_offered(struct leg_sip *l, struct slice sdp)
{
	struct ice_sdp i;
	bool has = enabled(l) && read_sdp(l, &i, sdp);

	if (sdp.n == 0) { /* ours is the offer */
		l->ice.on = rfc(l) && enabled(l);
		return;
	}
	l->ice.controlling = false;
	if (!has)
		return;
	if (rfc(l) && i.mismatch) {
		l->ice.mismatch = true;
		log_ev(LOG_NOTICE, "the offer's address is none of its candidates: no ICE",
		    F_CALL(l->leg.ref),
		    F_REMEDY("something between changes descriptions: a gateway that should be "
		             "left out, or let it do ICE itself"));
		return;
	}
	l->ice.on = true;
	l->ice.draft6 = i.draft6;
	l->ice.controlling = i.lite; /* RFC 8445 6.1.1: who is not */
	if (rfc(l) && i.mux)
		l->ice.mux = l->ice.one = l->oa.mux = true;
}

bool leg_ice_hold(struct leg_sip *l, struct slice sdp)
{
	struct ice_sdp i;
	const struct media_agent *a = agent(l);

	if (!wanted(l) || !read_sdp(l, &i, sdp) || (rfc(l) && i.mismatch))
		return false;
	if (!l->ice.on || !known(l, &i)) {
		/* A restart, or ICE from now on. */
		forget(l);
		l->ice.on = true;
		l->ice.draft6 = i.draft6;
		l->ice.one = l->ice.mux;
		l->ice.controlling = i.lite;
		l->ice.due = leg_ice_wait(l);
		return l->ice.due;
	}
	if (a)
		by_name(a, &i);
	/* In draft 6 what we chose by ourselves may be another pair than they did. */
	if (l->ice.controlling || !i.chosen[0].n || !a ||
	    (a->local[0].component && (!i.draft6 || sdp_addr_eq(&a->local[0].addr, &i.chosen[0]))))
		return false;
	/* Their final offer: answered when our checks are through, too (RFC 8839 4.4.3; MS-ICE2 3.1.4.8.4). */
	leg_ice_took(l, sdp);
	l->ice.due = l->ice.checks = true;
	tmr_start(&l->ice.late, LATE_MS);
	return true;
}

void leg_ice_took(struct leg_sip *l, struct slice sdp)
{
	struct ice_sdp i;
	bool two = false;

	if (!wanted(l) || !agent(l))
		return;
	if (!read_sdp(l, &i, sdp) || i.refused || (rfc(l) && i.mismatch)) {
		/* A gateway, or a peer without: the addresses of the description are used. */
		if (i.refused || i.mismatch)
			log_ev(LOG_NOTICE, "descriptions are changed on their way: no ICE",
			    F_CALL(l->leg.ref));
		leg_ice_drop(l);
		return;
	}
	if ((l->ice.ufrag[0] || l->ice.nname) && !known(l, &i)) {
		/* Another fork answered: the agent is the first one's. It begins anew when one of them has the call. */
		leg_ice_drop(l);
		l->ice.forked = true;
		return;
	}
	for (size_t k = 0; k < i.ncand; k++)
		two |= i.cand[k].component == 2;
	l->ice.one |= !two && rfc(l);
	l->ice.draft6 = i.draft6;
	remember(l, &i);
	by_name(agent(l), &i);
	media_ice_remote(l->leg.media, l->leg.side, i.ufrag, i.pwd, i.cand, i.ncand, i.chosen);
}

/* ---- what was chosen ---- */

/* Do the descriptions say already where media goes. */
static bool said(const struct leg_sip *l, const struct media_agent *a)
{
	return sdp_addr_eq(&a->local[0].addr, media_rtp(l->leg.media, l->leg.side)) &&
	       sdp_addr_eq(&a->remote[0].addr, &l->oa.result.rtp);
}

void leg_ice_chosen(struct leg_sip *l, bool found)
{
	const struct media_agent *a = agent(l);

	if (l->ice.due && l->ice.checks) {
		leg_sip_answer_offer(l);
		return;
	}
	if (l->ice.forked && l->leg.up) {
		l->ice.forked = false;
		leg_ice_restart(l);
		return;
	}
	if (!found || !a || !a->local[0].component || !l->leg.call || !l->ice.controlling ||
	    l->ice.told || !l->leg.up)
		return;
	l->ice.told = true;
	/* MS-ICE2 3.1.4.8.3: the caller says what was chosen; without that a Lync client ends the call. RFC 8839: where
	 * the default destination is another one. */
	if (!rfc(l) || !said(l, a))
		leg_sip_reoffer(l);
}
