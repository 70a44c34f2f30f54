/* The pres interface: users, registrations, calls and reach from sipd; states back to it. */
#include <stdio.h>
#include <string.h>

#include "base.pb-c.h"
#include "call.pb-c.h"
#include "cert.pb-c.h"
#include "common/log.h"
#include "common/mem.h"
#include "pres.pb-c.h"
#include "presenced/lync_user.h"
#include "presenced/plain_user.h"
#include "presenced/watcher.h"

#define NO_ANSWER_S 20u /* as sipd's no-answer-time is at first */
#include "presenced/presenced.h"

static struct puser *user(struct ipc_peer *p, const char *name)
{
	return puser_find(presenced_of(daemon_of(p)), slice_str(name));
}

static struct slice text(protobuf_c_boolean has, ProtobufCBinaryData b)
{
	return has ? (struct slice){ (const char *)b.data, b.len } : (struct slice){ 0 };
}

/* A change while we know the user is the user's own wish; what is there at the start is none. */
static void on_forward(struct puser *u, struct slice always, struct slice no_answer, bool live)
{
	const struct presenced_conf *c = u->room->d->conf;
	struct lync_route r = { .set_forward = true, .wait_s = NO_ANSWER_S };
	char was[2][LYNC_ROUTE_URI];

	memcpy(was, u->forward, sizeof(was));
	puser_text(u->forward[0], sizeof(u->forward[0]), always);
	puser_text(u->forward[1], sizeof(u->forward[1]), no_answer);
	if (!live || !c->forwarding || !u->lync ||
	    (strcmp(was[0], u->forward[0]) == 0 && strcmp(was[1], u->forward[1]) == 0))
		return;
	r.immediate = u->forward[0][0] != '\0';
	int err = puser_target(u, slice_str(u->forward[r.immediate ? 0 : 1]), r.forward)
	              ? lync_user_route(u, &r)
	              : ERR_VALUE;
	if (err)
		log_ev(LOG_WARNING, "forwarding was not told to the Lync server", F_USER(u->name),
		    F_ERR(err),
		    F_REMEDY(err == ERR_DENIED
		                 ? "the server's policy forbids it: dectctl provision list"
		                 : "dectctl presence show"));
}

static int on_user_put(struct ipc_peer *p, struct ipc_msg *m)
{
	const Base__User *b = IPC_BODY(m, Base__User);

	struct presenced *room = presenced_of(daemon_of(p));
	struct puser *u = puser_put(room, slice_str(b->name), slice_str(b->group), b->disabled);

	if (u) {
		on_forward(u, text(b->has_forward_always, b->forward_always),
		    text(b->has_forward_no_answer, b->forward_no_answer), room->synced);
		puser_text(
		    u->display, sizeof(u->display), text(b->has_display_name, b->display_name));
		puser_text(u->number, sizeof(u->number), slice_str(b->number));
		if (room->synced)
			directory_users(room->dir);
	} else
		log_ev(LOG_WARNING, "a user's name is too long for presence", F_USER(b->name));
	return 0;
}

static int on_user_gone(struct ipc_peer *p, struct ipc_msg *m)
{
	struct puser *u = user(p, IPC_BODY(m, Call__UserGone)->name);

	if (u) {
		puser_gone(presenced_of(daemon_of(p)), u);
		directory_users(presenced_of(daemon_of(p))->dir);
	}
	return 0;
}

static int on_users_done(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)m;
	presenced_stream_done(presenced_of(daemon_of(p)));
	daemon_status(daemon_of(p));
	return 0;
}

static void take_reg(struct puser *u, const Pres__Reg *r)
{
	u->told_reg = true;
	u->registered = r->up;
	if (r->up && r->has_aor)
		puser_aor(u, text(1, r->aor));
	puser_text(u->reason, sizeof(u->reason), text(r->has_reason, r->reason));
	pres_user_registered(&u->pres, r->up);
	lync_user_reg(u, r);
	plain_user_reg(u, r);
	watcher_reg(u, r);
}

static int on_reg(struct ipc_peer *p, struct ipc_msg *m)
{
	struct puser *u = user(p, IPC_BODY(m, Pres__Reg)->user);

	if (u)
		take_reg(u, IPC_BODY(m, Pres__Reg));
	return 0;
}

void pres_no_reg(struct puser *u, char *why)
{
	Pres__Reg r = PRES__REG__INIT;

	r.user = u->name;
	r.has_reason = 1;
	r.reason = (ProtobufCBinaryData){ strlen(why), (uint8_t *)why };
	take_reg(u, &r);
}

static int on_notify(struct ipc_peer *p, struct ipc_msg *m)
{
	const Pres__Notify *n = IPC_BODY(m, Pres__Notify);
	struct puser *u = user(p, n->user);

	if (u) {
		lync_user_notify(u, n);
		watcher_notify(u, n);
	}
	return 0;
}

static void take_calls(struct puser *u, const Pres__Calls *c)
{
	u->told_calls = true;
	pres_user_calls(&u->pres, c->active, c->conference);
	plain_user_calls(u, c);
}

