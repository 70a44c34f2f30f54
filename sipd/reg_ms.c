/* LYNC: what the registration engine does otherwise in Microsoft's dialect: challenges, refusals, a server that forgot. */
#include <stdio.h>

#include "common/log.h"
#include "sipd/feed.h"
#include "sipd/ms.h"
#include "sipd/reg_int.h"

#define TRIES                                                                                      \
	6 /* answers to challenges in one registration: Kerberos, a new ticket, NTLM in two steps */
#define REFUSED_MS (900 * 1000) /* more tries would lock the account */
#define OTHER_MS   (120 * 1000) /* something in the set-up of the domain */

/* An association is made with one server over one connection. */
void reg_forget_sa(struct reg *r)
{
	struct ms_ep *e = ms_ep(r->regs->s, r->user);

	if (e)
		ms_auth_reset(e);
}

/* certd has answered, or the KDC. */
static void on_token(void *ctx, int err)
{
	struct reg *r = ctx;
	struct ms_ep *e = ms_ep(r->regs->s, r->user);

	if (err && e && e->said[0]) {
		(void)snprintf(r->said, sizeof(r->said), "%s", e->said);
		r->why = r->said;
		r->delay = err == ERR_AUTH ? REFUSED_MS : err == ERR_UNSUPP ? OTHER_MS : 0;
		r->paused = r->delay != 0;
		r->code = err == ERR_AUTH ? 401 : 0;
		stat_add(err == ERR_AUTH ? r->regs->refused : r->regs->lost, 1);
		log_ev(LOG_WARNING, "no log-in by Kerberos", F_USER(r->user->f[USER_NAME]),
		    F_WHY(r->why), F_ERR(err));
		ms_auth_reset(e);
	} else if (err)
		r->why = err == ERR_NOTFOUND || err == ERR_AUTH ? "no password is set"
		         : err == ERR_TIMEOUT || err == ERR_LOST
		             ? "certd does not answer"
		             : "the server's challenge cannot be used";
	(void)fsm_event(&r->fsm, err ? REG_EV_FAILED : REG_EV_READY, NULL);
}

static const char *not_offered(uint32_t how)
{
	if (how == MS_AUTH_NTLM)
		return "the server does not offer NTLM";
	return how == MS_AUTH_KERBEROS
	           ? "the server does not offer Kerberos: Set-CsProxyConfiguration "
	             "-UseKerberosForClientToProxyAuth $true, or auth = ntlm in [lync]"
	           : "the server offers neither Kerberos nor NTLM";
}

bool reg_ms_answer(struct reg *r, const struct sip_msg *rsp)
{
	struct sipd *s = r->regs->s;
	struct ms_ep *e = ms_ep(s, r->user);
	bool auth = rsp->status == 401 || rsp->status == 407;
	int err;

	if (!e || rsp->status < 400 || rsp->status == 423 || rsp->status == 503)
		return false;
	if (auth && s->conf->lync_auth != MS_AUTH_TRUSTED) {
		err = r->auths++ < TRIES ? ms_challenge(e, rsp, on_token, r) : ERR_AUTH;
		if (err >= 0) {
			(void)fsm_event(&r->fsm, REG_EV_CHALLENGE, NULL);
			if (err == 0)
				(void)fsm_event(&r->fsm, REG_EV_READY, NULL);
			return true;
		}
		if (err != ERR_AUTH) {
			r->why = err == ERR_UNSUPP ? not_offered(s->conf->lync_auth)
			         : err == ERR_LOST ? "certd does not answer"
			                           : "the server's challenge cannot be used";
			r->delay = 60 * 1000;
		}
	} else {
		err = ERR_AUTH;
	}
	if (err == ERR_AUTH && auth && e->said[0]) {
		(void)snprintf(r->said, sizeof(r->said), "%s", e->said);
		r->why = r->said;
		r->delay = OTHER_MS;
	} else if (err == ERR_AUTH) {
		ms_refused(s, rsp, r->said, sizeof(r->said), &r->delay);
		r->why = r->said;
	}
	ms_auth_reset(e);
	r->paused = r->delay != 0;
	reg_refused(r, rsp, "");
	return true;
}

/* MS-SIPREGE 3.1.1.5.1: "added" to a refresh: the binding, and all that hung on it, had been lost. */
static void forgot(struct reg *r)
{
	log_ev(LOG_WARNING, "the server had lost a registration: calls over it are ended",
	    F_USER(r->user->f[USER_NAME]));
	sipd_end_sip_calls(r->regs->s, r->user);
	feed_changed(r->regs->s->to_presenced, r->user, FEED_REG_ANEW);
}

void reg_ms_granted(struct reg *r, const struct sip_msg *rsp)
{
	struct sipd *s = r->regs->s;
	struct ms_ep *e = ms_ep(s, r->user);
	bool lost;

	if (!e)
		return;
	ms_registered(e, rsp, r->flow, r->was_up && !r->moved, &lost);
	if (lost)
		forgot(r);
	else if (r->was_up && r->moved) /* calls go on, but nothing is published here yet */
		feed_changed(s->to_presenced, r->user, FEED_REG_ANEW);
}
