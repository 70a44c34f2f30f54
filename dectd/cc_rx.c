/* Call control: messages of handsets (EN 300 175-5 9, 17.3 to 17.6): which instance, what is refused, what is ignored. */
#include <string.h>

#include "common/log.h"
#include "dectd/cc_priv.h"
#include "dectd/pp_caps.h"

#define MODE_CODEC 0x0d /* Service change info: audio codec change */

/* What a handset may ask with CC-SETUP; 0 or the release reason that refuses it. */
static uint8_t judge_setup(const struct ie_basic_service *s)
{
	switch (s->cls) {
	case 0x2: /* list access */
	case 0x8: /* normal */
	case 0x9: /* internal */
	case 0xa: /* emergency */
	case 0xb: /* service */
	case 0xd: /* supplementary service */
		break;
	case 0xc:
		return CC_R_EXT_HO;
	default:
		return CC_R_NOT_IMPLEMENTED;
	}
	/* Default speech, wideband speech (answered with what both can do). */
	return s->service == 0x0 || s->service == 0x8 ? 0 : CC_R_INCOMPATIBLE;
}

static void refuse(struct cc *cc, struct pp *pp, const struct nwk_msg *m, uint8_t reason)
{
	uint8_t buf[16];
	struct wr w = wr_of(buf, sizeof(buf));

	cc->st.refused += m->type == CC_SETUP;
	nwk_head(&w, NWK_CC, !m->f, m->tv, CC_RELEASE_COM);
	ie_octet_put(&w, IE_RELEASE_REASON, reason);
	(void)cc->low->send(cc->low_ctx, pp, &w);
}

static void keep_setup(struct cc_call *c, const struct nwk_msg *m, const struct ie_basic_service *s)
{
	struct cc_info info;
	struct slice digits;

	cc_info_of(m, &info);
	c->setup.cls = s->cls;
	c->setup.service = s->service;
	c->setup.complete = info.complete;
	c->setup.recall = info.feature == 0x01;
	c->setup.info = info.info;
	digits = info.number.n ? info.number : info.keypad;
	if (digits.n > sizeof(c->digits))
		digits.n = sizeof(c->digits);
	memcpy(c->digits, digits.p ? digits.p : "", digits.n);
	c->setup.digits = (struct slice){ c->digits, digits.n };
}

static void rx_setup(struct cc *cc, struct pp *pp, const struct nwk_msg *m)
{
	struct ie_basic_service service;
	struct nwk_fault fault;
	char text[PP_TEXT];
	uint8_t reason;

	if (m->f || cc_find(pp, true, m->tv))
		return; /* 17.3.2.3: ignored; a repetition too */
	struct cc_call *old = cc_of_pp(pp);
	if (nwk_check(m, &fault) != 0) {
		refuse(cc, pp, m, fault.what == NWK_MISSING ? CC_R_MISSING_IE : CC_R_BAD_IE);
		return;
	}
	if (ie_basic_service_of(m, &service) != 0) {
		refuse(cc, pp, m, CC_R_MISSING_IE);
		return;
	}
	if (old) {
		/* 9.5.2.3, 17.3.3: each side refuses the other's; ours, where the handset is being called, is sent again. */
		log_ev(LOG_INFO, "cc: second CC-SETUP refused", F_PP(pp_text(pp, text)),
		    F_TEXT("IPDECT_STATE", fsm_state_name(&old->fsm)));
		old->collided = true;
		cc->st.collisions++;
		refuse(cc, pp, m, CC_R_RESOURCES);
		return;
	}
	reason = judge_setup(&service);
	if (reason) {
		log_ev(LOG_NOTICE, "cc: call of an unsupported kind refused",
		    F_PP(pp_text(pp, text)), F_U64("IPDECT_CLASS", service.cls),
		    F_U64("IPDECT_SERVICE", service.service));
		refuse(cc, pp, m, reason);
		return;
	}
	struct cc_call *c = cc_make(cc, pp, true, m->tv, CC_INITIATED);
	keep_setup(c, m, &service);
	cc_codecs_in(c, m);
	c->caps = pp->caps;
	c->has_caps = pp_caps_read(&c->caps, m);
	tmr_start(&c->notify, CC_SLOW_MS);
	int err = cc->low->secure(cc->low_ctx, pp);
	if (err > 0)
		return; /* cc_secured() goes on */
	(void)cc_dispatch(c, err ? CC_EV_INSECURE : CC_EV_SECURED, &err);
}

