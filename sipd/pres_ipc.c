/* The pres interface: users, registrations, calls and reach towards presenced; what comes back for handsets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.pb-c.h"
#include "common/log.h"
#include "common/mem.h"
#include "pres.pb-c.h"
#include "sipd/call.h"
#include "sipd/dect.h"
#include "sipd/dect_pb.h"
#include "sipd/feed.h"
#include "sipd/ms.h"
#include "sipd/ms_conf.h"
#include "sipd/pres.h"
#include "sipd/reg.h"

#define NAME_MS 4000 /* the call goes on meanwhile: a late name is shown when it comes */

static void put_user(struct ipc_peer *p, const struct user *u)
{
	Base__User pb;

	user_pb(&pb, u);
	(void)ipc_event(p, IPC_IF_PRES, PRES__TYPE__PRES_USER_PUT, &pb.base);
}

static void put_reg(
    struct sipd *s, struct ipc_peer *p, const struct user *u, bool up, const char *why)
{
	Pres__Reg pb = PRES__REG__INIT;
	char aor[400];
	struct wr w = wr_of(aor, sizeof(aor));

	sipd_put_aor(s, &w, u, false);
	pb.user = u->f[USER_NAME];
	pb.up = up;
	if (!w.bad && w.n > 2) {
		pb.has_aor = 1;
		pb.aor = (ProtobufCBinaryData){ w.n - 2, (uint8_t *)aor + 1 };
	}
	const struct ms_ep *e = u->room ? ustate_of(u)->ms : NULL;
	const char *gruu = reg_gruu(u);
	if (up && e) {
		pb.has_epid = pb.has_instance = 1;
		pb.epid = pb_text(e->epid);
		pb.instance = pb_text(e->uuid);
		pb.has_gruu = gruu != NULL;
		pb.gruu = pb_text(gruu ? gruu : "");
		pb.has_lync = pb.has_adhoclist = pb.has_trusted = pb.has_fixed = pb.has_limited = 1;
		pb.lync = e->categories;
		pb.adhoclist = e->adhoclist;
		pb.trusted = s->conf->lync_auth == MS_AUTH_TRUSTED;
		pb.fixed = e->fixed;
		pb.limited = e->limited;
		pb.has_allow_events = e->allow_events != NULL;
		pb.allow_events = pb_text(e->allow_events ? e->allow_events : "");
	}
	if (!up && why && *why) {
		pb.has_reason = 1;
		pb.reason = pb_text(why);
	}
	(void)ipc_event(p, IPC_IF_PRES, PRES__TYPE__PRES_REG, &pb.base);
}

static void put_calls(struct ipc_peer *p, const struct user *u)
{
	Pres__Calls pb = PRES__CALLS__INIT;

	pb.user = u->f[USER_NAME];
	pb.has_ringing = pb.has_initiator = pb.has_conference = 1;
	if (u->room)
		LIST_FOREACH(&ustate_of(u)->legs, it)
		{
			const struct leg *l = LIST_ENTRY(it, struct leg, user_leg);
			pb.active += l->up || l->calling;
			pb.ringing += !l->up && !l->calling && !l->gone;
			pb.initiator |= l->calling;
			pb.conference |= ms_conf_at(call_other(l->call, l));
		}
	(void)ipc_event(p, IPC_IF_PRES, PRES__TYPE__PRES_CALLS, &pb.base);
}

static void put_reach(struct ipc_peer *p, const struct user *u, bool used)
{
	Pres__Reach pb = PRES__REACH__INIT;

	pb.user = u->f[USER_NAME];
	pb.reachable = used || (u->room && ustate_of(u)->reachable);
	pb.has_used = used;
	pb.used = used;
	(void)ipc_event(p, IPC_IF_PRES, PRES__TYPE__PRES_REACH, &pb.base);
}

static unsigned feed_all(struct sipd *s, struct user *u)
{
	const struct ustate *us = u->room;
	struct reg_view v;

	(void)s;
	reg_view(u, &v);
	return FEED_USER | (v.up ? FEED_REG : 0u) | (call_user_legs(u) ? FEED_CALLS : 0u) |
	       (us && us->device_known ? FEED_REACH : 0u);
}

