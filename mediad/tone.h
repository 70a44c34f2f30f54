#ifndef MEDIAD_TONE_H
#define MEDIAD_TONE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/slice.h"

/* Call progress tones per country, ITU-T E.180 supplement 2 and the national documents. */
enum tone_kind { /* the numbers of media.ToneKind */
	TONE_KIND_OFF = 0,
	TONE_KIND_DIAL,
	TONE_KIND_RINGBACK,
	TONE_KIND_BUSY,
	TONE_KIND_CONGESTION,
	TONE_KIND_CALL_WAITING,
	TONE_KIND_UNOBTAINABLE,
	TONE_KIND_CONFIRM,
	TONE_KIND_N
};

#define TONE_STEPS 8
struct tone_step {
	uint16_t hz[3]; /* sounding together; 0: none. All 0: silence */
	uint16_t ms;    /* 0: for ever (last step) */
};
struct tone_def {
	struct tone_step step[TONE_STEPS];
	uint8_t n;
	bool once; /* the cadence is played once, then silence and the end */
};
/* country: ISO 3166 alpha-2, any case. Unknown countries get the tones of E.180 (425 Hz); *known tells (may be NULL).
 * NULL for TONE_KIND_OFF and numbers out of range. */
const struct tone_def *tone_find(struct slice country, enum tone_kind kind, bool *known);

struct tone_osc { /* a resonator: 2 cos w in Q29, its last two values in Q12 */
	int32_t c, y1, y2;
};
struct tone_gen {
	const struct tone_def *def; /* NULL: off */
	struct tone_osc osc[3];
	uint32_t rate;
	uint32_t left;  /* samples of this step */
	uint32_t total; /* samples until the end of all; 0: no end */
	uint32_t into;  /* samples since the step began, for its soft edge */
	uint8_t at;
	bool limited;
};
/* ms: 0: until stopped (or the end of a tone that is played once). Level: -13 dBm0 for one frequency, the sum of
 * several at that power, too. */
void tone_start(struct tone_gen *g, const struct tone_def *def, uint32_t rate, uint32_t ms);
void tone_stop(struct tone_gen *g);
static inline bool tone_on(const struct tone_gen *g)
{
	return g->def != NULL;
}
/* Writes n samples (silence where the tone pauses). false: it ended; the rest is silence. */
bool tone_fill(struct tone_gen *g, int16_t *pcm, size_t n);
/* Adds it to speech, saturating: call waiting. */
bool tone_add(struct tone_gen *g, int16_t *pcm, size_t n);
#endif
