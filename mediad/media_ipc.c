/* The media interface: requests of sipd and dectd, events and load to sipd. */
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "media.pb-c.h"
#include "mediad/cac_pb.h"
#include "mediad/codec.h"
#include "mediad/sess.h"
#include "mediad/tone.h"

_Static_assert((int)CODEC_PCMA == (int)BASE__CODEC__CODEC_PCMA, "codec numbers");
_Static_assert((int)CODEC_AAL2_G726_32 == (int)BASE__CODEC__CODEC_AAL2_G726_32, "codec numbers");
_Static_assert((int)CODEC_EVENT == (int)BASE__CODEC__CODEC_TELEPHONE_EVENT, "codec numbers");
_Static_assert((int)CODEC_L16 == (int)BASE__CODEC__CODEC_L16, "codec numbers");
_Static_assert((int)SBOX_GCM == (int)MEDIA__SUITE__AEAD_AES_128_GCM, "suite numbers");
_Static_assert((int)SIDE_RADIO == (int)MEDIA__SIDE__SIDE_RADIO, "side numbers");
_Static_assert((int)LEG_INACTIVE == (int)MEDIA__DIRECTION__INACTIVE, "direction numbers");
_Static_assert((int)MEDIA_EV_CAC == (int)MEDIA__EVENT_KIND__CAC, "event numbers");
_Static_assert((int)ICE_DRAFT6 == (int)MEDIA__ICE_MODE__ICE_DRAFT6, "ICE numbers");
_Static_assert((int)TONE_KIND_CONFIRM == (int)MEDIA__TONE_KIND__TONE_CONFIRM, "tone numbers");

#define LEGS 2

/* ---- in ---- */

int media_read_addr(const Base__Addr *a, struct addr *out)
{
	if ((a->ip.len != 4 && a->ip.len != 16) || a->port == 0 || a->port > 65535)
		return ERR_VALUE;
	addr_from_ip(out, a->ip.data, a->ip.len, (uint16_t)a->port);
	return 0;
}

static int read_key(const Media__Srtp *s, struct sbox_key *out)
{
	memset(out, 0, sizeof(*out));
	if (!ipc_enum_ok(&media__suite__descriptor, (int)s->suite))
		return ERR_UNSUPP;
	out->suite = (uint8_t)s->suite;
	if (out->suite == SBOX_NONE)
		return 0;
	if (!s->has_key_salt || s->key_salt.len != sbox_key_len(out->suite))
		return ERR_VALUE;
	memcpy(out->key, s->key_salt.data, s->key_salt.len);
	if (s->has_mki && s->mki.len) {
		if (s->mki.len > SBOX_MKI)
			return ERR_LIMIT;
		out->nmki = (uint8_t)s->mki.len;
		memcpy(out->mki, s->mki.data, s->mki.len);
	}
	out->lifetime = s->has_lifetime ? s->lifetime : 0;
	return 0;
}

static int read_keys(const Media__Leg *l, struct leg_set *out)
{
	int err = 0;

	if (l->tx) {
		out->has_tx = true;
		err = read_key(l->tx, &out->tx);
	}
	if (l->rx && !err) {
		out->has_rx = true;
		err = read_key(l->rx, &out->rx[out->nrx++]);
	}
	if (!err && l->n_rx_more > ARRAY_LEN(out->rx) - 1)
		return ERR_LIMIT;
	for (size_t i = 0; i < l->n_rx_more && !err; i++) {
		out->has_rx = true;
		err = read_key(l->rx_more[i], &out->rx[out->nrx++]);
	}
	return err;
}

