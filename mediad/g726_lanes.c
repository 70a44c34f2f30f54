/* Choice of the lanes at run time. */
#include "mediad/g726_lanes.h"

typedef void(enc_h)(unsigned bits, struct g726_lane *lane, unsigned lanes, size_t n);
typedef void(dec_h)(
    unsigned bits, enum g726_law law, struct g726_lane *lane, unsigned lanes, size_t n);
enc_h g726_generic_enc, g726_avx2_enc, g726_avx512_enc;
dec_h g726_generic_dec, g726_avx2_dec, g726_avx512_dec;

bool g726_isa_has(enum g726_isa isa)
{
	switch (isa) {
	case G726_SCALAR:
	case G726_GENERIC:
		return true;
#ifdef G726_X86
	case G726_AVX2:
		return __builtin_cpu_supports("avx2");
	case G726_AVX512:
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd");
#endif
	default:
		return false;
	}
}

enum g726_isa g726_isa_best(void)
{
	return g726_isa_has(G726_AVX512) ? G726_AVX512
	       : g726_isa_has(G726_AVX2) ? G726_AVX2
	                                 : G726_SCALAR;
}

const char *g726_isa_name(enum g726_isa isa)
{
	static const char *const name[G726_ISA_N] = { "scalar", "generic", "avx2", "avx512" };

	return (unsigned)isa < G726_ISA_N ? name[isa] : "?";
}

void g726_lanes_enc(
    enum g726_isa isa, unsigned bits, struct g726_lane *lane, unsigned lanes, size_t n)
{
	if (!g726_isa_has(isa))
		isa = G726_SCALAR;
	switch (isa) {
#ifdef G726_X86
	case G726_AVX512:
		g726_avx512_enc(bits, lane, lanes, n);
		return;
	case G726_AVX2:
		g726_avx2_enc(bits, lane, lanes, n);
		return;
#endif
	case G726_GENERIC:
		g726_generic_enc(bits, lane, lanes, n);
		return;
	default:
		break;
	}
	for (unsigned l = 0; l < lanes; l++)
		for (size_t i = 0; i < n; i++)
			lane[l].code[i] = g726_enc(lane[l].st, lane[l].pcm[i]);
}

void g726_lanes_dec(enum g726_isa isa, unsigned bits, enum g726_law law, struct g726_lane *lane,
    unsigned lanes, size_t n)
{
	if (!g726_isa_has(isa))
		isa = G726_SCALAR;
	switch (isa) {
#ifdef G726_X86
	case G726_AVX512:
		g726_avx512_dec(bits, law, lane, lanes, n);
		return;
	case G726_AVX2:
		g726_avx2_dec(bits, law, lane, lanes, n);
		return;
#endif
	case G726_GENERIC:
		g726_generic_dec(bits, law, lane, lanes, n);
		return;
	default:
		break;
	}
	for (unsigned l = 0; l < lanes; l++)
		for (size_t i = 0; i < n; i++)
			lane[l].pcm[i] = g726_dec(lane[l].st, lane[l].code[i], law);
}
