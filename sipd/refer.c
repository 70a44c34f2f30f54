/* REFER (RFC 3515, RFC 3891, RFC 3892): received from a far end, and sent to one for a handset's transfer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/leg_sip.h"
#include "sipd/ms.h"

static void frag(struct leg_sip *l, unsigned status, bool last)
{
	char body[96];
	int n = snprintf(body, sizeof(body), "SIP/2.0 %u %s\r\n", status, sip_reason(status));

	if (!l->refer)
		return;
	if (sub_notify(l->refer, last ? SUB_TERMINATED : SUB_ACTIVE,
	        last ? SLICE_LIT("noresource") : SLICE_LIT(""),
	        SLICE_LIT("message/sipfrag;version=2.0"), (struct slice){ body, (size_t)n }) &&
	    last)
		log_ev(LOG_INFO, "the outcome of a transfer could not be told", F_CALL(l->leg.ref));
}

/* The last word, and this end stays as it was: it may be transferred again. */
static void told(struct leg_sip *l, unsigned status)
{
	frag(l, status, true);
	sub_free(l->refer);
	l->refer = NULL;
}

static void on_sub_ended(void *ctx, struct sub *s, struct slice reason, uint32_t retry_s)
{
	struct leg_sip *l = ctx;

	(void)reason;
	(void)retry_s;
	if (l->refer == s)
		l->refer = NULL;
}

static void on_fetch(void *ctx, struct sub *s, uint32_t expires)
{
	(void)ctx;
	(void)s;
	(void)expires;
}

static void on_frag(void *ctx, struct sub *s, const struct sip_msg *req)
{
	(void)s;
	refer_notify(ctx, req);
}

static const struct sub_ops sub_ops = {
	.fetch = on_fetch, .ended = on_sub_ended, .notify = on_frag
};

/* The new call's outcome is told to who asked; its session ends then by its own BYE, or by ours. */
static void on_outcome(struct call *c, void *ctx, bool ok, unsigned status)
{
	struct leg_sip *l = ctx;

	/* RFC 5589 6.1: without success the call that was there goes on. */
	if (!ok && !l->leg.gone && c->a && c->a->up && !c->a->gone) {
		struct leg *stays = c->a;
		told(l, status);
		call_resume(&l->leg, stays);
		bool ice = l->ice.on;
		leg_ice_drop(l); /* the agent was the other call's meanwhile */
		leg_sip_apply(l);
		if (ice)
			leg_ice_restart(l);
		if (l->oa.result.held)
			stays->ops->far_hold(stays, true);
		log_ev(LOG_NOTICE, "transfer failed: the call goes on", F_CALL(l->leg.ref),
		    F_U64("IPDECT_STATUS", status));
		return;
	}
	frag(l, status, true);
	if (ok && !l->leg.gone)
		l->leg.ops->release(&l->leg, CAUSE_TRANSFERRED);
	/* l was taken out of its call: it lives until its subscription is over. */
	leg_free(&l->leg);
}

/* Refer-To: <sip:target?Replaces=…>; the headers of the URI go into the INVITE (RFC 3891, only Replaces is taken). */
static int target_of(const struct sip_msg *req, char *uri, size_t cap, char *replaces, size_t rcap)
{
	struct sip_addr a;
	struct slice value = sip_msg_value(req, SIP_H_REFER_TO);

	replaces[0] = '\0';
	if (!value.p || sip_addr_parse(&a, value) || a.uri.scheme == SIP_SCHEME_OTHER)
		return ERR_SYNTAX;
	struct slice bare = a.uri_raw;
	bare.n = slice_chr(bare, '?');
	struct cur c = cur_of(a.uri.headers);
	while (!cur_done(&c)) {
		struct slice h = cur_until(&c, "&");
		(void)cur_lit(&c, '&');
		size_t eq = slice_chr(h, '=');
		if (slice_ieq(slice_sub(h, 0, eq), SLICE_LIT("Replaces")) &&
		    sip_unescape(slice_sub(h, eq + 1, h.n), replaces, rcap))
			return ERR_SYNTAX;
	}
	return slice_copy(bare, uri, cap);
}