static int read_leg(const Media__Leg *l, struct leg_set *out)
{
	int err = 0;

	memset(out, 0, sizeof(*out));
	if (l->side != MEDIA__SIDE__SIDE_NETWORK && l->side != MEDIA__SIDE__SIDE_RADIO)
		return ERR_VALUE;
	out->side = (enum side)l->side;
	if (l->remote_rtp) {
		out->has_remote = true;
		err = media_read_addr(l->remote_rtp, &out->remote);
	}
	if (l->remote_rtcp && !err) {
		out->has_rtcp = true;
		err = media_read_addr(l->remote_rtcp, &out->rtcp);
	}
	if (err)
		return err;
	out->has_mux = l->has_rtcp_mux;
	out->mux = l->rtcp_mux;
	if (l->n_payload > LEG_PAYLOADS)
		return ERR_LIMIT;
	out->has_payload = l->n_payload > 0;
	out->npayload = l->n_payload;
	for (size_t i = 0; i < l->n_payload; i++) {
		const Media__Payload *p = l->payload[i];
		if (!ipc_enum_ok(&base__codec__descriptor, (int)p->codec) || p->pt > 127)
			return ERR_VALUE;
		out->payload[i] = (struct leg_payload){ (uint8_t)p->codec, (uint8_t)p->pt };
	}
	out->has_ptime = l->has_ptime_ms && l->ptime_ms != 0;
	out->ptime = l->ptime_ms;
	err = read_keys(l, out);
	if (err)
		return err;
	if (l->has_direction) {
		if (l->direction < MEDIA__DIRECTION__SENDRECV ||
		    l->direction > MEDIA__DIRECTION__INACTIVE)
			return ERR_VALUE;
		out->has_dir = true;
		out->dir = (enum leg_dir)l->direction;
	}
	out->has_strict = l->has_strict_source;
	out->strict = l->strict_source;
	out->has_dscp = l->has_dscp;
	out->dscp = l->dscp;
	out->has_cn = l->has_cn;
	out->cn = l->cn;
	out->has_music = l->has_music;
	out->music = l->music;
	out->v6 = l->has_ipv6 && l->ipv6;
	out->sip = l->has_sip && l->sip;
	if (l->ice) {
		if (!ipc_enum_ok(&media__ice_mode__descriptor, (int)l->ice->mode))
			return ERR_UNSUPP;
		out->has_ice = true;
		out->ice = (enum ice_mode)l->ice->mode;
		out->ice_controlling = l->ice->controlling;
		if ((l->ice->stun && media_read_addr(l->ice->stun, &out->ice_stun) != 0) ||
		    (l->ice->turn && media_read_addr(l->ice->turn, &out->ice_turn) != 0))
			return ERR_VALUE;
		if (l->ice->turn_stream &&
		    media_read_addr(l->ice->turn_stream, &out->ice_turn_tcp) != 0)
			return ERR_VALUE;
		if (l->ice->turn_tcp) {
			if (!addr_set(&out->ice_turn_tcp))
				out->ice_turn_tcp = out->ice_turn;
			memset(&out->ice_turn, 0, sizeof(out->ice_turn));
		}
		out->ice_user =
		    (struct slice){ (const char *)l->ice->turn_user.data, l->ice->turn_user.len };
		out->ice_password = (struct slice){ (const char *)l->ice->turn_password.data,
			l->ice->turn_password.len };
		out->ice_forbidden = (uint8_t)l->ice->forbidden;
	}
	if (l->cac) {
		out->has_cac = true;
		err = cac_pb_read(l->cac, &out->cac);
		if (err)
			return err;
	}
	if (l->has_local_address) {
		if (l->local_address.len != 4 && l->local_address.len != 16)
			return ERR_VALUE;
		addr_from_ip(&out->local, l->local_address.data, l->local_address.len, 0);
	}
	return 0;
}

/* ---- out ---- */

struct cand_pb {
	Media__IceCandidate pb;
	Base__Addr addr, related;
};
struct ready {
	Media__LegReady leg[LEGS], *ptr[LEGS];
	Base__Addr rtp[LEGS], rtcp[LEGS];
	struct cand_pb cand[LEGS][ICE_LOCAL];
	Media__IceCandidate *pcand[LEGS][ICE_LOCAL];
	size_t n;
};

static void put_addr(Base__Addr *pb, const struct addr *a)
{
	size_t n;

	base__addr__init(pb);
	pb->ip.data = (uint8_t *)(uintptr_t)addr_ip(a, &n);
	pb->ip.len = n;
	pb->port = addr_port(a);
}

