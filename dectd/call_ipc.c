/* The call interface: what handsets' calls ask of sipd, and what sipd says to them. */
#include "dectd/call_ipc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.pb-c.h"
#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "dectd/call_svc.h"
#include "dectd/cc_lce.h"
#include "dectd/clms.h"
#include "dectd/lce.h"
#include "dectd/ss.h"
#include "media.pb-c.h"

#define SETUP_MS   12000
#define REQUEST_MS 5000
#define ORPHAN_MS  120000 /* speech without sipd: mediad keeps its sessions no longer */

_Static_assert((int)IWU_FORWARDED == (int)BASE__CAUSE__CAUSE_FORWARDED, "cause numbers");
_Static_assert((int)IWU_QUEUED == (int)CALL__PROGRESS_KIND__QUEUED, "progress numbers");

struct ticket { /* an offer that was not answered yet */
	struct map_node by_ref;
	uint64_t ref;
	struct ipc_ticket *t;
};

struct gone { /* ended while sipd was away: told when it is back */
	uint64_t ref;
	enum iwu_cause cause;
};
#define GONE_MAX 256

struct calls {
	struct dectd *r;
	struct phones *phones;
	struct cc_lce *low;
	struct ss *ss;
	struct handover *handover;
	struct clms *clms;
	struct map tickets;
	struct gone gone[GONE_MAX];
	unsigned ngone;
	struct list asks;
};

static struct calls *calls_of(struct ipc_peer *p)
{
	return dectd_of(daemon_of(p))->calls;
}

static ProtobufCBinaryData bin(struct slice s)
{
	return (ProtobufCBinaryData){ s.n, (uint8_t *)(uintptr_t)s.p };
}

static struct slice bytes(protobuf_c_boolean has, ProtobufCBinaryData b)
{
	return has ? (struct slice){ (const char *)b.data, b.len } : (struct slice){ 0 };
}

/* ---- conversions ---- */

static const struct {
	const char *name;
	Base__Codec codec;
	uint8_t mac, pt;
} codecs[] = { { "PCMA", BASE__CODEC__CODEC_PCMA, MAC_PCMA, 8 },
	{ "PCMU", BASE__CODEC__CODEC_PCMU, MAC_PCMU, 0 } };

static size_t our_codecs(const struct dectd_conf *conf, Base__Codec out[4])
{
	size_t n = 0;

	for (size_t i = 0; i < conf->codecs.n && n < 4; i++)
		for (size_t k = 0; k < ARRAY_LEN(codecs); k++)
			if (slice_ieq(slice_str(conf->codecs.v[i]), slice_str(codecs[k].name)))
				out[n++] = codecs[k].codec;
	if (n == 0)
		out[n++] = BASE__CODEC__CODEC_PCMA;
	return n;
}

/* false: nothing that a base station can reach. */
static bool media_of(const struct calls *c, const Base__MediaAt *at, struct mac_media *out)
{
	Base__Codec ours[4];
	size_t nours = our_codecs(c->r->conf, ours);

	memset(out, 0, sizeof(*out));
	/* RFP: the link carries IPv4 addresses only. */
	if (!at || !at->radio || at->radio->ip.len != 4 || at->radio->port == 0 ||
	    at->radio->port > 65534)
		return false;
	out->instance = at->instance;
	out->session = at->session;
	memcpy(out->far.ip, at->radio->ip.data, 4);
	out->far.port = (uint16_t)at->radio->port;
	for (size_t i = 0; i < at->n_codec && out->ncodecs < 4; i++)
		for (size_t k = 0; k < ARRAY_LEN(codecs); k++)
			if (at->codec[i] == codecs[k].codec) {
				out->codecs[out->ncodecs].codec = codecs[k].mac;
				out->codecs[out->ncodecs++].pt = codecs[k].pt;
			}
	for (size_t i = 0; i < nours && at->n_codec == 0; i++)
		for (size_t k = 0; k < ARRAY_LEN(codecs); k++)
			if (ours[i] == codecs[k].codec) {
				out->codecs[out->ncodecs].codec = codecs[k].mac;
				out->codecs[out->ncodecs++].pt = codecs[k].pt;
			}
	out->ptime_ms = at->ptime_ms;
	out->dtmf_pt = at->has_dtmf_pt && at->dtmf_pt < 128 ? (uint8_t)at->dtmf_pt : 0;
	return out->ncodecs > 0;
}

