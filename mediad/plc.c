/* Concealment by repeating the last pitch periods (ITU-T G.711 Appendix I, I.2). */
#include "mediad/plc.h"

#include <math.h>
#include <string.h>

#define FADE_PER_FRAME 0.2f /* I.2.7: 20 % of the amplitude every 10 ms */
#define MIN_POWER      250.0f

static int16_t sat(float x)
{
	return (int16_t)(x > 32767 ? 32767 : x < -32768 ? -32768 : x);
}

/* from fades out, into fades in; the gains meet at the end. */
static void cross(const int16_t *from, const int16_t *into, int16_t *out, unsigned n, float gain)
{
	float step = n ? 1.0f / (float)n : 0;

	for (unsigned i = 0; i < n; i++) {
		float w = step * (float)(i + 1);
		out[i] = sat((1 - w) * gain * (float)from[i] + w * (float)into[i]);
	}
}

/* Normalised correlation of the last corr_n samples with those lag before, on every step-th of them. */
static float likeness(const struct plc *p, unsigned lag, unsigned step)
{
	const int16_t *now = p->pbuf + p->hist_n - p->corr_n, *then = now - lag;
	float corr = 0, power = 0;

	for (unsigned i = 0; i < p->corr_n; i += step) {
		corr += (float)now[i] * (float)then[i];
		power += (float)then[i] * (float)then[i];
	}
	return corr / sqrtf(power < MIN_POWER ? MIN_POWER : power);
}

/* Long periods first, so that a shorter one wins a draw. */
static unsigned best_lag(
    const struct plc *p, unsigned lo, unsigned hi, unsigned step, unsigned grain)
{
	unsigned best = hi;
	float max = likeness(p, hi, grain);

	for (unsigned lag = hi; lag >= lo + step;) {
		lag -= step;
		float l = likeness(p, lag, grain);
		if (l >= max) {
			max = l;
			best = lag;
		}
	}
	return best;
}

static unsigned find_pitch(const struct plc *p)
{
	unsigned grain = p->frame / 40; /* 2 at 8,000/s */
	unsigned rough = best_lag(p, p->pitch_min, p->pitch_max, grain, grain);
	unsigned lo = rough > p->pitch_min + grain - 1 ? rough - (grain - 1) : p->pitch_min;
	unsigned hi = rough + grain - 1 < p->pitch_max ? rough + grain - 1 : p->pitch_max;

	return best_lag(p, lo, hi, 1, 1);
}

/* The repeated stretch begins pblen before the end; its end is blended into what precedes its begin, so that it
 * can go round. */
static void close_loop(struct plc *p)
{
	int16_t *end = p->pbuf + p->hist_n;

	cross(p->last_q, end - p->pblen - p->pov, end - p->pov, p->pov, 1);
}

static void go_round(struct plc *p, int16_t *out, unsigned n)
{
	const int16_t *start = p->pbuf + p->hist_n - p->pblen;

	for (unsigned i = 0; i < n; i++) {
		out[i] = start[p->at++];
		if (p->at == p->pblen)
			p->at = 0;
	}
}

/* Into the history; out comes what is pov_max old. */
static void delay(struct plc *p, int16_t *pcm, size_t n)
{
	memmove(p->hist, p->hist + n, (p->hist_n - n) * sizeof(p->hist[0]));
	memcpy(p->hist + p->hist_n - n, pcm, n * sizeof(pcm[0]));
	memcpy(pcm, p->hist + p->hist_n - n - p->pov_max, n * sizeof(pcm[0]));
}

void plc_reset(struct plc *p, uint32_t rate)
{
	unsigned k = rate == 16000 ? 2 : 1;

	*p = (struct plc){
		.frame = (uint16_t)(80 * k),
		.hist_n = (uint16_t)(390 * k),
		.pitch_min = (uint16_t)(40 * k),
		.pitch_max = (uint16_t)(120 * k),
		.corr_n = (uint16_t)(160 * k),
		.pov_max = (uint16_t)(30 * k),
		.eov_inc = (uint16_t)(32 * k),
	};
}

void plc_lost(struct plc *p, int16_t *pcm)
{
	if (p->erased == 0) {
		memcpy(p->pbuf, p->hist, p->hist_n * sizeof(p->hist[0]));
		p->pitch = (uint16_t)find_pitch(p);
		p->pov = p->pitch / 4;
		p->pblen = p->pitch;
		p->at = 0;
		memcpy(p->last_q, p->pbuf + p->hist_n - p->pov, p->pov * sizeof(p->last_q[0]));
		close_loop(p);
		memcpy(p->hist + p->hist_n - p->pov, p->pbuf + p->hist_n - p->pov,
		    p->pov * sizeof(p->hist[0]));
		go_round(p, pcm, p->frame);
	} else if (p->erased <= 2) {
		/* One more period, so that it does not buzz; the old tail blends into the new one. */
		int16_t tail[PLC_HIST_MAX / 12 + 1];
		uint16_t at = p->at;
		go_round(p, tail, p->pov);
		p->at = at;
		while (p->at > p->pitch)
			p->at = (uint16_t)(p->at - p->pitch);
		p->pblen = (uint16_t)(p->pblen + p->pitch);
		close_loop(p);
		go_round(p, pcm, p->frame);
		cross(tail, pcm, pcm, p->pov, 1);
	} else if (p->erased <= 5) {
		go_round(p, pcm, p->frame);
	} else {
		memset(pcm, 0, p->frame * sizeof(pcm[0]));
	}
	if (p->erased >= 1 && p->erased <= 5) {
		float gain = 1 - FADE_PER_FRAME * (float)(p->erased - 1);
		float step = FADE_PER_FRAME / (float)p->frame;
		for (unsigned i = 0; i < p->frame; i++)
			pcm[i] = (int16_t)((float)pcm[i] * (gain - step * (float)i));
	}
	if (p->erased < UINT16_MAX)
		p->erased++;
	delay(p, pcm, p->frame);
}

void plc_good(struct plc *p, int16_t *pcm, size_t n)
{
	if (n > p->frame)
		n = p->frame;
	if (p->erased) {
		int16_t synth[PLC_HIST_MAX];
		unsigned len = p->pov + (unsigned)(p->erased - 1) * p->eov_inc;
		float gain = 1 - FADE_PER_FRAME * (float)(p->erased - 1);
		len = len > n ? (unsigned)n : len;
		go_round(p, synth, len);
		cross(synth, pcm, pcm, len, gain < 0 ? 0 : gain);
		p->erased = 0;
	}
	delay(p, pcm, n);
}
