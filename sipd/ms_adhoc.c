/* LYNC: a conference at the server of a handset's two calls. */
#include "sipd/ms_adhoc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/fsm.h"
#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/dect_pb.h"
#include "sipd/ms.h"
#include "sipd/prov.h"
#include "sipd/reg.h"
#include "sipd/sip_build.h"
#include "sipd/sip_req.h"

#define LIMIT_MS                                                                                   \
	30000 /* until all are there; later it is given up, and the three stay mixed here */
#define EXPIRY_S (7 * 3600)
#define GUESTS   2

static const struct inv_body no_body;

enum state { ADDING, JOINING, GATHERING, OVER };
enum ev { E_ADDED, E_JOINED, E_THERE, E_LIMIT, E_FAILED, E_N };
static const char *const ev_names[E_N] = { "added", "joined", "there", "limit", "failed" };
static const struct fsm_state states[] = {
	[ADDING] = { "adding", NULL, 0, false },
	[JOINING] = { "joining", NULL, 0, false },
	[GATHERING] = { "gathering", NULL, 0, false },
	[OVER] = { "over", NULL, 0, true },
};

struct guest { /* who is in one of the two calls */
	struct ms_adhoc *a;
	uint64_t ref; /* of the handset's leg */
	char uri[NUMBER_MAX];
	struct inv *inv;
	bool took; /* the invitation */
};
struct ms_adhoc {
	struct list node;
	struct sipd *s;
	struct fsm fsm;
	struct guest guest[GUESTS];
	struct sip_req *req;
	struct ms_conf *conf;
	struct tmr limit, reap;
	char focus[NUMBER_MAX], conversation[72], why[200];
};

static struct ms_adhoc *of(struct fsm *m)
{
	return CONTAINER_OF(m, struct ms_adhoc, fsm);
}

struct user *ms_adhoc_user(struct ms_adhoc *a)
{
	struct leg *x = dect_leg(a->s, a->guest[0].ref);

	return x ? x->user : NULL;
}

static void fail(struct ms_adhoc *a, const char *why)
{
	(void)snprintf(a->why, sizeof(a->why), "%s", why);
	(void)fsm_event(&a->fsm, E_FAILED, NULL);
}

/* ---- the others ---- */

/* A user of the server, by an address that an invitation may go to; not a telephone number, whoever has it. */
static bool address(const struct sipd *s, const char *text, char out[NUMBER_MAX])
{
	struct sip_uri uri;
	struct slice aor = slice_str(text), phone;

	aor.n = slice_chr(aor, ';');
	if (sip_uri_parse(&uri, slice_str(text)) || uri.scheme == SIP_SCHEME_TEL ||
	    uri.scheme == SIP_SCHEME_OTHER || uri.user.n == 0 || uri.user.p[0] == '+' ||
	    slice_chr(uri.user, ';') < uri.user.n ||
	    (sip_uri_param(&uri, SLICE_LIT("user"), &phone) &&
	        slice_ieq(phone, SLICE_LIT("phone"))) ||
	    !slice_ieq(uri.host, slice_str(s->conf->default_domain)))
		return false;
	return slice_copy(aor, out, NUMBER_MAX) == 0;
}

static bool lync_user(const struct leg *far, char out[NUMBER_MAX])
{
	const struct leg_sip *l;
	struct dlg *d;
	char remote[NUMBER_MAX];

	if (!far || far->ops != &leg_sip_ops || !far->up || far->gone)
		return false;
	l = CONTAINER_OF(far, struct leg_sip, leg);
	if (l->conf || !l->inv)
		return false; /* is in a conference already */
	if (address(far->sipd, far->who.uri, out) || (l->uri && address(far->sipd, l->uri, out)))
		return true;
	d = inv_dlg(l->inv);
	if (!d)
		return false;
	struct slice at = slice_str(d->remote); /* name-addr, or the URI alone */
	size_t from = slice_chr(at, '<');
	if (from < at.n) {
		at = slice_sub(at, from + 1, at.n);
		at.n = slice_chr(at, '>');
	}
	return slice_copy(at, remote, sizeof(remote)) == 0 && address(far->sipd, remote, out);
}

