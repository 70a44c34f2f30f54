/* LYNC: attributes of MS-TURNBWM 2.2, and what they mean. */
#include <string.h>

#include "common/rd.h"
#include "mediad/cac.h"

enum {
	A_MESSAGE = 0x8056,
	A_ID = 0x8057,
	A_AMOUNT = 0x8058,
	A_REMOTE = 0x8059,
	A_REMOTE_RELAY = 0x805a,
	A_LOCAL = 0x805b,
	A_LOCAL_RELAY = 0x805c,
	A_REMOTE_RESPONSE = 0x805d,
	A_REMOTE_RELAY_RESPONSE = 0x805e,
	A_LOCAL_RESPONSE = 0x805f,
	A_LOCAL_RELAY_RESPONSE = 0x8060,
	A_DIALOG = 0x8061,
	A_CALL = 0x8062,
	A_LOCATION = 0x8068,
};
#define VALID 0x80000000u
#define PSTN  0x40000000u

static void read_end(struct cac_answer *o, enum cac_at at, struct rd r)
{
	uint32_t flags = rd_be32(&r), send = rd_be32(&r), receive = rd_be32(&r);

	if (r.bad || o->end[at].said)
		return;
	o->end[at] = (struct cac_end){
		.said = true, .valid = flags & VALID, .send = send, .receive = receive
	};
	/* Defined for the remote site; dissectors know it of the local one, too. */
	if (at == CAC_REMOTE || at == CAC_LOCAL)
		o->pstn |= (flags & PSTN) != 0;
}

void cac_read(const struct stun_msg *m, struct cac_answer *out)
{
	size_t end = m->integrity_at ? m->integrity_at : m->n;
	struct rd r = rd_of(m->p + STUN_HEAD, end - STUN_HEAD);

	*out = (struct cac_answer){ 0 };
	while (rd_left(&r)) {
		uint16_t type = rd_be16(&r), len = rd_be16(&r);
		struct rd v = rd_sub(&r, len);
		if (r.bad)
			return;
		switch (type) {
		case A_MESSAGE:
			break;
		case A_ID:
			if (len != CAC_ID_LEN || out->has_id)
				continue;
			rd_copy(&v, out->id, CAC_ID_LEN);
			out->has_id = true;
			break;
		case A_REMOTE_RESPONSE:
			read_end(out, CAC_REMOTE, v);
			break;
		case A_REMOTE_RELAY_RESPONSE:
			read_end(out, CAC_REMOTE_RELAY, v);
			break;
		case A_LOCAL_RESPONSE:
			read_end(out, CAC_LOCAL, v);
			break;
		case A_LOCAL_RELAY_RESPONSE:
			read_end(out, CAC_LOCAL_RELAY, v);
			break;
		default:
			continue;
		}
		out->any = true;
	}
}

void cac_put_kind(struct stun_w *w, enum cac_message kind)
{
	stun_put_u32(w, A_MESSAGE, (uint32_t)kind);
}

/* LYNC: the order is UNVERIFIED but for the first field (MS-TURNBWM 2.2.3; Wireshark reads maximum before minimum). A
 * server's log of one call settles it: the two differ. */
void cac_put_amount(struct stun_w *w, struct cac_amount a)
{
	uint32_t v[4] = { a.min, a.max, a.min, a.max };
	uint8_t b[16];

	for (int i = 0; i < 16; i++)
		b[i] = (uint8_t)(v[i / 4] >> (24 - 8 * (i % 4)));
	stun_put(w, A_AMOUNT, b, sizeof(b));
}

void cac_put_id(struct stun_w *w, const uint8_t id[CAC_ID_LEN])
{
	stun_put(w, A_ID, id, CAC_ID_LEN);
}

void cac_put_end(struct stun_w *w, enum cac_at at, const struct addr *a)
{
	static const uint16_t type[CAC_ENDS] = { [CAC_LOCAL] = A_LOCAL,
		[CAC_LOCAL_RELAY] = A_LOCAL_RELAY,
		[CAC_REMOTE] = A_REMOTE,
		[CAC_REMOTE_RELAY] = A_REMOTE_RELAY };

	if (addr_set(a))
		stun_put_addr(w, type[at], a, true);
}

void cac_put_call(struct stun_w *w, struct slice call_id)
{
	if (call_id.n)
		stun_put(w, A_CALL, call_id.p, call_id.n);
}

void cac_put_dialog(struct stun_w *w, struct slice dialog)
{
	if (dialog.n)
		stun_put(w, A_DIALOG, dialog.p, dialog.n);
}

void cac_put_location(struct stun_w *w, struct cac_location l)
{
	uint8_t b[4] = { l.peer, l.self, l.federation, 0 };

	stun_put(w, A_LOCATION, b, sizeof(b));
}

/* Payload + (12 RTP + 11 SRTP with MKI + 8 UDP + 20 IP) octets 50 times a second, RTCP beside it. */
struct cac_amount cac_need(enum codec c)
{
	switch (c) {
	case CODEC_PCMU:
	case CODEC_PCMA:
	case CODEC_G722:
		return (struct cac_amount){ 88, 100 };
	case CODEC_G726_40:
	case CODEC_AAL2_G726_40:
		return (struct cac_amount){ 64, 72 };
	case CODEC_G726_32:
	case CODEC_AAL2_G726_32:
		return (struct cac_amount){ 56, 64 };
	case CODEC_G726_24:
	case CODEC_AAL2_G726_24:
		return (struct cac_amount){ 48, 54 };
	case CODEC_G726_16:
	case CODEC_AAL2_G726_16:
		return (struct cac_amount){ 40, 46 };
	default:
		return (struct cac_amount){ 0, 0 };
	}
}

void cac_judge(const struct cac_answer *a, uint32_t floor, bool our_relay, bool their_relay,
    struct cac_verdict *out)
{
	const bool there[CAC_ENDS] = { [CAC_LOCAL] = true,
		[CAC_LOCAL_RELAY] = our_relay,
		[CAC_REMOTE] = true,
		[CAC_REMOTE_RELAY] = their_relay };
	bool ours, theirs;

	*out = (struct cac_verdict){ .pstn = a->pstn, .send = UINT32_MAX, .receive = UINT32_MAX };
	for (int i = 0; i < CAC_ENDS; i++) {
		const struct cac_end *e = &a->end[i];
		out->end[i] =
		    there[i] && (!e->said || (e->valid && e->send >= floor && e->receive >= floor));
		if (!out->end[i] || !e->said)
			continue;
		out->send = e->send < out->send ? e->send : out->send;
		out->receive = e->receive < out->receive ? e->receive : out->receive;
	}
	ours = out->end[CAC_LOCAL] || out->end[CAC_LOCAL_RELAY];
	theirs = out->end[CAC_REMOTE] || out->end[CAC_REMOTE_RELAY];
	out->path = ours && theirs;
}