static int on_calls(struct ipc_peer *p, struct ipc_msg *m)
{
	struct puser *u = user(p, IPC_BODY(m, Pres__Calls)->user);

	if (u)
		take_calls(u, IPC_BODY(m, Pres__Calls));
	return 0;
}

void pres_no_calls(struct puser *u)
{
	Pres__Calls none = PRES__CALLS__INIT;

	none.user = u->name;
	take_calls(u, &none);
}

static int on_reach(struct ipc_peer *p, struct ipc_msg *m)
{
	const Pres__Reach *r = IPC_BODY(m, Pres__Reach);
	struct puser *u = user(p, r->user);

	if (!u)
		return 0;
	pres_user_reach(&u->pres, r->reachable);
	if (r->used)
		pres_user_used(&u->pres);
	return 0;
}

static const enum pres_manual manual_of[] = {
	[PRES__STATE__STATE_AVAILABLE] = PRES_MANUAL_AVAILABLE,
	[PRES__STATE__STATE_AWAY] = PRES_MANUAL_AWAY,
	[PRES__STATE__STATE_BUSY] = PRES_MANUAL_BUSY,
	[PRES__STATE__STATE_DO_NOT_DISTURB] = PRES_MANUAL_DND,
	[PRES__STATE__STATE_BE_RIGHT_BACK] = PRES_MANUAL_BRB,
	[PRES__STATE__STATE_OFF_WORK] = PRES_MANUAL_OFF_WORK,
	[PRES__STATE__STATE_AUTOMATIC] = PRES_MANUAL_NONE,
};

static int on_manual(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__PresenceSet *s = IPC_BODY(m, Call__PresenceSet);
	struct puser *u = user(p, s->user);
	Call__Ok ok = CALL__OK__INIT;
	struct slice note = text(s->has_note, s->note);
	int err;

	if (!u)
		return ipc_fail(p, m, ERR_NOTFOUND, "no such user");
	if (s->state >= ARRAY_LEN(manual_of) ||
	    (manual_of[s->state] == PRES_MANUAL_NONE && s->state != PRES__STATE__STATE_AUTOMATIC))
		return ipc_fail(p, m, ERR_VALUE, "this state cannot be set by hand");
	err = puser_set(u, manual_of[s->state], s->minutes, s->has_note ? &note : NULL);
	if (err == ERR_VALUE)
		return ipc_fail(p, m, err, PUSER_NOTE_RULE, LYNC_NOTE_MAX);
	return err ? ipc_fail(p, m, err, "the state could not be stored")
	           : ipc_reply(p, m, &ok.base);
}

#define PRES(type, kind, max, desc, fn)                                                            \
	{                                                                                          \
		IPC_IF_PRES, PRES__TYPE__PRES_##type, kind, 0, max, IPC_SIPD, &desc##__descriptor, \
		    fn                                                                             \
	}
const struct ipc_handler presenced_handlers[] = {
	PRES(USER_PUT, IPC_EVT, 2048, base__user, on_user_put),
	PRES(USER_GONE, IPC_EVT, 128, call__user_gone, on_user_gone),
	PRES(USERS_DONE, IPC_EVT, 16, call__users_done, on_users_done),
	PRES(REG, IPC_EVT, 2048, pres__reg, on_reg),
	PRES(NOTIFY, IPC_EVT, IPC_MAX_BODY, pres__notify, on_notify),
	PRES(CALLS, IPC_EVT, 128, pres__calls, on_calls),
	PRES(REACH, IPC_EVT, 128, pres__reach, on_reach),
	PRES(MANUAL, IPC_REQ, 1024, call__presence_set, on_manual),
	PRES(DIR_SEARCH, IPC_REQ, 512, call__dir_search, directory_on_search),
	PRES(NAME, IPC_REQ, 1024, pres__name_lookup, directory_on_name),
	{ IPC_IF_CERT, CERT__TYPE__CERT_CHANGED, IPC_EVT, 0, 256, IPC_CERTD,
	    &cert__changed__descriptor, directory_on_certd },
};
const size_t presenced_nhandlers = ARRAY_LEN(presenced_handlers);

static void tell(struct puser *u, const char *target, enum pres_shown s)
{
	struct ipc_peer *p = ipc_find(u->room->d->ipc, IPC_SIPD, 0);
	Call__Presence pb = CALL__PRESENCE__INIT;

	if (!p)
		return;
	pb.user = u->name;
	pb.target = (ProtobufCBinaryData){ strlen(target), (uint8_t *)(uintptr_t)target };
	pb.state = (uint32_t)s;
	(void)ipc_event(p, IPC_IF_PRES, PRES__TYPE__PRES_STATE, &pb.base);
}

void pres_tell_colleague(struct puser *u, const char *uri, enum pres_shown s)
{
	tell(u, uri, s);
}

void pres_tell_state(struct puser *u)
{
	struct pres_view v;

	pres_user_view(&u->pres, &v);
	tell(u, u->name, pres_shown(&v, u->registered));
}
