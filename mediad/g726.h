#ifndef MEDIAD_G726_H
#define MEDIAD_G726_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ITU-T G.726 ADPCM at 16, 24, 32 and 40 kbit/s. One state serves one direction. Samples are 16 bit linear, of which
 * the upper 14 count (G.726 4.2.1). The words of the state are those of G.726 table 6 in 32-bit containers, so that
 * 16 states can be turned into vector lanes (g726_lanes.h). */
enum g726_law { G726_LINEAR, G726_ALAW, G726_ULAW };

#define G726_WORDS 24
struct g726 {
	union {
		struct {
			int32_t yl, yu, dms, dml, ap;
			int32_t a[2], b[6], pk[2], dq[6], sr[2];
			int32_t td;
		};
		int32_t word[G726_WORDS];
	};
	uint8_t bits; /* per code: 2-5 */
};

void g726_reset(struct g726 *s, unsigned bits);
/* One sample to one code (right-justified), one code to one sample. law: see codec_dec_law(). */
uint8_t g726_enc(struct g726 *s, int16_t pcm);
int16_t g726_dec(struct g726 *s, uint8_t code, enum g726_law law);

/* Packed codes: aal2 false: RFC 3551 4.5.4, the first code in the least significant bits; true: I.366.2, in the most
 * significant bits. n codes, n * bits divisible by 8. */
void g726_pack(const uint8_t *code, size_t n, unsigned bits, bool aal2, uint8_t *out);
void g726_unpack(const uint8_t *in, size_t n, unsigned bits, bool aal2, uint8_t *code);
#endif
