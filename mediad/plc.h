#ifndef MEDIAD_PLC_H
#define MEDIAD_PLC_H
#include <stddef.h>
#include <stdint.h>

/* Packet-loss concealment by pitch repetition, ITU-T G.711 Appendix I. Works on linear speech in frames of 10 ms, at
 * 8,000 or 16,000 samples/s, whatever the codec. The output lags the input by 3.75 ms (the overlap at the start of an
 * erasure needs what follows). After 60 ms of loss the output is silence. */
#define PLC_HIST_MAX 780 /* 48.75 ms at 16,000/s */

struct plc {
	uint16_t frame, hist_n, pitch_min, pitch_max, corr_n, pov_max,
	    eov_inc;     /* samples at this rate */
	uint16_t erased; /* frames concealed in a row */
	uint16_t pitch, pov, pblen,
	    at; /* period; its quarter; length and place of what is repeated */
	int16_t hist[PLC_HIST_MAX];
	int16_t pbuf
	    [PLC_HIST_MAX]; /* history as it was when the erasure began, its end joined to its begin */
	int16_t last_q[PLC_HIST_MAX / 12 + 1]; /* the last quarter period before that */
};

void plc_reset(struct plc *p, uint32_t rate);
/* Up to 10 ms that arrived, in place: what comes out is to be played. */
void plc_good(struct plc *p, int16_t *pcm, size_t n);
/* 10 ms made up: rate / 100 samples. */
void plc_lost(struct plc *p, int16_t *pcm);
#endif