static struct ui_party *party_of(const Base__Party *p, struct ui_party *out)
{
	if (!p)
		return NULL;
	*out = (struct ui_party){ .name = bytes(p->has_name, p->name),
		.number = bytes(p->has_number, p->number),
		.uri = bytes(p->has_uri, p->uri),
		.anonymous = p->has_anonymous && p->anonymous,
		.external = p->has_external && p->external };
	return out;
}

static enum iwu_cause cause_of(Base__Cause c)
{
	return c > 0 && (int)c < IWU_CAUSE_N ? (enum iwu_cause)c : IWU_NORMAL;
}

/* ---- towards sipd ---- */

static void event(struct calls *c, uint16_t type, const ProtobufCMessage *m)
{
	if (c->r->sipd)
		(void)ipc_event(c->r->sipd, IPC_IF_CALL, type, m);
}

struct ask {
	struct list node;
	struct calls *c;
	uint64_t ref;
	bool on;
};

static struct ask *ask_new(struct calls *c, uint64_t ref, bool on)
{
	struct ask *a = mem_new(sizeof(*a));

	a->c = c;
	a->ref = ref;
	a->on = on;
	list_append(&c->asks, &a->node);
	return a;
}

/* Of a callback, or of a request that could not be made. */
static struct ask ask_end(void *ctx)
{
	struct ask *a = ctx, copy = *a;

	list_remove(&a->node);
	free(a);
	return copy;
}

static void on_setup_done(void *ctx, int err, struct ipc_msg *m)
{
	struct ask a = ask_end(ctx);
	struct calls *c = a.c;
	uint64_t ref = a.ref;
	const Call__SetupAck *r = err ? NULL : IPC_BODY(m, Call__SetupAck);
	struct mac_media media;
	char why[96] = "";

	if (err && m && slice_copy(slice_sub(m->text, 0, sizeof(why) - 1), why, sizeof(why)) != 0)
		why[0] = '\0';
	bool has = r && media_of(c, r->media, &media);
	if (r && !has)
		log_ev(LOG_ERR, "sipd gave no media address that a base station can use",
		    F_CALL(ref), F_REMEDY("set the radio address of mediad to an IPv4 address"));
	phones_setup_done(c->phones, ref, r && !has ? ERR_UNSUPP : err, has ? &media : NULL,
	    r && r->has_dial_tone && r->dial_tone, why);
	if (err == ERR_TIMEOUT && c->r->sipd) {
		Call__Release rel = CALL__RELEASE__INIT;
		rel.call = ref;
		rel.cause = BASE__CAUSE__CAUSE_NORMAL;
		event(c, CALL__TYPE__CALL_RELEASE, &rel.base);
	}
}

static int op_setup(void *ctx, struct pp *pp, uint64_t ref, const struct iwu_setup *s)
{
	struct calls *c = ctx;
	Call__Setup q = CALL__SETUP__INIT;
	Base__Codec list[4];
	char rfp[13];
	static char nobody[] = "";

	q.call = ref;
	q.user = pp->user ? pp->user->name : nobody;
	if (s->called.n) {
		q.has_called = 1;
		q.called = bin(s->called);
		q.has_complete = 1;
		q.complete = s->complete;
	}
	q.has_emergency = q.emergency = s->emergency;
	q.has_internal = q.internal = s->internal;
	q.has_redial = q.redial = s->redial;
	q.has_consultation_of = s->consultation_of != 0;
	q.consultation_of = s->consultation_of;
	q.n_codec = our_codecs(c->r->conf, list);
	q.codec = list;
	dectd_base_text(c->r, pp->base, rfp);
	q.rfp = rfp[0] ? rfp : NULL;
	struct ask *a = ask_new(c, ref, false);
	int err = ipc_request(c->r->sipd, IPC_IF_CALL, CALL__TYPE__CALL_SETUP, &q.base,
	    &call__setup_ack__descriptor, SETUP_MS, on_setup_done, a);
	if (err)
		(void)ask_end(a);
	return err;
}

