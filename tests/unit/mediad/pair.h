#ifndef TESTS_UNIT_MEDIAD_PAIR_H
#define TESTS_UNIT_MEDIAD_PAIR_H
/* A session between two far ends that send and take packets by hand. */
#include "tests/unit/mediad/plane.h"

#define PCMA 8

struct pair {
	struct plane p;
	struct far net, radio;
	struct sess *s;
	struct leg *ln, *lr;
};

static inline void pair_open(struct pair *x)
{
	struct leg_set set[2];

	plane_open(&x->p);
	far_open(&x->net);
	far_open(&x->radio);
	set[0] = leg_for(SIDE_NETWORK, &x->net, CODEC_PCMA, PCMA);
	set[1] = leg_for(SIDE_RADIO, &x->radio, CODEC_PCMA, PCMA);
	assert_int_equal(sess_open(&x->p.m, 77, set, 2, NULL, &x->s), 0);
	x->ln = x->s->leg[SIDE_NETWORK];
	x->lr = x->s->leg[SIDE_RADIO];
}

static inline void pair_close(struct pair *x)
{
	far_close(&x->net);
	far_close(&x->radio);
	plane_close(&x->p);
}

static inline void step(struct pair *x)
{
	x->p.now += 20000;
	plane_turn(&x->p);
}

static inline void both_talk(struct pair *x, unsigned i)
{
	far_talk(&x->net, x->ln, PCMA, (uint8_t)i);
	far_talk(&x->radio, x->lr, PCMA, (uint8_t)(i + 100));
}

static inline void both_hear(struct pair *x, unsigned i)
{
	assert_true(far_get(&x->radio));
	assert_int_equal(x->radio.buf[12], (uint8_t)i);
	assert_int_equal(x->radio.n, 172);
	assert_true(far_get(&x->net));
	assert_int_equal(x->net.buf[12], (uint8_t)(i + 100));
}

/* Both ends talk for n packets, and each hears the other. */
static inline void both_speak(struct pair *x, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		both_talk(x, i);
		step(x);
		both_hear(x, i);
	}
}

/* The same as the daemon goes on meanwhile: the path's steps, housekeeping. */
static inline void both_speak_on(struct pair *x, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		both_talk(x, i);
		plane_wait(&x->p, 20);
		both_hear(x, i);
	}
}
#endif
