/* The SIP leg's operations: what the call wants of this end, and what its media tells. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "sipd/leg_sip.h"
#include "sipd/ms.h"
#include "sipd/ms_conf.h"

#define INVITER_MS 5000 /* LYNC: who invited to a conference ends that dialog; afterwards we do */

static const struct inv_body no_body;

/* May a caller who waits for its answer have the other side of the called end's session: both are SIP, and it needs
 * nothing that only the network side has (ICE, IPv6, call admission control). */
static bool shares(struct leg *g)
{
	const struct leg_sip *l = leg_sip_of(g);

	return g->ops == &leg_sip_ops && !g->up && !g->media && !g->ipv6 && !l->ice.on &&
	       !l->inviting && !l->conf && !leg_cac_on(g->sipd, leg_sip_whose(l));
}

void leg_sip_open_media(struct leg_sip *l)
{
	/* A session of its own means that the other end has one, too: the side that will be linked is made at once. */
	struct media_leg net = { .on = true }, far = { .on = true };
	struct leg *caller = l->out ? call_other(l->leg.call, &l->leg) : NULL;
	uint64_t ref = l->leg.ref;

	if (caller && !shares(caller))
		caller = NULL;
	if (caller) {
		ref = caller->ref;
		far.sip = true;
	}
	net.ipv6 = l->leg.ipv6;
	l->leg.side = MEDIA_NETWORK;
	l->leg.media = media_open(l->leg.sipd->media, ref, &net, &far, NULL, &l->leg.mu);
	if (caller)
		leg_share_media(caller, &l->leg);
}

static int op_offer(
    struct leg *g, const struct party *caller, const struct party *diverted, bool waiting)
{
	struct leg_sip *l = leg_sip_of(g);

	(void)diverted; /* is in the header lines */
	(void)waiting;
	l->caller = *caller;
	return leg_sip_go(l);
}

static void op_progress(struct leg *g, enum leg_progress p, const struct party *far)
{
	struct leg_sip *l = leg_sip_of(g);

	(void)far;
	if (!l->inv || g->up)
		return;
	if (p == LEG_ALERTING || p == LEG_EARLY_MEDIA)
		(void)inv_progress(l->inv, 180, SLICE_LIT(""), SLICE_LIT(""), no_body);
	else if (p == LEG_QUEUED)
		(void)inv_progress(l->inv, 182, SLICE_LIT(""), SLICE_LIT(""), no_body);
}

static int do_connect(struct leg_sip *l)
{
	char text[SDP_MAX], lines[700];
	struct wr w = wr_of(text, sizeof(text)), wx = wr_of(lines, sizeof(lines));
	int err = leg_sip_write_sdp(l, &w, l->offerless ? oa_offer : oa_answer);

	leg_sip_put_identity(l, &wx);
	ms_call_put_accepted(l, &wx);
	if (!err)
		err = inv_accept(
		    l->inv, wx.bad ? SLICE_LIT("") : wr_slice(&wx), leg_sip_sdp_body(&w));
	mem_wipe(text, w.n);
	if (!err && !l->offerless)
		leg_sip_apply(l);
	return err;
}

static void op_display(struct leg *g, const struct party *far);

static int op_connect(struct leg *g, const struct party *far)
{
	struct leg_sip *l = leg_sip_of(g);

	if (g->up) { /* its media was linked to the new end's; the far end's display is all that changes */
		op_display(g, far);
		return 0;
	}
	if (l->inviting)
		return inv_accept(l->inv, SLICE_LIT(""), no_body);
	if (far)
		l->far = *far;
	if (!g->media) {
		l->connecting = true;
		leg_sip_open_media(l);
		return 0;
	}
	if (!media_ready(g->media) || (l->ice.on && leg_ice_wait(l))) {
		l->connecting = true;
		return 0;
	}
	return do_connect(l);
}

void leg_sip_on_media(
    struct media_user *u, struct media *m, enum media_event ev, enum media_side side, int v)
{
	struct leg_sip *l = leg_sip_of(CONTAINER_OF(u, struct leg, mu));
	struct leg *other = call_other(l->leg.call, &l->leg);

	if (l->leg.gone || l->inviting)
		return;
	switch (ev) {
	case MEDIA_ICE_LOCAL:
		leg_ice_local(l);
		if (!media_ready(m))
			break; /* its mediad died: MEDIA_MOVED comes */
		__attribute__((fallthrough));
	case MEDIA_READY:
		if (l->out && !l->sent && l->flow && !l->inv && !leg_ice_wait(l))
			leg_sip_send_invite(l);
		if (l->connecting && !(l->ice.on && leg_ice_wait(l))) {
			l->connecting = false;
			if (l->leg.call)
				call_join_media(l->leg.call);
			if (do_connect(l)) {
				leg_cac_say(l);
				leg_sip_gone(l, CAUSE_CODEC);
			}
		}
		break;
	case MEDIA_MOVED:
		if (l->connecting || (l->out && !l->sent && l->flow && !l->inv)) {
			leg_sip_on_media(u, m, MEDIA_READY, side, v);
			break;
		}
		if (!l->out && !l->leg.up)
			break; /* its answer will say the address */
		leg_ice_moved(l);
		leg_sip_local_address(l);
		if (!other || !other->handset || other->media != l->leg.media)
			leg_sip_reoffer(l);
		else
			(void)call_event(l->leg.call, CALL_EV_MOVED, NULL);
		break;
	case MEDIA_FAILED:
	case MEDIA_LOST:
		if (!l->sent && l->out)
			leg_sip_failed(l, CAUSE_CONGESTION, NULL);
		else if (!other || !other->handset || other->media != l->leg.media) {
			struct call_arg arg = { .cause = CAUSE_CONGESTION };
			(void)call_event(l->leg.call, CALL_EV_END, &arg);
		}
		break;
	case MEDIA_SILENT:
		/* A held end may be silent for ever. */
		if (side == l->leg.side && l->leg.up && !l->oa.result.held && !l->leg.held_by_far) {
			log_ev(LOG_NOTICE, "no media from the far end: call ended",
			    F_CALL(l->leg.ref));
			struct call_arg arg = { .cause = CAUSE_PEER_LOST };
			(void)call_event(l->leg.call, CALL_EV_END, &arg);
		}
		break;
	case MEDIA_ICE:
		if (side == l->leg.side)
			leg_ice_chosen(l, v != 0);
		break;
	case MEDIA_CAC:
		if (side == l->leg.side)
			leg_cac_moved(l);
		break;
	case MEDIA_DTMF:
		break; /* mediad carries RFC 4733 through */
	case MEDIA_BAD_KEYS:
		log_ev(LOG_WARNING, "media from the far end cannot be verified", F_CALL(l->leg.ref),
		    F_REMEDY("the far end uses other SRTP parameters than it said"));
		break;
	default:
		break;
	}
}

