/* E-model, the parts that differ on an IP leg: R = Ro - Is (93.2 with default values) - Id - Ie,eff. */
#include "mediad/emodel.h"

#include "mediad/codec.h"

struct impairment {
	double ie, bpl;
};

/* G.113 table I.1 and I.4; robustness of G.726 and G.722 is not tabulated: that of G.711 without and with
 * concealment. */
static struct impairment of(unsigned codec)
{
	switch (codec) {
	case CODEC_G726_40:
	case CODEC_AAL2_G726_40:
		return (struct impairment){ 2, 15 };
	case CODEC_G726_32:
	case CODEC_AAL2_G726_32:
		return (struct impairment){ 7, 15 };
	case CODEC_G726_24:
	case CODEC_AAL2_G726_24:
		return (struct impairment){ 25, 15 };
	case CODEC_G726_16:
	case CODEC_AAL2_G726_16:
		return (struct impairment){ 50, 15 };
	default:
		return (struct impairment){ 0, 25.1 }; /* with concealment of G.711 appendix I */
	}
}

uint32_t emodel_r10(unsigned codec, uint32_t loss_permille, uint32_t burst_q8, uint32_t delay_ms)
{
	struct impairment i = of(codec);
	double ppl = loss_permille > 1000 ? 100 : loss_permille / 10.0, d = delay_ms, id = 0, r;
	double burst = burst_q8 < 256 ? 1 : burst_q8 / 256.0;

	if (d > 0)
		id = 0.024 * d +
		     (d > 177.3 ? 0.11 * (d - 177.3) : 0); /* G.107, the usual approximation */
	r = 93.2 - id - (i.ie + (95 - i.ie) * ppl / (ppl / burst + i.bpl));
	return r <= 0 ? 0 : (uint32_t)(r * 10 + 0.5);
}

uint32_t emodel_mos100(uint32_t r10)
{
	double r = r10 / 10.0, mos;

	if (r10 == 0)
		return 100;
	if (r10 >= 1000)
		return 450;
	mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
	return mos < 1 ? 100 : (uint32_t)(mos * 100 + 0.5);
}
