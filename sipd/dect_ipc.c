/* Handset legs: what dectd says about its calls, and what it is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.pb-c.h"
#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/dect.h"
#include "sipd/dect_pb.h"
#include "sipd/feed.h"
#include "sipd/reg.h"

_Static_assert((int)CAUSE_FORWARDED == (int)BASE__CAUSE__CAUSE_FORWARDED, "cause numbers");

#define TONE_LINGER_MS 12000 /* how long a failure tone is heard at most */
#define OFFER_MS       15000 /* paging and link establishment */

struct leg_dect {
	struct leg leg;
	struct map_node by_ref;
	struct ipc_ticket *setup; /* of CALL_SETUP, until the media is there */
	struct party caller, diverted;
	bool has_diverted, waiting, offered, overlap, known; /* known: dectd has this reference */
	bool doubt;                                          /* it had, before the link broke */
	uint8_t codec[4];
	size_t ncodec;
	struct tmr reap;
};
static const struct leg_ops ops;

static struct leg_dect *of(struct leg *l)
{
	return CONTAINER_OF(l, struct leg_dect, leg);
}

static struct leg_dect *find(struct sipd *s, uint64_t ref)
{
	struct map_node *n = map_get(&s->legs, map_u64(&ref));

	return n ? CONTAINER_OF(n, struct leg_dect, by_ref) : NULL;
}

struct leg *dect_leg(struct sipd *s, uint64_t ref)
{
	struct leg_dect *l = find(s, ref);

	return l ? &l->leg : NULL;
}

static void send_event(struct sipd *s, uint16_t type, const ProtobufCMessage *m)
{
	if (s->dectd)
		(void)ipc_event(s->dectd, IPC_IF_CALL, type, m);
}

/* ---- making and ending ---- */

static void on_media(
    struct media_user *u, struct media *m, enum media_event ev, enum media_side side, int v);

static struct leg_dect *make(struct sipd *s, struct user *u, uint64_t ref)
{
	struct leg_dect *l = mem_new(sizeof(*l));

	leg_init(&l->leg, s, &ops);
	l->leg.handset = true;
	l->leg.user = u;
	l->leg.ref = ref;
	l->leg.side = MEDIA_RADIO;
	l->leg.mu.ev = on_media;
	(void)snprintf(l->leg.who.name, sizeof(l->leg.who.name), "%s", u->f[USER_DISPLAY_NAME]);
	(void)snprintf(l->leg.who.number, sizeof(l->leg.who.number), "%s", u->f[USER_NAME]);
	struct wr w = wr_of(l->leg.who.uri, sizeof(l->leg.who.uri));
	wr_str(&w, "sip:");
	sip_escape_user(&w, slice_str(u->f[USER_NAME]));
	wr_str(&w, "@");
	wr_slice_add(&w, sipd_domain(s, u));
	if (!wr_nul(&w))
		l->leg.who.uri[0] = '\0';
	list_append(&sipd_ustate(s, u)->legs, &l->leg.user_leg);
	(void)map_put(&s->legs, &l->by_ref, map_u64(&l->leg.ref));
	return l;
}

struct leg *leg_dect_new(struct sipd *s, struct user *u)
{
	struct leg_dect *l = make(s, u, id_u64());

	l->codec[l->ncodec++] = CODEC_PCMA;
	l->codec[l->ncodec++] = CODEC_PCMU;
	return &l->leg;
}

static void open_media(struct leg_dect *l)
{
	const struct leg *far = l->leg.call ? call_other(l->leg.call, &l->leg) : NULL;
	struct media_leg net = { .on = true },
	                 radio = { .on = true, .has_payload = true, .ptime = 20 };

	/* Another handset's session follows its caller's, so that they can be linked. */
	l->leg.ipv6 = net.ipv6 = far ? far->ipv6 : reg_by_ipv6(l->leg.sipd, l->leg.user);
	for (size_t i = 0; i < l->ncodec; i++)
		radio.payload[radio.npayload++] =
		    (struct oa_payload){ l->codec[i], (uint8_t)codec_defs[l->codec[i]].pt };
	/* RFP: whether a base station makes a tone of an event is not known: mediad renders digits in band there. */
	/* A handset's two calls may become a conference: both at one mediad. */
	const struct media *near = NULL;
	LIST_FOREACH(&ustate_of(l->leg.user)->legs, it)
	{
		const struct leg *other = LIST_ENTRY(it, struct leg, user_leg);
		if (other != &l->leg && other->media)
			near = other->media;
	}
	l->leg.media = media_open(l->leg.sipd->media, l->leg.ref, &net, &radio, near, &l->leg.mu);
}

