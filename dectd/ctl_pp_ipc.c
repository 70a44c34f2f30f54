/* dectctl's commands for handsets. */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "ctl.pb-c.h"
#include "dectd/ctl_cmds.h"
#include "dectd/pp_caps.h"

static ProtobufCBinaryData bytes(const char *s)
{
	return (ProtobufCBinaryData){ strlen(s), (uint8_t *)(uintptr_t)s };
}

struct row {
	Ctl__HandsetRow row;
	char ipei[IPEI_CHARS], rfp[13], seen[24], security[48], trouble[128];
};

static void fill(struct dectd *r, const struct pp *pp, struct row *o)
{
	*o = (struct row){ .row = CTL__HANDSET_ROW__INIT };
	(void)snprintf(o->ipei, sizeof(o->ipei), "%s", pp->ipei);
	dectd_base_text(r, pp->base, o->rfp);
	ctl_time(pp->seen, o->seen);
	if (pp->subscribed)
		(void)snprintf(o->security, sizeof(o->security), "%s%s",
		    pp->alg == PP_DSAA2 ? "DSAA2" : "DSAA",
		    pp->confirmed ? "" : ", key not used yet");
	if (pp->locked)
		(void)snprintf(o->trouble, sizeof(o->trouble),
		    "locked after wrong access codes: dectctl handset open");
	else if (pp->failures)
		(void)snprintf(o->trouble, sizeof(o->trouble), "%u failed authentications in a row",
		    pp->failures);
	else if (pp->subscribed && !pp->user)
		(void)snprintf(
		    o->trouble, sizeof(o->trouble), "serves no user: dectctl handset assign");
	o->row.ipei = o->ipei;
	o->row.user = pp->user ? pp->user->name : NULL;
	o->row.state = (char *)(uintptr_t)pp_state_name(pp->state);
	o->row.rfp = o->rfp;
	o->row.last_seen = o->seen;
	o->row.model = (char *)(uintptr_t)pp->model;
	o->row.security = o->security;
	o->row.has_trouble = 1;
	o->row.trouble = bytes(o->trouble);
	if (pp->user) {
		o->row.has_display = 1;
		o->row.display = bytes(
		    *pp->user->standby_text ? pp->user->standby_text : pp->user->display_name);
	}
}

void ctl_pp_changed(struct dectd *r, struct pp *pp, unsigned what)
{
	struct row o;

	if (!ctl_watched(r->d->ctl, "handset", "watch"))
		return;
	fill(r, pp, &o);
	if (what & PP_C_GONE)
		o.row.state = (char *)(uintptr_t) "deleted";
	ctl_publish(r->d->ctl, "handset", "watch", pp->ipei, &o.row.base);
}

static bool matches(const struct pp *pp, struct slice m)
{
	const char *const in[] = { pp->ipei, pp->model, pp->user ? pp->user->name : "",
		pp->user ? pp->user->display_name : "" };

	if (m.n == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(in); i++)
		if (memmem(in[i], strlen(in[i]), m.p, m.n))
			return true;
	return false;
}

int ctl_handset_list(struct ctl_run *r)
{
	struct dectd *d = ctl_room(r);
	struct slice match = ctl_text_arg(r, "match");
	uint32_t after = 0;
	char cursor[16];

	if (slice_u32(ctl_cursor(r), UINT32_MAX, &after))
		after = 0;
	LIST_FOREACH(pps_list(d->pps), it)
	{
		const struct pp *pp = LIST_ENTRY(it, struct pp, node);
		struct row o;

		if (pp->id <= after || !matches(pp, match))
			continue;
		fill(d, pp, &o);
		if (!ctl_row(r, &o.row.base)) {
			(void)snprintf(cursor, sizeof(cursor), "%u", after);
			ctl_more(r, slice_str(cursor));
			return 0;
		}
		after = pp->id;
	}
	return 0;
}

int ctl_handset_watch(struct ctl_run *r)
{
	return ctl_id(r).n ? 0 : ctl_handset_list(r);
}

int ctl_handset_show(struct ctl_run *r)
{
	struct pp *pp = ctl_device(r);
	char caps[200], id[IPUI_CHARS], t1[24], t2[24], printed[IPEI_CHARS];
	struct wr w = wr_of(caps, sizeof(caps) - 1);
	struct row o;

	if (!pp)
		return ERR_NOTFOUND;
	fill(ctl_room(r), pp, &o);
	(void)ctl_row(r, &o.row.base);
	pp_caps_text(&pp->caps, &w);
	caps[w.n] = '\0';
	ipui_print(&pp->ipui, id);
	ctl_time(pp->subscribed_at, t1);
	ctl_time(pp->located_at, t2);
	pp_ipei_print(pp->ipei, printed);
	ctl_say(r, "IPEI %s, identity %s", printed, id);
	if (pp->tpui)
		ctl_say(r, ", temporary %05x%s", pp->tpui,
		    pp->tpui_new ? " (a new one is not acknowledged)" : "");
	ctl_say(r, "\nsubscribed %s, registered %s\n", *t1 ? t1 : "never", *t2 ? t2 : "never");
	ctl_say(r, "can: %s\n", caps);
	ctl_say(r,
	    "%llu authentications, %llu times ciphered, %llu keys renewed, %llu pages without "
	    "answer\n",
	    (unsigned long long)pp->auths, (unsigned long long)pp->ciphers,
	    (unsigned long long)pp->rekeys, (unsigned long long)pp->page_failures);
	if (pp->def_at) {
		ctl_time(pp->def_at, t1);
		ctl_say(r, "early encryption: default key %04x of %s, %llu connections\n",
		    pp->def_index, t1, (unsigned long long)pp->earlies);
	}
	if (pp->note[0])
		ctl_say(r, "note: %s\n", pp->note);
	ctl_call_lines(r, pp);
	return 0;
}

int ctl_system_show(struct ctl_run *r)
{
	struct dectd *d = ctl_room(r);
	char park[IDENT_PARK_CHARS];
	size_t users = 0;

	ident_print(&d->ident, park);
	ctl_say(r, "PARK %s, class %c, %u radio part numbers per cluster\n", park,
	    "ABC"[d->ident.cls], ident_rpns(&d->ident));
	LIST_FOREACH(pps_users(d->pps), it)
	users++;
	ctl_say(r, "%zu users are known%s\n", users, d->sipd ? "" : ", as sipd last told");
	ctl_say(r, "base stations connect to port %u\n", rfp_srv_port(d->srv));
	return 0;
}
