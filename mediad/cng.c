/* Comfort noise: white noise through an all-pole lattice, RFC 3389 3; and the sender's decision. */
#include "mediad/cng.h"

#include <math.h>
#include <string.h>

int cng_parse(const uint8_t *in, size_t n, struct cng_sid *out)
{
	*out = (struct cng_sid){ 0 };
	if (n == 0)
		return ERR_TRUNCATED;
	out->level = in[0] & 0x7f;
	out->order = (uint8_t)(n - 1 > CNG_ORDER ? CNG_ORDER : n - 1);
	for (unsigned i = 0; i < out->order; i++) {
		int32_t k = 258 * (in[1 + i] - 127);
		out->k[i] = (int16_t)(k > 32767 ? 32767 : k);
	}
	return 0;
}

size_t cng_build(const struct cng_sid *sid, uint8_t *out, size_t cap)
{
	unsigned order = sid->order > CNG_ORDER ? CNG_ORDER : sid->order;

	if (cap < 1 + (size_t)order)
		return 0;
	out[0] = sid->level & 0x7f;
	for (unsigned i = 0; i < order; i++) {
		int32_t k = sid->k[i];
		k = 127 + (k >= 0 ? k + 129 : k - 129) / 258;
		out[1 + i] = (uint8_t)(k < 0 ? 0 : k > 254 ? 254 : k);
	}
	return 1 + order;
}

void cng_gen_init(struct cng_gen *g, uint32_t seed)
{
	*g = (struct cng_gen){ .seed = seed | 1 };
}

void cng_gen_set(struct cng_gen *g, const struct cng_sid *sid)
{
	g->target = *sid;
	for (unsigned i = sid->order; i < CNG_ORDER; i++)
		g->target.k[i] = 0;
}

/* RMS of the excitation, Q8: the level, less the gain of the filter. 0 dBov is the RMS of a full-scale square. */
static float excitation(const struct cng_gen *g)
{
	float power = 1;

	for (unsigned i = 0; i < CNG_ORDER; i++) {
		float k = (float)g->k[i] / 32768.0f;
		power *= 1 - k * k;
	}
	return 32767.0f * powf(10, -(float)g->target.level / 20) * sqrtf(power);
}

/* One step of 10 ms towards the description: level by 1.5 dB at most, colour by an eighth; the first one at once. */
static void approach(struct cng_gen *g)
{
	for (unsigned i = 0; i < CNG_ORDER; i++) {
		int32_t want = g->target.k[i], limit = 32440; /* 0.99: stable, and not ringing */
		want = want > limit ? limit : want < -limit ? -limit : want;
		g->k[i] = g->started ? g->k[i] + (want - g->k[i]) / 8 : want;
	}

	float want = excitation(g) * 256, now = (float)g->gain;
	if (g->started && want > now * 1.19f)
		want = now * 1.19f + 1;
	else if (g->started && want < now * 0.84f)
		want = now * 0.84f;
	g->gain = (int32_t)want;
	g->started = true;
}

void cng_gen_fill(struct cng_gen *g, int16_t *pcm, size_t n)
{
	float k[CNG_ORDER], b[CNG_ORDER], amp = 0;

	for (unsigned i = 0; i < CNG_ORDER; i++)
		b[i] = (float)g->hist[i] / 256;
	for (size_t s = 0; s < n; s++) {
		if (s % 80 == 0) {
			approach(g);
			amp = (float)g->gain / 256 * 1.7320508f /
			      32768; /* a uniform source has 1/3 of its peak power */
			for (unsigned i = 0; i < CNG_ORDER; i++)
				k[i] = (float)g->k[i] / 32768.0f;
		}
		g->seed = g->seed * 1664525u + 1013904223u;
		float f = amp * (float)((int32_t)(g->seed >> 16) - 32768);
		for (unsigned m = CNG_ORDER; m-- > 0;) {
			f -= k[m] * b[m];
			if (m + 1 < CNG_ORDER)
				b[m + 1] = b[m] + k[m] * f;
		}
		b[0] = f;
		pcm[s] = (int16_t)(f > 32767 ? 32767 : f < -32768 ? -32768 : f);
	}
	for (unsigned i = 0; i < CNG_ORDER; i++)
		g->hist[i] = (int32_t)((b[i] > 1e6f ? 1e6f : b[i] < -1e6f ? -1e6f : b[i]) * 256);
}

