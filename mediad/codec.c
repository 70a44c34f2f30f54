/* The codecs behind one interface, and many of them in one tick. */
#include "mediad/codec.h"

#include <string.h>

#include "mediad/g711.h"
#include "mediad/g726_lanes.h"

/* clang-format off */
const struct codec_prop codec_props[CODEC_N] = {
	[CODEC_NONE]         = { "",             8000,  0, 0, false, false },
	[CODEC_PCMU]         = { "PCMU",         8000,  8, 0, false, false },
	[CODEC_PCMA]         = { "PCMA",         8000,  8, 0, false, false },
	[CODEC_G722]         = { "G722",         8000,  8, 0, false, true  },
	[CODEC_G726_16]      = { "G726-16",      8000,  2, 2, false, false },
	[CODEC_G726_24]      = { "G726-24",      8000,  3, 3, false, false },
	[CODEC_G726_32]      = { "G726-32",      8000,  4, 4, false, false },
	[CODEC_G726_40]      = { "G726-40",      8000,  5, 5, false, false },
	[CODEC_AAL2_G726_16] = { "AAL2-G726-16", 8000,  2, 2, true,  false },
	[CODEC_AAL2_G726_24] = { "AAL2-G726-24", 8000,  3, 3, true,  false },
	[CODEC_AAL2_G726_32] = { "AAL2-G726-32", 8000,  4, 4, true,  false },
	[CODEC_AAL2_G726_40] = { "AAL2-G726-40", 8000,  5, 5, true,  false },
	[CODEC_CN]           = { "CN",           8000,  0, 0, false, false },
	[CODEC_EVENT]        = { "telephone-event", 8000, 0, 0, false, false },
	[CODEC_L16]          = { "L16",          8000, 16, 0, false, false },
};
/* clang-format on */

static const struct codec_prop *prop(enum codec c)
{
	return &codec_props[(unsigned)c < CODEC_N ? c : CODEC_NONE];
}

size_t codec_octets(enum codec c, uint32_t ticks)
{
	return (size_t)ticks * prop(c)->bits / 8;
}

uint32_t codec_ticks(enum codec c, size_t octets)
{
	unsigned bits = prop(c)->bits;

	if (bits == 0 || octets > 8 * CODEC_OCTETS_MAX || octets * 8 % bits)
		return 0;
	return (uint32_t)(octets * 8 / bits);
}

int codec_enc_init(struct codec_enc *e, enum codec c, uint32_t rate)
{
	if (!codec_speech(c) || !(rate == 8000 || (rate == 16000 && prop(c)->wide)))
		return ERR_UNSUPP;
	*e = (struct codec_enc){ .codec = c, .rate = rate };
	if (c == CODEC_G722)
		g722_enc_init(&e->u.g722, rate);
	else if (prop(c)->g726)
		g726_reset(&e->u.g726, prop(c)->g726);
	return 0;
}

int codec_dec_init(struct codec_dec *d, enum codec c, uint32_t rate)
{
	if (!codec_speech(c) || !(rate == 8000 || (rate == 16000 && prop(c)->wide)))
		return ERR_UNSUPP;
	*d = (struct codec_dec){ .codec = c, .rate = rate, .law = G726_LINEAR };
	if (c == CODEC_G722)
		g722_dec_init(&d->u.g722, rate);
	else if (prop(c)->g726)
		g726_reset(&d->u.g726, prop(c)->g726);
	return 0;
}

void codec_dec_law(struct codec_dec *d, enum codec law)
{
	d->law = law == CODEC_PCMA ? G726_ALAW : law == CODEC_PCMU ? G726_ULAW : G726_LINEAR;
}

/* Octets that n samples give, or an error. */
static int enc_size(const struct codec_enc *e, size_t n, size_t cap)
{
	size_t ticks = e->rate == 16000 ? n / 2 : n;

	if (n == 0 || ticks > CODEC_TICKS_MAX || ticks % 8 || (e->rate == 16000 && n % 2) ||
	    !codec_speech(e->codec))
		return ERR_VALUE;

	size_t octets = codec_octets(e->codec, (uint32_t)ticks);
	return octets > cap ? ERR_LIMIT : (int)octets;
}

