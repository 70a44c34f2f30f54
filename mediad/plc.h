#ifndef MEDIAD_PLC_H
#define MEDIAD_PLC_H
#include <stdbool.h>
#include <stdint.h>

/* Packet-loss concealment by pitch repetition, ITU-T G.711 Appendix I. Works on linear speech in frames of 10 ms, at
 * 8,000 or 16,000 samples/s, whatever the codec. The output lags the input by 3.75 ms (the overlap at the start of an
 * erasure needs what follows). After 60 ms of loss the output is silence. */
#define PLC_HIST_MAX 780 /* 48.75 ms at 16,000/s */

struct plc {
	uint16_t frame, hist_n, pitch_min, pitch_max, corr_n, pov_max, eov_inc;
	uint16_t erased; /* frames concealed in a row */
	uint16_t pitch, pov, pblen, poff;
	int16_t hist[PLC_HIST_MAX];
	int16_t pbuf
	    [PLC_HIST_MAX]; /* history as it was when the erasure began; its last quarter wavelength altered */
	int16_t last_q[PLC_HIST_MAX / 8 + 1];
};

void plc_reset(struct plc *p, uint32_t rate);
/* One 10 ms frame that arrived; in place: what comes out is to be played. */
void plc_good(struct plc *p, int16_t *pcm);
/* One 10 ms frame made up. */
void plc_lost(struct plc *p, int16_t *pcm);
#endif
