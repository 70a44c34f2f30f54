/* Picks the session description of a SIP body (RFC 2046 5.1, RFC 5621 8). */
#include "sipd/sdp_body.h"

#include <string.h>

#define PARTS_MAX 8

int sdp_of_msg(const struct sip_msg *m, struct slice *sdp)
{
	struct sip_part part;
	struct slice fallback = { 0 }, best = { 0 };
	bool mixed = sip_msg_is_type(m, "multipart", "mixed");

	*sdp = (struct slice){ 0 };
	if (m->body.n == 0)
		return ERR_NOTFOUND;
	if (!sip_msg_is_type(m, "application", "sdp") && !mixed &&
	    !slice_istarts(sip_msg_value(m, SIP_H_CONTENT_TYPE), SLICE_LIT("multipart/")))
		return ERR_UNSUPP;
	for (unsigned i = 0; i < PARTS_MAX; i++) {
		int err = sip_msg_part(m, i, &part);
		struct slice handling;

		if (err == ERR_NOTFOUND)
			break;
		if (err)
			return err;
		if (sip_part_is(&part, "application/sdp")) {
			/* LYNC: the part for OCS 2007 is marked so. */
			if (part.disposition.n && memmem(part.disposition.p, part.disposition.n,
			                              "ms-proxy-2007fallback", 21))
				fallback = part.body;
			else
				best = part.body;
		} else if (mixed &&
		           sip_param_find(slice_sub(part.disposition,
		                              slice_chr(part.disposition, ';'), part.disposition.n),
		               SLICE_LIT("handling"), &handling) &&
		           slice_ieq(handling, SLICE_LIT("required"))) {
			return ERR_UNSUPP;
		}
	}
	*sdp = best.n ? best : fallback;
	return sdp->n ? 0 : ERR_NOTFOUND;
}