static void on_progress(void *ctx, struct inv *i, const struct sip_msg *rsp)
{
	(void)ctx, (void)i, (void)rsp;
}

static void on_taken(void *ctx, struct inv *i, const struct sip_msg *rsp)
{
	struct guest *g = ctx;

	(void)rsp;
	g->took = true;
	inv_bye(i, SLICE_LIT("")); /* that dialog has done its work */
	if (g->a->conf)            /* the list may have been faster than this answer */
		ms_adhoc_seen(g->a, ms_conf_roster(g->a->conf));
}

static void on_declined(
    void *ctx, struct inv *i, unsigned status, const struct sip_msg *rsp, int err)
{
	struct guest *g = ctx;
	char why[400], text[560];

	(void)i;
	ms_call_why(rsp, why, sizeof(why));
	(void)snprintf(text, sizeof(text), "%.120s does not come: %u %s", g->uri, status,
	    why[0] ? why : err_text(err));
	fail(g->a, text);
}

static void on_offer(void *ctx, struct inv *i, const struct sip_msg *req)
{
	(void)ctx, (void)req;
	(void)inv_answer(i, 488, SLICE_LIT(""), no_body);
}

static void on_reply(
    void *ctx, struct inv *i, enum sip_method m, const struct sip_msg *rsp, int err)
{
	(void)ctx, (void)i, (void)m, (void)rsp, (void)err;
}

static void on_ended(void *ctx, struct inv *i, enum inv_end why, const struct sip_msg *m)
{
	(void)ctx, (void)i, (void)why, (void)m;
}

static const struct inv_ops guest_ops = {
	.progress = on_progress,
	.answered = on_taken,
	.failed = on_declined,
	.offer = on_offer,
	.reply = on_reply,
	.ended = on_ended,
};

static int invite(struct ms_adhoc *a, struct guest *g, const struct user *u)
{
	struct sipd *s = a->s;
	struct tp_flow *f = reg_flow(s, u);
	char local[512], remote[NUMBER_MAX + 2], contact[320], lines[1536], body[1024];
	struct wr wl = wr_of(local, sizeof(local)), wm = wr_of(remote, sizeof(remote)),
	          wc = wr_of(contact, sizeof(contact)), wx = wr_of(lines, sizeof(lines)),
	          wb = wr_of(body, sizeof(body));
	struct slice route[REG_ROUTES_MAX];
	int err = ERR_LOST;

	if (!f)
		return err;
	sipd_put_from(s, &wl, u);
	wr_fmt(&wm, "<%s>", g->uri);
	sipd_put_dialog_contact(s, &wc, u, f);
	if (a->conversation[0])
		wr_fmt(&wx, "Ms-Conversation-ID: %s\r\n", a->conversation);
	if (s->hooks->lines)
		s->hooks->lines(s, u, SIP_M_INVITE, &wx);
	conf_put_invite(&wb, a->focus);
	struct inv_conf conf = { .ops = &guest_ops,
		.ctx = g,
		.owner = reg_owner(u),
		.credential = slice_str(u->f[USER_NAME]),
		.rel100_off = true,
		.lines = wr_slice(&wx),
		.flow = f,
		.try_ms = s->conf->transaction_ms,
		.stick = s->conf->to_registrar };
	struct dlg_uac d = { .local = wr_slice(&wl),
		.remote = wr_slice(&wm),
		.ruri = slice_str(g->uri),
		.contact = wr_slice(&wc),
		.route = route,
		.max_forwards = s->conf->max_forwards };
	d.nroute = reg_routes(u, route);
	struct inv_body b = { SLICE_LIT("application/ms-conf-invite+xml"), wr_slice(&wb) };
	if (!wl.bad && !wm.bad && !wc.bad && !wx.bad && !wb.bad)
		err = inv_out(s->ua, &conf, dlg_uac_new(&d), b, &g->inv);
	tp_flow_unref(f);
	return err;
}

/* ---- the factory ---- */

