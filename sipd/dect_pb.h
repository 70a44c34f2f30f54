#ifndef SIPD_DECT_PB_H
#define SIPD_DECT_PB_H
#include <string.h>

#include "base.pb-c.h"
#include "sipd/call.h"

/* Words of base.proto made from ours; only for *_ipc.c files. Everything borrows from its source. */
struct media_at_pb {
	Base__MediaAt at;
	Base__Addr radio;
	Base__Codec codec[4];
};
/* codec: the radio side's, preferred first. */
void media_at_pb(struct media_at_pb *out, const struct media *m, enum media_side side,
    const uint8_t *codec, size_t ncodec);
void party_pb(Base__Party *out, const struct party *p);
void user_pb(Base__User *out, const struct user *u);
static inline ProtobufCBinaryData pb_text(const char *s)
{
	return (ProtobufCBinaryData){ strlen(s), (uint8_t *)(uintptr_t)s };
}
static inline struct slice pb_slice(ProtobufCBinaryData b)
{
	return (struct slice){ (const char *)b.data, b.len };
}
struct leg *dect_leg(struct sipd *s, uint64_t ref); /* a handset's leg by call reference; NULL */
#endif
