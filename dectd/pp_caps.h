#ifndef DECTD_PP_CAPS_H
#define DECTD_PP_CAPS_H
#include "dectd/pp.h"

/* What a handset can: read from its messages, kept as the elements themselves. Pure. */
#define PP_CAPS_PACKED 96

/* Takes what the message has of Terminal capability, Setup capability and Codec list over; elements that are not there
 * leave what is known. true: something changed. */
bool pp_caps_read(struct pp_caps *c, const struct nwk_msg *m);
/* The defaults of a handset that never told. */
void pp_caps_default(struct pp_caps *c);
size_t pp_caps_pack(const struct pp_caps *c, uint8_t *out, size_t cap);
void pp_caps_unpack(const void *p, size_t n, struct pp_caps *out);
/* For people: "GAP NG-DECT-1 NG-DECT-3 G.722 DSAA2 re-keying, display full". */
void pp_caps_text(const struct pp_caps *c, struct wr *w);
#endif
