#ifndef MEDIAD_GEN_H
#define MEDIAD_GEN_H
#include "mediad/sess.h"

/* Packets that a leg makes itself: speech that had to be decoded, tones, music, mixed speech, telephone events. Runs
 * on the tick, many sessions at a time, so that codecs can work side by side (codec_run()). */

int gen_open(struct mediad *m) MUST_CHECK;
void gen_shut(struct mediad *m);
/* A leg goes: what it has for speech is freed. */
void gen_close(struct leg *l);
/* A new stream arrives at the leg. */
void gen_restart(struct leg *l);
/* Does the leg need the tick for something that only it can make (tone, music, mix, digits)? */
bool gen_wants(const struct leg *l);
/* Digits are on their way out: nothing is passed meanwhile. */
bool gen_digits(const struct leg *l);
/* The session's legs get what their modes need, or lose it; it waits for its next turn, or leaves the tick. */
void gen_plan(struct mediad *m, struct sess *s);
void gen_tick(struct mediad *m);

int gen_tone(struct leg *l, unsigned kind, struct slice country, uint32_t ms) MUST_CHECK;
int gen_dtmf(struct leg *l, struct slice digits, uint32_t ms, uint32_t gap_ms) MUST_CHECK;
#endif