static void gone(struct leg_dect *l, enum cause cause)
{
	struct call_arg arg = { .leg = &l->leg, .cause = cause };

	l->leg.gone = true;
	l->known = false;
	map_del(&l->leg.sipd->legs, &l->by_ref);
	list_remove(&l->leg.user_leg);
	if (!l->leg.calling && !l->leg.up) { /* the called handset did not take it: forwards may */
		(void)call_event(l->leg.call, CALL_EV_FAILED, &arg);
		return;
	}
	struct leg *far = call_other(l->leg.call, &l->leg);
	struct party none = { 0 };
	leg_record_end(&l->leg, far ? &far->who : &none, cause, NULL);
	(void)call_event(l->leg.call, CALL_EV_GONE, &arg);
}

/* The tone that a caller hears for a cause; TONE_OFF: none is needed. */
static enum media_tone failure_tone(enum cause c)
{
	switch (c) {
	case CAUSE_BUSY:
	case CAUSE_REJECTED:
		return MEDIA_TONE_BUSY;
	case CAUSE_UNKNOWN_NUMBER:
	case CAUSE_INCOMPLETE:
	case CAUSE_FORBIDDEN:
		return MEDIA_TONE_UNOBTAINABLE;
	case CAUSE_CONGESTION:
	case CAUSE_UNREACHABLE:
	case CAUSE_NO_ANSWER:
	case CAUSE_CODEC:
	case CAUSE_PEER_LOST:
	case CAUSE_INTERNAL:
		return MEDIA_TONE_CONGESTION;
	default:
		return MEDIA_TONE_OFF;
	}
}

static void op_release(struct leg *g, enum cause cause)
{
	struct leg_dect *l = of(g);
	struct sipd *s = g->sipd;
	struct leg *far = call_other(g->call, g);
	Call__Release rel = CALL__RELEASE__INIT;
	enum media_tone tone = g->calling && !g->up ? failure_tone(cause) : MEDIA_TONE_OFF;
	struct party none = { 0 };

	g->gone = true;
	if (l->setup) {
		ipc_ticket_fail(l->setup, ERR_BUSY, "%s", cause_name(cause));
		l->setup = NULL;
		l->known = false;
	}
	if (l->known) {
		rel.call = g->ref;
		rel.cause = (Base__Cause)cause;
		rel.has_text = 1;
		rel.text = pb_text(cause_name(cause));
		if (tone && g->media && media_ready(g->media)) {
			rel.has_tone = 1;
			rel.tone = 1;
			media_tone(g->media, MEDIA_RADIO, tone, TONE_LINGER_MS);
			leg_record_end(g, far ? &far->who : &none, cause, NULL);
			leg_drop_media(g, TONE_LINGER_MS);
		}
		send_event(s, CALL__TYPE__CALL_RELEASE, &rel.base);
	}
	l->known = false;
	leg_record_end(g, far ? &far->who : l->caller.number[0] ? &l->caller : &none, cause, NULL);
	map_del(&s->legs, &l->by_ref);
	list_remove(&g->user_leg);
	if (!g->calling && !g->answered && cause != CAUSE_ELSEWHERE && g->user)
		feed_changed(s->to_dectd, g->user, FEED_MISSED);
	sipd_calls_changed(s, g->user);
}

/* ---- media ---- */

static void media_at(const struct leg *g, struct media_at_pb *out)
{
	const struct leg_dect *l = CONTAINER_OF(g, struct leg_dect, leg);

	media_at_pb(out, g->media, g->side, l->codec, l->ncodec);
}

static void send_offer(struct leg_dect *l);

static void on_media(
    struct media_user *u, struct media *m, enum media_event ev, enum media_side side, int v)
{
	struct leg_dect *l = of(CONTAINER_OF(u, struct leg, mu));
	struct sipd *s = l->leg.sipd;
	struct call *c = l->leg.call;

