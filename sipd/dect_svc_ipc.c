/* Services for handsets over the call interface: users, devices, lists, forwards, hold and transfer requests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.pb-c.h"
#include "common/log.h"
#include "common/mem.h"
#include "pres.pb-c.h"
#include "sipd/dect.h"
#include "sipd/dect_pb.h"
#include "sipd/feed.h"
#include "sipd/pres.h"
#include "sipd/reg.h"

#define LOG_PAGE   100 /* entries of one LogPage */
#define TEXT_QUEUE 128 /* frames waiting for dectd: texts leave the rest to calls */

void media_at_pb(struct media_at_pb *out, const struct media *m, enum media_side side,
    const uint8_t *codec, size_t ncodec)
{
	const struct sdp_addr *a = media_rtp(m, side);

	base__media_at__init(&out->at);
	base__addr__init(&out->radio);
	out->at.instance = media_instance(m);
	out->at.session = media_session(m);
	if (a->n) {
		out->radio.ip.data = (uint8_t *)(uintptr_t)a->ip;
		out->radio.ip.len = a->n;
		out->radio.port = a->port;
		out->at.radio = &out->radio;
	}
	out->at.n_codec = ncodec > 4 ? 4 : ncodec;
	for (size_t i = 0; i < out->at.n_codec; i++)
		out->codec[i] = (Base__Codec)codec[i];
	out->at.codec = out->codec;
}

void party_pb(Base__Party *out, const struct party *p)
{
	base__party__init(out);
	if (p->name[0]) {
		out->has_name = 1;
		out->name = pb_text(p->name);
	}
	if (p->number[0]) {
		out->has_number = 1;
		out->number = pb_text(p->number);
	}
	if (p->uri[0]) {
		out->has_uri = 1;
		out->uri = pb_text(p->uri);
	}
	if (p->anonymous) {
		out->has_anonymous = 1;
		out->anonymous = 1;
	}
	if (p->external) {
		out->has_external = 1;
		out->external = 1;
	}
}

static char *opt(const struct user *u, enum user_field f)
{
	return user_on(u, f) ? u->f[f] : NULL;
}

void user_pb(Base__User *out, const struct user *u)
{
	base__user__init(out);
	out->name = u->f[USER_NAME];
	out->domain = opt(u, USER_DOMAIN);
	if (user_on(u, USER_DISPLAY_NAME)) {
		out->has_display_name = 1;
		out->display_name = pb_text(u->f[USER_DISPLAY_NAME]);
	}
	if (user_on(u, USER_STANDBY_TEXT)) {
		out->has_standby_text = 1;
		out->standby_text = pb_text(u->f[USER_STANDBY_TEXT]);
	}
	out->ipei = opt(u, USER_IPEI);
	out->has_disabled = 1;
	out->disabled = user_on(u, USER_DISABLED);
	out->group = opt(u, USER_GROUP);
	out->number = opt(u, USER_NUMBER);
	out->locale = opt(u, USER_LOCALE);
	out->has_forward_always = user_on(u, USER_FORWARD_ALWAYS);
	out->forward_always = pb_text(u->f[USER_FORWARD_ALWAYS]);
	out->has_forward_no_answer = user_on(u, USER_FORWARD_NO_ANSWER);
	out->forward_no_answer = pb_text(u->f[USER_FORWARD_NO_ANSWER]);
	out->has_has_access_code = 1;
	out->has_access_code = user_on(u, USER_HAS_ACCESS_CODE);
}

/* ---- users and devices ---- */

static void notice(struct ipc_peer *p, Call__Notice *n, const struct user *u)
{
	n->user = u->f[USER_NAME];
	(void)ipc_event(p, IPC_IF_CALL, CALL__TYPE__CALL_NOTICE, &n->base);
}

static unsigned feed_all(struct sipd *s, struct user *u)
{
	return FEED_USER | (u->room && ustate_of(u)->mail_known ? FEED_MAIL : 0u) |
	       (cdr_missed(s->cdr, slice_str(u->f[USER_NAME])) ? FEED_MISSED : 0u);
}

