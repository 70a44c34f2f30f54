#ifndef MEDIAD_CAC_PB_H
#define MEDIAD_CAC_PB_H
#include "media.pb-c.h"
#include "mediad/leg.h"

/* LYNC: call admission control in messages of the media interface. */
struct cac_pb {
	Media__CacReport body;
	Base__Codec codec[LEG_PAYLOADS];
};
/* What is read borrows from pb. ERR_VALUE, ERR_LIMIT. */
int cac_pb_read(const Media__CacSetup *pb, struct leg_cac_set *out) MUST_CHECK;
/* ev is a MEDIA_EV_CAC; e borrows from out. */
void cac_pb_put(Media__Event *e, const struct media_ev *ev, struct cac_pb *out);
/* media_ipc.c. ERR_VALUE */
int media_read_addr(const Base__Addr *a, struct addr *out) MUST_CHECK;
#endif
