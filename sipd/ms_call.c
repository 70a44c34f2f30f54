/* LYNC: calls in Microsoft's dialect: conversations that span dialogs, bodies in several forms, whom a call was for,
 * refusals and their reasons. Sources: MS-SIPRE 3.15, 4.11, MS-OCER. */
#include <stdio.h>
#include <string.h>

#include "common/enc.h"
#include "common/id.h"
#include "common/log.h"
#include "common/mem.h"
#include "sipd/leg_sip.h"
#include "sipd/ms.h"
#include "sipd/ms_diag.h"
#include "sipd/sdp_body.h"

#define CONVERSATION "Ms-Conversation-ID: "

/* ---- conversations ---- */

static const char *conversation_of(const struct leg *l)
{
	return l && l->ops == &leg_sip_ops ? CONTAINER_OF(l, struct leg_sip, leg)->conversation
	                                   : "";
}

/* The call that this one follows from: the caller's own dialog (a forward, a transfer joined here), else the call that the
 * user's handset holds meanwhile. */
static const char *follows(const struct leg_sip *l)
{
	const struct user *u = l->leg.user;
	const char *id = l->leg.call ? conversation_of(l->leg.call->a) : "";

	if (*id || !u || !u->room)
		return id;
	LIST_FOREACH(&ustate_of(u)->legs, it)
	{
		const struct leg *own = LIST_ENTRY(it, struct leg, user_leg);
		if (own->call && own->call != l->leg.call && own->holding) {
			id = conversation_of(call_other(own->call, own));
			if (*id)
				return id;
		}
	}
	return "";
}

void ms_call_conversation(struct leg_sip *l, struct wr *w)
{
	uint8_t id[22];
	const char *at;

	if (!l->leg.sipd->conf->lync || w->bad)
		return;
	at = memmem(w->p, w->n, CONVERSATION, sizeof(CONVERSATION) - 1);
	if (at) {
		struct cur c = cur_of(slice_sub(wr_slice(w),
		    (size_t)(at - (const char *)w->p) + sizeof(CONVERSATION) - 1, w->n));
		if (slice_copy(cur_until(&c, "\r"), l->conversation, sizeof(l->conversation)))
			l->conversation[0] = '\0';
		return;
	}
	(void)snprintf(l->conversation, sizeof(l->conversation), "%s", follows(l));
	if (!l->conversation[0]) {
		id_random(id, sizeof(id));
		_Static_assert(ENC_B64_LEN(sizeof(id)) <= sizeof(l->conversation), "fits");
		(void)enc_b64(id, sizeof(id), l->conversation);
	}
	wr_fmt(w, CONVERSATION "%s\r\n", l->conversation);
}

/* ---- bodies ---- */

int ms_call_sdp(struct leg_sip *l, const struct user *u, const struct sip_msg *m, struct slice *sdp)
{
	struct slice id = sip_msg_value(m, SIP_H_MS_CONVERSATION_ID);
	struct sip_part part, gateway;
	int err = sdp_part_of_msg(m, &part);

	if (!err && ms_bypass_offered(l->leg.sipd, u, m, &part, &gateway)) {
		part = gateway;
		log_ev(LOG_INFO, "media bypass: speech goes to the gateway", F_CALL(l->leg.ref));
	}

	*sdp = part.body;
	l->accepted[0] = '\0';
	if (!l->leg.sipd->conf->lync)
		return err;
	if (id.n && slice_copy(id, l->conversation, sizeof(l->conversation)))
		l->conversation[0] = '\0';
	if (!err && part.body.p != m->body.p && part.id.n &&
	    slice_copy(part.id, l->accepted, sizeof(l->accepted)))
		l->accepted[0] = '\0';
	return err;
}

void ms_call_put_accepted(const struct leg_sip *l, struct wr *w)
{
	if (l->accepted[0])
		wr_fmt(w, "Ms-Accepted-Content-ID: %s\r\n", l->accepted);
}

/* ---- whom it was for ---- */

bool ms_call_for_another(
    const struct sipd *s, const struct user *u, const struct sip_msg *req, struct party *out)
{
	char aor[400];
	struct wr w = wr_of(aor, sizeof(aor));
	struct slice to = req->to.uri_raw;

	if (!s->conf->lync || !u || req->to.uri.user.n == 0)
		return false;
	to.n = slice_chr(to, ';');
	sipd_put_aor(s, &w, u, false); /* <sip:user@domain> */
	if (w.bad || w.n < 2 || slice_ieq(slice_sub(wr_slice(&w), 1, w.n - 1), to))
		return false;
	party_of_addr(out, &req->to, slice_str(s->conf->default_domain));
	/* By a number of its own the user itself was called. */
	return users_reach(s->users, slice_str(out->number)) != u;
}

/* ---- refusals ---- */

unsigned ms_call_status(const struct sipd *s, enum cause cause)
{
	/* 603 would end the ringing of all the user's endpoints; a handset's "no" is its own. */
	return s->conf->lync && cause == CAUSE_REJECTED ? 486 : cause_status(cause);
}

void ms_call_why(const struct sip_msg *m, char *out, size_t cap)
{
	struct ms_diag d = { 0 };

	*out = '\0';
	if (m)
		ms_diag_of(m, &d);
	if (d.id)
		ms_diag_text(&d, out, cap);
}

void ms_call_ended(const struct leg_sip *l, const struct sip_msg *bye)
{
	char why[400];

	ms_call_why(bye, why, sizeof(why));
	if (*why)
		log_ev(LOG_NOTICE, "the far end says why it ended the call", F_CALL(l->leg.ref),
		    F_WHY(why));
}

bool ms_call_disturbs(const struct sip_msg *rsp)
{
	return rsp->status == 480 &&
	       slice_starts(slice_trim(sip_msg_value(rsp, SIP_H_WARNING)), SLICE_LIT("391"));
}