static void feed_user(struct sipd *s, struct ipc_peer *p, struct user *u, unsigned what)
{
	struct reg_view v;

	if (what & FEED_USER)
		put_user(p, u);
	if (what & FEED_REG_ANEW)
		put_reg(s, p, u, false, "the server had lost the registration");
	if (what & (FEED_REG | FEED_REG_ANEW)) {
		reg_view(u, &v);
		put_reg(s, p, u, v.up, v.why);
	}
	if (what & FEED_CALLS)
		put_calls(p, u);
	if (what & (FEED_REACH | FEED_USED))
		put_reach(p, u, what & FEED_USED);
}

static void feed_gone_name(struct sipd *s, struct ipc_peer *p, const char *name)
{
	Call__UserGone pb = CALL__USER_GONE__INIT;

	(void)s;
	pb.name = (char *)(uintptr_t)name;
	(void)ipc_event(p, IPC_IF_PRES, PRES__TYPE__PRES_USER_GONE, &pb.base);
}

static void feed_done(struct sipd *s, struct ipc_peer *p, uint32_t count)
{
	Call__UsersDone done = CALL__USERS_DONE__INIT;

	(void)s;
	done.count = count;
	(void)ipc_event(p, IPC_IF_PRES, PRES__TYPE__PRES_USERS_DONE, &done.base);
}

const struct feed_def pres_feed = { feed_all, feed_user, feed_gone_name, feed_done };

int pres_on_state(struct ipc_peer *p, struct ipc_msg *m)
{
	dect_presence(sipd_of(daemon_of(p)), m->body);
	return 0;
}

int pres_on_mwi(struct ipc_peer *p, struct ipc_msg *m)
{
	struct sipd *s = sipd_of(daemon_of(p));
	const Call__Notice *n = IPC_BODY(m, Call__Notice);
	struct user *u = users_find(s->users, slice_str(n->user));

	if (!u || !n->has_messages_new)
		return 0;
	struct ustate *us = sipd_ustate(s, u);
	us->mail_known = true; /* told again when dectd comes back */
	us->mail_new = n->messages_new;
	us->mail_old = n->has_messages_old ? n->messages_old : 0;
	feed_changed(s->to_dectd, u, FEED_MAIL);
	return 0;
}

struct relayed {
	struct ipc_ticket *t;
};

static void on_relayed(void *ctx, int err, struct ipc_msg *m)
{
	struct relayed *r = ctx;

	if (err)
		ipc_ticket_fail(r->t, err, "%s", err_text(err));
	else
		ipc_ticket_reply(r->t, m->body);
	free(r);
}

int pres_relay(struct sipd *s, uint16_t type, const ProtobufCMessage *body,
    const ProtobufCMessageDescriptor *reply, struct ipc_ticket *t)
{
	struct relayed *r = mem_new(sizeof(*r));

	r->t = t;
	int err = ipc_request(ipc_find(s->d->ipc, IPC_PRESENCED, 0), IPC_IF_PRES, type, body, reply,
	    4000, on_relayed, r);
	if (err)
		free(r);
	return err;
}

/* ---- names of callers and called ---- */

static void on_name(void *ctx, int err, struct ipc_msg *m)
{
	struct leg *l = ctx;

	l->naming = false;
	if (err || l->gone || !l->call || l->who.name[0] || l->who.anonymous)
		return;
	const Pres__NameFound *found = IPC_BODY(m, Pres__NameFound);
	if (!found->has_name || found->name.len == 0)
		return;
	(void)snprintf(l->who.name, sizeof(l->who.name), "%.*s", (int)found->name.len,
	    (const char *)found->name.data);
	struct leg *other = call_other(l->call, l);
	if (other && !other->gone)
		other->ops->display(other, &l->who);
}

void pres_name(struct leg *l)
{
	Pres__NameLookup q = PRES__NAME_LOOKUP__INIT;

	if (l->naming || l->who.name[0] || l->who.anonymous ||
	    (!l->who.number[0] && !l->who.uri[0]))
		return;
	q.number = pb_text(l->who.number);
	q.has_uri = l->who.uri[0] != '\0';
	q.uri = pb_text(l->who.uri);
	l->naming = ipc_request(ipc_find(l->sipd->d->ipc, IPC_PRESENCED, 0), IPC_IF_PRES,
	                PRES__TYPE__PRES_NAME, &q.base, &pres__name_found__descriptor, NAME_MS,
	                on_name, l) == 0;
}