static void op_digits(void *ctx, uint64_t ref, struct slice digits, bool complete)
{
	Call__Digits q = CALL__DIGITS__INIT;

	q.call = ref;
	q.digits = bin(digits);
	q.has_complete = q.complete = complete;
	event(ctx, CALL__TYPE__CALL_DIGITS, &q.base);
}

static void op_offered(void *ctx, uint64_t ref, bool accepted, enum iwu_cause why)
{
	struct calls *c = ctx;
	struct map_node *n = map_get(&c->tickets, map_u64(&ref));
	Call__OfferAck a = CALL__OFFER_ACK__INIT;

	if (!n)
		return;
	struct ticket *t = CONTAINER_OF(n, struct ticket, by_ref);
	a.accepted = accepted;
	if (!accepted) {
		a.has_cause = 1;
		a.cause = (Base__Cause)why;
	}
	map_del(&c->tickets, &t->by_ref);
	ipc_ticket_reply(t->t, &a.base);
	free(t);
}

static void op_alerting(void *ctx, uint64_t ref)
{
	Call__Alerting q = CALL__ALERTING__INIT;

	q.call = ref;
	event(ctx, CALL__TYPE__CALL_ALERTING, &q.base);
}

static void op_answer(void *ctx, uint64_t ref)
{
	struct calls *c = ctx;
	Call__Answer q = CALL__ANSWER__INIT;
	Base__Codec list[4];

	q.call = ref;
	q.n_codec = our_codecs(c->r->conf, list);
	q.codec = list;
	event(c, CALL__TYPE__CALL_ANSWER, &q.base);
}

static void op_release(void *ctx, uint64_t ref, enum iwu_cause why)
{
	struct calls *c = ctx;
	Call__Release q = CALL__RELEASE__INIT;

	if (!c->r->sipd) {
		if (c->ngone < GONE_MAX)
			c->gone[c->ngone++] = (struct gone){ ref, why };
		return;
	}
	q.call = ref;
	q.cause = (Base__Cause)why;
	event(c, CALL__TYPE__CALL_RELEASE, &q.base);
}

static void on_hold_done(void *ctx, int err, struct ipc_msg *m)
{
	struct ask a = ask_end(ctx);

	(void)m;
	phones_hold_done(a.c->phones, a.ref, a.on, err);
}

static int op_hold(void *ctx, uint64_t ref, bool on)
{
	struct calls *c = ctx;
	Call__Hold h = CALL__HOLD__INIT;
	Call__Retrieve r = CALL__RETRIEVE__INIT;
	struct ask *a = ask_new(c, ref, on);

	h.call = r.call = ref;
	int err = ipc_request(c->r->sipd, IPC_IF_CALL,
	    on ? CALL__TYPE__CALL_HOLD : CALL__TYPE__CALL_RETRIEVE, on ? &h.base : &r.base,
	    &call__ok__descriptor, REQUEST_MS, on_hold_done, a);
	if (err)
		(void)ask_end(a);
	return err;
}

static void on_transfer_done(void *ctx, int err, struct ipc_msg *m)
{
	struct ask a = ask_end(ctx);

	(void)m;
	phones_transfer_done(a.c->phones, a.ref, err);
}

