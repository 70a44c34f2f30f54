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

#endif
