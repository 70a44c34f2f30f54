#ifndef TEST_SPEECH_H
#define TEST_SPEECH_H
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Deterministic speech-like signal: voiced stretches (a gliding glottal pulse through two resonators that change),
 * hisses, pauses with room noise, at changing levels up to near overload. */
struct speech {
	uint32_t seed, rate, left, kind;
	double phase, f0, glide, level;
	double y[2][2], c[2], r[2];
};

static inline uint32_t speech_rnd(struct speech *s)
{
	s->seed = s->seed * 1664525u + 1013904223u;
	return s->seed >> 8;
}

static inline double speech_uni(struct speech *s) /* -1..1 */
{
	return (double)(speech_rnd(s) & 0xffff) / 32768.0 - 1.0;
}

static inline void speech_init(struct speech *s, uint32_t seed, uint32_t rate)
{
	memset(s, 0, sizeof(*s));
	s->seed = seed * 2654435761u + 12345;
	s->rate = rate;
}

static inline void speech_next(struct speech *s)
{
	s->left = s->rate / 1000 * (40 + speech_rnd(s) % 220);
	s->kind = speech_rnd(s) % 8; /* 0-4 voiced, 5 hiss, 6-7 pause */
	s->f0 = 90 + speech_rnd(s) % 160;
	s->glide = speech_uni(s) * 40;
	s->level = pow(10, (double)(speech_rnd(s) % 30) / 20 + 1.7);
	for (int i = 0; i < 2; i++) {
		double f = i ? 900 + speech_rnd(s) % 1800 : 250 + speech_rnd(s) % 600;
		s->r[i] = 1 - 3.14159265 * (60 + 60 * i) / s->rate;
		s->c[i] = 2 * s->r[i] * cos(6.28318531 * f / s->rate);
	}
}

static inline void speech_fill(struct speech *s, int16_t *out, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		if (s->left-- == 0) {
			speech_next(s);
			s->left--;
		}
		double x = speech_uni(s) * 0.01;
		if (s->kind < 5) {
			s->phase += (s->f0 + s->glide * (double)(s->left % 2000) / 2000) / s->rate;
			if (s->phase >= 1) {
				s->phase -= 1;
				x += 1;
			}
		} else if (s->kind == 5) {
			x = speech_uni(s) * 0.15;
		}
		for (int i = 0; i < 2; i++) {
			double y = x + s->c[i] * s->y[i][0] - s->r[i] * s->r[i] * s->y[i][1];
			s->y[i][1] = s->y[i][0];
			s->y[i][0] = y;
			x = y * 0.25;
		}
		x *= s->level * 40;
		out[k] = (int16_t)(x > 32000 ? 32000 : x < -32000 ? -32000 : x);
	}
}

/* Best signal-to-noise ratio in dB over delays 0..max_delay of out against in. */
static inline double speech_snr(const int16_t *in, const int16_t *out, size_t n, size_t max_delay)
{
	double best = -100;

	for (size_t d = 0; d <= max_delay; d++) {
		double s = 0, e = 1e-9;
		for (size_t i = 0; i + d < n; i++) {
			double x = in[i], y = out[i + d];
			s += x * x;
			e += (x - y) * (x - y);
		}
		double snr = 10 * log10(s / e + 1e-12);
		best = snr > best ? snr : best;
	}
	return best;
}
#endif