void refer_received(struct leg_sip *l, struct tx *tx, const struct sip_msg *req)
{
	struct sipd *s = l->leg.sipd;
	struct leg *stays = call_other(l->leg.call, &l->leg);
	char uri[NUMBER_MAX], replaces[256], extra[512] = "";
	struct sub_conf conf = { .ops = &sub_ops,
		.ctx = l,
		.event = SLICE_LIT("refer"),
		.expires = 180,
		.flow = l->flow };

	if (target_of(req, uri, sizeof(uri), replaces, sizeof(replaces))) {
		(void)tx_refuse(tx, 400, "Bad Refer-To");
		return;
	}
	if (!stays || stays->gone || !stays->up || !l->leg.up || l->refer) {
		(void)tx_refuse(tx, 491, "Request Pending");
		return;
	}
	struct slice by = sip_msg_value(req, SIP_H_REFERRED_BY);
	struct wr w = wr_of(extra, sizeof(extra));
	if (by.p && by.n < 200) {
		wr_str(&w, "Referred-By: ");
		wr_slice_add(&w, by);
		wr_str(&w, "\r\n");
	}
	if (l->conversation[0])
		wr_fmt(&w, "Ms-Conversation-ID: %s\r\n", l->conversation);
	bool quiet = slice_ieq(sip_msg_value(req, SIP_H_REFER_SUB), SLICE_LIT("false"));
	(void)tx_reply(tx, 202, SLICE_LIT(""),
	    quiet ? SLICE_LIT("Refer-Sub: false\r\n") : SLICE_LIT(""), SLICE_LIT(""),
	    SLICE_LIT(""));
	if (!quiet && sub_refer_in(s->ua, &conf, inv_dlg(l->inv), req->cseq, &l->refer))
		l->refer = NULL;
	frag(l, 100, false);
	log_ev(
	    LOG_NOTICE, "far end transfers the call", F_CALL(l->leg.ref), F_TEXT("IPDECT_TO", uri));
	if (replaces[0]) {
		bool early;
		struct sip_usage *u = sip_ua_replaces(s->ua, slice_str(replaces), &early);
		struct inv *i = u ? inv_of_usage(u) : NULL;
		struct leg *mine = i ? leg_of_inv(s, i) : NULL;
		if (mine && mine->call && mine != &l->leg) {
			/* Both sessions are ours: join what hangs at their other ends. */
			int err = call_join(&l->leg, mine);
			if (err)
				told(l, 500);
			else
				frag(l, 200, true);
			return;
		}
		wr_str(&w, "Replaces: ");
		wr_str(&w, replaces);
		wr_str(&w, "\r\nRequire: replaces\r\n");
	}
	if (!wr_nul(&w))
		extra[0] = '\0';
	/* This leg stays beside until the outcome is known. */
	struct call *old = l->leg.call;
	if (old->a == &l->leg)
		old->a = NULL;
	else
		old->b = NULL;
	l->leg.call = NULL;
	if (l->leg.media && l->leg.media == stays->media && !stays->handset) {
		/* One session was for both: its other side is for the target now. */
		leg_drop_media(&l->leg, 0);
		media_rest(stays->media, leg_far_side(stays));
	}
	int err = call_redirect(stays, uri, extra, on_outcome, l);
	if (err) {
		told(l, err == ERR_NOTFOUND ? 404 : 500);
		if (stays->call == old) { /* nothing has changed: back into the call */
			if (!old->a)
				old->a = &l->leg;
			else
				old->b = &l->leg;
			l->leg.call = old;
			if (!l->leg.media && stays->media) {
				leg_share_media(&l->leg, stays);
				leg_sip_apply(l);
			}
		}
	}
}

/* ---- a handset transfers ---- */