static int op_transfer(void *ctx, uint64_t ref, uint64_t other, struct slice target)
{
	struct calls *c = ctx;
	Call__Transfer q = CALL__TRANSFER__INIT;
	struct ask *a = ask_new(c, ref, false);

	q.call = ref;
	q.has_other = other != 0;
	q.other = other;
	q.has_target = target.n != 0;
	q.target = bin(target);
	int err = ipc_request(c->r->sipd, IPC_IF_CALL, CALL__TYPE__CALL_TRANSFER, &q.base,
	    &call__ok__descriptor, REQUEST_MS, on_transfer_done, a);
	if (err)
		(void)ask_end(a);
	return err;
}

static void on_conference_done(void *ctx, int err, struct ipc_msg *m)
{
	struct ask a = ask_end(ctx);

	(void)m;
	phones_conference_done(a.c->phones, a.ref, a.on, err);
}

static int op_conference(void *ctx, uint64_t ref, uint64_t other, bool on)
{
	struct calls *c = ctx;
	Call__Conference q = CALL__CONFERENCE__INIT;
	struct ask *a = ask_new(c, ref, on);

	q.call = ref;
	q.other = other;
	q.has_leave = q.leave = !on;
	int err = ipc_request(c->r->sipd, IPC_IF_CALL, CALL__TYPE__CALL_CONFERENCE, &q.base,
	    &call__ok__descriptor, REQUEST_MS, on_conference_done, a);
	if (err)
		(void)ask_end(a);
	return err;
}

static void op_radio(void *ctx, struct pp *pp, uint64_t ref, bool handover)
{
	struct calls *c = ctx;
	Call__Radio q = CALL__RADIO__INIT;
	struct lce_link *l = lce_find(c->r->lce, &pp->ipui);
	char rfp[13];

	dectd_base_text(c->r, l && lce_base(l) != MAC_ALL ? lce_base(l) : pp->base, rfp);
	q.call = ref;
	q.rfp = rfp;
	q.has_handover = q.handover = handover;
	q.has_ciphered = 1;
	q.ciphered = l && lce_ciphered(l);
	event(c, CALL__TYPE__CALL_RADIO, &q.base);
}

static int op_query(void *ctx, struct pp *pp, uint32_t token, const struct iwu_query *q)
{
	struct calls *c = ctx;

	return call_svc_query(c->r, c->phones, pp, token, q);
}

/* ---- speech ---- */

static int op_media_open(void *ctx, struct pp *pp, const struct mac_media *m)
{
	struct calls *c = ctx;
	struct mac_conn *conn = cc_lce_conn(c->low, pp);
	struct mac_addr local;

	if (!conn)
		return ERR_LOST;
	if (c->r->mm)
		mm_call_active(c->r->mm, pp, true);
	return mac_media_open(conn, m, &local);
}

static void op_media_close(void *ctx, struct pp *pp)
{
	struct calls *c = ctx;
	struct mac_conn *conn = cc_lce_conn(c->low, pp);

	if (conn)
		mac_media_close(conn);
}

static void on_tone_done(void *ctx, int err, struct ipc_msg *m)
{
	(void)ctx;
	(void)m;
	if (err)
		log_ev(LOG_INFO, "tone not played", F_ERR(err));
}

static void op_tone(void *ctx, struct pp *pp, const struct mac_media *m, enum iwu_tone tone)
{
	struct calls *c = ctx;
	Media__Tone q = MEDIA__TONE__INIT;
	struct ipc_peer *p = ipc_find(c->r->d->ipc, IPC_MEDIAD, m->instance);

	(void)pp;
	q.session = m->session;
	q.side = MEDIA__SIDE__SIDE_RADIO;
	q.kind = tone == IWU_TONE_WAITING   ? MEDIA__TONE_KIND__TONE_CALL_WAITING
	         : tone == IWU_TONE_CONFIRM ? MEDIA__TONE_KIND__TONE_CONFIRM
	         : tone == IWU_TONE_OFF     ? MEDIA__TONE_KIND__TONE_OFF
	                                    : MEDIA__TONE_KIND__TONE_CONGESTION;
	q.has_ms = 1;
	q.ms = tone == IWU_TONE_OFF ? 0 : 3000;
	if (ipc_request(p, IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_TONE, &q.base, &media__done__descriptor,
	        REQUEST_MS, on_tone_done, c) != 0)
		log_ev(LOG_INFO, "tone not played: no mediad");
}