static void feed_user(struct sipd *s, struct ipc_peer *p, struct user *u, unsigned what)
{
	const struct ustate *us = u->room;
	Call__Notice n = CALL__NOTICE__INIT;
	Base__User pb;

	if (what & FEED_USER) {
		user_pb(&pb, u);
		(void)ipc_event(p, IPC_IF_CALL, CALL__TYPE__CALL_USER_PUT, &pb.base);
	}
	if (what & FEED_MAIL && us) {
		n.has_messages_new = n.has_messages_old = 1;
		n.messages_new = us->mail_new;
		n.messages_old = us->mail_old;
		notice(p, &n, u);
	}
	if (what & FEED_MISSED) {
		n = (Call__Notice)CALL__NOTICE__INIT;
		n.has_missed = 1;
		n.missed = cdr_missed(s->cdr, slice_str(u->f[USER_NAME]));
		notice(p, &n, u);
	}
}

static void feed_gone_name(struct sipd *s, struct ipc_peer *p, const char *name)
{
	Call__UserGone pb = CALL__USER_GONE__INIT;

	(void)s;
	pb.name = (char *)(uintptr_t)name;
	(void)ipc_event(p, IPC_IF_CALL, CALL__TYPE__CALL_USER_GONE, &pb.base);
}

static void feed_done(struct sipd *s, struct ipc_peer *p, uint32_t count)
{
	Call__UsersDone done = CALL__USERS_DONE__INIT;

	(void)s;
	done.count = count;
	(void)ipc_event(p, IPC_IF_CALL, CALL__TYPE__CALL_USERS_DONE, &done.base);
}

const struct feed_def dect_feed = { feed_all, feed_user, feed_gone_name, feed_done };

int dect_text(struct sipd *s, const struct user *u, struct slice text, struct slice from)
{
	Call__Notice n = CALL__NOTICE__INIT;

	if (ipc_waiting(s->dectd) >= TEXT_QUEUE)
		return ERR_BUSY;
	n.has_text = 1;
	n.text = (ProtobufCBinaryData){ text.n, (uint8_t *)(uintptr_t)text.p };
	if (from.n) {
		n.has_text_from = 1;
		n.text_from = (ProtobufCBinaryData){ from.n, (uint8_t *)(uintptr_t)from.p };
	}
	n.user = u->f[USER_NAME];
	return ipc_event(s->dectd, IPC_IF_CALL, CALL__TYPE__CALL_NOTICE, &n.base);
}

void dect_presence(struct sipd *s, const ProtobufCMessage *body)
{
	if (s->dectd)
		(void)ipc_event(s->dectd, IPC_IF_CALL, CALL__TYPE__CALL_PRESENCE, body);
}

static void end_handset_calls(struct sipd *s)
{
	LIST_FOREACH(&s->calls, it)
	{
		struct call *c = LIST_ENTRY(it, struct call, node);
		struct leg *l = c->a && c->a->handset ? c->a : c->b && c->b->handset ? c->b : NULL;
		struct call_arg arg = { .leg = l, .cause = CAUSE_RADIO_LOST };
		if (l)
			(void)call_event(c, CALL_EV_END, &arg);
	}
}

void dect_up(struct sipd *s, struct ipc_peer *p, bool restarted)
{
	if (restarted)
		end_handset_calls(s); /* its side of them is gone with the old process */
	else
		dect_doubt(s);
	s->dectd = p;
	feed_up(s->to_dectd, p);
	log_ev(LOG_NOTICE, "dectd is there");
}

void dect_down(struct sipd *s, struct ipc_peer *p)
{
	feed_down(s->to_dectd, p);
	if (s->dectd != p)
		return;
	/* A second one may have come and gone, or a new process before the old one's link broke: who is still there counts. */
	s->dectd = ipc_find(s->d->ipc, IPC_DECTD, 0);
	if (s->dectd) {
		feed_up(s->to_dectd, s->dectd);
		return;
	}
	log_ev(LOG_WARNING, "dectd is gone: handsets cannot be reached until it is back");
}

