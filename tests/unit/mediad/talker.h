#ifndef TESTS_UNIT_MEDIAD_TALKER_H
#define TESTS_UNIT_MEDIAD_TALKER_H
/* Far ends with a voice, and a call between two of them through the plane of plane.h. */
#include <math.h>

#include "tests/unit/mediad/plane.h"

#include "mediad/codec.h"
#include "mediad/dtmf.h"

#define PCMA 8

struct talker { /* a far end with a voice: a tone of its own, encoded */
	struct far f;
	struct leg *l;
	struct codec_enc enc;
	struct codec_dec dec;
	unsigned codec, pt, ptime, rate;
	double hz, phase;
	unsigned since;
	int16_t heard[8000 * 20];
	size_t n;
	unsigned packets, cn, events;
	char digits[40];
	struct dtmf4733_rx rx;
	uint16_t next_seq;
	uint32_t next_ts;
	bool any, silent;
};

static inline void talker_rate(struct talker *t, unsigned rate)
{
	t->rate = rate;
	assert_int_equal(codec_enc_init(&t->enc, (enum codec)t->codec, rate), 0);
	assert_int_equal(codec_dec_init(&t->dec, (enum codec)t->codec, rate), 0);
}

static inline void talker_open(
    struct talker *t, unsigned codec, unsigned pt, unsigned ptime, double hz)
{
	memset(t, 0, sizeof(*t));
	far_open(&t->f);
	t->codec = codec;
	t->pt = pt;
	t->ptime = ptime;
	t->hz = hz;
	talker_rate(t, 8000);
}

static inline struct leg_set set_of(struct talker *t, enum side side)
{
	struct leg_set s = leg_for(side, &t->f, t->codec, t->pt);

	s.has_ptime = true;
	s.ptime = t->ptime;
	return s;
}

static inline void say(struct talker *t)
{
	int16_t pcm[960];
	uint8_t out[960];
	unsigned samples = t->ptime * t->rate / 1000;
	int n;

	t->since += 5;
	if (t->since < t->ptime)
		return;
	t->since = 0;
	for (unsigned i = 0; i < samples; i++) {
		pcm[i] = (int16_t)lrint(8000 * sin(t->phase));
		t->phase += 2 * M_PI * t->hz / t->rate;
	}
	n = codec_encode(&t->enc, pcm, samples, out, sizeof(out));
	assert_true(n > 0);
	if (!t->silent)
		far_send(&t->f, t->l, (uint8_t)t->pt, out, (size_t)n);
	t->f.seq++;
	t->f.ts += t->ptime * 8;
}

static inline void listen_to(struct talker *t)
{
	while (far_get(&t->f)) {
		const uint8_t *p = t->f.buf + t->f.h.hdr;
		if (t->any)
			assert_int_equal(t->f.h.seq, t->next_seq); /* no holes, no steps back */
		t->next_seq = (uint16_t)(t->f.h.seq + 1);
		if (t->f.h.pt == 101) {
			struct dtmf4733 e;
			assert_int_equal(dtmf4733_parse(p, t->f.h.payload, &e), 0);
			if (dtmf4733_rx(&t->rx, &e, t->f.h.ts))
				t->digits[t->events++] = dtmf_digit(e.event);
			t->any = true;
			continue;
		}
		if (t->f.h.pt == 13) {
			t->cn++;
			t->any = true;
			continue;
		}
		assert_int_equal(t->f.h.pt, t->pt);
		/* Time goes on without a step, or with one forward where the marker says so. */
		if (t->packets && t->f.h.marker)
			assert_true((int32_t)(t->f.h.ts - t->next_ts) >= 0);
		else if (t->packets && t->events == 0 && t->cn == 0)
			assert_int_equal(t->f.h.ts, t->next_ts);
		t->next_ts = t->f.h.ts + codec_ticks((enum codec)t->codec, t->f.h.payload);
		t->any = true;
		t->packets++;
		int n = codec_decode(
		    &t->dec, p, t->f.h.payload, t->heard + t->n, ARRAY_LEN(t->heard) - t->n);
		assert_true(n > 0);
		t->n += (size_t)n;
		if (t->n + 1000 > ARRAY_LEN(t->heard))
			t->n = 0;
	}
}

static inline void run(struct plane *p, struct talker **t, unsigned n, unsigned ms)
{
	for (unsigned i = 0; i < ms; i += 5) {
		for (unsigned k = 0; k < n; k++)
			say(t[k]);
		plane_wait(p, 5);
		for (unsigned k = 0; k < n; k++)
			listen_to(t[k]);
	}
}

/* Power of a frequency in what was heard lately, as part of all of it: 0 … 1. */
static inline double share(const struct talker *t, double hz, size_t last)
{
	double re = 0, im = 0, all = 0;
	size_t from = t->n > last ? t->n - last : 0, n = t->n - from;

	for (size_t i = from; i < t->n; i++) {
		double x = t->heard[i], w = 2 * M_PI * hz * (double)i / t->rate;
		re += x * cos(w);
		im += x * sin(w);
		all += x * x;
	}
	return all > 0 ? 2 * (re * re + im * im) / ((double)n * all) : 0;
}

static inline double level(const struct talker *t, size_t last)
{
	double all = 0;
	size_t from = t->n > last ? t->n - last : 0;

	for (size_t i = from; i < t->n; i++)
		all += (double)t->heard[i] * t->heard[i];
	return sqrt(all / (double)(t->n - from));
}

struct call {
	struct plane p;
	struct talker net, radio, *both[2];
	struct sess *s;
};

static inline void call_open(
    struct call *c, unsigned codec, unsigned pt, unsigned net_ms, unsigned radio_ms)
{
	struct leg_set set[2];

	plane_open(&c->p);
	talker_open(&c->net, codec, pt, net_ms, 400);
	talker_open(&c->radio, CODEC_PCMA, PCMA, radio_ms, 1100);
	c->both[0] = &c->net;
	c->both[1] = &c->radio;
	set[0] = set_of(&c->net, SIDE_NETWORK);
	set[1] = set_of(&c->radio, SIDE_RADIO);
	assert_int_equal(sess_open(&c->p.m, 1, set, 2, NULL, &c->s), 0);
	c->net.l = c->s->leg[SIDE_NETWORK];
	c->radio.l = c->s->leg[SIDE_RADIO];
}

static inline void call_close(struct call *c)
{
	sess_drop(&c->p.m, c->s, "");
	assert_int_equal(c->p.m.ticking, 0);
	far_close(&c->net.f);
	far_close(&c->radio.f);
	plane_close(&c->p);
}
#endif