static void on_moved(void *ctx, struct pp *pp)
{
	struct calls *c = ctx;

	phones_moved(c->phones, pp);
}

static void on_media(void *ctx, struct pp *pp, const struct mac_media_ind *ind)
{
	struct calls *c = ctx;

	switch (ind->what) {
	case MAC_MEDIA_FAILED:
		phones_media_failed(c->phones, pp, ind->err);
		break;
	case MAC_MEDIA_OPENED:
	case MAC_MEDIA_MOVED:
		phones_media_open(c->phones, pp);
		break;
	case MAC_MEDIA_STATS:
		log_ev(LOG_INFO, "speech at the base station",
		    F_USER(pp->user ? pp->user->name : ""),
		    F_U64("IPDECT_SECONDS", ind->stats->seconds),
		    F_U64("IPDECT_RX_PACKETS", ind->stats->rx_packets),
		    F_U64("IPDECT_TX_PACKETS", ind->stats->tx_packets),
		    F_U64("IPDECT_LOST", ind->stats->lost),
		    F_U64("IPDECT_JITTER_US", ind->stats->jitter_us));
		break;
	default:
		break;
	}
}

static const struct cc_lce_ops low_ops = { .moved = on_moved, .media = on_media };

static void op_where(void *ctx, struct pp *pp, char *base, size_t cap, int *dbm)
{
	struct calls *c = ctx;
	struct lce_link *l = lce_find(c->r->lce, &pp->ipui);
	uint32_t id = l && lce_base(l) != MAC_ALL ? lce_base(l) : pp->base;
	struct mac_base_info info;
	char mac[13];

	/* RFP: no message tells the signal of one handset. */
	*dbm = 0;
	if (mac_base_info(c->r->mac, id, &info) == 0 && info.name[0]) {
		(void)snprintf(base, cap, "%s", info.name);
		return;
	}
	dectd_base_text(c->r, id, mac);
	(void)snprintf(base, cap, "%s", mac);
}

static uint64_t op_new_ref(void *ctx)
{
	(void)ctx;
	return id_u64();
}

static bool op_sipd_there(void *ctx)
{
	return ((struct calls *)ctx)->r->sipd != NULL;
}

static const struct iwu_ops iwu = {
	.setup = op_setup,
	.digits = op_digits,
	.offered = op_offered,
	.alerting = op_alerting,
	.answer = op_answer,
	.release = op_release,
	.hold = op_hold,
	.transfer = op_transfer,
	.conference = op_conference,
	.radio = op_radio,
	.query = op_query,
	.tone = op_tone,
	.media_open = op_media_open,
	.media_close = op_media_close,
	.where = op_where,
	.new_ref = op_new_ref,
	.sipd_there = op_sipd_there,
};

/* ---- from sipd ---- */

int call_on_offer(struct ipc_peer *p, struct ipc_msg *m)
{
	struct calls *c = calls_of(p);
	const Call__Offer *o = IPC_BODY(m, Call__Offer);
	struct pp *pp = pp_by_user(c->r->pps, slice_str(o->user));
	Call__OfferAck no = CALL__OFFER_ACK__INIT;
	struct iwu_offer in = { .ring_pattern = -1 };
	struct mac_media media;
	enum iwu_cause why = IWU_UNREACHABLE;

	if (map_get(&c->tickets, map_u64(&o->call)))
		return ipc_fail(p, m, ERR_EXISTS, "this call reference is in use");
	if (pp && pp->subscribed) {
		(void)party_of(o->caller, &in.caller);
		in.has_diverted = party_of(o->diverted_by, &in.diverted) != NULL;
		in.auto_answer = o->has_auto_answer && o->auto_answer;
		if (o->has_ring_pattern)
			in.ring_pattern = (int)(o->ring_pattern & 7);
		if (media_of(c, o->media, &media))
			in.media = &media;
		struct ticket *t = mem_new(sizeof(*t));
		t->ref = o->call;
		t->t = ipc_defer(p, m);
		(void)map_put(&c->tickets, &t->by_ref, map_u64(&t->ref));
		why = in.media ? phones_offer(c->phones, pp, o->call, &in) : IWU_CODEC;
		if (why != IWU_NONE)
			op_offered(c, o->call, false, why);
		return 0;
	}
	no.has_cause = 1;
	no.cause = (Base__Cause)why;
	return ipc_reply(p, m, &no.base);
}

