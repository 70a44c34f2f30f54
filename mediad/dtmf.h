#ifndef MEDIAD_DTMF_H
#define MEDIAD_DTMF_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mediad/tone.h"

/* DTMF in the speech, ITU-T Q.23, Q.24: only where the far end has no telephone-event (RFC 4733). */

/* 0-9 * # A-D (any case) <-> RFC 4733 event 0-15; -1: no such digit. */
int dtmf_event(char digit);
char dtmf_digit(int event); /* 0: none */

#define DTMF_QUEUE 32
struct dtmf_gen {
	uint32_t rate;
	char queue[DTMF_QUEUE];
	uint16_t ms[DTMF_QUEUE], gap[DTMF_QUEUE];
	uint8_t n;
	struct tone_osc osc[2];
	uint32_t left, into;
	bool pause;
};
void dtmf_gen_init(struct dtmf_gen *g, uint32_t rate);
/* ms of tone (40 at least), gap_ms of silence after it (40 at least). ERR_LIMIT: queue full; ERR_VALUE: no digit. */
int dtmf_gen_digit(struct dtmf_gen *g, char digit, uint32_t ms, uint32_t gap_ms) MUST_CHECK;
/* Replaces the n samples by the tones while digits are queued. false: nothing was queued, pcm is untouched. */
bool dtmf_gen_fill(struct dtmf_gen *g, int16_t *pcm, size_t n);

struct dtmf_det { /* 8,000/s; blocks of 102 samples */
	float v[8][2], energy;
	uint16_t at;
	char last, said; /* of the last block; the one reported */
	uint8_t miss;
};
void dtmf_det_init(struct dtmf_det *d);
/* Returns the digit that began in these samples, 0 for none. n: at most 60 ms (one digit at most can begin). */
char dtmf_det_feed(struct dtmf_det *d, const int16_t *pcm, size_t n);
#endif