static Media__IceCandidate *put_cand(struct cand_pb *c, const struct cand *from)
{
	media__ice_candidate__init(&c->pb);
	c->pb.foundation = (ProtobufCBinaryData){ strlen(from->foundation),
		(uint8_t *)(uintptr_t)from->foundation };
	c->pb.component = from->component;
	c->pb.transport = from->transport ? from->transport : CAND_UDP;
	c->pb.priority = from->priority;
	c->pb.type = from->type;
	put_addr(&c->addr, &from->addr);
	c->pb.addr = &c->addr;
	if (addr_set(&from->related)) {
		put_addr(&c->related, &from->related);
		c->pb.related = &c->related;
	}
	if (from->key.id_n) {
		c->pb.has_name = c->pb.has_password = 1;
		c->pb.name =
		    (ProtobufCBinaryData){ from->key.id_n, (uint8_t *)(uintptr_t)from->key.id };
		c->pb.password =
		    (ProtobufCBinaryData){ from->key.pwd_n, (uint8_t *)(uintptr_t)from->key.pwd };
	}
	return &c->pb;
}

static void put_ready(struct ready *r, const struct leg *l)
{
	size_t i = r->n++;

	media__leg_ready__init(&r->leg[i]);
	r->leg[i].side = (Media__Side)l->side;
	put_addr(&r->rtp[i], &l->local);
	put_addr(&r->rtcp[i], &l->local);
	r->rtcp[i].port = l->mux ? l->port : l->port + 1u;
	r->leg[i].rtp = &r->rtp[i];
	r->leg[i].rtcp = &r->rtcp[i];
	r->leg[i].ssrc = l->ssrc;
	r->ptr[i] = &r->leg[i];
	if (!l->ice)
		return;
	r->leg[i].has_ice_ufrag = r->leg[i].has_ice_pwd = 1;
	r->leg[i].ice_ufrag =
	    (ProtobufCBinaryData){ strlen(l->ice->ufrag), (uint8_t *)l->ice->ufrag };
	r->leg[i].ice_pwd = (ProtobufCBinaryData){ strlen(l->ice->pwd), (uint8_t *)l->ice->pwd };
	r->leg[i].has_ice_gathering = 1;
	r->leg[i].ice_gathering = l->ice->state == ICE_GATHERING;
	r->leg[i].n_candidate = l->ice->nlocal;
	r->leg[i].candidate = r->pcand[i];
	for (size_t k = 0; k < r->leg[i].n_candidate; k++)
		r->pcand[i][k] = put_cand(&r->cand[i][k], &l->ice->local[k]);
}

static int wipe(struct leg_set *sets, int err)
{
	mem_wipe(sets, sizeof(*sets) * LEGS);
	return err;
}

static int on_create(struct ipc_peer *p, struct ipc_msg *msg)
{
	struct mediad *m = mediad_of(daemon_of(p));
	const Media__SessionCreate *c = IPC_BODY(msg, Media__SessionCreate);
	Media__SessionReady rep = MEDIA__SESSION_READY__INIT;
	struct leg_set sets[LEGS];
	struct ready r = { .n = 0 };
	struct sess *s;
	int err = c->n_leg == 0 || c->n_leg > LEGS ? ERR_VALUE : 0;

	for (size_t i = 0; i < c->n_leg && !err; i++)
		err = read_leg(c->leg[i], &sets[i]);
	if (!err)
		err = sess_open(m, c->call, sets, c->n_leg, p, &s);
	wipe(sets, err);
	if (err) {
		stat_add(m->st.refused, 1);
		log_ev(LOG_INFO, "session refused", F_CALL(c->call), F_ERR(err));
		return ipc_fail(p, msg, err, "%s",
		    err == ERR_BUSY    ? "this instance is draining"
		    : err == ERR_LIMIT ? "no media port or too many sessions: dectctl media show"
		                       : "the legs are not valid");
	}
	mediad_wake(m);
	for (int side = SIDE_NETWORK; side <= SIDE_RADIO; side++)
		if (s->leg[side])
			put_ready(&r, s->leg[side]);
	rep.session = s->id;
	rep.n_leg = r.n;
	rep.leg = r.ptr;
	return ipc_reply(p, msg, &rep.base);
}