int call_on_progress(struct ipc_peer *p, struct ipc_msg *m)
{
	struct calls *c = calls_of(p);
	const Call__Progress *r = IPC_BODY(m, Call__Progress);
	struct ui_party party;
	struct mac_media media;
	struct iwu_progress_in in = { .kind = (enum iwu_progress)r->kind,
		.party = party_of(r->party, &party),
		.in_band = r->has_in_band && r->in_band,
		.cause = r->has_cause ? cause_of(r->cause) : IWU_NONE };

	if (r->kind < CALL__PROGRESS_KIND__PROCEEDING || r->kind > CALL__PROGRESS_KIND__QUEUED)
		return ERR_VALUE;
	if (media_of(c, r->media, &media))
		in.media = &media;
	phones_progress(c->phones, r->call, &in);
	return 0;
}

int call_on_connected(struct ipc_peer *p, struct ipc_msg *m)
{
	struct calls *c = calls_of(p);
	const Call__Connected *r = IPC_BODY(m, Call__Connected);
	struct ui_party party;
	struct mac_media media;

	phones_connected(c->phones, r->call, party_of(r->party, &party),
	    media_of(c, r->media, &media) ? &media : NULL);
	return 0;
}

int call_on_release(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Release *r = IPC_BODY(m, Call__Release);

	phones_released(calls_of(p)->phones, r->call, cause_of(r->cause),
	    bytes(r->has_text, r->text), r->has_tone && r->tone);
	return 0;
}

int call_on_display(struct ipc_peer *p, struct ipc_msg *m)
{
	const Call__Display *r = IPC_BODY(m, Call__Display);
	struct ui_party party;

	phones_display(calls_of(p)->phones, r->call, party_of(r->party, &party),
	    r->has_held_by_peer ? r->held_by_peer != 0 : -1, bytes(r->has_text, r->text));
	return 0;
}

int call_on_media(struct ipc_peer *p, struct ipc_msg *m)
{
	struct calls *c = calls_of(p);
	const Call__Media *r = IPC_BODY(m, Call__Media);
	struct mac_media media;

	if (!media_of(c, r->media, &media))
		return ERR_VALUE;
	phones_media(c->phones, r->call, &media);
	return 0;
}

static void on_text_sent(void *ctx, int err)
{
	(void)ctx;
	if (err)
		log_ev(LOG_NOTICE, "text message not delivered", F_ERR(err));
}

static void send_clms(struct calls *c, const struct pp *pp, const struct ss_notice *n)
{
	struct ui_caps caps = cc_ui_caps(pp);
	char text[CLMS_TEXT_MAX];
	struct wr w = wr_of(text, sizeof(text));

	if (n->from.n) {
		ui_text_dect(&w, n->from, caps.sets, UI_NAME_MAX);
		wr_str(&w, ": ");
	}
	ui_text_dect(&w, n->text, caps.sets, sizeof(text) - w.n);
	int err = clms_send(c->clms, &pp->ipui, wr_slice(&w), on_text_sent, c);
	if (err)
		on_text_sent(c, err);
}

/* sipd has no request for a handset's own text messages. */
static void on_text(void *ctx, struct lce_link *l, struct slice text)
{
	struct calls *c = ctx;
	struct pp *pp = pp_by_ipui(c->r->pps, lce_ipui(l));

	(void)text;
	log_ev(LOG_INFO, "text message of a handset dropped: there is no way to send it on",
	    F_USER(pp && pp->user ? pp->user->name : ""));
}

