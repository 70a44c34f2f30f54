#ifndef DECTD_CC_LCE_H
#define DECTD_CC_LCE_H
#include "dectd/cc.h"
#include "dectd/lce.h"
#include "dectd/mm.h"
#include "dectd/pp.h"

/* Call control's way down: links of the link control entity, security by mobility management. */
struct cc_lce;

struct cc_lce_ops { /* what concerns calls, but not call control itself; ctx */
	void (*moved)(void *ctx, struct pp *pp); /* handover between bases */
	void (*media)(void *ctx, struct pp *pp, const struct mac_media_ind *ind);
};

/* mm may be NULL: links are used as they are (tests). */
struct cc_lce *cc_lce_new(struct tmr_wheel *w, struct lce *lce, struct pps *pps, struct mm *mm,
    const struct cc_lce_ops *ops, void *ctx);
/* The lower side of cc_new(), with the cc_lce as context. */
extern const struct cc_low cc_lce_low;
/* Before the first link. */
void cc_lce_set_cc(struct cc_lce *g, struct cc *cc);
void cc_lce_free(struct cc_lce *g); /* before the link control entity */
/* A handset goes: nothing is told of it any more. */
void cc_lce_forget(struct cc_lce *g, const struct pp *pp);
/* The connection of its link, for speech; NULL: none. */
struct mac_conn *cc_lce_conn(struct cc_lce *g, const struct pp *pp);
#endif
