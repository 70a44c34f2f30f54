/* RFC 5626 at the user's side: one flow for each user, reg-id 1. A registrar that does it says so (Require: outbound):
 * from then on the flow is kept open and proven to live by keep-alives that are answered, dialogs ask for it by "ob", and
 * when it breaks or cannot be made the time of 4.5 passes before the next attempt at the same proxy; another proxy that is
 * up is used at once. Registrars that do not know it ignore what is offered. */
#include "common/id.h"
#include "common/log.h"
#include "sipd/reg_int.h"

#define TCP_MS                                                                                     \
	120000 /* RFC 5626 4.4.1, upper ends: what is less than our keep-alive, when no Flow-Timer came */
#define UDP_MS 29000 /* 4.4.2 */

bool reg_ob_offered(const struct reg *r)
{
	return r->regs->s->conf->outbound && !r->ob_refused;
}

void reg_ob_contact(const struct reg *r, struct wr *w)
{
	if (r->regs->s->conf->gruu || reg_ob_offered(r)) {
		wr_str(w, ";+sip.instance=\"<urn:uuid:");
		wr_str(w, r->instance);
		wr_str(w, ">\"");
	}
	if (reg_ob_offered(r))
		wr_str(w, ";reg-id=1");
}

static void keep_alive(struct reg *r, const struct sip_msg *rsp)
{
	uint32_t ms = r->regs->s->conf->keepalive_ms, s;

	if (!r->flow || r->regs->s->conf->lync) /* there ms-keep-alive says it (ms_reg.c) */
		return;
	if (!r->ob) {
		if (ms)
			tp_flow_keepalive(r->flow, ms, false);
		return;
	}
	if (sip_msg_u32(rsp, SIP_H_FLOW_TIMER, 86400, &s) == 0 && s)
		ms = s * 1000;
	else if (tp_flow_proto(r->flow) == TP_UDP)
		ms = ms && ms < UDP_MS ? ms : UDP_MS;
	else
		ms = ms ? ms : TCP_MS;
	tp_flow_keepalive(r->flow, ms, true);
}

void reg_ob_granted(struct reg *r, const struct sip_msg *rsp)
{
	r->ob = reg_ob_offered(r) && sip_msg_lists(rsp, SIP_H_REQUIRE, SLICE_LIT("outbound"));
	keep_alive(r, rsp);
}

bool reg_ob_refused(struct reg *r, const struct sip_msg *rsp)
{
	if (rsp->status != 439 || !reg_ob_offered(r))
		return false;
	r->ob_refused = true;
	log_ev(LOG_NOTICE, "the first hop cannot do outbound: registering without",
	    F_USER(r->user->f[USER_NAME]), F_TEXT("IPDECT_PROXY", r->proxy->uri));
	return true;
}

void reg_ob_forget(struct reg *r)
{
	r->ob = r->ob_refused = false;
	r->failures = 0;
}

void reg_ob_hold(struct reg *r)
{
	const struct sipd_conf *c = r->regs->s->conf;
	uint64_t w = c->ob_retry_ms;
	struct proxy *next = reg_proxy_pick(r->regs, r->user);

	if (!r->ob || (next && next != r->proxy))
		return;
	for (unsigned i = 0; i < r->failures && w < c->ob_retry_max_ms; i++)
		w *= 2;
	if (w > c->ob_retry_max_ms)
		w = c->ob_retry_max_ms;
	w = w / 2 + id_below((uint32_t)(w / 2) + 1);
	if (r->delay < w)
		r->delay = reg_turn(r->regs, (uint32_t)w);
	r->held = true;
}