int dect_on_device(struct ipc_peer *p, struct ipc_msg *m)
{
	struct sipd *s = sipd_of(daemon_of(p));
	const Call__Device *d = IPC_BODY(m, Call__Device);
	struct user *u = d->user && d->user[0] ? users_find(s->users, slice_str(d->user)) : NULL;

	if (!u)
		u = users_by_ipei(s->users, slice_str(d->ipei));
	s->dectd_synced = true;
	if (!u)
		return 0;
	struct ustate *us = sipd_ustate(s, u);
	us->device_known = !(d->has_gone && d->gone);
	us->subscribed = us->device_known && d->subscribed;
	us->reachable = us->device_known && d->reachable;
	us->wideband = d->has_wideband && d->wideband;
	if (d->rfp)
		(void)snprintf(us->rfp, sizeof(us->rfp), "%s", d->rfp);
	sipd_device_changed(s, us);
	return 0;
}

static int set_ipei(struct sipd *s, const struct user *u, struct slice ipei, char *why, size_t cap)
{
	struct user_edit e = { 0 };

	e.given[USER_NAME] = e.given[USER_IPEI] = true;
	e.v[USER_NAME] = slice_str(u->f[USER_NAME]);
	e.v[USER_IPEI] = ipei;
	return users_edit(s->users, USER_SET, &e, false, why, cap);
}

int dect_on_device_assign(struct ipc_peer *p, struct ipc_msg *m)
{
	struct sipd *s = sipd_of(daemon_of(p));
	const Call__DeviceAssign *d = IPC_BODY(m, Call__DeviceAssign);
	Call__Ok ok = CALL__OK__INIT;
	struct slice name = slice_str(d->user);
	struct user *u = name.n ? users_find(s->users, name) : NULL, *old;
	char ipei[13], why[200] = "";
	int err;

	if (user_ipei(slice_str(d->ipei), ipei))
		return ipc_fail(p, m, ERR_VALUE, "not an IPEI");
	if (name.n && !u)
		return ipc_fail(
		    p, m, ERR_NOTFOUND, "there is no such user; dectctl user list shows all");
	old = users_by_ipei(s->users, slice_str(ipei));
	err = users_begin(s->users);
	if (!err && old && old != u)
		err = set_ipei(s, old, SLICE_LIT(""), why, sizeof(why));
	if (!err && u && old != u)
		err = set_ipei(s, u, slice_str(ipei), why, sizeof(why));
	if (err) {
		(void)!users_rollback(s->users);
		return ipc_fail(p, m, err, "%s", *why ? why : err_text(err));
	}
	err = users_commit(s->users);
	if (err)
		return ipc_fail(p, m, err, "the user could not be stored: %s", err_text(err));
	log_ev(LOG_NOTICE, "handset assigned", F_TEXT("IPDECT_PP", ipei),
	    F_USER(u ? u->f[USER_NAME] : ""));
	return ipc_reply(p, m, &ok.base);
}

/* ---- hold, transfer, conference ---- */

static int ok(struct ipc_peer *p, struct ipc_msg *m, int err, const char *what)
{
	Call__Ok done = CALL__OK__INIT;

	return err ? ipc_fail(p, m, err, "%s is not possible now: %s", what, err_text(err))
	           : ipc_reply(p, m, &done.base);
}

static int hold(struct ipc_peer *p, struct ipc_msg *m, uint64_t ref, bool on)
{
	struct leg *l = dect_leg(sipd_of(daemon_of(p)), ref);
	struct call_arg arg = { .leg = l, .on = on };

	return ok(p, m, l ? call_event(l->call, CALL_EV_HOLD, &arg) : ERR_NOTFOUND,
	    on ? "hold" : "retrieve");
}

int dect_on_hold(struct ipc_peer *p, struct ipc_msg *m)
{
	return hold(p, m, IPC_BODY(m, Call__Hold)->call, true);
}

int dect_on_retrieve(struct ipc_peer *p, struct ipc_msg *m)
{
	return hold(p, m, IPC_BODY(m, Call__Retrieve)->call, false);
}