	(void)m;
	(void)v;
	(void)side;
	if (l->leg.gone)
		return;
	switch (ev) {
	case MEDIA_READY:
		if (l->setup) {
			Call__SetupAck ack = CALL__SETUP_ACK__INIT;
			struct media_at_pb at;
			media_at(&l->leg, &at);
			ack.media = &at.at;
			ack.has_dial_tone = l->overlap;
			ack.dial_tone = l->overlap;
			ipc_ticket_reply(l->setup, &ack.base);
			l->setup = NULL;
			if (l->overlap)
				media_tone(l->leg.media, MEDIA_RADIO, MEDIA_TONE_DIAL, 0);
			(void)call_event(c, CALL_EV_READY, NULL);
		} else if (!l->leg.calling && !l->offered) {
			struct leg *other = call_other(c, &l->leg);
			if (other && !other->handset && !other->media)
				leg_share_media(other, &l->leg);
			send_offer(l);
		}
		break;
	case MEDIA_MOVED:
		(void)call_event(c, CALL_EV_MOVED, NULL);
		break;
	case MEDIA_FAILED:
	case MEDIA_LOST: {
		struct call_arg arg = { .leg = &l->leg, .cause = CAUSE_CONGESTION };
		if (l->leg.calling || l->leg.up) {
			(void)call_event(c, CALL_EV_END, &arg);
		} else {
			op_release(&l->leg, CAUSE_CONGESTION);
			(void)call_event(c, CALL_EV_FAILED, &arg);
		}
		break;
	}
	case MEDIA_QUALITY:
		log_ev(LOG_NOTICE, "speech quality is bad", F_CALL(l->leg.ref),
		    F_U64("IPDECT_MOS_X100", v));
		break;
	default:
		(void)s;
		break;
	}
}

static void op_moved(struct leg *g)
{
	Call__Media ev = CALL__MEDIA__INIT;
	struct media_at_pb at;

	if (!g->media || !media_ready(g->media) || !of(g)->known)
		return;
	media_at(g, &at);
	ev.call = g->ref;
	ev.media = &at.at;
	send_event(g->sipd, CALL__TYPE__CALL_MEDIA, &ev.base);
}

/* ---- a handset calls ---- */

int dect_on_setup(struct ipc_peer *p, struct ipc_msg *m)
{
	struct sipd *s = sipd_of(daemon_of(p));
	const Call__Setup *r = IPC_BODY(m, Call__Setup);
	struct user *u = users_find(s->users, slice_str(r->user));
	char number[NUMBER_MAX] = "";

	if (!u)
		return ipc_fail(p, m, ERR_NOTFOUND, "there is no user %s", r->user);
	if (user_on(u, USER_DISABLED) && !r->emergency)
		return ipc_fail(p, m, ERR_DENIED, "user %s is disabled", r->user);
	if (s->d->draining)
		return ipc_fail(p, m, ERR_BUSY, "sipd is stopping");
	if (find(s, r->call))
		return ipc_fail(p, m, ERR_EXISTS, "this call reference is in use");
	if (call_user_legs(u) >= 2)
		return ipc_fail(p, m, ERR_LIMIT, "two calls are the limit of a handset");
	if (r->redial && cdr_redial(s->cdr, slice_str(u->f[USER_NAME]), number, sizeof(number)))
		return ipc_fail(p, m, ERR_NOTFOUND, "nothing was dialled yet");
	if (!r->redial && r->has_called &&
	    slice_copy((struct slice){ (const char *)r->called.data, r->called.len }, number,
	        sizeof(number)))
		return ipc_fail(
		    p, m, ERR_VALUE, "a number of at most %d characters", NUMBER_MAX - 1);
	struct leg_dect *l = make(s, u, r->call);
	for (size_t i = 0; i < r->n_codec && l->ncodec < ARRAY_LEN(l->codec); i++)
		if (r->codec[i] > 0 && (int)r->codec[i] < CODEC_N && codec_defs[r->codec[i]].speech)
			l->codec[l->ncodec++] = (uint8_t)r->codec[i];
	if (l->ncodec == 0)
		l->codec[l->ncodec++] = CODEC_PCMA;
	l->known = true;
	l->overlap = number[0] == '\0';
	l->setup = ipc_defer(p, m);
	if (r->rfp)
		(void)snprintf(sipd_ustate(s, u)->rfp, sizeof(ustate_of(u)->rfp), "%s", r->rfp);
	struct call *c = call_new(s, &l->leg);
	c->emergency = r->has_emergency && r->emergency;
	c->internal = r->has_internal && r->internal;
	/* A number that came whole with the SETUP and was not marked as open is complete. */
	c->complete = number[0] && (!r->has_complete || r->complete || r->redial);
	(void)snprintf(c->dialled, sizeof(c->dialled), "%s", number);
	c->ndialled = strlen(c->dialled);
	(void)snprintf(l->leg.dialled, sizeof(l->leg.dialled), "%s", number);
	struct party none = { 0 };
	leg_record_begin(&l->leg, &none);
	stat_add(s->st.placed, 1);
	log_ev(LOG_NOTICE, "call from a handset", F_CALL(l->leg.ref), F_USER(u->f[USER_NAME]),
	    F_TEXT("IPDECT_CALLED", number));
	feed_changed(s->to_presenced, u, FEED_USED);
	open_media(l);
	sipd_calls_changed(s, u);
	return 0;
}

