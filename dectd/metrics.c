/* The layers' counters as metrics. */
#include "dectd/metrics.h"

#include "dectd/call_ipc.h"
#include "dectd/lce.h"
#include "dectd/mm.h"

static void set(struct dectd *r, const char *name, const char *help, uint64_t v)
{
	stat_set_to(stat_get(r->d->stats, STAT_COUNTER, name, NULL, help), v);
}

static void gauge(struct dectd *r, const char *name, const char *help, uint64_t v)
{
	stat_set_to(stat_get(r->d->stats, STAT_GAUGE, name, NULL, help), v);
}

void metrics_update(struct dectd *r)
{
	const struct mm_stats *mm = mm_stats(r->mm);
	const struct lce_stats *lce = lce_stats(r->lce);
	const struct dlc_stats *dlc = lce_dlc_stats(r->lce);
	uint64_t subscribed = 0, located = 0, up = 0, conns = 0;

#define X(name, text) set(r, "ipdect_dectd_mm_" #name, "Handsets: " text, mm->name);
	MM_STATS(X)
#undef X
#define X(name, text) set(r, "ipdect_dectd_lce_" #name, "Links to handsets: " text, lce->name);
	LCE_STATS(X)
#undef X
#define X(name, text) set(r, "ipdect_dectd_dlc_" #name, "Data link: " text, dlc->name);
	DLC_STATS(X)
#undef X
	const struct phones_stats *ph = phones_stats(calls_phones(r->calls));
	const struct cc_stats *cc = cc_stats(phones_cc(calls_phones(r->calls)));
	const struct handover_stats *ho = calls_handovers(r->calls);
	const struct ss_stats *ss = calls_ss(r->calls);
#define X(name, text) set(r, "ipdect_dectd_calls_" #name, "Calls: " text, ph->name);
	PHONES_STATS(X)
#undef X
#define X(name, text) set(r, "ipdect_dectd_cc_" #name, "Call control: " text, cc->name);
	CC_STATS(X)
#undef X
#define X(name, text) set(r, "ipdect_dectd_handover_" #name, "Handover: " text, ho->name);
	HANDOVER_STATS(X)
#undef X
#define X(name, text) set(r, "ipdect_dectd_ss_" #name, "Services: " text, ss->name);
	SS_STATS(X)
#undef X
	gauge(r, "ipdect_dectd_calls_now", "Calls of handsets now",
	    phones_calls(calls_phones(r->calls)));
	LIST_FOREACH(pps_list(r->pps), it)
	{
		const struct pp *pp = LIST_ENTRY(it, struct pp, node);

		subscribed += pp->subscribed;
		located += pp_reachable(pp);
	}
	LIST_FOREACH(rfp_dir_bases(r->dir), it)
	{
		const struct rfp_base *b = LIST_ENTRY(it, struct rfp_base, node);

		up += b->link && rfp_link_on_air(b->link);
		conns += b->conns;
	}
	gauge(r, "ipdect_dectd_handsets_subscribed", "Handsets with access rights", subscribed);
	gauge(r, "ipdect_dectd_handsets_reachable", "Handsets that are registered and reachable",
	    located);
	gauge(r, "ipdect_dectd_bases_on_air", "Base stations on air", up);
	gauge(r, "ipdect_dectd_connections", "Radio connections now", conns);
}
