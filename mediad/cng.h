#ifndef MEDIAD_CNG_H
#define MEDIAD_CNG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Comfort noise, RFC 3389. A payload is one octet of level (0-127: -dBov) and up to CNG_ORDER octets of reflection
 * coefficients; more than these are allowed and ignored. */
#define CNG_ORDER 10

struct cng_sid {
	uint8_t level;        /* -dBov */
	uint8_t order;        /* coefficients present */
	int16_t k[CNG_ORDER]; /* reflection coefficients, Q15 */
};
/* ERR_TRUNCATED: empty payload. The level's reserved bit is ignored. */
int cng_parse(const uint8_t *in, size_t n, struct cng_sid *out) MUST_CHECK;
/* Writes 1 + sid->order octets; returns them, or 0 when they do not fit. */
size_t cng_build(const struct cng_sid *sid, uint8_t *out, size_t cap);

struct cng_gen { /* a source of noise that moves smoothly to each new description */
	struct cng_sid target;
	int32_t k[CNG_ORDER]; /* Q15, smoothed */
	int32_t gain;         /* Q8 of excitation RMS, smoothed */
	int32_t hist[CNG_ORDER];
	uint32_t seed;
	bool started;
};
void cng_gen_init(struct cng_gen *g, uint32_t seed);
void cng_gen_set(struct cng_gen *g, const struct cng_sid *sid);
void cng_gen_fill(struct cng_gen *g, int16_t *pcm, size_t n);

/* The sending side: is this frame background noise, and what does it sound like? Frames of 10-60 ms at 8,000/s. */
struct cng_an {
	int32_t floor;  /* noise floor estimate, mean square */
	uint16_t quiet; /* ms since the last speech */
	int16_t since;  /* ms since the last description was sent; -1: none in this silence */
	uint8_t level;  /* of the last one */
};
enum cng_verdict {
	CNG_SPEECH, /* send the frame */
	CNG_SID,    /* send *sid instead */
	CNG_QUIET   /* send nothing */
};
void cng_an_init(struct cng_an *a);
enum cng_verdict cng_an_frame(struct cng_an *a, const int16_t *pcm, size_t n, struct cng_sid *sid);
#endif
