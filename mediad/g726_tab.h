#ifndef MEDIAD_G726_TAB_H
#define MEDIAD_G726_TAB_H
#include <stdint.h>

/* The tables of ITU-T G.726 that depend on the rate, by bits per code; shared by the scalar coder and the lanes. Rows
 * are indexed by the code without its sign (code, or its complement where the sign bit is set): 16 words, so that one
 * register holds a row. */
struct g726_rate {
	int32_t dqln[16] __attribute__((aligned(64))); /* tables 11-14: inverse quantiser */
	int32_t w[16];                                 /* W(I), times 32 */
	int32_t f[16];                                 /* F(I), times 512 */
	int32_t level[16];                             /* decision levels of tables 7-10 */
	int32_t nlevel, bits;
	int32_t odd;  /* an odd number of levels: code 0 is not sent */
	int32_t leak; /* shift of B's leakage */
};
extern const struct g726_rate g726_rates[6];

#endif