int call_on_notice(struct ipc_peer *p, struct ipc_msg *m)
{
	struct calls *c = calls_of(p);
	const Call__Notice *n = IPC_BODY(m, Call__Notice);
	struct pp_user *u = pp_user_find(c->r->pps, slice_str(n->user));
	struct ss_notice in = { .has_messages = n->has_messages_new,
		.messages = n->messages_new,
		.has_missed = n->has_missed,
		.missed = n->missed,
		.text = bytes(n->has_text, n->text),
		.from = bytes(n->has_text_from, n->text_from) };

	if (!u)
		return 0;
	if (c->r->conf->texts != TEXTS_DISPLAY) {
		if (c->r->conf->texts == TEXTS_CLMS && in.text.n && u->pp)
			send_clms(c, u->pp, &in);
		in.text.n = 0;
	}
	ss_user_notice(c->ss, u, &in);
	if (u->pp && n->has_messages_new)
		phones_messages(c->phones, u->pp, n->messages_new);
	return 0;
}

int call_on_presence(struct ipc_peer *p, struct ipc_msg *m)
{
	(void)p;
	(void)m;
	return 0; /* no handset has a display for colleagues' states that is not proprietary */
}

/* ---- life ---- */

static int make_conf(struct calls *c, const struct dectd_conf *conf, struct phones_conf *out)
{
	struct slice words = slice_str(conf->emergency);

	phones_conf_default(out);
	out->cc.ident = c->r->ident;
	out->cc.wideband = conf->wideband;
	out->cc.number_uris = conf->uri_numbers;
	out->cc.signal_again = conf->signal_again;
	out->call_waiting = conf->call_waiting;
	out->transfer_on_hangup = conf->transfer_on_hangup;
	out->ring_internal = conf->ring_internal;
	out->ring_external = conf->ring_external;
	for (size_t i = 0; i < conf->service_codes.n; i++) {
		int err = ui_code_add(&out->codes, slice_str(conf->service_codes.v[i]));
		if (err) {
			log_ev(LOG_ERR, "service code is not understood",
			    F_TEXT("IPDECT_VALUE", conf->service_codes.v[i]), F_ERR(err),
			    F_REMEDY(
			        "write CODE>FUNCTION, e.g. *55>redial or *56*N#>forward-busy"));
			return err;
		}
	}
	out->digits_ms = conf->digits_ms;
	(void)snprintf(out->language, sizeof(out->language), "%s", conf->language);
	for (size_t i = 0; i < conf->call_codes.n; i++) {
		int err = ui_call_code_add(&out->call_codes, slice_str(conf->call_codes.v[i]));
		if (err) {
			log_ev(LOG_ERR, "call code is not understood",
			    F_TEXT("IPDECT_VALUE", conf->call_codes.v[i]), F_ERR(err),
			    F_REMEDY("write R2>toggle or 1C31>toggle"));
			return err;
		}
	}
	out->nemergency = 0;
	while (words.n && out->nemergency < ARRAY_LEN(out->emergency)) {
		size_t end = 0;
		while (end < words.n && words.p[end] != ' ' && words.p[end] != ',')
			end++;
		if (end && slice_copy(slice_sub(words, 0, end), out->emergency[out->nemergency],
		               sizeof(out->emergency[0])) == 0)
			out->nemergency++;
		words = slice_sub(words, end + 1, words.n);
	}
	return 0;
}

static void ss_settings(const struct dectd_conf *conf, struct ss_conf *out)
{
	out->idle_display = conf->idle_display;
	out->time = true;
	(void)snprintf(out->language, sizeof(out->language), "%s", conf->language);
}

static void on_unsafe(void *ctx, struct pp *pp, struct lce_link *l, uint8_t reason)
{
	struct calls *c = ctx;

	(void)l;
	phones_unsafe(c->phones, pp, reason);
}

