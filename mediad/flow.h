#ifndef MEDIAD_FLOW_H
#define MEDIAD_FLOW_H
#include "mediad/sess.h"

/* Speech from one side to the other: forwarded as it is wherever both sides agree, else decoded and made anew on the
 * tick (gen.h). */

/* Something about the session changed: decide how each side's output is made. */
void flow_plan(struct mediad *m, struct sess *s);
/* A packet of l that was accepted. p: the whole datagram, decrypted. */
void flow_packet(struct mediad *m, struct leg *l, enum rtp_order order, const struct rtp_pkt *h,
    uint8_t codec, uint8_t *p);
#endif