int dect_on_transfer(struct ipc_peer *p, struct ipc_msg *m)
{
	struct sipd *s = sipd_of(daemon_of(p));
	const Call__Transfer *t = IPC_BODY(m, Call__Transfer);
	struct leg *x = dect_leg(s, t->call), *y = t->has_other ? dect_leg(s, t->other) : NULL;
	char target[NUMBER_MAX];

	if (!x || (t->has_other && !y))
		return ok(p, m, ERR_NOTFOUND, "transfer");
	if (y)
		return ok(p, m, call_attended(x, y), "transfer");
	if (!t->has_target || slice_copy(pb_slice(t->target), target, sizeof(target)) || !target[0])
		return ok(p, m, ERR_VALUE, "transfer");
	return ok(p, m, call_blind(x, target), "transfer");
}

int dect_on_conference(struct ipc_peer *p, struct ipc_msg *m)
{
	struct sipd *s = sipd_of(daemon_of(p));
	const Call__Conference *c = IPC_BODY(m, Call__Conference);
	struct leg *x = dect_leg(s, c->call), *y = dect_leg(s, c->other);

	return ok(p, m, x && y ? call_conference(x, y, !(c->has_leave && c->leave)) : ERR_NOTFOUND,
	    "a conference");
}

int dect_on_radio(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Radio *r = IPC_BODY(m, Call__Radio);
	struct leg *l = dect_leg(sipd_of(daemon_of(p)), r->call);

	if (l && l->user)
		(void)snprintf(
		    ustate_of(l->user)->rfp, sizeof(ustate_of(l->user)->rfp), "%s", r->rfp);
	return 0;
}

/* ---- lists, forwards, information ---- */

struct page {
	Call__LogEntry entry[LOG_PAGE], *ptr[LOG_PAGE];
	Base__Party party[LOG_PAGE];
	size_t n;
};

static ProtobufCBinaryData copy(struct slice s)
{
	return (ProtobufCBinaryData){ s.n, mem_dup(s.p ? s.p : "", s.n) };
}

static void on_row(void *ctx, const struct cdr_rec *r)
{
	struct page *pg = ctx;
	Call__LogEntry *e = &pg->entry[pg->n];
	Base__Party *who = &pg->party[pg->n];

	call__log_entry__init(e);
	base__party__init(who);
	e->id = r->id;
	e->kind = (Call__LogKind)r->kind;
	e->time = r->start / 1000;
	e->has_seconds = 1;
	e->seconds = (uint32_t)cdr_seconds(r);
	e->has_unread = 1;
	e->unread = r->unread;
	who->has_name = who->has_number = 1;
	who->name = copy(r->name);
	/* LYNC: a handset stores no address above 64 characters: what is dialable comes first. */
	who->number = copy(r->number.n ? r->number : r->uri);
	e->party = who;
	pg->ptr[pg->n] = e;
	pg->n++;
}

int dect_on_log_get(struct ipc_peer *p, struct ipc_msg *m)
{
	struct sipd *s = sipd_of(daemon_of(p));
	const Call__LogGet *g = IPC_BODY(m, Call__LogGet);
	Call__LogPage reply = CALL__LOG_PAGE__INIT;
	struct user *u = users_find(s->users, slice_str(g->user));
	struct page *pg = mem_new(sizeof(*pg));
	uint32_t max = g->max > LOG_PAGE ? LOG_PAGE : g->max;
	int err = ERR_NOTFOUND;

	if (u && g->kind >= CALL__LOG_KIND__LOG_PLACED && g->kind <= CALL__LOG_KIND__LOG_ALL)
		err = cdr_list(s->cdr, slice_str(u->f[USER_NAME]), (enum cdr_kind)g->kind,
		    g->has_from ? g->from : 0, max, on_row, pg, &reply.total, &reply.unread);
	reply.n_entry = pg->n;
	reply.entry = pg->ptr;
	int rc = err ? ipc_fail(p, m, err, "no such user or list") : ipc_reply(p, m, &reply.base);
	for (size_t i = 0; i < pg->n; i++) {
		free(pg->party[i].name.data);
		free(pg->party[i].number.data);
	}
	free(pg);
	if (!err && g->has_mark_read && g->mark_read && reply.unread) {
		if (cdr_mark_read(s->cdr, slice_str(u->f[USER_NAME]), (enum cdr_kind)g->kind) == 0)
			feed_changed(s->to_dectd, u, FEED_MISSED);
	}
	return rc;
}

