#ifndef SIPD_CODEC_H
#define SIPD_CODEC_H
#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

/* The codecs that mediad bridges, with the numbers of base.Codec (media_ipc.c asserts that they agree). */
enum codec {
	CODEC_NONE = 0,
	CODEC_PCMU,
	CODEC_PCMA,
	CODEC_G722,
	CODEC_G726_16, /* RFC 3551 4.5.4: first code in the least significant bits */
	CODEC_G726_24,
	CODEC_G726_32,
	CODEC_G726_40,
	CODEC_AAL2_G726_16, /* ITU-T I.366.2: first code in the most significant bits */
	CODEC_AAL2_G726_24,
	CODEC_AAL2_G726_32,
	CODEC_AAL2_G726_40,
	CODEC_CN,
	CODEC_EVENT, /* RFC 4733 telephone-event */
	CODEC_L16,
	CODEC_N
};

struct codec_def {
	const char *name; /* RFC 3551 / RFC 4733 encoding name */
	uint32_t rate;    /* RTP clock */
	int pt;           /* static number, or the one by habit; 96-127 are only proposals */
	bool speech;
};
extern const struct codec_def codec_defs[CODEC_N];

/* By rtpmap name and clock rate; CODEC_NONE where we have none. channels: 0 and 1 are mono. */
enum codec codec_find(struct slice name, uint32_t rate, uint32_t channels);
/* A static payload type without rtpmap (RFC 3551 6). */
enum codec codec_static(unsigned pt);
/* "PCMA,PCMU,G726-32": at most cap, unknown words give ERR_VALUE. */
int codec_list(struct slice text, uint8_t *out, size_t cap, size_t *n) MUST_CHECK;
#endif
