#ifndef DECTD_CC_LCE_PRIV_H
#define DECTD_CC_LCE_PRIV_H
#include "common/list.h"
#include "common/tmr.h"
#include "dectd/cc_lce.h"
#include "dectd/xho.h"

/* Between call control and links: cc_lce.c, and xho.c, which brings a call from one link to another. */

struct cc_lce {
	struct tmr_wheel *w;
	struct lce *lce;
	struct pps *pps;
	struct mm *mm;
	struct cc *cc;
	const struct cc_lce_ops *ops;
	void *ctx;
	struct list parts;
	struct list xhos; /* external handovers that run */
};

struct cc_part { /* ours of a link */
	struct list node;
	struct cc_lce *g;
	struct lce_link *link;
	struct pp *pp;      /* NULL: forgotten */
	enum lce_page page; /* what was asked for */
	bool held, wanted;  /* wanted: cc waits to hear of it */
	struct tmr up;      /* it was up already: said in the next turn */
	struct tmr again;   /* certd was away: security is asked for again */
	unsigned tries;
};

struct cc_part *cc_part_of(struct cc_lce *g, struct lce_link *l, struct pp *pp);

/* ---- xho.c ---- */
/* A message of call control: true: it was of an external handover and is done with. */
bool xho_input(struct cc_lce *g, struct lce_link *l, struct pp *pp, const struct nwk_msg *m);
/* A link went down: true: the call that it carried waits for another one. */
bool xho_link_down(struct cc_lce *g, struct lce_link *l);
void xho_call_gone(struct cc_lce *g, struct pp *pp); /* the handset's last instance ended */
void xho_forget(struct cc_lce *g, const struct pp *pp);
void xho_fini(struct cc_lce *g);
#endif
