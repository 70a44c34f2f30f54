#ifndef DECTD_RFP_MEDIA_H
#define DECTD_RFP_MEDIA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "dectd/mac.h"
#include "dectd/rfp_msg.h"

/* Speech streams of one base station (rfp-link 9): which handles and ports are in use, the messages that open and
 * close a stream, and what the base answers. The manager dictates the base's RTP ports. Requests are optimistic: a
 * real base was never seen to acknowledge them, so only a NACK within the guard time fails a stream. */
#define RFP_STREAMS_MAX 12

enum rfp_stream_state { RS_FREE, RS_OPEN, RS_CLOSING };
struct rfp_stream {
	enum rfp_stream_state state;
	uint16_t handle;
	uint16_t port; /* RTP at the base; RTCP is one higher */
	uint8_t mcei;
	uint64_t closed_ms; /* CLOSING: the port rests until statistics came or 5 s went by */
	unsigned
	    shift; /* its port was another program's this many times: the next ones are tried */
};
struct rfp_media {
	struct rfp_stream s[RFP_STREAMS_MAX];
	unsigned max; /* media channels of the model */
	uint16_t next_handle, port_base;
	uint64_t opened, nacked;
};

/* generation 4's RFP 44 has 4 channels, all others 8 (rfp-link 2). */
void rfp_media_init(struct rfp_media *r, uint32_t model, uint16_t port_base);
/* Takes a stream and writes its three messages, whole with headers, to w. base_ip: for nothing but *local. ERR_BUSY: no
 * channel; ERR_UNSUPP: no codec that a base has; ERR_LIMIT: w is too small. */
int rfp_media_open(struct rfp_media *r, uint8_t mcei, uint32_t pmid, const struct mac_media *m,
    const uint8_t base_ip[4], uint64_t now_ms, struct wr *w, struct mac_addr *local,
    uint16_t *handle) MUST_CHECK;
/* MEDIA_STOP and MEDIA_CLOSE. ERR_NOTFOUND. */
int rfp_media_close(struct rfp_media *r, uint16_t handle, uint64_t now_ms, struct wr *w) MUST_CHECK;
/* A NACK of message type what: the error that it stands for; 0: handle is not ours or reason is "ok". The stream is closed:
 * unless it was never open there, its {MEDIA_CLOSE} is written to w. ERR_EXISTS: another program at the base has the port; the
 * next {MEDIA_OPEN} of this stream takes another one, so that a repetition makes sense. */
int rfp_media_nack(struct rfp_media *r, uint16_t handle, uint16_t what, uint32_t reason,
    uint64_t now_ms, struct wr *w);
void rfp_media_stats_came(struct rfp_media *r, uint16_t handle);
unsigned rfp_media_busy(const struct rfp_media *r);
void rfp_media_reset(struct rfp_media *r); /* the base restarted: nothing is open */
#endif
