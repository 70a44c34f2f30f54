/* Legs of media sessions as messages, both ways. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "sipd/media_pb.h"
#include "sipd/sipd.h"

void media_addr_pb(Base__Addr *pb, const struct sdp_addr *a)
{
	base__addr__init(pb);
	pb->ip.data = (uint8_t *)(uintptr_t)a->ip;
	pb->ip.len = a->n;
	pb->port = a->port;
}

static void srtp_pb(Media__Srtp *pb, const struct sdes *k, uint8_t *mki)
{
	media__srtp__init(pb);
	pb->suite = (Media__Suite)k->suite;
	if (k->suite == SDES_NONE)
		return;
	pb->has_key_salt = 1;
	pb->key_salt.data = (uint8_t *)(uintptr_t)k->key;
	pb->key_salt.len = k->nkey;
	if (k->mki_len) {
		for (unsigned i = 0; i < k->mki_len; i++)
			mki[i] = (uint8_t)(k->mki >> (8 * (k->mki_len - 1u - i)));
		pb->has_mki = 1;
		pb->mki.data = mki;
		pb->mki.len = k->mki_len;
	}
	if (k->lifetime) {
		pb->has_lifetime = 1;
		pb->lifetime = k->lifetime;
	}
}

static Media__Direction dir_pb(enum sdp_dir d)
{
	switch (d) {
	case SDP_SENDONLY:
		return MEDIA__DIRECTION__SENDONLY;
	case SDP_RECVONLY:
		return MEDIA__DIRECTION__RECVONLY;
	case SDP_INACTIVE:
		return MEDIA__DIRECTION__INACTIVE;
	default:
		return MEDIA__DIRECTION__SENDRECV;
	}
}

/* SIP telephones: many mean the packing of AAL2-G726-32 by the name G726-32 (baresip among them), against
 * RFC 3551 4.5.4. */
static Base__Codec packed(const struct media *m, enum media_side s, uint8_t codec)
{
	const struct sipd_conf *c = m->pool->d->conf;

	if (media_sip(m, s) && c->g726_packing == 1 && codec >= CODEC_G726_16 &&
	    codec <= CODEC_G726_40)
		codec = (uint8_t)(codec + CODEC_AAL2_G726_16 - CODEC_G726_16);
	return (Base__Codec)codec;
}

void media_leg_pb(
    const struct media *m, enum media_side s, const struct media_leg *l, struct media_leg_msg *out)
{
	Media__Leg *pb = &out->leg;

	media__leg__init(pb);
	pb->side = (Media__Side)s;
	if (l->has_remote && l->rtp.n && l->rtp.port) {
		media_addr_pb(&out->rtp, &l->rtp);
		pb->remote_rtp = &out->rtp;
		if (l->rtcp.n && l->rtcp.port) {
			media_addr_pb(&out->rtcp, &l->rtcp);
			pb->remote_rtcp = &out->rtcp;
		}
	}
	if (l->has_payload) {
		for (size_t i = 0; i < l->npayload; i++) {
			media__payload__init(&out->payload[i]);
			out->payload[i].codec = packed(m, s, l->payload[i].codec);
			out->payload[i].pt = l->payload[i].pt;
			out->ppayload[i] = &out->payload[i];
		}
		pb->n_payload = l->npayload;
		pb->payload = out->ppayload;
		if (l->ptime) {
			pb->has_ptime_ms = 1;
			pb->ptime_ms = l->ptime;
		}
	}
	if (l->has_keys) {
		srtp_pb(&out->tx, &l->tx, out->mki[0]);
		srtp_pb(&out->rx, &l->rx, out->mki[1]);
		pb->tx = &out->tx;
		pb->rx = &out->rx;
	}
	if (l->has_dir) {
		pb->has_direction = 1;
		pb->direction = dir_pb(l->dir);
	}
	if (l->has_ice) {
		media__ice_setup__init(&out->ice);
		out->ice.mode = (Media__IceMode)l->ice;
		out->ice.has_controlling = 1;
		out->ice.controlling = l->controlling;
		if (l->ice && l->stun.n) {
			media_addr_pb(&out->stun, &l->stun);
			out->ice.stun = &out->stun;
		}
		if (l->ice && l->relay.addr.n) {
			media_addr_pb(&out->relay, &l->relay.addr);
			if (l->relay.addr.port)
				out->ice.turn = &out->relay;
			if (l->relay.tcp_port) {
				media_addr_pb(&out->relay_tcp, &l->relay.addr);
				out->relay_tcp.port = l->relay.tcp_port;
				out->ice.turn_stream = &out->relay_tcp;
			}
			out->ice.has_turn_user = out->ice.has_turn_password = 1;
			out->ice.turn_user = (ProtobufCBinaryData){ l->relay.user_n,
				(uint8_t *)(uintptr_t)l->relay.user };
			out->ice.turn_password = (ProtobufCBinaryData){ l->relay.password_n,
				(uint8_t *)(uintptr_t)l->relay.password };
		}
		if (l->forbidden) {
			out->ice.has_forbidden = 1;
			out->ice.forbidden = l->forbidden;
		}
		pb->ice = &out->ice;
	}
	if (l->has_mux) {
		pb->has_rtcp_mux = 1;
		pb->rtcp_mux = l->mux;
	}
	if (l->has_music) {
		pb->has_music = 1;
		pb->music = l->music;
	}
	if (l->has_strict) {
		pb->has_strict_source = 1;
		pb->strict_source = l->strict;
	}
	if (l->ipv6) {
		pb->has_ipv6 = 1;
		pb->ipv6 = 1;
	}
	if (l->sip) {
		pb->has_sip = 1;
		pb->sip = 1;
	}
	if (m->pool->dscp && media_sip(m, s)) {
		pb->has_dscp = 1;
		pb->dscp = m->pool->dscp;
	}
}

