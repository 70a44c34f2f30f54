/* Descriptions of a SIP leg: what is written, and how a first offer is made again. */
#include <stdio.h>
#include <string.h>

#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/leg_sip.h"
#include "sipd/ms.h"

void leg_sip_local_address(struct leg_sip *l)
{
	struct leg *g = &l->leg;

	if (!g->media) /* it waits for the outcome of its transfer: all stays as it was said */
		return;
	l->oa.rtp = *media_rtp(g->media, g->side);
	l->oa.rtcp = *media_rtcp(g->media, g->side);
}

/* The user of ours that the call is of. */
const struct user *leg_sip_whose(const struct leg_sip *l)
{
	const struct leg *other = call_other(l->leg.call, &l->leg);

	return l->leg.user || !other ? l->leg.user : other->user;
}

int leg_sip_write_sdp(struct leg_sip *l, struct wr *w, int (*make)(struct oa *, struct wr *))
{
	char extra[3072], session[128];
	struct wr x = wr_of(extra, sizeof(extra)), xs = wr_of(session, sizeof(session));
	struct sipd *s = l->leg.sipd;

	leg_sip_local_address(l);
	if (s->hooks->sdp)
		s->hooks->sdp(s, l->leg.media, &x);
	leg_ice_put(l, &x, &xs);
	if (l->cac.refused)
		return ERR_UNSUPP;
	if (make == oa_offer)
		ms_bypass_put(l, leg_sip_whose(l), &x);
	l->oa.extra = x.bad ? (struct slice){ 0 } : wr_slice(&x);
	l->oa.session_extra = xs.bad ? (struct slice){ 0 } : wr_slice(&xs);
	int err = make(&l->oa, w);
	l->oa.extra = l->oa.session_extra = (struct slice){ 0 };
	return err;
}

/* ---- LYNC: the first offer, for Office Communications Server 2007 R2 as well ---- */

void leg_sip_body_free(struct leg_sip_body *b)
{
	if (b->text)
		mem_free_wiped(b->text, b->cap);
	b->text = NULL;
}

/* The part of draft 6 first, ours last: the best is last (RFC 2046 5.1.4). */
static bool both(struct leg_sip *l, struct leg_sip_body *b)
{
	struct slice sdp = slice_str(l->oa.local);
	char mark[24] = "";
	struct wr w;

	id_token(mark, 20);
	b->cap = 2 * sdp.n + 8192;
	b->text = mem_new(b->cap);
	w = wr_of(b->text, b->cap);
	wr_fmt(&w,
	    "--%s\r\nContent-Type: application/sdp\r\n"
	    "Content-Disposition: session; handling=optional; ms-proxy-2007fallback\r\n\r\n",
	    mark);
	bool can = leg_ice_older(l, sdp, &w);
	wr_fmt(&w,
	    "\r\n--%s\r\nContent-Type: application/sdp\r\n"
	    "Content-Disposition: session; handling=optional\r\n\r\n",
	    mark);
	wr_slice_add(&w, sdp);
	wr_fmt(&w, "\r\n--%s--\r\n", mark);
	if (!can || w.bad) {
		leg_sip_body_free(b);
		return false;
	}
	snprintf(b->type, sizeof(b->type), "multipart/alternative;boundary=\"%s\"", mark);
	b->body = wr_slice(&w);
	return true;
}

struct inv_body leg_sip_first_offer(struct leg_sip *l, struct leg_sip_body *b)
{
	const struct sipd_conf *c = l->leg.sipd->conf;

	*b = (struct leg_sip_body){ 0 };
	if (c->lync && c->lync_ice_2007 && !l->ice.older && both(l, b))
		return (struct inv_body){ slice_str(b->type), b->body };
	return (struct inv_body){ SLICE_LIT("application/sdp"), slice_str(l->oa.local) };
}

/* Encryption is what it is in either words. */
static bool about_keys(const struct sip_msg *rsp)
{
	struct slice why = sip_msg_value(rsp, SIP_H_MS_CLIENT_DIAGNOSTICS),
	             warning = sip_msg_value(rsp, SIP_H_WARNING);

	return slice_starts(why, SLICE_LIT("52017")) || slice_starts(warning, SLICE_LIT("308"));
}

bool leg_sip_again_older(struct leg_sip *l, const struct sip_msg *rsp)
{
	char text[SDP_MAX];
	struct wr w = wr_of(text, sizeof(text));
	bool parts = rsp && rsp->status == 415 && l->leg.sipd->conf->lync_ice_2007;
	int err = 0;

	if (!rsp || (rsp->status != 488 && !parts) || l->ice.older || !l->oa.offered ||
	    about_keys(rsp) || !leg_ice_older(l, slice_str(l->oa.local), &w))
		return false;
	/* 415 is about our two parts: the newer one alone. 488 may be about ICE: the older one. */
	l->ice.older = true;
	if (!parts) {
		l->ice.draft6 = true;
		err = w.bad ? ERR_LIMIT : 0;
		oa_resay(&l->oa, wr_slice(&w));
		oa_fini(&l->base);
		oa_fork(&l->base, &l->oa);
	}
	mem_wipe(text, sizeof(text));
	if (!err)
		err = inv_retry(l->inv, SLICE_LIT(""),
		    (struct inv_body){ SLICE_LIT("application/sdp"), slice_str(l->oa.local) });
	if (err)
		return false;
	log_ev(LOG_INFO, "the offer is made again, in other words", F_CALL(l->leg.ref),
	    F_U64("IPDECT_STATUS", rsp->status), F_U64("IPDECT_DRAFT6", l->ice.draft6));
	return true;
}