static int factory(struct ms_adhoc *a, const struct user *u, struct wr *w)
{
	const char *v = prov_get(u, "focusFactoryUri");
	char aor[400];
	struct wr wa = wr_of(aor, sizeof(aor));

	if (v) {
		wr_str(w, v);
		return w->bad;
	}
	sipd_put_aor(a->s, &wa, u, false);
	if (wa.bad || wa.n < 3)
		return ERR_LIMIT;
	wr_slice_add(w, slice_sub(wr_slice(&wa), 1, wa.n - 2));
	wr_str(w, ";gruu;opaque=app:conf:focusfactory");
	return w->bad;
}

static void on_added(
    void *ctx, struct sip_req *r, enum sip_req_ev ev, const struct sip_msg *rsp, int err)
{
	struct ms_adhoc *a = ctx;
	char why[300] = "the answer is not understood";

	if (ev == SIP_REQ_DONE) {
		a->req = NULL;
		return;
	}
	if (ev == SIP_REQ_REPLY && rsp->status < 200)
		return;
	sip_req_forget(r);
	a->req = NULL;
	if (ev == SIP_REQ_FAIL) {
		fail(a, err_text(err));
	} else if (rsp->status >= 300) {
		char said[240];
		ms_call_why(rsp, said, sizeof(said));
		(void)snprintf(
		    why, sizeof(why), "the focus factory refuses: %u %s", rsp->status, said);
		fail(a, why);
	} else if (!sip_msg_is_type(rsp, "application", "cccp+xml") ||
	           conf_created_read(rsp->body, a->focus, sizeof(a->focus), why, sizeof(why))) {
		fail(a, why);
	} else {
		(void)fsm_event(&a->fsm, E_ADDED, NULL);
	}
}

static int add(struct ms_adhoc *a, const struct user *u)
{
	struct sipd *s = a->s;
	struct tp_flow *f = reg_flow(s, u);
	char to[NUMBER_MAX], from[512], aor[400], contact[320], body[2048], msg[6144], id[9],
	    until[24], call_id[27], tag[14];
	struct wr wt = wr_of(to, sizeof(to)), wf = wr_of(from, sizeof(from)),
	          wa = wr_of(aor, sizeof(aor)), wc = wr_of(contact, sizeof(contact)),
	          wb = wr_of(body, sizeof(body)), w = wr_of(msg, sizeof(msg));
	struct slice route[REG_ROUTES_MAX];
	time_t end = (time_t)(sipd_wall_ms() / 1000) + EXPIRY_S;
	struct tm tm;
	int err = ERR_LIMIT;

	if (!f)
		return ERR_LOST;
	id_token(id, sizeof(id) - 1); /* 8 to 32 letters and digits (MS-CONFPRO 2.2.1.2) */
	id_token(call_id, sizeof(call_id) - 1);
	id_token(tag, sizeof(tag) - 1);
	sipd_put_from(s, &wf, u);
	sipd_put_aor(s, &wa, u, false);
	sipd_put_dialog_contact(s, &wc, u, f);
	if (factory(a, u, &wt) || !wr_nul(&wt) || wa.bad || wa.n < 3 || wa.n + 1 >= sizeof(aor) ||
	    !gmtime_r(&end, &tm) || !strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", &tm)) {
		tp_flow_unref(f);
		return err;
	}
	aor[wa.n - 1] = '\0';
	conf_put_add_conference(&wb, aor + 1, to, id, until);
	sip_put_request(&w, SLICE_LIT("SERVICE"), slice_str(to));
	unsigned nroute = reg_routes(u, route);
	for (unsigned i = 0; i < nroute; i++)
		sip_put_hdr(&w, SIP_H_ROUTE, route[i]);
	sip_put_u32(&w, SIP_H_MAX_FORWARDS, s->conf->max_forwards);
	sip_put_hdr_fmt(&w, SIP_H_FROM, "%.*s;tag=%s", (int)wf.n, from, tag);
	sip_put_hdr_fmt(&w, SIP_H_TO, "<%s>", to);
	sip_put_hdr(&w, SIP_H_CALL_ID, slice_str(call_id));
	sip_put_cseq(&w, 1, SLICE_LIT("SERVICE"));
	sip_put_hdr(&w, SIP_H_CONTACT, wr_slice(&wc));
	sip_put_hdr(&w, SIP_H_USER_AGENT, slice_str(s->conf->agent));
	sip_put_body(&w, SLICE_LIT("application/cccp+xml"), wr_slice(&wb));
	struct sip_req_conf c = { .method = SIP_M_SERVICE,
		.msg = wr_slice(&w),
		.flow = f,
		.try_ms = s->conf->transaction_ms,
		.owner = reg_owner(u),
		.credential = slice_str(u->f[USER_NAME]) };
	if (!w.bad && !wf.bad && !wb.bad && !wc.bad)
		err = sip_req_send(s->ua, &c, on_added, a, &a->req);
	tp_flow_unref(f);
	return err;
}

