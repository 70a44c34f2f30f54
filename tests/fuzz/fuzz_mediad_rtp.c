/* A datagram at a media port, before and after decryption: RTP, RTCP, telephone events. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mediad/cng.h"
#include "mediad/dtmf4733.h"
#include "mediad/rtcp.h"
#include "mediad/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact =
	    malloc(size ? size : 1); /* a block of the exact size: one octet over is seen */
	struct rtp_pkt h;
	struct rtp_src s;
	struct rtcp_in in;
	struct dtmf4733 e;
	struct dtmf4733_rx rx = { 0 };
	struct cng_sid sid;

	memcpy(exact, data, size);
	(void)rtp_kind(exact, size);
	if (rtp_parse(exact, size, &h) == 0) {
		if (h.hdr + h.payload > size || h.hdr < RTP_HDR)
			abort();
		rtp_src_init(&s, h.ssrc);
		for (unsigned i = 0; i < 4; i++) {
			(void)rtp_src_seen(&s, &h, i * 20000, 8000);
			h.seq = (uint16_t)(h.seq * 3 + i);
		}
		if (rtp_src_expected(&s) == 0)
			abort();
		(void)rtp_src_fraction(&s);
		if (dtmf4733_parse(exact + h.hdr, h.payload, &e) == 0)
			(void)dtmf4733_rx(&rx, &e, h.ts);
		if (cng_parse(exact + h.hdr, h.payload, &sid) != 0)
			memset(&sid, 0, sizeof(sid));
	}
	if (rtcp_parse(exact, size, size >= 12 ? (uint32_t)data[8] << 24 : 1, &in) != 0)
		memset(&in, 0, sizeof(in));
	free(exact);
	return 0;
}
