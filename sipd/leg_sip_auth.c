/* Challenges to the INVITE of a leg and to its changes: answered, also by several realms on the way, then said again. */
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/leg_sip.h"
#include "sipd/sip_auth_hdr.h"

/* What answers the challenges so far; empty: too long. */
static struct slice credentials(struct leg_sip *l, struct slice lines)
{
	char all[AUTH_LINES_MAX];
	struct wr w = wr_of(all, sizeof(all));

	sip_auth_merge(&w, slice_str(l->credentials), lines);
	free(l->credentials);
	l->credentials = wr_nul(&w) ? mem_str(all) : NULL;
	return slice_str(l->credentials);
}

void leg_sip_forget_credentials(struct leg_sip *l)
{
	free(l->credentials);
	l->credentials = NULL;
	l->challenges = 0;
}

static void on_invite(void *ctx, int err, struct slice lines)
{
	struct leg_sip *l = ctx;
	struct leg_sip_body body;
	struct inv_body offer = leg_sip_first_offer(l, &body);

	l->auth = NULL;
	if (!err)
		err = inv_retry(l->inv, credentials(l, lines), offer);
	leg_sip_body_free(&body);
	if (err) {
		log_ev(LOG_WARNING, "INVITE not authenticated", F_CALL(l->leg.ref), F_ERR(err),
		    F_REMEDY("set the user's password: dectctl secret set USER kind=sip"));
		leg_sip_failed(l, CAUSE_FORBIDDEN, NULL);
	}
}

static void on_change(void *ctx, int err, struct slice lines)
{
	struct leg_sip *l = ctx;
	struct inv_body body = { SLICE_LIT("application/sdp"), slice_str(l->oa.local) };

	l->auth = NULL;
	if (l->leg.gone)
		return;
	if (!err)
		err = inv_offer(l->inv, false, credentials(l, lines), body);
	if (err)
		oa_withdraw(&l->oa);
}

bool leg_sip_challenged(struct leg_sip *l, const struct sip_msg *rsp, bool change)
{
	struct sipd *s = l->leg.sipd;
	struct slice uri;

	if (!rsp || (rsp->status != 401 && rsp->status != 407) || !l->leg.user || l->auth)
		return false;
	/* Again only what has something new to it: a wrong password is not tried twice. */
	if (l->challenges && (l->challenges >= AUTH_TRIES || !l->credentials ||
	                         !sip_auth_fresh(rsp, slice_str(l->credentials))))
		return false;
	l->challenges++;
	if (!change && s->hooks->challenge && s->hooks->challenge(s, l->leg.user, rsp))
		return true;
	uri = slice_str(change ? inv_dlg(l->inv)->target : l->uri);
	return auth_answer(s, l->leg.user, rsp, sip_method_name(rsp->method), uri,
	           slice_str(l->oa.local), change ? on_change : on_invite, l, &l->auth) == 0;
}