bool media_take_cand(struct media_cand *c, const Media__IceCandidate *pb)
{
	const Base__Addr *both[2] = { pb->addr, pb->related };
	struct sdp_addr *to[2] = { &c->addr, &c->related };

	*c = (struct media_cand){ .component = (uint8_t)pb->component,
		.transport = (uint8_t)pb->transport,
		.type = (uint8_t)pb->type,
		.priority = pb->priority };
	if (pb->foundation.len >= sizeof(c->foundation) || pb->component < 1 || pb->component > 2 ||
	    pb->type < 1 || pb->type > 4 || pb->transport < 1 || pb->transport > 3)
		return false;
	memcpy(c->foundation, pb->foundation.data, pb->foundation.len);
	if (pb->has_name && pb->has_password && pb->name.len && pb->password.len &&
	    pb->name.len <= MEDIA_CAND_ID && pb->password.len <= MEDIA_CAND_PWD) {
		c->key.id_n = (uint8_t)pb->name.len;
		c->key.pwd_n = (uint8_t)pb->password.len;
		memcpy(c->key.id, pb->name.data, pb->name.len);
		memcpy(c->key.pwd, pb->password.data, pb->password.len);
	}
	for (int i = 0; i < 2; i++) {
		const Base__Addr *a = both[i];
		if (!a || (a->ip.len != 4 && a->ip.len != 16) || a->port == 0 || a->port > 65535)
			continue;
		memcpy(to[i]->ip, a->ip.data, a->ip.len);
		to[i]->n = (uint8_t)a->ip.len;
		to[i]->port = (uint16_t)a->port;
	}
	return c->addr.n != 0;
}

static void take_agent(struct side *s, const Media__LegReady *l)
{
	struct slice ufrag = { (const char *)l->ice_ufrag.data, l->ice_ufrag.len },
	             pwd = { (const char *)l->ice_pwd.data, l->ice_pwd.len };

	if (!l->has_ice_ufrag || !l->has_ice_pwd || !l->n_candidate) {
		free(s->agent);
		s->agent = NULL;
		return;
	}
	struct media_agent *a = s->agent ? s->agent : mem_new(sizeof(*a));
	s->agent = a;
	if (!slice_eq(ufrag, slice_str(a->ufrag)))
		memset(a, 0, sizeof(*a)); /* another agent: nothing is chosen */
	a->ncand = 0;
	if (slice_copy(ufrag, a->ufrag, sizeof(a->ufrag)) ||
	    slice_copy(pwd, a->pwd, sizeof(a->pwd))) {
		free(a);
		s->agent = NULL;
		return;
	}
	for (size_t i = 0; i < l->n_candidate && a->ncand < MEDIA_CANDS; i++)
		a->ncand += media_take_cand(&a->cand[a->ncand], l->candidate[i]);
}

void media_take_ready(struct media *m, size_t n, Media__LegReady *const *legs)
{
	for (size_t i = 0; i < n; i++) {
		const Media__LegReady *l = legs[i];
		if (l->side != MEDIA__SIDE__SIDE_NETWORK && l->side != MEDIA__SIDE__SIDE_RADIO)
			continue;
		struct side *s = &m->side[l->side];
		if (!l->rtp || (l->rtp->ip.len != 4 && l->rtp->ip.len != 16) || l->rtp->port == 0 ||
		    l->rtp->port > 65535)
			continue;
		memcpy(s->rtp.ip, l->rtp->ip.data, l->rtp->ip.len);
		s->rtp.n = (uint8_t)l->rtp->ip.len;
		s->rtp.port = (uint16_t)l->rtp->port;
		take_agent(s, l);
		s->rtcp = s->rtp;
		s->rtcp.port = (uint16_t)(s->rtp.port + 1);
		if (l->rtcp && l->rtcp->port && l->rtcp->port <= 65535)
			s->rtcp.port = (uint16_t)l->rtcp->port;
	}
}
