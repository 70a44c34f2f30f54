/* dectctl check at dectd: identity, base stations, synchronisation, handsets. */
#include "dectd/ctl_cmds.h"
#include "dectd/mm.h"
#include "dectd/rfp_sync.h"

#define NAMED_MAX 50 /* bases with a row of their own; the sum has all */

static void check_bases(struct dectd *d, struct ctl_run *r)
{
	unsigned up = 0, want = 0, waiting = 0, ill = 0, named = 0;

	LIST_FOREACH(rfp_dir_bases(d->dir), it)
	{
		const struct rfp_base *b = LIST_ENTRY(it, struct rfp_base, node);
		bool on_air = b->link && rfp_link_on_air(b->link);
		const struct sync_graph *g = rfp_dir_sync(d->dir, b->rec.cluster);
		const char *sync =
		    on_air && b->rec.admitted && g ? sync_trouble(g, b->rec.rpn) : "";
		char mac[13], trouble[256];

		rfp_dir_mac_text(b->rec.mac, mac);
		rfp_dir_trouble(b, trouble, sizeof(trouble));
		waiting += !b->rec.admitted;
		if (!b->rec.admitted || !b->rec.dect)
			continue;
		want++;
		up += on_air;
		if (on_air && !*sync && !*trouble)
			continue;
		ill++;
		if (++named > NAMED_MAX)
			continue;
		if (!on_air)
			ctl_check(r, "base station", CTL_FAILED,
			    "look at its power and network; dectctl base show MAC", "%s %s: %s%s%s",
			    mac, b->rec.name, rfp_dir_state(b), *trouble ? ", " : "", trouble);
		else
			ctl_check(r, "base station", CTL_WARNING,
			    *sync ? "place bases closer together, or another one between: dectctl "
			            "base sync"
			          : "dectctl base show MAC",
			    "%s %s, firmware %s: %s%s%s%s", mac, b->rec.name, b->rec.version,
			    *sync ? "synchronisation: " : "", sync, *sync && *trouble ? "; " : "",
			    trouble);
	}
	if (named > NAMED_MAX)
		ctl_check(r, "base stations", CTL_WARNING, "dectctl base list shows all",
		    "%u more are not well", ill - NAMED_MAX);
	ctl_check(r, "base stations",
	    up < want ? CTL_FAILED
	    : want    ? CTL_OK
	              : CTL_WARNING,
	    up < want ? "see their rows"
	    : want    ? ""
	           : "name this host as their manager (DHCP option 43 or 224), then dectctl base "
	             "admit",
	    "%u of %u are on air", up, want);
	if (waiting)
		ctl_check(r, "admission", CTL_WARNING, "dectctl base list, dectctl base admit MAC",
		    "%u base stations wait to be let in", waiting);
}

/* Not proven with real base stations: what can be seen of it. */
static void check_early(const struct dectd *t, struct ctl_run *r)
{
	const struct mm_stats *st = mm_stats(t->mm);
	bool silent = st->default_keys && !st->default_asks;

	if (t->conf->early == EARLY_OFF)
		return;
	if (t->conf->cipher == CIPHER_OFF) {
		ctl_check(r, "early encryption", CTL_WARNING,
		    "set cipher in [dectd], or early-encryption = off", "nothing is ciphered");
		return;
	}
	ctl_check(r, "early encryption",
	    silent || st->default_refused > st->early ? CTL_WARNING : CTL_OK,
	    silent ? "call with a handset that got a key; if nothing is asked then: the other "
	             "value of early-encryption, or off"
	    : st->default_refused > st->early ? "why not: the log of dectd"
	                                      : "",
	    "%llu keys made, %llu asked for by base stations, %llu of those refused, %llu "
	    "connections ciphered from their start",
	    (unsigned long long)st->default_keys, (unsigned long long)st->default_asks,
	    (unsigned long long)st->default_refused, (unsigned long long)st->early);
}

void dectd_check(struct daemon *d, struct ctl_run *r)
{
	struct dectd *t = dectd_of(d);
	char park[IDENT_PARK_CHARS];
	unsigned subscribed = 0, nobody = 0, locked = 0, located = 0;

	ident_print(&t->ident, park);
	if (*t->conf->park)
		ctl_check(r, "PARK", CTL_OK, "", "%s, from the configuration", park);
	else
		ctl_check(r, "PARK", CTL_WARNING,
		    "set park in [dectd] to the licensed one before handsets subscribe",
		    "%s was made up: good for a system on its own", park);
	ctl_check(r, "port for base stations", CTL_OK, "", "listens at %s port %u", t->conf->listen,
	    rfp_srv_port(t->srv));
	check_bases(t, r);
	LIST_FOREACH(pps_list(t->pps), it)
	{
		const struct pp *pp = LIST_ENTRY(it, struct pp, node);

		locked += pp->locked;
		if (!pp->subscribed)
			continue;
		subscribed++;
		nobody += !pp->user;
		located += pp_reachable(pp);
	}
	ctl_check(r, "handsets", nobody ? CTL_WARNING : CTL_OK,
	    nobody ? "dectctl handset pending, dectctl handset assign IPEI user=NAME" : "",
	    "%u subscribed, %u reachable, %u without a user", subscribed, located, nobody);
	if (locked)
		ctl_check(r, "locked handsets", CTL_WARNING, "dectctl handset open IPEI",
		    "%u used wrong access codes too often", locked);
	check_early(t, r);
	ctl_check(r, "sipd", t->sipd ? CTL_OK : CTL_FAILED,
	    t->sipd ? "" : "systemctl start ipdect-sipd", "%s",
	    t->sipd ? "connected" : "away: no calls");
}
