#ifndef MEDIAD_PLAY_H
#define MEDIAD_PLAY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mediad/cng.h"
#include "mediad/codec.h"
#include "mediad/half.h"
#include "mediad/jbuf.h"
#include "mediad/plc.h"

/* The receiving chain of one leg: jitter buffer, decoder, concealment, comfort noise, drift compensation. Packets in
 * as they come; linear speech out in steps of 10-60 ms, whatever the packet time of the far end is and however often
 * it changes.
 *
 * A tick over all sessions:
 *
 *	do {
 *		n = 0;
 *		for each leg that is due:
 *			if (play_step(&leg->play, samples, now, &jobs[n]))
 *				n++;
 *		codec_run(jobs, n);
 *	} while (n);
 *	for each leg that is due:
 *		play_take(&leg->play, pcm, samples);
 *
 * play_step() returns true when a packet must be decoded first: the job's memory is the leg's, run it before the next
 * call (from wherever it stands then: the leg is told its result). With one leg: while (play_step()) codec_run(&job, 1). */
#define PLAY_FIFO                                                                                  \
	(CODEC_PCM_MAX * 2 + 240) /* what is left over, a packet, a period more: at 16,000/s */

struct play {
	struct jbuf jb;
	struct codec_dec dec;
	struct plc plc;
	struct cng_gen cng;
	uint32_t rate;
	uint8_t law;
	bool pending;       /* a job is out */
	int result;         /* of it */
	bool noise;         /* comfort noise until the next speech packet */
	uint16_t concealed; /* ms in a row */
	int32_t wish;       /* samples to take out of (> 0), to add to the speech */
	struct half up;     /* of a wide-band leg that gets narrow-band speech */
	uint32_t fifo_n;
	uint8_t octets[CODEC_OCTETS_MAX];
	int16_t
	    fifo[PLAY_FIFO]; /* last: at 8,000/s only half of it is used, and need not be there */
};

/* Octets that a struct play of that rate needs. */
static inline size_t play_size(uint32_t rate)
{
	return offsetof(struct play, fifo) + PLAY_FIFO * sizeof(int16_t) * rate / 16000;
}

/* rate: 8000 or 16000 samples/s of what comes out. ERR_VALUE: another rate. */
int play_init(struct play *p, uint32_t rate, const struct jbuf_conf *conf) MUST_CHECK;
/* See codec_dec_law(): what the speech is encoded to afterwards. */
void play_law(struct play *p, enum codec law);
/* A new stream follows: SSRC or source changed. */
void play_restart(struct play *p);
/* One RTP payload. CODEC_EVENT and other non-speech only keep the place in the sequence. ERR_SYNTAX: the payload has
 * no whole number of codes; others as jbuf_put(). */
int play_put(struct play *p, enum codec c, uint16_t seq, uint32_t ts, bool marker,
    const uint8_t *payload, size_t n, uint64_t now_us);
/* n samples: 10-60 ms in steps of 10 ms. */
bool play_step(struct play *p, size_t n, uint64_t now_us, struct codec_job *job);
/* Always gives n samples; true when there was speech or comfort noise of the far end in them (or concealment of it). */
bool play_take(struct play *p, int16_t *pcm, size_t n);
static inline const struct jbuf_stat *play_stat(const struct play *p)
{
	return &p->jb.stat;
}
#endif
