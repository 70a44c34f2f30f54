#ifndef MEDIAD_CODEC_H
#define MEDIAD_CODEC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "mediad/g722.h"
#include "mediad/g726.h"

/* The codecs of this room behind one interface. Everything lives in the caller's memory; nothing allocates.
 *
 * Inside the room speech is linear 16 bit, host order, mono, at 8,000 samples/s. A G.722 leg may be opened at 16,000
 * where the other leg is G.722 too and the speech has to be decoded nevertheless (tones, mixing); opened at 8,000 it
 * uses the lower sub-band alone, without a resampler. All other codecs know 8,000 only.
 * A tick is one step of the RTP clock, which is 8,000/s for every codec here, G.722 too (RFC 3551 4.5.2). */
enum codec { /* the numbers of base.Codec; media_ipc.c asserts that they agree */
	CODEC_NONE = 0,
	CODEC_PCMU,
	CODEC_PCMA,
	CODEC_G722,
	CODEC_G726_16, /* RFC 3551 4.5.4: first code in the least significant bits */
	CODEC_G726_24,
	CODEC_G726_32,
	CODEC_G726_40,
	CODEC_AAL2_G726_16, /* ITU-T I.366.2 annex E: first code in the most significant bits */
	CODEC_AAL2_G726_24,
	CODEC_AAL2_G726_32,
	CODEC_AAL2_G726_40,
	CODEC_CN,    /* RFC 3389, cng.h */
	CODEC_EVENT, /* RFC 4733 */
	CODEC_L16,   /* network order */
	CODEC_N
};

struct codec_prop {
	const char *name; /* RFC 3551 encoding name */
	uint32_t clock;   /* RTP clock, Hz */
	uint8_t bits;     /* per tick of the RTP clock; 0: not a speech codec */
	uint8_t g726;     /* bits per code, 2-5; 0: another codec */
	bool aal2;
	bool wide; /* knows 16,000 samples/s */
};
extern const struct codec_prop codec_props[CODEC_N];

#define CODEC_TICKS_MAX  480u /* one packet: 60 ms */
#define CODEC_PCM_MAX    960u /* the same in samples at 16,000/s */
#define CODEC_OCTETS_MAX 960u /* the same in octets, L16 */

static inline bool codec_speech(enum codec c)
{
	return (unsigned)c < CODEC_N && codec_props[c].bits;
}
/* Octets of a payload of so many ticks; ticks a multiple of 8. */
size_t codec_octets(enum codec c, uint32_t ticks);
/* Ticks in a payload of so many octets: whole codes only; 0 for no speech codec. G.726-24 and -40 payloads must be
 * multiples of 3 and 5 octets, else 0. */
uint32_t codec_ticks(enum codec c, size_t octets);

struct codec_enc {
	enum codec codec;
	uint32_t rate; /* of the samples that go in: 8000, 16000 */
	union {
		struct g722_enc g722;
		struct g726 g726;
	} u;
};
struct codec_dec {
	enum codec codec;
	uint32_t rate; /* of the samples that come out */
	uint8_t law;   /* see codec_dec_law() */
	union {
		struct g722_dec g722;
		struct g726 g726;
	} u;
};

/* ERR_UNSUPP: no speech codec, or not at this rate. */
int codec_enc_init(struct codec_enc *e, enum codec c, uint32_t rate) MUST_CHECK;
int codec_dec_init(struct codec_dec *d, enum codec c, uint32_t rate) MUST_CHECK;
/* The samples that a G.726 decoder gives are to be encoded to G.711 of this law (CODEC_PCMA, CODEC_PCMU; CODEC_NONE:
 * linear): the decoder then gives linear values of that law after the synchronous coding adjustment of G.726 4.2.8, so
 * that the G.711 encoder behind gives exactly G.726's PCM words. No effect on other codecs. */
void codec_dec_law(struct codec_dec *d, enum codec law);

/* n samples (10-60 ms at e->rate; a multiple of 8, at 16,000/s of 16) -> octets written, or ERR_VALUE (n), ERR_LIMIT
 * (cap). */
int codec_encode(struct codec_enc *e, const int16_t *pcm, size_t n, uint8_t *out, size_t cap);
/* n octets -> samples written, or ERR_SYNTAX (no whole number of codes, empty), ERR_LIMIT (more than cap). */
int codec_decode(struct codec_dec *d, const uint8_t *in, size_t n, int16_t *pcm, size_t cap);

/* One encode or decode of many that fall into the same tick. G.726 jobs of the same kind run side by side in SIMD
 * lanes where the CPU has them, the others one by one: the result is the same bit for bit. A state may occur once
 * only in an array. */
struct codec_job {
	struct codec_enc *enc; /* this one or dec */
	struct codec_dec *dec;
	int16_t *pcm;   /* enc: in, pcm_n samples; dec: out, at most pcm_n */
	uint8_t *octet; /* enc: out, at most octet_n; dec: in, octet_n octets */
	uint32_t pcm_n, octet_n;
	int res;   /* as codec_encode(), codec_decode() */
	int *tell; /* where the result is written, too; NULL: nowhere */
};
void codec_run(struct codec_job *jobs, size_t n);
/* "avx512", "avx2", "scalar": what codec_run() uses on this machine. */
const char *codec_run_name(void);

/* Octets of one codec become octets of the other without linear speech between them: the same codec, PCMA <-> PCMU,
 * the two packings of one G.726 rate. In all these every packet time can be cut and joined at 1 ms steps, too. */
bool codec_direct(enum codec from, enum codec to);
/* n octets in, the same number out; in == out allowed. ERR_UNSUPP: codec_direct() says no; ERR_SYNTAX: no whole
 * number of codes. */
int codec_bridge(enum codec from, enum codec to, const uint8_t *in, size_t n, uint8_t *out);
/* One octet of silence for G.711, G.722 (near silence); 0 for others, whose silence depends on their state. */
uint8_t codec_silence(enum codec c);
#endif
