/* Session descriptions from the network: parsed, and answered under every policy. */
#include <stdlib.h>
#include <string.h>

#include "sipd/ice_sdp.h"
#include "sipd/sdp_oa.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sdp sdp;
	char *exact = malloc(size ? size : 1);
	char out[8192];

	if (!exact)
		return 0;
	if (size)
		memcpy(exact, data, size);
	if (sdp_parse(&sdp, (struct slice){ exact, size }) == 0)
		for (size_t i = 0; i < sdp.nmedia; i++)
			for (size_t k = 0; k < sdp.media[i].nfmt; k++)
				if (sdp.media[i].fmt[k].name.n &&
				    (sdp.media[i].fmt[k].name.p < exact ||
				        sdp.media[i].fmt[k].name.p > exact + size))
					abort();
	struct ice_sdp ice;
	if (ice_sdp_read(&ice, (struct slice){ exact, size }) &&
	    (ice.ncand == 0 || ice.ncand > MEDIA_CANDS || ice.draft6 == (ice.ufrag.n != 0) ||
	        ice.draft6 != (ice.cand[0].key.id_n != 0)))
		abort();
	struct media_agent agent = { .ncand = ice.ncand };
	memcpy(agent.cand, ice.cand, sizeof(agent.cand));
	struct wr older = wr_of(out, sizeof(out));
	ice_sdp_older(&older, (struct slice){ exact, size }, &agent);
	for (int p = 0; p < 6; p++) {
		struct oa_conf c = { .codec = { CODEC_PCMA, CODEC_PCMU, CODEC_G726_32 },
			.ncodec = 3,
			.srtp = (enum oa_srtp)(p % 3),
			.suite = { SDES_CM_80, SDES_GCM_128 },
			.nsuite = 2,
			.ms = p > 2 };
		struct oa o;
		bool same;
		struct wr w = wr_of(out, sizeof(out));
		oa_init(&o, &c);
		o.rtp = (struct sdp_addr){ .ip = { 127, 0, 0, 1 }, .n = 4, .port = 4000 };
		o.rtcp = o.rtp;
		if (oa_asked(&o, (struct slice){ exact, size }, &same) == 0 &&
		    oa_answer(&o, &w) == 0) {
			/* Our own answer must be understood. */
			if (sdp_parse(&sdp, wr_slice(&w)) || sdp.nmedia != o.nline)
				abort();
			if (p % 3 == OA_SRTP_REQUIRED && o.result.tx.suite == SDES_NONE)
				abort();
		}
		oa_fini(&o);
	}
	free(exact);
	return 0;
}