static void rx_service_change(struct cc_call *c, const struct nwk_msg *m)
{
	struct ie_service_change sc;
	struct ie_codec_list list;
	struct nwk_fault fault;
	struct cc_msg b;
	bool codec, same;

	/* In another state, or without what it must have, it is as if it had not come (17.4, 17.6.2). */
	if (c->fsm.st != CC_ACTIVE || nwk_check(m, &fault) != 0 ||
	    ie_service_change_of(m, &sc) != 0) {
		c->cc->st.unexpected++;
		return;
	}
	codec = sc.mode == MODE_CODEC;
	same = codec && ie_codec_list_of(m, &list) == 0 && list.n > 0 &&
	       list.c[0].codec == (c->wideband ? IE_C_G722 : IE_C_G726);

	/* The bases' speech channels are not re-negotiated in a call (9.6): what is in use is confirmed, all else refused. */
	cc_msg_begin(&b, c, same ? CC_SERVICE_ACCEPT : CC_SERVICE_REJECT);
	if (!same)
		ie_octet_put(
		    &b.w, IE_RELEASE_REASON, codec ? CC_R_NEGOTIATION : CC_R_NOT_IMPLEMENTED);
	cc_msg_send(&b, c);
}

static void rx_iwu_info(struct cc_call *c, const struct nwk_msg *m)
{
	const struct cc *cc = c->cc;
	struct ie_iwu iwu;

	if (ie_iwu_of(m, &iwu) == 0 && iwu.disc == 0x03 && !iwu.reject && cc->ops->lists_ind &&
	    (c->reported || !c->by_pp) && !c->silent)
		cc->ops->lists_ind(cc->ctx, c, iwu.data);
}

void cc_input(struct cc *cc, struct pp *pp, const struct nwk_msg *m)
{
	struct cc_call *c = cc_find(pp, !m->f, m->tv);
	char text[PP_TEXT];

	cc->st.rx++;
	if (m->type == CC_SETUP) {
		rx_setup(cc, pp, m);
		return;
	}
	if (!c) {
		/* 17.3.2: releases and changes of service are ignored, other messages answered. */
		if (m->type != CC_RELEASE && m->type != CC_RELEASE_COM &&
		    m->type != CC_SERVICE_CHANGE)
			refuse(cc, pp, m, CC_R_UNKNOWN_TI);
		return;
	}
	switch (m->type) {
	case CC_INFO:
	case CC_FACILITY:
		(void)cc_dispatch(c, CC_EV_INFO, m);
		break;
	case CC_ALERTING:
		(void)cc_dispatch(c, CC_EV_ALERTING, m);
		break;
	case CC_CONNECT:
		(void)cc_dispatch(c, CC_EV_CONNECT, m);
		break;
	case CC_RELEASE:
		(void)cc_dispatch(c, CC_EV_RELEASE, m);
		break;
	case CC_RELEASE_COM:
		(void)cc_dispatch(c, CC_EV_RELEASE_COM, m);
		break;
	case CC_HOLD:
	case CC_RETRIEVE:
		if (c->fsm.st == CC_ACTIVE)
			cc->ops->hold_ind(cc->ctx, c, m->type == CC_HOLD);
		else
			cc_hold_answer(c, m->type == CC_HOLD, false);
		break;
	case CC_IWU_INFO:
		rx_iwu_info(c, m);
		break;
	case CC_SERVICE_CHANGE:
		rx_service_change(c, m);
		break;
	default: /* 17.4: unexpected or unknown: ignored */
		cc->st.unexpected++;
		log_ev(LOG_INFO, "cc: message ignored", F_PP(pp_text(pp, text)),
		    F_TEXT("IPDECT_MESSAGE", nwk_type_name(m->pd, m->type)),
		    F_TEXT("IPDECT_STATE", fsm_state_name(&c->fsm)));
		break;
	}
}
