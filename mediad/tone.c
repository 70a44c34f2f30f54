/* Tone generators: two-pole resonators that run through the steps of a cadence. */
#include "mediad/tone.h"

#include <math.h>
#include <string.h>

#include "mediad/mix.h"

/* -13 dBm0 for the whole; 0 dBm0 is a sine of peak 22,806 (+3.14 dBm0 is full scale, G.711 A-law). */
#define PEAK    5106.0
#define EDGE_MS 4 /* a step's sound swells and fades over this, so that it does not click */

static void osc_start(struct tone_osc *o, unsigned hz, uint32_t rate, double peak)
{
	double w = 2 * M_PI * hz / rate;

	*o = (struct tone_osc){ 0 };
	if (!hz)
		return;
	o->c = (int32_t)lrint(2 * cos(w) * (1 << 29));
	o->y1 = 0;
	o->y2 = (int32_t)lrint(-peak * sin(w) * 4096);
}

static inline int32_t osc_next(struct tone_osc *o)
{
	int32_t y = (int32_t)(((int64_t)o->c * o->y1 + (1 << 28)) >> 29) - o->y2;

	o->y2 = o->y1;
	o->y1 = y;
	return y;
}

static void step_begin(struct tone_gen *g)
{
	const struct tone_step *s = &g->def->step[g->at];
	unsigned sounding = 0;

	for (unsigned i = 0; i < 3; i++)
		sounding += s->hz[i] != 0;
	for (unsigned i = 0; i < 3; i++)
		osc_start(&g->osc[i], s->hz[i], g->rate, PEAK / sqrt(sounding ? sounding : 1));
	g->left = s->ms * (g->rate / 1000);
	g->into = 0;
}

void tone_start(struct tone_gen *g, const struct tone_def *def, uint32_t rate, uint32_t ms)
{
	*g = (struct tone_gen){ .def = def, .rate = rate };
	if (!def)
		return;
	g->limited = ms != 0;
	g->total = ms < UINT32_MAX / 16 ? ms * (rate / 1000) : UINT32_MAX;
	step_begin(g);
}

void tone_stop(struct tone_gen *g)
{
	g->def = NULL;
}

/* The next sample; false: over. */
static bool next(struct tone_gen *g, int32_t *out)
{
	const struct tone_step *s = &g->def->step[g->at];
	int32_t edge = EDGE_MS * (int32_t)(g->rate / 1000), x = 0;

	if (g->limited && g->total == 0)
		return false;
	if (s->ms && g->left == 0) {
		if (g->at + 1u == g->def->n && g->def->once)
			return false;
		g->at = (uint8_t)((g->at + 1u) % g->def->n);
		step_begin(g);
		s = &g->def->step[g->at];
	}
	for (unsigned i = 0; i < 3 && s->hz[i]; i++)
		x += osc_next(&g->osc[i]);
	x /= 4096;
	/* Soft only where the sound begins or ends, not where one step sounds on into the next. */
	uint32_t until = s->ms ? g->left : UINT32_MAX;
	if (g->limited && g->total < until)
		until = g->total;
	if ((int32_t)g->into < edge)
		x = x * (int32_t)g->into / edge;
	else if (until < (uint32_t)edge)
		x = x * (int32_t)until / edge;
	g->into++;
	if (s->ms)
		g->left--;
	if (g->limited)
		g->total--;
	*out = x;
	return true;
}

bool tone_fill(struct tone_gen *g, int16_t *pcm, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int32_t x;
		if (!g->def || !next(g, &x)) {
			g->def = NULL;
			memset(pcm + i, 0, (n - i) * sizeof(pcm[0]));
			return false;
		}
		pcm[i] = mix_sat(x);
	}
	return true;
}

bool tone_add(struct tone_gen *g, int16_t *pcm, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int32_t x;
		if (!g->def || !next(g, &x)) {
			g->def = NULL;
			return false;
		}
		pcm[i] = mix_sat(pcm[i] + x);
	}
	return true;
}