int refer_send(struct leg_sip *l, const char *target, struct leg_sip *replaces)
{
	struct sipd *s = l->leg.sipd;
	char lines[1400];
	struct wr w = wr_of(lines, sizeof(lines));
	struct leg *own = call_other(l->leg.call, &l->leg); /* who transfers */
	struct user *u = l->leg.user ? l->leg.user : own ? own->user : NULL;
	struct route r;

	if (!l->inv || !inv_is_up(l->inv) || !inv_peer_allows(l->inv, SIP_M_REFER))
		return ERR_UNSUPP;
	wr_str(&w, "Refer-To: <");
	if (replaces) {
		struct dlg *d = inv_dlg(replaces->inv);
		char value[400];
		int n = snprintf(value, sizeof(value), "%s;to-tag=%s;from-tag=%s", d->call_id,
		    d->remote_tag, d->local_tag);
		if (n < 0 || (size_t)n >= sizeof(value))
			return ERR_LIMIT;
		wr_str(&w, d->target);
		wr_str(&w, "?Replaces=");
		for (const char *p = value; *p; p++) {
			if (strchr(";=@ ?&/\"<>", *p))
				wr_fmt(&w, "%%%02X", (unsigned char)*p);
			else
				wr_u8(&w, (uint8_t)*p);
		}
	} else {
		route_find(s, u, slice_str(target), false, &r);
		if (r.kind == ROUTE_SIP) {
			wr_str(&w, r.uri);
		} else {
			wr_str(&w, "sip:");
			sip_escape_user(&w, slice_str(target));
			wr_str(&w, "@");
			wr_str(&w, s->conf->default_domain);
		}
	}
	wr_str(&w, ">\r\n");
	if (u) {
		wr_str(&w, "Referred-By: ");
		sipd_put_aor(s, &w, u, false);
		wr_str(&w, "\r\n");
	}
	if (s->conf->lync) /* LYNC: ours goes on when the transfer fails */
		wr_str(&w, "Supported: ms-safe-transfer\r\n");
	if (!wr_nul(&w))
		return ERR_LIMIT;
	struct inv_body none = { SLICE_LIT(""), SLICE_LIT("") };
	int err = inv_request(l->inv, SIP_M_REFER, wr_slice(&w), none);
	if (!err) {
		free(l->refer_lines);
		l->refer_lines = mem_str(lines);
		l->refer_tries = 0;
		free(l->refer_target);
		l->refer_target = replaces ? NULL : mem_str(target);
	}
	return err;
}

static void on_refer_credentials(void *ctx, int err, struct slice lines)
{
	struct leg_sip *l = ctx;
	char all[3000];
	struct wr w = wr_of(all, sizeof(all));
	struct inv_body none = { SLICE_LIT(""), SLICE_LIT("") };

	l->auth = NULL;
	if (err || l->leg.gone || !l->refer_lines)
		return;
	wr_str(&w, l->refer_lines);
	wr_slice_add(&w, lines);
	if (!w.bad && inv_request(l->inv, SIP_M_REFER, wr_slice(&w), none))
		log_ev(LOG_NOTICE, "transfer failed: REFER not sent", F_CALL(l->leg.ref));
}

void refer_reply(struct leg_sip *l, const struct sip_msg *rsp, int err)
{
	if (rsp && (rsp->status == 401 || rsp->status == 407) && l->leg.user && !l->auth &&
	    l->refer_tries++ == 0 &&
	    auth_answer(l->leg.sipd, l->leg.user, rsp, SLICE_LIT("REFER"),
	        slice_str(inv_dlg(l->inv)->target), SLICE_LIT(""), on_refer_credentials, l,
	        &l->auth) == 0)
		return;
	if (rsp && rsp->status >= 300 && l->refer_target && !l->leg.gone &&
	    l->leg.sipd->conf->transfer != TRANSFER_REFER) {
		char *target = l->refer_target;
		l->refer_target = NULL;
		free(l->refer_lines);
		l->refer_lines = NULL;
		err = call_blind_here(&l->leg, target);
		free(target);
		log_ev(LOG_NOTICE, "the far end refuses REFER: transferred by a call of ours",
		    F_CALL(l->leg.ref), F_U64("IPDECT_STATUS", rsp->status), F_ERR(err));
		if (!err)
			return;
	}
	if (!rsp || rsp->status >= 300) {
		log_ev(LOG_NOTICE, "the far end refuses the transfer: the calls stay",
		    F_CALL(l->leg.ref), F_ERR(err), F_U64("IPDECT_STATUS", rsp ? rsp->status : 0));
		call_referred(&l->leg, false);
	}
}

void refer_notify(struct leg_sip *l, const struct sip_msg *req)
{
	struct cur c = cur_of(req->body);
	uint32_t status = 0;

	if (!l->refer_lines || !sip_msg_is_type(req, "message", "sipfrag"))
		return;
	(void)cur_until(&c, " ");
	cur_lws(&c);
	if (slice_u32(cur_digits(&c), 699, &status) || status < 200)
		return;
	free(l->refer_lines);
	l->refer_lines = NULL;
	call_referred(&l->leg, status < 300);
}
