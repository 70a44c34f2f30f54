#ifndef MEDIAD_G726_LANES_H
#define MEDIAD_G726_LANES_H
#include <stdbool.h>
#include <stddef.h>

#include "mediad/g726.h"

/* G.726 for up to 16 channels side by side, one in each lane of a vector, the same bits as g726.h. States are loaded
 * into the lanes at the begin and stored at the end of a call, so that a channel may use another lane each time;
 * a vector costs the same empty or full. All lanes of a call have the same rate, direction, law and length. */
#define G726_LANES 16u

enum g726_isa { G726_SCALAR, G726_GENERIC, G726_AVX2, G726_AVX512, G726_ISA_N };

struct g726_lane {
	struct g726 *st;
	int16_t *pcm;  /* n samples: in for the encoder, out for the decoder */
	uint8_t *code; /* n codes, one an octet */
};

/* Does this CPU have it? G726_SCALAR and G726_GENERIC (plain vectors of 4) always. */
bool g726_isa_has(enum g726_isa isa);
/* The fastest of them. */
enum g726_isa g726_isa_best(void);
const char *g726_isa_name(enum g726_isa isa);

/* lanes: 1-G726_LANES. An isa that the CPU lacks runs scalar. */
void g726_lanes_enc(
    enum g726_isa isa, unsigned bits, struct g726_lane *lane, unsigned lanes, size_t n);
void g726_lanes_dec(enum g726_isa isa, unsigned bits, enum g726_law law, struct g726_lane *lane,
    unsigned lanes, size_t n);
#endif
