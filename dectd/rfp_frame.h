#ifndef DECTD_RFP_FRAME_H
#define DECTD_RFP_FRAME_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"
#include "dectd/rfp_crypt.h"

/* Messages out of the TCP stream of a base station, plain or sealed (rfp-link 3). Pure: bytes in, messages out.
 * Header: type and payload length, both u16 big-endian; a sealed message is padded to a multiple of 8. */
#define RFP_HDR 4
#define RFP_PAY_MAX                                                                                \
	4096 /* longest seen is 332; beyond this the peer is no base or the key is wrong */
#define RFP_WIRE_MAX (RFP_HDR + RFP_PAY_MAX + BF_BLOCK)
#define RFP_TYPE_MAX 0x08ff

struct rfp_frame {
	uint8_t buf[2 * RFP_WIRE_MAX];
	size_t at, have; /* [at, have) is what was not consumed yet */
	bool sealed;
	struct rfp_cipher rx;
};

void rfp_frame_init(struct rfp_frame *f);
void rfp_frame_wipe(struct rfp_frame *f);
/* From the next message on everything is sealed; the cipher is copied. */
void rfp_frame_seal(struct rfp_frame *f, const struct rfp_cipher *rx);
/* Where to read into: at least 1 octet of room while rfp_frame_next was called until it said 0. */
uint8_t *rfp_frame_room(struct rfp_frame *f, size_t *n);
void rfp_frame_put(struct rfp_frame *f, size_t n); /* n octets were read to there */
/* 1: *msg is the next whole message (header and payload, without padding), borrowed until the next call of
 * rfp_frame_room or _next; 0: more octets are needed. ERR_SYNTAX: no possible type: wrong key or no base;
 * ERR_LIMIT: longer than RFP_PAY_MAX. After an error the stream is dead. */
int rfp_frame_next(struct rfp_frame *f, struct slice *msg) MUST_CHECK;
#endif