static const struct mm_watch mm_watch = { .unsafe = on_unsafe };

int calls_new(struct dectd *r, struct calls **out)
{
	struct calls *c = mem_new(sizeof(*c));
	struct phones_conf conf;
	struct ss_conf sc;
	int err;

	c->r = r;
	list_init(&c->asks);
	err = make_conf(c, r->conf, &conf);
	if (err) {
		free(c);
		return err;
	}
	ss_settings(r->conf, &sc);
	c->low = cc_lce_new(r->d->wheel, r->lce, r->pps, r->mm, &low_ops, c);
	c->phones = phones_new(r->d->wheel, &conf, &cc_lce_low, c->low, &iwu, c);
	cc_lce_set_cc(c->low, phones_cc(c->phones));
	c->ss = ss_new(r->d->wheel, r->lce, r->pps, r->mm, &sc);
	c->handover = handover_new(r->lce, r->pps);
	c->clms = clms_new(r->d->wheel, r->lce, on_text, c);
	if (r->mm)
		mm_set_watch(r->mm, &mm_watch, c);
	*out = c;
	return 0;
}

void calls_free(struct calls *c)
{
	static const struct lce_entity nobody = { 0 };

	if (!c)
		return;
	if (c->r->mm)
		mm_set_watch(c->r->mm, NULL, NULL);
	ipc_forget(c->r->d->ipc, c);
	LIST_FOREACH(&c->asks, it)
	{
		struct ask *a = LIST_ENTRY(it, struct ask, node);
		ipc_forget(c->r->d->ipc, a);
		(void)ask_end(a);
	}
	call_svc_forget(c->r);
	phones_free(c->phones);
	ss_free(c->ss);
	lce_register(c->r->lce, NWK_CLMS, &nobody, NULL);
	clms_free(c->clms);
	handover_free(c->handover);
	cc_lce_free(c->low);
	for (struct map_node *n = map_next(&c->tickets, NULL); n; n = map_next(&c->tickets, NULL)) {
		struct ticket *t = CONTAINER_OF(n, struct ticket, by_ref);
		map_del(&c->tickets, n);
		ipc_ticket_fail(t->t, ERR_BUSY, "dectd is stopping");
		free(t);
	}
	map_free(&c->tickets);
	free(c);
}

int calls_reload(struct calls *c, const struct dectd_conf *conf)
{
	struct phones_conf pc;
	int err = make_conf(c, conf, &pc);

	struct ss_conf sc;

	if (err)
		return err;
	phones_set_conf(c->phones, &pc);
	ss_settings(conf, &sc);
	ss_set_conf(c->ss, &sc);
	return 0;
}

struct phones *calls_phones(struct calls *c)
{
	return c->phones;
}

const struct handover_stats *calls_handovers(const struct calls *c)
{
	return handover_stats(c->handover);
}

const struct ss_stats *calls_ss(const struct calls *c)
{
	return ss_stats(c->ss);
}

void calls_up(struct calls *c, bool restarted)
{
	if (restarted) {
		phones_orphan(c->phones, ORPHAN_MS);
		c->ngone = 0;
		return;
	}
	for (unsigned i = 0; i < c->ngone; i++)
		op_release(c, c->gone[i].ref, c->gone[i].cause);
	c->ngone = 0;
	phones_resync(c->phones);
}

void calls_down(struct calls *c)
{
	(void)c; /* calls go on; what comes of them is told when sipd is back */
}

void calls_pp_changed(struct calls *c, struct pp *pp, struct pp_user *u, unsigned what)
{
	if (pp && (what & (PP_C_GONE | PP_C_USER)) && phones_busy(pp)) {
		phones_gone(c->phones, pp);
	}
	if (pp && (what & PP_C_GONE)) {
		phones_gone(c->phones, pp);
		cc_lce_forget(c->low, pp);
	}
	ss_changed(c->ss, pp, u, what);
}
