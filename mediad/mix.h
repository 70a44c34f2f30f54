#ifndef MEDIAD_MIX_H
#define MEDIAD_MIX_H
#include <stddef.h>
#include <stdint.h>

/* Mixing of linear speech. */
static inline int16_t mix_sat(int32_t x)
{
	return (int16_t)(x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x);
}
/* io += in, saturating. */
void mix_add(int16_t *io, const int16_t *in, size_t n);

struct mix {          /* the limiter of one listener */
	int32_t gain; /* Q15 */
};
void mix_init(struct mix *m);
/* What one of three parties hears: the two others, with a limiter that turns the gain down within a millisecond
 * before the sum would clip, and lets it come back over about 200 ms. A quiet sum passes unaltered. out may be a. */
void mix_pair(struct mix *m, const int16_t *a, const int16_t *b, int16_t *out, size_t n);
#endif
