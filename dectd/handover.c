/* The policy of handover between bases, and the quality that bases report of connections that ended. */
#include "dectd/handover.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"

struct handover {
	struct lce *lce;
	struct pps *pps;
	struct handover_stats st;
};

int handover_judge(const struct mac_base_info *to, bool ciphered, bool speech)
{
	if (!to->up)
		return ERR_LOST;
	/* A secure link may not go on in clear (EN 300 175-7 6.4.6.3). */
	if (ciphered && !to->ciphers)
		return ERR_UNSUPP;
	if (speech && to->streams >= to->streams_max)
		return ERR_BUSY;
	return 0;
}

static int on_ask(void *ctx, struct lce_link *l, uint32_t base)
{
	struct handover *h = ctx;
	struct pp *pp = pp_by_ipui(h->pps, lce_ipui(l));
	struct mac_conn *c = lce_conn(l);
	struct mac_base_info to;
	char text[PP_TEXT];
	int err;

	h->st.asked++;
	err = mac_base_info(lce_mac(h->lce), base, &to);
	if (!err)
		err = handover_judge(&to, lce_ciphered(l), c && mac_media_is_open(c));
	if (!err)
		return 0;
	h->st.refused_cipher += err == ERR_UNSUPP;
	h->st.refused_channel += err == ERR_BUSY;
	h->st.refused_base += err != ERR_UNSUPP && err != ERR_BUSY;
	log_ev(LOG_NOTICE, "handover refused", F_PP(pp ? pp_text(pp, text) : ""), F_RFP(base),
	    F_WHY(err == ERR_UNSUPP ? "the base cannot cipher"
	          : err == ERR_BUSY ? "the base has no speech channel left"
	                            : "the base is not on air"));
	return err;
}

static void on_info(void *ctx, uint32_t base, uint32_t pmid, const char *text)
{
	struct handover *h = ctx;
	struct pp *pp = pp_by_tpui(h->pps, pmid);
	char who[PP_TEXT];

	log_ev(LOG_INFO, "quality of a connection that ended", F_PP(pp ? pp_text(pp, who) : ""),
	    F_RFP(base), F_TEXT("IPDECT_QUALITY", text));
}

static const struct lce_watch watch = { .handover_ask = on_ask, .info_ind = on_info };

struct handover *handover_new(struct lce *lce, struct pps *pps)
{
	struct handover *h = mem_new(sizeof(*h));

	h->lce = lce;
	h->pps = pps;
	lce_set_watch(lce, &watch, h);
	return h;
}

void handover_free(struct handover *h)
{
	if (!h)
		return;
	lce_set_watch(h->lce, NULL, NULL);
	free(h);
}

const struct handover_stats *handover_stats(const struct handover *h)
{
	return &h->st;
}
