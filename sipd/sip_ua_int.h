#ifndef SIPD_SIP_UA_INT_H
#define SIPD_SIP_UA_INT_H
#include "common/map.h"
#include "common/mem.h"
#include "sipd/sip_ua.h"

/* Inside of the user agent core: what lives at it and ends with it. */
struct sip_ua {
	struct tmr_wheel *wheel;
	struct sip_ua_conf conf;
	char *agent, *supported;
	struct tp *tp;
	struct tx_layer *tx;
	struct tx_ops tx_ops;
	struct resolve *resolve;
	struct sip_ua_hooks hooks;
	void *hooks_ctx;
	struct sip_ua_credentials cred;
	void *cred_ctx;
	struct {
		sip_ua_h *fn;
		void *ctx;
	} handler[SIP_M_COUNT];
	struct sip_usage **table; /* usages by Call-ID and local tag */
	size_t nusage, ntable;
	struct list reqs, acks, invs, subs; /* sip_req.c, inv.c, sub.c: what is left at the end */
	char text[SIP_MSG_MAX + 1];
};

/* Where a request is written until sip_req_send or sip_ack_send has taken what it needs of it; who wrote it drops it then, as
 * keys of SDES and credentials may be in it. */
static inline struct wr sip_ua_text(struct sip_ua *ua)
{
	return wr_of(ua->text, sizeof(ua->text));
}

static inline void sip_ua_text_drop(struct wr *w)
{
	mem_wipe(w->p, w->n);
}
/* A request to its dialog: CSeq is checked, the target refreshed. */
void sip_ua_give(struct sip_usage *u, struct tx *tx, const struct sip_msg *req, struct tp_flow *f);
/* Last words of those modules, when the core ends before their owners did. */
void sip_req_end_all(struct sip_ua *ua);
void inv_end_all(struct sip_ua *ua);
void sub_end_all(struct sip_ua *ua);
#endif