/* dectd silences a radio leg that its base station left, while sipd has given the leg another far end (a transfer that
 * joins two calls): the news is old. */
static bool left_behind(const struct ipc_peer *p, const struct sess *s, const Media__LegUpdate *u)
{
	return ipc_peer_role(p) == IPC_DECTD && u->n_leg == 1 && !u->leg[0]->remote_rtp &&
	       u->leg[0]->has_direction && s->leg[SIDE_RADIO] && !s->leg[SIDE_RADIO]->pointed;
}

static int on_update(struct ipc_peer *p, struct ipc_msg *msg)
{
	struct mediad *m = mediad_of(daemon_of(p));
	const Media__LegUpdate *u = IPC_BODY(msg, Media__LegUpdate);
	Media__LegUpdated rep = MEDIA__LEG_UPDATED__INIT;
	struct sess *s = sess_find(m, u->session);
	struct leg_set sets[LEGS];
	struct ready r = { .n = 0 };
	int err = 0;

	if (!s)
		return ipc_fail(p, msg, ERR_NOTFOUND, "no such session");
	if (u->n_leg == 0 || u->n_leg > LEGS)
		return ERR_VALUE;
	for (size_t i = 0; i < u->n_leg && !err; i++) {
		err = read_leg(u->leg[i], &sets[i]);
		if (!err && !(ipc_peer_role(p) & IPC_SIPD) && sets[i].side != SIDE_RADIO)
			err = ERR_DENIED;
	}
	if (!err && left_behind(p, s, u)) {
		wipe(sets, 0);
		put_ready(&r, s->leg[SIDE_RADIO]);
		rep.n_leg = r.n;
		rep.leg = r.ptr;
		return ipc_reply(p, msg, &rep.base);
	}
	if (!err)
		err = sess_update(m, s, sets, u->n_leg);
	wipe(sets, err);
	if (err)
		return err;
	for (size_t i = 0; i < u->n_leg; i++)
		if (u->leg[i]->remote_rtp)
			s->leg[u->leg[i]->side]->pointed = ipc_peer_role(p) == IPC_DECTD;
	for (size_t i = 0; i < u->n_leg; i++)
		put_ready(&r, s->leg[u->leg[i]->side]);
	rep.n_leg = r.n;
	rep.leg = r.ptr;
	if (u->has_patient && u->patient)
		return ipc_reply_later(p, msg, &rep.base);
	return ipc_reply(p, msg, &rep.base);
}

struct stats_pb {
	Media__SessionStats body;
	Media__LegStats leg[LEGS], *ptr[LEGS];
	Base__Addr source[LEGS];
	struct leg_stats st[LEGS];
};

