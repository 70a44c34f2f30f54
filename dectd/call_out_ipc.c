/* The call interface: what handsets' calls ask of sipd, and of mediad. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "dectd/call_priv_ipc.h"
#include "dectd/call_svc.h"
#include "media.pb-c.h"

#define SETUP_MS   12000
#define REQUEST_MS 5000

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
bool call_media_of(const struct calls *c, const Base__MediaAt *at, struct mac_media *out)
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

/* ---- towards sipd ---- */

static void event(struct calls *c, uint16_t type, const ProtobufCMessage *m)
{
	if (c->r->sipd)
		(void)ipc_event(c->r->sipd, IPC_IF_CALL, type, m);
}

static struct call_ask *ask_new(struct calls *c, uint64_t ref, bool on)
{
	struct call_ask *a = mem_new(sizeof(*a));

	a->c = c;
	a->ref = ref;
	a->on = on;
	list_append(&c->asks, &a->node);
	return a;
}

/* Of a callback, or of a request that could not be made. */
struct call_ask call_ask_end(void *ctx)
{
	struct call_ask *a = ctx, copy = *a;

	list_remove(&a->node);
	free(a);
	return copy;
}

static void on_setup_done(void *ctx, int err, struct ipc_msg *m)
{
	struct call_ask a = call_ask_end(ctx);
	struct calls *c = a.c;
	uint64_t ref = a.ref;
	const Call__SetupAck *r = err ? NULL : IPC_BODY(m, Call__SetupAck);
	struct mac_media media;
	char why[96] = "";

	if (err && m && slice_copy(slice_sub(m->text, 0, sizeof(why) - 1), why, sizeof(why)) != 0)
		why[0] = '\0';
	bool has = r && call_media_of(c, r->media, &media);
	if (r && !has)
		log_ev(LOG_ERR, "sipd gave no media address that a base station can use",
		    F_CALL(ref), F_REMEDY("set the radio address of mediad to an IPv4 address"));
	phones_setup_done(c->phones, ref, r && !has ? ERR_UNSUPP : err, has ? &media : NULL,
	    r && r->has_dial_tone && r->dial_tone, why);
	/* sipd has, or may have, a call that nobody here will hear. */
	if ((err == ERR_TIMEOUT || (r && !has)) && c->r->sipd) {
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
	struct call_ask *a = ask_new(c, ref, false);
	int err = ipc_request(c->r->sipd, IPC_IF_CALL, CALL__TYPE__CALL_SETUP, &q.base,
	    &call__setup_ack__descriptor, SETUP_MS, on_setup_done, a);
	if (err)
		(void)call_ask_end(a);
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

void call_op_offered(void *ctx, uint64_t ref, bool accepted, enum iwu_cause why)
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

void call_op_release(void *ctx, uint64_t ref, enum iwu_cause why)
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
	struct call_ask a = call_ask_end(ctx);

	(void)m;
	phones_hold_done(a.c->phones, a.ref, a.on, err);
}

static int op_hold(void *ctx, uint64_t ref, bool on)
{
	struct calls *c = ctx;
	Call__Hold h = CALL__HOLD__INIT;
	Call__Retrieve r = CALL__RETRIEVE__INIT;
	struct call_ask *a = ask_new(c, ref, on);

	h.call = r.call = ref;
	int err = ipc_request(c->r->sipd, IPC_IF_CALL,
	    on ? CALL__TYPE__CALL_HOLD : CALL__TYPE__CALL_RETRIEVE, on ? &h.base : &r.base,
	    &call__ok__descriptor, REQUEST_MS, on_hold_done, a);
	if (err)
		(void)call_ask_end(a);
	return err;
}

static void on_transfer_done(void *ctx, int err, struct ipc_msg *m)
{
	struct call_ask a = call_ask_end(ctx);

	(void)m;
	phones_transfer_done(a.c->phones, a.ref, err);
}

static int op_transfer(void *ctx, uint64_t ref, uint64_t other, struct slice target)
{
	struct calls *c = ctx;
	Call__Transfer q = CALL__TRANSFER__INIT;
	struct call_ask *a = ask_new(c, ref, false);

	q.call = ref;
	q.has_other = other != 0;
	q.other = other;
	q.has_target = target.n != 0;
	q.target = bin(target);
	int err = ipc_request(c->r->sipd, IPC_IF_CALL, CALL__TYPE__CALL_TRANSFER, &q.base,
	    &call__ok__descriptor, REQUEST_MS, on_transfer_done, a);
	if (err)
		(void)call_ask_end(a);
	return err;
}

static void on_conference_done(void *ctx, int err, struct ipc_msg *m)
{
	struct call_ask a = call_ask_end(ctx);

	(void)m;
	phones_conference_done(a.c->phones, a.ref, a.on, err);
}

static int op_conference(void *ctx, uint64_t ref, uint64_t other, bool on)
{
	struct calls *c = ctx;
	Call__Conference q = CALL__CONFERENCE__INIT;
	struct call_ask *a = ask_new(c, ref, on);

	q.call = ref;
	q.other = other;
	q.has_leave = q.leave = !on;
	int err = ipc_request(c->r->sipd, IPC_IF_CALL, CALL__TYPE__CALL_CONFERENCE, &q.base,
	    &call__ok__descriptor, REQUEST_MS, on_conference_done, a);
	if (err)
		(void)call_ask_end(a);
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

const struct cc_lce_ops call_low_ops = { .moved = on_moved, .media = on_media };

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

const struct iwu_ops call_iwu_ops = {
	.setup = op_setup,
	.digits = op_digits,
	.offered = call_op_offered,
	.alerting = op_alerting,
	.answer = op_answer,
	.release = call_op_release,
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
