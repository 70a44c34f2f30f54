/* LYNC: media bypass: speech of a call to or from a gateway goes there directly, not through the Mediation Server, where both are at a
 * place of the same bypass identifier (MS-OCPSTN 3.7, MS-SDPEXT 3.1.5.25). An offer of the Mediation Server then has a second
 * description, the gateway's (application/gw-sdp); ours says where we are. ICE has no part in it. */
#include <string.h>
#include <strings.h>

#include "sipd/leg_sip.h"
#include "sipd/ms.h"
#include "sipd/prov.h"
#include "sipd/sdp.h"
#include "sipd/sdp_body.h"

static bool is(const char *v, const char *word)
{
	return v && strcasecmp(v, word) == 0;
}

const char *ms_bypass_id(const struct sipd *s, const struct user *u)
{
	const char *id = prov_get(u, "bypassId");

	if (!s->conf->lync || !s->conf->lync_bypass)
		return NULL;
	if (s->conf->lync_bypass_id[0])
		return s->conf->lync_bypass_id;
	/* Handsets are inside: their place is the one of mediad's subnet. */
	return is(prov_get(u, "bypassEnabled"), "true") &&
	               !is(prov_get(u, "internalBypassMode"), "Off") && id && id[0]
	           ? id
	           : NULL;
}

void ms_bypass_put(const struct leg_sip *l, const struct user *u, struct wr *w)
{
	const char *id = ms_bypass_id(l->leg.sipd, u);

	if (id)
		wr_fmt(w, "a=x-bypassid:%s\r\n", id);
}

static bool g711(const struct sdp_media *m)
{
	for (size_t i = 0; i < m->nfmt; i++)
		if (m->fmt[i].pt == 0 || m->fmt[i].pt == 8)
			return true;
	return false;
}

/* Whether the gateway's encryption is one that we may use. */
static bool secure_enough(const struct sdp_media *m, const struct oa_conf *oa)
{
	if (oa->srtp == OA_SRTP_REQUIRED)
		return m->ncrypto > 0;
	return oa->srtp != OA_SRTP_OFF || !slice_ieq(m->proto, SLICE_LIT("RTP/SAVP"));
}

bool ms_bypass_offered(const struct sipd *s, const struct user *u, const struct sip_msg *m,
    const struct sip_part *plain, struct sip_part *gateway)
{
	const char *id = ms_bypass_id(s, u);
	const struct sdp_media *gw, *own;
	struct sdp sdp, other;
	struct slice theirs;

	if (!id || sdp_gateway_of_msg(m, gateway) || sdp_parse(&sdp, gateway->body))
		return false;
	gw = sdp_first(&sdp, "audio");
	if (!gw || !g711(gw) || !secure_enough(gw, prov_oa(s, u)))
		return false;
	/* Which of the two says it was not observed. */
	theirs = gw->bypass_id;
	if (!theirs.n && sdp_parse(&other, plain->body) == 0) {
		own = sdp_first(&other, "audio");
		theirs = own ? own->bypass_id : theirs;
	}
	return slice_ieq(slice_trim(theirs), slice_str(id));
}