static void put_stats(struct stats_pb *o, const struct mediad *m, const struct sess *s)
{
	media__session_stats__init(&o->body);
	o->body.session = s->id;
	o->body.has_ms = 1;
	o->body.ms = (mediad_now(m) - s->opened_us) / 1000;
	o->body.leg = o->ptr;
	for (int side = SIDE_NETWORK; side <= SIDE_RADIO; side++) {
		size_t i = o->body.n_leg;
		struct leg_stats *st = &o->st[i];
		Media__LegStats *pb = &o->leg[i];

		if (!s->leg[side])
			continue;
		o->body.n_leg++;
		o->ptr[i] = pb;
		leg_stats(s->leg[side], st);
		media__leg_stats__init(pb);
		pb->side = (Media__Side)side;
		pb->has_rx_packets = pb->has_rx_octets = pb->has_tx_packets = pb->has_tx_octets = 1;
		pb->rx_packets = st->rx_packets;
		pb->rx_octets = st->rx_octets;
		pb->tx_packets = st->tx_packets;
		pb->tx_octets = st->tx_octets;
		pb->has_lost = pb->has_late = pb->has_bad = pb->has_jitter_us = pb->has_delay_ms =
		    1;
		pb->lost = st->lost;
		pb->late = st->late;
		pb->bad = st->bad;
		pb->jitter_us = st->jitter_us;
		pb->delay_ms = st->delay_ms;
		pb->has_rtt_ms = st->rtt_ms != 0;
		pb->rtt_ms = st->rtt_ms;
		pb->has_mos_x100 = st->mos != 0;
		pb->mos_x100 = st->mos;
		pb->has_remote_lost = pb->has_remote_jitter_us = s->leg[side]->has_remote_block;
		pb->remote_lost = st->remote_lost;
		pb->remote_jitter_us = st->remote_jitter_us;
		pb->has_codec = st->codec != CODEC_NONE;
		pb->codec = (Base__Codec)st->codec;
		if (addr_set(&st->source)) {
			put_addr(&o->source[i], &st->source);
			pb->source = &o->source[i];
		}
	}
}

static int on_stats(struct ipc_peer *p, struct ipc_msg *msg)
{
	struct mediad *m = mediad_of(daemon_of(p));
	struct sess *s = sess_find(m, IPC_BODY(msg, Media__SessionGet)->session);
	struct stats_pb o;

	if (!s)
		return ipc_fail(p, msg, ERR_NOTFOUND, "no such session");
	put_stats(&o, m, s);
	return ipc_reply(p, msg, &o.body.base);
}

static int on_drop(struct ipc_peer *p, struct ipc_msg *msg)
{
	struct mediad *m = mediad_of(daemon_of(p));
	struct sess *s = sess_find(m, IPC_BODY(msg, Media__SessionDrop)->session);
	struct stats_pb o;

	if (!s)
		return ipc_fail(p, msg, ERR_NOTFOUND, "no such session");
	put_stats(&o, m, s);
	sess_drop(m, s, "");
	return ipc_reply_later(p, msg, &o.body.base); /* of a call that is over */
}

static int done(struct ipc_peer *p, struct ipc_msg *msg, int err)
{
	Media__Done rep = MEDIA__DONE__INIT;

	return err ? err : ipc_reply(p, msg, &rep.base);
}

static bool side_ok(int side)
{
	return side == SIDE_NETWORK || side == SIDE_RADIO;
}

static int on_tone(struct ipc_peer *p, struct ipc_msg *msg)
{
	struct mediad *m = mediad_of(daemon_of(p));
	const Media__Tone *t = IPC_BODY(msg, Media__Tone);
	struct sess *s = sess_find(m, t->session);

	if (!s)
		return ipc_fail(p, msg, ERR_NOTFOUND, "no such session");
	if (!side_ok((int)t->side) || !ipc_enum_ok(&media__tone_kind__descriptor, (int)t->kind))
		return ERR_VALUE;
	return done(p, msg,
	    sess_tone(m, s, (enum side)t->side, (unsigned)t->kind, slice_str(t->country),
	        t->has_ms ? t->ms : 0));
}

static int on_dtmf(struct ipc_peer *p, struct ipc_msg *msg)
{
	struct mediad *m = mediad_of(daemon_of(p));
	const Media__DtmfSend *t = IPC_BODY(msg, Media__DtmfSend);
	struct sess *s = sess_find(m, t->session);
	struct slice digits = { (const char *)t->digits.data, t->digits.len };

	if (!s)
		return ipc_fail(p, msg, ERR_NOTFOUND, "no such session");
	if (!side_ok((int)t->side) || digits.n == 0)
		return ERR_VALUE;
	if (digits.n > 32)
		return ERR_LIMIT;
	return done(p, msg, sess_dtmf(m, s, (enum side)t->side, digits, t->ms, t->gap_ms));
}