int dect_on_digits(struct ipc_peer *p, struct ipc_msg *m)
{
	struct sipd *s = sipd_of(daemon_of(p));
	const Call__Digits *d = IPC_BODY(m, Call__Digits);
	struct leg_dect *l = find(s, d->call);
	struct slice digits = { (const char *)d->digits.data, d->digits.len };
	struct call_arg arg = { .digits = digits, .on = d->has_complete && d->complete };

	if (!l || digits.n > 64)
		return l ? ERR_LIMIT : 0;
	arg.leg = &l->leg;
	if (call_event(l->leg.call, CALL_EV_DIGITS, &arg) == ERR_STATE)
		(void)call_event(l->leg.call, CALL_EV_DTMF, &arg);
	return 0;
}

/* ---- a handset is called ---- */

static void on_offered(void *ctx, int err, struct ipc_msg *m)
{
	struct leg_dect *l = ctx;
	const Call__OfferAck *a = err ? NULL : IPC_BODY(m, Call__OfferAck);
	struct call_arg arg = { .leg = &l->leg, .cause = CAUSE_UNREACHABLE };

	if (l->leg.gone)
		return;
	if (!err && a->accepted) {
		(void)call_event(l->leg.call, CALL_EV_TRYING, NULL);
		return;
	}
	l->known = err == ERR_TIMEOUT;
	if (a && a->has_cause)
		arg.cause = (enum cause)a->cause;
	log_ev(LOG_NOTICE, "handset not reached", F_CALL(l->leg.ref),
	    F_USER(l->leg.user ? l->leg.user->f[USER_NAME] : ""),
	    F_TEXT("IPDECT_CAUSE", cause_name(arg.cause)), F_ERR(err));
	op_release(&l->leg, arg.cause);
	(void)call_event(l->leg.call, CALL_EV_FAILED, &arg);
}

static void send_offer(struct leg_dect *l)
{
	struct sipd *s = l->leg.sipd;
	Call__Offer o = CALL__OFFER__INIT;
	Base__Party caller, diverted;
	struct media_at_pb at;

	l->offered = true;
	o.call = l->leg.ref;
	o.user = l->leg.user->f[USER_NAME];
	party_pb(&caller, &l->caller);
	o.caller = &caller;
	if (l->has_diverted) {
		party_pb(&diverted, &l->diverted);
		o.diverted_by = &diverted;
	}
	media_at(&l->leg, &at);
	o.media = &at.at;
	o.has_waiting = l->waiting;
	o.waiting = l->waiting;
	int err = ipc_request(s->dectd, IPC_IF_CALL, CALL__TYPE__CALL_OFFER, &o.base,
	    &call__offer_ack__descriptor, OFFER_MS, on_offered, l);
	if (err) {
		struct call_arg arg = { .leg = &l->leg, .cause = CAUSE_UNREACHABLE };
		op_release(&l->leg, arg.cause);
		(void)call_event(l->leg.call, CALL_EV_FAILED, &arg);
		return;
	}
	l->known = true;
}

static int op_offer(
    struct leg *g, const struct party *caller, const struct party *diverted, bool waiting)
{
	struct leg_dect *l = of(g);

	l->caller = *caller;
	l->waiting = waiting;
	if (diverted) {
		l->diverted = *diverted;
		l->has_diverted = true;
	}
	leg_record_begin(g, caller);
	open_media(l);
	return 0;
}