static void op_release(struct leg *g, enum cause cause)
{
	struct leg_sip *l = leg_sip_of(g);
	char lines[160];
	struct wr w = wr_of(lines, sizeof(lines));
	unsigned status;

	g->gone = true;
	auth_cancel(l->auth);
	l->auth = NULL;
	if (!l->inv || (l->inviting && g->up)) /* the inviter ends it; if not, op_free */
		return;
	if (cause == CAUSE_ELSEWHERE)
		wr_str(&w, "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n");
	if (inv_is_up(l->inv))
		inv_bye(l->inv, wr_slice(&w));
	else if (l->out)
		inv_cancel(l->inv, wr_slice(&w));
	else if (!g->up && leg_cac_refusal(l, &status, &w))
		(void)inv_refuse(l->inv, status, SLICE_LIT(""), wr_slice(&w));
	else if (!g->up)
		(void)inv_refuse(l->inv, ms_call_status(g->sipd, cause), SLICE_LIT(""),
		    cause == CAUSE_CODEC        ? leg_sip_refusal(ERR_UNSUPP)
		    : cause == CAUSE_CONGESTION ? SLICE_LIT("Retry-After: 5\r\n")
		                                : SLICE_LIT(""));
}

static void op_display(struct leg *g, const struct party *far)
{
	struct leg_sip *l = leg_sip_of(g);

	if (!far || l->inviting ||
	    (strcmp(far->number, l->far.number) == 0 && strcmp(far->name, l->far.name) == 0))
		return;
	l->far = *far;
	leg_sip_say_identity(l);
}

static void op_far_hold(struct leg *g, bool held)
{
	struct leg_sip *l = leg_sip_of(g);

	if (l->inviting)
		return;
	l->oa.want = held ? SDP_SENDONLY : SDP_SENDRECV;
	if (g->media) {
		struct media_leg music = { .on = true, .has_music = true, .music = held };
		media_set(g->media, g->side, &music);
	}
	leg_sip_reoffer(l);
}

static int op_dtmf(struct leg *g, struct slice digits)
{
	struct leg_sip *l = leg_sip_of(g);
	uint32_t how = g->sipd->conf->dtmf;

	if (l->inviting)
		return ERR_STATE;
	int err = 0;

	if (how == DTMF_RFC4733 || (how == DTMF_AUTO && oa_event_pt(&l->oa.result)))
		return g->media ? media_dtmf(g->media, g->side, digits) : ERR_STATE;
	if (!l->inv) /* its INVITE waits for an address or for media */
		return ERR_STATE;
	for (size_t i = 0; i < digits.n && !err; i++) {
		char body[48];
		int n = snprintf(body, sizeof(body), "Signal=%c\r\nDuration=160\r\n", digits.p[i]);
		struct inv_body b = { SLICE_LIT("application/dtmf-relay"), { body, (size_t)n } };
		err = inv_request(l->inv, SIP_M_INFO, SLICE_LIT(""), b);
	}
	return err;
}

static void op_moved(struct leg *g)
{
	struct leg_sip *l = leg_sip_of(g);

	if (g->media && media_ready(g->media) && !leg_sip_of(g)->inviting)
		leg_sip_reoffer(l);
}

static void on_reap(struct tmr *t, void *ctx)
{
	struct leg_sip *l = ctx;

	(void)t;
	ms_conf_free(l->conf);
	sub_free(l->refer);
	inv_free(l->inv);
	resolve_cancel(l->q);
	auth_cancel(l->auth);
	tp_flow_unref(l->flow);
	leg_ice_fini(l);
	leg_cac_fini(l);
	oa_fini(&l->oa);
	oa_fini(&l->base);
	free(l->uri);
	free(l->extra);
	free(l->refer_lines);
	free(l->refer_target);
	free(l->credentials);
	free(l);
}

/* Not within a callback of the session: from the loop. */
static void op_free(struct leg *g)
{
	struct leg_sip *l = leg_sip_of(g);

	g->gone = true;
	g->call = NULL;
	tmr_init(&l->reap, g->sipd->d->wheel, on_reap, l);
	tmr_start(&l->reap, l->inviting && l->inv && inv_is_up(l->inv) ? INVITER_MS : 0);
}

const struct leg_ops leg_sip_ops = {
	.name = "sip",
	.offer = op_offer,
	.progress = op_progress,
	.connect = op_connect,
	.release = op_release,
	.display = op_display,
	.far_hold = op_far_hold,
	.dtmf = op_dtmf,
	.moved = op_moved,
	.free = op_free,
};
