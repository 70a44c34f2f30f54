/* LAPC frames of format FA (EN 300 175-4 7): pure. */
#include <string.h>

#include "dectd/dlc.h"

static const uint8_t u_base[] = {
	[LAPC_SABM] = 0x2f,
	[LAPC_DM] = 0x0f,
	[LAPC_UI] = 0x03,
	[LAPC_DISC] = 0x43,
	[LAPC_UA] = 0x63,
};

static int control(uint8_t o, struct lapc_frame *f)
{
	f->pf = o & 0x10;
	if (!(o & 1)) {
		f->kind = LAPC_I;
		f->ns = o >> 1 & 7;
		f->nr = o >> 5;
		return 0;
	}
	if ((o & 3) == 1) {
		f->nr = o >> 5;
		switch (o >> 2 & 3) {
		case 0:
			f->kind = LAPC_RR;
			return 0;
		case 1:
			f->kind = LAPC_RNR;
			return 0;
		case 2:
			f->kind = LAPC_REJ;
			return 0;
		default:
			return ERR_SYNTAX;
		}
	}
	for (enum lapc_kind k = LAPC_SABM; k <= LAPC_UA; k++)
		if (u_base[k] == (o & 0xef)) {
			f->kind = k;
			return 0;
		}
	return ERR_SYNTAX;
}

int lapc_parse(const uint8_t *p, size_t n, struct lapc_frame *out)
{
	*out = (struct lapc_frame){ 0 };
	if (n < 3)
		return ERR_TRUNCATED;
	if (!(p[0] & 1) || !(p[2] & 1))
		return ERR_SYNTAX; /* extended address or length */
	out->nlf = p[0] & 0x80;
	out->lln = p[0] >> 4 & 7;
	out->sapi = p[0] >> 2 & 3;
	out->cr = p[0] & 2;
	out->more = p[2] & 2;
	out->n = p[2] >> 2;
	out->info = p + 3;
	if (out->sapi != 0 && out->sapi != 3)
		return ERR_SYNTAX;
	if (out->n > n - 3)
		return ERR_TRUNCATED;
	return control(p[1], out);
}

size_t lapc_build(const struct lapc_frame *f, uint8_t out[MAC_FRAME_MAX])
{
	uint8_t pf = f->pf ? 0x10 : 0;
	uint8_t n = f->n <= MAC_INFO_MAX ? f->n : MAC_INFO_MAX;

	out[0] = (uint8_t)((f->nlf ? 0x80u : 0) | (f->lln & 7u) << 4 | (f->sapi & 3u) << 2 |
	                   (f->cr ? 2u : 0) | 1);
	switch (f->kind) {
	case LAPC_I:
		out[1] = (uint8_t)(f->nr << 5 | pf | (f->ns & 7) << 1);
		break;
	case LAPC_RR:
	case LAPC_RNR:
	case LAPC_REJ:
		out[1] =
		    (uint8_t)((unsigned)f->nr << 5 | pf | ((unsigned)f->kind - LAPC_RR) << 2 | 1u);
		break;
	default:
		out[1] = (uint8_t)(u_base[f->kind] | pf);
	}
	out[2] = (uint8_t)(n << 2 | (f->more ? 2 : 0) | 1);
	if (n)
		memcpy(out + 3, f->info, n);
	return 3u + n;
}

const char *lapc_kind_name(enum lapc_kind k)
{
	static const char *const names[] = { "I", "RR", "RNR", "REJ", "SABM", "DM", "UI", "DISC",
		"UA" };

	return names[k];
}