/* It ended while the link was broken: else the handset would ring, or hear silence, for nobody. */
static int ended(struct ipc_peer *p, uint64_t ref)
{
	Call__Release rel = CALL__RELEASE__INIT;

	rel.call = ref;
	rel.cause = BASE__CAUSE__CAUSE_NORMAL;
	(void)ipc_event(p, IPC_IF_CALL, CALL__TYPE__CALL_RELEASE, &rel.base);
	return 0;
}

int dect_on_alerting(struct ipc_peer *p, struct ipc_msg *m)
{
	struct leg_dect *l = find(sipd_of(daemon_of(p)), IPC_BODY(m, Call__Alerting)->call);

	if (!l)
		return ended(p, IPC_BODY(m, Call__Alerting)->call);
	(void)call_event(l->leg.call, CALL_EV_RINGING, NULL);
	sipd_calls_changed(sipd_of(daemon_of(p)), l->leg.user); /* busy lamps */
	return 0;
}

int dect_on_answer(struct ipc_peer *p, struct ipc_msg *m)
{
	struct leg_dect *l = find(sipd_of(daemon_of(p)), IPC_BODY(m, Call__Answer)->call);
	struct call_arg arg = { 0 };

	if (!l)
		return ended(p, IPC_BODY(m, Call__Answer)->call);
	arg.leg = &l->leg;
	if (l->leg.user)
		feed_changed(l->leg.sipd->to_presenced, l->leg.user, FEED_USED);
	(void)call_event(l->leg.call, CALL_EV_ANSWER, &arg);
	return 0;
}

static void left(struct leg_dect *l, enum cause cause)
{
	struct sipd *s = l->leg.sipd;
	struct user *u = l->leg.user;

	if (!l->leg.calling && !l->leg.up) {
		l->known = false;
		op_release(&l->leg, cause == CAUSE_NORMAL ? CAUSE_REJECTED : cause);
		struct call_arg arg = { .leg = &l->leg,
			.cause = cause == CAUSE_NORMAL ? CAUSE_REJECTED : cause };
		(void)call_event(l->leg.call, CALL_EV_FAILED, &arg);
	} else {
		gone(l, cause);
	}
	sipd_calls_changed(s, u);
}

int dect_on_release(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Release *r = IPC_BODY(m, Call__Release);
	struct leg_dect *l = find(sipd_of(daemon_of(p)), r->call);

	if (l)
		left(l,
		    r->cause > 0 && (int)r->cause < CAUSE_N ? (enum cause)r->cause : CAUSE_NORMAL);
	return 0;
}

/* ---- the link broke between the same two processes ---- */

void dect_doubt(struct sipd *s)
{
	for (struct map_node *n = map_next(&s->legs, NULL); n; n = map_next(&s->legs, n)) {
		struct leg_dect *l = CONTAINER_OF(n, struct leg_dect, by_ref);

		l->doubt = l->known;
	}
}

static void end_doubtful(struct sipd *s)
{
	uint64_t *refs = mem_array(s->legs.n + 1, sizeof(*refs));
	size_t n = 0;

	for (struct map_node *m = map_next(&s->legs, NULL); m; m = map_next(&s->legs, m))
		if (CONTAINER_OF(m, struct leg_dect, by_ref)->doubt)
			refs[n++] = CONTAINER_OF(m, struct leg_dect, by_ref)->leg.ref;
	for (size_t i = 0; i < n; i++) {
		struct leg_dect *l = find(s, refs[i]); /* another's end may be its own, too */

		if (l && l->doubt) {
			log_ev(LOG_NOTICE, "call ended while the link to dectd was broken",
			    F_CALL(l->leg.ref));
			left(l, CAUSE_NORMAL);
		}
	}
	free(refs);
}

static void tell_again(struct leg_dect *l);

int dect_on_living(struct ipc_peer *p, struct ipc_msg *m)
{
	struct sipd *s = sipd_of(daemon_of(p));
	const Call__Living *r = IPC_BODY(m, Call__Living);

	for (size_t i = 0; i < r->n_call; i++) {
		struct leg_dect *l = find(s, r->call[i]);

		if (l)
			l->doubt = false;
		else
			(void)ended(p, r->call[i]);
	}
	for (size_t i = 0; i < r->n_waiting; i++) {
		struct leg_dect *l = find(s, r->waiting[i]);

		if (l && l->leg.calling)
			tell_again(l);
	}
	if (!r->has_more || !r->more)
		end_doubtful(s);
	return 0;
}