#define HANGOVER_MS 200
#define REPEAT_MS   1000 /* a description at least so often in a silence, for late joiners */

void cng_an_init(struct cng_an *a)
{
	*a = (struct cng_an){ .floor = -1, .since = -1 };
}

/* Autocorrelation and Levinson-Durbin. */
static void describe(const int16_t *pcm, size_t n, struct cng_sid *sid)
{
	enum { ORDER = 6 };
	float r[ORDER + 1] = { 0 }, a[ORDER + 1] = { 1 };

	for (unsigned lag = 0; lag <= ORDER; lag++)
		for (size_t i = lag; i < n; i++)
			r[lag] += (float)pcm[i] * (float)pcm[i - lag];
	float rms = sqrtf(r[0] / (float)n);
	float db = rms < 0.02f ? 127 : -20 * log10f(rms / 32767);
	*sid = (struct cng_sid){ .level = (uint8_t)(db > 127 ? 127
		                                    : db < 0 ? 0
		                                             : db + 0.5f),
		.order = ORDER };

	float err = r[0] * 1.0001f + 1;
	for (unsigned m = 1; m <= ORDER; m++) {
		float acc = 0, next[ORDER + 1];
		for (unsigned i = 0; i < m; i++)
			acc += a[i] * r[m - i];
		float k = -acc / err;
		memcpy(next, a, sizeof(a));
		for (unsigned i = 1; i < m; i++)
			next[i] = a[i] + k * a[m - i];
		next[m] = k;
		memcpy(a, next, sizeof(a));
		err *= 1 - k * k;
		sid->k[m - 1] = (int16_t)(k > 0.99f ? 32440 : k < -0.99f ? -32440 : k * 32767);
	}
}

enum cng_verdict cng_an_frame(struct cng_an *a, const int16_t *pcm, size_t n, struct cng_sid *sid)
{
	int64_t sum = 0;
	int32_t ms = (int32_t)(n / 8);

	if (n == 0)
		return CNG_SPEECH;
	for (size_t i = 0; i < n; i++)
		sum += (int32_t)pcm[i] * pcm[i];
	int32_t power = (int32_t)(sum / (int64_t)n);

	/* The floor falls at once and rises slowly (a factor of 2 in about 2 s), so that a fan that starts is
	 * learnt and speech is not. */
	if (a->floor < 0 || power < a->floor)
		a->floor = power;
	else
		a->floor += a->floor * (int64_t)ms / 3000 < 1
		                ? 1
		                : (int32_t)(a->floor * (int64_t)ms / 3000);
	/* 8 dB above the floor, or louder than -35 dBov, is speech; below -72 dBov nothing is. */
	bool speech = power > 66 && (power > 6LL * a->floor || power > 340000);
	if (speech) {
		a->quiet = 0;
		a->since = -1;
		return CNG_SPEECH;
	}
	if (a->quiet < HANGOVER_MS) {
		a->quiet = (uint16_t)(a->quiet + ms);
		return CNG_SPEECH;
	}
	describe(pcm, n, sid);
	int diff = sid->level - a->level;
	if (a->since < 0 || a->since >= REPEAT_MS || (a->since >= 100 && (diff > 3 || diff < -3))) {
		a->since = 0;
		a->level = sid->level;
		return CNG_SID;
	}
	a->since = (int16_t)(a->since + ms);
	return CNG_QUIET;
}
