/* The table of codecs: names, clock rates, payload types. */
#include "sipd/codec.h"

#include "common/mem.h"

/* RFC 3551 6. LYNC: 116 and 101 are what Microsoft's endpoints use for these names. */
const struct codec_def codec_defs[CODEC_N] = {
	[CODEC_NONE] = { "", 0, -1, false },
	[CODEC_PCMU] = { "PCMU", 8000, 0, true },
	[CODEC_PCMA] = { "PCMA", 8000, 8, true },
	[CODEC_G722] = { "G722", 8000, 9,
	    true }, /* 8000 by the historical error that RFC 3551 4.5.2 keeps */
	[CODEC_G726_16] = { "G726-16", 8000, 98, true },
	[CODEC_G726_24] = { "G726-24", 8000, 99, true },
	[CODEC_G726_32] = { "G726-32", 8000, 102, true },
	[CODEC_G726_40] = { "G726-40", 8000, 103, true },
	[CODEC_AAL2_G726_16] = { "AAL2-G726-16", 8000, 112, true },
	[CODEC_AAL2_G726_24] = { "AAL2-G726-24", 8000, 113, true },
	[CODEC_AAL2_G726_32] = { "AAL2-G726-32", 8000, 116, true },
	[CODEC_AAL2_G726_40] = { "AAL2-G726-40", 8000, 117, true },
	[CODEC_CN] = { "CN", 8000, 13, false },
	[CODEC_EVENT] = { "telephone-event", 8000, 101, false },
	[CODEC_L16] = { "L16", 8000, 118, true },
};

enum codec codec_find(struct slice name, uint32_t rate, uint32_t channels)
{
	if (channels > 1)
		return CODEC_NONE;
	for (int i = 1; i < CODEC_N; i++)
		if (codec_defs[i].rate == rate && slice_ieq(name, slice_str(codec_defs[i].name)))
			return (enum codec)i;
	return CODEC_NONE;
}

enum codec codec_static(unsigned pt)
{
	switch (pt) {
	case 0:
		return CODEC_PCMU;
	case 2: /* RFC 3551 took it back; the field still means G726-32 by it */
		return CODEC_G726_32;
	case 8:
		return CODEC_PCMA;
	case 9:
		return CODEC_G722;
	case 13:
		return CODEC_CN;
	default:
		return CODEC_NONE;
	}
}

int codec_list(struct slice text, uint8_t *out, size_t cap, size_t *n)
{
	struct cur c = cur_of(text);

	*n = 0;
	while (!cur_done(&c)) {
		struct slice word = slice_trim(cur_until(&c, ", \t"));
		int found = 0;

		(void)(cur_lit(&c, ',') || cur_lit(&c, ' ') || cur_lit(&c, '\t'));
		if (word.n == 0)
			continue;
		for (int i = 1; i < CODEC_N; i++)
			if (slice_ieq(word, slice_str(codec_defs[i].name)))
				found = i;
		if (!found)
			return ERR_VALUE;
		if (*n == cap)
			return ERR_LIMIT;
		out[(*n)++] = (uint8_t)found;
	}
	return 0;
}