/* ---- towards the handset ---- */

static void op_progress(struct leg *g, enum leg_progress what, const struct party *far)
{
	Call__Progress pr = CALL__PROGRESS__INIT;
	Base__Party party;
	struct media_at_pb at;

	if (g->up) { /* it was in another call before: only its display changes */
		if (far && what == LEG_ALERTING)
			g->ops->display(g, far);
		return;
	}
	pr.call = g->ref;
	pr.kind = what == LEG_ALERTING      ? CALL__PROGRESS_KIND__ALERTING
	          : what == LEG_EARLY_MEDIA ? CALL__PROGRESS_KIND__EARLY_MEDIA
	          : what == LEG_QUEUED      ? CALL__PROGRESS_KIND__QUEUED
	                                    : CALL__PROGRESS_KIND__PROCEEDING;
	if (far) {
		party_pb(&party, far);
		pr.party = &party;
	}
	if (what != LEG_PROCEEDING) {
		pr.has_in_band = 1;
		pr.in_band = what == LEG_EARLY_MEDIA || g->sipd->conf->early_tones;
	}
	if (g->media && media_ready(g->media)) {
		media_at(g, &at);
		pr.media = &at.at;
	}
	send_event(g->sipd, CALL__TYPE__CALL_PROGRESS, &pr.base);
}

static void send_connected(struct leg *g, const struct party *far)
{
	Call__Connected ev = CALL__CONNECTED__INIT;
	Base__Party party;
	struct media_at_pb at;

	ev.call = g->ref;
	party_pb(&party, far);
	ev.party = &party;
	if (g->media && media_ready(g->media)) {
		media_at(g, &at);
		ev.media = &at.at;
	}
	send_event(g->sipd, CALL__TYPE__CALL_CONNECTED, &ev.base);
}

static int op_connect(struct leg *g, const struct party *far)
{
	if (g->up)
		g->ops->display(g, far);
	else
		send_connected(g, far);
	return 0;
}

/* What the handset waits for may have happened while nothing could be told. */
static void tell_again(struct leg_dect *l)
{
	struct call *c = l->leg.call;
	const struct leg *far = call_other(c, &l->leg);

	if (!far)
		return;
	if (l->leg.up)
		send_connected(&l->leg, &far->who);
	else if (c->fsm.st == CALL_RING)
		op_progress(&l->leg, LEG_ALERTING, &far->who);
}

static void op_display(struct leg *g, const struct party *far)
{
	Call__Display ev = CALL__DISPLAY__INIT;
	Base__Party party;

	ev.call = g->ref;
	party_pb(&party, far);
	ev.party = &party;
	if (!of(g)->offered && !g->calling)
		of(g)->caller = *far; /* goes with the offer, which waits for the media */
	else if (of(g)->known)
		send_event(g->sipd, CALL__TYPE__CALL_DISPLAY, &ev.base);
}

static void op_far_hold(struct leg *g, bool held)
{
	Call__Display ev = CALL__DISPLAY__INIT;

	ev.call = g->ref;
	ev.has_held_by_peer = 1;
	ev.held_by_peer = held;
	if (of(g)->known)
		send_event(g->sipd, CALL__TYPE__CALL_DISPLAY, &ev.base);
}

static int op_dtmf(struct leg *g, struct slice digits)
{
	return g->media ? media_dtmf(g->media, MEDIA_RADIO, digits) : ERR_STATE;
}

static void on_reap(struct tmr *t, void *ctx)
{
	(void)t;
	free(ctx);
}

static void op_free(struct leg *g)
{
	struct leg_dect *l = of(g);

	g->gone = true;
	g->call = NULL;
	map_del(&g->sipd->legs, &l->by_ref);
	if (l->setup)
		ipc_ticket_fail(l->setup, ERR_BUSY, "the call ended");
	l->setup = NULL;
	ipc_forget(g->sipd->d->ipc, l);
	tmr_init(&l->reap, g->sipd->d->wheel, on_reap, l);
	tmr_start(&l->reap, 0);
}

static const struct leg_ops ops = {
	.name = "handset",
	.offer = op_offer,
	.progress = op_progress,
	.connect = op_connect,
	.release = op_release,
	.display = op_display,
	.far_hold = op_far_hold,
	.dtmf = op_dtmf,
	.moved = op_moved,
	.free = op_free,
};