int dect_on_log_clear(struct ipc_peer *p, struct ipc_msg *m)
{
	struct sipd *s = sipd_of(daemon_of(p));
	const Call__LogClear *g = IPC_BODY(m, Call__LogClear);
	struct user *u = users_find(s->users, slice_str(g->user));
	int err = ERR_NOTFOUND;

	if (u && g->kind >= CALL__LOG_KIND__LOG_PLACED && g->kind <= CALL__LOG_KIND__LOG_ALL)
		err = cdr_clear(s->cdr, slice_str(u->f[USER_NAME]), (enum cdr_kind)g->kind,
		    g->has_id ? g->id : 0);
	if (!err)
		feed_changed(s->to_dectd, u, FEED_MISSED);
	return ok(p, m, err, "clearing the list");
}

int dect_on_forward_set(struct ipc_peer *p, struct ipc_msg *m)
{
	static const enum user_field fields[] = { USER_NFIELDS, USER_FORWARD_ALWAYS,
		USER_FORWARD_BUSY, USER_FORWARD_NO_ANSWER, USER_FORWARD_UNREACHABLE };
	struct sipd *s = sipd_of(daemon_of(p));
	const Call__ForwardSet *f = IPC_BODY(m, Call__ForwardSet);
	struct user_edit e = { 0 };
	char why[160];

	if (f->when < CALL__FORWARD_WHEN__ALWAYS || f->when > CALL__FORWARD_WHEN__UNREACHABLE)
		return ipc_fail(p, m, ERR_VALUE, "no such kind of forward");
	e.given[USER_NAME] = true;
	e.v[USER_NAME] = slice_str(f->user);
	e.given[fields[f->when]] = true;
	e.v[fields[f->when]] = f->has_target ? pb_slice(f->target) : (struct slice){ "", 0 };
	int err = users_edit(s->users, USER_SET, &e, false, why, sizeof(why));
	return err ? ipc_fail(p, m, err, "%s", why) : ok(p, m, 0, "");
}

static int relay(
    struct ipc_peer *p, struct ipc_msg *m, uint16_t type, const ProtobufCMessageDescriptor *reply)
{
	struct sipd *s = sipd_of(daemon_of(p));
	struct ipc_ticket *t = ipc_defer(p, m);
	int err = pres_relay(s, type, m->body, reply, t);

	if (err)
		ipc_ticket_fail(t, err, "presenced does not answer");
	return 0;
}

int dect_on_presence_set(struct ipc_peer *p, struct ipc_msg *m)
{
	return relay(p, m, PRES__TYPE__PRES_MANUAL, &call__ok__descriptor);
}

int dect_on_dir_search(struct ipc_peer *p, struct ipc_msg *m)
{
	return relay(p, m, PRES__TYPE__PRES_DIR_SEARCH, &call__dir_page__descriptor);
}

int dect_on_server_info(struct ipc_peer *p, struct ipc_msg *m)
{
	struct sipd *s = sipd_of(daemon_of(p));
	struct user *u = users_find(s->users, slice_str(IPC_BODY(m, Call__ServerInfo)->user));
	Call__ServerInfoDone r = CALL__SERVER_INFO_DONE__INIT;
	struct reg_view v = { .proxy = "" };
	char address[ADDR_TEXT] = "";

	for (int i = 0; i < TP_NPROTO && !address[0]; i++)
		if (s->listening[i]) {
			struct addr a;
			addr_from_sa(&a, (struct sockaddr *)&s->bound[i]);
			if (!addr_any(&a))
				(void)addr_print(&a, true, address);
		}
	if (u)
		reg_view(u, &v);
	struct tp_flow *f = u ? reg_flow(s, u) : NULL;
	if (f && !address[0]) {
		struct addr a;
		addr_from_sa(&a, tp_flow_local(f));
		(void)addr_print(&a, false, address);
	}
	tp_flow_unref(f);
	r.has_address = r.has_domain = r.has_registrar = r.has_own_number = 1;
	r.address = pb_text(address);
	r.domain = pb_text(s->conf->default_domain);
	r.registrar = pb_text(v.proxy);
	r.own_number = pb_text(u ? u->f[USER_NAME] : "");
	return ipc_reply(p, m, &r.base);
}