/* ---- the table ---- */

static int a_join(struct fsm *m, int ev, const void *arg)
{
	struct ms_adhoc *a = of(m);

	(void)ev, (void)arg;
	a->conf = ms_conf_make(a->s, a, a->focus, a->conversation);
	if (!a->conf)
		fail(a, "the focus is none");
	return FSM_NEXT;
}

static int a_invite(struct fsm *m, int ev, const void *arg)
{
	struct ms_adhoc *a = of(m);
	const struct user *u = ms_adhoc_user(a);

	(void)ev, (void)arg;
	for (int i = 0; i < GUESTS; i++)
		if (!u || invite(a, &a->guest[i], u)) {
			fail(a, "an invitation could not be sent");
			break;
		}
	return FSM_NEXT;
}

/* All are there: our handset follows, and the two calls have done their work. */
static int a_move(struct fsm *m, int ev, const void *arg)
{
	struct ms_adhoc *a = of(m);
	struct leg *x = dect_leg(a->s, a->guest[0].ref), *y = dect_leg(a->s, a->guest[1].ref);
	struct call_arg end = { .cause = CAUSE_NORMAL };

	(void)ev, (void)arg;
	if (!x || !y || !x->call || !y->call || !x->up || !y->up || x->gone || y->gone) {
		fail(a, "a call has ended meanwhile");
		return GATHERING;
	}
	media_unmix(x->media);
	(void)call_event(y->call, CALL_EV_END, &end);
	if (ms_conf_move(a->conf, x)) {
		fail(a, "the audio-video server cannot be called");
		return GATHERING;
	}
	log_ev(LOG_NOTICE, "conference made at the server", F_CALL(x->ref),
	    F_USER(x->user ? x->user->f[USER_NAME] : ""), F_TEXT("IPDECT_URI", a->focus));
	ms_conf_show(a->conf);
	a->conf = NULL;
	return FSM_NEXT;
}

static int a_give_up(struct fsm *m, int ev, const void *arg)
{
	struct ms_adhoc *a = of(m);
	const struct user *u = ms_adhoc_user(a);

	(void)arg;
	log_ev(LOG_NOTICE, "no conference at the server: mixed here", F_CALL(a->guest[0].ref),
	    F_USER(u ? u->f[USER_NAME] : ""), F_TEXT("IPDECT_URI", a->focus),
	    F_WHY(ev == E_LIMIT ? "not all were there in time" : a->why),
	    F_REMEDY("conference = local of [lync] mixes all of them here; the user needs a "
	             "conferencing policy that allows ad hoc conferences"));
	return FSM_NEXT;
}

#define ANYWHERE(st)                                                                               \
	{ st, E_LIMIT, OVER, 0, a_give_up },                                                       \
	{                                                                                          \
		st, E_FAILED, OVER, 0, a_give_up                                                   \
	}
static const struct fsm_row rows[] = {
	{ ADDING, E_ADDED, JOINING, 0, a_join },
	ANYWHERE(ADDING),
	{ JOINING, E_JOINED, GATHERING, 0, a_invite },
	ANYWHERE(JOINING),
	{ GATHERING, E_THERE, OVER, FSM_M(GATHERING), a_move },
	ANYWHERE(GATHERING),
};
const struct fsm_def ms_adhoc_fsm = { .name = "conference",
	.states = states,
	.nstates = ARRAY_LEN(states),
	.rows = rows,
	.nrows = ARRAY_LEN(rows),
	.ev_names = ev_names,
	.nev = E_N,
	.ev_timer = E_LIMIT,
	.fail = OVER };