static int on_mix(struct ipc_peer *p, struct ipc_msg *msg)
{
	struct mediad *m = mediad_of(daemon_of(p));
	const Media__Mix *x = IPC_BODY(msg, Media__Mix);
	struct sess *s[2] = { NULL, NULL };

	if (x->n_session < 1 || x->n_session > 2)
		return ERR_VALUE;
	for (size_t i = 0; i < x->n_session; i++) {
		s[i] = sess_find(m, x->session[i]);
		if (!s[i])
			return ipc_fail(p, msg, ERR_NOTFOUND, "no such session");
	}
	return done(p, msg, sess_mix(m, s[0], s[1]));
}

static int read_cand(const Media__IceCandidate *c, struct cand *out)
{
	memset(out, 0, sizeof(*out));
	if (c->component < 1 || c->component > 255 || c->type < CAND_HOST || c->type > CAND_RELAY ||
	    c->transport < CAND_UDP || c->transport > CAND_PASS)
		return ERR_VALUE;
	if (slice_copy((struct slice){ (const char *)c->foundation.data, c->foundation.len },
	        out->foundation, sizeof(out->foundation)))
		return ERR_LIMIT;
	out->component = (uint8_t)c->component;
	out->type = (uint8_t)c->type;
	out->transport = (uint8_t)c->transport;
	out->priority = c->priority;
	if (c->has_name && c->has_password) {
		if (c->name.len > CAND_ID || c->password.len > CAND_PWD)
			return ERR_LIMIT;
		if (c->name.len)
			memcpy(out->key.id, c->name.data, c->name.len);
		if (c->password.len)
			memcpy(out->key.pwd, c->password.data, c->password.len);
		out->key.id_n = (uint8_t)c->name.len;
		out->key.pwd_n = (uint8_t)c->password.len;
	}
	return media_read_addr(c->addr, &out->addr);
}

static int on_ice_remote(struct ipc_peer *p, struct ipc_msg *msg)
{
	struct mediad *m = mediad_of(daemon_of(p));
	const Media__IceRemote *r = IPC_BODY(msg, Media__IceRemote);
	struct sess *s = sess_find(m, r->session);
	struct cand c[ICE_REMOTE];
	struct addr chosen[ICE_COMPS] = { 0 };
	size_t n = 0;
	int err = 0;

	if (!s)
		return ipc_fail(p, msg, ERR_NOTFOUND, "no such session");
	if (!side_ok((int)r->side) || !s->leg[r->side])
		return ERR_VALUE;
	if (r->n_candidate > ICE_REMOTE)
		return ERR_LIMIT;
	for (size_t i = 0; i < r->n_candidate && !err; i++)
		err = read_cand(r->candidate[i], &c[n++]);
	for (size_t i = 0; i < r->n_remote_candidates && i < ICE_COMPS && !err; i++)
		err = media_read_addr(r->remote_candidates[i], &chosen[i]);
	if (!err)
		err = leg_ice_remote(s->leg[r->side],
		    (struct slice){ (const char *)r->ufrag.data, r->ufrag.len },
		    (struct slice){ (const char *)r->pwd.data, r->pwd.len }, c, n,
		    !r->has_complete || r->complete, r->n_remote_candidates ? chosen : NULL);
	return done(p, msg, err);
}

#define ROW(type, max, roles, desc, fn)                                                            \
	{                                                                                          \
		IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_##type, IPC_REQ, 0, max, roles,                   \
		    &media__##desc##__descriptor, fn                                               \
	}
const struct ipc_handler mediad_handlers[] = {
	ROW(SESSION_CREATE, 4096, IPC_SIPD, session_create, on_create),
	ROW(LEG_UPDATE, 4096, IPC_SIPD | IPC_DECTD, leg_update, on_update),
	ROW(SESSION_DROP, 64, IPC_SIPD, session_drop, on_drop),
	ROW(SESSION_STATS, 64, IPC_SIPD | IPC_DECTD, session_get, on_stats),
	ROW(TONE, 128, IPC_SIPD | IPC_DECTD, tone, on_tone),
	ROW(DTMF_SEND, 128, IPC_SIPD | IPC_DECTD, dtmf_send, on_dtmf),
	ROW(MIX, 64, IPC_SIPD, mix, on_mix),
	ROW(ICE_REMOTE, 16384, IPC_SIPD, ice_remote, on_ice_remote),
};
const size_t mediad_nhandlers = ARRAY_LEN(mediad_handlers);