/* Samples that n octets give, or an error. */
static int dec_size(const struct codec_dec *d, size_t n, size_t cap)
{
	uint32_t ticks = codec_ticks(d->codec, n);

	if (ticks == 0)
		return ERR_SYNTAX;

	size_t samples = d->rate == 16000 ? ticks * 2 : ticks;
	return samples > cap || ticks > CODEC_TICKS_MAX ? ERR_LIMIT : (int)samples;
}

int codec_encode(struct codec_enc *e, const int16_t *pcm, size_t n, uint8_t *out, size_t cap)
{
	int octets = enc_size(e, n, cap);

	if (octets < 0)
		return octets;
	switch (e->codec) {
	case CODEC_PCMA:
		g711_a_encode(pcm, n, out);
		break;
	case CODEC_PCMU:
		g711_u_encode(pcm, n, out);
		break;
	case CODEC_G722:
		g722_enc_run(&e->u.g722, pcm, (size_t)octets, out);
		break;
	case CODEC_L16:
		for (size_t i = 0; i < n; i++) {
			out[2 * i] = (uint8_t)((uint16_t)pcm[i] >> 8);
			out[2 * i + 1] = (uint8_t)pcm[i];
		}
		break;
	default: {
		uint8_t code[CODEC_TICKS_MAX];
		for (size_t i = 0; i < n; i++)
			code[i] = g726_enc(&e->u.g726, pcm[i]);
		g726_pack(code, n, prop(e->codec)->g726, prop(e->codec)->aal2, out);
		break;
	}
	}
	return octets;
}

int codec_decode(struct codec_dec *d, const uint8_t *in, size_t n, int16_t *pcm, size_t cap)
{
	int samples = dec_size(d, n, cap);

	if (samples < 0)
		return samples;
	switch (d->codec) {
	case CODEC_PCMA:
		g711_a_decode(in, n, pcm);
		break;
	case CODEC_PCMU:
		g711_u_decode(in, n, pcm);
		break;
	case CODEC_G722:
		g722_dec_run(&d->u.g722, in, n, pcm);
		break;
	case CODEC_L16:
		for (size_t i = 0; i < (size_t)samples; i++)
			pcm[i] = (int16_t)(in[2 * i] << 8 | in[2 * i + 1]);
		break;
	default: {
		uint8_t code[CODEC_TICKS_MAX];
		g726_unpack(in, (size_t)samples, prop(d->codec)->g726, prop(d->codec)->aal2, code);
		for (size_t i = 0; i < (size_t)samples; i++)
			pcm[i] = g726_dec(&d->u.g726, code[i], (enum g726_law)d->law);
		break;
	}
	}
	return samples;
}

/* Jobs that may share a vector: same direction, rate, law and number of samples. -1: runs alone. */
static int32_t lane_key(const struct codec_job *j)
{
	const struct codec_prop *p = prop(j->enc ? j->enc->codec : j->dec->codec);

	if (!p->g726)
		return -1;

	int n = j->enc ? enc_size(j->enc, j->pcm_n, j->octet_n) < 0 ? -1 : (int)j->pcm_n
	               : dec_size(j->dec, j->octet_n, j->pcm_n);
	if (n <= 0)
		return -1;
	return n << 8 | p->g726 << 4 | (j->enc ? 8 : j->dec->law);
}

static void run_lanes(enum g726_isa isa, struct codec_job **job, unsigned n, int32_t key)
{
	uint8_t code[G726_LANES][CODEC_TICKS_MAX];
	struct g726_lane lane[G726_LANES];
	size_t samples = (size_t)key >> 8;
	unsigned bits = (unsigned)key >> 4 & 15;
	bool enc = key & 8;

	for (unsigned l = 0; l < n; l++) {
		struct codec_job *j = job[l];
		lane[l] =
		    (struct g726_lane){ enc ? &j->enc->u.g726 : &j->dec->u.g726, j->pcm, code[l] };
		if (!enc)
			g726_unpack(j->octet, samples, bits, prop(j->dec->codec)->aal2, code[l]);
	}
	if (enc)
		g726_lanes_enc(isa, bits, lane, n, samples);
	else
		g726_lanes_dec(isa, bits, (enum g726_law)(key & 7), lane, n, samples);
	for (unsigned l = 0; l < n; l++) {
		struct codec_job *j = job[l];
		j->res = (int)samples;
		if (enc) {
			g726_pack(code[l], samples, bits, prop(j->enc->codec)->aal2, j->octet);
			j->res = (int)codec_octets(j->enc->codec, (uint32_t)samples);
		}
	}
}

