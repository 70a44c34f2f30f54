/* Packet records of a capture, and what is masked in them. */
#include "dectd/trace.h"

#include <string.h>

#include "common/pcap.h"
#include "dectd/dlc.h"
#include "dectd/nwk_ie.h"
#include "dectd/rfp_msg.h"

#define HEAD     4 /* octets of type and length */
#define RFP_PORT 16321

static void zero(uint8_t *msg, size_t n, size_t from, size_t count)
{
	if (from < n)
		memset(msg + from, 0, count < n - from ? count : n - from);
}

static bool secret(uint8_t id)
{
	return id == IE_RES || id == IE_RS || id == IE_RAND || id == IE_KEY;
}

/* Values of authentication in a message that begins in this frame. */
static void mask_nwk(uint8_t *p, size_t n)
{
	struct nwk_msg m;
	const uint8_t *end = p + 2;

	if (nwk_parse(p, n, NWK_TO_PP, &m) != 0)
		return;
	for (unsigned i = 0; i < m.nie; i++) {
		if (m.ie[i].n == 0)
			continue;
		end = m.ie[i].p + m.ie[i].n;
		if (secret(m.ie[i].id))
			memset(p + (m.ie[i].p - p), 0, m.ie[i].n);
	}
	/* The last element goes on in the next frame: what there is of it. */
	if (m.cut && m.pd == NWK_MM && (size_t)(end - p) + 2 < n)
		memset(p + (end - p) + 2, 0, n - (size_t)(end - p) - 2);
}

/* Layer, primitive, MCEI, buffer, length, frame. */
static void mask_lapc(struct trace_mask *t, bool to_rfp, uint8_t *dnm, size_t n)
{
	struct lapc_frame f;
	uint8_t *more, bit, *info;
	bool goes_on;

	if (n < 5 || lapc_parse(dnm + 5, n - 5, &f) != 0 || (f.kind != LAPC_I && f.kind != LAPC_UI))
		return;
	more = &t->more[to_rfp][dnm[2] / 8];
	bit = (uint8_t)(1u << dnm[2] % 8);
	goes_on = *more & bit;
	info = dnm + 5 + 3;
	if (goes_on)
		memset(info, 0, f.n);
	else
		mask_nwk(info, f.n);
	/* Only messages of mobility management hold secrets. */
	if (f.more && (goes_on || (f.n && (info[0] & 15) == NWK_MM)))
		*more |= bit;
	else
		*more &= (uint8_t)~bit;
}

static void mask_dnm(struct trace_mask *t, bool to_rfp, uint8_t *dnm, size_t n)
{
	if (n < 2)
		return;
	switch (dnm[0] << 8 | dnm[1]) {
	case RFP_L_MAC << 8 | MACP_ENC_KEY_REQ:
		zero(dnm, n, 3, 8);
		break;
	case RFP_L_MAC << 8 | MACP_HO_RES:
		zero(dnm, n, 4, 8);
		break;
	case RFP_L_MAC << 8 | MACP_GET_DEF_CKEY_RES: /* the key is somewhere in it: rfp_early.h */
		zero(dnm, n, 3, n);
		break;
	case RFP_L_LC << 8 | LCP_DATA_REQ:
	case RFP_L_LC << 8 | LCP_DATA_IND:
		mask_lapc(t, to_rfp, dnm, n);
		break;
	default:
		break;
	}
}

void trace_mask(struct trace_mask *t, bool to_rfp, uint8_t *msg, size_t n)
{
	if (n < HEAD)
		return;
	switch (msg[0] << 8 | msg[1]) {
	case RFP_SYS_AUTH_KEY:
	case RFP_SYS_RE_ENROLEMENT:
	case RFP_SYS_PASSWD:
	case RFP_SYS_RANDOM_VALUE:
		zero(msg, n, HEAD, n);
		break;
	case RFP_DNM:
		mask_dnm(t, to_rfp, msg + HEAD, n - HEAD);
		break;
	default:
		break;
	}
}

void trace_packet(
    struct wr *w, uint64_t us, struct trace_flow *f, bool to_rfp, const uint8_t *msg, size_t n)
{
	static const uint8_t here[4] = { 127, 0, 0, 1 };

	if (n > 65000)
		n = 65000;
	if (w->bad || w->cap - w->n < n + TRACE_OVERHEAD) {
		w->bad = true;
		return;
	}
	pcap_record(w, us, 40 + n, 40 + n);
	wr_be32(w, 0x45000000u | (uint32_t)(40 + n));
	wr_be32(w, 0);
	wr_be32(w, 0x40060000); /* TTL 64, TCP; no checksum: it was no packet */
	wr_bytes(w, to_rfp ? here : f->ip, 4);
	wr_bytes(w, to_rfp ? f->ip : here, 4);
	wr_be16(w, to_rfp ? RFP_PORT : f->port);
	wr_be16(w, to_rfp ? f->port : RFP_PORT);
	wr_be32(w, f->seq[!to_rfp] + 1);
	wr_be32(w, f->seq[to_rfp] + 1);
	wr_be32(w, 0x5018ffff); /* PSH, ACK */
	wr_be32(w, 0);
	wr_bytes(w, msg, n);
	f->seq[!to_rfp] += (uint32_t)n;
}