/* ---- events ---- */

/* ICE_SELECTED: local then remote of each component; ICE_GATHERED: all local ones. */
static void put_event_cands(Media__Event *e, const struct media_ev *ev, struct cand_pb *cand,
    Media__IceCandidate **pcand, struct cand *pair)
{
	size_t n = 0;

	if (ev->kind == MEDIA_EV_ICE_GATHERED) {
		for (; n < ev->ice->nlocal; n++)
			pcand[n] = put_cand(&cand[n], &ev->ice->local[n]);
	} else if (ev->kind == MEDIA_EV_ICE_SELECTED) {
		for (unsigned c = 1; c <= ICE_COMPS; c++)
			if (ice_selected(ev->ice, c, &pair[n], &pair[n + 1])) {
				pcand[n] = put_cand(&cand[n], &pair[n]);
				pcand[n + 1] = put_cand(&cand[n + 1], &pair[n + 1]);
				n += 2;
			}
	}
	e->n_candidate = n;
	e->candidate = pcand;
}

void mediad_send_event(struct mediad *m, struct sess *s, const struct media_ev *ev)
{
	Media__Event e = MEDIA__EVENT__INIT;
	Base__Addr a;
	struct cand_pb cand[ICE_LOCAL];
	struct cand pair[2 * ICE_COMPS];
	Media__IceCandidate *pcand[ICE_LOCAL];
	struct cac_pb report;
	char digit = ev->digit;

	(void)m;
	log_ev(LOG_DEBUG, "media event", F_CALL(s->call), F_U64("IPDECT_EVENT", ev->kind),
	    F_U64("IPDECT_SIDE", ev->side), F_U64("IPDECT_VALUE", ev->value));
	if (!s->owner)
		return;
	e.session = s->id;
	e.has_side = 1;
	e.side = (Media__Side)ev->side;
	e.kind = (Media__EventKind)ev->kind;
	if (digit) {
		e.has_digit = 1;
		e.digit = (ProtobufCBinaryData){ 1, (uint8_t *)&digit };
	}
	e.has_value = 1;
	e.value = ev->value;
	if (ev->addr) {
		put_addr(&a, ev->addr);
		e.addr = &a;
	}
	if (ev->cac)
		cac_pb_put(&e, ev, &report);
	if (ev->ice)
		put_event_cands(&e, ev, cand, pcand, pair);
	/* When a whole network falls silent, thousands of these come at once: they may be lost rather than the link
	 * (a time-out is told again). What a call cannot do without is delivered. */
	if (ev->kind == MEDIA_EV_SILENCE || ev->kind == MEDIA_EV_RESUMED ||
	    ev->kind == MEDIA_EV_TIMEOUT || ev->kind == MEDIA_EV_QUALITY ||
	    ev->kind == MEDIA_EV_LATCHED)
		(void)ipc_event_latest(s->owner, IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_EVENT,
		    ((uint32_t)s->id << 6) | (uint32_t)ev->kind << 2 | (uint32_t)ev->side, &e.base);
	else
		(void)ipc_event(s->owner, IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_EVENT, &e.base);
}

void mediad_send_load(struct mediad *m)
{
	Media__Load l = MEDIA__LOAD__INIT;

	if (!m->d)
		return;
	l.sessions = m->nsess;
	l.max_sessions = m->conf->max_sessions;
	l.ports_free = sock_pool_left(m->socks);
	l.cpu_permille = m->cpu_permille;
	l.draining = m->draining;
	for (struct ipc_peer *p = NULL; (p = ipc_next(m->d->ipc, IPC_SIPD, p));)
		(void)ipc_event_latest(p, IPC_IF_MEDIA, MEDIA__TYPE__MEDIA_LOAD, 1, &l.base);
}
