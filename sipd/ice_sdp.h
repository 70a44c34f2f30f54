#ifndef SIPD_ICE_SDP_H
#define SIPD_ICE_SDP_H
#include "sipd/media.h"
#include "sipd/sdp.h"

/* ICE in session descriptions: RFC 8839, what MS-SDPEXT 3.1.5 writes differently, and draft 6 (MS-ICE), where each
 * candidate has its name and password. Pure. */
struct ice_sdp {
	struct slice ufrag, pwd; /* of the description */
	bool lite;
	bool
	    mismatch; /* the default destination is no candidate: something between changed it (RFC 8839 4.2.5) */
	bool mux;     /* a=rtcp-mux */
	bool refused; /* a=ice-mismatch: the far end saw that ours was changed */
	bool
	    draft6; /* LYNC: its candidates are of the older draft: ufrag and pwd are empty, they have keys */
	struct media_cand cand[MEDIA_CANDS]; /* by UDP, with numeric addresses */
	size_t ncand;
	struct sdp_addr chosen[2]; /* a=remote-candidates by component; n = 0: none */
	struct media_cand_key
	    chosen_name; /* draft 6: of a=remote-candidate, the name alone; id_n = 0: none */
};

/* Of the first audio section. true: it has credentials and usable candidates. Where it has candidates of both drafts the
 * newer ones count. */
bool ice_sdp_read(struct ice_sdp *out, struct slice sdp);

struct ice_sdp_out {
	bool rfc;         /* RFC 8839; false: as Microsoft's products */
	bool controlling; /* says the far end's chosen candidates when they are known */
	bool draft6;
	bool one; /* only component 1 is there: RTCP is multiplexed, or the far end has none */
};
/* Attribute lines of the audio section: all candidates, or only those that were chosen once they are. */
void ice_sdp_put(struct wr *w, const struct media_agent *a, const struct ice_sdp_out *how);
/* The same description with its ICE in the words of draft 6. */
void ice_sdp_older(struct wr *w, struct slice sdp, const struct media_agent *a);
#endif