static void run_one(struct codec_job *j)
{
	j->res = j->enc ? codec_encode(j->enc, j->pcm, j->pcm_n, j->octet, j->octet_n)
	                : codec_decode(j->dec, j->octet, j->octet_n, j->pcm, j->pcm_n);
}

/* A vector costs as much as about two single runs, however many of its lanes are in use. */
#define LANES_WORTH 3

void codec_run(struct codec_job *jobs, size_t n)
{
	/* Kinds that are collecting lanes. More kinds than this in one tick only make fuller use of scalar code. */
	enum { KINDS = 8 };
	struct {
		int32_t key;
		unsigned n;
		struct codec_job *job[G726_LANES];
	} kind[KINDS] = { 0 };
	enum g726_isa isa = g726_isa_best();

	for (size_t i = 0; i < n; i++) {
		int32_t key = isa == G726_SCALAR ? -1 : lane_key(&jobs[i]);
		unsigned k = 0;
		while (key > 0 && k < KINDS && kind[k].key && kind[k].key != key)
			k++;
		if (key <= 0 || k == KINDS) {
			run_one(&jobs[i]);
			continue;
		}
		kind[k].key = key;
		kind[k].job[kind[k].n++] = &jobs[i];
		if (kind[k].n == G726_LANES) {
			run_lanes(isa, kind[k].job, kind[k].n, key);
			kind[k].n = 0;
		}
	}
	for (unsigned k = 0; k < KINDS; k++) {
		if (kind[k].n >= LANES_WORTH) {
			run_lanes(isa, kind[k].job, kind[k].n, kind[k].key);
			continue;
		}
		for (unsigned l = 0; l < kind[k].n; l++)
			run_one(kind[k].job[l]);
	}
	for (size_t i = 0; i < n; i++)
		if (jobs[i].tell)
			*jobs[i].tell = jobs[i].res;
}

const char *codec_run_name(void)
{
	return g726_isa_name(g726_isa_best());
}

bool codec_direct(enum codec from, enum codec to)
{
	const struct codec_prop *f = prop(from), *t = prop(to);

	if (!f->bits || !t->bits)
		return false;
	return from == to || (f->g726 && f->g726 == t->g726) ||
	       (from == CODEC_PCMA && to == CODEC_PCMU) || (from == CODEC_PCMU && to == CODEC_PCMA);
}

int codec_bridge(enum codec from, enum codec to, const uint8_t *in, size_t n, uint8_t *out)
{
	uint32_t ticks = codec_ticks(from, n);
	const struct codec_prop *f = prop(from);

	if (!codec_direct(from, to))
		return ERR_UNSUPP;
	if (!ticks)
		return ERR_SYNTAX;
	if (from == to) {
		memmove(out, in, n);
	} else if (from == CODEC_PCMA || from == CODEC_PCMU) {
		g711_map(from == CODEC_PCMA ? g711_a2u : g711_u2a, in, n, out);
	} else if (f->g726 == 4) { /* the other packing: nibbles change places */
		for (size_t i = 0; i < n; i++)
			out[i] = (uint8_t)(in[i] << 4 | in[i] >> 4);
	} else {
		/* 8 codes at a time fill whole octets; what is left is less than that */
		uint8_t code[8];
		for (size_t at = 0; at < n; at += f->g726) {
			size_t codes = n - at >= f->g726 ? 8 : (n - at) * 8 / f->g726;
			g726_unpack(in + at, codes, f->g726, f->aal2, code);
			g726_pack(code, codes, f->g726, prop(to)->aal2, out + at);
		}
	}
	return 0;
}

uint8_t codec_silence(enum codec c)
{
	switch (c) {
	case CODEC_PCMA:
		return 0xd5;
	case CODEC_PCMU:
		return 0xff;
	case CODEC_G722:
		return 0xfa; /* the smallest step of both sub-bands */
	default:
		return 0;
	}
}
