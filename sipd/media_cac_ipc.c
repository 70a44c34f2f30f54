/* LYNC: call admission control of media sessions as messages, both ways. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "sipd/media_pb.h"

_Static_assert((int)MEDIA_CAC_IGNORED == (int)MEDIA__CAC_KIND__CAC_IGNORED, "report numbers");

void media_admit(struct media *m, enum media_side s, const struct media_cac *c)
{
	struct media_leg nothing = { .on = true };
	struct side *side = &m->side[s];

	if (!c && !side->cac)
		return;
	if (side->cac)
		mem_free_wiped(side->cac, sizeof(*side->cac));
	side->cac = NULL;
	if (c) {
		side->cac = mem_new(sizeof(*side->cac));
		*side->cac = *c;
	}
	side->cac_new = true;
	media_set(m, s, &nothing);
}

const struct media_cac_said *media_cac_said(const struct media *m, enum media_side s)
{
	return &m->side[s].said;
}

static ProtobufCBinaryData octets(const void *p, size_t n)
{
	return (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)p };
}

void media_cac_pb(const struct side *s, struct media_leg_msg *out)
{
	Media__CacSetup *b = &out->cac.body;
	const struct media_cac *c = s->cac;

	media__cac_setup__init(b);
	out->leg.cac = b;
	if (!c)
		return; /* without from now on */
	media_addr_pb(&out->cac.server, &c->server.addr);
	b->server = &out->cac.server;
	b->has_user = b->has_password = 1;
	b->user = octets(c->server.user, c->server.user_n);
	b->password = octets(c->server.password, c->server.password_n);
	b->has_call_id = c->call_id[0] != 0;
	b->call_id = octets(c->call_id, strlen(c->call_id));
	b->has_dialog = c->dialog[0] != 0;
	b->dialog = octets(c->dialog, strlen(c->dialog));
	b->has_peer_location = b->has_self_location = b->has_federation = 1;
	b->peer_location = c->peer;
	b->self_location = c->self;
	b->federation = c->federation;
	if (c->remote.n && c->remote.port) {
		media_addr_pb(&out->cac.remote, &c->remote);
		b->remote_site = &out->cac.remote;
	}
	if (c->remote_relay.n && c->remote_relay.port) {
		media_addr_pb(&out->cac.relay, &c->remote_relay);
		b->remote_relay = &out->cac.relay;
	}
	b->has_check = 1;
	b->check = c->check;
	b->n_codec = c->ncodec;
	b->codec = out->cac.codec;
	for (size_t i = 0; i < c->ncodec; i++)
		out->cac.codec[i] = (Base__Codec)c->codec[i];
	b->has_wait_ms = c->wait_ms != 0;
	b->wait_ms = c->wait_ms;
}

void media_take_cac(struct media *m, enum media_side s, const Media__CacReport *r)
{
	struct media_cac_said *to = &m->side[s].said;

	*to = (struct media_cac_said){ .kind = (enum media_cac_kind)r->kind,
		.allowed = (uint8_t)r->allowed,
		.pstn = r->pstn,
		.send = r->has_send_kbps ? r->send_kbps : UINT32_MAX,
		.receive = r->has_receive_kbps ? r->receive_kbps : UINT32_MAX,
		.reserved = r->reserved_kbps,
		.lifetime_s = r->lifetime_s,
		.error = r->error };
	for (size_t i = 0; i < r->n_codec; i++)
		if (r->codec[i] > 0 && r->codec[i] < 32)
			to->codecs |= 1u << r->codec[i];
}