static void destroy(struct ms_adhoc *a)
{
	tmr_stop(&a->limit);
	tmr_stop(&a->reap);
	sip_req_forget(a->req);
	for (int i = 0; i < GUESTS; i++)
		inv_free(a->guest[i].inv);
	ms_conf_free(a->conf);
	list_remove(&a->node);
	free(a);
}

static void no_timer(struct fsm *m, uint32_t ms)
{
	(void)m, (void)ms;
}

static void no_stop(struct fsm *m)
{
	(void)m;
}

static void moved(struct fsm *m, int from, int ev, int to)
{
	(void)m, (void)from, (void)ev, (void)to;
}

static void done(struct fsm *m)
{
	struct ms_adhoc *a = of(m);

	tmr_stop(&a->limit);
	tmr_start(&a->reap, 0); /* a session of ours may be on the stack */
}

static const struct fsm_env env = { no_timer, no_stop, moved, done };

static void on_limit(struct tmr *t, void *ctx)
{
	struct ms_adhoc *a = ctx;

	(void)t;
	(void)fsm_event(&a->fsm, E_LIMIT, NULL);
}

static void on_reap(struct tmr *t, void *ctx)
{
	(void)t;
	destroy(ctx);
}

/* ---- from the conference ---- */

void ms_adhoc_joined(struct ms_adhoc *a)
{
	(void)fsm_event(&a->fsm, E_JOINED, NULL);
}

void ms_adhoc_seen(struct ms_adhoc *a, const struct roster *r)
{
	for (int i = 0; i < GUESTS; i++)
		if (!a->guest[i].took || !roster_in_audio(r, a->guest[i].uri))
			return;
	(void)fsm_event(&a->fsm, E_THERE, NULL);
}

void ms_adhoc_failed(struct ms_adhoc *a, const char *why)
{
	fail(a, why);
}

/* ---- from the handset ---- */

bool ms_adhoc_begin(struct leg *x, struct leg *y)
{
	struct sipd *s = x->sipd;
	struct user *u = x->user;
	struct leg *far[GUESTS] = { call_other(x->call, x), call_other(y->call, y) };
	struct ms_adhoc *a;

	if (!s->conf->lync || s->conf->lync_conference != MS_CONFERENCE_SERVER || !u ||
	    u != y->user)
		return false;
	a = mem_new(sizeof(*a));
	a->s = s;
	list_append(&s->adhocs, &a->node);
	fsm_init(&a->fsm, &ms_adhoc_fsm, &env, ADDING);
	tmr_init(&a->limit, s->d->wheel, on_limit, a);
	tmr_init(&a->reap, s->d->wheel, on_reap, a);
	for (int i = 0; i < GUESTS; i++) {
		a->guest[i] = (struct guest){ .a = a, .ref = i ? y->ref : x->ref };
		if (lync_user(far[i], a->guest[i].uri))
			continue;
		log_ev(LOG_INFO, "a conference with one who is no user of the server: mixed here",
		    F_CALL(x->ref), F_TEXT("IPDECT_TO", far[i] ? far[i]->who.number : ""));
		destroy(a);
		return false;
	}
	(void)snprintf(
	    a->conversation, sizeof(a->conversation), "%s", leg_sip_of(far[0])->conversation);
	tmr_start(&a->limit, LIMIT_MS);
	int err = add(a, u);
	if (err)
		fail(a, err_text(err));
	return !err;
}

void ms_adhoc_ended(struct sipd *s, const struct leg *x, const char *why)
{
	LIST_FOREACH(&s->adhocs, it)
	{
		struct ms_adhoc *a = LIST_ENTRY(it, struct ms_adhoc, node);
		if (a->fsm.st != OVER && (a->guest[0].ref == x->ref || a->guest[1].ref == x->ref))
			fail(a, why);
	}
}

void ms_adhoc_stop(struct sipd *s)
{
	while (!list_empty(&s->adhocs))
		destroy(LIST_ENTRY(s->adhocs.next, struct ms_adhoc, node));
}
