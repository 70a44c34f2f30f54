/* LYNC: call admission control in messages of the media interface. */
#include <string.h>

#include "common/mem.h"
#include "mediad/cac_pb.h"

_Static_assert((int)CAC_SAYS_VERDICT == (int)MEDIA__CAC_KIND__CAC_VERDICT, "report numbers");
_Static_assert((int)CAC_SAYS_IGNORED == (int)MEDIA__CAC_KIND__CAC_IGNORED, "report numbers");

static struct slice octets(const ProtobufCBinaryData *b)
{
	return (struct slice){ (const char *)b->data, b->len };
}

int cac_pb_read(const Media__CacSetup *pb, struct leg_cac_set *out)
{
	int err = 0;

	*out = (struct leg_cac_set){ .on = pb->server != NULL, .check = pb->check };
	if (!pb->server)
		return 0;
	if (pb->n_codec > LEG_PAYLOADS)
		return ERR_LIMIT;
	err = media_read_addr(pb->server, &out->conf.server);
	if (!err && pb->remote_site)
		err = media_read_addr(pb->remote_site, &out->remote);
	if (!err && pb->remote_relay)
		err = media_read_addr(pb->remote_relay, &out->remote_relay);
	if (err)
		return err;
	out->conf.user = octets(&pb->user);
	out->conf.password = octets(&pb->password);
	out->conf.call_id = octets(&pb->call_id);
	out->conf.dialog = octets(&pb->dialog);
	out->conf.location = (struct cac_location){ (uint8_t)pb->peer_location,
		(uint8_t)pb->self_location, (uint8_t)pb->federation };
	out->conf.wait_ms = pb->wait_ms;
	for (size_t i = 0; i < pb->n_codec; i++) {
		if (!ipc_enum_ok(&base__codec__descriptor, (int)pb->codec[i]))
			return ERR_VALUE;
		out->codec[out->ncodec++] = (uint8_t)pb->codec[i];
	}
	return 0;
}

static void put_verdict(const struct leg_cac *k, struct cac_pb *out)
{
	Media__CacReport *b = &out->body;
	struct cac_verdict v;

	/* Whether we have a relay is for the owner to know. */
	cac_judge(&k->cac.answer, k->floor, true, k->their_relay, &v);
	b->has_allowed = b->has_path = b->has_pstn = 1;
	for (int i = 0; i < CAC_ENDS; i++)
		b->allowed |= v.end[i] ? 1u << i : 0;
	b->path = v.path;
	b->pstn = v.pstn;
	b->has_send_kbps = v.send != UINT32_MAX;
	b->has_receive_kbps = v.receive != UINT32_MAX;
	b->send_kbps = v.send;
	b->receive_kbps = v.receive;
	b->codec = out->codec;
	for (size_t i = 0; i < k->ncodec; i++) {
		struct cac_amount need = cac_need((enum codec)k->codec[i]);
		if (need.min <= v.send && need.min <= v.receive)
			out->codec[b->n_codec++] = (Base__Codec)k->codec[i];
	}
}

void cac_pb_put(Media__Event *e, const struct media_ev *ev, struct cac_pb *out)
{
	const struct leg_cac *k = ev->cac;

	media__cac_report__init(&out->body);
	out->body.kind = (Media__CacKind)ev->value;
	out->body.has_error = k->cac.error != 0;
	out->body.error = k->cac.error;
	if (ev->value == CAC_SAYS_VERDICT)
		put_verdict(k, out);
	if (ev->value == CAC_SAYS_RESERVED || ev->value == CAC_SAYS_DENIED) {
		out->body.has_reserved_kbps = out->body.has_lifetime_s = 1;
		out->body.reserved_kbps = k->cac.have.max;
		out->body.lifetime_s = k->cac.lifetime_s;
	}
	e->cac = &out->body;
}
